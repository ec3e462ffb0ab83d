//! The engine against a plain map: the same after any batches, flushes, failures and crashes.
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;

use proptest::prelude::*;

use super::*;

const TABLES: &[&str] = &["one", "two"];
type Model = BTreeMap<(u8, Vec<u8>), Vec<u8>>;
type Change = (u8, Vec<u8>, Option<Vec<u8>>);

fn settings(dir: &Path) -> Settings {
    // Rounds are the tests' own.
    Settings { flush_after: Duration::from_secs(3_600), ..Settings::new(dir, "some", TABLES) }
}

fn open(dir: &Path) -> Engine {
    Engine::open(settings(dir), vec![]).unwrap()
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn apply(draft: &mut Draft<'_>, changes: &[Change]) {
    for (table, key, value) in changes {
        match value {
            Some(value) => draft.put(Table(*table), key, value.as_slice()),
            None => draft.remove(Table(*table), key),
        }
    }
}

fn apply_model(model: &mut Model, changes: &[Change]) {
    for (table, key, value) in changes {
        match value {
            Some(value) => model.insert((*table, key.clone()), value.clone()),
            None => model.remove(&(*table, key.clone())),
        };
    }
}

/// Both files as a kill at this moment would leave them.
fn killed(engine: &Engine, into: &Path) {
    let (from, into) = (engine.shared.settings.clone(), settings(into));
    let copy = move || {
        std::fs::copy(from.tables_path(), into.tables_path()).unwrap();
        std::fs::copy(from.log_path(), into.log_path()).unwrap();
    };
    wait(engine.between_commits(copy)).unwrap();
}

fn all(engine: &Engine) -> Model {
    let mut found = Model::new();
    for table in 0..2 {
        let each = |key: &[u8], value: &[u8]| {
            assert!(found.insert((table, key.to_vec()), value.to_vec()).is_none(), "met twice");
            ControlFlow::Continue(())
        };
        engine.scan(Table(table), &[], None, each).unwrap();
    }
    found
}

fn check(engine: &Engine, model: &Model) {
    assert_eq!(&all(engine), model);
    for key in 0..24_u8 {
        let key = key_of(key);
        let value = engine.get(Table(0), &key).unwrap();
        assert_eq!(value.as_deref(), model.get(&(0, key.clone())).map(Vec::as_slice));
    }
    let (from, until) = (key_of(5), key_of(14));
    let mut part = Vec::new();
    let each = |key: &[u8], _: &[u8]| {
        part.push(key.to_vec());
        if part.len() == 4 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    engine.scan(Table(1), &from, Some(&until), each).unwrap();
    let expected: Vec<_> = model.range((1, from)..(1, until)).map(|((_, key), _)| key.clone()).take(4).collect();
    assert_eq!(part, expected);
}

fn key_of(n: u8) -> Vec<u8> {
    // Of several lengths.
    vec![n; 1 + usize::from(n % 3)]
}

#[derive(Clone, Debug)]
enum Step {
    Change(Vec<Change>, bool),
    Together(Vec<Vec<Change>>),
    Bulk(Vec<Change>, bool),
    Flush,
    Crash,
    Reopen,
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let value = prop::option::weighted(0.7, prop::collection::vec(any::<u8>(), 0..4));
    prop::collection::vec((0..2_u8, (0..24_u8).prop_map(key_of), value), 0..10)
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (changes(), prop::bool::weighted(0.2)).prop_map(|(changes, fails)| Step::Change(changes, fails)),
        2 => prop::collection::vec(changes(), 2..5).prop_map(Step::Together),
        2 => (changes(), prop::bool::weighted(0.2)).prop_map(|(changes, fails)| Step::Bulk(changes, fails)),
        2 => Just(Step::Flush),
        1 => Just(Step::Crash),
        1 => Just(Step::Reopen),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn it_holds_what_a_plain_map_holds_after_changes_flushes_failures_and_crashes(
        steps in prop::collection::vec(step(), 1..14),
    ) {
        let (mut folder, mut model) = (tempfile::tempdir().unwrap(), Model::new());
        let mut engine = open(folder.path());
        for step in steps {
            match step {
                Step::Change(changes, fails) | Step::Bulk(changes, fails) if fails => {
                    let failing = move |draft: &mut Draft<'_>| {
                        apply(draft, &changes);
                        Err::<(), _>(Error::Overloaded)
                    };
                    prop_assert!(matches!(wait(engine.change(failing)), Err(Error::Overloaded)));
                }
                Step::Change(changes, _) => {
                    apply_model(&mut model, &changes);
                    wait(engine.change(move |draft| { apply(draft, &changes); Ok::<_, Error>(()) })).unwrap();
                }
                Step::Together(many) => {
                    let asked: Vec<_> = many.into_iter().map(|changes| {
                        apply_model(&mut model, &changes);
                        engine.change(move |draft| { apply(draft, &changes); Ok::<_, Error>(()) })
                    }).collect();
                    for asked in asked {
 wait(asked).unwrap();
 }
                }
                Step::Bulk(changes, _) => {
                    apply_model(&mut model, &changes);
                    wait(engine.bulk(move |draft| { apply(draft, &changes); Ok::<_, Error>(()) })).unwrap();
                }
                Step::Flush => engine.flush().unwrap(),
                Step::Crash => {
                    let image = tempfile::tempdir().unwrap();
                    killed(&engine, image.path());
                    drop(engine);
                    engine = open(image.path());
                    folder = image;
                }
                Step::Reopen => {
                    engine.close();
                    drop(engine);
                    engine = open(folder.path());
                }
            }
            check(&engine, &model);
        }
        let copy = tempfile::tempdir().unwrap();
        engine.copy_to(&settings(copy.path()).tables_path()).unwrap();
        check(&open(copy.path()), &model);
    }
}

#[test]
fn a_change_sees_those_before_it_and_many_at_once_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(folder.path());
    let count = |draft: &mut Draft<'_>| {
        let now = draft.get(Table(0), b"n")?.map_or(0, |value| value[0]);
        draft.put(Table(0), b"n", [now + 1].as_slice());
        Ok::<_, Error>(now)
    };
    let asked: Vec<_> = (0..100).map(|_| engine.change(count)).collect();
    let told: Vec<u8> = asked.into_iter().map(|asked| wait(asked).unwrap()).collect();
    assert_eq!(told, (0..100).collect::<Vec<u8>>());
    assert_eq!(engine.get(Table(0), b"n").unwrap().as_deref(), Some(&[100][..]));
}

#[test]
fn a_change_that_panics_takes_nothing_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(folder.path());
    let panics = |draft: &mut Draft<'_>| -> Result<(), Error> {
        draft.put(Table(0), b"half", b"".as_slice());
        panic!("planted")
    };
    let put = |draft: &mut Draft<'_>| {
        draft.put(Table(0), b"whole", b"".as_slice());
        Ok::<_, Error>(())
    };
    let (one, two) = (engine.change(panics), engine.change(put));
    assert!(matches!(wait(one), Err(Error::Defect)));
    wait(two).unwrap();
    assert!(engine.get(Table(0), b"half").unwrap().is_none());
    assert!(engine.get(Table(0), b"whole").unwrap().is_some());
}

#[test]
fn more_than_may_be_unwritten_waits_for_the_tables_and_is_not_refused() {
    let folder = tempfile::tempdir().unwrap();
    let engine = Engine::open(Settings { most_unwritten: 4_096, ..settings(folder.path()) }, vec![]).unwrap();
    for n in 0..64_u8 {
        let put = move |draft: &mut Draft<'_>| {
            draft.put(Table(0), &[n], vec![n; 1_000]);
            Ok::<_, Error>(())
        };
        wait(engine.change(put)).unwrap();
        assert!(engine.unwritten() <= 4_096 + 1_100);
    }
    assert_eq!(all(&engine).len(), 64);
}

#[test]
fn what_rides_along_is_in_the_same_commit_or_comes_within_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let (tell, told) = crossbeam_channel::unbounded();
    let mut rides = 0_u8;
    let rider: Rider = Box::new(move |draft| {
        rides += 1;
        draft.put(Table(1), b"rides", [rides].as_slice());
        let tell = tell.clone();
        draft.after(move || tell.send(rides).unwrap());
        Ok(None)
    });
    let engine = Engine::open(settings(folder.path()), vec![rider]).unwrap();
    wait(engine.change(|_| Ok::<_, Error>(()))).unwrap();
    assert_eq!(told.try_recv(), Ok(1));
    engine.ride_within(Duration::ZERO);
    assert_eq!(told.recv(), Ok(2));
    assert_eq!(engine.get(Table(1), b"rides").unwrap().as_deref(), Some(&[2][..]));
}

#[test]
fn after_it_is_closed_changes_are_refused_and_reads_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(folder.path());
    let put = |draft: &mut Draft<'_>| {
        draft.put(Table(0), b"k", b"v".as_slice());
        Ok::<_, Error>(())
    };
    wait(engine.change(put)).unwrap();
    engine.close();
    assert!(matches!(wait(engine.change(put)), Err(Error::ReadOnly(_))));
    assert!(engine.read_only().is_some());
    assert_eq!(all(&engine).len(), 1);
    drop(engine);
    assert_eq!(open(folder.path()).unwritten(), 0, "an end leaves nothing to replay");
}

#[test]
fn a_log_that_lacks_what_the_tables_lack_is_not_opened() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(folder.path());
    for _ in 0..3 {
        wait(engine.change(|draft| {
            draft.put(Table(0), b"k", b"v".as_slice());
            Ok::<_, Error>(())
        }))
        .unwrap();
        engine.flush().unwrap();
    }
    drop(engine);
    std::fs::remove_file(settings(folder.path()).tables_path()).unwrap();
    assert!(matches!(Engine::open(settings(folder.path()), vec![]), Err(Error::Gap(_))));
}

#[test]
fn a_disk_that_is_nearly_full_takes_no_change() {
    let folder = tempfile::tempdir().unwrap();
    let engine = Engine::open(Settings { keep_free: u64::MAX, ..settings(folder.path()) }, vec![]).unwrap();
    assert!(matches!(wait(engine.change(|_| Ok::<_, Error>(()))), Err(Error::Full)));
}
