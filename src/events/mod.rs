//! Events as senders see them, the same in the feed and in callbacks: `id`, `type`, `time`, `data`.
//!
//! No recipient and no content is in them: an event names the message and the sender's own
//! reference. The one exception is what a citizen wrote to the sender, which is the event itself. The form is promised; fields are added and never taken away.
use estafette_actors::domain::event::{About, Event, Kind};
use estafette_actors::domain::fact::Change;
use estafette_actors::domain::inbound::Heard;
use estafette_actors::domain::status::{AttemptStatus, MessageStatus};
use serde::Serialize;
use utoipa::ToSchema;

mod cursor;
pub(crate) mod schemas;

pub use cursor::{Cursors, LENGTH};

/// One event.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Event)]
pub struct Written {
    /// Its id, the same whenever and wherever it is told: drop repetitions by it. In the feed it is also the cursor
    /// that goes on behind it.
    #[schema(value_type = schemas::Cursor)]
    pub id: String,
    /// Its name.
    #[serde(rename = "type")]
    #[schema(value_type = schemas::EventType)]
    pub kind: &'static str,
    /// When it happened.
    #[schema(format = DateTime, example = "2026-11-23T08:30:00.000Z")]
    pub time: String,
    /// What happened.
    pub data: Data,
}

/// What happened. A field that means nothing for the type is left out.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = EventData)]
pub struct Data {
    /// The message.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = Uuid, example = "01939f3a-7c1e-7000-8000-000000000001")]
    pub message: Option<String>,
    /// The broadcast that it is, or belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = Uuid)]
    pub broadcast: Option<String>,
    /// The sender's own reference; of a row of a broadcast, its key.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "dossier-17")]
    pub sender_reference: Option<Box<str>>,
    /// `message.settled`: as what.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schemas::MessageStatus>)]
    pub status: Option<&'static str>,
    /// Why it failed, was left out or was switched off.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub reason: Option<Box<str>>,
    /// The attempt, where it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt: Option<Attempt>,
    /// The webhook, where it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub webhook: Option<Box<str>>,
    /// Whether it is of a test: about a recipient of the sandbox, or from one. Left out when it is not.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub test: bool,
    /// `sms.received`: who wrote what.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sms: Option<Sms>,
    /// `register.mutations`: which file is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mutations: Option<MutationFile>,
}

/// A file of mutations that is there to be fetched.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EventMutations)]
pub struct MutationFile {
    /// Its number: 1, 2, 3 and so on.
    #[schema(example = 17)]
    pub sequence: u64,
    /// Mutations in it.
    pub count: u32,
    /// SHA-256 of it, in hexadecimal digits.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    pub sha256: String,
}

/// An SMS that a citizen wrote.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EventSms)]
pub struct Sms {
    /// The citizen's mobile number; left out once its retention is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "+32470123456")]
    pub from: Option<String>,
    /// The number or the name that it was written to.
    #[schema(value_type = String, example = "8686")]
    pub to: Box<str>,
    /// The words, at most 3,000 bytes of them; empty once their retention is over.
    #[schema(value_type = String, example = "STOP")]
    pub text: Box<str>,
    /// Whether it asks for no more: then the number is on the sender's suppression list for SMS.
    pub stop: bool,
}

/// An attempt: one step of the strategy, on one channel.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = EventAttempt)]
pub struct Attempt {
    /// The step, from 0.
    pub step: u8,
    /// Attempts of this step that failed before.
    pub retry: u8,
    /// The channel, as long as the message's record is kept.
    #[schema(example = "sms", required)]
    pub channel: Option<String>,
    /// Where it stands; null for a step that was left out.
    #[schema(value_type = Option<schemas::AttemptStatus>, required)]
    pub status: Option<&'static str>,
    /// Why it failed.
    #[schema(value_type = Option<schemas::Failure>, required)]
    pub failure: Option<&'static str>,
    /// The channel's own reference, when it just told it.
    #[schema(value_type = Option<String>, required)]
    pub channel_reference: Option<Box<str>>,
    /// The channel may have got it before.
    pub possible_duplicate: bool,
}

impl Written {
    /// Of an event.
    pub fn of(event: Event, cursors: &Cursors) -> Self {
        let Event { place, institution, at, about, kind, reference, channel, test, change } = event;
        let mut data = Data {
            message: if let About::Message(id) = &about { Some(id.to_string()) } else { None },
            broadcast: about.broadcast().map(|id| id.to_string()),
            sender_reference: reference,
            test,
            ..Data::default()
        };
        let attempt = |step, retry, status: Option<AttemptStatus>| Attempt {
            step,
            retry,
            channel: channel.map(|channel| channel.to_string()),
            status: status.map(AttemptStatus::as_str),
            failure: status.and_then(|status| Some(status.failure()?.as_str())),
            ..Attempt::default()
        };
        match change {
            Change::Skipped { step, failure, .. } => {
                data.reason = Some(failure.as_str().into());
                data.attempt = Some(attempt(step, 0, None));
            }
            Change::Began { step, retry, possible_duplicate, .. } => {
                let begun = attempt(step, retry, Some(AttemptStatus::Attempting));
                data.attempt = Some(Attempt { possible_duplicate, ..begun });
            }
            Change::Moved { step, retry, status, reference } => {
                let moved = attempt(step, retry, Some(status));
                data.attempt = Some(Attempt { channel_reference: reference, ..moved });
            }
            Change::Noted { step, retry, status } => data.attempt = Some(attempt(step, retry, Some(status))),
            Change::Settled { status } => {
                data.status = Some(status.as_str());
                if let MessageStatus::Failed(failure) = status {
                    data.reason = Some(failure.as_str().into());
                }
            }
            Change::WebhookDisabled { webhook, reason } => {
                data.webhook = Some(webhook);
                data.reason = Some(reason);
            }
            Change::Heard(heard) => {
                let Heard { from, to, text, stop } = *heard;
                let (from, stop) = (from.map(|from| from.e164()), stop.is_some());
                data.sms = Some(Sms { from, to, text, stop });
            }
            Change::MutationsReady { sequence, count, sha256 } => {
                data.mutations = Some(MutationFile { sequence, count, sha256: digits(&*sha256) });
            }
            _ => {}
        }
        Self { id: cursors.write(institution, place), kind: kind.as_str(), time: at.to_string(), data }
    }

    /// Its bytes in JSON.
    pub fn json(&self) -> String {
        // Plain data with text keys: it can't fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}

fn digits(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(half.into(), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// The names of every kind, for documents and messages.
pub fn names() -> String {
    Kind::ALL.map(Kind::as_str).join(", ")
}

#[cfg(test)]
mod tests {
    use estafette_actors::domain::channel::Channel;
    use estafette_actors::domain::event::Place;
    use estafette_actors::domain::failure::Failure;
    use estafette_actors::domain::id::MessageId;
    use estafette_actors::domain::submission::Institution;
    use estafette_actors::domain::time::Timestamp;

    use super::*;

    fn written(change: Change) -> serde_json::Value {
        let event = Event {
            place: Place { position: 5, index: 2 },
            institution: Institution("0403019261".parse().unwrap()),
            at: Timestamp::from_millis(1_763_886_600_000),
            about: About::Message(MessageId::single(Timestamp::from_millis(1), 0, 1)),
            kind: Kind::of(&change).unwrap(),
            reference: Some("dossier-17".into()),
            channel: Some(Channel::SMS),
            test: false,
            change,
        };
        let written = Written::of(event, &Cursors::new(&[1; 32]));
        serde_json::from_str(&written.json()).unwrap()
    }

    #[test]
    fn an_event_keeps_the_form_that_senders_were_promised() {
        let settled = written(Change::Settled { status: MessageStatus::Failed(Failure::Unreachable) });
        assert_eq!(settled["type"], "message.settled");
        assert_eq!(settled["time"], "2025-11-23T08:30:00.000Z");
        assert_eq!(settled["data"]["status"], "failed");
        assert_eq!(settled["data"]["reason"], "unreachable");
        assert_eq!(settled["data"]["sender_reference"], "dossier-17");
        assert!(settled["data"].get("attempt").is_none());
        let moved = Change::Moved {
            step: 1,
            retry: 2,
            status: AttemptStatus::Failed(Failure::Timeout),
            reference: Some("007".into()),
        };
        let failed = written(moved);
        assert_eq!(failed["type"], "attempt.failed");
        let expected = serde_json::json!({"step": 1, "retry": 2, "channel": "sms", "status": "failed",
            "failure": "timeout", "channel_reference": "007", "possible_duplicate": false});
        assert_eq!(failed["data"]["attempt"], expected);
        let ready = written(Change::MutationsReady { sequence: 17, count: 3, sha256: Box::new([0xab; 32]) });
        assert_eq!(ready["type"], "register.mutations");
        let expected = serde_json::json!({"sequence": 17, "count": 3, "sha256": "ab".repeat(32)});
        assert_eq!(ready["data"]["mutations"], expected);
    }
}
