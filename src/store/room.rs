//! How much room the disk has. What makes the journal grow is refused while less is left than the operator keeps free, so
//! that what was accepted can go on to its end: a commit that finds no room makes the journal read-only until a restart.
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Bytes on disk for each that is appended, at most: a commit writes pages beside those that it replaces.
const FOLD: u64 = 3;

/// See the head of this file.
#[derive(Debug)]
pub struct Room {
    /// Bytes that are kept free; none for no bound.
    keep_free: AtomicU64,
    /// Bytes that were free when they were last looked at.
    free: AtomicU64,
    /// Bytes appended since.
    appended: AtomicU64,
    is_short: AtomicBool,
}

impl Room {
    /// On the disk of a folder.
    pub fn new(folder: &Path, keep_free: u64) -> Self {
        let room = Self {
            keep_free: AtomicU64::new(keep_free),
            free: AtomicU64::new(u64::MAX),
            appended: AtomicU64::new(0),
            is_short: AtomicBool::new(false),
        };
        room.look(folder);
        room
    }

    /// Asks the file system; what can't be asked bounds nothing.
    pub fn look(&self, folder: &Path) {
        let free = rustix::fs::statvfs(folder).map_or(u64::MAX, |disk| disk.f_bavail.saturating_mul(disk.f_frsize));
        self.appended.store(0, Ordering::Release);
        self.free.store(free, Ordering::Release);
        let is_short = self.left() == 0;
        if is_short != self.is_short.swap(is_short, Ordering::AcqRel) {
            let keep_free = self.keep_free.load(Ordering::Relaxed);
            if is_short {
                tracing::error!(
                    free,
                    keep_free,
                    "the disk is nearly full: nothing new is accepted until there is room"
                );
            } else {
                tracing::info!(free, keep_free, "there is room on the disk again: new messages are accepted");
            }
        }
    }

    /// Bytes were appended.
    pub fn appended(&self, bytes: usize) {
        self.appended.fetch_add(bytes as u64, Ordering::AcqRel);
    }

    /// Bytes that may still be appended.
    pub fn left(&self) -> u64 {
        let keep_free = self.keep_free.load(Ordering::Relaxed);
        if keep_free == 0 {
            return u64::MAX;
        }
        let free = self.free.load(Ordering::Acquire).saturating_sub(keep_free) / FOLD;
        free.saturating_sub(self.appended.load(Ordering::Acquire))
    }

    /// Another bound, for tests.
    #[cfg(test)]
    pub fn keep_free(&self, bytes: u64) {
        self.keep_free.store(bytes, Ordering::Relaxed);
    }
}
