//! What a full disk makes of it.
use std::sync::atomic::AtomicUsize;

use estafette_actors::domain::cbe::Cbe;
use estafette_actors::domain::language::Language;
use estafette_actors::domain::mailbox::evidence::Signed;
use estafette_actors::domain::mailbox::{Audience, MailboxId, Notice, Preferences};
use estafette_actors::domain::niss::Niss;
use estafette_actors::domain::submission::Institution;
use estafette_actors::domain::time::Timestamp;
use estafette_actors::domain::{mailbox, strategy};
use estafette_actors::ports::mailbox::{Access, Change, Mailboxes as _, Signer};
use estafette_actors::ports::{Clock as _, SystemClock};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::super::{Depths, Messages, Notices, Settings};
use super::*;
use crate::store::mailbox::{self as store, Mailboxes};
use crate::store::notices::{Entry, Place};

struct Plain;

impl Signer for Plain {
    fn sign(&self, _: &[u8]) -> Signed {
        Signed("e30.e30.plain".into())
    }
}

struct Counting(AtomicUsize);

impl Submit for Counting {
    fn submit(&self, _: Brief) -> BoxFuture<'static, Result<(), String>> {
        self.0.fetch_add(1, AcqRel);
        async { Ok(()) }.boxed()
    }
}

#[tokio::test]
async fn while_it_can_not_be_written_what_went_nothing_goes_twice() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(SystemClock);
    let mailboxes =
        Mailboxes::open(store::Settings::new(folder.path()), [7; 32], Arc::new(Plain), Arc::clone(&clock) as _);
    let mailboxes = Arc::new(mailboxes.unwrap());
    let who = MailboxId::Citizen(Niss::from_trusted_u64(85_073_003_328));
    let wanted = Preferences { notice: Notice::Message, ..Preferences::default() };
    mailboxes.change(Access::PROGRAM, who, Change::Activate(wanted)).await.unwrap();
    let mut settings = Settings::new(folder.path(), "https://mailbox.example.be");
    settings.messages = Some(Messages {
        institution: Institution(Cbe::parse("0403019261").unwrap()),
        default_language: Language::Fr,
        strategy: Arc::new(strategy::built_in().remove(0)),
    });
    settings.look = Duration::from_millis(1);
    settings.pause = (Duration::from_millis(1), Duration::from_millis(2));
    let notices = Notices::open(settings, mailboxes, &[7; 32], Arc::clone(&clock) as _).unwrap();
    let book = Arc::clone(notices.book());
    book.full.store(5, Release);
    let now = clock.now();
    let document = |n| mailbox::document::DocumentId::new(now, n);
    let entries = [1, 2, 3].map(|n| Entry::AtOnce(who, document(n), Way::Message, Timestamp::ZERO));
    book.follow(Audience::Citizen, Place { after: 0, since: now }, &entries).unwrap();
    let counting = Arc::new(Counting(AtomicUsize::new(0)));
    let running = tokio::spawn(notices.run(Some(Arc::clone(&counting) as _)));
    while book.depths().unwrap() != Depths::default() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    running.abort();
    assert_eq!((counting.0.load(Acquire), book.full.load(Acquire)), (3, 0));
}
