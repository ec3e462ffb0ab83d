//! Mailboxes as a whole, on a folder.
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use estafette_actors::domain::cbe::Cbe;
use estafette_actors::domain::language::{Language, Translated};
use estafette_actors::domain::mailbox::document::{Attachment, Body, Digest, Document, DocumentId, Hosting, Scan};
use estafette_actors::domain::mailbox::evidence::Signed;
use estafette_actors::domain::mailbox::item::Filter;
use estafette_actors::domain::mailbox::media::MediaType;
use estafette_actors::domain::mailbox::reference::RefId;
use estafette_actors::domain::mailbox::{Audience, MailboxId, Preferences};
use estafette_actors::domain::niss::Niss;
use estafette_actors::domain::submission::Institution;
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::Clock;
use estafette_actors::ports::mailbox::{
    Access, Actor, Change, Deed, Face, Linked, Mailboxes as _, Publication, Rights, Signer, Trouble,
};

use super::*;

mod basics;
mod chains;
mod model;
mod time;

/// A day in milliseconds.
pub const A_DAY: u64 = 24 * 3_600 * 1_000;
/// Where the clock of these tests starts.
pub const START: u64 = 1_800_000_000_000;

/// The time is what a test says.
pub struct Hand(Mutex<Timestamp>);

impl Hand {
    pub fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(Timestamp::from_millis(START))))
    }

    /// Moves it on; gives the time then.
    pub fn on(&self, millis: u64) -> Timestamp {
        let mut now = self.0.lock().unwrap();
        *now = now.plus(Duration::from_millis(millis));
        *now
    }
}

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

/// A signature that anybody can read.
pub struct Plain;

impl Signer for Plain {
    fn sign(&self, payload: &[u8]) -> Signed {
        Signed(format!("e30.{}.plain", URL_SAFE_NO_PAD.encode(payload)).into())
    }
}

pub fn settings(folder: &std::path::Path) -> Settings {
    let mut settings = Settings::new(folder);
    settings.engine.flush_after = Duration::from_millis(20);
    settings.note_within = Duration::from_millis(5);
    settings
}

pub fn open(folder: &std::path::Path, clock: &Arc<Hand>) -> Mailboxes {
    Mailboxes::open(settings(folder), [7; 32], Arc::new(Plain), Arc::clone(clock) as Arc<dyn Clock>).unwrap()
}

pub fn sender() -> Institution {
    Institution(Cbe::parse("0403019261").unwrap())
}

pub fn access() -> Access {
    let actor = Actor::Sender { institution: sender(), key: "k1".into() };
    Access { actor, face: Face::Registry, ticket: Some("t1".into()) }
}

pub fn holder(number: u64) -> Access {
    Access { actor: Actor::Person(Niss::from_trusted_u64(number)), face: Face::Web, ticket: None }
}

pub fn citizen(number: u64) -> MailboxId {
    MailboxId::Citizen(Niss::from_trusted_u64(85_073_000_000 + number))
}

pub fn enterprise(number: u32) -> MailboxId {
    MailboxId::Enterprise(Cbe::from_trusted_u32(400_000_000 + number))
}

/// A registered letter that expires after 100 days; its number makes its name.
pub fn letter(number: u64) -> Document {
    let published_at = Timestamp::from_millis(START);
    let attachment = Attachment {
        number: 1,
        title: Translated::new(),
        file_name: "pension.pdf".into(),
        media_type: MediaType::Pdf,
        is_main: true,
        size: 1_000,
        digest: Some(Digest([number as u8; 32])),
        is_signed: false,
        content: Some(format!("content-{number}").into()),
        scan: Scan::NotScanned,
    };
    Document {
        id: DocumentId::new(published_at, number),
        sender: sender(),
        author: None,
        application: Some(RefId::parse("app").unwrap()),
        message_type: RefId::parse("letter").unwrap(),
        subject: Translated::of(Language::Fr, format!("Lettre {number}").into()),
        body: Some(Body { html: Translated::of(Language::Fr, "<p>Bonjour</p>".into()), is_main: false }),
        attachments: vec![attachment],
        business: vec![],
        payment: None,
        attention: None,
        replies_to: None,
        may_be_replied_to: false,
        is_registered: true,
        published_at,
        expires_at: Timestamp::from_millis(START + 100 * A_DAY),
        hosting: Hosting::Here,
    }
}

/// A letter that is not registered, published at a time.
pub fn plain(number: u64, at: Timestamp) -> Document {
    let expires_at = at.plus(Duration::from_millis(100 * A_DAY));
    Document { id: DocumentId::new(at, number), is_registered: false, published_at: at, expires_at, ..letter(number) }
}

pub async fn publish(mailboxes: &Mailboxes, document: Document, recipients: Vec<MailboxId>) -> Result<Linked, Trouble> {
    mailboxes.publish(access(), Publication { document, recipients, idempotency: None }).await
}

/// The whole feed of an audience: its numbers follow each other.
pub async fn feed(mailboxes: &Mailboxes, of: Audience) -> Vec<estafette_actors::domain::mailbox::event::Event> {
    let mut all: Vec<estafette_actors::domain::mailbox::event::Event> = Vec::new();
    loop {
        let page = mailboxes.events(of, all.len() as u64, None, 7).await.unwrap();
        for event in page.events {
            assert_eq!(event.sequence, all.len() as u64 + 1);
            all.push(event);
        }
        if !page.has_next {
            return all;
        }
    }
}
