//! A map that forgets: each entry after its time, the older half when it is full.
//!
//! Invariant: never more than `capacity` entries, and no entry is given after its time.
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

struct Generations<K, V> {
    young: HashMap<K, (Instant, V)>,
    old: HashMap<K, (Instant, V)>,
}

/// The map. Locked for the length of one look-up; never across an await.
pub(super) struct Expiring<K, V> {
    life: Duration,
    half: usize,
    entries: Mutex<Generations<K, V>>,
}

impl<K: Eq + Hash + Clone, V: Clone> Expiring<K, V> {
    /// Entries live for `life`; at most `capacity` of them (at least 2).
    pub(super) fn new(life: Duration, capacity: usize) -> Self {
        let entries = Mutex::new(Generations { young: HashMap::new(), old: HashMap::new() });
        Self { life, half: (capacity / 2).max(1), entries }
    }

    fn with<T>(&self, act: impl FnOnce(&mut Generations<K, V>) -> T) -> T {
        act(&mut self.entries.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What was set for `key`, if its time is not over.
    pub(super) fn get(&self, key: &K) -> Option<V> {
        let now = Instant::now();
        self.with(|entries| {
            let (at, value) = entries.young.get(key).or_else(|| entries.old.get(key))?;
            (now.duration_since(*at) < self.life).then(|| value.clone())
        })
    }

    /// Sets the value of `key`.
    pub(super) fn set(&self, key: K, value: V) {
        self.with(|entries| {
            if entries.young.len() >= self.half && !entries.young.contains_key(&key) {
                entries.old = std::mem::take(&mut entries.young);
            }
            entries.old.remove(&key);
            entries.young.insert(key, (Instant::now(), value));
        });
    }

    /// Forgets `key`.
    pub(super) fn remove(&self, key: &K) {
        self.with(|entries| {
            entries.young.remove(key);
            entries.old.remove(key);
        });
    }

    /// Takes over what another remembers, as old as it is there, as far as there is room.
    pub(super) fn absorb(&self, other: &Self) {
        let known = other.with(|entries| {
            let mut known = std::mem::take(&mut entries.old);
            known.extend(std::mem::take(&mut entries.young));
            known
        });
        self.with(|entries| {
            for (key, entry) in known {
                if entries.old.len() < self.half && !entries.young.contains_key(&key) {
                    entries.old.insert(key, entry);
                }
            }
        });
    }

    /// The entries whose time is not over, in no order.
    pub(super) fn entries(&self) -> Vec<(K, V)> {
        let now = Instant::now();
        self.with(|entries| {
            let all = entries.old.iter().chain(&entries.young);
            let alive = all.filter(|(_, (at, _))| now.duration_since(*at) < self.life);
            alive.map(|(key, (_, value))| (key.clone(), value.clone())).collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_forgets_the_oldest_and_never_grows_past_its_bound() {
        let map = Expiring::new(Duration::from_secs(60), 10);
        for n in 0..100 {
            map.set(n, n);
            assert!(map.entries().len() <= 10);
            assert_eq!(map.get(&n), Some(n));
        }
        assert_eq!(map.get(&0), None);
        map.set(99, 7);
        assert_eq!(map.get(&99), Some(7));
        map.remove(&99);
        assert_eq!(map.get(&99), None);
    }

    #[test]
    fn what_another_remembered_goes_on_and_replaces_nothing_newer() {
        let (older, map) = (Expiring::new(Duration::from_secs(60), 10), Expiring::new(Duration::from_secs(60), 10));
        (0..4).for_each(|n| older.set(n, "older"));
        map.set(0, "newer");
        map.absorb(&older);
        assert_eq!((map.get(&0), map.get(&3)), (Some("newer"), Some("older")));
        assert!(older.entries().is_empty());
        (0..10).for_each(|n| older.set(n + 10, "older"));
        map.absorb(&older);
        assert!(map.entries().len() <= 10);
    }

    #[test]
    fn nothing_is_given_after_its_time() {
        let map = Expiring::new(Duration::ZERO, 10);
        map.set(1, 1);
        assert_eq!(map.get(&1), None);
        assert!(map.entries().is_empty());
    }
}
