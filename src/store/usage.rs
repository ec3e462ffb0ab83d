//! What each institution used, by month and channel: sums of the facts that are durable, kept in memory and written
//! late.
//!
//! Invariant: the sums on disk are those of all facts up to a position that stands beside them in the same transaction,
//! and of none after it; what follows is added again at the start. So a crash counts nothing twice and leaves nothing
//! out, and sums that were lost come out the same as far as the feed is kept.
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use estafette_actors::domain::channel::Channel;
use estafette_actors::domain::fact::{Change, Subject};
use estafette_actors::domain::month::Month;
use estafette_actors::domain::submission::Institution;
use estafette_actors::domain::time::Timestamp;
use estafette_actors::domain::usage::{Usage, Used};
use estafette_actors::ports::Position;
use redb::{ReadTransaction, WriteTransaction};

use super::codec::{self, Packed};
use super::layout::{self, META, USAGE, USAGE_AS_OF};
use super::{Error, lock};

/// Months that are kept, the current one included. A row takes some hundred bytes of memory.
pub const KEPT: u32 = 60;

type Key = (Month, Institution, Channel);

/// See the head of this file.
#[derive(Debug, Default)]
pub struct Books(Mutex<Sums>);

#[derive(Debug, Default)]
struct Sums {
    /// Every fact up to here is in `used`.
    as_of: Position,
    used: BTreeMap<Month, BTreeMap<(Institution, Channel), Used>>,
    /// Those that the disk has otherwise.
    changed: BTreeSet<Key>,
}

impl Sums {
    fn add(&mut self, institution: Institution, subject: &Subject, at: Timestamp, changes: &[Change]) {
        let attempts = match subject {
            Subject::Message(_) => 1,
            Subject::Rows(_, rows) => rows.len() as u64,
            Subject::Broadcast(_) | Subject::Nobody => return,
        };
        for change in changes {
            let Change::Metered { channel, parts, cost, .. } = change else { continue };
            let month = Month::of(at);
            let sums = self.used.entry(month).or_default();
            *sums.entry((institution, *channel)).or_default() += Used::alike(attempts, *parts, *cost);
            self.changed.insert((month, institution, *channel));
        }
    }
}

impl Books {
    /// Facts of a commit that is durable; everything up to `last` is then.
    pub fn add<'f>(
        &self,
        facts: impl Iterator<Item = (Institution, &'f Subject, Timestamp, &'f [Change])>,
        last: Position,
    ) {
        let mut sums = lock(&self.0);
        for (institution, subject, at, changes) in facts {
            sums.add(institution, subject, at, changes);
        }
        sums.as_of = last;
    }

    /// A value of the feed, at the start: what is in the sums already is passed over.
    pub fn replay(&self, position: Position, packed: &Packed) {
        let mut sums = lock(&self.0);
        if position <= sums.as_of {
            return;
        }
        if let Some(institution) = packed.institution {
            for group in &packed.groups {
                sums.add(institution, &group.subject, group.at, &group.changes);
            }
        }
        sums.as_of = position;
    }

    /// As it was written.
    pub fn restore(&self, read: &ReadTransaction) -> Result<(), Error> {
        let mut sums = lock(&self.0);
        for entry in read.open_table(USAGE)?.range::<&[u8; layout::USAGE_KEY]>(..)? {
            let (key, bytes) = entry?;
            let (month, institution, channel) = layout::usage_of(key.value());
            sums.used.entry(month).or_default().insert((institution, channel), codec::decode(bytes.value())?);
        }
        sums.as_of = read.open_table(META)?.get(USAGE_AS_OF)?.map_or(0, |position| position.value());
        Ok(())
    }

    /// What the disk lacks, and how far it is true. Whoever takes it writes it, or ends all writing.
    pub fn unwritten(&self) -> Unwritten {
        let mut sums = lock(&self.0);
        let changed = std::mem::take(&mut sums.changed);
        let rows = changed.into_iter().filter_map(|key @ (month, institution, channel)| {
            Some((key, *sums.used.get(&month)?.get(&(institution, channel))?))
        });
        Unwritten { as_of: sums.as_of, rows: rows.collect() }
    }

    /// What `owner`, or everybody, used in these months, in the order of months and channels.
    pub fn between(&self, owner: Option<Institution>, from: Month, until: Month) -> Vec<Usage> {
        let sums = lock(&self.0);
        let mut found = Vec::new();
        if until < from {
            return found;
        }
        for (month, of) in sums.used.range(from..=until) {
            let wanted = of.iter().filter(|((institution, _), _)| owner.is_none_or(|owner| owner == *institution));
            found.extend(wanted.map(|((institution, channel), used)| {
                let (institution, month, channel, used) = (*institution, *month, *channel, *used);
                Usage { institution, month, channel, used }
            }));
        }
        found
    }

    /// Lets months go that are kept no longer.
    pub fn forget(&self, now: Month) {
        let mut sums = lock(&self.0);
        sums.used = sums.used.split_off(&first_kept(now));
    }
}

/// The first month that is kept.
fn first_kept(now: Month) -> Month {
    now.minus(KEPT - 1)
}

/// Sums on their way to disk.
#[derive(Debug)]
pub struct Unwritten {
    /// They hold every fact up to here.
    pub as_of: Position,
    rows: Vec<(Key, Used)>,
}

impl Unwritten {
    /// Whether the disk lacks none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Writes them, and lets rows go that are kept no longer; the caller writes `as_of` in the same transaction.
    pub fn write(&self, write: &WriteTransaction, now: Month) -> Result<(), Error> {
        if self.is_empty() {
            return Ok(());
        }
        let mut table = write.open_table(USAGE)?;
        for ((month, institution, channel), used) in &self.rows {
            let key = layout::usage_key(*month, *institution, *channel);
            table.insert(&key, codec::encode(used).as_slice())?;
        }
        let mut first = [0; layout::USAGE_KEY];
        first[..4].copy_from_slice(&first_kept(now).number().to_be_bytes());
        table.retain_in::<&[u8; layout::USAGE_KEY], _>(..&first, |_, _| false)?;
        Ok(())
    }
}
