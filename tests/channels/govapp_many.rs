//! GovApp's call to many receivers: what goes together, and what each letter is told.
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use estafette::channels::Table;
use estafette::channels::govapp::{GovApp, Settings, build};
use estafette_actors::domain::content::Content;
use estafette_actors::domain::failure::Failure;
use estafette_actors::domain::jwe::{Jwe, Receiver};
use estafette_actors::domain::language::Language;
use estafette_actors::domain::life::Outcome;
use estafette_actors::domain::status::AttemptStatus;
use estafette_actors::domain::submission::{Envelope, Lane, Recipient};
use estafette_actors::ports::{Inquiry, Letter, Transport};
use futures_util::future;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::desk::{Desk, Reply, Seen};
use crate::letter::{MOBILE, letter, mobile, rows};

/// Whose calls have at most so many receivers. Letters wait so long for others that all of a test find each other: a call
/// goes when it is full.
fn channel(desk: &Desk, receivers: usize) -> GovApp {
    with(desk, &json!({ "gather_ms": 1_000, "gather_receivers": receivers }))
}

fn with(desk: &Desk, more: &Value) -> GovApp {
    let mut table = json!({ "base_url": desk.url(), "token": "t0ken", "timeout_ms": 1_500 });
    table.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    GovApp::new(serde_json::from_value::<Settings>(table).unwrap()).unwrap()
}

fn recipients(count: u32) -> impl Iterator<Item = Recipient> {
    (1..=count).map(|n| mobile(&format!("+3247000{n:04}")))
}

/// A device of whoever is looked up: of the one with number 7, device 2 is `...0007-...-2`.
fn device(number: u128, device: u128) -> Uuid {
    Uuid::from_u128((number << 64) | device)
}

/// The number that a look-up is about.
fn number_of(seen: &Seen) -> u128 {
    let number = seen.path.split("phoneNumber=").nth(1).unwrap();
    number[..11].parse::<u128>().unwrap() % 10_000
}

fn found(seen: &Seen, devices: u128) -> Reply {
    let receivers: Vec<_> = (1..=devices).map(|one| json!({ "id": device(number_of(seen), one) })).collect();
    Reply::Json(200, json!({ "totalAmount": devices, "receivers": receivers }))
}

fn is_many(seen: &Seen) -> bool {
    seen.method == "POST" && seen.path.ends_with("pushNotifications/notifications")
}

fn is_one(seen: &Seen) -> bool {
    seen.method == "POST" && !is_many(seen)
}

fn to(call: &Seen) -> Vec<(Uuid, String)> {
    let list = call.json()["receivers"].as_array().unwrap().clone();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    list.iter().map(|to| (text(&to["id"]).parse().unwrap(), text(&to["messageCorrelationId"]))).collect()
}

/// What is answered when all are taken: the notification of a receiver is named after it.
fn all_taken(call: &Seen) -> Reply {
    let of = |(receiver, _): (Uuid, String)| json!({ "id": format!("n-{receiver}"), "receiverId": receiver });
    Reply::Json(201, json!({ "notifications": to(call).into_iter().map(of).collect::<Vec<_>>() }))
}

fn answers(seen: &Seen) -> Reply {
    match &*seen.method {
        "GET" => found(seen, 1),
        _ if is_many(seen) => all_taken(seen),
        _ => Reply::Json(201, json!({ "id": "n-alone" })),
    }
}

fn sent(receiver: Uuid) -> Outcome {
    Outcome::Is(AttemptStatus::Sent, Some(format!("n-{receiver}").into()))
}

fn alone() -> Outcome {
    Outcome::Is(AttemptStatus::Sent, Some("n-alone".into()))
}

fn failed(failure: Failure) -> Outcome {
    Outcome::Is(AttemptStatus::Failed(failure), None)
}

async fn send(channel: &GovApp, letters: Vec<Letter>) -> Vec<Outcome> {
    future::join_all(letters.into_iter().map(|letter| channel.send(letter))).await
}

fn changed(letter: &Letter, change: impl FnOnce(&mut Envelope)) -> Letter {
    let mut envelope = Envelope::clone(&letter.envelope);
    change(&mut envelope);
    Letter { envelope: Arc::new(envelope), ..letter.clone() }
}

#[tokio::test]
async fn rows_that_say_the_same_go_in_one_call_each_under_its_own_reference() {
    let desk = Desk::open(answers).await;
    let mut letters = rows(recipients(40));
    // Every language is in the call, so whom it goes to in which makes no difference.
    letters[3].rendition.language = Language::Nl;
    let outcomes = send(&channel(&desk, 40), letters.clone()).await;
    let seen = desk.seen();
    let posts: Vec<&Seen> = seen.iter().filter(|seen| seen.method == "POST").collect();
    let [call] = posts[..] else { panic!("{} posts", posts.len()) };
    assert!(is_many(call));
    let body = call.json();
    assert_eq!(call.header("authorization"), Some("Bearer t0ken"));
    assert_eq!(call.header("x-correlation-id"), body["messageCorrelationId"].as_str());
    assert_eq!(body["languages"], json!(["fr", "nl"]));
    assert_eq!(body["privateBody"], json!({ "fr": "Votre dossier est prêt", "nl": "<b>Uw dossier is klaar</b>" }));
    let expected: BTreeSet<_> =
        letters.iter().zip(1..).map(|(letter, n)| (device(n, 1), letter.reference.to_string())).collect();
    assert_eq!(to(call).into_iter().collect::<BTreeSet<_>>(), expected);
    for (outcome, n) in outcomes.into_iter().zip(1..) {
        assert_eq!(outcome, sent(device(n, 1)));
    }
}

#[tokio::test]
async fn what_is_one_citizens_alone_waits_for_nobody() {
    let desk = Desk::open(answers).await;
    let channel = channel(&desk, 2);
    let reserved = rows([1, 2].map(|n| mobile(&format!("+3246000010{n}"))));
    let urgent = rows(recipients(2)).iter().map(|row| changed(row, |row| row.lane = Lane::Urgent)).collect();
    let filled_in = |row: &Letter| changed(row, |row| row.content = Arc::new(Content::clone(&row.content)));
    let filled_in = rows(recipients(2)).iter().map(filled_in).collect();
    let single = letter(mobile(MOBILE));
    let singles = vec![single.clone(), Letter { reference: letter(mobile(MOBILE)).reference, ..single }];
    for (why, letters) in [("urgent", urgent), ("filled in", filled_in), ("single", singles), ("reserved", reserved)] {
        assert_eq!(send(&channel, letters).await, [alone(), alone()], "{why}");
    }
    assert_eq!(desk.seen().iter().filter(|seen| is_many(seen)).count(), 0);
}

#[tokio::test]
async fn what_is_encrypted_never_goes_to_many() {
    let desk = Desk::open(answers).await;
    let header = "eyJhbGciOiJSU0EtT0FFUC0yNTYiLCJlbmMiOiJBMjU2R0NNIn0";
    let key = "A".repeat(342);
    let jwe = Jwe::parse(&format!("{header}.{key}.AAAAAAAAAAAAAAAA.AAAA.AAAAAAAAAAAAAAAAAAAAAA")).unwrap();
    let sealed = |row: &Letter, content: &Arc<Content>| changed(row, |row| row.content = Arc::clone(content));
    let plain = rows(recipients(2));
    let both = (1..=2).map(|n| (Receiver(device(n, 1).as_u128()), jwe.clone())).collect();
    let content = Arc::new(Content { sealed: both, ..Content::clone(&plain[0].envelope.content) });
    let outcomes = send(&channel(&desk, 2), plain.iter().map(|row| sealed(row, &content)).collect()).await;
    assert_eq!(outcomes, [alone(), alone()]);
    let seen = desk.seen();
    let posts: Vec<_> = seen.iter().filter(|seen| seen.method == "POST").collect();
    assert!(posts.iter().all(|seen| is_one(seen) && seen.json()["privateBody"].is_null()));
}

#[tokio::test]
async fn what_differs_goes_in_calls_apart() {
    let desk = Desk::open(answers).await;
    let [one, other] = [rows(recipients(3)), rows(recipients(3))];
    let later = |row: &Letter| changed(row, |row| row.valid_until = row.valid_until.plus(Duration::from_secs(60)));
    let later: Vec<_> = one.iter().map(later).collect();
    let all = [one.clone(), other.clone(), later].concat();
    send(&channel(&desk, 3), all).await;
    let mut calls: Vec<usize> = desk.seen().iter().filter(|seen| is_many(seen)).map(|call| to(call).len()).collect();
    calls.sort_unstable();
    assert_eq!(calls, [3, 3, 3]);
    let untils: BTreeSet<_> = desk
        .seen()
        .iter()
        .filter(|seen| is_many(seen))
        .map(Seen::json)
        .collect::<Vec<_>>()
        .iter()
        .map(|body| body["availableUntilDate"].to_string())
        .collect();
    assert_eq!(untils.len(), 2);
}

#[tokio::test]
async fn no_call_has_more_receivers_than_it_may_and_all_devices_of_a_citizen_are_in_one() {
    let desk = Desk::open(|seen: &Seen| if seen.method == "GET" { found(seen, 2) } else { answers(seen) }).await;
    let letters = rows(recipients(7));
    let outcomes = send(&channel(&desk, 5), letters.clone()).await;
    let mut notified = Vec::new();
    for call in desk.seen().iter().filter(|seen| is_many(seen)) {
        let to = to(call);
        assert!(to.len() <= 5, "{}", to.len());
        assert!(to.chunks(2).all(|devices| devices[0].1 == devices[1].1));
        notified.extend(to);
    }
    // The seventh was left over, and goes by itself.
    let by_itself = desk.seen().iter().filter(|seen| is_one(seen)).count();
    assert_eq!(notified.len() + by_itself, 14);
    for (n, outcome) in (1..).zip(outcomes) {
        let is_first = outcome == sent(device(n, 1));
        assert!(is_first || outcome == alone(), "{outcome:?}");
    }
}

#[tokio::test]
async fn a_citizen_who_stands_twice_in_a_broadcast_is_not_twice_in_a_call() {
    let desk = Desk::open(answers).await;
    let twice = rows(recipients(3).chain(recipients(3)));
    let outcomes = send(&channel(&desk, 6), twice.clone()).await;
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Is(AttemptStatus::Sent, Some(_)))));
    let mut references = Vec::new();
    for seen in desk.seen().iter().filter(|seen| seen.method == "POST") {
        if is_many(seen) {
            let to = to(seen);
            assert_eq!(to.iter().map(|(id, _)| id).collect::<BTreeSet<_>>().len(), to.len());
            references.extend(to.into_iter().map(|(_, reference)| reference));
        } else {
            references.push(seen.json()["messageCorrelationId"].as_str().unwrap().to_owned());
        }
    }
    let mut expected: Vec<_> = twice.iter().map(|letter| letter.reference.to_string()).collect();
    references.sort();
    expected.sort();
    assert_eq!(references, expected);
}

#[tokio::test]
async fn each_receiver_has_the_outcome_that_is_told_of_it() {
    let error = |n: u128, status: u16, more: Value| {
        let mut error = json!({ "receiverId": device(n, 1), "status": status });
        error.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        error
    };
    let told = json!({
        "notifications": [{ "id": format!("n-{}", device(1, 1)), "receiverId": device(1, 1) }],
        "errors": [
            error(2, 404, json!({})), error(3, 422, json!({ "code": "INVALID_CONTENT" })), error(4, 422, json!({})),
            error(5, 429, json!({})), error(6, 500, json!({})), error(7, 7, json!({})),
        ],
    });
    let desk = Desk::open(move |seen: &Seen| match &*seen.method {
        "GET" => found(seen, 1),
        _ => Reply::Json(201, told.clone()),
    });
    let desk = desk.await;
    let channel = channel(&desk, 8);
    let outcomes = send(&channel, rows(recipients(8))).await;
    assert_eq!(
        outcomes,
        [
            sent(device(1, 1)),
            failed(Failure::Unreachable),
            failed(Failure::InvalidContent),
            failed(Failure::RejectedByChannel),
            Outcome::Throttled(None),
            Outcome::Unknown,
            Outcome::Unknown,
            // Nothing is said of the eighth.
            Outcome::Unknown,
        ]
    );
    assert_eq!(desk.seen().iter().filter(|seen| seen.method == "POST").count(), 1);
    // Who has no receiver any more is looked up anew.
    let _ = channel.send(rows(recipients(2)).remove(1)).await;
    assert_eq!(desk.count("GET", "phoneNumber=32470000002&"), 2);
}

#[tokio::test]
async fn one_of_two_devices_is_enough_in_a_call_too() {
    let desk = Desk::open(|seen: &Seen| {
        if seen.method == "GET" {
            return found(seen, 2);
        }
        let (second, first): (Vec<_>, Vec<_>) = to(seen).into_iter().partition(|(id, _)| id.as_u128() & 1 == 0);
        let created: Vec<_> =
            second.iter().map(|(id, _)| json!({ "id": format!("n-{id}"), "receiverId": id })).collect();
        let gone: Vec<_> = first.iter().map(|(id, _)| json!({ "receiverId": id, "status": 404 })).collect();
        Reply::Json(201, json!({ "notifications": created, "errors": gone }))
    });
    let desk = desk.await;
    let outcomes = send(&channel(&desk, 4), rows(recipients(2))).await;
    assert_eq!(outcomes, [sent(device(1, 2)), sent(device(2, 2))]);
}

#[tokio::test]
async fn a_call_that_fails_fails_for_all_and_is_not_made_again() {
    let second = Some(Duration::from_secs(3));
    for (reply, expected) in [
        (Reply::Json(503, json!({})), failed(Failure::ChannelDown)),
        (Reply::Json(401, json!({})), failed(Failure::ChannelDown)),
        (Reply::Json(408, json!({})), failed(Failure::Timeout)),
        (Reply::Header(429, "retry-after", "3"), Outcome::Throttled(second)),
        (Reply::Json(500, json!({})), Outcome::Unknown),
        (Reply::Json(201, json!([])), Outcome::Unknown),
        (Reply::Json(201, json!({ "id": "one for all" })), Outcome::Unknown),
        (Reply::HangUp, Outcome::Unknown),
        (Reply::Half(201), Outcome::Unknown),
        (Reply::Silence, Outcome::Unknown),
    ] {
        let answer = reply.clone();
        let desk =
            Desk::open(move |seen: &Seen| if seen.method == "GET" { found(seen, 1) } else { answer.clone() }).await;
        let outcomes = send(&channel(&desk, 3), rows(recipients(3))).await;
        assert_eq!(outcomes, vec![expected; 3], "{reply:?}");
        assert_eq!(desk.seen().iter().filter(|seen| seen.method == "POST").count(), 1, "{reply:?}");
    }
}

#[tokio::test]
async fn one_whom_the_platform_refuses_takes_nobody_with_him() {
    for status in [400, 404, 405, 413, 422] {
        let desk = Desk::open(move |seen: &Seen| match &*seen.method {
            "GET" => found(seen, 1),
            _ if is_many(seen) || seen.path.contains(&device(2, 1).to_string()) => Reply::Json(status, json!({})),
            _ => answers(seen),
        });
        let desk = desk.await;
        let outcomes = send(&channel(&desk, 3), rows(recipients(3))).await;
        let his = if status == 404 { Failure::Unreachable } else { Failure::RejectedByChannel };
        let his = if status == 413 { Failure::InvalidContent } else { his };
        assert_eq!(outcomes, [alone(), failed(his), alone()], "{status}");
        let seen = desk.seen();
        assert_eq!(seen.iter().filter(|seen| is_many(seen)).count(), 1, "{status}");
        assert_eq!(seen.iter().filter(|seen| is_one(seen)).count(), 3, "{status}");
    }
}

#[tokio::test]
async fn nobody_is_told_of_an_attempt_while_its_call_is_under_way() {
    let desk = Desk::open(|seen: &Seen| match &*seen.method {
        "GET" if seen.path.contains("/receivers") => found(seen, 1),
        "GET" => Reply::Json(200, json!({ "totalAmount": 0, "notifications": [] })),
        _ => Reply::Silence,
    });
    let desk = desk.await;
    let channel = channel(&desk, 2);
    let letters = rows(recipients(2));
    let mut tasks: Vec<_> = letters.iter().map(|letter| tokio::spawn(channel.send(letter.clone()))).collect();
    while desk.count("POST", "") == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    // Its time is over, and what was asked of the platform goes on.
    tasks.remove(0).abort();
    assert_eq!(channel.inquire(letters[0].clone()).await, Inquiry::NotFound);
    let other = tasks.remove(0);
    assert!(other.is_finished());
    assert_eq!(other.await.unwrap(), Outcome::Unknown);
}

#[tokio::test]
async fn who_is_not_waited_for_any_more_before_the_call_is_not_in_it() {
    let desk = Desk::open(answers).await;
    let channel = channel(&desk, 5);
    let letters = rows(recipients(4));
    let mut tasks: Vec<_> = letters.iter().map(|letter| tokio::spawn(channel.send(letter.clone()))).collect();
    while desk.count("GET", "") < 4 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    tasks.remove(0).abort();
    for task in tasks {
        task.await.unwrap();
    }
    let seen = desk.seen();
    let mut posts = seen.iter().filter(|seen| seen.method == "POST");
    let notified: Vec<_> = posts.by_ref().map(to).next().unwrap();
    let absent = letters[0].reference.to_string();
    assert_eq!((notified.len(), posts.count()), (3, 0));
    assert!(notified.iter().all(|(_, reference)| *reference != absent));
}

#[tokio::test]
async fn without_gathering_each_goes_by_itself() {
    for off in [json!({ "gather_ms": 0 }), json!({ "gather_receivers": 1 })] {
        let desk = Desk::open(answers).await;
        assert_eq!(send(&with(&desk, &off), rows(recipients(3))).await, vec![alone(); 3]);
        assert_eq!(desk.seen().iter().filter(|seen| is_many(seen)).count(), 0);
    }
}

#[test]
fn bounds_of_gathering_are_told_by_their_keys() {
    let table = |gather_ms: u64, gather_receivers: u64| {
        let base = json!({ "base_url": "http://127.0.0.1:1", "token": "t", "gather_ms": gather_ms,
            "gather_receivers": gather_receivers });
        build(&Table::of(base))
    };
    assert!(table(0, 1).is_ok() && table(1_000, 10_000).is_ok());
    for (wrong, keys) in
        [(table(1_001, 10_000), "gather_ms"), (table(5, 0), "gather_receivers"), (table(5, 10_001), "gather_receivers")]
    {
        let told = wrong.err().unwrap().to_string();
        assert!(told.contains(keys), "{told}");
    }
}
