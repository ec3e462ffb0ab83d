//! What the commit of a batch brings about: nothing of it is done or told before.
use std::sync::Arc;

use tokio::sync::oneshot;

use crate::delivery::{Desk, Wish};
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

    /// What was begun is durable: it may be sent, by whichever generation comes first. `wish` is answered by it.
    pub fn committed(mut self, wish: Option<Wish>) {
        let mut wished_at = wish.map(|wish| {
            let desk = Arc::clone(wish.desk());
            wish.answered();
            desk
        });
        for (desk, assignments) in std::mem::take(&mut self.assignments) {
            for assignment in &assignments {
                desk.begun(assignment.attempt);
            }
            wished_at.take_if(|at| at.channel == desk.channel);
            // A delivery that is being replaced finds them on its desk.
            let _ = desk.child.tell(Deliver(assignments));
        }
        if let Some(desk) = wished_at {
            desk.wake();
        }
        for desk in std::mem::take(&mut self.queued) {
            desk.queued();
        }
        for (waiter, progress) in std::mem::take(&mut self.answers) {
            // Whoever waited may have hung up: that changes nothing.
            let _ = waiter.send(progress);
        }
    }

    /// Nothing of it happened.
    pub fn failed(self) {
        drop(self);
    }
}

impl Drop for Aftermath {
    /// Also when whoever decided panicked: what was not committed holds no place.
    fn drop(&mut self) {
        for (desk, assignments) in std::mem::take(&mut self.assignments) {
            for assignment in assignments {
                desk.withdrawn(assignment.attempt);
            }
        }
    }
}
