//! The port of dossiers over the engine: what is asked is decided on its writer thread, together with its line in the trail.
//!
//! Invariant: the count of a type is the number of its rows at every commit. A consultation whose line could not be written is
//! refused: with the engine read-only, or with more lines waiting than may.
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use estafette_actors::domain::dossier::{Code, DossierType};
use estafette_actors::domain::niss::Niss;
use estafette_actors::domain::period::{Inscribed, Period, Removed};
use estafette_actors::domain::submission::Institution;
use estafette_actors::ports::Clock;
use estafette_actors::ports::register::{self as ports, Access, AuditLine, Deed, Import, Question, Rows, Trouble};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};
use jiff::civil::Date;

use super::super::index::KeyedHash;
use super::audit::{self, Audit, Line, Told};
use super::engine::{self, Draft, Engine};
use super::import::{self, Prepared};
use super::rows::{self, Row};
use super::types::{Known, Types};
use super::{COUNTS, PERSON_ROWS, ROWS, Settings, array, damaged, mutations, page, replace};

struct Inner {
    engine: Engine,
    audit: Arc<Audit>,
    audit_within: Duration,
    audit_waiting: usize,
    types: Types,
    mutations: mutations::Settings,
    /// The authentic source is in these tables.
    has_source: AtomicBool,
}

/// The dossiers. Clones are one.
#[derive(Clone)]
pub struct Dossiers(Arc<Inner>);

impl std::fmt::Debug for Dossiers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Dossiers").field(&self.0.engine).finish()
    }
}

impl Dossiers {
    /// Opens the files, or makes them. `secret` is the one that the trail hashes a NISS with.
    pub fn open(settings: Settings, secret: [u8; 32], clock: Arc<dyn Clock>) -> Result<Self, Trouble> {
        let audit = Arc::new(Audit::new(KeyedHash::new(secret), clock, settings.audit_kept));
        let engine = Engine::open(settings.engine, vec![audit.rider()])?;
        audit.recall(&engine)?;
        let types = Types::load(&engine)?;
        // What was kept long enough goes from the start on.
        engine.ride_within(settings.audit_within);
        let (audit_within, audit_waiting) = (settings.audit_within, settings.audit_waiting);
        let mutations = settings.mutations;
        let has_source = AtomicBool::new(false);
        Ok(Self(Arc::new(Inner { engine, audit, audit_within, audit_waiting, types, mutations, has_source })))
    }

    /// The tables behind them.
    pub fn engine(&self) -> &Engine {
        &self.0.engine
    }

    /// What the parts beside them share with them.
    pub(super) fn parts(&self) -> (Engine, Arc<Audit>, Types, mutations::Settings) {
        let inner = &*self.0;
        (inner.engine.clone(), Arc::clone(&inner.audit), inner.types.clone(), inner.mutations)
    }

    /// What other parts of the register write beside the dossiers: the trail, and whose registers there are.
    pub(super) fn beside(&self) -> (Arc<Audit>, Types) {
        (Arc::clone(&self.0.audit), self.0.types.clone())
    }

    /// From now on nothing is inscribed for a number that the authentic source in these tables has replaced.
    pub(super) fn heed_source(&self) {
        self.0.has_source.store(true, Ordering::Release);
    }

    /// Copies all into a fresh file, as of one moment.
    pub fn copy_to(&self, path: &Path) -> Result<(), engine::Error> {
        self.0.engine.copy_to(path)
    }

    /// Writes all that waits, and ends. Later changes are refused.
    pub fn close(&self) {
        self.0.engine.close();
    }

    /// Follows a replacement: moves the rows of `old` to `new` in all registers, where they merge with what is there. Gives the
    /// institutions that had any. It can't be undone by another: which rows were whose is gone.
    pub fn replace(
        &self,
        access: Access,
        old: Niss,
        new: Niss,
    ) -> BoxFuture<'static, Result<Vec<Institution>, Trouble>> {
        let (audit, types) = (Arc::clone(&self.0.audit), self.0.types.clone());
        let decide = move |draft: &mut Draft<'_>| replace::replace(draft, &types.owners(), &access, (old, new), &audit);
        self.0.engine.change(decide).boxed()
    }
}

impl Inner {
    fn known(&self, owner: Institution) -> Arc<Known> {
        self.types.of(owner).unwrap_or_default()
    }

    fn note(&self, access: &Access, deed: Deed, about: Option<u64>, code: Option<&Code>, outcome: &'static str) {
        if self.audit.note(access, deed, about, code, outcome) {
            self.engine.ride_within(self.audit_within);
        }
    }

    /// Whether what is read now can be written down.
    fn noting(&self) -> Result<(), Trouble> {
        if let Some(reason) = self.engine.read_only() {
            return Err(Trouble::ReadOnly(reason.to_owned()));
        }
        if self.audit.waiting() >= self.audit_waiting { Err(Trouble::Overloaded) } else { Ok(()) }
    }

    /// Changes the rows of a person in one type, with a line in the trail.
    fn change<T: Send + 'static>(
        self: &Arc<Self>,
        subject: Subject,
        decide: impl FnOnce(&mut Vec<Row>, u16) -> (T, &'static str) + Send + 'static,
    ) -> BoxFuture<'static, Result<T, Trouble>> {
        let Subject { access, deed, niss, code } = subject;
        let owner = access.institution;
        let Some(number) = self.known(owner).number(&code) else {
            return ready(Err(Trouble::NotFound)).boxed();
        };
        let (audit, about) = (Arc::clone(&self.audit), Some(self.audit.about(niss)));
        let heeds = deed == Deed::Inscribe && self.has_source.load(Ordering::Acquire);
        let work = move |draft: &mut Draft<'_>| {
            if heeds {
                replace::refuse_replaced(draft, niss)?;
            }
            let key = rows::key(owner.0.as_u32(), niss.as_u64());
            let mut now = read(draft, &key)?;
            let before = now.clone();
            let (told, outcome) = decide(&mut now, number);
            if now.len() > PERSON_ROWS && now.len() > before.len() {
                audit.note(&access, deed, about, Some(&code), "too_many_rows");
                return Err(Trouble::TooManyRows(PERSON_ROWS));
            }
            if now != before {
                put(draft, &key, &now);
                let mut counted = Counted::default();
                counted.add(owner.0.as_u32(), number, before.len(), now.len());
                counted.put(draft)?;
            }
            let lines = [Line { about, code: 1, outcome: 0 }];
            let (codes, outcomes) = ([code], [outcome]);
            let lines =
                Told { access: &access, deed, register: None, codes: &codes, outcomes: &outcomes, lines: &lines };
            audit.write(draft, &lines)?;
            Ok(told)
        };
        self.engine.change(work).boxed()
    }
}

/// What a change is about.
struct Subject {
    access: Access,
    deed: Deed,
    niss: Niss,
    code: Code,
}

/// The rows under a key.
pub fn read(draft: &Draft<'_>, key: &[u8]) -> Result<Vec<Row>, Trouble> {
    draft.get(ROWS, key)?.map_or(Ok(Vec::new()), |value| rows::unpack(&value).ok_or_else(damaged))
}

/// Puts rows under a key, or removes it when there are none.
pub fn put(draft: &mut Draft<'_>, key: &[u8], rows: &[Row]) {
    match rows::pack(rows) {
        Some(value) => draft.put(ROWS, key, value),
        None => draft.remove(ROWS, key),
    }
}

/// How counts change, by institution and type.
#[derive(Debug, Default)]
pub struct Counted(BTreeMap<(u32, u16), i64>);

impl Counted {
    /// There were so many rows, and are so many.
    pub fn add(&mut self, owner: u32, number: u16, before: usize, now: usize) {
        if before != now {
            *self.0.entry((owner, number)).or_default() += now as i64 - before as i64;
        }
    }

    /// Puts the new counts.
    pub fn put(self, draft: &mut Draft<'_>) -> Result<(), Trouble> {
        for ((owner, number), change) in self.0 {
            let key = count_key(owner, number);
            let count = draft.get(COUNTS, &key)?.map_or(Some(0), |count| array(&count).map(u64::from_be_bytes));
            let count = count.and_then(|count| count.checked_add_signed(change)).ok_or_else(damaged)?;
            draft.put(COUNTS, &key, count.to_be_bytes().as_slice());
        }
        Ok(())
    }
}

fn count_key(owner: u32, number: u16) -> [u8; 6] {
    let mut key = [0; 6];
    key[..4].copy_from_slice(&owner.to_be_bytes());
    key[4..].copy_from_slice(&number.to_be_bytes());
    key
}

/// Runs what may read much beside those who don't.
pub fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Trouble> + Send + 'static,
) -> BoxFuture<'static, Result<T, Trouble>> {
    let task = tokio::task::spawn_blocking(work);
    async move { task.await.unwrap_or_else(|error| Err(Trouble::Unreadable(error.to_string()))) }.boxed()
}

impl ports::Dossiers for Dossiers {
    fn types(&self, owner: Institution) -> Arc<Vec<Arc<DossierType>>> {
        Arc::clone(&self.0.known(owner).types)
    }

    fn define(&self, access: Access, definition: DossierType) -> BoxFuture<'static, Result<(), Trouble>> {
        let (audit, types) = (Arc::clone(&self.0.audit), self.0.types.clone());
        let decide = move |draft: &mut Draft<'_>| {
            let codes = [definition.code];
            types.define(draft, access.institution, definition)?;
            let lines = [Line { about: None, code: 1, outcome: 0 }];
            let (access, deed, outcomes) = (&access, Deed::Define, &["done"]);
            audit.write(draft, &Told { access, deed, register: None, codes: &codes, outcomes, lines: &lines })
        };
        self.0.engine.change(decide).boxed()
    }

    fn inscribe(
        &self,
        access: Access,
        niss: Niss,
        code: Code,
        period: Period,
    ) -> BoxFuture<'static, Result<Inscribed, Trouble>> {
        let decide = move |now: &mut Vec<Row>, number| {
            let outcome = rows::inscribe(now, number, period);
            let said = if matches!(outcome, Inscribed::Covered(_)) { "covered" } else { "done" };
            (outcome, said)
        };
        self.0.change(Subject { access, deed: Deed::Inscribe, niss, code }, decide)
    }

    fn import(&self, access: Access, lines: Vec<Import>) -> BoxFuture<'static, Result<Vec<Inscribed>, Trouble>> {
        let inner = Arc::clone(&self.0);
        let known = inner.known(access.institution);
        let is_straight = lines.len() >= import::STRAIGHT;
        // Asked for from here on, whether or not anybody waits for the end.
        let ask = move || {
            let prepared = Prepared::new(access, &known, &lines, &inner.audit)?;
            let (audit, heeds) = (Arc::clone(&inner.audit), inner.has_source.load(Ordering::Acquire));
            let write = move |draft: &mut Draft<'_>| prepared.write(draft, &audit, heeds);
            Ok(if is_straight { inner.engine.bulk(write).boxed() } else { inner.engine.change(write).boxed() })
        };
        let asked = if is_straight { blocking(ask) } else { ready(ask()).boxed() };
        async move { asked.await?.await }.boxed()
    }

    fn remove(
        &self,
        access: Access,
        niss: Niss,
        code: Code,
        period: Period,
    ) -> BoxFuture<'static, Result<Removed, Trouble>> {
        let decide = move |now: &mut Vec<Row>, number| {
            let outcome = rows::remove(now, number, period);
            let said = if outcome.touched.is_empty() { "nothing" } else { "done" };
            (outcome, said)
        };
        self.0.change(Subject { access, deed: Deed::Remove, niss, code }, decide)
    }

    fn rows(&self, owner: Institution, question: Question) -> BoxFuture<'static, Result<Rows, Trouble>> {
        if let Err(trouble) = self.0.noting() {
            return ready(Err(trouble)).boxed();
        }
        let inner = Arc::clone(&self.0);
        let is_one = question.niss.is_some();
        let read = move || page::read(&inner.engine, owner, &inner.known(owner), &question);
        // One person's rows are on one page of the disk: handing that on would cost more.
        if is_one { ready(read()).boxed() } else { blocking(read) }
    }

    fn holds(&self, owner: Institution, niss: Niss, types: &[Code], day: Date) -> Result<bool, Trouble> {
        let known = self.0.known(owner);
        let numbers: Vec<u16> = types.iter().filter_map(|code| known.number(code)).collect();
        if numbers.is_empty() && !types.is_empty() {
            return Ok(false);
        }
        let key = rows::key(owner.0.as_u32(), niss.as_u64());
        let hold = |value: Option<&[u8]>| value.map_or(Some(false), |value| rows::hold(value, &numbers, day));
        self.0.engine.with(ROWS, &key, hold)?.ok_or_else(damaged)
    }

    fn counts(&self, owner: Institution) -> Vec<(Code, u64)> {
        let (known, number) = (self.0.known(owner), owner.0.as_u32());
        let mut counts: BTreeMap<Code, u64> = known.types.iter().map(|one| (one.code, 0)).collect();
        let (from, until) = (count_key(number, 0), (number + 1).to_be_bytes());
        let scanned = self.0.engine.scan(COUNTS, &from, Some(&until), |key, value| {
            let number = key.get(4..).and_then(array).map(u16::from_be_bytes);
            if let (Some(code), Some(count)) = (number.and_then(|number| known.code(number)), array(value)) {
                counts.insert(*code, u64::from_be_bytes(count));
            }
            ControlFlow::Continue(())
        });
        if let Err(error) = scanned {
            tracing::error!(%error, "the counts of a register can't be read");
        }
        counts.into_iter().collect()
    }

    fn figures(&self) -> Vec<(&'static str, u64)> {
        let Inner { engine, audit, .. } = &*self.0;
        vec![("unwritten_bytes", engine.unwritten() as u64), ("audit_waiting", audit.waiting() as u64)]
    }

    fn note(&self, access: &Access, deed: Deed, about: Option<Niss>, code: Option<&Code>, outcome: &'static str) {
        let about = about.map(|niss| self.0.audit.about(niss));
        self.0.note(access, deed, about, code, outcome);
    }

    fn audit(
        &self,
        owner: Option<Institution>,
        about: Option<Niss>,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<AuditLine>, Trouble>> {
        let about = about.map(|niss| self.0.audit.about(niss));
        let wanted = audit::Wanted { owner, about, after, limit: limit.clamp(1, ports::PAGE_MAX) };
        let inner = Arc::clone(&self.0);
        blocking(move || inner.audit.list(&inner.engine, wanted))
    }
}
