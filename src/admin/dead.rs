//! DEAD: single messages for which nothing more is done and that nobody got. Rows of broadcasts
//! are counted by BROADCAST and told one by one in the sender's report.
use estafette_actors::domain::channel::Channel;
use estafette_actors::domain::id::MessageId;
use estafette_actors::domain::life::State;
use estafette_actors::domain::status::MessageStatus;
use estafette_actors::ports::{Filter, Loaded};
use futures_util::future::BoxFuture;

use super::broadcasts::after;
use super::commands::Call;
use super::info::desk_of;
use super::messages::{answered, failure_in};
use super::reply::Reply;

/// Messages on a page.
const PAGE: usize = 100;
/// Look-ups for a page: each reads a bounded number of records.
const MOST_LOOKS: usize = 20;
/// Messages asked for in a look-up, most of which did not fail.
const AT_ONCE: usize = 500;

fn is_dead(state: &State) -> bool {
    matches!(state.status(), MessageStatus::Failed(_) | MessageStatus::Expired)
}

fn shown(dead: &Loaded) -> Reply {
    let last = dead.state.tracks.iter().map(|track| track.channel).next_back();
    Reply::map([
        ("id", Reply::text(dead.envelope.id.to_string())),
        ("status", Reply::text(dead.state.status().as_str())),
        ("failure", failure_in(dead.state.status())),
        ("channel", last.map_or(Reply::Null, |channel| Reply::text(channel.as_str()))),
        ("attempts", Reply::Integer(i64::try_from(dead.state.attempts.len()).unwrap_or(i64::MAX))),
        ("institution", Reply::text(dead.envelope.institution.to_string())),
        ("strategy", Reply::text(&*dead.envelope.strategy.name)),
        ("accepted_at", Reply::text(dead.envelope.accepted_at.to_string())),
    ])
}

/// `DEAD [channel] [AFTER id]`.
pub fn dead(call: Call<'_>) -> BoxFuture<'_, Reply> {
    answered(async move {
        let (channel, rest) = match call.words.split_first() {
            Some((word, rest)) if !word.eq_ignore_ascii_case("after") => {
                (Some(desk_of(call.desk, word)?.channel), rest)
            }
            _ => (None, call.words),
        };
        let mut filter = Filter { after: after::<MessageId>(rest)?, limit: AT_ONCE, ..Filter::default() };
        let at = |state: &State, channel: Channel| state.tracks.last().is_some_and(|track| track.channel == channel);
        let mut found: Vec<Loaded> = Vec::new();
        let mut next = None;
        for _ in 0..MOST_LOOKS {
            let listing = call.desk.broker.archive().list(None, filter.clone()).await.map_err(Reply::error)?;
            let dead = listing.messages.into_iter().filter(|one| is_dead(&one.state));
            found.extend(dead.filter(|one| channel.is_none_or(|channel| at(&one.state, channel))));
            next = listing.next;
            filter.after = next;
            if found.len() > PAGE {
                found.truncate(PAGE);
                next = found.last().map(|last| last.envelope.id);
            }
            if found.len() >= PAGE || next.is_none() {
                break;
            }
        }
        Ok(Reply::map([
            ("messages", Reply::List(found.iter().map(shown).collect())),
            ("next", next.map_or(Reply::Null, |id| Reply::text(id.to_string()))),
        ]))
    })
}
