//! What the pages say, in four languages: Fluent files that are part of the program.
//!
//! Invariant: all four say the same things with the same variables, which a test compares; so a text that one language has is never
//! missing in another.
use std::sync::LazyLock;

use estafette_actors::domain::language::Language;
use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use unic_langid::LanguageIdentifier;

const FILES: [(Language, &str); 4] = [
    (Language::Fr, include_str!("locales/fr.ftl")),
    (Language::Nl, include_str!("locales/nl.ftl")),
    (Language::De, include_str!("locales/de.ftl")),
    (Language::En, include_str!("locales/en.ftl")),
];

static BUNDLES: LazyLock<[FluentBundle<FluentResource>; 4]> = LazyLock::new(|| Language::ALL.map(bundle));

fn bundle(language: Language) -> FluentBundle<FluentResource> {
    let tag: LanguageIdentifier = language.as_str().parse().unwrap_or_default();
    let mut bundle = FluentBundle::new_concurrent(vec![tag]);
    // Names and numbers here are all written from left to right.
    bundle.set_use_isolating(false);
    let text = FILES.iter().find(|(of, _)| *of == language).map_or("", |(_, text)| text);
    // A test reads all four: what can't be read never leaves the machine of who wrote it.
    let resource = FluentResource::try_new(text.to_owned()).unwrap_or_else(|(read, _)| read);
    bundle.add_resource_overriding(resource);
    bundle
}

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
        let bundle = &BUNDLES[self.0 as usize];
        let Some(pattern) = bundle.get_message(key).and_then(|message| message.value()) else {
            return key.to_owned();
        };
        bundle.format_pattern(pattern, variables, &mut Vec::new()).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    /// Keys, with the variables of each.
    fn keys(text: &str) -> BTreeMap<String, BTreeSet<String>> {
        let variable = regexless;
        let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut current = String::new();
        for line in text.lines() {
            match line.split_once(" =") {
                Some((key, _)) if line.starts_with(|c: char| c.is_ascii_lowercase()) => {
                    key.clone_into(&mut current);
                    assert!(found.insert(current.clone(), BTreeSet::new()).is_none(), "{current} twice");
                }
                _ => {}
            }
            if let Some(variables) = found.get_mut(&current) {
                variables.extend(variable(line));
            }
        }
        found
    }

    fn regexless(line: &str) -> impl Iterator<Item = String> {
        let names = line.split('$').skip(1);
        names.map(|rest| rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect())
    }

    #[test]
    fn each_language_says_the_same_things_with_the_same_variables() {
        let all = FILES.map(|(language, text)| (language, keys(text)));
        let (_, english) = &all[3];
        assert!(english.len() > 100);
        for (language, texts) in &all {
            let there: BTreeSet<_> = texts.keys().collect();
            let wanted: BTreeSet<_> = english.keys().collect();
            let differ: Vec<_> = there.symmetric_difference(&wanted).collect();
            assert!(differ.is_empty(), "{language} and en differ in {differ:?}");
            for (key, variables) in texts {
                assert_eq!(variables, &english[key], "variables of {key} in {language}");
            }
        }
    }

    #[test]
    fn each_file_is_read_whole_and_each_text_is_formatted_without_an_error() {
        for (language, text) in FILES {
            let read = FluentResource::try_new(text.to_owned());
            assert!(read.is_ok(), "{language}: {:?}", read.err().map(|(_, errors)| errors));
            for (key, variables) in keys(text) {
                let mut given = FluentArgs::new();
                for name in &variables {
                    given.set(name.clone(), 2);
                }
                let bundle = &BUNDLES[language as usize];
                let mut errors = Vec::new();
                let pattern = bundle.get_message(&key).and_then(|message| message.value()).expect("a text");
                let said = bundle.format_pattern(pattern, Some(&given), &mut errors);
                assert!(errors.is_empty() && !said.is_empty(), "{language} {key}: {errors:?}");
            }
        }
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
