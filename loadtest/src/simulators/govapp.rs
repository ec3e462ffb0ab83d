//! The GovApp push platform under `/govapp/api/v1/pushNotifications`.
//!
//! Invariant: whether somebody is a receiver follows from the number (settings, sandbox), so look-ups keep no state; a 201 means that each receiver whose
//! notification it names is in the ledger. What happened to a notification follows from its entry and the time: the events that are posted and those that a query
//! shows are the same. `CREATED` is shown, not posted. It can't read an encrypted body, and doesn't look into a clear one.

use actix_web::web::{Data, Query};
use actix_web::{HttpRequest, HttpResponse, http::header};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::desk::now_ms;
use super::receipt::Stage;
use super::{World, identity, refuse};
use crate::addressee::Addressee;
use crate::hash;
use crate::ledger::book::{NEVER, Recorded};
use crate::sandbox::Behaviour;

pub(crate) mod sending;

/// Entries of a page unless the request says otherwise, and at most.
const PAGE: usize = 100;
const PAGE_MAX: usize = 1_000;
/// Distinguishes the share of people here from the shares of other channels.
const SALT: u64 = 1;
/// The modulus of an RSA-2048 key whose private half was thrown away: the simulator reads nothing.
const PUBLIC_KEY: &str = "s5a3H7j1NZQntZJw4bsqnTciq9Z-jCUE0H971UQmqXE1DSzjHwJG9nhlGQ4ijHn_fjX82Cq2X0WA7_l15VNh2lGUlzwijoAUuqjqmJHhLf7DK40HPvPTTDcR1IpRS1rX3TIs2pOzENXbzzLVkFCjtCd7Ez8huHq7lphT2ljLq4xHXhYhD7sPOJSdKe8-fv_Kak9E3TFSGafqIhgy7R7ZjV5hhG6pOVP5FeyI-c1DtHzBgbv1FEq2BS1YzK3AD3aKXd0FPQArGjkp2yUVI1sGe3awCoS2Hl8mtSv7JCSoDfFlX2ITMRl47_gUAF_VQJ3OzHmkCRhSyH_nTPPWef1UaQ==";

/// Why a request is not served; becomes the status and a problem in JSON.
type No = (u16, &'static str);

fn is_receiver(addressee: Addressee, world: &World) -> bool {
    match Behaviour::of_addressee(addressee) {
        Some(behaviour) => behaviour != Behaviour::NotOnGovapp,
        None => addressee.falls_in(world.settings.govapp.reachable, SALT),
    }
}

fn authorize(request: &HttpRequest, world: &World) -> Result<(), No> {
    let given = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = given.and_then(|value| value.strip_prefix("Bearer ")).filter(|token| !token.is_empty());
    let fits = token.is_some_and(|token| world.settings.govapp.token.as_deref().is_none_or(|known| known == token));
    fits.then_some(()).ok_or((401, "give a bearer token that is known"))
}

/// Answers with the correlation id of the request.
fn answer(request: &HttpRequest, outcome: Result<HttpResponse, No>) -> HttpResponse {
    let mut response = outcome.unwrap_or_else(|(status, message)| {
        let status = actix_web::http::StatusCode::from_u16(status).unwrap_or_default();
        HttpResponse::build(status).json(serde_json::json!({ "status": status.as_u16(), "message": message }))
    });
    if let Some(id) = request.headers().get("x-correlation-id") {
        response.headers_mut().insert(header::HeaderName::from_static("x-correlation-id"), id.clone());
    }
    response
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WhoQuery {
    phone_number: Option<String>,
    ssin: Option<String>,
    limit: Option<usize>,
    #[serde(default)]
    offset: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Receivers {
    total_amount: usize,
    receivers: Vec<Receiver>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Receiver {
    id: Uuid,
    public_key: String,
}

/// `GET /notifications/receivers`
pub(crate) async fn receivers(request: HttpRequest, who: Query<WhoQuery>, world: Data<World>) -> HttpResponse {
    let found = find_receivers(&request, &who, &world).await;
    answer(&request, found)
}

async fn find_receivers(request: &HttpRequest, who: &WhoQuery, world: &World) -> Result<HttpResponse, No> {
    authorize(request, world)?;
    let addressee = match (&who.phone_number, &who.ssin) {
        (Some(number), None) => Addressee::mobile(number).ok_or((400, "phoneNumber takes 6 to 15 digits"))?,
        (None, Some(ssin)) => Addressee::niss(ssin).ok_or((400, "ssin takes a valid number of 11 digits"))?,
        _ => return Err((400, "give either phoneNumber or ssin")),
    };
    // A look-up of a reserved recipient always works: its behaviour is about the message.
    let reserved = Behaviour::of_addressee(addressee).map(|_| (Behaviour::Deliver, 0));
    match world.govapp.admit(request, addressee.key(), reserved).await {
        Ok(passed) if passed.lose_answer => world.govapp.hang_up(request, passed).await,
        Ok(_) => {}
        Err(refusal) => return Ok(refuse(refusal)),
    }
    let total = if is_receiver(addressee, world) { usize::from(world.settings.govapp.devices) } else { 0 };
    let receivers = (0..total)
        .skip(who.offset)
        .take(who.limit.unwrap_or(PAGE).min(PAGE_MAX))
        .map(|device| Receiver {
            id: identity::receiver(addressee, device as u8),
            public_key: world.settings.govapp.public_key.clone().unwrap_or_else(|| PUBLIC_KEY.to_owned()),
        })
        .collect();
    Ok(HttpResponse::Ok().json(Receivers { total_amount: total, receivers }))
}

fn timestamp(at_ms: u64) -> jiff::Timestamp {
    jiff::Timestamp::from_millisecond(at_ms as i64).unwrap_or_default()
}

const STAGES: [Stage; 3] = [Stage::Received, Stage::Opened, Stage::ActionTaken];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WhatQuery {
    message_correlation_id: Option<String>,
    status: Option<Stage>,
    sent_after: Option<jiff::Timestamp>,
    sent_before: Option<jiff::Timestamp>,
    limit: Option<usize>,
    #[serde(default)]
    offset: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Notifications {
    total_amount: usize,
    notifications: Vec<Notification>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Notification {
    id: Uuid,
    receiver_id: Uuid,
    message_correlation_id: String,
    available_until_date: Option<jiff::Timestamp>,
    status: Stage,
    created_on: jiff::Timestamp,
    updated_on: jiff::Timestamp,
    events: Vec<Event>,
}

#[derive(Serialize)]
struct Event {
    #[serde(rename = "type")]
    stage: Stage,
    action: Option<&'static str>,
    timestamp: jiff::Timestamp,
}

/// `GET /notifications`
pub(crate) async fn notifications(request: HttpRequest, what: Query<WhatQuery>, world: Data<World>) -> HttpResponse {
    let found = find_notifications(&request, &what, &world).await;
    answer(&request, found)
}

async fn find_notifications(request: &HttpRequest, what: &WhatQuery, world: &World) -> Result<HttpResponse, No> {
    authorize(request, world)?;
    match world.govapp.admit(request, hash::bytes(2, request.query_string().as_bytes()), None).await {
        Ok(passed) if passed.lose_answer => world.govapp.hang_up(request, passed).await,
        Ok(_) => {}
        Err(refusal) => return Ok(refuse(refusal)),
    }
    let now = now_ms();
    let millisecond = |at: Option<jiff::Timestamp>, none| at.map_or(none, |at| at.as_millisecond().max(0) as u64);
    let (from, to) = (millisecond(what.sent_after, 0), millisecond(what.sent_before, u64::MAX));
    let limit = what.limit.unwrap_or(PAGE).min(PAGE_MAX);
    let mut total_amount = 0;
    let mut notifications = Vec::new();
    let mut take = |recorded: Recorded<'_>| {
        if what.status.is_none_or(|status| status == stage(&recorded, now)) {
            if total_amount >= what.offset && notifications.len() < limit {
                notifications.push(view(&recorded, now));
            }
            total_amount += 1;
        }
    };
    world.govapp.read(|book| match &what.message_correlation_id {
        Some(correlation) => {
            let of = book.of(correlation).into_iter();
            of.filter(|recorded| (from..to).contains(&recorded.fact.at_ms)).for_each(&mut take);
        }
        None => book.between(from, to).for_each(&mut take),
    });
    Ok(HttpResponse::Ok().json(Notifications { total_amount, notifications }))
}

/// The stages that it has reached, with their times.
fn reached(recorded: &Recorded<'_>, now: u64) -> impl Iterator<Item = (Stage, u64)> {
    let at_ms = recorded.fact.at_ms;
    let later = STAGES.into_iter().zip(recorded.fact.steps);
    let later = later.filter(|(_, step)| *step != NEVER).map(move |(stage, step)| (stage, at_ms + u64::from(step)));
    std::iter::once((Stage::Created, at_ms)).chain(later.filter(move |(_, at)| *at <= now))
}

fn stage(recorded: &Recorded<'_>, now: u64) -> Stage {
    reached(recorded, now).last().map_or(Stage::Created, |(stage, _)| stage)
}

fn view(recorded: &Recorded<'_>, now: u64) -> Notification {
    let fact = &recorded.fact;
    let events: Vec<Event> = reached(recorded, now)
        .map(|(stage, at)| Event { stage, action: stage.action(), timestamp: timestamp(at) })
        .collect();
    let updated_on = events.last().map_or(timestamp(fact.at_ms), |event| event.timestamp);
    Notification {
        id: identity::message(fact.at_ms, recorded.sequence),
        receiver_id: identity::receiver(fact.addressee, fact.device),
        message_correlation_id: fact.reference.to_owned(),
        available_until_date: (fact.until_s > 0).then(|| timestamp(u64::from(fact.until_s) * 1_000)),
        status: stage(recorded, now),
        created_on: timestamp(fact.at_ms),
        updated_on,
        events,
    }
}

/// A new callback address; none stops the events.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewCallback {
    url: Option<String>,
    secret: Option<String>,
}

/// `PUT /govapp/callback`: where the events go from now on (not part of the platform that is simulated).
pub(crate) async fn set_callback(new: actix_web::web::Json<NewCallback>, world: Data<World>) -> HttpResponse {
    let secret = new.secret.as_deref().unwrap_or(&world.settings.govapp.callback_secret);
    match super::govapp_target(new.url.as_deref(), secret) {
        Ok(target) => {
            world.callbacks.set_govapp(target);
            HttpResponse::NoContent().finish()
        }
        Err(error) => HttpResponse::BadRequest().json(serde_json::json!({ "message": error.to_string() })),
    }
}
