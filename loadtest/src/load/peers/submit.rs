//! Prepared requests over some connections, each counted, until a number or a time is reached; and waiting until what they began
//! has ended.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use tokio::task::JoinSet;

use crate::load::peer::Connection;
use crate::load::request::Requests;

/// How long nothing may move before a run gives up.
const STALL: Duration = Duration::from_secs(20);
/// How long what was begun may take to end.
const PATIENCE: Duration = Duration::from_secs(240);
/// How often it is looked.
const LOOK: Duration = Duration::from_millis(2);

/// When to stop.
#[derive(Clone, Copy, Debug)]
pub enum Until {
    /// So many were sent.
    Count(u64),
    /// So much time has passed.
    After(Duration),
}

/// Sends, each connection its next one when it has its answer; gives how many were taken. Fails at the first answer with another
/// status than `wanted`. `first` is the turn to begin with.
pub async fn submit(
    address: SocketAddr,
    requests: &Arc<Requests>,
    connections: usize,
    first: u64,
    until: Until,
    wanted: u16,
) -> anyhow::Result<u64> {
    let mut opened = Vec::with_capacity(connections);
    for _ in 0..connections {
        opened.push(Connection::open(address).await?);
    }
    let turns = Arc::new(AtomicU64::new(0));
    let begun = Instant::now();
    let (most, longest) = match until {
        Until::Count(count) => (count, PATIENCE),
        Until::After(time) => (u64::MAX, time),
    };
    let mut tasks = JoinSet::new();
    for mut connection in opened {
        let (requests, turns) = (Arc::clone(requests), Arc::clone(&turns));
        tasks.spawn(async move {
            let mut taken = 0_u64;
            while begun.elapsed() < longest {
                let turn = turns.fetch_add(1, Ordering::Relaxed);
                if turn >= most {
                    break;
                }
                let status = connection.exchange(requests.get((first + turn) as usize)).await?;
                if status != wanted {
                    bail!("{address} answered {status}: {}", String::from_utf8_lossy(connection.body()));
                }
                taken += 1;
            }
            Ok(taken)
        });
    }
    let all = async {
        let mut taken = 0;
        while let Some(ended) = tasks.join_next().await {
            taken += ended??;
        }
        anyhow::Ok(taken)
    };
    let taken = tokio::time::timeout(longest + STALL, all).await.context("the server stopped answering")??;
    if let Until::Count(count) = until {
        ensure!(taken == count, "{taken} of {count} were answered within {PATIENCE:?}");
    }
    Ok(taken)
}

/// Waits until `done` says so many. Fails when it does not move for a while, or `alive` fails.
pub async fn wait(
    what: &str,
    wanted: u64,
    mut done: impl FnMut() -> u64,
    mut alive: impl FnMut() -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let begun = Instant::now();
    let (mut last, mut moved, mut looked) = (0, Instant::now(), Instant::now());
    loop {
        let now = done();
        if now >= wanted {
            return Ok(());
        }
        if now != last {
            (last, moved) = (now, Instant::now());
        }
        let is_stuck = moved.elapsed() > STALL || begun.elapsed() > PATIENCE;
        ensure!(
            !is_stuck,
            "{what}: {now} of {wanted} after {:.0} s, and no end in sight",
            begun.elapsed().as_secs_f64()
        );
        if looked.elapsed() > Duration::from_millis(200) {
            alive()?;
            looked = Instant::now();
        }
        tokio::time::sleep(LOOK).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::peers::counter::Counter;

    #[tokio::test]
    async fn a_number_is_sent_exactly_and_another_status_ends_the_run() {
        let counter = Counter::start().await.unwrap();
        let requests = Arc::new(Requests::submissions(counter.address, "key", "respond-async"));
        let taken = submit(counter.address, &requests, 7, 0, Until::Count(100), 204).await.unwrap();
        assert_eq!((taken, counter.count()), (100, 100));
        wait("requests", 100, || counter.count(), || Ok(())).await.unwrap();
        let after = Until::After(Duration::from_millis(50));
        assert!(submit(counter.address, &requests, 2, 0, after, 204).await.unwrap() > 0);
        assert!(submit(counter.address, &requests, 2, 0, Until::Count(1), 202).await.is_err());
        assert!(wait("requests", u64::MAX, || 0, || bail!("it ended")).await.is_err());
        counter.stop().await.unwrap();
    }
}
