//! Whether an institution is asked: not for a while once it failed so often in a row, and then by one reader, whose luck decides.
//!
//! Invariant: it is asked by everybody, by one, or by nobody; one who gives up trying leaves the next one to try.
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use estafette_actors::domain::mailbox::reference::RefId;
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::Clock;

/// See the head of this file.
pub struct Breaker {
    provider: RefId,
    most: u32,
    pause: Duration,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    failures: u32,
    /// Since the first of them.
    since: Option<Timestamp>,
    last: Option<Timestamp>,
    trouble: Option<&'static str>,
    is_tried: bool,
}

impl State {
    fn is_away(&self, most: u32) -> bool {
        self.failures >= most
    }
}

/// Lets somebody ask; to be kept until it is known how that ended.
pub struct Pass {
    breaker: Arc<Breaker>,
    is_trial: bool,
}

impl Breaker {
    /// `most` failures in a row, after which it is not asked for `pause`.
    pub fn new(provider: RefId, most: u32, pause: Duration, clock: Arc<dyn Clock>) -> Self {
        Self { provider, most: most.max(1), pause, clock, state: Mutex::default() }
    }

    fn state_now(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it may be asked now.
    pub fn pass(self: &Arc<Self>) -> Option<Pass> {
        let mut state = self.state_now();
        let is_trial = state.is_away(self.most);
        if is_trial {
            // A clock that is set back makes no pause longer.
            let now = self.clock.now();
            let waited = state.last.is_none_or(|last| now < last || now.since(last) >= self.pause);
            if state.is_tried || !waited {
                return None;
            }
            state.is_tried = true;
        }
        Some(Pass { breaker: Arc::clone(self), is_trial })
    }

    /// It gave what it was asked for.
    pub fn succeeded(&self) {
        let mut state = self.state_now();
        if state.is_away(self.most) {
            tracing::info!(provider = self.provider.as_str(), "the provider answers again");
        }
        *state = State { is_tried: state.is_tried, ..State::default() };
    }

    /// It did not.
    pub fn failed(&self, trouble: &'static str) {
        let now = self.clock.now();
        let mut state = self.state_now();
        state.failures = state.failures.saturating_add(1);
        (state.last, state.trouble) = (Some(now), Some(trouble));
        state.since.get_or_insert(now);
        if state.failures == self.most {
            let (provider, pause_s) = (self.provider.as_str(), self.pause.as_secs());
            tracing::error!(
                provider,
                trouble,
                pause_s,
                "the provider does not answer: it is tried by one reader at a time"
            );
        }
    }

    /// Since when it is away and why; nothing while it is not.
    pub fn state(&self) -> (Option<Timestamp>, Option<&'static str>) {
        let state = self.state_now();
        if state.is_away(self.most) { (state.since, state.trouble) } else { (None, None) }
    }
}

impl Pass {
    /// Who counts.
    pub fn breaker(&self) -> &Breaker {
        &self.breaker
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if self.is_trial {
            self.breaker.state_now().is_tried = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    struct Hand(AtomicU64);

    impl Clock for Hand {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(self.0.load(Ordering::Relaxed))
        }
    }

    #[test]
    fn one_that_failed_so_often_is_asked_by_nobody_and_then_by_one() {
        let clock = Arc::new(Hand(AtomicU64::new(1_000)));
        let pause = Duration::from_secs(30);
        let id = RefId::parse("onss").unwrap();
        let breaker = Arc::new(Breaker::new(id, 3, pause, Arc::clone(&clock) as Arc<dyn Clock>));
        let set = |millis| clock.0.store(millis, Ordering::Relaxed);
        breaker.failed("a");
        breaker.failed("a");
        breaker.succeeded();
        for at in [2_000, 3_000, 4_000] {
            set(at);
            assert!(breaker.pass().is_some() && breaker.state() == (None, None), "not in a row");
            breaker.failed("b");
        }
        assert_eq!(breaker.state(), (Some(Timestamp::from_millis(2_000)), Some("b")), "since the first of them");
        set(33_999);
        assert!(breaker.pass().is_none());
        set(34_000);
        let trial = breaker.pass();
        assert!(trial.is_some() && breaker.pass().is_none(), "one only");
        drop(trial);
        let trial = breaker.pass().expect("the next one may try");
        breaker.failed("c");
        drop(trial);
        assert!(breaker.pass().is_none());
        set(10);
        let trial = breaker.pass().expect("the clock was set back");
        trial.breaker().succeeded();
        drop(trial);
        assert!(breaker.state() == (None, None) && breaker.pass().is_some() && breaker.pass().is_some());
    }
}
