//! Single messages.
use super::*;
use estafette_actors::domain::failure::Failure;
use estafette_actors::domain::id::AttemptRef;
use estafette_actors::ports::TakenPage;
use proptest::prelude::*;
use std::sync::atomic::Ordering;
use std::time::Instant;

fn sent(reference: &str) -> Outcome {
    Outcome::Is(AttemptStatus::Sent, Some(reference.into()))
}

async fn attempt_of(store: &Store, channel: Channel, reference: &str) -> Option<AttemptRef> {
    store.attempts_of(vec![(channel, reference.into())]).await.unwrap().pop().flatten()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_is_matched_after_its_provider_got_a_name_and_only_where_that_is_certain() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(settings(dir.path()));
    let send = |unique, reference: &str| {
        let id = accept(&store, unique, "sms-only");
        go(&store, id, "sms-only", |state, context| life::begin(state, context, Channel::SMS));
        go(&store, id, "sms-only", |state, context| life::outcome(state, context, 0, 0, sent(reference)));
        id
    };
    let find = async |reference: &str| {
        let attempt = attempt_of(&store, Channel::SMS, reference).await;
        attempt.map(|attempt| attempt.message)
    };
    let alone = send(1, "007");
    assert_eq!(find("gate:007").await, Some(alone));
    assert_eq!((find("gate:7").await, find(":007").await, find("Gate:007").await), (None, None, None));
    // Its own name goes first.
    let named = send(2, "gate:007");
    assert_eq!((find("gate:007").await, find("007").await), (Some(named), Some(alone)));
    assert_eq!(find("web:007").await, Some(alone));
    // What went over a provider that has a name is that one's only.
    let via = send(3, "9");
    let provider = Change::Via { step: 0, retry: 0, provider: "web".into() };
    append(&store, vec![Entry::Changes { id: via, changes: vec![provider] }]);
    assert_eq!(find("gate:9").await, None);
    // Two that are alike are nobody's; one that has its receipt waits for none.
    let second = send(4, "007");
    assert_eq!(find("web:007").await, None);
    let delivered = || Outcome::Is(AttemptStatus::Delivered, None);
    go(&store, alone, "sms-only", |state, context| life::outcome(state, context, 0, 0, delivered()));
    assert_eq!(find("web:007").await, Some(second));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_receipt_finds_its_own_of_several_attempts() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(settings(dir.path()));
    let retried = accept(&store, 1, "sms-only");
    let begin = || go(&store, retried, "sms-only", |state, context| life::begin(state, context, Channel::SMS));
    let tell = |retry, outcome| {
        go(&store, retried, "sms-only", |state, context| life::outcome(state, context, 0, retry, outcome));
    };
    begin();
    tell(0, sent("first"));
    let failed = Change::Moved { step: 0, retry: 0, status: AttemptStatus::Failed(Failure::Timeout), reference: None };
    let again = Change::Queued { track: 0, step: 0, retry: 1, channel: Channel::SMS, not_before: Timestamp::ZERO };
    append(&store, vec![Entry::Changes { id: retried, changes: vec![failed, again] }]);
    begin();
    tell(1, sent("second"));
    let alone = accept(&store, 2, "sms-only");
    go(&store, alone, "sms-only", |state, context| life::begin(state, context, Channel::SMS));
    go(&store, alone, "sms-only", |state, context| life::outcome(state, context, 0, 0, sent("third")));
    // What was told of late is in memory; after a restart the index is asked.
    store.close();
    let store = open(settings(dir.path()));
    for (reference, message, retry) in [("first", retried, 0), ("second", retried, 1), ("third", alone, 0)] {
        let attempt = attempt_of(&store, Channel::SMS, reference).await;
        assert_eq!(attempt, Some(AttemptRef { message, step: 0, retry }), "{reference}");
        assert_eq!(attempt_of(&store, Channel::EBOX, reference).await, None);
    }
    assert_eq!(attempt_of(&store, Channel::SMS, "fourth").await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_told_survives_a_crash_before_any_state_was_written() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = open(settings(dir.path()));
    let id = accept(&store, 1, "sms-only");
    go(&store, id, "sms-only", |state, context| life::begin(state, context, Channel::SMS));
    go(&store, id, "sms-only", |state, context| life::outcome(state, context, 0, 0, sent("abc")));
    let before = store.live(id).unwrap();

    let again = crash(&store, &other.path().join("copy"));
    assert_eq!(again.live(id), Some(before.clone()));
    let view = again.message(None, id).await.unwrap().unwrap();
    assert_eq!(view.state, before);
    assert_eq!(view.attempts.len(), 1);
    assert_eq!(view.attempts[0].channel_reference.as_deref(), Some("abc"));
    assert_eq!(view.attempts[0].status, AttemptStatus::Sent);
    let attempt = attempt_of(&again, Channel::SMS, "abc").await.unwrap();
    assert_eq!(attempt.message, id);
    assert!(attempt_of(&again, Channel::EBOX, "abc").await.is_none());
    let facts = again.facts(institution(), 0, 100).await.unwrap();
    assert_eq!(
        facts.iter().map(|(_, fact)| &fact.change).collect::<Vec<_>>(),
        view.facts.iter().map(|fact| &fact.change).collect::<Vec<_>>()
    );
    assert!(again.facts(institution(), facts.last().unwrap().0, 100).await.unwrap().is_empty());
    let other = Institution(Cbe::parse("0206731645").unwrap());
    assert!(again.facts(other, 0, 100).await.unwrap().is_empty());
    assert!(again.message(Some(Institution(Cbe::parse("0206731645").unwrap())), id).await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_gives_everything_once_in_order_wherever_it_lies() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(settings(dir.path()));
    let mut expected = Vec::new();
    for unique in 0..30 {
        expected.push(accept(&store, unique, "sms-only"));
        match unique {
            10 => flush(&store),
            20 => {
                flush(&store);
                forget_live(&store);
            }
            _ => {}
        }
    }
    let queue = queue(Channel::SMS, Lane::Normal);
    for limit in [1, 7, 100] {
        assert_eq!(ids(&drain(&store, queue, limit).await), expected, "limit {limit}");
    }
    assert_eq!(store.depths().iter().map(|depth| depth.messages).sum::<u64>(), 30);

    // One that has begun is in no queue, on disk or not.
    go(&store, expected[3], "sms-only", |state, context| life::begin(state, context, Channel::SMS));
    go(&store, expected[25], "sms-only", |state, context| life::begin(state, context, Channel::SMS));
    let begun = [expected[3], expected[25]];
    expected.retain(|id| !begun.contains(id));
    assert_eq!(ids(&drain(&store, queue, 4).await), expected);
    assert_eq!(ids(&store.open(Channel::SMS, None, 10).await.unwrap()), begun);
    flush(&store);
    forget_live(&store);
    assert_eq!(ids(&drain(&store, queue, 4).await), expected);
    assert_eq!(ids(&store.open(Channel::SMS, None, 10).await.unwrap()), begun);
    assert_eq!(ids(&store.open(Channel::SMS, Some(begun[0]), 10).await.unwrap()), begun[1..]);
    assert_eq!(store.depths().iter().map(|depth| depth.messages).sum::<u64>(), 28);
    store.close();

    let again = open(settings(dir.path()));
    assert_eq!(ids(&drain(&again, queue, 4).await), expected);
    assert_eq!(again.depths().iter().map(|depth| depth.messages).sum::<u64>(), 28);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_falls_due_comes_until_its_state_has_moved_on() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(settings(dir.path()));
    let id = accept(&store, 1, "govapp-only");
    flush(&store);
    assert!(store.due(NOW, 10).await.unwrap().is_empty());
    assert_eq!(ids(&store.due(LATER, 10).await.unwrap()), [id]);
    assert_eq!(ids(&store.due(LATER, 10).await.unwrap()), [id]);
    let expire = |state: &State, context: &Context<'_>| life::due(state, &Context { now: LATER, ..*context });
    go(&store, id, "govapp-only", expire);
    assert!(store.due(LATER, 10).await.unwrap().is_empty());
    flush(&store);
    assert!(store.due(LATER, 10).await.unwrap().is_empty());
    assert!(store.depths().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sent_is_found_by_recipient_reference_and_key() {
    use estafette_actors::domain::submission::Identifier;
    use estafette_actors::ports::Filter;
    let dir = tempfile::tempdir().unwrap();
    let store = open(settings(dir.path()));
    let all: Vec<_> = (0..5).map(|unique| accept(&store, unique, "sms-only")).collect();
    let listed = async |store: &Store, filter: Filter| {
        let listing = store.list(Some(institution()), filter).await.unwrap();
        listing.messages.iter().map(|loaded| loaded.envelope.id).collect::<Vec<_>>()
    };
    let newest: Vec<_> = all.iter().rev().copied().collect();
    let recipient = Some(Identifier::Mobile(Mobile::parse("0470123456").unwrap()));
    store.close();
    let store = open(settings(dir.path()));
    assert_eq!(listed(&store, Filter { limit: 50, ..Filter::default() }).await, newest);
    assert_eq!(listed(&store, Filter { limit: 50, recipient, ..Filter::default() }).await, newest);
    assert_eq!(listed(&store, Filter { limit: 2, after: Some(all[3]), ..Filter::default() }).await, newest[2..4]);
    let reference = Some("ref-3".to_owned());
    assert_eq!(listed(&store, Filter { limit: 50, reference, ..Filter::default() }).await, [all[3]]);
    let status = Some("delivered".to_owned());
    assert!(listed(&store, Filter { limit: 50, status, ..Filter::default() }).await.is_empty());
    assert_eq!(store.idempotent(2).await.unwrap(), Some(all[2]));
    assert_eq!(store.idempotent(77).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn segments_roll_and_are_read_together() {
    let dir = tempfile::tempdir().unwrap();
    let small = Settings { segment_age: Duration::ZERO, ..settings(dir.path()) };
    let store = open(small.clone());
    let all: Vec<_> = (0..4).map(|unique| accept(&store, unique, "sms-only")).collect();
    go(&store, all[0], "sms-only", |state, context| life::begin(state, context, Channel::SMS));
    assert!(store.figures().segments >= 5);
    store.inner.segments.shrink().unwrap();
    let view = store.message(None, all[0]).await.unwrap().unwrap();
    assert_eq!(view.attempts.len(), 1);
    store.close();
    let again = open(small);
    assert_eq!(ids(&drain(&again, queue(Channel::SMS, Lane::Normal), 3).await), all[1..]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_long_history_only_those_segments_are_opened_that_may_tell_of_a_message() {
    let dir = tempfile::tempdir().unwrap();
    let small = Settings { segment_age: Duration::ZERO, ..settings(dir.path()) };
    let store = open(small.clone());
    let all: Vec<_> = (0..40).map(|unique| accept(&store, unique, "sms-only")).collect();
    // What comes later stands far from the record, in a segment of its own.
    for late in [all[3], all[39]] {
        go(&store, late, "sms-only", |state, context| life::begin(state, context, Channel::SMS));
    }
    flush(&store);
    let look = async |store: Store| {
        for (place, id) in all.iter().enumerate() {
            let view = store.message(None, *id).await.unwrap().unwrap();
            let values = if [3, 39].contains(&place) { 2 } else { 1 };
            assert_eq!((view.envelope.id, view.attempts.len()), (*id, values - 1));
            let reader = store.inner.segments.reader();
            assert!(reader.message(*id).unwrap().is_some());
            assert_eq!(reader.trail(id.as_u128(), None).unwrap().len(), values);
            // Its own, that of its late fact or one that reaches over it, and the one that is written.
            assert!(reader.opened() <= 4, "{} of {} for {place}", reader.opened(), store.figures().segments);
        }
        store.close();
    };
    forget_live(&store);
    store.inner.segments.shrink().unwrap();
    look(store).await;
    look(open(small)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_segment_that_a_kill_left_unsealed_is_walked_once_and_not_at_each_kill() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = open(settings(dir.path()));
    accept(&store, 1, "sms-only");
    let killed = crash(&store, &other.path().join("first"));
    // Nothing is written there any more: it is idle from the start.
    let begun = Instant::now();
    for again in 0.. {
        let next = crash(&killed, &other.path().join(again.to_string()));
        if next.inner.segments.found().walked == 0 {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "it is walked again and again");
    }
}

/// A disk that fails from some moment on.
#[derive(Debug, Default)]
struct Failing {
    disk: redb::backends::InMemoryBackend,
    fails: Arc<AtomicBool>,
}

impl Failing {
    fn check(&self) -> std::io::Result<()> {
        let error = std::io::Error::other("no space left on device");
        if self.fails.load(Ordering::Acquire) { Err(error) } else { Ok(()) }
    }
}

impl redb::StorageBackend for Failing {
    fn len(&self) -> std::io::Result<u64> {
        self.disk.len()
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> std::io::Result<()> {
        self.disk.read(offset, out)
    }
    fn set_len(&self, len: u64) -> std::io::Result<()> {
        self.check()?;
        self.disk.set_len(len)
    }
    fn sync_data(&self) -> std::io::Result<()> {
        self.check()?;
        self.disk.sync_data()
    }
    fn write(&self, offset: u64, data: &[u8]) -> std::io::Result<()> {
        self.check()?;
        self.disk.write(offset, data)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_commit_ends_all_writing() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = open(settings(dir.path()));
    let id = accept(&store, 1, "sms-only");
    let before = store.live(id).unwrap();
    let disk = Failing::default();
    let fails = Arc::clone(&disk.fails);
    let next = store.inner.position.load(Ordering::Acquire) + 1;
    store.inner.segments.begin_on(disk, next, NOW).unwrap();
    fails.store(true, Ordering::Release);

    let lost = try_append(&store, vec![Entry::Changes { id, changes: vec![Change::Stopped] }]);
    assert!(matches!(lost, Err(JournalError::ReadOnly(_))), "{lost:?}");
    let refused = try_append(&store, vec![Entry::Changes { id, changes: vec![Change::Stopped] }]);
    assert!(matches!(refused, Err(JournalError::ReadOnly(_))), "{refused:?}");
    assert!(store.read_only().is_some());
    assert!(store.message(None, id).await.is_err(), "nobody is told what is not on disk");
    let again = crash(&store, &other.path().join("copy"));
    assert_eq!(again.live(id), Some(before));
    assert!(again.read_only().is_none());
}

#[test]
fn a_receipt_that_came_too_early_stays_till_it_is_let_go_also_over_crashes() {
    use estafette_actors::domain::receipt::{About, Receipt};
    use estafette_actors::ports::Ticket;
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = open(settings(dir.path()));
    let receipt = |reference: &str| Receipt {
        channel: Channel::SMS,
        about: About::ChannelReference(reference.into()),
        status: AttemptStatus::Delivered,
        channel_reference: None,
    };
    append(&store, vec![Entry::Park(receipt("0007"))]);
    flush(&store);
    append(&store, vec![Entry::Park(receipt("0008"))]);
    let again = crash(&store, &other.path().join("copy"));
    assert!(again.parked(Channel::EBOX, "0007").is_empty());
    let under = |store: &Store, reference: &str| store.parked(Channel::SMS, reference);
    let told = |found: Vec<(Ticket, Receipt)>| found.into_iter().map(|(_, receipt)| receipt).collect::<Vec<_>>();
    assert_eq!(told(under(&again, "0007")), [receipt("0007")]);
    assert_eq!(told(under(&again, "0008")), [receipt("0008")]);
    assert_eq!(told(again.parked_after(None, 9)), [receipt("0007"), receipt("0008")]);
    // Looked at is not let go: the facts that follow from it may not be durable when it dies here.
    flush(&again);
    let again = crash(&again, &other.path().join("looked-at"));
    let (first, _) = under(&again, "0007").remove(0);
    assert_eq!(told(again.parked_after(Some(first), 9)), [receipt("0008")]);
    again.unpark(&[first]);
    assert!(under(&again, "0007").is_empty());
    flush(&again);
    let again = crash(&again, &other.path().join("let-go"));
    assert!(under(&again, "0007").is_empty());
    assert_eq!(again.figures().parked, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn states_and_indexes_that_were_lost_or_torn_are_made_again_from_the_journal() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(settings(dir.path()));
    let all: Vec<_> = (0..40).map(|unique| accept(&store, unique, "govapp-first")).collect();
    for id in &all[..20] {
        go(&store, *id, "govapp-first", |state, context| life::begin(state, context, Channel::GOVAPP));
        let reference = Outcome::Is(AttemptStatus::Sent, Some(id.to_string().into()));
        go(&store, *id, "govapp-first", |state, context| life::outcome(state, context, 0, 0, reference));
    }
    let before: Vec<State> = all.iter().map(|id| store.live(*id).unwrap()).collect();
    store.close();
    let files = ["state", "index-recipients", "index-references", "index-idempotency", "index-channels"];
    for file in files {
        for keep in [None, Some(0), Some(1_000), Some(4_096), Some(20_000)] {
            let other = tempfile::tempdir().unwrap();
            let copy = other.path().join("copy");
            super::copy(dir.path(), &copy);
            let path = copy.join(format!("{file}.redb"));
            match keep {
                None => std::fs::remove_file(&path).unwrap(),
                Some(bytes) => std::fs::File::options().write(true).open(&path).unwrap().set_len(bytes).unwrap(),
            }
            let again = open(settings(&copy));
            let loaded = again.load(all.clone()).await.unwrap();
            let after: Vec<State> = loaded.into_iter().map(|loaded| loaded.unwrap().state).collect();
            assert_eq!(after, before, "{file} cut to {keep:?}");
            assert_eq!(
                ids(&drain(&again, queue(Channel::GOVAPP, Lane::Normal), 9).await),
                all[20..],
                "{file} {keep:?}"
            );
            assert_eq!(again.idempotent(7).await.unwrap(), Some(all[7]), "{file} {keep:?}");
            let attempt = attempt_of(&again, Channel::GOVAPP, &all[3].to_string()).await;
            assert_eq!(attempt.map(|attempt| attempt.message), Some(all[3]), "{file} {keep:?}");
            again.close();
        }
    }
}

/// Something that happens to one of a few messages.
fn event(kind: u8, state: &State, context: &Context<'_>) -> Vec<Change> {
    let last = state.attempts.last().copied();
    let is = |status| match last {
        Some(attempt) => life::outcome(state, context, attempt.step, attempt.retry, Outcome::Is(status, None)),
        None => Vec::new(),
    };
    match kind % 8 {
        0 => life::begin(state, context, Channel::GOVAPP),
        1 => life::begin(state, context, Channel::SMS),
        2 => is(AttemptStatus::Sent),
        3 => is(AttemptStatus::Delivered),
        4 => is(AttemptStatus::Failed(Failure::RejectedByChannel)),
        5 => is(AttemptStatus::Failed(Failure::Timeout)),
        6 => life::due(state, &Context { now: context.now.plus(Duration::from_secs(3600)), ..*context }),
        _ => life::cancel(state, context),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_channel_took_and_did_not_call_read_is_found_again_after_a_crash() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = open(settings(dir.path()));
    let ids: Vec<_> = (0..4).map(|unique| accept(&store, unique, "ebox-only")).collect();
    let elsewhere = accept(&store, 4, "sms-only");
    for id in &ids[..3] {
        go(&store, *id, "ebox-only", |state, context| life::begin(state, context, Channel::EBOX));
        let taken = Outcome::Is(AttemptStatus::Delivered, Some(format!("m-{id}").into()));
        go(&store, *id, "ebox-only", |state, context| life::outcome(state, context, 0, 0, taken));
    }
    append(&store, vec![Entry::Changes { id: ids[1], changes: vec![read()] }]);
    go(&store, elsewhere, "sms-only", |state, context| life::begin(state, context, Channel::SMS));
    flush(&store);
    let crashed = crash(&store, &other.path().join("copy"));
    let page = crashed.taken(Channel::EBOX, NOW, None).await.unwrap();
    let found: Vec<_> = page.taken.iter().map(|taken| (taken.reference.message, &*taken.channel_reference)).collect();
    let reference = |id: MessageId| format!("m-{id}");
    let (last, first) = (reference(ids[2]), reference(ids[0]));
    assert_eq!(found, [(ids[2], &*last), (ids[0], &*first)], "what waits and what was read is not asked about");
    assert_eq!(crashed.taken(Channel::EBOX, NOW, page.next).await.unwrap(), TakenPage::default());
    let later = NOW.plus(Duration::from_secs(1));
    assert!(crashed.taken(Channel::EBOX, later, None).await.unwrap().taken.is_empty(), "it is too long ago");
}

fn read() -> Change {
    Change::Moved { step: 0, retry: 0, status: AttemptStatus::Read, reference: None }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn a_crash_at_any_point_changes_no_state_and_no_queue(
        events in prop::collection::vec((0_u64..4, 0_u8..10), 1..25)
    ) {
        let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut store = open(settings(dir.path()));
        let messages: Vec<_> = (0..4).map(|unique| accept(&store, unique, "govapp-first")).collect();
        for (step, (message, kind)) in events.into_iter().enumerate() {
            match kind {
                8 => flush(&store),
                9 => store = crash(&store, &other.path().join(step.to_string())),
                kind => {
                    let id = messages[message as usize];
                    if store.live(id).is_none() {
                        store.inner.make_live(live::Item::Single(id), || look::Look::open(&store.inner)).unwrap();
                    }
                    go(&store, id, "govapp-first", |state, context| event(kind, state, context));
                }
            }
        }
        let again = crash(&store, &other.path().join("last"));
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let before = store.load(messages.clone()).await.unwrap();
            let after = again.load(messages.clone()).await.unwrap();
            for (before, after) in before.into_iter().zip(after) {
                assert_eq!(before.unwrap().state, after.unwrap().state);
            }
            for channel in [Channel::GOVAPP, Channel::SMS] {
                let queue = queue(channel, Lane::Normal);
                assert_eq!(ids(&drain(&store, queue, 2).await), ids(&drain(&again, queue, 2).await));
                assert_eq!(store.open(channel, None, 9).await.unwrap().len(),
                    again.open(channel, None, 9).await.unwrap().len());
            }
        });
        let sorted = |store: &Store| {
            let depths = store.depths();
            depths.into_iter().map(|depth| ((depth.channel, depth.lane, depth.institution), depth.messages)).collect::<BTreeMap<_, _>>()
        };
        prop_assert_eq!(sorted(&store), sorted(&again));
        flush(&again);
        forget_live(&again);
        runtime.block_on(async {
            let before = store.load(messages.clone()).await.unwrap();
            let after = again.load(messages.clone()).await.unwrap();
            for (before, after) in before.into_iter().zip(after) {
                assert_eq!(before.unwrap().state, after.unwrap().state);
            }
        });
    }
}
