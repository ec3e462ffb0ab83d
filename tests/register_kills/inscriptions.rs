//! Single inscriptions and removals from several connections: what was answered is there, in rows and in the trail; what was not
//! is there whole or not at all, and may be sent again.
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use estafette_actors::domain::period::{Inscribed, Period};
use futures_util::future::join_all;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::model::{Rows, days_of, numbers};
use crate::program::{Program, hear};
use crate::{chance, kills};

const CONNECTIONS: usize = 8;
/// Persons of each.
const PERSONS: usize = 20;
const TYPES: [&str; 2] = ["A", "B"];

/// Something to do.
#[derive(Clone)]
struct Deed {
    ticket: String,
    is_removal: bool,
    niss: String,
    code: &'static str,
    period: Period,
}

impl Deed {
    fn choose(ticket: String, persons: &[String], chance: &mut StdRng) -> Self {
        let niss = persons[chance.random_range(0..persons.len())].clone();
        let (code, period) = (TYPES[chance.random_range(0..2)], days_of(chance.random_range(0..6), chance));
        Self { ticket, is_removal: chance.random_bool(0.4), niss, code, period }
    }

    fn request(&self, program: &Program) -> RequestBuilder {
        let path = if self.is_removal { "register/removals" } else { "register/rows" };
        let (begin, end) = (self.period.begin(), self.period.end());
        let body = json!({"niss": self.niss, "type": self.code, "begin": begin, "end": end});
        program.ask_as(0, Method::POST, path).header("X-Correlation-Id", &self.ticket).json(&body)
    }

    /// Does it to rows; gives what has to be answered, and what the trail has to say.
    fn apply(&self, rows: &mut Rows) -> (Value, &'static str) {
        let shown = |periods: &[Period]| -> Value {
            periods.iter().map(|one| json!({"begin": one.begin(), "end": one.end()})).collect()
        };
        if self.is_removal {
            let removed = rows.remove(&self.niss, self.code, self.period);
            let outcome = if removed.touched.is_empty() { "nothing" } else { "done" };
            return (json!([shown(&removed.touched), shown(&removed.left)]), outcome);
        }
        match rows.inscribe(&self.niss, self.code, self.period) {
            Inscribed::Added(row) => (json!(["added", shown(&[row])[0]]), "done"),
            Inscribed::Merged { row, .. } => (json!(["merged", shown(&[row])[0]]), "done"),
            Inscribed::Covered(row) => (json!(["covered", shown(&[row])[0]]), "covered"),
        }
    }

    fn told(&self, answer: &Value) -> Value {
        if self.is_removal {
            json!([answer["touched"], answer["left"]])
        } else {
            json!([answer["outcome"], answer["row"]])
        }
    }
}

/// What one connection knows.
struct Caller {
    persons: Vec<String>,
    chance: StdRng,
    rows: Rows,
    /// Answered since the last kill: the ticket, and what the trail has to say.
    answered: Vec<(String, &'static str)>,
    /// Sent, and not answered.
    pending: Option<Deed>,
}

impl Caller {
    /// Does one thing after the other until an answer does not come.
    async fn work(mut self, program: Arc<Program>, number: usize, answered: Arc<AtomicU64>) -> Self {
        loop {
            let ticket = format!("{number}-{}", self.chance.random::<u64>());
            let deed = Deed::choose(ticket, &self.persons, &mut self.chance);
            let Some(answer) = hear(deed.request(&program)).await else {
                self.pending = Some(deed);
                return self;
            };
            self.done(&deed, &answer);
            answered.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn done(&mut self, deed: &Deed, answer: &Value) {
        let (told, outcome) = deed.apply(&mut self.rows);
        assert_eq!(deed.told(answer), told, "an answer is not what the rows make of it");
        self.answered.push((deed.ticket.clone(), outcome));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_to_single_inscriptions_and_removals_survives_a_kill() {
    let (kills, mut chance) = (kills(), chance("inscriptions"));
    let persons = numbers(CONNECTIONS * PERSONS);
    let mut program = Program::prepare("");
    program.start().await;
    program.define(0, &TYPES).await;
    let lines = persons.iter().map(|niss| format!("{niss},Peeters,1950\n"));
    let csv = format!("niss,surname,birth_date\n{}", lines.collect::<String>());
    hear(program.upload(0, Method::PUT, "register/persons", csv)).await.unwrap();
    program.trail().await;
    let caller = |persons: &[String]| Caller {
        persons: persons.to_vec(),
        chance: StdRng::seed_from_u64(chance.random()),
        rows: Rows::default(),
        answered: vec![],
        pending: None,
    };
    let mut callers: Vec<Caller> = persons.chunks(PERSONS).map(caller).collect();
    let (mut all, mut applied) = (0, 0);
    for kill in 0..kills {
        let (answered, until) = (Arc::<AtomicU64>::default(), chance.random_range(1..400));
        let shared = Arc::new(program);
        let working: Vec<_> = (0..)
            .zip(callers)
            .map(|(number, caller)| tokio::spawn(caller.work(Arc::clone(&shared), number, Arc::clone(&answered))))
            .collect();
        while answered.load(Ordering::Relaxed) < until {
            assert!(!working.iter().any(tokio::task::JoinHandle::is_finished), "a caller gave up before the kill");
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
        shared.kill();
        callers = join_all(working).await.into_iter().map(Result::unwrap).collect();
        program = Arc::into_inner(shared).unwrap();
        program.start().await;

        let (found, trail) = (program.rows(0).await, program.trail().await);
        let mut lines = BTreeMap::<&str, Vec<&str>>::new();
        for line in trail.iter().filter(|line| line["deed"] == "inscribe" || line["deed"] == "remove") {
            let text = |name: &str| line[name].as_str().unwrap();
            lines.entry(text("correlation_id")).or_default().push(text("outcome"));
        }
        for caller in &mut callers {
            for (ticket, outcome) in std::mem::take(&mut caller.answered) {
                assert_eq!(lines.remove(&*ticket), Some(vec![outcome]), "kill {kill}: the line of what was answered");
                all += 1;
            }
            let is_mine = |niss: &String| caller.persons.contains(niss);
            let mine =
                found.0.iter().filter(|((niss, _), _)| is_mine(niss)).map(|(key, rows)| (key.clone(), rows.clone()));
            let mine = Rows(mine.collect());
            let pending = caller.pending.take().unwrap();
            if let Some(line) = lines.remove(&*pending.ticket) {
                let (_, outcome) = pending.apply(&mut caller.rows);
                assert_eq!(line, [outcome], "kill {kill}: the line of what was not answered");
                applied += 1;
            }
            assert_eq!(caller.rows, mine, "kill {kill}: rows are not what the trail says was done");
            let again = hear(pending.request(&program)).await.unwrap();
            caller.done(&pending, &again);
        }
        assert!(lines.is_empty(), "kill {kill}: the trail has what nobody asked for: {lines:?}");
    }
    eprintln!("inscriptions: {all} answered, of {} that were not {applied} were done", kills * CONNECTIONS as u64);
}
