//! When requests are meant to begin: constant, Poisson, ramp, burst, listed, or as a trace says.
//!
//! Invariant: offsets follow from the process, the length and the seed alone, never go back, and are all below the length. Nothing here
//! reads a clock.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use estafette_loadtest::Chance;
use serde::Deserialize;

/// Arrivals of a trace at most.
const TRACE_MAX: usize = 10_000_000;

/// An arrival process as a scenario has it.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "process", rename_all = "lowercase", deny_unknown_fields)]
pub enum Process {
    /// Evenly spaced.
    Constant {
        /// Arrivals a second.
        per_second: f64,
    },
    /// Independent of each other, as callers who don't know of each other are: gaps are exponential.
    Poisson {
        /// Arrivals a second in the mean.
        per_second: f64,
    },
    /// A rate that changes steadily over the sender's time.
    Ramp {
        /// Arrivals a second at its start.
        from_per_second: f64,
        /// Arrivals a second at its end.
        to_per_second: f64,
    },
    /// Many at the same moment, again and again.
    Burst {
        /// How many at once.
        size: u32,
        /// Seconds from one burst to the next.
        every_seconds: f64,
    },
    /// At these moments.
    At {
        /// Seconds after the sender's start.
        seconds: Vec<f64>,
    },
    /// As a file says: an offset a line, or a column of a CSV file with a header.
    Trace {
        /// The file, relative to the scenario's folder.
        file: PathBuf,
        /// The column of the offsets, by its header; without it the first one.
        column: Option<String>,
        /// What the offsets count; seconds unless it says otherwise.
        #[serde(default)]
        unit: Unit,
    },
}

/// What the offsets of a trace count.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Seconds, with a fraction.
    #[default]
    S,
    /// Milliseconds.
    Ms,
    /// Microseconds.
    Us,
}

/// Offsets from the sender's start, the earliest first.
pub type Offsets = Box<dyn Iterator<Item = Duration> + Send>;

/// A process whose numbers make sense, with the length of its sender's time.
#[derive(Clone, Debug)]
pub struct Arrivals {
    shape: Shape,
    length: Duration,
}

#[derive(Clone, Debug)]
enum Shape {
    Constant(f64),
    Poisson(f64),
    Ramp(f64, f64),
    Burst(u32, f64),
    Listed(Arc<[Duration]>),
}

impl Arrivals {
    /// A steady rate, more than 0.
    pub fn constant(per_second: f64, length: Duration) -> Self {
        Self { shape: Shape::Constant(per_second), length }
    }

    /// Checks a process; a trace is read, from `folder`. Fails with the key that is wrong, and why.
    pub fn new(process: &Process, length: Duration, folder: &Path) -> anyhow::Result<Self> {
        let shape = match process {
            Process::Constant { per_second } => Shape::Constant(rate("per_second", *per_second)?),
            Process::Poisson { per_second } => Shape::Poisson(rate("per_second", *per_second)?),
            Process::Ramp { from_per_second: from, to_per_second: to } => {
                ensure!(bounded(*from) && bounded(*to), "from_per_second, to_per_second: give 0 to 1000000");
                ensure!(*from > 0.0 || *to > 0.0, "from_per_second, to_per_second: one of them must be more than 0");
                Shape::Ramp(*from, *to)
            }
            Process::Burst { size, every_seconds } => {
                ensure!((1..=1_000_000).contains(size), "size: give 1 to 1000000");
                ensure!(*every_seconds >= 0.001 && every_seconds.is_finite(), "every_seconds: give 0.001 or more");
                Shape::Burst(*size, *every_seconds)
            }
            Process::At { seconds } => Shape::Listed(listed(seconds).context("seconds")?),
            Process::Trace { file, column, unit } => {
                let path = folder.join(file);
                let text = std::fs::read_to_string(&path).with_context(|| format!("file: read {}", path.display()))?;
                let read = trace(&text, column.as_deref(), *unit);
                Shape::Listed(read.with_context(|| format!("file: understand {}", path.display()))?)
            }
        };
        Ok(Self { shape, length })
    }

    /// The offsets under this seed.
    pub fn offsets(&self, seed: u64) -> Offsets {
        let length = self.length;
        let all: Offsets = match self.shape.clone() {
            Shape::Constant(rate) => Box::new((0_u64..).map(move |index| seconds(index as f64 / rate))),
            Shape::Poisson(rate) => {
                let (mut chance, mut at) = (Chance::new(seed), 0.0);
                Box::new(std::iter::repeat_with(move || {
                    // 1 - u is never 0, of which there is no logarithm.
                    at -= (1.0 - chance.unit()).ln() / rate;
                    seconds(at)
                }))
            }
            Shape::Ramp(from, to) => {
                let (span, total) = (length.as_secs_f64(), f64::midpoint(from, to) * length.as_secs_f64());
                let slope = (to - from) / span;
                let count = (0_u64..).take_while(move |index| (*index as f64) < total);
                Box::new(count.map(move |index| seconds(ramp(from, slope, index as f64))))
            }
            Shape::Burst(size, every) => {
                let at = move |burst: u64| std::iter::repeat_n(seconds(burst as f64 * every), size as usize);
                Box::new((0_u64..).flat_map(at))
            }
            Shape::Listed(offsets) => Box::new((0..offsets.len()).map(move |index| offsets[index])),
        };
        Box::new(all.take_while(move |offset| *offset < length))
    }
}

/// When a rate that began at `from` and grows by `slope` a second has brought `count`: the smaller root of `slope t² / 2 + from t = count`, written so
/// that nothing cancels out.
fn ramp(from: f64, slope: f64, count: f64) -> f64 {
    if count == 0.0 {
        return 0.0;
    }
    2.0 * count / (from + (from * from + 2.0 * slope * count).max(0.0).sqrt())
}

fn seconds(value: f64) -> Duration {
    // Far past any length when it can't be told.
    Duration::try_from_secs_f64(value).unwrap_or(Duration::MAX)
}

fn bounded(rate: f64) -> bool {
    (0.0..=1_000_000.0).contains(&rate)
}

fn rate(key: &str, rate: f64) -> anyhow::Result<f64> {
    ensure!(rate > 0.0 && bounded(rate), "{key}: give more than 0, and at most 1000000");
    Ok(rate)
}

/// Offsets in order, whatever order they were given in.
fn listed(given: &[f64]) -> anyhow::Result<Arc<[Duration]>> {
    ensure!(!given.is_empty(), "there is no offset");
    ensure!(given.len() <= TRACE_MAX, "there are more than {TRACE_MAX} offsets");
    let offset = |value: &f64| {
        let offset = Duration::try_from_secs_f64(*value);
        offset.with_context(|| format!("{value} is no offset: give 0 or more seconds"))
    };
    let mut offsets = given.iter().map(offset).collect::<anyhow::Result<Vec<Duration>>>()?;
    offsets.sort_unstable();
    Ok(offsets.into())
}

/// Reads a trace: lines of one number, or CSV of which one column counts. Empty lines and those that begin with `#` are left out.
fn trace(text: &str, column: Option<&str>, unit: Unit) -> anyhow::Result<Arc<[Duration]>> {
    let scale = match unit {
        Unit::S => 1.0,
        Unit::Ms => 1e-3,
        Unit::Us => 1e-6,
    };
    let numbered = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
    let mut lines = numbered.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')).peekable();
    let cells = |line: &str| line.split(',').map(|cell| cell.trim().trim_matches('"').to_owned()).collect::<Vec<_>>();
    let mut place = 0;
    if let Some((_, line)) = lines.peek() {
        let header = cells(line);
        if let Some(column) = column {
            let found = header.iter().position(|name| name == column);
            place = found.with_context(|| format!("there is no column {column}: there are {}", header.join(", ")))?;
            lines.next();
        } else if header[0].parse::<f64>().is_err() {
            lines.next();
        }
    }
    let mut offsets = Vec::new();
    for (number, line) in lines {
        let cells = cells(line);
        let Some(Ok(value)) = cells.get(place).map(|cell| cell.parse::<f64>()) else {
            bail!("line {number} has no number in column {}", place + 1);
        };
        offsets.push(value * scale);
    }
    listed(&offsets)
}

#[cfg(test)]
mod tests;
