//! The program's own e-Box as the channel: one document for a broadcast, over a kill too, and what is read comes back.
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use estafette::app::{Configured, Running, listen};
use estafette::config;
use estafette_actors::domain::language::Language;
use estafette_actors::domain::mailbox::item::Filter;
use estafette_actors::domain::mailbox::{MailboxId, Preferences};
use estafette_actors::domain::submission::Institution;
use estafette_actors::ports::mailbox::{Access, Change, Mailboxes, Rights};
use estafette_loadtest::Simulators;
use estafette_loadtest::niss;
use estafette_loadtest::simulators::Settings;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use tempfile::TempDir;

const SENDER: &str = "0403019261";
/// Recipients of the broadcast.
const MANY: u64 = 20_000;
/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(120);

fn text(folder: &Path, port: u16, more: &str) -> String {
    format!(
        "[data]\nfolder = \"{}\"\n[http]\naddress = \"127.0.0.1:{port}\"\n[admin]\naddress = \"127.0.0.1:0\"\n\
         [mailbox]\nenabled = true\n[channels.ebox]\nplace = \"own\"\nreads_every_ms = 20\n[delivery.ebox]\nwindow = 1000\n\
         [[institution]]\ncbe = \"{SENDER}\"\nname = \"Pensions\"\noperator = true\n{more}",
        folder.join("data").display()
    )
}

async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let wait = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(LONG, wait).await.unwrap_or_else(|_| panic!("{what}: it never came to that"))
}

/// The real program; it never outlives the test.
struct Program {
    folder: TempDir,
    api: String,
    key: String,
    client: Client,
    child: Option<Child>,
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
    }
}

fn estafette() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_estafette"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("ESTAFETTE")) {
        command.env_remove(name);
    }
    command.stdin(Stdio::null()).stderr(Stdio::null());
    command
}

impl Program {
    fn prepare() -> Self {
        let folder = TempDir::new().unwrap();
        let free = |port: &u16| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok();
        let port = (0..200).map(|_| rand::random_range(20_000..32_000_u16)).find(free).unwrap();
        std::fs::write(folder.path().join("estafette.toml"), text(folder.path(), port, "")).unwrap();
        let words = ["key", "new", "--institution", SENDER, "--name", "test", "--output", "json", "--data"];
        let made = estafette().args(words).arg(folder.path().join("data")).output().unwrap();
        let made: Value = serde_json::from_slice(&made.stdout).unwrap();
        let client = Client::builder().no_proxy().build().unwrap();
        let key = made["key"].as_str().unwrap().to_owned();
        Self { folder, api: format!("http://127.0.0.1:{port}"), key, client, child: None }
    }

    async fn start(&mut self) {
        let config = self.folder.path().join("estafette.toml");
        self.child = Some(estafette().args(["serve", "--config"]).arg(config).stdout(Stdio::null()).spawn().unwrap());
        until("ready", async || {
            let ready = self.ask(Method::GET, "/readyz").send().await;
            ready.ok().filter(|answer| answer.status() == 200)
        })
        .await;
    }

    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.api)).bearer_auth(&self.key)
    }

    async fn get(&self, path: &str) -> Value {
        self.ask(Method::GET, path).send().await.unwrap().json().await.unwrap()
    }

    /// Whether so many were told.
    async fn has_told(&self, many: u64) -> bool {
        let last = many - 1;
        let path = format!("/events-api/v1/ebox/citizen/document/events?lastSequenceNbr={last}&pageSize=1");
        let page = self.get(&path).await;
        page["EboxCitizenDocumentEvents"].as_array().is_some_and(|events| !events.is_empty())
    }

    /// How often each mailbox was told of each document.
    async fn told(&self) -> BTreeMap<(String, String), u32> {
        let (mut told, mut last) = (BTreeMap::new(), 0);
        loop {
            let path = format!("/events-api/v1/ebox/citizen/document/events?lastSequenceNbr={last}&pageSize=1000");
            let page = self.get(&path).await;
            let events = page["EboxCitizenDocumentEvents"].as_array().cloned().unwrap_or_default();
            if events.is_empty() {
                return told;
            }
            for event in events {
                last = event["eventSequenceNbr"].as_u64().unwrap();
                let data = &event["eventData"];
                let key =
                    (data["citizenId"].as_str().unwrap().to_owned(), data["messageId"].as_str().unwrap().to_owned());
                *told.entry(key).or_insert(0) += 1;
            }
        }
    }
}

#[tokio::test]
async fn a_broadcast_to_many_is_one_document_that_each_has_once_although_the_program_is_killed_in_the_middle() {
    let mut program = Program::prepare();
    program.start().await;
    let content = json!({"title": {"fr": "Index", "nl": "Index"}, "text": {"fr": "Bonjour", "nl": "Dag"}});
    let made = json!({"strategy": "ebox-only", "content": content});
    let made: Value =
        program.ask(Method::POST, "/v1/broadcasts").json(&made).send().await.unwrap().json().await.unwrap();
    let path = format!("/v1/broadcasts/{}", made["id"].as_str().unwrap());
    let mut rows = "key,niss,language\n".to_owned();
    for n in 0..MANY {
        // The language that somebody reads makes no other document.
        let language = if n % 2 == 0 { "fr" } else { "nl" };
        writeln!(rows, "k{n},{},{language}", niss::generate(n)).unwrap();
    }
    let put = program.ask(Method::PUT, &format!("{path}/recipients")).header("content-type", "text/csv").body(rows);
    let put = put.send().await.unwrap();
    assert!(put.status().is_success(), "{}", put.text().await.unwrap());
    program.ask(Method::POST, &format!("{path}/start")).json(&json!({})).send().await.unwrap();
    for part in [4, 2] {
        until("a part is there", async || program.has_told(MANY / part).await.then_some(())).await;
        program.kill();
        program.start().await;
    }
    until("all are there", async || program.has_told(MANY).await.then_some(())).await;
    // Whatever is asked about again after the kill is settled by then.
    until("all are sent", async || {
        let report = program.ask(Method::GET, &format!("{path}/report")).send().await.unwrap().text().await.unwrap();
        (report.matches("awaiting_receipt").count() as u64 == MANY).then_some(())
    })
    .await;
    let told = program.told().await;
    assert_eq!(told.len() as u64, MANY, "somebody is missing");
    assert!(told.values().all(|times| *times == 1), "somebody has it twice");
    let documents: BTreeSet<&String> = told.keys().map(|(_, document)| document).collect();
    assert_eq!(documents.len(), 1, "it is one document");
}

/// A broker in this process.
struct Place {
    running: Running,
    api: String,
    key: String,
    client: Client,
}

impl Place {
    async fn start(folder: &Path, more: &str) -> Self {
        let config = config::parse(Some(&text(folder, 0, more)), Vec::new()).unwrap();
        let configured = Configured::of(&config).unwrap();
        let (http, admin) = (listen("the API", "127.0.0.1:0").unwrap(), listen("admin", "127.0.0.1:0").unwrap());
        let running = Running::start(configured.blueprint, configured.faces, http, admin).await.unwrap();
        let institution = Institution(SENDER.parse().unwrap());
        let key = running.core.keys.create(institution, "k", false, running.core.broker.now()).unwrap().1;
        let api = format!("http://{}", running.http);
        Self { running, api, key, client: Client::builder().no_proxy().build().unwrap() }
    }

    fn mailboxes(&self) -> Arc<dyn Mailboxes> {
        Arc::clone(self.running.core.ebox.as_ref().unwrap().live.home.ebox.mailboxes())
    }

    async fn send(&self, niss: &str, strategy: &str) -> Value {
        let message = json!({"recipient": {"niss": niss}, "strategy": strategy,
            "content": {"title": {"fr": "Dossier"}, "text": {"fr": "Votre <dossier>\nest prêt"}}});
        let sent = self.client.post(format!("{}/v1/messages", self.api)).bearer_auth(&self.key).json(&message);
        sent.send().await.unwrap().json().await.unwrap()
    }

    async fn get(&self, path: &str) -> Value {
        let asked = self.client.get(format!("{}{path}", self.api)).bearer_auth(&self.key);
        asked.send().await.unwrap().json().await.unwrap()
    }

    /// The events of a kind that this sender is told.
    async fn events(&self, kind: &str) -> usize {
        let events = self.get("/v1/events?limit=1000").await;
        events["events"].as_array().unwrap().iter().filter(|event| event.to_string().contains(kind)).count()
    }
}

fn mailbox(n: u64) -> MailboxId {
    MailboxId::Citizen(
        estafette_actors::domain::niss::Niss::parse(&niss::generate(n), "2026-11-23".parse().unwrap()).unwrap(),
    )
}

#[actix_rt::test]
async fn a_letter_is_delivered_where_somebody_reads_and_sent_elsewhere_and_its_read_comes_after_a_restart_too() {
    let folder = TempDir::new().unwrap();
    let place = Place::start(folder.path(), "").await;
    let mailboxes = place.mailboxes();
    let preferences = Preferences { language: Some(Language::Fr), ..Preferences::default() };
    mailboxes.change(Access::PROGRAM, mailbox(1), Change::Activate(preferences)).await.unwrap();
    let delivered = place.send(&niss::generate(1), "ebox-only").await;
    assert_eq!(delivered["status"], "delivered", "{delivered}");
    let sent = place.send(&niss::generate(2), "ebox-only").await;
    assert_ne!(sent["status"], "delivered", "{sent}");
    let path = |sent: &Value| format!("/v1/messages/{}", sent["id"].as_str().unwrap());
    let attempt = place.get(&path(&sent)).await;
    assert_eq!(attempt["attempts"][0]["status"], "sent", "{attempt}");

    let page = mailboxes.items(mailbox(1), Rights::All, Filter::default(), 0, 10).await.unwrap();
    assert_eq!(page.total, 1);
    let document = page.items[0].document.id;
    let item = mailboxes.item(mailbox(1), Rights::All, document).await.unwrap().unwrap();
    let body = item.document.body.as_ref().unwrap().html.get(Language::Fr).unwrap();
    assert_eq!(&**body, "<p>Votre &lt;dossier&gt;<br>est prêt</p>");
    assert_eq!(item.document.sender, Institution(SENDER.parse().unwrap()));
    mailboxes.read(Access::PROGRAM, mailbox(1), document, true).await.unwrap();
    until("read", async || (place.get(&path(&delivered)).await["status"] == "read").then_some(())).await;
    assert!(place.events("read").await > 0);

    // Read while the broker does not look; it does after the restart.
    let other = mailboxes.items(mailbox(2), Rights::All, Filter::default(), 0, 10).await.unwrap().items[0].document.id;
    assert_ne!(other, document);
    drop(mailboxes);
    place.running.stop().await;
    let place = Place::start(folder.path(), "[sandbox]\n").await;
    place.mailboxes().read(Access::PROGRAM, mailbox(2), other, true).await.unwrap();
    until("read", async || (place.get(&path(&sent)).await["status"] == "read").then_some(())).await;
    place.running.stop().await;
}

#[actix_rt::test]
async fn a_document_in_the_own_mailbox_goes_with_a_notice_by_govapp() {
    let folder = TempDir::new().unwrap();
    let mut settings = Settings { address: "127.0.0.1:0".parse().unwrap(), ..Settings::default() };
    settings.govapp.reachable = 1.0;
    let simulators = Simulators::start(settings).await.unwrap();
    let there = simulators.address();
    let govapp = format!(
        "[channels.govapp]\nbase_url = \"http://{there}/govapp\"\ntoken = \"sandbox-govapp-token\"\npoll = true\n"
    );
    let place = Place::start(folder.path(), &govapp).await;
    let mailboxes = place.mailboxes();
    mailboxes.change(Access::PROGRAM, mailbox(1), Change::Activate(Preferences::default())).await.unwrap();
    let sent = place.send(&niss::generate(1), "ebox-and-notify").await;
    let path = format!("/v1/messages/{}", sent["id"].as_str().unwrap());
    let both = until("both", async || {
        let view = place.get(&path).await;
        let of = |channel: &str| {
            let attempts = view["attempts"].as_array()?;
            attempts.iter().find(|one| one["channel"] == channel && one["status"] != "attempting").cloned()
        };
        of("ebox").zip(of("govapp"))
    })
    .await;
    assert_eq!(both.0["status"], "delivered", "{both:?}");
    assert_ne!(both.1["status"], "failed", "{both:?}");
    assert_eq!(mailboxes.items(mailbox(1), Rights::All, Filter::default(), 0, 10).await.unwrap().total, 1);
    drop(mailboxes);
    place.running.stop().await;
    simulators.stop().await;
}

#[test]
fn an_own_mailbox_that_is_switched_off_and_keys_of_the_remote_one_are_told_with_what_to_do() {
    let mistakes = |toml: &str| {
        let config = config::parse(Some(toml), Vec::new()).unwrap();
        let mistakes = Configured::of(&config).err().unwrap();
        mistakes.into_iter().map(|one| (one.key, one.what)).collect::<Vec<_>>()
    };
    let off = mistakes("[channels.ebox]\nplace = \"own\"\n");
    assert!(off[0].0 == "channels.ebox.place" && off[0].1.contains("mailbox.enabled"), "{off:?}");
    let remote = mistakes("[mailbox]\nenabled = true\n[channels.ebox]\nplace = \"own\"\nbase_url = \"http://x\"\n");
    assert!(remote[0].0 == "channels.ebox.base_url", "{remote:?}");
    let bounds = mistakes(
        "[mailbox]\nenabled = true\n[channels.ebox]\nplace = \"own\"\ngather_letters = 1001\nmessage_type_id = \"a b\"\n",
    );
    assert_eq!(bounds.len(), 2, "{bounds:?}");
    let elsewhere = mistakes("[channels.ebox]\nplace = \"cloud\"\n");
    assert!(elsewhere[0].1.contains("own"), "{elsewhere:?}");
}
