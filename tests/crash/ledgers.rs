//! What the channels took, beside what the broker says of it.
use std::collections::{BTreeMap, HashMap, HashSet};

use estafette_loadtest::ledger::{Channel, Entry, Outcome};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::books::{Told, attempt, rank};
use crate::channels::{Channels, PARTS, Taken, WEB, WHOLE};
use crate::citizens::is_stopper;
use crate::senders::World;
use crate::{broadcasts, verdict};

/// How long a message that was begun in time may be on its way, in milliseconds.
const ON_ITS_WAY_MS: i64 = 1_500;

/// What a channel took, by reference.
type Ledger = BTreeMap<String, Taken>;

/// Compares both ways.
pub async fn agree(world: &World, channels: &Channels) -> anyhow::Result<()> {
    let told: HashMap<String, Told> = world.books.told().into_iter().map(|told| (told.id.clone(), told)).collect();
    let mut ids: HashSet<String> = told.keys().cloned().collect();
    for started in world.books.broadcasts() {
        let rows = broadcasts::report(world, &started.id).await?;
        ids.extend(rows.iter().filter_map(|row| row["id"].as_str().map(str::to_owned)));
    }
    let mut ledgers: BTreeMap<&'static str, Ledger> = BTreeMap::new();
    for channel in ["govapp", "sms"] {
        let ledger = channels.ledger(channel);
        ids.extend(ledger.keys().map(|reference| message_of(reference).to_owned()));
        ledgers.insert(channel, ledger);
    }
    let views: HashMap<String, Value> = verdict::views(world, ids).await.into_iter().collect();

    let mut twice = 0;
    for (channel, ledger) in &ledgers {
        for (reference, entries) in ledger {
            let Some(view) = views.get(message_of(reference)) else { continue };
            let mistake = |what: &str| world.books.wrong(format!("{what}\n  ledger:  {entries:?}\n  message: {view}"));
            if let Some(what) = wrong_with(channel, reference, entries, view) {
                mistake(what);
            }
            if let Some(told) = told.get(message_of(reference))
                && let Some(what) = broken_promise(told, channel, entries)
            {
                mistake(what);
            }
            if channel == &"sms" && entries.iter().any(|(_, entry)| is_stopper(&entry.recipient)) {
                mistake("sent to somebody who had asked to stop, and the broker knew");
            }
            twice += usize::from(entries.len() > 1);
        }
        two_retries(world, ledger);
    }
    for told in told.values().filter(|told| is_stopper(&told.mobile)) {
        if let Some(view) = views.get(&told.id).filter(|view| view["reason"] != "suppressed") {
            world.books.wrong(format!("to somebody who had asked to stop, and not refused as that: {view}"));
        }
    }
    for view in views.values() {
        for one in view["attempts"].as_array().into_iter().flatten().filter(|one| rank(&one["status"]) > 0) {
            let reference = format!("{}.{}.{}", view["id"].as_str().unwrap_or_default(), one["step"], one["retry"]);
            let ledger = one["channel"].as_str().and_then(|channel| ledgers.get(channel));
            let taken = ledger.and_then(|ledger| ledger.get(&reference));
            if taken.is_none_or(|taken| !is_of(one, taken)) {
                world
                    .books
                    .wrong(format!("{reference} was taken, says the broker, and the channel has it not: {view}"));
            }
        }
    }
    one_message_a_recipient(world, &told, &ledgers);
    let taken: usize = ledgers.values().map(BTreeMap::len).sum();
    let of = |name| ledgers.values().flat_map(BTreeMap::values).flatten().filter(|(other, _)| *other == name).count();
    let [web, parts, whole] = [WEB, PARTS, WHOLE].map(of);
    eprintln!(
        "crash: the channels took {taken} references, {twice} of them more than once, all marked; \
         of SMS {WEB} {web}, {PARTS} {parts}, {WHOLE} {whole}"
    );
    let entries = |channel| channels.first.count(channel).total;
    let (notified, calls) = (entries(Channel::Govapp), channels.first.calls(Channel::Govapp));
    eprintln!("crash: {notified} notifications over GovApp in {calls} calls");
    Ok(())
}

/// The message in our reference: id, step, retry.
pub fn message_of(reference: &str) -> &str {
    reference.split('.').next().unwrap_or_default()
}

/// Whether the provider that an attempt's reference names is among those that took it.
fn is_of(attempt: &Value, taken: &Taken) -> bool {
    let named = attempt["channel_reference"].as_str().and_then(|reference| reference.split_once(':'));
    named.is_none_or(|(name, _)| ![WEB, PARTS, WHOLE].contains(&name) || taken.iter().any(|(other, _)| *other == name))
}

/// Another try under a new reference is only for what certainly was not taken under the one before.
pub fn two_retries(world: &World, ledger: &Ledger) {
    let mut reached: HashMap<&str, &str> = HashMap::new();
    for (reference, taken) in ledger {
        let step = reference.rsplit_once('.').map_or("", |(step, _)| step);
        if taken.iter().any(|(_, entry)| entry.outcome != Outcome::Undelivered)
            && let Some(other) = reached.insert(step, reference)
        {
            world.books.wrong(format!("{other} had reached the citizen when {reference} was sent"));
        }
    }
}

/// What in the broker's account does not fit what the channel took under one reference.
fn wrong_with(channel: &str, reference: &str, taken: &Taken, view: &Value) -> Option<&'static str> {
    let number = |place| reference.split('.').nth(place).and_then(|text| text.parse::<u8>().ok()).map(|n| json!(n));
    let (Some(step), Some(retry)) = (number(1), number(2)) else { return Some("the channel got a strange reference") };
    let Some(tried) = attempt(view, &step, &retry) else {
        return Some("the channel took an attempt that nobody began");
    };
    if tried["channel"] != channel {
        return Some("the attempt is said to be at another channel");
    }
    if taken.len() > 1 {
        let unmarked = |name: &str| taken.iter().filter(|(of, entry)| *of == name && !entry.possible_duplicate).count();
        if taken.iter().any(|(name, _)| unmarked(name) > 1) {
            return Some("a reference stands twice without a mark in the ledger");
        }
        // A provider knows only what came to itself: of two that have it, the broker alone can say so.
        if tried["possible_duplicate"] != true {
            return Some("a reference stands twice and the broker does not say so");
        }
    }
    let has = |outcome| taken.iter().any(|(_, entry)| entry.outcome == outcome);
    let (good, bad) = (has(Outcome::Accepted), has(Outcome::Undelivered));
    // An SMSC knows a message by its own id only. When nobody learned that, its receipts say nothing, and nobody can ask.
    let is_named = |(name, _): &(&str, Entry)| ![PARTS, WHOLE].contains(name) || !tried["channel_reference"].is_null();
    let is_deaf = !taken.iter().any(is_named);
    let status = tried["status"].as_str().unwrap_or_default();
    match status {
        "attempting" => Some("an attempt is still under way after all was settled"),
        "unknown" if is_deaf => None,
        // Its receipt came: each does in the end.
        "sent" | "unknown" if good => Some("the receipt of delivery changed nothing"),
        // GovApp has no word for what was not delivered.
        "sent" | "unknown" if bad && channel == "sms" => Some("the receipt of failure changed nothing"),
        "delivered" | "read" | "acted" if bad && taken.len() == 1 => Some("delivered, says only the broker"),
        "failed" | "channel_expired" if good && taken.len() == 1 => Some("failed, says only the broker"),
        _ => None,
    }
}

/// What the sender was promised and did not get.
fn broken_promise(told: &Told, channel: &str, taken: &Taken) -> Option<&'static str> {
    let time = |name: &str| told.body[name].as_str().and_then(|text| text.parse::<Timestamp>().ok());
    let at = |entry: &Entry| entry.at.as_millisecond();
    let until = time("valid_until").map(|until| until.as_millisecond() + ON_ITS_WAY_MS);
    if until.is_some_and(|until| taken.iter().any(|(_, entry)| at(entry) > until)) {
        return Some("sent after its validity");
    }
    let from = time("not_before").map(Timestamp::as_millisecond);
    if from.is_some_and(|from| taken.iter().any(|(_, entry)| at(entry) < from)) {
        return Some("sent before its time");
    }
    // Here nobody can be asked, so nothing may be sent again.
    (told.strategy == "crash-fail" && channel == "sms" && taken.len() > 1)
        .then_some("sent again although its strategy says to fail")
}

/// Each submission had a recipient of its own: a second message for it would be one that nobody sent.
fn one_message_a_recipient(world: &World, told: &HashMap<String, Told>, ledgers: &BTreeMap<&'static str, Ledger>) {
    let mut messages: HashMap<&str, HashSet<&str>> = HashMap::new();
    for (reference, entries) in ledgers.values().flatten() {
        for (_, entry) in entries {
            messages.entry(&entry.recipient).or_default().insert(message_of(reference));
        }
    }
    for told in told.values() {
        let others = messages.get(&*told.mobile).into_iter().flatten().filter(|id| **id != told.id);
        for other in others {
            world.books.wrong(format!("one submission made two messages: {} and {other}", told.id));
        }
    }
    for (recipient, ids) in messages.into_iter().filter(|(_, ids)| ids.len() > 1) {
        world.books.wrong(format!("{recipient} got {ids:?}, and one was submitted"));
    }
}
