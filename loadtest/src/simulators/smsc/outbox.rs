//! What the SMSC will bring: receipts and messages of citizens, each when its time comes.
//!
//! Invariant: never more than the limit, those that were brought and not acknowledged included.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use estafette_smpp::ShortMessage;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::lock;

/// They are brought at multiples of this.
const TICK_MS: u64 = 5;

pub(crate) struct Outbox {
    limit: usize,
    waiting: AtomicUsize,
    schedule: Mutex<BTreeMap<u64, Vec<ShortMessage>>>,
    /// Something is due earlier than whoever waits knows.
    pub(crate) changed: Notify,
    start: Instant,
}

impl Outbox {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            waiting: AtomicUsize::new(0),
            schedule: Mutex::default(),
            changed: Notify::new(),
            start: Instant::now(),
        }
    }

    fn tick(&self) -> u64 {
        self.start.elapsed().as_millis() as u64 / TICK_MS
    }

    /// Whether so many more fit.
    pub(crate) fn has_room(&self, more: usize) -> bool {
        self.waiting.load(Relaxed) + more <= self.limit
    }

    /// Brings it after so many milliseconds; false when there is no room.
    pub(crate) fn push(&self, delay_ms: u64, message: ShortMessage) -> bool {
        if !self.has_room(1) {
            return false;
        }
        self.waiting.fetch_add(1, Relaxed);
        self.put_back(delay_ms, message);
        true
    }

    /// One is brought without waiting: it counts until it is acknowledged.
    pub(crate) fn brought_at_once(&self) {
        self.waiting.fetch_add(1, Relaxed);
    }

    /// Brings again what was not acknowledged.
    pub(crate) fn put_back(&self, delay_ms: u64, message: ShortMessage) {
        let tick = self.tick() + delay_ms.div_ceil(TICK_MS);
        let mut schedule = lock(&self.schedule);
        let earlier = schedule.first_key_value().is_none_or(|(first, _)| tick < *first);
        schedule.entry(tick).or_default().push(message);
        drop(schedule);
        if earlier {
            self.changed.notify_waiters();
        }
    }

    /// How many were not acknowledged yet.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Relaxed)
    }

    /// It was acknowledged.
    pub(crate) fn done(&self) {
        self.waiting.fetch_sub(1, Relaxed);
    }

    /// What is due, at most so many.
    pub(crate) fn due(&self, most: usize) -> Vec<ShortMessage> {
        let now = self.tick();
        let mut schedule = lock(&self.schedule);
        let mut due = Vec::new();
        while due.len() < most {
            let Some(mut entry) = schedule.first_entry().filter(|entry| *entry.key() <= now) else { break };
            let room = most - due.len();
            if entry.get().len() <= room {
                due.append(&mut entry.remove());
            } else {
                due.extend(entry.get_mut().drain(..room));
            }
        }
        due
    }

    /// When the next is due.
    pub(crate) fn next(&self) -> Option<Instant> {
        let first = lock(&self.schedule).first_key_value().map(|(tick, _)| *tick)?;
        Some(self.start + Duration::from_millis(first * TICK_MS))
    }
}
