//! Gathers the submissions that arrive together: one message to the supervisor, one batch in the
//! journal, one answer for all. Waking another thread costs more than deciding about a message.
//!
//! A caller that goes away changes nothing: what it left here is carried by a task of its own.
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::messages::{Progress, Refused, Submit, Submitted};
use crate::nursery::Child;
use crate::supervisor::Supervisor;

/// So many go at once: while a batch is decided and committed, the next is still being read.
const BATCH: usize = 32;

type Acceptance = oneshot::Sender<Result<Progress, Refused>>;

/// Submissions on their way to the supervisor. What it holds is bounded by the admission permits.
#[derive(Clone)]
pub struct Intake {
    supervisor: Child<Supervisor>,
    arrived: Arc<Mutex<Vec<(Submitted, Acceptance)>>>,
}

impl Intake {
    /// Towards this supervisor.
    pub fn new(supervisor: Child<Supervisor>) -> Self {
        Self { supervisor, arrived: Arc::default() }
    }

    fn arrived(&self) -> MutexGuard<'_, Vec<(Submitted, Acceptance)>> {
        self.arrived.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands one in. Ends when it is durable, or refused.
    pub async fn submit(&self, submitted: Submitted) -> Result<Progress, Refused> {
        self.hand_in(submitted).await.map_err(|_| Refused::Restarting)?
    }

    fn hand_in(&self, submitted: Submitted) -> oneshot::Receiver<Result<Progress, Refused>> {
        let (accepted, acceptance) = oneshot::channel();
        let mut arrived = self.arrived();
        arrived.push((submitted, accepted));
        let count = arrived.len();
        if count == BATCH {
            let batch = std::mem::take(&mut *arrived);
            drop(arrived);
            self.carry(batch);
        } else if count == 1 {
            let intake = self.clone();
            tokio::spawn(async move {
                // The requests that are ready now come first.
                tokio::task::yield_now().await;
                let batch = std::mem::take(&mut *intake.arrived());
                intake.carry(batch);
            });
        }
        acceptance
    }

    /// Takes a batch to the supervisor, and its word back.
    fn carry(&self, batch: Vec<(Submitted, Acceptance)>) {
        if batch.is_empty() {
            return;
        }
        let (submitted, acceptances): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
        let (accepted, done) = oneshot::channel();
        let told = self.supervisor.tell(Submit { submitted, accepted });
        tokio::spawn(async move {
            let outcome = match told {
                Ok(()) => done.await.unwrap_or(Err(Refused::Restarting)),
                Err(refused) => Err(refused),
            };
            match outcome {
                Ok(progress) => {
                    for (acceptance, progress) in acceptances.into_iter().zip(progress) {
                        let _ = acceptance.send(Ok(progress));
                    }
                }
                Err(refused) => {
                    for acceptance in acceptances {
                        let _ = acceptance.send(Err(refused.clone()));
                    }
                }
            }
        });
    }
}
