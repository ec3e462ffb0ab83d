//! A sender's view of the broker over its API: broadcasts, a webhook, the feed of events.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, ensure};
use bytes::Bytes;
use estafette_loadtest::mobile;
use serde::Deserialize;
use serde_json::{Value, json};

use super::broker::Own;

/// How long an answer may take; an upload is one.
const PATIENCE: Duration = Duration::from_secs(120);
/// Rows in one piece of an upload.
const PIECE: u64 = 2_000;
/// Events of a page: as many as the API gives.
const PAGE: usize = 1_000;
/// The name of the webhook.
const WEBHOOK: &str = "load";

/// A sender with its key.
pub struct Sender {
    client: reqwest::Client,
    base: String,
    key: String,
}

/// What the feed said, up to a cursor.
#[derive(Default)]
pub struct Told {
    /// Ids of the events that the webhook wants, in their order.
    pub wanted: Vec<Box<str>>,
    /// Messages that were accepted.
    pub accepted: u64,
    /// Messages that were settled.
    pub settled: HashSet<Box<str>>,
    cursor: Option<String>,
}

#[derive(Deserialize)]
struct Page {
    events: Vec<Event>,
    next: String,
    has_more: bool,
}

#[derive(Deserialize)]
struct Event {
    id: Box<str>,
    #[serde(rename = "type")]
    kind: Box<str>,
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    message: Option<Box<str>>,
}

impl Sender {
    /// The sender of a run's own broker.
    pub fn new(own: &Own) -> anyhow::Result<Self> {
        Self::at(own.api, own.key.clone())
    }

    fn at(api: SocketAddr, key: String) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder().no_proxy().http1_only().tls_certs_only([]).timeout(PATIENCE).build()?;
        Ok(Self { client, base: format!("http://{api}/v1"), key })
    }

    async fn answer(&self, request: reqwest::RequestBuilder) -> anyhow::Result<Value> {
        let response = request.bearer_auth(&self.key).send().await?;
        let (status, body) = (response.status(), response.text().await?);
        ensure!(status.is_success(), "the broker answered {status}: {body}");
        serde_json::from_str(&body).context("understand the broker's answer")
    }

    async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.answer(self.client.post(format!("{}{path}", self.base)).json(body)).await
    }

    /// Creates a broadcast by SMS and uploads its recipients; gives its id.
    pub async fn draft(&self, recipients: u64) -> anyhow::Result<String> {
        let content = json!({ "text": { "fr": "Bonjour {{NAME}}, votre rendez-vous est demain." } });
        let created = self.post("/broadcasts", &json!({ "strategy": "sms-only", "content": content })).await?;
        let id = created["id"].as_str().context("the broker gave no id")?.to_owned();
        let pieces = futures_util::stream::unfold(0, move |from| async move {
            (from < recipients).then(|| (anyhow::Ok(piece(from, recipients)), from + PIECE))
        });
        let upload = self.client.put(format!("{}/broadcasts/{id}/recipients", self.base));
        let upload = upload.header("Content-Type", "text/csv").body(reqwest::Body::wrap_stream(pieces));
        let filled = self.answer(upload).await?;
        ensure!(filled["accepted"].as_u64() == Some(recipients), "not all recipients were taken: {filled}");
        Ok(id)
    }

    /// Sends a broadcast.
    pub async fn start(&self, broadcast: &str) -> anyhow::Result<()> {
        self.post(&format!("/broadcasts/{broadcast}/start"), &json!({})).await.map(drop)
    }

    /// Sets the webhook up for events of these types; gives the secret that signs its calls.
    pub async fn listen(&self, url: &str, types: &[&str]) -> anyhow::Result<String> {
        let webhook = self.client.put(format!("{}/webhooks/{WEBHOOK}", self.base));
        let made = self.answer(webhook.json(&json!({ "url": url, "types": types }))).await?;
        Ok(made["secret"].as_str().context("the broker gave no secret")?.to_owned())
    }

    /// Has the webhook told a part of the feed again.
    pub async fn listen_again(&self, after: &str, until: &str) -> anyhow::Result<()> {
        let range = json!({ "after": after, "until": until });
        self.post(&format!("/webhooks/{WEBHOOK}/redeliver"), &range).await.map(drop)
    }

    /// Reads the feed from where it was read last, to its end; `wanted` says which types the webhook wants.
    pub async fn read(&self, told: &mut Told, wanted: &[&str]) -> anyhow::Result<()> {
        loop {
            let page = self.client.get(format!("{}/events", self.base));
            let after = told.cursor.as_deref().unwrap_or("oldest");
            let page = page.query(&[("limit", PAGE.to_string().as_str()), ("after", after)]).bearer_auth(&self.key);
            let page: Page = page.send().await?.error_for_status()?.json().await.context("understand the feed")?;
            for event in page.events {
                match (&*event.kind, event.data.message) {
                    ("message.accepted", _) => told.accepted += 1,
                    ("message.settled", Some(message)) => {
                        ensure!(told.settled.insert(message), "a message was settled twice");
                    }
                    _ => {}
                }
                if wanted.contains(&&*event.kind) {
                    told.wanted.push(event.id);
                }
            }
            told.cursor = Some(page.next);
            if !page.has_more {
                return Ok(());
            }
        }
    }
}

/// A part of the list; the first one begins with the header.
fn piece(from: u64, recipients: u64) -> Bytes {
    let mut rows = if from == 0 { "key,mobile,language,var.NAME\n".to_owned() } else { String::new() };
    for row in from..recipients.min(from + PIECE) {
        // A String takes all.
        let _ = writeln!(rows, "r{row:09},{},fr,Marie", mobile::generate(row));
    }
    rows.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pieces_together_are_the_list_with_one_header() {
        let whole: Vec<u8> = (0..5_000).step_by(PIECE as usize).flat_map(|from| piece(from, 5_000)).collect();
        let lines: Vec<&str> = std::str::from_utf8(&whole).unwrap().lines().collect();
        assert_eq!((lines.len(), lines[0]), (5_001, "key,mobile,language,var.NAME"));
        assert!(lines[5_000].starts_with("r000004999,+32"));
    }
}
