//! The RingRing gateway: `POST /ringring/sms/v1/Message`, and the same under `/ringring/sms/sandbox/v1/Message`.
//!
//! Invariant: an answer with `ResultCode` 0 means that each number of `To` is in the ledger. A refusal is an answer with HTTP 200 and another result code
//! (ours, from 101 on); the gateway's own troubles are 429, 500 and 503. `StatusUrl` is called as it was given: a secret in it is
//! the sender's. A status says in the range of its code what happened (see [`super::receipt`]). Message ids are texts with leading zeros.

use std::sync::{Arc, Mutex, PoisonError};

use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};

use super::desk::{Passed, now_ms};
use super::receipt::{DELIVERED, EXPIRED, Report, SUBMITTED, SmsStatus, StatusTarget, UNDELIVERED, timetable};
use super::text::Text;
use super::{World, parts, refuse};
use crate::addressee::Addressee;
use crate::faults::{ReceiptFate, ReceiptFaults};
use crate::hash::{self, Chance};
use crate::ledger::Outcome;
use crate::ledger::book::{Fact, NEVER};
use crate::sandbox::Behaviour;

/// Recipients of one request.
const RECIPIENTS: usize = 1_000;
/// Characters of a message.
const CHARACTERS: usize = 758;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Body<'a> {
    #[serde(borrow, default)]
    api_key: Text<'a>,
    #[serde(borrow, default)]
    to: Text<'a>,
    #[serde(borrow, default)]
    message: Text<'a>,
    #[serde(borrow, default)]
    reference: Text<'a>,
    #[serde(borrow, default)]
    status_url: Text<'a>,
    #[serde(borrow, default)]
    status_method: Text<'a>,
    #[serde(borrow, default)]
    status_format: Text<'a>,
    #[serde(borrow, default)]
    message_encoding: Text<'a>,
    /// Minutes.
    #[serde(default)]
    time_validity: Option<u32>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Reply<'a> {
    message_count: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<&'a str>,
    messages: Vec<Taken>,
    result_code: u16,
    result_description: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Taken {
    message_id: String,
    to: String,
    number_of_parts: u16,
}

/// Why a message is not taken; the numbers are ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
enum No {
    ApiKey = 101,
    Malformed = 102,
    To = 103,
    Message = 104,
    Option = 105,
    Refused = 106,
}

impl No {
    fn answer(self) -> HttpResponse {
        let result_description = match self {
            Self::ApiKey => "ApiKey is unknown",
            Self::Malformed => "the body is not the JSON of a message",
            Self::To => "To is not a list of 1 to 1000 numbers of 6 to 15 digits, separated by commas",
            Self::Message => "Message is empty or longer than 758 characters",
            Self::Option => "StatusUrl, StatusMethod, StatusFormat or MessageEncoding has an unknown value",
            Self::Refused => "the recipient can't be reached",
        };
        let none =
            Reply { message_count: 0, reference: None, messages: vec![], result_code: self as u16, result_description };
        HttpResponse::Ok().json(none)
    }
}

/// A message that was read and is in order.
struct Order<'a> {
    to: Vec<Addressee>,
    reference: &'a str,
    target: Option<Arc<StatusTarget>>,
    parts: u16,
    validity_ms: u64,
}

/// The last target, since senders give the same one again and again.
#[derive(Default)]
pub(crate) struct Targets(Mutex<Option<(String, Arc<StatusTarget>)>>);

impl Targets {
    fn of(&self, url: &str, get: bool) -> Option<Arc<StatusTarget>> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, target)) = &*last
            && known == url
            && target.get == get
        {
            return Some(Arc::clone(target));
        }
        let parsed = reqwest::Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
        let target = Arc::new(StatusTarget { url: parsed, get });
        *last = Some((url.to_owned(), Arc::clone(&target)));
        Some(target)
    }
}

fn read<'a>(message: &'a Body<'a>, world: &World) -> Result<Order<'a>, No> {
    if world.settings.sms.api_key.as_deref().is_some_and(|key| key != &*message.api_key) {
        return Err(No::ApiKey);
    }
    let to: Option<Vec<Addressee>> = message.to.split(',').take(RECIPIENTS + 1).map(Addressee::mobile).collect();
    let to = to.filter(|to| to.len() <= RECIPIENTS).ok_or(No::To)?;
    let long = message.message.len() > CHARACTERS && message.message.chars().count() > CHARACTERS;
    if message.message.is_empty() || long {
        return Err(No::Message);
    }
    let is = |text: &str, word: &str| text.eq_ignore_ascii_case(word);
    let unicode = match &*message.message_encoding {
        encoding if encoding.is_empty() || is(encoding, "auto") || is(encoding, "text") => false,
        encoding if is(encoding, "unicode") => true,
        _ => return Err(No::Option),
    };
    let get = match &*message.status_method {
        method if method.is_empty() || is(method, "post") => false,
        method if is(method, "get") => true,
        _ => return Err(No::Option),
    };
    if !message.status_format.is_empty() && !is(&message.status_format, "json") {
        return Err(No::Option);
    }
    let target = match &*message.status_url {
        "" => None,
        url => Some(world.sms_targets.of(url, get).ok_or(No::Option)?),
    };
    Ok(Order {
        to,
        reference: &message.reference,
        target,
        parts: parts::count(&message.message, unicode),
        validity_ms: message.time_validity.map_or(u64::MAX, |minutes| u64::from(minutes) * 60_000),
    })
}

/// Takes a message.
pub(crate) async fn message(request: HttpRequest, body: Bytes, world: Data<World>) -> HttpResponse {
    let Ok(message) = serde_json::from_slice::<Body<'_>>(&body) else {
        return No::Malformed.answer();
    };
    let order = match read(&message, &world) {
        Ok(order) => order,
        Err(no) => return no.answer(),
    };
    let first = order.to[0];
    let behaviour = Behaviour::of_addressee(first);
    let key = match order.reference {
        "" => hash::bytes(1, &body),
        reference => hash::bytes(0, reference.as_bytes()),
    };
    let passed = match world.sms.admit(&request, key, behaviour.map(|behaviour| (behaviour, first.key()))).await {
        Ok(passed) => passed,
        Err(refusal) => return refuse(refusal),
    };
    if order.to.iter().any(|to| Behaviour::of_addressee(*to) == Some(Behaviour::Reject)) {
        return No::Refused.answer();
    }
    let wanted = if order.target.is_some() { order.to.len() * RECEIPTS } else { 0 };
    let Some(mut room) = world.callbacks.reserve(wanted) else {
        return super::no_room();
    };
    let faults = world.sms.faults().receipts;
    let plans: Vec<Plan> = order.to.iter().map(|to| Plan::draw(*to, &order, passed, &faults, &world)).collect();
    let at_ms = now_ms();
    let facts = order.to.iter().zip(&plans).map(|(to, plan)| Fact {
        reference: order.reference,
        addressee: *to,
        device: 0,
        at_ms,
        outcome: plan.outcome,
        steps: [plan.fate.delay_ms.min(u64::from(NEVER)) as u32, NEVER, NEVER],
        until_s: 0,
    });
    let sequences = world.sms.record(facts);
    let taken: Vec<Taken> = order
        .to
        .iter()
        .zip(&sequences)
        .map(|(to, sequence)| Taken {
            message_id: message_id(at_ms, *sequence),
            to: to.number.to_string(),
            number_of_parts: order.parts,
        })
        .collect();
    let mut early = Vec::new();
    for ((to, plan), taken) in order.to.iter().zip(&plans).zip(&taken) {
        let Some(target) = &order.target else { break };
        let mut reports = plan.reports(target, &order, *to, &taken.message_id, at_ms);
        if plan.fate.early && !reports.is_empty() {
            early.push(room.send_first(reports.remove(0).1));
        }
        room.send_later(reports);
    }
    for early in early {
        early.received().await;
    }
    if passed.lose_answer {
        world.sms.hang_up(&request, passed).await;
    }
    let reference = Some(order.reference).filter(|reference| !reference.is_empty());
    HttpResponse::Ok().json(Reply {
        message_count: taken.len(),
        reference,
        messages: taken,
        result_code: 0,
        result_description: "Success",
    })
}

/// Receipts that one recipient may ask for: two statuses, each twice, and a stranger's.
const RECEIPTS: usize = 5;

/// What will be reported of one recipient.
struct Plan {
    fate: ReceiptFate,
    submitted_too: bool,
    code: u16,
    outcome: Outcome,
    stranger: u64,
}

impl Plan {
    fn draw(to: Addressee, order: &Order<'_>, passed: Passed, faults: &ReceiptFaults, world: &World) -> Self {
        let mut chance = Chance::new(passed.seed ^ to.key());
        let behaviour = Behaviour::of_addressee(to);
        let fate = ReceiptFate::draw(faults, behaviour, &mut chance);
        let unlucky = chance.hits(world.settings.sms.undelivered) && behaviour.is_none();
        let code = if behaviour == Some(Behaviour::FailForGood) || unlucky {
            UNDELIVERED
        } else if fate.delay_ms > order.validity_ms {
            EXPIRED
        } else {
            DELIVERED
        };
        let outcome = match code {
            _ if passed.lose_answer => Outcome::AnswerLost,
            DELIVERED => Outcome::Accepted,
            _ => Outcome::Undelivered,
        };
        Self { fate, submitted_too: world.settings.sms.report_submitted, code, outcome, stranger: chance.word() }
    }

    /// What is reported, each with its delay in milliseconds.
    fn reports(
        &self,
        target: &Arc<StatusTarget>,
        order: &Order<'_>,
        to: Addressee,
        message_id: &str,
        at_ms: u64,
    ) -> Vec<(u64, Report)> {
        let delay_ms = self.fate.delay_ms.min(order.validity_ms);
        let status = |code, delay_ms: u64| SmsStatus {
            target: Arc::clone(target),
            message_id: message_id.to_owned(),
            reference: order.reference.into(),
            to: to.number,
            code,
            parts: order.parts,
            submitted_ms: at_ms,
            delivered_ms: at_ms + delay_ms,
        };
        let both = [(SUBMITTED, delay_ms / 2), (self.code, delay_ms)];
        let told = if self.submitted_too { &both[..] } else { &both[1..] };
        let delays_ms: Vec<u64> = told.iter().map(|(_, delay_ms)| *delay_ms).collect();
        let mut reports: Vec<(u64, Report)> = timetable(&self.fate, &delays_ms)
            .into_iter()
            .map(|(when_ms, which)| (when_ms, Report::Sms(status(told[which].0, told[which].1))))
            .collect();
        if self.fate.stranger {
            let unknown = SmsStatus {
                message_id: format!("9{:021}", self.stranger),
                reference: format!("stranger-{:016x}", self.stranger).into(),
                ..status(DELIVERED, delay_ms)
            };
            reports.push((delay_ms, Report::Sms(unknown)));
        }
        reports
    }
}

/// Opaque to senders; unique across restarts because it holds the time.
fn message_id(at_ms: u64, sequence: u64) -> String {
    format!("00{at_ms:013}{sequence:010}")
}
