use proptest::prelude::*;

use super::*;

const HEAD: &str = "<informationCustomer><customerIdentification><cbeNumber>0403019261</cbeNumber></customerIdentification>\
    </informationCustomer><legalContext>law</legalContext>";

fn enveloped(operation: &str, inside: &str) -> String {
    format!(
        "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body><r:{operation} \
         xmlns:r=\"urn:estafette:register:v1\">{HEAD}{inside}</r:{operation}></s:Body></s:Envelope>"
    )
}

fn read(text: &str) -> Result<Call, Fault> {
    envelope::read(text.as_bytes(), &mut None)
}

/// The reason of a fault, where it is and what it says.
fn refused(text: &str) -> (&'static str, String, String) {
    let fault = read(text).unwrap_err();
    (fault.reason, fault.place.map(|place| place.path).unwrap_or_default(), fault.diagnostic)
}

const INSCRIBE: &str =
    "<ssin>85073003328</ssin><dossierType>pension</dossierType><period><beginDate>2026-01-01</beginDate></period>";

#[test]
fn each_operation_is_read_with_what_it_must_have_and_with_all_that_it_may_have() {
    let person =
        "<lastName>P</lastName><firstName>A B</firstName><birthDate>1985-00-00</birthDate><gender>MALE</gender>";
    let period = "<period><beginDate>2026-01-01</beginDate><endDate>2026-12-31</endDate></period>";
    let both = "<ssin>85073003328</ssin><dossierType>A-1</dossierType>";
    for (operation, inside) in [
        ("Inscribe", INSCRIBE.to_owned()),
        ("Inscribe", format!("{both}{period}<person>{person}</person>")),
        ("Inscribe", format!("{both}{period}<person/>")),
        ("Remove", both.to_owned()),
        ("Remove", format!("{both}{period}")),
        ("Consult", String::new()),
        (
            "Consult",
            format!(
                "<register><cbeNumber>0206731645</cbeNumber></register>{both}{period}<after>abc</after><limit>1000</limit>"
            ),
        ),
        ("SearchPerson", "<person><lastName>P</lastName></person>".to_owned()),
        ("SearchPerson", format!("<person>{person}</person><birthYears>2</birthYears><limit>5</limit>")),
        ("CreatePerson", "<person><lastName>P</lastName><birthDate>1985-07-00</birthDate></person>".to_owned()),
        (
            "CreatePerson",
            format!(
                "<person>{person}<language>NL</language><deceasedDate>2020-01-01</deceasedDate></person><althoughAlike>1</althoughAlike>"
            ),
        ),
        ("UpdatePerson", "<ssin>85473003317</ssin><person/>".to_owned()),
        (
            "UpdatePerson",
            format!("<ssin>85473003317</ssin><person>{person}<deceasedDate>2020-01-01</deceasedDate></person>"),
        ),
        ("FetchMutations", String::new()),
        ("FetchMutations", "<sequence>+7</sequence>".to_owned()),
        ("ConfirmMutations", "<sequence> 7\n</sequence>".to_owned()),
    ] {
        let call =
            read(&enveloped(operation, &inside)).unwrap_or_else(|fault| panic!("{operation} {inside}: {fault:?}"));
        assert_eq!(call.operation.as_str(), operation);
        assert_eq!((&*call.customer.cbe_number, &*call.legal_context), ("0403019261", "law"));
    }
}

#[test]
fn what_the_schema_does_not_take_is_a_fault_at_its_place() {
    let at = |inside: &str, path: &str, says: &str| {
        let (reason, place, diagnostic) = refused(&enveloped("Inscribe", inside));
        assert_eq!(
            (reason, place.as_str()),
            ("INVALID_CONTENT", format!("/Envelope/Body/Inscribe{path}").as_str()),
            "{inside}"
        );
        assert!(diagnostic.contains(says), "{diagnostic}");
    };
    at("", "", "too early: the schema expects `ssin`");
    at("<dossierType>A</dossierType><ssin>85073003328</ssin>", "", "expects `ssin`");
    at("<ssin>85073003328</ssin><dossierType>A</dossierType>", "", "expects `period`");
    at("<ssin>8507300332</ssin>", "/ssin", "`ssin` takes 11 digits");
    at("<ssin>85.07.30-033.28</ssin>", "/ssin", "takes 11 digits");
    at("<ssin/>", "/ssin", "takes 11 digits");
    at("<ssin><x/></ssin>", "/ssin", "only a value belongs");
    at("<ssin>85073003328</ssin><dossierType>a b</dossierType>", "/dossierType", "A-Z");
    at(&INSCRIBE.replace("2026-01-01", "2026-02-30"), "/period/beginDate", "a day of the calendar");
    at(&INSCRIBE.replace("<period>", "<period>x"), "/period", "only elements belong");
    at(
        &INSCRIBE.replace("<beginDate>2026-01-01</beginDate>", "<endDate>2026-01-01</endDate>"),
        "/period",
        "expects `beginDate`",
    );
    at(
        &INSCRIBE.replace("</beginDate>", "</beginDate><beginDate>2026-01-01</beginDate>"),
        "/period",
        "expects `endDate`",
    );
    at(&format!("{INSCRIBE}<other/>"), "", "expects `person`");
    at(
        &format!("{INSCRIBE}<person><firstName>A</firstName><lastName>B</lastName></person>"),
        "/person",
        "expects `birthDate` or `gender`",
    );
    at(&format!("{INSCRIBE}<person><gender>X</gender></person>"), "/person/gender", "FEMALE or MALE");
    at(&format!("{INSCRIBE}<person><lastName>{}</lastName></person>", "x".repeat(151)), "/person/lastName", "1 to 150");
    at(&format!("{INSCRIBE}<person><lastName>{}</lastName></person>", "x".repeat(9_000)), "/person/lastName", "longer");
    at(&INSCRIBE.replace("<ssin>", "<ssin a='1'>"), "/ssin", "attribute");
}

#[test]
fn a_fault_repeats_nothing_that_was_sent() {
    for inside in [
        "<ssin>secret85</ssin>",
        "<secret85/>",
        "<x>secret85</x>",
        "secret85",
        "<ssin secret85='1'/>",
        "<ssin>&secret85;</ssin>",
        "<ssin></secret85>",
    ] {
        let (_, place, diagnostic) = refused(&enveloped("Inscribe", inside));
        assert!(!format!("{place}{diagnostic}").contains("secret85"), "{diagnostic}");
    }
    assert!(!refused("<secret85/>").2.contains("secret85"));
}

#[test]
fn another_namespace_is_refused_with_the_one_expected() {
    let (reason, _, says) = refused(&enveloped("Inscribe", "").replace("urn:estafette:register:v1", "urn:other"));
    assert_eq!(reason, "WRONG_NAMESPACE");
    assert!(says.contains("urn:estafette:register:v1"), "{says}");
    let default = enveloped("Inscribe", INSCRIBE)
        .replace("<r:Inscribe xmlns:r", "<Inscribe xmlns")
        .replace("/r:Inscribe", "/Inscribe");
    let (reason, _, says) = refused(&default);
    assert_eq!(reason, "WRONG_NAMESPACE");
    assert!(says.contains("`informationCustomer` belongs to no namespace"), "{says}");
    assert_eq!(refused(&enveloped("Insert", "")).0, "UNKNOWN_OPERATION");
}

#[test]
fn types_given_in_the_document_are_taken_when_they_are_those_of_the_schema_and_nothing_may_be_nil() {
    let typed = |of: &str| {
        let with = format!(
            "<ssin xmlns:i='http://www.w3.org/2001/XMLSchema-instance' xmlns:c='urn:estafette:common:v1' {of}>"
        );
        read(&enveloped("Inscribe", &INSCRIBE.replace("<ssin>", &with)))
    };
    assert!(typed("i:type='c:SsinType'").is_ok());
    assert!(typed("i:schemaLocation='urn:a b'").is_ok());
    for wrong in [
        "i:type='c:NameType'",
        "i:type='SsinType'",
        "i:type='x:SsinType'",
        "i:type=''",
        "i:nil='true'",
        "i:nil='false'",
        "i:other='1'",
    ] {
        assert_eq!(typed(wrong).unwrap_err().reason, "INVALID_CONTENT", "{wrong}");
    }
}

#[test]
fn the_envelope_is_held_to_soap_1_1() {
    let good = enveloped("FetchMutations", "");
    let header = |inside: &str| {
        read(&good.replace("<s:Body>", &format!("<s:Header xmlns:h='urn:h'>{inside}</s:Header><s:Body>")))
            .map_err(|fault| (fault.party, fault.reason))
    };
    assert!(header("").is_ok());
    assert!(header("<h:a><b>text<c/></b></h:a><h:d s:mustUnderstand='0'/>").is_ok());
    assert!(header("<h:a s:mustUnderstand='1' s:actor='urn:another'/>").is_ok());
    assert!(header("<b/>").is_err());
    for named in ["", " s:actor=''", " s:actor='http://schemas.xmlsoap.org/soap/actor/next'"] {
        let fault = header(&format!("<h:a s:mustUnderstand='1'{named}/>")).unwrap_err();
        assert_eq!(fault, (fault::Party::MustUnderstand, "MUST_UNDERSTAND"));
    }
    let newer =
        read(&good.replace("http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope"))
            .unwrap_err();
    assert_eq!((newer.party, newer.reason), (fault::Party::VersionMismatch, "VERSION_MISMATCH"));
    assert!(read(&good.replace("<s:Body>", "<s:Body s:encodingStyle='' xmlns:u='urn:u' u:id='1'>")).is_ok());
    let twice = good.replace("</s:Body>", "<r:FetchMutations xmlns:r='urn:estafette:register:v1'/></s:Body>");
    let behind = good.replace("</s:Envelope>", "<s:Header/></s:Envelope>");
    let empty = "<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><s:Body/></s:Envelope>";
    let none = empty.replace("<s:Body/>", "");
    for wrong in [&twice, &behind, empty, &none, "<a/>", &good.replace("<s:Body>", "<s:Body a='1'>")] {
        assert_eq!(refused(wrong).0, "INVALID_CONTENT", "{wrong}");
    }
}

fn pieces() -> Vec<String> {
    let good = enveloped("Inscribe", INSCRIBE);
    let mut pieces: Vec<String> = good.split_inclusive('>').map(str::to_owned).collect();
    pieces.extend(
        [
            "<person>",
            "</person>",
            "<!--",
            "-->",
            "&lt;",
            "<![CDATA[",
            "]]>",
            "<x/>",
            "\u{0}",
            "<s:Header>",
            "</s:Header>",
            "&a;",
            "<!DOCTYPE a>",
        ]
        .map(str::to_owned),
    );
    pieces
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]
    #[test]
    fn no_envelope_out_of_order_makes_the_face_panic(places in proptest::collection::vec(any::<proptest::sample::Index>(), 0..60)) {
        let pieces = pieces();
        let text: String = places.iter().map(|place| pieces[place.index(pieces.len())].as_str()).collect();
        let _ = read(&text);
    }

    #[test]
    fn an_envelope_with_a_piece_missing_twice_or_changed_is_read_or_refused_at_once(
        place in any::<proptest::sample::Index>(), other in any::<proptest::sample::Index>(), byte in any::<u8>(), what in 0..4,
    ) {
        let good = enveloped("Inscribe", INSCRIBE);
        let mut pieces: Vec<Vec<u8>> = good.split_inclusive('>').map(|piece| piece.as_bytes().to_vec()).collect();
        let (one, two) = (place.index(pieces.len()), other.index(pieces.len()));
        match what {
            0 => drop(pieces.remove(one)),
            1 => pieces.insert(one, pieces[two].clone()),
            2 => pieces.swap(one, two),
            _ => {
                let at = other.index(pieces[one].len());
                pieces[one][at] = byte;
            }
        }
        let bytes = pieces.concat();
        if let Err(fault) = envelope::read(&bytes, &mut None) {
            prop_assert!(fault.diagnostic.len() < 600 && !fault.diagnostic.contains("85073003328"));
        }
    }
}
