//! What follows in the registers when a NISS is replaced by another: rows move, and merge with those that the other has.
//!
//! Invariant: no row is inscribed for a number that was replaced, however short before: who looked it up is told to ask again.
use std::sync::Arc;

use estafette_actors::domain::cbe::Cbe;
use estafette_actors::domain::niss::Niss;
use estafette_actors::domain::submission::Institution;
use estafette_actors::ports::register::{Access, Deed, Trouble};

use super::audit::{Audit, Line, Told};
use super::dossiers::{self, Counted};
use super::engine::{Draft, Engine};
use super::{PERSON_REPLACED, array, damaged, rows};

/// The number that took the place of another, by what the authentic source in these tables knows.
pub fn by(engine: &Engine, niss: Niss) -> Result<Option<Niss>, Trouble> {
    engine.with(PERSON_REPLACED, &niss.as_u64().to_be_bytes(), |value| value.map(unpack).transpose())?
}

/// The same as a change sees it.
pub fn by_in(draft: &Draft<'_>, niss: Niss) -> Result<Option<Niss>, Trouble> {
    draft.get(PERSON_REPLACED, &niss.as_u64().to_be_bytes())?.map(|value| unpack(&value)).transpose()
}

fn unpack(value: &[u8]) -> Result<Niss, Trouble> {
    let number = array(value).map(u64::from_be_bytes).ok_or_else(damaged)?;
    Ok(Niss::from_trusted_u64(number))
}

/// Refuses a number that was replaced.
pub fn refuse_replaced(draft: &Draft<'_>, niss: Niss) -> Result<(), Trouble> {
    let what = "this number was replaced by another: look it up, and inscribe the one in its place";
    if by_in(draft, niss)?.is_some() { Err(Trouble::Conflict(what)) } else { Ok(()) }
}

/// Moves the rows of one number to another in these registers; gives the ones that had any. They may be more then than can be
/// inscribed: what the authentic source says is not an institution's to refuse.
pub fn replace(
    draft: &mut Draft<'_>,
    owners: &[u32],
    access: &Access,
    (old, new): (Niss, Niss),
    audit: &Arc<Audit>,
) -> Result<Vec<Institution>, Trouble> {
    let (mut touched, mut counted) = (Vec::new(), Counted::default());
    let about = Some(audit.about(old));
    for owner in owners {
        let (from, to) = (rows::key(*owner, old.as_u64()), rows::key(*owner, new.as_u64()));
        let moving = dossiers::read(draft, &from)?;
        if moving.is_empty() || from == to {
            continue;
        }
        let mut there = dossiers::read(draft, &to)?;
        for row in moving {
            let before = there.len();
            rows::inscribe(&mut there, row.number, row.period);
            // The row leaves the old number, whatever becomes of it.
            counted.add(*owner, row.number, before + 1, there.len());
        }
        dossiers::put(draft, &from, &[]);
        dossiers::put(draft, &to, &there);
        let institution = Institution(Cbe::from_trusted_u32(*owner));
        let register = Some(institution).filter(|one| *one != access.institution);
        let lines = [Line { about, code: 0, outcome: 0 }];
        let deed = Deed::Replace;
        audit.write(draft, &Told { access, deed, register, codes: &[], outcomes: &["done"], lines: &lines })?;
        touched.push(institution);
    }
    counted.put(draft)?;
    Ok(touched)
}
