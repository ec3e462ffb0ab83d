//! Sums of what was used.
use super::*;
use estafette_actors::domain::month::Month;
use estafette_actors::domain::price::Money;
use estafette_actors::domain::usage::Used;
use proptest::prelude::*;

fn other() -> Institution {
    Institution(Cbe::parse("0206731645").unwrap())
}

fn metered(channel: Channel, parts: u16) -> Vec<Change> {
    let cost = Money(u64::from(parts) * 45_000);
    vec![Change::Metered { step: 0, retry: 0, channel, parts, cost }]
}

fn append_at(store: &Store, at: Timestamp, entries: Vec<Entry>) {
    let (told, tell) = mpsc::channel();
    let after = Box::new(move |outcome: Result<Position, JournalError>| told.send(outcome).unwrap());
    store.append(Batch { at, entries, after }).unwrap();
    tell.recv().unwrap().unwrap();
}

/// What an institution used, whatever the month.
fn used(store: &Store, owner: Institution) -> Vec<(String, Channel, Used)> {
    let (first, last) = (Month::from_number(0), Month::from_number(u32::MAX));
    let all = store.usage(Some(owner), first, last);
    assert!(all.iter().all(|usage| usage.institution == owner));
    all.into_iter().map(|usage| (usage.month.to_string(), usage.channel, usage.used)).collect()
}

fn sums(messages: u64, parts: u64) -> Used {
    Used { messages, parts, cost: Money(parts * 45_000) }
}

#[test]
fn what_was_metered_between_a_flush_and_a_crash_is_counted_and_nothing_twice() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = open(settings(dir.path()));
    let all: Vec<_> = (0..4).map(|unique| accept(&store, unique, "sms-only")).collect();
    let meter = |store: &Store, id: MessageId, parts| {
        append(store, vec![Entry::Changes { id, changes: metered(Channel::SMS, parts) }]);
    };
    let expected = |messages, parts| vec![("2024-11".to_owned(), Channel::SMS, sums(messages, parts))];
    meter(&store, all[0], 1);
    flush(&store);
    meter(&store, all[1], 2);
    // Written, and not synced: a crash takes it.
    flusher::flush(&store.inner, false, false, &mut flusher::Lag::default()).unwrap();
    meter(&store, all[2], 3);
    assert_eq!(used(&store, institution()), expected(3, 6));

    let mut again = crash(&store, &other.path().join("first"));
    for round in 0..3 {
        assert_eq!(used(&again, institution()), expected(3, 6), "opened {round} times");
        if round == 1 {
            flush(&again);
        }
        again = crash(&again, &other.path().join(round.to_string()));
    }
    meter(&again, all[3], 4);
    again.close();
    let closed = open(settings(&other.path().join("2")));
    assert_eq!(used(&closed, institution()), expected(4, 10));
}

#[test]
fn sums_that_were_lost_or_torn_are_made_again_from_the_journal() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(settings(dir.path()));
    for unique in 0..9 {
        let id = accept(&store, unique, "sms-only");
        append(&store, vec![Entry::Changes { id, changes: metered(Channel::SMS, unique as u16 + 1) }]);
    }
    let before = used(&store, institution());
    assert_eq!(before, [("2024-11".to_owned(), Channel::SMS, sums(9, 45))]);
    store.close();
    for keep in [None, Some(0), Some(4_096), Some(20_000)] {
        let other = tempfile::tempdir().unwrap();
        let copy = other.path().join("copy");
        super::copy(dir.path(), &copy);
        let path = copy.join("state.redb");
        match keep {
            None => std::fs::remove_file(&path).unwrap(),
            Some(bytes) => std::fs::File::options().write(true).open(&path).unwrap().set_len(bytes).unwrap(),
        }
        assert_eq!(used(&open(settings(&copy)), institution()), before, "cut to {keep:?}");
    }
}

#[test]
fn rows_count_each_and_months_channels_and_institutions_stay_apart() {
    let (dir, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = open(settings(dir.path()));
    let broadcast = super::broadcasts::broadcast("sms-only", Timestamp::ZERO, 1);
    let chunk = broadcast.id.chunk(0);
    let rows: Vec<_> = (0..6).map(super::broadcasts::row).collect();
    let rows = estafette_actors::ports::PackedRows::of(&store, &rows);
    let start = Entry::Start { broadcast: broadcast.id, duplicates: Vec::new() };
    append(
        &store,
        vec![Entry::Broadcast(Arc::clone(&broadcast)), Entry::Chunk { broadcast: broadcast.id, rows }, start],
    );
    append(&store, vec![Entry::Rows { chunk, rows: vec![0, 2, 5], changes: metered(Channel::SMS, 2) }]);
    // A second before and at midnight in Brussels.
    let (november, december) = ("2024-11-30T22:59:59Z", "2024-11-30T23:00:00Z");
    for at in [november, december] {
        let rows = Entry::Rows { chunk, rows: vec![1], changes: metered(Channel::GOVAPP, 1) };
        append_at(&store, Timestamp::parse(at).unwrap(), vec![rows]);
    }
    let strategy = strategy("sms-only");
    let theirs = Envelope { institution: other(), ..Envelope::clone(&envelope(9, &strategy)) };
    let changes = decide(&strategy, NOW, |context| life::accept(context, Timestamp::ZERO));
    let changes = [changes, metered(Channel::SMS, 7)].concat();
    append(&store, vec![Entry::Message { envelope: Arc::new(theirs), changes }]);

    let again = crash(&store, &copy.path().join("copy"));
    for store in [&store, &again] {
        let ours = [
            ("2024-11".to_owned(), Channel::GOVAPP, sums(1, 1)),
            ("2024-11".to_owned(), Channel::SMS, sums(3, 6)),
            ("2024-12".to_owned(), Channel::GOVAPP, sums(1, 1)),
        ];
        assert_eq!(used(store, institution()), ours);
        assert_eq!(used(store, other()), [("2024-11".to_owned(), Channel::SMS, sums(1, 7))]);
        let december = "2024-12".parse().unwrap();
        assert_eq!(store.usage(Some(institution()), december, december).len(), 1);
        assert_eq!(store.usage(None, Month::from_number(0), december).len(), 4);
        assert!(store.usage(None, december, Month::from_number(0)).is_empty());
    }
}

#[test]
fn months_past_their_time_go_from_memory_and_disk_and_the_last_sixty_stay() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(settings(dir.path()));
    let id = accept(&store, 1, "sms-only");
    let days = |days: u64| Timestamp::from_millis(SystemClock.now().millis() - days * 86_400_000);
    for ago in [days(70 * 31), days(40 * 30), days(0)] {
        append_at(&store, ago, vec![Entry::Changes { id, changes: metered(Channel::SMS, 1) }]);
    }
    let months = |store: &Store| used(store, institution()).into_iter().map(|(month, ..)| month).collect::<Vec<_>>();
    let kept = [Month::of(days(40 * 30)).to_string(), Month::of(days(0)).to_string()];
    assert_eq!(months(&store).len(), 3);
    flush(&store);
    store.inner.usage.forget(Month::of(SystemClock.now()));
    assert_eq!(months(&store), kept);
    store.close();
    assert_eq!(months(&open(settings(dir.path()))), kept);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn a_crash_at_any_point_changes_no_sum(events in prop::collection::vec(0_u8..8, 1..20)) {
        let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut store = open(settings(dir.path()));
        let ids: Vec<_> = (0..2).map(|unique| accept(&store, unique, "sms-only")).collect();
        let mut expected = Used::default();
        for (step, event) in events.into_iter().enumerate() {
            match event {
                0 => flush(&store),
                1 => {
                    flusher::flush(&store.inner, false, false, &mut flusher::Lag::default()).unwrap();
                }
                2 => store = crash(&store, &other.path().join(step.to_string())),
                parts => {
                    let changes = metered(Channel::SMS, parts.into());
                    append(&store, vec![Entry::Changes { id: ids[step % 2], changes }]);
                    expected += sums(1, parts.into());
                }
            }
        }
        let again = crash(&store, &other.path().join("last"));
        for store in [&store, &again] {
            let sum = used(store, institution()).first().map_or_else(Used::default, |(.., used)| *used);
            prop_assert_eq!(sum, expected);
        }
    }
}
