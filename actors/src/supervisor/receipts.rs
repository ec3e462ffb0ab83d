//! What channels tell later: receipts are matched with their attempts, and parked where there is none.
use std::collections::HashMap;
use std::sync::Arc;

use actix::{Handler, Message};
use tokio::sync::oneshot;

use super::Supervisor;
use super::aftermath::Aftermath;
use super::matching;
use crate::domain::channel::Channel;
use crate::domain::id::{AttemptRef, MessageId};
use crate::domain::life::{self, Context as Situation, Outcome, State};
use crate::domain::receipt::{About, Receipt};
use crate::messages::{Hear, Receive, Refused};
use crate::ports::{Entry, Loaded, Ticket};

impl Supervisor {
    /// Receipts that came before the answer that names their attempt.
    pub(super) fn unpark(&self, channel: Channel, references: Vec<(AttemptRef, Box<str>)>) {
        let mut receipts = Vec::new();
        for (attempt, reference) in references {
            for (ticket, mut receipt) in self.parts.archive.parked(channel, &reference) {
                receipt.about = About::Attempt(attempt);
                receipts.push((ticket, receipt));
            }
        }
        if !receipts.is_empty() {
            actix_rt::spawn(matching::parked(self.parts.clone(), receipts));
        }
    }
}

/// Loaded for [`Receive`]: the receipts with their attempts and messages.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct ReceiveLoaded {
    pub(super) matched: Vec<(AttemptRef, Receipt, Loaded)>,
    pub(super) unmatched: Vec<Receipt>,
    /// Tickets of those that were parked.
    pub(super) tickets: Vec<Ticket>,
    pub(super) recorded: oneshot::Sender<Result<(), Refused>>,
}

impl Handler<Receive> for Supervisor {
    type Result = ();

    fn handle(&mut self, receive: Receive, _: &mut Self::Context) {
        actix_rt::spawn(matching::heard(self.parts.clone(), receive.receipts, receive.recorded));
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
            let mut changes = self.decide(&loaded.envelope, Some(receipt.channel), run);
            self.meter(&loaded.envelope, receipt.channel, &before, &mut changes);
            state.apply_all(&changes);
            if receipt.status.rank() > 1
                && let Some(desk) = self.desk(receipt.channel)
            {
                desk.service.delivered(&loaded.envelope);
            }
            entries.extend(self.decide_all(std::iter::once((&loaded.envelope, before, changes)), &mut after));
        }
        entries.extend(received.unmatched.into_iter().map(Entry::Park));
        // Also when there is nothing new: who told the same before may still wait for its commit, and
        // an empty batch goes behind it.
        let (recorded, tickets, archive) = (received.recorded, received.tickets, Arc::clone(&self.parts.archive));
        self.append(entries, after, move |after, committed| {
            match &committed {
                Ok(()) => {
                    archive.unpark(&tickets);
                    after.committed(None);
                }
                Err(_) => after.failed(),
            }
            // The channel may have hung up.
            let _ = recorded.send(committed);
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
