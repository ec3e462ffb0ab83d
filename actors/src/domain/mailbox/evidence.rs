//! What is proven of registered mail: one record for each step, chained by hash.
//!
//! Source: the names of the events are those of ETSI EN 319 522-1. A record says what happened to which content, when, and between whom,
//! with the hash of the record before it; the provider signs it (JWS, RFC 7515). Invariant: no record is changed or left out without
//! the chain showing it; who a citizen is stands in it as a keyed hash only.
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::document::{Digest, DocumentId};
use crate::domain::cbe::Cbe;
use crate::domain::time::Timestamp;

pub mod contents;
pub mod order;

/// Why nothing was consigned yet: it is when the mailbox is active.
pub const NO_READER: &str = "nobody reads this mailbox digitally";
/// Why it was consigned in vain.
pub const UNREAD: &str = "it expired before it was read";

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Step {
    /// The provider took the content for delivery.
    SubmissionAcceptance,
    /// It refused it.
    SubmissionRejection,
    /// The recipient was told that something waits.
    NotificationForAcceptance,
    /// The content was placed in the mailbox, where the recipient can read it.
    ContentConsignment,
    /// It could not be placed there, or nobody read it before it expired.
    ContentConsignmentFailure,
    /// The recipient read it.
    ContentHandover,
}

/// A record, before it is signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Record {
    /// Which version of this form it has.
    pub version: u8,
    /// Its place in the chain of its document and mailbox, from 1.
    pub sequence: u32,
    /// What happened.
    pub event: Step,
    /// When, RFC 3339 in UTC.
    pub at: String,
    /// The document.
    pub document: String,
    /// Who sent it, in ten digits.
    #[serde(with = "digits")]
    pub sender: Cbe,
    /// A keyed hash of whose mailbox it is, base64url.
    pub recipient: String,
    /// What its contents hash to: SHA-256 over the digests of all parts, base64url.
    pub content_digest: String,
    /// Why, where it failed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
    /// SHA-256 of the whole signed record before it, base64url; none for the first.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub previous: Option<String>,
}

/// A CBE number as it is written, with its leading zero.
mod digits {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    use super::Cbe;

    #[allow(clippy::trivially_copy_pass_by_ref)] // serde gives it so
    pub fn serialize<S: Serializer>(cbe: &Cbe, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&cbe.digits())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Cbe, D::Error> {
        let text = String::deserialize(deserializer)?;
        let cbe = Cbe::parse(&text).map_err(D::Error::custom)?;
        if cbe.digits() == text { Ok(cbe) } else { Err(D::Error::custom("a CBE number has ten digits")) }
    }
}

/// Which version of the form is written.
pub const VERSION: u8 = 1;

/// A signed record: the compact form of a JWS, over [`Record`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Signed(pub Box<str>);

impl Signed {
    /// What it says; none where that is no record. Its signature is not looked at.
    pub fn record(&self) -> Option<Record> {
        let payload = self.0.split('.').nth(1)?;
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
    }
}

/// What is to be recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Occurrence {
    /// What happened.
    pub step: Step,
    /// When.
    pub at: Timestamp,
    /// To which document.
    pub document: DocumentId,
    /// Who sent it.
    pub sender: Cbe,
    /// A keyed hash of whose mailbox it is.
    pub recipient: [u8; 32],
    /// What its contents hash to.
    pub content: Digest,
    /// Why, where it failed.
    pub reason: Option<Box<str>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_out_of_its_signature_and_what_is_none_is_left_out() {
        let record_of = Record {
            version: 1,
            sequence: 1,
            event: Step::ContentHandover,
            at: "2026-11-28T20:00:00.000Z".to_owned(),
            document: "d".to_owned(),
            sender: "0403019261".parse().unwrap(),
            recipient: "r".to_owned(),
            content_digest: "c".to_owned(),
            reason: None,
            previous: None,
        };
        let json = serde_json::to_vec(&record_of).unwrap();
        let signed = Signed(format!("e30.{}.AAAA", URL_SAFE_NO_PAD.encode(json)).into());
        assert_eq!(signed.record().map(|record| record.event), Some(Step::ContentHandover));
        for nonsense in ["", "a.b.c", "e30.e30.AAAA"] {
            assert!(Signed(nonsense.into()).record().is_none());
        }
    }
}
