//! How many parts may go in a time: through the channel, of each institution, to each recipient. Nothing here waits; who may
//! not go hears when to ask again, and no retry is used up.
//!
//! Memory: a place for each institution that sends (as many as are configured), and for each recipient who was sent to of
//! late, at most as many as are set; recipients are keyed by a hash whose secret is made at the start. When all places
//! are taken the channel waits until some recipient may be forgotten: no limit is ever exceeded for want of memory.
use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use dashmap::DashMap;
use governor::clock::{Clock, DefaultClock, Reference};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

use super::lanes::{Moment, Verdict};
use crate::domain::submission::{Institution, Lane, Recipient};

type Direct<C> = RateLimiter<NotKeyed, InMemoryState, C, NoOpMiddleware<<C as Clock>::Instant>>;
type Keyed<K, C> = RateLimiter<K, DashMapStateStore<K>, C, NoOpMiddleware<<C as Clock>::Instant>>;

/// Whoever may not go is not asked again before.
const LEAST_WAIT: Duration = Duration::from_millis(1);
/// How long a channel waits when no more recipients can be remembered.
const FULL_WAIT: Duration = Duration::from_secs(1);
/// Recipients of whom it is known that messages to them wait, for WHY: not needed to keep any limit.
const RECALLED: usize = 8_192;

/// So many parts to one recipient, from one institution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PerRecipient {
    /// Parts at once; after that one more each time the period divided by this is over.
    pub parts: NonZeroU32,
    /// The period.
    pub period: Duration,
    /// Recipients that are remembered at once.
    pub remembered: usize,
}

/// Where a sender stands with its own rate.
#[derive(Clone, Copy, Debug, Default)]
struct Sender {
    /// When it last turned its messages away.
    turned_away: Option<Moment>,
    /// Places that its messages of several parts have used and that are still to be taken.
    owed: u32,
    /// A place that was taken and that its message could not use.
    spare: bool,
}

struct Recipients<C: Clock> {
    limiter: Keyed<u64, C>,
    limit: PerRecipient,
    /// No more than this are remembered: those at the last count and all that were asked about since.
    at_most: AtomicUsize,
    /// When it was last looked who may be forgotten, in milliseconds.
    shrunk_ms: AtomicU64,
    /// Until when messages wait, of some who were turned away.
    waits: DashMap<u64, Moment>,
}

/// See the head of this file.
pub struct Rates<C: Clock = DefaultClock> {
    clock: C,
    began: C::Instant,
    secret: RandomState,
    channel: ArcSwapOption<Direct<C>>,
    institutions: ArcSwapOption<Keyed<Institution, C>>,
    recipients: ArcSwapOption<Recipients<C>>,
    /// A place in the channel's rate that was taken and that nobody could use.
    spare: AtomicBool,
    /// Places in the channel's rate that messages of several parts have used and that are still to be taken.
    owed: AtomicU32,
    /// No more senders than are configured.
    senders: DashMap<Institution, Sender>,
}

fn millis(moment: Moment) -> u64 {
    u64::try_from(moment.as_millis()).unwrap_or(u64::MAX)
}

/// A twentieth of a second's parts may go at once.
fn quota(rate: NonZeroU32) -> Quota {
    Quota::per_second(rate).allow_burst(NonZeroU32::new(rate.get() / 20).unwrap_or(NonZeroU32::MIN))
}

impl<C: Clock + Clone> Rates<C> {
    /// Without any limit.
    pub fn new(clock: C) -> Self {
        Self {
            began: clock.now(),
            clock,
            secret: RandomState::new(),
            channel: ArcSwapOption::empty(),
            institutions: ArcSwapOption::empty(),
            recipients: ArcSwapOption::empty(),
            spare: AtomicBool::new(false),
            owed: AtomicU32::new(0),
            senders: DashMap::new(),
        }
    }

    /// Another rate of the channel; none for no limit.
    pub fn set_channel(&self, rate: Option<NonZeroU32>) {
        let limiter = rate.map(|rate| Arc::new(RateLimiter::direct_with_clock(quota(rate), self.clock.clone())));
        self.channel.store(limiter);
    }

    /// Another rate of each institution; none for no limit.
    pub fn set_institutions(&self, rate: Option<NonZeroU32>) {
        let keyed = |rate| RateLimiter::new(quota(rate), DashMapStateStore::default(), self.clock.clone());
        self.institutions.store(rate.map(|rate| Arc::new(keyed(rate))));
    }

    /// Another limit of each recipient; none for none. What went before is forgotten.
    pub fn set_recipients(&self, limit: Option<PerRecipient>) {
        let keyed = |limit: PerRecipient| {
            let each = (limit.period / limit.parts.get()).max(Duration::from_nanos(1));
            let quota = Quota::with_period(each)?.allow_burst(limit.parts);
            let limiter = RateLimiter::new(quota, DashMapStateStore::default(), self.clock.clone());
            let (at_most, shrunk_ms) = (AtomicUsize::new(0), AtomicU64::new(millis(self.now())));
            Some(Arc::new(Recipients { limiter, limit, at_most, shrunk_ms, waits: DashMap::new() }))
        };
        self.recipients.store(limit.and_then(keyed));
    }

    /// The time since the beginning.
    pub fn now(&self) -> Moment {
        self.clock.now().duration_since(self.began).into()
    }

    /// Takes one place in the channel's rate, after those that are owed.
    pub fn channel_allows(&self) -> bool {
        if self.spare.swap(false, Ordering::Relaxed) {
            return true;
        }
        let limiter = self.channel.load();
        let Some(limiter) = limiter.as_ref() else { return true };
        while self.owed.load(Ordering::Relaxed) > 0 {
            if limiter.check().is_err() {
                return false;
            }
            self.owed.fetch_sub(1, Ordering::Relaxed);
        }
        limiter.check().is_ok()
    }

    /// Gives a place in the channel's rate back that nobody could use.
    pub fn give_back(&self) {
        if self.channel.load().is_some() {
            self.spare.store(true, Ordering::Relaxed);
        }
    }

    /// Whether a message may go, for which the channel has a place; takes the sender's and the recipient's places when it may.
    ///
    /// A message of several parts goes when there is one place, and the rest is taken before the next: else one of more parts
    /// than a burst has would be kept for ever. To a recipient it counts as all places at most.
    pub fn check(
        &self,
        institution: Institution,
        lane: Lane,
        parts: u16,
        recipient: impl FnOnce() -> Recipient,
    ) -> Verdict {
        let now = || self.now();
        if let Err(wait) = self.sender_allows(institution) {
            return Verdict::SenderWaits(now() + wait.max(LEAST_WAIT));
        }
        let recipients = self.recipients.load();
        if let Some(recipients) = recipients.as_ref() {
            let key = self.key(institution, lane, &recipient());
            let refused = if recipients.is_full(now()) {
                Some(Verdict::SenderWaits(now() + FULL_WAIT))
            } else {
                let places = NonZeroU32::from(std::num::NonZeroU16::new(parts).unwrap_or(std::num::NonZeroU16::MIN));
                match recipients.limiter.check_key_n(&key, places.min(recipients.limit.parts)) {
                    Ok(Err(until)) => {
                        let until = now() + until.wait_time_from(self.clock.now()).max(LEAST_WAIT);
                        recipients.recall(key, until, now());
                        Some(Verdict::RecipientWaits(until))
                    }
                    _ => None,
                }
            };
            if let Some(refused) = refused {
                if self.institutions.load().is_some() {
                    self.senders.entry(institution).or_default().spare = true;
                }
                return refused;
            }
        }
        self.took_more(institution, u32::from(parts.saturating_sub(1)));
        Verdict::Go
    }

    fn sender_allows(&self, institution: Institution) -> Result<(), Duration> {
        let limits = self.institutions.load();
        let Some(limiter) = limits.as_ref() else { return Ok(()) };
        let mut sender = self.senders.entry(institution).or_default();
        if std::mem::take(&mut sender.spare) {
            return Ok(());
        }
        loop {
            if let Err(until) = limiter.check_key(&institution) {
                sender.turned_away = Some(self.now());
                return Err(until.wait_time_from(self.clock.now()));
            }
            if sender.owed == 0 {
                return Ok(());
            }
            sender.owed -= 1;
        }
    }

    fn took_more(&self, institution: Institution, more: u32) {
        if more == 0 {
            return;
        }
        if self.channel.load().is_some() {
            self.owed.fetch_add(more, Ordering::Relaxed);
        }
        if self.institutions.load().is_some() {
            let mut sender = self.senders.entry(institution).or_default();
            sender.owed = sender.owed.saturating_add(more);
        }
    }

    /// Urgent messages are counted apart, so that no broadcast keeps a code from its citizen.
    fn key(&self, institution: Institution, lane: Lane, recipient: &Recipient) -> u64 {
        self.secret.hash_one((institution, lane == Lane::Urgent, recipient))
    }

    /// How long ago a sender's rate last turned its messages away.
    pub fn turned_away(&self, institution: Institution) -> Option<Duration> {
        let at = self.senders.get(&institution)?.turned_away?;
        Some(self.now().saturating_sub(at))
    }

    /// Whether messages to a recipient wait for its limit.
    pub fn keeps_back(&self, institution: Institution, lane: Lane, recipient: impl FnOnce() -> Recipient) -> bool {
        let recipients = self.recipients.load();
        let Some(recipients) = recipients.as_ref() else { return false };
        let key = self.key(institution, lane, &recipient());
        recipients.waits.get(&key).is_some_and(|until| *until > self.now())
    }

    /// Whether recipients are limited.
    pub fn limits_recipients(&self) -> bool {
        self.recipients.load().is_some()
    }

    /// Forgets recipients to whom all may go again. Takes time proportional to those that are remembered: not on an arbiter.
    pub fn shrink(&self) {
        if let Some(recipients) = self.recipients.load().as_ref() {
            recipients.shrink();
            let now = self.now();
            recipients.waits.retain(|_, until| *until > now);
        }
    }

    #[cfg(test)]
    fn remembered(&self) -> usize {
        self.recipients.load().as_ref().map_or(0, |recipients| recipients.limiter.len())
    }
}

impl<C: Clock> Recipients<C> {
    /// Whether one more could be too many. Counts only when those asked about since the last count could be, and looks who
    /// may be forgotten as often as a full channel waits.
    fn is_full(&self, now: Moment) -> bool {
        if self.at_most.fetch_add(1, Ordering::Relaxed) < self.limit.remembered {
            return false;
        }
        self.at_most.store(self.limiter.len(), Ordering::Relaxed);
        let is_late = now >= Duration::from_millis(self.shrunk_ms.load(Ordering::Relaxed)) + FULL_WAIT;
        if is_late && self.limiter.len() >= self.limit.remembered {
            self.shrunk_ms.store(millis(now), Ordering::Relaxed);
            self.shrink();
        }
        self.at_most.fetch_add(1, Ordering::Relaxed) >= self.limit.remembered
    }

    fn shrink(&self) {
        self.limiter.retain_recent();
        self.limiter.shrink_to_fit();
        self.at_most.store(self.limiter.len(), Ordering::Relaxed);
    }

    fn recall(&self, key: u64, until: Moment, now: Moment) {
        if self.waits.len() >= RECALLED {
            self.waits.retain(|_, until| *until > now);
        }
        if self.waits.len() < RECALLED {
            self.waits.insert(key, until);
        }
    }
}

#[cfg(test)]
#[path = "rates_tests.rs"]
mod tests;
