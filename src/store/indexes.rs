//! What is looked up by something else than an id: recipients, references, Idempotency-Keys, channels' own references and
//! the mobile numbers that attempts went to, each as a keyed hash.
//!
//! A hash may be another key's: who finds an id here compares the record. Rows of broadcasts are
//! indexed late, by the flusher: they are many, and nobody looks them up in the same second.
use std::collections::VecDeque;
use std::sync::Mutex;
use std::thread::ScopedJoinHandle;

use estafette_actors::domain::fact::{Change, Subject};
use estafette_actors::domain::id::{AttemptRef, BroadcastId, ChunkId, MessageId};
use estafette_actors::domain::mobile::Mobile;
use estafette_actors::domain::submission::{Envelope, Identifier, Institution, Recipient};
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::Position;

use super::codec::{self, Group};
use super::folder::DataFolder;
use super::index::{Index, KeyedHash, Options, mixed};
use super::recent::Recent;
use super::segment::Reader;
use super::{Error, Settings, lock};

/// Chunks that one round indexes at most: some tens of milliseconds.
const CHUNKS: usize = 64;

/// Positions that a crash has the feed read again for, at most: some gigabyte, so a second or two. An index that gets little would
/// otherwise keep all that came in the hour that its entries stay in memory.
const LAG: u64 = 65_536;

/// Bits of a recipient's hash that tell senders apart: an institution finds its own messages to a recipient as
/// one hash, the operator those of all institutions as one family.
const SENDER_BITS: u32 = 24;
const SENDER: u64 = (1 << SENDER_BITS) - 1;

/// See the head of this file.
#[derive(Debug)]
pub struct Indexes {
    hash: KeyedHash,
    recipients: Index,
    references: Index,
    idempotency: Index,
    channels: Index,
    numbers: Index,
    recent: Recent,
    unindexed: Mutex<VecDeque<(ChunkId, Position)>>,
}

impl Indexes {
    /// Opens the files, or makes them.
    pub fn open(folder: &DataFolder, settings: &Settings) -> Result<Self, Error> {
        let path = |name: &str| folder.path().join(format!("index-{name}.redb"));
        let usual = Options::with_retention(settings.retention);
        let by_sender = usual.with_member_bits(SENDER_BITS);
        let for_a_while = Options::with_retention(settings.idempotency_retention);
        let hash = KeyedHash::new(folder.secret("index")?);
        // Side by side: each makes a durable commit.
        std::thread::scope(|scope| {
            let open = |name: &str, options| {
                let path = path(name);
                scope.spawn(move || Index::open(path, options))
            };
            let recipients = open("recipients", by_sender);
            let references = open("references", usual);
            let idempotency = open("idempotency", for_a_while);
            let channels = open("channels", usual);
            let numbers = open("numbers", usual);
            Ok(Self {
                hash,
                recipients: opened(recipients)?,
                references: opened(references)?,
                idempotency: opened(idempotency)?,
                channels: opened(channels)?,
                numbers: opened(numbers)?,
                recent: Recent::default(),
                unindexed: Mutex::default(),
            })
        })
    }

    fn all(&self) -> [&Index; 5] {
        [&self.recipients, &self.references, &self.idempotency, &self.channels, &self.numbers]
    }

    fn of_recipient(&self, identifier: &Identifier) -> u64 {
        let number = |domain: &str, bytes: Vec<u8>| self.hash.hash(domain, &bytes);
        match identifier {
            Identifier::Niss(niss) => number("niss", codec::encode(niss)),
            Identifier::Mobile(mobile) => number("mobile", codec::encode(mobile)),
            Identifier::Cbe(cbe) => number("cbe", codec::encode(cbe)),
        }
    }

    /// A recipient as one sender's. Without the secret it tells no more of the sender than of the recipient.
    fn of_own(&self, sender: Institution, identifier: &Identifier) -> u64 {
        let recipient = self.of_recipient(identifier);
        let own = mixed(recipient ^ mixed(codec::institution_number(sender).into()));
        (recipient & !SENDER) | (own & SENDER)
    }

    fn of_reference(&self, institution: Institution, reference: &str) -> u64 {
        let mut bytes = codec::institution_number(institution).to_be_bytes().to_vec();
        bytes.extend(reference.as_bytes());
        self.hash.hash("reference", &bytes)
    }

    fn of_channel_reference(&self, reference: &str) -> u64 {
        self.hash.hash("channel", reference.as_bytes())
    }

    /// A mobile number that an attempt went to, as its fact holds it. Another hash than that of recipients.
    pub fn of_number(&self, mobile: Mobile) -> u64 {
        self.hash.hash("number", &codec::encode(&mobile))
    }

    /// A single message was accepted.
    pub fn message(&self, envelope: &Envelope) -> Result<(), Error> {
        self.message_in(envelope, |_| true)
    }

    fn message_in(&self, envelope: &Envelope, wants: impl Fn(&Index) -> bool) -> Result<(), Error> {
        let (id, at) = (envelope.id.as_u128(), envelope.accepted_at.millis());
        if wants(&self.recipients) {
            self.recipient(envelope.institution, id, &envelope.recipient, at)?;
        }
        if let Some(reference) = envelope.sender_reference.as_ref().filter(|_| wants(&self.references)) {
            self.references.insert(self.of_reference(envelope.institution, reference), id, at)?;
        }
        if let Some(idempotency) = envelope.idempotency.filter(|_| wants(&self.idempotency)) {
            self.idempotency.insert(idempotency.key, id, at)?;
        }
        Ok(())
    }

    fn recipient(&self, sender: Institution, id: u128, recipient: &Recipient, at: u64) -> Result<(), Error> {
        let hashes = recipient.identifiers().map(|identifier| (self.of_own(sender, &identifier), id));
        Ok(self.recipients.insert_all(hashes, at)?)
    }

    /// A channel may have told its own reference, or an attempt have gone to a number.
    pub fn told(&self, subject: &Subject, changes: &[Change], at: Timestamp) -> Result<(), Error> {
        self.told_in(subject, changes, at, |_| true)
    }

    fn told_in(
        &self,
        subject: &Subject,
        changes: &[Change],
        at: Timestamp,
        wants: impl Fn(&Index) -> bool,
    ) -> Result<(), Error> {
        for change in changes {
            let (index, hash) = match change {
                Change::Moved { step, retry, reference: Some(reference), .. } => {
                    self.note(subject, reference, *step, *retry);
                    (&self.channels, self.of_channel_reference(reference))
                }
                Change::WentTo { number, .. } => (&self.numbers, *number),
                _ => continue,
            };
            if !wants(index) {
                continue;
            }
            match subject {
                Subject::Message(id) => index.insert(hash, id.as_u128(), at.millis())?,
                Subject::Rows(chunk, rows) => {
                    let ids = rows.iter().map(|row| (hash, chunk.row(*row).as_u128()));
                    index.insert_all(ids, at.millis())?;
                }
                Subject::Broadcast(_) | Subject::Nobody => {}
            }
        }
        Ok(())
    }

    fn note(&self, subject: &Subject, reference: &str, step: u8, retry: u8) {
        let message = match subject {
            Subject::Message(id) => *id,
            Subject::Rows(chunk, rows) if rows.len() == 1 => chunk.row(rows[0]),
            // The same for several says nothing of any.
            _ => return,
        };
        self.recent.told(reference, AttemptRef { message, step, retry });
    }

    /// The attempt for which a channel told this reference, when that was of late. Of which channel is not known here.
    pub fn recent(&self, reference: &str) -> Option<AttemptRef> {
        self.recent.attempt_of(reference)
    }

    /// A chunk is durable: its rows are indexed soon.
    pub fn stored(&self, broadcast: BroadcastId, changes: &[Change], position: Position) {
        for change in changes {
            if let Change::Stored { chunk, .. } = change {
                lock(&self.unindexed).push_back((broadcast.chunk(*chunk), position));
            }
        }
    }

    /// Facts of the feed, at the start: each index takes those that it lacked on disk.
    pub fn replay(&self, segments: &Reader, position: Position, group: &Group) -> Result<(), Error> {
        let lacks = |index: &Index| index.lacked(position);
        self.told_in(&group.subject, &group.changes, group.at, lacks)?;
        let of_messages = [&self.recipients, &self.references, &self.idempotency];
        match &group.subject {
            Subject::Message(id) if group.changes.contains(&Change::Accepted) && of_messages.into_iter().any(lacks) => {
                if let Some(envelope) = segments.message(*id)? {
                    self.message_in(&envelope, lacks)?;
                }
            }
            Subject::Broadcast(id) if [&self.recipients, &self.references].into_iter().any(lacks) => {
                self.stored(*id, &group.changes, position);
            }
            _ => {}
        }
        Ok(())
    }

    /// Up to where the indexes on disk are whole.
    pub fn sealed_position(&self) -> Position {
        self.all().into_iter().map(Index::sealed_position).min().unwrap_or(0)
    }

    /// Up to where every row is indexed, of what is durable up to `durable`.
    pub fn whole_until(&self, durable: Position) -> Position {
        lock(&self.unindexed).front().map_or(durable, |(_, position)| durable.min(position - 1))
    }

    /// Indexes rows, writes what is much or old, and lets go what is past its retention.
    pub fn keep(
        &self,
        now: Timestamp,
        durable: Position,
        stop: bool,
        segments: impl Fn() -> Reader,
    ) -> Result<(), Error> {
        let mut left = if stop { usize::MAX } else { CHUNKS };
        while left > 0 {
            let Some((chunk, _)) = lock(&self.unindexed).front().copied() else { break };
            self.rows(&segments(), chunk, now)?;
            lock(&self.unindexed).pop_front();
            left -= 1;
        }
        let whole = self.whole_until(durable);
        for index in self.all() {
            if !stop {
                index.prepare()?;
            }
            index.note_position(whole);
            if stop || index.lag() >= LAG {
                index.seal()?;
            } else {
                index.seal_if_full()?;
            }
            if !stop {
                index.expire(now.millis())?;
            }
        }
        Ok(())
    }

    fn rows(&self, segments: &Reader, chunk: ChunkId, now: Timestamp) -> Result<(), Error> {
        let (Some(rows), Some(broadcast)) = (segments.rows(chunk)?, segments.broadcast(chunk.broadcast)?) else {
            return Ok(());
        };
        for (index, row) in rows.iter().enumerate() {
            let id = chunk.row(index as u16).as_u128();
            self.recipient(broadcast.institution, id, &row.recipient, now.millis())?;
            if let Some(key) = &row.key {
                self.references.insert(self.of_reference(broadcast.institution, key), id, now.millis())?;
            }
        }
        Ok(())
    }

    /// Messages of a sender, or of all, that may be for a recipient: the newest below `below`.
    pub fn by_recipient(
        &self,
        sender: Option<Institution>,
        identifier: &Identifier,
        below: u128,
    ) -> Result<Vec<MessageId>, Error> {
        ids(match sender {
            Some(sender) => self.recipients.lookup(self.of_own(sender, identifier), below),
            None => self.recipients.lookup_family(self.of_recipient(identifier), below),
        })
    }

    /// Messages that may have a reference of their sender: the newest below `below`.
    pub fn by_reference(
        &self,
        institution: Institution,
        reference: &str,
        below: u128,
    ) -> Result<Vec<MessageId>, Error> {
        ids(self.references.lookup(self.of_reference(institution, reference), below))
    }

    /// Messages that may have been accepted under an Idempotency-Key's hash.
    pub fn by_idempotency(&self, key: u64) -> Result<Vec<MessageId>, Error> {
        ids(self.idempotency.lookup(key, u128::MAX))
    }

    /// Messages that may have gone to a mobile number, the last first.
    pub fn by_number(&self, mobile: Mobile) -> Result<Vec<MessageId>, Error> {
        ids(self.numbers.lookup(self.of_number(mobile), u128::MAX))
    }

    /// Messages that a channel may know under its own reference.
    pub fn by_channel_reference(&self, reference: &str) -> Result<Vec<MessageId>, Error> {
        ids(self.channels.lookup(self.of_channel_reference(reference), u128::MAX))
    }
}

fn opened(index: ScopedJoinHandle<'_, Result<Index, super::index::Error>>) -> Result<Index, Error> {
    Ok(index.join().map_err(|_| Error::Invariant("opening an index panicked"))??)
}

fn ids(found: Result<Vec<u128>, super::index::Error>) -> Result<Vec<MessageId>, Error> {
    Ok(found?.into_iter().map(MessageId::from_u128).collect())
}

#[cfg(test)]
mod tests {
    use estafette_actors::domain::mobile::Mobile;
    use estafette_actors::domain::status::AttemptStatus;

    use super::*;
    use crate::store::index::MAX_FOUND;

    #[test]
    fn a_senders_own_messages_are_not_hidden_by_others_and_the_operator_pages_through_all() {
        let dir = tempfile::tempdir().unwrap();
        let folder = DataFolder::open(dir.path()).unwrap();
        let indexes = Indexes::open(&folder, &Settings::new(dir.path())).unwrap();
        let [own, other] = ["0403019261", "0206731645"].map(|cbe| Institution(cbe.parse().unwrap()));
        let mobile = Mobile::parse("0470123456").unwrap();
        let recipient = Recipient { mobile: Some(mobile), ..Recipient::default() };
        let who = Identifier::Mobile(mobile);
        indexes.recipient(own, 1, &recipient, 0).unwrap();
        let others = MAX_FOUND as u128 + 100;
        for id in 2..2 + others {
            indexes.recipient(other, id, &recipient, 0).unwrap();
        }
        indexes.recipients.seal().unwrap();
        assert_eq!(indexes.by_recipient(Some(own), &who, u128::MAX).unwrap(), [MessageId::from_u128(1)]);
        let (mut below, mut all) = (u128::MAX, Vec::new());
        loop {
            let page = indexes.by_recipient(None, &who, below).unwrap();
            let Some(last) = page.last() else { break };
            below = last.as_u128();
            all.extend(page);
        }
        assert_eq!(all, (1..2 + others).rev().map(MessageId::from_u128).collect::<Vec<_>>());
    }

    #[test]
    fn one_entry_an_hour_does_not_have_a_crash_read_an_hour_of_the_feed_again() {
        let dir = tempfile::tempdir().unwrap();
        let folder = DataFolder::open(dir.path()).unwrap();
        let open = || Indexes::open(&folder, &Settings::new(dir.path())).unwrap();
        let now = Timestamp::from_millis(1_732_400_000_000);
        let indexes = open();
        indexes.idempotency.insert(7, 1, now.millis()).unwrap();
        let whole = |durable| {
            indexes.keep(now, durable, false, || unreachable!("no rows wait")).unwrap();
            indexes.idempotency.sealed_position()
        };
        assert_eq!(whole(LAG - 1), 0, "few positions are cheaper read again than written");
        assert_eq!((whole(LAG), indexes.by_idempotency(7).unwrap().len()), (LAG, 1));
    }

    #[test]
    fn after_a_crash_each_index_takes_again_what_it_lacked_and_no_more() {
        let dir = tempfile::tempdir().unwrap();
        let folder = DataFolder::open(dir.path()).unwrap();
        let open = || Indexes::open(&folder, &Settings::new(dir.path())).unwrap();
        let segments = super::super::segment::Segments::open(dir.path().join("journal"), 1 << 20, Timestamp::ZERO);
        let reader = segments.unwrap().reader();
        let group = |reference: &str, number| Group {
            subject: Subject::Message(MessageId::from_u128(number)),
            at: Timestamp::from_millis(1),
            changes: vec![
                Change::Moved { step: 0, retry: 0, status: AttemptStatus::Sent, reference: Some(reference.into()) },
                Change::WentTo { step: 0, retry: 0, number: number as u64 },
            ],
        };
        let indexes = open();
        // One is on disk up to position 5, the other has nothing there.
        indexes.replay(&reader, 5, &group("a", 1)).unwrap();
        indexes.channels.note_position(5);
        indexes.channels.seal().unwrap();
        drop(indexes);
        let again = open();
        again.replay(&reader, 5, &group("a", 1)).unwrap();
        again.replay(&reader, 6, &group("b", 2)).unwrap();
        let of = |index: &Index| (index.figures().in_runs, index.figures().in_memory);
        assert_eq!((of(&again.channels), of(&again.numbers)), ((1, 1), (0, 2)));
        for (reference, number) in [("a", 1), ("b", 2)] {
            let id = [MessageId::from_u128(number)];
            assert_eq!(again.by_channel_reference(reference).unwrap(), id);
            assert_eq!(ids(again.numbers.lookup(number as u64, u128::MAX)).unwrap(), id);
        }
    }
}
