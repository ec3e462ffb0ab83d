//! The HTTP face: JSON under `/v1`, problem details for everything refused, and beside it health,
//! metrics and the OpenAPI document, which is made of the handlers themselves.
//!
//! It turns bytes into domain types and answers from what is durable. It knows the ports and the
//! broker's handle; store and channels it doesn't know.
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use actix_web::middleware::from_fn;
use actix_web::{App as Actix, HttpServer, dev, web};
use arc_swap::ArcSwap;
use dashmap::DashMap;
use estafette_actors::broker::Broker;
use estafette_actors::domain::channel::Channel;
use estafette_actors::domain::language::Language;
use estafette_actors::domain::price::PriceList;
use estafette_actors::domain::strategy::Strategy;
use estafette_actors::domain::submission::Institution;
use estafette_actors::ports::Transport;
use estafette_actors::register::Register;
use estafette_actors::registry::Person;

mod answer;
mod body;
mod broadcasts;
mod callbacks;
mod caller;
mod check;
mod document;
mod events;
mod examples;
mod health;
mod idempotency;
mod json;
mod limits;
mod listing;
mod messages;
mod prefer;
mod problem;
mod rate;
mod receivers;
mod recipients;
mod records;
mod register;
pub mod registry;
mod report;
mod rows;
mod schemas;
mod soap;
mod submission;
mod suppressions;
mod upload;
mod usage;
mod webhooks;
mod window;

pub use caller::{Authenticate, Principal};
pub use events::Source;
pub use rate::Requests;

/// What bounds this face. Each has a key in the configuration.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Bytes of a JSON body at most.
    pub body_bytes: usize,
    /// Bytes of a callback at most.
    pub callback_bytes: usize,
    /// Bytes of a SOAP envelope at most.
    pub envelope_bytes: usize,
    /// Bytes of one upload of recipients at most.
    pub upload_bytes: u64,
    /// How long a body may take, and how long an upload may pause: then 408.
    pub body_timeout: Duration,
    /// How long the head of a request may take.
    pub head_timeout: Duration,
    /// How long an idle connection is kept.
    pub keep_alive: Duration,
    /// Connections at most, for each worker.
    pub max_connections: usize,
    /// How long a call without `Prefer` waits.
    pub wait_default: Duration,
    /// The longest wait that a call may ask for.
    pub wait_max: Duration,
    /// Validity of a message that names none.
    pub validity_default: Duration,
    /// The longest validity.
    pub validity_max: Duration,
    /// Bad rows of an upload that are described; the others are counted.
    pub reported_rows: usize,
    /// Uploads at once, of all institutions.
    pub uploads: usize,
    /// Where an upload is kept while it is checked.
    pub spool: PathBuf,
    /// How long events can be read; for `GET /v1/limits`, the store keeps them.
    pub events_kept: Duration,
    /// Streams of events at once, of all institutions.
    pub event_streams: usize,
    /// Streams of events at once, of each institution.
    pub event_streams_each: usize,
    /// A stream on which nothing happens says so as often as this.
    pub event_heartbeat: Duration,
    /// A reader that does not take what it is sent for so long is cut off.
    pub event_reader_timeout: Duration,
    /// How many requests each institution may make.
    pub requests: Requests,
    /// Whether test keys are taken: only where every channel is simulated.
    pub sandbox: bool,
    /// Whether test keys are taken beside live ones: where simulated channels stand beside the live ones.
    pub rehearsal: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            body_bytes: 512 * 1024,
            callback_bytes: 256 * 1024,
            envelope_bytes: 256 * 1024,
            upload_bytes: 4 * 1024 * 1024 * 1024,
            body_timeout: Duration::from_secs(30),
            head_timeout: Duration::from_secs(5),
            keep_alive: Duration::from_secs(75),
            max_connections: 10_000,
            wait_default: Duration::from_secs(10),
            wait_max: Duration::from_secs(30),
            validity_default: Duration::from_secs(24 * 3600),
            validity_max: Duration::from_secs(30 * 24 * 3600),
            reported_rows: 1_000,
            uploads: 4,
            spool: std::env::temp_dir(),
            events_kept: Duration::from_secs(30 * 24 * 3600),
            event_streams: 256,
            event_streams_each: 8,
            event_heartbeat: Duration::from_secs(15),
            event_reader_timeout: Duration::from_secs(30),
            requests: Requests::default(),
            sandbox: false,
            rehearsal: false,
        }
    }
}

/// An institution, as the configuration knows it.
#[derive(Clone, Debug)]
pub struct InstitutionProfile {
    /// Which.
    pub institution: Institution,
    /// Its name, for people.
    pub name: Box<str>,
    /// The language when neither the sender nor the citizen says.
    pub default_language: Language,
    /// Whom the citizen sees as the sender, unless a message says otherwise.
    pub sender_name: Option<Box<str>>,
    /// What its messages may give instead: names and numbers.
    pub sender_names: Vec<Box<str>>,
    /// The names of the strategies that it may use; `None` for all.
    pub strategies: Option<Vec<Box<str>>>,
    /// Days for which personal content is kept after settlement.
    pub retention_days: u16,
    /// The legal context of what it asks of the register, when a request names none.
    pub legal_context: Option<Box<str>>,
    /// Whether its keys may do what is the operator's.
    pub operator: bool,
}

impl InstitutionProfile {
    /// Whom its messages may give as the sender. Citizens believe what they see there: no other name may be given.
    pub fn senders(&self) -> impl Iterator<Item = &str> {
        let others = self.sender_names.iter().filter(|name| Some(*name) != self.sender_name.as_ref());
        self.sender_name.iter().chain(others).map(|name| &**name)
    }

    /// Whether it may send under this name; small letters and capitals are alike to those who read it.
    pub fn may_send_as(&self, name: &str) -> bool {
        self.senders().any(|own| own.trim().to_lowercase() == name.trim().to_lowercase())
    }

    /// Whether it may use the strategy of this name.
    pub fn may_use(&self, strategy: &str) -> bool {
        self.strategies.as_ref().is_none_or(|allowed| allowed.iter().any(|name| &**name == strategy))
    }
}

/// A keyed hash of 64 bits; the key stays with the data.
pub type Hash = Arc<dyn Fn(&[u8]) -> u64 + Send + Sync>;

/// Keeps what is told of recipients, where it survives a restart. Runs on a thread that may block.
pub type Remember = Arc<dyn Fn(&[Person]) -> Result<(), String> + Send + Sync>;

/// All that the handlers need; made by the one who puts the program together.
pub struct Parts {
    /// The actors.
    pub broker: Broker,
    /// Tells whose key it is.
    pub authenticate: Arc<dyn Authenticate>,
    /// The institutions known.
    pub institutions: Vec<InstitutionProfile>,
    /// The strategies, built in and configured.
    pub strategies: Vec<Arc<Strategy>>,
    /// What channels cost.
    pub prices: PriceList,
    /// The transports, for their callbacks and names.
    pub transports: Vec<Arc<dyn Transport>>,
    /// Messages a second that each channel is allowed, for `GET /v1/limits`.
    pub rates: Vec<(Channel, u32)>,
    /// Events and their cursors.
    pub events: Source,
    /// The bounds.
    pub settings: Settings,
    /// Renders the metrics in Prometheus' text format.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
    /// Hashes Idempotency-Keys and requests.
    pub hash: Hash,
    /// The register; none where it is switched off.
    pub register: Option<Register>,
    /// The mailboxes for programs; none where they are switched off.
    pub ebox: Option<registry::Registry>,
    /// Pages for people, served beside; none where there are none.
    pub pages: Option<Pages>,
}

/// What else is served at the same address.
pub type Pages = Arc<dyn Fn(&mut web::ServiceConfig) + Send + Sync>;

/// What the configuration says of senders and of what they may use: changed while the program runs.
#[derive(Clone, Default)]
pub struct Known {
    /// The institutions.
    pub institutions: Vec<InstitutionProfile>,
    /// The strategies, built in and configured.
    pub strategies: Vec<Arc<Strategy>>,
    /// What channels cost.
    pub prices: PriceList,
    /// Messages a second that each channel is allowed.
    pub rates: Vec<(Channel, u32)>,
    /// How many requests each institution may make.
    pub requests: Requests,
}

impl Known {
    /// What is known of an institution.
    pub fn institution(&self, institution: Institution) -> Option<&InstitutionProfile> {
        let place = self.institutions.binary_search_by_key(&institution, |profile| profile.institution).ok()?;
        self.institutions.get(place)
    }

    /// In the order in which they are looked up.
    fn sorted(mut self) -> Self {
        self.institutions.sort_by_key(|profile| profile.institution);
        self
    }
}

/// The state that all workers share.
pub struct App {
    parts: Parts,
    known: ArcSwap<Known>,
    limiters: ArcSwap<rate::Limiters>,
    clients: rate::Clients,
    keys_in_progress: Arc<DashMap<u64, u64>>,
    drafts: Arc<upload::Marks>,
    upload_slots: Arc<tokio::sync::Semaphore>,
    streams: events::Streams,
    remember: Option<Remember>,
}

impl App {
    /// Of its parts; what is told of recipients is forgotten at the end.
    pub fn new(parts: Parts) -> Arc<Self> {
        Self::with(parts, None)
    }

    /// Of its parts; what is told of recipients is kept by `remember` before it is acknowledged.
    pub fn remembering(parts: Parts, remember: Remember) -> Arc<Self> {
        Self::with(parts, Some(remember))
    }

    fn with(mut parts: Parts, remember: Option<Remember>) -> Arc<Self> {
        let known = Known {
            institutions: std::mem::take(&mut parts.institutions),
            strategies: std::mem::take(&mut parts.strategies),
            prices: std::mem::take(&mut parts.prices),
            rates: std::mem::take(&mut parts.rates),
            requests: std::mem::take(&mut parts.settings.requests),
        };
        Arc::new(Self {
            limiters: ArcSwap::from_pointee(rate::Limiters::of(&known, &rate::Limiters::default())),
            known: ArcSwap::from_pointee(known.sorted()),
            clients: rate::Clients::default(),
            keys_in_progress: Arc::default(),
            drafts: Arc::default(),
            upload_slots: Arc::new(tokio::sync::Semaphore::new(parts.settings.uploads)),
            streams: events::Streams::new(parts.settings.event_streams, parts.settings.event_streams_each),
            remember,
            parts,
        })
    }

    /// The register, unless it is switched off.
    pub fn kept(&self) -> Option<Register> {
        self.parts.register.clone()
    }

    /// Ends every stream of events, so that the server can stop: readers come again elsewhere or later.
    pub fn end_streams(&self) {
        self.streams.close();
    }

    /// What the configuration says now. A request keeps the one with which it began.
    pub fn known(&self) -> Arc<Known> {
        self.known.load_full()
    }

    /// Puts another configuration in force for requests that begin from now on.
    pub fn know(&self, known: Known) {
        self.limiters.store(Arc::new(rate::Limiters::of(&known, &self.limiters.load())));
        self.known.store(Arc::new(known.sorted()));
    }

    /// The provider at a channel, as far as it has one name.
    fn provider(&self, channel: Channel) -> Option<&'static str> {
        let mut at_channel = self.parts.transports.iter().filter(|transport| transport.channel() == channel);
        at_channel.next().map(|transport| transport.provider())
    }
}

/// The handlers, for an application that is set up elsewhere (tests).
pub fn configure(app: Arc<App>) -> impl FnOnce(&mut web::ServiceConfig) {
    move |config| {
        let pages = app.parts.pages.clone();
        config.app_data(web::Data::from(app));
        document::routes(&mut utoipa_actix_web::service_config::ServiceConfig::new(config));
        soap::routes(config);
        if let Some(pages) = pages {
            pages(config);
        }
        config
            .service(document::rendered)
            .service(document::docs)
            .service(document::swagger())
            .default_service(web::to(document::elsewhere));
    }
}

/// Serves on a listener that the caller bound. The caller handles signals and stops the server.
pub fn serve(listener: TcpListener, app: Arc<App>, workers: usize) -> std::io::Result<dev::Server> {
    let settings = app.parts.settings.clone();
    if let Some(registry) = &app.parts.ebox {
        actix_web::rt::spawn(registry.work());
    }
    estafette_actors::domain::mobile::Mobile::warm();
    // A reader that takes nothing for so long is cut off by the system, whatever is being sent.
    #[cfg(target_os = "linux")]
    rustix::net::sockopt::set_tcp_user_timeout(
        &listener,
        u32::try_from(settings.event_reader_timeout.as_millis()).unwrap_or(u32::MAX),
    )?;
    let server = HttpServer::new(move || Actix::new().wrap(from_fn(rate::tell)).configure(configure(Arc::clone(&app))))
        .workers(workers.max(1))
        .client_request_timeout(settings.head_timeout)
        .keep_alive(settings.keep_alive)
        .max_connections(settings.max_connections)
        .disable_signals()
        .shutdown_timeout(10)
        .listen(listener)?;
    Ok(server.run())
}
