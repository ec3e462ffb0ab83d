//! A delivery's wish to begin messages. Their places in the window stay taken until it is answered,
//! and a wish that is lost, with a mailbox or in a panic, frees them all the same.
//!
//! Invariant: what a lost wish was about is read from its queue again, since its reader is past it.
use std::fmt;
use std::sync::Arc;

use super::Desk;

/// So many messages that somebody has to say yes or no to.
pub struct Wish {
    desk: Arc<Desk>,
    count: usize,
}

impl Wish {
    /// For so many messages at a desk.
    pub(super) fn new(desk: &Arc<Desk>, count: usize) -> Self {
        desk.wished(count);
        Self { desk: Arc::clone(desk), count }
    }

    /// A part of it, which is answered on its own.
    #[must_use]
    pub fn split(&mut self, count: usize) -> Self {
        let count = count.min(self.count);
        self.count -= count;
        Self { desk: Arc::clone(&self.desk), count }
    }

    /// Each of its messages was begun or has nothing to be sent: their places are taken as attempts, or free.
    pub fn answered(mut self) {
        self.desk.answered(std::mem::take(&mut self.count));
    }

    /// Where it was wished.
    pub fn desk(&self) -> &Arc<Desk> {
        &self.desk
    }
}

impl fmt::Debug for Wish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wish").field("channel", &self.desk.channel).field("count", &self.count).finish()
    }
}

impl Drop for Wish {
    fn drop(&mut self) {
        if self.count > 0 {
            self.desk.answered(self.count);
            self.desk.lost();
        }
    }
}
