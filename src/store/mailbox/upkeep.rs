//! The threads that keep the index: one writes what is much in memory as a run, lets go what is past its time, and reads the filters
//! soon after the start, so that the first who lists a mailbox does not wait for them; the other joins runs when they are many.
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError};
use estafette_actors::ports::Clock;

use super::find::Finder;

/// How often is looked whether there is enough for a run.
const LOOK: Duration = Duration::from_millis(500);
/// How often is looked what is past its time.
const EXPIRE: Duration = Duration::from_secs(60);

/// How often is looked whether runs are many.
const JOIN: Duration = Duration::from_secs(5);
/// Between parts of a join others have the disk for so long.
const PAUSE: Duration = Duration::from_millis(5);

fn told<T>(outcome: Result<T, super::super::index::Error>) -> Option<T> {
    outcome.inspect_err(|error| tracing::error!(%error, "the index of mailboxes can't be kept")).ok()
}

/// Joins runs until the other end of the channel is gone.
pub fn join(finder: &Finder, stop: &Receiver<()>) {
    let waits = |time| stop.recv_timeout(time) == Err(RecvTimeoutError::Timeout);
    while waits(JOIN) {
        while told(finder.index().merge(|| waits(PAUSE))) == Some(true) {}
    }
}

/// Writes and lets go until the other end of the channel is gone.
pub fn run(finder: &Finder, clock: &Arc<dyn Clock>, stop: &Receiver<()>) {
    let mut expired_at = Instant::now();
    told(finder.index().prepare());
    while stop.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
        told(finder.index().seal_if_full());
        if expired_at.elapsed() >= EXPIRE {
            expired_at = Instant::now();
            told(finder.index().expire(clock.now().millis()));
        }
    }
    // What is in memory need not be made again from the records.
    told(finder.index().seal());
}
