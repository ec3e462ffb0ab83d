//! The journal beside what the disk does: a durable batch against append and fdatasync of as many
//! bytes.
use std::io::Write;
use std::sync::{Arc, mpsc};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use estafette::store::{Settings, Store};
use estafette_actors::domain::cbe::Cbe;
use estafette_actors::domain::channel::Channel;
use estafette_actors::domain::content::Content;
use estafette_actors::domain::fact::Change;
use estafette_actors::domain::id::MessageId;
use estafette_actors::domain::language::{Language, Translated};
use estafette_actors::domain::mobile::Mobile;
use estafette_actors::domain::strategy::built_in;
use estafette_actors::domain::submission::{Envelope, Institution, Lane, Recipient};
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::{Batch, Clock, Entry, Journal, JournalError, SystemClock};

/// About the size of an envelope with its facts.
const RECORD_BYTES: usize = 260;

fn sample() -> Envelope {
    let text = Translated::of(Language::Fr, Box::from("Votre rendez-vous est fixé à demain, 10 heures."));
    let strategy = built_in().into_iter().find(|strategy| &*strategy.name == "sms-only");
    Envelope {
        id: MessageId::single(Timestamp::ZERO, 0, 0),
        institution: Institution(Cbe::parse("0403019261").expect("a valid number")),
        recipient: Recipient { mobile: Mobile::parse("0470123456").ok(), ..Recipient::default() },
        strategy: Arc::new(strategy.expect("a built-in strategy")),
        content: Arc::new(Content::checked(Translated::default(), text, Translated::default()).expect("a content")),
        lane: Lane::Normal,
        not_before: Timestamp::ZERO,
        valid_until: Timestamp::MAX,
        language: None,
        default_language: Language::Fr,
        sender_name: None,
        sender_reference: None,
        accepted_at: Timestamp::ZERO,
        idempotency: None,
        window: None,
    }
}

fn entry(sample: &Envelope, at: Timestamp, unique: u64) -> Entry {
    let id = MessageId::single(at, 0, unique);
    let envelope = Arc::new(Envelope { id, accepted_at: at, ..sample.clone() });
    let (channel, not_before) = (Channel::SMS, Timestamp::ZERO);
    let changes = vec![Change::Accepted, Change::Queued { track: 0, step: 0, retry: 0, channel, not_before }];
    Entry::Message { envelope, changes }
}

fn append(store: &Store, sample: &Envelope, size: u64, unique: &mut u64) {
    let at = SystemClock.now();
    let (told, tell) = mpsc::channel();
    let entries: Vec<Entry> = (0..size).map(|place| entry(sample, at, *unique + place)).collect();
    *unique += size;
    loop {
        let told = told.clone();
        let after = Box::new(move |outcome: Result<u64, JournalError>| {
            let _ = told.send(outcome);
        });
        match store.append(Batch { at, entries: entries.clone(), after }) {
            Ok(()) => break,
            // The flusher catches up: part of what is measured.
            Err(JournalError::Overloaded) => std::thread::yield_now(),
            Err(error) => unreachable!("the disk of the bench: {error}"),
        }
    }
    let _ = tell.recv();
}

fn commits(criterion: &mut Criterion) {
    let dir = tempfile::tempdir().expect("a folder");
    let store = Store::open(Settings::new(dir.path().join("data")), Arc::new(SystemClock)).expect("a store");
    let (sample, mut unique) = (sample(), 0);
    let mut group = criterion.benchmark_group("durable");
    group.sample_size(10);
    for size in [1_u64, 64, 1024] {
        group.throughput(Throughput::Elements(size));
        group.bench_with_input(BenchmarkId::new("journal", size), &size, |bencher, size| {
            bencher.iter(|| append(&store, &sample, *size, &mut unique));
        });
        let mut file = std::fs::File::create(dir.path().join(format!("raw-{size}"))).expect("a file");
        let bytes = vec![7_u8; RECORD_BYTES * usize::try_from(size).unwrap_or(1)];
        group.bench_with_input(BenchmarkId::new("append+fdatasync", size), &size, |bencher, _| {
            bencher.iter(|| file.write_all(&bytes).and_then(|()| file.sync_data()).expect("a disk with room"));
        });
    }
    group.finish();
    store.close();
}

criterion_group!(benches, commits);
criterion_main!(benches);
