//! Mailboxes with a type, an application, an organisation, and those who read and write in them.
use std::path::Path;
use std::sync::Arc;

use estafette::api::registry::{
    CameBack, Client, KeySet, Provider, Registry, Settings as RegistrySettings, TokenSettings, Tools,
};
use estafette::api::{Requests, Settings};
use estafette::app::mailbox::Inspecting;
use estafette::contents::media::{Inspector, archive};
use estafette::contents::{self, Place, Store};
use estafette::evidence::{Bundle, ProviderKey, Settings as EvidenceSettings};
use estafette::store::mailbox::{self, Mailboxes};
use estafette_actors::delivery;
use estafette_actors::domain::channel::Channel;
use estafette_actors::domain::language::{Language, Translated};
use estafette_actors::domain::mailbox::ClientId;
use estafette_actors::domain::mailbox::reference::RefId;
use estafette_actors::domain::submission::Institution;
use estafette_actors::ebox::EBox;
use estafette_actors::nursery::Budget;
use estafette_actors::ports::SystemClock;
use estafette_actors::ports::mailbox::Contents;
use reqwest::multipart::{Form, Part};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::api::Face;
use crate::issuer::{AUDIENCE, ISSUER, Issuer, of};
use crate::support::{Told, World, taken};

/// A citizen whose mailbox is active.
pub const JAN: &str = "85073003328";
/// Another, whose mailbox nobody has activated.
pub const ION: &str = "85473003317";
/// An enterprise whose mailbox is active; the institution of [`crate::api::OTHERS`].
pub const FIRM: &str = "0206731645";
/// The institution of [`KEY`].
pub const SENDER: &str = "0403019261";
/// A portal; it is not set up, and so needs consents.
pub const PORTAL: &str = "portal";
/// The official application, and enterprises' own software.
pub const OFFICIAL: &str = "official";

/// Everything.
pub struct Desk {
    pub face: Face,
    pub issuer: Issuer,
    pub mailboxes: Mailboxes,
    pub folder: TempDir,
    pub key: Arc<ProviderKey>,
    _world: World,
}

fn client(id: &str, institution: Option<&str>) -> Client {
    let institution = institution.map(|cbe| Institution(cbe.parse().unwrap()));
    Client { id: ClientId::parse(id).unwrap(), institution, is_portal: false, follows_events: false }
}

fn settings(issuer: &Issuer) -> RegistrySettings {
    let provider = Provider {
        id: RefId::parse("fps").unwrap(),
        names: Translated::of(Language::Fr, "SPF".into()),
        descriptions: Translated::new(),
        url: "https://fps.example.be/messageRegistry/v2".into(),
        activated_on: jiff::civil::date(2026, 1, 1),
        deactivated_on: None,
        technical_contact: "helpdesk@fps.example.be".into(),
        maintenance: Vec::new(),
        version: "2.1".into(),
        institution: Some(Institution(SENDER.parse().unwrap())),
    };
    RegistrySettings {
        tokens: Some(TokenSettings::new(ISSUER, AUDIENCE, KeySet::Url(issuer.url.as_str().into()))),
        clients: vec![client(OFFICIAL, None), client("sender", Some(SENDER)), client("firm", Some(FIRM))],
        providers: vec![provider],
        attachment_bytes: 1 << 20,
        ..RegistrySettings::default()
    }
}

pub fn names() -> Value {
    json!({"fr": "Lettre", "nl": "Brief", "de": "Brief", "en": "Letter"})
}

impl Desk {
    /// With reference data and three mailboxes, of which one is not active.
    pub async fn open() -> Self {
        Self::with(|_| ()).await
    }

    pub async fn with(change: impl FnOnce(&mut RegistrySettings)) -> Self {
        let desk = Self::empty(TempDir::new().unwrap(), change);
        let validity = json!({"number": 2, "unit": "year"});
        let letter = json!({"names": names(), "validity": validity, "may_be_registered": true});
        desk.operate("types/letter", &letter).await;
        desk.operate("types/plain", &json!({"names": names(), "validity": validity, "audience": "enterprise"})).await;
        let tax = json!({"names": names(), "validity": validity, "right": "tax", "organizations": [SENDER], "applications": ["app"]});
        desk.operate("types/tax", &tax).await;
        desk.operate("applications/app", &json!({"names": names(), "organizations": [SENDER]})).await;
        desk.operate(&format!("organizations/{SENDER}"), &json!({"names": names(), "long_names": names()})).await;
        for (kind, number) in [("citizen", JAN), ("enterprise", FIRM)] {
            desk.operate("boxes", &json!({"ebox_id": {"eboxType": kind, "eboxIdValue": number}, "active": true})).await;
        }
        desk
    }

    /// Over a folder, as it is.
    pub fn empty(folder: TempDir, change: impl FnOnce(&mut RegistrySettings)) -> Self {
        Self::limited(folder, change, Requests::default())
    }

    /// The same, and so many requests may be made.
    pub fn limited(folder: TempDir, change: impl FnOnce(&mut RegistrySettings), requests: Requests) -> Self {
        let world = World::new(vec![Told::new(Channel::SMS, taken)], delivery::Settings::default(), Budget::default());
        let clock = Arc::new(SystemClock);
        let (place, secrets) = (folder.path().join("mailboxes"), folder.path().join("secrets"));
        for path in [&place, &secrets] {
            std::fs::create_dir_all(path).unwrap();
        }
        let key = Arc::new(ProviderKey::open(&EvidenceSettings { key_file: None, secrets, earlier: None }).unwrap());
        let mailboxes = mailbox::Settings::new(&place);
        let mailboxes = Mailboxes::open(mailboxes, [7; 32], Arc::clone(&key) as _, Arc::clone(&clock) as _).unwrap();
        let contents = store(folder.path());
        let ebox = EBox::new(Arc::new(mailboxes.clone()), Arc::clone(&contents), None, clock);
        let issuer = Issuer::start();
        let mut registry = settings(&issuer);
        change(&mut registry);
        let verify = Arc::new(Inspecting(Inspector::new(contents, archive::Bounds::default(), 2)));
        let signed = Arc::clone(&key);
        let bundle = Arc::new(move |document: &_, records| Bundle::new(document, records, signed.keys()).json());
        // What reads them is tested where notices are.
        let came_back: CameBack = Arc::new(|mail| {
            let outcome = if mail.starts_with(b"To: bounces+") { "turned_off" } else { "not_ours" };
            Box::pin(std::future::ready(Ok(outcome)))
        });
        let keys = serde_json::to_vec(key.keys()).ok().map(Into::into);
        let tools = Tools { verify, bundle: Some(bundle), keys, came_back: Some(came_back) };
        let registry = Registry::new(ebox, registry, tools).unwrap();
        let settings = Settings { body_bytes: 256 * 1024, requests, ..Settings::default() };
        let face = Face::mailing(world.broker.clone(), registry, settings);
        Self { face, issuer, mailboxes, folder, key, _world: world }
    }

    pub async fn operate(&self, path: &str, body: &Value) -> Value {
        let answer = self.face.ask(Method::PUT, &format!("/v1/mailbox/{path}")).json(body).send().await.unwrap();
        let (status, body) = (answer.status(), answer.json::<Value>().await.unwrap());
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    /// A token of a client for a mailbox.
    pub fn token(&self, client: &str, kind: &str, number: &str) -> String {
        self.issuer.token(&of(client, kind, number))
    }

    /// The citizen reads.
    pub fn jan(&self) -> String {
        self.token(OFFICIAL, "citizen", JAN)
    }

    pub fn as_holder(&self, token: &str, method: Method, path: &str) -> RequestBuilder {
        self.face.ask_as(token, method, &format!("/messageRegistry/v2{path}"))
    }

    pub async fn read(&self, token: &str, path: &str) -> Value {
        let answer = self.as_holder(token, Method::GET, path).send().await.unwrap();
        let (status, body) = (answer.status(), answer.json::<Value>().await.unwrap());
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    pub fn send(&self, method: Method, path: &str) -> RequestBuilder {
        self.face.ask(method, &format!("/messageRegistry/{path}"))
    }

    /// Publishes, and gives the name of the message.
    pub async fn publish(&self, message: &Value) -> String {
        let answer = self.try_publish(form(message)).await;
        let (status, body) = (answer.status(), answer.json::<Value>().await.unwrap());
        assert_eq!(status, 201, "{body}");
        body["messageId"].as_str().unwrap().to_owned()
    }

    pub async fn try_publish(&self, form: Form) -> Response {
        self.send(Method::POST, "v2/publishMessage").multipart(form).send().await.unwrap()
    }

    /// Contents in the folder.
    pub fn contents(&self) -> Vec<String> {
        let mut found = Vec::new();
        walk(&self.folder.path().join("contents"), &mut found);
        found
    }
}

/// The contents in a folder.
pub fn store(folder: &Path) -> Arc<dyn Contents> {
    let place = Place::Folder { path: folder.join("contents"), keep_free: 0 };
    Arc::new(Store::open(contents::Settings::new(place)).unwrap())
}

fn walk(folder: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().unwrap().is_dir() {
            walk(&entry.path(), found);
        } else {
            found.push(entry.path().display().to_string());
        }
    }
}

/// The bytes of a letter.
pub const PDF: &str = "%PDF-1.7 a letter";

/// A letter to the citizen.
pub fn letter() -> Value {
    json!({
        "recipient": {"eboxType": "citizen", "eboxIdValue": JAN}, "subject": {"fr": "Votre pension", "nl": "Uw pensioen"},
        "messageTypeId": "letter", "senderOrganizationId": SENDER, "senderApplicationId": "app",
        "attachments": [{"httpPartName": "upfile1", "mainContent": true}], "bodyMainContent": false, "replyAuthorized": false,
    })
}

/// The same to somebody else, and with other members.
pub fn letter_to(kind: &str, number: &str, other: Value) -> Value {
    let mut letter = letter();
    letter["recipient"] = json!({"eboxType": kind, "eboxIdValue": number});
    for (name, value) in other.as_object().unwrap() {
        letter[name] = value.clone();
    }
    letter
}

/// The description as a part.
pub fn description(message: &Value) -> Part {
    Part::text(message.to_string()).mime_str("application/json").unwrap()
}

/// A file as a part.
pub fn file(name: &str, media_type: &str, bytes: impl Into<Vec<u8>>) -> Part {
    Part::bytes(bytes.into()).file_name(name.to_owned()).mime_str(media_type).unwrap()
}

/// A publication with the one file.
pub fn form(message: &Value) -> Form {
    Form::new()
        .part("messageToPublish", description(message))
        .part("upfile1", file("pension.pdf", "application/pdf", PDF))
}

/// Status and code of a refusal, after a look at its form.
pub async fn refusal(answer: Response) -> (u16, String) {
    let status = answer.status().as_u16();
    assert_eq!(answer.headers()["content-type"], "application/json");
    let body: Value = answer.json().await.unwrap();
    assert!(uuid::Uuid::parse_str(body["id"].as_str().unwrap()).is_ok(), "{body}");
    assert!(!body["message"].as_str().unwrap().is_empty() && body.as_object().unwrap().len() == 3, "{body}");
    for number in [JAN, ION] {
        assert!(!body.to_string().contains(number), "{body}");
    }
    (status, body["code"].as_str().unwrap().to_owned())
}
