//! What a phonetic search of persons finds among 100,000 invented ones when the question has a mistake, beside an exact
//! search and the encoders of the crate rphonetic; what it reads; and how long a score takes.
//!
//! The encoders get folded names with joined particles, our ranking and our narrowing to the birth year: only the code
//! of the surname is theirs. `mixed` is the best of them with all our other codes.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a bench prints its figures; a failed step ends it")]

#[path = "../tests/names/lists.rs"]
mod lists;
#[path = "../tests/names/people.rs"]
mod people;
#[path = "../tests/names/queries.rs"]
mod queries;
#[path = "../tests/names/search.rs"]
mod search;

use std::cell::RefCell;
use std::collections::HashMap;
use std::hint::black_box;
use std::time::Instant;

use estafette_actors::domain::names::{Name, Person, Query, THRESHOLD};
use people::Written;
use queries::{MISTAKES, Question};
use rphonetic::{BeiderMorseBuilder, Cologne, ConfigFiles, DaitchMokotoffSoundexBuilder, DoubleMetaphone, Encoder};
use search::{Index, Keys, Ours, around, measure};

const PEOPLE: usize = 100_000;
const EACH: usize = 400;

type Codes = Vec<u64>;
type Encode<'a> = Box<dyn Fn(&str) -> Vec<String> + 'a>;
type Ranges = [Vec<(u64, i16, i16)>; 2];

/// Codes of an encoder, which is asked once for each surname: some are slow.
struct Encoded<'a> {
    encode: Encode<'a>,
    known: RefCell<HashMap<String, Codes>>,
    /// Whether our codes of day of birth and of edges are kept too.
    mixed: bool,
}

fn digest(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

impl Encoded<'_> {
    fn codes(&self, name: &Name) -> Codes {
        let letters: String = name.words().flatten().map(|&letter| letter as char).collect();
        let mut known = self.known.borrow_mut();
        let encode = |letters: &String| {
            let mut codes: Codes =
                (self.encode)(letters).iter().filter(|code| !code.is_empty()).map(|code| digest(code)).collect();
            codes.sort_unstable();
            codes.dedup();
            codes
        };
        known.entry(letters).or_insert_with_key(encode).clone()
    }
}

impl Keys for Encoded<'_> {
    fn kept(&self, person: &Person, _: &Written) -> Codes {
        let mut codes = self.codes(&person.surname);
        if self.mixed {
            let surname = person.surname_codes();
            let others = person.codes();
            codes.extend(others.iter().filter(|code| !surname.as_slice().contains(code)).map(u64::from));
        }
        codes
    }

    fn asked(&self, query: &Query, written: &Written) -> Ranges {
        let mut codes = self.codes(&query.asked().surname);
        if !self.mixed {
            return around(query, codes);
        }
        codes.extend(self.codes(&query.asked().given));
        let surname = query.asked().surname_codes();
        let given = Person { surname: query.asked().given, ..*query.asked() }.surname_codes();
        let ours = |code: u64| surname.iter().chain(given.iter()).any(|known| u64::from(known) == code);
        let mut ranges = around(query, codes);
        for (ranges, others) in ranges.iter_mut().zip((Ours { surname_only: false }).asked(query, written)) {
            ranges.extend(others.into_iter().filter(|&(code, ..)| !ours(code)));
        }
        ranges
    }
}

/// The same text in every field that is told, but for case.
struct Exact;

impl Keys for Exact {
    fn kept(&self, _: &Person, written: &Written) -> Codes {
        vec![digest(&written.surname.to_lowercase())]
    }

    fn asked(&self, query: &Query, written: &Written) -> Ranges {
        around(query, vec![digest(&written.surname.to_lowercase())])
    }

    fn accepts(&self, asked: &Written, candidate: &Written) -> bool {
        let given = candidate.given.to_lowercase();
        let told = asked.given.to_lowercase();
        (told.is_empty() || given == told || given.split(' ').next() == Some(told.as_str()))
            && (asked.birth.is_none() || asked.birth == candidate.birth)
    }
}

fn main() {
    let people = people::people(PEOPLE, 1);
    let questions = queries::questions(&people, EACH, 2);
    let mut surnames = HashMap::<&str, usize>::new();
    for person in &people {
        *surnames.entry(&person.surname).or_default() += 1;
    }
    let most = surnames.values().max().unwrap();
    println!(
        "{PEOPLE} persons, {} surnames, the most frequent {most} times; {EACH} questions of each mistake",
        surnames.len()
    );

    let (daitch, double, files) =
        (DaitchMokotoffSoundexBuilder::default().build().unwrap(), DoubleMetaphone::default(), ConfigFiles::default());
    let beider = BeiderMorseBuilder::new(&files).build();
    let encoded = |mixed, encode| Box::new(Encoded { encode, known: RefCell::default(), mixed }) as Box<dyn Keys + '_>;
    let both = |letters: &str| {
        let codes = double.double_metaphone(letters);
        vec![codes.primary(), codes.alternate()]
    };
    let systems: Vec<(&str, Box<dyn Keys + '_>)> = vec![
        ("exact", Box::new(Exact)),
        ("Cologne", encoded(false, Box::new(|letters| vec![Cologne.encode(letters)]))),
        ("Daitch-Mokotoff", encoded(false, Box::new(|letters| daitch.inner_soundex(letters, true)))),
        ("Double Metaphone", encoded(false, Box::new(both))),
        (
            "Beider-Morse",
            encoded(false, Box::new(|letters| beider.encode(letters).split('|').map(str::to_owned).collect())),
        ),
        ("ours, surname", Box::new(Ours { surname_only: true })),
        ("mixed", encoded(true, Box::new(both))),
        ("ours", Box::new(Ours { surname_only: false })),
    ];
    println!("\nrecall in the first ten / first one right, percent, at threshold {THRESHOLD}");
    print!("{:18}", "");
    for (name, _) in &systems {
        print!("{name:>18}");
    }
    println!();
    let indexes: Vec<Index<'_>> = systems.iter().map(|(_, keys)| Index::new(keys.as_ref(), &people)).collect();
    let measured: Vec<_> = systems
        .iter()
        .zip(&indexes)
        .map(|((_, keys), index)| measure(index, keys.as_ref(), &people, &questions, THRESHOLD))
        .collect();
    for mistake in MISTAKES {
        print!("{:18}", format!("{mistake:?}"));
        for (by_mistake, _) in &measured {
            let figures = by_mistake[&mistake];
            print!("{:>18}", format!("{:.1} / {:.1}", 100.0 * figures.recall(), 100.0 * figures.first_right()));
        }
        println!();
    }
    let row = |name: &str, figure: &dyn Fn(usize) -> String| {
        print!("{name:18}");
        for at in 0..systems.len() {
            print!("{:>18}", figure(at));
        }
        println!();
    };
    let pairs = |keys: &dyn Keys| {
        let kept = |surname: &str| {
            let written = Written { surname: surname.to_owned(), given: String::new(), birth: None, man: true };
            keys.kept(&Person { birth: None, ..written.person() }, &written)
        };
        let together =
            lists::ALIKE.iter().filter(|(one, other)| kept(one).iter().any(|code| kept(other).contains(code)));
        100.0 * together.count() as f64 / lists::ALIKE.len() as f64
    };
    row("known pairs", &|at| format!("{:.1}", pairs(systems[at].1.as_ref())));
    row("all", &|at| format!("{:.1} / {:.1}", 100.0 * measured[at].1.recall(), 100.0 * measured[at].1.first_right()));
    row("irrelevant, %", &|at| format!("{:.1}", 100.0 * measured[at].1.irrelevant_share()));
    row("candidates, mean", &|at| format!("{:.0}", measured[at].1.mean_candidates()));
    row("entries a person", &|at| format!("{:.2}", indexes[at].entries() as f64 / PEOPLE as f64));
    row("fullest code", &|at| indexes[at].fullest(|_| true).to_string());

    let (keys, index) = (Ours { surname_only: false }, &indexes[systems.len() - 1]);
    println!("\nthreshold   recall / first right / irrelevant");
    for threshold in [60, 65, 70, 75, 80, 85] {
        let all = measure(index, &keys, &people, &questions, threshold).1;
        let percent =
            [all.recall(), all.first_right(), all.irrelevant_share()].map(|share| format!("{:.1}", 100.0 * share));
        println!("{threshold:9}   {}", percent.join(" / "));
    }
    read(&people, &questions, index);
    time(&people, &questions);
}

/// How many candidates are looked at.
fn read(people: &[Written], questions: &[Question], index: &Index<'_>) {
    // The kind of a code is in its three highest bits.
    let kinds = [
        ("surname", 1),
        ("day of birth", 2),
        ("beginning and given name", 3),
        ("ending and given name", 4),
        ("outline and given name", 5),
    ];
    println!("\nfullest code by kind");
    for (name, kind) in kinds {
        println!("{name:25} {}", index.fullest(|code| code >> 29 == kind));
    }
    println!("\ncandidates of {} persons  mean / 99 % / most", people.len());
    for (name, with_birth) in [("with a birth date", true), ("without", false)] {
        let mut counts: Vec<usize> = questions
            .iter()
            .filter(|question| question.asked.birth.is_some() == with_birth)
            .map(|question| {
                let query = Query::new(question.asked.person(), 0);
                index.search(&Ours { surname_only: false }, &query, &question.asked, THRESHOLD).1
            })
            .collect();
        counts.sort_unstable();
        let mean = counts.iter().sum::<usize>() / counts.len();
        println!("{name:25} {mean} / {} / {}", counts[counts.len() * 99 / 100], counts[counts.len() - 1]);
    }
}

fn time(people: &[Written], questions: &[Question]) {
    let people = &people[..1_000];
    let persons: Vec<Person> = people.iter().map(Written::person).collect();
    let queries: Vec<Query> =
        questions.iter().step_by(97).map(|question| Query::new(question.asked.person(), 0)).collect();
    let scores = queries.iter().map(|query| {
        best(|| {
            for person in &persons {
                black_box(query.score(black_box(person)));
            }
        })
    });
    let count = persons.len() as u128;
    println!("\nscore, a candidate        {} ns", scores.sum::<u128>() / count / queries.len() as u128);
    let codes = best(|| {
        for person in &persons {
            black_box(black_box(person).codes());
        }
    });
    println!("codes, a person           {} ns", codes / count);
    let folded = best(|| {
        for written in people {
            black_box(black_box(written).person());
        }
    });
    println!("names folded, a person    {} ns", folded / count);
}

/// Nanoseconds of the best of some short rounds: other work on the machine only adds.
fn best(mut work: impl FnMut()) -> u128 {
    let round = |_| {
        let started = Instant::now();
        work();
        started.elapsed().as_nanos()
    };
    (0..20).map(round).min().unwrap_or(0)
}
