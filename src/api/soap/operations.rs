//! What each operation does: makes domain types of what was given, asks the register, and says what came of it.
use estafette_actors::domain::birth::BirthDate;
use estafette_actors::domain::cbe::Cbe;
use estafette_actors::domain::identity::{Claim, Identity};
use estafette_actors::domain::niss::Niss;
use estafette_actors::domain::period::Period;
use estafette_actors::domain::submission::Institution;
use estafette_actors::ports::register::{Access, Correction, Created, Deed, NewPerson, PAGE_MAX, Question, Search};
use estafette_actors::register::{Inscription, Refusal, Register, Remark};
use jiff::civil::Date;

use super::anomaly::Anomaly;
use super::fault::Fault;
use super::place::Places;
use super::reply::{Outcome, Reply};
use super::requests::{Days, Described, Request};

/// Rows of a page when nothing is said.
const ROWS: usize = 100;
/// Persons found when nothing is said.
const PERSONS: usize = 10;
/// Vouchers of one reply.
const VOUCHERS: usize = 100;
/// Vouchers that are read at once.
const PAGE: usize = 500;
/// Bytes of a file that a reply holds.
const FILE_BYTES: u64 = 32 << 20;

/// Why something is not done.
pub enum Not {
    /// The reply says why.
    Done(Anomaly),
    /// It can't be told in a reply.
    Possible(Fault),
}

impl From<Anomaly> for Not {
    fn from(anomaly: Anomaly) -> Self {
        Self::Done(anomaly)
    }
}

impl<E> From<E> for Not
where
    Refusal: From<E>,
{
    fn from(refusal: E) -> Self {
        Anomaly::try_from(Refusal::from(refusal)).map_or_else(Self::Possible, Self::Done)
    }
}

/// What operations need beside what they are given.
pub struct Desk<'d> {
    /// The register.
    pub register: &'d Register,
    /// Who asks.
    pub access: &'d Access,
    /// The latest day that it is anywhere in Belgium.
    pub today: Date,
    /// Seals where answers end.
    pub places: Places<'d>,
}

impl Desk<'_> {
    /// Does what is asked.
    pub async fn perform(&self, request: Request) -> Result<Reply, Fault> {
        match self.outcome(request).await {
            Ok(reply) => Ok(reply),
            Err(Not::Done(anomaly)) => Ok(anomaly.into()),
            Err(Not::Possible(fault)) => Err(fault),
        }
    }

    async fn outcome(&self, request: Request) -> Result<Reply, Not> {
        let (register, access) = (self.register, self.access);
        match request {
            Request::Inscribe { ssin, code, days, person } => {
                let (niss, period) = (self.niss(&ssin)?, period(days)?);
                let inscription = Inscription { niss, code, period, claim: claim(person)? };
                let done = register.inscribe(access, inscription).await?;
                Ok(remarked(done.remarks, Outcome::Inscribed(done.niss, done.outcome)))
            }
            Request::Remove { ssin, code, days } => {
                let (niss, period) = (self.niss(&ssin)?, days.map(period).transpose()?);
                let done = register.remove(access, niss, code, period).await?;
                Ok(remarked(done.remarks, Outcome::Removed(done.niss, done.outcome)))
            }
            Request::Consult { register: owner, ssin, code, days, after, limit } => {
                let owner = match owner {
                    Some(number) => Institution(Cbe::parse(&number).map_err(Anomaly::cbe_number)?),
                    None => access.institution,
                };
                let niss = ssin.as_deref().map(|ssin| self.niss(ssin)).transpose()?;
                let asked = Question {
                    niss,
                    code,
                    period: days.map(period).transpose()?,
                    after: None,
                    limit: limit.map_or(ROWS, |limit| PAGE_MAX.min(limit as usize)),
                };
                self.consult(owner, asked, after.as_deref()).await
            }
            Request::SearchPerson { person, years, limit } => {
                let search = Search {
                    claim: claim(person)?,
                    years: years.map_or(0, |years| years as u8),
                    limit: limit.map_or(PERSONS, |limit| limit as usize),
                };
                let found = register.search(access, search).await?;
                let anomalies = if found.is_incomplete { vec![Anomaly::incomplete()] } else { vec![] };
                Ok(Reply { anomalies, outcome: Outcome::Hits(found.hits) })
            }
            Request::CreatePerson { person, although_alike } => {
                let created =
                    register.create(access, NewPerson { identity: identity(person)?, although_alike }).await?;
                Ok(match created {
                    Created::Number(niss) => Outcome::Created(niss).into(),
                    Created::Alike(hits) => Reply { anomalies: vec![Anomaly::alike()], outcome: Outcome::Alike(hits) },
                })
            }
            Request::UpdatePerson { ssin, person } => {
                let niss = self.niss(&ssin)?;
                let done = register.correct(access, niss, correction(person)?).await?;
                Ok(remarked(done.remarks, Outcome::Corrected(done.niss, Box::new(done.outcome))))
            }
            Request::FetchMutations { sequence: None } => self.vouchers().await,
            Request::FetchMutations { sequence: Some(sequence) } => self.file(sequence).await,
            Request::ConfirmMutations { sequence } => {
                let voucher = register.mutations().confirm(access.clone(), sequence).await?;
                Ok(Outcome::Vouchers(vec![voucher]).into())
            }
        }
    }

    async fn consult(&self, owner: Institution, asked: Question, after: Option<&str>) -> Result<Reply, Not> {
        let seal = self.places.of(self.access.institution, owner, &asked);
        let place = match after {
            Some(text) => Some(seal.open(text).ok_or_else(Anomaly::cursor)?),
            None => None,
        };
        let question = Question { after: place, ..asked };
        let (rows, remarks) = self.register.consult(self.access, owner, question).await?;
        let next = rows.next.as_ref().map(|place| seal.write(place));
        Ok(remarked(remarks, Outcome::Rows(rows.rows, next)))
    }

    /// Files are confirmed in order, so those that are not are the last ones.
    async fn vouchers(&self) -> Result<Reply, Not> {
        let (owner, mutations) = (self.access.institution, self.register.mutations());
        let (mut found, mut after) = (vec![], 0);
        loop {
            let page = mutations.vouchers(owner, after, PAGE).await?;
            let (read, last) = (page.len(), page.last().map_or(after, |voucher| voucher.sequence));
            found.extend(page.into_iter().filter(|voucher| voucher.confirmed.is_none()));
            if read < PAGE || found.len() >= VOUCHERS {
                break;
            }
            after = last;
        }
        found.truncate(VOUCHERS);
        self.fetched(if found.is_empty() { "nothing" } else { "done" });
        Ok(Outcome::Vouchers(found).into())
    }

    async fn file(&self, sequence: u64) -> Result<Reply, Not> {
        let (owner, mutations) = (self.access.institution, self.register.mutations());
        // How large it is is looked at before it is read.
        let named = mutations.vouchers(owner, sequence - 1, 1).await?;
        if named.first().is_some_and(|voucher| voucher.sequence == sequence && voucher.bytes > FILE_BYTES) {
            return Err(Anomaly::file_too_large(FILE_BYTES).into());
        }
        let found = mutations.file(owner, sequence).await;
        self.fetched(if found.is_ok() { "done" } else { "unknown" });
        let (voucher, file) = found?;
        Ok(Outcome::File(Box::new(voucher), file).into())
    }

    fn fetched(&self, outcome: &'static str) {
        self.register.dossiers().note(self.access, Deed::Fetch, None, None, outcome);
    }

    fn niss(&self, digits: &str) -> Result<Niss, Anomaly> {
        Niss::parse(digits, self.today).map_err(Anomaly::niss)
    }
}

fn remarked(remarks: Vec<Remark>, outcome: Outcome) -> Reply {
    Reply { anomalies: remarks.into_iter().map(Anomaly::from).collect(), outcome }
}

fn period(days: Days) -> Result<Period, Anomaly> {
    Period::new(days.begin, days.end).map_err(Anomaly::period)
}

fn birth(text: Option<&str>) -> Result<Option<BirthDate>, Anomaly> {
    text.map(BirthDate::parse).transpose().map_err(Anomaly::birth_date)
}

fn claim(person: Described) -> Result<Claim, Anomaly> {
    Ok(Claim {
        birth: birth(person.birth_date.as_deref())?,
        surname: person.last_name,
        given_names: person.first_name,
        sex: person.gender,
    })
}

fn identity(person: Described) -> Result<Identity, Anomaly> {
    let birth = birth(person.birth_date.as_deref())?
        .ok_or_else(|| Anomaly::birth_date(estafette_actors::domain::birth::Error::Form))?;
    Ok(Identity {
        surname: person.last_name.unwrap_or_default(),
        given_names: person.first_name.unwrap_or_default(),
        birth,
        sex: person.gender,
        language: person.language,
        deceased: person.deceased,
    })
}

fn correction(person: Described) -> Result<Correction, Anomaly> {
    let correction = Correction {
        birth: birth(person.birth_date.as_deref())?,
        surname: person.last_name,
        given_names: person.first_name,
        sex: person.gender,
        deceased: person.deceased,
    };
    if correction == Correction::default() { Err(Anomaly::nothing_given()) } else { Ok(correction) }
}
