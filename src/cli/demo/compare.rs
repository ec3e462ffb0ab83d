//! What the journal says beside what the channels received: a table by channel and status, three
//! receipts with their trail, and every difference.
use std::collections::{BTreeMap, HashMap};

use anyhow::Context;
use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};
use estafette_actors::domain::channel::Channel;
use estafette_actors::domain::fact::Change;
use estafette_actors::domain::id::{AttemptRef, BroadcastId, MessageId};
use estafette_actors::domain::life::State;
use serde_json::Value;

use super::setup::Stage;

/// Every row of the broadcasts with its state.
struct Rows(HashMap<MessageId, (State, Channel)>);

/// Shows all, and tells whether journal and ledgers agree.
pub async fn show(stage: &Stage, broadcasts: &[String]) -> anyhow::Result<bool> {
    // Receipts that are on their way change statuses, not what was taken; give them a moment.
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    let rows = read(stage, broadcasts).await?;
    table(&rows);
    trails(stage, &rows).await?;
    differences(stage, &rows).await
}

async fn read(stage: &Stage, broadcasts: &[String]) -> anyhow::Result<Rows> {
    let archive = stage.broker().archive();
    let mut rows = HashMap::new();
    for id in broadcasts {
        let id: BroadcastId = id.parse()?;
        let view = archive.broadcast(None, id).await?.context("the broadcast is not in the journal")?;
        for n in 0..view.chunks {
            for row in archive.report(id.chunk(n)).await? {
                let step = row.state.tracks.first().map_or(0, |track| track.step);
                let channel = view.broadcast.strategy.step(step).map_or(Channel::SMS, |step| step.channel);
                rows.insert(row.id, (row.state, channel));
            }
        }
    }
    Ok(Rows(rows))
}

fn table(rows: &Rows) {
    let mut counts: BTreeMap<(Channel, &'static str), u64> = BTreeMap::new();
    for (state, channel) in rows.0.values() {
        *counts.entry((*channel, state.status().as_str())).or_default() += 1;
    }
    let mut table = Table::new();
    table.load_preset(UTF8_FULL_CONDENSED).set_header(["Channel", "Status", "Recipients"]);
    for ((channel, status), count) in counts {
        table.add_row([channel.to_string(), status.to_owned(), count.to_string()]);
    }
    println!("{table}");
}

/// One receipt of each channel, where there is one.
async fn trails(stage: &Stage, rows: &Rows) -> anyhow::Result<()> {
    for wanted in [Channel::GOVAPP, Channel::SMS, Channel::EBOX] {
        let best = |(_, (state, channel)): &(&MessageId, &(State, Channel))| {
            if *channel == wanted { state.best_rank() } else { 0 }
        };
        let Some((id, _)) = rows.0.iter().filter(|row| best(row) > 0).max_by_key(best) else { continue };
        let Some(view) = stage.broker().archive().message(None, *id).await? else { continue };
        println!("\nReceipt of {id} ({wanted}): {}", view.state.status().as_str());
        for fact in &view.facts {
            if let Some(said) = told(&fact.change) {
                println!("  {}  {said}", fact.at);
            }
        }
    }
    println!();
    Ok(())
}

/// A fact in a few words; nothing for those that say nothing to people.
fn told(change: &Change) -> Option<String> {
    Some(match change {
        Change::Accepted | Change::Started => "accepted".to_owned(),
        Change::Queued { step, channel, .. } => format!("waits for step {step} ({channel})"),
        Change::Skipped { channel, failure, .. } => format!("{channel} left out: {}", failure.as_str()),
        Change::Began { channel, possible_duplicate, .. } => {
            format!("attempt at {channel} begins{}", if *possible_duplicate { " (possible duplicate)" } else { "" })
        }
        Change::Moved { status, .. } => status.as_str().to_owned(),
        Change::Settled { status } => format!("settled: {}", status.as_str()),
        Change::Noted { status, .. } => format!("noted, a contradiction: {}", status.as_str()),
        Change::Returned { .. } => "the channel asked to slow down".to_owned(),
        Change::Resent { .. } => "outcome unknown: sent again".to_owned(),
        _ => return None,
    })
}

/// Compares each ledger with the journal, both ways.
async fn differences(stage: &Stage, rows: &Rows) -> anyhow::Result<bool> {
    let mut table = Table::new();
    let header = ["Channel", "Journal: taken", "Ledger", "Missing there", "Unknown here", "Unmarked duplicates"];
    table.load_preset(UTF8_FULL_CONDENSED).set_header(header);
    let mut agree = true;
    for channel in [Channel::GOVAPP, Channel::SMS, Channel::EBOX] {
        let ledger = ledger(stage, channel).await?;
        let (mut unknown, mut duplicates) = (0, 0);
        for (attempt, entries) in &ledger {
            let known = rows.0.get(&attempt.message);
            if known.is_none() && !stage.knows(attempt.message).await? {
                unknown += 1;
            }
            duplicates += u64::from(entries.times > 1 && !entries.marked);
        }
        let (mut taken, mut missing) = (0, 0);
        for (id, (state, at)) in &rows.0 {
            let tried = state.attempts.iter().filter(|tried| *at == channel && tried.status.rank() > 0);
            let current = state.tracks.first().map(|track| track.step);
            for tried in tried.filter(|tried| Some(tried.step) == current) {
                taken += 1;
                let attempt = AttemptRef { message: *id, step: tried.step, retry: tried.retry };
                missing += u64::from(!ledger.contains_key(&attempt));
            }
        }
        agree &= missing == 0 && unknown == 0 && duplicates == 0;
        let numbers = [taken, ledger.len() as u64, missing, unknown, duplicates].map(|number| number.to_string());
        table.add_row(std::iter::once(channel.to_string()).chain(numbers));
    }
    let waiting = rows.0.values().filter(|(state, _)| state.settled.is_none() && state.wait_reason().is_none()).count();
    println!("{table}");
    println!("{}", if agree && waiting == 0 { "Journal and ledgers agree." } else { "Journal and ledgers DIFFER." });
    Ok(agree && waiting == 0)
}

/// What a ledger holds of one attempt.
#[derive(Default)]
struct Entries {
    times: u64,
    marked: bool,
}

async fn ledger(stage: &Stage, channel: Channel) -> anyhow::Result<HashMap<AttemptRef, Entries>> {
    let mut found: HashMap<AttemptRef, Entries> = HashMap::new();
    let mut after = 0;
    loop {
        let url = format!("{}/{channel}?after={after}&limit=1000", stage.ledgers);
        let page: Value = stage.http.get(&url).send().await?.error_for_status()?.json().await?;
        let entries = page["entries"].as_array().context("the ledger is not in its form")?;
        for entry in entries {
            let reference = entry["reference"].as_str().unwrap_or_default();
            // What is not ours would be a message that nobody accepted.
            let attempt = reference.parse().with_context(|| format!("{channel} got a reference that is not ours"))?;
            let entry_of = found.entry(attempt).or_default();
            entry_of.times += 1;
            entry_of.marked |= entry["possible_duplicate"].as_bool().unwrap_or(false);
            after = entry["sequence"].as_u64().unwrap_or(after).max(after);
        }
        if entries.is_empty() {
            return Ok(found);
        }
    }
}
