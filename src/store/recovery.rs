//! Opening: what the derived state lacks is replayed from the feed.
//!
//! Each item knows the last position in its state, so nothing is applied twice; and a derived
//! state that was lost is made anew from the whole feed.
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Instant;

use arc_swap::ArcSwap;
use crossbeam_channel::{Receiver, bounded};
use estafette_actors::domain::fact::{Change, Subject};
use estafette_actors::domain::id::{BroadcastId, ChunkId};
use estafette_actors::domain::progress::Meter;
use estafette_actors::domain::submission::Broadcast;
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::{Clock, Position};
use hdrhistogram::Histogram;
use redb::{Database, ReadableDatabase, ReadableTable};

use super::broadcasts::{Broadcasts, Info};
use super::codec::{self, BroadcastRecord, Packed};
use super::database;
use super::folder::DataFolder;
use super::indexes::Indexes;
use super::layout::{self, APPLIED, BROADCAST_STATE, CHUNK_COUNT, DEPTH, META, NEXT_BROADCAST, PARKED};
use super::live::{Effects, Item, Live, LiveItem};
use super::look::Look;
use super::parked::Parked;
use super::queues::Queues;
use super::room::Room;
use super::segment::{Reader, Segments};
use super::usage::Books;
use super::vector::Vector;
use super::{Error, Figures, Inner, Settings, flusher, former, journal, lock, writer};

/// The file of the derived state.
pub const DERIVED: &str = "state.redb";
/// The folder of the segments.
const JOURNAL: &str = "journal";

/// An open store whose threads are not started.
pub struct Opened {
    /// The store.
    pub inner: Inner,
    /// For the writer.
    pub orders: Receiver<writer::Order>,
    /// For the flusher.
    pub flushes: Receiver<flusher::Order>,
}

/// Opens the folder and replays.
pub fn open(settings: Settings, clock: Arc<dyn Clock>) -> Result<Opened, Error> {
    let begun = Instant::now();
    let folder = Arc::new(DataFolder::open(&settings.dir)?);
    let (segments, derived, indexes) = open_files(&folder, &settings, clock.now())?;
    let (orders, for_writer) = bounded(settings.max_backlog.max(1));
    let (flush_now, for_flusher) = bounded(1);
    let inner = Inner {
        clock,
        folder,
        segments,
        derived,
        indexes,
        live: Live::default(),
        queues: Queues::default(),
        broadcasts: Broadcasts::default(),
        parked: Parked::new(settings.max_parked),
        usage: Books::default(),
        news: super::feed::News::default(),
        orders,
        owner: Mutex::new(journal::Owner::default()),
        backlog_bytes: AtomicUsize::new(0),
        room: Room::new(&settings.dir, settings.keep_free),
        position: AtomicU64::new(0),
        applied: AtomicU64::new(0),
        durable: Mutex::new(0),
        durable_changed: Condvar::new(),
        rolls: Mutex::default(),
        read_only: Mutex::new(None),
        is_read_only: AtomicBool::new(false),
        next_broadcast: AtomicU32::new(1),
        flush_now,
        rows: Mutex::default(),
        figures: Mutex::new(Figures {
            commits: 0,
            facts: 0,
            commit_us: Histogram::new_with_bounds(1, 60_000_000, 3)
                .map_err(|_| Error::Invariant("the bounds of a histogram are wrong"))?,
            recovery_ms: 0,
        }),
        keep: ArcSwap::from_pointee(settings.keep.clone()),
        settings,
    };
    let applied = inner.read_derived()?;
    inner.replay_all(applied)?;
    inner.recount()?;
    inner.news.committed(inner.position.load(Ordering::Acquire));
    let millis = begun.elapsed().as_millis() as u64;
    lock(&inner.figures).recovery_ms = millis;
    let (position, found) = (inner.position.load(Ordering::Acquire), inner.segments.found());
    let (walked, in_closing) = (found.walked, found.in_closing);
    // How the last process ended: with states that were not written, in the midst of closing a segment.
    tracing::info!(millis, position, replayed = position - applied, walked, in_closing, "the journal was read");
    Ok(Opened { inner, orders: for_writer, flushes: for_flusher })
}

/// The files side by side: of a long history there are hundreds.
fn open_files(
    folder: &DataFolder,
    settings: &Settings,
    now: Timestamp,
) -> Result<(Segments, Database, Indexes), Error> {
    std::thread::scope(|scope| {
        let segments = scope.spawn(|| Segments::open(folder.path().join(JOURNAL), settings.cache_bytes, now));
        let indexes = Indexes::open(folder, settings);
        let derived = open_derived(&folder.path().join(DERIVED), settings.cache_bytes);
        let segments = segments.join().map_err(|_| Error::Invariant("opening the journal's segments panicked"))?;
        Ok((segments?, derived?, indexes?))
    })
}

fn open_derived(path: &Path, cache_bytes: usize) -> Result<Database, Error> {
    let derived = database::open_derived(path, cache_bytes)?;
    let mut write = derived.begin_write()?;
    write.set_quick_repair(true);
    write.open_table(layout::MESSAGE_STATE)?;
    write.open_table(layout::CHUNK_STATE)?;
    write.open_table(CHUNK_COUNT)?;
    write.open_table(BROADCAST_STATE)?;
    former::divide(&write)?;
    write.open_table(layout::WAITING)?;
    write.open_table(layout::OPEN)?;
    write.open_table(layout::DUE)?;
    write.open_table(DEPTH)?;
    write.open_table(PARKED)?;
    write.open_table(layout::USAGE)?;
    write.open_table(META)?;
    write.commit()?;
    Ok(derived)
}

impl Inner {
    /// Counters, broadcasts and parked receipts as they were written; gives `applied`.
    fn read_derived(&self) -> Result<Position, Error> {
        let read = self.derived.begin_read()?;
        for entry in read.open_table(DEPTH)?.iter()? {
            let (key, depth) = entry?;
            self.queues.add([(layout::queue_of(key.value()), depth.value() as i64)]);
        }
        for entry in read.open_table(PARKED)?.iter()? {
            let (ticket, bytes) = entry?;
            let (at, receipt) = codec::decode(bytes.value())?;
            self.parked.restore(ticket.value(), at, receipt);
        }
        self.usage.restore(&read)?;
        let segments = self.segments.reader();
        for entry in read.open_table(BROADCAST_STATE)?.iter()? {
            let (key, bytes) = entry?;
            let state: BroadcastRecord = codec::decode(bytes.value())?;
            if state.phase == estafette_actors::ports::BroadcastPhase::Done {
                continue;
            }
            let id = BroadcastId::from_u128(key.value());
            if let Some(info) = Self::broadcast_info(&segments, &read, id, state)?.filter(|info| !info.is_over()) {
                self.broadcasts.known.insert(id, info);
            }
        }
        let meta = read.open_table(META)?;
        let number = |key| -> Result<u64, Error> { Ok(meta.get(key)?.map_or(0, |value| value.value())) };
        self.next_broadcast.store(number(NEXT_BROADCAST)?.max(1) as u32, Ordering::Release);
        number(APPLIED)
    }

    /// A broadcast with the sums of its chunks' counts.
    pub fn broadcast_info(
        segments: &Reader,
        read: &redb::ReadTransaction,
        id: BroadcastId,
        state: BroadcastRecord,
    ) -> Result<Option<Info>, Error> {
        let Some(record) = segments.broadcast(id)? else { return Ok(None) };
        let mut info = Info::new(Arc::new(record));
        info.on_disk = state.as_of;
        info.state = state;
        let counts = read.open_table(CHUNK_COUNT)?;
        for (chunk, rows) in info.chunks().zip(info.state.rows.clone()) {
            match counts.get(chunk.key())? {
                Some(bytes) => {
                    let by_status: [u32; 8] = codec::decode(bytes.value())?;
                    for (sum, count) in info.by_status.iter_mut().zip(by_status) {
                        *sum += i64::from(count);
                    }
                }
                // A draft's rows, or a start that is still in the feed only.
                None if info.state.started.is_none() && info.state.cancelled.is_some() => {
                    info.by_status[7] += i64::from(rows);
                }
                None => info.by_status[0] += i64::from(rows),
            }
        }
        Ok(Some(info))
    }

    /// The record of a broadcast, in memory or not.
    pub fn broadcast_record(&self, segments: &Reader, id: BroadcastId) -> Result<Option<Arc<Broadcast>>, Error> {
        match self.broadcasts.record(id) {
            Some(record) => Ok(Some(record)),
            None => Ok(segments.broadcast(id)?.map(Arc::new)),
        }
    }

    fn replay_all(&self, applied: Position) -> Result<(), Error> {
        self.applied.store(applied, Ordering::Release);
        self.position.store(applied, Ordering::Release);
        let last = self.segments.last_position()?;
        let from = applied.min(self.indexes.sealed_position());
        // In slices: the states of a long feed would not all fit in memory.
        let mut position = from;
        while position < last {
            let look = Look::open(self)?;
            let full = look.segments.each_after(position, |at, packed| {
                self.replay(&look, at, applied, packed)?;
                position = at;
                if self.live.dirty() >= self.settings.max_dirty / 4 { Err(Stop::Full) } else { Ok(()) }
            });
            match full {
                Ok(()) => break,
                Err(Stop::Full) => {
                    drop(look);
                    flusher::flush(self, false, true, &mut flusher::Lag::default())?;
                    self.live.items.retain(|_, live| live.book.listed);
                }
                Err(Stop::Failed(error)) => return Err(error),
            }
        }
        self.position.store(last.max(applied), Ordering::Release);
        Ok(())
    }

    /// Sums up the rows of every started broadcast: a chunk may be further on disk than what is
    /// known of its broadcast, and its facts are then passed over.
    fn recount(&self) -> Result<(), Error> {
        let look = Look::open(self)?;
        let counts = look.derived().open_table(CHUNK_COUNT)?;
        for mut info in self.broadcasts.known.iter_mut() {
            // What was replayed says nothing of how fast it goes.
            info.meter = Meter::default();
            if info.state.started.is_none() {
                continue;
            }
            let mut by_status = [0; 8];
            for (chunk, rows) in info.chunks().zip(info.state.rows.clone()) {
                let live = self.live.items.get(&chunk.key()).map(|live| live.tally().by_status);
                let here = match (live, counts.get(chunk.key())?) {
                    (Some(live), _) => live,
                    (None, Some(bytes)) => codec::decode(bytes.value())?,
                    (None, None) => [u32::from(rows), 0, 0, 0, 0, 0, 0, 0],
                };
                for (sum, count) in by_status.iter_mut().zip(here) {
                    *sum += i64::from(count);
                }
            }
            info.by_status = by_status;
            if info.is_over() {
                lock(&self.broadcasts.dirty).insert(*info.key());
            }
        }
        Ok(())
    }

    fn replay(&self, look: &Look, position: Position, applied: Position, packed: Packed) -> Result<(), Error> {
        self.usage.replay(position, &packed);
        for group in packed.groups {
            self.indexes.replay(&look.segments, position, &group)?;
            if position <= applied {
                continue;
            }
            match group.subject {
                Subject::Message(id) => {
                    let (item, row) = Item::holding(id);
                    let rows: Vec<u16> = row.into_iter().collect();
                    self.replay_item(look, position, item, &rows, &group.changes)?;
                }
                Subject::Rows(chunk, rows) => {
                    self.replay_item(look, position, Item::Chunk(chunk), &rows, &group.changes)?;
                }
                Subject::Broadcast(id) => self.replay_broadcast(look, position, group.at, id, &group.changes)?,
                Subject::Nobody => {
                    for change in group.changes {
                        if let Change::Parked(receipt) = change {
                            self.parked.park(group.at, *receipt);
                        }
                    }
                }
            }
        }
        if position > applied {
            self.position.store(position, Ordering::Release);
        }
        Ok(())
    }

    fn replay_item(
        &self,
        look: &Look,
        position: Position,
        item: Item,
        rows: &[u16],
        changes: &[Change],
    ) -> Result<(), Error> {
        if !self.touch(item) && !self.read_live(item, look, position)? {
            let Item::Single(id) = item else {
                tracing::error!(?item, "facts about rows of a broadcast that was not started are left out");
                return Ok(());
            };
            let Some(envelope) = look.segments.message(id)? else {
                // Its record went with a segment past its retention; a receipt came later still.
                if self.segments.is_cut() {
                    return Ok(());
                }
                return Err(Error::Invariant("a message has facts and no record"));
            };
            self.live.items.insert(item.key(), LiveItem::single(Arc::new(envelope)));
            self.live.count(1, &[]);
        }
        let Some(mut live) = self.live.items.get_mut(&item.key()) else { return Ok(()) };
        if position <= live.book.on_disk {
            return Ok(());
        }
        let mut effects = Effects::default();
        live.apply(rows, changes, &mut effects);
        self.counted(&live, &effects);
        self.mark(&mut live, item.key(), &effects.ready, position);
        Ok(())
    }

    /// A fact of the feed is in a live item's state.
    fn mark(
        &self,
        live: &mut LiveItem,
        key: u128,
        ready: &[estafette_actors::domain::channel::Channel],
        position: Position,
    ) {
        let mut moves = Vec::new();
        writer::place(live, key, ready, position, &mut moves);
        self.queues.change(&moves);
        live.book.as_of = position;
        live.book.first.get_or_insert(position);
        if !std::mem::replace(&mut live.book.listed, true) {
            self.live.list(vec![key]);
        }
    }

    fn replay_broadcast(
        &self,
        look: &Look,
        position: Position,
        at: Timestamp,
        id: BroadcastId,
        changes: &[Change],
    ) -> Result<(), Error> {
        if !self.broadcasts.known.contains_key(&id) {
            let info = match Self::broadcast_on_disk(look, id)? {
                Some(info) => info,
                None => match look.segments.broadcast(id)? {
                    Some(record) => Info::new(Arc::new(record)),
                    None => return Ok(()),
                },
            };
            self.broadcasts.known.insert(id, info);
            self.next_broadcast.fetch_max(id.number() + 1, Ordering::AcqRel);
        }
        for change in changes {
            let Some(mut info) = self.broadcasts.known.get_mut(&id) else { continue };
            // A value of the feed may hold several facts of it.
            if position > info.on_disk {
                info.apply(change, at);
                info.placed(change, position);
                lock(&self.broadcasts.dirty).insert(id);
            }
            let (record, chunks) = (Arc::clone(&info.record), info.chunks().zip(info.state.rows.clone()));
            let chunks: Vec<(ChunkId, u16)> = chunks.collect();
            drop(info);
            match change {
                Change::Started => {
                    for (chunk, rows) in chunks {
                        self.replay_start(look, position, chunk, Vector::fresh(Arc::clone(&record), at, rows))?;
                    }
                }
                Change::BroadcastCancelled => self.replay_cancel(position, &chunks),
                _ => {}
            }
        }
        Ok(())
    }

    fn replay_start(&self, look: &Look, position: Position, chunk: ChunkId, fresh: Vector) -> Result<(), Error> {
        let item = Item::Chunk(chunk);
        if self.touch(item) || self.read_live(item, look, position)? {
            return Ok(());
        }
        let mut live = LiveItem::chunk(fresh);
        let ready = self.start(&live);
        self.mark(&mut live, item.key(), &ready, position);
        self.live.items.insert(item.key(), live);
        Ok(())
    }

    fn replay_cancel(&self, position: Position, chunks: &[(ChunkId, u16)]) {
        for (chunk, _) in chunks {
            let Some(mut live) = self.live.items.get_mut(&chunk.key()) else { continue };
            if live.book.as_of < position {
                let effects = live.cancel();
                self.counted(&live, &effects);
                self.mark(&mut live, chunk.key(), &[], position);
            }
        }
    }
}

/// Why a replay pauses.
enum Stop {
    Full,
    Failed(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}
