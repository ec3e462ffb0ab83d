//! What an operator does with messages, broadcasts and channels, over the real store.
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use estafette::app::Core;
use estafette_actors::delivery;
use estafette_actors::domain::channel::Channel;
use estafette_actors::domain::failure::Failure;
use estafette_actors::domain::id::BroadcastId;
use estafette_actors::domain::life::Outcome;
use estafette_actors::domain::mobile::Mobile;
use estafette_actors::domain::status::AttemptStatus;
use estafette_actors::domain::submission::{Broadcast, Lane, Recipient, Row};
use estafette_actors::nursery::Budget;
use estafette_actors::ports::{Letter, PackedRows};
use serde_json::json;

use crate::support::{Told, World, taken};
use crate::talk::{ask, over, submit, until};

fn rejected(_: &Letter) -> (Duration, Outcome) {
    (Duration::ZERO, Outcome::Is(AttemptStatus::Failed(Failure::RejectedByChannel), None))
}

fn makes() -> World {
    World::new(Vec::new(), delivery::Settings::default(), Budget::default())
}

#[actix_rt::test]
async fn what_failed_is_listed_by_pages_and_tried_again_as_a_new_message() {
    let (address, core, _folder) = over(Told::new(Channel::SMS, rejected), delivery::Settings::default()).await;
    let world = makes();
    let mut ids = HashSet::new();
    for number in 0..130 {
        ids.insert(submit(&core, world.envelope("sms-only", number)).await.to_string());
    }
    // Wait until the oldest is settled too.
    until(address, "INFO messages", |told| told.as_str().unwrap().contains("failed_rejected_by_channel:130")).await;
    let first = ask(address, "DEAD").await;
    let next = first["next"].as_str().unwrap();
    let second = ask(address, &format!("DEAD sms AFTER {next}")).await;
    let pages = [&first["messages"], &second["messages"]].map(|page| page.as_array().unwrap());
    assert_eq!((pages[0].len(), pages[1].len()), (100, 30));
    let told: HashSet<String> =
        pages.iter().flat_map(|page| page.iter().map(|one| one["id"].as_str().unwrap().into())).collect();
    assert_eq!(told, ids, "each is listed once");
    let one = &pages[0][0];
    assert_eq!((&one["failure"], &one["channel"]), (&json!("rejected_by_channel"), &json!("sms")));
    assert!(ask(address, "DEAD govapp").await["error"].as_str().unwrap().starts_with("ERR no such channel"));

    let id = one["id"].as_str().unwrap();
    let again = ask(address, &format!("RETRY {id}")).await;
    let again = again.as_str().unwrap();
    assert!(again != id && !ids.contains(again));
    let status = ask(address, &format!("STATUS {again}")).await;
    assert_eq!((&status["retry_of"], &status["institution"]), (&json!(id), &one["institution"]));
    let trail = ask(address, &format!("TRAIL {again}")).await;
    assert!(
        trail.as_array().unwrap().iter().any(|fact| fact["what"] == "retry_of" && fact["message"] == id),
        "{trail}"
    );
    until(address, &format!("STATUS {again}"), |told| told["status"] == "failed").await;
}

#[actix_rt::test]
async fn what_was_sent_or_waits_is_not_tried_again() {
    let (address, core, _folder) = over(Told::new(Channel::SMS, taken), delivery::Settings::default()).await;
    let world = makes();
    let id = submit(&core, world.envelope("sms-only", 1)).await;
    until(address, &format!("STATUS {id}"), |told| told["status"] == "delivered").await;
    assert!(ask(address, &format!("RETRY {id}")).await["error"].as_str().unwrap().contains("send it twice"));
    ask(address, "CHANNEL sms PAUSE").await;
    let id = submit(&core, world.envelope("sms-only", 2)).await;
    assert!(ask(address, &format!("RETRY {id}")).await["error"].as_str().unwrap().contains("still waits"));
    assert_eq!(ask(address, &format!("CANCEL {id}")).await, "cancelled");
    assert!(ask(address, &format!("RETRY {id}")).await.is_string(), "what was cancelled can be tried again");
    assert_eq!(ask(address, "DEAD").await["messages"], json!([]), "cancelled is not dead");
}

async fn broadcast(core: &Core, rows: usize) -> BroadcastId {
    let envelope = makes().envelope("sms-only", 0);
    let id = core.broker.broadcast_id();
    let broadcast = Broadcast {
        id,
        institution: envelope.institution,
        strategy: envelope.strategy,
        content: envelope.content,
        variables: Vec::new(),
        lane: Lane::Bulk,
        not_before: envelope.not_before,
        valid_until: envelope.valid_until,
        default_language: envelope.default_language,
        sender_name: None,
        sender_reference: None,
        created_at: envelope.accepted_at,
        window: None,
    };
    core.broker.create_broadcast(broadcast).await.unwrap();
    let row = |place: usize| Row {
        key: Some(format!("k{place}").into()),
        recipient: Recipient {
            mobile: Some(Mobile::parse(&format!("0470{:06}", place + 1)).unwrap()),
            ..Recipient::default()
        },
        ..Row::default()
    };
    let rows: Vec<Row> = (0..rows).map(row).collect();
    core.broker.fill(id, PackedRows::of(&**core.broker.journal(), &rows)).await.unwrap().await.unwrap();
    core.broker.start_broadcast(id).await.unwrap();
    id
}

#[actix_rt::test]
async fn a_paused_broadcast_sends_nothing_more_and_others_do_and_resumed_it_sends_each_row_once() {
    let sms = Told::new(Channel::SMS, |letter| (Duration::from_millis(5), taken(letter).1));
    let narrow = delivery::Settings { window: 4, page: 16, ..delivery::Settings::default() };
    let (address, core, _folder) = over(Arc::clone(&sms), narrow).await;
    let id = broadcast(&core, 400).await;
    let sent = || sms.ledger.lock().unwrap().len();
    until(address, "PING", |_| sent() >= 20).await;
    assert_eq!(ask(address, &format!("BROADCAST {id} PAUSE")).await, "OK");
    assert_eq!(ask(address, &format!("BROADCAST {id}")).await["phase"], "paused");
    until(address, "CHANNEL sms", |told| told["under_way"] == 0).await;
    let held = sent();
    assert!(held < 400, "it was over before it could be paused");
    let why = ask(address, &format!("WHY {}", id.chunk(0).row(399))).await;
    assert_eq!(why["reason"], "paused", "{why}");
    // Another's message goes past it.
    let single = submit(&core, makes().envelope("sms-only", 7)).await;
    until(address, &format!("STATUS {single}"), |told| told["status"] == "delivered").await;
    assert_eq!(sent(), held + 1);

    let listed = ask(address, "BROADCASTS").await;
    assert_eq!((&listed["broadcasts"][0]["id"], &listed["next"]), (&json!(id.to_string()), &json!(null)));
    assert_eq!(listed["broadcasts"][0]["phase"], "paused");
    assert_eq!(ask(address, &format!("BROADCAST {id} RESUME")).await, "OK");
    let done = until(address, &format!("BROADCAST {id}"), |told| told["phase"] == "done").await;
    assert_eq!(done["by_status"], json!({"delivered": 400}));
    let ledger = sms.ledger.lock().unwrap();
    let different: HashSet<String> = ledger.iter().map(|(attempt, _)| attempt.to_string()).collect();
    assert_eq!((ledger.len(), different.len()), (401, 401), "each row is sent once");
}

#[actix_rt::test]
async fn a_paused_broadcast_can_be_cancelled_and_one_that_is_over_can_not_be_paused() {
    let sms = Told::new(Channel::SMS, |letter| (Duration::from_millis(20), taken(letter).1));
    let narrow = delivery::Settings { window: 1, page: 16, ..delivery::Settings::default() };
    let (address, core, _folder) = over(Arc::clone(&sms), narrow).await;
    let id = broadcast(&core, 100).await;
    assert_eq!(ask(address, &format!("BROADCAST {id} PAUSE")).await, "OK");
    assert_eq!(ask(address, &format!("BROADCAST {id} CANCEL")).await, "OK");
    until(address, "QUEUES", |told| told == &json!([])).await;
    for order in ["PAUSE", "RESUME"] {
        let told = ask(address, &format!("BROADCAST {id} {order}")).await;
        assert!(told["error"].as_str().unwrap().contains("being sent"), "{told}");
    }
    assert!(ask(address, &format!("BROADCAST {id} STOP")).await["error"].as_str().unwrap().contains("use it as"));
}

#[actix_rt::test]
async fn a_channel_that_is_drained_ends_what_is_under_way_and_begins_nothing() {
    let sms = Told::new(Channel::SMS, |letter| (Duration::from_millis(300), taken(letter).1));
    let (address, core, _folder) = over(Arc::clone(&sms), delivery::Settings::default()).await;
    let world = makes();
    for number in 0..5 {
        submit(&core, world.envelope("sms-only", number)).await;
    }
    until(address, "CHANNEL sms", |told| told["under_way"] != 0).await;
    let told = ask(address, "CHANNEL sms DRAIN").await;
    assert_eq!(told, json!({"channel": "sms", "drained": true, "under_way": 0}));
    let id = submit(&core, world.envelope("sms-only", 9)).await;
    assert_eq!(ask(address, &format!("WHY {id}")).await["reason"], "paused");
    assert_eq!(ask(address, "CHANNEL sms RESUME").await, "OK");
    until(address, &format!("STATUS {id}"), |told| told["status"] == "delivered").await;
}
