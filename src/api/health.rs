//! Whether it lives, whether it can take work, and its figures. Without a key: nothing here is
//! anybody's own.
use actix_web::http::header;
use actix_web::{HttpResponse, get, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::App;
use super::answer::json;

/// Whether work is taken.
#[derive(Debug, Serialize, ToSchema)]
pub struct Readiness {
    /// Whether work is taken.
    ready: bool,
    /// Why not.
    reason: Option<String>,
    /// Webhooks of all institutions that are switched off: their owners were told, work is taken all the same.
    webhooks_off: usize,
}

/// The process answers.
#[utoipa::path(
    tag = "operation",
    responses((status = 200, description = "It answers", body = String, content_type = "text/plain")),
    security(()),
)]
#[get("/healthz")]
pub async fn alive() -> HttpResponse {
    HttpResponse::Ok().insert_header((header::CONTENT_TYPE, "text/plain; charset=utf-8")).body("ok\n")
}

/// Work is taken: the journal can be written, and the program is not about to end.
#[utoipa::path(
    tag = "operation",
    responses(
        (status = 200, description = "Work is taken", body = Readiness),
        (status = 503, description = "No work is taken; the reason says why", body = Readiness),
    ),
    security(()),
)]
#[get("/readyz")]
pub async fn ready(app: web::Data<App>) -> HttpResponse {
    let broker = &app.parts.broker;
    let webhooks = broker.announcements().map(|all| all.list(None)).unwrap_or_default();
    let webhooks_off = webhooks.iter().filter(|view| view.webhook.off.is_some()).count();
    let ending = broker.is_closing().then(|| "the program is about to end".to_owned());
    let read_only = broker.journal().read_only().map(|reason| format!("the journal is read-only: {reason}"));
    match read_only.or(ending) {
        None => json(HttpResponse::Ok(), &Readiness { ready: true, reason: None, webhooks_off }),
        reason => json(HttpResponse::ServiceUnavailable(), &Readiness { ready: false, reason, webhooks_off }),
    }
}

/// Metrics in Prometheus' text format.
#[utoipa::path(
    tag = "operation",
    responses((status = 200, description = "The metrics", body = String, content_type = "text/plain")),
    security(()),
)]
#[get("/metrics")]
pub async fn metrics(app: web::Data<App>) -> HttpResponse {
    let body = (app.parts.metrics)();
    HttpResponse::Ok().insert_header((header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")).body(body)
}
