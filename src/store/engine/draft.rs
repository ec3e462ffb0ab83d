//! What a closure on the writer thread reads and puts.
//!
//! Invariant: a closure sees what all closures before it put, also those of the same commit; what one put that failed is gone.
use std::ops::ControlFlow;
use std::sync::Arc;

use super::overlay::{self, Maps};
use super::{Error, Shared, Table, Value};

/// Called once what was put is durable and readers see it, before anybody is answered.
pub type After = Box<dyn FnOnce() + Send>;

/// See the head of this file.
pub struct Draft<'e> {
    shared: &'e Shared,
    /// Of the closures before, in this commit.
    group: Maps,
    /// Of the closure that runs.
    own: Maps,
    after: Vec<After>,
    own_after: Vec<After>,
}

impl<'e> Draft<'e> {
    pub(super) fn new(shared: &'e Shared) -> Self {
        let maps = || Maps::new(shared.settings.tables.len());
        Self { shared, group: maps(), own: maps(), after: Vec::new(), own_after: Vec::new() }
    }

    /// A value, with all that was put before.
    pub fn get(&self, table: Table, key: &[u8]) -> Result<Option<Value>, Error> {
        let put = self.own.table(table).get(key).or_else(|| self.group.table(table).get(key));
        match put {
            Some(value) => Ok(value.clone()),
            None => overlay::with(self.shared, table, key, |value| value.map(Value::from)),
        }
    }

    /// Goes through the keys from one to another (that one not included) until told to stop.
    pub fn scan(
        &self,
        table: Table,
        from: &[u8],
        until: Option<&[u8]>,
        mut each: impl FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        overlay::scan(self.shared, &[&self.group, &self.own], table, from, until, &mut each)
    }

    /// Puts a value under a key.
    pub fn put(&mut self, table: Table, key: &[u8], value: impl Into<Value>) {
        self.own.put(table, key, Some(value.into()));
    }

    /// Removes a key.
    pub fn remove(&mut self, table: Table, key: &[u8]) {
        self.own.put(table, key, None);
    }

    /// Calls something once all this is durable, in the order of the changes. It must be short.
    pub fn after(&mut self, call: impl FnOnce() + Send + 'static) {
        self.own_after.push(Box::new(call));
    }

    pub(super) fn keep(&mut self) {
        self.group.take_in(&mut self.own);
        self.after.append(&mut self.own_after);
    }

    pub(super) fn discard(&mut self) {
        if !self.own.is_empty() {
            self.own = Maps::new(self.shared.settings.tables.len());
        }
        self.own_after.clear();
    }

    pub(super) fn into_parts(self) -> (Maps, Vec<After>) {
        (self.group, self.after)
    }
}

impl std::fmt::Debug for Draft<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Draft").field("name", &self.shared.settings.name).finish_non_exhaustive()
    }
}

/// A frozen layer is shared with who writes it.
pub fn none(tables: usize) -> Arc<Maps> {
    Arc::new(Maps::new(tables))
}
