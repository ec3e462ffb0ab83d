//! When to try again: exponential back-off with jitter, pure. The caller brings the chance.
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How often and how patiently a step is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Backoff {
    /// Before the first retry.
    pub first: Duration,
    /// Each pause is so many times the one before (1.0 to 10.0).
    pub factor: f64,
    /// No pause is longer, jitter apart.
    pub max: Duration,
    /// The share of a pause that is left to chance (0.0 to 1.0).
    pub jitter: f64,
    /// Retries at most (0 to 15).
    pub attempts: u8,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { first: Duration::from_secs(2), factor: 3.0, max: Duration::from_secs(600), jitter: 0.3, attempts: 6 }
    }
}

impl Backoff {
    /// The pause before retry number `retry` (from 0), or `None` when the retries are used up.
    /// `random` is any number, evenly spread.
    pub fn delay(&self, retry: u8, random: u64) -> Option<Duration> {
        if retry >= self.attempts {
            return None;
        }
        let whole = self.first.as_secs_f64() * self.factor.powi(i32::from(retry));
        let capped = whole.min(self.max.as_secs_f64());
        let chance = (random >> 11) as f64 / (1_u64 << 53) as f64;
        let pause = capped * (1.0 - self.jitter * chance);
        Some(Duration::from_secs_f64(pause.max(0.001)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_pause_is_bounded_never_zero_and_ends(retry in 0_u8..20, random in any::<u64>()) {
            let backoff = Backoff::default();
            match backoff.delay(retry, random) {
                Some(pause) => prop_assert!(retry < 6 && !pause.is_zero() && pause <= backoff.max),
                None => prop_assert!(retry >= 6),
            }
        }

        #[test]
        fn without_chance_each_pause_is_at_least_the_one_before(retry in 1_u8..6) {
            let backoff = Backoff { jitter: 0.0, ..Backoff::default() };
            prop_assert!(backoff.delay(retry, 7) >= backoff.delay(retry - 1, 7));
        }
    }
}
