//! What outlives a generation of a delivery: attempts under way, ends that are not confirmed,
//! the pace, the figures. The supervisor reserves places here; the delivery does the rest.
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use dashmap::DashMap;
use serde::Serialize;

use super::Delivery;
use super::bounds::Bounds;
use super::lanes::Verdict;
use super::pace::{Hold, Limits, Pace};
use crate::domain::channel::Channel;
use crate::domain::id::AttemptRef;
use crate::domain::submission::{Envelope, Recipient};
use crate::domain::usage;
use crate::latency::Latency;
use crate::messages::{Assignment, Ended, Refused, Steer, Wake};
use crate::nursery::{Child, Vitals};
use crate::ports::{Clock, Polling, ProviderState, ProviderView, Transport};
use crate::registry::Registry;
use crate::service::Service;

/// How a delivery works.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Attempts under way at once.
    pub window: usize,
    /// Messages read from a queue at once.
    pub page: usize,
    /// An attempt that takes longer is of unknown outcome.
    pub attempt_timeout: Duration,
    /// Ends that are not confirmed after so long are told again.
    pub confirm_within: Duration,
    /// How the channel is asked for receipts, where it has to be asked.
    pub polling: Polling,
    /// Its limits.
    pub limits: Limits,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            window: 256,
            page: 256,
            attempt_timeout: Duration::from_secs(20),
            confirm_within: Duration::from_secs(5),
            polling: Polling { every: Duration::from_secs(30), overlap: Duration::from_secs(60) },
            limits: Limits::default(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Decided, and not known to be durable.
    Decided,
    /// Durable; somebody must send it.
    Begun,
    /// A task is on it.
    Running,
    /// Over, and not confirmed as recorded.
    Over,
}

struct Flight {
    envelope: Arc<Envelope>,
    possible_duplicate: bool,
    stage: Stage,
}

/// Counters since the start.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub sent: AtomicU64,
    pub failed: AtomicU64,
    pub throttled: AtomicU64,
    pub unknown: AtomicU64,
    pub sent_before: AtomicU64,
    pub sent_last_second: AtomicU64,
}

/// How long things take at a channel.
#[derive(Debug, Default)]
pub struct Latencies {
    /// From handing a letter to the channel to its answer.
    pub channel: Latency,
    /// From acceptance (or the time for which it was scheduled) to the channel's having it.
    pub end_to_end: Latency,
}

/// A channel's desk.
pub struct Desk {
    /// The channel.
    pub channel: Channel,
    /// The delivery that works at it.
    pub child: Child<Delivery>,
    settings: ArcSwap<Settings>,
    /// How long its attempts take.
    pub latency: Latencies,
    /// How well urgent messages are served, over all channels.
    pub service: Arc<Service>,
    pub(super) bounds: Bounds,
    pub(super) transport: Arc<dyn Transport>,
    pub(super) pace: Pace,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) counters: Counters,
    pub(super) recovered: AtomicBool,
    flights: DashMap<AttemptRef, Flight>,
    under_way: AtomicUsize,
    /// Messages that the supervisor was asked to begin, without an answer so far.
    wished: AtomicUsize,
    /// A wish was lost: what it was about lies behind the place up to which its queue was read.
    lost: AtomicBool,
    ends: Mutex<HashMap<AttemptRef, (Ended, Option<tokio::time::Instant>)>>,
    told: AtomicBool,
    queued: AtomicU64,
    drained: AtomicU64,
    rewinds: AtomicU64,
}

/// The observable state of a channel.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// The channel.
    pub channel: Channel,
    /// Its provider.
    pub provider: &'static str,
    /// running, recovering, paused, down or throttled.
    pub state: &'static str,
    /// When it goes on by itself, in milliseconds from now.
    pub held_for_ms: Option<u64>,
    /// Attempts under way.
    pub under_way: usize,
    /// Attempts under way at most.
    pub window: usize,
    /// Parts a second at present.
    pub rate: Option<u32>,
    /// Attempts that the channel took, since the start.
    pub sent: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// Throttling answers.
    pub throttled: u64,
    /// Attempts of unknown outcome.
    pub unknown: u64,
    /// Attempts sent in the last second.
    pub sent_last_second: u64,
    /// What an inquiry can tell.
    pub can_tell: &'static str,
    /// Those behind it, each with how it does.
    pub providers: Vec<ProviderView>,
    /// The actor.
    pub actor: Vitals,
}

impl Desk {
    /// A desk; start its child when the supervisor is known.
    pub fn new(settings: Settings, transport: Arc<dyn Transport>, clock: Arc<dyn Clock>) -> Self {
        let channel = transport.channel();
        Self {
            channel,
            child: Child::named(format!("delivery-{channel}")),
            settings: ArcSwap::from_pointee(settings),
            latency: Latencies::default(),
            service: Arc::default(),
            bounds: Bounds::default(),
            transport,
            pace: Pace::new(settings.limits),
            clock,
            counters: Counters::default(),
            recovered: AtomicBool::new(false),
            flights: DashMap::new(),
            under_way: AtomicUsize::new(0),
            wished: AtomicUsize::new(0),
            lost: AtomicBool::new(false),
            ends: Mutex::default(),
            told: AtomicBool::new(false),
            // Something may wait on disk from before.
            queued: AtomicU64::new(1),
            drained: AtomicU64::new(0),
            rewinds: AtomicU64::new(0),
        }
    }

    /// Measures how urgent messages are served together with the other channels.
    #[must_use]
    pub fn measured_by(self, service: Arc<Service>) -> Self {
        Self { service, ..self }
    }

    /// The provider's transport.
    pub fn transport(&self) -> &Arc<dyn Transport> {
        &self.transport
    }

    fn providers(&self, hold: Option<Hold>) -> Vec<ProviderView> {
        let mut providers = self.transport.providers();
        // One that stands alone may keep no account of its failures: the channel does.
        if let ([one], Some(Hold::Down(_))) = (&mut *providers, hold) {
            one.state = ProviderState::Down;
        }
        providers
    }

    /// Its observable state.
    pub fn status(&self) -> Status {
        let now = self.clock.now();
        let hold = self.pace.hold(now);
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Status {
            channel: self.channel,
            provider: self.transport.provider(),
            state: match hold {
                Some(Hold::Paused) => "paused",
                Some(Hold::Down(_)) => "down",
                Some(Hold::Throttled(_)) => "throttled",
                None if !self.recovered.load(Ordering::Relaxed) => "recovering",
                None => "running",
            },
            held_for_ms: match hold {
                Some(Hold::Down(until) | Hold::Throttled(until)) => Some(until.since(now).as_millis() as u64),
                _ => None,
            },
            under_way: self.under_way.load(Ordering::Relaxed),
            window: self.settings().window,
            rate: self.pace.rate(),
            sent: load(&self.counters.sent),
            failed: load(&self.counters.failed),
            throttled: load(&self.counters.throttled),
            unknown: load(&self.counters.unknown),
            sent_last_second: load(&self.counters.sent_last_second),
            can_tell: self.transport.can_tell(),
            providers: self.providers(hold),
            actor: self.child.vitals(),
        }
    }

    /// How it works now.
    pub fn settings(&self) -> Settings {
        **self.settings.load()
    }

    /// Works otherwise from now on; what is under way keeps its time limit.
    pub fn set(&self, settings: Settings) {
        self.pace.set_limits(settings.limits);
        let before = self.settings.swap(Arc::new(settings));
        if before.limits == settings.limits {
            self.wake();
        } else {
            // What waits for a limit in hand would wait for the old one.
            self.rewind();
        }
    }

    /// Attempts under way, those included whose end is not durable yet.
    pub fn under_way(&self) -> usize {
        self.under_way.load(Ordering::Relaxed)
    }

    /// Its queues are to be read from their beginning again: what was passed over may go now.
    pub fn rewind(&self) {
        self.rewinds.fetch_add(1, Ordering::AcqRel);
        self.queued();
    }

    pub(super) fn rewinds(&self) -> u64 {
        self.rewinds.load(Ordering::Acquire)
    }

    /// An operator's word.
    pub fn steer(&self, steer: Steer) -> Result<(), Refused> {
        match steer {
            Steer::Pause => self.pace.pause(true),
            Steer::Resume => self.pace.pause(false),
            Steer::Rate(0) => return Err(Refused::Conflict("a rate is at least 1 a second; PAUSE stops the channel")),
            Steer::Rate(rate) => self.pace.set_rate(rate),
        }
        self.wake();
        Ok(())
    }

    /// Tells the delivery that there may be work. A full mailbox has one already.
    pub fn wake(&self) {
        let _ = self.child.tell(Wake);
    }

    /// Something was queued here, durably: it must be read from the queue.
    pub fn queued(&self) {
        self.queued.fetch_add(1, Ordering::AcqRel);
        self.wake();
    }

    pub(super) fn queued_so_far(&self) -> u64 {
        self.queued.load(Ordering::Acquire)
    }

    /// Everything queued up to `mark` was read and sent.
    pub(super) fn drained(&self, mark: u64) {
        self.drained.fetch_max(mark, Ordering::AcqRel);
    }

    /// A place for a fresh message, if nothing waits before it and everything allows it. The
    /// caller follows with [`Self::decided`] for what it begins.
    pub fn may_take_fresh(&self, envelope: &Envelope, known: &Registry) -> bool {
        let rates = &self.pace.rates;
        let is_free = self.recovered.load(Ordering::Acquire)
            && self.drained.load(Ordering::Acquire) == self.queued.load(Ordering::Acquire)
            && self.under_way.load(Ordering::Relaxed) < self.settings().window
            && self.pace.hold(self.clock.now()).is_none()
            && self.pace.most() == usize::MAX
            && rates.channel_allows();
        if !is_free {
            return false;
        }
        // Nobody need know how many parts it has where nothing counts them.
        let parts = if self.counts() { self.parts(envelope, known) } else { 1 };
        let goes = self.allows(envelope, parts, known) == Verdict::Go;
        if !goes {
            rates.give_back();
        }
        goes
    }

    fn counts(&self) -> bool {
        self.pace.rate().is_some()
            || self.settings().limits.institution_rate.is_some()
            || self.pace.rates.limits_recipients()
    }

    /// What a message counts for here.
    pub(super) fn parts(&self, envelope: &Envelope, known: &Registry) -> u16 {
        if self.channel != Channel::SMS {
            return 1;
        }
        let preferred = known.person(&envelope.recipient).and_then(|person| person.language);
        usage::parts(envelope, self.channel, preferred)
    }

    /// Whether a message may go for which the channel has a place.
    pub(super) fn allows(&self, envelope: &Envelope, parts: u16, known: &Registry) -> Verdict {
        let citizen = || self.citizen(&envelope.recipient, known);
        self.pace.rates.check(envelope.institution, envelope.lane, parts, citizen)
    }

    /// Whom a recipient's limit counts: one identifier, the same however the message names the recipient.
    pub fn citizen(&self, recipient: &Recipient, known: &Registry) -> Recipient {
        let all = known.resolve(recipient);
        let mobile = Recipient { mobile: all.mobile, ..Recipient::default() };
        let niss = Recipient { niss: all.niss, ..Recipient::default() };
        let cbe = Recipient { cbe: all.cbe, ..Recipient::default() };
        let order = if self.channel == Channel::SMS { [mobile, niss, cbe] } else { [niss, mobile, cbe] };
        order.into_iter().find(|one| !one.is_empty()).unwrap_or(all)
    }

    /// The supervisor decided to begin this: its place is taken.
    pub fn decided(&self, assignment: &Assignment) {
        let flight = Flight {
            envelope: Arc::clone(&assignment.envelope),
            possible_duplicate: assignment.possible_duplicate,
            stage: Stage::Decided,
        };
        if self.flights.insert(assignment.attempt, flight).is_none() {
            self.under_way.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// It is durable: whichever generation comes first sends it.
    pub fn begun(&self, attempt: AttemptRef) {
        if let Some(mut flight) = self.flights.get_mut(&attempt)
            && flight.stage == Stage::Decided
        {
            flight.stage = Stage::Begun;
        }
    }

    /// It could not be made durable: its place is free again.
    pub fn withdrawn(&self, attempt: AttemptRef) {
        self.forget(attempt);
    }

    fn forget(&self, attempt: AttemptRef) {
        if self.flights.remove(&attempt).is_some() {
            self.under_way.fetch_sub(1, Ordering::Relaxed);
        }
    }

    pub(super) fn is_flying(&self, attempt: AttemptRef) -> bool {
        self.flights.contains_key(&attempt)
    }

    /// Takes over an attempt that somebody must send: true for the one who may.
    pub(super) fn take_off(&self, attempt: AttemptRef) -> bool {
        match self.flights.get_mut(&attempt) {
            Some(mut flight) if flight.stage == Stage::Begun => {
                flight.stage = Stage::Running;
                true
            }
            _ => false,
        }
    }

    /// Attempts that are durable and that nobody sends: a generation before this one was lost.
    pub(super) fn stranded(&self) -> Vec<Assignment> {
        let begun = self.flights.iter().filter(|flight| flight.stage == Stage::Begun);
        begun
            .map(|flight| Assignment {
                attempt: *flight.key(),
                envelope: Arc::clone(&flight.envelope),
                possible_duplicate: flight.possible_duplicate,
            })
            .collect()
    }

    pub(super) fn room(&self) -> usize {
        let taken = self.under_way.load(Ordering::Relaxed) + self.wished.load(Ordering::Relaxed);
        self.settings().window.min(self.pace.most()).saturating_sub(taken)
    }

    pub(super) fn wished(&self, count: usize) {
        self.wished.fetch_add(count, Ordering::Relaxed);
    }

    pub(super) fn answered(&self, count: usize) {
        self.wished.fetch_sub(count, Ordering::Relaxed);
    }

    pub(super) fn lost(&self) {
        self.lost.store(true, Ordering::Release);
    }

    /// Now and then: limits have refilled, pauses ended, wishes been lost. Reading again waits for this, so that a
    /// supervisor that is being replaced is not asked in a loop.
    pub(super) fn look_about(&self) {
        if self.lost.swap(false, Ordering::AcqRel) {
            self.rewind();
        } else {
            self.wake();
        }
    }

    fn ends(&self) -> MutexGuard<'_, HashMap<AttemptRef, (Ended, Option<tokio::time::Instant>)>> {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A task's last word; wakes the delivery once for many.
    pub(super) fn ended(&self, ended: Ended) {
        if let Some(mut flight) = self.flights.get_mut(&ended.attempt) {
            flight.stage = Stage::Over;
        }
        self.ends().insert(ended.attempt, (ended, None));
        if !self.told.swap(true, Ordering::AcqRel) {
            self.wake();
        }
    }

    /// The ends to tell the supervisor: new ones, and those not confirmed in time.
    pub(super) fn ends_to_tell(&self, most: usize) -> Vec<Ended> {
        self.told.store(false, Ordering::Release);
        let now = tokio::time::Instant::now();
        let confirm_within = self.settings().confirm_within;
        let mut ends = self.ends();
        let due =
            ends.values_mut().filter(|(_, told)| told.is_none_or(|told| now.duration_since(told) >= confirm_within));
        due.take(most)
            .map(|(ended, told)| {
                *told = Some(now);
                ended.clone()
            })
            .collect()
    }

    /// They could not be told: tell them at the next occasion.
    pub(super) fn untold(&self, ended: &[Ended]) {
        let mut ends = self.ends();
        for end in ended {
            if let Some((_, told)) = ends.get_mut(&end.attempt) {
                *told = None;
            }
        }
    }

    /// Their ends are durable: their places are free.
    pub(super) fn confirmed(&self, attempts: &[AttemptRef]) {
        for attempt in attempts {
            let removed = self.ends().remove(attempt).is_some();
            if removed {
                self.forget(*attempt);
            }
        }
    }
}
