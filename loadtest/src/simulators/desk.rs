//! The desk of one simulated channel: where each request meets the faults, and where what was taken is recorded.
//!
//! Owns the faults, the ledger, the failures so far and the figures of a channel. Invariant: no lock is held across an await, and
//! `record` returns only when the entry is in the ledger (and handed to its file). It must not know any wire format.

use std::collections::HashMap;
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use actix_web::HttpRequest;
use serde::Serialize;

use crate::Faults;
use crate::faults::{Course, Fate};
use crate::hash::{self, ByHash, Chance};
use crate::ledger::book::{Book, Fact};
use crate::ledger::file::LedgerFile;
use crate::ledger::{Channel, Count, Page};
use crate::sandbox::Behaviour;

/// References whose failures are remembered, in each of two generations.
const FAILURES_KEPT: usize = 200_000;

/// A second handle on the socket of a connection, so that a handler can drop it without an answer.
pub(crate) struct Hangup(std::net::TcpStream);

impl Hangup {
    pub(crate) fn of(stream: &actix_web::rt::net::TcpStream) -> std::io::Result<Self> {
        Ok(Self(stream.as_fd().try_clone_to_owned()?.into()))
    }
}

/// A request that may go on.
#[derive(Clone, Copy)]
pub(crate) struct Passed {
    /// Luck of the message itself (receipts), apart from that of the request.
    pub(crate) seed: u64,
    /// Whether the answer is to be lost once the message is recorded.
    pub(crate) lose_answer: bool,
    pub(crate) silence_ms: u64,
}

/// Why a request may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The connection is gone: nobody reads what is answered.
    Dropped,
    /// 500.
    ServerError,
    /// 503.
    Unavailable,
    /// 429, with the seconds to wait.
    Throttled(u32),
}

#[derive(Default)]
struct Counters {
    requests: AtomicU64,
    /// Of them, those that brought something into the ledger.
    calls: AtomicU64,
    refused: AtomicU64,
    lost: AtomicU64,
}

/// What a channel did so far.
#[derive(Serialize)]
pub(crate) struct Figures {
    requests: u64,
    calls: u64,
    refused: u64,
    lost: u64,
    ledger: Count,
}

struct Keeper {
    book: Book,
    file: Option<LedgerFile>,
}

/// The desk of one channel.
pub(crate) struct Desk {
    channel: Channel,
    seed: u64,
    faults: RwLock<Faults>,
    keeper: Mutex<Keeper>,
    failures: Mutex<Failures>,
    /// The second (upper 40 bits) and the requests in it (lower 24).
    rate: AtomicU64,
    counters: Counters,
}

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Desk {
    pub(crate) fn open(channel: Channel, faults: Faults, settings: &super::Settings) -> anyhow::Result<Self> {
        let mut book = Book::new(settings.ledger_entries);
        let file = match &settings.ledger_dir {
            Some(dir) => Some(LedgerFile::open(&dir.join(format!("{}.ledger", channel.name())), &mut book)?),
            None => None,
        };
        Ok(Self {
            channel,
            seed: hash::mix(settings.seed ^ hash::bytes(0, channel.name().as_bytes())),
            faults: RwLock::new(faults),
            keeper: Mutex::new(Keeper { book, file }),
            failures: Mutex::default(),
            rate: AtomicU64::new(0),
            counters: Counters::default(),
        })
    }

    pub(crate) fn faults(&self) -> Faults {
        *self.faults.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_faults(&self, faults: Faults) {
        *self.faults.write().unwrap_or_else(PoisonError::into_inner) = faults;
    }

    /// Takes a request through the faults. `key` identifies what is asked (a hash of the reference).
    pub(crate) async fn admit(
        &self,
        request: &HttpRequest,
        key: u64,
        behaviour: Option<(Behaviour, u64)>,
    ) -> Result<Passed, Refusal> {
        let (latency_ms, passed, course) = self.judge(key, behaviour);
        if latency_ms > 0 {
            tokio::time::sleep(Duration::from_millis(latency_ms)).await;
        }
        let refusal = match course {
            Course::Pass | Course::LoseAfter => return Ok(passed),
            Course::LoseBefore => {
                self.hang_up(request, passed).await;
                return Err(Refusal::Dropped);
            }
            Course::ServerError => Refusal::ServerError,
            Course::Unavailable => Refusal::Unavailable,
            Course::Throttle => Refusal::Throttled(self.faults().retry_after_seconds),
        };
        Err(refusal)
    }

    /// What the faults make of a request, and after how many milliseconds: for who has a wire format of its own.
    pub(crate) fn judge(&self, key: u64, behaviour: Option<(Behaviour, u64)>) -> (u64, Passed, Course) {
        self.counters.requests.fetch_add(1, Relaxed);
        let faults = self.faults();
        // A reserved recipient fails by its own number: senders may give each try another reference.
        let (behaviour, failing) = behaviour.map_or((None, key), |(behaviour, recipient)| (Some(behaviour), recipient));
        let failures = lock(&self.failures).of(failing);
        let seed = hash::mix(self.seed ^ key).wrapping_add(u64::from(failures));
        let mut fate = Fate::draw(&faults, behaviour, failures, &mut Chance::new(seed));
        if fate.course == Course::Pass && self.is_above(faults.throttle_above_per_second) {
            fate.course = Course::Throttle;
        }
        if fate.course == Course::Pass {
            if failures > 0 {
                lock(&self.failures).forget(failing);
            }
        } else {
            lock(&self.failures).add(failing);
        }
        let passed =
            Passed { seed: !seed, lose_answer: fate.course == Course::LoseAfter, silence_ms: faults.loss_silence_ms };
        match fate.course {
            Course::Pass | Course::LoseAfter => {}
            Course::LoseBefore => {
                self.counters.lost.fetch_add(1, Relaxed);
            }
            Course::ServerError | Course::Unavailable | Course::Throttle => {
                self.counters.refused.fetch_add(1, Relaxed);
            }
        }
        (fate.latency_ms, passed, fate.course)
    }

    /// Drops the connection, after the silence that is set.
    pub(crate) async fn hang_up(&self, request: &HttpRequest, passed: Passed) {
        if passed.lose_answer {
            self.counters.lost.fetch_add(1, Relaxed);
        }
        if passed.silence_ms > 0 {
            tokio::time::sleep(Duration::from_millis(passed.silence_ms)).await;
        }
        if let Some(Hangup(socket)) = request.conn_data::<Hangup>() {
            // It may be closed already: that is what is wanted.
            let _ = socket.shutdown(Shutdown::Both);
        }
    }

    fn is_above(&self, limit: u32) -> bool {
        if limit == 0 {
            return false;
        }
        let second = now_ms() / 1_000;
        let before = self.rate.fetch_update(Relaxed, Relaxed, |state| {
            Some(if state >> 24 == second { state.saturating_add(1) } else { (second << 24) | 1 })
        });
        let state = before.unwrap_or_default();
        state >> 24 == second && (state & 0x00ff_ffff) >= u64::from(limit)
    }

    /// Records facts together and tells their sequences; the answer may go out after it.
    pub(crate) fn record<'a>(&self, facts: impl Iterator<Item = Fact<'a>>) -> Vec<u64> {
        let mut keeper = lock(&self.keeper);
        let Keeper { book, file } = &mut *keeper;
        let sequences: Vec<u64> = facts
            .map(|fact| {
                if let Some(file) = file {
                    file.push(&fact);
                }
                book.record(fact)
            })
            .collect();
        self.counters.calls.fetch_add(u64::from(!sequences.is_empty()), Relaxed);
        if let Some(Err(error)) = file.as_mut().map(LedgerFile::flush) {
            tracing::error!(channel = self.channel.name(), %error, "the ledger on disk is incomplete: free space and start again");
        }
        sequences
    }

    /// Reads the ledger.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&Book) -> T) -> T {
        read(&lock(&self.keeper).book)
    }

    pub(crate) fn page(&self, reference: Option<&str>, after: u64, limit: usize) -> Page {
        self.read(|book| book.page(reference, after, limit))
    }

    pub(crate) fn clear(&self) {
        let mut keeper = lock(&self.keeper);
        keeper.book.clear();
        if let Some(Err(error)) = keeper.file.as_mut().map(LedgerFile::clear) {
            tracing::error!(channel = self.channel.name(), %error, "the ledger on disk could not be emptied");
        }
    }

    /// Requests that brought something into the ledger.
    pub(crate) fn calls(&self) -> u64 {
        self.counters.calls.load(Relaxed)
    }

    pub(crate) fn figures(&self) -> Figures {
        Figures {
            requests: self.counters.requests.load(Relaxed),
            calls: self.calls(),
            refused: self.counters.refused.load(Relaxed),
            lost: self.counters.lost.load(Relaxed),
            ledger: self.read(Book::count),
        }
    }
}

/// How often something failed since it last passed, for a bounded number of things.
#[derive(Default)]
struct Failures {
    young: HashMap<u64, u32, ByHash>,
    old: HashMap<u64, u32, ByHash>,
}

impl Failures {
    fn of(&self, key: u64) -> u32 {
        self.young.get(&key).or_else(|| self.old.get(&key)).copied().unwrap_or(0)
    }

    fn add(&mut self, key: u64) {
        let failures = self.of(key) + 1;
        if self.young.len() >= FAILURES_KEPT {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, failures);
    }

    fn forget(&mut self, key: u64) {
        self.young.remove(&key);
        self.old.remove(&key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_counted_until_forgotten_and_bounded() {
        let mut failures = Failures::default();
        failures.add(1);
        failures.add(1);
        assert_eq!(failures.of(1), 2);
        for key in 2..3 * FAILURES_KEPT as u64 {
            failures.add(hash::mix(key));
        }
        assert!(failures.young.len() + failures.old.len() <= 2 * FAILURES_KEPT);
        let latest = hash::mix(3 * FAILURES_KEPT as u64 - 1);
        failures.forget(latest);
        assert_eq!(failures.of(latest), 0);
    }
}
