//! The broker as a child process. Invariant: it never outlives the test, whatever ends that.
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use estafette_loadtest::Simulators;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::channels::{Channels, PARTS, WEB, WHOLE};
use crate::plan::{Plan, Ports};
use crate::senders::World;

/// How long a start may take, with a journal to read through, on a slow machine.
const START: Duration = Duration::from_secs(30);
/// How long an orderly stop may take.
const STOP: Duration = Duration::from_secs(20);
/// The institution that sends.
const INSTITUTION: &str = "0403019261";
/// Its own number, which citizens write to.
pub const NUMBER: &str = "8686";

/// The program with its configuration, running or not.
pub struct Broker {
    program: PathBuf,
    config: PathBuf,
    data: PathBuf,
    log: PathBuf,
    admin: u16,
    child: Option<Child>,
}

impl Drop for Broker {
    fn drop(&mut self) {
        // Nobody is left to tell.
        let _ = self.kill();
    }
}

impl Broker {
    /// Writes the configuration.
    pub fn prepare(plan: &Plan, ports: Ports, channels: &Channels, folder: &Path) -> anyhow::Result<Self> {
        let (config, data) = (folder.join("estafette.toml"), folder.join("data"));
        std::fs::write(&config, configuration(plan, ports, channels, &data)?)?;
        let (program, log) = (plan.program.clone(), folder.join("broker.log"));
        Ok(Self { program, config, data, log, admin: ports.admin, child: None })
    }

    /// A bearer key, made as an operator makes it.
    pub fn new_key(&self) -> anyhow::Result<String> {
        let made = Command::new(&self.program)
            .args(["key", "new", "--institution", INSTITUTION, "--name", "crash", "--output", "json", "--data"])
            .arg(&self.data)
            .stdin(Stdio::null())
            .output()?;
        ensure!(made.status.success(), "key new: {}", String::from_utf8_lossy(&made.stderr));
        let told: serde_json::Value = serde_json::from_slice(&made.stdout)?;
        Ok(told["key"].as_str().context("key new told no key")?.to_owned())
    }

    /// Starts it; it needs a moment until it is ready.
    pub fn start(&mut self) -> anyhow::Result<()> {
        let log = OpenOptions::new().create(true).append(true).open(&self.log)?;
        let child = Command::new(&self.program)
            .args(["serve", "--config"])
            .arg(&self.config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .with_context(|| format!("start {}", self.program.display()))?;
        self.child = Some(child);
        Ok(())
    }

    /// Its data folder. Only for when to kill, not for what is true.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// What it logged, over all its lives.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// All that happened to a message, or how far a broadcast got, as the admin port tells it.
    pub async fn trail(&self, id: &str) -> anyhow::Result<String> {
        let mut admin = TcpStream::connect(("127.0.0.1", self.admin)).await?;
        let what = if id.ends_with("ffffffff") { "BROADCAST" } else { "TRAIL" };
        admin.write_all(format!("{what} {id}\r\nQUIT\r\n").as_bytes()).await?;
        let mut told = String::new();
        admin.read_to_string(&mut told).await?;
        // Lengths of arrays and texts are for programs.
        let words = told.lines().filter(|line| !line.starts_with(['*', '$', '%']));
        Ok(words.collect::<Vec<_>>().join(" ").replace(" at ", "\n    at "))
    }

    /// Fails when it ended by itself, with the last that it logged.
    pub fn alive(&mut self) -> anyhow::Result<()> {
        let ended = self.child.as_mut().context("the broker was not started")?.try_wait()?;
        let Some(status) = ended else { return Ok(()) };
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        bail!("the broker ended by itself ({status}):\n{}", lines[lines.len().saturating_sub(30)..].join("\n"))
    }

    /// Waits until it takes work.
    pub async fn ready(&mut self, world: &World) -> anyhow::Result<()> {
        let until = Instant::now() + START;
        loop {
            self.alive()?;
            if world.is_ready().await {
                return Ok(());
            }
            ensure!(Instant::now() < until, "the broker is not ready {START:?} after its start");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// SIGKILL.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }

    /// SIGTERM, and waits for its end.
    pub async fn terminate(&mut self) -> anyhow::Result<()> {
        let child = self.child.as_mut().context("the broker was not started")?;
        let asked = Command::new("kill").args(["-TERM", &child.id().to_string()]).status()?;
        ensure!(asked.success(), "kill -TERM failed");
        let until = Instant::now() + STOP;
        while child.try_wait()?.is_none() {
            ensure!(Instant::now() < until, "the broker did not stop within {STOP:?} of SIGTERM");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.child = None;
        Ok(())
    }
}

/// Segments of the least size, so that many are closed; horizons of seconds, so that all settles.
fn configuration(plan: &Plan, ports: Ports, channels: &Channels, data: &Path) -> anyhow::Result<String> {
    let Ports { http, admin } = ports;
    let web = channels.first.address();
    let smsc = |simulators: &Simulators| simulators.smsc_address().context("an SMSC that does not listen");
    let (parts, whole) = (smsc(&channels.first)?, smsc(&channels.second)?);
    let form = if plan.is_hexadecimal() { "hex_to_dec" } else { "dec_to_hex" };
    let data = data.display();
    // States on disk may be behind by much, by a little, or by one round.
    let sync_ms = [0, 1_000, 10_000][(plan.seed % 3) as usize];
    let mut text = format!(
        r#"
[data]
folder = "{data}"
[http]
address = "127.0.0.1:{http}"
[admin]
address = "127.0.0.1:{admin}"
[journal]
segment_bytes = 1048576
cache_mib = 8
flush_after_ms = 300
derived_sync_ms = {sync_ms}
[webhooks]
connect_seconds = 1
call_seconds = 1
retry_first_seconds = 1
retry_factor = 1.5
retry_max_seconds = 3
allowed_networks = ["127.0.0.1/32"]
[channels.govapp]
base_url = "http://{web}/govapp"
token = "sandbox-govapp-token"
callback_secret = "sandbox-callback-secret"
[[channels.sms.providers]]
name = "{WEB}"
base_url = "http://{web}/ringring"
api_key = "sandbox-ringring-key"
callback_base = "http://127.0.0.1:{http}"
callback_secret = "sandbox-callback-secret"
[[institution]]
cbe = "{INSTITUTION}"
name = "Crash"
sender_name = "{NUMBER}"
"#
    );
    for (name, address, more) in [
        (PARTS, parts, "long = \"udh\"\nbinds = 2".to_owned()),
        (WHOLE, whole, format!("long = \"payload\"\nquery = true\nreceipt_id = \"{form}\"")),
    ] {
        let _ = write!(
            text,
            "[[channels.sms.providers]]\nname = \"{name}\"\nprovider = \"smpp\"\naddress = \"{address}\"\n\
             system_id = \"estafette\"\npassword = \"sandbox\"\nwindow = 20\nresponse_timeout_ms = 1500\n\
             reconnect_min_ms = 20\nreconnect_max_ms = 300\nreference_tlv = 0x1501\n{more}\n"
        );
    }
    for channel in ["govapp", "sms"] {
        let _ = write!(
            text,
            "[delivery.{channel}]\nbreaker_failures = 1000\nattempt_timeout_seconds = 5\n\
             [delivery.{channel}.retry]\nfirst_ms = 50\nmax_ms = 400\nattempts = 6\n"
        );
    }
    for (name, on_unknown, steps) in STRATEGIES {
        let _ = write!(text, "[[strategy]]\nname = \"{name}\"\non_unknown = \"{on_unknown}\"\n");
        for (channel, horizon) in steps {
            let _ = write!(text, "[[strategy.step]]\nchannel = \"{channel}\"\nhorizon = \"{horizon}\"\n");
        }
    }
    Ok(text)
}

type Given = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

/// Name, what to do about an unknown outcome, steps. GovApp can be asked what it took, SMS can't.
pub const STRATEGIES: [Given; 4] = [
    ("crash-resend", "resend", &[("sms", "2s")]),
    ("crash-fail", "fail", &[("sms", "2s")]),
    ("crash-first", "resend", &[("govapp", "2s"), ("sms", "2s")]),
    ("crash-govapp", "fail", &[("govapp", "3s")]),
];
