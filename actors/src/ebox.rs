//! The e-Box: what may be published, and who may read it.
//!
//! One handle that every face holds: the Message Registry, the pages, the broker's own channel. It decides what is refused and for what
//! reason; behind it are the ports. It must not know how anything is written down, nor over which protocol it came.
use std::sync::Arc;

use crate::domain::cbe::Cbe;
use crate::domain::mailbox::document::{self, Digest, Document, DocumentId, LINKS};
use crate::domain::mailbox::item::{Filter, Item};
use crate::domain::mailbox::reference::{MessageType, RefId};
use crate::domain::mailbox::{Audience, Mailbox, MailboxId};
use crate::domain::submission::Institution;
use crate::ports::Clock;
use crate::ports::mailbox::{
    Access, Actor, Contents, Deed, Incoming, Linked, Mailboxes, Page, Providers, Publication, Rights, Summary, Trouble,
    Wanted,
};

/// Why something is not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such message type, or none of this sender's.
    #[error("no message type of this name may be published by you: see `referenceData/messageTypes`")]
    UnknownType,
    /// No such application, or none of this sender's.
    #[error("no application of this name may publish for you: see `referenceData/senderApplications`")]
    UnknownApplication,
    /// The application does not publish this type.
    #[error("this application does not publish documents of this type")]
    NotOfApplication,
    /// The type is for others.
    #[error("documents of this type are for {}", match .0 { Audience::Citizen => "citizens", Audience::Enterprise => "enterprises" })]
    WrongAudience(Audience),
    /// The type may not be registered.
    #[error("documents of this type are not published as registered mail")]
    NotRegistered,
    /// The document that is replied to.
    #[error("no such document that may be replied to")]
    NoReply,
    /// Nobody, or too many.
    #[error("give 1 to 1,000 recipients, each once")]
    Recipients,
    /// The document itself.
    #[error(transparent)]
    Document(#[from] document::Error),
    /// The mailbox is not active: its holder has to activate it first.
    #[error("this mailbox is not active: its holder has to activate it")]
    NotActive,
    /// The holder has not let this portal read, or no more.
    #[error("the holder of this mailbox has given no consent to you")]
    NoConsent,
    /// What the ports say.
    #[error(transparent)]
    Trouble(#[from] Trouble),
}

/// What a sender wants to publish. Its contents are durable.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The document; `id`, `published_at`, `sender` and, where none was given, `expires_at` are set here.
    pub document: Document,
    /// An expiry was given.
    pub expires: bool,
    /// To whom.
    pub recipients: Vec<MailboxId>,
    /// The sender's key for this request, and what the request hashes to.
    pub idempotency: Option<(Box<str>, Digest)>,
}

/// Somebody who reads in a mailbox: who they are was shown by the face.
#[derive(Clone)]
pub struct Reader {
    /// In which.
    pub mailbox: MailboxId,
    /// What of it they may see.
    pub rights: Rights,
    /// Who they are, for the trail.
    pub access: Access,
}

/// The handle.
#[derive(Clone)]
pub struct EBox {
    mailboxes: Arc<dyn Mailboxes>,
    contents: Arc<dyn Contents>,
    providers: Option<Arc<dyn Providers>>,
    clock: Arc<dyn Clock>,
}

impl EBox {
    /// Of its ports.
    pub fn new(
        mailboxes: Arc<dyn Mailboxes>,
        contents: Arc<dyn Contents>,
        providers: Option<Arc<dyn Providers>>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { mailboxes, contents, providers, clock }
    }

    /// Mailboxes and documents, for what needs no decision.
    pub fn mailboxes(&self) -> &Arc<dyn Mailboxes> {
        &self.mailboxes
    }

    /// The contents, for what is being taken.
    pub fn contents(&self) -> &Arc<dyn Contents> {
        &self.contents
    }

    /// Publishes a document of an institution.
    pub async fn publish(&self, access: &Access, sender: Institution, draft: Draft) -> Result<Linked, Refusal> {
        let Draft { mut document, expires, recipients, idempotency } = draft;
        let message_type = self.may_publish(sender.0, &document, &recipients)?;
        let now = self.clock.now();
        document.id = DocumentId::new(now, rand::random());
        (document.sender, document.published_at) = (sender, now);
        if !expires {
            document.expires_at = message_type.validity.ends(now);
        }
        if let Some(original) = document.replies_to {
            let known = self.mailboxes.document(original).await?;
            known.filter(|known| known.may_be_replied_to).ok_or(Refusal::NoReply)?;
        }
        let document = document.checked()?;
        Ok(self.mailboxes.publish(access.clone(), Publication { document, recipients, idempotency }).await?)
    }

    /// Whether an institution may publish this, to these.
    fn may_publish(&self, sender: Cbe, document: &Document, recipients: &[MailboxId]) -> Result<MessageType, Refusal> {
        let reference = self.mailboxes.reference();
        let message_type = reference.message_type(&document.message_type).ok_or(Refusal::UnknownType)?;
        if !message_type.organizations.is_empty() && !message_type.organizations.contains(&sender) {
            return Err(Refusal::UnknownType);
        }
        if let Some(id) = &document.application {
            let application = reference.application(id).ok_or(Refusal::UnknownApplication)?;
            if !application.organizations.is_empty() && !application.organizations.contains(&sender) {
                return Err(Refusal::UnknownApplication);
            }
        }
        let is_named = |id: &RefId| message_type.applications.contains(id);
        if !message_type.applications.is_empty() && !document.application.as_ref().is_some_and(is_named) {
            return Err(Refusal::NotOfApplication);
        }
        if document.is_registered && !message_type.may_be_registered {
            return Err(Refusal::NotRegistered);
        }
        addressed(message_type, recipients)?;
        Ok(message_type.clone())
    }

    /// Links a document of an institution to more mailboxes.
    pub async fn link(
        &self,
        access: &Access,
        sender: Institution,
        document: DocumentId,
        recipients: Vec<MailboxId>,
    ) -> Result<Linked, Refusal> {
        let known = self.mailboxes.document(document).await?.filter(|known| known.sender == sender);
        let known = known.ok_or(Trouble::NotFound)?;
        let reference = self.mailboxes.reference();
        // A type that is defined no more is for whom its documents are.
        match reference.message_type(&known.message_type) {
            Some(message_type) => addressed(message_type, &recipients)?,
            None => counted(&recipients)?,
        }
        Ok(self.mailboxes.link(access.clone(), sender, document, recipients).await?)
    }

    /// The mailbox in which somebody reads: active, and where it is a portal with the holder's consent, now.
    pub fn reads(&self, reader: &Reader, is_portal: bool) -> Result<Mailbox, Refusal> {
        let mailbox = self.mailboxes.mailbox(reader.mailbox)?;
        if !mailbox.is_active() {
            return Err(Refusal::NotActive);
        }
        match &reader.access.actor {
            Actor::Client(portal) if is_portal && !mailbox.consents_to(portal) => Err(Refusal::NoConsent),
            _ => Ok(mailbox),
        }
    }

    /// What is known of a mailbox as a whole.
    pub async fn summary(&self, reader: &Reader) -> Result<Summary, Refusal> {
        Ok(self.mailboxes.summary(reader.mailbox, reader.rights.clone()).await?)
    }

    /// Documents of a mailbox, newest first.
    pub async fn items(&self, reader: &Reader, filter: Filter, skip: usize, limit: usize) -> Result<Page, Refusal> {
        let page = self.mailboxes.items(reader.mailbox, reader.rights.clone(), filter, skip, limit).await?;
        self.note(reader, Deed::List, None, "done");
        Ok(page)
    }

    /// One document of a mailbox.
    pub async fn item(&self, reader: &Reader, document: DocumentId) -> Result<Item, Refusal> {
        let found = self.mailboxes.item(reader.mailbox, reader.rights.clone(), document).await?;
        self.note(reader, Deed::Look, Some(document), if found.is_some() { "done" } else { "unknown" });
        Ok(found.ok_or(Trouble::NotFound)?)
    }

    /// The body of a document of a mailbox, which is read with this where it is the main content.
    pub async fn body(&self, reader: &Reader, document: DocumentId) -> Result<Item, Refusal> {
        let item = self.item(reader, document).await?;
        let body = item.document.body.as_ref().ok_or(Trouble::NotFound)?;
        let is_main = body.is_main;
        Ok(self.mailboxes.read(reader.access.clone(), reader.mailbox, document, is_main).await?)
    }

    /// An attachment of a document of a mailbox, or a part of it: it is read with this where it is the main content, once the first
    /// bytes are there.
    pub async fn attachment(
        &self,
        reader: &Reader,
        document: DocumentId,
        number: u8,
        range: Option<std::ops::Range<u64>>,
    ) -> Result<(Item, Incoming), Refusal> {
        let item = self.item(reader, document).await?;
        let attachment = item.document.attachment(number).ok_or(Trouble::NotFound)?;
        if !attachment.scan.is_readable() {
            return Err(Trouble::NotReadable(attachment.scan).into());
        }
        let is_main = attachment.is_main;
        let content = match (&attachment.content, &item.document.hosting) {
            (Some(name), _) => self.contents.give(name, range).await.map_err(|trouble| match trouble {
                crate::ports::mailbox::ContentTrouble::Gone => Trouble::NotFound,
                other => Trouble::Unreadable(other.to_string()),
            })?,
            (None, document::Hosting::Elsewhere { provider }) => {
                let providers = self.providers.as_ref().ok_or(Trouble::ProviderAway)?;
                let wanted = Wanted {
                    document,
                    attachment: number,
                    media_type: attachment.media_type,
                    size: (attachment.size > 0).then_some(attachment.size),
                    digest: attachment.digest,
                    range,
                };
                providers.fetch(provider, wanted).await?
            }
            (None, document::Hosting::Here) => return Err(Trouble::NotFound.into()),
        };
        let item = self.mailboxes.read(reader.access.clone(), reader.mailbox, document, is_main).await?;
        Ok((item, content))
    }

    fn note(&self, reader: &Reader, deed: Deed, document: Option<DocumentId>, outcome: &'static str) {
        self.mailboxes.note(reader.access.clone(), deed, Some(reader.mailbox), document, outcome);
    }
}

/// Whether these may get documents of a type.
fn addressed(message_type: &MessageType, recipients: &[MailboxId]) -> Result<(), Refusal> {
    counted(recipients)?;
    match message_type.audience {
        Some(audience) if recipients.iter().any(|one| one.audience() != audience) => {
            Err(Refusal::WrongAudience(audience))
        }
        _ => Ok(()),
    }
}

fn counted(recipients: &[MailboxId]) -> Result<(), Refusal> {
    let mut keys: Vec<u64> = recipients.iter().map(|one| one.key()).collect();
    keys.sort_unstable();
    let fits = (1..=LINKS).contains(&keys.len()) && keys.windows(2).all(|pair| pair[0] != pair[1]);
    if fits { Ok(()) } else { Err(Refusal::Recipients) }
}
