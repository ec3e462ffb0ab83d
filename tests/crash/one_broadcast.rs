//! One large broadcast that is killed again and again while it goes out: each recipient is served, and none twice unless the
//! broker says that it may be so.
use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use reqwest::Method;
use serde_json::{Value, json};

use crate::books::{Books, Started};
use crate::broker::Broker;
use crate::channels::Channels;
use crate::ledgers::{message_of, two_retries};
use crate::plan::{Plan, Ports};
use crate::senders::World;
use crate::verdict::{self, STANDSTILL};
use crate::{broadcasts, senders};

/// Strategy: SMS, and again where nobody can tell what became of one.
const STRATEGY: &str = "crash-resend";

fn number(name: &str, usual: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broadcast_that_is_killed_again_and_again_serves_each_recipient_and_none_twice_unmarked() {
    let rows = number("ESTAFETTE_CRASH_ROWS", 3_000);
    let plan = Plan::calm(number("ESTAFETTE_CRASH_BROADCAST_KILLS", 4) as u32);
    eprintln!("crash: a broadcast to {rows}, {} kills, ESTAFETTE_CRASH_SEED={}", plan.kills, plan.seed);
    let folder = tempfile::tempdir().expect("a folder for the run");
    if let Err(error) = run(&plan, rows, folder.path()).await {
        let kept = folder.keep();
        panic!("{error:#}\nkept: {} (ESTAFETTE_CRASH_SEED={})", kept.display(), plan.seed);
    }
}

async fn run(plan: &Plan, rows: usize, folder: &Path) -> anyhow::Result<()> {
    let ports = Ports::free()?;
    let channels = Channels::start(plan, ports, folder).await?;
    let mut broker = Broker::prepare(plan, ports, &channels, folder)?;
    let world = Arc::new(World::new(ports, broker.new_key()?, Books::default())?);
    broker.start()?;
    broker.ready(&world).await?;
    let began = Instant::now();
    let started = upload(&world, rows).await?;
    eprintln!("crash: {rows} rows uploaded and started after {:.1} s", began.elapsed().as_secs_f64());
    let mut chance = StdRng::seed_from_u64(plan.seed);
    for kill in 1..=plan.kills {
        // Spread over the whole of it, and each at an instant of its own.
        let share = (f64::from(kill) - chance.random_range(0.0..0.9)) / f64::from(plan.kills + 1);
        let settled = until_settled(&world, &mut broker, &started.id, (rows as f64 * share) as u64).await?;
        tokio::time::sleep(Duration::from_millis(chance.random_range(0..50))).await;
        broker.kill()?;
        broker.start()?;
        broker.ready(&world).await?;
        eprintln!("crash: kill {kill} of {} at {settled}, {:.1} s", plan.kills, began.elapsed().as_secs_f64());
    }
    until_settled(&world, &mut broker, &started.id, rows as u64).await?;
    world.books.start(started.clone());
    verdict::receipts_were_taken(&world, &channels).await?;
    let seconds = began.elapsed().as_secs_f64();
    broadcasts::are_whole(&world).await?;
    let twice = agree(&world, &channels, &started).await?;
    eprintln!("crash: all {rows} served in {seconds:.1} s, {twice} of them perhaps twice, each marked");
    broker.kill()?;
    world.books.verdict()
}

/// A broadcast of so many rows that is started, each to a recipient of its own.
async fn upload(world: &World, rows: usize) -> anyhow::Result<Started> {
    let terms = json!({"strategy": STRATEGY, "content": {"text": {"fr": "Bonjour {{nom}}"}}});
    let created = ask(world.request(Method::POST, "/v1/broadcasts").json(&terms), world, 201).await?;
    let id = created["id"].as_str().context("no id")?.to_owned();
    let (mut body, mut keys) = (String::with_capacity(rows * 100), Vec::with_capacity(rows));
    for row in 0..rows {
        let key = format!("r{row}");
        let mobile = world.mobile();
        writeln!(body, r#"{{"key":"{key}","recipient":{{"mobile":"{mobile}"}},"variables":{{"nom":"{row}"}}}}"#)?;
        keys.push(key);
    }
    let put = world.request(Method::PUT, &format!("/v1/broadcasts/{id}/recipients"));
    let filled = ask(put.header("Content-Type", "application/x-ndjson").body(body), world, 200).await?;
    ensure!(filled["accepted"] == rows, "{filled}");
    ask(world.request(Method::POST, &format!("/v1/broadcasts/{id}/start")), world, 200).await?;
    Ok(Started { id, keys })
}

async fn ask(request: reqwest::RequestBuilder, world: &World, status: u16) -> anyhow::Result<Value> {
    let senders::Heard { status: heard, body, text } = world.hear(request).await.context("no answer")?;
    ensure!(heard == status, "answered {heard}: {text}");
    Ok(body)
}

/// Waits until so many rows are settled; a broker may be slow, but must not stand still.
async fn until_settled(world: &World, broker: &mut Broker, id: &str, wanted: u64) -> anyhow::Result<u64> {
    let (mut most, mut rose) = (0, Instant::now());
    loop {
        broker.alive()?;
        let told = world.get(&format!("/v1/broadcasts/{id}")).await.context("a broadcast is not answered")?.body;
        let rows = told["rows"].as_u64().context("no rows")?;
        let settled = rows - told["by_status"]["waiting"].as_u64().unwrap_or(0);
        if settled >= wanted {
            return Ok(settled);
        }
        if settled > most {
            (most, rose) = (settled, Instant::now());
        }
        ensure!(rose.elapsed() < STANDSTILL, "{settled} of {wanted} rows are settled, and no more come: {told}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Holds what the channels took against the report. Gives how many recipients may have been served twice.
async fn agree(world: &World, channels: &Channels, started: &Started) -> anyhow::Result<usize> {
    let ledger = channels.ledger("sms");
    let mut by_message: HashMap<&str, Vec<&str>> = HashMap::new();
    for reference in ledger.keys() {
        by_message.entry(message_of(reference)).or_default().push(reference);
    }
    let mut known = HashSet::new();
    for row in broadcasts::report(world, &started.id).await? {
        let id = row["id"].as_str().unwrap_or_default().to_owned();
        if !by_message.contains_key(&*id) {
            world.books.wrong(format!("no channel has this row: {row}"));
        }
        if !matches!(row["status"].as_str(), Some("sent" | "delivered")) {
            world.books.wrong(format!("a row was not served: {row}"));
        }
        known.insert(id);
    }
    for id in by_message.keys().filter(|id| !known.contains(**id)) {
        world.books.wrong(format!("the channel has a message of nobody's: {id}"));
    }
    two_retries(world, &ledger);
    let marked = marked(world, &started.id).await?;
    let mut twice = HashSet::new();
    for (reference, taken) in ledger.iter().filter(|(_, taken)| taken.len() > 1) {
        twice.insert(message_of(reference));
        if !marked.contains(reference) {
            world.books.wrong(format!("{reference} was taken twice and the broker does not say so: {taken:?}"));
        }
        // A provider knows only what came to itself.
        let unmarked = |name: &str| taken.iter().filter(|(of, entry)| *of == name && !entry.possible_duplicate).count();
        if taken.iter().any(|(name, _)| unmarked(name) > 1) {
            world.books.wrong(format!("{reference} stands twice without a mark in the ledger: {taken:?}"));
        }
    }
    Ok(twice.len())
}

/// References that the broker began again and said so, as the feed tells: one page for a thousand of them, while the history
/// of each row would be looked up in all that happened to its chunk.
async fn marked(world: &World, id: &str) -> anyhow::Result<HashSet<String>> {
    let (mut marked, mut after) = (HashSet::new(), "oldest".to_owned());
    loop {
        let path = format!("/v1/events?broadcast={id}&type=attempt.started&limit=1000&after={after}");
        let heard = world.get(&path).await.context("the feed is not answered")?;
        ensure!(heard.status == 200, "the feed is answered {}: {}", heard.status, heard.text);
        for event in heard.body["events"].as_array().into_iter().flatten() {
            let (message, attempt) = (&event["data"]["message"], &event["data"]["attempt"]);
            if attempt["possible_duplicate"] == true {
                let message = message.as_str().unwrap_or_default();
                marked.insert(format!("{message}.{}.{}", attempt["step"], attempt["retry"]));
            }
        }
        heard.body["next"].as_str().context("a page without its end")?.clone_into(&mut after);
        if heard.body["has_more"] == false {
            return Ok(marked);
        }
    }
}
