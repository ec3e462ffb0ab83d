//! Hands mails to a mail server, and says of each failure whether it is about the server, the address or this one mail.
//!
//! The commands are given one by one, since only who knows which was refused can tell these apart: an address must not be given up because
//! our own server doesn't know us any more. Connections are kept and used again, a bounded number of mails each.
//! Invariant: what a server says of a recipient goes nowhere, since it may name them.
use std::error::Error as _;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use estafette_actors::domain::mailbox::notice::{is_about_the_address, status_of};
use lettre::Address;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt, Rset};
use lettre::transport::smtp::extension::{ClientId, Extension, MailParameter};

/// A connection that was not used for so long is not believed any more: servers close them after minutes.
const IDLE: Duration = Duration::from_secs(20);
/// Mails over one connection at most: servers bound them.
const EACH: u32 = 100;
/// The code with which a server says that it goes away.
const GOING: u16 = 421;

/// How the way to the server is kept secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// It begins in the clear and must go on in TLS.
    StartTls,
    /// TLS from the first byte.
    Tls,
    /// Not at all: on the own machine only.
    None,
}

/// Where the server is, and who we are to it.
#[derive(Clone)]
pub struct Settings {
    /// Its name or address.
    pub host: Box<str>,
    /// Its port.
    pub port: u16,
    /// How the way is kept secret.
    pub security: Security,
    /// Certificates in PEM that are believed beside those of the system.
    pub authorities: Option<Box<str>>,
    /// User and password; none where it wants none.
    pub credentials: Option<(Box<str>, Box<str>)>,
    /// How long one mail may take.
    pub timeout: Duration,
}

impl std::fmt::Debug for Settings {
    /// Without the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{} ({:?})", self.host, self.port, self.security)
    }
}

/// Why a mail was not handed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The server takes nothing from us now; what it said, or what went wrong.
    Server(String),
    /// It refused our own address before any recipient was named; what it said. It may be away, or not want this one mail.
    Sender(String),
    /// The address is none, for good.
    Address,
    /// This one was not taken; with which code, and whether the server goes away.
    Mail {
        /// The code of the answer; none where there was none.
        code: Option<u16>,
        /// Whether the server is away too.
        is_away: bool,
    },
}

/// How far a mail came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Before anything of the recipient was said.
    Sender,
    Recipient,
    Content,
}

struct Idle {
    connection: AsyncSmtpConnection,
    since: Instant,
    mails: u32,
}

/// The way to the server.
pub struct Smtp {
    settings: Settings,
    tls: Option<TlsParameters>,
    hello: ClientId,
    idle: Mutex<Vec<Idle>>,
}

impl Smtp {
    /// To a server, to which we are `domain`. Connects to nobody yet; fails over certificates that can't be read.
    pub fn new(settings: Settings, domain: &str) -> Result<Self, String> {
        let tls = match settings.security {
            Security::None => None,
            Security::StartTls | Security::Tls => {
                let mut builder = TlsParameters::builder(settings.host.to_string());
                if let Some(authorities) = &settings.authorities {
                    let certificate = Certificate::from_pem(authorities.as_bytes()).map_err(|error| told(&error))?;
                    builder = builder.add_root_certificate(certificate);
                }
                Some(builder.build().map_err(|error| told(&error))?)
            }
        };
        let hello = ClientId::Domain(domain.to_owned());
        Ok(Self { settings, tls, hello, idle: Mutex::default() })
    }

    /// Hands a mail over: ends well once the server has it.
    pub async fn send(&self, from: &Address, to: &Address, mail: &[u8]) -> Result<(), Failure> {
        let mut stage = Stage::Sender;
        match tokio::time::timeout(self.settings.timeout, self.hand(from, to, mail, &mut stage)).await {
            Ok(done) => done,
            Err(_) if stage == Stage::Sender => Err(Failure::Server("it does not answer in time".to_owned())),
            Err(_) => Err(Failure::Mail { code: None, is_away: true }),
        }
    }

    async fn hand(&self, from: &Address, to: &Address, mail: &[u8], stage: &mut Stage) -> Result<(), Failure> {
        let is_plain = from.to_string().is_ascii() && to.to_string().is_ascii();
        let parameters = if is_plain { vec![] } else { vec![MailParameter::SmtpUtfEight] };
        let mut kept = self.kept();
        let (mut connection, mails) = loop {
            let (mut connection, mails, is_fresh) = match kept.take() {
                Some(kept) => (kept.connection, kept.mails, false),
                None => (self.begun().await?, 0, true),
            };
            if !is_plain && !connection.server_info().supports_feature(Extension::SmtpUtfEight) {
                self.keep(connection, mails);
                return Err(Failure::Mail { code: None, is_away: false });
            }
            match connection.command(Mail::new(Some(from.clone()), parameters.clone())).await {
                Ok(_) => break (connection, mails),
                Err(error) if is_fresh => return Err(sender(&error)),
                // It was closed meanwhile, or is to be: a fresh one says more.
                Err(_) => {}
            }
        };
        *stage = Stage::Recipient;
        let failed = content(&mut connection, to, mail, stage).await.err();
        let Some(error) = failed else {
            self.keep(connection, mails + 1);
            return Ok(());
        };
        let failure = failure(*stage, &error);
        // Without a code the connection broke; with 421 it will.
        if error.status().map(u16::from).is_some_and(|code| code != GOING) {
            self.again(connection, mails + 1).await;
        }
        Err(failure)
    }

    /// A fresh connection, secret and signed in as it is to be.
    async fn begun(&self) -> Result<AsyncSmtpConnection, Failure> {
        let server = |error: lettre::transport::smtp::Error| Failure::Server(told(&error));
        let settings = &self.settings;
        let at = (&*settings.host, settings.port);
        let tls = self.tls.clone().filter(|_| settings.security == Security::Tls);
        let connected = AsyncSmtpConnection::connect_tokio1(at, Some(settings.timeout), &self.hello, tls, None).await;
        let mut connection = connected.map_err(server)?;
        if let (Security::StartTls, Some(tls)) = (settings.security, self.tls.clone()) {
            connection.starttls(tls, &self.hello).await.map_err(server)?;
        }
        if let Some((user, password)) = &settings.credentials {
            let credentials = Credentials::new(user.to_string(), password.to_string());
            connection.auth(&[Mechanism::Plain, Mechanism::Login], &credentials).await.map_err(server)?;
        }
        Ok(connection)
    }

    fn kept(&self) -> Option<Idle> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|one| one.since.elapsed() < IDLE);
        idle.pop()
    }

    /// Keeps a connection on which a mail was refused, if it lets go of that.
    async fn again(&self, mut connection: AsyncSmtpConnection, mails: u32) {
        if connection.command(Rset).await.is_ok() {
            self.keep(connection, mails);
        }
    }

    fn keep(&self, mut connection: AsyncSmtpConnection, mails: u32) {
        if mails < EACH {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            idle.push(Idle { connection, since: Instant::now(), mails });
        } else {
            tokio::spawn(async move { connection.abort().await });
        }
    }

    /// Says goodbye to connections that nobody uses any more.
    pub fn tidy(&self) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let (old, rest) = idle.drain(..).partition(|one| one.since.elapsed() >= IDLE);
        *idle = rest;
        let old: Vec<Idle> = old;
        for mut one in old {
            tokio::spawn(async move { one.connection.abort().await });
        }
    }
}

/// What follows the sender.
async fn content(
    connection: &mut AsyncSmtpConnection,
    to: &Address,
    mail: &[u8],
    stage: &mut Stage,
) -> Result<(), lettre::transport::smtp::Error> {
    connection.command(Rcpt::new(to.clone(), vec![])).await?;
    *stage = Stage::Content;
    connection.command(Data).await?;
    connection.message(mail).await.map(drop)
}

/// What a failure is about before any recipient was named. An answer may be to this one mail; a connection that broke is not.
fn sender(error: &lettre::transport::smtp::Error) -> Failure {
    match error.status().map(u16::from) {
        Some(code) if code != GOING => Failure::Sender(told(error)),
        _ => Failure::Server(told(error)),
    }
}

/// What a failure is about, by what was refused, and how.
fn failure(stage: Stage, error: &lettre::transport::smtp::Error) -> Failure {
    let code = error.status().map(u16::from);
    let status = error.source().and_then(|said| status_of(&said.to_string()));
    if stage == Stage::Recipient && code.is_some_and(|code| code >= 500) && is_about_the_address(status) {
        return Failure::Address;
    }
    Failure::Mail { code, is_away: code.is_none_or(|code| code == GOING) }
}

/// What went wrong before any recipient was named, in one line.
fn told(error: &lettre::transport::smtp::Error) -> String {
    let text: String = error.to_string().chars().take(300).collect();
    text.replace(['\r', '\n'], " ")
}
