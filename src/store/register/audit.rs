//! The audit trail: who did or looked at what, when, why, and about whom, as a keyed hash.
//!
//! Invariant: positions grow with time without a gap; a change is in the same commit as its line. All lines of a commit are gathered
//! and written at its end. A record holds lines of one deed of one caller at one time: up to [`LINES`], many of an import or of one
//! millisecond. Lines are found by institution, and by hash: of a few in
//! buckets of positions, so that only a small part of that table changes at a time; of an import in pages of its own, sorted once.
//! A hash stands for one person: with 64 bits, two among twelve million share one in every 250,000 such registers.
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use estafette_actors::domain::dossier::Code;
use estafette_actors::domain::niss::Niss;
use estafette_actors::domain::submission::Institution;
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::Clock;
use estafette_actors::ports::register::{Access, Deed, Trouble};
use serde::{Deserialize, Serialize};

use super::super::codec;
use super::super::index::KeyedHash;
use super::engine::{Draft, Rider};
use super::{AUDIT, AUDIT_ABOUT, AUDIT_OF, AUDIT_RUN, NEXT, array, damaged};

mod keep;
mod list;

pub use self::list::{Wanted, list};

/// Lines of a record at most: such a record fills a page.
pub const LINES: usize = 280;
/// From so many lines on an import has pages of its own.
const RUN: usize = 256;
/// Hashes in one of these: such a page fills one of the disk.
const RUN_PAGE: usize = 336;
/// Positions of a bucket, as a power of two.
const BUCKET: u32 = 18;
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
    /// The first position of the import that has pages of its own.
    run: Option<u64>,
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

/// A line that is not yet written.
struct Noted {
    at: Timestamp,
    access: Access,
    deed: Deed,
    about: Option<u64>,
    code: Option<Code>,
    outcome: &'static str,
}

impl Noted {
    /// A record of it alone.
    fn record(self) -> Record {
        let Self { at, access, deed, about, code, outcome } = self;
        let line = Line { about, code: u16::from(code.is_some()), outcome: 0 };
        Record {
            at,
            access,
            deed,
            register: None,
            run: None,
            codes: code.into_iter().collect(),
            outcomes: vec![outcome.into()],
            lines: vec![line],
        }
    }

    /// Goes into a record of the same caller, deed and time; comes back where it is of another, or the record is full.
    fn join(self, record: &mut Record) -> Option<Self> {
        let is_same = (record.at, record.deed, record.register) == (self.at, self.deed, None);
        if !is_same || record.lines.len() + 1 >= RUN || record.access != self.access {
            return Some(self);
        }
        let code = self.code.map_or(0, |code| 1 + place_in(&mut record.codes, |known| *known == code, || code.clone()));
        let outcome = place_in(&mut record.outcomes, |known| **known == *self.outcome, || self.outcome.into());
        record.lines.push(Line { about: self.about, code, outcome });
        None
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
    gathered: Arc<Mutex<Vec<Gathered>>>,
    waiting: AtomicUsize,
}

/// What the next commit writes.
enum Gathered {
    /// A line.
    One(Noted),
    /// Lines of a change, in one record for now.
    Many(Record),
}

fn lock(gathered: &Mutex<Vec<Gathered>>) -> MutexGuard<'_, Vec<Gathered>> {
    gathered.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Audit {
    pub fn new(hash: KeyedHash, clock: Arc<dyn Clock>, kept: Duration) -> Self {
        Self { hash, clock, kept, gathered: Arc::default(), waiting: AtomicUsize::new(0) }
    }

    /// What the trail knows somebody by.
    pub fn about(&self, niss: Niss) -> u64 {
        self.hash.hash("niss", &niss.as_u64().to_be_bytes())
    }

    /// Lines that wait to be written.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Acquire)
    }

    /// Takes a line to be written with the next commit; gives whether it is the first that waits.
    pub fn note(
        &self,
        access: Access,
        deed: Deed,
        about: Option<u64>,
        code: Option<Code>,
        outcome: &'static str,
    ) -> bool {
        let mut gathered = lock(&self.gathered);
        gathered.push(Gathered::One(Noted { at: self.clock.now(), access, deed, about, code, outcome }));
        self.waiting.store(gathered.len(), Ordering::Release);
        gathered.len() == 1
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
            let again = keep::let_go(draft, now, audit.kept)?;
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
        let mut open = None::<Record>;
        for one in gathered {
            let next = match (one, &mut open) {
                // Many a millisecond come with one key in one context: together they take a small part of the room.
                (Gathered::One(line), Some(record)) => line.join(record).map(Noted::record),
                (Gathered::One(line), None) => Some(line.record()),
                (Gathered::Many(record), _) => Some(record),
            };
            if let Some(next) = next
                && let Some(full) = open.replace(next)
            {
                place = put_all(draft, place, full);
            }
        }
        if let Some(last) = open {
            place = put_all(draft, place, last);
        }
        draft.put(NEXT, NEXT_LINE, place.to_be_bytes().as_slice());
        Ok(())
    }

    /// Writes the lines of a change in its commit, once it is kept.
    pub fn write(&self, draft: &mut Draft<'_>, given: &Told<'_>) -> Result<(), Trouble> {
        let (at, access, deed) = (self.clock.now(), given.access.clone(), given.deed);
        let code_of = |line: &Line| usize::from(line.code).checked_sub(1).and_then(|place| given.codes.get(place));
        let outcome_of = |line: &Line| given.outcomes.get(usize::from(line.outcome)).copied();
        let gathered = match given.lines {
            [line] if given.register.is_none() => {
                let (about, code) = (line.about, code_of(line).cloned());
                let outcome = outcome_of(line).ok_or_else(damaged)?;
                Gathered::One(Noted { at, access, deed, about, code, outcome })
            }
            lines => Gathered::Many(Record {
                at,
                access,
                deed,
                register: given.register,
                run: None,
                codes: given.codes.to_vec(),
                outcomes: given.outcomes.iter().map(|outcome| (*outcome).into()).collect(),
                lines: lines.to_vec(),
            }),
        };
        let all = Arc::clone(&self.gathered);
        draft.when_kept(move || lock(&all).push(gathered));
        Ok(())
    }
}

/// The position of the next line.
fn next(draft: &Draft<'_>) -> Result<u64, super::engine::Error> {
    let next = draft.get(NEXT, NEXT_LINE)?;
    Ok(next.and_then(|next| array(&next)).map_or(1, u64::from_be_bytes))
}

/// Puts a record of any number of lines; gives the position after it.
fn put_all(draft: &mut Draft<'_>, first: u64, mut record: Record) -> u64 {
    if record.lines.len() < RUN {
        return put(draft, first, &record);
    }
    let lines = std::mem::take(&mut record.lines);
    record.run = Some(first);
    let mut place = first;
    for part in lines.chunks(LINES) {
        record.lines = part.to_vec();
        place = put(draft, place, &record);
    }
    put_run(draft, first, &lines);
    place
}

/// Puts a record with what finds it; gives the position after it.
fn put(draft: &mut Draft<'_>, place: u64, record: &Record) -> u64 {
    draft.put(AUDIT, &place.to_be_bytes(), codec::encode(record));
    for owner in owners(record) {
        draft.put(AUDIT_OF, &of_key(owner, place), [].as_slice());
    }
    let after = place + record.lines.len() as u64;
    if record.run.is_none() {
        for (position, line) in (place..).zip(&record.lines) {
            if let Some(about) = line.about {
                draft.put(AUDIT_ABOUT, &about_key(about, position), place.to_be_bytes().as_slice());
            }
        }
    }
    after
}

fn owners(record: &Record) -> impl Iterator<Item = Institution> {
    std::iter::once(record.access.institution).chain(record.register)
}

fn of_key(owner: Institution, place: u64) -> [u8; 12] {
    super::rows::key(owner.0.as_u32(), place)
}

fn about_key(about: u64, position: u64) -> [u8; 20] {
    let mut key = [0; 20];
    key[..4].copy_from_slice(&((position >> BUCKET) as u32).to_be_bytes());
    key[4..12].copy_from_slice(&about.to_be_bytes());
    key[12..].copy_from_slice(&position.to_be_bytes());
    key
}

/// The pages of an import: sorted by hash, each under its last one.
fn put_run(draft: &mut Draft<'_>, run: u64, lines: &[Line]) {
    let mut hashes: Vec<(u64, u32)> = (0..).zip(lines).filter_map(|(place, line)| Some((line.about?, place))).collect();
    hashes.sort_unstable();
    for (number, page) in hashes.chunks(RUN_PAGE).enumerate() {
        let last = page.last().map_or(0, |(about, _)| *about);
        let bytes: Vec<u8> =
            page.iter().flat_map(|(about, place)| about.to_be_bytes().into_iter().chain(place.to_be_bytes())).collect();
        draft.put(AUDIT_RUN, &run_key(run, last, number as u32), bytes);
    }
}

fn run_key(run: u64, last: u64, number: u32) -> [u8; 20] {
    let mut key = [0; 20];
    key[..8].copy_from_slice(&run.to_be_bytes());
    key[8..16].copy_from_slice(&last.to_be_bytes());
    key[16..].copy_from_slice(&number.to_be_bytes());
    key
}

fn decode(record: &[u8]) -> Result<Record, Trouble> {
    codec::decode(record).map_err(|_| damaged())
}

#[cfg(test)]
mod tests;
