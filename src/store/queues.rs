//! What waits, in memory: places in queues that are durable in the feed and not yet written to
//! the agenda, how much waits in each queue, and which queues were added to of late.
//!
//! All places that one commit gives in a queue appear together, so that a reader that goes on
//! behind the last place it saw never leaves one out. A queue stands in the news once places can be read.
//!
//! Memory: an entry for each queue that is not empty, that is for each broadcast under way at a channel and each sender
//! with single messages there; never one for a message that is written.
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Mutex;

use estafette_actors::domain::channel::Channel;
use estafette_actors::domain::submission::{Institution, Lane};
use estafette_actors::ports::{Depth, News, Position, Queue};

use super::lock;

/// A place in a queue.
pub type Place = (Position, u128);

/// A change of the places in memory.
#[derive(Clone, Copy, Debug)]
pub enum Move {
    /// Now waits here.
    In(Queue, Place),
    /// Waits here no more, or is on disk by now.
    Out(Queue, Place),
}

/// How much waits in a queue, and where it stands in the news.
#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    messages: i64,
    /// 0 for nowhere.
    stamp: u64,
}

/// Queues that are not empty.
#[derive(Debug, Default)]
struct Waiting {
    entries: HashMap<Queue, Entry>,
    /// The same in sum, over the flows of a sender.
    sums: HashMap<(Channel, Lane, Institution), i64>,
    /// By when they were added to.
    news: BTreeMap<(Channel, u64), Queue>,
    stamps: u64,
}

impl Waiting {
    fn add(&mut self, queue: Queue, delta: i64) {
        let sum = self.sums.entry((queue.channel, queue.lane, queue.institution)).or_default();
        *sum += delta;
        if *sum == 0 {
            self.sums.remove(&(queue.channel, queue.lane, queue.institution));
        }
        let entry = self.entries.entry(queue).or_default();
        let before = entry.messages;
        entry.messages += delta;
        let (now, stamp) = (entry.messages, entry.stamp);
        if now == 0 {
            self.entries.remove(&queue);
        }
        if now <= 0 && stamp > 0 {
            self.news.remove(&(queue.channel, stamp));
            if let Some(entry) = self.entries.get_mut(&queue) {
                entry.stamp = 0;
            }
        }
        if before <= 0 && now > 0 {
            self.announce(queue);
        }
    }

    /// Something can be read there.
    fn announce(&mut self, queue: Queue) {
        let Some(entry) = self.entries.get_mut(&queue).filter(|entry| entry.messages > 0) else { return };
        self.stamps += 1;
        let old = std::mem::replace(&mut entry.stamp, self.stamps);
        self.news.remove(&(queue.channel, old));
        self.news.insert((queue.channel, self.stamps), queue);
    }
}

/// See the head of this file.
#[derive(Debug, Default)]
pub struct Queues {
    fresh: Mutex<HashMap<Queue, BTreeSet<Place>>>,
    waiting: Mutex<Waiting>,
}

impl Queues {
    /// Does all moves at once.
    pub fn change(&self, moves: &[Move]) {
        if moves.is_empty() {
            return;
        }
        let mut fresh = lock(&self.fresh);
        for change in moves {
            match change {
                Move::In(queue, place) => {
                    fresh.entry(*queue).or_default().insert(*place);
                }
                Move::Out(queue, place) => {
                    if let Some(places) = fresh.get_mut(queue) {
                        places.remove(place);
                        if places.is_empty() {
                            fresh.remove(queue);
                        }
                    }
                }
            }
        }
        drop(fresh);
        let mut waiting = lock(&self.waiting);
        let mut last = None;
        for change in moves {
            // A commit brings many to one queue, as a rule.
            if let Move::In(queue, _) = change
                && last.replace(*queue) != Some(*queue)
            {
                waiting.announce(*queue);
            }
        }
    }

    /// Places at or after `from`, at most `limit`.
    pub fn fresh(&self, queue: &Queue, from: Place, limit: usize) -> Vec<Place> {
        let fresh = lock(&self.fresh);
        fresh.get(queue).map(|places| places.range(from..).take(limit).copied().collect()).unwrap_or_default()
    }

    /// Adds to depths.
    pub fn add(&self, deltas: impl IntoIterator<Item = (Queue, i64)>) {
        let mut waiting = lock(&self.waiting);
        for (queue, delta) in deltas.into_iter().filter(|(_, delta)| *delta != 0) {
            waiting.add(queue, delta);
        }
    }

    /// How much waits, by channel, lane and sender.
    pub fn depths(&self) -> Vec<Depth> {
        let waiting = lock(&self.waiting);
        let full = waiting.sums.iter().filter(|(_, messages)| **messages > 0);
        full.map(|((channel, lane, institution), messages)| Depth {
            channel: *channel,
            lane: *lane,
            institution: *institution,
            messages: *messages as u64,
        })
        .collect()
    }

    /// The queues of a channel that are not empty and were added to after an earlier look.
    pub fn news(&self, channel: Channel, after: u64) -> News {
        let waiting = lock(&self.waiting);
        let queues =
            waiting.news.range((channel, after.saturating_add(1))..=(channel, u64::MAX)).map(|(_, queue)| *queue);
        News { queues: queues.collect(), until: waiting.stamps }
    }

    /// Whether anything waits in a queue.
    pub fn waits(&self, queue: &Queue) -> bool {
        lock(&self.waiting).entries.get(queue).is_some_and(|entry| entry.messages > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use estafette_actors::ports::Flow;

    fn queue(flow: u32) -> Queue {
        let institution = super::super::layout::institution_of(403_019_261);
        Queue { channel: Channel::SMS, lane: Lane::Bulk, institution, flow: Flow(flow) }
    }

    #[test]
    fn news_tells_of_a_queue_once_and_again_when_it_is_added_to() {
        let queues = Queues::default();
        queues.add([(queue(1), 2), (queue(2), 1)]);
        let first = queues.news(Channel::SMS, 0);
        assert_eq!(first.queues, [queue(1), queue(2)]);
        assert_eq!(queues.news(Channel::SMS, first.until).queues, []);
        assert_eq!(queues.news(Channel::GOVAPP, 0).queues, []);
        queues.change(&[Move::In(queue(1), (5, 1)), Move::In(queue(1), (5, 2))]);
        let second = queues.news(Channel::SMS, first.until);
        assert_eq!(second.queues, [queue(1)]);
        // Whoever begins anew hears of all, each once.
        assert_eq!(queues.news(Channel::SMS, 0).queues, [queue(2), queue(1)]);
    }

    #[test]
    fn nothing_is_kept_of_a_queue_that_ran_empty() {
        let queues = Queues::default();
        for flow in 1..=10_000 {
            queues.add([(queue(flow), 3)]);
        }
        assert_eq!(queues.depths().iter().map(|depth| depth.messages).collect::<Vec<_>>(), [30_000]);
        for flow in 1..=10_000 {
            queues.add([(queue(flow), -3)]);
            queues.change(&[Move::In(queue(flow), (1, 1)), Move::Out(queue(flow), (1, 1))]);
        }
        let waiting = lock(&queues.waiting);
        assert!(waiting.entries.is_empty() && waiting.sums.is_empty() && waiting.news.is_empty());
        assert!(lock(&queues.fresh).is_empty());
    }
}
