//! Those who may be meant: the ranges of the index that a question names, each candidate scored once.
//!
//! Invariant: a question looks at [`CANDIDATES`] entries at most, the cheap ranges first; that the bound cut any off is always told to
//! who asks. A candidate costs no look-up: its entry has all that it is scored by.
use std::collections::HashSet;
use std::ops::ControlFlow;

use estafette_actors::domain::identity::{Claim, Standing};
use estafette_actors::domain::names::{self, CERTAIN, Name, Query, THRESHOLD};
use estafette_actors::domain::niss::Niss;
use estafette_actors::ports::register::{Found, Hit, Search, Trouble};

use super::record;
use crate::store::register::engine::Engine;
use crate::store::register::{PERSON_CODES, PERSONS, damaged};

/// Entries that a question looks at, at most.
pub const CANDIDATES: usize = if cfg!(test) { 500 } else { 30_000 };
/// Persons of an answer at most.
pub const MOST: usize = 100;

/// Asks the index.
pub fn search(engine: &Engine, asked: &Search) -> Result<Found, Trouble> {
    let query = Query::new(person(&asked.claim)?, u16::from(asked.years));
    let mut looking = Looking::new(&query);
    looking.read(engine, query.first_scans())?;
    if looking.best.iter().all(|(score, _)| *score < CERTAIN) {
        looking.read(engine, query.further_scans())?;
    }
    let Looking { mut best, is_cut, .. } = looking;
    // The best first, and those of one score by their number.
    best.sort_unstable_by_key(|(score, niss)| (std::cmp::Reverse(*score), *niss));
    let mut hits = Vec::new();
    for (score, niss) in best {
        if hits.len() == asked.limit.clamp(1, MOST) {
            break;
        }
        let read = engine.with(PERSONS, &record::key(niss), |value| value.map(|value| record::unpack(niss, value)))?;
        // One who was replaced or corrected since the index was read is not who was scored.
        if let Some(read) = read {
            let person = read.ok_or_else(damaged)?;
            if person.standing == Standing::InUse {
                hits.push(Hit { person, score });
            }
        }
    }
    Ok(Found { hits, is_incomplete: is_cut })
}

fn person(claim: &Claim) -> Result<names::Person, Trouble> {
    let refused = |error: names::Error| Trouble::Refused(error.to_string());
    let Some(surname) = &claim.surname else {
        return Err(Trouble::Refused("a search needs the surname: give it".to_owned()));
    };
    let given = claim.given_names.as_deref().filter(|given| !given.trim().is_empty());
    Ok(names::Person {
        surname: Name::surname(surname).map_err(refused)?,
        given: given.map_or(Ok(Name::EMPTY), Name::given).map_err(refused)?,
        birth: claim.birth,
        sex: claim.sex,
    })
}

struct Looking<'q> {
    query: &'q Query,
    seen: HashSet<Niss, foldhash::fast::RandomState>,
    best: Vec<(u8, Niss)>,
    left: usize,
    /// Whether there was more than was left.
    is_cut: bool,
    is_damaged: bool,
}

impl<'q> Looking<'q> {
    fn new(query: &'q Query) -> Self {
        Self { query, seen: HashSet::default(), best: Vec::new(), left: CANDIDATES, is_cut: false, is_damaged: false }
    }

    fn read(&mut self, engine: &Engine, scans: Vec<names::Scan>) -> Result<(), Trouble> {
        for scan in scans {
            if self.is_cut {
                break;
            }
            let from = record::entry_prefix(scan.code, *scan.years.start());
            let until = record::entry_prefix(scan.code, scan.years.end() + 1);
            engine.scan(PERSON_CODES, &from, Some(&until), |key, value| self.take(key, value))?;
            if self.is_damaged {
                return Err(damaged());
            }
        }
        Ok(())
    }

    fn take(&mut self, key: &[u8], value: &[u8]) -> ControlFlow<()> {
        if self.left == 0 {
            self.is_cut = true;
            return ControlFlow::Break(());
        }
        self.left -= 1;
        let Some(niss) = record::entry_niss(key) else {
            self.is_damaged = true;
            return ControlFlow::Break(());
        };
        if self.seen.insert(niss) {
            let Some(candidate) = record::candidate(value) else {
                self.is_damaged = true;
                return ControlFlow::Break(());
            };
            let score = self.query.score(&candidate);
            if score >= THRESHOLD {
                self.best.push((score, niss));
            }
        }
        ControlFlow::Continue(())
    }
}
