//! Each thing that a mailbox does, once.
use bytes::Bytes;
use estafette_actors::domain::mailbox::event::Kind;
use estafette_actors::domain::mailbox::reference::{Application, IMAGES, Image, Organization};
use estafette_actors::ports::mailbox::ImageOf;

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_is_published_is_in_its_mailboxes_and_told() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), Hand::new());
    let mailboxes = open(folder.path(), &clock);
    let active = Change::Activate(Preferences::default());
    assert!(mailboxes.change(holder(1), citizen(1), active).await.unwrap().is_active());
    let document = plain(1, clock.now());
    let recipients = vec![enterprise(1), citizen(2), citizen(1)];
    let linked = publish(&mailboxes, document.clone(), recipients).await.unwrap();
    assert_eq!((linked.new, linked.without_reader), (3, vec![citizen(2), enterprise(1)]));
    for mailbox in [citizen(1), citizen(2), enterprise(1)] {
        let page = mailboxes.items(mailbox, Rights::All, Filter::default(), 0, 10).await.unwrap();
        assert_eq!((page.total, page.items.len(), page.items[0].document.id), (1, 1, document.id));
        assert!(page.items[0].document.body.as_ref().unwrap().html.is_empty());
        let item = mailboxes.item(mailbox, Rights::All, document.id).await.unwrap().unwrap();
        assert_eq!(*item.document, document);
        let summary = mailboxes.summary(mailbox, Rights::All).await.unwrap();
        assert_eq!((summary.count, summary.unread, summary.bytes), (1, 1, document.size()));
        assert_eq!(summary.last_received_at, Some(clock.now()));
    }
    assert_eq!(mailboxes.item(citizen(3), Rights::All, document.id).await, Ok(None));
    assert!(mailboxes.needs("content-1") && !mailboxes.needs("content-2"));
    let told: Vec<_> = feed(&mailboxes, Audience::Citizen).await.iter().map(|one| (one.kind, one.mailbox)).collect();
    assert_eq!(told, [(Kind::NewDocument, citizen(1)), (Kind::NewDocument, citizen(2))]);
    assert_eq!(feed(&mailboxes, Audience::Enterprise).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn linking_what_is_linked_is_not_new() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), Hand::new());
    let mailboxes = open(folder.path(), &clock);
    let document = plain(1, clock.now());
    publish(&mailboxes, document.clone(), vec![citizen(1)]).await.unwrap();
    let recipients = vec![citizen(1), citizen(2), citizen(3)];
    let link = || mailboxes.link(access(), sender(), document.id, recipients.clone());
    // Two at once: what is decided together is seen together.
    let (one, other) = tokio::join!(link(), link());
    assert_eq!(one.unwrap().new + other.unwrap().new, 2);
    // Who reads is told of those who have it since before too.
    mailboxes.change(holder(2), citizen(2), Change::Activate(Preferences::default())).await.unwrap();
    let linked = link().await.unwrap();
    assert_eq!((linked.new, linked.without_reader), (0, vec![citizen(1), citizen(3)]));
    for recipient in &recipients {
        assert_eq!(mailboxes.summary(*recipient, Rights::All).await.unwrap().count, 1);
    }
    assert_eq!(feed(&mailboxes, Audience::Citizen).await.len(), 3);
    let other = Institution(Cbe::parse("0206731645").unwrap());
    assert_eq!(mailboxes.link(access(), other, document.id, vec![citizen(4)]).await, Err(Trouble::NotFound));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_stands_for_one_publication() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), Hand::new());
    let mailboxes = open(folder.path(), &clock);
    let with = |number: u64, fingerprint: u8| {
        let idempotency = Some(("key".into(), Digest([fingerprint; 32])));
        let publication =
            Publication { document: plain(number, clock.now()), recipients: vec![citizen(1)], idempotency };
        mailboxes.publish(access(), publication)
    };
    let first = with(1, 1).await.unwrap().document.id;
    assert_eq!(with(2, 1).await, Err(Trouble::Duplicate(first)));
    assert_eq!(with(3, 2).await, Err(Trouble::KeyReused));
    clock.on(30 * A_DAY);
    let again = with(4, 2).await.unwrap().document.id;
    while mailboxes.tick(clock.now()).await.unwrap().has_more {}
    assert_eq!(with(5, 2).await, Err(Trouble::Duplicate(again)), "the end of the first is not that of the second");
    assert_eq!(mailboxes.summary(citizen(1), Rights::All).await.unwrap().count, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_main_content_is_read_first_once() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), Hand::new());
    let mailboxes = open(folder.path(), &clock);
    let document = plain(1, clock.now());
    publish(&mailboxes, document.clone(), vec![citizen(1), citizen(2)]).await.unwrap();
    let read = |is_main| mailboxes.read(holder(1), citizen(1), document.id, is_main);
    assert_eq!(read(false).await.unwrap().state.read_at, None);
    let at = clock.on(5);
    assert_eq!(read(true).await.unwrap().state.read_at, Some(at));
    clock.on(5);
    assert_eq!(read(true).await.unwrap().state.read_at, Some(at));
    let told: Vec<_> = feed(&mailboxes, Audience::Citizen).await;
    assert_eq!(told.iter().filter(|one| one.kind == Kind::ReadDocument).count(), 1);
    assert_eq!((told[2].at, told[2].mailbox), (at, citizen(1)));
    let unread = Filter { is_read: Some(false), ..Filter::default() };
    assert_eq!(mailboxes.items(citizen(1), Rights::All, unread.clone(), 0, 9).await.unwrap().total, 0);
    assert_eq!(mailboxes.items(citizen(2), Rights::All, unread, 0, 9).await.unwrap().total, 1);
    mailboxes.show(holder(1), citizen(1), vec![(document.id, false)]).await.unwrap();
    let shown = Filter { is_visible: Some(true), ..Filter::default() };
    assert_eq!(mailboxes.items(citizen(1), Rights::All, shown, 0, 9).await.unwrap().total, 0);
    let states = mailboxes.states(sender(), vec![(document.id, citizen(1)), (document.id, citizen(3))]).await.unwrap();
    assert_eq!(states[0].as_ref().map(|item| (item.state.read_at, item.state.is_visible)), Some((Some(at), false)));
    assert_eq!(states[1], None);
    let nobody = mailboxes.show(holder(1), citizen(3), vec![(document.id, false)]).await;
    assert_eq!(nobody, Err(Trouble::NotFound));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_trail_has_what_was_changed_and_what_was_looked_at() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), Hand::new());
    let mailboxes = open(folder.path(), &clock);
    let document = plain(1, clock.now());
    publish(&mailboxes, document.clone(), vec![citizen(1)]).await.unwrap();
    mailboxes.note(holder(1), Deed::List, Some(citizen(1)), None, "done");
    mailboxes.read(holder(1), citizen(1), document.id, true).await.unwrap();
    mailboxes.change(holder(2), citizen(2), Change::Activate(Preferences::default())).await.unwrap();
    // What was looked at is written at the end of a commit: before a change that was asked for later, or behind it.
    let deeds = |lines: &[estafette_actors::ports::mailbox::AuditLine]| {
        let mut deeds: Vec<_> = lines.iter().map(|line| format!("{:?}", line.deed)).collect();
        deeds.sort();
        deeds
    };
    let all = mailboxes.audit(None, None, 0, 100).await.unwrap();
    assert_eq!(all.iter().map(|line| line.position).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert_eq!(deeds(&all), ["Activate", "List", "Publish", "Read"]);
    let of_mailbox = mailboxes.audit(Some(citizen(1)), None, 1, 100).await.unwrap();
    assert_eq!(deeds(&of_mailbox), ["List", "Read"]);
    let of_document = mailboxes.audit(None, Some(document.id), 0, 100).await.unwrap();
    assert_eq!(deeds(&of_document), ["Publish", "Read"]);
    assert_eq!(mailboxes.verify_audit(), Ok(Ok(Verified { first: Some(1), last: 4 })));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_published_is_there_after_an_end_and_without_the_index() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), Hand::new());
    let document = plain(1, clock.now());
    let mailboxes = open(folder.path(), &clock);
    publish(&mailboxes, document.clone(), vec![citizen(1)]).await.unwrap();
    mailboxes.close();
    drop(mailboxes);
    for _ in 0..2 {
        let mailboxes = open(folder.path(), &clock);
        assert_eq!(mailboxes.summary(citizen(1), Rights::All).await.unwrap().count, 1);
        assert_eq!(mailboxes.link(access(), sender(), document.id, vec![citizen(1)]).await.unwrap().new, 0);
        mailboxes.close();
        drop(mailboxes);
        std::fs::remove_file(folder.path().join(INDEX)).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailbox_of_more_than_one_look_up_gives_is_whole() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), Hand::new());
    let mailboxes = open(folder.path(), &clock);
    let count = crate::store::index::MAX_FOUND as u64 + 7;
    let all = (0..count).map(|number| publish(&mailboxes, plain(number, clock.now()), vec![citizen(1)]));
    for published in futures_util::future::join_all(all).await {
        published.unwrap();
    }
    for _ in 0..2 {
        assert_eq!(mailboxes.summary(citizen(1), Rights::All).await.unwrap().count, count);
        let mut found = std::collections::BTreeSet::new();
        for skip in (0..count as usize).step_by(100) {
            let page = mailboxes.items(citizen(1), Rights::All, Filter::default(), skip, 100).await.unwrap();
            assert_eq!((page.total, page.items.len()), (count, (count as usize - skip).min(100)));
            found.extend(page.items.iter().map(|item| item.document.id));
        }
        assert_eq!(found.len() as u64, count);
    }
    let oldest = plain(0, clock.now()).id;
    mailboxes.read(holder(1), citizen(1), oldest, true).await.unwrap();
    assert_eq!(mailboxes.summary(citizen(1), Rights::All).await.unwrap().unread, count - 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn reference_data_and_pictures_stay_and_pictures_stay_with_what_is_changed() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), Hand::new());
    let cbe = sender().0;
    let names = |name: &str| Translated::of(Language::Fr, Box::from(name));
    let organization = |name: &str| Organization {
        cbe,
        names: names(name),
        long_names: Translated::new(),
        urls: Translated::new(),
        contact: None,
        images: vec![],
    };
    let id = |text: &str| RefId::parse(text).unwrap();
    let image = |name: &str| Image { id: id(name), media_type: "image/png".into(), language: None, size: 0 };
    let of = ImageOf::Organization(cbe);
    let mailboxes = open(folder.path(), &clock);
    let early = mailboxes.set_image(access(), of.clone(), image("logo"), Bytes::from_static(b"png")).await;
    assert_eq!(early, Err(Trouble::NotFound));
    mailboxes.define_organization(access(), organization("First")).await.unwrap();
    for number in 0..IMAGES {
        let image = image(&format!("logo{number}"));
        mailboxes.set_image(access(), of.clone(), image, Bytes::from_static(b"png")).await.unwrap();
    }
    let more = mailboxes.set_image(access(), of.clone(), image("more"), Bytes::from_static(b"png")).await;
    assert!(matches!(more, Err(Trouble::TooMany(_))));
    mailboxes.set_image(access(), of.clone(), image("logo1"), Bytes::from_static(b"other")).await.unwrap();
    mailboxes.define_organization(access(), organization("Second")).await.unwrap();
    let application = Application {
        id: id("app"),
        names: names("App"),
        descriptions: Translated::new(),
        urls: Translated::new(),
        organizations: vec![cbe],
        contact: None,
        images: vec![],
    };
    mailboxes.define_application(access(), application.clone()).await.unwrap();
    for number in [2, 1] {
        let cbe = Cbe::from_trusted_u32(number);
        mailboxes.define_organization(access(), Organization { cbe, ..organization("Other") }).await.unwrap();
    }
    let before = mailboxes.reference();
    mailboxes.close();
    drop(mailboxes);
    let mailboxes = open(folder.path(), &clock);
    assert_eq!(mailboxes.reference(), before);
    assert_eq!(before.application(&id("app")), Some(&application));
    let known = before.organization(cbe).unwrap();
    assert_eq!((known.names.get(Language::Fr).map(|name| &**name), known.images.len()), (Some("Second"), IMAGES));
    assert_eq!(known.images[1].size, 5);
    let found = mailboxes.image(of.clone(), id("logo1")).await.unwrap().unwrap();
    assert_eq!((found.0.size, &found.1[..]), (5, &b"other"[..]));
    assert_eq!(mailboxes.image(of, id("none")).await, Ok(None));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_scanner_says_is_kept_and_what_waits_for_it_is_listed() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), Hand::new());
    let mailboxes = open(folder.path(), &clock);
    let mut document = plain(1, clock.now());
    document.attachments[0].scan = Scan::Waiting;
    publish(&mailboxes, document.clone(), vec![citizen(1)]).await.unwrap();
    assert_eq!(mailboxes.unscanned(10).await, Ok(vec![(document.id, 1)]));
    assert_eq!(mailboxes.scanned(document.id, 2, Scan::Clean).await, Err(Trouble::NotFound));
    mailboxes.items(citizen(1), Rights::All, Filter::default(), 0, 1).await.unwrap();
    mailboxes.scanned(document.id, 1, Scan::Quarantined).await.unwrap();
    assert_eq!(mailboxes.unscanned(10).await, Ok(vec![]));
    let page = mailboxes.items(citizen(1), Rights::All, Filter::default(), 0, 1).await.unwrap();
    assert_eq!(page.items[0].document.attachments[0].scan, Scan::Quarantined);
    let lines = mailboxes.audit(None, Some(document.id), 0, 10).await.unwrap();
    assert_eq!(lines.iter().map(|line| line.deed).collect::<Vec<_>>(), [Deed::Publish, Deed::Quarantine]);
}

#[tokio::test(flavor = "multi_thread")]
async fn when_a_holder_looked_in_is_known_at_once_and_written_late() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), Hand::new());
    let mailboxes = open(folder.path(), &clock);
    let at = clock.on(7);
    let looked = mailboxes.change(holder(1), citizen(1), Change::Consulted).await.unwrap();
    assert_eq!((looked.consulted_at, looked.is_active()), (Some(at), false));
    assert_eq!(mailboxes.summary(citizen(1), Rights::All).await.unwrap().consulted_at, Some(at));
    mailboxes.close();
    drop(mailboxes);
    let mailboxes = open(folder.path(), &clock);
    assert_eq!(mailboxes.mailbox(citizen(1)).unwrap().consulted_at, Some(at));
    assert!(mailboxes.audit(None, None, 0, 10).await.unwrap().is_empty());
}
