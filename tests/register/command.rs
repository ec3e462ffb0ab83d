//! `estafette register` as people and scripts use it: the real program, over the API.
use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use estafette_actors::domain::submission::Institution;
use estafette_actors::ports::register::Mutations as _;
use reqwest::Method;
use serde_json::{Value, json};

use crate::api::KEY;
use crate::desk::{Desk, ION, JAN, PERSONS, UNKNOWN};

impl Desk {
    /// Runs it, with something on standard input.
    async fn run(&self, arguments: &[&str], input: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_estafette"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("ESTAFETTE")) {
            command.env_remove(name);
        }
        command.args(["register", "--api", &self.face.base, "--key", KEY]).args(arguments);
        command.env("ESTAFETTE_LEGAL_CONTEXT", "PENSIONS:2026");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        // The broker runs on this thread.
        tokio::task::spawn_blocking(|| child.wait_with_output().unwrap()).await.unwrap()
    }

    async fn told(&self, arguments: &[&str], input: &str) -> Value {
        let output = self.run(&[arguments, &["--output", "json"]].concat(), input).await;
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{arguments:?}: {}", said(&output)))
    }
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[actix_rt::test]
async fn a_number_comes_from_standard_input_and_so_is_in_no_history() {
    let desk = Desk::open().await;
    let days = ["--type", "PENSIONER", "--begin", "2026-01-01", "--end", "2026-06-30"];
    let inscribed =
        desk.told(&[&["inscribe"][..], &days, &["--surname", "Peeters"]].concat(), &format!("{JAN}\n")).await;
    assert_eq!((&inscribed["outcome"], &inscribed["niss"]), (&json!("added"), &json!(JAN)));
    let people = said(&desk.run(&[&["inscribe", "-"][..], &days].concat(), JAN).await);
    assert!(people.contains("Outcome    covered") && people.contains("Remark     covered"), "{people}");
    let found = desk.told(&["consult", "-", "--on", "2026-02-01"], JAN).await;
    assert_eq!(found["rows"].as_array().unwrap().len(), 1);
    let cut = ["remove", "--type", "PENSIONER", "--begin", "2026-03-01", "--end", "2026-03-31"];
    assert_eq!(desk.told(&cut, JAN).await["left"].as_array().unwrap().len(), 2);
    let careless = desk.run(&["remove", "--type", "PENSIONER"], JAN).await;
    assert!(!careless.status.success() && said(&careless).contains("--all"), "{}", said(&careless));
    desk.told(&["remove", "--type", "PENSIONER", "--all"], JAN).await;
    assert_eq!(desk.told(&["counts"], "").await["rows"], 0);
    let unknown = desk.run(&[&["inscribe"][..], &days].concat(), UNKNOWN).await;
    assert_eq!(unknown.status.code(), Some(1));
    assert!(said(&unknown).contains("/niss") && !said(&unknown).contains(UNKNOWN), "{}", said(&unknown));
    let empty = desk.run(&["lookup"], "").await;
    assert!(said(&empty).contains("no NISS came"), "{}", said(&empty));
}

#[actix_rt::test]
async fn files_go_in_and_come_out_and_bad_lines_end_with_1() {
    let desk = Desk::open().await;
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("rows.csv", &format!("niss,type,begin\n{JAN},PENSIONER,2026-01-01\n{UNKNOWN},PENSIONER,2026-01-01\n"));
    let refused = desk.run(&["import", &place("rows.csv")], "").await;
    assert_eq!(refused.status.code(), Some(1));
    assert!(said(&refused).contains("3: this NISS is not known"), "{}", said(&refused));
    let kept = desk.run(&["import", &place("rows.csv"), "--keep-good-rows"], "").await;
    assert_eq!(kept.status.code(), Some(1), "a line was refused");
    assert!(said(&kept).contains("line 3 niss:"), "{}", said(&kept));
    let exported = desk.run(&["export", &place("out.ndjson")], "").await;
    assert!(exported.status.success(), "{}", said(&exported));
    let lines = std::fs::read_to_string(place("out.ndjson")).unwrap();
    assert_eq!(
        serde_json::from_str::<Value>(&lines).unwrap(),
        json!({"niss": JAN, "type": "PENSIONER", "begin": "2026-01-01", "end": null})
    );
    let again = desk.told(&["import", &place("out.ndjson")], "").await;
    assert_eq!((&again["covered"], &again["refused"]), (&json!(1), &json!(0)));
    let csv = desk.run(&["export", "--type", "PENSIONER"], "").await;
    assert_eq!(String::from_utf8_lossy(&csv.stdout), format!("niss,type,begin,end\r\n{JAN},PENSIONER,2026-01-01,\r\n"));
    write("persons.csv", PERSONS);
    assert_eq!(desk.told(&["persons", "import", &place("persons.csv")], "").await["accepted"], 5);
    write("type.json", &json!({"names": {"fr": "A", "nl": "B", "de": "C", "en": "Worker"}}).to_string());
    assert_eq!(desk.told(&["types", "define", "worker", &place("type.json")], "").await["code"], "WORKER");
    assert!(said(&desk.run(&["types", "list"], "").await).contains("Worker"));
    let hits = desk.told(&["search", "Popescu", "--birth-date", "1985-07-30"], "").await;
    assert_eq!(hits["persons"][0]["person"]["niss"], ION);
    let trail = desk.told(&["audit", "--deed", "import"], "").await;
    assert!(trail["lines"].as_array().unwrap().len() >= 3, "{trail}");
}

#[actix_rt::test]
async fn files_of_mutations_are_listed_fetched_whole_and_confirmed() {
    let desk = Desk::open().await;
    desk.inscribe(JAN, "2020-01-01", None).await;
    desk.ask(Method::PUT, "/v1/register/subscriptions/DIMONA").json(&json!({})).send().await.unwrap();
    let event = format!("{}\n", json!({"niss": JAN, "on": "2026-01-02", "kind": "DIMONA"}));
    desk.upload("/v1/register/events", "application/x-ndjson", &event).await;
    desk.store.end_day().await;
    assert_eq!(desk.told(&["mutations", "list"], "").await["vouchers"][0]["sequence"], 1);
    let fetched = desk.run(&["mutations", "fetch", "1"], "").await;
    let kept = desk.store.mutations.file(Institution("0403019261".parse().unwrap()), 1).await.unwrap().1;
    assert_eq!(String::from_utf8_lossy(&fetched.stdout), String::from_utf8_lossy(&kept));
    assert!(String::from_utf8_lossy(&kept).contains("DIMONA"));
    let confirmed = desk.told(&["mutations", "confirm", "1"], "").await;
    assert!(!confirmed["confirmed_at"].is_null());
    let early = desk.run(&["mutations", "confirm", "2"], "").await;
    assert_eq!(early.status.code(), Some(1));
}
