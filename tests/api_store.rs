//! The HTTP face over the real store: what was told can be asked for, and nobody sees another's.
#![allow(clippy::unwrap_used)] // a failed step fails the test
mod api;
#[path = "../actors/tests/support/mod.rs"]
mod support;

use std::sync::Arc;
use std::time::Duration;

use api::{Face, OTHERS, message, problem};
use estafette::app::{Blueprint, Core};
use estafette::store;
use estafette_actors::domain::channel::Channel;
use estafette_actors::domain::id::AttemptRef;
use estafette_actors::domain::life::Outcome;
use estafette_actors::domain::receipt::{About, Receipt};
use estafette_actors::domain::status::AttemptStatus;
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::{CallbackError, CallbackRequest, Inquiry, Letter, Received, Transport};
use futures_util::future::BoxFuture;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use support::{Told, taken};
use tempfile::TempDir;

/// A told channel that also takes callbacks: the body is our reference.
struct Calling(Arc<Told>);

impl Transport for Calling {
    fn channel(&self) -> Channel {
        self.0.channel()
    }

    fn provider(&self) -> &'static str {
        "calling"
    }

    fn send(&self, letter: Letter) -> BoxFuture<'static, Outcome> {
        self.0.send(letter)
    }

    fn inquire(&self, letter: Letter) -> BoxFuture<'static, Inquiry> {
        self.0.inquire(letter)
    }

    fn can_tell(&self) -> &'static str {
        "nothing"
    }

    fn receipts(&self, request: &CallbackRequest) -> Result<Received, CallbackError> {
        if !request.query.contains(&("secret".to_owned(), "s".to_owned())) {
            return Err(CallbackError::Secret);
        }
        let text = String::from_utf8_lossy(&request.body);
        let attempt: AttemptRef = text.parse().map_err(|_| CallbackError::Form("no reference".to_owned()))?;
        let (about, status) = (About::Attempt(attempt), AttemptStatus::Delivered);
        let receipt = Receipt { channel: self.channel(), about, status, channel_reference: None };
        Ok(Received { receipts: vec![receipt], ignored: 0 })
    }

    fn poll(&self, _: Timestamp) -> Option<BoxFuture<'static, Result<Vec<Receipt>, String>>> {
        None
    }
}

fn over(sms: Arc<Told>) -> (Face, Core, TempDir) {
    let folder = TempDir::new().unwrap();
    let transports: Vec<Arc<dyn Transport>> = vec![Arc::new(Calling(sms))];
    let core = Core::start(Blueprint::new(store::Settings::new(folder.path()), transports.clone())).unwrap();
    (Face::over(core.broker.clone(), transports), core, folder)
}

/// Asks until it is so, for a bounded time.
async fn until(face: &Face, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let mut last = Value::Null;
    for _ in 0..1_000 {
        last = face.get(path).await;
        if wanted(&last) {
            return last;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{path} never got there: {last}");
}

#[actix_rt::test]
async fn a_message_shows_its_attempts_to_its_owner_and_its_receipt_raises_it() {
    let sent = |_: &Letter| (Duration::ZERO, Outcome::Is(AttemptStatus::Sent, Some("ref-1".into())));
    let (face, core, _folder) = over(Told::new(Channel::SMS, sent));
    let answer: Value = face.submit(&[], &message()).await.json().await.unwrap();
    let attempt = &answer["attempts"][0];
    assert_eq!((&attempt["channel"], &attempt["provider"]), (&json!("sms"), &json!("calling")));
    assert_eq!((&attempt["status"], &attempt["channel_reference"]), (&json!("sent"), &json!("ref-1")));
    assert_eq!((&answer["status"], &answer["reason"]), (&json!("waiting"), &json!("awaiting_receipt")));

    let path = answer["links"]["self"].as_str().unwrap();
    let others = face.ask_as(OTHERS, Method::GET, path).send().await.unwrap();
    assert_eq!(problem(others).await, (404, "not-found".to_owned()));
    let others = face.ask_as(OTHERS, Method::DELETE, path).send().await.unwrap();
    assert_eq!(problem(others).await, (404, "not-found".to_owned()));

    let call = |query: &str, body: String| {
        face.client.post(format!("{}/v1/callbacks/calling{query}", face.base)).body(body).send()
    };
    let reference = format!("{}.0.0", answer["id"].as_str().unwrap());
    let without = call("", reference.clone()).await.unwrap();
    assert_eq!(problem(without).await, (401, "callback-secret".to_owned()));
    let nonsense = call("?secret=s", "nonsense".to_owned()).await.unwrap();
    assert_eq!(problem(nonsense).await, (400, "callback-form".to_owned()));
    assert_eq!(call("?secret=s", reference).await.unwrap().status(), StatusCode::NO_CONTENT);
    // Answered after the commit: what was told is there.
    let raised = face.get(path).await;
    assert_eq!((&raised["status"], &raised["attempts"][0]["status"]), (&json!("delivered"), &json!("delivered")));
    assert!(raised["settled_at"].is_string());
    let late = face.ask(Method::DELETE, path).send().await.unwrap();
    assert_eq!(problem(late).await, (409, "conflict".to_owned()));
    core.stop().await;
}

#[actix_rt::test]
async fn a_key_gives_the_same_message_again_and_no_other_request_under_it() {
    let (face, core, _folder) = over(Told::new(Channel::SMS, taken));
    let key = [("idempotency-key", "order-1")];
    let first: Value = face.submit(&key, &message()).await.json().await.unwrap();
    let again = face.submit(&key, &message()).await;
    assert_eq!(again.status(), StatusCode::OK);
    assert_eq!(again.json::<Value>().await.unwrap()["id"], first["id"]);
    let mut other = message();
    other["content"]["text"]["fr"] = json!("Bonsoir");
    assert_eq!(problem(face.submit(&key, &other).await).await, (422, "idempotency-mismatch".to_owned()));
    let others =
        face.ask_as(OTHERS, Method::POST, "/v1/messages").json(&message()).header("idempotency-key", "order-1");
    assert_ne!(others.send().await.unwrap().json::<Value>().await.unwrap()["id"], first["id"]);
    core.stop().await;
}

#[actix_rt::test]
async fn whom_an_institution_may_not_write_to_is_not_written_to_and_others_still_may() {
    let told = Told::new(Channel::SMS, taken);
    let (face, core, _folder) = over(Arc::clone(&told));
    let put = |body: Value| face.ask(Method::PUT, "/v1/suppressions").json(&body).send();
    let wrong = json!([{"mobile": "0470123456"}, {"mobile": "0470123456", "channel": "fax"}, {"why": "x"}]);
    let wrong = put(wrong).await.unwrap();
    assert_eq!(problem(wrong).await, (422, "invalid-request".to_owned()));
    let entries: Value = put(json!({"mobile": "0470123456", "channel": "sms"})).await.unwrap().json().await.unwrap();
    let entry = &entries["suppressions"][0];
    assert_eq!((&entry["channel"], &entry["why"]), (&json!("sms"), &json!("suppressed")));

    let answer: Value = face.submit(&[], &message()).await.json().await.unwrap();
    assert_eq!((&answer["status"], &answer["reason"]), (&json!("failed"), &json!("suppressed")));
    assert!(told.ledger.lock().unwrap().is_empty(), "nothing of it was sent");
    let others = face.ask_as(OTHERS, Method::POST, "/v1/messages").json(&message()).send().await.unwrap();
    assert_eq!(others.json::<Value>().await.unwrap()["status"], "delivered");
    assert_eq!(told.ledger.lock().unwrap().len(), 1);

    let listed = face.get("/v1/suppressions?recipient=mobile:%2B32470123456").await;
    assert_eq!(listed["suppressions"], entries["suppressions"]);
    assert!(!listed.to_string().contains("470123456"));
    let path = format!("/v1/suppressions/{}", entry["id"].as_str().unwrap());
    let others = face.ask_as(OTHERS, Method::DELETE, &path).send().await.unwrap();
    assert_eq!(problem(others).await, (404, "not-found".to_owned()));
    assert_eq!(face.ask(Method::DELETE, &path).send().await.unwrap().status(), StatusCode::NO_CONTENT);
    let answer: Value = face.submit(&[], &message()).await.json().await.unwrap();
    assert_eq!(answer["status"], "delivered");
    core.stop().await;
}

#[actix_rt::test]
async fn what_is_scheduled_can_be_cancelled_once_and_found_by_its_recipient_or_reference() {
    let (face, core, _folder) = over(Told::new(Channel::SMS, taken));
    let mut later = message();
    later["not_before"] = json!(core.broker.now().plus(Duration::from_secs(3600)).to_string());
    let mut paths = Vec::new();
    for number in 0..3 {
        later["sender_reference"] = json!(format!("r{number}"));
        let answer: Value = face.submit(&[("prefer", "respond-async")], &later).await.json().await.unwrap();
        assert_eq!((&answer["status"], &answer["reason"]), (&json!("waiting"), &json!("scheduled")));
        paths.push(answer["links"]["self"].as_str().unwrap().to_owned());
    }
    let cancelled = face.ask(Method::DELETE, &paths[0]).send().await.unwrap();
    assert_eq!(cancelled.status(), StatusCode::OK);
    assert_eq!(cancelled.json::<Value>().await.unwrap()["status"], "cancelled");
    assert_eq!(face.ask(Method::DELETE, &paths[0]).send().await.unwrap().status(), StatusCode::CONFLICT);

    let mut next = Some("/v1/messages?recipient=mobile:%2B32470123456&limit=2".to_owned());
    let mut found = Vec::new();
    while let Some(path) = next {
        let page = face.ask(Method::GET, &path).send().await.unwrap();
        let link = page.headers().get("link").map(|link| link.to_str().unwrap().to_owned());
        let page: Value = page.json().await.unwrap();
        found.extend(page["messages"].as_array().unwrap().iter().map(|one| one["href"].as_str().unwrap().to_owned()));
        next = page["next"].as_str().map(str::to_owned);
        assert_eq!(link, next.as_ref().map(|next| format!("<{next}>; rel=\"next\"")));
        // Where it goes on may be at another's message, so no id is in it.
        let ids = paths.iter().filter_map(|path| path.rsplit('/').next());
        assert!(ids.into_iter().all(|id| next.as_ref().is_none_or(|next| !next.contains(id))), "{next:?}");
        if let Some(next) = &next {
            let borrowed = face.ask_as(OTHERS, Method::GET, next).send().await.unwrap();
            assert_eq!(problem(borrowed).await, (400, "invalid-query".to_owned()));
        }
    }
    assert_eq!(found, [&*paths[2], &*paths[1], &*paths[0]]);
    let by_reference = face.get("/v1/messages?reference=r1").await;
    assert_eq!(by_reference["messages"][0]["href"], paths[1]);
    let waiting = face.get("/v1/messages?recipient=mobile:0470123456&status=cancelled").await;
    assert_eq!(waiting["messages"].as_array().unwrap().len(), 1);
    let others = face.ask_as(OTHERS, Method::GET, "/v1/messages?recipient=mobile:0470123456").send().await.unwrap();
    assert_eq!(others.json::<Value>().await.unwrap()["messages"], json!([]));
    core.stop().await;
}

#[actix_rt::test]
async fn a_row_that_would_fill_the_content_beyond_its_limits_is_a_bad_row_with_its_line() {
    let (face, core, _folder) = over(Told::new(Channel::SMS, taken));
    let body = json!({"strategy": "sms-only", "content": {"html": {"fr": "{{a}}".repeat(600)}}});
    let created = face.ask(Method::POST, "/v1/broadcasts").json(&body).send().await.unwrap();
    let path = format!("{}/recipients", created.headers()["location"].to_str().unwrap());
    let long = "x".repeat(1_000);
    let rows = format!("mobile,var.a\n0470123451,x\n0470123452,{long}\n0470123453,\n");
    let put = face.ask(Method::PUT, &path).header("content-type", "text/csv").body(rows);
    let refused: Value = put.send().await.unwrap().json().await.unwrap();
    let errors = refused["rows"]["errors"].as_array().unwrap();
    let lines: Vec<_> = errors.iter().map(|row| row["line"].as_u64().unwrap()).collect();
    assert_eq!(lines, [3, 4], "{refused}");
    assert!(errors[0]["detail"].as_str().unwrap().contains("600000 bytes"), "{refused}");
    core.stop().await;
}

#[actix_rt::test]
async fn a_broadcast_is_filled_from_both_forms_started_once_and_reported_row_by_row() {
    let (face, core, _folder) = over(Told::new(Channel::SMS, taken));
    let body = json!({"strategy": "sms-only", "content": {"text": {"fr": "Montant {{amount}}"}}});
    let created = face.ask(Method::POST, "/v1/broadcasts").json(&body).send().await.unwrap();
    assert_eq!(created.status(), StatusCode::CREATED);
    let path = created.headers()["location"].to_str().unwrap().to_owned();
    let created: Value = created.json().await.unwrap();
    assert_eq!((&created["phase"], &created["variables"]), (&json!("draft"), &json!(["amount"])));
    let put = |kind: &'static str, query: &str, rows: &str| {
        let path = format!("{path}/recipients{query}");
        face.ask(Method::PUT, &path).header("content-type", kind).body(rows.to_owned()).send()
    };
    let empty = face.ask(Method::POST, &format!("{path}/start")).send().await.unwrap();
    assert_eq!(problem(empty).await, (409, "conflict".to_owned()));
    let header = put("text/csv", "", "mobile\n0470123450\n").await.unwrap();
    assert_eq!(problem(header).await, (422, "invalid-header".to_owned()));

    let bad = "var.amount,key,mobile\n1,a,0470123451\n2,b,12\n3,c\n\"4,5\",d,0470123454\n";
    let refused = put("text/csv", "", bad).await.unwrap();
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let refused: Value = refused.json().await.unwrap();
    let lines: Vec<_> = refused["rows"]["errors"].as_array().unwrap().iter().map(|row| row["line"].clone()).collect();
    assert_eq!((refused["type"].as_str(), lines), (Some("urn:estafette:problem:bad-rows"), vec![json!(3), json!(4)]));
    assert_eq!(face.get(&path).await["rows"], 0);
    let kept: Value = put("text/csv", "?on_error=keep", bad).await.unwrap().json().await.unwrap();
    assert_eq!((&kept["accepted"], &kept["refused"]), (&json!(2), &json!(2)));
    let again = r#"{"key":"a","recipient":{"mobile":"0470123459"},"variables":{"amount":"9"}}"#;
    let one = r#"{"key":"e","recipient":{"mobile":"0470123455"},"variables":{"amount":"5"}}"#;
    let more = put("application/x-ndjson", "", &format!("{again}\n\n{one}")).await.unwrap();
    assert_eq!(more.json::<Value>().await.unwrap()["accepted"], 2);

    let others = face.ask_as(OTHERS, Method::POST, &format!("{path}/start")).send().await.unwrap();
    assert_eq!(problem(others).await, (404, "not-found".to_owned()));
    let started: Value = face.ask(Method::POST, &format!("{path}/start")).send().await.unwrap().json().await.unwrap();
    assert_eq!(started["duplicates"], 1, "{started}");
    let late = put("application/x-ndjson", "", one).await.unwrap();
    assert_eq!(problem(late).await, (409, "conflict".to_owned()));
    let again = face.ask(Method::POST, &format!("{path}/start")).send().await.unwrap();
    assert_eq!(problem(again).await, (409, "conflict".to_owned()));

    let done = until(&face, &path, |it| it["by_status"]["delivered"] == 3).await;
    assert_eq!((&done["rows"], &done["by_status"]["failed"]), (&json!(4), &json!(1)));
    let report = face.ask(Method::GET, &format!("{path}/report")).send().await.unwrap();
    assert_eq!(report.headers()["content-type"], "application/x-ndjson");
    let report = report.text().await.unwrap();
    let rows: Vec<Value> = report.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<_> = rows.iter().map(|row| (row["key"].as_str().unwrap(), row["status"].as_str().unwrap())).collect();
    assert_eq!(told, [("a", "delivered"), ("d", "delivered"), ("a", "failed"), ("e", "delivered")]);
    assert_eq!(rows[2]["reason"], "duplicate_row");
    let row = face.get(&format!("/v1/messages/{}", rows[1]["id"].as_str().unwrap())).await;
    assert_eq!((&row["status"], &row["sender_reference"]), (&json!("delivered"), &json!("d")));
    let csv = face.ask(Method::GET, &format!("{path}/report")).header("accept", "text/csv").send().await.unwrap();
    assert_eq!(csv.text().await.unwrap().lines().count(), 5);
    let html = face.ask(Method::GET, &format!("{path}/report")).header("accept", "text/html").send().await.unwrap();
    assert_eq!(problem(html).await, (406, "not-acceptable".to_owned()));
    core.stop().await;
}
