//! Sets the stage of the demo: simulators, broker, faces and a key, each over its own socket.
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use estafette_actors::broker::Broker;
use estafette_actors::domain::cbe::Cbe;
use estafette_actors::domain::id::MessageId;
use estafette_actors::domain::language::Language;
use estafette_actors::domain::strategy::built_in;
use estafette_actors::domain::submission::Institution;
use estafette_actors::ports::Home;
use estafette_loadtest::simulators::SamplePerson;
use estafette_loadtest::{Settings, Simulators};
use serde_json::json;

use crate::app::{Blueprint, Faces, Running, Stop, listen};
use crate::channels::{self, Table};
use crate::cli::Signals;
use crate::{api, config, store};

use super::{mailbox, people, samples};

/// The institution that sends in the demo.
const INSTITUTION: &str = "0403019261";

/// Everything that runs in the demo.
pub struct Stage {
    /// Address of the API.
    pub api: String,
    /// Address of the admin port.
    pub admin: String,
    /// Address of the ledgers.
    pub ledgers: String,
    /// A sender's bearer key.
    pub key: String,
    /// For the ledgers.
    pub http: reqwest::Client,
    /// The e-Box.
    pub home: Home,
    /// Who can sign in on its pages.
    pub people: Vec<SamplePerson>,
    running: Running,
    simulators: Simulators,
}

impl Stage {
    /// Starts all of it over a data folder. `port` 0 takes free ports everywhere.
    pub async fn set(folder: &Path, port: Option<u16>) -> anyhow::Result<Self> {
        let defaults = config::load(None, std::iter::empty())?;
        let free = port == Some(0);
        let address = |usual: u16| format!("127.0.0.1:{}", if free { 0 } else { usual });
        let http = listen("the API", &address(port.unwrap_or(defaults.http.address.port())))?;
        let admin = listen("the admin port", &address(defaults.admin.address.port()))?;
        let mut settings = Settings::default();
        settings.address.set_port(if free { 0 } else { settings.address.port() });
        let (token, api_key) = (settings.govapp.token.clone(), settings.sms.api_key.clone());
        let openid = settings.openid.clone();
        let callback_secret = settings.govapp.callback_secret.clone();
        let simulators = Simulators::start(settings).await.context("the simulators do not start")?;
        let there = simulators.address();
        let api = format!("http://{}", http.local_addr()?);
        let tables = [
            (
                "govapp",
                json!({
                    "base_url": format!("http://{there}/govapp"),
                    "token": token.unwrap_or_default(),
                    "callback_secret": callback_secret,
                }),
            ),
            (
                "sms",
                json!({
                    "base_url": format!("http://{there}/ringring"),
                    "api_key": api_key.unwrap_or_default(),
                    "callback_base": api,
                    "callback_secret": callback_secret,
                }),
            ),
            ("ebox", json!({ "place": "own", "reads_every_ms": 200 })),
        ];
        let tables = tables.map(|(name, table)| (name.to_owned(), Table::of(table))).into();
        let transports = channels::build(&channels::Settings(tables))
            .map_err(|mistakes| anyhow!("the demo's channels can't be set up: {mistakes:?}"))?;
        let mut blueprint = Blueprint::new(store::Settings::new(folder), transports);
        // Receivers of webhooks run beside the demo.
        let loopback = ["127.0.0.0/8", "::1/128"].map(|network| network.parse().map_err(anyhow::Error::msg));
        blueprint.announce.reach.listed = loopback.into_iter().collect::<Result<_, _>>()?;
        blueprint.register = Some(store::register::Settings::new(folder));
        blueprint.ebox = Some(mailbox::plan(folder, &api, format!("http://{there}/openid"), &openid)?);
        let faces = faces(folder)?;
        blueprint.prices = faces.prices.clone();
        let running = Running::start(blueprint, faces, http, admin).await?;
        let key = running.core.keys.create(institution()?, "demo", false, running.core.broker.now())?.1;
        if let Some(source) = &running.core.authentic {
            people::tell(&**source, institution()?).await?;
        }
        let home = running.core.ebox.as_ref().map(|ebox| ebox.live.home.clone()).context("the demo has an e-Box")?;
        samples::define(&home, institution()?).await?;
        mailbox::move_in(&home, &openid.people).await?;
        samples::publish(&home, &openid.people).await?;
        let callback = format!("{api}/v1/callbacks/govapp");
        simulators.set_govapp_callback(Some(&callback), &callback_secret)?;
        Ok(Self {
            api,
            admin: running.admin.to_string(),
            ledgers: format!("http://{there}/ledger"),
            key,
            http: reqwest::Client::new(),
            home,
            people: openid.people,
            running,
            simulators,
        })
    }

    /// The broker.
    pub fn broker(&self) -> &Broker {
        &self.running.core.broker
    }

    /// Whether the journal has a message of this id, from an earlier run too.
    pub async fn knows(&self, id: MessageId) -> anyhow::Result<bool> {
        Ok(self.broker().archive().message(None, id).await?.is_some())
    }

    /// What runs.
    pub fn running(&self) -> &Running {
        &self.running
    }

    /// Stops all of it as it was asked for.
    pub async fn strike_as(self, signals: &mut Signals, stop: Stop) {
        signals.stop(self.running, stop).await;
        self.simulators.stop().await;
    }

    /// Stops all of it.
    pub async fn strike(self) {
        self.running.stop().await;
        self.simulators.stop().await;
    }
}

fn institution() -> anyhow::Result<Institution> {
    Ok(Institution(Cbe::parse(INSTITUTION)?))
}

fn faces(folder: &Path) -> anyhow::Result<Faces> {
    let defaults = config::load(None, std::iter::empty())?;
    let http = api::Settings { spool: folder.join("spool"), sandbox: true, ..api::Settings::default() };
    Ok(Faces {
        http,
        workers: defaults.http.workers,
        admin: defaults.admin,
        institutions: vec![api::InstitutionProfile {
            institution: institution()?,
            name: "Demo institution".into(),
            default_language: Language::Fr,
            sender_name: Some("Demo".into()),
            sender_names: vec!["Demo institution".into()],
            strategies: None,
            retention_days: 7,
            legal_context: Some("demo".into()),
            operator: true,
        }],
        strategies: built_in().into_iter().map(Arc::new).collect(),
        prices: defaults.prices,
        rates: Vec::new(),
        drain: defaults.drain,
        backups: Some(folder.join("backups")),
        source: None,
    })
}
