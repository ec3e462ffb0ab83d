//! An index in memory, and what is found in it: how many of those who are meant, and how many who are not.

use std::collections::{BTreeMap, HashMap, HashSet};

use estafette_actors::domain::names::{CERTAIN, Person, Query, Scan};

use crate::people::Written;
use crate::queries::{Mistake, Question};

/// Codes that a person is kept under, and ranges that are read for a question: first, and when nobody is certain.
pub trait Keys {
    fn kept(&self, person: &Person, written: &Written) -> Vec<u64>;
    fn asked(&self, query: &Query, written: &Written) -> [Vec<(u64, i16, i16)>; 2];

    /// Whether one who was found may be shown.
    fn accepts(&self, _asked: &Written, _candidate: &Written) -> bool {
        true
    }
}

/// The codes of this crate: all, or those of the surname only.
pub struct Ours {
    pub surname_only: bool,
}

impl Keys for Ours {
    fn kept(&self, person: &Person, _: &Written) -> Vec<u64> {
        let codes = if self.surname_only { person.surname_codes() } else { person.codes() };
        codes.iter().map(u64::from).collect()
    }

    fn asked(&self, query: &Query, _: &Written) -> [Vec<(u64, i16, i16)>; 2] {
        let of = |scan: Scan| (u64::from(scan.code), *scan.years.start(), *scan.years.end());
        if self.surname_only {
            return around(query, query.asked().surname_codes().iter().map(u64::from).collect());
        }
        [query.first_scans().into_iter().map(of).collect(), query.further_scans().into_iter().map(of).collect()]
    }
}

/// Ranges for codes of surnames: around the birth year, then everywhere.
pub fn around(query: &Query, codes: Vec<u64>) -> [Vec<(u64, i16, i16)>; 2] {
    let everywhere = |codes: &[u64]| codes.iter().map(|&code| (code, 0, i16::MAX)).collect::<Vec<_>>();
    match query.asked().birth {
        None => [everywhere(&codes), Vec::new()],
        Some(birth) => {
            let near = codes.iter().map(|&code| (code, birth.year() - 1, birth.year() + 1)).collect();
            [near, everywhere(&codes)]
        }
    }
}

pub struct Index<'a> {
    people: Vec<Person>,
    written: &'a [Written],
    entries: HashMap<u64, Vec<(i16, u32)>>,
}

impl<'a> Index<'a> {
    pub fn new(keys: &dyn Keys, people: &'a [Written]) -> Self {
        let mut entries: HashMap<u64, Vec<(i16, u32)>> = HashMap::new();
        let persons: Vec<Person> = people.iter().map(Written::person).collect();
        for (id, (person, written)) in persons.iter().zip(people).enumerate() {
            for code in keys.kept(person, written) {
                entries.entry(code).or_default().push((person.year(), id as u32));
            }
        }
        for entries in entries.values_mut() {
            entries.sort_unstable();
        }
        Self { people: persons, written: people, entries }
    }

    /// How many entries there are.
    pub fn entries(&self) -> usize {
        self.entries.values().map(Vec::len).sum()
    }

    /// Entries of the fullest of some codes.
    pub fn fullest(&self, of: impl Fn(u64) -> bool) -> usize {
        self.entries.iter().filter(|(code, _)| of(**code)).map(|(_, entries)| entries.len()).max().unwrap_or(0)
    }

    /// Who fits, best first, and how many were looked at.
    pub fn search(&self, keys: &dyn Keys, query: &Query, written: &Written, threshold: u8) -> (Vec<(u8, u32)>, usize) {
        let mut seen = HashSet::new();
        let mut found = Vec::new();
        for ranges in keys.asked(query, written) {
            for (code, from, to) in ranges {
                let Some(entries) = self.entries.get(&code) else { continue };
                let start = entries.partition_point(|&(year, _)| year < from);
                for &(_, id) in entries[start..].iter().take_while(|(year, _)| *year <= to) {
                    if seen.insert(id) {
                        found.push((query.score(&self.people[id as usize]), id));
                    }
                }
            }
            if found.iter().any(|&(score, _)| score >= CERTAIN) {
                break;
            }
        }
        found.retain(|&(score, id)| score >= threshold && keys.accepts(written, &self.written[id as usize]));
        found.sort_unstable_by_key(|&(score, id)| (std::cmp::Reverse(score), id));
        (found, seen.len())
    }
}

/// What was measured, of one mistake or of all.
#[derive(Clone, Copy, Default)]
pub struct Figures {
    pub asked: usize,
    pub in_ten: usize,
    pub first: usize,
    pub irrelevant: f64,
    pub found_any: usize,
    pub candidates: usize,
}

impl Figures {
    pub fn recall(&self) -> f64 {
        self.in_ten as f64 / self.asked as f64
    }

    pub fn first_right(&self) -> f64 {
        self.first as f64 / self.asked as f64
    }

    /// Mean share of those above the threshold who are not meant, of questions that find any.
    pub fn irrelevant_share(&self) -> f64 {
        self.irrelevant / self.found_any.max(1) as f64
    }

    pub fn mean_candidates(&self) -> f64 {
        self.candidates as f64 / self.asked as f64
    }

    fn add(&mut self, found: &[(u8, u32)], relevant: impl Fn(u32) -> bool, candidates: usize) {
        self.asked += 1;
        self.candidates += candidates;
        self.in_ten += usize::from(found.iter().take(10).any(|&(_, id)| relevant(id)));
        self.first += usize::from(found.first().is_some_and(|&(_, id)| relevant(id)));
        if !found.is_empty() {
            let irrelevant = found.iter().filter(|&&(_, id)| !relevant(id)).count();
            self.irrelevant += irrelevant as f64 / found.len() as f64;
            self.found_any += 1;
        }
    }
}

/// Asks all questions. Who is relevant: the person meant, and whoever the question without its mistake can't tell from
/// them.
pub fn measure(
    index: &Index<'_>,
    keys: &dyn Keys,
    people: &[Written],
    questions: &[Question],
    threshold: u8,
) -> (BTreeMap<Mistake, Figures>, Figures) {
    let mut by_mistake = BTreeMap::<Mistake, Figures>::new();
    let mut all = Figures::default();
    for question in questions {
        let query = Query::new(question.asked.person(), 0);
        let (found, candidates) = index.search(keys, &query, &question.asked, threshold);
        let relevant = |id: u32| id as usize == question.target || fits(&people[id as usize], &question.meant);
        by_mistake.entry(question.mistake).or_default().add(&found, relevant, candidates);
        all.add(&found, relevant, candidates);
    }
    (by_mistake, all)
}

fn fits(person: &Written, meant: &Written) -> bool {
    let first = |given: &str| given.split(' ').next().map(str::to_owned);
    person.surname == meant.surname
        && (meant.given.is_empty() || first(&person.given) == first(&meant.given))
        && (meant.birth.is_none() || person.birth == meant.birth)
        && person.man == meant.man
}
