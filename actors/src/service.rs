//! How well urgent messages are served, measured by the broker itself: how long each takes from its arrival until it is
//! handed to its channel, what share of them takes no longer than is set, and where the time goes. Since the start, and
//! never reset.
//!
//! Single messages in the urgent lane count, each once: what follows a failure is not waiting. One that was to go later counts
//! from its time. What is not known any more (the program was started anew) counts from its acceptance, as waiting.
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use dashmap::DashMap;

use crate::domain::id::{AttemptRef, Kind, MessageId};
use crate::domain::submission::{Envelope, Lane};
use crate::domain::time::Timestamp;
use crate::latency::Latency;

/// Urgent messages under way of which it is known when they arrived; those beyond count from their acceptance.
const FOLLOWED: usize = 65_536;
/// One that got no receipt for so long is followed no more once there is want of places.
const KEPT: Duration = Duration::from_secs(600);

/// Where the time of an urgent message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// From its arrival until it was on disk.
    Accept,
    /// From then until it was handed to its channel.
    Wait,
    /// From then until the channel answered.
    Send,
    /// From then until the channel said that it was delivered.
    Receipt,
}

impl Stage {
    /// In the order of a message's life.
    pub const ALL: [Self; 4] = [Self::Accept, Self::Wait, Self::Send, Self::Receipt];

    /// The name, as it is shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Wait => "wait",
            Self::Send => "send",
            Self::Receipt => "receipt",
        }
    }
}

/// A message under way.
#[derive(Debug)]
struct Course {
    arrived: Instant,
    accept: Option<Duration>,
    is_handed: bool,
    answered: Option<Instant>,
}

/// See the head of this file.
#[derive(Debug)]
pub struct Service {
    threshold_ms: AtomicU64,
    handed: AtomicU64,
    within: AtomicU64,
    stages: [Latency; 4],
    handing: Latency,
    courses: DashMap<MessageId, Course>,
}

/// The level so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// What counts as in time.
    pub threshold: Duration,
    /// Urgent messages that were handed to a channel.
    pub handed: u64,
    /// Those that were in time.
    pub within: u64,
}

impl Level {
    /// The share that was in time, in percent; none before the first.
    pub fn percent(&self) -> Option<f64> {
        (self.handed > 0).then(|| self.within as f64 * 100.0 / self.handed as f64)
    }
}

impl Default for Service {
    fn default() -> Self {
        Self {
            threshold_ms: AtomicU64::new(1_000),
            handed: AtomicU64::new(0),
            within: AtomicU64::new(0),
            stages: Default::default(),
            handing: Latency::default(),
            courses: DashMap::new(),
        }
    }
}

/// Whether a message is one of those that count.
fn counts(envelope: &Envelope) -> bool {
    envelope.lane == Lane::Urgent && envelope.id.kind() == Kind::Single
}

impl Service {
    /// What counts as in time from now on.
    pub fn set_threshold(&self, threshold: Duration) {
        self.threshold_ms.store(u64::try_from(threshold.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// The level so far.
    pub fn level(&self) -> Level {
        Level {
            threshold: Duration::from_millis(self.threshold_ms.load(Ordering::Relaxed)),
            handed: self.handed.load(Ordering::Relaxed),
            within: self.within.load(Ordering::Relaxed),
        }
    }

    /// How long a stage takes.
    pub fn stage(&self, stage: Stage) -> &Latency {
        &self.stages[stage as usize]
    }

    /// How long it takes from arrival to the channel.
    pub fn handing(&self) -> &Latency {
        &self.handing
    }

    /// A message arrived.
    pub fn arrived(&self, envelope: &Envelope) {
        if !counts(envelope) || envelope.not_before > envelope.accepted_at {
            return;
        }
        if self.courses.len() >= FOLLOWED {
            self.courses.retain(|_, course| course.arrived.elapsed() < KEPT);
        }
        if self.courses.len() < FOLLOWED {
            let course = Course { arrived: Instant::now(), accept: None, is_handed: false, answered: None };
            self.courses.insert(envelope.id, course);
        }
    }

    /// It is on disk, or was refused.
    pub fn accepted(&self, id: MessageId, is_accepted: bool) {
        if !is_accepted {
            self.courses.remove(&id);
        } else if let Some(mut course) = self.courses.get_mut(&id)
            && course.accept.is_none()
        {
            let took = course.arrived.elapsed();
            course.accept = Some(took);
            self.stage(Stage::Accept).record(took);
        }
    }

    /// An attempt of it is handed to a channel.
    pub fn handed(&self, attempt: AttemptRef, envelope: &Envelope, now: Timestamp) {
        if !counts(envelope) {
            return;
        }
        let (total, wait) = match self.courses.get_mut(&envelope.id) {
            Some(course) if course.is_handed => return,
            Some(mut course) => {
                course.is_handed = true;
                let total = course.arrived.elapsed();
                // It goes once it is on disk, perhaps before that was said: then it did not wait.
                let accept = course.accept.unwrap_or_else(|| {
                    self.stage(Stage::Accept).record(total);
                    total
                });
                course.accept = Some(accept);
                (total, total.saturating_sub(accept))
            }
            None if attempt.step > 0 || attempt.retry > 0 => return,
            None => {
                let total = now.since(envelope.accepted_at.max(envelope.not_before));
                (total, total)
            }
        };
        self.stage(Stage::Wait).record(wait);
        self.handing.record(total);
        if total.as_millis() <= u128::from(self.threshold_ms.load(Ordering::Relaxed)) {
            self.within.fetch_add(1, Ordering::Relaxed);
        }
        self.handed.fetch_add(1, Ordering::Relaxed);
    }

    /// The channel answered after so long; `is_over` when it will say no more of this attempt.
    pub fn answered(&self, envelope: &Envelope, took: Duration, is_over: bool) {
        if !counts(envelope) {
            return;
        }
        self.stage(Stage::Send).record(took);
        if is_over {
            self.courses.remove(&envelope.id);
        } else if let Some(mut course) = self.courses.get_mut(&envelope.id) {
            course.answered = Some(Instant::now());
        }
    }

    /// The channel says that it was delivered.
    pub fn delivered(&self, envelope: &Envelope) {
        if counts(envelope)
            && let Some((_, course)) = self.courses.remove(&envelope.id)
        {
            // A receipt may overtake the answer.
            self.stage(Stage::Receipt).record(course.answered.map_or(Duration::ZERO, |at| at.elapsed()));
        }
    }
}
