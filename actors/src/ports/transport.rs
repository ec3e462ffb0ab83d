//! The channels: what is handed to one, and what it says.
use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde::Serialize;

use super::Taken;
use crate::domain::channel::Channel;
use crate::domain::content::Rendition;
use crate::domain::failure::Failure;
use crate::domain::id::AttemptRef;
use crate::domain::inbound::Inbound;
use crate::domain::jwe::Receiver;
use crate::domain::life::Outcome;
use crate::domain::mailbox::MailboxId;
use crate::domain::mailbox::document::DocumentId;
use crate::domain::receipt::Receipt;
use crate::domain::status::AttemptStatus;
use crate::domain::submission::{Envelope, Institution, Recipient};
use crate::domain::time::Timestamp;
use crate::ebox::EBox;
use crate::messages::Refused;

/// What a transport is given to send.
#[derive(Clone, Debug)]
pub struct Letter {
    /// Our reference at the channel.
    pub reference: AttemptRef,
    /// The sender.
    pub institution: Institution,
    /// The recipient, with what the registry added.
    pub recipient: Recipient,
    /// The content in the language chosen.
    pub rendition: Rendition,
    /// The whole content, for channels that take several languages.
    pub envelope: Arc<Envelope>,
    /// The channel may have it already.
    pub possible_duplicate: bool,
}

/// A device of a recipient, and the key that its content is encrypted with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiverKey {
    /// The device.
    pub receiver: Receiver,
    /// The modulus of its RSA-2048 key, 256 bytes; the exponent is 65537.
    pub modulus: Vec<u8>,
}

/// What a channel can say of an attempt of unknown outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inquiry {
    /// It has it.
    Known(AttemptStatus, Option<Box<str>>),
    /// It does not have it.
    NotFound,
    /// It can't tell (or didn't answer).
    CannotTell,
}

/// A request that claims to come from a channel.
#[derive(Clone, Debug, Default)]
pub struct CallbackRequest {
    /// GET or POST.
    pub method: String,
    /// The query, decoded.
    pub query: Vec<(String, String)>,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// Why a callback is refused.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum CallbackError {
    /// Without the secret, or with a wrong one.
    #[error("the callback does not carry the secret of this provider")]
    Secret,
    /// Not in the provider's form.
    #[error("the callback is not in the provider's form: {0}")]
    Form(String),
    /// This provider sends none.
    #[error("this provider sends no callbacks")]
    None,
}

/// Receipts of a callback, and how many of its parts said nothing of use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// What was said.
    pub receipts: Vec<Receipt>,
    /// Parts without a status that means something here.
    pub ignored: usize,
}

/// Where a transport with a connection of its own tells what it hears there. Each future ends when all of it is durable:
/// only then may the channel be told that it was heard. A refusal passes: the channel says it again.
pub trait Ear: Send + Sync {
    /// Receipts.
    fn receipts(&self, receipts: Vec<Receipt>) -> BoxFuture<'static, Result<(), Refused>>;

    /// Messages of citizens.
    fn inbound(&self, inbound: Vec<Inbound>) -> BoxFuture<'static, Result<(), Refused>>;
}

/// The program's own e-Box, for a channel that publishes into it.
#[derive(Clone)]
pub struct Home {
    /// It.
    pub ebox: EBox,
    /// A keyed hash of a document in a mailbox: part of the reference under which the broker knows it there, which says nothing of whose
    /// mailbox it is.
    pub mark: Arc<dyn Fn(DocumentId, MailboxId) -> u64 + Send + Sync>,
}

/// How a provider does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProviderState {
    /// A letter can go, and it does as well as the others.
    Up,
    /// Others do clearly better, or it is on its way back: it has less than its share.
    Worse,
    /// No letter can go: no connection stands, or its last letters all failed.
    Down,
}

impl ProviderState {
    /// The name, as it is shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Worse => "worse",
            Self::Down => "down",
        }
    }
}

/// Connections that a provider keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Binds {
    /// That stand now.
    pub bound: usize,
    /// That should.
    pub wanted: usize,
}

/// A provider of a channel, as operators see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProviderView {
    /// Its name in the configuration, or that of its kind when it stands alone.
    pub name: Box<str>,
    /// Its kind, as in `POST /v1/callbacks/{provider}`.
    pub provider: &'static str,
    /// How it does.
    pub state: ProviderState,
    /// Its weight among the providers of the channel.
    pub weight: u32,
    /// How much of its weight counts now, in sixteenths: less while others do better.
    pub share: u8,
    /// Its connections, where it keeps some.
    pub binds: Option<Binds>,
    /// Milliseconds until it answers a letter, of late; `None` before the first.
    pub answers_in_ms: Option<u64>,
    /// Letters of a hundred that it failed itself, of late.
    pub failing_percent: u8,
    /// Receipts of a hundred that told of a failure, of late.
    pub undelivered_percent: u8,
}

/// One provider of a channel. It owns its connections and its time limits; every future ends.
pub trait Transport: Any + Send + Sync {
    /// The channel.
    fn channel(&self) -> Channel;

    /// The provider's name, as in `POST /v1/callbacks/{provider}`.
    fn provider(&self) -> &'static str;

    /// Hands a letter to the channel. Finding the recipient unreachable is an outcome:
    /// `Is(Failed(Unreachable))`.
    fn send(&self, letter: Letter) -> BoxFuture<'static, Outcome>;

    /// Hands a letter to the channel, and tells over which provider it went, where there are several.
    fn send_via(&self, letter: Letter) -> BoxFuture<'static, (Outcome, Option<Box<str>>)> {
        let sent = self.send(letter);
        Box::pin(async move { (sent.await, None) })
    }

    /// Gives it the program's own e-Box, where there is one: before its first letter.
    fn at_home(&self, _: &Home) {}

    /// Whether a letter could go now, as far as is known without asking.
    fn is_ready(&self) -> bool {
        true
    }

    /// The receipts of a callback request to a provider of this channel; `None` when it is not one of them.
    fn receipts_of(&self, provider: &str, request: &CallbackRequest) -> Option<Result<Received, CallbackError>> {
        (provider == self.provider()).then(|| self.receipts(request))
    }

    /// Characters of a text that the channel takes at most, where it has a bound below that of a content.
    fn longest_text(&self) -> Option<usize> {
        None
    }

    /// Ends its connections as the channel wants it, where it has any, in bounded time. What is sent after it fails.
    fn close(&self) -> Option<BoxFuture<'static, ()>> {
        None
    }

    /// What the channel knows of an attempt.
    fn inquire(&self, letter: Letter) -> BoxFuture<'static, Inquiry>;

    /// What [`Self::inquire`] can answer, for people.
    fn can_tell(&self) -> &'static str;

    /// Whether a message goes to a simulated channel beside the live one: how that fares says nothing of
    /// the channel, and it costs nothing.
    fn rehearses(&self, _: &Envelope) -> bool {
        false
    }

    /// The devices of a recipient with their public keys, where the channel encrypts end to end.
    fn receivers(&self, _: Recipient) -> Option<BoxFuture<'static, Result<Vec<ReceiverKey>, Failure>>> {
        None
    }

    /// The receipts of a callback request, after its secret was checked.
    fn receipts(&self, request: &CallbackRequest) -> Result<Received, CallbackError>;

    /// Asks for receipts since `since`, where the channel has to be asked; otherwise `None`.
    fn poll(&self, since: Timestamp) -> Option<BoxFuture<'static, Result<Vec<Receipt>, String>>>;

    /// For how long, and of how many letters, the channel is asked what became of them, where it has to be asked about
    /// each: of those that it took before the start it is reminded.
    fn remembers(&self) -> Option<(Duration, usize)> {
        None
    }

    /// What the channel took before the start.
    fn remember(&self, _: Vec<Taken>) {}

    /// Keeps the channel's connections, where it has some that outlive a letter, and tells what is heard there. Never ends;
    /// it is dropped at the stop.
    fn listen(&self, _: Arc<dyn Ear>) -> Option<BoxFuture<'static, ()>> {
        None
    }

    /// The providers behind it, each with how it does.
    fn providers(&self) -> Vec<ProviderView> {
        let state = if self.is_ready() { ProviderState::Up } else { ProviderState::Down };
        vec![ProviderView {
            name: self.provider().into(),
            provider: self.provider(),
            state,
            weight: 1,
            share: crate::domain::balance::FULL,
            binds: None,
            answers_in_ms: None,
            failing_percent: 0,
            undelivered_percent: 0,
        }]
    }

    /// Country prefixes that it may be used for, ascending; `None` for all.
    fn countries(&self) -> Option<Vec<u16>> {
        None
    }

    /// Another configuration: gives what takes this one's place, made of `newer` and of what is set up alike here, such as
    /// connections that need not be broken. Changes nothing yet.
    fn replaced_by(&self, newer: Arc<dyn Transport>) -> Arc<dyn Transport> {
        newer
    }

    /// Its letters have all ended, and those to come go to its heir: closes what the heir did not take over, once what may
    /// still be heard there was heard. Its part of [`Self::listen`] ends then.
    fn retire(&self, _heir: Arc<dyn Transport>) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// How long to wait between polls, and how far each looks back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Polling {
    /// Between two polls.
    pub every: Duration,
    /// Overlap with the time before, since channels' clocks differ.
    pub overlap: Duration,
}
