//! A register on disk in a temporary folder, put together as the program does, for tests of the faces: with a clock that is set,
//! and an authentic source that can be in trouble. `tests/interop/soap/persons.csv` is who is known in it, there and here.
#![allow(dead_code, clippy::unwrap_used)] // each user takes what it needs; a failed step fails the test
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use estafette::mutations::render;
use estafette::store::register::engine::Table;
use estafette::store::register::persons::Hearers;
use estafette::store::register::{self, Dossiers, Mutations, Persons};
use estafette_actors::domain::day;
use estafette_actors::domain::dossier::Code;
use estafette_actors::domain::identity::{Identity, Registered};
use estafette_actors::domain::niss::Niss;
use estafette_actors::domain::period::Period;
use estafette_actors::domain::submission::Institution;
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::Clock;
use estafette_actors::ports::register::{
    self as ports, Access, AuditLine, Correction, Created, Deed, Dossiers as _, Filled, Found, Mutations as _,
    NewPerson, PAGE_MAX, Question, Search, Trouble,
};
use estafette_actors::register::Register;
use futures_util::future::{BoxFuture, ready};
use tempfile::TempDir;

/// Somebody.
pub const JAN: &str = "85073003328";
/// Somebody with a BCSS number.
pub const ION: &str = "85473003317";
/// A number that was replaced by the one of [`JAN`].
pub const OLD: &str = "85073006197";
/// Somebody who died on the last day of 2020.
pub const LATE: &str = "17073003384";
/// A number that was cancelled.
pub const NOBODY: &str = "40000000163";
/// A right number that the source doesn't know.
pub const UNKNOWN: &str = "05200000179";

/// These, as the operator tells the authentic source of them.
pub const PERSONS: &str = include_str!("../interop/soap/persons.csv");

/// A clock that is set.
pub struct Hand(AtomicU64);

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed))
    }
}

/// All of it. Clones are one.
#[derive(Clone)]
pub struct Store {
    pub dossiers: Dossiers,
    pub mutations: Mutations,
    pub source: Source,
    clock: Arc<Hand>,
    _folder: Arc<TempDir>,
}

impl Store {
    /// With nothing in it, on 23 November 2026 at 9:00 UTC.
    pub fn empty() -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let clock = Arc::new(Hand(AtomicU64::new(Timestamp::parse("2026-11-23T09:00:00Z").unwrap().millis())));
        let now: Arc<dyn Clock> = Arc::clone(&clock) as _;
        let dossiers = Dossiers::open(register::Settings::new(folder.path()), [7; 32], Arc::clone(&now)).unwrap();
        let mutations = Mutations::open(&dossiers, Arc::clone(&now), render).unwrap();
        let hearers = Hearers { teller: Some(mutations.teller()), follower: None };
        let persons = Persons::open(&dossiers, now, folder.path(), hearers).unwrap();
        let source = Source { persons, trouble: Arc::default(), before: Arc::default() };
        Self { dossiers, mutations, source, clock, _folder: folder }
    }

    /// The handle over it.
    pub fn register(&self) -> Register {
        let (dossiers, mutations) = (self.dossiers.clone(), self.mutations.clone());
        Register::new(Arc::new(dossiers), Arc::new(self.source.clone()), Arc::new(mutations))
    }

    /// From now on every question to the authentic source ends so.
    pub fn source_is_in(&self, trouble: Option<Trouble>) {
        *self.source.trouble.lock().unwrap() = trouble;
    }

    /// The next question about a person is answered with what is known of them now, whatever comes until then.
    pub async fn answer_late(&self, niss: &str) {
        let niss = Niss::parse(niss, day::of(self.clock.now())).unwrap();
        let known = ports::Persons::find(&self.source, niss).await.unwrap();
        *self.source.before.lock().unwrap() = known;
    }

    /// Behind all rows of an institution stands a record that nobody can read.
    pub async fn damage(&self, owner: &str) {
        let owner: Institution = owner.parse::<estafette_actors::domain::cbe::Cbe>().map(Institution).unwrap();
        let key = [&owner.0.as_u32().to_be_bytes()[..], &99_999_999_999_u64.to_be_bytes()].concat();
        let put = self.dossiers.engine().change::<(), Trouble>(move |draft| {
            draft.put(Table(0), &key, &b"?"[..]);
            Ok(())
        });
        put.await.unwrap();
    }

    /// The day ends, and what was told on it is in files.
    pub async fn end_day(&self) {
        self.clock.0.fetch_add(24 * 3_600_000, Ordering::Relaxed);
        self.mutations.produce(day::of(self.clock.now())).await.unwrap();
    }

    /// The audit trail, with what was noted until now.
    pub async fn lines(&self) -> Vec<AuditLine> {
        // What was noted rides along with the next commit.
        self.dossiers.engine().change::<(), Trouble>(|_| Ok(())).await.unwrap();
        let mut lines: Vec<AuditLine> = vec![];
        loop {
            let after = lines.last().map_or(0, |line| line.position);
            let page = self.dossiers.audit(None, None, after, PAGE_MAX).await.unwrap();
            if page.is_empty() {
                return lines;
            }
            lines.extend(page);
        }
    }

    /// What was written down, as what was done with what outcome.
    pub async fn deeds(&self) -> Vec<(Deed, String)> {
        self.lines().await.iter().map(|line| (line.deed, line.outcome.to_string())).collect()
    }

    /// The last line of the audit trail.
    pub async fn last(&self) -> AuditLine {
        self.lines().await.pop().unwrap()
    }

    /// The periods of a person in a type.
    pub async fn periods(&self, owner: &str, niss: &str, code: &str) -> Vec<Period> {
        let (owner, today) = (Institution(owner.parse().unwrap()), day::of(self.clock.now()));
        let (niss, code) = (Some(Niss::parse(niss, today).unwrap()), Some(Code::parse(code).unwrap()));
        let question = Question { niss, code, limit: PAGE_MAX, ..Question::default() };
        self.dossiers.rows(owner, question).await.unwrap().rows.into_iter().map(|row| row.period).collect()
    }
}

/// The authentic source in the register's own tables, which can be in trouble, as one elsewhere, and answer late.
#[derive(Clone)]
pub struct Source {
    persons: Persons,
    trouble: Arc<Mutex<Option<Trouble>>>,
    /// What was known of a person when they were asked about.
    before: Arc<Mutex<Option<Registered>>>,
}

type Asked<T> = BoxFuture<'static, Result<T, Trouble>>;

impl Source {
    fn ask<T: Send + 'static>(&self, ask: impl FnOnce(&dyn ports::Persons) -> Asked<T>) -> Asked<T> {
        match self.trouble.lock().unwrap().clone() {
            Some(trouble) => Box::pin(ready(Err(trouble))),
            None => ask(&self.persons),
        }
    }
}

impl ports::Persons for Source {
    fn find(&self, niss: Niss) -> Asked<Option<Registered>> {
        match self.before.lock().unwrap().take_if(|known| known.niss == niss) {
            Some(known) => Box::pin(ready(Ok(Some(known)))),
            None => self.ask(|persons| persons.find(niss)),
        }
    }

    fn search(&self, search: Search) -> Asked<Found> {
        self.ask(|persons| persons.search(search))
    }

    fn create(&self, access: Access, person: NewPerson) -> Asked<Created> {
        self.ask(|persons| persons.create(access, person))
    }

    fn correct(&self, access: Access, niss: Niss, correction: Correction) -> Asked<Identity> {
        self.ask(|persons| persons.correct(access, niss, correction))
    }

    fn fill(&self, access: Access, persons: Box<dyn Iterator<Item = (u64, Registered)> + Send>) -> Asked<Filled> {
        self.ask(|source| source.fill(access, persons))
    }

    fn put(&self, access: Access, persons: Vec<Registered>) -> Asked<(u64, u64)> {
        self.ask(|source| source.put(access, persons))
    }
}
