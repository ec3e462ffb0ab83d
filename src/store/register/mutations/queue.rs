//! Taking mutations in: each stands once for each institution that gets it, under the day of its recording.
//!
//! Invariant: a day that is closed gets nothing more, whatever the clock says; positions only grow.
use std::sync::Arc;

use estafette_actors::domain::day;
use estafette_actors::domain::mutation::{Change, Mutation};
use estafette_actors::domain::niss::Niss;
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::register::{Access, Deed, Trouble};
use estafette_actors::register::CHAIN;
use jiff::civil::Date;

use super::super::super::codec;
use super::super::audit::{Audit, Line, Told};
use super::super::engine::{Draft, Value};
use super::super::rows::{self, Row};
use super::super::{MUTATIONS, NEXT, array, damaged};
use super::book::{Place, mutation_key};
use super::holders::Holders;

/// Key of [`NEXT`]: the position of the last mutation.
const LAST: &[u8] = b"mutation";
/// Key of [`NEXT`]: the first day that is open.
const OPEN: &[u8] = b"mutations_open";
/// From so many bytes on a batch goes straight to the tables.
const LARGE: usize = 4 << 20;

/// A mutation, and the institutions that get it.
pub struct Ready {
    value: Value,
    /// Their numbers.
    pub to: Vec<u32>,
}

/// Looks up who gets what. `read` gives the rows of a NISS in a register, `next` the number that took the place of another.
///
/// Rows are where the replacements of a number lead to, or on the way there when that is nobody: an event goes to those who have
/// rows there, under the number that they have; of a number that was restored they are told.
pub fn ready(
    holders: &Holders,
    mut read: impl FnMut(u32, Niss) -> Result<Vec<Row>, Trouble>,
    next: impl Fn(Niss) -> Result<Option<Niss>, Trouble>,
    mutations: &[(Niss, Date, Change)],
    recorded: Timestamp,
) -> Result<Vec<Ready>, Trouble> {
    let mut one = |(given, on, change): &(Niss, Date, Change)| {
        let (mut niss, mut to) = (*given, holders.of(&mut read, *given, *on, change)?);
        match change {
            Change::Event { .. } if to.is_empty() => {
                for place in behind(*given, &next)? {
                    to = holders.of(&mut read, place, *on, change)?;
                    if !to.is_empty() {
                        niss = place;
                        break;
                    }
                }
            }
            Change::Restored { from } if from != given => {
                for from in behind(*from, &next)? {
                    to.extend(holders.of(&mut read, *given, *on, &Change::Restored { from })?);
                }
            }
            _ => {}
        }
        let mutation = Mutation { niss, on: *on, recorded, change: change.clone() };
        Ok(Ready { value: codec::encode(&mutation).into(), to: to.into_iter().collect() })
    };
    mutations.iter().map(&mut one).collect()
}

/// The numbers that took the place of one, one after the other.
fn behind(niss: Niss, next: impl Fn(Niss) -> Result<Option<Niss>, Trouble>) -> Result<Vec<Niss>, Trouble> {
    let mut numbers = vec![niss];
    while numbers.len() <= CHAIN
        && let Some(by) = next(numbers[numbers.len() - 1])?
    {
        numbers.push(by);
    }
    numbers.remove(0);
    Ok(numbers)
}

/// Whether they are many for the log.
pub fn is_large(ready: &[Ready]) -> bool {
    ready.iter().map(|one| one.value.len() * one.to.len()).sum::<usize>() > LARGE
}

/// Puts them under the day of their recording, or under the first that is open.
pub fn put(draft: &mut Draft<'_>, ready: &[Ready], recorded: Timestamp) -> Result<(), Trouble> {
    let day = rows::day(day::of(recorded)).max(open_from(draft)?);
    let mut position = draft.get(NEXT, LAST)?.map_or(Some(0), |last| array(&last).map(u64::from_be_bytes));
    let position = position.as_mut().ok_or_else(damaged)?;
    for one in ready.iter().filter(|one| !one.to.is_empty()) {
        *position += 1;
        for owner in &one.to {
            let key = mutation_key(*owner, Place { day, position: *position });
            draft.put(MUTATIONS, &key, Arc::clone(&one.value));
        }
    }
    draft.put(NEXT, LAST, position.to_be_bytes().as_slice());
    Ok(())
}

/// Writes a line for each.
pub fn audit(
    draft: &mut Draft<'_>,
    audit: &Audit,
    access: &Access,
    mutations: &[(Niss, Date, Change)],
    ready: &[Ready],
) -> Result<(), Trouble> {
    let mut codes = Vec::new();
    let mut lines = Vec::with_capacity(mutations.len());
    for ((niss, _, change), ready) in mutations.iter().zip(ready) {
        let code = match change {
            Change::Event { kind, .. } => {
                let place = codes.iter().position(|known| known == kind);
                let place = place.unwrap_or_else(|| {
                    codes.push(*kind);
                    codes.len() - 1
                });
                u16::try_from(place + 1).map_err(|_| Trouble::Conflict("too many kinds at once: tell them in parts"))?
            }
            _ => 0,
        };
        lines.push(Line { about: Some(audit.about(*niss)), code, outcome: u16::from(ready.to.is_empty()) });
    }
    let outcomes = ["done", "nobody"];
    let told = Told { access, deed: Deed::Tell, register: None, codes: &codes, outcomes: &outcomes, lines: &lines };
    audit.write(draft, &told)
}

fn open_from(draft: &Draft<'_>) -> Result<i32, Trouble> {
    let open = draft.get(NEXT, OPEN)?;
    open.map_or(Some(0), |open| array(&open).map(i32::from_be_bytes)).ok_or_else(damaged)
}

/// Closes the days before one.
pub fn close(draft: &mut Draft<'_>, today: Date) -> Result<(), Trouble> {
    let today = rows::day(today);
    if open_from(draft)? < today {
        draft.put(NEXT, OPEN, today.to_be_bytes().as_slice());
    }
    Ok(())
}

/// A mutation of its bytes.
pub fn decode(value: &[u8]) -> Result<Mutation, Trouble> {
    codec::decode(value).map_err(|_| damaged())
}

#[cfg(test)]
mod tests {
    use super::*;
    use estafette_actors::domain::dossier::Code;

    #[test]
    fn a_mutation_stays_what_it_was_on_disk() {
        let (niss, by) = (Niss::from_trusted_u64(5), Niss::from_trusted_u64(6));
        let says = [("employer".into(), "0403019261".into())].into();
        let changes = [
            (Change::Replaced { by }, vec![0, 6]),
            (Change::Restored { from: by }, vec![1, 6]),
            (Change::Cancelled, vec![2]),
            (
                Change::Event { kind: Code::parse("A").unwrap(), says },
                [&[4, 1, 65, 1, 8][..], b"employer", &[10], b"0403019261"].concat(),
            ),
        ];
        for (change, golden) in changes {
            let mutation =
                Mutation { niss, on: Date::constant(2026, 1, 2), recorded: Timestamp::from_millis(7), change };
            let golden = [&[1, 5, 10][..], b"2026-01-02", &[7], &golden].concat();
            assert_eq!(codec::encode(&mutation), golden);
            assert!(decode(&golden).unwrap() == mutation);
        }
    }
}
