//! The broker that is measured: one that is there already, or a child of this run in a folder of its own.
//!
//! Invariant: what a run started ends with it, killed by its handle; nothing else is touched.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use estafette_loadtest::{Settings, Simulators};

use super::peer::Connection;
use super::request;

/// Who sends.
const INSTITUTION: &str = "0403019261";
/// Requests without an answer on the bind to the SMSC.
const SMPP_WINDOW: u32 = 100;
/// How long a start may take.
const START: Duration = Duration::from_secs(60);

/// What the configuration of a run's own broker differs in.
#[derive(Clone, Copy, Debug, Default)]
pub struct Plan {
    /// SMS a second; 0 for no limit.
    pub sms_per_second: u32,
    /// How long a commit waits for more.
    pub trigger_ms: u64,
    /// SMS go over SMPP, else over the HTTP gateway.
    pub smpp: bool,
}

/// A broker in a temporary folder.
pub struct Own {
    /// Where its API listens.
    pub api: SocketAddr,
    /// Where its admin port listens.
    pub admin: SocketAddr,
    /// A live key.
    pub key: String,
    program: PathBuf,
    folder: tempfile::TempDir,
    child: Option<Child>,
}

impl Own {
    /// Writes the configuration and makes a key; [`Own::start`] runs it.
    pub fn prepare(
        program: &Path,
        parent: &Path,
        simulators: &Simulators,
        told: &Settings,
        plan: Plan,
    ) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("estafette-load-").tempdir_in(parent)?;
        let data = folder.path().join("data");
        // Taken and let go: nobody else on this machine is likely to get them meanwhile.
        let (api, admin) = (free()?, free()?);
        let config = config(&data, api, admin, simulators, told, plan)?;
        std::fs::write(folder.path().join("estafette.toml"), config)?;
        let made = Command::new(program)
            .args(["key", "new", "--institution", INSTITUTION, "--name", "load", "--output", "json", "--data"])
            .arg(&data)
            .output()
            .with_context(|| format!("run {}", program.display()))?;
        ensure!(made.status.success(), "no key was made: {}", String::from_utf8_lossy(&made.stderr));
        let made: serde_json::Value = serde_json::from_slice(&made.stdout).context("understand the new key")?;
        let key = made["key"].as_str().context("understand the new key")?.to_owned();
        Ok(Self { api, admin, key, program: program.to_owned(), folder, child: None })
    }

    /// Runs it, and comes back at once.
    pub fn start(&mut self) -> anyhow::Result<()> {
        let log = std::fs::File::options().create(true).append(true).open(self.log())?;
        let child = Command::new(&self.program)
            .arg("serve")
            .arg("--config")
            .arg(self.folder.path().join("estafette.toml"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .with_context(|| format!("run {}", self.program.display()))?;
        self.child = Some(child);
        Ok(())
    }

    /// Waits until it says that it is ready.
    pub async fn ready(&mut self) -> anyhow::Result<()> {
        let begun = Instant::now();
        let question = request::get(self.api, "/readyz");
        while begun.elapsed() < START {
            self.still_there()?;
            if let Ok(mut connection) = Connection::open(self.api).await
                && connection.exchange(&question).await.is_ok_and(|status| status == 200)
            {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        bail!("the broker was not ready after {START:?}: {}", self.last_words())
    }

    /// Fails when it ended by itself.
    pub fn still_there(&mut self) -> anyhow::Result<()> {
        let ended = self.child.as_mut().map(Child::try_wait).transpose()?.flatten();
        if let Some(status) = ended {
            bail!("the broker ended ({status}): {}", self.last_words());
        }
        Ok(())
    }

    /// Kills it as a power cut would (SIGKILL), and waits until it is gone.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }

    /// Resident memory in MiB: now, and at most since its start.
    pub fn memory_mib(&self) -> anyhow::Result<(f64, f64)> {
        let id = self.child.as_ref().context("the broker does not run")?.id();
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).context("read its memory")?;
        let of = |name: &str| -> Option<f64> {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            Some(line.split_whitespace().next()?.parse::<f64>().ok()? / 1_024.0)
        };
        of("VmRSS:").zip(of("VmHWM:")).context("this system does not tell the resident memory of a process")
    }

    /// Where it keeps its data.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("broker.log")
    }

    fn last_words(&self) -> String {
        let log = std::fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(12)..].join("\n")
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        // It may have ended already, which is as good.
        let _ = self.kill();
    }
}

/// The program beside this one, unless another is given.
pub fn program(given: Option<PathBuf>) -> anyhow::Result<PathBuf> {
    let program = match given {
        Some(path) => path,
        None => std::env::current_exe()?.with_file_name("estafette"),
    };
    ensure!(program.is_file(), "{} is not there: build it, or give --estafette PATH", program.display());
    Ok(program.canonicalize()?)
}

fn free() -> anyhow::Result<SocketAddr> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

fn config(
    data: &Path,
    api: SocketAddr,
    admin: SocketAddr,
    there: &Simulators,
    told: &Settings,
    plan: Plan,
) -> anyhow::Result<String> {
    let Plan { sms_per_second, trigger_ms, smpp } = plan;
    let data = data.display();
    // A limit that is not set is left out: 0 is refused.
    let pace = if sms_per_second > 0 { format!("rate_per_second = {sms_per_second}") } else { String::new() };
    let sms = if smpp { over_smpp(there, told)? } else { over_http(api, there, told) };
    Ok(format!(
        r#"[http]
address = "{api}"

[admin]
address = "{admin}"

[data]
folder = '{data}'

[journal]
trigger_ms = {trigger_ms}

[log]
level = "warn"

[webhooks]
allowed_networks = ["127.0.0.0/8"]

[delivery.sms]
{pace}

[channels.sms]
{sms}

[[institution]]
cbe = "{INSTITUTION}"
name = "Load"
"#
    ))
}

fn over_http(api: SocketAddr, there: &Simulators, told: &Settings) -> String {
    let (there, api_key) = (there.address(), told.sms.api_key.as_deref().unwrap_or_default());
    let secret = &told.govapp.callback_secret;
    format!(
        r#"base_url = "http://{there}/ringring"
api_key = "{api_key}"
callback_base = "http://{api}"
callback_secret = "{secret}""#
    )
}

fn over_smpp(there: &Simulators, told: &Settings) -> anyhow::Result<String> {
    let there = there.smsc_address().context("the simulated SMSC does not listen")?;
    let (name, password) = (told.smsc.system_id.as_deref(), told.smsc.password.as_deref());
    let (name, password) = (name.unwrap_or("load"), password.unwrap_or_default());
    Ok(format!(
        r#"provider = "smpp"
address = "{there}"
system_id = "{name}"
password = "{password}"
window = {SMPP_WINDOW}"#
    ))
}
