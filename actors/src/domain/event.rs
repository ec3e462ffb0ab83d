//! What senders are told of what happened: which facts are events, under which names, and in
//! which order they are counted.
//!
//! Names and order are promised to senders: a name is never changed, and the place of an event
//! follows from the feed alone, so that the same event has the same id for ever.
use serde::{Deserialize, Serialize};

use super::channel::Channel;
use super::fact::{Change, Subject};
use super::id::{BroadcastId, Kind as IdKind, MessageId};
use super::status::AttemptStatus;
use super::submission::Institution;
use super::time::Timestamp;

/// A place in the feed: a value, and what of it was looked at. Ordered as things happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// The position of the value.
    pub position: u64,
    /// The fact in it, counted for each message that it is about; [`Place::WHOLE`] for all.
    pub index: u32,
}

impl Place {
    /// The index behind every fact of a value.
    pub const WHOLE: u32 = u32::MAX;

    /// The place behind everything at a position.
    pub fn behind(position: u64) -> Self {
        Self { position, index: Self::WHOLE }
    }
}

/// The name of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A message is on disk and will be seen to.
    Accepted,
    /// A step was left out: the recipient can't be reached there.
    Skipped,
    /// An attempt begins.
    Started,
    /// The channel took it.
    Sent,
    /// It reached the device, the handset or the mailbox.
    Delivered,
    /// The citizen opened it.
    Read,
    /// The citizen acted on it.
    Acted,
    /// The attempt failed.
    Failed,
    /// The channel's validity passed.
    ChannelExpired,
    /// Nobody can tell what the channel did.
    Unknown,
    /// A channel contradicted what it said before; nothing changed.
    Contradicted,
    /// No further step is taken: once for each message.
    Settled,
    /// A broadcast was created.
    BroadcastCreated,
    /// A broadcast was started: its rows are accepted.
    BroadcastStarted,
    /// A broadcast was cancelled.
    BroadcastCancelled,
    /// A broadcast was paused.
    BroadcastPaused,
    /// A broadcast goes on.
    BroadcastResumed,
    /// One of the sender's webhooks was switched off.
    WebhookDisabled,
    /// A citizen wrote an SMS to the sender.
    SmsReceived,
    /// A file of mutations is there to be fetched.
    RegisterMutations,
}

impl Kind {
    /// Every one.
    pub const ALL: [Self; 20] = [
        Self::Accepted,
        Self::Skipped,
        Self::Started,
        Self::Sent,
        Self::Delivered,
        Self::Read,
        Self::Acted,
        Self::Failed,
        Self::ChannelExpired,
        Self::Unknown,
        Self::Contradicted,
        Self::Settled,
        Self::BroadcastCreated,
        Self::BroadcastStarted,
        Self::BroadcastCancelled,
        Self::BroadcastPaused,
        Self::BroadcastResumed,
        Self::WebhookDisabled,
        Self::SmsReceived,
        Self::RegisterMutations,
    ];

    /// The name, as in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "message.accepted",
            Self::Skipped => "attempt.skipped",
            Self::Started => "attempt.started",
            Self::Sent => "attempt.sent",
            Self::Delivered => "attempt.delivered",
            Self::Read => "message.read",
            Self::Acted => "message.acted",
            Self::Failed => "attempt.failed",
            Self::ChannelExpired => "attempt.channel_expired",
            Self::Unknown => "attempt.unknown",
            Self::Contradicted => "attempt.contradicted",
            Self::Settled => "message.settled",
            Self::BroadcastCreated => "broadcast.created",
            Self::BroadcastStarted => "broadcast.started",
            Self::BroadcastCancelled => "broadcast.cancelled",
            Self::BroadcastPaused => "broadcast.paused",
            Self::BroadcastResumed => "broadcast.resumed",
            Self::WebhookDisabled => "webhook.disabled",
            Self::SmsReceived => "sms.received",
            Self::RegisterMutations => "register.mutations",
        }
    }

    /// The kind of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// The event that a change is, when senders are told of it.
    pub fn of(change: &Change) -> Option<Self> {
        Some(match change {
            Change::Accepted => Self::Accepted,
            Change::Skipped { .. } => Self::Skipped,
            Change::Began { .. } => Self::Started,
            Change::Moved { status, .. } => match status {
                AttemptStatus::Attempting => return None,
                AttemptStatus::Sent => Self::Sent,
                AttemptStatus::Delivered => Self::Delivered,
                AttemptStatus::Read => Self::Read,
                AttemptStatus::Acted => Self::Acted,
                AttemptStatus::Failed(_) => Self::Failed,
                AttemptStatus::ChannelExpired => Self::ChannelExpired,
                AttemptStatus::Unknown => Self::Unknown,
            },
            Change::Noted { .. } => Self::Contradicted,
            Change::Settled { .. } => Self::Settled,
            Change::Created => Self::BroadcastCreated,
            Change::Started => Self::BroadcastStarted,
            Change::BroadcastCancelled => Self::BroadcastCancelled,
            Change::BroadcastPaused => Self::BroadcastPaused,
            Change::BroadcastResumed => Self::BroadcastResumed,
            Change::WebhookDisabled { .. } => Self::WebhookDisabled,
            Change::Heard(_) => Self::SmsReceived,
            Change::MutationsReady { .. } => Self::RegisterMutations,
            // Steps on the way that mean nothing outside.
            Change::Queued { .. }
            | Change::Returned { .. }
            | Change::Resent { .. }
            | Change::Awaiting { .. }
            | Change::Ended { .. }
            | Change::Stopped
            | Change::Stored { .. }
            | Change::RetryOf(_)
            | Change::Via { .. }
            | Change::Metered { .. }
            | Change::WentTo { .. }
            | Change::Parked(_) => return None,
        })
    }
}

/// A set of kinds; the empty one stands for all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kinds(u32);

impl Kinds {
    /// Adds one.
    pub fn add(&mut self, kind: Kind) {
        self.0 |= Self::bit(kind);
    }

    /// Whether it is one of them.
    pub fn has(self, kind: Kind) -> bool {
        self.0 == 0 || self.0 & Self::bit(kind) != 0
    }

    /// Those that were added.
    pub fn named(self) -> impl Iterator<Item = Kind> {
        Kind::ALL.into_iter().filter(move |kind| self.0 & Self::bit(*kind) != 0)
    }

    fn bit(kind: Kind) -> u32 {
        Kind::ALL.iter().position(|known| *known == kind).map_or(0, |place| 1 << place)
    }
}

impl FromIterator<Kind> for Kinds {
    fn from_iter<I: IntoIterator<Item = Kind>>(kinds: I) -> Self {
        let mut all = Self::default();
        kinds.into_iter().for_each(|kind| all.add(kind));
        all
    }
}

/// About whom or what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum About {
    /// A message, single or row.
    Message(MessageId),
    /// A broadcast as a whole.
    Broadcast(BroadcastId),
    /// The institution itself.
    Institution,
}

impl About {
    /// The broadcast that it is or belongs to.
    pub fn broadcast(&self) -> Option<BroadcastId> {
        match self {
            Self::Message(id) => match id.kind() {
                IdKind::Row { chunk, .. } => Some(chunk.broadcast),
                IdKind::Single => None,
            },
            Self::Broadcast(id) => Some(*id),
            Self::Institution => None,
        }
    }
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Where it stands in the feed: its identity.
    pub place: Place,
    /// Whose.
    pub institution: Institution,
    /// When, as the owner of the partition decided.
    pub at: Timestamp,
    /// About whom or what.
    pub about: About,
    /// Its name.
    pub kind: Kind,
    /// The sender's own reference; of a row, its key.
    pub reference: Option<Box<str>>,
    /// The channel, when it is about a step.
    pub channel: Option<Channel>,
    /// Whether it is of a test: about a recipient of the sandbox, or from one.
    pub test: bool,
    /// What happened.
    pub change: Change,
}

/// Which events are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Of these kinds.
    pub kinds: Kinds,
    /// Of these messages or this broadcast.
    pub of: Option<Of>,
    /// Of tests or not.
    pub tests: Tests,
}

/// Whether events of tests are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tests {
    /// Like all others.
    #[default]
    With,
    /// None of them.
    Without,
    /// Nothing else.
    Only,
}

impl Tests {
    /// Whether an event is wanted that is of a test, or is not.
    pub fn has(self, test: bool) -> bool {
        match self {
            Self::With => true,
            Self::Without => !test,
            Self::Only => test,
        }
    }
}

/// A narrower choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Of {
    /// One message.
    Message(MessageId),
    /// One broadcast and its rows.
    Broadcast(BroadcastId),
    /// Messages with this reference of the sender.
    Reference(Box<str>),
}

/// The messages of a subject with the changes told of each, in the order in which they are counted.
pub fn unfold<'c>(subject: &Subject, changes: &'c [Change]) -> Vec<(About, &'c Change)> {
    let about = match subject {
        Subject::Message(id) => About::Message(*id),
        Subject::Broadcast(id) => About::Broadcast(*id),
        Subject::Nobody => About::Institution,
        Subject::Rows(chunk, rows) => {
            let each = |row: &u16| {
                changes.iter().map({
                    let about = About::Message(chunk.row(*row));
                    move |change| (about.clone(), change)
                })
            };
            return rows.iter().flat_map(each).collect();
        }
    };
    changes.iter().map(|change| (about.clone(), change)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::failure::Failure;

    #[test]
    fn names_are_unique_and_found_again_and_never_change() {
        let names: std::collections::BTreeSet<_> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
        assert_eq!(names.len(), Kind::ALL.len());
        assert!(Kind::ALL.iter().all(|kind| Kind::parse(kind.as_str()) == Some(*kind)));
        assert_eq!(Kind::parse("message.lost"), None);
        assert_eq!(
            Kind::of(&Change::Settled { status: super::super::status::MessageStatus::Sent }),
            Some(Kind::Settled)
        );
        assert_eq!(Kind::of(&Change::Ended { track: 0, failure: Some(Failure::Timeout) }), None);
    }

    #[test]
    fn an_empty_set_is_all_and_another_only_its_own() {
        assert!(Kind::ALL.iter().all(|kind| Kinds::default().has(*kind)));
        let some: Kinds = [Kind::Settled, Kind::Read].into_iter().collect();
        let has: Vec<_> = Kind::ALL.into_iter().filter(|kind| some.has(*kind)).collect();
        assert_eq!(has, [Kind::Read, Kind::Settled]);
        assert_eq!(some.named().collect::<Vec<_>>(), has);
    }

    #[test]
    fn what_happened_to_rows_is_told_of_each_row_in_turn() {
        let broadcast = BroadcastId::new(Timestamp::from_millis(1), 0, 7);
        let changes = [Change::Started, Change::Stopped];
        let told = unfold(&Subject::Rows(broadcast.chunk(2), vec![3, 9]), &changes);
        let about = |row| About::Message(broadcast.chunk(2).row(row));
        let expected =
            [(about(3), &changes[0]), (about(3), &changes[1]), (about(9), &changes[0]), (about(9), &changes[1])];
        assert_eq!(told, expected);
        assert_eq!(told[0].0.broadcast(), Some(broadcast));
    }
}
