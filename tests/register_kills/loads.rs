//! Loads of persons, of whom some are replaced, restored or cancelled: after a kill persons, rows that moved, lines of the trail
//! and mutations are those of the first commits of the load, whole. In the end each mutation is in one file, once.
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use estafette_actors::domain::mutation::Change;
use estafette_actors::ports::register::Mutations as _;
use estafette_actors::ports::{Clock, SystemClock};
use futures_util::future::join_all;
use rand::Rng;
use rand::rngs::StdRng;
use reqwest::Method;
use serde_json::{Value, json};

use crate::model::{Rows, days_of, numbers};
use crate::offline;
use crate::program::{OWNERS, Program, hear};
use crate::{IN_A_FOLDER, chance, kills};

/// Two commits, and some.
const PERSONS: usize = 2 * BATCH + 400;
/// Lines of a commit.
const BATCH: usize = 4_096;
/// Institutions whose registers have rows.
const HOLDERS: usize = 2;
/// Persons who are looked up after a kill.
const SAMPLE: usize = 60;
const PATH: &str = "register/persons?on_error=keep";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    InUse,
    ReplacedBy(usize),
    Cancelled,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Person {
    /// Part of the surname.
    version: u64,
    standing: Standing,
}

/// All that there has to be.
#[derive(Clone)]
struct World {
    persons: Vec<Person>,
    rows: Vec<Rows>,
    /// What each institution is told: about whom, and what.
    told: Vec<Vec<(String, String)>>,
    /// Lines of the trail: of what was told, and of registers in which rows moved.
    tells: usize,
    moves: usize,
}

impl World {
    /// Where the replacements of a person lead.
    fn end(&self, mut place: usize) -> Option<usize> {
        loop {
            match self.persons[place].standing {
                Standing::InUse => return Some(place),
                Standing::Cancelled => return None,
                Standing::ReplacedBy(by) => place = by,
            }
        }
    }

    fn holds(&self, owner: usize, niss: &str) -> bool {
        self.rows[owner].0.contains_key(&(niss.to_owned(), "A".to_owned()))
    }

    /// One commit.
    fn put(&mut self, first: usize, persons: &[Person], numbers: &[String]) {
        let before = self.persons[first..first + persons.len()].to_vec();
        self.persons[first..first + persons.len()].copy_from_slice(persons);
        let mut moves = vec![];
        for (place, (before, now)) in (first..).zip(before.iter().zip(persons)) {
            let (niss, mut changes, mut others) = (&numbers[place], vec![], vec![]);
            if before.standing != now.standing {
                changes.push(match (before.standing, now.standing) {
                    (_, Standing::ReplacedBy(by)) => {
                        moves.push(place);
                        format!("replaced {}", numbers[by])
                    }
                    (_, Standing::Cancelled) => "cancelled".to_owned(),
                    (Standing::ReplacedBy(from), Standing::InUse) => {
                        let mut by = from;
                        others.push(&numbers[by]);
                        while let Standing::ReplacedBy(next) = self.persons[by].standing {
                            by = next;
                            others.push(&numbers[by]);
                        }
                        format!("restored {}", numbers[from])
                    }
                    (_, Standing::InUse) => format!("restored {niss}"),
                });
            }
            if before.version != now.version {
                changes.push(format!("surname {}", surname(now)));
            }
            for (number, change) in changes.iter().enumerate() {
                self.tells += 1;
                for owner in 0..HOLDERS {
                    // Of a number that was restored, rows are where they went, and went on to.
                    let is_elsewhere = number == 0 && others.iter().any(|other| self.holds(owner, other));
                    if self.holds(owner, niss) || is_elsewhere {
                        self.told[owner].push((niss.clone(), change.clone()));
                    }
                }
            }
        }
        for old in moves {
            let Some(new) = self.end(old) else { continue };
            for rows in &mut self.rows {
                if let Some(moved) = rows.0.remove(&(numbers[old].clone(), "A".to_owned())) {
                    self.moves += 1;
                    for period in moved {
                        rows.inscribe(&numbers[new], "A", period);
                    }
                }
            }
        }
    }

    /// The next load: as it is, with some changes.
    fn changed(&self, version: u64, chance: &mut StdRng) -> Vec<Person> {
        let mut persons = self.persons.clone();
        // Whom others lead to stays in use here.
        let mut needed = vec![false; persons.len()];
        for person in &persons {
            if let Standing::ReplacedBy(by) = person.standing {
                needed[by] = true;
            }
        }
        for place in 0..persons.len() {
            let draw = chance.random_range(0..1_000);
            let other = chance.random_range(0..persons.len());
            let is_other_used =
                other != place && self.persons[other] == persons[other] && persons[other].standing == Standing::InUse;
            match persons[place].standing {
                Standing::InUse if draw < 100 => persons[place].version = version,
                Standing::InUse if draw < 150 && is_other_used => {
                    persons[place].standing = Standing::ReplacedBy(other);
                    needed[other] = true;
                }
                Standing::InUse if draw < 160 && !needed[place] => persons[place].standing = Standing::Cancelled,
                Standing::Cancelled | Standing::ReplacedBy(_) if draw < 100 => {
                    persons[place].standing = Standing::InUse;
                }
                _ => {}
            }
        }
        persons
    }
}

fn surname(person: &Person) -> String {
    // Digits are no part of how a name sounds; letters are.
    let letters = person.version.to_string().bytes().map(|digit| char::from(b'a' + (digit - b'0'))).collect::<String>();
    format!("Peeters {letters}")
}

fn csv(persons: &[Person], numbers: &[String]) -> String {
    let mut csv = "niss,surname,birth_date,replaced_by,cancelled\n".to_owned();
    for (person, niss) in persons.iter().zip(numbers) {
        let (by, cancelled) = match person.standing {
            Standing::InUse => ("", ""),
            Standing::ReplacedBy(by) => (&*numbers[by], ""),
            Standing::Cancelled => ("", "true"),
        };
        let _ = writeln!(csv, "{niss},{},1950,{by},{cancelled}", surname(person));
    }
    csv
}

async fn prepared(numbers: &[String], chance: &mut StdRng) -> (Program, World) {
    let mut program = Program::prepare("");
    program.start().await;
    let persons = vec![Person { version: 0, standing: Standing::InUse }; numbers.len()];
    hear(program.upload(0, Method::PUT, PATH, csv(&persons, numbers))).await.unwrap();
    let (rows, told) = (vec![Rows::default(); HOLDERS], vec![vec![]; HOLDERS]);
    let mut world = World { persons, rows, told, tells: 0, moves: 0 };
    for (owner, rows) in world.rows.iter_mut().enumerate() {
        program.define(owner, &["A"]).await;
        let mut csv = "niss,type,begin,end\n".to_owned();
        for niss in numbers {
            for _ in 0..chance.random_range(0..3) {
                let period = days_of(chance.random_range(0..12), chance);
                let _ = writeln!(csv, "{niss},A,{},{}", period.begin(), period.end().unwrap());
                rows.inscribe(niss, "A", period);
            }
        }
        hear(program.upload(owner, Method::POST, "register/rows/import", csv)).await.unwrap();
    }
    program.trail().await;
    (program, world)
}

/// Whether the authentic source and the registers are as a world.
async fn differs(
    program: &Program,
    found: &[Rows],
    world: &World,
    numbers: &[String],
    sample: &[usize],
) -> Option<String> {
    if let Some(owner) = (0..HOLDERS).find(|owner| found[*owner] != world.rows[*owner]) {
        return Some(format!("rows of {}", OWNERS[owner]));
    }
    for place in sample {
        let request =
            program.ask_as(0, Method::POST, "register/persons/lookup").json(&json!({"niss": numbers[*place]}));
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        let told = (answer["person"]["niss"].as_str(), answer["person"]["surname"].as_str().map(str::to_owned));
        let end = world.end(*place);
        if told != (end.map(|end| &*numbers[end]), end.map(|end| surname(&world.persons[end]))) {
            return Some(format!("person {place}: {answer}"));
        }
    }
    None
}

/// Lines of the trail: of persons that were taken, of what was told, of rows that moved.
fn lines(trail: &[Value]) -> [usize; 3] {
    ["import", "tell", "replace"].map(|deed| trail.iter().filter(|line| line["deed"] == deed).count())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_load_of_persons_that_was_killed_is_there_up_to_a_commit_with_all_that_follows_from_it() {
    let (kills, mut chance, numbers) = (kills(), chance("loads"), numbers(PERSONS));
    let (mut program, mut world) = prepared(&numbers, &mut chance).await;
    let (mut half_way, mut whole, mut typical, mut mutations) = (0, 0, Duration::from_secs(1), 0);
    for kill in 0..kills {
        if kill > 0 && kill.is_multiple_of(IN_A_FOLDER) {
            mutations += all_in_files(&program, &world).await;
            (program, world) = prepared(&numbers, &mut chance).await;
        }
        let persons = world.changed(kill + 1, &mut chance);
        let asked = tokio::spawn(hear(program.upload(0, Method::PUT, PATH, csv(&persons, &numbers))));
        tokio::time::sleep(typical.mul_f64(chance.random_range(0.0..1.0))).await;
        program.kill();
        let answer = asked.await.unwrap();
        program.start().await;

        let mut stages = vec![world];
        for (batch, first) in persons.chunks(BATCH).zip((0..).step_by(BATCH)) {
            let mut next = stages[stages.len() - 1].clone();
            next.put(first, batch, &numbers);
            stages.push(next);
        }
        let found = join_all((0..HOLDERS).map(|owner| program.rows(owner))).await;
        let sample: Vec<usize> = (0..SAMPLE).map(|_| chance.random_range(0..PERSONS)).collect();
        let (mut there, mut reasons) = (None, vec![]);
        for (number, stage) in stages.iter().enumerate() {
            match differs(&program, &found, stage, &numbers, &sample).await {
                None => there = Some(number),
                Some(reason) => reasons.push(reason),
            }
        }
        let there = there.unwrap_or_else(|| panic!("kill {kill}: it is no number of whole commits: {reasons:?}"));
        let all = stages.len() - 1;
        assert!(answer.is_none() || there == all, "kill {kill}: it was answered, and is lost");
        half_way += u64::from(there > 0 && there < all);
        whole += u64::from(answer.is_some());
        let (before, now) = (&stages[0], &stages[there]);
        let taken = (there * BATCH).min(PERSONS);
        let expected = [taken, now.tells - before.tells, now.moves - before.moves];
        assert_eq!(lines(&program.trail().await), expected, "kill {kill}: lines of the trail");

        let began = Instant::now();
        let again = hear(program.upload(0, Method::PUT, PATH, csv(&persons, &numbers))).await.unwrap();
        if there == 0 {
            typical = began.elapsed();
        }
        assert_eq!((&again["accepted"], &again["refused"]), (&json!(PERSONS), &json!(0)), "{again}");
        let same = hear(program.upload(0, Method::PUT, PATH, csv(&persons, &numbers))).await.unwrap();
        assert_eq!(
            (&same["new"], &same["changed"]),
            (&json!(0), &json!(0)),
            "kill {kill}: what is there changes nothing"
        );
        let found = join_all((0..HOLDERS).map(|owner| program.rows(owner))).await;
        let last = stages.pop().unwrap();
        assert_eq!(differs(&program, &found, &last, &numbers, &sample).await, None, "kill {kill}");
        let reached = stages.get(there).unwrap_or(&last);
        let rest = [2 * PERSONS, last.tells - reached.tells, last.moves - reached.moves];
        assert_eq!(lines(&program.trail().await), rest, "kill {kill}: lines of the trail of the rest");
        world = last;
    }
    mutations += all_in_files(&program, &world).await;
    eprintln!(
        "loads: of {kills} killed ones {half_way} were there half, {whole} had been answered; {mutations} mutations"
    );
}

/// Ends the day for a program that is killed: each mutation is in a file, once. Gives how many there are.
async fn all_in_files(program: &Program, world: &World) -> usize {
    program.kill();
    let tomorrow = SystemClock.now().plus(Duration::from_secs(24 * 3_600));
    let clock = Arc::new(offline::Hand(AtomicU64::new(tomorrow.millis())));
    let (_dossiers, mutations) = offline::open(&program.data(), &clock);
    mutations.produce(estafette_actors::domain::day::of(tomorrow)).await.unwrap();
    let mut all = 0;
    for (owner, told) in OWNERS.into_iter().zip(&world.told) {
        let mut found = vec![];
        for mutation in offline::files(&mutations, owner).await.into_iter().flatten() {
            let what = match mutation.change {
                Change::Replaced { by } => format!("replaced {}", by.digits()),
                Change::Restored { from } => format!("restored {}", from.digits()),
                Change::Cancelled => "cancelled".to_owned(),
                Change::Identified { now, .. } => format!("surname {}", now.surname),
                Change::Event { kind, .. } => format!("event {}", kind.as_str()),
            };
            found.push((mutation.niss.digits(), what));
        }
        let mut expected = told.clone();
        found.sort();
        expected.sort();
        assert_eq!(found.len(), expected.len(), "mutations of {owner}");
        assert!(found == expected, "mutations of {owner} are others");
        all += found.len();
    }
    all
}
