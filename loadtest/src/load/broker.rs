//! The broker that is measured: one that is there already, or a child of this run in a folder of its own.
//!
//! Invariant: what a run started ends with it, killed by its handle; nothing else is touched.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use estafette_loadtest::ledger::Channel;
use estafette_loadtest::{Settings, Simulators, cbe};

use super::peer::Connection;
use super::request;

/// Who sends.
const INSTITUTION: &str = "0403019261";
/// Requests without an answer on the bind to the SMSC.
pub const SMPP_WINDOW: u32 = 100;
/// How long a start may take.
const START: Duration = Duration::from_secs(60);

/// Where a run's own broker is started from.
#[derive(Clone, Debug, clap::Args)]
pub struct Program {
    /// The program to start; without it the `estafette` beside this program.
    #[arg(long, value_name = "PATH")]
    estafette: Option<PathBuf>,
    /// Where data goes: a folder on the disk to be measured.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

impl Program {
    /// The program, which is there.
    pub fn path(&self) -> anyhow::Result<PathBuf> {
        let program = match &self.estafette {
            Some(path) => path.clone(),
            None => std::env::current_exe()?.with_file_name("estafette"),
        };
        ensure!(program.is_file(), "{} is not there: build it, or give --estafette PATH", program.display());
        Ok(program.canonicalize()?)
    }

    /// The folder below which data goes.
    pub fn parent(&self) -> PathBuf {
        self.data.clone().unwrap_or_else(std::env::temp_dir)
    }
}

/// What the configuration of a run's own broker differs in.
#[derive(Clone, Debug)]
pub struct Plan {
    /// SMS a second; 0 for no limit.
    pub sms_per_second: u32,
    /// How long a commit waits for more.
    pub trigger_ms: u64,
    /// SMS go over SMPP, else over the HTTP gateway.
    pub smpp: bool,
    /// The channels that it has.
    pub channels: Vec<Channel>,
    /// The institutions, by name; there is one at least.
    pub institutions: Vec<String>,
    /// They run the broker.
    pub operators: bool,
    /// Keys of its configuration, put over all others.
    pub config: toml::Table,
    /// A data folder that is there already and stays; none for an empty one.
    pub folder: Option<PathBuf>,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            sms_per_second: 0,
            trigger_ms: 0,
            smpp: false,
            channels: vec![Channel::Sms],
            institutions: vec!["Load".into()],
            operators: false,
            config: toml::Table::new(),
            folder: None,
        }
    }
}

/// Where the simulators are.
#[derive(Clone, Copy, Debug)]
pub struct There {
    /// All but the SMSC.
    pub http: SocketAddr,
    /// The SMSC.
    pub smsc: Option<SocketAddr>,
}

/// A broker in a temporary folder.
pub struct Own {
    /// Where its API listens.
    pub api: SocketAddr,
    /// Where its admin port listens.
    pub admin: SocketAddr,
    /// A live key of the first institution.
    pub key: String,
    /// A live key of each institution.
    pub keys: Vec<String>,
    program: PathBuf,
    folder: tempfile::TempDir,
    data: PathBuf,
    child: Option<Child>,
}

impl Own {
    /// Writes the configuration and makes a key; [`Own::start`] runs it.
    pub fn prepare(program: &Program, simulators: &Simulators, told: &Settings, plan: &Plan) -> anyhow::Result<Self> {
        let there = There { http: simulators.address(), smsc: simulators.smsc_address() };
        Self::prepare_at(program, there, told, plan)
    }

    /// The same for simulators that may run elsewhere.
    pub fn prepare_at(program: &Program, there: There, told: &Settings, plan: &Plan) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("estafette-load-").tempdir_in(program.parent())?;
        let data = plan.folder.clone().unwrap_or_else(|| folder.path().join("data"));
        // Taken and let go: nobody else on this machine is likely to get them meanwhile.
        let (api, admin) = (free()?, free()?);
        let file = folder.path().join("estafette.toml");
        std::fs::write(&file, config(&data, api, admin, there, told, plan)?)?;
        let program = program.path()?;
        let run = |arguments: &[&str], path: &Path| -> anyhow::Result<Vec<u8>> {
            let ran = Command::new(&program).args(arguments).arg(path).output();
            let ran = ran.with_context(|| format!("run {}", program.display()))?;
            let said = || format!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
            ensure!(ran.status.success(), "{} {}: {}", program.display(), arguments.join(" "), said());
            Ok(ran.stdout)
        };
        run(&["check-config"], &file)?;
        let mut keys = Vec::new();
        for place in 0..plan.institutions.len() {
            let institution = institution(place);
            let words = ["key", "new", "--institution", &institution, "--name", "load", "--output", "json", "--data"];
            let made: serde_json::Value =
                serde_json::from_slice(&run(&words, &data)?).context("understand the new key")?;
            keys.push(made["key"].as_str().context("understand the new key")?.to_owned());
        }
        let key = keys.first().cloned().context("a broker needs an institution")?;
        Ok(Self { api, admin, key, keys, program, folder, data, child: None })
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

    /// Lets the most resident memory since its start begin anew (see `proc_pid_clear_refs(5)`).
    pub fn forget_most(&self) -> anyhow::Result<()> {
        let id = self.child.as_ref().context("the broker does not run")?.id();
        std::fs::write(format!("/proc/{id}/clear_refs"), "5").context("reset the most resident memory of a process")
    }

    /// Where it keeps its data.
    pub fn data(&self) -> PathBuf {
        self.data.clone()
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

/// The CBE number of an institution of a run's own broker, by its place.
fn institution(place: usize) -> String {
    if place == 0 { INSTITUTION.to_owned() } else { cbe::generate(place as u64) }
}

/// The name of an institution of a run's own broker, by its CBE number.
pub fn institution_of<'a>(names: &'a [String], number: &str) -> Option<&'a str> {
    names.iter().enumerate().find(|(place, _)| institution(*place) == number).map(|(_, name)| name.as_str())
}

/// An address of this machine that nobody has at the moment.
pub fn free() -> anyhow::Result<SocketAddr> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// Bytes that the files below a folder take on disk.
pub fn bytes_in(folder: &Path) -> anyhow::Result<u64> {
    use std::os::unix::fs::MetadataExt;
    // Blocks, not length: the files are sparse.
    files(folder)?.iter().map(|file| Ok(std::fs::metadata(file)?.blocks() * 512)).sum()
}

/// The files below a folder.
pub fn files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let (path, kind) = entry.map(|entry| (entry.path(), entry.file_type()))?;
        if kind?.is_dir() {
            found.extend(files(&path)?);
        } else {
            found.push(path);
        }
    }
    Ok(found)
}

/// Has the system forget what it has in memory of the files below a folder, as after a start of the machine.
pub fn forget_pages(folder: &Path) -> anyhow::Result<()> {
    for file in files(folder)? {
        let file = std::fs::File::open(file)?;
        // What is not on disk yet would stay.
        file.sync_all()?;
        #[cfg(target_os = "linux")]
        rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed)?;
    }
    Ok(())
}

fn config(
    data: &Path,
    api: SocketAddr,
    admin: SocketAddr,
    there: There,
    told: &Settings,
    plan: &Plan,
) -> anyhow::Result<String> {
    let data = data.display();
    let Plan { sms_per_second, trigger_ms, .. } = plan;
    // A limit that is not set is left out: 0 is refused.
    let pace =
        if *sms_per_second > 0 { format!("delivery.sms.rate_per_second = {sms_per_second}") } else { String::new() };
    let base = format!(
        r#"
http.address = "{api}"
admin.address = "{admin}"
data.folder = '{data}'
journal.trigger_ms = {trigger_ms}
log.level = "warn"
webhooks.allowed_networks = ["127.0.0.0/8"]
{pace}
"#
    );
    let mut whole: toml::Table = toml::from_str(&base)?;
    let mut channels = toml::Table::new();
    for channel in &plan.channels {
        let (name, table) = match channel {
            Channel::Sms if plan.smpp => ("sms", over_smpp(there, told)?),
            Channel::Sms => ("sms", over_http(api, there, told)),
            Channel::Govapp => ("govapp", over_govapp(there, told)),
            Channel::Ebox => ("ebox", over_ebox(there, told)),
            Channel::Smsc => bail!("smsc is no channel of a broker"),
        };
        channels.insert(name.to_owned(), table.into());
    }
    whole.insert("channels".into(), channels.into());
    let institutions = plan.institutions.iter().enumerate().map(|(place, name)| {
        toml::Value::from(toml::Table::from_iter([
            ("cbe".to_owned(), institution(place).into()),
            ("name".to_owned(), name.as_str().into()),
            ("operator".to_owned(), plan.operators.into()),
        ]))
    });
    whole.insert("institution".into(), institutions.collect::<Vec<_>>().into());
    put_over(&mut whole, &plan.config);
    if let Some(toml::Value::Table(mailbox)) = whole.get_mut("mailbox") {
        // Where the pages are is known only here.
        mailbox.entry("public_url").or_insert_with(|| format!("http://{api}").into());
    }
    Ok(toml::to_string(&whole)?)
}

/// Puts keys over others, table by table.
fn put_over(under: &mut toml::Table, over: &toml::Table) {
    for (key, value) in over {
        match (under.get_mut(key), value) {
            (Some(toml::Value::Table(under)), toml::Value::Table(over)) => put_over(under, over),
            _ => drop(under.insert(key.clone(), value.clone())),
        }
    }
}

fn table<const N: usize>(pairs: [(&str, toml::Value); N]) -> toml::Table {
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

fn over_http(api: SocketAddr, there: There, told: &Settings) -> toml::Table {
    table([
        ("base_url", format!("http://{}/ringring", there.http).into()),
        ("api_key", told.sms.api_key.as_deref().unwrap_or_default().into()),
        ("callback_base", format!("http://{api}").into()),
        ("callback_secret", told.govapp.callback_secret.as_str().into()),
    ])
}

fn over_govapp(there: There, told: &Settings) -> toml::Table {
    table([
        ("base_url", format!("http://{}/govapp", there.http).into()),
        ("token", told.govapp.token.as_deref().unwrap_or_default().into()),
        ("callback_secret", told.govapp.callback_secret.as_str().into()),
    ])
}

fn over_ebox(there: There, told: &Settings) -> toml::Table {
    table([
        ("base_url", format!("http://{}/ebox/messageRegistry/v2", there.http).into()),
        ("token_url", format!("http://{}/ebox/oauth/token", there.http).into()),
        ("client_id", told.ebox.client_id.as_str().into()),
        ("client_secret", told.ebox.client_secret.as_str().into()),
        ("sender_application_id", "load".into()),
        ("message_type_id", "reminder".into()),
    ])
}

fn over_smpp(there: There, told: &Settings) -> anyhow::Result<toml::Table> {
    let address = there.smsc.context("the simulated SMSC does not listen")?;
    Ok(table([
        ("provider", "smpp".into()),
        ("address", address.to_string().into()),
        ("system_id", told.smsc.system_id.as_deref().unwrap_or("load").into()),
        ("password", told.smsc.password.as_deref().unwrap_or_default().into()),
        ("window", SMPP_WINDOW.into()),
    ]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_a_scenario_are_put_over_those_of_the_run_and_leave_the_others() {
        let over = "delivery.sms.window = 9\njournal.trigger_ms = 2\n[channels.sms]\ntimeout_ms = 7\n";
        let institutions = vec!["rail".to_owned(), "post".to_owned()];
        let plan = Plan { sms_per_second: 7, config: toml::from_str(over).unwrap(), institutions, ..Plan::default() };
        let there = There { http: ([127, 0, 0, 1], 9).into(), smsc: None };
        let at = SocketAddr::from(([127, 0, 0, 1], 1));
        let whole = config(Path::new("/d"), at, at, there, &Settings::default(), &plan).unwrap();
        let whole: toml::Table = toml::from_str(&whole).unwrap();
        let number = |path: [&str; 2], key: &str| whole[path[0]].get(path[1]).map(|table| table[key].as_integer());
        assert_eq!(number(["delivery", "sms"], "window"), Some(Some(9)));
        assert_eq!(number(["delivery", "sms"], "rate_per_second"), Some(Some(7)));
        assert_eq!(number(["channels", "sms"], "timeout_ms"), Some(Some(7)));
        assert_eq!(whole["channels"]["sms"]["base_url"].as_str(), Some("http://127.0.0.1:9/ringring"));
        assert_eq!(whole["journal"]["trigger_ms"].as_integer(), Some(2));
        let numbers: Vec<_> =
            whole["institution"].as_array().unwrap().iter().map(|one| one["cbe"].as_str().unwrap()).collect();
        assert_eq!((numbers[0], cbe::is_valid(numbers[1])), (INSTITUTION, true));
        assert_eq!(institution_of(&plan.institutions, numbers[1]), Some("post"));
    }
}
