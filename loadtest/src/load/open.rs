//! An open loop: requests begin when the clock says so, however slow the answers are.
//!
//! Invariant: a latency counts from the intended start, so a server that stalls is charged for all who would have waited
//! (no coordinated omission). What the generator itself was late by is told beside it, and is part of the latency.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context;
use hdrhistogram::Histogram;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use super::figures;
use super::peer::Connection;
use super::request::Requests;

/// Connections at once; a request that finds none free waits, on its own account.
const CONNECTIONS: usize = 900;
/// How long a request may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a round gave.
pub struct Round {
    /// From the intended start to the whole answer, of the wanted status.
    pub latency: Histogram<u64>,
    /// From the intended start to the moment that the generator got to it.
    pub lag: Histogram<u64>,
    /// Answers with another status, and requests that failed, by what was wrong.
    pub others: BTreeMap<String, u64>,
}

/// Runs a round of `rate` requests a second.
pub async fn run(
    address: SocketAddr,
    requests: &Arc<Requests>,
    rate: u32,
    length: Duration,
    wanted: u16,
) -> anyhow::Result<Round> {
    let count = (f64::from(rate) * length.as_secs_f64()) as u32;
    let (ticks, mut ticking) = mpsc::unbounded_channel();
    let pacing = std::thread::Builder::new().name("pace".into()).spawn(move || pace(&ticks, rate, count))?;
    let idle: Arc<Mutex<Vec<Connection>>> = Arc::default();
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut tasks = JoinSet::new();
    let mut round = Round { latency: figures::histogram(), lag: figures::histogram(), others: BTreeMap::new() };
    let mut turn = 0;
    while let Some(intended) = ticking.recv().await {
        round.lag.saturating_record(intended.elapsed().as_micros() as u64);
        let (requests, idle, places) = (Arc::clone(requests), Arc::clone(&idle), Arc::clone(&places));
        tasks.spawn(async move {
            let one = async {
                let _place = places.acquire().await?;
                let kept = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
                let mut connection = match kept {
                    Some(connection) => connection,
                    None => Connection::open(address).await?,
                };
                let status = connection.exchange(requests.get(turn)).await?;
                let waited = intended.elapsed();
                idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
                anyhow::Ok((status, waited))
            };
            tokio::time::timeout(PATIENCE, one).await.context("no answer in time").and_then(|answered| answered)
        });
        turn += 1;
        while let Some(ended) = tasks.try_join_next() {
            round.count(ended?, wanted);
        }
    }
    while let Some(ended) = tasks.join_next().await {
        round.count(ended?, wanted);
    }
    pacing.join().map_err(|_| anyhow::anyhow!("the pacing thread failed"))?;
    Ok(round)
}

impl Round {
    fn count(&mut self, ended: anyhow::Result<(u16, Duration)>, wanted: u16) {
        match ended {
            Ok((status, waited)) if status == wanted => self.latency.saturating_record(waited.as_micros() as u64),
            Ok((status, _)) => *self.others.entry(format!("status {status}")).or_default() += 1,
            Err(error) => *self.others.entry(error.to_string()).or_default() += 1,
        }
    }

    /// How many did not end as wanted.
    pub fn lost(&self) -> u64 {
        self.others.values().sum()
    }
}

/// Tells each intended start when it has come. A thread, since the runtime's timers are a millisecond coarse.
fn pace(ticks: &mpsc::UnboundedSender<Instant>, rate: u32, count: u32) {
    // Nobody sends here: waiting for it is a sleep of microseconds.
    let (_kept, never) = std::sync::mpsc::channel::<()>();
    let begin = Instant::now();
    for index in 0..count {
        let intended = begin + Duration::from_secs_f64(f64::from(index) / f64::from(rate));
        while let Some(left) = intended.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            let _ = never.recv_timeout(left);
        }
        if ticks.send(intended).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    /// A server that takes one connection at a time: whoever comes meanwhile waits, and is counted as having waited.
    #[tokio::test]
    async fn a_stall_is_charged_to_all_who_would_have_waited() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let mut is_first = true;
            while let Ok((mut stream, _)) = listener.accept().await {
                if std::mem::take(&mut is_first) {
                    tokio::time::sleep(Duration::from_millis(300)).await;
                }
                tokio::spawn(async move {
                    let mut buffer = [0; 4096];
                    while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {
                        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
                        if stream.write_all(answer).await.is_err() {
                            break;
                        }
                    }
                });
            }
        });
        let requests = Arc::new(Requests::gateway(address, "key"));
        let round = run(address, &requests, 200, Duration::from_millis(500), 200).await.unwrap();
        assert_eq!((round.latency.len(), round.lost()), (100, 0), "{:?}", round.others);
        // 60 of the 100 came while it stalled; a closed loop would have seen one.
        assert!(figures::at_ms(&round.latency, 0.5) > 20.0, "{}", figures::at_ms(&round.latency, 0.5));
    }
}
