//! A content as a stream, a piece at a time.
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use bytes::Bytes;
use estafette_actors::ports::mailbox::Incoming;
use futures_util::{StreamExt, TryStreamExt};
use object_store::{GetResult, GetResultPayload};

use super::trouble::words;

/// Bytes of a piece of a file.
const PIECE: u64 = 128 << 10;

/// What was found, as it is given.
pub fn stream(found: GetResult) -> Incoming {
    let range = found.range.clone();
    match found.payload {
        GetResultPayload::File(file, _) => of_file(file, range.start, range.end - range.start),
        GetResultPayload::Stream(stream) => stream.map_err(|error| io::Error::other(words(&error))).boxed(),
    }
}

/// In larger pieces than `object_store` has, since each is a step of another thread.
fn of_file(file: File, start: u64, left: u64) -> Incoming {
    let next = |(mut file, start, left): (File, Option<u64>, u64)| async move {
        if left == 0 {
            return Ok(None);
        }
        let read = tokio::task::spawn_blocking(move || {
            if let Some(start) = start {
                file.seek(SeekFrom::Start(start))?;
            }
            let wanted = left.min(PIECE);
            let mut piece = Vec::with_capacity(wanted as usize);
            (&mut file).take(wanted).read_to_end(&mut piece)?;
            if piece.len() as u64 != wanted {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
            }
            Ok((Bytes::from(piece), (file, None, left - wanted)))
        });
        read.await.map_err(io::Error::other)?.map(Some)
    };
    futures_util::stream::try_unfold((file, Some(start), left), next).boxed()
}
