//! The process that makes files of mutations is killed again and again in the middle of it: afterwards no file is missing, none is
//! there twice, and each mutation that was acknowledged is in exactly one.
//!
//! `ESTAFETTE_CRASH_KILLS` says how often (6), `ESTAFETTE_CRASH_SEED` repeats the choices of a run. The process that is killed is this
//! program again, with the folder in `ESTAFETTE_REGISTER_FOLDER`.
#![allow(clippy::unwrap_used)] // a failed step fails the test
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_lc_rs::digest;
use estafette::mutations::render;
use estafette::store::register::{Dossiers, Mutations, Settings};
use estafette_actors::domain::cbe::Cbe;
use estafette_actors::domain::day;
use estafette_actors::domain::dossier::{Code, DossierType};
use estafette_actors::domain::language::{Language, Translated};
use estafette_actors::domain::mutation::Change;
use estafette_actors::domain::niss::Niss;
use estafette_actors::domain::period::Period;
use estafette_actors::domain::submission::Institution;
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::Clock;
use estafette_actors::ports::register::{Access, Dossiers as _, Face, Mutations as _};
use jiff::civil::Date;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

const FOLDER: &str = "ESTAFETTE_REGISTER_FOLDER";
const FIRST: &str = "ESTAFETTE_REGISTER_FIRST";
const OWNERS: u32 = 3;
/// Mutations of a day: several files, the last of them not full.
const EACH_DAY: u64 = 40;
const IN_A_FILE: usize = 7;
/// Days that one process may use.
const DAYS: u64 = 10_000;

/// A clock that is set.
struct Hand(AtomicU64);

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed))
    }
}

fn noon(n: u64) -> u64 {
    1_000_000_000_000 + n * 86_400_000
}

fn today(n: u64) -> Date {
    day::of(Timestamp::from_millis(noon(n)))
}

fn institution(n: u32) -> Institution {
    Institution(Cbe::from_trusted_u32(403_019_261 + n))
}

fn access(n: u32) -> Access {
    let (key, legal_context) = ("k".into(), "law".into());
    Access { institution: institution(n), key, legal_context, ticket: None, face: Face::Program }
}

fn person() -> Niss {
    Niss::from_trusted_u64(85_073_003_328)
}

fn open(folder: &Path, clock: &Arc<Hand>) -> (Dossiers, Mutations) {
    let mut settings = Settings::new(folder);
    settings.engine.flush_after = Duration::from_millis(20);
    settings.mutations.file_mutations = IN_A_FILE;
    // The clock leaps ahead of all that was confirmed.
    settings.mutations.kept = Duration::MAX;
    let dossiers = Dossiers::open(settings, [7; 32], Arc::clone(clock) as _).unwrap();
    let mutations = Mutations::open(&dossiers, Arc::clone(clock) as _, render).unwrap();
    (dossiers, mutations)
}

/// The mutation of a number: an event would need a subscription, and this says as much.
fn change(number: u64) -> Change {
    Change::Replaced { by: Niss::from_trusted_u64(number) }
}

fn number(change: &Change) -> u64 {
    let Change::Replaced { by } = change else { panic!("another change") };
    by.as_u64()
}

/// Tells what happens each day and makes its files the day after, until it is killed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_process_that_is_killed() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let first: u64 = std::env::var(FIRST).unwrap().parse().unwrap();
    let clock = Arc::new(Hand(AtomicU64::new(noon(first))));
    let (_dossiers, mutations) = open(Path::new(&folder), &clock);
    let say = |what: &str, number: u64| {
        let mut out = std::io::stdout().lock();
        writeln!(out, "\n{what} {number}").and_then(|()| out.flush()).unwrap();
    };
    for n in first..first + DAYS {
        clock.0.store(noon(n), Ordering::Relaxed);
        let told = (0..EACH_DAY).map(|place| (person(), today(n), change(n * EACH_DAY + place))).collect();
        assert_eq!(mutations.tell(access(9), told).await.unwrap(), [OWNERS; EACH_DAY as usize]);
        say("told", n);
        clock.0.store(noon(n + 1), Ordering::Relaxed);
        mutations.produce(today(n + 1)).await.unwrap();
        say("made", n);
        let vouchers = mutations.vouchers(institution(0), 0, 1_000).await.unwrap();
        if let Some(next) = vouchers.iter().find(|voucher| voucher.confirmed.is_none()) {
            mutations.confirm(access(0), next.sequence).await.unwrap();
            say("confirmed", next.sequence);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_have_no_gap_and_no_repetition_after_sigkill_at_any_instant() {
    let given = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let kills = given("ESTAFETTE_CRASH_KILLS").unwrap_or(6);
    let seed = given("ESTAFETTE_CRASH_SEED").unwrap_or_else(rand::random);
    eprintln!("mutations: {kills} kills, ESTAFETTE_CRASH_SEED={seed}");
    let mut chance = StdRng::seed_from_u64(seed);
    let folder = tempfile::tempdir().unwrap();
    prepare(folder.path()).await;
    let (mut told, mut confirmed, mut half_way) = (Vec::new(), 0, 0);
    for kill in 0..kills {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "the_process_that_is_killed", "--nocapture"])
            .env(FOLDER, folder.path())
            .env(FIRST, (kill * DAYS).to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (after, mut days, mut is_killed) = (chance.random_range(1..12), 0, false);
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            let number = |text: &str| text.parse::<u64>().unwrap();
            if let Some(text) = line.strip_prefix("told ") {
                told.push(number(text));
                days += 1;
                if days == after {
                    // Somewhere in the making of the files; what it says before it dies is still read.
                    tokio::time::sleep(Duration::from_micros(chance.random_range(0..40_000))).await;
                    child.kill().unwrap();
                    is_killed = true;
                }
            } else if let Some(text) = line.strip_prefix("confirmed ") {
                confirmed = number(text);
            }
        }
        child.wait().unwrap();
        assert!(is_killed, "it ended by itself after {days}");
        half_way += u64::from(check(folder.path(), &told, confirmed, (kill + 1) * DAYS - 1).await);
    }
    eprintln!("mutations: {half_way} of {kills} kills left a day half-way");
}

async fn prepare(folder: &Path) {
    let (dossiers, _) = open(folder, &Arc::new(Hand(AtomicU64::new(noon(0)))));
    for n in 0..OWNERS {
        let mut names = Translated::new();
        for language in Language::ALL {
            names.set(language, "Name".into());
        }
        let (code, valid) = (Code::parse("A").unwrap(), Period::always());
        let definition = DossierType { code, names, valid, partner: None, rights: vec![] };
        dossiers.define(access(n), definition).await.unwrap();
        dossiers.inscribe(access(n), person(), code, Period::always()).await.unwrap();
    }
}

/// Makes what is missing and looks at all there is; gives whether something was missing.
async fn check(folder: &Path, told: &[u64], confirmed: u64, now: u64) -> bool {
    let clock = Arc::new(Hand(AtomicU64::new(noon(now))));
    let (_dossiers, mutations) = open(folder, &clock);
    let made = mutations.produce(today(now)).await.unwrap();
    assert_eq!(mutations.produce(today(now)).await.unwrap(), 0, "made twice");
    for n in 0..OWNERS {
        let (mut sequence, mut days) = (0, BTreeMap::<u64, Vec<u64>>::new());
        loop {
            let vouchers = mutations.vouchers(institution(n), sequence, 1_000).await.unwrap();
            if vouchers.is_empty() {
                break;
            }
            for voucher in vouchers {
                assert_eq!(voucher.sequence, sequence + 1, "a gap, or a repetition");
                sequence = voucher.sequence;
                let (same, bytes) = mutations.file(institution(n), sequence).await.unwrap();
                assert_eq!(same, voucher);
                assert_eq!(voucher.sha256, digest::digest(&digest::SHA256, &bytes).as_ref());
                let inside = mutations.mutations(institution(n), sequence).await.unwrap();
                assert_eq!(inside.len(), voucher.count as usize);
                for mutation in inside {
                    days.entry(number(&mutation.change) / EACH_DAY).or_default().push(number(&mutation.change));
                }
                assert!(n != 0 || sequence > confirmed || voucher.confirmed.is_some(), "a confirmation is lost");
            }
        }
        for day in told {
            assert!(days.contains_key(day), "what was told on {day} is lost");
        }
        for (day, numbers) in days {
            let all: Vec<u64> = (day * EACH_DAY..(day + 1) * EACH_DAY).collect();
            assert_eq!(numbers, all, "all of a day, in order, or nothing of it");
        }
    }
    made > 0
}
