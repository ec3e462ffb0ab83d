//! Texts in four languages, of Fluent files that are part of the program.
//!
//! Invariant: a text that is missing is shown as its key, and nothing else fails.
use estafette_actors::domain::language::Language;
use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};
use unic_langid::LanguageIdentifier;

/// One file a language.
pub type Files = [(Language, &'static str); 4];

/// The texts of all four.
pub struct Bundles([FluentBundle<FluentResource>; 4]);

impl Bundles {
    /// Of their files.
    pub fn of(files: &Files) -> Self {
        Self(Language::ALL.map(|language| {
            let text = files.iter().find(|(of, _)| *of == language).map_or("", |(_, text)| text);
            bundle(language, text)
        }))
    }

    /// A text with its variables.
    pub fn fill(&self, language: Language, key: &str, variables: Option<&FluentArgs<'_>>) -> String {
        let bundle = self.one(language);
        let Some(pattern) = bundle.get_message(key).and_then(|message| message.value()) else {
            return key.to_owned();
        };
        bundle.format_pattern(pattern, variables, &mut Vec::new()).into_owned()
    }

    /// Of one language.
    pub fn one(&self, language: Language) -> &FluentBundle<FluentResource> {
        &self.0[language as usize]
    }
}

fn bundle(language: Language, text: &str) -> FluentBundle<FluentResource> {
    let tag: LanguageIdentifier = language.as_str().parse().unwrap_or_default();
    let mut bundle = FluentBundle::new_concurrent(vec![tag]);
    // Names and numbers here are all written from left to right.
    bundle.set_use_isolating(false);
    // Tests read all files: what can't be read never leaves the machine of who wrote it.
    let resource = FluentResource::try_new(text.to_owned()).unwrap_or_else(|(read, _)| read);
    bundle.add_resource_overriding(resource);
    bundle
}

/// What the tests of a set of files have in common.
#[cfg(test)]
pub mod tested {
    use std::collections::{BTreeMap, BTreeSet};

    use super::{Bundles, Files, FluentArgs, FluentResource};

    /// Keys, with the variables of each.
    pub fn keys(text: &str) -> BTreeMap<String, BTreeSet<String>> {
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
                variables.extend(variables_of(line));
            }
        }
        found
    }

    fn variables_of(line: &str) -> impl Iterator<Item = String> {
        let names = line.split('$').skip(1);
        names.map(|rest| rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect())
    }

    /// All languages say the same things with the same variables, each file is read whole, and each text formatted.
    pub fn agree(files: &Files, bundles: &Bundles) {
        let all = files.map(|(language, text)| (language, keys(text)));
        let (_, english) = &all[3];
        for (language, texts) in &all {
            let there: BTreeSet<_> = texts.keys().collect();
            let wanted: BTreeSet<_> = english.keys().collect();
            let differ: Vec<_> = there.symmetric_difference(&wanted).collect();
            assert!(differ.is_empty(), "{language} and en differ in {differ:?}");
            for (key, variables) in texts {
                assert_eq!(variables, &english[key], "variables of {key} in {language}");
            }
        }
        for (language, text) in files {
            let read = FluentResource::try_new((*text).to_owned());
            assert!(read.is_ok(), "{language}: {:?}", read.err().map(|(_, errors)| errors));
            for (key, variables) in keys(text) {
                let mut given = FluentArgs::new();
                for name in &variables {
                    given.set(name.clone(), 2);
                }
                let bundle = bundles.one(*language);
                let mut errors = Vec::new();
                let pattern = bundle.get_message(&key).and_then(|message| message.value()).expect("a text");
                let said = bundle.format_pattern(pattern, Some(&given), &mut errors);
                assert!(errors.is_empty() && !said.is_empty(), "{language} {key}: {errors:?}");
            }
        }
    }
}
