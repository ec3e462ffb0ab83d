//! All simulators behind one address, each under its own prefix.
//!
//! Owns the server, its thread and what the simulators share. Invariant: nothing global, so a test starts its own on port 0, and `stop` leaves no thread
//! behind. One worker serves all requests; receipts are sent from the server's main thread, so neither waits for the other.

mod callbacks;
mod control;
mod desk;
mod ebox;
mod govapp;
mod identity;
mod openid;
mod parts;
mod receipt;
mod ringring;
mod sealed;
mod settings;
mod smsc;
mod text;

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::http::header;
use actix_web::web::{self, Data};
use actix_web::{App, HttpResponse, HttpServer};
use anyhow::Context;
use tokio::sync::oneshot;

use callbacks::{Callbacks, GovAppTarget};
use desk::{Desk, Hangup, Refusal};
pub use openid::{OpenIdSettings, SampleEnterprise, SamplePerson};
pub use settings::{
    Alphabet, CallbackSettings, EboxSettings, GovAppSettings, MessageIds, Settings, SmsSettings, SmscSettings,
};
pub use smsc::Shown;

use crate::ledger::book::Book;
use crate::ledger::{Channel, Count, Page};

/// The largest body that is read.
const BODY_MAX: usize = 32 << 20;

/// What all handlers share.
pub(crate) struct World {
    settings: Settings,
    govapp: Desk,
    sms: Desk,
    smsc: Arc<smsc::Smsc>,
    ebox: Desk,
    callbacks: Arc<Callbacks>,
    sealed: sealed::Kept,
    sms_targets: ringring::Targets,
    tokens: ebox::token::Tokens,
    openid: openid::Desk,
}

impl World {
    fn open(settings: Settings) -> anyhow::Result<Self> {
        if let Some(dir) = &settings.ledger_dir {
            std::fs::create_dir_all(dir).with_context(|| format!("create ledger_dir {}", dir.display()))?;
        }
        let callbacks = Arc::new(Callbacks::new(settings.callbacks.clone()));
        callbacks.set_govapp(govapp_target(settings.govapp.callback_url.as_deref(), &settings.govapp.callback_secret)?);
        Ok(Self {
            govapp: Desk::open(Channel::Govapp, settings.govapp.faults, &settings)?,
            sms: Desk::open(Channel::Sms, settings.sms.faults, &settings)?,
            smsc: Arc::new(smsc::Smsc::open(&settings)?),
            ebox: Desk::open(Channel::Ebox, settings.ebox.faults, &settings)?,
            callbacks,
            sealed: sealed::Kept::default(),
            sms_targets: ringring::Targets::default(),
            tokens: ebox::token::Tokens::new()?,
            openid: openid::Desk::new()?,
            settings,
        })
    }

    fn desk(&self, channel: Channel) -> &Desk {
        match channel {
            Channel::Govapp => &self.govapp,
            Channel::Sms => &self.sms,
            Channel::Smsc => &self.smsc.desk,
            Channel::Ebox => &self.ebox,
        }
    }
}

fn govapp_target(url: Option<&str>, secret: &str) -> anyhow::Result<Option<GovAppTarget>> {
    let Some(url) = url else { return Ok(None) };
    let url = reqwest::Url::parse(url).context("govapp.callback_url: give an absolute URL")?;
    let secret = secret.parse().context("govapp.callback_secret: use visible characters only")?;
    Ok(Some(GovAppTarget { url, secret }))
}

/// Simulators that run until they are stopped or dropped.
pub struct Simulators {
    address: SocketAddr,
    smsc: Option<SocketAddr>,
    world: Data<World>,
    server: ServerHandle,
    thread: Option<JoinHandle<()>>,
}

impl Simulators {
    /// Binds and serves. It can be called from any runtime: the simulators have threads of their own.
    ///
    /// Fails when a setting is out of bounds, the address is taken, or `ledger_dir` can't be used.
    pub async fn start(settings: Settings) -> anyhow::Result<Self> {
        settings.check()?;
        // reqwest is built without a provider of its own; somebody may have installed it before, which is as good.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let (address, smsc) = (settings.address, settings.smsc.address);
        let smsc = match smsc {
            Some(address) => {
                let listener = std::net::TcpListener::bind(address);
                let listener = listener.with_context(|| format!("listen on {address} as an SMSC: is it taken?"))?;
                listener.set_nonblocking(true)?;
                Some(listener)
            }
            None => None,
        };
        let smsc_address = smsc.as_ref().map(std::net::TcpListener::local_addr).transpose()?;
        let world = Data::new(World::open(settings)?);
        let (tell, told) = oneshot::channel();
        let shared = world.clone();
        let thread = std::thread::Builder::new()
            .name("simulators".into())
            .spawn(move || actix_web::rt::System::new().block_on(serve(address, smsc, shared, tell)))
            .context("start the thread of the simulators")?;
        let (address, server) = told.await.context("the thread of the simulators ended at its start")??;
        Ok(Self { address, smsc: smsc_address, world, server, thread: Some(thread) })
    }

    /// Where they listen.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where the SMSC listens, when it does.
    pub fn smsc_address(&self) -> Option<SocketAddr> {
        self.smsc
    }

    /// Drops every link to the SMSC, as a failing network does.
    pub fn drop_links(&self) {
        self.world.smsc.drop_links();
    }

    /// A citizen writes `text` to `to`; whether there was room for it.
    pub fn write(&self, from: &str, to: &str, text: &str) -> bool {
        self.world.smsc.write(from, to, text)
    }

    /// The SMSC brings this as it is to whoever is bound; whether there was room for it.
    pub fn bring(&self, message: estafette_smpp::ShortMessage) -> bool {
        self.world.smsc.bring(message)
    }

    /// The texts that handsets showed, the oldest first, and how many messages wait for parts: of the latest, as many as
    /// `smsc.handsets` says.
    pub fn shown(&self) -> (Vec<Shown>, usize) {
        self.world.smsc.handsets.read()
    }

    /// How many links to the SMSC their peer ended with an unbind.
    pub fn unbound(&self) -> u64 {
        self.world.smsc.unbound.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Receipts and messages of citizens that the SMSC brought and nobody acknowledged, and those that it will bring.
    pub fn to_bring(&self) -> usize {
        self.world.smsc.outbox.waiting()
    }

    /// What goes wrong at the SMSC besides its faults, from now on.
    pub fn set_smsc(&self, settings: SmscSettings) {
        self.world.smsc.set(settings);
    }

    /// How many messages a channel took so far.
    pub fn count(&self, channel: Channel) -> Count {
        self.world.desk(channel).read(Book::count)
    }

    /// In how many requests that recorded something a channel took its messages.
    pub fn calls(&self, channel: Channel) -> u64 {
        self.world.desk(channel).calls()
    }

    /// What a channel took after sequence `after`, at most `limit` entries, of one reference where one is given.
    pub fn ledger(&self, channel: Channel, reference: Option<&str>, after: u64, limit: usize) -> Page {
        self.world.desk(channel).page(reference, after, limit)
    }

    /// Where GovApp events are posted from now on (none: nowhere), with the secret sent in `X-Callback-Secret`.
    pub fn set_govapp_callback(&self, url: Option<&str>, secret: &str) -> anyhow::Result<()> {
        self.world.callbacks.set_govapp(govapp_target(url, secret)?);
        Ok(())
    }

    /// Stops at once: receipts that still wait are not sent.
    pub async fn stop(mut self) {
        self.server.stop(false).await;
        if let Some(thread) = self.thread.take() {
            // It only fails when the thread panicked, which has been reported.
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }
}

impl Drop for Simulators {
    fn drop(&mut self) {
        // The order to stop is sent by the call itself; waiting for it is what the future is for.
        drop(self.server.stop(false));
    }
}

type Told = oneshot::Sender<anyhow::Result<(SocketAddr, ServerHandle)>>;

async fn serve(address: SocketAddr, smsc: Option<std::net::TcpListener>, world: Data<World>, tell: Told) {
    let callbacks = Arc::clone(&world.callbacks);
    if let Some(listener) = smsc {
        actix_web::rt::spawn(smsc::serve(listener, Arc::clone(&world.smsc)));
    }
    let started = listen(address, world).and_then(|(address, server)| Ok((address, server, client(&callbacks)?)));
    match started {
        Ok((address, server, client)) => {
            actix_web::rt::spawn(callbacks.run(client));
            // Whoever waited may have gone; then the handle is dropped, and Drop of nobody stops us: so end.
            if tell.send(Ok((address, server.handle()))).is_ok()
                && let Err(error) = server.await
            {
                tracing::error!(%error, "the simulators stopped");
            }
        }
        Err(error) => drop(tell.send(Err(error))),
    }
}

fn client(callbacks: &Callbacks) -> anyhow::Result<reqwest::Client> {
    let settings = callbacks.settings();
    reqwest::Client::builder()
        .no_proxy()
        .http1_only()
        .tcp_nodelay(true)
        .pool_max_idle_per_host(settings.concurrency)
        .timeout(Duration::from_millis(settings.timeout_ms))
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .context("build the client for receipts")
}

fn listen(address: SocketAddr, world: Data<World>) -> anyhow::Result<(SocketAddr, actix_web::dev::Server)> {
    let server = HttpServer::new(move || App::new().configure(|app| routes(app, world.clone())))
        .workers(1)
        .keep_alive(Duration::from_secs(75))
        .h1_allow_half_closed(false)
        .tcp_nodelay(true)
        .disable_signals()
        .shutdown_timeout(1)
        .on_connect(|connection, data| {
            let stream = connection.downcast_ref::<actix_web::rt::net::TcpStream>();
            // Without the second handle a lost request gets an answer: only when file descriptors run out.
            if let Some(Ok(hangup)) = stream.map(Hangup::of) {
                data.insert(hangup);
            }
        })
        .bind(address)
        .with_context(|| format!("listen on {address}: is it taken?"))?;
    let bound = server.addrs().first().copied().context("no address was bound")?;
    Ok((bound, server.run()))
}

fn routes(app: &mut web::ServiceConfig, world: Data<World>) {
    app.app_data(world)
        .app_data(web::PayloadConfig::new(BODY_MAX))
        .route("/ringring/sms/v1/Message", web::post().to(ringring::message))
        .route("/ringring/sms/sandbox/v1/Message", web::post().to(ringring::message))
        .configure(|app| {
            let path = |rest: &str| format!("/govapp/api/v1/pushNotifications/notifications{rest}");
            app.route(&path("/receivers"), web::get().to(govapp::receivers))
                .route(&path("/receivers/{id}/notifications"), web::post().to(govapp::sending::to_one))
                .service(web::resource(path("")).get(govapp::notifications).post(govapp::sending::to_many))
                .route("/govapp/callback", web::put().to(govapp::set_callback));
        })
        .route("/ebox/oauth/token", web::post().to(ebox::token::issue))
        .route("/ebox/messageRegistry/v2/publishMessage", web::post().to(ebox::publish))
        .route("/ebox/messageRegistry/v2/searchMessageStatus", web::post().to(ebox::status))
        .route("/ebox/federation/v1/eboxPreferences/search", web::post().to(ebox::preferences))
        .configure(openid::routes)
        .route("/ledger", web::delete().to(control::clear))
        .route("/ledger/{channel}", web::get().to(control::page))
        .route("/ledger/{channel}/count", web::get().to(control::count))
        .service(web::resource("/faults").get(control::faults).put(control::set_faults))
        .route("/smsc/inbound", web::post().to(control::inbound))
        .route("/sandbox", web::get().to(control::sandbox))
        .route("/sealed", web::get().to(sealed::page))
        .route("/stats", web::get().to(control::stats));
}

fn refuse(refusal: Refusal) -> HttpResponse {
    let mut response = match refusal {
        Refusal::Throttled(_) => HttpResponse::TooManyRequests(),
        Refusal::Unavailable => HttpResponse::ServiceUnavailable(),
        Refusal::ServerError | Refusal::Dropped => HttpResponse::InternalServerError(),
    };
    if let Refusal::Throttled(seconds) = refusal {
        response.insert_header((header::RETRY_AFTER, seconds.to_string()));
    }
    response.json(serde_json::json!({ "message": "the simulator was asked to fail" }))
}

/// Too many receipts wait: a message whose receipts could be lost is not taken.
fn no_room() -> HttpResponse {
    HttpResponse::ServiceUnavailable()
        .insert_header((header::RETRY_AFTER, "1"))
        .json(serde_json::json!({ "message": "too many receipts wait to be sent" }))
}
