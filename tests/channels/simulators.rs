//! The channels against the simulators: both ends say the same.
#![cfg(feature = "sandbox")]
use std::sync::Arc;
use std::time::Duration;

use estafette::channels::{self, Settings};
use estafette_actors::domain::failure::Failure;
use estafette_actors::domain::life::Outcome;
use estafette_actors::domain::status::AttemptStatus;
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::{Inquiry, Transport};
use estafette_loadtest::Simulators;
use estafette_loadtest::sandbox::Behaviour;
use serde_json::json;

use crate::letter::{letter, mobile, niss};

async fn world(timeout_ms: u64) -> (Simulators, Vec<Arc<dyn Transport>>) {
    let address = "127.0.0.1:0".parse().unwrap();
    let settings = estafette_loadtest::simulators::Settings { address, ..Default::default() };
    let simulators = Simulators::start(settings).await.unwrap();
    let base = format!("http://{}", simulators.address());
    let tables = json!({
        "govapp": { "base_url": format!("{base}/govapp"), "token": "sandbox-govapp-token", "timeout_ms": timeout_ms, "poll": true },
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
