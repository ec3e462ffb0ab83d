//! How fast a text is measured, beside what reading its characters costs at least.

#![allow(missing_docs, reason = "criterion's macros make public items")]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use estafette_actors::domain::segment;

fn texts() -> [(&'static str, String); 6] {
    [
        ("plain-160", "Votre rendez-vous est demain. ".repeat(6)[..160].to_owned()),
        ("plain-700", "Votre rendez-vous est demain. ".repeat(24)[..700].to_owned()),
        (
            "accents-160",
            "Votre carte est prête à être retirée. ".repeat(5).replace('ê', "è").chars().take(160).collect(),
        ),
        ("euros-700", "Montant: 12 € [ref]. ".repeat(40).chars().take(700).collect()),
        ("ucs2-70", "Ça fête déjà 😀 ".repeat(5).chars().take(65).collect()),
        ("ucs2-700", "Ça fête déjà 😀 ".repeat(50).chars().take(700).collect()),
    ]
}

fn measure(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("segment");
    for (name, text) in texts() {
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_with_input(BenchmarkId::new("measure", name), &text, |bencher, text| {
            bencher.iter(|| segment::measure(black_box(text)));
        });
        // The raw limits: counting characters (vectorised by the standard library), and decoding each.
        group.bench_with_input(BenchmarkId::new("raw-count", name), &text, |bencher, text| {
            bencher.iter(|| black_box(text.as_str()).chars().count());
        });
        group.bench_with_input(BenchmarkId::new("raw-decode", name), &text, |bencher, text| {
            bencher.iter(|| black_box(text.as_str()).chars().fold(0_u32, |sum, character| sum ^ character as u32));
        });
    }
    group.finish();
}

criterion_group!(benches, measure);
criterion_main!(benches);
