//! Whether it lives, whether it can take work, and its figures. Without a key: nothing here is
//! anybody's own.
use actix_web::http::header;
use actix_web::{HttpResponse, get, web};
use estafette_actors::nursery::{Condition, Vitals};
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::json;
use super::{App, examples};

/// Parts without which messages travel all the same.
const IDLE: [&str; 2] = ["registry", "announcer"];

/// Whether work is taken.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = examples::ready)]
pub struct Readiness {
    /// Whether work is taken.
    ready: bool,
    /// Why not.
    #[schema(required)]
    reason: Option<String>,
    /// Parts that kept failing and are down until a restart. Without the supervisor, or a channel's delivery, the broker
    /// is not ready.
    #[schema(example = json!(["delivery-sms"]))]
    down: Vec<String>,
    /// Webhooks of all institutions that are switched off: their owners were told, work is taken all the same.
    webhooks_off: usize,
}

/// The process answers.
#[utoipa::path(
    tag = "operation",
    responses((status = 200, description = "It answers", body = String, content_type = "text/plain",
        example = "ok\n")),
    security(()),
)]
#[get("/healthz")]
pub async fn alive() -> HttpResponse {
    HttpResponse::Ok().insert_header((header::CONTENT_TYPE, "text/plain; charset=utf-8")).body("ok\n")
}

/// Work is taken: the journal can be written, what carries messages runs, and the program is not about to end.
#[utoipa::path(
    tag = "operation",
    responses(
        (status = 200, description = "Work is taken", body = Readiness),
        (status = 503, description = "No work is taken; the reason says why", body = Readiness,
            example = json!(examples::not_ready())),
    ),
    security(()),
)]
#[get("/readyz")]
pub async fn ready(app: web::Data<App>) -> HttpResponse {
    let broker = &app.parts.broker;
    let webhooks = broker.announcements().map(|all| all.list(None)).unwrap_or_default();
    let webhooks_off = webhooks.iter().filter(|view| view.webhook.off.is_some()).count();
    let down: Vec<String> = parts_down(&broker.vitals());
    let reason = unready(broker.journal().read_only(), broker.is_closing(), &down);
    let ready = reason.is_none();
    let answer = if ready { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    json(answer, &Readiness { ready, reason, down, webhooks_off })
}

fn parts_down(vitals: &[Vitals]) -> Vec<String> {
    let down = vitals.iter().filter(|part| part.condition == Condition::Down);
    down.map(|part| part.name.clone()).collect()
}

/// Why no work is taken, or why what is taken would not go on.
fn unready(read_only: Option<String>, ending: bool, down: &[String]) -> Option<String> {
    // What the registry knows is read without it, and senders can ask where they aren't told.
    let carrying: Vec<&str> = down.iter().map(String::as_str).filter(|part| !IDLE.contains(part)).collect();
    let stopped = || format!("{} kept failing and is down: restart the broker", carrying.join(", "));
    read_only
        .map(|reason| format!("the journal is read-only: {reason}"))
        .or_else(|| ending.then(|| "the program is about to end".to_owned()))
        .or_else(|| (!carrying.is_empty()).then(stopped))
}

/// Metrics in Prometheus' text format.
#[utoipa::path(
    tag = "operation",
    responses((status = 200, description = "The metrics", body = String, content_type = "text/plain",
        example = "# TYPE estafette_accepted_total counter\n")),
    security(()),
)]
#[get("/metrics")]
pub async fn metrics(app: web::Data<App>) -> HttpResponse {
    let body = (app.parts.metrics)();
    HttpResponse::Ok().insert_header((header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")).body(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broker_whose_supervisor_or_delivery_is_down_is_not_ready_and_says_which() {
        let vitals = |name: &str, condition| Vitals {
            name: name.to_owned(),
            condition,
            generation: 6,
            panics: 6,
            last_panic: None,
        };
        let why = |condition, names: &[&str]| {
            let all: Vec<Vitals> = names.iter().map(|name| vitals(name, condition)).collect();
            unready(None, false, &parts_down(&all))
        };
        let all = ["supervisor", "registry", "announcer", "delivery-sms"];
        for fine in [Condition::Running, Condition::Restarting, Condition::Stopped] {
            assert_eq!(why(fine, &all), None);
        }
        assert_eq!(why(Condition::Down, &["registry", "announcer"]), None);
        for part in ["supervisor", "delivery-sms"] {
            assert!(why(Condition::Down, &[part, "registry"]).is_some_and(|why| why.starts_with(part)));
        }
        assert!(unready(Some("no space".to_owned()), false, &[]).is_some());
        assert!(unready(None, true, &[]).is_some());
    }
}
