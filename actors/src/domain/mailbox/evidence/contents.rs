//! What the contents of a document hash to, for all who write, bundle and check evidence.
//!
//! Invariant: the digest is SHA-256 over the digests of the parts, of which each is SHA-256 of its bytes. The parts are the document's
//! body in each language that is there, in the order fr, nl, de, en, then its attachments by number; a part whose digest the
//! institution did not say counts as 32 bytes of zero. A golden value holds this.
use super::super::document::{Attachment, Digest, Document};
use crate::domain::language::Language;

/// Computes SHA-256: the domain has no cryptography of its own.
pub type Sha256 = fn(&[u8]) -> [u8; 32];

/// A part of a document.
pub enum PartOf<'a> {
    /// Its body in a language.
    Body(Language),
    /// A file.
    Attachment(&'a Attachment),
}

/// The parts of a document in their order, and what each hashes to.
pub fn parts(document: &Document, sha256: Sha256) -> impl Iterator<Item = (PartOf<'_>, Option<Digest>)> {
    let body = document.body.as_ref();
    let html = move |language| body.and_then(|body| body.html.get(language));
    let bodies = Language::ALL.into_iter().filter_map(move |language| {
        html(language).map(|html| (PartOf::Body(language), Some(Digest(sha256(html.as_bytes())))))
    });
    let mut attachments: Vec<_> = document.attachments.iter().collect();
    attachments.sort_by_key(|attachment| attachment.number);
    bodies.chain(attachments.into_iter().map(|attachment| (PartOf::Attachment(attachment), attachment.digest)))
}

/// What parts hash to together.
pub fn over(parts: impl Iterator<Item = Option<Digest>>, sha256: Sha256) -> Digest {
    let all: Vec<u8> = parts.flat_map(|digest| digest.map_or([0; 32], |digest| digest.0)).collect();
    Digest(sha256(&all))
}

/// What all contents of a document hash to.
pub fn digest(document: &Document, sha256: Sha256) -> Digest {
    over(parts(document, sha256).map(|(_, digest)| digest), sha256)
}
