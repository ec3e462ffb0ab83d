//! Evidence of registered mail: the key under it, the bundle in which a reader gets it, and its check without this program's data.
//!
//! A record is a [`Record`] in JSON, signed as a compact JWS (RFC 7515) with ES256; the header's `kid` is the thumbprint of the key
//! (RFC 7638), so that a key can't be passed off as another. Invariant: one form for all who write, bundle and check records; nothing here
//! keeps any.
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use estafette_actors::domain::language::Language;
use estafette_actors::domain::mailbox::document::{Digest, Document};
use estafette_actors::domain::mailbox::evidence::{Occurrence, Record, Signed, VERSION};

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

/// What all contents of a document hash to: SHA-256 over the digests of its parts, of which each is SHA-256 of its bytes. The parts are
/// its body in each language that is there, in the order fr, nl, de, en, then its attachments by number; a part whose digest the
/// institution did not say counts as 32 bytes of zero.
pub fn content_digest(document: &Document) -> Digest {
    Digest(over(parts(document).map(|(_, digest)| digest)))
}

fn over(parts: impl Iterator<Item = Option<Digest>>) -> [u8; 32] {
    let all: Vec<u8> = parts.flat_map(|digest| digest.map_or([0; 32], |digest| digest.0)).collect();
    sha256(&all)
}

/// A part of a document.
enum PartOf<'a> {
    Body(Language),
    Attachment(&'a estafette_actors::domain::mailbox::document::Attachment),
}

fn parts(document: &Document) -> impl Iterator<Item = (PartOf<'_>, Option<Digest>)> {
    let body = document.body.as_ref();
    let html = move |language| body.and_then(|body| body.html.get(language));
    let bodies = Language::ALL.into_iter().filter_map(move |language| {
        html(language).map(|html| (PartOf::Body(language), Some(Digest(sha256(html.as_bytes())))))
    });
    let mut attachments: Vec<_> = document.attachments.iter().collect();
    attachments.sort_by_key(|attachment| attachment.number);
    bodies.chain(attachments.into_iter().map(|attachment| (PartOf::Attachment(attachment), attachment.digest)))
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
