//! One lane: senders, their flows, and what was read of each.
//!
//! Invariant: where a flow or a sender stands (`Fair`) always says what is in hand and what is being read; every change ends
//! with [`Lane::restand`].
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use super::super::fair::{Fair, Next, Standing};
use super::{Held, May, Moment, Verdict};
use crate::domain::submission::Institution;
use crate::ports::{Cursor, Flow};

/// Messages of a sender that may be in hand, however many senders the lane has.
pub const LEAST_SHARE: usize = 8;
/// Messages of a flow that are read at once, however many flows its sender has: a chunk may have to be decoded for them.
const LEAST_OF_FLOW: usize = 16;
/// Messages of a lane that wait in hand for a recipient's limit. Those beyond are passed over, and read again later.
pub const PARKED: usize = 1_024;
/// Parts that senders may be ahead of one whose page is being read.
pub const LEAD_OF_SENDERS: u64 = 32;
/// Parts that flows of a sender may be ahead of one whose page is being read: what is read of a flow at once can go, whatever
/// its length, before the next is waited for.
pub const LEAD_OF_FLOWS: u64 = 128;
/// Flows in which all that was looked at is passed over (a paused broadcast) are read so many at once.
const PASSING: usize = 2;
/// Flows that had nothing more when they were read, looked at once more in one sweep.
const SWEPT: usize = 32;

/// What was read of a flow.
#[derive(Debug, Default)]
struct Line {
    cursor: Cursor,
    buffer: VecDeque<Held>,
    /// There may be more on disk.
    more: bool,
    /// Something was placed since the page that is being read was asked for.
    placed: bool,
    /// Messages were passed over: the flow is read from its beginning at that time, or once it was read to its end.
    again: Option<Moment>,
    /// It stands in the lane's list of those that had nothing more.
    resting: bool,
}

#[derive(Debug, Default)]
struct Sender {
    flows: Fair<Flow>,
    lines: HashMap<Flow, Line>,
    held: usize,
    /// Its own limit keeps it back.
    limited: bool,
    /// Flows that go on and of which nothing was found in the last page.
    passing: BTreeSet<Flow>,
}

/// See the head of this file.
#[derive(Debug, Default)]
pub struct Lane {
    senders: Fair<Institution>,
    of: HashMap<Institution, Sender>,
    /// Senders with something in hand or to be read.
    active: BTreeSet<Institution>,
    held: usize,
    limited: BTreeSet<(Moment, Institution)>,
    parked: BTreeMap<(Moment, u64), (Institution, Flow, Held)>,
    parks: u64,
    again: BTreeSet<(Moment, Institution, Flow)>,
    resting: VecDeque<(Institution, Flow)>,
}

impl Lane {
    /// Messages in hand.
    pub fn held(&self) -> usize {
        self.held
    }

    /// Whether nothing is in hand that may go, and nothing more is known to be on disk.
    pub fn is_dry(&self) -> bool {
        self.active.is_empty()
    }

    /// Whether somebody could go now.
    pub fn is_ready(&self) -> bool {
        matches!(self.senders.next(LEAD_OF_SENDERS), Next::Member(_))
    }

    pub fn has_parked(&self) -> bool {
        !self.parked.is_empty()
    }

    pub fn has_limited(&self) -> bool {
        !self.limited.is_empty()
    }

    /// Something was placed in a flow's queue.
    pub fn announce(&mut self, institution: Institution, flow: Flow) {
        let sender = self.of.entry(institution).or_default();
        let line = sender.lines.entry(flow).or_default();
        (line.more, line.placed) = (true, true);
        sender.passing.remove(&flow);
        self.restand(institution, flow);
    }

    /// A page of a flow; one without messages that leaves the cursor where it was is the end.
    pub fn take(&mut self, institution: Institution, flow: Flow, cursor: Cursor, work: Vec<Held>) {
        let sender = self.of.entry(institution).or_default();
        let line = sender.lines.entry(flow).or_default();
        let is_further = line.cursor != cursor;
        line.more = !work.is_empty() || is_further || line.placed;
        line.cursor = cursor;
        if is_further && work.is_empty() {
            sender.passing.insert(flow);
        } else {
            sender.passing.remove(&flow);
        }
        if !line.more {
            if let Some(at) = line.again {
                self.again.insert((at, institution, flow));
            }
            if !std::mem::replace(&mut line.resting, true) {
                self.resting.push_back((institution, flow));
            }
        }
        sender.held += work.len();
        self.held += work.len();
        line.buffer.extend(work);
        self.restand(institution, flow);
    }

    /// Says of each flow that is to be read from where and how much.
    pub fn plan(&mut self, page: usize, mut read: impl FnMut(Institution, Flow, Cursor, usize)) {
        let share = (page / self.active.len().max(1)).max(LEAST_SHARE);
        for institution in &self.active {
            let Some(sender) = self.of.get_mut(institution) else { continue };
            for flow in sender.passing.iter().take(PASSING) {
                if let Some(line) = sender.lines.get_mut(flow) {
                    line.placed = false;
                    read(*institution, *flow, line.cursor, share);
                }
            }
            let each = (share / sender.flows.crowd().max(1)).max(LEAST_OF_FLOW);
            let mut room = share.saturating_sub(sender.held);
            // One that all others wait for is read in any case.
            let mut is_awaited = sender.flows.next(LEAD_OF_FLOWS) == Next::Reading;
            for flow in sender.flows.backlogged() {
                let Some(line) = sender.lines.get_mut(&flow) else { continue };
                let is_due = is_awaited && line.buffer.is_empty();
                if room == 0 && !is_awaited {
                    break;
                }
                // Not for a message or two at a time.
                if !line.more || line.buffer.len() * 2 > each || (room == 0 && !is_due) {
                    continue;
                }
                let most = (each - line.buffer.len()).min(room.max(1));
                room = room.saturating_sub(most);
                is_awaited &= !is_due;
                line.placed = false;
                read(*institution, flow, line.cursor, most);
            }
        }
    }

    /// The next message that may go: of the sender that was served least, of its flow that was.
    pub fn pick(&mut self, may: &mut May<'_>) -> Option<Held> {
        loop {
            let Next::Member(institution) = self.senders.next(LEAD_OF_SENDERS) else { return None };
            let sender = self.of.get_mut(&institution)?;
            let Next::Member(flow) = sender.flows.next(LEAD_OF_FLOWS) else { return None };
            let line = sender.lines.get_mut(&flow)?;
            let verdict = may(line.buffer.front()?);
            if let Verdict::SenderWaits(until) = verdict {
                sender.limited = true;
                self.limited.insert((until, institution));
                self.restand(institution, flow);
                continue;
            }
            let held = line.buffer.pop_front()?;
            sender.held -= 1;
            self.held -= 1;
            if let Verdict::RecipientWaits(until) = verdict {
                if self.parked.len() < PARKED {
                    self.parks += 1;
                    self.parked.insert((until, self.parks), (institution, flow, held));
                } else {
                    let before = line.again.replace(line.again.map_or(until, |at| at.max(until)));
                    if let (false, Some(at)) = (line.more, line.again) {
                        if let Some(before) = before {
                            self.again.remove(&(before, institution, flow));
                        }
                        self.again.insert((at, institution, flow));
                    }
                }
                self.restand(institution, flow);
                continue;
            }
            let cost = u64::from(held.parts.max(1));
            sender.flows.served(flow, cost);
            self.senders.served(institution, cost);
            self.restand(institution, flow);
            return Some(held);
        }
    }

    /// Lets go what waited for a limit until now.
    pub fn release(&mut self, now: Moment) {
        while let Some((_, institution)) = self.limited.first().copied().filter(|(until, _)| *until <= now) {
            self.limited.pop_first();
            if let Some(sender) = self.of.get_mut(&institution) {
                sender.limited = false;
            }
            self.restand_sender(institution);
        }
        while self.parked.first_key_value().is_some_and(|((until, _), _)| *until <= now) {
            let Some((_, (institution, flow, held))) = self.parked.pop_first() else { break };
            let sender = self.of.entry(institution).or_default();
            let line = sender.lines.entry(flow).or_default();
            line.buffer.push_front(held);
            sender.held += 1;
            self.held += 1;
            if !line.more && !std::mem::replace(&mut line.resting, true) {
                self.resting.push_back((institution, flow));
            }
            self.restand(institution, flow);
        }
        while let Some((_, institution, flow)) = self.again.first().copied().filter(|(at, ..)| *at <= now) {
            self.again.pop_first();
            self.read_again(institution, flow);
        }
    }

    /// Reads a flow from its beginning: what was passed over is found there, and what is in hand once more.
    fn read_again(&mut self, institution: Institution, flow: Flow) {
        self.parked.retain(|_, (whose, which, _)| (*whose, *which) != (institution, flow));
        let Some(sender) = self.of.get_mut(&institution) else { return };
        let Some(line) = sender.lines.get_mut(&flow) else { return };
        sender.held -= line.buffer.len();
        self.held -= line.buffer.len();
        *line = Line { more: true, resting: line.resting, ..Line::default() };
        self.restand(institution, flow);
    }

    fn restand(&mut self, institution: Institution, flow: Flow) {
        let Some(sender) = self.of.get_mut(&institution) else { return };
        let Some(line) = sender.lines.get(&flow) else { return };
        let standing = if !line.buffer.is_empty() {
            Standing::Ready
        } else if line.more && !sender.passing.contains(&flow) {
            Standing::Reading
        } else {
            Standing::Idle
        };
        sender.flows.stand(flow, standing);
        self.restand_sender(institution);
    }

    fn restand_sender(&mut self, institution: Institution) {
        let Some(sender) = self.of.get(&institution) else { return };
        let standing = match sender.flows.next(LEAD_OF_FLOWS) {
            Next::Member(_) if !sender.limited => Standing::Ready,
            Next::Reading if !sender.limited => Standing::Reading,
            _ => Standing::Idle,
        };
        self.senders.stand(institution, standing);
        let is_active = sender.flows.crowd() > 0 || !sender.passing.is_empty();
        if is_active {
            self.active.insert(institution);
        } else {
            self.active.remove(&institution);
        }
    }

    /// Forgets flows of which nothing waits any more, of a few that had nothing more when they were read.
    pub fn sweep(&mut self, waits: impl Fn(Institution, Flow) -> bool) {
        for _ in 0..self.resting.len().min(SWEPT) {
            let Some((institution, flow)) = self.resting.pop_front() else { return };
            let Some(sender) = self.of.get_mut(&institution) else { continue };
            let Some(line) = sender.lines.get_mut(&flow) else { continue };
            if line.more {
                line.resting = false;
            } else if line.buffer.is_empty() && line.again.is_none() && !waits(institution, flow) {
                sender.lines.remove(&flow);
                sender.flows.forget(flow);
            } else {
                self.resting.push_back((institution, flow));
            }
        }
    }
}
