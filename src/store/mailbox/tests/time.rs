//! What time brings: reminders, alerts, evidence of what was not read, and the end of what was kept.
use std::ops::ControlFlow;

use aws_lc_rs::digest::{SHA256, digest};
use estafette_actors::domain::mailbox::event::Kind;
use estafette_actors::domain::mailbox::evidence::{NO_READER, Record, Step, UNREAD};

use super::super::super::engine::Table;
use super::*;

async fn tick(mailboxes: &Mailboxes, now: Timestamp) -> (usize, Vec<Box<str>>) {
    let (mut calls, mut unneeded) = (0, Vec::new());
    loop {
        let ticked = mailboxes.tick(now).await.unwrap();
        calls += 1;
        unneeded.extend(ticked.unneeded);
        if !ticked.has_more {
            return (calls, unneeded);
        }
    }
}

fn rows(mailboxes: &Mailboxes, table: Table) -> usize {
    let mut rows = 0;
    mailboxes
        .engine()
        .scan(table, &[], None, |_, _| {
            rows += 1;
            ControlFlow::Continue(())
        })
        .unwrap();
    rows
}

async fn told(mailboxes: &Mailboxes, of: Audience, after: u64) -> Vec<(u64, Kind, MailboxId)> {
    let page = mailboxes.events(of, after, None, 1_000).await.unwrap();
    page.events.into_iter().map(|event| (event.sequence, event.kind, event.mailbox)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_not_read_is_reminded_and_alerted_and_then_it_goes() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), Hand::new());
    let mailboxes = open(folder.path(), &clock);
    let document = plain(1, clock.now());
    publish(&mailboxes, document.clone(), vec![citizen(1), citizen(2), enterprise(1)]).await.unwrap();
    mailboxes.read(holder(2), citizen(2), document.id, true).await.unwrap();
    tick(&mailboxes, clock.on(15 * A_DAY - 1)).await;
    assert_eq!(told(&mailboxes, Audience::Citizen, 3).await, []);
    tick(&mailboxes, clock.on(1)).await;
    tick(&mailboxes, clock.now()).await;
    assert_eq!(told(&mailboxes, Audience::Citizen, 3).await, [(4, Kind::NewDocumentReminder, citizen(1))]);
    assert_eq!(told(&mailboxes, Audience::Enterprise, 1).await, [(2, Kind::NewDocumentReminder, enterprise(1))]);
    mailboxes.read(holder(1), citizen(1), document.id, true).await.unwrap();
    tick(&mailboxes, clock.on(78 * A_DAY)).await;
    assert_eq!(told(&mailboxes, Audience::Citizen, 5).await, []);
    assert_eq!(told(&mailboxes, Audience::Enterprise, 2).await, [(3, Kind::DocumentExpirationAlert, enterprise(1))]);
    // Gone by the clock, before it is taken away.
    clock.on(7 * A_DAY);
    assert_eq!(mailboxes.summary(citizen(1), Rights::All).await.unwrap().count, 0);
    assert_eq!(mailboxes.item(citizen(1), Rights::All, document.id).await, Ok(None));
    let gone = mailboxes.read(holder(1), citizen(1), document.id, true).await;
    assert_eq!(gone, Err(Trouble::NotFound));
    assert!(mailboxes.needs("content-1"));
    let (_, unneeded) = tick(&mailboxes, clock.now()).await;
    assert_eq!(unneeded, [Box::from("content-1")]);
    assert!(!mailboxes.needs("content-1"));
    for table in [DOCUMENTS, BODIES, STATES, LINKS_OF, CONTENTS] {
        assert_eq!(rows(&mailboxes, table), 0, "{}", TABLES[usize::from(table.0)]);
    }
    assert_eq!(mailboxes.document(document.id).await, Ok(None));
    let linked = mailboxes.link(access(), sender(), document.id, vec![citizen(1)]).await;
    assert_eq!(linked, Err(Trouble::NotFound));
    // What was told more than 90 days ago is gone, the rest is there under its numbers.
    let numbers: Vec<u64> = told(&mailboxes, Audience::Citizen, 0).await.iter().map(|one| one.0).collect();
    assert_eq!(numbers, [4, 5]);
    let last = mailboxes.audit(None, Some(document.id), 0, 100).await.unwrap().pop().unwrap();
    assert_eq!((last.deed, &*last.who), (Deed::Expire, "program"));
    // The record of the call goes with its events, the last of what is due with it.
    tick(&mailboxes, clock.on(95 * A_DAY)).await;
    assert_eq!((rows(&mailboxes, LINKS), rows(&mailboxes, DUE), rows(&mailboxes, EVENTS)), (0, 0, 0));
    assert!(matches!(mailboxes.verify_audit(), Ok(Ok(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_expires_while_its_events_are_kept_is_told_of_all_the_same() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), Hand::new());
    let mailboxes = open(folder.path(), &clock);
    let expires_at = clock.now().plus(DAY);
    publish(&mailboxes, Document { expires_at, ..plain(1, clock.now()) }, vec![citizen(1)]).await.unwrap();
    tick(&mailboxes, clock.on(A_DAY)).await;
    assert_eq!(mailboxes.summary(citizen(1), Rights::All).await.unwrap().count, 0);
    assert_eq!(told(&mailboxes, Audience::Citizen, 0).await, [(1, Kind::NewDocument, citizen(1))]);
    assert_eq!(rows(&mailboxes, LINKS), 1);
    tick(&mailboxes, clock.on(92 * A_DAY)).await;
    assert_eq!((rows(&mailboxes, LINKS), rows(&mailboxes, DUE), rows(&mailboxes, EVENTS)), (0, 0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_that_a_clock_ahead_took_away_are_not_counted_after_it_was_put_back() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), Hand::new());
    let mailboxes = open(folder.path(), &clock);
    let soon = Document { expires_at: clock.now().plus(DAY), ..plain(1, clock.now()) };
    publish(&mailboxes, soon, vec![citizen(1)]).await.unwrap();
    publish(&mailboxes, plain(2, clock.now()), vec![citizen(1)]).await.unwrap();
    tick(&mailboxes, clock.now().plus(DAY)).await;
    for _ in 0..2 {
        let page = mailboxes.items(citizen(1), Rights::All, Filter::default(), 0, 10).await.unwrap();
        assert_eq!((page.total, page.items.len()), (1, 1));
    }
}

/// The records of a chain, which is whole.
fn chain(records: &[Signed]) -> Vec<(Step, Option<String>)> {
    let mut previous = None;
    let mut steps = Vec::new();
    for (sequence, signed) in (1..).zip(records) {
        let payload = signed.0.split('.').nth(1).unwrap();
        let record: Record = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
        assert_eq!((record.sequence, &record.previous), (sequence, &previous));
        previous = Some(URL_SAFE_NO_PAD.encode(digest(&SHA256, signed.0.as_bytes())));
        steps.push((record.event, record.reason));
    }
    steps
}

#[tokio::test(flavor = "multi_thread")]
async fn registered_mail_is_proven_at_each_step() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), Hand::new());
    let mailboxes = open(folder.path(), &clock);
    for number in [1, 4] {
        mailboxes.change(holder(number), citizen(number), Change::Activate(Preferences::default())).await.unwrap();
    }
    let document = letter(1);
    publish(&mailboxes, document.clone(), vec![citizen(1), citizen(2)]).await.unwrap();
    mailboxes.link(access(), sender(), document.id, vec![citizen(1), citizen(4)]).await.unwrap();
    for _ in 0..2 {
        mailboxes.notified(citizen(1), document.id).await.unwrap();
        mailboxes.read(holder(1), citizen(1), document.id, true).await.unwrap();
    }
    assert_eq!(mailboxes.notified(citizen(9), document.id).await, Err(Trouble::NotFound));
    tick(&mailboxes, clock.on(100 * A_DAY)).await;
    let said = |reason: Option<&str>| reason.map(str::to_owned);
    let of = async |number| chain(&mailboxes.evidence(citizen(number), document.id).await.unwrap());
    let taken = (Step::SubmissionAcceptance, None);
    let read =
        [Step::ContentConsignment, Step::NotificationForAcceptance, Step::ContentHandover].map(|step| (step, None));
    assert_eq!(of(1).await, [&[taken.clone()][..], &read].concat());
    let failed = |reason| (Step::ContentConsignmentFailure, said(Some(reason)));
    assert_eq!(of(2).await, [taken.clone(), failed(NO_READER), failed(UNREAD)]);
    assert_eq!(of(4).await, [taken, (Step::ContentConsignment, None), failed(UNREAD)]);
    assert_eq!(mailboxes.document(document.id).await, Ok(None));
    // It stays ten years.
    tick(&mailboxes, clock.on(3_652 * A_DAY)).await;
    assert_eq!(of(1).await.len(), 4);
    tick(&mailboxes, clock.on(A_DAY)).await;
    assert_eq!((of(1).await.len(), rows(&mailboxes, EVIDENCE), rows(&mailboxes, DUE)), (0, 0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_much_goes_in_parts_and_nothing_twice() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), Hand::new());
    let mut small = settings(folder.path());
    small.tick_for = Duration::ZERO;
    let secret = [7; 32];
    let mailboxes = Mailboxes::open(small, secret, Arc::new(Plain), Arc::clone(&clock) as Arc<dyn Clock>).unwrap();
    let document = letter(1);
    let all: Vec<MailboxId> = (0..300).map(citizen).collect();
    publish(&mailboxes, document.clone(), all[..100].to_vec()).await.unwrap();
    mailboxes.link(access(), sender(), document.id, all[100..].to_vec()).await.unwrap();
    for number in 50..150 {
        mailboxes.read(holder(number), citizen(number), document.id, true).await.unwrap();
    }
    let (calls, _) = tick(&mailboxes, clock.on(100 * A_DAY)).await;
    assert!(calls >= 200 * 30 / due::WORK, "{calls} calls");
    for (number, mailbox) in (0..).zip(&all) {
        let steps = chain(&mailboxes.evidence(*mailbox, document.id).await.unwrap());
        let unread = steps.iter().filter(|(_, reason)| reason.as_deref() == Some(UNREAD)).count();
        assert_eq!(unread, usize::from(!(50..150).contains(&number)), "mailbox {number}");
    }
    for table in [DOCUMENTS, BODIES, STATES, LINKS_OF, CONTENTS] {
        assert_eq!(rows(&mailboxes, table), 0, "{}", TABLES[usize::from(table.0)]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_found_by_their_time() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), Hand::new());
    let mailboxes = open(folder.path(), &clock);
    let mut times = Vec::new();
    for number in 0..20 {
        let at = clock.on(if number % 3 == 0 { 0 } else { 10 });
        publish(&mailboxes, plain(number, at), (0..=number % 3).map(citizen).collect()).await.unwrap();
        times.extend((0..=number % 3).map(|_| at));
    }
    for millis in 0..200 {
        let from = Timestamp::from_millis(START + millis);
        let first = times.iter().position(|at| *at >= from);
        for after in [0, 7, 30] {
            let page = mailboxes.events(Audience::Citizen, after, Some(from), 3).await.unwrap();
            let expected =
                first.map(|first| (first as u64 + 1).max(after + 1)).filter(|one| *one <= times.len() as u64);
            assert_eq!(page.events.first().map(|event| event.sequence), expected, "{millis} {after}");
            let last = page.events.last().map_or(0, |event| event.sequence);
            assert_eq!(page.has_next, !page.events.is_empty() && last < times.len() as u64);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_trail_goes_after_its_time_and_what_stays_is_whole() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), Hand::new());
    let mut short = settings(folder.path());
    short.audit_kept = DAY * 10;
    let open = || {
        let clock = Arc::clone(&clock) as Arc<dyn Clock>;
        Mailboxes::open(short.clone(), [7; 32], Arc::new(Plain), clock).unwrap()
    };
    let mailboxes = open();
    for number in 0..5 {
        publish(&mailboxes, plain(number, clock.on(4 * A_DAY)), vec![citizen(1)]).await.unwrap();
    }
    let lines = mailboxes.audit(None, None, 0, 100).await.unwrap();
    let first = lines[0].position;
    assert!(first > 1 && lines.iter().map(|line| line.position).eq(first..=5));
    assert_eq!(mailboxes.verify_audit(), Ok(Ok(Verified { first: Some(first), last: 5 })));
    assert_eq!(mailboxes.audit(Some(citizen(1)), None, 0, 100).await.unwrap().len(), lines.len());
    // A line that is left out is seen, and so is one that was changed.
    let meddle = |position: u64, outcome: Option<&str>| {
        let mut line = lines.iter().find(|line| line.position == position).unwrap().clone();
        let outcome = outcome.map(str::to_owned);
        mailboxes.engine().change(move |draft| {
            match outcome {
                Some(outcome) => {
                    line.outcome = outcome.into();
                    draft.put(AUDIT, &position.to_be_bytes(), super::super::super::codec::encode(&line));
                }
                None => draft.remove(AUDIT, &position.to_be_bytes()),
            }
            Ok::<_, Trouble>(())
        })
    };
    meddle(5, Some("other")).await.unwrap();
    assert_eq!(mailboxes.verify_audit(), Ok(Err(5)));
    meddle(5, None).await.unwrap();
    assert_eq!(mailboxes.verify_audit(), Ok(Err(5)));
    let outcome = lines.last().unwrap().outcome.clone();
    meddle(5, Some(&outcome)).await.unwrap();
    assert!(mailboxes.verify_audit().unwrap().is_ok());
    meddle(first, None).await.unwrap();
    assert_eq!(mailboxes.verify_audit(), Ok(Err(first + 1)));
}
