//! What was used of late, up to a bound of weight.
//!
//! Invariant: the weight of all is not above the bound when a call ends. What is kept is a copy of what the disk says, and may go at
//! any time; what was read before a change is not kept after it: whoever reads takes a stamp first.
use std::collections::HashMap;
use std::hash::{BuildHasher, Hash};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Changes are told apart by so many groups of keys.
const GROUPS: usize = 1_024;

struct Kept<V> {
    value: V,
    weight: usize,
    used: u64,
}

struct Memory<K, V> {
    kept: HashMap<K, Kept<V>, foldhash::fast::RandomState>,
    weight: usize,
    /// Grows with each use.
    clock: u64,
    /// How often something of a group changed.
    changes: Vec<u64>,
}

/// A moment before which nothing was read.
#[derive(Clone, Copy, Debug)]
pub struct Stamp(u64);

/// See the head of this file.
pub struct Cache<K, V> {
    memory: Mutex<Memory<K, V>>,
    most: usize,
}

impl<K: Hash + Eq + Copy, V: Clone> Cache<K, V> {
    /// With a bound of weight.
    pub fn new(most: usize) -> Self {
        let memory = Memory { kept: HashMap::default(), weight: 0, clock: 0, changes: vec![0; GROUPS] };
        Self { memory: Mutex::new(memory), most }
    }

    fn memory(&self) -> MutexGuard<'_, Memory<K, V>> {
        // A thread that panicked left at most too small a weight, and that of one entry.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is kept under a key, and the stamp with which what is read from now on may be kept.
    pub fn get(&self, key: K) -> (Option<V>, Stamp) {
        let mut memory = self.memory();
        memory.clock += 1;
        let (now, stamp) = (memory.clock, Stamp(memory.changes[memory.group(key)]));
        let kept = memory.kept.get_mut(&key).map(|kept| {
            kept.used = now;
            kept.value.clone()
        });
        (kept, stamp)
    }

    /// Keeps what was read after a stamp, if it takes no more than an eighth of all, and nothing changed since. What was not used
    /// for longest goes for it.
    pub fn put(&self, key: K, value: V, weight: usize, stamp: Stamp) {
        let mut memory = self.memory();
        if weight > self.most / 8 || memory.changes[memory.group(key)] != stamp.0 {
            return;
        }
        memory.clock += 1;
        let used = memory.clock;
        let before = memory.kept.insert(key, Kept { value, weight, used });
        memory.weight = memory.weight + weight - before.map_or(0, |kept| kept.weight);
        if memory.weight > self.most {
            memory.make_room(self.most);
        }
    }

    /// What is under a key changed: so, where it is kept.
    pub fn change(&self, key: K, change: impl FnOnce(&mut V)) {
        let mut memory = self.memory();
        let group = memory.group(key);
        memory.changes[group] += 1;
        if let Some(kept) = memory.kept.get_mut(&key) {
            change(&mut kept.value);
        }
    }

    /// What is under a key changed: it is read again.
    pub fn forget(&self, key: K) {
        let mut memory = self.memory();
        let group = memory.group(key);
        memory.changes[group] += 1;
        if let Some(kept) = memory.kept.remove(&key) {
            memory.weight -= kept.weight;
        }
    }

    /// The weight of all.
    pub fn weight(&self) -> usize {
        self.memory().weight
    }
}

impl<K: Hash + Eq + Copy, V> Memory<K, V> {
    fn group(&self, key: K) -> usize {
        self.kept.hasher().hash_one(key) as usize % GROUPS
    }

    /// Lets the oldest go, down to three quarters, so that it is seldom done.
    fn make_room(&mut self, most: usize) {
        let mut ages: Vec<(u64, K)> = self.kept.iter().map(|(key, kept)| (kept.used, *key)).collect();
        ages.sort_unstable_by_key(|(used, _)| *used);
        for (_, key) in ages {
            if self.weight <= most / 4 * 3 {
                break;
            }
            if let Some(kept) = self.kept.remove(&key) {
                self.weight -= kept.weight;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(cache: &Cache<u32, u32>, key: u32, value: u32, weight: usize) {
        let (_, stamp) = cache.get(key);
        cache.put(key, value, weight, stamp);
    }

    #[test]
    fn what_was_not_used_goes_first_and_what_is_too_heavy_is_not_kept() {
        let cache = Cache::new(80);
        for key in 0..8 {
            put(&cache, key, key, 10);
        }
        assert_eq!((cache.get(0).0, cache.weight()), (Some(0), 80));
        put(&cache, 8, 8, 10);
        assert_eq!(cache.weight(), 60);
        assert_eq!((cache.get(0).0, cache.get(1).0, cache.get(8).0), (Some(0), None, Some(8)));
        put(&cache, 9, 9, 11);
        assert_eq!((cache.get(9).0, cache.weight()), (None, 60));
        cache.change(8, |value| *value = 7);
        assert_eq!(cache.get(8).0, Some(7));
        cache.forget(8);
        assert_eq!((cache.get(8).0, cache.weight()), (None, 50));
    }

    #[test]
    fn what_was_read_before_a_change_is_not_kept_after_it() {
        let cache = Cache::new(80);
        let (_, stamp) = cache.get(1);
        cache.change(1, |value| *value = 3);
        cache.put(1, 2, 1, stamp);
        assert_eq!(cache.weight(), 0);
        let (_, stamp) = cache.get(1);
        cache.forget(1);
        cache.put(1, 2, 1, stamp);
        assert!(cache.get(1).0.is_none());
    }
}
