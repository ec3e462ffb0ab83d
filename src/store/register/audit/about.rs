//! What finds the lines about somebody: the hashes of each bucket of positions, sorted, in pages; those of the newest bucket in memory.
//!
//! Invariant: the commit with the first line behind a bucket has the pages of that bucket. What is in memory is made again of the records
//! at the next start. A hash is a random number: a row of the table for each line would change pages all over it at every commit.
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

use estafette_actors::ports::register::Trouble;

use super::{AUDIT, LINES, NEXT_LINE, Record, array, decode, lock};
use crate::store::register::engine::{Draft, Engine, Error};
use crate::store::register::{AUDIT_ABOUT, NEXT};

/// Positions of a bucket, as a power of two: a look for each when somebody's lines are asked for, 4 MiB of memory for the newest.
const BUCKET: u32 = if cfg!(test) { 8 } else { 18 };
/// Lines on a page: such a page fills one of the disk.
const PAGE: usize = if cfg!(test) { 5 } else { 280 };
/// Bytes of a line there.
const ENTRY: usize = 8 + 4 + 2;

/// A line that is about somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    about: u64,
    /// Its place in the bucket.
    place: u32,
    /// Its place in its record.
    back: u16,
}

impl Entry {
    fn pack(self) -> [u8; ENTRY] {
        let mut bytes = [0; ENTRY];
        bytes[..8].copy_from_slice(&self.about.to_be_bytes());
        bytes[8..12].copy_from_slice(&self.place.to_be_bytes());
        bytes[12..].copy_from_slice(&self.back.to_be_bytes());
        bytes
    }

    fn unpack(bytes: &[u8; ENTRY]) -> Self {
        let [about @ .., p3, p2, p1, p0, b1, b0] = *bytes;
        Self {
            about: u64::from_be_bytes(about),
            place: u32::from_be_bytes([p3, p2, p1, p0]),
            back: u16::from_be_bytes([b1, b0]),
        }
    }

    /// Its position, and that of its record.
    fn positions(self, bucket: u32) -> (u64, u64) {
        let position = (u64::from(bucket) << BUCKET) + u64::from(self.place);
        (position, position - u64::from(self.back))
    }
}

fn bucket_of(position: u64) -> u32 {
    (position >> BUCKET) as u32
}

/// Bucket, last hash of a page, and its number in the bucket.
fn key(bucket: u32, last: u64, number: u32) -> [u8; 16] {
    let mut key = [0; 16];
    key[..4].copy_from_slice(&bucket.to_be_bytes());
    key[4..12].copy_from_slice(&last.to_be_bytes());
    key[12..].copy_from_slice(&number.to_be_bytes());
    key
}

/// The buckets that have no pages yet: the newest, and those that a commit under way closes.
#[derive(Debug, Default)]
pub struct Open(Arc<Mutex<BTreeMap<u32, Vec<Entry>>>>);

impl Open {
    /// Takes the lines of a record that begins at a position.
    pub fn add(&self, first: u64, record: &Record) {
        let mut open = lock(&self.0);
        for (back, (position, line)) in (0..).zip((first..).zip(&record.lines)) {
            if let Some(about) = line.about {
                let place = (position & ((1 << BUCKET) - 1)) as u32;
                open.entry(bucket_of(position)).or_default().push(Entry { about, place, back });
            }
        }
    }

    /// Writes the pages of the buckets before the next line. They are in memory until those are durable.
    pub fn close(&self, draft: &mut Draft<'_>, next: u64) {
        let closed: Vec<(u32, Vec<Entry>)> = {
            let open = lock(&self.0);
            open.range(..bucket_of(next)).map(|(bucket, entries)| (*bucket, entries.clone())).collect()
        };
        for (bucket, mut entries) in closed {
            entries.sort_unstable();
            for (number, page) in (0..).zip(entries.chunks(PAGE)) {
                let last = page.last().map_or(0, |entry| entry.about);
                let bytes: Vec<u8> = page.iter().flat_map(|entry| entry.pack()).collect();
                draft.put(AUDIT_ABOUT, &key(bucket, last, number), bytes);
            }
            let open = Arc::clone(&self.0);
            draft.after(move || {
                lock(&open).remove(&bucket);
            });
        }
    }

    /// Reads again what was in memory.
    pub fn recall(&self, engine: &Engine) -> Result<(), Trouble> {
        let next = engine.get(NEXT, NEXT_LINE)?.and_then(|next| array(&next)).map_or(1, u64::from_be_bytes);
        let begin = u64::from(bucket_of(next)) << BUCKET;
        let mut outcome = Ok(());
        engine.scan(AUDIT, &begin.saturating_sub(LINES as u64).to_be_bytes(), None, |key, value| {
            match (array(key).ok_or_else(super::damaged), decode(value)) {
                (Ok(first), Ok(record)) => {
                    self.add(u64::from_be_bytes(first), &record);
                    return ControlFlow::Continue(());
                }
                (Err(trouble), _) | (_, Err(trouble)) => outcome = Err(trouble),
            }
            ControlFlow::Break(())
        })?;
        // The first record may begin before the bucket.
        lock(&self.0).retain(|bucket, _| *bucket >= bucket_of(next));
        outcome
    }

    /// Positions after one of lines about somebody, and those of their records, ascending: all, or so many and a few more. Some may be
    /// there twice, and records may be gone, or not there yet.
    pub fn find(&self, engine: &Engine, about: u64, after: u64, most: usize) -> Result<Vec<(u64, u64)>, Trouble> {
        // First what is in memory: what leaves it meanwhile is in the pages.
        let newest: Vec<(u64, u64)> = {
            let open = lock(&self.0);
            let entries = open.iter().flat_map(|(bucket, entries)| entries.iter().map(move |entry| (*bucket, entry)));
            entries.filter(|(_, entry)| entry.about == about).map(|(bucket, entry)| entry.positions(bucket)).collect()
        };
        let (mut found, mut bucket) = (Vec::new(), Some(bucket_of(after + 1)));
        while let Some(one) = bucket.filter(|_| found.len() < most) {
            in_pages(engine, one, (about, after), &mut found)?;
            bucket = None;
            engine.scan(AUDIT_ABOUT, &key(one + 1, 0, 0), None, |key, _| {
                bucket = key.get(..4).and_then(array).map(u32::from_be_bytes);
                ControlFlow::Break(())
            })?;
        }
        if found.len() < most {
            found.extend(newest.into_iter().filter(|(position, _)| *position > after));
        }
        Ok(found)
    }

    /// Lets go of what finds lines before a position, as far as whole buckets go.
    pub fn let_go(&self, draft: &mut Draft<'_>, before: u64) -> Result<(), Error> {
        let mut keys = Vec::new();
        draft.scan(AUDIT_ABOUT, &[], Some(&key(bucket_of(before), 0, 0)), |key, _| {
            keys.push(key.to_vec());
            ControlFlow::Continue(())
        })?;
        for key in keys {
            draft.remove(AUDIT_ABOUT, &key);
        }
        for (bucket, entries) in &mut *lock(&self.0) {
            entries.retain(|entry| entry.positions(*bucket).0 >= before);
        }
        Ok(())
    }
}

/// Looks into the pages of a bucket: they are sorted, so that it is one, unless somebody's lines fill more.
fn in_pages(
    engine: &Engine,
    bucket: u32,
    (about, after): (u64, u64),
    found: &mut Vec<(u64, u64)>,
) -> Result<(), Trouble> {
    engine.scan(AUDIT_ABOUT, &key(bucket, about, 0), Some(&key(bucket + 1, 0, 0)), |_, page| {
        let (page, _) = page.as_chunks::<ENTRY>();
        let begin = page.partition_point(|entry| Entry::unpack(entry).about < about);
        let entries = page[begin..].iter().map(Entry::unpack).take_while(|entry| entry.about == about);
        found.extend(entries.map(|entry| entry.positions(bucket)).filter(|(position, _)| *position > after));
        let goes_on = page.last().is_some_and(|entry| Entry::unpack(entry).about == about);
        if goes_on { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_a_bucket_stay_what_they_are_on_disk_and_sort_by_bucket_then_hash() {
        let entry = Entry { about: 0x0102, place: 0x0304, back: 0x0105 };
        assert_eq!(entry.pack(), [0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 3, 4, 1, 5]);
        assert_eq!(Entry::unpack(&entry.pack()), entry);
        assert_eq!(key(1, 2, 3), [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 3]);
        assert!(key(2, 0, 0) > key(1, u64::MAX, u32::MAX) && key(1, 9, 0) > key(1, 8, 7));
        let (position, record) = Entry { about: 1, place: 7, back: 9 }.positions(3);
        assert_eq!((position, record), ((3 << BUCKET) + 7, (3 << BUCKET) - 2));
    }
}
