//! Reports are read as they were written, and others are refused.

use hdrhistogram::serialization::Deserializer;

use super::*;
use crate::load::figures;

fn latency(scale: u64) -> Option<Latency> {
    let mut histogram = figures::histogram();
    for value in 1..=1_000 {
        histogram.saturating_record(value * scale);
    }
    Latency::of(&histogram)
}

/// A small run with all that a report can have.
pub fn sample(scale: u64) -> Report {
    let mut percentiles = Percentiles::default();
    for second in 1..=3_u32 {
        percentiles.push(&mut [second * 1_000 * scale as u32, 2_500]);
    }
    percentiles.push(&mut []);
    let per_second = PerSecond {
        arrived: vec![10, 20, 30, 0],
        not_begun: vec![0, 1, 0, 0],
        right: vec![9, 19, 28, 1],
        wrong: vec![1, 0, 1, 0],
        handed: vec![8, 20, 20, 8],
        latency: percentiles.clone(),
        handover: percentiles,
    };
    let sender = Sender {
        name: "rail <&> \"sons\"".into(),
        institution: "rail".into(),
        kind: "messages".into(),
        lane: Some("urgent".into()),
        planned: 60,
        begun: 59,
        waited_for_place: 2,
        not_begun: 1,
        right: 57,
        wrong: 2,
        outcomes: [("status 202".to_owned(), 57), ("no answer in time".to_owned(), 2)].into(),
        latency: latency(scale),
        service: latency(1),
        lag: latency(1),
        rows: 0,
        handed: 56,
        handed_again: 0,
        handover: latency(scale * 2),
        handover_after_answer: latency(scale),
        per_second,
    };
    let other =
        Sender { name: "post".into(), institution: "post".into(), lane: None, handover: None, ..sender.clone() };
    let queue =
        Queue { channel: "sms".into(), lane: "bulk".into(), institution: "rail".into(), messages: vec![5, 0, 9] };
    let share = |institution: &str, handed, fair| Share {
        lane: "bulk".into(),
        strategy: "sms-only".into(),
        institution: institution.into(),
        offered: 100,
        handed,
        fair,
    };
    Report {
        format: FORMAT.into(),
        version: VERSION,
        program: "0.1.0".into(),
        name: "sample".into(),
        about: "Everything that a report can have.".into(),
        seed: 1,
        began_at: jiff::Timestamp::from_second(1_800_000_000).unwrap(),
        length_seconds: 3.0,
        whole_seconds: 4.2,
        cores: 2,
        senders: vec![sender, other],
        queues: Queues { at_seconds: vec![0.0, 1.0, 2.0], series: vec![queue] },
        memory_mib: vec![50.0, 51.5, 52.0],
        faults: vec![Fault { at_seconds: 1.0, channel: "sms".into(), name: "gateway fails".into() }],
        fairness: vec![share("rail", 58, 60.0), share("post", 62, 60.0)],
        notes: vec!["1 request was not begun".into()],
    }
}

#[test]
fn a_report_reads_back_as_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.json");
    sample(7).write(&path).unwrap();
    assert_eq!(Report::read(&path).unwrap(), sample(7));
}

#[test]
fn a_histogram_is_the_interoperable_form_and_loses_nothing() {
    let latency = latency(5).unwrap();
    // As all implementations begin it: the cookie of V2 with compression.
    assert!(latency.histogram.starts_with("HISTFAAA"), "{}", latency.histogram);
    let bytes = STANDARD.decode(&latency.histogram).unwrap();
    let whole: Histogram<u64> = Deserializer::new().deserialize(&mut bytes.as_slice()).unwrap();
    assert_eq!((whole.len(), whole.max() / 5), (1_000, 1_000));
    for (told, quantile) in [(latency.p50_ms, 0.5), (latency.p99_ms, 0.99), (latency.p999_ms, 0.999)] {
        assert!((figures::at_ms(&whole, quantile) - told).abs() < f64::EPSILON);
    }
    assert_eq!(Latency::of(&figures::histogram()), None);
}

#[test]
fn percentiles_of_a_second_are_times_that_were_seen() {
    let mut told = Percentiles::default();
    told.push(&mut (1..=200).rev().map(|value| value * 1_000).collect::<Vec<_>>());
    told.push(&mut [7_000]);
    told.push(&mut []);
    assert_eq!(told.p50_ms, [Some(100.0), Some(7.0), None]);
    assert_eq!(told.p99_ms, [Some(198.0), Some(7.0), None]);
    assert_eq!(told.max_ms, [Some(200.0), Some(7.0), None]);
}

#[test]
fn what_is_no_report_or_of_another_version_is_refused() {
    for (text, told) in [
        ("{}", "no report"),
        (r#"{"format": "other", "version": 1}"#, "no report"),
        (r#"{"format": "estafette-loadtest", "version": 2}"#, "version 2"),
        (r#"{"format": "estafette-loadtest", "version": 1}"#, "missing field"),
        ("<html>", "expected value"),
    ] {
        let error = format!("{:#}", Report::parse(text).unwrap_err());
        assert!(error.contains(told), "{text}: {error}");
    }
}

#[test]
fn the_summary_tells_every_sender_and_every_note() {
    let lines = sample(1).summary().join("\n");
    for part in ["57 of 59 right, 2 wrong, 1 not begun", "hand-over p50", "fair share 60 (96.7 %)", "note: 1 request"] {
        assert!(lines.contains(part), "{lines}");
    }
}
