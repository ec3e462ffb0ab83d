//! The broker as faces see it: one handle, cheap to clone, that checks admission and speaks to
//! the actors. Every answer comes after the commit that makes it true.
//!
//! A caller that goes away changes nothing: what was handed in is journalled all the same.
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::announcer::Announcements;
use crate::delivery::{Desk, Limit};
use crate::domain::channel::Channel;
use crate::domain::id::{BroadcastId, Kind, MessageId};
use crate::domain::inbound::Heard;
use crate::domain::receipt::Receipt;
use crate::domain::status::{MessageStatus, WaitReason};
use crate::domain::submission::{Broadcast, Envelope, Institution};
use crate::domain::time::Timestamp;
use crate::intake::Intake;
use crate::latency::Quantiles;
use crate::messages::{BroadcastOrder, Cancel, Command, Hear, Progress, Receive, Refused, Steer, Submitted};
use crate::nursery::{Child, Vitals};
use crate::ports::{Archive, Clock, Held, Journal, Loaded, PackedRows};
use crate::registry::Registry;
use crate::service::Service;
use crate::supervisor::Supervisor;

/// How much may be under way at once.
#[derive(Clone, Copy, Debug)]
pub struct Admission {
    /// Single submissions between their arrival and their commit.
    pub submissions: usize,
    /// Chunks of broadcasts likewise.
    pub chunks: usize,
    /// Receipt batches likewise.
    pub receipts: usize,
}

impl Default for Admission {
    fn default() -> Self {
        Self { submissions: 16_384, chunks: 16, receipts: 1_024 }
    }
}

/// The handle.
#[derive(Clone)]
pub struct Broker(Arc<Inner>);

/// What the handle holds.
pub struct Inner {
    /// The supervisor of the partition.
    pub supervisor: Child<Supervisor>,
    /// The way of single submissions to it.
    pub intake: Intake,
    /// One desk a channel.
    pub desks: Vec<Arc<Desk>>,
    /// What is known of recipients.
    pub registry: Registry,
    /// The journal.
    pub journal: Arc<dyn Journal>,
    /// The archive.
    pub archive: Arc<dyn Archive>,
    /// Webhooks, where there are any.
    pub announcements: Option<Announcements>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Admission.
    pub admission: Gate,
    /// Ids of single messages.
    pub mint: Mint,
    /// What citizens wrote.
    pub words: Words,
    /// How well urgent messages are served: the one that the desks have.
    pub service: Arc<Service>,
}

/// How much citizens wrote since the start.
#[derive(Debug, Default)]
pub struct Words {
    heard: AtomicU64,
    stops: AtomicU64,
    nobodys: AtomicU64,
}

/// The same, when it was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WordFigures {
    /// Messages of citizens that were kept.
    pub heard: u64,
    /// Those that asked for no more.
    pub stops: u64,
    /// Those for which no institution was found.
    pub nobodys: u64,
}

/// Why a message waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Why {
    /// The reason.
    pub reason: WaitReason,
    /// The channel that it waits at.
    pub channel: Option<Channel>,
    /// Until when, where that is known: the window opens then.
    pub until: Option<Timestamp>,
}

mod gate;

pub use gate::{Crowd, Gate};

/// Makes ids of single messages that grow, also within a millisecond and when the clock steps back.
#[derive(Debug, Default)]
pub struct Mint(Mutex<(u64, u64)>);

const RANDOM_BITS: u32 = 37;

impl Mint {
    /// The next id, and the time in it.
    pub fn next(&self, now: Timestamp) -> MessageId {
        let mut last = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if now.millis() > last.0 {
            *last = (now.millis(), 0);
        } else {
            last.1 += 1;
        }
        let unique = (last.1 << RANDOM_BITS) | (rand::random::<u64>() & ((1 << RANDOM_BITS) - 1));
        MessageId::single(Timestamp::from_millis(last.0), 0, unique)
    }
}

const OVERLOADED: Refused = Refused::Overloaded { retry_after: Duration::from_secs(1) };

impl Broker {
    /// Of its parts.
    pub fn new(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// An id for a new single message.
    pub fn mint(&self) -> MessageId {
        self.0.mint.next(self.now())
    }

    /// The archive, for look-ups.
    pub fn archive(&self) -> &Arc<dyn Archive> {
        &self.0.archive
    }

    /// The journal, for its figures and health.
    pub fn journal(&self) -> &Arc<dyn Journal> {
        &self.0.journal
    }

    /// Webhooks, where there are any.
    pub fn announcements(&self) -> Option<&Announcements> {
        self.0.announcements.as_ref()
    }

    /// What is known of recipients.
    pub fn registry(&self) -> &Registry {
        &self.0.registry
    }

    /// The lists of those to whom a sender may not write.
    pub fn suppressions(&self) -> &Arc<dyn crate::ports::Suppressions> {
        self.0.registry.suppressions()
    }

    /// The channels.
    pub fn desks(&self) -> &[Arc<Desk>] {
        &self.0.desks
    }

    /// One channel.
    pub fn desk(&self, channel: Channel) -> Option<&Arc<Desk>> {
        self.0.desks.iter().find(|desk| desk.channel == channel)
    }

    /// How each actor fares.
    pub fn vitals(&self) -> Vec<Vitals> {
        let mut vitals = vec![self.0.supervisor.vitals(), self.0.registry.vitals()];
        vitals.extend(self.0.announcements.as_ref().map(Announcements::vitals));
        vitals.extend(self.0.desks.iter().map(|desk| desk.child.vitals()));
        vitals
    }

    /// Accepts a message. Ends when it is durable; with `wait`, when the waiting call has its
    /// answer or the time is up, whichever is first.
    pub async fn submit(&self, envelope: Envelope, wait: Option<Duration>) -> Result<Progress, Refused> {
        self.submit_as(envelope, wait, None).await
    }

    async fn submit_as(
        &self,
        envelope: Envelope,
        wait: Option<Duration>,
        retry_of: Option<MessageId>,
    ) -> Result<Progress, Refused> {
        let begun = Instant::now();
        let permit = self.0.admission.submissions.enter().ok_or(OVERLOADED)?;
        let (answered, answer) = match wait {
            Some(_) => {
                let (answered, answer) = oneshot::channel();
                (Some(answered), Some(answer))
            }
            None => (None, None),
        };
        let id = envelope.id;
        self.0.service.arrived(&envelope);
        let submitted = Submitted { envelope: Arc::new(envelope), answered, retry_of };
        let submitted = self.0.intake.submit(submitted).await;
        self.0.service.accepted(id, submitted.is_ok());
        let progress = submitted?;
        drop(permit);
        self.0.admission.accepting.record(begun.elapsed());
        match (wait, answer) {
            (Some(wait), Some(answer)) if !progress.answered => match tokio::time::timeout(wait, answer).await {
                Ok(Ok(progress)) => Ok(progress),
                _ => Ok(progress),
            },
            _ => Ok(progress),
        }
    }

    /// Receipts of a channel. Ends when they are durable: only then may the channel forget them.
    pub async fn receive(&self, receipts: Vec<Receipt>) -> Result<(), Refused> {
        let _permit = self.0.admission.receipts.enter().ok_or(OVERLOADED)?;
        let (recorded, done) = oneshot::channel();
        self.0.supervisor.tell(Receive { receipts, recorded })?;
        done.await.map_err(|_| Refused::Restarting)?
    }

    /// What citizens wrote, each with the institution that it was written to. Ends when it is durable.
    pub async fn hear(&self, heard: Vec<(Option<Institution>, Heard)>) -> Result<(), Refused> {
        let _permit = self.0.admission.receipts.enter().ok_or(OVERLOADED)?;
        let (recorded, done) = oneshot::channel();
        let stops = heard.iter().filter(|(_, heard)| heard.stop.is_some()).count();
        let nobodys = heard.iter().filter(|(institution, _)| institution.is_none()).count();
        let all = heard.len();
        self.0.supervisor.tell(Hear { heard, recorded })?;
        done.await.map_err(|_| Refused::Restarting)??;
        // Once it is durable: what is refused comes again.
        for (counter, count) in
            [(&self.0.words.heard, all), (&self.0.words.stops, stops), (&self.0.words.nobodys, nobodys)]
        {
            counter.fetch_add(count as u64, Ordering::Relaxed);
        }
        Ok(())
    }

    /// How much citizens wrote since the start.
    pub fn words(&self) -> WordFigures {
        let words = &self.0.words;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        WordFigures { heard: read(&words.heard), stops: read(&words.stops), nobodys: read(&words.nobodys) }
    }

    /// Cancels a message; gives its status then.
    pub async fn cancel(&self, owner: Option<Institution>, id: MessageId) -> Result<MessageStatus, Refused> {
        let (cancelled, done) = oneshot::channel();
        self.0.supervisor.tell(Cancel { owner, id, cancelled })?;
        done.await.map_err(|_| Refused::Restarting)?
    }

    /// Creates a broadcast.
    pub async fn create_broadcast(&self, broadcast: Broadcast) -> Result<(), Refused> {
        self.order(BroadcastOrder::Create(Arc::new(broadcast))).await
    }

    /// Stores recipients of a broadcast that was not started: at most [`MAX_CHUNK_ROWS`](crate::domain::id::MAX_CHUNK_ROWS)
    /// of them, behind those that are there. Their place is certain when this has ended; what it gives ends when they are durable, so
    /// that several can be under way.
    pub async fn fill(
        &self,
        broadcast: BroadcastId,
        rows: PackedRows,
    ) -> Result<impl Future<Output = Result<(), Refused>> + use<>, Refused> {
        let permit = self.0.admission.chunks.enter_late().await.ok_or(OVERLOADED)?;
        let stored = self.give(BroadcastOrder::Fill(broadcast, rows))?;
        Ok(async move {
            let stored = stored.await.map_err(|_| Refused::Restarting)?;
            drop(permit);
            stored
        })
    }

    /// Starts a broadcast; gives the rows that were settled as duplicates.
    pub async fn start_broadcast(&self, id: BroadcastId) -> Result<usize, Refused> {
        let duplicates = self.0.archive.duplicates(id).await?;
        let found = duplicates.len();
        self.order(BroadcastOrder::Start(id, duplicates)).await?;
        Ok(found)
    }

    /// Cancels what waits of a broadcast.
    pub async fn cancel_broadcast(&self, id: BroadcastId) -> Result<(), Refused> {
        self.order(BroadcastOrder::Cancel(id)).await
    }

    /// Begins nothing more of a started broadcast until it is resumed.
    pub async fn pause_broadcast(&self, id: BroadcastId) -> Result<(), Refused> {
        self.order(BroadcastOrder::Pause(id)).await
    }

    /// Goes on with a paused broadcast.
    pub async fn resume_broadcast(&self, id: BroadcastId) -> Result<(), Refused> {
        self.order(BroadcastOrder::Resume(id)).await
    }

    /// Tries a message again that failed, expired or was cancelled: a new one, which names the old
    /// one in its first facts, valid for as long as that was. Ends when it is durable.
    pub async fn retry(&self, owner: Option<Institution>, id: MessageId) -> Result<MessageId, Refused> {
        let loaded = self.archive().load(vec![id]).await?;
        let owned = |loaded: &Loaded| owner.is_none_or(|owner| owner == loaded.envelope.institution);
        let loaded = loaded.into_iter().flatten().next().filter(owned).ok_or(Refused::NotFound)?;
        let state = self.0.journal.live(id).unwrap_or(loaded.state);
        match state.status() {
            MessageStatus::Failed(_) | MessageStatus::Expired | MessageStatus::Cancelled => {}
            MessageStatus::Waiting => return Err(Refused::Conflict("the message still waits: WHY says for what")),
            _ => return Err(Refused::Conflict("the message was sent: trying it again would send it twice")),
        }
        let old = &loaded.envelope;
        if old.recipient.is_empty() {
            return Err(Refused::Conflict("the content of the message is past its retention: send it anew"));
        }
        let now = self.now();
        let again = Envelope {
            id: self.mint(),
            accepted_at: now,
            not_before: Timestamp::ZERO,
            valid_until: now.plus(old.valid_until.since(old.accepted_at.max(old.not_before))),
            idempotency: None,
            ..Envelope::clone(old)
        };
        Ok(self.submit_as(again, None, Some(id)).await?.id)
    }

    /// How crowded the entrances are.
    pub fn crowds(&self) -> [(&'static str, Crowd); 3] {
        let gate = &self.0.admission;
        [
            ("submissions", gate.submissions.crowd()),
            ("chunks", gate.chunks.crowd()),
            ("receipts", gate.receipts.crowd()),
        ]
    }

    /// Other bounds of admission from now on.
    pub fn admit(&self, admission: Admission) {
        self.0.admission.set(admission);
    }

    /// Takes no more submissions and recipients: they are refused as overload. Receipts are taken.
    pub fn close_entrance(&self) {
        self.0.admission.submissions.close();
        self.0.admission.chunks.close();
    }

    /// Whether submissions are no longer taken, because the program ends.
    pub fn is_closing(&self) -> bool {
        self.0.admission.submissions.is_closed()
    }

    /// How well urgent messages are served.
    pub fn service(&self) -> &Service {
        &self.0.service
    }

    /// What accepting a message takes, from its arrival to its commit.
    pub fn accepting(&self) -> Quantiles {
        self.0.admission.accepting.quantiles()
    }

    /// A new broadcast's id.
    pub fn broadcast_id(&self) -> BroadcastId {
        BroadcastId::new(self.now(), 0, self.0.journal.next_broadcast())
    }

    /// Pauses, resumes or paces a channel.
    pub fn steer(&self, channel: Channel, steer: Steer) -> Result<(), Refused> {
        self.desk(channel).ok_or(Refused::NotFound)?.steer(steer)
    }

    /// Why a message waits: what it knows itself, what holds its broadcast up, and for a queue what binds its channel now.
    pub fn why(&self, loaded: &Loaded) -> Option<Why> {
        // Of the state that is told, not of a later one: else it waits, and for nothing.
        let state = &loaded.state;
        let reason = state.wait_reason()?;
        if let Kind::Row { chunk, .. } = loaded.envelope.id.kind()
            && let Some(held) = self.0.journal.held(chunk.broadcast, self.now())
            && held.holds(reason)
        {
            let until = if let Held::Closed(until) = held { Some(until) } else { None };
            return Some(Why { reason: held.reason(), channel: None, until });
        }
        if reason != WaitReason::Limit {
            return Some(Why { reason, channel: None, until: None });
        }
        let agenda = state.agenda(loaded.envelope.valid_until);
        let channel = agenda.queued.iter().flatten().next().copied()?;
        let binding = match self.desk(channel) {
            None => WaitReason::ChannelDown,
            Some(_) => self.binding(channel, &loaded.envelope).map_or(WaitReason::InProgress, Limit::reason),
        };
        Some(Why { reason: binding, channel: Some(channel), until: None })
    }

    /// The limit that binds a message which waits at a channel.
    pub fn binding(&self, channel: Channel, envelope: &Envelope) -> Option<Limit> {
        let desk = self.desk(channel)?;
        desk.binding(envelope, || desk.citizen(&envelope.recipient, &self.0.registry))
    }

    /// Test builds only: makes every actor panic at its next message.
    #[cfg(feature = "fault-injection")]
    pub fn plant(&self, panic: crate::messages::Panic) -> Result<(), Refused> {
        let mut told = self.0.supervisor.tell(panic);
        told = told.and(self.0.registry.panic());
        told = told.and(self.0.announcements.as_ref().map_or(Ok(()), Announcements::panic));
        for desk in &self.0.desks {
            told = told.and(desk.child.tell(panic));
        }
        told
    }

    /// Test builds only: makes the supervisor panic at its next message, and nobody else.
    #[cfg(feature = "fault-injection")]
    pub fn plant_in_supervisor(&self, panic: crate::messages::Panic) -> Result<(), Refused> {
        self.0.supervisor.tell(panic)
    }

    async fn order(&self, order: BroadcastOrder) -> Result<(), Refused> {
        self.give(order)?.await.map_err(|_| Refused::Restarting)?
    }

    fn give(&self, order: BroadcastOrder) -> Result<oneshot::Receiver<Result<(), Refused>>, Refused> {
        let (done, finished) = oneshot::channel();
        self.0.supervisor.tell(Command { order, done })?;
        Ok(finished)
    }
}
