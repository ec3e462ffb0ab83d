//! Mailboxes on disk: documents once each, the links that put them into mailboxes, what holders did with them, what is told and
//! proven of it, and who looked.
//!
//! Three files: `mailbox.redb` has the tables, `mailbox.log.redb` what they lack (see [`super::engine`]), `index-mailbox.redb` finds
//! the links of a mailbox and is made again from them. [`mailboxes`] is the port; [`link`] the record of a call that links a document,
//! [`publish`] what writes it, [`find`] what finds it; [`shelf`] is a mailbox as it is listed, [`touch`] what a holder does to an item,
//! [`feed`] what is told, [`evidence`] what is proven, [`trail`] what is kept of who did what, [`due`] what time brings, [`holder`]
//! and [`catalogue`] the mailboxes and the reference data.
//!
//! Invariant: a change, its events, its evidence and its line in the trail are one. Nothing is written once for each recipient of a
//! call but eight bytes in its record and an entry of the index; a row of state is there only for an item that somebody touched.
mod cache;
mod catalogue;
mod counter;
mod document;
mod due;
mod evidence;
mod expiry;
mod feed;
mod find;
mod follow;
mod holder;
mod link;
mod list;
mod mailboxes;
mod publish;
mod shelf;
mod task;
mod touch;
mod trail;
mod upkeep;

use std::path::PathBuf;
use std::time::Duration;

use estafette_actors::domain::mailbox::document::LONGEST;
use estafette_actors::ports::mailbox::Trouble;

use super::engine::{self, Table};
use super::index;

pub use self::mailboxes::Mailboxes;
pub use self::trail::Verified;

/// The tables. Their places are part of the format: a new one goes to the end, and none leaves.
pub const TABLES: &[&str] = &[
    "documents",
    "document_bodies",
    "links",
    "links_of",
    "item_states",
    "mailboxes",
    "message_types",
    "applications",
    "organizations",
    "images",
    "idempotency",
    "contents",
    "unscanned",
    "events",
    "evidence",
    "due",
    "audit",
    "audit_about",
    "next",
    "tasks",
    "running_tasks",
];

/// Document -> the document, without the text of its body.
const DOCUMENTS: Table = Table(0);
/// Document -> the text of its body, in each language.
const BODIES: Table = Table(1);
/// Position -> a call that linked a document: see [`link`].
const LINKS: Table = Table(2);
/// Document and position -> nothing.
const LINKS_OF: Table = Table(3);
/// Document and mailbox -> what the holder did with it, when that is anything: see [`touch`].
const STATES: Table = Table(4);
/// Mailbox -> what is known of it.
const MAILBOXES: Table = Table(5);
/// Identifier -> a message type.
const TYPES: Table = Table(6);
/// Identifier -> an application.
const APPLICATIONS: Table = Table(7);
/// CBE number -> an organisation.
const ORGANIZATIONS: Table = Table(8);
/// What it belongs to, and identifier -> a picture.
const IMAGES: Table = Table(9);
/// Sender, and hash of application and key -> the document that was published under it.
const IDEMPOTENCY: Table = Table(10);
/// Name of a content -> the document that needs it.
const CONTENTS: Table = Table(11);
/// Document and number of an attachment -> nothing: it waits for the scanner.
const UNSCANNED: Table = Table(12);
/// Audience and number of the last event of a record -> events: see [`feed`].
const EVENTS: Table = Table(13);
/// Document, keyed hash of the mailbox and place in the chain -> a signed record.
const EVIDENCE: Table = Table(14);
/// Time, and what is due -> how far that is: see [`due`].
const DUE: Table = Table(15);
/// Position -> a line of the audit trail: see [`trail`].
const AUDIT: Table = Table(16);
/// Bucket of positions, hash and position -> nothing.
const AUDIT_ABOUT: Table = Table(17);
/// Numbers that are given out, by name.
const NEXT: Table = Table(18);

/// Sender and name -> a list of recipients: see [`task`].
const TASKS_OF: Table = Table(19);
/// Name and sender -> nothing: a list that is being worked through.
const RUNNING_TASKS: Table = Table(20);

/// The name of the files.
const NAME: &str = "mailbox";
/// The file that a backup takes.
pub const FILE: &str = "mailbox.redb";
/// The file of the index: derived, and in no backup.
pub const INDEX: &str = "index-mailbox.redb";
/// The data folder's secret with which the trail and evidence hash whose mailbox it is.
pub const SECRET: &str = "mailbox";
/// Bytes of a picture at most.
pub const IMAGE_BYTES: usize = 256 << 10;

const DAY: Duration = Duration::from_secs(24 * 3_600);
/// Ten years, with their leap days.
const TEN_YEARS: Duration = Duration::from_secs(3_653 * 24 * 3_600);

/// Where the mailboxes lie, and their bounds.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The files' own.
    pub engine: engine::Settings,
    /// The bounds of what finds the links of a mailbox.
    pub index: index::Options,
    /// How late what was looked at is in the trail, and when a holder looked in the mailbox.
    pub note_within: Duration,
    /// Lines that wait to be written at most: with more, nothing is noted and reads are refused.
    pub notes_waiting: usize,
    /// How long the trail is kept.
    pub audit_kept: Duration,
    /// How long evidence is kept after its document expired.
    pub evidence_kept: Duration,
    /// How long events can be read.
    pub events_kept: Duration,
    /// How long the key of a publication is known.
    pub keys_kept: Duration,
    /// How long one call of `tick` goes on, about.
    pub tick_for: Duration,
    /// Items of large mailboxes that are kept in memory at most, some 200 bytes each.
    pub shelved_items: usize,
    /// Bytes of documents' records that are kept in memory at most.
    pub document_bytes: usize,
}

impl Settings {
    /// The usual bounds.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            engine: engine::Settings::new(dir, NAME, TABLES),
            // No call that links is before its document was published.
            index: index::Options { filter_bytes: 256 << 20, join_at: 8, ..index::Options::with_retention(LONGEST) },
            note_within: Duration::from_millis(100),
            notes_waiting: 65_536,
            audit_kept: TEN_YEARS,
            evidence_kept: TEN_YEARS,
            events_kept: DAY * 90,
            keys_kept: DAY * 30,
            tick_for: Duration::from_millis(50),
            shelved_items: 500_000,
            document_bytes: 16 << 20,
        }
    }
}

impl From<engine::Error> for Trouble {
    fn from(error: engine::Error) -> Self {
        match error {
            engine::Error::Overloaded => Self::Overloaded,
            engine::Error::ReadOnly(reason) => Self::ReadOnly(reason),
            engine::Error::Full => Self::Full,
            other => Self::Unreadable(other.to_string()),
        }
    }
}

impl From<index::Error> for Trouble {
    fn from(error: index::Error) -> Self {
        Self::Unreadable(error.to_string())
    }
}

/// A record that this program can't read.
fn damaged() -> Trouble {
    Trouble::Unreadable("a record is damaged: restore the mailboxes from a backup".to_owned())
}

fn array<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    bytes.try_into().ok()
}

/// A number at the end of a key.
fn last_u64(key: &[u8]) -> Option<u64> {
    key.last_chunk::<8>().map(|bytes| u64::from_be_bytes(*bytes))
}

/// Two numbers as a key: a document, and a mailbox or a position.
fn pair(first: u128, second: u64) -> [u8; 24] {
    let mut key = [0; 24];
    key[..16].copy_from_slice(&first.to_be_bytes());
    key[16..].copy_from_slice(&second.to_be_bytes());
    key
}

#[cfg(test)]
mod tests;
