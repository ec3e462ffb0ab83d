//! Stable hashing: the source of everything that looks like chance here.
//!
//! Invariant: the same bytes and seed give the same number on every machine, run and release, so that a run repeats. The
//! standard library's hasher promises none of that. It must not be used against people who choose their keys.

use std::hash::{BuildHasherDefault, Hasher};

/// Spreads the bits of `value` over the whole word (the finaliser of splitmix64).
pub(crate) fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// A hash of `bytes` under `seed` (FNV-1a, then mixed).
pub(crate) fn bytes(seed: u64, bytes: &[u8]) -> u64 {
    let mut state = 0xcbf2_9ce4_8422_2325 ^ mix(seed);
    for byte in bytes {
        state = (state ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    mix(state)
}

/// A point in [0, 1) from a well-mixed word.
pub(crate) fn unit(value: u64) -> f64 {
    (value >> 11) as f64 / (1_u64 << 53) as f64
}

/// A sequence of random-looking words from a seed (splitmix64).
pub struct Chance(u64);

impl Chance {
    /// The sequence of this seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next word.
    pub fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A point in [0, 1).
    pub fn unit(&mut self) -> f64 {
        unit(self.word())
    }

    /// Draws always, so that one probability does not shift the draws after it.
    pub(crate) fn hits(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// From `min` to `max`, both included.
    pub fn between(&mut self, min: u64, max: u64) -> u64 {
        let word = self.word();
        match max.saturating_sub(min).checked_add(1) {
            Some(span) => min + word % span,
            None => word,
        }
    }
}

/// For maps whose keys are hashes already.
#[derive(Default)]
pub(crate) struct Identity(u64);

impl Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = self::bytes(self.0, bytes);
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

pub(crate) type ByHash = BuildHasherDefault<Identity>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hash_of_a_reference_stays_the_same_between_releases() {
        assert_eq!(bytes(0, b""), mix(0xcbf2_9ce4_8422_2325));
        assert_ne!(bytes(1, b"a"), bytes(2, b"a"));
        assert_ne!(bytes(1, b"a"), bytes(1, b"b"));
    }

    #[test]
    fn chance_stays_in_its_bounds_and_reaches_both_ends() {
        let mut chance = Chance::new(7);
        let drawn: Vec<u64> = (0..1000).map(|_| chance.between(3, 6)).collect();
        assert_eq!(drawn.iter().min(), Some(&3));
        assert_eq!(drawn.iter().max(), Some(&6));
        assert_eq!(chance.between(5, 5), 5);
        let hits = (0..10_000).filter(|_| chance.hits(0.25)).count();
        assert!((2_200..2_800).contains(&hits), "{hits}");
        assert!(!(0..1000).any(|_| chance.hits(0.0)) && (0..1000).all(|_| chance.hits(1.0)));
    }
}
