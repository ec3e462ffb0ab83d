//! The record of a call that linked a document to mailboxes: what a list needs of the document, and the mailboxes, sorted.
//!
//! Invariant: mailboxes stand there once each, in the order of their keys, so citizens before enterprises. Golden bytes hold the form.
use std::sync::Arc;

use estafette_actors::domain::cbe::Cbe;
use estafette_actors::domain::mailbox::document::{Document, DocumentId};
use estafette_actors::domain::mailbox::reference::RefId;
use estafette_actors::domain::mailbox::{Audience, MailboxId};
use estafette_actors::domain::time::Timestamp;

use super::array;

const FORM: u8 = 1;
/// Bytes of a recipient.
const EACH: usize = 8;
const REGISTERED: u8 = 1;

/// What a list needs of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Brief {
    /// Which.
    pub document: DocumentId,
    /// When it goes.
    pub expires_at: Timestamp,
    /// Who sent it.
    pub sender: Cbe,
    /// Published as registered mail.
    pub is_registered: bool,
    /// Bytes of all its contents.
    pub bytes: u64,
    /// Of which type.
    pub message_type: RefId,
    /// By which application.
    pub application: Option<RefId>,
}

impl Brief {
    /// Of a whole document.
    pub fn of(document: &Document) -> Self {
        Self {
            document: document.id,
            expires_at: document.expires_at,
            sender: document.sender.0,
            is_registered: document.is_registered,
            bytes: document.size(),
            message_type: document.message_type.clone(),
            application: document.application.clone(),
        }
    }

    /// Whether it is gone.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.expires_at <= now
    }
}

/// The record, packed: the head of fixed length, two names, and the mailboxes.
pub fn pack(brief: &Brief, at: Timestamp, recipients: &[u64]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(256 + recipients.len() * EACH);
    bytes.push(FORM);
    bytes.extend(brief.document.as_u128().to_be_bytes());
    bytes.extend(at.millis().to_be_bytes());
    bytes.extend(brief.expires_at.millis().to_be_bytes());
    bytes.extend(brief.sender.as_u32().to_be_bytes());
    bytes.push(if brief.is_registered { REGISTERED } else { 0 });
    bytes.extend(brief.bytes.to_be_bytes());
    let application = brief.application.as_ref().map_or("", RefId::as_str);
    for name in [brief.message_type.as_str(), application] {
        // A name has 64 bytes at most.
        bytes.push(name.len() as u8);
        bytes.extend(name.as_bytes());
    }
    for key in recipients {
        bytes.extend(key.to_be_bytes());
    }
    bytes
}

/// A record that is looked at where it lies.
#[derive(Clone, Copy, Debug)]
pub struct View<'b> {
    bytes: &'b [u8],
    names: usize,
    recipients: &'b [[u8; EACH]],
}

impl<'b> View<'b> {
    /// Of a record's bytes; none when they are none.
    pub fn of(bytes: &'b [u8]) -> Option<Self> {
        const NAMES: usize = 1 + 16 + 8 + 8 + 4 + 1 + 8;
        if bytes.first() != Some(&FORM) {
            return None;
        }
        let first = usize::from(*bytes.get(NAMES)?);
        let second = usize::from(*bytes.get(NAMES + 1 + first)?);
        let (recipients, rest) = bytes.get(NAMES + 2 + first + second..)?.as_chunks();
        rest.is_empty().then_some(Self { bytes, names: NAMES, recipients })
    }

    /// The document.
    pub fn document(&self) -> DocumentId {
        DocumentId::from_u128(self.bytes.get(1..17).and_then(array).map_or(0, u128::from_be_bytes))
    }

    fn number(&self, place: usize) -> u64 {
        self.bytes.get(place..place + 8).and_then(array).map_or(0, u64::from_be_bytes)
    }

    /// When it was linked.
    pub fn at(&self) -> Timestamp {
        Timestamp::from_millis(self.number(17))
    }

    /// When the document goes.
    pub fn expires_at(&self) -> Timestamp {
        Timestamp::from_millis(self.number(25))
    }

    /// To how many mailboxes.
    pub fn len(&self) -> usize {
        self.recipients.len()
    }

    /// The mailboxes, in the order of their keys.
    pub fn recipients(&self) -> impl ExactSizeIterator<Item = u64> + use<'b> {
        self.recipients.iter().map(|bytes| u64::from_be_bytes(*bytes))
    }

    /// How many of them are citizens': these come first.
    pub fn citizens(&self) -> usize {
        self.recipients
            .partition_point(|bytes| MailboxId::from_key(u64::from_be_bytes(*bytes)).audience() == Audience::Citizen)
    }

    /// Whether a mailbox is one of them.
    pub fn has(&self, mailbox: u64) -> bool {
        self.recipients.binary_search(&mailbox.to_be_bytes()).is_ok()
    }

    /// What a list needs; none when a name in it is none.
    pub fn brief(&self) -> Option<Arc<Brief>> {
        let mut place = self.names;
        let mut name = || {
            let length = usize::from(*self.bytes.get(place)?);
            let text = self.bytes.get(place + 1..place + 1 + length)?;
            place += 1 + length;
            std::str::from_utf8(text).ok()
        };
        let message_type = RefId::parse(name()?).ok()?;
        let application = match name()? {
            "" => None,
            text => Some(RefId::parse(text).ok()?),
        };
        let sender = self.bytes.get(33..37).and_then(array).map(u32::from_be_bytes)?;
        Some(Arc::new(Brief {
            document: self.document(),
            expires_at: self.expires_at(),
            sender: Cbe::from_trusted_u32(sender),
            is_registered: self.bytes.get(37) == Some(&REGISTERED),
            bytes: self.number(38),
            message_type,
            application,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn brief(application: Option<&str>) -> Brief {
        Brief {
            document: DocumentId::from_u128(0x0193_b1c2_5b1e_7000_8000_0000_0000_0007),
            expires_at: Timestamp::from_millis(0x0102),
            sender: Cbe::parse("0403019261").unwrap(),
            is_registered: true,
            bytes: 5,
            message_type: RefId::parse("ab").unwrap(),
            application: application.map(|text| RefId::parse(text).unwrap()),
        }
    }

    #[test]
    fn a_record_stays_what_it_was_on_disk() {
        let bytes = pack(&brief(Some("c")), Timestamp::from_millis(9), &[3, 1 << 63]);
        let golden = [
            &b"\x01\x01\x93\xb1\xc2\x5b\x1e\x70\0\x80\0\0\0\0\0\0\x07"[..],
            b"\0\0\0\0\0\0\0\x09\0\0\0\0\0\0\x01\x02",
            &403_019_261_u32.to_be_bytes(),
            b"\x01\0\0\0\0\0\0\0\x05\x02ab\x01c",
            b"\0\0\0\0\0\0\0\x03\x80\0\0\0\0\0\0\0",
        ]
        .concat();
        assert_eq!(bytes, golden);
    }

    #[test]
    fn a_record_is_looked_at_where_it_lies() {
        for application in [None, Some("c")] {
            let recipients = [3, 5, 8, 1 << 63];
            let bytes = pack(&brief(application), Timestamp::from_millis(9), &recipients);
            let view = View::of(&bytes).unwrap();
            assert_eq!(*view.brief().unwrap(), brief(application));
            assert_eq!((view.at().millis(), view.len(), view.citizens()), (9, 4, 3));
            assert!(view.recipients().eq(recipients));
            assert!(recipients.iter().all(|key| view.has(*key)) && !view.has(4));
        }
        let bytes = pack(&brief(None), Timestamp::ZERO, &[1]);
        assert!(View::of(&bytes[..bytes.len() - 1]).is_none() && View::of(&bytes[..40]).is_none());
        assert!(View::of(b"\x02").is_none() && View::of(b"").is_none());
    }
}
