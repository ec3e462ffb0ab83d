//! Finding lines of the trail: all, an institution's, or those about somebody.
use std::collections::BTreeMap;
use std::ops::ControlFlow;

use estafette_actors::domain::submission::Institution;
use estafette_actors::ports::register::{AuditLine, Trouble};

use super::about::Open;
use super::{AUDIT, AUDIT_OF, LINES, Record, array, damaged, decode, of_key, owners};
use crate::store::register::engine::Engine;

impl Record {
    fn line(&self, place: u64, number: usize) -> Option<AuditLine> {
        let line = self.lines.get(number)?;
        let code = usize::from(line.code).checked_sub(1);
        Some(AuditLine {
            position: place + number as u64,
            at: self.at,
            access: self.access.clone(),
            deed: self.deed,
            about: line.about,
            code: code.and_then(|code| self.codes.get(code)).copied(),
            outcome: self.outcomes.get(usize::from(line.outcome))?.clone(),
        })
    }
}

/// What is looked for.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    pub owner: Option<Institution>,
    pub about: Option<u64>,
    /// After this position.
    pub after: u64,
    pub limit: usize,
}

/// The first lines that are wanted, oldest first.
pub fn list(engine: &Engine, found: &Open, wanted: Wanted) -> Result<Vec<AuditLine>, Trouble> {
    match (wanted.about, wanted.owner) {
        (Some(about), _) => about_somebody(engine, found, wanted, about),
        (None, Some(owner)) => of_owner(engine, wanted, owner),
        (None, None) => all(engine, wanted),
    }
}

/// Where the first record with a line after a position may begin.
fn reaching(after: u64) -> u64 {
    (after + 1).saturating_sub(LINES as u64)
}

/// Takes the lines after a position; gives whether more are wanted.
fn take(lines: &mut Vec<AuditLine>, wanted: Wanted, place: u64, record: &Record) -> bool {
    for number in 0..record.lines.len() {
        if lines.len() == wanted.limit {
            return false;
        }
        lines.extend(record.line(place, number).filter(|line| line.position > wanted.after));
    }
    lines.len() < wanted.limit
}

fn all(engine: &Engine, wanted: Wanted) -> Result<Vec<AuditLine>, Trouble> {
    let (mut lines, mut outcome) = (Vec::new(), Ok(()));
    engine.scan(AUDIT, &reaching(wanted.after).to_be_bytes(), None, |key, value| {
        match (array(key).ok_or_else(damaged), decode(value)) {
            (Ok(place), Ok(record)) if take(&mut lines, wanted, u64::from_be_bytes(place), &record) => {
                return ControlFlow::Continue(());
            }
            (Ok(_), Ok(_)) => {}
            (Err(error), _) | (_, Err(error)) => outcome = Err(error),
        }
        ControlFlow::Break(())
    })?;
    outcome.map(|()| lines)
}

fn of_owner(engine: &Engine, wanted: Wanted, owner: Institution) -> Result<Vec<AuditLine>, Trouble> {
    let mut places = Vec::new();
    let (from, until) = (of_key(owner, reaching(wanted.after)), of_key(owner, u64::MAX));
    engine.scan(AUDIT_OF, &from, Some(&until), |key, _| {
        places.extend(super::super::rows::niss_of(key));
        // A record has a line at least, and one at the beginning may have none after the position.
        if places.len() > wanted.limit + LINES { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    let mut lines = Vec::new();
    for place in places {
        // What is past its time may have gone meanwhile.
        let Some(record) = engine.get(AUDIT, &place.to_be_bytes())? else { continue };
        if !take(&mut lines, wanted, place, &decode(&record)?) {
            break;
        }
    }
    Ok(lines)
}

fn about_somebody(engine: &Engine, found: &Open, wanted: Wanted, about: u64) -> Result<Vec<AuditLine>, Trouble> {
    // An institution's lines are chosen among all: then none may be left out.
    let most = if wanted.owner.is_none() { wanted.limit } else { usize::MAX };
    let mut lines = BTreeMap::new();
    for (position, place) in found.find(engine, about, wanted.after, most)? {
        // What is past its time may have gone, and what was just noted may not be durable.
        let Some(record) = engine.get(AUDIT, &place.to_be_bytes())? else { continue };
        let record = decode(&record)?;
        let is_of = wanted.owner.is_none_or(|owner| owners(&record).any(|one| one == owner));
        if is_of && let Some(line) = record.line(place, (position - place) as usize) {
            lines.insert(position, line);
        }
    }
    Ok(lines.into_values().take(wanted.limit).collect())
}
