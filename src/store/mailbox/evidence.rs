//! What is proven of registered mail: a chain of signed records for each document and mailbox.
//!
//! Invariant: a record names the SHA-256 of the signed one before it, and its place; it is written in the change that it proves. Whose
//! mailbox it is stands in it, and in its key, as a keyed hash only. A record stays when its document is gone.
use std::ops::ControlFlow;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use estafette_actors::domain::mailbox::MailboxId;
use estafette_actors::domain::mailbox::document::{Digest, Document, DocumentId};
use estafette_actors::domain::mailbox::evidence::{
    NO_READER, Occurrence, Record, Signed, Step, VERSION, contents, order,
};
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::mailbox::{Signer, Trouble};
use serde::{Deserialize, Serialize};

use super::super::codec;
use super::super::engine::{Draft, Engine};
use super::super::index::KeyedHash;
use super::{EVIDENCE, damaged, holder};

/// Records of a chain at most: a step is taken once, but for its failure.
const CHAIN: u32 = 16;

/// A record as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// What it says happened.
    pub step: Step,
    /// The record.
    pub signed: Signed,
}

impl Kept {
    /// Why, where it is a failure: that stands in the record only.
    fn reason(&self) -> Result<Option<String>, Trouble> {
        if self.step != Step::ContentConsignmentFailure {
            return Ok(None);
        }
        self.signed.record().map(|record| record.reason).ok_or_else(damaged)
    }
}

/// Makes records.
pub struct Prover {
    signer: Arc<dyn Signer>,
    hash: KeyedHash,
}

/// What happened, but for whose mailbox it is.
pub struct Happened {
    pub step: Step,
    pub at: Timestamp,
    pub reason: Option<&'static str>,
}

impl Prover {
    /// With a signature, and the secret of the data folder.
    pub fn new(signer: Arc<dyn Signer>, hash: KeyedHash) -> Self {
        Self { signer, hash }
    }

    /// The key of the first record of a chain: a document, a hash of the mailbox, and a place.
    fn key(&self, document: DocumentId, mailbox: MailboxId, sequence: u32) -> [u8; 28] {
        let mut key = [0; 28];
        key[..16].copy_from_slice(&document.as_u128().to_be_bytes());
        key[16..24].copy_from_slice(&self.hash.hash("evidence", &mailbox.key().to_be_bytes()).to_be_bytes());
        key[24..].copy_from_slice(&sequence.to_be_bytes());
        key
    }

    fn sign(&self, occurrence: &Occurrence, sequence: u32, previous: Option<&Signed>) -> Kept {
        let hashed = |signed: &Signed| URL_SAFE_NO_PAD.encode(digest(&SHA256, signed.0.as_bytes()));
        let record = Record {
            version: VERSION,
            sequence,
            event: occurrence.step,
            at: occurrence.at.to_string(),
            document: occurrence.document.to_string(),
            sender: occurrence.sender,
            recipient: URL_SAFE_NO_PAD.encode(occurrence.recipient),
            content_digest: URL_SAFE_NO_PAD.encode(occurrence.content.0),
            reason: occurrence.reason.as_deref().map(str::to_owned),
            previous: previous.map(hashed),
        };
        let payload = serde_json::to_vec(&record).expect("invariant: a record is plain data");
        Kept { step: occurrence.step, signed: self.signer.sign(&payload) }
    }

    fn occurrence(&self, document: &Document, content: Digest, mailbox: MailboxId, happened: &Happened) -> Occurrence {
        Occurrence {
            step: happened.step,
            at: happened.at,
            document: document.id,
            sender: document.sender.0,
            recipient: self.hash.whole("evidence", &mailbox.key().to_be_bytes()),
            content,
            reason: happened.reason.map(Box::from),
        }
    }

    /// The first records of a chain: the document was taken, and is in the mailbox, or nobody reads it there. For any thread: so the
    /// signatures of many recipients keep no other change waiting.
    pub fn begin(
        &self,
        document: &Document,
        content: Digest,
        mailbox: MailboxId,
        at: Timestamp,
        is_read: bool,
    ) -> Vec<Kept> {
        let (step, reason) =
            if is_read { (Step::ContentConsignment, None) } else { (Step::ContentConsignmentFailure, Some(NO_READER)) };
        let taken = Happened { step: Step::SubmissionAcceptance, at, reason: None };
        let mut chain: Vec<Kept> = Vec::with_capacity(2);
        for happened in [taken, Happened { step, at, reason }] {
            let occurrence = self.occurrence(document, content, mailbox, &happened);
            let kept = self.sign(&occurrence, chain.len() as u32 + 1, chain.last().map(|last| &last.signed));
            chain.push(kept);
        }
        chain
    }

    /// Puts the first records of a chain.
    pub fn put(&self, draft: &mut Draft<'_>, document: DocumentId, mailbox: MailboxId, chain: &[Kept]) {
        for (sequence, kept) in (1..).zip(chain) {
            draft.put(EVIDENCE, &self.key(document, mailbox, sequence), codec::encode(kept));
        }
    }

    /// Adds a record to a chain. Of a mailbox that nobody read digitally the content counts as consigned from the first time that its
    /// holder is told of it while it is active, or reads it: that is added first. Invariant: what is added may follow what is there.
    pub fn add(
        &self,
        draft: &mut Draft<'_>,
        document: &Document,
        content: Digest,
        mailbox: MailboxId,
        happened: &Happened,
    ) -> Result<(), Trouble> {
        let mut chain = self.drafted(draft, document.id, mailbox)?;
        let is_consigned = chain.iter().any(|kept| kept.step == Step::ContentConsignment);
        let consigns = !is_consigned
            && match happened.step {
                Step::ContentHandover => true,
                Step::NotificationForAcceptance => holder::drafted(draft, mailbox.key())?.is_active(),
                _ => false,
            };
        if consigns {
            let consigned = Happened { step: Step::ContentConsignment, at: happened.at, reason: None };
            self.append(draft, document, content, mailbox, &consigned, &mut chain)?;
        }
        self.append(draft, document, content, mailbox, happened, &mut chain)
    }

    fn append(
        &self,
        draft: &mut Draft<'_>,
        document: &Document,
        content: Digest,
        mailbox: MailboxId,
        happened: &Happened,
        chain: &mut Vec<Kept>,
    ) -> Result<(), Trouble> {
        let reasons: Vec<Option<String>> = chain.iter().map(Kept::reason).collect::<Result<_, _>>()?;
        let before: Vec<order::Taken<'_>> =
            chain.iter().zip(&reasons).map(|(kept, reason)| (kept.step, reason.as_deref())).collect();
        order::may_follow(&before, (happened.step, happened.reason)).map_err(|_| damaged())?;
        let occurrence = self.occurrence(document, content, mailbox, happened);
        let sequence = chain.len() as u32 + 1;
        if sequence > CHAIN {
            return Err(Trouble::TooMany(
                "this document has 16 records of evidence in this mailbox, which is the most",
            ));
        }
        let kept = self.sign(&occurrence, sequence, chain.last().map(|last| &last.signed));
        draft.put(EVIDENCE, &self.key(document.id, mailbox, sequence), codec::encode(&kept));
        chain.push(kept);
        Ok(())
    }

    /// A chain, on the writer thread.
    pub fn drafted(&self, draft: &Draft<'_>, document: DocumentId, mailbox: MailboxId) -> Result<Vec<Kept>, Trouble> {
        let mut chain = Chain::default();
        let (from, until) = (self.key(document, mailbox, 0), self.key(document, mailbox, u32::MAX));
        draft.scan(EVIDENCE, &from, Some(&until), |_, value| chain.take(value))?;
        chain.whole()
    }

    /// A chain.
    pub fn chain(&self, engine: &Engine, document: DocumentId, mailbox: MailboxId) -> Result<Vec<Kept>, Trouble> {
        let mut chain = Chain::default();
        let (from, until) = (self.key(document, mailbox, 0), self.key(document, mailbox, u32::MAX));
        engine.scan(EVIDENCE, &from, Some(&until), |_, value| chain.take(value))?;
        chain.whole()
    }
}

#[derive(Default)]
struct Chain {
    records: Vec<Kept>,
    is_damaged: bool,
}

impl Chain {
    fn take(&mut self, value: &[u8]) -> ControlFlow<()> {
        match codec::decode(value) {
            Ok(kept) => self.records.push(kept),
            Err(_) => self.is_damaged = true,
        }
        if self.is_damaged { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn whole(self) -> Result<Vec<Kept>, Trouble> {
        if self.is_damaged { Err(damaged()) } else { Ok(self.records) }
    }
}

/// What the contents of a document hash to.
pub fn content(document: &Document) -> Digest {
    contents::digest(document, |bytes| {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, bytes).as_ref());
        hash
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Plain;

    impl Signer for Plain {
        fn sign(&self, payload: &[u8]) -> Signed {
            Signed(format!("e30.{}.plain", URL_SAFE_NO_PAD.encode(payload)).into())
        }
    }

    #[test]
    fn a_record_stays_what_it_was_on_disk() {
        let kept = Kept { step: Step::ContentConsignment, signed: Signed("a.b".into()) };
        assert_eq!(codec::encode(&kept), b"\x01\x03\x03a.b");
    }

    #[test]
    fn a_record_names_the_hash_of_the_signed_one_before_it() {
        let prover = Prover::new(Arc::new(Plain), KeyedHash::new([7; 32]));
        let document = super::super::tests::letter(1);
        let mailbox = super::super::tests::citizen(1);
        let chain = prover.begin(&document, content(&document), mailbox, Timestamp::from_millis(5), false);
        let record = |kept: &Kept| kept.signed.record().unwrap();
        let (first, second) = (record(&chain[0]), record(&chain[1]));
        assert_eq!((first.event, first.sequence, &first.previous), (Step::SubmissionAcceptance, 1, &None));
        assert_eq!((second.event, second.sequence), (Step::ContentConsignmentFailure, 2));
        assert_eq!(second.reason.as_deref(), Some(NO_READER));
        let before = URL_SAFE_NO_PAD.encode(digest(&SHA256, chain[0].signed.0.as_bytes()));
        assert_eq!(second.previous, Some(before));
        assert!(!format!("{first:?}").contains(&mailbox.digits()));
    }
}
