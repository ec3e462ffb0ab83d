//! Where time goes and what keeps more from going: LATENCY and BOTTLENECK.
use std::collections::HashMap;

use estafette_actors::domain::channel::Channel;
use estafette_actors::latency::Quantiles;
use estafette_actors::nursery::Condition;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::Desk;
use super::commands::Call;
use super::info::desk_of;
use super::reply::Reply;

/// Of the writer's queue or of the unwritten states, a share that says that the disk binds.
const FULL: f64 = 0.5;

fn integer(number: impl TryInto<i64>) -> Reply {
    Reply::Integer(number.try_into().unwrap_or(i64::MAX))
}

fn row(what: &str, channel: Option<Channel>, told: &Quantiles) -> Reply {
    Reply::map([
        ("what", Reply::text(what)),
        ("channel", channel.map_or(Reply::Null, |channel| Reply::text(channel.as_str()))),
        ("count", integer(told.count)),
        ("p50_us", integer(told.p50_us)),
        ("p90_us", integer(told.p90_us)),
        ("p99_us", integer(told.p99_us)),
        ("p999_us", integer(told.p999_us)),
        ("max_us", integer(told.max_us)),
    ])
}

/// `LATENCY [channel]`.
pub fn latency(call: Call<'_>) -> BoxFuture<'_, Reply> {
    let reply = latencies(call.desk, call.words.first().map(String::as_str)).unwrap_or_else(|reply| reply);
    async { reply }.boxed()
}

fn latencies(desk: &Desk, name: Option<&str>) -> Result<Reply, Reply> {
    let broker = &desk.broker;
    let mut rows = Vec::new();
    let desks = if let Some(name) = name {
        vec![desk_of(desk, name)?]
    } else {
        rows.push(row("accept", None, &broker.accepting()));
        rows.push(row("commit", None, &broker.journal().figures().commit));
        broker.desks().iter().collect()
    };
    for one in desks {
        rows.push(row("channel", Some(one.channel), &one.latency.channel.quantiles()));
        rows.push(row("end_to_end", Some(one.channel), &one.latency.end_to_end.quantiles()));
    }
    Ok(Reply::List(rows))
}

/// A limit that binds: where, which, how many messages wait for it, and what it says for itself.
fn bound(at: &str, limit: &str, waiting: u64, detail: String) -> Reply {
    Reply::map([
        ("where", Reply::text(at)),
        ("limit", Reply::text(limit)),
        ("waiting", integer(waiting)),
        ("detail", Reply::text(detail)),
    ])
}

/// `BOTTLENECK`.
pub fn bottleneck(call: Call<'_>) -> BoxFuture<'_, Reply> {
    let mut rows = Vec::new();
    parts(call.desk, &mut rows);
    disk(call.desk, &mut rows);
    entrances(call.desk, &mut rows);
    channels(call.desk, &mut rows);
    async { Reply::List(rows) }.boxed()
}

fn parts(desk: &Desk, rows: &mut Vec<Reply>) {
    for vitals in desk.broker.vitals() {
        // One that was never replaced is on its way up.
        if vitals.condition != Condition::Running && vitals.panics > 0 {
            let detail = format!("{:?} after {} panics", vitals.condition, vitals.panics).to_lowercase();
            rows.push(bound(&vitals.name, "actor", 0, detail));
        }
    }
}

fn disk(desk: &Desk, rows: &mut Vec<Reply>) {
    let journal = desk.broker.journal();
    if let Some(reason) = journal.read_only() {
        rows.push(bound("journal", "read_only", 0, reason));
        return;
    }
    let figures = journal.figures();
    let is_full = |now: usize, most: usize| most > 0 && now as f64 >= most as f64 * FULL;
    if is_full(figures.backlog, figures.backlog_most) {
        let detail = format!("{} of {} batches wait for a commit", figures.backlog, figures.backlog_most);
        rows.push(bound("journal", "disk", figures.backlog as u64, detail));
    }
    if is_full(figures.dirty, figures.dirty_most) {
        let detail = format!("{} of {} changed states are not written yet", figures.dirty, figures.dirty_most);
        rows.push(bound("journal", "disk", figures.dirty as u64, detail));
    }
}

fn entrances(desk: &Desk, rows: &mut Vec<Reply>) {
    for (name, crowd) in desk.broker.crowds() {
        if crowd.binds {
            let detail = format!("{} of {} under way, {} refused so far", crowd.under_way, crowd.most, crowd.refused);
            rows.push(bound(name, "admission", 0, detail));
        }
    }
}

/// The channels at which most waits first.
fn channels(desk: &Desk, rows: &mut Vec<Reply>) {
    let mut waiting: HashMap<Channel, u64> = HashMap::new();
    for depth in desk.broker.archive().depths() {
        *waiting.entry(depth.channel).or_default() += depth.messages;
    }
    let mut waiting: Vec<_> = waiting.into_iter().filter(|(_, messages)| *messages > 0).collect();
    waiting.sort_unstable_by_key(|(_, messages)| std::cmp::Reverse(*messages));
    for (channel, messages) in waiting {
        let Some(one) = desk.broker.desk(channel) else {
            rows.push(bound(channel.as_str(), "no_channel", messages, "this installation has no such channel".into()));
            continue;
        };
        if let Some(limit) = one.bottleneck() {
            let status = one.status();
            let rate = status.rate.map_or_else(|| "without a rate".to_owned(), |rate| format!("{rate} a second"));
            let detail = format!("{} of {} under way, {rate}", status.under_way, status.window);
            rows.push(bound(channel.as_str(), limit.as_str(), messages, detail));
        }
    }
}
