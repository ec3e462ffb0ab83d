//! RingRing.
use std::time::Duration;

use estafette::channels::sms::ringring::{RingRing, Settings};
use estafette_actors::domain::failure::Failure;
use estafette_actors::domain::life::Outcome;
use estafette_actors::domain::receipt::About;
use estafette_actors::domain::status::AttemptStatus;
use estafette_actors::ports::{CallbackError, CallbackRequest, Inquiry, Transport};
use serde_json::{Value, json};

use crate::desk::{Desk, Reply, Seen};
use crate::letter::{MOBILE, NISS, letter, mobile, niss, saying};

fn settings(base: &str) -> Value {
    json!({ "base_url": base, "api_key": "k3y", "sender_id": "8686", "timeout_ms": 400,
        "callback_base": "https://broker.example.be/", "callback_secret": "s3 & cret".replace(' ', "") })
}

fn channel(base: &str) -> RingRing {
    RingRing::new(serde_json::from_value::<Settings>(settings(base)).unwrap()).unwrap()
}

async fn desk_that(answers: Reply) -> Desk {
    Desk::open(move |_: &Seen| answers.clone()).await
}

fn taken() -> Reply {
    let messages = json!([{ "MessageId": "000123", "To": "32470123456", "NumberOfParts": 1 }]);
    Reply::Json(
        200,
        json!({ "MessageCount": 1, "Messages": messages, "ResultCode": 0, "ResultDescription": "Success" }),
    )
}

fn failed(failure: Failure) -> Outcome {
    Outcome::Is(AttemptStatus::Failed(failure), None)
}

#[tokio::test]
async fn a_letter_goes_with_our_reference_its_alphabet_and_its_validity() {
    let desk = desk_that(taken()).await;
    let letter = letter(mobile(MOBILE));
    let reference = letter.reference.to_string();
    let outcome = channel(&desk.url()).send(letter).await;
    assert_eq!(outcome, Outcome::Is(AttemptStatus::Sent, Some("000123".into())));
    let seen = desk.seen();
    assert!(seen[0].is("POST", "/sms/v1/Message"), "{}", seen[0].path);
    let expected = json!({
        "ApiKey": "k3y", "To": "32470123456", "Message": "Votre dossier est prêt", "From": "SPF Finance",
        "Reference": reference, "TimeValidity": 60, "MessageEncoding": "Unicode", "StatusMethod": "POST",
        "StatusFormat": "JSON", "StatusUrl": "https://broker.example.be/v1/callbacks/ringring?secret=s3%26cret",
    });
    assert_eq!(seen[0].json(), expected);
}

#[tokio::test]
async fn the_sandbox_is_another_path_and_a_plain_text_is_said_to_be_one() {
    let desk = desk_that(taken()).await;
    let table = json!({ "base_url": desk.url(), "api_key": "k3y", "sandbox": true });
    let channel = RingRing::new(serde_json::from_value(table).unwrap()).unwrap();
    assert!(matches!(channel.send(saying(mobile(MOBILE), "code 1234")).await, Outcome::Is(AttemptStatus::Sent, _)));
    let seen = desk.seen();
    assert!(seen[0].is("POST", "/sms/sandbox/v1/Message"), "{}", seen[0].path);
    assert_eq!(seen[0].json()["MessageEncoding"], "Text");
    assert_eq!(seen[0].json().get("StatusUrl"), None);
}

#[tokio::test]
async fn what_can_not_be_an_sms_is_not_sent() {
    let desk = desk_that(taken()).await;
    let channel = channel(&desk.url());
    assert_eq!(channel.send(letter(niss(NISS))).await, failed(Failure::Unreachable));
    assert_eq!(channel.send(saying(mobile(MOBILE), &"a".repeat(759))).await, failed(Failure::InvalidContent));
    assert!(desk.seen().is_empty());
    assert!(matches!(
        channel.send(saying(mobile(MOBILE), &"é".repeat(758))).await,
        Outcome::Is(AttemptStatus::Sent, _)
    ));
}

#[tokio::test]
async fn each_answer_has_its_outcome() {
    let result = |code: Value| Reply::Json(200, json!({ "ResultCode": code, "Messages": [] }));
    let three = Some(Duration::from_secs(3));
    for (reply, expected) in [
        (result(json!("0")), Outcome::Is(AttemptStatus::Sent, None)),
        (result(json!(101)), failed(Failure::ChannelDown)),
        (result(json!(103)), failed(Failure::Unreachable)),
        (result(json!(104)), failed(Failure::InvalidContent)),
        (result(json!(106)), failed(Failure::RejectedByChannel)),
        (result(json!(9_999)), failed(Failure::RejectedByChannel)),
        (result(json!(null)), Outcome::Unknown),
        (Reply::Json(200, json!("?")), Outcome::Unknown),
        (Reply::Json(403, json!({})), failed(Failure::ChannelDown)),
        (Reply::Json(503, json!({})), failed(Failure::ChannelDown)),
        (Reply::Header(429, "retry-after", "3"), Outcome::Throttled(three)),
        (Reply::Json(429, json!({})), Outcome::Throttled(None)),
        (Reply::Json(500, json!({})), Outcome::Unknown),
        (Reply::HangUp, Outcome::Unknown),
        (Reply::Silence, Outcome::Unknown),
    ] {
        let desk = desk_that(reply.clone()).await;
        assert_eq!(channel(&desk.url()).send(letter(mobile(MOBILE))).await, expected, "{reply:?}");
    }
    let nobody = format!("http://{}", Desk::closed().await);
    assert_eq!(channel(&nobody).send(letter(mobile(MOBILE))).await, failed(Failure::ChannelDown));
}

#[tokio::test]
async fn it_can_not_be_asked() {
    assert_eq!(channel("http://127.0.0.1:1").inquire(letter(mobile(MOBILE))).await, Inquiry::CannotTell);
}

#[tokio::test]
async fn a_callback_counts_only_with_the_secret_as_post_and_as_get() {
    let channel = channel("http://127.0.0.1:1");
    let reference = letter(mobile(MOBILE)).reference;
    let status =
        json!({ "MessageId": "000123", "Reference": reference.to_string(), "StatusCode": "200", "To": "32470123456" });
    let secret = || vec![("secret".to_owned(), "s3&cret".to_owned())];
    let post = CallbackRequest {
        method: "POST".into(),
        query: secret(),
        body: status.to_string().into(),
        ..CallbackRequest::default()
    };
    let received = channel.receipts(&post).unwrap();
    assert_eq!((received.receipts.len(), received.ignored), (1, 0));
    assert_eq!(received.receipts[0].about, About::Attempt(reference));
    assert_eq!(received.receipts[0].status, AttemptStatus::Delivered);
    assert_eq!(received.receipts[0].channel_reference.as_deref(), Some("000123"));

    let mut query = secret();
    query.extend([
        ("MessageId".into(), "000123".into()),
        ("Reference".into(), "theirs".into()),
        ("StatusCode".into(), "300".into()),
    ]);
    let get = CallbackRequest { method: "GET".into(), query, ..CallbackRequest::default() };
    let received = channel.receipts(&get).unwrap();
    assert_eq!(received.receipts[0].about, About::ChannelReference("000123".into()));
    assert_eq!(received.receipts[0].status, AttemptStatus::Failed(Failure::RejectedByChannel));

    // An incoming SMS has no status.
    let incoming = json!({ "MessageId": "7", "From": "32470123456", "Message": "STOP" }).to_string();
    let received = channel.receipts(&CallbackRequest { body: incoming.into(), ..post.clone() }).unwrap();
    assert_eq!((received.receipts.len(), received.ignored), (0, 1));

    for query in [vec![], vec![("secret".to_owned(), "s3".to_owned())]] {
        assert_eq!(channel.receipts(&CallbackRequest { query, ..post.clone() }), Err(CallbackError::Secret));
    }
    assert!(matches!(channel.receipts(&CallbackRequest { body: b"{".into(), ..post }), Err(CallbackError::Form(_))));
}

#[test]
fn settings_that_lead_nowhere_are_refused_with_their_key() {
    let with = |key: &str, value: Value| {
        let mut table = settings("http://127.0.0.1:1");
        table[key] = value;
        let settings = serde_json::from_value::<Settings>(table).map_err(|error| error.to_string());
        settings.and_then(|settings| RingRing::new(settings).map(drop).map_err(|error| error.to_string()))
    };
    for (key, value) in [
        ("base_url", json!("api.example.be")),
        ("api_key", json!("")),
        ("timeout_ms", json!(0)),
        ("callback_base", json!("/here")),
        ("callback_secret", json!(null)),
        ("tokn", json!("x")),
    ] {
        assert!(with(key, value).unwrap_err().contains(key), "{key}");
    }
    let shown = format!("{:?}", serde_json::from_value::<Settings>(settings("http://127.0.0.1:1")).unwrap());
    assert!(!shown.contains("k3y") && !shown.contains("s3&cret"), "{shown}");
}
