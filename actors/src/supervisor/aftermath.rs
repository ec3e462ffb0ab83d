//! What the commit of a batch brings about: nothing of it is done or told before.
use std::sync::Arc;

use tokio::sync::oneshot;

use crate::delivery::Desk;
use crate::messages::{Assignment, Deliver, Progress};

/// What the commit of a batch brings about.
#[derive(Default)]
pub struct Aftermath {
    assignments: Vec<(Arc<Desk>, Vec<Assignment>)>,
    queued: Vec<Arc<Desk>>,
    answers: Vec<(oneshot::Sender<Progress>, Progress)>,
}

impl Aftermath {
    /// An attempt begins.
    pub fn assign(&mut self, desk: &Arc<Desk>, assignment: Assignment) {
        match self.assignments.iter_mut().find(|(known, _)| known.channel == desk.channel) {
            Some((_, assignments)) => assignments.push(assignment),
            None => self.assignments.push((Arc::clone(desk), vec![assignment])),
        }
    }

    /// A waiting call has its answer.
    pub fn answer(&mut self, waiter: oneshot::Sender<Progress>, progress: Progress) {
        self.answers.push((waiter, progress));
    }

    /// Something waits at a channel.
    pub fn queue(&mut self, desk: &Arc<Desk>) {
        if !self.queued.iter().any(|known| known.channel == desk.channel) {
            self.queued.push(Arc::clone(desk));
        }
    }

    /// What was begun is durable: it may be sent, by whichever generation comes first.
    pub fn committed(self, asked: Option<(&Arc<Desk>, usize, u64)>) {
        let mut asked = asked;
        for (desk, assignments) in self.assignments {
            for assignment in &assignments {
                desk.begun(assignment.attempt);
            }
            let (count, generation) = match asked.take_if(|(of, ..)| of.channel == desk.channel) {
                Some((_, count, generation)) => (count, generation),
                None => (0, 0),
            };
            // A delivery that is being replaced finds them on its desk.
            let _ = desk.child.tell(Deliver { assignments, asked: count, generation });
        }
        if let Some((desk, asked, generation)) = asked {
            let _ = desk.child.tell(Deliver { assignments: Vec::new(), asked, generation });
        }
        for desk in self.queued {
            desk.queued();
        }
        for (waiter, progress) in self.answers {
            // Whoever waited may have hung up: that changes nothing.
            let _ = waiter.send(progress);
        }
    }

    /// Nothing of it happened.
    pub fn failed(self) {
        for (desk, assignments) in self.assignments {
            for assignment in assignments {
                desk.withdrawn(assignment.attempt);
            }
        }
    }
}
