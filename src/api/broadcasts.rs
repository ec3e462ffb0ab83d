//! Broadcasts: create, fill, start, cancel, watch.
use std::collections::HashMap;
use std::sync::Arc;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, get, post, put, web};
use estafette_actors::domain::channel::Channel;
use estafette_actors::domain::id::BroadcastId;
use estafette_actors::domain::submission::Broadcast;
use estafette_actors::domain::template::Template;
use estafette_actors::ports::{BroadcastPhase, BroadcastView};

use super::answer::json;
use super::body::{JsonBody, media_type};
use super::caller::Caller;
use super::problem::{Fault, Kind, Problem, refuses, sets};
use super::schemas::{Id, NewBroadcast, OnError};
use super::submission;
use super::upload::{self, Check, Form, Marked, Tally};
use super::{App, examples, listing, window};

mod view;

use view::{BroadcastAnswer, Started, location};

impl App {
    /// A broadcast, if it is the caller's.
    pub(super) async fn broadcast_of(&self, caller: &Caller, id: &str) -> Result<BroadcastView, Problem> {
        let id: BroadcastId = id.parse().map_err(|_| Problem::NotFound)?;
        let found = self.parts.broker.archive().broadcast(Some(caller.institution()), id).await?;
        found.ok_or(Problem::NotFound)
    }
}

refuses!(Creating: sets::KEYED, sets::PROFILED, sets::BODY, sets::JSON, sets::WRITING, sets::GROWING);

/// Creates a broadcast, to be filled and started.
#[utoipa::path(
    operation_id = "create_broadcast",
    tag = "broadcasts",
    request_body(content = NewBroadcast, content_type = "application/json", description = "What all rows share"),
    responses(
        (status = 201, description = "Created, without recipients", body = BroadcastAnswer,
            headers(("Location" = String, description = "The broadcast"))),
        Creating,
    ),
)]
#[post("/v1/broadcasts")]
pub async fn create(app: web::Data<App>, caller: Caller, body: JsonBody) -> Result<HttpResponse, Problem> {
    let profile = caller.profile()?;
    let rules = caller.rules()?;
    let (terms, window) = submission::broadcast(&body.0, &rules, longest_sms(&app))?;
    let broker = &app.parts.broker;
    let broadcast = Broadcast {
        id: broker.broadcast_id(),
        institution: profile.institution,
        strategy: terms.strategy,
        variables: terms.content.variables(),
        content: Arc::new(terms.content),
        lane: terms.lane,
        not_before: terms.not_before,
        valid_until: terms.valid_until,
        default_language: profile.default_language,
        sender_name: terms.sender_name,
        sender_reference: terms.sender_reference,
        created_at: rules.now,
        window: window.map(Arc::new),
    };
    let view = BroadcastView {
        broadcast: Arc::new(broadcast.clone()),
        phase: BroadcastPhase::Draft,
        chunks: 0,
        rows: 0,
        by_status: HashMap::new(),
        started_at: None,
        held: None,
        per_second: None,
        expected_end: None,
    };
    broker.create_broadcast(broadcast).await?;
    let mut answer = HttpResponse::Created();
    answer.insert_header((header::LOCATION, location(view.broadcast.id)));
    Ok(json(answer, &BroadcastAnswer::of(view)))
}

refuses!(Looking: sets::KEYED, sets::READING, &[Kind::NotFound]);

/// A broadcast and how far it is.
#[utoipa::path(
    operation_id = "broadcast",
    tag = "broadcasts",
    params(("id" = Id, Path, description = "The broadcast's id")),
    responses(
        (status = 200, description = "The broadcast", body = BroadcastAnswer),
        Looking,
    ),
)]
#[get("/v1/broadcasts/{id}")]
pub async fn look(app: web::Data<App>, caller: Caller, path: web::Path<String>) -> Result<HttpResponse, Problem> {
    let view = app.broadcast_of(&caller, &path).await?;
    Ok(json(HttpResponse::Ok(), &BroadcastAnswer::of(view)))
}

/// Characters that an SMS may have, where that is bounded.
fn longest_sms(app: &App) -> Option<usize> {
    let sms = app.parts.transports.iter().find(|transport| transport.channel() == Channel::SMS);
    sms.and_then(|transport| transport.longest_text())
}

/// The content as rows fill it. What may go by SMS must fit into one.
fn template(app: &App, broadcast: &Broadcast) -> Template {
    let may_be_sms = broadcast.strategy.channels().any(|channel| channel == Channel::SMS);
    let sms = if may_be_sms { longest_sms(app) } else { None };
    Template::of(&broadcast.content, &broadcast.variables, sms)
}

refuses!(
    Uploading: sets::KEYED,
    sets::BODY,
    sets::READING,
    sets::WRITING,
    sets::GROWING,
    &[Kind::InvalidQuery, Kind::NotFound, Kind::Conflict, Kind::UploadInProgress],
    &[Kind::InvalidHeader, Kind::BadRows, Kind::Spool],
);

/// Puts recipients into a draft, any number of times, also several uploads at once. CSV has a header out of
/// `key,niss,mobile,cbe,language,var.NAME`, any subset in any order.
///
/// With `on_error=refuse` (the default) one bad row refuses the whole upload; with `keep` the good
/// rows are stored. Of rows with the same key the first one counts.
#[utoipa::path(
    operation_id = "put_recipients",
    tag = "broadcasts",
    params(
        ("id" = Id, Path, description = "The broadcast's id"),
        ("on_error" = Option<OnError>, Query, description = "What one bad row does; refuse by default"),
    ),
    request_body(
        content(
            (String = "application/x-ndjson", example = json!(examples::rows_ndjson())),
            (String = "text/csv", example = json!(examples::rows_csv())),
        ),
        description = "A `Row` a line, or CSV with a header",
    ),
    responses(
        (status = 200, description = "Stored", body = Tally),
        Uploading,
    ),
)]
#[put("/v1/broadcasts/{id}/recipients")]
pub async fn fill(
    request: HttpRequest,
    app: web::Data<App>,
    caller: Caller,
    path: web::Path<String>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let form = match media_type(&request).as_deref() {
        Some("text/csv") => Form::Csv,
        Some("application/x-ndjson" | "application/ndjson" | "application/jsonl") => Form::Ndjson,
        _ => return Err(Problem::UnsupportedMediaType("application/x-ndjson or text/csv")),
    };
    let keep = on_error(&request)?;
    let view = app.broadcast_of(&caller, &path).await?;
    draft(&view)?;
    let id = view.broadcast.id;
    let filling = Marked::filling(&app, id)?;
    let slot = Arc::clone(&app.upload_slots).try_acquire_owned();
    let slot = slot.map_err(|_| Problem::Overloaded(std::time::Duration::from_secs(5)))?;
    // Again, now that nobody starts it.
    let view = app.broadcast_of(&caller, &path).await?;
    draft(&view)?;
    let check = Check {
        form,
        variables: view.broadcast.variables.clone().into(),
        template: Arc::new(template(&app, &view.broadcast)),
        today: submission::today(app.parts.broker.now()),
        reaches: caller.reaches(),
        reported: app.parts.settings.reported_rows,
        keep,
        journal: Arc::clone(app.parts.broker.journal()),
    };
    let (file, tally) = upload::receive(&app, payload, check).await?;
    if tally.refused > 0 && !keep {
        return Err(Problem::BadRows(Box::new(Tally { accepted: 0, ..tally })));
    }
    let app_of_task = app.clone();
    // A task of its own: an upload that arrived whole is stored whole, whoever hangs up.
    let stored = actix_web::rt::spawn(async move {
        let _held = (filling, slot);
        let file = upload::fits(&app_of_task, file).await?;
        upload::store(&app_of_task, id, file).await
    });
    stored.await.map_err(|_| Problem::Restarting)??;
    Ok(json(HttpResponse::Ok(), &tally))
}

fn on_error(request: &HttpRequest) -> Result<bool, Problem> {
    let mut keep = false;
    for (name, value) in listing::query(request)? {
        match (name.as_str(), value.as_str()) {
            ("on_error", "keep") => keep = true,
            ("on_error", "refuse") => keep = false,
            ("on_error", _) => {
                return Err(Problem::InvalidQuery(vec![Fault::new("on_error", "give refuse or keep")]));
            }
            _ => return Err(listing::unknown(&name, "on_error")),
        }
    }
    Ok(keep)
}

fn draft(view: &BroadcastView) -> Result<(), Problem> {
    match view.phase {
        BroadcastPhase::Draft => Ok(()),
        _ => Err(Problem::Conflict("the broadcast is no draft any more; create another for more recipients".into())),
    }
}

refuses!(
    Starting: sets::KEYED,
    sets::READING,
    sets::WRITING,
    sets::GROWING,
    &[Kind::NotFound, Kind::Conflict, Kind::UploadInProgress],
);

/// Starts a broadcast: its rows are sent from now on, or from `not_before`.
#[utoipa::path(
    operation_id = "start_broadcast",
    tag = "broadcasts",
    params(("id" = Id, Path, description = "The broadcast's id")),
    responses(
        (status = 200, description = "Started", body = Started),
        Starting,
    ),
)]
#[post("/v1/broadcasts/{id}/start")]
pub async fn start(app: web::Data<App>, caller: Caller, path: web::Path<String>) -> Result<HttpResponse, Problem> {
    let id = app.broadcast_of(&caller, &path).await?.broadcast.id;
    let filling = Marked::starting(&app, id)?;
    let view = app.broadcast_of(&caller, &path).await?;
    draft(&view)?;
    if view.rows == 0 {
        return Err(Problem::Conflict("the broadcast has no recipients; put some first".into()));
    }
    if view.broadcast.valid_until <= app.parts.broker.now() {
        return Err(Problem::Conflict("the broadcast's validity has passed; create another".into()));
    }
    if let Some(window) = view.broadcast.binding_window() {
        let from = view.broadcast.not_before.max(app.parts.broker.now());
        window::opens(window, from, view.broadcast.valid_until).map_err(|what| Problem::Conflict(what.into()))?;
    }
    let app_of_task = app.clone();
    let started = actix_web::rt::spawn(async move {
        let _held = filling;
        app_of_task.parts.broker.start_broadcast(id).await
    });
    let duplicates = started.await.map_err(|_| Problem::Restarting)??;
    let broadcast = BroadcastAnswer::of(app.broadcast_of(&caller, &path).await?);
    Ok(json(HttpResponse::Ok(), &Started { duplicates, broadcast }))
}

refuses!(Steering: sets::KEYED, sets::READING, sets::WRITING, &[Kind::NotFound, Kind::Conflict]);

/// Holds a broadcast up: rows that were begun go on, no other is begun until it is resumed. Its
/// validity passes all the same.
#[utoipa::path(
    operation_id = "pause_broadcast",
    tag = "broadcasts",
    params(("id" = Id, Path, description = "The broadcast's id")),
    responses(
        (status = 200, description = "Paused", body = BroadcastAnswer),
        Steering,
    ),
)]
#[post("/v1/broadcasts/{id}/pause")]
pub async fn pause(app: web::Data<App>, caller: Caller, path: web::Path<String>) -> Result<HttpResponse, Problem> {
    let view = app.broadcast_of(&caller, &path).await?;
    match view.phase {
        BroadcastPhase::Started => app.parts.broker.pause_broadcast(view.broadcast.id).await?,
        BroadcastPhase::Paused => {}
        _ => return Err(Problem::Conflict("only a broadcast that is being sent can be paused".into())),
    }
    let broadcast = BroadcastAnswer::of(app.broadcast_of(&caller, &path).await?);
    Ok(json(HttpResponse::Ok(), &broadcast))
}

/// Goes on with a paused broadcast.
#[utoipa::path(
    operation_id = "resume_broadcast",
    tag = "broadcasts",
    params(("id" = Id, Path, description = "The broadcast's id")),
    responses(
        (status = 200, description = "Goes on", body = BroadcastAnswer),
        Steering,
    ),
)]
#[post("/v1/broadcasts/{id}/resume")]
pub async fn resume(app: web::Data<App>, caller: Caller, path: web::Path<String>) -> Result<HttpResponse, Problem> {
    let view = app.broadcast_of(&caller, &path).await?;
    match view.phase {
        BroadcastPhase::Paused => app.parts.broker.resume_broadcast(view.broadcast.id).await?,
        BroadcastPhase::Started => {}
        _ => return Err(Problem::Conflict("only a paused broadcast can be resumed".into())),
    }
    let broadcast = BroadcastAnswer::of(app.broadcast_of(&caller, &path).await?);
    Ok(json(HttpResponse::Ok(), &broadcast))
}

/// Cancels what waits of a broadcast. Rows that were begun go on; an upload that is under way is refused from then on.
#[utoipa::path(
    operation_id = "cancel_broadcast",
    tag = "broadcasts",
    params(("id" = Id, Path, description = "The broadcast's id")),
    responses(
        (status = 200, description = "Cancelled", body = BroadcastAnswer),
        Steering,
    ),
)]
#[post("/v1/broadcasts/{id}/cancel")]
pub async fn cancel(app: web::Data<App>, caller: Caller, path: web::Path<String>) -> Result<HttpResponse, Problem> {
    let view = app.broadcast_of(&caller, &path).await?;
    match view.phase {
        BroadcastPhase::Draft | BroadcastPhase::Started | BroadcastPhase::Paused => {
            app.parts.broker.cancel_broadcast(view.broadcast.id).await?;
        }
        BroadcastPhase::Cancelled => {}
        BroadcastPhase::Done => {
            return Err(Problem::Conflict("every row is settled; nothing is left to cancel".into()));
        }
    }
    let broadcast = BroadcastAnswer::of(app.broadcast_of(&caller, &path).await?);
    Ok(json(HttpResponse::Ok(), &broadcast))
}
