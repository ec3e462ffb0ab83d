//! Citizens who write by SMS, some of them that they want no more, while the broker dies and comes back.
//!
//! Invariant: each number writes once, and who asks to stop gets messages only after the broker told that it heard of it:
//! whatever an SMS provider took for such a number is a mistake.
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use rand::Rng;
use rand::rngs::StdRng;
use serde_json::Value;

use crate::books::rank;
use crate::broker::NUMBER;
use crate::channels::Channels;
use crate::senders::World;

/// The number of several institutions: what is written to it is for the one that sent to the citizen last.
const SHARED: &str = "9999";
/// Numbers that begin so write that they want no more.
const STOPPERS: &str = "+32487";
/// Requests at once.
const AT_ONCE: usize = 8;

/// Something that a citizen wrote.
#[derive(Clone, Debug)]
pub struct Word {
    /// Whose number it came from.
    pub from: String,
    /// Which of ours it was written to.
    pub to: &'static str,
    /// What.
    pub text: &'static str,
    /// Whether it asks for no more.
    pub stop: bool,
}

/// Whether somebody of this number asked for no more before anything was sent to it.
pub fn is_stopper(mobile: &str) -> bool {
    mobile.starts_with(STOPPERS)
}

/// Writes until it is told to end.
pub async fn write(world: Arc<World>, channels: Arc<Channels>, mut chance: StdRng) {
    let mut number = 0;
    while !world.stop.load(Relaxed) {
        tokio::time::sleep(Duration::from_millis(chance.random_range(20..400))).await;
        number += 1;
        let (from, to, words): (_, _, &[_]) = match chance.random_range(0..3) {
            0 => (format!("{STOPPERS}{number:06}"), NUMBER, &["STOP", "stop svp.", "Arrêt 😀"]),
            1 => (format!("+32497{number:06}"), NUMBER, &["Merci", "Dank u, tot morgen 😀"]),
            _ => {
                let told = world.books.latest(|told| told.strategy == "crash-fail" && !is_stopper(&told.mobile));
                let Some(told) = told.filter(|told| !world.books.has_written(&told.mobile)) else { continue };
                // Nobody answers what did not come.
                let seen = world.get(&format!("/v1/messages/{}", told.id)).await;
                if seen.is_none_or(|seen| rank(&seen.body["attempts"][0]["status"]) == 0) {
                    continue;
                }
                (told.mobile, SHARED, &["Merci"])
            }
        };
        let text = words[chance.random_range(0..words.len())];
        let word = Word { stop: is_stopper(&from), from, to, text };
        let gate = if chance.random_bool(0.5) { &channels.first } else { &channels.second };
        if gate.write(&word.from, word.to, word.text) {
            world.books.write(word);
        }
    }
}

/// Everything that was written is in the feed, which has nothing else, and who wants no more is on the list.
pub async fn were_heard(world: &World, heard: &[Value]) {
    let written = world.books.written();
    let words: HashMap<&str, &Word> = written.iter().map(|word| (&*word.from, word)).collect();
    let mut missing: HashSet<&str> = words.keys().copied().collect();
    for sms in heard {
        let from = sms["from"].as_str().unwrap_or_default();
        let fits = |word: &&Word| sms["to"] == word.to && sms["text"] == word.text && sms["stop"] == word.stop;
        if words.get(from).is_some_and(fits) {
            missing.remove(from);
        } else {
            world.books.wrong(format!("an SMS was heard that nobody wrote: {sms}"));
        }
    }
    for from in missing {
        let word = words.get(from);
        world.books.wrong(format!("the SMSC was told that it was heard, and it is not in the feed: {word:?}"));
    }
    let (count, times) = (written.len(), heard.len());
    let stopped: Vec<String> = written.into_iter().filter(|word| word.stop).map(|word| word.from).collect();
    eprintln!("crash: citizens wrote {count} SMS, heard {times} times; {} of them asked to stop", stopped.len());
    let on_list = async |from: String| {
        let path = format!("/v1/suppressions?recipient=mobile:%2B{}", from.trim_start_matches('+'));
        let found = world.get(&path).await;
        if !found.as_ref().is_some_and(|found| found.body["suppressions"][0]["channel"] == "sms") {
            let found = found.map(|found| found.text);
            world.books.wrong(format!("{from} asked to stop and is not on the list: {found:?}"));
        }
    };
    stream::iter(stopped).map(on_list).buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
}
