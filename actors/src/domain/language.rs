//! The four languages of a message, what exists in some of them, and which one a citizen gets.
//!
//! Invariant: the choice depends only on what is passed in, and something is chosen whenever anything is there.
//! It must not know what is translated.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{self, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A language in which a message can be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// French.
    Fr,
    /// Dutch.
    Nl,
    /// German.
    De,
    /// English.
    En,
}

/// Not one of the four languages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown language: give fr, nl, de or en")]
pub struct Error;

impl Language {
    /// All of them, in the fixed order in which one is looked for when nobody asked for any.
    pub const ALL: [Self; 4] = [Self::Fr, Self::Nl, Self::De, Self::En];

    /// Reads an ISO 639-1 code in lower case.
    pub fn parse(text: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|language| language.as_str() == text).ok_or(Error)
    }

    /// The ISO 639-1 code in lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fr => "fr",
            Self::Nl => "nl",
            Self::De => "de",
            Self::En => "en",
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Language {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

/// Something that exists in some of the four languages.
///
/// In JSON an object of the languages that are there, `{"fr": .., "nl": ..}`; another key is refused. In a binary
/// record its four places, so that it can be read without knowing which are filled.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Translated<T> {
    by_language: [Option<T>; 4],
}

impl<T> Default for Translated<T> {
    fn default() -> Self {
        Self { by_language: [const { None }; 4] }
    }
}

impl<T> Translated<T> {
    /// Nothing in any language.
    pub fn new() -> Self {
        Self::default()
    }

    /// One thing in one language.
    pub fn of(language: Language, value: T) -> Self {
        let mut translated = Self::new();
        translated.set(language, value);
        translated
    }

    /// What there is in a language.
    pub const fn get(&self, language: Language) -> Option<&T> {
        self.by_language[language as usize].as_ref()
    }

    /// Sets what there is in a language, and returns what was there.
    pub fn set(&mut self, language: Language, value: T) -> Option<T> {
        self.by_language[language as usize].replace(value)
    }

    /// What there is, in the order fr, nl, de, en.
    pub fn iter(&self) -> impl Iterator<Item = (Language, &T)> {
        Language::ALL.into_iter().filter_map(|language| Some((language, self.get(language)?)))
    }

    /// The languages that are there, in the order fr, nl, de, en.
    pub fn languages(&self) -> impl Iterator<Item = Language> {
        self.iter().map(|(language, _)| language)
    }

    /// Whether there is nothing in any language.
    pub fn is_empty(&self) -> bool {
        self.by_language.iter().all(Option::is_none)
    }

    /// The same languages with something made of each value.
    pub fn map<U>(&self, mut make: impl FnMut(Language, &T) -> U) -> Translated<U> {
        let mut mapped = Translated::new();
        for (language, value) in self.iter() {
            mapped.set(language, make(language, value));
        }
        mapped
    }
}

impl<T> FromIterator<(Language, T)> for Translated<T> {
    fn from_iter<I: IntoIterator<Item = (Language, T)>>(values: I) -> Self {
        let mut translated = Self::new();
        for (language, value) in values {
            translated.set(language, value);
        }
        translated
    }
}

impl<T: Serialize> Serialize for Translated<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !serializer.is_human_readable() {
            return self.by_language.serialize(serializer);
        }
        let mut map = serializer.serialize_map(Some(self.iter().count()))?;
        for (language, value) in self.iter() {
            map.serialize_entry(language.as_str(), value)?;
        }
        map.end()
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Translated<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            return deserializer.deserialize_map(Keyed(PhantomData));
        }
        Ok(Self { by_language: Deserialize::deserialize(deserializer)? })
    }
}

/// Reads the object: only known languages, each once; a null is as good as nothing. By hand, because a derived
/// implementation would take an array too.
struct Keyed<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Keyed<T> {
    type Value = Translated<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with any of the keys fr, nl, de, en")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Translated<T>, M::Error> {
        let mut translated = Translated::new();
        while let Some(language) = map.next_key::<Language>()? {
            let Some(value) = map.next_value::<Option<T>>()? else {
                continue;
            };
            if translated.set(language, value).is_some() {
                return Err(de::Error::duplicate_field(language.as_str()));
            }
        }
        Ok(translated)
    }
}

/// Which of the available languages a citizen gets: the one asked for, else the one the citizen prefers, else the
/// institution's default, else what there is in the order fr, nl, de, en. `None` only when there is nothing.
pub fn choose<T>(
    asked: Option<Language>,
    preferred: Option<Language>,
    default: Language,
    available: &Translated<T>,
) -> Option<(Language, &T)> {
    [asked, preferred, Some(default)]
        .into_iter()
        .flatten()
        .find_map(|language| Some((language, available.get(language)?)))
        .or_else(|| available.iter().next())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Language::{De, En, Fr, Nl};
    use super::*;

    fn in_languages(languages: &[Language]) -> Translated<String> {
        languages.iter().map(|&language| (language, format!("in {language}"))).collect()
    }

    #[test]
    fn the_language_asked_for_goes_before_preference_before_default_before_what_there_is() {
        let table = [
            (Some(De), Some(Nl), Fr, &[Fr, Nl, De, En][..], Some(De)),
            (Some(De), Some(Nl), Fr, &[Fr, Nl, En], Some(Nl)),
            (Some(De), Some(Nl), Fr, &[Fr, En], Some(Fr)),
            (None, Some(Nl), Fr, &[Fr, Nl], Some(Nl)),
            (None, None, En, &[Fr, En], Some(En)),
            (None, None, En, &[De, Nl], Some(Nl)),
            (Some(Fr), None, Fr, &[En], Some(En)),
            (Some(Fr), Some(Fr), Fr, &[], None),
        ];
        for (asked, preferred, default, available, expected) in table {
            let available = in_languages(available);
            let chosen = choose(asked, preferred, default, &available).map(|(language, _)| language);
            assert_eq!(chosen, expected, "{asked:?} {preferred:?} {default:?} {available:?}");
        }
    }

    #[test]
    fn json_is_an_object_of_what_is_there_and_refuses_other_keys() {
        let translated = in_languages(&[Nl, Fr]);
        let json = serde_json::to_string(&translated).expect("strings");
        assert_eq!(json, r#"{"fr":"in fr","nl":"in nl"}"#);
        assert_eq!(serde_json::from_str::<Translated<String>>(&json).expect("own output"), translated);
        for wrong in [r#"{"it":"ciao"}"#, r#"{"fr":"a","fr":"b"}"#, r#"{"FR":"a"}"#, r#"["a"]"#, r#"{"fr":1}"#] {
            assert!(serde_json::from_str::<Translated<String>>(wrong).is_err(), "{wrong}");
        }
        assert!(serde_json::from_str::<Translated<String>>("{}").expect("an object").is_empty());
    }

    #[test]
    fn a_language_is_written_and_read_as_its_code() {
        for language in Language::ALL {
            assert_eq!(Language::parse(language.as_str()), Ok(language));
            assert_eq!(serde_json::to_value(language).expect("a string"), language.as_str());
        }
        for wrong in ["", "FR", "it", "fr-BE"] {
            assert_eq!(Language::parse(wrong), Err(Error));
        }
    }

    proptest! {
        #[test]
        fn something_is_chosen_exactly_when_something_is_there(
            asked in proptest::option::of(0_usize..4), preferred in proptest::option::of(0_usize..4),
            default in 0_usize..4, available in proptest::collection::vec(0_usize..4, 0..4),
        ) {
            let at = |index: usize| Language::ALL[index];
            let available: Translated<usize> = available.into_iter().map(|index| (at(index), index)).collect();
            match choose(asked.map(at), preferred.map(at), at(default), &available) {
                Some((language, value)) => prop_assert_eq!(at(*value), language),
                None => prop_assert!(available.is_empty()),
            }
            prop_assert_eq!(available.languages().count(), available.iter().count());
        }
    }
}
