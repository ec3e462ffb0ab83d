//! Whose a mailbox is, and what its holder wants of it.
//!
//! Invariant: a mailbox is a citizen's, by NISS, or an enterprise's, by CBE number, and one back end serves both. It is there for
//! senders whether or not anybody has activated it: what comes before is kept, and found when it is.
//!
//! [`document`] is what is published, [`item`] a document in one mailbox, [`reference`] what may be published by whom, [`event`] what is
//! told of it, [`notice`] what its holder is told and when, [`evidence`] what is proven of registered mail.
use std::fmt;

use serde::{Deserialize, Serialize};

use super::cbe::Cbe;
use super::language::Language;
use super::niss::Niss;
use super::time::Timestamp;

pub mod document;
pub mod event;
pub mod evidence;
pub mod item;
pub mod media;
pub mod notice;
pub mod reference;

/// Partner portals with a consent of one holder, given or withdrawn.
pub const CONSENTS: usize = 100;
/// Characters of the name of a client: a partner portal, or software of an enterprise.
pub const CLIENT_LENGTH: usize = 64;

/// For whom something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Audience {
    /// Citizens, by NISS.
    Citizen,
    /// Enterprises, by CBE number.
    Enterprise,
}

/// Whose mailbox.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum MailboxId {
    /// A citizen's.
    Citizen(Niss),
    /// An enterprise's.
    Enterprise(Cbe),
}

const ENTERPRISE: u64 = 1 << 63;

impl MailboxId {
    /// For whom it is.
    pub const fn audience(self) -> Audience {
        match self {
            Self::Citizen(_) => Audience::Citizen,
            Self::Enterprise(_) => Audience::Enterprise,
        }
    }

    /// As a number, different for each: for keys.
    pub fn key(self) -> u64 {
        match self {
            Self::Citizen(niss) => niss.as_u64(),
            Self::Enterprise(cbe) => ENTERPRISE | u64::from(cbe.as_u32()),
        }
    }

    /// From [`Self::key`].
    pub fn from_key(key: u64) -> Self {
        if key & ENTERPRISE == 0 {
            Self::Citizen(Niss::from_trusted_u64(key))
        } else {
            Self::Enterprise(Cbe::from_trusted_u32((key & !ENTERPRISE) as u32))
        }
    }

    /// The number as it is written: for answers to who may know it, never for a log.
    pub fn digits(self) -> String {
        match self {
            Self::Citizen(niss) => niss.digits(),
            Self::Enterprise(cbe) => cbe.digits(),
        }
    }
}

impl fmt::Debug for MailboxId {
    /// Without the number of a citizen.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Citizen(_) => f.write_str("a citizen's mailbox"),
            Self::Enterprise(cbe) => write!(f, "the mailbox of {cbe}"),
        }
    }
}

/// The name of a client: 1 to 64 of letters, digits, `.`, `_`, `:` and `-`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ClientId(Box<str>);

/// Why a text is no name of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a client is named by 1 to 64 letters, digits, `.`, `_`, `:` and `-`: write it so")]
pub struct NotAClient;

impl ClientId {
    /// Reads one.
    pub fn parse(text: &str) -> Result<Self, NotAClient> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b':' | b'-');
        let is_name = !text.is_empty() && text.len() <= CLIENT_LENGTH && text.bytes().all(fits);
        is_name.then(|| Self(text.into())).ok_or(NotAClient)
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// How the holder is told that something came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notice {
    /// Not at all.
    #[default]
    None,
    /// By e-mail, once a day, registered mail at once.
    Email,
    /// By GovApp or SMS, as the broker's strategy for notices says.
    Message,
}

/// What the holder wants.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preferences {
    /// In which language the holder is addressed.
    pub language: Option<Language>,
    /// Where e-mail goes, in a form that was checked.
    pub email: Option<Box<str>>,
    /// E-mail to that address came back: none is sent until another is given.
    pub email_fails: bool,
    /// How the holder is told of what came.
    pub notice: Notice,
    /// No paper any more: senders see it (`exclusivelyEbox`).
    pub exclusively_digital: bool,
}

/// Whether a portal may read in the holder's name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    /// The portal.
    pub portal: ClientId,
    /// When it was given last.
    pub given_at: Timestamp,
    /// When it was withdrawn, unless it stands.
    pub withdrawn_at: Option<Timestamp>,
}

/// A mailbox that was activated at least once, or of which something is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mailbox {
    /// Since when it is active; none while it is not.
    pub active_since: Option<Timestamp>,
    /// When the holder looked last, by the page or over a portal.
    pub consulted_at: Option<Timestamp>,
    /// What the holder wants.
    pub preferences: Preferences,
    /// Consents, by portal.
    pub consents: Vec<Consent>,
}

impl Mailbox {
    /// Whether somebody reads it digitally: a sender is told otherwise.
    pub const fn is_active(&self) -> bool {
        self.active_since.is_some()
    }

    /// Whether a portal may read in the holder's name now.
    pub fn consents_to(&self, portal: &ClientId) -> bool {
        self.consents.iter().any(|consent| consent.portal == *portal && consent.withdrawn_at.is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mailbox_is_the_same_behind_its_key_and_no_citizens_number_is_shown() {
        let today = jiff::civil::date(2026, 11, 28);
        let citizen = MailboxId::Citizen(Niss::parse("85073003328", today).unwrap());
        let enterprise = MailboxId::Enterprise(Cbe::parse("0403019261").unwrap());
        for id in [citizen, enterprise] {
            assert_eq!(MailboxId::from_key(id.key()), id);
        }
        assert!(citizen.key() != enterprise.key() && !format!("{citizen:?}").contains("85073003328"));
        assert_eq!((citizen.digits().as_str(), enterprise.digits().as_str()), ("85073003328", "0403019261"));
    }

    #[test]
    fn a_consent_that_was_withdrawn_is_none() {
        let portal = ClientId::parse("doccle").unwrap();
        let mut mailbox = Mailbox::default();
        assert!(!mailbox.consents_to(&portal));
        mailbox.consents.push(Consent { portal: portal.clone(), given_at: Timestamp::ZERO, withdrawn_at: None });
        assert!(mailbox.consents_to(&portal) && !mailbox.consents_to(&ClientId::parse("other").unwrap()));
        mailbox.consents[0].withdrawn_at = Some(Timestamp::ZERO);
        assert!(!mailbox.consents_to(&portal));
        assert_eq!(ClientId::parse("a b"), Err(NotAClient));
    }
}
