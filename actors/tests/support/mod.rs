//! A world without disk or socket: a journal in memory that keeps single messages, and a channel
//! that behaves as it is told. For tests of the actors and the bench of their routing.
#![allow(dead_code, clippy::unwrap_used)] // each user takes what it needs; a poisoned lock fails the test
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_rt::Arbiter;
use arc_swap::ArcSwap;
use estafette_actors::broker::{Admission, Broker, Gate, Inner, Mint, Words};
use estafette_actors::delivery::{Delivery, Desk, Settings};
use estafette_actors::domain::channel::Channel;
use estafette_actors::domain::content::Content;
use estafette_actors::domain::fact::Change;
use estafette_actors::domain::id::{AttemptRef, BroadcastId, ChunkId, MessageId};
use estafette_actors::domain::language::{Language, Translated};
use estafette_actors::domain::life::{Outcome, State};
use estafette_actors::domain::mobile::Mobile;
use estafette_actors::domain::price::{Money, PriceList, Tariff};
use estafette_actors::domain::receipt::{About, Receipt};
use estafette_actors::domain::status::{AttemptStatus, MessageStatus};
use estafette_actors::domain::strategy::{Strategy, built_in};
use estafette_actors::domain::submission::{Broadcast, Envelope, Institution, Lane, Recipient, Row};
use estafette_actors::domain::time::Timestamp;
use estafette_actors::intake::Intake;
use estafette_actors::nursery::{Budget, Child};
use estafette_actors::ports::*;
use estafette_actors::registry::Registry;
use estafette_actors::service::Service;
use estafette_actors::supervisor::{Parts, Supervisor};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

/// One message as the memory holds it.
#[derive(Clone)]
pub struct Kept {
    pub envelope: Arc<Envelope>,
    pub state: State,
    pub changes: Vec<Change>,
    /// Where each change stands.
    pub positions: Vec<Position>,
    pub queued_at: Position,
}

#[derive(Default)]
struct Book {
    messages: BTreeMap<MessageId, Kept>,
    parked: BTreeMap<Ticket, Receipt>,
}

/// The journal: a commit is a turn of its thread.
#[derive(Clone)]
pub struct Memory {
    book: Arc<Mutex<Book>>,
    position: Arc<AtomicU64>,
    durable: Arc<AtomicU64>,
    /// How long a commit takes, in milliseconds.
    pub commit_ms: Arc<AtomicU64>,
    writer: std::sync::mpsc::Sender<(Position, After)>,
}

impl Default for Memory {
    fn default() -> Self {
        let (writer, batches) = std::sync::mpsc::channel::<(Position, After)>();
        let (durable, commit_ms) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
        let (here, pause) = (Arc::clone(&durable), Arc::clone(&commit_ms));
        std::thread::spawn(move || {
            for (position, after) in batches {
                std::thread::park_timeout(Duration::from_millis(pause.load(Ordering::SeqCst)));
                here.store(position, Ordering::SeqCst);
                after(Ok(1));
            }
        });
        Self { book: Arc::default(), position: Arc::default(), durable, commit_ms, writer }
    }
}

impl Memory {
    pub fn all(&self) -> Vec<Kept> {
        self.book.lock().unwrap().messages.values().cloned().collect()
    }

    fn parked_where(&self, wanted: impl Fn(&Receipt) -> bool) -> Vec<(Ticket, Receipt)> {
        let book = self.book.lock().unwrap();
        let found = book.parked.iter().filter(|(_, receipt)| wanted(receipt));
        found.map(|(ticket, receipt)| (*ticket, receipt.clone())).collect()
    }

    fn pick(&self, wanted: impl Fn(&Kept) -> bool, limit: usize) -> Vec<Loaded> {
        let book = self.book.lock().unwrap();
        let found = book.messages.values().filter(|kept| wanted(kept)).take(limit);
        found.map(|kept| Loaded { envelope: Arc::clone(&kept.envelope), state: kept.state.clone() }).collect()
    }
}

fn queue_of(kept: &Kept, channel: Channel) -> Queue {
    let (lane, institution) = (kept.envelope.lane, kept.envelope.institution);
    Queue { channel, lane, institution, flow: Flow::of(kept.envelope.id) }
}

fn waits(kept: &Kept, channel: Channel) -> bool {
    kept.state.agenda(kept.envelope.valid_until).queued.contains(&Some(channel))
}

fn ready<T: Send + 'static>(value: T) -> BoxFuture<'static, Result<T, ArchiveError>> {
    async move { Ok(value) }.boxed()
}

impl Journal for Memory {
    fn append(&self, batch: Batch) -> Result<(), JournalError> {
        let mut book = self.book.lock().unwrap();
        let position = self.position.fetch_add(1, Ordering::SeqCst) + 1;
        for entry in batch.entries {
            match entry {
                Entry::Message { envelope, changes } => {
                    let mut state = State::default();
                    state.apply_all(&changes);
                    let (id, positions) = (envelope.id, vec![position; changes.len()]);
                    book.messages.insert(id, Kept { envelope, state, changes, positions, queued_at: position });
                }
                Entry::Changes { id, changes } => {
                    let kept = book.messages.get_mut(&id).expect("changes of a message that was accepted");
                    kept.state.apply_all(&changes);
                    kept.positions.extend(changes.iter().map(|_| position));
                    kept.changes.extend(changes);
                    kept.queued_at = position;
                }
                Entry::Tell { .. } => {}
                Entry::Park(receipt) => {
                    book.parked.insert(position, receipt);
                }
                other => panic!("single messages only: {other:?}"),
            }
        }
        self.writer.send((position, batch.after)).expect("the thread lives as long as the journal");
        Ok(())
    }

    fn pack(&self, row: &Row, bytes: &mut Vec<u8>) {
        serde_json::to_writer(bytes, row).unwrap();
    }

    fn live(&self, id: MessageId) -> Option<State> {
        self.book.lock().unwrap().messages.get(&id).map(|kept| kept.state.clone())
    }

    fn broadcast(&self, _: BroadcastId) -> Option<Arc<Broadcast>> {
        None
    }

    fn next_broadcast(&self) -> u32 {
        1
    }

    fn read_only(&self) -> Option<String> {
        None
    }

    fn figures(&self) -> JournalFigures {
        JournalFigures::default()
    }
}

impl Archive for Memory {
    fn load(&self, ids: Vec<MessageId>) -> BoxFuture<'static, Result<Vec<Option<Loaded>>, ArchiveError>> {
        let book = self.book.lock().unwrap();
        let one = |id| {
            let kept: &Kept = book.messages.get(&id)?;
            Some(Loaded { envelope: Arc::clone(&kept.envelope), state: kept.state.clone() })
        };
        ready(ids.into_iter().map(one).collect())
    }

    fn news(&self, channel: Channel, after: u64) -> News {
        let book = self.book.lock().unwrap();
        let mut news = News { queues: Vec::new(), until: after };
        for kept in book.messages.values().filter(|kept| kept.queued_at > after && waits(kept, channel)) {
            news.until = news.until.max(kept.queued_at);
            news.queues.push(queue_of(kept, channel));
        }
        news.queues.sort_unstable();
        news.queues.dedup();
        news
    }

    fn waits(&self, queue: &Queue) -> bool {
        let book = self.book.lock().unwrap();
        book.messages.values().any(|kept| queue_of(kept, queue.channel) == *queue && waits(kept, queue.channel))
    }

    fn pull(&self, queue: Queue, cursor: Cursor, limit: usize) -> BoxFuture<'static, Result<Page, ArchiveError>> {
        let book = self.book.lock().unwrap();
        let mut waiting: Vec<&Kept> = book
            .messages
            .values()
            .filter(|kept| {
                let after = (kept.queued_at, kept.envelope.id.as_u128()) > (cursor.position, cursor.item);
                after && queue_of(kept, queue.channel) == queue && waits(kept, queue.channel)
            })
            .collect();
        waiting.sort_by_key(|kept| (kept.queued_at, kept.envelope.id));
        waiting.truncate(limit);
        let cursor = waiting.last().map_or(cursor, |kept| Cursor {
            position: kept.queued_at,
            item: kept.envelope.id.as_u128(),
            row: 0,
        });
        let loaded = |kept: &&Kept| Loaded { envelope: Arc::clone(&kept.envelope), state: kept.state.clone() };
        ready(Page { work: waiting.iter().map(loaded).collect(), cursor })
    }

    fn due(&self, now: Timestamp, limit: usize) -> BoxFuture<'static, Result<Vec<Loaded>, ArchiveError>> {
        ready(self.pick(|kept| kept.state.agenda(kept.envelope.valid_until).due.is_some_and(|due| due <= now), limit))
    }

    fn open(
        &self,
        channel: Channel,
        after: Option<MessageId>,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<Loaded>, ArchiveError>> {
        let open = |kept: &Kept| {
            after.is_none_or(|after| kept.envelope.id > after)
                && kept.state.agenda(kept.envelope.valid_until).open.contains(&Some(channel))
        };
        ready(self.pick(open, limit))
    }

    fn message(
        &self,
        _: Option<Institution>,
        id: MessageId,
    ) -> BoxFuture<'static, Result<Option<MessageView>, ArchiveError>> {
        // Without its history, which only the store can tell.
        let view = |found: Loaded| {
            let Loaded { envelope, state } = found;
            MessageView { envelope, state, attempts: Vec::new(), settled_at: None, facts: Vec::new() }
        };
        ready(self.pick(|kept| kept.envelope.id == id, 1).pop().map(view))
    }

    fn list(&self, _: Option<Institution>, _: Filter) -> BoxFuture<'static, Result<Listing, ArchiveError>> {
        ready(Listing::default())
    }

    fn idempotent(&self, _: u64) -> BoxFuture<'static, Result<Option<MessageId>, ArchiveError>> {
        ready(None)
    }

    fn attempts_of(
        &self,
        named: Vec<(Channel, Box<str>)>,
    ) -> BoxFuture<'static, Result<Vec<Option<AttemptRef>>, ArchiveError>> {
        let (book, durable) = (self.book.lock().unwrap(), self.durable.load(Ordering::SeqCst));
        let attempt_of = |reference: &str| {
            book.messages.values().find_map(|kept| {
                // As on disk: only what is durable.
                let there = kept.changes.iter().zip(&kept.positions).filter(|(_, position)| **position <= durable);
                there.map(|(change, _)| change).find_map(|change| match change {
                    Change::Moved { step, retry, reference: Some(known), .. } if **known == *reference => {
                        Some(AttemptRef { message: kept.envelope.id, step: *step, retry: *retry })
                    }
                    _ => None,
                })
            })
        };
        ready(named.iter().map(|(_, reference)| attempt_of(reference)).collect())
    }

    fn broadcast(
        &self,
        _: Option<Institution>,
        _: BroadcastId,
    ) -> BoxFuture<'static, Result<Option<BroadcastView>, ArchiveError>> {
        ready(None)
    }

    fn report(&self, _: ChunkId) -> BoxFuture<'static, Result<Vec<ReportRow>, ArchiveError>> {
        ready(Vec::new())
    }

    fn duplicates(&self, _: BroadcastId) -> BoxFuture<'static, Result<Vec<MessageId>, ArchiveError>> {
        ready(Vec::new())
    }

    fn depths(&self) -> Vec<Depth> {
        Vec::new()
    }

    fn totals_since_start(&self) -> Vec<(MessageStatus, u64)> {
        Vec::new()
    }

    fn parked(&self, channel: Channel, reference: &str) -> Vec<(Ticket, Receipt)> {
        let is_it = |receipt: &Receipt| {
            receipt.channel == channel && receipt.about == About::ChannelReference(reference.into())
        };
        self.parked_where(is_it)
    }

    fn parked_after(&self, after: Option<Ticket>, limit: usize) -> Vec<(Ticket, Receipt)> {
        let all = self.parked_where(|_| true);
        all.into_iter().filter(|(ticket, _)| after.is_none_or(|after| *ticket > after)).take(limit).collect()
    }

    fn unpark(&self, tickets: &[Ticket]) {
        self.book.lock().unwrap().parked.retain(|ticket, _| !tickets.contains(ticket));
    }
}

/// What a told channel does with a letter.
pub type Behave = Box<dyn Fn(&Letter) -> (Duration, Outcome) + Send + Sync>;

/// A channel that behaves as it is told and keeps a ledger.
pub struct Told {
    pub channel: Channel,
    pub behave: Behave,
    pub ledger: Mutex<Vec<(AttemptRef, bool)>>,
    pub inquiry: Inquiry,
}

impl Told {
    pub fn new(channel: Channel, behave: impl Fn(&Letter) -> (Duration, Outcome) + Send + Sync + 'static) -> Arc<Self> {
        let behave = Box::new(behave);
        Arc::new(Self { channel, behave, ledger: Mutex::default(), inquiry: Inquiry::CannotTell })
    }

    /// One that has nothing of what it is asked about.
    pub fn without_anything(
        channel: Channel,
        behave: impl Fn(&Letter) -> (Duration, Outcome) + Send + Sync + 'static,
    ) -> Arc<Self> {
        let behave = Box::new(behave);
        Arc::new(Self { channel, behave, ledger: Mutex::default(), inquiry: Inquiry::NotFound })
    }
}

impl Transport for Told {
    fn channel(&self) -> Channel {
        self.channel
    }

    fn provider(&self) -> &'static str {
        "told"
    }

    fn send(&self, letter: Letter) -> BoxFuture<'static, Outcome> {
        self.ledger.lock().unwrap().push((letter.reference, letter.possible_duplicate));
        let (delay, outcome) = (self.behave)(&letter);
        async move {
            if !delay.is_zero() {
                tokio::time::sleep(delay).await;
            }
            outcome
        }
        .boxed()
    }

    fn inquire(&self, _: Letter) -> BoxFuture<'static, Inquiry> {
        let inquiry = self.inquiry.clone();
        async move { inquiry }.boxed()
    }

    fn can_tell(&self) -> &'static str {
        "what it was told"
    }

    fn receipts(&self, _: &CallbackRequest) -> Result<Received, CallbackError> {
        Err(CallbackError::None)
    }

    fn poll(&self, _: Timestamp) -> Option<BoxFuture<'static, Result<Vec<Receipt>, String>>> {
        None
    }
}

/// A broker over a memory and told channels.
pub struct World {
    pub broker: Broker,
    pub memory: Memory,
    pub arbiters: Vec<Arbiter>,
}

impl World {
    pub fn new(channels: Vec<Arc<Told>>, settings: Settings, budget: Budget) -> Self {
        Self::over(Memory::default(), channels, settings, budget)
    }

    /// Over what another world left, as after a restart.
    pub fn over(memory: Memory, channels: Vec<Arc<Told>>, settings: Settings, budget: Budget) -> Self {
        let journal: Arc<dyn Journal> = Arc::new(memory.clone());
        let archive: Arc<dyn Archive> = Arc::new(memory.clone());
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let (deciding, delivering) = (Arbiter::new(), Arbiter::new());
        let registry = Registry::start(&deciding.handle(), budget, Duration::from_secs(60));
        let service = Arc::<Service>::default();
        let desk =
            |told: Arc<Told>| Arc::new(Desk::new(settings, told, Arc::clone(&clock)).measured_by(Arc::clone(&service)));
        let desks: Vec<Arc<Desk>> = channels.into_iter().map(desk).collect();
        let supervisor: Child<Supervisor> = Child::named("supervisor");
        let parts = Parts::new(
            Arc::clone(&journal),
            Arc::clone(&archive),
            Arc::clone(&clock),
            desks.clone(),
            registry.clone(),
            Arc::default(),
            supervisor.clone(),
        )
        .with_prices(Arc::new(ArcSwap::from_pointee(prices())));
        supervisor
            .start(&deciding.handle(), budget, 65_536, move |generation| Supervisor::new(generation, parts.clone()));
        for desk in &desks {
            let (here, superior) = (Arc::clone(desk), supervisor.clone());
            let (archive, registry) = (Arc::clone(&archive), registry.clone());
            desk.child.start(&delivering.handle(), budget, 65_536, move |generation| {
                let (desk, supervisor) = (Arc::clone(&here), superior.clone());
                Delivery::new(generation, desk, supervisor, Arc::clone(&archive), registry.clone())
            });
        }
        let broker = Broker::new(Inner {
            intake: Intake::new(supervisor.clone()),
            supervisor,
            desks,
            registry,
            journal,
            archive,
            announcements: None,
            clock,
            admission: Gate::new(Admission::default()),
            mint: Mint::default(),
            words: Words::default(),
            service,
        });
        Self { broker, memory, arbiters: vec![deciding, delivering] }
    }

    /// A message to a made-up number.
    pub fn envelope(&self, strategy: &str, number: u32) -> Envelope {
        let strategy = built_in().into_iter().find(|known| &*known.name == strategy).unwrap();
        self.envelope_of(Arc::new(strategy), number)
    }

    pub fn envelope_of(&self, strategy: Arc<Strategy>, number: u32) -> Envelope {
        let now = self.broker.now();
        let mut text = Translated::default();
        text.set(Language::Fr, Box::from("bonjour"));
        let mobile = Mobile::parse(&format!("+32470{:06}", number % 1_000_000)).unwrap();
        Envelope {
            id: self.broker.mint(),
            institution: Institution("0403019261".parse_cbe()),
            recipient: Recipient { mobile: Some(mobile), ..Recipient::default() },
            strategy,
            content: Arc::new(Content { text, ..Content::default() }),
            lane: Lane::Normal,
            not_before: Timestamp::ZERO,
            valid_until: now.plus(Duration::from_secs(3600)),
            language: None,
            default_language: Language::Fr,
            sender_name: None,
            sender_reference: None,
            accepted_at: now,
            idempotency: None,
            window: None,
        }
    }

    /// Submits, and again while a part of the broker restarts.
    pub async fn submit(&self, envelope: Envelope) -> Option<MessageId> {
        let id = envelope.id;
        for _ in 0..2_000 {
            match self.broker.submit(envelope.clone(), None).await {
                Ok(_) => return Some(id),
                // It may have been accepted before the answer was lost: then it is there.
                Err(_) if self.memory.live(id).is_some() => return Some(id),
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
        None
    }

    /// Waits until `wanted` holds for every message, for a bounded time.
    pub async fn until_all(&self, wanted: impl Fn(&Kept) -> bool) -> Vec<Kept> {
        for _ in 0..4_000 {
            let all = self.memory.all();
            if all.iter().all(&wanted) {
                return all;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let left: Vec<_> = self.memory.all().into_iter().filter(|kept| !wanted(kept)).collect();
        panic!("{} messages never got there, such as {:?} {:?}", left.len(), left[0].state, left[0].changes);
    }
}

trait ParseCbe {
    fn parse_cbe(&self) -> estafette_actors::domain::cbe::Cbe;
}

impl ParseCbe for str {
    fn parse_cbe(&self) -> estafette_actors::domain::cbe::Cbe {
        estafette_actors::domain::cbe::Cbe::parse(self).unwrap()
    }
}

/// What channels cost here: an SMS a cent for each part.
pub fn prices() -> PriceList {
    PriceList::new([("sms".to_owned(), Tariff { per_message: Money::ZERO, per_part: Money(10_000) })])
}

/// The channel took it.
pub fn taken(letter: &Letter) -> (Duration, Outcome) {
    (Duration::ZERO, Outcome::Is(AttemptStatus::Delivered, Some(letter.reference.to_string().into())))
}
