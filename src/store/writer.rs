//! The one writer of the journal: takes what was appended, commits many batches at once, and only
//! then says so.
//!
//! A commit that fails ends all writing: what came after it in memory can't be undone, so nothing
//! is promised any more until a restart reads the disk.
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError};
use estafette_actors::domain::channel::Channel;
use estafette_actors::domain::fact::{Change, Subject};
use estafette_actors::domain::id::ChunkId;
use estafette_actors::domain::submission::{Broadcast, Envelope, Institution};
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::{After, JournalError, Position};
use redb::WriteTransaction;

use super::layout::{BROADCAST, CHUNK, FEED, MESSAGE};
use super::live::ready_channels;
use super::live::{Body, LiveItem};
use super::queues::Move;
use super::segment::Segment;
use super::{Error, Inner, codec, lock};

/// After so long without work the segment is sealed, so that a kill costs no walk through it.
const IDLE: Duration = Duration::from_millis(500);

/// What the writer is asked to do.
pub enum Order {
    /// Write a batch.
    Write(Box<Work>),
    /// Write what came before, seal, and end.
    Stop,
}

/// A record to be written beside the feed.
pub enum Put {
    /// A single message.
    Message(Arc<Envelope>),
    /// A broadcast.
    Broadcast(Arc<Broadcast>),
    /// A chunk: encoded already, since its appender knows its size.
    Chunk(ChunkId, Vec<u8>),
}

/// Facts about one subject, and which live item they changed.
pub struct Told {
    /// Whose.
    pub institution: Option<Institution>,
    /// About what.
    pub subject: Subject,
    /// When.
    pub at: Timestamp,
    /// What.
    pub changes: Vec<Change>,
    /// The items that it changed. Of one, the facts are found under its key.
    pub items: Vec<u128>,
    /// Channels at which they became ready to go.
    pub ready: Vec<Channel>,
}

/// A batch, applied and ready to be written.
pub struct Work {
    /// Its number.
    pub number: u64,
    /// Records.
    pub puts: Vec<Put>,
    /// Facts.
    pub told: Vec<Told>,
    /// Bytes that it takes while it waits, roughly.
    pub bytes: usize,
    /// What to call in the end.
    pub after: After,
}

/// The thread.
pub fn run(inner: &Inner, orders: &Receiver<Order>) {
    // One that was walked is sealed when there is time, else each kill has it walked again.
    let mut is_sealed = !inner.segments.current().was_walked();
    loop {
        let first = match orders.recv_timeout(IDLE) {
            Ok(Order::Write(work)) => work,
            Err(RecvTimeoutError::Timeout) => {
                if !is_sealed {
                    is_sealed = seal(inner);
                }
                if !lock(&inner.rolls).is_empty()
                    && let Err(error) = roll(inner, inner.position.load(Ordering::Acquire))
                {
                    inner.stop_writing(error.to_string());
                }
                continue;
            }
            Ok(Order::Stop) | Err(RecvTimeoutError::Disconnected) => break,
        };
        let (works, stop) = gather(inner, orders, *first);
        is_sealed = false;
        write(inner, works);
        if stop {
            break;
        }
    }
    if !is_sealed {
        seal(inner);
    }
    inner.stop_taking();
    // What came in meanwhile is answered, and not left hanging.
    while let Ok(order) = orders.try_recv() {
        if let Order::Write(work) = order {
            (work.after)(Err(JournalError::ReadOnly("the journal is closed".to_owned())));
        }
    }
}

fn seal(inner: &Inner) -> bool {
    match inner.segments.current().seal() {
        Ok(()) => true,
        Err(error) => {
            inner.stop_writing(error.to_string());
            true
        }
    }
}

/// Takes what else is there, and waits a little for more only when there was more.
fn gather(inner: &Inner, orders: &Receiver<Order>, first: Work) -> (Vec<Work>, bool) {
    let mut facts: usize = first.told.iter().map(|told| told.changes.len()).sum();
    let mut bytes = first.bytes;
    let mut works = vec![first];
    let mut deadline = None;
    while facts < inner.settings.commit_facts && bytes < inner.settings.max_backlog_bytes / 8 {
        let order = match orders.try_recv() {
            Ok(order) => Some(order),
            Err(_) if works.len() > 1 => {
                let deadline = *deadline.get_or_insert_with(|| Instant::now() + inner.settings.trigger);
                orders.recv_deadline(deadline).ok()
            }
            Err(_) => None,
        };
        match order {
            Some(Order::Write(work)) => {
                facts += work.told.iter().map(|told| told.changes.len()).sum::<usize>();
                bytes += work.bytes;
                works.push(*work);
            }
            Some(Order::Stop) => return (works, true),
            None => break,
        }
    }
    (works, false)
}

fn write(inner: &Inner, works: Vec<Work>) {
    let bytes = works.iter().map(|work| work.bytes).sum();
    let outcome = match lock(&inner.read_only).clone() {
        Some(reason) => Err(reason),
        None => commit(inner, &works).map_err(|error| error.to_string()),
    };
    inner.backlog_bytes.fetch_sub(bytes, Ordering::AcqRel);
    let placed = match outcome {
        Ok(placed) => placed,
        Err(reason) => {
            inner.stop_writing(reason.clone());
            for work in works {
                (work.after)(Err(JournalError::ReadOnly(reason.clone())));
            }
            return;
        }
    };
    settle(inner, &works, &placed.of);
    let told = works.iter().flat_map(|work| &work.told);
    let told = told.filter_map(|told| Some((told.institution?, &told.subject, told.at, &*told.changes)));
    inner.usage.add(told, placed.last);
    inner.position.store(placed.last, Ordering::Release);
    inner.news.committed(placed.last);
    if let Some(number) = works.last().map(|work| work.number) {
        *lock(&inner.durable) = number;
        inner.durable_changed.notify_all();
    }
    for work in works {
        (work.after)(Ok(placed.last));
    }
    if let Err(error) = roll(inner, placed.last) {
        inner.stop_writing(error.to_string());
    }
}

/// Where facts went: for each batch, for each of its subjects.
struct Placed {
    of: Vec<Vec<Position>>,
    last: Position,
}

fn commit(inner: &Inner, works: &[Work]) -> Result<Placed, Error> {
    let begun = Instant::now();
    let (values, placed) = pack(works, inner.position.load(Ordering::Acquire));
    let segment = inner.segments.current();
    let write = segment.database().begin_write()?;
    put(&write, works)?;
    feed(&write, &values)?;
    let is_full = segment.tail().is_full();
    if is_full {
        segment.tail().write(&write)?;
    }
    write.commit()?;
    if is_full {
        segment.tail().written();
    }
    for value in &values {
        let subjects = value.of.iter().map(|(w, t)| &works[*w].told[*t].subject);
        segment.tail().note(value.position, value.institution, subjects);
        if let Some(institution) = value.institution {
            inner.news.written(institution, value.position);
        }
    }
    let mut figures = lock(&inner.figures);
    figures.commits += 1;
    figures.facts += works.iter().flat_map(|work| &work.told).map(|told| told.changes.len() as u64).sum::<u64>();
    figures.commit_us.saturating_record(begun.elapsed().as_micros() as u64);
    Ok(placed)
}

struct Value {
    position: Position,
    institution: Option<Institution>,
    bytes: Vec<u8>,
    /// What is in it: of which batch, which of its subjects.
    of: Vec<(usize, usize)>,
}

/// Packs facts by institution. Facts of one subject are of one institution and keep their order.
fn pack(works: &[Work], after: Position) -> (Vec<Value>, Placed) {
    let mut by_owner: BTreeMap<Option<Institution>, Vec<(usize, usize)>> = BTreeMap::new();
    for (w, work) in works.iter().enumerate() {
        for (t, told) in work.told.iter().enumerate() {
            by_owner.entry(told.institution).or_default().push((w, t));
        }
    }
    let mut of: Vec<Vec<Position>> = works.iter().map(|work| vec![0; work.told.len()]).collect();
    let mut values = Vec::new();
    let mut position = after;
    for (institution, places) in by_owner {
        let mut packer = codec::Packer::new(institution);
        let mut packed = 0;
        position += 1;
        for (place, (w, t)) in places.iter().enumerate() {
            let told = &works[*w].told[*t];
            if !packer.push(&told.subject, told.at, &told.changes) {
                let bytes = std::mem::replace(&mut packer, codec::Packer::new(institution)).finish();
                values.push(Value { position, institution, bytes, of: places[packed..place].to_vec() });
                packed = place;
                position += 1;
                packer.push(&told.subject, told.at, &told.changes);
            }
            of[*w][*t] = position;
        }
        values.push(Value { position, institution, bytes: packer.finish(), of: places[packed..].to_vec() });
    }
    (values, Placed { of, last: position })
}

/// Records, each table in the order of its keys.
fn put(write: &WriteTransaction, works: &[Work]) -> Result<(), Error> {
    let puts = || works.iter().flat_map(|work| &work.puts);
    let mut messages: Vec<&Arc<Envelope>> =
        puts().filter_map(|put| if let Put::Message(envelope) = put { Some(envelope) } else { None }).collect();
    if !messages.is_empty() {
        messages.sort_unstable_by_key(|envelope| envelope.id);
        let mut table = write.open_table(MESSAGE)?;
        for envelope in messages {
            table.insert(envelope.id.as_u128(), codec::encode(&**envelope).as_slice())?;
        }
    }
    let mut chunks: Vec<(ChunkId, &[u8])> =
        puts().filter_map(|put| if let Put::Chunk(id, bytes) = put { Some((*id, &**bytes)) } else { None }).collect();
    if !chunks.is_empty() {
        chunks.sort_unstable_by_key(|(id, _)| *id);
        let mut table = write.open_table(CHUNK)?;
        for (id, bytes) in chunks {
            table.insert(id.key(), bytes)?;
        }
    }
    for put in puts() {
        if let Put::Broadcast(broadcast) = put {
            let mut table = write.open_table(BROADCAST)?;
            table.insert(broadcast.id.as_u128(), codec::encode_broadcast(broadcast).as_slice())?;
        }
    }
    Ok(())
}

fn feed(write: &WriteTransaction, values: &[Value]) -> Result<(), Error> {
    let mut feed = write.open_table(FEED)?;
    for value in values {
        feed.insert(value.position, value.bytes.as_slice())?;
    }
    Ok(())
}

/// What durable facts mean for live items: places in queues, and that less is pending.
fn settle(inner: &Inner, works: &[Work], placed: &[Vec<Position>]) {
    let told = || works.iter().zip(placed).flat_map(|(work, positions)| work.told.iter().zip(positions));
    // Places first, then what the flusher looks at: it must not overtake.
    let mut moves = Vec::new();
    for (told, position) in told() {
        for key in &told.items {
            if let Some(mut item) = inner.live.items.get_mut(key) {
                place(&mut item, *key, &told.ready, *position, &mut moves);
            }
        }
    }
    inner.queues.change(&moves);
    let mut dirty = Vec::new();
    for (told, position) in told() {
        if let Subject::Broadcast(id) = told.subject {
            inner.indexes.stored(id, &told.changes, *position);
            inner.broadcasts.settled(id, &told.changes, *position);
        }
        for key in &told.items {
            let Some(mut item) = inner.live.items.get_mut(key) else { continue };
            let book = &mut item.book;
            book.pending = book.pending.saturating_sub(1);
            book.as_of = *position;
            book.first.get_or_insert(*position);
            if !std::mem::replace(&mut book.listed, true) {
                dirty.push(*key);
            }
        }
    }
    inner.live.list(dirty);
}

/// Gives an item its places in queues after a fact at `position`, and takes those that it left.
pub fn place(item: &mut LiveItem, key: u128, ready: &[Channel], position: Position, moves: &mut Vec<Move>) {
    let waits: Vec<Channel> = match &item.body {
        Body::Single { state, .. } => ready_channels(state).collect(),
        // A chunk's places go when the flusher counts its rows.
        Body::Chunk(_) => {
            item.book.queued_at.iter().map(|(channel, _)| *channel).chain(ready.iter().copied()).collect()
        }
    };
    let mut places = std::mem::take(&mut item.book.queued_at);
    places.retain(|(channel, old)| {
        let stays = waits.contains(channel) && !ready.contains(channel);
        if !stays {
            moves.push(Move::Out(item.queue(*channel), (*old, key)));
        }
        stays
    });
    for channel in ready.iter().filter(|channel| waits.contains(channel)) {
        moves.push(Move::In(item.queue(*channel), (position, key)));
        places.push((*channel, position));
    }
    item.book.queued_at = places;
}

/// Begins a new segment when the current one is full or old, or when somebody wants it closed.
fn roll(inner: &Inner, last: Position) -> Result<(), Error> {
    let current: Arc<Segment> = inner.segments.current();
    let now = inner.clock.now();
    let commits = lock(&inner.figures).commits;
    // The size is asked for now and then only: it is a call to the system.
    let is_full = commits.is_multiple_of(64) && current.bytes() >= inner.settings.segment_bytes;
    let is_old = now.since(current.begun_at) >= inner.settings.segment_age && last >= current.first;
    // Whoever asked hears that it is done when this goes.
    let asked = std::mem::take(&mut *lock(&inner.rolls));
    let is_asked = !asked.is_empty() && last >= current.first;
    if !is_full && !is_old && !is_asked {
        return Ok(());
    }
    // Who sees that it is closed finds its tables whole.
    current.complete()?;
    // The new one first: a crash between leaves two, of which the older one is walked once.
    inner.segments.begin(last + 1, now)?;
    current.seal()
}
