//! GovApp.
use std::sync::Arc;
use std::time::Duration;

use estafette::channels::govapp::{GovApp, Settings};
use estafette_actors::domain::failure::Failure;
use estafette_actors::domain::life::Outcome;
use estafette_actors::domain::receipt::About;
use estafette_actors::domain::status::AttemptStatus;
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::{CallbackError, CallbackRequest, Inquiry, Transport};
use serde_json::json;

use crate::desk::{Desk, Reply, Seen};
use crate::letter::{MOBILE, NISS, letter, mobile, niss};

const ONE: &str = "01939f3a-7c1e-7000-8000-000000000001";
const TWO: &str = "01939f3a-7c1e-7000-8000-000000000002";

fn settings(base: &str) -> Settings {
    let table =
        json!({ "base_url": base, "token": "t0ken", "timeout_ms": 400, "callback_secret": "s3cret", "poll": true });
    serde_json::from_value(table).unwrap()
}

fn channel(base: &str) -> GovApp {
    GovApp::new(settings(base)).unwrap()
}

fn receivers(ids: &[&str]) -> Reply {
    let ids: Vec<_> = ids.iter().map(|id| json!({ "id": id, "publicKey": "AQAB" })).collect();
    Reply::Json(200, json!({ "totalAmount": ids.len(), "receivers": ids }))
}

fn created(id: &str) -> Reply {
    Reply::Json(201, json!({ "id": id, "status": "CREATED" }))
}

/// One receiver, and this answer to its notification.
async fn desk_that(answers: Reply) -> Desk {
    Desk::open(move |seen: &Seen| if seen.method == "GET" { receivers(&[ONE]) } else { answers.clone() }).await
}

fn failed(failure: Failure) -> Outcome {
    Outcome::Is(AttemptStatus::Failed(failure), None)
}

#[tokio::test]
async fn a_letter_goes_in_all_its_languages_under_our_reference() {
    let desk = desk_that(created("n-1")).await;
    let letter = letter(mobile(MOBILE));
    let reference = letter.reference.to_string();
    let outcome = channel(&desk.url()).send(letter).await;
    assert_eq!(outcome, Outcome::Is(AttemptStatus::Sent, Some("n-1".into())));
    let [look_up, post] = &desk.seen()[..] else { panic!("two requests") };
    assert!(look_up.is("GET", "/api/v1/pushNotifications/notifications/receivers?phoneNumber=32470123456&"));
    assert!(post.is("POST", &format!("/api/v1/pushNotifications/notifications/receivers/{ONE}/notifications")));
    for seen in [look_up, post] {
        assert_eq!(seen.header("authorization"), Some("Bearer t0ken"));
        assert_eq!(seen.header("x-correlation-id"), Some(&*reference));
    }
    let body = post.json();
    assert_eq!(body["messageCorrelationId"], reference);
    assert_eq!(body["languages"], json!(["fr", "nl"]));
    assert_eq!(body["publicTitle"], json!({ "fr": "Dossier", "nl": "Nieuw bericht" }));
    assert_eq!(body["privateBody"], json!({ "fr": "Votre dossier est prêt", "nl": "<b>Uw dossier is klaar</b>" }));
    assert!(Timestamp::parse(body["availableUntilDate"].as_str().unwrap()).is_ok());
}

#[tokio::test]
async fn a_citizen_without_the_app_is_unreachable_and_asked_about_anew_each_time() {
    let desk = Desk::open(|_: &Seen| receivers(&[])).await;
    let channel = channel(&desk.url());
    for _ in 0..2 {
        assert_eq!(channel.send(letter(niss(NISS))).await, failed(Failure::Unreachable));
    }
    assert_eq!(desk.count("GET", &format!("receivers?ssin={NISS}&")), 2);
    assert_eq!(desk.count("POST", ""), 0);
}

#[tokio::test]
async fn what_the_registry_added_is_asked_about_when_the_number_given_has_no_app() {
    let desk = Desk::open(|seen: &Seen| match &*seen.method {
        "GET" if seen.path.contains("phoneNumber") => receivers(&[]),
        "GET" => receivers(&[ONE]),
        _ => created("n-1"),
    });
    let desk = desk.await;
    let mut letter = letter(mobile(MOBILE));
    letter.recipient.niss = niss(NISS).niss;
    assert!(matches!(channel(&desk.url()).send(letter).await, Outcome::Is(AttemptStatus::Sent, _)));
}

#[tokio::test]
async fn receivers_are_remembered_until_one_is_gone() {
    let desk = Desk::open(|seen: &Seen| match (&*seen.method, seen.path.contains(ONE)) {
        ("GET", _) => receivers(&[ONE]),
        _ if seen.body.windows(4).any(|four| four == b".0.1") => Reply::Json(404, json!({})),
        _ => created("n-1"),
    });
    let desk = desk.await;
    let channel = channel(&desk.url());
    for _ in 0..3 {
        assert!(matches!(channel.send(letter(mobile(MOBILE))).await, Outcome::Is(AttemptStatus::Sent, _)));
    }
    assert_eq!(desk.count("GET", "receivers"), 1);
    let mut gone = letter(mobile(MOBILE));
    gone.reference.retry = 1;
    assert_eq!(channel.send(gone).await, failed(Failure::Unreachable));
    assert!(matches!(channel.send(letter(mobile(MOBILE))).await, Outcome::Is(AttemptStatus::Sent, _)));
    assert_eq!(desk.count("GET", "receivers"), 2);
}

#[tokio::test]
async fn one_of_two_devices_is_enough() {
    let desk = Desk::open(|seen: &Seen| match &*seen.method {
        "GET" => receivers(&[ONE, TWO]),
        _ if seen.path.contains(ONE) => Reply::Json(500, json!({})),
        _ => created("n-2"),
    });
    let desk = desk.await;
    let outcome = channel(&desk.url()).send(letter(mobile(MOBILE))).await;
    assert_eq!(outcome, Outcome::Is(AttemptStatus::Sent, Some("n-2".into())));
    assert_eq!(desk.count("POST", "/notifications"), 2);
}

#[tokio::test]
async fn each_answer_has_its_outcome() {
    let second = Some(Duration::from_secs(3));
    for (reply, expected) in [
        (Reply::Json(422, json!({})), failed(Failure::RejectedByChannel)),
        (Reply::Json(400, json!({ "code": "INVALID_CONTENT" })), failed(Failure::InvalidContent)),
        (Reply::Json(401, json!({})), failed(Failure::ChannelDown)),
        (Reply::Json(503, json!({})), failed(Failure::ChannelDown)),
        (Reply::Header(302, "location", "http://127.0.0.1:1/"), failed(Failure::ChannelDown)),
        (Reply::Header(429, "retry-after", "3"), Outcome::Throttled(second)),
        (Reply::Header(503, "retry-after", "3"), Outcome::Throttled(second)),
        (Reply::Json(500, json!({})), Outcome::Unknown),
        (Reply::Json(201, json!([])), Outcome::Unknown),
        (Reply::HangUp, Outcome::Unknown),
        (Reply::Half(201), Outcome::Unknown),
        (Reply::Silence, Outcome::Unknown),
    ] {
        let desk = desk_that(reply.clone()).await;
        assert_eq!(channel(&desk.url()).send(letter(mobile(MOBILE))).await, expected, "{reply:?}");
    }
}

#[tokio::test]
async fn a_look_up_that_fails_has_sent_nothing() {
    for (reply, failure) in [
        (Reply::Json(500, json!({})), Failure::ChannelDown),
        (Reply::Json(200, json!({})), Failure::ChannelDown),
        (Reply::HangUp, Failure::ChannelDown),
        (Reply::Silence, Failure::Timeout),
    ] {
        let answer = reply.clone();
        let desk = Desk::open(move |_: &Seen| answer.clone()).await;
        assert_eq!(channel(&desk.url()).send(letter(mobile(MOBILE))).await, failed(failure), "{reply:?}");
    }
    let nobody = format!("http://{}", Desk::closed().await);
    assert_eq!(channel(&nobody).send(letter(mobile(MOBILE))).await, failed(Failure::ChannelDown));
    let no_name = channel("http://nobody.invalid").send(letter(mobile(MOBILE))).await;
    assert_eq!(no_name, failed(Failure::ChannelDown));
}

#[tokio::test]
async fn the_platform_is_asked_by_our_reference() {
    let listed =
        |status: &str| json!({ "totalAmount": 1, "notifications": [{ "id": "n-1", "status": status, "events": [] }] });
    for (reply, expected) in [
        (Reply::Json(200, listed("RECEIVED")), Inquiry::Known(AttemptStatus::Delivered, Some("n-1".into()))),
        (Reply::Json(200, listed("SOMETHING")), Inquiry::CannotTell),
        (Reply::Json(200, json!({ "totalAmount": 0, "notifications": [] })), Inquiry::NotFound),
        (Reply::Json(500, json!({})), Inquiry::CannotTell),
        (Reply::Silence, Inquiry::CannotTell),
    ] {
        let answer = reply.clone();
        let desk = Desk::open(move |_: &Seen| answer.clone()).await;
        let letter = letter(mobile(MOBILE));
        let asked = format!("messageCorrelationId={}", letter.reference);
        assert_eq!(channel(&desk.url()).inquire(letter).await, expected, "{reply:?}");
        assert_eq!(desk.count("GET", &asked), 1);
    }
}

#[tokio::test]
async fn a_poll_reads_all_pages_and_gives_each_event_once() {
    let reference = letter(mobile(MOBILE)).reference;
    let listed = move |seen: &Seen| {
        let count = if seen.path.ends_with("offset=0") { 100 } else { 1 };
        let notification = json!({
            "id": "n-1", "messageCorrelationId": reference.to_string(), "status": "OPENED",
            "events": [{ "type": "OPENED" }, { "type": "CREATED", "timestamp": 7 }, { "type": "?" }],
        });
        Reply::Json(200, json!({ "totalAmount": 101, "notifications": vec![notification; count] }))
    };
    let desk = Desk::open(listed).await;
    let since = Timestamp::parse("2026-11-23T12:00:00Z").unwrap();
    let receipts = channel(&desk.url()).poll(since).expect("polling is on").await.unwrap();
    assert_eq!(desk.count("GET", "sentAfter=2026-11-22T12%3A00%3A00.000Z"), 2);
    assert_eq!(receipts.len(), 202);
    assert_eq!(receipts[0].about, About::Attempt(reference));
    assert_eq!([receipts[0].status, receipts[1].status], [AttemptStatus::Sent, AttemptStatus::Read]);
}

#[tokio::test]
async fn a_callback_counts_only_with_the_secret() {
    let channel: Arc<dyn Transport> = Arc::new(channel("http://127.0.0.1:1"));
    let reference = letter(mobile(MOBILE)).reference;
    let event = json!({ "notificationId": "n-1", "messageCorrelationId": reference.to_string(), "type": "RECEIVED",
        "action": null, "timestamp": "2026-11-23T12:00:00Z" });
    let stranger = json!({ "notificationId": "n-2", "messageCorrelationId": "theirs", "type": "ACTION_TAKEN" });
    let with = |secret: &str, body: String| CallbackRequest {
        method: "POST".into(),
        headers: vec![("x-callback-secret".into(), secret.into())],
        body: body.into_bytes(),
        ..CallbackRequest::default()
    };
    let received = channel.receipts(&with("s3cret", json!([event, stranger, 7]).to_string())).unwrap();
    assert_eq!(received.ignored, 1);
    assert_eq!(received.receipts[0].about, About::Attempt(reference));
    assert_eq!(received.receipts[0].status, AttemptStatus::Delivered);
    assert_eq!(received.receipts[0].channel_reference.as_deref(), Some("n-1"));
    assert_eq!(received.receipts[1].about, About::ChannelReference("n-2".into()));
    assert_eq!(received.receipts[1].status, AttemptStatus::Acted);
    assert_eq!(channel.receipts(&with("s3cret", event.to_string())).unwrap().receipts.len(), 1);
    for wrong in [with("S3cret", event.to_string()), CallbackRequest { headers: vec![], ..with("", event.to_string()) }]
    {
        assert_eq!(channel.receipts(&wrong), Err(CallbackError::Secret));
    }
    assert!(matches!(channel.receipts(&with("s3cret", "{".into())), Err(CallbackError::Form(_))));
}
