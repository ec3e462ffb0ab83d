//! What the pages say, in four languages: Fluent files that are part of the program.
//!
//! Invariant: all four say the same things with the same variables, which a test compares; so a text that one language has is never
//! missing in another.
use std::sync::LazyLock;

use estafette_actors::domain::language::Language;
use fluent_bundle::{FluentArgs, FluentValue};

use crate::fluent::{Bundles, Files};

const FILES: Files = [
    (Language::Fr, include_str!("locales/fr.ftl")),
    (Language::Nl, include_str!("locales/nl.ftl")),
    (Language::De, include_str!("locales/de.ftl")),
    (Language::En, include_str!("locales/en.ftl")),
];

static BUNDLES: LazyLock<Bundles> = LazyLock::new(|| Bundles::of(&FILES));

/// The texts of one language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Texts(pub Language);

impl Texts {
    /// Without variables.
    pub fn say(self, key: &str) -> String {
        self.fill(key, None)
    }

    /// With one variable.
    pub fn with<'a>(self, key: &str, name: &'a str, value: impl Into<FluentValue<'a>>) -> String {
        let mut variables = FluentArgs::with_capacity(1);
        variables.set(name, value);
        self.fill(key, Some(&variables))
    }

    /// With two.
    pub fn with_both<'a>(
        self,
        key: &str,
        (first, one): (&'a str, impl Into<FluentValue<'a>>),
        (second, two): (&'a str, impl Into<FluentValue<'a>>),
    ) -> String {
        let mut variables = FluentArgs::with_capacity(2);
        variables.set(first, one);
        variables.set(second, two);
        self.fill(key, Some(&variables))
    }

    fn fill(self, key: &str, variables: Option<&FluentArgs<'_>>) -> String {
        BUNDLES.fill(self.0, key, variables)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fluent::tested::{agree, keys};

    #[test]
    fn each_language_says_the_same_things_with_the_same_variables_and_each_text_is_formatted() {
        agree(&FILES, &BUNDLES);
        assert!(keys(FILES[3].1).len() > 100);
    }

    #[test]
    fn each_text_that_a_page_asks_for_is_there_and_none_is_there_for_nothing() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut asked = String::new();
        let mut folders = vec![root.join("templates/web"), root.join("src/web")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                match path.extension().and_then(|extension| extension.to_str()) {
                    None if path.is_dir() => folders.push(path),
                    Some("html" | "rs") => asked.push_str(&std::fs::read_to_string(&path).unwrap()),
                    _ => {}
                }
            }
        }
        let english = keys(FILES[3].1);
        let unused: Vec<_> = english.keys().filter(|key| !asked.contains(&format!("\"{key}\""))).collect();
        assert!(unused.is_empty(), "nobody asks for {unused:?}");
        for ask in ["f.t(\"", ".say(\"", ".with(\"", ".with_both(\"", "f.with(\"", "f.count(\""] {
            for rest in asked.split(ask).skip(1) {
                let key = rest.split('"').next().unwrap();
                let is_key = key.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
                assert!(!is_key || english.contains_key(key), "{key} is asked for");
            }
        }
    }

    #[test]
    fn numbers_decide_the_form_of_a_word() {
        assert_eq!(Texts(Language::Fr).with("list-found", "count", 1), "1 message");
        assert_eq!(Texts(Language::Nl).with("list-found", "count", 2), "2 berichten");
        assert_eq!(Texts(Language::De).with("list-found", "count", 0), "Keine Nachrichten");
        assert_eq!(Texts(Language::En).say("no such key"), "no such key");
    }
}
