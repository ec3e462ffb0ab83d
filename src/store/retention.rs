//! Lets go what is past its retention: personal content first, whole segments in the end.
//!
//! A closed segment is never changed in place. What may stay is copied to a file beside it, which
//! then takes its name in one step: a crash at any instant leaves the old file or the new one. A
//! message or row that is not settled keeps everything, whatever its age; what is being written
//! is not looked at. How long after its settlement something lies is told by the end of the
//! segment with its last fact, which is late by at most a segment's age, and never early.
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError};
use estafette_actors::domain::content::Content;
use estafette_actors::domain::fact::Change;
use estafette_actors::domain::id::ChunkId;
use estafette_actors::domain::status::MessageStatus;
use estafette_actors::domain::submission::{Broadcast, Envelope, Institution, Recipient, Row};
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::Position;
use redb::{Database, Durability, Key, ReadableDatabase, ReadableTable, TableDefinition, TableHandle, Value};

use super::codec::{self, ChunkRecord, MessageRecord};
use super::layout::{
    ABOUT, BARE, BROADCAST, BROADCAST_STATE, CHUNK, CHUNK_COUNT, CHUNK_STATE, FEED, FEED_OF, MESSAGE, MESSAGE_STATE,
    Record, TRAIL,
};
use super::live::{Item, status_place};
use super::look::Look;
use super::segment::{Segment, Segments};
use super::vector::Vector;
use super::{Error, Inner};

/// Rows of one transaction of a copy, or of one removal: some milliseconds.
const SLICE: usize = 8_192;
/// A segment of which something had to stay is looked at again after so long.
const AGAIN: Duration = Duration::from_secs(24 * 3600);

/// The retentions.
#[derive(Clone, Debug)]
pub struct Retention {
    /// How long personal content is kept after settlement,
    pub content: Duration,
    /// and of whom another time.
    pub content_of: HashMap<Institution, Duration>,
    /// How long receipts, trails and facts are kept.
    pub receipts: Duration,
    /// How often it is looked at.
    pub every: Duration,
}

impl Default for Retention {
    fn default() -> Self {
        const DAY: Duration = Duration::from_secs(24 * 3600);
        Self { content: DAY * 7, content_of: HashMap::new(), receipts: DAY * 400, every: Duration::from_secs(3600) }
    }
}

impl Retention {
    pub(super) fn of(&self, institution: Institution) -> Duration {
        self.content_of.get(&institution).copied().unwrap_or(self.content)
    }

    fn shortest(&self) -> Duration {
        self.content_of.values().copied().chain([self.content]).min().unwrap_or(self.content)
    }
}

/// What a pass did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Passed {
    /// Messages and chunks whose content went, and values of the feed with words of citizens that did.
    pub stripped: u64,
    /// Segments that went.
    pub dropped: u32,
}

/// The thread. It ends when the other end of `stop` is gone.
pub fn run(inner: &Inner, stop: &Receiver<()>) {
    let mut looked = HashMap::new();
    while stop.recv_timeout(inner.keep.load().every) == Err(RecvTimeoutError::Timeout) {
        let is_over = || stop.try_recv() == Err(crossbeam_channel::TryRecvError::Disconnected);
        match pass(inner, &mut looked, &is_over) {
            Ok(Passed { stripped: 0, dropped: 0 }) => {}
            Ok(passed) => tracing::info!(passed.stripped, passed.dropped, "what was past its retention went"),
            // Nothing was lost, and nothing let go: the next pass tries again.
            Err(error) => tracing::error!(%error, "what is past its retention could not be let go"),
        }
    }
}

/// Looks at every closed segment once. `looked` says when each was looked at in vain.
pub fn pass(inner: &Inner, looked: &mut HashMap<u32, Timestamp>, is_over: &dyn Fn() -> bool) -> Result<Passed, Error> {
    let keep = inner.keep.load_full();
    let now = inner.clock.now();
    let mut passed = Passed::default();
    for (segment, ended_at) in inner.segments.ended() {
        if is_over() || inner.is_read_only.load(Ordering::Acquire) {
            break;
        }
        let age = now.since(ended_at);
        let is_due = looked.get(&segment.number).is_none_or(|at| now.since(*at) >= AGAIN);
        if age < keep.shortest().min(keep.receipts) || !is_due {
            continue;
        }
        looked.insert(segment.number, now);
        if age >= keep.receipts && is_settled(inner, &segment)? {
            drop_whole(inner, &segment)?;
            passed.dropped += 1;
        } else if age >= keep.shortest() && !segment.is_bare {
            passed.stripped += strip(inner, &segment, now)?;
        }
    }
    Ok(passed)
}

/// Tells of messages and chunks whether their content may go.
struct Judge<'j> {
    inner: &'j Inner,
    look: &'j Look,
    ends: Vec<(Position, Timestamp)>,
    now: Timestamp,
}

impl<'j> Judge<'j> {
    fn new(inner: &'j Inner, look: &'j Look, now: Timestamp) -> Self {
        let ends = inner.segments.ended().into_iter().map(|(segment, ended_at)| (segment.first, ended_at)).collect();
        Self { inner, look, ends, now }
    }

    /// When the segment with this position was closed; `None` for the one that is written.
    fn ended_at(&self, position: Position) -> Option<Timestamp> {
        if position >= self.inner.segments.current().first {
            return None;
        }
        let place = self.ends.partition_point(|(first, _)| *first <= position);
        Some(self.ends.get(place.checked_sub(1)?)?.1)
    }

    fn is_past(&self, institution: Institution, as_of: Position) -> bool {
        self.is_heard_past(Some(institution), as_of)
    }

    /// What a citizen wrote, to somebody or to nobody that is known, follows no settlement.
    fn is_heard_past(&self, institution: Option<Institution>, position: Position) -> bool {
        let keep = self.inner.keep.load();
        let kept = institution.map_or(keep.content, |institution| keep.of(institution));
        self.ended_at(position).is_some_and(|ended_at| self.now.since(ended_at) >= kept)
    }

    /// What somebody looks at or changes now is left for the next time.
    fn is_live(&self, item: Item) -> bool {
        self.inner.live.items.contains_key(&item.key())
    }

    fn message(&self, envelope: &Envelope) -> Result<bool, Error> {
        if self.is_live(Item::Single(envelope.id)) {
            return Ok(false);
        }
        let states = self.look.derived().open_table(MESSAGE_STATE)?;
        let Some(bytes) = states.get(envelope.id.as_u128())? else { return Ok(false) };
        let record: MessageRecord = codec::decode(bytes.value())?;
        Ok(record.state.settled.is_some() && self.is_past(envelope.institution, record.as_of))
    }

    fn chunk(&self, chunk: ChunkId) -> Result<bool, Error> {
        if self.is_live(Item::Chunk(chunk)) {
            return Ok(false);
        }
        let states = self.look.derived().open_table(CHUNK_STATE)?;
        let Some(bytes) = states.get(chunk.key())? else { return self.draft_chunk(chunk) };
        let record: ChunkRecord = codec::decode(bytes.value())?;
        let Some(broadcast) = self.inner.broadcast_record(&self.look.segments, chunk.broadcast)? else {
            return Ok(false);
        };
        let (institution, as_of) = (broadcast.institution, record.as_of);
        let waiting = Vector::restored(broadcast, record).tally().by_status[status_place(MessageStatus::Waiting)];
        Ok(waiting == 0 && self.is_past(institution, as_of))
    }

    /// Rows of a draft have no states: they go when the draft was cancelled long enough ago.
    fn draft_chunk(&self, chunk: ChunkId) -> Result<bool, Error> {
        if self.inner.broadcasts.known.contains_key(&chunk.broadcast) {
            return Ok(false);
        }
        let Some(info) = Inner::broadcast_on_disk(self.look, chunk.broadcast)? else { return Ok(false) };
        let cancelled = info.state.cancelled.filter(|_| info.state.started.is_none());
        Ok(cancelled.is_some_and(|(_, position)| self.is_past(info.record.institution, position)))
    }

    /// A broadcast's own content goes with that of its last chunk.
    fn broadcast(&self, broadcast: &Broadcast) -> Result<bool, Error> {
        if self.inner.broadcasts.known.contains_key(&broadcast.id) {
            return Ok(false);
        }
        let Some(info) = Inner::broadcast_on_disk(self.look, broadcast.id)? else { return Ok(false) };
        for chunk in info.chunks() {
            if !self.chunk(chunk)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// A recipient of the sandbox stays: it is nobody, and tells that the message was a test.
fn bare_recipient(recipient: Recipient) -> Recipient {
    if recipient.is_sandbox() { recipient } else { Recipient::default() }
}

fn bare_envelope(envelope: Envelope) -> Envelope {
    let recipient = bare_recipient(envelope.recipient);
    Envelope { recipient, content: Arc::new(Content::default()), sender_name: None, ..envelope }
}

fn bare_row(row: &Row) -> Row {
    Row { key: row.key.clone(), recipient: bare_recipient(row.recipient), ..Row::default() }
}

/// Changes without what a citizen wrote and the number it came from: as many, so that each event keeps its place.
fn bare_changes(changes: &[Change]) -> Vec<Change> {
    let bare = |change: &Change| match change {
        Change::Heard(heard) => Change::Heard(Box::new(heard.bare())),
        other => other.clone(),
    };
    changes.iter().map(bare).collect()
}

/// What becomes of one record of a copy.
enum Fate {
    /// Nothing personal is in it, or not any more.
    Bare,
    /// This takes its place.
    Stripped(Vec<u8>),
    /// It must stay for now.
    Stays,
}

fn fate_of_message(judge: &Judge<'_>, bytes: &[u8]) -> Result<Fate, Error> {
    let envelope: Envelope = codec::decode(bytes)?;
    if bare_recipient(envelope.recipient) == envelope.recipient && *envelope.content == Content::default() {
        return Ok(Fate::Bare);
    }
    Ok(if judge.message(&envelope)? { Fate::Stripped(codec::encode(&bare_envelope(envelope))) } else { Fate::Stays })
}

fn fate_of_chunk(judge: &Judge<'_>, key: u128, bytes: &[u8]) -> Result<Fate, Error> {
    let rows: Vec<Row> = codec::decode(bytes)?;
    let bare: Vec<Row> = rows.iter().map(bare_row).collect();
    if bare == rows {
        return Ok(Fate::Bare);
    }
    let Item::Chunk(chunk) = Item::of(key) else { return Ok(Fate::Stays) };
    Ok(if judge.chunk(chunk)? { Fate::Stripped(codec::encode(&bare)) } else { Fate::Stays })
}

fn fate_of_broadcast(judge: &Judge<'_>, bytes: &[u8]) -> Result<Fate, Error> {
    let broadcast = codec::decode_broadcast(bytes)?;
    if *broadcast.content == Content::default() {
        return Ok(Fate::Bare);
    }
    if !judge.broadcast(&broadcast)? {
        return Ok(Fate::Stays);
    }
    let bare = Broadcast { content: Arc::new(Content::default()), sender_name: None, ..broadcast };
    Ok(Fate::Stripped(codec::encode_broadcast(&bare)))
}

fn fate_of_value(judge: &Judge<'_>, position: Position, bytes: &[u8]) -> Result<Fate, Error> {
    let packed = codec::unpack(bytes)?;
    let groups = || packed.groups.iter().map(|group| (group, bare_changes(&group.changes)));
    if groups().all(|(group, bare)| group.changes == bare) {
        return Ok(Fate::Bare);
    }
    if !judge.is_heard_past(packed.institution, position) {
        return Ok(Fate::Stays);
    }
    let mut packer = codec::Packer::new(packed.institution);
    // It is no longer than it was, so all of it fits.
    let fits = groups().all(|(group, bare)| packer.push(&group.subject, group.at, &bare));
    if fits { Ok(Fate::Stripped(packer.finish())) } else { Err(Error::Invariant("a value without words is longer")) }
}

/// Copies a segment without the content that may go. Gives how many records lost theirs.
fn strip(inner: &Inner, segment: &Segment, now: Timestamp) -> Result<u64, Error> {
    let look = Look::open(inner)?;
    let judge = Judge::new(inner, &look, now);
    let path = segment.beside();
    discard(&path)?;
    let copy = Database::builder().set_cache_size(Segments::CLOSED_CACHE_BYTES).create(&path)?;
    let mut sums = Sums::default();
    let from = segment.database();
    copy_table(from, &copy, MESSAGE, &mut sums, |_, bytes| fate_of_message(&judge, bytes))?;
    copy_table(from, &copy, CHUNK, &mut sums, |key, bytes| fate_of_chunk(&judge, key, bytes))?;
    copy_table(from, &copy, BROADCAST, &mut sums, |_, bytes| fate_of_broadcast(&judge, bytes))?;
    copy_table(from, &copy, FEED, &mut sums, |position, bytes| fate_of_value(&judge, position, bytes))?;
    if sums.stripped == 0 && sums.stays > 0 {
        drop(copy);
        discard(&path)?;
        return Ok(0);
    }
    copy_plain(from, &copy, FEED_OF)?;
    copy_plain(from, &copy, TRAIL)?;
    copy_plain(from, &copy, ABOUT)?;
    let mut write = copy.begin_write()?;
    write.set_quick_repair(true);
    write.open_table(ABOUT)?.insert(BARE, u64::from(sums.stays == 0))?;
    write.commit()?;
    drop(copy);
    inner.segments.replace(segment, &path)?;
    Ok(sums.stripped)
}

fn discard(path: &Path) -> Result<(), Error> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

#[derive(Default)]
struct Sums {
    stripped: u64,
    stays: u64,
}

fn copy_table<K: for<'k> Key<SelfType<'k> = K> + Copy + 'static>(
    from: &Database,
    to: &Database,
    table: TableDefinition<'static, K, Record>,
    sums: &mut Sums,
    fate: impl Fn(K, &[u8]) -> Result<Fate, Error>,
) -> Result<(), Error> {
    let rows = from.begin_read()?.open_table(table)?;
    let mut rows = rows.iter()?.peekable();
    loop {
        let mut write = to.begin_write()?;
        write.set_durability(Durability::None)?;
        {
            let mut copy = write.open_table(table)?;
            for row in rows.by_ref().take(SLICE) {
                let (key, value) = row?;
                match fate(key.value(), value.value())? {
                    Fate::Bare => copy.insert(key.value(), value.value())?,
                    Fate::Stripped(bytes) => {
                        sums.stripped += 1;
                        copy.insert(key.value(), bytes.as_slice())?
                    }
                    Fate::Stays => {
                        sums.stays += 1;
                        copy.insert(key.value(), value.value())?
                    }
                };
            }
        }
        write.commit()?;
        if rows.peek().is_none() {
            return Ok(());
        }
    }
}

fn copy_plain<K: Key + 'static, V: Value + 'static>(
    from: &Database,
    to: &Database,
    table: TableDefinition<'static, K, V>,
) -> Result<(), Error> {
    let rows = from.begin_read()?.open_table(table)?;
    let mut rows = rows.iter()?.peekable();
    loop {
        let mut write = to.begin_write()?;
        write.set_durability(Durability::None)?;
        {
            let mut copy = write.open_table(table)?;
            for row in rows.by_ref().take(SLICE) {
                let (key, value) = row?;
                copy.insert(key.value(), value.value())?;
            }
        }
        write.commit()?;
        if rows.peek().is_none() {
            return Ok(());
        }
    }
}

/// Whether nothing in the segment is needed any more: all settled, and no broadcast has chunks in
/// a segment that stays.
fn is_settled(inner: &Inner, segment: &Segment) -> Result<bool, Error> {
    let look = Look::open(inner)?;
    // Any age will do: the receipts' retention is what counts here.
    let judge = Judge::new(inner, &look, Timestamp::from_millis(u64::MAX >> 1));
    let read = segment.database().begin_read()?;
    for row in read.open_table(MESSAGE)?.range::<u128>(..)? {
        if !judge.message(&codec::decode(row?.1.value())?)? {
            return Ok(false);
        }
    }
    for row in read.open_table(CHUNK)?.range::<u128>(..)? {
        let Item::Chunk(chunk) = Item::of(row?.0.value()) else { return Ok(false) };
        if !judge.chunk(chunk)? {
            return Ok(false);
        }
    }
    for row in read.open_table(BROADCAST)?.range::<u128>(..)? {
        let broadcast = codec::decode_broadcast(row?.1.value())?;
        let here = read.open_table(CHUNK)?;
        if !judge.broadcast(&broadcast)? {
            return Ok(false);
        }
        let Some(info) = Inner::broadcast_on_disk(&look, broadcast.id)? else { continue };
        for chunk in info.chunks() {
            if here.get(chunk.key())?.is_none() && look.segments.rows(chunk)?.is_some() {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// The segment first: a crash before its states are gone leaves states that nobody can ask for.
fn drop_whole(inner: &Inner, segment: &Segment) -> Result<(), Error> {
    let read = segment.database().begin_read()?;
    let keys = |table| -> Result<Vec<u128>, Error> {
        read.open_table(table)?.range::<u128>(..)?.map(|row| Ok(row?.0.value())).collect()
    };
    let (messages, chunks, broadcasts) = (keys(MESSAGE)?, keys(CHUNK)?, keys(BROADCAST)?);
    drop(read);
    inner.segments.remove(segment)?;
    remove(inner, MESSAGE_STATE, &messages)?;
    remove(inner, CHUNK_STATE, &chunks)?;
    remove(inner, CHUNK_COUNT, &chunks)?;
    remove(inner, BROADCAST_STATE, &broadcasts)
}

fn remove(inner: &Inner, table: TableDefinition<'static, u128, Record>, keys: &[u128]) -> Result<(), Error> {
    for slice in keys.chunks(SLICE) {
        let mut write = inner.derived.begin_write()?;
        write.set_durability(Durability::None)?;
        {
            let mut rows = write.open_table(table)?;
            for key in slice {
                rows.remove(key)?;
            }
        }
        write.commit()?;
    }
    tracing::debug!(table = table.name(), rows = keys.len(), "states past their retention went");
    Ok(())
}
