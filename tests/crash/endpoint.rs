//! A sender's endpoint: checks each call as Standard Webhooks says and remembers it, and is not always well.
//!
//! Invariant: only what it answered with a success counts as delivered; how it behaves follows from the seed and the number
//! of the call.
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use anyhow::Context;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use standardwebhooks::Webhook;

use crate::receiver::{Reaction, listen};
use crate::senders::World;

/// Among so many calls there is one row of failures, so long that the endpoint counts as being in trouble.
const PERIOD: u64 = 900;
const TROUBLE: u64 = 12;

/// The endpoint.
pub struct Endpoint {
    url: String,
    kept: Arc<Kept>,
}

#[derive(Default)]
struct Kept {
    signer: OnceLock<Webhook>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    calls: u64,
    /// What was delivered under an id.
    delivered: HashMap<String, u64>,
    wrong: Vec<String>,
}

/// What is remembered of an event: the same for the same event.
pub fn print(event: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    event.to_string().hash(&mut hasher);
    hasher.finish()
}

impl Kept {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, seed: u64, headers: &HeaderMap, body: &[u8]) -> Reaction {
        let Some(signer) = self.signer.get() else { return Reaction::Status(503) };
        let mut inner = self.inner();
        inner.calls += 1;
        let event: Value = serde_json::from_slice(body).unwrap_or_default();
        let id = headers.get("webhook-id").and_then(|id| id.to_str().ok()).unwrap_or_default().to_owned();
        if let Err(error) = signer.verify(body, headers) {
            inner.wrong.push(format!("a call is not signed as it should be ({error}): {event}"));
        }
        if event["id"] != *id || id.is_empty() {
            inner.wrong.push(format!("a call has the id {id:?}, and its event another: {event}"));
        }
        let print = print(&event);
        if inner.delivered.get(&id).is_some_and(|before| *before != print) {
            inner.wrong.push(format!("one id was told with two bodies, the second one {event}"));
        }
        let mut chance = StdRng::seed_from_u64(seed.wrapping_add(inner.calls));
        let reaction = match chance.random_range(0..1_000) {
            _ if inner.calls % PERIOD < TROUBLE => Reaction::Status(500),
            0..20 => Reaction::Status(500),
            20..25 => Reaction::Status(429),
            25..28 => Reaction::Hang,
            28..38 => Reaction::Close,
            38..40 => Reaction::Drip,
            _ => Reaction::Status(204),
        };
        if matches!(reaction, Reaction::Status(204)) {
            inner.delivered.insert(id, print);
        }
        reaction
    }
}

impl Endpoint {
    /// Listens.
    pub fn start(seed: u64) -> Self {
        let kept = Arc::<Kept>::default();
        let here = Arc::clone(&kept);
        let url = listen(move |headers, body| here.take(seed, &headers, &body));
        Self { url, kept }
    }

    /// Has everything told to it from now on.
    pub async fn register(&self, world: &World) -> anyhow::Result<()> {
        let request = world.request(Method::PUT, "/v1/webhooks/crash").json(&json!({"url": self.url}));
        let made = world.hear(request).await.context("the webhook is not made")?;
        let secret = made.body["secret"].as_str().with_context(|| format!("no secret: {}", made.text))?;
        let signer = Webhook::new(secret).map_err(|error| anyhow::anyhow!("the secret can't be used: {error}"))?;
        self.kept.signer.set(signer).map_err(|_| anyhow::anyhow!("registered twice"))
    }

    /// How many calls came, and how many events were delivered.
    pub fn counts(&self) -> (u64, usize) {
        let inner = self.kept.inner();
        (inner.calls, inner.delivered.len())
    }

    /// What was delivered under an id.
    pub fn delivered(&self, id: &str) -> Option<u64> {
        self.kept.inner().delivered.get(id).copied()
    }

    /// Everything that was delivered and is not among these.
    pub fn beyond(&self, ids: impl Fn(&str) -> bool) -> Vec<String> {
        self.kept.inner().delivered.keys().filter(|id| !ids(id)).cloned().collect()
    }

    /// What was wrong with calls.
    pub fn wrong(&self) -> Vec<String> {
        self.kept.inner().wrong.clone()
    }
}
