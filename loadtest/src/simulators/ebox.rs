//! The e-Box provider: OAuth under `/ebox/oauth/token`, the message registry under `/ebox/messageRegistry/v2`, and the federation's preferences under
//! `/ebox/federation/v1`.
//!
//! Invariant: 201 on a publication means that it is in the ledger, under the value of its business data with key `reference`. Whether a mailbox is active, and
//! whether its owner reads, follows from number, settings and sandbox. Nothing is pushed: whoever wants to know asks. Documents
//! are checked and forgotten.

mod publication;
pub(crate) mod token;

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse, http::header};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::desk::{Desk, now_ms};
use super::{World, identity, refuse};
use crate::addressee::{Addressee, Kind};
use crate::faults::ReceiptFate;
use crate::hash::{self, Chance};
use crate::ledger::Outcome;
use crate::ledger::book::{Fact, NEVER};
use crate::sandbox::Behaviour;

/// Distinguishes the share of people here from the shares of other channels.
const SALT: u64 = 2;
/// Messages of one question about their status.
const ASKED: usize = 1_000;
/// How long a message is kept when its publication doesn't say.
const KEPT: Duration = Duration::from_secs(365 * 24 * 3_600);

/// Why a request is not served: the status, a code and words.
#[derive(Debug)]
struct No(StatusCode, &'static str, String);

impl No {
    fn invalid(code: &'static str, message: impl Into<String>) -> Self {
        Self(StatusCode::BAD_REQUEST, code, message.into())
    }
}

/// The registry's shape of an error.
#[derive(Serialize)]
struct StatusMessage<'a> {
    id: Uuid,
    code: &'a str,
    message: &'a str,
    environment: &'a str,
}

fn answer(outcome: Result<HttpResponse, No>) -> HttpResponse {
    outcome.unwrap_or_else(|No(status, code, message)| {
        let id = Uuid::new_v4();
        HttpResponse::build(status).json(StatusMessage { id, code, message: &message, environment: "simulation" })
    })
}

fn authorize(request: &HttpRequest, world: &World) -> Result<(), No> {
    let given = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = given.and_then(|value| value.strip_prefix("Bearer "));
    let valid = token.is_some_and(|token| world.tokens.is_valid(token, now_ms() / 1_000));
    let no = || No(StatusCode::UNAUTHORIZED, "INVALID_TOKEN", "get a new access token".into());
    valid.then_some(()).ok_or_else(no)
}

/// A mailbox.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct EboxId {
    ebox_type: String,
    ebox_id_value: String,
}

impl EboxId {
    fn addressee(&self) -> Result<Addressee, No> {
        let no = |text: &str| No::invalid("INVALID_RECIPIENT", text);
        // The registry says `citizen`, the federation's examples `ENTERPRISE`.
        match self.ebox_type.to_ascii_lowercase().as_str() {
            "citizen" => Addressee::niss(&self.ebox_id_value).ok_or_else(|| no("eboxIdValue is no valid NISS")),
            "enterprise" => Addressee::cbe(&self.ebox_id_value).ok_or_else(|| no("eboxIdValue is no valid CBE number")),
            _ => Err(no("eboxType takes citizen or enterprise")),
        }
    }
}

fn is_active(addressee: Addressee, world: &World) -> bool {
    match Behaviour::of_addressee(addressee) {
        Some(behaviour) => behaviour != Behaviour::NoEbox,
        None => addressee.falls_in(world.settings.ebox.active, SALT),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Published {
    message_id: String,
    expiration_date: String,
    code: &'static str,
    message: &'static str,
}

/// `POST /publishMessage`
pub(crate) async fn publish(request: HttpRequest, body: Bytes, world: Data<World>) -> HttpResponse {
    answer(take(&request, body, &world).await)
}

async fn take(request: &HttpRequest, body: Bytes, world: &World) -> Result<HttpResponse, No> {
    authorize(request, world)?;
    let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let message = publication::read(content_type.unwrap_or_default(), body).await?;
    let behaviour = Behaviour::of_addressee(message.to);
    let key = hash::bytes(message.to.key(), message.reference.as_bytes());
    let passed = match world.ebox.admit(request, key, behaviour.map(|behaviour| (behaviour, message.to.key()))).await {
        Ok(passed) => passed,
        Err(refusal) => return Ok(refuse(refusal)),
    };
    if behaviour == Some(Behaviour::Reject) {
        return Err(No::invalid("RECIPIENT_REFUSED", "the recipient can't be reached"));
    }
    let active = is_active(message.to, world);
    let settings = &world.settings.ebox;
    let mut chance = Chance::new(passed.seed);
    let fate = ReceiptFate::draw(&world.ebox.faults().receipts, behaviour, &mut chance);
    let reaction = chance.between(u64::from(settings.reaction_ms) / 2, u64::from(settings.reaction_ms));
    let read = match behaviour {
        None => chance.hits(settings.read) && !fate.missing,
        Some(Behaviour::FailForGood | Behaviour::NoReceipt | Behaviour::GovappUnread) => false,
        Some(_) => true,
    };
    let at_ms = now_ms();
    let until_s = message.until_s.unwrap_or((at_ms / 1_000 + KEPT.as_secs()) as u32);
    let read_after = (fate.delay_ms + reaction).min(u64::from(NEVER - 1)) as u32;
    let outcome = match (passed.lose_answer, active) {
        (true, _) => Outcome::AnswerLost,
        (false, true) => Outcome::Accepted,
        (false, false) => Outcome::NoDigitalUser,
    };
    let steps = [0, if read && active { read_after } else { NEVER }, NEVER];
    let fact = Fact { reference: &message.reference, addressee: message.to, device: 0, at_ms, outcome, steps, until_s };
    let sequence = world.ebox.record(std::iter::once(fact))[0];
    if passed.lose_answer {
        world.ebox.hang_up(request, passed).await;
    }
    let (code, words) = if active {
        ("SUCCESS", "the message is published")
    } else {
        ("NO_DIGITAL_USER", "the message is published, but nobody has activated the mailbox")
    };
    Ok(HttpResponse::Created().json(Published {
        message_id: identity::message(at_ms, sequence).to_string(),
        expiration_date: date_time(until_s),
        code,
        message: words,
    }))
}

/// `yyyy-MM-dd'T'HH:mm:ssXXX`
fn date_time(seconds: u32) -> String {
    let at = jiff::Timestamp::from_second(i64::from(seconds)).unwrap_or_default();
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Asked {
    message_id: String,
    ebox_id: EboxId,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MessageStatus {
    message_id: String,
    ebox_id: EboxId,
    expiration_date: String,
    read_status: bool,
    visible: bool,
}

/// `POST /searchMessageStatus`: those that are known; 404 when none is.
pub(crate) async fn status(request: HttpRequest, body: Bytes, world: Data<World>) -> HttpResponse {
    answer(find(&request, &body, &world).await)
}

async fn find(request: &HttpRequest, body: &[u8], world: &World) -> Result<HttpResponse, No> {
    authorize(request, world)?;
    let asked: Vec<Asked> = serde_json::from_slice(body)
        .map_err(|_| No::invalid("INVALID_JSON", "the body is no list of messageId and eboxId"))?;
    if asked.is_empty() || asked.len() > ASKED {
        return Err(No::invalid("INVALID_COUNT", "ask for 1 to 1000 messages"));
    }
    if let Some(refused) = look_up(request, body, &world.ebox).await {
        return Ok(refused);
    }
    let now = now_ms();
    let status = |asked: &Asked| {
        let addressee = asked.ebox_id.addressee().ok()?;
        let (at_ms, sequence) = identity::sequence(Uuid::parse_str(&asked.message_id).ok()?)?;
        let (read_after, until_s) = world.ebox.read(|book| {
            let fact = book.get(sequence)?.fact;
            (fact.at_ms == at_ms && fact.addressee == addressee).then_some((fact.steps[1], fact.until_s))
        })?;
        Some(MessageStatus {
            message_id: asked.message_id.clone(),
            ebox_id: asked.ebox_id.clone(),
            expiration_date: date_time(until_s),
            read_status: read_after != NEVER && at_ms + u64::from(read_after) <= now,
            visible: true,
        })
    };
    let found: Vec<MessageStatus> = asked.iter().filter_map(status).collect();
    if found.is_empty() {
        return Err(No(StatusCode::NOT_FOUND, "MESSAGE_NOT_FOUND", "none of the messages is known".into()));
    }
    Ok(HttpResponse::Created().json(found))
}

/// The faults, for a question that leaves no entry.
async fn look_up(request: &HttpRequest, body: &[u8], desk: &Desk) -> Option<HttpResponse> {
    match desk.admit(request, hash::bytes(2, body), None).await {
        Ok(passed) if passed.lose_answer => desk.hang_up(request, passed).await,
        Ok(_) => {}
        Err(refusal) => return Some(refuse(refusal)),
    }
    None
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Mailboxes {
    ebox_type: String,
    ebox_id_value_list: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Preferences {
    ebox_id: EboxId,
    exclusively_ebox: bool,
}

/// `POST /eboxPreferences/search`: the active ones among the mailboxes; 404 when none is.
pub(crate) async fn preferences(request: HttpRequest, body: Bytes, world: Data<World>) -> HttpResponse {
    answer(prefer(&request, &body, &world).await)
}

async fn prefer(request: &HttpRequest, body: &[u8], world: &World) -> Result<HttpResponse, No> {
    authorize(request, world)?;
    let asked: Mailboxes = serde_json::from_slice(body)
        .map_err(|_| No::invalid("INVALID_JSON", "the body is no eboxType with an eboxIdValueList"))?;
    if asked.ebox_id_value_list.len() > ASKED {
        return Err(No::invalid("INVALID_COUNT", "ask for at most 1000 mailboxes"));
    }
    let mut active = Vec::new();
    let mut ordinary = false;
    for ebox_id_value in asked.ebox_id_value_list {
        let ebox_id = EboxId { ebox_type: asked.ebox_type.clone(), ebox_id_value };
        let addressee = ebox_id.addressee()?;
        ordinary |= Behaviour::of_addressee(addressee).is_none();
        if is_active(addressee, world) {
            let exclusively_ebox = addressee.kind == Kind::Cbe;
            active.push(Preferences { ebox_id, exclusively_ebox });
        }
    }
    // A look-up of reserved recipients always works: their behaviour is about the message.
    if ordinary && let Some(refused) = look_up(request, body, &world.ebox).await {
        return Ok(refused);
    }
    if active.is_empty() {
        return Err(No(StatusCode::NOT_FOUND, "EBOX_NOT_FOUND", "none of the mailboxes is active".into()));
    }
    Ok(HttpResponse::Ok().json(active))
}
