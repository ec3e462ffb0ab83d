//! The register (RAAS): who is known to which institution, in which role, when. The one handle that faces hold.
//!
//! What it refuses is typed, and says which part of the request is meant; what it did is in the audit trail. It decides nothing about
//! periods (`domain/period.rs`) or names (`domain/names.rs`) and touches no disk: the ports do.
use std::sync::Arc;

mod demand;

pub use demand::Demands;

use jiff::civil::Date;

use crate::domain::dossier::{self, Code, DossierType, Rights};
use crate::domain::identity::{Claim, Field, Identity, Registered, Standing};
use crate::domain::names;
use crate::domain::niss::{Kind, Niss};
use crate::domain::period::{Inscribed, Period, Removed};
use crate::domain::submission::Institution;
use crate::ports::register::{
    Access, Correction, Created, Deed, Dossiers, Found, Mutations, NewPerson, Persons, Question, Rows, Search, Trouble,
};

/// Replacements that are followed from one number to the next; more is a mistake of the source.
pub const CHAIN: usize = 16;

/// Why something is not done. [`Refusal::code`] is the code of the BCSS for it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The authentic source doesn't know the number.
    #[error("this NISS is not known to the authentic source: check the number, or create one")]
    UnknownNiss,
    /// The number stands for nobody.
    #[error("this NISS was cancelled: look the person up by name")]
    CancelledNiss,
    /// The person died before the period begins.
    #[error("this person died before the period begins: check the period")]
    Deceased,
    /// What was given differs from the authentic source.
    #[error("what is given differs from the authentic source in {}: correct it, or leave it out", fields(.0))]
    Mismatch(Vec<Field>),
    /// The institution has no such type.
    #[error("your register has no dossier type of this code: define it first")]
    UnknownType,
    /// Not on all those days.
    #[error("this dossier type may not be used on all days of the period: see its validity")]
    TypeNotValid,
    /// Not given by the BCSS.
    #[error("this is a number of the National Register: only the data behind a BCSS number can be corrected here")]
    NotBcss,
    /// Not to this caller.
    #[error("no such register, or none whose rows you may consult")]
    NoRight,
    /// A definition that is none.
    #[error(transparent)]
    Definition(#[from] dossier::Error),
    /// A part of the program.
    #[error(transparent)]
    Trouble(#[from] Trouble),
}

fn fields(fields: &[Field]) -> String {
    fields.iter().map(|field| field.as_str()).collect::<Vec<_>>().join(", ")
}

impl Refusal {
    /// A stable word for it, for answers to programs and for the audit trail.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::UnknownNiss => "unknown_niss",
            Self::CancelledNiss => "cancelled_niss",
            Self::Deceased => "deceased",
            Self::Mismatch(_) => "mismatch",
            Self::UnknownType => "unknown_type",
            Self::TypeNotValid => "type_not_valid",
            Self::NotBcss => "not_bcss",
            Self::NoRight => "no_right",
            Self::Definition(_) => "definition",
            Self::Trouble(_) => "trouble",
        }
    }
}

/// What is worth knowing about something that was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remark {
    /// The number was replaced, and this one stands in its place.
    Replaced {
        /// The number that was given.
        given: Niss,
        /// The one that counts.
        by: Niss,
    },
    /// The person died on this day.
    Deceased(Date),
    /// A row covered all of it already.
    Covered,
}

/// Something done, with remarks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done<T> {
    /// What came of it.
    pub outcome: T,
    /// The number that counts.
    pub niss: Niss,
    /// What is worth knowing.
    pub remarks: Vec<Remark>,
}

/// To inscribe.
#[derive(Clone, Debug)]
pub struct Inscription {
    /// Whom.
    pub niss: Niss,
    /// In which role.
    pub code: Code,
    /// On which days.
    pub period: Period,
    /// What is said of the person, to be compared.
    pub claim: Claim,
}

/// The handle.
#[derive(Clone)]
pub struct Register {
    dossiers: Arc<dyn Dossiers>,
    persons: Arc<dyn Persons>,
    mutations: Arc<dyn Mutations>,
}

impl Register {
    /// Of its ports.
    pub fn new(dossiers: Arc<dyn Dossiers>, persons: Arc<dyn Persons>, mutations: Arc<dyn Mutations>) -> Self {
        Self { dossiers, persons, mutations }
    }

    /// The dossiers, for what is only read.
    pub fn dossiers(&self) -> &Arc<dyn Dossiers> {
        &self.dossiers
    }

    /// The authentic source.
    pub fn persons(&self) -> &Arc<dyn Persons> {
        &self.persons
    }

    /// The mutations.
    pub fn mutations(&self) -> &Arc<dyn Mutations> {
        &self.mutations
    }

    /// The type of a code, if the institution defined it.
    pub fn type_of(&self, owner: Institution, code: &Code) -> Option<Arc<DossierType>> {
        let types = self.dossiers.types(owner);
        let place = types.binary_search_by(|one| one.code.cmp(code)).ok()?;
        types.get(place).cloned()
    }

    /// Defines a dossier type, or changes it.
    pub async fn define(&self, access: &Access, definition: DossierType) -> Result<(), Refusal> {
        Ok(self.dossiers.define(access.clone(), definition.checked()?).await?)
    }

    /// Inscribes a period of a person in a role.
    pub async fn inscribe(&self, access: &Access, inscription: Inscription) -> Result<Done<Inscribed>, Refusal> {
        let Inscription { niss, code, period, claim } = inscription;
        let refused = |refusal: Refusal| {
            self.dossiers.note(access, Deed::Inscribe, Some(niss), Some(&code), refusal.kind());
            refusal
        };
        self.usable(access.institution, &code, period).map_err(refused)?;
        let mut conflicts = 0;
        loop {
            let (person, mut remarks) = self.follow(niss).await.map_err(refused)?;
            remarks.extend(Self::judge(&person, &claim, period).map_err(refused)?);
            match self.dossiers.inscribe(access.clone(), person.niss, code, period).await {
                // It was replaced since it was looked up.
                Err(Trouble::Conflict(_)) if conflicts < CHAIN => conflicts += 1,
                Err(trouble) => return Err(trouble.into()),
                Ok(outcome) => {
                    remarks.extend(matches!(outcome, Inscribed::Covered(_)).then_some(Remark::Covered));
                    return Ok(Done { outcome, niss: person.niss, remarks });
                }
            }
        }
    }

    /// Whether what is said of a person is so, and the period is one in which they lived.
    pub fn judge(person: &Registered, claim: &Claim, period: Period) -> Result<Option<Remark>, Refusal> {
        let differing = names::compare(claim, &person.identity);
        match person.identity.deceased {
            _ if !differing.is_empty() => Err(Refusal::Mismatch(differing)),
            Some(died) if died < period.begin() => Err(Refusal::Deceased),
            died => Ok(died.map(Remark::Deceased)),
        }
    }

    /// Removes all rows of a person in a role, or the days of a period.
    pub async fn remove(
        &self,
        access: &Access,
        niss: Niss,
        code: Code,
        period: Option<Period>,
    ) -> Result<Done<Removed>, Refusal> {
        if self.type_of(access.institution, &code).is_none() {
            self.dossiers.note(access, Deed::Remove, Some(niss), Some(&code), Refusal::UnknownType.kind());
            return Err(Refusal::UnknownType);
        }
        // Rows of a number that the source knows no more can be removed like any other.
        let period = period.unwrap_or(Period::always());
        let (mut current, mut remarks) = self.current(niss).await?;
        loop {
            let outcome = self.dossiers.remove(access.clone(), current, code, period).await?;
            let before = current;
            if outcome.touched.is_empty() {
                // Its rows may have moved since it was looked up.
                (current, remarks) = self.current(niss).await?;
            }
            if current == before {
                return Ok(Done { outcome, niss: current, remarks });
            }
        }
    }

    /// Rows of one's own register, or of another whose owner gave the right to consult that type.
    pub async fn consult(
        &self,
        access: &Access,
        owner: Institution,
        mut question: Question,
    ) -> Result<(Rows, Vec<Remark>), Refusal> {
        let rights = self.rights(access.institution, owner, question.code.as_ref());
        let mut remarks = vec![];
        if let Some(niss) = question.niss {
            let (current, found) = self.current(niss).await?;
            question.niss = Some(current);
            remarks = found;
        }
        let (about, code) = (question.niss, question.code);
        let note = |outcome| self.dossiers.note(access, Deed::Consult, about, code.as_ref(), outcome);
        if !rights.consult {
            note(Refusal::NoRight.kind());
            return Err(Refusal::NoRight);
        }
        let rows = self.dossiers.rows(owner, question).await?;
        note(if rows.rows.is_empty() { "nothing" } else { "done" });
        Ok((rows, remarks))
    }

    /// What an institution may do with rows of a type of a register.
    fn rights(&self, institution: Institution, owner: Institution, code: Option<&Code>) -> Rights {
        if institution == owner {
            return Rights { consult: true, mutations: true };
        }
        let defined = code.and_then(|code| self.type_of(owner, code));
        defined.map(|defined| defined.rights_of(institution.0)).unwrap_or_default()
    }

    /// What is known of a person.
    pub async fn person(&self, access: &Access, niss: Niss) -> Result<Done<Registered>, Refusal> {
        let found = self.follow(niss).await;
        let outcome = found.as_ref().map_or_else(Refusal::kind, |_| "done");
        self.dossiers.note(access, Deed::Person, Some(niss), None, outcome);
        let (person, mut remarks) = found?;
        remarks.extend(person.identity.deceased.map(Remark::Deceased));
        Ok(Done { niss: person.niss, outcome: person, remarks })
    }

    /// Those who may be meant.
    pub async fn search(&self, access: &Access, search: Search) -> Result<Found, Refusal> {
        let found = self.persons.search(search).await?;
        let outcome = if found.hits.is_empty() { "nothing" } else { "done" };
        self.dossiers.note(access, Deed::Search, None, None, outcome);
        Ok(found)
    }

    /// Creates a BCSS number, unless somebody alike is known.
    pub async fn create(&self, access: &Access, person: NewPerson) -> Result<Created, Refusal> {
        let created = self.persons.create(access.clone(), person).await?;
        if matches!(created, Created::Alike(_)) {
            self.dossiers.note(access, Deed::Create, None, None, "alike");
        }
        Ok(created)
    }

    /// Corrects the data behind a BCSS number.
    pub async fn correct(
        &self,
        access: &Access,
        niss: Niss,
        correction: Correction,
    ) -> Result<Done<Identity>, Refusal> {
        let found = self.follow(niss).await.and_then(|found| match found.0.niss.kind() {
            Kind::Bcss => Ok(found),
            Kind::NationalRegister => Err(Refusal::NotBcss),
        });
        let (person, remarks) = found.inspect_err(|refusal| {
            self.dossiers.note(access, Deed::Correct, Some(niss), None, refusal.kind());
        })?;
        let outcome = self.persons.correct(access.clone(), person.niss, correction).await?;
        Ok(Done { outcome, niss: person.niss, remarks })
    }

    /// Whether a type may be used on all days of a period.
    pub fn usable(&self, owner: Institution, code: &Code, period: Period) -> Result<Arc<DossierType>, Refusal> {
        let defined = self.type_of(owner, code).ok_or(Refusal::UnknownType)?;
        if defined.valid.covers(period) { Ok(defined) } else { Err(Refusal::TypeNotValid) }
    }

    /// The person behind a number, through replacements.
    pub async fn follow(&self, given: Niss) -> Result<(Registered, Vec<Remark>), Refusal> {
        let mut niss = given;
        for _ in 0..CHAIN {
            let person = self.persons.find(niss).await?.ok_or(Refusal::UnknownNiss)?;
            match person.standing {
                Standing::ReplacedBy(by) => niss = by,
                Standing::Cancelled => return Err(Refusal::CancelledNiss),
                Standing::InUse if niss == given => return Ok((person, vec![])),
                Standing::InUse => return Ok((person, vec![Remark::Replaced { given, by: niss }])),
            }
        }
        Err(Trouble::Refused("a chain of replacements has no end".to_owned()).into())
    }

    /// The number that counts for a number: itself, where the source doesn't know it or has cancelled it.
    async fn current(&self, given: Niss) -> Result<(Niss, Vec<Remark>), Refusal> {
        if self.persons.replaced(given).await?.is_none() {
            return Ok((given, vec![]));
        }
        match self.follow(given).await {
            Ok((person, remarks)) => Ok((person.niss, remarks)),
            Err(Refusal::UnknownNiss | Refusal::CancelledNiss) => Ok((given, vec![])),
            Err(refusal) => Err(refusal),
        }
    }
}
