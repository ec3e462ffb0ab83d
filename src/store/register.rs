//! The register on disk: who is known to which institution, in which role, when, and who looked.
//!
//! Two files: `register.redb` has the tables, `register.log.redb` what they lack; [`engine`] keeps them. [`dossiers`] is the port,
//! [`rows`] the form of a person's rows, [`types`] the dossier types, [`audit`] the trail, [`mutations`] what institutions are told;
//! [`persons`] is the authentic source.
mod audit;
mod dossiers;
mod import;
pub mod mutations;
mod page;
pub mod persons;
mod replace;
mod rows;
mod types;

use std::path::PathBuf;
use std::time::Duration;

use estafette_actors::ports::register::Trouble;

pub use self::dossiers::Dossiers;
use self::engine::Table;
pub use self::mutations::Mutations;
pub use self::persons::Persons;
pub use super::engine;

/// The tables. Their places are part of the format: a new one goes to the end, and none leaves.
pub const TABLES: &[&str] = &[
    "dossier_rows",
    "dossier_counts",
    "dossier_types",
    "register_next",
    "audit",
    "audit_of",
    "audit_about",
    "mutations",
    "mutation_books",
    "mutation_files",
    "mutation_bytes",
    "mutation_subscriptions",
    "persons",
    "person_codes",
    "person_replaced",
];

/// Institution and NISS -> the rows of the person, of all types: see [`rows`].
const ROWS: Table = Table(0);
/// Institution and type -> rows.
const COUNTS: Table = Table(1);
/// Institution and code -> the type; institution alone -> the last number given to a type of its.
const TYPES: Table = Table(2);
/// Numbers that are given out, by name.
const NEXT: Table = Table(3);
/// Position of the first line -> lines of the audit trail: see [`audit`].
const AUDIT: Table = Table(4);
/// Institution and position of the first line -> nothing.
const AUDIT_OF: Table = Table(5);
/// Bucket of positions and last hash of a page -> hashes, and where the lines about them are: see [`audit`].
const AUDIT_ABOUT: Table = Table(6);
/// Institution, day of recording and position -> a mutation, in its file or not yet.
const MUTATIONS: Table = Table(7);
/// Institution -> how far its files are made, told and confirmed.
const BOOKS: Table = Table(8);
/// Institution and number of a file -> its voucher, and which mutations it holds.
const FILES: Table = Table(9);
/// Institution, number of a file and piece -> bytes of it.
const FILE_BYTES: Table = Table(10);
/// Institution and kind -> a subscription.
const SUBSCRIPTIONS: Table = Table(11);

/// NISS -> the person: see [`persons`].
const PERSONS: Table = Table(12);
/// Code of a name, year of birth and NISS -> what a candidate is scored by.
const PERSON_CODES: Table = Table(13);
/// A NISS that was replaced -> the one in its place.
const PERSON_REPLACED: Table = Table(14);

/// The name of the files.
const NAME: &str = "register";
/// The file that a backup takes.
pub const FILE: &str = "register.redb";
/// The data folder's secret with which the trail hashes a NISS.
pub const SECRET: &str = "register";
/// Rows of one person in one register at most.
pub const PERSON_ROWS: usize = 1_000;

/// Where the register lies, and its bounds.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The files' own.
    pub engine: engine::Settings,
    /// How late consultations are in the trail.
    pub audit_within: Duration,
    /// How long the trail is kept.
    pub audit_kept: Duration,
    /// Lines that wait to be written at most: with more, nothing is consulted.
    pub audit_waiting: usize,
    /// The bounds of mutations.
    pub mutations: mutations::Settings,
}

impl Settings {
    /// The usual bounds.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            engine: engine::Settings::new(dir, NAME, TABLES),
            audit_within: Duration::from_millis(100),
            audit_kept: Duration::from_secs(3_653 * 24 * 3_600),
            audit_waiting: 65_536,
            mutations: mutations::Settings::default(),
        }
    }
}

impl From<engine::Error> for Trouble {
    fn from(error: engine::Error) -> Self {
        match error {
            engine::Error::Overloaded => Self::Overloaded,
            engine::Error::ReadOnly(reason) => Self::ReadOnly(reason),
            engine::Error::Full => Self::ReadOnly(error.to_string()),
            other => Self::Unreadable(other.to_string()),
        }
    }
}

/// A record that this program can't read.
fn damaged() -> Trouble {
    Trouble::Unreadable("a record is damaged: restore the register from a backup".to_owned())
}

fn array<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    bytes.try_into().ok()
}

#[cfg(test)]
mod tests;
