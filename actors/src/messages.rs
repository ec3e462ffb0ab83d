//! What the actors say to each other: commands are imperatives, facts are in the past tense.
//! Everything travels in batches.
use std::sync::Arc;
use std::time::Duration;

use actix::Message;
use tokio::sync::oneshot;

use crate::delivery::Wish;
use crate::domain::channel::Channel;
use crate::domain::id::{AttemptRef, BroadcastId, MessageId};
use crate::domain::inbound::Heard;
use crate::domain::life::Outcome;
use crate::domain::mobile::Mobile;
use crate::domain::receipt::Receipt;
use crate::domain::status::MessageStatus;
use crate::domain::submission::{Broadcast, Envelope, Institution};
use crate::ports::{ArchiveError, BroadcastPhase, JournalError, PackedRows};

/// Why the broker did not do what it was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Refused {
    /// Too much under way.
    #[error("too many requests are under way; try again in {} s", .retry_after.as_secs())]
    Overloaded {
        /// When to try again.
        retry_after: Duration,
    },
    /// An actor is being replaced.
    #[error("the broker is restarting a part of itself; try again in a second")]
    Restarting,
    /// Nothing can be written.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Nothing can be read.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// Not known, or another's.
    #[error("no such message or broadcast of yours; check the id")]
    NotFound,
    /// Too late for what was asked.
    #[error("{0}")]
    Conflict(&'static str),
}

/// What a submission led to so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Which message.
    pub id: MessageId,
    /// Its status by the last commit.
    pub status: MessageStatus,
    /// Whether the waiting call has its answer: a `sent` that the strategy accepts, or settlement.
    pub answered: bool,
}

/// A message to accept.
#[derive(Debug)]
pub struct Submitted {
    /// Its record, with its id.
    pub envelope: Arc<Envelope>,
    /// Told once the waiting call has its answer, where somebody waits.
    pub answered: Option<oneshot::Sender<Progress>>,
    /// The settled message of which this is another try.
    pub retry_of: Option<MessageId>,
}

/// To the supervisor: accept these, all in one commit.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Submit {
    /// The messages.
    pub submitted: Vec<Submitted>,
    /// Told once, after the commit: how far each is, in the same order.
    pub accepted: oneshot::Sender<Result<Vec<Progress>, Refused>>,
}

/// A delivery to the supervisor: may these begin at my channel? Answered by [`Deliver`] for those
/// that may, after the commit; the others have nothing to be sent there.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Begin {
    /// What it would send.
    pub work: Vec<Arc<Envelope>>,
    /// For as many messages: the places that they hold.
    pub wish: Wish,
}

/// An attempt that is durable and may be sent now.
#[derive(Clone, Debug)]
pub struct Assignment {
    /// Which attempt.
    pub attempt: AttemptRef,
    /// The message.
    pub envelope: Arc<Envelope>,
    /// The channel may have it already.
    pub possible_duplicate: bool,
}

/// The supervisor to a delivery: send these now.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Deliver(pub Vec<Assignment>);

/// How an attempt ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// Which attempt.
    pub attempt: AttemptRef,
    /// The message.
    pub envelope: Arc<Envelope>,
    /// Over which provider, where the channel has several.
    pub provider: Option<Box<str>>,
    /// To which mobile number it went, where the channel needs one.
    pub mobile: Option<Mobile>,
    /// How.
    pub outcome: Outcome,
}

/// A delivery to the supervisor: these attempts ended. Repeated until [`Recorded`] confirms it.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Record {
    /// The delivery's channel.
    pub channel: Channel,
    /// The ends.
    pub ended: Vec<Ended>,
}

/// The supervisor to a delivery: these ends are durable.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Recorded(pub Vec<AttemptRef>);

/// To the supervisor: a channel said this. Answered after the commit.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Receive {
    /// What it said.
    pub receipts: Vec<Receipt>,
    /// Told after the commit.
    pub recorded: oneshot::Sender<Result<(), Refused>>,
}

/// To the supervisor: citizens wrote this. Answered after the commit.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Hear {
    /// What was written, and to whom.
    pub heard: Vec<(Option<Institution>, Heard)>,
    /// Told after the commit.
    pub recorded: oneshot::Sender<Result<(), Refused>>,
}

/// To the supervisor: send nothing more of this message.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Cancel {
    /// Whose it must be; the operator (`None`) may cancel any.
    pub owner: Option<Institution>,
    /// Which.
    pub id: MessageId,
    /// Told after the commit: the status then.
    pub cancelled: oneshot::Sender<Result<MessageStatus, Refused>>,
}

/// To the supervisor: something of a broadcast.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Command {
    /// What.
    pub order: BroadcastOrder,
    /// Told after the commit.
    pub done: oneshot::Sender<Result<(), Refused>>,
}

/// What can be done with a broadcast. The face has checked the owner; the phase is checked again.
#[derive(Debug)]
pub enum BroadcastOrder {
    /// Create it.
    Create(Arc<Broadcast>),
    /// Store a chunk of recipients, behind those that are there.
    Fill(BroadcastId, PackedRows),
    /// Start it; rows with a key that came before are settled as duplicates.
    Start(BroadcastId, Vec<MessageId>),
    /// Cancel what waits.
    Cancel(BroadcastId),
    /// Begin nothing more of it for now.
    Pause(BroadcastId),
    /// Go on with it.
    Resume(BroadcastId),
}

impl BroadcastOrder {
    /// Whether it can be done in the phase of its broadcast; `None` is the phase of one that is over or not known.
    ///
    /// # Errors
    /// A conflict that says what the phase is.
    pub fn check(&self, phase: impl Fn(BroadcastId) -> Option<BroadcastPhase>) -> Result<(), Refused> {
        use BroadcastPhase::{Cancelled, Done, Draft, Paused, Started};
        let (id, may) = match self {
            Self::Create(_) => return Ok(()),
            Self::Fill(id, _) | Self::Start(id, _) => (*id, &[Draft][..]),
            Self::Cancel(id) => (*id, &[Draft, Started, Paused][..]),
            Self::Pause(id) => (*id, &[Started][..]),
            Self::Resume(id) => (*id, &[Paused][..]),
        };
        let phase = phase(id).unwrap_or(Done);
        if may.contains(&phase) {
            return Ok(());
        }
        Err(Refused::Conflict(match phase {
            Draft => "the broadcast was not started",
            Started => "the broadcast is started already",
            Paused => "the broadcast is paused already",
            Cancelled => "the broadcast is cancelled",
            Done => "the broadcast is over: every row is settled",
        }))
    }
}

/// To a delivery: there may be something in your queues.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct Wake;

/// An operator to a delivery.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub enum Steer {
    /// Take nothing from the queues until resumed.
    Pause,
    /// Go on; closes the circuit breaker too.
    Resume,
    /// Messages a second from now on, until the configuration is loaded again.
    Rate(u32),
}

/// Test builds only: makes the actor panic at its next message.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct Panic;
