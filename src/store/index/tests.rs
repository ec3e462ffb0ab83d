//! The index against a list: what was inserted is found, whatever happens in between.
use proptest::prelude::*;

use super::*;

const DAY_MS: u64 = 86_400_000;

fn small(bucket_entries: usize) -> Options {
    Options { bucket_entries, ..Options::with_retention(Duration::from_secs(86_400)) }
}

/// What an index should hold, as a list in the order of the feed: the position of an entry is its place, from 1.
#[derive(Default)]
struct Model(Vec<(u64, u128)>);

impl Model {
    /// The values below a bound of the hashes that `is_wanted`, the greatest first.
    fn greatest_first(&self, below: u128, is_wanted: impl Fn(u64) -> bool) -> Vec<u128> {
        let wanted = self.0.iter().filter(|(hash, value)| is_wanted(*hash) && *value < below);
        let found: std::collections::BTreeSet<u128> = wanted.map(|(_, value)| *value).collect();
        found.into_iter().rev().collect()
    }
}

#[derive(Clone, Debug)]
enum Step {
    Insert(u64, u128),
    Note,
    SealIfFull,
    Seal,
    Expire,
    Merge,
    /// The process is killed: the file as it is now, without a word to the one that has it open.
    Crash,
}

/// Four members of each of three families, told apart by two bits.
fn hashed(number: u64) -> u64 {
    (number >> 2) << 60 | number & 3
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        20 => (0_u64..12, 0_u128..30).prop_map(|(hash, value)| Step::Insert(hashed(hash), value)),
        4 => Just(Step::Note),
        3 => Just(Step::SealIfFull),
        1 => Just(Step::Seal),
        1 => Just(Step::Expire),
        2 => Just(Step::Merge),
        1 => Just(Step::Crash),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn what_was_inserted_is_found_by_hash_and_by_family_through_seals_and_crashes(
        steps in proptest::collection::vec(step(), 1..120), filter_bytes in prop_oneof![Just(0), Just(usize::MAX)],
        below in prop_oneof![0_u128..30, Just(u128::MAX)],
    ) {
        let options = Options { filter_bytes, join_at: 3, member_bits: 2, ..small(8) };
        let folder = tempfile::tempdir().unwrap();
        let mut path = folder.path().join("index-0.redb");
        let mut index = Index::open(&path, options).unwrap();
        let mut model = Model::default();
        for (n, step) in steps.into_iter().enumerate() {
            match step {
                Step::Insert(hash, value) => {
                    index.insert(hash, value, 0).unwrap();
                    model.0.push((hash, value));
                }
                Step::Note => index.note_position(model.0.len() as u64),
                Step::SealIfFull => { index.seal_if_full().unwrap(); }
                Step::Seal => index.seal().unwrap(),
                Step::Expire => prop_assert_eq!(index.expire(DAY_MS).unwrap(), 0),
                Step::Merge => { index.merge(|| true).unwrap(); }
                Step::Crash => {
                    let image = folder.path().join(format!("index-{}.redb", n + 1));
                    std::fs::copy(&path, &image).unwrap();
                    path = image;
                    index = Index::open(&path, options).unwrap();
                    let tail = index.sealed_position() as usize;
                    prop_assert!(tail <= model.0.len());
                    for (hash, value) in &model.0[tail..] {
                        index.insert(*hash, *value, 0).unwrap();
                    }
                }
            }
        }
        for hash in (0..16).map(hashed) {
            let (own, family) = (index.lookup(hash, below).unwrap(), index.lookup_family(hash, below).unwrap());
            prop_assert_eq!(own, model.greatest_first(below, |of| of == hash), "hash {:x}", hash);
            prop_assert_eq!(family, model.greatest_first(below, |of| of >> 2 == hash >> 2), "family of {:x}", hash);
        }
    }
}

#[test]
fn runs_go_whole_and_only_when_their_latest_entry_is_past_retention() {
    let folder = tempfile::tempdir().unwrap();
    let index = Index::open(folder.path().join("index"), small(100)).unwrap();
    index.insert(1, 1, 0).unwrap();
    index.insert(2, 2, 1_000).unwrap();
    index.seal().unwrap();
    index.insert(3, 3, 2_000).unwrap();
    index.seal().unwrap();
    assert_eq!(index.expire(DAY_MS + 1_000).unwrap(), 0, "the second entry of the first run is not over yet");
    assert_eq!(index.lookup(1, u128::MAX).unwrap(), [1]);
    assert_eq!(index.expire(DAY_MS + 1_001).unwrap(), 1);
    assert_eq!(index.lookup(1, u128::MAX).unwrap(), Vec::<u128>::new());
    assert_eq!(index.lookup(3, u128::MAX).unwrap(), [3]);
    assert_eq!(index.figures().runs, 1);
    assert_eq!(index.expire(DAY_MS + 2_001).unwrap(), 1);
    index.insert(4, 4, DAY_MS).unwrap();
    index.seal().unwrap();
    drop(index);
    let index = Index::open(folder.path().join("index"), small(100)).unwrap();
    assert_eq!(index.lookup(3, u128::MAX).unwrap(), Vec::<u128>::new());
    assert_eq!(index.lookup(4, u128::MAX).unwrap(), [4]);
}

#[test]
fn few_entries_do_not_stay_in_memory_for_ever_and_no_entries_do_not_hold_the_position() {
    let folder = tempfile::tempdir().unwrap();
    let index = Index::open(folder.path().join("index"), small(100)).unwrap();
    index.note_position(IDLE_LAG - 1);
    index.expire(0).unwrap();
    assert_eq!(index.sealed_position(), 0, "so few are cheaper read again than written");
    let (first, next) = (IDLE_LAG, IDLE_LAG + 1);
    index.note_position(first);
    index.expire(0).unwrap();
    assert_eq!(index.sealed_position(), first, "nothing to write before it");
    index.insert(1, 1, 0).unwrap();
    index.note_position(next);
    index.note_position(4);
    index.expire(3_599_999).unwrap();
    assert_eq!(index.sealed_position(), first);
    index.expire(3_600_000).unwrap();
    assert_eq!(index.sealed_position(), next);
    assert_eq!(index.figures(), Figures { in_memory: 0, in_runs: 1, runs: 1, filter_bytes: 32 });
    drop(index);
    assert_eq!(Index::open(folder.path().join("index"), small(100)).unwrap().sealed_position(), next);
}

#[test]
fn memory_stays_bounded_when_nobody_seals() {
    let folder = tempfile::tempdir().unwrap();
    let index = Index::open(folder.path().join("index"), small(10)).unwrap();
    for n in 0..100 {
        index.insert(n, u128::from(n), 0).unwrap();
        assert!(index.figures().in_memory < 40);
    }
    assert_eq!(index.figures().in_runs, 80);
    assert!((0..100).all(|n| index.lookup(n, u128::MAX).unwrap() == [u128::from(n)]));
}

#[test]
fn a_look_up_is_bounded_and_gives_the_greatest_below_its_bound_page_by_page() {
    let folder = tempfile::tempdir().unwrap();
    let index = Index::open(folder.path().join("index"), small(700)).unwrap();
    for n in 0..3_000_u128 {
        index.insert(9, n, 0).unwrap();
        index.seal_if_full().unwrap();
    }
    for below in [3_000, 2_000, 1_000] {
        assert_eq!(index.lookup(9, below).unwrap(), (below - 1_000..below).rev().collect::<Vec<u128>>());
    }
    assert_eq!(index.lookup(9, 0).unwrap(), Vec::<u128>::new());
}

#[test]
fn filters_stay_within_their_memory_and_what_has_none_is_found_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { filter_bytes: 1_024, ..small(200) };
    let fill = Index::open(folder.path().join("index"), options).unwrap();
    for n in 0..2_000 {
        fill.insert(n, u128::from(n), 0).unwrap();
        fill.seal_if_full().unwrap();
    }
    let figures = fill.figures();
    drop(fill);
    let again = Index::open(folder.path().join("index"), options).unwrap();
    assert_eq!(again.figures().filter_bytes, 0, "an opening waits for no filters");
    assert!((0..2_000).all(|n| again.lookup(n, u128::MAX).unwrap() == [u128::from(n)]));
    for index in [figures, again.figures()] {
        assert_eq!(index.runs, 10);
        assert!((700..=1_024).contains(&index.filter_bytes), "{} bytes", index.filter_bytes);
    }
}

#[test]
fn entries_are_found_while_they_move_to_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let index = Index::open(folder.path().join("index"), small(1_000)).unwrap();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                index.seal().unwrap();
            }
        });
        let mut n = 0_u64;
        // However slowly the disk takes them: until some have moved.
        while n < 5_000 || (index.figures().runs < 2 && n < 1_000_000) {
            n += 1;
            index.insert(n, 7, 0).unwrap();
            // Both the one just made and one that is moving or has moved.
            let both = [n, n.div_ceil(2)].map(|hash| index.lookup(hash, u128::MAX));
            if both.iter().any(|found| !matches!(found.as_deref(), Ok([7]))) {
                done.store(true, std::sync::atomic::Ordering::Relaxed);
                panic!("lost after {n}: {both:?}");
            }
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    assert!(index.figures().runs > 1, "the test moved something");
}

#[test]
fn a_look_up_may_pass_over_what_is_older_or_other_and_misses_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { bucket_entries: 10, ..Options::with_retention(Duration::from_secs(1_000_000)) };
    let index = Index::open(folder.path().join("index.redb"), options).unwrap();
    let value = |place: u128, low: u64| place << 64 | u128::from(low);
    let low = |low| Within { low: Some(low), ..Within::default() };
    index.insert(7, value(1, 1), 100).unwrap();
    index.insert(7, value(2, 2), 100).unwrap();
    index.seal().unwrap();
    index.insert(7, value(3, 1), 200).unwrap();
    let mark = index.mark();
    index.seal().unwrap();
    index.insert(7, value(4, 2), 300).unwrap();
    let look = |within| index.lookup_within(7, u128::MAX, within).unwrap();
    assert_eq!(look(Within::default()).len(), 4);
    assert_eq!(look(low(1)), [value(3, 1), value(1, 1)]);
    assert_eq!(look(low(2)), [value(4, 2), value(2, 2)]);
    // What was in memory when the mark was made is found once more.
    assert_eq!(look(Within { after: mark, ..Within::default() }), [value(4, 2), value(3, 1)]);
    assert_eq!(look(Within { since_ms: 201, ..Within::default() }), [value(4, 2)]);
    assert_eq!(look(Within { since_ms: 200, ..low(1) }), [value(3, 1)]);
}

#[test]
fn runs_are_joined_by_size_and_a_join_that_is_given_up_leaves_all_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { join_at: 4, ..small(1_000) };
    let index = Index::open(folder.path().join("index"), options).unwrap();
    let check = |index: &Index, runs: usize| {
        assert_eq!(index.figures().runs, runs);
        for n in (0..20_000_u64).step_by(97) {
            assert_eq!(index.lookup(mixed(n), u128::MAX).unwrap(), [u128::from(n)]);
        }
    };
    for n in 0..20_000 {
        index.insert(mixed(n), u128::from(n), n).unwrap();
        // The same again in another run.
        if n % 1_000 == 1 && n > 1 {
            index.insert(mixed(n - 2), u128::from(n - 2), n).unwrap();
        }
        index.seal_if_full().unwrap();
    }
    index.seal().unwrap();
    let runs = index.figures().runs;
    assert!(!index.merge(|| false).unwrap());
    check(&index, runs);
    let mut merges = 0;
    while index.merge(|| true).unwrap() {
        merges += 1;
    }
    assert!(merges >= 6 && index.figures().in_runs == 20_000, "{merges} merges, {:?}", index.figures());
    check(&index, index.figures().runs);
    assert!(index.figures().runs <= 6, "{:?}", index.figures());
    let runs = index.figures().runs;
    drop(index);
    check(&Index::open(folder.path().join("index"), options).unwrap(), runs);
}

#[test]
fn entries_are_found_while_their_runs_are_joined() {
    let folder = tempfile::tempdir().unwrap();
    let index = Index::open(folder.path().join("index"), Options { join_at: 2, ..small(500) }).unwrap();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                index.merge(|| true).unwrap();
            }
        });
        for n in 1..6_000_u64 {
            index.insert(mixed(n), 7, 0).unwrap();
            index.seal_if_full().unwrap();
            let found = index.lookup(mixed(n.div_ceil(2)), u128::MAX);
            if !matches!(found.as_deref(), Ok([7])) {
                done.store(true, std::sync::atomic::Ordering::Relaxed);
                panic!("lost after {n}: {found:?}");
            }
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}
