//! The pages on a socket, with the sandbox's provider of the sign-in beside them.
use std::net::TcpListener;
use std::sync::Arc;

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpServer};
use estafette::web::{self, Parts, Portal, Proof, Settings, SignIn, Site};
use estafette_actors::domain::language::{Language, Translated};
use estafette_actors::domain::mailbox::ClientId;
use estafette_actors::domain::mailbox::document::Scan;
use estafette_actors::domain::mailbox::media::MediaType;
use estafette_actors::domain::mailbox::notice::Ways;
use estafette_actors::ebox::EBox;
use estafette_actors::ports::SystemClock;
use estafette_actors::ports::mailbox::Mailboxes;
use estafette_loadtest::{Settings as Simulated, Simulators};

use crate::browser::{Answer, Browser};
use crate::memory::Memory;
use crate::samples;

/// A site that runs.
pub struct Running {
    pub memory: Memory,
    pub origin: String,
    pub simulators: Option<Simulators>,
    server: ServerHandle,
}

const ALL: Ways = Ways { mail: true, message: true };

fn portals() -> Vec<Portal> {
    let portal = |id: &str, name: &str| Portal {
        id: ClientId::parse(id).unwrap(),
        names: Language::ALL.into_iter().map(|language| (language, Box::from(name))).collect::<Translated<_>>(),
        url: Some(format!("https://{id}.example.be/").into()),
    };
    vec![portal("letterbox", "Letterbox"), portal("my-papers", "My Papers")]
}

impl Running {
    /// With the sandbox's provider.
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// With settings that a test needs.
    pub async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        Self::made(None, ALL, change).await
    }

    /// Over another store than the one in memory.
    pub async fn over(store: Arc<dyn Mailboxes>) -> Self {
        Self::made(Some(store), ALL, |_| {}).await
    }

    /// Where notices can go these ways only.
    pub async fn telling(ways: Ways) -> Self {
        Self::made(None, ways, |_| {}).await
    }

    async fn made(store: Option<Arc<dyn Mailboxes>>, ways: Ways, change: impl FnOnce(&mut Settings)) -> Self {
        let simulated = Simulated { address: ([127, 0, 0, 1], 0).into(), ..Simulated::default() };
        let simulators = Simulators::start(simulated).await.unwrap();
        let sign_in = SignIn {
            issuer: format!("http://{}/openid", simulators.address()),
            client_secret: Some("sandbox-sign-in-secret".to_owned()),
            ..SignIn::default()
        };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut running = Self::at(listener, sign_in, (Memory::default(), store, ways), change).await;
        running.simulators = Some(simulators);
        running
    }

    /// On a listener, with a provider that is somewhere else, and a store that is not in memory; contents are there always.
    pub async fn at(
        listener: TcpListener,
        sign_in: SignIn,
        (memory, store, ways): (Memory, Option<Arc<dyn Mailboxes>>, Ways),
        change: impl FnOnce(&mut Settings),
    ) -> Self {
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let mut settings = Settings {
            public_url: origin.clone(),
            sign_in,
            portals: portals(),
            help_email: Some("help@example.be".into()),
            ..Settings::default()
        };
        change(&mut settings);
        let store = store.unwrap_or_else(|| Arc::new(memory.clone()));
        samples::fill(&*store, &memory).await;
        let site = Site::new(Parts {
            stops: Some(Arc::new(|token| {
                (token == samples::LINK).then(|| (samples::citizen(0), "marie@example.be".into()))
            })),
            ways,
            ebox: EBox::new(store, Arc::new(memory.clone()), None, Arc::new(SystemClock)),
            settings,
            secret: vec![7; 32],
            bundle: Some(Arc::new(|item, evidence| {
                let bytes = serde_json::to_vec(&evidence).map_err(|error| error.to_string())?;
                Ok(Proof {
                    file_name: format!("evidence-{}.json", item.document.id),
                    media_type: "application/json",
                    bytes: bytes.into(),
                })
            })),
            recognise: Arc::new(|media_type, beginning| {
                media_type != MediaType::Pdf || beginning.starts_with(b"%PDF-")
            }),
            unscanned: Scan::NotScanned,
            clock: Arc::new(SystemClock),
        });
        let site = site.unwrap();
        let server = HttpServer::new(move || App::new().configure(web::configure(Arc::clone(&site))));
        let server = server.workers(1).disable_signals().shutdown_timeout(1).listen(listener).unwrap().run();
        let handle = server.handle();
        actix_rt::spawn(server);
        Self { memory, origin, simulators: None, server: handle }
    }

    /// Somebody who has not signed in.
    pub fn visitor(&self) -> Browser {
        Browser::new(&self.origin)
    }

    /// One of the provider's people, signed in, and the first page that they see.
    pub async fn signed_in(&self, person: &str) -> (Browser, Answer) {
        let mut browser = self.visitor();
        let answer = sign_in(&mut browser, person, "/mailbox/messages").await;
        (browser, answer)
    }

    pub async fn stop(self) {
        self.server.stop(false).await;
        if let Some(simulators) = self.simulators {
            simulators.stop().await;
        }
    }
}

/// Goes the whole way through the provider.
pub async fn sign_in(browser: &mut Browser, person: &str, to: &str) -> Answer {
    let start = browser.get(&format!("/mailbox/sign-in/start?to={to}")).await;
    let asked = browser.get(start.location()).await;
    assert_eq!(asked.status, 200, "{}", asked.text);
    let fields: Vec<(String, String)> = asked
        .text
        .split("<input type=\"hidden\" name=\"")
        .skip(1)
        .map(|field| {
            let (name, rest) = field.split_once("\" value=\"").unwrap();
            (name.to_owned(), rest.split('"').next().unwrap().replace("&amp;", "&"))
        })
        .chain([("person".to_owned(), person.to_owned())])
        .collect();
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let page = start.location().split('?').next().unwrap().to_owned();
    let picked = browser.post(&page, &fields).await;
    browser.follow(picked).await
}
