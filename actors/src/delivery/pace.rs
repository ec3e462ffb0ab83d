//! How fast a channel may be fed: its limits, a slower pace after throttling answers with its recovery, and a circuit
//! breaker.
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwap;
use governor::clock::DefaultClock;

use super::rates::{PerRecipient, Rates};
use crate::domain::time::Timestamp;

/// The limits of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Parts a second through the channel (an SMS has one or several, all else has one); none for no limit.
    pub rate: Option<NonZeroU32>,
    /// Parts a second of each institution; none for no limit.
    pub institution_rate: Option<NonZeroU32>,
    /// Parts to each recipient, from each institution; none for no limit.
    pub recipient: Option<PerRecipient>,
    /// Failures of the channel itself in a row that open the breaker.
    pub breaker_failures: u32,
    /// How long it stays open at first; doubled while it fails, up to 32 times.
    pub breaker_pause: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        let breaker_pause = Duration::from_millis(500);
        Self { rate: None, institution_rate: None, recipient: None, breaker_failures: 10, breaker_pause }
    }
}

#[derive(Debug, Default)]
struct Breaker {
    failures: u32,
    openings: u32,
    probing: bool,
}

/// The pace of a channel; shared, and without a lock where messages pass.
pub struct Pace {
    limits: ArcSwap<Limits>,
    /// What may go in a time.
    pub rates: Rates,
    configured: AtomicU64,
    current: AtomicU64,
    closed: Pause,
    throttled: Pause,
    paused: AtomicBool,
    breaker: Mutex<Breaker>,
}

/// A pause with an end. A clock that is set back does not make it longer than it was to be.
#[derive(Debug, Default)]
struct Pause {
    until_ms: AtomicU64,
    length_ms: AtomicU64,
}

impl Pause {
    /// When it ends, while it lasts.
    fn end(&self, now: Timestamp) -> Option<Timestamp> {
        let (until, length) = (self.until_ms.load(Ordering::Relaxed), self.length_ms.load(Ordering::Relaxed));
        let latest = now.millis().saturating_add(length);
        if until > latest {
            self.until_ms.store(latest, Ordering::Relaxed);
        }
        (until > now.millis()).then(|| Timestamp::from_millis(until.min(latest)))
    }

    /// From `now` on for so long, unless it lasts longer already. Gives how much later that is than the last end.
    fn extend(&self, now: Timestamp, length: Duration) -> Duration {
        self.end(now);
        let (before, until) = (Timestamp::from_millis(self.until_ms.load(Ordering::Relaxed)), now.plus(length));
        if until > before {
            self.length_ms.store(until.since(now).as_millis() as u64, Ordering::Relaxed);
            self.until_ms.store(until.millis(), Ordering::Relaxed);
        }
        until.since(before)
    }

    fn clear(&self) {
        self.until_ms.store(0, Ordering::Relaxed);
    }
}

/// Why nothing may go now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// An operator paused it.
    Paused,
    /// The breaker is open until then.
    Down(Timestamp),
    /// The channel asked to slow down until then.
    Throttled(Timestamp),
}

const UNLIMITED: u64 = 0;
/// What a rate falls to at a throttling answer, and by what it recovers each second.
const SLOWER: f64 = 0.5;
const RECOVERY: f64 = 1.25;
/// A pace is not slowed below this by throttling answers alone: their pauses are kept besides.
const SLOWEST: u64 = 20;
/// What an unlimited pace is taken for when hardly anything was sent of late.
const UNKNOWN_PACE: u64 = 200;

/// Throttling answers that prolong a pause by less than this are of the same moment.
const ONCE: Duration = Duration::from_millis(500);

fn rate_of(rate: u64) -> Option<NonZeroU32> {
    NonZeroU32::new(u32::try_from(rate).unwrap_or(u32::MAX))
}

impl Pace {
    /// With these limits.
    pub fn new(limits: Limits) -> Self {
        let configured = limits.rate.map_or(UNLIMITED, |rate| u64::from(rate.get()));
        let rates = Rates::new(DefaultClock::default());
        rates.set_channel(limits.rate);
        rates.set_institutions(limits.institution_rate);
        rates.set_recipients(limits.recipient);
        Self {
            limits: ArcSwap::from_pointee(limits),
            rates,
            configured: AtomicU64::new(configured),
            current: AtomicU64::new(configured),
            closed: Pause::default(),
            throttled: Pause::default(),
            paused: AtomicBool::new(false),
            breaker: Mutex::default(),
        }
    }

    /// Other limits from now on. A rate that an operator set goes when the configured one changes;
    /// pauses and an open breaker stay, and so does what is remembered of recipients while their limit does.
    pub fn set_limits(&self, limits: Limits) {
        let before = self.limits.swap(Arc::new(limits));
        if before.institution_rate != limits.institution_rate {
            self.rates.set_institutions(limits.institution_rate);
        }
        if before.recipient != limits.recipient {
            self.rates.set_recipients(limits.recipient);
        }
        if before.rate != limits.rate {
            let rate = limits.rate.map_or(UNLIMITED, |rate| u64::from(rate.get()));
            self.configured.store(rate, Ordering::Relaxed);
            self.change(rate);
        }
    }

    /// What holds everything up, if anything does.
    pub fn hold(&self, now: Timestamp) -> Option<Hold> {
        if self.paused.load(Ordering::Relaxed) {
            return Some(Hold::Paused);
        }
        self.closed.end(now).map(Hold::Down).or_else(|| self.throttled.end(now).map(Hold::Throttled))
    }

    /// How many may go at once: one while the breaker probes.
    pub fn most(&self) -> usize {
        let breaker = self.breaker.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if breaker.probing { 1 } else { usize::MAX }
    }

    /// Parts a second at present; none for no limit.
    pub fn rate(&self) -> Option<u32> {
        let rate = self.current.load(Ordering::Relaxed);
        (rate != UNLIMITED).then(|| u32::try_from(rate).unwrap_or(u32::MAX))
    }

    /// Whether throttling answers hold the pace below what is set.
    pub fn is_slowed(&self) -> bool {
        self.current.load(Ordering::Relaxed) != self.configured.load(Ordering::Relaxed)
    }

    /// An operator's rate: the one to recover to from now on.
    pub fn set_rate(&self, rate: u32) {
        self.configured.store(u64::from(rate), Ordering::Relaxed);
        self.change(u64::from(rate));
    }

    /// Pauses, or goes on; going on closes the breaker too.
    pub fn pause(&self, paused: bool) {
        self.paused.store(paused, Ordering::Relaxed);
        if !paused {
            self.closed.clear();
            *self.breaker.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Breaker::default();
        }
    }

    /// The channel asked to slow down: nothing for this pause, and then at half the pace, which
    /// `sent_last_second` tells where no limit was set.
    pub fn throttled(&self, now: Timestamp, pause: Duration, sent_last_second: u64) {
        // Answers to what was under way already slow it only once.
        if self.throttled.extend(now, pause) > ONCE {
            let current = self.current.load(Ordering::Relaxed);
            let pace = if current == UNLIMITED { sent_last_second.max(UNKNOWN_PACE) } else { current };
            self.change(((pace as f64 * SLOWER) as u64).max(SLOWEST.min(pace)));
        }
    }

    /// Once a second: a slowed pace recovers towards the configured one.
    pub fn recover(&self, now: Timestamp, sent_last_second: u64) {
        let (current, configured) = (self.current.load(Ordering::Relaxed), self.configured.load(Ordering::Relaxed));
        if current == configured || self.throttled.end(now).is_some() {
            return;
        }
        let faster = ((current as f64 * RECOVERY) as u64).max(current + 1);
        let back = if configured == UNLIMITED { sent_last_second * 4 < current } else { faster >= configured };
        self.change(if back { configured } else { faster });
    }

    /// How an attempt ended, for the breaker: `ok` unless the channel itself failed.
    pub fn ended(&self, ok: bool, now: Timestamp) {
        let mut breaker = self.breaker.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if ok {
            *breaker = Breaker::default();
            return;
        }
        breaker.failures += 1;
        let open = self.closed.end(now).is_some();
        let limits = **self.limits.load();
        if !open && (breaker.probing || breaker.failures >= limits.breaker_failures) {
            let pause = limits.breaker_pause.saturating_mul(1 << breaker.openings.min(5));
            breaker.openings += 1;
            breaker.probing = true;
            self.closed.extend(now, pause);
        }
    }

    fn change(&self, rate: u64) {
        self.current.store(rate, Ordering::Relaxed);
        self.rates.set_channel(rate_of(rate));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(1_000_000_000 + seconds * 1_000)
    }

    #[test]
    fn a_clock_that_is_set_back_holds_a_channel_no_longer() {
        let pace = Pace::new(Limits { breaker_failures: 1, ..Limits::default() });
        pace.ended(false, at(7_200));
        assert!(matches!(pace.hold(at(7_200)), Some(Hold::Down(_))));
        let pause = Limits::default().breaker_pause;
        // An hour back: the pause begins anew at most.
        let Some(Hold::Down(until)) = pace.hold(at(3_600)) else { panic!("held still") };
        assert!(until <= at(3_600).plus(pause));
        assert_eq!(pace.hold(at(3_600).plus(pause)), None);
        let pace = Pace::new(Limits::default());
        pace.throttled(at(7_200), Duration::from_secs(5), 100);
        assert_eq!(pace.hold(at(3_600)), Some(Hold::Throttled(at(3_605))));
        assert_eq!(pace.hold(at(3_605)), None);
    }

    #[test]
    fn answers_of_one_moment_slow_a_channel_once() {
        let pace = Pace::new(Limits { rate: NonZeroU32::new(1_000), ..Limits::default() });
        for _ in 0..5 {
            pace.throttled(at(0), Duration::from_secs(1), 1_000);
        }
        assert_eq!(pace.rate(), Some(500));
        pace.throttled(at(2), Duration::from_secs(1), 500);
        assert_eq!(pace.rate(), Some(250));
    }
}
