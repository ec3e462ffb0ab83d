//! A document in one mailbox: what its holder did with it, and which are looked for.
//!
//! Invariant: reading the main content marks it as read, once and for good; hiding it changes nothing of what the sender sees but
//! that.
use std::sync::Arc;

use icu_normalizer::DecomposingNormalizerBorrowed;
use serde::{Deserialize, Serialize};

use super::MailboxId;
use super::document::Document;
use super::reference::{RefId, Reference};
use crate::domain::cbe::Cbe;
use crate::domain::language::Language;
use crate::domain::time::Timestamp;

/// Characters of what is searched for.
pub const SEARCH_LENGTH: usize = 100;

/// What the holder did with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// When its main content was read first.
    pub read_at: Option<Timestamp>,
    /// It is shown; the holder may put it away.
    pub is_visible: bool,
}

impl Default for State {
    fn default() -> Self {
        Self { read_at: None, is_visible: true }
    }
}

/// A document in one mailbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// In which.
    pub mailbox: MailboxId,
    /// What.
    pub document: Arc<Document>,
    /// When it came.
    pub received_at: Timestamp,
    /// When it goes.
    pub expires_at: Timestamp,
    /// What the holder did with it.
    pub state: State,
}

/// Which are looked for; what is not given does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Received before this moment.
    pub received_before: Option<Timestamp>,
    /// Received at this moment or later.
    pub received_after: Option<Timestamp>,
    /// Expiring before this moment.
    pub expired_before: Option<Timestamp>,
    /// Expiring at this moment or later.
    pub expired_after: Option<Timestamp>,
    /// Read, or not.
    pub is_read: Option<bool>,
    /// Shown, or put away.
    pub is_visible: Option<bool>,
    /// Of this type.
    pub message_type: Option<RefId>,
    /// From this organisation.
    pub sender: Option<Cbe>,
    /// By this application.
    pub application: Option<RefId>,
    /// Registered mail, or not.
    pub is_registered: Option<bool>,
    /// With these words somewhere in the metadata, in that language.
    pub words: Option<(Box<str>, Language)>,
}

/// What a filter looks at, but for words: it can be known without the document.
#[derive(Clone, Copy, Debug)]
pub struct Traits<'t> {
    /// When it came.
    pub received_at: Timestamp,
    /// When it goes.
    pub expires_at: Timestamp,
    /// What the holder did with it.
    pub state: State,
    /// Published as registered mail.
    pub is_registered: bool,
    /// Of which type.
    pub message_type: &'t RefId,
    /// Who sent it.
    pub sender: Cbe,
    /// By which application.
    pub application: Option<&'t RefId>,
}

impl Item {
    /// What a filter looks at, but for words.
    pub fn traits(&self) -> Traits<'_> {
        Traits {
            received_at: self.received_at,
            expires_at: self.expires_at,
            state: self.state,
            is_registered: self.document.is_registered,
            message_type: &self.document.message_type,
            sender: self.document.sender.0,
            application: self.document.application.as_ref(),
        }
    }
}

impl Filter {
    /// Whether an item is one of them.
    pub fn takes(&self, item: &Item, reference: &Reference) -> bool {
        let mentions = |(words, language): &(Box<str>, Language)| mentions(&item.document, reference, words, *language);
        self.fits(&item.traits()) && self.words.as_ref().is_none_or(mentions)
    }

    /// Whether an item is one of them, whatever its words.
    pub fn fits(&self, item: &Traits<'_>) -> bool {
        let is = |wanted: Option<bool>, found: bool| wanted.is_none_or(|wanted| wanted == found);
        self.received_before.is_none_or(|end| item.received_at < end)
            && self.received_after.is_none_or(|begin| item.received_at >= begin)
            && self.expired_before.is_none_or(|end| item.expires_at < end)
            && self.expired_after.is_none_or(|begin| item.expires_at >= begin)
            && is(self.is_read, item.state.read_at.is_some())
            && is(self.is_visible, item.state.is_visible)
            && is(self.is_registered, item.is_registered)
            && self.message_type.as_ref().is_none_or(|wanted| wanted == item.message_type)
            && self.sender.is_none_or(|wanted| wanted == item.sender)
            && self.application.as_ref().is_none_or(|wanted| item.application == Some(wanted))
    }
}

/// Whether each of some words is in the metadata of a document, or in the names of its type, application or organisation, in a
/// language. Capitals and accents don't matter.
fn mentions(document: &Document, reference: &Reference, words: &str, language: Language) -> bool {
    let organization = reference.organization(document.sender.0);
    let application = document.application.as_ref().and_then(|id| reference.application(id));
    let said = [&document.subject].into_iter().chain(document.attachments.iter().map(|one| &one.title));
    let data = document.business.iter().flat_map(|data| [&data.name].into_iter().chain(&data.values));
    let names = reference.message_type(&document.message_type).map(|one| &one.names);
    let names = names.into_iter().chain(organization.into_iter().flat_map(|one| [&one.names, &one.long_names]));
    let names = names.chain(application.map(|one| &one.names));
    let texts = said.chain(data).chain(names).filter_map(|translated| translated.get(language));
    // A file's name is in no language, and looked at in each.
    let texts = texts.chain(document.attachments.iter().map(|one| &one.file_name));
    let texts: Vec<String> = texts.map(|text| folded(text)).collect();
    folded(words).split_whitespace().all(|word| texts.iter().any(|text| text.contains(word)))
}

/// Small letters without accents.
fn folded(text: &str) -> String {
    let marks = DecomposingNormalizerBorrowed::new_nfkd();
    let is_mark = |c: &char| matches!(c, '\u{300}'..='\u{36f}');
    marks.normalize_iter(text.chars().flat_map(char::to_lowercase)).filter(|c| !is_mark(c)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_whatever_their_capitals_and_accents() {
        for (text, word) in
            [("Votre PENSION d'été", "ete"), ("Crème brûlée", "CREME"), ("ﬁche", "fiche"), ("Straße", "straße")]
        {
            assert!(folded(text).contains(&folded(word)), "{text} {word}");
        }
        assert!(!folded("pension").contains(&folded("tension")));
    }
}
