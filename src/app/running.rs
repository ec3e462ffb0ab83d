//! A broker with its faces, over listeners that the caller bound.
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use actix_web::dev::ServerHandle;
use arc_swap::ArcSwap;
use estafette_actors::broker::Broker;
use estafette_actors::domain::channel::Channel;
use estafette_actors::domain::price::PriceList;
use estafette_actors::domain::strategy::Strategy;
use estafette_actors::messages::Steer;
use estafette_actors::registry::Person;
use tokio::sync::{oneshot, watch};

use super::controls::{Controls, Data, Stop};
use super::{Blueprint, Core, Error};
use crate::config::{self, Difference, Source};
use crate::notices::Notices;
use crate::store::keys::Keys;
use crate::{admin, api, telemetry};

/// What the faces show and allow.
pub struct Faces {
    /// The bounds of HTTP.
    pub http: api::Settings,
    /// HTTP worker threads.
    pub workers: usize,
    /// The admin port.
    pub admin: admin::Settings,
    /// The institutions known.
    pub institutions: Vec<api::InstitutionProfile>,
    /// The strategies, built in and configured.
    pub strategies: Vec<Arc<Strategy>>,
    /// What channels cost.
    pub prices: PriceList,
    /// Messages a second that each channel is allowed.
    pub rates: Vec<(Channel, u32)>,
    /// How long what is under way may take to end when the program is stopped.
    pub drain: Duration,
    /// The folder that backups go to; none for a demo.
    pub backups: Option<PathBuf>,
    /// Where the configuration came from and what it says, to read it again; none for a demo.
    pub source: Option<(Source, config::Keys)>,
}

impl Faces {
    /// What the API is told of senders.
    pub fn known(&self) -> api::Known {
        api::Known {
            institutions: self.institutions.clone(),
            strategies: self.strategies.clone(),
            prices: self.prices.clone(),
            rates: self.rates.clone(),
            requests: self.http.requests.clone(),
        }
    }
}

/// Everything, running.
pub struct Running {
    /// What is behind the faces.
    pub core: Core,
    /// Where HTTP listens.
    pub http: SocketAddr,
    /// Where the admin port listens.
    pub admin: SocketAddr,
    app: Arc<api::App>,
    server: ServerHandle,
    closing: oneshot::Sender<()>,
    pub(super) controls: Arc<Controls>,
    asked: watch::Receiver<Option<Stop>>,
    drain: Duration,
}

impl api::Authenticate for Keys {
    fn authenticate(&self, presented: &str) -> Option<api::Principal> {
        let principal = self.check(presented)?;
        Some(api::Principal {
            institution: principal.institution,
            key: principal.key.as_str().into(),
            test: principal.test,
            operator: false,
        })
    }
}

impl Running {
    /// Starts all of it.
    pub async fn start(
        blueprint: Blueprint,
        faces: Faces,
        http: TcpListener,
        admin: TcpListener,
    ) -> Result<Self, Error> {
        let core = Core::start(blueprint)?;
        core.remember().await?;
        core.remind();
        // Uploads that a crash left here were never accepted.
        let _ = std::fs::remove_dir_all(&faces.http.spool);
        std::fs::create_dir_all(&faces.http.spool)?;
        let (http_address, admin_address) = (http.local_addr()?, admin.local_addr()?);
        let hash = core.hash.clone();
        let (metrics, observed) = (telemetry::Metrics::default(), core.broker.clone());
        let notices = core.ebox.as_ref().and_then(|ebox| ebox.notices.clone());
        let parts = api::Parts {
            broker: core.broker.clone(),
            authenticate: Arc::clone(&core.keys) as Arc<dyn api::Authenticate>,
            institutions: faces.institutions,
            strategies: faces.strategies,
            prices: faces.prices,
            transports: core.transports(),
            rates: faces.rates,
            events: api::Source { feed: core.feed(), cursors: core.cursors.clone() },
            settings: faces.http,
            metrics: Arc::new(move || {
                let told = notices.as_ref().map(Notices::figures);
                metrics.render(&observed) + &telemetry::notices(&told.unwrap_or_default())
            }),
            hash: Arc::new(move |bytes| hash.hash("request", bytes)),
            register: core.register(),
            ebox: core.ebox.as_ref().map(|ebox| ebox.registry.clone()),
            pages: core.ebox.as_ref().and_then(|ebox| ebox.pages.clone()).map(served),
        };
        let persons = Arc::clone(&core.persons);
        let remember = Arc::new(move |told: &[Person]| persons.put_all(told).map_err(|error| error.to_string()));
        let app = api::App::remembering(parts, remember);
        let server = api::serve(http, Arc::clone(&app), faces.workers)?;
        let handle = server.handle();
        actix_rt::spawn(server);
        let (closing, closed) = oneshot::channel::<()>();
        admin.set_nonblocking(true)?;
        let admin = tokio::net::TcpListener::from_std(admin)?;
        let (stop, asked) = watch::channel(None);
        let settings = Arc::new(ArcSwap::from_pointee(faces.admin));
        let controls = Arc::new(Controls {
            broker: core.broker.clone(),
            api: Arc::clone(&app),
            admin: Arc::clone(&settings),
            backoff: Arc::clone(&core.backoff),
            prices: Arc::clone(&core.prices),
            transports: core.transports.clone(),
            numbers: Arc::clone(&core.numbers),
            ebox: core.ebox.as_ref().map(|ebox| ebox.live.clone()),
            config: faces.source.map(Mutex::new),
            data: Data {
                store: core.store.clone(),
                persons: Arc::clone(&core.persons),
                lists: Arc::clone(&core.lists),
                webhooks: Arc::clone(&core.webhooks),
                dossiers: core.dossiers.clone(),
                mailboxes: core.ebox.as_ref().map(|ebox| Arc::clone(&ebox.mailboxes)),
                notices: core.ebox.as_ref().and_then(|ebox| ebox.notices.clone()),
                backups: faces.backups,
            },
            stop,
        });
        let control = Arc::new(Arc::clone(&controls));
        actix_rt::spawn(admin::serve_with(admin, core.broker.clone(), settings, control, async {
            // Also when the sender is gone: then everything is.
            let _ = closed.await;
        }));
        let drain = faces.drain;
        let (http, admin, server) = (http_address, admin_address, handle);
        Ok(Self { core, http, admin, app, server, closing, controls, asked, drain })
    }

    /// Reads the configuration again; see [`Controls::read_again`].
    pub async fn reload(&self) -> Result<Vec<Difference>, String> {
        let controls = Arc::clone(&self.controls);
        tokio::task::spawn_blocking(move || controls.read_again()).await.map_err(|error| error.to_string())?
    }

    /// Ends when an operator asks for the end over the admin port.
    pub async fn asked_to_stop(&self) -> Stop {
        let mut asked = self.asked.clone();
        match asked.wait_for(Option::is_some).await {
            Ok(stop) => stop.unwrap_or(Stop::Drained),
            // Nobody can ask any more.
            Err(_) => std::future::pending().await,
        }
    }

    /// Takes nothing more, lets attempts under way end within the bound, answers what is asked,
    /// writes, and seals.
    pub async fn stop(self) {
        self.stop_as(Stop::Drained).await;
    }

    /// Stops in one of two ways.
    pub async fn stop_as(self, stop: Stop) {
        self.core.broker.close_entrance();
        for desk in self.core.broker.desks() {
            // Nothing more is begun; what waits, waits on disk.
            let _ = desk.steer(Steer::Pause);
        }
        let is_drained = stop == Stop::Drained;
        // Receipts and questions are answered until the last attempt has ended.
        if is_drained && !drained(&self.core.broker, self.drain).await {
            tracing::warn!(
                "attempts under way did not end in time: the channels are asked about them at the next start"
            );
        }
        // Nobody listens when the admin port ended by itself.
        let _ = self.closing.send(());
        self.app.end_streams();
        self.server.stop(is_drained).await;
        self.core.stop().await;
    }
}

/// How often it is looked whether anything is under way, and how often in a row nothing must be:
/// what was decided a moment ago begins in between.
const LOOK: Duration = Duration::from_millis(20);
const QUIET_LOOKS: u32 = 5;

/// Waits until nothing is under way at any channel. False when the time is up before.
async fn drained(broker: &Broker, patience: Duration) -> bool {
    let until = Instant::now() + patience;
    let mut quiet = 0;
    while quiet < QUIET_LOOKS {
        let under_way: usize = broker.desks().iter().map(|desk| desk.under_way()).sum();
        quiet = if under_way == 0 { quiet + 1 } else { 0 };
        if under_way > 0 && Instant::now() >= until {
            return false;
        }
        tokio::time::sleep(LOOK).await;
    }
    true
}

/// The pages, as the HTTP server takes them.
fn served(site: Arc<crate::web::Site>) -> api::Pages {
    Arc::new(move |config| crate::web::configure(Arc::clone(&site))(config))
}
