//! GovApp's JSON. Sources: the platform's published sender interface; the body of a notification is
//! ours (title, body and languages by ISO 639-1 code), and so is what a call to many says of each receiver:
//! `receivers`, each with its own correlation id, and in the answer `notifications` and `errors`.
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use estafette_actors::domain::channel::Channel;
use estafette_actors::domain::content::Content;
use estafette_actors::domain::jwe::{self, Jwe};
use estafette_actors::domain::language::{Language, Translated};
use estafette_actors::domain::receipt::{About, Receipt};
use estafette_actors::domain::status::AttemptStatus;
use estafette_actors::domain::submission::Envelope;
use estafette_actors::ports::{Letter, ReceiverKey};
use reqwest::StatusCode;
use serde::{Deserialize, Serialize};

use crate::channels::{Trouble, wording};

/// The answer to a look-up of receivers.
#[derive(Default, Deserialize)]
pub(super) struct Receivers {
    pub(super) receivers: Vec<Receiver>,
}

/// An active receiver: one device of a citizen.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Receiver {
    pub(super) id: uuid::Uuid,
    /// The modulus of an RSA-2048 key in padded base64url.
    #[serde(default)]
    public_key: Option<Box<str>>,
}

impl Receiver {
    /// Its key, when it is one of 2048 bits.
    pub(super) fn key(&self) -> Option<ReceiverKey> {
        let text = self.public_key.as_deref()?.trim_end_matches('=');
        let mut modulus = URL_SAFE_NO_PAD.decode(text).ok()?;
        if modulus.len() == 257 && modulus[0] == 0 {
            modulus.remove(0);
        }
        let fits = modulus.len() == 256 && modulus[0] & 0x80 != 0;
        fits.then(|| ReceiverKey { receiver: jwe::Receiver(self.id.as_u128()), modulus })
    }
}

/// What is sent to a receiver, or to many.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Notification<'a> {
    /// The only part that travels in clear.
    pub(super) public_title: Translated<Box<str>>,
    /// HTML where there is one in the language, otherwise text.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) private_body: BTreeMap<&'static str, &'a str>,
    /// In its place, a JWE for this receiver.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) encrypted_body: Option<&'a str>,
    pub(super) languages: Vec<&'static str>,
    /// RFC 3339, UTC.
    pub(super) available_until_date: String,
    /// Of a call to many, the call's own.
    pub(super) message_correlation_id: String,
    /// Of a call to many.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) receivers: Vec<To<'a>>,
}

/// One of many receivers, with what its events are to be told under.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct To<'a> {
    pub(super) id: uuid::Uuid,
    pub(super) message_correlation_id: &'a str,
}

impl<'a> Notification<'a> {
    /// The content in all its languages.
    pub(super) fn of(envelope: &'a Envelope, message_correlation_id: String) -> Self {
        let content: &Content = &envelope.content;
        let public_title = wording::titles(content);
        let mut private_body = BTreeMap::new();
        for language in public_title.languages() {
            let words = [&content.html, &content.text, &content.title].into_iter().find_map(|part| part.get(language));
            private_body.insert(language.as_str(), words.map_or("", |words| words));
        }
        Self {
            languages: public_title.languages().map(Language::as_str).collect(),
            public_title,
            private_body,
            encrypted_body: None,
            available_until_date: envelope.valid_until.to_string(),
            message_correlation_id,
            receivers: Vec::new(),
        }
    }

    /// What is encrypted for one receiver, with the titles given or a neutral one: only these travel in clear, and never a
    /// text that is meant for other channels.
    pub(super) fn sealed(letter: &'a Letter, jwe: &'a Jwe) -> Self {
        let public_title = wording::clear_titles(&letter.envelope.content, letter.rendition.language);
        Self {
            languages: public_title.languages().map(Language::as_str).collect(),
            public_title,
            private_body: BTreeMap::new(),
            encrypted_body: Some(jwe.as_str()),
            available_until_date: letter.envelope.valid_until.to_string(),
            message_correlation_id: letter.reference.to_string(),
            receivers: Vec::new(),
        }
    }
}

/// The answer to a notification that was taken.
#[derive(Deserialize)]
pub(super) struct Created {
    pub(super) id: Box<str>,
}

/// The answer to a call to many.
#[derive(Deserialize)]
pub(super) struct ManyCreated {
    pub(super) notifications: Vec<CreatedFor>,
    #[serde(default)]
    pub(super) errors: Vec<ErrorFor>,
}

/// The notification of one of many receivers.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CreatedFor {
    pub(super) id: Box<str>,
    pub(super) receiver_id: uuid::Uuid,
}

/// Why one of many receivers was not notified: as a call to it alone would have been answered.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ErrorFor {
    pub(super) receiver_id: uuid::Uuid,
    status: u16,
    #[serde(default)]
    code: Option<Box<str>>,
}

impl ErrorFor {
    /// The same as the answer to one.
    pub(super) fn trouble(&self) -> Trouble {
        let body = self.code.as_ref().map(|code| serde_json::json!({ "code": code }).to_string().into_bytes());
        match StatusCode::from_u16(self.status) {
            Ok(status) => Trouble::Status { status, retry_after: None, body: body.unwrap_or_default() },
            Err(_) => Trouble::Unreadable,
        }
    }
}

/// A page of notifications.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Notifications {
    pub(super) total_amount: usize,
    pub(super) notifications: Vec<Listed>,
}

/// A notification as it is listed.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Listed {
    pub(super) id: Box<str>,
    #[serde(default)]
    message_correlation_id: Option<Box<str>>,
    #[serde(default)]
    status: Option<Box<str>>,
    #[serde(default)]
    events: Vec<ListedEvent>,
}

#[derive(Deserialize)]
struct ListedEvent {
    #[serde(rename = "type", default)]
    stage: Option<Box<str>>,
}

impl Listed {
    /// How far it got: the furthest of its status and its events.
    pub(super) fn status(&self) -> Option<AttemptStatus> {
        self.stages().max_by_key(|status| status.rank())
    }

    /// Its receipts, in the order of a notification's life, each once.
    pub(super) fn receipts(&self) -> impl Iterator<Item = Receipt> {
        let mut stages: Vec<_> = self.stages().collect();
        stages.sort_by_key(|status| status.rank());
        stages.dedup();
        stages
            .into_iter()
            .map(|status| receipt(self.message_correlation_id.as_deref(), Some(&self.id), status))
            .collect::<Vec<_>>()
            .into_iter()
            .flatten()
    }

    fn stages(&self) -> impl Iterator<Item = AttemptStatus> {
        let events = self.events.iter().map(|event| event.stage.as_deref());
        events.chain([self.status.as_deref()]).flatten().filter_map(stage)
    }
}

/// An event as it is posted to us. Everything in it may be missing or of another type: it comes from
/// outside.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Event {
    #[serde(default)]
    notification_id: Option<Box<str>>,
    #[serde(default)]
    message_correlation_id: Option<Box<str>>,
    #[serde(rename = "type", default)]
    stage: Option<Box<str>>,
}

impl Event {
    /// What it says; nothing when it has another type, or names no message.
    pub(super) fn receipt(&self) -> Option<Receipt> {
        let status = self.stage.as_deref().and_then(stage)?;
        receipt(self.message_correlation_id.as_deref(), self.notification_id.as_deref(), status)
    }
}

fn receipt(correlation: Option<&str>, id: Option<&str>, status: AttemptStatus) -> Option<Receipt> {
    let ours = correlation.and_then(|text| text.parse().ok()).map(About::Attempt);
    let about = ours.or_else(|| id.map(|id| About::ChannelReference(id.into())))?;
    Some(Receipt { channel: Channel::GOVAPP, about, status, channel_reference: id.map(Into::into) })
}

/// What a status or an event type means here.
pub(super) fn stage(name: &str) -> Option<AttemptStatus> {
    match name {
        "CREATED" => Some(AttemptStatus::Sent),
        "RECEIVED" => Some(AttemptStatus::Delivered),
        "OPENED" => Some(AttemptStatus::Read),
        "ACTION_TAKEN" => Some(AttemptStatus::Acted),
        _ => None,
    }
}
