//! Webhooks of the caller: set up, look at, remove, a new secret, a call to try, a part told again.
//!
//! A secret is shown once, when it is made, and never again.
use std::borrow::Cow;

use actix_web::{HttpResponse, delete, get, post, put, web};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use estafette_actors::announcer::{Announcements, Error, Secret, View};
use estafette_actors::domain::event;
use estafette_actors::domain::time::Timestamp;
use estafette_actors::domain::webhook::MAX_NAME;
use estafette_actors::ports::Called;
use serde::Serialize;
use tokio::time::Instant;
use utoipa::ToSchema;

use super::answer::{json, optional, plain};
use super::body::JsonBody;
use super::caller::Caller;
use super::json::{Faults, Json, Object};
use super::problem::{Fault, Kind, Problem, refuses, sets};
use super::schemas::{Cursor, EventType, NewWebhook, Part, WebhookName, WebhookState};
use super::{App, examples};
use crate::events::names;

/// A webhook, as answered.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = examples::webhook)]
pub struct Webhook {
    /// Its name.
    #[schema(value_type = WebhookName)]
    name: Box<str>,
    /// Where it is called.
    #[schema(value_type = String, format = "uri", example = "https://receiver.example.be/estafette")]
    url: Box<str>,
    /// The types of events wanted; empty for all.
    #[schema(value_type = Vec<EventType>)]
    types: Vec<Box<str>>,
    /// Whether it is told of tests too.
    include_test: bool,
    /// on, failing (calls fail and are made again), or off.
    #[schema(value_type = WebhookState)]
    state: &'static str,
    /// Why it is off.
    #[schema(value_type = Option<String>, required)]
    reason: Option<Box<str>>,
    /// When it was switched off.
    #[serde(serialize_with = "optional")]
    #[schema(value_type = Option<String>, format = DateTime, required)]
    off_since: Option<Timestamp>,
    /// Since when no call succeeded.
    #[serde(serialize_with = "optional")]
    #[schema(value_type = Option<String>, format = DateTime, required)]
    failing_since: Option<Timestamp>,
    /// When it was set up.
    #[serde(serialize_with = "plain")]
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// Calls that succeeded.
    delivered: u64,
    /// Events that failed and will be told again.
    overdue: usize,
    /// Events that were given up after days.
    given_up: u64,
    /// Times that events were not kept long enough to be told.
    gaps: u64,
    /// Whether a part is being told again.
    redelivering: bool,
    /// Everything up to here was told, is overdue or was given up: a cursor of /v1/events.
    #[schema(value_type = Cursor)]
    told_until: String,
    /// The secret that signs, when it was just made: keep it, it is not shown again.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD")]
    secret: Option<String>,
}

/// How a call to try ended.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = examples::trial)]
pub struct Trial {
    /// Whether the endpoint took it.
    delivered: bool,
    /// The status code, when there was an answer.
    #[schema(example = 204, required)]
    status: Option<u16>,
    /// Why it failed.
    #[schema(value_type = Option<String>, required)]
    reason: Option<Box<str>>,
    /// How long it took.
    took_ms: u64,
}

impl Webhook {
    fn of(app: &App, view: View, secret: Option<Secret>) -> Self {
        let View { webhook, progress, .. } = view;
        let state = match (&webhook.off, progress.failing_since) {
            (Some(_), _) => "off",
            (None, Some(_)) => "failing",
            (None, None) => "on",
        };
        Self {
            name: webhook.name.clone(),
            url: webhook.url.clone(),
            types: webhook.types.clone(),
            include_test: webhook.include_test,
            state,
            reason: webhook.off.as_ref().map(|off| off.reason.clone()),
            off_since: webhook.off.as_ref().map(|off| off.at),
            failing_since: progress.failing_since,
            created_at: webhook.created_at,
            delivered: progress.delivered,
            overdue: progress.overdue.len(),
            given_up: progress.given_up,
            gaps: progress.gaps,
            redelivering: progress.again.is_some(),
            told_until: app.parts.events.cursors.write(webhook.institution, progress.done),
            secret: secret.map(|secret| format!("whsec_{}", STANDARD.encode(&secret.0))),
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound => Self::UnknownWebhook,
            Error::TooMany(most) => Self::TooManyWebhooks(most),
            Error::Url(what) => Self::InvalidRequest(vec![Fault::new("/url", what)]),
            Error::Busy => Self::Conflict("a part of the feed is being told again already; wait for its end".into()),
            Error::Archive(error) => error.into(),
        }
    }
}

impl App {
    fn announcements(&self) -> Result<&Announcements, Problem> {
        self.parts.broker.announcements().ok_or(Problem::Restarting)
    }
}

fn name(text: &str) -> Result<&str, Problem> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !text.is_empty() && text.len() <= MAX_NAME && text.chars().all(fits) {
        return Ok(text);
    }
    let what = format!("1 to {MAX_NAME} lower-case letters, digits or hyphens");
    Err(Problem::InvalidRequest(vec![Fault::new("name", what)]))
}

fn wanted(body: &[u8]) -> Result<(String, Vec<Box<str>>, bool), Problem> {
    let mut faults = Faults::default();
    let Some(mut object) = Object::of(Json::parse(body)?, "", &mut faults) else {
        return Err(Problem::InvalidRequest(faults.into_inner()));
    };
    let url = object.text("url", &mut faults).map(Cow::into_owned);
    let mut types = Vec::new();
    match object.take("types") {
        None => {}
        Some(Json::Array(items)) if items.len() > event::Kind::ALL.len() => {
            faults.add("/types", "more than there are types of events: give each once");
        }
        Some(Json::Array(items)) => {
            for (at, item) in items.into_iter().enumerate() {
                match item {
                    Json::Text(name) if event::Kind::parse(&name).is_some() => types.push(name.into()),
                    _ => faults.add(format!("/types/{at}"), format_args!("give some of {}", names())),
                }
            }
        }
        Some(_) => faults.add("/types", "must be an array of types of events"),
    }
    let include_test = object.truth("include_test", &mut faults).unwrap_or_default();
    object.finish("url, types and include_test", &mut faults);
    match url {
        Some(url) if faults.is_empty() => Ok((url, types, include_test)),
        None if faults.is_empty() => Err(Problem::InvalidRequest(vec![Fault::new("/url", "is needed")])),
        _ => Err(Problem::InvalidRequest(faults.into_inner())),
    }
}

refuses!(Listing: sets::KEYED, &[Kind::Restarting]);

/// Your webhooks.
#[utoipa::path(
    operation_id = "webhooks",
    tag = "webhooks",
    responses(
        (status = 200, description = "All of them", body = Vec<Webhook>),
        Listing,
    ),
)]
#[get("/v1/webhooks")]
pub async fn list(app: web::Data<App>, caller: Caller) -> Result<HttpResponse, Problem> {
    let all = app.announcements()?.list(Some(caller.institution())).into_iter();
    let all: Vec<_> = all.map(|view| Webhook::of(&app, view, None)).collect();
    Ok(json(HttpResponse::Ok(), &all))
}

refuses!(Looking: sets::KEYED, &[Kind::UnknownWebhook, Kind::Restarting]);

/// One webhook.
#[utoipa::path(
    operation_id = "webhook",
    tag = "webhooks",
    params(("name" = WebhookName, Path, description = "Its name")),
    responses(
        (status = 200, description = "The webhook", body = Webhook),
        Looking,
    ),
)]
#[get("/v1/webhooks/{name}")]
pub async fn look(app: web::Data<App>, caller: Caller, path: web::Path<String>) -> Result<HttpResponse, Problem> {
    let view = app.announcements()?.get(caller.institution(), &path)?;
    Ok(json(HttpResponse::Ok(), &Webhook::of(&app, view, None)))
}

refuses!(Setting: sets::KEYED, sets::BODY, sets::JSON, sets::READING, &[Kind::TooManyWebhooks, Kind::Restarting]);

/// Sets a webhook up, or changes it, and switches it on.
///
/// A new one is told what happens from now on. Each call is one event, signed as Standard Webhooks 1.0.0 says; answer
/// 2xx quickly, and drop repetitions by `webhook-id`. What fails is told again for days; 410 switches the webhook off.
#[utoipa::path(
    operation_id = "put_webhook",
    tag = "webhooks",
    params(("name" = WebhookName, Path, description = "Its name: 1 to 40 lower-case letters, digits or hyphens")),
    request_body(content = NewWebhook, content_type = "application/json"),
    responses(
        (status = 200, description = "Changed, and on", body = Webhook),
        (status = 201, description = "Set up; the secret is shown this once", body = Webhook,
            example = json!(examples::new_secret())),
        Setting,
    ),
)]
#[put("/v1/webhooks/{name}")]
pub async fn set(
    app: web::Data<App>,
    caller: Caller,
    path: web::Path<String>,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let (name, (url, types, include_test)) = (name(&path)?, wanted(&body.0)?);
    let (view, secret) = app.announcements()?.put(caller.institution(), name, &url, types, include_test).await?;
    let answer = if secret.is_some() { HttpResponse::Created() } else { HttpResponse::Ok() };
    Ok(json(answer, &Webhook::of(&app, view, secret)))
}

refuses!(Changing: sets::KEYED, sets::READING, &[Kind::UnknownWebhook, Kind::Restarting]);

/// Removes a webhook: nothing more is sent there.
#[utoipa::path(
    operation_id = "remove_webhook",
    tag = "webhooks",
    params(("name" = WebhookName, Path, description = "Its name")),
    responses(
        (status = 204, description = "Removed"),
        Changing,
    ),
)]
#[delete("/v1/webhooks/{name}")]
pub async fn remove(app: web::Data<App>, caller: Caller, path: web::Path<String>) -> Result<HttpResponse, Problem> {
    app.announcements()?.remove(caller.institution(), &path).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Gives a webhook a new secret. The one before signs beside it for a day, so that nothing is missed.
#[utoipa::path(
    operation_id = "rotate_webhook_secret",
    tag = "webhooks",
    params(("name" = WebhookName, Path, description = "Its name")),
    responses(
        (status = 200, description = "The webhook, with its new secret", body = Webhook,
            example = json!(examples::new_secret())),
        Changing,
    ),
)]
#[post("/v1/webhooks/{name}/secret")]
pub async fn rotate(app: web::Data<App>, caller: Caller, path: web::Path<String>) -> Result<HttpResponse, Problem> {
    let announcements = app.announcements()?;
    let secret = announcements.rotate(caller.institution(), &path).await?;
    let view = announcements.get(caller.institution(), &path)?;
    Ok(json(HttpResponse::Ok(), &Webhook::of(&app, view, Some(secret))))
}

/// Calls a webhook once, now, with an event `webhook.test`, and says how it went.
#[utoipa::path(
    operation_id = "test_webhook",
    tag = "webhooks",
    params(("name" = WebhookName, Path, description = "Its name")),
    responses(
        (status = 200, description = "How it went", body = Trial),
        Changing,
    ),
)]
#[post("/v1/webhooks/{name}/test")]
pub async fn test(app: web::Data<App>, caller: Caller, path: web::Path<String>) -> Result<HttpResponse, Problem> {
    let begun = Instant::now();
    let called = app.announcements()?.test(caller.institution(), &path).await?;
    let took_ms = begun.elapsed().as_millis() as u64;
    let trial = match called {
        Called::Delivered(status) => Trial { delivered: true, status: Some(status), reason: None, took_ms },
        Called::Gone => {
            let reason = Some("the endpoint answered 410: it wants no more".into());
            Trial { delivered: false, status: Some(410), reason, took_ms }
        }
        Called::Failed { status, reason, .. } => Trial { delivered: false, status, reason: Some(reason), took_ms },
    };
    Ok(json(HttpResponse::Ok(), &trial))
}

refuses!(
    Redelivering: sets::KEYED,
    sets::BODY,
    sets::JSON,
    sets::READING,
    &[Kind::UnknownWebhook, Kind::InvalidCursor, Kind::Conflict, Kind::CursorTooOld, Kind::Restarting],
);

/// Tells a part of the feed once more, under the same ids.
#[utoipa::path(
    operation_id = "redeliver_to_webhook",
    tag = "webhooks",
    params(("name" = WebhookName, Path, description = "Its name")),
    request_body(content = Part, content_type = "application/json"),
    responses(
        (status = 202, description = "Under way", body = Webhook),
        Redelivering,
    ),
)]
#[post("/v1/webhooks/{name}/redeliver")]
pub async fn redeliver(
    app: web::Data<App>,
    caller: Caller,
    path: web::Path<String>,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let mut faults = Faults::default();
    let Some(mut object) = Object::of(Json::parse(&body.0)?, "", &mut faults) else {
        return Err(Problem::InvalidRequest(faults.into_inner()));
    };
    let (after, until) = (object.text("after", &mut faults), object.text("until", &mut faults));
    if after.is_none() && faults.is_empty() {
        faults.add("/after", "is needed: a cursor of /v1/events, or oldest");
    }
    object.finish("after and until", &mut faults);
    if !faults.is_empty() {
        return Err(Problem::InvalidRequest(faults.into_inner()));
    }
    let owner = caller.institution();
    let announcements = app.announcements()?;
    announcements.get(owner, &path)?;
    let newest = app.parts.events.feed.newest();
    let after = app.place(owner, after.as_deref())?;
    let until = until.map_or(Ok(newest), |until| app.place(owner, Some(&until)))?.min(newest);
    if after.position < app.parts.events.feed.oldest().position {
        return Err(Problem::CursorTooOld);
    }
    announcements.redeliver(owner, &path, after, until).await?;
    let view = announcements.get(owner, &path)?;
    Ok(json(HttpResponse::Accepted(), &Webhook::of(&app, view, None)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_is_read_whole_or_each_fault_is_named() {
        let good = wanted(br#"{"url": "https://x.be/", "types": ["message.settled"]}"#).unwrap();
        assert_eq!(good, ("https://x.be/".to_owned(), vec!["message.settled".into()], false));
        assert!(wanted(br#"{"url": "https://x.be/", "include_test": true}"#).unwrap().2);
        for (body, pointer) in [
            ("{}", "/url"),
            (r#"{"url": 1}"#, "/url"),
            (r#"{"url": "https://x.be/", "types": ["lost"]}"#, "/types/0"),
            (r#"{"url": "https://x.be/", "types": "lost"}"#, "/types"),
            (r#"{"url": "https://x.be/", "secret": "x"}"#, "/secret"),
            (r#"{"url": "https://x.be/", "include_test": 1}"#, "/include_test"),
            (
                &format!(
                    r#"{{"url": "https://x.be/", "types": [{}"lost"]}}"#,
                    r#""message.settled","#.repeat(event::Kind::ALL.len())
                ),
                "/types",
            ),
        ] {
            let Err(Problem::InvalidRequest(faults)) = wanted(body.as_bytes()) else { panic!("accepted {body}") };
            assert_eq!(faults[0].pointer, pointer);
        }
        assert!(name("main-2").is_ok());
        for wrong in ["", "Main", "a b", "a/b", &"x".repeat(41)] {
            assert!(name(wrong).is_err(), "{wrong}");
        }
    }
}
