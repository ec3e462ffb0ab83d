//! Rows of a broadcast on their way to the journal.
use super::Journal;
use crate::domain::submission::Row;

/// Rows in the form in which the journal keeps them, one behind the other: packed where they are read, so that what is behind
/// looks at none of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PackedRows {
    count: u16,
    bytes: Vec<u8>,
}

impl PackedRows {
    /// Rows that were packed by [`Journal::pack`].
    pub fn new(count: u16, bytes: Vec<u8>) -> Self {
        Self { count, bytes }
    }

    /// Packs rows, as many as a chunk holds at most.
    pub fn of(journal: &dyn Journal, rows: &[Row]) -> Self {
        let mut bytes = Vec::new();
        for row in rows {
            journal.pack(row, &mut bytes);
        }
        Self { count: rows.len() as u16, bytes }
    }

    /// Puts a packed row behind the others.
    pub fn push(&mut self, row: &[u8]) {
        self.count += 1;
        self.bytes.extend_from_slice(row);
    }

    /// Takes them all out; the room stays.
    pub fn clear(&mut self) {
        self.count = 0;
        self.bytes.clear();
    }

    /// How many there are.
    pub fn count(&self) -> u16 {
        self.count
    }

    /// Their bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}
