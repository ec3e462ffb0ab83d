//! What the broker told the senders, and what was found wrong with it.
//!
//! Invariant: an id is here only when an answer with it arrived; nothing is guessed.
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::bail;
use serde_json::Value;

use crate::citizens::Word;

/// Mistakes that are shown; the others are counted.
const SHOWN: usize = 12;

/// A message that was acknowledged.
#[derive(Clone)]
pub struct Told {
    /// Its id.
    pub id: String,
    /// Its recipient, which no other submission of the run has.
    pub mobile: String,
    /// The name of its strategy.
    pub strategy: &'static str,
    /// Its Idempotency-Key.
    pub key: Option<String>,
    /// What was submitted.
    pub body: Value,
}

/// A broadcast whose start was acknowledged.
#[derive(Clone)]
pub struct Started {
    /// Its id.
    pub id: String,
    /// Keys of the rows that were acknowledged, each once.
    pub keys: Vec<String>,
}

/// All of it.
#[derive(Default)]
pub struct Books {
    accepted: AtomicU64,
    kills: AtomicU32,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    told: Vec<Told>,
    ids: HashSet<String>,
    started: Vec<Started>,
    written: Vec<Word>,
    /// Who asked to stop, and of whom the broker told so.
    stopped: Vec<String>,
    /// The last that was seen of a message.
    seen: HashMap<String, Value>,
    wrong: Vec<String>,
    more: usize,
}

impl Books {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes an acknowledged message.
    pub fn tell(&self, told: Told) {
        let mut inner = self.inner();
        inner.ids.insert(told.id.clone());
        inner.told.push(told);
        drop(inner);
        self.accepted.fetch_add(1, Relaxed);
    }

    /// Notes a broadcast whose start was acknowledged.
    pub fn start(&self, started: Started) {
        self.inner().started.push(started);
        self.accepted.fetch_add(1, Relaxed);
    }

    /// Notes what the SMSC has of a citizen.
    pub fn write(&self, word: Word) {
        self.inner().written.push(word);
    }

    /// All that citizens wrote.
    pub fn written(&self) -> Vec<Word> {
        self.inner().written.clone()
    }

    /// Whether this number wrote already.
    pub fn has_written(&self, from: &str) -> bool {
        self.inner().written.iter().any(|word| word.from == from)
    }

    /// Notes that the broker heard of somebody who asks to stop.
    pub fn stopped(&self, from: String) {
        let mut inner = self.inner();
        if !inner.stopped.contains(&from) {
            inner.stopped.push(from);
        }
    }

    /// Everybody of whom it heard that.
    pub fn all_stopped(&self) -> Vec<String> {
        self.inner().stopped.clone()
    }

    /// Whether a message was acknowledged.
    pub fn is_told(&self, id: &str) -> bool {
        self.inner().ids.contains(id)
    }

    /// How many messages were acknowledged.
    pub fn count(&self) -> usize {
        self.inner().told.len()
    }

    /// How many messages and broadcasts were acknowledged.
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Relaxed)
    }

    /// All acknowledged messages.
    pub fn told(&self) -> Vec<Told> {
        self.inner().told.clone()
    }

    /// One of them.
    pub fn told_at(&self, place: usize) -> Option<Told> {
        self.inner().told.get(place).cloned()
    }

    /// The last one that is so.
    pub fn latest(&self, wanted: impl Fn(&Told) -> bool) -> Option<Told> {
        self.inner().told.iter().rev().find(|told| wanted(told)).cloned()
    }

    /// All acknowledged broadcasts.
    pub fn broadcasts(&self) -> Vec<Started> {
        self.inner().started.clone()
    }

    /// Compares what is seen of a message with what was seen before.
    pub fn see(&self, id: &str, now: &Value) {
        let before = self.inner().seen.insert(id.to_owned(), now.clone());
        if let Some(mistake) = before.and_then(|before| went_back(&before, now).map(|what| (before, what))) {
            self.wrong(format!("{}\n  before: {}\n  after:  {now}", mistake.1, mistake.0));
        }
    }

    /// One more kill: what is found wrong from now on came after it.
    pub fn kill(&self) {
        self.kills.fetch_add(1, Relaxed);
    }

    /// Messages that mistakes name, each once.
    pub fn suspects(&self) -> Vec<String> {
        let is_id = |word: &&str| word.len() == 36 && word.bytes().filter(|byte| *byte == b'-').count() == 4;
        let mut found: Vec<String> = Vec::new();
        for mistake in &self.inner().wrong {
            let words = mistake.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
            found.extend(words.filter(is_id).map(str::to_owned));
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Notes something wrong.
    pub fn wrong(&self, what: String) {
        let what = format!("after kill {}: {what}", self.kills.load(Relaxed));
        let mut inner = self.inner();
        if inner.wrong.len() < SHOWN {
            eprintln!("crash: WRONG: {what}");
            inner.wrong.push(what);
        } else {
            inner.more += 1;
        }
    }

    /// Whether anything was found wrong.
    pub fn found_any(&self) -> bool {
        !self.inner().wrong.is_empty()
    }

    /// Fails with all that was found wrong.
    pub fn verdict(&self) -> anyhow::Result<()> {
        let inner = self.inner();
        if !inner.wrong.is_empty() {
            bail!("{} mistakes:\n{}", inner.wrong.len() + inner.more, inner.wrong.join("\n"));
        }
        Ok(())
    }
}

/// How far along sent, delivered, read, acted; 0 when not on that way.
pub fn rank(status: &Value) -> usize {
    let way = ["sent", "delivered", "read", "acted"];
    way.iter().position(|step| status == step).map_or(0, |place| place + 1)
}

/// The attempt of a step and retry in the answer about a message.
pub fn attempt<'v>(view: &'v Value, step: &Value, retry: &Value) -> Option<&'v Value> {
    view["attempts"].as_array()?.iter().find(|other| other["step"] == *step && other["retry"] == *retry)
}

/// What in `after` takes something of `before` back.
pub fn went_back(before: &Value, after: &Value) -> Option<&'static str> {
    let (old, new) = (&before["status"], &after["status"]);
    if old != "waiting" {
        let raised = rank(old) > 0 && rank(new) >= rank(old);
        if old != new && !raised {
            return Some("a settled status changed back");
        }
        if before["settled_at"] != after["settled_at"] {
            return Some("a message was settled twice");
        }
    }
    for one in before["attempts"].as_array()? {
        let old = one["status"].as_str().unwrap_or_default();
        if old == "attempting" {
            continue;
        }
        let Some(now) = attempt(after, &one["step"], &one["retry"]) else {
            return Some("an attempt with an outcome disappeared");
        };
        let new = now["status"].as_str().unwrap_or_default();
        let may = match old {
            "sent" => rank(&now["status"]) > 0 || ["failed", "channel_expired"].contains(&new),
            "unknown" => new != "attempting",
            "failed" | "channel_expired" => new == old,
            _ => rank(&now["status"]) >= rank(&one["status"]),
        };
        if !may {
            return Some("an attempt's status went back");
        }
    }
    None
}

#[test]
fn going_back_is_noticed_and_going_on_is_not() {
    let view = |status: &str, attempt: &str| {
        let settled = (status != "waiting").then_some("2030-01-01T00:00:00Z");
        serde_json::json!({"status": status, "settled_at": settled,
            "attempts": [{"step": 0, "retry": 0, "status": attempt}]})
    };
    for (before, after, allowed) in [
        (("waiting", "attempting"), ("waiting", "attempting"), true),
        (("waiting", "sent"), ("delivered", "delivered"), true),
        (("sent", "sent"), ("read", "read"), true),
        (("delivered", "delivered"), ("sent", "delivered"), false),
        (("delivered", "delivered"), ("waiting", "delivered"), false),
        (("failed", "failed"), ("delivered", "failed"), false),
        (("waiting", "sent"), ("waiting", "attempting"), false),
        (("waiting", "delivered"), ("waiting", "failed"), false),
    ] {
        let found = went_back(&view(before.0, before.1), &view(after.0, after.1));
        assert_eq!(found.is_none(), allowed, "{before:?} {after:?} {found:?}");
    }
}
