//! RingRing, an SMS gateway over HTTP: `POST /sms/v1/Message`, statuses by callback.
//!
//! Invariant: the gateway is given the number of characters and the validity that it takes, so it
//! changes no text; what it can't take is refused here. Sources: the provider's public API description
//! and help pages (message status codes); the table of result codes is ours.
//!
//! | ResultCode | failure |
//! |---|---|
//! | 0 | none: sent, with the MessageId |
//! | 101 ApiKey unknown | channel_down (our credentials; logged) |
//! | 103 To is no mobile number | unreachable |
//! | 104 Message empty or too long | invalid_content |
//! | 106 refused, and any other | rejected_by_channel |
//!
//! | StatusCode | status |
//! |---|---|
//! | 0 to 99 not sent yet, 100 to 199 submitted, 900 to 999 in progress | sent |
//! | 200, 201 | delivered |
//! | 301 validity over | channel_expired |
//! | 300 to 399 not delivered by the operator, 800 to 899 not sent to the operator | failed, rejected_by_channel |
//! | 400 to 499 the operator doesn't say, and any other | nothing: counted as ignored |
use std::borrow::Cow;
use std::sync::Arc;

use estafette_actors::domain::channel::Channel;
use estafette_actors::domain::failure::Failure;
use estafette_actors::domain::life::Outcome;
use estafette_actors::domain::receipt::{About, Receipt};
use estafette_actors::domain::segment::{self, Alphabet};
use estafette_actors::domain::status::AttemptStatus;
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::{
    CallbackError, CallbackRequest, Clock, Inquiry, Letter, Received, SystemClock, Transport,
};
use futures_util::future::{self, BoxFuture};
use reqwest::{Method, Url};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::channels::Error;
use crate::channels::http::{Effect, Peer, Trouble, failed};
use crate::channels::settings::{Checks, Secret, Table, address, span};
use crate::channels::sms::{NAME, sender};

/// The provider's name.
pub const PROVIDER: &str = "ringring";
/// Characters of a message at most.
const CHARACTERS: usize = 758;
/// Minutes for which the gateway is asked to try at most: operators keep an SMS for two days or so.
const VALIDITY_MAX_MIN: u64 = 2 * 24 * 60;

/// `[channels.sms]` with `provider = "ringring"`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The gateway's address, up to and without `/sms`.
    pub base_url: String,
    /// The key of our application there.
    pub api_key: Secret,
    /// Whom the citizen sees as the sender when the message names nobody: a number, or up to 11 letters and digits.
    #[serde(default)]
    pub sender_id: Option<String>,
    /// Our own address as the gateway reaches it; statuses come to `/v1/callbacks/ringring` below it.
    /// Without it no status is asked for.
    #[serde(default)]
    pub callback_base: Option<String>,
    /// Part of the address that statuses are sent to; goes with `callback_base`.
    #[serde(default)]
    pub callback_secret: Option<Secret>,
    /// Sends to the gateway's own sandbox, which reaches nobody. Default false.
    #[serde(default)]
    pub sandbox: bool,
    /// Time limit of each request, in milliseconds. Default 10,000.
    #[serde(default = "ten_seconds")]
    pub timeout_ms: u64,
}

fn ten_seconds() -> u64 {
    10_000
}

/// Makes the channel from its table.
pub fn build(table: &Table) -> Result<Arc<dyn Transport>, Error> {
    Ok(Arc::new(table.make(NAME, RingRing::new)?))
}

/// The provider.
pub struct RingRing(Arc<Inner>);

struct Inner {
    peer: Peer,
    url: String,
    api_key: Secret,
    sender_id: Option<String>,
    status_url: Option<Secret>,
    callback_secret: Option<Secret>,
}

impl RingRing {
    /// Makes it; nothing is asked of the gateway yet.
    pub fn new(settings: Settings) -> Result<Self, Error> {
        let mut checks = Checks::default();
        let base = checks.note(address(NAME, "base_url", &settings.base_url));
        let timeout = checks.note(span(NAME, "timeout_ms", settings.timeout_ms));
        checks.note(settings.api_key.check(NAME, "api_key"));
        let status_url = status_url(settings.callback_base.as_deref(), settings.callback_secret.as_ref());
        let status_url = checks.note(status_url).flatten();
        let peer = base.as_deref().zip(timeout).map(|(base, timeout)| Peer::new(NAME, base, timeout));
        let peer = peer.and_then(|peer| checks.note(peer));
        let (base, peer) = checks.made(base.zip(peer))?;
        let path = if settings.sandbox { "sms/sandbox/v1/Message" } else { "sms/v1/Message" };
        Ok(Self(Arc::new(Inner {
            peer,
            url: format!("{base}/{path}"),
            api_key: settings.api_key,
            sender_id: settings.sender_id.filter(|sender| !sender.is_empty()),
            status_url,
            callback_secret: settings.callback_secret,
        })))
    }
}

/// Where statuses are sent to. It holds the secret, so it is one.
fn status_url(base: Option<&str>, secret: Option<&Secret>) -> Result<Option<Secret>, Error> {
    if let Some(secret) = secret {
        secret.check(NAME, "callback_secret")?;
    }
    match (base, secret) {
        (None, _) => Ok(None),
        (Some(_), None) => {
            let message = "give the secret that goes into callback_base".to_owned();
            Err(Error::Setting { channel: NAME, key: "callback_secret", message })
        }
        (Some(base), Some(secret)) => {
            let base = address(NAME, "callback_base", base)?;
            let url = format!("{base}/v1/callbacks/{PROVIDER}");
            let url = Url::parse_with_params(&url, [("secret", secret.expose())]).map_err(|error| Error::Setting {
                channel: NAME,
                key: "callback_base",
                message: error.to_string(),
            })?;
            Ok(Some(url.as_str().into()))
        }
    }
}

impl Transport for RingRing {
    fn channel(&self) -> Channel {
        Channel::SMS
    }

    fn provider(&self) -> &'static str {
        PROVIDER
    }

    fn longest_text(&self) -> Option<usize> {
        Some(CHARACTERS)
    }

    fn send(&self, letter: Letter) -> BoxFuture<'static, Outcome> {
        let inner = Arc::clone(&self.0);
        Box::pin(async move { inner.send(&letter, SystemClock.now()).await })
    }

    fn inquire(&self, _: Letter) -> BoxFuture<'static, Inquiry> {
        Box::pin(future::ready(Inquiry::CannotTell))
    }

    fn can_tell(&self) -> &'static str {
        "nothing: the gateway has no search; only its callbacks tell"
    }

    fn receipts(&self, request: &CallbackRequest) -> Result<Received, CallbackError> {
        let expected = self.0.callback_secret.as_ref().ok_or(CallbackError::Secret)?;
        let given = request.query.iter().find(|(name, _)| name == "secret");
        if !given.is_some_and(|(_, value)| expected.matches(value.as_bytes())) {
            return Err(CallbackError::Secret);
        }
        if request.method.eq_ignore_ascii_case("GET") {
            let pairs = request.query.iter().map(|(name, value)| (name.clone(), Value::String(value.clone())));
            return Ok(read_statuses(vec![Value::Object(pairs.collect())]));
        }
        let form = |what: &str| CallbackError::Form(what.to_owned());
        match serde_json::from_slice(&request.body).map_err(|_| form("the body is not JSON"))? {
            Value::Array(statuses) => Ok(read_statuses(statuses)),
            one @ Value::Object(_) => Ok(read_statuses(vec![one])),
            _ => Err(form("give a status, or an array of statuses")),
        }
    }

    fn poll(&self, _: Timestamp) -> Option<BoxFuture<'static, Result<Vec<Receipt>, String>>> {
        None
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Sms<'a> {
    api_key: &'a str,
    to: String,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<Cow<'a, str>>,
    reference: String,
    /// Minutes.
    time_validity: u64,
    message_encoding: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_method: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_format: Option<&'static str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Reply {
    result_code: Value,
    #[serde(default)]
    messages: Vec<Taken>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Taken {
    #[serde(default)]
    message_id: Value,
}

impl Inner {
    async fn send(&self, letter: &Letter, now: Timestamp) -> Outcome {
        let Some(mobile) = letter.recipient.mobile else { return failed(Failure::Unreachable) };
        let text = &*letter.rendition.text;
        if text.trim().is_empty() || text.chars().count() > CHARACTERS {
            return failed(Failure::InvalidContent);
        }
        let status_url = self.status_url.as_ref().map(Secret::expose);
        let named = letter.envelope.sender_name.as_deref().and_then(sender);
        let sms = Sms {
            api_key: self.api_key.expose(),
            to: mobile.digits(),
            message: text,
            from: named.or(self.sender_id.as_deref().map(Cow::Borrowed)),
            reference: letter.reference.to_string(),
            // Rounded down: an SMS that arrives after its validity is worse than one that doesn't.
            time_validity: (letter.envelope.valid_until.since(now).as_secs() / 60).clamp(1, VALIDITY_MAX_MIN),
            message_encoding: match segment::measure(text).alphabet {
                Alphabet::Gsm7 => "Text",
                Alphabet::Ucs2 => "Unicode",
            },
            status_url,
            status_method: status_url.map(|_| "POST"),
            status_format: status_url.map(|_| "JSON"),
        };
        let reply = match self.peer.ask(self.peer.request(Method::POST, &self.url).json(&sms)).await {
            Ok(answer) => answer.json::<Reply>(),
            Err(trouble) => Err(trouble),
        };
        match reply.and_then(|reply| Ok((number(&reply.result_code).ok_or(Trouble::Unreadable)?, reply))) {
            Ok((0, reply)) => {
                Outcome::Is(AttemptStatus::Sent, reply.messages.first().and_then(|taken| text_of(&taken.message_id)))
            }
            Ok((code, _)) => self.refused(code),
            Err(trouble) => trouble.outcome(Effect::Post),
        }
    }

    fn refused(&self, code: u16) -> Outcome {
        match code {
            101 => {
                self.peer.complain("the gateway doesn't know our api_key: check [channels.sms]", code);
                failed(Failure::ChannelDown)
            }
            103 => failed(Failure::Unreachable),
            104 => failed(Failure::InvalidContent),
            _ => failed(Failure::RejectedByChannel),
        }
    }
}

/// A text or a number as a text; ids keep their leading zeros.
fn text_of(value: &Value) -> Option<Box<str>> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.as_str().into()),
        Value::Number(number) => Some(number.to_string().into()),
        _ => None,
    }
}

fn number(value: &Value) -> Option<u16> {
    text_of(value)?.trim().parse().ok()
}

fn read_statuses(statuses: Vec<Value>) -> Received {
    let mut received = Received::default();
    for status in &statuses {
        match receipt(status) {
            Some(receipt) => received.receipts.push(receipt),
            None => received.ignored += 1,
        }
    }
    received
}

/// What one status says; nothing for an incoming SMS, which has no status, or a status that tells nothing.
fn receipt(status: &Value) -> Option<Receipt> {
    let field = |name: &str| status.get(name).and_then(text_of);
    let status = match number(status.get("StatusCode")?)? {
        0..=199 | 900..=999 => AttemptStatus::Sent,
        200 | 201 => AttemptStatus::Delivered,
        301 => AttemptStatus::ChannelExpired,
        300..=399 | 800..=899 => AttemptStatus::Failed(Failure::RejectedByChannel),
        _ => return None,
    };
    let channel_reference = field("MessageId");
    let ours = field("Reference").and_then(|text| text.parse().ok()).map(About::Attempt);
    let about = ours.or_else(|| channel_reference.clone().map(About::ChannelReference))?;
    Some(Receipt { channel: Channel::SMS, about, status, channel_reference })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn status_of(code: &str) -> Option<AttemptStatus> {
        receipt(&serde_json::json!({ "MessageId": "007", "StatusCode": code })).map(|receipt| receipt.status)
    }

    #[test]
    fn each_status_code_means_what_the_table_says() {
        let failed = Some(AttemptStatus::Failed(Failure::RejectedByChannel));
        for (code, expected) in [
            ("0", Some(AttemptStatus::Sent)),
            ("100", Some(AttemptStatus::Sent)),
            ("200", Some(AttemptStatus::Delivered)),
            ("201", Some(AttemptStatus::Delivered)),
            ("202", None),
            ("300", failed),
            ("301", Some(AttemptStatus::ChannelExpired)),
            ("399", failed),
            ("400", None),
            ("800", failed),
            ("900", Some(AttemptStatus::Sent)),
            ("1000", None),
            ("-1", None),
            ("", None),
        ] {
            assert_eq!(status_of(code), expected, "{code}");
        }
    }

    #[test]
    fn a_message_id_keeps_its_leading_zeros() {
        let receipt = receipt(&serde_json::json!({ "MessageId": "007", "Reference": "x", "StatusCode": 200 })).unwrap();
        assert_eq!(receipt.about, About::ChannelReference("007".into()));
        assert_eq!(receipt.channel_reference.as_deref(), Some("007"));
    }

    proptest! {
        #[test]
        fn no_callback_makes_it_panic(code in "\\PC{0,6}|[0-9]{1,6}", text in "\\PC{0,40}", body in prop::collection::vec(any::<u8>(), 0..100)) {
            let channel = RingRing::new(serde_json::from_value(serde_json::json!({
                "base_url": "http://127.0.0.1:1", "api_key": "k", "callback_secret": "s"
            })).unwrap()).unwrap();
            let query = vec![("secret".to_owned(), "s".to_owned()), ("StatusCode".to_owned(), code.clone()), ("Reference".to_owned(), text.clone())];
            let mut request = CallbackRequest { method: "GET".into(), query, ..CallbackRequest::default() };
            prop_assert!(channel.receipts(&request).is_ok());
            request.method = "POST".into();
            request.body = body;
            let _ = channel.receipts(&request);
            request.body = serde_json::json!([{ "StatusCode": code, "MessageId": text }, text, null]).to_string().into();
            let received = channel.receipts(&request).unwrap();
            prop_assert_eq!(received.receipts.len() + received.ignored, 3);
        }
    }
}
