//! Single inscriptions, each durable before its answer, beside a bare handler with one row of redb for each.
//!
//! Invariant: every inscription is of another NISS, in an order that looks random, and a row that was not there: afterwards there are
//! as many rows more as were answered.

use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;

use super::people::{SINGLE, Size};
use super::{Asked, fill};
use crate::load::bare::Bare;
use crate::load::broker::{Own, Program};
use crate::load::closed;
use crate::load::figures::{Rounds, at_ms, say};
use crate::load::peers::sample::Sample;
use crate::load::request::Requests;

const PATH: &str = "/v1/register/rows";
/// Requests that are made for each second of a round, the warm-up included: more than are answered.
const AHEAD: u64 = 60_000;

/// Measures, and prints.
pub async fn run(asked: &Asked, program: &Program, own: &Own, size: Size) -> anyhow::Result<()> {
    let folder = tempfile::Builder::new().prefix("estafette-bare-").tempdir_in(program.parent())?;
    let bare = Bare::start(folder.path(), Duration::ZERO).await?;
    let length = Duration::from_secs(asked.seconds);
    let mut rates = [Rounds::default(), Rounds::default()];
    let mut waits = [Rounds::default(), Rounds::default()];
    let mut ratios = Rounds::default();
    for round in 1..=asked.rounds {
        // Those that are there were made in the same order.
        let before = fill::count(own, &[SINGLE]).await?;
        let turns = before..before + AHEAD * (asked.seconds + 1);
        let mut both = [0.0; 2];
        for (side, (address, wanted)) in [(bare.address, 202), (own.api, 200)].into_iter().enumerate() {
            let bodies = turns.clone().map(|turn| size.inscription(turn));
            let requests = Arc::new(Requests::register(address, &own.key, PATH, bodies));
            let told = closed::run(address, &requests, asked.connections, length, wanted).await?;
            both[side] = told.per_second;
            rates[side].push(told.per_second);
            waits[side].push(at_ms(&told.latency, 0.99));
            if asked.json {
                Sample::rate(["raw", "estafette"][side], told.per_second, length, at_ms(&told.latency, 0.99))
                    .print()?;
            }
            if side == 1 {
                let (more, answered) = (fill::count(own, &[SINGLE]).await? - before, told.latency.len());
                ensure!(more >= answered, "{answered} inscriptions were answered, and {more} rows are there");
            }
        }
        ratios.push(both[1] / both[0]);
        eprintln!("round {round}: raw {:.0}, inscriptions {:.0} a second", both[0], both[1]);
    }
    bare.stop().await?;
    if asked.json {
        return Ok(());
    }
    say(&format!(
        "single inscriptions, {} persons, {} rows, {} connections, {} rounds of {} s: median (smallest to largest)",
        size.persons, size.rows, asked.connections, asked.rounds, asked.seconds
    ));
    say(&format!("raw limit  {} a second, p99 {} ms", rates[0].shown(0), waits[0].shown(1)));
    say(&format!("broker     {} a second, p99 {} ms", rates[1].shown(0), waits[1].shown(1)));
    say(&format!("ratio      {}", ratios.shown(2)));
    Ok(())
}
