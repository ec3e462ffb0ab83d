//! Kannel between the generator and the simulated SMSC: Debian's `bearerbox` and `smsbox`, with their file store.
//!
//! What Kannel promises: an accepted message was written to its file store, without a sync; receipts that are expected are kept in
//! memory (`dlr-storage = internal`). Invariant: both boxes are children of this run and are killed with it.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use estafette_loadtest::simulators::SmscSettings;

use crate::load::broker::free;
use crate::load::peer::Connection;
use crate::load::request;

/// Submissions without an answer on the bind: as this broker's in the same run.
const WINDOW: u32 = crate::load::broker::SMPP_WINDOW;
const PASSWORD: &str = "load";
/// How long a start may take.
const START: Duration = Duration::from_secs(30);

/// Both boxes, until they are dropped.
pub struct Kannel {
    /// Where `/cgi-bin/sendsms` is, for user `load` with password `load`.
    pub sendsms: SocketAddr,
    folder: tempfile::TempDir,
    boxes: Vec<(&'static str, Child)>,
}

impl Kannel {
    /// Starts both in a folder of their own below `parent`, and waits until the SMSC is bound.
    pub async fn start(parent: &Path, smsc: SocketAddr, account: &SmscSettings) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("estafette-kannel-").tempdir_in(parent)?;
        let (admin, inner, sendsms) = (free()?, free()?, free()?);
        let config = config(folder.path(), [admin, inner, sendsms], smsc, account);
        std::fs::write(folder.path().join("kannel.conf"), config)?;
        let mut kannel = Self { sendsms, folder, boxes: Vec::new() };
        kannel.spawn("bearerbox")?;
        kannel.until_answered(admin, &format!("/status.txt?password={PASSWORD}"), "(online").await?;
        kannel.spawn("smsbox")?;
        // Whoever gives no password is refused: so it is there, and nothing was sent.
        kannel.until_answered(sendsms, "/cgi-bin/sendsms", "").await?;
        Ok(kannel)
    }

    /// Fails when a box ended by itself.
    pub fn still_there(&mut self) -> anyhow::Result<()> {
        for (name, child) in &mut self.boxes {
            if let Some(status) = child.try_wait()? {
                let log = std::fs::read_to_string(self.folder.path().join(format!("{name}.log"))).unwrap_or_default();
                let lines: Vec<&str> = log.lines().collect();
                bail!("{name} ended ({status}): {}", lines[lines.len().saturating_sub(12)..].join("\n"));
            }
        }
        Ok(())
    }

    fn spawn(&mut self, name: &'static str) -> anyhow::Result<()> {
        let log = std::fs::File::create(self.folder.path().join(format!("{name}.log")))?;
        // -v 3: errors only, as its log file would have; debug is its default.
        let child = Command::new(name)
            .args(["-v", "3", "kannel.conf"])
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("run {name}: install Debian's package kannel"))?;
        self.boxes.push((name, child));
        Ok(())
    }

    /// Asks until an answer has `wanted` in it.
    async fn until_answered(&mut self, address: SocketAddr, path: &str, wanted: &str) -> anyhow::Result<()> {
        let (begun, question) = (Instant::now(), request::get(address, path));
        while begun.elapsed() < START {
            self.still_there()?;
            if let Ok(mut connection) = Connection::open(address).await
                && connection.exchange(&question).await.is_ok()
                && String::from_utf8_lossy(connection.body()).contains(wanted)
            {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        ensure!(!wanted.is_empty(), "smsbox did not answer within {START:?}");
        bail!("bearerbox was not bound to the SMSC within {START:?}")
    }
}

impl Drop for Kannel {
    fn drop(&mut self) {
        // They may have ended already, which is as good; what they stored goes with the folder.
        for (_, child) in self.boxes.iter_mut().rev() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn config(folder: &Path, [admin, inner, sendsms]: [SocketAddr; 3], smsc: SocketAddr, account: &SmscSettings) -> String {
    let (name, password) = (account.system_id.as_deref(), account.password.as_deref());
    let (name, password) = (name.unwrap_or("load"), password.unwrap_or("load"));
    let (admin, inner, sendsms, host, port) = (admin.port(), inner.port(), sendsms.port(), smsc.ip(), smsc.port());
    let store = folder.join("kannel.store");
    let store = store.display();
    format!(
        r#"group = core
admin-port = {admin}
admin-password = {PASSWORD}
admin-allow-ip = 127.0.0.1
smsbox-port = {inner}
box-allow-ip = 127.0.0.1
dlr-storage = internal
store-type = file
store-location = "{store}"

group = smsc
smsc = smpp
smsc-id = sim
host = {host}
port = {port}
transceiver-mode = true
smsc-username = {name}
smsc-password = {password}
system-type = ""
interface-version = 34
msg-id-type = 0x00
max-pending-submits = {WINDOW}

group = smsbox
bearerbox-host = 127.0.0.1
sendsms-port = {sendsms}

group = sendsms-user
username = load
password = {PASSWORD}
max-messages = 10
concatenation = true

group = sms-service
keyword = default
text = ""
max-messages = 0
"#
    )
}
