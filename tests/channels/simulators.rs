//! The channels against the simulators: both ends say the same.
#![cfg(feature = "sandbox")]
use std::sync::Arc;
use std::time::Duration;

use estafette::channels::{self, Settings};
use estafette_actors::domain::failure::Failure;
use estafette_actors::domain::life::Outcome;
use estafette_actors::domain::receipt::About;
use estafette_actors::domain::status::AttemptStatus;
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::{Inquiry, Letter, Transport};
use estafette_loadtest::ledger::Channel as Simulator;
use estafette_loadtest::sandbox::Behaviour;
use estafette_loadtest::{Settings as Simulated, Simulators};
use futures_util::future;
use serde_json::json;

use crate::letter::{letter, mobile, niss, rows};

async fn world(timeout_ms: u64) -> (Simulators, Vec<Arc<dyn Transport>>) {
    world_of(Simulated::default(), timeout_ms).await
}

async fn world_of(mut settings: Simulated, timeout_ms: u64) -> (Simulators, Vec<Arc<dyn Transport>>) {
    settings.address = "127.0.0.1:0".parse().unwrap();
    let simulators = Simulators::start(settings).await.unwrap();
    let base = format!("http://{}", simulators.address());
    let tables = json!({
        "govapp": { "base_url": format!("{base}/govapp"), "token": "sandbox-govapp-token", "timeout_ms": timeout_ms, "poll": true, "gather_ms": 1_000 },
        "sms": { "provider": "ringring", "base_url": format!("{base}/ringring"), "api_key": "sandbox-ringring-key", "timeout_ms": timeout_ms },
        "ebox": {
            "base_url": format!("{base}/ebox/messageRegistry/v2"), "token_url": format!("{base}/ebox/oauth/token"),
            "client_id": "estafette", "client_secret": "sandbox-ebox-secret", "sender_application_id": "app", "message_type_id": "type",
            "timeout_ms": timeout_ms,
        },
    });
    let settings: Settings = serde_json::from_value(tables).unwrap();
    let made = channels::build(&settings).unwrap();
    (simulators, made)
}

fn of<'a>(channels: &'a [Arc<dyn Transport>], provider: &str) -> &'a dyn Transport {
    &**channels.iter().find(|channel| channel.provider() == provider).expect("it was made")
}

fn failed(failure: Failure) -> Outcome {
    Outcome::Is(AttemptStatus::Failed(failure), None)
}

#[tokio::test]
async fn each_reserved_recipient_comes_out_as_its_table_says() {
    let (simulators, channels) = world(2_000).await;
    for provider in ["govapp", "ringring"] {
        let channel = of(&channels, provider);
        let to = |behaviour: Behaviour| channel.send(letter(mobile(&behaviour.mobile(7))));
        assert!(matches!(to(Behaviour::Deliver).await, Outcome::Is(AttemptStatus::Sent, Some(_))), "{provider}");
        assert_eq!(to(Behaviour::Reject).await, failed(Failure::RejectedByChannel), "{provider}");
        assert_eq!(to(Behaviour::FailForAWhile).await, failed(Failure::ChannelDown), "{provider}");
        assert_eq!(to(Behaviour::Slow).await, Outcome::Unknown, "{provider}");
        assert_eq!(to(Behaviour::AnswerLost).await, Outcome::Unknown, "{provider}");
    }
    let off = letter(mobile(&Behaviour::NotOnGovapp.mobile(1)));
    assert_eq!(of(&channels, "govapp").send(off).await, failed(Failure::Unreachable));
    simulators.stop().await;
}

#[tokio::test]
async fn govapp_knows_what_it_took_although_its_answer_was_lost() {
    let (simulators, channels) = world(2_000).await;
    let channel = of(&channels, "govapp");
    let lost = letter(niss(&Behaviour::AnswerLost.niss(1)));
    assert_eq!(channel.inquire(lost.clone()).await, Inquiry::NotFound);
    assert_eq!(channel.send(lost.clone()).await, Outcome::Unknown);
    assert!(matches!(channel.inquire(lost.clone()).await, Inquiry::Known(status, Some(_)) if status.rank() > 0));
    let receipts = channel.poll(Timestamp::ZERO).expect("polling is on").await.unwrap();
    assert!(receipts.iter().any(|receipt| receipt.status == AttemptStatus::Sent));
    simulators.stop().await;
}

/// Citizens who have the app on two devices.
fn citizens() -> Simulated {
    let mut settings = Simulated::default();
    (settings.govapp.reachable, settings.govapp.devices, settings.govapp.opened) = (1.0, 2, 0.0);
    settings
}

/// A broadcast to thirty of them, in one call, and what was made of it.
async fn broadcast(simulators: &Simulators, channel: &dyn Transport) -> (Vec<Letter>, Vec<Outcome>) {
    let (calls, taken) = (simulators.calls(Simulator::Govapp), simulators.count(Simulator::Govapp).total);
    let letters = rows((1..=30).map(|n| mobile(&estafette_loadtest::mobile::generate(n))));
    let outcomes = future::join_all(letters.iter().map(|letter| channel.send(letter.clone()))).await;
    assert_eq!(simulators.calls(Simulator::Govapp), calls + 1);
    assert_eq!(simulators.count(Simulator::Govapp).total, taken + 60);
    (letters, outcomes)
}

#[tokio::test]
async fn of_one_call_to_many_each_attempt_has_its_own_entries_receipts_and_answer() {
    let (simulators, channels) = world_of(citizens(), 2_000).await;
    let channel = of(&channels, "govapp");
    let (letters, outcomes) = broadcast(&simulators, channel).await;
    let receipts = channel.poll(Timestamp::ZERO).expect("polling is on").await.unwrap();
    for (letter, outcome) in letters.iter().zip(outcomes) {
        let Outcome::Is(AttemptStatus::Sent, Some(id)) = outcome else { panic!("{outcome:?}") };
        let entries = simulators.ledger(Simulator::Govapp, Some(&letter.reference.to_string()), 0, 10).entries;
        let number = format!("+{}", letter.recipient.mobile.unwrap().digits());
        assert_eq!(entries.iter().map(|entry| &*entry.recipient).collect::<Vec<_>>(), [&number, &number]);
        let of_letter = receipts.iter().filter(|receipt| receipt.about == About::Attempt(letter.reference));
        assert!(of_letter.into_iter().any(|receipt| receipt.channel_reference.as_ref() == Some(&id)));
        assert!(matches!(channel.inquire(letter.clone()).await, Inquiry::Known(..)));
    }
    assert!(receipts.iter().all(|receipt| matches!(receipt.about, About::Attempt(_))));
    simulators.stop().await;
}

#[tokio::test]
async fn each_attempt_of_a_call_whose_answer_was_lost_can_be_asked_about() {
    let (simulators, channels) = world_of(citizens(), 2_000).await;
    let channel = of(&channels, "govapp");
    let lose = |share: f64| {
        let url = format!("http://{}/faults", simulators.address());
        let put = reqwest::Client::new().put(url).json(&json!({ "govapp": { "loss_after": share } }));
        async move { assert!(put.send().await.unwrap().status().is_success()) }
    };
    // Everybody's devices are known from then on.
    broadcast(&simulators, channel).await;
    lose(1.0).await;
    let (letters, outcomes) = broadcast(&simulators, channel).await;
    assert!(outcomes.iter().all(|outcome| *outcome == Outcome::Unknown), "{outcomes:?}");
    lose(0.0).await;
    for letter in letters {
        assert!(matches!(channel.inquire(letter).await, Inquiry::Known(status, Some(_)) if status.rank() > 0));
    }
    assert_eq!(simulators.count(Simulator::Govapp).duplicates, 0);
    simulators.stop().await;
}

#[tokio::test]
async fn the_registry_takes_our_documents_and_tells_what_was_read() {
    let (simulators, channels) = world(2_000).await;
    let channel = of(&channels, "ebox");
    let to = |behaviour: Behaviour| channel.send(letter(niss(&behaviour.niss(7))));
    assert!(matches!(to(Behaviour::Deliver).await, Outcome::Is(AttemptStatus::Delivered, Some(_))));
    assert!(matches!(to(Behaviour::NoEbox).await, Outcome::Is(AttemptStatus::Sent, Some(_))));
    assert_eq!(to(Behaviour::Reject).await, failed(Failure::RejectedByChannel));
    assert_eq!(to(Behaviour::FailForAWhile).await, failed(Failure::ChannelDown));
    assert_eq!(to(Behaviour::AnswerLost).await, Outcome::Unknown);
    let read = async {
        loop {
            let receipts = channel.poll(Timestamp::ZERO).expect("it is polled").await.unwrap();
            if let Some(receipt) = receipts.first() {
                return receipt.status;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let status = tokio::time::timeout(Duration::from_secs(10), read).await.expect("the citizen reads it");
    assert_eq!(status, AttemptStatus::Read);
    simulators.stop().await;
}
