//! What it costs to route a message through the actors, beside handing it over to a thread and back at all.
//!
//! Journal and channel are in memory and answer at once, so that deciding is what remains. 64 messages are under way at a time, as
//! many as the load harness has connections.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::wildcard_imports,
    reason = "criterion's macros make public items; a failed step ends the bench; the shared support takes all ports"
)]

#[path = "../actors/tests/support/mod.rs"]
mod support;

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use estafette_actors::delivery::Settings;
use estafette_actors::domain::channel::Channel;
use estafette_actors::domain::failure::Failure;
use estafette_actors::domain::life::Outcome;
use estafette_actors::domain::status::AttemptStatus;
use estafette_actors::domain::strategy::built_in;
use estafette_actors::domain::submission::Envelope;
use estafette_actors::nursery::Budget;
use estafette_actors::ports::Letter;
use futures_util::future::join_all;
use support::{Told, World, taken};

const UNDER_WAY: u32 = 64;
/// Rounds in one world: the journal in memory keeps all, so it is left behind now and then.
const ROUNDS: u64 = 200;

fn unreachable(_: &Letter) -> (Duration, Outcome) {
    (Duration::ZERO, Outcome::Is(AttemptStatus::Failed(Failure::Unreachable), None))
}

fn world() -> World {
    let channels = vec![Told::new(Channel::GOVAPP, unreachable), Told::new(Channel::SMS, taken)];
    World::new(channels, Settings::default(), Budget::default())
}

fn envelopes(world: &World, strategy: &str) -> Vec<Envelope> {
    let strategy = Arc::new(built_in().into_iter().find(|known| &*known.name == strategy).unwrap());
    (0..UNDER_WAY).map(|number| world.envelope_of(Arc::clone(&strategy), number)).collect()
}

/// From submission to the answer of the waiting call.
async fn routed(rounds: u64, strategy: &str) -> Duration {
    let mut taken = Duration::ZERO;
    let mut left = rounds;
    while left > 0 {
        let world = world();
        // The actors may still be on their way.
        world.submit(world.envelope(strategy, 0)).await.unwrap();
        let here = left.min(ROUNDS);
        for _ in 0..here {
            let envelopes = envelopes(&world, strategy);
            let begun = Instant::now();
            let calls = envelopes.into_iter().map(|one| world.broker.submit(one, Some(Duration::from_secs(10))));
            let answers = join_all(calls).await;
            taken += begun.elapsed();
            assert!(answers.into_iter().all(|answer| answer.unwrap().answered));
        }
        for arbiter in world.arbiters {
            arbiter.stop();
            arbiter.join().unwrap();
        }
        left -= here;
    }
    taken
}

/// The raw limit: each message goes to a thread and comes back.
fn handed_over(rounds: u64, envelopes: &[Arc<Envelope>]) -> Duration {
    let (send, received) = crossbeam_channel::unbounded::<Arc<Envelope>>();
    let (give_back, back) = crossbeam_channel::unbounded();
    let thread = std::thread::spawn(move || received.into_iter().try_for_each(|one| give_back.send(one)));
    let begun = Instant::now();
    for _ in 0..rounds {
        for envelope in envelopes {
            send.send(Arc::clone(envelope)).unwrap();
        }
        for _ in envelopes {
            black_box(back.recv().unwrap());
        }
    }
    let taken = begun.elapsed();
    drop(send);
    thread.join().unwrap().unwrap();
    taken
}

fn measure(criterion: &mut Criterion) {
    let system = actix_rt::System::new();
    let mut group = criterion.benchmark_group("routing");
    group.sample_size(20).measurement_time(Duration::from_secs(4)).throughput(Throughput::Elements(UNDER_WAY.into()));
    let envelopes =
        system.block_on(async { envelopes(&world(), "sms-only").into_iter().map(Arc::new).collect::<Vec<_>>() });
    group.bench_function("raw-hand-over", |bencher| bencher.iter_custom(|rounds| handed_over(rounds, &envelopes)));
    for strategy in ["sms-only", "govapp-first"] {
        group.bench_function(strategy, |bencher| {
            bencher.iter_custom(|rounds| system.block_on(routed(rounds, strategy)));
        });
    }
    group.finish();
}

criterion_group!(benches, measure);
criterion_main!(benches);
