//! What the register's answers are made of, and how days, numbers and what is said of persons are read.
use estafette_actors::domain::birth::BirthDate;
use estafette_actors::domain::cbe::Cbe;
use estafette_actors::domain::dossier::Code;
use estafette_actors::domain::identity::{Claim, Identity, NAME_LENGTH, Registered, Standing};
use estafette_actors::domain::language::Language;
use estafette_actors::domain::niss::{Niss, Sex};
use estafette_actors::domain::period::Period;
use estafette_actors::domain::submission::Institution;
use estafette_actors::ports::register::Hit;
use estafette_actors::register::Remark;
use jiff::civil::Date;
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use super::refused::{DECEASED, INVALID, REPLACED};
use super::{examples, schemas};
use crate::api::json::{Faults, Object};
use crate::api::problem::Problem;

/// A period: whole days, both ends included.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(as = RegisterPeriod)]
pub struct Days {
    /// The first day.
    #[schema(value_type = String, format = Date)]
    begin: Date,
    /// The last day; null where it goes on.
    #[schema(value_type = Option<String>, format = Date, required)]
    end: Option<Date>,
}

impl From<Period> for Days {
    fn from(period: Period) -> Self {
        Self { begin: period.begin(), end: period.end() }
    }
}

/// What is worth knowing about something that was done.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = RegisterRemark)]
pub struct Note {
    /// What it is about.
    #[schema(value_type = schemas::RemarkKind)]
    kind: &'static str,
    /// What it means, in words.
    detail: &'static str,
    /// The code of the BCSS for it, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    code: Option<&'static str>,
    /// The number that counts from now on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, required = false)]
    niss: Option<String>,
    /// The day of death.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Date, required = false)]
    on: Option<Date>,
}

impl From<Remark> for Note {
    fn from(remark: Remark) -> Self {
        match remark {
            Remark::Replaced { by, .. } => Self {
                kind: "replaced",
                detail: "the number was replaced: use this one from now on",
                code: Some(REPLACED),
                niss: Some(by.digits()),
                on: None,
            },
            Remark::Deceased(on) => Self {
                kind: "deceased",
                detail: "the person died on this day",
                code: Some(DECEASED),
                niss: None,
                on: Some(on),
            },
            Remark::Covered => Self {
                kind: "covered",
                detail: "a row covers all of it already: nothing was changed",
                code: None,
                niss: None,
                on: None,
            },
        }
    }
}

/// As answers have them.
pub fn notes(remarks: Vec<Remark>) -> Vec<Note> {
    remarks.into_iter().map(Note::from).collect()
}

/// Writes the digits of a number, for who may see them.
#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference to the field")]
pub fn digits<S: Serializer>(niss: &Niss, serializer: S) -> Result<S::Ok, S::Error> {
    let digits = niss.ascii();
    serializer.serialize_str(std::str::from_utf8(&digits).map_err(serde::ser::Error::custom)?)
}

/// A person at the authentic source.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = RegisterPerson, example = examples::person)]
pub struct Person {
    /// The number.
    niss: String,
    /// What became of it.
    #[schema(value_type = schemas::Standing)]
    standing: &'static str,
    /// The number that took its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    replaced_by: Option<String>,
    #[serde(flatten)]
    who: Who,
}

/// The data behind a number.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = RegisterIdentity)]
pub struct Who {
    /// The surname, as the authentic source spells it.
    surname: Box<str>,
    /// The given names, the first one first.
    given_names: Box<str>,
    /// The birth date, as far as it is known: YYYY-MM-DD, YYYY-MM or YYYY.
    #[schema(value_type = schemas::BirthDate)]
    birth_date: String,
    /// The sex, where it is known.
    #[schema(value_type = Option<schemas::Sex>, required)]
    sex: Option<Sex>,
    /// The language preferred, where it is known.
    #[schema(value_type = Option<crate::api::schemas::Language>, required)]
    language: Option<Language>,
    /// The day of death.
    #[schema(value_type = Option<String>, format = Date, required)]
    deceased: Option<Date>,
}

impl Who {
    /// Of an identity.
    pub fn of(identity: &Identity) -> Self {
        Self {
            surname: identity.surname.clone(),
            given_names: identity.given_names.clone(),
            birth_date: identity.birth.formatted(),
            sex: identity.sex,
            language: identity.language,
            deceased: identity.deceased,
        }
    }
}

impl Person {
    /// Of what the authentic source has.
    pub fn of(person: &Registered) -> Self {
        let (standing, replaced_by) = match person.standing {
            Standing::InUse => ("in_use", None),
            Standing::ReplacedBy(by) => ("replaced", Some(by.digits())),
            Standing::Cancelled => ("cancelled", None),
        };
        Self { niss: person.niss.digits(), standing, replaced_by, who: Who::of(&person.identity) }
    }
}

/// Somebody who may be meant.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = RegisterFound, example = examples::found)]
pub struct Found {
    /// How well they fit, 0 to 100.
    score: u8,
    /// Who it is.
    person: Person,
}

impl Found {
    /// Of somebody found.
    pub fn of(hit: &Hit) -> Self {
        Self { score: hit.score, person: Person::of(&hit.person) }
    }

    /// For the OpenAPI document.
    pub fn example() -> Self {
        let who = Who {
            surname: "Peeters".into(),
            given_names: "Jan".into(),
            birth_date: "1985-07-30".to_owned(),
            sex: Some(Sex::Male),
            language: Some(Language::Nl),
            deceased: None,
        };
        let person = Person { niss: examples::NISS.to_owned(), standing: "in_use", replaced_by: None, who };
        Self { score: 97, person }
    }
}

/// Reads `YYYY-MM-DD`.
pub fn day(text: &str) -> Result<Date, &'static str> {
    let bytes = text.as_bytes();
    let form = bytes.len() == 10
        && bytes
            .iter()
            .enumerate()
            .all(|(place, byte)| if matches!(place, 4 | 7) { *byte == b'-' } else { byte.is_ascii_digit() });
    if !form {
        return Err("not a day: write it YYYY-MM-DD");
    }
    text.parse().map_err(|_| "the calendar has no such day: check it")
}

/// Reads a sex.
pub fn sex(text: &str) -> Result<Sex, &'static str> {
    match text {
        "female" => Ok(Sex::Female),
        "male" => Ok(Sex::Male),
        _ => Err("unknown: give female or male, or leave it out"),
    }
}

/// Reads a name.
pub fn name(text: &str) -> Result<Box<str>, String> {
    let text = text.trim();
    let length = text.chars().count();
    if (1..=NAME_LENGTH).contains(&length) && !text.chars().any(char::is_control) {
        return Ok(text.into());
    }
    Err(format!("a name is one line of 1 to {NAME_LENGTH} characters: write it so"))
}

/// Notes that a member is missing, unless it was there and wrong.
pub fn missing(object: &Object<'_>, name: &str, hint: &str, faults: &mut Faults) {
    if !faults.mentions(object.pointer(), name) {
        object.fault(name, format_args!("missing: {hint}"), faults);
    }
}

/// Takes out a NISS.
pub fn niss(object: &mut Object<'_>, name: &str, today: Date, faults: &mut Faults) -> Option<Niss> {
    let text = object.text(name, faults)?;
    match Niss::parse(&text, today) {
        Ok(niss) => Some(niss),
        Err(error) => {
            faults.add_coded(format!("{}/{name}", object.pointer()), error, INVALID);
            None
        }
    }
}

/// Takes out a NISS that must be there.
pub fn needed_niss(object: &mut Object<'_>, today: Date, faults: &mut Faults) -> Option<Niss> {
    let found = niss(object, "niss", today, faults);
    if found.is_none() {
        missing(object, "niss", "give the person's NISS", faults);
    }
    found
}

/// Takes out the code of a type.
pub fn code(object: &mut Object<'_>, name: &str, faults: &mut Faults) -> Option<Code> {
    object.parsed(name, faults, Code::parse)
}

/// Takes out the number of an institution.
pub fn institution(object: &mut Object<'_>, name: &str, faults: &mut Faults) -> Option<Institution> {
    object.parsed(name, faults, |text| Cbe::parse(text).map(Institution))
}

/// Takes out a period by its first and last day; without a first day it has none before it, and none of both is none.
pub fn period(object: &mut Object<'_>, names: [&str; 2], faults: &mut Faults) -> Option<Period> {
    let before = faults.len();
    let [begin, end] = names.map(|name| object.parsed(name, faults, day));
    if faults.len() > before || (begin.is_none() && end.is_none()) {
        return None;
    }
    match Period::new(begin.unwrap_or(Date::MIN), end) {
        Ok(period) => Some(period),
        Err(error) => {
            object.fault(names[1], error, faults);
            None
        }
    }
}

/// Takes out a truth value, false when it is left out.
pub fn truth(object: &mut Object<'_>, name: &str, faults: &mut Faults) -> bool {
    object.truth(name, faults).unwrap_or(false)
}

/// Takes out what is said of a person.
pub fn claim(object: &mut Object<'_>, faults: &mut Faults) -> Claim {
    Claim {
        surname: object.parsed("surname", faults, name),
        given_names: object.parsed("given_names", faults, name),
        birth: object.parsed("birth_date", faults, BirthDate::parse),
        sex: object.parsed("sex", faults, sex),
    }
}

/// What was read, unless something was wrong.
pub fn done<T>(parsed: Option<T>, faults: Faults) -> Result<T, Problem> {
    match parsed {
        Some(parsed) if faults.is_empty() => Ok(parsed),
        _ => Err(Problem::InvalidRequest(faults.into_inner())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_read_in_one_form_only() {
        assert_eq!(day("2026-02-28").unwrap(), jiff::civil::date(2026, 2, 28));
        for wrong in
            ["", "2026-02-29", "2026-2-28", "20260228", "2026-02-28T00:00", "28-02-2026", "+026-02-28", "2026-02-2é"]
        {
            assert!(day(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_period_without_a_first_day_begins_with_all_days_and_one_that_ends_early_is_refused() {
        let read = |json: &str| {
            let mut faults = Faults::default();
            let json = crate::api::json::Json::parse(json.as_bytes()).unwrap();
            let mut object = Object::of(json, "", &mut faults).unwrap();
            let period = period(&mut object, ["begin", "end"], &mut faults);
            (period, faults.into_inner().into_iter().map(|fault| fault.pointer).collect::<Vec<_>>())
        };
        assert_eq!(read("{}"), (None, vec![]));
        let until = Period::new(Date::MIN, Some(jiff::civil::date(2026, 1, 1))).unwrap();
        assert_eq!(read(r#"{"end":"2026-01-01"}"#), (Some(until), vec![]));
        assert_eq!(read(r#"{"begin":"2026-01-02","end":"2026-01-01"}"#).1, ["/end"]);
        assert_eq!(read(r#"{"begin":"x","end":1}"#).1, ["/begin", "/end"]);
    }
}
