//! What holders do to items: reading and showing them, and what senders may know of that.
//!
//! Invariant: the main content is read for the first time once: then, in one change, the state is noted, the event told, the evidence
//! of registered mail signed. An item that nobody touched has no row.
use std::sync::Arc;

use estafette_actors::domain::mailbox::MailboxId;
use estafette_actors::domain::mailbox::document::{Document, DocumentId, LINKS};
use estafette_actors::domain::mailbox::event::Kind;
use estafette_actors::domain::mailbox::evidence::Step;
use estafette_actors::domain::mailbox::item::{Item, State};
use estafette_actors::domain::submission::Institution;
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::mailbox::{Access, Deed, Rights, Trouble};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::super::engine::{Draft, Engine};
use super::evidence::{self, Happened};
use super::list::Hidden;
use super::mailboxes::Inner;
use super::trail::Told;
use super::{DOCUMENTS, STATES, array, counter, damaged, document, feed, pair};

const FORM: u8 = 1;
const VISIBLE: u8 = 1;

fn pack(state: State) -> [u8; 10] {
    let mut row = [0; 10];
    row[0] = FORM;
    row[1..9].copy_from_slice(&state.read_at.map_or(0, Timestamp::millis).to_be_bytes());
    row[9] = if state.is_visible { VISIBLE } else { 0 };
    row
}

pub fn unpack(row: Option<&[u8]>) -> Result<State, Trouble> {
    let Some(row) = row else { return Ok(State::default()) };
    let row = array::<10>(row).filter(|row| row[0] == FORM).ok_or_else(damaged)?;
    let read_at = u64::from_be_bytes(array(&row[1..9]).ok_or_else(damaged)?);
    Ok(State { read_at: (read_at > 0).then(|| Timestamp::from_millis(read_at)), is_visible: row[9] == VISIBLE })
}

/// What the holder of a mailbox did with a document.
pub fn state(engine: &Engine, document: DocumentId, mailbox: MailboxId) -> Result<State, Trouble> {
    engine.with(STATES, &pair(document.as_u128(), mailbox.key()), unpack)?
}

/// The same on the writer thread.
pub fn drafted(draft: &Draft<'_>, document: DocumentId, mailbox: u64) -> Result<State, Trouble> {
    unpack(draft.get(STATES, &pair(document.as_u128(), mailbox))?.as_deref())
}

/// Puts a state, and tells readers once it is durable.
fn put(inner: &Arc<Inner>, draft: &mut Draft<'_>, document: DocumentId, mailbox: MailboxId, state: State) {
    draft.put(STATES, &pair(document.as_u128(), mailbox.key()), pack(state).as_slice());
    let inner = Arc::clone(inner);
    draft.after(move || inner.shelves.touched(mailbox, document, state));
}

/// A document of a mailbox that is there, with the text of its body or without.
pub fn found(inner: &Inner, mailbox: MailboxId, id: DocumentId, is_whole: bool) -> Result<Option<Item>, Trouble> {
    let now = inner.clock.now();
    let known = if is_whole {
        inner.documents.whole(&inner.engine, id, now)?
    } else {
        inner.documents.there(&inner.engine, id, now)?
    };
    let Some(document) = known else { return Ok(None) };
    let which = (id, document.published_at);
    let Some(received_at) = inner.finder.one(&inner.engine, mailbox, which)? else {
        return Ok(None);
    };
    let (state, expires_at) = (state(&inner.engine, id, mailbox)?, document.expires_at);
    Ok(Some(Item { mailbox, document, received_at, expires_at, state }))
}

/// See the port.
pub fn item(inner: &Inner, mailbox: MailboxId, rights: &Rights, id: DocumentId) -> Result<Option<Item>, Trouble> {
    let (found, reference) = (found(inner, mailbox, id, true)?, inner.catalogue.now());
    Ok(found.filter(|item| !Hidden::new(rights, &reference).hides(&item.document.message_type)))
}

/// What became of documents of a sender.
pub fn states(
    inner: &Inner,
    sender: Institution,
    wanted: &[(DocumentId, MailboxId)],
) -> Result<Vec<Option<Item>>, Trouble> {
    if wanted.len() > LINKS {
        return Err(Trouble::TooMany("ask for 1,000 at most at once"));
    }
    let one = |(id, mailbox): &(DocumentId, MailboxId)| {
        Ok(found(inner, *mailbox, *id, false)?.filter(|item| item.document.sender == sender))
    };
    wanted.iter().map(one).collect()
}

/// Whether a document is still there when the writer comes to it.
fn still_there(inner: &Inner, draft: &Draft<'_>, document: &Document) -> Result<(), Trouble> {
    let is_there = draft.get(DOCUMENTS, &document::key(document.id))?.is_some();
    if is_there && document.expires_at > inner.clock.now() { Ok(()) } else { Err(Trouble::NotFound) }
}

/// What reading comes to.
pub enum Reading {
    /// It was read before, or it is not the main content: it is noted late.
    Known(Item),
    /// It is asked for.
    First(BoxFuture<'static, Result<Item, Trouble>>),
}

/// Asks for a reading. For a thread that may read the disk; what is given is waited for.
pub fn read(
    inner: &Arc<Inner>,
    access: &Access,
    mailbox: MailboxId,
    id: DocumentId,
    is_main: bool,
) -> Result<Reading, Trouble> {
    let item = found(inner, mailbox, id, true)?.ok_or(Trouble::NotFound)?;
    if !is_main || item.state.read_at.is_some() {
        inner.note(access.clone(), Deed::Read, Some(mailbox), Some(id), "done");
        return Ok(Reading::Known(item));
    }
    let content = item.document.is_registered.then(|| evidence::content(&item.document));
    let (here, access) = (Arc::clone(inner), access.clone());
    let decide = move |draft: &mut Draft<'_>| {
        still_there(&here, draft, &item.document)?;
        let before = drafted(draft, id, mailbox.key())?;
        let mut state = before;
        if before.read_at.is_none() {
            let at = counter::moment(draft, here.clock.now())?;
            state.read_at = Some(at);
            put(&here, draft, id, mailbox, state);
            feed::told(draft, Kind::ReadDocument, id, at, &[mailbox.key()])?;
            if let Some(content) = content {
                let happened = Happened { step: Step::ContentHandover, at, reason: None };
                here.prover.add(draft, &item.document, content, mailbox, &happened)?;
            }
        }
        let (deed, document) = (Deed::Read, Some(id));
        let told = Told { access: &access, deed, mailbox: Some(mailbox), document, outcome: "done" };
        here.trail.write(draft, &told)?;
        Ok(Item { state, ..item })
    };
    Ok(Reading::First(inner.engine.change(decide).boxed()))
}

/// Asks to show documents, or put them away. For a thread that may read the disk; what is given is waited for.
pub fn show(
    inner: &Arc<Inner>,
    access: Access,
    mailbox: MailboxId,
    changes: Vec<(DocumentId, bool)>,
) -> Result<BoxFuture<'static, Result<(), Trouble>>, Trouble> {
    if changes.len() > LINKS {
        return Err(Trouble::TooMany("show or put away 1,000 documents at most at once"));
    }
    let document = |(id, is_visible): (DocumentId, bool)| {
        let item = found(inner, mailbox, id, false)?.ok_or(Trouble::NotFound)?;
        Ok((item.document, is_visible))
    };
    let documents = changes.into_iter().map(document).collect::<Result<Vec<_>, Trouble>>()?;
    let here = Arc::clone(inner);
    let decide = move |draft: &mut Draft<'_>| {
        for (document, is_visible) in &documents {
            still_there(&here, draft, document)?;
            let before = drafted(draft, document.id, mailbox.key())?;
            let is_news = before.is_visible != *is_visible;
            if is_news {
                put(&here, draft, document.id, mailbox, State { is_visible: *is_visible, ..before });
            }
            let outcome = match (is_news, is_visible) {
                (false, _) => "nothing",
                (true, true) => "shown",
                (true, false) => "put away",
            };
            let (deed, document) = (Deed::Show, Some(document.id));
            here.trail.write(draft, &Told { access: &access, deed, mailbox: Some(mailbox), document, outcome })?;
        }
        Ok(())
    };
    Ok(inner.engine.change(decide).boxed())
}

/// Asks to prove that the holder was told of a registered document: the first time. For a thread that may read the disk; what is
/// given is waited for.
pub fn notified(
    inner: &Arc<Inner>,
    mailbox: MailboxId,
    id: DocumentId,
) -> Result<BoxFuture<'static, Result<(), Trouble>>, Trouble> {
    let item = found(inner, mailbox, id, true)?.filter(|item| item.document.is_registered).ok_or(Trouble::NotFound)?;
    let (here, content) = (Arc::clone(inner), evidence::content(&item.document));
    let decide = move |draft: &mut Draft<'_>| {
        still_there(&here, draft, &item.document)?;
        let step = Step::NotificationForAcceptance;
        if here.prover.drafted(draft, id, mailbox)?.iter().any(|kept| kept.step == step) {
            return Ok(());
        }
        let at = counter::moment(draft, here.clock.now())?;
        here.prover.add(draft, &item.document, content, mailbox, &Happened { step, at, reason: None })?;
        let (deed, document) = (Deed::Prove, Some(id));
        let told = Told { access: &Access::PROGRAM, deed, mailbox: Some(mailbox), document, outcome: "notified" };
        here.trail.write(draft, &told)
    };
    Ok(inner.engine.change(decide).boxed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_stays_what_it_was_on_disk() {
        let read = State { read_at: Some(Timestamp::from_millis(258)), is_visible: false };
        assert_eq!(pack(read), *b"\x01\0\0\0\0\0\0\x01\x02\0");
        assert_eq!(pack(State::default()), *b"\x01\0\0\0\0\0\0\0\0\x01");
        for state in [read, State::default()] {
            assert_eq!(unpack(Some(&pack(state))), Ok(state));
        }
        assert_eq!(unpack(None), Ok(State::default()));
        assert!(unpack(Some(b"\x02\0\0\0\0\0\0\0\0\x01")).is_err() && unpack(Some(b"")).is_err());
    }
}
