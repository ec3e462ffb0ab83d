//! How many of those who are meant a search finds, and how many others it shows: floors a bit under what is measured.
//! The same, larger and beside other encoders: `cargo bench -p estafette-actors --bench names`.

mod lists;
mod people;
mod queries;
mod search;

use estafette_actors::domain::names::{Name, Person, THRESHOLD};
use queries::{MISTAKES, Mistake};
use search::{Index, Ours, measure};

/// Persons, and questions of each mistake. The names, the mistakes and so the figures are the same in each run.
const PEOPLE: usize = 10_000;
const EACH: usize = 200;

#[test]
fn spellings_of_one_name_are_found_under_one_code() {
    let codes = |surname: &str| {
        let surname = Name::surname(surname).expect("letters");
        Person { surname, given: Name::EMPTY, birth: None, sex: None }.surname_codes()
    };
    let missed: Vec<_> = lists::ALIKE
        .iter()
        .filter(|(first, second)| !codes(first).iter().any(|code| codes(second).as_slice().contains(&code)))
        .collect();
    assert!(missed.is_empty(), "{missed:?}");
}

#[test]
fn a_search_finds_who_is_meant_and_few_others() {
    let people = people::people(PEOPLE, 1);
    let questions = queries::questions(&people, EACH, 2);
    let ours = Ours { surname_only: false };
    let index = Index::new(&ours, &people);
    let (by_mistake, all) = measure(&index, &ours, &people, &questions, THRESHOLD);
    for mistake in MISTAKES {
        let least = match mistake {
            // Two wrong keys in a name of five letters leave little of it.
            Mistake::TypingTwice => 0.84,
            Mistake::Typing => 0.95,
            _ => 0.99,
        };
        let figures = by_mistake[&mistake];
        assert!(figures.recall() >= least, "{mistake:?}: recall {:.3}", figures.recall());
        assert!(figures.first_right() >= least - 0.02, "{mistake:?}: first right {:.3}", figures.first_right());
    }
    assert!(all.recall() >= 0.98 && all.first_right() >= 0.975, "{:.3} {:.3}", all.recall(), all.first_right());
    assert!(all.irrelevant_share() < 0.025, "irrelevant {:.3}", all.irrelevant_share());
    assert!(all.mean_candidates() < 25.0, "candidates {:.1}", all.mean_candidates());
    assert!(index.entries() < 6 * PEOPLE, "entries {}", index.entries());
    assert!(index.fullest(|_| true) < PEOPLE / 50, "fullest code {}", index.fullest(|_| true));
}

#[test]
fn the_code_of_the_surname_alone_finds_most_spellings() {
    let people = people::people(PEOPLE, 1);
    let questions = queries::questions(&people, EACH, 2);
    let ours = Ours { surname_only: true };
    let (by_mistake, _) = measure(&Index::new(&ours, &people), &ours, &people, &questions, THRESHOLD);
    for (mistake, least) in [(Mistake::Accents, 1.0), (Mistake::Particles, 0.98), (Mistake::Spelling, 0.92)] {
        assert!(by_mistake[&mistake].recall() >= least, "{mistake:?}: recall {:.3}", by_mistake[&mistake].recall());
    }
}
