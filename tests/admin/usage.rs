//! What was used, on the real program: over another price list, and over kill -9.
use std::time::Duration;

use serde_json::{Value, json};

use crate::program::{Program, basis, gateway, sms};
use crate::talk::{ask, until};

async fn submit(program: &Program) -> String {
    let answer: Value = program.submit("sms-only").await.json().await.unwrap();
    let id = answer["id"].as_str().unwrap().to_owned();
    until(program.admin, &format!("TRAIL {id}"), |told| {
        told.as_array().is_some_and(|facts| facts.iter().any(|fact| fact["what"] == "metered"))
    })
    .await;
    id
}

fn is(messages: u64, cost: &str) -> impl Fn(&Value) -> bool {
    move |told| {
        let used = &told[0];
        told.as_array().is_some_and(|all| all.len() == 1)
            && (&used["messages"], &used["parts"], &used["cost"]) == (&json!(messages), &json!(messages), &json!(cost))
    }
}

#[actix_rt::test]
async fn other_prices_hold_for_what_is_sent_from_then_on_and_a_kill_changes_no_sum() {
    let (address, _taken) = gateway(Duration::ZERO);
    let more = format!("{}[prices.sms]\nper_part = 0.045\n", sms(&address));
    let mut program = Program::start(&more);
    let first = submit(&program).await;
    let trail = ask(program.admin, &format!("TRAIL {first}")).await;
    let metered: Vec<&Value> = trail.as_array().unwrap().iter().filter(|fact| fact["what"] == "metered").collect();
    assert_eq!(metered.len(), 1, "{trail}");
    assert_eq!((&metered[0]["channel"], &metered[0]["cost"]), (&json!("sms"), &json!("0.045 EUR")));
    submit(&program).await;
    until(program.admin, "USAGE", is(2, "0.09 EUR")).await;

    std::fs::write(program.config(), basis(&program.folder, &more.replace("0.045", "0.1"))).unwrap();
    assert_eq!(ask(program.admin, "CONFIG RELOAD").await["changed"][0]["applies"], "now");
    for _ in 0..5 {
        submit(&program).await;
    }
    until(program.admin, "USAGE", is(7, "0.59 EUR")).await;
    assert!(ask(program.admin, "USAGE 2026-13").await["error"].as_str().unwrap().contains("not a month"));
    assert_eq!(ask(program.admin, "USAGE 1999-01").await, json!([]));

    // What was told is durable, whether the sums were written or not.
    program.signal("-9");
    program.ended().await;
    let folder = std::mem::replace(&mut program.folder, tempfile::tempdir().unwrap());
    let next = Program::again(folder, program.key.clone());
    let used = ask(next.admin, "USAGE").await;
    assert!(is(7, "0.59 EUR")(&used), "{used}");
}
