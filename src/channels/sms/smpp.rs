//! SMPP 3.4: transceiver binds to an SMSC, each with its window; receipts and messages of citizens come in over them.
//!
//! Invariant: the outcome is unknown whenever a message was handed to a link that was lost before its answer, and a failure
//! only when the SMSC said so or never got it. What the SMSC brings is acknowledged after the commit that holds it, so it
//! brings again what a crash took. A number or a text is never logged.
mod bind;
mod inbound;
mod letter;
mod parts;
mod session;
mod settings;
mod tls;
mod verdict;

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::time::Duration;

use estafette_actors::domain::channel::Channel;
use estafette_actors::domain::failure::Failure;
use estafette_actors::domain::id::AttemptRef;
use estafette_actors::domain::life::Outcome;
use estafette_actors::domain::status::AttemptStatus;
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::{
    Binds, CallbackError, CallbackRequest, Clock, Ear, Inquiry, Letter, ProviderState, ProviderView, Received,
    SystemClock, Transport,
};
use estafette_smpp::Status;
use estafette_smpp::pdu::Body;
use estafette_smpp::receipt::State;
use futures_util::future::{self, BoxFuture};
use tokio::sync::watch;
use tokio::time::Instant;

use bind::{Asked, Bind, Reply};
use inbound::Pieces;
use parts::{Letters, Part, Standing};
use settings::Form;
pub use settings::{Coding, Long, ReceiptId, Settings};

use crate::channels::Error;
use crate::channels::expiring::Expiring;
use crate::channels::http::failed;
use crate::channels::settings::Table;
use crate::channels::sms::NAME;

/// The provider's name.
pub const PROVIDER: &str = "smpp";
/// How long a letter waits for a bind at most, so that a start or a new connection costs it no retry.
const BIND_WAIT: Duration = Duration::from_secs(2);
/// How long an orderly end may take: the answers that are under way, and the SMSC's to our unbind.
const CLOSING: Duration = Duration::from_secs(3);
/// What is remembered of parts and late answers: entries at most, and how long.
const REMEMBERED: usize = 100_000;
const REMEMBERED_FOR: Duration = Duration::from_secs(3 * 86_400);

/// Makes the channel from its table.
pub fn build(table: &Table) -> Result<Arc<dyn Transport>, Error> {
    Ok(Arc::new(table.make(NAME, |settings| Smpp::new(&settings))?))
}

/// The provider.
#[derive(Clone)]
pub struct Smpp(Arc<Inner>);

struct Inner {
    form: Form,
    query: bool,
    response: Duration,
    binds: Vec<Arc<Bind>>,
    bound: watch::Receiver<usize>,
    next: AtomicUsize,
    number: AtomicU16,
    memory: Arc<Memory>,
    closing: watch::Sender<bool>,
}

/// What is kept beside the journal, for a better answer; losing it loses no message.
struct Memory {
    /// Letters that are not known to be sent.
    letters: Letters,
    /// Parts that are not the last of their letter, by this channel's reference.
    parts: Expiring<Box<str>, Part>,
    /// Parts of what citizens write.
    pieces: Pieces,
}

impl Smpp {
    /// Makes it; it connects once it listens.
    pub fn new(settings: &Settings) -> Result<Self, Error> {
        let (terms, form) = settings.checked()?;
        let memory = Arc::new(Memory {
            letters: Letters::new(REMEMBERED_FOR, REMEMBERED),
            parts: Expiring::new(REMEMBERED_FOR, REMEMBERED),
            pieces: Pieces::default(),
        });
        let closing = watch::Sender::new(false);
        let terms = Arc::new(terms);
        let (tell, bound) = watch::channel(0);
        let tell = Arc::new(tell);
        let make = |place| {
            let (terms, tell, memory) = (Arc::clone(&terms), Arc::clone(&tell), Arc::clone(&memory));
            Arc::new(Bind::new(place, terms, tell, memory, closing.subscribe()))
        };
        Ok(Self(Arc::new(Inner {
            form,
            query: settings.query,
            response: terms.response,
            binds: (0..usize::from(settings.binds)).map(make).collect(),
            bound,
            next: AtomicUsize::new(0),
            number: AtomicU16::new(rand::random()),
            memory,
            closing,
        })))
    }

    /// How many of its binds stand now.
    pub fn bound(&self) -> usize {
        *self.0.bound.borrow()
    }
}

impl Transport for Smpp {
    fn channel(&self) -> Channel {
        Channel::SMS
    }

    fn provider(&self) -> &'static str {
        PROVIDER
    }

    fn is_ready(&self) -> bool {
        self.bound() > 0
    }

    fn send(&self, letter: Letter) -> BoxFuture<'static, Outcome> {
        let inner = Arc::clone(&self.0);
        Box::pin(async move { inner.send(&letter, SystemClock.now()).await })
    }

    fn inquire(&self, letter: Letter) -> BoxFuture<'static, Inquiry> {
        let inner = Arc::clone(&self.0);
        Box::pin(async move { inner.inquire(letter.reference).await })
    }

    fn can_tell(&self) -> &'static str {
        if self.0.query {
            "answers that come late, and by query_sm what became of them; nothing when the link was lost"
        } else {
            "answers that come late; nothing when the link was lost"
        }
    }

    fn receipts(&self, _: &CallbackRequest) -> Result<Received, CallbackError> {
        Err(CallbackError::None)
    }

    fn poll(
        &self,
        _: Timestamp,
    ) -> Option<BoxFuture<'static, Result<Vec<estafette_actors::domain::receipt::Receipt>, String>>> {
        None
    }

    fn listen(&self, ear: Arc<dyn Ear>) -> Option<BoxFuture<'static, ()>> {
        let binds = self.0.binds.clone();
        Some(Box::pin(async move {
            let kept = binds.into_iter().map(|bind| bind.keep(Arc::clone(&ear)));
            future::join_all(kept).await;
        }))
    }

    fn close(&self) -> Option<BoxFuture<'static, ()>> {
        let inner = Arc::clone(&self.0);
        Some(Box::pin(async move {
            inner.closing.send_replace(true);
            let mut bound = inner.bound.clone();
            // Past the bound the links are simply closed.
            let _ = tokio::time::timeout(CLOSING, bound.wait_for(|bound| *bound == 0)).await;
        }))
    }

    fn providers(&self) -> Vec<ProviderView> {
        let binds = Binds { bound: self.bound(), wanted: self.0.binds.len() };
        vec![ProviderView {
            name: PROVIDER.into(),
            provider: PROVIDER,
            state: if self.is_ready() { ProviderState::Up } else { ProviderState::Down },
            weight: 1,
            share: estafette_actors::domain::balance::FULL,
            binds: Some(binds),
            answers_in_ms: None,
            failing_percent: 0,
            undelivered_percent: 0,
        }]
    }

    fn retire(&self, _: Arc<dyn Transport>) -> BoxFuture<'static, ()> {
        self.close().unwrap_or_else(|| Box::pin(future::ready(())))
    }
}

impl Inner {
    /// A bind that stands, in turn; waits a little for one.
    async fn bind(&self, until: Instant) -> Option<&Arc<Bind>> {
        let mut bound = self.bound.clone();
        loop {
            let start = self.next.fetch_add(1, Ordering::Relaxed);
            let in_turn =
                (0..self.binds.len()).map(|place| &self.binds[(start.wrapping_add(place)) % self.binds.len()]);
            let mut standing = in_turn.filter(|bind| bind.stands());
            if let Some(first) = standing.next() {
                // One with a free place, if there is any.
                return Some(if first.has_room() {
                    first
                } else {
                    standing.find(|bind| bind.has_room()).unwrap_or(first)
                });
            }
            bound.borrow_and_update();
            if self.binds.iter().any(|bind| bind.stands()) {
                continue;
            }
            if tokio::time::timeout_at(until, bound.changed()).await.is_err() {
                return None;
            }
        }
    }

    /// Asks over some bind; a link that was lost before it took the request costs nothing.
    async fn ask(&self, asked: Asked) -> Option<Reply> {
        let until = Instant::now() + BIND_WAIT.min(self.response);
        let mut asked = asked;
        loop {
            match self.bind(until).await?.ask(asked).await {
                Err(unasked) => asked = *unasked,
                Ok(reply) => return Some(reply),
            }
        }
    }

    async fn send(&self, letter: &Letter, now: Timestamp) -> Outcome {
        if letter.envelope.valid_until <= now {
            return failed(Failure::Expired);
        }
        let letters = &self.memory.letters;
        let (attempt, text) = (letter.reference, &*letter.rendition.text);
        let number = letters.number(attempt, text).unwrap_or_else(|| self.number.fetch_add(1, Ordering::Relaxed));
        let messages = match letter::messages(&self.form, letter, number) {
            Ok(messages) => messages,
            Err(failure) => return failed(failure),
        };
        let progress = letters.begin(attempt, number, text, &messages);
        // One after the other: when a part is refused, those after it are not sent, and a handset shows nothing of a
        // message that is not whole. What an earlier try brought there is not sent again.
        for (place, message) in messages.into_iter().enumerate() {
            let Some(part) = progress.wanted(place) else { continue };
            let body = Body::SubmitSm(Box::new(message));
            let asked = Asked { body, part: Some(part), valid_until: Some(letter.envelope.valid_until) };
            let ended = match self.ask(asked).await {
                Some(Reply::Answer(Status::OK, Body::SubmitSmResp(_))) => continue,
                Some(Reply::Answer(status, _)) if !status.is_ok() => verdict::refused(status),
                Some(Reply::Expired) => failed(Failure::Expired),
                None => failed(Failure::ChannelDown),
                // No answer, or one that says nothing.
                Some(_) => return Outcome::Unknown,
            };
            if !progress.leave() {
                letters.end(attempt);
            }
            return ended;
        }
        match progress.standing() {
            Standing::Whole(_, reference) => {
                letters.end(attempt);
                Outcome::Is(AttemptStatus::Sent, Some(reference).filter(|reference| !reference.is_empty()))
            }
            // A part was taken, and reported as undeliverable before the last one was.
            Standing::Missing | Standing::Doubtful => failed(Failure::RejectedByChannel),
        }
    }

    async fn inquire(&self, attempt: AttemptRef) -> Inquiry {
        let Some(progress) = self.memory.letters.of(attempt) else { return Inquiry::CannotTell };
        let until = Instant::now() + self.response;
        while progress.is_asked() && Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let (message_id, reference) = match progress.standing() {
            Standing::Whole(message_id, reference) => (message_id, reference),
            // Not all of it: another try sends what is missing.
            Standing::Missing => return Inquiry::NotFound,
            Standing::Doubtful => return Inquiry::CannotTell,
        };
        let mut status = AttemptStatus::Sent;
        let source = progress.source().clone();
        let query = Asked { body: Body::QuerySm { message_id, source }, part: None, valid_until: None };
        if self.query
            && let Some(Reply::Answer(Status::OK, Body::QuerySmResp { state, .. })) = self.ask(query).await
        {
            status = State::of(state).and_then(verdict::status).unwrap_or(status);
        }
        Inquiry::Known(status, Some(reference).filter(|reference| !reference.is_empty()))
    }
}
