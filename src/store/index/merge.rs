//! Writing a run, of entries that come in order; and joining runs into one, page by page.
//!
//! Invariant: what is written is not a run until the commit that lists it; that commit takes those that it was joined from off the
//! list. It must not hold more than a slice of pages in memory, and the filter.
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use redb::{Durability, ReadableDatabase, TableDefinition, WriteTransaction};

use super::Error;
use super::bucket::Entry;
use super::filter::Filter;
use super::runs::{ENTRIES_PER_PAGE, PAGES, PAGES_PER_SLICE, Run, Runs, pack, unlist, unpack};

type Page = ((u32, u64, u32), Vec<u8>);
type Pages = redb::Range<'static, (u32, u64, u32), &'static [u8]>;

/// Writes a run.
pub struct Writer<'r> {
    runs: &'r Runs,
    number: u32,
    /// Of the page that is not full yet.
    entries: Vec<Entry>,
    /// Pages that are not written yet.
    slice: Vec<Page>,
    /// How many pages there are.
    pages: u32,
    count: u64,
    filter: Filter,
}

impl<'r> Writer<'r> {
    /// For so many entries at most.
    pub fn new(runs: &'r Runs, number: u32, room: u64) -> Self {
        let filter = Filter::with_room_for(room as usize);
        Self { runs, number, entries: Vec::new(), slice: Vec::new(), pages: 0, count: 0, filter }
    }

    /// Adds the next entry; gives whether a slice was written.
    pub fn add(&mut self, entry: Entry) -> Result<bool, Error> {
        self.filter.add(self.runs.family(entry.hash));
        self.entries.push(entry);
        self.count += 1;
        if self.entries.len() == ENTRIES_PER_PAGE {
            self.end_page();
        }
        if self.slice.len() < PAGES_PER_SLICE {
            return Ok(false);
        }
        self.end_slice().map(|()| true)
    }

    fn end_page(&mut self) {
        if let Some(last) = self.entries.last() {
            self.slice.push(((self.number, last.hash, self.pages), pack(&self.entries)));
            self.pages += 1;
            self.entries.clear();
        }
    }

    /// Not durable by itself: the last commit makes all durable at once.
    fn end_slice(&mut self) -> Result<(), Error> {
        let slice = std::mem::take(&mut self.slice);
        self.runs.write(Durability::None, |transaction| {
            let mut table = transaction.open_table(PAGES)?;
            for (key, page) in &slice {
                table.insert(key, page.as_slice())?;
            }
            Ok(())
        })
    }

    /// Lists the run, with whatever else is in that commit, which makes it durable.
    pub fn end(
        mut self,
        newest_ms: u64,
        beside: impl FnOnce(&WriteTransaction) -> Result<(), redb::Error>,
    ) -> Result<Run, Error> {
        self.end_page();
        self.end_slice()?;
        let run = Run { number: self.number, entries: self.count, newest_ms, filter: Some(self.filter) };
        self.runs.list_run(&run, beside)?;
        Ok(run)
    }
}

/// A run that is read in order.
struct Source {
    pages: Pages,
    page: std::vec::IntoIter<Entry>,
}

impl Source {
    fn next(&mut self) -> Result<Option<Entry>, redb::Error> {
        loop {
            if let Some(entry) = self.page.next() {
                return Ok(Some(entry));
            }
            let Some(page) = self.pages.next() else { return Ok(None) };
            self.page = unpack(page?.1.value()).collect::<Vec<_>>().into_iter();
        }
    }
}

/// Entries of several runs, by hash, those of one hash greatest first, each once.
struct Merged {
    sources: Vec<Source>,
    next: BinaryHeap<Reverse<(u64, Reverse<u128>, usize)>>,
    last: Option<Entry>,
}

impl Merged {
    fn of(runs: &Runs, numbers: &[u32]) -> Result<Self, redb::Error> {
        let definition: TableDefinition<'_, (u32, u64, u32), &[u8]> = PAGES;
        let table = runs.database().begin_read()?.open_table(definition)?;
        let mut merged = Self { sources: Vec::new(), next: BinaryHeap::new(), last: None };
        for number in numbers {
            let pages = table.range((*number, 0, 0)..=(*number, u64::MAX, u32::MAX))?;
            merged.sources.push(Source { pages, page: Vec::new().into_iter() });
            merged.draw(merged.sources.len() - 1)?;
        }
        Ok(merged)
    }

    fn draw(&mut self, source: usize) -> Result<(), redb::Error> {
        if let Some(entry) = self.sources[source].next()? {
            self.next.push(Reverse((entry.hash, Reverse(entry.value), source)));
        }
        Ok(())
    }

    fn next(&mut self) -> Result<Option<Entry>, redb::Error> {
        while let Some(Reverse((hash, Reverse(value), source))) = self.next.pop() {
            self.draw(source)?;
            let entry = Entry { hash, value };
            if self.last.replace(entry) != Some(entry) {
                return Ok(Some(entry));
            }
        }
        Ok(None)
    }
}

/// Joins runs into one with a number, and takes them off the list; their pages stay until [`Runs::remove_pages`]. Between slices it
/// asks whether to go on; none when not.
pub fn join(
    runs: &Runs,
    number: u32,
    inputs: &[Arc<Run>],
    mut go_on: impl FnMut() -> bool,
) -> Result<Option<Run>, Error> {
    let numbers: Vec<u32> = inputs.iter().map(|run| run.number).collect();
    let mut merged = Merged::of(runs, &numbers).map_err(|error| runs.failed(error))?;
    let mut writer = Writer::new(runs, number, inputs.iter().map(|run| run.entries).sum());
    while let Some(entry) = merged.next().map_err(|error| runs.failed(error))? {
        if writer.add(entry)? && !go_on() {
            runs.remove_pages(number)?;
            return Ok(None);
        }
    }
    let newest_ms = inputs.iter().map(|run| run.newest_ms).max().unwrap_or_default();
    writer.end(newest_ms, |transaction| unlist(transaction, &numbers)).map(Some)
}
