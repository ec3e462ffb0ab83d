//! A sender's view of the broker over its API: broadcasts, a webhook, the feed of events.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::ops::Range;
use std::time::Duration;

use anyhow::{Context, ensure};
use bytes::Bytes;
use estafette_loadtest::{mobile, niss};
use serde::Deserialize;
use serde_json::{Value, json};

use super::broker::Own;
use super::scenario::{Lane, Recipient};

/// How long an answer may take; an upload is one.
const PATIENCE: Duration = Duration::from_secs(120);
/// Rows in one piece of an upload.
const PIECE: u64 = 2_000;
/// Events of a page: as many as the API gives.
const PAGE: usize = 1_000;
/// The name of the webhook.
const WEBHOOK: &str = "load";

/// A broadcast to be made.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The strategy.
    pub strategy: String,
    /// The lane.
    pub priority: Lane,
    /// The French text; each row has a `NAME` when it names that.
    pub text: String,
    /// What each row has.
    pub recipient: Recipient,
    /// The indexes of the recipients.
    pub recipients: Range<u64>,
}

impl Draft {
    /// The first so many recipients by SMS.
    pub fn sms(recipients: u64) -> Self {
        Self {
            strategy: "sms-only".into(),
            priority: Lane::Bulk,
            text: "Bonjour {{NAME}}, votre rendez-vous est demain.".into(),
            recipient: Recipient::Mobile,
            recipients: 0..recipients,
        }
    }
}

/// A sender with its key.
#[derive(Clone)]
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
        Self::at(&format!("http://{}", own.api), own.key.clone())
    }

    /// A sender at any broker; `api` has neither path nor slash at its end.
    pub fn at(api: &str, key: String) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder().no_proxy().http1_only().tls_certs_only([]).timeout(PATIENCE).build()?;
        Ok(Self { client, base: format!("{api}/v1"), key })
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

    /// Creates a broadcast; gives its id.
    pub async fn create(&self, asked: &Value) -> anyhow::Result<String> {
        let created = self.post("/broadcasts", asked).await?;
        Ok(created["id"].as_str().context("the broker gave no id")?.to_owned())
    }

    /// How far a broadcast is.
    pub async fn look(&self, broadcast: &str) -> anyhow::Result<Value> {
        self.answer(self.client.get(format!("{}/broadcasts/{broadcast}", self.base))).await
    }

    /// Creates a broadcast and uploads its recipients; gives its id.
    pub async fn draft(&self, draft: &Draft) -> anyhow::Result<String> {
        let mut content = json!({ "text": { "fr": draft.text } });
        if !matches!(draft.recipient, Recipient::Mobile) {
            content["title"] = json!({ "fr": "Rappel" });
        }
        let asked = json!({ "strategy": draft.strategy, "content": content, "priority": draft.priority.name() });
        let id = self.create(&asked).await?;
        let (list, first) = (draft.clone(), draft.recipients.start);
        let pieces = futures_util::stream::unfold((list, first), |(list, from)| async move {
            (from < list.recipients.end).then(|| (anyhow::Ok(piece(&list, from)), (list, from + PIECE)))
        });
        let upload = self.client.put(format!("{}/broadcasts/{id}/recipients", self.base));
        let upload = upload.header("Content-Type", "text/csv").body(reqwest::Body::wrap_stream(pieces));
        let filled = self.answer(upload).await?;
        let count = draft.recipients.end - first;
        ensure!(filled["accepted"].as_u64() == Some(count), "not all recipients were taken: {filled}");
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
fn piece(draft: &Draft, from: u64) -> Bytes {
    let columns = match draft.recipient {
        Recipient::Mobile => "mobile",
        Recipient::Niss => "niss",
        Recipient::Person => "niss,mobile",
    };
    let has_name = draft.text.contains("{{NAME}}");
    let mut rows = String::new();
    if from == draft.recipients.start {
        rows = format!("key,{columns},language{}\n", if has_name { ",var.NAME" } else { "" });
    }
    for row in from..draft.recipients.end.min(from + PIECE) {
        // A String takes all.
        let _ = write!(rows, "r{row:09},");
        let _ = match draft.recipient {
            Recipient::Mobile => write!(rows, "{}", mobile::generate(row)),
            Recipient::Niss => write!(rows, "{}", niss::generate(row)),
            Recipient::Person => write!(rows, "{},{}", niss::generate(row), mobile::generate(row)),
        };
        rows += if has_name { ",fr,Marie\n" } else { ",fr\n" };
    }
    rows.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(draft: &Draft) -> Vec<String> {
        let pieces = draft.recipients.clone().step_by(PIECE as usize).flat_map(|from| piece(draft, from));
        String::from_utf8(pieces.collect()).unwrap().lines().map(str::to_owned).collect()
    }

    #[test]
    fn the_pieces_together_are_the_list_with_one_header() {
        let lines = lines(&Draft::sms(5_000));
        assert_eq!((lines.len(), lines[0].as_str()), (5_001, "key,mobile,language,var.NAME"));
        assert!(lines[5_000].starts_with("r000004999,+32"));
    }

    #[test]
    fn a_list_has_the_columns_that_its_text_and_recipients_need() {
        let draft = Draft { recipient: Recipient::Person, text: "Bonjour".into(), recipients: 7..9, ..Draft::sms(0) };
        let row = |index| format!("r{index:09},{},{},fr", niss::generate(index), mobile::generate(index));
        assert_eq!(lines(&draft), ["key,niss,mobile,language".to_owned(), row(7), row(8)]);
    }
}
