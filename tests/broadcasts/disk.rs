//! Disks that fill during an upload. What is refused says so; what was acknowledged is there after a restart.
use reqwest::Method;
use serde_json::{Value, json};

use crate::program::{Program, csv};

fn terms() -> Value {
    json!({"strategy": "sms-only", "content": {"text": {"fr": "Bonjour {{n}}"}}})
}

async fn created(program: &Program) -> String {
    let created = program.post("/v1/broadcasts", &terms()).await;
    assert_eq!(created.status(), 201);
    created.json::<Value>().await.unwrap()["id"].as_str().unwrap().to_owned()
}

async fn slug(response: reqwest::Response) -> String {
    let body: Value = response.json().await.unwrap();
    body["type"].as_str().unwrap_or_default().replace("urn:estafette:problem:", "")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_the_spool_can_not_hold_is_refused_and_everything_else_goes_on() {
    let mut program = Program::prepare("").await;
    // 16 MiB, which the journal's files don't reach here.
    program.start_with_small_files(32_768).await;
    let id = created(&program).await;
    let refused = program.put(&id, csv(0..900_000)).await;
    assert_eq!(refused.status(), 507);
    assert_eq!(slug(refused).await, "spool");
    assert_eq!(program.get(&format!("/v1/broadcasts/{id}")).await["rows"], 0);
    assert_eq!(program.put(&id, csv(0..500)).await.status(), 200);
    assert_eq!(program.post(&format!("/v1/broadcasts/{id}/start"), &json!({})).await.status(), 200);
    program.until(&format!("/v1/broadcasts/{id}"), |it| it["by_status"]["waiting"].is_null()).await;
    assert_eq!(program.taken().len(), 500);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_that_can_not_grow_refuses_with_its_reason_and_loses_nothing_that_it_acknowledged() {
    let mut program = Program::prepare("").await;
    program.start_with_small_files(32_768).await;
    let mut acknowledged = Vec::new();
    let refused = loop {
        let made = program.post("/v1/broadcasts", &terms()).await;
        if made.status() != 201 {
            break made;
        }
        let id = made.json::<Value>().await.unwrap()["id"].as_str().unwrap().to_owned();
        let put = program.put(&id, csv(0..20_000)).await;
        if put.status() != 200 {
            break put;
        }
        acknowledged.push(id);
        assert!(acknowledged.len() < 1_000, "nothing was ever full");
    };
    assert_eq!(refused.status(), 503);
    assert_eq!(slug(refused).await, "read-only");
    let ready = program.ask(Method::GET, "/readyz").send().await.unwrap();
    assert_eq!(ready.status(), 503);
    let reason = ready.json::<Value>().await.unwrap()["reason"].as_str().unwrap().to_owned();
    assert!(reason.contains("read-only"), "{reason}");
    let again = program.post("/v1/broadcasts", &terms()).await;
    assert_eq!((again.status().as_u16(), slug(again).await.as_str()), (503, "read-only"));

    // There is room again.
    program.kill();
    program.start().await;
    assert!(!acknowledged.is_empty());
    for id in &acknowledged {
        assert_eq!(program.get(&format!("/v1/broadcasts/{id}")).await["rows"], 20_000);
    }
    let id = created(&program).await;
    assert_eq!(program.put(&id, csv(0..100)).await.status(), 200);
    assert_eq!(program.post(&format!("/v1/broadcasts/{id}/start"), &json!({})).await.status(), 200);
    program.until(&format!("/v1/broadcasts/{id}"), |it| it["by_status"]["waiting"].is_null()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_less_room_than_is_to_be_kept_free_nothing_new_is_accepted_and_nothing_is_read_only() {
    // More than any disk has.
    let mut program = Program::prepare("[journal]\nkeep_free_mib = 1073741824\n").await;
    program.start().await;
    for (path, body) in [
        ("/v1/broadcasts", terms()),
        (
            "/v1/messages",
            json!({"recipient": {"mobile": "0470123456"}, "strategy": "sms-only", "content": {"text": {"fr": "Bonjour"}}}),
        ),
    ] {
        let refused = program.post(path, &body).await;
        assert_eq!(refused.headers()["retry-after"], "60");
        assert_eq!((refused.status().as_u16(), slug(refused).await.as_str()), (507, "disk-full"), "{path}");
    }
    assert_eq!(program.ask(Method::GET, "/readyz").send().await.unwrap().status(), 200);
}
