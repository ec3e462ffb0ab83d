//! A restart after SIGKILL in the middle of a large broadcast: how long until it sends again, and what memory it takes.
//!
//! The raw limits of the same run: starting the program at all, and reading its data folder once. The channel is kept at a low rate, so
//! that nearly the whole broadcast waits.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::ensure;
use estafette_loadtest::ledger::Channel;
use estafette_loadtest::{Settings, Simulators};

use super::broker::{Own, Plan, Program, bytes_in, files};
use super::figures::{Rounds, say, verdict};
use super::sender::{Draft, Sender};

const TARGET_SECONDS: f64 = 3.0;
const TARGET_MIB: f64 = 250.0;
/// SMS a second while the broadcast runs.
const PACE: u32 = 100;
/// How long a start or a first delivery may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// What is asked on the command line.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    program: Program,
    /// Recipients of the broadcast.
    #[arg(long, default_value_t = 1_000_000)]
    recipients: u64,
    /// Kills and restarts.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
}

#[derive(Default)]
struct Told {
    raw_start: Rounds,
    raw_read: Rounds,
    first: Rounds,
    resident: Rounds,
    highest: Rounds,
}

/// Measures, and prints.
pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    ensure!(arguments.rounds > 0 && arguments.recipients > 0, "give at least 1 of each");
    let mut settings = Settings::default();
    settings.address.set_port(0);
    let simulators = Simulators::start(settings.clone()).await?;
    let plan = Plan { sms_per_second: PACE, ..Plan::default() };
    let mut own = Own::prepare(&arguments.program, &simulators, &settings, &plan)?;
    own.start()?;
    own.ready().await?;
    let sender = Sender::new(&own)?;
    let begun = Instant::now();
    let broadcast = sender.draft(&Draft::sms(arguments.recipients)).await?;
    let uploaded = begun.elapsed().as_secs_f64();
    sender.start(&broadcast).await?;
    sent(&mut own, &simulators, u64::from(PACE) * 2).await?;
    let (before, _) = own.memory_mib()?;
    let mut told = Told::default();
    for round in 1..=arguments.rounds {
        own.kill()?;
        // What was on its way to the gateway arrives, and is not taken for a delivery after the restart.
        tokio::time::sleep(Duration::from_secs(1)).await;
        told.raw_start.push(start_alone(&arguments.program.path()?)?);
        told.raw_read.push(read_all(&own.data())?);
        let known = simulators.count(Channel::Sms).total;
        let begun = Instant::now();
        own.start()?;
        sent(&mut own, &simulators, known + 1).await?;
        let first = begun.elapsed().as_secs_f64();
        sent(&mut own, &simulators, known + u64::from(PACE) * 2).await?;
        let (resident, highest) = own.memory_mib()?;
        told.first.push(first);
        told.resident.push(resident);
        told.highest.push(highest);
        eprintln!(
            "round {round}: first delivery after {first:.2} s, resident {resident:.0} MiB, at most {highest:.0} MiB"
        );
    }
    let size = bytes_in(&own.data())? / (1 << 20);
    own.kill()?;
    simulators.stop().await;
    let (rows, rounds) = (arguments.recipients, arguments.rounds);
    say(&format!("restart after SIGKILL in a broadcast of {rows}, {rounds} rounds: median (smallest to largest)"));
    say(&format!(
        "upload         {:.0} recipients a second, resident {before:.0} MiB before the first kill",
        rows as f64 / uploaded
    ));
    say(&format!(
        "raw limits     program alone {} s, reading its {size} MiB once {} s",
        told.raw_start.shown(3),
        told.raw_read.shown(3)
    ));
    let in_time = told.first.median() <= TARGET_SECONDS;
    say(&format!(
        "first delivery {} s after exec; target {TARGET_SECONDS} s: {}",
        told.first.shown(2),
        verdict(in_time)
    ));
    let is_small = told.highest.median() <= TARGET_MIB;
    say(&format!(
        "resident       {} MiB, at most {} MiB; target {TARGET_MIB} MiB: {}",
        told.resident.shown(0),
        told.highest.shown(0),
        verdict(is_small)
    ));
    Ok(())
}

/// Waits until the gateway has had so many.
async fn sent(own: &mut Own, simulators: &Simulators, count: u64) -> anyhow::Result<()> {
    let begun = Instant::now();
    let mut looked = Instant::now();
    while simulators.count(Channel::Sms).total < count {
        ensure!(begun.elapsed() < PATIENCE, "nothing more was sent within {PATIENCE:?}");
        if looked.elapsed() > Duration::from_millis(200) {
            own.still_there()?;
            looked = Instant::now();
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Ok(())
}

/// Seconds to run the program and have it say its version.
fn start_alone(program: &Path) -> anyhow::Result<f64> {
    let begun = Instant::now();
    let status = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status()?;
    ensure!(status.success(), "the program does not tell its version");
    Ok(begun.elapsed().as_secs_f64())
}

/// Seconds to read all files below a folder once.
fn read_all(folder: &Path) -> anyhow::Result<f64> {
    let begun = Instant::now();
    for file in files(folder)? {
        std::io::copy(&mut std::fs::File::open(file)?, &mut std::io::sink())?;
    }
    Ok(begun.elapsed().as_secs_f64())
}
