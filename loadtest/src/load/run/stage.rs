//! What a scenario runs on: simulators and a broker, started by the run or there already, and where each sender's requests go.
//!
//! Invariant: what the run started ends with it; a broker that was there is asked, never stopped.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use estafette_loadtest::Settings;
use estafette_loadtest::ledger::{Channel, Page};
use serde_json::json;

use crate::load::broker::{self, Own, Plan, Program, There};
use crate::load::peer::{Place, Pool};
use crate::load::scenario::check::{Part, Scenario, Target, Work};
use crate::load::scenario::{self, Fault, Message, Recipient, Request, To, Upload};
use crate::load::sender::{Draft, Sender};
use crate::load::template::{Ids, Template, Turn};

/// How long the simulators may take to answer.
const PATIENCE: Duration = Duration::from_secs(20);
/// Entries of a page of a ledger: few enough that a simulator is not held up by telling them.
const PAGE: usize = 2_000;

/// The broker and the simulators of a run.
pub struct Stage {
    /// Of the broker, with its scheme.
    api: Option<String>,
    /// The admin port of a broker, where it is known.
    pub admin: Option<SocketAddr>,
    /// The broker that the run started.
    pub own: Option<Own>,
    /// A key for each sender.
    keys: Vec<Option<String>>,
    /// The names of the institutions of the run's own broker.
    institutions: Vec<String>,
    /// The ledgers and faults, if there are simulators.
    pub channels: Option<Channels>,
}

/// The simulators, here or elsewhere.
pub struct Channels {
    own: Option<estafette_loadtest::Simulators>,
    there: There,
    client: reqwest::Client,
}

impl Stage {
    /// Starts what must be started.
    pub async fn set(scenario: &Scenario, program: &Program) -> anyhow::Result<Self> {
        let (mut channels, mut settings) = (None, Settings::default());
        if let Some(told) = &scenario.simulators {
            settings = told.settings.clone();
            let needs_smsc = matches!(&scenario.target, Target::Own(own) if own.smpp);
            channels = Some(Channels::start(told, &mut settings, needs_smsc).await?);
        }
        let mut institutions: Vec<String> = Vec::new();
        for part in &scenario.senders {
            if !institutions.contains(&part.institution) {
                institutions.push(part.institution.clone());
            }
        }
        let given = scenario.senders.iter().map(|part| part.key.clone()).collect();
        let nobody = Self { api: None, admin: None, own: None, keys: given, institutions, channels };
        let stage = match &scenario.target {
            Target::None => nobody,
            Target::Running(running) => {
                Self { api: Some(running.api.trim_end_matches('/').to_owned()), admin: running.admin, ..nobody }
            }
            Target::Own(wanted) => {
                let there = nobody.channels.as_ref().context("a broker of the run's own needs simulators")?.there;
                let plan = Plan {
                    smpp: wanted.smpp,
                    channels: wanted.channels.clone().unwrap_or_else(|| vec![Channel::Sms]),
                    institutions: nobody.institutions.clone(),
                    config: wanted.config.clone(),
                    ..Plan::default()
                };
                let mut own = Own::prepare_at(program, there, &settings, &plan)?;
                own.start()?;
                own.ready().await?;
                let place = |part: &Part| nobody.institutions.iter().position(|name| *name == part.institution);
                let keys =
                    scenario.senders.iter().map(|part| place(part).map(|place| own.keys[place].clone())).collect();
                let (api, admin) = (Some(format!("http://{}", own.api)), Some(own.admin));
                Self { api, admin, own: Some(own), keys, ..nobody }
            }
        };
        if let (Some(channels), Some(own)) = (&stage.channels, &stage.own) {
            channels.call_back(own.api, &settings.govapp.callback_secret).await?;
        }
        Ok(stage)
    }

    /// Ends what was started.
    pub async fn strike(mut self) -> anyhow::Result<()> {
        if let Some(own) = &mut self.own {
            own.kill()?;
        }
        if let Some(simulators) = self.channels.and_then(|channels| channels.own) {
            simulators.stop().await;
        }
        Ok(())
    }

    /// The name of an institution, where the run gave it one, else its CBE number.
    pub fn name_of(&self, institution: &str) -> String {
        let name = self.own.as_ref().and_then(|_| broker::institution_of(&self.institutions, institution));
        name.unwrap_or(institution).to_owned()
    }

    /// Makes what a sender begins at each arrival; uploads what is to be there before.
    pub async fn engage(&self, scenario: &Scenario, place: usize, folder: &Path) -> anyhow::Result<Engaged> {
        let part = &scenario.senders[place];
        let key = self.keys[place].as_deref();
        let bearer = || Ok::<_, anyhow::Error>(format!("Bearer {}", key.context("this sender has no key")?));
        let api = || self.api.as_deref().context("there is no broker");
        match &part.work {
            Work::Messages(message) => {
                let to = Place::of(&reqwest::Url::parse(api()?)?, None).await?;
                let template = submission(message, &to.host, &bearer()?)?;
                let expect = if message.wait_seconds == 0 { vec![202] } else { vec![200] };
                Ok(Engaged::Requests { pool: Arc::new(Pool::new(to)), template: Arc::new(template), expect })
            }
            Work::Requests(request, _) => {
                let mut headers: Vec<_> = request.headers.clone().into_iter().collect();
                let to = match &request.to {
                    To::Broker => {
                        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("authorization")) {
                            headers.push(("Authorization".into(), bearer()?));
                        }
                        Place::of(&reqwest::Url::parse(api()?)?, None).await?
                    }
                    To::Simulators => Place::at(self.channels.as_ref().context("there are no simulators")?.there.http),
                    To::Url(url) => {
                        let file = request.ca_file.as_ref().map(|file| folder.join(file));
                        Place::of(&reqwest::Url::parse(url)?, file.as_deref()).await?
                    }
                };
                let Request { method, path, body, expect, .. } = request;
                let template = Template::new(method, &to.host, path, &headers, body.as_deref())?;
                let (pool, template) = (Arc::new(Pool::new(to)), Arc::new(template));
                Ok(Engaged::Requests { pool, template, expect: expect.clone() })
            }
            Work::Broadcasts(broadcast) => {
                let sender = Sender::at(api()?, key.context("this sender has no key")?.to_owned())?;
                let draft = |number: u64| {
                    let first = part.recipients.start + number * broadcast.rows;
                    Draft {
                        strategy: broadcast.strategy.clone(),
                        priority: broadcast.priority,
                        text: broadcast.text.clone(),
                        recipient: broadcast.recipient,
                        recipients: first..first + broadcast.rows,
                    }
                };
                let drafts: Vec<Draft> = (0..part.count).map(draft).collect();
                let mut ready = Vec::new();
                if broadcast.upload == Upload::Before {
                    for draft in &drafts {
                        ready.push(sender.draft(draft).await.with_context(|| format!("upload for {}", part.name))?);
                    }
                }
                Ok(Engaged::Broadcasts { sender, drafts: drafts.into(), ready: ready.into() })
            }
        }
    }
}

fn submission(message: &Message, host: &str, bearer: &str) -> anyhow::Result<Template> {
    let recipient = match message.recipient {
        Recipient::Mobile => json!({ "mobile": "{{mobile}}" }),
        Recipient::Niss => json!({ "niss": "{{niss}}" }),
        Recipient::Person => json!({ "niss": "{{niss}}", "mobile": "{{mobile}}" }),
    };
    let mut content = json!({ "text": { "fr": message.text } });
    if !matches!(message.recipient, Recipient::Mobile) {
        content["title"] = json!({ "fr": "Rappel" });
    }
    let (strategy, priority) = (&message.strategy, message.priority.name());
    let body = json!({ "recipient": recipient, "strategy": strategy, "content": content, "priority": priority });
    let prefer = match message.wait_seconds {
        0 => "respond-async".to_owned(),
        seconds => format!("wait={seconds}"),
    };
    let headers =
        [("Authorization", bearer.to_owned()), ("Content-Type", "application/json".into()), ("Prefer", prefer)];
    let headers = headers.map(|(name, value)| (name.to_owned(), value));
    Template::new("POST", host, "/v1/messages", &headers, Some(&body.to_string()))
}

/// What a sender begins at each arrival.
pub enum Engaged {
    /// A request.
    Requests {
        /// Its connections.
        pool: Arc<Pool>,
        /// What it says.
        template: Arc<Template>,
        /// Statuses that are right.
        expect: Vec<u16>,
    },
    /// A broadcast: of those that are ready by number, else made then.
    Broadcasts {
        /// Who sends it.
        sender: Sender,
        /// How each is made.
        drafts: Arc<[Draft]>,
        /// The ids of those that are there already.
        ready: Arc<[String]>,
    },
}

/// How a request ended.
pub struct Outcome {
    /// From the moment that it had a place until its whole answer.
    pub service: Duration,
    /// When it ended.
    pub at: Instant,
    /// The status, or what went wrong.
    pub told: Result<u16, String>,
    /// Whether that is right.
    pub is_right: bool,
}

impl Engaged {
    /// One request, whole; `recipient` is its index, ids are taken from `ids` and put into `given`.
    pub fn begin(
        &self,
        number: u64,
        recipient: u64,
        ids: Option<Ids>,
        given: Option<Ids>,
        timeout: Duration,
    ) -> impl Future<Output = Outcome> + Send + use<> {
        enum One {
            Request(Arc<Pool>, Arc<Template>, Vec<u16>),
            Broadcast(Sender, Arc<[Draft]>, Arc<[String]>),
        }
        let one = match self {
            Self::Requests { pool, template, expect } => {
                One::Request(Arc::clone(pool), Arc::clone(template), expect.clone())
            }
            Self::Broadcasts { sender, drafts, ready } => {
                One::Broadcast(sender.clone(), Arc::clone(drafts), Arc::clone(ready))
            }
        };
        async move {
            let begun = Instant::now();
            let done = async {
                match one {
                    One::Request(pool, template, expect) => {
                        let turn = Turn { number, recipient, ids: ids.as_ref() };
                        let request = template.make(turn)?;
                        let look = |status: u16, body: &[u8]| {
                            let is_right = expect.contains(&status);
                            if let Some(given) = given.as_ref().filter(|_| is_right)
                                && let Some(id) = id_in(body)
                            {
                                given.add(id);
                            }
                            (status, is_right)
                        };
                        pool.exchange(&request, look).await
                    }
                    One::Broadcast(sender, drafts, ready) => {
                        let made = match ready.get(number as usize) {
                            Some(id) => id.clone(),
                            None => sender.draft(&drafts[number as usize]).await?,
                        };
                        sender.start(&made).await?;
                        Ok((200, true))
                    }
                }
            };
            let told = match tokio::time::timeout(timeout, done).await {
                Ok(Ok(told)) => Ok(told),
                Ok(Err(error)) => Err(format!("{error:#}")),
                Err(_) => Err("no answer in time".into()),
            };
            let at = Instant::now();
            let is_right = told.as_ref().is_ok_and(|(_, is_right)| *is_right);
            Outcome { service: at - begun, at, told: told.map(|(status, _)| status), is_right }
        }
    }
}

/// The id in the answer to a submission.
fn id_in(body: &[u8]) -> Option<Box<str>> {
    #[derive(serde::Deserialize)]
    struct Answer {
        id: Box<str>,
    }
    serde_json::from_slice::<Answer>(body).ok().map(|answer| answer.id)
}

impl Channels {
    async fn start(told: &scenario::Simulators, settings: &mut Settings, needs_smsc: bool) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder().no_proxy().http1_only().tls_certs_only([]).timeout(PATIENCE).build()?;
        if let Some(at) = &told.at {
            let url = reqwest::Url::parse(at)?;
            let (host, port) = (url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or(80));
            let found = tokio::net::lookup_host((host.trim_matches(['[', ']']), port)).await?.next();
            let http = found.with_context(|| format!("nobody is named {host}"))?;
            let channels = Self { own: None, there: There { http, smsc: told.smsc_at }, client };
            let faults = json!({
                "govapp": settings.govapp.faults, "sms": settings.sms.faults,
                "smsc": settings.smsc.faults, "ebox": settings.ebox.faults,
            });
            channels.put("/faults", &faults).await?;
            return Ok(channels);
        }
        settings.address.set_port(0);
        if needs_smsc {
            settings.smsc.address = Some(settings.address);
        }
        let own = estafette_loadtest::Simulators::start(settings.clone()).await?;
        let there = There { http: own.address(), smsc: own.smsc_address() };
        Ok(Self { own: Some(own), there, client })
    }

    async fn put(&self, path: &str, body: &serde_json::Value) -> anyhow::Result<()> {
        let url = format!("http://{}{path}", self.there.http);
        let response = self.client.put(url).json(body).send().await.context("reach the simulators")?;
        let status = response.status();
        ensure!(status.is_success(), "the simulators answered {status}: {}", response.text().await?);
        Ok(())
    }

    async fn call_back(&self, api: SocketAddr, secret: &str) -> anyhow::Result<()> {
        let url = format!("http://{api}/v1/callbacks/govapp");
        self.put("/govapp/callback", &json!({ "url": url, "secret": secret })).await
    }

    /// Has a channel behave otherwise from now on.
    pub async fn set(&self, fault: &Fault) -> anyhow::Result<()> {
        self.put("/faults", &json!({ fault.channel.name(): fault.set })).await
    }

    /// What a channel took after a sequence; the entries are not all when there are as many as fit.
    pub async fn page(&self, channel: Channel, after: u64) -> anyhow::Result<Page> {
        if let Some(own) = &self.own {
            return Ok(own.ledger(channel, None, after, PAGE));
        }
        let url = format!("http://{}/ledger/{}?after={after}&limit={PAGE}", self.there.http, channel.name());
        let response = self.client.get(url).send().await.context("reach the simulators")?.error_for_status()?;
        response.json().await.context("understand a ledger")
    }

    /// Where a ledger ends now.
    pub async fn end(&self, channel: Channel) -> anyhow::Result<u64> {
        let mut after = 0;
        loop {
            let page = self.page(channel, after).await?;
            if page.entries.is_empty() {
                return Ok(after);
            }
            after = page.next;
        }
    }
}
