//! Durable accept: single messages over HTTP, beside a bare handler with one row of redb for each.
//!
//! Channels are paused meanwhile, so that only accepting is measured. Rounds alternate between the two.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use estafette_loadtest::{Settings, Simulators};

use super::broker::{Own, Plan, Program};
use super::figures::{Rounds, at_ms, say, verdict};
use super::peers::sample::Sample;
use super::request::Requests;
use super::{admin, bare::Bare, closed};

/// The share of the raw limit to reach.
const TARGET: f64 = 0.7;
const PREFER: &str = "respond-async";

/// What is asked on the command line.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// A broker that runs already, such as <http://127.0.0.1:8080>; without it the run starts its own.
    #[arg(long, requires = "key")]
    api: Option<String>,
    /// A live key of it.
    #[arg(long)]
    key: Option<String>,
    /// Its admin port.
    #[arg(long, default_value = "127.0.0.1:7070")]
    admin: SocketAddr,
    #[command(flatten)]
    program: Program,
    /// Length of a round.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Rounds of each side.
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Kept connections.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// How long a commit waits for more rows, on both sides; a running broker must be set to the same.
    #[arg(long, default_value_t = 0)]
    trigger_ms: u64,
    /// Prints a line of JSON for each measurement instead.
    #[arg(long)]
    json: bool,
}

/// Where the broker is.
struct Target {
    api: SocketAddr,
    admin: SocketAddr,
    key: String,
    // Both end with the run.
    _own: Option<(Own, Simulators)>,
}

async fn target(arguments: &Arguments) -> anyhow::Result<Target> {
    if let Some(url) = &arguments.api {
        let authority = url.trim_start_matches("http://").trim_end_matches('/');
        let mut found = tokio::net::lookup_host(authority).await.context("--api: give http://HOST:PORT")?;
        let api = found.next().context("--api: nobody has this address")?;
        let key = arguments.key.clone().context("--key: give a live key")?;
        return Ok(Target { api, admin: arguments.admin, key, _own: None });
    }
    let mut settings = Settings::default();
    settings.address.set_port(0);
    let simulators = Simulators::start(settings.clone()).await?;
    let plan = Plan { trigger_ms: arguments.trigger_ms, ..Plan::default() };
    let mut own = Own::prepare(&arguments.program, &simulators, &settings, &plan)?;
    own.start()?;
    own.ready().await?;
    Ok(Target { api: own.api, admin: own.admin, key: own.key.clone(), _own: Some((own, simulators)) })
}

/// Measures, and prints.
pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    ensure!(arguments.rounds > 0 && arguments.seconds > 0 && arguments.connections > 0, "give at least 1 of each");
    let target = target(&arguments).await?;
    let paused = admin::ask(target.admin, &["CHANNEL", "sms", "PAUSE"]).await;
    paused.context("the channel must be paused, else sending is measured too")?;
    let folder = tempfile::Builder::new().prefix("estafette-bare-").tempdir_in(arguments.program.parent())?;
    let bare = Bare::start(folder.path(), Duration::from_millis(arguments.trigger_ms)).await?;
    let sides = [
        (bare.address, Arc::new(Requests::submissions(bare.address, &target.key, PREFER))),
        (target.api, Arc::new(Requests::submissions(target.api, &target.key, PREFER))),
    ];
    let length = Duration::from_secs(arguments.seconds);
    let mut rates = [Rounds::default(), Rounds::default()];
    let mut waits = [Rounds::default(), Rounds::default()];
    let mut ratios = Rounds::default();
    for round in 1..=arguments.rounds {
        let mut both = [0.0; 2];
        for (side, (address, requests)) in sides.iter().enumerate() {
            let told = closed::run(*address, requests, arguments.connections, length, 202).await?;
            both[side] = told.per_second;
            rates[side].push(told.per_second);
            waits[side].push(at_ms(&told.latency, 0.99));
            if arguments.json {
                let name = ["raw", "estafette"][side];
                Sample::rate(name, told.per_second, length, at_ms(&told.latency, 0.99)).print()?;
            }
        }
        ratios.push(both[1] / both[0]);
        eprintln!("round {round}: raw {:.0}, broker {:.0} a second", both[0], both[1]);
    }
    bare.stop().await?;
    if arguments.json {
        return Ok(());
    }
    say(&format!(
        "durable accept, {} connections, {} rounds of {} s, trigger {} ms: median (smallest to largest)",
        arguments.connections, arguments.rounds, arguments.seconds, arguments.trigger_ms
    ));
    say(&format!("raw limit  {} a second, p99 {} ms", rates[0].shown(0), waits[0].shown(1)));
    say(&format!("broker     {} a second, p99 {} ms", rates[1].shown(0), waits[1].shown(1)));
    say(&format!("ratio      {}; target {TARGET}: {}", ratios.shown(2), verdict(ratios.median() >= TARGET)));
    Ok(())
}
