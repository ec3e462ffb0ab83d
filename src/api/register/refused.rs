//! What the register refuses, as problems: the only place that knows which kind and which code of the BCSS stand for which
//! refusal.
use std::time::Duration;

use estafette_actors::ports::register::{Hit, Trouble};
use estafette_actors::register::Refusal;

use super::wire::Found;
use crate::api::problem::{Fault, Kind, Problem};

/// The BCSS's code of a number that is not known.
pub const UNKNOWN: &str = "MSG00005";
/// Of a number that another took the place of.
pub const REPLACED: &str = "MSG00006";
/// Of a number that can't be one.
pub const INVALID: &str = "MSG00008";
/// Of somebody who died.
pub const DECEASED: &str = "MSG00009";

/// A refusal, with what is said of it.
#[derive(Debug)]
pub struct Refused {
    /// Its kind.
    pub kind: Kind,
    /// What happened and what to do.
    pub detail: String,
    /// The BCSS's code for it, where there is one.
    pub code: Option<&'static str>,
    /// Which parts of the request are meant.
    pub errors: Vec<Fault>,
    /// The file that is to be confirmed next.
    pub next: Option<u64>,
    /// Those who look alike.
    pub alike: Vec<Found>,
}

impl Refused {
    /// As a problem.
    pub fn of(kind: Kind, detail: impl Into<String>) -> Problem {
        Self::new(kind, detail).problem()
    }

    fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), code: None, errors: Vec::new(), next: None, alike: Vec::new() }
    }

    fn problem(self) -> Problem {
        Problem::Register(Box::new(self))
    }

    /// About these places of the request.
    fn at(mut self, places: impl IntoIterator<Item = (String, &'static str)>) -> Self {
        self.errors = places.into_iter().map(|(place, detail)| Fault::new(place, detail)).collect();
        self
    }

    /// With the BCSS's code.
    fn coded(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }

    /// Somebody alike is known.
    pub fn alike(hits: &[Hit]) -> Problem {
        let detail = "nothing was created, since somebody alike is known: use their number, or give although_alike";
        let alike = hits.iter().map(Found::of).collect();
        Self { alike, ..Self::new(Kind::Alike, detail) }.problem()
    }

    /// Another file is to be confirmed first; none when no file waits.
    pub fn out_of_order(next: Option<u64>) -> Problem {
        let detail = match next {
            Some(next) => format!("files are confirmed in their order: fetch and confirm file {next} first"),
            None => {
                "no file waits to be confirmed, and none has this number: see GET /v1/register/mutations".to_owned()
            }
        };
        Self { next, ..Self::new(Kind::OutOfOrder, detail) }.problem()
    }

    /// The refusal of a row, for a report by line: the field, and the code.
    pub fn field(refusal: &Refusal) -> (&'static str, Option<&'static str>) {
        match refusal {
            Refusal::UnknownNiss => ("niss", Some(UNKNOWN)),
            Refusal::CancelledNiss | Refusal::NotBcss => ("niss", None),
            Refusal::Deceased => ("begin", Some(DECEASED)),
            Refusal::Mismatch(fields) => (fields.first().map_or("", |field| field.as_str()), None),
            Refusal::UnknownType => ("type", None),
            Refusal::TypeNotValid => ("begin", None),
            Refusal::NoRight | Refusal::Definition(_) | Refusal::Trouble(_) => ("", None),
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let detail = refusal.to_string();
        let at = |place: &str, what| [(place.to_owned(), what)];
        let differs = "differs from the authentic source: correct it, or leave it out";
        match refusal {
            Refusal::UnknownNiss => {
                let what = "not known to the authentic source: check the number, or create one";
                Refused::new(Kind::UnknownNiss, detail).coded(UNKNOWN).at(at("/niss", what)).problem()
            }
            Refusal::CancelledNiss => {
                let what = "cancelled: look the person up by name";
                Refused::new(Kind::CancelledNiss, detail).at(at("/niss", what)).problem()
            }
            Refusal::Deceased => {
                let what = "after the person's death: check the period";
                Refused::new(Kind::Deceased, detail).coded(DECEASED).at(at("/begin", what)).problem()
            }
            Refusal::Mismatch(fields) => {
                let places = fields.iter().map(|field| (format!("/person/{}", field.as_str()), differs));
                Refused::new(Kind::PersonMismatch, detail).at(places).problem()
            }
            Refusal::UnknownType => {
                let what = "no dossier type of yours has this code: define it first";
                Refused::new(Kind::UnknownType, detail).at(at("/type", what)).problem()
            }
            Refusal::TypeNotValid => {
                let what = "the dossier type is not valid on all days from here on: see its validity";
                Refused::new(Kind::TypeNotValid, detail).at(at("/begin", what)).problem()
            }
            Refusal::NotBcss => {
                let what = "a number of the National Register: give a BCSS number";
                Refused::new(Kind::NotBcss, detail).at(at("/niss", what)).problem()
            }
            Refusal::NoRight => Refused::of(Kind::NoRight, detail),
            Refusal::Definition(_) => Self::InvalidRequest(vec![Fault::new("", detail)]),
            Refusal::Trouble(trouble) => trouble.into(),
        }
    }
}

impl From<Trouble> for Problem {
    fn from(trouble: Trouble) -> Self {
        let detail = trouble.to_string();
        match trouble {
            Trouble::Overloaded => Self::Overloaded(Duration::from_secs(1)),
            Trouble::ReadOnly(_) => {
                tracing::error!(error = detail, "the register takes no changes");
                Self::ReadOnly
            }
            Trouble::Unreadable(_) => {
                tracing::error!(error = detail, "a read of the register failed");
                Self::Unreadable
            }
            Trouble::SourceAway => Refused::of(Kind::SourceAway, detail),
            Trouble::TooManyRows(_) => Refused::of(Kind::TooManyRows, detail),
            Trouble::NotFound => Refused::of(Kind::NotFound, detail),
            Trouble::Conflict(_) => Refused::of(Kind::Conflict, detail),
            Trouble::Refused(_) => Refused::of(Kind::SourceRefuses, detail),
            Trouble::OutOfOrder(next) => Refused::out_of_order(Some(next)),
        }
    }
}

/// A problem of a kind of the register's, as it might happen.
pub fn sample(kind: Kind) -> Problem {
    use estafette_actors::domain::identity::Field;
    match kind {
        Kind::UnknownNiss => Refusal::UnknownNiss.into(),
        Kind::CancelledNiss => Refusal::CancelledNiss.into(),
        Kind::Deceased => Refusal::Deceased.into(),
        Kind::PersonMismatch => Refusal::Mismatch(vec![Field::Surname, Field::BirthDate]).into(),
        Kind::UnknownType => Refusal::UnknownType.into(),
        Kind::TypeNotValid => Refusal::TypeNotValid.into(),
        Kind::NotBcss => Refusal::NotBcss.into(),
        Kind::NoRight => Refusal::NoRight.into(),
        Kind::TooManyRows => Trouble::TooManyRows(1_000).into(),
        Kind::SourceAway => Trouble::SourceAway.into(),
        Kind::SourceRefuses => Trouble::Refused("a number can't take its own place".to_owned()).into(),
        Kind::OutOfOrder => Refused::out_of_order(Some(41)),
        Kind::Alike => {
            Refused { alike: vec![Found::example()], ..Refused::new(kind, "somebody alike is known") }.problem()
        }
        other => Refused::of(other, other.about().when),
    }
}
