//! Admission: so many of each kind may be under way, and more is overload. It counts what it turns
//! away, so that people see which entrance binds.
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Admission;
use crate::latency::Latency;

/// How long an entrance is said to bind after it turned somebody away.
const LATELY: Duration = Duration::from_secs(1);

/// Permits of [`Admission`].
pub struct Gate {
    pub(super) submissions: Entrance,
    pub(super) chunks: Entrance,
    pub(super) receipts: Entrance,
    pub(super) accepting: Latency,
}

impl Gate {
    /// With so many permits.
    pub fn new(admission: Admission) -> Self {
        Self {
            submissions: Entrance::new(admission.submissions),
            chunks: Entrance::new(admission.chunks),
            receipts: Entrance::new(admission.receipts),
            accepting: Latency::default(),
        }
    }

    pub(super) fn set(&self, admission: Admission) {
        self.submissions.set(admission.submissions);
        self.chunks.set(admission.chunks);
        self.receipts.set(admission.receipts);
    }
}

/// How crowded an entrance is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Crowd {
    /// Under way.
    pub under_way: usize,
    /// Under way at most.
    pub most: usize,
    /// Turned away since the start.
    pub refused: u64,
    /// Whether it turned somebody away within the last second.
    pub binds: bool,
}

/// One entrance.
pub(super) struct Entrance {
    permits: Arc<Semaphore>,
    most: AtomicUsize,
    refused: AtomicU64,
    started: Instant,
    /// When it last turned somebody away, in milliseconds since `started`, and 1.
    refused_at: AtomicU64,
}

impl Entrance {
    fn new(most: usize) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(most)),
            most: AtomicUsize::new(most),
            refused: AtomicU64::new(0),
            started: Instant::now(),
            refused_at: AtomicU64::new(0),
        }
    }

    fn millis(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// A place at once, or none.
    pub(super) fn enter(&self) -> Option<OwnedSemaphorePermit> {
        let permit = Arc::clone(&self.permits).try_acquire_owned().ok();
        if permit.is_none() {
            self.refused.fetch_add(1, Ordering::Relaxed);
            self.refused_at.store(self.millis() + 1, Ordering::Relaxed);
        }
        permit
    }

    /// A place, waited for; none once it is closed.
    pub(super) async fn enter_late(&self) -> Option<OwnedSemaphorePermit> {
        if self.permits.available_permits() == 0 {
            self.refused_at.store(self.millis() + 1, Ordering::Relaxed);
        }
        Arc::clone(&self.permits).acquire_owned().await.ok()
    }

    /// Whether nobody is let in any more.
    pub(super) fn is_closed(&self) -> bool {
        self.permits.is_closed()
    }

    /// Lets nobody in any more.
    pub(super) fn close(&self) {
        self.permits.close();
    }

    pub(super) fn crowd(&self) -> Crowd {
        let most = self.most.load(Ordering::Relaxed);
        let refused_at = self.refused_at.load(Ordering::Relaxed);
        let lately = u64::try_from(LATELY.as_millis()).unwrap_or(u64::MAX);
        Crowd {
            under_way: most.saturating_sub(self.permits.available_permits()),
            most,
            refused: self.refused.load(Ordering::Relaxed),
            binds: refused_at > 0 && self.millis().saturating_sub(refused_at - 1) <= lately,
        }
    }

    /// Another bound. Places that are taken stay taken: a smaller bound holds as far as there are
    /// free ones to take back now.
    fn set(&self, most: usize) {
        let before = self.most.load(Ordering::Relaxed);
        let now = if most > before {
            self.permits.add_permits(most - before);
            most
        } else {
            before - self.permits.forget_permits(before - most)
        };
        self.most.store(now, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_finds_no_place_is_counted_and_another_bound_holds_at_once() {
        let entrance = Entrance::new(1);
        let held = entrance.enter();
        assert!(held.is_some() && entrance.enter().is_none());
        let crowd = entrance.crowd();
        assert_eq!(crowd, Crowd { under_way: 1, most: 1, refused: 1, binds: true });
        entrance.set(3);
        let more = [entrance.enter(), entrance.enter()];
        assert!(more.iter().all(Option::is_some) && entrance.enter().is_none());
        drop(more);
        entrance.set(1);
        assert_eq!(entrance.crowd().most, 1);
        assert!(entrance.enter().is_none());
        drop(held);
        assert!(entrance.enter().is_some());
        entrance.close();
        assert!(entrance.enter().is_none());
    }
}
