//! Broadcasts and their chunks.
use super::*;
use estafette_actors::domain::event::{About, Event, Of, Place, Wanted};
use estafette_actors::domain::failure::Failure;
use estafette_actors::domain::status::{MessageStatus, WaitReason};
use estafette_actors::domain::window::{Clock, Days, Hours, Window};
use estafette_actors::ports::{BroadcastPhase, Feed, Held, PackedRows};
use redb::ReadableDatabase;

pub fn broadcast(name: &str, not_before: Timestamp, number: u32) -> Arc<Broadcast> {
    Arc::new(Broadcast {
        id: BroadcastId::new(NOW, 0, number),
        institution: institution(),
        strategy: Arc::new(strategy(name)),
        content: Arc::new(content()),
        variables: Vec::new(),
        lane: Lane::Bulk,
        not_before,
        valid_until: LATER,
        default_language: Language::Fr,
        sender_name: None,
        sender_reference: None,
        created_at: NOW,
        window: None,
    })
}

pub fn row(key: usize) -> Row {
    let mobile = Some(Mobile::parse(&format!("0470{:06}", key + 100_000)).unwrap());
    Row {
        key: Some(format!("k{key}").into()),
        recipient: Recipient { mobile, ..Recipient::default() },
        ..Row::default()
    }
}

/// A started broadcast of `chunks` chunks of `rows` rows; the last row's key came before.
pub async fn started(store: &Store, broadcast: &Arc<Broadcast>, chunks: u32, rows: usize) {
    append(store, vec![Entry::Broadcast(Arc::clone(broadcast))]);
    for n in 0..chunks {
        let mut all: Vec<Row> = (0..rows).map(|place| row(n as usize * rows + place)).collect();
        if n + 1 == chunks {
            all[rows - 1].key = Some("k0".into());
        }
        append(store, vec![Entry::Chunk { broadcast: broadcast.id, rows: PackedRows::of(store, &all) }]);
    }
    let duplicates = store.duplicates(broadcast.id).await.unwrap();
    assert_eq!(duplicates, [broadcast.id.chunk(chunks - 1).row(rows as u16 - 1)]);
    append(store, vec![Entry::Start { broadcast: broadcast.id, duplicates }]);
}

fn rows(store: &Store, broadcast: &Broadcast, n: u32, rows: std::ops::Range<u16>, channel: Channel) {
    let chunk = broadcast.id.chunk(n);
    let state = store.live(chunk.row(rows.start)).unwrap();
    let changes = decide(&broadcast.strategy, NOW, |context| life::begin(&state, context, channel));
    append(store, vec![Entry::Rows { chunk, rows: rows.collect(), changes }]);
}

async fn by_status(store: &Store, id: BroadcastId) -> BTreeMap<&'static str, u64> {
    let view = Archive::broadcast(store, None, id).await.unwrap().unwrap();
    view.by_status.into_iter().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_row_of_a_broadcast_is_given_once_and_doubles_are_settled() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = open(settings(dir.path()));
    let broadcast = broadcast("sms-only", Timestamp::ZERO, store.next_broadcast());
    started(&store, &broadcast, 3, 100).await;
    let queue = queue_of(Channel::SMS, Lane::Bulk, broadcast.id.number());
    let all: Vec<_> =
        (0..3).flat_map(|n| (0..100).map(move |row| (n, row))).filter(|place| *place != (2, 99)).collect();
    let all: Vec<_> = all.into_iter().map(|(n, row)| broadcast.id.chunk(n).row(row)).collect();
    assert_eq!(ids(&drain(&store, queue, 64).await), all);

    rows(&store, &broadcast, 1, 0..50, Channel::SMS);
    let crashed = crash(&store, &other.path().join("copy"));
    flush(&store);
    forget_live(&store);
    for store in [&store, &crashed] {
        let left = ids(&drain(store, queue, 33).await);
        assert_eq!(left.len(), 249);
        assert!(!left.contains(&broadcast.id.chunk(1).row(7)));
        assert_eq!(store.depths()[0].messages, 249);
        assert_eq!(by_status(store, broadcast.id).await, BTreeMap::from([("waiting", 299), ("failed", 1)]));
        assert_eq!(store.open(Channel::SMS, None, 500).await.unwrap().len(), 50);
        let after = Some(broadcast.id.chunk(1).row(9));
        assert_eq!(store.open(Channel::SMS, after, 500).await.unwrap().len(), 40);
        let report = store.report(broadcast.id.chunk(2)).await.unwrap();
        assert_eq!(report[99].state.status(), MessageStatus::Failed(Failure::DuplicateRow));
        assert_eq!(report[98].key.as_deref(), Some("k298"));
        assert!(store.report(broadcast.id.chunk(3)).await.unwrap().is_empty());
        let view = store.message(None, broadcast.id.chunk(1).row(7)).await.unwrap().unwrap();
        assert_eq!(view.attempts.len(), 1);
        assert_eq!(view.envelope.sender_reference.as_deref(), Some("k107"));
    }
    assert!(crashed.next_broadcast() > broadcast.id.number());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancellation_reaches_chunks_in_memory_on_disk_and_after_a_crash() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = open(settings(dir.path()));
    let broadcast = broadcast("sms-only", Timestamp::ZERO, 1);
    started(&store, &broadcast, 3, 10).await;
    rows(&store, &broadcast, 0, 0..4, Channel::SMS);
    flush(&store);
    forget_live(&store);
    // One chunk is live, the others are on disk only.
    assert_eq!(store.load(vec![broadcast.id.chunk(0).row(0)]).await.unwrap().len(), 1);
    append(&store, vec![Entry::CancelBroadcast(broadcast.id)]);
    let crashed = crash(&store, &other.path().join("copy"));
    for store in [&store, &crashed] {
        for _ in 0..3 {
            assert!(drain(store, queue_of(Channel::SMS, Lane::Bulk, 1), 7).await.is_empty());
        }
        let told = by_status(store, broadcast.id).await;
        assert_eq!(told, BTreeMap::from([("waiting", 4), ("cancelled", 25), ("failed", 1)]));
        assert!(store.depths().is_empty());
        let view = Archive::broadcast(store, None, broadcast.id).await.unwrap().unwrap();
        assert_eq!(view.phase, BroadcastPhase::Cancelled);
        flush(store);
        forget_live(store);
        assert_eq!(store.report(broadcast.id.chunk(2)).await.unwrap()[0].state.status(), MessageStatus::Cancelled);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_holds_rows_back_in_memory_on_disk_and_after_a_crash_and_lets_others_past() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = open(settings(dir.path()));
    let (held, free) = (broadcast("sms-only", Timestamp::ZERO, 1), broadcast("sms-only", Timestamp::ZERO, 2));
    started(&store, &held, 2, 10).await;
    started(&store, &free, 1, 10).await;
    append(&store, vec![Entry::PauseBroadcast(held.id)]);
    let crashed = crash(&store, &other.path().join("copy"));
    flush(&store);
    forget_live(&store);
    let of = |broadcast: &Broadcast| queue_of(Channel::SMS, Lane::Bulk, broadcast.id.number());
    for (store, place) in [(&store, "first"), (&crashed, "second")] {
        assert_eq!((store.held(held.id, NOW), store.held(free.id, NOW)), (Some(Held::Paused), None));
        assert_eq!(ids(&drain(store, of(&held), 3).await), []);
        let given = ids(&drain(store, of(&free), 3).await);
        assert_eq!(given, (0..9).map(|row| free.id.chunk(0).row(row)).collect::<Vec<_>>());
        let listed = store.broadcasts(None, None, 10).await.unwrap();
        let phases: Vec<_> = listed.iter().map(|view| (view.broadcast.id, view.phase)).collect();
        assert_eq!(phases, [(free.id, BroadcastPhase::Started), (held.id, BroadcastPhase::Paused)]);
        assert_eq!(store.broadcasts(None, Some(free.id), 10).await.unwrap().len(), 1);
        append(store, vec![Entry::ResumeBroadcast(held.id)]);
        assert_eq!(drain(store, of(&held), 3).await.len(), 19, "read anew, the rows are all there");
        let again = crash(store, &other.path().join(place));
        assert_eq!(again.held(held.id, NOW), None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_window_holds_rows_back_in_memory_on_disk_and_after_a_crash_and_its_opening_is_told_once() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = open(settings(dir.path()));
    // The clock is the machine's: the window opens in two hours.
    let here = store.inner.clock.now();
    let minute = |hours: u64| Clock::parse(&here.plus(Duration::from_secs(hours * 3_600)).to_string()[11..16]).unwrap();
    let window = Window::new("UTC", vec![Hours::new(Days::ALL, minute(2), minute(3)).unwrap()]).unwrap();
    let opens = window.opening(here).unwrap();
    let closed =
        Broadcast { window: Some(Arc::new(window)), ..Broadcast::clone(&broadcast("sms-only", Timestamp::ZERO, 1)) };
    let urgent = Broadcast { lane: Lane::Urgent, id: BroadcastId::new(NOW, 0, 2), ..closed.clone() };
    let (closed, urgent) = (Arc::new(closed), Arc::new(urgent));
    started(&store, &closed, 2, 10).await;
    started(&store, &urgent, 1, 10).await;
    let crashed = crash(&store, &other.path().join("copy"));
    flush(&store);
    forget_live(&store);
    for store in [&store, &crashed] {
        assert!(!store.has_opened(here), "nobody found it closed");
        let of = |broadcast: &Broadcast| queue_of(Channel::SMS, broadcast.lane, broadcast.id.number());
        assert!(drain(store, of(&closed), 3).await.is_empty());
        assert_eq!(drain(store, of(&urgent), 3).await.len(), 9, "what is urgent is exempt");
        assert_eq!((store.held(closed.id, here), store.held(closed.id, opens)), (Some(Held::Closed(opens)), None));
        assert_eq!(store.held(urgent.id, here), None);
        let before = Timestamp::from_millis(opens.millis() - 1);
        assert!(!store.has_opened(before));
        assert!(store.has_opened(opens) && !store.has_opened(opens), "once");
        // Found closed again, and then the clock is set back.
        store.held(closed.id, here);
        assert!(store.has_opened(here) && !store.has_opened(here));
        let report = store.report(closed.id.chunk(0)).await.unwrap();
        assert_eq!(report[0].waits, Some(WaitReason::WindowClosed));
        let view = Archive::broadcast(store, None, closed.id).await.unwrap().unwrap();
        assert_eq!((view.held, view.expected_end), (Some(Held::Closed(opens)), None));
        assert_eq!(view.broadcast.window, closed.window);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn chunks_are_numbered_as_they_come_and_none_is_stored_behind_a_start() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(settings(dir.path()));
    let broadcast = broadcast("sms-only", Timestamp::ZERO, 1);
    started(&store, &broadcast, 3, 10).await;
    assert_eq!(store.phase(broadcast.id), Some(BroadcastPhase::Started));
    append(&store, vec![Entry::Chunk { broadcast: broadcast.id, rows: PackedRows::of(&store, &[row(77)]) }]);
    let view = Archive::broadcast(&store, None, broadcast.id).await.unwrap().unwrap();
    assert_eq!((view.chunks, view.rows), (3, 30));
}

#[tokio::test(flavor = "multi_thread")]
async fn chunks_that_became_durable_together_are_all_there_after_a_crash() {
    let (dir, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = open(settings(dir.path()));
    let broadcast = broadcast("sms-only", Timestamp::ZERO, 1);
    let id = broadcast.id;
    let chunk = |n: usize| {
        let rows = PackedRows::of(&store, &[row(2 * n), row(2 * n + 1)]);
        Entry::Chunk { broadcast: id, rows }
    };
    append(&store, vec![Entry::Broadcast(broadcast)]);
    append(&store, (0..4).map(chunk).collect());
    let store = crash(&store, &copy.path().join("once"));
    let view = Archive::broadcast(&store, None, id).await.unwrap().unwrap();
    assert_eq!((view.chunks, view.rows), (4, 8), "what was never written late");
    flush(&store);
    let then =
        [Entry::PauseBroadcast(id), Entry::Start { broadcast: id, duplicates: vec![] }, Entry::PauseBroadcast(id)];
    append(&store, (4..7).map(chunk).chain(then).collect());
    let store = crash(&store, &copy.path().join("twice"));
    let view = Archive::broadcast(&store, None, id).await.unwrap().unwrap();
    assert_eq!((view.chunks, view.rows, view.phase), (7, 14, BroadcastPhase::Paused), "behind what was");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_content_is_stored_once_however_many_it_is_for() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(settings(dir.path()));
    let mut text = Translated::default();
    text.set(Language::Fr, "Un document pour tous".into());
    let content = Arc::new(Content::checked(Translated::default(), text, Translated::default()).unwrap());
    let shared = Broadcast { content, ..Broadcast::clone(&broadcast("ebox-only", Timestamp::ZERO, 1)) };
    let shared = Arc::new(shared);
    started(&store, &shared, 3, 100).await;
    let pulled = drain(&store, queue(Channel::EBOX, Lane::Bulk), 64).await;
    assert!(pulled.iter().all(|loaded| Arc::ptr_eq(&loaded.envelope.content, &pulled[0].envelope.content)));
    rows(&store, &shared, 0, 0..50, Channel::EBOX);
    flush(&store);
    store.close();
    let mut times = 0;
    let mut folders = vec![dir.path().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let bytes = std::fs::read(&path).unwrap();
                times += bytes.windows(21).filter(|part| *part == b"Un document pour tous").count();
            }
        }
    }
    assert_eq!(times, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_nearly_full_takes_nothing_new_and_all_that_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(settings(dir.path()));
    let broadcast = broadcast("sms-only", Timestamp::ZERO, 1);
    started(&store, &broadcast, 1, 10).await;
    let look = |bytes| {
        store.inner.room.keep_free(bytes);
        store.inner.room.look(dir.path());
    };
    look(u64::MAX);
    let chunk = Entry::Chunk { broadcast: broadcast.id, rows: PackedRows::of(&store, &[row(1)]) };
    let batch = |entry| Batch { at: NOW, entries: vec![entry], after: Box::new(|_| ()) };
    assert_eq!((store.room(), store.append(batch(chunk))), (0, Err(JournalError::Full)));
    rows(&store, &broadcast, 0, 0..4, Channel::SMS);
    append(&store, vec![Entry::PauseBroadcast(broadcast.id)]);
    assert_eq!(store.read_only(), None);
    // Somebody made room.
    look(1);
    assert!(store.room() > 0);
    append(&store, vec![Entry::Broadcast(super::broadcasts::broadcast("sms-only", Timestamp::ZERO, 2))]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tail_of_the_feed_tells_every_fact_once_and_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(settings(dir.path()));
    let broadcast = broadcast("sms-only", Timestamp::ZERO, 1);
    started(&store, &broadcast, 2, 10).await;
    rows(&store, &broadcast, 0, 0..4, Channel::SMS);
    let all = store.tail(0, 1_000).await.unwrap();
    let (mut after, mut paged) = (0, Vec::new());
    loop {
        let page = store.tail(after, 1).await.unwrap();
        let Some((last, _)) = page.last() else { break };
        after = *last;
        paged.extend(page);
    }
    assert_eq!(paged, all);
    assert!(all.windows(2).all(|pair| pair[0].0 <= pair[1].0));
    let told: Vec<_> = all.iter().filter(|(_, fact)| fact.change == Change::Started).collect();
    assert_eq!(told.len(), 1);
    assert!(store.tail(after, 1_000).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_a_later_broadcast_sleep_until_their_time() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(settings(dir.path()));
    let at = NOW.plus(Duration::from_secs(60));
    let broadcast = broadcast("all", at, 1);
    started(&store, &broadcast, 1, 10).await;
    assert!(store.depths().is_empty());
    flush(&store);
    forget_live(&store);
    assert!(store.due(NOW, 100).await.unwrap().is_empty());
    let due = store.due(at, 100).await.unwrap();
    assert_eq!(due.len(), 9);
    let state = due[0].state.clone();
    let changes = decide(&broadcast.strategy, at, |context| life::due(&state, context));
    append(&store, vec![Entry::Rows { chunk: broadcast.id.chunk(0), rows: (0..9).collect(), changes }]);
    for channel in [Channel::SMS, Channel::GOVAPP, Channel::EBOX] {
        assert_eq!(drain(&store, queue_of(channel, Lane::Bulk, 1), 4).await.len(), 9);
    }
    flush(&store);
    forget_live(&store);
    assert_eq!(drain(&store, queue_of(Channel::EBOX, Lane::Bulk, 1), 4).await.len(), 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broadcast_is_over_when_its_last_row_is_settled() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(settings(dir.path()));
    let broadcast = broadcast("govapp-only", Timestamp::ZERO, 1);
    started(&store, &broadcast, 1, 5).await;
    rows(&store, &broadcast, 0, 0..4, Channel::GOVAPP);
    for row in 0..4 {
        let id = broadcast.id.chunk(0).row(row);
        let outcome = Outcome::Is(AttemptStatus::Sent, Some("r".into()));
        go(&store, id, "govapp-only", |state, context| life::outcome(state, context, 0, 0, outcome));
    }
    assert_eq!(by_status(&store, broadcast.id).await, BTreeMap::from([("sent", 4), ("failed", 1)]));
    flush(&store);
    forget_live(&store);
    lock(&store.inner.broadcasts.dirty).insert(broadcast.id);
    flush(&store);
    assert!(Journal::broadcast(&store, broadcast.id).is_none(), "what is over must leave the memory");
    let view = Archive::broadcast(&store, None, broadcast.id).await.unwrap().unwrap();
    assert_eq!(view.phase, BroadcastPhase::Done);
    // A late receipt still finds its row.
    let id = broadcast.id.chunk(0).row(2);
    assert!(store.load(vec![id]).await.unwrap()[0].is_some());
    let outcome = Outcome::Is(AttemptStatus::Read, None);
    go(&store, id, "govapp-only", |state, context| life::outcome(state, context, 0, 0, outcome));
    flush(&store);
    forget_live(&store);
    let view = store.message(None, id).await.unwrap().unwrap();
    assert_eq!(view.state.status(), MessageStatus::Read);
    assert_eq!(by_status(&store, broadcast.id).await, BTreeMap::from([("sent", 3), ("read", 1), ("failed", 1)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_a_reference_does_not_pass_rows_that_are_not_indexed_yet() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(settings(dir.path()));
    let broadcast = broadcast("sms-only", Timestamp::ZERO, 1);
    started(&store, &broadcast, 1, 10).await;
    rows(&store, &broadcast, 0, 0..9, Channel::SMS);
    let wanted = Wanted { of: Some(Of::Reference("k7".into())), ..Wanted::default() };
    let page = async |after| Feed::page(&store, institution(), after, wanted.clone(), 100).await.unwrap();
    let early = page(Place::default()).await;
    assert!(early.events.is_empty() && early.next < store.newest(), "{early:?}");
    let durable = store.position();
    store.inner.indexes.keep(NOW, durable, false, || store.inner.segments.reader()).unwrap();
    let later = page(early.next).await;
    let row = About::Message(broadcast.id.chunk(0).row(7));
    assert!(!later.events.is_empty(), "the cursor passed what was not indexed");
    assert!(later.events.iter().all(|event: &Event| event.about == row));
    assert_eq!(later.next, store.newest());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_known_as_written_is_not_ahead_of_a_broadcast_whose_facts_are_under_way() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(settings(dir.path()));
    let broadcast = broadcast("sms-only", Timestamp::ZERO, 1);
    started(&store, &broadcast, 1, 10).await;
    if let Some(mut info) = store.inner.broadcasts.known.get_mut(&broadcast.id) {
        (info.pending, info.first) = (1, Some(2));
    }
    flush(&store);
    let on_disk = || {
        let meta = store.inner.derived.begin_read().unwrap().open_table(layout::META).unwrap();
        meta.get(layout::APPLIED).unwrap().unwrap().value()
    };
    let known = || store.inner.applied.load(std::sync::atomic::Ordering::Acquire);
    assert_eq!((on_disk(), known()), (1, 1));
    if let Some(mut info) = store.inner.broadcasts.known.get_mut(&broadcast.id) {
        info.pending = 0;
    }
    flush(&store);
    assert_eq!((on_disk(), known()), (store.position(), store.position()));
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_a_channel_took_and_did_not_call_read_are_found_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(settings(dir.path()));
    let broadcast = broadcast("ebox-only", Timestamp::ZERO, 1);
    started(&store, &broadcast, 1, 5).await;
    rows(&store, &broadcast, 0, 0..3, Channel::EBOX);
    let chunk = broadcast.id.chunk(0);
    for (row, status) in [(0, AttemptStatus::Delivered), (1, AttemptStatus::Read)] {
        let reference = Some(format!("m-{row}").into());
        let changes = vec![Change::Moved { step: 0, retry: 0, status, reference }];
        append(&store, vec![Entry::Changes { id: chunk.row(row), changes }]);
    }
    let found = store.taken_rows(Channel::EBOX, chunk).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].reference.message, &*found[0].channel_reference), (chunk.row(0), "m-0"));
    assert_eq!(found[0].recipient, row(0).recipient);
    assert!(store.taken_rows(Channel::SMS, chunk).await.unwrap().is_empty());
}

proptest::proptest! {
    #[test]
    fn a_row_read_alone_is_the_one_that_is_read_with_all(keys in proptest::collection::vec(".{0,9}", 0..40), at in 0_u16..50) {
        let with_key = |(place, key): (usize, &String)| Row {
            key: (place % 3 > 0).then(|| key.as_str().into()),
            values: vec![key.as_str().into(); place % 4],
            language: (place % 2 == 0).then_some(Language::Nl),
            ..row(place)
        };
        let rows: Vec<Row> = keys.iter().enumerate().map(with_key).collect();
        let alone = codec::decode_row(&codec::encode(&rows), at).unwrap();
        proptest::prop_assert_eq!(alone.as_ref(), rows.get(usize::from(at)));
    }
}
