//! A broker with its faces, over listeners that the caller bound.
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use actix_web::dev::ServerHandle;
use estafette_actors::domain::channel::Channel;
use estafette_actors::domain::price::PriceList;
use estafette_actors::domain::strategy::Strategy;
use estafette_actors::ports::Transport;
use estafette_actors::registry::Person;
use tokio::sync::oneshot;

use super::{Blueprint, Core, Error};
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
        let transports: Vec<Arc<dyn Transport>> = blueprint.transports.clone();
        let core = Core::start(blueprint)?;
        core.remember().await?;
        // Uploads that a crash left here were never accepted.
        let _ = std::fs::remove_dir_all(&faces.http.spool);
        std::fs::create_dir_all(&faces.http.spool)?;
        let (http_address, admin_address) = (http.local_addr()?, admin.local_addr()?);
        let hash = core.hash.clone();
        let (metrics, observed) = (telemetry::Metrics::default(), core.broker.clone());
        let parts = api::Parts {
            broker: core.broker.clone(),
            authenticate: Arc::clone(&core.keys) as Arc<dyn api::Authenticate>,
            institutions: faces.institutions,
            strategies: faces.strategies,
            prices: faces.prices,
            transports,
            rates: faces.rates,
            events: api::Source { feed: core.feed(), cursors: core.cursors.clone() },
            settings: faces.http,
            metrics: Arc::new(move || metrics.render(&observed)),
            hash: Arc::new(move |bytes| hash.hash("request", bytes)),
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
        actix_rt::spawn(admin::serve(admin, core.broker.clone(), faces.admin, async {
            // Also when the sender is gone: then everything is.
            let _ = closed.await;
        }));
        Ok(Self { core, http: http_address, admin: admin_address, app, server: handle, closing })
    }

    /// Takes nothing more, answers what is under way, writes, and seals.
    pub async fn stop(self) {
        // Nobody listens when the admin port ended by itself.
        let _ = self.closing.send(());
        self.app.end_streams();
        self.server.stop(true).await;
        self.core.stop().await;
    }
}
