//! Live states: what may change soon, in memory. Look-ups ask here first.
//!
//! A state here holds every change that was appended, durable or not; `pending` counts those that
//! are not. Nothing is applied twice: each state knows the last position in it.
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use dashmap::DashMap;
use estafette_actors::domain::channel::Channel;
use estafette_actors::domain::fact::Change;
use estafette_actors::domain::id::{ChunkId, Kind, MessageId};
use estafette_actors::domain::life::{Phase, State};
use estafette_actors::domain::status::MessageStatus;
use estafette_actors::domain::strategy::Strategy;
use estafette_actors::domain::submission::{Envelope, Institution};
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::{Flow, Position, Queue};

use super::lock;
use super::vector::Vector;

/// A single message or a chunk: what is stored, queued and flushed as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Item {
    /// A single message.
    Single(MessageId),
    /// A chunk of a broadcast.
    Chunk(ChunkId),
}

impl Item {
    /// What a message is, or is part of, with its place there.
    pub fn holding(id: MessageId) -> (Self, Option<u16>) {
        match id.kind() {
            Kind::Single => (Self::Single(id), None),
            Kind::Row { chunk, index } => (Self::Chunk(chunk), Some(index)),
        }
    }

    /// From [`Self::key`].
    pub fn of(key: u128) -> Self {
        Self::holding(MessageId::from_u128(key)).0
    }

    /// Its key on disk.
    pub fn key(self) -> u128 {
        match self {
            Self::Single(id) => id.as_u128(),
            Self::Chunk(chunk) => chunk.key(),
        }
    }
}

/// What an item waits for, and how its messages stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Messages that wait ready to go, by channel.
    pub queued: Vec<(Channel, u32)>,
    /// Channels with an attempt under way.
    pub open: Vec<Channel>,
    /// When something falls due.
    pub due: Option<Timestamp>,
    /// Messages by status, in the order of [`MessageStatus::NAMES`].
    pub by_status: [u32; 8],
}

/// The place of a status in [`MessageStatus::NAMES`].
pub fn status_place(status: MessageStatus) -> usize {
    MessageStatus::NAMES.iter().position(|name| *name == status.as_str()).unwrap_or(0)
}

impl Tally {
    /// Counts a state, `times` over.
    pub fn add(&mut self, state: &State, valid_until: Timestamp, times: u32) {
        let agenda = state.agenda(valid_until);
        let mut seen: Vec<Channel> = Vec::with_capacity(1);
        for channel in agenda.queued.into_iter().flatten() {
            if seen.contains(&channel) {
                continue;
            }
            seen.push(channel);
            match self.queued.iter_mut().find(|(known, _)| *known == channel) {
                Some((_, count)) => *count += times,
                None => self.queued.push((channel, times)),
            }
        }
        for channel in agenda.open.into_iter().flatten() {
            if !self.open.contains(&channel) {
                self.open.push(channel);
            }
        }
        self.due = [self.due, agenda.due].into_iter().flatten().min();
        self.by_status[status_place(state.status())] += times;
    }
}

/// What changes did to messages, for queues and counters.
#[derive(Clone, Debug, Default)]
pub struct Effects {
    /// Messages more or fewer that wait at a channel.
    pub depth: Vec<(Channel, i64)>,
    /// Messages that went from a status to another.
    pub status: Vec<(MessageStatus, MessageStatus, i64)>,
    /// Channels at which something new is ready to go.
    pub ready: Vec<Channel>,
}

/// The channels at which a state waits, ready to go.
pub fn ready_channels(state: &State) -> impl Iterator<Item = Channel> + '_ {
    let ready = |phase| phase == Phase::Queued { not_before: Timestamp::ZERO };
    let tracks = move |place: usize| state.tracks.iter().take(place).filter(move |track| ready(track.phase));
    let all = state.tracks.iter().enumerate().filter(move |(_, track)| ready(track.phase));
    all.filter(move |(place, track)| !tracks(*place).any(|other| other.channel == track.channel))
        .map(|(_, track)| track.channel)
}

impl Effects {
    /// Applies changes to a state and notes what they did.
    pub fn apply(&mut self, state: &mut State, changes: &[Change]) {
        let (before, status) = (ready_channels(state).collect::<Vec<_>>(), state.status());
        for change in changes {
            state.apply(change);
            let track = match change {
                Change::Queued { track, .. } | Change::Returned { track, .. } | Change::Resent { track, .. } => *track,
                _ => continue,
            };
            let now = state.tracks.get(usize::from(track));
            if let Some(now) = now.filter(|now| now.phase == Phase::Queued { not_before: Timestamp::ZERO })
                && !self.ready.contains(&now.channel)
            {
                self.ready.push(now.channel);
            }
        }
        let after = ready_channels(state).collect::<Vec<_>>();
        for channel in before.iter().filter(|channel| !after.contains(channel)) {
            self.add_depth(*channel, -1);
        }
        for channel in after.iter().filter(|channel| !before.contains(channel)) {
            self.add_depth(*channel, 1);
        }
        if state.status() != status {
            self.add_status(status, state.status(), 1);
        }
    }

    /// Counts what was done to one message, `times` over.
    pub fn add(&mut self, one: &Self, times: i64) {
        for (channel, delta) in &one.depth {
            self.add_depth(*channel, delta * times);
        }
        for (from, to, count) in &one.status {
            self.add_status(*from, *to, count * times);
        }
        for channel in &one.ready {
            if !self.ready.contains(channel) {
                self.ready.push(*channel);
            }
        }
    }

    /// Counts messages more or fewer at a channel.
    pub fn add_depth(&mut self, channel: Channel, delta: i64) {
        match self.depth.iter_mut().find(|(known, _)| *known == channel) {
            Some((_, sum)) => *sum += delta,
            None => self.depth.push((channel, delta)),
        }
    }

    fn add_status(&mut self, from: MessageStatus, to: MessageStatus, count: i64) {
        match self.status.iter_mut().find(|(f, t, _)| (*f, *t) == (from, to)) {
            Some((_, _, sum)) => *sum += count,
            None => self.status.push((from, to, count)),
        }
    }
}

/// The rows that an item has in the agenda on disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// Channel, position, messages.
    pub queued: Vec<(Channel, Position, u32)>,
    /// Channels.
    pub open: Vec<Channel>,
    /// When.
    pub due: Option<Timestamp>,
}

/// What is kept about a live item beside its state.
#[derive(Debug)]
pub struct Book {
    /// Appended changes that are not durable yet.
    pub pending: u32,
    /// Whether it stands in the list of dirty items.
    pub listed: bool,
    /// The first durable position that the disk's state lacks.
    pub first: Option<Position>,
    /// The last durable position in it.
    pub as_of: Position,
    /// The last position in the state that was read from disk.
    pub on_disk: Position,
    /// Since which position it waits at which channel.
    pub queued_at: Vec<(Channel, Position)>,
    /// What the agenda on disk has of it.
    pub written: Rows,
    /// When it was last asked for or changed.
    pub touched: Instant,
}

impl Book {
    /// Of an item that the disk does not have.
    pub fn new() -> Self {
        Self {
            pending: 0,
            listed: false,
            first: None,
            as_of: 0,
            on_disk: 0,
            queued_at: Vec::new(),
            written: Rows::default(),
            touched: Instant::now(),
        }
    }
}

/// The state of an item.
#[derive(Debug)]
pub enum Body {
    /// Of a single message, with its record.
    Single {
        /// The record.
        envelope: Arc<Envelope>,
        /// The state.
        state: State,
    },
    /// Of a chunk's rows.
    Chunk(Box<Vector>),
}

/// A live item.
#[derive(Debug)]
pub struct LiveItem {
    /// Its state.
    pub body: Body,
    /// What is kept beside it.
    pub book: Book,
}

impl LiveItem {
    /// A single message as it is before its first fact.
    pub fn single(envelope: Arc<Envelope>) -> Self {
        Self { body: Body::Single { envelope, state: State::default() }, book: Book::new() }
    }

    /// A chunk as it is.
    pub fn chunk(vector: Vector) -> Self {
        Self { body: Body::Chunk(Box::new(vector)), book: Book::new() }
    }

    /// Who sends.
    pub fn institution(&self) -> Institution {
        match &self.body {
            Body::Single { envelope, .. } => envelope.institution,
            Body::Chunk(vector) => vector.broadcast.institution,
        }
    }

    /// The strategy that it follows.
    pub fn strategy(&self) -> Arc<Strategy> {
        match &self.body {
            Body::Single { envelope, .. } => Arc::clone(&envelope.strategy),
            Body::Chunk(vector) => Arc::clone(&vector.broadcast.strategy),
        }
    }

    /// Its queue at a channel.
    pub fn queue(&self, channel: Channel) -> Queue {
        let (lane, flow) = match &self.body {
            Body::Single { envelope, .. } => (envelope.lane, Flow::SINGLES),
            Body::Chunk(vector) => (vector.broadcast.lane, Flow(vector.broadcast.id.number())),
        };
        Queue { channel, lane, institution: self.institution(), flow }
    }

    /// The state of the message, or of one row.
    pub fn state(&self, row: Option<u16>) -> Option<State> {
        match (&self.body, row) {
            (Body::Single { state, .. }, None) => Some(state.clone()),
            (Body::Chunk(vector), Some(row)) => vector.state(row),
            _ => None,
        }
    }

    /// Applies changes to the message, or to rows.
    pub fn apply(&mut self, rows: &[u16], changes: &[Change], effects: &mut Effects) {
        match &mut self.body {
            Body::Single { state, .. } => effects.apply(state, changes),
            Body::Chunk(vector) => vector.apply(rows.iter().copied(), changes, effects),
        }
        self.book.touched = Instant::now();
    }

    /// Cancels the rows of a chunk that wait for a step.
    pub fn cancel(&mut self) -> Effects {
        let mut effects = Effects::default();
        if let Body::Chunk(vector) = &mut self.body {
            vector.cancel(&mut effects);
        }
        self.book.touched = Instant::now();
        effects
    }

    /// What it waits for.
    pub fn tally(&self) -> Tally {
        match &self.body {
            Body::Single { envelope, state } => {
                let mut tally = Tally::default();
                tally.add(state, envelope.valid_until, 1);
                tally
            }
            Body::Chunk(vector) => vector.tally(),
        }
    }

    /// The rows that the agenda should have of it, given what it waits for.
    pub fn rows(&self, tally: &Tally) -> Rows {
        let position = |channel| self.book.queued_at.iter().find(|(known, _)| *known == channel);
        let queued = tally.queued.iter().filter_map(|(channel, count)| {
            let (_, position) = position(*channel)?;
            Some((*channel, *position, *count))
        });
        Rows { queued: queued.collect(), open: tally.open.clone(), due: tally.due }
    }
}

/// Keys are random in part, and made here: nobody can choose them so that they meet.
type Hashes = foldhash::fast::RandomState;

/// All live items, and the list of those that the disk lacks something of.
#[derive(Debug, Default)]
pub struct Live {
    /// The items by key.
    pub items: DashMap<u128, LiveItem, Hashes>,
    /// Keys of items with changes that are not written.
    pub dirty: Mutex<Vec<u128>>,
    totals: Mutex<HashMap<MessageStatus, i64>>,
}

impl Live {
    /// The state of a message, when it is live.
    pub fn state(&self, id: MessageId) -> Option<State> {
        let (item, row) = Item::holding(id);
        self.items.get(&item.key())?.state(row)
    }

    /// How many items are not written.
    pub fn dirty(&self) -> usize {
        lock(&self.dirty).len()
    }

    /// Puts keys in the list of dirty items.
    pub fn list(&self, keys: Vec<u128>) {
        if !keys.is_empty() {
            lock(&self.dirty).extend(keys);
        }
    }

    /// Counts messages that are new, or went from a status to another.
    pub fn count(&self, fresh: i64, moved: &[(MessageStatus, MessageStatus, i64)]) {
        if fresh == 0 && moved.is_empty() {
            return;
        }
        let mut totals = lock(&self.totals);
        *totals.entry(MessageStatus::Waiting).or_default() += fresh;
        for (from, to, count) in moved {
            *totals.entry(*from).or_default() -= count;
            *totals.entry(*to).or_default() += count;
        }
    }

    /// Messages by status since the start; those from before that moved on are left out.
    pub fn totals(&self) -> Vec<(MessageStatus, u64)> {
        let totals = lock(&self.totals);
        totals.iter().filter(|(_, count)| **count > 0).map(|(status, count)| (*status, *count as u64)).collect()
    }
}
