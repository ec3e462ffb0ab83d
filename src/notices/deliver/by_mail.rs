//! Hands one notice to the mail server, and keeps how that fares: while it takes nothing it is left alone, longer each time.
use std::sync::atomic::Ordering::{Acquire, Relaxed};
use std::time::Duration;

use tokio::time::Instant;

use super::super::figures::Figures;
use super::super::mail::{self, Reader, Unfit};
use super::super::smtp::Failure;
use super::super::wording::Said;
use super::super::{Inner, Server};
use super::{Held, SOON};
use crate::store::notices::{Letter, Settled};

/// What became of a mail.
pub(super) enum Handed {
    /// The server has it.
    Over,
    /// It has not.
    Otherwise(Option<Settled>),
}

pub(super) async fn by_mail(inner: &Inner, letter: Letter, said: Said, reader: Reader<'_>) -> Result<Handed, Held> {
    let (Some(settings), Some(smtp)) = (&inner.settings.mail, &inner.smtp) else { return Ok(Handed::Otherwise(None)) };
    let now = inner.clock.now();
    let made = (settings, &*inner.settings.public_url);
    let ready = match mail::ready(made, &inner.tokens, (said, reader, &letter.name(inner.book.epoch())), now) {
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
async fn refused(inner: &Inner, reader: Reader<'_>) -> Result<Handed, Held> {
    inner.give_up(reader.mailbox, reader.address.into()).await?;
    Ok(Handed::Otherwise(Some(Settled::Gone)))
}

impl Inner {
    /// How often in a row the mail server took nothing; none while it is left alone.
    pub(super) fn failures(&self) -> Option<u32> {
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
        let until = Some(Instant::now() + self.pause(server.failures));
        *server = Server { failures: server.failures.saturating_add(1), until };
    }

    /// How long who takes nothing is left alone after so many failures in a row.
    pub(super) fn pause(&self, failures: u32) -> Duration {
        let (first, most) = self.settings.pause;
        first.saturating_mul(1 << failures.min(16)).min(most)
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
