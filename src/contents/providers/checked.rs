//! What comes from an institution, held against what is known of it while it streams by.
//!
//! Invariant: one piece is kept back until the next one is there, and the last one until size and digest agree, so that who reads never
//! has a wrong content whole. A part is held against its length only. How it ended counts for the institution once the first
//! bytes were given; before that it is whoever asked who tells.
use std::collections::VecDeque;
use std::io::{Error, ErrorKind};
use std::ops::Range;
use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use bytes::Bytes;
use estafette_actors::domain::mailbox::document::Digest;
use estafette_actors::ports::mailbox::Wanted;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;

use super::breaker::Pass;
use super::{Piece, Settings};

/// See the head of this file.
pub struct Checked {
    body: BoxStream<'static, Piece>,
    between: Duration,
    pass: Pass,
    /// How far it was read.
    position: u64,
    /// Where it must end, where that is known.
    end: Option<u64>,
    most: u64,
    digest: Option<(Context, Digest)>,
    /// Kept back.
    last: Option<Bytes>,
    is_ended: bool,
    /// Looked at, and not given yet.
    peeked: VecDeque<Bytes>,
    /// How far it was given or passed over, and what of it is given.
    given: u64,
    wanted: Range<u64>,
}

fn wrong(why: &'static str) -> Error {
    Error::new(ErrorKind::InvalidData, why)
}

impl Checked {
    /// Of a body that begins at `start` and is so long where that was told.
    pub fn new(
        body: BoxStream<'static, Piece>,
        wanted: &Wanted,
        start: u64,
        length: Option<u64>,
        settings: &Settings,
        pass: Pass,
    ) -> Self {
        let known = wanted.size.filter(|_| start == 0);
        let is_whole = wanted.range.is_none();
        Self {
            body,
            between: settings.between,
            pass,
            position: start,
            end: length.map(|length| start + length).or(known),
            most: settings.most,
            digest: wanted.digest.filter(|_| is_whole).map(|digest| (Context::new(&SHA256), digest)),
            last: None,
            is_ended: false,
            peeked: VecDeque::new(),
            given: start,
            wanted: wanted.range.clone().unwrap_or(0..u64::MAX),
        }
    }

    /// The first bytes, so many or all there are; what is given begins with them all the same.
    pub async fn peek(&mut self, most: usize) -> Result<Vec<u8>, Error> {
        let mut first = Vec::new();
        while first.len() < most
            && let Some(piece) = self.read().await?
        {
            first.extend_from_slice(&piece[..piece.len().min(most - first.len())]);
            self.peeked.push_back(piece);
        }
        Ok(first)
    }

    /// The next piece of what is wanted; none at the end.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        while self.given < self.wanted.end {
            let next = match self.peeked.pop_front() {
                Some(piece) => Ok(Some(piece)),
                None => self.read().await,
            };
            let piece = next.inspect_err(|error| {
                if error.kind() != ErrorKind::InvalidData {
                    self.pass.breaker().failed("it stops in the middle");
                }
            })?;
            let Some(piece) = piece else { break };
            let length = piece.len() as u64;
            let within = |at: u64| at.saturating_sub(self.given).min(length) as usize;
            let piece = piece.slice(within(self.wanted.start)..within(self.wanted.end));
            self.given += length;
            if !piece.is_empty() {
                return Ok(Some(piece));
            }
        }
        self.pass.breaker().succeeded();
        Ok(None)
    }

    /// The next piece of the body, once it is known not to be the last, or that all agrees.
    async fn read(&mut self) -> Result<Option<Bytes>, Error> {
        while !self.is_ended {
            let next = tokio::time::timeout(self.between, self.body.next()).await;
            let piece = match next.map_err(|_| Error::from(ErrorKind::TimedOut))? {
                Some(Ok(piece)) => piece,
                // Its words may have the address.
                Some(Err(_)) => return Err(ErrorKind::ConnectionAborted.into()),
                None => {
                    self.agree()?;
                    break;
                }
            };
            self.position += piece.len() as u64;
            if self.position > self.most.min(self.end.unwrap_or(u64::MAX)) {
                return Err(wrong("it is longer than it may be"));
            }
            if let Some((hash, _)) = &mut self.digest {
                hash.update(&piece);
            }
            if let Some(before) = self.last.replace(piece).filter(|piece| !piece.is_empty()) {
                return Ok(Some(before));
            }
        }
        Ok(self.last.take())
    }

    fn agree(&mut self) -> Result<(), Error> {
        self.is_ended = true;
        if self.end.is_some_and(|end| end != self.position) {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let agrees = self.digest.take().is_none_or(|(hash, expected)| hash.finish().as_ref() == expected.0);
        if agrees { Ok(()) } else { Err(wrong("it is not what was published")) }
    }
}
