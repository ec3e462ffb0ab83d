//! What was done since the start, in numbers.
use std::sync::atomic::{AtomicU64, Ordering};

use super::Depths;

/// Counters.
#[derive(Debug, Default)]
pub struct Figures {
    /// Mails that the server took.
    pub mailed: AtomicU64,
    /// Messages that the broker took.
    pub messaged: AtomicU64,
    /// Mails that were not taken and are tried again.
    pub retried: AtomicU64,
    /// Notices that were given up.
    pub failed: AtomicU64,
    /// Addresses that were found to be none.
    pub bounced: AtomicU64,
}

impl Figures {
    /// One more.
    pub fn add(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// All of them, with what waits.
    pub fn told(&self, depths: Depths, is_away: bool) -> Vec<(&'static str, u64)> {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        vec![
            ("waiting_mails", depths.mails),
            ("waiting_mail_digests", depths.mail_digests),
            ("waiting_messages", depths.messages),
            ("waiting_message_digests", depths.message_digests),
            ("waiting_documents", depths.documents),
            ("mailed", read(&self.mailed)),
            ("messaged", read(&self.messaged)),
            ("retried", read(&self.retried)),
            ("failed", read(&self.failed)),
            ("bounced", read(&self.bounced)),
            ("mail_server_away", u64::from(is_away)),
        ]
    }
}
