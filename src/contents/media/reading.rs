//! A content at its place, as a file that can be read from anywhere, for who waits for it on a thread of their own.
//!
//! Invariant: what is read in order is asked for once; no more of it is kept than one piece of the stream.
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

use bytes::{Buf, Bytes};
use estafette_actors::ports::mailbox::{ContentTrouble, Contents, Incoming};
use futures_util::StreamExt;
use tokio::runtime::Handle;

use super::Unsound;

/// Bytes that are rather read over than asked for anew behind them.
const OVER: u64 = 256 << 10;

/// See the head of this file.
pub struct Reading {
    contents: Arc<dyn Contents>,
    runtime: Handle,
    name: Box<str>,
    size: u64,
    position: u64,
    stream: Option<Incoming>,
    /// What came and was not read, and where that begins.
    piece: Bytes,
    at: u64,
}

impl Reading {
    /// Of a content; to be used on a thread that may wait.
    pub fn new(contents: Arc<dyn Contents>, runtime: Handle, name: Box<str>, size: u64) -> Self {
        Self { contents, runtime, name, size, position: 0, stream: None, piece: Bytes::new(), at: 0 }
    }

    /// Makes `piece` begin at the position, unless that is the end.
    fn advance(&mut self) -> io::Result<()> {
        let is_near = self.at <= self.position && self.position - self.at <= OVER;
        if self.stream.is_none() || !is_near {
            let range = Some(self.position..self.size);
            let given = self.runtime.block_on(self.contents.give(&self.name, range)).map_err(io::Error::other)?;
            (self.stream, self.piece, self.at) = (Some(given), Bytes::new(), self.position);
        }
        loop {
            let over = (self.position - self.at).min(self.piece.len() as u64);
            self.piece.advance(over as usize);
            self.at += over;
            if !self.piece.is_empty() {
                return Ok(());
            }
            let next = self.stream.as_mut().map(|stream| self.runtime.block_on(stream.next()));
            match next.flatten() {
                Some(next) => self.piece = next.map_err(|error| io::Error::other(broken(&error)))?,
                None => return Err(io::Error::other(ContentTrouble::Gone)),
            }
        }
    }
}

fn broken(error: &io::Error) -> ContentTrouble {
    ContentTrouble::Store(error.to_string())
}

impl Read for Reading {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.position >= self.size || into.is_empty() {
            return Ok(0);
        }
        self.advance()?;
        let read = into.len().min(self.piece.len());
        into[..read].copy_from_slice(&self.piece[..read]);
        self.piece.advance(read);
        self.position += read as u64;
        self.at = self.position;
        Ok(read)
    }
}

impl Seek for Reading {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(by) => self.size.checked_add_signed(by),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
        };
        self.position = position.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.position)
    }
}

/// The trouble with the place of the content behind an error, where it is that.
pub fn store_trouble(error: &io::Error) -> Option<Unsound> {
    error.get_ref()?.downcast_ref::<ContentTrouble>().cloned().map(Unsound::Contents)
}
