//! Broadcasts that are not over, in memory: phase, chunks, and how many rows stand where.
//!
//! The counts are sums over chunks that follow every change; they are made anew from the chunks'
//! own counts at the start, so that they never drift.
use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use dashmap::DashMap;
use estafette_actors::domain::fact::Change;
use estafette_actors::domain::id::{BroadcastId, ChunkId};
use estafette_actors::domain::progress::{self, Meter};
use estafette_actors::domain::status::MessageStatus;
use estafette_actors::domain::submission::Broadcast;
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::{BroadcastPhase, Held, Position};

use super::codec::BroadcastRecord;
use super::live::status_place;
use super::lock;

/// A broadcast.
#[derive(Clone, Debug)]
pub struct Info {
    /// Its record.
    pub record: Arc<Broadcast>,
    /// What is known beside it.
    pub state: BroadcastRecord,
    /// Rows by status.
    pub by_status: [i64; 8],
    /// Appended changes that are not durable yet.
    pub pending: u32,
    /// The position up to which the disk had it at the start: a replay applies what lies behind.
    pub on_disk: Position,
    /// The first durable position that the disk lacks.
    pub first: Option<Position>,
    /// The next chunk that a cancellation has to reach.
    pub swept: u32,
    /// How fast its rows are settled.
    pub meter: Meter,
}

impl Info {
    /// A draft.
    pub fn new(record: Arc<Broadcast>) -> Self {
        let state = BroadcastRecord {
            as_of: 0,
            phase: BroadcastPhase::Draft,
            rows: Vec::new(),
            started: None,
            cancelled: None,
        };
        Self {
            record,
            state,
            by_status: [0; 8],
            pending: 0,
            on_disk: 0,
            first: None,
            swept: 0,
            meter: Meter::default(),
        }
    }

    /// The phase: over when every row of a started one is settled.
    pub fn phase(&self) -> BroadcastPhase {
        match self.state.phase {
            BroadcastPhase::Started | BroadcastPhase::Paused if self.by_status[0] <= 0 => BroadcastPhase::Done,
            phase => phase,
        }
    }

    /// Why none of its rows may be begun, when it was started.
    pub fn held(&self, now: Timestamp) -> Option<Held> {
        match self.state.phase {
            BroadcastPhase::Paused => Some(Held::Paused),
            BroadcastPhase::Started => {
                let window = self.record.binding_window().filter(|window| !window.is_open(now))?;
                Some(Held::Closed(window.opening(now).unwrap_or(Timestamp::MAX)))
            }
            _ => None,
        }
    }

    /// Rows settled a second of late, and when all are at that rate.
    pub fn progress(&self, now: Timestamp) -> (Option<f64>, Option<Timestamp>) {
        let per_second = self.meter.per_second(now);
        if self.phase() != BroadcastPhase::Started {
            return (per_second.filter(|_| self.phase() == BroadcastPhase::Paused), None);
        }
        let left = u64::try_from(self.by_status[0]).unwrap_or(0);
        let from = now.max(self.record.not_before);
        (per_second, progress::end(left, per_second, from, self.record.binding_window().map(|window| &**window)))
    }

    /// Whether nothing more will happen by itself.
    pub fn is_over(&self) -> bool {
        let sent = self.state.started.is_some() || self.state.cancelled.is_some();
        sent && self.by_status[0] <= 0 && self.pending == 0
    }

    /// Its chunks.
    pub fn chunks(&self) -> impl Iterator<Item = ChunkId> + use<> {
        let id = self.record.id;
        (0..self.state.rows.len() as u32).map(move |n| id.chunk(n))
    }

    /// Applies a fact about the broadcast as a whole. Rows are changed by the caller.
    pub fn apply(&mut self, change: &Change, at: Timestamp) {
        match change {
            // Said again after a crash: what is there already counts.
            Change::Stored { chunk, rows } if *chunk as usize == self.state.rows.len() => {
                self.state.rows.push(*rows);
                self.by_status[0] += i64::from(*rows);
            }
            Change::Started if self.state.phase == BroadcastPhase::Draft => {
                self.state.phase = BroadcastPhase::Started;
                self.state.started = Some((at, Position::MAX));
            }
            Change::BroadcastPaused if self.state.phase == BroadcastPhase::Started => {
                self.state.phase = BroadcastPhase::Paused;
            }
            Change::BroadcastResumed if self.state.phase == BroadcastPhase::Paused => {
                self.state.phase = BroadcastPhase::Started;
                self.meter.go_on(at);
            }
            Change::BroadcastCancelled if self.state.cancelled.is_none() => {
                self.state.cancelled = Some((at, Position::MAX));
                if self.state.started.is_none() {
                    // Rows of a draft never were messages that wait.
                    self.by_status[status_place(MessageStatus::Cancelled)] += std::mem::take(&mut self.by_status[0]);
                }
                self.state.phase = BroadcastPhase::Cancelled;
            }
            _ => {}
        }
    }

    /// A fact about it is durable at `position`.
    pub fn placed(&mut self, change: &Change, position: Position) {
        self.state.as_of = position;
        self.first.get_or_insert(position);
        let place = match change {
            Change::Started => &mut self.state.started,
            Change::BroadcastCancelled => &mut self.state.cancelled,
            _ => return,
        };
        if let Some((_, unknown)) = place.as_mut().filter(|(_, known)| *known == Position::MAX) {
            *unknown = position;
        }
    }
}

/// See the head of this file.
#[derive(Debug)]
pub struct Broadcasts {
    /// By id.
    pub known: DashMap<BroadcastId, Info>,
    /// Those with facts that are not written.
    pub dirty: Mutex<HashSet<BroadcastId>>,
    opens: Mutex<Opens>,
}

/// Windows that somebody found closed.
#[derive(Debug)]
struct Opens {
    /// When the first of them opens.
    first: Timestamp,
    /// When that was last looked at.
    seen: Timestamp,
}

impl Default for Broadcasts {
    fn default() -> Self {
        let opens = Mutex::new(Opens { first: Timestamp::MAX, seen: Timestamp::ZERO });
        Self { known: DashMap::new(), dirty: Mutex::default(), opens }
    }
}

impl Broadcasts {
    /// The record of one that is known.
    pub fn record(&self, id: BroadcastId) -> Option<Arc<Broadcast>> {
        self.known.get(&id).map(|info| Arc::clone(&info.record))
    }

    /// Why nothing more of it may be begun.
    pub fn held(&self, id: BroadcastId, now: Timestamp) -> Option<Held> {
        let held = self.known.get(&id)?.held(now);
        if let Some(Held::Closed(opens)) = held {
            let mut known = lock(&self.opens);
            known.first = known.first.min(opens);
        }
        held
    }

    /// Drafts whose validity has passed, at most so many: they can't be started any more.
    pub fn expired_drafts(&self, now: Timestamp, most: usize) -> Vec<BroadcastId> {
        let is_expired = |info: &Info| info.state.phase == BroadcastPhase::Draft && info.record.valid_until <= now;
        self.known.iter().filter(|info| is_expired(info)).take(most).map(|info| *info.key()).collect()
    }

    /// Whether a window has opened that was found closed.
    pub fn has_opened(&self, now: Timestamp) -> bool {
        let mut opens = lock(&self.opens);
        let was_set_back = now < std::mem::replace(&mut opens.seen, now);
        let has_opened = opens.first != Timestamp::MAX && (was_set_back || opens.first <= now);
        if has_opened {
            // Who finds one closed still says so again.
            opens.first = Timestamp::MAX;
        }
        has_opened
    }

    /// Counts rows that went from a status to another.
    pub fn count(&self, id: BroadcastId, moved: &[(MessageStatus, MessageStatus, i64)], now: Timestamp) {
        if moved.is_empty() {
            return;
        }
        if let Some(mut info) = self.known.get_mut(&id) {
            let settled = moved.iter().filter(|(from, ..)| *from == MessageStatus::Waiting).map(|(.., count)| count);
            let settled = u64::try_from(settled.sum::<i64>()).unwrap_or(0);
            if settled > 0 {
                let Info { meter, record, .. } = &mut *info;
                meter.count(now, record.binding_window().map(|window| &**window), settled);
            }
            for (from, to, count) in moved {
                info.by_status[status_place(*from)] -= count;
                info.by_status[status_place(*to)] += count;
            }
            if info.by_status[0] <= 0 {
                // Over, perhaps: the flusher looks.
                lock(&self.dirty).insert(id);
            }
        }
    }

    /// Its rows begin to be sent: what was counted before says nothing of the rate.
    pub fn forget_rate(&self, id: BroadcastId) {
        if let Some(mut info) = self.known.get_mut(&id) {
            info.meter = Meter::default();
        }
    }

    /// Facts about a broadcast are durable.
    pub fn settled(&self, id: BroadcastId, changes: &[Change], position: Position) {
        if let Some(mut info) = self.known.get_mut(&id) {
            info.pending = info.pending.saturating_sub(1);
            for change in changes {
                info.placed(change, position);
            }
            lock(&self.dirty).insert(id);
        }
    }
}
