//! e-Box: documents in the secured mailbox of a citizen or an enterprise, through the message registry 2.1.
//!
//! Invariant: a message that the registry stored is reported as delivered; one whose mailbox nobody
//! opens digitally (`NO_DIGITAL_USER`) as sent only. A 401 is answered once with a fresh token: nothing
//! was published then. Reads are asked for, of a bounded number of recent messages; those from before a
//! restart it is reminded of.
use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use estafette_actors::domain::channel::Channel;
use estafette_actors::domain::failure::Failure;
use estafette_actors::domain::id::AttemptRef;
use estafette_actors::domain::life::Outcome;
use estafette_actors::domain::receipt::{About, Receipt};
use estafette_actors::domain::status::AttemptStatus;
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::{CallbackError, CallbackRequest, Inquiry, Letter, Received, Taken, Transport};
use futures_util::future::BoxFuture;
use reqwest::multipart::{Form, Part};
use reqwest::{Method, RequestBuilder};
use serde::Deserialize;

use super::Error;
use super::expiring::Expiring;
use super::http::{Answer, Effect, Peer, Trouble, failed};
use super::mailbox;
use super::settings::{Checks, Secret, Table, address, span};
use super::token::{Token, Tokens};

mod wire;

const NAME: &str = "ebox";
/// Messages of one question about statuses.
const ASKED: usize = 500;

/// `[channels.ebox]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// `remote`, which it is without it.
    #[serde(default, rename = "place")]
    _place: Option<String>,
    /// The message registry's address, up to and without `/publishMessage`.
    pub base_url: String,
    /// The token endpoint.
    pub token_url: String,
    /// Our name there.
    pub client_id: String,
    /// Our secret there.
    pub client_secret: Secret,
    /// The sender application under which the registry knows us.
    pub sender_application_id: String,
    /// The type of our messages; it decides how long the registry keeps them.
    pub message_type_id: String,
    /// Time limit of each request, in milliseconds. Default 8,000. A letter takes up to two requests one after the
    /// other (and two quick ones more when a token was refused), which together must stay below
    /// `attempt_timeout_seconds` of `[delivery.ebox]`.
    #[serde(default = "eight_seconds")]
    pub timeout_ms: u64,
    /// How long after its publication a message is asked about, in milliseconds. Default 7 days.
    #[serde(default = "a_week")]
    pub reads_ms: u64,
    /// Messages that are asked about at most; the oldest go first. Default 100,000.
    #[serde(default = "hundred_thousand")]
    pub reads_remembered: usize,
    /// Requests of 500 messages in one poll at most; the next poll goes on from there. Default 20.
    #[serde(default = "twenty")]
    pub poll_requests: usize,
}

fn eight_seconds() -> u64 {
    8_000
}

fn a_week() -> u64 {
    7 * 24 * 3_600_000
}

fn hundred_thousand() -> usize {
    100_000
}

fn twenty() -> usize {
    20
}

/// Makes the channel from its table: into another's mailboxes, or with `place = "own"` into the program's own.
pub fn build(table: &Table) -> Result<Arc<dyn Transport>, Error> {
    match table.value("place").map(|place| place.as_str().unwrap_or_default()) {
        None | Some("remote") => Ok(Arc::new(table.make(NAME, Ebox::new)?)),
        Some("own") => mailbox::build(table),
        Some(_) => {
            let message =
                "give \"remote\" for another's message registry, or \"own\" for this program's e-Box".to_owned();
            Err(Error::Setting { channel: NAME, key: "place", message })
        }
    }
}

/// Whether a table asks for the program's own e-Box.
pub fn is_own(table: &Table) -> bool {
    table.value("place").and_then(serde_json::Value::as_str) == Some("own")
}

/// The channel.
pub struct Ebox(Arc<Inner>);

struct Inner {
    peer: Peer,
    tokens: Tokens,
    base: String,
    message_type_id: String,
    sender_application_id: String,
    /// Published and not known to be read, by the registry's id.
    unread: Expiring<Box<str>, (wire::EboxId, AttemptRef)>,
    reads: Duration,
    reads_remembered: usize,
    poll_requests: usize,
    /// Where the last poll ended in the order of ids.
    polled: AtomicUsize,
}

impl Ebox {
    /// Makes it; nothing is asked of the registry yet.
    pub fn new(settings: Settings) -> Result<Self, Error> {
        let mut checks = Checks::default();
        let base = checks.note(address(NAME, "base_url", &settings.base_url));
        let token_url = checks.note(address(NAME, "token_url", &settings.token_url));
        let timeout = checks.note(span(NAME, "timeout_ms", settings.timeout_ms));
        checks.note(settings.client_secret.check(NAME, "client_secret"));
        for (key, text) in [
            ("client_id", &settings.client_id),
            ("sender_application_id", &settings.sender_application_id),
            ("message_type_id", &settings.message_type_id),
        ] {
            let message = "give what the registry assigned".to_owned();
            let blank = Error::Setting { channel: NAME, key, message };
            checks.note(if text.trim().is_empty() { Err(blank) } else { Ok(()) });
        }
        let reads = Duration::from_millis(settings.reads_ms);
        let mut peer = |address: &Option<String>| {
            let peer = address.as_deref().zip(timeout).map(|(address, timeout)| Peer::new(NAME, address, timeout));
            peer.and_then(|peer| checks.note(peer))
        };
        let (issuer, peer) = (peer(&token_url), peer(&base));
        let ((base, peer), (token_url, issuer)) = checks.made(base.zip(peer).zip(token_url.zip(issuer)))?;
        Ok(Self(Arc::new(Inner {
            peer,
            tokens: Tokens::new(issuer, token_url, settings.client_id, settings.client_secret),
            base,
            message_type_id: settings.message_type_id,
            sender_application_id: settings.sender_application_id,
            unread: Expiring::new(reads, settings.reads_remembered),
            reads,
            reads_remembered: settings.reads_remembered,
            poll_requests: settings.poll_requests.max(1),
            polled: AtomicUsize::new(0),
        })))
    }
}

impl Transport for Ebox {
    fn channel(&self) -> Channel {
        Channel::EBOX
    }

    fn provider(&self) -> &'static str {
        NAME
    }

    fn send(&self, letter: Letter) -> BoxFuture<'static, Outcome> {
        let inner = Arc::clone(&self.0);
        Box::pin(async move { inner.send(&letter).await.unwrap_or_else(|outcome| outcome) })
    }

    fn inquire(&self, letter: Letter) -> BoxFuture<'static, Inquiry> {
        let inner = Arc::clone(&self.0);
        Box::pin(async move {
            let known = inner.unread.entries().into_iter().find(|(_, (_, reference))| *reference == letter.reference);
            known.map_or(Inquiry::CannotTell, |(id, _)| Inquiry::Known(AttemptStatus::Sent, Some(id)))
        })
    }

    fn can_tell(&self) -> &'static str {
        "nothing of a message whose id it never told us: the registry has no search by a sender's reference"
    }

    fn receipts(&self, _: &CallbackRequest) -> Result<Received, CallbackError> {
        Err(CallbackError::None)
    }

    fn remembers(&self) -> Option<(Duration, usize)> {
        // Half of the room: what is published meanwhile has the other.
        Some((self.0.reads, self.0.reads_remembered / 2))
    }

    fn remember(&self, taken: Vec<Taken>) {
        for Taken { reference, recipient, channel_reference } in taken {
            if let Some(mailbox) = wire::EboxId::of(&recipient) {
                self.0.unread.set(channel_reference, (mailbox, reference));
            }
        }
    }

    fn poll(&self, _: Timestamp) -> Option<BoxFuture<'static, Result<Vec<Receipt>, String>>> {
        let inner = Arc::clone(&self.0);
        Some(Box::pin(async move { inner.poll().await }))
    }

    fn retire(&self, heir: Arc<dyn Transport>) -> BoxFuture<'static, ()> {
        // Reads of what was published before are asked for by the heir.
        if let Some(heir) = (&*heir as &dyn Any).downcast_ref::<Self>() {
            heir.0.unread.absorb(&self.0.unread);
        }
        Box::pin(std::future::ready(()))
    }
}

impl Inner {
    async fn send(&self, letter: &Letter) -> Result<Outcome, Outcome> {
        let mailbox = wire::EboxId::of(&letter.recipient).ok_or_else(|| failed(Failure::Unreachable))?;
        let document = wire::Document::of(letter).ok_or_else(|| failed(Failure::InvalidContent))?;
        let (types, applications) = (&self.message_type_id, &self.sender_application_id);
        let message = wire::MessageToPublish::of(letter, mailbox.clone(), &document, types, applications);
        let message = serde_json::to_string(&message).map_err(|_| failed(Failure::InvalidContent))?;
        let url = format!("{}/publishMessage", self.base);
        let publish = || {
            let part = Part::text(document.content.clone()).file_name(document.file_name);
            let part = part.mime_str(document.media_type).map_err(|_| failed(Failure::InvalidContent))?;
            let description = Part::text(message.clone()).mime_str("application/json");
            let description = description.map_err(|_| failed(Failure::InvalidContent))?;
            let form = Form::new().part("messageToPublish", description).part(wire::DOCUMENT, part);
            Ok(self.peer.request(Method::POST, &url).multipart(form))
        };
        let published = self.ask(publish).await?.and_then(|answer| answer.json::<wire::Published>());
        let published = published.map_err(|trouble| trouble.outcome(Effect::Post))?;
        self.unread.set(published.message_id.clone(), (mailbox, letter.reference));
        let status = match published.code.as_deref() {
            Some(wire::NO_DIGITAL_USER) => AttemptStatus::Sent,
            _ => AttemptStatus::Delivered,
        };
        Ok(Outcome::Is(status, Some(published.message_id)))
    }

    /// Sends a request with a token; with a fresh one if that is refused. The outer error is that there is no
    /// token, or no request.
    async fn ask(
        &self,
        request: impl Fn() -> Result<RequestBuilder, Outcome>,
    ) -> Result<Result<Answer, Trouble>, Outcome> {
        let with = |token: &Token| Ok(request()?.bearer_auth(token.expose()));
        let token = self.tokens.get(None).await?;
        match self.peer.ask_quietly(with(&token)?).await {
            Err(trouble) if trouble.status() == Some(401) => {
                let fresh = self.tokens.get(Some(&token)).await?;
                Ok(self.peer.ask(with(&fresh)?).await)
            }
            answered => Ok(answered),
        }
    }

    async fn poll(&self) -> Result<Vec<Receipt>, String> {
        let mut unread = self.unread.entries();
        if unread.is_empty() {
            return Ok(Vec::new());
        }
        // In an order, so that each has its turn although one poll does not reach all of them.
        unread.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        let many = ASKED.saturating_mul(self.poll_requests).min(unread.len());
        let from = self.polled.fetch_add(many, Ordering::Relaxed) % unread.len();
        unread.rotate_left(from);
        unread.truncate(many);
        let mut receipts = Vec::new();
        for some in unread.chunks(ASKED) {
            match self.read_of(some).await {
                Ok(read) => receipts.extend(read),
                Err(error) if receipts.is_empty() => return Err(error),
                Err(_) => break,
            }
        }
        Ok(receipts)
    }

    /// Which of the messages were read; those are not asked about again.
    async fn read_of(&self, some: &[(Box<str>, (wire::EboxId, AttemptRef))]) -> Result<Vec<Receipt>, String> {
        let asked =
            some.iter().map(|(id, (mailbox, _))| wire::Asked { message_id: id.clone(), ebox_id: mailbox.clone() });
        let asked: Vec<_> = asked.collect();
        let url = format!("{}/searchMessageStatus", self.base);
        let answer = self.ask(|| Ok(self.peer.request(Method::POST, &url).json(&asked))).await;
        let found: Vec<wire::MessageStatus> = match answer.map_err(|_| "no access token".to_owned())? {
            Ok(answer) => answer.json().map_err(|trouble| trouble.words())?,
            // None of them is there any more.
            Err(trouble) if trouble.status() == Some(404) => Vec::new(),
            Err(trouble) => return Err(trouble.words()),
        };
        let mut receipts = Vec::new();
        for status in found.into_iter().filter(|status| status.read_status) {
            if let Some((id, (_, reference))) = some.iter().find(|(id, _)| *id == status.message_id) {
                self.unread.remove(id);
                receipts.push(Receipt {
                    channel: Channel::EBOX,
                    about: About::Attempt(*reference),
                    status: AttemptStatus::Read,
                    channel_reference: Some(id.clone()),
                });
            }
        }
        Ok(receipts)
    }
}
