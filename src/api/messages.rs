//! Single messages: submit, look at, cancel.
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, delete, get, post, web};
use estafette_actors::domain::id::MessageId;
use estafette_actors::domain::status::MessageStatus;
use estafette_actors::domain::submission::{Envelope, Idempotency};
use estafette_actors::domain::time::Timestamp;
use estafette_actors::messages::Progress;

use super::answer::Answer;
use super::body::JsonBody;
use super::caller::Caller;
use super::examples;
use super::idempotency::{self, InProgress};
use super::prefer::Prefer;
use super::problem::{Kind, Problem, refuses, sets};
use super::schemas::{Id, Submission};
use super::submission::{self, Single};
use super::{App, InstitutionProfile};

fn envelope(
    id: MessageId,
    now: Timestamp,
    profile: &InstitutionProfile,
    single: Single,
    idempotency: Option<Idempotency>,
) -> Envelope {
    let Single { recipient, language, terms } = single;
    Envelope {
        id,
        institution: profile.institution,
        recipient,
        strategy: terms.strategy,
        content: terms.content.into(),
        lane: terms.lane,
        not_before: terms.not_before,
        valid_until: terms.valid_until,
        language,
        default_language: profile.default_language,
        sender_name: terms.sender_name,
        sender_reference: terms.sender_reference,
        accepted_at: now,
        idempotency,
        window: None,
    }
}

refuses!(
    Submitting: sets::KEYED,
    sets::PROFILED,
    sets::BODY,
    sets::JSON,
    sets::READING,
    sets::WRITING,
    sets::GROWING,
    &[Kind::InvalidIdempotencyKey, Kind::IdempotencyInProgress, Kind::IdempotencyMismatch],
);

/// Submits one message.
///
/// Without `Prefer` the call waits for the transmission status, 10 s at most; with `Prefer: wait=N`
/// N seconds, 30 at most; with `Prefer: respond-async` it is answered once the message is on disk.
/// Hanging up changes nothing. With an `Idempotency-Key` a repetition is answered with the same message.
#[utoipa::path(
    operation_id = "submit_message",
    tag = "messages",
    request_body(content = Submission, content_type = "application/json", description = "The message"),
    params(
        ("Prefer" = Option<String>, Header, description = "`respond-async`, or `wait=N` in seconds (RFC 7240)",
            example = "respond-async"),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters",
            pattern = "^[!-~]{1,255}$", example = "dossier-17-1"),
    ),
    responses(
        (status = 200, description = "Sent as the strategy accepts it, or settled", body = Answer,
            headers(
                ("Preference-Applied" = String, description = "What of `Prefer` was kept to"),
                ("RateLimit-Policy" = String, description = "Where there is a limit of requests: quota and window in seconds"),
                ("RateLimit" = String, description = "Likewise: what is left, and seconds until all of it is there again")
            )),
        (status = 202, description = "Accepted and on disk; Location says where to ask", body = Answer,
            headers(
                ("Location" = String, description = "The message"),
                ("Preference-Applied" = String, description = "What of `Prefer` was kept to"),
                ("RateLimit-Policy" = String, description = "Where there is a limit of requests: quota and window in seconds"),
                ("RateLimit" = String, description = "Likewise: what is left, and seconds until all of it is there again")
            ),
            example = json!(examples::accepted())),
        Submitting,
    ),
)]
#[post("/v1/messages")]
pub async fn submit(
    request: HttpRequest,
    app: web::Data<App>,
    caller: Caller,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let profile = caller.profile()?;
    let settings = &app.parts.settings;
    let prefer = Prefer::of(request.headers());
    let patience = prefer.patience(settings.wait_default, settings.wait_max);
    let idempotency = idempotency::of(&request, &app.parts.hash, &caller, &body.0)?;
    let rules = caller.rules()?;
    let mut answer = if let Some(given) = idempotency {
        let marked = InProgress::mark(&app, given)?;
        if let Some(answer) = earlier(&app, &caller, given).await? {
            answer
        } else {
            let single = submission::single(&body.0, &rules)?;
            let envelope = envelope(app.parts.broker.mint(), rules.now, profile, single, Some(given));
            let task_app = app.clone();
            // A task of its own: when the caller hangs up the key stays in progress till the end.
            let submitted = actix_web::rt::spawn(async move {
                let progress = task_app.parts.broker.submit(envelope, patience).await;
                drop(marked);
                progress
            });
            let progress = submitted.await.map_err(|_| Problem::Restarting)?;
            told(&app, &caller, progress?).await?
        }
    } else {
        let single = submission::single(&body.0, &rules)?;
        let envelope = envelope(app.parts.broker.mint(), rules.now, profile, single, None);
        told(&app, &caller, app.parts.broker.submit(envelope, patience).await?).await?
    };
    if let Some(applied) = prefer.applied(patience).and_then(|applied| HeaderValue::try_from(applied).ok()) {
        answer.headers_mut().insert(HeaderName::from_static("preference-applied"), applied);
    }
    Ok(answer)
}

/// The answer to a submission that got so far.
async fn told(app: &App, caller: &Caller, progress: Progress) -> Result<HttpResponse, Problem> {
    if progress.answered {
        let view = app.parts.broker.archive().message(Some(caller.institution()), progress.id).await?;
        if let Some(view) = view {
            return Ok(Answer::whole(view, app).ok());
        }
    }
    let state = app.parts.broker.journal().live(progress.id);
    let answer = Answer::brief(progress.id, progress.status, state.as_ref());
    Ok(if progress.answered { answer.ok() } else { answer.accepted() })
}

/// The current answer of the message that was accepted under this key before.
async fn earlier(app: &App, caller: &Caller, given: Idempotency) -> Result<Option<HttpResponse>, Problem> {
    let archive = app.parts.broker.archive();
    let Some(id) = archive.idempotent(given.key).await? else { return Ok(None) };
    let Some(view) = archive.message(Some(caller.institution()), id).await? else { return Ok(None) };
    match view.envelope.idempotency {
        Some(before) if before == given => {}
        Some(before) if before.key == given.key => return Err(Problem::IdempotencyMismatch),
        // Another key with the same hash in the index: not this message.
        _ => return Ok(None),
    }
    let strategy = &view.envelope.strategy;
    let answered = view.state.settled.is_some()
        || view.state.attempts.iter().any(|attempt| strategy.accepts(attempt.step, attempt.status.rank()));
    let answer = Answer::whole(view, app);
    Ok(Some(if answered { answer.ok() } else { answer.accepted() }))
}

/// Reads the id in a path; what is no id is not found.
fn id(path: &str) -> Result<MessageId, Problem> {
    path.parse().map_err(|_| Problem::NotFound)
}

refuses!(Looking: sets::KEYED, sets::READING, &[Kind::NotFound]);

/// A message with its attempts.
#[utoipa::path(
    operation_id = "message",
    tag = "messages",
    params(("id" = Id, Path, description = "The message's id")),
    responses(
        (status = 200, description = "The message", body = Answer),
        Looking,
    ),
)]
#[get("/v1/messages/{id}")]
pub async fn look(app: web::Data<App>, caller: Caller, path: web::Path<String>) -> Result<HttpResponse, Problem> {
    let view = app.parts.broker.archive().message(Some(caller.institution()), id(&path)?).await?;
    let view = view.filter(|view| caller.reaches().sees(&view.envelope.recipient));
    Ok(Answer::whole(view.ok_or(Problem::NotFound)?, &app).ok())
}

refuses!(Cancelling: sets::KEYED, sets::READING, sets::WRITING, &[Kind::NotFound, Kind::Conflict]);

/// Cancels what was not sent yet.
#[utoipa::path(
    operation_id = "cancel_message",
    tag = "messages",
    params(("id" = Id, Path, description = "The message's id")),
    responses(
        (status = 200, description = "No further step will be taken", body = Answer),
        Cancelling,
    ),
)]
#[delete("/v1/messages/{id}")]
pub async fn cancel(app: web::Data<App>, caller: Caller, path: web::Path<String>) -> Result<HttpResponse, Problem> {
    let (owner, id) = (Some(caller.institution()), id(&path)?);
    let archive = app.parts.broker.archive();
    let before = archive.message(owner, id).await?.filter(|view| caller.reaches().sees(&view.envelope.recipient));
    let before = before.ok_or(Problem::NotFound)?;
    if before.state.settled.is_some() {
        return Err(Problem::Conflict(settled(before.state.status()).into()));
    }
    let status = app.parts.broker.cancel(owner, id).await?;
    match archive.message(owner, id).await? {
        Some(view) => Ok(Answer::whole(view, &app).ok()),
        None => Ok(Answer::brief(id, status, None).ok()),
    }
}

fn settled(status: MessageStatus) -> String {
    format!("the message is settled already: {}; nothing is left to cancel", status.as_str())
}
