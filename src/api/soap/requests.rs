//! What each operation is given, in the order of the schema.
//!
//! A NISS, a birth date and a period are kept as they were written: whether they are right is told in the reply, not in a fault.
use estafette_actors::domain::dossier::Code;
use estafette_actors::domain::language::Language;
use estafette_actors::domain::niss::Sex;
use jiff::civil::Date;

use super::decoder::Decoder;
use super::fault::Fault;
use super::names::Operation;
use super::types::{
    BIRTH_YEARS, BOOLEAN, CBE_NUMBER, CLAIM, CODE, CORRECTION, CURSOR, DATE, GENDER, INCOMPLETE_DATE, LANGUAGE, NAME,
    Named, OPEN_PERIOD, ORGANIZATION, PERSON, PERSONS_LIMIT, ROWS_LIMIT, SEARCHED, SEQUENCE, SSIN,
};

/// What an operation is given.
pub enum Request {
    /// To inscribe.
    Inscribe {
        /// Whom, 11 digits.
        ssin: Box<str>,
        /// In which role.
        code: Code,
        /// On which days.
        days: Days,
        /// What is said of the person.
        person: Described,
    },
    /// To remove.
    Remove {
        /// Whom, 11 digits.
        ssin: Box<str>,
        /// In which role.
        code: Code,
        /// On which days; all without.
        days: Option<Days>,
    },
    /// To consult.
    Consult {
        /// Whose register, 10 digits; one's own without.
        register: Option<Box<str>>,
        /// Whom, 11 digits.
        ssin: Option<Box<str>>,
        /// In which role.
        code: Option<Code>,
        /// On which days.
        days: Option<Days>,
        /// Where an earlier answer ended.
        after: Option<Box<str>>,
        /// How many rows.
        limit: Option<u64>,
    },
    /// To search.
    SearchPerson {
        /// Whom.
        person: Described,
        /// Years by which the birth date may be off.
        years: Option<u64>,
        /// How many.
        limit: Option<u64>,
    },
    /// To create.
    CreatePerson {
        /// Whom.
        person: Described,
        /// Although somebody alike is known.
        although_alike: bool,
    },
    /// To correct.
    UpdatePerson {
        /// Whom, 11 digits.
        ssin: Box<str>,
        /// What is so.
        person: Described,
    },
    /// To fetch a file, or the vouchers.
    FetchMutations {
        /// Which file.
        sequence: Option<u64>,
    },
    /// To confirm.
    ConfirmMutations {
        /// Which file.
        sequence: u64,
    },
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Request(***)")
    }
}

/// Two days, of which it is not known yet whether they make a period.
#[derive(Clone, Copy)]
pub struct Days {
    /// The first.
    pub begin: Date,
    /// The last.
    pub end: Option<Date>,
}

/// What is said of a person.
#[derive(Default)]
pub struct Described {
    /// The surname.
    pub last_name: Option<Box<str>>,
    /// The given names.
    pub first_name: Option<Box<str>>,
    /// The birth date, as it was written.
    pub birth_date: Option<Box<str>>,
    /// The sex.
    pub gender: Option<Sex>,
    /// The language.
    pub language: Option<Language>,
    /// The day of death.
    pub deceased: Option<Date>,
}

/// Which fields a type of persons has, and needs.
struct Shape {
    named: Named,
    last_name: bool,
    birth_date: bool,
    language: bool,
    deceased: bool,
}

const CLAIMED: Shape = Shape { named: CLAIM, last_name: false, birth_date: false, language: false, deceased: false };
const WHOLE: Shape = Shape { named: PERSON, last_name: true, birth_date: true, language: true, deceased: true };
const WANTED: Shape = Shape { named: SEARCHED, last_name: true, ..CLAIMED };
const CORRECTED: Shape = Shape { named: CORRECTION, deceased: true, ..CLAIMED };

/// Reads what an operation is given, up to its end.
pub fn read(operation: Operation, from: &mut Decoder<'_>) -> Result<Request, Fault> {
    Ok(match operation {
        Operation::Inscribe => Request::Inscribe {
            ssin: from.value("ssin", &SSIN)?,
            code: from.value("dossierType", &CODE)?,
            days: {
                let days = days(from)?;
                days.ok_or_else(|| from.misplaced())?
            },
            person: person(from, &CLAIMED)?.unwrap_or_default(),
        },
        Operation::Remove => Request::Remove {
            ssin: from.value("ssin", &SSIN)?,
            code: from.value("dossierType", &CODE)?,
            days: days(from)?,
        },
        Operation::Consult => Request::Consult {
            register: register(from)?,
            ssin: from.optional("ssin", &SSIN)?,
            code: from.optional("dossierType", &CODE)?,
            days: days(from)?,
            after: from.optional("after", &CURSOR)?,
            limit: from.optional("limit", &ROWS_LIMIT)?,
        },
        Operation::SearchPerson => Request::SearchPerson {
            person: needed(from, &WANTED)?,
            years: from.optional("birthYears", &BIRTH_YEARS)?,
            limit: from.optional("limit", &PERSONS_LIMIT)?,
        },
        Operation::CreatePerson => Request::CreatePerson {
            person: needed(from, &WHOLE)?,
            although_alike: from.optional("althoughAlike", &BOOLEAN)?.unwrap_or_default(),
        },
        Operation::UpdatePerson => {
            Request::UpdatePerson { ssin: from.value("ssin", &SSIN)?, person: needed(from, &CORRECTED)? }
        }
        Operation::FetchMutations => Request::FetchMutations { sequence: from.optional("sequence", &SEQUENCE)? },
        Operation::ConfirmMutations => Request::ConfirmMutations { sequence: from.value("sequence", &SEQUENCE)? },
    })
}

fn days(from: &mut Decoder<'_>) -> Result<Option<Days>, Fault> {
    if !from.open_if("period", Some(OPEN_PERIOD))? {
        return Ok(None);
    }
    let days = Days { begin: from.value("beginDate", &DATE)?, end: from.optional("endDate", &DATE)? };
    from.close()?;
    Ok(Some(days))
}

fn register(from: &mut Decoder<'_>) -> Result<Option<Box<str>>, Fault> {
    if !from.open_if("register", Some(ORGANIZATION))? {
        return Ok(None);
    }
    let number = from.value("cbeNumber", &CBE_NUMBER)?;
    from.close()?;
    Ok(Some(number))
}

fn needed(from: &mut Decoder<'_>, shape: &Shape) -> Result<Described, Fault> {
    let person = person(from, shape)?;
    person.ok_or_else(|| from.misplaced())
}

fn person(from: &mut Decoder<'_>, shape: &Shape) -> Result<Option<Described>, Fault> {
    if !from.open_if("person", Some(shape.named))? {
        return Ok(None);
    }
    let mut person = Described { last_name: from.optional("lastName", &NAME)?, ..Described::default() };
    if shape.last_name && person.last_name.is_none() {
        return Err(from.misplaced());
    }
    person.first_name = from.optional("firstName", &NAME)?;
    person.birth_date = from.optional("birthDate", &INCOMPLETE_DATE)?;
    if shape.birth_date && person.birth_date.is_none() {
        return Err(from.misplaced());
    }
    person.gender = from.optional("gender", &GENDER)?;
    if shape.language {
        person.language = from.optional("language", &LANGUAGE)?;
    }
    if shape.deceased {
        person.deceased = from.optional("deceasedDate", &DATE)?;
    }
    from.close()?;
    Ok(Some(person))
}
