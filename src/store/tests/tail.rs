//! What follows from the feed is found in its tables, behind them, and after a crash between the two.
use super::*;

/// Accepts so many in one commit.
fn accept_together(store: &Store, uniques: std::ops::Range<u64>) -> Vec<MessageId> {
    let strategy = strategy("sms-only");
    let entry = |unique| {
        let changes = decide(&strategy, NOW, |context| life::accept(context, Timestamp::ZERO));
        Entry::Message { envelope: envelope(unique, &strategy), changes }
    };
    append(store, uniques.clone().map(entry).collect());
    uniques.map(|unique| MessageId::single(NOW, 0, unique)).collect()
}

fn owner() -> u32 {
    codec::institution_number(institution())
}

/// The positions of each message, and those of its sender.
fn found(reader: &segment::Reader, ids: &[MessageId]) -> (Vec<Vec<Position>>, Vec<Position>) {
    let trails = ids.iter().map(|id| reader.trail(id.as_u128(), None).unwrap()).collect();
    (trails, reader.feed_of(owner(), 0, usize::MAX).unwrap())
}

fn is_written(store: &Store) -> bool {
    store.inner.segments.current().tail().is_empty()
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_are_found_wherever_they_are() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = open(settings(dir.path()));
    let mut all = accept_together(&store, 0..400);
    let early = store.inner.segments.reader();
    let before = found(&early, &all);
    assert_eq!(before.0.len(), 400);
    for from in (400..2_000).step_by(400) {
        all.extend(accept_together(&store, from..from + 400));
    }
    go(&store, all[0], "sms-only", |state, context| life::begin(state, context, Channel::SMS));
    let told = found(&store.inner.segments.reader(), &all);
    assert!(told.0[1..].iter().all(|trail| trail.len() == 1) && told.0[0].len() == 2);
    let values = told.1.len();
    assert!(values > 5 && told.1.is_sorted_by(|a, b| a < b), "{:?}", told.1);
    let still = found(&early, &all[..400]);
    assert_eq!(still, before, "neither less, when it leaves the tail, nor what the view has no facts of");
    assert!(still.1.iter().all(|position| early.facts(*position).unwrap().is_some()));
    let page = |from, limit| store.inner.segments.reader().feed_of(owner(), told.1[from] - 1, limit).unwrap();
    assert_eq!((page(1, 2), page(values - 1, 9)), (told.1[1..3].to_vec(), told.1[values - 1..].to_vec()));

    let again = crash(&store, &other.path().join("copy"));
    assert_eq!(found(&again.inner.segments.reader(), &all), told);
    let newest = accept_together(&again, 5_000..5_001);
    assert_eq!(again.inner.segments.reader().trail(newest[0].as_u128(), None).unwrap().len(), 1);
    again.close();
    let last = open(settings(&other.path().join("copy")));
    assert!(is_written(&last), "an orderly end leaves nothing to be made again");
    assert_eq!(found(&last.inner.segments.reader(), &all).0, told.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_segment_lacks_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(Settings { segment_age: Duration::ZERO, ..settings(dir.path()) });
    let mut all = accept_together(&store, 0..10);
    // A segment is closed after its last commit, and before the next.
    all.extend(accept_together(&store, 10..20));
    let closed = store.inner.segments.closed();
    assert!(!closed.is_empty() && closed.iter().all(|segment| segment.tail().is_empty()));
    assert!(found(&store.inner.segments.reader(), &all).0.iter().all(|trail| trail.len() == 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_is_looked_for_only_where_its_part_of_the_chunk_was_told_of() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = open(settings(dir.path()));
    let broadcast = broadcasts::broadcast("sms-only", Timestamp::ZERO, 1);
    // The last of them is settled as a duplicate.
    broadcasts::started(&store, &broadcast, 1, 91).await;
    let chunk = broadcast.id.chunk(0);
    let mut told = BTreeMap::new();
    for first in [0_u16, 30, 60] {
        let rows: Vec<u16> = (first..first + 30).collect();
        let state = store.live(chunk.row(first)).unwrap();
        let changes = decide(&strategy("sms-only"), NOW, |context| life::begin(&state, context, Channel::SMS));
        told.insert(first, append(&store, vec![Entry::Rows { chunk, rows, changes }]));
    }
    let check = |store: &Store| {
        let reader = store.inner.segments.reader();
        let trail = |row| reader.trail(chunk.key(), row).unwrap();
        for (first, position) in &told {
            assert_eq!(trail(Some(*first)), [*position]);
            assert_eq!(trail(Some(first + 29)), [*position]);
        }
        assert_eq!(trail(None)[1..], told.values().copied().collect::<Vec<_>>());
        assert_eq!(trail(Some(90)), trail(None)[..1]);
    };
    check(&store);
    check(&crash(&store, &other.path().join("copy")));
    store.close();
    check(&open(settings(dir.path())));
}
