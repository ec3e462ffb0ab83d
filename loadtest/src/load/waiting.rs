//! Waiting submissions at a steady rate: what a caller waits, beside what the channel takes itself.
//!
//! The raw limit is the same number of requests a second straight to the simulated gateway, in the same rounds. Receipts come as
//! in operation.

use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;
use estafette_loadtest::{Settings, Simulators};

use super::broker::{Own, Plan, Program};
use super::figures::{Rounds, at_ms, say, verdict};
use super::open::Round;
use super::request::Requests;
use super::{admin, open};

/// What the broker may add beside two group commits, in milliseconds.
const TARGET_MS: f64 = 5.0;
const QUANTILES: [f64; 3] = [0.5, 0.99, 0.999];

/// What is asked on the command line.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    program: Program,
    /// Submissions a second.
    #[arg(long, default_value_t = 1_000)]
    rate: u32,
    /// Length of a round.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Rounds of each side.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// How long the simulated channel takes.
    #[arg(long, default_value_t = 20)]
    channel_ms: u64,
    /// How long a commit waits for more.
    #[arg(long, default_value_t = 0)]
    trigger_ms: u64,
}

#[derive(Default)]
struct Side {
    quantiles: [Rounds; 3],
    lag: Rounds,
    lost: u64,
}

impl Side {
    fn add(&mut self, name: &str, round: &Round) {
        for (rounds, quantile) in self.quantiles.iter_mut().zip(QUANTILES) {
            rounds.push(at_ms(&round.latency, quantile));
        }
        self.lag.push(at_ms(&round.lag, 0.99));
        self.lost += round.lost();
        for (what, count) in &round.others {
            eprintln!("{name}: {count} times {what}");
        }
    }

    fn shown(&self) -> String {
        let [p50, p99, p999] = &self.quantiles;
        let lag = self.lag.shown(2);
        format!(
            "p50 {}, p99 {}, p99.9 {} ms; generator late by p99 {lag} ms",
            p50.shown(1),
            p99.shown(1),
            p999.shown(1)
        )
    }
}

/// Measures, and prints.
pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    ensure!(arguments.rounds > 0 && arguments.seconds > 0 && arguments.rate > 0, "give at least 1 of each");
    let mut settings = Settings::default();
    settings.address.set_port(0);
    settings.sms.faults.latency_min_ms = arguments.channel_ms;
    settings.sms.faults.latency_max_ms = arguments.channel_ms;
    let simulators = Simulators::start(settings.clone()).await?;
    let plan = Plan { trigger_ms: arguments.trigger_ms, ..Plan::default() };
    let mut own = Own::prepare(&arguments.program, &simulators, &settings, &plan)?;
    own.start()?;
    own.ready().await?;
    let api_key = settings.sms.api_key.as_deref().unwrap_or_default();
    let direct = Arc::new(Requests::gateway(simulators.address(), api_key));
    let through = Arc::new(Requests::submissions(own.api, &own.key, "wait=10"));
    let length = Duration::from_secs(arguments.seconds);
    // Connections, receipts' routes and code pages are there before the clock runs.
    open::run(own.api, &through, arguments.rate.div_ceil(4), Duration::from_secs(2), 200).await?;
    let (mut channel, mut whole, mut commits) = (Side::default(), Side::default(), Rounds::default());
    for round in 1..=arguments.rounds {
        channel.add("channel", &open::run(simulators.address(), &direct, arguments.rate, length, 200).await?);
        let told = open::run(own.api, &through, arguments.rate, length, 200).await?;
        commits.push(admin::commit_p99_ms(own.admin).await?);
        whole.add("broker", &told);
        eprintln!("round {round}: p99 {:.1} ms", at_ms(&told.latency, 0.99));
        own.still_there()?;
    }
    let allowed = channel.quantiles[1].median() + 2.0 * commits.median() + TARGET_MS;
    let is_met = whole.quantiles[1].median() <= allowed && whole.lost == 0;
    say(&format!(
        "waiting submissions, {} a second for {} s, {} rounds, channel set to {} ms: median (smallest to largest)",
        arguments.rate, arguments.seconds, arguments.rounds, arguments.channel_ms
    ));
    say(&format!("channel alone  {}; {} lost", channel.shown(), channel.lost));
    say(&format!("whole          {}; {} lost", whole.shown(), whole.lost));
    say(&format!("group commit   p99 {} ms", commits.shown(2)));
    say(&format!(
        "target         p99 at most {allowed:.1} ms (channel, two commits and {TARGET_MS} ms), none lost: {}",
        verdict(is_met)
    ));
    Ok(())
}
