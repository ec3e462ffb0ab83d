//! The mailbox's ports: documents and mailboxes on disk, and the provider's signature under evidence; beside them the contents of
//! documents.
//!
//! Every change ends when it is durable, together with its lines in the audit trail, its events and its evidence. A future that is
//! dropped changes nothing of that.
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use crate::domain::cbe::Cbe;
use crate::domain::mailbox::document::{Digest, Document, DocumentId, Scan};
use crate::domain::mailbox::event::Event;
use crate::domain::mailbox::evidence::Signed;
use crate::domain::mailbox::item::{Filter, Item};
use crate::domain::mailbox::reference::{Application, Image, MessageType, Organization, RefId, Reference};
use crate::domain::mailbox::{Audience, ClientId, Mailbox, MailboxId, Preferences};
use crate::domain::niss::Niss;
use crate::domain::submission::Institution;
use crate::domain::time::Timestamp;

mod contents;

pub use contents::{ContentTrouble, Contents, Incoming, Kept, ProviderState, Providers, Scanner, Verdict, Wanted};

/// Who did something.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Actor {
    /// A sender, with the id of its key or client; no secret.
    Sender {
        /// Which institution.
        institution: Institution,
        /// With which key.
        key: Box<str>,
    },
    /// A person who signed in, for themselves or for an enterprise.
    Person(Niss),
    /// A partner portal or an enterprise's own software.
    Client(ClientId),
    /// The operator, over the admin port or with an operator's key.
    Operator(Box<str>),
    /// The program itself: expiry, reminders, the broker's channel.
    Program,
}

/// Who asks, and over which face: what the audit trail keeps of it. A person stands there as a keyed hash.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// Who.
    pub actor: Actor,
    /// Over which face it came.
    pub face: Face,
    /// The caller's own reference of the request.
    pub ticket: Option<Box<str>>,
}

impl Access {
    /// What the program does by itself.
    pub const PROGRAM: Self = Self { actor: Actor::Program, face: Face::Program, ticket: None };
}

/// Over which face something came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Face {
    /// The Message Registry and what stands beside it.
    Registry,
    /// The pages.
    Web,
    /// The admin port.
    Admin,
    /// The program itself.
    Program,
}

/// What was done, for the audit trail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    /// Reference data was defined or changed.
    Define,
    /// A mailbox was activated.
    Activate,
    /// It was deactivated.
    Deactivate,
    /// Preferences were changed.
    Prefer,
    /// A consent was given.
    Consent,
    /// A consent was withdrawn.
    Withdraw,
    /// A document was published.
    Publish,
    /// It was linked to mailboxes; one line for a call.
    Link,
    /// A mailbox was listed.
    List,
    /// A document's metadata were read.
    Look,
    /// A content was read.
    Read,
    /// A document was shown again, or put away.
    Show,
    /// A sender asked for states.
    Ask,
    /// Evidence was fetched.
    Prove,
    /// The scanner found something.
    Quarantine,
    /// A document expired, and its contents went.
    Expire,
}

/// A line of the audit trail.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditLine {
    /// Its place: grows with time, without a gap.
    pub position: u64,
    /// When.
    pub at: Timestamp,
    /// Who: a sender's CBE number, a client's name, `operator`, `program`, or the keyed hash of a person.
    pub who: Box<str>,
    /// With which key or session, where there is one; no secret.
    pub key: Option<Box<str>>,
    /// Over which face.
    pub face: Face,
    /// The caller's own reference.
    pub ticket: Option<Box<str>>,
    /// What.
    pub deed: Deed,
    /// Whose mailbox, as a keyed hash; none where it is about no single one.
    pub mailbox: Option<u64>,
    /// Which document.
    pub document: Option<DocumentId>,
    /// What came of it.
    pub outcome: Box<str>,
    /// SHA-256 over the line before it and this one: nobody can change or leave out a line unseen.
    pub hash: [u8; 32],
}

/// Why the mailbox did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// Too much is under way.
    #[error("the mailbox has more to do than it may keep waiting; try again in a second")]
    Overloaded,
    /// Nothing can be written.
    #[error("the mailbox takes no changes: {0}")]
    ReadOnly(String),
    /// Nothing can be read.
    #[error("the mailbox can't be read: {0}")]
    Unreadable(String),
    /// The disk or the store of contents is full.
    #[error("there is no room for more documents: the operator is told")]
    Full,
    /// It isn't there, or it is another's.
    #[error("no such document of yours")]
    NotFound,
    /// This sender published this already under the same Idempotency-Key.
    #[error("this was published already, as {0}")]
    Duplicate(DocumentId),
    /// The key was used for something else.
    #[error("this Idempotency-Key was used for another document: give each its own")]
    KeyReused,
    /// More consents, types or whatever than there may be.
    #[error("{0}")]
    TooMany(&'static str),
    /// The institution that has the contents does not answer.
    #[error("the institution that keeps this document does not answer: try again later")]
    ProviderAway,
    /// What the institution answered can't be shown.
    #[error("the institution that keeps this document answered with something else: try again later")]
    ProviderWrong,
    /// The scanner has not said yet, or said no.
    #[error("{}", match .0 { Scan::Quarantined => "a scanner found something in this document: it can't be read", _ => "this document is still being scanned: try again in a minute" })]
    NotReadable(Scan),
}

/// What changes in a mailbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It becomes active, with these preferences.
    Activate(Preferences),
    /// Nobody reads it digitally any more; what is in it stays.
    Deactivate,
    /// The holder wants something else.
    Prefer(Preferences),
    /// A portal may read.
    Consent(ClientId),
    /// It may no more.
    Withdraw(ClientId),
    /// The holder looked. Written late, and in no trail.
    Consulted,
    /// E-mail to this address came back.
    EmailFails(Box<str>),
    /// Who reads e-mail to this address wants no notices any more.
    StopNotices(Box<str>),
}

/// What is to be published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication {
    /// What; checked, its contents durable.
    pub document: Document,
    /// To whom; to nobody yet where recipients follow by links.
    pub recipients: Vec<MailboxId>,
    /// The sender's key for this request, and what the request hashes to.
    pub idempotency: Option<(Box<str>, Digest)>,
}

/// What came of a publication or a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Linked {
    /// The document.
    pub document: Arc<Document>,
    /// In how many mailboxes it is now in which it was not before.
    pub new: u32,
    /// Those of the recipients that nobody reads digitally yet, whether they have it since now or since before; it is there for them all
    /// the same.
    pub without_reader: Vec<MailboxId>,
}

/// What is known of a mailbox as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Documents in it.
    pub count: u64,
    /// Of these, those not read.
    pub unread: u64,
    /// When the last one came.
    pub last_received_at: Option<Timestamp>,
    /// When the holder looked last.
    pub consulted_at: Option<Timestamp>,
    /// Bytes of all.
    pub bytes: u64,
}

/// Which rights the reader has: types that need another are not there for them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Rights {
    /// All: a citizen in their own mailbox, or the enterprise's own software.
    #[default]
    All,
    /// These.
    Only(Vec<RefId>),
}

/// Items, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// These, without the texts of their bodies.
    pub items: Vec<Item>,
    /// How many there are in all.
    pub total: u64,
}

/// Events of a feed, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Events {
    /// These.
    pub events: Vec<Event>,
    /// There are more.
    pub has_next: bool,
}

/// What time brought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ticked {
    /// The names of contents that nothing needs any more.
    pub unneeded: Vec<Box<str>>,
    /// More is due at once.
    pub has_more: bool,
}

/// What a picture belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ImageOf {
    /// An application.
    Application(RefId),
    /// An organisation.
    Organization(Cbe),
}

/// How far a list of recipients is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// It is being worked through, or waits for it.
    Running,
    /// All of it was worked through.
    Done,
    /// It can't be worked through: see the last of its errors.
    Failed,
}

/// A list of recipients to whom a document is being linked, line by line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Names it, and tells when it began: in the form of a document's name.
    pub id: DocumentId,
    /// Whose it is.
    pub sender: Institution,
    /// With which key it came; no secret.
    pub key: Box<str>,
    /// The document.
    pub document: DocumentId,
    /// Under which name the contents have the list.
    pub list: Box<str>,
    /// How far it is.
    pub stage: Stage,
    /// Lines that were worked through, without the header.
    pub lines: u64,
    /// Of these, those whose mailbox has the document now.
    pub linked: u64,
    /// Of those, the ones that nobody reads digitally yet.
    pub without_reader: u64,
    /// Lines that are no recipient, or one that the document is not for.
    pub refused: u64,
    /// The first of those, [`TASK_ERRORS`] at most: the line, and what is wrong. Nobody's number is in it.
    pub errors: Vec<(u64, Box<str>)>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

/// Bad lines of a list that are described.
pub const TASK_ERRORS: usize = 1_000;
/// Lists of one sender that are being worked through at most.
pub const TASKS: usize = 100;

/// Items of one page at most.
pub const PAGE_MAX: usize = 100;
/// Lines of the audit trail of one page at most.
pub const AUDIT_MAX: usize = 1_000;

/// Mailboxes and documents.
pub trait Mailboxes: Send + Sync {
    /// The reference data, from memory.
    fn reference(&self) -> Arc<Reference>;

    /// Defines a message type, or changes it. Documents that are there stay as they are.
    fn define_type(&self, access: Access, definition: MessageType) -> BoxFuture<'static, Result<(), Trouble>>;

    /// Defines an application, or changes it; its pictures stay.
    fn define_application(&self, access: Access, definition: Application) -> BoxFuture<'static, Result<(), Trouble>>;

    /// Defines an organisation, or changes it; its pictures stay.
    fn define_organization(&self, access: Access, definition: Organization) -> BoxFuture<'static, Result<(), Trouble>>;

    /// Puts a picture, or replaces it.
    fn set_image(
        &self,
        access: Access,
        of: ImageOf,
        image: Image,
        bytes: Bytes,
    ) -> BoxFuture<'static, Result<(), Trouble>>;

    /// A picture.
    fn image(&self, of: ImageOf, id: RefId) -> BoxFuture<'static, Result<Option<(Image, Bytes)>, Trouble>>;

    /// What is known of a mailbox; answers at once.
    fn mailbox(&self, id: MailboxId) -> Result<Mailbox, Trouble>;

    /// Changes it; gives what is so now.
    fn change(&self, access: Access, id: MailboxId, change: Change) -> BoxFuture<'static, Result<Mailbox, Trouble>>;

    /// Publishes a document into mailboxes, all or none. It was checked, and its contents are durable.
    fn publish(&self, access: Access, publication: Publication) -> BoxFuture<'static, Result<Linked, Trouble>>;

    /// Links a document of this sender to more mailboxes, all or none.
    fn link(
        &self,
        access: Access,
        sender: Institution,
        document: DocumentId,
        recipients: Vec<MailboxId>,
    ) -> BoxFuture<'static, Result<Linked, Trouble>>;

    /// A document, whoever has it; none when it is not there or expired.
    fn document(&self, id: DocumentId) -> BoxFuture<'static, Result<Option<Arc<Document>>, Trouble>>;

    /// What the scanner said of an attachment.
    fn scanned(&self, document: DocumentId, number: u8, scan: Scan) -> BoxFuture<'static, Result<(), Trouble>>;

    /// Attachments that still wait for a scanner, so many at most.
    fn unscanned(&self, limit: usize) -> BoxFuture<'static, Result<Vec<(DocumentId, u8)>, Trouble>>;

    /// What is known of a mailbox as a whole, as far as the reader may see it.
    fn summary(&self, id: MailboxId, rights: Rights) -> BoxFuture<'static, Result<Summary, Trouble>>;

    /// Documents of a mailbox, newest first, `limit` (at most [`PAGE_MAX`]) after the first `skip`.
    fn items(
        &self,
        id: MailboxId,
        rights: Rights,
        filter: Filter,
        skip: usize,
        limit: usize,
    ) -> BoxFuture<'static, Result<Page, Trouble>>;

    /// One document of a mailbox; none when it isn't there, expired, or of a type that the reader may not see.
    fn item(
        &self,
        id: MailboxId,
        rights: Rights,
        document: DocumentId,
    ) -> BoxFuture<'static, Result<Option<Item>, Trouble>>;

    /// Somebody read a content: of the main content it is noted, the first time told and proven. Gives the item as it is now.
    fn read(
        &self,
        access: Access,
        id: MailboxId,
        document: DocumentId,
        is_main: bool,
    ) -> BoxFuture<'static, Result<Item, Trouble>>;

    /// Shows documents, or puts them away; all or none.
    fn show(
        &self,
        access: Access,
        id: MailboxId,
        changes: Vec<(DocumentId, bool)>,
    ) -> BoxFuture<'static, Result<(), Trouble>>;

    /// What became of documents of a sender in mailboxes, [`crate::domain::mailbox::document::LINKS`] at most; none for each that is not
    /// there. Without the texts of their bodies.
    fn states(
        &self,
        sender: Institution,
        wanted: Vec<(DocumentId, MailboxId)>,
    ) -> BoxFuture<'static, Result<Vec<Option<Item>>, Trouble>>;

    /// Events after a number, oldest first; with `from` those of that moment or later only.
    fn events(
        &self,
        of: Audience,
        after: u64,
        from: Option<Timestamp>,
        limit: usize,
    ) -> BoxFuture<'static, Result<Events, Trouble>>;

    /// The number of the last event of a feed, 0 before the first; answers at once.
    fn last_event(&self, of: Audience) -> Result<u64, Trouble>;

    /// The document that a sender's application published under a key; none for a key that is not known (any more).
    fn published_under(
        &self,
        sender: Institution,
        application: Option<RefId>,
        key: Box<str>,
    ) -> BoxFuture<'static, Result<Option<DocumentId>, Trouble>>;

    /// Up to which event a part of the program has followed a feed. One that never did begins with what comes from now on.
    fn follow(&self, of: Audience, follower: &'static str) -> BoxFuture<'static, Result<u64, Trouble>>;

    /// It has followed it up to this one; what is further already stays.
    fn followed(&self, of: Audience, follower: &'static str, up_to: u64) -> BoxFuture<'static, Result<(), Trouble>>;

    /// The evidence of a registered document in a mailbox, in its order.
    fn evidence(&self, id: MailboxId, document: DocumentId) -> BoxFuture<'static, Result<Vec<Signed>, Trouble>>;

    /// The holder was told of a registered document (see [`crate::domain::mailbox::evidence::Step::NotificationForAcceptance`]).
    fn notified(&self, id: MailboxId, document: DocumentId) -> BoxFuture<'static, Result<(), Trouble>>;

    /// Does what time brings, a bounded part of it: reminders, alerts, and expiry, which takes documents, their links and what finds
    /// them away.
    fn tick(&self, now: Timestamp) -> BoxFuture<'static, Result<Ticked, Trouble>>;

    /// Keeps how far a list of recipients is. One that ended is known for a time, and its list is needed no more.
    fn put_task(&self, task: Task) -> BoxFuture<'static, Result<(), Trouble>>;

    /// A list of a sender.
    fn task(&self, sender: Institution, id: DocumentId) -> BoxFuture<'static, Result<Option<Task>, Trouble>>;

    /// Lists that are being worked through, the oldest first.
    fn running_tasks(&self) -> BoxFuture<'static, Result<Vec<Task>, Trouble>>;

    /// Writes down what was looked at; durable a moment later.
    fn note(
        &self,
        access: Access,
        deed: Deed,
        mailbox: Option<MailboxId>,
        document: Option<DocumentId>,
        outcome: &'static str,
    );

    /// Lines of the audit trail after a place, oldest first: about a mailbox, a document, or all.
    fn audit(
        &self,
        mailbox: Option<MailboxId>,
        document: Option<DocumentId>,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<AuditLine>, Trouble>>;

    /// What an operator wants to know of how they are kept: names and numbers.
    fn figures(&self) -> Vec<(&'static str, u64)>;
}

/// The provider's signature under evidence.
pub trait Signer: Send + Sync {
    /// Signs a record: the compact form of a JWS with the header's `kid` naming the key.
    fn sign(&self, payload: &[u8]) -> Signed;
}
