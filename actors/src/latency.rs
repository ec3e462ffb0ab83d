//! How long things take, for people: histograms that many threads fill and somebody reads now and
//! then. Since the start, and never reset.
//!
//! Invariant: whoever records hardly ever waits for another: there are several shards, and the
//! first free one is taken.
use std::sync::{Mutex, PoisonError, TryLockError};
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

const SHARDS: usize = 4;
/// The longest time that is told apart; longer ones count as this.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);
/// Significant figures of a value: within 1 %.
const FIGURES: u8 = 2;

/// A histogram of durations.
#[derive(Debug)]
pub struct Latency {
    shards: [Mutex<Histogram<u64>>; SHARDS],
}

/// What a histogram tells, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Quantiles {
    /// How many were measured.
    pub count: u64,
    /// Half took no longer.
    pub p50_us: u64,
    /// Nine of ten took no longer.
    pub p90_us: u64,
    /// All but one of a hundred.
    pub p99_us: u64,
    /// All but one of a thousand.
    pub p999_us: u64,
    /// The longest.
    pub max_us: u64,
}

/// A histogram as Prometheus has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Buckets {
    /// How many took no longer than each bound.
    pub below: Vec<u64>,
    /// How many were measured.
    pub count: u64,
    /// The sum of all.
    pub sum: Duration,
}

impl Quantiles {
    /// Of any histogram of microseconds.
    pub fn of(histogram: &Histogram<u64>) -> Self {
        Self {
            count: histogram.len(),
            p50_us: histogram.value_at_quantile(0.5),
            p90_us: histogram.value_at_quantile(0.9),
            p99_us: histogram.value_at_quantile(0.99),
            p999_us: histogram.value_at_quantile(0.999),
            max_us: histogram.max(),
        }
    }
}

fn empty() -> Histogram<u64> {
    let longest = u64::try_from(LONGEST.as_micros()).unwrap_or(u64::MAX);
    Histogram::new_with_bounds(1, longest, FIGURES).expect("invariant: the bounds are constants that are in order")
}

impl Default for Latency {
    fn default() -> Self {
        Self { shards: std::array::from_fn(|_| Mutex::new(empty())) }
    }
}

impl Latency {
    /// One more.
    pub fn record(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        for shard in &self.shards {
            match shard.try_lock() {
                Ok(mut histogram) => return histogram.saturating_record(micros),
                Err(TryLockError::Poisoned(held)) => return held.into_inner().saturating_record(micros),
                Err(TryLockError::WouldBlock) => {}
            }
        }
        // All are taken for a few dozen nanoseconds each: wait for the last.
        self.shards[SHARDS - 1].lock().unwrap_or_else(PoisonError::into_inner).saturating_record(micros);
    }

    fn all(&self) -> Histogram<u64> {
        let mut all = empty();
        for shard in &self.shards {
            // They have the same bounds: adding can't fail.
            let _ = all.add(&*shard.lock().unwrap_or_else(PoisonError::into_inner));
        }
        all
    }

    /// What was measured so far.
    pub fn quantiles(&self) -> Quantiles {
        Quantiles::of(&self.all())
    }

    /// How many took no longer than each of these bounds, how many there are, and the sum of all: within 1 %.
    pub fn buckets(&self, bounds: &[Duration]) -> Buckets {
        let all = self.all();
        let below = |bound: &Duration| all.count_between(0, u64::try_from(bound.as_micros()).unwrap_or(u64::MAX));
        let sum = Duration::from_secs_f64(all.mean() * all.len() as f64 / 1_000_000.0);
        Buckets { below: bounds.iter().map(below).collect(), count: all.len(), sum }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_all_threads_together() {
        let latency = Latency::default();
        std::thread::scope(|scope| {
            for thread in 0..4_u64 {
                let latency = &latency;
                scope.spawn(move || {
                    for n in 1..=250_u64 {
                        latency.record(Duration::from_millis(thread * 250 + n));
                    }
                });
            }
        });
        let told = latency.quantiles();
        assert_eq!(told.count, 1_000);
        let close = |told: u64, wanted: u64| told.abs_diff(wanted) <= wanted / 50;
        assert!(close(told.p50_us, 500_000) && close(told.p90_us, 900_000) && close(told.p99_us, 990_000), "{told:?}");
        assert!(close(told.p999_us, 999_000) && close(told.max_us, 1_000_000), "{told:?}");
    }

    #[test]
    fn a_time_beyond_the_longest_counts_as_the_longest() {
        let latency = Latency::default();
        latency.record(Duration::MAX);
        let longest = u64::try_from(LONGEST.as_micros()).unwrap_or(u64::MAX);
        assert!(latency.quantiles().max_us.abs_diff(longest) <= longest / 50);
    }
}
