//! A body as it arrives, for who takes it apart on another thread.
//!
//! Invariant: a few pieces are in memory, however large the body; a sender who pauses too long, or sends the heads of parts without an
//! end, is stopped. What is left of a body that was refused is passed over within bounds, so that its sender hears why.
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::web::Payload;
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

/// Pieces between who takes them and who reads.
const PIECES: usize = 4;
/// Bytes that may come without anything being made of them: heads of parts, and what stands before the first.
const AHEAD: usize = 256 * 1024;
/// Bytes of a refused body that are passed over.
const PASSED_OVER: usize = 16 << 20;
/// How long they are.
const PASSING: Duration = Duration::from_secs(5);

/// Why nothing more comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stopped {
    /// Too slowly.
    #[error("too slow")]
    Slow,
    /// The connection broke.
    #[error("broken")]
    Broken,
    /// Too much of it is no content.
    #[error("no content")]
    Heads,
}

/// The pieces of a body, one for each time that it is asked.
pub struct Arriving {
    pieces: mpsc::Receiver<Result<Bytes, Stopped>>,
    progress: Progress,
    has_given: bool,
}

/// How much came since something was made of it.
#[derive(Clone, Default)]
pub struct Progress(Arc<AtomicUsize>);

impl Progress {
    /// Something was made of what came.
    pub fn made(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

/// Brings the pieces of a body.
pub struct Pump {
    pieces: mpsc::Sender<Result<Bytes, Stopped>>,
    pause: Duration,
}

/// The two ends, for a body that may pause for so long.
pub fn arriving(pause: Duration) -> (Pump, Arriving, Progress) {
    let (sender, pieces) = mpsc::channel(PIECES);
    let progress = Progress::default();
    (Pump { pieces: sender, pause }, Arriving { pieces, progress: progress.clone(), has_given: false }, progress)
}

impl Stream for Arriving {
    type Item = Result<Bytes, Stopped>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        // Who reads takes all that is ready at once: one piece, and then a look at it.
        if std::mem::take(&mut self.has_given) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let next = std::task::ready!(self.pieces.poll_recv(context));
        let Some(Ok(piece)) = &next else { return Poll::Ready(next) };
        self.has_given = true;
        let ahead = self.progress.0.fetch_add(piece.len(), Ordering::Relaxed);
        // One piece may be as large as it likes, since it is there.
        Poll::Ready(if ahead > AHEAD { Some(Err(Stopped::Heads)) } else { next })
    }
}

impl Pump {
    /// Brings all of a body, or tells why not. When nobody takes it any more the rest is passed over; false when that was too much.
    pub async fn run(self, mut payload: Payload) -> bool {
        loop {
            let next = match timeout(self.pause, payload.next()).await {
                Err(_) => Some(Err(Stopped::Slow)),
                Ok(Some(Ok(piece))) => Some(Ok(piece)),
                Ok(Some(Err(_))) => Some(Err(Stopped::Broken)),
                Ok(None) => None,
            };
            let Some(next) = next else { return true };
            let is_last = next.is_err();
            let is_taken = self.pieces.send(next).await.is_ok();
            if is_last {
                return false;
            }
            if !is_taken {
                return pass_over(payload).await;
            }
        }
    }
}

async fn pass_over(mut payload: Payload) -> bool {
    let end = Instant::now() + PASSING;
    let mut left = PASSED_OVER;
    while let Ok(next) = tokio::time::timeout_at(end, payload.next()).await {
        match next {
            None => return true,
            Some(Ok(piece)) if piece.len() <= left => left -= piece.len(),
            Some(_) => return false,
        }
    }
    false
}
