//! How fast a broadcast goes, and when it will be over at that rate. Pure: whoever counts tells the time.
use std::time::Duration;

use super::time::Timestamp;
use super::window::Window;

/// What was counted so long ago weighs a third of what is counted now.
const MEMORY: Duration = Duration::from_secs(30);
/// Nothing is said of a shorter time.
const SHORTEST: Duration = Duration::from_secs(1);
/// Further ahead nothing is foreseen.
const FURTHEST: Duration = Duration::from_secs(366 * 24 * 3600);

/// How much a second, of late.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rate {
    /// Sum of what was counted, each the lighter the longer ago it was.
    sum: f64,
    /// The same sum for one counted each second: what `sum` is to be divided by.
    seconds: f64,
}

impl Rate {
    /// So much was counted, so long after the time before.
    pub fn count(&mut self, after: Duration, count: u64) {
        *self = self.later(after);
        self.sum += count as f64;
    }

    /// How much a second, so long after the last count; `None` before anything was counted.
    pub fn per_second(&self, after: Duration) -> Option<f64> {
        let now = self.later(after);
        (now.sum > 0.0).then(|| now.sum / now.seconds.max(SHORTEST.as_secs_f64()))
    }

    fn later(self, after: Duration) -> Self {
        let memory = MEMORY.as_secs_f64();
        let left = (-after.as_secs_f64() / memory).exp();
        Self { sum: self.sum * left, seconds: self.seconds * left + memory * (1.0 - left) }
    }
}

/// The rate of a broadcast's rows while it may be sent: time in which its window is closed, or in which it is paused,
/// doesn't count.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Meter {
    rate: Rate,
    /// When it was counted last.
    last: Timestamp,
    /// Whether the window is open until `change`.
    is_open: bool,
    change: Timestamp,
}

impl Meter {
    /// Rows were settled now.
    pub fn count(&mut self, now: Timestamp, window: Option<&Window>, rows: u64) {
        if now >= self.change || now < self.last {
            // The time in between is left out.
            self.go_on(now);
            self.is_open = window.is_none_or(|window| window.is_open(now));
            self.change = window.and_then(|window| window.change(now)).unwrap_or(Timestamp::MAX);
        }
        if self.is_open {
            self.rate.count(now.since(self.last), rows);
            self.last = now;
        }
    }

    /// It goes on after a pause.
    pub fn go_on(&mut self, now: Timestamp) {
        self.last = now;
    }

    /// Rows a second, of late; while the window is closed, those of the time before.
    pub fn per_second(&self, now: Timestamp) -> Option<f64> {
        let is_open = self.is_open && now < self.change;
        self.rate.per_second(if is_open { now.since(self.last) } else { Duration::ZERO })
    }
}

/// When so many rows are done at a rate, begun at `from`; `None` when that can't be foreseen.
pub fn end(rows: u64, per_second: Option<f64>, from: Timestamp, window: Option<&Window>) -> Option<Timestamp> {
    let seconds = rows as f64 / per_second.filter(|rate| *rate > 0.0)?;
    let span = Duration::try_from_secs_f64(seconds).ok().filter(|span| *span <= FURTHEST)?;
    match window {
        Some(window) => window.after_open(from, span, from.plus(FURTHEST)),
        None => Some(from.plus(span)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::window::{Clock, Days, Hours, ZONE};

    const SECOND: Duration = Duration::from_secs(1);

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn office() -> Window {
        let hours = Hours::new(Days::ALL, Clock::parse("09:00").unwrap(), Clock::parse("17:00").unwrap());
        Window::new(ZONE, vec![hours.unwrap()]).unwrap()
    }

    #[test]
    fn a_broadcast_that_stops_slows_down_and_one_that_never_began_has_no_rate() {
        let mut rate = Rate::default();
        assert_eq!(rate.per_second(SECOND), None);
        for _ in 0..60 {
            rate.count(SECOND, 50);
        }
        let now = rate.per_second(Duration::ZERO).unwrap();
        assert!((now - 50.0).abs() < 3.0, "{now}");
        let later = rate.per_second(Duration::from_secs(30)).unwrap();
        assert!(later < now / 2.0, "{later}");
    }

    #[test]
    fn the_end_is_in_open_hours_and_a_closed_night_does_not_slow_the_rate() {
        let (window, mut meter) = (office(), Meter::default());
        // The last minute of a day, at a hundred a second.
        let mut now = at("2026-11-27T15:59:00Z");
        for _ in 0..60 {
            meter.count(now, Some(&window), 100);
            now = now.plus(SECOND);
        }
        let rate = meter.per_second(at("2026-11-28T03:00:00Z"));
        assert!(rate.is_some_and(|rate| (rate - 100.0).abs() < 6.0), "{rate:?}");
        // Ten receipts that come in the night are not the pace at which it will go on.
        meter.count(at("2026-11-28T02:00:00Z"), Some(&window), 10);
        assert_eq!(meter.per_second(at("2026-11-28T03:00:00Z")), rate);
        // An hour's work is left: the morning's first.
        let ends = end(360_000, Some(100.0), at("2026-11-28T03:00:00Z"), Some(&window));
        assert_eq!(ends, Some(at("2026-11-28T09:00:00Z")));
        meter.count(at("2026-11-28T08:00:01Z"), Some(&window), 100);
        let rate = meter.per_second(at("2026-11-28T08:00:01Z")).unwrap();
        assert!(rate > 90.0, "the night counts for nothing: {rate}");
    }

    #[test]
    fn nothing_is_foreseen_without_a_rate_or_further_ahead_than_a_year() {
        let now = at("2026-11-27T12:00:00Z");
        assert_eq!(end(10, None, now, None), None);
        assert_eq!(end(u64::MAX, Some(0.001), now, None), None);
        assert_eq!(end(0, Some(1.0), now, None), Some(now));
        assert_eq!(end(120, Some(2.0), now, None), Some(now.plus(Duration::from_secs(60))));
    }

    proptest! {
        #[test]
        fn what_comes_evenly_has_its_rate_however_it_is_cut(each in 1_u64..1_000, millis in 10_u64..2_000) {
            let step = Duration::from_millis(millis);
            let mut rate = Rate::default();
            for _ in 0..(120_000 / millis) {
                rate.count(step, each);
            }
            let (told, true_rate) = (rate.per_second(Duration::ZERO).unwrap(), each as f64 / step.as_secs_f64());
            prop_assert!((told / true_rate - 1.0).abs() < 0.1, "{told} for {true_rate}");
        }
    }
}
