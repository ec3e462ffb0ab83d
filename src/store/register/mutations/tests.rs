//! Mutations against a plain list: who gets what, and in which file.
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::digest;
use estafette_actors::domain::birth::BirthDate;
use estafette_actors::domain::cbe::Cbe;
use estafette_actors::domain::day;
use estafette_actors::domain::dossier::{DossierType, Rights};
use estafette_actors::domain::identity::{Identity, Registered, Standing};
use estafette_actors::domain::language::{Language, Translated};
use estafette_actors::domain::period::Period;
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::register::{Deed, Dossiers as _, Face, Mutations as _, Persons as _};
use jiff::ToSpan;
use proptest::prelude::*;

use super::super::persons::{Hearers, Persons};
use super::super::tests::{Hand, code, niss, wait};
use super::*;

mod calendar;
mod model;

/// A day and its mutations fill more than one file.
const IN_A_FILE: usize = 3;
const KEPT_DAYS: u64 = 5;
const DAY_MS: u64 = 86_400_000;

pub fn institution(n: usize) -> Institution {
    Institution(Cbe::from_trusted_u32(403_019_261 + n as u32))
}

pub fn access(n: usize) -> Access {
    let (key, legal_context) = ("k1".into(), "art. 5".into());
    Access { institution: institution(n), key, legal_context, ticket: None, face: Face::Rest }
}

/// A file in which each byte says something of its head or its mutations.
pub fn render(head: &Head, mutations: &[Mutation]) -> Vec<u8> {
    let mut bytes = format!("{head:?}\n").into_bytes();
    for mutation in mutations {
        bytes.extend(serde_json::to_vec(mutation).unwrap());
        bytes.push(b'\n');
    }
    bytes
}

pub fn midnight(n: u64) -> u64 {
    day::begins(day_of(n)).millis()
}

/// Days that begin on the day before summer time does.
pub fn day_of(n: u64) -> Date {
    Date::constant(2026, 3, 28).checked_add((n as i64).days()).unwrap()
}

pub struct World {
    pub clock: Arc<Hand>,
    pub dossiers: Dossiers,
    pub mutations: Mutations,
}

impl World {
    pub fn at(dir: &Path, clock: &Arc<Hand>) -> Self {
        let mut settings = super::super::Settings::new(dir);
        settings.mutations.file_mutations = IN_A_FILE;
        settings.mutations.kept = Duration::from_millis(KEPT_DAYS * DAY_MS);
        let dossiers = Dossiers::open(settings, [7; 32], Arc::clone(clock) as _).unwrap();
        let mutations = Mutations::open(&dossiers, Arc::clone(clock) as _, render).unwrap();
        Self { clock: Arc::clone(clock), dossiers, mutations }
    }

    pub fn new() -> (tempfile::TempDir, Self) {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(Hand(AtomicU64::new(midnight(0))));
        let world = Self::at(folder.path(), &clock);
        (folder, world)
    }

    pub fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.clock.0.load(Ordering::Relaxed))
    }

    pub fn set(&self, millis: u64) {
        self.clock.0.store(millis, Ordering::Relaxed);
    }

    /// Defines a type; these others get its mutations.
    pub fn define(&self, owner: usize, text: &str, open_to: &[usize]) {
        let mut names = Translated::new();
        for language in Language::ALL {
            names.set(language, "Name".into());
        }
        let may = Rights { consult: false, mutations: true };
        let mut rights: Vec<_> = open_to.iter().map(|n| (institution(*n).0, may)).collect();
        rights.push((institution(9).0, Rights { consult: true, mutations: false }));
        let definition = DossierType { code: code(text), names, valid: Period::always(), partner: None, rights };
        wait(|| self.dossiers.define(access(owner), definition)).unwrap();
    }

    pub fn inscribe(&self, owner: usize, n: u64, text: &str, period: Period) {
        wait(|| self.dossiers.inscribe(access(owner), niss(n), code(text), period)).unwrap();
    }

    pub fn subscribe(&self, owner: usize, kind: &str, types: &[&str]) -> Result<(), Trouble> {
        let types = types.iter().map(|text| code(text)).collect();
        wait(|| self.mutations.subscribe(access(owner), Subscription { kind: code(kind), types }))
    }

    pub fn tell(&self, told: Vec<(Niss, Date, Change)>) -> Vec<u32> {
        wait(|| self.mutations.tell(access(8), told)).unwrap()
    }

    pub fn produce(&self, today: Date) -> u64 {
        wait(|| self.mutations.produce(today)).unwrap()
    }

    pub fn vouchers(&self, owner: usize) -> Vec<Voucher> {
        wait(|| self.mutations.vouchers(institution(owner), 0, 1_000)).unwrap()
    }

    /// The mutations of a file, which is as its voucher says.
    pub fn file(&self, owner: usize, sequence: u64) -> Result<Vec<Mutation>, Trouble> {
        let (voucher, bytes) = wait(|| self.mutations.file(institution(owner), sequence))?;
        let mutations = wait(|| self.mutations.mutations(institution(owner), sequence))?;
        assert_eq!((voucher.institution, voucher.sequence), (institution(owner), sequence));
        assert_eq!(voucher.bytes, bytes.len() as u64);
        assert_eq!(voucher.sha256, digest::digest(&digest::SHA256, &bytes).as_ref());
        assert_eq!(voucher.count as usize, mutations.len());
        assert_eq!(Some(voucher.from), mutations.iter().map(|one| one.on).min());
        assert_eq!(Some(voucher.until), mutations.iter().map(|one| one.on).max());
        let Voucher { institution, sequence, from, until, made, .. } = voucher;
        assert_eq!(bytes, render(&Head { institution, sequence, from, until, made }, &mutations));
        Ok(mutations)
    }
}

pub fn event(kind: &str, id: u64) -> Change {
    Change::Event { kind: code(kind), says: [("id".into(), id.to_string().into())].into() }
}

#[test]
fn each_mutation_goes_to_those_who_have_the_person_and_to_nobody_else() {
    let (_folder, world) = World::new();
    world.define(0, "A", &[3]);
    world.define(0, "B", &[]);
    world.define(1, "A", &[]);
    world.define(2, "A", &[0]);
    let winter = Period::new(day_of(0), Some(day_of(9))).unwrap();
    for (owner, n, text) in [(0, 1, "A"), (0, 2, "B"), (1, 1, "A"), (2, 3, "A"), (1, 4, "A")] {
        world.inscribe(owner, n, text, winter);
    }
    world.subscribe(0, "DIMONA", &["B"]).unwrap();
    world.subscribe(1, "DIMONA", &[]).unwrap();
    world.subscribe(3, "DIMONA", &[]).unwrap();
    let (inside, outside) = (day_of(9), day_of(10));
    let changed = |n, change: Change| (niss(n), outside, change);
    let by = niss(99);
    let cases: Vec<(_, &[usize])> = vec![
        // A change of the person concerns every row, whatever its days, and those whom the type is open to.
        (changed(1, Change::Replaced { by }), &[0, 1, 3]),
        (changed(1, Change::Cancelled), &[0, 1, 3]),
        (changed(2, Change::Cancelled), &[0]),
        (changed(3, Change::Cancelled), &[0, 2]),
        (changed(5, Change::Cancelled), &[]),
        // Its rows are still where they went.
        (changed(5, Change::Restored { from: niss(2) }), &[0]),
        // Whoever has only the new number learns nothing of the old one.
        (changed(5, Change::Replaced { by: niss(2) }), &[]),
        // An event: subscribed, in a type that was named, and on that day. Whom the type is open to must subscribe too.
        ((niss(1), inside, event("DIMONA", 1)), &[1, 3]),
        ((niss(2), inside, event("DIMONA", 2)), &[0]),
        ((niss(2), outside, event("DIMONA", 3)), &[]),
        ((niss(3), inside, event("DIMONA", 4)), &[]),
        ((niss(1), inside, event("DMFA", 5)), &[]),
    ];
    let counts = world.tell(cases.iter().map(|(told, _)| told.clone()).collect());
    assert_eq!(counts, cases.iter().map(|(_, to)| to.len() as u32).collect::<Vec<_>>());
    world.set(midnight(1));
    world.produce(day_of(1));
    for owner in 0..5 {
        let got: Vec<Mutation> =
            world.vouchers(owner).iter().flat_map(|voucher| world.file(owner, voucher.sequence).unwrap()).collect();
        let expected: Vec<_> = cases.iter().filter(|(_, to)| to.contains(&owner)).map(|(told, _)| told).collect();
        assert_eq!(got.len(), expected.len(), "{owner}");
        for (got, (niss, on, change)) in got.iter().zip(expected) {
            assert!((got.niss, got.on) == (*niss, *on) && got.change == *change, "{owner}");
        }
    }
    let trail = wait(|| world.dossiers.audit(Some(institution(8)), None, 0, 100)).unwrap();
    assert_eq!(trail.len(), cases.len());
    for (line, (told, to)) in trail.iter().zip(&cases) {
        let kind = if let Change::Event { kind, .. } = &told.2 { Some(*kind) } else { None };
        let outcome = if to.is_empty() { "nobody" } else { "done" };
        assert_eq!((line.deed, line.code, &*line.outcome), (Deed::Tell, kind, outcome));
    }
}

#[test]
fn a_replacement_is_told_to_those_who_had_the_number_and_their_rows_move_with_it() {
    let (folder, world) = World::new();
    world.define(0, "A", &[3]);
    world.define(1, "A", &[]);
    world.inscribe(0, 1, "A", Period::always());
    world.inscribe(1, 2, "A", Period::always());
    let hearers = Hearers { teller: Some(world.mutations.teller()), follower: None };
    let persons = Persons::open(&world.dossiers, Arc::clone(&world.clock) as _, folder.path(), hearers).unwrap();
    let birth = BirthDate::parse("1985-07-30").unwrap();
    let (surname, given_names) = ("Maes".into(), "Anna".into());
    let identity = Identity { surname, given_names, birth, sex: None, language: None, deceased: None };
    let person = |n, standing| Registered { niss: niss(n), standing, identity: identity.clone() };
    wait(|| persons.put(access(8), vec![person(1, Standing::InUse), person(2, Standing::InUse)])).unwrap();
    wait(|| persons.put(access(8), vec![person(1, Standing::ReplacedBy(niss(2)))])).unwrap();
    assert!(!world.dossiers.holds(institution(0), niss(1), &[], day_of(0)).unwrap());
    assert!(world.dossiers.holds(institution(0), niss(2), &[], day_of(0)).unwrap());
    world.set(midnight(1));
    assert_eq!(world.produce(day_of(1)), 2);
    for owner in [0, 3] {
        let got = world.file(owner, 1).unwrap();
        assert!(got.len() == 1 && got[0].change == Change::Replaced { by: niss(2) });
    }
}

#[test]
fn a_subscription_names_only_own_types_and_is_there_after_a_restart() {
    let (folder, world) = World::new();
    world.define(0, "A", &[]);
    world.define(1, "B", &[]);
    assert_eq!(world.subscribe(0, "DIMONA", &["A", "B"]), Err(Trouble::NotFound));
    world.subscribe(0, "DIMONA", &["A", "A"]).unwrap();
    world.subscribe(0, "ALL", &[]).unwrap();
    let clock = Arc::clone(&world.clock);
    drop(world);
    let world = World::at(folder.path(), &clock);
    let known = |kind: &str, types: &[&str]| Subscription {
        kind: code(kind),
        types: types.iter().map(|text| code(text)).collect(),
    };
    assert_eq!(world.mutations.subscriptions(institution(0)), [known("ALL", &[]), known("DIMONA", &["A"])]);
    assert_eq!(world.mutations.subscriptions(institution(1)), []);
    wait(|| world.mutations.unsubscribe(access(0), code("ALL"))).unwrap();
    assert_eq!(wait(|| world.mutations.unsubscribe(access(0), code("ALL"))), Err(Trouble::NotFound));
    assert_eq!(world.mutations.subscriptions(institution(0)), [known("DIMONA", &["A"])]);
}

#[test]
fn more_than_the_log_takes_at_once_is_told_all_the_same_and_too_many_are_refused() {
    let (_folder, world) = World::new();
    world.define(0, "A", &[1]);
    world.inscribe(0, 1, "A", Period::always());
    let large: Box<str> = "x".repeat(1 << 20).into();
    let says: BTreeMap<Box<str>, Box<str>> = [("text".into(), large)].into();
    world.subscribe(0, "DIMONA", &[]).unwrap();
    let one = (niss(1), day_of(0), Change::Event { kind: code("DIMONA"), says });
    assert_eq!(world.tell(vec![one; 5]), [1; 5]);
    let many = vec![(niss(1), day_of(0), Change::Cancelled); ports::TOLD_MAX + 1];
    assert!(matches!(wait(|| world.mutations.tell(access(8), many)), Err(Trouble::Conflict(_))));
    world.set(midnight(1));
    assert_eq!(world.produce(day_of(1)), 2);
    assert_eq!((world.file(0, 1).unwrap().len(), world.file(0, 2).unwrap().len()), (3, 2));
    assert!(world.vouchers(1).is_empty());
}

#[test]
fn what_the_feed_lacks_is_given_until_it_is_noted() {
    let (folder, world) = World::new();
    world.define(0, "A", &[1]);
    world.inscribe(0, 1, "A", Period::always());
    world.tell(vec![(niss(1), day_of(0), Change::Cancelled); 4]);
    let made = world.mutations.made();
    world.set(midnight(1));
    world.produce(day_of(1));
    assert_eq!(*made.borrow(), 4);
    let untold = |world: &World| {
        let vouchers = wait(|| world.mutations.untold()).unwrap();
        vouchers.iter().map(|voucher| (voucher.institution, voucher.sequence)).collect::<BTreeSet<_>>()
    };
    let all: BTreeSet<_> = [0, 1].iter().flat_map(|n| [1, 2].map(|sequence| (institution(*n), sequence))).collect();
    assert_eq!(untold(&world), all);
    wait(|| world.mutations.tell_from(77)).unwrap();
    let clock = Arc::clone(&world.clock);
    drop(world);
    let world = World::at(folder.path(), &clock);
    assert_eq!((untold(&world), world.mutations.telling_from()), (all, Ok(Some(77))));
    wait(|| world.mutations.told(vec![(institution(0), 2), (institution(1), 1)])).unwrap();
    assert_eq!((untold(&world), world.mutations.telling_from()), ([(institution(1), 2)].into(), Ok(None)));
}
