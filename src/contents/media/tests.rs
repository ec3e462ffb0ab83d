//! Small files of each kind, made here, against each media type.
use std::io::{Cursor, Write};

use bytes::Bytes;
use proptest::prelude::*;

use super::archive::packing::{Packed, file, pack};
use super::*;
use crate::contents::{Place, Settings, Store};

fn ole(streams: &[&str]) -> Vec<u8> {
    let mut compound = cfb::CompoundFile::create(Cursor::new(Vec::new())).unwrap();
    for stream in streams {
        if let Some((storage, _)) = stream.rsplit_once('/') {
            compound.create_storage_all(storage).unwrap();
        }
        compound.create_stream(stream).unwrap().write_all(&[7; 9_000]).unwrap();
    }
    compound.flush().unwrap();
    compound.into_inner().into_inner()
}

const WORD: &str = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml";
const EXCEL: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml";
const WITH_MACROS: &str = "application/vnd.ms-word.document.macroEnabled.main+xml";

fn office(part: &str, main: &str, more: &[Packed<'_>]) -> Vec<u8> {
    let types = format!(
        r#"<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="xml" ContentType="application/xml"/><Override PartName="/{part}" ContentType="{main}"/></Types>"#
    );
    let own = [file("[Content_Types].xml", types.as_bytes()), file("_rels/.rels", b"<x/>"), file(part, b"<x/>")];
    pack(&[&own, more].concat())
}

fn open_document(media_type: MediaType) -> Vec<u8> {
    let mimetype = Packed { is_stored: true, ..file("mimetype", media_type.as_str().as_bytes()) };
    pack(&[mimetype, file("content.xml", b"<x/>"), file("META-INF/manifest.xml", b"<x/>")])
}

/// A file of each kind, with the media types as which it passes.
fn good() -> Vec<(Vec<u8>, Vec<MediaType>)> {
    use MediaType::*;
    let text = |text: &str| text.as_bytes().to_vec();
    let behind = [&b"\n% made by a printer\n".repeat(40)[..], b"%PDF-1.4\n"].concat();
    vec![
        (text("%PDF-1.7\n%\u{e2}\u{e3}\n1 0 obj"), vec![Pdf]),
        (behind, vec![Pdf, Plain, Csv]),
        (text("name;amount\r\nMaes;12,50\r\n"), vec![Plain, Csv]),
        (b"nom;montant\r\nL\xe9onard;12 \x80\r\n".to_vec(), vec![Plain, Csv]),
        (text("\u{feff}<!-- x -->\n<!DOCTYPE html><html><p>Bonjour"), vec![Html]),
        (text("<p>Bonjour</p>"), vec![Html, Xml]),
        (
            text("<?xml version=\"1.0\"?>\n<!-- a -->\n<!DOCTYPE invoice SYSTEM \"x.dtd\"><invoice/>"),
            vec![Xml, Plain, Csv],
        ),
        (
            b"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><!-- \xe9t\xe9 --><facture/>".to_vec(),
            vec![Xml, Plain, Csv],
        ),
        (ole(&["/WordDocument", "/1Table", "/ObjectPool/_1/Workbook"]), vec![Doc]),
        (ole(&["/Workbook", "/SummaryInformation"]), vec![Xls]),
        (ole(&["/Book"]), vec![Xls]),
        (ole(&["/Current User", "/PowerPoint Document", "/Pictures"]), vec![Ppt]),
        (pack(&[file("a.txt", b"hello")]), vec![Zip]),
        (office("word/document.xml", WORD, &[file("word/media/image1.png", b"\x89PNG")]), vec![Docx, Zip]),
        (office("xl/workbook.xml", EXCEL, &[]), vec![Xlsx, Zip]),
        (open_document(Odt), vec![Odt, Zip]),
        (open_document(Ods), vec![Ods, Zip]),
        (open_document(Odp), vec![Odp, Zip]),
        (open_document(Odg), vec![Odg, Zip]),
    ]
}

struct Looking {
    _folder: tempfile::TempDir,
    store: Store,
    inspector: Inspector,
}

impl Looking {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::Folder { path: folder.path().to_path_buf(), keep_free: 0 };
        let store = Store::open(Settings::new(place)).unwrap();
        let inspector = Inspector::new(Arc::new(store.clone()), archive::Bounds::default(), 2);
        Self { _folder: folder, store, inspector }
    }

    /// As a face does it: in pieces, watched on their way.
    async fn taken(&self, bytes: &[u8]) -> (Seen, Kept) {
        let pieces: Vec<_> = bytes.chunks(700).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        let (incoming, watch) = watch(futures_util::stream::iter(pieces).boxed());
        let kept = self.store.take(incoming, 1 << 30).await.unwrap();
        (watch.seen(), kept)
    }
}

#[tokio::test]
async fn each_kind_of_file_passes_as_what_it_is_and_as_nothing_else() {
    let looking = Looking::new();
    for (place, (bytes, passes)) in good().into_iter().enumerate() {
        let (seen, kept) = looking.taken(&bytes).await;
        for declared in MediaType::ALL {
            let verified = looking.inspector.verify(declared, &seen, &kept).await;
            assert_eq!(verified.is_ok(), passes.contains(&declared), "{place} as {declared:?}: {verified:?}");
        }
    }
}

#[test]
fn xml_may_begin_late_and_no_longer_document_type_is_looked_through() {
    let late = |what: &str| Seen::of(format!("<!-- {} -->{what}<invoice/>", "x".repeat(HEAD)).as_bytes());
    assert!(begins_as(MediaType::Xml, &late("")).is_ok());
    assert!(begins_as(MediaType::Xml, &Seen::of(&b"Bonjour ".repeat(600))).is_err());
    let long = format!("<!DOCTYPE a [{}]><a/>", "<!ELEMENT a ANY>".repeat(300));
    assert!(begins_as(MediaType::Xml, &Seen::of(long.as_bytes())).unwrap_err().to_string().contains("too long"));
}

#[tokio::test]
async fn what_is_refused_says_what_it_is() {
    let looking = Looking::new();
    let zip = |files: &[Packed<'_>]| pack(files);
    let macros = office("word/document.xml", WORD, &[file("word/vbaProject.bin", b"x")]);
    let not_first = zip(&[
        file("content.xml", b"<x/>"),
        file("META-INF/manifest.xml", b"<x/>"),
        file("mimetype", MediaType::Odt.as_str().as_bytes()),
    ]);
    for (declared, bytes, told) in [
        (MediaType::Pdf, b"".to_vec(), "it is empty"),
        (MediaType::Pdf, b"\x89PNG\r\n\x1a\n1234".to_vec(), "is image/png"),
        (MediaType::Pdf, b"%PDF-x.y".to_vec(), "first 1,024 bytes"),
        (MediaType::Pdf, [&b"PK\x03\x04"[..], b"%PDF-1.7"].concat(), "is application/zip"),
        (MediaType::Pdf, b"<html><script>1</script>%PDF-1.7".to_vec(), "is text/html"),
        (
            MediaType::Pdf,
            [&b"MZ\0\0"[..], &[0; 60], b"%PDF-1.7"].concat(),
            "is application/vnd.microsoft.portable-executable",
        ),
        (MediaType::Pdf, [&[b'\n'; 1_024][..], b"%PDF-1.7"].concat(), "first 1,024 bytes"),
        (MediaType::Plain, b"a\0b".to_vec(), "control characters"),
        (MediaType::Plain, b"{\\rtf1 x}".to_vec(), "is application/rtf"),
        (MediaType::Csv, b"<HTML><body>".to_vec(), "is text/html"),
        (MediaType::Html, b"Bonjour".to_vec(), "no element of HTML"),
        (MediaType::Xml, b"Bonjour <b>vous</b>".to_vec(), "no element of XML"),
        (MediaType::Xml, b"<x:html xmlns:x='http://www.w3.org/1999/xhtml'/>".to_vec(), "is text/html"),
        (MediaType::Xml, b"<!DOCTYPE a [<!ENTITY b \"bbbb\">]><a>&b;</a>".to_vec(), "entities of its own"),
        (MediaType::Doc, ole(&["/EncryptedPackage"]), "is an encrypted Office document"),
        (MediaType::Doc, ole(&["/ObjectPool/WordDocument"]), "of another program"),
        (MediaType::Doc, ole(&["/WordDocument"])[..700].to_vec(), "damaged"),
        (
            MediaType::Docx,
            office("word/document.xml", EXCEL, &[]),
            "is application/vnd.openxmlformats-officedocument.spreadsheetml",
        ),
        (MediaType::Docx, office("word/document.xml", WITH_MACROS, &[]), "has macros"),
        (MediaType::Docx, macros, "has macros"),
        (MediaType::Docx, zip(&[file("word/document.xml", b"<x/>")]), "without the parts"),
        (MediaType::Docx, open_document(MediaType::Odt), "is application/vnd.oasis.opendocument.text"),
        (MediaType::Odt, not_first, "not its first file"),
        (MediaType::Odt, zip(&[file("mimetype", b"application/epub+zip")]), "says something else"),
        (MediaType::Zip, zip(&[file("../a", b"x")]), "leads out of the folder"),
    ] {
        let (seen, kept) = looking.taken(&bytes).await;
        let refused = looking.inspector.verify(declared, &seen, &kept).await.unwrap_err().to_string();
        assert!(refused.contains(told), "{declared:?}: {refused}");
    }
}

#[tokio::test]
async fn a_content_that_is_gone_meanwhile_is_not_blamed_on_its_sender() {
    let looking = Looking::new();
    for bytes in [pack(&[file("a", b"x")]), ole(&["/Workbook"])] {
        let (seen, kept) = looking.taken(&bytes).await;
        looking.store.remove(vec![kept.name.clone()]).await.unwrap();
        let declared = if bytes.starts_with(b"PK") { MediaType::Zip } else { MediaType::Xls };
        let verified = looking.inspector.verify(declared, &seen, &kept).await;
        assert_eq!(verified, Err(Unsound::Contents(ContentTrouble::Gone)));
    }
}

#[tokio::test]
async fn a_large_compound_file_is_found_by_the_chain_of_its_table() {
    let mut compound = cfb::CompoundFile::create_with_version(cfb::Version::V3, Cursor::new(Vec::new())).unwrap();
    // 109 sectors of the table reach to 7,143,424 bytes.
    compound.create_stream("/Pictures").unwrap().write_all(&vec![1; 8 << 20]).unwrap();
    compound.create_stream("/PowerPoint Document").unwrap().write_all(&[2; 5_000]).unwrap();
    for number in 0..40 {
        compound.create_stream(format!("/behind {number}")).unwrap().write_all(&[3; 5_000]).unwrap();
    }
    compound.flush().unwrap();
    let looking = Looking::new();
    let (seen, kept) = looking.taken(&compound.into_inner().into_inner()).await;
    assert_eq!(looking.inspector.verify(MediaType::Ppt, &seen, &kept).await, Ok(()));
    assert!(looking.inspector.verify(MediaType::Doc, &seen, &kept).await.is_err());
}

fn look(declared: MediaType, bytes: &[u8]) -> Result<(), Unsound> {
    let (mut reading, size) = (Cursor::new(bytes), bytes.len() as u64);
    match looked_at(declared, &Seen::of(bytes))? {
        Deeper::Nothing => Ok(()),
        Deeper::Compound => ole::verify(declared, &mut reading, size),
        Deeper::Archive => package::verify(declared, &mut reading, size, &archive::Bounds::default()),
    }
}

proptest! {
    #[test]
    fn rubbish_is_nothing(rubbish in proptest::collection::vec(any::<u8>(), 64..3_000), magic in 0_usize..4) {
        let magic = [&b""[..], &ole::MAGIC, &archive::MAGIC, b"\0"][magic];
        let bytes = [magic, &rubbish].concat();
        for declared in MediaType::ALL {
            prop_assert!(look(declared, &bytes).is_err(), "{declared:?}");
        }
    }

    #[test]
    fn a_file_with_a_changed_byte_breaks_nothing(which in 0_usize..19, place in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let (mut bytes, passes) = good().swap_remove(which);
        let place = place.index(bytes.len());
        bytes[place] = byte;
        for declared in MediaType::ALL {
            // A digit of a PDF's version may change it into nothing; an archive is never another kind of Office file.
            let passed = look(declared, &bytes).is_ok();
            let is_office = !matches!(declared, MediaType::Pdf | MediaType::Plain | MediaType::Csv | MediaType::Html | MediaType::Xml);
            prop_assert!(!passed || !is_office || passes.contains(&declared), "{declared:?}");
        }
    }
}
