//! The segments of the journal: a folder of files of which the last one is written and the others
//! never change again.
//!
//! Positions grow from file to file; a file's first position stands in it. Only the writer's
//! thread writes, and adds a file; everybody reads.
mod reader;
mod spans;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::Position;
use redb::{Database, ReadableDatabase, ReadableTable};

pub use self::reader::Reader;
use self::spans::Spans;
use super::atomic::UNFINISHED;
use super::layout::{ABOUT, BARE, BEGUN_AT, BROADCAST, CHUNK, FEED, FEED_OF, FIRST_POSITION, INDEXED, MESSAGE, TRAIL};
use super::tail::Tail;
use super::{Error, database};

/// How the name of a copy ends until it takes its segment's place.
const BESIDE: &str = "copy";

/// One file.
#[derive(Debug)]
pub struct Segment {
    /// Its number, from 1.
    pub number: u32,
    /// The first position that it may hold.
    pub first: Position,
    /// When it was begun.
    pub begun_at: Timestamp,
    /// No personal content is left in it.
    pub is_bare: bool,
    path: PathBuf,
    database: Database,
    tail: Tail,
    cache_bytes: usize,
    walked: bool,
    /// Known once it is closed.
    spans: OnceLock<Spans>,
}

impl Segment {
    fn path(folder: &Path, number: u32) -> PathBuf {
        folder.join(format!("{number:06}.redb"))
    }

    /// Makes the file and its tables, durable before anything is written to it.
    fn create(folder: &Path, number: u32, first: Position, at: Timestamp, cache_bytes: usize) -> Result<Self, Error> {
        let path = Self::path(folder, number);
        let database = database::create(&path, cache_bytes, |made| Self::prepare(made, first, at))?;
        let tail = Tail::default();
        let spans = OnceLock::new();
        Ok(Self {
            number,
            first,
            begun_at: at,
            is_bare: false,
            path,
            database,
            tail,
            cache_bytes,
            walked: false,
            spans,
        })
    }

    fn prepare(database: &Database, first: Position, at: Timestamp) -> Result<(), Error> {
        let write = database.begin_write()?;
        {
            write.open_table(FEED)?;
            write.open_table(FEED_OF)?;
            write.open_table(MESSAGE)?;
            write.open_table(BROADCAST)?;
            write.open_table(CHUNK)?;
            write.open_table(TRAIL)?;
            let mut about = write.open_table(ABOUT)?;
            about.insert(FIRST_POSITION, first)?;
            about.insert(BEGUN_AT, at.millis())?;
            about.insert(INDEXED, first.saturating_sub(1))?;
        }
        write.commit()?;
        Ok(())
    }

    fn open(folder: &Path, number: u32, cache_bytes: usize) -> Result<Self, Error> {
        let path = Self::path(folder, number);
        let walked = Arc::new(AtomicBool::new(false));
        let noted = Arc::clone(&walked);
        let database = Database::builder()
            .set_cache_size(cache_bytes)
            .set_repair_callback(move |_| noted.store(true, Ordering::Relaxed))
            .open(&path)?;
        let walked = walked.load(Ordering::Relaxed);
        let read = database.begin_read()?;
        let about = read.open_table(ABOUT)?;
        let number_of = |key| -> Result<u64, Error> { Ok(about.get(key)?.map_or(0, |value| value.value())) };
        let (first, begun_at) = (number_of(FIRST_POSITION)?, Timestamp::from_millis(number_of(BEGUN_AT)?));
        let is_bare = number_of(BARE)? == 1;
        drop((about, read));
        let tail = Tail::of(&database)?;
        let spans = OnceLock::new();
        Ok(Self { number, first, begun_at, is_bare, path, database, tail, cache_bytes, walked, spans })
    }

    /// Opens one that is closed, and whose tables are whole.
    fn open_closed(folder: &Path, number: u32, segments: usize) -> Result<Self, Error> {
        let segment = Self::open(folder, number, Segments::closed_cache_bytes(segments))?;
        segment.close()?;
        Ok(segment)
    }

    /// Notes what it holds: it never changes again.
    fn close(&self) -> Result<(), Error> {
        let spans = Spans::of(&self.database)?;
        let _ = self.spans.set(spans);
        Ok(())
    }

    /// The database, for the writer.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Entries that the tables lack yet, for the writer.
    pub fn tail(&self) -> &Tail {
        &self.tail
    }

    /// Puts in the tables what they lack.
    pub fn complete(&self) -> Result<(), Error> {
        let write = self.database.begin_write()?;
        self.tail.write(&write)?;
        write.commit()?;
        self.tail.written();
        Ok(())
    }

    /// A commit of what the tables lacked, after which the file opens at once, whatever happens to the process.
    pub fn seal(&self) -> Result<(), Error> {
        let mut write = self.database.begin_write()?;
        write.set_quick_repair(true);
        self.tail.write(&write)?;
        write.commit()?;
        self.tail.written();
        Ok(())
    }

    /// Whether it was walked when it was opened, since the last commit had not sealed it.
    pub fn was_walked(&self) -> bool {
        self.walked
    }

    /// The last position in it; 0 when it is empty.
    pub fn last_position(&self) -> Result<Position, Error> {
        let last = self.database.begin_read()?.open_table(FEED)?.last()?.map(|(position, _)| position.value());
        Ok(last.unwrap_or(0))
    }

    /// Where a copy is made that will take its place.
    pub fn beside(&self) -> PathBuf {
        self.path.with_extension(BESIDE)
    }

    /// Bytes that the file takes on disk (it is sparse).
    pub fn bytes(&self) -> u64 {
        bytes_on_disk(&self.path)
    }
}

/// Bytes that a file takes on disk, which is less than its length when it is sparse.
pub fn bytes_on_disk(path: &Path) -> u64 {
    let Ok(about) = std::fs::metadata(path) else { return 0 };
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        about.blocks() * 512
    }
    #[cfg(not(unix))]
    about.len()
}

/// All segments, the oldest first.
#[derive(Debug)]
pub struct Segments {
    folder: PathBuf,
    cache_bytes: usize,
    list: RwLock<Vec<Arc<Segment>>>,
    found: Found,
}

/// How the last process left the segments.
#[derive(Clone, Copy, Debug, Default)]
pub struct Found {
    /// Segments that were not sealed, and were walked.
    pub walked: usize,
    /// It ended between the beginning of a segment and the sealing of the one before.
    pub in_closing: bool,
}

impl Segments {
    /// What a closed segment may keep of its pages in memory, when there are few.
    pub const CLOSED_CACHE_BYTES: usize = 2 << 20;
    /// What all closed segments together may keep: some hundred megabytes would do nothing that the system's cache doesn't.
    const ALL_CLOSED_CACHE_BYTES: usize = 64 << 20;
    /// Below this a segment's own tables would push each other out.
    const LEAST_CACHE_BYTES: usize = 128 << 10;

    /// What each of so many closed segments may keep.
    fn closed_cache_bytes(segments: usize) -> usize {
        (Self::ALL_CLOSED_CACHE_BYTES / segments.max(1)).clamp(Self::LEAST_CACHE_BYTES, Self::CLOSED_CACHE_BYTES)
    }

    /// Opens the folder, and makes the first segment where there is none.
    pub fn open(folder: PathBuf, cache_bytes: usize, now: Timestamp) -> Result<Self, Error> {
        std::fs::create_dir_all(&folder)?;
        let mut numbers = Vec::new();
        let mut found = Found::default();
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            if entry.path().extension().is_some_and(|ends| ends == BESIDE) {
                // A crash came before it was whole, or before it took its place.
                std::fs::remove_file(entry.path())?;
                continue;
            }
            let name = entry.file_name();
            found.in_closing |= name.to_str().is_some_and(|name| name.ends_with(UNFINISHED));
            let number =
                name.to_str().and_then(|name| name.strip_suffix(".redb")).and_then(|name| name.parse::<u32>().ok());
            numbers.extend(number);
        }
        numbers.sort_unstable();
        let mut list = Vec::new();
        for (place, number) in numbers.iter().enumerate() {
            let last = place + 1 == numbers.len();
            let cache = if last { cache_bytes } else { Segments::closed_cache_bytes(numbers.len()) };
            let segment = Segment::open(&folder, *number, cache)?;
            found.walked += usize::from(segment.walked);
            if !last && (segment.walked || !segment.tail.is_empty()) {
                // What its closing would have done: else each start walks it again.
                found.in_closing = true;
                segment.seal()?;
            }
            if !last {
                segment.close()?;
            }
            list.push(Arc::new(segment));
        }
        let segments = Self { folder, cache_bytes, list: RwLock::new(list), found };
        if segments.list().is_empty() {
            segments.begin(1, now)?;
        }
        Ok(segments)
    }

    /// How they were found when they were opened.
    pub fn found(&self) -> Found {
        self.found
    }

    /// Those that never change again. Held, they are not opened anew.
    pub fn closed(&self) -> Vec<Arc<Segment>> {
        let mut closed = self.list();
        closed.pop();
        closed
    }

    /// All of them.
    pub fn list(&self) -> Vec<Arc<Segment>> {
        self.list.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The one that is written.
    pub fn current(&self) -> Arc<Segment> {
        let list = self.list.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(list.last().expect("invariant: there is a segment from the opening on"))
    }

    /// Begins the next segment; the one before is sealed by its caller.
    pub fn begin(&self, first: Position, now: Timestamp) -> Result<Arc<Segment>, Error> {
        let number = self.list().last().map_or(1, |last| last.number + 1);
        let segment = Arc::new(Segment::create(&self.folder, number, first, now, self.cache_bytes)?);
        self.list.write().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&segment));
        Ok(segment)
    }

    /// Goes on in a segment whose disk a test can let fail.
    #[cfg(test)]
    pub fn begin_on(&self, backend: impl redb::StorageBackend, first: Position, now: Timestamp) -> Result<(), Error> {
        let database = Database::builder().create_with_backend(backend)?;
        Segment::prepare(&database, first, now)?;
        let (number, path, tail) = (u32::MAX, self.folder.join("none"), Tail::default());
        let (begun_at, is_bare) = (now, false);
        let (cache_bytes, walked, spans) = (0, false, OnceLock::new());
        let segment = Segment { number, first, begun_at, is_bare, path, database, tail, cache_bytes, walked, spans };
        self.list.write().unwrap_or_else(PoisonError::into_inner).push(Arc::new(segment));
        Ok(())
    }

    /// Opens closed segments anew with little memory, once nobody reads them.
    pub fn shrink(&self) -> Result<(), Error> {
        let mut list = self.list.write().unwrap_or_else(PoisonError::into_inner);
        let closed = list.len().saturating_sub(1);
        for place in 0..closed {
            if list[place].cache_bytes <= Segments::CLOSED_CACHE_BYTES || Arc::strong_count(&list[place]) > 1 {
                continue;
            }
            // A file is open once only: the old handle goes first.
            let number = list.remove(place).number;
            let segment = Segment::open_closed(&self.folder, number, closed)?;
            list.insert(place, Arc::new(segment));
        }
        Ok(())
    }

    /// Those that are closed, each with when it was.
    pub fn ended(&self) -> Vec<(Arc<Segment>, Timestamp)> {
        let list = self.list();
        let ends: Vec<Timestamp> = list.iter().skip(1).map(|next| next.begun_at).collect();
        list.into_iter().zip(ends).collect()
    }

    /// Whether old segments have gone, so that facts may speak of messages that are not known.
    pub fn is_cut(&self) -> bool {
        self.list().first().is_none_or(|first| first.number > 1)
    }

    /// Lets a whole copy take the place of a closed segment. Who reads the old one goes on doing so.
    pub fn replace(&self, segment: &Segment, copy: &Path) -> Result<(), Error> {
        std::fs::rename(copy, &segment.path)?;
        std::fs::File::open(&self.folder)?.sync_all()?;
        let copy = Arc::new(Segment::open_closed(&self.folder, segment.number, self.list().len())?);
        let mut list = self.list.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = list.iter().position(|known| known.number == segment.number) {
            list[place] = copy;
        }
        Ok(())
    }

    /// Lets a closed segment go.
    pub fn remove(&self, segment: &Segment) -> Result<(), Error> {
        self.list.write().unwrap_or_else(PoisonError::into_inner).retain(|known| known.number != segment.number);
        std::fs::remove_file(&segment.path)?;
        Ok(std::fs::File::open(&self.folder)?.sync_all()?)
    }

    /// How many, and their bytes on disk.
    pub fn size(&self) -> (u32, u64) {
        let list = self.list();
        (list.len() as u32, list.iter().map(|segment| segment.bytes()).sum())
    }

    /// The first position of the oldest segment that holds something younger than `kept`.
    pub fn first_kept(&self, now: Timestamp, kept: std::time::Duration) -> Position {
        let list = self.list.read().unwrap_or_else(PoisonError::into_inner);
        let is_old = |next: &Arc<Segment>| now.since(next.begun_at) > kept;
        let old = list.iter().skip(1).take_while(|next| is_old(next)).count();
        list.get(old).map_or(1, |segment| segment.first)
    }

    /// The last position written.
    pub fn last_position(&self) -> Result<Position, Error> {
        for segment in self.list().iter().rev() {
            let read = segment.database.begin_read()?;
            if let Some((position, _)) = read.open_table(FEED)?.last()? {
                return Ok(position.value());
            }
        }
        Ok(0)
    }
}
