//! What is durable in the log and not yet in the tables, and reading through it.
//!
//! Invariant: a newer layer hides an older one: what a draft put, then what was published since the last flush began, then what the
//! flush is writing, then the tables. What leaves a layer is in the next one before a reader can miss it.
use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::files::Reader;
use super::{Error, Shared, Table, Value};

/// Entries of a layer that are taken in one go: so long nobody is published.
const PIECE: usize = if cfg!(test) { 3 } else { 1_024 };

/// Is handed a key and its value, and says whether to go on.
pub type Each<'e> = dyn FnMut(&[u8], &[u8]) -> ControlFlow<()> + 'e;

/// By key; none is a key that was removed.
pub type Map = BTreeMap<Box<[u8]>, Option<Value>>;

/// Changes of all tables.
#[derive(Debug, Default)]
pub struct Maps(Vec<Map>);

impl Maps {
    pub fn new(tables: usize) -> Self {
        Self((0..tables).map(|_| Map::new()).collect())
    }

    pub fn is_empty(&self) -> bool {
        self.0.iter().all(Map::is_empty)
    }

    pub fn table(&self, table: Table) -> &Map {
        &self.0[usize::from(table.0)]
    }

    pub fn put(&mut self, table: Table, key: &[u8], value: Option<Value>) {
        let map = &mut self.0[usize::from(table.0)];
        match map.get_mut(key) {
            Some(known) => *known = value,
            None => {
                map.insert(key.into(), value);
            }
        }
    }

    /// Takes in what is newer.
    pub fn take_in(&mut self, newer: &mut Self) {
        for (map, newer) in self.0.iter_mut().zip(&mut newer.0) {
            if map.is_empty() {
                std::mem::swap(map, newer);
            } else {
                map.extend(std::mem::take(newer));
            }
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = (Table, &Map)> {
        self.0.iter().enumerate().map(|(place, map)| (Table(place as u8), map))
    }
}

/// See the head of this file.
pub struct Overlay {
    /// Since the last flush began.
    pub active: Maps,
    /// What the flush writes.
    pub frozen: Arc<Maps>,
    /// The tables, as the last flush left them.
    pub reader: Arc<Reader>,
    /// The place in the log of what was published last.
    pub position: u64,
    /// Bytes of the log that the tables lack.
    pub bytes: usize,
}

pub fn read(overlay: &RwLock<Overlay>) -> RwLockReadGuard<'_, Overlay> {
    overlay.read().unwrap_or_else(PoisonError::into_inner)
}

pub fn write(overlay: &RwLock<Overlay>) -> RwLockWriteGuard<'_, Overlay> {
    overlay.write().unwrap_or_else(PoisonError::into_inner)
}

/// Looks at a value.
pub fn with<R>(shared: &Shared, table: Table, key: &[u8], look: impl FnOnce(Option<&[u8]>) -> R) -> Result<R, Error> {
    let found = {
        let overlay = read(&shared.overlay);
        let found = overlay.active.table(table).get(key).or_else(|| overlay.frozen.table(table).get(key));
        found.cloned().ok_or_else(|| Arc::clone(&overlay.reader))
    };
    match found {
        Ok(value) => Ok(look(value.as_deref())),
        Err(reader) => reader.with(table, key, look).map_err(|error| shared.tables_failed(error)),
    }
}

/// Goes through a range; `drafts` are layers above the overlay, the newest last.
pub fn scan(
    shared: &Shared,
    drafts: &[&Maps],
    table: Table,
    from: &[u8],
    until: Option<&[u8]>,
    each: &mut Each<'_>,
) -> Result<(), Error> {
    let mut from: Box<[u8]> = from.into();
    while until.is_none_or(|until| *from < *until) {
        let (piece, reader, horizon) = piece(shared, drafts, table, &from, until);
        let bound = match (&horizon, until) {
            (Some(last), _) => Bound::Included(&**last),
            (None, Some(until)) => Bound::Excluded(until),
            (None, None) => Bound::Unbounded,
        };
        let mut changed = piece.into_iter().peekable();
        let mut before = |key: Option<&[u8]>, each: &mut Each<'_>| {
            // Gives whether the table's own value of the key is hidden.
            while let Some((next, value)) = changed.next_if(|(next, _)| key.is_none_or(|key| **next <= *key)) {
                if let Some(value) = value
                    && each(&next, &value).is_break()
                {
                    return ControlFlow::Break(());
                }
                if key == Some(&*next) {
                    return ControlFlow::Continue(true);
                }
            }
            ControlFlow::Continue(false)
        };
        let mut go = || -> Result<ControlFlow<()>, redb::Error> {
            for row in reader.range(table, (Bound::Included(&from), bound))? {
                let (key, value) = row?;
                match before(Some(key.value()), each) {
                    ControlFlow::Break(()) => return Ok(ControlFlow::Break(())),
                    ControlFlow::Continue(true) => {}
                    ControlFlow::Continue(false) => {
                        if each(key.value(), value.value()).is_break() {
                            return Ok(ControlFlow::Break(()));
                        }
                    }
                }
            }
            Ok(before(None, each).map_continue(|_| ()))
        };
        if go().map_err(|error| shared.tables_failed(error))?.is_break() {
            return Ok(());
        }
        let Some(last) = horizon else { return Ok(()) };
        from = [&*last, &[0]].concat().into();
    }
    Ok(())
}

/// What the layers have from a key on, the tables below them, and the key up to which this is all, unless it is to the end.
fn piece(
    shared: &Shared,
    drafts: &[&Maps],
    table: Table,
    from: &[u8],
    until: Option<&[u8]>,
) -> (Map, Arc<Reader>, Option<Box<[u8]>>) {
    let overlay = read(&shared.overlay);
    let (mut piece, mut horizon) = (Map::new(), None::<Box<[u8]>>);
    for layer in [&*overlay.frozen, &overlay.active].into_iter().chain(drafts.iter().copied()) {
        let range = (Bound::Included(from), until.map_or(Bound::Unbounded, Bound::Excluded));
        let mut range = layer.table(table).range::<[u8], _>(range);
        let mut last = None;
        for (key, value) in range.by_ref().take(PIECE) {
            piece.insert(key.clone(), value.clone());
            last = Some(key);
        }
        if let Some(last) = last
            && range.next().is_some()
            && horizon.as_ref().is_none_or(|horizon| last < horizon)
        {
            horizon = Some(last.clone());
        }
    }
    if let Some(horizon) = &horizon {
        while piece.last_key_value().is_some_and(|(key, _)| key > horizon) {
            piece.pop_last();
        }
    }
    (piece, Arc::clone(&overlay.reader), horizon)
}
