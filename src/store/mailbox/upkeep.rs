//! The thread that keeps the index: writes what is much in memory as a run, lets go what is past its time, and reads the filters soon
//! after the start, so that the first who lists a mailbox does not wait for them.
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError};
use estafette_actors::ports::Clock;

use super::find::Finder;

/// How often is looked whether there is enough for a run.
const LOOK: Duration = Duration::from_millis(500);
/// How often is looked what is past its time.
const EXPIRE: Duration = Duration::from_secs(60);

/// Until the other end of the channel is gone.
pub fn run(finder: &Finder, clock: &Arc<dyn Clock>, stop: &Receiver<()>) {
    let mut expired_at = Instant::now();
    let told = |outcome: Result<(), super::super::index::Error>| {
        if let Err(error) = outcome {
            tracing::error!(%error, "the index of mailboxes can't be kept");
        }
    };
    told(finder.index().prepare());
    while stop.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
        told(finder.index().seal_if_full().map(drop));
        if expired_at.elapsed() >= EXPIRE {
            expired_at = Instant::now();
            told(finder.index().expire(clock.now().millis()).map(drop));
        }
    }
    // What is in memory need not be made again from the records.
    told(finder.index().seal());
}
