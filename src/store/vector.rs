//! The states of a chunk's rows in memory: a byte for each, and the exceptions whole.
//!
//! Beside the codes of [`State::to_code`] one of its own: a row as it is at the start of its
//! broadcast, whatever the strategy and whether its time has come.
use std::collections::BTreeMap;
use std::sync::Arc;

use estafette_actors::domain::fact::Change;
use estafette_actors::domain::failure::Failure;
use estafette_actors::domain::life::{EXCEPTION, Phase, State};
use estafette_actors::domain::status::{AttemptStatus, MessageStatus};
use estafette_actors::domain::submission::Broadcast;
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::Position;

use super::codec::ChunkRecord;
use super::live::{Effects, Tally};

/// The byte of a row to which nothing has happened since the start. `to_code` never gives it.
pub const FRESH: u8 = 30;

/// See the head of this file.
#[derive(Clone, Debug)]
pub struct Vector {
    /// Whose rows.
    pub broadcast: Arc<Broadcast>,
    /// Rows wait until then from the start on; `ZERO` when they don't.
    pub asleep_until: Timestamp,
    /// How many.
    pub rows: u16,
    /// One byte for each; empty while all are [`FRESH`].
    pub codes: Vec<u8>,
    /// Rows that don't fit in a byte.
    pub exceptions: BTreeMap<u16, State>,
    /// The latest time until which a row waits for a receipt.
    pub until: Timestamp,
}

impl Vector {
    /// All rows as they are at the start.
    pub fn fresh(broadcast: Arc<Broadcast>, started_at: Timestamp, rows: u16) -> Self {
        let asleep_until = if broadcast.not_before > started_at { broadcast.not_before } else { Timestamp::ZERO };
        let (codes, exceptions) = (Vec::new(), BTreeMap::new());
        Self { broadcast, asleep_until, rows, codes, exceptions, until: Timestamp::ZERO }
    }

    /// What was on disk.
    pub fn restored(broadcast: Arc<Broadcast>, record: ChunkRecord) -> Self {
        let ChunkRecord { asleep_until, rows, codes, until, .. } = record;
        let exceptions = record.exceptions.into_iter().collect();
        Self { broadcast, asleep_until, rows, codes, exceptions, until }
    }

    /// Settles what waits for a step as cancelled; what has begun goes on.
    pub fn cancel(&mut self, effects: &mut Effects) {
        let waits: Vec<u16> =
            (0..self.rows).filter(|row| self.state(*row).is_some_and(|state| waits(&state))).collect();
        // All tracks of a row may be at different places: each kind of row has its own changes.
        let mut kinds: Vec<(Vec<Change>, Vec<u16>)> = Vec::new();
        for row in waits {
            let changes = self.state(row).map(|state| cancellation(&state)).unwrap_or_default();
            match kinds.iter_mut().find(|(known, _)| *known == changes) {
                Some((_, rows)) => rows.push(row),
                None => kinds.push((changes, vec![row])),
            }
        }
        for (changes, rows) in kinds {
            self.apply(rows, &changes, effects);
        }
    }

    /// What goes to disk.
    pub fn record(&self, as_of: Position) -> ChunkRecord {
        ChunkRecord {
            as_of,
            queued_at: Vec::new(),
            asleep_until: self.asleep_until,
            until: self.until,
            rows: self.rows,
            codes: self.codes.clone(),
            exceptions: self.exceptions.iter().map(|(row, state)| (*row, state.clone())).collect(),
        }
    }

    fn code(&self, row: u16) -> u8 {
        self.codes.get(usize::from(row)).copied().unwrap_or(FRESH)
    }

    fn decode(&self, code: u8) -> State {
        match code {
            FRESH => State::of_fresh_row(&self.broadcast.strategy, self.asleep_until),
            code => State::from_code(code, &self.broadcast.strategy, self.until).unwrap_or_default(),
        }
    }

    /// The state of a row.
    pub fn state(&self, row: u16) -> Option<State> {
        if row >= self.rows {
            return None;
        }
        let code = self.code(row);
        Some(match self.exceptions.get(&row) {
            Some(state) if code == EXCEPTION => state.clone(),
            _ => self.decode(code),
        })
    }

    /// The same changes for several rows. Those alike are decided once.
    pub fn apply(&mut self, rows: impl IntoIterator<Item = u16>, changes: &[Change], effects: &mut Effects) {
        if self.codes.is_empty() {
            self.codes = vec![FRESH; usize::from(self.rows)];
        }
        let mut alike: Option<(u8, u8, Effects, i64)> = None;
        for row in rows {
            let Some(code) = self.codes.get(usize::from(row)).copied() else { continue };
            if let Some((from, to, _, times)) = alike.as_mut()
                && *from == code
            {
                self.codes[usize::from(row)] = *to;
                *times += 1;
                continue;
            }
            let Some(mut state) = self.state(row) else { continue };
            let mut one = Effects::default();
            one.apply(&mut state, changes);
            let to = self.put(row, state);
            if code == EXCEPTION || to == EXCEPTION {
                effects.add(&one, 1);
            } else if let Some((_, _, before, times)) = alike.replace((code, to, one, 1)) {
                effects.add(&before, times);
            }
        }
        if let Some((_, _, one, times)) = alike {
            effects.add(&one, times);
        }
    }

    fn put(&mut self, row: u16, state: State) -> u8 {
        for track in &state.tracks {
            if let Phase::Awaiting { until } = track.phase {
                self.until = self.until.max(until);
            }
        }
        let code = state.to_code(&self.broadcast.strategy).unwrap_or(EXCEPTION);
        self.codes[usize::from(row)] = code;
        if code == EXCEPTION {
            self.exceptions.insert(row, state);
        } else {
            self.exceptions.remove(&row);
        }
        code
    }

    /// What its rows wait for, and how they stand.
    pub fn tally(&self) -> Tally {
        let mut histogram = [0_u32; 256];
        if self.codes.is_empty() {
            histogram[usize::from(FRESH)] = u32::from(self.rows);
        }
        for code in &self.codes {
            histogram[usize::from(*code)] += 1;
        }
        let mut tally = Tally::default();
        for (code, times) in (0..EXCEPTION).zip(histogram).filter(|(_, times)| *times > 0) {
            tally.add(&self.decode(code), self.broadcast.valid_until, times);
        }
        for state in self.exceptions.values() {
            tally.add(state, self.broadcast.valid_until, 1);
        }
        tally
    }
}

fn waits(state: &State) -> bool {
    state.settled.is_none() && state.tracks.iter().any(|track| matches!(track.phase, Phase::Queued { .. }))
}

/// What the cancellation of a broadcast does to a row: tracks that wait for a step end.
fn cancellation(state: &State) -> Vec<Change> {
    ending(state, Failure::Cancelled, MessageStatus::Cancelled)
}

/// What makes a fresh row one whose key came before.
pub fn duplication(state: &State) -> Vec<Change> {
    ending(state, Failure::DuplicateRow, MessageStatus::Failed(Failure::DuplicateRow))
}

fn ending(state: &State, failure: Failure, status: MessageStatus) -> Vec<Change> {
    let mut after = state.clone();
    let mut changes = Vec::new();
    for (track, here) in state.tracks.iter().enumerate() {
        if !matches!(here.phase, Phase::Queued { .. }) {
            continue;
        }
        // One that may have been taken, and was to be made again: nobody knows.
        let (step, retry, may_be_there) = (here.step, here.retry, here.resends > 0);
        if may_be_there {
            changes.push(Change::Moved { step, retry, status: AttemptStatus::Unknown, reference: None });
        }
        let failure = if may_be_there { Failure::OutcomeUnknown } else { failure };
        changes.push(Change::Ended { track: track as u8, failure: Some(failure) });
    }
    for change in &changes {
        after.apply(change);
    }
    if after.settled.is_none() && after.tracks.iter().all(|track| track.phase == Phase::Ended) {
        let unknown = MessageStatus::Failed(Failure::OutcomeUnknown);
        let status = if after.failure == Some(Failure::OutcomeUnknown) { unknown } else { status };
        let status = MessageStatus::of_rank(after.best_rank()).unwrap_or(status);
        changes.push(Change::Settled { status });
    }
    changes
}
