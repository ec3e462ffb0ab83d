//! What channels tell later: receipts are matched with their attempts, and parked where there is none.
use std::collections::HashMap;
use std::sync::Arc;

use actix::{Handler, Message};
use tokio::sync::oneshot;

use super::Supervisor;
use super::aftermath::Aftermath;
use crate::domain::channel::Channel;
use crate::domain::id::{AttemptRef, MessageId};
use crate::domain::life::{self, Context as Situation, Outcome, State};
use crate::domain::receipt::{About, Receipt};
use crate::messages::{Hear, Receive, Refused};
use crate::ports::{Entry, Loaded};

impl Supervisor {
    /// Receipts that came before the answer that names their attempt.
    pub(super) fn unpark(&self, channel: Channel, references: Vec<(AttemptRef, Box<str>)>) {
        let mut receipts = Vec::new();
        for (attempt, reference) in references {
            for mut receipt in self.parts.archive.parked(channel, &reference) {
                receipt.about = About::Attempt(attempt);
                receipts.push(receipt);
            }
        }
        if !receipts.is_empty() {
            let (recorded, _) = oneshot::channel();
            self.match_receipts(receipts, recorded);
        }
    }

    /// Finds the attempts and messages that receipts are about.
    pub(super) fn match_receipts(&self, receipts: Vec<Receipt>, recorded: oneshot::Sender<Result<(), Refused>>) {
        let (archive, me) = (Arc::clone(&self.parts.archive), self.parts.me.clone());
        actix_rt::spawn(async move {
            let mut found = Vec::with_capacity(receipts.len());
            let mut unmatched = Vec::new();
            for receipt in receipts {
                let attempt = match &receipt.about {
                    About::Attempt(attempt) => Ok(Some(*attempt)),
                    About::ChannelReference(reference) => archive.attempt_of(receipt.channel, reference.clone()).await,
                };
                match attempt {
                    Ok(Some(attempt)) => found.push((attempt, receipt)),
                    Ok(None) => unmatched.push(receipt),
                    Err(error) => {
                        let _ = recorded.send(Err(error.into()));
                        return;
                    }
                }
            }
            let loaded = match archive.load(found.iter().map(|(attempt, _)| attempt.message).collect()).await {
                Ok(loaded) => loaded,
                Err(error) => {
                    let _ = recorded.send(Err(error.into()));
                    return;
                }
            };
            let mut matched = Vec::with_capacity(found.len());
            for ((attempt, receipt), loaded) in found.into_iter().zip(loaded) {
                match loaded {
                    Some(loaded) => matched.push((attempt, receipt, loaded)),
                    None => unmatched.push(receipt),
                }
            }
            // Told by the lost reply when it is being replaced: the channel will say it again.
            let _ = me.tell(ReceiveLoaded { matched, unmatched, recorded: Some(recorded) });
        });
    }
}

/// Loaded for [`Receive`]: the receipts with their attempts and messages.
#[derive(Message)]
#[rtype(result = "()")]
struct ReceiveLoaded {
    matched: Vec<(AttemptRef, Receipt, Loaded)>,
    unmatched: Vec<Receipt>,
    recorded: Option<oneshot::Sender<Result<(), Refused>>>,
}

impl Handler<Receive> for Supervisor {
    type Result = ();

    fn handle(&mut self, receive: Receive, _: &mut Self::Context) {
        self.match_receipts(receive.receipts, receive.recorded);
    }
}

impl Handler<ReceiveLoaded> for Supervisor {
    type Result = ();

    fn handle(&mut self, received: ReceiveLoaded, _: &mut Self::Context) {
        let mut after = Aftermath::default();
        let mut entries = Vec::new();
        // One after the other: two receipts of a batch may be about the same message.
        let mut states: HashMap<MessageId, State> = HashMap::new();
        for (attempt, receipt, loaded) in &received.matched {
            let id = attempt.message;
            let state =
                states.entry(id).or_insert_with(|| self.parts.journal.live(id).unwrap_or_else(|| loaded.state.clone()));
            let outcome = Outcome::Is(receipt.status, receipt.channel_reference.clone());
            let before = state.clone();
            let (step, retry) = (attempt.step, attempt.retry);
            let run = |now: &Situation<'_>| life::outcome(&before, now, step, retry, outcome);
            let changes = self.decide(&loaded.envelope, Some(receipt.channel), run);
            state.apply_all(&changes);
            entries.extend(self.decide_all(std::iter::once((&loaded.envelope, before, changes)), &mut after));
        }
        let by_reference = |receipt: &Receipt| match &receipt.about {
            About::ChannelReference(reference) => Some((receipt.channel, reference.clone())),
            About::Attempt(_) => None,
        };
        let parked: Vec<_> = received.unmatched.iter().filter_map(by_reference).collect();
        entries.extend(received.unmatched.into_iter().map(Entry::Park));
        let tell = |recorded: Option<oneshot::Sender<_>>, told: Result<(), Refused>| {
            if let Some(recorded) = recorded {
                let _ = recorded.send(told);
            }
        };
        let recorded = received.recorded;
        if entries.is_empty() {
            tell(recorded, Ok(()));
            return;
        }
        let me = self.parts.me.clone();
        self.append(entries, after, move |after, committed| {
            match &committed {
                Ok(()) => after.committed(None),
                Err(_) => after.failed(),
            }
            if parked.is_empty() || committed.is_err() {
                tell(recorded, committed);
            } else {
                // When it is being replaced, the lost reply tells: the channel says it again.
                let _ = me.tell(LookAgain { parked, recorded });
            }
        });
    }
}

/// These were parked: their attempt may have been named in the meantime.
#[derive(Message)]
#[rtype(result = "()")]
struct LookAgain {
    parked: Vec<(Channel, Box<str>)>,
    recorded: Option<oneshot::Sender<Result<(), Refused>>>,
}

impl Handler<LookAgain> for Supervisor {
    type Result = ();

    /// The answer that names an attempt may have been recorded while its receipt was looked for and not found yet: both are
    /// durable now, so one look decides.
    fn handle(&mut self, LookAgain { parked, recorded }: LookAgain, _: &mut Self::Context) {
        let (archive, me) = (Arc::clone(&self.parts.archive), self.parts.me.clone());
        actix_rt::spawn(async move {
            let mut receipts = Vec::new();
            for (channel, reference) in parked {
                match archive.attempt_of(channel, reference.clone()).await {
                    Ok(Some(_)) => receipts.extend(archive.parked(channel, &reference)),
                    Ok(None) => {}
                    Err(error) => tracing::error!(%error, "a parked receipt can't be looked up; it stays parked"),
                }
            }
            let Some(recorded) = recorded else { return };
            if receipts.is_empty() {
                let _ = recorded.send(Ok(()));
            } else {
                let _ = me.tell(Receive { receipts, recorded });
            }
        });
    }
}

impl Handler<Hear> for Supervisor {
    type Result = ();

    fn handle(&mut self, Hear { heard, recorded }: Hear, _: &mut Self::Context) {
        let entries = heard.into_iter().map(|(institution, heard)| Entry::Heard(institution, heard)).collect();
        self.append(entries, Aftermath::default(), move |_, committed| {
            let _ = recorded.send(committed);
        });
    }
}
