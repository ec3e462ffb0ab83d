//! What the channels received, as they say it themselves: the simulators' ledgers, and what was told of the program's own mailboxes.
use std::collections::HashMap;
use std::collections::hash_map::Entry;

use anyhow::Context;
use estafette_actors::domain::channel::Channel;
use estafette_actors::domain::id::AttemptRef;
use estafette_actors::domain::mailbox::Audience;
use estafette_actors::domain::mailbox::document::DocumentId;
use estafette_actors::domain::mailbox::event::{Kind, PAGE_MAX};
use serde_json::Value;

use super::setup::Stage;
use crate::channels::mailbox::{is_letter, reference};

/// Look-ups at once.
const LOOKS: usize = 1_000;

/// How often each attempt came to a simulator.
pub async fn of_simulator(stage: &Stage, channel: Channel) -> anyhow::Result<HashMap<AttemptRef, u64>> {
    let mut found: HashMap<AttemptRef, u64> = HashMap::new();
    let mut after = 0;
    loop {
        let url = format!("{}/{channel}?after={after}&limit=1000", stage.ledgers);
        let page: Value = stage.http.get(&url).send().await?.error_for_status()?.json().await?;
        let entries = page["entries"].as_array().context("the ledger is not in its form")?;
        for entry in entries {
            let reference = entry["reference"].as_str().unwrap_or_default();
            // What is not ours would be a message that nobody accepted.
            let attempt = reference.parse().with_context(|| format!("{channel} got a reference that is not ours"))?;
            *found.entry(attempt).or_default() += 1;
            after = entry["sequence"].as_u64().unwrap_or(after).max(after);
        }
        if entries.is_empty() {
            return Ok(found);
        }
    }
}

/// How often mailboxes were told of a document of each attempt.
pub async fn of_mailboxes(stage: &Stage) -> anyhow::Result<HashMap<AttemptRef, u64>> {
    let mailboxes = stage.home.ebox.mailboxes();
    let mut letters: HashMap<DocumentId, bool> = HashMap::new();
    let mut references: HashMap<Box<str>, u64> = HashMap::new();
    for audience in [Audience::Citizen, Audience::Enterprise] {
        let mut after = 0;
        loop {
            let page = mailboxes.events(audience, after, None, PAGE_MAX).await?;
            for event in page.events.iter().filter(|event| event.kind == Kind::NewDocument) {
                let is_ours = match letters.entry(event.document) {
                    Entry::Occupied(known) => *known.get(),
                    Entry::Vacant(unknown) => {
                        let found = mailboxes.document(event.document).await?;
                        *unknown.insert(found.is_some_and(|document| is_letter(&document)))
                    }
                };
                if is_ours {
                    *references.entry(reference(&stage.home, event.document, event.mailbox)).or_default() += 1;
                }
            }
            match page.events.last() {
                Some(last) => after = last.sequence,
                None => break,
            }
        }
    }
    let mut found: HashMap<AttemptRef, u64> = HashMap::new();
    let references: Vec<(Box<str>, u64)> = references.into_iter().collect();
    for some in references.chunks(LOOKS) {
        let named = some.iter().map(|(reference, _)| (Channel::EBOX, reference.clone())).collect();
        let attempts = stage.broker().archive().attempts_of(named).await?;
        for (attempt, (_, times)) in attempts.into_iter().zip(some) {
            let attempt = attempt.context("a mailbox has a letter that no message is of")?;
            *found.entry(attempt).or_default() += times;
        }
    }
    Ok(found)
}
