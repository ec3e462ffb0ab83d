//! What a letter is as a document: its text is the main content, in each language that the sender gave, so that the reader sees it in
//! their own and one document serves all.
use aws_lc_rs::digest::{Context, SHA256};
use estafette_actors::domain::content::Content;
use estafette_actors::domain::html;
use estafette_actors::domain::language::{Language, Translated};
use estafette_actors::domain::mailbox::document::{Body, BusinessData, Digest, Document, DocumentId, Hosting};
use estafette_actors::domain::mailbox::reference::RefId;
use estafette_actors::domain::submission::Institution;
use estafette_actors::domain::time::Timestamp;

use crate::channels::wording;

/// The key of the business data by which a document is known to be a letter's: its value is the message or the broadcast.
const REFERENCE: &str = "estafette-reference";

/// Whether there is something to read in it in clear.
pub fn says_something(content: &Content) -> bool {
    content.languages().iter().next().is_some()
}

/// The document of a content. What the e-Box itself decides (its id, when it is published and expires) is set there.
pub fn of(
    content: &Content,
    sender: Institution,
    (message_type, application): (&RefId, &RefId),
    reference: &str,
) -> Document {
    let html = content.languages().map(|language, ()| page(content, language));
    let all = Language::ALL.into_iter().map(|language| (language, reference.into())).collect();
    Document {
        id: DocumentId::from_u128(0),
        sender,
        author: None,
        application: Some(application.clone()),
        message_type: message_type.clone(),
        subject: wording::titles(content),
        body: Some(Body { html, is_main: true }),
        attachments: Vec::new(),
        business: vec![BusinessData {
            key: REFERENCE.into(),
            name: Translated::new(),
            description: Translated::new(),
            values: vec![all],
        }],
        payment: None,
        attention: None,
        replies_to: None,
        may_be_replied_to: false,
        is_registered: false,
        published_at: Timestamp::ZERO,
        expires_at: Timestamp::ZERO,
        hosting: Hosting::Here,
    }
}

/// Whether a document is one of ours.
pub fn is_letter(document: &Document) -> bool {
    document.business.first().is_some_and(|first| &*first.key == REFERENCE)
}

/// What is read in a language: the HTML where there is one, otherwise the text with its lines.
fn page(content: &Content, language: Language) -> Box<str> {
    if let Some(html) = content.html.get(language) {
        return html::clean_letter(html).into();
    }
    let text = content.text_in(language).replace("\r\n", "\n").replace(['\r', '\u{c}'], "\n");
    let paragraphs = text.split("\n\n").filter(|paragraph| !paragraph.trim().is_empty());
    let paragraph = |text: &str| {
        let lines: Vec<String> = text.trim_matches('\n').split('\n').map(html::escape).collect();
        format!("<p>{}</p>", lines.join("<br>"))
    };
    // As it is cleaned once more, it is what the pages show.
    html::clean_letter(&paragraphs.map(paragraph).collect::<String>()).into()
}

/// What a content says, as a hash: rows of a broadcast with one hash share a document.
pub fn digest(content: &Content) -> Digest {
    let mut context = Context::new(&SHA256);
    for (part, translated) in [(0, &content.title), (1, &content.text), (2, &content.html)] {
        for (language, text) in translated.iter() {
            context.update(&[part, language as u8]);
            context.update(&(text.len() as u64).to_be_bytes());
            context.update(text.as_bytes());
        }
    }
    let mut whole = [0; 32];
    whole.copy_from_slice(context.finish().as_ref());
    Digest(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(title: &str, text: &str) -> Content {
        let of =
            |text: &str| if text.is_empty() { Translated::new() } else { Translated::of(Language::Fr, text.into()) };
        Content::checked(of(title), of(text), Translated::new()).unwrap()
    }

    #[test]
    fn a_text_keeps_its_lines_and_becomes_no_markup() {
        let page = page(&content("Avis", "Bonjour <b>Anne</b>,\nvoici:\n\n\n1 & 2"), Language::Fr);
        assert_eq!(&*page, "<p>Bonjour &lt;b&gt;Anne&lt;/b&gt;,<br>voici:</p><p>1 &amp; 2</p>");
        assert_eq!(&*super::page(&content("Avis", ""), Language::Fr), "<p>Avis</p>");
    }

    #[test]
    fn contents_that_differ_in_a_place_have_different_hashes() {
        let all = [content("a", "b"), content("ab", ""), content("", "ab"), content("b", "a")];
        for (n, one) in all.iter().enumerate() {
            assert!(all[..n].iter().all(|other| digest(other) != digest(one)));
            assert_eq!(digest(one), digest(&one.clone()));
        }
    }
}
