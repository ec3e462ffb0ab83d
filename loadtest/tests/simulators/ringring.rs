//! The RingRing gateway: answers, refusals, statuses.

use serde_json::{Value, json};

use crate::broker::Broker;
use crate::{Running, quick};

const KEY: &str = "sandbox-ringring-key";
const PATH: &str = "/ringring/sms/v1/Message";

async fn send(running: &Running, body: Value) -> Value {
    let response = running.client.post(running.url(PATH)).json(&body).send().await.expect("answered");
    assert_eq!(response.status(), 200);
    response.json().await.expect("JSON")
}

#[actix_web::test]
async fn message_is_answered_recorded_and_reported_as_delivered() {
    let mut broker = Broker::start();
    let running = Running::start(quick()).await;
    let reply = send(
        &running,
        json!({"ApiKey": KEY, "To": "32470123456", "Message": "hello", "Reference": "ref-1", "From": null,
               "StatusUrl": broker.url("/callbacks/ringring?key=s3"), "StatusMethod": "POST", "StatusFormat": "JSON"}),
    )
    .await;
    assert_eq!(
        (&reply["ResultCode"], &reply["MessageCount"], &reply["Reference"]),
        (&json!(0), &json!(1), &json!("ref-1"))
    );
    let id = reply["Messages"][0]["MessageId"].as_str().expect("a text");
    assert!(id.starts_with("00"), "leading zeros are part of the id: {id}");

    let status = broker.next().await;
    assert_eq!(
        (status.method.as_str(), status.path.as_str(), status.query.as_str()),
        ("POST", "/callbacks/ringring", "key=s3")
    );
    for (field, value) in [
        ("MessageId", json!(id)),
        ("Reference", json!("ref-1")),
        ("StatusCode", json!("200")),
        ("StatusDescription", json!("Delivered")),
        ("ResultCode", json!(0)),
        ("To", json!("32470123456")),
        ("NumberOfParts", json!(1)),
    ] {
        assert_eq!(status.body[field], value, "{field}");
    }

    let page = running.ledger("sms", "ref-1").await;
    assert_eq!((page.total, page.duplicates, page.entries.len()), (1, 0, 1));
    assert_eq!(page.entries[0].recipient, "+32470123456");
    running.simulators.stop().await;
}

#[actix_web::test]
async fn thousand_recipients_get_an_id_and_a_status_each() {
    let mut broker = Broker::start();
    let running = Running::start(quick()).await;
    let to: Vec<String> = (0..1000).map(|index| estafette_loadtest::mobile::generate(index)[1..].to_owned()).collect();
    let body =
        json!({"ApiKey": KEY, "To": to.join(","), "Message": "all", "Reference": "many", "StatusUrl": broker.url("/")});
    let reply = send(&running, body.clone()).await;
    assert_eq!(reply["MessageCount"], 1000);
    let mut told: Vec<String> = Vec::new();
    for _ in 0..1000 {
        told.push(broker.next().await.body["To"].as_str().expect("a text").to_owned());
    }
    told.sort_unstable();
    let mut expected = to;
    expected.sort_unstable();
    assert_eq!(told, expected);
    assert_eq!(running.ledger("sms", "many").await.duplicates, 0);
    send(&running, body).await;
    assert_eq!(running.ledger("sms", "many").await.duplicates, 1000);
}

#[actix_web::test]
async fn refusals_have_a_result_code_and_leave_no_entry() {
    let running = Running::start(quick()).await;
    let good = json!({"ApiKey": KEY, "To": "32470123456", "Message": "hello"});
    let with = |field: &str, value: Value| {
        let mut body = good.clone();
        body[field] = value;
        body
    };
    for (code, body) in [
        (101, with("ApiKey", json!("other"))),
        (102, json!("no object")),
        (103, with("To", json!("+32470123456"))),
        (103, with("To", json!("32470123456,"))),
        (103, with("To", json!(vec!["32470123456"; 1001].join(",")))),
        (104, with("Message", json!("x".repeat(759)))),
        (104, with("Message", Value::Null)),
        (105, with("StatusMethod", json!("PUT"))),
        (105, with("StatusUrl", json!("ftp://somewhere"))),
        (105, with("StatusFormat", json!("XML"))),
        (105, with("MessageEncoding", json!("EBCDIC"))),
        (106, with("To", json!(&estafette_loadtest::sandbox::Behaviour::Reject.mobile(0)[1..]))),
    ] {
        let reply = send(&running, body).await;
        assert_eq!(reply["ResultCode"], code, "{reply}");
        assert!(reply["ResultDescription"].as_str().is_some_and(|text| !text.is_empty()));
    }
    assert_eq!(send(&running, with("Message", json!("é".repeat(758)))).await["ResultCode"], 0);
    assert_eq!(running.get("/ledger/sms/count").await["total"], 1);
}

#[actix_web::test]
async fn status_by_get_carries_its_fields_in_the_query() {
    let mut broker = Broker::start();
    let mut settings = quick();
    settings.sms.undelivered = 1.0;
    let running = Running::start(settings).await;
    let url = broker.url("/status?key=a%20b");
    send(
        &running,
        json!({"ApiKey": KEY, "To": "32470123456", "Message": "x", "Reference": "r&1", "StatusUrl": url, "StatusMethod": "GET"}),
    )
    .await;
    let status = broker.next().await;
    assert_eq!(status.method, "GET");
    for part in ["key=a%20b&", "Reference=r%261", "StatusCode=300", "NumberOfParts=1"] {
        assert!(status.query.contains(part), "{part} in {}", status.query);
    }
}

#[actix_web::test]
async fn validity_that_ends_first_is_reported_as_expired() {
    let mut broker = Broker::start();
    let mut settings = quick();
    settings.sms.faults.receipts.delay_min_ms = 60_001;
    settings.sms.faults.receipts.delay_max_ms = 60_001;
    settings.sms.report_submitted = false;
    let running = Running::start(settings).await;
    send(
        &running,
        json!({"ApiKey": KEY, "To": "32470123456", "Message": "x", "StatusUrl": broker.url("/"), "TimeValidity": 0}),
    )
    .await;
    let status = broker.next().await;
    assert_eq!((&status.body["StatusCode"], &status.body["Reference"]), (&json!("301"), &Value::Null));
}
