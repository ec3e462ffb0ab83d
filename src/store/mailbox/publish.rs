//! Publishing and linking: what puts a document into mailboxes.
//!
//! Invariant: a mailbox has a document once. Who has it already is looked up twice: in the index, beside the writer, up to the last
//! call that is known there; on the writer thread only in the records of the document's own calls since, which are few.
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use estafette_actors::domain::mailbox::document::{Digest, Document, DocumentId, LINKS as MOST};
use estafette_actors::domain::mailbox::reference::RefId;
use estafette_actors::domain::mailbox::{MailboxId, event};
use estafette_actors::domain::submission::Institution;
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::mailbox::{Access, Deed, Linked, Publication, Trouble};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use super::super::codec;
use super::super::engine::Draft;
use super::due::{self, Due};
use super::evidence::{self, Kept};
use super::link::{self, Brief};
use super::mailboxes::Inner;
use super::trail::Told;
use super::{DOCUMENTS, IDEMPOTENCY, LINKS, LINKS_OF, counter, damaged, document, feed, find, holder, pair};

/// What a sender's key stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    document: DocumentId,
    fingerprint: Digest,
    at: Timestamp,
}

/// A sender, and the hash of an application and its key.
fn idempotency_key(sender: Institution, application: Option<&RefId>, key: &str) -> [u8; 36] {
    let mut context = Context::new(&SHA256);
    // No identifier has a zero byte.
    context.update(application.map_or("", RefId::as_str).as_bytes());
    context.update(&[0]);
    context.update(key.as_bytes());
    let mut whole = [0; 36];
    whole[..4].copy_from_slice(&sender.0.as_u32().to_be_bytes());
    whole[4..].copy_from_slice(context.finish().as_ref());
    whole
}

/// Says what was published under a key before, or takes it.
fn once(
    draft: &mut Draft<'_>,
    document: &Document,
    given: &(Box<str>, Digest),
    now: Timestamp,
    kept: Duration,
) -> Result<(), Trouble> {
    let (text, fingerprint) = given;
    let key = idempotency_key(document.sender, document.application.as_ref(), text);
    if let Some(found) = draft.get(IDEMPOTENCY, &key)? {
        let known: Known = codec::decode(&found).map_err(|_| damaged())?;
        if now < known.at.plus(kept) {
            let is_same = known.fingerprint == *fingerprint;
            return Err(if is_same { Trouble::Duplicate(known.document) } else { Trouble::KeyReused });
        }
        due::drop(draft, known.at.plus(kept), &Due::Key(key));
    }
    let known = Known { document: document.id, fingerprint: *fingerprint, at: now };
    draft.put(IDEMPOTENCY, &key, codec::encode(&known));
    due::put(draft, now.plus(kept), &Due::Key(key), &[]);
    Ok(())
}

/// What was published under a key, as long as the key is known.
pub fn published_under(
    inner: &Inner,
    sender: Institution,
    application: Option<&RefId>,
    key: &str,
) -> Result<Option<DocumentId>, Trouble> {
    let key = idempotency_key(sender, application, key);
    let known = inner.engine.with(IDEMPOTENCY, &key, |found| found.map(codec::decode::<Known>).transpose())?;
    let known = known.map_err(|_| damaged())?;
    let is_known = |known: &Known| inner.clock.now() < known.at.plus(inner.settings.keys_kept);
    Ok(known.filter(is_known).map(|known| known.document))
}

/// Evidence that begins with a call, signed before the writer sees it: by mailbox, in the order of keys.
type Chains = Vec<(u64, Vec<Kept>)>;

/// Mailboxes by key, each once, in order.
fn sorted(recipients: &[MailboxId]) -> Result<Vec<u64>, Trouble> {
    let mut keys: Vec<u64> = recipients.iter().map(|one| one.key()).collect();
    keys.sort_unstable();
    keys.dedup();
    match keys.len() {
        1..=MOST => Ok(keys),
        0 => Err(Trouble::TooMany("give at least one recipient")),
        _ => Err(Trouble::TooMany("a call has 1,000 recipients at most: make several calls")),
    }
}

/// What a call puts beside its record.
struct Call<'c> {
    inner: &'c Arc<Inner>,
    document: &'c Document,
    chains: &'c Chains,
    now: Timestamp,
}

impl Call<'_> {
    /// Puts the record of a call, and all that follows from it.
    fn put(&self, draft: &mut Draft<'_>, recipients: &[u64]) -> Result<(), Trouble> {
        if recipients.is_empty() {
            return Ok(());
        }
        let (document, brief) = (self.document, Brief::of(self.document));
        // No call is before its document.
        let at = counter::moment(draft, self.now)?.max(document.published_at);
        let position = counter::take(draft, counter::LINK, 1)?;
        let record: Arc<[u8]> = link::pack(&brief, at, recipients).into();
        let view = link::View::of(&record).ok_or_else(damaged)?;
        let citizens = view.citizens();
        feed::linked(draft, position, document.id, at, (citizens, view.len() - citizens))?;
        draft.put(LINKS, &position.to_be_bytes(), Arc::clone(&record));
        draft.put(LINKS_OF, &pair(document.id.as_u128(), position), [].as_slice());
        if let Some((time, kind)) = event::next(at, document.expires_at, at) {
            due::put(draft, time, &Due::Link(position), &due::kind(kind));
        }
        for (key, chain) in self.chains.iter().filter(|(key, _)| view.has(*key)) {
            self.inner.prover.put(draft, document.id, MailboxId::from_key(*key), chain);
        }
        let inner = Arc::clone(self.inner);
        draft.after(move || inner.finder.linked(position, &record));
        Ok(())
    }
}

/// The chains of a registered document in mailboxes.
fn chains(inner: &Inner, document: &Document, recipients: &[u64], without: &[u64], at: Timestamp) -> Chains {
    if !document.is_registered {
        return Chains::new();
    }
    let content = evidence::content(document);
    let chain = |key: &u64| {
        let is_read = without.binary_search(key).is_err();
        (*key, inner.prover.begin(document, content, MailboxId::from_key(*key), at, is_read))
    };
    recipients.iter().map(chain).collect()
}

fn without_reader(inner: &Inner, recipients: &[u64]) -> Result<Vec<u64>, Trouble> {
    let mut without = Vec::new();
    for key in recipients {
        if !holder::is_active(&inner.engine, MailboxId::from_key(*key))? {
            without.push(*key);
        }
    }
    Ok(without)
}

/// Asks for a publication. For a thread that may read the disk; what is given is waited for.
pub fn publish(
    inner: &Arc<Inner>,
    access: Access,
    publication: Publication,
) -> Result<BoxFuture<'static, Result<Linked, Trouble>>, Trouble> {
    let Publication { document, recipients, idempotency } = publication;
    // To nobody yet where recipients follow by links.
    let keys = if recipients.is_empty() { Vec::new() } else { sorted(&recipients)? };
    let now = inner.clock.now();
    let without = without_reader(inner, &keys)?;
    let chains = chains(inner, &document, &keys, &without, now);
    let document = Arc::new(document);
    let here = Arc::clone(inner);
    let decide = move |draft: &mut Draft<'_>| {
        if let Some(given) = &idempotency {
            once(draft, &document, given, now, here.settings.keys_kept)?;
        }
        if draft.get(DOCUMENTS, &document::key(document.id))?.is_some() {
            return Err(Trouble::Duplicate(document.id));
        }
        document::put(draft, &document)?;
        due::put(draft, document.expires_at, &Due::Document(document.id), &[]);
        Call { inner: &here, document: &document, chains: &chains, now }.put(draft, &keys)?;
        let mailbox = if let [one] = keys[..] { Some(MailboxId::from_key(one)) } else { None };
        let outcome = format!("{} mailboxes", keys.len());
        let (deed, id) = (Deed::Publish, Some(document.id));
        here.trail.write(draft, &Told { access: &access, deed, mailbox, document: id, outcome: &outcome })?;
        let without_reader = without.into_iter().map(MailboxId::from_key).collect();
        Ok(Linked { new: keys.len() as u32, document, without_reader })
    };
    Ok(inner.engine.change(decide).boxed())
}

/// Asks for a call that links. For a thread that may read the disk; what is given is waited for.
pub fn link(
    inner: &Arc<Inner>,
    access: Access,
    sender: Institution,
    id: DocumentId,
    recipients: &[MailboxId],
) -> Result<BoxFuture<'static, Result<Linked, Trouble>>, Trouble> {
    let mut keys = sorted(recipients)?;
    let without = without_reader(inner, &keys)?;
    let now = inner.clock.now();
    let known = inner.documents.whole(&inner.engine, id, now)?;
    let document = known.filter(|document| document.sender == sender).ok_or(Trouble::NotFound)?;
    // Before the look-ups: what comes after is looked for on the writer thread.
    let looked = inner.finder.known();
    let mut failed = None;
    let which = (id, document.published_at);
    keys.retain(|key| match inner.finder.one(&inner.engine, MailboxId::from_key(*key), which) {
        Ok(found) => found.is_none(),
        Err(trouble) => {
            failed = Some(trouble);
            false
        }
    });
    if let Some(trouble) = failed {
        return Err(trouble);
    }
    let chains = chains(inner, &document, &keys, &without, now);
    let here = Arc::clone(inner);
    let decide = move |draft: &mut Draft<'_>| {
        if draft.get(DOCUMENTS, &document::key(id))?.is_none() {
            return Err(Trouble::NotFound);
        }
        find::keep_new(draft, id, looked, &mut keys)?;
        Call { inner: &here, document: &document, chains: &chains, now }.put(draft, &keys)?;
        let mailbox = if let [one] = keys[..] { Some(MailboxId::from_key(one)) } else { None };
        let outcome = format!("{} mailboxes", keys.len());
        let told = Told { access: &access, deed: Deed::Link, mailbox, document: Some(id), outcome: &outcome };
        here.trail.write(draft, &told)?;
        let without_reader = without.into_iter().map(MailboxId::from_key).collect();
        Ok(Linked { new: keys.len() as u32, document, without_reader })
    };
    Ok(inner.engine.change(decide).boxed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_of_a_key_stays_what_it_was_on_disk() {
        let known =
            Known { document: DocumentId::from_u128(5), fingerprint: Digest([9; 32]), at: Timestamp::from_millis(300) };
        assert_eq!(codec::encode(&known), [&[1, 5][..], &[9; 32], &[251, 44, 1]].concat());
        let document = super::super::tests::letter(1);
        let first = idempotency_key(document.sender, document.application.as_ref(), "key");
        let without = idempotency_key(document.sender, None, "key");
        assert!(first != without && first[..4] == 403_019_261_u32.to_be_bytes());
    }
}
