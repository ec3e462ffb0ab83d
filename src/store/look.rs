//! Reading items from disk, and making them live.
//!
//! A look is a snapshot: keep it no longer than a page. An item that is not live is whole on disk,
//! and stays so for longer than a look lasts.
use std::sync::Arc;
use std::time::Instant;

use estafette_actors::domain::channel::Channel;
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::{Position, Queue};
use redb::{ReadOnlyTable, ReadTransaction, ReadableDatabase};

use super::codec::{self, ChunkRecord, MessageRecord};
use super::layout::{self, CHUNK_STATE, DUE, MESSAGE_STATE, OPEN, Record, WAITING};
use super::live::{Item, LiveItem};
use super::queues::Place;
use super::segment::Reader;
use super::vector::Vector;
use super::{Error, Inner};

/// A snapshot of the derived state and of the segments.
pub struct Look {
    /// The segments.
    pub segments: Reader,
    read: ReadTransaction,
    messages: ReadOnlyTable<u128, Record>,
    chunks: ReadOnlyTable<u128, Record>,
}

impl Look {
    /// Takes one.
    pub fn open(inner: &Inner) -> Result<Self, Error> {
        let read = inner.derived.begin_read()?;
        let (messages, chunks) = (read.open_table(MESSAGE_STATE)?, read.open_table(CHUNK_STATE)?);
        Ok(Self { segments: inner.segments.reader(), read, messages, chunks })
    }

    /// The derived state's transaction, for other tables.
    pub fn derived(&self) -> &ReadTransaction {
        &self.read
    }

    /// An item as the disk has it.
    pub fn item(&self, inner: &Inner, item: Item) -> Result<Option<LiveItem>, Error> {
        let (mut live, as_of, queued_at) = match item {
            Item::Single(id) => {
                let Some(bytes) = self.messages.get(id.as_u128())? else { return Ok(None) };
                let record: MessageRecord = codec::decode(bytes.value())?;
                let Some(envelope) = self.segments.message(id)? else { return Ok(None) };
                let mut live = LiveItem::single(Arc::new(envelope));
                if let super::live::Body::Single { state, .. } = &mut live.body {
                    *state = record.state;
                }
                (live, record.as_of, record.queued_at)
            }
            Item::Chunk(chunk) => {
                let Some(bytes) = self.chunks.get(chunk.key())? else { return Ok(None) };
                let mut record: ChunkRecord = codec::decode(bytes.value())?;
                let Some(broadcast) = inner.broadcast_record(&self.segments, chunk.broadcast)? else { return Ok(None) };
                let (as_of, queued_at) = (record.as_of, std::mem::take(&mut record.queued_at));
                (LiveItem::chunk(Vector::restored(broadcast, record)), as_of, queued_at)
            }
        };
        live.book.as_of = as_of;
        live.book.on_disk = as_of;
        live.book.queued_at = queued_at;
        live.book.written = live.rows(&live.tally());
        Ok(Some(live))
    }

    /// Places of a queue at or after `from`, at most `limit`.
    pub fn waiting(&self, queue: &Queue, from: Place, limit: usize) -> Result<Vec<Place>, Error> {
        let table = self.read.open_table(WAITING)?;
        let (first, last) =
            (layout::waiting_key(queue, from.0, from.1), layout::waiting_key(queue, u64::MAX, u128::MAX));
        let range = table.range::<&[u8; layout::WAITING_KEY]>(&first..=&last)?;
        range.take(limit).map(|entry| Ok(layout::waiting_of(entry?.0.value()))).collect()
    }

    /// Items with an attempt under way at a channel, from `from` on.
    pub fn open_at(&self, channel: Channel, from: u128, limit: usize) -> Result<Vec<u128>, Error> {
        let table = self.read.open_table(OPEN)?;
        let (first, last) = (layout::open_key(channel, from), layout::open_key(channel, u128::MAX));
        let range = table.range::<&[u8; layout::OPEN_KEY]>(&first..=&last)?;
        range.take(limit).map(|entry| Ok(layout::open_of(entry?.0.value()))).collect()
    }

    /// Calls `each` with the items for which something fell due, the earliest first, until it
    /// says that it has enough.
    pub fn each_due(&self, now: Timestamp, mut each: impl FnMut(u128) -> Result<bool, Error>) -> Result<(), Error> {
        let table = self.read.open_table(DUE)?;
        let last = layout::due_key(now, u128::MAX);
        for entry in table.range::<&[u8; layout::DUE_KEY]>(..=&last)? {
            if !each(layout::due_of(entry?.0.value()))? {
                break;
            }
        }
        Ok(())
    }
}

impl Inner {
    /// Makes an item live, reading it where need be. Says whether it is known at all.
    pub fn make_live(&self, item: Item, look: impl FnOnce() -> Result<Look, Error>) -> Result<bool, Error> {
        if self.touch(item) {
            return Ok(true);
        }
        let look = look()?;
        self.read_live(item, &look, Position::MAX)
    }

    /// Keeps a live item so for a while. Says whether it is live.
    pub fn touch(&self, item: Item) -> bool {
        match self.live.items.get_mut(&item.key()) {
            Some(mut live) => {
                live.book.touched = Instant::now();
                true
            }
            None => false,
        }
    }

    /// Reads an item that was not live a moment ago. `until` is how far the feed was replayed.
    pub fn read_live(&self, item: Item, look: &Look, until: Position) -> Result<bool, Error> {
        let Some(mut live) = look.item(self, item)? else { return Ok(false) };
        let dashmap::Entry::Vacant(place) = self.live.items.entry(item.key()) else { return Ok(true) };
        let is_changed = self.catch_up(item, &mut live, until);
        live.book.listed = is_changed;
        place.insert(live);
        if is_changed {
            self.live.list(vec![item.key()]);
        }
        Ok(true)
    }

    /// A cancellation reaches the chunks of its broadcast when they are read.
    fn catch_up(&self, item: Item, live: &mut LiveItem, until: Position) -> bool {
        let Item::Chunk(chunk) = item else { return false };
        let cancelled = self.broadcasts.known.get(&chunk.broadcast).and_then(|info| info.state.cancelled);
        let Some((_, position)) = cancelled.filter(|(_, at)| *at <= until && live.book.as_of < *at) else {
            return false;
        };
        let effects = live.cancel();
        self.counted(live, &effects);
        if position != Position::MAX {
            live.book.as_of = position;
        }
        true
    }
}
