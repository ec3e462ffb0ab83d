//! The authentic source at its size: the first filling in the order of the numbers, persons put in batches as they come, searches by
//! sound, look-ups by number, and the sizes on disk.
//!
//! `cargo bench --bench persons -- [--persons 1000000] [--searches 2000] [--put 20000] [--folder DIR]`. By hand and not with
//! criterion: each measurement needs the one before it on disk. Names are made of parts and drawn as unevenly as names are: of a
//! hundred persons one has the most frequent surname.
#![allow(clippy::print_stdout, reason = "what it measures is for people to read")]
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use estafette::store::register::persons::Hearers;
use estafette::store::register::{Dossiers, Persons, Settings};
use estafette_actors::domain::birth::BirthDate;
use estafette_actors::domain::cbe::Cbe;
use estafette_actors::domain::identity::{Claim, Identity, Registered, Standing};
use estafette_actors::domain::language::Language;
use estafette_actors::domain::niss::{Niss, Sex};
use estafette_actors::domain::submission::Institution;
use estafette_actors::ports::SystemClock;
use estafette_actors::ports::register::{Access, Face, Persons as _, Search};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// Persons of one put, as a face hands them on.
const PUT: usize = 10_000;

const HEADS: &[&str] = &[
    "Peet", "Jans", "Mae", "Jacob", "Willem", "Clae", "Gooss", "Wout", "Lamb", "Dup", "Mart", "Sim", "Lecl", "Herm",
    "Mich", "Den", "Aert", "Lemm", "Broec", "Ger", "Ren", "Seg", "Thom", "Copp", "Ler", "Baert", "Hendr", "Stev",
    "Verm", "Bog", "Kaya", "Amr", "Ben", "Kow", "Now", "Ross", "Ferr", "Schm", "Mull", "Web", "Yild", "Ozt", "Haddad",
    "Idriss", "Delv", "March", "Font", "Dierck", "Cuyp", "Nijs", "Verh", "Goeth", "Lauw", "Vandeput", "Brouw", "Timm",
    "Roel", "Somer",
];
const TAILS: &[&str] = &[
    "ers", "sens", "s", "s", "aert", "ken", "ens", "ot", "art", "ont", "in", "on", "ercq", "ans", "iels", "is", "",
    "elmans", "enbergh", "ard", "aud", "ers", "as", "ens", "oy", "ix", "ickx", "eulen", "eyn", "ani", "ali", "ski",
    "ak", "i", "ari", "idt", "er", "iz", "urk", "eau", "al", "aine", "icq", "egem", "oven", "als",
];
const PARTICLES: &[&str] = &["", "", "", "", "", "", "", "De ", "Van ", "Van den ", "Vander", "Le ", "El ", "D'"];
const GIVEN: &[&str] = &[
    "Marie",
    "Jan",
    "Maria",
    "Jean",
    "Anna",
    "Luc",
    "Martine",
    "Marc",
    "Nathalie",
    "Michel",
    "Christine",
    "Patrick",
    "Monique",
    "Philippe",
    "Isabelle",
    "Peter",
    "Nicole",
    "Thomas",
    "Sarah",
    "Kevin",
    "Laura",
    "David",
    "Emma",
    "Lucas",
    "Mohamed",
    "Fatima",
    "Ali",
    "Yasmine",
    "Lotte",
    "Wout",
    "Elise",
    "Arthur",
    "Noor",
    "Jules",
    "Camille",
    "Louis",
    "Julie",
    "Nicolas",
    "Sophie",
    "Dirk",
    "Ann",
    "Koen",
    "Els",
    "Geert",
    "Hilde",
    "Johan",
    "Ingrid",
    "Bart",
    "Katrien",
    "Stijn",
    "Eva",
    "Piotr",
    "Giuseppe",
    "Giulia",
    "Mehmet",
    "Ayse",
    "Karl",
    "Heike",
    "Zoe",
    "Victor",
];

struct Plan {
    persons: u64,
    searches: usize,
    put: usize,
    folder: Option<PathBuf>,
}

impl Plan {
    fn of_arguments() -> Self {
        let mut plan = Self { persons: 1_000_000, searches: 2_000, put: 20_000, folder: None };
        let mut given = std::env::args().skip(1);
        while let Some(name) = given.next() {
            let mut number = || given.next().and_then(|text| text.replace('_', "").parse::<u64>().ok());
            match name.as_str() {
                "--persons" => plan.persons = number().expect("--persons: a number"),
                "--searches" => plan.searches = number().expect("--searches: a number") as usize,
                "--put" => plan.put = number().expect("--put: a number") as usize,
                "--folder" => plan.folder = given.next().map(PathBuf::from),
                // What cargo adds.
                _ => {}
            }
        }
        plan
    }
}

/// The lower, the more often: as one over the rank.
fn uneven<'a>(chance: &mut StdRng, all: &'a [&str]) -> &'a str {
    let rank = ((all.len() as f64 + 1.0).powf(chance.random::<f64>()) - 1.0) as usize;
    all[rank.min(all.len() - 1)]
}

fn identity(chance: &mut StdRng) -> Identity {
    let particle = PARTICLES[chance.random_range(0..PARTICLES.len())];
    let mut surname = format!("{particle}{}{}", uneven(chance, HEADS), uneven(chance, TAILS));
    if chance.random_ratio(1, 12) {
        surname = format!("{surname}-{}{}", uneven(chance, HEADS), uneven(chance, TAILS));
    }
    let mut given_names = uneven(chance, GIVEN).to_owned();
    if chance.random_ratio(1, 2) {
        given_names = format!("{given_names} {}", uneven(chance, GIVEN));
    }
    let (year, month, day) =
        (chance.random_range(1925..2025), chance.random_range(1..=12), chance.random_range(1..=28));
    Identity {
        surname: surname.into(),
        given_names: given_names.into(),
        birth: BirthDate::new(year, month, day).expect("a date"),
        sex: Some(if chance.random() { Sex::Male } else { Sex::Female }),
        language: Some(if chance.random_ratio(3, 5) { Language::Nl } else { Language::Fr }),
        deceased: None,
    }
}

/// Rising numbers, spread as birth dates are, and nobody's.
fn person(chance: &mut StdRng, place: u64) -> Registered {
    let niss = Niss::from_trusted_u64(10_000_000_000 + place * 7_001);
    Registered { niss, standing: Standing::InUse, identity: identity(chance) }
}

/// The same persons again, without keeping millions.
fn persons(count: u64) -> impl Iterator<Item = Registered> + Send {
    let mut chance = StdRng::seed_from_u64(1);
    (0..count).map(move |place| person(&mut chance, place))
}

fn access() -> Access {
    let institution = Institution(Cbe::parse("0403019261").expect("a valid number"));
    Access {
        institution,
        key: "k-0123456789".into(),
        legal_context: "social-security".into(),
        ticket: None,
        face: Face::Admin,
    }
}

/// One wrong letter, or none.
fn misspelt(chance: &mut StdRng, name: &str) -> Box<str> {
    let mut letters: Vec<char> = name.chars().collect();
    if chance.random() {
        let place = chance.random_range(0..letters.len());
        letters[place] = char::from(b'a' + chance.random_range(0..26_u8));
    }
    letters.into_iter().collect()
}

fn percentiles(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let of = |part: f64| times.get(((times.len() as f64 - 1.0) * part) as usize).copied().unwrap_or_default();
    println!("{what}: p50 {:.2?}, p99 {:.2?}, longest {:.2?}", of(0.5), of(0.99), of(1.0));
}

fn bytes_of(folder: &Path) -> f64 {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata(folder.join("register.redb")).map_or(0.0, |file| file.blocks() as f64 * 512.0)
}

fn main() {
    let plan = Plan::of_arguments();
    let temporary = tempfile::tempdir().expect("a folder");
    let folder = plan.folder.clone().unwrap_or_else(|| temporary.path().to_owned());
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let _here = runtime.enter();
    let open = || {
        let dossiers = Dossiers::open(Settings::new(&folder), [7; 32], Arc::new(SystemClock)).expect("a register");
        let persons = Persons::open(&dossiers, Arc::new(SystemClock), &folder, Hearers::default()).expect("persons");
        (dossiers, persons)
    };
    let (dossiers, source) = open();

    let begun = Instant::now();
    println!("{} persons; making them alone takes {:.1?}", plan.persons, {
        assert_eq!(persons(plan.persons).count() as u64, plan.persons);
        begun.elapsed()
    });
    let begun = Instant::now();
    runtime.block_on(source.load(access(), persons(plan.persons))).expect("a filling");
    let took = begun.elapsed();
    println!(
        "first filling with the index of names: {took:.1?}, {:.0} persons/s",
        plan.persons as f64 / took.as_secs_f64()
    );
    println!("on disk: {:.0} bytes a person", bytes_of(&folder) / plan.persons as f64);
    dossiers.close();
    drop((dossiers, source));
    let begun = Instant::now();
    let (dossiers, source) = open();
    println!("opened again in {:.1?}", begun.elapsed());
    assert!(source.is_ready());

    for (what, with_birth, with_given) in
        [("name and birth date", true, true), ("surname and birth date", true, false), ("name alone", false, true)]
    {
        let mut chance = StdRng::seed_from_u64(2);
        let wanted = persons(plan.persons).step_by((plan.persons as usize / plan.searches).max(1)).take(plan.searches);
        let (mut times, mut found, mut asked, mut cut) = (Vec::new(), 0, 0, 0);
        for one in wanted.collect::<Vec<_>>() {
            let given = one.identity.given_names.split(' ').next().unwrap_or_default();
            let claim = Claim {
                surname: Some(misspelt(&mut chance, &one.identity.surname)),
                given_names: with_given.then(|| given.into()),
                birth: with_birth.then_some(one.identity.birth),
                sex: None,
            };
            let begun = Instant::now();
            let hits = runtime.block_on(source.search(Search { claim, years: 0, limit: 10 }));
            times.push(begun.elapsed());
            asked += 1;
            match hits {
                Ok(hits) => found += usize::from(hits.iter().any(|hit| hit.person.niss == one.niss)),
                Err(_) => cut += 1,
            }
        }
        percentiles(
            &format!("search by {what} ({asked}, among the first ten {found}, refused as too many {cut})"),
            times,
        );
    }

    let mut chance = StdRng::seed_from_u64(3);
    let times = (0..100_000).map(|_| {
        let niss = Niss::from_trusted_u64(10_000_000_000 + chance.random_range(0..plan.persons) * 7_001);
        let begun = Instant::now();
        let found = runtime.block_on(source.find(niss)).expect("a look-up");
        assert!(found.is_some());
        begun.elapsed()
    });
    percentiles("look-up by number", times.collect());

    let mut all: Vec<Registered> =
        (0..plan.put as u64).map(|place| person(&mut chance, plan.persons + place * 3)).collect();
    for one in &mut all {
        one.niss = Niss::from_trusted_u64(one.niss.as_u64() + 1);
    }
    let begun = Instant::now();
    for some in all.chunks(PUT) {
        runtime.block_on(source.put(access(), some.to_vec())).expect("persons");
    }
    let took = begun.elapsed();
    println!("put in batches of {PUT}: {:.0} persons/s", plan.put as f64 / took.as_secs_f64());
    let begun = Instant::now();
    let some = &all[..all.len().min(200)];
    for one in some {
        let mut changed = one.clone();
        changed.identity.surname = "Vandenbroucke".into();
        runtime.block_on(source.put(access(), vec![changed])).expect("a person");
    }
    println!("changed one by one, durable: {:.2?} each", begun.elapsed() / some.len().max(1) as u32);
    dossiers.close();
}
