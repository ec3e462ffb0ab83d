//! Evidence of registered mail: the key under it, the bundle in which a reader gets it, and its check without this program's data.
//!
//! A record is a [`Record`] in JSON, signed as a compact JWS (RFC 7515) with ES256; the header's `kid` is the thumbprint of the key
//! (RFC 7638), so that a key can't be passed off as another. Invariant: one form for all who write, bundle and check records; nothing here
//! keeps any.
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use estafette_actors::domain::mailbox::document::{Digest, Document};
use estafette_actors::domain::mailbox::evidence::{Occurrence, Record, Signed, VERSION, contents};

mod bundle;
mod check;
mod jws;
mod keys;

pub use bundle::{Bundle, Described, Part};
pub use check::{Broken, Checked, Report, check};
pub use keys::{Error, Jwk, KeySet, ProviderKey, Settings};

/// SHA-256 of some bytes.
fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, bytes).as_ref());
    hash
}

fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// What all contents of a document hash to: see [`contents`].
pub fn content_digest(document: &Document) -> Digest {
    contents::digest(document, sha256)
}

/// A record as it is signed: the `sequence`th of its chain, from 1, after `previous`.
pub fn payload(occurrence: &Occurrence, sequence: u32, previous: Option<&Signed>) -> Vec<u8> {
    let record = Record {
        version: VERSION,
        sequence,
        event: occurrence.step,
        at: occurrence.at.to_string(),
        document: occurrence.document.to_string(),
        sender: occurrence.sender,
        recipient: base64url(&occurrence.recipient),
        content_digest: base64url(&occurrence.content.0),
        reason: occurrence.reason.as_deref().map(str::to_owned),
        previous: previous.map(|signed| base64url(&sha256(signed.0.as_bytes()))),
    };
    // Texts and numbers: there is nothing in it that can't be written.
    serde_json::to_vec(&record).unwrap_or_default()
}

#[cfg(test)]
mod tests;
