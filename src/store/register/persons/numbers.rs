//! Which BCSS number is given out next.
//!
//! Invariant: a number that has a record is never given out again, whatever became of it. It is looked for on the writer thread, so
//! two who ask at once never get one. Numbers of a day that ran out are followed by those with month 00, as the National Register
//! does, and the birth date is that of the record.
use std::collections::HashSet;
use std::ops::ControlFlow;

use estafette_actors::domain::birth::BirthDate;
use estafette_actors::domain::niss::{Niss, Sex};
use estafette_actors::ports::register::Trouble;

use super::record;
use crate::store::register::PERSONS;
use crate::store::register::engine::Draft;

/// Sequence numbers in the order in which they are given out; 000 is the last.
fn sequences() -> impl Iterator<Item = u16> {
    (1..1_000).chain([0])
}

/// The next number.
pub fn next(draft: &Draft<'_>, birth: BirthDate, sex: Option<Sex>) -> Result<Niss, Trouble> {
    let (year, month, day) = (birth.year(), birth.month().unwrap_or(0), birth.day().unwrap_or(0));
    if Niss::bcss(year, month, day, None, 1).is_none() {
        return Err(Trouble::Refused(
            "a number has no place for this year of birth: give one from 1900 to 2099".to_owned(),
        ));
    }
    let own = (month, day);
    let others = std::iter::once(day).chain(0..=31).map(|day| (0, day)).filter(|other| *other != own);
    for (month, day) in std::iter::once(own).chain(others) {
        let series: Vec<Niss> =
            sequences().filter_map(|sequence| Niss::bcss(year, month, day, sex, sequence)).collect();
        let used = used(draft, &series)?;
        let after = series.iter().rposition(|niss| used.contains(niss)).map_or(0, |last| last + 1);
        // Gaps below the last are for when there is nothing behind it.
        let (before, behind) = series.split_at(after);
        if let Some(free) = behind.first().or_else(|| before.iter().find(|niss| !used.contains(niss))) {
            return Ok(*free);
        }
    }
    Err(Trouble::Refused("all numbers of this birth year are given out: check the birth date".to_owned()))
}

/// The numbers of the same six digits that have a record.
fn used(draft: &Draft<'_>, series: &[Niss]) -> Result<HashSet<Niss>, Trouble> {
    let mut used = HashSet::new();
    let Some(one) = series.first() else { return Ok(used) };
    let six = one.as_u64() / 100_000;
    let bound = |six: u64| (six * 100_000).to_be_bytes();
    draft.scan(PERSONS, &bound(six), Some(&bound(six + 1)), |key, _| {
        used.extend(record::niss_of(key));
        ControlFlow::Continue(())
    })?;
    Ok(used)
}
