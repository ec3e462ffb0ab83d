//! Whom a sender may not write to: the port of the lists, and a world without them.
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use crate::domain::channel::Channel;
use crate::domain::failure::Failure;
use crate::domain::submission::{Identifier, Institution, Recipient};
use crate::domain::time::Timestamp;

/// Why a sender may not write to somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bar {
    /// They asked not to be written to, or the sender decided so.
    Suppressed,
    /// They withdrew a consent that is needed.
    ConsentWithdrawn,
}

impl Bar {
    /// The failure of a step that it forbids.
    pub fn failure(self) -> Failure {
        match self {
            Self::Suppressed => Failure::Suppressed,
            Self::ConsentWithdrawn => Failure::ConsentWithdrawn,
        }
    }
}

/// Whom a sender may not write to, to be put on its list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suppression {
    /// Whom: one identifier. It is kept as a keyed hash only.
    pub who: Identifier,
    /// On which channel; `None` for all of them.
    pub channel: Option<Channel>,
    /// Why.
    pub why: Bar,
}

/// An entry of a list, as its owner sees it: without whom it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suppressed {
    /// Its id: the keyed hash of sender, channel and identifier.
    pub id: u128,
    /// On which channel; `None` for all of them.
    pub channel: Option<Channel>,
    /// Why.
    pub why: Bar,
    /// Since when.
    pub since: Timestamp,
}

/// Why a list was not changed or read.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum SuppressionError {
    /// As many as it holds.
    #[error("the suppression lists hold as many entries as they may; remove some, or raise suppressions.entries")]
    Full,
    /// It can't be written or read.
    #[error("the suppression lists can't be used: {0}")]
    Unusable(String),
}

/// Lists of those to whom a sender may not write, one for each institution. Durable.
pub trait Suppressions: Send + Sync {
    /// Whether `sender` may not write to any identifier of this recipient on a channel. Reads memory only.
    fn bar(&self, sender: Institution, recipient: &Recipient, channel: Channel) -> Option<Bar>;

    /// Puts entries on the list of `sender`; ends when they are durable and routing sees them. One that
    /// is there keeps its time. Gives the entries in the order given.
    fn add(
        &self,
        sender: Institution,
        entries: Vec<Suppression>,
    ) -> BoxFuture<'static, Result<Vec<Suppressed>, SuppressionError>>;

    /// Takes entries off the list of `sender`; gives how many were there.
    fn remove(&self, sender: Institution, ids: Vec<u128>) -> BoxFuture<'static, Result<usize, SuppressionError>>;

    /// Entries of `sender` after an id, in the order of ids.
    fn list(
        &self,
        sender: Institution,
        after: Option<u128>,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<Suppressed>, SuppressionError>>;

    /// The entries of `sender` about an identifier, for all channels and for each of `channels`.
    fn find(&self, sender: Institution, who: Identifier, channels: &[Channel]) -> Vec<Suppressed>;
}

/// No lists: for worlds that keep none.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unsuppressed;

impl Suppressions for Unsuppressed {
    fn bar(&self, _: Institution, _: &Recipient, _: Channel) -> Option<Bar> {
        None
    }

    fn add(
        &self,
        _: Institution,
        _: Vec<Suppression>,
    ) -> BoxFuture<'static, Result<Vec<Suppressed>, SuppressionError>> {
        Box::pin(std::future::ready(Err(SuppressionError::Full)))
    }

    fn remove(&self, _: Institution, _: Vec<u128>) -> BoxFuture<'static, Result<usize, SuppressionError>> {
        Box::pin(std::future::ready(Ok(0)))
    }

    fn list(
        &self,
        _: Institution,
        _: Option<u128>,
        _: usize,
    ) -> BoxFuture<'static, Result<Vec<Suppressed>, SuppressionError>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    fn find(&self, _: Institution, _: Identifier, _: &[Channel]) -> Vec<Suppressed> {
        Vec::new()
    }
}
