//! The contents of documents, never whole in memory: where they lie, who scans them, and institutions that keep their own.
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;

use super::Trouble;
use crate::domain::mailbox::document::{Digest, DocumentId};
use crate::domain::mailbox::media::MediaType;
use crate::domain::mailbox::reference::RefId;
use crate::domain::time::Timestamp;

/// A content that is being taken.
pub type Incoming = BoxStream<'static, std::io::Result<Bytes>>;

/// A content that was taken: durable, under a name of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Under which name.
    pub name: Box<str>,
    /// Bytes.
    pub size: u64,
    /// What they hash to.
    pub digest: Digest,
}

/// Why a content was not taken or is not given.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContentTrouble {
    /// More bytes than there may be.
    #[error("it has more than {0} bytes: send less")]
    TooLarge(u64),
    /// Who sends it stopped.
    #[error("it ended before it was whole: send it again")]
    Broken,
    /// It isn't there.
    #[error("this content is gone")]
    Gone,
    /// The store.
    #[error("the store of documents does not answer ({0}): try again in a minute")]
    Store(String),
    /// There is no room.
    #[error("there is no room for more documents: the operator is told")]
    Full,
}

/// The contents of documents, never whole in memory.
pub trait Contents: Send + Sync {
    /// Takes one, up to so many bytes; durable when it ends. One that is not published afterwards is taken away by [`Contents::sweep`].
    fn take(&self, incoming: Incoming, most: u64) -> BoxFuture<'static, Result<Kept, ContentTrouble>>;

    /// Gives one, or a part of it.
    fn give(&self, name: &str, range: Option<Range<u64>>) -> BoxFuture<'static, Result<Incoming, ContentTrouble>>;

    /// Takes away those that are needed no more; those that are not there don't matter.
    fn remove(&self, names: Vec<Box<str>>) -> BoxFuture<'static, Result<(), ContentTrouble>>;

    /// Takes away those that were taken before a moment and that nothing needs; gives how many.
    fn sweep(
        &self,
        before: Timestamp,
        is_needed: Arc<dyn Fn(&str) -> bool + Send + Sync>,
    ) -> BoxFuture<'static, Result<u64, ContentTrouble>>;

    /// Where it lies, for people: a folder or the address of a bucket.
    fn place(&self) -> PathBuf;
}

/// What a scanner says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing was found.
    Clean,
    /// Something was found, named so.
    Found(Box<str>),
}

/// Looks for viruses.
pub trait Scanner: Send + Sync {
    /// Scans a content; fails where the scanner does not answer.
    fn scan(&self, content: Incoming) -> BoxFuture<'static, Result<Verdict, String>>;
}

/// What is fetched from an institution, and what is known of it here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Of which document.
    pub document: DocumentId,
    /// Which attachment.
    pub attachment: u8,
    /// As what it was published.
    pub media_type: MediaType,
    /// Bytes of all of it; none where the institution did not say.
    pub size: Option<u64>,
    /// What all of it hashes to; none where the institution did not say.
    pub digest: Option<Digest>,
    /// A part of it only.
    pub range: Option<Range<u64>>,
}

/// Whether an institution answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderState {
    /// Which, as it is configured.
    pub provider: RefId,
    /// Since when it does not; none while it does.
    pub away_since: Option<Timestamp>,
    /// What the last failure was, in words; none while it answers.
    pub trouble: Option<&'static str>,
}

/// Contents that institutions keep themselves.
pub trait Providers: Send + Sync {
    /// Fetches an attachment of a document from its institution, or a part of it. What does not agree with what is known of it is
    /// [`Trouble::ProviderWrong`], or ends the stream with an error where that shows later; the last bytes of the whole are given
    /// only when size and digest agree.
    fn fetch(&self, provider: &RefId, wanted: Wanted) -> BoxFuture<'static, Result<Incoming, Trouble>>;

    /// Which institutions there are, and whether they answer.
    fn states(&self) -> Vec<ProviderState>;
}
