//! The authentic source at its size: the first filling in the order of the numbers, persons put in batches as they come, searches by
//! sound, look-ups by number, and the sizes on disk.
//!
//! `cargo bench --bench persons -- [--persons 1000000] [--searches 100] [--put 20000] [--folder DIR]`. By hand and not with
//! criterion: each measurement needs the one before it on disk. Persons, and questions with the mistakes that people make, so many
//! of each of 13 kinds, are those by which the codes of names are measured.
#![allow(clippy::print_stdout, reason = "what it measures is for people to read")]
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
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

#[allow(dead_code, reason = "what a search here does not ask")]
#[path = "../actors/tests/names/lists.rs"]
mod lists;
#[allow(dead_code, reason = "what a search here does not ask")]
#[path = "../actors/tests/names/people.rs"]
mod people;
#[allow(dead_code, reason = "as above")]
#[path = "../actors/tests/names/queries.rs"]
mod queries;

use people::Written;

/// As the program has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Persons of one put, as a face hands them on.
const PUT: usize = 10_000;

struct Plan {
    persons: u64,
    searches: usize,
    put: usize,
    folder: Option<PathBuf>,
}

impl Plan {
    fn of_arguments() -> Self {
        let mut plan = Self { persons: 1_000_000, searches: 100, put: 20_000, folder: None };
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

/// Rising numbers, spread as birth dates are, and nobody's.
fn niss(place: u64) -> Niss {
    Niss::from_trusted_u64(10_000_000_000 + place * 7_001)
}

fn person(niss: Niss, written: &Written) -> Registered {
    let identity = Identity {
        surname: written.surname.as_str().into(),
        given_names: written.given.as_str().into(),
        birth: written.birth.unwrap_or_else(|| BirthDate::new(1950, 0, 0).expect("a year")),
        sex: Some(if written.man { Sex::Male } else { Sex::Female }),
        language: Some(Language::Nl),
        deceased: None,
    };
    Registered { niss, standing: Standing::InUse, identity }
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

/// Seconds of the processor that this program has used.
fn processor() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    // The 14th and 15th field of all, in hundredths.
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// Mebibytes of memory that this program has, files in the page cache aside.
fn memory() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap_or_default();
    line.split_whitespace().find_map(|word| word.parse::<f64>().ok()).unwrap_or_default() / 1024.0
}

/// Runs something, and gives by how many mebibytes the memory rose meanwhile, above the least that there was: what the list of persons
/// took to make goes back to the system only by and by.
fn watched<T>(run: impl FnOnce() -> T) -> (T, f64) {
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watching = scope.spawn(|| {
            let (mut least, mut rose) = (f64::MAX, 0.0_f64);
            while !is_done.load(Ordering::Relaxed) {
                let now = memory();
                least = least.min(now);
                rose = rose.max(now - least);
                std::thread::park_timeout(Duration::from_millis(50));
            }
            rose
        });
        let outcome = run();
        is_done.store(true, Ordering::Relaxed);
        watching.thread().unpark();
        (outcome, watching.join().unwrap_or_default())
    })
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
    // In a folder in which a filling was killed.
    let begun = Instant::now();
    if !source.is_ready() {
        while !source.is_ready() {
            std::thread::park_timeout(Duration::from_millis(50));
        }
        println!("the index of names was made again in {:.1} s", begun.elapsed().as_secs_f64());
    }

    let count = plan.persons as usize;
    let known = Arc::new(people::people(count + plan.put, 1));
    println!("{count} persons");
    let (begun, used, given) = (Instant::now(), processor(), Arc::clone(&known));
    let loaded = (0..count).map(move |place| (place as u64, person(niss(place as u64), &given[place])));
    let (filled, rose) = watched(|| runtime.block_on(source.fill(access(), Box::new(loaded))).expect("a filling"));
    assert_eq!((filled.new + filled.same, filled.refused), (plan.persons, 0));
    let (took, used) = (begun.elapsed().as_secs_f64(), processor() - used);
    println!(
        "first filling with the index of names: {took:.1} s, {:.0} persons/s; processor {used:.1} s",
        count as f64 / took
    );
    println!("memory of the filling, with the cache: {rose:.0} MiB at most");
    println!("on disk: {:.0} bytes a person", bytes_of(&folder) / plan.persons as f64);
    dossiers.close();
    drop((dossiers, source));
    let begun = Instant::now();
    let (dossiers, source) = open();
    println!("opened again in {:.1?}", begun.elapsed());
    assert!(source.is_ready());

    let questions = queries::questions(&known[..count], plan.searches, 2);
    for (what, has_birth) in [("with a birth date", true), ("without one", false)] {
        let (mut times, mut found, mut cut, used) = (Vec::new(), 0, 0, processor());
        for question in questions.iter().filter(|question| question.asked.birth.is_some() == has_birth) {
            let asked = &question.asked;
            let given = Some(asked.given.as_str()).filter(|given| !given.is_empty());
            let claim = Claim {
                surname: Some(asked.surname.as_str().into()),
                given_names: given.map(Into::into),
                birth: asked.birth,
                sex: None,
            };
            let begun = Instant::now();
            let hits = runtime.block_on(source.search(Search { claim, years: 0, limit: 10 }));
            times.push(begun.elapsed());
            match hits {
                Ok(told) => {
                    found += usize::from(told.hits.iter().any(|hit| hit.person.niss == niss(question.target as u64)));
                    cut += usize::from(told.is_incomplete);
                }
                Err(trouble) => panic!("{trouble}"),
            }
        }
        let asked = times.len();
        let each = (processor() - used) * 1_000.0 / asked.max(1) as f64;
        percentiles(
            &format!(
                "{asked} searches {what}, {found} found among the first ten, {cut} cut off, processor {each:.1} ms each"
            ),
            times,
        );
    }

    let mut chance = StdRng::seed_from_u64(3);
    let times = (0..100_000).map(|_| {
        let niss = niss(chance.random_range(0..plan.persons));
        let begun = Instant::now();
        let found = runtime.block_on(source.find(niss)).expect("a look-up");
        assert!(found.is_some());
        begun.elapsed()
    });
    percentiles("look-up by number", times.collect());

    let between = |place: usize| {
        Niss::from_trusted_u64(niss(place as u64 * 37 % plan.persons).as_u64() + 1 + place as u64 % 7_000)
    };
    let all: Vec<Registered> = (0..plan.put).map(|place| person(between(place), &known[count + place])).collect();
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
