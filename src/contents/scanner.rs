//! A scanner for viruses: clamd, over TCP or a socket of the machine, by its `INSTREAM`.
//!
//! `zINSTREAM`, then pieces, each behind its length in four bytes, then a length of 0; the answer is `stream: OK`, `stream: NAME FOUND`
//! or an error. Invariant: a content is clean only when clamd said so of all of it; whatever else happens is an error, after which the
//! attachment waits. Everything is bounded: connecting, each step, the whole, and scans at a time.
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use estafette_actors::ports::mailbox::{Incoming, Scanner, Verdict};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::Semaphore;

/// Bytes of a piece: what clamd reads at a time.
const PIECE: usize = 64 << 10;
/// Bytes of an answer.
const ANSWER: usize = 1_024;
/// Characters of the name of what was found.
const NAME: usize = 120;

/// Where clamd listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// Over TCP: `host:port`. It has no password: the way there is the operator's to protect.
    Tcp(String),
    /// A socket of this machine.
    Unix(PathBuf),
}

impl std::str::FromStr for Address {
    type Err = String;

    /// `unix:/run/clamav/clamd.ctl`, or `host:port`.
    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            let path = PathBuf::from(path);
            return if path.is_absolute() {
                Ok(Self::Unix(path))
            } else {
                Err("give the whole path of the socket".to_owned())
            };
        }
        let is_address =
            text.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
        if is_address { Ok(Self::Tcp(text.to_owned())) } else { Err("give host:port, or unix: and a path".to_owned()) }
    }
}

/// Which scanner, and its bounds.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where it listens.
    pub address: Address,
    /// How long a connection may take.
    pub connect: Duration,
    /// How long a step may take: a piece to be taken, or the next bytes of the content.
    pub step: Duration,
    /// How long the verdict may take once all was sent.
    pub verdict: Duration,
    /// Scans at a time: no more than clamd's `MaxThreads`.
    pub at_once: usize,
}

impl Settings {
    /// The bounds that fit most, for an address.
    pub fn new(address: Address) -> Self {
        let (connect, step, verdict) = (Duration::from_secs(5), Duration::from_secs(30), Duration::from_secs(120));
        Self { address, connect, step, verdict, at_once: 4 }
    }
}

/// The scanner.
#[derive(Clone)]
pub struct Clamd {
    settings: Arc<Settings>,
    slots: Arc<Semaphore>,
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Clamd {
    /// Connects to nobody yet.
    pub fn new(settings: Settings) -> Self {
        let slots = Arc::new(Semaphore::new(settings.at_once.clamp(1, Semaphore::MAX_PERMITS)));
        Self { settings: Arc::new(settings), slots }
    }

    async fn connect(&self) -> Result<Box<dyn Stream>, String> {
        let connecting = async {
            Ok::<Box<dyn Stream>, std::io::Error>(match &self.settings.address {
                Address::Tcp(address) => Box::new(TcpStream::connect(address).await?),
                Address::Unix(path) => Box::new(UnixStream::connect(path).await?),
            })
        };
        let connected = tokio::time::timeout(self.settings.connect, connecting).await;
        connected
            .map_err(|_| "the scanner can't be reached in time: check that clamd runs".to_owned())?
            .map_err(|error| format!("the scanner can't be reached ({}): check that clamd runs", error.kind()))
    }

    async fn judge(self, content: Incoming) -> Result<Verdict, String> {
        let _slot = self.slots.acquire().await.map_err(|_| "the scanner is closing".to_owned())?;
        let (mut answering, mut asking) = tokio::io::split(self.connect().await?);
        let mut answer = Vec::new();
        let sent = {
            let sending = self.send(&mut asking, content);
            let answered = hear(&mut answering, &mut answer);
            tokio::pin!(sending, answered);
            // clamd answers before the end when it will read no more.
            tokio::select! {
                sent = &mut sending => {
                    if let Ok(()) | Err(Unsent::Refused) = sent {
                        // What it said, if it said something, says more than a broken connection.
                        let _ = tokio::time::timeout(self.settings.verdict, answered).await;
                    }
                    sent
                }
                () = &mut answered => Err(Unsent::Refused),
            }
        };
        let answer = String::from_utf8_lossy(&answer);
        match (read(&answer), sent) {
            (Some(verdict @ Verdict::Found(_)), _) => Ok(verdict),
            (Some(Verdict::Clean), Ok(())) => Ok(Verdict::Clean),
            (_, Err(Unsent::Content)) => Err("the content could not be read to its end".to_owned()),
            (_, Err(Unsent::Late)) => Err("the scanner takes no more: see whether clamd is overloaded".to_owned()),
            _ if answer.contains("size limit exceeded") => {
                Err("the content is larger than the scanner takes: raise clamd's StreamMaxLength".to_owned())
            }
            _ if answer.is_empty() => Err("the scanner gave no verdict: see its log".to_owned()),
            _ => Err("the scanner answered with an error: see its log".to_owned()),
        }
    }

    async fn send(&self, asking: &mut (impl AsyncWrite + Unpin), mut content: Incoming) -> Result<(), Unsent> {
        let step = self.settings.step;
        let mut write = async |bytes: &[u8]| match tokio::time::timeout(step, asking.write_all(bytes)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Unsent::Refused),
            Err(_) => Err(Unsent::Late),
        };
        write(b"zINSTREAM\0").await?;
        loop {
            let next = tokio::time::timeout(step, content.next()).await.map_err(|_| Unsent::Content)?;
            let Some(chunk) = next else { break };
            for piece in chunk.map_err(|_| Unsent::Content)?.chunks(PIECE) {
                write(&(piece.len() as u32).to_be_bytes()).await?;
                write(piece).await?;
            }
        }
        write(&0_u32.to_be_bytes()).await
    }
}

/// Why not all was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unsent {
    /// The content broke off: the end must not be told.
    Content,
    /// clamd takes nothing.
    Late,
    /// It hung up, or has answered already.
    Refused,
}

/// Reads an answer up to its end, which is a zero, or as far as it comes.
async fn hear(answering: &mut (impl AsyncRead + Unpin), answer: &mut Vec<u8>) {
    let mut piece = [0; 256];
    while answer.len() < ANSWER && !answer.contains(&0) {
        match answering.read(&mut piece).await {
            Ok(0) | Err(_) => return,
            Ok(read) => answer.extend_from_slice(&piece[..read]),
        }
    }
}

/// What an answer says.
fn read(answer: &str) -> Option<Verdict> {
    match answer.strip_suffix('\0')?.strip_prefix("stream: ")? {
        "OK" => Some(Verdict::Clean),
        found => {
            let name = found.strip_suffix(" FOUND")?;
            let name: String = name.chars().filter(|c| !c.is_control()).take(NAME).collect();
            Some(Verdict::Found(name.into()))
        }
    }
}

impl Scanner for Clamd {
    fn scan(&self, content: Incoming) -> BoxFuture<'static, Result<Verdict, String>> {
        self.clone().judge(content).boxed()
    }
}

#[cfg(test)]
mod tests;
