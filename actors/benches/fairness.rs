//! What choosing the next message costs: among ten institutions with a broadcast each, and among ten thousand broadcasts of
//! one institution, beside taking the first of one queue.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "criterion's macros make public items; a failed step ends the bench"
)]

use std::collections::VecDeque;
use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use estafette_actors::delivery::lanes::{Held, Lanes, Verdict};
use estafette_actors::domain::cbe::Cbe;
use estafette_actors::domain::channel::Channel;
use estafette_actors::domain::id::MessageId;
use estafette_actors::domain::language::Language;
use estafette_actors::domain::strategy::built_in;
use estafette_actors::domain::submission::{Envelope, Institution, Lane, Recipient};
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::{Cursor, Flow, Queue};

const PAGE: usize = 256;

fn institution(number: u64) -> Institution {
    let first = 4_030_192 + number;
    Institution(Cbe::parse(&format!("{first:08}{:02}", 97 - first % 97)).unwrap())
}

fn envelope() -> Arc<Envelope> {
    Arc::new(Envelope {
        id: MessageId::single(Timestamp::ZERO, 0, 1),
        institution: institution(0),
        recipient: Recipient::default(),
        strategy: Arc::new(built_in().remove(0)),
        content: Arc::default(),
        lane: Lane::Bulk,
        not_before: Timestamp::ZERO,
        valid_until: Timestamp::MAX,
        language: None,
        default_language: Language::Fr,
        sender_name: None,
        sender_reference: None,
        accepted_at: Timestamp::ZERO,
        idempotency: None,
        window: None,
    })
}

/// Queues that never end: what is wanted of each is there at once.
struct Endless {
    lanes: Lanes,
    held: Held,
    position: u64,
}

impl Endless {
    fn over(queues: &[Queue]) -> Self {
        let mut lanes = Lanes::default();
        lanes.announce(queues);
        Self { lanes, held: Held { envelope: envelope(), parts: 1 }, position: 0 }
    }

    fn next(&mut self) -> Held {
        loop {
            if let Some(held) = self.lanes.pick(&mut |_| Verdict::Go) {
                return held;
            }
            for wanted in self.lanes.plan(Channel::SMS, Lane::Bulk, PAGE) {
                self.position += 1;
                let cursor = Cursor { position: self.position, ..Cursor::default() };
                self.lanes.take(&wanted.queue, cursor, vec![self.held.clone(); wanted.most]);
            }
        }
    }
}

fn measure(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("fairness");
    group.throughput(Throughput::Elements(1));
    let held = Held { envelope: envelope(), parts: 1 };
    let mut queue = VecDeque::new();
    group.bench_function("raw-queue", |bencher| {
        bencher.iter(|| {
            if queue.is_empty() {
                queue.extend(std::iter::repeat_n(held.clone(), PAGE));
            }
            black_box(queue.pop_front())
        });
    });
    let queue =
        |number, flow| Queue { channel: Channel::SMS, lane: Lane::Bulk, institution: institution(number), flow };
    let ten: Vec<Queue> = (0..10).map(|number| queue(number, Flow(1))).collect();
    let mut endless = Endless::over(&ten);
    group.bench_function("pick-of-10-institutions", |bencher| bencher.iter(|| black_box(endless.next())));
    let many: Vec<Queue> = (1..=10_000).map(|number| queue(0, Flow(number))).collect();
    let mut endless = Endless::over(&many);
    group.bench_function("pick-of-10000-broadcasts", |bencher| bencher.iter(|| black_box(endless.next())));
    group.finish();
}

criterion_group!(benches, measure);
criterion_main!(benches);
