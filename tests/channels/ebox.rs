//! e-Box.
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_lc_rs::digest;
use base64::Engine;
use estafette::channels::ebox::{Ebox, Settings};
use estafette_actors::domain::failure::Failure;
use estafette_actors::domain::life::Outcome;
use estafette_actors::domain::receipt::About;
use estafette_actors::domain::status::AttemptStatus;
use estafette_actors::domain::submission::Recipient;
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::{CallbackError, CallbackRequest, Inquiry, Letter, Taken, Transport};
use futures_util::future;
use serde_json::{Value, json};

use crate::desk::{Desk, Reply, Seen};
use crate::letter::{MOBILE, NISS, letter, mobile, niss, saying};

fn channel(base: &str) -> Ebox {
    let table = json!({
        "base_url": format!("{base}/registry"), "token_url": format!("{base}/token"), "client_id": "broker",
        "client_secret": "p:w", "sender_application_id": "app-1", "message_type_id": "type-1", "timeout_ms": 400,
    });
    Ebox::new(serde_json::from_value::<Settings>(table).unwrap()).unwrap()
}

fn token(number: usize) -> Reply {
    Reply::Json(200, json!({ "access_token": format!("token-{number}"), "token_type": "Bearer", "expires_in": 3600 }))
}

fn published(code: &str) -> Reply {
    Reply::Json(201, json!({ "messageId": "m-1", "expirationDate": "2027-11-23T00:00:00Z", "code": code }))
}

/// Gives tokens, and this answer to all else.
async fn desk_that(answers: Reply) -> Desk {
    Desk::open(move |seen: &Seen| if seen.path == "/token" { token(1) } else { answers.clone() }).await
}

fn failed(failure: Failure) -> Outcome {
    Outcome::Is(AttemptStatus::Failed(failure), None)
}

fn delivered() -> Outcome {
    Outcome::Is(AttemptStatus::Delivered, Some("m-1".into()))
}

/// The parts of a multipart body: the head of each, and its content.
fn parts(seen: &Seen) -> Vec<(String, String)> {
    let boundary = seen.header("content-type").unwrap().split_once("boundary=").unwrap().1;
    let body = String::from_utf8(seen.body.clone()).unwrap();
    let mark = format!("--{boundary}");
    let parts = body.split(&mark).filter_map(|part| part.split_once("\r\n\r\n"));
    parts.map(|(head, content)| (head.to_owned(), content.trim_end_matches("\r\n").to_owned())).collect()
}

#[tokio::test]
async fn a_letter_is_one_document_with_its_digest_and_our_reference() {
    let desk = desk_that(published("SUCCESS")).await;
    let letter = letter(niss(NISS));
    let reference = letter.reference.to_string();
    assert_eq!(channel(&desk.url()).send(letter).await, delivered());
    let [issue, publish] = &desk.seen()[..] else { panic!("two requests") };
    // p:w is form-encoded before it goes into HTTP Basic.
    let basic = base64::engine::general_purpose::STANDARD.encode("broker:p%3Aw");
    assert_eq!(issue.header("authorization"), Some(&*format!("Basic {basic}")));
    assert_eq!(issue.body, b"grant_type=client_credentials");
    assert!(publish.is("POST", "/registry/publishMessage"));
    assert_eq!(publish.header("authorization"), Some("Bearer token-1"));
    let parts = parts(publish);
    let [(first, message), (second, document)] = &parts[..] else { panic!("two parts: {parts:?}") };
    assert!(first.contains("name=\"messageToPublish\"") && first.contains("application/json"), "{first}");
    assert!(second.contains("name=\"upfile1\"") && second.contains("text/plain"), "{second}");
    assert_eq!(document, "Votre dossier est prêt");
    let hash = digest::digest(&digest::SHA256, document.as_bytes());
    let both = |fr: &str, nl: &str| json!({ "fr": fr, "nl": nl });
    let expected = json!({
        "recipient": { "eboxType": "citizen", "eboxIdValue": NISS },
        "subject": both("Dossier", "Nieuw bericht"),
        "messageTypeId": "type-1", "senderOrganizationId": "0403019261", "senderApplicationId": "app-1",
        "registeredMail": false, "bodyMainContent": false, "replyAuthorized": false,
        "attachments": [{
            "attachmentTitle": both("Dossier", "Nieuw bericht"), "httpPartName": "upfile1", "mainContent": true,
            "attachmentSigned": false,
            "digest": { "digestMethod": "sha_256", "digestValue": base64::engine::general_purpose::URL_SAFE.encode(hash) },
        }],
        "businessDataList": [{ "key": "reference", "values": [{ "fr": reference, "nl": reference, "de": reference }] }],
    });
    assert_eq!(serde_json::from_str::<Value>(message).unwrap(), expected);
}

#[tokio::test]
async fn html_becomes_a_page_and_an_enterprise_is_found_by_its_number() {
    use estafette_actors::domain::{cbe::Cbe, language::Language};
    let desk = desk_that(published("SUCCESS")).await;
    let enterprise = Recipient { cbe: Some(Cbe::parse("0206731645").unwrap()), ..Recipient::default() };
    let mut dutch = letter(enterprise);
    dutch.rendition = dutch.envelope.content.in_language(Some(Language::Nl), None, Language::Nl);
    assert_eq!(channel(&desk.url()).send(dutch).await, delivered());
    let parts = parts(&desk.seen()[1]);
    assert!(parts[0].1.contains(r#""recipient":{"eboxType":"enterprise","eboxIdValue":"0206731645"}"#));
    assert!(parts[1].0.contains("text/html"));
    assert!(
        parts[1].1.contains("<html lang=\"nl\">") && parts[1].1.contains("<body><b>Uw dossier is klaar</b></body>")
    );
}

#[tokio::test]
async fn a_mailbox_that_nobody_opens_is_not_reported_as_reached() {
    let desk = desk_that(published("NO_DIGITAL_USER")).await;
    let outcome = channel(&desk.url()).send(letter(niss(NISS))).await;
    assert_eq!(outcome, Outcome::Is(AttemptStatus::Sent, Some("m-1".into())));
}

#[tokio::test]
async fn a_mobile_number_has_no_mailbox() {
    let desk = desk_that(published("SUCCESS")).await;
    assert_eq!(channel(&desk.url()).send(letter(mobile(MOBILE))).await, failed(Failure::Unreachable));
    assert!(desk.seen().is_empty());
}

#[tokio::test]
async fn many_letters_at_once_ask_for_one_token() {
    let desk = desk_that(published("SUCCESS")).await;
    let channel = channel(&desk.url());
    let letters = (0..20).map(|_| channel.send(letter(niss(NISS))));
    assert!(future::join_all(letters).await.iter().all(|outcome| *outcome == delivered()));
    assert_eq!(desk.count("POST", "/token"), 1);
    assert_eq!(desk.count("POST", "/publishMessage"), 20);
}

#[tokio::test]
async fn a_token_that_is_refused_is_replaced_once() {
    let issued = AtomicUsize::new(0);
    let desk = Desk::open(move |seen: &Seen| match &*seen.path {
        "/token" => token(issued.fetch_add(1, Ordering::Relaxed) + 1),
        _ if seen.header("authorization") == Some("Bearer token-2") => published("SUCCESS"),
        _ => Reply::Json(401, json!({})),
    });
    let desk = desk.await;
    let channel = channel(&desk.url());
    assert_eq!(channel.send(letter(niss(NISS))).await, delivered());
    assert_eq!(channel.send(letter(niss(NISS))).await, delivered());
    assert_eq!(desk.count("POST", "/token"), 2);
    assert_eq!(desk.count("POST", "/publishMessage"), 3);

    let refusing = desk_that(Reply::Json(401, json!({}))).await;
    assert_eq!(self::channel(&refusing.url()).send(letter(niss(NISS))).await, failed(Failure::ChannelDown));
    assert_eq!(refusing.count("POST", "/publishMessage"), 2);
}

#[tokio::test]
async fn a_token_endpoint_in_trouble_fails_the_letter_before_anything_is_published() {
    for (reply, expected) in [
        (Reply::Json(401, json!({ "error": "invalid_client" })), failed(Failure::ChannelDown)),
        (Reply::Json(400, json!({ "error": "invalid_client" })), failed(Failure::ChannelDown)),
        (Reply::Json(500, json!({})), failed(Failure::ChannelDown)),
        (Reply::Json(200, json!({})), failed(Failure::ChannelDown)),
        (Reply::Silence, failed(Failure::Timeout)),
        (Reply::Json(429, json!({})), Outcome::Throttled(None)),
    ] {
        let answer = reply.clone();
        let desk = Desk::open(move |_: &Seen| answer.clone()).await;
        let channel = channel(&desk.url());
        let outcomes = future::join_all((0..3).map(|_| channel.send(letter(niss(NISS))))).await;
        assert_eq!(outcomes, vec![expected.clone(), expected.clone(), expected], "{reply:?}");
        assert_eq!(desk.seen().len(), 1, "those who wait share the answer: {reply:?}");
    }
}

#[tokio::test]
async fn each_answer_has_its_outcome() {
    for (reply, expected) in [
        (Reply::Json(400, json!({ "code": "RECIPIENT_REFUSED" })), failed(Failure::RejectedByChannel)),
        (Reply::Json(413, json!({})), failed(Failure::InvalidContent)),
        (Reply::Json(503, json!({})), failed(Failure::ChannelDown)),
        (Reply::Json(500, json!({})), Outcome::Unknown),
        (Reply::Json(201, json!({})), Outcome::Unknown),
        (Reply::HangUp, Outcome::Unknown),
        (Reply::Silence, Outcome::Unknown),
    ] {
        let desk = desk_that(reply.clone()).await;
        assert_eq!(channel(&desk.url()).send(letter(niss(NISS))).await, expected, "{reply:?}");
    }
}

#[tokio::test]
async fn what_was_published_is_asked_about_until_it_is_read() {
    let asked = AtomicUsize::new(0);
    let desk = Desk::open(move |seen: &Seen| match &*seen.path {
        "/token" => token(1),
        "/registry/publishMessage" => published("SUCCESS"),
        _ => {
            let read = asked.fetch_add(1, Ordering::Relaxed) > 0;
            let mut status = seen.json()[0].clone();
            status["readStatus"] = json!(read);
            Reply::Json(201, json!([status, { "messageId": "theirs", "readStatus": true }]))
        }
    });
    let desk = desk.await;
    let channel = channel(&desk.url());
    let poll = async || channel.poll(Timestamp::ZERO).expect("it is polled").await.unwrap();
    assert!(poll().await.is_empty());
    let letter: Letter = saying(niss(NISS), "bonjour");
    assert_eq!(channel.inquire(letter.clone()).await, Inquiry::CannotTell);
    assert_eq!(channel.send(letter.clone()).await, delivered());
    assert!(
        matches!(channel.inquire(letter.clone()).await, Inquiry::Known(AttemptStatus::Sent, Some(id)) if &*id == "m-1")
    );
    assert!(poll().await.is_empty());
    let receipts = poll().await;
    assert_eq!(receipts.len(), 1);
    assert_eq!(receipts[0].about, About::Attempt(letter.reference));
    assert_eq!(receipts[0].status, AttemptStatus::Read);
    assert!(poll().await.is_empty());
    assert_eq!(desk.count("POST", "/searchMessageStatus"), 2);
}

#[tokio::test]
async fn what_was_published_before_a_restart_is_asked_about_too() {
    let desk = Desk::open(|seen: &Seen| match &*seen.path {
        "/token" => token(1),
        _ => Reply::Json(201, json!([{ "messageId": "before", "eboxId": {}, "readStatus": true }])),
    });
    let desk = desk.await;
    let channel = channel(&desk.url());
    assert_eq!(channel.remembers(), Some((std::time::Duration::from_secs(7 * 86_400), 50_000)));
    let reference = letter(niss(NISS)).reference;
    let taken = |recipient, id: &str| Taken { reference, recipient, channel_reference: id.into() };
    channel.remember(vec![taken(niss(NISS), "before"), taken(Recipient::default(), "of nobody any more")]);
    let receipts = channel.poll(Timestamp::ZERO).expect("it is polled").await.unwrap();
    let told: Vec<_> = receipts.iter().map(|receipt| (&receipt.about, receipt.status)).collect();
    assert_eq!(told, [(&About::Attempt(reference), AttemptStatus::Read)]);
    let asked = desk.seen().pop().unwrap().json();
    assert_eq!(asked.as_array().unwrap().len(), 1, "{asked}");
    assert_eq!(asked[0]["eboxId"]["eboxIdValue"], NISS);
}

#[test]
fn it_sends_no_callbacks() {
    assert_eq!(channel("http://127.0.0.1:1").receipts(&CallbackRequest::default()), Err(CallbackError::None));
}
