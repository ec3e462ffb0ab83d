//! Documents: each once, the text of its body apart, so that a list does not read it.
//!
//! Invariant: a document that is there has a record, and a body where it has one; what finds it otherwise may be there a little
//! longer. One that expired is not there, whether or not it was taken away yet.
use std::sync::Arc;

use estafette_actors::domain::language::Translated;
use estafette_actors::domain::mailbox::document::{Body, Document, DocumentId, Scan};
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::mailbox::Trouble;

use super::super::codec;
use super::super::engine::{Draft, Engine};
use super::cache::Cache;
use super::{BODIES, CONTENTS, DOCUMENTS, UNSCANNED, array, counter, damaged};

/// The key of a document.
pub fn key(id: DocumentId) -> [u8; 16] {
    id.as_u128().to_be_bytes()
}

/// The key of an attachment that waits for the scanner.
pub fn unscanned_key(id: DocumentId, number: u8) -> [u8; 17] {
    let mut key = [0; 17];
    key[..16].copy_from_slice(&id.as_u128().to_be_bytes());
    key[16] = number;
    key
}

/// The attachment of such a key.
pub fn unscanned_of(key: &[u8]) -> Option<(DocumentId, u8)> {
    let (number, id) = key.split_last()?;
    Some((DocumentId::from_u128(u128::from_be_bytes(array(id)?)), *number))
}

/// The names of the contents that a document needs.
pub fn contents(document: &Document) -> impl Iterator<Item = &Box<str>> {
    document.attachments.iter().filter_map(|one| one.content.as_ref())
}

/// A document without the text of its body: that is what its record holds.
fn without_text(document: &Document) -> Document {
    let body = document.body.as_ref().map(|body| Body { html: Translated::new(), is_main: body.is_main });
    // Of the rest nothing is large.
    let Document { id, published_at, expires_at, sender, is_registered, may_be_replied_to, .. } = *document;
    Document {
        id,
        sender,
        author: document.author.clone(),
        application: document.application.clone(),
        message_type: document.message_type.clone(),
        subject: document.subject.clone(),
        body,
        attachments: document.attachments.clone(),
        business: document.business.clone(),
        payment: document.payment.clone(),
        attention: document.attention.clone(),
        replies_to: document.replies_to,
        may_be_replied_to,
        is_registered,
        published_at,
        expires_at,
        hosting: document.hosting.clone(),
    }
}

/// Puts a new document, and what finds its contents.
pub fn put(draft: &mut Draft<'_>, document: &Document) -> Result<(), Trouble> {
    let key = key(document.id);
    draft.put(DOCUMENTS, &key, codec::encode(&without_text(document)));
    if let Some(body) = &document.body {
        draft.put(BODIES, &key, codec::encode(&body.html));
    }
    for name in contents(document) {
        draft.put(CONTENTS, name.as_bytes(), key.as_slice());
    }
    for one in document.attachments.iter().filter(|one| one.scan == Scan::Waiting) {
        draft.put(UNSCANNED, &unscanned_key(document.id, one.number), [].as_slice());
    }
    let count = counter::get(draft, counter::DOCUMENTS)?;
    counter::set(draft, counter::DOCUMENTS, count + 1);
    Ok(())
}

/// A document on the writer thread, without the text of its body.
pub fn drafted(draft: &Draft<'_>, id: DocumentId) -> Result<Option<Document>, Trouble> {
    let found = draft.get(DOCUMENTS, &key(id))?;
    found.map(|bytes| codec::decode(&bytes).map_err(|_| damaged())).transpose()
}

/// Notes what the scanner said of an attachment; none when there is no such, else whether that is news.
pub fn scanned(draft: &mut Draft<'_>, id: DocumentId, number: u8, scan: Scan) -> Result<Option<bool>, Trouble> {
    let Some(mut document) = drafted(draft, id)? else { return Ok(None) };
    let Some(attachment) = document.attachments.iter_mut().find(|one| one.number == number) else { return Ok(None) };
    let is_news = std::mem::replace(&mut attachment.scan, scan) != scan;
    if is_news {
        draft.put(DOCUMENTS, &key(id), codec::encode(&document));
    }
    let waiting = unscanned_key(id, number);
    if scan == Scan::Waiting {
        draft.put(UNSCANNED, &waiting, [].as_slice());
    } else {
        draft.remove(UNSCANNED, &waiting);
    }
    Ok(Some(is_news))
}

/// Documents for readers: those that were read of late stay in memory, without the text of their bodies.
pub struct Documents {
    recent: Cache<u128, Arc<Document>>,
}

impl Documents {
    /// With so many bytes of records in memory at most.
    pub fn new(bytes: usize) -> Self {
        Self { recent: Cache::new(bytes) }
    }

    /// A document without the text of its body, whether or not it expired.
    pub fn get(&self, engine: &Engine, id: DocumentId) -> Result<Option<Arc<Document>>, Trouble> {
        let (kept, stamp) = self.recent.get(id.as_u128());
        if kept.is_some() {
            return Ok(kept);
        }
        let found = engine.with(DOCUMENTS, &key(id), |found| {
            found.map(|bytes| codec::decode::<Document>(bytes).map(|document| (document, bytes.len())))
        })?;
        let Some((document, bytes)) = found.transpose().map_err(|_| damaged())? else { return Ok(None) };
        let document = Arc::new(document);
        self.recent.put(id.as_u128(), Arc::clone(&document), bytes, stamp);
        Ok(Some(document))
    }

    /// A document that is there, without the text of its body.
    pub fn there(&self, engine: &Engine, id: DocumentId, now: Timestamp) -> Result<Option<Arc<Document>>, Trouble> {
        Ok(self.get(engine, id)?.filter(|document| document.expires_at > now))
    }

    /// A whole document that is there.
    pub fn whole(&self, engine: &Engine, id: DocumentId, now: Timestamp) -> Result<Option<Arc<Document>>, Trouble> {
        let Some(document) = self.there(engine, id, now)? else { return Ok(None) };
        if document.body.is_none() {
            return Ok(Some(document));
        }
        let html = engine.with(BODIES, &key(id), |found| found.map(codec::decode::<Translated<Box<str>>>))?;
        // It may have been taken away meanwhile.
        let Some(html) = html else { return Ok(None) };
        let mut whole = Document::clone(&document);
        if let Some(body) = &mut whole.body {
            body.html = html.map_err(|_| damaged())?;
        }
        Ok(Some(Arc::new(whole)))
    }

    /// It changed, or is gone.
    pub fn forget(&self, id: DocumentId) {
        self.recent.forget(id.as_u128());
    }

    /// Bytes of records in memory.
    pub fn bytes(&self) -> usize {
        self.recent.weight()
    }
}
