//! What goes into the book, what comes out of it, and what becomes of that.
use estafette_actors::domain::mailbox::MailboxId;
use estafette_actors::domain::mailbox::document::DocumentId;
use estafette_actors::domain::mailbox::notice::{Waits, Way};
use estafette_actors::domain::time::Timestamp;

use super::tables::DIGEST;

/// What an event changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A document is to be told of at once.
    AtOnce(MailboxId, DocumentId, Way, Timestamp),
    /// A document waits for the digest, which is due then where there is none yet.
    InDigest(MailboxId, DocumentId, Waits, Way, Timestamp),
    /// Nothing is to be told of a document any more.
    Over(MailboxId, DocumentId),
}

/// A letter that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Letter {
    /// To whom.
    pub mailbox: MailboxId,
    /// About which registered document; none for a digest.
    pub document: Option<DocumentId>,
    /// How it goes.
    pub way: Way,
    /// How often it failed.
    pub attempts: u8,
    /// Its number: stays the same however often it is tried, and is never another's of the same book.
    pub number: u64,
    /// When it was due first.
    pub since: Timestamp,
    /// Somebody else has it; that its holder was told is not proven yet.
    pub is_handed_over: bool,
}

impl Letter {
    /// What is this letter's and no other's, whatever became of the file meanwhile; `epoch` is of [`Book::epoch`].
    pub fn name(&self, epoch: u128) -> [u8; 48] {
        let mut name = [0; 48];
        name[..16].copy_from_slice(&epoch.to_be_bytes());
        name[16..24].copy_from_slice(&self.number.to_be_bytes());
        name[24..32].copy_from_slice(&self.mailbox.key().to_be_bytes());
        name[32..].copy_from_slice(&self.document.map_or(DIGEST, DocumentId::as_u128).to_be_bytes());
        name
    }
}

/// What became of a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// It was handed over, with what waited up to this number. What came since is told then.
    Done {
        /// The last that was counted.
        counted: u64,
        /// The next digest.
        next: Timestamp,
    },
    /// Nobody is to be told: it goes, with all that waited for it.
    Gone,
    /// It is tried again.
    Later {
        /// When.
        due: Timestamp,
        /// It failed once more.
        has_failed: bool,
    },
    /// It was handed over, but that its holder was told could not be proven: that alone is tried again.
    HandedOver {
        /// When.
        due: Timestamp,
    },
    /// It goes the other way.
    Moved(Way),
}

/// How much waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depths {
    /// Mails about registered documents.
    pub mails: u64,
    /// Digests by mail.
    pub mail_digests: u64,
    /// Messages about registered documents.
    pub messages: u64,
    /// Digests by message.
    pub message_digests: u64,
    /// Documents that wait for a digest.
    pub documents: u64,
}
