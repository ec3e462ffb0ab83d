//! Ledger, faults at run time, the sandbox table, statistics, and stopping.

use estafette_loadtest::ledger::{Channel, Count, Page};
use estafette_loadtest::{Simulators, mobile};
use serde_json::{Value, json};

use crate::{Running, quick};

async fn send(running: &Running, index: u64) {
    let body = json!({"ApiKey": "sandbox-ringring-key", "To": &mobile::generate(index)[1..], "Message": "x",
                      "Reference": format!("r{index}")});
    let sent = running.client.post(running.url("/ringring/sms/v1/Message")).json(&body).send().await;
    assert_eq!(sent.expect("answered").status(), 200);
}

#[actix_web::test]
async fn ledger_is_read_page_by_page_and_cleared() {
    let running = Running::start(quick()).await;
    for index in (0..25).chain(0..3) {
        send(&running, index).await;
    }
    let mut references = Vec::new();
    let mut after = 0;
    loop {
        let page: Page =
            serde_json::from_value(running.get(&format!("/ledger/sms?limit=10&after={after}")).await).expect("a page");
        assert_eq!((page.total, page.duplicates), (28, 3));
        if page.entries.is_empty() {
            break;
        }
        after = page.next;
        references.extend(page.entries.into_iter().map(|entry| (entry.reference, entry.possible_duplicate)));
    }
    assert_eq!(references.len(), 28);
    let held = running.simulators.ledger(Channel::Sms, Some("r0"), 0, 10);
    assert_eq!((held.entries.len(), running.simulators.count(Channel::Sms).total), (2, 28));
    assert_eq!(references[24], ("r24".to_owned(), false));
    assert_eq!(references[25], ("r0".to_owned(), true));
    let cleared = running.client.delete(running.url("/ledger")).send().await.expect("answered");
    assert_eq!(cleared.status(), 204);
    let count: Count = serde_json::from_value(running.get("/ledger/sms/count").await).expect("a count");
    assert_eq!(count, Count { total: 0, duplicates: 0, held: 0 });
    let unknown = running.client.get(running.url("/ledger/fax")).send().await.expect("answered");
    assert_eq!(unknown.status(), 404);
}

#[actix_web::test]
async fn ledger_in_a_folder_outlives_the_simulators_even_with_a_torn_line() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut settings = quick();
    settings.ledger_dir = Some(dir.path().to_owned());
    let running = Running::start(settings.clone()).await;
    send(&running, 0).await;
    send(&running, 1).await;
    let before = running.get("/ledger/sms").await;
    running.simulators.stop().await;

    let path = dir.path().join("sms.ledger");
    let mut torn = std::fs::read(&path).expect("written");
    torn.extend_from_slice(b"[1700000000000,0,[0,");
    std::fs::write(&path, torn).expect("written");
    let running = Running::start(settings.clone()).await;
    assert_eq!(running.get("/ledger/sms").await, before);
    send(&running, 1).await;
    running.simulators.stop().await;

    let running = Running::start(settings).await;
    let after = running.get("/ledger/sms").await;
    assert_eq!((&after["total"], &after["duplicates"]), (&json!(3), &json!(1)));
}

#[actix_web::test]
async fn faults_change_while_it_runs_and_wrong_ones_are_refused() {
    let running = Running::start(quick()).await;
    let put = |body: Value| running.client.put(running.url("/faults")).json(&body).send();
    let answer = put(json!({"sms": {"server_error": 1.0, "receipts": {"late": 0.5}}})).await.expect("answered");
    assert_eq!(answer.status(), 200);
    let faults = running.get("/faults").await;
    assert_eq!((&faults["sms"]["server_error"], &faults["govapp"]["server_error"]), (&json!(1.0), &json!(0.0)));
    assert_eq!(faults["sms"]["receipts"]["late"], 0.5);
    for wrong in [json!({"sms": {"server_error": 2.0}}), json!({"fax": {}}), json!({"sms": {"los": 1}})] {
        assert_eq!(put(wrong).await.expect("answered").status(), 400);
    }
    assert_eq!(running.get("/faults").await, faults);
    let body = json!({"ApiKey": "sandbox-ringring-key", "To": "32470123456", "Message": "x"});
    let sent = running.client.post(running.url("/ringring/sms/v1/Message")).json(&body).send().await.expect("answered");
    assert_eq!(sent.status(), 500);
    assert_eq!(running.get("/stats").await["sms"]["refused"], 1);
}

#[actix_web::test]
async fn sandbox_table_is_served() {
    let running = Running::start(quick()).await;
    let table = running.get("/sandbox").await;
    assert_eq!(table[0]["behaviour"], "deliver");
    assert_eq!(table[0]["mobiles"], json!(["+32460000100", "+32460000199"]));
    assert_eq!(table[0]["nisses"].as_array().map(Vec::len), Some(10));
}

#[actix_web::test]
async fn stopping_frees_the_address_and_a_taken_one_is_refused() {
    let running = Running::start(quick()).await;
    let mut settings = quick();
    settings.address = running.simulators.address();
    let taken = Simulators::start(settings.clone()).await.err().expect("the address is taken");
    assert!(taken.to_string().contains("is it taken"), "{taken}");
    running.simulators.stop().await;
    Simulators::start(settings).await.expect("free again").stop().await;
}
