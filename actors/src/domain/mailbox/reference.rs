//! What may be published, by whom, for whom, and for how long: message types, applications and organisations.
//!
//! Invariant: names exist in all four languages. A message type that names organisations or applications is theirs alone; one that
//! names none is everybody's.
use std::fmt;

use jiff::ToSpan;
use serde::{Deserialize, Serialize};

use super::Audience;
use crate::domain::cbe::Cbe;
use crate::domain::language::{Language, Translated};
use crate::domain::month::BRUSSELS;
use crate::domain::time::Timestamp;

/// Characters of the identifier of a message type, an application, an access right or a picture.
pub const ID_LENGTH: usize = 64;
/// Characters of a name.
pub const NAME_LENGTH: usize = 200;
/// Characters of a description, an address of a page or of how to be reached.
pub const DESCRIPTION_LENGTH: usize = 2_000;
/// Organisations or applications that one type names, and types that one application names.
pub const NAMED: usize = 1_000;
/// Message types, and applications, at most.
pub const ENTRIES: usize = 10_000;
/// Pictures of one application or organisation.
pub const IMAGES: usize = 8;

/// Names a message type, an application, an access right or a picture: 1 to 64 of letters, digits, `.`, `_`, `:` and `-`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RefId(Box<str>);

/// Why something is no reference data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// An identifier in another form.
    #[error("an identifier is 1 to 64 letters, digits, `.`, `_`, `:` and `-`: write it so")]
    Id,
    /// A language without a name.
    #[error("give a name of 1 to 200 characters in fr, nl, de and en")]
    Names,
    /// A description that is too long.
    #[error("a description has 2,000 characters at most in each language: shorten it")]
    Description,
    /// A validity that can't be.
    #[error("a validity is 1 to 3,650 days, 1 to 120 months or 1 to 10 years: give one of these")]
    Validity,
    /// More than there may be.
    #[error("at most 1,000 organisations, applications or types are named, each once")]
    Named,
}

impl RefId {
    /// Reads one.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b':' | b'-');
        let is_id = !text.is_empty() && text.len() <= ID_LENGTH && text.bytes().all(fits);
        if is_id { Ok(Self(text.into())) } else { Err(Error::Id) }
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RefId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The unit of a validity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Days.
    Day,
    /// Months of the calendar.
    Month,
    /// Years of the calendar.
    Year,
}

/// How long a document of a type stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validity {
    /// So many.
    pub number: u16,
    /// Of these.
    pub unit: Unit,
}

impl Validity {
    /// A validity: 1 to 3,650 days, 1 to 120 months or 1 to 10 years.
    pub fn new(number: u16, unit: Unit) -> Result<Self, Error> {
        let most = match unit {
            Unit::Day => 3_650,
            Unit::Month => 120,
            Unit::Year => 10,
        };
        if (1..=most).contains(&number) { Ok(Self { number, unit }) } else { Err(Error::Validity) }
    }

    /// When what is published at a moment expires: at the same time of the day in Brussels, so many days, months or years of the
    /// calendar later. A day that the month doesn't have is its last one.
    pub fn ends(self, published: Timestamp) -> Timestamp {
        let number = i64::from(self.number);
        let span = match self.unit {
            Unit::Day => number.days(),
            Unit::Month => number.months(),
            Unit::Year => number.years(),
        };
        let at = jiff::Timestamp::from_millisecond(published.millis() as i64).unwrap_or(jiff::Timestamp::MAX);
        let later = BRUSSELS.to_datetime(at).checked_add(span).and_then(|later| BRUSSELS.to_timestamp(later));
        later.map_or(Timestamp::MAX, |later| Timestamp::from_millis(later.as_millisecond().unsigned_abs()))
    }
}

/// A kind of document, as senders defined it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageType {
    /// Its identifier.
    pub id: RefId,
    /// Its name.
    pub names: Translated<Box<str>>,
    /// What it is about.
    pub descriptions: Translated<Box<str>>,
    /// How long documents of it stay.
    pub validity: Validity,
    /// For whom; both when none is named.
    pub audience: Option<Audience>,
    /// Whether it may be published as registered mail.
    pub may_be_registered: bool,
    /// In an enterprise only users with this right see documents of it.
    pub right: Option<RefId>,
    /// Who may publish it; anybody when none is named.
    pub organizations: Vec<Cbe>,
    /// By which applications; by any when none is named.
    pub applications: Vec<RefId>,
}

/// An application that sends documents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Application {
    /// Its identifier.
    pub id: RefId,
    /// Its name.
    pub names: Translated<Box<str>>,
    /// What it is.
    pub descriptions: Translated<Box<str>>,
    /// Where it is on the web.
    pub urls: Translated<Box<str>>,
    /// Whose applications it may speak for.
    pub organizations: Vec<Cbe>,
    /// Whom a reader may ask.
    pub contact: Option<Box<str>>,
    /// Its pictures.
    pub images: Vec<Image>,
}

/// An organisation that sends documents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Organization {
    /// Its number.
    pub cbe: Cbe,
    /// Its short name.
    pub names: Translated<Box<str>>,
    /// Its whole name.
    pub long_names: Translated<Box<str>>,
    /// Where it is on the web.
    pub urls: Translated<Box<str>>,
    /// Whom a reader may ask.
    pub contact: Option<Box<str>>,
    /// Its pictures.
    pub images: Vec<Image>,
}

/// A picture of an application or organisation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// Its identifier.
    pub id: RefId,
    /// `image/png`, `image/jpeg` or `image/gif`.
    pub media_type: Box<str>,
    /// In which language it is, where it has one.
    pub language: Option<Language>,
    /// Bytes.
    pub size: u32,
}

/// All reference data, each kind in the order of its identifiers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reference {
    /// Message types.
    pub types: Vec<MessageType>,
    /// Applications.
    pub applications: Vec<Application>,
    /// Organisations.
    pub organizations: Vec<Organization>,
}

impl Reference {
    /// A message type.
    pub fn message_type(&self, id: &RefId) -> Option<&MessageType> {
        self.types.binary_search_by(|one| one.id.cmp(id)).ok().map(|place| &self.types[place])
    }

    /// An application.
    pub fn application(&self, id: &RefId) -> Option<&Application> {
        self.applications.binary_search_by(|one| one.id.cmp(id)).ok().map(|place| &self.applications[place])
    }

    /// An organisation.
    pub fn organization(&self, cbe: Cbe) -> Option<&Organization> {
        self.organizations.binary_search_by(|one| one.cbe.cmp(&cbe)).ok().map(|place| &self.organizations[place])
    }
}

impl MessageType {
    /// Checks what its parts don't say themselves.
    pub fn checked(self) -> Result<Self, Error> {
        named(&self.names)?;
        described(&self.descriptions)?;
        once(&self.organizations)?;
        once(&self.applications)?;
        Ok(self)
    }
}

impl Application {
    /// Checks what its parts don't say themselves.
    pub fn checked(self) -> Result<Self, Error> {
        named(&self.names)?;
        described(&self.descriptions)?;
        described(&self.urls)?;
        once(&self.organizations)?;
        Ok(self)
    }
}

impl Organization {
    /// Checks what its parts don't say themselves.
    pub fn checked(self) -> Result<Self, Error> {
        named(&self.names)?;
        described(&self.long_names)?;
        described(&self.urls)?;
        Ok(self)
    }
}

fn named(names: &Translated<Box<str>>) -> Result<(), Error> {
    let is_name = |name: &str| {
        let length = name.chars().count();
        (1..=NAME_LENGTH).contains(&length) && name.trim() == name && !name.chars().any(char::is_control)
    };
    let all = Language::ALL.into_iter().all(|language| names.get(language).is_some_and(|name| is_name(name)));
    if all { Ok(()) } else { Err(Error::Names) }
}

fn described(texts: &Translated<Box<str>>) -> Result<(), Error> {
    let fits = texts.iter().all(|(_, text)| text.chars().count() <= DESCRIPTION_LENGTH);
    if fits { Ok(()) } else { Err(Error::Description) }
}

fn once<T: Ord>(named: &[T]) -> Result<(), Error> {
    let mut sorted: Vec<&T> = named.iter().collect();
    sorted.sort_unstable();
    let fits = named.len() <= NAMED && sorted.windows(2).all(|pair| pair[0] != pair[1]);
    if fits { Ok(()) } else { Err(Error::Named) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn a_validity_ends_after_days_of_the_calendar_in_brussels() {
        let ends = |number, unit, from: &str| Validity::new(number, unit).unwrap().ends(at(from)).to_string();
        // Over the end of summer time.
        assert_eq!(ends(1, Unit::Day, "2026-10-24T12:00:00+02:00"), "2026-10-25T11:00:00.000Z");
        assert_eq!(ends(1, Unit::Month, "2026-01-31T09:00:00+01:00"), "2026-02-28T08:00:00.000Z");
        assert_eq!(ends(1, Unit::Year, "2028-02-29T09:00:00+01:00"), "2029-02-28T08:00:00.000Z");
        assert_eq!(Validity::new(0, Unit::Day), Err(Error::Validity));
        assert_eq!(Validity::new(11, Unit::Year), Err(Error::Validity));
    }

    #[test]
    fn names_in_three_languages_and_an_organisation_twice_are_refused() {
        let mut names = Translated::new();
        for language in Language::ALL {
            names.set(language, Box::from("Letter"));
        }
        let cbe = Cbe::parse("0403019261").unwrap();
        let good = MessageType {
            id: RefId::parse("letter").unwrap(),
            names,
            descriptions: Translated::new(),
            validity: Validity::new(2, Unit::Year).unwrap(),
            audience: None,
            may_be_registered: true,
            right: None,
            organizations: vec![cbe],
            applications: vec![],
        };
        assert!(good.clone().checked().is_ok());
        let twice = MessageType { organizations: vec![cbe, cbe], ..good.clone() };
        assert_eq!(twice.checked(), Err(Error::Named));
        let names = Translated::of(Language::Fr, Box::from("Lettre"));
        assert_eq!(MessageType { names, ..good }.checked(), Err(Error::Names));
        assert_eq!(RefId::parse("a b"), Err(Error::Id));
    }
}
