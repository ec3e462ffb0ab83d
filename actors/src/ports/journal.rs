//! The log: the one entry through which anything becomes durable.
//!
//! Invariant: what a [`Batch`] is told is on disk, whole, in the order in which it was appended.
use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use super::{BroadcastPhase, Held, PackedRows};
use crate::domain::fact::Change;
use crate::domain::id::{BroadcastId, ChunkId, MessageId};
use crate::domain::inbound::Heard;
use crate::domain::life::State;
use crate::domain::mobile::Mobile;
use crate::domain::receipt::Receipt;
use crate::domain::submission::{Broadcast, Envelope, Institution, Row};
use crate::domain::time::Timestamp;
use crate::latency::Quantiles;

/// A place in the feed; grows with each value written, from 1.
pub type Position = u64;

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
