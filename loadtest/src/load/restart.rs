//! A restart after SIGKILL in the middle of a large broadcast: how long until it sends again, and what memory it takes.
//!
//! The raw limits of the same run: starting the program at all, and reading its data folder once. The channel is kept at a low rate, so
//! that nearly the whole broadcast waits.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use bytes::Bytes;
use estafette_loadtest::ledger::Channel;
use estafette_loadtest::{Settings, Simulators, mobile};
use serde_json::{Value, json};

use super::broker::{self, Own, Plan};
use super::figures::{Rounds, say, verdict};

const TARGET_SECONDS: f64 = 3.0;
const TARGET_MIB: f64 = 250.0;
/// SMS a second while the broadcast runs.
const PACE: u32 = 100;
/// How long anything may take: an upload, a start, a first delivery.
const PATIENCE: Duration = Duration::from_secs(120);
/// Rows in one piece of the upload.
const PIECE: u64 = 2_000;

/// What is asked on the command line.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The program to start; without it the `estafette` beside this program.
    #[arg(long, value_name = "PATH")]
    estafette: Option<PathBuf>,
    /// Where data goes: a folder on the disk to be measured.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
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
    let parent = arguments.data.clone().unwrap_or_else(std::env::temp_dir);
    let plan = Plan { sms_per_second: PACE, trigger_ms: 0 };
    let program = broker::program(arguments.estafette)?;
    let mut own = Own::prepare(&program, &parent, &simulators, &settings, plan)?;
    own.start()?;
    own.ready().await?;
    let uploaded = broadcast(&own, arguments.recipients).await?;
    sent(&mut own, &simulators, u64::from(PACE) * 2).await?;
    let (before, _) = own.memory_mib()?;
    let mut told = Told::default();
    for round in 1..=arguments.rounds {
        own.kill()?;
        // What was on its way to the gateway arrives, and is not taken for a delivery after the restart.
        tokio::time::sleep(Duration::from_secs(1)).await;
        told.raw_start.push(start_alone(&program)?);
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

/// Uploads and starts one; gives the seconds that the upload took.
async fn broadcast(own: &Own, recipients: u64) -> anyhow::Result<f64> {
    let client = reqwest::Client::builder().no_proxy().http1_only().timeout(PATIENCE).build()?;
    let base = format!("http://{}/v1/broadcasts", own.api);
    let content = json!({ "text": { "fr": "Bonjour {{NAME}}, votre rendez-vous est demain." } });
    let order = json!({ "strategy": "sms-only", "content": content });
    let created = answer(client.post(&base).bearer_auth(&own.key).json(&order)).await?;
    let id = created["id"].as_str().context("the broker gave no id")?.to_owned();
    let begun = Instant::now();
    let pieces = futures_util::stream::unfold(0, move |from| async move {
        (from < recipients).then(|| (anyhow::Ok(piece(from, recipients)), from + PIECE))
    });
    let upload = client.put(format!("{base}/{id}/recipients")).bearer_auth(&own.key).header("Content-Type", "text/csv");
    let filled = answer(upload.body(reqwest::Body::wrap_stream(pieces))).await?;
    let taken = begun.elapsed().as_secs_f64();
    ensure!(filled["accepted"].as_u64() == Some(recipients), "not all recipients were taken: {filled}");
    answer(client.post(format!("{base}/{id}/start")).bearer_auth(&own.key).json(&json!({}))).await?;
    Ok(taken)
}

async fn answer(request: reqwest::RequestBuilder) -> anyhow::Result<Value> {
    let response = request.send().await?;
    let (status, body) = (response.status(), response.text().await?);
    ensure!(status.is_success(), "the broker answered {status}: {body}");
    serde_json::from_str(&body).context("understand the broker's answer")
}

/// A part of the list; the first one begins with the header.
fn piece(from: u64, recipients: u64) -> Bytes {
    let mut rows = if from == 0 { "key,mobile,language,var.NAME\n".to_owned() } else { String::new() };
    for row in from..recipients.min(from + PIECE) {
        // A String takes all.
        let _ = writeln!(rows, "r{row:09},{},fr,Marie", mobile::generate(row));
    }
    rows.into()
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

fn bytes_in(folder: &Path) -> anyhow::Result<u64> {
    use std::os::unix::fs::MetadataExt;
    // Blocks, not length: the files are sparse.
    files(folder)?.iter().map(|file| Ok(std::fs::metadata(file)?.blocks() * 512)).sum()
}

fn files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let (path, kind) = entry.map(|entry| (entry.path(), entry.file_type()))?;
        if kind?.is_dir() {
            found.extend(files(&path)?);
        } else {
            found.push(path);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pieces_together_are_the_list_with_one_header() {
        let whole: Vec<u8> = (0..5_000).step_by(PIECE as usize).flat_map(|from| piece(from, 5_000)).collect();
        let lines: Vec<&str> = std::str::from_utf8(&whole).unwrap().lines().collect();
        assert_eq!((lines.len(), lines[0]), (5_001, "key,mobile,language,var.NAME"));
        assert!(lines[5_000].starts_with("r000004999,+32"));
    }
}
