//! Medians over rounds, and how they are printed.
//!
//! Invariant: beside a median stand the smallest and the largest round, since disks and neighbours change from minute to minute.

use hdrhistogram::Histogram;

/// The longest latency that is told apart, in microseconds.
const LONGEST_US: u64 = 60_000_000;

/// An empty histogram of microseconds.
pub fn histogram() -> Histogram<u64> {
    Histogram::new_with_max(LONGEST_US, 3).expect("invariant: the bounds are constants that it takes")
}

/// Milliseconds at a quantile.
pub fn at_ms(latency: &Histogram<u64>, quantile: f64) -> f64 {
    latency.value_at_quantile(quantile) as f64 / 1_000.0
}

/// The rounds of one figure.
#[derive(Clone, Debug, Default)]
pub struct Rounds(Vec<f64>);

impl Rounds {
    /// Adds a round.
    pub fn push(&mut self, figure: f64) {
        self.0.push(figure);
    }

    /// The last one; without rounds it is 0.
    pub fn last(&self) -> f64 {
        self.0.last().copied().unwrap_or_default()
    }

    /// The median; of an even number the lower one, so that it is a round that happened. Without rounds it is 0.
    pub fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len().saturating_sub(1) / 2).copied().unwrap_or_default()
    }

    /// `median (smallest to largest)`.
    pub fn shown(&self, decimals: usize) -> String {
        let smallest = self.0.iter().copied().fold(f64::INFINITY, f64::min);
        let largest = self.0.iter().copied().fold(0.0, f64::max);
        format!("{:.decimals$} ({smallest:.decimals$} to {largest:.decimals$})", self.median())
    }
}

/// A line of a report.
#[expect(clippy::print_stdout, reason = "the report is what the command is for")]
pub fn say(line: &str) {
    println!("{line}");
}

/// Whether a target is met, in a word.
pub fn verdict(is_met: bool) -> &'static str {
    if is_met { "met" } else { "MISSED" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bad_round_does_not_move_the_median() {
        let mut rounds = Rounds::default();
        for figure in [10.0, 900.0, 11.0, 9.0, 10.5] {
            rounds.push(figure);
        }
        assert!((rounds.median() - 10.5).abs() < f64::EPSILON);
        assert_eq!(rounds.shown(1), "10.5 (9.0 to 900.0)");
    }
}
