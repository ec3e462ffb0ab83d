//! What lies in the journal, and whether all of it can be read: for people, on a running store and
//! on one that is stopped. A page at a time, so that no read pins what the writer frees.
use std::path::Path;

use estafette_actors::domain::submission::{Envelope, Row};
use estafette_actors::ports::{Clock, Position, SystemClock};
use redb::{ReadableDatabase, ReadableTableMetadata};
use serde::Serialize;

use super::folder::DataFolder;
use super::layout::{BROADCAST, CHUNK, FEED, MESSAGE, Record};
use super::segment::{Segment, Segments};
use super::{Error, Store, codec};

/// Values read in one transaction.
const PAGE: usize = 1_000;
/// Mistakes that are told at most; the others are counted.
const TOLD: usize = 20;
/// Page cache for a stopped journal.
const CACHE_BYTES: usize = 16 << 20;

/// One segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SegmentStats {
    /// Its number.
    pub number: u32,
    /// The first position that it may hold.
    pub first_position: Position,
    /// The last that it holds; 0 when it is empty.
    pub last_position: Position,
    /// When it was begun.
    pub begun_at: String,
    /// Whether it never changes again.
    pub closed: bool,
    /// Bytes on disk.
    pub bytes: u64,
    /// Values of the feed.
    pub values: u64,
    /// Single messages.
    pub messages: u64,
    /// Broadcasts.
    pub broadcasts: u64,
    /// Chunks of recipients.
    pub chunks: u64,
}

/// What a reading of all came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Segments read.
    pub segments: u64,
    /// Values of the feed that were read.
    pub values: u64,
    /// Facts in them.
    pub facts: u64,
    /// Records of messages, broadcasts and chunks that were read.
    pub records: u64,
    /// What can't be read, or is not where it should be.
    pub wrong: u64,
    /// The first of these, in words.
    pub told: Vec<String>,
}

impl Verdict {
    fn wrong(&mut self, what: String) {
        self.wrong += 1;
        if self.told.len() < TOLD {
            self.told.push(what);
        }
    }
}

impl Store {
    /// What lies in the journal.
    pub fn stats(&self) -> Result<Vec<SegmentStats>, Error> {
        stats(&self.inner.segments)
    }

    /// Reads all of the journal.
    pub fn verify(&self) -> Result<Verdict, Error> {
        verify(&self.inner.segments)
    }
}

fn stopped(folder: &Path) -> Result<(DataFolder, Segments), Error> {
    if !folder.join("VERSION").is_file() {
        let what = format!("{} holds no data of estafette", folder.display());
        return Err(std::io::Error::new(std::io::ErrorKind::NotFound, what).into());
    }
    let owned = DataFolder::open(folder)?;
    let segments = Segments::open(owned.path().join("journal"), CACHE_BYTES, SystemClock.now())?;
    Ok((owned, segments))
}

/// What lies in the journal of a folder that nobody serves.
pub fn stats_of(folder: &Path) -> Result<Vec<SegmentStats>, Error> {
    let (_owned, segments) = stopped(folder)?;
    stats(&segments)
}

/// Reads all of the journal of a folder that nobody serves.
pub fn verify_of(folder: &Path) -> Result<Verdict, Error> {
    let (_owned, segments) = stopped(folder)?;
    verify(&segments)
}

fn stats(segments: &Segments) -> Result<Vec<SegmentStats>, Error> {
    let all = segments.list();
    let last = all.last().map(|segment| segment.number);
    all.iter()
        .map(|segment| {
            let read = segment.database().begin_read()?;
            Ok(SegmentStats {
                number: segment.number,
                first_position: segment.first,
                last_position: segment.last_position()?,
                begun_at: segment.begun_at.to_string(),
                closed: Some(segment.number) != last,
                bytes: segment.bytes(),
                values: read.open_table(FEED)?.len()?,
                messages: read.open_table(MESSAGE)?.len()?,
                broadcasts: read.open_table(BROADCAST)?.len()?,
                chunks: read.open_table(CHUNK)?.len()?,
            })
        })
        .collect()
}

fn verify(segments: &Segments) -> Result<Verdict, Error> {
    let mut verdict = Verdict::default();
    for segment in segments.list() {
        verdict.segments += 1;
        feed(&segment, &mut verdict)?;
        records(&segment, MESSAGE, &mut verdict, |bytes| codec::decode::<Envelope>(bytes).map(drop))?;
        records(&segment, BROADCAST, &mut verdict, |bytes| codec::decode_broadcast(bytes).map(drop))?;
        records(&segment, CHUNK, &mut verdict, |bytes| codec::decode::<Vec<Row>>(bytes).map(drop))?;
    }
    Ok(verdict)
}

fn feed(segment: &Segment, verdict: &mut Verdict) -> Result<(), Error> {
    let mut next: Option<Position> = None;
    loop {
        let table = segment.database().begin_read()?.open_table(FEED)?;
        let mut read = 0;
        for entry in table.range(next.unwrap_or(0)..)?.take(PAGE) {
            let (position, bytes) = entry?;
            let position = position.value();
            if next.is_some_and(|next| next != position) || position < segment.first {
                verdict.wrong(format!("segment {}: position {position} follows a gap", segment.number));
            }
            match codec::unpack(bytes.value()) {
                Ok(packed) => {
                    verdict.facts += packed.groups.iter().map(|group| group.changes.len() as u64).sum::<u64>();
                }
                Err(error) => verdict.wrong(format!("segment {}, position {position}: {error}", segment.number)),
            }
            next = Some(position + 1);
            read += 1;
        }
        verdict.values += read as u64;
        if read < PAGE {
            return Ok(());
        }
    }
}

fn records(
    segment: &Segment,
    definition: redb::TableDefinition<'static, u128, Record>,
    verdict: &mut Verdict,
    decode: impl Fn(&[u8]) -> Result<(), codec::Error>,
) -> Result<(), Error> {
    let mut from = 0;
    loop {
        let table = segment.database().begin_read()?.open_table(definition)?;
        let mut read = 0;
        for entry in table.range(from..)?.take(PAGE) {
            let (key, bytes) = entry?;
            if let Err(error) = decode(bytes.value()) {
                verdict.wrong(format!("segment {}, record {:032x}: {error}", segment.number, key.value()));
            }
            from = key.value().saturating_add(1);
            read += 1;
        }
        verdict.records += read as u64;
        if read < PAGE {
            return Ok(());
        }
    }
}
