//! What a run gave, as JSON that other programs read and as one HTML page for people.
//!
//! Owns the form of the JSON; `docs/load-harness.md` explains each member. Invariant: the version grows when a member changes its meaning or
//! goes; a report of another version is refused, not misread. No recipient, no key and no content is in a report.

pub mod chart;
pub mod page;
mod table;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Serializer, V2DeflateSerializer};
use serde::{Deserialize, Serialize};

use super::figures::at_ms;

/// What says that a file is such a report.
pub const FORMAT: &str = "estafette-loadtest";
/// The version of the form.
pub const VERSION: u32 = 1;

/// A run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// [`FORMAT`].
    pub format: String,
    /// [`VERSION`].
    pub version: u32,
    /// The version of the program that made it.
    pub program: String,
    /// The scenario's name.
    pub name: String,
    /// What the scenario is for.
    pub about: String,
    /// Its seed.
    pub seed: u64,
    /// When arrivals began.
    pub began_at: jiff::Timestamp,
    /// How long arrivals came.
    pub length_seconds: f64,
    /// How long it took from the first arrival until all was counted.
    pub whole_seconds: f64,
    /// Processors that the generator could use.
    pub cores: usize,
    /// Each sender, in the scenario's order.
    pub senders: Vec<Sender>,
    /// What waited in the broker's queues.
    pub queues: Queues,
    /// Resident memory of a broker of the run's own in MiB, at the moments of `queues`.
    pub memory_mib: Vec<f64>,
    /// What went wrong on purpose.
    pub faults: Vec<Fault>,
    /// What each institution got of each lane.
    pub fairness: Vec<Share>,
    /// What a reader must know before the figures are believed.
    pub notes: Vec<String>,
}

/// A sender.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sender {
    /// Its name.
    pub name: String,
    /// For whom it sends.
    pub institution: String,
    /// `messages`, `broadcasts` or `requests`.
    pub kind: String,
    /// `urgent`, `normal` or `bulk`, where that is known.
    pub lane: Option<String>,
    /// Arrivals.
    pub planned: u64,
    /// Requests that were begun.
    pub begun: u64,
    /// Of these, those that waited for one of the places in flight.
    pub waited_for_place: u64,
    /// Requests that were not begun: all places were taken, and too many waited for one.
    pub not_begun: u64,
    /// Answers with a status that is right.
    pub right: u64,
    /// Other answers, and failures.
    pub wrong: u64,
    /// How often each status came, and each failure.
    pub outcomes: BTreeMap<String, u64>,
    /// From the intended start to the right answer: corrected for coordinated omission.
    pub latency: Option<Latency>,
    /// From the moment that a request had a place to the right answer: not corrected.
    pub service: Option<Latency>,
    /// From the intended start until the generator got to it.
    pub lag: Option<Latency>,
    /// Rows of its broadcasts.
    pub rows: u64,
    /// Messages and rows that a simulator had, each once.
    pub handed: u64,
    /// Times that a simulator had one again.
    pub handed_again: u64,
    /// From the intended start to the simulator's having it, of single messages and requests, in whole milliseconds.
    pub handover: Option<Latency>,
    /// From the answer to the simulator's having it; 0 where the channel was faster than the answer.
    pub handover_after_answer: Option<Latency>,
    /// Second by second.
    pub per_second: PerSecond,
}

/// A distribution of times.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// How many.
    pub count: u64,
    /// Their mean.
    pub mean_ms: f64,
    /// The 50th percentile.
    pub p50_ms: f64,
    /// The 90th percentile.
    pub p90_ms: f64,
    /// The 99th percentile.
    pub p99_ms: f64,
    /// The 99.9th percentile.
    pub p999_ms: f64,
    /// The longest.
    pub max_ms: f64,
    /// All of it in microseconds: HdrHistogram V2, compressed, in base64.
    pub histogram: String,
}

/// Second by second, from the first one on; all lists are as long.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PerSecond {
    /// Arrivals that were meant to begin in it.
    pub arrived: Vec<u64>,
    /// Of these, those not begun.
    pub not_begun: Vec<u64>,
    /// Right answers that came in it.
    pub right: Vec<u64>,
    /// Wrong ones and failures.
    pub wrong: Vec<u64>,
    /// Messages and rows that a simulator had in it, by its own clock.
    pub handed: Vec<u64>,
    /// `latency` of those meant to begin in it.
    pub latency: Percentiles,
    /// `handover` of those meant to begin in it.
    pub handover: Percentiles,
}

/// Percentiles of each second; null in a second without any.
#[expect(clippy::struct_field_names, reason = "a unit stands at the end of a name")]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Percentiles {
    /// The 50th.
    pub p50_ms: Vec<Option<f64>>,
    /// The 99th.
    pub p99_ms: Vec<Option<f64>>,
    /// The longest.
    pub max_ms: Vec<Option<f64>>,
}

/// What waited.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Queues {
    /// When it was looked, in seconds after the beginning.
    pub at_seconds: Vec<f64>,
    /// Each queue that ever had something.
    pub series: Vec<Queue>,
}

/// A queue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Queue {
    /// The channel.
    pub channel: String,
    /// The lane.
    pub lane: String,
    /// The institution.
    pub institution: String,
    /// Messages that waited at each moment of `at_seconds`.
    pub messages: Vec<u64>,
}

/// Something that went wrong on purpose.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    /// When, in seconds after the beginning.
    pub at_seconds: f64,
    /// Where.
    pub channel: String,
    /// What it is called.
    pub name: String,
}

/// What an institution got of a lane under a strategy, which decides the channel, while arrivals came.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Share {
    /// The lane.
    pub lane: String,
    /// The strategy.
    pub strategy: String,
    /// The institution.
    pub institution: String,
    /// What it had to be sent: messages that were accepted, and rows of started broadcasts.
    pub offered: u64,
    /// What the simulators had of it.
    pub handed: u64,
    /// Its max-min share of what they had of all.
    pub fair: f64,
}

impl Share {
    /// What it got, in percent of its share; none when it was to have nothing.
    pub fn percent(&self) -> Option<f64> {
        (self.fair > 0.0).then(|| self.handed as f64 / self.fair * 100.0)
    }
}

impl Latency {
    /// Of a histogram of microseconds; none of an empty one.
    pub fn of(histogram: &Histogram<u64>) -> Option<Self> {
        if histogram.is_empty() {
            return None;
        }
        let mut bytes = Vec::new();
        let written = V2DeflateSerializer::new().serialize(histogram, &mut bytes);
        written.expect("invariant: a Vec takes all, and the histogram's bounds are ours");
        Some(Self {
            count: histogram.len(),
            mean_ms: round(histogram.mean() / 1_000.0),
            p50_ms: at_ms(histogram, 0.5),
            p90_ms: at_ms(histogram, 0.9),
            p99_ms: at_ms(histogram, 0.99),
            p999_ms: at_ms(histogram, 0.999),
            max_ms: at_ms(histogram, 1.0),
            histogram: STANDARD.encode(bytes),
        })
    }
}

impl Percentiles {
    /// Adds a second with these times in microseconds.
    pub fn push(&mut self, times: &mut [u32]) {
        times.sort_unstable();
        let at = |share: f64| {
            let rank = (share * times.len() as f64).ceil() as usize;
            times.get(rank.saturating_sub(1)).map(|time| f64::from(*time) / 1_000.0)
        };
        self.p50_ms.push(at(0.5));
        self.p99_ms.push(at(0.99));
        self.max_ms.push(at(1.0));
    }
}

/// To three decimals, so that it reads back the same.
pub fn round(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}

impl Report {
    /// Reads one.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("understand {}", path.display()))
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        #[derive(Deserialize)]
        struct Kind {
            format: Option<String>,
            version: Option<u32>,
        }
        let kind: Kind = serde_json::from_str(text)?;
        ensure!(kind.format.as_deref() == Some(FORMAT), "it is no report of a run: give what --json wrote");
        let version = kind.version.unwrap_or_default();
        ensure!(version == VERSION, "it has version {version}, and this program reads version {VERSION}");
        Ok(serde_json::from_str(text)?)
    }

    /// Writes it.
    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        let text = serde_json::to_string(self)?;
        std::fs::write(path, text + "\n").with_context(|| format!("write {}", path.display()))
    }

    /// The lines of the summary.
    pub fn summary(&self) -> Vec<String> {
        let mut lines = vec![format!("{}: {} senders, {:.0} s", self.name, self.senders.len(), self.length_seconds)];
        let width = self.senders.iter().map(|sender| sender.name.chars().count()).max().unwrap_or_default();
        for sender in &self.senders {
            let Sender { name, begun, right, wrong, not_begun, rows, handed, .. } = sender;
            let mut line = format!("{name:<width$}  {right} of {begun} right, {wrong} wrong, {not_begun} not begun");
            for (what, latency) in [("answer", &sender.latency), ("hand-over", &sender.handover)] {
                if let Some(Latency { p50_ms, p99_ms, p999_ms, .. }) = latency {
                    let _ = write!(line, "; {what} p50 {p50_ms:.1}, p99 {p99_ms:.1}, p99.9 {p999_ms:.1} ms");
                }
            }
            if *rows > 0 {
                let _ = write!(line, "; {handed} of {rows} rows handed over");
            }
            lines.push(line);
        }
        for share in &self.fairness {
            let Share { lane, strategy, institution, offered, handed, fair } = share;
            let percent = share.percent().map_or_else(String::new, |percent| format!(" ({percent:.1} %)"));
            lines.push(format!(
                "{lane}, {strategy}, {institution}: {handed} of {offered} handed over, fair share {fair:.0}{percent}"
            ));
        }
        lines.extend(self.notes.iter().map(|note| format!("note: {note}")));
        lines
    }
}

#[cfg(test)]
pub mod tests;
