//! What the holder of a mailbox does besides reading: replies, and asks for what is proven of registered mail.
//!
//! Invariant: a reply goes to whoever wrote the original and to nobody else; whether it may be written says the original, not the
//! type, since a type is its senders'.
use super::{EBox, Reader, Refusal, counted};
use crate::domain::language::{Language, Translated};
use crate::domain::mailbox::MailboxId;
use crate::domain::mailbox::document::{Attachment, Author, Body, Document, DocumentId, Hosting, SUBJECT_LENGTH};
use crate::domain::mailbox::evidence::Signed;
use crate::domain::mailbox::item::Item;
use crate::ports::mailbox::{Deed, Linked, Publication, Trouble};

/// What a holder writes back. Its contents are durable.
#[derive(Clone, Debug)]
pub struct Reply {
    /// In which language.
    pub language: Language,
    /// The text, as HTML without anything that is not shown.
    pub html: Box<str>,
    /// Files; none of them is the main content, which is the text.
    pub attachments: Vec<Attachment>,
    /// The name of who writes, for people.
    pub name: Option<Box<str>>,
}

impl EBox {
    /// Replies to a document of a mailbox. The reply is of the original's type and stays as long.
    pub async fn reply(&self, reader: &Reader, original: DocumentId, reply: Reply) -> Result<Linked, Refusal> {
        let found =
            self.mailboxes.item(reader.mailbox, reader.rights.clone(), original).await?.ok_or(Trouble::NotFound)?;
        let original = &found.document;
        if !original.may_be_replied_to {
            return Err(Refusal::NoReply);
        }
        let recipient = original.author.as_ref().map_or(MailboxId::Enterprise(original.sender.0), |one| one.mailbox);
        let now = self.clock.now();
        let reference = self.mailboxes.reference();
        let known = reference.message_type(&original.message_type);
        let subject = original.subject.map(|_, subject| again(subject));
        let document = Document {
            id: DocumentId::new(now, rand::random()),
            sender: original.sender,
            author: Some(Author { mailbox: reader.mailbox, name: reply.name }),
            application: None,
            message_type: original.message_type.clone(),
            subject,
            body: Some(Body { html: Translated::of(reply.language, reply.html), is_main: true }),
            attachments: reply.attachments,
            business: vec![],
            payment: None,
            attention: None,
            replies_to: Some(original.id),
            may_be_replied_to: true,
            is_registered: false,
            published_at: now,
            expires_at: known.map_or(found.expires_at, |known| known.validity.ends(now)),
            hosting: Hosting::Here,
        };
        let recipients = vec![recipient];
        counted(&recipients)?;
        let publication = Publication { document: document.checked()?, recipients, idempotency: None };
        Ok(self.mailboxes.publish(reader.access.clone(), publication).await?)
    }

    /// A registered document of a mailbox, and what is proven of it.
    pub async fn proven(&self, reader: &Reader, document: DocumentId) -> Result<(Item, Vec<Signed>), Refusal> {
        let found = self.mailboxes.item(reader.mailbox, reader.rights.clone(), document).await?;
        let item = found.filter(|item| item.document.is_registered).ok_or(Trouble::NotFound)?;
        let evidence = self.mailboxes.evidence(reader.mailbox, document).await?;
        self.note(reader, Deed::Prove, Some(document), "done");
        Ok((item, evidence))
    }
}

/// The subject of a reply: marked once, and no longer than a subject may be.
fn again(subject: &str) -> Box<str> {
    let bare = subject.strip_prefix("Re: ").unwrap_or(subject);
    format!("Re: {bare}").chars().take(SUBJECT_LENGTH).collect::<String>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_marked_once_and_stays_within_its_length() {
        assert_eq!(&*again("Votre dossier"), "Re: Votre dossier");
        assert_eq!(&*again("Re: Votre dossier"), "Re: Votre dossier");
        assert_eq!(again(&"é".repeat(SUBJECT_LENGTH)).chars().count(), SUBJECT_LENGTH);
    }
}
