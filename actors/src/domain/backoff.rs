//! When a failed attempt is tried again: exponential back-off with jitter.
//!
//! Invariant: a delay is never zero and never above the maximum, whatever the parameters.
//! It must not read a clock or draw a random number: both come from the caller.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The shortest delay: a retry in the same instant would meet the same failure.
const SHORTEST: Duration = Duration::from_millis(1);

/// How failed attempts are retried.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Backoff {
    /// The delay before the first retry.
    pub first: Duration,
    /// How many times longer each further delay is. Below 1 counts as 1.
    pub factor: f64,
    /// No delay is longer.
    pub max: Duration,
    /// The part of a delay that chance decides, 0 to 1: with 0.5 a delay of 10 s is 5 to 10 s, so that those who failed
    /// together don't come back together.
    pub jitter: f64,
    /// Retries at most: the attempts that may follow the first one. With 0 nothing is retried.
    pub attempts: u8,
}

impl Default for Backoff {
    /// Six retries within about a quarter of an hour: an outage of a channel's front end, not a lost evening.
    fn default() -> Self {
        Self { first: Duration::from_secs(2), factor: 3.0, max: Duration::from_secs(600), jitter: 0.3, attempts: 6 }
    }
}

impl Backoff {
    /// The delay before the next retry, when `retry` retries have been made before it (0 after the first attempt failed).
    /// `None` when the retries are used up. `random` is any uniformly drawn number.
    pub fn delay(&self, retry: u8, random: u64) -> Option<Duration> {
        if retry >= self.attempts {
            return None;
        }
        let longest = self.max.max(SHORTEST);
        let full = (self.first.as_secs_f64() * self.factor.max(1.0).powi(i32::from(retry))).min(longest.as_secs_f64());
        let chance = random as f64 / u64::MAX as f64;
        // NaN counts as no jitter: `clamp` would let it through.
        let jitter = if self.jitter.is_nan() { 0.0 } else { self.jitter.clamp(0.0, 1.0) };
        let delay = Duration::try_from_secs_f64(full * (1.0 - jitter * chance)).unwrap_or(longest);
        Some(delay.clamp(SHORTEST, longest))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn delays_grow_to_the_maximum_and_end_with_the_retries() {
        let backoff = Backoff { first: SECOND, factor: 2.0, max: 5 * SECOND, jitter: 0.0, attempts: 5 };
        let delays: Vec<_> = (0..=6).map(|retry| backoff.delay(retry, u64::MAX)).collect();
        let expected =
            [Some(1), Some(2), Some(4), Some(5), Some(5), None, None].map(|delay| delay.map(Duration::from_secs));
        assert_eq!(delays, expected);
    }

    #[test]
    fn without_retries_nothing_is_retried() {
        assert_eq!(Backoff { attempts: 0, ..Backoff::default() }.delay(0, 0), None);
        assert!(Backoff { attempts: 1, ..Backoff::default() }.delay(0, 0).is_some());
        assert_eq!(Backoff { attempts: 1, ..Backoff::default() }.delay(1, 0), None);
        assert_eq!(Backoff { attempts: u8::MAX, ..Backoff::default() }.delay(u8::MAX, 0), None);
    }

    #[test]
    fn chance_decides_the_part_that_jitter_says() {
        let backoff = Backoff { first: 10 * SECOND, factor: 2.0, max: 60 * SECOND, jitter: 0.5, attempts: 3 };
        assert_eq!(backoff.delay(0, 0), Some(10 * SECOND));
        assert_eq!(backoff.delay(0, u64::MAX), Some(5 * SECOND));
    }

    fn sensible() -> impl Strategy<Value = Backoff> {
        (0_u64..100_000, 1.0..10.0_f64, 1_u64..10_000_000, 0.0..=1.0_f64, 2_u8..).prop_map(
            |(first, factor, max, jitter, attempts)| Backoff {
                first: Duration::from_millis(first),
                factor,
                max: Duration::from_millis(max),
                jitter,
                attempts,
            },
        )
    }

    proptest! {
        #[test]
        fn a_delay_is_never_zero_and_never_above_the_maximum(
            backoff in sensible(), odd: (f64, f64), retry: u8, random: u64,
        ) {
            let odd = Backoff { factor: odd.0, jitter: odd.1, ..backoff };
            for backoff in [backoff, odd] {
                let delay = backoff.delay(retry, random);
                prop_assert_eq!(delay.is_none(), retry >= backoff.attempts);
                if let Some(delay) = delay {
                    prop_assert!(delay >= SHORTEST && delay <= backoff.max, "{:?}", delay);
                }
            }
        }

        #[test]
        fn with_the_same_chance_a_later_delay_is_not_shorter(backoff in sensible(), retry in 0_u8..254, random: u64) {
            if let (Some(earlier), Some(later)) = (backoff.delay(retry, random), backoff.delay(retry + 1, random)) {
                prop_assert!(later >= earlier);
            }
        }

        #[test]
        fn a_delay_lies_within_its_jitter(backoff in sensible(), retry: u8, random: u64) {
            let full = Backoff { jitter: 0.0, ..backoff }.delay(retry, random);
            if let (Some(delay), Some(full)) = (backoff.delay(retry, random), full) {
                let least = full.mul_f64(1.0 - backoff.jitter).saturating_sub(SHORTEST);
                prop_assert!(delay <= full && delay >= least);
            }
        }
    }
}
