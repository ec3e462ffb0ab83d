//! What is on disk: the journal, what follows from it, and the keys and persons beside it.
//!
//! A fact is durable when a segment of the journal has it ([`segment`], written by [`writer`]).
//! Current states are made of facts: at once in memory ([`live`]), late on disk ([`flusher`]), and
//! again from the feed after a crash ([`recovery`]). Nothing outside this folder knows redb.
pub mod atomic;
pub mod backup;
#[doc(hidden)] // public for the bench of it
pub mod codec;
pub mod engine;
pub mod folder;
pub mod index;
pub mod keys;
pub mod mailbox;
pub mod notices;
pub mod persons;
pub mod register;
pub mod suppressions;
pub mod webhooks;

mod archive;
mod broadcasts;
mod database;
mod feed;
mod flusher;
mod former;
mod history;
mod indexes;
mod journal;
mod layout;
mod live;
mod look;
mod parked;
mod queues;
mod recent;
mod recovery;
mod retention;
mod room;
mod segment;
mod survey;
mod tail;
mod taken;
mod usage;
mod vector;
pub mod verify;
mod writer;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use arc_swap::ArcSwap;
use estafette_actors::domain::submission::Institution;
use estafette_actors::ports::Clock;
use hdrhistogram::Histogram;
use redb::Database;

use self::broadcasts::Broadcasts;
use self::folder::DataFolder;
use self::indexes::Indexes;
use self::live::Live;
use self::parked::Parked;
use self::queues::Queues;
pub use self::retention::Retention;
use self::room::Room;
use self::segment::Segments;
use self::usage::Books;

/// Why the store can't be opened, or a part of it not read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder is not ours to use.
    #[error(transparent)]
    Folder(#[from] folder::Error),
    /// An index.
    #[error(transparent)]
    Index(#[from] index::Error),
    /// A file of the journal.
    #[error("the journal can't be read or written ({0}): check the disk and restart")]
    Disk(#[from] Box<redb::Error>),
    /// The file system.
    #[error("the data folder can't be used ({0}): check the disk and the rights")]
    Io(#[from] std::io::Error),
    /// A record.
    #[error(transparent)]
    Record(#[from] codec::Error),
    /// Something that can't be; a defect of this program.
    #[error("{0}: this is a defect, please report it")]
    Invariant(&'static str),
}

macro_rules! from_redb {
    ($($error:ident),*) => {$(
        impl From<redb::$error> for Error {
            fn from(error: redb::$error) -> Self {
                Self::Disk(Box::new(error.into()))
            }
        }
    )*};
}

from_redb!(DatabaseError, TransactionError, TableError, StorageError, CommitError, SetDurabilityError);

/// Where the store lies, and its bounds.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The data folder.
    pub dir: PathBuf,
    /// A segment is closed when it takes more bytes than this,
    pub segment_bytes: u64,
    /// or is older than this.
    pub segment_age: Duration,
    /// How long a commit waits for more when there is more than one batch.
    pub trigger: Duration,
    /// Pages of the segment that is written, and of the derived state, kept in memory; each.
    pub cache_bytes: usize,
    /// How late derived states are written.
    pub flush_after: Duration,
    /// How long derived states may stay without a sync of their file: a crash replays so much.
    pub derived_sync: Duration,
    /// Items untouched for this long leave the memory once they are written.
    pub evict_after: Duration,
    /// Items not written at most; more is overload.
    pub max_dirty: usize,
    /// Facts that one commit takes at most.
    pub commit_facts: usize,
    /// Batches that wait for the writer at most.
    pub max_backlog: usize,
    /// Bytes that wait for the writer at most, roughly.
    pub max_backlog_bytes: usize,
    /// Bytes of the disk that are kept free of new messages; none for no bound.
    pub keep_free: u64,
    /// How long a receipt that matches nothing is kept.
    pub park_for: Duration,
    /// Receipts parked at most; the oldest goes for the newest.
    pub max_parked: usize,
    /// How long content and receipts are kept.
    pub keep: Retention,
    /// How long recipients, references and channels' references can be looked up.
    pub retention: Duration,
    /// How long an institution's events can be read at least, by their age.
    pub events_kept: Duration,
    /// How long an Idempotency-Key is known.
    pub idempotency_retention: Duration,
}

impl Settings {
    /// The usual bounds, in a folder.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        const DAY: Duration = Duration::from_secs(24 * 3600);
        Self {
            dir: dir.into(),
            segment_bytes: 512 << 20,
            segment_age: DAY,
            trigger: Duration::ZERO,
            cache_bytes: 64 << 20,
            flush_after: Duration::from_secs(1),
            derived_sync: Duration::from_secs(10),
            evict_after: Duration::from_secs(5),
            max_dirty: 131_072,
            commit_facts: 16_384,
            max_backlog: 4_096,
            max_backlog_bytes: 64 << 20,
            keep_free: 0,
            park_for: DAY * 3,
            max_parked: 100_000,
            keep: Retention::default(),
            retention: DAY * 90,
            events_kept: DAY * 30,
            idempotency_retention: DAY,
        }
    }
}

/// A mutex whose holder panicked is used on: what it guards is changed in one step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the threads and the readers share.
struct Inner {
    settings: Settings,
    /// What of the settings can be changed while it runs.
    keep: ArcSwap<Retention>,
    clock: Arc<dyn Clock>,
    folder: Arc<DataFolder>,
    segments: Segments,
    /// States and agenda, written late.
    derived: Database,
    indexes: Indexes,
    live: Live,
    queues: Queues,
    broadcasts: Broadcasts,
    parked: Parked,
    usage: Books,
    /// For those who follow the feed.
    news: feed::News,
    /// Batches on their way to the writer.
    orders: crossbeam_channel::Sender<writer::Order>,
    /// Held while a batch is applied and handed on, so that both happen in one order.
    owner: Mutex<journal::Owner>,
    backlog_bytes: AtomicUsize,
    room: Room,
    /// The last durable position whose bookkeeping is done.
    position: AtomicU64,
    /// Every fact up to here is in the derived state on disk.
    applied: AtomicU64,
    /// The number of the last batch that is durable, for readers that wait for it.
    durable: Mutex<u64>,
    durable_changed: Condvar,
    /// Who waits for the writer to begin another segment.
    rolls: Mutex<Vec<crossbeam_channel::Sender<()>>>,
    read_only: Mutex<Option<String>>,
    is_read_only: AtomicBool,
    next_broadcast: AtomicU32,
    flush_now: crossbeam_channel::Sender<flusher::Order>,
    /// Chunks that were read of late, decoded.
    rows: Mutex<archive::Decoded>,
    figures: Mutex<Figures>,
}

struct Figures {
    commits: u64,
    facts: u64,
    commit_us: Histogram<u64>,
    recovery_ms: u64,
}

impl Inner {
    /// Nothing is written from now on: the first reason counts.
    fn stop_writing(&self, reason: String) {
        let mut read_only = lock(&self.read_only);
        if read_only.is_none() {
            tracing::error!(%reason, "the journal is read-only from now on");
            *read_only = Some(reason);
        }
        drop(read_only);
        self.is_read_only.store(true, std::sync::atomic::Ordering::Release);
        self.durable_changed.notify_all();
    }
}

/// The durable store. Clones are one store; the last one that goes closes it.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
    threads: Arc<Threads>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("dir", &self.inner.settings.dir).finish_non_exhaustive()
    }
}

struct Threads {
    inner: Arc<Inner>,
    /// Its end is the end of the thread that lets go what is past its retention.
    keeping: Mutex<Option<(crossbeam_channel::Sender<()>, JoinHandle<()>)>>,
    writer: Mutex<Option<JoinHandle<()>>>,
    flusher: Mutex<Option<JoinHandle<()>>>,
}

impl Store {
    /// Opens the folder, makes good what a crash left, and starts the threads.
    pub fn open(settings: Settings, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let opened = recovery::open(settings, clock)?;
        let inner = Arc::new(opened.inner);
        let spawn = |name: &str, run: Box<dyn FnOnce() + Send>| {
            std::thread::Builder::new().name(name.to_owned()).spawn(run).map_err(Error::Io)
        };
        let (for_writer, for_flusher) = (Arc::clone(&inner), Arc::clone(&inner));
        let (orders, flushes) = (opened.orders, opened.flushes);
        let writer = spawn("journal", Box::new(move || writer::run(&for_writer, &orders)))?;
        let threads = Threads {
            inner: Arc::clone(&inner),
            writer: Mutex::new(Some(writer)),
            flusher: Mutex::default(),
            keeping: Mutex::default(),
        };
        let flusher = spawn("flusher", Box::new(move || flusher::run(&for_flusher, &flushes)))?;
        *lock(&threads.flusher) = Some(flusher);
        let (go_on, stop) = crossbeam_channel::bounded(0);
        let for_keeping = Arc::clone(&inner);
        let keeping = spawn("retention", Box::new(move || retention::run(&for_keeping, &stop)))?;
        *lock(&threads.keeping) = Some((go_on, keeping));
        Ok(Self { inner, threads: Arc::new(threads) })
    }

    /// Writes all that waits, and leaves files that open at once. Later appends are refused.
    pub fn close(self) {
        self.threads.stop();
    }

    /// Other retentions of institutions' contents from now on; those left out have the one of all.
    pub fn keep_content_of(&self, content_of: HashMap<Institution, Duration>) {
        let now = self.inner.keep.load_full();
        self.inner.keep.store(Arc::new(Retention { content_of, ..Retention::clone(&now) }));
    }

    /// How long an institution's contents are kept after settlement.
    pub fn keeps_content_of(&self, institution: Institution) -> Duration {
        self.inner.keep.load().of(institution)
    }

    /// The data folder, which belongs to this store as long as it is open.
    pub fn folder(&self) -> &Arc<DataFolder> {
        &self.inner.folder
    }
}

impl Threads {
    fn stop(&self) {
        if let Some((go_on, keeping)) = lock(&self.keeping).take() {
            drop(go_on);
            let _ = keeping.join();
        }
        // The writer before the flusher: what it makes durable, the flusher still writes.
        let _ = self.inner.orders.send(writer::Order::Stop);
        if let Some(writer) = lock(&self.writer).take() {
            let _ = writer.join();
        }
        let _ = self.inner.flush_now.send(flusher::Order::Stop);
        if let Some(flusher) = lock(&self.flusher).take() {
            let _ = flusher.join();
        }
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.stop();
    }
}

#[cfg(test)]
mod tests;
