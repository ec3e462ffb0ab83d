//! Many inscriptions at once: prepared beside the writer, decided by it in the order of the keys, all or none.
use std::collections::HashMap;

use estafette_actors::domain::dossier::Code;
use estafette_actors::domain::niss::Niss;
use estafette_actors::domain::period::{Inscribed, Period};
use estafette_actors::ports::register::{Access, Deed, Import, Trouble};

use super::audit::{Audit, Line, Told};
use super::dossiers::{self, Counted};
use super::engine::Draft;
use super::types::Known;
use super::{PERSON_ROWS, replace, rows};

/// From so many lines on an import goes straight to the tables.
pub const STRAIGHT: usize = 4_096;

const OUTCOMES: &[&str] = &["done", "covered"];

/// A line as the writer takes it.
struct Ready {
    niss: u64,
    number: u16,
    period: Period,
    /// Its place in what was given.
    place: u32,
}

/// An import, ready to be written.
pub struct Prepared {
    access: Access,
    codes: Vec<Code>,
    /// Sorted by NISS; those of one NISS as they were given.
    ready: Vec<Ready>,
    /// For the trail, in the order that was given.
    lines: Vec<Line>,
}

impl Prepared {
    /// Sorts, looks up and hashes; the types are those of the caller.
    pub fn new(access: Access, known: &Known, given: &[Import], audit: &Audit) -> Result<Self, Trouble> {
        let (mut codes, mut places) = (Vec::new(), HashMap::new());
        let (mut ready, mut lines) = (Vec::with_capacity(given.len()), Vec::with_capacity(given.len()));
        let mut about: Option<(Niss, u64)> = None;
        for (place, line) in given.iter().enumerate() {
            let (number, code) = if let Some(found) = places.get(&line.code) {
                *found
            } else {
                let number = known.number(&line.code).ok_or(Trouble::NotFound)?;
                codes.push(line.code);
                let found = (number, codes.len() as u16);
                places.insert(line.code, found);
                found
            };
            let hash = match about {
                Some((niss, hash)) if niss == line.niss => hash,
                _ => audit.about(line.niss),
            };
            about = Some((line.niss, hash));
            lines.push(Line { about: Some(hash), code, outcome: 0 });
            ready.push(Ready { niss: line.niss.as_u64(), number, period: line.period, place: place as u32 });
        }
        // A stable sort costs one look at each line when they are sorted.
        ready.sort_by_key(|line| line.niss);
        Ok(Self { access, codes, ready, lines })
    }

    /// Decides and puts all of it; refuses numbers that were replaced, where it heeds that.
    pub fn write(mut self, draft: &mut Draft<'_>, audit: &Audit, heeds: bool) -> Result<Vec<Inscribed>, Trouble> {
        let owner = self.access.institution.0.as_u32();
        let mut outcomes: Vec<Option<Inscribed>> = vec![None; self.ready.len()];
        let mut counted = Counted::default();
        for person in self.ready.chunk_by(|one, other| one.niss == other.niss) {
            if heeds {
                replace::refuse_replaced(draft, Niss::from_trusted_u64(person[0].niss))?;
            }
            let key = rows::key(owner, person[0].niss);
            let mut now = dossiers::read(draft, &key)?;
            let mut is_changed = false;
            for line in person {
                let before = now.len();
                let outcome = rows::inscribe(&mut now, line.number, line.period);
                if now.len() > PERSON_ROWS && now.len() > before {
                    return Err(Trouble::TooManyRows(PERSON_ROWS));
                }
                let is_covered = matches!(outcome, Inscribed::Covered(_));
                is_changed |= !is_covered;
                counted.add(owner, line.number, before, now.len());
                self.lines[line.place as usize].outcome = u16::from(is_covered);
                outcomes[line.place as usize] = Some(outcome);
            }
            if is_changed {
                dossiers::put(draft, &key, &now);
            }
        }
        counted.put(draft)?;
        let Self { access, codes, lines, .. } = &self;
        audit.write(draft, &Told { access, deed: Deed::Import, register: None, codes, outcomes: OUTCOMES, lines })?;
        Ok(outcomes.into_iter().flatten().collect())
    }
}
