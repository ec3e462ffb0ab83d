//! Sorted runs in a redb file: written once, never changed, dropped whole.
//!
//! Invariant: a run is listed in the same commit that makes all its pages durable and moves the feed position, so a
//! crash leaves a run whole or not at all; pages without a listed run are removed at the next opening.
//! It must not end a durable commit without quick repair: the file would be walked whole after a kill.
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use redb::{Database, Durability, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};

use super::bucket::Entry;
use super::filter::{BLOCK_BYTES, Filter};
use super::merge::Writer;
use super::{Error, Families, MAX_FOUND, Sought};
use crate::store::database;

/// Run -> its record.
const RUNS: TableDefinition<u32, &[u8]> = TableDefinition::new("runs");
/// Run, last hash of the page, number of the page in the run -> entries by hash, those of one hash greatest first.
pub const PAGES: TableDefinition<(u32, u64, u32), &[u8]> = TableDefinition::new("pages");
/// Run, number of the part -> a part of its filter.
const FILTERS: TableDefinition<(u32, u32), &[u8]> = TableDefinition::new("filters");
/// Single numbers.
const META: TableDefinition<&str, u64> = TableDefinition::new("meta");
const POSITION: &str = "position";

/// A hash and a value.
const ENTRY_BYTES: usize = 8 + 16;
/// What fits with a key of 16 bytes and the 8 that redb adds into a page of 4,096: one more would double the page.
pub const ENTRIES_PER_PAGE: usize = 169;
const _: () = assert!(ENTRIES_PER_PAGE * ENTRY_BYTES + 16 + 8 <= 4_096);
/// Pages in a transaction: a megabyte, a few milliseconds.
pub const PAGES_PER_SLICE: usize = if cfg!(test) { 2 } else { 256 };
/// Bytes of a filter's part: whole blocks, and with key and header just under 64 KiB.
const FILTER_PART: usize = 2_046 * BLOCK_BYTES;
const CACHE_BYTES: usize = 16 << 20;
const RECORD_FORM: u8 = 2;

/// A run and what is known of it without its pages.
#[derive(Debug)]
pub struct Run {
    /// Its number; later runs have greater ones.
    pub number: u32,
    /// Its entries.
    pub entries: u64,
    /// When its latest entry was made, in milliseconds since 1970: it goes when that is past retention.
    pub newest_ms: u64,
    /// `None` when the memory for filters was used up by later runs, or they were not read yet: each look-up then reads a page.
    pub filter: Option<Filter>,
}

impl Run {
    /// The same with another filter, or with none.
    pub fn with(&self, filter: Option<Filter>) -> Self {
        let Self { number, entries, newest_ms, .. } = *self;
        Self { number, entries, newest_ms, filter }
    }
}

/// The file.
#[derive(Debug)]
pub struct Runs {
    database: Database,
    path: PathBuf,
    families: Families,
}

impl Runs {
    /// Opens the file, or makes it: the runs, oldest first and without their filters, and the feed position up to which they hold
    /// everything.
    pub fn open(path: &Path, families: Families) -> Result<(Self, Vec<Arc<Run>>, u64), Error> {
        let failed = |error: redb::Error| Error::new(path, error);
        let database = database::open_derived(path, CACHE_BYTES).map_err(|e| failed(e.into()))?;
        let this = Self { database, path: path.to_path_buf(), families };
        let mut position = this.write(Durability::Immediate, |transaction| {
            transaction.open_table(FILTERS)?;
            transaction.open_table(PAGES)?;
            transaction.open_table(RUNS)?;
            Ok(transaction.open_table(META)?.get(POSITION)?.map_or(0, |position| position.value()))
        })?;
        let listed: Option<Vec<Run>> = this.list()?.into_iter().collect();
        if listed.is_none() {
            tracing::warn!(file = %path.display(), "an index of another form: it is made again from the feed");
            this.empty()?;
            position = 0;
        }
        let runs = listed.unwrap_or_default();
        let strays = this.strays(&runs).map_err(failed)?;
        for stray in strays {
            this.remove_pages(stray)?;
        }
        Ok((this, runs.into_iter().map(Arc::new).collect(), position))
    }

    /// The runs with their filters as far as `filter_bytes` goes, the newest first of all.
    pub fn with_filters(&self, runs: &[Arc<Run>], filter_bytes: usize) -> Result<Vec<Arc<Run>>, Error> {
        let (mut runs, mut left) = (runs.to_vec(), filter_bytes);
        for run in runs.iter_mut().rev() {
            let bytes = Filter::bytes_for(run.entries);
            if bytes > left {
                // Not even read: of a long history that would be more than is kept.
                break;
            }
            left -= bytes;
            if run.filter.is_none() {
                let filter = self.filter(run.number).map_err(|error| Error::new(&self.path, error))?;
                *run = Arc::new(run.with(filter));
            }
        }
        Ok(runs)
    }

    /// Writes a run and the position up to which all is in runs now, durably. After an error the same call may be
    /// made again, with the same number and entries.
    pub fn append(&self, number: u32, entries: &[Entry], newest_ms: u64, position: u64) -> Result<Run, Error> {
        let mut writer = Writer::new(self, number, entries.len() as u64);
        for entry in entries {
            writer.add(*entry)?;
        }
        writer.end(newest_ms, |transaction| {
            transaction.open_table(META)?.insert(POSITION, position)?;
            Ok(())
        })
    }

    /// Puts a run on the list, with its filter and whatever else is in that commit, which makes all its pages durable.
    pub fn list_run(
        &self,
        run: &Run,
        beside: impl FnOnce(&WriteTransaction) -> Result<(), redb::Error>,
    ) -> Result<(), Error> {
        self.write(Durability::Immediate, |transaction| {
            let bytes = run.filter.as_ref().map(Filter::to_bytes).unwrap_or_default();
            let mut filters = transaction.open_table(FILTERS)?;
            for (part, bytes) in (0..).zip(bytes.chunks(FILTER_PART)) {
                filters.insert((run.number, part), bytes)?;
            }
            transaction.open_table(RUNS)?.insert(run.number, record(run).as_slice())?;
            beside(transaction)
        })
    }

    /// Notes that everything up to a feed position is in runs, without a new one.
    pub fn move_position(&self, position: u64) -> Result<(), Error> {
        self.write(Durability::Immediate, |transaction| {
            transaction.open_table(META)?.insert(POSITION, position)?;
            Ok(())
        })
    }

    /// Adds what is sought and is in one run to what was found.
    pub fn find(&self, run: &Run, sought: &Sought, found: &mut Found) -> Result<(), Error> {
        if run.filter.as_ref().is_some_and(|filter| !filter.may_hold(sought.family.hash())) {
            return Ok(());
        }
        self.find_on_disk(run.number, sought, found).map_err(|error| Error::new(&self.path, error))
    }

    fn find_on_disk(&self, number: u32, sought: &Sought, found: &mut Found) -> Result<(), redb::Error> {
        let (first, last) = (*sought.hashes.start(), *sought.hashes.end());
        let pages = self.database.begin_read()?.open_table(PAGES)?;
        for page in pages.range((number, first, 0)..=(number, u64::MAX, u32::MAX))? {
            let (_, page) = page?;
            let page = page.value();
            let begin = partition(page, first);
            for entry in unpack(&page[begin * ENTRY_BYTES..]).take_while(|entry| entry.hash <= last) {
                // Those of one hash that follow are smaller still.
                if !found.add(entry.value) && first == last {
                    return Ok(());
                }
            }
            // The pages that follow hold some only when this one ends with one.
            if unpack(page).last().is_none_or(|entry| entry.hash > last) {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Drops a run: first from the list, so that a crash leaves pages without a run and never the contrary.
    pub fn remove(&self, number: u32) -> Result<(), Error> {
        self.write(Durability::Immediate, |transaction| unlist(transaction, &[number]))?;
        self.remove_pages(number)
    }

    /// Removes the pages of a run that is on no list.
    pub fn remove_pages(&self, number: u32) -> Result<(), Error> {
        self.write(Durability::Immediate, |transaction| {
            let all = (number, 0, 0)..=(number, u64::MAX, u32::MAX);
            transaction.open_table(PAGES)?.retain_in(all, |_, _| false)?;
            transaction.open_table(FILTERS)?.retain_in((number, 0)..=(number, u32::MAX), |_, _| false)?;
            Ok(())
        })
    }

    /// Every run; nothing in the place of one whose record has another form.
    fn list(&self) -> Result<Vec<Option<Run>>, Error> {
        let read = || -> Result<Vec<Option<Run>>, redb::Error> {
            let mut runs = Vec::new();
            for row in self.database.begin_read()?.open_table(RUNS)?.range(0..)? {
                let (number, record) = row?;
                runs.push(run(number.value(), record.value()));
            }
            Ok(runs)
        };
        read().map_err(|error| Error::new(&self.path, error))
    }

    fn empty(&self) -> Result<(), Error> {
        self.write(Durability::Immediate, |transaction| {
            transaction.delete_table(RUNS)?;
            transaction.delete_table(PAGES)?;
            transaction.delete_table(FILTERS)?;
            transaction.delete_table(META)?;
            transaction.open_table(FILTERS)?;
            transaction.open_table(PAGES)?;
            transaction.open_table(RUNS)?;
            transaction.open_table(META)?;
            Ok(())
        })
    }

    /// Numbers of runs that have pages and are not listed: a crash came before their last commit, or while they were
    /// being removed.
    fn strays(&self, listed: &[Run]) -> Result<Vec<u32>, redb::Error> {
        let pages = self.database.begin_read()?.open_table(PAGES)?;
        let mut strays = Vec::new();
        let mut next = Some(0);
        while let Some(from) = next {
            let Some(page) = pages.range((from, 0, 0)..)?.next() else { break };
            let number = page?.0.value().0;
            if !listed.iter().any(|run| run.number == number) {
                strays.push(number);
            }
            next = number.checked_add(1);
        }
        Ok(strays)
    }

    fn filter(&self, number: u32) -> Result<Option<Filter>, redb::Error> {
        let mut bytes = Vec::new();
        for part in self.database.begin_read()?.open_table(FILTERS)?.range((number, 0)..=(number, u32::MAX))? {
            bytes.extend_from_slice(part?.1.value());
        }
        Ok(Filter::from_bytes(&bytes))
    }

    /// What a filter knows a hash by.
    pub fn family(&self, hash: u64) -> u64 {
        self.families.of(hash).hash()
    }

    /// The file, for who reads many pages of it.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// An error with the file that it is about.
    pub fn failed(&self, error: redb::Error) -> Error {
        Error::new(&self.path, error)
    }

    /// One commit.
    pub fn write<T>(
        &self,
        durability: Durability,
        change: impl FnOnce(&WriteTransaction) -> Result<T, redb::Error>,
    ) -> Result<T, Error> {
        let write = || -> Result<T, redb::Error> {
            let mut transaction = self.database.begin_write()?;
            transaction.set_durability(durability)?;
            transaction.set_quick_repair(matches!(durability, Durability::Immediate));
            let made = change(&transaction)?;
            transaction.commit()?;
            Ok(made)
        };
        write().map_err(|error| Error::new(&self.path, error))
    }
}

/// The greatest values below a bound that were found so far: each once, and not more than [`MAX_FOUND`].
#[derive(Debug)]
pub struct Found {
    values: BTreeSet<u128>,
    below: u128,
    /// The low 64 bits of all that is wanted, where they are known.
    low: Option<u64>,
}

impl Found {
    /// Nothing yet.
    pub fn new(below: u128, low: Option<u64>) -> Self {
        Self { values: BTreeSet::new(), below, low }
    }

    /// Adds a value, perhaps in place of a smaller one; false when there is no room for it, nor for any smaller one.
    pub fn add(&mut self, value: u128) -> bool {
        if self.low.is_some_and(|low| low != value as u64) {
            return true;
        }
        let is_full = self.values.len() >= MAX_FOUND;
        if is_full && self.values.first().is_some_and(|least| value < *least) {
            return false;
        }
        if value < self.below && self.values.insert(value) && is_full {
            self.values.pop_first();
        }
        true
    }

    /// The greatest first.
    pub fn into_values(self) -> Vec<u128> {
        self.values.into_iter().rev().collect()
    }
}

/// Entries as a page.
pub fn pack(entries: &[Entry]) -> Vec<u8> {
    let mut page = Vec::with_capacity(entries.len() * ENTRY_BYTES);
    for entry in entries {
        page.extend_from_slice(&entry.hash.to_be_bytes());
        page.extend_from_slice(&entry.value.to_be_bytes());
    }
    page
}

/// The entries of a page.
pub fn unpack(page: &[u8]) -> impl DoubleEndedIterator<Item = Entry> {
    page.chunks_exact(ENTRY_BYTES).map(|bytes| Entry { hash: number(&bytes[..8]) as u64, value: number(&bytes[8..]) })
}

/// The place of the first entry whose hash is not below `hash`.
fn partition(page: &[u8], hash: u64) -> usize {
    let (mut low, mut high) = (0, page.len() / ENTRY_BYTES);
    while low < high {
        let middle = usize::midpoint(low, high);
        if (number(&page[middle * ENTRY_BYTES..][..8]) as u64) < hash {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

/// The number that bytes make, most significant first.
fn number(bytes: &[u8]) -> u128 {
    bytes.iter().fold(0, |number, byte| number << 8 | u128::from(*byte))
}

/// Takes runs off the list.
pub fn unlist(transaction: &WriteTransaction, numbers: &[u32]) -> Result<(), redb::Error> {
    let mut runs = transaction.open_table(RUNS)?;
    for number in numbers {
        runs.remove(number)?;
    }
    Ok(())
}

fn record(run: &Run) -> Vec<u8> {
    let mut record = vec![RECORD_FORM];
    record.extend_from_slice(&run.entries.to_be_bytes());
    record.extend_from_slice(&run.newest_ms.to_be_bytes());
    record
}

fn run(number_of: u32, record: &[u8]) -> Option<Run> {
    match record {
        [RECORD_FORM, rest @ ..] if rest.len() == 16 => Some(Run {
            number: number_of,
            entries: number(&rest[..8]) as u64,
            newest_ms: number(&rest[8..]) as u64,
            filter: None,
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
