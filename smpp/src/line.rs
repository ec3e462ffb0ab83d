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
}

impl<S: AsyncRead + AsyncWrite> Line<S> {
    /// Over a connection.
    pub fn over(stream: S, codec: Codec) -> Self {
        let (reader, writer) = tokio::io::split(stream);
        Self { codec, reader, writer, read: BytesMut::with_capacity(READ), unsent: BytesMut::new() }
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

    /// Writes or reads something; with `listen` false only writes. Pending for ever when there is nothing to do. Take the
    /// frames that were read before the next turn.
    pub async fn turn(&mut self, listen: bool) -> io::Result<()> {
        let listen = listen && self.unsent.len() < MOST_UNSENT;
        self.read.reserve(if self.read.capacity() - self.read.len() < READ / 4 { READ } else { 0 });
        tokio::select! {
            biased;
            written = self.writer.write(&self.unsent), if !self.unsent.is_empty() => {
                match written? {
                    0 => return Err(io::ErrorKind::WriteZero.into()),
                    count => self.unsent.advance(count),
                }
            }
            read = self.reader.read_buf(&mut self.read), if listen => {
                if read? == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                return Ok(());
            }
            () = std::future::pending(), if self.unsent.is_empty() && !listen => {}
        }
        if self.unsent.is_empty() { self.writer.flush().await } else { Ok(()) }
    }

    /// Writes what waits, and closes. Give it a time limit.
    pub async fn close(mut self) -> io::Result<()> {
        self.writer.write_all_buf(&mut self.unsent).await?;
        self.writer.shutdown().await
    }
}
