//! Why an attempt failed, and whether another can help. The list is DOMAIN's; the retryability
//! belongs to the failure and is decided nowhere else.
use serde::{Deserialize, Serialize};

/// A typed failure of an attempt, or of a message as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// No app, no mailbox, not a mobile. The next step may reach the citizen; this one can't.
    Unreachable,
    /// On the sender's suppression list.
    Suppressed,
    /// The channel refused it for good.
    RejectedByChannel,
    /// The channel asks to slow down.
    Throttled,
    /// The channel can't be reached, or says that it is down.
    ChannelDown,
    /// The channel didn't take it in time, and is known not to have it.
    Timeout,
    /// The channel can't carry this content.
    InvalidContent,
    /// The recipient withdrew a consent that the channel needs.
    ConsentWithdrawn,
    /// The channel's own validity passed before it reached the handset.
    ChannelExpired,
    /// Our validity passed before it was sent.
    Expired,
    /// The sender cancelled it.
    Cancelled,
    /// Nobody can tell what the channel did, and the strategy says not to send again.
    OutcomeUnknown,
    /// A row whose key came before in its broadcast: the first one counts.
    DuplicateRow,
    /// The strategy demands that the sender has the recipient in its register, and it has not.
    NotInRegister,
}

impl Failure {
    /// Every failure, in the order in which they are stored (see [`Self::code`]).
    pub const ALL: [Self; 14] = [
        Self::Unreachable,
        Self::Suppressed,
        Self::RejectedByChannel,
        Self::Throttled,
        Self::ChannelDown,
        Self::Timeout,
        Self::InvalidContent,
        Self::ConsentWithdrawn,
        Self::ChannelExpired,
        Self::Expired,
        Self::Cancelled,
        Self::OutcomeUnknown,
        Self::DuplicateRow,
        Self::NotInRegister,
    ];

    /// Whether the same step may succeed when it is tried again later.
    pub fn is_retryable(self) -> bool {
        matches!(self, Self::Throttled | Self::ChannelDown | Self::Timeout)
    }

    /// Whether trying again uses up one of the retries. Waiting for a limit doesn't.
    pub fn uses_up_a_retry(self) -> bool {
        self != Self::Throttled
    }

    /// Its place in [`Self::ALL`], as stored in a status vector.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The name, as in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Suppressed => "suppressed",
            Self::RejectedByChannel => "rejected_by_channel",
            Self::Throttled => "throttled",
            Self::ChannelDown => "channel_down",
            Self::Timeout => "timeout",
            Self::InvalidContent => "invalid_content",
            Self::ConsentWithdrawn => "consent_withdrawn",
            Self::ChannelExpired => "channel_expired",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
            Self::OutcomeUnknown => "outcome_unknown",
            Self::DuplicateRow => "duplicate_row",
            Self::NotInRegister => "not_in_register",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_places_in_the_list_and_so_are_stable() {
        for (place, failure) in Failure::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(failure.code()), place, "{failure:?}");
        }
    }

    #[test]
    fn only_passing_troubles_are_tried_again() {
        let again: Vec<_> = Failure::ALL.into_iter().filter(|failure| failure.is_retryable()).collect();
        assert_eq!(again, [Failure::Throttled, Failure::ChannelDown, Failure::Timeout]);
        assert!(!Failure::Throttled.uses_up_a_retry());
    }
}
