//! The channel actor: one kind, several channels. It reads bounded pages of what waits on disk,
//! chooses fairly, keeps to the limits, asks the supervisor for durable beginnings, and lets
//! tasks send. It holds nothing that its successor could not read again.
mod bounds;
mod desk;
mod fair;
pub mod lanes;
mod pace;
mod rates;
mod wish;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use actix::{Actor, AsyncContext, Context, Handler, Message};
use futures_util::FutureExt;

pub use bounds::Limit;
pub use desk::{Desk, Latencies, Settings, Status};
use lanes::{Held, Lanes, Wanted};
pub use pace::Limits;
pub use rates::PerRecipient;
pub use wish::Wish;

use crate::domain::channel::Channel;
use crate::domain::failure::Failure;
use crate::domain::id::AttemptRef;
use crate::domain::life::{Outcome, Phase};
use crate::domain::status::AttemptStatus;
use crate::domain::submission::Lane;
use crate::messages::{Assignment, Begin, Deliver, Ended, Receive, Record, Recorded, Wake};
use crate::nursery::Child;
use crate::ports::{Archive, ArchiveError, Inquiry, Letter, Loaded, Page, Queue};
use crate::registry::Registry;
use crate::supervisor::Supervisor;

/// Ends told to the supervisor at once.
const MOST_ENDS: usize = 1_024;
/// How often a delivery looks about without being woken: limits refill, pauses end.
const LOOK_ABOUT: Duration = Duration::from_millis(20);
/// Beats of [`LOOK_ABOUT`] after which recipients are forgotten to whom all may go again: a minute.
const SHRINK_EVERY: u32 = 3_000;
/// Open attempts read at once after a restart.
const RECOVERY_PAGE: usize = 1_024;

/// The actor.
pub struct Delivery {
    desk: Arc<Desk>,
    generation: u64,
    supervisor: Child<Supervisor>,
    archive: Arc<dyn Archive>,
    registry: Registry,
    lanes: Lanes,
    /// Up to where it heard in which queues something was placed.
    heard: u64,
    /// Pages of a lane are being read.
    pulling: [bool; Lane::ALL.len()],
    rewinds: u64,
}

/// Pages of a lane's queues were read.
#[derive(Message)]
#[rtype(result = "()")]
struct Pulled {
    lane: Lane,
    pages: Result<Vec<(Queue, Page)>, ArchiveError>,
    rewinds: u64,
}

impl Delivery {
    /// A delivery at a desk.
    pub fn new(
        generation: u64,
        desk: Arc<Desk>,
        supervisor: Child<Supervisor>,
        archive: Arc<dyn Archive>,
        registry: Registry,
    ) -> Self {
        let rewinds = desk.rewinds();
        let (lanes, heard, pulling) = (Lanes::default(), 0, [false; Lane::ALL.len()]);
        Self { desk, generation, supervisor, archive, registry, lanes, heard, pulling, rewinds }
    }

    fn send(&self, assignment: Assignment) {
        if self.desk.take_off(assignment.attempt) {
            let desk = Arc::clone(&self.desk);
            actix_rt::spawn(attempt(desk, self.registry.clone(), assignment, Found::Fresh));
        }
    }

    /// Does all that can be done now.
    fn work(&mut self, context: &mut Context<Self>) {
        self.tell_ends();
        if self.desk.rewinds() != self.rewinds {
            self.rewinds = self.desk.rewinds();
            (self.lanes, self.heard) = (Lanes::default(), 0);
        }
        if !self.desk.recovered.load(Ordering::Acquire) || self.desk.pace.hold(self.desk.clock.now()).is_some() {
            return;
        }
        self.ask();
        self.pull(context);
    }

    fn tell_ends(&mut self) {
        loop {
            let ended = self.desk.ends_to_tell(MOST_ENDS);
            if ended.is_empty() {
                return;
            }
            let copy = ended.clone();
            if self.supervisor.tell(Record { channel: self.desk.channel, ended }).is_err() {
                self.desk.untold(&copy);
                return;
            }
        }
    }

    fn ask(&mut self) {
        let room = self.desk.room();
        let (bounds, rates, now) = (&self.desk.bounds, &self.desk.pace.rates, self.desk.clock.now());
        self.lanes.release(rates.now());
        let mut work = Vec::with_capacity(room.min(self.lanes.held()));
        let bound = |limit: &std::sync::atomic::AtomicU64| limit.store(now.millis(), Ordering::Relaxed);
        while work.len() < room && self.lanes.held() > 0 {
            if !rates.channel_allows() {
                bound(&bounds.rate);
                break;
            }
            let may = &mut |held: &Held| self.desk.allows(&held.envelope, held.parts, &self.registry);
            let Some(held) = self.lanes.pick(may) else {
                rates.give_back();
                break;
            };
            work.push(held.envelope);
        }
        if work.len() >= room && self.lanes.held() > 0 {
            bound(&bounds.window);
        }
        if self.lanes.has_limited() {
            bound(&bounds.institution);
        }
        if self.lanes.has_parked() {
            bound(&bounds.recipient);
        }
        if work.is_empty() {
            return;
        }
        // Rows of a chunk side by side: what happens alike to them is one fact.
        work.sort_unstable_by_key(|envelope| (envelope.lane, envelope.id));
        let wish = Wish::new(&self.desk, work.len());
        // When the supervisor is being replaced the wish is lost, and its messages are read again.
        let _ = self.supervisor.tell(Begin { work, wish });
    }

    /// Reads on where something waits. Each lane by itself, so that no lane waits for the pages of another.
    fn pull(&mut self, context: &mut Context<Self>) {
        let channel = self.desk.channel;
        // The mark first: what is queued after it is news of a later look.
        let mark = self.desk.queued_so_far();
        let news = self.archive.news(channel, self.heard);
        self.heard = news.until;
        self.lanes.announce(&news.queues);
        for (lane, pulling) in Lane::ALL.into_iter().zip(&mut self.pulling) {
            if *pulling {
                continue;
            }
            let plan = self.lanes.plan(channel, lane, self.desk.settings().page);
            if !plan.is_empty() {
                *pulling = true;
                let read = read(Arc::clone(&self.archive), plan);
                let (me, rewinds) = (context.address(), self.rewinds);
                actix_rt::spawn(async move {
                    let pages = read.await;
                    // Gone with its generation when that is over: the next one reads again.
                    let _ = me.try_send(Pulled { lane, pages, rewinds });
                });
            }
        }
        if self.lanes.is_dry() {
            self.desk.drained(mark);
        }
        let archive = &self.archive;
        self.lanes.sweep(channel, |queue| archive.waits(queue));
    }

    /// After a restart: attempts that were under way are asked about at the channel, before any
    /// other is begun.
    fn recover(&self) {
        let (archive, desk, registry) = (Arc::clone(&self.archive), Arc::clone(&self.desk), self.registry.clone());
        actix_rt::spawn(async move {
            let mut after = None;
            loop {
                let page = match archive.open(desk.channel, after, RECOVERY_PAGE).await {
                    Ok(page) => page,
                    Err(error) => {
                        tracing::error!(channel = %desk.channel, %error, "open attempts can't be read; trying again");
                        tokio::time::sleep(Duration::from_secs(1)).await;
                        continue;
                    }
                };
                let Some(last) = page.last() else { break };
                after = Some(last.envelope.id);
                for loaded in page {
                    for track in &loaded.state.tracks {
                        if track.phase != Phase::Attempting || track.channel != desk.channel {
                            continue;
                        }
                        let attempt = AttemptRef { message: loaded.envelope.id, step: track.step, retry: track.retry };
                        if desk.is_flying(attempt) {
                            continue;
                        }
                        let possible_duplicate = track.resends > 0;
                        let envelope = Arc::clone(&loaded.envelope);
                        let assignment = Assignment { attempt, envelope, possible_duplicate };
                        desk.decided(&assignment);
                        desk.begun(attempt);
                        if desk.take_off(attempt) {
                            let found = Found::Open { stopped: loaded.state.stopped };
                            actix_rt::spawn(self::attempt(Arc::clone(&desk), registry.clone(), assignment, found));
                        }
                    }
                }
            }
            desk.recovered.store(true, Ordering::Release);
            desk.wake();
        });
    }

    fn poll(&self) {
        let desk = Arc::clone(&self.desk);
        let supervisor = self.supervisor.clone();
        let generation = self.generation;
        actix_rt::spawn(async move {
            let mut since = desk.clock.now();
            loop {
                let settings = desk.settings().polling;
                tokio::time::sleep(settings.every).await;
                if desk.child.generation() != generation {
                    return;
                }
                let now = desk.clock.now();
                let from = crate::domain::time::Timestamp::from_millis(
                    since.millis().saturating_sub(settings.overlap.as_millis() as u64),
                );
                let Some(asked) = desk.transport.poll(from) else { return };
                match asked.await {
                    Ok(receipts) if receipts.is_empty() => since = now,
                    Ok(receipts) => {
                        let (recorded, done) = tokio::sync::oneshot::channel();
                        let told = supervisor.tell(Receive { receipts, recorded });
                        if told.is_ok() && matches!(done.await, Ok(Ok(()))) {
                            since = now;
                        }
                    }
                    Err(error) => tracing::warn!(channel = %desk.channel, error, "the channel can't be polled"),
                }
            }
        });
    }
}

impl Actor for Delivery {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        for assignment in self.desk.stranded() {
            self.send(assignment);
        }
        if !self.desk.recovered.load(Ordering::Acquire) {
            self.recover();
        }
        self.poll();
        let (desk, generation) = (Arc::clone(&self.desk), self.generation);
        // Off the actor, so that a full mailbox does not stop the clock.
        actix_rt::spawn(async move {
            let mut beats = 0_u32;
            while desk.child.generation() == generation {
                tokio::time::sleep(LOOK_ABOUT).await;
                desk.look_about();
                beats += 1;
                if beats.is_multiple_of(50) {
                    let sent = desk.counters.sent.load(Ordering::Relaxed);
                    let before = desk.counters.sent_before.swap(sent, Ordering::Relaxed);
                    desk.counters.sent_last_second.store(sent - before, Ordering::Relaxed);
                    desk.pace.recover(desk.clock.now(), sent - before);
                }
                if beats.is_multiple_of(SHRINK_EVERY) && desk.pace.rates.limits_recipients() {
                    let desk = Arc::clone(&desk);
                    let _ = tokio::task::spawn_blocking(move || desk.pace.rates.shrink()).await;
                }
            }
        });
        self.work(context);
    }
}

impl Handler<Wake> for Delivery {
    type Result = ();

    fn handle(&mut self, _: Wake, context: &mut Self::Context) {
        self.work(context);
    }
}

impl Handler<Deliver> for Delivery {
    type Result = ();

    fn handle(&mut self, Deliver(assignments): Deliver, context: &mut Self::Context) {
        for assignment in assignments {
            self.send(assignment);
        }
        self.work(context);
    }
}

impl Handler<Recorded> for Delivery {
    type Result = ();

    fn handle(&mut self, recorded: Recorded, context: &mut Self::Context) {
        self.desk.confirmed(&recorded.0);
        self.work(context);
    }
}

impl Handler<Pulled> for Delivery {
    type Result = ();

    fn handle(&mut self, pulled: Pulled, context: &mut Self::Context) {
        for (lane, pulling) in Lane::ALL.into_iter().zip(&mut self.pulling) {
            *pulling &= lane != pulled.lane;
        }
        if pulled.rewinds != self.desk.rewinds() {
            // Read before the queues were to be read again.
            self.work(context);
            return;
        }
        match pulled.pages {
            Ok(pages) => {
                for (queue, page) in pages {
                    let held = |loaded: Loaded| {
                        let parts = self.desk.parts(&loaded.envelope, &self.registry);
                        Held { envelope: loaded.envelope, parts }
                    };
                    self.lanes.take(&queue, page.cursor, page.work.into_iter().map(held).collect());
                }
                self.work(context);
            }
            Err(error) => tracing::error!(channel = %self.desk.channel, %error, "a queue can't be read"),
        }
    }
}

#[cfg(feature = "fault-injection")]
impl Handler<crate::messages::Panic> for Delivery {
    type Result = ();

    fn handle(&mut self, _: crate::messages::Panic, _: &mut Self::Context) {
        panic!("planted in a delivery");
    }
}

/// Reads pages, one after the other.
async fn read(archive: Arc<dyn Archive>, plan: Vec<Wanted>) -> Result<Vec<(Queue, Page)>, ArchiveError> {
    let mut pages = Vec::with_capacity(plan.len());
    for wanted in plan {
        pages.push((wanted.queue, archive.pull(wanted.queue, wanted.cursor, wanted.most).await?));
    }
    Ok(pages)
}

/// How an attempt came to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    /// It was just begun.
    Fresh,
    /// It was under way before a restart, so the channel is asked first.
    Open {
        /// The sender wants no further step.
        stopped: bool,
    },
}

/// One attempt from its beginning to its end.
async fn attempt(desk: Arc<Desk>, registry: Registry, assignment: Assignment, found: Found) {
    let letter = letter(&registry, &assignment);
    // How a simulated channel fares must not slow the live one beside it.
    let counts = !desk.transport.rehearses(&assignment.envelope);
    // What is only rehearsed goes to nobody whom the registry knows.
    let to = if counts { letter.recipient.mobile } else { assignment.envelope.recipient.mobile };
    let mobile = to.filter(|_| desk.channel == Channel::SMS);
    let Assignment { attempt, envelope, .. } = assignment;
    let limit = desk.settings().attempt_timeout;
    let begun = tokio::time::Instant::now();
    if found == Found::Fresh {
        desk.service.handed(attempt, &envelope, desk.clock.now());
    }
    let sent = || async {
        let caught = std::panic::AssertUnwindSafe(desk.transport.send_via(letter.clone())).catch_unwind();
        match tokio::time::timeout(limit, caught).await {
            Ok(Ok(sent)) => sent,
            // A panic in a transport, or no end: nobody knows what the channel has.
            Ok(Err(_)) | Err(_) => (Outcome::Unknown, None),
        }
    };
    let (outcome, provider) = if let Found::Open { stopped } = found {
        match ask(&desk, letter.clone()).await {
            Inquiry::Known(status, reference) => (Outcome::Is(status, reference), None),
            // It never left, and too much time may have gone by since.
            Inquiry::NotFound if stopped => (Outcome::Is(AttemptStatus::Failed(Failure::Cancelled), None), None),
            Inquiry::NotFound if desk.clock.now() >= envelope.valid_until => {
                (Outcome::Is(AttemptStatus::Failed(Failure::Expired), None), None)
            }
            Inquiry::NotFound => match envelope.opens_after(desk.clock.now()) {
                Some(opens) => (Outcome::NotYet(opens), None),
                None => sent().await,
            },
            Inquiry::CannotTell => (Outcome::Unknown, None),
        }
    } else {
        match sent().await {
            (Outcome::Unknown, provider) => {
                let outcome = match ask(&desk, letter.clone()).await {
                    Inquiry::Known(status, reference) => Outcome::Is(status, reference),
                    Inquiry::NotFound => Outcome::Is(AttemptStatus::Failed(Failure::Timeout), None),
                    Inquiry::CannotTell => Outcome::Unknown,
                };
                (outcome, provider)
            }
            known => known,
        }
    };
    let now = desk.clock.now();
    desk.latency.channel.record(begun.elapsed());
    let is_over = matches!(&outcome, Outcome::Is(status, _) if *status != AttemptStatus::Sent);
    desk.service.answered(&envelope, begun.elapsed(), is_over);
    let count = |counter: &std::sync::atomic::AtomicU64| counter.fetch_add(1, Ordering::Relaxed);
    match &outcome {
        Outcome::Is(AttemptStatus::Failed(failure), _) => {
            count(&desk.counters.failed);
            if counts {
                desk.pace.ended(!matches!(failure, Failure::ChannelDown | Failure::Timeout), now);
            }
            if *failure == Failure::Unreachable {
                registry.notice_unreachable(desk.channel, envelope.recipient, now);
            }
        }
        Outcome::Is(..) => {
            count(&desk.counters.sent);
            desk.latency.end_to_end.record(now.since(envelope.accepted_at.max(envelope.not_before)));
            if counts {
                desk.pace.ended(true, now);
            }
        }
        Outcome::Throttled(pause) => {
            count(&desk.counters.throttled);
            let sent = desk.counters.sent_last_second.load(Ordering::Relaxed);
            if counts {
                desk.pace.throttled(now, pause.unwrap_or(Duration::from_secs(1)), sent);
            }
        }
        Outcome::NotYet(_) => {}
        Outcome::Unknown => {
            count(&desk.counters.unknown);
            if counts {
                desk.pace.ended(false, now);
            }
        }
    }
    desk.ended(Ended { attempt, envelope, provider, mobile, outcome });
}

/// What the transport is given: the registry adds numbers and the citizen's language.
fn letter(registry: &Registry, assignment: &Assignment) -> Letter {
    let envelope = &assignment.envelope;
    let preferred = registry.person(&envelope.recipient).and_then(|person| person.language);
    Letter {
        reference: assignment.attempt,
        institution: envelope.institution,
        recipient: registry.resolve(&envelope.recipient),
        rendition: envelope.content.in_language(envelope.language, preferred, envelope.default_language),
        envelope: Arc::clone(envelope),
        possible_duplicate: assignment.possible_duplicate,
    }
}

async fn ask(desk: &Desk, letter: Letter) -> Inquiry {
    let caught = std::panic::AssertUnwindSafe(desk.transport.inquire(letter)).catch_unwind();
    match tokio::time::timeout(desk.settings().attempt_timeout, caught).await {
        Ok(Ok(inquiry)) => inquiry,
        Ok(Err(_)) | Err(_) => Inquiry::CannotTell,
    }
}
