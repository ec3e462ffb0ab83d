//! References that channels told of late, in memory: a receipt that comes within minutes finds its attempt without
//! a look at the disk.
//!
//! It holds what was appended, durable or not: what follows from a receipt is appended behind it. Bounded: the oldest go
//! first, and are found by the index then.
use std::collections::HashMap;
use std::sync::Mutex;

use estafette_actors::domain::id::AttemptRef;

use super::lock;

/// References of a generation, of which there are two: some 12 MB each at most.
const GENERATION: usize = 131_072;

/// See the head of this file. Keys are hashes of references: 128 bits, so that no two are alike.
#[derive(Debug, Default)]
pub struct Recent(Mutex<[HashMap<u128, AttemptRef>; 2]>);

impl Recent {
    /// A channel told its reference for an attempt.
    pub fn told(&self, reference: u128, attempt: AttemptRef) {
        let [young, old] = &mut *lock(&self.0);
        if young.len() >= GENERATION {
            *old = std::mem::take(young);
        }
        young.insert(reference, attempt);
    }

    /// The attempt for which it was told last.
    pub fn attempt_of(&self, reference: u128) -> Option<AttemptRef> {
        let [young, old] = &*lock(&self.0);
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
            recent.told(number.into(), attempt(number));
        }
        for number in count - GENERATION as u64..count {
            assert_eq!(recent.attempt_of(number.into()), Some(attempt(number)));
        }
        assert_eq!(recent.attempt_of(0), None);
        let held: usize = lock(&recent.0).iter().map(HashMap::len).sum();
        assert!(held <= 2 * GENERATION);
        recent.told(u128::from(count) - 1, attempt(3));
        assert_eq!(recent.attempt_of(u128::from(count) - 1), Some(attempt(3)));
    }
}
