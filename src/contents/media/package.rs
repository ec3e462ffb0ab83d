//! What a ZIP archive is: an archive, an Office document (ISO/IEC 29500) or an OpenDocument (ISO/IEC 26300).
use std::io::{Read, Seek};

use estafette_actors::domain::mailbox::media::MediaType;
use quick_xml::Reader;
use quick_xml::events::Event;

use super::Unsound;
use super::archive::{Bounds, Survey, survey};

const TYPES: &str = "[Content_Types].xml";
const RELATIONS: &[u8] = b"_rels/.rels";
const MIMETYPE: &str = "mimetype";
const MANIFEST: &[u8] = b"META-INF/manifest.xml";
/// Content types of main parts: of documents, of their templates, and of those with macros.
const MAIN: [(&str, MediaType); 2] = [
    ("application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml", MediaType::Docx),
    ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml", MediaType::Xlsx),
];

/// Whether it is what it is declared as.
pub fn verify<R: Read + Seek>(declared: MediaType, source: &mut R, size: u64, bounds: &Bounds) -> Result<(), Unsound> {
    let found = survey(source, size, bounds, &[TYPES, MIMETYPE])?;
    match declared {
        MediaType::Docx | MediaType::Xlsx => office(declared, &found),
        MediaType::Odt | MediaType::Ods | MediaType::Odp | MediaType::Odg => open_document(declared, &found),
        _ => Ok(()),
    }
}

fn office(declared: MediaType, found: &Survey) -> Result<(), Unsound> {
    let not_that = |why| Err(Unsound::NotThat { declared, why });
    let Some(types) = found.wanted.get(TYPES) else {
        return match opened(found) {
            Some(other) => Err(Unsound::Other { declared, found: other.as_str() }),
            None => not_that("it is an archive without the parts of an Office document"),
        };
    };
    if !found.names.contains(RELATIONS) {
        return not_that("its relations are missing");
    }
    let Some(parts) = overrides(types) else { return not_that("its list of content types can't be read") };
    let has_macros = parts.iter().any(|(_, kind)| {
        let kind = kind.to_ascii_lowercase();
        kind.contains("macroenabled") || kind.contains("vbaproject")
    }) || found.names.iter().any(|name| name.to_ascii_lowercase().ends_with(b"vbaproject.bin"));
    if has_macros {
        return not_that("it has macros: save it without");
    }
    let main = parts.iter().find_map(|(part, kind)| {
        let known = MAIN.iter().find(|(main, _)| main == kind)?.1;
        found.names.contains(part.trim_start_matches('/').as_bytes()).then_some(known)
    });
    match main {
        Some(main) if main == declared => Ok(()),
        Some(other) => Err(Unsound::Other { declared, found: other.as_str() }),
        None => not_that("its main part is of another program, or missing"),
    }
}

/// Parts and their content types; none when that is no XML.
fn overrides(types: &[u8]) -> Option<Vec<(String, String)>> {
    let mut reader = Reader::from_str(std::str::from_utf8(types).ok()?);
    let mut parts = Vec::new();
    loop {
        match reader.read_event().ok()? {
            Event::Eof => return Some(parts),
            Event::DocType(_) => return None,
            Event::Start(element) | Event::Empty(element) if element.local_name().as_ref() == "Override" => {
                let text = |name: &str| Some(element.try_get_attribute(name).ok().flatten()?.value.into_owned());
                parts.push((text("PartName")?, text("ContentType")?));
            }
            _ => {}
        }
    }
}

/// Which OpenDocument it says it is.
fn opened(found: &Survey) -> Option<MediaType> {
    let told = found.wanted.get(MIMETYPE)?.trim_ascii();
    MediaType::ALL.into_iter().find(|known| known.as_str().as_bytes() == told)
}

fn open_document(declared: MediaType, found: &Survey) -> Result<(), Unsound> {
    let not_that = |why| Err(Unsound::NotThat { declared, why });
    match opened(found) {
        Some(kind) if kind == declared => {}
        Some(other) => return Err(Unsound::Other { declared, found: other.as_str() }),
        None => return not_that("its file `mimetype` is missing, or says something else"),
    }
    let has = |name: &[u8]| found.names.contains(name);
    if found.first != MIMETYPE.as_bytes() || !has(MANIFEST) || !(has(b"content.xml") || has(b"styles.xml")) {
        return not_that("parts of an OpenDocument are missing, or `mimetype` is not its first file");
    }
    Ok(())
}
