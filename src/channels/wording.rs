//! What channels say when the sender gave no words for it.
use estafette_actors::domain::content::Content;
use estafette_actors::domain::language::{Language, Translated};

/// Titles by language. Where a language has a text and no title, a neutral one: a title travels in
/// clear, so it must not be made of the text.
pub(super) fn titles(content: &Content) -> Translated<Box<str>> {
    let mut titles = Translated::default();
    for language in content.languages().languages() {
        let given = content.title.get(language).filter(|title| !title.trim().is_empty());
        titles.set(language, given.cloned().unwrap_or_else(|| neutral(language).into()));
    }
    titles
}

/// The titles given, or a neutral one in `otherwise`.
pub(super) fn clear_titles(content: &Content, otherwise: Language) -> Translated<Box<str>> {
    let mut titles = Translated::default();
    for (language, title) in content.title.iter().filter(|(_, title)| !title.trim().is_empty()) {
        titles.set(language, title.clone());
    }
    if titles.languages().next().is_none() {
        titles.set(otherwise, neutral(otherwise).into());
    }
    titles
}

fn neutral(language: Language) -> &'static str {
    match language {
        Language::Fr => "Nouveau message",
        Language::Nl => "Nieuw bericht",
        Language::De => "Neue Nachricht",
        Language::En => "New message",
    }
}
