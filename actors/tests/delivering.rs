//! The actors together, over a journal in memory and channels that behave as they are told.
#![allow(clippy::unwrap_used)] // a failed step fails the test
mod support;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use estafette_actors::delivery::{Limit, Limits, PerRecipient, Settings};
use estafette_actors::domain::cbe::Cbe;
use estafette_actors::domain::channel::Channel;
use estafette_actors::domain::content::Content;
use estafette_actors::domain::fact::Change;
use estafette_actors::domain::failure::Failure;
use estafette_actors::domain::id::{AttemptRef, MessageId};
use estafette_actors::domain::language::{Language, Translated};
use estafette_actors::domain::life::{Outcome, Phase, State};
use estafette_actors::domain::mobile::Mobile;
use estafette_actors::domain::price::Money;
use estafette_actors::domain::receipt::{About, Receipt};
use estafette_actors::domain::status::{AttemptStatus, MessageStatus, WaitReason};
use estafette_actors::domain::submission::{Envelope, Institution, Lane};
use estafette_actors::domain::window::{Clock, Days, Hours, Window};
use estafette_actors::messages::Steer;
use estafette_actors::nursery::Budget;
use estafette_actors::ports::{Archive, Journal, Letter, Loaded};
use estafette_actors::service::Stage;
use support::{Told, World, taken};

fn settled(kept: &support::Kept) -> bool {
    kept.state.settled.is_some()
}

#[actix_rt::test]
async fn a_waiting_call_hears_of_the_fallback_that_succeeded() {
    let unreachable = |_: &Letter| (Duration::ZERO, Outcome::Is(AttemptStatus::Failed(Failure::Unreachable), None));
    let channels = vec![Told::new(Channel::GOVAPP, unreachable), Told::new(Channel::SMS, taken)];
    let world = World::new(channels, Settings::default(), Budget::default());
    let first = world.submit(world.envelope("govapp-first", 1)).await.unwrap();
    world.until_all(settled).await;
    // The registry believes the channel for a while: the next one is not asked again.
    let answer = world.broker.submit(world.envelope("govapp-first", 1), Some(Duration::from_secs(10))).await.unwrap();
    assert!(answer.answered && answer.id != first);
    assert_eq!(answer.status, MessageStatus::Delivered);
    let second = world.memory.all().into_iter().find(|kept| kept.envelope.id == answer.id).unwrap();
    assert_eq!(second.state.attempts.len(), 1);
}

#[actix_rt::test]
async fn a_paused_channel_keeps_everything_and_sends_each_once_when_it_goes_on() {
    let sms = Told::new(Channel::SMS, taken);
    let world = World::new(vec![sms.clone()], Settings::default(), Budget::default());
    world.broker.steer(Channel::SMS, Steer::Pause).unwrap();
    for number in 0..2_000 {
        world.submit(world.envelope("sms-only", number)).await.unwrap();
    }
    assert!(sms.ledger.lock().unwrap().is_empty());
    world.broker.steer(Channel::SMS, Steer::Resume).unwrap();
    world.until_all(settled).await;
    let ledger = sms.ledger.lock().unwrap();
    let mut times: HashMap<_, usize> = HashMap::new();
    ledger.iter().for_each(|(attempt, _)| *times.entry(*attempt).or_default() += 1);
    assert_eq!((times.len(), ledger.len()), (2_000, 2_000));
}

#[actix_rt::test]
async fn throttling_slows_the_channel_and_loses_nothing() {
    let seen = AtomicUsize::new(0);
    let sms = Told::new(Channel::SMS, move |letter| {
        if seen.fetch_add(1, Ordering::Relaxed) % 10 == 3 {
            return (Duration::ZERO, Outcome::Throttled(Some(Duration::from_millis(5))));
        }
        taken(letter)
    });
    let world = World::new(vec![sms], Settings::default(), Budget::default());
    for number in 0..200 {
        world.submit(world.envelope("sms-only", number)).await.unwrap();
    }
    let all = world.until_all(settled).await;
    assert!(all.iter().all(|kept| kept.state.attempts.len() == 1), "throttling uses up no retry");
    assert!(world.broker.desk(Channel::SMS).unwrap().status().throttled > 0);
}

#[actix_rt::test]
async fn a_receipt_of_a_stranger_is_parked_and_found_when_its_attempt_is_known() {
    let slow = |letter: &Letter| {
        let reference = format!("provider-{}", letter.reference);
        (Duration::from_millis(300), Outcome::Is(AttemptStatus::Sent, Some(reference.into())))
    };
    let world = World::new(vec![Told::new(Channel::SMS, slow)], Settings::default(), Budget::default());
    let id = world.submit(world.envelope("sms-only", 1)).await.unwrap();
    let reference: Box<str> = format!("provider-{id}.0.0").into();
    let receipt = Receipt {
        channel: Channel::SMS,
        about: About::ChannelReference(reference.clone()),
        status: AttemptStatus::Delivered,
        channel_reference: Some(reference),
    };
    world.broker.receive(vec![receipt]).await.unwrap();
    let all = world.until_all(settled).await;
    assert_eq!(all[0].state.status(), MessageStatus::Delivered);
}

#[actix_rt::test]
async fn a_receipt_that_overtakes_the_commit_of_its_reference_is_not_left_parked() {
    let reference = |letter: &Letter| {
        let reference = format!("provider-{}", letter.reference);
        (Duration::ZERO, Outcome::Is(AttemptStatus::Sent, Some(reference.into())))
    };
    let world = World::new(vec![Told::new(Channel::SMS, reference)], Settings::default(), Budget::default());
    world.memory.commit_ms.store(100, Ordering::Relaxed);
    let id = world.submit(world.envelope("sms-only", 1)).await.unwrap();
    let is_sent = |state: State| state.attempts.iter().any(|attempt| attempt.status == AttemptStatus::Sent);
    while !world.memory.live(id).is_some_and(is_sent) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    // The reference is known in memory, and its commit is under way.
    let reference: Box<str> = format!("provider-{id}.0.0").into();
    let receipt = Receipt {
        channel: Channel::SMS,
        about: About::ChannelReference(reference.clone()),
        status: AttemptStatus::Delivered,
        channel_reference: Some(reference),
    };
    world.broker.receive(vec![receipt]).await.unwrap();
    world.memory.commit_ms.store(0, Ordering::Relaxed);
    let delivered = |kept: &support::Kept| kept.state.status() == MessageStatus::Delivered;
    world.until_all(delivered).await;
    // What it said is let go once it is on disk, which comes after it is known.
    for _ in 0..5_000 {
        if world.memory.parked_after(None, 10).is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("still parked: {:?}", world.memory.parked_after(None, 10));
}

#[actix_rt::test]
async fn an_attempt_counts_once_whoever_says_that_it_was_taken_and_one_that_failed_does_not() {
    let slow = |letter: &Letter| {
        let is_refused = letter.recipient.mobile == Mobile::parse("+32470000002").ok();
        let refused = AttemptStatus::Failed(Failure::RejectedByChannel);
        let status = if is_refused { refused } else { AttemptStatus::Sent };
        (Duration::from_millis(200), Outcome::Is(status, None))
    };
    let world = World::new(vec![Told::new(Channel::SMS, slow)], Settings::default(), Budget::default());
    let id = world.submit(world.envelope("sms-only", 1)).await.unwrap();
    let failed = world.submit(world.envelope("sms-only", 2)).await.unwrap();
    // Before the channel's answer, and twice.
    for _ in 0..2 {
        let about = About::Attempt(AttemptRef { message: id, step: 0, retry: 0 });
        let receipt =
            Receipt { channel: Channel::SMS, about, status: AttemptStatus::Delivered, channel_reference: None };
        world.broker.receive(vec![receipt]).await.unwrap();
    }
    world.until_all(settled).await;
    while world.broker.desk(Channel::SMS).unwrap().under_way() > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let metered = |id| {
        let kept = world.memory.all().into_iter().find(|kept| kept.envelope.id == id).unwrap();
        let is_metered = |change: &Change| matches!(change, Change::Metered { .. });
        kept.changes.into_iter().filter(is_metered).collect::<Vec<_>>()
    };
    let once = Change::Metered { step: 0, retry: 0, channel: Channel::SMS, parts: 1, cost: Money(10_000) };
    assert_eq!(metered(id), [once]);
    assert_eq!(metered(failed), []);
}

#[actix_rt::test]
async fn a_limit_holds_and_the_rest_waits() {
    let limits = Limits { rate: std::num::NonZeroU32::new(40), ..Limits::default() };
    let sms = Told::new(Channel::SMS, taken);
    let world = World::new(vec![sms.clone()], Settings { limits, ..Settings::default() }, Budget::default());
    let begun = std::time::Instant::now();
    for number in 0..40 {
        world.submit(world.envelope("sms-only", number)).await.unwrap();
    }
    world.until_all(settled).await;
    // A burst of two, then one each 25 ms: 38 of them can't pass in less than 0.9 s.
    assert!(begun.elapsed() >= Duration::from_millis(900));
}

#[actix_rt::test]
async fn what_never_left_before_a_restart_is_not_sent_after_its_validity_or_a_cancellation() {
    let never = |_: &Letter| (Duration::from_secs(3_600), Outcome::Unknown);
    let sms = Told::new(Channel::SMS, never);
    let before = World::new(vec![sms.clone()], Settings::default(), Budget::default());
    let soon = before.broker.now().plus(Duration::from_millis(100));
    let late = before.submit(Envelope { valid_until: soon, ..before.envelope("sms-only", 1) }).await.unwrap();
    let cancelled = before.submit(before.envelope("sms-only", 2)).await.unwrap();
    let wanted = before.submit(before.envelope("sms-only", 3)).await.unwrap();
    while sms.ledger.lock().unwrap().len() < 3 || before.broker.now() < soon {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    before.broker.cancel(None, cancelled).await.unwrap();
    before.arbiters.iter().for_each(|arbiter| assert!(arbiter.stop()));

    let sms = Told::without_anything(Channel::SMS, taken);
    let after = World::over(before.memory.clone(), vec![sms.clone()], Settings::default(), Budget::default());
    let all = after.until_all(settled).await;
    let status = |id| all.iter().find(|kept| kept.envelope.id == id).map(|kept| kept.state.status());
    assert_eq!(status(late), Some(MessageStatus::Expired));
    assert_eq!(status(cancelled), Some(MessageStatus::Cancelled));
    assert_eq!(status(wanted), Some(MessageStatus::Delivered));
    let sent: Vec<_> = sms.ledger.lock().unwrap().iter().map(|(attempt, _)| attempt.message).collect();
    assert_eq!(sent, [wanted]);
}

#[actix_rt::test]
async fn what_never_left_before_a_restart_waits_for_its_window_and_counts_no_retry() {
    let sms = Told::new(Channel::SMS, |_| (Duration::from_secs(3_600), Outcome::Unknown));
    let before = World::new(vec![sms.clone()], Settings::default(), Budget::default());
    // Open for an hour, in two hours.
    let clock = |hours: u64| {
        let at = before.broker.now().plus(Duration::from_secs(hours * 3_600)).to_string();
        Clock::parse(&at[11..16]).unwrap()
    };
    let window = Window::new("UTC", vec![Hours::new(Days::ALL, clock(2), clock(3)).unwrap()]).unwrap();
    let opens = window.opening(before.broker.now()).unwrap();
    let row = Envelope { window: Some(Arc::new(window)), ..before.envelope("sms-only", 1) };
    let row = Envelope { valid_until: opens.plus(Duration::from_secs(3_600)), ..row };
    before.submit(row).await.unwrap();
    while sms.ledger.lock().unwrap().is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    before.arbiters.iter().for_each(|arbiter| assert!(arbiter.stop()));

    let sms = Told::without_anything(Channel::SMS, taken);
    let after = World::over(before.memory.clone(), vec![sms.clone()], Settings::default(), Budget::default());
    let waits = |kept: &support::Kept| matches!(kept.state.tracks[0].phase, Phase::Queued { not_before } if not_before == opens);
    let all = after.until_all(waits).await;
    assert_eq!(all[0].state.tracks[0].retry, 0);
    assert!(sms.ledger.lock().unwrap().is_empty(), "it was sent though the window is closed");
}

#[actix_rt::test]
async fn an_urgent_message_is_not_kept_behind_a_page_of_bulk() {
    let limits = Limits { rate: std::num::NonZeroU32::new(50), ..Limits::default() };
    let sms = Told::new(Channel::SMS, taken);
    let world = World::new(vec![sms.clone()], Settings { limits, page: 64, ..Settings::default() }, Budget::default());
    for number in 0..300 {
        let bulk = Envelope { lane: Lane::Bulk, ..world.envelope("sms-only", number) };
        world.submit(bulk).await.unwrap();
    }
    let urgent = Envelope { lane: Lane::Urgent, ..world.envelope("sms-only", 300) };
    let urgent = world.submit(urgent).await.unwrap();
    let is_there = || sms.ledger.lock().unwrap().iter().position(|(attempt, _)| attempt.message == urgent);
    let mut place = is_there();
    for _ in 0..20_000 {
        if place.is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
        place = is_there();
    }
    // All that was under way or already allowed goes first, and nothing else.
    let before = place.expect("the urgent message was sent");
    assert!(before < 64, "{before} messages of a lower lane went first");
}

/// An institution of the test: any that is valid.
fn institution(number: u64) -> Institution {
    let first = 4_030_192 + number;
    Institution(Cbe::parse(&format!("{first:08}{:02}", 97 - first % 97)).unwrap())
}

#[actix_rt::test]
async fn ten_institutions_with_loads_from_1_to_1000_each_get_their_max_min_share_in_parts() {
    const LOADS: [u64; 10] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000];
    // One of the greatest sends texts of two parts, another of three.
    const PARTS: [u64; 10] = [1, 1, 1, 1, 1, 1, 1, 1, 3, 2];
    const ALL: u64 = 700;
    let slow = |letter: &Letter| (Duration::from_millis(2), taken(letter).1);
    let sms = Told::new(Channel::SMS, slow);
    let settings = Settings { window: 8, page: 128, ..Settings::default() };
    let world = World::new(vec![sms.clone()], settings, Budget::default());
    world.broker.steer(Channel::SMS, Steer::Pause).unwrap();
    let (mut whose, mut number) = (HashMap::new(), 0);
    for (place, load) in LOADS.iter().enumerate() {
        let mut text = Translated::default();
        text.set(Language::Fr, "a".repeat([1, 1, 200, 400][PARTS[place] as usize]).into());
        let content = Arc::new(Content { text, ..Content::default() });
        for _ in 0..load / PARTS[place] {
            number += 1;
            let plain = world.envelope("sms-only", number);
            let envelope = Envelope { institution: institution(place as u64), content: Arc::clone(&content), ..plain };
            whose.insert(world.submit(envelope).await.unwrap(), place);
        }
    }
    world.broker.steer(Channel::SMS, Steer::Resume).unwrap();
    world.until_all(settled).await;
    // What the first so many parts through the channel were.
    let (mut got, mut parts) = ([0; 10], 0);
    for (attempt, _) in sms.ledger.lock().unwrap().iter() {
        if parts < ALL {
            let place = whose[&attempt.message];
            got[place] += PARTS[place];
            parts += PARTS[place];
        }
    }
    // Those up to 100 want less than an equal share, and what is left goes to the three others alike.
    let small: u64 = LOADS[..7].iter().sum();
    for (place, got) in got.iter().enumerate() {
        let share = if place < 7 { LOADS[place] } else { (ALL - small) / 3 } as f64;
        assert!((*got as f64 - share).abs() <= share * 0.05, "institution {place} got {got} of {share}: {parts}");
    }
}

#[actix_rt::test]
async fn a_recipients_limit_keeps_its_messages_back_and_no_other() {
    let parts = std::num::NonZeroU32::MIN;
    let recipient = PerRecipient { parts, period: Duration::from_secs(3_600), remembered: 1_000 };
    let limits = Limits { recipient: Some(recipient), ..Limits::default() };
    let sms = Told::new(Channel::SMS, taken);
    let world = World::new(vec![sms.clone()], Settings { limits, ..Settings::default() }, Budget::default());
    let first = world.submit(world.envelope("sms-only", 7)).await.unwrap();
    let second = world.submit(world.envelope("sms-only", 7)).await.unwrap();
    let urgent = Envelope { lane: Lane::Urgent, ..world.envelope("sms-only", 7) };
    let urgent = world.submit(urgent).await.unwrap();
    let mut others = Vec::new();
    for number in 100..150 {
        others.push(world.submit(world.envelope("sms-only", number)).await.unwrap());
    }
    let is_done = |kept: &support::Kept| settled(kept) || kept.envelope.id == second;
    let all = world.until_all(is_done).await;
    let kept = |id| all.iter().find(|kept| kept.envelope.id == id).unwrap();
    assert!(settled(kept(first)) && settled(kept(urgent)) && others.iter().all(|id| settled(kept(*id))));
    // It waits, uses up no retry, and says for what.
    let waiting = kept(second);
    assert!(waiting.state.attempts.is_empty());
    assert_eq!(world.broker.binding(Channel::SMS, &waiting.envelope), Some(Limit::RecipientRate));
    let loaded = Loaded { envelope: Arc::clone(&waiting.envelope), state: waiting.state.clone() };
    let why = world.broker.why(&loaded).map(|why| (why.reason, why.channel));
    assert_eq!(why, Some((WaitReason::Limit, Some(Channel::SMS))));
    // Another limit from now on: what waited goes.
    let desk = world.broker.desk(Channel::SMS).unwrap();
    desk.set(Settings { limits: Limits::default(), ..desk.settings() });
    world.until_all(settled).await;
}

#[actix_rt::test]
async fn urgent_messages_are_measured_from_their_arrival_to_their_receipt_each_once() {
    let sent = |_: &Letter| (Duration::from_millis(5), Outcome::Is(AttemptStatus::Sent, None));
    let world = World::new(vec![Told::new(Channel::SMS, sent)], Settings::default(), Budget::default());
    let service = world.broker.service();
    let submit = async |lane, number| {
        let envelope = Envelope { lane, ..world.envelope("sms-only", number) };
        world.submit(envelope).await.unwrap()
    };
    // Kept waiting longer than is set.
    service.set_threshold(Duration::from_millis(1));
    world.broker.steer(Channel::SMS, Steer::Pause).unwrap();
    let mut ids = Vec::new();
    for number in 0..3 {
        ids.push(submit(Lane::Urgent, number).await);
    }
    submit(Lane::Normal, 9).await;
    tokio::time::sleep(Duration::from_millis(10)).await;
    world.broker.steer(Channel::SMS, Steer::Resume).unwrap();
    let is_sent = |kept: &support::Kept| kept.state.attempts.iter().any(|one| one.status == AttemptStatus::Sent);
    world.until_all(is_sent).await;
    let level = service.level();
    assert_eq!((level.handed, level.within, level.percent()), (3, 0, Some(0.0)));
    assert!(service.stage(Stage::Wait).quantiles().max_us >= 9_000);
    service.set_threshold(Duration::from_secs(3_600));
    for number in 3..5 {
        ids.push(submit(Lane::Urgent, number).await);
    }
    world.until_all(is_sent).await;
    let about = |id: &MessageId| About::Attempt(AttemptRef { message: *id, step: 0, retry: 0 });
    for _ in 0..2 {
        let status = AttemptStatus::Delivered;
        let receipt = |id| Receipt { channel: Channel::SMS, about: about(id), status, channel_reference: None };
        world.broker.receive(ids.iter().map(receipt).collect()).await.unwrap();
    }
    let level = service.level();
    assert_eq!((level.handed, level.within, level.percent()), (5, 2, Some(40.0)));
    assert_eq!(Stage::ALL.map(|stage| service.stage(stage).quantiles().count), [5; 4]);
    assert_eq!(service.handing().quantiles().count, 5);
    assert!(service.stage(Stage::Send).quantiles().p50_us >= 4_500);
}

#[cfg(feature = "fault-injection")]
#[actix_rt::test]
async fn a_panic_planted_in_each_actor_under_load_loses_nothing() {
    use estafette_actors::messages::Panic;
    let slow = |letter: &Letter| {
        let (_, outcome) = taken(letter);
        (Duration::from_millis(20), outcome)
    };
    let budget = Budget { restarts: 100, first_pause: Duration::from_millis(1), ..Budget::default() };
    let sms = Told::new(Channel::SMS, slow);
    let world = World::new(
        vec![sms.clone()],
        Settings { confirm_within: Duration::from_millis(200), ..Settings::default() },
        budget,
    );
    let mut accepted = Vec::new();
    for number in 0..3_000 {
        accepted.push(world.submit(world.envelope("sms-only", number)).await.unwrap());
        if number % 300 == 100 {
            let _ = world.broker.plant(Panic);
        }
    }
    let all = world.until_all(settled).await;
    let there: std::collections::HashSet<_> = all.iter().map(|kept| kept.envelope.id).collect();
    assert!(accepted.iter().all(|id| there.contains(id)));
    let mut times: HashMap<_, usize> = HashMap::new();
    for (attempt, marked) in sms.ledger.lock().unwrap().iter() {
        *times.entry(*attempt).or_default() += usize::from(!marked);
    }
    assert!(times.values().all(|times| *times == 1), "nothing is sent twice without a mark");
    assert!(world.broker.vitals().iter().all(|vitals| vitals.panics >= 5), "{:?}", world.broker.vitals());
}

#[cfg(feature = "fault-injection")]
#[actix_rt::test]
async fn what_a_lost_supervisor_was_asked_to_begin_is_asked_again() {
    use estafette_actors::messages::Panic;
    let budget = Budget { restarts: 100, first_pause: Duration::from_millis(1), ..Budget::default() };
    let sms = Told::new(Channel::SMS, taken);
    let settings = Settings { window: 16, page: 16, ..Settings::default() };
    let world = World::new(vec![sms.clone()], settings, budget);
    world.broker.steer(Channel::SMS, Steer::Pause).unwrap();
    for number in 0..1_000 {
        world.submit(world.envelope("sms-only", number)).await.unwrap();
    }
    world.broker.steer(Channel::SMS, Steer::Resume).unwrap();
    for _ in 0..40 {
        // Behind a wish in its mailbox, as often as not; the delivery itself lives on.
        let _ = world.broker.plant_in_supervisor(Panic);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    world.until_all(settled).await;
    let mut times: HashMap<_, usize> = HashMap::new();
    sms.ledger.lock().unwrap().iter().for_each(|(attempt, _)| *times.entry(*attempt).or_default() += 1);
    assert!(times.len() == 1_000 && times.values().all(|times| *times == 1));
}

#[cfg(feature = "fault-injection")]
#[actix_rt::test]
async fn a_child_that_keeps_failing_is_reported_as_down() {
    use estafette_actors::messages::Panic;
    use estafette_actors::nursery::Condition;
    let budget = Budget { restarts: 2, first_pause: Duration::from_millis(1), ..Budget::default() };
    let world = World::new(vec![Told::new(Channel::SMS, taken)], Settings::default(), budget);
    for _ in 0..2_000 {
        let _ = world.broker.plant(Panic);
        if world.broker.vitals().iter().all(|vitals| vitals.condition == Condition::Down) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    panic!("never down: {:?}", world.broker.vitals());
}
