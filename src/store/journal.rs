//! Appending: a batch is checked, applied to live states, and handed to the writer, all or nothing.
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use estafette_actors::domain::channel::Channel;
use estafette_actors::domain::fact::{Change, Subject};
use estafette_actors::domain::id::{BroadcastId, ChunkId, MessageId};
use estafette_actors::domain::life::State;
use estafette_actors::domain::mobile::Mobile;
use estafette_actors::domain::submission::{Broadcast, Envelope, Row};
use estafette_actors::domain::time::Timestamp;
use estafette_actors::latency::Quantiles;
use estafette_actors::ports::{Batch, BroadcastPhase, Entry, Held, Journal, JournalError, JournalFigures, PackedRows};

use super::broadcasts::Info;
use super::live::{Effects, Item, LiveItem};
use super::look::Look;
use super::vector::{Vector, duplication};
use super::writer::{Order, Put, Told, Work};
use super::{Error, Inner, Store, codec, flusher, lock};

/// What only the holder of the owner's lock may touch.
#[derive(Debug, Default)]
pub struct Owner {
    /// The number of the batch appended last.
    pub number: u64,
    /// The writer takes no more.
    pub is_closed: bool,
}

impl Journal for Store {
    fn append(&self, batch: Batch) -> Result<(), JournalError> {
        self.inner.append(batch)
    }

    fn pack(&self, row: &Row, bytes: &mut Vec<u8>) {
        codec::append(bytes, row);
    }

    fn live(&self, id: MessageId) -> Option<State> {
        self.inner.live.state(id)
    }

    fn broadcast(&self, id: BroadcastId) -> Option<Arc<Broadcast>> {
        self.inner.broadcasts.record(id)
    }

    fn phase(&self, id: BroadcastId) -> Option<BroadcastPhase> {
        self.inner.broadcasts.known.get(&id).map(|info| info.phase())
    }

    fn held(&self, id: BroadcastId, now: Timestamp) -> Option<Held> {
        self.inner.broadcasts.held(id, now)
    }

    fn expired_drafts(&self, now: Timestamp, most: usize) -> Vec<BroadcastId> {
        self.inner.broadcasts.expired_drafts(now, most)
    }

    fn has_opened(&self, now: Timestamp) -> bool {
        self.inner.broadcasts.has_opened(now)
    }

    fn hash_of(&self, mobile: Mobile) -> Option<u64> {
        Some(self.inner.indexes.of_number(mobile))
    }

    fn next_broadcast(&self) -> u32 {
        self.inner.next_broadcast.fetch_add(1, Ordering::AcqRel)
    }

    fn room(&self) -> u64 {
        self.inner.room.left()
    }

    fn read_only(&self) -> Option<String> {
        lock(&self.inner.read_only).clone()
    }

    fn position(&self) -> estafette_actors::ports::Position {
        self.inner.position.load(Ordering::Acquire)
    }

    fn figures(&self) -> JournalFigures {
        let inner = &self.inner;
        let (segments, bytes) = inner.segments.size();
        let figures = lock(&inner.figures);
        JournalFigures {
            position: inner.position.load(Ordering::Acquire),
            commits: figures.commits,
            facts: figures.facts,
            commit_p50_us: figures.commit_us.value_at_quantile(0.5),
            commit_p99_us: figures.commit_us.value_at_quantile(0.99),
            commit: Quantiles::of(&figures.commit_us),
            dirty_most: inner.settings.max_dirty,
            backlog_most: inner.settings.max_backlog,
            segments,
            bytes: bytes + super::segment::bytes_on_disk(&inner.settings.dir.join(super::recovery::DERIVED)),
            live: inner.live.items.len(),
            dirty: inner.live.dirty(),
            backlog: inner.orders.len(),
            parked: inner.parked.len(),
            recovery_ms: figures.recovery_ms,
        }
    }
}

impl Inner {
    /// The writer takes no more: what is appended from now on is refused.
    pub fn stop_taking(&self) {
        lock(&self.owner).is_closed = true;
    }

    fn append(&self, batch: Batch) -> Result<(), JournalError> {
        let mut owner = lock(&self.owner);
        self.admit(&owner, &batch)?;
        let Batch { at, entries, after } = batch;
        let mut applied = Applied::new(self, at);
        for entry in entries {
            applied.entry(entry);
        }
        owner.number += 1;
        let work = applied.finish(owner.number, after);
        self.backlog_bytes.fetch_add(work.bytes, Ordering::AcqRel);
        self.room.appended(work.bytes);
        // There is room: only holders of this lock send, and it was looked at.
        match self.orders.try_send(Order::Write(Box::new(work))) {
            Ok(()) => Ok(()),
            Err(error) => {
                self.stop_writing("the writer has gone".to_owned());
                if let Order::Write(work) = error.into_inner() {
                    (work.after)(Err(JournalError::ReadOnly("the writer has gone".to_owned())));
                }
                Ok(())
            }
        }
    }

    /// All that can be refused is refused here, before anything is changed.
    fn admit(&self, owner: &Owner, batch: &Batch) -> Result<(), JournalError> {
        if self.is_read_only.load(Ordering::Acquire) {
            return Err(JournalError::ReadOnly(lock(&self.read_only).clone().unwrap_or_default()));
        }
        if owner.is_closed {
            return Err(JournalError::ReadOnly("the journal is closed".to_owned()));
        }
        if self.orders.is_full() || self.backlog_bytes.load(Ordering::Acquire) > self.settings.max_backlog_bytes {
            return Err(JournalError::Overloaded);
        }
        let dirty = self.live.dirty();
        if dirty >= self.settings.max_dirty / 2 {
            let _ = self.flush_now.try_send(flusher::Order::Now);
        }
        // What moves on is taken even then: refusing it would keep states from ever being written.
        let begins = |entry: &Entry| matches!(entry, Entry::Message { .. } | Entry::Start { .. });
        if dirty >= self.settings.max_dirty && batch.entries.iter().any(begins) {
            return Err(JournalError::Overloaded);
        }
        let grows = |entry: &Entry| begins(entry) || matches!(entry, Entry::Broadcast(_) | Entry::Chunk { .. });
        if self.room.left() == 0 && batch.entries.iter().any(grows) {
            return Err(JournalError::Full);
        }
        for entry in &batch.entries {
            let item = match entry {
                Entry::Changes { id, .. } => Item::holding(*id).0,
                Entry::Rows { chunk, .. } => Item::Chunk(*chunk),
                _ => continue,
            };
            // Live as a rule: only what left the memory a moment ago is read again.
            if let Err(error) = self.make_live(item, || Look::open(self)) {
                self.stop_writing(error.to_string());
                return Err(JournalError::ReadOnly(error.to_string()));
            }
        }
        Ok(())
    }

    /// Waits until all that is known of an item is durable. Most are: nothing of them is under way.
    pub fn wait_durable_of(&self, item: Item) -> Result<(), Error> {
        let is_pending = self.live.items.get(&item.key()).is_some_and(|live| live.book.pending > 0);
        if is_pending { self.wait_durable() } else { Ok(()) }
    }

    /// Waits until everything appended so far is durable: nobody is told what a crash could undo.
    pub fn wait_durable(&self) -> Result<(), Error> {
        let number = lock(&self.owner).number;
        let mut durable = lock(&self.durable);
        while *durable < number {
            if self.is_read_only.load(Ordering::Acquire) {
                return Err(Error::Invariant("the last changes could not be written; mend the disk and restart"));
            }
            let limit = std::time::Duration::from_millis(100);
            let waited = self.durable_changed.wait_timeout(durable, limit);
            durable = waited.unwrap_or_else(std::sync::PoisonError::into_inner).0;
        }
        Ok(())
    }
}

/// A batch while it is applied.
struct Applied<'i> {
    inner: &'i Inner,
    at: Timestamp,
    puts: Vec<Put>,
    told: Vec<Told>,
    bytes: usize,
}

impl<'i> Applied<'i> {
    fn new(inner: &'i Inner, at: Timestamp) -> Self {
        Self { inner, at, puts: Vec::new(), told: Vec::new(), bytes: 0 }
    }

    fn finish(self, number: u64, after: estafette_actors::ports::After) -> Work {
        let told = self.told.iter().map(|told| 64 + told.changes.len() * 32).sum::<usize>();
        Work { number, puts: self.puts, told: self.told, bytes: self.bytes + told, after }
    }

    fn entry(&mut self, entry: Entry) {
        match entry {
            Entry::Message { envelope, changes } => self.message(envelope, changes),
            Entry::Changes { id, changes } => {
                let (item, row) = Item::holding(id);
                let rows = row.into_iter().collect::<Vec<_>>();
                self.changes(item, Subject::Message(id), &rows, changes);
            }
            Entry::Rows { chunk, rows, changes } => {
                self.bytes += rows.len() * 2;
                let subject = Subject::Rows(chunk, rows.clone());
                self.changes(Item::Chunk(chunk), subject, &rows, changes);
            }
            Entry::Broadcast(broadcast) => {
                self.inner.next_broadcast.fetch_max(broadcast.id.number() + 1, Ordering::AcqRel);
                self.inner.broadcasts.known.insert(broadcast.id, Info::new(Arc::clone(&broadcast)));
                self.bytes += 4096;
                self.about(broadcast.id, Change::Created);
                self.puts.push(Put::Broadcast(broadcast));
            }
            Entry::Chunk { broadcast, rows } => self.chunk(broadcast, &rows),
            Entry::Start { broadcast, duplicates } => self.start(broadcast, duplicates),
            Entry::CancelBroadcast(id) => self.cancel(id),
            Entry::PauseBroadcast(id) => {
                self.about(id, Change::BroadcastPaused);
            }
            Entry::ResumeBroadcast(id) => {
                self.about(id, Change::BroadcastResumed);
            }
            Entry::Tell { institution, change } => {
                self.bytes += 256;
                self.told.push(Told {
                    institution: Some(institution),
                    subject: Subject::Nobody,
                    at: self.at,
                    changes: vec![change],
                    items: Vec::new(),
                    ready: Vec::new(),
                });
            }
            Entry::Heard(institution, heard) => {
                self.bytes += 256 + heard.text.len();
                self.told.push(Told {
                    institution,
                    subject: Subject::Nobody,
                    at: self.at,
                    changes: vec![Change::Heard(Box::new(heard))],
                    items: Vec::new(),
                    ready: Vec::new(),
                });
            }
            Entry::Park(receipt) => {
                self.inner.parked.park(self.at, receipt.clone());
                let change = Change::Parked(Box::new(receipt));
                self.told.push(Told {
                    institution: None,
                    subject: Subject::Nobody,
                    at: self.at,
                    changes: vec![change],
                    items: Vec::new(),
                    ready: Vec::new(),
                });
            }
        }
    }

    fn message(&mut self, envelope: Arc<Envelope>, changes: Vec<Change>) {
        let mut item = LiveItem::single(Arc::clone(&envelope));
        let mut effects = Effects::default();
        item.apply(&[], &changes, &mut effects);
        item.book.pending = 1;
        let key = envelope.id.as_u128();
        self.inner.live.count(1, &[]);
        self.inner.counted(&item, &effects);
        self.index(self.inner.indexes.message(&envelope));
        self.tell(&item, key, Subject::Message(envelope.id), changes, effects);
        self.inner.live.items.insert(key, item);
        self.bytes += 1024;
        self.puts.push(Put::Message(envelope));
    }

    /// A fact about a broadcast as a whole. Says whether it is known and the fact is new.
    fn about(&mut self, id: BroadcastId, change: Change) -> bool {
        let Some(mut info) = self.inner.broadcasts.known.get_mut(&id) else {
            tracing::error!(%id, "a fact about a broadcast that is over or not known is left out");
            return false;
        };
        info.apply(&change, self.at);
        info.pending += 1;
        self.told.push(Told {
            institution: Some(info.record.institution),
            subject: Subject::Broadcast(id),
            at: self.at,
            changes: vec![change],
            items: Vec::new(),
            ready: Vec::new(),
        });
        true
    }

    fn chunk(&mut self, id: BroadcastId, rows: &PackedRows) {
        let draft = |info: &Info| (info.state.phase == BroadcastPhase::Draft).then_some(info.state.rows.len() as u32);
        let Some(next) = self.inner.broadcasts.known.get(&id).and_then(|info| draft(&info)) else {
            tracing::error!(%id, "only a draft can be filled");
            return;
        };
        let chunk = id.chunk(next);
        if self.about(chunk.broadcast, Change::Stored { chunk: chunk.n, rows: rows.count() }) {
            let bytes = codec::encode_rows(rows);
            self.bytes += bytes.len();
            self.puts.push(Put::Chunk(chunk, bytes));
        }
    }

    fn start(&mut self, id: BroadcastId, duplicates: Vec<MessageId>) {
        let inner = self.inner;
        let found = inner.broadcasts.known.get(&id).map(|info| {
            let chunks: Vec<_> = info.chunks().zip(info.state.rows.clone()).collect();
            (Arc::clone(&info.record), info.state.phase, chunks)
        });
        let Some((record, BroadcastPhase::Draft, chunks)) = found else {
            tracing::error!(%id, "only a draft can be started");
            return;
        };
        self.about(id, Change::Started);
        let mut items = Vec::with_capacity(chunks.len());
        let mut ready = Vec::new();
        for (chunk, rows) in chunks {
            let mut live = LiveItem::chunk(Vector::fresh(Arc::clone(&record), self.at, rows));
            live.book.pending = 1;
            ready = inner.start(&live);
            inner.live.items.insert(chunk.key(), live);
            items.push(chunk.key());
        }
        self.bytes += items.len() * 64;
        if let Some(told) = self.told.last_mut() {
            (told.items, told.ready) = (items, ready);
        }
        self.duplicates(&record, duplicates);
        inner.broadcasts.forget_rate(id);
    }

    fn duplicates(&mut self, record: &Broadcast, duplicates: Vec<MessageId>) {
        let mut by_chunk: BTreeMap<ChunkId, Vec<u16>> = BTreeMap::new();
        for (item, row) in duplicates.into_iter().map(Item::holding) {
            if let (Item::Chunk(chunk), Some(row)) = (item, row)
                && chunk.broadcast == record.id
            {
                by_chunk.entry(chunk).or_default().push(row);
            }
        }
        for (chunk, mut rows) in by_chunk {
            rows.sort_unstable();
            rows.dedup();
            let state = self.inner.live.items.get(&chunk.key()).and_then(|live| live.state(rows.first().copied()));
            let changes = duplication(&state.unwrap_or_default());
            self.bytes += rows.len() * 2;
            self.changes(Item::Chunk(chunk), Subject::Rows(chunk, rows.clone()), &rows, changes);
        }
    }

    /// Live chunks at once; others when they are read, or when the flusher comes by.
    fn cancel(&mut self, id: BroadcastId) {
        let inner = self.inner;
        if !self.about(id, Change::BroadcastCancelled) {
            return;
        }
        let chunks = inner.broadcasts.known.get(&id).map(|info| info.chunks());
        let mut items = Vec::new();
        for chunk in chunks.into_iter().flatten() {
            let Some(mut live) = inner.live.items.get_mut(&chunk.key()) else { continue };
            let effects = live.cancel();
            live.book.pending += 1;
            inner.counted(&live, &effects);
            items.push(chunk.key());
        }
        if let Some(told) = self.told.last_mut() {
            told.items = items;
        }
    }

    fn changes(&mut self, item: Item, subject: Subject, rows: &[u16], changes: Vec<Change>) {
        let inner = self.inner;
        let Some(mut live) = inner.live.items.get_mut(&item.key()) else {
            // Its caller has the message from here, so it was: only a defect loses it.
            tracing::error!(?item, "changes of a message that is not known are left out");
            return;
        };
        let mut effects = Effects::default();
        live.apply(rows, &changes, &mut effects);
        live.book.pending += 1;
        inner.counted(&live, &effects);
        self.tell(&live, item.key(), subject, changes, effects);
    }

    /// An index that can't be written ends the writing: what it lacks would never be found.
    fn index(&self, outcome: Result<(), Error>) {
        if let Err(error) = outcome {
            self.inner.stop_writing(error.to_string());
        }
    }

    fn tell(&mut self, item: &LiveItem, key: u128, subject: Subject, changes: Vec<Change>, effects: Effects) {
        self.index(self.inner.indexes.told(&subject, &changes, self.at));
        self.told.push(Told {
            institution: Some(item.institution()),
            subject,
            at: self.at,
            changes,
            items: vec![key],
            ready: effects.ready,
        });
    }
}

impl Inner {
    /// Counts what changes did.
    pub fn counted(&self, item: &LiveItem, effects: &Effects) {
        self.queues.add(effects.depth.iter().map(|(channel, delta)| (item.queue(*channel), *delta)));
        self.live.count(0, &effects.status);
        if let super::live::Body::Chunk(vector) = &item.body {
            self.broadcasts.count(vector.broadcast.id, &effects.status, self.clock.now());
        }
    }

    /// Counts what waits in a chunk from the start of its broadcast on; gives where.
    pub fn start(&self, live: &LiveItem) -> Vec<Channel> {
        let tally = live.tally();
        self.queues.add(tally.queued.iter().map(|(channel, count)| (live.queue(*channel), i64::from(*count))));
        tally.queued.into_iter().map(|(channel, _)| channel).collect()
    }
}
