//! The entries of one channel in memory, some 100 bytes each with their reference.
//!
//! Invariant: no more entries than the limit (rounded up to a page): the oldest page goes, with its traces in the indexes. Finding by
//! reference costs one look-up and the number of entries of that reference. It must not be asked to hold more than 2^32 entries in its life.

use std::collections::{HashMap, HashSet, VecDeque};

use super::{Count, Entry, Outcome, Page};
use crate::addressee::Addressee;
use crate::hash::{self, ByHash};

/// Entries that are kept and forgotten together.
const PAGE: usize = 4_096;
/// Says that a step will not be reached.
pub(crate) const NEVER: u32 = u32::MAX;

/// What a simulator records of one message.
#[derive(Clone, Copy)]
pub(crate) struct Fact<'a> {
    pub(crate) reference: &'a str,
    pub(crate) addressee: Addressee,
    /// Which of the addressee's devices, from 0.
    pub(crate) device: u8,
    /// Milliseconds since 1970.
    pub(crate) at_ms: u64,
    pub(crate) outcome: Outcome,
    /// After how many milliseconds it is received, opened, acted upon; [`NEVER`] when it is not.
    pub(crate) steps: [u32; 3],
    /// Seconds since 1970 (in 2106 at most) until which it can be seen there; 0 when that is not limited.
    pub(crate) until_s: u32,
}

/// A recorded fact with its place.
#[derive(Clone, Copy)]
pub(crate) struct Recorded<'a> {
    pub(crate) sequence: u64,
    pub(crate) fact: Fact<'a>,
    pub(crate) duplicate: bool,
}

struct Row {
    at_ms: u64,
    addressee: Addressee,
    steps: [u32; 3],
    until_s: u32,
    /// Sequence of the entry before this one with the same reference; 0 for none.
    previous: u32,
    text_end: u32,
    outcome: Outcome,
    device: u8,
    duplicate: bool,
}

#[derive(Default)]
struct Leaf {
    rows: Vec<Row>,
    text: String,
}

/// The entries of one channel.
pub(crate) struct Book {
    leaves: VecDeque<Leaf>,
    /// Sequence of the first row of the first leaf.
    first: u64,
    next: u64,
    total: u64,
    duplicates: u64,
    limit: usize,
    /// Hash of a reference -> sequence of its latest entry.
    latest: HashMap<u64, u32, ByHash>,
    /// Hashes of reference and recipient, only for references that came more than once.
    pairs: HashSet<u64, ByHash>,
}

impl Book {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            leaves: VecDeque::new(),
            first: 1,
            next: 1,
            total: 0,
            duplicates: 0,
            limit: limit.max(1),
            latest: HashMap::default(),
            pairs: HashSet::default(),
        }
    }

    /// Records, and tells the sequence. An empty reference never counts as a duplicate.
    pub(crate) fn record(&mut self, fact: Fact<'_>) -> u64 {
        let sequence = self.next;
        let (previous, duplicate) = self.index(&fact, sequence);
        if self.leaves.back().is_none_or(|leaf| leaf.rows.len() == PAGE) {
            self.make_room();
            self.leaves.push_back(Leaf { rows: Vec::with_capacity(PAGE), text: String::with_capacity(PAGE * 40) });
        }
        let leaf = self.leaves.back_mut().expect("invariant: a leaf was just pushed");
        leaf.text.push_str(fact.reference);
        leaf.rows.push(Row {
            at_ms: fact.at_ms,
            addressee: fact.addressee,
            steps: fact.steps,
            until_s: fact.until_s,
            previous,
            text_end: leaf.text.len() as u32,
            outcome: fact.outcome,
            device: fact.device,
            duplicate,
        });
        self.next += 1;
        self.total += 1;
        self.duplicates += u64::from(duplicate);
        sequence
    }

    fn index(&mut self, fact: &Fact<'_>, sequence: u64) -> (u32, bool) {
        if fact.reference.is_empty() {
            return (0, false);
        }
        let Some(previous) = self.latest.insert(key(fact.reference), sequence as u32) else {
            return (0, false);
        };
        let Some(before) = self.get(u64::from(previous)) else {
            return (0, false);
        };
        // The first entry of a reference gets its pair only when a second one comes: most references come once.
        let pair_before = pair(&before.fact);
        self.pairs.insert(pair_before);
        let duplicate = !self.pairs.insert(pair(fact));
        (previous, duplicate)
    }

    fn make_room(&mut self) {
        let held = |leaves: &VecDeque<Leaf>| leaves.iter().map(|leaf| leaf.rows.len()).sum::<usize>();
        while held(&self.leaves) > self.limit {
            for sequence in self.first..self.first + PAGE as u64 {
                let Some(old) = self.get(sequence) else { break };
                let (key, pair) = (key(old.fact.reference), pair(&old.fact));
                if self.latest.get(&key) == Some(&(sequence as u32)) {
                    self.latest.remove(&key);
                }
                self.pairs.remove(&pair);
            }
            self.leaves.pop_front();
            self.first += PAGE as u64;
        }
    }

    /// The entry with that sequence, while it is held.
    pub(crate) fn get(&self, sequence: u64) -> Option<Recorded<'_>> {
        let place = sequence.checked_sub(self.first)? as usize;
        let (leaf, row) = (self.leaves.get(place / PAGE)?, place % PAGE);
        let (kept, start) = (leaf.rows.get(row)?, row.checked_sub(1).map_or(0, |before| leaf.rows[before].text_end));
        Some(Recorded {
            sequence,
            duplicate: kept.duplicate,
            fact: Fact {
                reference: &leaf.text[start as usize..kept.text_end as usize],
                addressee: kept.addressee,
                device: kept.device,
                at_ms: kept.at_ms,
                outcome: kept.outcome,
                steps: kept.steps,
                until_s: kept.until_s,
            },
        })
    }

    /// All entries of a reference, oldest first.
    pub(crate) fn of(&self, reference: &str) -> Vec<Recorded<'_>> {
        let mut found = Vec::new();
        let mut sequence = self.latest.get(&key(reference)).copied().unwrap_or(0);
        while let Some(recorded) = self.get(u64::from(sequence)) {
            if recorded.fact.reference == reference {
                found.push(recorded);
            }
            sequence = self.previous(recorded.sequence);
        }
        found.reverse();
        found
    }

    fn previous(&self, sequence: u64) -> u32 {
        let place = (sequence - self.first) as usize;
        self.leaves[place / PAGE].rows[place % PAGE].previous
    }

    /// Held entries whose time is in `[from_ms, to_ms)`, oldest first; times only grow.
    pub(crate) fn between(&self, from_ms: u64, to_ms: u64) -> impl Iterator<Item = Recorded<'_>> {
        let at = |sequence: u64| self.get(sequence).map_or(u64::MAX, |recorded| recorded.fact.at_ms);
        let (mut low, mut high) = (self.first, self.next);
        while low < high {
            let middle = low + (high - low) / 2;
            if at(middle) < from_ms {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        (low..self.next)
            .map_while(|sequence| self.get(sequence))
            .take_while(move |recorded| recorded.fact.at_ms < to_ms)
    }

    pub(crate) fn count(&self) -> Count {
        Count { total: self.total, duplicates: self.duplicates, held: self.next - self.first }
    }

    /// Entries after sequence `after`, of one reference where one is given.
    pub(crate) fn page(&self, reference: Option<&str>, after: u64, limit: usize) -> Page {
        let entries: Vec<Entry> = if let Some(reference) = reference {
            let of = self.of(reference).into_iter();
            of.filter(|recorded| recorded.sequence > after).take(limit).map(view).collect()
        } else {
            let start = self.first.max(after.saturating_add(1));
            let from = (start..self.next).map_while(|sequence| self.get(sequence));
            from.take(limit).map(view).collect()
        };
        let next = entries.last().map_or(after, |entry| entry.sequence);
        Page { total: self.total, duplicates: self.duplicates, entries, next }
    }

    /// Forgets all; sequences go on, so that identifiers made from them stay unique.
    pub(crate) fn clear(&mut self) {
        let next = self.next;
        *self = Self { first: next, next, ..Self::new(self.limit) };
    }
}

fn view(recorded: Recorded<'_>) -> Entry {
    Entry {
        sequence: recorded.sequence,
        reference: recorded.fact.reference.to_owned(),
        recipient: recorded.fact.addressee.to_string(),
        at: jiff::Timestamp::from_millisecond(recorded.fact.at_ms as i64).unwrap_or_default(),
        possible_duplicate: recorded.duplicate,
        outcome: recorded.fact.outcome,
    }
}

fn key(reference: &str) -> u64 {
    hash::bytes(0, reference.as_bytes())
}

fn pair(fact: &Fact<'_>) -> u64 {
    hash::bytes(fact.addressee.key() ^ u64::from(fact.device), fact.reference.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fact<'a>(reference: &'a str, recipient: &str, at_ms: u64) -> Fact<'a> {
        let addressee = Addressee::parse(recipient).expect("valid");
        Fact { reference, addressee, device: 0, at_ms, outcome: Outcome::Accepted, steps: [NEVER; 3], until_s: 0 }
    }

    const A: &str = "+32470000001";
    const B: &str = "+32470000002";

    #[test]
    fn only_the_same_reference_for_the_same_recipient_is_a_duplicate() {
        let mut book = Book::new(100);
        for (reference, recipient, duplicates) in
            [("r1", A, 0), ("r2", A, 0), ("r1", B, 0), ("r1", A, 1), ("r1", B, 2), ("r1", A, 3), ("", A, 3), ("", A, 3)]
        {
            book.record(fact(reference, recipient, 1));
            assert_eq!(book.count().duplicates, duplicates, "{reference} {recipient}");
        }
        let page = book.page(Some("r1"), 0, 10);
        let told: Vec<(u64, bool)> =
            page.entries.iter().map(|entry| (entry.sequence, entry.possible_duplicate)).collect();
        assert_eq!(told, [(1, false), (3, false), (4, true), (5, true), (6, true)]);
        assert_eq!(book.page(Some("r1"), 4, 1).entries[0].sequence, 5);
        assert!(book.page(Some("r3"), 0, 10).entries.is_empty());
    }

    #[test]
    fn memory_is_bounded_and_what_is_left_can_be_found() {
        let mut book = Book::new(2 * PAGE);
        let total = 10 * PAGE as u64;
        for index in 0..total {
            book.record(fact(&format!("ref-{}", index / 2), A, index));
        }
        let count = book.count();
        assert_eq!((count.total, count.duplicates), (total, total / 2));
        assert!(count.held as usize <= 3 * PAGE, "{}", count.held);
        assert!(book.latest.len() <= 3 * PAGE && book.pairs.len() <= 3 * PAGE);
        assert!(book.page(Some("ref-0"), 0, 10).entries.is_empty());
        assert_eq!(book.page(Some(&format!("ref-{}", total / 2 - 1)), 0, 10).entries.len(), 2);
        let page = book.page(None, 0, 5);
        assert_eq!(page.entries[0].sequence, book.first);
        assert_eq!(book.page(None, page.next, 1).entries[0].sequence, book.first + 5);
        assert_eq!(book.between(total - 3, total - 1).count(), 2);
    }

    #[test]
    fn clearing_forgets_entries_but_not_the_sequence() {
        let mut book = Book::new(10);
        book.record(fact("r", A, 1));
        book.clear();
        assert_eq!(book.count(), Count { total: 0, duplicates: 0, held: 0 });
        assert_eq!(book.record(fact("r", A, 2)), 2);
        assert_eq!(book.count().duplicates, 0);
    }
}
