//! The end of a document, in parts: what registered mail proves of those who did not read it, then the document itself, then what holders
//! did with it, then the records that put it into mailboxes.
//!
//! Invariant: with the document itself it is gone from every mailbox, in one change, with a line in the trail; what is left of it then
//! is found by nobody. Its evidence and the trail stay. The record of a call stays as long as its events.
use std::ops::ControlFlow;
use std::sync::Arc;

use estafette_actors::domain::language::Translated;
use estafette_actors::domain::mailbox::MailboxId;
use estafette_actors::domain::mailbox::document::{Document, DocumentId};
use estafette_actors::domain::mailbox::evidence::{Step, UNREAD};
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::mailbox::{Access, Deed, Trouble};

use super::super::codec;
use super::super::engine::{Draft, Table};
use super::due::{self, Done, Due};
use super::evidence::{self, Happened};
use super::link::View;
use super::mailboxes::Inner;
use super::trail::Told;
use super::{
    BODIES, CONTENTS, DAY, DOCUMENTS, EVIDENCE, LINKS, LINKS_OF, STATES, UNSCANNED, array, counter, damaged, document,
    last_u64, pair, touch,
};

/// A signature counts as so many looks at a row.
const SIGNATURE: usize = 30;

/// How far it is: the call and the place in it from which on those who did not read are to be proven.
struct Proven {
    position: u64,
    place: u32,
}

impl Proven {
    fn value(&self) -> Vec<u8> {
        [&self.position.to_be_bytes()[..], &self.place.to_be_bytes()].concat()
    }

    /// Of the value of a row, which is empty at first.
    fn of(value: &[u8]) -> Option<Self> {
        if value.is_empty() {
            return Some(Self { position: 0, place: 0 });
        }
        let (position, place) = value.split_first_chunk()?;
        Some(Self { position: u64::from_be_bytes(*position), place: u32::from_be_bytes(array(place)?) })
    }
}

/// Does a part; gives what it took.
pub fn part(
    inner: &Arc<Inner>,
    draft: &mut Draft<'_>,
    (at, id): (Timestamp, DocumentId),
    value: &[u8],
    now: Timestamp,
    left: usize,
    done: &mut Done,
) -> Result<usize, Trouble> {
    let row = Due::Document(id);
    if let Some(mut document) = document::drafted(draft, id)? {
        if document.is_registered {
            let from = Proven::of(value).ok_or_else(damaged)?;
            if let Some(body) = &mut document.body {
                let html = draft.get(BODIES, &document::key(id))?.ok_or_else(damaged)?;
                body.html = codec::decode::<Translated<Box<str>>>(&html).map_err(|_| damaged())?;
            }
            let (next, spent) = prove(inner, draft, &document, &from, now, left)?;
            if let Some(next) = next {
                due::put(draft, at, &row, &next.value());
                done.has_more = true;
                return Ok(spent);
            }
        }
        end(inner, draft, &document, now, done)?;
        if document.is_registered {
            due::put(draft, now.plus(inner.settings.evidence_kept), &Due::Evidence(id), &[]);
        }
    }
    let states = sweep(draft, STATES, (pair(id.as_u128(), 0), pair(id.as_u128(), u64::MAX)), left)?;
    if states >= left {
        done.has_more = true;
        return Ok(states);
    }
    let calls = calls(draft, id, 0, left - states)?;
    for position in &calls {
        let Some(record) = draft.get(LINKS, &position.to_be_bytes())? else { continue };
        // Its events are told from it as long as they are kept, and they go in parts.
        let until = View::of(&record).ok_or_else(damaged)?.at().plus(inner.settings.events_kept + DAY);
        if until <= now {
            draft.remove(LINKS, &position.to_be_bytes());
        } else {
            due::put(draft, until, &Due::Record(*position), &[]);
        }
        draft.remove(LINKS_OF, &pair(id.as_u128(), *position));
    }
    if calls.len() == left - states {
        done.has_more = true;
    } else {
        due::drop(draft, at, &row);
    }
    Ok(states + calls.len() + 1)
}

/// Takes the document itself away.
fn end(
    inner: &Arc<Inner>,
    draft: &mut Draft<'_>,
    document: &Document,
    now: Timestamp,
    done: &mut Done,
) -> Result<(), Trouble> {
    let key = document::key(document.id);
    draft.remove(DOCUMENTS, &key);
    draft.remove(BODIES, &key);
    for name in document::contents(document) {
        draft.remove(CONTENTS, name.as_bytes());
        done.unneeded.push(name.clone());
    }
    for one in &document.attachments {
        draft.remove(UNSCANNED, &document::unscanned_key(document.id, one.number));
    }
    let count = counter::get(draft, counter::DOCUMENTS)?;
    counter::set(draft, counter::DOCUMENTS, count.saturating_sub(1));
    inner.tick_to(draft, now)?;
    let (access, deed, id) = (&Access::PROGRAM, Deed::Expire, document.id);
    inner.trail.write(draft, &Told { access, deed, mailbox: None, document: Some(id), outcome: "done" })?;
    let inner = Arc::clone(inner);
    draft.after(move || inner.documents.forget(id));
    Ok(())
}

/// Proves that those who did not read a document did not, from a place on; gives where it goes on, and what it took.
fn prove(
    inner: &Inner,
    draft: &mut Draft<'_>,
    document: &Document,
    from: &Proven,
    now: Timestamp,
    left: usize,
) -> Result<(Option<Proven>, usize), Trouble> {
    let (content, mut spent) = (evidence::content(document), 0);
    // One call more than is left is looked at: then there is a place to go on from.
    for position in calls(draft, document.id, from.position, left + 1)? {
        let record = draft.get(LINKS, &position.to_be_bytes())?.ok_or_else(damaged)?;
        let view = View::of(&record).ok_or_else(damaged)?;
        let first = if position == from.position { from.place as usize } else { 0 };
        for (place, key) in view.recipients().enumerate().skip(first) {
            if spent >= left {
                return Ok((Some(Proven { position, place: place as u32 }), spent));
            }
            spent += 1;
            if touch::drafted(draft, document.id, key)?.read_at.is_none() {
                spent += SIGNATURE;
                let step = Step::ContentConsignmentFailure;
                let happened = Happened { step, at: counter::moment(draft, now)?, reason: Some(UNREAD) };
                inner.prover.add(draft, document, content, MailboxId::from_key(key), &happened)?;
            }
        }
    }
    Ok((None, spent))
}

/// Positions of the calls that linked a document, from one on, so many at most.
fn calls(draft: &Draft<'_>, id: DocumentId, from: u64, most: usize) -> Result<Vec<u64>, Trouble> {
    let mut positions = Vec::new();
    let (from, until) = (pair(id.as_u128(), from), pair(id.as_u128(), u64::MAX));
    draft.scan(LINKS_OF, &from, Some(&until), |key, _| {
        if positions.len() == most {
            return ControlFlow::Break(());
        }
        positions.extend(last_u64(key));
        ControlFlow::Continue(())
    })?;
    Ok(positions)
}

/// Removes the first rows of a range, so many at most; gives how many.
fn sweep<const N: usize>(
    draft: &mut Draft<'_>,
    table: Table,
    (from, until): ([u8; N], [u8; N]),
    most: usize,
) -> Result<usize, Trouble> {
    let mut keys = Vec::new();
    draft.scan(table, &from, Some(&until), |key, _| {
        if keys.len() == most {
            return ControlFlow::Break(());
        }
        keys.push(key.to_vec());
        ControlFlow::Continue(())
    })?;
    for key in &keys {
        draft.remove(table, key);
    }
    Ok(keys.len())
}

/// Takes a part of a document's evidence away, once it was kept long enough; gives what it took.
pub fn evidence(
    draft: &mut Draft<'_>,
    (at, id): (Timestamp, DocumentId),
    left: usize,
    done: &mut Done,
) -> Result<usize, Trouble> {
    let mut until = [u8::MAX; 28];
    until[..16].copy_from_slice(&document::key(id));
    let mut from = [0; 28];
    from[..16].copy_from_slice(&document::key(id));
    let gone = sweep(draft, EVIDENCE, (from, until), left)?;
    if gone == left {
        done.has_more = true;
    } else {
        due::drop(draft, at, &Due::Evidence(id));
    }
    Ok(gone + 1)
}
