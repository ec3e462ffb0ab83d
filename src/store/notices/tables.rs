//! The tables of the book and their records.
//!
//! Invariant: a letter has one record and one row that says when it is due, and both say the same.
use estafette_actors::domain::mailbox::MailboxId;
use estafette_actors::domain::mailbox::notice::{Waits, Way};
use estafette_actors::domain::time::Timestamp;
use redb::{ReadableTable, ReadableTableMetadata, TableDefinition, WriteTransaction};
use serde::{Deserialize, Serialize};

use crate::store::codec;

/// Mailbox and document; document 0 is the mailbox's digest.
pub type Key = (u64, u128);

/// Audience -> how far its feed was followed.
pub const PLACES: TableDefinition<u8, &[u8]> = TableDefinition::new("places");
/// A letter -> [`Record`].
pub const LETTERS: TableDefinition<Key, &[u8]> = TableDefinition::new("letters");
/// A document that waits for its mailbox's digest -> [`Waiting`].
pub const WAITING: TableDefinition<Key, &[u8]> = TableDefinition::new("waiting");
/// Name -> the last number given out.
pub const NUMBERS: TableDefinition<&str, u64> = TableDefinition::new("numbers");
/// Nothing -> what tells the letters of this book from those of any other, or of a backup that went another way. Not in backups.
pub const EPOCH: TableDefinition<(), u128> = TableDefinition::new("epoch");
/// When, and which letter -> nothing; those that go at once before digests, each way by itself.
pub const DUE: [TableDefinition<(u64, u64, u128), ()>; 4] = [
    TableDefinition::new("due_mail"),
    TableDefinition::new("due_mail_digest"),
    TableDefinition::new("due_message"),
    TableDefinition::new("due_message_digest"),
];
/// The name of the numbers of letters and documents.
const NUMBER: &str = "number";
/// The document of a letter that is a digest.
pub const DIGEST: u128 = 0;

/// What goes wrong inside, without the file.
#[derive(Debug, thiserror::Error)]
pub enum Wrong {
    /// Reading or writing.
    #[error(transparent)]
    Disk(#[from] redb::Error),
    /// A record in another form.
    #[error(transparent)]
    Record(#[from] codec::Error),
}

macro_rules! disk {
    ($($error:ty),*) => { $(impl From<$error> for Wrong { fn from(error: $error) -> Self { Self::Disk(error.into()) } })* };
}
disk!(redb::TransactionError, redb::TableError, redb::StorageError, redb::CommitError);

/// A letter, as it is kept.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub struct Record {
    pub way: Way,
    pub due: Timestamp,
    pub attempts: u8,
    pub number: u64,
    /// When it was due first.
    pub since: Timestamp,
    /// Somebody else has it; that its holder was told is not proven yet.
    pub is_handed_over: bool,
}

/// Why a document waits for a digest, and its number.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub struct Waiting {
    pub waits: Waits,
    pub number: u64,
}

/// Which of the tables of what is due.
pub fn rank(way: Way, is_digest: bool) -> usize {
    2 * usize::from(way == Way::Message) + usize::from(is_digest)
}

/// All of a mailbox.
pub fn of_mailbox(mailbox: MailboxId) -> std::ops::RangeInclusive<Key> {
    (mailbox.key(), 0)..=(mailbox.key(), u128::MAX)
}

/// Letters and when they are due, which always agree.
pub struct Tables<'t> {
    letters: redb::Table<'t, Key, &'static [u8]>,
    due: [redb::Table<'t, (u64, u64, u128), ()>; 4],
    numbers: redb::Table<'t, &'static str, u64>,
}

impl<'t> Tables<'t> {
    /// Of a transaction.
    pub fn open(write: &'t WriteTransaction) -> Result<Self, Wrong> {
        let due = |n: usize| write.open_table(DUE[n]);
        Ok(Self {
            letters: write.open_table(LETTERS)?,
            due: [due(0)?, due(1)?, due(2)?, due(3)?],
            numbers: write.open_table(NUMBERS)?,
        })
    }

    /// A fresh number.
    pub fn number(&mut self) -> Result<u64, Wrong> {
        let last = self.numbers.get(NUMBER)?.map_or(0, |number| number.value());
        self.numbers.insert(NUMBER, last + 1)?;
        Ok(last + 1)
    }

    /// A letter.
    pub fn get(&self, key: Key) -> Result<Option<Record>, Wrong> {
        Ok(self.letters.get(key)?.map(|bytes| codec::decode(bytes.value())).transpose()?)
    }

    /// A letter, unless there is one.
    pub fn begin(&mut self, key: Key, way: Way, due: Timestamp) -> Result<(), Wrong> {
        if self.get(key)?.is_some() {
            return Ok(());
        }
        let number = self.number()?;
        self.put(key, Record { way, due, attempts: 0, number, since: due, is_handed_over: false })
    }

    /// Makes what says when letters are due again where it does not agree with the letters, as far as their counts tell.
    pub fn agree(&mut self) -> Result<(), Wrong> {
        let due = self.due.iter().map(ReadableTableMetadata::len).sum::<Result<u64, _>>()?;
        if due == self.letters.len()? {
            return Ok(());
        }
        tracing::warn!("notices: when letters are due did not agree with the letters, and was made again");
        for due in &mut self.due {
            due.retain(|_, ()| false)?;
        }
        for row in self.letters.iter()? {
            let (key, record) = row?;
            let (key, record) = (key.value(), codec::decode::<Record>(record.value())?);
            self.due[rank(record.way, key.1 == DIGEST)].insert((record.due.millis(), key.0, key.1), ())?;
        }
        Ok(())
    }

    /// A letter, in the place of the one that was there.
    pub fn put(&mut self, key: Key, record: Record) -> Result<(), Wrong> {
        self.end(key)?;
        self.letters.insert(key, codec::encode(&record).as_slice())?;
        self.due[rank(record.way, key.1 == DIGEST)].insert((record.due.millis(), key.0, key.1), ())?;
        Ok(())
    }

    /// Takes a letter out, if it is there.
    pub fn end(&mut self, key: Key) -> Result<(), Wrong> {
        let Some(before) = self.get(key)? else { return Ok(()) };
        self.letters.remove(key)?;
        self.due[rank(before.way, key.1 == DIGEST)].remove((before.due.millis(), key.0, key.1))?;
        Ok(())
    }
}
