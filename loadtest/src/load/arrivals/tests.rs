//! Properties of the arrival processes.

use super::*;

fn arrivals(process: &str, length_s: f64) -> anyhow::Result<Arrivals> {
    let process: Process = toml::from_str(process)?;
    Arrivals::new(&process, Duration::from_secs_f64(length_s), Path::new("."))
}

fn offsets(process: &str, length_s: f64, seed: u64) -> Vec<f64> {
    let arrivals = arrivals(process, length_s).unwrap();
    arrivals.offsets(seed).map(|offset| offset.as_secs_f64()).collect()
}

const ALL: [&str; 5] = [
    "process = 'constant'\nper_second = 333.0",
    "process = 'poisson'\nper_second = 333.0",
    "process = 'ramp'\nfrom_per_second = 0.0\nto_per_second = 500.0",
    "process = 'burst'\nsize = 40\nevery_seconds = 0.3",
    "process = 'at'\nseconds = [3.0, 0.5, 2.0, 99.0]",
];

#[test]
fn offsets_never_go_back_and_end_before_the_length_whatever_the_seed() {
    for process in ALL {
        for seed in 0..50 {
            for length in [0.001, 0.7, 7.0] {
                let offsets = offsets(process, length, seed);
                assert!(offsets.is_sorted(), "{process} {seed}");
                assert!(offsets.iter().all(|offset| (0.0..length).contains(offset)), "{process} {seed} {length}");
            }
        }
    }
}

#[test]
fn the_same_seed_repeats_and_another_one_moves_chance_only() {
    for process in ALL {
        assert_eq!(offsets(process, 5.0, 7), offsets(process, 5.0, 7));
        let is_chance = process.contains("poisson");
        assert_eq!(offsets(process, 5.0, 7) != offsets(process, 5.0, 8), is_chance, "{process}");
    }
}

#[test]
fn a_constant_rate_has_equal_gaps_from_the_very_start() {
    let offsets = offsets(ALL[0], 3.0, 1);
    assert_eq!((offsets.len(), offsets[0]), (999, 0.0));
    assert!(offsets.windows(2).all(|pair| (pair[1] - pair[0] - 1.0 / 333.0).abs() < 1e-8));
}

#[test]
fn poisson_has_its_rate_and_gaps_as_varied_as_exponential_ones() {
    let offsets = offsets("process = 'poisson'\nper_second = 1000.0", 60.0, 3);
    // The standard deviation of the count is the root of 60,000: 245.
    assert!(offsets.len().abs_diff(60_000) < 1_000, "{}", offsets.len());
    let gaps: Vec<f64> = offsets.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
    let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
    assert!((variance.sqrt() / mean - 1.0).abs() < 0.03, "{}", variance.sqrt() / mean);
}

#[test]
fn a_ramp_brings_the_integral_of_its_rate_up_to_every_moment() {
    for (from, to) in [(0.0, 400.0), (400.0, 0.0), (100.0, 300.0), (250.0, 250.0)] {
        let process = format!("process = 'ramp'\nfrom_per_second = {from:?}\nto_per_second = {to:?}");
        let offsets = offsets(&process, 10.0, 1);
        for moment in [0.5_f64, 2.0, 5.0, 9.0, 10.0] {
            let expected = from * moment + (to - from) / 10.0 * moment * moment / 2.0;
            let seen = offsets.iter().filter(|offset| **offset < moment).count() as f64;
            assert!((seen - expected).abs() <= 1.0, "{from} to {to} at {moment}: {seen}, not {expected}");
        }
    }
}

#[test]
fn bursts_come_whole_and_at_their_moments() {
    let offsets = offsets(ALL[3], 0.7, 1);
    let at = |moment: f64| offsets.iter().filter(|offset| (**offset - moment).abs() < 1e-9).count();
    assert_eq!((offsets.len(), at(0.0), at(0.3), at(0.6)), (120, 40, 40, 40));
}

#[test]
fn a_trace_is_taken_in_order_from_lines_or_from_a_column() {
    let of =
        |text, column, unit| trace(text, column, unit).unwrap().iter().map(Duration::as_millis).collect::<Vec<_>>();
    assert_eq!(of("0.5\n# later ones\n\n0.25\n3\n", None, Unit::S), [250, 500, 3_000]);
    assert_eq!(of("offset,what\n10,a\n5,b", None, Unit::Ms), [5, 10]);
    assert_eq!(of("what,\"at_us\"\na,4000\nb,9000\n", Some("at_us"), Unit::Us), [4, 9]);
}

#[test]
fn a_trace_that_can_not_be_used_says_where() {
    for (text, column, told) in [
        ("0.5\nsoon\n", None, "line 2"),
        ("a,b\n1,2\n", Some("c"), "no column c: there are a, b"),
        ("a,b\n1\n", Some("b"), "line 2 has no number in column 2"),
        ("# nothing\n", None, "no offset"),
        ("-1\n", None, "-1 is no offset"),
        ("1\nNaN\n", None, "NaN is no offset"),
    ] {
        let error = format!("{:#}", trace(text, column, Unit::S).unwrap_err());
        assert!(error.contains(told), "{error}");
    }
}

#[test]
fn each_number_out_of_bounds_is_named_by_its_key() {
    for (process, key) in [
        ("process = 'constant'\nper_second = 0.0", "per_second"),
        ("process = 'poisson'\nper_second = -1.0", "per_second"),
        ("process = 'poisson'\nper_second = nan", "per_second"),
        ("process = 'ramp'\nfrom_per_second = 0.0\nto_per_second = 0.0", "to_per_second"),
        ("process = 'ramp'\nfrom_per_second = 1e9\nto_per_second = 0.0", "from_per_second"),
        ("process = 'burst'\nsize = 0\nevery_seconds = 1.0", "size"),
        ("process = 'burst'\nsize = 1\nevery_seconds = 0.0", "every_seconds"),
        ("process = 'at'\nseconds = []", "seconds"),
        ("process = 'trace'\nfile = 'no-such-file'", "file"),
        ("process = 'constant'\nper_secnd = 1.0", "per_secnd"),
        ("process = 'sometimes'", "sometimes"),
    ] {
        let error = format!("{:#}", arrivals(process, 1.0).unwrap_err());
        assert!(error.contains(key), "{process}: {error}");
    }
}
