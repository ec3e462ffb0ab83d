//! One connection: reads commands, answers them in order, and ends when its client makes it wait
//! too long in either direction.
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::{constant_time, digest};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

use super::monitor::{self, Watch};
use super::reply::{Reply, Version};
use super::{Desk, Role, commands, request};
use crate::config::Secret;

/// Bytes read at once.
const PIECE: usize = 8 * 1024;
/// Answers of pipelined commands are sent when they are so many bytes.
const FULL: usize = 64 * 1024;
/// Wrong passwords after which a connection ends, and what each costs.
const MOST_WRONG: u32 = 5;
const AFTER_A_WRONG_ONE: Duration = Duration::from_millis(250);

/// What a client said of itself.
pub struct Session {
    /// The connection's number.
    pub number: u64,
    /// The version asked for.
    pub version: Version,
    /// What it may do; nothing before AUTH, where that is needed.
    pub role: Option<Role>,
    /// What it watches, after MONITOR.
    pub watch: Option<Watch>,
    /// Whether the connection ends after this answer.
    pub leaving: bool,
    /// The name that the client gave itself.
    pub name: String,
    wrong: u32,
}

impl Session {
    /// Checks a password. A wrong one takes a while, and several end the connection.
    ///
    /// The password says who somebody is. The user names `operator` and `viewer` must fit it; any
    /// other, such as `default`, is taken for either.
    pub async fn trust(&mut self, desk: &Desk, user: Option<&str>, given: &str) -> Result<(), Reply> {
        let settings = desk.settings.load_full();
        if settings.password.is_none() {
            return Err(Reply::error("no password is set, and none is needed"));
        }
        let hash = |text: &str| digest::digest(&digest::SHA256, text.as_bytes());
        let given = hash(given);
        let is = |password: &Option<Secret>| {
            let known = password.as_ref().map(|password| hash(password.expose()));
            known.is_some_and(|known| constant_time::verify_slices_are_equal(known.as_ref(), given.as_ref()).is_ok())
        };
        // Both are compared whatever the first says, so that time tells nothing.
        let (operator, viewer) = (is(&settings.password), is(&settings.viewer_password));
        let role = match user {
            Some("operator") => operator.then_some(Role::Operator),
            Some("viewer") => viewer.then_some(Role::Viewer),
            _ if operator => Some(Role::Operator),
            _ => viewer.then_some(Role::Viewer),
        };
        if role.is_some() {
            self.role = role;
            return Ok(());
        }
        self.wrong += 1;
        self.leaving = self.wrong >= MOST_WRONG;
        tracing::warn!(connection = self.number, "a wrong password was given at the admin port");
        tokio::time::sleep(AFTER_A_WRONG_ONE).await;
        Err(Reply::Error("WRONGPASS the password is not right".into()))
    }
}

/// The connection.
pub struct Connection {
    stream: TcpStream,
    desk: Arc<Desk>,
    session: Session,
    read: Vec<u8>,
    written: Vec<u8>,
}

impl Connection {
    /// A fresh one.
    pub fn new(stream: TcpStream, desk: Arc<Desk>, number: u64) -> Self {
        let session = Session {
            number,
            version: Version::Two,
            role: desk.settings.load().password.is_none().then_some(Role::Operator),
            watch: None,
            leaving: false,
            name: String::new(),
            wrong: 0,
        };
        Self { stream, desk, session, read: Vec::new(), written: Vec::new() }
    }

    /// Answers until either side has enough. An error of the socket is an end like any other.
    pub async fn run(mut self) {
        let _ = self.stream.set_nodelay(true);
        let mut begun: Option<Instant> = None;
        loop {
            let taken = match self.answer().await {
                Ok(taken) => taken,
                Err(Gone) => return,
            };
            if let Some(watch) = self.session.watch.take() {
                if self.monitor(watch).await.is_err() {
                    return;
                }
                // What the client said ended it, and is answered now.
                continue;
            }
            begun = match (self.read.is_empty(), begun) {
                (true, _) => None,
                // The rest is the beginning of another command: its time starts now.
                (false, begun) if taken == 0 => begun.or_else(|| Some(Instant::now())),
                (false, _) => Some(Instant::now()),
            };
            let patience = match begun {
                Some(begun) => begun + self.desk.settings.load().half_frame,
                None => Instant::now() + self.desk.settings.load().idle,
            };
            let start = self.read.len();
            self.read.resize(start + PIECE, 0);
            match timeout_at(patience, self.stream.read(&mut self.read[start..])).await {
                Ok(Ok(count)) if count > 0 => self.read.truncate(start + count),
                Err(_) if begun.is_some() => {
                    Reply::error("the command did not arrive whole in time")
                        .write(self.session.version, &mut self.written);
                    let _ = self.flush().await;
                    return;
                }
                Ok(_) | Err(_) => return,
            }
        }
    }

    /// Answers every whole command that was read; says how many bytes they took.
    async fn answer(&mut self) -> Result<usize, Gone> {
        let mut taken = 0;
        loop {
            match request::next(&self.read[taken..]) {
                Ok(None) => break,
                Ok(Some((words, length))) => {
                    taken += length;
                    if words.is_empty() {
                        continue;
                    }
                    let reply = commands::call(&mut self.session, &self.desk, &words).await;
                    reply.write(self.session.version, &mut self.written);
                }
                Err(error) => {
                    Reply::error(error).write(self.session.version, &mut self.written);
                    self.session.leaving = true;
                }
            }
            if self.session.watch.is_some() {
                break;
            }
            if self.session.leaving {
                let _ = self.flush().await;
                let _ = self.stream.shutdown().await;
                return Err(Gone);
            }
            if self.written.len() >= FULL {
                self.flush().await?;
            }
        }
        self.read.drain(..taken);
        self.flush().await?;
        Ok(taken)
    }

    /// Shows what happens until the client says something. It is behind by a page at most: the next
    /// is read when the last one is with the system.
    async fn monitor(&mut self, watch: Watch) -> Result<(), Gone> {
        let broker = self.desk.broker.clone();
        let mut after = broker.journal().position();
        // What came in the same piece as MONITOR ends it too.
        while self.read.is_empty() {
            let now = broker.journal().position();
            if now.saturating_sub(after) > monitor::BEHIND {
                monitor::passed_over(now - after, &mut self.written);
                after = now;
            }
            let page = match broker.archive().tail(after, monitor::PAGE).await {
                Ok(page) => page,
                Err(error) => {
                    Reply::error(error).write(self.session.version, &mut self.written);
                    self.flush().await?;
                    return Err(Gone);
                }
            };
            let is_last = page.len() < monitor::PAGE;
            for (position, fact) in page {
                after = position;
                if watch.wants(&fact) {
                    monitor::line(&fact, &mut self.written);
                }
            }
            self.flush().await?;
            let pause = if is_last { monitor::LOOK } else { Duration::ZERO };
            let mut piece = [0; 1024];
            match timeout(pause, self.stream.read(&mut piece)).await {
                Ok(Ok(count)) if count > 0 => self.read.extend_from_slice(&piece[..count]),
                Ok(_) => return Err(Gone),
                Err(_) => {}
            }
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), Gone> {
        if self.written.is_empty() {
            return Ok(());
        }
        let patience = self.desk.settings.load().write_timeout;
        let sent = timeout(patience, self.stream.write_all(&self.written)).await;
        self.written.clear();
        match sent {
            Ok(Ok(())) => Ok(()),
            _ => Err(Gone),
        }
    }
}

/// The client is gone, or is to go.
struct Gone;
