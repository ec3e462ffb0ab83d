//! What is not wrong with a call but with what it is about, and what is worth knowing: the codes of the BCSS where it has one
//! (`MSG…`), and our own (`REG…`).
//!
//! A code is never given another meaning. A description holds nothing of a person; only `information` names the fields that differ,
//! or the number that took another's place.
use estafette_actors::domain::birth;
use estafette_actors::domain::identity::Field;
use estafette_actors::domain::niss::{self, Niss};
use estafette_actors::domain::period;
use estafette_actors::ports::register::Trouble;
use estafette_actors::register::{Refusal, Remark};

use super::fault::Fault;
use crate::mutations::{date, element_of};

/// All went as asked.
pub const SUCCESS: &str = "MSG00000";
const UNKNOWN: &str = "MSG00005";
const REPLACED: &str = "MSG00006";
const INVALID: &str = "MSG00008";
const DECEASED: &str = "MSG00009";
const CANCELLED: &str = "REG00001";
const MISMATCH: &str = "REG00002";
const UNKNOWN_TYPE: &str = "REG00003";
const TYPE_NOT_VALID: &str = "REG00004";
const NOT_BCSS: &str = "REG00005";
const NO_RIGHT: &str = "REG00006";
const COVERED: &str = "REG00007";
const ALIKE: &str = "REG00008";
/// Nothing fits what was asked for.
pub const NOTHING: &str = "REG00009";
const PERIOD: &str = "REG00010";
const BIRTH_DATE: &str = "REG00011";
const NOT_FOUND: &str = "REG00012";
const CONFLICT: &str = "REG00013";
const SOURCE: &str = "REG00014";
const TOO_MANY_ROWS: &str = "REG00015";
const CURSOR: &str = "REG00016";
const CBE_NUMBER: &str = "REG00017";
const NOTHING_GIVEN: &str = "REG00018";
const FILE_TOO_LARGE: &str = "REG00019";
const DEFINITION: &str = "REG00020";
const INCOMPLETE: &str = "REG00021";

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Done, and worth knowing.
    Warning,
    /// Not done.
    Fatal,
}

impl Severity {
    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Warning => "WARNING",
            Self::Fatal => "FATAL",
        }
    }
}

/// Something about what was asked.
#[derive(Debug, PartialEq, Eq)]
pub struct Anomaly {
    /// Its code.
    pub code: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// What it is, and what to do.
    pub description: String,
    /// Fields and what is said of them.
    pub information: Vec<(&'static str, String)>,
}

impl Anomaly {
    fn fatal(code: &'static str, description: impl ToString) -> Self {
        Self { code, severity: Severity::Fatal, description: description.to_string(), information: vec![] }
    }

    fn about(mut self, field: &'static str, value: impl Into<String>) -> Self {
        self.information.push((field, value.into()));
        self
    }

    /// A NISS of which a part is wrong.
    pub fn niss(wrong: niss::Error) -> Self {
        Self::fatal(INVALID, wrong).about("ssin", wrong.kind())
    }

    /// A CBE number that is none.
    pub fn cbe_number(wrong: estafette_actors::domain::cbe::Error) -> Self {
        Self::fatal(CBE_NUMBER, wrong).about("cbeNumber", wrong.kind())
    }

    /// Two days that make no period.
    pub fn period(wrong: period::Error) -> Self {
        Self::fatal(PERIOD, wrong).about("endDate", "before_begin")
    }

    /// A birth date that is none.
    pub fn birth_date(wrong: birth::Error) -> Self {
        Self::fatal(BIRTH_DATE, wrong).about("birthDate", "not_in_calendar")
    }

    /// A place of an answer that was not given for this question.
    pub fn cursor() -> Self {
        Self::fatal(CURSOR, "`after` was not given for this question: use `next` of the answer to it")
            .about("after", "not_given")
    }

    /// Nothing to correct.
    pub fn nothing_given() -> Self {
        Self::fatal(NOTHING_GIVEN, "nothing is to be corrected: give at least one field of the person")
            .about("person", "empty")
    }

    /// A file that doesn't fit into a reply.
    pub fn file_too_large(most: u64) -> Self {
        let description = format!("this file has more than {most} bytes, and no reply holds it: fetch it over REST");
        Self::fatal(FILE_TOO_LARGE, description).about("sequence", "too_large")
    }

    /// A search looked at so many and no more.
    pub fn incomplete() -> Self {
        let what = "more persons sound like that than are looked at, and others may fit too: give the birth date, or more of the name";
        Self { severity: Severity::Warning, ..Self::fatal(INCOMPLETE, what) }
    }

    /// Somebody alike is known.
    pub fn alike() -> Self {
        let what = "somebody alike is known: use their number, or say althoughAlike when it is somebody else";
        Self::fatal(ALIKE, what).about("person", "alike")
    }
}

/// What is not done: told in the reply, or, when this program can't, a fault.
impl TryFrom<Refusal> for Anomaly {
    type Error = Fault;

    fn try_from(refusal: Refusal) -> Result<Self, Fault> {
        let (code, field, word) = match &refusal {
            Refusal::UnknownNiss => (UNKNOWN, "ssin", "unknown"),
            Refusal::CancelledNiss => (CANCELLED, "ssin", "canceled"),
            Refusal::Deceased => (DECEASED, "ssin", "deceased"),
            Refusal::Mismatch(fields) => return Ok(mismatch(&refusal, fields)),
            Refusal::UnknownType => (UNKNOWN_TYPE, "dossierType", "unknown"),
            Refusal::TypeNotValid => (TYPE_NOT_VALID, "period", "type_not_valid"),
            Refusal::NotBcss => (NOT_BCSS, "ssin", "national_register"),
            Refusal::NoRight => (NO_RIGHT, "register", "no_right"),
            Refusal::Definition(_) => (DEFINITION, "dossierType", "definition"),
            Refusal::Trouble(trouble) => return Self::try_from(trouble.clone()),
        };
        Ok(Self::fatal(code, &refusal).about(field, word))
    }
}

fn mismatch(refusal: &Refusal, fields: &[Field]) -> Anomaly {
    let differs = |anomaly: Anomaly, field: &Field| anomaly.about(element_of(*field), "differs");
    fields.iter().fold(Anomaly::fatal(MISMATCH, refusal), differs)
}

impl TryFrom<Trouble> for Anomaly {
    type Error = Fault;

    fn try_from(trouble: Trouble) -> Result<Self, Fault> {
        let code = match &trouble {
            Trouble::NotFound => NOT_FOUND,
            Trouble::Conflict(_) | Trouble::OutOfOrder(_) => CONFLICT,
            Trouble::Refused(_) => SOURCE,
            Trouble::TooManyRows(_) => TOO_MANY_ROWS,
            Trouble::Overloaded | Trouble::SourceAway => return Err(Fault::server("UNAVAILABLE", trouble.to_string())),
            Trouble::ReadOnly(why) => {
                tracing::error!(%why, "a change of the register failed");
                return Err(Fault::server("READ_ONLY", "the register takes no changes; the operator must mend it"));
            }
            Trouble::Unreadable(why) => {
                tracing::error!(%why, "a read of the register failed");
                return Err(Fault::server(
                    "UNREADABLE",
                    "the register can't be read just now; try again, then tell the operator",
                ));
            }
        };
        Ok(Self::fatal(code, &trouble))
    }
}

impl From<Remark> for Anomaly {
    fn from(remark: Remark) -> Self {
        let warning = |code, description: &str| Self { severity: Severity::Warning, ..Self::fatal(code, description) };
        match remark {
            Remark::Replaced { by, .. } => replaced(by, &warning),
            Remark::Deceased(on) => warning(DECEASED, "this person has died").about("deceasedDate", date(on)),
            Remark::Covered => warning(COVERED, "a row covered the whole period already: nothing was changed"),
        }
    }
}

fn replaced(by: Niss, warning: &impl Fn(&'static str, &str) -> Anomaly) -> Anomaly {
    warning(REPLACED, "this NISS was replaced by another, which counts: use that one from now on")
        .about("ssin", by.digits())
}
