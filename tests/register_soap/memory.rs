//! The register's ports in memory, right by the domain's own functions: for tests of a face, and for other programs against it.
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use estafette_actors::domain::birth::BirthDate;
use estafette_actors::domain::dossier::{Code, DossierType, Rights};
use estafette_actors::domain::identity::{Identity, Registered, Standing};
use estafette_actors::domain::language::{Language, Translated};
use estafette_actors::domain::mutation::{Change, Mutation, Subscription, Voucher};
use estafette_actors::domain::names;
use estafette_actors::domain::niss::{Niss, Sex};
use estafette_actors::domain::period::{self, Inscribed, Period, Removed};
use estafette_actors::domain::submission::Institution;
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::register::*;
use estafette_actors::register::Register;
use futures_util::future::BoxFuture;
use jiff::civil::{Date, date};

type Key = (Institution, Niss, Code);
type File = (Voucher, Vec<u8>, Vec<Mutation>);

/// What was noted: who, what, how it ended.
pub type Noted = (Access, Deed, &'static str);

#[derive(Default)]
struct Book {
    types: BTreeMap<Institution, Arc<Vec<Arc<DossierType>>>>,
    rows: BTreeMap<Key, Vec<Period>>,
    persons: BTreeMap<Niss, Registered>,
    files: BTreeMap<(Institution, u64), File>,
    created: BTreeSet<Niss>,
    trouble: Option<Trouble>,
    noted: Vec<Noted>,
    changed: Vec<Access>,
}

/// The ports.
#[derive(Clone, Default)]
pub struct Memory(Arc<Mutex<Book>>);

pub const TODAY: Date = date(2026, 11, 23);
/// Persons that everybody's tests know: in use, replaced by the first, cancelled, died on 1 March 2020, a BCSS number.
pub const KNOWN: &str = "85073003328";
pub const REPLACED: &str = "40000000163";
pub const CANCELLED: &str = "17073003384";
pub const DEAD: &str = "85073006197";
pub const BCSS: &str = "85473003317";
/// Right, and known to nobody.
pub const UNKNOWN: &str = "05200000179";
/// The number that is created.
pub const NEXT: &str = "85273003371";

pub fn institution(cbe: &str) -> Institution {
    Institution(cbe.parse().unwrap())
}

pub fn niss(digits: &str) -> Niss {
    Niss::parse(digits, TODAY).unwrap()
}

pub fn code(text: &str) -> Code {
    Code::parse(text).unwrap()
}

fn person(surname: &str, given: &str) -> Identity {
    Identity {
        surname: surname.into(),
        given_names: given.into(),
        birth: BirthDate::parse("1985-07-30").unwrap(),
        sex: Some(Sex::Female),
        language: Some(Language::Nl),
        deceased: None,
    }
}

impl Memory {
    /// With persons, with two types of the first institution, of which the second may be consulted by the other, and two files.
    pub fn filled() -> Self {
        let memory = Self::default();
        let mine = institution("0403019261");
        {
            let mut book = memory.0.lock().unwrap();
            let mut add = |digits: &str, standing, identity| {
                book.persons.insert(niss(digits), Registered { niss: niss(digits), standing, identity });
            };
            add(KNOWN, Standing::InUse, person("Peeters", "Anna"));
            add(REPLACED, Standing::ReplacedBy(niss(KNOWN)), person("Peeters", "Anna"));
            add(CANCELLED, Standing::Cancelled, person("Nobody", "N"));
            add(DEAD, Standing::InUse, Identity { deceased: Some(date(2020, 3, 1)), ..person("Dubois", "Zoë") });
            add(BCSS, Standing::InUse, person("D'Hoore & Fils", "Éline"));
            let named = |text: &str, valid, rights| {
                let mut names = Translated::new();
                for language in Language::ALL {
                    names.set(language, "A role".into());
                }
                Arc::new(DossierType { code: code(text), names, valid, partner: None, rights })
            };
            let other = institution("0206731645").0;
            let types = vec![
                named("OLD", Period::new(date(2000, 1, 1), Some(date(2009, 12, 31))).unwrap(), vec![]),
                named("PENSION", Period::always(), vec![]),
                named("SHARED", Period::always(), vec![(other, Rights { consult: true, mutations: false })]),
            ];
            book.types.insert(mine, Arc::new(types));
            for sequence in 1..=2 {
                let mutation = Mutation {
                    niss: niss(KNOWN),
                    on: date(2026, 11, 20 + sequence as i8),
                    recorded: Timestamp::parse("2026-11-22T09:30:00Z").unwrap(),
                    change: Change::Replaced { by: niss(BCSS) },
                };
                let head = estafette::mutations::Head {
                    institution: mine,
                    sequence,
                    from: mutation.on,
                    until: mutation.on,
                    made: Timestamp::parse("2026-11-23T00:05:00Z").unwrap(),
                };
                let file = estafette::mutations::render(&head, std::slice::from_ref(&mutation));
                let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &file);
                let voucher = Voucher {
                    institution: mine,
                    sequence,
                    from: head.from,
                    until: head.until,
                    count: 1,
                    bytes: file.len() as u64,
                    sha256: digest.as_ref().try_into().unwrap(),
                    made: head.made,
                    confirmed: None,
                };
                book.files.insert((mine, sequence), (voucher, file, vec![mutation]));
            }
        }
        memory
    }

    pub fn register(&self) -> Register {
        Register::new(Arc::new(self.clone()), Arc::new(self.clone()), Arc::new(self.clone()))
    }

    /// From now on everything ends so.
    pub fn fail(&self, trouble: Option<Trouble>) {
        self.0.lock().unwrap().trouble = trouble;
    }

    /// Who changed something.
    pub fn changed(&self) -> Vec<Access> {
        self.0.lock().unwrap().changed.clone()
    }

    /// What was noted.
    pub fn noted(&self) -> Vec<Noted> {
        self.0.lock().unwrap().noted.clone()
    }

    pub fn rows_of(&self, digits: &str, text: &str) -> Vec<Period> {
        let key = (institution("0403019261"), niss(digits), code(text));
        self.0.lock().unwrap().rows.get(&key).cloned().unwrap_or_default()
    }

    /// Makes a file so large, as its voucher says.
    pub fn grow(&self, sequence: u64, bytes: u64) {
        let mut book = self.0.lock().unwrap();
        book.files.get_mut(&(institution("0403019261"), sequence)).unwrap().0.bytes = bytes;
    }

    fn with<T: Send + 'static>(
        &self,
        access: Option<Access>,
        act: impl FnOnce(&mut Book) -> Result<T, Trouble>,
    ) -> BoxFuture<'static, Result<T, Trouble>> {
        let mut book = self.0.lock().unwrap();
        // Programs elsewhere have no other way to meet a disk that fails.
        let asked = access.as_ref().filter(|access| &*access.legal_context == "TROUBLE");
        let trouble = asked.map(|_| Trouble::ReadOnly("asked for".to_owned()));
        let done = match trouble.or(book.trouble.clone()) {
            Some(trouble) => Err(trouble),
            None => act(&mut book),
        };
        if done.is_ok() {
            book.changed.extend(access);
        }
        Box::pin(std::future::ready(done))
    }
}

impl Dossiers for Memory {
    fn types(&self, owner: Institution) -> Arc<Vec<Arc<DossierType>>> {
        self.0.lock().unwrap().types.get(&owner).cloned().unwrap_or_default()
    }

    fn define(&self, access: Access, definition: DossierType) -> BoxFuture<'static, Result<(), Trouble>> {
        self.with(Some(access.clone()), |book| {
            let types = Arc::make_mut(book.types.entry(access.institution).or_default());
            types.retain(|one| one.code != definition.code);
            types.push(Arc::new(definition));
            types.sort_by(|one, other| one.code.cmp(&other.code));
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
        let owner = access.institution;
        self.with(Some(access), |book| Ok(period::inscribe(book.rows.entry((owner, niss, code)).or_default(), period)))
    }

    fn import(&self, access: Access, lines: Vec<Import>) -> BoxFuture<'static, Result<Vec<Inscribed>, Trouble>> {
        let owner = access.institution;
        self.with(Some(access), |book| {
            let one = |line: Import| {
                period::inscribe(book.rows.entry((owner, line.niss, line.code)).or_default(), line.period)
            };
            Ok(lines.into_iter().map(one).collect())
        })
    }

    fn remove(
        &self,
        access: Access,
        niss: Niss,
        code: Code,
        period: Period,
    ) -> BoxFuture<'static, Result<Removed, Trouble>> {
        let owner = access.institution;
        self.with(Some(access), |book| Ok(period::remove(book.rows.entry((owner, niss, code)).or_default(), period)))
    }

    fn rows(&self, owner: Institution, question: Question) -> BoxFuture<'static, Result<Rows, Trouble>> {
        self.with(None, |book| {
            let wanted = |key: &Key| {
                key.0 == owner
                    && question.niss.is_none_or(|niss| niss == key.1)
                    && question.code.as_ref().is_none_or(|code| *code == key.2)
            };
            let after = question.after.as_ref().map(|place| (place.niss, place.code.clone(), place.begin));
            let mut rows: Vec<DossierRow> = book
                .rows
                .iter()
                .filter(|(key, _)| wanted(key))
                .flat_map(|((owner, niss, code), periods)| {
                    let row = |period: &Period| DossierRow {
                        owner: *owner,
                        niss: *niss,
                        code: code.clone(),
                        period: *period,
                    };
                    periods.iter().map(row).collect::<Vec<_>>()
                })
                .filter(|row| question.period.is_none_or(|period| period.overlaps(row.period)))
                .filter(|row| {
                    after.as_ref().is_none_or(|after| (row.niss, row.code.clone(), row.period.begin()) > *after)
                })
                .collect();
            let more = rows.len() > question.limit;
            rows.truncate(question.limit);
            let last = rows.last().filter(|_| more);
            let next = last.map(|row| Place { niss: row.niss, code: row.code.clone(), begin: row.period.begin() });
            Ok(Rows { rows, next })
        })
    }

    fn holds(&self, owner: Institution, niss: Niss, types: &[Code], day: Date) -> Result<bool, Trouble> {
        let book = self.0.lock().unwrap();
        Ok(book.rows.iter().any(|((of, who, code), rows)| {
            (*of, *who) == (owner, niss)
                && (types.is_empty() || types.contains(code))
                && rows.iter().any(|row| row.contains(day))
        }))
    }

    fn counts(&self, owner: Institution) -> Vec<(Code, u64)> {
        let mut counts = BTreeMap::new();
        for ((of, _, code), rows) in &self.0.lock().unwrap().rows {
            if *of == owner {
                *counts.entry(code.clone()).or_default() += rows.len() as u64;
            }
        }
        counts.into_iter().collect()
    }

    fn note(&self, access: Access, deed: Deed, _: Option<Niss>, _: Option<Code>, outcome: &'static str) {
        self.0.lock().unwrap().noted.push((access, deed, outcome));
    }

    fn audit(
        &self,
        _: Option<Institution>,
        _: Option<Niss>,
        _: u64,
        _: usize,
    ) -> BoxFuture<'static, Result<Vec<AuditLine>, Trouble>> {
        self.with(None, |_| Ok(vec![]))
    }
}

impl Persons for Memory {
    fn find(&self, niss: Niss) -> BoxFuture<'static, Result<Option<Registered>, Trouble>> {
        self.with(None, |book| Ok(book.persons.get(&niss).cloned()))
    }

    fn search(&self, search: Search) -> BoxFuture<'static, Result<Found, Trouble>> {
        self.with(None, |book| Ok(Found { hits: alike(book, &search.claim, search.limit), is_incomplete: false }))
    }

    fn create(&self, access: Access, new: NewPerson) -> BoxFuture<'static, Result<Created, Trouble>> {
        self.with(Some(access), |book| {
            let claim = estafette_actors::domain::identity::Claim {
                surname: Some(new.identity.surname.clone()),
                given_names: Some(new.identity.given_names.clone()),
                ..Default::default()
            };
            let hits = alike(book, &claim, 10);
            if !hits.is_empty() && !new.although_alike {
                return Ok(Created::Alike(hits));
            }
            let number = niss(NEXT);
            if !book.created.insert(number) {
                return Err(Trouble::Refused("no number is left of this day".to_owned()));
            }
            book.persons.insert(number, Registered { niss: number, standing: Standing::InUse, identity: new.identity });
            Ok(Created::Number(number))
        })
    }

    fn correct(
        &self,
        access: Access,
        niss: Niss,
        correction: Correction,
    ) -> BoxFuture<'static, Result<Identity, Trouble>> {
        self.with(Some(access), |book| {
            let person = &mut book.persons.get_mut(&niss).ok_or(Trouble::NotFound)?.identity;
            person.surname = correction.surname.unwrap_or(person.surname.clone());
            person.given_names = correction.given_names.unwrap_or(person.given_names.clone());
            person.birth = correction.birth.unwrap_or(person.birth);
            person.sex = correction.sex.or(person.sex);
            person.deceased = correction.deceased.or(person.deceased);
            Ok(person.clone())
        })
    }

    fn put(&self, access: Access, persons: Vec<Registered>) -> BoxFuture<'static, Result<(u64, u64), Trouble>> {
        self.with(Some(access), |book| {
            let count = persons.len() as u64;
            book.persons.extend(persons.into_iter().map(|person| (person.niss, person)));
            Ok((count, 0))
        })
    }
}

fn alike(book: &Book, claim: &estafette_actors::domain::identity::Claim, limit: usize) -> Vec<Hit> {
    let fits = |person: &&Registered| names::compare(claim, &person.identity).is_empty();
    book.persons.values().filter(fits).take(limit).map(|person| Hit { person: person.clone(), score: 100 }).collect()
}

impl Mutations for Memory {
    fn tell(&self, _: Access, told: Vec<(Niss, Date, Change)>) -> BoxFuture<'static, Result<Vec<u32>, Trouble>> {
        self.with(None, |_| Ok(vec![0; told.len()]))
    }

    fn subscriptions(&self, _: Institution) -> Vec<Subscription> {
        vec![]
    }

    fn subscribe(&self, _: Access, _: Subscription) -> BoxFuture<'static, Result<(), Trouble>> {
        self.with(None, |_| Ok(()))
    }

    fn unsubscribe(&self, _: Access, _: Code) -> BoxFuture<'static, Result<(), Trouble>> {
        self.with(None, |_| Ok(()))
    }

    fn produce(&self, _: Date) -> BoxFuture<'static, Result<u64, Trouble>> {
        self.with(None, |_| Ok(0))
    }

    fn vouchers(
        &self,
        owner: Institution,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<Voucher>, Trouble>> {
        self.with(None, |book| {
            let of = book.files.range((owner, after + 1)..=(owner, u64::MAX));
            Ok(of.take(limit).map(|(_, (voucher, _, _))| voucher.clone()).collect())
        })
    }

    fn file(&self, owner: Institution, sequence: u64) -> BoxFuture<'static, Result<(Voucher, Vec<u8>), Trouble>> {
        self.with(None, |book| {
            let (voucher, file, _) = book.files.get(&(owner, sequence)).ok_or(Trouble::NotFound)?;
            Ok((voucher.clone(), file.clone()))
        })
    }

    fn mutations(&self, owner: Institution, sequence: u64) -> BoxFuture<'static, Result<Vec<Mutation>, Trouble>> {
        self.with(None, |book| Ok(book.files.get(&(owner, sequence)).ok_or(Trouble::NotFound)?.2.clone()))
    }

    fn confirm(&self, access: Access, sequence: u64) -> BoxFuture<'static, Result<Voucher, Trouble>> {
        let owner = access.institution;
        self.with(Some(access), |book| {
            let of = book.files.range((owner, 0)..=(owner, u64::MAX));
            let next = of.map(|(_, (voucher, _, _))| voucher).find(|voucher| voucher.confirmed.is_none());
            if next.is_some_and(|next| next.sequence < sequence) {
                return Err(Trouble::Conflict("an earlier file is not confirmed yet: confirm files in order"));
            }
            let (voucher, _, _) = book.files.get_mut(&(owner, sequence)).ok_or(Trouble::NotFound)?;
            voucher.confirmed.get_or_insert(Timestamp::parse("2026-11-23T09:00:00Z").unwrap());
            Ok(voucher.clone())
        })
    }
}
