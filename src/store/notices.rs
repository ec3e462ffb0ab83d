//! What holders have to be told and were not yet, in a file of its own: how far each feed was followed, letters by the time at which they
//! are due, and the documents that wait for a mailbox's digest.
//!
//! Invariant: a place in a feed and what follows from the events up to it are one commit, so that nothing is lost and nothing is put in
//! twice; a letter leaves only by [`Book::settle`]. Nothing is kept in memory but redb's pages: millions may wait.
//! The file has NISSs, as the mailboxes beside it have, and is as private.
use std::path::{Path, PathBuf};

use estafette_actors::domain::mailbox::document::DocumentId;
use estafette_actors::domain::mailbox::notice::{Digest, Way};
use estafette_actors::domain::mailbox::{Audience, MailboxId};
use estafette_actors::domain::time::Timestamp;
use redb::{Database, ReadableDatabase, ReadableTable, ReadableTableMetadata, WriteTransaction};
use serde::{Deserialize, Serialize};

use self::tables::{
    DIGEST, DUE, EPOCH, Key, LETTERS, NUMBERS, PLACES, Record, Tables, WAITING, Waiting, Wrong, of_mailbox, rank,
};
use super::{backup, codec, database};

mod letter;
mod tables;

pub use letter::{Depths, Entry, Letter, Settled};

const CACHE_BYTES: usize = 16 << 20;

/// The file in the data folder.
pub const FILE: &str = "notices.redb";

/// Why the book can't be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Reading or writing failed.
    #[error("{} can't be used: check the disk ({source})", path.display())]
    Disk {
        /// The file.
        path: PathBuf,
        /// What the store said.
        source: Box<redb::Error>,
    },
    /// A record in another form.
    #[error("{} holds a record that this estafette can't read: start the newer one that wrote it, or restore a backup ({reason})", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: codec::Error,
    },
}

/// How far a feed was followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Up to this event.
    pub after: u64,
    /// Notices are there since then: what happened before is not told.
    pub since: Timestamp,
}

/// The file.
#[derive(Debug)]
pub struct Book {
    database: Database,
    path: PathBuf,
    epoch: u128,
    /// So often nothing can be written, as when the disk is full.
    #[cfg(test)]
    pub(crate) full: std::sync::atomic::AtomicU32,
}

impl Book {
    /// Opens the file, or makes it. One that is of a backup gets an epoch of its own.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref().to_path_buf();
        let disk = |error: redb::Error| Error::Disk { path: path.clone(), source: Box::new(error) };
        let database = database::open(&path, CACHE_BYTES).map_err(|error| disk(error.into()))?;
        let mut book = Self {
            database,
            path,
            epoch: rand::random(),
            #[cfg(test)]
            full: std::sync::atomic::AtomicU32::new(0),
        };
        let mut epoch = book.epoch;
        book.writing(|write| {
            write.open_table(PLACES)?;
            write.open_table(WAITING)?;
            let mut epochs = write.open_table(EPOCH)?;
            let known = epochs.get(())?.map(|known| known.value());
            match known {
                Some(known) => epoch = known,
                None => drop(epochs.insert((), epoch)?),
            }
            Tables::open(write)?.agree()
        })?;
        book.epoch = epoch;
        Ok(book)
    }

    /// What tells its letters from those of another book: chance, made with the file.
    pub const fn epoch(&self) -> u128 {
        self.epoch
    }

    /// Copies what is kept into a file of a backup, as of one moment. The epoch is not: what is restored goes another way than this book.
    pub fn copy_to(&self, path: &Path) -> Result<(), redb::Error> {
        let read = self.database.begin_read()?;
        backup::copy_table_as_of(&read, path, PLACES)?;
        backup::copy_table_as_of(&read, path, LETTERS)?;
        backup::copy_table_as_of(&read, path, WAITING)?;
        backup::copy_table_as_of(&read, path, NUMBERS)?;
        DUE.iter().try_for_each(|table| backup::copy_table_as_of(&read, path, *table))
    }

    /// How far a feed was followed; none before it ever was.
    pub fn place(&self, of: Audience) -> Result<Option<Place>, Error> {
        self.reading(|| {
            let places = self.read()?.open_table(PLACES)?;
            Ok(places.get(of as u8)?.map(|bytes| codec::decode(bytes.value())).transpose()?)
        })
    }

    /// Keeps what follows from events, and how far they go: in one commit.
    pub fn follow(&self, of: Audience, place: Place, entries: &[Entry]) -> Result<(), Error> {
        self.writing(|write| {
            write.open_table(PLACES)?.insert(of as u8, codec::encode(&place).as_slice())?;
            let mut tables = Tables::open(write)?;
            let mut waiting = write.open_table(WAITING)?;
            for entry in entries {
                match *entry {
                    Entry::AtOnce(mailbox, document, way, due) => {
                        tables.begin((mailbox.key(), document.as_u128()), way, due)?;
                    }
                    Entry::InDigest(mailbox, document, waits, way, due) => {
                        let key = (mailbox.key(), document.as_u128());
                        let known: Option<Waiting> =
                            waiting.get(key)?.map(|bytes| codec::decode(bytes.value())).transpose()?;
                        let waits = known.map_or(waits, |known| known.waits.max(waits));
                        let number = tables.number()?;
                        waiting.insert(key, codec::encode(&Waiting { waits, number }).as_slice())?;
                        tables.begin((mailbox.key(), DIGEST), way, due)?;
                    }
                    Entry::Over(mailbox, document) => {
                        let key = (mailbox.key(), document.as_u128());
                        waiting.remove(key)?;
                        // What was told has to be proven, also if it was read since.
                        if !tables.get(key)?.is_some_and(|record| record.is_handed_over) {
                            tables.end(key)?;
                        }
                    }
                }
            }
            Ok(())
        })
    }

    /// Letters that are due: those that go at once first, then digests; the earliest first.
    pub fn due(&self, way: Way, now: Timestamp, limit: usize) -> Result<Vec<Letter>, Error> {
        self.reading(|| {
            let read = self.read()?;
            let letters = read.open_table(LETTERS)?;
            let mut found = Vec::new();
            for is_digest in [false, true] {
                let due = read.open_table(DUE[rank(way, is_digest)])?;
                for row in due.range(..=(now.millis(), u64::MAX, u128::MAX))? {
                    if found.len() >= limit {
                        break;
                    }
                    let (_, mailbox, document) = row?.0.value();
                    let Some(record) = letters.get((mailbox, document))? else { continue };
                    let record: Record = codec::decode(record.value())?;
                    found.push(Letter {
                        mailbox: MailboxId::from_key(mailbox),
                        document: (!is_digest).then(|| DocumentId::from_u128(document)),
                        way,
                        attempts: record.attempts,
                        number: record.number,
                        since: record.since,
                        is_handed_over: record.is_handed_over,
                    });
                }
            }
            Ok(found)
        })
    }

    /// What the digest of a mailbox says now, and up to which number that is.
    pub fn digest(&self, mailbox: MailboxId) -> Result<(Digest, u64), Error> {
        self.reading(|| {
            let waiting = self.read()?.open_table(WAITING)?;
            let (mut digest, mut counted) = (Digest::default(), 0);
            for row in waiting.range(of_mailbox(mailbox))? {
                let one: Waiting = codec::decode(row?.1.value())?;
                digest.count(one.waits);
                counted = counted.max(one.number);
            }
            Ok((digest, counted))
        })
    }

    /// Keeps what became of letters, in one commit. Of one that is gone meanwhile nothing is kept.
    pub fn settle(&self, settled: &[(Letter, Settled)]) -> Result<(), Error> {
        #[cfg(test)]
        if self.full.load(std::sync::atomic::Ordering::Acquire) > 0 {
            self.full.fetch_sub(1, std::sync::atomic::Ordering::AcqRel);
            return Err(self.named(Wrong::Disk(redb::Error::Io(std::io::ErrorKind::StorageFull.into()))));
        }
        self.writing(|write| {
            let mut tables = Tables::open(write)?;
            let mut waiting = write.open_table(WAITING)?;
            for (letter, became) in settled {
                let key = (letter.mailbox.key(), letter.document.map_or(DIGEST, DocumentId::as_u128));
                let Some(record) = tables.get(key)?.filter(|record| record.number == letter.number) else { continue };
                match *became {
                    Settled::Done { counted, next } => {
                        tables.end(key)?;
                        if key.1 == DIGEST {
                            let told = |_: Key, value: &[u8]| {
                                codec::decode::<Waiting>(value).is_ok_and(|one| one.number <= counted)
                            };
                            for row in waiting.extract_from_if(of_mailbox(letter.mailbox), told)? {
                                row?;
                            }
                            if waiting.range(of_mailbox(letter.mailbox))?.next().is_some() {
                                tables.begin(key, record.way, next)?;
                            }
                        }
                    }
                    Settled::Gone => {
                        tables.end(key)?;
                        if key.1 == DIGEST {
                            waiting.retain_in(of_mailbox(letter.mailbox), |_, _| false)?;
                        }
                    }
                    Settled::Later { due, has_failed } => {
                        let attempts = record.attempts.saturating_add(u8::from(has_failed));
                        tables.put(key, Record { due, attempts, ..record })?;
                    }
                    Settled::HandedOver { due } => tables.put(key, Record { due, is_handed_over: true, ..record })?,
                    Settled::Moved(way) => tables.put(key, Record { way, ..record })?,
                }
            }
            Ok(())
        })
    }

    /// How much waits.
    pub fn depths(&self) -> Result<Depths, Error> {
        self.reading(|| {
            let read = self.read()?;
            let of = |way, is_digest| -> Result<u64, Wrong> { Ok(read.open_table(DUE[rank(way, is_digest)])?.len()?) };
            Ok(Depths {
                mails: of(Way::Mail, false)?,
                mail_digests: of(Way::Mail, true)?,
                messages: of(Way::Message, false)?,
                message_digests: of(Way::Message, true)?,
                documents: read.open_table(WAITING)?.len()?,
            })
        })
    }

    fn read(&self) -> Result<redb::ReadTransaction, Wrong> {
        Ok(self.database.begin_read()?)
    }

    fn named(&self, wrong: Wrong) -> Error {
        let path = self.path.clone();
        match wrong {
            Wrong::Disk(source) => Error::Disk { path, source: Box::new(source) },
            Wrong::Record(reason) => Error::Damaged { path, reason },
        }
    }

    fn reading<T>(&self, work: impl FnOnce() -> Result<T, Wrong>) -> Result<T, Error> {
        work().map_err(|wrong| self.named(wrong))
    }

    fn writing(&self, work: impl FnOnce(&WriteTransaction) -> Result<(), Wrong>) -> Result<(), Error> {
        self.reading(|| {
            let mut write = self.database.begin_write()?;
            // A kill is followed by a start that has to be quick.
            write.set_quick_repair(true);
            work(&write)?;
            Ok(write.commit()?)
        })
    }
}

#[cfg(test)]
mod tests;
