//! Delivers what is due, each way by itself, so that a mail server that is down holds no message back.
//!
//! Invariant: a letter leaves the book only after somebody else has it, or nobody is to have it. So many as there are connections are under
//! way at once; what ended is written before more than as many again have ended, so a kill repeats no more than that. While that can't be
//! written nothing more is begun.
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Release};
use std::time::Duration;

use estafette_actors::domain::mailbox::document::DocumentId;
use estafette_actors::domain::mailbox::notice::{OLDEST, Route, Way, Ways, next_digest, route};
use estafette_actors::ports::mailbox::Trouble;
use futures_util::{StreamExt as _, stream};

mod by_mail;

use self::by_mail::{Handed, by_mail};
use super::Inner;
use super::figures::Figures;
use super::mail::Reader;
use super::message::{Brief, Submit};
use super::wording::{self, Said};
use crate::store::notices::{Letter, Settled};

/// Letters that are read at once, at most.
const PAGE: usize = 128;
/// Messages under way at once.
const MESSAGES: usize = 16;
/// When it is tried again what this program itself can't do now.
const SOON: Duration = Duration::from_secs(30);
/// When it is looked again at what waits for a way that is not set up.
const UNSET: Duration = Duration::from_secs(3_600);

/// Delivers, for ever.
pub async fn run(inner: &Inner, submit: Option<Arc<dyn Submit>>) {
    futures_util::join!(each(inner, Way::Mail, None), each(inner, Way::Message, submit));
}

async fn each(inner: &Inner, way: Way, submit: Option<Arc<dyn Submit>>) {
    // What became of letters, as long as it is not written.
    let mut unsettled = Vec::new();
    let mut failures = 0_u32;
    loop {
        let outcome = page(inner, way, submit.as_ref(), &mut unsettled).await;
        if let (Way::Mail, Some(smtp)) = (way, &inner.smtp) {
            smtp.tidy();
        }
        let pause = match outcome {
            Ok(is_more) => {
                failures = 0;
                if is_more {
                    continue;
                }
                inner.settings.look
            }
            Err(reason) => {
                if failures == 0 {
                    tracing::warn!(reason, "notices wait");
                }
                failures = failures.saturating_add(1);
                inner.pause(failures - 1)
            }
        };
        tokio::time::sleep(pause).await;
    }
}

/// Writes what became of letters. What can't be written stays.
async fn settle(inner: &Inner, unsettled: &mut Vec<(Letter, Settled)>) -> Result<(), String> {
    if !unsettled.is_empty() {
        let some = unsettled.clone();
        inner.booked(move |book| book.settle(&some)).await?;
        unsettled.clear();
    }
    Ok(())
}

/// A page of what is due. False when there is no more for now; fails when nothing goes for now.
async fn page(
    inner: &Inner,
    way: Way,
    submit: Option<&Arc<dyn Submit>>,
    unsettled: &mut Vec<(Letter, Settled)>,
) -> Result<bool, String> {
    let _under_way = UnderWay::begin(inner);
    settle(inner, unsettled).await?;
    let mail = inner.settings.mail.as_ref().filter(|_| way == Way::Mail);
    let limit = match (mail, inner.failures()) {
        (Some(_), None) => return Ok(false),
        // One, to see whether the server is back.
        (Some(_), Some(1..)) => 1,
        // What goes at once waits for the page that is under way: two seconds at most.
        (Some(mail), Some(0)) => (mail.a_second as usize).saturating_mul(2).clamp(1, PAGE),
        (None, _) => PAGE,
    };
    if inner.is_closing.load(Acquire) {
        return Ok(false);
    }
    let now = inner.clock.now();
    let due = inner.booked(move |book| book.due(way, now, limit)).await?;
    let is_full = due.len() == limit;
    let at_once = mail.map_or(MESSAGES, |mail| mail.connections.max(1));
    let is_stuck = &AtomicBool::new(false);
    let tried = |letter| async move {
        // What is under way ends; nothing more is begun.
        if is_stuck.load(Acquire) { Ok(None) } else { one(inner, letter, submit).await }
    };
    let mut ended = stream::iter(due).map(tried).buffer_unordered(at_once).ready_chunks(at_once);
    let (mut is_moving, mut trouble) = (false, None);
    while let Some(some) = ended.next().await {
        for outcome in some {
            match outcome {
                Ok(settled) => unsettled.extend(settled),
                Err(reason) => drop(trouble.get_or_insert(reason)),
            }
        }
        is_moving |= !unsettled.is_empty();
        if let Err(reason) = settle(inner, unsettled).await {
            trouble.get_or_insert(reason);
        }
        is_stuck.fetch_or(trouble.is_some(), Release);
    }
    trouble.map_or(Ok(is_full && is_moving), Err)
}

/// What holds a letter up.
enum Held {
    /// This one.
    One(String),
    /// All that go this way.
    All(String),
}

impl From<Trouble> for Held {
    fn from(trouble: Trouble) -> Self {
        Self::One(trouble.to_string())
    }
}

/// What becomes of a letter; none where it stays as it is. Fails where none goes for now.
async fn one(
    inner: &Inner,
    letter: Letter,
    submit: Option<&Arc<dyn Submit>>,
) -> Result<Option<(Letter, Settled)>, String> {
    match tried(inner, letter, submit).await {
        Ok(settled) => Ok(settled.map(|settled| (letter, settled))),
        Err(Held::All(reason)) => Err(reason),
        Err(Held::One(trouble)) => {
            tracing::debug!(trouble, "a notice waits");
            Ok(Some((letter, Settled::Later { due: inner.clock.now().plus(SOON), has_failed: false })))
        }
    }
}

/// A page that is worked through, as long as it lives.
struct UnderWay<'i>(&'i Inner);

impl<'i> UnderWay<'i> {
    fn begin(inner: &'i Inner) -> Self {
        inner.under_way.fetch_add(1, AcqRel);
        Self(inner)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, AcqRel);
    }
}

async fn tried(inner: &Inner, letter: Letter, submit: Option<&Arc<dyn Submit>>) -> Result<Option<Settled>, Held> {
    if inner.is_closing.load(Acquire) {
        return Ok(None);
    }
    if let Some(document) = letter.document.filter(|_| letter.is_handed_over) {
        return Ok(Some(proven(inner, letter, document).await));
    }
    let (now, mailbox) = (inner.clock.now(), inner.mailboxes.mailbox(letter.mailbox)?);
    let Some(route) = route(letter.mailbox, &mailbox, inner.ways()) else {
        // A way that is not set up now may be again at the next start.
        let is_wanted = route(letter.mailbox, &mailbox, Ways { mail: true, message: true }).is_some();
        let waits = is_wanted && now.since(letter.since) < OLDEST;
        let later = Settled::Later { due: now.plus(UNSET), has_failed: false };
        return Ok(Some(if waits { later } else { Settled::Gone }));
    };
    if route.way() != letter.way {
        return Ok(Some(Settled::Moved(route.way())));
    }
    let (said, counted) = if letter.document.is_some() {
        (Said::Registered, 0)
    } else {
        let (digest, counted) = inner.booked(move |book| book.digest(letter.mailbox)).await.map_err(Held::All)?;
        (Said::Digest(digest), counted)
    };
    // All of it was read meanwhile.
    if matches!(said, Said::Digest(digest) if digest.is_empty()) {
        return Ok(Some(done(inner, counted)));
    }
    let handed = match route {
        Route::Mail(address, language) => {
            let reader = Reader { mailbox: letter.mailbox, address: &address, language };
            by_mail(inner, letter, said, reader).await?
        }
        Route::Message(niss, language) => {
            let submit = submit.ok_or_else(|| Held::All("the broker takes no messages yet".to_owned()))?;
            let link = format!("{}/mailbox/", inner.settings.public_url);
            let (title, text) = wording::message(said, language, &link);
            let key = inner.tokens.number(&letter.name(inner.book.epoch()));
            submit.submit(Brief { niss, language, title, text, key }).await.map_err(Held::All)?;
            Figures::add(&inner.figures.messaged);
            Handed::Over
        }
    };
    Ok(match (handed, letter.document) {
        (Handed::Otherwise(settled), _) => settled,
        (Handed::Over, Some(document)) => Some(proven(inner, letter, document).await),
        (Handed::Over, None) => Some(done(inner, counted)),
    })
}

fn done(inner: &Inner, counted: u64) -> Settled {
    Settled::Done { counted, next: next_digest(inner.clock.now(), inner.settings.digest_hour) }
}

/// Proves that a holder was told, which ends the letter.
async fn proven(inner: &Inner, letter: Letter, document: DocumentId) -> Settled {
    match inner.mailboxes.notified(letter.mailbox, document).await {
        // One that expired meanwhile needs no proof.
        Ok(()) | Err(Trouble::NotFound) => done(inner, 0),
        Err(trouble) => {
            if !letter.is_handed_over {
                tracing::warn!(%trouble, document = %document, "that a holder was told can't be proven: it is tried again");
            }
            Settled::HandedOver { due: inner.clock.now().plus(SOON) }
        }
    }
}

#[cfg(test)]
mod tests;
