//! Our own supervision of actors: actix's does not survive a panic.
//!
//! A child is made by its factory on an arbiter. When it panics, the loss is counted with child
//! and generation, a new one is made after a pause, and its address is published. One that keeps
//! failing is reported as down and not made again. What its mailbox held is gone: senders keep
//! what they can't lose until it is confirmed.
use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use actix::dev::ToEnvelope;
use actix::{Actor, Addr, AsyncContext, Context, Handler, Message};
use actix_rt::ArbiterHandle;
use arc_swap::ArcSwapOption;
use futures_util::FutureExt;
use serde::Serialize;
use tokio::time::Instant;

use crate::messages::Refused;

/// How often a child may be made again before it is reported as down.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// So many times...
    pub restarts: usize,
    /// ...within this span.
    pub within: Duration,
    /// The pause before the first; doubled for each that follows within the span.
    pub first_pause: Duration,
}

impl Default for Budget {
    fn default() -> Self {
        Self { restarts: 5, within: Duration::from_secs(60), first_pause: Duration::from_millis(20) }
    }
}

/// How a child fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// It runs.
    Running,
    /// It will be made again.
    Restarting,
    /// It kept failing, and will not be made again: restart the broker.
    Down,
    /// It was stopped.
    Stopped,
}

/// The observable state of a child.
#[derive(Clone, Debug, Serialize)]
pub struct Vitals {
    /// Its name.
    pub name: String,
    /// How it fares.
    pub condition: Condition,
    /// How many were made.
    pub generation: u64,
    /// How many panicked.
    pub panics: u64,
    /// What the last panic said.
    pub last_panic: Option<String>,
}

/// A child that may be replaced: the handle stays the same.
pub struct Child<A: Actor>(Arc<Cradle<A>>);

struct Cradle<A: Actor> {
    address: ArcSwapOption<Addr<A>>,
    generation: AtomicU64,
    vitals: Mutex<Vitals>,
}

impl<A: Actor> Clone for Child<A> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<A: Actor<Context = Context<A>>> Child<A> {
    /// A child that is not made yet: give its handle to others first, then [`Self::start`] it.
    pub fn named(name: impl Into<String>) -> Self {
        let vitals =
            Vitals { name: name.into(), condition: Condition::Restarting, generation: 0, panics: 0, last_panic: None };
        Self(Arc::new(Cradle {
            address: ArcSwapOption::empty(),
            generation: AtomicU64::new(0),
            vitals: Mutex::new(vitals),
        }))
    }

    /// Makes the child on `arbiter`, and again whenever it panics, within the budget.
    pub fn start(
        &self,
        arbiter: &ArbiterHandle,
        budget: Budget,
        mailbox: usize,
        factory: impl Fn(u64) -> A + Send + 'static,
    ) {
        let child = self.clone();
        // The child never leaves the arbiter's thread, so the future that keeps it is made there.
        arbiter.spawn_fn(move || {
            actix_rt::spawn(child.keep(budget, mailbox, factory));
        });
    }

    async fn keep(self, budget: Budget, mailbox: usize, factory: impl Fn(u64) -> A + 'static) {
        let mut losses: VecDeque<Instant> = VecDeque::new();
        loop {
            let generation = self.0.generation.fetch_add(1, Ordering::AcqRel) + 1;
            let mut context = Context::new();
            context.set_mailbox_capacity(mailbox);
            let address = context.address();
            // The factory is the child's too: a panic in it counts as one of the child's.
            let made = std::panic::catch_unwind(AssertUnwindSafe(|| factory(generation)));
            let end = match made {
                Ok(actor) => {
                    self.0.address.store(Some(Arc::new(address)));
                    self.update(|vitals| {
                        vitals.condition = Condition::Running;
                        vitals.generation = generation;
                    });
                    AssertUnwindSafe(context.into_future(actor)).catch_unwind().await
                }
                Err(panic) => Err(panic),
            };
            self.0.address.store(None);
            let Err(panic) = end else {
                self.update(|vitals| vitals.condition = Condition::Stopped);
                return;
            };
            let said = panic
                .downcast_ref::<String>()
                .cloned()
                .or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string))
                .unwrap_or_else(|| "no text".to_owned());
            let now = Instant::now();
            losses.push_back(now);
            while losses.front().is_some_and(|at| now.duration_since(*at) > budget.within) {
                losses.pop_front();
            }
            let down = losses.len() > budget.restarts;
            self.update(|vitals| {
                vitals.panics += 1;
                vitals.last_panic = Some(said.clone());
                vitals.condition = if down { Condition::Down } else { Condition::Restarting };
            });
            let name = self.vitals().name;
            if down {
                tracing::error!(child = name, generation, "an actor keeps failing and is down: restart the broker");
                return;
            }
            tracing::warn!(child = name, generation, panic = said, "an actor panicked and is replaced");
            let doublings = losses.len().saturating_sub(1).min(10) as u32;
            tokio::time::sleep(budget.first_pause.saturating_mul(1 << doublings)).await;
        }
    }

    fn update(&self, change: impl FnOnce(&mut Vitals)) {
        change(&mut self.0.vitals.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    }

    /// How it fares.
    pub fn vitals(&self) -> Vitals {
        self.0.vitals.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// The generation that runs, or ran last.
    pub fn generation(&self) -> u64 {
        self.0.generation.load(Ordering::Acquire)
    }

    /// Puts a message into its mailbox, if there is room and somebody to read it.
    pub fn tell<M>(&self, message: M) -> Result<(), Refused>
    where
        M: Message + Send + 'static,
        M::Result: Send,
        A: Handler<M>,
        A::Context: ToEnvelope<A, M>,
    {
        let address = self.0.address.load();
        let Some(address) = address.as_ref() else { return Err(Refused::Restarting) };
        address.try_send(message).map_err(|error| match error {
            actix::prelude::SendError::Full(_) => Refused::Overloaded { retry_after: Duration::from_secs(1) },
            actix::prelude::SendError::Closed(_) => Refused::Restarting,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fragile;

    impl Actor for Fragile {
        type Context = Context<Self>;
    }

    #[derive(Message)]
    #[rtype(result = "()")]
    struct Break;

    impl Handler<Break> for Fragile {
        type Result = ();

        fn handle(&mut self, _: Break, _: &mut Self::Context) {
            panic!("broken on purpose");
        }
    }

    async fn until(child: &Child<Fragile>, wanted: impl Fn(&Vitals) -> bool) -> Vitals {
        for _ in 0..5_000 {
            let vitals = child.vitals();
            if wanted(&vitals) {
                return vitals;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        panic!("the child never got there: {:?}", child.vitals());
    }

    #[actix_rt::test]
    async fn a_child_that_panics_is_replaced_and_one_that_keeps_failing_is_down() {
        let arbiter = actix_rt::Arbiter::new();
        let child = Child::named("fragile");
        let budget = Budget { restarts: 2, first_pause: Duration::from_millis(1), ..Budget::default() };
        child.start(&arbiter.handle(), budget, 16, |_| Fragile);
        for generation in 1..=3 {
            until(&child, |vitals| vitals.condition == Condition::Running && vitals.generation == generation).await;
            child.tell(Break).unwrap();
        }
        let vitals = until(&child, |vitals| vitals.condition == Condition::Down).await;
        assert_eq!((vitals.panics, vitals.generation), (3, 3));
        assert_eq!(vitals.last_panic.as_deref(), Some("broken on purpose"));
        assert!(matches!(child.tell(Break), Err(Refused::Restarting)));
    }
}
