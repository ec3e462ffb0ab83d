//! Handing mails over: a server that is down or refuses, and ends in the middle of it.
use super::*;

/// Sixty who are told of registered mail at once.
async fn many_are_written_to(world: &mut World) -> Vec<MailboxId> {
    let all: Vec<MailboxId> = (0..60).map(citizen).collect();
    for who in &all {
        world.holder(*who, Notice::Email, Language::Fr).await;
    }
    world.publish(&all, true).await;
    all
}

#[tokio::test]
async fn while_the_mail_server_is_down_nothing_is_lost_and_messages_go_on() {
    let mut world = World::with(Server::new().await).await;
    let (who, phone) = (citizen(1), citizen(2));
    world.holder(who, Notice::Email, Language::De).await;
    world.holder(phone, Notice::Message, Language::De).await;
    world.holder(enterprise(), Notice::Message, Language::De).await;
    let document = world.publish(&[who, enterprise()], true).await;
    world.until("mail_server_away", 1).await;
    world.publish(&[phone], true).await;
    world.until("messaged", 1).await;
    {
        let briefs = world.broker.0.lock().unwrap();
        assert_eq!((briefs.len(), briefs[0].title.as_str()), (1, "Einschreiben in Ihrer e-Box"));
        assert!(!briefs[0].text.contains("pensioen") && briefs[0].text.contains("https://mailbox.example.be/mailbox/"));
    }
    assert_eq!((world.figure("waiting_mails"), world.figure("retried"), world.figure("mailed")), (2, 0, 0));
    assert_eq!(world.mailboxes.evidence(who, document).await.unwrap().len(), 2, "nobody was told yet");
    world.server.start().await;
    world.until("waiting_mails", 0).await;
    let to: BTreeSet<String> = world.server.taken().into_iter().map(|mail| mail.to).collect();
    assert_eq!(to, BTreeSet::from([address(who), address(enterprise())]));
    assert_eq!(world.server.taken().len(), 2);
    assert_eq!((world.figure("mail_server_away"), world.figure("failed")), (0, 0));
    assert_eq!(world.mailboxes.evidence(who, document).await.unwrap().len(), 3);
    // A connection that was kept and is gone is no reason to wait.
    world.server.stop().await;
    world.server.start().await;
    world.publish(&[who], true).await;
    world.server.has(3).await;
    assert_eq!(world.figure("retried"), 0);
}

#[tokio::test]
async fn an_address_that_the_server_knows_to_be_none_is_turned_off_and_one_that_it_refuses_otherwise_is_tried_again() {
    let mut world = World::new().await;
    let (none, policy, busy, bare) = (citizen(1), citizen(2), citizen(3), citizen(4));
    for who in [none, policy, busy, bare] {
        world.holder(who, Notice::Email, Language::Fr).await;
    }
    world.server.refuse(&address(none), "550 5.1.1 no such user");
    world.server.refuse(&address(policy), "550 5.7.1 relay access denied");
    world.server.refuse(&address(busy), "451 4.7.1 try again");
    // As Exim says that it does not know us.
    world.server.refuse(&address(bare), "550 relay not permitted");
    world.publish(&[none, policy, busy, bare], true).await;
    world.until("bounced", 1).await;
    world.until("retried", 3).await;
    let fails = |who| world.mailboxes.mailbox(who).unwrap().preferences.email_fails;
    assert!(fails(none) && !fails(policy) && !fails(busy) && !fails(bare));
    world.server.accept(&address(policy));
    world.server.accept(&address(bare));
    world.server.accept(&address(busy));
    world.publish(&[none], true).await;
    world.clock.set("2026-10-24T09:06:00+02:00");
    world.until("waiting_mails", 0).await;
    let to: BTreeSet<String> = world.server.taken().into_iter().map(|mail| mail.to).collect();
    assert_eq!(to, BTreeSet::from([address(policy), address(busy), address(bare)]));
    assert_eq!(world.server.asked().iter().filter(|to| **to == address(none)).count(), 1, "no more mail goes there");
}

#[tokio::test]
async fn an_address_or_a_sender_that_the_server_does_not_take_holds_nobody_else_up() {
    let mut world = World::new().await;
    let (accented, refused, other) = (citizen(1), citizen(2), citizen(3));
    world.holder(refused, Notice::Email, Language::Fr).await;
    world.publish(&[refused], true).await;
    let sender = world.server.has(1).await.remove(0).from;
    world.until("waiting_mails", 0).await;
    let wanted = Preferences {
        email: Some("réponse@example.org".into()),
        notice: Notice::Email,
        language: Some(Language::Fr),
        ..Preferences::default()
    };
    world.change(accented, Change::Activate(wanted)).await;
    world.publish(&[accented], true).await;
    world.until("retried", 1).await;
    assert_eq!(world.figure("mail_server_away"), 0, "that this server can't say it says nothing of the server");
    world.server.refuse(&sender, "550 5.1.7 no such sender");
    world.publish(&[refused], true).await;
    world.until("mail_server_away", 1).await;
    world.holder(other, Notice::Email, Language::Fr).await;
    world.publish(&[other], true).await;
    world.server.has(2).await;
    world.until("mail_server_away", 0).await;
    world.until("waiting_mails", 2).await;
    assert_eq!(world.sent(other).len(), 1);
    world.server.accept(&sender);
    world.clock.set("2026-10-24T09:07:00+02:00");
    world.until("waiting_mails", 1).await;
    assert_eq!((world.sent(refused).len(), world.figure("failed"), world.figure("bounced")), (2, 0, 0));
}

#[tokio::test]
async fn a_mail_that_is_taken_at_no_attempt_is_given_up() {
    let mut world = World::with(Server::started().await).await;
    world.kill().await;
    let mut changed = settings(world.folder.path(), &world.server);
    changed.again = Backoff { attempts: 1, ..changed.again };
    world.start_with(changed).await;
    let who = citizen(1);
    world.holder(who, Notice::Email, Language::Fr).await;
    world.server.refuse(&address(who), "554 5.7.1 we take none of yours");
    world.publish(&[who], true).await;
    world.until("retried", 1).await;
    world.clock.set("2026-10-24T10:00:00+02:00");
    world.until("failed", 1).await;
    world.until("waiting_mails", 0).await;
    assert!(!world.mailboxes.mailbox(who).unwrap().preferences.email_fails);
    assert_eq!(world.server.asked().len(), 2);
}

#[tokio::test]
async fn a_kill_loses_no_notice_and_repeats_a_few_under_the_same_id() {
    let mut world = World::new().await;
    let all = many_are_written_to(&mut world).await;
    for least in [5, 20, 40] {
        world.server.has(least).await;
        world.kill().await;
        world.start().await;
    }
    world.until("waiting_mails", 0).await;
    let mut ids: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let taken = world.server.taken();
    for mail in &taken {
        ids.entry(mail.to.clone()).or_default().insert(mail.header("Message-ID").unwrap().to_owned());
    }
    assert_eq!(ids.len(), all.len(), "somebody was not told");
    assert!(ids.values().all(|ids| ids.len() == 1), "a repeated mail is the same mail");
    assert!(taken.len() - all.len() <= 3 * 2 * CONNECTIONS, "{} were repeated", taken.len() - all.len());
}

#[tokio::test]
async fn an_orderly_end_repeats_nothing() {
    let mut world = World::new().await;
    let all = many_are_written_to(&mut world).await;
    for least in [5, 20, 40] {
        world.server.has(least).await;
        world.notices().close().await;
        world.kill().await;
        world.start().await;
    }
    world.until("waiting_mails", 0).await;
    assert_eq!(world.server.taken().len(), all.len());
}
