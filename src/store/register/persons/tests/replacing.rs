//! Replacements: in chains, taken back, cancelled; rows follow, and who had them is told before.
use super::*;

fn define(world: &World) -> Code {
    let code = Code::parse("WORKER").unwrap();
    let mut names = Translated::new();
    for language in Language::ALL {
        names.set(language, "Name".into());
    }
    let definition = DossierType { code, names, valid: Period::always(), partner: None, rights: vec![] };
    wait(|| world.dossiers.define(access(), definition)).unwrap();
    code
}

fn period(begin: i8, end: i8) -> Period {
    Period::new(Date::constant(2026, 1, begin), Some(Date::constant(2026, 1, end))).unwrap()
}

/// Whose rows there are, and their periods.
fn rows(world: &World) -> Vec<(Niss, Period)> {
    let question = Question { limit: 100, ..Question::default() };
    let rows = wait(|| world.dossiers.rows(institution(), question)).unwrap().rows;
    rows.into_iter().map(|row| (row.niss, row.period)).collect()
}

fn with(n: u64, standing: Standing) -> Registered {
    Registered { standing, ..person(n, "Maes", "Anna", "1985-07-30") }
}

#[test]
fn rows_follow_a_chain_of_replacements_and_their_owner_is_told_each_time() {
    let world = World::new();
    let code = define(&world);
    world.put((1..=3).map(|n| with(n, Standing::InUse)).collect()).unwrap();
    for n in [1, 2] {
        let period = period(1, 5 * n as i8);
        wait(|| world.dossiers.inscribe(access(), niss(n), code, period)).unwrap();
    }
    let by = |n| Standing::ReplacedBy(niss(n));
    world.put(vec![with(1, by(2)), with(2, by(3))]).unwrap();
    assert_eq!(rows(&world), [(niss(3), period(1, 10))], "moved to the end, and merged");
    let replaced = |n, by| (niss(n), Change::Replaced { by: niss(by) });
    let told = |world: &World| -> Vec<_> {
        world.told.lock().unwrap().drain(..).map(|(niss, _, change)| (niss, change)).collect()
    };
    assert!(told(&world) == [replaced(1, 2), replaced(2, 3)]);
    assert_eq!(*world.followed.lock().unwrap(), [(niss(1), Some(niss(2))), (niss(2), Some(niss(3)))]);

    let world = world.restarted();
    world.put(vec![with(2, Standing::InUse)]).unwrap();
    assert!(told(&world) == [(niss(2), Change::Restored { from: niss(3) })]);
    assert_eq!(*world.followed.lock().unwrap(), [(niss(2), None)]);
    assert_eq!(rows(&world), [(niss(3), period(1, 10))], "which rows were whose is not known any more");
    let mut replaced = vec![];
    world.persons.replaced(|old, by| replaced.push((old, by))).unwrap();
    assert_eq!(replaced, [(niss(1), niss(2))]);

    world.put(vec![with(3, Standing::Cancelled)]).unwrap();
    assert!(told(&world) == [(niss(3), Change::Cancelled)]);
    assert_eq!(rows(&world).len(), 1, "they stay until their owner removes them");
    world.is_whole();
}

#[test]
fn replacements_that_lead_nowhere_are_refused_with_their_line_and_nothing_of_the_call_is_kept() {
    let world = World::new();
    world.put((1..=2).map(|n| with(n, Standing::InUse)).collect()).unwrap();
    let by = |n| Standing::ReplacedBy(niss(n));
    for (lines, line, says) in [
        (vec![with(9, Standing::InUse), with(1, by(1))], 2, "lead back"),
        (vec![with(9, Standing::InUse), with(2, by(1)), with(1, by(2))], 3, "lead back"),
        (vec![with(1, by(8)), with(9, Standing::InUse)], 1, "not known"),
        (vec![with(9, Standing::InUse), with(1, Standing::InUse), with(9, Standing::InUse)], 3, "the same NISS"),
    ] {
        let what = refusal(world.put(lines));
        assert!(what.starts_with(&format!("line {line}:")) && what.contains(says), "{what}");
        assert_eq!(world.find(niss(9)), None);
        assert_eq!(world.find(niss(1)), Some(with(1, Standing::InUse)));
    }
    let long = |from: u64| (from..30).map(|n| with(n, if n == 29 { Standing::InUse } else { by(n + 1) }));
    assert!(refusal(world.put(long(10).collect())).contains("on and on"));
    world.put(long(14).collect()).unwrap();
    assert_eq!(world.find(niss(20)).unwrap().standing, by(21));
    world.put(vec![with(1, by(2))]).unwrap();
    assert!(refusal(world.put(vec![with(2, by(1))])).contains("lead back"), "with one that was there before");
    assert!(world.told.lock().unwrap().len() == 1);
    world.is_whole();
}

#[test]
fn a_change_that_can_not_be_told_is_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let dossiers = Dossiers::open(Settings::new(folder.path()), [7; 32], Arc::new(Stopped)).unwrap();
    let teller: Teller = Arc::new(|_, _, _| Err(Trouble::Conflict("not now")));
    let hearers = Hearers { teller: Some(teller), follower: None };
    let persons = Persons::open(&dossiers, Arc::new(Stopped), folder.path(), hearers).unwrap();
    wait(|| persons.put(access(), vec![with(1, Standing::InUse), with(2, Standing::InUse)])).unwrap();
    let replaced = vec![with(1, Standing::ReplacedBy(niss(2)))];
    assert_eq!(wait(|| persons.put(access(), replaced)), Err(Trouble::Conflict("not now")));
    assert_eq!(wait(|| persons.find(niss(1))), Ok(Some(with(1, Standing::InUse))));
}
