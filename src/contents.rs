//! The contents of documents: files in a folder, or objects in an S3 bucket, both through `object_store`.
//!
//! Invariant: a content never lies whole in memory: one that is small is gathered up to [`SMALL`] and written at once, a larger one
//! goes in parts, one on its way while the next is gathered, and only so many larger ones at a time. When `take` ends well the
//! content is durable: in a folder a small one was written and synced under its own name ([`straight`]), a larger one to a temporary
//! name, synced and renamed, and the folder's entry synced (`LocalFileSystem::with_fsync`); in a bucket the upload was completed. When it ends otherwise, or its future is dropped, what was
//! written is taken away, or is whole under a name that nobody knows. That, and what a kill leaves half taken, [`Contents::sweep`] takes
//! away; parts of an upload to a bucket that a kill cut off only the bucket's own lifecycle rule does
//! (`AbortIncompleteMultipartUpload`).
//!
//! It must not know what a content is, nor whose; [`media`] looks at bytes, [`scanner`] has them scanned, [`providers`] fetches those
//! that institutions keep themselves.
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::mailbox::{ContentTrouble, Contents, Incoming, Kept};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, TryFutureExt, TryStreamExt};
use object_store::local::LocalFileSystem;
use object_store::{GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt, PutPayload};
use tokio::sync::Semaphore;

use self::intake::Intake;
use self::name::Name;
use self::room::Room;
use self::straight::Straight;
use self::trouble::{io_trouble, is_out_of_range, trouble, words};
use self::upload::Upload;

pub mod bucket;
pub mod media;
pub mod providers;
pub mod scanner;

mod giving;
mod intake;
mod leftovers;
mod name;
mod room;
mod straight;
mod trouble;
mod upload;

/// Bytes up to which a content is gathered and written at once.
pub const SMALL: usize = 256 << 10;
/// Bytes that most contents fit into.
const FEW: usize = 64 << 10;
/// Bytes of a part of a larger one in a folder.
const FOLDER_PART: usize = 1 << 20;
/// Bytes of a part of a larger one in a bucket: the least that S3 takes.
const BUCKET_PART: usize = 5 << 20;
/// Names that are looked at, or removed, in one go.
const BATCH: usize = 1_000;

/// Where contents lie.
#[derive(Clone, Debug)]
pub enum Place {
    /// In a folder; it is made when it is not there.
    Folder {
        /// Which.
        path: PathBuf,
        /// Bytes of its disk that are kept free; 0 for no bound.
        keep_free: u64,
    },
    /// In a bucket.
    Bucket(bucket::Settings),
}

/// Where contents lie, and the bounds of taking them.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where.
    pub place: Place,
    /// How long the next bytes of who sends are waited for.
    pub between: Duration,
    /// How long the disk or the bucket may take for one step.
    pub step: Duration,
    /// Contents that are taken at a time, each with up to twice [`SMALL`] of memory; more wait.
    pub at_once: usize,
    /// Of these, those of more than [`SMALL`] bytes; each takes up to two parts of memory, 2 MiB for a folder and 10 MiB for a bucket.
    pub large_at_once: usize,
}

impl Settings {
    /// The bounds that fit most, for a place.
    pub fn new(place: Place) -> Self {
        let (between, step) = (Duration::from_secs(30), Duration::from_secs(60));
        Self { place, between, step, at_once: 256, large_at_once: 8 }
    }
}

/// Why the place of contents can't be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder.
    #[error("the folder of documents {} can't be used: give this user the right to, or choose another ({source})", path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The bucket's settings.
    #[error("the bucket of documents can't be used: {0}")]
    Bucket(String),
}

/// The contents of documents; clones share everything.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    objects: Arc<dyn ObjectStore>,
    place: PathBuf,
    /// What is before the names in a bucket.
    prefix: object_store::path::Path,
    /// Of a folder.
    room: Option<Room>,
    /// Of a folder.
    straight: Option<Arc<Straight>>,
    part: usize,
    between: Duration,
    step: Duration,
    slots: Semaphore,
    large: Semaphore,
}

impl Store {
    /// Opens the place. A bucket is not asked anything yet.
    pub fn open(settings: Settings) -> Result<Self, Error> {
        let Settings { place, between, step, at_once, large_at_once } = settings;
        let slots = Semaphore::new(at_once.clamp(1, Semaphore::MAX_PERMITS));
        let large = Semaphore::new(large_at_once.clamp(1, Semaphore::MAX_PERMITS));
        let inner = match place {
            Place::Folder { path, keep_free } => Inner {
                objects: Arc::new(folder(&path)?),
                room: Some(Room::new(path.clone(), keep_free)),
                straight: Some(Arc::new(Straight::new(path.clone()))),
                place: path,
                prefix: object_store::path::Path::default(),
                part: FOLDER_PART,
                between,
                step,
                slots,
                large,
            },
            Place::Bucket(settings) => Inner {
                place: settings.place(),
                prefix: settings.prefix()?,
                objects: Arc::new(bucket::open(&settings)?),
                room: None,
                straight: None,
                part: BUCKET_PART,
                between,
                step,
                slots,
                large,
            },
        };
        Ok(Self(Arc::new(inner)))
    }
}

fn folder(path: &Path) -> Result<LocalFileSystem, Error> {
    use std::os::unix::fs::DirBuilderExt;
    let failed = |source| Error::Folder { path: path.to_path_buf(), source };
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed)?;
    let made = LocalFileSystem::new_with_prefix(path).map_err(|error| failed(std::io::Error::other(words(&error))))?;
    Ok(made.with_fsync(true))
}

impl Inner {
    async fn take(self: Arc<Self>, incoming: Incoming, most: u64) -> Result<Kept, ContentTrouble> {
        let closed = |_| ContentTrouble::Store("it is closing".to_owned());
        let _slot = self.slots.acquire().await.map_err(closed)?;
        let mut intake = Intake::new(incoming, most, self.between);
        let name = Name::random(SystemTime::now())?;
        let path = name.path(&self.prefix);
        let mut piece = Vec::with_capacity(FEW);
        let mut ended = intake.fill(&mut piece, SMALL).await?;
        let _large;
        if !ended {
            _large = self.large.acquire().await.map_err(closed)?;
            piece.reserve_exact(self.part - piece.len());
            ended = intake.fill(&mut piece, self.part).await?;
        }
        if ended {
            self.has_room(piece.len())?;
            self.put(name, piece).await?;
        } else {
            self.take_parts(&path, piece, &mut intake).await?;
        }
        let (size, digest) = intake.finish();
        Ok(Kept { name: name.to_string().into(), size, digest })
    }

    async fn put(&self, name: Name, piece: Vec<u8>) -> Result<(), ContentTrouble> {
        let Some(straight) = self.straight.clone() else {
            let path = name.path(&self.prefix);
            return self.in_time(self.objects.put(&path, PutPayload::from(piece))).await.map(drop);
        };
        let written = blocking(move || {
            let (sub, rest) = name.parts();
            straight.put(&sub, &rest, &piece)
        });
        let late = |_| ContentTrouble::Store("not in time".to_owned());
        tokio::time::timeout(self.step, written).await.map_err(late)?
    }

    async fn take_parts(
        &self,
        path: &object_store::path::Path,
        mut piece: Vec<u8>,
        intake: &mut Intake,
    ) -> Result<(), ContentTrouble> {
        let mut upload = Upload::new(self.in_time(self.objects.put_multipart(path)).await?);
        loop {
            self.has_room(piece.len())?;
            let sending = self.in_time(upload.put_part(piece)?);
            let mut next = Vec::with_capacity(self.part);
            let ((), ended) = futures_util::try_join!(sending, intake.fill(&mut next, self.part))?;
            piece = next;
            if !ended {
                continue;
            }
            if !piece.is_empty() {
                self.has_room(piece.len())?;
                self.in_time(upload.put_part(piece)?).await?;
            }
            return self.in_time(upload.complete()).await;
        }
    }

    fn has_room(&self, bytes: usize) -> Result<(), ContentTrouble> {
        let fits = self.room.as_ref().is_none_or(|room| room.has(bytes as u64));
        if fits { Ok(()) } else { Err(ContentTrouble::Full) }
    }

    async fn in_time<T>(&self, step: impl Future<Output = object_store::Result<T>>) -> Result<T, ContentTrouble> {
        let late = |_| ContentTrouble::Store("not in time".to_owned());
        tokio::time::timeout(self.step, step).await.map_err(late)?.map_err(|error| trouble(&error))
    }

    async fn give(self: Arc<Self>, name: Name, range: Option<Range<u64>>) -> Result<Incoming, ContentTrouble> {
        if range.as_ref().is_some_and(Range::is_empty) {
            return Ok(futures_util::stream::empty().boxed());
        }
        let options = GetOptions { range: range.map(GetRange::Bounded), ..GetOptions::default() };
        let path = name.path(&self.prefix);
        let asked = tokio::time::timeout(self.step, self.objects.get_opts(&path, options)).await;
        match asked.map_err(|_| ContentTrouble::Store("not in time".to_owned()))? {
            Ok(found) => Ok(giving::stream(found)),
            Err(error) if is_out_of_range(&error) => Err(ContentTrouble::Gone),
            Err(error) => Err(trouble(&error)),
        }
    }

    async fn remove(&self, names: &[Box<str>]) -> Result<(), ContentTrouble> {
        // What has not the form of a name was never given out.
        let paths = names.iter().filter_map(|name| Name::parse(name)).map(|name| name.path(&self.prefix));
        self.remove_paths(paths.collect()).await
    }

    async fn remove_paths(&self, paths: Vec<object_store::path::Path>) -> Result<(), ContentTrouble> {
        for batch in paths.chunks(BATCH) {
            let batch: Vec<_> = batch.iter().cloned().map(Ok).collect();
            let removed = self.objects.delete_stream(futures_util::stream::iter(batch).boxed());
            let mut removed = removed.filter(|one| {
                let is_gone = matches!(one, Err(object_store::Error::NotFound { .. }));
                std::future::ready(!is_gone)
            });
            while self.in_time(removed.try_next()).await?.is_some() {}
        }
        Ok(())
    }

    async fn sweep(
        self: Arc<Self>,
        before: Timestamp,
        is_needed: Arc<dyn Fn(&str) -> bool + Send + Sync>,
    ) -> Result<u64, ContentTrouble> {
        let is_older = |meta: &ObjectMeta| {
            u64::try_from(meta.last_modified.timestamp_millis()).is_ok_and(|at| at < before.millis())
        };
        let prefix = (!self.prefix.as_ref().is_empty()).then_some(&self.prefix);
        let mut listed = self.objects.list(prefix).fuse();
        let mut swept = 0;
        loop {
            let mut batch = Vec::with_capacity(BATCH);
            while batch.len() < BATCH
                && let Some(meta) = self.in_time(listed.try_next()).await?
            {
                // What is not named as contents are is somebody else's.
                if is_older(&meta)
                    && let Some(name) = Name::of_path(&meta.location, &self.prefix)
                {
                    batch.push(name);
                }
            }
            if batch.is_empty() {
                break;
            }
            // Whoever is asked may have to look on a disk.
            let is_needed = Arc::clone(&is_needed);
            let unneeded = blocking(move || {
                batch.retain(|name| !is_needed(&name.to_string()));
                Ok(batch)
            });
            let unneeded: Vec<_> = unneeded.await?.iter().map(|name| name.path(&self.prefix)).collect();
            swept += unneeded.len() as u64;
            self.remove_paths(unneeded).await?;
        }
        if self.room.is_some() {
            let folder = self.place.clone();
            swept += blocking(move || leftovers::sweep(&folder, before)).await?;
        }
        Ok(swept)
    }
}

/// Runs what waits for a disk where it may.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, ContentTrouble> {
    let ended = tokio::task::spawn_blocking(work).await;
    ended.map_err(|_| ContentTrouble::Store("a step broke off".to_owned()))?.map_err(|error| io_trouble(&error))
}

impl Contents for Store {
    fn take(&self, incoming: Incoming, most: u64) -> BoxFuture<'static, Result<Kept, ContentTrouble>> {
        let taking = Arc::clone(&self.0).take(incoming, most);
        // Of a content that is not there yet it is the place that is gone.
        let placed = |trouble| match trouble {
            ContentTrouble::Gone => ContentTrouble::Store("its folder or bucket is not there".to_owned()),
            other => other,
        };
        taking.map_err(placed).boxed()
    }

    fn give(&self, name: &str, range: Option<Range<u64>>) -> BoxFuture<'static, Result<Incoming, ContentTrouble>> {
        match Name::parse(name) {
            Some(name) => Arc::clone(&self.0).give(name, range).boxed(),
            None => std::future::ready(Err(ContentTrouble::Gone)).boxed(),
        }
    }

    fn remove(&self, names: Vec<Box<str>>) -> BoxFuture<'static, Result<(), ContentTrouble>> {
        let inner = Arc::clone(&self.0);
        async move { inner.remove(&names).await }.boxed()
    }

    fn sweep(
        &self,
        before: Timestamp,
        is_needed: Arc<dyn Fn(&str) -> bool + Send + Sync>,
    ) -> BoxFuture<'static, Result<u64, ContentTrouble>> {
        Arc::clone(&self.0).sweep(before, is_needed).boxed()
    }

    fn place(&self) -> PathBuf {
        self.0.place.clone()
    }
}
