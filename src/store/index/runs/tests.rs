//! Runs are whole or not there, and their form lasts.
use redb::ReadableTableMetadata;

use super::super::Within;
use super::*;

fn entries(hashes: impl IntoIterator<Item = u64>) -> Vec<Entry> {
    hashes.into_iter().zip(0..).map(|(hash, value)| Entry { hash, value }).collect()
}

fn find(runs: &Runs, run: &Run, hash: u64) -> Vec<u128> {
    let mut found = Found::new(u128::MAX, None);
    let sought = Sought { family: Families::with(0).of(hash), hashes: hash..=hash, within: Within::default() };
    runs.find(run, &sought, &mut found).unwrap();
    found.into_values()
}

#[test]
fn a_hash_is_found_wherever_it_lies_on_its_pages() {
    let folder = tempfile::tempdir().unwrap();
    let (runs, _, _) = Runs::open(&folder.path().join("index"), Families::with(0)).unwrap();
    // Two hundred times the same hash crosses a page; the others stand at beginnings and ends of pages.
    let all = entries((0..500).chain(std::iter::repeat_n(500, 200)).chain(501..1000));
    let run = runs.append(3, &all, 0, 0).unwrap();
    for hash in (0..1000).filter(|hash| *hash != 500) {
        let wanted: Vec<u128> = all.iter().filter(|entry| entry.hash == hash).map(|entry| entry.value).collect();
        assert_eq!(find(&runs, &run, hash), wanted, "hash {hash}");
    }
    assert_eq!(find(&runs, &run, 500), (500..700).rev().collect::<Vec<u128>>(), "over two pages");
    for absent in [1000, u64::MAX] {
        let blind = Run { filter: None, ..runs.append(3, &all, 0, 0).unwrap() };
        assert_eq!(find(&runs, &blind, absent), Vec::<u128>::new());
    }
}

#[test]
fn pages_whose_run_was_never_listed_are_gone_after_the_next_opening() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index");
    let count = |runs: &Runs| {
        let pages = runs.database.begin_read().unwrap().open_table(PAGES).unwrap();
        pages.range((0, 0, 0)..).unwrap().count()
    };
    let (runs, _, _) = Runs::open(&path, Families::with(0)).unwrap();
    for number in [0, 2, 5] {
        runs.append(number, &entries(0..200), 0, 9).unwrap();
    }
    for number in [0, 5] {
        // A crash in the middle of a removal looks so, and one in the middle of a seal.
        runs.write(Durability::Immediate, |transaction| {
            transaction.open_table(RUNS)?.remove(number)?;
            Ok(())
        })
        .unwrap();
    }
    assert_eq!(count(&runs), 6);
    drop(runs);
    let (runs, listed, position) = Runs::open(&path, Families::with(0)).unwrap();
    assert_eq!(listed.iter().map(|run| run.number).collect::<Vec<_>>(), [2]);
    assert_eq!(position, 9);
    assert_eq!(count(&runs), 2);
    assert_eq!(find(&runs, &listed[0], 7), [7]);
}

#[test]
fn a_page_and_a_record_stay_what_they_were_on_disk() {
    let page = pack(&[Entry { hash: 0x0102, value: 0x0304 }, Entry { hash: u64::MAX, value: 5 }]);
    #[rustfmt::skip]
    let bytes = [
        0, 0, 0, 0, 0, 0, 1, 2,  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 4,
        255, 255, 255, 255, 255, 255, 255, 255,  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5,
    ];
    assert_eq!(page, bytes);
    assert_eq!(unpack(&page).collect::<Vec<_>>()[1], Entry { hash: u64::MAX, value: 5 });
    let bytes = record(&Run { number: 1, entries: 2, newest_ms: 3, filter: None });
    assert_eq!(bytes, [2, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 3]);
    let read = run(1, &bytes).unwrap();
    assert_eq!((read.number, read.entries, read.newest_ms), (1, 2, 3));
    assert!(run(1, &[1; 17]).is_none(), "a form that is not known is not guessed at");
}

#[test]
fn a_full_page_of_entries_fills_a_page_of_the_file_and_not_half_of_two() {
    let folder = tempfile::tempdir().unwrap();
    let (runs, _, _) = Runs::open(&folder.path().join("index"), Families::with(0)).unwrap();
    runs.append(0, &entries(0..(100 * ENTRIES_PER_PAGE) as u64), 0, 0).unwrap();
    let stats = runs.database.begin_read().unwrap().open_table(PAGES).unwrap().stats().unwrap();
    assert_eq!(stats.leaf_pages(), 100);
    assert!(stats.fragmented_bytes() < stats.stored_bytes() / 10, "{stats:?}");
}

#[test]
fn an_index_of_another_form_is_made_again_and_keeps_nobody_from_starting() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index");
    let (runs, _, _) = Runs::open(&path, Families::with(0)).unwrap();
    runs.append(0, &entries(0..200), 0, 9).unwrap();
    let old = |transaction: &WriteTransaction| {
        transaction.open_table(RUNS)?.insert(0, [vec![1], vec![0; 16]].concat().as_slice())?;
        Ok(())
    };
    runs.write(Durability::Immediate, old).unwrap();
    drop(runs);
    let (runs, listed, position) = Runs::open(&path, Families::with(0)).unwrap();
    assert!(listed.is_empty());
    assert_eq!(position, 0, "all of the feed is inserted again");
    let run = runs.append(0, &entries(7..8), 0, 9).unwrap();
    assert_eq!(find(&runs, &run, 7), [0]);
}
