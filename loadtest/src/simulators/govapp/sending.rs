//! Notifications as they are sent to GovApp, to one receiver or to many.
//!
//! Invariant: of a call to many, each receiver is notified or has an error of its own; the call as a whole is refused only for what all of them
//! share. It can't read an encrypted body, and doesn't look into a clear one.

use actix_web::web::{Bytes, Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::super::callbacks::{Early, Room};
use super::super::desk::{Passed, now_ms};
use super::super::receipt::{GovAppEvent, Report, Stage, timetable};
use super::super::text::Text;
use super::super::{World, identity, no_room, refuse, sealed};
use super::{No, STAGES, answer, authorize, is_receiver, timestamp};
use crate::addressee::Addressee;
use crate::faults::{ReceiptFate, ReceiptFaults};
use crate::hash::{self, Chance};
use crate::ledger::Outcome;
use crate::ledger::book::{Fact, NEVER};
use crate::sandbox::Behaviour;

/// Receivers of one notification to many.
const RECEIVERS: usize = 10_000;
/// Events of one receiver: three, each twice, and a stranger's.
const RECEIPTS: usize = 7;

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
    #[serde(borrow, default)]
    receivers: Vec<Receives<'a>>,
}

/// One of many receivers.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Receives<'a> {
    id: Uuid,
    /// Its own, in place of the one of the call.
    #[serde(borrow, default)]
    message_correlation_id: Text<'a>,
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
}

/// The answer to a call to many: what became of each receiver.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Replies {
    status: Stage,
    created_on: jiff::Timestamp,
    notifications: Vec<ReplyFor>,
    errors: Vec<ErrorFor>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ReplyFor {
    id: Uuid,
    receiver_id: Uuid,
}

/// Why one of many receivers was not notified: the status that a call to it alone would have had.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ErrorFor {
    receiver_id: Uuid,
    status: u16,
    message: &'static str,
}

/// Somebody who is to be notified.
struct To<'a> {
    addressee: Addressee,
    device: u8,
    correlation: &'a str,
}

impl To<'_> {
    fn receiver(&self) -> Uuid {
        identity::receiver(self.addressee, self.device)
    }
}

/// A notification that was read and is in order.
struct Order<'a> {
    to: Vec<To<'a>>,
    /// Of a call to many.
    errors: Vec<ErrorFor>,
    until_s: u32,
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
    let mut order = Order { to: Vec::new(), errors: Vec::new(), until_s: until(&body.available_until_date)? };
    if let Some(receiver) = one {
        order.to.push(find(receiver, &body.message_correlation_id, world)?);
        return Ok(order);
    }
    if body.receivers.is_empty() || body.receivers.len() > RECEIVERS {
        return Err((400, "receivers takes 1 to 10000 of them"));
    }
    for Receives { id, message_correlation_id: own } in &body.receivers {
        match find(*id, if own.is_empty() { &body.message_correlation_id } else { own }, world) {
            Ok(to) => order.to.push(to),
            Err((status, message)) => order.errors.push(ErrorFor { receiver_id: *id, status, message }),
        }
    }
    Ok(order)
}

fn find<'a>(receiver: Uuid, correlation: &'a str, world: &World) -> Result<To<'a>, No> {
    let known = identity::addressee(receiver).filter(|(addressee, _)| is_receiver(*addressee, world));
    let (addressee, device) = known.ok_or((404, "no such receiver"))?;
    Ok(To { addressee, device, correlation })
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
    let Order { mut to, mut errors, until_s } = read(&body, one, world)?;
    // A call has one fate: that of the first of its receivers who has one.
    let fated = to.iter().find_map(|to| Some((Behaviour::of_addressee(to.addressee)?, to.addressee.key())));
    // Two devices of a citizen get the same correlation id.
    let (device, correlation) = to.first().map_or((0, &*body.message_correlation_id), |to| (to.device, to.correlation));
    let key = hash::bytes(u64::from(device), correlation.as_bytes());
    let passed = match world.govapp.admit(request, key, fated).await {
        Ok(passed) => passed,
        Err(refusal) => return Ok(refuse(refusal)),
    };
    let refuses = |to: &To<'_>| Behaviour::of_addressee(to.addressee) == Some(Behaviour::Reject);
    let (status, message) = (422, "the receiver refuses notifications");
    if one.is_some() && to.iter().any(refuses) {
        return Err((status, message));
    }
    let refusing = to.extract_if(.., |to| refuses(to));
    errors.extend(refusing.map(|to| ErrorFor { receiver_id: to.receiver(), status, message }));
    let told = world.callbacks.govapp().is_some();
    let wanted = if told { to.len() * RECEIPTS } else { 0 };
    let Some(mut room) = world.callbacks.reserve(wanted) else { return Ok(no_room()) };
    let at_ms = now_ms();
    let faults = world.govapp.faults().receipts;
    let plans: Vec<Plan> = to.iter().map(|to| Plan::draw(to, until_s, at_ms, passed, &faults, world)).collect();
    let facts = to.iter().zip(&plans).map(|(to, plan)| Fact {
        reference: to.correlation,
        addressee: to.addressee,
        device: to.device,
        at_ms,
        outcome: plan.outcome,
        steps: plan.steps,
        until_s,
    });
    let sequences = world.govapp.record(facts);
    if let Some(receiver) = one.filter(|_| !body.encrypted_body.is_empty()) {
        world.sealed.keep(receiver, &body.message_correlation_id, &body.encrypted_body);
    }
    let created: Vec<ReplyFor> = to
        .iter()
        .zip(&sequences)
        .map(|(to, sequence)| ReplyFor { id: identity::message(at_ms, *sequence), receiver_id: to.receiver() })
        .collect();
    let mut early = Vec::new();
    if told {
        for ((to, plan), created) in to.iter().zip(&plans).zip(&created) {
            early.extend(plan.report(created, to.correlation, at_ms, &mut room));
        }
    }
    for early in early {
        early.received().await;
    }
    if passed.lose_answer {
        world.govapp.hang_up(request, passed).await;
    }
    let (status, created_on) = (Stage::Created, timestamp(at_ms));
    Ok(match (one, &*created) {
        (Some(_), [only]) => HttpResponse::Created().json(Reply { id: only.id, status, created_on }),
        _ => HttpResponse::Created().json(Replies { status, created_on, notifications: created, errors }),
    })
}

/// What will happen to the notification of one receiver.
struct Plan {
    fate: ReceiptFate,
    steps: [u32; 3],
    outcome: Outcome,
    stranger: u64,
}

impl Plan {
    fn draw(to: &To<'_>, until_s: u32, at_ms: u64, passed: Passed, faults: &ReceiptFaults, world: &World) -> Self {
        let settings = &world.settings.govapp;
        let mut chance = Chance::new(passed.seed ^ to.addressee.key() ^ u64::from(to.device));
        let behaviour = Behaviour::of_addressee(to.addressee);
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
            if until_s > 0 && at_ms + at >= u64::from(until_s) * 1_000 {
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

    fn report(&self, created: &ReplyFor, correlation: &str, at_ms: u64, room: &mut Room<'_>) -> Option<Early> {
        let delays_ms: Vec<u64> =
            self.steps.iter().filter(|step| **step != NEVER).map(|step| u64::from(*step)).collect();
        let event = |stage, delay_ms: u64| GovAppEvent {
            notification: created.id,
            receiver: created.receiver_id,
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
