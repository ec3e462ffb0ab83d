//! An open loop: requests begin when the clock says so, however slow the answers are.
//!
//! Invariant: a latency counts from the intended start, so a server that stalls is charged for all who would have waited
//! (no coordinated omission). What the generator itself was late by is told beside it, and is part of the latency. What is more than a sender may
//! have under way waits for a place, on its own account; what is more than may wait is not begun, and is told.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context;
use hdrhistogram::Histogram;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use super::arrivals::{Arrivals, Offsets};
use super::figures;
use super::peer::{Place, Pool};
use super::request::Requests;

/// Requests at once of [`run`]; one that finds no place free waits, on its own account.
const CONNECTIONS: usize = 900;
/// How long a request of [`run`] may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// Arrivals that the pacing thread may be ahead of the loop by.
const TICKS: usize = 1 << 16;

/// A request that is meant to begin.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// Whose, by its place among the senders.
    pub sender: usize,
    /// Which of that sender's, from 0.
    pub number: u64,
    /// When it is meant to begin, after the beginning of all.
    pub offset: Duration,
    /// The same as a moment.
    pub intended: Instant,
}

/// How much a sender may have at once.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Requests under way.
    pub in_flight: usize,
    /// Requests that wait for a place among those.
    pub waiting: usize,
}

/// What the loop tells, in the order in which it happens.
pub enum Seen<T> {
    /// A request was begun, or waits for a place: how late the loop got to it.
    Begun {
        /// Which.
        arrival: Arrival,
        /// From the intended start until the loop got to it.
        lag: Duration,
        /// Whether it found no place.
        waits: bool,
    },
    /// A request was not begun: too many wait already.
    Refused(Arrival),
    /// A request ended.
    Ended(Arrival, T),
}

/// Tells each arrival when its moment has come: offsets of each sender, from `begin` on. A thread, since the runtime's timers are a millisecond
/// coarse.
pub fn pace(begin: Instant, mut schedules: Vec<Offsets>) -> anyhow::Result<(JoinHandle<()>, mpsc::Receiver<Arrival>)> {
    let (ticks, ticking) = mpsc::channel(TICKS);
    let pacing = std::thread::Builder::new().name("pace".into()).spawn(move || {
        // Nobody sends here: waiting for it is a sleep of microseconds.
        let (_kept, never) = std::sync::mpsc::channel::<()>();
        let mut next = BinaryHeap::new();
        for (sender, schedule) in schedules.iter_mut().enumerate() {
            next.extend(schedule.next().map(|offset| Reverse((offset, sender, 0_u64))));
        }
        while let Some(Reverse((offset, sender, number))) = next.pop() {
            let intended = begin + offset;
            while let Some(left) = intended.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
                let _ = never.recv_timeout(left);
            }
            if ticks.blocking_send(Arrival { sender, number, offset, intended }).is_err() {
                return;
            }
            next.extend(schedules[sender].next().map(|offset| Reverse((offset, sender, number + 1))));
        }
    })?;
    Ok((pacing, ticking))
}

/// Begins each arrival as `bounds` of its sender allow, and tells what happens until all have ended.
pub async fn drive<T, F>(
    mut ticking: mpsc::Receiver<Arrival>,
    bounds: &[Bounds],
    begin: impl Fn(Arrival) -> F,
    mut tell: impl FnMut(Seen<T>),
) -> anyhow::Result<()>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let places: Vec<Arc<Semaphore>> = bounds.iter().map(|bounds| Arc::new(Semaphore::new(bounds.in_flight))).collect();
    let mut held = vec![0_usize; bounds.len()];
    let mut tasks: JoinSet<(Arrival, T)> = JoinSet::new();
    let mut is_open = true;
    while is_open || !tasks.is_empty() {
        tokio::select! {
            next = ticking.recv(), if is_open => {
                let Some(arrival) = next else {
                    is_open = false;
                    continue;
                };
                let (held, limit) = (&mut held[arrival.sender], bounds[arrival.sender]);
                if *held >= limit.in_flight.saturating_add(limit.waiting) {
                    tell(Seen::Refused(arrival));
                    continue;
                }
                *held += 1;
                let places = Arc::clone(&places[arrival.sender]);
                let place = Arc::clone(&places).try_acquire_owned().ok();
                tell(Seen::Begun { arrival, lag: arrival.intended.elapsed(), waits: place.is_none() });
                let one = begin(arrival);
                tasks.spawn(async move {
                    let _place = match place {
                        Some(place) => Some(place),
                        // Nobody closes it.
                        None => places.acquire_owned().await.ok(),
                    };
                    (arrival, one.await)
                });
            }
            Some(ended) = tasks.join_next() => {
                let (arrival, told) = ended?;
                held[arrival.sender] -= 1;
                tell(Seen::Ended(arrival, told));
            }
        }
    }
    Ok(())
}

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
    let offsets = Arrivals::constant(f64::from(rate), length).offsets(0);
    let (pacing, ticking) = pace(Instant::now(), vec![offsets])?;
    let pool = Arc::new(Pool::new(Place::at(address)));
    let mut round = Round { latency: figures::histogram(), lag: figures::histogram(), others: BTreeMap::new() };
    let begin = |arrival: Arrival| {
        let (requests, pool) = (Arc::clone(requests), Arc::clone(&pool));
        async move {
            let one = pool.exchange(requests.get(arrival.number as usize), |status, _| status);
            let ended = tokio::time::timeout(PATIENCE, one).await.context("no answer in time");
            ended.and_then(|answered| answered).map(|status| (status, arrival.intended.elapsed()))
        }
    };
    let bounds = [Bounds { in_flight: CONNECTIONS, waiting: usize::MAX }];
    drive(ticking, &bounds, begin, |seen| match seen {
        Seen::Begun { lag, .. } => round.lag.saturating_record(lag.as_micros() as u64),
        Seen::Refused(_) => {}
        Seen::Ended(_, ended) => round.count(ended, wanted),
    })
    .await?;
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

    #[tokio::test]
    async fn what_finds_no_place_waits_and_what_finds_no_room_to_wait_is_told_and_not_begun() {
        let schedule = |count: usize| -> Offsets { Box::new(std::iter::repeat_n(Duration::ZERO, count)) };
        let (pacing, ticking) = pace(Instant::now(), vec![schedule(10), schedule(3)]).unwrap();
        let bounds = [Bounds { in_flight: 2, waiting: 3 }, Bounds { in_flight: 5, waiting: 0 }];
        // Nobody ends before all have come: the gate opens at the last of them.
        let gate = Arc::new(Semaphore::new(0));
        let (mut waited, mut refused, mut ended) = ([0; 2], [0; 2], [0; 2]);
        let mut come = 0;
        let begin = |_| {
            let gate = Arc::clone(&gate);
            async move { gate.acquire().await.map(tokio::sync::SemaphorePermit::forget).is_ok() }
        };
        drive(ticking, &bounds, begin, |seen| {
            match seen {
                Seen::Begun { arrival, waits, .. } => waited[arrival.sender] += usize::from(waits),
                Seen::Refused(arrival) => refused[arrival.sender] += 1,
                Seen::Ended(arrival, passed) => {
                    ended[arrival.sender] += usize::from(passed);
                    return;
                }
            }
            come += 1;
            if come == 13 {
                gate.add_permits(13);
            }
        })
        .await
        .unwrap();
        pacing.join().unwrap();
        // One sender's crowd takes no place of another's.
        assert_eq!((waited, refused, ended), ([3, 0], [5, 0], [5, 3]));
    }
}
