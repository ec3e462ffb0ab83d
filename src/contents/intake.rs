//! What comes: counted, hashed and cut into pieces while it streams.
//!
//! Invariant: no more than the bound is passed on, and no more than a piece is kept.
use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use bytes::{Buf, Bytes};
use estafette_actors::domain::mailbox::document::Digest;
use estafette_actors::ports::mailbox::{ContentTrouble, Incoming};
use futures_util::StreamExt;

/// See the head of this file.
pub struct Intake {
    incoming: Incoming,
    /// What came and did not fit into the last piece.
    rest: Bytes,
    most: u64,
    between: Duration,
    size: u64,
    hash: Context,
}

impl Intake {
    /// Of a stream, up to `most` bytes, waiting for `between` at most each time.
    pub fn new(incoming: Incoming, most: u64, between: Duration) -> Self {
        Self { incoming, rest: Bytes::new(), most, between, size: 0, hash: Context::new(&SHA256) }
    }

    /// Fills a piece up to `until` bytes; gives whether all has come.
    pub async fn fill(&mut self, piece: &mut Vec<u8>, until: usize) -> Result<bool, ContentTrouble> {
        while piece.len() < until {
            if self.rest.is_empty() {
                let next = tokio::time::timeout(self.between, self.incoming.next()).await;
                match next.map_err(|_| ContentTrouble::Broken)? {
                    Some(Ok(chunk)) => self.took(chunk)?,
                    Some(Err(_)) => return Err(ContentTrouble::Broken),
                    None => return Ok(true),
                }
            }
            let fits = self.rest.len().min(until - piece.len());
            piece.extend_from_slice(&self.rest[..fits]);
            self.rest.advance(fits);
        }
        Ok(false)
    }

    fn took(&mut self, chunk: Bytes) -> Result<(), ContentTrouble> {
        self.size += chunk.len() as u64;
        if self.size > self.most {
            return Err(ContentTrouble::TooLarge(self.most));
        }
        self.hash.update(&chunk);
        self.rest = chunk;
        Ok(())
    }

    /// Bytes, and what they hash to, once all has come.
    pub fn finish(self) -> (u64, Digest) {
        let mut digest = [0; 32];
        digest.copy_from_slice(self.hash.finish().as_ref());
        (self.size, Digest(digest))
    }
}
