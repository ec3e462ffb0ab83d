//! Dossier types: in which role or quality an institution knows a person, as it defined that beforehand.
//!
//! Invariant: a type has a name in each of the four languages, a code of its institution's own, and days on which it may be used; a
//! partner appears once among its rights.
use std::fmt;

use serde::{Deserialize, Serialize};

use super::cbe::Cbe;
use super::language::{Language, Translated};
use super::period::Period;

/// Characters of a code.
pub const CODE_LENGTH: usize = 32;
/// Characters of a name.
pub const NAME_LENGTH: usize = 100;
/// Types of one institution.
pub const TYPES: usize = 1_000;
/// Partners with rights on one type.
pub const PARTNERS: usize = 100;

/// The code of a dossier type within its institution: 1 to 32 of `A-Z`, `0-9`, `_` and `-`.
///
/// Every row of a register has one: it lies in place, and is copied without memory of its own.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code {
    /// Zeros follow the characters, so that codes sort as texts do.
    bytes: [u8; CODE_LENGTH],
    length: u8,
}

/// Why something is no dossier type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A code in another form.
    #[error("the code of a dossier type is 1 to 32 of A-Z, 0-9, _ and -: write it so")]
    Code,
    /// A language without a name.
    #[error("a dossier type has a name of 1 to 100 characters in fr, nl, de and en: give all four")]
    Names,
    /// More partners than there may be, or one twice.
    #[error("a dossier type gives rights to 100 partners at most, each named once")]
    Partners,
}

impl Code {
    /// Reads a code; small letters are taken as capitals.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        if text.is_empty() || text.len() > CODE_LENGTH || !text.bytes().all(fits) {
            return Err(Error::Code);
        }
        let mut bytes = [0; CODE_LENGTH];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        bytes.make_ascii_uppercase();
        Ok(Self { bytes, length: text.len() as u8 })
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        let characters = &self.bytes[..usize::from(self.length)];
        std::str::from_utf8(characters).expect("invariant: the characters of a code are ASCII")
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// What a partner may do with the rows of a type that another institution keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rights {
    /// It may consult them.
    pub consult: bool,
    /// It gets the mutations of their NISSs too.
    pub mutations: bool,
}

/// A role or quality in which an institution knows persons.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DossierType {
    /// Its code.
    pub code: Code,
    /// Its name in the four languages.
    pub names: Translated<Box<str>>,
    /// The days on which rows of it may lie.
    pub valid: Period,
    /// The institution for which the NISS is known, where that is another than the register's.
    pub partner: Option<Cbe>,
    /// What partners may do with its rows.
    pub rights: Vec<(Cbe, Rights)>,
}

impl DossierType {
    /// Checks what its parts don't say themselves.
    pub fn checked(self) -> Result<Self, Error> {
        let named = |language| self.names.get(language).is_some_and(|name| is_name(name));
        if !Language::ALL.into_iter().all(named) {
            return Err(Error::Names);
        }
        let twice = |place: usize| self.rights[..place].iter().any(|(other, _)| *other == self.rights[place].0);
        if self.rights.len() > PARTNERS || (0..self.rights.len()).any(twice) {
            return Err(Error::Partners);
        }
        Ok(self)
    }

    /// What an institution other than the register's owner may do with its rows.
    pub fn rights_of(&self, partner: Cbe) -> Rights {
        self.rights.iter().find(|(other, _)| *other == partner).map(|(_, rights)| *rights).unwrap_or_default()
    }
}

fn is_name(name: &str) -> bool {
    let length = name.chars().count();
    (1..=NAME_LENGTH).contains(&length) && name.trim() == name && !name.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(languages: &[Language]) -> DossierType {
        let mut names = Translated::new();
        for language in languages {
            names.set(*language, "Pensioner".into());
        }
        let code = Code::parse("pens-1").unwrap();
        DossierType { code, names, valid: Period::always(), partner: None, rights: vec![] }
    }

    #[test]
    fn a_code_is_read_in_capitals_and_refused_in_another_form() {
        assert_eq!(Code::parse("pens-1").unwrap().as_str(), "PENS-1");
        for wrong in ["", "PENS 1", "é", &"A".repeat(33)] {
            assert_eq!(Code::parse(wrong), Err(Error::Code), "{wrong:?}");
        }
    }

    #[test]
    fn a_type_without_a_name_in_each_language_or_with_a_partner_twice_is_refused() {
        assert!(named(&Language::ALL).checked().is_ok());
        assert_eq!(named(&Language::ALL[..3]).checked(), Err(Error::Names));
        let partner = Cbe::parse("0403019261").unwrap();
        let may = Rights { consult: true, mutations: false };
        let mut twice = named(&Language::ALL);
        twice.rights = vec![(partner, may), (partner, Rights::default())];
        assert_eq!(twice.checked(), Err(Error::Partners));
        let mut once = named(&Language::ALL);
        once.rights = vec![(partner, may)];
        assert_eq!(once.rights_of(partner), may);
        assert_eq!(once.rights_of(Cbe::parse("0206731645").unwrap()), Rights::default());
    }
}
