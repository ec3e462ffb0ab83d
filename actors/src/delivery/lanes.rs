//! What a delivery has in hand and has not asked to begin, and who goes next. Pure: it reads no clock and no disk, so that
//! a simulation drives what runs in production (`lanes/simulation.rs`).
//!
//! Three levels, all counted in parts: urgent before normal before bulk, but for a share of the lower lanes; inside a lane
//! max-min shares between senders; inside a sender between its broadcasts and its single messages together. What a limit
//! keeps back leaves its share to the others.
//!
//! Memory: of each lane a page is in hand, or 8 messages of each sender that waits, whichever is more; besides, 1,024
//! messages of a lane that wait for a recipient's limit. What is more stays on disk.
mod lane;
#[cfg(test)]
mod simulation;

use std::sync::Arc;
use std::time::Duration;

use crate::domain::channel::Channel;
use crate::domain::submission::{self, Envelope, Institution};
use crate::ports::{Cursor, Flow, Queue};
use lane::Lane;

/// Of so many parts, one is kept for each lower lane while the upper lanes are never empty.
const LOWER_LANE_SHARE: i64 = 32;

/// A time on a clock that is never set: since some beginning.
pub type Moment = Duration;

/// Whether a message may go now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It goes.
    Go,
    /// Nothing of its sender may go before then.
    SenderWaits(Moment),
    /// Nothing to its recipient may go before then.
    RecipientWaits(Moment),
}

/// A message in hand.
#[derive(Clone, Debug)]
pub struct Held {
    /// Its record.
    pub envelope: Arc<Envelope>,
    /// What it counts for.
    pub parts: u16,
}

/// Says whether a message may go now, and counts it when it does.
pub type May<'m> = dyn FnMut(&Held) -> Verdict + 'm;

/// A queue to be read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Which.
    pub queue: Queue,
    /// From where.
    pub cursor: Cursor,
    /// Messages at most.
    pub most: usize,
}

/// The lanes of one channel.
#[derive(Debug, Default)]
pub struct Lanes {
    lanes: [Lane; 3],
    /// Parts that other lanes were served while a lower one waited: at [`LOWER_LANE_SHARE`] less one it has a turn.
    credit: [i64; 3],
}

fn place(lane: submission::Lane) -> usize {
    submission::Lane::ALL.iter().position(|known| *known == lane).unwrap_or(1)
}

impl Lanes {
    /// Messages in hand, those left out that wait for a recipient's limit.
    pub fn held(&self) -> usize {
        self.lanes.iter().map(Lane::held).sum()
    }

    /// Whether nothing is in hand that may go, and nothing more is known to be on disk.
    pub fn is_dry(&self) -> bool {
        self.lanes.iter().all(Lane::is_dry)
    }

    /// Something was placed in these queues.
    pub fn announce(&mut self, queues: &[Queue]) {
        for queue in queues {
            self.lanes[place(queue.lane)].announce(queue.institution, queue.flow);
        }
    }

    /// Which queues of a lane to read on, and how much of each: those first that were served least. All of it is read before
    /// the lane is asked again.
    pub fn plan(&mut self, channel: Channel, lane: submission::Lane, page: usize) -> Vec<Wanted> {
        let mut plan = Vec::new();
        self.lanes[place(lane)].plan(page, |institution, flow, cursor, most| {
            plan.push(Wanted { queue: Queue { channel, lane, institution, flow }, cursor, most });
        });
        plan
    }

    /// Takes a page that was read.
    pub fn take(&mut self, queue: &Queue, cursor: Cursor, work: Vec<Held>) {
        self.lanes[place(queue.lane)].take(queue.institution, queue.flow, cursor, work);
    }

    /// Lets go what waited for a limit until now.
    pub fn release(&mut self, now: Moment) {
        self.lanes.iter_mut().for_each(|lane| lane.release(now));
    }

    /// The next message that may go.
    pub fn pick(&mut self, may: &mut May<'_>) -> Option<Held> {
        // The lowest first: an upper one is served anyway, sooner or later.
        for lower in (1..self.lanes.len()).rev() {
            if self.credit[lower] >= LOWER_LANE_SHARE - 1
                && let Some(held) = self.lanes[lower].pick(may)
            {
                self.credit[lower] -= (LOWER_LANE_SHARE - 1) * i64::from(held.parts.max(1));
                self.served(lower, held.parts);
                return Some(held);
            }
        }
        let (lane, held) = self.lanes.iter_mut().enumerate().find_map(|(at, lane)| Some((at, lane.pick(may)?)))?;
        self.served(lane, held.parts);
        Some(held)
    }

    fn served(&mut self, served: usize, parts: u16) {
        for lower in (1..self.lanes.len()).filter(|lower| *lower != served) {
            let credit = &mut self.credit[lower];
            // A lane that has nothing to send earns no credit.
            let earned = if self.lanes[lower].is_ready() { i64::from(parts.max(1)) } else { -(*credit).max(0) };
            *credit = (*credit + earned).min(LOWER_LANE_SHARE);
        }
    }

    /// Whether messages in hand wait for a recipient's limit.
    pub fn has_parked(&self) -> bool {
        self.lanes.iter().any(Lane::has_parked)
    }

    /// Whether senders that have something in hand wait for their own limit.
    pub fn has_limited(&self) -> bool {
        self.lanes.iter().any(Lane::has_limited)
    }

    /// Forgets queues that are empty, of a few that had nothing more when they were read.
    pub fn sweep(&mut self, channel: Channel, waits: impl Fn(&Queue) -> bool) {
        for (lane, here) in submission::Lane::ALL.iter().zip(&mut self.lanes) {
            here.sweep(|institution: Institution, flow: Flow| {
                waits(&Queue { channel, lane: *lane, institution, flow })
            });
        }
    }
}
