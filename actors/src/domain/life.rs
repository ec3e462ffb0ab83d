//! The life of a message: which facts follow from what happens, and what state facts make.
//!
//! `decide` functions look at a [`State`] and an event and say which changes follow; [`State::apply`]
//! makes the state of changes, and reads neither clock nor chance nor configuration. The same
//! facts in the same order make the same state, before a crash and after it.
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::backoff::Backoff;
use super::channel::Channel;
use super::fact::Change;
use super::failure::Failure;
use super::status::{AttemptStatus, MessageStatus, WaitReason};
use super::strategy::{Condition, OnUnknown, Otherwise, Strategy};
use super::time::Timestamp;

mod stored;
mod vector;

pub use vector::EXCEPTION;

/// Contradictions of one message that are noted at most; more say nothing new.
const MAX_NOTED: usize = 16;

/// What a channel said that contradicts: of which step and retry, and what.
pub type Note = (u8, u8, AttemptStatus);

/// How often an attempt of unknown outcome is made again under the same reference.
pub const MAX_RESENDS: u8 = 3;

/// All that decisions about a message need. Times, references and provider names stay in the feed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// One for each track of the strategy.
    pub tracks: Vec<Track>,
    /// The attempts, in the order in which they began.
    pub attempts: Vec<Attempt>,
    /// The status at settlement.
    pub settled: Option<MessageStatus>,
    /// Why the last track ended without success.
    pub failure: Option<Failure>,
    /// The sender wants no further step.
    pub stopped: bool,
    /// Contradictions that were noted: the same once more is not.
    pub noted: Vec<Note>,
}

/// Where one track stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Track {
    /// The step at which it is.
    pub step: u8,
    /// Attempts of this step that failed before.
    pub retry: u8,
    /// The step's channel.
    pub channel: Channel,
    /// What it does there.
    pub phase: Phase,
    /// How often this attempt was made again for an unknown outcome.
    pub resends: u8,
}

/// What a track does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// Waits for its attempt; ready when `not_before` is `ZERO`.
    Queued {
        /// Not before.
        not_before: Timestamp,
    },
    /// An attempt is under way.
    Attempting,
    /// The channel took it; its word is waited for.
    Awaiting {
        /// Until when at most.
        until: Timestamp,
    },
    /// No further step.
    Ended,
}

/// An attempt that was begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// The step.
    pub step: u8,
    /// The retry.
    pub retry: u8,
    /// Where it stands.
    pub status: AttemptStatus,
}

/// What is known of a recipient on a channel before it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Known to be reachable.
    Yes,
    /// Known to be unreachable.
    No,
    /// The channel must be asked.
    Ask,
    /// The sender may not write to the recipient there, whatever its strategy says: suppressed, or a
    /// consent withdrawn.
    Barred(Failure),
}

/// What a decision may look at besides the state.
pub struct Context<'c> {
    /// The message's strategy.
    pub strategy: &'c Strategy,
    /// The time of the decision.
    pub now: Timestamp,
    /// The message's validity.
    pub valid_until: Timestamp,
    /// What is known of the recipient.
    pub reach: &'c dyn Fn(Channel) -> Reach,
    /// When to try again.
    pub backoff: &'c Backoff,
    /// A random number, for the jitter.
    pub random: u64,
}

/// What an attempt's transport says at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The channel answered: sent or further, failed, expired.
    Is(AttemptStatus, Option<Box<str>>),
    /// The channel asks to slow down, and perhaps for how long.
    Throttled(Option<Duration>),
    /// It never left, and may not leave before then.
    NotYet(Timestamp),
    /// Nobody can tell whether the channel took it.
    Unknown,
}

/// Where a message must be looked at again, and what for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Agenda {
    /// Channels at which it waits, ready to go.
    pub queued: [Option<Channel>; super::strategy::MAX_STEPS],
    /// Channels at which an attempt is under way.
    pub open: [Option<Channel>; super::strategy::MAX_STEPS],
    /// When something falls due.
    pub due: Option<Timestamp>,
}

impl State {
    /// The state of a row of a started broadcast of which no fact was told yet.
    pub fn of_fresh_row(strategy: &Strategy, not_before: Timestamp) -> Self {
        let mut state = Self::default();
        for (track, step) in strategy.entries().enumerate() {
            let channel = strategy.steps[usize::from(step)].channel;
            state.apply(&Change::Queued { track: track as u8, step, retry: 0, channel, not_before });
        }
        state
    }

    /// The message's status: that of its settlement, raised by later facts.
    pub fn status(&self) -> MessageStatus {
        match self.settled {
            None => MessageStatus::Waiting,
            Some(settled) if settled.rank() > 0 => {
                MessageStatus::of_rank(self.best_rank().max(settled.rank())).unwrap_or(settled)
            }
            Some(settled) => settled,
        }
    }

    /// Why it waits, as far as the message itself knows: a queue's reason is the channel's to say.
    pub fn wait_reason(&self) -> Option<WaitReason> {
        if self.settled.is_some() {
            return None;
        }
        let phases = || self.tracks.iter().map(|track| track.phase);
        if phases().any(|phase| phase == Phase::Attempting) {
            return Some(WaitReason::InProgress);
        }
        if phases().any(|phase| phase == Phase::Queued { not_before: Timestamp::ZERO }) {
            return Some(WaitReason::Limit);
        }
        if phases().any(|phase| matches!(phase, Phase::Queued { .. })) {
            return Some(WaitReason::Scheduled);
        }
        Some(WaitReason::AwaitingReceipt)
    }

    /// The highest rank of its attempts.
    pub fn best_rank(&self) -> u8 {
        self.attempts.iter().map(|attempt| attempt.status.rank()).max().unwrap_or(0)
    }

    /// One of its attempts.
    pub fn attempt(&self, step: u8, retry: u8) -> Option<&Attempt> {
        self.attempts.iter().find(|attempt| attempt.step == step && attempt.retry == retry)
    }

    /// Where it must be looked at again. `valid_until` falls due only while a step waits.
    pub fn agenda(&self, valid_until: Timestamp) -> Agenda {
        let mut agenda = Agenda::default();
        let mut due = Timestamp::MAX;
        for (place, track) in self.tracks.iter().enumerate().take(super::strategy::MAX_STEPS) {
            match track.phase {
                Phase::Queued { not_before: Timestamp::ZERO } => {
                    agenda.queued[place] = Some(track.channel);
                    due = due.min(valid_until);
                }
                Phase::Queued { not_before } => due = due.min(not_before).min(valid_until),
                Phase::Attempting => agenda.open[place] = Some(track.channel),
                Phase::Awaiting { until } => due = due.min(until),
                Phase::Ended => {}
            }
        }
        agenda.due = (due != Timestamp::MAX).then_some(due);
        agenda
    }

    /// Makes the state of several facts, in their order.
    pub fn apply_all(&mut self, changes: &[Change]) {
        for change in changes {
            self.apply(change);
        }
    }

    /// Makes the state of a fact. Facts about broadcasts and parked receipts change no message.
    pub fn apply(&mut self, change: &Change) {
        match change {
            Change::Queued { track, step, retry, channel, not_before } => {
                let queued = Track {
                    step: *step,
                    retry: *retry,
                    channel: *channel,
                    phase: Phase::Queued { not_before: *not_before },
                    resends: 0,
                };
                match self.tracks.get_mut(usize::from(*track)) {
                    // Ready at last, or put off: how often it was made again is kept.
                    Some(here) if here.step == *step && here.retry == *retry => here.phase = queued.phase,
                    Some(here) => *here = queued,
                    None => self.tracks.push(queued),
                }
            }
            Change::Began { track, step, retry, channel, .. } => {
                let began =
                    Track { step: *step, retry: *retry, channel: *channel, phase: Phase::Attempting, resends: 0 };
                match self.tracks.get_mut(usize::from(*track)) {
                    Some(here) if here.step == *step && here.retry == *retry => here.phase = Phase::Attempting,
                    Some(here) => *here = began,
                    None => self.tracks.push(began),
                }
                if self.attempt(*step, *retry).is_none() {
                    self.attempts.push(Attempt { step: *step, retry: *retry, status: AttemptStatus::Attempting });
                }
            }
            Change::Moved { step, retry, status, .. } => {
                let found = self.attempts.iter_mut().find(|a| a.step == *step && a.retry == *retry);
                if let Some(attempt) = found.filter(|attempt| attempt.status.may_become(*status)) {
                    attempt.status = *status;
                }
            }
            Change::Returned { track, not_before } => {
                if let Some(here) = self.tracks.get_mut(usize::from(*track)) {
                    here.phase = Phase::Queued { not_before: *not_before };
                    let (step, retry) = (here.step, here.retry);
                    // One that may have been taken before stays known, so that its receipt finds it.
                    if here.resends == 0 {
                        self.attempts.retain(|a| (a.step, a.retry) != (step, retry));
                    }
                }
            }
            Change::Resent { track, not_before } => {
                if let Some(here) = self.tracks.get_mut(usize::from(*track)) {
                    here.phase = Phase::Queued { not_before: *not_before };
                    here.resends = here.resends.saturating_add(1);
                }
            }
            Change::Awaiting { track, until } => {
                if let Some(here) = self.tracks.get_mut(usize::from(*track)) {
                    here.phase = Phase::Awaiting { until: *until };
                }
            }
            Change::Ended { track, failure } => {
                if let Some(here) = self.tracks.get_mut(usize::from(*track)) {
                    here.phase = Phase::Ended;
                } else {
                    let channel = Channel::SMS;
                    self.tracks.push(Track { step: 0, retry: 0, channel, phase: Phase::Ended, resends: 0 });
                }
                self.failure = failure.or(self.failure);
            }
            Change::Noted { step, retry, status } => {
                if !self.noted.contains(&(*step, *retry, *status)) {
                    self.noted.push((*step, *retry, *status));
                }
            }
            Change::Stopped => self.stopped = true,
            Change::Settled { status } => self.settled = self.settled.or(Some(*status)),
            Change::Accepted
            | Change::Skipped { .. }
            | Change::Created
            | Change::Stored { .. }
            | Change::Started
            | Change::BroadcastCancelled
            | Change::Parked(_)
            | Change::BroadcastPaused
            | Change::BroadcastResumed
            | Change::RetryOf(_)
            | Change::WebhookDisabled { .. }
            | Change::Via { .. }
            | Change::WentTo { .. }
            | Change::Heard(_)
            | Change::Metered { .. }
            | Change::MutationsReady { .. } => {}
        }
    }
}

/// Changes as they are decided, each applied at once, so that later ones see earlier ones.
struct Decision<'d> {
    state: State,
    changes: Vec<Change>,
    context: &'d Context<'d>,
}

impl<'d> Decision<'d> {
    fn on(state: &State, context: &'d Context<'d>) -> Self {
        Self { state: state.clone(), changes: Vec::new(), context }
    }

    fn push(&mut self, change: Change) {
        self.state.apply(&change);
        self.changes.push(change);
    }

    /// Notes a contradiction, unless it was noted before.
    fn note(&mut self, step: u8, retry: u8, status: AttemptStatus) {
        if self.state.noted.len() < MAX_NOTED && !self.state.noted.contains(&(step, retry, status)) {
            self.push(Change::Noted { step, retry, status });
        }
    }

    /// Takes a track to `step`, or past it and those after it which can't reach the recipient.
    fn enter(&mut self, track: u8, step: Option<u8>, not_before: Timestamp, otherwise: Failure) {
        let mut failure = otherwise;
        let mut next = step;
        while let Some(step) = next {
            let Some(here) = self.context.strategy.step(step) else { break };
            let left_out = match (self.context.reach)(here.channel) {
                Reach::Barred(bar) => Some(bar),
                Reach::No if here.condition == Condition::Reachable => Some(Failure::Unreachable),
                _ => None,
            };
            if let Some(left_out) = left_out {
                failure = left_out;
                self.push(Change::Skipped { step, channel: here.channel, failure });
                next = if here.otherwise == Otherwise::Next { self.context.strategy.next(step) } else { None };
                continue;
            }
            let not_before = if not_before <= self.context.now { Timestamp::ZERO } else { not_before };
            self.push(Change::Queued { track, step, retry: 0, channel: here.channel, not_before });
            return;
        }
        self.push(Change::Ended { track, failure: Some(failure) });
    }

    /// A track that waits goes on no further here. Where it waits to make an attempt again, nobody will ever tell what
    /// became of that. Says whether that is so.
    fn leave(&mut self, number: u8) -> bool {
        let Track { step, retry, phase, .. } = self.state.tracks[usize::from(number)];
        let open = self.state.attempt(step, retry).is_some_and(|attempt| attempt.status == AttemptStatus::Attempting);
        let may_be_there = open && matches!(phase, Phase::Queued { .. });
        if may_be_there {
            self.push(Change::Moved { step, retry, status: AttemptStatus::Unknown, reference: None });
        }
        may_be_there
    }

    /// The same, and it ends. What may be there did not expire, and was not cancelled: nobody knows.
    fn end_waiting(&mut self, number: u8, failure: Option<Failure>) {
        let may_be_there = self.leave(number);
        let failure = failure.map(|failure| if may_be_there { Failure::OutcomeUnknown } else { failure });
        self.push(Change::Ended { track: number, failure });
    }

    /// After a step that had no success: the next one, or the end.
    fn fall_back(&mut self, track: u8, failure: Failure) {
        let step = self.state.tracks[usize::from(track)].step;
        let may = !self.state.stopped && self.context.now < self.context.valid_until;
        if may && self.context.strategy.has_fallback(step) {
            self.enter(track, self.context.strategy.next(step), Timestamp::ZERO, failure);
        } else {
            self.push(Change::Ended { track, failure: Some(failure) });
        }
    }

    fn settle(mut self) -> Vec<Change> {
        let state = &self.state;
        let over = !state.tracks.is_empty() && state.tracks.iter().all(|track| track.phase == Phase::Ended);
        if over && state.settled.is_none() {
            let failed = match state.failure.unwrap_or(Failure::OutcomeUnknown) {
                Failure::Expired => MessageStatus::Expired,
                Failure::Cancelled => MessageStatus::Cancelled,
                failure => MessageStatus::Failed(failure),
            };
            let status = MessageStatus::of_rank(state.best_rank()).unwrap_or(failed);
            self.push(Change::Settled { status });
        }
        self.changes
    }
}

/// What follows from the acceptance of a message: its tracks wait for their first steps.
pub fn accept(context: &Context<'_>, not_before: Timestamp) -> Vec<Change> {
    let mut decision = Decision::on(&State::default(), context);
    decision.push(Change::Accepted);
    for (track, step) in context.strategy.entries().enumerate() {
        decision.enter(track as u8, Some(step), not_before, Failure::Unreachable);
    }
    decision.settle()
}

/// What follows from a delivery's wish to begin the attempt that waits at `channel`. Without
/// `Began` in it, there is nothing to be sent there (any more).
pub fn begin(state: &State, context: &Context<'_>, channel: Channel) -> Vec<Change> {
    let mut decision = Decision::on(state, context);
    for number in 0..state.tracks.len() {
        let track = state.tracks[number];
        let Phase::Queued { not_before } = track.phase else { continue };
        if track.channel != channel || not_before > context.now || state.settled.is_some() {
            continue;
        }
        let number = number as u8;
        if state.stopped {
            decision.end_waiting(number, Some(Failure::Cancelled));
        } else if context.now >= context.valid_until {
            decision.end_waiting(number, Some(Failure::Expired));
        } else {
            let step = context.strategy.step(track.step);
            let conditional = step.is_none_or(|step| step.condition == Condition::Reachable);
            let left_out = match (context.reach)(channel) {
                Reach::Barred(bar) => Some(bar),
                Reach::No if conditional && track.resends == 0 => Some(Failure::Unreachable),
                _ => None,
            };
            if let Some(failure) = left_out {
                decision.leave(number);
                decision.push(Change::Skipped { step: track.step, channel, failure });
                decision.fall_back(number, failure);
            } else {
                decision.push(Change::Began {
                    track: number,
                    step: track.step,
                    retry: track.retry,
                    channel,
                    possible_duplicate: track.resends > 0,
                });
            }
        }
    }
    decision.settle()
}

/// What follows from the end of an attempt, from a receipt, or from the answer to an inquiry.
pub fn outcome(state: &State, context: &Context<'_>, step: u8, retry: u8, outcome: Outcome) -> Vec<Change> {
    let mut decision = Decision::on(state, context);
    let Some(attempt) = state.attempt(step, retry).copied() else {
        if let Outcome::Is(status, _) = outcome {
            decision.note(step, retry, status);
        }
        return decision.changes;
    };
    let at = |track: &&Track| track.step == step && track.retry == retry;
    let number = state.tracks.iter().position(|track| at(&track));
    let current = number.map(|number| (number as u8, state.tracks[number]));
    match outcome {
        Outcome::Throttled(_) | Outcome::NotYet(_) => {
            if let Some((track, Track { phase: Phase::Attempting, .. })) = current {
                if state.stopped || context.now >= context.valid_until {
                    let failure = if state.stopped { Failure::Cancelled } else { Failure::Expired };
                    decision.push(Change::Moved {
                        step,
                        retry,
                        status: AttemptStatus::Failed(Failure::Throttled),
                        reference: None,
                    });
                    decision.push(Change::Ended { track, failure: Some(failure) });
                } else {
                    let usual = || context.backoff.delay(0, context.random).unwrap_or(context.backoff.first);
                    let not_before = match outcome {
                        Outcome::NotYet(at) => at,
                        Outcome::Throttled(Some(pause)) => context.now.plus(pause),
                        _ => context.now.plus(usual()),
                    };
                    decision.push(Change::Returned { track, not_before });
                }
            }
        }
        Outcome::Unknown => {
            if let Some((track, here @ Track { phase: Phase::Attempting, .. })) = current {
                unknown(&mut decision, track, here);
            }
        }
        Outcome::Is(status, reference) => {
            if !attempt.status.may_become(status) {
                if !attempt.status.already_says(status) {
                    decision.note(step, retry, status);
                }
                return decision.changes;
            }
            // That the channel failed to take it again doesn't tell what it did the first time: under
            // another reference it would be a duplicate that nobody marks.
            let is_retryable = status.failure().is_some_and(Failure::is_retryable);
            if let (true, Some((track, here @ Track { phase: Phase::Attempting, resends: 1.., .. }))) =
                (is_retryable, current)
            {
                unknown(&mut decision, track, here);
                return decision.settle();
            }
            decision.push(Change::Moved { step, retry, status, reference });
            progress(&mut decision, current, step, status);
        }
    }
    decision.settle()
}

/// Nobody can tell whether the channel took an attempt: again under the same reference, or the next step.
fn unknown(decision: &mut Decision<'_>, track: u8, here: Track) {
    let context = decision.context;
    let may = !decision.state.stopped && context.now < context.valid_until && here.resends < MAX_RESENDS;
    if may && context.strategy.on_unknown == OnUnknown::Resend {
        let pause = context.backoff.delay(here.resends, context.random).unwrap_or(context.backoff.max);
        decision.push(Change::Resent { track, not_before: context.now.plus(pause) });
    } else {
        let (step, retry) = (here.step, here.retry);
        decision.push(Change::Moved { step, retry, status: AttemptStatus::Unknown, reference: None });
        decision.fall_back(track, Failure::OutcomeUnknown);
    }
}

/// What an attempt's new status means for its track.
fn progress(decision: &mut Decision<'_>, current: Option<(u8, Track)>, step: u8, status: AttemptStatus) {
    let context = decision.context;
    let Some(here) = context.strategy.step(step) else { return };
    let success = status.rank() > 0 && status.rank() >= here.success.rank();
    match current {
        Some((_, Track { phase: Phase::Ended, .. })) => {}
        Some((track, _)) if success => decision.push(Change::Ended { track, failure: None }),
        Some((_, Track { phase: Phase::Awaiting { .. }, .. })) if status.rank() > 0 => {}
        Some((track, _)) if status.rank() > 0 => {
            decision.push(Change::Awaiting { track, until: context.now.plus(here.horizon) });
        }
        Some((track, now)) => {
            let failure = status.failure().unwrap_or(Failure::OutcomeUnknown);
            let again = context.backoff.delay(now.retry, context.random).filter(|_| {
                failure.is_retryable()
                    && !decision.state.stopped
                    && matches!(now.phase, Phase::Attempting | Phase::Queued { .. })
            });
            match again.map(|pause| context.now.plus(pause)).filter(|at| *at < context.valid_until) {
                Some(not_before) => decision.push(Change::Queued {
                    track,
                    step,
                    retry: now.retry + 1,
                    channel: now.channel,
                    not_before,
                }),
                None => decision.fall_back(track, failure),
            }
        }
        // An earlier attempt had success after all, while a later one has not begun.
        None if success => {
            let waits = |track: &Track| {
                let same = context.strategy.step(track.step).is_some_and(|other| other.track == here.track);
                same && matches!(track.phase, Phase::Queued { .. })
            };
            if let Some(number) = decision.state.tracks.iter().position(waits) {
                decision.end_waiting(number as u8, None);
            }
        }
        None => {}
    }
}

/// What follows from the passing of time.
pub fn due(state: &State, context: &Context<'_>) -> Vec<Change> {
    let mut decision = Decision::on(state, context);
    if state.settled.is_some() {
        return Vec::new();
    }
    for number in 0..state.tracks.len() {
        let track = state.tracks[number];
        let number = number as u8;
        match track.phase {
            Phase::Queued { .. } if context.now >= context.valid_until => {
                decision.end_waiting(number, Some(Failure::Expired));
            }
            Phase::Queued { not_before } if not_before > Timestamp::ZERO && not_before <= context.now => {
                decision.push(Change::Queued {
                    track: number,
                    step: track.step,
                    retry: track.retry,
                    channel: track.channel,
                    not_before: Timestamp::ZERO,
                });
            }
            Phase::Awaiting { until } if until <= context.now => {
                decision.fall_back(number, Failure::OutcomeUnknown);
            }
            _ => {}
        }
    }
    decision.settle()
}

/// What follows from the sender's wish that nothing more be sent. Attempts under way go on, and
/// are not followed by others. Empty when the message is settled already.
pub fn cancel(state: &State, context: &Context<'_>) -> Vec<Change> {
    if state.settled.is_some() {
        return Vec::new();
    }
    let mut decision = Decision::on(state, context);
    if !state.stopped {
        decision.push(Change::Stopped);
    }
    for (number, track) in state.tracks.iter().enumerate() {
        if matches!(track.phase, Phase::Queued { .. } | Phase::Awaiting { .. }) {
            decision.end_waiting(number as u8, Some(Failure::Cancelled));
        }
    }
    decision.settle()
}

#[cfg(test)]
mod tests;
