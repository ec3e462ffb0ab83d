//! The form of the trail on disk.
use super::*;
use estafette_actors::domain::cbe::Cbe;
use estafette_actors::ports::register::Face;

#[test]
fn a_record_of_the_trail_stays_what_it_was_on_disk() {
    let institution = Institution(Cbe::parse("0403019261").unwrap());
    let record = Record {
        at: Timestamp::from_millis(300),
        access: Access {
            institution,
            key: "k1".into(),
            legal_context: "law".into(),
            ticket: Some("t".into()),
            face: Face::Soap,
        },
        deed: Deed::Remove,
        register: Some(institution),
        codes: vec![Code::parse("A").unwrap()],
        outcomes: vec!["done".into()],
        lines: vec![Line { about: Some(u64::MAX), code: 1, outcome: 0 }],
    };
    let number = [252, 253, 149, 5, 24];
    let golden = [
        &[1, 251, 44, 1][..],
        &number,
        b"\x02k1\x03law\x01\x01t\x01\x02\x01",
        &number,
        b"\x01\x01A\x01\x04done\x01\x01\xfd\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00",
    ]
    .concat();
    assert_eq!(codec::encode(&record), golden);
    assert_eq!(decode(&golden).unwrap(), record);
}
