//! How much room the disk of the folder has: contents are refused while less would be left than the operator keeps free, so that
//! journal, register and mailboxes, which may lie on the same disk, go on.
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

/// See the head of this file.
#[derive(Debug)]
pub struct Room {
    folder: PathBuf,
    keep_free: u64,
    is_short: AtomicBool,
}

impl Room {
    /// On the disk of a folder; `keep_free` in bytes, 0 for no bound.
    pub fn new(folder: PathBuf, keep_free: u64) -> Self {
        Self { folder, keep_free, is_short: AtomicBool::new(false) }
    }

    /// Whether so many bytes more may be written. A disk that can't be asked bounds nothing.
    pub fn has(&self, bytes: u64) -> bool {
        if self.keep_free == 0 {
            return true;
        }
        // A microsecond: nothing beside the write that follows.
        let free =
            rustix::fs::statvfs(&self.folder).map_or(u64::MAX, |disk| disk.f_bavail.saturating_mul(disk.f_frsize));
        let keep_free = self.keep_free;
        let has = free.saturating_sub(bytes) >= keep_free;
        if has == self.is_short.swap(!has, Ordering::AcqRel) {
            if has {
                tracing::info!(free, keep_free, "there is room for documents again");
            } else {
                tracing::error!(
                    free,
                    keep_free,
                    "the disk of the documents is nearly full: none is taken until there is room"
                );
            }
        }
        has
    }
}
