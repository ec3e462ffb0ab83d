//! Brings what is durable in the log into the tables, in the order of the keys, a little later than it happened.
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crossbeam_channel::{Receiver, RecvTimeoutError};

use super::overlay::{self, Maps};
use super::{Error, Shared, draft, lock};

/// What the flusher is told.
pub enum Order {
    /// Much waits: now.
    Now,
    /// For the last time.
    Stop,
}

/// The thread.
pub fn run(shared: &Shared, orders: &Receiver<Order>) {
    loop {
        let stop = match orders.recv_timeout(shared.settings.flush_after) {
            Ok(Order::Now) | Err(RecvTimeoutError::Timeout) => false,
            Ok(Order::Stop) | Err(RecvTimeoutError::Disconnected) => true,
        };
        shared.room.look(&shared.settings.dir);
        // What fails ends all writing, and says why.
        let _ = flush(shared);
        if stop {
            break;
        }
    }
}

/// One round. When it fails, what it took stays readable in memory, and nothing is written any more.
pub fn flush(shared: &Shared) -> Result<(), Error> {
    let _one = lock(&shared.flushing);
    shared.writable()?;
    let (frozen, position, bytes) = {
        let mut overlay = overlay::write(&shared.overlay);
        if overlay.active.is_empty() {
            return Ok(());
        }
        let active = std::mem::replace(&mut overlay.active, Maps::new(shared.settings.tables.len()));
        overlay.frozen = Arc::new(active);
        (Arc::clone(&overlay.frozen), overlay.position, overlay.bytes)
    };
    let written = shared.write(&[&frozen], position);
    // Before the lock is let go: nobody may write over what is missing.
    let reader = Arc::new(written.map_err(|error| shared.stopped(&error))?);
    {
        let mut overlay = overlay::write(&shared.overlay);
        overlay.frozen = draft::none(shared.settings.tables.len());
        overlay.reader = reader;
        overlay.bytes -= bytes;
    }
    shared.applied.store(position, Ordering::Release);
    drop(frozen);
    let _waiting = lock(&shared.waiting);
    shared.caught_up.notify_all();
    Ok(())
}
