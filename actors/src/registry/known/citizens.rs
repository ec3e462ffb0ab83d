//! Citizens by NISS, packed: 16 bytes each, in a table that has the number in its places, so that a look-up costs one miss of the
//! processor's caches. A map that keeps marks apart costs two.
//!
//! Invariant: nobody goes, so whoever probes from the place of a number on finds it before the first empty one. A shard that grows keeps
//! those waiting who look into it, and no others.
use std::hash::BuildHasher;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use foldhash::fast::RandomState;

/// What is known of a citizen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Citizen {
    /// 58 bits at most.
    pub word: u64,
    /// A CBE number, which has 31 bits; 0 is none.
    pub cbe: u32,
}

/// A NISS has eleven digits.
const NISS_BITS: u32 = 37;
const CBE_BITS: u32 = 31;
/// Many, so that each grows for a short time.
const SHARDS: usize = 64;
const SHARD_BITS: u32 = SHARDS.trailing_zeros();
/// Places of a shard that has somebody.
const FEWEST: usize = 16;

/// A place: NISS, CBE number, word. 0 is empty.
#[derive(Clone, Copy)]
struct Slot(u128);

impl Slot {
    const EMPTY: Self = Self(0);

    fn new(niss: u64, Citizen { word, cbe }: Citizen) -> Self {
        debug_assert!(niss >> NISS_BITS == 0 && cbe >> CBE_BITS == 0 && word >> 60 == 0, "numbers have fewer digits");
        Self(u128::from(niss) | u128::from(cbe) << NISS_BITS | u128::from(word) << (NISS_BITS + CBE_BITS))
    }

    fn niss(self) -> u64 {
        self.0 as u64 & ((1 << NISS_BITS) - 1)
    }

    fn citizen(self) -> Citizen {
        let cbe = (self.0 >> NISS_BITS) as u32 & ((1 << CBE_BITS) - 1);
        Citizen { word: (self.0 >> (NISS_BITS + CBE_BITS)) as u64, cbe }
    }
}

#[derive(Default)]
struct Shard {
    /// A power of two of them, or none; a quarter is empty at least.
    slots: Vec<Slot>,
    taken: usize,
}

impl Shard {
    /// The place of a number, or the empty one where it would be; none where there is no place at all.
    fn place(&self, hash: u64, niss: u64) -> Option<usize> {
        let last = self.slots.len().checked_sub(1)?;
        let mut place = hash as usize & last;
        loop {
            let found = self.slots[place].niss();
            if found == niss || found == 0 {
                return Some(place);
            }
            place = (place + 1) & last;
        }
    }

    fn grow(&mut self, hash: impl Fn(u64) -> u64) {
        let grown = Self { slots: vec![Slot::EMPTY; (self.slots.len() * 2).max(FEWEST)], taken: self.taken };
        for slot in std::mem::replace(self, grown).slots {
            if slot.niss() != 0
                && let Some(place) = self.place(hash(slot.niss()), slot.niss())
            {
                self.slots[place] = slot;
            }
        }
    }
}

/// See the head of this file.
pub struct Citizens {
    shards: [RwLock<Shard>; SHARDS],
    hasher: RandomState,
}

impl Default for Citizens {
    fn default() -> Self {
        Self { shards: std::array::from_fn(|_| RwLock::default()), hasher: RandomState::default() }
    }
}

impl Citizens {
    fn hash(&self, niss: u64) -> u64 {
        self.hasher.hash_one(niss)
    }

    fn read(&self, hash: u64) -> RwLockReadGuard<'_, Shard> {
        self.shards[(hash >> (u64::BITS - SHARD_BITS)) as usize].read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, hash: u64) -> RwLockWriteGuard<'_, Shard> {
        self.shards[(hash >> (u64::BITS - SHARD_BITS)) as usize].write().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.read().unwrap_or_else(PoisonError::into_inner).taken).sum()
    }

    /// Who has a number.
    pub fn get(&self, niss: u64) -> Option<Citizen> {
        let hash = self.hash(niss);
        let shard = self.read(hash);
        let slot = shard.slots[shard.place(hash, niss)?];
        (slot.niss() != 0).then(|| slot.citizen())
    }

    /// Keeps a citizen under a number.
    pub fn insert(&self, niss: u64, citizen: Citizen) {
        let hash = self.hash(niss);
        let mut shard = self.write(hash);
        let mut place = shard.place(hash, niss);
        if place.is_none_or(|place| shard.slots[place].niss() == 0) {
            if (shard.taken + 1) * 4 > shard.slots.len() * 3 {
                shard.grow(|niss| self.hash(niss));
                place = shard.place(hash, niss);
            }
            shard.taken += 1;
        }
        if let Some(place) = place {
            shard.slots[place] = Slot::new(niss, citizen);
        }
    }

    /// Changes what is known of who has a number, if anybody is known.
    pub fn change(&self, niss: u64, change: impl FnOnce(&mut Citizen)) {
        let hash = self.hash(niss);
        let mut shard = self.write(hash);
        if let Some(place) = shard.place(hash, niss)
            && shard.slots[place].niss() != 0
        {
            let mut citizen = shard.slots[place].citizen();
            change(&mut citizen);
            shard.slots[place] = Slot::new(niss, citizen);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::atomic::{AtomicU64, Ordering};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_greatest_numbers_fit_side_by_side() {
        let (niss, citizen) = (99_999_999_999, Citizen { word: (1 << 58) - 1, cbe: 1_999_999_999 });
        let slot = Slot::new(niss, citizen);
        assert_eq!((slot.niss(), slot.citizen()), (niss, citizen));
        let (niss, citizen) = (1, Citizen { word: 0, cbe: 0 });
        let slot = Slot::new(niss, citizen);
        assert_eq!((slot.niss(), slot.citizen()), (niss, citizen));
    }

    proptest! {
        #[test]
        fn it_keeps_what_a_map_keeps(told in prop::collection::vec((1_u64..2_000, 0_u64..1 << 58, 0_u32..2_000_000_000, any::<bool>()), 0..3_000)) {
            let (citizens, mut map) = (Citizens::default(), HashMap::new());
            for (niss, word, cbe, is_new) in told {
                if is_new {
                    citizens.insert(niss, Citizen { word, cbe });
                    map.insert(niss, Citizen { word, cbe });
                } else {
                    citizens.change(niss, |citizen| citizen.word = word);
                    map.entry(niss).and_modify(|citizen| citizen.word = word);
                }
            }
            prop_assert_eq!(citizens.len(), map.len());
            for niss in 1..2_001 {
                prop_assert_eq!(citizens.get(niss), map.get(&niss).copied());
            }
        }
    }

    #[test]
    fn who_looks_while_it_grows_finds_whoever_was_there() {
        let (citizens, known, count) = (Citizens::default(), AtomicU64::new(0), 200_000);
        let (citizens, known) = (&citizens, &known);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(move || {
                    let mut looked = 0_u64;
                    while looked < count {
                        let there = known.load(Ordering::Acquire);
                        let niss = 1 + looked * 7_919 % there.max(1);
                        if there > 0 {
                            assert_eq!(citizens.get(niss), Some(Citizen { word: niss, cbe: 1 }));
                            looked += 1;
                        }
                    }
                });
            }
            for niss in 1..=count {
                citizens.insert(niss, Citizen { word: niss, cbe: 1 });
                known.store(niss, Ordering::Release);
            }
        });
    }
}
