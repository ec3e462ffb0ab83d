//! The register's ports: dossiers on disk, the authentic source of persons, and the mutations that institutions are told.
//!
//! Every change ends when it is durable, together with its line in the audit trail. A future that is dropped changes nothing of that.
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::domain::birth::BirthDate;
use crate::domain::dossier::{Code, DossierType};
use crate::domain::identity::{Claim, Identity, Registered, Standing};
use crate::domain::mutation::{Change, Mutation, Subscription, Voucher};
use crate::domain::niss::{Niss, Sex};
use crate::domain::period::{Inscribed, Period, Removed};
use crate::domain::submission::Institution;
use crate::domain::time::Timestamp;

/// Characters of a legal context, and of a ticket.
pub const CONTEXT_LENGTH: usize = 64;

/// Who asks, and why: what the audit trail keeps of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// Whose key or connection.
    pub institution: Institution,
    /// The id of the key, or of the operator's session; no secret.
    pub key: Box<str>,
    /// The legal context in which it is done.
    pub legal_context: Box<str>,
    /// The caller's own reference of the request.
    pub ticket: Option<Box<str>>,
    /// Over which face it came.
    pub face: Face,
}

/// Over which face something came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Face {
    /// REST.
    Rest,
    /// SOAP.
    Soap,
    /// The admin port.
    Admin,
    /// The program itself: what it does every day, and what follows from a replacement.
    Program,
}

/// What was done, for the audit trail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    /// A dossier type was defined or changed.
    Define,
    /// A period was inscribed.
    Inscribe,
    /// Days were removed.
    Remove,
    /// Rows were consulted.
    Consult,
    /// Rows were imported; each has a line of its own.
    Import,
    /// Rows were exported.
    Export,
    /// A person was looked up.
    Person,
    /// Persons were searched for.
    Search,
    /// A number was created.
    Create,
    /// The data behind a number was corrected.
    Correct,
    /// A number was replaced, restored or cancelled.
    Replace,
    /// Mutations were fetched.
    Fetch,
    /// Mutations were confirmed.
    Confirm,
    /// A subscription was changed.
    Subscribe,
    /// What happened to a person was passed on to institutions.
    Tell,
}

/// A line of the audit trail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditLine {
    /// Its place: grows with time, without a gap.
    pub position: u64,
    /// When.
    pub at: Timestamp,
    /// Who, and why.
    pub access: Access,
    /// What.
    pub deed: Deed,
    /// About whom, as a keyed hash: never in clear.
    pub about: Option<u64>,
    /// About which dossier type.
    pub code: Option<Code>,
    /// What came of it: `done`, `covered`, `unknown`, or the kind of the refusal.
    pub outcome: Box<str>,
}

/// Why the register did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// Too much is under way.
    #[error("the register has more to do than it may keep waiting; try again in a second")]
    Overloaded,
    /// Nothing can be written.
    #[error("the register takes no changes: {0}")]
    ReadOnly(String),
    /// Nothing can be read.
    #[error("the register can't be read: {0}")]
    Unreadable(String),
    /// The authentic source is elsewhere, and doesn't answer.
    #[error("the authentic source does not answer; try again in a minute")]
    SourceAway,
    /// More rows for one person than are kept.
    #[error("a register keeps {0} rows of one person at most; remove some first")]
    TooManyRows(usize),
    /// The caller's part is not known.
    #[error("no such dossier type, file or subscription of yours; check its code or number")]
    NotFound,
    /// Not now.
    #[error("{0}")]
    Conflict(&'static str),
    /// What the authentic source says against it.
    #[error("the authentic source refuses this: {0}")]
    Refused(String),
    /// Another file has to be confirmed first.
    #[error("files are confirmed in order: confirm number {0} first")]
    OutOfOrder(u64),
}

/// A row of a register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DossierRow {
    /// Whose register.
    pub owner: Institution,
    /// About whom.
    pub niss: Niss,
    /// In which role.
    pub code: Code,
    /// On which days.
    pub period: Period,
}

/// Which rows are asked for; what is not given does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Question {
    /// Of this person.
    pub niss: Option<Niss>,
    /// Of this type.
    pub code: Option<Code>,
    /// With a day in this period.
    pub period: Option<Period>,
    /// After this place of an earlier answer.
    pub after: Option<Place>,
    /// So many at most, 1 to [`PAGE_MAX`].
    pub limit: usize,
}

/// Rows of one answer at most.
pub const PAGE_MAX: usize = 1_000;

/// Where an answer ended: the last row of it. Faces seal it before they hand it out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// About whom.
    pub niss: Niss,
    /// In which role.
    pub code: Code,
    /// From when.
    pub begin: Date,
}

/// Rows, sorted by NISS, code and beginning.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// These.
    pub rows: Vec<DossierRow>,
    /// Where to go on, unless these are all. A page may be short and still go on: a page reads a bounded number of rows.
    pub next: Option<Place>,
}

/// A line of an import, in the order in which they come; sorted by NISS they go fastest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// About whom.
    pub niss: Niss,
    /// In which role.
    pub code: Code,
    /// On which days.
    pub period: Period,
}

/// The dossiers of all institutions.
pub trait Dossiers: Send + Sync {
    /// The types that an institution has defined, by code.
    fn types(&self, owner: Institution) -> Arc<Vec<Arc<DossierType>>>;

    /// Defines a type, or changes it. Rows that there are stay.
    fn define(&self, access: Access, definition: DossierType) -> BoxFuture<'static, Result<(), Trouble>>;

    /// Inscribes a period; the type was checked. A number that was replaced since it was looked up is a [`Trouble::Conflict`].
    fn inscribe(
        &self,
        access: Access,
        niss: Niss,
        code: Code,
        period: Period,
    ) -> BoxFuture<'static, Result<Inscribed, Trouble>>;

    /// Inscribes many at once, all in one commit or none; one outcome for each. With a number that was replaced it is a
    /// [`Trouble::Conflict`].
    fn import(&self, access: Access, lines: Vec<Import>) -> BoxFuture<'static, Result<Vec<Inscribed>, Trouble>>;

    /// Removes the days of a period.
    fn remove(
        &self,
        access: Access,
        niss: Niss,
        code: Code,
        period: Period,
    ) -> BoxFuture<'static, Result<Removed, Trouble>>;

    /// Rows of one institution's register.
    fn rows(&self, owner: Institution, question: Question) -> BoxFuture<'static, Result<Rows, Trouble>>;

    /// Whether the register has the person in one of these types (in any, when none is named) on a day. Answers at once, from
    /// memory or one page of the disk.
    fn holds(&self, owner: Institution, niss: Niss, types: &[Code], day: Date) -> Result<bool, Trouble>;

    /// How many rows there are of each type. Counted as they change, not when asked.
    fn counts(&self, owner: Institution) -> Vec<(Code, u64)>;

    /// What an operator wants to know of how they are kept: names and numbers, such as of bytes that wait to be merged.
    fn figures(&self) -> Vec<(&'static str, u64)> {
        Vec::new()
    }

    /// Writes down what was read; durable a moment later.
    fn note(&self, access: &Access, deed: Deed, about: Option<Niss>, code: Option<&Code>, outcome: &'static str);

    /// Lines of the audit trail after a place, oldest first: one institution's, or everybody's for the operator.
    fn audit(
        &self,
        owner: Option<Institution>,
        about: Option<Niss>,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<AuditLine>, Trouble>>;
}

/// Whom to look for.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Search {
    /// What is known of them; the surname must be there.
    pub claim: Claim,
    /// Years by which the birth date may be off.
    pub years: u8,
    /// So many at most, 1 to 100.
    pub limit: usize,
}

/// Somebody found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Who.
    pub person: Registered,
    /// How well they fit, 0 to 100.
    pub score: u8,
}

/// Those found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Best first.
    pub hits: Vec<Hit>,
    /// Whether more sound like that than were looked at, so that others may fit as well or better: to be asked again with more of
    /// the person, above all the birth date.
    pub is_incomplete: bool,
}

/// A number to create.
#[derive(Clone, PartialEq, Eq)]
pub struct NewPerson {
    /// Whose.
    pub identity: Identity,
    /// Create it although somebody alike is known.
    pub although_alike: bool,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Created {
    /// The number, which is known from now on.
    Number(Niss),
    /// Nothing was created: these look like the same person.
    Alike(Vec<Hit>),
}

/// What is so from now on, where given.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Correction {
    /// The surname.
    pub surname: Option<Box<str>>,
    /// The given names.
    pub given_names: Option<Box<str>>,
    /// The birth date; the number stays.
    pub birth: Option<BirthDate>,
    /// The sex.
    pub sex: Option<Sex>,
    /// The day of death.
    pub deceased: Option<Date>,
}

/// Lines of a first filling that are told why they were not taken, at most.
pub const WRONG_MAX: usize = 1_000;

/// What became of a first filling.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filled {
    /// Numbers that are known from now on.
    pub new: u64,
    /// Numbers that were known, with the same data.
    pub same: u64,
    /// Lines that were not taken.
    pub refused: u64,
    /// The first [`WRONG_MAX`] of them, and why.
    pub wrong: Vec<(u64, &'static str)>,
}

/// The authentic source of persons.
pub trait Persons: Send + Sync {
    /// What is known of a number, as it is: a replaced one is not followed.
    fn find(&self, niss: Niss) -> BoxFuture<'static, Result<Option<Registered>, Trouble>>;

    /// The number that took the place of a number, if one did. A source that keeps that apart need not read the person.
    fn replaced(&self, niss: Niss) -> BoxFuture<'static, Result<Option<Niss>, Trouble>> {
        let found = self.find(niss);
        async move {
            Ok(match found.await?.map(|person| person.standing) {
                Some(Standing::ReplacedBy(by)) => Some(by),
                _ => None,
            })
        }
        .boxed()
    }

    /// Those who may be meant.
    fn search(&self, search: Search) -> BoxFuture<'static, Result<Found, Trouble>>;

    /// Creates a BCSS number.
    fn create(&self, access: Access, person: NewPerson) -> BoxFuture<'static, Result<Created, Trouble>>;

    /// Corrects the data behind a BCSS number; gives what is so now.
    fn correct(
        &self,
        access: Access,
        niss: Niss,
        correction: Correction,
    ) -> BoxFuture<'static, Result<Identity, Trouble>>;

    /// The first filling: millions of persons, each with its line, in the order of their NISSs. Nobody is told, and no row moves: a
    /// number that is known already must have the same data. Lines that are out of order, are no person or are known otherwise are
    /// refused alone. What was taken stays when it is cut short, and done again it goes on. Until it ends nobody is searched for or
    /// created. The iterator may block.
    ///
    /// A source that is not filled from here refuses.
    fn fill(
        &self,
        _access: Access,
        _persons: Box<dyn Iterator<Item = (u64, Registered)> + Send>,
    ) -> BoxFuture<'static, Result<Filled, Trouble>> {
        let what = "the authentic source is elsewhere, and has no first filling from here: fill it there";
        futures_util::future::ready(Err(Trouble::Refused(what.to_owned()))).boxed()
    }

    /// Takes persons as the operator has them: new, changed, replaced and cancelled ones. All or nothing; what changed becomes
    /// mutations. Gives how many were new and how many changed.
    fn put(&self, access: Access, persons: Vec<Registered>) -> BoxFuture<'static, Result<(u64, u64), Trouble>>;
}

/// Mutations told at once at most.
pub const TOLD_MAX: usize = 100_000;

/// What institutions are told of their NISSs.
pub trait Mutations: Send + Sync {
    /// Takes changes of persons and events of the network, [`TOLD_MAX`] at most, all or none. A change of a person goes to each
    /// institution whose register has a row of the NISS, on whatever days, and to those that got the right to its mutations from
    /// the owner of its type. An event goes to those of them that subscribed to its kind, and only for a row that has its day. Gives
    /// to how many institutions each went.
    ///
    /// Of a NISS that was replaced it must be told before its rows move.
    fn tell(
        &self,
        access: Access,
        mutations: Vec<(Niss, Date, Change)>,
    ) -> BoxFuture<'static, Result<Vec<u32>, Trouble>>;

    /// The event kinds that an institution gets, by kind.
    fn subscriptions(&self, owner: Institution) -> Vec<Subscription>;

    /// Subscribes, or changes a subscription. The types are ones that the institution defined; with none, types that others opened to
    /// it count too.
    fn subscribe(&self, access: Access, subscription: Subscription) -> BoxFuture<'static, Result<(), Trouble>>;

    /// Ends a subscription.
    fn unsubscribe(&self, access: Access, kind: Code) -> BoxFuture<'static, Result<(), Trouble>>;

    /// Makes the files of the days before `today`, one for each institution and day that has any: what the program does every
    /// day. Done twice it makes nothing twice. A mutation that is recorded late is in the file of a later day. A large day has several
    /// files.
    fn produce(&self, today: Date) -> BoxFuture<'static, Result<u64, Trouble>>;

    /// The vouchers after a number, oldest first.
    fn vouchers(
        &self,
        owner: Institution,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<Voucher>, Trouble>>;

    /// A file, exactly as its voucher says, and its mutations.
    fn file(&self, owner: Institution, sequence: u64) -> BoxFuture<'static, Result<(Voucher, Vec<u8>), Trouble>>;

    /// The mutations of a file.
    fn mutations(&self, owner: Institution, sequence: u64) -> BoxFuture<'static, Result<Vec<Mutation>, Trouble>>;

    /// Confirms the next file that is not: they are confirmed in order. One that is confirmed stays so.
    fn confirm(&self, access: Access, sequence: u64) -> BoxFuture<'static, Result<Voucher, Trouble>>;
}
