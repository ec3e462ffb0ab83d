//! Puts one broker together: store, actors, channels, faces, over listeners that the caller
//! bound. Nothing here decides anything; it only says who is given what.
use std::collections::HashMap;
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use actix_rt::Arbiter;
use arc_swap::ArcSwap;
use estafette_actors::announcer::{self, Announcements};
use estafette_actors::broker::{Admission, Broker, Gate, Inner, Mint, Words};
use estafette_actors::delivery::{self, Delivery, Desk};
use estafette_actors::domain::backoff::Backoff;
use estafette_actors::domain::channel::Channel;
use estafette_actors::domain::dossier::Code;
use estafette_actors::domain::mobile::Mobile;
use estafette_actors::domain::price::PriceList;
use estafette_actors::domain::submission::Institution;
use estafette_actors::intake::Intake;
use estafette_actors::messages::Refused;
use estafette_actors::nursery::{Budget, Child};
use estafette_actors::ports::{Archive, Clock, Ear, Feed, Journal, SystemClock, Transport};
use estafette_actors::register::{Demands, Register};
use estafette_actors::registry::Registry;
use estafette_actors::service::Service;
use estafette_actors::supervisor::{Parts, Supervisor};

use crate::announce;
use crate::channels::Changing;
use crate::events::Cursors;
use crate::source;
use crate::store::index::KeyedHash;
use crate::store::keys::Keys;
use crate::store::persons::Persons;
use crate::store::register::{self, Dossiers, Mutations};
use crate::store::suppressions::Lists;
use crate::store::webhooks::Webhooks;
use crate::store::{self, Store};

mod authentic;
mod configured;
mod controls;
mod daily;
mod hearing;
mod known_recipients;
pub mod mailbox;
mod reminding;
mod running;

pub use configured::Configured;
pub use controls::{Controls, Stop};
pub use hearing::Hearing;
pub use running::{Faces, Running};

/// What an application is made of; the configuration and the demo each make one.
pub struct Blueprint {
    /// The store.
    pub store: store::Settings,
    /// How each channel is fed; the default for those without.
    pub deliveries: HashMap<Channel, delivery::Settings>,
    /// When to try again, by channel.
    pub backoff: HashMap<Channel, Backoff>,
    /// What channels cost.
    pub prices: PriceList,
    /// The channels.
    pub transports: Vec<Arc<dyn Transport>>,
    /// Numbers and names that citizens write to, and whose they are.
    pub numbers: HashMap<Box<str>, Institution>,
    /// What may be under way at once.
    pub admission: Admission,
    /// How soon an urgent message is to be handed to its channel: what is measured, no limit.
    pub urgent_within: Duration,
    /// How often a child may be replaced.
    pub budget: Budget,
    /// Messages in an actor's mailbox; what must not be lost is bounded by permits before it.
    pub mailbox: usize,
    /// How long a channel's "not reachable" is believed without asking again.
    pub believed: Duration,
    /// A file of known recipients, read at each start.
    pub known_recipients: Option<PathBuf>,
    /// Entries that the suppression lists of all institutions hold together.
    pub suppressions: usize,
    /// The register; none when it is switched off.
    pub register: Option<register::Settings>,
    /// The dossier types of which a strategy demands one, by its name.
    pub demands: HashMap<Box<str>, Vec<Code>>,
    /// The authentic source of persons, when it is elsewhere; none for the register's own tables.
    pub persons: Option<source::Settings>,
    /// The e-Box; none when it is switched off.
    pub ebox: Option<mailbox::Plan>,
    /// How senders are told what happened.
    pub announcer: announcer::Settings,
    /// How their endpoints are called.
    pub announce: announce::Settings,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

impl Blueprint {
    /// The usual one, in a folder, with these channels.
    pub fn new(store: store::Settings, transports: Vec<Arc<dyn Transport>>) -> Self {
        Self {
            store,
            deliveries: HashMap::new(),
            backoff: HashMap::new(),
            prices: PriceList::default(),
            transports,
            numbers: HashMap::new(),
            admission: Admission::default(),
            urgent_within: Duration::from_secs(1),
            budget: Budget::default(),
            mailbox: 65_536,
            believed: Duration::from_secs(300),
            known_recipients: None,
            suppressions: 1_000_000,
            register: None,
            demands: HashMap::new(),
            persons: None,
            ebox: None,
            announcer: announcer::Settings::default(),
            announce: announce::Settings::default(),
            clock: Arc::new(SystemClock),
        }
    }
}

/// The parts behind the faces, running.
pub struct Core {
    /// The handle for faces.
    pub broker: Broker,
    /// What was learned of recipients, on disk.
    pub persons: Arc<Persons>,
    /// The bearer keys.
    pub keys: Arc<Keys>,
    /// The hash of Idempotency-Keys and requests.
    pub hash: KeyedHash,
    /// Seals places in the feed.
    pub cursors: Cursors,
    /// Who is known to which institution; none when the register is switched off.
    pub dossiers: Option<Arc<Dossiers>>,
    /// What they are told of their NISSs; none then.
    pub mutations: Option<Arc<Mutations>>,
    /// The authentic source of persons; none then.
    pub authentic: Option<Arc<dyn estafette_actors::ports::register::Persons>>,
    /// The e-Box; none when it is switched off.
    pub ebox: Option<mailbox::Opened>,
    store: Store,
    lists: Arc<Lists>,
    webhooks: Arc<Webhooks>,
    backoff: Arc<ArcSwap<HashMap<Channel, Backoff>>>,
    prices: Arc<ArcSwap<PriceList>>,
    /// The channels' transports; each may be changed.
    transports: Vec<Arc<Changing>>,
    numbers: Arc<ArcSwap<HashMap<Box<str>, Institution>>>,
    arbiters: Vec<Arbiter>,
    known_recipients: Option<PathBuf>,
}

/// Why an application does not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The persons.
    #[error(transparent)]
    Persons(#[from] store::persons::Error),
    /// The register.
    #[error(transparent)]
    Register(#[from] estafette_actors::ports::register::Trouble),
    /// The authentic source of persons, elsewhere.
    #[error("the authentic source of persons can't be asked: {0}")]
    Source(#[from] crate::channels::Error),
    /// The e-Box.
    #[error(transparent)]
    Mailbox(#[from] mailbox::Error),
    /// The suppression lists.
    #[error(transparent)]
    Suppressions(#[from] store::suppressions::Error),
    /// The webhooks.
    #[error(transparent)]
    Webhooks(estafette_actors::ports::ArchiveError),
    /// The keys.
    #[error(transparent)]
    Keys(#[from] store::keys::Error),
    /// The file of known recipients.
    #[error(transparent)]
    KnownRecipients(#[from] known_recipients::Error),
    /// The actors do not run.
    #[error(transparent)]
    Actors(#[from] estafette_actors::messages::Refused),
    /// A face.
    #[error("the server can't be started: {0}")]
    Serve(#[from] std::io::Error),
    /// A listener.
    #[error("{what} can't listen on {address}: {reason}; choose another address, or stop what uses it")]
    Listen {
        /// Which face.
        what: &'static str,
        /// Where.
        address: String,
        /// Why.
        reason: std::io::Error,
    },
}

/// Binds a listener, with an error that says what to do.
pub fn listen(what: &'static str, address: &str) -> Result<TcpListener, Error> {
    TcpListener::bind(address).map_err(|reason| Error::Listen { what, address: address.to_owned(), reason })
}

impl Core {
    /// Opens the store, recovers, and starts the actors. Must run inside an actix system.
    pub fn start(blueprint: Blueprint) -> Result<Self, Error> {
        // 100 ms at first use: better before the first request than in it.
        std::thread::spawn(Mobile::warm);
        let clock = Arc::clone(&blueprint.clock);
        // The store first: it locks the folder.
        let store = Store::open(blueprint.store, Arc::clone(&clock))?;
        let folder = store.folder();
        let persons = Arc::new(Persons::open(folder.path().join("persons.redb"))?);
        let keys = Arc::new(Keys::open(folder.path())?);
        let hash = KeyedHash::new(folder.secret("requests").map_err(store::Error::from)?);
        let cursors = Cursors::new(&folder.secret("events").map_err(store::Error::from)?);
        let list_hash = KeyedHash::new(folder.secret("suppressions").map_err(store::Error::from)?);
        let lists = folder.path().join("suppressions.redb");
        let lists = Arc::new(Lists::open(lists, list_hash, Arc::clone(&clock), blueprint.suppressions)?);
        let dossiers = match blueprint.register {
            Some(settings) => {
                let secret = folder.secret(register::SECRET).map_err(store::Error::from)?;
                Some(Arc::new(Dossiers::open(settings, secret, Arc::clone(&clock))?))
            }
            None => None,
        };
        let mutations = match &dossiers {
            Some(dossiers) => Some(Arc::new(Mutations::open(dossiers, Arc::clone(&clock), crate::mutations::render)?)),
            None => None,
        };
        let ebox = match blueprint.ebox {
            Some(plan) => {
                let secret = folder.secret(mailbox::SECRET).map_err(store::Error::from)?;
                Some(mailbox::Opened::open(plan, folder.path().join("secrets"), secret, Arc::clone(&clock))?)
            }
            None => None,
        };
        let journal: Arc<dyn Journal> = Arc::new(store.clone());
        let archive: Arc<dyn Archive> = Arc::new(store.clone());

        // One for what decides, one for what waits on the network.
        let (deciding, delivering) = (Arbiter::new(), Arbiter::new());
        let registry = Registry::start(&deciding.handle(), blueprint.budget, blueprint.believed)
            .with_suppressions(Arc::clone(&lists) as _);
        if let Some(dossiers) = &dossiers {
            registry.demand(Demands::new(Arc::clone(dossiers) as _, blueprint.demands));
        }
        let beside = dossiers.as_ref().zip(mutations.as_ref());
        let authentic = authentic::open(beside, blueprint.persons, &registry, (folder.path(), &clock))?;
        let changing = blueprint.transports.into_iter().map(|transport| Arc::new(Changing::new(transport)));
        let transports: Vec<Arc<Changing>> = changing.collect();
        if let Some(ebox) = &ebox {
            for transport in &transports {
                transport.at_home(&ebox.live.home);
            }
        }
        let service = Arc::new(Service::default());
        service.set_threshold(blueprint.urgent_within);
        let desk = |transport: &Arc<Changing>| {
            let settings = blueprint.deliveries.get(&transport.channel()).copied().unwrap_or_default();
            let desk = Desk::new(settings, Arc::clone(transport) as _, Arc::clone(&clock));
            Arc::new(desk.measured_by(Arc::clone(&service)))
        };
        let desks: Vec<Arc<Desk>> = transports.iter().map(desk).collect();
        let supervisor: Child<Supervisor> = Child::named("supervisor");
        let backoff = Arc::new(ArcSwap::from_pointee(blueprint.backoff));
        let prices = Arc::new(ArcSwap::from_pointee(blueprint.prices));
        let parts = Parts::new(
            Arc::clone(&journal),
            Arc::clone(&archive),
            Arc::clone(&clock),
            desks.clone(),
            registry.clone(),
            Arc::clone(&backoff),
            supervisor.clone(),
        )
        .with_prices(Arc::clone(&prices));
        supervisor.start(&deciding.handle(), blueprint.budget, blueprint.mailbox, move |generation| {
            Supervisor::new(generation, parts.clone())
        });
        for desk in &desks {
            let (here, superior) = (Arc::clone(desk), supervisor.clone());
            let (archive, registry) = (Arc::clone(&archive), registry.clone());
            desk.child.start(&delivering.handle(), blueprint.budget, blueprint.mailbox, move |generation| {
                let (desk, supervisor) = (Arc::clone(&here), superior.clone());
                Delivery::new(generation, desk, supervisor, Arc::clone(&archive), registry.clone())
            });
        }
        // Of its own: senders' endpoints delay no message.
        let announcing = Arbiter::new();
        let webhooks = Arc::new(Webhooks::open(folder.path().join(store::webhooks::FILE))?);
        let announcements = Announcements::start(
            blueprint.announcer,
            Arc::clone(&webhooks) as _,
            Arc::new(announce::Caller::new(blueprint.announce, cursors.clone())),
            Arc::new(store.clone()),
            (Arc::clone(&journal), Arc::clone(&clock)),
            (&announcing.handle(), blueprint.budget),
        )
        .map_err(Error::Webhooks)?;
        let told = (Arc::clone(&journal), Arc::new(store.clone()) as Arc<dyn Feed>);
        daily::start(mutations.as_ref(), told, &clock, &announcing.handle());
        if let Some(ebox) = &ebox {
            announcing.spawn(ebox.keep_up());
        }
        let broker = Broker::new(Inner {
            intake: Intake::new(supervisor.clone()),
            supervisor,
            desks,
            registry,
            journal,
            archive,
            announcements: Some(announcements),
            clock,
            admission: Gate::new(blueprint.admission),
            mint: Mint::default(),
            words: Words::default(),
            service,
        });
        if let Some(telling) = ebox.as_ref().and_then(|ebox| ebox.tell(&broker)) {
            announcing.spawn(telling);
        }
        let numbers = Arc::new(ArcSwap::from_pointee(blueprint.numbers));
        let ear: Arc<dyn Ear> = Arc::new(Hearing::new(broker.clone(), Arc::clone(&numbers)));
        for transport in &transports {
            if let Some(listening) = transport.listen(Arc::clone(&ear)) {
                delivering.spawn(listening);
            }
        }
        let arbiters = vec![deciding, delivering, announcing];
        Ok(Self {
            broker,
            persons,
            keys,
            hash,
            cursors,
            dossiers,
            mutations,
            authentic,
            ebox,
            store,
            lists,
            webhooks,
            backoff,
            prices,
            transports,
            numbers,
            arbiters,
            known_recipients: blueprint.known_recipients,
        })
    }

    /// The channels' transports, as they are at the time.
    pub fn transports(&self) -> Vec<Arc<dyn Transport>> {
        self.transports.iter().map(|transport| Arc::clone(transport) as Arc<dyn Transport>).collect()
    }

    /// The register, unless it is switched off.
    pub fn register(&self) -> Option<Register> {
        let (dossiers, mutations) = (self.dossiers.clone()?, self.mutations.clone()?);
        Some(Register::new(dossiers, self.authentic.clone()?, mutations))
    }

    /// What happened, by institution.
    pub fn feed(&self) -> Arc<dyn Feed> {
        Arc::new(self.store.clone())
    }

    /// Fills the registry with what was learned before. Ends when routing sees it.
    pub async fn remember(&self) -> Result<(), Error> {
        let mut persons = self.persons.load_all()?;
        if let Some(path) = &self.known_recipients {
            let now = i64::try_from(self.broker.now().millis()).unwrap_or(i64::MAX);
            let today = jiff::Timestamp::from_millisecond(now).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
            let today = jiff::tz::TimeZone::UTC.to_datetime(today).date();
            // What senders told since is newer than the file.
            let mut known = known_recipients::read(path, today)?;
            known.append(&mut persons);
            persons = known;
        }
        if persons.is_empty() {
            return Ok(());
        }
        // The actor may still be on its way.
        for _ in 0..200 {
            match self.broker.registry().learn(persons.clone()).await {
                Err(Refused::Restarting) => tokio::time::sleep(Duration::from_millis(5)).await,
                done => return Ok(done?),
            }
        }
        Err(Refused::Restarting.into())
    }

    /// Reminds transports that have to ask of what their channels took before. Ends at once; it is done beside the work.
    pub fn remind(&self) {
        for transport in &self.transports {
            actix_rt::spawn(reminding::remind(self.broker.clone(), Arc::clone(transport) as _));
        }
    }

    /// Stops the actors, writes what is in memory, and seals the journal. What was under way is
    /// asked about at the next start.
    pub async fn stop(self) {
        if let Some(announcements) = self.broker.announcements() {
            announcements.close().await;
        }
        // While receipts can still be kept.
        let closing = self.broker.desks().iter().filter_map(|desk| desk.transport().close());
        futures_util::future::join_all(closing).await;
        if let Some(notices) = self.ebox.as_ref().and_then(|ebox| ebox.notices.as_ref()) {
            notices.close().await;
        }
        for arbiter in &self.arbiters {
            arbiter.stop();
        }
        if let Some(dossiers) = self.dossiers {
            let _ = tokio::task::spawn_blocking(move || dossiers.close()).await;
        }
        if let Some(ebox) = self.ebox {
            let _ = tokio::task::spawn_blocking(move || ebox.mailboxes.close()).await;
        }
        let store = self.store;
        if tokio::task::spawn_blocking(move || store.close()).await.is_err() {
            tracing::warn!("the journal was not sealed: the next start reads it through");
        }
        for arbiter in self.arbiters {
            let _ = tokio::task::spawn_blocking(move || arbiter.join()).await;
        }
    }
}
