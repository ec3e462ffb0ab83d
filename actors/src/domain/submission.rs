//! What a sender asks for, checked once at the edge; nothing behind it checks again.
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::cbe::Cbe;
use super::content::Content;
use super::id::MessageId;
use super::language::Language;
use super::mobile::Mobile;
use super::niss::Niss;
use super::strategy::Strategy;
use super::time::Timestamp;
use super::window::Window;

/// An institution: its CBE number, which fits in 32 bits and needs no interning.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Institution(pub Cbe);

impl std::fmt::Display for Institution {
    /// The CBE number: an institution is public, unlike a citizen.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.digits())
    }
}

impl std::fmt::Debug for Institution {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.digits())
    }
}

/// Whom it is for: at least one of the three is given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Recipient {
    /// A citizen.
    pub niss: Option<Niss>,
    /// A mobile number.
    pub mobile: Option<Mobile>,
    /// An enterprise.
    pub cbe: Option<Cbe>,
}

impl Recipient {
    /// Whether nothing is given.
    pub fn is_empty(&self) -> bool {
        self.niss.is_none() && self.mobile.is_none() && self.cbe.is_none()
    }

    /// Whether any identifier is one of the sandbox: no live channel may be given it.
    pub fn is_reserved(&self) -> bool {
        self.niss.is_some_and(|niss| niss.is_reserved()) || self.mobile.is_some_and(Mobile::is_reserved)
    }

    /// Whether it is wholly the sandbox's: nobody real is named by any identifier.
    pub fn is_sandbox(&self) -> bool {
        let niss = self.niss.is_none_or(|niss| niss.is_reserved());
        !self.is_empty() && niss && self.mobile.is_none_or(Mobile::is_reserved) && self.cbe.is_none()
    }

    /// The identifiers given, each by itself.
    pub fn identifiers(&self) -> impl Iterator<Item = Identifier> {
        let niss = self.niss.map(Identifier::Niss);
        let mobile = self.mobile.map(Identifier::Mobile);
        niss.into_iter().chain(mobile).chain(self.cbe.map(Identifier::Cbe))
    }
}

/// One identifier of a recipient, to look up by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Identifier {
    /// A citizen.
    Niss(Niss),
    /// A mobile number.
    Mobile(Mobile),
    /// An enterprise.
    Cbe(Cbe),
}

/// The lane: urgent before normal before bulk, within bounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lane {
    /// One-time codes, alarms.
    Urgent,
    /// Single messages.
    #[default]
    Normal,
    /// Broadcasts.
    Bulk,
}

impl Lane {
    /// In the order in which they are served.
    pub const ALL: [Self; 3] = [Self::Urgent, Self::Normal, Self::Bulk];

    /// The name, as in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Urgent => "urgent",
            Self::Normal => "normal",
            Self::Bulk => "bulk",
        }
    }
}

/// A message that was accepted, with all that is needed to send it: the record that travels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// Its id.
    pub id: MessageId,
    /// Who sends.
    pub institution: Institution,
    /// To whom.
    pub recipient: Recipient,
    /// How; its order is decided.
    pub strategy: Arc<Strategy>,
    /// What. For a row of a broadcast, with the row's variables filled in.
    pub content: Arc<Content>,
    /// How urgently.
    pub lane: Lane,
    /// Not before; `ZERO` for at once.
    pub not_before: Timestamp,
    /// Nothing is sent at or after this.
    pub valid_until: Timestamp,
    /// The language asked for.
    pub language: Option<Language>,
    /// What is used when neither the sender nor the citizen says (the institution's).
    pub default_language: Language,
    /// Whom the citizen sees as the sender.
    pub sender_name: Option<Box<str>>,
    /// The sender's own reference: of a row, its key.
    pub sender_reference: Option<Box<str>>,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// The hash of its Idempotency-Key and the fingerprint of the request, where one was given.
    pub idempotency: Option<Idempotency>,
    /// When its attempts may be made; none for always. Of the broadcast that it is a row of, and stored there.
    #[serde(skip)]
    pub window: Option<Arc<Window>>,
}

impl Envelope {
    /// When an attempt may be made; `None` for now.
    pub fn opens_after(&self, now: Timestamp) -> Option<Timestamp> {
        let window = self.window.as_ref().filter(|window| !window.is_open(now))?;
        Some(window.opening(now).unwrap_or(Timestamp::MAX))
    }
}

/// What is kept of an Idempotency-Key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Idempotency {
    /// Keyed hash of institution and key.
    pub key: u64,
    /// Hash of the request: the same key with another request is a mistake of the sender.
    pub fingerprint: u64,
}

/// One row of a broadcast, as stored in a chunk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// The sender's key; unique in the broadcast, else the first row with it wins.
    pub key: Option<Box<str>>,
    /// To whom.
    pub recipient: Recipient,
    /// The language asked for.
    pub language: Option<Language>,
    /// Values of the content's variables, in the order of the broadcast's list of names.
    pub values: Vec<Box<str>>,
}

/// A broadcast: what all its rows share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Broadcast {
    /// Its id.
    pub id: super::id::BroadcastId,
    /// Who sends.
    pub institution: Institution,
    /// How.
    pub strategy: Arc<Strategy>,
    /// What, with `{{variables}}`.
    pub content: Arc<Content>,
    /// The names of the content's variables, in the order of [`Row::values`].
    pub variables: Vec<Box<str>>,
    /// How urgently.
    pub lane: Lane,
    /// Not before.
    pub not_before: Timestamp,
    /// Nothing is sent at or after this.
    pub valid_until: Timestamp,
    /// The institution's language.
    pub default_language: Language,
    /// Whom the citizen sees as the sender.
    pub sender_name: Option<Box<str>>,
    /// The sender's own reference.
    pub sender_reference: Option<Box<str>>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When its rows may be sent; none for always. Stored behind the rest, by the store.
    #[serde(skip)]
    pub window: Option<Arc<Window>>,
}

impl Broadcast {
    /// The window that holds its rows back while it is closed: what is urgent is exempt.
    pub fn binding_window(&self) -> Option<&Arc<Window>> {
        self.window.as_ref().filter(|_| self.lane != Lane::Urgent)
    }

    /// The message that one of its rows is.
    pub fn envelope(&self, id: MessageId, row: &Row) -> Envelope {
        let content = if self.variables.is_empty() {
            Arc::clone(&self.content)
        } else {
            let place = |name: &str| self.variables.iter().position(|known| &**known == name);
            Arc::new(self.content.with_variables(|name| place(name).and_then(|at| row.values.get(at)).map(|v| &**v)))
        };
        Envelope {
            id,
            institution: self.institution,
            recipient: row.recipient,
            strategy: Arc::clone(&self.strategy),
            content,
            lane: self.lane,
            not_before: self.not_before,
            valid_until: self.valid_until,
            language: row.language,
            default_language: self.default_language,
            sender_name: self.sender_name.clone(),
            sender_reference: row.key.clone(),
            accepted_at: self.created_at,
            idempotency: None,
            window: self.binding_window().map(Arc::clone),
        }
    }
}
