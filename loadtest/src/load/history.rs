//! A broker with a long history beside one with an empty folder: how fast a broadcast goes through it and single messages are taken, how soon
//! it sends after SIGKILL, and how long a look at a finished message takes.
//!
//! The folder was filled by the example `history` of package `estafette`, which notes ids of its messages beside it. Invariant: both sides do the same
//! work in turn, each with simulators of its own, and everything that a side accepted is delivered before the other begins; so the history grows by
//! less than a hundredth.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use estafette_loadtest::ledger::Channel;
use estafette_loadtest::{Settings, Simulators};
use hdrhistogram::Histogram;
use rand::seq::{IndexedRandom, SliceRandom};

use super::broker::{Own, Plan, Program, bytes_in, forget_pages};
use super::figures::{Rounds, at_ms, say, verdict};
use super::peer::Connection;
use super::peers::broadcast::{self, To, Work};
use super::peers::rows::Format;
use super::peers::submit::wait;
use super::peers::through;
use super::request::{self, Requests};
use super::sender::Sender;
use super::{admin, closed, open};

/// The share of an empty journal's throughput to reach.
const TARGET: f64 = 0.85;
/// First delivery after SIGKILL.
const TARGET_SECONDS: f64 = 5.0;
/// A status by id, at p99.
const TARGET_MS: f64 = 5.0;
const CONNECTIONS: usize = 64;
/// Between a start and what is measured.
const BREATH: Duration = Duration::from_secs(2);
/// Ids that are looked at in a round at most.
const IDS: usize = 100_000;

/// What is asked on the command line.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The folder that was filled: `data` and `ids` are in it.
    #[arg(long)]
    folder: PathBuf,
    #[command(flatten)]
    program: Program,
    /// Rows of the broadcast of a round.
    #[arg(long, default_value_t = 200_000)]
    rows: u64,
    /// How long single messages are taken, and messages looked at, each.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Looks a second.
    #[arg(long, default_value_t = 500)]
    rate: u32,
    /// Rounds of each side.
    #[arg(long, default_value_t = 5)]
    rounds: u32,
}

/// What the rounds of a side gave.
#[derive(Default)]
struct Side {
    rows: Rounds,
    singles: Rounds,
    ready: Rounds,
    first: Rounds,
    cold: Rounds,
    resident: Rounds,
}

/// Measures, and prints.
pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    ensure!(arguments.rounds > 0 && arguments.rows > 0 && arguments.seconds > 0, "give at least 1 of each");
    let data = arguments.folder.join("data");
    let ids = std::fs::read_to_string(arguments.folder.join("ids"));
    let ids = ids.with_context(|| format!("fill {} first (example history)", arguments.folder.display()))?;
    let mut ids: Vec<&str> = ids.lines().collect();
    ids.shuffle(&mut rand::rng());
    let before = bytes_in(&data)? >> 20;
    let rows = Format::Csv.rows(arguments.rows);
    let (mut empty, mut long) = (Side::default(), Side::default());
    let (mut ratios, mut looks) = ([Rounds::default(), Rounds::default()], Looks::default());
    for round in 1..=arguments.rounds {
        once(&arguments, &rows, None, &mut empty).await?;
        once(&arguments, &rows, Some(&data), &mut long).await?;
        look(&arguments, &data, &ids, &mut looks).await?;
        ratios[0].push(long.rows.last() / empty.rows.last());
        ratios[1].push(long.singles.last() / empty.singles.last());
        eprintln!(
            "round {round}: rows {:.0} and {:.0}, singles {:.0} and {:.0} a second, first delivery {:.2} s, cold {:.2} s",
            empty.rows.last(),
            long.rows.last(),
            empty.singles.last(),
            long.singles.last(),
            long.first.last(),
            long.cold.last()
        );
    }
    say(&format!(
        "a history of {before} MiB, {} rounds: median (smallest to largest), an empty folder and the history",
        arguments.rounds
    ));
    let all = [(0, "rows delivered", &empty.rows, &long.rows), (1, "singles taken", &empty.singles, &long.singles)];
    for (place, what, empty, long) in all {
        let ratio = &ratios[place];
        let met = verdict(ratio.median() >= TARGET);
        say(&format!("{what:15} {} and {} a second", empty.shown(0), long.shown(0)));
        say(&format!("    ratio {}; target {TARGET}: {met}", ratio.shown(2)));
    }
    for (what, empty, long) in
        [("after SIGKILL", &empty.first, &long.first), ("the same, cold", &empty.cold, &long.cold)]
    {
        let met = verdict(long.median() <= TARGET_SECONDS);
        say(&format!(
            "{what:15} first delivery after {} and {} s; target {TARGET_SECONDS} s: {met}",
            empty.shown(2),
            long.shown(2)
        ));
    }
    say(&format!("ready           after {} and {} s", empty.ready.shown(2), long.ready.shown(2)));
    say(&format!("resident        at most {} and {} MiB", empty.resident.shown(0), long.resident.shown(0)));
    for (what, p50, p99) in [("warm", &looks.warm_p50, &looks.warm_p99), ("cold", &looks.cold_p50, &looks.cold_p99)] {
        let met = verdict(p99.median() <= TARGET_MS);
        say(&format!(
            "status by id    {what}: p50 {}, p99 {} ms; target {TARGET_MS} ms: {met}",
            p50.shown(2),
            p99.shown(2)
        ));
    }
    Ok(())
}

fn plan(data: Option<&Path>) -> Plan {
    Plan { smpp: true, folder: data.map(Path::to_path_buf), ..Plan::default() }
}

/// A round of one side.
async fn once(arguments: &Arguments, rows: &str, data: Option<&Path>, side: &mut Side) -> anyhow::Result<()> {
    let settings = through::smsc(true);
    let simulators = Simulators::start(settings.clone()).await?;
    let ended = measure(arguments, rows, data, side, &simulators, &settings).await;
    simulators.stop().await;
    ended
}

async fn measure(
    arguments: &Arguments,
    rows: &str,
    data: Option<&Path>,
    side: &mut Side,
    simulators: &Simulators,
    settings: &Settings,
) -> anyhow::Result<()> {
    let mut own = Own::prepare(&arguments.program, simulators, settings, &plan(data))?;
    own.start()?;
    own.ready().await?;
    tokio::time::sleep(BREATH).await;
    let sender = Sender::new(&own)?;
    let work = Work { format: Format::Csv, to: To::Smpp, shared: false, rows, count: arguments.rows };
    let sent = broadcast::send(&work, &mut own, &sender, simulators).await?;
    side.rows.push(sent.last().context("nothing was sent")?.per_second);
    tokio::time::sleep(BREATH).await;
    let requests = Arc::new(Requests::submissions(own.api, &own.key, "respond-async"));
    let length = Duration::from_secs(arguments.seconds);
    for is_cold in [false, true] {
        admin::ask(own.admin, &["CHANNEL", "sms", "PAUSE"]).await?;
        // What was taken waits, and is sent after the kill.
        let taken = closed::run(own.api, &requests, CONNECTIONS, length, 202).await?;
        if !is_cold {
            side.singles.push(taken.per_second);
        }
        let (_, highest) = own.memory_mib()?;
        own.kill()?;
        if is_cold {
            forget_pages(&own.data())?;
        }
        let before = simulators.count(Channel::Smsc).total;
        let begun = Instant::now();
        own.start()?;
        let first = async {
            wait("deliveries", before + 1, || simulators.count(Channel::Smsc).total, || Ok(())).await?;
            anyhow::Ok(begun.elapsed().as_secs_f64())
        };
        let first = first.await?;
        own.ready().await?;
        if is_cold {
            side.cold.push(first);
            side.ready.push(begun.elapsed().as_secs_f64());
        } else {
            side.first.push(first);
        }
        drained(&mut own, simulators).await?;
        side.resident.push(highest.max(own.memory_mib()?.1));
    }
    own.kill()
}

/// Waits until all that was taken is delivered.
async fn drained(own: &mut Own, simulators: &Simulators) -> anyhow::Result<()> {
    loop {
        let taken = simulators.count(Channel::Smsc).total;
        tokio::time::sleep(Duration::from_millis(500)).await;
        own.still_there()?;
        if simulators.count(Channel::Smsc).total == taken && through::over(simulators) == taken {
            return Ok(());
        }
    }
}

#[derive(Default)]
struct Looks {
    warm_p50: Rounds,
    warm_p99: Rounds,
    cold_p50: Rounds,
    cold_p99: Rounds,
}

/// Looks at finished messages after a cold start, and once more.
async fn look(arguments: &Arguments, data: &Path, ids: &[&str], looks: &mut Looks) -> anyhow::Result<()> {
    let settings = through::smsc(true);
    let simulators = Simulators::start(settings.clone()).await?;
    let told = async {
        let mut own = Own::prepare(&arguments.program, &simulators, &settings, &plan(Some(data)))?;
        forget_pages(data)?;
        own.start()?;
        own.ready().await?;
        let few: Vec<&str> = ids.choose_multiple(&mut rand::rng(), IDS).copied().collect();
        let requests = Arc::new(Requests::statuses(own.api, &own.key, few.iter().copied()));
        let cold = looked(arguments, &own, &requests).await?;
        // Whose pages are in memory by now is what the cold round has read, and some more.
        let warm = looked(arguments, &own, &requests).await?;
        is_delivered(&own, few.first().context("no ids")?).await?;
        own.kill()?;
        anyhow::Ok((cold, warm))
    };
    let told = told.await;
    simulators.stop().await;
    let (cold, warm) = told?;
    looks.cold_p50.push(at_ms(&cold, 0.5));
    looks.cold_p99.push(at_ms(&cold, 0.99));
    looks.warm_p50.push(at_ms(&warm, 0.5));
    looks.warm_p99.push(at_ms(&warm, 0.99));
    eprintln!("looks: cold p99 {:.2} ms, warm p99 {:.2} ms", at_ms(&cold, 0.99), at_ms(&warm, 0.99));
    Ok(())
}

async fn looked(arguments: &Arguments, own: &Own, requests: &Arc<Requests>) -> anyhow::Result<Histogram<u64>> {
    let length = Duration::from_secs(arguments.seconds);
    let round = open::run(own.api, requests, arguments.rate, length, 200).await?;
    ensure!(round.lost() == 0, "looks were not answered with 200: {:?}", round.others);
    Ok(round.latency)
}

async fn is_delivered(own: &Own, id: &str) -> anyhow::Result<()> {
    let mut connection = Connection::open(own.api).await?;
    connection.exchange(&request::get_as(own.api, &format!("/v1/messages/{id}"), &own.key)).await?;
    let told: serde_json::Value = serde_json::from_slice(connection.body())?;
    ensure!(told["status"] == "delivered" && told["attempts"][0]["status"] == "delivered", "not delivered: {told}");
    Ok(())
}
