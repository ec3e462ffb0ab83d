//! `estafette broadcast`: interrupted at any point, the same command goes on, and sends nothing twice.
use std::collections::HashSet;
use std::time::Duration;

use serde_json::{Value, json};

use crate::program::{Program, rows, said};

/// Slow enough to be interrupted.
const SLOW: &str = "[delivery.sms]\nrate_per_second = 400\n";

fn document(output: &std::process::Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", said(output)))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_is_killed_goes_on_when_it_is_called_again_also_over_a_death_of_the_broker() {
    let mut program = Program::prepare(SLOW).await;
    program.start().await;
    let file = program.folder.path().join("rows.csv");
    rows(&file, 1_500);
    let arguments = [file.to_str().unwrap(), "--text", "Bonjour {{n}}", "--output", "json"];
    let mut first = program.broadcast(&arguments).spawn().unwrap();
    while program.taken().len() < 50 {
        assert!(first.try_wait().unwrap().is_none(), "it ended by itself");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    first.kill().unwrap();
    first.wait().unwrap();
    let remembered: Value =
        serde_json::from_slice(&std::fs::read(program.folder.path().join("rows.csv.broadcast.json")).unwrap()).unwrap();
    let id = remembered["broadcast"].as_str().unwrap().to_owned();
    assert!(!remembered.to_string().contains(&program.key) && !remembered.to_string().contains("+32470"));

    // The broker dies and comes back while the second call follows it.
    let second = program.broadcast(&arguments).spawn().unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    program.kill();
    program.start().await;
    let second = tokio::task::spawn_blocking(move || second.wait_with_output().unwrap()).await.unwrap();
    let told = document(&second);
    assert_eq!((&told["broadcast"]["id"], &told["filled"]["accepted"]), (&json!(id), &json!(1_500)));
    assert_eq!(told["broadcast"]["by_status"]["waiting"], Value::Null, "{told}");
    let taken = program.taken();
    let recipients: HashSet<_> = taken.iter().map(|entry| entry.recipient.clone()).collect();
    assert_eq!(recipients.len(), 1_500);
    // What was under way at the broker's death is sent again where nobody can tell, and says so.
    let unmarked = taken.iter().filter(|entry| !entry.possible_duplicate).count();
    assert_eq!(unmarked, 1_500);

    // Called once more it sends nothing, until it is told to.
    let third = program.broadcast(&arguments).output().unwrap();
    assert_eq!((third.status.code(), &document(&third)["broadcast"]["id"]), (Some(0), &json!(id)));
    assert!(said(&third).contains("--again"), "{}", said(&third));
    assert_eq!(program.taken().len(), taken.len());
    let again = program.broadcast(&arguments).args(["--again", "--no-wait"]).output().unwrap();
    assert_ne!(document(&again)["broadcast"]["id"], json!(id), "{}", said(&again));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_was_interrupted_is_made_anew_and_its_draft_is_never_sent() {
    let mut program = Program::prepare("").await;
    program.start().await;
    let file = program.folder.path().join("rows.csv");
    rows(&file, 40);
    let arguments = [file.to_str().unwrap(), "--text", "Bonjour {{n}}", "--output", "json"];
    // As a call leaves it that was killed in the midst of its upload: a draft with a part of the rows, none of them with a key.
    let terms = json!({"strategy": "sms-only", "content": {"text": {"fr": "Bonjour {{n}}"}}});
    let draft: Value = program.post("/v1/broadcasts", &terms).await.json().await.unwrap();
    let draft = draft["id"].as_str().unwrap().to_owned();
    let part = "mobile,var.n\n+32470000001,1\n";
    assert_eq!(program.put(&draft, part).await.status(), 200);
    let about = file.metadata().unwrap();
    let changed = about.modified().unwrap().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    let remembered = json!({"call": {"api": program.api, "terms": terms, "keep_good_rows": false,
        "bytes": about.len(), "changed_ms": u64::try_from(changed).unwrap()}, "broadcast": draft, "filled": null});
    let place = program.folder.path().join("rows.csv.broadcast.json");
    std::fs::write(&place, remembered.to_string()).unwrap();

    let output = program.broadcast(&arguments).output().unwrap();
    let told = document(&output);
    assert_ne!(told["broadcast"]["id"], json!(draft), "{}", said(&output));
    assert_eq!((&told["broadcast"]["rows"], output.status.code()), (&json!(40), Some(0)));
    assert_eq!(program.get(&format!("/v1/broadcasts/{draft}")).await["phase"], "cancelled");
    assert_eq!(program.taken().len(), 40);

    // Another file under the same name is another broadcast; a bad one leaves no draft, and is told with its lines.
    std::fs::write(&file, "key,mobile,var.n\na,0470123456,1\nb,12,2\n").unwrap();
    let output = program.broadcast(&arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("3: "), "{}", said(&output));
    let remembered: Value = serde_json::from_slice(&std::fs::read(&place).unwrap()).unwrap();
    let refused = remembered["broadcast"].as_str().unwrap();
    assert_eq!(program.get(&format!("/v1/broadcasts/{refused}")).await["phase"], "cancelled");
    let kept = program.broadcast(&arguments).arg("--keep-good-rows").output().unwrap();
    let told = document(&kept);
    assert_eq!((&told["filled"]["accepted"], &told["filled"]["refused"]), (&json!(1), &json!(1)));
    assert_eq!(program.taken().len(), 41);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_is_given_in_words_and_the_command_says_when_it_opens() {
    let mut program = Program::prepare("").await;
    program.start().await;
    let file = program.folder.path().join("rows.csv");
    rows(&file, 3);
    // Closed now: open for an hour, in two hours.
    let clock = |hours: i64| {
        let at = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(hours);
        at.to_string()[11..16].to_owned()
    };
    let hours = format!("{}-{}", clock(2), clock(3));
    let arguments =
        [file.to_str().unwrap(), "--text", "Bonjour {{n}}", "--window", &hours, "--time-zone", "UTC", "--no-wait"];
    let output = program.broadcast(&arguments).output().unwrap();
    assert!(said(&output).contains("Opens at "), "{}", said(&output));
    assert!(program.taken().is_empty());
    let wrong =
        program.broadcast(&[file.to_str().unwrap(), "--text", "x", "--window", "someday 8-9"]).output().unwrap();
    assert_eq!(wrong.status.code(), Some(2));
}
