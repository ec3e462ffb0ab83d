//! Writes current states and the agenda, late and in sorted runs.
//!
//! A state is written only when all its facts are durable, and together with its rows of the
//! agenda: one file, one transaction. `applied` then says up to which position of the feed all
//! that is on disk is true; what follows is replayed after a crash.
use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError};
use estafette_actors::domain::id::BroadcastId;
use estafette_actors::domain::month::Month;
use estafette_actors::ports::{BroadcastPhase, Position, Queue};
use redb::{Durability, ReadableTable, WriteTransaction};

use super::codec::{self, MessageRecord};
use super::layout::{
    self, APPLIED, BROADCAST_STATE, CHUNK_COUNT, CHUNK_STATE, DEPTH, DUE, MESSAGE_STATE, META, NEXT_BROADCAST, OPEN,
    PARKED, USAGE_AS_OF, WAITING,
};
use super::live::{Body, Item, LiveItem, Rows};
use super::look::Look;
use super::queues::Move;
use super::{Error, Inner, lock};

/// Items in one transaction at most: an empty one costs about a millisecond.
const SLICE: usize = 4_096;
/// When there is little to write it is written in smaller slices, with a pause between them: nobody waits for it, and
/// who waits for a commit needs the processor meanwhile.
const CALM_SLICE: usize = 256;
const BREATH: Duration = Duration::from_millis(10);
/// Chunks of cancelled broadcasts that a round reads.
const SWEEP: usize = 64;
/// Rounds after which an item that always changes is written with appending stopped for a moment.
const PATIENCE: u32 = 5;

/// What the flusher is asked to do.
pub enum Order {
    /// Write now: much has changed.
    Now,
    /// Write all, and end.
    Stop,
}

/// Items written since the last durable transaction after which the next is durable: a crash
/// replays no more than about so many.
const LAG_ITEMS: usize = 262_144;

/// The thread.
pub fn run(inner: &Inner, orders: &Receiver<Order>) {
    // The first round after an opening is durable: else one who is killed again and again replays more each time.
    let mut round = Round { lag: Lag { since: None, items: LAG_ITEMS }, late: 0 };
    loop {
        let stop = match orders.recv_timeout(inner.settings.flush_after) {
            Ok(Order::Now) | Err(RecvTimeoutError::Timeout) => false,
            Ok(Order::Stop) | Err(RecvTimeoutError::Disconnected) => true,
        };
        if let Err(error) = round.go(inner, stop) {
            inner.stop_writing(error.to_string());
        }
        if stop {
            break;
        }
    }
}

/// What is kept from round to round.
#[derive(Debug)]
struct Round {
    late: u32,
    lag: Lag,
}

/// What a crash would replay. The file needs no sync of its own for each round: all that is in it
/// follows from the feed, and a sync would hold up the writer's.
#[derive(Debug, Default)]
pub struct Lag {
    since: Option<Instant>,
    items: usize,
}

impl Lag {
    /// Whether the transaction that ends this round is to be durable.
    fn is_long(&self, settings: &super::Settings) -> bool {
        self.items >= LAG_ITEMS || self.since.is_some_and(|since| since.elapsed() >= settings.derived_sync)
    }
}

impl Round {
    fn go(&mut self, inner: &Inner, stop: bool) -> Result<(), Error> {
        if inner.is_read_only.load(Ordering::Acquire) {
            return Ok(());
        }
        inner.room.look(&inner.settings.dir);
        inner.parked.expire(inner.clock.now(), inner.settings.park_for);
        inner.usage.forget(Month::of(inner.clock.now()));
        let behind = flush(inner, self.late >= PATIENCE, stop, &mut self.lag)?;
        self.late = if behind.is_some() { self.late + 1 } else { 0 };
        let durable = inner.position.load(Ordering::Acquire);
        inner.indexes.keep(inner.clock.now(), durable, stop, || inner.segments.reader())?;
        sweep(inner)?;
        inner.segments.shrink()?;
        evict(inner);
        Ok(())
    }
}

/// An item as it is to be written.
struct Snapshot {
    key: u128,
    record: Vec<u8>,
    by_status: Option<[u32; 8]>,
    before: Rows,
    after: Rows,
    queues: Vec<(Queue, Position, u32)>,
    gone: Vec<(Queue, Position)>,
}

/// Writes what is dirty and durable. Gives the first position that is still not written, if any.
pub fn flush(inner: &Inner, insist: bool, sync: bool, lag: &mut Lag) -> Result<Option<Position>, Error> {
    let durable = inner.position.load(Ordering::Acquire);
    let mut keys = std::mem::take(&mut *lock(&inner.live.dirty));
    keys.sort_unstable();
    keys.dedup();
    let mut left = Vec::new();
    let is_calm = !sync && !insist && keys.len() <= SLICE;
    for (place, slice) in keys.chunks(if is_calm { CALM_SLICE } else { SLICE }).enumerate() {
        if is_calm && place > 0 {
            std::thread::park_timeout(BREATH);
        }
        let snapshots: Vec<_> = slice.iter().filter_map(|key| snapshot(inner, *key, &mut left)).collect();
        lag.items += snapshots.len();
        write(inner, snapshots)?;
    }
    if insist && !left.is_empty() {
        let snapshots = insisting(inner, &mut left);
        write(inner, snapshots)?;
    }
    let behind = left.iter().filter_map(|key| inner.live.items.get(key)?.book.first).min();
    inner.live.list(left);
    let sync = sync || lag.is_long(&inner.settings);
    let applied = behind.map_or(durable, |first| durable.min(first.saturating_sub(1)));
    match finish(inner, applied, sync)? {
        Finished::Idle => {}
        Finished::Written => lag.since = lag.since.or_else(|| Some(Instant::now())),
        Finished::Durable => *lag = Lag::default(),
    }
    Ok(behind)
}

/// Items that change all the time: with appending stopped until the writer has caught up.
fn insisting(inner: &Inner, left: &mut Vec<u128>) -> Vec<Snapshot> {
    let owner = lock(&inner.owner);
    let begun = Instant::now();
    let mut durable = lock(&inner.durable);
    while *durable < owner.number && begun.elapsed() < inner.settings.flush_after {
        let waited = inner.durable_changed.wait_timeout(durable, inner.settings.trigger);
        durable = waited.unwrap_or_else(PoisonError::into_inner).0;
    }
    drop(durable);
    let keys = std::mem::take(left);
    keys.into_iter().filter_map(|key| snapshot(inner, key, left)).collect()
}

fn snapshot(inner: &Inner, key: u128, left: &mut Vec<u128>) -> Option<Snapshot> {
    let mut live = inner.live.items.get_mut(&key)?;
    if live.book.pending > 0 {
        left.push(key);
        return None;
    }
    live.book.listed = false;
    live.book.first = None;
    let tally = live.tally();
    let waits = |channel| tally.queued.iter().any(|(known, _)| *known == channel);
    let places = std::mem::take(&mut live.book.queued_at);
    let (stay, gone): (Vec<_>, Vec<_>) = places.into_iter().partition(|(channel, _)| waits(*channel));
    live.book.queued_at = stay;
    let after = live.rows(&tally);
    let queues = after.queued.iter().map(|(channel, position, count)| (live.queue(*channel), *position, *count));
    let gone = gone.iter().map(|(channel, position)| (live.queue(*channel), *position));
    Some(Snapshot {
        key,
        record: record(&live),
        by_status: matches!(live.body, Body::Chunk(_)).then_some(tally.by_status),
        before: live.book.written.clone(),
        queues: queues.collect(),
        gone: gone.collect(),
        after,
    })
}

fn record(live: &LiveItem) -> Vec<u8> {
    let (as_of, queued_at) = (live.book.as_of, live.book.queued_at.clone());
    match &live.body {
        Body::Single { state, .. } => codec::encode(&MessageRecord { as_of, state: state.clone(), queued_at }),
        Body::Chunk(vector) => {
            let mut record = vector.record(as_of);
            record.queued_at = queued_at;
            codec::encode(&record)
        }
    }
}

fn write(inner: &Inner, snapshots: Vec<Snapshot>) -> Result<(), Error> {
    if snapshots.is_empty() {
        return Ok(());
    }
    let mut write = inner.derived.begin_write()?;
    write.set_durability(Durability::None)?;
    states(&write, &snapshots)?;
    agenda(inner, &write, &snapshots)?;
    write.commit()?;
    let mut moves = Vec::new();
    for snapshot in snapshots {
        let places = snapshot.queues.iter().map(|(queue, position, _)| (*queue, *position)).chain(snapshot.gone);
        moves.extend(places.map(|(queue, position)| Move::Out(queue, (position, snapshot.key))));
        if let Some(mut live) = inner.live.items.get_mut(&snapshot.key) {
            live.book.written = snapshot.after;
            // From here on it may be read from disk again; who looked before has looked by then.
            live.book.touched = Instant::now();
        }
    }
    // What became ready again meanwhile has another position, and stays.
    inner.queues.change(&moves);
    Ok(())
}

fn states(write: &WriteTransaction, snapshots: &[Snapshot]) -> Result<(), Error> {
    let mut messages = write.open_table(MESSAGE_STATE)?;
    let mut chunks = write.open_table(CHUNK_STATE)?;
    let mut counts = write.open_table(CHUNK_COUNT)?;
    for Snapshot { key, record, by_status, .. } in snapshots {
        match by_status {
            None => messages.insert(key, record.as_slice())?,
            Some(by_status) => {
                counts.insert(key, codec::encode(by_status).as_slice())?;
                chunks.insert(key, record.as_slice())?
            }
        };
    }
    Ok(())
}

/// The difference between what the agenda has of the items and what it should have, sorted.
fn agenda(inner: &Inner, write: &WriteTransaction, snapshots: &[Snapshot]) -> Result<(), Error> {
    let mut waiting = BTreeMap::new();
    let mut open = BTreeMap::new();
    let mut due = BTreeMap::new();
    let mut depth: BTreeMap<Queue, i64> = BTreeMap::new();
    for Snapshot { key, before, after, queues, .. } in snapshots {
        let Some(live) = inner.live.items.get(key) else { continue };
        for (channel, position, count) in &before.queued {
            let queue = live.queue(*channel);
            waiting.insert(layout::waiting_key(&queue, *position, *key), None);
            *depth.entry(queue).or_default() -= i64::from(*count);
        }
        for (queue, position, count) in queues {
            let row = layout::waiting_key(queue, *position, *key);
            waiting.insert(row, Some(*count));
            *depth.entry(*queue).or_default() += i64::from(*count);
        }
        if before.queued == after.queued {
            for (queue, position, _) in queues {
                waiting.remove(&layout::waiting_key(queue, *position, *key));
            }
        }
        let stays = |channel| before.open.contains(channel) && after.open.contains(channel);
        open.extend(before.open.iter().filter(|c| !stays(c)).map(|c| (layout::open_key(*c, *key), false)));
        open.extend(after.open.iter().filter(|c| !stays(c)).map(|c| (layout::open_key(*c, *key), true)));
        if before.due != after.due {
            due.extend(before.due.map(|at| (layout::due_key(at, *key), false)));
            due.extend(after.due.map(|at| (layout::due_key(at, *key), true)));
        }
    }
    let mut table = write.open_table(WAITING)?;
    for (key, count) in &waiting {
        match count {
            Some(count) => table.insert(key, count)?,
            None => table.remove(key)?,
        };
    }
    for (definition, rows) in [(OPEN, &open)] {
        let mut table = write.open_table(definition)?;
        for (key, is_there) in rows {
            if *is_there {
                table.insert(key, ())?
            } else {
                table.remove(key)?
            };
        }
    }
    let mut table = write.open_table(DUE)?;
    for (key, is_there) in &due {
        if *is_there {
            table.insert(key, ())?
        } else {
            table.remove(key)?
        };
    }
    let mut table = write.open_table(DEPTH)?;
    for (queue, delta) in depth.into_iter().filter(|(_, delta)| *delta != 0) {
        let key = layout::queue_key(&queue);
        let now = table.get(&key)?.map_or(0, |value| value.value()).saturating_add_signed(delta);
        if now == 0 {
            table.remove(&key)?
        } else {
            table.insert(&key, now)?
        };
    }
    Ok(())
}

/// How a round ended.
enum Finished {
    /// There was nothing to write.
    Idle,
    /// Written, and not synced.
    Written,
    /// All that was ever written is durable.
    Durable,
}

/// Broadcasts, parked receipts, and how far all this is true: in the last transaction of a round.
fn finish(inner: &Inner, applied: Position, sync: bool) -> Result<Finished, Error> {
    let ids: Vec<BroadcastId> = lock(&inner.broadcasts.dirty).drain().collect();
    let parked = inner.parked.unwritten();
    let usage = inner.usage.unwritten();
    let is_idle = ids.is_empty() && parked.added.is_empty() && parked.removed.is_empty() && usage.is_empty();
    if is_idle && !sync && inner.applied.load(Ordering::Acquire) == applied {
        return Ok(Finished::Idle);
    }
    let mut write = inner.derived.begin_write()?;
    if sync {
        write.set_quick_repair(true);
    } else {
        write.set_durability(Durability::None)?;
    }
    let (mut over, mut first) = (Vec::new(), None::<Position>);
    let applied = {
        let mut table = write.open_table(BROADCAST_STATE)?;
        for id in &ids {
            let Some(mut info) = inner.broadcasts.known.get_mut(id) else { continue };
            if info.pending > 0 {
                first = [first, info.first].into_iter().flatten().min();
                lock(&inner.broadcasts.dirty).insert(*id);
                continue;
            }
            let mut state = info.state.clone();
            if info.is_over() {
                over.push(*id);
                if matches!(state.phase, BroadcastPhase::Started | BroadcastPhase::Paused) {
                    state.phase = BroadcastPhase::Done;
                }
            }
            info.first = None;
            table.insert(id.as_u128(), codec::encode(&state).as_slice())?;
        }
        let mut table = write.open_table(PARKED)?;
        for (ticket, receipt) in &parked.added {
            table.insert(ticket, codec::encode(receipt).as_slice())?;
        }
        for ticket in &parked.removed {
            table.remove(ticket)?;
        }
        let applied = first.map_or(applied, |first| applied.min(first.saturating_sub(1)));
        usage.write(&write, Month::of(inner.clock.now()))?;
        let mut meta = write.open_table(META)?;
        meta.insert(APPLIED, applied)?;
        meta.insert(USAGE_AS_OF, usage.as_of)?;
        meta.insert(NEXT_BROADCAST, u64::from(inner.next_broadcast.load(Ordering::Acquire)))?;
        applied
    };
    write.commit()?;
    inner.applied.store(applied, Ordering::Release);
    for id in over {
        forget(inner, id);
    }
    Ok(if sync { Finished::Durable } else { Finished::Written })
}

/// A broadcast that is over leaves the memory once no row of it is live.
fn forget(inner: &Inner, id: BroadcastId) {
    let Some(chunks) = inner.broadcasts.known.get(&id).map(|info| info.chunks()) else { return };
    let mut chunks = chunks;
    if chunks.any(|chunk| inner.live.items.contains_key(&chunk.key())) {
        lock(&inner.broadcasts.dirty).insert(id);
    } else {
        inner.broadcasts.known.remove(&id);
    }
}

/// Lets cancellations reach chunks that nobody asked for since.
fn sweep(inner: &Inner) -> Result<(), Error> {
    let mut chunks = Vec::new();
    for mut info in inner.broadcasts.known.iter_mut() {
        let is_placed = info.state.cancelled.is_some_and(|(_, position)| position != Position::MAX);
        if !is_placed || info.state.started.is_none() {
            continue;
        }
        let left = info.chunks().skip(info.swept as usize).take(SWEEP.saturating_sub(chunks.len()));
        let before = chunks.len();
        chunks.extend(left);
        info.swept += (chunks.len() - before) as u32;
    }
    for chunk in chunks {
        inner.make_live(Item::Chunk(chunk), || Look::open(inner))?;
    }
    Ok(())
}

fn evict(inner: &Inner) {
    // Under pressure what is written goes sooner.
    let crowded = inner.live.items.len() > inner.settings.max_dirty / 2;
    let keep = if crowded { inner.settings.evict_after / 4 } else { inner.settings.evict_after };
    inner.live.items.retain(|_, live| {
        let book = &live.book;
        book.pending > 0 || book.listed || book.first.is_some() || book.touched.elapsed() < keep
    });
}
