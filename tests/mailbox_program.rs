//! The e-Box in the real program, as its configuration puts it together: published over HTTP, killed, started again.
#![allow(clippy::unwrap_used)] // a failed step fails the test
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use reqwest::multipart::{Form, Part};
use reqwest::{Client, Response};
use serde_json::{Value, json};
use tempfile::TempDir;

const SENDER: &str = "0403019261";
const CITIZEN: &str = "85073003328";
const PDF: &[u8] = b"%PDF-1.4\nVotre pension\n%%EOF\n";

fn estafette() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_estafette"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("ESTAFETTE")) {
        command.env_remove(name);
    }
    command.stdin(Stdio::null()).stderr(Stdio::null()).stdout(Stdio::piped());
    command
}

/// The program in a folder of its own; it never outlives the test.
struct Program {
    folder: TempDir,
    key: String,
    client: Client,
    running: Option<(Child, String)>,
}

impl Program {
    fn prepare() -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let text = format!(
            "[data]\nfolder = \"{}\"\n[http]\naddress = \"127.0.0.1:0\"\n[admin]\naddress = \"127.0.0.1:0\"\n\
             [mailbox]\nenabled = true\npublic_url = \"http://127.0.0.1\"\n[mailbox.sign_in]\nissuer = \"http://127.0.0.1:9/openid\"\n\
             [[institution]]\ncbe = \"{SENDER}\"\nname = \"Pensions\"\noperator = true\n",
            data.display()
        );
        std::fs::write(folder.path().join("estafette.toml"), text).unwrap();
        let words = ["key", "new", "--institution", SENDER, "--name", "test", "--output", "json", "--data"];
        let made = estafette().args(words).arg(&data).output().unwrap();
        let made: Value = serde_json::from_slice(&made.stdout).unwrap();
        let client = Client::builder().no_proxy().timeout(Duration::from_secs(60)).build().unwrap();
        Self { folder, key: made["key"].as_str().unwrap().to_owned(), client, running: None }
    }

    fn start(&mut self) {
        let config = self.folder.path().join("estafette.toml");
        let mut child = estafette().args(["serve", "--config"]).arg(config).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut told = |name: &str| {
            let line = lines.next().unwrap().unwrap();
            line.strip_prefix(name).unwrap().trim().to_owned()
        };
        // Both lines: it would end if nobody took the second.
        let (api, _) = (told("API"), told("Admin"));
        self.running = Some((child, api));
    }

    fn kill(&mut self) {
        if let Some((mut child, _)) = self.running.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.running.as_ref().unwrap().1)
    }

    async fn publish(&self, file: &'static [u8]) -> Response {
        let description = json!({
            "recipient": {"eboxType": "citizen", "eboxIdValue": CITIZEN},
            "subject": {"fr": "Votre pension", "nl": "Uw pensioen"},
            "messageTypeId": "pension",
            "registeredMail": true,
            "attachments": [{"httpPartName": "file", "mainContent": true}],
            "bodyMainContent": false,
            "replyAuthorized": false,
        });
        let part = Part::bytes(file).file_name("pension.pdf").mime_str("application/pdf").unwrap();
        let form = Form::new().part("file", part).text("messageToPublish", description.to_string());
        let asked = self.client.post(self.at("/messageRegistry/v2/publishMessage")).bearer_auth(&self.key);
        asked.multipart(form).send().await.unwrap()
    }

    async fn events(&self) -> Value {
        let path = "/events-api/v1/ebox/citizen/document/events?lastSequenceNbr=0&pageSize=10";
        let asked = self.client.get(self.at(path)).bearer_auth(&self.key).send().await.unwrap();
        asked.json::<Value>().await.unwrap()["EboxCitizenDocumentEvents"].take()
    }

    fn contents(&self) -> usize {
        fn count(folder: &Path) -> usize {
            let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
            entries.map(|entry| if entry.file_type().unwrap().is_dir() { count(&entry.path()) } else { 1 }).sum()
        }
        count(&self.folder.path().join("data/documents"))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if let Some((child, _)) = &mut self.running {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[tokio::test]
async fn a_document_that_was_taken_is_there_after_a_kill_and_one_that_was_refused_left_nothing() {
    let mut program = Program::prepare();
    program.start();
    let names = json!({"fr": "Pension", "nl": "Pensioen", "de": "Rente", "en": "Pension"});
    let definition = json!({"names": names, "validity": {"number": 1, "unit": "year"}, "may_be_registered": true});
    let asked = program.client.put(program.at("/v1/mailbox/types/pension")).bearer_auth(&program.key);
    assert_eq!(asked.json(&definition).send().await.unwrap().status(), 200);

    let refused = program.publish(b"no PDF at all").await;
    assert_eq!(refused.status(), 400);
    assert_eq!(refused.json::<Value>().await.unwrap()["code"], "CONTENT_MISMATCH");
    assert_eq!(program.contents(), 0);
    let taken = program.publish(PDF).await;
    assert_eq!(taken.status(), 201);
    let taken: Value = taken.json().await.unwrap();
    assert_eq!(taken["code"], "NO_DIGITAL_USER");

    let told = program.events().await;
    assert_eq!(
        (told[0]["eventSequenceNbr"].as_u64(), &told[0]["eventData"]["messageId"]),
        (Some(1), &taken["messageId"])
    );
    program.kill();
    program.start();
    assert_eq!(program.events().await, told);
    assert_eq!(program.contents(), 1);

    // Anybody gets the keys, and with them the evidence that its sender gets is proof.
    let keys = Client::new().get(program.at("/messageRegistry/v3/evidenceKeys")).send().await.unwrap();
    assert_eq!(keys.headers()["cache-control"], "public, max-age=3600");
    let keys = keys.bytes().await.unwrap();
    let wanted =
        json!({"messageId": taken["messageId"], "recipient": {"eboxType": "citizen", "ssin": CITIZEN}}).to_string();
    let path = format!("/messageRegistry/v3/ebox/{SENDER}/searchEvidence");
    let asked = program.client.post(program.at(&path)).bearer_auth(&program.key);
    let bundle = asked.header("content-type", "application/json").body(wanted).send().await.unwrap();
    let bundle = bundle.bytes().await.unwrap();
    let file = |name: &str| program.folder.path().join(name);
    let verify = |keys: &[u8]| {
        std::fs::write(file("evidence.json"), &bundle).unwrap();
        std::fs::write(file("keys.json"), keys).unwrap();
        let mut command = estafette();
        command.args(["evidence", "verify"]).arg(file("evidence.json")).arg("--key").arg(file("keys.json"));
        command.stdout(Stdio::null()).status().unwrap().success()
    };
    assert!(verify(&keys));
    // Another provider's.
    assert!(!verify(br#"{"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}"#));
}

#[tokio::test]
async fn the_pages_are_served_beside_and_say_that_nobody_signs_people_in_when_the_provider_is_away() {
    let mut program = Program::prepare();
    program.start();
    let page = program.client.get(program.at("/mailbox/sign-in")).header("Accept-Language", "nl").send().await.unwrap();
    assert_eq!(page.status(), 200);
    assert!(page.headers()["content-security-policy"].to_str().unwrap().contains("default-src 'none'"));
    let text = page.text().await.unwrap();
    assert!(text.contains("<html lang=\"nl\""), "{text}");
}
