//! Imports side by side: what is there of one after a kill is what its first batches make of the rows; sent again it is whole, and
//! once more it is all covered.
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use reqwest::Method;
use serde_json::Value;

use crate::model::{Rows, days_of, numbers};
use crate::program::{Program, hear};
use crate::{IN_A_FOLDER, chance, kills};

const PERSONS: usize = 3_000;
/// One more than two commits.
const LINES: usize = 2 * BATCH + 1_000;
/// Lines of a commit.
const BATCH: usize = 4_096;
/// Each import has a type of its own.
const TYPES: [&str; 3] = ["SORTED", "MIXED", "ROUGH"];
const PATH: &str = "register/rows/import?on_error=keep";
/// A right number that nobody knows.
const UNKNOWN: &str = "05200000179";

/// A type, and the lines to import.
struct Import(&'static str, Vec<(String, estafette_actors::domain::period::Period)>);

impl Import {
    fn new(code: &'static str, month: u64, persons: &[String], chance: &mut StdRng) -> Self {
        let mut lines: Vec<_> = (0..LINES)
            .map(|_| (persons[chance.random_range(0..persons.len())].clone(), days_of(month, chance)))
            .collect();
        lines.sort();
        if code != TYPES[0] {
            lines.shuffle(chance);
            // With a bad line a commit has fewer lines, and goes through the log.
            lines
                .iter_mut()
                .step_by(if code == TYPES[1] { 1_000 } else { 50 })
                .for_each(|line| line.0 = UNKNOWN.into());
        }
        Self(code, lines)
    }

    fn csv(&self) -> String {
        let mut csv = "niss,type,begin,end\n".to_owned();
        for (niss, period) in &self.1 {
            let _ = writeln!(csv, "{niss},{},{},{}", self.0, period.begin(), period.end().unwrap());
        }
        csv
    }

    fn good(&self, batches: usize) -> impl Iterator<Item = &(String, estafette_actors::domain::period::Period)> {
        self.1.iter().take(batches * BATCH).filter(|(niss, _)| niss != UNKNOWN)
    }

    /// What its first batches make of rows, for each number of them.
    fn stages(&self, before: &Rows) -> Vec<Rows> {
        let mut stages = vec![before.of(self.0)];
        for batch in self.1.chunks(BATCH) {
            let mut rows = stages[stages.len() - 1].clone();
            for (niss, period) in batch.iter().filter(|(niss, _)| niss != UNKNOWN) {
                rows.inscribe(niss, self.0, *period);
            }
            stages.push(rows);
        }
        stages
    }

    fn is_whole(&self, answer: &Value) {
        let (good, bad) = (self.good(LINES).count() as u64, LINES as u64 - self.good(LINES).count() as u64);
        assert_eq!((answer["accepted"].as_u64(), answer["refused"].as_u64()), (Some(good), Some(bad)), "{}", self.0);
    }
}

/// Lines of the trail about lines that were taken, by type.
fn taken(trail: &[Value]) -> BTreeMap<&str, usize> {
    let mut taken = BTreeMap::new();
    for line in trail.iter().filter(|line| line["deed"] == "import" && !line["type"].is_null()) {
        if line["outcome"] == "done" || line["outcome"] == "covered" {
            *taken.entry(line["type"].as_str().unwrap()).or_default() += 1;
        }
    }
    taken
}

async fn prepared(persons: &[String]) -> Program {
    let mut program = Program::prepare("");
    program.start().await;
    program.define(0, &TYPES).await;
    let lines = persons.iter().map(|niss| format!("{niss},Peeters,1950\n"));
    let csv = format!("niss,surname,birth_date\n{}", lines.collect::<String>());
    hear(program.upload(0, Method::PUT, "register/persons", csv)).await.unwrap();
    program.trail().await;
    program
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_that_was_killed_is_there_up_to_a_commit_and_sent_again_it_is_whole() {
    let (kills, mut chance, persons) = (kills(), chance("imports"), numbers(PERSONS));
    let (mut program, mut rows) = (prepared(&persons).await, Rows::default());
    let (mut half_way, mut whole, mut typical) = (0, 0, Duration::from_secs(2));
    for kill in 0..kills {
        if kill > 0 && kill.is_multiple_of(IN_A_FOLDER) {
            (program, rows) = (prepared(&persons).await, Rows::default());
        }
        let imports = TYPES.map(|code| Import::new(code, kill % IN_A_FOLDER, &persons, &mut chance));
        let asked: Vec<_> = imports
            .iter()
            .map(|import| tokio::spawn(hear(program.upload(0, Method::POST, PATH, import.csv()))))
            .collect();
        tokio::time::sleep(typical.mul_f64(chance.random_range(0.0..1.0))).await;
        program.kill();
        let answers: Vec<Option<Value>> = join_all(asked).await.into_iter().map(Result::unwrap).collect();
        program.start().await;

        let (found, trail) = (program.rows(0).await, program.trail().await);
        let taken_before = taken(&trail);
        let mut stages: Vec<Vec<Rows>> = imports.iter().map(|import| import.stages(&rows)).collect();
        for ((import, stages), answer) in imports.iter().zip(&stages).zip(&answers) {
            let there = stages.iter().position(|stage| *stage == found.of(import.0));
            let there = there.unwrap_or_else(|| panic!("kill {kill}: {} is no number of whole commits", import.0));
            let all = stages.len() - 1;
            assert!(answer.is_none() || there == all, "kill {kill}: {} was answered, and is lost", import.0);
            half_way += u64::from(there > 0 && there < all);
            whole += u64::from(answer.is_some());
            let lines = taken_before.get(import.0).copied().unwrap_or_default();
            assert_eq!(lines, import.good(there).count(), "kill {kill}: lines of the trail about {}", import.0);
        }
        // Sent again, side by side, and one of them once more.
        let began = Instant::now();
        let again = join_all(imports.iter().map(|import| hear(program.upload(0, Method::POST, PATH, import.csv()))));
        for (import, answer) in imports.iter().zip(again.await) {
            import.is_whole(&answer.unwrap());
        }
        if answers.iter().all(Option::is_none) {
            typical = began.elapsed();
        }
        let last = &imports[(kill % 3) as usize];
        let covered = hear(program.upload(0, Method::POST, PATH, last.csv())).await.unwrap();
        last.is_whole(&covered);
        assert_eq!(covered["covered"], covered["accepted"], "kill {kill}: what is there is covered");
        rows = Rows(stages.iter_mut().flat_map(|stages| stages.pop().unwrap().0).collect());
        assert_eq!(program.rows(0).await, rows, "kill {kill}: rows are not what the lines make of them");
        let trail = program.trail().await;
        let lines: usize = taken(&trail).values().sum();
        let sent: usize = imports.iter().chain([last]).map(|import| import.good(LINES).count()).sum();
        assert_eq!(lines, sent, "kill {kill}: each line that was taken has one of the trail");
    }
    eprintln!("imports: of {} killed ones {half_way} were there half, {whole} had been answered", kills * 3);
}
