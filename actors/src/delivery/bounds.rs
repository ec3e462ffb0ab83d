//! Which limit binds: of a channel, and of a message that waits there.
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;

use super::Desk;
use super::pace::Hold;
use crate::domain::status::WaitReason;
use crate::domain::submission::{Envelope, Recipient};
use crate::domain::time::Timestamp;

/// How long a limit is said to bind after it turned work away.
const LATELY: Duration = Duration::from_secs(1);

/// When each limit last turned work away, in milliseconds since 1970; 0 for never.
#[derive(Debug, Default)]
pub(super) struct Bounds {
    pub window: AtomicU64,
    pub rate: AtomicU64,
    pub institution: AtomicU64,
    pub recipient: AtomicU64,
}

/// What keeps a channel from sending more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// An operator paused it.
    Paused,
    /// Its circuit breaker is open, or lets one attempt at a time through.
    Breaker,
    /// The channel asked to slow down.
    Throttled,
    /// Its parts a second.
    ChannelRate,
    /// Its attempts under way.
    Window,
    /// The parts a second of the senders that wait.
    InstitutionRate,
    /// The parts in a time of the recipients to whom messages wait.
    RecipientRate,
}

impl Limit {
    /// The name, as it is shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Paused => "paused",
            Self::Breaker => "breaker",
            Self::Throttled => "throttled",
            Self::ChannelRate => "channel_rate",
            Self::Window => "window",
            Self::InstitutionRate => "institution_rate",
            Self::RecipientRate => "recipient_rate",
        }
    }

    /// Why a message waits that it keeps back.
    pub fn reason(self) -> WaitReason {
        match self {
            Self::Paused => WaitReason::Paused,
            Self::Breaker => WaitReason::ChannelDown,
            Self::Throttled | Self::ChannelRate | Self::Window | Self::InstitutionRate | Self::RecipientRate => {
                WaitReason::Limit
            }
        }
    }
}

impl Desk {
    /// What binds a message that waits here: its recipient's limit, its sender's, or what binds all. None when it is only
    /// behind others, or about to go.
    pub fn binding(&self, envelope: &Envelope, recipient: impl FnOnce() -> Recipient) -> Option<Limit> {
        let all = self.bottleneck();
        if let Some(Limit::Paused | Limit::Breaker | Limit::Throttled) = all {
            return all;
        }
        let rates = &self.pace.rates;
        if rates.keeps_back(envelope.institution, envelope.lane, recipient) {
            return Some(Limit::RecipientRate);
        }
        if rates.turned_away(envelope.institution).is_some_and(|ago| ago <= LATELY) {
            return Some(Limit::InstitutionRate);
        }
        // Others' limits don't bind this one.
        match all.filter(|limit| !matches!(limit, Limit::InstitutionRate | Limit::RecipientRate)) {
            None if self.under_way() >= self.settings().window => Some(Limit::Window),
            all => all,
        }
    }

    fn lately(&self, at: Timestamp) -> bool {
        at > Timestamp::ZERO && self.clock.now().since(at) <= LATELY
    }

    /// Which limit turned work away within the last second, the most telling first.
    pub fn bottleneck(&self) -> Option<Limit> {
        let now = self.clock.now();
        match self.pace.hold(now) {
            Some(Hold::Paused) => return Some(Limit::Paused),
            Some(Hold::Down(_)) => return Some(Limit::Breaker),
            Some(Hold::Throttled(_)) => return Some(Limit::Throttled),
            None => {}
        }
        let lately = |bound: &AtomicU64| self.lately(Timestamp::from_millis(bound.load(Ordering::Relaxed)));
        if lately(&self.bounds.rate) {
            Some(if self.pace.is_slowed() { Limit::Throttled } else { Limit::ChannelRate })
        } else if lately(&self.bounds.window) {
            Some(if self.pace.most() == usize::MAX { Limit::Window } else { Limit::Breaker })
        } else if lately(&self.bounds.institution) {
            Some(Limit::InstitutionRate)
        } else {
            lately(&self.bounds.recipient).then_some(Limit::RecipientRate)
        }
    }
}
