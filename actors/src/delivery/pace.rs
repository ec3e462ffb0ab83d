//! How fast a channel may be fed: a limit for the channel, one for each sender, a slower pace
//! after throttling answers with its recovery, and a circuit breaker.
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use governor::{DefaultDirectRateLimiter, DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::domain::submission::Institution;
use crate::domain::time::Timestamp;

/// The limits of a channel.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Messages a second through the channel; none for no limit.
    pub rate: Option<NonZeroU32>,
    /// Messages a second of each institution; none for no limit.
    pub institution_rate: Option<NonZeroU32>,
    /// Failures of the channel itself in a row that open the breaker.
    pub breaker_failures: u32,
    /// How long it stays open at first; doubled while it fails, up to 32 times.
    pub breaker_pause: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { rate: None, institution_rate: None, breaker_failures: 10, breaker_pause: Duration::from_millis(500) }
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
    limiter: ArcSwapOption<DefaultDirectRateLimiter>,
    by_institution: ArcSwapOption<DefaultKeyedRateLimiter<Institution>>,
    configured: AtomicU64,
    current: AtomicU64,
    closed_until: AtomicU64,
    throttled_until: AtomicU64,
    paused: AtomicBool,
    breaker: Mutex<Breaker>,
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

fn limiter(rate: u64) -> Option<Arc<DefaultDirectRateLimiter>> {
    let rate = NonZeroU32::new(u32::try_from(rate).unwrap_or(u32::MAX))?;
    let burst = NonZeroU32::new((rate.get() / 20).max(1))?;
    Some(Arc::new(RateLimiter::direct(Quota::per_second(rate).allow_burst(burst))))
}

fn keyed(rate: NonZeroU32) -> Arc<DefaultKeyedRateLimiter<Institution>> {
    let burst = NonZeroU32::new((rate.get() / 20).max(1)).unwrap_or(NonZeroU32::MIN);
    Arc::new(RateLimiter::keyed(Quota::per_second(rate).allow_burst(burst)))
}

impl Pace {
    /// With these limits.
    pub fn new(limits: Limits) -> Self {
        let configured = limits.rate.map_or(UNLIMITED, |rate| u64::from(rate.get()));
        Self {
            limits: ArcSwap::from_pointee(limits),
            limiter: ArcSwapOption::new(limiter(configured)),
            by_institution: ArcSwapOption::new(limits.institution_rate.map(keyed)),
            configured: AtomicU64::new(configured),
            current: AtomicU64::new(configured),
            closed_until: AtomicU64::new(0),
            throttled_until: AtomicU64::new(0),
            paused: AtomicBool::new(false),
            breaker: Mutex::default(),
        }
    }

    /// Other limits from now on. A rate that an operator set goes when the configured one changes;
    /// pauses and an open breaker stay.
    pub fn set_limits(&self, limits: Limits) {
        let before = self.limits.swap(Arc::new(limits));
        if before.institution_rate != limits.institution_rate {
            self.by_institution.store(limits.institution_rate.map(keyed));
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
        let closed = Timestamp::from_millis(self.closed_until.load(Ordering::Relaxed));
        if closed > now {
            return Some(Hold::Down(closed));
        }
        let throttled = Timestamp::from_millis(self.throttled_until.load(Ordering::Relaxed));
        (throttled > now).then_some(Hold::Throttled(throttled))
    }

    /// How many may go at once: one while the breaker probes.
    pub fn most(&self) -> usize {
        let breaker = self.breaker.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if breaker.probing { 1 } else { usize::MAX }
    }

    /// Takes one place in the channel's rate.
    pub fn channel_allows(&self) -> bool {
        self.limiter.load().as_ref().is_none_or(|limiter| limiter.check().is_ok())
    }

    /// Takes one place in a sender's rate.
    pub fn institution_allows(&self, institution: Institution) -> bool {
        self.by_institution.load().as_ref().is_none_or(|limiter| limiter.check_key(&institution).is_ok())
    }

    /// Messages a second at present; none for no limit.
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
            self.closed_until.store(0, Ordering::Relaxed);
            *self.breaker.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Breaker::default();
        }
    }

    /// The channel asked to slow down: at once until `until`, and then at half the pace, which
    /// `sent_last_second` tells where no limit was set.
    pub fn throttled(&self, until: Timestamp, sent_last_second: u64) {
        let before = self.throttled_until.fetch_max(until.millis(), Ordering::Relaxed);
        // Answers to what was under way already slow it only once.
        if before < until.millis().saturating_sub(500) {
            let current = self.current.load(Ordering::Relaxed);
            let pace = if current == UNLIMITED { sent_last_second.max(UNKNOWN_PACE) } else { current };
            self.change(((pace as f64 * SLOWER) as u64).max(SLOWEST.min(pace)));
        }
    }

    /// Once a second: a slowed pace recovers towards the configured one.
    pub fn recover(&self, now: Timestamp, sent_last_second: u64) {
        let (current, configured) = (self.current.load(Ordering::Relaxed), self.configured.load(Ordering::Relaxed));
        if current == configured || self.throttled_until.load(Ordering::Relaxed) > now.millis() {
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
        let open = self.closed_until.load(Ordering::Relaxed) > now.millis();
        let limits = **self.limits.load();
        if !open && (breaker.probing || breaker.failures >= limits.breaker_failures) {
            let pause = limits.breaker_pause.saturating_mul(1 << breaker.openings.min(5));
            breaker.openings += 1;
            breaker.probing = true;
            self.closed_until.store(now.plus(pause).millis(), Ordering::Relaxed);
        }
    }

    fn change(&self, rate: u64) {
        self.current.store(rate, Ordering::Relaxed);
        self.limiter.store(limiter(rate));
    }
}
