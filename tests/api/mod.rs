//! What the tests of the HTTP face share: keys of two institutions, a server on a port of its own,
//! and a look at the form of each problem.
#![allow(dead_code, clippy::unwrap_used)] // each user takes what it needs; a failed step fails the test
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use estafette::api::registry::Registry;
use estafette::api::{App, Authenticate, InstitutionProfile, Parts, Principal, Settings, Source, serve};
use estafette::events::Cursors;
use estafette_actors::broker::Broker;
use estafette_actors::domain::channel::Channel;
use estafette_actors::domain::event::{Place, Wanted};
use estafette_actors::domain::language::Language;
use estafette_actors::domain::price::PriceList;
use estafette_actors::domain::strategy;
use estafette_actors::domain::submission::Institution;
use estafette_actors::ports::{Feed, FeedError, FeedPage, Position, Transport};
use estafette_actors::register::Register;
use estafette_actors::registry::Person;
use futures_util::future::BoxFuture;
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};

/// The institution of most tests, and its operator.
pub const KEY: &str = "est_live_good";
/// Another institution.
pub const OTHERS: &str = "est_live_other";
/// An institution that is not set up.
pub const STRANGER: &str = "est_live_stranger";
/// A test key.
pub const TEST: &str = "est_test_good";

struct Keys;

impl Authenticate for Keys {
    fn authenticate(&self, presented: &str) -> Option<Principal> {
        let cbe = match presented {
            KEY | TEST => "0403019261",
            OTHERS => "0206731645",
            STRANGER => "0308357159",
            _ => return None,
        };
        Some(Principal {
            institution: Institution(cbe.parse().unwrap()),
            key: "k".into(),
            test: presented == TEST,
            operator: presented == KEY,
        })
    }
}

/// A feed in which nothing ever happens.
struct NoFeed;

impl Feed for NoFeed {
    fn page(
        &self,
        _: Institution,
        next: Place,
        _: Wanted,
        _: usize,
    ) -> BoxFuture<'static, Result<FeedPage, FeedError>> {
        Box::pin(async move { Ok(FeedPage { next, ..FeedPage::default() }) })
    }

    fn oldest(&self) -> Place {
        Place::default()
    }

    fn newest(&self) -> Place {
        Place::default()
    }

    fn last_of(&self, _: Institution) -> Option<Position> {
        Some(0)
    }

    fn commits(&self) -> tokio::sync::watch::Receiver<Position> {
        tokio::sync::watch::Sender::new(0).subscribe()
    }
}

fn profile(cbe: &str) -> InstitutionProfile {
    InstitutionProfile {
        institution: Institution(cbe.parse().unwrap()),
        name: "An institution".into(),
        default_language: Language::Fr,
        sender_name: None,
        sender_names: vec!["An institution".into()],
        strategies: None,
        retention_days: 7,
        legal_context: None,
        operator: false,
    }
}

/// The face over a broker.
pub struct Face {
    pub base: String,
    pub client: Client,
    pub told: Arc<Mutex<Vec<Person>>>,
}

impl Face {
    pub fn over(broker: Broker, transports: Vec<Arc<dyn Transport>>) -> Self {
        let events = Source { feed: Arc::new(NoFeed), cursors: Cursors::new(&[7; 32]) };
        Self::with(broker, transports, events, Settings { body_bytes: 4096, ..Settings::default() })
    }

    /// With a register, or where it is switched off.
    pub fn keeping(broker: Broker, register: impl Into<Option<Register>>, settings: Settings) -> Self {
        let events = Source { feed: Arc::new(NoFeed), cursors: Cursors::new(&[7; 32]) };
        Self::whole(broker, Vec::new(), events, settings, (register.into(), None))
    }

    /// With mailboxes.
    pub fn mailing(broker: Broker, registry: Registry, settings: Settings) -> Self {
        let events = Source { feed: Arc::new(NoFeed), cursors: Cursors::new(&[7; 32]) };
        Self::whole(broker, Vec::new(), events, settings, (None, Some(registry)))
    }

    pub fn with(broker: Broker, transports: Vec<Arc<dyn Transport>>, events: Source, settings: Settings) -> Self {
        Self::whole(broker, transports, events, settings, (None, None))
    }

    fn whole(
        broker: Broker,
        transports: Vec<Arc<dyn Transport>>,
        events: Source,
        settings: Settings,
        (register, ebox): (Option<Register>, Option<Registry>),
    ) -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let told: Arc<Mutex<Vec<Person>>> = Arc::default();
        let parts = Parts {
            broker,
            authenticate: Arc::new(Keys),
            institutions: vec![profile("0403019261"), profile("0206731645")],
            strategies: strategy::built_in().into_iter().map(Arc::new).collect(),
            prices: PriceList::default(),
            transports,
            rates: vec![(Channel::SMS, 100)],
            events,
            settings,
            metrics: Arc::new(|| "up 1\n".to_owned()),
            hash: Arc::new(|bytes| {
                use std::hash::{DefaultHasher, Hasher};
                let mut hasher = DefaultHasher::new();
                hasher.write(bytes);
                hasher.finish()
            }),
            register,
            ebox,
            pages: None,
        };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let kept = Arc::clone(&told);
        let remember = Arc::new(move |persons: &[Person]| {
            kept.lock().unwrap().extend_from_slice(persons);
            Ok(())
        });
        actix_rt::spawn(serve(listener, App::remembering(parts, remember), 1).unwrap());
        Self { base, client: Client::new(), told }
    }

    pub fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        self.ask_as(KEY, method, path)
    }

    pub fn ask_as(&self, key: &str, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base)).bearer_auth(key)
    }

    pub async fn get(&self, path: &str) -> Value {
        self.ask(Method::GET, path).send().await.unwrap().json().await.unwrap()
    }

    pub async fn submit(&self, headers: &[(&'static str, &str)], body: &Value) -> Response {
        let mut request = self.ask(Method::POST, "/v1/messages").json(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap()
    }
}

pub fn message() -> Value {
    json!({"recipient": {"mobile": "+32470123456"}, "strategy": "sms-only", "content": {"text": {"fr": "Bonjour"}}})
}

/// What a problem says, after a look at its form.
pub async fn problem(response: Response) -> (u16, String) {
    let status = response.status().as_u16();
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["status"], status);
    assert!(!body["detail"].as_str().unwrap().is_empty() && !body["title"].as_str().unwrap().is_empty());
    (status, body["type"].as_str().unwrap().strip_prefix("urn:estafette:problem:").unwrap().to_owned())
}
