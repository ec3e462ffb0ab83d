//! How a simulator misbehaves: the settings, and what they make of one request.
//!
//! Invariant: what happens to a request follows from the seed, its reference and how often that reference failed before, so a run repeats, and a request that is
//! tried again gets new luck. Drawing must not depend on the clock or on the order of arrival; the limit per second is the one exception.

use serde::{Deserialize, Serialize};

use crate::hash::Chance;
use crate::sandbox::{self, Behaviour};

/// What goes wrong at one channel, and how often. Probabilities are from 0 to 1; the default is that nothing does.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// Shortest time before a request is dealt with, in milliseconds.
    pub latency_min_ms: u64,
    /// Longest time before a request is dealt with, in milliseconds.
    pub latency_max_ms: u64,
    /// Probability that the connection is dropped before the request is dealt with.
    pub loss_before: f64,
    /// Probability that the message is taken and recorded, and the connection dropped instead of an answer.
    pub loss_after: f64,
    /// How long a lost request stays without answer before its connection is dropped, in milliseconds; 0 drops it at once.
    pub loss_silence_ms: u64,
    /// Probability of a 500, before the request is dealt with.
    pub server_error: f64,
    /// Probability of a 429, before the request is dealt with.
    pub throttle: f64,
    /// Requests a second above which the others get 429; 0 for no limit.
    pub throttle_above_per_second: u32,
    /// What `Retry-After` says in those 429s, in seconds.
    pub retry_after_seconds: u32,
    /// What goes wrong with the receipts.
    pub receipts: ReceiptFaults,
}

/// What goes wrong with the receipts of a channel. Probabilities are for each message.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReceiptFaults {
    /// Shortest time from the message to its receipt, in milliseconds.
    pub delay_min_ms: u64,
    /// Longest time from the message to its receipt, in milliseconds.
    pub delay_max_ms: u64,
    /// Probability that a receipt is late.
    pub late: f64,
    /// How late, in seconds.
    pub late_seconds: u32,
    /// Probability that each receipt comes twice.
    pub double: f64,
    /// Probability that the first receipt comes before the response.
    pub early: f64,
    /// Probability that there is no receipt.
    pub missing: f64,
    /// Probability of one more receipt, for a message that nobody sent.
    pub stranger: f64,
    /// Probability that the receipts of a message come in the wrong order (one alone: after those of later messages).
    pub reordered: f64,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            latency_min_ms: 0,
            latency_max_ms: 0,
            loss_before: 0.0,
            loss_after: 0.0,
            loss_silence_ms: 0,
            server_error: 0.0,
            throttle: 0.0,
            throttle_above_per_second: 0,
            retry_after_seconds: 1,
            receipts: ReceiptFaults::default(),
        }
    }
}

impl Default for ReceiptFaults {
    fn default() -> Self {
        Self {
            delay_min_ms: 50,
            delay_max_ms: 500,
            late: 0.0,
            late_seconds: 30,
            double: 0.0,
            early: 0.0,
            missing: 0.0,
            stranger: 0.0,
            reordered: 0.0,
        }
    }
}

impl Faults {
    /// Fails with all that is out of bounds, each with its key.
    pub fn check(&self) -> anyhow::Result<()> {
        let receipts = &self.receipts;
        let probabilities = [
            ("loss_before", self.loss_before),
            ("loss_after", self.loss_after),
            ("server_error", self.server_error),
            ("throttle", self.throttle),
            ("receipts.late", receipts.late),
            ("receipts.double", receipts.double),
            ("receipts.early", receipts.early),
            ("receipts.missing", receipts.missing),
            ("receipts.stranger", receipts.stranger),
            ("receipts.reordered", receipts.reordered),
        ];
        let mut wrong: Vec<String> = probabilities
            .iter()
            .filter(|(_, value)| !(0.0..=1.0).contains(value))
            .map(|(key, value)| format!("{key} = {value}: give a probability from 0 to 1"))
            .collect();
        if self.latency_min_ms > self.latency_max_ms {
            wrong.push("latency_min_ms is above latency_max_ms".into());
        }
        if receipts.delay_min_ms > receipts.delay_max_ms {
            wrong.push("receipts.delay_min_ms is above receipts.delay_max_ms".into());
        }
        anyhow::ensure!(wrong.is_empty(), "{}", wrong.join("; "));
        Ok(())
    }
}

/// What becomes of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Course {
    Pass,
    LoseBefore,
    LoseAfter,
    ServerError,
    Throttle,
    /// The sandbox's 503.
    Unavailable,
}

/// What the faults make of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fate {
    pub(crate) latency_ms: u64,
    pub(crate) course: Course,
}

impl Fate {
    /// `failures`: how often this reference (for a reserved recipient: this recipient) was refused or lost since it last passed.
    pub(crate) fn draw(faults: &Faults, behaviour: Option<Behaviour>, failures: u32, chance: &mut Chance) -> Self {
        if let Some(behaviour) = behaviour {
            return Self::of(behaviour, failures);
        }
        let latency_ms = chance.between(faults.latency_min_ms, faults.latency_max_ms);
        let (before, after) = (chance.hits(faults.loss_before), chance.hits(faults.loss_after));
        let (error, throttle) = (chance.hits(faults.server_error), chance.hits(faults.throttle));
        let course = match (before, error, throttle, after) {
            (true, ..) => Course::LoseBefore,
            (_, true, ..) => Course::ServerError,
            (_, _, true, _) => Course::Throttle,
            (_, _, _, true) => Course::LoseAfter,
            _ => Course::Pass,
        };
        Self { latency_ms, course }
    }

    fn of(behaviour: Behaviour, failures: u32) -> Self {
        let course = match behaviour {
            Behaviour::FailForAWhile if failures < sandbox::FAILURES_FIRST => Course::Unavailable,
            Behaviour::AnswerLost if failures == 0 => Course::LoseAfter,
            _ => Course::Pass,
        };
        let latency_ms = if behaviour == Behaviour::Slow { sandbox::SLOW_MS } else { 0 };
        Self { latency_ms, course }
    }
}

/// What the faults make of the receipts of one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ReceiptFate {
    pub(crate) delay_ms: u64,
    pub(crate) double: bool,
    pub(crate) early: bool,
    pub(crate) missing: bool,
    pub(crate) stranger: bool,
    pub(crate) reordered: bool,
}

impl ReceiptFate {
    pub(crate) fn draw(faults: &ReceiptFaults, behaviour: Option<Behaviour>, chance: &mut Chance) -> Self {
        let delay_ms = chance.between(faults.delay_min_ms, faults.delay_max_ms);
        if let Some(behaviour) = behaviour {
            return Self {
                delay_ms: delay_ms + if behaviour == Behaviour::LateReceipt { sandbox::LATE_MS } else { 0 },
                double: behaviour == Behaviour::DoubleReceipt,
                early: behaviour == Behaviour::EarlyReceipt,
                missing: behaviour == Behaviour::NoReceipt,
                stranger: false,
                reordered: false,
            };
        }
        let late_ms = if chance.hits(faults.late) { u64::from(faults.late_seconds) * 1_000 } else { 0 };
        Self {
            delay_ms: delay_ms + late_ms,
            double: chance.hits(faults.double),
            early: chance.hits(faults.early),
            missing: chance.hits(faults.missing),
            stranger: chance.hits(faults.stranger),
            reordered: chance.hits(faults.reordered),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_seed_gives_the_same_fate_and_another_try_another_one() {
        let faults = Faults { latency_max_ms: 1_000_000, loss_before: 0.3, server_error: 0.3, ..Faults::default() };
        let draw = |seed| Fate::draw(&faults, None, 0, &mut Chance::new(seed));
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }

    #[test]
    fn each_fault_comes_about_as_often_as_asked() {
        let faults =
            Faults { loss_before: 0.1, loss_after: 0.2, throttle: 0.1, server_error: 0.1, ..Faults::default() };
        let mut chance = Chance::new(3);
        let drawn: Vec<Course> = (0..10_000).map(|_| Fate::draw(&faults, None, 0, &mut chance).course).collect();
        for (course, expected) in [
            (Course::LoseBefore, 1_000),
            (Course::ServerError, 900),
            (Course::Throttle, 810),
            (Course::LoseAfter, 1_458),
            (Course::Pass, 5_832),
        ] {
            let seen = drawn.iter().filter(|other| **other == course).count();
            assert!(seen.abs_diff(expected) < 200, "{course:?} {seen}");
        }
    }

    #[test]
    fn reserved_recipients_ignore_the_probabilities() {
        let faults = Faults { loss_before: 1.0, latency_min_ms: 9, latency_max_ms: 9, ..Faults::default() };
        let fate = |behaviour, failures| Fate::draw(&faults, Some(behaviour), failures, &mut Chance::new(1));
        for (behaviour, failures, latency_ms, course) in [
            (Behaviour::Deliver, 0, 0, Course::Pass),
            (Behaviour::FailForAWhile, 0, 0, Course::Unavailable),
            (Behaviour::FailForAWhile, 1, 0, Course::Unavailable),
            (Behaviour::FailForAWhile, 2, 0, Course::Pass),
            (Behaviour::AnswerLost, 0, 0, Course::LoseAfter),
            (Behaviour::AnswerLost, 1, 0, Course::Pass),
            (Behaviour::Slow, 0, sandbox::SLOW_MS, Course::Pass),
        ] {
            assert_eq!(fate(behaviour, failures), Fate { latency_ms, course }, "{behaviour:?} {failures}");
        }
    }

    #[test]
    fn bounds_are_checked_all_at_once() {
        let faults =
            Faults { loss_before: 1.5, throttle: -0.1, latency_min_ms: 2, latency_max_ms: 1, ..Faults::default() };
        let told = faults.check().expect_err("out of bounds").to_string();
        for key in ["loss_before", "throttle", "latency_min_ms"] {
            assert!(told.contains(key), "{told}");
        }
        assert!(Faults::default().check().is_ok());
    }
}
