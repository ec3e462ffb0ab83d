//! The store of mailboxes is killed again and again in the middle of publishing, linking, reading and expiry: no document is without
//! its items and no item without its document, events have no gap and nothing is told twice, the chains of evidence and of the trail
//! are whole, and what was acknowledged is there.
//!
//! `ESTAFETTE_CRASH_KILLS` says how often (6), `ESTAFETTE_CRASH_SEED` repeats the choices of a run. The process that is killed is this
//! program again, with the folder in `ESTAFETTE_MAILBOX_FOLDER`.
#![allow(clippy::unwrap_used)] // a failed step fails the test
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use estafette::store::mailbox::{Mailboxes, Settings};
use estafette_actors::domain::cbe::Cbe;
use estafette_actors::domain::language::{Language, Translated};
use estafette_actors::domain::mailbox::document::{Attachment, Body, Digest, Document, DocumentId, Hosting, Scan};
use estafette_actors::domain::mailbox::event::{Event, Kind};
use estafette_actors::domain::mailbox::evidence::{Record, Signed, Step};
use estafette_actors::domain::mailbox::item::Filter;
use estafette_actors::domain::mailbox::media::MediaType;
use estafette_actors::domain::mailbox::reference::RefId;
use estafette_actors::domain::mailbox::{Audience, MailboxId};
use estafette_actors::domain::niss::Niss;
use estafette_actors::domain::submission::Institution;
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::mailbox::{
    Access, Actor, Deed, Face, Mailboxes as _, PAGE_MAX, Publication, Rights, Signer, Trouble,
};
use estafette_actors::ports::{Clock, SystemClock};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

const FOLDER: &str = "ESTAFETTE_MAILBOX_FOLDER";
const FIRST: &str = "ESTAFETTE_MAILBOX_FIRST";
/// Numbers that one process may use.
const EACH: u64 = 1_000_000;
const CALLERS: u64 = 8;
const MAILBOXES: u64 = 150;
/// A call that links a document more has its first mailbox here.
const LINKED: u64 = 100;
const UNIQUE: u64 = (1 << 61) - 1;

struct Plain;

impl Signer for Plain {
    fn sign(&self, payload: &[u8]) -> Signed {
        Signed(format!("e30.{}.plain", URL_SAFE_NO_PAD.encode(payload)).into())
    }
}

fn open(folder: &Path) -> Mailboxes {
    let mut settings = Settings::new(folder);
    settings.engine.flush_after = Duration::from_millis(20);
    settings.note_within = Duration::from_millis(5);
    settings.index.bucket_entries = 256;
    Mailboxes::open(settings, [7; 32], Arc::new(Plain), Arc::new(SystemClock)).unwrap()
}

fn sender() -> Institution {
    Institution(Cbe::parse("0403019261").unwrap())
}

fn access() -> Access {
    let actor = Actor::Sender { institution: sender(), key: "k".into() };
    Access { actor, face: Face::Registry, ticket: None }
}

fn mailbox(number: u64) -> MailboxId {
    let number = number % MAILBOXES;
    if number.is_multiple_of(3) {
        MailboxId::Enterprise(Cbe::from_trusted_u32(400_000_000 + number as u32))
    } else {
        MailboxId::Citizen(Niss::from_trusted_u64(85_073_000_000 + number))
    }
}

/// To whom the document of a number is published: follows from the number alone.
fn recipients(number: u64) -> Vec<MailboxId> {
    let first = number.wrapping_mul(7);
    (first..=first + number % 4).map(mailbox).collect()
}

/// To whom it is linked later.
fn linked(number: u64) -> Vec<MailboxId> {
    let first = number.wrapping_mul(7) + LINKED - 1;
    (first..=first + number % 11).map(mailbox).collect()
}

fn content(number: u64) -> String {
    format!("content-{number}")
}

/// Every fourth is registered, every third gone after a moment.
fn document(number: u64) -> Document {
    let published_at = SystemClock.now();
    let stays = if number.is_multiple_of(3) { 400 } else { 1_000_000_000 };
    let attachment = Attachment {
        number: 1,
        title: Translated::new(),
        file_name: "a.pdf".into(),
        media_type: MediaType::Pdf,
        is_main: true,
        size: 1_000,
        digest: Some(Digest([1; 32])),
        is_signed: false,
        content: Some(content(number).into()),
        scan: Scan::NotScanned,
    };
    Document {
        id: DocumentId::new(published_at, number),
        sender: sender(),
        application: None,
        message_type: RefId::parse("letter").unwrap(),
        subject: Translated::of(Language::Fr, "Lettre".into()),
        body: Some(Body { html: Translated::of(Language::Fr, "<p>a</p>".into()), is_main: false }),
        attachments: vec![attachment],
        business: vec![],
        payment: None,
        author: None,
        attention: None,
        replies_to: None,
        may_be_replied_to: false,
        is_registered: number.is_multiple_of(4),
        published_at,
        expires_at: published_at.plus(Duration::from_millis(stays)),
        hosting: Hosting::Here,
    }
}

fn number_of(id: DocumentId) -> u64 {
    id.as_u128() as u64 & UNIQUE
}

/// Publishes, links, reads and lets go until it is killed; tells what was acknowledged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_process_that_is_killed() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let first: u64 = std::env::var(FIRST).unwrap().parse().unwrap();
    let mailboxes = open(Path::new(&folder));
    let tell = |what: &str, document: DocumentId| {
        let mut out = std::io::stdout().lock();
        writeln!(out, "\n{what} {document}").and_then(|()| out.flush()).unwrap();
    };
    for caller in 0..CALLERS {
        let mailboxes = mailboxes.clone();
        tokio::spawn(async move {
            for number in (first + caller..first + EACH).step_by(CALLERS as usize) {
                let publication = Publication {
                    document: document(number),
                    recipients: recipients(number),
                    idempotency: Some((number.to_string().into(), Digest([2; 32]))),
                };
                let published = mailboxes.publish(access(), publication).await.unwrap();
                let id = published.document.id;
                tell("published", id);
                match mailboxes.link(access(), sender(), id, linked(number)).await {
                    Ok(_) => tell("linked", id),
                    Err(trouble) => assert!(trouble == Trouble::NotFound && number.is_multiple_of(3)),
                }
                match mailboxes.read(access(), recipients(number)[0], id, true).await {
                    Ok(_) => tell("read", id),
                    Err(trouble) => assert!(trouble == Trouble::NotFound && number.is_multiple_of(3)),
                }
                mailboxes.note(access(), Deed::List, Some(mailbox(number)), None, "done");
            }
        });
    }
    loop {
        mailboxes.tick(SystemClock.now()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_sigkill_at_any_instant() {
    let given = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let kills = given("ESTAFETTE_CRASH_KILLS").unwrap_or(6);
    let seed = given("ESTAFETTE_CRASH_SEED").unwrap_or_else(rand::random);
    eprintln!("mailbox: {kills} kills, ESTAFETTE_CRASH_SEED={seed}");
    let mut chance = StdRng::seed_from_u64(seed);
    let folder = tempfile::tempdir().unwrap();
    let mut told = Told::default();
    for kill in 0..kills {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "the_process_that_is_killed", "--nocapture"])
            .env(FOLDER, folder.path())
            .env(FIRST, (kill * EACH).to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (after, mut lines) = (chance.random_range(1..2_500), 0);
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            if !told.take(&line.unwrap()) {
                continue;
            }
            lines += 1;
            if lines == after {
                // What it told before it died is still read.
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        assert!(lines >= after, "it ended by itself after {lines}");
        let mailboxes = open(folder.path());
        check(&mailboxes, &told).await;
        mailboxes.close();
    }
}

/// What was acknowledged.
#[derive(Default)]
struct Told {
    published: BTreeSet<DocumentId>,
    linked: BTreeSet<DocumentId>,
    read: BTreeSet<DocumentId>,
}

impl Told {
    fn take(&mut self, line: &str) -> bool {
        let Some((what, id)) = line.split_once(' ') else { return false };
        let into = match what {
            "published" => &mut self.published,
            "linked" => &mut self.linked,
            "read" => &mut self.read,
            _ => return false,
        };
        into.insert(id.parse().unwrap());
        true
    }
}

/// All that is in the mailboxes: documents, and when they were read.
type Found = BTreeMap<(DocumentId, MailboxId), Option<Timestamp>>;

async fn items(mailboxes: &Mailboxes) -> Found {
    let mut found = Found::new();
    for number in 0..MAILBOXES {
        let (of, mut skip) = (mailbox(number), 0);
        loop {
            let page = mailboxes.items(of, Rights::All, Filter::default(), skip, PAGE_MAX).await.unwrap();
            let count = page.items.len();
            for item in page.items {
                let is_new = found.insert((item.document.id, of), item.state.read_at).is_none();
                assert!(is_new, "a document twice in a mailbox");
            }
            skip += count;
            if count < PAGE_MAX {
                assert_eq!(page.total, skip as u64);
                break;
            }
        }
    }
    found
}

async fn events(mailboxes: &Mailboxes, of: Audience) -> Vec<Event> {
    let mut all: Vec<Event> = Vec::new();
    loop {
        let page = mailboxes.events(of, all.len() as u64, None, 1_000).await.unwrap();
        for event in page.events {
            assert_eq!(event.sequence, all.len() as u64 + 1, "a gap in the events");
            all.push(event);
        }
        if !page.has_next {
            return all;
        }
    }
}

async fn check(mailboxes: &Mailboxes, told: &Told) {
    // What expires does so before it is looked at.
    let now = SystemClock.now();
    while mailboxes.tick(now.plus(Duration::from_secs(1))).await.unwrap().has_more {}
    let found = items(mailboxes).await;
    let known: BTreeSet<DocumentId> = found.keys().map(|(id, _)| *id).collect();
    let mut told_new = BTreeSet::new();
    let mut told_read = BTreeSet::new();
    for of in [Audience::Citizen, Audience::Enterprise] {
        for event in events(mailboxes, of).await {
            let into = match event.kind {
                Kind::NewDocument => &mut told_new,
                Kind::ReadDocument => &mut told_read,
                Kind::NewDocumentReminder | Kind::DocumentExpirationAlert => unreachable!("nothing is so old"),
            };
            assert!(into.insert((event.document, event.mailbox)), "an event twice");
        }
    }
    for (place, read_at) in &found {
        assert!(told_new.contains(place), "an item that nobody was told of");
        assert_eq!(told_read.contains(place), read_at.is_some(), "a reading without its event, or an event without");
    }
    let every: BTreeSet<DocumentId> = told_new.iter().map(|(id, _)| *id).collect();
    for id in &every {
        let number = number_of(*id);
        let is_over = number.is_multiple_of(3);
        let document = mailboxes.document(*id).await.unwrap();
        assert_eq!(document.is_none(), is_over);
        assert_eq!(mailboxes.needs(&content(number)), !is_over, "a content that is needed, or needed no more");
        for of in recipients(number) {
            assert!(told_new.contains(&(*id, of)));
            assert_eq!(found.contains_key(&(*id, of)), !is_over, "a document without its item, or an item without");
        }
        // A call that links is there whole or not at all.
        let is_linked = |of: &MailboxId| told_new.contains(&(*id, *of)) && !recipients(number).contains(of);
        let more: Vec<MailboxId> = linked(number).into_iter().filter(|of| !recipients(number).contains(of)).collect();
        assert!(more.iter().all(is_linked) || !more.iter().any(is_linked), "half a call");
        if number.is_multiple_of(4) {
            check_evidence(mailboxes, *id, &told_new, &told_read).await;
        }
    }
    assert!(known.is_subset(&every));
    assert!(told.published.is_subset(&every), "a publication is lost");
    for id in &told.linked {
        assert!(linked(number_of(*id)).iter().all(|of| told_new.contains(&(*id, *of))), "a call is lost");
    }
    for id in &told.read {
        assert!(told_read.contains(&(*id, recipients(number_of(*id))[0])), "a reading is lost");
    }
    check_trail(mailboxes, every.len()).await;
    let again = every.iter().last().map(|id| number_of(*id)).unwrap();
    let publication = Publication {
        document: document(again),
        recipients: recipients(again),
        idempotency: Some((again.to_string().into(), Digest([2; 32]))),
    };
    let duplicate = mailboxes.publish(access(), publication).await;
    assert!(matches!(duplicate, Err(Trouble::Duplicate(_))), "a key is lost");
}

async fn check_evidence(
    mailboxes: &Mailboxes,
    id: DocumentId,
    told_new: &BTreeSet<(DocumentId, MailboxId)>,
    told_read: &BTreeSet<(DocumentId, MailboxId)>,
) {
    let all: BTreeSet<MailboxId> = [recipients(number_of(id)), linked(number_of(id))].concat().into_iter().collect();
    for of in all {
        let mut previous = None;
        let mut steps = Vec::new();
        for (sequence, signed) in (1..).zip(mailboxes.evidence(of, id).await.unwrap()) {
            let payload = signed.0.split('.').nth(1).unwrap();
            let record: Record = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
            assert_eq!((record.sequence, &record.previous), (sequence, &previous), "a chain is broken");
            previous = Some(URL_SAFE_NO_PAD.encode(digest(&SHA256, signed.0.as_bytes())));
            steps.push(record.event);
        }
        let (is_told, is_read) = (told_new.contains(&(id, of)), told_read.contains(&(id, of)));
        let mut expected = vec![];
        if is_told {
            expected.extend([Step::SubmissionAcceptance, Step::ContentConsignmentFailure]);
        }
        if is_read {
            expected.extend([Step::ContentConsignment, Step::ContentHandover]);
        } else if is_told && number_of(id).is_multiple_of(3) {
            expected.push(Step::ContentConsignmentFailure);
        }
        assert_eq!(steps, expected);
    }
}

async fn check_trail(mailboxes: &Mailboxes, documents: usize) {
    let verified = mailboxes.verify_audit().unwrap().unwrap();
    let (mut position, mut published, mut expired) = (0, 0, 0);
    loop {
        let lines = mailboxes.audit(None, None, position, 1_000).await.unwrap();
        if lines.is_empty() {
            break;
        }
        for line in lines {
            assert_eq!(line.position, position + 1, "a gap in the trail");
            position = line.position;
            published += usize::from(line.deed == Deed::Publish);
            expired += usize::from(line.deed == Deed::Expire);
        }
    }
    assert!(position >= verified.last);
    assert_eq!(published, documents, "a publication without its line, or a line without its publication");
    assert!(expired <= documents);
}
