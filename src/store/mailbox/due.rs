//! What time brings: reminders, alerts, and what goes.
//!
//! One row for each call that linked, since all its items fall due together; who has read by then is looked up when it is due.
//! Invariant: a row goes in the change that does what it says, or in the one that puts the next row in its place; so nothing is done
//! twice or left out. One change does a bounded part.
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use estafette_actors::domain::mailbox::document::DocumentId;
use estafette_actors::domain::mailbox::event::{self, Kind};
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::mailbox::Trouble;

use super::super::engine::{Draft, Value};
use super::link::View;
use super::mailboxes::Inner;
use super::{
    DOCUMENTS, DUE, IDEMPOTENCY, LINKS, STATES, array, counter, damaged, document, expiry, feed, last_u64, pair, touch,
};

/// What one change does at most, in looks at a row: some milliseconds.
pub const WORK: usize = 2_000;
/// Rows that one change reads at most.
const ROWS: usize = 256;

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// A reminder of what a call linked, or an alert.
    Link(u64),
    /// The end of a document.
    Document(DocumentId),
    /// The end of a sender's key.
    Key([u8; 36]),
    /// The end of a call's record.
    Record(u64),
    /// The end of a document's evidence.
    Evidence(DocumentId),
}

impl Due {
    fn key(&self, at: Timestamp) -> Vec<u8> {
        let mut key = at.millis().to_be_bytes().to_vec();
        match self {
            Self::Link(position) => {
                key.push(1);
                key.extend(position.to_be_bytes());
            }
            Self::Document(id) => {
                key.push(2);
                key.extend(document::key(*id));
            }
            Self::Key(hash) => {
                key.push(3);
                key.extend(hash);
            }
            Self::Record(position) => {
                key.push(4);
                key.extend(position.to_be_bytes());
            }
            Self::Evidence(id) => {
                key.push(5);
                key.extend(document::key(*id));
            }
        }
        key
    }

    fn of(key: &[u8]) -> Option<(Timestamp, Self)> {
        let (at, rest) = key.split_first_chunk::<8>()?;
        let (kind, rest) = rest.split_first()?;
        let position = || array(rest).map(u64::from_be_bytes);
        let id = || array(rest).map(|bytes| DocumentId::from_u128(u128::from_be_bytes(bytes)));
        let due = match kind {
            1 => Self::Link(position()?),
            2 => Self::Document(id()?),
            3 => Self::Key(array(rest)?),
            4 => Self::Record(position()?),
            5 => Self::Evidence(id()?),
            _ => return None,
        };
        Some((Timestamp::from_millis(u64::from_be_bytes(*at)), due))
    }
}

/// Puts a row, with how far it is.
pub fn put(draft: &mut Draft<'_>, at: Timestamp, due: &Due, value: &[u8]) {
    draft.put(DUE, &due.key(at), value);
}

/// Takes a row away.
pub fn drop(draft: &mut Draft<'_>, at: Timestamp, due: &Due) {
    draft.remove(DUE, &due.key(at));
}

/// The value of a row that tells something.
pub fn kind(kind: Kind) -> [u8; 1] {
    [u8::from(kind == Kind::DocumentExpirationAlert)]
}

fn kind_of(value: &[u8]) -> Option<Kind> {
    match value {
        [0] => Some(Kind::NewDocumentReminder),
        [1] => Some(Kind::DocumentExpirationAlert),
        _ => None,
    }
}

/// What one change did.
#[derive(Debug, Default)]
pub struct Done {
    /// Contents that nothing needs any more.
    pub unneeded: Vec<Box<str>>,
    /// There is more.
    pub has_more: bool,
}

/// Does a part of what is due at a time, the earliest first.
pub fn step(inner: &Arc<Inner>, draft: &mut Draft<'_>, now: Timestamp) -> Result<Done, Trouble> {
    let mut done = Done::default();
    let mut rows: Vec<(Vec<u8>, Value)> = Vec::new();
    let until = now.millis().saturating_add(1).to_be_bytes();
    draft.scan(DUE, &[], Some(&until), |key, value| {
        rows.push((key.to_vec(), value.into()));
        if rows.len() == ROWS { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    let (mut left, is_full) = (WORK, rows.len() == ROWS);
    for (key, value) in rows {
        // What became due meanwhile may be earlier than what follows.
        if left == 0 || done.has_more {
            done.has_more = true;
            break;
        }
        let (at, due) = Due::of(&key).ok_or_else(damaged)?;
        let spent = match due {
            Due::Link(position) => tell(draft, (at, position), &value, now, &mut done)?,
            Due::Document(id) => expiry::part(inner, draft, (at, id), &value, now, left, &mut done)?,
            Due::Key(hash) => {
                draft.remove(IDEMPOTENCY, &hash);
                drop(draft, at, &due);
                1
            }
            Due::Record(position) => {
                draft.remove(LINKS, &position.to_be_bytes());
                drop(draft, at, &due);
                1
            }
            Due::Evidence(id) => expiry::evidence(draft, (at, id), left, &mut done)?,
        };
        left = left.saturating_sub(spent);
    }
    let events =
        feed::let_go(draft, Timestamp::from_millis(now.millis().saturating_sub(inner.events_kept_ms())), ROWS)?;
    done.has_more |= is_full || events == ROWS;
    Ok(done)
}

/// Reminds those who have not read what a call linked, or alerts them; gives what that took.
fn tell(
    draft: &mut Draft<'_>,
    (at, position): (Timestamp, u64),
    value: &[u8],
    now: Timestamp,
    done: &mut Done,
) -> Result<usize, Trouble> {
    drop(draft, at, &Due::Link(position));
    let Some(record) = draft.get(LINKS, &position.to_be_bytes())? else { return Ok(1) };
    let view = View::of(&record).ok_or_else(damaged)?;
    let (id, expires_at) = (view.document(), view.expires_at());
    let is_there = expires_at > now && draft.get(DOCUMENTS, &document::key(id))?.is_some();
    if !is_there {
        return Ok(1);
    }
    let unread = unread(draft, id, &view)?;
    let kind = kind_of(value).ok_or_else(damaged)?;
    let told_at = counter::moment(draft, now)?;
    feed::told(draft, kind, id, told_at, &unread)?;
    if let Some((next, kind)) = event::next(view.at(), expires_at, at) {
        put(draft, next, &Due::Link(position), &self::kind(kind));
        done.has_more |= next <= now;
    }
    Ok(view.len())
}

/// Mailboxes of a call in which a document was not read. Where few touched it, their rows are read instead of one for each mailbox.
pub fn unread(draft: &Draft<'_>, id: DocumentId, view: &View<'_>) -> Result<Vec<u64>, Trouble> {
    let (mut read, mut rows, mut trouble) = (BTreeSet::new(), 0, None);
    let (from, until) = (pair(id.as_u128(), 0), pair(id.as_u128(), u64::MAX));
    draft.scan(STATES, &from, Some(&until), |key, row| {
        rows += 1;
        match touch::unpack(Some(row)) {
            Ok(state) => read.extend(last_u64(key).filter(|_| state.read_at.is_some())),
            Err(error) => trouble = Some(error),
        }
        if rows > view.len() || trouble.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    if let Some(trouble) = trouble {
        return Err(trouble);
    }
    if rows <= view.len() {
        return Ok(view.recipients().filter(|key| !read.contains(key)).collect());
    }
    let mut unread = Vec::new();
    for key in view.recipients() {
        if touch::drafted(draft, id, key)?.read_at.is_none() {
            unread.push(key);
        }
    }
    Ok(unread)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_stays_what_it_was_on_disk_and_the_earliest_comes_first() {
        let at = Timestamp::from_millis(258);
        assert_eq!(Due::Link(3).key(at), b"\0\0\0\0\0\0\x01\x02\x01\0\0\0\0\0\0\0\x03");
        assert_eq!(Due::Document(DocumentId::from_u128(1)).key(at)[8..], b"\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01"[..]);
        let id = DocumentId::from_u128(7);
        for due in [Due::Link(9), Due::Document(id), Due::Key([5; 36]), Due::Record(2), Due::Evidence(id)] {
            assert_eq!(Due::of(&due.key(at)), Some((at, due)));
        }
        assert!(Due::Evidence(id).key(at) < Due::Link(0).key(Timestamp::from_millis(259)));
        assert_eq!(Due::of(b"\0\0\0\0\0\0\x01\x02\x09"), None);
        for one in [Kind::NewDocumentReminder, Kind::DocumentExpirationAlert] {
            assert_eq!(kind_of(&kind(one)), Some(one));
        }
    }
}
