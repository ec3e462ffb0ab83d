//! A connection with its two buffers, moved on by one task that does other things too.
//!
//! Invariant: dropping [`Line::turn`] half-way loses nothing, so it can stand in a `select!`; neither buffer grows past its
//! bound: while more than [`MOST_UNSENT`] octets wait to be written, nothing is read.

use std::io;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio_util::codec::Decoder;

use crate::codec::{Codec, Error, Frame};
use crate::pdu::Pdu;

/// Octets that may wait to be written before reading stops.
pub const MOST_UNSENT: usize = 256 * 1_024;
/// Octets read at once.
const READ: usize = 64 * 1_024;

/// The connection.
#[derive(Debug)]
pub struct Line<S> {
    codec: Codec,
    reader: ReadHalf<S>,
    writer: WriteHalf<S>,
    read: BytesMut,
    unsent: BytesMut,
    /// Something was written and may still wait in the connection's own buffer (TLS has one). Kept here, and not in the
    /// future that flushes, since that may be dropped.
    unflushed: bool,
}

impl<S: AsyncRead + AsyncWrite> Line<S> {
    /// Over a connection.
    pub fn over(stream: S, codec: Codec) -> Self {
        let (reader, writer) = tokio::io::split(stream);
        Self { codec, reader, writer, read: BytesMut::with_capacity(READ), unsent: BytesMut::new(), unflushed: false }
    }

    /// Puts a PDU behind those that wait to be written.
    pub fn put(&mut self, pdu: &Pdu) {
        pdu.write(&mut self.unsent);
    }

    /// Puts octets behind those that wait, whatever they are: for who plays a peer that misbehaves.
    pub fn put_raw(&mut self, octets: &[u8]) {
        self.unsent.extend_from_slice(octets);
    }

    /// Octets that wait to be written.
    pub fn unsent(&self) -> usize {
        self.unsent.len()
    }

    /// The next frame that was read, if one is whole.
    pub fn take(&mut self) -> Result<Option<Frame>, Error> {
        self.codec.decode(&mut self.read)
    }

    /// Whether nothing waits to be written or flushed.
    pub fn is_flushed(&self) -> bool {
        self.unsent.is_empty() && !self.unflushed
    }

    /// Writes, flushes or reads something; with `listen` false it does not read. Pending for ever when there is nothing to do.
    /// Take the frames that were read before the next turn.
    pub async fn turn(&mut self, listen: bool) -> io::Result<()> {
        let listen = listen && self.unsent.len() < MOST_UNSENT;
        self.read.reserve(if self.read.capacity() - self.read.len() < READ / 4 { READ } else { 0 });
        let (has_unsent, is_flushed) = (!self.unsent.is_empty(), self.is_flushed());
        let push = async {
            if has_unsent {
                self.writer.write(&self.unsent).await.map(Some)
            } else {
                self.writer.flush().await.map(|()| None)
            }
        };
        tokio::select! {
            biased;
            pushed = push, if !is_flushed => match pushed? {
                Some(0) => return Err(io::ErrorKind::WriteZero.into()),
                Some(count) => {
                    self.unsent.advance(count);
                    self.unflushed = true;
                }
                None => self.unflushed = false,
            },
            read = self.reader.read_buf(&mut self.read), if listen => {
                if read? == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
            () = std::future::pending(), if is_flushed && !listen => {}
        }
        Ok(())
    }

    /// Writes what waits, and closes. Give it a time limit.
    pub async fn close(mut self) -> io::Result<()> {
        self.writer.write_all_buf(&mut self.unsent).await?;
        self.writer.shutdown().await
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Poll};
    use std::time::Duration;

    use tokio::io::ReadBuf;

    use super::*;
    use crate::pdu::Body;

    /// A connection with a buffer of its own, whose first flush takes for ever.
    struct Buffered {
        flushes: Arc<AtomicUsize>,
        flushed: Arc<AtomicUsize>,
        held: usize,
    }

    impl AsyncRead for Buffered {
        fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }

    impl AsyncWrite for Buffered {
        fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
            self.held += octets.len();
            Poll::Ready(Ok(octets.len()))
        }

        fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            if self.flushes.fetch_add(1, Ordering::Relaxed) == 0 {
                return Poll::Pending;
            }
            self.flushed.fetch_add(self.held, Ordering::Relaxed);
            self.held = 0;
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_flush_that_was_dropped_is_made_up_for_without_another_write() {
        let (flushes, flushed) = <(Arc<AtomicUsize>, Arc<AtomicUsize>)>::default();
        let stream = Buffered { flushes: Arc::clone(&flushes), flushed: Arc::clone(&flushed), held: 0 };
        let mut line = Line::over(stream, Codec::default());
        line.put(&Pdu::request(1, Body::EnquireLink));
        // Each is dropped half-way, as in a select with something else that is ready.
        for _ in 0..4 {
            let _ = tokio::time::timeout(Duration::from_millis(1), line.turn(true)).await;
        }
        assert_eq!(flushed.load(Ordering::Relaxed), 16, "the PDU lies in the connection's buffer");
        assert!(line.is_flushed());
    }
}
