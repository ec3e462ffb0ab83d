//! The register's store is killed again and again in the middle of inscriptions, imports and rounds of its tables: what it
//! acknowledged is there afterwards, its counts are true, and its trail has no gap.
//!
//! `ESTAFETTE_CRASH_KILLS` says how often (6), `ESTAFETTE_CRASH_SEED` repeats the choices of a run. The process that is killed is this
//! program again, with the folder in `ESTAFETTE_REGISTER_FOLDER`.
#![allow(clippy::unwrap_used)] // a failed step fails the test
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use estafette::store::register::{Dossiers, Settings};
use estafette_actors::domain::cbe::Cbe;
use estafette_actors::domain::dossier::{Code, DossierType};
use estafette_actors::domain::language::{Language, Translated};
use estafette_actors::domain::niss::Niss;
use estafette_actors::domain::period::Period;
use estafette_actors::domain::submission::Institution;
use estafette_actors::ports::SystemClock;
use estafette_actors::ports::register::{Access, Deed, Dossiers as _, Face, Import, Question};
use jiff::civil::Date;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

const FOLDER: &str = "ESTAFETTE_REGISTER_FOLDER";
const FIRST: &str = "ESTAFETTE_REGISTER_FIRST";
/// Numbers that one process may use.
const EACH: u64 = 10_000_000;
const CALLERS: u64 = 16;
/// Lines of an import that goes straight to the tables.
const IMPORT: u64 = 5_000;
const DAY: Date = Date::constant(2026, 11, 28);

fn access() -> Access {
    let institution = Institution(Cbe::parse("0403019261").unwrap());
    Access { institution, key: "k".into(), legal_context: "law".into(), ticket: None, face: Face::Rest }
}

fn code() -> Code {
    Code::parse("A").unwrap()
}

/// Numbers one after the other are persons all over the table.
fn niss(number: u64) -> Niss {
    Niss::from_trusted_u64(number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20)
}

fn open(folder: &Path) -> Dossiers {
    let mut settings = Settings::new(folder);
    settings.engine.flush_after = Duration::from_millis(20);
    settings.audit_within = Duration::from_millis(5);
    Dossiers::open(settings, [7; 32], Arc::new(SystemClock)).unwrap()
}

/// Inscribes until it is killed; tells each number, and the first of each import, once it is acknowledged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_process_that_is_killed() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let first: u64 = std::env::var(FIRST).unwrap().parse().unwrap();
    let dossiers = open(Path::new(&folder));
    let tell = |what: &str, number: u64| {
        let mut out = std::io::stdout().lock();
        writeln!(out, "\n{what} {number}").and_then(|()| out.flush()).unwrap();
    };
    for caller in 0..CALLERS {
        let dossiers = dossiers.clone();
        tokio::spawn(async move {
            for number in (first + caller..first + EACH / 2).step_by(CALLERS as usize) {
                dossiers.inscribe(access(), niss(number), code(), Period::day(DAY)).await.unwrap();
                dossiers.note(&access(), Deed::Consult, Some(niss(number)), None, "done");
                tell("done", number);
            }
        });
    }
    for number in (first + EACH / 2..first + EACH).step_by(IMPORT as usize) {
        let line = |number| Import { niss: niss(number), code: code(), period: Period::day(DAY) };
        dossiers.import(access(), (number..number + IMPORT).map(line).collect()).await.unwrap();
        tell("import", number);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_sigkill_at_any_instant() {
    let given = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let kills = given("ESTAFETTE_CRASH_KILLS").unwrap_or(6);
    let seed = given("ESTAFETTE_CRASH_SEED").unwrap_or_else(rand::random);
    eprintln!("register: {kills} kills, ESTAFETTE_CRASH_SEED={seed}");
    let mut chance = StdRng::seed_from_u64(seed);
    let folder = tempfile::tempdir().unwrap();
    define(&open(folder.path())).await;
    let (mut done, mut imports) = (Vec::new(), Vec::new());
    for kill in 0..kills {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "the_process_that_is_killed", "--nocapture"])
            .env(FOLDER, folder.path())
            .env(FIRST, (kill * EACH).to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (after, mut told) = (chance.random_range(1..1_500), 0);
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            let number = |text: &str| text.parse::<u64>().unwrap();
            if let Some(text) = line.strip_prefix("done ") {
                done.push(number(text));
            } else if let Some(text) = line.strip_prefix("import ") {
                imports.push(number(text));
            } else {
                continue;
            }
            told += 1;
            if told == after {
                // What it told before it died is still read.
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        assert!(told >= after, "it ended by itself after {told}");
        check(&open(folder.path()), &done, &imports).await;
    }
}

async fn define(dossiers: &Dossiers) {
    let mut names = Translated::new();
    for language in Language::ALL {
        names.set(language, "Name".into());
    }
    let definition = DossierType { code: code(), names, valid: Period::always(), partner: None, rights: vec![] };
    dossiers.define(access(), definition).await.unwrap();
}

async fn check(dossiers: &Dossiers, done: &[u64], imports: &[u64]) {
    let owner = access().institution;
    let imported = imports.iter().flat_map(|first| *first..first + IMPORT);
    for number in done.iter().copied().chain(imported) {
        assert!(dossiers.holds(owner, niss(number), &[code()], DAY).unwrap(), "{number} is lost");
    }
    let (mut rows, mut after) = (0, None);
    loop {
        let page = dossiers.rows(owner, Question { after, limit: 1_000, ..Question::default() }).await.unwrap();
        rows += page.rows.len() as u64;
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(dossiers.counts(owner), [(code(), rows)]);
    let (mut position, mut changes) = (0, 0);
    loop {
        let lines = dossiers.audit(None, None, position, 1_000).await.unwrap();
        if lines.is_empty() {
            break;
        }
        for line in lines {
            assert_eq!(line.position, position + 1, "a gap in the trail");
            position = line.position;
            changes += u64::from(matches!(line.deed, Deed::Inscribe | Deed::Import));
        }
    }
    assert_eq!(changes, rows, "a change without its line, or a line without its change");
}
