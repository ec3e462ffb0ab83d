//! The lists of those to whom an institution may not write: on disk in a file of their own, in memory for
//! routing.
//!
//! Invariant: what [`Suppressions::add`] was given is on disk, and seen by routing, before it returns; and
//! nobody is known here but by a keyed hash, so that the file tells no number. It must not know why a
//! step is left out: routing asks [`Suppressions::bar`].
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use dashmap::DashMap;
use estafette_actors::domain::channel::Channel;
use estafette_actors::domain::submission::{Identifier, Institution, Recipient};
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::{Bar, Clock, Suppressed, Suppression, SuppressionError, Suppressions};
use futures_util::future::BoxFuture;
use redb::{Database, ReadableTable, TableDefinition};

use super::index::KeyedHash;
use super::{codec, database, lock};

/// Institution and the entry's id.
type Key = (u32, u128);

const ENTRIES: TableDefinition<Key, &[u8]> = TableDefinition::new("suppressions");
const FORM: u8 = 1;
const RECORD: usize = 1 + 1 + 12 + 8;
const CACHE_BYTES: usize = 8 << 20;

/// Why the lists can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Reading or writing failed.
    #[error("{} can't be used: check the disk and restart ({source})", path.display())]
    Disk {
        /// The file.
        path: PathBuf,
        /// What the store said.
        source: Box<redb::Error>,
    },
    /// A record in a form that this program does not know.
    #[error("{} holds a record that this estafette can't read: start the newer one that wrote it, or restore a backup", .0.display())]
    Damaged(PathBuf),
}

#[derive(Clone, Copy)]
struct Held {
    channel: Option<Channel>,
    why: Bar,
    since: Timestamp,
}

impl Held {
    /// What holds when the same one is told again: the time of the first, and the stronger reason. A consent that was
    /// withdrawn is not given back by a word that asks for less.
    fn and(self, other: Self) -> Self {
        let why = if other.why == Bar::ConsentWithdrawn { other.why } else { self.why };
        Self { why, ..self }
    }
}

struct Inner {
    database: Database,
    hash: KeyedHash,
    clock: Arc<dyn Clock>,
    entries: DashMap<Key, Held>,
    most: usize,
    /// One change at a time: the bound is looked at, the file written, then the memory changed.
    changing: Mutex<()>,
}

/// The lists. Clones are one.
#[derive(Clone)]
pub struct Lists(Arc<Inner>);

impl Lists {
    /// Copies them into a fresh file, as of one moment.
    pub fn copy_to(&self, path: &Path) -> Result<(), redb::Error> {
        super::backup::copy_table(&self.0.database, path, ENTRIES)
    }

    /// Opens the file, or makes it; holds `most` entries of all institutions together.
    pub fn open(path: impl AsRef<Path>, hash: KeyedHash, clock: Arc<dyn Clock>, most: usize) -> Result<Self, Error> {
        let path = path.as_ref().to_path_buf();
        let disk = |error: redb::Error| Error::Disk { path: path.clone(), source: Box::new(error) };
        let database = database::open(&path, CACHE_BYTES);
        let database = database.map_err(|error| disk(error.into()))?;
        change(&database, &[]).map_err(disk)?;
        let entries = DashMap::new();
        let mut damaged = false;
        let read = || -> Result<(), redb::Error> {
            let table = redb::ReadableDatabase::begin_read(&database)?.open_table(ENTRIES)?;
            for row in table.iter()? {
                let (key, record) = row?;
                match unpack(record.value()) {
                    Some(held) => {
                        entries.insert(key.value(), held);
                    }
                    None => return Ok(()),
                }
            }
            Ok(())
        };
        read().map_err(disk)?;
        let there = || -> Result<u64, redb::Error> {
            let table = redb::ReadableDatabase::begin_read(&database)?.open_table(ENTRIES)?;
            redb::ReadableTableMetadata::len(&table).map_err(Into::into)
        };
        damaged |= there().map_err(disk)? != entries.len() as u64;
        if damaged {
            return Err(Error::Damaged(path));
        }
        let inner = Inner { database, hash, clock, entries, most, changing: Mutex::new(()) };
        Ok(Self(Arc::new(inner)))
    }
}

impl Inner {
    fn id(&self, sender: u32, channel: Option<Channel>, who: Identifier) -> u128 {
        let (kind, digits) = match who {
            Identifier::Niss(niss) => (b'n', niss.digits()),
            Identifier::Mobile(mobile) => (b'm', mobile.digits()),
            Identifier::Cbe(cbe) => (b'c', cbe.digits()),
        };
        let mut bytes = Vec::with_capacity(40);
        bytes.extend_from_slice(&sender.to_be_bytes());
        bytes.extend_from_slice(&channel.map_or([0; 12], |channel| channel.as_key()));
        bytes.push(kind);
        bytes.extend_from_slice(digits.as_bytes());
        // Two halves under two domains: nobody is barred because of a chance collision.
        let (high, low) = (self.hash.hash("suppression-high", &bytes), self.hash.hash("suppression-low", &bytes));
        u128::from(high) << 64 | u128::from(low)
    }

    fn add(&self, sender: Institution, entries: &[Suppression]) -> Result<Vec<Suppressed>, SuppressionError> {
        let number = codec::institution_number(sender);
        let _one = lock(&self.changing);
        let since = self.clock.now();
        let mut changed: BTreeMap<Key, Held> = BTreeMap::new();
        let (mut fresh, mut all) = (0, Vec::with_capacity(entries.len()));
        for entry in entries {
            let id = self.id(number, entry.channel, entry.who);
            let key = (number, id);
            let known = changed.get(&key).copied().or_else(|| self.entries.get(&key).map(|held| *held));
            let given = Held { channel: entry.channel, why: entry.why, since };
            let held = known.map_or(given, |known| known.and(given));
            if known.is_none() {
                fresh += 1;
            }
            if known.is_none_or(|known| known.why != held.why) {
                changed.insert(key, held);
            }
            let since = held.since;
            all.push(Suppressed { id, channel: held.channel, why: held.why, since });
        }
        if fresh > 0 && self.entries.len() + fresh > self.most {
            return Err(SuppressionError::Full);
        }
        let rows: Vec<_> = changed.iter().map(|(key, held)| (*key, Some(pack(*held)))).collect();
        change(&self.database, &rows).map_err(|error| SuppressionError::Unusable(error.to_string()))?;
        for (key, held) in changed {
            self.entries.insert(key, held);
        }
        Ok(all)
    }

    fn remove(&self, sender: Institution, ids: &[u128]) -> Result<usize, SuppressionError> {
        let number = codec::institution_number(sender);
        let _one = lock(&self.changing);
        let there: Vec<Key> = ids.iter().map(|id| (number, *id)).filter(|key| self.entries.contains_key(key)).collect();
        let rows: Vec<_> = there.iter().map(|key| (*key, None)).collect();
        change(&self.database, &rows).map_err(|error| SuppressionError::Unusable(error.to_string()))?;
        for key in &there {
            self.entries.remove(key);
        }
        Ok(there.len())
    }

    fn list(&self, number: u32, after: Option<u128>, limit: usize) -> Result<Vec<Suppressed>, redb::Error> {
        let table = redb::ReadableDatabase::begin_read(&self.database)?.open_table(ENTRIES)?;
        let from = match after {
            Some(u128::MAX) => return Ok(Vec::new()),
            Some(after) => after + 1,
            None => 0,
        };
        let mut found = Vec::new();
        for row in table.range((number, from)..=(number, u128::MAX))?.take(limit) {
            let (key, record) = row?;
            let ((_, id), held) = (key.value(), unpack(record.value()));
            found.extend(held.map(|Held { channel, why, since }| Suppressed { id, channel, why, since }));
        }
        Ok(found)
    }
}

impl Suppressions for Lists {
    fn bar(&self, sender: Institution, recipient: &Recipient, channel: Channel) -> Option<Bar> {
        let inner = &self.0;
        if inner.entries.is_empty() {
            return None;
        }
        let number = codec::institution_number(sender);
        let of = |who| {
            let held = |channel| inner.entries.get(&(number, inner.id(number, channel, who))).map(|held| held.why);
            held(None).or_else(|| held(Some(channel)))
        };
        recipient.identifiers().find_map(of)
    }

    fn add(
        &self,
        sender: Institution,
        entries: Vec<Suppression>,
    ) -> BoxFuture<'static, Result<Vec<Suppressed>, SuppressionError>> {
        let inner = Arc::clone(&self.0);
        blocking(move || inner.add(sender, &entries))
    }

    fn remove(&self, sender: Institution, ids: Vec<u128>) -> BoxFuture<'static, Result<usize, SuppressionError>> {
        let inner = Arc::clone(&self.0);
        blocking(move || inner.remove(sender, &ids))
    }

    fn list(
        &self,
        sender: Institution,
        after: Option<u128>,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<Suppressed>, SuppressionError>> {
        let (inner, number) = (Arc::clone(&self.0), codec::institution_number(sender));
        blocking(move || {
            inner.list(number, after, limit).map_err(|error| SuppressionError::Unusable(error.to_string()))
        })
    }

    fn find(&self, sender: Institution, who: Identifier, channels: &[Channel]) -> Vec<Suppressed> {
        let number = codec::institution_number(sender);
        let scopes = std::iter::once(None).chain(channels.iter().copied().map(Some));
        let ids = scopes.map(|channel| self.0.id(number, channel, who));
        let found = ids.filter_map(|id| {
            let Held { channel, why, since } = *self.0.entries.get(&(number, id))?;
            Some(Suppressed { id, channel, why, since })
        });
        found.collect()
    }
}

fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SuppressionError> + Send + 'static,
) -> BoxFuture<'static, Result<T, SuppressionError>> {
    Box::pin(async move {
        let gone = |_| SuppressionError::Unusable("the thread that writes them has gone".to_owned());
        tokio::task::spawn_blocking(work).await.map_err(gone)?
    })
}

fn change(database: &Database, rows: &[(Key, Option<[u8; RECORD]>)]) -> Result<(), redb::Error> {
    let mut transaction = database.begin_write()?;
    // Changes are rare, so each may pay for a quick opening after a kill.
    transaction.set_quick_repair(true);
    {
        let mut table = transaction.open_table(ENTRIES)?;
        for (key, record) in rows {
            match record {
                Some(record) => table.insert(key, record.as_slice())?,
                None => table.remove(key)?,
            };
        }
    }
    Ok(transaction.commit()?)
}

/// Form, why (1 suppressed, 2 a consent withdrawn), channel (zeros for all), milliseconds since 1970.
fn pack(held: Held) -> [u8; RECORD] {
    let mut record = [0; RECORD];
    record[0] = FORM;
    record[1] = match held.why {
        Bar::Suppressed => 1,
        Bar::ConsentWithdrawn => 2,
    };
    record[2..14].copy_from_slice(&held.channel.map_or([0; 12], |channel| channel.as_key()));
    record[14..].copy_from_slice(&held.since.millis().to_be_bytes());
    record
}

/// `None` when the form is not known.
fn unpack(record: &[u8]) -> Option<Held> {
    let record: &[u8; RECORD] = record.try_into().ok()?;
    let why = match record[..2] {
        [FORM, 1] => Bar::Suppressed,
        [FORM, 2] => Bar::ConsentWithdrawn,
        _ => return None,
    };
    let channel: [u8; 12] = record[2..14].try_into().ok()?;
    let channel = (channel != [0; 12]).then(|| Channel::from_key(channel));
    let since = Timestamp::from_millis(u64::from_be_bytes(record[14..].try_into().ok()?));
    Some(Held { channel, why, since })
}

#[cfg(test)]
mod tests;
