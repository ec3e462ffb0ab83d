//! What notices say, in four languages: how many, where to read, and how to stop it.
//!
//! Invariant: nothing comes in here but numbers and our own addresses, so that nothing of a document, its sender or its reader can go out.
use std::fmt::Write as _;
use std::sync::LazyLock;

use askama::Template;
use estafette_actors::domain::language::Language;
use estafette_actors::domain::mailbox::notice::Digest;
use fluent_bundle::FluentArgs;

use crate::fluent::{Bundles, Files};

const FILES: Files = [
    (Language::Fr, include_str!("locales/fr.ftl")),
    (Language::Nl, include_str!("locales/nl.ftl")),
    (Language::De, include_str!("locales/de.ftl")),
    (Language::En, include_str!("locales/en.ftl")),
];

static BUNDLES: LazyLock<Bundles> = LazyLock::new(|| Bundles::of(&FILES));

/// Columns of a line of plain text, where words allow it (RFC 3676 asks for at most 78).
const COLUMNS: usize = 74;

/// What is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// That registered mail came.
    Registered,
    /// What waits.
    Digest(Digest),
}

/// The addresses that a mail names.
#[derive(Clone, Debug)]
pub struct Links {
    /// Where the messages are.
    pub read: String,
    /// Where the holder says what they want.
    pub preferences: String,
    /// Where they say that they want no more.
    pub unsubscribe: String,
}

/// A mail in its two forms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Its subject.
    pub subject: String,
    /// As plain text.
    pub text: String,
    /// As HTML.
    pub html: String,
}

#[derive(Template)]
#[template(path = "notices/mail.html")]
struct Html<'t> {
    lang: &'static str,
    subject: &'t str,
    lead: String,
    points: Vec<String>,
    remark: String,
    read: String,
    safe: String,
    why: String,
    change: String,
    stop: String,
    link: &'t str,
    preferences: &'t str,
    unsubscribe: &'t str,
}

fn say(language: Language, key: &str) -> String {
    BUNDLES.fill(language, key, None)
}

fn count(language: Language, key: &str, count: u64) -> String {
    let mut variables = FluentArgs::with_capacity(1);
    variables.set("count", count);
    BUNDLES.fill(language, key, Some(&variables))
}

/// A mail.
pub fn mail(said: Said, language: Language, links: &Links) -> Result<Written, askama::Error> {
    let (subject, lead, points, remark) = match said {
        Said::Registered => (
            say(language, "subject-registered"),
            say(language, "registered"),
            Vec::new(),
            say(language, "registered-why"),
        ),
        Said::Digest(digest) => {
            let all = digest.new + digest.unread + digest.expiring;
            let points = [("new", digest.new), ("unread", digest.unread), ("expiring", digest.expiring)];
            let points = points.into_iter().filter(|(_, number)| *number > 0);
            let points = points.map(|(key, number)| count(language, key, number)).collect();
            (count(language, "subject-digest", all), say(language, "digest"), points, String::new())
        }
    };
    let html = Html {
        lang: language.as_str(),
        subject: &subject,
        lead,
        points,
        remark,
        read: say(language, "read"),
        safe: say(language, "safe"),
        why: say(language, "why"),
        change: say(language, "change"),
        stop: say(language, "stop"),
        link: &links.read,
        preferences: &links.preferences,
        unsubscribe: &links.unsubscribe,
    };
    let (text, html) = (plain(&html), html.render()?);
    Ok(Written { subject, text, html })
}

fn plain(html: &Html<'_>) -> String {
    let mut text = String::new();
    let mut paragraph = |words: &str| {
        if !words.is_empty() {
            wrap(&mut text, "", words);
            text.push('\n');
        }
    };
    paragraph(&html.lead);
    paragraph(&html.remark);
    for point in &html.points {
        wrap(&mut text, "- ", point);
    }
    if !html.points.is_empty() {
        text.push('\n');
    }
    let _ = write!(text, "{}:\n{}\n\n", html.read, html.link);
    wrap(&mut text, "", &html.safe);
    text.push_str("\n-- \n");
    wrap(&mut text, "", &html.why);
    let _ = write!(text, "{}:\n{}\n{}:\n{}\n", html.change, html.preferences, html.stop, html.unsubscribe);
    text
}

/// Adds a paragraph in lines.
fn wrap(text: &mut String, begin: &str, words: &str) {
    let mut columns = begin.chars().count();
    text.push_str(begin);
    for (place, word) in words.split(' ').enumerate() {
        let length = word.chars().count();
        if place > 0 && columns + 1 + length > COLUMNS {
            text.push('\n');
            columns = 0;
        } else if place > 0 {
            text.push(' ');
            columns += 1;
        }
        text.push_str(word);
        columns += length;
    }
    text.push('\n');
}

/// A short message.
pub fn message(said: Said, language: Language, link: &str) -> (String, String) {
    let (title, text) = match said {
        Said::Registered => (say(language, "subject-registered"), "message-registered"),
        Said::Digest(digest) => {
            let all = digest.new + digest.unread + digest.expiring;
            (count(language, "subject-digest", all), "message-digest")
        }
    };
    let mut variables = FluentArgs::with_capacity(1);
    variables.set("link", link);
    (title, BUNDLES.fill(language, text, Some(&variables)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fluent::tested::{agree, keys};

    fn links() -> Links {
        let at = |path: &str| format!("https://mailbox.example.be/mailbox/{path}");
        Links { read: at(""), preferences: at("preferences"), unsubscribe: at("unsubscribe?t=abc") }
    }

    #[test]
    fn each_language_says_the_same_things_and_each_text_is_used() {
        agree(&FILES, &BUNDLES);
        let source = include_str!("wording.rs");
        let unused: Vec<_> =
            keys(FILES[3].1).into_keys().filter(|key| !source.contains(&format!("\"{key}\""))).collect();
        assert!(unused.is_empty(), "nobody says {unused:?}");
    }

    #[test]
    fn a_digest_says_how_many_of_each_in_both_forms_and_leaves_out_what_is_none() {
        let digest = Digest { new: 2, unread: 0, expiring: 1 };
        let written = mail(Said::Digest(digest), Language::Nl, &links()).unwrap();
        assert_eq!(written.subject, "3 berichten in uw e-Box");
        for form in [&written.text, &written.html] {
            assert!(form.contains("2 nieuwe berichten") && form.contains("1 ongelezen bericht dat"), "{form}");
            assert!(!form.contains("15 dagen"), "{form}");
            for link in ["/mailbox/", "/mailbox/preferences", "/mailbox/unsubscribe?t=abc"] {
                assert!(form.contains(link), "{form}");
            }
        }
        assert!(written.html.contains("lang=\"nl\""));
        let one = mail(Said::Digest(Digest { new: 1, ..Digest::default() }), Language::Fr, &links()).unwrap();
        assert_eq!(one.subject, "1 message dans votre e-Box");
        assert!(one.text.contains("- 1 nouveau message\n"), "{}", one.text);
    }

    #[test]
    fn every_mail_is_written_in_every_language_in_short_lines() {
        let digest = Said::Digest(Digest { new: 12, unread: 3, expiring: 4 });
        for language in Language::ALL {
            for said in [Said::Registered, digest] {
                let written = mail(said, language, &links()).unwrap();
                assert!(written.text.lines().all(|line| line.chars().count() <= 78), "{}", written.text);
                assert!(written.html.contains(&format!("<html lang=\"{language}\">")));
                let (title, text) = message(said, language, &links().read);
                assert!(title.contains("e-Box") && text.contains("https://mailbox.example.be/mailbox/"), "{text}");
                assert!(title.chars().count() <= 150 && text.chars().count() <= 160, "{text}");
            }
        }
    }
}
