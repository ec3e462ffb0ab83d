//! Messages by id and by recipient: STATUS, TRAIL, WHY, FIND, CANCEL, RETRY.
//!
//! Invariant: identifiers and contents of recipients are taken as questions and never given as
//! answers: whoever sees the screen sees ids, statuses and kinds. What is told of a message is durable: it comes from
//! the archive's view, never from the live state, which may be ahead of the disk. The one exception is a number that took the
//! place of the one that was asked about: an operator is told it (`register.rs`).
use estafette_actors::delivery::Limit as Binding;
use estafette_actors::domain::cbe::Cbe;
use estafette_actors::domain::fact::Change;
use estafette_actors::domain::id::{BroadcastId, MessageId};
use estafette_actors::domain::mobile::Mobile;
use estafette_actors::domain::niss::Niss;
use estafette_actors::domain::status::{AttemptStatus, MessageStatus, WaitReason};
use estafette_actors::domain::submission::{Identifier, Recipient};
use estafette_actors::ports::{Filter, Loaded, MessageView};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::commands::Call;
use super::reply::Reply;
use super::{Desk, register};

/// Messages that FIND shows, and look-ups that it makes for them.
const MOST_FOUND: usize = 100;
const MOST_PAGES: usize = 50;
const UNKNOWN: &str = "no message has this id; FIND looks for the messages to a recipient";

/// What a handler gives: the error goes out as it is.
pub(super) type Answer = Result<Reply, Reply>;

pub(super) fn answered<'c>(answer: impl Future<Output = Answer> + Send + 'c) -> BoxFuture<'c, Reply> {
    answer.map(|answer| answer.unwrap_or_else(|error| error)).boxed()
}

fn id_of(word: &str) -> Result<MessageId, Reply> {
    word.parse().map_err(|_| match word.parse::<BroadcastId>() {
        Ok(_) => Reply::error("this is the id of a broadcast; ask with BROADCAST"),
        Err(error) => Reply::error(error),
    })
}

async fn view(desk: &Desk, id: MessageId) -> Result<MessageView, Reply> {
    let view = desk.broker.archive().message(None, id).await.map_err(Reply::error)?;
    view.ok_or_else(|| Reply::error(UNKNOWN))
}

pub(super) fn failure_in(status: MessageStatus) -> Reply {
    match status {
        MessageStatus::Failed(failure) => Reply::text(failure.as_str()),
        _ => Reply::Null,
    }
}

fn kinds(recipient: &Recipient) -> String {
    let kinds = recipient.identifiers().map(|identifier| match identifier {
        Identifier::Niss(_) => "niss",
        Identifier::Mobile(_) => "mobile",
        Identifier::Cbe(_) => "cbe",
    });
    kinds.collect::<Vec<_>>().join(",")
}

/// `STATUS id`.
pub fn status(call: Call<'_>) -> BoxFuture<'_, Reply> {
    answered(async move {
        let id = id_of(&call.words[0])?;
        let view = view(call.desk, id).await?;
        let state = &view.state;
        let attempts = view.attempts.iter().map(|attempt| {
            Reply::map([
                ("step", Reply::Integer(attempt.step.into())),
                ("retry", Reply::Integer(attempt.retry.into())),
                ("channel", Reply::text(attempt.channel.as_str())),
                ("provider", attempt.provider.as_deref().map_or(Reply::Null, Reply::text)),
                ("status", Reply::text(attempt.status.as_str())),
                ("failure", attempt.status.failure().map_or(Reply::Null, |failure| Reply::text(failure.as_str()))),
                ("started_at", Reply::text(attempt.started_at.to_string())),
                ("ended_at", attempt.ended_at.map_or(Reply::Null, |at| Reply::text(at.to_string()))),
                ("channel_reference", attempt.channel_reference.as_deref().map_or(Reply::Null, Reply::text)),
                ("possible_duplicate", Reply::Boolean(attempt.possible_duplicate)),
            ])
        });
        let envelope = &view.envelope;
        let mut retry_of = view.facts.iter().filter_map(|fact| match fact.change {
            Change::RetryOf(old) => Some(Reply::text(old.to_string())),
            _ => None,
        });
        Ok(Reply::map([
            ("id", Reply::text(id.to_string())),
            ("status", Reply::text(state.status().as_str())),
            ("failure", failure_in(state.status())),
            ("reason", state.wait_reason().map_or(Reply::Null, |reason| Reply::text(reason.as_str()))),
            ("institution", Reply::text(envelope.institution.to_string())),
            ("recipient_by", Reply::text(kinds(&envelope.recipient))),
            ("strategy", Reply::text(&*envelope.strategy.name)),
            ("lane", Reply::text(envelope.lane.as_str())),
            ("accepted_at", Reply::text(envelope.accepted_at.to_string())),
            ("valid_until", Reply::text(envelope.valid_until.to_string())),
            ("settled_at", view.settled_at.map_or(Reply::Null, |at| Reply::text(at.to_string()))),
            ("retry_of", retry_of.next().unwrap_or(Reply::Null)),
            ("attempts", Reply::List(attempts.collect())),
        ]))
    })
}

/// `TRAIL id`.
pub fn trail(call: Call<'_>) -> BoxFuture<'_, Reply> {
    answered(async move {
        let view = view(call.desk, id_of(&call.words[0])?).await?;
        let rows = view.facts.iter().map(|fact| {
            let mut pairs = vec![("at", Reply::text(fact.at.to_string()))];
            pairs.extend(told(&fact.change));
            Reply::map(pairs)
        });
        Ok(Reply::List(rows.collect()))
    })
}

/// A change in words. Parked receipts hold what is not known to be this message's.
pub(super) fn told(change: &Change) -> Vec<(&'static str, Reply)> {
    let number = |number: u8| Reply::Integer(number.into());
    let at = |at: estafette_actors::domain::time::Timestamp| Reply::text(at.to_string());
    let what = |word: &str| ("what", Reply::text(word));
    let place = |step: u8, retry: u8| [("step", number(step)), ("retry", number(retry))];
    let moved = |word: &str, step: u8, retry: u8, status: AttemptStatus| {
        let mut pairs = vec![what(word)];
        pairs.extend(place(step, retry));
        pairs.push(("status", Reply::text(status.as_str())));
        if let Some(failure) = status.failure() {
            pairs.push(("failure", Reply::text(failure.as_str())));
        }
        pairs
    };
    match change {
        Change::Accepted => vec![what("accepted")],
        Change::Queued { step, retry, channel, not_before, .. } => {
            let mut pairs = vec![what("queued")];
            pairs.extend(place(*step, *retry));
            pairs.push(("channel", Reply::text(channel.as_str())));
            if not_before.millis() > 0 {
                pairs.push(("not_before", at(*not_before)));
            }
            pairs
        }
        Change::Skipped { step, channel, failure } => vec![
            what("skipped"),
            ("step", number(*step)),
            ("channel", Reply::text(channel.as_str())),
            ("failure", Reply::text(failure.as_str())),
        ],
        Change::Began { step, retry, channel, possible_duplicate, .. } => {
            let mut pairs = vec![what("began")];
            pairs.extend(place(*step, *retry));
            pairs.push(("channel", Reply::text(channel.as_str())));
            pairs.push(("possible_duplicate", Reply::Boolean(*possible_duplicate)));
            pairs
        }
        Change::Moved { step, retry, status, reference } => {
            let mut pairs = moved("moved", *step, *retry, *status);
            if let Some(reference) = reference {
                pairs.push(("channel_reference", Reply::text(&**reference)));
            }
            pairs
        }
        Change::Noted { step, retry, status } => moved("noted", *step, *retry, *status),
        Change::Returned { track, not_before } => {
            vec![what("returned"), ("track", number(*track)), ("not_before", at(*not_before))]
        }
        Change::Resent { track, not_before } => {
            vec![what("resent"), ("track", number(*track)), ("not_before", at(*not_before))]
        }
        Change::Awaiting { track, until } => {
            vec![what("awaiting_receipt"), ("track", number(*track)), ("until", at(*until))]
        }
        Change::Ended { track, failure } => {
            let failure = failure.map_or(Reply::Null, |failure| Reply::text(failure.as_str()));
            vec![what("track_ended"), ("track", number(*track)), ("failure", failure)]
        }
        Change::Stopped => vec![what("stopped")],
        Change::Settled { status } => {
            vec![what("settled"), ("status", Reply::text(status.as_str())), ("failure", failure_in(*status))]
        }
        Change::Created => vec![what("broadcast_created")],
        Change::Stored { .. } => vec![what("chunk_stored")],
        Change::Started => vec![what("broadcast_started")],
        Change::BroadcastCancelled => vec![what("broadcast_cancelled")],
        Change::Parked(_) => vec![what("receipt_parked")],
        Change::BroadcastPaused => vec![what("broadcast_paused")],
        Change::BroadcastResumed => vec![what("broadcast_resumed")],
        Change::RetryOf(old) => vec![what("retry_of"), ("message", Reply::text(old.to_string()))],
        Change::WebhookDisabled { webhook, reason } => {
            vec![what("webhook_disabled"), ("webhook", Reply::text(&**webhook)), ("reason", Reply::text(&**reason))]
        }
        Change::Via { step, retry, provider } => {
            let mut pairs = vec![what("via")];
            pairs.extend(place(*step, *retry));
            pairs.push(("provider", Reply::text(&**provider)));
            pairs
        }
        Change::Metered { step, retry, channel, parts, cost } => {
            let mut pairs = vec![what("metered")];
            pairs.extend(place(*step, *retry));
            pairs.push(("channel", Reply::text(channel.as_str())));
            pairs.push(("parts", Reply::Integer((*parts).into())));
            pairs.push(("cost", Reply::text(cost.to_string())));
            pairs
        }
        Change::WentTo { step, retry, .. } => {
            let mut pairs = vec![what("went_to_mobile")];
            pairs.extend(place(*step, *retry));
            pairs
        }
        Change::MutationsReady { sequence, count, .. } => vec![
            what("mutations_ready"),
            ("sequence", Reply::Integer(i64::try_from(*sequence).unwrap_or(i64::MAX))),
            ("count", Reply::Integer((*count).into())),
        ],
        // Who wrote what is the institution's to read, not the operator's.
        Change::Heard(heard) => vec![what("heard"), ("stop", Reply::Boolean(heard.stop.is_some()))],
    }
}

/// `WHY id`.
pub fn why(call: Call<'_>) -> BoxFuture<'_, Reply> {
    answered(async move {
        let id = id_of(&call.words[0])?;
        let view = view(call.desk, id).await?;
        let (envelope, state) = (view.envelope, view.state);
        let due = state.agenda(envelope.valid_until).due;
        let status = state.status().as_str();
        let loaded = Loaded { envelope, state };
        let why = call.desk.broker.why(&loaded);
        let (channel, until) = (why.and_then(|why| why.channel), why.and_then(|why| why.until));
        let limit = match (why.map(|why| why.reason), channel) {
            (Some(WaitReason::WindowClosed), _) => Some("send_window"),
            (Some(WaitReason::Paused), None) => Some("broadcast_paused"),
            (Some(_), Some(channel)) => call.desk.broker.binding(channel, &loaded.envelope).map(Binding::as_str),
            _ => None,
        };
        Ok(Reply::map([
            ("id", Reply::text(id.to_string())),
            ("status", Reply::text(status)),
            ("reason", why.map_or(Reply::Null, |why| Reply::text(why.reason.as_str()))),
            ("channel", channel.map_or(Reply::Null, |channel| Reply::text(channel.as_str()))),
            ("limit", limit.map_or(Reply::Null, Reply::text)),
            ("until", until.map_or(Reply::Null, |at| Reply::text(at.to_string()))),
            ("looked_at_again", due.map_or(Reply::Null, |at| Reply::text(at.to_string()))),
        ]))
    })
}

fn identifier(desk: &Desk, kind: &str, value: &str) -> Result<Identifier, Reply> {
    match kind.to_ascii_lowercase().as_str() {
        "niss" => {
            let millis = i64::try_from(desk.broker.now().millis()).unwrap_or(i64::MAX);
            let now = jiff::Timestamp::from_millisecond(millis).unwrap_or_default();
            let today = jiff::tz::Offset::UTC.to_datetime(now).date();
            Niss::parse(value, today).map(Identifier::Niss).map_err(Reply::error)
        }
        "mobile" => Mobile::parse(value).map(Identifier::Mobile).map_err(Reply::error),
        "cbe" => Cbe::parse(value).map(Identifier::Cbe).map_err(Reply::error),
        _ => Err(Reply::error("a recipient is found by NISS, MOBILE or CBE")),
    }
}

/// `FIND niss|mobile|cbe value`.
pub fn find(call: Call<'_>) -> BoxFuture<'_, Reply> {
    answered(async move {
        let recipient = identifier(call.desk, &call.words[0], &call.words[1])?;
        let mut filter = Filter { recipient: Some(recipient), limit: MOST_FOUND, ..Filter::default() };
        let mut found = Vec::new();
        for _ in 0..MOST_PAGES {
            let listing = call.desk.broker.archive().list(None, filter.clone()).await.map_err(Reply::error)?;
            found.extend(listing.messages);
            filter.after = listing.next;
            if found.len() >= MOST_FOUND || filter.after.is_none() {
                break;
            }
        }
        found.truncate(MOST_FOUND);
        let rows = found.iter().map(|loaded| {
            Reply::map([
                ("id", Reply::text(loaded.envelope.id.to_string())),
                ("status", Reply::text(loaded.state.status().as_str())),
                ("institution", Reply::text(loaded.envelope.institution.to_string())),
                ("accepted_at", Reply::text(loaded.envelope.accepted_at.to_string())),
            ])
        });
        let in_registers = match recipient {
            Identifier::Niss(niss) => register::rows(call.desk, call.session, niss).await?,
            Identifier::Mobile(_) | Identifier::Cbe(_) => Vec::new(),
        };
        Ok(Reply::List(rows.chain(in_registers).collect()))
    })
}

/// `CANCEL id`.
pub fn cancel(call: Call<'_>) -> BoxFuture<'_, Reply> {
    answered(async move {
        let id = id_of(&call.words[0])?;
        let status = call.desk.broker.cancel(None, id).await.map_err(Reply::error)?;
        tracing::info!(message = %id, "an operator cancelled a message");
        Ok(Reply::text(status.as_str()))
    })
}

/// `RETRY id`.
pub fn retry(call: Call<'_>) -> BoxFuture<'_, Reply> {
    answered(async move {
        let id = id_of(&call.words[0])?;
        let again = call.desk.broker.retry(None, id).await.map_err(Reply::error)?;
        tracing::info!(message = %id, %again, "an operator tried a message again");
        Ok(Reply::text(again.to_string()))
    })
}
