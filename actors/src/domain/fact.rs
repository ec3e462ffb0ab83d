//! What happened: the facts of the feed. A fact is durable when the feed has it, and everything
//! that holds a current status is made of facts by [`super::life::State::apply`].
//!
//! The order of variants and fields is the format on disk: append, never insert.
use serde::{Deserialize, Serialize};

use super::channel::Channel;
use super::failure::Failure;
use super::id::{BroadcastId, ChunkId, MessageId};
use super::inbound::Heard;
use super::price::Money;
use super::receipt::Receipt;
use super::status::{AttemptStatus, MessageStatus};
use super::submission::Institution;
use super::time::Timestamp;

/// What a fact is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Subject {
    /// One message, single or row.
    Message(MessageId),
    /// Several rows of a chunk, to which the same happened: their places, ascending.
    Rows(ChunkId, Vec<u16>),
    /// A broadcast as a whole.
    Broadcast(BroadcastId),
    /// No message: a parked receipt, or what concerns the institution itself.
    Nobody,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// Whose fact: nobody else ever sees it. A parked receipt belongs to none.
    pub institution: Option<Institution>,
    /// About what.
    pub subject: Subject,
    /// When, as the owner of the partition decided.
    pub at: Timestamp,
    /// What.
    pub change: Change,
}

/// What happened to a message, a broadcast, or a receipt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// A message was accepted; its record stands beside the feed.
    Accepted,
    /// A track waits to take a step: at once when `not_before` has passed.
    Queued {
        /// The track.
        track: u8,
        /// The step.
        step: u8,
        /// Attempts of this step that failed before.
        retry: u8,
        /// The step's channel.
        channel: Channel,
        /// Not before.
        not_before: Timestamp,
    },
    /// A step was left out.
    Skipped {
        /// The step.
        step: u8,
        /// Its channel.
        channel: Channel,
        /// Why.
        failure: Failure,
    },
    /// An attempt begins: durable before a byte leaves.
    Began {
        /// The track.
        track: u8,
        /// The step.
        step: u8,
        /// Attempts of this step that failed before.
        retry: u8,
        /// The step's channel.
        channel: Channel,
        /// The channel may have it already.
        possible_duplicate: bool,
    },
    /// The status of an attempt moved forward.
    Moved {
        /// The step.
        step: u8,
        /// The retry.
        retry: u8,
        /// To where.
        status: AttemptStatus,
        /// The channel's own reference.
        reference: Option<Box<str>>,
    },
    /// The channel asked to slow down: the attempt goes back to the queue and counts for nothing.
    Returned {
        /// The track.
        track: u8,
        /// Not before.
        not_before: Timestamp,
    },
    /// Nobody could tell what the channel did: the same attempt will be made again.
    Resent {
        /// The track.
        track: u8,
        /// Not before.
        not_before: Timestamp,
    },
    /// A track waits for the channel's word.
    Awaiting {
        /// The track.
        track: u8,
        /// Until when at most.
        until: Timestamp,
    },
    /// A track takes no further step.
    Ended {
        /// The track.
        track: u8,
        /// Why, unless it succeeded.
        failure: Option<Failure>,
    },
    /// The sender wants no further step.
    Stopped,
    /// No further step will be taken: said exactly once.
    Settled {
        /// The status then.
        status: MessageStatus,
    },
    /// A fact that contradicts what is known; it changes nothing.
    Noted {
        /// The step.
        step: u8,
        /// The retry.
        retry: u8,
        /// What was said.
        status: AttemptStatus,
    },
    /// A broadcast was created; its record stands beside the feed.
    Created,
    /// A chunk of a broadcast was stored: so many rows.
    Stored {
        /// The chunk's number.
        chunk: u32,
        /// Its rows.
        rows: u16,
    },
    /// A broadcast was started: its rows now wait for their first step.
    Started,
    /// A broadcast was cancelled.
    BroadcastCancelled,
    /// A receipt that matches nothing yet.
    Parked(Box<Receipt>),
    /// A broadcast was paused: no step of its rows is begun until it goes on.
    BroadcastPaused,
    /// A broadcast goes on.
    BroadcastResumed,
    /// This message is another try of a settled one.
    RetryOf(MessageId),
    /// A webhook of the institution was switched off: nothing is sent there until it is switched on again.
    WebhookDisabled {
        /// Its name.
        webhook: Box<str>,
        /// Why.
        reason: Box<str>,
    },
    /// An attempt went over this provider of its channel, where the channel has several.
    Via {
        /// The step.
        step: u8,
        /// The retry.
        retry: u8,
        /// The provider's name.
        provider: Box<str>,
    },
    /// A citizen wrote to us. About nobody's message; the fact is of the institution that was written to.
    Heard(Box<Heard>),
    /// An attempt was taken by its channel, and counts: said once for each, with what it costs by the prices of that
    /// moment.
    Metered {
        /// The step.
        step: u8,
        /// The retry.
        retry: u8,
        /// The channel.
        channel: Channel,
        /// Its parts there.
        parts: u16,
        /// What it costs.
        cost: Money,
    },
    /// An attempt went to this mobile number, or may have: whom a citizen answers is found by it, also when the message named
    /// the citizen otherwise, and when its content is past its retention.
    WentTo {
        /// The step.
        step: u8,
        /// The retry.
        retry: u8,
        /// The number, as a keyed hash (see [`crate::ports::Journal::hash_of`]).
        number: u64,
    },
    /// A file of mutations is there for the institution to fetch. About nobody's message.
    MutationsReady {
        /// Its number: the institution's files count 1, 2, 3 and so on.
        sequence: u64,
        /// Mutations in it.
        count: u32,
        /// SHA-256 of it.
        sha256: Box<[u8; 32]>,
    },
}
