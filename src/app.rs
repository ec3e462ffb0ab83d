//! Puts one broker together: store, actors, channels, faces, over listeners that the caller
//! bound. Nothing here decides anything; it only says who is given what.
use std::collections::HashMap;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use actix_rt::Arbiter;
use estafette_actors::broker::{Admission, Broker, Gate, Inner, Mint};
use estafette_actors::delivery::{self, Delivery, Desk};
use estafette_actors::domain::backoff::Backoff;
use estafette_actors::domain::channel::Channel;
use estafette_actors::domain::mobile::Mobile;
use estafette_actors::nursery::{Budget, Child};
use estafette_actors::ports::{Archive, Clock, Journal, SystemClock, Transport};
use estafette_actors::registry::{Person, Registry};
use estafette_actors::supervisor::{Parts, Supervisor};

use crate::store::persons::Persons;
use crate::store::{self, Store};

/// Messages in an actor's mailbox; what must not be lost is bounded by permits before it.
const MAILBOX: usize = 65_536;
/// How long a channel's "not reachable" is believed without asking again.
const BELIEVED: Duration = Duration::from_secs(300);

/// What an application is made of; the configuration and the demo each make one.
pub struct Blueprint {
    /// The store.
    pub store: store::Settings,
    /// How each channel is fed; the default for those without.
    pub deliveries: HashMap<Channel, delivery::Settings>,
    /// When to try again, by channel.
    pub backoff: HashMap<Channel, Backoff>,
    /// The channels.
    pub transports: Vec<Arc<dyn Transport>>,
    /// What may be under way at once.
    pub admission: Admission,
    /// How often a child may be replaced.
    pub budget: Budget,
}

impl Blueprint {
    /// The usual one, in a folder, with these channels.
    pub fn new(store: store::Settings, transports: Vec<Arc<dyn Transport>>) -> Self {
        Self {
            store,
            deliveries: HashMap::new(),
            backoff: HashMap::new(),
            transports,
            admission: Admission::default(),
            budget: Budget::default(),
        }
    }
}

/// The parts behind the faces, running.
pub struct Core {
    /// The handle for faces.
    pub broker: Broker,
    /// What was learned of recipients, on disk.
    pub persons: Arc<Persons>,
    store: Store,
    arbiters: Vec<Arbiter>,
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
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let persons = Arc::new(Persons::open(&blueprint.store.dir.join("persons.redb"))?);
        let store = Store::open(blueprint.store, Arc::clone(&clock))?;
        let journal: Arc<dyn Journal> = Arc::new(store.clone());
        let archive: Arc<dyn Archive> = Arc::new(store.clone());

        // One for what decides, one for what waits on the network.
        let (deciding, delivering) = (Arbiter::new(), Arbiter::new());
        let registry = Registry::start(&deciding.handle(), blueprint.budget, BELIEVED);
        let desk = |transport: &Arc<dyn Transport>| {
            let settings = blueprint.deliveries.get(&transport.channel()).copied().unwrap_or_default();
            Arc::new(Desk::new(settings, Arc::clone(transport), Arc::clone(&clock)))
        };
        let desks: Vec<Arc<Desk>> = blueprint.transports.iter().map(desk).collect();
        let supervisor: Child<Supervisor> = Child::named("supervisor");
        let parts = Parts::new(
            Arc::clone(&journal),
            Arc::clone(&archive),
            Arc::clone(&clock),
            desks.clone(),
            registry.clone(),
            blueprint.backoff,
            supervisor.clone(),
        );
        supervisor.start(&deciding.handle(), blueprint.budget, MAILBOX, move |generation| {
            Supervisor::new(generation, parts.clone())
        });
        for desk in &desks {
            let (here, superior) = (Arc::clone(desk), supervisor.clone());
            let (archive, registry) = (Arc::clone(&archive), registry.clone());
            desk.child.start(&delivering.handle(), blueprint.budget, MAILBOX, move |generation| {
                let (desk, supervisor) = (Arc::clone(&here), superior.clone());
                Delivery::new(generation, desk, supervisor, Arc::clone(&archive), registry.clone())
            });
        }
        let broker = Broker::new(Inner {
            supervisor,
            desks,
            registry,
            journal,
            archive,
            clock,
            admission: Gate::new(blueprint.admission),
            mint: Mint::default(),
        });
        Ok(Self { broker, persons, store, arbiters: vec![deciding, delivering] })
    }

    /// Fills the registry with what was learned before.
    pub async fn remember(&self, persons: Vec<Person>) -> Result<(), estafette_actors::messages::Refused> {
        // The actor may still be on its way.
        for _ in 0..200 {
            match self.broker.registry().learn(persons.clone()).await {
                Err(estafette_actors::messages::Refused::Restarting) => {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                done => return done,
            }
        }
        Err(estafette_actors::messages::Refused::Restarting)
    }

    /// Stops the actors, writes what is in memory, and seals the journal. What was under way is
    /// asked about at the next start.
    pub async fn stop(self) {
        for arbiter in &self.arbiters {
            arbiter.stop();
        }
        let store = self.store;
        let closed = tokio::task::spawn_blocking(move || store.close()).await;
        if !matches!(closed, Ok(Ok(()))) {
            tracing::warn!("the journal was not sealed: the next start reads it through");
        }
        for arbiter in self.arbiters {
            let _ = tokio::task::spawn_blocking(move || arbiter.join()).await;
        }
    }
}
