//! What senders and files have told of recipients, kept so that the registry knows it again after a restart.
//!
//! Invariant: what [`Persons::put_all`] was given is on disk when it returns, all of it or nothing. A person is kept
//! once: under the NISS, without one under the CBE number, without either under the mobile number, since that is what
//! changes: a number that was given up must not come back with a restart.
//! It must not show an identifier in an error, and not answer questions of routing: the registry's snapshot does.
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use estafette_actors::domain::cbe::Cbe;
use estafette_actors::domain::language::Language;
use estafette_actors::domain::mobile::Mobile;
use estafette_actors::domain::niss::Niss;
use estafette_actors::domain::submission::{Identifier, Recipient};
pub use estafette_actors::registry::Person;
use redb::{Database, ReadableDatabase, ReadableTableMetadata, TableDefinition};

use super::database;

/// Kind of identifier and the number it makes.
type Key = (u8, u64);

const PERSONS: TableDefinition<Key, &[u8]> = TableDefinition::new("persons");
const NISS: u8 = 0;
const MOBILE: u8 = 1;
const CBE: u8 = 2;
const FORM: u8 = 1;
/// Records read in one transaction: a longer one would pin what is freed meanwhile.
const PAGE: usize = 4_096;
const CACHE_BYTES: usize = 16 << 20;

/// Why persons can't be read or kept.
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
    /// Somebody without a NISS, a mobile number or a CBE number.
    #[error("a person without any identifier can't be kept: give a NISS, a mobile number or a CBE number")]
    NoIdentifier,
}

/// The file.
#[derive(Debug)]
pub struct Persons {
    database: Database,
    path: PathBuf,
}

impl Persons {
    /// Opens the file, or makes it.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref().to_path_buf();
        let database = database::open(&path, CACHE_BYTES);
        let database = database.map_err(|error| Error::Disk { path: path.clone(), source: Box::new(error.into()) })?;
        let this = Self { database, path };
        this.change(&BTreeMap::new())?;
        Ok(this)
    }

    /// Keeps persons, durably and in one commit: give thousands at once. Each replaces what was kept of the same person,
    /// and of two in one call the later counts.
    pub fn put_all(&self, persons: &[Person]) -> Result<(), Error> {
        let mut changes = BTreeMap::new();
        for person in persons {
            let Recipient { niss, mobile, cbe } = person.recipient;
            // An enterprise is one of its own, whoever is its contact.
            let kept = niss.map(Identifier::Niss).or(cbe.map(Identifier::Cbe));
            let mobile = mobile.map(Identifier::Mobile);
            // Known by the number only until now: the record under it would hide the rest after a restart.
            if let Some(mobile) = mobile {
                changes.insert(key(mobile), None);
            }
            let Some(kept) = kept.or(mobile) else { return Err(Error::NoIdentifier) };
            changes.insert(key(kept), Some(pack(person)));
        }
        self.change(&changes)
    }

    /// Forgets what is kept under these identifiers, durably.
    pub fn remove(&self, identifiers: &[Identifier]) -> Result<(), Error> {
        self.change(&identifiers.iter().map(|identifier| (key(*identifier), None)).collect())
    }

    /// Hands over all persons in pages; between two of them changes may come in.
    pub fn for_each(&self, mut take: impl FnMut(Person)) -> Result<(), Error> {
        let mut after = None;
        loop {
            let (page, last) = self.page(after).map_err(|error| self.failed(error))?;
            for person in page {
                take(person.ok_or_else(|| Error::Damaged(self.path.clone()))?);
            }
            if last.is_none() {
                return Ok(());
            }
            after = last;
        }
    }

    /// All persons at once.
    pub fn load_all(&self) -> Result<Vec<Person>, Error> {
        let mut persons = Vec::new();
        self.for_each(|person| persons.push(person))?;
        Ok(persons)
    }

    /// Copies them into a fresh file, as of one moment.
    pub fn copy_to(&self, path: &Path) -> Result<(), Error> {
        super::backup::copy_table(&self.database, path, PERSONS).map_err(|error| self.failed(error))
    }

    /// How many there are.
    pub fn count(&self) -> Result<u64, Error> {
        let count = || -> Result<u64, redb::Error> { Ok(self.database.begin_read()?.open_table(PERSONS)?.len()?) };
        count().map_err(|error| self.failed(error))
    }

    /// A page after a key, and its last key when more may follow.
    fn page(&self, after: Option<Key>) -> Result<(Vec<Option<Person>>, Option<Key>), redb::Error> {
        let table = self.database.begin_read()?.open_table(PERSONS)?;
        let from = after.map_or((0, 0), |(kind, number)| (kind, number + 1));
        let mut persons = Vec::new();
        for row in table.range(from..)? {
            let (key, record) = row?;
            persons.push(unpack(record.value()));
            if persons.len() == PAGE {
                return Ok((persons, Some(key.value())));
            }
        }
        Ok((persons, None))
    }

    fn change(&self, changes: &BTreeMap<Key, Option<Vec<u8>>>) -> Result<(), Error> {
        let commit = || -> Result<(), redb::Error> {
            let mut transaction = self.database.begin_write()?;
            // Changes are rare, so each may pay for a quick opening after a kill.
            transaction.set_quick_repair(true);
            {
                let mut table = transaction.open_table(PERSONS)?;
                for (key, record) in changes {
                    match record {
                        Some(record) => table.insert(key, record.as_slice())?,
                        None => table.remove(key)?,
                    };
                }
            }
            Ok(transaction.commit()?)
        };
        commit().map_err(|error| self.failed(error))
    }

    fn failed(&self, source: redb::Error) -> Error {
        Error::Disk { path: self.path.clone(), source: Box::new(source) }
    }
}

fn key(identifier: Identifier) -> Key {
    match identifier {
        Identifier::Niss(niss) => (NISS, niss.as_u64()),
        Identifier::Mobile(mobile) => (MOBILE, mobile.as_u64()),
        Identifier::Cbe(cbe) => (CBE, u64::from(cbe.as_u32())),
    }
}

/// Form, language, govapp, mailbox (a byte each; 0 is not known), which identifiers, and these, eight bytes each.
fn pack(person: &Person) -> Vec<u8> {
    let language = person.language.map_or(0, |language| match language {
        Language::Fr => 1,
        Language::Nl => 2,
        Language::De => 3,
        Language::En => 4,
    });
    let said = |answer: Option<bool>| answer.map_or(0, |yes| 1 + u8::from(yes));
    let mut record = vec![FORM, language, said(person.govapp), said(person.mailbox), 0];
    for identifier in person.recipient.identifiers() {
        let (kind, number) = key(identifier);
        record[4] |= 1 << kind;
        record.extend_from_slice(&number.to_be_bytes());
    }
    record
}

/// `None` when the form is not known.
fn unpack(record: &[u8]) -> Option<Person> {
    let [FORM, language, govapp, mailbox, kinds, numbers @ ..] = record else { return None };
    let language = match language {
        0 => None,
        1 => Some(Language::Fr),
        2 => Some(Language::Nl),
        3 => Some(Language::De),
        4 => Some(Language::En),
        _ => return None,
    };
    let (numbers, rest) = numbers.as_chunks::<8>();
    if *kinds > 7 || !rest.is_empty() || numbers.len() != kinds.count_ones() as usize {
        return None;
    }
    let mut numbers = numbers.iter().map(|bytes| u64::from_be_bytes(*bytes));
    let mut number = |kind: u8| if kinds & (1 << kind) == 0 { None } else { numbers.next() };
    let recipient = Recipient {
        niss: number(NISS).map(Niss::from_trusted_u64),
        mobile: number(MOBILE).map(Mobile::from_trusted_u64),
        cbe: match number(CBE) {
            None => None,
            Some(number) => Some(Cbe::from_trusted_u32(u32::try_from(number).ok()?)),
        },
    };
    Some(Person { recipient, language, govapp: answer(*govapp)?, mailbox: answer(*mailbox)? })
}

/// What is known of a yes or no, which may be nothing.
#[expect(clippy::option_option, reason = "the outer one is the form that is not known")]
fn answer(byte: u8) -> Option<Option<bool>> {
    match byte {
        0 => Some(None),
        1 => Some(Some(false)),
        2 => Some(Some(true)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
