//! What a place in a limit costs: for a channel, and for each institution at it, beside counting alone.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "criterion's macros make public items; a failed step ends the bench"
)]

use std::hint::black_box;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use estafette_actors::domain::cbe::Cbe;
use estafette_actors::domain::submission::Institution;
use governor::{Quota, RateLimiter};

/// Institutions that send at once.
const INSTITUTIONS: u64 = 1_000;

fn institutions() -> Vec<Institution> {
    let number = |first: u64| format!("{first:08}{:02}", 97 - first % 97);
    (0..INSTITUTIONS).map(|index| Institution(Cbe::parse(&number(4_030_192 + index)).unwrap())).collect()
}

fn measure(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("limiter");
    group.throughput(Throughput::Elements(1));
    // So high that it always allows: refusing is the cheaper case.
    let quota = Quota::per_second(NonZeroU32::MAX);
    let counter = AtomicU64::new(0);
    group.bench_function("raw-counter", |bencher| bencher.iter(|| black_box(counter.fetch_add(1, Ordering::Relaxed))));
    let direct = RateLimiter::direct(quota);
    group.bench_function("channel", |bencher| bencher.iter(|| black_box(direct.check()).is_ok()));
    let keyed = RateLimiter::keyed(quota);
    let institutions = institutions();
    let mut turn = institutions.iter().cycle();
    group.bench_function("institution", |bencher| {
        bencher.iter(|| black_box(keyed.check_key(turn.next().unwrap())).is_ok());
    });
    group.finish();
}

criterion_group!(benches, measure);
criterion_main!(benches);
