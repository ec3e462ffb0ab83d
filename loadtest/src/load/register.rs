//! The register over HTTP: its filling, consultations beside a bare answer, single durable inscriptions, and a restart after SIGKILL.
//!
//! The broker is the run's own; what fills it is made as it is sent, sorted by NISS. With `--folder` a register that was filled stays for
//! the next run of the same size.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use estafette_loadtest::{Settings, Simulators};

use self::fill::Upload;
use self::people::{FILLED, SINGLE, Size};
use super::broker::{Own, Plan, Program, bytes_in};
use super::figures::{say, verdict};

mod consult;
mod fill;
mod inscribe;
mod names;
mod people;

/// From exec to ready after a kill.
const TARGET_SECONDS: f64 = 15.0;
/// What a filling is to reach, lines a second.
const TARGET: f64 = 200_000.0;
/// Between a loop at full speed and what follows it.
const BREATH: Duration = Duration::from_secs(1);

/// One part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// The filling, and a restart after it.
    Fill,
    /// Consultations.
    Consult,
    /// Single inscriptions.
    Inscribe,
}

/// What is asked on the command line.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    program: Program,
    /// Where the broker's data stays for another run; without it, a temporary folder.
    #[arg(long)]
    folder: Option<PathBuf>,
    /// Persons of the authentic source, 1 to 28000000.
    #[arg(long, default_value_t = 1_000_000)]
    persons: u64,
    /// Rows of the register, 1 to 3 for each person.
    #[arg(long, default_value_t = 2_500_000)]
    rows: u64,
    /// Persons come as the first filling of the authentic source, where the broker knows that.
    #[arg(long)]
    first: bool,
    /// No persons: rows come without a look at the authentic source, which is then left empty. Nothing can be inscribed.
    #[arg(long, conflicts_with = "first")]
    trust: bool,
    /// Keys of the broker's configuration, such as "register.cache_mib = 256".
    #[arg(long, value_name = "TOML", default_value = "")]
    config: String,
    /// This part only; a register that is not filled is filled first.
    #[arg(long, value_enum)]
    only: Option<Part>,
    #[command(flatten)]
    asked: Asked,
}

/// How it is measured.
#[derive(Debug, clap::Args)]
struct Asked {
    /// Length of a round.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Rounds of each side.
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Kept connections.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Prints a line of JSON for each measurement instead.
    #[arg(long)]
    json: bool,
}

/// Measures, and prints.
pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let asked = &arguments.asked;
    ensure!(asked.rounds > 0 && asked.seconds > 0 && asked.connections > 0, "give at least 1 of each");
    let size = Size { persons: arguments.persons, rows: arguments.rows };
    ensure!((1..=28_000_000).contains(&size.persons), "--persons: give 1 to 28000000");
    let bounds = size.persons..=size.persons * 3;
    ensure!(bounds.contains(&size.rows), "--rows: give 1 to 3 for each person");
    let does = |part| arguments.only.is_none_or(|only| only == part);
    ensure!(
        !(arguments.trust && does(Part::Inscribe)),
        "--trust: nobody can be inscribed who is not known; give --only"
    );
    let mut settings = Settings::default();
    settings.address.set_port(0);
    let simulators = Simulators::start(settings.clone()).await?;
    let config = toml::from_str(&arguments.config).context("--config: give keys as in TOML")?;
    let plan = Plan { operators: true, folder: arguments.folder.clone(), config, ..Plan::default() };
    let mut own = Own::prepare(&arguments.program, &simulators, &settings, &plan)?;
    own.start()?;
    own.ready().await?;
    fill(&arguments, &mut own, size).await?;
    if does(Part::Fill) {
        restart(asked, &mut own).await?;
    }
    if does(Part::Consult) {
        consult::run(asked, &own, size).await?;
    }
    if does(Part::Inscribe) {
        inscribe::run(asked, &arguments.program, &own, size).await?;
        restart(asked, &mut own).await?;
    }
    own.kill()?;
    simulators.stop().await;
    Ok(())
}

/// Fills it, unless it is.
async fn fill(arguments: &Arguments, own: &mut Own, size: Size) -> anyhow::Result<()> {
    let there = fill::count(own, &FILLED).await?;
    if there > 0 {
        ensure!(there == size.rows, "the folder has a register of {there} rows: give its size, or another --folder");
        return Ok(());
    }
    fill::define(own).await?;
    let first = if arguments.first { "?first=true" } else { "" };
    let persons = Upload {
        method: "PUT",
        path: format!("/v1/register/persons{first}"),
        header: Size::PERSONS,
        make: fill::person,
    };
    let trust = if arguments.trust { "?persons=trust" } else { "" };
    let rows = Upload {
        method: "POST",
        path: format!("/v1/register/rows/import{trust}"),
        header: Size::ROWS,
        make: Size::write_rows,
    };
    for (what, upload) in [("persons", persons), ("rows", rows)] {
        if arguments.trust && what == "persons" {
            continue;
        }
        let filled = fill::send(own, size, &upload).await?;
        own.still_there()?;
        let met = verdict(filled.per_second() >= TARGET);
        let line = format!(
            "{} {what} in {:.1} s, {:.0} a second from the first byte to the answer; target {TARGET:.0}: {met}; making the lines alone {:.0} a second",
            filled.lines,
            filled.took.as_secs_f64(),
            filled.per_second(),
            filled.made_per_second()
        );
        tell(arguments.asked.json, &line);
    }
    let (now, most) = own.memory_mib()?;
    let mib = bytes_in(&own.data())? >> 20;
    tell(arguments.asked.json, &format!("filled: {mib} MiB on disk, resident {now:.0} MiB, at most {most:.0} MiB"));
    Ok(())
}

/// SIGKILL, and a start: all that was acknowledged is there.
async fn restart(asked: &Asked, own: &mut Own) -> anyhow::Result<()> {
    let all = [FILLED[0], FILLED[1], SINGLE];
    let before = fill::count(own, &all).await?;
    own.kill()?;
    let begun = Instant::now();
    own.start()?;
    own.ready().await?;
    let seconds = begun.elapsed().as_secs_f64();
    let now = fill::count(own, &all).await.context("count after the restart")?;
    ensure!(now >= before, "{before} rows were there before the kill, and {now} after it");
    let (resident, _) = own.memory_mib()?;
    let met = verdict(seconds <= TARGET_SECONDS);
    tell(
        asked.json,
        &format!(
            "ready {seconds:.2} s after SIGKILL and exec; target {TARGET_SECONDS} s: {met}; resident {resident:.0} MiB"
        ),
    );
    Ok(())
}

/// Beside lines of JSON a figure for people goes elsewhere.
fn tell(json: bool, line: &str) {
    if json { eprintln!("{line}") } else { say(line) }
}
