//! What one measurement gave: a line of JSON for the script, or medians of the rounds for people.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::ensure;
use serde::Serialize;

use crate::load::figures::{Rounds, say};

/// One measurement.
#[derive(Clone, Debug, Serialize)]
pub struct Sample {
    /// Who did the work.
    pub side: &'static str,
    /// Messages or rows.
    pub count: u64,
    /// From the first byte to the end.
    pub seconds: f64,
    /// Of them, a second.
    pub per_second: f64,
    /// 99th percentile of the answers, in milliseconds, where each was waited for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p99_ms: Option<f64>,
}

impl Sample {
    /// So many in that time.
    pub fn of(side: &'static str, count: u64, took: Duration) -> Self {
        let seconds = took.as_secs_f64();
        Self { side, count, seconds, per_second: count as f64 / seconds, p99_ms: None }
    }

    /// What a round of a given rate gave.
    pub fn rate(side: &'static str, per_second: f64, length: Duration, p99_ms: f64) -> Self {
        let seconds = length.as_secs_f64();
        Self { side, count: (per_second * seconds) as u64, seconds, per_second, p99_ms: Some(p99_ms) }
    }

    /// A line of JSON on standard output.
    pub fn print(&self) -> anyhow::Result<()> {
        say(&serde_json::to_string(self)?);
        Ok(())
    }
}

/// The measurements of a run.
pub struct Report {
    title: String,
    json: bool,
    sides: BTreeMap<&'static str, Rounds>,
}

impl Report {
    /// An empty one; with `json` each measurement is printed as it comes, and nothing else.
    pub fn new(title: String, json: bool) -> Self {
        Self { title, json, sides: BTreeMap::new() }
    }

    /// Adds a measurement.
    pub fn add(&mut self, sample: &Sample) -> anyhow::Result<()> {
        ensure!(sample.count > 0 && sample.per_second.is_finite(), "{}: nothing was measured", sample.side);
        if self.json {
            sample.print()?;
        } else {
            eprintln!(
                "{}: {} in {:.2} s, {:.0} a second",
                sample.side, sample.count, sample.seconds, sample.per_second
            );
        }
        self.sides.entry(sample.side).or_default().push(sample.per_second);
        Ok(())
    }

    /// Prints the medians, for people.
    pub fn end(self) {
        if self.json {
            return;
        }
        say(&format!("{}: median (smallest to largest)", self.title));
        let widest = self.sides.keys().map(|side| side.len()).max().unwrap_or_default();
        for (side, rounds) in self.sides {
            say(&format!("{side:<widest$}  {} a second", rounds.shown(0)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_done_is_an_error_and_no_figure() {
        let mut report = Report::new("a run".into(), false);
        assert!(report.add(&Sample::of("estafette", 0, Duration::from_secs(1))).is_err());
        assert!(report.add(&Sample::of("estafette", 1, Duration::ZERO)).is_err());
        report.add(&Sample::of("estafette", 6, Duration::from_secs(2))).unwrap();
        assert!((report.sides["estafette"].median() - 3.0).abs() < f64::EPSILON);
    }
}
