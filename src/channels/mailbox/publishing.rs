//! Publishes the document of a letter or of many, and links it.
//!
//! Invariant: the key says of what the document is: of a message and a step, or of a broadcast and what it says. So a retry, another
//! call of the same broadcast and a later start meet the document that is there. One that has expired meanwhile is followed by another
//! under the next key.
use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws_lc_rs::digest::{SHA256, digest};
use estafette_actors::domain::failure::Failure;
use estafette_actors::domain::id::{AttemptRef, Kind};
use estafette_actors::domain::language::{Language, Translated};
use estafette_actors::domain::life::Outcome;
use estafette_actors::domain::mailbox::MailboxId;
use estafette_actors::domain::mailbox::document::{Digest, DocumentId};
use estafette_actors::domain::mailbox::reference::{Application, MessageType, Unit, Validity};
use estafette_actors::domain::submission::Envelope;
use estafette_actors::ebox::{Draft, Refusal};
use estafette_actors::ports::Home;
use estafette_actors::ports::mailbox::{Access, Actor, Face, Linked, Trouble};

use super::settings::{APPLICATION, MESSAGE_TYPE};
use super::{Inner, document, failed};

/// Documents that one broadcast has one after the other, because they expired, at most.
const SUCCESSORS: u32 = 64;
/// Between two complaints.
const COMPLAIN_EVERY: Duration = Duration::from_secs(30);
/// When there is too much to do for a mailbox.
pub const BUSY_FOR: Duration = Duration::from_secs(1);

/// What was put into mailboxes.
pub struct Put {
    pub document: DocumentId,
    /// Mailboxes that may not have it: the type is for others.
    pub left_out: Vec<MailboxId>,
    /// Mailboxes that have it, and nobody reads them digitally yet.
    pub without_reader: HashSet<MailboxId>,
}

impl Put {
    fn of(linked: Linked, left_out: Vec<MailboxId>) -> Self {
        Self { document: linked.document.id, left_out, without_reader: linked.without_reader.into_iter().collect() }
    }
}

/// A document that is there.
enum Published {
    /// In all mailboxes for which it is meant.
    Whole(Linked),
    /// And still to be linked.
    ToLink(DocumentId),
}

/// The keys of a letter's document, in the order in which they are used.
pub fn keys(envelope: &Envelope, reference: AttemptRef) -> impl Iterator<Item = Box<str>> {
    let first = match envelope.id.kind() {
        Kind::Single => format!("message {} {}", reference.message, reference.step),
        Kind::Row { chunk, .. } => {
            let Digest(says) = document::digest(&envelope.content);
            let says = u128::from_be_bytes(says[..16].try_into().unwrap_or_default());
            format!("broadcast {} {says:032x}", chunk.broadcast)
        }
    };
    (0..SUCCESSORS).map(move |n| if n == 0 { first.as_str().into() } else { format!("{first} {n}").into() })
}

/// What of the broker's it is, for the audit trail and the document.
fn origin(envelope: &Envelope) -> String {
    match envelope.id.kind() {
        Kind::Single => envelope.id.to_string(),
        Kind::Row { chunk, .. } => chunk.broadcast.to_string(),
    }
}

impl Inner {
    /// Puts the document of an envelope into mailboxes, in which it may be already. Otherwise what their letters are told.
    pub async fn put(
        &self,
        home: &Home,
        envelope: &Envelope,
        reference: AttemptRef,
        mailboxes: Vec<MailboxId>,
    ) -> Result<Put, Outcome> {
        self.define(home).await.map_err(|refusal| outcome(&refusal))?;
        let origin = origin(envelope);
        let access = Access { actor: Actor::Program, face: Face::Program, ticket: Some(origin.as_str().into()) };
        for key in keys(envelope, reference) {
            let document = match self.documents.get(&key) {
                Some(document) => document,
                None => match self.publish(home, &access, envelope, (&key, &origin), &mailboxes).await? {
                    Published::Whole(linked) => return Ok(Put::of(linked, Vec::new())),
                    Published::ToLink(document) => document,
                },
            };
            match home.ebox.link(&access, envelope.institution, document, mailboxes.clone()).await {
                Ok((linked, left_out)) => return Ok(Put::of(linked, left_out)),
                // It has expired.
                Err(Refusal::Trouble(Trouble::NotFound)) => self.documents.remove(&key),
                Err(refusal) => return Err(outcome(&refusal)),
            }
        }
        Err(failed(Failure::RejectedByChannel))
    }

    /// Publishes a document under its key: into the one mailbox, or to nobody yet. Gives the one that is there where there is one.
    async fn publish(
        &self,
        home: &Home,
        access: &Access,
        envelope: &Envelope,
        (key, origin): (&str, &str),
        mailboxes: &[MailboxId],
    ) -> Result<Published, Outcome> {
        let of = (&self.message_type, &self.application);
        // One alone needs no link beside.
        let recipients = if let [one] = mailboxes { vec![*one] } else { Vec::new() };
        let is_whole = !recipients.is_empty();
        let draft = Draft {
            document: document::of(&envelope.content, envelope.institution, of, origin),
            expires: false,
            recipients,
            idempotency: Some((key.into(), fingerprint(key))),
        };
        let published = match home.ebox.publish(access, envelope.institution, draft).await {
            Ok(linked) if is_whole => Published::Whole(linked),
            Ok(linked) => Published::ToLink(linked.document.id),
            Err(Refusal::Trouble(Trouble::Duplicate(document))) => Published::ToLink(document),
            Err(refusal) => return Err(outcome(&refusal)),
        };
        if matches!(envelope.id.kind(), Kind::Row { .. }) {
            let document = match &published {
                Published::Whole(linked) => linked.document.id,
                Published::ToLink(document) => *document,
            };
            self.documents.set(key.into(), document);
        }
        Ok(published)
    }

    /// Defines the type and the application that the program brings, where they are used and not there.
    async fn define(&self, home: &Home) -> Result<(), Refusal> {
        let define = || async {
            let (mailboxes, reference) = (home.ebox.mailboxes(), home.ebox.mailboxes().reference());
            if self.message_type.as_str() == MESSAGE_TYPE && reference.message_type(&self.message_type).is_none() {
                let definition = MessageType {
                    id: self.message_type.clone(),
                    names: [
                        (Language::Fr, "Message"),
                        (Language::Nl, "Bericht"),
                        (Language::De, "Nachricht"),
                        (Language::En, "Message"),
                    ]
                    .into_iter()
                    .map(|(language, name)| (language, name.into()))
                    .collect(),
                    descriptions: Translated::new(),
                    validity: Validity { number: 2, unit: Unit::Year },
                    audience: None,
                    may_be_registered: false,
                    right: None,
                    organizations: Vec::new(),
                    applications: Vec::new(),
                };
                mailboxes.define_type(Access::PROGRAM, definition).await?;
            }
            if self.application.as_str() == APPLICATION && reference.application(&self.application).is_none() {
                let definition = Application {
                    id: self.application.clone(),
                    names: Language::ALL.into_iter().map(|language| (language, "Estafette".into())).collect(),
                    descriptions: Translated::new(),
                    urls: Translated::new(),
                    organizations: Vec::new(),
                    contact: None,
                    images: Vec::new(),
                };
                mailboxes.define_application(Access::PROGRAM, definition).await?;
            }
            Ok(())
        };
        self.defined.get_or_try_init(define).await.copied()
    }
}

/// A key stands for one document only: what it hashes to is itself.
fn fingerprint(key: &str) -> Digest {
    let mut whole = [0; 32];
    whole.copy_from_slice(digest(&SHA256, key.as_bytes()).as_ref());
    Digest(whole)
}

/// What a refusal says of a letter. Nothing was published then, and publishing again publishes once.
fn outcome(refusal: &Refusal) -> Outcome {
    let failure = match refusal {
        Refusal::Trouble(Trouble::Overloaded) => return Outcome::Throttled(Some(BUSY_FOR)),
        Refusal::Trouble(Trouble::ReadOnly(_) | Trouble::Unreadable(_) | Trouble::Full) => {
            complain(refusal);
            Failure::ChannelDown
        }
        Refusal::Document(_) => Failure::InvalidContent,
        refusal => {
            complain(refusal);
            Failure::RejectedByChannel
        }
    };
    failed(failure)
}

/// Now and then: of many letters one says enough.
fn complain(refusal: &Refusal) {
    static LAST: Mutex<Option<Instant>> = Mutex::new(None);
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    if last.is_none_or(|last| last.elapsed() >= COMPLAIN_EVERY) {
        *last = Some(Instant::now());
        tracing::error!(
            channel = super::NAME,
            reason = %refusal,
            "the own e-Box refuses letters: see message_type_id and sender_application_id of [channels.ebox]"
        );
    }
}
