//! How long a broadcast's content gets for a row: looked at once for all rows, so that a row costs additions only.
//!
//! Invariant: what passes [`Template::check`] keeps to the limits of a content once it is filled, in every language that
//! may be chosen. A short template may name a variable thousands of times, and nothing bounds what fills it but this.
use super::content::{Content, Error, MAX_HTML, MAX_TEXT, MAX_TITLE, Part, parts};
use super::html;
use super::language::Language;

/// A content with its variables, measured.
#[derive(Clone, Debug, Default)]
pub struct Template {
    measures: Vec<Measure>,
}

/// One part of the content in one language.
#[derive(Clone, Debug)]
struct Measure {
    part: &'static str,
    language: Language,
    unit: Unit,
    limit: usize,
    /// What is there without the variables.
    fixed: usize,
    /// Whether nothing but white space is there without them.
    is_blank: bool,
    /// How often each variable is named.
    times: Vec<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Characters,
    /// Of HTML, in which values are escaped.
    Bytes,
}

/// Lengths of a value.
struct Length {
    characters: usize,
    bytes: usize,
    is_blank: bool,
}

impl Template {
    /// Of a content and the variables in the order of a row's values. `sms` is what an SMS may have, in characters,
    /// where one may be sent and the channel has a bound.
    pub fn of(content: &Content, variables: &[Box<str>], sms: Option<usize>) -> Self {
        let mut measures = Vec::new();
        for (language, title) in content.title.iter() {
            measures.push(Measure::of("title", language, Unit::Characters, MAX_TITLE, title, variables));
        }
        for (language, text) in content.text.iter() {
            measures.push(Measure::of("text", language, Unit::Characters, MAX_TEXT, text, variables));
        }
        for (language, html) in content.html.iter() {
            measures.push(Measure::of("html", language, Unit::Bytes, MAX_HTML, html, variables));
        }
        if let Some(limit) = sms {
            for (language, ()) in content.languages().iter() {
                let text = content.in_language(Some(language), None, language).text;
                measures.push(Measure::of("the SMS", language, Unit::Characters, limit, &text, variables));
            }
        }
        Self { measures }
    }

    /// Checks what is there without the variables: where that is too long already no row can be good.
    ///
    /// # Errors
    /// The first part that is too long, in any language: a part that can never be sent is a mistake.
    pub fn check_fixed(&self) -> Result<(), Error> {
        self.measures.iter().try_for_each(|measure| measure.check_length(measure.fixed))
    }

    /// Checks the lengths of a row, in the language that it asks for where the content has that, else in all: which
    /// one a citizen prefers is known later.
    pub fn check(&self, values: &[Box<str>], asked: Option<Language>) -> Result<(), Error> {
        let escaped = self.measures.iter().any(|measure| measure.unit == Unit::Bytes);
        let lengths: Vec<Length> = values.iter().map(|value| Length::of(value, escaped)).collect();
        // Every part is filled whatever is chosen, so only the SMS follows the choice.
        let chosen = asked.filter(|asked| self.measures.iter().any(|measure| measure.language == *asked));
        let is_open =
            |measure: &&Measure| measure.part != "the SMS" || chosen.is_none_or(|only| only == measure.language);
        self.measures.iter().filter(is_open).try_for_each(|measure| measure.check(&lengths))
    }
}

impl Measure {
    fn of(
        part: &'static str,
        language: Language,
        unit: Unit,
        limit: usize,
        template: &str,
        variables: &[Box<str>],
    ) -> Self {
        let mut measure =
            Self { part, language, unit, limit, fixed: 0, is_blank: true, times: vec![0; variables.len()] };
        for piece in parts(template) {
            match piece {
                Part::Text(text) => {
                    measure.fixed += if unit == Unit::Bytes { text.len() } else { text.chars().count() };
                    measure.is_blank &= text.trim().is_empty();
                }
                Part::Variable(name) => {
                    let place = variables.iter().position(|known| **known == *name);
                    if let Some(times) = place.and_then(|place| measure.times.get_mut(place)) {
                        *times += 1;
                    } else {
                        // One that no row has a value for stays as it is.
                        measure.fixed += 4 + if unit == Unit::Bytes { name.len() } else { name.chars().count() };
                        measure.is_blank = false;
                    }
                }
            }
        }
        measure
    }

    fn check(&self, lengths: &[Length]) -> Result<(), Error> {
        let named = || self.times.iter().zip(lengths).filter(|(times, _)| **times > 0);
        let length_of = |length: &Length| if self.unit == Unit::Bytes { length.bytes } else { length.characters };
        let filled = named().fold(self.fixed, |sum, (times, length)| sum.saturating_add(times * length_of(length)));
        self.check_length(filled)?;
        if self.is_blank && named().all(|(_, length)| length.is_blank) {
            return Err(Error::Blank { part: self.part, language: self.language.as_str() });
        }
        Ok(())
    }

    fn check_length(&self, length: usize) -> Result<(), Error> {
        let Self { part, language, limit, .. } = *self;
        if length <= limit {
            return Ok(());
        }
        let unit = if self.unit == Unit::Bytes { "bytes" } else { "characters" };
        Err(Error::TooLong { part, language: language.as_str(), length, limit, unit })
    }
}

impl Length {
    fn of(value: &str, escaped: bool) -> Self {
        let bytes = if escaped { html::escape(value).len() } else { value.len() };
        Self { characters: value.chars().count(), bytes, is_blank: value.trim().is_empty() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::language::Translated;

    fn french(text: &str) -> Translated<Box<str>> {
        Translated::of(Language::Fr, text.into())
    }

    fn none() -> Translated<Box<str>> {
        Translated::default()
    }

    fn boxed(values: &[&str]) -> Vec<Box<str>> {
        values.iter().map(|value| Box::from(*value)).collect()
    }

    #[test]
    fn a_short_template_can_not_be_filled_to_megabytes() {
        let html = Content::checked(none(), none(), french(&"{{a}}".repeat(6_000))).unwrap();
        let template = Template::of(&html, &html.variables(), None);
        let error = template.check(&boxed(&[&"x".repeat(1_000)]), None).unwrap_err();
        assert_eq!(
            error,
            Error::TooLong { part: "html", language: "fr", length: 6_000_000, limit: MAX_HTML, unit: "bytes" }
        );
        assert_eq!(template.check(&boxed(&["x"]), None), Ok(()));
        let title = Content::checked(french("{{a}}!"), french("x"), none()).unwrap();
        let template = Template::of(&title, &title.variables(), None);
        assert_eq!(template.check(&boxed(&[&"é".repeat(MAX_TITLE - 1)]), None), Ok(()));
        assert!(template.check(&boxed(&[&"é".repeat(MAX_TITLE)]), None).is_err());
    }

    #[test]
    fn a_text_that_is_too_long_for_an_sms_is_found_where_an_sms_may_be_sent() {
        let mut text = french("Dag {{a}}");
        text.set(Language::Nl, "{{a}}".into());
        let content = Content::checked(none(), text, none()).unwrap();
        let value = boxed(&[&"x".repeat(18)]);
        let of = |sms| Template::of(&content, &content.variables(), sms);
        assert_eq!(of(None).check(&value, None), Ok(()));
        assert_eq!(of(Some(22)).check(&value, None), Ok(()));
        let error = of(Some(21)).check(&value, None).unwrap_err();
        assert!(matches!(error, Error::TooLong { part: "the SMS", length: 22, limit: 21, .. }), "{error}");
        assert_eq!(of(Some(21)).check(&value, Some(Language::Nl)), Ok(()), "that one fits");
        let by_html = Content::checked(none(), none(), french("<b>{{a}}</b>")).unwrap();
        let template = Template::of(&by_html, &by_html.variables(), Some(17));
        assert!(matches!(template.check(&value, None), Err(Error::TooLong { part: "the SMS", length: 18, .. })));
    }

    #[test]
    fn a_text_that_no_sms_can_hold_whatever_fills_it_is_found_without_a_row() {
        let content = Content::checked(none(), french(&format!("{}{{{{a}}}}", "x".repeat(20))), none()).unwrap();
        let of = |sms| Template::of(&content, &content.variables(), sms).check_fixed();
        assert_eq!((of(None), of(Some(20))), (Ok(()), Ok(())), "an empty value would fit");
        assert!(matches!(of(Some(19)), Err(Error::TooLong { part: "the SMS", length: 20, limit: 19, .. })));
    }

    #[test]
    fn values_that_leave_nothing_to_say_are_found() {
        let content = Content::checked(none(), french("{{a}} {{b}}"), none()).unwrap();
        let template = Template::of(&content, &content.variables(), None);
        assert_eq!(template.check(&boxed(&["", "x"]), None), Ok(()));
        assert_eq!(template.check(&boxed(&["", " "]), None), Err(Error::Blank { part: "text", language: "fr" }));
    }

    proptest! {
        #[test]
        fn lengths_are_those_of_the_filled_content(
            template in "[é<>&b{} ]{0,20}(\\{\\{a\\}\\}|\\{\\{ b \\}\\}|x){1,6}", a in "[é&< a]{0,9}", b in "[\"/'=b]{0,9}",
        ) {
            let content = Content { text: french(&template), html: french(&template), ..Content::default() };
            let names = boxed(&["a", "b"]);
            let filled = content.with_variables(|name| match name {
                "a" => Some(&*a),
                "b" => Some(&*b),
                _ => None,
            });
            let (text, html) = (filled.text.get(Language::Fr).unwrap(), filled.html.get(Language::Fr).unwrap());
            let values = boxed(&[&a, &b]);
            let lengths: Vec<Length> = values.iter().map(|value| Length::of(value, true)).collect();
            for (unit, length) in [(Unit::Characters, text.chars().count()), (Unit::Bytes, html.len())] {
                let at = |limit| Measure::of("x", Language::Fr, unit, limit, &template, &names).check(&lengths);
                let is_too_long = |limit| matches!(at(limit), Err(Error::TooLong { length: told, .. }) if told == length);
                prop_assert!(!is_too_long(length));
                prop_assert!(length == 0 || is_too_long(length - 1), "{template:?} has {length}");
            }
        }
    }
}
