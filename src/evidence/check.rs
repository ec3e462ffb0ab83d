//! Checks a bundle: what holds, and what is broken where, in plain words.
//!
//! Invariant: nothing is believed that is not signed by a key that is trusted; each thing that is wrong is told, not the first only.
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use estafette_actors::domain::mailbox::document::Digest;
use estafette_actors::domain::mailbox::evidence::{Record, Step, VERSION, contents as parts, order};
use estafette_actors::domain::time::Timestamp;
use serde::Serialize;

use super::jws::Jws;
use super::{Bundle, KeySet, base64url, bundle, sha256};

/// Something that is broken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Broken {
    /// Where: `record 2`, `the keys`, `the document`, `the file`.
    pub place: String,
    /// What.
    pub what: String,
}

/// A record that was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// Its place in the bundle, from 1.
    pub number: usize,
    /// What it says happened; none where it can't be read.
    pub step: Option<Step>,
    /// When it says so.
    pub at: Option<String>,
    /// Why, where it says that something failed.
    pub reason: Option<String>,
    /// The thumbprint of the key that signed it; none where no trusted key did.
    pub signed_by: Option<String>,
}

/// What came of a check.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The document, as the bundle names it.
    pub document: Option<String>,
    /// Who sent it, as the bundle says.
    pub sender: Option<String>,
    /// The keys were those in the bundle: it proves only that it was not changed since somebody signed it with these.
    pub trusted_own_keys: bool,
    /// The records.
    pub records: Vec<Checked>,
    /// What holds.
    pub holds: Vec<&'static str>,
    /// What is broken; nothing when all is right.
    pub broken: Vec<Broken>,
}

impl Report {
    fn note(&mut self, place: impl Into<String>, what: impl Into<String>) {
        self.broken.push(Broken { place: place.into(), what: what.into() });
    }

    /// Tells that something holds, unless something is noted since.
    fn holds_since(&mut self, before: usize, what: &'static str) {
        if self.broken.len() == before {
            self.holds.push(what);
        }
    }

    /// Whether all is right.
    pub fn is_right(&self) -> bool {
        self.broken.is_empty()
    }
}

/// Checks the file of a bundle, with the keys that were given or, without any, with those in it.
pub fn check(file: &[u8], given: Option<&KeySet>) -> Report {
    let mut report = Report { trusted_own_keys: given.is_none(), ..Report::default() };
    let bundle: Bundle = match serde_json::from_slice(file) {
        Ok(bundle) => bundle,
        Err(error) => {
            // Its words may have a part of the file: the place is enough.
            let (line, column) = (error.line(), error.column());
            report.note("the file", format!("it is no bundle of evidence: see line {line}, column {column}"));
            return report;
        }
    };
    if bundle.format != bundle::FORMAT || bundle.version != bundle::VERSION {
        report.note("the file", "it is a bundle of another form: use the program that made it");
        return report;
    }
    report.document = Some(bundle.document.id.clone());
    report.sender = Some(bundle.document.sender.clone());
    keys(&bundle, &mut report);
    let records = signatures(&bundle, given.unwrap_or(&bundle.keys), &mut report);
    chain(&bundle, &records, &mut report);
    steps(&records, &mut report);
    contents(&bundle, &records, &mut report);
    report
}

fn keys(bundle: &Bundle, report: &mut Report) {
    let before = report.broken.len();
    for (place, key) in bundle.keys.keys.iter().enumerate() {
        if key.point().is_none() || !key.is_named_right() {
            report.note("the keys", format!("key {} is none of P-256, or its name is not its thumbprint", place + 1));
        }
    }
    report.holds_since(before, "each key in the bundle is named by its thumbprint");
}

/// Reads the records whose signature holds; the others are noted.
fn signatures(bundle: &Bundle, trusted: &KeySet, report: &mut Report) -> Vec<Option<Record>> {
    let before = report.broken.len();
    if bundle.records.is_empty() {
        report.note("the file", "there is no record in it");
    }
    let mut records = Vec::with_capacity(bundle.records.len());
    for (place, signed) in bundle.records.iter().enumerate() {
        let mut checked = Checked { number: place + 1, step: None, at: None, reason: None, signed_by: None };
        let read = one(&signed.0, trusted, &mut checked);
        if let Err(what) = &read {
            report.note(format!("record {}", place + 1), what.clone());
        }
        report.records.push(checked);
        records.push(read.ok());
    }
    report.holds_since(before, "each record is signed by a trusted key");
    records
}

fn one(compact: &str, trusted: &KeySet, checked: &mut Checked) -> Result<Record, String> {
    let jws = Jws::parse(compact)?;
    // What it says is told even where the signature does not hold, so that a reader sees which one it is.
    let record: Option<Record> = serde_json::from_slice(&jws.payload).ok();
    checked.step = record.as_ref().map(|record| record.event);
    checked.at = record.as_ref().map(|record| record.at.clone());
    checked.reason = record.as_ref().and_then(|record| record.reason.clone());
    let point = trusted.point(&jws.kid).ok_or("it names a key that is not among those that are trusted")?;
    if !jws.is_of(&point) {
        return Err("its signature does not hold: it was changed, or signed by somebody else".to_owned());
    }
    checked.signed_by = Some(jws.kid);
    let record = record.filter(|record| record.version == VERSION);
    record.ok_or_else(|| "it is signed, and no record of a form that this program knows".to_owned())
}

fn chain(bundle: &Bundle, records: &[Option<Record>], report: &mut Report) {
    let before = report.broken.len();
    let mut previous: Option<String> = None;
    for (place, record) in records.iter().enumerate() {
        let number = place + 1;
        if let Some(record) = record {
            if usize::try_from(record.sequence) != Ok(number) {
                let what = format!("it is the {}. of its chain and stands in place {number}", record.sequence);
                report.note(format!("record {number}"), what);
            }
            if record.previous != previous {
                let what = "it does not follow the record before it: one was changed, left out or moved";
                report.note(format!("record {number}"), what);
            }
            let first = records.iter().flatten().next().unwrap_or(record);
            let is_same = (&record.document, record.sender, &record.recipient, &record.content_digest)
                == (&first.document, first.sender, &first.recipient, &first.content_digest);
            if !is_same {
                report.note(format!("record {number}"), "it is about another document, sender, mailbox or content");
            }
        }
        previous = Some(base64url(&sha256(bundle.records[place].0.as_bytes())));
    }
    let is_whole = records.iter().all(Option::is_some);
    if is_whole {
        report.holds_since(before, "the records follow each other without a gap, and are about the same");
    }
}

fn steps(records: &[Option<Record>], report: &mut Report) {
    let before = report.broken.len();
    let (mut so_far, mut last) = (Vec::new(), Timestamp::ZERO);
    // What they say they are, signed or not, so that those behind one that is not are not blamed for it as well.
    let said: Vec<_> = report.records.iter().map(|one| (one.step, one.reason.clone())).collect();
    for (record, (step, reason)) in records.iter().zip(&said) {
        let Some(step) = step else { return };
        let taken = (*step, reason.as_deref());
        let Some(record) = record else {
            so_far.push(taken);
            continue;
        };
        let name = format!("record {}", so_far.len() + 1);
        match Timestamp::parse(&record.at) {
            Ok(at) if at < last => report.note(&name, "it is earlier than the record before it"),
            Ok(at) => last = at,
            Err(_) => report.note(&name, "its time is none"),
        }
        if let Err(why) = order::may_follow(&so_far, taken) {
            report.note(&name, format!("{:?} can't stand here: {why}", record.event));
        }
        so_far.push(taken);
    }
    if records.iter().all(Option::is_some) {
        report.holds_since(before, "the steps come in an order that can be, and their times never go back");
    }
}

/// What the bundle says of the document against what the records say.
fn contents(bundle: &Bundle, records: &[Option<Record>], report: &mut Report) {
    let before = report.broken.len();
    let described = &bundle.document;
    let mut digests = Vec::new();
    for (place, part) in described.parts.iter().enumerate() {
        let digest = part.digest.as_deref().map(digest);
        if digest == Some(None) {
            report.note("the document", format!("the digest of part {} is none", place + 1));
        }
        digests.push(digest.flatten());
    }
    if base64url(&parts::over(digests.into_iter(), sha256).0) != described.content_digest {
        report.note("the document", "the digests of its parts don't make its content digest");
    }
    if let Some(record) = records.iter().flatten().next() {
        if record.document != described.id || record.sender.digits() != described.sender {
            report.note("the document", "the records are about another document or another sender");
        }
        if record.content_digest != described.content_digest {
            report.note("the document", "the records are about another content than the one that is described");
        }
        report.holds_since(before, "name, sender and content digests of the document are those in the records");
    }
}

fn digest(text: &str) -> Option<Digest> {
    URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok().map(Digest)
}
