//! The newest entries of an index, in memory.
//!
//! Invariant: [`Bucket::find`] gives the values of a hash newest first, and [`Bucket::sorted`] keeps that order among
//! those of one hash.
use std::collections::HashMap;

/// Where the chain of a hash ends.
const NONE: u32 = u32::MAX;

/// One entry as it is written to a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The hash it is found by.
    pub hash: u64,
    /// What is found.
    pub value: u128,
}

/// An entry and the one of the same hash before it. The value is in halves, because a u128 would take 16 bytes more
/// for its alignment.
#[derive(Debug)]
struct Link {
    hash: u64,
    high: u64,
    low: u64,
    before: u32,
}

impl Link {
    fn value(&self) -> u128 {
        u128::from(self.high) << 64 | u128::from(self.low)
    }
}

/// Entries in the order in which they came, each linked to the one before of the same hash: about 50 bytes for each.
#[derive(Debug, Default)]
pub struct Bucket {
    links: Vec<Link>,
    newest: HashMap<u64, u32>,
    /// Times of the entries, when there are any: earliest and latest, in milliseconds since 1970.
    span_ms: Option<(u64, u64)>,
}

impl Bucket {
    /// Adds an entry. The same value again, right after itself, changes nothing.
    pub fn insert(&mut self, hash: u64, value: u128, at_ms: u64) {
        let (first, last) = self.span_ms.unwrap_or((at_ms, at_ms));
        self.span_ms = Some((first.min(at_ms), last.max(at_ms)));
        let here = self.links.len() as u32;
        let before = self.newest.get(&hash).copied().unwrap_or(NONE);
        if before != NONE && self.links[before as usize].value() == value {
            return;
        }
        self.links.push(Link { hash, high: (value >> 64) as u64, low: value as u64, before });
        self.newest.insert(hash, here);
    }

    /// The values of a hash, newest first.
    pub fn find(&self, hash: u64) -> impl Iterator<Item = u128> {
        let mut next = self.newest.get(&hash).copied().unwrap_or(NONE);
        std::iter::from_fn(move || {
            let link = self.links.get(next as usize)?;
            next = link.before;
            Some(link.value())
        })
    }

    /// All entries by hash, those of one hash newest first.
    pub fn sorted(&self) -> Vec<Entry> {
        let mut order: Vec<(u64, u32)> = self.links.iter().zip(0..).map(|(link, n)| (link.hash, NONE - n)).collect();
        order.sort_unstable();
        order.iter().map(|(hash, n)| Entry { hash: *hash, value: self.links[(NONE - n) as usize].value() }).collect()
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.links.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.links.is_empty()
    }

    /// Times of the earliest and the latest entry, when there are any.
    pub fn span_ms(&self) -> Option<(u64, u64)> {
        self.span_ms
    }
}
