//! The night of many days at once: what was told on days that are over is made into files at the start of the program, which is
//! killed in the middle of it. In the end no file is missing, none is there twice, each mutation is in one, and each file was told
//! once in the feed.
//!
//! The program's clock can't be set, and a day that it has closed gets nothing more. So what is told on days before is put into the
//! folder of a program that never ran, with a clock of its own.
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use estafette_actors::domain::day;
use estafette_actors::domain::dossier::{Code, DossierType};
use estafette_actors::domain::language::{Language, Translated};
use estafette_actors::domain::mutation::{Change, Mutation, Subscription};
use estafette_actors::domain::niss::Niss;
use estafette_actors::domain::period::Period;
use estafette_actors::ports::register::{Access, Dossiers as _, Face, Mutations as _};
use estafette_actors::ports::{Clock, SystemClock};
use jiff::ToSpan;
use jiff::civil::Date;
use rand::Rng;

use crate::offline::{self, Hand, institution};
use crate::program::{OWNERS, Program};
use crate::{IN_A_FOLDER, chance, kills};

const DAYS: u64 = 80;
/// Mutations of a day: several files, the last of them not full.
const EACH_DAY: u64 = 12;
const IN_A_FILE: u64 = 5;
const FILES: usize = (DAYS * EACH_DAY.div_ceil(IN_A_FILE)) as usize;
/// How long after its start the program is killed at most: ready, or not yet.
const LIVES: Duration = Duration::from_millis(400);
/// How long all files may take.
const PATIENCE: Duration = Duration::from_secs(120);

fn number(mutation: &Mutation) -> u64 {
    let Change::Event { says, .. } = &mutation.change else { panic!("another change") };
    says["n"].parse().unwrap()
}

/// A program that never ran, and days on which it was told something.
async fn prepared() -> Program {
    let program = Program::prepare(&format!("[register]\nmutations_per_file = {IN_A_FILE}\n"));
    // Noon, on each: some day of the year has 23 hours, and another 25.
    let noon = |day: Date| day::begins(day).plus(Duration::from_secs(12 * 3_600)).millis();
    let first = day::of(SystemClock.now()).saturating_sub((DAYS as i64 + 10).days());
    let clock = Arc::new(Hand(AtomicU64::new(noon(first))));
    let (dossiers, mutations) = offline::open(&program.data(), &clock);
    let (code, kind, niss) =
        (Code::parse("A").unwrap(), Code::parse("N").unwrap(), Niss::from_trusted_u64(85_073_003_328));
    let access = |owner: &str| {
        let (key, legal_context) = ("k".into(), "KILLS:2026".into());
        Access { institution: institution(owner), key, legal_context, ticket: None, face: Face::Program }
    };
    for owner in OWNERS {
        let mut names = Translated::new();
        for language in Language::ALL {
            names.set(language, "A".into());
        }
        let definition = DossierType { code, names, valid: Period::always(), partner: None, rights: vec![] };
        dossiers.define(access(owner), definition).await.unwrap();
        dossiers.inscribe(access(owner), niss, code, Period::always()).await.unwrap();
        mutations.subscribe(access(owner), Subscription { kind, types: vec![] }).await.unwrap();
    }
    for today in 0..DAYS {
        let on = day::of(clock.now());
        let event = |place: u64| {
            let says = [("n".into(), format!("{}", today * EACH_DAY + place).into())].into();
            (niss, on, Change::Event { kind, says })
        };
        let told = mutations.tell(access(OWNERS[0]), (0..EACH_DAY).map(event).collect()).await.unwrap();
        assert_eq!(told, [OWNERS.len() as u32; EACH_DAY as usize]);
        clock.0.store(noon(on.tomorrow().unwrap()), Ordering::Relaxed);
    }
    dossiers.close();
    program
}

/// How many files there are of all institutions; those that are, are as they have to be.
async fn made(program: &Program) -> usize {
    let clock = Arc::new(Hand(AtomicU64::new(SystemClock.now().millis())));
    let (dossiers, mutations) = offline::open(&program.data(), &clock);
    let mut made = 0;
    for owner in OWNERS {
        let files = offline::files(&mutations, owner).await;
        let numbers: Vec<u64> = files.iter().flatten().map(number).collect();
        let all: Vec<u64> = (0..numbers.len() as u64).collect();
        assert_eq!(numbers, all, "each mutation of the files that are there, once and in order");
        let days = |file: &Vec<Mutation>| {
            file.iter().map(|one| number(one) / EACH_DAY).collect::<std::collections::BTreeSet<_>>()
        };
        assert!(files.iter().all(|file| days(file).len() == 1), "a file is of one day");
        made += files.len();
    }
    dossiers.close();
    made
}

/// Waits until all files were told in the feed, and looks whether each was told once.
async fn told(program: &Program) {
    program.start().await;
    for owner in 0..OWNERS.len() {
        let until = std::time::Instant::now() + PATIENCE;
        let mut told = BTreeMap::<u64, u64>::new();
        let mut after = String::new();
        while told.len() < FILES {
            assert!(std::time::Instant::now() < until, "{} of {FILES} files are told", told.len());
            let page = program.get_as(owner, &format!("events?type=register.mutations{after}")).await;
            for event in page["events"].as_array().unwrap() {
                *told.entry(event["data"]["mutations"]["sequence"].as_u64().unwrap()).or_default() += 1;
            }
            after = format!("&after={}", page["next"].as_str().unwrap());
            if page["has_more"] != true {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        let once: BTreeMap<u64, u64> = (1..=FILES as u64).map(|sequence| (sequence, 1)).collect();
        assert_eq!(told, once, "each file is told once");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_of_the_days_that_are_over_have_no_gap_and_no_repetition_after_a_kill() {
    let (kills, mut chance) = (kills(), chance("nights"));
    let (mut half_way, mut done, mut files) = (0, 0, 0);
    while done < kills {
        let program = prepared().await;
        let mut before = 0;
        for _ in 0..IN_A_FOLDER.min(kills - done) {
            if chance.random_bool(0.7) {
                program.start().await;
            } else {
                program.launch();
            }
            tokio::time::sleep(LIVES.mul_f64(chance.random_range(0.0..1.0))).await;
            program.kill();
            done += 1;
            let now = made(&program).await;
            assert!(now >= before, "files are lost");
            half_way += u64::from(now > before && now < FILES * OWNERS.len());
            before = now;
            if now == FILES * OWNERS.len() {
                break;
            }
        }
        told(&program).await;
        program.kill();
        assert_eq!(made(&program).await, FILES * OWNERS.len());
        files += FILES * OWNERS.len();
    }
    eprintln!("nights: {half_way} of {done} kills left some files made and others not; {files} files in all");
}
