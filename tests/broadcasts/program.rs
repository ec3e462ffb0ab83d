//! The real program in a process of its own, over simulated channels that stay.
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use estafette_loadtest::Simulators;
use estafette_loadtest::ledger::{Channel, Entry};
use estafette_loadtest::simulators::Settings;
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::Value;
use tempfile::TempDir;

const INSTITUTION: &str = "0403019261";

/// It never outlives the test.
pub struct Program {
    pub api: String,
    pub key: String,
    pub folder: TempDir,
    pub simulators: Simulators,
    client: Client,
    child: Option<Child>,
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
    }
}

pub fn estafette(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_estafette"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("ESTAFETTE")) {
        command.env_remove(name);
    }
    command.args(arguments).stdin(Stdio::null());
    command
}

impl Program {
    /// Writes its configuration, which `more` goes on, and makes a key.
    pub async fn prepare(more: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let settings = Settings { address: "127.0.0.1:0".parse().unwrap(), ..Settings::default() };
        let simulators = Simulators::start(settings).await.unwrap();
        // Below the range of outgoing connections, so that a restart finds it free.
        let free = |port: &u16| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok();
        let port = (0..200).map(|_| rand::random_range(20_000..32_000_u16)).find(free).unwrap();
        let (data, there) = (folder.path().join("data"), simulators.address());
        let data = data.to_str().unwrap();
        let text = format!(
            "[data]\nfolder = \"{data}\"\n[http]\naddress = \"127.0.0.1:{port}\"\n[admin]\naddress = \"127.0.0.1:0\"\n\
             [[institution]]\ncbe = \"{INSTITUTION}\"\nname = \"Broadcasts\"\n\
             [channels.sms]\nbase_url = \"http://{there}/ringring\"\napi_key = \"sandbox-ringring-key\"\n\
             callback_base = \"http://127.0.0.1:{port}\"\ncallback_secret = \"sandbox-callback-secret\"\n{more}"
        );
        std::fs::write(folder.path().join("estafette.toml"), text).unwrap();
        let made = estafette(&["key", "new", "--institution", INSTITUTION, "--name", "x", "--output", "json"])
            .args(["--data", data])
            .output()
            .unwrap();
        let made: Value = serde_json::from_slice(&made.stdout).unwrap();
        let (api, key) = (format!("http://127.0.0.1:{port}"), made["key"].as_str().unwrap().to_owned());
        let client = Client::builder().no_proxy().build().unwrap();
        Self { api, key, folder, simulators, client, child: None }
    }

    fn config(&self) -> String {
        self.folder.path().join("estafette.toml").to_str().unwrap().to_owned()
    }

    /// Starts it, and waits until it takes work.
    pub async fn start(&mut self) {
        let config = self.config();
        self.run(estafette(&["serve", "--config", &config])).await;
    }

    /// The same where no file may grow beyond so many blocks of 512 bytes: the system refuses to write more.
    pub async fn start_with_small_files(&mut self, blocks: u64) {
        let mut command = Command::new("sh");
        // A file that may not grow is an error like a disk that is full, and not the end of the program.
        command.args(["-c", "trap '' XFSZ; ulimit -f \"$1\"; shift; exec \"$@\"", "sh"]).arg(blocks.to_string());
        command.arg(env!("CARGO_BIN_EXE_estafette")).args(["serve", "--config", &self.config()]);
        self.run(command).await;
    }

    async fn run(&mut self, mut command: Command) {
        let log = std::fs::File::options().create(true).append(true).open(self.folder.path().join("log")).unwrap();
        self.child = Some(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap());
        for _ in 0..3_000 {
            if self.ask(Method::GET, "/readyz").send().await.is_ok_and(|answer| answer.status() == 200) {
                return;
            }
            let ended = self.child.as_mut().unwrap().try_wait().unwrap();
            assert!(ended.is_none(), "it ended by itself ({ended:?}):\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("it is not ready:\n{}", self.log());
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    pub fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.api)).bearer_auth(&self.key)
    }

    pub async fn get(&self, path: &str) -> Value {
        self.ask(Method::GET, path).send().await.unwrap().json().await.unwrap()
    }

    pub async fn post(&self, path: &str, body: &Value) -> Response {
        self.ask(Method::POST, path).json(body).send().await.unwrap()
    }

    pub async fn put(&self, broadcast: &str, rows: impl Into<reqwest::Body>) -> Response {
        let put = self.ask(Method::PUT, &format!("/v1/broadcasts/{broadcast}/recipients"));
        put.header("content-type", "text/csv").body(rows).send().await.unwrap()
    }

    /// Asks until it is so, for a bounded time.
    pub async fn until(&self, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        for _ in 0..6_000 {
            last = self.get(path).await;
            if wanted(&last) {
                return last;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{path} never got there: {last}");
    }

    /// What the channel took.
    pub fn taken(&self) -> Vec<Entry> {
        let (mut all, mut after) = (Vec::new(), 0);
        loop {
            let page = self.simulators.ledger(Channel::Sms, None, after, 10_000);
            if page.entries.is_empty() {
                return all;
            }
            after = page.next;
            all.extend(page.entries);
        }
    }

    /// `estafette broadcast` with these arguments; its standard error is kept.
    pub fn broadcast(&self, arguments: &[&str]) -> Command {
        let mut command = estafette(&["broadcast"]);
        command.args(arguments).args(["--api", &self.api, "--key", &self.key, "--strategy", "sms-only"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

/// Writes a file of so many rows, each with a key and a recipient of its own.
pub fn rows(file: &Path, count: usize) {
    std::fs::write(file, csv(0..count)).unwrap();
}

/// Rows as CSV.
pub fn csv(rows: std::ops::Range<usize>) -> String {
    let lines: Vec<String> = rows.map(|row| format!("k{row},+32470{row:06},{row}\n")).collect();
    format!("key,mobile,var.n\n{}", lines.concat())
}

/// All that a command said.
pub fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
