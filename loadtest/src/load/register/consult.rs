//! Consultations of one NISS each, beside a handler that gives the same answer to all and looks nothing up.
//!
//! Invariant: both sides are asked by the same generator over as many connections, in turn, with the same bytes, and what they answer has
//! the same length and headers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::web::ServiceConfig;
use actix_web::{HttpResponse, web};
use anyhow::{Context, ensure};
use bytes::Bytes;
use hdrhistogram::Histogram;

use super::people::Size;
use super::{Asked, BREATH};
use crate::load::broker::Own;
use crate::load::figures::{Rounds, at_ms, say, verdict};
use crate::load::peer::Connection;
use crate::load::peers::sample::Sample;
use crate::load::request::Requests;
use crate::load::served::Served;
use crate::load::{closed, open};

const PATH: &str = "/v1/register/consultations";
/// The share of the floor to reach.
const TARGET: f64 = 0.7;
/// At a steady rate, at p99.
const TARGET_MS: f64 = 5.0;
/// Different requests: more than a round sends, mostly.
const DISTINCT: u64 = 200_000;
/// Answers that are looked at before one is taken as that of the floor.
const LOOKED_AT: u64 = 21;
/// The share of what the broker gets done that is a steady load.
const STEADY: f64 = 0.5;

/// Measures, and prints.
pub async fn run(asked: &Asked, own: &Own, size: Size) -> anyhow::Result<()> {
    let bodies = |address, from: u64| {
        let bodies = (from..from + DISTINCT).map(|turn| size.consultation(turn));
        Arc::new(Requests::register(address, &own.key, PATH, bodies))
    };
    let floor = Floor::start(own, &bodies(own.api, 0)).await?;
    let length = Duration::from_secs(asked.seconds);
    let (mut rates, mut waits, mut steady) =
        ([(); 2].map(|()| Rounds::default()), [(); 2].map(|()| Rounds::default()), [(); 2].map(|()| Rounds::default()));
    let (mut ratios, mut at_rate) = (Rounds::default(), Rounds::default());
    for round in 1..=asked.rounds {
        let from = u64::from(round) * DISTINCT;
        let sides = [floor.served.address, own.api].map(|address| (address, bodies(address, from)));
        let mut both = [0.0; 2];
        for (side, (address, requests)) in sides.iter().enumerate() {
            let told = closed::run(*address, requests, asked.connections, length, 200).await?;
            both[side] = told.per_second;
            rates[side].push(told.per_second);
            waits[side].push(at_ms(&told.latency, 0.99));
            if asked.json {
                Sample::rate(["raw", "estafette"][side], told.per_second, length, at_ms(&told.latency, 0.99))
                    .print()?;
            }
        }
        ratios.push(both[1] / both[0]);
        eprintln!("round {round}: floor {:.0}, consultations {:.0} a second", both[0], both[1]);
        if asked.json {
            continue;
        }
        let rate = ((both[1] * STEADY) as u32).max(1);
        at_rate.push(f64::from(rate));
        for (side, (address, requests)) in sides.iter().enumerate() {
            // What a loop at full speed left to be written is no part of a steady load.
            tokio::time::sleep(BREATH).await;
            steady[side].push(at_ms(&steadily(*address, requests, rate, length).await?, 0.99));
        }
        eprintln!("round {round}: at {rate} a second p99 {:.2} and {:.2} ms", steady[0].last(), steady[1].last());
    }
    floor.served.stop().await?;
    if asked.json {
        return Ok(());
    }
    say(&format!(
        "consultations of one NISS, {} persons, {} rows, {} connections, {} rounds of {} s: median (smallest to largest)",
        size.persons, size.rows, asked.connections, asked.rounds, asked.seconds
    ));
    let met = verdict(ratios.median() >= TARGET);
    say(&format!(
        "floor      {} a second, p99 {} ms; an answer of {} bytes",
        rates[0].shown(0),
        waits[0].shown(1),
        floor.bytes
    ));
    say(&format!("broker     {} a second, p99 {} ms", rates[1].shown(0), waits[1].shown(1)));
    say(&format!("ratio      {}; target {TARGET}: {met}", ratios.shown(2)));
    let met = verdict(steady[1].median() <= TARGET_MS);
    say(&format!("steadily, {} a second: p99 of the floor {} ms", at_rate.shown(0), steady[0].shown(2)));
    say(&format!("broker     p99 {} ms; target {TARGET_MS} ms: {met}", steady[1].shown(2)));
    Ok(())
}

async fn steadily(
    address: SocketAddr,
    requests: &Arc<Requests>,
    rate: u32,
    length: Duration,
) -> anyhow::Result<Histogram<u64>> {
    let round = open::run(address, requests, rate, length, 200).await?;
    ensure!(round.lost() == 0, "not all were answered with 200: {:?}", round.others);
    Ok(round.latency)
}

/// The handler that looks nothing up.
struct Floor {
    served: Served,
    /// Of an answer's body.
    bytes: usize,
}

impl Floor {
    /// Takes an answer of the broker, of the middle length of some, as the one that it gives.
    async fn start(own: &Own, requests: &Requests) -> anyhow::Result<Self> {
        let mut connection = Connection::open(own.api).await?;
        let mut answers = Vec::new();
        for turn in 0..LOOKED_AT {
            let status = connection.exchange(requests.get(turn as usize)).await?;
            let body = Bytes::copy_from_slice(connection.body());
            let told: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
            let rows = told["rows"].as_array().map_or(0, Vec::len);
            ensure!(status == 200 && rows > 0, "a consultation was answered with {status} and {rows} rows: {told}");
            let own = |name: &str| !["content-length", "date"].contains(&name.to_ascii_lowercase().as_str());
            let headers = connection.headers().filter(|(name, _)| own(name));
            let headers: Vec<_> = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            answers.push((body, headers));
        }
        answers.sort_by_key(|(body, _)| body.len());
        let (body, headers) = answers.into_iter().nth(LOOKED_AT as usize / 2).context("nothing was answered")?;
        let (bytes, given) = (body.len(), web::Data::new((body, headers)));
        let routes = move |app: &mut ServiceConfig| {
            app.app_data(given.clone()).route(PATH, web::post().to(answer));
        };
        Ok(Self { served: Served::start("floor-http", routes).await?, bytes })
    }
}

/// A body, and its headers.
type Given = (Bytes, Vec<(String, String)>);

async fn answer(_read: Bytes, given: web::Data<Given>) -> HttpResponse {
    let mut answer = HttpResponse::Ok();
    for (name, value) in &given.1 {
        answer.insert_header((name.as_str(), value.as_str()));
    }
    answer.body(given.0.clone())
}
