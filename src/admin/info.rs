//! Figures of the running broker: INFO, QUEUES, CHANNELS, CHANNEL. Read from what actors and store
//! show anyway; nothing here counts rows.
use std::fmt::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use estafette_actors::announcer::View;
use estafette_actors::delivery::Desk as Channels;
use estafette_actors::domain::balance::FULL;
use estafette_actors::domain::channel::Channel;
use estafette_actors::domain::status::MessageStatus;
use estafette_actors::latency::Latency;
use estafette_actors::messages::Steer;
use estafette_actors::service::Stage;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::Desk;
use super::commands::Call;
use super::reply::Reply;
use crate::telemetry;

/// How often a channel that runs empty is looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
const SECTIONS: [&str; 8] = ["server", "journal", "channels", "webhooks", "notices", "actors", "messages", "service"];

/// `INFO [section ...]`.
pub fn info(call: Call<'_>) -> BoxFuture<'_, Reply> {
    let asked: Vec<String> = call.words.iter().map(|word| word.to_ascii_lowercase()).collect();
    let all = asked.is_empty() || asked.iter().any(|word| ["all", "default", "everything"].contains(&word.as_str()));
    let mut text = String::new();
    for section in SECTIONS {
        if all || asked.iter().any(|word| word == section) {
            if !text.is_empty() {
                text.push_str("\r\n");
            }
            let mut lines = Lines(&mut text);
            match section {
                "server" => server(&mut lines, call.desk),
                "journal" => journal(&mut lines, call.desk),
                "channels" => channels_section(&mut lines, call.desk),
                "webhooks" => webhooks(&mut lines, call.desk),
                "notices" => notices(&mut lines, call.desk),
                "actors" => actors(&mut lines, call.desk),
                "messages" => messages(&mut lines, call.desk),
                _ => service(&mut lines, call.desk),
            }
        }
    }
    async { Reply::Lines(text) }.boxed()
}

/// Lines of a section, as Redis has them.
struct Lines<'t>(&'t mut String);

impl Lines<'_> {
    fn title(&mut self, title: &str) {
        let _ = write!(self.0, "# {title}\r\n");
    }

    fn put(&mut self, name: impl std::fmt::Display, value: impl std::fmt::Display) {
        let _ = write!(self.0, "{name}:{value}\r\n");
    }
}

fn server(lines: &mut Lines<'_>, desk: &Desk) {
    lines.title("Server");
    lines.put("estafette_version", env!("CARGO_PKG_VERSION"));
    lines.put("process_id", std::process::id());
    lines.put("uptime_in_seconds", desk.started.elapsed().as_secs());
    lines.put("used_memory_rss", telemetry::resident_bytes());
    let connections = desk.connections;
    lines.put("connected_clients", connections - desk.places.available_permits());
    lines.put("maxclients", connections);
}

fn journal(lines: &mut Lines<'_>, desk: &Desk) {
    lines.title("Journal");
    lines.put("state", if desk.broker.journal().read_only().is_some() { "read_only" } else { "writing" });
    if let Some(reason) = desk.broker.journal().read_only() {
        lines.put("reason", reason.replace(['\r', '\n'], " "));
    }
    if let Ok(serde_json::Value::Object(figures)) = serde_json::to_value(desk.broker.journal().figures()) {
        for (name, value) in figures {
            lines.put(name, value);
        }
    }
}

fn channels_section(lines: &mut Lines<'_>, desk: &Desk) {
    lines.title("Channels");
    let depths = desk.broker.archive().depths();
    for one in desk.broker.desks() {
        let status = one.status();
        let waiting: u64 =
            depths.iter().filter(|depth| depth.channel == status.channel).map(|depth| depth.messages).sum();
        let figures = format_args!(
            "state={},waiting={waiting},under_way={},window={},sent={},failed={},unknown={},sent_last_second={}",
            status.state,
            status.under_way,
            status.window,
            status.sent,
            status.failed,
            status.unknown,
            status.sent_last_second
        )
        .to_string();
        lines.put(status.channel, figures);
        for provider in &status.providers {
            let binds = provider.binds.map(|binds| format!(",binds={}/{}", binds.bound, binds.wanted));
            let figures = format_args!(
                "provider={},state={},weight={},share={}/{FULL}{},failing_percent={},undelivered_percent={}",
                provider.provider,
                provider.state.as_str(),
                provider.weight,
                provider.share,
                binds.unwrap_or_default(),
                provider.failing_percent,
                provider.undelivered_percent,
            )
            .to_string();
            lines.put(format_args!("{}_provider_{}", status.channel, provider.name), figures);
        }
    }
}

/// Webhooks in sum, and each that is not well: addresses and institutions are no secrets of a citizen.
fn webhooks(lines: &mut Lines<'_>, desk: &Desk) {
    lines.title("Webhooks");
    let all = desk.broker.announcements().map(|all| all.list(None)).unwrap_or_default();
    let count = |fits: &dyn Fn(&View) -> bool| all.iter().filter(|view| fits(view)).count();
    lines.put("webhooks", all.len());
    lines.put("off", count(&|view| view.webhook.off.is_some()));
    lines.put("failing", count(&|view| view.webhook.off.is_none() && view.progress.failing_since.is_some()));
    lines.put("overdue", all.iter().map(|view| view.progress.overdue.len()).sum::<usize>());
    lines.put("delivered", all.iter().map(|view| view.progress.delivered).sum::<u64>());
    for view in all.iter().filter(|view| view.webhook.off.is_some() || view.progress.failing_since.is_some()) {
        let state = view.webhook.off.as_ref().map_or("failing", |off| &off.reason).replace(['\r', '\n'], " ");
        lines.put(format_args!("{}_{}", view.webhook.institution, view.webhook.name), state);
    }
}

/// Notices of mailboxes; a title alone where there are none.
fn notices(lines: &mut Lines<'_>, desk: &Desk) {
    lines.title("Notices");
    for (name, value) in desk.control.notices().unwrap_or_default() {
        lines.put(name, value);
    }
}

fn actors(lines: &mut Lines<'_>, desk: &Desk) {
    lines.title("Actors");
    for vitals in desk.broker.vitals() {
        let condition = serde_json::to_value(vitals.condition).unwrap_or_default();
        let condition = condition.as_str().unwrap_or("unknown").to_owned();
        let figures = format!("condition={condition},generation={},panics={}", vitals.generation, vitals.panics);
        lines.put(vitals.name, figures);
    }
}

fn messages(lines: &mut Lines<'_>, desk: &Desk) {
    lines.title("Messages");
    lines.put("counted_since", "start of the process");
    let words = desk.broker.words();
    lines.put("inbound", words.heard);
    lines.put("inbound_stops", words.stops);
    lines.put("inbound_unattributed", words.nobodys);
    for (status, count) in desk.broker.archive().totals_since_start() {
        match status {
            MessageStatus::Failed(failure) => lines.put(format_args!("failed_{}", failure.as_str()), count),
            other => lines.put(other.as_str(), count),
        }
    }
}

/// How well urgent messages are served.
fn service(lines: &mut Lines<'_>, desk: &Desk) {
    lines.title("Service");
    lines.put("measured_since", "start of the process");
    let service = desk.broker.service();
    let level = service.level();
    lines.put("urgent_within_ms", level.threshold.as_millis());
    lines.put("urgent_handed", level.handed);
    lines.put("urgent_in_time", level.within);
    lines.put("urgent_in_time_percent", level.percent().map_or_else(String::new, |share| format!("{share:.3}")));
    let mut row = |name: &str, latency: &Latency| {
        let told = latency.quantiles();
        let (count, p50, p99, p999, max) = (told.count, told.p50_us, told.p99_us, told.p999_us, told.max_us);
        lines.put(name, format_args!("count={count},p50_us={p50},p99_us={p99},p999_us={p999},max_us={max}"));
    };
    row("urgent_until_handed", service.handing());
    for stage in Stage::ALL {
        row(&format!("urgent_{}", stage.as_str()), service.stage(stage));
    }
}

/// `QUEUES`.
pub fn queues(call: Call<'_>) -> BoxFuture<'_, Reply> {
    let mut depths = call.desk.broker.archive().depths();
    depths.retain(|depth| depth.messages > 0);
    depths.sort_by_key(|depth| (depth.channel, depth.lane, depth.institution));
    let rows = depths.iter().map(|depth| {
        Reply::map([
            ("channel", Reply::text(depth.channel.as_str())),
            ("lane", Reply::text(depth.lane.as_str())),
            ("institution", Reply::text(depth.institution.to_string())),
            ("messages", Reply::Integer(i64::try_from(depth.messages).unwrap_or(i64::MAX))),
        ])
    });
    let reply = Reply::List(rows.collect());
    async { reply }.boxed()
}

/// `CHANNELS`.
pub fn channels(call: Call<'_>) -> BoxFuture<'_, Reply> {
    let reply = Reply::List(call.desk.broker.desks().iter().map(|desk| Reply::of(&desk.status())).collect());
    async { reply }.boxed()
}

/// The channel of this name.
pub(super) fn desk_of<'d>(desk: &'d Desk, name: &str) -> Result<&'d Arc<Channels>, Reply> {
    let broker = &desk.broker;
    let known = || broker.desks().iter().map(|desk| desk.channel.to_string()).collect::<Vec<_>>().join(", ");
    let one = name.to_ascii_lowercase().parse::<Channel>().ok().and_then(|channel| broker.desk(channel));
    one.ok_or_else(|| Reply::error(format_args!("no such channel; there are {}", known())))
}

/// `CHANNEL name [PAUSE|RESUME|DRAIN|RATE n]`.
pub fn channel(call: Call<'_>) -> BoxFuture<'_, Reply> {
    async move {
        if call.words.get(1).is_some_and(|word| word.eq_ignore_ascii_case("drain")) && call.words.len() == 2 {
            return drain(call.desk, &call.words[0]).await.unwrap_or_else(|reply| reply);
        }
        order(call.desk, call.words).unwrap_or_else(|reply| reply)
    }
    .boxed()
}

/// Takes nothing more, and waits until nothing is under way, for a bounded time.
async fn drain(desk: &Desk, name: &str) -> Result<Reply, Reply> {
    let one = desk_of(desk, name)?;
    desk.broker.steer(one.channel, Steer::Pause).map_err(Reply::error)?;
    tracing::info!(channel = %one.channel, "an operator drains a channel");
    // An attempt ends within its own limit, and its end is durable soon after.
    let patience = Instant::now() + one.settings().attempt_timeout + one.settings().confirm_within;
    while one.under_way() > 0 && Instant::now() < patience {
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    let left = one.under_way();
    Ok(Reply::map([
        ("channel", Reply::text(one.channel.as_str())),
        ("drained", Reply::Boolean(left == 0)),
        ("under_way", Reply::Integer(i64::try_from(left).unwrap_or(i64::MAX))),
    ]))
}

fn order(desk: &Desk, words: &[String]) -> Result<Reply, Reply> {
    let broker = &desk.broker;
    let one = desk_of(desk, &words[0])?;
    let steer = match (words.get(1).map(|word| word.to_ascii_lowercase()).as_deref(), words.get(2)) {
        (None, _) => return Ok(Reply::of(&one.status())),
        (Some("pause"), None) => Steer::Pause,
        (Some("resume"), None) => Steer::Resume,
        (Some("rate"), Some(rate)) => {
            let rate = rate.parse().ok().filter(|rate| (1..=1_000_000).contains(rate));
            Steer::Rate(
                rate.ok_or_else(|| Reply::error("a rate is a whole number of messages a second, 1 to 1000000"))?,
            )
        }
        _ => return Err(Reply::error("use it as CHANNEL name [PAUSE|RESUME|DRAIN|RATE per_second]")),
    };
    broker.steer(one.channel, steer).map_err(Reply::error)?;
    tracing::info!(channel = %one.channel, ?steer, "an operator steered a channel");
    Ok(Reply::OK)
}
