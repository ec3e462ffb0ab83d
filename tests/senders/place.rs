//! A place to send from: simulators and a configured broker, each over sockets of their own, and keys.
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use estafette::app::{Configured, Running, listen};
use estafette::config;
use estafette_actors::domain::submission::Institution;
use estafette_loadtest::Simulators;
use estafette_loadtest::simulators::Settings;
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::Value;
use tempfile::TempDir;

/// The institution of every key here.
pub const INSTITUTION: &str = "0403019261";

/// Simulators of all channels.
pub async fn simulators(change: impl FnOnce(&mut Settings)) -> Simulators {
    let mut settings = Settings { address: "127.0.0.1:0".parse().unwrap(), ..Settings::default() };
    change(&mut settings);
    Simulators::start(settings).await.unwrap()
}

/// The tables of GovApp and SMS under a prefix, leading to simulators.
pub fn channels(prefix: &str, simulators: &Simulators) -> String {
    let there = simulators.address();
    format!(
        "[{prefix}.govapp]\nbase_url = \"http://{there}/govapp\"\ntoken = \"sandbox-govapp-token\"\npoll = true\n\
         [{prefix}.sms]\nbase_url = \"http://{there}/ringring\"\napi_key = \"sandbox-ringring-key\"\n"
    )
}

/// A running broker.
pub struct Place {
    pub api: String,
    pub live: String,
    pub test: String,
    pub client: Client,
    pub running: Running,
    pub folder: Arc<TempDir>,
}

impl Place {
    /// With a configuration beside the address, the data and the institution.
    pub async fn start(toml: &str) -> Self {
        Self::start_in(Arc::new(TempDir::new().unwrap()), toml).await
    }

    /// In a folder that may hold an earlier one's data.
    pub async fn start_in(folder: Arc<TempDir>, toml: &str) -> Self {
        let mut text = format!("[data]\nfolder = \"{}\"\n", folder.path().join("data").display());
        let _ = write!(text, "[[institution]]\ncbe = \"{INSTITUTION}\"\nname = \"Senders\"\n{toml}");
        let config = config::parse(Some(&text), Vec::new()).unwrap();
        let configured = Configured::of(&config).unwrap();
        let (http, admin) = (listen("the API", "127.0.0.1:0").unwrap(), listen("admin", "127.0.0.1:0").unwrap());
        let running = Running::start(configured.blueprint, configured.faces, http, admin).await.unwrap();
        let key = |test| {
            let institution = Institution(INSTITUTION.parse().unwrap());
            running.core.keys.create(institution, "k", test, running.core.broker.now()).unwrap().1
        };
        Self {
            api: format!("http://{}", running.http),
            live: key(false),
            test: key(true),
            client: Client::new(),
            running,
            folder,
        }
    }

    pub fn ask(&self, key: &str, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.api)).bearer_auth(key)
    }

    pub async fn submit(&self, key: &str, body: &Value) -> Response {
        self.ask(key, Method::POST, "/v1/messages").json(body).send().await.unwrap()
    }

    pub async fn get(&self, path: &str) -> Value {
        self.ask(&self.live, Method::GET, path).send().await.unwrap().json().await.unwrap()
    }
}

/// The slug of a problem.
pub async fn problem(response: Response) -> (u16, String) {
    let status = response.status().as_u16();
    let body: Value = response.json().await.unwrap();
    (status, body["type"].as_str().unwrap_or_default().replace("urn:estafette:problem:", ""))
}

/// What a simulator's ledger of a channel holds.
pub async fn ledger(simulators: &Simulators, channel: &str) -> String {
    let url = format!("http://{}/ledger/{channel}", simulators.address());
    reqwest::get(url).await.unwrap().text().await.unwrap()
}

/// Every byte under a folder, for what must be nowhere in it.
pub fn bytes_under(folder: &Path, take: &mut dyn FnMut(&Path, &[u8])) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            bytes_under(&path, take);
        } else {
            take(&path, &std::fs::read(&path).unwrap());
        }
    }
}
