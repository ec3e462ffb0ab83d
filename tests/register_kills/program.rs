//! The program in a process of its own, with a register and three institutions, the first of which runs it. Invariant: it never
//! outlives the test.
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::model::Rows;

pub const OWNERS: [&str; 3] = ["0403019261", "0206731645", "0308357159"];

/// The program, running or not.
pub struct Program {
    folder: TempDir,
    api: String,
    keys: Vec<String>,
    client: Client,
    child: Mutex<Option<Child>>,
    /// The last line of the audit trail that was read.
    seen: u64,
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
    }
}

fn estafette() -> Command {
    let program = std::env::var_os("ESTAFETTE_CRASH_PROGRAM");
    let mut command = Command::new(program.unwrap_or_else(|| env!("CARGO_BIN_EXE_estafette").into()));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("ESTAFETTE")) {
        command.env_remove(name);
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

impl Program {
    /// Writes its configuration, which `more` goes on, and makes keys.
    pub fn prepare(more: &str) -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        // Below the range of outgoing connections, so that a restart finds it free.
        let free = |port: &u16| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok();
        let port = (0..200).map(|_| rand::random_range(20_000..32_000_u16)).find(free).unwrap();
        let data = folder.path().join("data");
        let mut text = format!(
            "[data]\nfolder = \"{}\"\n[http]\naddress = \"127.0.0.1:{port}\"\n[admin]\naddress = \"127.0.0.1:0\"\n{more}",
            data.display()
        );
        let mut keys = vec![];
        for owner in OWNERS {
            let is_operator = owner == OWNERS[0];
            let _ = writeln!(text, "[[institution]]\ncbe = \"{owner}\"\nname = \"{owner}\"\noperator = {is_operator}");
            let made = estafette()
                .args(["key", "new", "--institution", owner, "--name", "kills", "--output", "json", "--data"])
                .arg(&data)
                .stdout(Stdio::piped())
                .output()
                .unwrap();
            let made: Value = serde_json::from_slice(&made.stdout).unwrap();
            keys.push(made["key"].as_str().unwrap().to_owned());
        }
        std::fs::write(folder.path().join("estafette.toml"), text).unwrap();
        let client = Client::builder().no_proxy().timeout(Duration::from_secs(120)).build().unwrap();
        Self { folder, api: format!("http://127.0.0.1:{port}"), keys, client, child: Mutex::default(), seen: 0 }
    }

    /// Its data folder, for when it doesn't run.
    pub fn data(&self) -> PathBuf {
        assert!(self.child.lock().unwrap().is_none(), "it runs");
        self.folder.path().join("data")
    }

    /// Starts it; it needs a moment until it answers.
    pub fn launch(&self) {
        let log = std::fs::File::options().create(true).append(true).open(self.folder.path().join("log")).unwrap();
        let config = self.folder.path().join("estafette.toml");
        *self.child.lock().unwrap() =
            Some(estafette().args(["serve", "--config"]).arg(config).stderr(log).spawn().unwrap());
    }

    /// Starts it, and waits until it takes work.
    pub async fn start(&self) {
        self.launch();
        for _ in 0..6_000 {
            if self.client.get(format!("{}/readyz", self.api)).send().await.is_ok_and(|answer| answer.status() == 200) {
                return;
            }
            let ended = self.child.lock().unwrap().as_mut().unwrap().try_wait().unwrap();
            assert!(ended.is_none(), "it ended by itself ({ended:?}):\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("it is not ready:\n{}", self.log());
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// SIGKILL.
    pub fn kill(&self) {
        if let Some(mut child) = self.child.lock().unwrap().take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    pub fn ask_as(&self, owner: usize, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{}/v1/{path}", self.api));
        request.bearer_auth(&self.keys[owner]).header("Legal-Context", "KILLS:2026")
    }

    pub async fn get_as(&self, owner: usize, path: &str) -> Value {
        let answer = hear(self.ask_as(owner, Method::GET, path)).await;
        answer.unwrap_or_else(|| panic!("{path} broke off:\n{}", self.log()))
    }

    /// Defines types, by codes.
    pub async fn define(&self, owner: usize, codes: &[&str]) {
        for code in codes {
            let names = json!({"fr": code, "nl": code, "de": code, "en": code});
            let request = self.ask_as(owner, Method::PUT, &format!("register/types/{code}"));
            hear(request.json(&json!({"names": names}))).await.unwrap();
        }
    }

    /// Sends a CSV.
    pub fn upload(&self, owner: usize, method: Method, path: &str, csv: String) -> RequestBuilder {
        self.ask_as(owner, method, path).header("Content-Type", "text/csv").body(csv)
    }

    /// All rows of a register, of which the counts are true.
    pub async fn rows(&self, owner: usize) -> Rows {
        let request = self.ask_as(owner, Method::GET, "register/rows/export").header("Accept", "text/csv");
        let rows = Rows::read(&request.send().await.unwrap().text().await.unwrap());
        let counts = self.get_as(owner, "register/counts").await;
        for one in counts["types"].as_array().unwrap() {
            let code = one["type"].as_str().unwrap();
            assert_eq!(one["rows"].as_u64(), Some(rows.count(code)), "the count of {code} is not true");
        }
        rows
    }

    /// What came to the audit trail since this was asked last: there is no gap.
    pub async fn trail(&mut self) -> Vec<Value> {
        let mut lines = vec![];
        loop {
            let page = self.get_as(0, &format!("register/audit?limit=1000&after={}", self.seen)).await;
            for line in page["lines"].as_array().unwrap() {
                assert_eq!(line["position"].as_u64(), Some(self.seen + 1), "a gap in the trail");
                self.seen += 1;
                lines.push(line.clone());
            }
            if page["next"].is_null() {
                return lines;
            }
        }
    }
}

/// The answer to a request, which has to be a good one; none where it broke off.
pub async fn hear(request: RequestBuilder) -> Option<Value> {
    let answer = request.send().await.ok()?;
    let status = answer.status();
    let text = answer.text().await.ok()?;
    assert!(status.is_success(), "{status}: {text}");
    Some(serde_json::from_str(&text).unwrap_or(Value::Null))
}
