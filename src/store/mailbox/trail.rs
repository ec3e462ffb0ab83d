//! The audit trail: who did or looked at what, when, and whose mailbox it was, as a keyed hash.
//!
//! Invariant: positions grow with time without a gap; a line of a change is in its commit; the hash of a line is over that of the line
//! before it and its own bytes, so that none can be changed or left out unseen. What is past its time goes from the front, and the
//! hash of the last that went stays. Lines are found by mailbox and by document, in buckets of positions, so that only a small part
//! of that table changes at a time.
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use estafette_actors::domain::mailbox::MailboxId;
use estafette_actors::domain::mailbox::document::DocumentId;
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::Clock;
use estafette_actors::ports::mailbox::{Access, Actor, AuditLine, Deed, Trouble};

use super::super::codec;
use super::super::engine::{Draft, Engine};
use super::super::index::KeyedHash;
use super::{AUDIT, AUDIT_ABOUT, NEXT, array, counter, damaged, last_u64};

/// Positions of a bucket, as a power of two.
const BUCKET: u32 = 18;
/// The hash of the last line.
const LAST: &[u8] = b"audit_hash";
/// The hash of the last line that was let go.
const BEFORE: &[u8] = b"audit_before";
/// How often is looked what is past its time.
const EVERY: Duration = Duration::from_secs(3_600);
/// How long until the next part of it.
const PAUSE: Duration = Duration::from_millis(200);
/// Lines of a part.
const PART: usize = 1_000;

type Hash = [u8; 32];

/// What a line says.
pub struct Told<'t> {
    pub access: &'t Access,
    pub deed: Deed,
    pub mailbox: Option<MailboxId>,
    pub document: Option<DocumentId>,
    pub outcome: &'t str,
}

/// What was looked at, and is not yet written.
struct Noted {
    at: Timestamp,
    access: Access,
    deed: Deed,
    mailbox: Option<MailboxId>,
    document: Option<DocumentId>,
    outcome: &'static str,
}

/// The trail's part in memory.
pub struct Trail {
    hash: KeyedHash,
    clock: Arc<dyn Clock>,
    kept: Duration,
    noted: Mutex<Vec<Noted>>,
    waiting: AtomicUsize,
}

impl Trail {
    /// With the secret of the data folder.
    pub fn new(hash: KeyedHash, clock: Arc<dyn Clock>, kept: Duration) -> Self {
        Self { hash, clock, kept, noted: Mutex::default(), waiting: AtomicUsize::new(0) }
    }

    /// What the trail knows a mailbox by.
    pub fn about(&self, mailbox: MailboxId) -> u64 {
        self.hash.hash("mailbox", &mailbox.key().to_be_bytes())
    }

    /// Lines that wait to be written.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Acquire)
    }

    /// Takes a line to be written with the next commit; gives whether it is the first that waits.
    pub fn note(
        &self,
        access: Access,
        deed: Deed,
        mailbox: Option<MailboxId>,
        document: Option<DocumentId>,
        outcome: &'static str,
    ) -> bool {
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        noted.push(Noted { at: self.clock.now(), access, deed, mailbox, document, outcome });
        self.waiting.store(noted.len(), Ordering::Release);
        noted.len() == 1
    }

    /// Writes what was noted.
    pub fn write_noted(&self, draft: &mut Draft<'_>) -> Result<(), Trouble> {
        let noted = {
            let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
            self.waiting.store(0, Ordering::Release);
            std::mem::take(&mut *noted)
        };
        for Noted { at, access, deed, mailbox, document, outcome } in noted {
            self.put(draft, at, &Told { access: &access, deed, mailbox, document, outcome })?;
        }
        Ok(())
    }

    /// Writes the line of a change beside it.
    pub fn write(&self, draft: &mut Draft<'_>, told: &Told<'_>) -> Result<(), Trouble> {
        self.put(draft, self.clock.now(), told)
    }

    fn put(&self, draft: &mut Draft<'_>, at: Timestamp, told: &Told<'_>) -> Result<(), Trouble> {
        let (who, key) = self.who(&told.access.actor);
        let mut line = AuditLine {
            position: counter::take(draft, counter::LINE, 1)?,
            at,
            who,
            key,
            face: told.access.face,
            ticket: told.access.ticket.clone(),
            deed: told.deed,
            mailbox: told.mailbox.map(|mailbox| self.about(mailbox)),
            document: told.document,
            outcome: told.outcome.into(),
            hash: [0; 32],
        };
        line.hash = chained(&hash_at(draft.get(NEXT, LAST)?.as_deref())?, &line);
        draft.put(NEXT, LAST, line.hash.as_slice());
        draft.put(AUDIT, &line.position.to_be_bytes(), codec::encode(&line));
        for about in abouts(&line) {
            draft.put(AUDIT_ABOUT, &about_key(about, line.position), [].as_slice());
        }
        Ok(())
    }

    fn who(&self, actor: &Actor) -> (Box<str>, Option<Box<str>>) {
        match actor {
            Actor::Sender { institution, key } => (institution.to_string().into(), Some(key.clone())),
            Actor::Person(niss) => {
                let hash = self.hash.hash("person", &niss.as_u64().to_be_bytes());
                (format!("{hash:016x}").into(), None)
            }
            Actor::Client(client) => (client.as_str().into(), None),
            Actor::Operator(key) => ("operator".into(), Some(key.clone())),
            Actor::Program => ("program".into(), None),
        }
    }

    /// Lets go of a part of what was kept long enough; gives after how long the next is to be.
    pub fn let_go(&self, draft: &mut Draft<'_>, looked: &mut Timestamp) -> Result<Option<Duration>, Trouble> {
        let now = self.clock.now();
        if now.since(*looked) < EVERY {
            return Ok(None);
        }
        let mut old = Vec::new();
        draft.scan(AUDIT, &[], None, |_, value| {
            // What can't be read is not let go, nor what is behind a line that stays.
            match codec::decode::<AuditLine>(value) {
                Ok(line) if now.since(line.at) >= self.kept && old.len() < PART => old.push(line),
                _ => return ControlFlow::Break(()),
            }
            ControlFlow::Continue(())
        })?;
        for line in &old {
            draft.remove(AUDIT, &line.position.to_be_bytes());
            for about in abouts(line) {
                draft.remove(AUDIT_ABOUT, &about_key(about, line.position));
            }
        }
        if let Some(last) = old.last() {
            draft.put(NEXT, BEFORE, last.hash.as_slice());
        }
        if old.len() == PART {
            return Ok(Some(PAUSE));
        }
        *looked = now;
        Ok(None)
    }
}

fn hash_at(found: Option<&[u8]>) -> Result<Hash, Trouble> {
    found.map_or(Some([0; 32]), array).ok_or_else(damaged)
}

/// The hash of a line: over that of the line before, and the bytes of this one with a hash of zeros.
fn chained(before: &Hash, line: &AuditLine) -> Hash {
    let mut context = Context::new(&SHA256);
    context.update(before);
    context.update(&codec::encode(&AuditLine { hash: [0; 32], ..line.clone() }));
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

/// What a line is found by.
fn abouts(line: &AuditLine) -> impl Iterator<Item = u64> {
    line.mailbox.into_iter().chain(line.document.map(about_document))
}

/// Another document's may be the same: who finds a line looks at it.
fn about_document(document: DocumentId) -> u64 {
    document.as_u128() as u64
}

fn about_key(about: u64, position: u64) -> [u8; 20] {
    let mut key = [0; 20];
    key[..4].copy_from_slice(&((position >> BUCKET) as u32).to_be_bytes());
    key[4..12].copy_from_slice(&about.to_be_bytes());
    key[12..].copy_from_slice(&position.to_be_bytes());
    key
}

/// Which lines are wanted, after a position.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    pub mailbox: Option<u64>,
    pub document: Option<DocumentId>,
    pub after: u64,
    pub limit: usize,
}

impl Wanted {
    fn takes(&self, line: &AuditLine) -> bool {
        line.position > self.after
            && self.mailbox.is_none_or(|mailbox| line.mailbox == Some(mailbox))
            && self.document.is_none_or(|document| line.document == Some(document))
    }
}

/// The first lines that are wanted, oldest first.
pub fn list(engine: &Engine, wanted: Wanted) -> Result<Vec<AuditLine>, Trouble> {
    match wanted.mailbox.or_else(|| wanted.document.map(about_document)) {
        Some(about) => about_one(engine, wanted, about),
        None => all(engine, wanted),
    }
}

fn all(engine: &Engine, wanted: Wanted) -> Result<Vec<AuditLine>, Trouble> {
    let (mut lines, mut is_damaged) = (Vec::new(), false);
    engine.scan(AUDIT, &(wanted.after.saturating_add(1)).to_be_bytes(), None, |_, value| {
        match codec::decode(value) {
            Ok(line) => lines.push(line),
            Err(_) => is_damaged = true,
        }
        if is_damaged || lines.len() >= wanted.limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    if is_damaged { Err(damaged()) } else { Ok(lines) }
}

/// One look for each bucket that there is, and one for each line.
fn about_one(engine: &Engine, wanted: Wanted, about: u64) -> Result<Vec<AuditLine>, Trouble> {
    let (mut lines, mut position) = (Vec::new(), wanted.after.saturating_add(1));
    loop {
        let bucket = position >> BUCKET;
        let mut positions = Vec::new();
        let until = about_key(about, ((bucket + 1) << BUCKET) - 1);
        engine.scan(AUDIT_ABOUT, &about_key(about, position), Some(&[&until[..], &[0]].concat()), |key, _| {
            positions.extend(last_u64(key));
            // Of a mailbox all documents are looked at where one is wanted.
            if positions.len() >= PART { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        for position in &positions {
            // What is past its time may have gone meanwhile.
            let Some(line) = engine.get(AUDIT, &position.to_be_bytes())? else { continue };
            let line = codec::decode(&line).map_err(|_| damaged())?;
            if wanted.takes(&line) {
                lines.push(line);
            }
            if lines.len() >= wanted.limit {
                return Ok(lines);
            }
        }
        if let (Some(last), PART) = (positions.last(), positions.len()) {
            position = last + 1;
            continue;
        }
        let mut next = None;
        engine.scan(AUDIT_ABOUT, &about_key(0, (bucket + 1) << BUCKET), None, |key, _| {
            next = key.get(..4).and_then(array).map(u32::from_be_bytes);
            ControlFlow::Break(())
        })?;
        let Some(next) = next else { return Ok(lines) };
        position = u64::from(next) << BUCKET;
    }
}

/// What was found of the trail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The position of the first line that is kept; none when there is no line.
    pub first: Option<u64>,
    /// The position of the last.
    pub last: u64,
}

/// Goes through all lines: each must follow the one before it, and have the hash that it says. The last must be the one that the
/// next would follow.
pub fn verify(engine: &Engine) -> Result<Result<Verified, u64>, Trouble> {
    let mut before = hash_at(engine.get(NEXT, BEFORE)?.as_deref())?;
    // Lines that come meanwhile are left out.
    let last = counter::read(engine, counter::LINE)?;
    let last_hash = hash_at(engine.get(NEXT, LAST)?.as_deref())?;
    let (mut verified, mut wrong) = (Verified { first: None, last: 0 }, None);
    engine.scan(AUDIT, &[], Some(&(last + 1).to_be_bytes()), |key, value| {
        let position = last_u64(key).unwrap_or_default();
        let follows = verified.first.is_none() || position == verified.last + 1;
        let line = codec::decode::<AuditLine>(value).ok();
        let line = line.filter(|line| follows && line.position == position && line.hash == chained(&before, line));
        let Some(line) = line else {
            wrong = Some(position);
            return ControlFlow::Break(());
        };
        verified.first.get_or_insert(position);
        (verified.last, before) = (position, line.hash);
        ControlFlow::Continue(())
    })?;
    Ok(match wrong {
        Some(position) => Err(position),
        None if verified.last != last && verified.first.is_some() => Err(verified.last + 1),
        // The last hash may be of a line that came meanwhile.
        None if before != last_hash && counter::read(engine, counter::LINE)? == last => Err(last),
        None => Ok(verified),
    })
}
