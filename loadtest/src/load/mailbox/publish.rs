//! Publications of one document each, durable before the answer, beside the same bytes streamed into plain files with fsync.
//!
//! Invariant: both sides are processes of their own, are asked in turn by the same generator over as many connections with the same bytes,
//! and have synced what they answered. Afterwards the broker has a file for each publication that it answered.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;
use estafette_loadtest::niss;

use super::plain::Plain;
use super::{Asked, document};
use crate::load::broker::{Own, Program, files};
use crate::load::closed;
use crate::load::figures::{Rounds, at_ms, say, verdict};
use crate::load::peers::sample::Sample;
use crate::load::request::Requests;

/// Different publications, each to another mailbox.
const DISTINCT: u64 = 1_000;
/// The share of the plain side to reach.
const TARGET: f64 = 0.5;

/// Measures, and prints.
pub async fn run(asked: &Asked, program: &Program, own: &Own, bytes: usize) -> anyhow::Result<()> {
    let length = Duration::from_secs(asked.seconds);
    let mut rates = [Rounds::default(), Rounds::default()];
    let mut middles = [Rounds::default(), Rounds::default()];
    let mut waits = [Rounds::default(), Rounds::default()];
    let mut ratios = Rounds::default();
    let kept = own.data().join("documents");
    // Files stay until the end: a file system goes slowly about what was removed a moment ago.
    let folder = tempfile::Builder::new().prefix("estafette-plain-").tempdir_in(program.parent())?;
    let plain = Plain::start(folder.path())?;
    for round in 1..=asked.rounds {
        let mut both = [0.0; 2];
        // Who begins has the better disk as often.
        let sides = if round % 2 == 1 { [0, 1] } else { [1, 0] };
        for side in sides {
            let address = [plain.address, own.api][side];
            let one = |number| {
                let file = document::pdf(number, bytes);
                document::publication(address, &own.key, &niss::generate(1_000 + number), None, &file)
            };
            let requests = Arc::new(Requests::of((0..DISTINCT).map(one).collect()));
            let before = files(&kept)?.len();
            settle(&own.data())?;
            let told = closed::run(address, &requests, asked.connections, length, 201).await?;
            both[side] = told.per_second;
            rates[side].push(told.per_second);
            middles[side].push(at_ms(&told.latency, 0.5));
            waits[side].push(at_ms(&told.latency, 0.99));
            if asked.json {
                Sample::rate(["raw", "estafette"][side], told.per_second, length, at_ms(&told.latency, 0.99))
                    .print()?;
            }
            let (more, answered) = (files(&kept)?.len() - before, told.latency.len() as usize);
            ensure!(side == 0 || more >= answered, "{answered} publications were answered, and {more} files are there");
        }
        ratios.push(both[1] / both[0]);
        eprintln!("round {round}: plain {:.0}, publications {:.0} a second", both[0], both[1]);
    }
    if asked.json {
        return Ok(());
    }
    say(&format!(
        "publications of {bytes} bytes, {} connections, {} rounds of {} s: median (smallest to largest)",
        asked.connections, asked.rounds, asked.seconds
    ));
    for (side, name) in ["plain files", "broker     "].iter().enumerate() {
        let (rate, middle, wait) = (rates[side].shown(0), middles[side].shown(1), waits[side].shown(1));
        say(&format!("{name} {rate} a second, p50 {middle} ms, p99 {wait} ms"));
    }
    let met = verdict(ratios.median() >= TARGET);
    say(&format!("ratio       {}; target {TARGET}: {met}", ratios.shown(2)));
    Ok(())
}

/// What was written before is on the disk before the next side is measured.
fn settle(folder: &Path) -> anyhow::Result<()> {
    #[cfg(target_os = "linux")]
    rustix::fs::syncfs(std::fs::File::open(folder)?)?;
    Ok(())
}
