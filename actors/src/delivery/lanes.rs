//! What a delivery has in hand and has not asked to begin: bounded buffers by lane and sender.
//! Pure; the choice is fair among senders inside a lane.
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use crate::domain::submission::{Envelope, Institution, Lane};
use crate::ports::{Cursor, Queue};

/// Of so many picks, one is kept for each lower lane while the upper lanes are never empty.
const LOWER_LANE_SHARE: usize = 16;

/// Messages of a queue that may be in hand, however many queues its lane has.
const LEAST_SHARE: usize = 8;

/// One queue's place and what was read of it.
#[derive(Debug, Default)]
struct Line {
    cursor: Cursor,
    buffer: VecDeque<Arc<Envelope>>,
}

/// How far each queue was read, and how many of it were in hand then.
#[derive(Debug)]
pub struct Places(HashMap<(Lane, Institution), (Cursor, usize)>);

impl Places {
    /// Where to read each queue on, and how much of it. A page of each lane is in hand at most, shared by its
    /// queues, so that a lower lane that is full keeps no upper one from being read.
    pub fn plan(&self, queues: Vec<Queue>, page: usize) -> Vec<(Queue, Cursor, usize)> {
        let share = |lane| {
            let queues = queues.iter().filter(|queue| queue.lane == lane).count();
            (page / queues.max(1)).max(LEAST_SHARE)
        };
        let read = queues.iter().map(|queue| {
            let (cursor, held) = self.0.get(&(queue.lane, queue.institution)).copied().unwrap_or_default();
            (*queue, cursor, share(queue.lane).saturating_sub(held))
        });
        read.collect()
    }
}

/// The lanes of one channel.
#[derive(Debug, Default)]
pub struct Lanes {
    lines: BTreeMap<(Lane, Institution), Line>,
    turn: BTreeMap<Lane, Institution>,
    picks: usize,
    held: usize,
}

impl Lanes {
    /// Messages in hand.
    pub fn held(&self) -> usize {
        self.held
    }

    /// Where to read each queue on, and how many of it are in hand.
    pub fn places(&self) -> Places {
        Places(self.lines.iter().map(|(line, read)| (*line, (read.cursor, read.buffer.len()))).collect())
    }

    /// Takes a page that was read.
    pub fn take(&mut self, queue: &Queue, cursor: Cursor, work: Vec<Arc<Envelope>>) {
        self.held += work.len();
        let line = self.lines.entry((queue.lane, queue.institution)).or_default();
        line.cursor = cursor;
        line.buffer.extend(work);
    }

    /// The next message: urgent before normal before bulk, but for a share that keeps the lower
    /// lanes moving; inside a lane one of each sender in turn, among those that `may` go now.
    pub fn pick(&mut self, may: &mut dyn FnMut(Institution) -> bool) -> Option<Arc<Envelope>> {
        if self.held == 0 {
            return None;
        }
        self.picks = self.picks.wrapping_add(1);
        let mut order = Lane::ALL;
        if self.picks.is_multiple_of(LOWER_LANE_SHARE) {
            // Once in a while the bulk lane goes first, and in between the normal one.
            if self.picks.is_multiple_of(2 * LOWER_LANE_SHARE) { order.rotate_right(1) } else { order.swap(0, 1) }
        }
        order.into_iter().find_map(|lane| self.pick_in(lane, may))
    }

    fn pick_in(&mut self, lane: Lane, may: &mut dyn FnMut(Institution) -> bool) -> Option<Arc<Envelope>> {
        let last = self.turn.get(&lane).copied();
        let senders: Vec<Institution> = {
            let waiting = || {
                let lines = self.lines.iter().filter(move |((of, _), line)| *of == lane && !line.buffer.is_empty());
                lines.map(|((_, institution), _)| *institution)
            };
            let after = waiting().filter(|institution| last.is_some_and(|last| *institution > last));
            after.chain(waiting().filter(|institution| last.is_none_or(|last| *institution <= last))).collect()
        };
        let chosen = senders.into_iter().find(|institution| may(*institution))?;
        self.turn.insert(lane, chosen);
        let envelope = self.lines.get_mut(&(lane, chosen))?.buffer.pop_front()?;
        self.held -= 1;
        Some(envelope)
    }
}
