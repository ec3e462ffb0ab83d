//! The sender's feed, read on and on while the broker dies, and once more from its beginning in the end.
//!
//! Invariant: what was read before a kill stands there after it, at the same place and with the same words.
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::Value;

use crate::books::rank;
use crate::citizens;
use crate::endpoint::{Endpoint, print};
use crate::senders::{Heard, World};
use crate::verdict::STANDSTILL;

/// Events on a page while it is followed, and in the two readings at the end.
const FOLLOWED: usize = 200;
const READ: [usize; 2] = [1_000, 370];

/// An event, as far as it is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    id: Box<str>,
    print: u64,
}

impl Seen {
    fn of(event: &Value) -> Self {
        Self { id: event["id"].as_str().unwrap_or_default().into(), print: print(event) }
    }
}

/// What is compared with the messages.
#[derive(Default)]
struct Life {
    accepted: u32,
    settled: Vec<String>,
    /// Whether anything was told before the acceptance.
    early: bool,
}

/// Reads on until it is told to end; gives all that it read.
pub async fn follow(world: Arc<World>) -> Vec<Seen> {
    let mut seen: Vec<Seen> = Vec::new();
    let mut after = "oldest".to_owned();
    while !world.stop.load(Relaxed) {
        let request = world.request(reqwest::Method::GET, &format!("/v1/events?limit={FOLLOWED}&after={after}"));
        match world.hear(request).await {
            Some(Heard { status: 200, body, .. }) => {
                body["next"].as_str().unwrap_or_default().clone_into(&mut after);
                for event in body["events"].as_array().into_iter().flatten() {
                    seen.push(Seen::of(event));
                    let sms = &event["data"]["sms"];
                    if sms["stop"] == true
                        && let Some(from) = sms["from"].as_str().filter(|from| citizens::is_stopper(from))
                    {
                        world.books.stopped(from.to_owned());
                    }
                }
                if body["has_more"] == true {
                    continue;
                }
            }
            None | Some(Heard { status: 503, .. }) => {}
            Some(Heard { status, text, .. }) => {
                world.books.wrong(format!("the feed behind {after} is answered {status}: {text}"));
                break;
            }
        }
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    seen
}

/// Reads all of it, in pages of this size.
async fn read(world: &World, limit: usize, mut each: impl FnMut(&Value)) -> anyhow::Result<Vec<Seen>> {
    let (mut seen, mut after) = (Vec::new(), "oldest".to_owned());
    loop {
        let heard = world.get(&format!("/v1/events?limit={limit}&after={after}")).await;
        let heard = heard.context("the feed is not answered")?;
        ensure!(heard.status == 200, "the feed is answered {}: {}", heard.status, heard.text);
        for event in heard.body["events"].as_array().into_iter().flatten() {
            each(event);
            seen.push(Seen::of(event));
        }
        heard.body["next"].as_str().context("a page without its end")?.clone_into(&mut after);
        if heard.body["has_more"] == false {
            return Ok(seen);
        }
    }
}

/// It has no gap, each message stands in it with one acceptance and one settlement, and all of it was called out.
pub async fn is_whole(
    world: &World,
    followed: &[Seen],
    endpoint: &Endpoint,
    settled: &HashMap<String, Value>,
) -> anyhow::Result<()> {
    let mut lives: HashMap<String, Life> = HashMap::new();
    let mut written = Vec::new();
    let all = read(world, READ[0], |event| {
        let data = &event["data"];
        if event["type"] == "sms.received" {
            written.push(data["sms"].clone());
        }
        let Some(message) = data["message"].as_str() else { return };
        let life = lives.entry(message.to_owned()).or_default();
        match event["type"].as_str().unwrap_or_default() {
            "message.accepted" => life.accepted += 1,
            "message.settled" => life.settled.push(data["status"].as_str().unwrap_or_default().to_owned()),
            _ => life.early |= life.accepted == 0,
        }
    })
    .await?;
    let again = read(world, READ[1], |_| {}).await?;
    if let Some(place) = differs(&all, &again) {
        world.books.wrong(format!("pages of {READ:?} events give two feeds, from event {place} on"));
    }
    if let Some(place) = differs(followed, &all[..followed.len().min(all.len())]) {
        let (was, is) = (followed.get(place), all.get(place));
        world.books.wrong(format!("event {place} of the feed was {was:?} before a kill and is {is:?}"));
    }
    let ids: HashSet<&str> = all.iter().map(|seen| &*seen.id).collect();
    if ids.len() != all.len() {
        world.books.wrong(format!("{} events have {} ids", all.len(), ids.len()));
    }
    for (id, view) in settled {
        let (status, life) = (&view["status"], lives.get(id));
        let told = life.map_or(&[][..], |life| &life.settled);
        let fits = |told: &String| *status == **told || (rank(&Value::from(&**told)) > 0 && rank(status) > 0);
        if !matches!(told, [one] if fits(one)) {
            world.books.wrong(format!("the feed has the settlements {told:?} of {view}"));
        }
    }
    for (id, life) in &lives {
        // A row is accepted with the start of its broadcast.
        let is_single = world.books.is_told(id);
        if life.settled.len() > 1 || life.accepted > 1 || (is_single && (life.accepted == 0 || life.early)) {
            let Life { accepted, settled, early } = life;
            world.books.wrong(format!("{id} was accepted {accepted} times and settled as {settled:?}; early: {early}"));
        }
    }
    citizens::were_heard(world, &written).await;
    was_told(world, &all, &ids, endpoint).await;
    let (calls, delivered) = endpoint.counts();
    let (events, followed) = (all.len(), followed.len());
    eprintln!(
        "crash: {events} events, {followed} of them read under the kills; {delivered} called out in {calls} calls"
    );
    Ok(())
}

/// Where two readings differ first.
fn differs(one: &[Seen], other: &[Seen]) -> Option<usize> {
    let at = one.iter().zip(other).position(|(one, other)| one != other);
    at.or_else(|| (one.len() != other.len()).then(|| one.len().min(other.len())))
}

/// Every event was delivered, with the same words, and nothing else was.
async fn was_told(world: &World, all: &[Seen], ids: &HashSet<&str>, endpoint: &Endpoint) {
    let mut left: Vec<&Seen> = all.iter().collect();
    let (mut least, mut sank) = (left.len(), Instant::now());
    while !left.is_empty() && sank.elapsed() < STANDSTILL {
        left.retain(|seen| endpoint.delivered(&seen.id).is_none());
        if left.len() < least {
            (least, sank) = (left.len(), Instant::now());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    if let Some(first) = left.first() {
        let state = world.get("/v1/webhooks/crash").await.map(|heard| heard.text);
        world.books.wrong(format!("{} events were never delivered, such as {first:?}: {state:?}", left.len()));
    }
    for seen in all.iter().filter(|seen| endpoint.delivered(&seen.id).is_some_and(|print| print != seen.print)) {
        world.books.wrong(format!("{} was delivered with other words than the feed has", seen.id));
    }
    for id in endpoint.beyond(|id| ids.contains(id)) {
        world.books.wrong(format!("{id} was delivered and is not in the feed"));
    }
    for what in endpoint.wrong() {
        world.books.wrong(what);
    }
}

#[test]
fn two_readings_differ_where_one_has_a_gap_another_word_or_an_end() {
    let seen = |id: &str, print| Seen { id: id.into(), print };
    let whole = [seen("a", 1), seen("b", 2), seen("c", 3)];
    assert_eq!(differs(&whole, &whole), None);
    assert_eq!(differs(&whole, &[seen("a", 1), seen("c", 3)]), Some(1));
    assert_eq!(differs(&whole, &[seen("a", 1), seen("b", 4), seen("c", 3)]), Some(1));
    assert_eq!(differs(&whole, &whole[..2]), Some(2));
}
