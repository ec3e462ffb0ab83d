//! Admits messages, routes each along its strategy, and turns what deliveries and channels say
//! into facts. It decides ids' fates one batch at a time and keeps no state for a message: states
//! are the journal's live ones, and what happens next is told after the commit.
//!
//! The one writer of its partition: nobody else appends to the journal.
mod accepting;
mod aftermath;
mod attempts;
mod matching;
mod metering;
mod receipts;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix::{Actor, AsyncContext, Context, Handler, Message};
use arc_swap::ArcSwap;
use tokio::sync::oneshot;

use self::aftermath::Aftermath;
use crate::delivery::Desk;
use crate::domain::backoff::Backoff;
use crate::domain::channel::Channel;
use crate::domain::fact::Change;
use crate::domain::id::{AttemptRef, BroadcastId, Kind, MessageId};
use crate::domain::life::{self, Context as Situation, Phase, State};
use crate::domain::price::PriceList;
use crate::domain::status::MessageStatus;
use crate::domain::submission::Envelope;
use crate::domain::time::Timestamp;
use crate::messages::{Assignment, BroadcastOrder, Command, Progress, Refused};
use crate::nursery::Child;
use crate::ports::{Archive, Batch, Clock, Entry, Journal, Loaded};
use crate::registry::Registry;

/// Messages looked at for what fell due, at once.
const DUE_PAGE: usize = 1_024;
/// How often the supervisor looks for what fell due.
const DUE_EVERY: Duration = Duration::from_millis(100);

/// How often it looks for drafts that were never started, and how many of them it ends then.
const DRAFTS_EVERY: Duration = Duration::from_secs(60);
const DRAFTS: usize = 256;

/// Waiting calls from which on those that hung up are looked for.
const SWEEP_FROM: usize = 4_096;

/// Where waiting calls are answered from; outlives a generation.
type Waiters = Arc<Mutex<HashMap<MessageId, oneshot::Sender<Progress>>>>;

/// The parts that outlive a generation of the supervisor.
#[derive(Clone)]
pub struct Parts {
    /// The journal.
    pub journal: Arc<dyn Journal>,
    /// The archive.
    pub archive: Arc<dyn Archive>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The channels.
    pub desks: Vec<Arc<Desk>>,
    /// What is known of recipients.
    pub registry: Registry,
    /// When to try again, by channel; the default for others. Changed while the program runs.
    pub backoff: Arc<ArcSwap<HashMap<Channel, Backoff>>>,
    /// What channels cost. Changed while the program runs.
    pub prices: Arc<ArcSwap<PriceList>>,
    /// The supervisor's own handle, for what it loads for itself.
    pub me: Child<Supervisor>,
    waiters: Waiters,
}

impl Parts {
    /// Of these.
    pub fn new(
        journal: Arc<dyn Journal>,
        archive: Arc<dyn Archive>,
        clock: Arc<dyn Clock>,
        desks: Vec<Arc<Desk>>,
        registry: Registry,
        backoff: Arc<ArcSwap<HashMap<Channel, Backoff>>>,
        me: Child<Supervisor>,
    ) -> Self {
        let (prices, waiters) = (Arc::default(), Waiters::default());
        Self { journal, archive, clock, desks, registry, backoff, prices, me, waiters }
    }

    /// With prices; without them nothing costs anything.
    #[must_use]
    pub fn with_prices(self, prices: Arc<ArcSwap<PriceList>>) -> Self {
        Self { prices, ..self }
    }
}

/// The actor.
pub struct Supervisor {
    parts: Parts,
    default_backoff: Backoff,
    generation: u64,
    sweep_at: usize,
}

impl Supervisor {
    /// One generation of it.
    pub fn new(generation: u64, parts: Parts) -> Self {
        Self { parts, default_backoff: Backoff::default(), generation, sweep_at: SWEEP_FROM }
    }

    fn desk(&self, channel: Channel) -> Option<&Arc<Desk>> {
        self.parts.desks.iter().find(|desk| desk.channel == channel)
    }

    /// Runs a decision with all that it may look at.
    fn decide<T>(&self, envelope: &Envelope, channel: Option<Channel>, run: impl FnOnce(&Situation<'_>) -> T) -> T {
        let now = self.parts.clock.now();
        let registry = &self.parts.registry;
        let reach = |channel: Channel| match self.desk(channel) {
            Some(_) => {
                registry.reach_of((envelope.institution, &envelope.strategy.name), &envelope.recipient, channel, now)
            }
            // A channel that this installation doesn't have reaches nobody.
            None => life::Reach::No,
        };
        let backoffs = self.parts.backoff.load();
        let backoff = channel.and_then(|channel| backoffs.get(&channel)).unwrap_or(&self.default_backoff);
        let random = rand::random();
        let strategy = &envelope.strategy;
        run(&Situation { strategy, now, valid_until: envelope.valid_until, reach: &reach, backoff, random })
    }

    /// Notes what changes of a message bring about after their commit.
    fn follow(&self, envelope: &Arc<Envelope>, state: &State, changes: &[Change], after: &mut Aftermath) {
        let id = envelope.id;
        let mut told = None;
        for change in changes {
            match change {
                Change::Began { step, retry, channel, possible_duplicate, .. } => {
                    if let Some(desk) = self.desk(*channel) {
                        let attempt = AttemptRef { message: id, step: *step, retry: *retry };
                        let possible_duplicate = *possible_duplicate;
                        let assignment = Assignment { attempt, envelope: Arc::clone(envelope), possible_duplicate };
                        desk.decided(&assignment);
                        after.assign(desk, assignment);
                    }
                }
                Change::Moved { step, status, .. } if envelope.strategy.accepts(*step, status.rank()) => {
                    told = told.or(MessageStatus::of_rank(status.rank()));
                }
                Change::Settled { status } => told = Some(*status),
                _ => {}
            }
        }
        let waits = |channel: Channel| {
            let here = Phase::Queued { not_before: Timestamp::ZERO };
            state.tracks.iter().any(|track| track.channel == channel && track.phase == here)
        };
        let queued = changes.iter().filter_map(|change| match change {
            Change::Queued { channel, not_before: Timestamp::ZERO, .. } => Some(*channel),
            _ => None,
        });
        for channel in queued.filter(|channel| waits(*channel)) {
            if let Some(desk) = self.desk(channel) {
                after.queue(desk);
            }
        }
        if let Some(status) = told {
            let waiter = self.waiters().remove(&id);
            if let Some(waiter) = waiter {
                after.answer(waiter, Progress { id, status, answered: true });
            }
        }
    }

    /// The live state with the record; those that are not live are given back.
    fn live(&self, id: MessageId) -> Option<State> {
        self.parts.journal.live(id)
    }

    /// Appends what was decided; nothing of it was told to anyone yet.
    fn append(
        &self,
        entries: Vec<Entry>,
        after: Aftermath,
        then: impl FnOnce(Aftermath, Result<(), Refused>) + Send + 'static,
    ) {
        let at = self.parts.clock.now();
        let shared = Arc::new(Mutex::new(Some((after, then))));
        let take = |shared: &Mutex<Option<_>>| shared.lock().unwrap_or_else(PoisonError::into_inner).take();
        let kept = Arc::clone(&shared);
        let batch = Batch {
            at,
            entries,
            after: Box::new(move |committed| {
                if let Some((after, then)) = take(&kept) {
                    then(after, committed.map(|_| ()).map_err(Refused::from));
                }
            }),
        };
        if let Err(error) = self.parts.journal.append(batch)
            && let Some((after, then)) = shared.lock().unwrap_or_else(PoisonError::into_inner).take()
        {
            then(after, Err(error.into()));
        }
    }

    /// Loads what is not live, and says it again to itself.
    fn load_then<M>(&self, ids: Vec<MessageId>, again: impl FnOnce(Vec<Option<Loaded>>) -> M + 'static)
    where
        M: Message + Send + 'static,
        M::Result: Send,
        Self: Handler<M>,
    {
        let (archive, me) = (Arc::clone(&self.parts.archive), self.parts.me.clone());
        actix_rt::spawn(async move {
            match archive.load(ids).await {
                Ok(loaded) => {
                    // When it is being replaced: ends are told again, a lost wish is made again, callers are told by
                    // their lost reply.
                    let _ = me.tell(again(loaded));
                }
                Err(error) => tracing::error!(%error, "messages can't be loaded"),
            }
        });
    }

    /// Decides about many messages alike, groups equal changes to rows of a chunk, and notes what
    /// follows.
    fn decide_all<'m>(
        &self,
        messages: impl Iterator<Item = (&'m Arc<Envelope>, State, Vec<Change>)>,
        after: &mut Aftermath,
    ) -> Vec<Entry> {
        let mut entries: Vec<Entry> = Vec::new();
        for (envelope, mut state, changes) in messages {
            if changes.is_empty() {
                continue;
            }
            state.apply_all(&changes);
            self.follow(envelope, &state, &changes, after);
            if let Kind::Row { chunk, index } = envelope.id.kind() {
                if let Some(Entry::Rows { chunk: of, rows, changes: same }) = entries.last_mut()
                    && *of == chunk
                    && *same == changes
                    && rows.last().is_some_and(|last| *last < index)
                {
                    rows.push(index);
                    continue;
                }
                entries.push(Entry::Rows { chunk, rows: vec![index], changes });
            } else {
                entries.push(Entry::Changes { id: envelope.id, changes });
            }
        }
        entries
    }
}

/// Whether rows belong to a broadcast that is paused or whose window is closed: asked once for rows of the same one.
#[derive(Default)]
struct Holds(Option<(BroadcastId, bool)>);

impl Holds {
    fn hold(&mut self, journal: &dyn Journal, id: MessageId, now: Timestamp) -> bool {
        let Kind::Row { chunk, .. } = id.kind() else { return false };
        match self.0 {
            Some((known, held)) if known == chunk.broadcast => held,
            _ => {
                let held = journal.held(chunk.broadcast, now).is_some();
                self.0 = Some((chunk.broadcast, held));
                held
            }
        }
    }
}

/// Drafts that can't be started any more are cancelled: until then their recipients are kept, as nobody knows what for.
fn end_drafts(journal: &dyn Journal, clock: &dyn Clock, me: &Child<Supervisor>) {
    for id in journal.expired_drafts(clock.now(), DRAFTS) {
        tracing::info!(broadcast = %id, "a draft is cancelled: its validity has passed and it was never started");
        // Nobody waits for it; one that is not heard is found again.
        let (done, _) = oneshot::channel();
        if me.tell(Command { order: BroadcastOrder::Cancel(id), done }).is_err() {
            return;
        }
    }
}

/// What fell due.
#[derive(Message)]
#[rtype(result = "()")]
struct FellDue(Vec<Loaded>, oneshot::Sender<()>);

impl Actor for Supervisor {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        let (archive, clock, me) = (Arc::clone(&self.parts.archive), Arc::clone(&self.parts.clock), context.address());
        let (journal, desks) = (Arc::clone(&self.parts.journal), self.parts.desks.clone());
        let (mut looked_at, ender) = (None::<tokio::time::Instant>, self.parts.me.clone());
        // Off the actor, so that a full mailbox does not stop the clock.
        actix_rt::spawn(async move {
            while me.connected() {
                if looked_at.is_none_or(|at| at.elapsed() >= DRAFTS_EVERY) {
                    looked_at = Some(tokio::time::Instant::now());
                    end_drafts(&*journal, &*clock, &ender);
                }
                if journal.has_opened(clock.now()) {
                    // What was passed over may go now.
                    for desk in &desks {
                        desk.rewind();
                    }
                }
                match archive.due(clock.now(), DUE_PAGE).await {
                    Ok(due) if !due.is_empty() => {
                        let full = due.len() == DUE_PAGE;
                        let (done, decided) = oneshot::channel();
                        if me.try_send(FellDue(due, done)).is_ok() && decided.await.is_ok() && full {
                            continue;
                        }
                    }
                    Ok(_) => {}
                    Err(error) => tracing::error!(%error, "what fell due can't be read"),
                }
                tokio::time::sleep(DUE_EVERY).await;
            }
        });
        // Parked by one who could not say any more that the attempt is known.
        actix_rt::spawn(matching::left_over(self.parts.clone()));
        // What the one before had queued may not have been told.
        if self.generation > 1 {
            for desk in &self.parts.desks {
                desk.queued();
            }
        }
    }
}

impl Handler<FellDue> for Supervisor {
    type Result = ();

    fn handle(&mut self, FellDue(due, done): FellDue, _: &mut Self::Context) {
        let mut after = Aftermath::default();
        let mut decided = Vec::with_capacity(due.len());
        for loaded in &due {
            let state = self.parts.journal.live(loaded.envelope.id).unwrap_or_else(|| loaded.state.clone());
            let changes = self.decide(&loaded.envelope, None, |now| life::due(&state, now));
            decided.push((&loaded.envelope, state, changes));
        }
        let entries = self.decide_all(decided.into_iter(), &mut after);
        if entries.is_empty() {
            let _ = done.send(());
            return;
        }
        self.append(entries, after, move |after, committed| {
            match committed {
                Ok(()) => after.committed(None),
                Err(_) => after.failed(),
            }
            let _ = done.send(());
        });
    }
}

#[cfg(feature = "fault-injection")]
impl Handler<crate::messages::Panic> for Supervisor {
    type Result = ();

    fn handle(&mut self, _: crate::messages::Panic, _: &mut Self::Context) {
        panic!("planted in the supervisor");
    }
}
