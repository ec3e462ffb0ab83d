//! Those who submit over HTTP while the broker dies and comes back.
//!
//! A submission with an Idempotency-Key is repeated until it is answered; one without is given up when
//! its answer is lost, as nobody can know then what became of it.
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use jiff::Timestamp;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::books::{Books, Told};
use crate::broker::STRATEGIES;
use crate::channels::Channels;
use crate::citizens;
use crate::plan::{Plan, Ports};

/// Senders of single messages at once.
const SENDERS: u64 = 6;

/// The broker as the outside knows it.
pub struct World {
    /// Tells the senders to begin nothing more.
    pub stop: AtomicBool,
    /// Tells one of them to fill segments.
    pub fill: AtomicBool,
    /// What was told.
    pub books: Books,
    client: Client,
    base: String,
    key: String,
    next_mobile: AtomicU32,
}

/// An answer that arrived whole.
pub struct Heard {
    /// Its HTTP status.
    pub status: u16,
    /// Its body, or null when it is no JSON.
    pub body: Value,
    /// Its body.
    pub text: String,
}

impl World {
    /// Over the broker's port, with a bearer key.
    pub fn new(ports: Ports, key: String, books: Books) -> anyhow::Result<Self> {
        let client = Client::builder().no_proxy().timeout(Duration::from_secs(20)).build()?;
        let base = format!("http://127.0.0.1:{}", ports.http);
        let (stop, fill, next_mobile) = (AtomicBool::new(false), AtomicBool::new(false), AtomicU32::new(0));
        Ok(Self { stop, fill, books, client, base, key, next_mobile })
    }

    /// A request with the bearer key.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base)).bearer_auth(&self.key)
    }

    /// The answer; none when it got lost.
    pub async fn hear(&self, request: RequestBuilder) -> Option<Heard> {
        let answer = request.send().await.ok()?;
        let status = answer.status().as_u16();
        let text = answer.text().await.ok()?;
        Some(Heard { status, body: serde_json::from_str(&text).unwrap_or_default(), text })
    }

    /// GET, the broker running: what is lost or refused for a while is asked again.
    pub async fn get(&self, path: &str) -> Option<Heard> {
        for _ in 0..100 {
            match self.hear(self.request(Method::GET, path)).await {
                Some(heard) if heard.status != 503 => return Some(heard),
                _ => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
        None
    }

    /// Whether the broker takes work.
    pub async fn is_ready(&self) -> bool {
        let heard = self.hear(self.request(Method::GET, "/readyz").timeout(Duration::from_secs(2))).await;
        heard.is_some_and(|heard| heard.status == 200)
    }

    /// A mobile number that nobody else gets.
    pub fn mobile(&self) -> String {
        format!("+32{}", 470_000_000 + self.next_mobile.fetch_add(1, Relaxed))
    }
}

/// Starts all of them.
pub fn start(world: &Arc<World>, channels: &Arc<Channels>, plan: &Plan) -> Vec<JoinHandle<()>> {
    let chance = |n: u64| StdRng::seed_from_u64(plan.seed.wrapping_add(n));
    let mut tasks: Vec<JoinHandle<()>> =
        (1..=SENDERS).map(|n| tokio::spawn(singles(Arc::clone(world), chance(n)))).collect();
    tasks.push(tokio::spawn(watch(Arc::clone(world), chance(SENDERS + 1))));
    tasks.push(tokio::spawn(crate::broadcasts::send(Arc::clone(world), chance(SENDERS + 2), plan.kills)));
    tasks.push(tokio::spawn(crate::broadcasts::fill(Arc::clone(world))));
    tasks.push(tokio::spawn(citizens::write(Arc::clone(world), Arc::clone(channels), chance(SENDERS + 3))));
    tasks
}

async fn singles(world: Arc<World>, mut chance: StdRng) {
    while !world.stop.load(Relaxed) {
        single(&world, &mut chance).await;
        tokio::time::sleep(Duration::from_millis(chance.random_range(5..60))).await;
    }
}

async fn single(world: &World, chance: &mut StdRng) {
    let mut strategy = STRATEGIES[chance.random_range(0..STRATEGIES.len())].0;
    let mut mobile = world.mobile();
    // Now and then to somebody who wants none: it must not go out.
    let stopped = if chance.random_bool(0.05) { world.books.all_stopped() } else { Vec::new() };
    if !stopped.is_empty() {
        (strategy, mobile) = ("crash-resend", stopped[chance.random_range(0..stopped.len())].clone());
    }
    let text = format!("Message {mobile} {}", "x".repeat(chance.random_range(0..400)));
    let priority = ["urgent", "normal", "bulk"][chance.random_range(0..3)];
    let mut body = json!({
        "recipient": {"mobile": mobile}, "strategy": strategy,
        "content": {"title": {"fr": "Essai"}, "text": {"fr": text}},
        "priority": priority,
    });
    let soon = |ms: u64| Timestamp::from_millisecond(Timestamp::now().as_millisecond() + ms as i64).ok();
    match chance.random_range(0..20) {
        0 | 1 => body["not_before"] = json!(soon(chance.random_range(100..3_000))),
        2 => body["valid_until"] = json!(soon(chance.random_range(500..3_000))),
        _ => {}
    }
    let key = chance.random_bool(0.85).then(|| format!("{:032x}", chance.random::<u128>()));
    let prefer = ["respond-async", "respond-async", "wait=2"][chance.random_range(0..3)];
    let Some(id) = submit(world, &body, key.as_deref(), prefer).await else { return };
    let told = Told { id: id.clone(), mobile, strategy, key, body };
    world.books.tell(told.clone());
    // The same again, as one who did not hear the answer does.
    if told.key.is_some() && chance.random_bool(0.1) {
        again(world, &told).await;
    }
}

/// Repeats an acknowledged submission: it must be the same message.
pub async fn again(world: &World, told: &Told) {
    let repeated = submit(world, &told.body, told.key.as_deref(), "respond-async").await;
    if repeated.as_ref().is_some_and(|id| *id != told.id) {
        world.books.wrong(format!("one Idempotency-Key made two messages: {} and {repeated:?}", told.id));
    }
}

/// The id, once it is told; none when it was given up.
async fn submit(world: &World, body: &Value, key: Option<&str>, prefer: &str) -> Option<String> {
    for _ in 0..2_000 {
        let mut request = world.request(Method::POST, "/v1/messages").header("Prefer", prefer).json(body);
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        let heard = world.hear(request).await;
        match &heard {
            Some(Heard { status: 200 | 202, body, .. }) => return body["id"].as_str().map(str::to_owned),
            // Its validity passed while nobody answered: it may rightly be refused now.
            Some(Heard { status: 422, .. }) if body["valid_until"].is_string() => return None,
            None | Some(Heard { status: 408 | 409 | 429 | 503, .. }) if key.is_some() => {}
            None | Some(Heard { status: 429 | 503, .. }) => return None,
            Some(Heard { status, text, .. }) => {
                world.books.wrong(format!("a submission was answered {status}: {text}"));
                return None;
            }
        }
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    world.books.wrong(format!("a submission was never answered: {body}"));
    None
}

/// Looks at acknowledged messages again and again, old ones and new ones.
async fn watch(world: Arc<World>, mut chance: StdRng) {
    while !world.stop.load(Relaxed) {
        tokio::time::sleep(Duration::from_millis(10)).await;
        let known = world.books.count();
        if known == 0 {
            continue;
        }
        let recent = known.saturating_sub(40);
        let place =
            if chance.random_bool(0.7) { chance.random_range(recent..known) } else { chance.random_range(0..known) };
        let Some(told) = world.books.told_at(place) else { continue };
        let path = format!("/v1/messages/{}", told.id);
        match world.hear(world.request(Method::GET, &path)).await {
            Some(Heard { status: 200, body, .. }) => world.books.see(&told.id, &body),
            None | Some(Heard { status: 503, .. }) => {}
            Some(Heard { status, text, .. }) => {
                world.books.wrong(format!("{} was acknowledged and is answered {status}: {text}", told.id));
            }
        }
    }
}
