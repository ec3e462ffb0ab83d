//! What callers are told of a message.
use actix_web::HttpResponse;
use actix_web::http::header;
use estafette_actors::domain::id::MessageId;
use estafette_actors::domain::life::State;
use estafette_actors::domain::status::{MessageStatus, WaitReason};
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::{AttemptView, Loaded, MessageView};
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use super::{App, examples, schemas};

/// A message: its status and each of its attempts.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Message, example = examples::answer)]
pub struct Answer {
    /// Its id.
    #[serde(serialize_with = "plain")]
    #[schema(value_type = schemas::Id)]
    pub id: MessageId,
    /// Whether it waits, or as what it is settled.
    #[schema(value_type = schemas::MessageStatus)]
    pub status: &'static str,
    /// Why it waits, or why it failed.
    #[schema(value_type = Option<schemas::Reason>, required)]
    pub reason: Option<&'static str>,
    /// When it was settled: no further step is taken after that.
    #[serde(serialize_with = "optional")]
    #[schema(value_type = Option<String>, format = DateTime, required)]
    pub settled_at: Option<Timestamp>,
    /// Each attempt, in the order in which they began.
    pub attempts: Vec<Attempt>,
    /// The sender's own reference.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub sender_reference: Option<Box<str>>,
    /// Where to go from here.
    pub links: Links,
}

/// One attempt: one step, one channel.
#[derive(Debug, Serialize, ToSchema)]
pub struct Attempt {
    /// The step of the strategy, from 0.
    step: u8,
    /// Attempts of this step that failed before.
    retry: u8,
    /// The channel.
    #[serde(serialize_with = "plain")]
    #[schema(value_type = String, example = "govapp")]
    channel: estafette_actors::domain::channel::Channel,
    /// Who runs the channel.
    #[schema(value_type = Option<String>, example = "ringring", required)]
    provider: Option<Box<str>>,
    /// Where it stands.
    #[schema(value_type = schemas::AttemptStatus)]
    status: &'static str,
    /// Why it failed.
    #[schema(value_type = Option<schemas::Failure>, required)]
    failure: Option<&'static str>,
    /// When it began.
    #[serde(serialize_with = "plain")]
    #[schema(value_type = String, format = DateTime)]
    started_at: Timestamp,
    /// When its status last moved.
    #[serde(serialize_with = "optional")]
    #[schema(value_type = Option<String>, format = DateTime, required)]
    ended_at: Option<Timestamp>,
    /// The channel's own reference.
    #[schema(value_type = Option<String>, required)]
    channel_reference: Option<Box<str>>,
    /// The channel may have got it twice.
    possible_duplicate: bool,
}

/// Where to go from here.
#[derive(Debug, Serialize, ToSchema)]
pub struct Links {
    /// The message itself.
    #[serde(rename = "self")]
    #[schema(example = "/v1/messages/01939f3a-7c1e-7000-8000-000000000001")]
    this: String,
}

/// Writes what has a `Display` as a string.
pub fn plain<T: std::fmt::Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

/// Writes what may be absent, and has a `Display`.
#[allow(clippy::ref_option, reason = "serde gives a reference to the field")]
pub fn optional<T: std::fmt::Display, S: Serializer>(value: &Option<T>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => serializer.collect_str(value),
        None => serializer.serialize_none(),
    }
}

/// Where a message is found.
pub fn location(id: MessageId) -> String {
    format!("/v1/messages/{id}")
}

/// Why a message waits, by its own state, or why it failed.
pub fn reason(status: MessageStatus, wait: Option<WaitReason>) -> Option<&'static str> {
    match status {
        MessageStatus::Waiting => wait.map(WaitReason::as_str),
        MessageStatus::Failed(failure) => Some(failure.as_str()),
        _ => None,
    }
}

impl Answer {
    /// Of a message whose history is not asked for: just accepted, or of a list.
    pub fn brief(id: MessageId, status: MessageStatus, state: Option<&State>) -> Self {
        Self {
            id,
            status: status.as_str(),
            reason: reason(status, state.and_then(State::wait_reason)),
            settled_at: None,
            attempts: Vec::new(),
            sender_reference: None,
            links: Links { this: location(id) },
        }
    }

    /// Of a message with its history.
    pub fn whole(view: MessageView, app: &App) -> Self {
        let MessageView { envelope, state, attempts, settled_at, .. } = view;
        let (id, status) = (envelope.id, state.status());
        let sender_reference = envelope.sender_reference.clone();
        let wait = app.parts.broker.why(&Loaded { envelope, state }).map(|why| why.reason);
        let attempts = attempts.into_iter().map(|attempt| Attempt::of(attempt, app)).collect();
        Self {
            id,
            status: status.as_str(),
            reason: reason(status, wait),
            settled_at,
            attempts,
            sender_reference,
            links: Links { this: location(id) },
        }
    }

    /// 200 with it.
    pub fn ok(&self) -> HttpResponse {
        json(HttpResponse::Ok(), self)
    }

    /// 202 with it, and where to ask again.
    pub fn accepted(&self) -> HttpResponse {
        let mut answer = HttpResponse::Accepted();
        answer.insert_header((header::LOCATION, self.links.this.as_str()));
        json(answer, self)
    }
}

impl Attempt {
    fn of(view: AttemptView, app: &App) -> Self {
        Self {
            step: view.step,
            retry: view.retry,
            channel: view.channel,
            provider: view.provider.or_else(|| app.provider(view.channel).map(Into::into)),
            status: view.status.as_str(),
            failure: view.status.failure().map(estafette_actors::domain::failure::Failure::as_str),
            started_at: view.started_at,
            ended_at: view.ended_at,
            channel_reference: view.channel_reference,
            possible_duplicate: view.possible_duplicate,
        }
    }
}

/// An answer in JSON.
pub fn json(mut answer: actix_web::HttpResponseBuilder, body: &impl Serialize) -> HttpResponse {
    answer.insert_header((header::CONTENT_TYPE, header::HeaderValue::from_static("application/json")));
    match serde_json::to_vec(body) {
        Ok(body) => answer.body(body),
        Err(error) => {
            tracing::error!(%error, "an answer could not be written");
            HttpResponse::InternalServerError().finish()
        }
    }
}
