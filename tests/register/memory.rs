//! A register in memory: the three ports by the domain's own functions, for tests of the faces. It keeps nothing, reads pages in
//! small steps, and can be told to be in trouble.
use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard};

use estafette_actors::domain::dossier::{Code, DossierType};
use estafette_actors::domain::identity::{Identity, Registered, Standing};
use estafette_actors::domain::mutation::{Change, Mutation, Subscription, Voucher};
use estafette_actors::domain::names;
use estafette_actors::domain::niss::Niss;
use estafette_actors::domain::period::{self, Inscribed, Period, Removed};
use estafette_actors::domain::submission::Institution;
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::register::{
    Access, AuditLine, Correction, Created, Deed, DossierRow, Dossiers, Found, Hit, Import, Mutations, NewPerson,
    Persons, Place, Question, Rows, Search, Trouble,
};
use estafette_actors::register::Register;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use jiff::civil::Date;

/// Keys of rows that a page reads at most.
const STEP: usize = 7;
/// Rows of one person at most.
pub const ROWS: usize = 4;

type Key = (Institution, Niss, Code);
type File = (Voucher, Vec<u8>, Vec<Mutation>);

#[derive(Default)]
struct State {
    types: HashMap<Institution, Arc<Vec<Arc<DossierType>>>>,
    rows: BTreeMap<Key, Vec<Period>>,
    audit: Vec<AuditLine>,
    persons: BTreeMap<Niss, Registered>,
    subscriptions: HashMap<Institution, Vec<Subscription>>,
    waiting: BTreeMap<(Institution, Date), Vec<Mutation>>,
    files: HashMap<Institution, Vec<File>>,
    /// After so many calls that go well.
    trouble: Option<(usize, Trouble)>,
}

/// The ports.
#[derive(Clone, Default)]
pub struct Memory(Arc<Mutex<State>>);

impl Memory {
    /// The handle over it.
    pub fn register(&self) -> Register {
        Register::new(Arc::new(self.clone()), Arc::new(self.clone()), Arc::new(self.clone()))
    }

    /// From now on everything ends so.
    pub fn be_in(&self, trouble: Option<Trouble>) {
        self.state().trouble = trouble.map(|trouble| (0, trouble));
    }

    /// After some calls everything ends so.
    pub fn be_in_after(&self, calls: usize, trouble: Trouble) {
        self.state().trouble = Some((calls, trouble));
    }

    /// What was written down, as who did what with what outcome.
    pub fn deeds(&self) -> Vec<(Deed, String)> {
        self.state().audit.iter().map(|line| (line.deed, line.outcome.to_string())).collect()
    }

    /// The last line of the audit trail.
    pub fn last(&self) -> AuditLine {
        self.state().audit.last().unwrap().clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    fn doing<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut State) -> Result<T, Trouble>,
    ) -> BoxFuture<'static, Result<T, Trouble>> {
        let mut state = self.state();
        let done = match &mut state.trouble {
            Some((0, trouble)) => Err(trouble.clone()),
            left => {
                if let Some((calls, _)) = left {
                    *calls -= 1;
                }
                work(&mut state)
            }
        };
        async { done }.boxed()
    }
}

impl State {
    fn note(&mut self, access: Access, deed: Deed, about: Option<Niss>, code: Option<Code>, outcome: &str) {
        let about = about.map(|niss| {
            let mut hasher = DefaultHasher::new();
            (niss, "key").hash(&mut hasher);
            hasher.finish()
        });
        let position = self.audit.len() as u64 + 1;
        let at = Timestamp::ZERO;
        self.audit.push(AuditLine { position, at, access, deed, about, code, outcome: outcome.into() });
    }

    fn inscribe(&mut self, access: Access, one: Import, deed: Deed) -> Result<Inscribed, Trouble> {
        let of_person = |key: &Key| (key.0, key.1) == (access.institution, one.niss);
        let held: usize = self.rows.iter().filter(|(key, _)| of_person(key)).map(|(_, rows)| rows.len()).sum();
        let rows = self.rows.entry((access.institution, one.niss, one.code.clone())).or_default();
        let mut after = rows.clone();
        let outcome = period::inscribe(&mut after, one.period);
        if held - rows.len() + after.len() > ROWS {
            return Err(Trouble::TooManyRows(ROWS));
        }
        *rows = after;
        let word = if matches!(outcome, Inscribed::Covered(_)) { "covered" } else { "done" };
        self.note(access, deed, Some(one.niss), Some(one.code), word);
        Ok(outcome)
    }

    fn mutate(&mut self, niss: Niss, on: Date, change: Change) -> u32 {
        let mut told = vec![];
        for ((owner, known, code), rows) in &self.rows {
            let kind = match &change {
                Change::Event { kind, .. } => Some(kind),
                _ => None,
            };
            let wanted = kind.is_none_or(|kind| {
                let subscriptions = self.subscriptions.get(owner).into_iter().flatten();
                let mut fitting = subscriptions.filter(|one| one.kind == *kind);
                fitting.any(|one| one.types.is_empty() || one.types.contains(code))
            });
            let holds = *known == niss && rows.iter().any(|row| row.contains(on));
            if holds && wanted && !told.contains(owner) {
                told.push(*owner);
            }
        }
        for owner in &told {
            let mutation = Mutation { niss, on, recorded: Timestamp::ZERO, change: change.clone() };
            self.waiting.entry((*owner, on)).or_default().push(mutation);
        }
        told.len() as u32
    }
}

impl Dossiers for Memory {
    fn types(&self, owner: Institution) -> Arc<Vec<Arc<DossierType>>> {
        self.state().types.get(&owner).cloned().unwrap_or_default()
    }

    fn define(&self, access: Access, definition: DossierType) -> BoxFuture<'static, Result<(), Trouble>> {
        self.doing(|state| {
            let types = Arc::make_mut(state.types.entry(access.institution).or_default());
            types.retain(|one| one.code != definition.code);
            let code = definition.code.clone();
            types.push(Arc::new(definition));
            types.sort_by(|one, other| one.code.cmp(&other.code));
            state.note(access, Deed::Define, None, Some(code), "done");
            Ok(())
        })
    }

    fn inscribe(
        &self,
        access: Access,
        niss: Niss,
        code: Code,
        period: Period,
    ) -> BoxFuture<'static, Result<Inscribed, Trouble>> {
        self.doing(|state| state.inscribe(access, Import { niss, code, period }, Deed::Inscribe))
    }

    fn import(&self, access: Access, lines: Vec<Import>) -> BoxFuture<'static, Result<Vec<Inscribed>, Trouble>> {
        self.doing(|state| {
            let before = (state.rows.clone(), state.audit.len());
            let done = lines.into_iter().map(|line| state.inscribe(access.clone(), line, Deed::Import)).collect();
            if let Err(trouble) = done {
                state.rows = before.0;
                state.audit.truncate(before.1);
                return Err(trouble);
            }
            done
        })
    }

    fn remove(
        &self,
        access: Access,
        niss: Niss,
        code: Code,
        period: Period,
    ) -> BoxFuture<'static, Result<Removed, Trouble>> {
        self.doing(|state| {
            let rows = state.rows.entry((access.institution, niss, code.clone())).or_default();
            let removed = period::remove(rows, period);
            state.note(access, Deed::Remove, Some(niss), Some(code), "done");
            Ok(removed)
        })
    }

    fn rows(&self, owner: Institution, question: Question) -> BoxFuture<'static, Result<Rows, Trouble>> {
        self.doing(|state| {
            let mut found = Rows::default();
            let after = |niss: Niss, code: &Code, begin: Date| {
                question.after.as_ref().is_none_or(|after| (niss, code, begin) > (after.niss, &after.code, after.begin))
            };
            let mut read = 0;
            for ((_, niss, code), rows) in state.rows.iter().filter(|((whose, ..), _)| *whose == owner) {
                if question.niss.is_some_and(|asked| asked != *niss)
                    || question.code.as_ref().is_some_and(|asked| asked != code)
                {
                    continue;
                }
                for period in rows.iter().filter(|row| after(*niss, code, row.begin())) {
                    let place = Place { niss: *niss, code: code.clone(), begin: period.begin() };
                    if question.period.is_none_or(|asked| asked.overlaps(*period)) {
                        found.rows.push(DossierRow { owner, niss: *niss, code: code.clone(), period: *period });
                    }
                    read += 1;
                    if found.rows.len() == question.limit || read == STEP {
                        found.next = Some(place);
                        return Ok(found);
                    }
                }
            }
            Ok(found)
        })
    }

    fn holds(&self, owner: Institution, niss: Niss, types: &[Code], day: Date) -> Result<bool, Trouble> {
        let held = |((whose, known, code), rows): (&Key, &Vec<Period>)| {
            (*whose, *known) == (owner, niss)
                && (types.is_empty() || types.contains(code))
                && rows.iter().any(|row| row.contains(day))
        };
        Ok(self.state().rows.iter().any(held))
    }

    fn counts(&self, owner: Institution) -> Vec<(Code, u64)> {
        let mut counts = BTreeMap::<Code, u64>::new();
        for ((whose, _, code), rows) in &self.state().rows {
            if *whose == owner && !rows.is_empty() {
                *counts.entry(code.clone()).or_default() += rows.len() as u64;
            }
        }
        counts.into_iter().collect()
    }

    fn figures(&self) -> Vec<(&'static str, u64)> {
        vec![("overlay_bytes", 4096)]
    }

    fn note(&self, access: Access, deed: Deed, about: Option<Niss>, code: Option<Code>, outcome: &'static str) {
        self.state().note(access, deed, about, code, outcome);
    }

    fn audit(
        &self,
        owner: Option<Institution>,
        about: Option<Niss>,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<AuditLine>, Trouble>> {
        self.doing(|state| {
            let hash = about.map(|niss| {
                let mut hasher = DefaultHasher::new();
                (niss, "key").hash(&mut hasher);
                hasher.finish()
            });
            let fits = |line: &&AuditLine| {
                line.position > after
                    && owner.is_none_or(|owner| owner == line.access.institution)
                    && (hash.is_none() || line.about == hash)
            };
            Ok(state.audit.iter().filter(fits).take(limit).cloned().collect())
        })
    }
}

/// A number of the BCSS for a birth date.
fn number(identity: &Identity, sequence: u32) -> Niss {
    let birth = identity.birth.to_u32();
    let (year, month, day) = (birth / 10_000, birth / 100 % 100, birth % 100);
    let month = month + if identity.sex.is_some() { 40 } else { 20 };
    let check = |check: u32| {
        let text = format!("{:02}{month:02}{day:02}{sequence:03}{check:02}", year % 100);
        Niss::parse(&text, jiff::civil::date(2999, 1, 1)).ok()
    };
    let fits = |niss: &Niss| niss.birth_date().is_none_or(|date| u32::try_from(date.year()) == Ok(year));
    (1..=97).filter_map(check).find(fits).unwrap()
}

impl Persons for Memory {
    fn find(&self, niss: Niss) -> BoxFuture<'static, Result<Option<Registered>, Trouble>> {
        self.doing(|state| Ok(state.persons.get(&niss).cloned()))
    }

    fn search(&self, search: Search) -> BoxFuture<'static, Result<Found, Trouble>> {
        self.doing(|state| {
            let fits = |person: &&Registered| names::compare(&search.claim, &person.identity).is_empty();
            let found = state.persons.values().filter(fits).take(search.limit);
            let hits = found.map(|person| Hit { person: person.clone(), score: 100 }).collect();
            Ok(Found { hits, is_incomplete: false })
        })
    }

    fn create(&self, access: Access, person: NewPerson) -> BoxFuture<'static, Result<Created, Trouble>> {
        self.doing(|state| {
            let same = |known: &&Registered| {
                known.identity.surname == person.identity.surname && known.identity.birth == person.identity.birth
            };
            let alike: Vec<Hit> =
                state.persons.values().filter(same).map(|known| Hit { person: known.clone(), score: 90 }).collect();
            if !alike.is_empty() && !person.although_alike {
                return Ok(Created::Alike(alike));
            }
            let taken = |niss: &Niss| state.persons.contains_key(niss);
            let niss = (1..999).map(|sequence| number(&person.identity, sequence)).find(|niss| !taken(niss)).unwrap();
            state.persons.insert(niss, Registered { niss, standing: Standing::InUse, identity: person.identity });
            state.note(access, Deed::Create, Some(niss), None, "done");
            Ok(Created::Number(niss))
        })
    }

    fn correct(
        &self,
        access: Access,
        niss: Niss,
        correction: Correction,
    ) -> BoxFuture<'static, Result<Identity, Trouble>> {
        self.doing(|state| {
            let person = state.persons.get_mut(&niss).ok_or(Trouble::NotFound)?;
            let identity = &mut person.identity;
            identity.surname = correction.surname.unwrap_or_else(|| identity.surname.clone());
            identity.given_names = correction.given_names.unwrap_or_else(|| identity.given_names.clone());
            identity.birth = correction.birth.unwrap_or(identity.birth);
            identity.sex = correction.sex.or(identity.sex);
            identity.deceased = correction.deceased.or(identity.deceased);
            let identity = identity.clone();
            state.note(access, Deed::Correct, Some(niss), None, "done");
            Ok(identity)
        })
    }

    fn put(&self, _: Access, persons: Vec<Registered>) -> BoxFuture<'static, Result<(u64, u64), Trouble>> {
        self.doing(|state| {
            let (mut new, mut changed) = (0, 0);
            if persons.iter().any(|person| &*person.identity.surname == "Refused") {
                return Err(Trouble::Refused("not this one".to_owned()));
            }
            for person in persons {
                match state.persons.insert(person.niss, person.clone()) {
                    None => new += 1,
                    Some(before) if before != person => changed += 1,
                    Some(_) => {}
                }
            }
            Ok((new, changed))
        })
    }
}

impl Mutations for Memory {
    fn tell(&self, _: Access, mutations: Vec<(Niss, Date, Change)>) -> BoxFuture<'static, Result<Vec<u32>, Trouble>> {
        self.doing(|state| Ok(mutations.into_iter().map(|(niss, on, change)| state.mutate(niss, on, change)).collect()))
    }

    fn subscriptions(&self, owner: Institution) -> Vec<Subscription> {
        self.state().subscriptions.get(&owner).cloned().unwrap_or_default()
    }

    fn subscribe(&self, access: Access, subscription: Subscription) -> BoxFuture<'static, Result<(), Trouble>> {
        self.doing(|state| {
            let all = state.subscriptions.entry(access.institution).or_default();
            all.retain(|one| one.kind != subscription.kind);
            all.push(subscription);
            state.note(access, Deed::Subscribe, None, None, "done");
            Ok(())
        })
    }

    fn unsubscribe(&self, access: Access, kind: Code) -> BoxFuture<'static, Result<(), Trouble>> {
        self.doing(|state| {
            let all = state.subscriptions.entry(access.institution).or_default();
            let before = all.len();
            all.retain(|one| one.kind != kind);
            if all.len() == before { Err(Trouble::NotFound) } else { Ok(()) }
        })
    }

    fn produce(&self, today: Date) -> BoxFuture<'static, Result<u64, Trouble>> {
        self.doing(|state| {
            let mut made = 0;
            let due: Vec<_> = state.waiting.keys().filter(|(_, day)| *day < today).copied().collect();
            for (institution, day) in due {
                let mutations = state.waiting.remove(&(institution, day)).unwrap_or_default();
                let file = format!("<mutations count=\"{}\"/>", mutations.len()).into_bytes();
                let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &file);
                let files = state.files.entry(institution).or_default();
                let voucher = Voucher {
                    institution,
                    sequence: files.len() as u64 + 1,
                    from: day,
                    until: day,
                    count: mutations.len() as u32,
                    bytes: file.len() as u64,
                    sha256: digest.as_ref().try_into().unwrap(),
                    made: Timestamp::ZERO,
                    confirmed: None,
                };
                files.push((voucher, file, mutations));
                made += 1;
            }
            Ok(made)
        })
    }

    fn vouchers(
        &self,
        owner: Institution,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<Voucher>, Trouble>> {
        self.doing(|state| {
            let files = state.files.get(&owner).into_iter().flatten();
            let vouchers = files.map(|(voucher, ..)| voucher.clone()).filter(|voucher| voucher.sequence > after);
            Ok(vouchers.take(limit).collect())
        })
    }

    fn file(&self, owner: Institution, sequence: u64) -> BoxFuture<'static, Result<(Voucher, Vec<u8>), Trouble>> {
        self.doing(|state| {
            let mut files = state.files.get(&owner).into_iter().flatten();
            let found = files.find(|(voucher, ..)| voucher.sequence == sequence).ok_or(Trouble::NotFound)?;
            Ok((found.0.clone(), found.1.clone()))
        })
    }

    fn mutations(&self, owner: Institution, sequence: u64) -> BoxFuture<'static, Result<Vec<Mutation>, Trouble>> {
        self.doing(|state| {
            let mut files = state.files.get(&owner).into_iter().flatten();
            let found = files.find(|(voucher, ..)| voucher.sequence == sequence).ok_or(Trouble::NotFound)?;
            Ok(found.2.clone())
        })
    }

    fn confirm(&self, access: Access, sequence: u64) -> BoxFuture<'static, Result<Voucher, Trouble>> {
        self.doing(|state| {
            let files = state.files.get_mut(&access.institution).ok_or(Trouble::NotFound)?;
            let next = files.iter_mut().map(|(voucher, ..)| voucher).find(|voucher| voucher.confirmed.is_none());
            let voucher = match next {
                Some(voucher) if voucher.sequence == sequence => voucher,
                _ => return Err(Trouble::Conflict("another file is to be confirmed first")),
            };
            voucher.confirmed = Some(Timestamp::ZERO);
            let voucher = voucher.clone();
            state.note(access, Deed::Confirm, None, None, "done");
            Ok(voucher)
        })
    }
}
