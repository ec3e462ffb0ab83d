//! The bodies, as they are written and read: see the table of [`super`].
//!
//! Invariant: what comes in becomes a domain type here, checked, or is [`Unreadable`].
use estafette_actors::domain::birth::BirthDate;
use estafette_actors::domain::identity::{Identity, Registered, Standing};
use estafette_actors::domain::language::Language;
use estafette_actors::domain::niss::{Niss, Sex};
use estafette_actors::ports::register::{Access, Correction, Created, Hit, NewPerson, Search, Trouble};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// Characters of a refusal that are passed on.
const WORDS: usize = 300;

/// An answer in another form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable;

/// Who asks, and why.
#[derive(Serialize)]
struct Caller<'a> {
    institution: String,
    legal_context: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ticket: Option<&'a str>,
}

impl<'a> Caller<'a> {
    fn new(access: &'a Access) -> Self {
        let institution = access.institution.0.digits();
        Self { institution, legal_context: &access.legal_context, ticket: access.ticket.as_deref() }
    }
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum State {
    InUse,
    Replaced,
    Cancelled,
}

/// What is known of somebody.
#[derive(Serialize, Deserialize)]
pub struct Details {
    surname: Box<str>,
    given_names: Box<str>,
    birth_date: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sex: Option<Sex>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    language: Option<Language>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deceased: Option<Date>,
}

impl Details {
    fn new(identity: &Identity) -> Self {
        Self {
            surname: identity.surname.clone(),
            given_names: identity.given_names.clone(),
            birth_date: identity.birth.formatted(),
            sex: identity.sex,
            language: identity.language,
            deceased: identity.deceased,
        }
    }

    fn read(self) -> Result<Identity, Unreadable> {
        let Self { surname, given_names, birth_date, sex, language, deceased } = self;
        let birth = BirthDate::parse(&birth_date).map_err(|_| Unreadable)?;
        Ok(Identity { surname, given_names, birth, sex, language, deceased })
    }
}

/// A number and whose it is.
#[derive(Serialize, Deserialize)]
pub struct Person {
    niss: String,
    standing: State,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    replaced_by: Option<String>,
    #[serde(flatten)]
    details: Details,
}

impl Person {
    /// Of a person.
    pub fn new(person: &Registered) -> Self {
        let (standing, replaced_by) = match person.standing {
            Standing::InUse => (State::InUse, None),
            Standing::ReplacedBy(by) => (State::Replaced, Some(by.digits())),
            Standing::Cancelled => (State::Cancelled, None),
        };
        Self { niss: person.niss.digits(), standing, replaced_by, details: Details::new(&person.identity) }
    }

    /// The person.
    pub fn read(self, today: Date) -> Result<Registered, Unreadable> {
        let niss = |text: &str| Niss::parse(text, today).map_err(|_| Unreadable);
        let standing = match (self.standing, self.replaced_by) {
            (State::InUse, None) => Standing::InUse,
            (State::Replaced, Some(by)) => Standing::ReplacedBy(niss(&by)?),
            (State::Cancelled, None) => Standing::Cancelled,
            _ => return Err(Unreadable),
        };
        Ok(Registered { niss: niss(&self.niss)?, standing, identity: self.details.read()? })
    }
}

#[derive(Serialize)]
pub struct Find {
    niss: String,
}

impl Find {
    pub fn new(niss: Niss) -> Self {
        Self { niss: niss.digits() }
    }
}

#[derive(Deserialize)]
pub struct Found {
    // It must be there: another answer does not say that nobody is known.
    #[serde(deserialize_with = "Option::deserialize")]
    pub person: Option<Person>,
}

#[derive(Serialize)]
pub struct Asked<'a> {
    surname: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    given_names: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    birth_date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sex: Option<Sex>,
    years: u8,
    limit: usize,
}

impl<'a> Asked<'a> {
    pub fn new(search: &'a Search) -> Self {
        let claim = &search.claim;
        Self {
            surname: claim.surname.as_deref(),
            given_names: claim.given_names.as_deref(),
            birth_date: claim.birth.map(BirthDate::formatted),
            sex: claim.sex,
            years: search.years,
            limit: search.limit,
        }
    }
}

#[derive(Deserialize)]
pub struct Scored {
    person: Person,
    score: u8,
}

#[derive(Deserialize)]
pub struct Hits {
    pub hits: Vec<Scored>,
    #[serde(default)]
    pub incomplete: bool,
}

pub fn hits(found: Vec<Scored>, today: Date) -> Result<Vec<Hit>, Unreadable> {
    let read = |one: Scored| Ok(Hit { person: one.person.read(today)?, score: one.score.min(100) });
    found.into_iter().map(read).collect()
}

#[derive(Serialize)]
pub struct Create<'a> {
    access: Caller<'a>,
    person: Details,
    although_alike: bool,
}

impl<'a> Create<'a> {
    pub fn new(access: &'a Access, person: &NewPerson) -> Self {
        let (details, although_alike) = (Details::new(&person.identity), person.although_alike);
        Self { access: Caller::new(access), person: details, although_alike }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Made {
    Niss(String),
    Alike(Vec<Scored>),
}

impl Made {
    pub fn read(self, today: Date) -> Result<Created, Unreadable> {
        match self {
            Self::Niss(niss) => Ok(Created::Number(Niss::parse(&niss, today).map_err(|_| Unreadable)?)),
            Self::Alike(alike) => Ok(Created::Alike(hits(alike, today)?)),
        }
    }
}

#[derive(Serialize)]
pub struct Correct<'a> {
    access: Caller<'a>,
    niss: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    surname: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    given_names: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    birth_date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sex: Option<Sex>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deceased: Option<Date>,
}

impl<'a> Correct<'a> {
    pub fn new(access: &'a Access, niss: Niss, correction: &'a Correction) -> Self {
        Self {
            access: Caller::new(access),
            niss: niss.digits(),
            surname: correction.surname.as_deref(),
            given_names: correction.given_names.as_deref(),
            birth_date: correction.birth.map(BirthDate::formatted),
            sex: correction.sex,
            deceased: correction.deceased,
        }
    }
}

#[derive(Serialize)]
pub struct Put<'a> {
    access: Caller<'a>,
    persons: Vec<Person>,
}

impl<'a> Put<'a> {
    pub fn new(access: &'a Access, persons: &[Registered]) -> Self {
        Self { access: Caller::new(access), persons: persons.iter().map(Person::new).collect() }
    }
}

#[derive(Deserialize)]
pub struct Counts {
    pub new: u64,
    pub changed: u64,
}

/// Why the other side does not do it.
pub fn refusal(body: &[u8]) -> Trouble {
    #[derive(Deserialize)]
    struct Refusal {
        refused: String,
    }
    match serde_json::from_slice::<Refusal>(body) {
        Ok(Refusal { refused }) => {
            Trouble::Refused(refused.chars().filter(|one| !one.is_control()).take(WORDS).collect())
        }
        // An address that isn't the source's answers so too.
        Err(_) => Trouble::SourceAway,
    }
}
