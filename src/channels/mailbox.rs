//! e-Box, the program's own: documents in mailboxes that this program keeps itself.
//!
//! A message is a document of its own. Rows of a broadcast that say the same are one document, published once and linked to each
//! recipient, those that are ready together in one call. Invariant: what is published is published under a key that says what it is
//! of, so that a crash, a retry or an attempt of unknown outcome finds it again and nobody has it twice. A mailbox that nobody reads
//! digitally has it too: the letter is sent then, and delivered where the mailbox is active.
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use estafette_actors::domain::channel::Channel;
use estafette_actors::domain::failure::Failure;
use estafette_actors::domain::life::Outcome;
use estafette_actors::domain::mailbox::MailboxId;
use estafette_actors::domain::mailbox::document::DocumentId;
use estafette_actors::domain::mailbox::reference::RefId;
use estafette_actors::domain::status::AttemptStatus;
use estafette_actors::domain::submission::Recipient;
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::{CallbackError, CallbackRequest, Ear, Home, Inquiry, Letter, Received, Transport};
use estafette_actors::ports::{mailbox::Rights, mailbox::Trouble};
use futures_util::future::BoxFuture;
use tokio::sync::{OnceCell, watch};

use super::Error;
use super::expiring::Expiring;
use super::gathering::{Gathered, Gathering, Group, Told, tell};
use super::http::failed;
use super::settings::{Checks, Table};

mod document;
mod following;
mod publishing;
mod settings;

pub use document::is_letter;
pub use settings::Settings;

const NAME: &str = "ebox";
/// Documents of broadcasts whose keys are remembered.
const REMEMBERED: usize = 10_000;
/// How long they are: less than the mailboxes know a key.
const REMEMBERED_FOR: Duration = Duration::from_secs(24 * 3_600);

/// Makes the channel from its table.
pub(super) fn build(table: &Table) -> Result<Arc<dyn Transport>, Error> {
    Ok(Arc::new(table.make(NAME, Own::new)?))
}

/// The channel.
pub struct Own(Arc<Inner>);

struct Inner {
    application: RefId,
    message_type: RefId,
    gathering: Gathering<MailboxId>,
    reads_every: Duration,
    /// The e-Box, once it is open.
    home: OnceLock<Home>,
    /// The type and the application that the program brings are there.
    defined: OnceCell<()>,
    /// Documents of broadcasts, by key.
    documents: Expiring<Box<str>, DocumentId>,
    /// Whether another one took its place.
    retired: watch::Sender<bool>,
}

impl Own {
    /// Makes it; it publishes once it was given the e-Box.
    pub fn new(settings: Settings) -> Result<Self, Error> {
        let mut checks = Checks::default();
        let application = checks.note(settings.application());
        let message_type = checks.note(settings.message_type());
        let most = checks.note(settings.most());
        let within = checks.note(settings.within());
        let reads_every = checks.note(settings.reads_every());
        let parts = application.zip(message_type).zip(most.zip(within).zip(reads_every));
        let ((application, message_type), ((most, within), reads_every)) = checks.made(parts)?;
        Ok(Self(Arc::new(Inner {
            application,
            message_type,
            gathering: Gathering::new(most, within),
            reads_every,
            home: OnceLock::new(),
            defined: OnceCell::new(),
            documents: Expiring::new(REMEMBERED_FOR, REMEMBERED),
            retired: watch::Sender::new(false),
        })))
    }
}

/// The mailbox of a recipient; none for one who is known by a mobile number only.
fn mailbox_of(recipient: &Recipient) -> Option<MailboxId> {
    recipient.niss.map(MailboxId::Citizen).or_else(|| recipient.cbe.map(MailboxId::Enterprise))
}

/// The broker's reference of a document in a mailbox, which a read is matched by.
pub fn reference(home: &Home, document: DocumentId, mailbox: MailboxId) -> Box<str> {
    format!("{document}.{:016x}", (home.mark)(document, mailbox)).into()
}

/// How far a letter is whose document is in a mailbox.
const fn arrived(is_read_digitally: bool) -> AttemptStatus {
    if is_read_digitally { AttemptStatus::Delivered } else { AttemptStatus::Sent }
}

impl Transport for Own {
    fn channel(&self) -> Channel {
        Channel::EBOX
    }

    fn provider(&self) -> &'static str {
        NAME
    }

    fn send(&self, letter: Letter) -> BoxFuture<'static, Outcome> {
        let inner = Arc::clone(&self.0);
        Box::pin(async move { inner.send(&letter).await })
    }

    fn at_home(&self, home: &Home) {
        // Given once: a program has one e-Box.
        let _ = self.0.home.set(home.clone());
    }

    fn is_ready(&self) -> bool {
        self.0.home.get().is_some()
    }

    fn inquire(&self, letter: Letter) -> BoxFuture<'static, Inquiry> {
        let inner = Arc::clone(&self.0);
        Box::pin(async move {
            inner.gathering.ended(letter.reference).await;
            loop {
                match inner.inquire(&letter).await {
                    // Who asks says how long: an attempt has its timeout.
                    Err(Trouble::Overloaded) => tokio::time::sleep(publishing::BUSY_FOR).await,
                    told => return told.unwrap_or(Inquiry::CannotTell),
                }
            }
        })
    }

    fn can_tell(&self) -> &'static str {
        "whether the mailbox has the document, and whether it was read"
    }

    fn receipts(&self, _: &CallbackRequest) -> Result<Received, CallbackError> {
        Err(CallbackError::None)
    }

    fn poll(
        &self,
        _: Timestamp,
    ) -> Option<BoxFuture<'static, Result<Vec<estafette_actors::domain::receipt::Receipt>, String>>> {
        // Reads are followed: see `following`.
        None
    }

    fn listen(&self, ear: Arc<dyn Ear>) -> Option<BoxFuture<'static, ()>> {
        Some(Box::pin(following::run(Arc::clone(&self.0), ear)))
    }

    fn retire(&self, _: Arc<dyn Transport>) -> BoxFuture<'static, ()> {
        // Who follows reads from now on begins where this one ended.
        self.0.retired.send_replace(true);
        Box::pin(std::future::ready(()))
    }
}

impl Inner {
    async fn send(self: &Arc<Self>, letter: &Letter) -> Outcome {
        let Some(mailbox) = mailbox_of(&letter.recipient) else { return failed(Failure::Unreachable) };
        if !document::says_something(&letter.envelope.content) {
            return failed(Failure::InvalidContent);
        }
        let receivers: Arc<[MailboxId]> = Arc::new([mailbox]);
        // The call is a task of its own: it goes on, and is known to be under way, when the letter is not waited for any more.
        let told = if self.gathering.takes(letter, &receivers) {
            let joined = self.gathering.join(letter, &receivers);
            for group in joined.full {
                self.spawn_call(group);
            }
            if let Some(begun) = joined.begun {
                let inner = Arc::clone(self);
                tokio::spawn(async move {
                    if let Some(group) = inner.gathering.closed(begun).await {
                        inner.call(group).await;
                    }
                });
            }
            joined.told
        } else {
            let (group, told) = self.gathering.alone(letter, &receivers);
            self.spawn_call(group);
            told
        };
        match told.await {
            Ok(Told::Outcome(outcome)) => outcome,
            // Without a last word the call ended in a panic: nobody knows what was published.
            Ok(Told::Alone) | Err(_) => Outcome::Unknown,
        }
    }

    fn spawn_call(self: &Arc<Self>, group: Group<MailboxId>) {
        let inner = Arc::clone(self);
        tokio::spawn(async move { inner.call(group).await });
    }

    /// Puts the document of a group into the mailboxes of its letters, and tells each.
    async fn call(&self, mut group: Group<MailboxId>) {
        // Before those are left out for whom nobody waits: who asks about them from now on waits for the end.
        let _under_way = self.gathering.begin(&group);
        group.awaited();
        let Some(first) = group.letters.first().map(Gathered::reference) else { return };
        let Some(home) = self.home.get() else {
            return tell(group.letters, |_| Told::Outcome(failed(Failure::ChannelDown)));
        };
        let mailboxes = group.letters.iter().flat_map(|letter| letter.receivers.to_vec()).collect();
        match self.put(home, &group.envelope, first, mailboxes).await {
            Ok(put) => tell(group.letters, |letter| {
                let of_one = |mailbox: &MailboxId| {
                    if put.left_out.contains(mailbox) {
                        return failed(Failure::RejectedByChannel);
                    }
                    let status = arrived(!put.without_reader.contains(mailbox));
                    Outcome::Is(status, Some(reference(home, put.document, *mailbox)))
                };
                Told::Outcome(letter.receivers.first().map_or_else(|| failed(Failure::Unreachable), of_one))
            }),
            Err(outcome) => tell(group.letters, |_| Told::Outcome(outcome.clone())),
        }
    }

    async fn inquire(&self, letter: &Letter) -> Result<Inquiry, Trouble> {
        let Some(home) = self.home.get() else { return Ok(Inquiry::CannotTell) };
        let Some(mailbox) = mailbox_of(&letter.recipient) else { return Ok(Inquiry::NotFound) };
        let mailboxes = home.ebox.mailboxes();
        for key in publishing::keys(&letter.envelope, letter.reference) {
            let application = Some(self.application.clone());
            let Some(document) = mailboxes.published_under(letter.institution, application, key).await? else { break };
            if let Some(item) = mailboxes.item(mailbox, Rights::All, document).await? {
                let status = match item.state.read_at {
                    Some(_) => AttemptStatus::Read,
                    None => arrived(mailboxes.mailbox(mailbox)?.is_active()),
                };
                return Ok(Inquiry::Known(status, Some(reference(home, document, mailbox))));
            }
        }
        Ok(Inquiry::NotFound)
    }
}
