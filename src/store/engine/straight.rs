//! What goes straight to the tables, beside a draft: millions of rows in the order of their keys, and a table emptied at once.
//!
//! Invariant: it is in the same durable commit as what its closure put, and comes after that: of one key it counts. No draft sees it
//! before.
use super::writer::Order;
use super::{Draft, Engine, Error, Table};

/// Rows in the order of their keys, in one piece of memory: a map of them takes several times the room and the time.
#[derive(Debug, Default)]
pub struct Run {
    /// Each key, with its value behind it.
    bytes: Vec<u8>,
    /// Where each key, and where each value, ends.
    ends: Vec<(u32, u32)>,
}

impl Run {
    /// For so many rows of so many bytes together, at most 4 GiB.
    pub fn with_capacity(rows: usize, bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes), ends: Vec::with_capacity(rows) }
    }

    /// A row more. Its key comes after all others.
    pub fn push(&mut self, key: &[u8], value: &[u8]) {
        debug_assert!(self.iter().next_back().is_none_or(|(last, _)| last < key), "a key out of order");
        self.bytes.extend_from_slice(key);
        let key_end = self.bytes.len() as u32;
        self.bytes.extend_from_slice(value);
        self.ends.push((key_end, self.bytes.len() as u32));
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Keys and values.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&[u8], &[u8])> {
        (0..self.ends.len()).map(|place| {
            let begin = place.checked_sub(1).map_or(0, |before| self.ends[before].1 as usize);
            let (key_end, end) = self.ends[place];
            (&self.bytes[begin..key_end as usize], &self.bytes[key_end as usize..end as usize])
        })
    }
}

/// What is done to a table.
#[derive(Debug)]
pub enum Straight {
    /// All of it goes.
    Empty(Table),
    /// These come, or take the place of what is there.
    Rows(Table, Run),
}

impl Engine {
    /// As [`Engine::bulk`]; what the closure gives beside its outcome goes straight to the tables, in that order.
    pub fn straight<T, E>(
        &self,
        decide: impl FnOnce(&mut Draft<'_>) -> Result<(T, Vec<Straight>), E> + Send + 'static,
    ) -> impl Future<Output = Result<T, E>> + Send + 'static
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        self.ask(Order::Bulk, move |draft| {
            let (outcome, straight) = decide(draft)?;
            draft.go_straight(straight);
            Ok(outcome)
        })
    }
}
