//! Persons as the operator has them: checked together, and all of them put in one change or none.
//!
//! Invariant: in one change are the persons, their entries in the index, what institutions are told, and the rows that move. They are
//! told before rows move: who had the number is known only until then. Every chain of replacements ends, within
//! [`CHAIN`](estafette_actors::register::CHAIN) steps, in a number that is known.
use estafette_actors::domain::identity::{Registered, Standing};
use estafette_actors::domain::mutation::Change;
use estafette_actors::domain::niss::Niss;
use estafette_actors::ports::register::{Access, Deed, Trouble};
use estafette_actors::register::CHAIN;
use jiff::civil::Date;

use super::record::{self, Entries};
use super::{Inner, check, index};
use crate::store::register::audit::{Line, Told};
use crate::store::register::engine::Draft;
use crate::store::register::{PERSON_REPLACED, PERSONS, replace};

const OUTCOMES: &[&str] = &["new", "changed", "replaced", "restored", "cancelled", "same"];

/// A person as the writer takes one.
struct Ready {
    /// Its place in what was given, from 1.
    line: usize,
    person: Registered,
    bytes: Vec<u8>,
    entries: Entries,
    about: u64,
}

/// Persons ready to be put.
pub struct Prepared {
    access: Access,
    today: Date,
    /// By NISS.
    ready: Vec<Ready>,
}

fn refused(line: usize, what: &str) -> Trouble {
    Trouble::Refused(format!("line {line}: {what}"))
}

impl Prepared {
    /// Checks each by itself.
    pub fn new(inner: &Inner, access: Access, persons: Vec<Registered>) -> Result<Self, Trouble> {
        let today = inner.today();
        let ready = persons.into_iter().enumerate().map(|(place, person)| {
            let line = place + 1;
            check::identity(&person.identity).map_err(|what| refused(line, what))?;
            let (bytes, entries) = (record::pack(&person), Entries::of(&person));
            Ok(Ready { line, bytes, entries, about: inner.audit.about(person.niss), person })
        });
        let mut ready: Vec<Ready> = ready.collect::<Result<_, Trouble>>()?;
        ready.sort_by_key(|one| one.person.niss);
        for (one, other) in ready.iter().zip(ready.iter().skip(1)) {
            if one.person.niss == other.person.niss {
                return Err(refused(other.line, &format!("line {} has the same NISS: give each once", one.line)));
            }
        }
        Ok(Self { access, today, ready })
    }

    /// Decides and puts all of it; gives how many were new and how many changed.
    pub fn write(&self, draft: &mut Draft<'_>, inner: &Inner) -> Result<(u64, u64), Trouble> {
        let (mut new, mut changed) = (0, 0);
        let (mut lines, mut told, mut moves) = (Vec::new(), Vec::new(), Vec::new());
        let mut followed = Vec::new();
        for one in &self.ready {
            let before = index::read(draft, one.person.niss)?;
            let outcome = match &before {
                Some(before) if *before == one.person => "same",
                Some(before) => {
                    changed += 1;
                    let changes = changes(before, &one.person);
                    let outcome = changes.first().map_or("changed", outcome);
                    told.extend(changes.into_iter().map(|change| (one.person.niss, self.today, change)));
                    outcome
                }
                None => {
                    new += 1;
                    "new"
                }
            };
            if outcome != "same" {
                put(draft, inner, before.as_ref(), one);
                let (was, is) = (before.as_ref().and_then(replaced_by), replaced_by(&one.person));
                if was != is {
                    followed.push((one.person.niss, is));
                    moves.extend(is.map(|_| one));
                }
            }
            let outcome = OUTCOMES.iter().position(|known| *known == outcome).unwrap_or_default();
            lines.push(Line { about: Some(one.about), code: 0, outcome: outcome as u16 });
        }
        let led = self.ready.iter().filter(|one| replaced_by(&one.person).is_some());
        let ends: Vec<_> = led.map(|one| Ok((one.person.niss, end(draft, one)?))).collect::<Result<_, Trouble>>()?;
        inner.tell(draft, &self.access, &told)?;
        let owners = if moves.is_empty() { vec![] } else { inner.types.owners() };
        for one in moves {
            let old = one.person.niss;
            // Rows of a number that leads to nobody stay where they are: their owner is told.
            let place = ends.binary_search_by_key(&old, |(niss, _)| *niss).ok();
            if let Some(new) = place.and_then(|place| ends[place].1) {
                replace::replace(draft, &owners, &self.access, (old, new), &inner.audit)?;
            }
        }
        let (access, outcomes) = (&self.access, OUTCOMES);
        inner
            .audit
            .write(draft, &Told { access, deed: Deed::Import, register: None, codes: &[], outcomes, lines: &lines })?;
        inner.follow(draft, followed);
        Ok((new, changed))
    }
}

/// The NISS that took the place of a person's.
pub fn replaced_by(person: &Registered) -> Option<Niss> {
    match person.standing {
        Standing::ReplacedBy(by) => Some(by),
        Standing::InUse | Standing::Cancelled => None,
    }
}

fn put(draft: &mut Draft<'_>, inner: &Inner, before: Option<&Registered>, one: &Ready) {
    let key = record::key(one.person.niss);
    draft.put(PERSONS, &key, one.bytes.as_slice());
    inner.index.put(draft, before, &one.entries);
    match replaced_by(&one.person) {
        Some(by) => draft.put(PERSON_REPLACED, &key, record::key(by).as_slice()),
        None if before.and_then(replaced_by).is_some() => draft.remove(PERSON_REPLACED, &key),
        None => {}
    }
}

/// What institutions are told of a person that changed: what became of the number first.
fn changes(before: &Registered, now: &Registered) -> Vec<Change> {
    let mut changes = Vec::new();
    if before.standing != now.standing {
        changes.push(match (before.standing, now.standing) {
            (_, Standing::ReplacedBy(by)) => Change::Replaced { by },
            (_, Standing::Cancelled) => Change::Cancelled,
            (Standing::ReplacedBy(from), Standing::InUse) => Change::Restored { from },
            // It had been cancelled: no other number took its place.
            (Standing::Cancelled | Standing::InUse, Standing::InUse) => Change::Restored { from: now.niss },
        });
    }
    let fields = before.identity.changed(&now.identity);
    if !fields.is_empty() {
        changes.push(Change::Identified { fields, now: Box::new(now.identity.clone()) });
    }
    changes
}

const fn outcome(change: &Change) -> &'static str {
    match change {
        Change::Replaced { .. } => "replaced",
        Change::Restored { .. } => "restored",
        Change::Cancelled => "cancelled",
        Change::Identified { .. } | Change::Event { .. } => "changed",
    }
}

/// Where the replacements of a number lead; none when that one was cancelled.
fn end(draft: &Draft<'_>, one: &Ready) -> Result<Option<Niss>, Trouble> {
    let mut standing = one.person.standing;
    let mut niss = one.person.niss;
    for _ in 0..CHAIN {
        match standing {
            Standing::InUse => return Ok(Some(niss)),
            Standing::Cancelled => return Ok(None),
            Standing::ReplacedBy(by) => {
                let known = index::read(draft, by)?;
                let unknown = || {
                    refused(one.line, "the number that takes its place is not known: put that one first, or with it")
                };
                (niss, standing) = (by, known.ok_or_else(unknown)?.standing);
            }
        }
    }
    let what = "its replacements lead back to it, or on and on: correct the number that takes its place";
    Err(refused(one.line, what))
}
