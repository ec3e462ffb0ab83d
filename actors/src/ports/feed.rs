//! Events as they are read, and webhooks as they are called.
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::{ArchiveError, Position};
use crate::domain::event::{Event, Place, Wanted};
use crate::domain::submission::Institution;
use crate::domain::time::Timestamp;
use crate::domain::webhook::{Progress, Webhook};

/// Why a page of the feed can't be given.
#[derive(Clone, Debug, thiserror::Error)]
pub enum FeedError {
    /// What came after the place is not kept any more.
    #[error("what came after this place is not kept any more; begin at the oldest event that is kept")]
    TooOld,
    /// A read failed.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
}

/// A page of an institution's events, oldest first.
#[derive(Clone, Debug, Default)]
pub struct FeedPage {
    /// The events wanted.
    pub events: Vec<Event>,
    /// Where to go on: everything up to here was looked at.
    pub next: Place,
    /// Whether there was more at that time. A page may be short, even empty, and yet not the last.
    pub has_more: bool,
}

/// Each institution's events, without gaps: what is durable, in the order in which it became so.
/// No read outlives its page.
pub trait Feed: Send + Sync {
    /// The events of `owner` after a place, at most `limit`.
    fn page(
        &self,
        owner: Institution,
        after: Place,
        wanted: Wanted,
        limit: usize,
    ) -> BoxFuture<'static, Result<FeedPage, FeedError>>;

    /// The place before the oldest event that is kept.
    fn oldest(&self) -> Place;

    /// The place behind everything that is durable now.
    fn newest(&self) -> Place;

    /// The last position that holds something of `owner`; `None` when that is not known in memory.
    fn last_of(&self, owner: Institution) -> Option<Position>;

    /// Changes with each commit.
    fn commits(&self) -> tokio::sync::watch::Receiver<Position>;
}

/// Keeps webhooks and how far each was told. Every call may block, and is durable when it returns.
pub trait Webhooks: Send + Sync {
    /// All of them.
    fn load(&self) -> Result<Vec<(Webhook, Progress)>, ArchiveError>;

    /// Keeps one, new or changed, with its progress where that changes too.
    fn put(&self, webhook: &Webhook, progress: Option<&Progress>) -> Result<(), ArchiveError>;

    /// Forgets one.
    fn remove(&self, institution: Institution, name: &str) -> Result<(), ArchiveError>;

    /// Keeps how far several were told, in one commit; those that are not known are left out.
    fn note(&self, notes: &[(Institution, Box<str>, Progress)]) -> Result<(), ArchiveError>;
}

/// What a webhook is told.
#[derive(Clone, Debug)]
pub enum Notice {
    /// Something happened.
    Event(Event),
    /// Nothing did: the owner tries it out.
    Test(Timestamp),
}

/// One call.
#[derive(Clone, Debug)]
pub struct Call {
    /// To whom.
    pub webhook: Arc<Webhook>,
    /// When: goes into the signature.
    pub at: Timestamp,
    /// What.
    pub notice: Notice,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Called {
    /// Taken: the endpoint said 2xx.
    Delivered(u16),
    /// The endpoint wants no more (410).
    Gone,
    /// Anything else.
    Failed {
        /// The status code, when there was an answer.
        status: Option<u16>,
        /// Why, for people.
        reason: Box<str>,
        /// When the endpoint wants to be called again.
        retry_after: Option<Duration>,
    },
}

/// Calls endpoints. It owns its connections and its time limits; every future ends.
pub trait Announce: Send + Sync {
    /// Calls one.
    fn call(&self, call: Call) -> BoxFuture<'static, Called>;

    /// Whether an address can be a webhook's, by its form; why not, for people.
    fn acceptable(&self, url: &str) -> Result<(), String>;
}
