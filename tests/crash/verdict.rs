//! After the last kill: everything settles, keys still hold, and a death at rest changes nothing.
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use futures_util::{StreamExt, stream};
use rand::Rng;
use rand::rngs::StdRng;
use serde_json::Value;

use crate::books::went_back;
use crate::channels::Channels;
use crate::senders::{self, World};

/// Requests at once.
const AT_ONCE: usize = 8;
/// How long nothing may move while something is left to be done. A machine may be slow; a broker must not stand still.
pub const STANDSTILL: Duration = Duration::from_secs(60);
/// Repeated submissions at the end.
const REPEATED: usize = 100;

/// The answers about these messages; one that is not found is a mistake.
pub async fn views(world: &World, ids: impl IntoIterator<Item = String>) -> Vec<(String, Value)> {
    let ask = async |id: String| {
        let heard = world.get(&format!("/v1/messages/{id}")).await;
        match heard {
            Some(heard) if heard.status == 200 => Some((id, heard.body)),
            other => {
                let answer = other.map(|heard| format!("{} {}", heard.status, heard.text));
                world.books.wrong(format!("{id} was accepted and is not found: {answer:?}"));
                None
            }
        }
    };
    stream::iter(ids).map(ask).buffer_unordered(AT_ONCE).filter_map(async |found| found).collect().await
}

/// Waits until every acknowledged message is settled and every receipt was taken.
pub async fn drained(world: &World, channels: &Channels, limit: Duration) -> anyhow::Result<()> {
    let until = Instant::now() + limit;
    let mut waiting: HashSet<String> = world.books.told().into_iter().map(|told| told.id).collect();
    loop {
        let mut last = None;
        for (id, view) in views(world, waiting.iter().cloned().collect::<Vec<_>>()).await {
            world.books.see(&id, &view);
            if view["status"] == "waiting" {
                if view["reason"].is_null() {
                    world.books.wrong(format!("a message waits without a reason: {view}"));
                }
                last = Some(view);
            } else {
                waiting.remove(&id);
            }
        }
        if last.is_none() {
            break;
        }
        if Instant::now() > until {
            let shown = last.unwrap_or_default();
            let count = waiting.len();
            world.books.wrong(format!("{count} messages are not settled after {limit:?}, such as {shown}"));
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    crate::broadcasts::drained(world, until).await;
    receipts_were_taken(world, channels).await
}

/// Waits until the channels have nothing left to say.
pub async fn receipts_were_taken(world: &World, channels: &Channels) -> anyhow::Result<()> {
    let (began, mut least, mut sank) = (Instant::now(), u64::MAX, Instant::now());
    loop {
        let [called, brought, rejected] = channels.unsaid().await?;
        let waiting = called.saturating_add(brought);
        if waiting == 0 {
            eprintln!("crash: the last receipt was taken after {:.0} s more", began.elapsed().as_secs_f64());
            if rejected != 0 {
                world.books.wrong(format!("the broker refused {rejected} receipts"));
            }
            return Ok(());
        }
        if waiting < least {
            (least, sank) = (waiting, Instant::now());
        }
        let moves = sank.elapsed() < STANDSTILL;
        ensure!(moves, "{called} receipts that are called and {brought} that are brought are not taken any more");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Old Idempotency-Keys, from the first to the last.
pub async fn keys_still_hold(world: &World, chance: &mut StdRng) {
    let told = world.books.told();
    for _ in 0..REPEATED.min(told.len()) {
        let one = &told[chance.random_range(0..told.len())];
        if one.key.is_some() && one.body["valid_until"].is_null() {
            senders::again(world, one).await;
        }
    }
}

/// All that the broker says of messages and broadcasts.
pub struct Everything {
    messages: BTreeMap<String, Value>,
    reports: BTreeMap<String, String>,
}

impl Everything {
    /// Each message and each row by its id, with its status.
    pub fn settled(&self) -> anyhow::Result<HashMap<String, Value>> {
        let mut all: HashMap<String, Value> = self.messages.clone().into_iter().collect();
        for line in self.reports.values().flat_map(|report| report.lines()) {
            let row: Value = serde_json::from_str(line)?;
            all.insert(row["id"].as_str().unwrap_or_default().to_owned(), row);
        }
        Ok(all)
    }
}

/// Asks for all of it.
pub async fn everything(world: &World) -> anyhow::Result<Everything> {
    let ids = world.books.told().into_iter().map(|told| told.id);
    let messages = views(world, ids.collect::<Vec<_>>()).await.into_iter().collect();
    let mut reports = BTreeMap::new();
    for started in world.books.broadcasts() {
        let heard = world.get(&format!("/v1/broadcasts/{}/report", started.id)).await;
        reports.insert(started.id, heard.context("a report is not answered")?.text);
    }
    Ok(Everything { messages, reports })
}

/// Compares all of it with what it was.
pub async fn unchanged(world: &World, before: &Everything, death: &str) -> anyhow::Result<()> {
    let after = everything(world).await?;
    for (id, was) in &before.messages {
        let Some(is) = after.messages.get(id) else { continue };
        let same = was["status"] == is["status"] && was["attempts"] == is["attempts"];
        if !same || went_back(was, is).is_some() {
            world.books.wrong(format!("{death} changed a message\n  before: {was}\n  after:  {is}"));
        }
    }
    for (id, was) in &before.reports {
        let is = after.reports.get(id).map(String::as_str).unwrap_or_default();
        let other = was.lines().zip(is.lines()).find(|(was, is)| was != is);
        if let Some((was, is)) = other {
            world.books.wrong(format!("{death} changed the report of {id}\n  before: {was}\n  after:  {is}"));
        } else if was.len() != is.len() {
            world.books.wrong(format!("{death} changed the length of the report of {id}"));
        }
    }
    Ok(())
}
