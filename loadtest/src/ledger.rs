//! What a simulator took, as `GET /ledger/{channel}` tells it: the truth that a broker's own account is compared with.
//!
//! Owns the shapes that go over the wire; how they are kept is in [`book`], on disk in [`file`]. Invariant: an entry is there before
//! the sender can see the answer. Numbers are shown here because the recipients are made up; a simulator must not be given real ones.

pub(crate) mod book;
pub(crate) mod file;

use serde::{Deserialize, Serialize};

/// A simulated channel, by its name in paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// The GovApp push platform; the reference is `messageCorrelationId`.
    Govapp,
    /// The RingRing gateway; the reference is `Reference`.
    Sms,
    /// The SMSC; the reference is the optional parameter that its settings name.
    Smsc,
    /// The e-Box provider; the reference is the business data with key `reference`.
    Ebox,
}

impl Channel {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Govapp, Self::Sms, Self::Smsc, Self::Ebox];

    /// The name in paths, files and statistics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Govapp => "govapp",
            Self::Sms => "sms",
            Self::Smsc => "smsc",
            Self::Ebox => "ebox",
        }
    }
}

/// What became of a message that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Outcome {
    /// Taken, and answered so.
    Accepted,
    /// Taken, and the connection dropped instead of an answer.
    AnswerLost,
    /// Taken, and will be reported as not delivered.
    Undelivered,
    /// Stored in a mailbox that nobody has activated.
    NoDigitalUser,
}

/// One message that was taken, for one recipient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Grows by one with each entry of the channel, from 1.
    pub sequence: u64,
    /// The sender's own reference; empty when it gave none.
    pub reference: String,
    /// Mobile number with plus sign, NISS or CBE number.
    pub recipient: String,
    /// When, in RFC 3339, UTC.
    pub at: jiff::Timestamp,
    /// Whether this recipient got this reference before.
    pub possible_duplicate: bool,
    /// What became of it.
    pub outcome: Outcome,
}

/// A page of the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// Entries since the ledger was cleared, also those that it no longer holds.
    pub total: u64,
    /// How many of them repeated a reference for the same recipient.
    pub duplicates: u64,
    /// Oldest first.
    pub entries: Vec<Entry>,
    /// Give it as `after` to read on; there is no more when `entries` is empty.
    pub next: u64,
}

/// The figures alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// Entries since the ledger was cleared, also those that it no longer holds.
    pub total: u64,
    /// How many of them repeated a reference for the same recipient.
    pub duplicates: u64,
    /// How many it still holds.
    pub held: u64,
}
