//! The channel actor: one kind, several channels. It reads bounded pages of what waits on disk,
//! chooses fairly, keeps to the limits, asks the supervisor for durable beginnings, and lets
//! tasks send. It holds nothing that its successor could not read again.
mod desk;
mod lanes;
mod pace;
mod wish;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use actix::{Actor, AsyncContext, Context, Handler, Message};
use futures_util::FutureExt;

pub use desk::{Desk, Latencies, Limit, Settings, Status};
use lanes::Lanes;
pub use pace::Limits;
pub use wish::Wish;

use crate::domain::channel::Channel;
use crate::domain::failure::Failure;
use crate::domain::id::AttemptRef;
use crate::domain::life::{Outcome, Phase};
use crate::domain::status::AttemptStatus;
use crate::domain::submission::Envelope;
use crate::domain::usage;
use crate::messages::{Assignment, Begin, Deliver, Ended, Receive, Record, Recorded, Wake};
use crate::nursery::Child;
use crate::ports::{Archive, ArchiveError, Cursor, Inquiry, Letter, Loaded, Queue};
use crate::registry::Registry;
use crate::supervisor::Supervisor;

/// Ends told to the supervisor at once.
const MOST_ENDS: usize = 1_024;
/// How often a delivery looks about without being woken: limits refill, pauses end.
const LOOK_ABOUT: Duration = Duration::from_millis(20);
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
    pulling: bool,
    rewinds: u64,
}

/// A page of some queues was read.
#[derive(Message)]
#[rtype(result = "()")]
struct Pulled {
    pages: Result<Vec<(Queue, Cursor, Vec<Loaded>)>, ArchiveError>,
    mark: u64,
    nothing_left: bool,
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
        let (lanes, pulling) = (Lanes::default(), false);
        Self { desk, generation, supervisor, archive, registry, lanes, pulling, rewinds }
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
            self.lanes = Lanes::default();
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
        let mut work = Vec::with_capacity(room.min(self.lanes.held()));
        let (bounds, pace, now) = (&self.desk.bounds, &self.desk.pace, self.desk.clock.now());
        let bound = |limit: &std::sync::atomic::AtomicU64| limit.store(now.millis(), Ordering::Relaxed);
        while work.len() < room && self.lanes.held() > 0 {
            if !pace.channel_allows() {
                bound(&bounds.rate);
                break;
            }
            let Some(envelope) = self.lanes.pick(&mut |institution| pace.institution_allows(institution, now)) else {
                pace.give_back();
                bound(&bounds.institution);
                break;
            };
            if pace.is_limited() {
                pace.took_more(envelope.institution, self.parts(&envelope));
            }
            work.push(envelope);
        }
        if work.len() >= room && self.lanes.held() > 0 {
            bound(&bounds.window);
        }
        if work.is_empty() {
            return;
        }
        let wish = Wish::new(&self.desk, work.len());
        // When the supervisor is being replaced the wish is lost, and its messages are read again.
        let _ = self.supervisor.tell(Begin { work, wish });
    }

    fn parts(&self, envelope: &Envelope) -> u16 {
        let preferred = self.registry.person(&envelope.recipient).and_then(|person| person.language);
        usage::parts(envelope, self.desk.channel, preferred)
    }

    fn pull(&mut self, context: &mut Context<Self>) {
        let page = self.desk.settings().page;
        let (mark, rewinds) = (self.desk.queued_so_far(), self.rewinds);
        if self.pulling {
            return;
        }
        self.pulling = true;
        let (archive, me) = (Arc::clone(&self.archive), context.address());
        let (queues, places) = (archive.queues(self.desk.channel), self.lanes.places());
        actix_rt::spawn(async move {
            let read = async {
                let mut pages = Vec::new();
                let mut nothing_left = true;
                for (queue, cursor, most) in places.plan(queues.await?, page) {
                    if most == 0 {
                        nothing_left = false;
                        continue;
                    }
                    let read = archive.pull(queue, cursor, most).await?;
                    // What was passed over is not the end.
                    nothing_left &= read.work.is_empty() && read.cursor == cursor;
                    if !read.work.is_empty() || read.cursor != cursor {
                        pages.push((queue, read.cursor, read.work));
                    }
                }
                Ok((pages, nothing_left))
            };
            let (pages, nothing_left) = match read.await {
                Ok((pages, nothing_left)) => (Ok(pages), nothing_left),
                Err(error) => (Err(error), false),
            };
            // Gone with its generation when that is over: the next one reads again.
            let _ = me.try_send(Pulled { pages, mark, nothing_left, rewinds });
        });
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
        self.pulling = false;
        if pulled.rewinds != self.desk.rewinds() {
            // Read before the queues were to be read again.
            self.work(context);
            return;
        }
        match pulled.pages {
            Ok(pages) => {
                let is_news = !pages.is_empty() || pulled.mark != self.desk.queued_so_far();
                for (queue, cursor, work) in pages {
                    self.lanes.take(&queue, cursor, work.into_iter().map(|loaded| loaded.envelope).collect());
                }
                if pulled.nothing_left && self.lanes.held() == 0 {
                    self.desk.drained(pulled.mark);
                }
                // Else what is in hand waits for a limit, and reading again at once would find no more.
                if is_news {
                    self.work(context);
                }
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
