//! A channel in one file: docs/adding-a-channel.md shows this file as it is.
use std::sync::Arc;
use std::time::Duration;

use estafette::channels::{Build, Effect, Error, Peer, Registration, Secret, Settings, Table, build_from};
use estafette_actors::domain::channel::Channel;
use estafette_actors::domain::failure::Failure;
use estafette_actors::domain::life::Outcome;
use estafette_actors::domain::receipt::{About, Receipt};
use estafette_actors::domain::status::AttemptStatus;
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::{CallbackError, CallbackRequest, Inquiry, Letter, Received, Transport};
use futures_util::future::{self, BoxFuture};
use reqwest::Method;
use serde::Deserialize;

const NAME: &str = "pigeon";

/// `[channels.pigeon]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PigeonSettings {
    /// The loft's address.
    base_url: String,
    /// What the loft knows us by, and what it sends back with a receipt.
    secret: Secret,
}

/// The connections and the settings; shared by all attempts.
struct Pigeon(Arc<Loft>);

struct Loft {
    peer: Peer,
    settings: PigeonSettings,
}

fn build(table: &Table) -> Result<Arc<dyn Transport>, Error> {
    let settings: PigeonSettings = table.read(NAME)?;
    let peer = Peer::new(NAME, &settings.base_url, Duration::from_secs(10))?;
    Ok(Arc::new(Pigeon(Arc::new(Loft { peer, settings }))))
}

/// The line that goes into `REGISTERED` in src/channels/mod.rs.
const PIGEON: Registration = Registration { name: NAME, build: build as Build };

impl Transport for Pigeon {
    fn channel(&self) -> Channel {
        NAME.parse().expect("1 to 12 lower-case letters")
    }

    fn provider(&self) -> &'static str {
        NAME
    }

    fn send(&self, letter: Letter) -> BoxFuture<'static, Outcome> {
        let loft = Arc::clone(&self.0);
        Box::pin(async move {
            let Some(mobile) = letter.recipient.mobile else {
                return Outcome::Is(AttemptStatus::Failed(Failure::Unreachable), None);
            };
            let body = serde_json::json!({
                "to": mobile.digits(), "text": letter.rendition.text, "reference": letter.reference.to_string(),
            });
            let url = format!("{}/flights", loft.settings.base_url);
            let request = loft.peer.request(Method::POST, &url).bearer_auth(loft.settings.secret.expose()).json(&body);
            // A refusal becomes the failure that it is; what may have been taken becomes `Unknown`.
            match loft.peer.ask(request).await {
                Ok(_) => Outcome::Is(AttemptStatus::Sent, None),
                Err(trouble) => trouble.outcome(Effect::Post),
            }
        })
    }

    fn inquire(&self, _: Letter) -> BoxFuture<'static, Inquiry> {
        Box::pin(future::ready(Inquiry::CannotTell))
    }

    fn can_tell(&self) -> &'static str {
        "nothing: a pigeon in the air can't be asked"
    }

    fn receipts(&self, request: &CallbackRequest) -> Result<Received, CallbackError> {
        #[derive(Deserialize)]
        struct Landed {
            reference: String,
        }
        let given = request.headers.iter().find(|(name, _)| name == "x-secret");
        if !given.is_some_and(|(_, value)| self.0.settings.secret.matches(value.as_bytes())) {
            return Err(CallbackError::Secret);
        }
        let landed: Landed = serde_json::from_slice(&request.body)
            .map_err(|_| CallbackError::Form("give {\"reference\": ..}".to_owned()))?;
        let Ok(attempt) = landed.reference.parse() else { return Ok(Received { ignored: 1, ..Received::default() }) };
        let receipt = Receipt {
            channel: self.channel(),
            about: About::Attempt(attempt),
            status: AttemptStatus::Delivered,
            channel_reference: None,
        };
        Ok(Received { receipts: vec![receipt], ignored: 0 })
    }

    fn poll(&self, _: Timestamp) -> Option<BoxFuture<'static, Result<Vec<Receipt>, String>>> {
        None
    }
}

// The document ends here.

mod tests {
    use super::*;
    use crate::desk::{Desk, Reply, Seen};
    use crate::letter::{MOBILE, letter, mobile};
    use serde_json::json;

    fn settings(tables: serde_json::Value) -> Settings {
        serde_json::from_value(tables).unwrap()
    }

    #[tokio::test]
    async fn a_channel_of_one_file_and_one_line_works() {
        let desk = Desk::open(|_: &Seen| Reply::Json(202, json!({}))).await;
        let tables = settings(json!({ "pigeon": { "base_url": desk.url(), "secret": "coo" } }));
        let channels = build_from(&[PIGEON], &tables).unwrap();
        let letter = letter(mobile(MOBILE));
        assert_eq!(channels[0].send(letter.clone()).await, Outcome::Is(AttemptStatus::Sent, None));
        assert_eq!(desk.seen()[0].json()["to"], "32470123456");
        let callback = CallbackRequest {
            method: "POST".into(),
            headers: vec![("x-secret".into(), "coo".into())],
            body: json!({ "reference": letter.reference.to_string() }).to_string().into(),
            ..CallbackRequest::default()
        };
        assert_eq!(channels[0].receipts(&callback).unwrap().receipts[0].about, About::Attempt(letter.reference));
        assert_eq!(channels[0].receipts(&CallbackRequest::default()), Err(CallbackError::Secret));
    }

    #[test]
    fn all_mistakes_of_the_settings_are_told_at_once() {
        let tables = settings(json!({ "pigeon": { "base_url": "http://127.0.0.1:1" }, "owl": {} }));
        let wrong = build_from(&[PIGEON], &tables).err().unwrap();
        let told: Vec<_> = wrong.iter().map(ToString::to_string).collect();
        assert_eq!(told.len(), 2);
        assert!(told[0].contains("owl") && told[0].contains("use one of pigeon"), "{told:?}");
        assert!(told[1].contains("[channels.pigeon]") && told[1].contains("secret"), "{told:?}");
    }

    #[test]
    fn the_document_shows_this_file() {
        let page = include_str!("../../docs/adding-a-channel.md");
        let source = include_str!("example.rs");
        let (shown, _) = source.split_once("\n// The document ends here.").unwrap();
        assert!(page.contains(shown.trim()), "copy tests/channels/example.rs into docs/adding-a-channel.md");
    }
}
