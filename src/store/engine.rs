//! Tables whose changes are durable in a log at once and reach their places late, in sorted runs: redb pays up to seventeen times
//! more for keys in random order, and the keys of a register are nothing else.
//!
//! How to use it: name the tables once ([`Settings::tables`]); change them with [`Engine::change`], whose closure runs on the one
//! writer thread, sees everything that was decided before it, and is durable, whole, when the future ends; read with
//! [`Engine::get`] and [`Engine::scan`] from any thread, which see each change from when it is durable. A large import whose keys
//! are sorted goes straight to the tables with [`Engine::bulk`]. Keys and values are bytes; keys sort as bytes.
//!
//! Invariant: what was answered is in the log or in the tables, on disk. The tables say up to which place of the log they are true;
//! opening replays the rest. A commit that fails ends all writing, with its reason, until a restart reads the disk.
//! It must not know what is in the tables, and a closure must not block: everybody waits for it.
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Sender, TrySendError};
use redb::Database;
use tokio::sync::oneshot;

use self::overlay::Overlay;
use self::writer::Order;
use super::room::Room;

mod draft;
mod files;
mod flusher;
mod log;
mod overlay;
mod writer;

pub use self::draft::Draft;

/// A table, by its place in [`Settings::tables`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Table(pub u8);

/// A value; cheap to clone.
pub type Value = Arc<[u8]>;

/// Runs on the writer thread before the changes of each commit, and after [`Engine::ride_within`]: what it puts rides along. It
/// says within which time it wants to ride again, unless there is a commit before.
pub type Rider = Box<dyn FnMut(&mut Draft<'_>) -> Result<Option<Duration>, Error> + Send>;

/// Where the files lie, and the bounds.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The folder of both files.
    pub dir: PathBuf,
    /// `NAME.redb` has the tables, `NAME.log.redb` the log.
    pub name: &'static str,
    /// The tables. Their places are part of the format: a new one goes to the end.
    pub tables: &'static [&'static str],
    /// Pages of the tables kept in memory, in bytes.
    pub cache_bytes: usize,
    /// How late changes reach the tables.
    pub flush_after: Duration,
    /// Bytes of the log that the tables lack at most: what a crash replays, and, a few times over, memory. More waits.
    pub most_unwritten: usize,
    /// Changes that wait for the writer at most; more are refused.
    pub waiting: usize,
    /// Changes in one commit at most.
    pub group: usize,
    /// Bytes of the disk kept free of new changes; none for no bound.
    pub keep_free: u64,
}

impl Settings {
    /// The usual bounds.
    pub fn new(dir: impl Into<PathBuf>, name: &'static str, tables: &'static [&'static str]) -> Self {
        Self {
            dir: dir.into(),
            name,
            tables,
            cache_bytes: 64 << 20,
            flush_after: Duration::from_secs(1),
            most_unwritten: 64 << 20,
            waiting: 4_096,
            group: 1_024,
            keep_free: 0,
        }
    }

    /// The file of the tables.
    pub fn tables_path(&self) -> PathBuf {
        self.dir.join(format!("{}.redb", self.name))
    }

    /// The file of the log.
    pub fn log_path(&self) -> PathBuf {
        self.dir.join(format!("{}.log.redb", self.name))
    }
}

/// Why something is not read or not changed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// More waits than may wait.
    #[error("too many changes wait to be written: try again in a second")]
    Overloaded,
    /// Writing has ended.
    #[error("nothing is written any more ({0}): check the disk and restart")]
    ReadOnly(String),
    /// The disk has less room than is kept free.
    #[error("the disk is nearly full: free some of it")]
    Full,
    /// A file.
    #[error("{} can't be used: check the disk and restart ({reason})", path.display())]
    Disk {
        /// Which.
        path: PathBuf,
        /// What the store said.
        reason: String,
    },
    /// A record that says nothing to this program.
    #[error("{} holds a record that this estafette can't read: start the newer one that wrote it, or restore a backup", .0.display())]
    Damaged(PathBuf),
    /// The log begins after the place up to which the tables are true.
    #[error("{} lacks changes that its tables don't have: restore both files from one backup", .0.display())]
    Gap(PathBuf),
    /// A closure panicked; nothing of it was kept.
    #[error("a change was given up half-way, and nothing of it kept: this is a defect, please report it")]
    Defect,
}

/// What the threads and the readers share.
struct Shared {
    settings: Settings,
    /// Before the files: it holds a view of one.
    overlay: RwLock<Overlay>,
    tables: Database,
    log: Database,
    /// Held by whoever writes the tables, from what he takes until readers see it there.
    flushing: Mutex<()>,
    /// The place in the log up to which the tables are true, on disk.
    applied: AtomicU64,
    /// Held while waiting for the flusher.
    waiting: Mutex<()>,
    caught_up: Condvar,
    flush_now: Sender<flusher::Order>,
    room: Room,
    read_only: OnceLock<String>,
    /// The writer has ended; the flusher has one round to go.
    is_closed: AtomicBool,
}

impl Shared {
    fn stop_writing(&self, reason: String) {
        if self.read_only.set(reason.clone()).is_ok() {
            tracing::error!(name = self.settings.name, %reason, "read-only from now on");
        }
        self.caught_up.notify_all();
    }

    /// A commit failed.
    fn stopped(&self, error: &redb::Error) -> Error {
        self.stop_writing(error.to_string());
        Error::ReadOnly(error.to_string())
    }

    fn writable(&self) -> Result<(), Error> {
        self.read_only.get().map_or(Ok(()), |reason| Err(Error::ReadOnly(reason.clone())))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What these guard is changed in one step.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The engine. Clones are one; the last one that goes closes it.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
    orders: Sender<Order>,
    threads: Arc<Threads>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("name", &self.shared.settings.name).finish_non_exhaustive()
    }
}

struct Threads {
    shared: Arc<Shared>,
    orders: Sender<Order>,
    writer: Mutex<Option<JoinHandle<()>>>,
    flusher: Mutex<Option<JoinHandle<()>>>,
}

impl Engine {
    /// Opens the files, or makes them, and takes from the log what the tables lack.
    pub fn open(settings: Settings, riders: Vec<Rider>) -> Result<Self, Error> {
        let (flush_now, flushes) = crossbeam_channel::bounded(1);
        let opened = files::open(&settings)?;
        let room = Room::new(&settings.dir, settings.keep_free);
        let (orders, taken) = crossbeam_channel::bounded(settings.waiting);
        let shared = Arc::new(Shared {
            settings,
            overlay: RwLock::new(opened.overlay),
            tables: opened.tables,
            log: opened.log,
            flushing: Mutex::default(),
            applied: AtomicU64::new(opened.applied),
            waiting: Mutex::default(),
            caught_up: Condvar::new(),
            flush_now,
            room,
            read_only: OnceLock::new(),
            is_closed: AtomicBool::new(false),
        });
        let threads = Threads {
            shared: Arc::clone(&shared),
            orders: orders.clone(),
            writer: Mutex::default(),
            flusher: Mutex::default(),
        };
        let (for_writer, for_flusher) = (Arc::clone(&shared), Arc::clone(&shared));
        let name = shared.settings.name;
        let failed =
            |error: std::io::Error| Error::Disk { path: shared.settings.dir.clone(), reason: error.to_string() };
        let spawn = |end: &str, run: Box<dyn FnOnce() + Send>| {
            std::thread::Builder::new().name(format!("{name}-{end}")).spawn(run).map_err(failed)
        };
        *lock(&threads.writer) = Some(spawn("log", Box::new(move || writer::run(&for_writer, &taken, riders)))?);
        *lock(&threads.flusher) = Some(spawn("tables", Box::new(move || flusher::run(&for_flusher, &flushes)))?);
        Ok(Self { shared, orders, threads: Arc::new(threads) })
    }

    /// Decides on the writer thread what to change. Ends when it is durable and every reader sees it. An error of the closure drops
    /// what it put, and nothing else. It is asked for when this returns: a future that is dropped changes nothing of that.
    pub fn change<T, E>(
        &self,
        decide: impl FnOnce(&mut Draft<'_>) -> Result<T, E> + Send + 'static,
    ) -> impl Future<Output = Result<T, E>> + Send + 'static
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        self.ask(Order::Change, decide)
    }

    /// As [`Engine::change`], for very many changes at once: they go to the tables in one durable commit, and not through the log.
    /// In the order of the keys it is fast; all others wait meanwhile.
    pub fn bulk<T, E>(
        &self,
        decide: impl FnOnce(&mut Draft<'_>) -> Result<T, E> + Send + 'static,
    ) -> impl Future<Output = Result<T, E>> + Send + 'static
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        self.ask(Order::Bulk, decide)
    }

    fn ask<T, E>(
        &self,
        order: impl FnOnce(writer::Decide) -> Order,
        decide: impl FnOnce(&mut Draft<'_>) -> Result<T, E> + Send + 'static,
    ) -> impl Future<Output = Result<T, E>> + Send + 'static
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let (tell, told) = oneshot::channel();
        let decide: writer::Decide = Box::new(move |draft| {
            let outcome = decide(draft);
            if outcome.is_ok() {
                draft.keep();
            } else {
                draft.discard();
            }
            Box::new(move |committed| {
                // Who asked may have gone.
                let _ = tell.send(committed.map_err(E::from).and(outcome));
            })
        });
        let sent = self.admit().and_then(|()| {
            self.orders.try_send(order(decide)).map_err(|error| match error {
                TrySendError::Full(_) => Error::Overloaded,
                TrySendError::Disconnected(_) => closed(),
            })
        });
        let shared = Arc::clone(&self.shared);
        async move {
            sent?;
            told.await.unwrap_or_else(|_| {
                // What came between the writer's last look and its end was not taken.
                let is_closed = shared.is_closed.load(Ordering::Acquire);
                Err(if is_closed { closed() } else { Error::Defect }.into())
            })
        }
    }

    fn admit(&self) -> Result<(), Error> {
        self.shared.writable()?;
        if self.shared.is_closed.load(Ordering::Acquire) {
            return Err(closed());
        }
        if self.shared.room.left() == 0 { Err(Error::Full) } else { Ok(()) }
    }

    /// Lets the riders ride within a time, with whatever is committed before.
    pub fn ride_within(&self, within: Duration) {
        // When the queue is full there is a commit soon.
        let _ = self.orders.try_send(Order::Ride(Instant::now() + within));
    }

    /// A value, as the last durable change left it. Reads a page of the disk at most, and waits for no writer.
    pub fn get(&self, table: Table, key: &[u8]) -> Result<Option<Value>, Error> {
        self.with(table, key, |value| value.map(Value::from))
    }

    /// Looks at a value without a copy of it.
    pub fn with<R>(&self, table: Table, key: &[u8], look: impl FnOnce(Option<&[u8]>) -> R) -> Result<R, Error> {
        overlay::with(&self.shared, table, key, look)
    }

    /// Goes through the keys from one to another (that one not included), in their order, until told to stop. What changes meanwhile
    /// may be met or not; each value met was whole at some time since the call.
    pub fn scan(
        &self,
        table: Table,
        from: &[u8],
        until: Option<&[u8]>,
        mut each: impl FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        overlay::scan(&self.shared, &[], table, from, until, &mut each)
    }

    /// Brings all that is durable into the tables, now.
    pub fn flush(&self) -> Result<(), Error> {
        flusher::flush(&self.shared)
    }

    /// Copies the tables, as of one moment, into a fresh file: opened under the name of this one it needs no log.
    pub fn copy_to(&self, path: &Path) -> Result<(), Error> {
        files::copy(&self.shared, path)
    }

    /// Runs something while neither file is written: so a copy of both is what a kill would leave. For tests and benches.
    #[doc(hidden)]
    pub fn between_commits(
        &self,
        run: impl FnOnce() + Send + 'static,
    ) -> impl Future<Output = Result<(), Error>> + Send + 'static {
        let shared = Arc::clone(&self.shared);
        self.change(move |_| {
            let _no_flush = lock(&shared.flushing);
            run();
            Ok(())
        })
    }

    /// Why nothing is written any more, if so.
    pub fn read_only(&self) -> Option<&str> {
        let reason = self.shared.read_only.get().map(String::as_str);
        reason.or_else(|| self.shared.is_closed.load(Ordering::Acquire).then_some(CLOSED))
    }

    /// Bytes of the log that the tables lack.
    pub fn unwritten(&self) -> usize {
        overlay::read(&self.shared.overlay).bytes
    }

    /// Writes all that waits, brings it into the tables, and ends. Later changes are refused; reads go on.
    pub fn close(&self) {
        self.threads.stop();
    }
}

const CLOSED: &str = "it is closed";

fn closed() -> Error {
    Error::ReadOnly(CLOSED.to_owned())
}

impl Threads {
    fn stop(&self) {
        if let Some(writer) = lock(&self.writer).take() {
            let _ = self.orders.send(Order::Stop);
            let _ = writer.join();
        }
        // After the writer: what that made durable, this still writes.
        if let Some(flusher) = lock(&self.flusher).take() {
            let _ = self.shared.flush_now.send(flusher::Order::Stop);
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
