//! What a channel is asked about, over a restart.
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::place::{Place, simulators};

#[actix_rt::test]
async fn a_document_that_is_opened_after_a_restart_of_the_broker_is_read() {
    let simulators = simulators(|settings| {
        (settings.ebox.active, settings.ebox.read, settings.ebox.reaction_ms) = (1.0, 1.0, 10);
    })
    .await;
    let there = simulators.address();
    let configured = |poll_seconds: u32| {
        format!(
            "[delivery.ebox]\npoll_seconds = {poll_seconds}\n[channels.ebox]\n\
             base_url = \"http://{there}/ebox/messageRegistry/v2\"\ntoken_url = \"http://{there}/ebox/oauth/token\"\n\
             client_id = \"estafette\"\nclient_secret = \"sandbox-ebox-secret\"\n\
             sender_application_id = \"application\"\nmessage_type_id = \"type\"\n"
        )
    };
    let folder = Arc::new(TempDir::new().unwrap());
    // It does not ask before it ends.
    let place = Place::start_in(Arc::clone(&folder), &configured(3_600)).await;
    let message = json!({"recipient": {"niss": "85073003328"}, "strategy": "ebox-only",
        "content": {"title": {"fr": "Dossier"}, "text": {"fr": "Votre dossier est prêt"}}});
    let sent: Value = place.submit(&place.live, &message).await.json().await.unwrap();
    assert_eq!(sent["status"], "delivered", "{sent}");
    let path = format!("/v1/messages/{}", sent["id"].as_str().unwrap());
    place.running.stop().await;

    let place = Place::start_in(folder, &configured(1)).await;
    let read = async {
        while place.get(&path).await["status"] != "read" {
            actix_rt::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), read).await.expect("the registry is not asked about it any more");
    place.running.stop().await;
}
