//! The real program is killed again and again while institutions publish and link over HTTP and documents expire, with contents in a folder
//! and, with `ESTAFETTE_S3` (the address of a server that speaks S3, which may be emptied), in a bucket: what was answered is there and its
//! contents are what was sent, no metadata is without contents, no contents without metadata once they were swept, and events have no gap.
//!
//! `ESTAFETTE_CRASH_KILLS` says how often (5), `ESTAFETTE_CRASH_SEED` repeats the choices of a run.
#![allow(clippy::unwrap_used)] // a failed step fails the test
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use estafette::contents::{self, Place, Store, bucket};
use estafette::store::mailbox::{Mailboxes, Settings};
use estafette_actors::domain::mailbox::document::{Digest, DocumentId};
use estafette_actors::domain::mailbox::event::Kind;
use estafette_actors::domain::mailbox::evidence::Signed;
use estafette_actors::domain::mailbox::{Audience, MailboxId};
use estafette_actors::domain::niss::Niss;
use estafette_actors::ports::mailbox::{Contents as _, Mailboxes as _, Rights, Signer};
use estafette_actors::ports::{Clock, SystemClock};
use futures_util::TryStreamExt;
use futures_util::future::join_all;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use reqwest::multipart::{Form, Part};
use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;

const SENDER: &str = "0403019261";
const CALLERS: u64 = 8;
const PEOPLE: u64 = 40;
/// One in so many expires soon.
const EXPIRING: u64 = 3;
const SOON: Duration = Duration::from_millis(700);
const LATER: Duration = Duration::from_secs(3_600);

struct Plain;

impl Signer for Plain {
    fn sign(&self, payload: &[u8]) -> Signed {
        Signed(String::from_utf8_lossy(payload).into())
    }
}

fn person(number: u64) -> String {
    let rest = 850_730_001 + number % PEOPLE;
    format!("{rest:09}{:02}", 97 - rest % 97)
}

fn mailbox(number: u64) -> MailboxId {
    MailboxId::Citizen(Niss::from_trusted_u64(person(number).parse().unwrap()))
}

/// A file of its own length and bytes; one in seven goes in parts.
fn file(number: u64) -> Vec<u8> {
    let size = if number.is_multiple_of(7) { 600_000 } else { 1_000 + number % 60_000 };
    let mut made = format!("%PDF-1.4\n%{number}\n").into_bytes();
    made.extend((0..size).map(|place| ((place ^ number).wrapping_mul(2_654_435_761) >> 24) as u8 & 0x7f));
    made.extend(b"\n%%EOF\n");
    made
}

fn hashed(bytes: &[u8]) -> Digest {
    Digest(digest(&SHA256, bytes).as_ref().try_into().unwrap())
}

/// What was answered.
#[derive(Default)]
struct Told {
    published: BTreeMap<DocumentId, u64>,
    linked: BTreeMap<DocumentId, u64>,
}

/// The program, its folder, and who publishes.
struct World {
    folder: TempDir,
    place: Place,
    key: String,
    client: Client,
    next: AtomicU64,
    told: Mutex<Told>,
}

fn estafette() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_estafette"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("ESTAFETTE")) {
        command.env_remove(name);
    }
    command.stdin(Stdio::null()).stderr(Stdio::null()).stdout(Stdio::piped());
    command
}

impl World {
    fn prepare(place: impl FnOnce(PathBuf) -> Place) -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let place = place(data.join("documents"));
        let documents = match &place {
            Place::Folder { .. } => String::new(),
            Place::Bucket(settings) => format!(
                "[mailbox.documents]\nplace = \"s3\"\nendpoint = \"{}\"\nbucket = \"{}\"\nprefix = \"{}\"\nregion = \"{}\"\n\
                 key_id = \"key\"\nsecret = \"secret\"\nallow_http = true\n",
                settings.endpoint, settings.bucket, settings.prefix, settings.region
            ),
        };
        let text = format!(
            "[data]\nfolder = \"{}\"\n[http]\naddress = \"127.0.0.1:0\"\n[admin]\naddress = \"127.0.0.1:0\"\n\
             [mailbox]\nenabled = true\n{documents}[[institution]]\ncbe = \"{SENDER}\"\nname = \"Pensions\"\noperator = true\n",
            data.display()
        );
        std::fs::write(folder.path().join("estafette.toml"), text).unwrap();
        let words = ["key", "new", "--institution", SENDER, "--name", "test", "--output", "json", "--data"];
        let made = estafette().args(words).arg(&data).output().unwrap();
        let made: Value = serde_json::from_slice(&made.stdout).unwrap();
        let client = Client::builder().no_proxy().timeout(Duration::from_secs(60)).build().unwrap();
        let key = made["key"].as_str().unwrap().to_owned();
        Self { folder, place, key, client, next: AtomicU64::new(1), told: Mutex::default() }
    }

    fn start(&self) -> (Child, String) {
        let config = self.folder.path().join("estafette.toml");
        let mut child = estafette().args(["serve", "--config"]).arg(config).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut told = |name: &str| lines.next().unwrap().unwrap().strip_prefix(name).unwrap().trim().to_owned();
        // Both lines: it would end if nobody took the second.
        let (api, _) = (told("API"), told("Admin"));
        (child, api)
    }

    fn asked(&self, request: RequestBuilder) -> RequestBuilder {
        request.bearer_auth(&self.key)
    }

    async fn define(&self, api: &str) {
        let names = json!({"fr": "Pension", "nl": "Pensioen", "de": "Rente", "en": "Pension"});
        let definition = json!({"names": names, "validity": {"number": 1, "unit": "year"}});
        let asked = self.asked(self.client.put(format!("{api}/v1/mailbox/types/pension"))).json(&definition);
        assert_eq!(asked.send().await.unwrap().status(), 200);
    }

    /// Publishes and links until the program is gone; `after` is called with each answer.
    async fn publish(&self, api: &str, after: &(impl Fn() + Sync)) {
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let mut description = json!({
                "recipient": {"eboxType": "citizen", "eboxIdValue": person(number)},
                "subject": {"fr": "Votre pension"}, "messageTypeId": "pension",
                "attachments": [{"httpPartName": "file", "mainContent": true}],
                "bodyMainContent": false, "replyAuthorized": false,
            });
            if number.is_multiple_of(EXPIRING) {
                let at = SystemClock.now().plus(SOON).millis();
                description["expirationDate"] =
                    jiff::Timestamp::from_millisecond(at as i64).unwrap().to_string().into();
            }
            let part = Part::bytes(file(number)).file_name("a.pdf").mime_str("application/pdf").unwrap();
            let form = Form::new().text("messageToPublish", description.to_string()).part("file", part);
            let asked = self.asked(self.client.post(format!("{api}/messageRegistry/v2/publishMessage")));
            let Some((status, body)) = answered(asked.multipart(form)).await else { return };
            assert_eq!(status, StatusCode::CREATED, "{body}");
            let id: DocumentId = body["messageId"].as_str().unwrap().parse().unwrap();
            self.told.lock().unwrap().published.insert(id, number);
            after();
            let others =
                (1..=number % 5).map(|more| json!({"eboxType": "citizen", "eboxIdValue": person(number + more)}));
            let others: Vec<Value> = others.collect();
            if others.is_empty() {
                continue;
            }
            let asked = self.asked(self.client.post(format!("{api}/messageRegistry/v2/linkEboxMessage")));
            match answered(asked.json(&json!({"messageId": id.to_string(), "recipients": others}))).await {
                Some((StatusCode::CREATED, _)) => drop(self.told.lock().unwrap().linked.insert(id, number)),
                // It expired before.
                Some((StatusCode::NOT_FOUND, _)) if number.is_multiple_of(EXPIRING) => {}
                Some((status, body)) => panic!("a link was answered with {status}: {body}"),
                None => return,
            }
            after();
        }
    }

    /// What a kill left, looked at without the program.
    async fn check(&self, is_last: bool, seen: &mut BTreeSet<DocumentId>) {
        let settings = Settings::new(self.folder.path().join("data"));
        let mailboxes = Mailboxes::open(settings, [7; 32], Arc::new(Plain), Arc::new(SystemClock)).unwrap();
        let store = Store::open(contents::Settings::new(self.place.clone())).unwrap();
        let mut every: BTreeSet<DocumentId> = BTreeSet::new();
        let mut told_new = BTreeSet::new();
        let mut last = 0;
        loop {
            let page = mailboxes.events(Audience::Citizen, last, None, 1_000).await.unwrap();
            for event in page.events {
                last += 1;
                assert_eq!((event.sequence, event.kind), (last, Kind::NewDocument), "a gap in the events");
                assert!(told_new.insert((event.document, event.mailbox)), "an event twice");
                every.insert(event.document);
            }
            if !page.has_next {
                break;
            }
        }
        let (published, linked) = {
            let told = self.told.lock().unwrap();
            (told.published.clone(), told.linked.clone())
        };
        let mut needed = BTreeSet::new();
        for id in &every {
            let Some(document) = mailboxes.document(*id).await.unwrap() else {
                let expires = published.get(id).is_none_or(|number| number.is_multiple_of(EXPIRING));
                assert!(expires, "a document is gone before its time");
                continue;
            };
            let [attachment] = &document.attachments[..] else { panic!("no attachment") };
            let (name, of) = (attachment.content.clone().unwrap(), attachment.digest.unwrap());
            if let Some(number) = published.get(id) {
                assert!(of == hashed(&file(*number)), "another document's contents");
            }
            if seen.insert(*id) || is_last {
                let bytes: Vec<u8> =
                    store.give(&name, None).await.unwrap().map_ok(|piece| piece.to_vec()).try_concat().await.unwrap();
                assert!(hashed(&bytes) == of, "contents that are not what was published");
            }
            assert!(mailboxes.needs(&name), "contents that would be swept");
            needed.insert(name);
        }
        for (id, number) in &published {
            assert!(told_new.contains(&(*id, mailbox(*number))), "a publication is lost");
        }
        for (id, number) in &linked {
            for more in 1..=number % 5 {
                let of = mailbox(number + more);
                assert!(told_new.contains(&(*id, of)), "a link is lost");
                // It may expire while it is looked at.
                let before = mailboxes.document(*id).await.unwrap().is_some();
                let item = mailboxes.item(of, Rights::All, *id).await.unwrap().is_some();
                let after = mailboxes.document(*id).await.unwrap().is_some();
                assert!(before >= item && item >= after, "a document without its item, or an item without");
            }
        }
        mailboxes.verify_audit().unwrap().unwrap();
        if is_last {
            while mailboxes.tick(SystemClock.now()).await.unwrap().has_more {}
            let mailboxes = mailboxes.clone();
            let before = every.len();
            let found = Arc::new(Mutex::new(BTreeSet::<Box<str>>::new()));
            let finding = Arc::clone(&found);
            let is_needed = move |name: &str| {
                let is_needed = mailboxes.needs(name);
                if is_needed {
                    finding.lock().unwrap().insert(name.into());
                }
                is_needed
            };
            let swept = store.sweep(SystemClock.now().plus(LATER), Arc::new(is_needed)).await.unwrap();
            let found = found.lock().unwrap();
            assert!(found.is_subset(&needed), "contents that no document has");
            eprintln!(
                "{before} documents, {} with contents, {swept} contents of none swept, {last} events",
                found.len()
            );
            assert!(!found.is_empty() && (found.len() as u64) < last);
        }
        mailboxes.close();
    }
}

/// None when the program is gone.
async fn answered(request: RequestBuilder) -> Option<(StatusCode, Value)> {
    let answer = request.send().await.ok()?;
    Some((answer.status(), answer.json().await.ok()?))
}

async fn killed(world: World, most: u64) {
    let given = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let kills = given("ESTAFETTE_CRASH_KILLS").unwrap_or(5);
    let seed = given("ESTAFETTE_CRASH_SEED").unwrap_or_else(rand::random);
    eprintln!("e-Box: {kills} kills, ESTAFETTE_CRASH_SEED={seed}");
    let mut chance = StdRng::seed_from_u64(seed);
    let mut seen = BTreeSet::new();
    for kill in 0..kills {
        let (child, api) = world.start();
        if kill == 0 {
            world.define(&api).await;
        }
        // One in five dies while what expired before goes.
        let is_early = kill % 5 == 4;
        let (after, later) = (chance.random_range(1..most), chance.random_range(0..60_000));
        let (answers, child) = (AtomicU64::new(0), Mutex::new(Some(child)));
        let end = || {
            if let Some(mut child) = child.lock().unwrap().take() {
                child.kill().unwrap();
                child.wait().unwrap();
            }
        };
        if is_early {
            tokio::time::sleep(Duration::from_micros(later)).await;
            end();
        }
        let counting = || {
            if answers.fetch_add(1, Ordering::Relaxed) + 1 == after {
                end();
            }
        };
        if !is_early {
            join_all((0..CALLERS).map(|_| world.publish(&api, &counting))).await;
        }
        assert!(is_early || answers.load(Ordering::Relaxed) >= after, "it ended by itself");
        // A part of what was published before expires.
        if kill % 5 == 3 {
            tokio::time::sleep(SOON).await;
        }
        world.check(kill + 1 == kills, &mut seen).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_contents_in_a_folder_nothing_is_lost_or_left_over_after_sigkill_at_any_instant() {
    killed(World::prepare(|path| Place::Folder { path, keep_free: 0 }), 300).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a server that speaks S3, in ESTAFETTE_S3"]
async fn with_contents_in_a_bucket_nothing_is_lost_or_left_over_after_sigkill_at_any_instant() {
    let endpoint = std::env::var("ESTAFETTE_S3").expect("ESTAFETTE_S3 is the address of a server that speaks S3");
    let text = |text: &str| text.to_owned();
    let settings = bucket::Settings {
        endpoint,
        bucket: text("documents"),
        prefix: format!("killed/{:08x}", rand::random::<u32>()),
        region: text("eu-west-3"),
        key_id: text("key"),
        secret: "secret".into(),
        allow_http: true,
    };
    killed(World::prepare(|_| Place::Bucket(settings)), 100).await;
}
