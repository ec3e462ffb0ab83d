use std::collections::BTreeMap;

use estafette_actors::domain::dossier::Code;
use estafette_actors::domain::niss::Niss;

use super::*;

/// Held against the schema by `tests/interop/soap`.
const FILE: &str = include_str!("golden/mutations.xml");
const VOUCHER: &str = include_str!("golden/voucher.xml");

fn niss(digits: &str) -> Niss {
    Niss::parse(digits, jiff::civil::date(2026, 11, 23)).unwrap()
}

fn head() -> Head {
    Head {
        institution: Institution("0403019261".parse().unwrap()),
        sequence: 7,
        from: jiff::civil::date(2026, 11, 22),
        until: jiff::civil::date(2026, 11, 22),
        made: Timestamp::parse("2026-11-23T00:05:00.000Z").unwrap(),
    }
}

/// One of each kind, with what XML must escape.
fn mutations() -> Vec<Mutation> {
    let one = |change| Mutation {
        niss: niss("85073003328"),
        on: jiff::civil::date(2026, 11, 22),
        recorded: Timestamp::parse("2026-11-22T09:30:00.123Z").unwrap(),
        change,
    };
    let now = Identity {
        surname: "D'Hoore & <Zoon>".into(),
        given_names: "Zoë Éline".into(),
        birth: BirthDate::parse("1985-07").unwrap(),
        sex: Some(Sex::Female),
        language: None,
        deceased: Some(jiff::civil::date(2026, 11, 20)),
    };
    let all = vec![Field::Surname, Field::GivenNames, Field::BirthDate, Field::Sex, Field::Language, Field::Deceased];
    let says = [("employer", "0403019261"), ("text", "a \"b\" <c>\r\n\u{1}"), ("x&y", "")];
    let says: BTreeMap<Box<str>, Box<str>> =
        says.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
    vec![
        one(Change::Replaced { by: niss("17073003384") }),
        one(Change::Restored { from: niss("17073003384") }),
        one(Change::Cancelled),
        one(Change::Identified { fields: all, now: Box::new(now.clone()) }),
        one(Change::Identified { fields: vec![Field::Surname, Field::Language], now: Box::new(now) }),
        one(Change::Event { kind: Code::parse("DIMONA").unwrap(), says }),
    ]
}

fn made() -> Voucher {
    Voucher {
        institution: head().institution,
        sequence: 7,
        from: head().from,
        until: head().until,
        count: 6,
        bytes: 1234,
        sha256: [0xAB; 32],
        made: head().made,
        confirmed: None,
    }
}

/// Compares, or with `ESTAFETTE_RENEW=1` writes anew.
fn golden(name: &str, kept: &str, now: &[u8]) {
    if std::env::var_os("ESTAFETTE_RENEW").is_some() {
        let path = format!("{}/src/mutations/golden/{name}", env!("CARGO_MANIFEST_DIR"));
        std::fs::write(path, now).unwrap();
        return;
    }
    assert_eq!(std::str::from_utf8(now).unwrap(), kept, "institutions keep files: change the version of the namespace");
}

#[test]
fn a_file_of_each_kind_of_mutation_has_the_same_bytes_as_ever() {
    golden("mutations.xml", FILE, &render(&head(), &mutations()));
    assert_eq!(render(&head(), &mutations()), render(&head(), &mutations()));
}

#[test]
fn a_voucher_has_the_same_bytes_as_ever() {
    golden("voucher.xml", VOUCHER, &voucher(&made()));
}

#[test]
fn a_file_without_mutations_is_a_file() {
    let text = String::from_utf8(render(&head(), &[])).unwrap();
    assert!(text.contains("<count>0</count>") && !text.contains("<mutation>"), "{text}");
}

#[test]
fn only_what_changed_is_told_of_a_person() {
    let text = String::from_utf8(render(&head(), &mutations()[4..5])).unwrap();
    assert!(text.contains("<field>lastName</field><field>language</field><now><lastName>"), "{text}");
    assert!(!text.contains("firstName") && !text.contains("birthDate") && !text.contains("Zoë"), "{text}");
}

#[test]
fn days_and_birth_dates_are_written_as_the_schema_has_them() {
    assert_eq!(date(Date::MIN), "0001-01-01");
    assert_eq!(date(jiff::civil::date(2026, 1, 2)), "2026-01-02");
    let written = |text: &str| birth(BirthDate::parse(text).unwrap());
    assert_eq!(
        [written("1985"), written("1985-07"), written("1985-07-30")],
        ["1985-00-00", "1985-07-00", "1985-07-30"]
    );
}
