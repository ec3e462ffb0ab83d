//! Admits messages, routes each along its strategy, and turns what deliveries and channels say
//! into facts. It decides ids' fates one batch at a time and keeps no state for a message: states
//! are the journal's live ones, and what happens next is told after the commit.
//!
//! The one writer of its partition: nobody else appends to the journal.
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix::{Actor, AsyncContext, Context, Handler, Message};
use tokio::sync::oneshot;

use crate::delivery::Desk;
use crate::domain::backoff::Backoff;
use crate::domain::channel::Channel;
use crate::domain::fact::Change;
use crate::domain::id::{AttemptRef, BroadcastId, Kind, MessageId};
use crate::domain::life::{self, Context as Situation, Outcome, Phase, State};
use crate::domain::receipt::{About, Receipt};
use crate::domain::status::MessageStatus;
use crate::domain::submission::Envelope;
use crate::domain::time::Timestamp;
use crate::messages::{
    Assignment, Begin, BroadcastOrder, Cancel, Command, Deliver, Ended, Progress, Receive, Record, Recorded, Refused,
    Submit, Submitted,
};
use crate::nursery::Child;
use crate::ports::{Archive, Batch, Clock, Entry, Journal, Loaded};
use crate::registry::Registry;

/// Messages looked at for what fell due, at once.
const DUE_PAGE: usize = 1_024;
/// How often the supervisor looks for what fell due.
const DUE_EVERY: Duration = Duration::from_millis(100);

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
    /// When to try again, by channel; the default for others.
    pub backoff: HashMap<Channel, Backoff>,
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
        backoff: HashMap<Channel, Backoff>,
        me: Child<Supervisor>,
    ) -> Self {
        Self { journal, archive, clock, desks, registry, backoff, me, waiters: Waiters::default() }
    }
}

/// The actor.
pub struct Supervisor {
    parts: Parts,
    default_backoff: Backoff,
    generation: u64,
    sweep_at: usize,
}

/// What the commit of a batch brings about.
#[derive(Default)]
struct Aftermath {
    assignments: Vec<(Arc<Desk>, Vec<Assignment>)>,
    queued: Vec<Arc<Desk>>,
    answers: Vec<(oneshot::Sender<Progress>, Progress)>,
}

impl Aftermath {
    fn assign(&mut self, desk: &Arc<Desk>, assignment: Assignment) {
        match self.assignments.iter_mut().find(|(known, _)| known.channel == desk.channel) {
            Some((_, assignments)) => assignments.push(assignment),
            None => self.assignments.push((Arc::clone(desk), vec![assignment])),
        }
    }

    fn queue(&mut self, desk: &Arc<Desk>) {
        if !self.queued.iter().any(|known| known.channel == desk.channel) {
            self.queued.push(Arc::clone(desk));
        }
    }

    /// What was begun is durable: it may be sent, by whichever generation comes first.
    fn committed(self, asked: Option<(&Arc<Desk>, usize, u64)>) {
        let mut asked = asked;
        for (desk, assignments) in self.assignments {
            for assignment in &assignments {
                desk.begun(assignment.attempt);
            }
            let (count, generation) = match asked.take_if(|(of, ..)| of.channel == desk.channel) {
                Some((_, count, generation)) => (count, generation),
                None => (0, 0),
            };
            // A delivery that is being replaced finds them on its desk.
            let _ = desk.child.tell(Deliver { assignments, asked: count, generation });
        }
        if let Some((desk, asked, generation)) = asked {
            let _ = desk.child.tell(Deliver { assignments: Vec::new(), asked, generation });
        }
        for desk in self.queued {
            desk.queued();
        }
        for (waiter, progress) in self.answers {
            // Whoever waited may have hung up: that changes nothing.
            let _ = waiter.send(progress);
        }
    }

    /// Nothing of it happened.
    fn failed(self) {
        for (desk, assignments) in self.assignments {
            for assignment in assignments {
                desk.withdrawn(assignment.attempt);
            }
        }
    }
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
            Some(_) => registry.reach_of(envelope.institution, &envelope.recipient, channel, now),
            // A channel that this installation doesn't have reaches nobody.
            None => life::Reach::No,
        };
        let backoff = channel.and_then(|channel| self.parts.backoff.get(&channel)).unwrap_or(&self.default_backoff);
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
                after.answers.push((waiter, Progress { id, status, answered: true }));
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
                    // When it is being replaced: deliveries repeat, callers are told by their lost reply.
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

/// Whether rows belong to a paused broadcast: asked once for rows of the same one.
#[derive(Default)]
struct Pauses(Option<(BroadcastId, bool)>);

impl Pauses {
    fn holds(&mut self, journal: &dyn Journal, id: MessageId) -> bool {
        let Kind::Row { chunk, .. } = id.kind() else { return false };
        match self.0 {
            Some((known, paused)) if known == chunk.broadcast => paused,
            _ => {
                let paused = journal.is_paused(chunk.broadcast);
                self.0 = Some((chunk.broadcast, paused));
                paused
            }
        }
    }
}

/// Loaded for [`Begin`].
#[derive(Message)]
#[rtype(result = "()")]
struct BeginLoaded(Begin);

/// Loaded for [`Record`].
#[derive(Message)]
#[rtype(result = "()")]
struct RecordLoaded(Record);

/// Loaded for [`Receive`]: the receipts with their attempts and messages.
#[derive(Message)]
#[rtype(result = "()")]
struct ReceiveLoaded {
    matched: Vec<(AttemptRef, Receipt, Loaded)>,
    unmatched: Vec<Receipt>,
    recorded: Option<oneshot::Sender<Result<(), Refused>>>,
}

/// Loaded for [`Cancel`].
#[derive(Message)]
#[rtype(result = "()")]
struct CancelLoaded(Option<Loaded>, Cancel);

/// What fell due.
#[derive(Message)]
#[rtype(result = "()")]
struct FellDue(Vec<Loaded>, oneshot::Sender<()>);

impl Actor for Supervisor {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        let (archive, clock, me) = (Arc::clone(&self.parts.archive), Arc::clone(&self.parts.clock), context.address());
        // Off the actor, so that a full mailbox does not stop the clock.
        actix_rt::spawn(async move {
            while me.connected() {
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
        // What the one before had queued may not have been told.
        if self.generation > 1 {
            for desk in &self.parts.desks {
                desk.queued();
            }
        }
    }
}

impl Handler<Submit> for Supervisor {
    type Result = ();

    fn handle(&mut self, Submit { submitted, accepted }: Submit, _: &mut Self::Context) {
        let mut after = Aftermath::default();
        let (mut entries, mut told) = (Vec::with_capacity(submitted.len()), Vec::with_capacity(submitted.len()));
        let mut waiting = Vec::new();
        for Submitted { envelope, answered, retry_of } in submitted {
            let id = envelope.id;
            let (state, mut changes) = self.accept(&envelope);
            changes.extend(retry_of.map(Change::RetryOf));
            if let Some(waiter) = answered {
                self.waiters().insert(id, waiter);
                waiting.push(id);
            }
            self.follow(&envelope, &state, &changes, &mut after);
            let status = state.status();
            told.push(Progress { id, status, answered: status != MessageStatus::Waiting });
            entries.push(Entry::Message { envelope, changes });
        }
        self.sweep_waiters();
        let waiters = Arc::clone(&self.parts.waiters);
        self.append(entries, after, move |after, committed| match committed {
            Ok(()) => {
                let _ = accepted.send(Ok(told));
                after.committed(None);
            }
            Err(refused) => {
                let mut waiters = waiters.lock().unwrap_or_else(PoisonError::into_inner);
                for id in &waiting {
                    waiters.remove(id);
                }
                drop(waiters);
                let _ = accepted.send(Err(refused));
                after.failed();
            }
        });
    }
}

impl Supervisor {
    /// What acceptance makes of a message: where nothing waits before it, its attempt begins in
    /// the same commit.
    fn accept(&self, envelope: &Envelope) -> (State, Vec<Change>) {
        let mut changes = self.decide(envelope, None, |situation| life::accept(situation, envelope.not_before));
        let mut state = State::default();
        state.apply_all(&changes);
        let ready: Vec<Channel> = state.agenda(envelope.valid_until).queued.into_iter().flatten().collect();
        for channel in ready {
            let desk = self.desk(channel);
            if desk.is_some_and(|desk| desk.may_take_fresh(envelope.institution)) {
                let begun = self.decide(envelope, Some(channel), |now| life::begin(&state, now, channel));
                state.apply_all(&begun);
                changes.extend(begun);
            }
        }
        (state, changes)
    }

    fn waiters(&self) -> MutexGuard<'_, HashMap<MessageId, oneshot::Sender<Progress>>> {
        self.parts.waiters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waiting calls whose caller is gone need no answer.
    fn sweep_waiters(&mut self) {
        let mut waiters = self.waiters();
        if waiters.len() < self.sweep_at {
            return;
        }
        waiters.retain(|_, waiter| !waiter.is_closed());
        let next = (waiters.len() * 2).max(SWEEP_FROM);
        drop(waiters);
        self.sweep_at = next;
    }

    fn begin(&self, begin: Begin, loaded: bool) {
        let Some(desk) = self.desk(begin.channel).map(Arc::clone) else { return };
        let channel = begin.channel;
        let mut missing = Vec::new();
        let mut after = Aftermath::default();
        let mut decided = Vec::with_capacity(begin.work.len());
        let mut pauses = Pauses::default();
        for envelope in &begin.work {
            if pauses.holds(&*self.parts.journal, envelope.id) {
                continue;
            }
            match self.live(envelope.id) {
                Some(state) => {
                    let changes = self.decide(envelope, Some(channel), |now| life::begin(&state, now, channel));
                    decided.push((envelope, state, changes));
                }
                None => missing.push(Arc::clone(envelope)),
            }
        }
        let asked = begin.work.len() - if loaded { 0 } else { missing.len() };
        let entries = self.decide_all(decided.into_iter(), &mut after);
        if !loaded && !missing.is_empty() {
            let ids = missing.iter().map(|envelope| envelope.id).collect();
            let again = Begin { channel, generation: begin.generation, work: missing };
            self.load_then(ids, move |_| BeginLoaded(again));
        }
        let generation = begin.generation;
        if entries.is_empty() {
            after.committed(Some((&desk, asked, generation)));
            return;
        }
        self.append(entries, after, move |after, committed| {
            if committed.is_ok() {
                after.committed(Some((&desk, asked, generation)));
                return;
            }
            after.failed();
            let _ = desk.child.tell(Deliver { assignments: Vec::new(), asked, generation });
            // What was not begun is read again from the queue, by the next generation at the latest.
            desk.queued();
        });
    }

    fn record(&self, record: Record, loaded: bool) {
        let Some(desk) = self.desk(record.channel).map(Arc::clone) else { return };
        let mut missing: Vec<Ended> = Vec::new();
        let mut confirmed = Vec::with_capacity(record.ended.len());
        let mut references = Vec::new();
        let mut after = Aftermath::default();
        let mut decided = Vec::with_capacity(record.ended.len());
        for ended in &record.ended {
            let Some(state) = self.live(ended.attempt.message) else {
                missing.push(ended.clone());
                continue;
            };
            let AttemptRef { step, retry, .. } = ended.attempt;
            let outcome = ended.outcome.clone();
            if let Outcome::Is(_, Some(reference)) = &outcome {
                references.push((ended.attempt, reference.clone()));
            }
            let run = |now: &Situation<'_>| life::outcome(&state, now, step, retry, outcome);
            let changes = self.decide(&ended.envelope, Some(record.channel), run);
            confirmed.push(ended.attempt);
            decided.push((&ended.envelope, state, changes));
        }
        let entries = self.decide_all(decided.into_iter(), &mut after);
        if !loaded && !missing.is_empty() {
            let ids = missing.iter().map(|ended| ended.attempt.message).collect();
            let again = Record { channel: record.channel, ended: missing };
            self.load_then(ids, move |_| RecordLoaded(again));
        }
        self.unpark(record.channel, references);
        let recorded = move |after: Aftermath| {
            let _ = desk.child.tell(Recorded(confirmed));
            after.committed(None);
        };
        if entries.is_empty() {
            recorded(after);
            return;
        }
        self.append(entries, after, move |after, committed| match committed {
            Ok(()) => recorded(after),
            // Not confirmed: the delivery tells it again.
            Err(_) => after.failed(),
        });
    }

    /// Receipts that came before the answer that names their attempt.
    fn unpark(&self, channel: Channel, references: Vec<(AttemptRef, Box<str>)>) {
        let mut receipts = Vec::new();
        for (attempt, reference) in references {
            for mut receipt in self.parts.archive.parked(channel, &reference) {
                receipt.about = About::Attempt(attempt);
                receipts.push(receipt);
            }
        }
        if !receipts.is_empty() {
            let (recorded, _) = oneshot::channel();
            self.match_receipts(receipts, recorded);
        }
    }

    /// Finds the attempts and messages that receipts are about.
    fn match_receipts(&self, receipts: Vec<Receipt>, recorded: oneshot::Sender<Result<(), Refused>>) {
        let (archive, me) = (Arc::clone(&self.parts.archive), self.parts.me.clone());
        actix_rt::spawn(async move {
            let mut found = Vec::with_capacity(receipts.len());
            let mut unmatched = Vec::new();
            for receipt in receipts {
                let attempt = match &receipt.about {
                    About::Attempt(attempt) => Ok(Some(*attempt)),
                    About::ChannelReference(reference) => archive.attempt_of(receipt.channel, reference.clone()).await,
                };
                match attempt {
                    Ok(Some(attempt)) => found.push((attempt, receipt)),
                    Ok(None) => unmatched.push(receipt),
                    Err(error) => {
                        let _ = recorded.send(Err(error.into()));
                        return;
                    }
                }
            }
            let loaded = match archive.load(found.iter().map(|(attempt, _)| attempt.message).collect()).await {
                Ok(loaded) => loaded,
                Err(error) => {
                    let _ = recorded.send(Err(error.into()));
                    return;
                }
            };
            let mut matched = Vec::with_capacity(found.len());
            for ((attempt, receipt), loaded) in found.into_iter().zip(loaded) {
                match loaded {
                    Some(loaded) => matched.push((attempt, receipt, loaded)),
                    None => unmatched.push(receipt),
                }
            }
            // Told by the lost reply when it is being replaced: the channel will say it again.
            let _ = me.tell(ReceiveLoaded { matched, unmatched, recorded: Some(recorded) });
        });
    }
}

impl Handler<Begin> for Supervisor {
    type Result = ();

    fn handle(&mut self, begin: Begin, _: &mut Self::Context) {
        self.begin(begin, false);
    }
}

impl Handler<BeginLoaded> for Supervisor {
    type Result = ();

    fn handle(&mut self, BeginLoaded(begin): BeginLoaded, _: &mut Self::Context) {
        self.begin(begin, true);
    }
}

impl Handler<Record> for Supervisor {
    type Result = ();

    fn handle(&mut self, record: Record, _: &mut Self::Context) {
        self.record(record, false);
    }
}

impl Handler<RecordLoaded> for Supervisor {
    type Result = ();

    fn handle(&mut self, RecordLoaded(record): RecordLoaded, _: &mut Self::Context) {
        self.record(record, true);
    }
}

impl Handler<Receive> for Supervisor {
    type Result = ();

    fn handle(&mut self, receive: Receive, _: &mut Self::Context) {
        self.match_receipts(receive.receipts, receive.recorded);
    }
}

impl Handler<ReceiveLoaded> for Supervisor {
    type Result = ();

    fn handle(&mut self, received: ReceiveLoaded, _: &mut Self::Context) {
        let mut after = Aftermath::default();
        let mut entries = Vec::new();
        // One after the other: two receipts of a batch may be about the same message.
        let mut states: HashMap<MessageId, State> = HashMap::new();
        for (attempt, receipt, loaded) in &received.matched {
            let id = attempt.message;
            let state =
                states.entry(id).or_insert_with(|| self.parts.journal.live(id).unwrap_or_else(|| loaded.state.clone()));
            let outcome = Outcome::Is(receipt.status, receipt.channel_reference.clone());
            let before = state.clone();
            let (step, retry) = (attempt.step, attempt.retry);
            let run = |now: &Situation<'_>| life::outcome(&before, now, step, retry, outcome);
            let changes = self.decide(&loaded.envelope, Some(receipt.channel), run);
            state.apply_all(&changes);
            entries.extend(self.decide_all(std::iter::once((&loaded.envelope, before, changes)), &mut after));
        }
        entries.extend(received.unmatched.into_iter().map(Entry::Park));
        let recorded = received.recorded;
        let tell = move |told: Result<(), Refused>| {
            if let Some(recorded) = recorded {
                let _ = recorded.send(told);
            }
        };
        if entries.is_empty() {
            tell(Ok(()));
            return;
        }
        self.append(entries, after, move |after, committed| {
            match &committed {
                Ok(()) => after.committed(None),
                Err(_) => after.failed(),
            }
            tell(committed);
        });
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

impl Handler<Cancel> for Supervisor {
    type Result = ();

    fn handle(&mut self, cancel: Cancel, _: &mut Self::Context) {
        self.load_then(vec![cancel.id], move |mut loaded| CancelLoaded(loaded.pop().flatten(), cancel));
    }
}

impl Handler<CancelLoaded> for Supervisor {
    type Result = ();

    fn handle(&mut self, CancelLoaded(loaded, cancel): CancelLoaded, _: &mut Self::Context) {
        let owned = |loaded: &Loaded| cancel.owner.is_none_or(|owner| owner == loaded.envelope.institution);
        let Some(loaded) = loaded.filter(owned) else {
            let _ = cancel.cancelled.send(Err(Refused::NotFound));
            return;
        };
        let state = self.parts.journal.live(cancel.id).unwrap_or(loaded.state);
        let changes = self.decide(&loaded.envelope, None, |now| life::cancel(&state, now));
        if changes.is_empty() {
            let refused = Refused::Conflict("the message is settled: nothing of it waits to be cancelled");
            let _ = cancel.cancelled.send(Err(refused));
            return;
        }
        let mut after = Aftermath::default();
        let mut then = state.clone();
        then.apply_all(&changes);
        let entries = self.decide_all(std::iter::once((&loaded.envelope, state, changes)), &mut after);
        self.append(entries, after, move |after, committed| match committed {
            Ok(()) => {
                let _ = cancel.cancelled.send(Ok(then.status()));
                after.committed(None);
            }
            Err(refused) => {
                let _ = cancel.cancelled.send(Err(refused));
                after.failed();
            }
        });
    }
}

impl Handler<Command> for Supervisor {
    type Result = ();

    fn handle(&mut self, Command { order, done }: Command, _: &mut Self::Context) {
        let mut after = Aftermath::default();
        let mut rewound = Vec::new();
        let entry = match order {
            BroadcastOrder::Create(broadcast) => Entry::Broadcast(broadcast),
            BroadcastOrder::Fill(chunk, rows) => Entry::Chunk { chunk, rows },
            BroadcastOrder::Start(broadcast, duplicates) => {
                for desk in &self.parts.desks {
                    after.queue(desk);
                }
                Entry::Start { broadcast, duplicates }
            }
            BroadcastOrder::Cancel(broadcast) => Entry::CancelBroadcast(broadcast),
            BroadcastOrder::Pause(broadcast) => Entry::PauseBroadcast(broadcast),
            BroadcastOrder::Resume(broadcast) => {
                rewound.clone_from(&self.parts.desks);
                Entry::ResumeBroadcast(broadcast)
            }
        };
        self.append(vec![entry], after, move |after, committed| {
            match &committed {
                Ok(()) => {
                    after.committed(None);
                    for desk in rewound {
                        desk.rewind();
                    }
                }
                Err(_) => after.failed(),
            }
            let _ = done.send(committed);
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
