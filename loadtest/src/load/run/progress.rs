//! What a person sees while a scenario runs: a bar on a terminal, a line every few seconds elsewhere.
//!
//! It shows what was counted and counts nothing itself.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::tally::Tally;
use crate::load::report::chart::number;
use crate::load::scenario::check::Scenario;

/// From one line to the next where there is no terminal.
const PAUSE: Duration = Duration::from_secs(5);

/// Shown until it is ended.
pub struct Progress {
    bar: ProgressBar,
    length: Duration,
    told: Option<Instant>,
    before: (Duration, u64, u64),
}

impl Progress {
    /// At the beginning.
    pub fn new(scenario: &Scenario) -> Self {
        let bar = ProgressBar::new(scenario.length.as_secs().max(1));
        let style = ProgressStyle::with_template("{prefix} {bar:30} {pos}/{len} s\n{wide_msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_prefix(scenario.name.clone());
        Self { bar, length: scenario.length, told: None, before: (Duration::ZERO, 0, 0) }
    }

    /// How far everything is.
    pub fn show(&mut self, elapsed: Duration, tallies: &[Tally], waiting: u64, knows_waiting: bool) {
        let sum = |of: fn(&Tally) -> u64| tallies.iter().map(of).sum::<u64>();
        let (right, wrong) = (sum(|tally| tally.right), sum(|tally| tally.wrong));
        let (not_begun, handed) = (sum(|tally| tally.refused), sum(|tally| tally.handed));
        let (before, right_before, handed_before) = std::mem::replace(&mut self.before, (elapsed, right, handed));
        let past = elapsed.saturating_sub(before).as_secs_f64().max(0.001);
        let rate = |now: u64, before: u64| number((now.saturating_sub(before) as f64 / past).round());
        let mut line = format!("{} answers ({}/s)", number(right as f64), rate(right, right_before));
        for (count, what) in [(wrong, "wrong"), (not_begun, "not begun")] {
            if count > 0 {
                let _ = write!(line, ", {} {what}", number(count as f64));
            }
        }
        if handed > 0 {
            let _ = write!(line, ", {} handed over ({}/s)", number(handed as f64), rate(handed, handed_before));
        }
        if knows_waiting {
            let _ = write!(line, ", {} wait", number(waiting as f64));
        }
        let seconds = elapsed.as_secs().min(self.length.as_secs());
        if elapsed > self.length {
            line += "; waiting for the rest";
        }
        if !self.bar.is_hidden() {
            self.bar.set_position(seconds);
            self.bar.set_message(line);
        } else if self.told.is_none_or(|told| told.elapsed() >= PAUSE) {
            self.told = Some(Instant::now());
            eprintln!("{seconds}/{} s: {line}", self.length.as_secs());
        }
    }

    /// Takes the bar away.
    pub fn end(&self) {
        self.bar.finish_and_clear();
    }
}
