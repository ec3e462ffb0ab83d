//! What waits, in memory: places in queues that are durable in the feed and not yet written to
//! the agenda, and how much waits in each queue.
//!
//! All places that one commit gives in a queue appear together, so that a reader that goes on
//! behind the last place it saw never leaves one out.
use std::collections::{BTreeSet, HashMap};
use std::sync::Mutex;

use estafette_actors::domain::channel::Channel;
use estafette_actors::ports::{Depth, Position, Queue};

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

/// See the head of this file.
#[derive(Debug, Default)]
pub struct Queues {
    fresh: Mutex<HashMap<Queue, BTreeSet<Place>>>,
    depth: Mutex<HashMap<Queue, i64>>,
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
    }

    /// Places at or after `from`, at most `limit`.
    pub fn fresh(&self, queue: &Queue, from: Place, limit: usize) -> Vec<Place> {
        let fresh = lock(&self.fresh);
        fresh.get(queue).map(|places| places.range(from..).take(limit).copied().collect()).unwrap_or_default()
    }

    /// Adds to depths.
    pub fn add(&self, deltas: impl IntoIterator<Item = (Queue, i64)>) {
        let mut depth = lock(&self.depth);
        for (queue, delta) in deltas {
            let here = depth.entry(queue).or_default();
            *here += delta;
            if *here == 0 {
                depth.remove(&queue);
            }
        }
    }

    /// Every queue that is not empty.
    pub fn depths(&self) -> Vec<Depth> {
        let depth = lock(&self.depth);
        depth
            .iter()
            .filter(|(_, messages)| **messages > 0)
            .map(|(queue, messages)| Depth { queue: *queue, messages: *messages as u64 })
            .collect()
    }

    /// The queues of a channel that are not empty.
    pub fn of(&self, channel: Channel) -> Vec<Queue> {
        let depth = lock(&self.depth);
        let mut queues: Vec<Queue> = depth
            .iter()
            .filter(|(queue, messages)| queue.channel == channel && **messages > 0)
            .map(|(queue, _)| *queue)
            .collect();
        queues.sort_unstable();
        queues
    }
}
