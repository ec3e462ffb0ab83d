//! The first millions: persons in the order of their numbers go straight behind those that are there, and the index of names is
//! sorted once, at the end.
//!
//! Invariant: what a piece brought is durable before the next begins; until the end nobody is searched for or created.
use estafette_actors::domain::identity::Registered;
use estafette_actors::ports::register::{Access, Deed, Trouble};

use super::put::replaced_by;
use super::{Inner, check, index, record};
use crate::store::register::audit::{Line, Told};
use crate::store::register::engine::Draft;
use crate::store::register::{PERSON_REPLACED, PERSONS};
use std::sync::Arc;

/// Persons of one commit.
const PIECE: usize = if cfg!(test) { 5 } else { 100_000 };

/// See [`super::Persons::load`].
pub fn load(inner: &Arc<Inner>, access: &Access, persons: impl Iterator<Item = Registered>) -> Result<u64, Trouble> {
    let here = tokio::runtime::Builder::new_current_thread().build();
    let here = here.map_err(|error| Trouble::Unreadable(error.to_string()))?;
    let (mut persons, mut last, mut new, mut line) = (persons.peekable(), None, 0, 0_usize);
    let mut outcome = Ok(());
    while outcome.is_ok() && persons.peek().is_some() {
        let mut piece = Vec::with_capacity(PIECE);
        while piece.len() < PIECE
            && let Some(person) = persons.next()
        {
            line += 1;
            let wrong = if last.is_some_and(|last| last >= person.niss) {
                Err("the numbers are not in their order: sort them, each once")
            } else {
                check::identity(&person.identity)
            };
            if let Err(what) = wrong {
                outcome = Err(Trouble::Refused(format!("line {line}: {what}")));
                break;
            }
            last = Some(person.niss);
            piece.push((line, person));
        }
        let (deciding, access) = (Arc::clone(inner), access.clone());
        let put = inner.engine.bulk(move |draft| write(draft, &deciding, &access, &piece));
        match here.block_on(put) {
            Ok(count) => new += count,
            Err(trouble) => outcome = outcome.and(Err(trouble)),
        }
    }
    // What came until then is found all the same.
    index::make(&inner.engine, &inner.index, &inner.dir)?;
    outcome?;
    Ok(new)
}

fn write(draft: &mut Draft<'_>, inner: &Inner, access: &Access, piece: &[(usize, Registered)]) -> Result<u64, Trouble> {
    inner.index.begin(draft);
    let (mut new, mut followed) = (0, Vec::new());
    for (line, person) in piece {
        let key = record::key(person.niss);
        match index::read(draft, person.niss)? {
            Some(known) if known == *person => continue,
            Some(_) => {
                let what = "this number is known with other data: what changes is put, and not loaded";
                return Err(Trouble::Refused(format!("line {line}: {what}")));
            }
            None => draft.put(PERSONS, &key, record::pack(person)),
        }
        new += 1;
        if let Some(by) = replaced_by(person) {
            draft.put(PERSON_REPLACED, &key, record::key(by).as_slice());
            followed.push((person.niss, Some(by)));
        }
    }
    let lines = [Line { about: None, code: 0, outcome: 0 }];
    let outcomes = &["loaded"];
    inner
        .audit
        .write(draft, &Told { access, deed: Deed::Import, register: None, codes: &[], outcomes, lines: &lines })?;
    inner.follow(draft, followed);
    Ok(new)
}
