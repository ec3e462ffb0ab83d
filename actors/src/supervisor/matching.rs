//! Finds the attempts and messages that receipts are about, off the supervisor's mailbox.
//!
//! Invariant: a receipt that was taken is matched or parked, and a parked one is matched as soon as
//! its attempt is known, whichever is on disk first. It decides nothing: the supervisor does, of
//! what was found.
use std::time::Duration;

use tokio::sync::oneshot;

use super::Parts;
use super::receipts::ReceiveLoaded;
use crate::domain::id::AttemptRef;
use crate::domain::receipt::{About, Receipt};
use crate::messages::Refused;
use crate::ports::{Loaded, Ticket};

/// Parked receipts that are looked at together.
const PAGE: usize = 256;
/// Tries to say what a parked receipt is about, while the supervisor is busy or being replaced. What
/// is not said then is found at the next start.
const TRIES: u32 = 100;
/// The pause between two of them.
const PAUSE: Duration = Duration::from_millis(50);

type Recorded = Result<(), Refused>;

/// Receipts with what they are about, and the tickets of those that were parked.
#[derive(Default)]
struct Found {
    matched: Vec<(AttemptRef, Receipt, Loaded)>,
    unmatched: Vec<Receipt>,
    tickets: Vec<Ticket>,
}

impl Found {
    /// What follows from them, once it is durable; none when the supervisor was lost meanwhile.
    async fn tell(self, parts: &Parts) -> Option<Recorded> {
        let (recorded, done) = oneshot::channel();
        let Self { matched, unmatched, tickets } = self;
        match parts.me.tell(ReceiveLoaded { matched, unmatched, tickets, recorded }) {
            Ok(()) => done.await.ok(),
            Err(refused) => Some(Err(refused)),
        }
    }

    fn leave(&mut self, ticket: Option<Ticket>, receipt: Receipt) {
        if ticket.is_none() {
            self.unmatched.push(receipt);
        }
    }
}

/// A channel said these.
pub async fn heard(parts: Parts, receipts: Vec<Receipt>, recorded: oneshot::Sender<Recorded>) {
    let found = match found(&parts, receipts.into_iter().map(|receipt| (None, receipt)).collect()).await {
        Ok(found) => found,
        Err(refused) => {
            let _ = recorded.send(Err(refused));
            return;
        }
    };
    let unmatched = found.unmatched.clone();
    // Told by the lost reply when the supervisor is being replaced: the channel will say it again.
    let Some(told) = found.tell(&parts).await else { return };
    let is_parked = told.is_ok();
    // The channel may have hung up.
    let _ = recorded.send(told);
    if is_parked {
        again(&parts, &unmatched).await;
    }
}

/// These were parked; those whose attempts are known now are let go once that is durable.
pub async fn parked(parts: Parts, receipts: Vec<(Ticket, Receipt)>) {
    for _ in 0..TRIES {
        let receipts = receipts.iter().map(|(ticket, receipt)| (Some(*ticket), receipt.clone())).collect();
        let told = match found(&parts, receipts).await {
            Ok(found) if found.matched.is_empty() => return,
            Ok(found) => found.tell(&parts).await,
            Err(refused) => Some(Err(refused)),
        };
        match told {
            Some(Ok(())) => return,
            Some(Err(error)) => tracing::warn!(%error, "a parked receipt can't be matched yet"),
            None => {}
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// At the start of a generation: all that are parked, in pages.
pub async fn left_over(parts: Parts) {
    let mut after = None;
    loop {
        let page = parts.archive.parked_after(after, PAGE);
        let Some((last, _)) = page.last() else { return };
        after = Some(*last);
        parked(parts.clone(), page).await;
    }
}

/// The attempt may have become known while its receipt was on its way to be parked. Now that the
/// parking is on disk, so is all that came before it; and what comes after finds the receipt.
async fn again(parts: &Parts, unmatched: &[Receipt]) {
    for receipt in unmatched {
        if let About::ChannelReference(reference) = &receipt.about {
            parked(parts.clone(), parts.archive.parked(receipt.channel, reference)).await;
        }
    }
}

/// Those that were parked and match nothing stay as they are.
async fn found(parts: &Parts, receipts: Vec<(Option<Ticket>, Receipt)>) -> Result<Found, Refused> {
    let archive = &parts.archive;
    let mut found = Found::default();
    let mut known = Vec::with_capacity(receipts.len());
    let named = receipts.iter().filter_map(|(_, receipt)| match &receipt.about {
        About::Attempt(_) => None,
        About::ChannelReference(reference) => Some((receipt.channel, reference.clone())),
    });
    let named: Vec<_> = named.collect();
    // All of them at once: each look is a turn of another thread.
    let attempts = if named.is_empty() { Vec::new() } else { archive.attempts_of(named).await? };
    let mut attempts = attempts.into_iter();
    for (ticket, receipt) in receipts {
        let attempt = match &receipt.about {
            About::Attempt(attempt) => Some(*attempt),
            About::ChannelReference(_) => attempts.next().flatten(),
        };
        match attempt {
            Some(attempt) => known.push((ticket, attempt, receipt)),
            None => found.leave(ticket, receipt),
        }
    }
    let loaded = archive.load(known.iter().map(|(_, attempt, _)| attempt.message).collect()).await?;
    for ((ticket, attempt, receipt), loaded) in known.into_iter().zip(loaded) {
        match loaded {
            Some(loaded) => {
                found.matched.push((attempt, receipt, loaded));
                found.tickets.extend(ticket);
            }
            None => found.leave(ticket, receipt),
        }
    }
    Ok(found)
}
