//! Receipts that match nothing yet: kept for a stated time, or until what they say is durable.
//!
//! They are found as soon as they are appended: the attempt that they are about may be told of in
//! the next batch. Looking one up doesn't take it out: a crash before its facts are durable would
//! lose it. After a crash one may come back that was let go; a receipt that comes twice changes
//! nothing.
use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::Mutex;
use std::time::Duration;

use estafette_actors::domain::channel::Channel;
use estafette_actors::domain::receipt::{About, Receipt};
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::Ticket;

use super::lock;

type Key = (Channel, Box<str>);

/// What the flusher has to write.
#[derive(Debug, Default)]
pub struct Unwritten {
    /// New ones.
    pub added: BTreeMap<u64, (Timestamp, Receipt)>,
    /// Those taken out or too old.
    pub removed: Vec<u64>,
}

#[derive(Debug, Default)]
struct Held {
    by_ticket: BTreeMap<u64, (Timestamp, Receipt)>,
    by_key: HashMap<Key, Vec<u64>>,
    unwritten: Unwritten,
    next: u64,
}

/// See the head of this file.
#[derive(Debug)]
pub struct Parked {
    held: Mutex<Held>,
    limit: usize,
}

fn key(receipt: &Receipt) -> Key {
    let reference = match &receipt.about {
        About::ChannelReference(reference) => reference.clone(),
        About::Attempt(attempt) => attempt.to_string().into(),
    };
    (receipt.channel, reference)
}

impl Held {
    fn insert(&mut self, ticket: u64, at: Timestamp, receipt: Receipt) {
        self.by_key.entry(key(&receipt)).or_default().push(ticket);
        self.by_ticket.insert(ticket, (at, receipt));
        self.next = self.next.max(ticket + 1);
    }

    fn remove(&mut self, ticket: Ticket) {
        let Some((_, receipt)) = self.by_ticket.remove(&ticket) else { return };
        let key = key(&receipt);
        if let Some(tickets) = self.by_key.get_mut(&key) {
            tickets.retain(|other| *other != ticket);
            if tickets.is_empty() {
                self.by_key.remove(&key);
            }
        }
        if self.unwritten.added.remove(&ticket).is_none() {
            self.unwritten.removed.push(ticket);
        }
    }
}

impl Parked {
    /// None yet, and never more than `limit`.
    pub fn new(limit: usize) -> Self {
        Self { held: Mutex::default(), limit: limit.max(1) }
    }

    /// Puts back one that was on disk.
    pub fn restore(&self, ticket: u64, at: Timestamp, receipt: Receipt) {
        lock(&self.held).insert(ticket, at, receipt);
    }

    /// Parks a receipt; the oldest goes when there are too many.
    pub fn park(&self, at: Timestamp, receipt: Receipt) {
        let mut held = lock(&self.held);
        if held.by_ticket.len() >= self.limit
            && let Some(oldest) = held.by_ticket.keys().next().copied()
        {
            held.remove(oldest);
        }
        let ticket = held.next;
        held.unwritten.added.insert(ticket, (at, receipt.clone()));
        held.insert(ticket, at, receipt);
    }

    /// Those under a channel's own reference.
    pub fn under(&self, channel: Channel, reference: &str) -> Vec<(Ticket, Receipt)> {
        let held = lock(&self.held);
        let tickets = held.by_key.get(&(channel, Box::from(reference))).into_iter().flatten();
        tickets.filter_map(|ticket| Some((*ticket, held.by_ticket.get(ticket)?.1.clone()))).collect()
    }

    /// Those after a ticket, the oldest first.
    pub fn after(&self, after: Option<Ticket>, limit: usize) -> Vec<(Ticket, Receipt)> {
        let held = lock(&self.held);
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let some = held.by_ticket.range((from, Bound::Unbounded)).take(limit);
        some.map(|(ticket, (_, receipt))| (*ticket, receipt.clone())).collect()
    }

    /// Lets these go.
    pub fn remove(&self, tickets: &[Ticket]) {
        let mut held = lock(&self.held);
        for ticket in tickets {
            held.remove(*ticket);
        }
    }

    /// Lets those go that were kept for long enough.
    pub fn expire(&self, now: Timestamp, keep: Duration) {
        let mut held = lock(&self.held);
        while let Some((ticket, at)) = held.by_ticket.iter().next().map(|(ticket, (at, _))| (*ticket, *at)) {
            if at.plus(keep) > now {
                break;
            }
            held.remove(ticket);
        }
    }

    /// What is to be written now.
    pub fn unwritten(&self) -> Unwritten {
        std::mem::take(&mut lock(&self.held).unwritten)
    }

    /// How many.
    pub fn len(&self) -> usize {
        lock(&self.held).by_ticket.len()
    }
}
