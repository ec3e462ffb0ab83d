//! Reads, each a look at the disk merged with what is live, on threads for blocking work.
//!
//! What deliveries are given may be a change ahead of the disk: nothing leaves before its `Began`
//! is durable. What people are told waits until it is durable.
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use estafette_actors::domain::channel::Channel;
use estafette_actors::domain::fact::Fact;
use estafette_actors::domain::id::{AttemptRef, BroadcastId, ChunkId, MessageId};
use estafette_actors::domain::life::State;
use estafette_actors::domain::mobile::Mobile;
use estafette_actors::domain::month::Month;
use estafette_actors::domain::receipt::Receipt;
use estafette_actors::domain::status::MessageStatus;
use estafette_actors::domain::submission::{Envelope, Institution, Row};
use estafette_actors::domain::time::Timestamp;
use estafette_actors::domain::usage::Usage;
use estafette_actors::ports::{
    Archive, ArchiveError, BroadcastView, Cursor, Depth, Filter, Held, Listing, Loaded, MessageView, News, Page,
    Position, Queue, ReportRow, Taken, TakenPage, Ticket,
};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::live::{Body, Item, ready_channels};
use super::look::Look;
use super::{Error, Inner, Store, lock};

/// Chunks kept decoded.
const DECODED: usize = 16;

/// Chunks that were read of late, the oldest first.
pub type Decoded = VecDeque<(ChunkId, Arc<Vec<Row>>)>;

type Reading<T> = BoxFuture<'static, Result<T, ArchiveError>>;

impl Store {
    /// Runs a read where it may block.
    pub(super) fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Inner) -> Result<T, Error> + Send + 'static,
    ) -> Reading<T> {
        let inner = Arc::clone(&self.inner);
        async move {
            let task = tokio::task::spawn_blocking(move || read(&inner));
            match task.await {
                Ok(outcome) => outcome.map_err(|error| ArchiveError(error.to_string())),
                Err(error) => Err(ArchiveError(format!("the read did not end: {error}"))),
            }
        }
        .boxed()
    }
}

impl Archive for Store {
    fn load(&self, ids: Vec<MessageId>) -> Reading<Vec<Option<Loaded>>> {
        self.read(move |inner| inner.load(&ids))
    }

    fn news(&self, channel: Channel, after: u64) -> News {
        self.inner.queues.news(channel, after)
    }

    fn waits(&self, queue: &Queue) -> bool {
        self.inner.queues.waits(queue)
    }

    fn pull(&self, queue: Queue, cursor: Cursor, limit: usize) -> Reading<Page> {
        self.read(move |inner| inner.pull(&queue, cursor, limit))
    }

    fn due(&self, now: Timestamp, limit: usize) -> Reading<Vec<Loaded>> {
        self.read(move |inner| inner.due(now, limit))
    }

    fn open(&self, channel: Channel, after: Option<MessageId>, limit: usize) -> Reading<Vec<Loaded>> {
        self.read(move |inner| inner.open(channel, after, limit))
    }

    fn message(&self, owner: Option<Institution>, id: MessageId) -> Reading<Option<MessageView>> {
        self.read(move |inner| inner.message(owner, id))
    }

    fn list(&self, owner: Option<Institution>, filter: Filter) -> Reading<Listing> {
        self.read(move |inner| inner.list(owner, &filter))
    }

    fn idempotent(&self, key: u64) -> Reading<Option<MessageId>> {
        self.read(move |inner| inner.idempotent(key))
    }

    fn attempts_of(&self, named: Vec<(Channel, Box<str>)>) -> Reading<Vec<Option<AttemptRef>>> {
        self.read(move |inner| inner.attempts_of(&named))
    }

    fn last_to(&self, mobile: Mobile) -> Reading<Option<Institution>> {
        self.read(move |inner| inner.last_to(mobile))
    }

    fn broadcast(&self, owner: Option<Institution>, id: BroadcastId) -> Reading<Option<BroadcastView>> {
        self.read(move |inner| inner.broadcast_view(owner, id))
    }

    fn broadcasts(
        &self,
        owner: Option<Institution>,
        before: Option<BroadcastId>,
        limit: usize,
    ) -> Reading<Vec<BroadcastView>> {
        self.read(move |inner| inner.broadcast_views(owner, before, limit))
    }

    fn tail(&self, after: Position, limit: usize) -> Reading<Vec<(Position, Fact)>> {
        self.read(move |inner| inner.tail(after, limit))
    }

    fn report(&self, chunk: ChunkId) -> Reading<Vec<ReportRow>> {
        self.read(move |inner| inner.report(chunk))
    }

    fn taken(&self, channel: Channel, since: Timestamp, before: Option<MessageId>) -> Reading<TakenPage> {
        self.read(move |inner| inner.taken(channel, since, before))
    }

    fn taken_rows(&self, channel: Channel, chunk: ChunkId) -> Reading<Vec<Taken>> {
        self.read(move |inner| inner.taken_rows(channel, chunk))
    }

    fn duplicates(&self, id: BroadcastId) -> Reading<Vec<MessageId>> {
        self.read(move |inner| inner.duplicates(id))
    }

    fn depths(&self) -> Vec<Depth> {
        self.inner.queues.depths()
    }

    fn usage(&self, owner: Option<Institution>, from: Month, until: Month) -> Vec<Usage> {
        self.inner.usage.between(owner, from, until)
    }

    fn totals_since_start(&self) -> Vec<(MessageStatus, u64)> {
        self.inner.live.totals()
    }

    fn parked(&self, channel: Channel, channel_reference: &str) -> Vec<(Ticket, Receipt)> {
        self.inner.parked.under(channel, channel_reference)
    }

    fn parked_after(&self, after: Option<Ticket>, limit: usize) -> Vec<(Ticket, Receipt)> {
        self.inner.parked.after(after, limit)
    }

    fn unpark(&self, tickets: &[Ticket]) {
        self.inner.parked.remove(tickets);
    }
}

/// A page while it is filled.
struct Filling<'f> {
    inner: &'f Inner,
    look: &'f Look,
    limit: usize,
    work: Vec<Loaded>,
}

impl Filling<'_> {
    fn left(&self) -> usize {
        self.limit.saturating_sub(self.work.len())
    }

    /// Makes an item live and adds its messages from row `from` on which `is_wanted`. Gives the
    /// first row that was not looked at.
    fn add(&mut self, key: u128, from: u16, is_wanted: impl Fn(&State, Timestamp) -> bool) -> Result<u16, Error> {
        let item = Item::of(key);
        if !self.inner.touch(item) {
            self.inner.read_live(item, self.look, u64::MAX)?;
        }
        let Some(live) = self.inner.live.items.get(&key) else { return Ok(u16::MAX) };
        match &live.body {
            Body::Single { envelope, state } => {
                if is_wanted(state, envelope.valid_until) {
                    self.work.push(Loaded { envelope: Arc::clone(envelope), state: state.clone() });
                }
                Ok(u16::MAX)
            }
            Body::Chunk(vector) => {
                let (broadcast, Item::Chunk(chunk)) = (Arc::clone(&vector.broadcast), item) else {
                    return Ok(u16::MAX);
                };
                let mut found = Vec::new();
                let mut row = from;
                while row < vector.rows && found.len() < self.left() {
                    let state = vector.state(row).filter(|state| is_wanted(state, broadcast.valid_until));
                    found.extend(state.map(|state| (row, state)));
                    row += 1;
                }
                // Not while the item is held: rows are read from disk.
                drop(live);
                if found.is_empty() {
                    return Ok(row);
                }
                let rows = self.inner.rows(self.look, chunk)?;
                for (row, state) in found {
                    if let Some(here) = rows.get(usize::from(row)) {
                        let envelope = Arc::new(broadcast.envelope(chunk.row(row), here));
                        self.work.push(Loaded { envelope, state });
                    }
                }
                Ok(row)
            }
        }
    }
}

impl Inner {
    fn filling<'f>(&'f self, look: &'f Look, limit: usize) -> Filling<'f> {
        Filling { inner: self, look, limit: limit.max(1), work: Vec::new() }
    }

    /// The rows of a chunk, decoded once for many.
    pub fn rows(&self, look: &Look, chunk: ChunkId) -> Result<Arc<Vec<Row>>, Error> {
        let found = lock(&self.rows).iter().find(|(known, _)| *known == chunk).map(|(_, rows)| Arc::clone(rows));
        if let Some(rows) = found {
            return Ok(rows);
        }
        let rows = Arc::new(look.segments.rows(chunk)?.unwrap_or_default());
        let mut decoded = lock(&self.rows);
        if decoded.len() >= DECODED {
            decoded.pop_front();
        }
        decoded.push_back((chunk, Arc::clone(&rows)));
        Ok(rows)
    }

    /// One row: of a chunk that is decoded already, or by itself.
    fn row(&self, look: &Look, chunk: ChunkId, row: u16) -> Result<Option<Row>, Error> {
        let decoded = lock(&self.rows).iter().find(|(known, _)| *known == chunk).map(|(_, rows)| Arc::clone(rows));
        match decoded {
            Some(rows) => Ok(rows.get(usize::from(row)).cloned()),
            None => look.segments.row(chunk, row),
        }
    }

    /// A message as it is now, without making it live.
    pub fn peek(&self, look: &Look, id: MessageId) -> Result<Option<(Arc<Envelope>, State)>, Error> {
        let (item, row) = Item::holding(id);
        let live = self.live.items.get(&item.key()).map(|live| (envelope_of(&live), live.state(row)));
        let (record, state) = match live {
            Some(found) => found,
            None => match look.item(self, item)? {
                Some(found) => (envelope_of(&found), found.state(row)),
                None => return self.draft_row(look, id),
            },
        };
        let Some(state) = state else { return Ok(None) };
        match (record, item, row) {
            (Ok(envelope), ..) => Ok(Some((envelope, state))),
            (Err(broadcast), Item::Chunk(chunk), Some(row)) => {
                let here = self.row(look, chunk, row)?;
                Ok(here.map(|here| (Arc::new(broadcast.envelope(id, &here)), state)))
            }
            _ => Ok(None),
        }
    }

    /// A row of a broadcast that was not started has a record, and a state without facts.
    fn draft_row(&self, look: &Look, id: MessageId) -> Result<Option<(Arc<Envelope>, State)>, Error> {
        let (Item::Chunk(chunk), Some(row)) = Item::holding(id) else { return Ok(None) };
        let Some(broadcast) = self.broadcast_record(&look.segments, chunk.broadcast)? else { return Ok(None) };
        let here = self.row(look, chunk, row)?;
        Ok(here.map(|here| (Arc::new(broadcast.envelope(id, &here)), State::default())))
    }

    fn load(&self, ids: &[MessageId]) -> Result<Vec<Option<Loaded>>, Error> {
        // First who is live, then the look: what left the memory in between is in it.
        let missing: Vec<bool> = ids.iter().map(|id| !self.touch(Item::holding(*id).0)).collect();
        let look = Look::open(self)?;
        let mut loaded = Vec::with_capacity(ids.len());
        for (id, missing) in ids.iter().zip(missing) {
            let item = Item::holding(*id).0;
            if missing && !self.touch(item) && !self.read_live(item, &look, u64::MAX)? {
                loaded.push(None);
                continue;
            }
            if let Item::Chunk(chunk) = item {
                // Others of its rows follow, as a rule.
                self.rows(&look, chunk)?;
            }
            let found = self.peek(&look, *id)?;
            loaded.push(found.map(|(envelope, state)| Loaded { envelope, state }));
        }
        Ok(loaded)
    }

    fn pull(&self, queue: &Queue, cursor: Cursor, limit: usize) -> Result<Page, Error> {
        let limit = limit.max(1);
        let from = (cursor.position, cursor.item);
        // Memory first: what moves to the disk in between is then in the look.
        let mut places: BTreeSet<_> = self.queues.fresh(queue, from, limit + 1).into_iter().collect();
        let look = Look::open(self)?;
        places.extend(look.waiting(queue, from, limit + 1)?);
        let mut filling = self.filling(&look, limit);
        let mut cursor = cursor;
        for (position, key) in places.into_iter().take(limit + 1) {
            if filling.left() == 0 {
                break;
            }
            let row = if (position, key) == from { cursor.row } else { 0 };
            if row == u16::MAX {
                continue;
            }
            let channel = queue.channel;
            let row = if self.is_held(key) {
                // Passed over: the queue is read anew when its broadcast goes on, or its window opens.
                u16::MAX
            } else if self.stands(&look, key, channel, position)? {
                filling.add(key, row, |state, _| ready_channels(state).any(|ready| ready == channel))?
            } else {
                // It waits again since, at a later place.
                u16::MAX
            };
            cursor = Cursor { position, item: key, row };
        }
        Ok(Page { work: filling.work, cursor })
    }

    /// Whether an item is a chunk of a broadcast that is paused, or whose window is closed.
    fn is_held(&self, key: u128) -> bool {
        let Item::Chunk(chunk) = Item::of(key) else { return false };
        self.broadcasts.held(chunk.broadcast, self.clock.now()).is_some()
    }

    /// Whether an item still has this place in the queue at a channel.
    fn stands(&self, look: &Look, key: u128, channel: Channel, position: u64) -> Result<bool, Error> {
        let item = Item::of(key);
        if !self.touch(item) {
            self.read_live(item, look, u64::MAX)?;
        }
        let live = self.live.items.get(&key);
        Ok(live.is_some_and(|live| live.book.queued_at.contains(&(channel, position))))
    }

    fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<Loaded>, Error> {
        let look = Look::open(self)?;
        let mut filling = self.filling(&look, limit);
        look.each_due(now, |key| {
            filling.add(key, 0, |state, valid_until| state.agenda(valid_until).due.is_some_and(|due| due <= now))?;
            Ok(filling.left() > 0)
        })?;
        Ok(filling.work)
    }

    fn open(&self, channel: Channel, after: Option<MessageId>, limit: usize) -> Result<Vec<Loaded>, Error> {
        let (from, first_row) = match after.map(Item::holding) {
            Some((item, row)) => (item.key(), row.map_or(u16::MAX, |row| row + 1)),
            None => (0, 0),
        };
        let is_open =
            |state: &State, _| state.agenda(Timestamp::MAX).open.into_iter().flatten().any(|open| open == channel);
        let mut keys = BTreeSet::new();
        for live in self.live.items.iter().filter(|live| *live.key() >= from) {
            if live.tally().open.contains(&channel) {
                keys.insert(*live.key());
            }
        }
        let look = Look::open(self)?;
        let mut filling = self.filling(&look, limit);
        let mut next = from;
        while filling.left() > 0 {
            let on_disk = look.open_at(channel, next, limit.max(1))?;
            let last = on_disk.last().copied();
            keys.extend(on_disk);
            while let Some(key) = keys.first().copied().filter(|key| last.is_none_or(|last| *key <= last)) {
                keys.pop_first();
                if filling.left() == 0 {
                    break;
                }
                let row = if after.is_some() && key == from { first_row } else { 0 };
                if row < u16::MAX {
                    filling.add(key, row, is_open)?;
                }
            }
            match last.and_then(|last| last.checked_add(1)) {
                Some(after_last) => next = after_last,
                None => break,
            }
        }
        Ok(filling.work)
    }

    fn idempotent(&self, key: u64) -> Result<Option<MessageId>, Error> {
        let look = Look::open(self)?;
        for id in self.indexes.by_idempotency(key)? {
            if let Some((envelope, _)) = self.peek(&look, id)?
                && envelope.idempotency.is_some_and(|known| known.key == key)
            {
                self.wait_durable_of(Item::holding(id).0)?;
                return Ok(Some(id));
            }
        }
        Ok(None)
    }

    fn report(&self, chunk: ChunkId) -> Result<Vec<ReportRow>, Error> {
        let look = Look::open(self)?;
        let rows = self.rows(&look, chunk)?;
        let mut report = Vec::with_capacity(rows.len());
        let item = Item::Chunk(chunk);
        let known = self.touch(item) || self.read_live(item, &look, u64::MAX)?;
        let live = if known { self.live.items.get(&item.key()) } else { None };
        let held = self.broadcasts.held(chunk.broadcast, self.clock.now());
        for (row, here) in (0..).zip(rows.iter()) {
            let state = live.as_ref().and_then(|live| live.state(Some(row))).unwrap_or_default();
            let waits = state.wait_reason();
            let waits = waits.map(|reason| held.filter(|held| held.holds(reason)).map_or(reason, Held::reason));
            report.push(ReportRow { id: chunk.row(row), key: here.key.clone(), state, waits });
        }
        drop(live);
        self.wait_durable_of(item)?;
        Ok(report)
    }

    pub fn broadcast_view(&self, owner: Option<Institution>, id: BroadcastId) -> Result<Option<BroadcastView>, Error> {
        let known = self.broadcasts.known.get(&id).map(|info| info.clone());
        let info = match known {
            Some(info) => info,
            None => match Self::broadcast_on_disk(&Look::open(self)?, id)? {
                Some(info) => info,
                None => return Ok(None),
            },
        };
        if owner.is_some_and(|owner| owner != info.record.institution) {
            return Ok(None);
        }
        let by_status: HashMap<_, _> = MessageStatus::NAMES
            .into_iter()
            .zip(info.by_status)
            .filter(|(_, rows)| *rows > 0)
            .map(|(name, rows)| (name, rows as u64))
            .collect();
        let (held, (per_second, expected_end)) = (info.held(self.clock.now()), info.progress(self.clock.now()));
        self.wait_durable()?;
        Ok(Some(BroadcastView {
            phase: info.phase(),
            chunks: info.state.rows.len() as u32,
            rows: info.state.rows.iter().map(|rows| u64::from(*rows)).sum(),
            by_status,
            started_at: info.state.started.map(|(at, _)| at),
            held,
            per_second,
            expected_end,
            broadcast: info.record,
        }))
    }
}

/// The envelope of a single message, or the broadcast whose rows an item holds.
fn envelope_of(
    live: &super::live::LiveItem,
) -> Result<Arc<Envelope>, Arc<estafette_actors::domain::submission::Broadcast>> {
    match &live.body {
        Body::Single { envelope, .. } => Ok(Arc::clone(envelope)),
        Body::Chunk(vector) => Err(Arc::clone(&vector.broadcast)),
    }
}
