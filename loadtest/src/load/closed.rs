//! A closed loop: so many connections, each sending its next request when it has its answer.
//!
//! It tells what a server gets done, not how long a caller at a given rate would wait: [`super::open`] does that.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use hdrhistogram::Histogram;
use tokio::task::JoinSet;

use super::figures;
use super::peer::Connection;
use super::request::Requests;

/// Answers in this time at the beginning of a round are not counted.
const WARM_UP: Duration = Duration::from_millis(500);

/// What a round gave.
pub struct Round {
    /// Answers a second.
    pub per_second: f64,
    /// How long each took.
    pub latency: Histogram<u64>,
}

/// Runs a round. Fails at the first answer with another status than `wanted`.
pub async fn run(
    address: SocketAddr,
    requests: &Arc<Requests>,
    connections: usize,
    length: Duration,
    wanted: u16,
) -> anyhow::Result<Round> {
    let mut opened = Vec::with_capacity(connections);
    for _ in 0..connections {
        opened.push(Connection::open(address).await?);
    }
    let turn = Arc::new(AtomicUsize::new(0));
    let begin = Instant::now() + WARM_UP;
    let end = begin + length;
    let mut tasks = JoinSet::new();
    for mut connection in opened {
        let (requests, turn) = (Arc::clone(requests), Arc::clone(&turn));
        tasks.spawn(async move {
            let mut latency = figures::histogram();
            let mut sent = Instant::now();
            while sent < end {
                let status = connection.exchange(requests.get(turn.fetch_add(1, Ordering::Relaxed))).await?;
                if status != wanted {
                    bail!("{address} answered {status}: {}", String::from_utf8_lossy(connection.body()));
                }
                let answered = Instant::now();
                if answered >= begin && answered < end {
                    latency.saturating_record((answered - sent).as_micros() as u64);
                }
                sent = answered;
            }
            Ok(latency)
        });
    }
    let mut latency = figures::histogram();
    let all = async {
        while let Some(ended) = tasks.join_next().await {
            latency.add(ended??)?;
        }
        anyhow::Ok(())
    };
    let patience = WARM_UP + length + Duration::from_secs(30);
    tokio::time::timeout(patience, all).await.context("a round did not end: the server stopped answering")??;
    Ok(Round { per_second: latency.len() as f64 / length.as_secs_f64(), latency })
}
