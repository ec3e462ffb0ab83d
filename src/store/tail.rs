//! Entries that a segment's tables lack yet: which values of the feed hold facts of whom. They go to the tables many at
//! once, since each table that a commit touches costs it some pages.
//!
//! Invariant: what the tables lack stands here before anybody is told of its position. All of it follows from the feed, so
//! a crash loses nothing: it is made again of the values behind the position up to which the tables are whole.
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::Mutex;

use estafette_actors::domain::fact::Subject;
use estafette_actors::domain::submission::Institution;
use estafette_actors::ports::Position;
use redb::{ReadableDatabase, WriteTransaction};

use super::layout::{ABOUT, FEED, FEED_OF, INDEXED, TRAIL};
use super::live::Item;
use super::{Error, codec, lock};

/// Entries that wait at most, and those of one commit: writing so many takes less than a millisecond.
const MOST: usize = 1_024;

/// See the head of this file.
#[derive(Debug, Default)]
pub struct Tail(Mutex<Entries>);

#[derive(Debug, Default)]
struct Entries {
    feed_of: BTreeSet<(u32, Position)>,
    trail: BTreeMap<(u128, Position), (u16, u16)>,
    /// The position of the last value that was noted.
    last: Position,
    /// How often entries went to the tables.
    written: u64,
}

impl Tail {
    /// Of a segment that is opened: what its tables lack.
    pub fn of(database: &redb::Database) -> Result<Self, Error> {
        let tail = Self::default();
        let read = database.begin_read()?;
        let feed = read.open_table(FEED)?;
        let whole = read.open_table(ABOUT)?.get(INDEXED)?.map_or(0, |position| position.value());
        for value in feed.range(whole + 1..)? {
            let (position, bytes) = value?;
            let packed = codec::unpack(bytes.value())?;
            let subjects = packed.groups.iter().map(|group| &group.subject);
            tail.note(position.value(), packed.institution, subjects);
        }
        Ok(tail)
    }

    /// A value of the feed became durable.
    pub fn note<'s>(
        &self,
        position: Position,
        institution: Option<Institution>,
        subjects: impl Iterator<Item = &'s Subject>,
    ) {
        let mut entries = lock(&self.0);
        entries.last = entries.last.max(position);
        entries.feed_of.extend(institution.map(|owner| (codec::institution_number(owner), position)));
        for (item, first, last) in subjects.filter_map(trailed) {
            let span = entries.trail.entry((item, position)).or_insert((first, last));
            *span = (span.0.min(first), span.1.max(last));
        }
    }

    /// Whether it is time to write them.
    pub fn is_full(&self) -> bool {
        let entries = lock(&self.0);
        entries.feed_of.len() + entries.trail.len() >= MOST
    }

    /// Whether the tables lack nothing.
    pub fn is_empty(&self) -> bool {
        let entries = lock(&self.0);
        entries.feed_of.is_empty() && entries.trail.is_empty()
    }

    /// Puts them in the tables. They stay here until [`Self::written`]: before the commit nobody reads them there.
    pub fn write(&self, write: &WriteTransaction) -> Result<(), Error> {
        let entries = lock(&self.0);
        if entries.feed_of.is_empty() && entries.trail.is_empty() {
            return Ok(());
        }
        let mut table = write.open_table(FEED_OF)?;
        for key in &entries.feed_of {
            table.insert(key, ())?;
        }
        let mut table = write.open_table(TRAIL)?;
        for (key, rows) in &entries.trail {
            table.insert(key, rows)?;
        }
        write.open_table(ABOUT)?.insert(INDEXED, entries.last)?;
        Ok(())
    }

    /// They are in the tables, and that is durable.
    pub fn written(&self) {
        let mut entries = lock(&self.0);
        entries.feed_of.clear();
        entries.trail.clear();
        entries.written += 1;
    }

    /// How often entries went to the tables: a view of these from before lacks what went since.
    pub fn times_written(&self) -> u64 {
        lock(&self.0).written
    }

    /// Values that hold facts of an institution, among these positions, and [`Self::times_written`].
    pub fn feed_of(&self, institution: u32, among: RangeInclusive<Position>) -> (Vec<Position>, u64) {
        let entries = lock(&self.0);
        let keys = (institution, *among.start())..=(institution, *among.end());
        (entries.feed_of.range(keys).map(|(_, position)| *position).collect(), entries.written)
    }

    /// Values that may hold facts of a message, or of one row or any of a chunk, and [`Self::times_written`].
    pub fn trail(&self, item: u128, row: Option<u16>) -> (Vec<Position>, u64) {
        let entries = lock(&self.0);
        let told = entries.trail.range((item, 0)..=(item, Position::MAX)).filter(|(_, rows)| spans(**rows, row));
        (told.map(|((_, position), _)| *position).collect(), entries.written)
    }
}

/// Whether rows from one to another may be those that are asked for.
pub fn spans((first, last): (u16, u16), row: Option<u16>) -> bool {
    row.is_none_or(|row| (first..=last).contains(&row))
}

/// The message or chunk that a subject's facts are found under, with its first and last row. What concerns a broadcast as a
/// whole is told of its own state.
fn trailed(subject: &Subject) -> Option<(u128, u16, u16)> {
    match subject {
        Subject::Message(id) => {
            let (item, row) = Item::holding(*id);
            let row = row.unwrap_or_default();
            Some((item.key(), row, row))
        }
        // Rows are told in their order.
        Subject::Rows(chunk, rows) => Some((chunk.key(), *rows.first()?, *rows.last()?)),
        Subject::Broadcast(_) | Subject::Nobody => None,
    }
}
