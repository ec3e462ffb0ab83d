//! A message as a line of the list shows it, and as other pages name it.
use estafette_actors::domain::cbe::Cbe;
use estafette_actors::domain::language::{Language, Translated, choose};
use estafette_actors::domain::mailbox::document::Document;
use estafette_actors::domain::mailbox::item::Item;
use estafette_actors::domain::mailbox::reference::{Image, RefId, Reference};

use crate::web::texts::Texts;
use crate::web::words;

/// A subject, and the language that it is in when that is not the page's.
pub struct Subject {
    /// What it says.
    pub text: String,
    /// Its language; empty for the page's own.
    pub lang: &'static str,
}

/// Who sent something.
pub struct Sender {
    /// The name.
    pub name: String,
    /// The address of a picture; empty where there is none.
    pub picture: String,
    /// What stands in its place: the first letters.
    pub letters: String,
}

/// A line.
pub struct Row {
    /// The document.
    pub id: String,
    /// Its subject.
    pub subject: Subject,
    /// Who sent it.
    pub sender: Sender,
    /// Of which type it is.
    pub kind: String,
    /// Not read yet.
    pub is_unread: bool,
    /// Registered mail.
    pub is_registered: bool,
    /// There is something to pay.
    pub has_payment: bool,
    /// How many files, in words; empty for none.
    pub files: String,
    /// When it came.
    pub day: String,
    /// The same for programs.
    pub machine_day: String,
    /// Until when it is there.
    pub until: String,
}

impl Row {
    /// Of an item.
    pub fn of(item: &Item, reference: &Reference, texts: Texts) -> Self {
        let (document, language) = (&item.document, texts.0);
        let files = document.attachments.len();
        Self {
            id: document.id.to_string(),
            subject: Subject::of(&document.subject, language),
            sender: Sender::of(document, reference, language),
            kind: type_name(&document.message_type, reference, language),
            is_unread: item.state.read_at.is_none(),
            is_registered: document.is_registered,
            has_payment: document.payment.is_some(),
            files: if files == 0 { String::new() } else { texts.with("list-files", "count", files) },
            day: words::day(item.received_at, language),
            machine_day: words::machine_day(item.received_at),
            until: texts.with("list-until", "day", words::day(item.expires_at, language)),
        }
    }
}

impl Row {
    /// Whether there is anything special about it.
    pub fn has_marks(&self) -> bool {
        self.is_unread || self.is_registered || self.has_payment || !self.files.is_empty()
    }
}

impl Subject {
    /// In the page's language where there is one, else in another.
    pub fn of(texts: &Translated<Box<str>>, language: Language) -> Self {
        match choose(Some(language), None, language, texts) {
            Some((found, text)) => {
                Self { text: text.to_string(), lang: if found == language { "" } else { found.as_str() } }
            }
            None => Self { text: String::new(), lang: "" },
        }
    }
}

impl Sender {
    /// Of a document: its organisation, or of a reply the holder who wrote it.
    pub fn of(document: &Document, reference: &Reference, language: Language) -> Self {
        let name = match &document.author {
            Some(author) => author.name.as_deref().map_or_else(|| author.mailbox.digits(), str::to_owned),
            None => sender_name(document.sender.0, reference, language),
        };
        let organization = reference.organization(document.sender.0).filter(|_| document.author.is_none());
        let application = document.application.as_ref().and_then(|id| reference.application(id));
        let of_organization = organization
            .and_then(|one| Some(format!("/mailbox/senders/{}/{}", one.cbe.digits(), best(&one.images, language)?.id)));
        let of_application = || {
            let application = application?;
            Some(format!("/mailbox/applications/{}/{}", application.id, best(&application.images, language)?.id))
        };
        let letters = name.split_whitespace().filter_map(|word| word.chars().find(|c| c.is_alphanumeric()));
        Self {
            picture: of_organization.or_else(of_application).unwrap_or_default(),
            letters: letters.take(2).flat_map(char::to_uppercase).collect(),
            name,
        }
    }
}

/// The picture in a language, else one in none, else the first.
fn best(images: &[Image], language: Language) -> Option<&Image> {
    let own = images.iter().find(|image| image.language == Some(language));
    own.or_else(|| images.iter().find(|image| image.language.is_none())).or(images.first())
}

/// The name of an organisation, or its number where none is known.
pub fn sender_name(cbe: Cbe, reference: &Reference, language: Language) -> String {
    let named = reference.organization(cbe).and_then(|one| choose(Some(language), None, language, &one.names));
    named.map_or_else(|| cbe.formatted(), |(_, name)| name.to_string())
}

/// The name of a type, or its identifier where none is known.
pub fn type_name(id: &RefId, reference: &Reference, language: Language) -> String {
    let named = reference.message_type(id).and_then(|one| choose(Some(language), None, language, &one.names));
    named.map_or_else(|| id.to_string(), |(_, name)| name.to_string())
}
