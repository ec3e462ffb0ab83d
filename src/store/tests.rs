//! The store as a whole: what is appended is there, in memory, on disk and after a crash.
//!
//! A crash is played by copying the folder while it is open and opening the copy.
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::mpsc;

use estafette_actors::domain::backoff::Backoff;
use estafette_actors::domain::cbe::Cbe;
use estafette_actors::domain::channel::Channel;
use estafette_actors::domain::content::Content;
use estafette_actors::domain::fact::Change;
use estafette_actors::domain::id::{BroadcastId, MessageId};
use estafette_actors::domain::language::{Language, Translated};
use estafette_actors::domain::life::{self, Context, Outcome, Reach, State};
use estafette_actors::domain::mobile::Mobile;
use estafette_actors::domain::status::AttemptStatus;
use estafette_actors::domain::strategy::{Strategy, built_in};
use estafette_actors::domain::submission::{Broadcast, Envelope, Idempotency, Institution, Lane, Recipient, Row};
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::{
    Archive, Batch, Cursor, Entry, Flow, Journal, JournalError, Loaded, Position, Queue, SystemClock,
};

use super::*;

mod backup;
mod broadcasts;
mod format;
mod retention;
mod singles;
mod tail;
mod usage;

pub const NOW: Timestamp = Timestamp::from_millis(1_732_400_000_000);
pub const LATER: Timestamp = Timestamp::from_millis(1_732_500_000_000);

pub fn strategy(name: &str) -> Strategy {
    built_in().into_iter().find(|strategy| &*strategy.name == name).unwrap()
}

pub fn institution() -> Institution {
    Institution(Cbe::parse("0403019261").unwrap())
}

pub fn content() -> Content {
    let text = Translated::of(Language::Fr, Box::from("Bonjour"));
    Content::checked(Translated::default(), text, Translated::default()).unwrap()
}

pub fn settings(dir: &Path) -> Settings {
    Settings { flush_after: Duration::from_secs(3600), segment_bytes: 1 << 40, ..Settings::new(dir) }
}

pub fn open(settings: Settings) -> Store {
    Store::open(settings, Arc::new(SystemClock)).unwrap()
}

/// Opens what a crash at this instant would leave.
pub fn crash(store: &Store, into: &Path) -> Store {
    copy(&store.inner.settings.dir, into);
    open(settings(into))
}

fn copy(from: &Path, into: &Path) {
    std::fs::create_dir_all(into).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = into.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), &target).unwrap();
        }
    }
    std::fs::set_permissions(into, std::fs::Permissions::from_mode(0o700)).unwrap();
}

pub fn append(store: &Store, entries: Vec<Entry>) -> Position {
    try_append(store, entries).unwrap()
}

pub fn try_append(store: &Store, entries: Vec<Entry>) -> Result<Position, JournalError> {
    let (told, tell) = mpsc::channel();
    let after = Box::new(move |outcome| told.send(outcome).unwrap());
    store.append(Batch { at: NOW, entries, after })?;
    tell.recv().unwrap()
}

pub fn flush(store: &Store) {
    flusher::flush(&store.inner, false, true, &mut flusher::Lag::default()).unwrap();
}

pub fn forget_live(store: &Store) {
    store.inner.live.items.retain(|_, live| live.book.listed || live.book.pending > 0);
}

pub fn envelope(unique: u64, strategy: &Strategy) -> Arc<Envelope> {
    Arc::new(Envelope {
        id: MessageId::single(NOW, 0, unique),
        institution: institution(),
        recipient: Recipient { mobile: Some(Mobile::parse("0470123456").unwrap()), ..Recipient::default() },
        strategy: Arc::new(strategy.clone()),
        content: Arc::new(content()),
        lane: Lane::Normal,
        not_before: Timestamp::ZERO,
        valid_until: LATER,
        language: None,
        default_language: Language::Fr,
        sender_name: None,
        sender_reference: Some(format!("ref-{unique}").into()),
        accepted_at: NOW,
        idempotency: Some(Idempotency { key: unique, fingerprint: 1 }),
        window: None,
    })
}

pub fn decide<T>(strategy: &Strategy, now: Timestamp, decide: impl FnOnce(&Context<'_>) -> T) -> T {
    let backoff = Backoff::default();
    decide(&Context { strategy, now, valid_until: LATER, reach: &|_| Reach::Ask, backoff: &backoff, random: 3 })
}

pub fn accept(store: &Store, unique: u64, name: &str) -> MessageId {
    let strategy = strategy(name);
    let changes = decide(&strategy, NOW, |context| life::accept(context, Timestamp::ZERO));
    let envelope = envelope(unique, &strategy);
    let id = envelope.id;
    append(store, vec![Entry::Message { envelope, changes }]);
    id
}

/// Decides on the live state and appends what follows.
pub fn go(store: &Store, id: MessageId, name: &str, event: impl FnOnce(&State, &Context<'_>) -> Vec<Change>) {
    let state = store.live(id).unwrap();
    let changes = decide(&strategy(name), NOW, |context| event(&state, context));
    append(store, vec![Entry::Changes { id, changes }]);
}

pub fn queue(channel: Channel, lane: Lane) -> Queue {
    Queue { channel, lane, institution: institution(), flow: Flow::SINGLES }
}

/// The queue of a broadcast.
pub fn queue_of(channel: Channel, lane: Lane, broadcast: u32) -> Queue {
    Queue { flow: Flow(broadcast), ..queue(channel, lane) }
}

/// All that a queue gives, page by page.
pub async fn drain(store: &Store, queue: Queue, limit: usize) -> Vec<Loaded> {
    let (mut all, mut cursor) = (Vec::new(), Cursor::default());
    loop {
        let page = store.pull(queue, cursor, limit).await.unwrap();
        assert!(page.work.len() <= limit);
        all.extend(page.work);
        if page.cursor == cursor {
            return all;
        }
        cursor = page.cursor;
    }
}

pub fn ids(loaded: &[Loaded]) -> Vec<MessageId> {
    loaded.iter().map(|loaded| loaded.envelope.id).collect()
}
