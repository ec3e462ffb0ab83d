//! The GovApp push platform under `/govapp/api/v1/pushNotifications`.
//!
//! Invariant: whether somebody is a receiver follows from the number (settings, sandbox), so look-ups keep no state; a 201 means that each receiver is in the
//! ledger. What happened to a notification follows from its entry and the time: the events that are posted and those that a query
//! shows are the same. `CREATED` is shown, not posted. It can't read an encrypted body, and doesn't look into a clear one.

use actix_web::web::{Bytes, Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse, http::header};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::callbacks::{Early, Room};
use super::desk::{Passed, now_ms};
use super::receipt::{GovAppEvent, Report, Stage, timetable};
use super::text::Text;
use super::{World, identity, refuse, sealed};
use crate::addressee::Addressee;
use crate::faults::{ReceiptFate, ReceiptFaults};
use crate::hash::{self, Chance};
use crate::ledger::Outcome;
use crate::ledger::book::{Fact, NEVER, Recorded};
use crate::sandbox::Behaviour;

/// Receivers of one notification to many.
const RECEIVERS: usize = 10_000;
/// Entries of a page unless the request says otherwise, and at most.
const PAGE: usize = 100;
const PAGE_MAX: usize = 1_000;
/// Events of one receiver: three, each twice, and a stranger's.
const RECEIPTS: usize = 7;
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

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Content<'a> {
    #[serde(borrow)]
    public_title: Titles<'a>,
    #[serde(default)]
    private_body: Option<IgnoredAny>,
    #[serde(borrow, default)]
    encrypted_body: Text<'a>,
    #[serde(borrow, default)]
    languages: Vec<Text<'a>>,
    #[serde(borrow, default)]
    available_until_date: Text<'a>,
    #[serde(borrow, default)]
    message_correlation_id: Text<'a>,
    #[serde(default)]
    receiver_ids: Vec<Uuid>,
}

#[derive(Deserialize)]
struct Titles<'a> {
    #[serde(borrow, default)]
    fr: Text<'a>,
    #[serde(borrow, default)]
    nl: Text<'a>,
    #[serde(borrow, default)]
    de: Text<'a>,
    #[serde(borrow, default)]
    en: Text<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Reply {
    id: Uuid,
    status: Stage,
    created_on: jiff::Timestamp,
    /// Of a notification to many: the one of each receiver.
    #[serde(skip_serializing_if = "Option::is_none")]
    notifications: Option<Vec<ReplyFor>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ReplyFor {
    id: Uuid,
    receiver_id: Uuid,
}

/// A notification that was read and is in order.
struct Order<'a> {
    to: Vec<(Addressee, u8)>,
    correlation: &'a str,
    until_s: u32,
    many: bool,
}

/// `POST /notifications/receivers/{id}/notifications`
pub(crate) async fn to_one(request: HttpRequest, id: Path<String>, body: Bytes, world: Data<World>) -> HttpResponse {
    // An id that is no UUID is one that nobody has.
    let receiver = Uuid::parse_str(&id).unwrap_or_default();
    let created = create(&request, Some(receiver), &body, &world).await;
    answer(&request, created)
}

/// `POST /notifications`
pub(crate) async fn to_many(request: HttpRequest, body: Bytes, world: Data<World>) -> HttpResponse {
    let created = create(&request, None, &body, &world).await;
    answer(&request, created)
}

fn read<'a>(body: &'a Content<'a>, one: Option<Uuid>, world: &World) -> Result<Order<'a>, No> {
    let titles = [&body.public_title.fr, &body.public_title.nl, &body.public_title.de, &body.public_title.en];
    if titles.iter().all(|title| title.is_empty()) {
        return Err((400, "publicTitle needs a text in fr, nl, de or en"));
    }
    if body.private_body.is_some() != body.encrypted_body.is_empty() {
        return Err((400, "give either privateBody or encryptedBody"));
    }
    if !body.encrypted_body.is_empty() {
        if one.is_none() {
            return Err((400, "encryptedBody is for one receiver"));
        }
        sealed::check(&body.encrypted_body)?;
    }
    if !body.languages.iter().all(|language| matches!(&**language, "fr" | "nl" | "de" | "en")) {
        return Err((400, "languages takes fr, nl, de and en"));
    }
    if body.message_correlation_id.is_empty() {
        return Err((400, "messageCorrelationId is missing"));
    }
    let ids = one.as_ref().map_or(&*body.receiver_ids, std::slice::from_ref);
    if ids.is_empty() || ids.len() > RECEIVERS {
        return Err((400, "receiverIds takes 1 to 10000 ids"));
    }
    let known = |id: &Uuid| identity::addressee(*id).filter(|(addressee, _)| is_receiver(*addressee, world));
    let to: Option<Vec<_>> = ids.iter().map(known).collect();
    Ok(Order {
        to: to.ok_or((404, "no such receiver"))?,
        correlation: &body.message_correlation_id,
        until_s: until(&body.available_until_date)?,
        many: one.is_none(),
    })
}

/// Seconds since 1970 of a time or the end of a day in UTC; 0 for none.
fn until(text: &str) -> Result<u32, No> {
    if text.is_empty() {
        return Ok(0);
    }
    let at = text.parse::<jiff::Timestamp>().or_else(|_| format!("{text}T23:59:59Z").parse());
    let seconds = at.map_err(|_| (400, "availableUntilDate takes a date or a time in RFC 3339"))?.as_second();
    if seconds <= (now_ms() / 1_000) as i64 {
        return Err((422, "availableUntilDate is over"));
    }
    Ok(u32::try_from(seconds).unwrap_or(u32::MAX))
}

async fn create(request: &HttpRequest, one: Option<Uuid>, body: &[u8], world: &World) -> Result<HttpResponse, No> {
    authorize(request, world)?;
    let body: Content<'_> =
        serde_json::from_slice(body).map_err(|_| (400, "the body is not the JSON of a notification"))?;
    let order = read(&body, one, world)?;
    let first = order.to[0].0;
    let behaviour = Behaviour::of_addressee(first).map(|behaviour| (behaviour, first.key()));
    // Two devices of a citizen get the same correlation id.
    let key = hash::bytes(u64::from(order.to[0].1), order.correlation.as_bytes());
    let passed = match world.govapp.admit(request, key, behaviour).await {
        Ok(passed) => passed,
        Err(refusal) => return Ok(refuse(refusal)),
    };
    if order.to.iter().any(|(to, _)| Behaviour::of_addressee(*to) == Some(Behaviour::Reject)) {
        return Err((422, "the receiver refuses notifications"));
    }
    let told = world.callbacks.govapp().is_some();
    let wanted = if told { order.to.len() * RECEIPTS } else { 0 };
    let Some(mut room) = world.callbacks.reserve(wanted) else { return Ok(super::no_room()) };
    let at_ms = now_ms();
    let faults = world.govapp.faults().receipts;
    let plan = |(to, device): &(Addressee, u8)| Plan::draw(*to, *device, &order, at_ms, passed, &faults, world);
    let plans: Vec<Plan> = order.to.iter().map(plan).collect();
    let facts = order.to.iter().zip(&plans).map(|((to, device), plan)| Fact {
        reference: order.correlation,
        addressee: *to,
        device: *device,
        at_ms,
        outcome: plan.outcome,
        steps: plan.steps,
        until_s: order.until_s,
    });
    let sequences = world.govapp.record(facts);
    if let Some(receiver) = one.filter(|_| !body.encrypted_body.is_empty()) {
        world.sealed.keep(receiver, order.correlation, &body.encrypted_body);
    }
    let mut early = Vec::new();
    if told {
        for (((to, device), plan), sequence) in order.to.iter().zip(&plans).zip(&sequences) {
            let (id, receiver) = (identity::message(at_ms, *sequence), identity::receiver(*to, *device));
            early.extend(plan.report(id, receiver, order.correlation, at_ms, &mut room));
        }
    }
    for early in early {
        early.received().await;
    }
    if passed.lose_answer {
        world.govapp.hang_up(request, passed).await;
    }
    let each = order.to.iter().zip(&sequences).map(|((to, device), sequence)| ReplyFor {
        id: identity::message(at_ms, *sequence),
        receiver_id: identity::receiver(*to, *device),
    });
    Ok(HttpResponse::Created().json(Reply {
        id: identity::message(at_ms, sequences[0]),
        status: Stage::Created,
        created_on: timestamp(at_ms),
        notifications: order.many.then(|| each.collect()),
    }))
}

fn timestamp(at_ms: u64) -> jiff::Timestamp {
    jiff::Timestamp::from_millisecond(at_ms as i64).unwrap_or_default()
}

const STAGES: [Stage; 3] = [Stage::Received, Stage::Opened, Stage::ActionTaken];

/// What will happen to the notification of one receiver.
struct Plan {
    fate: ReceiptFate,
    steps: [u32; 3],
    outcome: Outcome,
    stranger: u64,
}

impl Plan {
    fn draw(
        to: Addressee,
        device: u8,
        order: &Order<'_>,
        at_ms: u64,
        passed: Passed,
        faults: &ReceiptFaults,
        world: &World,
    ) -> Self {
        let settings = &world.settings.govapp;
        let mut chance = Chance::new(passed.seed ^ to.key() ^ u64::from(device));
        let behaviour = Behaviour::of_addressee(to);
        let fate = ReceiptFate::draw(faults, behaviour, &mut chance);
        let reaction = u64::from(settings.reaction_ms);
        let (to_open, to_act) = (chance.between(reaction / 2, reaction), chance.between(reaction / 2, reaction));
        let (opened, acted) = (chance.hits(settings.opened), chance.hits(settings.acted));
        let stages = match behaviour {
            None => 1 + usize::from(opened) + usize::from(opened && acted),
            Some(Behaviour::FailForGood | Behaviour::NoReceipt) => 0,
            Some(Behaviour::GovappUnread) => 1,
            Some(_) => 2,
        };
        let mut steps = [NEVER; 3];
        let mut at = fate.delay_ms;
        for (step, more) in steps.iter_mut().zip([0, to_open, to_act]).take(stages) {
            at += more;
            if order.until_s > 0 && at_ms + at >= u64::from(order.until_s) * 1_000 {
                break;
            }
            *step = at.min(u64::from(NEVER - 1)) as u32;
        }
        let outcome = match behaviour {
            _ if passed.lose_answer => Outcome::AnswerLost,
            _ if steps[0] == NEVER => Outcome::Undelivered,
            _ => Outcome::Accepted,
        };
        Self { fate, steps, outcome, stranger: chance.word() }
    }

    fn report(
        &self,
        notification: Uuid,
        receiver: Uuid,
        correlation: &str,
        at_ms: u64,
        room: &mut Room<'_>,
    ) -> Option<Early> {
        let delays_ms: Vec<u64> =
            self.steps.iter().filter(|step| **step != NEVER).map(|step| u64::from(*step)).collect();
        let event = |stage, delay_ms: u64| GovAppEvent {
            notification,
            receiver,
            correlation: correlation.into(),
            stage,
            at_ms: at_ms + delay_ms,
        };
        let mut reports: Vec<(u64, Report)> = timetable(&self.fate, &delays_ms)
            .into_iter()
            .map(|(when_ms, which)| (when_ms, Report::GovApp(event(STAGES[which], delays_ms[which]))))
            .collect();
        if self.fate.stranger {
            let unknown = GovAppEvent {
                notification: identity::message(at_ms, self.stranger >> 20),
                correlation: format!("stranger-{:016x}", self.stranger).into(),
                ..event(Stage::Received, self.fate.delay_ms)
            };
            reports.push((self.fate.delay_ms, Report::GovApp(unknown)));
        }
        let early = (self.fate.early && !reports.is_empty()).then(|| room.send_first(reports.remove(0).1));
        room.send_later(reports);
        early
    }
}

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
