//! What a channel says of an attempt after it took it.
use serde::{Deserialize, Serialize};

use super::channel::Channel;
use super::id::AttemptRef;
use super::status::AttemptStatus;

/// How a receipt names its attempt.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum About {
    /// By our reference, which the channel echoed.
    Attempt(AttemptRef),
    /// By the channel's own id only.
    ChannelReference(Box<str>),
}

/// A fact from a channel: an answer to a poll, or a callback.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Which channel says it.
    pub channel: Channel,
    /// Of which attempt.
    pub about: About,
    /// What it says.
    pub status: AttemptStatus,
    /// The channel's own id of the message, where it tells it.
    pub channel_reference: Option<Box<str>>,
}
