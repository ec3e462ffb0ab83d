//! A broadcast: its upload alone, or all the way through a channel.
//!
//! Beside an upload stands parsing the same bytes alone; beside a channel a bare loop against the same simulator. Invariant: the clock
//! runs from the first byte of the upload to its answer, which follows the commit of the last row, or to the last receipt
//! that is settled; at its end every row is accounted for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use estafette_loadtest::ledger::Channel;
use estafette_loadtest::{Settings, Simulators, mobile};
use serde_json::{Value, json};

use super::counter::Counter;
use super::rows::{Format, SHARED_TEXT, TEXT};
use super::sample::{Report, Sample};
use super::submit::{Until, submit, wait};
use super::{parse, through};
use crate::load::broker::{Own, Plan, Program};
use crate::load::peer::Connection;
use crate::load::request::{self, Requests};
use crate::load::sender::Sender;

/// Citizens whose receivers the broker remembers surely.
const REMEMBERED: u64 = 100_000;
/// Connections of the bare loop that notifies, and callbacks of GovApp at once.
const CONNECTIONS: usize = 64;
/// Receivers that it notifies in turn.
const RECEIVERS: u64 = 1_000;
/// Receivers in one of its calls to many: as many as attempts are under way at a channel by default.
const MANY: usize = 250;
/// How long nothing may move before a run gives up.
const STALL: Duration = Duration::from_secs(30);

/// Where rows go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum To {
    /// Nowhere: the broadcast is not started.
    None,
    /// Over SMPP, with receipts.
    Smpp,
    /// To GovApp over HTTP, with a callback each; whom GovApp reaches was found out before.
    Govapp,
}

/// What is asked on the command line.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// How rows are written.
    #[arg(long, value_enum, default_value_t = Format::Ndjson)]
    format: Format,
    /// Where rows go.
    #[arg(long, value_enum, default_value_t = To::None)]
    to: To,
    /// Rows; to GovApp at most 100,000.
    #[arg(long, default_value_t = 100_000)]
    rows: u64,
    /// The text is the same for all, and goes over GovApp in calls to many receivers; without it each row has its own words.
    #[arg(long)]
    shared: bool,
    /// Events in one callback of GovApp at most.
    #[arg(long, default_value_t = 1)]
    callback_events: usize,
    #[command(flatten)]
    program: Program,
    /// Rounds, each with a broker that is started anew.
    #[arg(long, default_value_t = 1)]
    rounds: u32,
    /// Prints a line of JSON for each measurement.
    #[arg(long)]
    json: bool,
}

/// Measures, and prints.
pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    ensure!(arguments.rounds > 0 && arguments.rows > 0, "give at least 1 of each");
    ensure!(
        arguments.to != To::Govapp || arguments.rows <= REMEMBERED,
        "--rows {}: to GovApp at most {REMEMBERED}, for as many receivers the broker remembers",
        arguments.rows
    );
    ensure!(!arguments.shared || arguments.to == To::Govapp, "--shared is for --to govapp");
    let rows = if arguments.shared {
        arguments.format.shared_rows(arguments.rows)
    } else {
        arguments.format.rows(arguments.rows)
    };
    let title = format!(
        "a broadcast of {} rows, {} bytes each in {:?}, to {:?}{}, {} rounds",
        arguments.rows,
        rows.len() as u64 / arguments.rows,
        arguments.format,
        arguments.to,
        if arguments.shared { ", one call to many" } else { "" },
        arguments.rounds
    );
    let mut report = Report::new(title, arguments.json);
    for _ in 0..arguments.rounds {
        for sample in once(&arguments, &rows).await? {
            report.add(&sample)?;
        }
    }
    report.end();
    Ok(())
}

async fn once(arguments: &Arguments, rows: &str) -> anyhow::Result<Vec<Sample>> {
    let mut settings = match arguments.to {
        To::Smpp => through::smsc(true),
        To::None | To::Govapp => Settings::default(),
    };
    settings.address.set_port(0);
    settings.govapp.reachable = 1.0;
    settings.govapp.opened = 0.0;
    (settings.govapp.faults.receipts.delay_min_ms, settings.govapp.faults.receipts.delay_max_ms) = (10, 50);
    (settings.callbacks.batch, settings.callbacks.concurrency) = (arguments.callback_events, CONNECTIONS);
    // Each message reserves room for all receipts that it might have.
    settings.callbacks.waiting = 4_000_000;
    let simulators = Simulators::start(settings.clone()).await?;
    let samples = async {
        let raw = match arguments.to {
            To::None => {
                let (count, took) = parse::alone(arguments.format, rows)?;
                ensure!(count == arguments.rows, "{count} rows were parsed of {}", arguments.rows);
                Sample::of("raw", count, took)
            }
            To::Smpp => through::bare(arguments.rows, true, &simulators, &settings).await?,
            To::Govapp => notify(arguments.rows, arguments.shared, &simulators, &settings).await?,
        };
        let mut samples = vec![raw];
        samples.extend(broker(arguments, rows, &simulators, &settings).await?);
        anyhow::Ok(samples)
    };
    let samples = samples.await;
    simulators.stop().await;
    samples
}

/// The bare loop to GovApp: notifications over kept connections, to receivers that are known, each by a call of its own or in calls to
/// many, and callbacks to an endpoint that counts.
async fn notify(rows: u64, shared: bool, simulators: &Simulators, settings: &Settings) -> anyhow::Result<Sample> {
    let (address, token) = (simulators.address(), settings.govapp.token.as_deref().unwrap_or("load"));
    let mut receivers = Vec::new();
    let mut connection = Connection::open(address).await?;
    for index in 0..RECEIVERS {
        let number = &mobile::generate(index)[1..];
        let path = format!("/govapp/api/v1/pushNotifications/notifications/receivers?phoneNumber={number}");
        let status = connection.exchange(&request::get_as(address, &path, token)).await?;
        ensure!(status == 200, "the simulated GovApp answered {status}");
        let found: Value = serde_json::from_slice(connection.body())?;
        receivers.push(found["receivers"][0]["id"].as_str().context("nobody has the app")?.to_owned());
    }
    let body = json!({
        "publicTitle": { "fr": "Votre rendez-vous" }, "privateBody": { "fr": TEXT }, "languages": ["fr"],
        "availableUntilDate": "2099-12-31",
    });
    let (requests, each) = if shared {
        (Requests::notifications_to_many(address, token, &receivers, MANY, &body), MANY as u64)
    } else {
        (Requests::notifications(address, token, &receivers, &body), 1)
    };
    let (requests, calls) = (Arc::new(requests), rows.div_ceil(each));
    let rows = calls * each;
    let counter = Counter::start().await?;
    simulators.set_govapp_callback(Some(&format!("http://{}/", counter.address)), &settings.govapp.callback_secret)?;
    let before = counter.count();
    let begun = Instant::now();
    submit(address, &requests, CONNECTIONS, 0, Until::Count(calls), 201).await?;
    let callbacks = rows.div_ceil(settings.callbacks.batch as u64);
    wait("callbacks", before + callbacks, || counter.count(), || Ok(())).await?;
    let took = begun.elapsed();
    simulators.set_govapp_callback(None, "")?;
    counter.stop().await?;
    Ok(Sample::of(if shared { "raw, one call to many" } else { "raw" }, rows, took))
}

async fn broker(
    arguments: &Arguments,
    rows: &str,
    simulators: &Simulators,
    settings: &Settings,
) -> anyhow::Result<Vec<Sample>> {
    let mut plan = Plan { smpp: arguments.to == To::Smpp, ..Plan::default() };
    if arguments.to == To::Govapp {
        plan.channels.push(Channel::Govapp);
        // Citizens' receivers are remembered for a day.
        plan.config = toml::from_str("channels.govapp.receivers_cache_ms = 86400000")?;
    }
    let mut own = Own::prepare(&arguments.program, simulators, settings, &plan)?;
    own.start()?;
    own.ready().await?;
    let sender = Sender::new(&own)?;
    if arguments.to == To::Govapp {
        let callbacks = format!("http://{}/v1/callbacks/govapp", own.api);
        simulators.set_govapp_callback(Some(&callbacks), &settings.govapp.callback_secret)?;
        // Everybody once, so that receivers are known.
        let work =
            Work { format: arguments.format, to: arguments.to, shared: arguments.shared, rows, count: arguments.rows };
        let (broadcast, _) = upload(&work, &own, &sender).await?;
        sender.start(&broadcast).await?;
        delivered(&sender, &broadcast, arguments.rows, &mut own).await?;
    }
    let work =
        Work { format: arguments.format, to: arguments.to, shared: arguments.shared, rows, count: arguments.rows };
    let samples = send(&work, &mut own, &sender, simulators).await?;
    own.kill()?;
    Ok(samples)
}

/// A broadcast to be sent.
pub struct Work<'w> {
    /// How its rows are written.
    pub format: Format,
    /// Where they go.
    pub to: To,
    /// Whether all of them are told the same.
    pub shared: bool,
    /// The rows.
    pub rows: &'w str,
    /// How many they are.
    pub count: u64,
}

/// Uploads a broadcast and has it sent by a broker that runs; each row is delivered once in the end.
pub async fn send(
    work: &Work<'_>,
    own: &mut Own,
    sender: &Sender,
    simulators: &Simulators,
) -> anyhow::Result<Vec<Sample>> {
    let (broadcast, begun) = upload(work, own, sender).await?;
    let (stored, count) = (begun.elapsed(), work.count);
    let mut samples = Vec::new();
    if work.to == To::None {
        samples.push(Sample::of("estafette", count, stored));
    } else {
        let channel = if work.to == To::Smpp { Channel::Smsc } else { Channel::Govapp };
        let (before, calls_before) = (simulators.count(channel).total, simulators.calls(channel));
        sender.start(&broadcast).await?;
        wait("hand-overs", before + count, || simulators.count(channel).total, || own.still_there()).await?;
        let [handed_over, settled] = if work.shared {
            ["estafette, one call to many, handed over", "estafette, one call to many"]
        } else {
            ["estafette, handed over", "estafette"]
        };
        samples.push(Sample::of(handed_over, count, begun.elapsed()));
        delivered(sender, &broadcast, count, own).await?;
        samples.push(Sample::of(settled, count, begun.elapsed()));
        if work.to == To::Govapp {
            let calls = simulators.calls(channel) - calls_before;
            ensure!(work.shared == (calls < count), "{count} rows went in {calls} calls");
        }
        let twice = simulators.count(channel).total - before - count;
        ensure!(twice == 0, "{twice} messages were handed over twice");
    }
    Ok(samples)
}

/// Creates a broadcast and uploads the rows; gives its id, and when the first byte was sent.
async fn upload(work: &Work<'_>, own: &Own, sender: &Sender) -> anyhow::Result<(String, Instant)> {
    let rows = work.rows;
    let broadcast = match work.to {
        To::Govapp => {
            let text = if work.shared { SHARED_TEXT } else { TEXT };
            let content = json!({ "title": { "fr": "Votre rendez-vous" }, "text": { "fr": text } });
            sender.create(&json!({ "strategy": "govapp-only", "content": content })).await?
        }
        To::None | To::Smpp => {
            sender.create(&json!({ "strategy": "sms-only", "content": { "text": { "fr": TEXT } } })).await?
        }
    };
    let path = format!("/v1/broadcasts/{broadcast}/recipients");
    let mut connection = Connection::open(own.api).await?;
    let head = request::put(own.api, &path, &own.key, work.format.media_type(), rows.len());
    let begun = Instant::now();
    connection.send(&head).await?;
    let status = connection.exchange(rows.as_bytes()).await?;
    let answer = String::from_utf8_lossy(connection.body());
    ensure!(status == 200, "the upload was answered with {status}: {answer}");
    let tally: Value = serde_json::from_str(&answer).context("understand the answer to the upload")?;
    ensure!(tally["accepted"].as_u64() == Some(work.count), "not all rows were taken: {answer}");
    Ok((broadcast, begun))
}

/// Waits until each row is delivered. Fails when one ended otherwise, or nothing moves.
async fn delivered(sender: &Sender, broadcast: &str, rows: u64, own: &mut Own) -> anyhow::Result<()> {
    let (mut last, mut moved) = (Value::Null, Instant::now());
    loop {
        let by_status = sender.look(broadcast).await?["by_status"].take();
        if by_status["delivered"].as_u64() == Some(rows) {
            return Ok(());
        }
        let lost = ["failed", "expired", "cancelled"].iter().any(|status| by_status[*status].as_u64() > Some(0));
        if lost || moved.elapsed() > STALL {
            bail!("of {rows} rows not all are delivered: {by_status}");
        }
        if by_status != last {
            (last, moved) = (by_status, Instant::now());
        }
        own.still_there()?;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
