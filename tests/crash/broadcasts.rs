//! Broadcasts under the same kills: rows that were acknowledged are sent once each.
//!
//! An upload whose answer was lost is repeated whole; its rows may then stand twice, and the first of
//! each key counts.
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use anyhow::Context;
use rand::Rng;
use rand::rngs::StdRng;
use reqwest::Method;
use serde_json::{Value, json};

use crate::books::Started;
use crate::senders::{Heard, World};

/// Tries of one request; the broker is down for a good part of them.
const TRIES: u32 = 1_000;
/// Rows of an upload that fills segments: some 200 kB.
const FILLING_ROWS: usize = 500;

/// Sends one after another. A long run has some that are large.
pub async fn send(world: Arc<World>, mut chance: StdRng, kills: u32) {
    while !world.stop.load(Relaxed) {
        let large = kills > 50 && chance.random_bool(0.05);
        let rows = if large { chance.random_range(1_000..=3_000) } else { chance.random_range(50..=200) };
        if let Some(started) = one(&world, &mut chance, rows).await {
            world.books.start(started);
        }
        tokio::time::sleep(Duration::from_millis(chance.random_range(500..3_000))).await;
    }
}

/// Uploads rows of broadcasts that are never started, while it is asked to: a full segment is closed.
pub async fn fill(world: Arc<World>) {
    let content = json!({"title": {"fr": "Essai"}, "text": {"fr": "Bonjour {{nom}}"}});
    let terms = json!({"strategy": "crash-first", "content": content, "priority": "bulk"});
    while !world.stop.load(Relaxed) {
        tokio::time::sleep(Duration::from_millis(2)).await;
        if !world.fill.load(Relaxed) {
            continue;
        }
        let made = world.hear(world.request(Method::POST, "/v1/broadcasts").json(&terms)).await;
        let Some(id) = made.and_then(|heard| heard.body["id"].as_str().map(str::to_owned)) else { continue };
        let mut body = String::new();
        for key in 0..FILLING_ROWS {
            let line = json!({"key": key.to_string(), "recipient": {"mobile": world.mobile()}, "variables": {"nom": "x".repeat(400)}});
            body.push_str(&line.to_string());
            body.push('\n');
        }
        let path = format!("/v1/broadcasts/{id}/recipients");
        let request = world.request(Method::PUT, &path).header("Content-Type", "application/x-ndjson").body(body);
        // Whether it arrives is nobody's concern.
        let _ = world.hear(request).await;
    }
}

async fn one(world: &World, chance: &mut StdRng, rows: usize) -> Option<Started> {
    let strategy = ["crash-first", "crash-resend"][chance.random_range(0..2)];
    // What is the same for all goes over GovApp in calls to many.
    let is_same = chance.random_bool(0.5);
    let text = if is_same { "Bonjour à tous" } else { "Bonjour {{nom}}" };
    let content = json!({"title": {"fr": "Essai"}, "text": {"fr": text}});
    let terms = json!({"strategy": strategy, "content": content, "priority": "bulk"});
    let request = || world.request(Method::POST, "/v1/broadcasts").json(&terms);
    let created = insist(world, "a broadcast", request, &[201]).await?;
    let id = created["id"].as_str()?.to_owned();
    let mut keys = Vec::with_capacity(rows);
    let uploads = chance.random_range(1..=3);
    for upload in 0..uploads {
        let mut body = String::new();
        for row in 0..rows / uploads {
            let key = format!("{upload}-{row}");
            let mut line = json!({"key": key, "recipient": {"mobile": world.mobile()}});
            if !is_same {
                line["variables"] = json!({"nom": key});
            }
            body.push_str(&line.to_string());
            body.push('\n');
            keys.push(key);
        }
        let path = format!("/v1/broadcasts/{id}/recipients");
        let request = || {
            let request = world.request(Method::PUT, &path).header("Content-Type", "application/x-ndjson");
            request.body(body.clone())
        };
        insist(world, "an upload", request, &[200]).await?;
    }
    for _ in 0..TRIES {
        let path = format!("/v1/broadcasts/{id}");
        let heard = world.hear(world.request(Method::POST, &format!("{path}/start"))).await;
        if heard.is_some_and(|heard| heard.status == 200) {
            return Some(Started { id, keys });
        }
        // Started, and the answer lost?
        if let Some(Heard { status: 200, body, .. }) = world.hear(world.request(Method::GET, &path)).await
            && body["phase"] != "draft"
        {
            return Some(Started { id, keys });
        }
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    world.books.wrong(format!("broadcast {id} can't be started"));
    None
}

/// Repeats until it is done.
async fn insist(
    world: &World,
    what: &str,
    request: impl Fn() -> reqwest::RequestBuilder,
    done: &[u16],
) -> Option<Value> {
    for _ in 0..TRIES {
        match world.hear(request()).await {
            Some(heard) if done.contains(&heard.status) => return Some(heard.body),
            None | Some(Heard { status: 408 | 409 | 429 | 503, .. }) => {}
            Some(Heard { status, text, .. }) => {
                world.books.wrong(format!("{what} was answered {status}: {text}"));
                return None;
            }
        }
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    world.books.wrong(format!("{what} was never answered"));
    None
}

/// Waits until no row of any broadcast waits.
pub async fn drained(world: &World, until: Instant) {
    for started in world.books.broadcasts() {
        loop {
            let Some(heard) = world.get(&format!("/v1/broadcasts/{}", started.id)).await else { break };
            if heard.status == 200 && heard.body["phase"] == "done" {
                break;
            }
            if Instant::now() > until {
                world.books.wrong(format!("a broadcast is not done: {} {}", heard.status, heard.text));
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// The lines of a report.
pub async fn report(world: &World, id: &str) -> anyhow::Result<Vec<Value>> {
    let heard = world.get(&format!("/v1/broadcasts/{id}/report")).await.context("a report is not answered")?;
    anyhow::ensure!(heard.status == 200, "the report of {id} is answered {}: {}", heard.status, heard.text);
    heard.text.lines().map(|line| serde_json::from_str(line).context("a line of a report")).collect()
}

/// Every acknowledged row is there and settled, once; what stands twice is a duplicate that was not sent.
pub async fn are_whole(world: &World) -> anyhow::Result<()> {
    for started in world.books.broadcasts() {
        let mut counts: HashMap<String, u32> = HashMap::new();
        for line in report(world, &started.id).await? {
            if line["status"] == "waiting" {
                world.books.wrong(format!("a row of {} is not settled: {line}", started.id));
            }
            if line["reason"] != "duplicate_row" {
                *counts.entry(line["key"].as_str().unwrap_or_default().to_owned()).or_default() += 1;
            }
        }
        let wrong: Vec<&String> = started.keys.iter().filter(|key| counts.get(*key) != Some(&1)).collect();
        if let Some(key) = wrong.first() {
            let times = counts.get(*key).copied().unwrap_or(0);
            let (id, count) = (&started.id, wrong.len());
            world.books.wrong(format!("{count} rows of {id} are not there once, such as {key}: {times} times"));
        }
    }
    Ok(())
}
