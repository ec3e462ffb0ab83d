use std::collections::BTreeSet;

use proptest::prelude::*;

use super::distance::Pattern;
use super::*;

fn surname(text: &str) -> Name {
    Name::surname(text).unwrap_or(Name::EMPTY)
}

fn person(surname: &str, given: &str, birth: &str) -> Person {
    Person {
        surname: Name::surname(surname).unwrap_or(Name::EMPTY),
        given: Name::given(given).unwrap_or(Name::EMPTY),
        birth: BirthDate::parse(birth).ok(),
        sex: None,
    }
}

fn folded(name: &Name) -> &str {
    std::str::from_utf8(name.as_bytes()).expect("letters")
}

fn share_a_code(first: &str, second: &str) -> bool {
    let codes = |name| super::codes::surname(&surname(name));
    codes(first).iter().any(|code| codes(second).as_slice().contains(&code))
}

#[test]
fn names_fold_to_their_letters_with_particles_joined() {
    for (text, letters) in [
        ("Peeters", "peeters"),
        ("Van den Broeck", "vandenbroeck"),
        ("VANDEN BROECK", "vandenbroeck"),
        ("Broeck, van den", "vandenbroeck"),
        ("D’Hondt", "dhondt"),
        ("'t Kint de Roodenbeke", "tkint deroodenbeke"),
        ("Dupont-Lambert", "dupont lambert"),
        ("De Smet - Van der Linden", "desmet vanderlinden"),
        ("Ben Ali", "benali"),
        ("Ait El Haj", "aitelhaj"),
        ("Çelik", "celik"),
        ("Yıldırım", "yildirim"),
        ("İNAN", "inan"),
        ("Łukasiewicz", "lukasiewicz"),
        ("Größe", "grosse"),
        ("Ĳzerman", "ijzerman"),
        ("Cœur", "coeur"),
        ("De", "de"),
        ("Van De", "vande"),
    ] {
        assert_eq!(folded(&Name::surname(text).expect(text)), letters, "{text}");
    }
    for (text, letters) in [
        ("Jean-Pierre", "jean pierre"),
        ("J.-P.", "j p"),
        ("  Marie  Ève ", "marie eve"),
        ("Abd El Kader", "abd el kader"),
    ] {
        assert_eq!(folded(&Name::given(text).expect(text)), letters, "{text}");
    }
    for text in ["", " ", "-", "123", "Иванов"] {
        assert_eq!(Name::surname(text), Err(Error::NoLetter), "{text}");
    }
}

#[test]
fn names_that_nobody_takes_for_one_another_share_no_code() {
    let distinct = [
        "Peeters",
        "Janssens",
        "Maertens",
        "Jacobs",
        "Willems",
        "Goossens",
        "Wouters",
        "Dubois",
        "Lambert",
        "Simon",
        "Leclercq",
        "Hermans",
        "Michiels",
        "Van Damme",
        "Vandenbroeck",
        "Renard",
        "Coppens",
        "Hendrickx",
        "Vermeulen",
        "Bogaert",
        "Verbeke",
        "Yilmaz",
        "El Amrani",
        "Nguyen",
        "Kowalski",
        "Rossi",
        "Esposito",
        "Öztürk",
        "Charlier",
        "Schneider",
    ];
    for (at, first) in distinct.iter().enumerate() {
        for second in &distinct[at + 1..] {
            assert!(!share_a_code(first, second), "{first} {second}");
        }
    }
}

#[test]
fn codes_on_disk_stay_what_they_are() {
    // When this fails because a rule of sound was changed on purpose: raise the version, and say so in the changelog.
    assert_eq!(CODES_VERSION, 1);
    let codes = |person: Person| person.codes().as_slice().to_vec();
    assert_eq!(codes(person("Van den Broeck", "Jean-Pierre", "1985-07-30")), GOLDEN_BROECK);
    assert_eq!(codes(person("Michaux-Müller", "", "1985")), GOLDEN_MICHAUX);
}

const GOLDEN_BROECK: [Code; 6] = [566_040_292, 952_260_722, 1_107_747_200, 1_972_147_633, 2_331_549_163, 3_095_121_771];
const GOLDEN_MICHAUX: [Code; 4] = [750_632_634, 1_050_330_178, 637_231_612, 968_999_039];

#[test]
fn who_is_meant_stands_before_who_is_not() {
    let meant = person("Vandenbroeck", "Jean-Pierre Marie", "1985-07-03");
    let others = [
        ("Vandenberghe", "Jean-Pierre Marie", "1985-07-03"),
        ("Vandenbroeck", "Marie-Claire", "1961-11-22"),
        ("Peeters", "Jean-Pierre", "1985-07-03"),
    ];
    for asked in [
        ("Van den Broeck", "Jean-Pierre", "1985-07-03"),
        ("Broeck", "Jean Pierre", "1985-07-03"),
        ("Vandenbroek", "J.P.", "1985-07-03"),
        ("Van den Brouck", "Jean", "1985-03-07"),
        ("Vandenboreck", "Jean-Pierre", "1985-07"),
        ("Jean-Pierre", "Vandenbroeck", "1985-07-03"),
        ("Van den Broeck", "Jean-Piere", "1986-07-03"),
        ("Van den Broeck", "Jean-Pierre", ""),
        ("Van den Broeck", "", "1985-07-03"),
        ("VANDENBROECK", "", ""),
    ] {
        let query = Query::new(person(asked.0, asked.1, asked.2), 0);
        let score = query.score(&meant);
        assert!(score >= THRESHOLD, "{asked:?} {score}");
        for other in others {
            assert!(query.score(&person(other.0, other.1, other.2)) <= score, "{asked:?} {other:?} {score}");
        }
    }
}

#[test]
fn a_tolerance_of_years_lets_other_years_in() {
    let meant = person("Maes", "An", "1985-07-03");
    let asked = person("Maes", "An", "1989");
    assert!(Query::new(asked, 5).score(&meant) > Query::new(asked, 0).score(&meant));
    let years = |years| {
        let query = Query::new(asked, years);
        query
            .first_scans()
            .iter()
            .any(|scan| meant.codes().as_slice().contains(&scan.code) && scan.years.contains(&1985))
    };
    assert!(years(4) && !years(3));
}

#[test]
fn another_sex_takes_off_and_an_unknown_one_does_not() {
    let asked = Person { sex: Some(Sex::Male), ..person("Maes", "Dominique", "1985-07-03") };
    let score = |sex| Query::new(asked, 0).score(&Person { sex, ..asked });
    assert_eq!((score(Some(Sex::Male)), score(None)), (100, 100));
    assert!((THRESHOLD..100).contains(&score(Some(Sex::Female))));
}

#[test]
fn nothing_shows_a_name() {
    let person = person("Maes", "An", "1985-07-03");
    let shown = format!("{:?} {:?} {:?}", person.surname, person, Query::new(person, 0));
    assert_eq!(shown, "Name(***) Person(***) Query(***)");
}

/// Words of letters, marks, hyphens and apostrophes, as names are.
fn written() -> impl Strategy<Value = String> {
    "(van |vander|de |d'|el |)[a-zA-Zéèüöçşł]{5,9}([ -][a-zA-Zé]{1,8}){0,2}"
}

fn date() -> impl Strategy<Value = Option<BirthDate>> {
    (1900_i16..2020, 0_u8..=12, 0_u8..=28).prop_map(|(year, month, day)| BirthDate::new(year, month, day).ok())
}

proptest! {
    #[test]
    fn any_text_folds_within_bounds(text in "\\PC{0,300}") {
        for name in [surname(&text), Name::given(&text).unwrap_or(Name::EMPTY)] {
            prop_assert!(name.as_bytes().len() <= MOST_LETTERS);
            prop_assert_eq!(Name::from_folded(name.as_bytes()), Ok(name));
            let person = Person { surname: name, given: name, birth: None, sex: None };
            prop_assert!(person.codes().as_slice().len() <= MOST_CODES);
            prop_assert!(person.surname_codes().as_slice().len() <= MOST_SURNAME_CODES);
            let query = Query::new(person, 0);
            prop_assert!(query.first_scans().len() <= MOST_SCANS && query.further_scans().len() <= MOST_SCANS);
            prop_assert_eq!(query.score(&person), 100);
        }
    }

    #[test]
    fn a_long_name_of_letters_is_cut_and_compared(text in "[a-z ]{0,400}", other in "[a-z]{0,400}") {
        let query = Query::new(person(&text, &other, "1985"), 3);
        prop_assert!(query.score(&person(&other, &text, "1986-01-02")) <= 100);
    }

    #[test]
    fn a_name_has_the_same_codes_however_it_is_written(text in written()) {
        let codes = |text: &str| super::codes::surname(&surname(text)).iter().collect::<BTreeSet<_>>();
        let plain = codes(&text);
        prop_assert_eq!(&plain, &codes(&text.to_uppercase()));
        prop_assert_eq!(&plain, &codes(&text.replace('-', " ")));
        prop_assert_eq!(&plain, &codes(&text.replace('\'', "\u{2019}")));
        prop_assert_eq!(&plain, &codes(&text.replace('é', "e\u{301}").replace('ü', "u\u{308}")));
        for (apart, joined) in [("van ", "van"), ("de ", "de"), ("el ", "el"), ("d'", "d ")] {
            if let Some(core) = text.strip_prefix(apart) {
                prop_assert_eq!(&plain, &codes(&format!("{joined}{core}")));
            }
        }
    }

    #[test]
    fn one_is_as_near_to_another_as_the_other_to_one(
        names in [written(), written(), written(), written()], births in [date(), date()], mixed: bool, years in 0_u16..5,
    ) {
        let [first, second, third, fourth] = &names;
        let (third, fourth) = if mixed { (first, third) } else { (third, fourth) };
        let one = Person { birth: births[0], ..person(first, second, "") };
        let other = Person { birth: births[1], ..person(third, fourth, "") };
        if one.birth.is_some() == other.birth.is_some() {
            prop_assert_eq!(Query::new(one, years).score(&other), Query::new(other, years).score(&one));
        }
        prop_assert_eq!(Query::new(one, years).score(&one), 100);
    }

    #[test]
    fn who_is_asked_for_as_they_are_kept_is_found(surname in written(), given in written(), birth in date(), told in 0_u8..4) {
        let kept = Person { birth, ..person(&surname, &given, "") };
        let asked = Person {
            given: if told & 1 == 0 { kept.given } else { Name::EMPTY },
            birth: kept.birth.filter(|_| told & 2 == 0),
            ..kept
        };
        let found = Query::new(asked, 0).first_scans().iter().any(|scan| {
            kept.codes().as_slice().contains(&scan.code) && scan.years.contains(&kept.year())
        });
        prop_assert!(found);
    }

    #[test]
    fn a_pattern_of_any_bytes_is_no_panic(first in proptest::collection::vec(any::<u8>(), 0..100), second in proptest::collection::vec(any::<u8>(), 0..100)) {
        let _ = Pattern::new(&first).distance(&second);
    }
}
