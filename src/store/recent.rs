//! References that channels told of late, in memory: a receipt that comes within minutes finds its attempt without
//! a look at the disk.
//!
//! It holds what was appended, durable or not: what follows from a receipt is appended behind it. Bounded: the oldest go
//! first, and are found by the index then.
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Mutex;

use estafette_actors::domain::id::AttemptRef;

use super::lock;

/// References of a generation, of which there are two: some 12 MB each at most.
const GENERATION: usize = 131_072;

type Generation = HashMap<u128, AttemptRef, foldhash::fast::RandomState>;

/// See the head of this file. Keys are hashes of references: 128 bits, keyed anew at each start, so that no two are alike.
#[derive(Debug, Default)]
pub struct Recent {
    halves: [RandomState; 2],
    generations: Mutex<[Generation; 2]>,
}

impl Recent {
    fn hash(&self, reference: &str) -> u128 {
        let [high, low] = self.halves.each_ref().map(|half| u128::from(half.hash_one(reference)));
        high << 64 | low
    }

    /// A channel told its reference for an attempt.
    pub fn told(&self, reference: &str, attempt: AttemptRef) {
        let reference = self.hash(reference);
        let [young, old] = &mut *lock(&self.generations);
        if young.len() >= GENERATION {
            *old = std::mem::take(young);
        }
        young.insert(reference, attempt);
    }

    /// The attempt for which it was told last.
    pub fn attempt_of(&self, reference: &str) -> Option<AttemptRef> {
        let reference = self.hash(reference);
        let [young, old] = &*lock(&self.generations);
        young.get(&reference).or_else(|| old.get(&reference)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use estafette_actors::domain::id::MessageId;
    use estafette_actors::domain::time::Timestamp;

    fn attempt(number: u64) -> AttemptRef {
        AttemptRef { message: MessageId::single(Timestamp::from_millis(1), 0, number), step: 0, retry: 0 }
    }

    #[test]
    fn the_last_are_found_and_the_oldest_go_however_many_there_are() {
        let recent = Recent::default();
        let count = 3 * GENERATION as u64 + 7;
        for number in 0..count {
            recent.told(&number.to_string(), attempt(number));
        }
        for number in count - GENERATION as u64..count {
            assert_eq!(recent.attempt_of(&number.to_string()), Some(attempt(number)));
        }
        assert_eq!(recent.attempt_of("0"), None);
        let held: usize = lock(&recent.generations).iter().map(HashMap::len).sum();
        assert!(held <= 2 * GENERATION);
        let last = (count - 1).to_string();
        recent.told(&last, attempt(3));
        assert_eq!(recent.attempt_of(&last), Some(attempt(3)));
    }
}
