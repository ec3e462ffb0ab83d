//! What the journal says beside what the channels received: a table by channel and status, three
//! receipts with their trail, and every difference.
//!
//! Invariant: the verdict can fail. A row that waits for anything but a receipt, a letter that came twice and that the
//! journal doesn't mark, a channel to which nothing was sent although recipients asked for it: each is a fault.
use std::collections::{BTreeMap, HashMap};

use anyhow::Context;
use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};
use estafette_actors::domain::channel::Channel;
use estafette_actors::domain::fact::Change;
use estafette_actors::domain::id::{AttemptRef, BroadcastId, MessageId};
use estafette_actors::domain::life::State;
use estafette_actors::domain::status::WaitReason;
use estafette_actors::ports::AttemptView;
use serde::Serialize;

use super::ledger;
use super::setup::Stage;

/// From so many recipients on each channel of a part must have had something; of fewer, chance may let all be reached
/// over one.
const MANY: usize = 50;

/// A part of the recipients, and the channels that it asks for.
pub struct Asked {
    /// Its broadcast.
    pub broadcast: String,
    /// How many recipients it has.
    pub rows: usize,
    /// The channels.
    pub channels: &'static [Channel],
}

/// Every row of the broadcasts with its state.
struct Rows(HashMap<MessageId, (State, Channel)>);

/// A channel's ledger beside the journal.
#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Tally {
    /// Attempts that the channel took, by the journal.
    taken: u64,
    /// Attempts in the ledger.
    ledger: u64,
    /// Those of the journal that the ledger lacks.
    missing: u64,
    /// Those of the ledger that the journal lacks.
    unknown: u64,
    /// Those that came more than once and that the journal doesn't mark as possible duplicates.
    unmarked_duplicates: u64,
}

/// What was found.
#[derive(Serialize)]
pub struct Verdict {
    /// Whether nothing is wrong.
    pub agree: bool,
    /// What is wrong.
    faults: Vec<String>,
    channels: BTreeMap<Channel, Tally>,
    statuses: BTreeMap<Channel, BTreeMap<&'static str, u64>>,
}

/// Compares, and shows all when `aloud`.
pub async fn compare(stage: &Stage, asked: &[Asked], aloud: bool) -> anyhow::Result<Verdict> {
    // Receipts that are on their way change statuses, not what was taken; give them a moment.
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    let rows = read(stage, asked).await?;
    let mut channels = BTreeMap::new();
    for channel in [Channel::GOVAPP, Channel::SMS, Channel::EBOX] {
        channels.insert(channel, tally(stage, &rows, channel).await?);
    }
    let faults = faults(&channels, rows.0.values().map(|(state, _)| state), asked);
    let verdict = Verdict { agree: faults.is_empty(), faults, channels, statuses: statuses(&rows) };
    if aloud {
        verdict.show_statuses();
        trails(stage, &rows).await?;
        verdict.show_channels();
    }
    Ok(verdict)
}

/// What is wrong; empty when nothing is.
fn faults<'s>(
    channels: &BTreeMap<Channel, Tally>,
    states: impl IntoIterator<Item = &'s State>,
    asked: &[Asked],
) -> Vec<String> {
    let mut faults = Vec::new();
    for (channel, tally) in channels {
        for (count, what) in [
            (tally.missing, "were taken by the journal and are not in the ledger"),
            (tally.unknown, "are in the ledger and not in the journal"),
            (tally.unmarked_duplicates, "came twice, and the journal does not mark them"),
        ] {
            if count > 0 {
                faults.push(format!("{channel}: {count} {what}"));
            }
        }
    }
    let open = states.into_iter().filter_map(State::wait_reason);
    let stuck = open.filter(|reason| *reason != WaitReason::AwaitingReceipt).count();
    if stuck > 0 {
        faults.push(format!("{stuck} recipients wait for something else than a receipt"));
    }
    let was_used = |channel: &&Channel| channels.get(channel).is_some_and(|tally| tally.taken > 0);
    for part in asked {
        let unused: Vec<&str> = part.channels.iter().filter(|one| !was_used(one)).map(Channel::as_str).collect();
        let is_fault = if part.rows >= MANY { !unused.is_empty() } else { unused.len() == part.channels.len() };
        if is_fault {
            faults.push(format!("nothing was sent over {}, for {} recipients", unused.join(", "), part.rows));
        }
    }
    if asked.iter().all(|part| part.rows == 0) {
        faults.push("there was nobody to send to".to_owned());
    }
    faults
}

async fn read(stage: &Stage, asked: &[Asked]) -> anyhow::Result<Rows> {
    let archive = stage.broker().archive();
    let mut rows = HashMap::new();
    for part in asked {
        let id: BroadcastId = part.broadcast.parse()?;
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

fn statuses(rows: &Rows) -> BTreeMap<Channel, BTreeMap<&'static str, u64>> {
    let mut counts: BTreeMap<Channel, BTreeMap<&'static str, u64>> = BTreeMap::new();
    for (state, channel) in rows.0.values() {
        *counts.entry(*channel).or_default().entry(state.status().as_str()).or_default() += 1;
    }
    counts
}

impl Verdict {
    fn show_statuses(&self) {
        let mut table = Table::new();
        table.load_preset(UTF8_FULL_CONDENSED).set_header(["Channel", "Status", "Recipients"]);
        for (channel, statuses) in &self.statuses {
            for (status, count) in statuses {
                table.add_row([channel.to_string(), (*status).to_owned(), count.to_string()]);
            }
        }
        println!("{table}");
    }

    fn show_channels(&self) {
        let mut table = Table::new();
        let header = ["Channel", "Journal: taken", "Ledger", "Missing there", "Unknown here", "Unmarked duplicates"];
        table.load_preset(UTF8_FULL_CONDENSED).set_header(header);
        for (channel, tally) in &self.channels {
            let Tally { taken, ledger, missing, unknown, unmarked_duplicates } = *tally;
            let numbers = [taken, ledger, missing, unknown, unmarked_duplicates].map(|number| number.to_string());
            table.add_row(std::iter::once(channel.to_string()).chain(numbers));
        }
        println!("{table}");
        for fault in &self.faults {
            println!("{fault}");
        }
        println!("{}", if self.agree { "Journal and ledgers agree." } else { "Journal and ledgers DIFFER." });
    }
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

/// Compares a ledger with the journal, both ways.
async fn tally(stage: &Stage, rows: &Rows, channel: Channel) -> anyhow::Result<Tally> {
    let ledger = match channel {
        Channel::EBOX => ledger::of_mailboxes(stage).await?,
        other => ledger::of_simulator(stage, other).await?,
    };
    let mut tally = Tally { ledger: ledger.len() as u64, ..Tally::default() };
    for (attempt, times) in &ledger {
        if !rows.0.contains_key(&attempt.message) && !stage.knows(attempt.message).await? {
            tally.unknown += 1;
        }
        if *times > 1 && !is_marked(stage, attempt).await? {
            tally.unmarked_duplicates += 1;
        }
    }
    for (id, (state, at)) in &rows.0 {
        let tried = state.attempts.iter().filter(|tried| *at == channel && tried.status.rank() > 0);
        let current = state.tracks.first().map(|track| track.step);
        for tried in tried.filter(|tried| Some(tried.step) == current) {
            tally.taken += 1;
            let attempt = AttemptRef { message: *id, step: tried.step, retry: tried.retry };
            tally.missing += u64::from(!ledger.contains_key(&attempt));
        }
    }
    Ok(tally)
}

/// Whether the journal says of an attempt that it may have been made twice. The channel's own mark would prove nothing:
/// it sees that it has the reference already.
async fn is_marked(stage: &Stage, attempt: &AttemptRef) -> anyhow::Result<bool> {
    let Some(view) = stage.broker().archive().message(None, attempt.message).await? else { return Ok(false) };
    let is_it = |known: &&AttemptView| (known.step, known.retry) == (attempt.step, attempt.retry);
    Ok(view.attempts.iter().find(is_it).is_some_and(|known| known.possible_duplicate))
}

#[cfg(test)]
mod tests {
    use estafette_actors::domain::life::{Phase, Track};
    use estafette_actors::domain::time::Timestamp;

    use super::*;

    fn waiting(phase: Phase) -> State {
        let track = Track { step: 0, retry: 0, channel: Channel::SMS, phase, resends: 0 };
        State { tracks: vec![track], ..State::default() }
    }

    fn used(govapp: u64, sms: u64) -> BTreeMap<Channel, Tally> {
        let tally = |taken| Tally { taken, ledger: taken, ..Tally::default() };
        [(Channel::GOVAPP, tally(govapp)), (Channel::SMS, tally(sms))].into()
    }

    fn citizens(rows: usize) -> [Asked; 1] {
        [Asked { broadcast: String::new(), rows, channels: &[Channel::GOVAPP, Channel::SMS] }]
    }

    #[test]
    fn a_run_in_which_nothing_is_sent_over_a_channel_that_was_asked_for_is_a_fault() {
        let none: [&State; 0] = [];
        assert_eq!(faults(&used(3, 2), none, &citizens(100)), [""; 0]);
        for (channels, rows) in
            [(used(0, 0), 1), (used(0, 0), 100), (used(3, 0), 100), (used(0, 2), MANY), (used(1, 1), 0)]
        {
            let asked = citizens(rows);
            let is_fault = !faults(&channels, none, &asked).is_empty();
            assert!(is_fault, "{channels:?} for {rows}");
        }
        assert_eq!(faults(&used(3, 0), none, &citizens(4)), [""; 0], "four may all have the app");
    }

    #[test]
    fn only_a_receipt_may_be_waited_for_at_the_end() {
        let until = Timestamp::from_millis(1);
        let fine = [waiting(Phase::Awaiting { until }), waiting(Phase::Ended)];
        assert_eq!(faults(&used(3, 2), &fine, &citizens(9)), [""; 0]);
        for stuck in
            [Phase::Attempting, Phase::Queued { not_before: Timestamp::ZERO }, Phase::Queued { not_before: until }]
        {
            assert_eq!(faults(&used(3, 2), [&waiting(stuck)], &citizens(9)).len(), 1, "{stuck:?}");
        }
    }

    #[test]
    fn what_is_missing_unknown_or_came_twice_unmarked_is_a_fault() {
        let none: [&State; 0] = [];
        for wrong in [
            Tally { missing: 1, ..Tally::default() },
            Tally { unknown: 1, ..Tally::default() },
            Tally { unmarked_duplicates: 1, ..Tally::default() },
        ] {
            let mut channels = used(3, 2);
            channels.insert(Channel::SMS, Tally { taken: 2, ..wrong });
            assert_eq!(faults(&channels, none, &citizens(9)).len(), 1, "{wrong:?}");
        }
    }
}
