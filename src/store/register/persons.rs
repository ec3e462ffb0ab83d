//! The authentic source of persons in the register's own tables: found by number, searched by how their names sound, created,
//! corrected, and put as the operator has them.
//!
//! Invariant: a person, what finds them, the rows that follow a replacement and what institutions are told of it are in one change
//! of one engine, so that no crash parts them. A number is given out once, and not twice for the same data however many ask at once.
//! It must not follow a replacement when it is asked for a number: who asks decides that.
//!
//! [`record`] is their form, [`index`] what a search reads, [`search`] how; [`numbers`] gives numbers out, [`put`] takes what the
//! operator has, [`load`] the first millions, of which [`memo`] and [`sorted`] make the index.
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use estafette_actors::domain::day;
use estafette_actors::domain::identity::{Claim, Identity, Registered, Standing};
use estafette_actors::domain::mutation::Change;
use estafette_actors::domain::names::CERTAIN;
use estafette_actors::domain::niss::{Kind, Niss};
use estafette_actors::ports::Clock;
use estafette_actors::ports::register::{
    self as ports, Access, Correction, Created, Deed, Filled, Found, Hit, NewPerson, Search, Trouble,
};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};
use jiff::civil::Date;
use tokio::sync::Semaphore;

use self::index::Index;
use self::put::Prepared;
use self::record::Entries;
use super::audit::{Audit, Line, Told};
use super::dossiers::blocking;
use super::engine::{Draft, Engine};
use super::types::Types;
use super::{Dossiers, PERSON_CODES, PERSON_REPLACED, PERSONS, damaged};

mod check;
mod index;
mod load;
mod memo;
mod numbers;
mod put;
mod record;
mod search;
mod sorted;

/// From so many lines on persons go straight to the tables.
const STRAIGHT: usize = 4_096;
/// Searches at once; more are refused.
const SEARCHES: usize = 64;
/// Persons who look like the one that is to be created, that are told at most.
const ALIKE: usize = 10;

/// Takes what institutions are to be told, within the change that is told of and before rows move: whose register has the number
/// is known only until then. Of a number that was restored, rows stand under the one that had taken its place.
pub type Teller = Arc<dyn Fn(&mut Draft<'_>, &Access, &[(Niss, Date, Change)]) -> Result<(), Trouble> + Send + Sync>;
/// Hears, once it is durable, of numbers by which another is to be used from now on, or none. It must be short.
pub type Follower = Arc<dyn Fn(&[(Niss, Option<Niss>)]) + Send + Sync>;

/// Who hears of changes.
#[derive(Clone, Default)]
pub struct Hearers {
    /// Of mutations.
    pub teller: Option<Teller>,
    /// Of replacements.
    pub follower: Option<Follower>,
}

struct Inner {
    engine: Engine,
    audit: Arc<Audit>,
    types: Types,
    clock: Arc<dyn Clock>,
    index: Index,
    hearers: Hearers,
    /// Where an index is sorted.
    dir: PathBuf,
    searches: Semaphore,
    loads: Semaphore,
}

/// The persons. Clones are one.
#[derive(Clone)]
pub struct Persons(Arc<Inner>);

impl std::fmt::Debug for Persons {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Persons").field(&self.0.engine).finish()
    }
}

impl Persons {
    /// Beside the dossiers, in their files. `dir` has room for an index that is sorted. An index of another version is made again,
    /// beside the work; until then nobody is searched for or created.
    pub fn open(
        dossiers: &Dossiers,
        clock: Arc<dyn Clock>,
        dir: impl Into<PathBuf>,
        hearers: Hearers,
    ) -> Result<Self, Trouble> {
        let (engine, (audit, types)) = (dossiers.engine().clone(), dossiers.beside());
        let (searches, loads) = (Semaphore::new(SEARCHES), Semaphore::new(1));
        let (index, dir) = (Index::default(), dir.into());
        let this = Self(Arc::new(Inner { engine, audit, types, clock, index, hearers, dir, searches, loads }));
        if !index::open(&this.0.engine, &this.0.index)? {
            this.make_index()?;
        }
        dossiers.heed_source();
        Ok(this)
    }

    fn make_index(&self) -> Result<(), Trouble> {
        let (engine, index, dir) = (self.0.engine.clone(), self.0.index.clone(), self.0.dir.clone());
        let make = move || match index::make(&engine, &index, &dir) {
            Ok(()) => tracing::info!("the index of names was made"),
            Err(trouble) => tracing::error!(%trouble, "the index of names was not made: restart to try again"),
        };
        let thread = std::thread::Builder::new().name("register-names".to_owned()).spawn(make);
        thread.map(|_| ()).map_err(|error| Trouble::Unreadable(error.to_string()))
    }

    /// Whether everybody can be searched for.
    pub fn is_ready(&self) -> bool {
        self.0.index.is_ready()
    }

    /// Every number that was replaced, and the one in its place, which may have been replaced too: for the snapshot of routing.
    pub fn replaced(&self, mut each: impl FnMut(Niss, Niss)) -> Result<(), Trouble> {
        let mut is_whole = true;
        self.0.engine.scan(PERSON_REPLACED, &[], None, |key, value| {
            if let (Some(old), Some(by)) = (record::niss_of(key), record::niss_of(value)) {
                each(old, by);
                return ControlFlow::Continue(());
            }
            is_whole = false;
            ControlFlow::Break(())
        })?;
        if is_whole { Ok(()) } else { Err(damaged()) }
    }
}

impl Inner {
    fn today(&self) -> Date {
        day::of(self.clock.now())
    }

    fn tell(&self, draft: &mut Draft<'_>, access: &Access, told: &[(Niss, Date, Change)]) -> Result<(), Trouble> {
        match &self.hearers.teller {
            Some(teller) if !told.is_empty() => teller(draft, access, told),
            _ => Ok(()),
        }
    }

    fn follow(&self, draft: &mut Draft<'_>, followed: Vec<(Niss, Option<Niss>)>) {
        if let Some(follower) = self.hearers.follower.clone()
            && !followed.is_empty()
        {
            draft.after(move || follower(&followed));
        }
    }

    /// A line in the trail, in the same change.
    fn note(
        &self,
        draft: &mut Draft<'_>,
        access: &Access,
        deed: Deed,
        niss: Niss,
        outcome: &'static str,
    ) -> Result<(), Trouble> {
        let lines = [Line { about: Some(self.audit.about(niss)), code: 0, outcome: 0 }];
        self.audit.write(draft, &Told { access, deed, register: None, codes: &[], outcomes: &[outcome], lines: &lines })
    }

    fn search(self: &Arc<Self>, search: Search) -> BoxFuture<'static, Result<Found, Trouble>> {
        let inner = Arc::clone(self);
        let work = move || {
            let Ok(_one) = inner.searches.try_acquire() else { return Err(Trouble::Overloaded) };
            inner.index.ready()?;
            search::search(&inner.engine, &search)
        };
        blocking(work)
    }

    /// On the writer thread.
    fn give_out(&self, draft: &mut Draft<'_>, access: &Access, person: NewPerson) -> Result<Created, Trouble> {
        self.index.ready()?;
        let NewPerson { identity, although_alike } = person;
        if !although_alike && let Some(person) = same(draft, &identity)? {
            self.note(draft, access, Deed::Create, person.niss, "alike")?;
            return Ok(Created::Alike(vec![Hit { person, score: 100 }]));
        }
        let niss = numbers::next(draft, identity.birth, identity.sex)?;
        let person = Registered { niss, standing: Standing::InUse, identity };
        draft.put(PERSONS, &record::key(niss), record::pack(&person));
        self.index.put(draft, None, &Entries::of(&person));
        self.note(draft, access, Deed::Create, niss, "done")?;
        Ok(Created::Number(niss))
    }

    /// On the writer thread.
    fn correct(
        &self,
        draft: &mut Draft<'_>,
        access: &Access,
        niss: Niss,
        correction: Correction,
        today: Date,
    ) -> Result<Identity, Trouble> {
        let refused = |what: &str| Trouble::Refused(what.to_owned());
        let before = index::read(draft, niss)?.ok_or_else(|| refused("no such number: look the person up by name"))?;
        if before.standing != Standing::InUse {
            return Err(refused("this number is not in use any more: correct the one in its place"));
        }
        let now = corrected(&before.identity, correction);
        check::told(&now, today).map_err(refused)?;
        let fields = before.identity.changed(&now);
        if fields.is_empty() {
            self.note(draft, access, Deed::Correct, niss, "same")?;
            return Ok(now);
        }
        let person = Registered { identity: now.clone(), ..before.clone() };
        draft.put(PERSONS, &record::key(niss), record::pack(&person));
        self.index.put(draft, Some(&before), &Entries::of(&person));
        let change = Change::Identified { fields, now: Box::new(now.clone()) };
        self.tell(draft, access, &[(niss, today, change)])?;
        self.note(draft, access, Deed::Correct, niss, "done")?;
        Ok(now)
    }
}

/// Somebody who is known with exactly the same data: who asked a moment before.
fn same(draft: &Draft<'_>, identity: &Identity) -> Result<Option<Registered>, Trouble> {
    let Some((code, year)) = Entries::rarest(identity) else { return Ok(None) };
    let (from, until) = (record::entry_prefix(code, year), record::entry_prefix(code, year + 1));
    let wanted = record::entry_value(&record::folded(identity));
    let mut found = Vec::new();
    draft.scan(PERSON_CODES, &from, Some(&until), |key, value| {
        if value == wanted {
            found.extend(record::entry_niss(key));
        }
        ControlFlow::Continue(())
    })?;
    for niss in found {
        let known = index::read(draft, niss)?;
        if let Some(known) = known.filter(|known| known.standing == Standing::InUse) {
            return Ok(Some(known));
        }
    }
    Ok(None)
}

fn corrected(known: &Identity, correction: Correction) -> Identity {
    let Correction { surname, given_names, birth, sex, deceased } = correction;
    Identity {
        surname: surname.unwrap_or_else(|| known.surname.clone()),
        given_names: given_names.unwrap_or_else(|| known.given_names.clone()),
        birth: birth.unwrap_or(known.birth),
        sex: sex.or(known.sex),
        language: known.language,
        deceased: deceased.or(known.deceased),
    }
}

/// Runs to its end, whoever waits for it.
fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, Trouble>> + Send + 'static,
) -> BoxFuture<'static, Result<T, Trouble>> {
    let task = tokio::spawn(work);
    async move { task.await.unwrap_or_else(|error| Err(Trouble::Unreadable(error.to_string()))) }.boxed()
}

impl ports::Persons for Persons {
    fn find(&self, niss: Niss) -> BoxFuture<'static, Result<Option<Registered>, Trouble>> {
        // One page of the disk at most: handing that on would cost more.
        let found = self.0.engine.with(PERSONS, &record::key(niss), |value| {
            value.map(|value| record::unpack(niss, value).ok_or_else(damaged)).transpose()
        });
        ready(found.map_err(Trouble::from).flatten()).boxed()
    }

    fn replaced(&self, niss: Niss) -> BoxFuture<'static, Result<Option<Niss>, Trouble>> {
        // A small table: its pages are in memory, which the person's need not be.
        let found = self.0.engine.with(PERSON_REPLACED, &record::key(niss), |value| {
            value.map(|value| record::niss_of(value).ok_or_else(damaged)).transpose()
        });
        ready(found.map_err(Trouble::from).flatten()).boxed()
    }

    fn search(&self, search: Search) -> BoxFuture<'static, Result<Found, Trouble>> {
        self.0.search(search)
    }

    fn create(&self, access: Access, person: NewPerson) -> BoxFuture<'static, Result<Created, Trouble>> {
        let inner = Arc::clone(&self.0);
        if let Err(what) = check::told(&person.identity, inner.today()) {
            return ready(Err(Trouble::Refused(what.to_owned()))).boxed();
        }
        to_the_end(async move {
            if !person.although_alike {
                let Identity { surname, given_names, birth, sex, .. } = person.identity.clone();
                let claim = Claim { surname: Some(surname), given_names: Some(given_names), birth: Some(birth), sex };
                let mut alike = inner.search(Search { claim, years: 0, limit: ALIKE }).await?.hits;
                alike.retain(|hit| hit.score >= CERTAIN);
                if !alike.is_empty() {
                    let about = alike.first().map(|hit| inner.audit.about(hit.person.niss));
                    inner.audit.note(&access, Deed::Create, about, None, "alike");
                    return Ok(Created::Alike(alike));
                }
            }
            let deciding = Arc::clone(&inner);
            inner.engine.change(move |draft| deciding.give_out(draft, &access, person)).await
        })
    }

    fn correct(
        &self,
        access: Access,
        niss: Niss,
        correction: Correction,
    ) -> BoxFuture<'static, Result<Identity, Trouble>> {
        if niss.kind() != Kind::Bcss {
            let what =
                "this is a number of the National Register: only the data behind a BCSS number can be corrected here";
            return ready(Err(Trouble::Refused(what.to_owned()))).boxed();
        }
        let (inner, today) = (Arc::clone(&self.0), self.0.today());
        let decide = move |draft: &mut Draft<'_>| inner.correct(draft, &access, niss, correction, today);
        self.0.engine.change(decide).boxed()
    }

    fn fill(
        &self,
        access: Access,
        persons: Box<dyn Iterator<Item = (u64, Registered)> + Send>,
    ) -> BoxFuture<'static, Result<Filled, Trouble>> {
        let inner = Arc::clone(&self.0);
        blocking(move || {
            let Ok(_one) = inner.loads.try_acquire() else { return Err(Trouble::Overloaded) };
            inner.index.ready()?;
            load::load(&inner, &access, persons)
        })
    }

    fn put(&self, access: Access, persons: Vec<Registered>) -> BoxFuture<'static, Result<(u64, u64), Trouble>> {
        let inner = Arc::clone(&self.0);
        let is_straight = persons.len() >= STRAIGHT;
        // Asked for from here on, whether or not anybody waits for the end.
        let ask = move || {
            let prepared = Prepared::new(&inner, access, persons)?;
            let deciding = Arc::clone(&inner);
            let write = move |draft: &mut Draft<'_>| prepared.write(draft, &deciding);
            Ok(if is_straight { inner.engine.bulk(write).boxed() } else { inner.engine.change(write).boxed() })
        };
        let asked = if is_straight { blocking(ask) } else { ready(ask()).boxed() };
        async move { asked.await?.await }.boxed()
    }
}

#[cfg(test)]
mod tests;
