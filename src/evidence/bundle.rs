//! The bundle: one file with all that is needed to check the evidence of a document in a mailbox.
//!
//! Invariant: what is in it of the document is what its records prove, and what kind of document it is; no subject, no name of a file,
//! and whose mailbox it is stands in the records as a keyed hash only.
use estafette_actors::domain::mailbox::document::{Digest, Document};
use estafette_actors::domain::mailbox::evidence::Signed;
use estafette_actors::domain::mailbox::evidence::contents::{PartOf, parts};
use serde::{Deserialize, Serialize};

use super::{KeySet, base64url, content_digest, sha256};

/// What the file says that it is.
pub(super) const FORMAT: &str = "estafette-evidence";
/// Which version of the form is written.
pub(super) const VERSION: u8 = 1;

const HOW_TO_CHECK: [&str; 7] = [
    "Run `estafette evidence verify FILE --key KEYS`, or do the following with any library for JOSE.",
    "Get the provider's public keys from where it publishes them; those in this file prove nothing by themselves.",
    "Each record is a JWS in compact form (RFC 7515): its header names the algorithm, ES256, and its key by thumbprint (RFC 7638).",
    "`sequence` counts from 1; `previous` is SHA-256, in base64url, of the whole text of the record before.",
    "`document`, `sender`, `recipient` and `contentDigest` are the same in all records; `at` never goes back.",
    "`contentDigest` is SHA-256 over the digests of the parts, one after the other, in the order in which they stand here; each is SHA-256 of the part's bytes, and a part without a digest counts as 32 bytes of zero.",
    "A chain that ends early looks like one that has not gone on yet: ask the provider for a newer bundle.",
];

/// A part of a document: the body in a language, or a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Part {
    /// `body` or `attachment`.
    pub part: String,
    /// Of a body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Of an attachment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<u8>,
    /// What it is.
    pub media_type: String,
    /// Bytes; 0 where the institution that keeps it did not say.
    pub size: u64,
    /// SHA-256 in base64url; none where the institution did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

/// The document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Described {
    /// Its name.
    pub id: String,
    /// The CBE number of who sent it.
    pub sender: String,
    /// Of which type.
    pub message_type: String,
    /// When it was published.
    pub published_at: String,
    /// When it goes.
    pub expires_at: String,
    /// What it consists of.
    pub parts: Vec<Part>,
    /// What all of them hash to.
    pub content_digest: String,
}

/// The bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Bundle {
    /// What the file is.
    pub format: String,
    /// In which version.
    pub version: u8,
    /// The document.
    pub document: Described,
    /// The signed records in their order.
    pub records: Vec<Signed>,
    /// The provider's public keys.
    pub keys: KeySet,
    /// How to check all this without this program.
    pub how_to_check: Vec<String>,
}

impl Bundle {
    /// Of a document and its records in one mailbox.
    pub fn new(document: &Document, records: Vec<Signed>, keys: &KeySet) -> Self {
        let text = |digest: Digest| base64url(&digest.0);
        let part = |(part, digest): (PartOf<'_>, Option<Digest>)| match part {
            PartOf::Body(language) => Part {
                part: "body".to_owned(),
                language: Some(language.to_string()),
                number: None,
                media_type: "text/html".to_owned(),
                size: document
                    .body
                    .as_ref()
                    .and_then(|body| body.html.get(language))
                    .map_or(0, |html| html.len() as u64),
                digest: digest.map(text),
            },
            PartOf::Attachment(attachment) => Part {
                part: "attachment".to_owned(),
                language: None,
                number: Some(attachment.number),
                media_type: attachment.media_type.as_str().to_owned(),
                size: attachment.size,
                digest: digest.map(text),
            },
        };
        let described = Described {
            id: document.id.to_string(),
            sender: document.sender.0.digits(),
            message_type: document.message_type.to_string(),
            published_at: document.published_at.to_string(),
            expires_at: document.expires_at.to_string(),
            parts: parts(document, sha256).map(part).collect(),
            content_digest: text(content_digest(document)),
        };
        Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            document: described,
            records,
            keys: keys.clone(),
            how_to_check: HOW_TO_CHECK.map(str::to_owned).into(),
        }
    }

    /// As it is written to a file.
    pub fn json(&self) -> Vec<u8> {
        // Texts and numbers: there is nothing in it that can't be written.
        let mut json = serde_json::to_vec_pretty(self).unwrap_or_default();
        json.push(b'\n');
        json
    }
}
