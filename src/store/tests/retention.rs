//! What is past its retention goes, and nothing else does.
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use estafette_actors::domain::event::{About, Event, Kind, Tests, Wanted};
use estafette_actors::domain::inbound::{Heard, Inbound};
use estafette_actors::domain::window::{Days, Hours, Window};
use estafette_actors::ports::{Clock, Feed, PackedRows};

use super::*;
use crate::store::retention::{Passed, pass};

const DAY: u64 = 24 * 3600 * 1000;

/// A clock that a test sets.
#[derive(Clone, Default)]
struct Hands(Arc<AtomicU64>);

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        NOW.plus(Duration::from_millis(self.0.load(Ordering::SeqCst)))
    }
}

impl Hands {
    fn days(&self, days: u64) {
        self.0.fetch_add(days * DAY, Ordering::SeqCst);
    }
}

fn look(store: &Store) -> Passed {
    forget_live(store);
    pass(&store.inner, &mut HashMap::new(), &|| false).unwrap()
}

fn settle(store: &Store, id: MessageId) {
    go(store, id, "sms-only", |state, context| life::begin(state, context, Channel::SMS));
    let delivered = Outcome::Is(AttemptStatus::Delivered, Some("ref".into()));
    go(store, id, "sms-only", |state, context| life::outcome(state, context, 0, 0, delivered));
    assert!(store.live(id).unwrap().settled.is_some());
}

/// Whether the text of a content, or its recipient's number, is anywhere in the journal.
fn holds_content(dir: &Path) -> bool {
    let number = codec::encode(&Mobile::parse("0470123456").unwrap())[1..].to_vec();
    let mut files = std::fs::read_dir(dir.join("journal")).unwrap().map(|entry| entry.unwrap().path());
    files.any(|path| {
        let bytes = std::fs::read(path).unwrap();
        let has = |wanted: &[u8]| bytes.windows(wanted.len()).any(|window| window == wanted);
        has(b"Bonjour") || has(&number)
    })
}

fn begin(dir: &Path) -> (Store, Hands) {
    let hands = Hands::default();
    let store = Store::open(settings(dir), Arc::new(hands.clone())).unwrap();
    (store, hands)
}

/// The writer begins another segment after it has told of the commit.
fn rolled(store: &Store, before: usize) {
    let begun = Instant::now();
    while store.inner.segments.ended().len() == before {
        assert!(begun.elapsed() < Duration::from_secs(20), "no segment was begun");
        std::thread::yield_now();
    }
}

/// Closes the segment that is written, since it is older than a day, and accepts one in the next.
fn next_segment(store: &Store, hands: &Hands, unique: u64) -> MessageId {
    let before = store.inner.segments.ended().len();
    hands.days(1);
    append(store, Vec::new());
    rolled(store, before);
    accept(store, unique, "sms-only")
}

#[tokio::test(flavor = "multi_thread")]
async fn content_goes_after_its_retention_and_what_waits_keeps_all() {
    let dir = tempfile::tempdir().unwrap();
    let (store, hands) = begin(dir.path());
    let done = accept(&store, 1, "sms-only");
    settle(&store, done);
    let waiting = accept(&store, 2, "sms-only");
    let last = next_segment(&store, &hands, 3);
    flush(&store);
    hands.days(4);
    assert_eq!(look(&store), Passed::default(), "nothing is past seven days yet");
    hands.days(3);
    assert_eq!(look(&store).stripped, 1);

    let view = store.message(Some(institution()), done).await.unwrap().unwrap();
    assert!(view.envelope.recipient.is_empty() && *view.envelope.content == Content::default());
    assert_eq!(view.attempts[0].channel_reference.as_deref(), Some("ref"));
    assert_eq!(view.envelope.sender_reference.as_deref(), Some("ref-1"));
    let view = store.message(None, waiting).await.unwrap().unwrap();
    assert_eq!(*view.envelope.content, content());
    assert!(store.inner.segments.ended().iter().all(|(segment, _)| !segment.is_bare));
    assert_eq!(look(&store), Passed::default(), "it went already");

    assert!(store.load(vec![waiting]).await.unwrap()[0].is_some());
    settle(&store, waiting);
    flush(&store);
    next_segment(&store, &hands, 4);
    hands.days(8);
    assert_eq!(look(&store).stripped, 1);
    assert!(store.inner.segments.ended()[0].0.is_bare);
    assert!(holds_content(dir.path()), "the others wait");
    drop(store);

    let store = Store::open(settings(dir.path()), Arc::new(hands.clone())).unwrap();
    assert!(store.inner.segments.ended()[0].0.is_bare);
    assert!(store.message(None, last).await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_that_was_cancelled_loses_recipients_and_content_and_keeps_what_is_nobodys() {
    let dir = tempfile::tempdir().unwrap();
    let (store, hands) = begin(dir.path());
    let clock = |text| estafette_actors::domain::window::Clock::parse(text).unwrap();
    let hours = Hours::new(Days::ALL, clock("08:00"), clock("20:00")).unwrap();
    let window = Some(Arc::new(Window::new("UTC", vec![hours]).unwrap()));
    let draft = Broadcast { window, ..Broadcast::clone(&super::broadcasts::broadcast("sms-only", Timestamp::ZERO, 1)) };
    let draft = Arc::new(draft);
    let rows = PackedRows::of(&store, &[super::broadcasts::row(1)]);
    let chunk = Entry::Chunk { broadcast: draft.id, rows };
    append(&store, vec![Entry::Broadcast(Arc::clone(&draft)), chunk]);
    assert_eq!(store.expired_drafts(Timestamp::from_millis(LATER.millis() - 1), 10), []);
    assert_eq!(store.expired_drafts(LATER, 10), [draft.id]);
    append(&store, vec![Entry::CancelBroadcast(draft.id)]);
    assert_eq!(store.expired_drafts(LATER, 10), []);
    next_segment(&store, &hands, 3);
    flush(&store);
    hands.days(6);
    assert_eq!(look(&store).stripped, 0);
    hands.days(2);
    assert_eq!(look(&store).stripped, 2);
    let view = Archive::broadcast(&store, None, draft.id).await.unwrap().unwrap();
    assert_eq!((&*view.broadcast.content, &view.broadcast.window), (&Content::default(), &draft.window));
    let report = store.report(draft.id.chunk(0)).await.unwrap();
    assert_eq!(report[0].key.as_deref(), Some("k1"));
    let message = store.message(None, draft.id.chunk(0).row(0)).await.unwrap().unwrap();
    assert!(message.envelope.recipient.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_a_citizen_answers_is_found_after_the_content_went_and_after_its_index_was_lost() {
    let dir = tempfile::tempdir().unwrap();
    let (store, hands) = begin(dir.path());
    let (to, other) = (Mobile::parse("0470123456").unwrap(), Mobile::parse("0470123457").unwrap());
    let done = accept(&store, 1, "sms-only");
    go(&store, done, "sms-only", |state, context| life::begin(state, context, Channel::SMS));
    assert_eq!(store.last_to(to).await.unwrap(), Some(institution()), "an attempt is under way there");
    settle(&store, done);
    assert_eq!(store.last_to(to).await.unwrap(), None, "that it names the number says nothing of where it went");
    let number = store.hash_of(to).unwrap();
    append(&store, vec![Entry::Changes { id: done, changes: vec![Change::WentTo { step: 0, retry: 0, number }] }]);
    assert_eq!(store.last_to(to).await.unwrap(), Some(institution()));
    next_segment(&store, &hands, 2);
    flush(&store);
    hands.days(8);
    assert_eq!(look(&store).stripped, 1);
    assert!(store.message(None, done).await.unwrap().unwrap().envelope.recipient.is_empty());
    assert_eq!(store.last_to(to).await.unwrap(), Some(institution()));
    assert_eq!(store.last_to(other).await.unwrap(), None);
    drop(store);
    std::fs::remove_file(dir.path().join("index-numbers.redb")).unwrap();
    let store = Store::open(settings(dir.path()), Arc::new(hands)).unwrap();
    assert_eq!(store.last_to(to).await.unwrap(), Some(institution()));
    // Another number may share the hash of one that the message names: that is seen while it is there.
    let named = accept(&store, 3, "sms-only");
    let number = store.hash_of(other).unwrap();
    append(&store, vec![Entry::Changes { id: named, changes: vec![Change::WentTo { step: 0, retry: 0, number }] }]);
    assert_eq!(store.last_to(other).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_byte_of_a_stripped_content_is_left_in_the_journal() {
    let dir = tempfile::tempdir().unwrap();
    let (store, hands) = begin(dir.path());
    for unique in 0..20 {
        let id = accept(&store, unique, "sms-only");
        settle(&store, id);
    }
    assert!(holds_content(dir.path()));
    flush(&store);
    hands.days(1);
    append(&store, Vec::new());
    rolled(&store, 0);
    hands.days(8);
    assert_eq!(look(&store).stripped, 20);
    assert!(!holds_content(dir.path()));
}

/// An SMS of a citizen, to an institution or to nobody that is known.
fn hear(store: &Store, to: Option<Institution>, from: &str, text: &str) {
    let inbound = Inbound { from: Mobile::parse(from).unwrap(), to: "8686".into(), text: text.into() };
    append(store, vec![Entry::Heard(to, Heard::of(inbound))]);
}

/// What the feed tells of SMS of citizens.
async fn told_of(store: &Store) -> Vec<Event> {
    let wanted = Wanted { kinds: [Kind::SmsReceived].into_iter().collect(), ..Wanted::default() };
    Feed::page(store, institution(), store.oldest(), wanted, 100).await.unwrap().events
}

#[tokio::test(flavor = "multi_thread")]
async fn words_of_a_citizen_go_with_the_retention_of_content_and_that_they_came_stays() {
    let dir = tempfile::tempdir().unwrap();
    let hands = Hands::default();
    let mut settings = settings(dir.path());
    settings.events_kept = Duration::from_secs(400 * 24 * 3600);
    settings.keep.content_of.insert(institution(), Duration::from_secs(10 * 24 * 3600));
    let store = Store::open(settings, Arc::new(hands.clone())).unwrap();
    hear(&store, None, "0470123456", "Bonjour, qui est-ce");
    hear(&store, Some(institution()), "0470123456", "Bonjour, je suis là");
    hear(&store, Some(institution()), "0470123456", "STOP");
    let before = told_of(&store).await;
    hands.days(1);
    append(&store, Vec::new());
    rolled(&store, 0);
    hands.days(8);
    assert_eq!(look(&store).stripped, 1, "those of the institution are kept longer");
    assert!(holds_content(dir.path()));
    assert_eq!(told_of(&store).await, before);
    hands.days(2);
    assert_eq!(look(&store).stripped, 2, "each came in a commit of its own");
    assert!(!holds_content(dir.path()), "a citizen's number or words are on disk past their retention");
    assert!(store.inner.segments.ended()[0].0.is_bare);
    let after = told_of(&store).await;
    let bare = |event: &Event| (event.place, event.at, event.change.clone());
    let expected: Vec<_> = before
        .iter()
        .map(|event| match &event.change {
            Change::Heard(heard) => (event.place, event.at, Change::Heard(Box::new(heard.bare()))),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(after.iter().map(bare).collect::<Vec<_>>(), expected);
    let stops = after.iter().filter(|event| matches!(&event.change, Change::Heard(heard) if heard.stop.is_some()));
    assert_eq!((after.len(), stops.count()), (2, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_is_still_known_as_one_when_its_content_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let (store, hands) = begin(dir.path());
    let strategy = strategy("sms-only");
    let mut test = (*envelope(1, &strategy)).clone();
    test.recipient.mobile = Some(Mobile::parse("+32460000003").unwrap());
    let id = test.id;
    let changes = decide(&strategy, NOW, |context| life::accept(context, Timestamp::ZERO));
    append(&store, vec![Entry::Message { envelope: Arc::new(test), changes }]);
    settle(&store, id);
    let live = accept(&store, 2, "sms-only");
    settle(&store, live);
    let told = async |tests| {
        let wanted = Wanted { tests, ..Wanted::default() };
        Feed::page(&store, institution(), store.oldest(), wanted, 100).await.unwrap().events
    };
    let of = |id: MessageId, events: &[Event]| events.iter().filter(|event| event.about == About::Message(id)).count();
    let all = told(Tests::With).await;
    assert!(all.iter().all(|event| event.test == (event.about == About::Message(id))));
    for stripped in [false, true] {
        let (only, without) = (told(Tests::Only).await, told(Tests::Without).await);
        assert_eq!((of(id, &only), of(live, &only)), (of(id, &all), 0), "stripped: {stripped}");
        assert_eq!((of(id, &without), of(live, &without)), (0, of(live, &all)), "stripped: {stripped}");
        if !stripped {
            next_segment(&store, &hands, 3);
            flush(&store);
            hands.days(7);
            assert_eq!(look(&store).stripped, 2);
            assert_eq!(look(&store).stripped, 0, "what stays of a test is not taken for content");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_institution_may_have_its_own_retention() {
    let dir = tempfile::tempdir().unwrap();
    let hands = Hands::default();
    let mut settings = settings(dir.path());
    settings.keep.content_of.insert(institution(), Duration::from_secs(3 * 24 * 3600));
    let store = Store::open(settings, Arc::new(hands.clone())).unwrap();
    let done = accept(&store, 1, "sms-only");
    settle(&store, done);
    next_segment(&store, &hands, 2);
    flush(&store);
    hands.days(4);
    assert_eq!(look(&store).stripped, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_retention_of_an_institution_holds_without_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let (store, hands) = begin(dir.path());
    let done = accept(&store, 1, "sms-only");
    settle(&store, done);
    next_segment(&store, &hands, 2);
    flush(&store);
    hands.days(4);
    assert_eq!(look(&store).stripped, 0);
    store.keep_content_of([(institution(), Duration::from_secs(3 * 24 * 3600))].into());
    assert_eq!(look(&store).stripped, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn whole_segments_go_after_the_longer_retention_and_the_rest_opens() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (store, hands) = begin(dir.path());
    let done = accept(&store, 1, "sms-only");
    settle(&store, done);
    let waiting = next_segment(&store, &hands, 2);
    let last = next_segment(&store, &hands, 3);
    flush(&store);
    hands.days(500);
    assert_eq!(look(&store).dropped, 1, "the segment in which something waits stays");
    assert!(store.message(None, done).await.unwrap().is_none());
    for id in [waiting, last] {
        assert!(store.message(None, id).await.unwrap().is_some());
    }
    // Also when the derived state is lost, and made again from what is left.
    copy(dir.path(), &other.path().join("copy"));
    std::fs::remove_file(other.path().join("copy/state.redb")).unwrap();
    let again = open(settings(&other.path().join("copy")));
    assert!(again.message(None, waiting).await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_a_crash_left_is_thrown_away() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = begin(dir.path());
    let id = accept(&store, 1, "sms-only");
    store.close();
    let leftover = dir.path().join("journal/000001.copy");
    std::fs::write(&leftover, b"half a copy").unwrap();
    let store = open(settings(dir.path()));
    assert!(!leftover.exists());
    assert!(store.message(None, id).await.unwrap().is_some());
}
