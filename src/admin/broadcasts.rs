//! Broadcasts: BROADCASTS and BROADCAST.
use estafette_actors::domain::id::BroadcastId;
use estafette_actors::domain::status::MessageStatus;
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::{BroadcastPhase, BroadcastView, Held};
use futures_util::future::BoxFuture;

use super::commands::Call;
use super::messages::answered;
use super::reply::Reply;

/// Broadcasts on a page.
const PAGE: usize = 50;

fn count(count: u64) -> Reply {
    Reply::Integer(i64::try_from(count).unwrap_or(i64::MAX))
}

fn time(at: Option<Timestamp>) -> Reply {
    at.map_or(Reply::Null, |at| Reply::text(at.to_string()))
}

fn shown(view: &BroadcastView) -> Reply {
    let by_status = MessageStatus::NAMES.iter().filter_map(|name| Some((*name, count(*view.by_status.get(name)?))));
    Reply::map([
        ("id", Reply::text(view.broadcast.id.to_string())),
        ("phase", Reply::of(&view.phase)),
        ("institution", Reply::text(view.broadcast.institution.to_string())),
        ("strategy", Reply::text(&*view.broadcast.strategy.name)),
        ("rows", count(view.rows)),
        ("chunks", Reply::Integer(view.chunks.into())),
        ("created_at", Reply::text(view.broadcast.created_at.to_string())),
        ("started_at", time(view.started_at)),
        ("valid_until", Reply::text(view.broadcast.valid_until.to_string())),
        ("held", view.held.map_or(Reply::Null, |held| Reply::text(held.reason().as_str()))),
        ("opens_at", time(if let Some(Held::Closed(at)) = view.held { Some(at) } else { None })),
        ("per_second", view.per_second.map_or(Reply::Null, Reply::Double)),
        ("expected_end", time(view.expected_end)),
        ("by_status", Reply::map(by_status)),
    ])
}

/// The id behind `AFTER`, if that is what the words are.
pub(super) fn after<T: std::str::FromStr<Err: std::fmt::Display>>(words: &[String]) -> Result<Option<T>, Reply> {
    match words {
        [] => Ok(None),
        [word, id] if word.eq_ignore_ascii_case("after") => id.parse().map(Some).map_err(Reply::error),
        _ => Err(Reply::error("give AFTER with the id that ended the page before")),
    }
}

/// `BROADCASTS [AFTER id]`.
pub fn broadcasts(call: Call<'_>) -> BoxFuture<'_, Reply> {
    answered(async move {
        let before = after::<BroadcastId>(call.words)?;
        let views = call.desk.broker.archive().broadcasts(None, before, PAGE + 1).await.map_err(Reply::error)?;
        let next = (views.len() > PAGE).then(|| views[PAGE - 1].broadcast.id);
        Ok(Reply::map([
            ("broadcasts", Reply::List(views.iter().take(PAGE).map(shown).collect())),
            ("next", next.map_or(Reply::Null, |id| Reply::text(id.to_string()))),
        ]))
    })
}

/// `BROADCAST id [PAUSE|RESUME|CANCEL]`.
pub fn broadcast(call: Call<'_>) -> BoxFuture<'_, Reply> {
    answered(async move {
        let id: BroadcastId = call.words[0].parse().map_err(Reply::error)?;
        let broker = &call.desk.broker;
        let view = broker.archive().broadcast(None, id).await.map_err(Reply::error)?;
        let view = view.ok_or_else(|| Reply::error("no broadcast has this id; BROADCASTS lists them"))?;
        let order = call.words.get(1).map(|word| word.to_ascii_lowercase());
        let done = match (order.as_deref(), view.phase) {
            (None, _) => return Ok(shown(&view)),
            (Some("cancel"), BroadcastPhase::Done) => {
                return Err(Reply::error("every row is settled: nothing is left to cancel"));
            }
            (Some("cancel"), BroadcastPhase::Cancelled)
            | (Some("pause"), BroadcastPhase::Paused)
            | (Some("resume"), BroadcastPhase::Started) => return Ok(Reply::OK),
            (Some("cancel"), _) => broker.cancel_broadcast(id).await,
            (Some("pause"), BroadcastPhase::Started) => broker.pause_broadcast(id).await,
            (Some("resume"), BroadcastPhase::Paused) => broker.resume_broadcast(id).await,
            (Some("pause" | "resume"), _) => {
                return Err(Reply::error("only a broadcast that is being sent can be paused and resumed"));
            }
            (Some(_), _) => return Err(Reply::error("use it as BROADCAST id [PAUSE|RESUME|CANCEL]")),
        };
        done.map_err(Reply::error)?;
        tracing::info!(broadcast = %id, order, "an operator steered a broadcast");
        Ok(Reply::OK)
    })
}
