//! Finding lines of the trail: all, an institution's, or those about somebody.
use std::collections::BTreeMap;
use std::ops::ControlFlow;

use estafette_actors::domain::submission::Institution;
use estafette_actors::ports::register::{AuditLine, Trouble};

use super::{
    AUDIT, AUDIT_ABOUT, AUDIT_OF, AUDIT_RUN, BUCKET, LINES, Record, about_key, array, damaged, decode, of_key, owners,
};
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
            code: code.and_then(|code| self.codes.get(code)).cloned(),
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
pub fn list(engine: &Engine, wanted: Wanted) -> Result<Vec<AuditLine>, Trouble> {
    match (wanted.about, wanted.owner) {
        (Some(about), _) => about_somebody(engine, wanted, about),
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

fn about_somebody(engine: &Engine, wanted: Wanted, about: u64) -> Result<Vec<AuditLine>, Trouble> {
    let mut lines = BTreeMap::new();
    for (position, place) in in_buckets(engine, wanted, about)?.into_iter().chain(in_runs(engine, wanted, about)?) {
        let Some(record) = engine.get(AUDIT, &place.to_be_bytes())? else { continue };
        let record = decode(&record)?;
        let is_of = wanted.owner.is_none_or(|owner| owners(&record).any(|one| one == owner));
        if is_of && let Some(line) = record.line(place, (position - place) as usize) {
            lines.insert(position, line);
        }
    }
    Ok(lines.into_values().take(wanted.limit).collect())
}

/// Positions of lines, and of their records.
type Places = Vec<(u64, u64)>;

/// One look for each bucket that there is.
fn in_buckets(engine: &Engine, wanted: Wanted, about: u64) -> Result<Places, Trouble> {
    let mut places = Places::new();
    let mut position = wanted.after + 1;
    loop {
        let bucket = position >> BUCKET;
        let until = about_key(about.saturating_add(1), bucket << BUCKET);
        let until = if about == u64::MAX { about_key(0, (bucket + 1) << BUCKET) } else { until };
        engine.scan(AUDIT_ABOUT, &about_key(about, position), Some(&until), |key, value| {
            let found = (key.get(12..).and_then(array), array(value));
            places.extend(if let (Some(position), Some(place)) = found {
                Some((u64::from_be_bytes(position), u64::from_be_bytes(place)))
            } else {
                None
            });
            more(&places, wanted)
        })?;
        // An institution's lines are chosen among all: then none may be left out.
        if more(&places, wanted).is_break() {
            return Ok(places);
        }
        let mut next = None;
        engine.scan(AUDIT_ABOUT, &about_key(0, (bucket + 1) << BUCKET), None, |key, _| {
            next = key.get(..4).and_then(array).map(u32::from_be_bytes);
            ControlFlow::Break(())
        })?;
        let Some(next) = next else { return Ok(places) };
        position = u64::from(next) << BUCKET;
    }
}

fn more(places: &Places, wanted: Wanted) -> ControlFlow<()> {
    let is_enough = wanted.owner.is_none() && places.len() >= wanted.limit;
    if is_enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

/// One look for each import that there is.
fn in_runs(engine: &Engine, wanted: Wanted, about: u64) -> Result<Places, Trouble> {
    let (mut places, mut from) = (Places::new(), 0_u64);
    loop {
        let mut run = None;
        engine.scan(AUDIT_RUN, &from.to_be_bytes(), None, |key, _| {
            run = key.get(..8).and_then(array).map(u64::from_be_bytes);
            ControlFlow::Break(())
        })?;
        let Some(run) = run else { return Ok(places) };
        let (first, end) = (super::run_key(run, about, 0), (run + 1).to_be_bytes());
        engine.scan(AUDIT_RUN, &first, Some(&end), |_, page| {
            let (page, _) = page.as_chunks::<12>();
            let hash = |entry: &[u8; 12]| array(&entry[..8]).map_or(0, u64::from_be_bytes);
            let begin = page.partition_point(|entry| hash(entry) < about);
            let found = page[begin..].iter().take_while(|entry| hash(entry) == about);
            let places_of = found.filter_map(|entry| {
                let number = u64::from(u32::from_be_bytes(array(&entry[8..])?));
                Some((run + number, run + number - number % LINES as u64))
            });
            places.extend(places_of.filter(|(position, _)| *position > wanted.after));
            // It goes on only where a page ends with it.
            let goes_on = page.last().is_some_and(|entry| hash(entry) == about);
            if goes_on { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        if more(&places, wanted).is_break() {
            return Ok(places);
        }
        from = run + 1;
    }
}
