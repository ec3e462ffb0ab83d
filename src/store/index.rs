//! An index whose keys come in random order: recipients as keyed hashes, row keys, Idempotency-Keys, channels' own
//! references. One form for all.
//!
//! The newest entries are in memory; when they are many they are written once, as a sorted run with a filter. Random
//! keys put into a tree one by one would cost up to seventeen times the time.
//!
//! Invariant: every entry inserted is found until its retention is over, also while it moves to the disk; after a
//! crash, once the caller has inserted again what follows [`Index::sealed_position`]. Inserting twice changes nothing.
//! It must not be the only place of anything: it is derived from the feed, and a hash may be that of another key, so
//! who finds a record by it compares the record.
mod bucket;
mod filter;
mod keyed;
mod merge;
mod runs;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

pub use self::keyed::KeyedHash;

use self::bucket::Bucket;
use self::runs::{Found, Run, Runs};

/// Values that a look-up gives at most: the greatest below its bound.
pub const MAX_FOUND: usize = 1_000;
/// Buckets' worth of entries that may be in memory before [`Index::insert`] writes them itself.
const OVERFULL: usize = 4;

/// With no entries to write, the position alone is written when so many of the feed were inserted since: a durable commit costs
/// more the larger the file is.
const IDLE_LAG: u64 = 4_096;

/// Why an index can't be used. What it holds can always be built again from the feed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Reading or writing failed.
    #[error("the index {} can't be used: check the disk and restart ({source})", path.display())]
    Disk {
        /// The file.
        path: PathBuf,
        /// What the store said.
        source: Box<redb::Error>,
    },
}

impl Error {
    fn new(path: &Path, source: redb::Error) -> Self {
        Self::Disk { path: path.to_path_buf(), source: Box::new(source) }
    }
}

/// The bounds of an index.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Entries in memory before they are written as a run (about 50 bytes each).
    pub bucket_entries: usize,
    /// How long entries stay in memory at most, when they are few: what has to be read again after a crash.
    pub bucket_age: Duration,
    /// How long an entry is found at least. It goes with its run: up to a bucket's time later.
    pub retention: Duration,
    /// Bytes of memory for filters (1.25 an entry). Look-ups in runs beyond that read a page each.
    pub filter_bytes: usize,
    /// So many runs of about one size are joined into one (see [`Index::merge`]); with 0 none ever is. What goes by its time goes as
    /// late as the latest entry that it was joined with.
    pub join_at: usize,
    /// Low bits of a hash, 0 to 32, that tell apart the members of a family: the hashes that share all others. Members
    /// lie side by side, so that one entry is found both by its own hash and with its family.
    pub member_bits: u32,
}

/// What makes families of hashes.
#[derive(Clone, Copy, Debug)]
struct Families {
    members: u64,
}

/// A family of hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Family(u64);

impl Families {
    fn with(member_bits: u32) -> Self {
        Self { members: (1_u64 << member_bits.min(32)) - 1 }
    }

    fn of(self, hash: u64) -> Family {
        Family(if self.members == 0 { hash } else { mixed(hash & !self.members) })
    }
}

impl Family {
    /// What it is found by in a filter: all bits of it count there.
    fn hash(self) -> u64 {
        self.0
    }
}

/// The finaliser of SplitMix64: every bit of the result depends on every bit given, and none is lost.
pub fn mixed(bits: u64) -> u64 {
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// What a look-up is for.
#[derive(Clone, Debug)]
struct Sought {
    family: Family,
    hashes: RangeInclusive<u64>,
    within: Within,
}

/// A point in the life of an index: what is inserted after [`Index::mark`] is found without the runs that were there then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark(u32);

/// What a look-up may pass over, because the caller knows that it is not there.
#[derive(Clone, Copy, Debug, Default)]
pub struct Within {
    /// Entries made before, in milliseconds since 1970.
    pub since_ms: u64,
    /// Entries that were there when this was taken.
    pub after: Mark,
    /// Values whose low 64 bits are others.
    pub low: Option<u64>,
}

impl Within {
    fn reaches(&self, run: &Run) -> bool {
        run.newest_ms >= self.since_ms && run.number >= self.after.0
    }
}

impl Options {
    /// The usual bounds: 262,144 entries or an hour in memory, 64 MiB for filters (some fifty million entries).
    pub const fn with_retention(retention: Duration) -> Self {
        Self {
            bucket_entries: 262_144,
            bucket_age: Duration::from_secs(3600),
            retention,
            filter_bytes: 64 << 20,
            join_at: 0,
            member_bits: 0,
        }
    }

    /// With so many low bits for the members of a family.
    #[must_use]
    pub const fn with_member_bits(self, member_bits: u32) -> Self {
        Self { member_bits, ..self }
    }
}

/// An index. All its calls may come from any thread.
#[derive(Debug)]
pub struct Index {
    options: Options,
    families: Families,
    disk: Runs,
    /// The feed position up to which everything was on disk when it was opened.
    found: u64,
    memory: RwLock<Memory>,
    /// Held while runs are written or dropped: one at a time.
    sealing: Mutex<()>,
    /// Held while runs are joined or dropped; before the other.
    joining: Mutex<()>,
    /// Shared by look-ups: who has it alone knows that none of before is under way.
    looking: RwLock<()>,
    /// The filters were read.
    is_prepared: AtomicBool,
}

#[derive(Debug, Default)]
struct Memory {
    bucket: Bucket,
    /// What is being written.
    frozen: Option<Frozen>,
    /// By number; replaced whole, so that a look-up takes it along.
    runs: Arc<Vec<Arc<Run>>>,
    /// Of the next run: never that of one whose pages may still be there.
    number: u32,
    noted: u64,
    sealed: u64,
}

/// A bucket that is being written.
#[derive(Debug, Clone)]
struct Frozen {
    bucket: Arc<Bucket>,
    /// The feed position noted when it was frozen.
    position: u64,
    /// The number of its run.
    number: u32,
}

/// An index in figures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Entries in memory.
    pub in_memory: usize,
    /// Entries in runs.
    pub in_runs: u64,
    /// Runs.
    pub runs: usize,
    /// Bytes of the filters in memory.
    pub filter_bytes: usize,
}

impl Index {
    /// Opens the file of an index (`index-NAME.redb`), or makes it.
    pub fn open(path: impl AsRef<Path>, options: Options) -> Result<Self, Error> {
        let families = Families::with(options.member_bits);
        let (disk, runs, sealed) = Runs::open(path.as_ref(), families)?;
        let number = runs.last().map_or(0, |run| run.number + 1);
        let memory = Memory { runs: Arc::new(runs), number, noted: sealed, sealed, ..Memory::default() };
        Ok(Self {
            options,
            families,
            disk,
            found: sealed,
            memory: RwLock::new(memory),
            sealing: Mutex::new(()),
            joining: Mutex::new(()),
            looking: RwLock::new(()),
            is_prepared: AtomicBool::new(false),
        })
    }

    /// Adds an entry. `at_ms` (milliseconds since 1970) starts its retention.
    ///
    /// Only when the background thread has let four buckets pile up this writes one itself, so that memory stays
    /// bounded; only then it can fail.
    pub fn insert(&self, hash: u64, value: u128, at_ms: u64) -> Result<(), Error> {
        self.insert_all([(hash, value)], at_ms)
    }

    /// Adds entries of one time: as [`Self::insert`], with one lock for all.
    pub fn insert_all(&self, entries: impl IntoIterator<Item = (u64, u128)>, at_ms: u64) -> Result<(), Error> {
        let in_memory = {
            let mut memory = self.change();
            for (hash, value) in entries {
                memory.bucket.insert(self.families.of(hash), hash, value, at_ms);
            }
            memory.bucket.len()
        };
        if in_memory >= self.options.bucket_entries.saturating_mul(OVERFULL) { self.seal() } else { Ok(()) }
    }

    /// The greatest values below `below` of a hash, the greatest first, each once, at most [`MAX_FOUND`]. Some may be
    /// past their retention.
    pub fn lookup(&self, hash: u64, below: u128) -> Result<Vec<u128>, Error> {
        self.lookup_within(hash, below, Within::default())
    }

    /// As [`Self::lookup`], passing over what the caller knows not to be wanted. What is passed over whole costs nothing; some of
    /// what lies beside it may be found all the same, but for other low bits.
    pub fn lookup_within(&self, hash: u64, below: u128, within: Within) -> Result<Vec<u128>, Error> {
        self.find(&Sought { family: self.families.of(hash), hashes: hash..=hash, within }, below)
    }

    /// A point to look up what is inserted after it.
    pub fn mark(&self) -> Mark {
        Mark(self.look().number)
    }

    /// As [`Self::lookup`], of all members of the family that a hash is of. Reads every entry of the family.
    pub fn lookup_family(&self, hash: u64, below: u128) -> Result<Vec<u128>, Error> {
        let members = self.families.members;
        let hashes = hash & !members..=hash | members;
        self.find(&Sought { family: self.families.of(hash), hashes, within: Within::default() }, below)
    }

    fn find(&self, sought: &Sought, below: u128) -> Result<Vec<u128>, Error> {
        self.prepare()?;
        let _looking = self.looking.read().unwrap_or_else(PoisonError::into_inner);
        let mut found = Found::new(below, sought.within.low);
        let runs = {
            let memory = self.look();
            let buckets = memory.frozen.iter().map(|frozen| &*frozen.bucket).chain([&memory.bucket]);
            for value in buckets.flat_map(|bucket| bucket.find(sought.family, sought.hashes.clone())) {
                found.add(value);
            }
            Arc::clone(&memory.runs)
        };
        for run in runs.iter().rev().filter(|run| sought.within.reaches(run)) {
            self.disk.find(run, sought, &mut found)?;
        }
        Ok(found.into_values())
    }

    /// Reads the filters, once. The first look-up does it, and others wait; better a background thread soon after the opening, which does not
    /// wait for them: of a long history they are some hundred megabytes.
    pub fn prepare(&self) -> Result<(), Error> {
        if self.is_prepared.load(Ordering::Acquire) {
            return Ok(());
        }
        let _sealing = self.own_runs();
        if !self.is_prepared.load(Ordering::Acquire) {
            let runs = Arc::clone(&self.look().runs);
            let runs = self.disk.with_filters(&runs, self.options.filter_bytes)?;
            self.change().runs = Arc::new(runs);
            self.is_prepared.store(true, Ordering::Release);
        }
        Ok(())
    }

    /// Says that everything of the feed up to this position has been inserted.
    pub fn note_position(&self, position: u64) {
        let mut memory = self.change();
        memory.noted = memory.noted.max(position);
    }

    /// The feed position up to which everything is on disk: after opening, what follows it is inserted again.
    pub fn sealed_position(&self) -> u64 {
        self.look().sealed
    }

    /// Whether what the feed has at this position was not on disk when the index was opened, and is to be inserted again.
    pub fn lacked(&self, position: u64) -> bool {
        position > self.found
    }

    /// Positions of the feed that a crash would have inserted again.
    pub fn lag(&self) -> u64 {
        let memory = self.look();
        memory.noted.saturating_sub(memory.sealed)
    }

    /// Writes the entries in memory as a run when they are enough for one. Takes a tenth of a second and more: for a
    /// background thread, every second or so. Says whether there was anything to do.
    pub fn seal_if_full(&self) -> Result<bool, Error> {
        let is_full = {
            let memory = self.look();
            memory.frozen.is_some() || memory.bucket.len() >= self.options.bucket_entries
        };
        if is_full {
            self.seal()?;
        }
        Ok(is_full)
    }

    /// Writes the entries in memory as a run, however few; with none, only the position. For an orderly end.
    pub fn seal(&self) -> Result<(), Error> {
        let _sealing = self.own_runs();
        // What an earlier call froze and could not write comes first.
        if self.look().frozen.is_some() {
            self.write_frozen()?;
        }
        {
            let mut memory = self.change();
            if memory.bucket.is_empty() && memory.noted == memory.sealed {
                return Ok(());
            }
            let bucket = Arc::new(std::mem::take(&mut memory.bucket));
            let (position, number) = (memory.noted, memory.number);
            memory.number += u32::from(!bucket.is_empty());
            memory.frozen = Some(Frozen { bucket, position, number });
        }
        self.write_frozen()
    }

    fn write_frozen(&self) -> Result<(), Error> {
        let Some(Frozen { bucket, position, number }) = self.look().frozen.clone() else { return Ok(()) };
        let run = match bucket.span_ms() {
            None => self.disk.move_position(position).map(|()| None)?,
            Some((_, newest_ms)) => Some(self.disk.append(number, &bucket.sorted(), newest_ms, position)?),
        };
        let mut memory = self.change();
        if let Some(run) = run {
            self.replace(&mut memory, &[], run);
        }
        memory.frozen = None;
        memory.sealed = position;
        Ok(())
    }

    /// Puts a run in the place of others.
    fn replace(&self, memory: &mut Memory, numbers: &[u32], run: Run) {
        let others = memory.runs.iter().filter(|run| !numbers.contains(&run.number)).cloned();
        let mut runs: Vec<Arc<Run>> = others.chain([Arc::new(run)]).collect();
        runs.sort_unstable_by_key(|run| run.number);
        memory.runs = Arc::new(self.within_filter_bytes(runs));
    }

    /// Joins runs of about one size, when they are many, into one, so that a look-up has few to ask; gives whether it did. For a
    /// background thread of its own: of a long history it takes minutes. Every some milliseconds it asks whether to go on; who
    /// wants others to use the disk meanwhile waits there.
    pub fn merge(&self, go_on: impl FnMut() -> bool) -> Result<bool, Error> {
        let _joining = self.joining.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(inputs) = self.many_of_a_size() else { return Ok(false) };
        let number = {
            let mut memory = self.change();
            memory.number += 1;
            memory.number - 1
        };
        let Some(run) = merge::join(&self.disk, number, &inputs, go_on)? else { return Ok(false) };
        let numbers: Vec<u32> = inputs.iter().map(|run| run.number).collect();
        self.replace(&mut self.change(), &numbers, run);
        // Look-ups that took the list of before along are over then.
        drop(self.looking.write().unwrap_or_else(PoisonError::into_inner));
        for number in numbers {
            self.disk.remove_pages(number)?;
        }
        Ok(true)
    }

    /// The oldest runs of the smallest size of which there are many.
    fn many_of_a_size(&self) -> Option<Vec<Arc<Run>>> {
        let many = self.options.join_at;
        if many < 2 {
            return None;
        }
        let size = |run: &Run| (run.entries / self.options.bucket_entries as u64).max(1).ilog(many as u64);
        let mut sizes: BTreeMap<u32, Vec<Arc<Run>>> = BTreeMap::new();
        for run in self.look().runs.iter() {
            sizes.entry(size(run)).or_default().push(Arc::clone(run));
        }
        let mut runs = sizes.into_values().find(|runs| runs.len() >= many)?;
        runs.sort_by_key(|run| run.newest_ms);
        runs.truncate(many);
        Some(runs)
    }

    /// Drops the filters of the oldest runs when all together take too much memory.
    fn within_filter_bytes(&self, mut runs: Vec<Arc<Run>>) -> Vec<Arc<Run>> {
        let mut left = self.options.filter_bytes;
        for run in runs.iter_mut().rev() {
            match &run.filter {
                Some(filter) if filter.bytes() <= left => left -= filter.bytes(),
                Some(_) => {
                    left = 0;
                    *run = Arc::new(run.with(None));
                }
                None => left = 0,
            }
        }
        runs
    }

    /// Drops the runs whose latest entry is past its retention, and writes what has been in memory for long. For a
    /// background thread, every minute or so. Gives how many runs went.
    pub fn expire(&self, now_ms: u64) -> Result<usize, Error> {
        let is_old = {
            let memory = self.look();
            let age = millis(self.options.bucket_age);
            let first = memory.bucket.span_ms().map(|(first, _)| first);
            let is_behind = memory.noted.saturating_sub(memory.sealed) >= IDLE_LAG;
            first.map_or(is_behind, |first| first.saturating_add(age) <= now_ms)
        };
        if is_old {
            self.seal()?;
        }
        let _joining = self.joining.lock().unwrap_or_else(PoisonError::into_inner);
        let _sealing = self.own_runs();
        let retention = millis(self.options.retention);
        let is_over = |run: &Run| run.newest_ms.saturating_add(retention) < now_ms;
        let over: Vec<u32> = self.look().runs.iter().filter(|run| is_over(run)).map(|run| run.number).collect();
        for number in &over {
            // From memory first: who still looks there finds less and less of what is over anyway.
            let mut memory = self.change();
            memory.runs = Arc::new(memory.runs.iter().filter(|run| run.number != *number).cloned().collect());
            drop(memory);
            self.disk.remove(*number)?;
        }
        Ok(over.len())
    }

    /// For people and metrics.
    pub fn figures(&self) -> Figures {
        let memory = self.look();
        Figures {
            in_memory: memory.bucket.len() + memory.frozen.as_ref().map_or(0, |frozen| frozen.bucket.len()),
            in_runs: memory.runs.iter().map(|run| run.entries).sum(),
            runs: memory.runs.len(),
            filter_bytes: memory.runs.iter().filter_map(|run| run.filter.as_ref()).map(filter::Filter::bytes).sum(),
        }
    }

    /// A thread that panicked left no entry half made: the locks are good after it.
    fn look(&self) -> RwLockReadGuard<'_, Memory> {
        self.memory.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self) -> RwLockWriteGuard<'_, Memory> {
        self.memory.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn own_runs(&self) -> MutexGuard<'_, ()> {
        self.sealing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
