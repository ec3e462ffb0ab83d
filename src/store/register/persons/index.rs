//! The index of names: kept in the same change as each person, and made again, in sorted runs, when its codes are of another version
//! or the making was cut short.
//!
//! Invariant: with [`Index::is_ready`] the entries are exactly those of [`Entries::of`] each person. While the index is made, changes
//! go on, and every key that they touched is put right at the end. The version is written last: a making that was cut short begins
//! again at the next start.
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use estafette_actors::domain::identity::Registered;
use estafette_actors::domain::names::CODES_VERSION;
use estafette_actors::ports::register::Trouble;

use super::record::{self, Entries, Key};
use super::sorted::Spill;
use crate::store::register::engine::{Draft, Engine, Straight, Value};
use crate::store::register::{NEXT, PERSON_CODES, PERSONS, damaged};

/// Key of [`NEXT`]: the version of the codes that the index is of.
const VERSION: &[u8] = b"person_codes";
/// Persons that are read in one go.
const PAGE: usize = if cfg!(test) { 7 } else { 65_536 };

/// The index's part in memory. Clones are one.
#[derive(Clone, Default)]
pub struct Index(Arc<State>);

#[derive(Default)]
struct State {
    is_ready: AtomicBool,
    /// While it is made: what changed meanwhile.
    touched: Mutex<Option<BTreeSet<Key>>>,
}

impl Index {
    /// Whether a search finds everybody.
    pub fn ready(&self) -> Result<(), Trouble> {
        if self.is_ready() {
            return Ok(());
        }
        Err(Trouble::Conflict("the index of names is being made: try again in a minute"))
    }

    /// As [`Self::ready`].
    pub fn is_ready(&self) -> bool {
        self.0.is_ready.load(Ordering::Acquire)
    }

    fn touched(&self) -> MutexGuard<'_, Option<BTreeSet<Key>>> {
        // A set of keys is changed in one step each.
        self.0.touched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on, and until [`make`] ends, the index is not whole.
    pub fn begin(&self, draft: &mut Draft<'_>) {
        draft.remove(NEXT, VERSION);
        self.0.is_ready.store(false, Ordering::Release);
        self.touched().get_or_insert_default();
    }

    /// Puts a person's entries in the place of those of what was known before.
    pub fn put(&self, draft: &mut Draft<'_>, before: Option<&Registered>, now: &Entries) {
        let before = before.map(Entries::of).unwrap_or_default();
        if let Some(touched) = self.touched().as_mut() {
            touched.extend(before.keys.iter().chain(&now.keys));
        }
        for key in before.keys.iter().filter(|key| now.keys.binary_search(key).is_err()) {
            draft.remove(PERSON_CODES, key);
        }
        let value: Value = now.value.as_slice().into();
        let is_same = before.value == now.value;
        for key in now.keys.iter().filter(|key| !is_same || before.keys.binary_search(key).is_err()) {
            draft.put(PERSON_CODES, key, Arc::clone(&value));
        }
    }
}

/// Whether the index is of this version; when there is nobody yet, it is.
pub fn open(engine: &Engine, index: &Index) -> Result<bool, Trouble> {
    let version = engine.get(NEXT, VERSION)?;
    if version.is_some_and(|version| *version == CODES_VERSION.to_be_bytes()) {
        index.0.is_ready.store(true, Ordering::Release);
        return Ok(true);
    }
    *index.touched() = Some(BTreeSet::new());
    let mut is_empty = true;
    engine.scan(PERSONS, &[], None, |_, _| {
        is_empty = false;
        ControlFlow::Break(())
    })?;
    if is_empty {
        // Asked for when this returns; when it fails, the next start makes the index of whoever came since.
        drop(engine.change(finish(index)));
        index.0.is_ready.store(true, Ordering::Release);
    }
    Ok(is_empty)
}

/// The last step: puts right what changed meanwhile, and writes the version.
fn finish(index: &Index) -> impl FnOnce(&mut Draft<'_>) -> Result<(), Trouble> + Send + 'static {
    let index = index.clone();
    move |draft| {
        let touched = index.touched().clone().unwrap_or_default();
        for key in touched {
            let niss = record::entry_niss(&key).ok_or_else(damaged)?;
            let entries = read(draft, niss)?.as_ref().map(Entries::of).unwrap_or_default();
            if entries.keys.binary_search(&key).is_ok() {
                draft.put(PERSON_CODES, &key, entries.value);
            } else {
                draft.remove(PERSON_CODES, &key);
            }
        }
        draft.put(NEXT, VERSION, CODES_VERSION.to_be_bytes().as_slice());
        draft.after(move || {
            *index.touched() = None;
            index.0.is_ready.store(true, Ordering::Release);
        });
        Ok(())
    }
}

/// The person of a number.
pub fn read(draft: &Draft<'_>, niss: estafette_actors::domain::niss::Niss) -> Result<Option<Registered>, Trouble> {
    let value = draft.get(PERSONS, &record::key(niss))?;
    value.map(|value| record::unpack(niss, &value).ok_or_else(damaged)).transpose()
}

/// Makes the index from the persons. Takes a minute for millions, and a thread for itself.
pub fn make(engine: &Engine, index: &Index, dir: &Path) -> Result<(), Trouble> {
    let here = tokio::runtime::Builder::new_current_thread().build();
    let here = here.map_err(|error| Trouble::Unreadable(error.to_string()))?;
    here.block_on(engine.straight(|_| Ok::<_, Trouble>(((), vec![Straight::Empty(PERSON_CODES)]))))?;
    let spill = spill(engine, dir)?;
    bring_in(engine, index, spill)
}

/// Brings the entries of persons who came into the index, which is whole then.
pub fn bring_in(engine: &Engine, index: &Index, spill: Spill) -> Result<(), Trouble> {
    spill.bring_in(engine)?;
    let here = tokio::runtime::Builder::new_current_thread().build();
    let here = here.map_err(|error| Trouble::Unreadable(error.to_string()))?;
    here.block_on(engine.change(finish(index)))
}

/// The entries of all persons.
fn spill(engine: &Engine, dir: &Path) -> Result<Spill, Trouble> {
    let mut spill = Spill::new(dir)?;
    let mut after: Option<[u8; 8]> = None;
    loop {
        let from = after.map_or(0, |key| u64::from_be_bytes(key) + 1).to_be_bytes();
        let (mut taken, mut outcome) = (0, Ok(()));
        engine.scan(PERSONS, &from, None, |key, value| {
            let person = record::niss_of(key).and_then(|niss| record::unpack(niss, value)).ok_or_else(damaged);
            outcome = person.and_then(|person| {
                after = Some(record::key(person.niss));
                spill.take(&person)
            });
            taken += 1;
            if outcome.is_err() || taken == PAGE { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        outcome?;
        if taken < PAGE {
            return Ok(spill);
        }
    }
}
