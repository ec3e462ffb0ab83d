//! What the edges implement for the actors, and what faces may ask. The actors know these
//! interfaces and nothing behind them.
use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use crate::domain::channel::Channel;
use crate::domain::content::Rendition;
use crate::domain::event::{Event, Place, Wanted};
use crate::domain::fact::{Change, Fact};
use crate::domain::failure::Failure;
use crate::domain::id::{AttemptRef, BroadcastId, ChunkId, Kind, MessageId};
use crate::domain::inbound::{Heard, Inbound};
use crate::domain::jwe::Receiver;
use crate::domain::life::{Outcome, State};
use crate::domain::mobile::Mobile;
use crate::domain::month::Month;
use crate::domain::receipt::Receipt;
use crate::domain::status::{AttemptStatus, MessageStatus, WaitReason};
use crate::domain::submission::{Broadcast, Envelope, Identifier, Institution, Lane, Recipient, Row};
use crate::domain::time::Timestamp;
use crate::domain::usage::Usage;
use crate::domain::webhook::{Progress, Webhook};
use crate::latency::Quantiles;
use crate::messages::Refused;

pub mod mailbox;
mod packed;
pub mod register;
mod suppressions;

pub use packed::PackedRows;
pub use suppressions::{Bar, Suppressed, Suppression, SuppressionError, Suppressions, Unsuppressed};

/// A place in the feed; grows with each value written, from 1.
pub type Position = u64;

/// Tells the time. Injected, so that tests have their own.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// The clock of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}

// ---- Journal ------------------------------------------------------------------------------

/// Why the journal takes nothing (more). Once read-only, it stays so until a restart.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum JournalError {
    /// A commit failed; nothing after it was promised to anyone.
    #[error("the journal is read-only since a commit failed: {0}; mend the disk and restart")]
    ReadOnly(String),
    /// So little of the disk is free that nothing new is taken; what was taken goes on.
    #[error("the disk is nearly full; make room, or try again later")]
    Full,
    /// More is under way than the queue to the writer holds.
    #[error("the journal has too much to write; try again later")]
    Overloaded,
}

/// One thing for the writer. The changes are applied to live states in the order of appending.
#[derive(Clone, Debug)]
pub enum Entry {
    /// A new single message; the first change is `Accepted`.
    Message {
        /// Its record.
        envelope: Arc<Envelope>,
        /// What follows from its acceptance.
        changes: Vec<Change>,
    },
    /// What happened to a message that is live (see [`Journal::live`]).
    Changes {
        /// The message, single or row.
        id: MessageId,
        /// What happened.
        changes: Vec<Change>,
    },
    /// The same happened to several live rows of a chunk.
    Rows {
        /// The chunk.
        chunk: ChunkId,
        /// Places of the rows, ascending.
        rows: Vec<u16>,
        /// What happened to each.
        changes: Vec<Change>,
    },
    /// A new broadcast.
    Broadcast(Arc<Broadcast>),
    /// The next chunk of a broadcast that was not started.
    Chunk {
        /// Which broadcast; its chunks are numbered as they come.
        broadcast: BroadcastId,
        /// Its rows, at most [`crate::domain::id::MAX_CHUNK_ROWS`] and about 262,000 bytes.
        rows: PackedRows,
    },
    /// The broadcast is started: `duplicates` are rows whose key came before.
    Start {
        /// Which.
        broadcast: BroadcastId,
        /// Rows that are settled at once as duplicates.
        duplicates: Vec<MessageId>,
    },
    /// The broadcast is cancelled: rows that wait for a step are settled as cancelled.
    CancelBroadcast(BroadcastId),
    /// No step of the broadcast's rows is begun until it goes on.
    PauseBroadcast(BroadcastId),
    /// The broadcast goes on.
    ResumeBroadcast(BroadcastId),
    /// A receipt that matches nothing yet.
    Park(Receipt),
    /// What concerns an institution, and none of its messages: it goes into the feed and changes no state.
    Tell {
        /// Which.
        institution: Institution,
        /// What happened.
        change: Change,
    },
    /// What a citizen wrote, to the institution if one is known.
    Heard(Option<Institution>, Heard),
}

/// What is told after the commit, on the writer's thread: quick, and never blocking.
pub type After = Box<dyn FnOnce(Result<Position, JournalError>) + Send>;

/// Entries that become durable together.
pub struct Batch {
    /// When, as the owner of the partition decided.
    pub at: Timestamp,
    /// What.
    pub entries: Vec<Entry>,
    /// Called once, after the commit that holds them, or when it failed.
    pub after: After,
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch").field("at", &self.at).field("entries", &self.entries.len()).finish_non_exhaustive()
    }
}

/// The durable log and the live states, written by one owner (the supervisor of the partition).
pub trait Journal: Send + Sync {
    /// Applies the batch's changes to the live states at once, and hands it to the writer. An
    /// error means that nothing of it was applied; `after` is dropped uncalled then.
    fn append(&self, batch: Batch) -> Result<(), JournalError>;

    /// Puts a row of a broadcast, as the journal keeps it, behind these bytes. Any thread may do it.
    fn pack(&self, row: &Row, bytes: &mut Vec<u8>);

    /// The live state of a message: present from its acceptance, or from [`Archive::load`], until
    /// some seconds after its last change was written. Never reads the disk.
    fn live(&self, id: MessageId) -> Option<State>;

    /// The record of a broadcast that is known in memory (all that are not over).
    fn broadcast(&self, id: BroadcastId) -> Option<Arc<Broadcast>>;

    /// The phase of a broadcast that is known in memory. Never reads the disk.
    fn phase(&self, _: BroadcastId) -> Option<BroadcastPhase> {
        None
    }

    /// Why no step of a broadcast's rows may be begun now. Never reads the disk. Who asks before it begins one need not
    /// ask again: [`Self::has_opened`] tells when a window that was found closed has opened.
    fn held(&self, _: BroadcastId, _now: Timestamp) -> Option<Held> {
        None
    }

    /// Drafts of broadcasts whose validity has passed, at most so many. Looks at every broadcast in memory: now and then.
    fn expired_drafts(&self, _now: Timestamp, _most: usize) -> Vec<BroadcastId> {
        Vec::new()
    }

    /// Whether a window opened that somebody found closed: said once. Also when the clock was set back, since what
    /// was found closed may be open at the time that it is again.
    fn has_opened(&self, _now: Timestamp) -> bool {
        false
    }

    /// A mobile number as facts hold it: a keyed hash. None where none is kept.
    fn hash_of(&self, _: Mobile) -> Option<u64> {
        None
    }

    /// A number for a new broadcast, greater than all before.
    fn next_broadcast(&self) -> u32;

    /// Bytes of new messages that the disk still has room for.
    fn room(&self) -> u64 {
        u64::MAX
    }

    /// Why nothing can be written, when that is so.
    fn read_only(&self) -> Option<String>;

    /// The last position that is durable.
    fn position(&self) -> Position {
        self.figures().position
    }

    /// What `INFO` and the metrics tell about it.
    fn figures(&self) -> JournalFigures;
}

/// The journal in figures.
#[derive(Clone, Debug, Default, Serialize)]
pub struct JournalFigures {
    /// The last position that is durable.
    pub position: Position,
    /// Commits since the start.
    pub commits: u64,
    /// Facts since the start.
    pub facts: u64,
    /// Microseconds of the median commit of late.
    pub commit_p50_us: u64,
    /// Microseconds of the commit at the 99th percentile of late.
    pub commit_p99_us: u64,
    /// Commits by what they took.
    #[serde(skip)]
    pub commit: Quantiles,
    /// States changed and not written at most: more is overload.
    #[serde(skip)]
    pub dirty_most: usize,
    /// Batches that wait for the writer at most.
    #[serde(skip)]
    pub backlog_most: usize,
    /// Segments on disk, the one written included.
    pub segments: u32,
    /// Bytes on disk.
    pub bytes: u64,
    /// Live states in memory.
    pub live: usize,
    /// States changed and not written yet.
    pub dirty: usize,
    /// Batches that wait for the writer.
    pub backlog: usize,
    /// Receipts parked.
    pub parked: usize,
    /// Milliseconds that the recovery at the start took.
    pub recovery_ms: u64,
}

// ---- Archive ------------------------------------------------------------------------------

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

// ---- Feed ---------------------------------------------------------------------------------

/// Why a page of the feed can't be given.
#[derive(Clone, Debug, thiserror::Error)]
pub enum FeedError {
    /// What came after the place is not kept any more.
    #[error("what came after this place is not kept any more; begin at the oldest event that is kept")]
    TooOld,
    /// A read failed.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
}

/// A page of an institution's events, oldest first.
#[derive(Clone, Debug, Default)]
pub struct FeedPage {
    /// The events wanted.
    pub events: Vec<Event>,
    /// Where to go on: everything up to here was looked at.
    pub next: Place,
    /// Whether there was more at that time. A page may be short, even empty, and yet not the last.
    pub has_more: bool,
}

/// Each institution's events, without gaps: what is durable, in the order in which it became so.
/// No read outlives its page.
pub trait Feed: Send + Sync {
    /// The events of `owner` after a place, at most `limit`.
    fn page(
        &self,
        owner: Institution,
        after: Place,
        wanted: Wanted,
        limit: usize,
    ) -> BoxFuture<'static, Result<FeedPage, FeedError>>;

    /// The place before the oldest event that is kept.
    fn oldest(&self) -> Place;

    /// The place behind everything that is durable now.
    fn newest(&self) -> Place;

    /// The last position that holds something of `owner`; `None` when that is not known in memory.
    fn last_of(&self, owner: Institution) -> Option<Position>;

    /// Changes with each commit.
    fn commits(&self) -> tokio::sync::watch::Receiver<Position>;
}

// ---- Webhooks -----------------------------------------------------------------------------

/// Keeps webhooks and how far each was told. Every call may block, and is durable when it returns.
pub trait Webhooks: Send + Sync {
    /// All of them.
    fn load(&self) -> Result<Vec<(Webhook, Progress)>, ArchiveError>;

    /// Keeps one, new or changed, with its progress where that changes too.
    fn put(&self, webhook: &Webhook, progress: Option<&Progress>) -> Result<(), ArchiveError>;

    /// Forgets one.
    fn remove(&self, institution: Institution, name: &str) -> Result<(), ArchiveError>;

    /// Keeps how far several were told, in one commit; those that are not known are left out.
    fn note(&self, notes: &[(Institution, Box<str>, Progress)]) -> Result<(), ArchiveError>;
}

/// What a webhook is told.
#[derive(Clone, Debug)]
pub enum Notice {
    /// Something happened.
    Event(Event),
    /// Nothing did: the owner tries it out.
    Test(Timestamp),
}

/// One call.
#[derive(Clone, Debug)]
pub struct Call {
    /// To whom.
    pub webhook: Arc<Webhook>,
    /// When: goes into the signature.
    pub at: Timestamp,
    /// What.
    pub notice: Notice,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Called {
    /// Taken: the endpoint said 2xx.
    Delivered(u16),
    /// The endpoint wants no more (410).
    Gone,
    /// Anything else.
    Failed {
        /// The status code, when there was an answer.
        status: Option<u16>,
        /// Why, for people.
        reason: Box<str>,
        /// When the endpoint wants to be called again.
        retry_after: Option<Duration>,
    },
}

/// Calls endpoints. It owns its connections and its time limits; every future ends.
pub trait Announce: Send + Sync {
    /// Calls one.
    fn call(&self, call: Call) -> BoxFuture<'static, Called>;

    /// Whether an address can be a webhook's, by its form; why not, for people.
    fn acceptable(&self, url: &str) -> Result<(), String>;
}

// ---- Transport ----------------------------------------------------------------------------

/// What a transport is given to send.
#[derive(Clone, Debug)]
pub struct Letter {
    /// Our reference at the channel.
    pub reference: AttemptRef,
    /// The sender.
    pub institution: Institution,
    /// The recipient, with what the registry added.
    pub recipient: Recipient,
    /// The content in the language chosen.
    pub rendition: Rendition,
    /// The whole content, for channels that take several languages.
    pub envelope: Arc<Envelope>,
    /// The channel may have it already.
    pub possible_duplicate: bool,
}

/// A device of a recipient, and the key that its content is encrypted with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiverKey {
    /// The device.
    pub receiver: Receiver,
    /// The modulus of its RSA-2048 key, 256 bytes; the exponent is 65537.
    pub modulus: Vec<u8>,
}

/// What a channel can say of an attempt of unknown outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inquiry {
    /// It has it.
    Known(AttemptStatus, Option<Box<str>>),
    /// It does not have it.
    NotFound,
    /// It can't tell (or didn't answer).
    CannotTell,
}

/// A request that claims to come from a channel.
#[derive(Clone, Debug, Default)]
pub struct CallbackRequest {
    /// GET or POST.
    pub method: String,
    /// The query, decoded.
    pub query: Vec<(String, String)>,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// Why a callback is refused.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum CallbackError {
    /// Without the secret, or with a wrong one.
    #[error("the callback does not carry the secret of this provider")]
    Secret,
    /// Not in the provider's form.
    #[error("the callback is not in the provider's form: {0}")]
    Form(String),
    /// This provider sends none.
    #[error("this provider sends no callbacks")]
    None,
}

/// Receipts of a callback, and how many of its parts said nothing of use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// What was said.
    pub receipts: Vec<Receipt>,
    /// Parts without a status that means something here.
    pub ignored: usize,
}

/// Where a transport with a connection of its own tells what it hears there. Each future ends when all of it is durable:
/// only then may the channel be told that it was heard. A refusal passes: the channel says it again.
pub trait Ear: Send + Sync {
    /// Receipts.
    fn receipts(&self, receipts: Vec<Receipt>) -> BoxFuture<'static, Result<(), Refused>>;

    /// Messages of citizens.
    fn inbound(&self, inbound: Vec<Inbound>) -> BoxFuture<'static, Result<(), Refused>>;
}

/// How a provider does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProviderState {
    /// A letter can go, and it does as well as the others.
    Up,
    /// Others do clearly better, or it is on its way back: it has less than its share.
    Worse,
    /// No letter can go: no connection stands, or its last letters all failed.
    Down,
}

impl ProviderState {
    /// The name, as it is shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Worse => "worse",
            Self::Down => "down",
        }
    }
}

/// Connections that a provider keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Binds {
    /// That stand now.
    pub bound: usize,
    /// That should.
    pub wanted: usize,
}

/// A provider of a channel, as operators see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProviderView {
    /// Its name in the configuration, or that of its kind when it stands alone.
    pub name: Box<str>,
    /// Its kind, as in `POST /v1/callbacks/{provider}`.
    pub provider: &'static str,
    /// How it does.
    pub state: ProviderState,
    /// Its weight among the providers of the channel.
    pub weight: u32,
    /// How much of its weight counts now, in sixteenths: less while others do better.
    pub share: u8,
    /// Its connections, where it keeps some.
    pub binds: Option<Binds>,
    /// Milliseconds until it answers a letter, of late; `None` before the first.
    pub answers_in_ms: Option<u64>,
    /// Letters of a hundred that it failed itself, of late.
    pub failing_percent: u8,
    /// Receipts of a hundred that told of a failure, of late.
    pub undelivered_percent: u8,
}

/// One provider of a channel. It owns its connections and its time limits; every future ends.
pub trait Transport: Any + Send + Sync {
    /// The channel.
    fn channel(&self) -> Channel;

    /// The provider's name, as in `POST /v1/callbacks/{provider}`.
    fn provider(&self) -> &'static str;

    /// Hands a letter to the channel. Finding the recipient unreachable is an outcome:
    /// `Is(Failed(Unreachable))`.
    fn send(&self, letter: Letter) -> BoxFuture<'static, Outcome>;

    /// Hands a letter to the channel, and tells over which provider it went, where there are several.
    fn send_via(&self, letter: Letter) -> BoxFuture<'static, (Outcome, Option<Box<str>>)> {
        let sent = self.send(letter);
        Box::pin(async move { (sent.await, None) })
    }

    /// Whether a letter could go now, as far as is known without asking.
    fn is_ready(&self) -> bool {
        true
    }

    /// The receipts of a callback request to a provider of this channel; `None` when it is not one of them.
    fn receipts_of(&self, provider: &str, request: &CallbackRequest) -> Option<Result<Received, CallbackError>> {
        (provider == self.provider()).then(|| self.receipts(request))
    }

    /// Characters of a text that the channel takes at most, where it has a bound below that of a content.
    fn longest_text(&self) -> Option<usize> {
        None
    }

    /// Ends its connections as the channel wants it, where it has any, in bounded time. What is sent after it fails.
    fn close(&self) -> Option<BoxFuture<'static, ()>> {
        None
    }

    /// What the channel knows of an attempt.
    fn inquire(&self, letter: Letter) -> BoxFuture<'static, Inquiry>;

    /// What [`Self::inquire`] can answer, for people.
    fn can_tell(&self) -> &'static str;

    /// Whether a message goes to a simulated channel beside the live one: how that fares says nothing of
    /// the channel, and it costs nothing.
    fn rehearses(&self, _: &Envelope) -> bool {
        false
    }

    /// The devices of a recipient with their public keys, where the channel encrypts end to end.
    fn receivers(&self, _: Recipient) -> Option<BoxFuture<'static, Result<Vec<ReceiverKey>, Failure>>> {
        None
    }

    /// The receipts of a callback request, after its secret was checked.
    fn receipts(&self, request: &CallbackRequest) -> Result<Received, CallbackError>;

    /// Asks for receipts since `since`, where the channel has to be asked; otherwise `None`.
    fn poll(&self, since: Timestamp) -> Option<BoxFuture<'static, Result<Vec<Receipt>, String>>>;

    /// For how long, and of how many letters, the channel is asked what became of them, where it has to be asked about
    /// each: of those that it took before the start it is reminded.
    fn remembers(&self) -> Option<(Duration, usize)> {
        None
    }

    /// What the channel took before the start.
    fn remember(&self, _: Vec<Taken>) {}

    /// Keeps the channel's connections, where it has some that outlive a letter, and tells what is heard there. Never ends;
    /// it is dropped at the stop.
    fn listen(&self, _: Arc<dyn Ear>) -> Option<BoxFuture<'static, ()>> {
        None
    }

    /// The providers behind it, each with how it does.
    fn providers(&self) -> Vec<ProviderView> {
        let state = if self.is_ready() { ProviderState::Up } else { ProviderState::Down };
        vec![ProviderView {
            name: self.provider().into(),
            provider: self.provider(),
            state,
            weight: 1,
            share: crate::domain::balance::FULL,
            binds: None,
            answers_in_ms: None,
            failing_percent: 0,
            undelivered_percent: 0,
        }]
    }

    /// Country prefixes that it may be used for, ascending; `None` for all.
    fn countries(&self) -> Option<Vec<u16>> {
        None
    }

    /// Another configuration: gives what takes this one's place, made of `newer` and of what is set up alike here, such as
    /// connections that need not be broken. Changes nothing yet.
    fn replaced_by(&self, newer: Arc<dyn Transport>) -> Arc<dyn Transport> {
        newer
    }

    /// Its letters have all ended, and those to come go to its heir: closes what the heir did not take over, once what may
    /// still be heard there was heard. Its part of [`Self::listen`] ends then.
    fn retire(&self, _heir: Arc<dyn Transport>) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// How long to wait between polls, and how far each looks back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Polling {
    /// Between two polls.
    pub every: Duration,
    /// Overlap with the time before, since channels' clocks differ.
    pub overlap: Duration,
}
