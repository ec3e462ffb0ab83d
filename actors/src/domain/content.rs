//! What a message says, in up to four languages, and what of it each channel is given.
use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::html;
use super::jwe::Sealed;
use super::language::{Language, Translated};

/// Characters of a title at most.
pub const MAX_TITLE: usize = 150;
/// Characters of a text at most, in each language.
pub const MAX_TEXT: usize = 5_000;
/// Bytes of the HTML at most, in each language.
pub const MAX_HTML: usize = 32 * 1024;

/// The content of a message. At least one language has a text, an HTML or a title.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// The title: the only part that GovApp shows before the app is opened.
    pub title: Translated<Box<str>>,
    /// The plain text: what an SMS carries.
    pub text: Translated<Box<str>>,
    /// HTML, cleaned to GovApp's elements.
    pub html: Translated<Box<str>>,
    /// The main content for GovApp, encrypted for each receiver; empty when it travels as it is.
    pub sealed: Sealed,
}

/// A content in one language.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rendition {
    /// The language chosen.
    pub language: Language,
    /// The title; empty when there is none.
    pub title: Box<str>,
    /// The plain text: given, or made of the HTML, or the title.
    pub text: Box<str>,
    /// The HTML where there is one.
    pub html: Option<Box<str>>,
}

/// Why a content is refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// Nothing in it.
    #[error("the content is empty: give text, html or title in at least one of fr, nl, de, en")]
    Empty,
    /// A language with nothing to say: it would win the choice and show the citizen nothing.
    #[error(
        "{part} in {language} is blank, or nothing is left of it once it is cleaned: write it, or leave the language out"
    )]
    Blank {
        /// title, text or html.
        part: &'static str,
        /// The language.
        language: &'static str,
    },
    /// Too long in a language.
    #[error("{part} in {language} has {length} {unit}; at most {limit} are allowed")]
    TooLong {
        /// title, text or html.
        part: &'static str,
        /// The language.
        language: &'static str,
        /// What it has.
        length: usize,
        /// What it may have.
        limit: usize,
        /// Characters or bytes.
        unit: &'static str,
    },
    /// A control character other than a line break or tab.
    #[error("{part} in {language} has a control character; only line breaks and tabs are allowed")]
    Control {
        /// title or text.
        part: &'static str,
        /// The language.
        language: &'static str,
    },
}

impl Content {
    /// Checks the limits, and cleans the HTML. A language is left out or says something: none is blank.
    pub fn checked(
        title: Translated<Box<str>>,
        text: Translated<Box<str>>,
        html: Translated<Box<str>>,
    ) -> Result<Self, Error> {
        Self::sealed(title, text, html, Sealed::new())
    }

    /// As [`Self::checked`], with an encrypted main content; then nothing need be said in clear.
    pub fn sealed(
        title: Translated<Box<str>>,
        text: Translated<Box<str>>,
        html: Translated<Box<str>>,
        sealed: Sealed,
    ) -> Result<Self, Error> {
        let mut content = Self { title, text, html: Translated::default(), sealed };
        for (language, given) in html.iter() {
            limit("html", language, given.len(), MAX_HTML, "bytes")?;
            let clean = html::clean(given);
            if clean.trim().is_empty() {
                return Err(Error::Blank { part: "html", language: language.as_str() });
            }
            content.html.set(language, clean.into());
        }
        for (part, limit_of, translated) in [("title", MAX_TITLE, &content.title), ("text", MAX_TEXT, &content.text)] {
            for (language, given) in translated.iter() {
                limit(part, language, given.chars().count(), limit_of, "characters")?;
                if given.trim().is_empty() {
                    return Err(Error::Blank { part, language: language.as_str() });
                }
                let stray = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\u{c}');
                if given.chars().any(stray) {
                    return Err(Error::Control { part, language: language.as_str() });
                }
            }
        }
        // No part is blank, so what is there says something.
        if content.sealed.is_empty() && content.languages().iter().next().is_none() {
            return Err(Error::Empty);
        }
        Ok(content)
    }

    /// Whether it can be shown outside GovApp: a text or an HTML in clear.
    pub fn has_clear_body(&self) -> bool {
        [&self.text, &self.html].into_iter().any(|body| body.iter().next().is_some())
    }

    /// The languages in which there is something to say.
    pub fn languages(&self) -> Translated<()> {
        let mut found = Translated::default();
        for translated in [&self.title, &self.text, &self.html] {
            for (language, _) in translated.iter() {
                found.set(language, ());
            }
        }
        found
    }

    /// The content in the language chosen by [`super::language::choose`].
    pub fn in_language(&self, asked: Option<Language>, preferred: Option<Language>, default: Language) -> Rendition {
        let language = self.language(asked, preferred, default);
        let title = self.title.get(language).cloned().unwrap_or_default();
        let html = self.html.get(language).cloned();
        Rendition { language, text: self.text_in(language).into(), title, html }
    }

    /// The language that is chosen of those in which there is something to say.
    pub fn language(&self, asked: Option<Language>, preferred: Option<Language>, default: Language) -> Language {
        let languages = self.languages();
        super::language::choose(asked, preferred, default, &languages).map_or(default, |(chosen, ())| chosen)
    }

    /// The plain text in a language: given, or made of the HTML, or the title; empty where there is nothing.
    pub fn text_in(&self, language: Language) -> Cow<'_, str> {
        if let Some(text) = self.text.get(language) {
            return Cow::Borrowed(text);
        }
        match self.html.get(language) {
            Some(html) => Cow::Owned(html::to_text(html)),
            None => Cow::Borrowed(self.title.get(language).map_or("", |title| title)),
        }
    }

    /// With `{{name}}` replaced by what `value` gives for the name, in all parts. Values are
    /// escaped where they go into HTML. A name without a value stays as it is.
    #[must_use]
    pub fn with_variables<'v>(&self, value: impl Fn(&str) -> Option<&'v str>) -> Self {
        let fill = |translated: &Translated<Box<str>>, escape: bool| {
            let mut filled = Translated::default();
            for (language, template) in translated.iter() {
                filled.set(language, substitute(template, &value, escape).into());
            }
            filled
        };
        Self {
            title: fill(&self.title, false),
            text: fill(&self.text, false),
            html: fill(&self.html, true),
            sealed: self.sealed.clone(),
        }
    }

    /// The names of the variables in it, each once, in order of appearance.
    pub fn variables(&self) -> Vec<Box<str>> {
        let mut names: Vec<Box<str>> = Vec::new();
        for translated in [&self.title, &self.text, &self.html] {
            for (_, template) in translated.iter() {
                for part in parts(template) {
                    if let Part::Variable(name) = part
                        && !names.iter().any(|known| &**known == name)
                    {
                        names.push(name.into());
                    }
                }
            }
        }
        names
    }
}

fn limit(part: &'static str, language: Language, length: usize, limit: usize, unit: &'static str) -> Result<(), Error> {
    if length > limit {
        return Err(Error::TooLong { part, language: language.as_str(), length, limit, unit });
    }
    Ok(())
}

/// A piece of a template.
pub(super) enum Part<'t> {
    /// As it is.
    Text(&'t str),
    /// The name of what goes here.
    Variable(&'t str),
}

/// Splits a template at `{{name}}`; a name has letters, digits, `_`, `-` and `.`.
pub(super) fn parts(template: &str) -> impl Iterator<Item = Part<'_>> {
    let mut rest = template;
    let mut pending = None;
    std::iter::from_fn(move || {
        if let Some(name) = pending.take() {
            return Some(Part::Variable(name));
        }
        if rest.is_empty() {
            return None;
        }
        let mut from = 0;
        while let Some(open) = rest[from..].find("{{").map(|at| at + from) {
            let after = &rest[open + 2..];
            if let Some(close) = after.find("}}") {
                let name = after[..close].trim();
                let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
                if !name.is_empty() && name.chars().all(plain) {
                    let text = &rest[..open];
                    rest = &after[close + 2..];
                    if text.is_empty() {
                        return Some(Part::Variable(name));
                    }
                    pending = Some(name);
                    return Some(Part::Text(text));
                }
            }
            from = open + 2;
        }
        Some(Part::Text(std::mem::take(&mut rest)))
    })
}

fn substitute<'v>(template: &str, value: &impl Fn(&str) -> Option<&'v str>, escape: bool) -> String {
    let mut filled = String::with_capacity(template.len() + 32);
    for part in parts(template) {
        match part {
            Part::Text(text) => filled.push_str(text),
            Part::Variable(name) => match value(name) {
                Some(given) if escape => filled.push_str(&html::escape(given)),
                Some(given) => filled.push_str(given),
                None => {
                    filled.push_str("{{");
                    filled.push_str(name);
                    filled.push_str("}}");
                }
            },
        }
    }
    filled
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn french(text: &str) -> Translated<Box<str>> {
        let mut translated = Translated::default();
        translated.set(Language::Fr, text.into());
        translated
    }

    #[test]
    fn an_empty_or_oversized_content_is_refused() {
        let none = Translated::default;
        assert_eq!(Content::checked(none(), none(), none()), Err(Error::Empty));
        assert!(matches!(Content::checked(none(), french("  "), none()), Err(Error::Blank { part: "text", .. })));
        let script = Content::checked(none(), none(), french("<script>x</script>"));
        assert!(matches!(script, Err(Error::Blank { part: "html", .. })));
        let long = "a".repeat(MAX_TEXT + 1);
        assert!(matches!(Content::checked(none(), french(&long), none()), Err(Error::TooLong { part: "text", .. })));
        assert!(matches!(Content::checked(none(), french("a\u{0}"), none()), Err(Error::Control { .. })));
    }

    #[test]
    fn a_blank_translation_is_refused_so_that_it_wins_no_choice_of_language() {
        let none = Translated::default;
        let with_blank = |blank: &str, said: &str| {
            let mut translated = french(blank);
            translated.set(Language::Nl, said.into());
            translated
        };
        let blank = |part| Err(Error::Blank { part, language: "fr" });
        for nothing in ["", " \n\t"] {
            assert_eq!(Content::checked(with_blank(nothing, "Dag"), none(), none()), blank("title"));
            assert_eq!(Content::checked(none(), with_blank(nothing, "Dag"), none()), blank("text"));
            assert_eq!(Content::checked(none(), none(), with_blank(nothing, "<b>Dag</b>")), blank("html"));
        }
        let cleaned = Content::checked(none(), none(), with_blank("<script>x</script>", "Dag"));
        assert_eq!(cleaned, blank("html"));
    }

    #[test]
    fn the_text_of_an_sms_falls_back_on_the_html_then_on_the_title() {
        let content = Content::checked(french("Avis"), Translated::default(), french("<b>Bonjour</b>")).unwrap();
        assert_eq!(&*content.in_language(None, None, Language::Nl).text, "Bonjour");
        let content = Content::checked(french("Avis"), Translated::default(), Translated::default()).unwrap();
        assert_eq!(&*content.in_language(None, None, Language::Nl).text, "Avis");
    }

    #[test]
    fn variables_are_filled_and_escaped_in_html() {
        let content =
            Content::checked(french("{{ name }}"), french("{{name}}, {{x"), french("<b>{{name}}</b>")).unwrap();
        assert_eq!(content.variables(), vec!["name".into()]);
        let filled = content.with_variables(|name| (name == "name").then_some("<An & Co>"));
        assert_eq!(filled.text.get(Language::Fr).map(|text| &**text), Some("<An & Co>, {{x"));
        let html = filled.html.get(Language::Fr).unwrap();
        assert!(html.contains("&lt;An") && !html.contains("<An"), "{html}");
    }

    proptest! {
        #[test]
        fn a_template_without_values_stays_as_it_is(template in "[a{} ]{0,30}") {
            let kept = substitute(&template, &|_| None, false);
            prop_assert_eq!(kept.replace(' ', ""), template.replace(' ', ""));
        }
    }
}
