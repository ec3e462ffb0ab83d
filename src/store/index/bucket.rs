//! The newest entries of an index, in memory.
//!
//! Invariant: [`Bucket::find`] gives every value of a family that was inserted, and [`Bucket::sorted`] those of one
//! hash with the greatest first.
use std::collections::HashMap;
use std::ops::RangeInclusive;

use super::Family;

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

/// An entry and the one of the same family before it. The value is in halves, because a u128 would take 16 bytes more
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

/// Entries in the order in which they came, each linked to the one before of the same family: about 50 bytes for each.
#[derive(Debug, Default)]
pub struct Bucket {
    links: Vec<Link>,
    /// Families are bits of keyed hashes, which nobody can choose.
    newest: HashMap<Family, u32, foldhash::fast::RandomState>,
    /// Times of the entries, when there are any: earliest and latest, in milliseconds since 1970.
    span_ms: Option<(u64, u64)>,
}

impl Bucket {
    /// Adds an entry. The same value again, right after itself, changes nothing.
    pub fn insert(&mut self, family: Family, hash: u64, value: u128, at_ms: u64) {
        let (first, last) = self.span_ms.unwrap_or((at_ms, at_ms));
        self.span_ms = Some((first.min(at_ms), last.max(at_ms)));
        let here = self.links.len() as u32;
        let before = self.newest.get(&family).copied().unwrap_or(NONE);
        if before != NONE {
            let last = &self.links[before as usize];
            if (last.hash, last.value()) == (hash, value) {
                return;
            }
        }
        self.links.push(Link { hash, high: (value >> 64) as u64, low: value as u64, before });
        self.newest.insert(family, here);
    }

    /// The values of these hashes of a family, in no order.
    pub fn find(&self, family: Family, hashes: RangeInclusive<u64>) -> impl Iterator<Item = u128> {
        let mut next = self.newest.get(&family).copied().unwrap_or(NONE);
        let chain = std::iter::from_fn(move || {
            let link = self.links.get(next as usize)?;
            next = link.before;
            Some(link)
        });
        chain.filter(move |link| hashes.contains(&link.hash)).map(Link::value)
    }

    /// All entries by hash, those of one hash with the greatest value first.
    pub fn sorted(&self) -> Vec<Entry> {
        let mut all: Vec<Entry> =
            self.links.iter().map(|link| Entry { hash: link.hash, value: link.value() }).collect();
        all.sort_unstable_by_key(|entry| (entry.hash, std::cmp::Reverse(entry.value)));
        all
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
