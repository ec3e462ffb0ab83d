//! The configuration as the program uses it: real durations, counts that are not zero, domain
//! types. Whoever holds a [`Config`] checks nothing again.
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use estafette_actors::delivery::PerRecipient;
use estafette_actors::domain::backoff::Backoff;
use estafette_actors::domain::channel::Channel;
use estafette_actors::domain::dossier::Code;
use estafette_actors::domain::language::Language;
use estafette_actors::domain::price::PriceList;
use estafette_actors::domain::strategy::Strategy;
use estafette_actors::domain::submission;
use estafette_actors::domain::webhook::Patience;
use estafette_actors::nursery::Budget;
use estafette_actors::ports::Polling;
use figment::value::Dict;

use crate::announce::Network;

/// A whole, checked configuration.
#[derive(Clone)]
pub struct Config {
    /// HTTP.
    pub http: Http,
    /// The admin port.
    pub admin: Admin,
    /// The data folder.
    pub data_folder: PathBuf,
    /// The journal.
    pub journal: Journal,
    /// What is looked up.
    pub lookup: Lookup,
    /// What a sender may ask for.
    pub messages: Messages,
    /// The actors.
    pub actors: Actors,
    /// What happened, for senders.
    pub events: Events,
    /// Where senders are called.
    pub webhooks: Webhooks,
    /// What may be under way at once.
    pub admission: Admission,
    /// How each channel is fed.
    pub delivery: BTreeMap<Channel, Delivery>,
    /// The channels that are switched on, each with its own settings (see [`Config::channel_tables`]).
    pub(super) channels: BTreeMap<String, Dict>,
    /// What messages cost.
    pub prices: PriceList,
    /// A file with known recipients.
    pub registry_file: Option<PathBuf>,
    /// Who is known to which institution; none when it is switched off.
    pub register: Option<Register>,
    /// The authentic source of persons, when it is elsewhere; none for the register's own tables.
    pub persons: Option<crate::source::Settings>,
    /// The e-Box; none when it is switched off.
    pub mailbox: Option<super::mailbox::Mailbox>,
    /// How long a channel's "not reachable" is believed.
    pub believed: Duration,
    /// Whether every channel is a simulator.
    pub simulated: bool,
    /// The simulated channels beside the live ones.
    pub(super) sandbox: BTreeMap<String, Dict>,
    /// Entries that the suppression lists of all institutions hold together.
    pub suppressions: usize,
    /// How soon an urgent message is to be handed to its channel.
    pub urgent_within: Duration,
    /// The log.
    pub log: Log,
    /// Institutions, in the order of the file.
    pub institutions: Vec<Institution>,
    /// Strategies, the built-in ones first; names are unique.
    pub strategies: Vec<Strategy>,
    /// The dossier types of which a strategy demands one, by its name.
    pub demands: HashMap<Box<str>, Vec<Code>>,
    /// The folder that backups go to.
    pub backup_folder: PathBuf,
    /// What stops the program: how long what is under way may take to end.
    pub drain: Duration,
    /// Every key as it was read.
    pub keys: super::Keys,
}

impl fmt::Debug for Config {
    /// Without the channels' tables: they may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("http", &self.http)
            .field("admin", &self.admin)
            .field("data_folder", &self.data_folder)
            .field("journal", &self.journal)
            .field("delivery", &self.delivery)
            .field("channels", &self.channels.keys())
            .finish_non_exhaustive()
    }
}

/// HTTP.
#[derive(Clone, Debug)]
pub struct Http {
    /// Where to listen.
    pub address: SocketAddr,
    /// Worker threads.
    pub workers: usize,
    /// Bytes of an ordinary request's body at most.
    pub body_bytes: usize,
    /// Bytes of a streamed list of recipients at most.
    pub stream_bytes: u64,
    /// Connections at most.
    pub connections: usize,
    /// A body that takes longer, and an upload that pauses for so long, is answered with 408.
    pub request_timeout: Duration,
    /// Requests a second of each institution, and of each client of mailboxes that belongs to none; none for no limit.
    pub requests: Option<NonZeroU32>,
    /// How many of them at once; none for those of two seconds.
    pub requests_burst: Option<NonZeroU32>,
    /// How long the head of a request may take.
    pub head_timeout: Duration,
    /// How long an idle connection is kept.
    pub keep_alive: Duration,
    /// Bytes of a channel's callback at most.
    pub callback_bytes: usize,
    /// Bytes of a SOAP envelope at most.
    pub envelope_bytes: usize,
    /// Uploads at once, of all institutions.
    pub uploads: usize,
    /// Bad rows of an upload that are described.
    pub reported_rows: usize,
}

/// The admin port.
#[derive(Clone, Debug)]
pub struct Admin {
    /// Where to listen.
    pub address: SocketAddr,
    /// The operator's password; none only on loopback, and then everybody is the operator.
    pub password: Option<Secret>,
    /// The password of those who may look and change nothing.
    pub viewer_password: Option<Secret>,
    /// Connections at most.
    pub connections: usize,
    /// A connection on which nothing is asked for so long is closed.
    pub idle: Duration,
    /// A command that was begun must be whole after this.
    pub half_frame: Duration,
    /// A client that doesn't read its answers for so long is cut off.
    pub write_timeout: Duration,
}

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Box<str>);

impl Secret {
    /// Keeps a text from being shown.
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// The text, to compare or to send; not to write anywhere.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// The journal.
#[derive(Clone, Debug)]
pub struct Journal {
    /// How long the writer gathers before it commits.
    pub trigger: Duration,
    /// A segment is closed when it has so many bytes.
    pub segment_bytes: u64,
    /// A segment is closed when it is so old.
    pub segment_age: Duration,
    /// The page cache.
    pub cache_bytes: usize,
    /// Changed states are written so long after their first change.
    pub flush_after: Duration,
    /// Derived states stay without a sync of their file for so long at most.
    pub derived_sync: Duration,
    /// Bytes of the disk that are kept free of new messages.
    pub keep_free: u64,
    /// Content is kept so long after settlement, where an institution says nothing else.
    pub retention: Duration,
    /// Receipts, trails and facts are kept so long.
    pub receipts: Duration,
    /// A receipt that matches nothing is kept so long.
    pub parked: Duration,
    /// Receipts that match nothing at most.
    pub parked_receipts: usize,
    /// Changed states in memory that are not written yet at most.
    pub unwritten_states: usize,
    /// Batches that wait for the writer at most.
    pub waiting_batches: usize,
}

/// The register.
#[derive(Clone, Copy, Debug)]
pub struct Register {
    /// The page cache.
    pub cache_bytes: usize,
    /// Changes reach their tables so long after they happened.
    pub flush_after: Duration,
    /// Bytes of changes that have not reached them at most.
    pub unwritten_bytes: usize,
    /// Changes that wait for the writer at most.
    pub waiting_changes: usize,
    /// Consultations are in the audit trail so long after they happened.
    pub audit_within: Duration,
    /// Lines of it that wait to be written at most.
    pub audit_waiting: usize,
    /// They are kept so long.
    pub audit_kept: Duration,
    /// Mutations in a file at most.
    pub file_mutations: usize,
    /// A file is kept so long after it was confirmed.
    pub mutations_kept: Duration,
}

/// What is looked up.
#[derive(Clone, Copy, Debug)]
pub struct Lookup {
    /// Recipients and references are found for so long.
    pub kept: Duration,
    /// An Idempotency-Key is known for so long.
    pub idempotency: Duration,
}

/// What a sender may ask for.
#[derive(Clone, Copy, Debug)]
pub struct Messages {
    /// How long a call without `Prefer` waits.
    pub wait: Duration,
    /// The longest wait.
    pub wait_max: Duration,
    /// The validity of a message that names none.
    pub validity: Duration,
    /// The longest validity.
    pub validity_max: Duration,
}

/// The actors.
#[derive(Clone, Copy, Debug)]
pub struct Actors {
    /// Messages in a mailbox at most.
    pub mailbox: usize,
    /// How often one may be replaced.
    pub budget: Budget,
}

/// What happened, for senders.
#[derive(Clone, Copy, Debug)]
pub struct Events {
    /// Events can be read for so long at least.
    pub kept: Duration,
    /// Streams at once.
    pub streams: usize,
    /// Streams at once, of each institution.
    pub institution_streams: usize,
    /// A stream on which nothing happens says so as often as this.
    pub heartbeat: Duration,
    /// Whoever takes nothing of what is sent for so long is cut off.
    pub reader_timeout: Duration,
}

/// Where senders are called.
#[derive(Clone, Debug)]
pub struct Webhooks {
    /// Webhooks of each institution at most.
    pub each: usize,
    /// Calls to one at once.
    pub concurrency: usize,
    /// How long a connection may take.
    pub connect: Duration,
    /// How long a call may take.
    pub whole: Duration,
    /// Retries, and when an endpoint counts as dead.
    pub patience: Patience,
    /// For how long a secret that was replaced still signs.
    pub overlap: Duration,
    /// Networks that may be called although they are not public.
    pub allowed: Vec<Network>,
}

/// What may be under way at once.
#[derive(Clone, Copy, Debug)]
pub struct Admission {
    /// Single submissions between arrival and commit.
    pub submissions: usize,
    /// Chunks of broadcasts likewise.
    pub chunks: usize,
    /// Batches of receipts likewise.
    pub receipts: usize,
}

/// How a channel is fed.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Attempts under way at once.
    pub window: usize,
    /// Messages read from a queue at once.
    pub page: usize,
    /// Parts a second through the channel; none for no limit.
    pub rate: Option<NonZeroU32>,
    /// Parts a second of each institution; none for no limit.
    pub institution_rate: Option<NonZeroU32>,
    /// Parts to each recipient, from each institution; none for no limit.
    pub recipient: Option<PerRecipient>,
    /// Failures of the channel itself in a row that open the breaker.
    pub breaker_failures: u32,
    /// How long it stays open at first.
    pub breaker_pause: Duration,
    /// An attempt that takes longer is of unknown outcome.
    pub attempt_timeout: Duration,
    /// Ends of attempts that are not confirmed as written after so long are told again.
    pub confirm_within: Duration,
    /// How the channel is asked for receipts, where it has to be asked.
    pub polling: Polling,
    /// When a failed attempt is made again.
    pub retry: Backoff,
}

/// The log.
#[derive(Clone, Debug)]
pub struct Log {
    /// A filter of tracing-subscriber, such as `info` or `info,estafette=debug`.
    pub level: String,
    /// Its form.
    pub format: LogFormat,
}

/// The form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// An institution that may send.
#[derive(Clone, Debug)]
pub struct Institution {
    /// Its number.
    pub id: submission::Institution,
    /// Its name, for people.
    pub name: String,
    /// The language when neither sender nor citizen says.
    pub default_language: Language,
    /// Whom the citizen sees as the sender, when a message doesn't say.
    pub sender_name: Option<String>,
    /// Names and numbers that its messages may give beside that; its own name where the file lists none.
    pub sender_names: Vec<String>,
    /// Names of the strategies that it may use; empty for all.
    pub strategies: Vec<String>,
    /// Its content is kept so long after settlement.
    pub retention: Duration,
    /// Requests a second, where it has a limit of its own.
    pub requests: Option<NonZeroU32>,
    /// The legal context of what it asks of the register, when a request names none.
    pub legal_context: Option<String>,
    /// Whether it runs this broker, and may see all.
    pub operator: bool,
}

impl Institution {
    /// Whether it may use a strategy.
    pub fn may_use(&self, strategy: &str) -> bool {
        self.strategies.is_empty() || self.strategies.iter().any(|name| name == strategy)
    }
}
