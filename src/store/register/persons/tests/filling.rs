//! The first filling: in the order of the numbers, alone and beside others, cut short and done again.
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

const NAMES: [&str; 5] = ["Maes", "Peeters", "De Smet", "Van den Broeck-Maes", "王"];

/// So many persons, of whom each tenth was replaced by the one behind.
fn some(count: u64) -> Vec<Registered> {
    let one = |n: u64| {
        let (surname, given) = (NAMES[n as usize % 5], ["Anna", "Bert Jan", ""][n as usize % 3]);
        let standing = if n % 10 == 3 { Standing::ReplacedBy(niss(n + 1)) } else { Standing::InUse };
        Registered { standing, ..person(n, surname, given, ["1985-07-30", "1960-02", "1999"][n as usize % 3]) }
    };
    (0..count).map(one).collect()
}

fn lines(persons: Vec<Registered>) -> Box<dyn Iterator<Item = (u64, Registered)> + Send> {
    Box::new((1..).zip(persons))
}

fn fill(world: &World, persons: Vec<Registered>) -> Filled {
    wait(|| world.persons.fill(access(), lines(persons))).unwrap()
}

fn counts(filled: &Filled) -> (u64, u64, u64) {
    (filled.new, filled.same, filled.refused)
}

#[test]
fn millions_are_taken_in_their_order_and_found_and_again_they_change_nothing() {
    let world = World::new();
    assert_eq!(counts(&fill(&world, some(43))), (43, 0, 0));
    world.is_whole();
    assert_eq!(*world.followed.lock().unwrap(), [3, 13, 23, 33].map(|n| (niss(n), Some(niss(n + 1)))));
    for person in some(43) {
        assert_eq!(world.find(person.niss), Some(person));
    }
    let hits = world.search("Peters", "Bert", None);
    let meant = hits.iter().filter(|hit| *hit.person.identity.surname == *"Peeters").map(|hit| hit.person.niss);
    assert_eq!(meant.take(3).collect::<Vec<_>>(), [1, 16, 31].map(niss), "the best first");
    assert_eq!(counts(&fill(&world, some(43))), (0, 43, 0), "again");
    assert!(world.persons.is_ready());
    let mut replaced = vec![];
    world.persons.replaced(|old, by| replaced.push((old, by))).unwrap();
    assert_eq!(replaced.len(), 4);
    assert!(world.told.lock().unwrap().is_empty());
    let world = world.restarted();
    world.is_whole();
}

#[test]
fn those_who_come_between_others_and_behind_them_are_brought_in_too() {
    let world = World::new();
    let (even, odd): (Vec<_>, Vec<_>) = some(60).into_iter().partition(|one| one.niss.as_u64() % 2 == 0);
    assert_eq!(counts(&fill(&world, even)), (30, 0, 0));
    world.put(vec![person(99, "Maes", "Bob", "1985")]).unwrap();
    assert_eq!(counts(&fill(&world, odd)), (30, 0, 0));
    assert_eq!(counts(&fill(&world, some(70))), (10, 60, 0));
    world.is_whole();
}

#[test]
fn lines_that_can_not_be_taken_are_told_alone_and_bounded() {
    let world = World::new();
    fill(&world, some(10));
    let mut given = some(30);
    given[4].identity.surname = "Otherwise".into();
    given[12].identity.surname = " ".into();
    given.swap(20, 21);
    given.push(given[29].clone());
    let filled = fill(&world, given);
    assert_eq!(counts(&filled), (18, 9, 4));
    let mut told: Vec<_> = filled.wrong.iter().map(|(line, what)| (*line, *what)).collect();
    told.sort_unstable();
    for ((line, what), (wanted, says)) in
        told.into_iter().zip([(5, "other data"), (13, "surname"), (22, "order"), (31, "order")])
    {
        assert!(line == wanted && what.contains(says), "{line}: {what}");
    }
    assert_eq!(world.find(niss(4)), Some(some(10)[4].clone()), "as it was");
    world.is_whole();
    let same = vec![some(1)[0].clone(); WRONG_MAX + 100];
    let filled = fill(&world, same);
    assert_eq!((filled.refused, filled.wrong.len()), (WRONG_MAX as u64 + 99, WRONG_MAX));
}

#[test]
fn what_changes_beside_a_filling_is_found_as_it_is_in_the_end() {
    let world = World::new();
    let seen = Arc::new(AtomicUsize::new(0));
    let (persons, told) = (world.persons.clone(), Arc::clone(&seen));
    // Once the third piece is asked for, the first is there, and nothing that finds it.
    let beside = lines(some(40)).inspect(move |(line, _)| {
        if *line == 16 {
            let changed = |n: u64| person(n, "Janssens", "Bob", "1970-01-01");
            let put = wait(|| persons.put(access(), vec![changed(1), changed(99)])).unwrap();
            assert_eq!(put, (1, 1));
            assert!(!persons.is_ready());
            let search = Search { claim: claim("Maes"), years: 0, limit: 10 };
            assert!(matches!(wait(|| persons.search(search)), Err(Trouble::Conflict(_))));
            let identity = identity("Maes", "Bob", "1985-07-30");
            let created = wait(|| persons.create(access(), NewPerson { identity, although_alike: true }));
            assert!(matches!(created, Err(Trouble::Conflict(_))));
            let other = wait(|| persons.fill(access(), lines(some(1))));
            assert_eq!(other, Err(Trouble::Overloaded));
            told.fetch_add(1, Ordering::Relaxed);
        }
    });
    let filled = wait(|| world.persons.fill(access(), Box::new(beside))).unwrap();
    assert_eq!((counts(&filled), seen.load(Ordering::Relaxed)), ((40, 0, 0), 1));
    world.is_whole();
    assert_eq!(world.search("Janssens", "Bob", None).len(), 2);
}

/// Both files as a kill would leave them, and what of them is opened.
fn killed(world: &World) -> (tempfile::TempDir, (Dossiers, Persons, Told, Followed)) {
    let (from, image) = (world.folder.path().to_owned(), tempfile::tempdir().unwrap());
    let into = image.path().to_owned();
    let copy = move || {
        for name in ["register.redb", "register.log.redb"] {
            std::fs::copy(from.join(name), into.join(name)).unwrap();
        }
    };
    wait(|| world.dossiers.engine().between_commits(copy)).unwrap();
    let opened = open(image.path());
    (image, opened)
}

#[test]
fn one_that_is_killed_at_any_piece_keeps_what_was_there_and_goes_on_when_done_again() {
    for line in [6, 11, 16, 38, 40] {
        let world = World::new();
        world.put(vec![person(500, "Maes", "Bob", "1985")]).unwrap();
        let world = Arc::new(world);
        let (seen, at) = (Arc::clone(&world), line);
        let images = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&images);
        let beside = lines(some(40)).inspect(move |(line, _)| {
            if *line == at {
                kept.lock().unwrap().push(killed(&seen));
            }
        });
        assert_eq!(counts(&wait(|| world.persons.fill(access(), Box::new(beside))).unwrap()), (40, 0, 0));
        let (folder, (dossiers, persons, told, followed)) = images.lock().unwrap().pop().unwrap();
        let image = World { folder, dossiers, persons, told, followed };
        image.is_whole();
        let there = some(40).iter().filter(|one| image.find(one.niss).is_some()).count();
        assert!(there as u64 + 10 >= line - line % 5 && there < 40, "{there} at line {line}");
        let filled = fill(&image, some(40));
        assert_eq!(counts(&filled), (40 - there as u64, there as u64, 0));
        image.is_whole();
        for person in some(40) {
            assert_eq!(image.find(person.niss), Some(person));
        }
    }
}

#[test]
fn one_whose_lines_break_off_leaves_what_came_and_what_finds_it() {
    let world = World::new();
    // As from a file that can be read no further.
    assert_eq!(counts(&fill(&world, some(23))), (23, 0, 0));
    world.is_whole();
    world.dossiers.close();
    let filled = wait(|| world.persons.fill(access(), lines(some(40))));
    assert!(matches!(filled, Err(Trouble::ReadOnly(_))));
    let world = world.restarted();
    assert_eq!(counts(&fill(&world, some(40))), (17, 23, 0));
    world.is_whole();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn in_whatever_pieces_it_comes_it_ends_as_if_they_were_put(
        given in prop::collection::vec(
            prop::collection::btree_map(0_u64..60, any_identity(), 0..40).prop_map(Vec::from_iter), 1..4,
        ),
    ) {
        let world = World::new();
        let mut model = std::collections::BTreeMap::new();
        for part in given {
            let persons: Vec<_> = part.into_iter().map(|(n, identity)| {
                Registered { niss: niss(n), standing: Standing::InUse, identity }
            }).collect();
            let new = persons.iter().filter(|one| !model.contains_key(&one.niss)).count() as u64;
            let same = persons.iter().filter(|one| model.get(&one.niss) == Some(*one)).count() as u64;
            let filled = fill(&world, persons.clone());
            prop_assert_eq!(counts(&filled), (new, same, persons.len() as u64 - new - same));
            for person in persons {
                model.entry(person.niss).or_insert(person);
            }
        }
        for person in model.values() {
            prop_assert_eq!(world.find(person.niss), Some(person.clone()));
        }
        let [there, wanted] = world.entries();
        prop_assert_eq!(there, wanted);
    }
}
