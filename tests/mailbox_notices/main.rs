//! Notices over the real store of mailboxes and a real socket: what goes at once and what waits, a server that is down, addresses that are
//! none, kills, and that nobody learns anything from them.
#![allow(clippy::unwrap_used)] // a failed step fails the test
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use estafette::notices::message::{Brief, Submit};
use estafette::notices::smtp::{self, Security};
use estafette::notices::{Messages, Notices, Returned, Settings, mail};
use estafette::store::mailbox::{self as store, Mailboxes};
use estafette_actors::domain::backoff::Backoff;
use estafette_actors::domain::cbe::Cbe;
use estafette_actors::domain::language::{Language, Translated};
use estafette_actors::domain::mailbox::document::{Body, Document, DocumentId, Hosting};
use estafette_actors::domain::mailbox::evidence::Signed;
use estafette_actors::domain::mailbox::reference::RefId;
use estafette_actors::domain::mailbox::{MailboxId, Notice, Preferences};
use estafette_actors::domain::niss::Niss;
use estafette_actors::domain::strategy;
use estafette_actors::domain::submission::Institution;
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::Clock;
use estafette_actors::ports::mailbox::{Access, Actor, Change, Face, Mailboxes as _, Publication, Signer, Trouble};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tempfile::TempDir;
use tokio::task::JoinHandle;

mod handing_over;
mod server;
mod trouble;

use server::{Server, Taken};

const TITLE: &str = "Uw pensioen wordt berekend";
const CONNECTIONS: usize = 3;

struct Plain;

impl Signer for Plain {
    fn sign(&self, payload: &[u8]) -> Signed {
        Signed(format!("e30.{}.plain", URL_SAFE_NO_PAD.encode(payload)).into())
    }
}

/// The time is what a test says.
struct Hand(Mutex<Timestamp>);

impl Hand {
    fn set(&self, text: &str) {
        *self.0.lock().unwrap() = Timestamp::parse(text).unwrap();
    }
}

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

/// Keeps what it is given, unless it is busy.
#[derive(Default)]
struct Broker(Mutex<Vec<Brief>>, Mutex<Option<u32>>);

impl Submit for Broker {
    fn submit(&self, brief: Brief) -> BoxFuture<'static, Result<(), String>> {
        if let Some(refused) = &mut *self.1.lock().unwrap() {
            *refused += 1;
            return async { Err("busy".to_owned()) }.boxed();
        }
        self.0.lock().unwrap().push(brief);
        async { Ok(()) }.boxed()
    }
}

/// Mailboxes, notices and a mail server, with a clock that stands at nine in the morning on the day before the clock is put back.
struct World {
    folder: TempDir,
    clock: Arc<Hand>,
    mailboxes: Arc<Mailboxes>,
    server: Server,
    broker: Arc<Broker>,
    notices: Option<Notices>,
    running: Option<JoinHandle<()>>,
    published: u64,
}

fn settings(folder: &Path, server: &Server) -> Settings {
    let smtp = smtp::Settings {
        host: "127.0.0.1".into(),
        port: server.address.port(),
        security: Security::None,
        authorities: None,
        credentials: None,
        timeout: Duration::from_secs(60),
    };
    let mut settings = Settings::new(folder, "https://mailbox.example.be");
    settings.mail = Some(mail::Settings {
        smtp,
        from: "e-Box <ebox@mail.example.be>".parse().unwrap(),
        reply_to: None,
        bounces: Some("bounces@mail.example.be".parse().unwrap()),
        a_second: 500,
        connections: CONNECTIONS,
    });
    settings.messages = Some(Messages {
        institution: sender(),
        default_language: Language::Fr,
        strategy: Arc::new(strategy::built_in().into_iter().find(|one| &*one.name == "govapp-first").unwrap()),
    });
    settings.look = Duration::from_millis(5);
    settings.pause = (Duration::from_millis(20), Duration::from_millis(100));
    settings
}

fn opened(folder: &Path, clock: &Arc<Hand>) -> Result<Arc<Mailboxes>, Trouble> {
    let mut stored = store::Settings::new(folder);
    stored.engine.flush_after = Duration::from_millis(10);
    Mailboxes::open(stored, [7; 32], Arc::new(Plain), Arc::clone(clock) as _).map(Arc::new)
}

impl World {
    async fn with(server: Server) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(Hand(Mutex::new(Timestamp::parse("2026-10-24T09:00:00+02:00").unwrap())));
        let mailboxes = opened(folder.path(), &clock).unwrap();
        let mut world = Self {
            folder,
            clock,
            mailboxes,
            server,
            broker: Arc::default(),
            notices: None,
            running: None,
            published: 0,
        };
        world.start().await;
        world
    }

    async fn new() -> Self {
        Self::with(Server::started().await).await
    }

    async fn start(&mut self) {
        self.start_with(settings(self.folder.path(), &self.server)).await;
    }

    async fn start_with(&mut self, settings: Settings) {
        let notices = loop {
            let mailboxes = Arc::clone(&self.mailboxes) as _;
            let opened = Notices::open(settings.clone(), mailboxes, &[7; 32], Arc::clone(&self.clock) as _);
            match opened {
                Ok(notices) => break notices,
                // A thread of the one that was killed has the file still.
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        };
        self.running = Some(tokio::spawn(notices.run(Some(Arc::clone(&self.broker) as _))));
        self.notices = Some(notices);
    }

    /// Ends it wherever it is.
    async fn kill(&mut self) {
        let running = self.running.take().unwrap();
        running.abort();
        let _ = running.await;
        self.notices = None;
    }

    fn notices(&self) -> &Notices {
        self.notices.as_ref().unwrap()
    }

    fn figure(&self, name: &str) -> u64 {
        self.notices().figures().into_iter().find(|(known, _)| *known == name).unwrap().1
    }

    async fn until(&self, name: &str, value: u64) {
        while self.figure(name) != value {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    async fn change(&self, id: MailboxId, change: Change) {
        self.mailboxes.change(Access::PROGRAM, id, change).await.unwrap();
    }

    /// A mailbox whose holder wants to be told.
    async fn holder(&self, id: MailboxId, notice: Notice, language: Language) {
        let email = Some(address(id).into());
        let wanted = Preferences { language: Some(language), email, notice, ..Preferences::default() };
        self.change(id, Change::Activate(wanted)).await;
    }

    async fn publish(&mut self, to: &[MailboxId], is_registered: bool) -> DocumentId {
        self.published += 1;
        let now = self.clock.now();
        let document = Document {
            id: DocumentId::new(now, self.published),
            sender: sender(),
            author: None,
            application: None,
            message_type: RefId::parse("letter").unwrap(),
            subject: Translated::of(Language::Nl, TITLE.into()),
            body: Some(Body { html: Translated::of(Language::Nl, "<p>Geheim</p>".into()), is_main: true }),
            attachments: Vec::new(),
            business: Vec::new(),
            payment: None,
            attention: None,
            replies_to: None,
            may_be_replied_to: false,
            is_registered,
            published_at: now,
            expires_at: now.plus(Duration::from_secs(100 * 24 * 3_600)),
            hosting: Hosting::Here,
        };
        let id = document.id;
        let access = Access {
            actor: Actor::Sender { institution: sender(), key: "k".into() },
            face: Face::Registry,
            ticket: None,
        };
        let publication = Publication { document, recipients: to.to_vec(), idempotency: None };
        self.mailboxes.publish(access, publication).await.unwrap();
        id
    }

    async fn read(&self, id: MailboxId, document: DocumentId) {
        self.mailboxes.read(Access::PROGRAM, id, document, true).await.unwrap();
    }

    /// Something that goes at once has gone: so has all that was due before it.
    async fn passed(&mut self) -> Taken {
        let (who, before) = (citizen(9_999), self.server.taken().len());
        self.holder(who, Notice::Email, Language::En).await;
        self.publish(&[who], true).await;
        loop {
            let taken = self.server.has(before + 1).await;
            if let Some(found) = taken[before..].iter().find(|mail| mail.to == address(who)) {
                self.until("waiting_mails", 0).await;
                return found.clone();
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// What a mailbox was sent.
    fn sent(&self, id: MailboxId) -> Vec<Taken> {
        self.server.taken().into_iter().filter(|mail| mail.to == address(id)).collect()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(running) = &self.running {
            running.abort();
        }
    }
}

fn sender() -> Institution {
    Institution(Cbe::parse("0403019261").unwrap())
}

fn citizen(number: u64) -> MailboxId {
    MailboxId::Citizen(Niss::from_trusted_u64(85_073_000_000 + number))
}

fn enterprise() -> MailboxId {
    MailboxId::Enterprise(Cbe::parse("0206731645").unwrap())
}

fn address(id: MailboxId) -> String {
    match id {
        MailboxId::Citizen(niss) => format!("reader-{}@example.org", niss.as_u64() % 1_000_000),
        MailboxId::Enterprise(_) => "office@example.org".to_owned(),
    }
}

/// Nothing of a document, a sender or a reader is in it.
fn tells_nothing(mail: &Taken, who: MailboxId) {
    let parsed = mail_parser::MessageParser::default().parse(mail.text.as_bytes()).unwrap();
    let html = parsed.body_html(0).unwrap().into_owned();
    for text in [&mail.text, &mail.from, &mail.read().1, &html] {
        for secret in [who.digits().as_str(), "pensioen", "Geheim", "letter", "0403019261", "0403.019.261"] {
            assert!(!text.contains(secret), "{secret} is in {text}");
        }
    }
}

#[tokio::test]
async fn registered_mail_is_told_at_once_and_all_else_once_a_day_also_when_the_clock_is_put_back() {
    let mut world = World::new().await;
    let who = citizen(1);
    world.holder(who, Notice::Email, Language::Nl).await;
    world.publish(&[who], false).await;
    let registered = world.publish(&[who], true).await;
    world.publish(&[who], false).await;
    let first = world.server.has(1).await.remove(0);
    assert_eq!(
        (first.to.as_str(), first.read().0.as_str()),
        ("reader-1@example.org", "Aangetekende zending in uw e-Box")
    );
    tells_nothing(&first, who);
    world.until("waiting_mails", 0).await;
    // Publication, its place in the mailbox, and that the holder was told.
    assert_eq!(world.mailboxes.evidence(who, registered).await.unwrap().len(), 3);

    world.publish(&[who], false).await;
    world.clock.set("2026-10-25T07:59:59+01:00");
    world.passed().await;
    assert_eq!(world.sent(who).len(), 1, "nothing more before the hour");
    world.clock.set("2026-10-25T08:00:00+01:00");
    world.until("waiting_mail_digests", 0).await;
    let sent = world.sent(who);
    assert_eq!(sent.len(), 2);
    let (subject, text) = sent[1].read();
    assert_eq!(subject, "3 berichten in uw e-Box");
    assert!(text.contains("3 nieuwe berichten"), "{text}");
    tells_nothing(&sent[1], who);

    world.publish(&[who], false).await;
    world.clock.set("2026-10-25T23:00:00+01:00");
    world.passed().await;
    assert_eq!(world.sent(who).len(), 2, "one digest a day");
    world.clock.set("2026-10-26T08:00:00+01:00");
    world.until("waiting_mail_digests", 0).await;
    assert_eq!(world.sent(who)[2].read().0, "1 bericht in uw e-Box");
}

#[tokio::test]
async fn what_was_read_meanwhile_is_not_counted_and_a_digest_of_nothing_is_not_sent() {
    let mut world = World::new().await;
    let (some, all) = (citizen(1), citizen(2));
    for who in [some, all] {
        world.holder(who, Notice::Email, Language::Fr).await;
    }
    let one = world.publish(&[some, all], false).await;
    world.publish(&[some], false).await;
    world.until("waiting_documents", 3).await;
    world.read(some, one).await;
    world.read(all, one).await;
    world.until("waiting_documents", 1).await;
    world.clock.set("2026-10-25T08:00:00+01:00");
    world.until("waiting_mail_digests", 0).await;
    let taken = world.server.taken();
    assert_eq!(taken.len(), 1);
    assert_eq!(taken[0].read().0, "1 message dans votre e-Box");
}

#[tokio::test]
async fn reminders_and_alerts_stand_in_the_digest() {
    let mut world = World::new().await;
    let who = citizen(1);
    world.holder(who, Notice::Email, Language::En).await;
    world.publish(&[who], true).await;
    world.server.has(1).await;
    for (day, tomorrow, words) in [
        ("2026-11-08T10:00:00+01:00", "2026-11-09T08:00:00+01:00", "1 message that you have not read for 15 days"),
        ("2027-01-25T10:00:00+01:00", "2027-01-26T08:00:00+01:00", "1 unread message that expires within 7 days"),
    ] {
        world.clock.set(day);
        while world.mailboxes.tick(world.clock.now()).await.unwrap().has_more {}
        world.until("waiting_documents", 1).await;
        let before = world.sent(who).len();
        world.clock.set(tomorrow);
        world.until("waiting_mail_digests", 0).await;
        let sent = world.sent(who);
        assert_eq!(sent.len(), before + 1);
        assert!(sent[before].read().1.contains(words), "{}", sent[before].read().1);
    }
}

#[tokio::test]
async fn links_and_bounces_turn_off_whose_they_are_and_nothing_else() {
    let mut world = World::new().await;
    let (who, other) = (citizen(1), citizen(2));
    for one in [who, other] {
        world.holder(one, Notice::Email, Language::Fr).await;
    }
    world.publish(&[who], true).await;
    let mail = world.server.has(1).await.remove(0);
    let link = mail.header("List-Unsubscribe").unwrap().trim_matches(['<', '>']).to_owned();
    let token = link.strip_prefix("https://mailbox.example.be/mailbox/unsubscribe?t=").unwrap();
    assert_eq!(mail.header("List-Unsubscribe-Post"), Some("List-Unsubscribe=One-Click"));
    assert_eq!(world.notices().stops(token), Some((who, address(who).into())));
    assert_eq!(world.notices().stops(&token.replace(&token[..1], "x")), None);

    let report = |to: &str, status: &str| {
        format!(
            "To: {to}\r\nMIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n\
             --b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx\r\n\r\nAction: failed\r\nStatus: {status}\r\n\r\n--b--\r\n"
        )
    };
    let came = |text: String| world.notices().came_back(text.into());
    assert_eq!(came(report(&mail.from, "4.4.7")).await.unwrap(), Returned::Passing);
    assert_eq!(came(report("bounces@mail.example.be", "5.1.1")).await.unwrap(), Returned::NotOurs);
    let fails = |who| world.mailboxes.mailbox(who).unwrap().preferences.email_fails;
    assert!(!fails(who));
    assert_eq!(came(report(&mail.from, "5.1.1")).await.unwrap(), Returned::TurnedOff);
    assert!(fails(who) && !fails(other));
    // Another address since: neither the bounce nor the link is about it.
    let wanted = Preferences { email: Some("new@example.org".into()), notice: Notice::Email, ..Preferences::default() };
    world.change(who, Change::Prefer(wanted)).await;
    assert_eq!(came(report(&mail.from, "5.1.1")).await.unwrap(), Returned::OtherAddress);
    assert_eq!(world.notices().stops(token), None);
    assert!(!fails(who));
}

#[tokio::test]
async fn who_wants_none_or_has_switched_off_gets_none() {
    let mut world = World::new().await;
    let (never, changed, closed) = (citizen(1), citizen(2), citizen(3));
    world.holder(never, Notice::None, Language::Fr).await;
    world.holder(changed, Notice::Email, Language::Fr).await;
    world.holder(closed, Notice::Email, Language::Fr).await;
    world.publish(&[never, changed, closed, citizen(4)], false).await;
    world.until("waiting_mail_digests", 2).await;
    world.change(changed, Change::Prefer(Preferences::default())).await;
    world.change(closed, Change::Deactivate).await;
    world.clock.set("2026-10-25T08:00:00+01:00");
    world.until("waiting_mail_digests", 0).await;
    world.until("waiting_documents", 0).await;
    world.passed().await;
    assert_eq!(world.server.taken().len(), 1);
}

#[tokio::test]
async fn what_came_before_notices_were_switched_on_is_not_told() {
    let mut world = World::new().await;
    world.kill().await;
    let other = tempfile::tempdir().unwrap();
    let who = citizen(1);
    world.holder(who, Notice::Email, Language::Fr).await;
    world.publish(&[who], true).await;
    world.clock.set("2026-10-24T09:00:01+02:00");
    // A data folder in which they never were.
    let settings = settings(other.path(), &world.server);
    let mailboxes = Arc::clone(&world.mailboxes) as _;
    let notices = Notices::open(settings, mailboxes, &[7; 32], Arc::clone(&world.clock) as _).unwrap();
    world.running = Some(tokio::spawn(notices.run(None)));
    world.notices = Some(notices);
    world.passed().await;
    assert!(world.sent(who).is_empty());
}
