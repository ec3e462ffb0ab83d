//! The audit trail: who did or looked at what, when, why, and about whom, as a keyed hash.
//!
//! Invariant: positions grow with time without a gap; a change is in the same commit as its line. All lines of a commit are gathered
//! and written at its end. A record holds lines of one deed of one caller at one time: up to [`LINES`], many of an import or of one
//! millisecond. Lines are found by institution, and by hash ([`about`]).
//! A hash stands for one person: with 64 bits, two among twelve million share one in every 250,000 such registers.
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use estafette_actors::domain::dossier::Code;
use estafette_actors::domain::niss::Niss;
use estafette_actors::domain::submission::Institution;
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::Clock;
use estafette_actors::ports::register::{Access, AuditLine, Deed, Trouble};
use serde::{Deserialize, Serialize};

use super::super::codec;
use super::super::index::KeyedHash;
use super::engine::{Draft, Engine, Rider};
use super::{AUDIT, AUDIT_OF, NEXT, array, damaged};

mod about;
mod keep;
mod list;

pub use self::list::Wanted;

/// Lines of a record at most: such a record fills a page.
pub const LINES: usize = 280;
/// Key of [`NEXT`]: the position of the next line.
const NEXT_LINE: &[u8] = b"audit";

/// Lines of one deed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    at: Timestamp,
    access: Access,
    deed: Deed,
    /// Whose register, where that is not the caller's.
    register: Option<Institution>,
    codes: Vec<Code>,
    outcomes: Vec<Box<str>>,
    lines: Vec<Line>,
}

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// About whom.
    pub about: Option<u64>,
    /// 0 for none, else one more than its place among the codes.
    pub code: u16,
    /// Its place among the outcomes.
    pub outcome: u16,
}

/// Lines to write.
#[derive(Debug)]
pub struct Told<'l> {
    /// Who, and why.
    pub access: &'l Access,
    /// What.
    pub deed: Deed,
    /// Whose register, where that is not the caller's.
    pub register: Option<Institution>,
    /// The codes that lines name.
    pub codes: &'l [Code],
    /// The outcomes that they name.
    pub outcomes: &'l [&'static str],
    /// The lines.
    pub lines: &'l [Line],
}

impl Record {
    /// Of no line yet.
    fn new(at: Timestamp, access: &Access, deed: Deed) -> Self {
        let (codes, outcomes, lines) = (Vec::new(), Vec::new(), Vec::new());
        Self { at, access: access.clone(), deed, register: None, codes, outcomes, lines }
    }

    /// Whether a line of this caller, deed and time goes into it.
    fn takes(&self, at: Timestamp, access: &Access, deed: Deed) -> bool {
        (self.at, self.deed, self.register) == (at, deed, None) && self.lines.len() < LINES && self.access == *access
    }

    fn add(&mut self, about: Option<u64>, code: Option<&Code>, outcome: &str) {
        let code = code.map_or(0, |code| 1 + place_in(&mut self.codes, |known| known == code, || *code));
        let outcome = place_in(&mut self.outcomes, |known| **known == *outcome, || outcome.into());
        self.lines.push(Line { about, code, outcome });
    }
}

/// Takes a line: many a millisecond come with one key in one context, and together they take a small part of the room.
fn gather(
    gathered: &mut Vec<Record>,
    (at, access, deed): (Timestamp, &Access, Deed),
    (about, code, outcome): (Option<u64>, Option<&Code>, &str),
) {
    if !gathered.last().is_some_and(|last| last.takes(at, access, deed)) {
        gathered.push(Record::new(at, access, deed));
    }
    if let Some(record) = gathered.last_mut() {
        record.add(about, code, outcome);
    }
}

/// The place of an element of a short list, where it is put when it is missing.
fn place_in<T>(list: &mut Vec<T>, is_it: impl FnMut(&T) -> bool, make: impl FnOnce() -> T) -> u16 {
    let place = list.iter().position(is_it).unwrap_or_else(|| {
        list.push(make());
        list.len() - 1
    });
    // A record has fewer lines than that.
    place as u16
}

/// The trail's part in memory.
pub struct Audit {
    hash: KeyedHash,
    clock: Arc<dyn Clock>,
    kept: Duration,
    /// What the next commit writes.
    gathered: Arc<Mutex<Vec<Record>>>,
    waiting: AtomicUsize,
    found: Arc<about::Open>,
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Audit {
    pub fn new(hash: KeyedHash, clock: Arc<dyn Clock>, kept: Duration) -> Self {
        Self { hash, clock, kept, gathered: Arc::default(), waiting: AtomicUsize::new(0), found: Arc::default() }
    }

    /// Reads again what finds lines and was in memory only. Once, before the first line.
    pub fn recall(&self, engine: &Engine) -> Result<(), Trouble> {
        self.found.recall(engine)
    }

    /// What the trail knows somebody by.
    pub fn about(&self, niss: Niss) -> u64 {
        self.hash.hash("niss", &niss.as_u64().to_be_bytes())
    }

    /// Lines that wait to be written.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Acquire)
    }

    /// The first lines that are wanted, oldest first.
    pub fn list(&self, engine: &Engine, wanted: Wanted) -> Result<Vec<AuditLine>, Trouble> {
        list::list(engine, &self.found, wanted)
    }

    /// Takes a line to be written with the next commit; gives whether it is the first that waits.
    pub fn note(
        &self,
        access: &Access,
        deed: Deed,
        about: Option<u64>,
        code: Option<&Code>,
        outcome: &'static str,
    ) -> bool {
        let mut gathered = lock(&self.gathered);
        gather(&mut gathered, (self.clock.now(), access, deed), (about, code, outcome));
        self.waiting.fetch_add(1, Ordering::AcqRel) == 0
    }

    /// Writes what was gathered at the end of each commit, and lets go, every hour, what was kept long enough.
    pub fn rider(self: &Arc<Self>) -> Rider {
        let audit = Arc::clone(self);
        let mut looked = Timestamp::ZERO;
        Box::new(move |draft| {
            audit.write_gathered(draft)?;
            let now = audit.clock.now();
            if now.since(looked) < keep::EVERY {
                return Ok(None);
            }
            let again = keep::let_go(draft, &audit.found, now, audit.kept)?;
            if !again {
                looked = now;
            }
            Ok(again.then_some(keep::PAUSE))
        })
    }

    fn write_gathered(&self, draft: &mut Draft<'_>) -> Result<(), super::engine::Error> {
        let gathered = {
            let mut gathered = lock(&self.gathered);
            self.waiting.store(0, Ordering::Release);
            std::mem::take(&mut *gathered)
        };
        if gathered.is_empty() {
            return Ok(());
        }
        let mut place = next(draft)?;
        for record in gathered {
            place = self.put_all(draft, place, record);
        }
        draft.put(NEXT, NEXT_LINE, place.to_be_bytes().as_slice());
        self.found.close(draft, place);
        Ok(())
    }

    /// Writes the lines of a change in its commit, once it is kept.
    pub fn write(&self, draft: &mut Draft<'_>, given: &Told<'_>) -> Result<(), Trouble> {
        let (at, access, deed, register) = (self.clock.now(), given.access.clone(), given.deed, given.register);
        let (codes, lines) = (given.codes.to_vec(), given.lines.to_vec());
        let code_of = |line: &Line| usize::from(line.code).checked_sub(1).and_then(|place| given.codes.get(place));
        let all = Arc::clone(&self.gathered);
        if let ([line], None) = (given.lines, given.register) {
            let (about, code) = (line.about, code_of(line).copied());
            let outcome = *given.outcomes.get(usize::from(line.outcome)).ok_or_else(damaged)?;
            draft.when_kept(move || {
                gather(&mut lock(&all), (at, &access, deed), (about, code.as_ref(), outcome));
            });
        } else {
            let outcomes = given.outcomes.iter().map(|outcome| (*outcome).into()).collect();
            let record = Record { at, access, deed, register, codes, outcomes, lines };
            draft.when_kept(move || lock(&all).push(record));
        }
        Ok(())
    }

    /// Puts a record of any number of lines; gives the position after it.
    fn put_all(&self, draft: &mut Draft<'_>, first: u64, mut record: Record) -> u64 {
        if record.lines.len() <= LINES {
            return self.put(draft, first, &record);
        }
        let lines = std::mem::take(&mut record.lines);
        lines.chunks(LINES).fold(first, |place, part| {
            record.lines = part.to_vec();
            self.put(draft, place, &record)
        })
    }

    /// Puts a record with what finds it; gives the position after it.
    fn put(&self, draft: &mut Draft<'_>, place: u64, record: &Record) -> u64 {
        draft.put(AUDIT, &place.to_be_bytes(), codec::encode(record));
        for owner in owners(record) {
            draft.put(AUDIT_OF, &of_key(owner, place), [].as_slice());
        }
        self.found.add(place, record);
        place + record.lines.len() as u64
    }
}

/// The position of the next line.
fn next(draft: &Draft<'_>) -> Result<u64, super::engine::Error> {
    let next = draft.get(NEXT, NEXT_LINE)?;
    Ok(next.and_then(|next| array(&next)).map_or(1, u64::from_be_bytes))
}

fn owners(record: &Record) -> impl Iterator<Item = Institution> {
    std::iter::once(record.access.institution).chain(record.register)
}

fn of_key(owner: Institution, place: u64) -> [u8; 12] {
    super::rows::key(owner.0.as_u32(), place)
}

fn decode(record: &[u8]) -> Result<Record, Trouble> {
    codec::decode(record).map_err(|_| damaged())
}

#[cfg(test)]
mod tests;
