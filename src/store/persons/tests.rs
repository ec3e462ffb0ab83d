//! Persons are kept whole, once each, in a form that lasts.
use super::*;

fn niss(n: u64) -> Niss {
    Niss::from_trusted_u64(n)
}

fn mobile(n: u64) -> Mobile {
    Mobile::from_trusted_u64(n)
}

fn cbe(n: u32) -> Cbe {
    Cbe::from_trusted_u32(n)
}

fn of(recipient: Recipient) -> Person {
    Person { recipient, ..Person::default() }
}

fn persons() -> (tempfile::TempDir, Persons) {
    let folder = tempfile::tempdir().unwrap();
    let persons = Persons::open(folder.path().join("persons.redb")).unwrap();
    (folder, persons)
}

#[test]
fn what_was_put_is_there_after_a_kill() {
    let (folder, persons) = persons();
    let citizen = Person {
        recipient: Recipient { niss: Some(niss(85_073_003_328)), mobile: Some(mobile(32_470_123_456)), cbe: None },
        language: Some(Language::De),
        govapp: Some(false),
        mailbox: Some(true),
    };
    let number =
        Person { language: Some(Language::En), ..of(Recipient { mobile: Some(mobile(5)), ..Recipient::default() }) };
    let enterprise =
        Person { mailbox: Some(true), ..of(Recipient { cbe: Some(cbe(403_019_261)), ..Recipient::default() }) };
    persons.put_all(&[enterprise, citizen, number]).unwrap();
    // The file as a kill leaves it: nothing was closed.
    let image = folder.path().join("image.redb");
    std::fs::copy(folder.path().join("persons.redb"), &image).unwrap();
    assert_eq!(Persons::open(&image).unwrap().load_all().unwrap(), [citizen, number, enterprise]);
}

#[test]
fn a_person_is_kept_once_and_the_later_record_counts() {
    let (_folder, persons) = persons();
    let by_number = of(Recipient { mobile: Some(mobile(5)), ..Recipient::default() });
    let by_niss = of(Recipient { niss: Some(niss(7)), mobile: Some(mobile(5)), ..Recipient::default() });
    persons.put_all(&[by_number]).unwrap();
    persons.put_all(&[by_niss]).unwrap();
    assert_eq!(persons.load_all().unwrap(), [by_niss], "the number got its NISS");
    persons.put_all(&[by_number, by_niss]).unwrap();
    assert_eq!(persons.load_all().unwrap(), [by_niss], "in one call too");
    let moved = Person { govapp: Some(true), ..by_niss };
    persons.put_all(&[by_niss, moved]).unwrap();
    assert_eq!(persons.load_all().unwrap(), [moved]);
}

#[test]
fn a_number_that_was_given_up_does_not_come_back_with_a_restart() {
    let (_folder, persons) = persons();
    let citizen = |number| of(Recipient { niss: Some(niss(7)), mobile: Some(mobile(number)), cbe: None });
    let enterprise = |number| of(Recipient { niss: None, mobile: Some(mobile(number)), cbe: Some(cbe(9)) });
    for number in [6, 5] {
        persons.put_all(&[citizen(number), enterprise(number + 10)]).unwrap();
    }
    assert_eq!(persons.load_all().unwrap(), [citizen(5), enterprise(15)]);
}

#[test]
fn a_contact_of_an_enterprise_does_not_take_its_record_away() {
    let (_folder, persons) = persons();
    let enterprise = Person { mailbox: Some(true), ..of(Recipient { cbe: Some(cbe(9)), ..Recipient::default() }) };
    let contact = of(Recipient { niss: Some(niss(7)), cbe: Some(cbe(9)), ..Recipient::default() });
    persons.put_all(&[enterprise]).unwrap();
    persons.put_all(&[contact]).unwrap();
    assert_eq!(persons.load_all().unwrap(), [contact, enterprise]);
}

#[test]
fn removing_takes_just_that_record() {
    let (_folder, persons) = persons();
    let kept = of(Recipient { niss: Some(niss(7)), ..Recipient::default() });
    let gone = of(Recipient { niss: Some(niss(8)), ..Recipient::default() });
    persons.put_all(&[kept, gone]).unwrap();
    persons
        .remove(&[Identifier::Niss(Niss::from_trusted_u64(8)), Identifier::Mobile(Mobile::from_trusted_u64(7))])
        .unwrap();
    assert_eq!(persons.load_all().unwrap(), [kept]);
    assert_eq!(persons.count().unwrap(), 1);
}

#[test]
fn somebody_without_an_identifier_is_refused_and_nothing_of_the_call_is_kept() {
    let (_folder, persons) = persons();
    let some = of(Recipient { niss: Some(niss(7)), ..Recipient::default() });
    assert!(matches!(persons.put_all(&[some, Person::default()]), Err(Error::NoIdentifier)));
    assert_eq!(persons.count().unwrap(), 0);
}

#[test]
fn more_than_a_page_is_handed_over_whole_and_in_order() {
    let (_folder, persons) = persons();
    let many: Vec<Person> =
        (1..=2 * PAGE as u64).map(|n| of(Recipient { niss: Some(niss(n)), ..Recipient::default() })).collect();
    persons.put_all(&many).unwrap();
    assert_eq!(persons.load_all().unwrap(), many, "two full pages and an empty one");
}

#[test]
fn a_record_stays_what_it_was_on_disk() {
    let person = Person {
        recipient: Recipient { niss: Some(niss(0x0102)), mobile: None, cbe: Some(cbe(0x0304)) },
        language: Some(Language::Nl),
        govapp: Some(true),
        mailbox: Some(false),
    };
    let record = [1, 2, 2, 1, 0b101, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0, 3, 4];
    assert_eq!(pack(&person), record);
    assert_eq!(unpack(&record), Some(person));
    let languages = [Language::Fr, Language::Nl, Language::De, Language::En].map(Some);
    for language in languages.into_iter().chain([None]) {
        let person = Person { language, ..person };
        assert_eq!(unpack(&pack(&person)), Some(person));
    }
    assert_eq!(unpack(&record[..20]), None, "cut");
    for (at, value) in [(0, 2), (1, 5), (2, 3), (3, 3), (4, 0b111), (4, 0b1101)] {
        let mut other = record;
        other[at] = value;
        assert_eq!(unpack(&other), None, "byte {at} as {value}");
    }
}
