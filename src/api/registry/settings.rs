//! How programs reach mailboxes: who they are, how their tokens are checked, what bounds them.
use std::path::PathBuf;
use std::time::Duration;

use estafette_actors::domain::language::Translated;
use estafette_actors::domain::mailbox::ClientId;
use estafette_actors::domain::mailbox::document::ATTACHMENT_BYTES;
use estafette_actors::domain::mailbox::reference::RefId;
use estafette_actors::domain::submission::Institution;
use estafette_actors::domain::time::Timestamp;
use jiff::civil::Date;

/// What this face is told. Each has a key in the configuration.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where it is reached from outside, such as `https://ebox.example.be`, without a slash at the end; none: as each request names
    /// it. The addresses of contents in answers begin with it.
    pub public_url: Option<Box<str>>,
    /// What this document provider is called in events.
    pub provider: Box<str>,
    /// How access tokens are checked; none: nobody has one, and only senders with keys come in.
    pub tokens: Option<Tokens>,
    /// Clients that may do more than read with the holder's consent.
    pub clients: Vec<Client>,
    /// The document providers of the federation.
    pub providers: Vec<Provider>,
    /// Bytes of an attachment at most, up to 100 MiB.
    pub attachment_bytes: u64,
    /// Publications at once, of all senders: each holds a few pieces of its body in memory.
    pub publications: usize,
    /// A scanner looks at what comes: until it has, nobody may read it.
    pub is_scanned: bool,
    /// Lines of a list of recipients at most.
    pub task_lines: u64,
    /// Bytes of a list of recipients at most.
    pub task_bytes: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            public_url: None,
            provider: "estafette".into(),
            tokens: None,
            clients: Vec::new(),
            providers: Vec::new(),
            attachment_bytes: ATTACHMENT_BYTES,
            publications: 64,
            is_scanned: false,
            task_lines: 20_000_000,
            task_bytes: 1 << 30,
        }
    }
}

/// How access tokens (RFC 9068) are checked.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// Who issues them: `iss`, letter by letter.
    pub issuer: Box<str>,
    /// For whom they are: one of `aud`.
    pub audience: Box<str>,
    /// Where the issuer's public keys are.
    pub keys: KeySet,
    /// By how much the issuer's clock may differ from ours.
    pub leeway: Duration,
    /// How old the keys may get before they are read again.
    pub refresh: Duration,
}

impl Tokens {
    /// With the usual times: half a minute, ten minutes.
    pub fn new(issuer: &str, audience: &str, keys: KeySet) -> Self {
        let (leeway, refresh) = (Duration::from_secs(30), Duration::from_secs(600));
        Self { issuer: issuer.into(), audience: audience.into(), keys, leeway, refresh }
    }
}

/// Where a set of public keys (JWKS, RFC 7517) is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySet {
    /// In a file, that is read again as it gets old.
    File(PathBuf),
    /// With the issuer, over https.
    Url(Box<str>),
}

/// A client of the issuer's. One that is not set up here is taken for a portal: it reads with the holder's consent only.
#[derive(Clone, Debug)]
pub struct Client {
    /// Its `client_id`.
    pub id: ClientId,
    /// For which institution it publishes.
    pub institution: Option<Institution>,
    /// It is a portal: each request needs the consent of the mailbox's holder.
    pub is_portal: bool,
    /// It may follow the events of all mailboxes.
    pub follows_events: bool,
}

/// A document provider of the federation.
#[derive(Clone, Debug)]
pub struct Provider {
    /// Its identifier.
    pub id: RefId,
    /// Its name.
    pub names: Translated<Box<str>>,
    /// What it is.
    pub descriptions: Translated<Box<str>>,
    /// Where its message registry is.
    pub url: Box<str>,
    /// From which day on.
    pub activated_on: Date,
    /// Until which day.
    pub deactivated_on: Option<Date>,
    /// Whom to ask about it.
    pub technical_contact: Box<str>,
    /// When it is away, and until when.
    pub maintenance: Vec<(Timestamp, Timestamp)>,
    /// The version of the Message Registry that it speaks.
    pub version: Box<str>,
    /// Whose contents it keeps: documents of this institution may stay there.
    pub institution: Option<Institution>,
}
