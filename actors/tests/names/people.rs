//! Persons who don't exist: names made of parts with the frequencies of names, the same for the same seed.

use std::collections::HashSet;

use estafette_actors::domain::birth::BirthDate;
use estafette_actors::domain::names::{Name, Person};
use estafette_actors::domain::niss::Sex;

use crate::lists;

/// splitmix64: the same numbers on every machine, whatever crates do.
pub struct Chance(u64);

impl Chance {
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }

    pub fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

/// As written, before anything is folded.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Written {
    pub surname: String,
    /// Empty when it is not told.
    pub given: String,
    pub birth: Option<BirthDate>,
    pub man: bool,
}

impl Written {
    pub fn person(&self) -> Person {
        Person {
            surname: Name::surname(&self.surname).unwrap_or(Name::EMPTY),
            given: Name::given(&self.given).unwrap_or(Name::EMPTY),
            birth: self.birth,
            sex: Some(if self.man { Sex::Male } else { Sex::Female }),
        }
    }
}

/// Values with the weights of Zipf: the n-th comes 1 / (n + `flat`) as often.
pub struct Zipf {
    values: Vec<String>,
    sums: Vec<u64>,
}

impl Zipf {
    fn new(values: Vec<String>, flat: u64) -> Self {
        let mut sum = 0;
        let sums = (0..values.len() as u64)
            .map(|rank| {
                sum += 1_000_000_000 / (rank + flat);
                sum
            })
            .collect();
        Self { values, sums }
    }

    fn draw(&self, chance: &mut Chance) -> &str {
        let at = chance.below(self.sums[self.sums.len() - 1] as usize) as u64;
        &self.values[self.sums.partition_point(|&sum| sum <= at)]
    }
}

fn words(list: &str) -> Vec<String> {
    list.split_whitespace().map(|word| word.replace('_', " ")).collect()
}

fn joined(firsts: &str, lasts: &str) -> Vec<String> {
    let lasts = words(lasts);
    words(firsts)
        .iter()
        .flat_map(|first| {
            lasts.iter().map(move |last| {
                let apart = first.ends_with(' ') || first.starts_with("Van") && first.contains(' ') || first == "Van";
                match (apart, first.ends_with(' ')) {
                    (true, false) => format!("{first} {last}"),
                    (true, true) => format!("{first}{last}"),
                    (false, _) => format!("{first}{}", last.to_lowercase()),
                }
            })
        })
        .collect()
}

/// Every surname, the most frequent first.
pub fn surnames(chance: &mut Chance) -> Vec<String> {
    let mut seen = HashSet::new();
    let mut all: Vec<String> = words(lists::SURNAMES);
    let mut made = Vec::new();
    made.extend(joined(lists::DUTCH_PARTICLES, lists::DUTCH_ROOTS));
    made.extend(joined(lists::FRENCH_PARTICLES, lists::FRENCH_ROOTS));
    made.extend(joined(lists::PATRONYMS, lists::PATRONYM_ENDINGS));
    made.extend(joined(lists::WALLOON_STEMS, lists::WALLOON_ENDINGS));
    made.extend(joined(lists::GERMAN_STEMS, lists::GERMAN_ENDINGS));
    made.extend(joined(lists::ITALIAN_STEMS, lists::ITALIAN_ENDINGS));
    made.extend(joined(lists::TURKISH_STEMS, lists::TURKISH_ENDINGS));
    made.extend(joined(lists::MOROCCAN_PARTICLES, lists::MOROCCAN_ROOTS));
    made.extend(joined("Ver", lists::VER_ROOTS));
    for at in (1..made.len()).rev() {
        made.swap(at, chance.below(at + 1));
    }
    all.extend(made);
    all.retain(|name| seen.insert(name.clone()));
    all
}

/// So many distinct persons.
pub fn people(count: usize, seed: u64) -> Vec<Written> {
    let mut chance = Chance::new(seed);
    let surnames = Zipf::new(surnames(&mut chance), 40);
    let (men, women) = (Zipf::new(words(lists::MEN), 8), Zipf::new(words(lists::WOMEN), 8));
    let doubled = words(lists::DOUBLED);
    let mut seen = HashSet::with_capacity(count);
    let mut people = Vec::with_capacity(count);
    while people.len() < count {
        let man = chance.percent(50);
        let mut surname = surnames.draw(&mut chance).to_owned();
        if chance.percent(3) {
            let separator = if chance.percent(60) { "-" } else { " " };
            surname = format!("{surname}{separator}{}", surnames.draw(&mut chance));
        }
        let names = if man { &men } else { &women };
        let mut given = names.draw(&mut chance).to_owned();
        if matches!(given.as_str(), "Jean" | "Marie" | "Anne") && chance.percent(60) {
            given = format!("{given}-{}", chance.of(&doubled));
        }
        while chance.percent(35) {
            given = format!("{given} {}", names.draw(&mut chance));
        }
        let person = Written { surname, given, birth: Some(born(&mut chance)), man };
        if seen.insert(person.clone()) {
            people.push(person);
        }
    }
    people
}

fn born(chance: &mut Chance) -> BirthDate {
    loop {
        // More of those in the middle.
        let year = 1930 + chance.below(48) + chance.below(48);
        let (month, day) = match chance.below(200) {
            0 => (0, 0),
            1 => (1 + chance.below(12), 0),
            _ => (1 + chance.below(12), 1 + chance.below(31)),
        };
        if let Ok(born) = BirthDate::new(year as i16, month as u8, day as u8) {
            return born;
        }
    }
}
