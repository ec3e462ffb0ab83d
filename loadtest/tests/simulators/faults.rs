//! The faults, tried on the gateway: what is lost, late, double, early or strange, and that a receipt outlives a broker's restart.

use std::time::{Duration, Instant};

use estafette_loadtest::Faults;
use estafette_loadtest::faults::ReceiptFaults;
use estafette_loadtest::ledger::Outcome;
use estafette_loadtest::sandbox::Behaviour;
use serde_json::{Value, json};

use crate::broker::Broker;
use crate::{Running, quick};

async fn send(running: &Running, to: &str, reference: &str, url: &str) -> Result<reqwest::Response, reqwest::Error> {
    let body = json!({"ApiKey": "sandbox-ringring-key", "To": to.trim_start_matches('+'), "Message": "x",
                      "Reference": reference, "StatusUrl": url});
    running.client.post(running.url("/ringring/sms/v1/Message")).json(&body).send().await
}

async fn with(faults: Faults) -> Running {
    let mut settings = quick();
    settings.sms.faults =
        Faults { receipts: ReceiptFaults { delay_min_ms: 0, delay_max_ms: 0, ..faults.receipts }, ..faults };
    Running::start(settings).await
}

const ANYONE: &str = "+32470123456";

#[actix_web::test]
async fn request_lost_before_leaves_no_entry_and_one_lost_after_leaves_one() {
    let broker = Broker::start();
    for (faults, entries) in
        [(Faults { loss_before: 1.0, ..Faults::default() }, 0), (Faults { loss_after: 1.0, ..Faults::default() }, 1)]
    {
        let running = with(faults).await;
        let error = send(&running, ANYONE, "r", &broker.url("/")).await.expect_err("no answer");
        assert!(!error.is_timeout(), "the connection is dropped at once: {error}");
        let page = running.ledger("sms", "r").await;
        assert_eq!(page.entries.len(), entries);
        assert!(page.entries.iter().all(|entry| entry.outcome == Outcome::AnswerLost));
    }
}

#[actix_web::test]
async fn loss_with_silence_keeps_the_sender_waiting() {
    let running = with(Faults { loss_before: 1.0, loss_silence_ms: 60_000, ..Faults::default() }).await;
    let body = json!({"ApiKey": "sandbox-ringring-key", "To": "32470123456", "Message": "x"});
    let request = running.client.post(running.url("/ringring/sms/v1/Message")).json(&body);
    let error = request.timeout(Duration::from_millis(200)).send().await.expect_err("no answer");
    assert!(error.is_timeout(), "{error}");
}

#[actix_web::test]
async fn errors_and_throttling_have_their_status() {
    for (faults, status) in [
        (Faults { server_error: 1.0, ..Faults::default() }, 500),
        (Faults { throttle: 1.0, retry_after_seconds: 7, ..Faults::default() }, 429),
    ] {
        let running = with(faults).await;
        let response = send(&running, ANYONE, "r", "").await.expect("answered");
        assert_eq!(response.status(), status);
        let after = response.headers().get("Retry-After").and_then(|value| value.to_str().ok());
        assert_eq!(after, (status == 429).then_some("7"));
        assert_eq!(running.get("/ledger/sms/count").await["total"], 0);
    }
}

#[actix_web::test]
async fn requests_above_the_rate_are_throttled() {
    let running = with(Faults { throttle_above_per_second: 5, ..Faults::default() }).await;
    let mut throttled = 0;
    for index in 0..40 {
        let response = send(&running, ANYONE, &format!("r{index}"), "").await.expect("answered");
        throttled += usize::from(response.status() == 429);
    }
    let taken = running.get("/ledger/sms/count").await["total"].as_u64().expect("a number");
    assert_eq!(taken as usize + throttled, 40);
    assert!(throttled > 0 && taken >= 5, "{throttled} throttled, {taken} taken");
}

#[actix_web::test]
async fn latency_delays_the_answer() {
    let running = with(Faults { latency_min_ms: 80, latency_max_ms: 90, ..Faults::default() }).await;
    let start = Instant::now();
    send(&running, ANYONE, "r", "").await.expect("answered");
    assert!(start.elapsed() >= Duration::from_millis(80));
}

#[actix_web::test]
async fn same_seed_repeats_the_run_and_a_second_try_gets_new_luck() {
    let faults = Faults { server_error: 0.5, ..Faults::default() };
    let (first, second) = (with(faults).await, with(faults).await);
    let mut statuses = [Vec::new(), Vec::new()];
    for (running, statuses) in [&first, &second].into_iter().zip(&mut statuses) {
        for index in 0..40 {
            statuses.push(send(running, ANYONE, &format!("r{index}"), "").await.expect("answered").status().as_u16());
        }
    }
    assert_eq!(statuses[0], statuses[1]);
    assert!(statuses[0].contains(&200) && statuses[0].contains(&500));
    let unlucky = statuses[0].iter().position(|status| *status == 500).expect("one of 40");
    let mut tries = 0;
    while send(&first, ANYONE, &format!("r{unlucky}"), "").await.expect("answered").status() == 500 {
        tries += 1;
        assert!(tries < 40, "the same luck again and again");
    }
}

#[actix_web::test]
async fn double_receipts_come_twice_and_strangers_beside_them() {
    let mut broker = Broker::start();
    let receipts = ReceiptFaults { double: 1.0, stranger: 1.0, ..ReceiptFaults::default() };
    let running = with(Faults { receipts, ..Faults::default() }).await;
    send(&running, ANYONE, "twice", &broker.url("/")).await.expect("answered");
    let mut references = Vec::new();
    for _ in 0..3 {
        references.push(broker.next().await.body["Reference"].as_str().expect("a text").to_owned());
    }
    references.sort();
    assert!(references[0].starts_with("stranger-"), "{references:?}");
    assert_eq!(references[1..], ["twice", "twice"]);
}

#[actix_web::test]
async fn early_receipt_is_there_before_the_response() {
    let mut broker = Broker::start();
    let receipts = ReceiptFaults { early: 1.0, ..ReceiptFaults::default() };
    let running = with(Faults { receipts, ..Faults::default() }).await;
    for index in 0..20 {
        let reference = format!("early{index}");
        send(&running, ANYONE, &reference, &broker.url("/")).await.expect("answered");
        let receipt = broker.next_now().expect("it came before the response");
        assert_eq!(receipt.body["Reference"], json!(reference));
    }
}

#[actix_web::test]
async fn reordered_statuses_come_the_wrong_way_round() {
    let mut broker = Broker::start();
    let mut settings = quick();
    settings.sms.report_submitted = true;
    settings.sms.faults.receipts =
        ReceiptFaults { delay_min_ms: 40, delay_max_ms: 40, reordered: 1.0, ..ReceiptFaults::default() };
    let running = Running::start(settings).await;
    send(&running, ANYONE, "r", &broker.url("/")).await.expect("answered");
    assert_eq!(broker.next().await.body["StatusCode"], "200");
    assert_eq!(broker.next().await.body["StatusCode"], "100");
}

#[actix_web::test]
async fn missing_receipts_never_come() {
    let mut broker = Broker::start();
    let receipts = ReceiptFaults { missing: 1.0, ..ReceiptFaults::default() };
    let running = with(Faults { receipts, ..Faults::default() }).await;
    send(&running, ANYONE, "silent", &broker.url("/")).await.expect("answered");
    // One that does come shows that the silent one was passed over.
    send(&running, &Behaviour::Deliver.mobile(0), "told", &broker.url("/")).await.expect("answered");
    assert_eq!(broker.next().await.body["Reference"], "told");
    assert!(broker.next_now().is_none());
    while running.get("/stats").await["callbacks"]["waiting"] != 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(running.get("/stats").await["callbacks"]["sent"], 1);
}

#[actix_web::test]
async fn receipts_wait_for_a_broker_that_restarts() {
    let broker = Broker::start();
    let url = broker.url("/callbacks");
    broker.answer(&[503, 429, 500]);
    let mut settings = quick();
    settings.callbacks.retry_min_ms = 5;
    settings.callbacks.retry_max_ms = 20;
    let running = Running::start(settings).await;
    let address = broker.stop().await;
    for index in 0..50 {
        send(&running, ANYONE, &format!("r{index}"), &url).await.expect("answered");
    }
    let mut broker = Broker::listen(address);
    let mut references: Vec<Value> = Vec::new();
    for _ in 0..50 {
        references.push(broker.next().await.body["Reference"].clone());
    }
    references.sort_by_key(ToString::to_string);
    references.dedup();
    assert_eq!(references.len(), 50);
}

#[actix_web::test]
async fn receipt_is_sent_again_after_a_server_error_and_not_after_a_refusal() {
    let mut broker = Broker::start();
    let mut settings = quick();
    settings.callbacks.retry_min_ms = 5;
    let running = Running::start(settings).await;
    broker.answer(&[503, 429, 500]);
    send(&running, ANYONE, "again", &broker.url("/")).await.expect("answered");
    assert_eq!(broker.next().await.body["Reference"], "again");
    broker.answer(&[400]);
    let refused = || async { running.get("/stats").await["callbacks"]["rejected"].clone() };
    send(&running, ANYONE, "refused", &broker.url("/")).await.expect("answered");
    while refused().await != json!(1) {
        tokio::task::yield_now().await;
    }
    assert!(broker.next_now().is_none());
}

#[actix_web::test]
async fn message_is_not_taken_when_its_receipts_have_no_room() {
    let mut settings = quick();
    settings.callbacks.waiting = 7;
    settings.sms.faults.receipts.delay_min_ms = 60_000;
    settings.sms.faults.receipts.delay_max_ms = 60_000;
    let running = Running::start(settings).await;
    let mut statuses = Vec::new();
    for index in 0..4 {
        let sent = send(&running, ANYONE, &format!("r{index}"), "http://127.0.0.1:9/").await.expect("answered");
        statuses.push(sent.status().as_u16());
    }
    // Each asks for room for five and keeps one.
    assert_eq!(statuses, [200, 200, 200, 503]);
    assert_eq!(running.get("/ledger/sms/count").await["total"], 3);
}

#[actix_web::test]
async fn reserved_recipients_behave_as_the_table_says() {
    let mut broker = Broker::start();
    let running = with(Faults { loss_before: 1.0, ..Faults::default() }).await;
    let statuses = |behaviour: Behaviour, url: String| {
        let running = &running;
        async move {
            let mut statuses = Vec::new();
            for index in 0..6 {
                let reference = format!("{behaviour:?}{index}");
                let sent = send(running, &behaviour.mobile(3), &reference, &url).await;
                statuses.push(sent.map_or(0, |response| response.status().as_u16()));
            }
            statuses
        }
    };
    assert_eq!(statuses(Behaviour::Deliver, String::new()).await, [200; 6]);
    assert_eq!(statuses(Behaviour::FailForAWhile, String::new()).await, [503, 503, 200, 503, 503, 200]);
    assert_eq!(statuses(Behaviour::AnswerLost, String::new()).await, [0, 200, 0, 200, 0, 200]);
    assert_eq!(running.ledger("sms", "AnswerLost0").await.entries.len(), 1);

    send(&running, &Behaviour::FailForGood.mobile(0), "bad", &broker.url("/")).await.expect("answered");
    assert_eq!(broker.next().await.body["StatusCode"], "300");
    send(&running, &Behaviour::DoubleReceipt.mobile(0), "double", &broker.url("/")).await.expect("answered");
    assert_eq!(broker.next().await.body["Reference"], "double");
    assert_eq!(broker.next().await.body["Reference"], "double");
    send(&running, &Behaviour::EarlyReceipt.mobile(0), "early", &broker.url("/")).await.expect("answered");
    assert_eq!(broker.next_now().expect("before the response").body["Reference"], "early");
}
