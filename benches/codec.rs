//! The record codec: an envelope and a full value of the feed, beside a copy of the same bytes and beside JSON.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "criterion's macros make public items; a failed step ends the bench"
)]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main, measurement::WallTime};
use estafette::store::codec::{self, Group, Packer};
use estafette_actors::domain::channel::Channel;
use estafette_actors::domain::content::Content;
use estafette_actors::domain::fact::{Change, Subject};
use estafette_actors::domain::id::MessageId;
use estafette_actors::domain::language::{Language, Translated};
use estafette_actors::domain::mobile::Mobile;
use estafette_actors::domain::status::AttemptStatus;
use estafette_actors::domain::strategy::built_in;
use estafette_actors::domain::submission::{Envelope, Institution, Lane, Recipient};
use estafette_actors::domain::time::Timestamp;

fn institution() -> Institution {
    Institution("0403019261".parse().unwrap())
}

fn envelope() -> Envelope {
    let text = Translated::of(Language::Fr, Box::from("Votre rendez-vous est fixé à demain, 10 heures."));
    Envelope {
        id: MessageId::single(Timestamp::from_millis(1_763_886_600_000), 0, 7),
        institution: institution(),
        recipient: Recipient { mobile: Mobile::parse("0470123456").ok(), ..Recipient::default() },
        strategy: Arc::new(built_in().into_iter().find(|strategy| &*strategy.name == "sms-only").unwrap()),
        content: Arc::new(Content::checked(Translated::default(), text, Translated::default()).unwrap()),
        lane: Lane::Normal,
        not_before: Timestamp::ZERO,
        valid_until: Timestamp::from_millis(1_764_059_400_000),
        language: None,
        default_language: Language::Fr,
        sender_name: None,
        sender_reference: Some("dossier-17".into()),
        accepted_at: Timestamp::from_millis(1_763_886_600_000),
        idempotency: None,
        window: None,
    }
}

/// As a channel's answers come: one group a message, until the value is full.
fn groups() -> Vec<Group> {
    let at = Timestamp::from_millis(1_763_886_600_000);
    let group = |number| {
        let reference = Some(format!("{number:024}").into());
        let changes = vec![
            Change::Began { track: 0, step: 0, retry: 0, channel: Channel::SMS, possible_duplicate: false },
            Change::Moved { step: 0, retry: 0, status: AttemptStatus::Sent, reference },
        ];
        Group { subject: Subject::Message(MessageId::single(at, 0, number)), at, changes }
    };
    let mut packer = Packer::new(Some(institution()));
    // A group takes more than a byte, so the value is full before the numbers end.
    let all = (0..Packer::LIMIT as u64).map(group);
    all.take_while(|Group { subject, at, changes }| packer.push(subject, *at, changes)).collect()
}

fn packed(groups: &[Group]) -> Vec<u8> {
    let mut packer = Packer::new(Some(institution()));
    for Group { subject, at, changes } in groups {
        assert!(packer.push(subject, *at, changes));
    }
    packer.finish()
}

/// A copy is what memory allows; throughput is of the record's bytes on all lines, so that they can be compared.
fn raw(group: &mut BenchmarkGroup<'_, WallTime>, bytes: &[u8]) {
    group.bench_function("raw-copy", |bencher| bencher.iter(|| black_box(bytes).to_vec()));
}

fn measure(criterion: &mut Criterion) {
    let record = envelope();
    let (bytes, json) = (codec::encode(&record), serde_json::to_vec(&record).unwrap());
    assert_eq!(codec::decode::<Envelope>(&bytes).unwrap(), record);
    let mut group = criterion.benchmark_group("codec-envelope");
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function("encode", |bencher| bencher.iter(|| codec::encode(black_box(&record))));
    group.bench_function("decode", |bencher| bencher.iter(|| codec::decode::<Envelope>(black_box(&bytes)).unwrap()));
    group.bench_function("json-encode", |bencher| bencher.iter(|| serde_json::to_vec(black_box(&record)).unwrap()));
    group.bench_function("json-decode", |bencher| {
        bencher.iter(|| serde_json::from_slice::<Envelope>(black_box(&json)).unwrap());
    });
    raw(&mut group, &bytes);
    group.finish();

    let groups = groups();
    let (bytes, json) = (packed(&groups), serde_json::to_vec(&groups).unwrap());
    assert_eq!(codec::unpack(&bytes).unwrap().groups, groups);
    let mut group = criterion.benchmark_group("codec-feed-value");
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function("pack", |bencher| bencher.iter(|| packed(black_box(&groups))));
    group.bench_function("unpack", |bencher| bencher.iter(|| codec::unpack(black_box(&bytes)).unwrap()));
    group.bench_function("json-encode", |bencher| bencher.iter(|| serde_json::to_vec(black_box(&groups)).unwrap()));
    group.bench_function("json-decode", |bencher| {
        bencher.iter(|| serde_json::from_slice::<Vec<Group>>(black_box(&json)).unwrap());
    });
    raw(&mut group, &bytes);
    group.finish();
}

criterion_group!(benches, measure);
criterion_main!(benches);
