//! The status of an attempt and of a message, and the one direction in which they move.
use serde::{Deserialize, Serialize};

use super::failure::Failure;

/// Where one attempt stands. It only moves forward: see [`AttemptStatus::may_become`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptStatus {
    /// On disk, perhaps on its way; the channel has not answered.
    Attempting,
    /// The channel took it.
    Sent,
    /// It reached the device, the handset or the mailbox.
    Delivered,
    /// The citizen opened it.
    Read,
    /// The citizen acted on it (GovApp's ACTION_TAKEN).
    Acted,
    /// It failed.
    Failed(Failure),
    /// The channel's validity passed.
    ChannelExpired,
    /// We can't tell what the channel did.
    Unknown,
}

impl AttemptStatus {
    /// Every name, in the order of the life of an attempt.
    pub const NAMES: [&'static str; 8] =
        ["attempting", "sent", "delivered", "read", "acted", "failed", "channel_expired", "unknown"];

    /// How far along sent, delivered, read, acted it got; 0 when not on that way.
    pub fn rank(self) -> u8 {
        match self {
            Self::Sent => 1,
            Self::Delivered => 2,
            Self::Read => 3,
            Self::Acted => 4,
            _ => 0,
        }
    }

    /// Whether `next` is a step forward. Anything else is noted beside, or is a repetition.
    pub fn may_become(self, next: Self) -> bool {
        match self {
            Self::Attempting => next != Self::Attempting,
            // What we could not tell, a receipt can.
            Self::Unknown => !matches!(next, Self::Attempting | Self::Unknown),
            Self::Sent => next.rank() > 1 || matches!(next, Self::Failed(_) | Self::ChannelExpired),
            Self::Delivered | Self::Read | Self::Acted => next.rank() > self.rank(),
            Self::Failed(_) | Self::ChannelExpired => false,
        }
    }

    /// Whether `fact` says nothing new about an attempt that stands here.
    pub fn already_says(self, fact: Self) -> bool {
        self == fact || (fact.rank() > 0 && self.rank() >= fact.rank())
    }

    /// The name, as in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Attempting => "attempting",
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Read => "read",
            Self::Acted => "acted",
            Self::Failed(_) => "failed",
            Self::ChannelExpired => "channel_expired",
            Self::Unknown => "unknown",
        }
    }

    /// The failure in it.
    pub fn failure(self) -> Option<Failure> {
        match self {
            Self::Failed(failure) => Some(failure),
            Self::ChannelExpired => Some(Failure::ChannelExpired),
            Self::Unknown => Some(Failure::OutcomeUnknown),
            _ => None,
        }
    }
}

/// Where a message stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageStatus {
    /// A step may still be taken.
    Waiting,
    /// Settled: taken by a channel, and no receipt within the strategy's horizon (yet).
    Sent,
    /// Settled: it reached the citizen's device, handset or mailbox.
    Delivered,
    /// Settled: opened.
    Read,
    /// Settled: acted on.
    Acted,
    /// Settled: no step succeeded.
    Failed(Failure),
    /// Settled: its validity passed before it could be sent.
    Expired,
    /// Settled: cancelled by its sender before it was sent.
    Cancelled,
}

impl MessageStatus {
    /// Every name, in the order of the life of a message.
    pub const NAMES: [&'static str; 8] =
        ["waiting", "sent", "delivered", "read", "acted", "failed", "expired", "cancelled"];

    /// The status that an attempt's progress gives a settled message.
    pub fn of_rank(rank: u8) -> Option<Self> {
        Some(match rank {
            1 => Self::Sent,
            2 => Self::Delivered,
            3 => Self::Read,
            4 => Self::Acted,
            _ => return None,
        })
    }

    /// How far along sent, delivered, read, acted; 0 when not on that way.
    pub fn rank(self) -> u8 {
        match self {
            Self::Sent => 1,
            Self::Delivered => 2,
            Self::Read => 3,
            Self::Acted => 4,
            _ => 0,
        }
    }

    /// The name, as in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Read => "read",
            Self::Acted => "acted",
            Self::Failed(_) => "failed",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Why a message waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitReason {
    /// Its time has not come, or that of its next try.
    Scheduled,
    /// Outside the send window.
    WindowClosed,
    /// Behind others, at a limit's pace.
    Limit,
    /// The channel is paused.
    Paused,
    /// The channel doesn't answer.
    ChannelDown,
    /// An attempt is under way, or about to be.
    InProgress,
    /// Sent; the strategy waits for the channel's word.
    AwaitingReceipt,
}

impl WaitReason {
    /// Every reason.
    pub const ALL: [Self; 7] = [
        Self::Scheduled,
        Self::WindowClosed,
        Self::Limit,
        Self::Paused,
        Self::ChannelDown,
        Self::InProgress,
        Self::AwaitingReceipt,
    ];

    /// The name, as in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::WindowClosed => "window_closed",
            Self::Limit => "limit",
            Self::Paused => "paused",
            Self::ChannelDown => "channel_down",
            Self::InProgress => "in_progress",
            Self::AwaitingReceipt => "awaiting_receipt",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_status() -> impl Strategy<Value = AttemptStatus> {
        prop::sample::select(vec![
            AttemptStatus::Attempting,
            AttemptStatus::Sent,
            AttemptStatus::Delivered,
            AttemptStatus::Read,
            AttemptStatus::Acted,
            AttemptStatus::Failed(Failure::RejectedByChannel),
            AttemptStatus::ChannelExpired,
            AttemptStatus::Unknown,
        ])
    }

    proptest! {
        #[test]
        fn no_attempt_ever_comes_back_to_where_it_was(facts in prop::collection::vec(any_status(), 1..40)) {
            let mut now = AttemptStatus::Attempting;
            let mut seen = vec![now];
            for fact in facts {
                if now.may_become(fact) {
                    prop_assert!(!seen.contains(&fact));
                    prop_assert!(fact.rank() == 0 || fact.rank() > now.rank());
                    now = fact;
                    seen.push(now);
                }
            }
        }

        #[test]
        fn what_repeats_is_never_a_step_forward(a in any_status(), b in any_status()) {
            prop_assert!(!(a.already_says(b) && a.may_become(b)));
        }
    }
}
