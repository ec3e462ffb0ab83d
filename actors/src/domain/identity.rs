//! Who a person is according to the authentic source, and what others claim of them.
//!
//! It must not show any of it: `Debug` gives no name and no date, and a mismatch names the field, never its value.
use std::fmt;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::birth::BirthDate;
use super::language::Language;
use super::niss::{Niss, Sex};

/// Characters of a surname, and of all given names together.
pub const NAME_LENGTH: usize = 150;

/// What the authentic source has of a person.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The surname, as it is spelt there.
    pub surname: Box<str>,
    /// The given names, the first one first, separated by a space.
    pub given_names: Box<str>,
    /// The birth date, as far as it is known.
    pub birth: BirthDate,
    /// The sex, where it is known.
    pub sex: Option<Sex>,
    /// The language preferred, where it is known.
    pub language: Option<Language>,
    /// The day of death.
    pub deceased: Option<Date>,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity(***)")
    }
}

/// What becomes of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Standing {
    /// It is the person's number.
    InUse,
    /// Another took its place, which may have been replaced too.
    ReplacedBy(Niss),
    /// It was given out by mistake and stands for nobody.
    Cancelled,
}

/// A number at the authentic source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registered {
    /// The number.
    pub niss: Niss,
    /// What became of it.
    pub standing: Standing,
    /// Whose it is, or was.
    pub identity: Identity,
}

/// What an institution says of a person whom it inscribes: compared, where given, with the authentic source.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Claim {
    /// The surname.
    pub surname: Option<Box<str>>,
    /// The given name, or several.
    pub given_names: Option<Box<str>>,
    /// The birth date, as far as they know it.
    pub birth: Option<BirthDate>,
    /// The sex.
    pub sex: Option<Sex>,
}

impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Claim(***)")
    }
}

/// A field that can differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// The surname.
    Surname,
    /// The given names.
    GivenNames,
    /// The birth date.
    BirthDate,
    /// The sex.
    Sex,
    /// The language.
    Language,
    /// The day of death.
    Deceased,
}

impl Field {
    /// Its name, as faces write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Surname => "surname",
            Self::GivenNames => "given_names",
            Self::BirthDate => "birth_date",
            Self::Sex => "sex",
            Self::Language => "language",
            Self::Deceased => "deceased",
        }
    }
}

impl Identity {
    /// The fields in which another identity differs.
    pub fn changed(&self, other: &Self) -> Vec<Field> {
        let differs = [
            (Field::Surname, self.surname != other.surname),
            (Field::GivenNames, self.given_names != other.given_names),
            (Field::BirthDate, self.birth != other.birth),
            (Field::Sex, self.sex != other.sex),
            (Field::Language, self.language != other.language),
            (Field::Deceased, self.deceased != other.deceased),
        ];
        differs.into_iter().filter(|(_, differs)| *differs).map(|(field, _)| field).collect()
    }
}
