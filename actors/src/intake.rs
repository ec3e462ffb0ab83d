//! Gathers the submissions that arrive together: one message to the supervisor, one batch in the
//! journal, one answer for all. Waking another thread costs more than deciding about a message.
//!
//! A caller that goes away changes nothing: what it left here is carried by a task of its own.
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::messages::{Progress, Refused, Submit, Submitted};
use crate::nursery::Child;
use crate::supervisor::Supervisor;

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
        let (accepted, acceptance) = oneshot::channel();
        let is_first = {
            let mut arrived = self.arrived();
            arrived.push((submitted, accepted));
            arrived.len() == 1
        };
        if is_first {
            tokio::spawn(self.clone().carry());
        }
        acceptance.await.map_err(|_| Refused::Restarting)?
    }

    /// Takes all that arrived in this turn of the event loop to the supervisor, and its word back.
    async fn carry(self) {
        // The requests that are ready now come first.
        tokio::task::yield_now().await;
        let (submitted, acceptances): (Vec<_>, Vec<_>) = std::mem::take(&mut *self.arrived()).into_iter().unzip();
        let (accepted, done) = oneshot::channel();
        let outcome = match self.supervisor.tell(Submit { submitted, accepted }) {
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
    }
}
