//! The one writer: takes what was asked, decides it in order, commits much of it at once, and only then says so.
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError};

use super::draft::{After, Draft};
use super::overlay::{self, Maps};
use super::{Error, Rider, Shared, closed, flusher, lock, log};

/// Tells who asked.
pub type Answer = Box<dyn FnOnce(Result<(), Error>) + Send>;
/// Decides a change.
pub type Decide = Box<dyn FnOnce(&mut Draft<'_>) -> Answer + Send>;

/// After so long without work the log is trimmed and sealed.
const IDLE: Duration = Duration::from_millis(500);
/// Riders ride so often at least.
const RIDE: Duration = Duration::from_secs(3_600);
/// How long is waited for the flusher before it is looked again whether writing has ended.
const PATIENCE: Duration = Duration::from_millis(50);

/// What the writer is asked.
pub enum Order {
    /// A change that goes through the log.
    Change(Decide),
    /// One that goes straight to the tables.
    Bulk(Decide),
    /// Riders want to ride by then.
    Ride(Instant),
    /// Write what came before, and end.
    Stop,
}

/// The thread.
pub fn run(shared: &Shared, orders: &Receiver<Order>, riders: Vec<Rider>) {
    let mut writer = Writer { shared, riders, ride_at: Instant::now() + RIDE, is_sealed: false };
    // What a bulk or a stop came behind is committed first.
    let mut next = None;
    loop {
        let until = if writer.is_sealed { writer.ride_at } else { writer.ride_at.min(Instant::now() + IDLE) };
        let order = next.take().map_or_else(|| orders.recv_deadline(until), Ok);
        match order {
            Ok(Order::Change(first)) => {
                let mut works = vec![first];
                while works.len() < shared.settings.group {
                    match orders.try_recv() {
                        Ok(Order::Change(work)) => works.push(work),
                        Ok(Order::Ride(at)) => writer.ride_by(at),
                        Ok(other) => {
                            next = Some(other);
                            break;
                        }
                        Err(_) => break,
                    }
                }
                writer.group(works);
            }
            Ok(Order::Bulk(work)) => {
                writer.group(Vec::new());
                writer.bulk(work);
            }
            Ok(Order::Ride(at)) => writer.ride_by(at),
            Err(RecvTimeoutError::Timeout) if Instant::now() >= writer.ride_at => writer.group(Vec::new()),
            Err(RecvTimeoutError::Timeout) => writer.rest(),
            Ok(Order::Stop) | Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    writer.group(Vec::new());
    shared.is_closed.store(true, Ordering::Release);
    // What came in meanwhile is answered, and not left hanging.
    while let Ok(order) = orders.try_recv() {
        if let Order::Change(decide) | Order::Bulk(decide) = order {
            refuse(shared, decide, closed());
        }
    }
}

/// Answers without a change: a decision has to be made to know whom.
fn refuse(shared: &Shared, decide: Decide, error: Error) {
    let mut draft = Draft::new(shared);
    if let Ok(answer) = catch_unwind(AssertUnwindSafe(|| decide(&mut draft))) {
        answer(Err(error));
    }
}

struct Writer<'s> {
    shared: &'s Shared,
    riders: Vec<Rider>,
    ride_at: Instant,
    is_sealed: bool,
}

impl Writer<'_> {
    fn ride_by(&mut self, at: Instant) {
        self.ride_at = self.ride_at.min(at);
    }

    /// Decides and commits what came together, and what rides along.
    fn group(&mut self, works: Vec<Decide>) {
        self.catch_up();
        let mut draft = Draft::new(self.shared);
        self.ride(&mut draft);
        let answers: Vec<Answer> = works.into_iter().filter_map(|work| decided(work, &mut draft)).collect();
        let (maps, after) = draft.into_parts();
        let outcome = self.shared.writable().and_then(|()| if maps.is_empty() { Ok(()) } else { self.commit(maps) });
        finish(outcome, after, answers);
    }

    fn ride(&mut self, draft: &mut Draft<'_>) {
        self.ride_at = Instant::now() + RIDE;
        if self.shared.writable().is_err() {
            return;
        }
        for rider in &mut self.riders {
            match catch_unwind(AssertUnwindSafe(|| rider(draft))) {
                Ok(Ok(again)) => {
                    draft.keep();
                    self.ride_at = again.map_or(self.ride_at, |within| self.ride_at.min(Instant::now() + within));
                }
                // What it wanted to put would be lost.
                Ok(Err(error)) => self.shared.stop_writing(error.to_string()),
                Err(_) => self.shared.stop_writing(Error::Defect.to_string()),
            }
        }
    }

    /// Waits until the tables lack less than they may.
    fn catch_up(&self) {
        let most = self.shared.settings.most_unwritten;
        let mut waiting = lock(&self.shared.waiting);
        while self.shared.writable().is_ok() && overlay::read(&self.shared.overlay).bytes > most {
            // One order more is not needed when there is one.
            let _ = self.shared.flush_now.try_send(flusher::Order::Now);
            let waited = self.shared.caught_up.wait_timeout(waiting, PATIENCE);
            waiting = waited.unwrap_or_else(std::sync::PoisonError::into_inner).0;
        }
    }

    fn commit(&mut self, mut maps: Maps) -> Result<(), Error> {
        let shared = self.shared;
        let values = log::pack(&maps);
        let bytes: usize = values.iter().map(Vec::len).sum();
        let after = overlay::read(&shared.overlay).position;
        let applied = shared.applied.load(Ordering::Acquire);
        log::commit(&shared.log, after, &values, applied, false).map_err(|error| shared.stopped(&error))?;
        self.is_sealed = false;
        shared.room.appended(bytes);
        let unwritten = {
            let mut overlay = overlay::write(&shared.overlay);
            overlay.active.take_in(&mut maps);
            overlay.position = after + values.len() as u64;
            overlay.bytes += bytes;
            overlay.bytes
        };
        if unwritten > shared.settings.most_unwritten / 2 {
            let _ = shared.flush_now.try_send(flusher::Order::Now);
        }
        Ok(())
    }

    /// Decides a bulk against all that is durable, and brings both into the tables.
    fn bulk(&mut self, work: Decide) {
        let shared = self.shared;
        let mut draft = Draft::new(shared);
        let answer = decided(work, &mut draft);
        let (maps, after) = draft.into_parts();
        let outcome = shared.writable().and_then(|()| if maps.is_empty() { Ok(()) } else { self.commit_bulk(&maps) });
        finish(outcome, after, answer.into_iter().collect());
    }

    fn commit_bulk(&self, maps: &Maps) -> Result<(), Error> {
        let shared = self.shared;
        let _one = lock(&shared.flushing);
        shared.writable()?;
        // Only this thread publishes, and the flusher waits: what is active stays so.
        let (active, position) = {
            let mut overlay = overlay::write(&shared.overlay);
            let active = std::mem::replace(&mut overlay.active, Maps::new(shared.settings.tables.len()));
            overlay.frozen = Arc::new(active);
            (Arc::clone(&overlay.frozen), overlay.position)
        };
        // The log's older values must not be replayed over these: the tables are true up to all of it.
        let reader = shared.write(&[&active, maps], position).map_err(|error| shared.stopped(&error))?;
        {
            let mut overlay = overlay::write(&shared.overlay);
            overlay.frozen = super::draft::none(shared.settings.tables.len());
            overlay.reader = Arc::new(reader);
            overlay.bytes = 0;
        }
        shared.applied.store(position, Ordering::Release);
        Ok(())
    }

    /// Lets go what the tables have, and seals, when there is nothing else to do.
    fn rest(&mut self) {
        let shared = self.shared;
        if shared.writable().is_err() {
            self.is_sealed = true;
            return;
        }
        let (position, applied) = (overlay::read(&shared.overlay).position, shared.applied.load(Ordering::Acquire));
        if applied < position {
            return;
        }
        match log::commit(&shared.log, position, &[], applied, true) {
            Ok(()) => self.is_sealed = true,
            Err(error) => {
                shared.stopped(&error);
            }
        }
    }
}

/// None when it panicked: whoever asked hears of it from the end of his channel.
fn decided(work: Decide, draft: &mut Draft<'_>) -> Option<Answer> {
    let answer = catch_unwind(AssertUnwindSafe(|| work(draft)));
    if answer.is_err() {
        tracing::error!("a change panicked: nothing of it is kept");
        draft.discard();
    }
    answer.ok()
}

fn finish(outcome: Result<(), Error>, after: Vec<After>, answers: Vec<Answer>) {
    if outcome.is_ok() {
        for call in after {
            call();
        }
    }
    for answer in answers {
        answer(outcome.clone());
    }
}
