//! The HTTP face over real sockets, with the actors over a journal in memory: what each request is
//! answered, and what is refused with which problem.
#![allow(clippy::unwrap_used)] // a failed step fails the test
#[path = "../actors/tests/support/mod.rs"]
mod support;

mod api;

use std::sync::Arc;
use std::time::Duration;

use api::{Face, OTHERS, message, problem};
use estafette_actors::delivery;
use estafette_actors::domain::channel::Channel;
use estafette_actors::domain::life::Outcome;
use estafette_actors::domain::status::AttemptStatus;
use estafette_actors::domain::strategy;
use estafette_actors::nursery::Budget;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use support::{Told, World, taken};

fn over(sms: Arc<Told>) -> (Face, World) {
    let world = World::new(vec![sms.clone()], delivery::Settings::default(), Budget::default());
    (Face::over(world.broker.clone(), vec![sms]), world)
}

#[actix_rt::test]
async fn a_waiting_call_is_told_the_transmission_status_and_an_asynchronous_one_where_to_ask() {
    let (face, world) = over(Told::new(Channel::SMS, taken));
    let waited = face.submit(&[], &message()).await;
    assert_eq!(waited.status(), StatusCode::OK);
    assert!(!waited.headers().contains_key("preference-applied"));
    let answer: Value = waited.json().await.unwrap();
    assert_eq!((answer["status"].as_str(), answer["reason"].as_str()), (Some("delivered"), None));

    let at_once = face.submit(&[("prefer", "respond-async")], &message()).await;
    assert_eq!(at_once.status(), StatusCode::ACCEPTED);
    assert_eq!(at_once.headers()["preference-applied"], "respond-async");
    let location = at_once.headers()["location"].to_str().unwrap().to_owned();
    let answer: Value = at_once.json().await.unwrap();
    assert_eq!(location, format!("/v1/messages/{}", answer["id"].as_str().unwrap()));
    assert_eq!(answer["links"]["self"], location);
    // What was told is in the journal.
    assert_eq!(world.memory.all().len(), 2);
}

#[actix_rt::test]
async fn a_call_whose_time_is_up_is_answered_with_202_and_the_message_goes_on() {
    let slow = |_: &_| (Duration::from_secs(2), Outcome::Is(AttemptStatus::Delivered, None));
    let (face, world) = over(Told::new(Channel::SMS, slow));
    let waited = face.submit(&[("prefer", "wait=1")], &message()).await;
    assert_eq!(waited.status(), StatusCode::ACCEPTED);
    assert_eq!(waited.headers()["preference-applied"], "wait=1");
    assert_eq!(waited.json::<Value>().await.unwrap()["reason"], "in_progress");
    world.until_all(|kept| kept.state.settled.is_some()).await;
}

#[actix_rt::test]
async fn a_key_in_progress_makes_no_second_message_even_after_its_caller_hung_up() {
    let slow = |_: &_| (Duration::from_secs(3), Outcome::Is(AttemptStatus::Delivered, None));
    let (face, world) = over(Told::new(Channel::SMS, slow));
    let key = [("idempotency-key", "once")];
    let hung_up = tokio::time::timeout(Duration::from_millis(500), face.submit(&key, &message())).await;
    assert!(hung_up.is_err());
    assert_eq!(problem(face.submit(&key, &message()).await).await, (409, "idempotency-in-progress".to_owned()));
    let mut other = message();
    other["priority"] = json!("urgent");
    assert_eq!(problem(face.submit(&key, &other).await).await, (422, "idempotency-mismatch".to_owned()));
    let long = "x".repeat(256);
    let wrong = face.submit(&[("idempotency-key", &long)], &message()).await;
    assert_eq!(problem(wrong).await, (400, "invalid-idempotency-key".to_owned()));
    assert_eq!(world.memory.all().len(), 1);
}

#[actix_rt::test]
async fn whatever_is_refused_is_a_problem_with_a_stable_type() {
    let (face, world) = over(Told::new(Channel::SMS, taken));
    let unknown = "/v1/messages/01939f3a-7c1e-7000-8000-000000000001";
    let broadcast = format!("/v1/broadcasts/{}", world.broker.broadcast_id());
    let good = message().to_string();
    let large = " ".repeat(5000);
    let json = "application/json";
    let cases: Vec<(Method, String, &str, &str, u16, &str)> = vec![
        (Method::POST, "/v1/messages".into(), json, "{", 400, "malformed-json"),
        (Method::POST, "/v1/messages".into(), json, "{}", 422, "invalid-request"),
        (Method::POST, "/v1/messages".into(), "text/plain", &good, 415, "unsupported-media-type"),
        (Method::POST, "/v1/messages".into(), json, &large, 413, "too-large"),
        (Method::PUT, "/v1/messages".into(), json, &good, 405, "method-not-allowed"),
        (Method::POST, unknown.into(), json, &good, 405, "method-not-allowed"),
        (Method::GET, unknown.into(), json, "", 404, "not-found"),
        (Method::DELETE, unknown.into(), json, "", 404, "not-found"),
        (Method::GET, "/v1/messages/nonsense".into(), json, "", 404, "not-found"),
        (Method::GET, "/v1/messages?colour=red".into(), json, "", 400, "invalid-query"),
        (Method::GET, "/v1/none".into(), json, "", 404, "unknown-path"),
        (Method::GET, "/".into(), json, "", 404, "unknown-path"),
        (Method::POST, "/v1/callbacks/nobody".into(), json, "{}", 404, "unknown-provider"),
        (Method::GET, broadcast.clone(), json, "", 404, "not-found"),
        (Method::POST, format!("{broadcast}/start"), json, "", 404, "not-found"),
        (Method::PUT, format!("{broadcast}/recipients"), "text/csv", "mobile\n", 404, "not-found"),
        (Method::PUT, format!("{broadcast}/recipients"), json, "[]", 415, "unsupported-media-type"),
        (Method::POST, "/v1/broadcasts".into(), json, "{\"recipient\":{}}", 422, "invalid-request"),
    ];
    for (method, path, kind, body, status, slug) in cases {
        let request = face.ask(method.clone(), &path).header("content-type", kind).body(body.to_owned());
        let response = request.send().await.unwrap();
        if status == 405 {
            let allow = response.headers()["allow"].to_str().unwrap();
            assert_eq!(allow, if path == "/v1/messages" { "GET, POST" } else { "DELETE, GET" });
        }
        assert_eq!(problem(response).await, (status, slug.to_owned()), "{method} {path}");
    }
    assert!(world.memory.all().is_empty());
}

#[actix_rt::test]
async fn only_known_keys_of_known_institutions_are_served_and_a_test_key_reaches_no_live_channel() {
    let (face, world) = over(Told::new(Channel::SMS, taken));
    let cases = [
        (None, 401, "unauthorized"),
        (Some("Bearer nonsense"), 401, "unauthorized"),
        (Some("Basic est_live_good"), 401, "unauthorized"),
        (Some("Bearer est_live_stranger"), 403, "unknown-institution"),
        (Some("Bearer est_test_good"), 403, "test-key"),
    ];
    for (authorization, status, slug) in cases {
        let mut request = face.client.post(format!("{}/v1/messages", face.base)).json(&message());
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.headers().contains_key("www-authenticate"), status == 401, "{authorization:?}");
        assert_eq!(problem(response).await, (status, slug.to_owned()), "{authorization:?}");
    }
    assert!(world.memory.all().is_empty());
}

#[actix_rt::test]
async fn what_is_told_of_recipients_is_kept_before_it_is_acknowledged_and_the_operators_only() {
    let (face, _world) = over(Told::new(Channel::SMS, taken));
    let body = json!([{"niss": "85073003328", "mobile": "+32470123456", "govapp": true}]);
    let answer = face.ask(Method::PUT, "/v1/recipients").json(&body).send().await.unwrap();
    assert_eq!(answer.json::<Value>().await.unwrap(), json!({"accepted": 1}));
    assert_eq!(face.told.lock().unwrap().len(), 1);
    let others = face.client.put(format!("{}/v1/recipients", face.base)).bearer_auth(OTHERS).json(&body);
    assert_eq!(problem(others.send().await.unwrap()).await, (403, "operator-only".to_owned()));
}

#[actix_rt::test]
async fn limits_and_strategies_are_known_beforehand_and_health_needs_no_key() {
    let (face, _world) = over(Told::new(Channel::SMS, taken));
    let limits: Value = face.ask(Method::GET, "/v1/limits").send().await.unwrap().json().await.unwrap();
    assert_eq!((limits["body_bytes"].as_u64(), limits["wait_max_s"].as_u64()), (Some(4096), Some(30)));
    assert_eq!(limits["channels"][0], json!({"channel": "sms", "provider": "told", "per_second": 100}));
    assert_eq!((&limits["encrypted_receivers"], &limits["encrypted_bytes"]), (&json!(20), &json!(48 * 1024)));
    assert_eq!(limits["sender_names"], json!(["An institution"]));
    let strategies: Value = face.ask(Method::GET, "/v1/strategies").send().await.unwrap().json().await.unwrap();
    assert_eq!(strategies.as_array().unwrap().len(), strategy::built_in().len());
    for (path, expected) in [("/healthz", "ok\n"), ("/metrics", "up 1\n")] {
        let body = reqwest::get(format!("{}{path}", face.base)).await.unwrap().text().await.unwrap();
        assert_eq!(body, expected);
    }
    let ready: Value = reqwest::get(format!("{}/readyz", face.base)).await.unwrap().json().await.unwrap();
    assert_eq!(ready, json!({"ready": true, "reason": null, "down": [], "webhooks_off": 0}));
}

#[actix_rt::test]
async fn the_document_describes_each_answer_and_its_pages_load_nothing_from_elsewhere() {
    let (face, _world) = over(Told::new(Channel::SMS, taken));
    let document = reqwest::get(format!("{}/openapi.json", face.base)).await.unwrap().json::<Value>().await.unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let paths = document["paths"].as_object().unwrap();
    assert!(paths.len() >= 15, "{:?}", paths.keys());
    for (path, operations) in paths {
        for (method, operation) in operations.as_object().unwrap() {
            let responses = operation["responses"].as_object().unwrap();
            assert!(!responses.is_empty(), "{method} {path}");
            assert!(responses.values().all(|it| !it["description"].as_str().unwrap().is_empty()), "{method} {path}");
        }
    }
    let usage = document.pointer("/paths/~1v1~1usage/get/responses/200/content/application~1json/example").unwrap();
    assert_eq!(usage["months"][0]["channels"][1]["channel"], "sms", "{usage}");
    // Every reference leads somewhere.
    let text = document.to_string();
    for reference in text.split("\"$ref\":\"#").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(document.pointer(reference).is_some(), "{reference}");
    }
    let page = reqwest::get(format!("{}/docs/", face.base)).await.unwrap();
    assert_eq!(page.status(), StatusCode::OK);
    let page = page.text().await.unwrap();
    assert!(!page.contains("src=\"http") && !page.contains("href=\"http"));
    let start = reqwest::get(format!("{}/docs/swagger-initializer.js", face.base)).await.unwrap().text().await.unwrap();
    assert!(start.contains("/openapi.json") && start.contains("\"validatorUrl\": \"none\""), "{start}");
}

#[actix_rt::test]
async fn a_dry_run_tells_steps_parts_and_price_and_accepts_nothing() {
    let (face, world) = over(Told::new(Channel::SMS, taken));
    let mut body = message();
    body["strategy"] = json!("ebox-first");
    body["content"]["text"]["fr"] = json!("\u{1f600}".repeat(36));
    let forecast = face.ask(Method::POST, "/v1/check").json(&body).send().await.unwrap().json::<Value>().await.unwrap();
    let steps = forecast["steps"].as_array().unwrap();
    let told: Vec<_> = steps.iter().map(|step| (step["channel"].clone(), step["skipped"].clone())).collect();
    // GovApp is not set up here.
    assert_eq!(told, [(json!("ebox"), json!(true)), (json!("govapp"), json!(true)), (json!("sms"), json!(false))]);
    let smiley = json!([{"character": "\u{1f600}", "code": "U+1F600", "times": 36, "place": 1}]);
    let sms = json!({"alphabet": "ucs2", "units": 72, "parts": 2, "forces_ucs2": smiley, "forces_ucs2_more": 0});
    assert_eq!(forecast["sms"], sms);
    assert_eq!(forecast["warnings"].as_array().unwrap().len(), 1);
    assert!(world.memory.all().is_empty());
}
