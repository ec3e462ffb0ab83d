//! The register at its size: a sorted import, single durable inscriptions beside append and fdatasync, consultations, what routing
//! asks, and opening after a kill.
//!
//! `cargo bench --bench register -- [--persons 1200000] [--rows 3000000] [--seconds 10] [--folder DIR]`. By hand and not with
//! criterion: each measurement needs the one before it on disk. A folder that has a register is not imported into again. The kill is a copy of the files as they are under load.
#![allow(clippy::print_stdout, reason = "what it measures is for people to read")]
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use estafette::store::register::{Dossiers, Settings};
use estafette_actors::domain::cbe::Cbe;
use estafette_actors::domain::dossier::{Code, DossierType};
use estafette_actors::domain::language::{Language, Translated};
use estafette_actors::domain::niss::Niss;
use estafette_actors::domain::period::Period;
use estafette_actors::domain::submission::Institution;
use estafette_actors::ports::SystemClock;
use estafette_actors::ports::register::{Access, Deed, Dossiers as _, Face, Import, Question, Trouble};
use jiff::civil::Date;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// Lines of an import, as a face hands them on.
const IMPORT: u64 = 100_000;
const CALLERS: usize = 64;
const CODES: [&str; 4] = ["WORKER", "PENSIONER", "CHILD", "EMPLOYER"];

struct Plan {
    persons: u64,
    rows: u64,
    seconds: u64,
    folder: Option<PathBuf>,
}

impl Plan {
    fn of_arguments() -> Self {
        let mut plan = Self { persons: 1_200_000, rows: 3_000_000, seconds: 10, folder: None };
        let mut given = std::env::args().skip(1);
        while let Some(name) = given.next() {
            let mut number = || given.next().and_then(|text| text.replace('_', "").parse().ok());
            match name.as_str() {
                "--persons" => plan.persons = number().expect("--persons: a number"),
                "--rows" => plan.rows = number().expect("--rows: a number"),
                "--seconds" => plan.seconds = number().expect("--seconds: a number"),
                "--folder" => plan.folder = given.next().map(PathBuf::from),
                // What cargo adds.
                _ => {}
            }
        }
        plan
    }
}

fn niss(person: u64) -> Niss {
    // Spread as birth dates are, rising, and nobody's.
    Niss::from_trusted_u64(10_000_000_000 + person * 7_001)
}

fn access(owner: usize) -> Access {
    let institution = Institution(Cbe::parse(["0403019261", "0206731645"][owner]).expect("a valid number"));
    let ticket = Some("2026-11-28-000001".into());
    Access {
        institution,
        key: "k-0123456789".into(),
        legal_context: "social-security".into(),
        ticket,
        face: Face::Rest,
    }
}

fn code(place: u64) -> Code {
    Code::parse(CODES[(place % 4) as usize]).expect("a code")
}

fn day(n: u64) -> Date {
    let months = n % 240;
    Date::new(2006 + (months / 12) as i16, 1 + (months % 12) as i8, 1 + (n % 28) as i8).expect("a day")
}

/// The rows of a person at an institution: 2 or 3, so that they are as many as asked in the end.
fn line(person: u64, number: u64) -> Import {
    let begin = day(person * 31 + number * 60);
    let end = number.is_multiple_of(2).then(|| begin.checked_add(jiff::Span::new().months(2)).expect("a day"));
    let period = Period::new(begin, end).expect("a period");
    Import { niss: niss(person), code: code(person + number), period }
}

fn wait<T>(runtime: &tokio::runtime::Runtime, future: impl Future<Output = T>) -> T {
    runtime.block_on(future)
}

fn percentile(times: &mut [Duration], of: f64) -> Duration {
    times.sort_unstable();
    times.get(((times.len() as f64 - 1.0) * of) as usize).copied().unwrap_or_default()
}

fn main() {
    let plan = Plan::of_arguments();
    let temporary = tempfile::tempdir().expect("a folder");
    let folder = plan.folder.clone().unwrap_or_else(|| temporary.path().to_owned());
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let _here = runtime.enter();
    let dossiers = Dossiers::open(Settings::new(&folder), [7; 32], Arc::new(SystemClock)).expect("a register");
    for owner in 0..2 {
        for text in CODES {
            let mut names = Translated::new();
            for language in Language::ALL {
                names.set(language, text.into());
            }
            let code = Code::parse(text).expect("a code");
            let defined = DossierType { code, names, valid: Period::always(), partner: None, rights: vec![] };
            wait(&runtime, dossiers.define(access(owner), defined)).expect("a type");
        }
    }
    let there: u64 = dossiers.counts(access(0).institution).iter().map(|(_, count)| count).sum();
    if there == 0 {
        import(&runtime, &dossiers, &plan);
    }
    let imported = files(&folder);
    singles(&runtime, &dossiers, &plan, &folder);
    reads(&runtime, &dossiers, &plan);
    let image = killed(&runtime, &dossiers, &plan, &folder);
    println!("files after the import: {imported}\nfiles at the end: {}", files(&folder));
    drop(dossiers);
    reopened(&image, "after a kill under load");
    reopened(&folder, "after an end");
}

fn import(runtime: &tokio::runtime::Runtime, dossiers: &Dossiers, plan: &Plan) {
    let (each, more) = (plan.rows / plan.persons, plan.rows % plan.persons);
    let lines = (0..plan.persons)
        .flat_map(|person| (0..each + u64::from(person < more)).map(move |number| line(person, number)));
    let (mut lines, mut slowest, mut spent, mut rows) = (lines.peekable(), Duration::ZERO, Duration::ZERO, 0_u64);
    while lines.peek().is_some() {
        let part: Vec<Import> = lines.by_ref().take(IMPORT as usize).collect();
        rows += part.len() as u64;
        let begun = Instant::now();
        wait(runtime, dossiers.import(access(0), part)).expect("an import");
        spent += begun.elapsed();
        slowest = slowest.max(begun.elapsed());
    }
    let counted: u64 = dossiers.counts(access(0).institution).iter().map(|(_, count)| count).sum();
    println!(
        "sorted import of {rows} rows of {} persons: {:.0} rows/s, slowest part {slowest:?}; {counted} rows are counted",
        plan.persons,
        rows as f64 / spent.as_secs_f64(),
    );
}

/// 64 callers, each with one inscription under way, of random persons.
fn singles(runtime: &tokio::runtime::Runtime, dossiers: &Dossiers, plan: &Plan, folder: &Path) {
    let (raw, raw_p99) = raw_group_commit(folder, Duration::from_secs(plan.seconds.min(5)));
    let stop = Arc::new(AtomicBool::new(false));
    let refused = Arc::new(AtomicU64::new(0));
    let begun = Instant::now();
    let callers: Vec<_> = (0..CALLERS)
        .map(|caller| {
            runtime.spawn(caller_of(
                dossiers.clone(),
                caller as u64,
                plan.persons,
                Arc::clone(&stop),
                Arc::clone(&refused),
            ))
        })
        .collect();
    wait(runtime, tokio::time::sleep(Duration::from_secs(plan.seconds)));
    stop.store(true, Ordering::Relaxed);
    let mut times: Vec<Duration> = callers.into_iter().flat_map(|one| wait(runtime, one).expect("a caller")).collect();
    let rate = times.len() as f64 / begun.elapsed().as_secs_f64();
    println!(
        "single durable inscriptions, {CALLERS} callers: {rate:.0}/s, p50 {:?}, p99 {:?}, slowest {:?}, refused {}; \
         append and fdatasync in groups: {raw:.0}/s, p99 {raw_p99:?}",
        percentile(&mut times, 0.5),
        percentile(&mut times, 0.99),
        percentile(&mut times, 1.0),
        refused.load(Ordering::Relaxed),
    );
}

async fn caller_of(
    dossiers: Dossiers,
    caller: u64,
    persons: u64,
    stop: Arc<AtomicBool>,
    refused: Arc<AtomicU64>,
) -> Vec<Duration> {
    let (mut chance, mut times) = (StdRng::seed_from_u64(caller), Vec::new());
    while !stop.load(Ordering::Relaxed) {
        let Import { niss, code, period } = line(chance.random_range(0..persons), chance.random_range(0..900));
        let begun = Instant::now();
        match dossiers.inscribe(access(0), niss, code, period).await {
            Ok(_) => times.push(begun.elapsed()),
            Err(Trouble::Overloaded) => {
                refused.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            Err(trouble) => unreachable!("the disk of the bench: {trouble}"),
        }
    }
    times
}

/// What the disk allows: callers hand 200 bytes each to one thread, which appends what there is and syncs it.
fn raw_group_commit(folder: &Path, time: Duration) -> (f64, Duration) {
    let (ask, asked) = crossbeam_channel::bounded::<crossbeam_channel::Sender<()>>(CALLERS);
    let path = folder.join("raw");
    let mut file = std::fs::File::create(&path).expect("a file");
    let writer = std::thread::spawn(move || {
        while let Ok(first) = asked.recv() {
            let answers: Vec<_> = std::iter::once(first).chain(asked.try_iter()).collect();
            file.write_all(&vec![7; 200 * answers.len()]).and_then(|()| file.sync_data()).expect("a disk with room");
            for answer in answers {
                let _ = answer.send(());
            }
        }
    });
    let begun = Instant::now();
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| {
            let ask = ask.clone();
            std::thread::spawn(move || {
                let (tell, told) = crossbeam_channel::bounded(1);
                let mut times = Vec::new();
                while begun.elapsed() < time {
                    let asked = Instant::now();
                    ask.send(tell.clone()).expect("the writer");
                    told.recv().expect("the writer");
                    times.push(asked.elapsed());
                }
                times
            })
        })
        .collect();
    drop(ask);
    let mut times: Vec<_> = callers.into_iter().flat_map(|one| one.join().expect("a caller")).collect();
    writer.join().expect("the writer");
    let _ = std::fs::remove_file(path);
    (times.len() as f64 / begun.elapsed().as_secs_f64(), percentile(&mut times, 0.99))
}

fn reads(runtime: &tokio::runtime::Runtime, dossiers: &Dossiers, plan: &Plan) {
    dossiers.engine().flush().expect("a flush");
    let owner = access(0).institution;
    let mut chance = StdRng::seed_from_u64(1);
    let time = Duration::from_secs(plan.seconds.min(5));
    for (what, noted) in [("consult by NISS", false), ("consult by NISS, with its line in the trail", true)] {
        let (mut times, begun) = (Vec::new(), Instant::now());
        while begun.elapsed() < time {
            let niss = Some(niss(chance.random_range(0..plan.persons)));
            let asked = Instant::now();
            match wait(runtime, dossiers.rows(owner, Question { niss, limit: 100, ..Question::default() })) {
                Ok(rows) => assert!(!rows.rows.is_empty()),
                Err(Trouble::Overloaded) => continue,
                Err(trouble) => unreachable!("the disk of the bench: {trouble}"),
            }
            if noted {
                dossiers.note(&access(0), Deed::Consult, niss, None, "done");
            }
            times.push(asked.elapsed());
        }
        let rate = times.len() as f64 / begun.elapsed().as_secs_f64();
        println!("{what}: {rate:.0}/s, p50 {:?}, p99 {:?}", percentile(&mut times, 0.5), percentile(&mut times, 0.99));
    }
    let (types, today) = ([code(0), code(1)], day(9));
    let (mut times, begun, mut held) = (Vec::new(), Instant::now(), 0_u64);
    while begun.elapsed() < time {
        let niss = niss(chance.random_range(0..plan.persons));
        let asked = Instant::now();
        held += u64::from(dossiers.holds(owner, niss, &types, today).expect("a disk"));
        times.push(asked.elapsed());
    }
    let share = held as f64 / times.len() as f64;
    println!("holds: p50 {:?}, p99 {:?} ({share:.2} held)", percentile(&mut times, 0.5), percentile(&mut times, 0.99));
}

/// The files as they are in the middle of inscriptions. A copy is no instant: it is made between two commits of both files.
fn killed(runtime: &tokio::runtime::Runtime, dossiers: &Dossiers, plan: &Plan, folder: &Path) -> PathBuf {
    let stop = Arc::new(AtomicBool::new(false));
    let refused = Arc::new(AtomicU64::new(0));
    let caller = |caller: usize| {
        let (stop, refused) = (Arc::clone(&stop), Arc::clone(&refused));
        runtime.spawn(caller_of(dossiers.clone(), 100 + caller as u64, plan.persons, stop, refused))
    };
    let callers: Vec<_> = (0..CALLERS).map(caller).collect();
    wait(runtime, tokio::time::sleep(Duration::from_secs(3)));
    let (from, image) = (folder.to_owned(), folder.join("image"));
    std::fs::create_dir_all(&image).expect("a folder");
    let into = image.clone();
    let copy = dossiers.engine().between_commits(move || {
        for file in ["register.redb", "register.log.redb"] {
            std::fs::copy(from.join(file), into.join(file)).expect("a copy");
        }
    });
    wait(runtime, copy).expect("a copy");
    stop.store(true, Ordering::Relaxed);
    for caller in callers {
        wait(runtime, caller).expect("a caller");
    }
    image
}

fn reopened(folder: &Path, when: &str) {
    let begun = Instant::now();
    let dossiers = Dossiers::open(Settings::new(folder), [7; 32], Arc::new(SystemClock)).expect("a register");
    let (opened, replayed) = (begun.elapsed(), dossiers.engine().unwritten());
    println!("opened {when}: {opened:?}, {replayed} bytes of the log replayed");
}

fn files(folder: &Path) -> String {
    let mut told = String::new();
    for file in ["register.redb", "register.log.redb"] {
        use std::os::unix::fs::MetadataExt;
        let blocks = std::fs::metadata(folder.join(file)).map_or(0, |found| found.blocks());
        let _ = write!(told, "{file} {} MiB  ", blocks * 512 / (1 << 20));
    }
    told
}
