use proptest::prelude::*;

use super::*;

/// A name with its namespace before it.
fn full(name: &Name) -> String {
    name.space.iter().map(|space| ["{", space, "}"].concat()).chain([name.local.to_string()]).collect()
}

/// All of a document, as pieces in one line.
fn read(bytes: &[u8]) -> Result<String, At<Error>> {
    let mut reader = Reader::new(bytes)?;
    let mut all = vec![];
    loop {
        match reader.next()? {
            Token::Open(tag) => {
                let attributes = tag.attributes.iter().map(|(name, value)| [" ", &full(name), "=", value].concat());
                all.push(["<", &full(&tag.name), &attributes.collect::<String>(), ">"].concat());
            }
            Token::Close => all.push("</>".to_owned()),
            Token::Text(text) => all.push(text.into_owned()),
            Token::End => return Ok(all.concat()),
        }
    }
}

fn error(text: &str) -> Error {
    read(text.as_bytes()).unwrap_err().error
}

#[test]
fn a_document_is_read_with_its_namespaces_references_and_sections() {
    let text = "\u{FEFF}<?xml version='1.0' encoding='UTF-8'?>\n<!-- a --><a xmlns='urn:a' xmlns:b=\"urn:b\" b:c='&lt;&#65;'>\
        x&amp;&#x42;<![CDATA[<&]]><b:d/><e xmlns=''/>\r\n</a>\n";
    assert_eq!(read(text.as_bytes()).unwrap(), "<{urn:a}a {urn:b}c=<A>x&B<&<{urn:b}d></><e></>\n</>");
}

#[test]
fn no_document_type_and_no_entity_is_read_however_it_is_written() {
    for text in [
        "<!DOCTYPE a><a/>",
        "<!doctype a><a/>",
        "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>",
        "<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>",
        "<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b SYSTEM 'http://127.0.0.1/'>]><a/>",
        "<!DOCTYPE a [",
    ] {
        assert_eq!(error(text), Error::DocumentType, "{text}");
    }
    for text in ["<a>&b;</a>", "<a>&nbsp;</a>", "<a b='&c;'/>"] {
        assert_eq!(error(text), Error::Entity, "{text}");
    }
    let laughs: String = (1..10)
        .map(|it| ["<!ENTITY l", &it.to_string(), " \"", &format!("&l{};", it - 1).repeat(10), "\">"].concat())
        .collect();
    assert_eq!(error(&format!("<!DOCTYPE l [<!ENTITY l0 \"ha\">{laughs}]><l>&l9;</l>")), Error::DocumentType);
}

#[test]
fn what_is_not_well_formed_is_refused() {
    for text in [
        "",
        " ",
        "a",
        "<a>",
        "<a></b>",
        "</a>",
        "<a/><b/>",
        "<a/>x",
        "x<a/>",
        "<a><b></a></b>",
        "<a b='1' b='2'/>",
        "<a b=1/>",
        "<a b='1'c='2'/>",
        "<a b/>",
        "<a b='<'/>",
        "<a>&</a>",
        "<a>& b</a>",
        "<a>]]></a>",
        "<a><!-- -- --></a>",
        "<a:b/>",
        "<a b:c='1'/>",
        "<1a/>",
        "<a 1b='1'/>",
        "<a:b:c xmlns:a='d'/>",
        "< a/>",
        "<a",
        "<a><![CDATA[</a>",
        "<a><!-- </a>",
        "<a xmlns:b=''/>",
        "<a xmlns:xml='urn:b'/>",
        "<a xmlns:xmlns='urn:b'/>",
        "<a>&#0;</a>",
        "<a>&#xFFFE;</a>",
        "<a b='&#1;'/>",
        "<a>\u{1}</a>",
        "<a xmlns:b='u' xmlns:c='u' b:d='1' c:d='2'/>",
        "<a/>&amp;",
        " <?xml version='1.0'?><a/>",
        "<a><?xml version='1.0'?></a>",
    ] {
        assert!(matches!(error(text), Error::Malformed(_)), "{text:?}: {:?}", error(text));
    }
    assert_eq!(error("<a><?php echo ?></a>"), Error::Instruction);
    assert_eq!(error("<?xml version='1.1'?><a/>"), Error::Version);
}

#[test]
fn another_encoding_than_utf_8_is_refused_and_named() {
    let wide = |big: bool| -> Vec<u8> {
        let units = "\u{FEFF}<?xml version='1.0' encoding='UTF-16'?><a/>".encode_utf16();
        units.flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
    };
    for bytes in [&wide(true)[..], &wide(false), &wide(true)[2..], &wide(false)[2..]] {
        assert_eq!(read(bytes).unwrap_err().error, Error::Wide);
    }
    for bytes in [&b"<a>\xE9</a>"[..], b"<?xml version='1.0' encoding='ISO-8859-1'?><a/>", b"<a>\xC0\x80</a>"] {
        assert_eq!(read(bytes).unwrap_err().error, Error::Encoding);
    }
}

#[test]
fn depth_attributes_namespaces_and_names_are_bounded() {
    let nested = |depth: usize| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
    assert!(read(nested(DEPTH).as_bytes()).is_ok());
    assert_eq!(error(&nested(DEPTH + 1)), Error::Depth);
    assert_eq!(error(&"<a>".repeat(80_000)), Error::Depth);
    let many = |what: &str| {
        (0..=ATTRIBUTES)
            .map(|it| [" ", what, &it.to_string(), "='u", &it.to_string(), "'"].concat())
            .collect::<String>()
    };
    assert_eq!(error(&format!("<a{}/>", many("b"))), Error::Names);
    assert_eq!(error(&format!("<a{}/>", many("xmlns:b"))), Error::Names);
    let declaring: String = (0..10)
        .map(|deep| ["<a", many(&format!("xmlns:b{deep}x")).rsplit_once(' ').unwrap().0, ">"].concat())
        .collect();
    assert_eq!(error(&declaring), Error::Names);
    for text in [
        format!("<{}/>", "a".repeat(300)),
        format!("<a b='{}'/>", "c".repeat(3000)),
        format!("<a xmlns='{}'/>", "d".repeat(300)),
    ] {
        assert_eq!(error(&text), Error::Names);
    }
}

#[test]
fn the_line_of_a_mistake_is_told() {
    assert_eq!(read(b"<a>\n\n<b>\n</c></a>").unwrap_err().line, 4);
    assert_eq!(read(b"<a>\n\xFF</a>").unwrap_err().line, 2);
}

/// Pieces from which documents are made that come near to being read.
fn nearly() -> impl Strategy<Value = String> {
    let pieces = [
        "<a>",
        "</a>",
        "<b/>",
        "<a xmlns='urn:a'>",
        "<p:c xmlns:p='urn:p' p:d='&amp;'>",
        "</p:c>",
        "&lt;",
        "&#65;",
        "&x;",
        "&",
        "<",
        ">",
        "]]>",
        "<![CDATA[",
        "<!--",
        "-->",
        "<?xml version='1.0'?>",
        "<!DOCTYPE a [",
        "]",
        "'",
        "\"",
        "=",
        "\u{0}",
        "é",
        "\n",
        "/>",
        "<?",
        "?>",
        "xmlns",
        ":",
        "text",
        " ",
    ];
    proptest::collection::vec(proptest::sample::select(pieces.to_vec()), 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]
    #[test]
    fn no_bytes_make_the_reader_panic_and_no_error_repeats_them(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&bytes);
    }

    #[test]
    fn nothing_that_is_nearly_xml_makes_the_reader_panic_or_gives_more_than_it_has(text in nearly()) {
        if let Ok(all) = read(text.as_bytes()) {
            // Each name is written once more where it has a namespace, and nothing else grows.
            prop_assert!(all.len() <= 8 * text.len() + 64);
        }
    }
}
