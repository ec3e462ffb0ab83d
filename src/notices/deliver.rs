//! Delivers what is due, each way by itself, so that a mail server that is down holds no message back.
//!
//! Invariant: a letter leaves the book only after somebody else has it, or nobody is to have it. So many as there are connections are under
//! way at once; what ended is written before more than as many again have ended, so a kill repeats no more than that.
use std::sync::Arc;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use std::time::Duration;

use estafette_actors::domain::mailbox::notice::{Route, Way, next_digest, route};
use estafette_actors::ports::mailbox::Trouble;
use futures_util::{StreamExt as _, stream};
use tokio::time::Instant;

use super::figures::Figures;
use super::mail::{self, Reader, Unfit};
use super::message::{Brief, Submit};
use super::smtp::Failure;
use super::wording::{self, Said};
use super::{Inner, Server};
use crate::store::notices::{Letter, Settled};

/// Letters that are read at once, at most.
const PAGE: usize = 128;
/// Messages under way at once.
const MESSAGES: usize = 16;
/// When it is tried again what this program itself can't do now.
const SOON: Duration = Duration::from_secs(30);

/// Delivers, for ever.
pub async fn run(inner: &Inner, submit: Option<Arc<dyn Submit>>) {
    futures_util::join!(each(inner, Way::Mail, None), each(inner, Way::Message, submit));
}

async fn each(inner: &Inner, way: Way, submit: Option<Arc<dyn Submit>>) {
    let mut is_troubled = false;
    loop {
        match page(inner, way, submit.as_ref()).await {
            Ok(true) => continue,
            Ok(false) => is_troubled = false,
            Err(reason) => {
                if !is_troubled {
                    tracing::warn!(reason, "notices wait");
                }
                is_troubled = true;
            }
        }
        if let (Way::Mail, Some(smtp)) = (way, &inner.smtp) {
            smtp.tidy();
        }
        tokio::time::sleep(inner.settings.look).await;
    }
}

/// A page of what is due. False when there is no more for now.
async fn page(inner: &Inner, way: Way, submit: Option<&Arc<dyn Submit>>) -> Result<bool, String> {
    let mail = inner.settings.mail.as_ref().filter(|_| way == Way::Mail);
    let limit = match (mail, inner.failures()) {
        (Some(_), None) => return Ok(false),
        // One, to see whether the server is back.
        (Some(_), Some(1..)) => 1,
        // What goes at once waits for the page that is under way: two seconds at most.
        (Some(mail), Some(0)) => (mail.a_second as usize).saturating_mul(2).clamp(1, PAGE),
        (None, _) => PAGE,
    };
    let _under_way = UnderWay::begin(inner);
    if inner.is_closing.load(Acquire) {
        return Ok(false);
    }
    let now = inner.clock.now();
    let due = inner.booked(move |book| book.due(way, now, limit)).await?;
    let is_full = due.len() == limit;
    let at_once = mail.map_or(MESSAGES, |mail| mail.connections.max(1));
    let ended = stream::iter(due).map(|letter| one(inner, letter, submit)).buffer_unordered(at_once);
    let mut ended = ended.ready_chunks(at_once);
    let mut is_moving = false;
    while let Some(some) = ended.next().await {
        let some: Vec<(Letter, Settled)> = some.into_iter().flatten().collect();
        is_moving |= !some.is_empty();
        if !some.is_empty() {
            inner.booked(move |book| book.settle(&some)).await?;
        }
    }
    Ok(is_full && is_moving)
}

/// What becomes of a letter; none where it stays as it is.
async fn one(inner: &Inner, letter: Letter, submit: Option<&Arc<dyn Submit>>) -> Option<(Letter, Settled)> {
    let settled = match tried(inner, letter, submit).await {
        Ok(settled) => settled?,
        Err(trouble) => {
            tracing::debug!(trouble, "a notice waits");
            Settled::Later { due: inner.clock.now().plus(SOON), has_failed: false }
        }
    };
    Some((letter, settled))
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

async fn tried(inner: &Inner, letter: Letter, submit: Option<&Arc<dyn Submit>>) -> Result<Option<Settled>, String> {
    if inner.is_closing.load(Acquire) {
        return Ok(None);
    }
    let mailbox = inner.mailboxes.mailbox(letter.mailbox).map_err(|trouble| trouble.to_string())?;
    let Some(route) = route(letter.mailbox, &mailbox, inner.ways()) else { return Ok(Some(Settled::Gone)) };
    if route.way() != letter.way {
        return Ok(Some(Settled::Moved(route.way())));
    }
    let (said, counted) = if letter.document.is_some() {
        (Said::Registered, 0)
    } else {
        let (digest, counted) = inner.booked(move |book| book.digest(letter.mailbox)).await?;
        (Said::Digest(digest), counted)
    };
    let done = || Settled::Done { counted, next: next_digest(inner.clock.now(), inner.settings.digest_hour) };
    // All of it was read meanwhile.
    if matches!(said, Said::Digest(digest) if digest.is_empty()) {
        return Ok(Some(done()));
    }
    let settled = match route {
        Route::Mail(address, language) => {
            let reader = Reader { mailbox: letter.mailbox, address: &address, language };
            by_mail(inner, letter, said, reader).await?
        }
        Route::Message(niss, language) => {
            let submit = submit.ok_or("the broker takes no messages yet")?;
            let link = format!("{}/mailbox/", inner.settings.public_url);
            let (title, text) = wording::message(said, language, &link);
            let key = inner.tokens.number(letter.number);
            submit.submit(Brief { niss, language, title, text, key }).await?;
            Figures::add(&inner.figures.messaged);
            Handed::Over
        }
    };
    match settled {
        Handed::Over => {}
        Handed::Otherwise(settled) => return Ok(settled),
    }
    if let Some(document) = letter.document {
        match inner.mailboxes.notified(letter.mailbox, document).await {
            // One that expired or was read away meanwhile needs no proof.
            Ok(()) | Err(Trouble::NotFound) => {}
            Err(trouble) => tracing::warn!(%trouble, document = %document, "that a holder was told can't be proven"),
        }
    }
    Ok(Some(done()))
}

/// What became of a mail.
enum Handed {
    /// The server has it.
    Over,
    /// It has not.
    Otherwise(Option<Settled>),
}

async fn by_mail(inner: &Inner, letter: Letter, said: Said, reader: Reader<'_>) -> Result<Handed, String> {
    let (Some(settings), Some(smtp)) = (&inner.settings.mail, &inner.smtp) else {
        return Ok(Handed::Otherwise(Some(Settled::Gone)));
    };
    let now = inner.clock.now();
    let made = (settings, &*inner.settings.public_url);
    let ready = match mail::ready(made, &inner.tokens, (said, reader, letter.number), now) {
        Ok(ready) => ready,
        Err(Unfit::Address) => return refused(inner, reader).await,
        Err(unfit @ Unfit::Made(_)) => {
            tracing::error!(%unfit, "a notice is given up");
            Figures::add(&inner.figures.failed);
            return Ok(Handed::Otherwise(Some(Settled::Gone)));
        }
    };
    inner.in_turn(settings.a_second).await;
    // While this one waited for its turn another may have found the server away.
    if inner.failures().is_none() || inner.is_closing.load(Acquire) {
        return Ok(Handed::Otherwise(None));
    }
    let failure = match smtp.send(&ready.from, &ready.to, &ready.bytes).await {
        Ok(()) => {
            inner.is_back();
            Figures::add(&inner.figures.mailed);
            return Ok(Handed::Over);
        }
        Err(failure) => failure,
    };
    match failure {
        Failure::Server(reason) => {
            inner.is_away(&reason);
            Ok(Handed::Otherwise(None))
        }
        // The next one says whether it is about all.
        Failure::Sender(reason) => {
            inner.is_away(&reason);
            let delay = inner.settings.again.delay(0, rand::random()).unwrap_or(SOON);
            Ok(Handed::Otherwise(Some(Settled::Later { due: now.plus(delay), has_failed: false })))
        }
        Failure::Address => {
            inner.is_back();
            refused(inner, reader).await
        }
        Failure::Mail { code, is_away } => {
            if is_away {
                inner.is_away("it went away in the middle of a mail");
            } else {
                inner.is_back();
            }
            let random = rand::random();
            let Some(delay) = inner.settings.again.delay(letter.attempts, random) else {
                tracing::warn!(code, "a notice is given up: the mail server took it at no attempt");
                inner.figures.failed.fetch_add(1, Relaxed);
                return Ok(Handed::Otherwise(Some(Settled::Gone)));
            };
            Figures::add(&inner.figures.retried);
            Ok(Handed::Otherwise(Some(Settled::Later { due: now.plus(delay), has_failed: true })))
        }
    }
}

/// An address that is none: no more mail goes there.
async fn refused(inner: &Inner, reader: Reader<'_>) -> Result<Handed, String> {
    let given_up = inner.give_up(reader.mailbox, reader.address.into()).await;
    given_up.map_err(|trouble| trouble.to_string())?;
    Ok(Handed::Otherwise(Some(Settled::Gone)))
}

impl Inner {
    /// How often in a row the mail server took nothing; none while it is left alone.
    fn failures(&self) -> Option<u32> {
        let server = self.server();
        let is_left_alone = server.until.is_some_and(|until| Instant::now() < until);
        (!is_left_alone).then_some(server.failures)
    }

    fn is_away(&self, reason: &str) {
        let mut server = self.server();
        // Those that were under way together failed together.
        if server.until.is_some_and(|until| Instant::now() < until) {
            return;
        }
        if server.failures == 0 {
            tracing::warn!(reason, "the mail server takes nothing: notices wait until it does");
        }
        let (first, most) = self.settings.pause;
        let pause = first.saturating_mul(1 << server.failures.min(16)).min(most);
        *server = Server { failures: server.failures.saturating_add(1), until: Some(Instant::now() + pause) };
    }

    fn is_back(&self) {
        let mut server = self.server();
        if server.failures > 0 {
            tracing::info!("the mail server takes mail again");
            *server = Server::default();
        }
    }

    /// Waits for a turn: so many a second, evenly.
    async fn in_turn(&self, a_second: u32) {
        let turn = {
            let mut next = self.pace.lock().await;
            let turn = next.map_or_else(Instant::now, |next| next.max(Instant::now()));
            *next = Some(turn + Duration::from_secs(1) / a_second.max(1));
            turn
        };
        tokio::time::sleep_until(turn).await;
    }
}
