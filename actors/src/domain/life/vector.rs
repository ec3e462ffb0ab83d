//! A row's state in one byte, for all that is common: one track, no retry, nothing unusual. What
//! doesn't fit is kept whole beside the vector, as an exception.
//!
//! `step * 32 + phase`; the phases are the constants below and the format on disk.
use super::{Attempt, Phase, State, Track};
use crate::domain::failure::Failure;
use crate::domain::status::{AttemptStatus, MessageStatus};
use crate::domain::strategy::Strategy;
use crate::domain::time::Timestamp;

/// The byte that says: look among the exceptions.
pub const EXCEPTION: u8 = u8::MAX;

const QUEUED: u8 = 0;
const ATTEMPTING: u8 = 1;
const AWAITING_SENT: u8 = 2;
const AWAITING_DELIVERED: u8 = 3;
const SETTLED: u8 = 3; // + rank 1 to 4
const FAILED: u8 = 8; // + code of the failure

impl State {
    /// The state as a row's byte, or `None` when it doesn't fit in one. A wait for a receipt
    /// keeps no time of its own: the chunk's latest holds for all its rows.
    pub fn to_code(&self, strategy: &Strategy) -> Option<u8> {
        let [track] = self.tracks.as_slice() else { return None };
        if self.stopped || !self.noted.is_empty() || track.retry > 0 || track.resends > 0 {
            return None;
        }
        if strategy.step(track.step).is_none_or(|step| step.channel != track.channel) {
            return None;
        }
        // What came before and could not reach anybody says nothing more.
        let (earlier, here): (Vec<Attempt>, Vec<Attempt>) =
            self.attempts.iter().copied().partition(|attempt: &Attempt| attempt.step < track.step);
        if earlier.iter().any(|attempt| attempt.status != AttemptStatus::Failed(Failure::Unreachable)) || here.len() > 1
        {
            return None;
        }
        let last = here.first().map(|attempt| attempt.status);
        let phase = match (self.settled, track.phase, last) {
            (None, Phase::Queued { not_before: Timestamp::ZERO }, None) => QUEUED,
            (None, Phase::Attempting, Some(AttemptStatus::Attempting)) => ATTEMPTING,
            (None, Phase::Awaiting { .. }, Some(AttemptStatus::Sent)) => AWAITING_SENT,
            (None, Phase::Awaiting { .. }, Some(AttemptStatus::Delivered)) => AWAITING_DELIVERED,
            (Some(settled), Phase::Ended, Some(status)) if settled.rank() > 0 && status.rank() >= settled.rank() => {
                SETTLED + status.rank()
            }
            (Some(settled), Phase::Ended, last) => {
                let failure = match settled {
                    MessageStatus::Failed(failure) => failure,
                    MessageStatus::Expired => Failure::Expired,
                    MessageStatus::Cancelled => Failure::Cancelled,
                    _ => return None,
                };
                let told = last.is_none_or(|status| status.failure() == Some(failure));
                if !told || self.failure != Some(failure) {
                    return None;
                }
                FAILED + failure.code()
            }
            _ => return None,
        };
        Some(track.step * 32 + phase)
    }

    /// The state that a row's byte stands for; `None` for [`EXCEPTION`] and for no code at all.
    /// `until` is the chunk's latest time to wait for receipts.
    pub fn from_code(code: u8, strategy: &Strategy, until: Timestamp) -> Option<Self> {
        let step = code / 32;
        let channel = strategy.step(step)?.channel;
        let attempt = |status| vec![Attempt { step, retry: 0, status }];
        let state = |phase, attempts, settled, failure| Self {
            tracks: vec![Track { step, retry: 0, channel, phase, resends: 0 }],
            attempts,
            settled,
            failure,
            stopped: false,
            noted: Vec::new(),
        };
        Some(match code % 32 {
            QUEUED => state(Phase::Queued { not_before: Timestamp::ZERO }, Vec::new(), None, None),
            ATTEMPTING => state(Phase::Attempting, attempt(AttemptStatus::Attempting), None, None),
            AWAITING_SENT => state(Phase::Awaiting { until }, attempt(AttemptStatus::Sent), None, None),
            AWAITING_DELIVERED => state(Phase::Awaiting { until }, attempt(AttemptStatus::Delivered), None, None),
            phase @ 4..=7 => {
                let (status, settled) = match phase - SETTLED {
                    1 => (AttemptStatus::Sent, MessageStatus::Sent),
                    2 => (AttemptStatus::Delivered, MessageStatus::Delivered),
                    3 => (AttemptStatus::Read, MessageStatus::Read),
                    _ => (AttemptStatus::Acted, MessageStatus::Acted),
                };
                state(Phase::Ended, attempt(status), Some(settled), None)
            }
            phase @ FAILED.. => {
                let failure = *Failure::ALL.get(usize::from(phase - FAILED))?;
                let (settled, attempts) = match failure {
                    Failure::Expired => (MessageStatus::Expired, Vec::new()),
                    Failure::Cancelled => (MessageStatus::Cancelled, Vec::new()),
                    Failure::DuplicateRow => (MessageStatus::Failed(failure), Vec::new()),
                    Failure::ChannelExpired => (MessageStatus::Failed(failure), attempt(AttemptStatus::ChannelExpired)),
                    Failure::OutcomeUnknown => (MessageStatus::Failed(failure), attempt(AttemptStatus::Unknown)),
                    _ => (MessageStatus::Failed(failure), attempt(AttemptStatus::Failed(failure))),
                };
                state(Phase::Ended, attempts, Some(settled), Some(failure))
            }
        })
    }
}
