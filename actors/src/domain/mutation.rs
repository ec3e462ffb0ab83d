//! Mutations: what an institution is told of the NISSs that it has in its register.
//!
//! Invariant: a mutation names the day, in Brussels, on which it happened; it is told to an institution only when a row of its
//! register holds the NISS, in a type that counts, on that day. Files of them are numbered without a gap for each institution.
use std::collections::BTreeMap;
use std::fmt;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::dossier::Code;
use super::identity::{Field, Identity};
use super::niss::Niss;
use super::submission::Institution;
use super::time::Timestamp;

/// Characters in the kind of an event.
pub const KIND_LENGTH: usize = 32;
/// Fields of an event.
pub const FIELDS: usize = 32;
/// Characters in a field's value.
pub const VALUE_LENGTH: usize = 256;

/// The kind of an event of the network, such as `DIMONA`: 1 to 32 of `A-Z`, `0-9`, `_` and `-`, as the code of a dossier type.
pub type Kind = Code;

/// What happened.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// A number was replaced by another.
    Replaced {
        /// By which.
        by: Niss,
    },
    /// A replacement was taken back: the number is in use again.
    Restored {
        /// The number that had taken its place.
        from: Niss,
    },
    /// The number was cancelled: it stands for nobody.
    Cancelled,
    /// Identification data changed.
    Identified {
        /// What changed.
        fields: Vec<Field>,
        /// What is so now.
        now: Box<Identity>,
    },
    /// Something that the network tells.
    Event {
        /// Of which kind.
        kind: Kind,
        /// What it says, by name.
        says: BTreeMap<Box<str>, Box<str>>,
    },
}

/// One mutation.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mutation {
    /// Whose number, as it was in the register.
    pub niss: Niss,
    /// The day on which it happened, in Brussels.
    pub on: Date,
    /// When it was told here.
    pub recorded: Timestamp,
    /// What happened.
    pub change: Change,
}

impl fmt::Debug for Mutation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mutation(***)")
    }
}

/// What an institution gets of the events of a kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// Of which kind.
    pub kind: Kind,
    /// The dossier types in which the NISS must be known on the day of the event; none of them: in any.
    pub types: Vec<Code>,
}

/// What comes with a file of mutations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Voucher {
    /// Whose.
    pub institution: Institution,
    /// 1, 2, 3 and so on for each institution, without a gap.
    pub sequence: u64,
    /// The first day of what it holds, in Brussels.
    pub from: Date,
    /// The last.
    pub until: Date,
    /// Mutations in the file.
    pub count: u32,
    /// Bytes of the file.
    pub bytes: u64,
    /// SHA-256 of the file.
    pub sha256: [u8; 32],
    /// When it was made.
    pub made: Timestamp,
    /// When the institution confirmed it.
    pub confirmed: Option<Timestamp>,
}
