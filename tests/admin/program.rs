//! The real program: its end with SHUTDOWN and SIGTERM, and another configuration while it runs.
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::talk::{LONG, ask, until};

const SENDER: &str = "0403019261";

/// The program with its folder; killed when the test ends.
pub struct Program {
    child: Child,
    pub folder: TempDir,
    pub api: String,
    pub admin: SocketAddr,
    pub key: String,
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_estafette"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("ESTAFETTE")) {
        command.env_remove(name);
    }
    command.args(arguments);
    command
}

/// What every configuration here has.
pub fn basis(folder: &TempDir, more: &str) -> String {
    let data = folder.path().join("data");
    format!(
        "[http]\naddress = \"127.0.0.1:0\"\n[admin]\naddress = \"127.0.0.1:0\"\n[data]\nfolder = \"{}\"\n\
         [[institution]]\ncbe = \"{SENDER}\"\nname = \"An institution\"\n{more}",
        data.display()
    )
}

impl Program {
    /// Starts it with some lines more in its configuration.
    pub fn start(more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("estafette.toml");
        std::fs::write(&config, basis(&folder, more)).unwrap();
        let data = folder.path().join("data");
        let made = command(&["key", "new", "--institution", SENDER, "--name", "test", "--data"]).arg(&data).output();
        let made = made.unwrap();
        let said = String::from_utf8(made.stdout).unwrap();
        let key = said.split_whitespace().find(|word| word.starts_with("est_live_")).unwrap().to_owned();
        Self::again(folder, key)
    }

    /// Starts it in a folder.
    pub fn again(folder: TempDir, key: String) -> Self {
        let config = folder.path().join("estafette.toml");
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let mut child = command(&["serve", "--config", config.to_str().unwrap()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut told = |what: &str| {
            let line = lines.next().unwrap_or_else(|| panic!("it ended before it said {what}")).unwrap();
            line.split_whitespace().last().unwrap().to_owned()
        };
        let (api, admin) = (told("API"), told("Admin").parse().unwrap());
        Self { child, folder, api, admin, key }
    }

    pub fn config(&self) -> PathBuf {
        self.folder.path().join("estafette.toml")
    }

    pub fn signal(&self, signal: &str) {
        assert!(Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap().success());
    }

    /// Waits for its end.
    pub async fn ended(&mut self) -> ExitStatus {
        let patience = Instant::now() + LONG;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < patience, "it does not end");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub async fn submit(&self, strategy: &str) -> reqwest::Response {
        let body = json!({"recipient": {"mobile": "+32470123456"}, "strategy": strategy, "content": {"text": {"fr": "Bonjour"}}});
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let request = reqwest::Client::new().post(format!("{}/v1/messages", self.api)).bearer_auth(&self.key);
        request.header("Prefer", "respond-async").json(&body).send().await.unwrap()
    }
}

/// An SMS gateway that takes its time; gives its address and counts what it took.
pub fn gateway(delay: Duration) -> (String, std::sync::Arc<std::sync::atomic::AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let taken = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = std::sync::Arc::clone(&taken);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, count) = (stream.unwrap(), std::sync::Arc::clone(&count));
            std::thread::spawn(move || {
                let mut request = Vec::new();
                let mut piece = [0; 4096];
                while !String::from_utf8_lossy(&request).trim_end().ends_with('}') {
                    let read = stream.read(&mut piece).unwrap_or(0);
                    if read == 0 {
                        return;
                    }
                    request.extend_from_slice(&piece[..read]);
                }
                std::thread::park_timeout(delay);
                count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                let body =
                    r#"{"MessageCount":1,"Messages":[{"MessageId":"m-1"}],"ResultCode":0,"ResultDescription":"ok"}"#;
                let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length:";
                let _ = write!(stream, "{head} {}\r\n\r\n{body}", body.len());
            });
        }
    });
    (address, taken)
}

pub fn sms(address: &str) -> String {
    format!(
        "[channels.sms]\nprovider = \"ringring\"\nbase_url = \"{address}\"\napi_key = \"hush-hush\"\nsender_id = \"8686\"\n"
    )
}

/// Stops a program with an attempt under way, and says what became of it.
async fn stopped(stop: impl AsyncFnOnce(&mut Program)) -> (Value, usize) {
    let (address, taken) = gateway(Duration::from_millis(800));
    let mut program = Program::start(&sms(&address));
    let answer: Value = program.submit("sms-only").await.json().await.unwrap();
    let id = answer["id"].as_str().unwrap().to_owned();
    until(program.admin, "CHANNEL sms", |told| told["under_way"] == 1).await;
    stop(&mut program).await;
    assert!(program.ended().await.success(), "it ends with 0");
    let count = taken.load(std::sync::atomic::Ordering::SeqCst);
    // The next program shows what the last one wrote, and asks nobody about it.
    let folder = std::mem::replace(&mut program.folder, tempfile::tempdir().unwrap());
    let next = Program::again(folder, program.key.clone());
    (ask(next.admin, &format!("STATUS {id}")).await["attempts"][0].clone(), count)
}

#[actix_rt::test]
async fn at_sigterm_an_attempt_under_way_ends_and_its_end_is_on_disk() {
    let (attempt, taken) = stopped(async |program| program.signal("-TERM")).await;
    assert_eq!(
        (&attempt["status"], &attempt["channel_reference"], taken),
        (&json!("sent"), &json!("m-1"), 1),
        "{attempt}"
    );
}

#[actix_rt::test]
async fn at_shutdown_too_and_meanwhile_nothing_more_is_accepted() {
    let (attempt, taken) = stopped(async |program| {
        assert_eq!(ask(program.admin, "SHUTDOWN").await, "OK");
        let mut refused = 0;
        for _ in 0..100 {
            let answer = program.submit("sms-only").await;
            refused = answer.status().as_u16();
            if refused == 503 {
                assert!(answer.headers().contains_key("retry-after"));
                break;
            }
        }
        assert_eq!(refused, 503, "what comes during the drain is refused as overload");
        let ready = reqwest::get(format!("{}/readyz", program.api)).await.unwrap();
        assert_eq!(ready.status(), 503, "who balances loads looks elsewhere");
        assert!(ready.text().await.unwrap().contains("about to end"));
    })
    .await;
    assert_eq!((&attempt["status"], taken), (&json!("sent"), 1), "{attempt}");
}

#[actix_rt::test]
async fn shutdown_now_waits_for_nothing() {
    let (address, taken) = gateway(Duration::from_secs(5));
    let mut program = Program::start(&sms(&address));
    program.submit("sms-only").await;
    until(program.admin, "CHANNEL sms", |told| told["under_way"] == 1).await;
    assert!(ask(program.admin, "SHUTDOWN LATER").await["error"].as_str().unwrap().contains("SHUTDOWN [NOW]"));
    assert_eq!(ask(program.admin, "SHUTDOWN NOW").await, "OK");
    assert!(program.ended().await.success());
    assert_eq!(taken.load(std::sync::atomic::Ordering::SeqCst), 0);
}

fn changed<'v>(told: &'v Value, key: &str) -> &'v Value {
    let changed = told["changed"].as_array().unwrap_or_else(|| panic!("{told}"));
    changed.iter().find(|one| one["key"] == key).unwrap_or_else(|| panic!("{key} is not in {told}"))
}

const STRATEGY: &str =
    "[[strategy]]\nname = \"own\"\n[[strategy.step]]\nchannel = \"sms\"\nsuccess = \"sent\"\nhorizon = \"1h\"\n";

#[actix_rt::test]
async fn another_configuration_is_put_in_force_and_what_changed_is_shown() {
    let (address, _taken) = gateway(Duration::ZERO);
    let program = Program::start(&sms(&address));
    assert_eq!(program.submit("own").await.status(), 422, "nobody knows this strategy yet");
    assert_eq!(ask(program.admin, "CONFIG RELOAD").await["changed"], json!([]));

    let more = format!(
        "sender_name = \"Us\"\n{}{STRATEGY}[delivery.sms]\nwindow = 7\nrate_per_second = 9\nrecipient_parts = 4\n[journal]\ncache_mib = 32\n",
        sms(&address).replace("hush-hush", "other-hush")
    );
    std::fs::write(program.config(), basis(&program.folder, &more)).unwrap();
    let told = ask(program.admin, "CONFIG RELOAD").await;
    assert_eq!(
        changed(&told, "delivery.sms.window"),
        &json!({"key": "delivery.sms.window", "old": 256, "new": 7, "applies": "now"})
    );
    assert_eq!(
        changed(&told, "delivery.sms.recipient_parts"),
        &json!({"key": "delivery.sms.recipient_parts", "old": null, "new": 4, "applies": "now"})
    );
    assert_eq!(changed(&told, "journal.cache_mib")["applies"], "restart");
    assert_eq!(changed(&told, "institution.0403019261.sender_name")["new"], "Us");
    let key = changed(&told, "channels.sms.api_key");
    assert_eq!((&key["old"], &key["new"], &key["applies"]), (&json!("(secret)"), &json!("(secret)"), &json!("now")));
    assert!(!told.to_string().contains("hush"));
    assert_eq!(told["after_a_restart"], 1);

    assert_eq!(program.submit("own").await.status(), 202);
    let channel = ask(program.admin, "CHANNEL sms").await;
    assert_eq!((&channel["window"], &channel["rate"]), (&json!(7), &json!(9)));
    let shown = ask(program.admin, "CONFIG GET delivery.sms.* journal.cache_mib *.api_key").await;
    assert_eq!((&shown["delivery.sms.window"], &shown["journal.cache_mib"]), (&json!(7), &json!(64)), "{shown}");
    assert_eq!(shown["channels.sms.api_key"], "(secret)");
    // What needs a restart is said again, and only that.
    let again = ask(program.admin, "CONFIG RELOAD").await;
    assert_eq!((&again["in_force"], &again["after_a_restart"]), (&json!(0), &json!(1)), "{again}");
    let log = std::fs::read_to_string(program.folder.path().join("log")).unwrap();
    assert!(log.contains("delivery.sms.window") && !log.contains("hush"), "{log}");
}

#[actix_rt::test]
async fn a_wrong_configuration_changes_nothing_and_names_every_wrong_key() {
    let (address, _taken) = gateway(Duration::ZERO);
    let program = Program::start(&sms(&address));
    let wrong = format!(
        "{}{STRATEGY}[delivery.sms]\nwindow = 0\npage = \"much\"\n[admission]\nsubmission = 5\n",
        sms(&address)
    );
    std::fs::write(program.config(), basis(&program.folder, &wrong)).unwrap();
    let told = ask(program.admin, "CONFIG RELOAD").await;
    for key in ["delivery.sms.window", "delivery.sms.page", "admission.submission"] {
        assert!(told["error"].as_str().unwrap().contains(key), "{key} is not in {told}");
    }
    // The same by signal: it says so in the log, and lives on.
    program.signal("-HUP");
    let log = program.folder.path().join("log");
    for _ in 0..500 {
        if std::fs::read_to_string(&log).unwrap().contains("nothing is changed") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(std::fs::read_to_string(&log).unwrap().contains("nothing is changed"));
    assert_eq!(program.submit("own").await.status(), 422);
    assert_eq!(ask(program.admin, "CHANNEL sms").await["window"], 256);
    std::fs::remove_file(program.config()).unwrap();
    assert!(ask(program.admin, "CONFIG RELOAD").await["error"].as_str().unwrap().contains("can't be read"));
    assert!(ask(program.admin, "CONFIG SET x y").await["error"].as_str().unwrap().contains("use it as"));
}

#[actix_rt::test]
async fn sighup_puts_another_configuration_in_force() {
    let (address, _taken) = gateway(Duration::ZERO);
    let program = Program::start(&sms(&address));
    let more = format!("{}[delivery.sms]\nwindow = 11\n[admin]\n", sms(&address));
    let text = basis(&program.folder, &more.replace("[admin]\n", ""));
    std::fs::write(program.config(), text).unwrap();
    program.signal("-HUP");
    until(program.admin, "CHANNEL sms", |told| told["window"] == 11).await;
}
