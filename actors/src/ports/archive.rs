//! What is read of messages and broadcasts, off the arbiters: states, queues, and everything that a sender or an operator asks.
use std::collections::HashMap;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use super::Position;
use crate::domain::channel::Channel;
use crate::domain::fact::Fact;
use crate::domain::id::{AttemptRef, BroadcastId, ChunkId, Kind, MessageId};
use crate::domain::life::State;
use crate::domain::mobile::Mobile;
use crate::domain::month::Month;
use crate::domain::receipt::Receipt;
use crate::domain::status::{AttemptStatus, MessageStatus, WaitReason};
use crate::domain::submission::{Broadcast, Envelope, Identifier, Institution, Lane, Recipient};
use crate::domain::time::Timestamp;
use crate::domain::usage::Usage;

/// Why a read failed.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the archive can't be read: {0}")]
pub struct ArchiveError(pub String);

/// A message with its record and its state.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The record.
    pub envelope: Arc<Envelope>,
    /// The state when it was read; the live one counts.
    pub state: State,
}

/// What shares a sender's turns: its single messages together, or one of its broadcasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Flow(pub u32);

impl Flow {
    /// Single messages. Broadcasts are numbered from 1.
    pub const SINGLES: Self = Self(0);

    /// The one that a message belongs to.
    pub fn of(id: MessageId) -> Self {
        match id.kind() {
            Kind::Single => Self::SINGLES,
            Kind::Row { chunk, .. } => Self(chunk.broadcast.number()),
        }
    }
}

/// One queue at a channel: what waits there of one flow of a sender in one lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Queue {
    /// The channel.
    pub channel: Channel,
    /// The lane.
    pub lane: Lane,
    /// The sender.
    pub institution: Institution,
    /// Its single messages, or one of its broadcasts.
    pub flow: Flow,
}

/// Queues of a channel in which something was placed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct News {
    /// Each once. What was placed there can be read.
    pub queues: Vec<Queue>,
    /// Where to go on asking.
    pub until: u64,
}

/// How far a queue was read. Opaque to its user: `Default` is its beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    /// The position of the entry read last.
    pub position: Position,
    /// The entry itself.
    pub item: u128,
    /// In a chunk, the first row not read.
    pub row: u16,
}

/// A page of a queue, oldest first.
#[derive(Debug, Default)]
pub struct Page {
    /// What waits; all of it is live from now on.
    pub work: Vec<Loaded>,
    /// Where to go on; equal to the one given when the queue is at its end.
    pub cursor: Cursor,
}

/// One attempt, as people see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AttemptView {
    /// The step, from 0.
    pub step: u8,
    /// Attempts of this step that failed before.
    pub retry: u8,
    /// The channel.
    pub channel: Channel,
    /// The provider, where the channel has several and one was chosen.
    pub provider: Option<Box<str>>,
    /// Where it stands.
    pub status: AttemptStatus,
    /// When it began.
    pub started_at: Timestamp,
    /// When its status last moved.
    pub ended_at: Option<Timestamp>,
    /// The channel's own reference.
    pub channel_reference: Option<Box<str>>,
    /// The channel may have got it twice.
    pub possible_duplicate: bool,
}

/// A message, as people see it.
#[derive(Clone, Debug)]
pub struct MessageView {
    /// Its record.
    pub envelope: Arc<Envelope>,
    /// Its state.
    pub state: State,
    /// Its attempts, in the order in which they began.
    pub attempts: Vec<AttemptView>,
    /// When it was settled.
    pub settled_at: Option<Timestamp>,
    /// All its facts, in order.
    pub facts: Vec<Fact>,
}

/// Which messages to list. Newest first.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only of this recipient.
    pub recipient: Option<Identifier>,
    /// Only those with this name of a status (see [`MessageStatus::NAMES`]).
    pub status: Option<String>,
    /// Only those with this reference of the sender.
    pub reference: Option<String>,
    /// Only those older than this one: the cursor.
    pub after: Option<MessageId>,
    /// How many at most (1 to 500).
    pub limit: usize,
}

/// A page of a listing.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// The messages found.
    pub messages: Vec<Loaded>,
    /// Where to go on, when there may be more. A page may be short, even empty, and yet not the
    /// last: a look-up reads a bounded number of records.
    pub next: Option<MessageId>,
}

/// Why no step of a broadcast's rows may be begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// Its sender or an operator paused it.
    Paused,
    /// Its window is closed, until then.
    Closed(Timestamp),
}

impl Held {
    /// Whether a row that waits for a reason of its own waits for this one instead.
    pub fn holds(self, reason: WaitReason) -> bool {
        match self {
            Self::Paused => matches!(reason, WaitReason::Limit | WaitReason::Scheduled),
            // What is scheduled waits for its time first, which may be in the window.
            Self::Closed(_) => reason == WaitReason::Limit,
        }
    }

    /// The reason for which its rows wait.
    pub fn reason(self) -> WaitReason {
        match self {
            Self::Paused => WaitReason::Paused,
            Self::Closed(_) => WaitReason::WindowClosed,
        }
    }
}

/// Whether a broadcast is being filled, sent, or over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BroadcastPhase {
    /// Takes recipients.
    Draft,
    /// Started; rows wait or travel.
    Started,
    /// Cancelled; rows that had begun go on.
    Cancelled,
    /// Every row is settled.
    Done,
    /// Started, and held up by its sender or an operator: no step of a row is begun.
    Paused,
}

/// A broadcast, as people see it.
#[derive(Clone, Debug)]
pub struct BroadcastView {
    /// Its record.
    pub broadcast: Arc<Broadcast>,
    /// Its phase.
    pub phase: BroadcastPhase,
    /// Its chunks.
    pub chunks: u32,
    /// Its rows.
    pub rows: u64,
    /// Rows by name of status.
    pub by_status: HashMap<&'static str, u64>,
    /// When it was started.
    pub started_at: Option<Timestamp>,
    /// Why none of its rows may be begun now, when it is started.
    pub held: Option<Held>,
    /// Rows that were settled a second, of late; while it is held, those of the time before.
    pub per_second: Option<f64>,
    /// When every row is settled at that rate.
    pub expected_end: Option<Timestamp>,
}

/// One row's outcome.
#[derive(Clone, Debug)]
pub struct ReportRow {
    /// Its id.
    pub id: MessageId,
    /// The sender's key.
    pub key: Option<Box<str>>,
    /// Its state.
    pub state: State,
    /// Why it waits, when it does.
    pub waits: Option<WaitReason>,
}

/// Numbers parked receipts, in the order in which they came.
pub type Ticket = u64;

/// How much of a sender waits in a lane of a channel, over all its flows.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Depth {
    /// The channel.
    pub channel: Channel,
    /// The lane.
    pub lane: Lane,
    /// The sender.
    pub institution: Institution,
    /// Messages (rows of broadcasts counted each).
    pub messages: u64,
}

/// An attempt that a channel took, and of which it may still say more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Our reference there.
    pub reference: AttemptRef,
    /// To whom, as the record has it.
    pub recipient: Recipient,
    /// The channel's own reference.
    pub channel_reference: Box<str>,
}

/// A page of them, the newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TakenPage {
    /// What was found; a page may be empty, and yet not the last.
    pub taken: Vec<Taken>,
    /// Where to go on, when there may be more.
    pub next: Option<MessageId>,
}

/// Reads, off the arbiters. Each ends in bounded time and holds no transaction longer than a page.
pub trait Archive: Send + Sync {
    /// Loads messages and makes them live; `None` for those that are not known.
    fn load(&self, ids: Vec<MessageId>) -> BoxFuture<'static, Result<Vec<Option<Loaded>>, ArchiveError>>;

    /// The queues of a channel in which something was placed after an earlier look (0: all that are not empty). Kept in
    /// memory, and as much work as there is news.
    fn news(&self, channel: Channel, after: u64) -> News;

    /// Whether anything waits in a queue. Kept, not counted.
    fn waits(&self, queue: &Queue) -> bool;

    /// The next page of a queue: messages that wait there ready to go, after `cursor`.
    fn pull(&self, queue: Queue, cursor: Cursor, limit: usize) -> BoxFuture<'static, Result<Page, ArchiveError>>;

    /// Messages for which something fell due at or before `now`, earliest first, made live. They
    /// come again at the next call unless their state has moved on.
    fn due(&self, now: Timestamp, limit: usize) -> BoxFuture<'static, Result<Vec<Loaded>, ArchiveError>>;

    /// Messages with an attempt under way at a channel, after `after` in the order of ids, made live.
    fn open(
        &self,
        channel: Channel,
        after: Option<MessageId>,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<Loaded>, ArchiveError>>;

    /// A message with its history, if it is `owner`'s; the operator (`None`) sees all.
    fn message(
        &self,
        owner: Option<Institution>,
        id: MessageId,
    ) -> BoxFuture<'static, Result<Option<MessageView>, ArchiveError>>;

    /// Messages of `owner`; of all for the operator.
    fn list(&self, owner: Option<Institution>, filter: Filter) -> BoxFuture<'static, Result<Listing, ArchiveError>>;

    /// The message accepted under an idempotency key's hash.
    fn idempotent(&self, key: u64) -> BoxFuture<'static, Result<Option<MessageId>, ArchiveError>>;

    /// The attempts that channels know under these references of their own, in the same order. Of what was told within
    /// minutes also what is not durable yet: who goes by it appends behind it.
    fn attempts_of(
        &self,
        named: Vec<(Channel, Box<str>)>,
    ) -> BoxFuture<'static, Result<Vec<Option<AttemptRef>>, ArchiveError>>;

    /// Whose message went to a mobile number last, by whatever it named the citizen (see [`Change::WentTo`]).
    fn last_to(&self, _: Mobile) -> BoxFuture<'static, Result<Option<Institution>, ArchiveError>> {
        Box::pin(async { Ok(None) })
    }

    /// A broadcast, if it is `owner`'s.
    fn broadcast(
        &self,
        owner: Option<Institution>,
        id: BroadcastId,
    ) -> BoxFuture<'static, Result<Option<BroadcastView>, ArchiveError>>;

    /// Broadcasts of `owner`, of all for the operator, the newest first: those before `before`, at
    /// most `limit`.
    fn broadcasts(
        &self,
        _owner: Option<Institution>,
        _before: Option<BroadcastId>,
        _limit: usize,
    ) -> BoxFuture<'static, Result<Vec<BroadcastView>, ArchiveError>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    /// Everybody's facts after `after`, in order, with the position of each, for the operator.
    /// Facts of one position come together, so a page may hold some more than `limit`.
    fn tail(&self, _after: Position, _limit: usize) -> BoxFuture<'static, Result<Vec<(Position, Fact)>, ArchiveError>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    /// The rows of a chunk with their states; empty past the last chunk.
    fn report(&self, chunk: ChunkId) -> BoxFuture<'static, Result<Vec<ReportRow>, ArchiveError>>;

    /// Single messages accepted from `since` on whose last attempt at a channel is sent or delivered and was not read:
    /// a page, after `before`.
    fn taken(
        &self,
        _: Channel,
        _since: Timestamp,
        _before: Option<MessageId>,
    ) -> BoxFuture<'static, Result<TakenPage, ArchiveError>> {
        Box::pin(async { Ok(TakenPage::default()) })
    }

    /// The rows of a chunk of which that is so.
    fn taken_rows(&self, _: Channel, _: ChunkId) -> BoxFuture<'static, Result<Vec<Taken>, ArchiveError>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    /// Rows whose key came before in the broadcast, found by sorting hashes of the keys.
    fn duplicates(&self, id: BroadcastId) -> BoxFuture<'static, Result<Vec<MessageId>, ArchiveError>>;

    /// What waits, by queue. Kept, not counted.
    fn depths(&self) -> Vec<Depth>;

    /// Messages by status as counted since this process started, for people: of those that were there
    /// before, only what moved since. Kept, not counted.
    fn totals_since_start(&self) -> Vec<(MessageStatus, u64)>;

    /// What `owner` used of each channel in each of these months, both included, in the order of months and channels;
    /// the operator (`None`) sees everybody's. Of what is durable. Kept, not counted.
    fn usage(&self, _owner: Option<Institution>, _from: Month, _until: Month) -> Vec<Usage> {
        Vec::new()
    }

    /// Receipts parked under a channel's own reference. They stay until [`Self::unpark`].
    fn parked(&self, channel: Channel, channel_reference: &str) -> Vec<(Ticket, Receipt)>;

    /// Parked receipts after a ticket (none: from the first on), the oldest first.
    fn parked_after(&self, after: Option<Ticket>, limit: usize) -> Vec<(Ticket, Receipt)>;

    /// Lets parked receipts go, once what they say is durable.
    fn unpark(&self, tickets: &[Ticket]);
}
