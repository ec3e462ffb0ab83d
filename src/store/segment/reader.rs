//! Reading all segments: records by their keys, facts by the trails that lead to them.
//!
//! A reader opens the tables of a segment when it first needs them, and of closed ones only where a key may be found. It pins
//! pages: keep it no longer than a page.
use std::sync::{Arc, OnceLock};

use estafette_actors::domain::id::{BroadcastId, ChunkId, MessageId};
use estafette_actors::domain::submission::{Broadcast, Envelope, Row};
use estafette_actors::ports::Position;
use redb::{ReadOnlyTable, ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition};

use super::super::layout::{BROADCAST, CHUNK, FEED, FEED_OF, MESSAGE, Record, TRAIL};
use super::super::{Error, codec, tail};
use super::spans::{Span, Spans, holds, span};
use super::{Segment, Segments};

impl Segments {
    /// A view of all segments as they are when each is first asked.
    pub fn reader(&self) -> Reader {
        Reader { segments: self.list().into_iter().map(|segment| (segment, OnceLock::new())).collect() }
    }
}

struct Tables {
    read: ReadTransaction,
    /// The tail's [`Tail::times_written`] before the view was taken.
    tail_written: u64,
    /// The last position in the view: the tail may be ahead of it.
    last: Position,
    message: ReadOnlyTable<u128, Record>,
    chunk: ReadOnlyTable<u128, Record>,
    messages: Span,
    chunks: Span,
}

impl Tables {
    fn open(segment: &Segment) -> Result<Self, Error> {
        let tail_written = segment.tail.times_written();
        let read = segment.database.begin_read()?;
        let (message, chunk) = (read.open_table(MESSAGE)?, read.open_table(CHUNK)?);
        let (last, messages, chunks) = if let Some(Spans { last, messages, chunks, .. }) = segment.spans.get() {
            (*last, *messages, *chunks)
        } else {
            let last = read.open_table(FEED)?.last()?.map_or(0, |(position, _)| position.value());
            (last, span(&message)?, span(&chunk)?)
        };
        Ok(Self { read, tail_written, last, message, chunk, messages, chunks })
    }

    /// A table that the tail goes to, so new that it has what left the tail up to `written`.
    fn index<K: redb::Key + 'static, V: redb::Value + 'static>(
        &self,
        segment: &Segment,
        written: u64,
        table: TableDefinition<'static, K, V>,
    ) -> Result<ReadOnlyTable<K, V>, Error> {
        let is_fresh = self.tail_written == written;
        Ok(if is_fresh { self.read.open_table(table)? } else { segment.database.begin_read()?.open_table(table)? })
    }
}

/// Puts positions of a tail, up to `last`, behind those of the table, which may have the first of them too.
fn join(positions: &mut Vec<Position>, late: Vec<Position>, last: Position) {
    let next = positions.last().map_or(0, |position| position + 1);
    positions.extend(late.into_iter().filter(|position| (next..=last).contains(position)));
}

/// Reads records and facts, the newest segment first. It pins pages: keep it no longer than a page.
pub struct Reader {
    /// Boxed, since most are never opened: a reader of a long history is made for each look.
    segments: Vec<(Arc<Segment>, OnceLock<Box<Tables>>)>,
}

impl Reader {
    fn tables(&self, place: usize) -> Result<&Tables, Error> {
        let (segment, tables) = &self.segments[place];
        if tables.get().is_none() {
            // Another thread can't have set it: a reader belongs to one.
            let _ = tables.set(Box::new(Tables::open(segment)?));
        }
        tables.get().map(|tables| &**tables).ok_or_else(|| Error::Invariant("a segment's tables were just opened"))
    }

    /// How many segments it has opened the tables of.
    #[cfg(test)]
    pub fn opened(&self) -> usize {
        self.segments.iter().filter(|(_, tables)| tables.get().is_some()).count()
    }

    /// Whether a segment may hold a key in one of its tables: of one that is not closed nobody knows.
    fn may_hold(&self, place: usize, table: impl Fn(&Spans) -> Span, key: u128) -> bool {
        self.segments[place].0.spans.get().is_none_or(|spans| holds(table(spans), key))
    }

    /// The tables of segments that may hold a key, the newest first.
    fn holding(&self, table: impl Fn(&Spans) -> Span, key: u128) -> impl Iterator<Item = Result<&Tables, Error>> {
        let places = (0..self.segments.len()).rev();
        places.filter(move |place| self.may_hold(*place, &table, key)).map(|place| self.tables(place))
    }

    /// The record of a single message.
    pub fn message(&self, id: MessageId) -> Result<Option<Envelope>, Error> {
        for tables in self.holding(|spans| spans.messages, id.as_u128()) {
            let tables = tables?;
            if holds(tables.messages, id.as_u128())
                && let Some(bytes) = tables.message.get(id.as_u128())?
            {
                return Ok(Some(codec::decode(bytes.value())?));
            }
        }
        Ok(None)
    }

    /// The rows of a chunk.
    pub fn rows(&self, chunk: ChunkId) -> Result<Option<Vec<Row>>, Error> {
        self.chunk(chunk, codec::decode)
    }

    /// One row of a chunk.
    pub fn row(&self, chunk: ChunkId, row: u16) -> Result<Option<Row>, Error> {
        Ok(self.chunk(chunk, |bytes| codec::decode_row(bytes, row))?.flatten())
    }

    fn chunk<T>(&self, chunk: ChunkId, read: impl Fn(&[u8]) -> Result<T, codec::Error>) -> Result<Option<T>, Error> {
        for tables in self.holding(|spans| spans.chunks, chunk.key()) {
            let tables = tables?;
            if holds(tables.chunks, chunk.key())
                && let Some(bytes) = tables.chunk.get(chunk.key())?
            {
                return Ok(Some(read(bytes.value())?));
            }
        }
        Ok(None)
    }

    /// The record of a broadcast.
    pub fn broadcast(&self, id: BroadcastId) -> Result<Option<Broadcast>, Error> {
        for tables in self.holding(|spans| spans.broadcasts, id.as_u128()) {
            if let Some(bytes) = tables?.read.open_table(BROADCAST)?.get(id.as_u128())? {
                return Ok(Some(codec::decode_broadcast(bytes.value())?));
            }
        }
        Ok(None)
    }

    /// Single messages before `before`, the newest first, at most `steps` of them.
    pub fn messages_before(&self, before: u128, steps: usize) -> Result<Vec<Envelope>, Error> {
        let mut found = Vec::new();
        for place in (0..self.segments.len()).rev() {
            let tables = self.tables(place)?;
            if tables.messages.is_none_or(|(first, _)| first >= before) {
                continue;
            }
            for entry in tables.message.range(..before)?.rev().take(steps) {
                found.push(codec::decode::<Envelope>(entry?.1.value())?);
            }
            // Ids may reach back a little into the segment before: those near the seam are merged.
            if found.len() >= steps * 2 {
                break;
            }
        }
        found.sort_unstable_by_key(|envelope| std::cmp::Reverse(envelope.id));
        found.truncate(steps);
        Ok(found)
    }

    /// Where facts of a message stand, or of one row or any of a chunk, as far as they can be read here: what is left out because it came since
    /// would be passed over by who goes on behind it.
    pub fn trail(&self, item: u128, row: Option<u16>) -> Result<Vec<Position>, Error> {
        let mut positions = Vec::new();
        for (place, (segment, _)) in self.segments.iter().enumerate() {
            if !self.may_hold(place, |spans| spans.trail, item) {
                continue;
            }
            let tables = self.tables(place)?;
            let (late, written) = segment.tail.trail(item, row);
            let trail = tables.index(segment, written, TRAIL)?;
            for entry in trail.range((item, 0)..=(item, tables.last))? {
                let (key, rows) = entry?;
                if tail::spans(rows.value(), row) {
                    positions.push(key.value().1);
                }
            }
            join(&mut positions, late, tables.last);
        }
        Ok(positions)
    }

    /// One value of the feed.
    pub fn facts(&self, position: Position) -> Result<Option<codec::Packed>, Error> {
        let place = self.segments.partition_point(|(segment, _)| segment.first <= position);
        let Some(place) = place.checked_sub(1) else { return Ok(None) };
        let feed = self.tables(place)?.read.open_table(FEED)?;
        Ok(feed.get(position)?.map(|bytes| codec::unpack(bytes.value())).transpose()?)
    }

    /// Every value of the feed after `position`, in order.
    pub fn each_after<E: From<Error>>(
        &self,
        position: Position,
        mut each: impl FnMut(Position, codec::Packed) -> Result<(), E>,
    ) -> Result<(), E> {
        for place in 0..self.segments.len() {
            let next = self.segments.get(place + 1).map(|(segment, _)| segment.first);
            if next.is_some_and(|next| next <= position + 1) {
                continue;
            }
            let feed = self.tables(place)?.read.open_table(FEED).map_err(Error::from)?;
            for entry in feed.range(position + 1..).map_err(Error::from)? {
                let (at, bytes) = entry.map_err(Error::from)?;
                each(at.value(), codec::unpack(bytes.value()).map_err(Error::from)?)?;
            }
        }
        Ok(())
    }

    /// Values of the feed that hold facts of an institution, after `position`, at most `limit`.
    pub fn feed_of(&self, institution: u32, position: Position, limit: usize) -> Result<Vec<Position>, Error> {
        let mut positions = Vec::new();
        let after = position.saturating_add(1);
        for (place, (segment, _)) in self.segments.iter().enumerate() {
            let next = self.segments.get(place + 1).map(|(segment, _)| segment.first);
            if positions.len() >= limit || next.is_some_and(|next| next <= after) {
                continue;
            }
            let tables = self.tables(place)?;
            let (late, written) = segment.tail.feed_of(institution, after..=Position::MAX);
            let table = tables.index(segment, written, FEED_OF)?;
            if after > tables.last {
                continue;
            }
            let range = table.range((institution, after)..=(institution, tables.last))?;
            for entry in range.take(limit.saturating_sub(positions.len())) {
                positions.push(entry?.0.value().1);
            }
            join(&mut positions, late, tables.last);
            positions.truncate(limit);
        }
        Ok(positions)
    }
}
