//! Notices while something else is not as it should be: the broker, the configuration, the disk, or what was restored.
use super::*;

#[tokio::test]
async fn a_broker_that_is_busy_is_left_alone_and_takes_all_later() {
    let world = &mut World::new().await;
    *world.broker.1.lock().unwrap() = Some(0);
    let all: Vec<MailboxId> = (0..40).map(citizen).collect();
    for who in &all {
        world.holder(*who, Notice::Message, Language::Fr).await;
    }
    world.publish(&all, true).await;
    while world.broker.1.lock().unwrap().is_none_or(|refused| refused < 40) {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert_eq!(world.figure("waiting_messages"), 40);
    // The clock stands still: nothing was put off.
    *world.broker.1.lock().unwrap() = None;
    world.until("waiting_messages", 0).await;
    assert_eq!(world.broker.0.lock().unwrap().len(), 40);
}

#[tokio::test]
async fn what_waits_for_a_way_that_is_not_set_up_goes_when_it_is_again_and_who_wants_none_does_not_wait() {
    let mut world = World::with(Server::new().await).await;
    let (who, other, late) = (citizen(1), citizen(2), citizen(3));
    for one in [who, other, late] {
        world.holder(one, Notice::Email, Language::Fr).await;
    }
    world.publish(&[who], true).await;
    world.publish(&[other, late], true).await;
    world.until("waiting_mails", 3).await;
    world.kill().await;
    world.change(other, Change::Prefer(Preferences::default())).await;
    let mut without = settings(world.folder.path(), &world.server);
    without.mail = None;
    world.start_with(without).await;
    world.until("waiting_mails", 2).await;
    world.kill().await;
    world.server.start().await;
    world.start().await;
    world.clock.set("2026-10-24T10:00:01+02:00");
    world.until("waiting_mails", 0).await;
    assert_eq!((world.sent(who).len(), world.sent(other).len(), world.sent(late).len()), (1, 0, 1));
}

#[tokio::test]
async fn that_a_holder_was_told_is_proven_later_where_it_can_not_be_at_once_and_is_not_told_again() {
    let mut world = World::with(Server::new().await).await;
    let who = citizen(1);
    world.holder(who, Notice::Email, Language::Fr).await;
    let document = world.publish(&[who], true).await;
    world.until("mail_server_away", 1).await;
    // Nothing can be written into mailboxes any more.
    world.mailboxes.close();
    world.server.start().await;
    world.until("mailed", 1).await;
    world.notices().close().await;
    assert_eq!(world.figure("waiting_mails"), 1);
    world.kill().await;
    let meanwhile = tempfile::tempdir().unwrap();
    world.mailboxes = opened(meanwhile.path(), &world.clock).unwrap();
    world.mailboxes = loop {
        match opened(world.folder.path(), &world.clock) {
            Ok(mailboxes) => break mailboxes,
            Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    };
    world.start().await;
    world.clock.set("2026-10-24T09:01:00+02:00");
    world.until("waiting_mails", 0).await;
    assert_eq!(world.mailboxes.evidence(who, document).await.unwrap().len(), 3);
    assert_eq!((world.server.taken().len(), world.figure("mailed")), (1, 0));
}

#[tokio::test]
async fn mailboxes_that_were_restored_are_followed_from_where_they_are() {
    let mut world = World::new().await;
    let who = citizen(1);
    world.holder(who, Notice::Email, Language::Fr).await;
    for count in 1..4 {
        world.publish(&[who], true).await;
        world.server.has(count).await;
    }
    world.until("waiting_mails", 0).await;
    world.kill().await;
    let restored = tempfile::tempdir().unwrap();
    world.mailboxes = opened(restored.path(), &world.clock).unwrap();
    world.start().await;
    world.holder(who, Notice::Email, Language::Fr).await;
    world.publish(&[who], true).await;
    world.server.has(4).await;
}
