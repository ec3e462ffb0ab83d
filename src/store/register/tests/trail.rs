//! The audit trail: every line once, found by whose and about whom, and gone in time.
use std::time::{Duration, Instant};

use super::*;

/// Whose, about whom, and what came of it.
type Told<'t> = (usize, Option<u64>, &'t str);

fn trail(dossiers: &Dossiers, owner: Option<usize>, about: Option<u64>, after: u64) -> Vec<AuditLine> {
    // In small pages, so that each goes on where the one before ended.
    let (mut lines, mut after) = (Vec::<AuditLine>::new(), after);
    loop {
        let page = wait(|| dossiers.audit(owner.map(institution), about.map(niss), after, 7)).unwrap();
        let Some(last) = page.last() else { return lines };
        after = last.position;
        lines.extend(page);
    }
}

#[test]
fn what_was_consulted_is_in_the_trail_a_moment_later_and_is_not_in_clear() {
    let (_folder, dossiers) = some();
    define(&dossiers, 0, "A");
    let told = Access { ticket: Some("t-1".into()), ..access(1) };
    dossiers.note(&told, Deed::Consult, Some(niss(85_073_003_328)), Some(&code("A")), "done");
    let begun = Instant::now();
    let line = loop {
        if let Some(line) = trail(&dossiers, Some(1), None, 0).pop() {
            break line;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "never written");
        std::thread::yield_now();
    };
    let at = Timestamp::from_millis(BEGUN);
    let about = line.about.unwrap();
    assert_ne!(about, 85_073_003_328);
    let expected = AuditLine {
        position: 2,
        at,
        access: told,
        deed: Deed::Consult,
        about: Some(about),
        code: Some(code("A")),
        outcome: "done".into(),
    };
    assert_eq!(line, expected);
    assert_eq!(trail(&dossiers, None, Some(85_073_003_328), 0), [expected]);
}

#[test]
fn a_change_takes_along_what_was_noted_before_it() {
    let (_folder, dossiers) = some();
    define(&dossiers, 0, "A");
    dossiers.note(&access(1), Deed::Search, None, None, "nothing");
    wait(|| dossiers.inscribe(access(0), niss(5), code("A"), days(1, 2))).unwrap();
    let deeds: Vec<Deed> = trail(&dossiers, None, None, 0).iter().map(|line| line.deed).collect();
    assert_eq!(deeds, [Deed::Define, Deed::Search, Deed::Inscribe]);
}

#[test]
fn lines_of_one_moment_share_records_and_each_is_found_by_whose_and_about_whom() {
    let (_folder, dossiers) = some();
    define(&dossiers, 0, "A");
    let told = |n: u64| {
        let whose = usize::from(n % 200 < 3);
        (whose, Some(niss(n % 7 + 1)), ["A", "B"][n as usize % 2], ["nothing", "done", "done"][n as usize % 3])
    };
    for (whose, about, of, outcome) in (0..700).map(told) {
        dossiers.note(&access(whose), Deed::Consult, about, Some(&code(of)), outcome);
    }
    wait(|| dossiers.inscribe(access(0), niss(5), code("A"), days(1, 2))).unwrap();
    let found = trail(&dossiers, None, None, 1);
    assert_eq!(found.len(), 701);
    for (n, line) in (0..700).zip(&found) {
        let (whose, _, of, outcome) = told(n);
        assert_eq!((line.position, &line.access, line.deed), (n + 2, &access(whose), Deed::Consult));
        assert_eq!((line.code.as_ref(), &*line.outcome), (Some(&code(of)), outcome));
    }
    for about in 1..=7 {
        let positions: Vec<u64> = trail(&dossiers, None, Some(about), 1).iter().map(|line| line.position).collect();
        let noted = (0..700).filter(|n| n % 7 + 1 == about).map(|n| n + 2);
        assert_eq!(positions, noted.chain((about == 5).then_some(702)).collect::<Vec<_>>(), "{about}");
    }
    let others = trail(&dossiers, Some(1), None, 0);
    assert_eq!(others.len(), (0..700).filter(|n| n % 200 < 3).count());
    let mut records = 0;
    let each = |_: &[u8], _: &[u8]| {
        records += 1;
        std::ops::ControlFlow::Continue(())
    };
    dossiers.engine().scan(AUDIT, &[], None, each).unwrap();
    assert!(records < 20, "{records}");
}

#[test]
fn lines_of_small_and_large_imports_are_found_by_whose_and_about_whom() {
    let (folder, dossiers) = some();
    (0..2).for_each(|owner| define(&dossiers, owner, "A"));
    let mut expected: Vec<Told> = vec![(0, None, "done"), (1, None, "done")];
    for (owner, count) in [(0, 3), (1, 900), (0, import::STRAIGHT), (1, 400), (0, 1)] {
        let line = |place: usize| (place * 31 % 500) as u64 + 1;
        let lines = (0..count).map(|place| Import { niss: niss(line(place)), code: code("A"), period: days(1, 2) });
        let told = wait(|| dossiers.import(access(owner), lines.collect())).unwrap();
        expected.extend(told.iter().enumerate().map(|(place, outcome)| {
            let said = if matches!(outcome, period::Inscribed::Covered(_)) { "covered" } else { "done" };
            (owner, Some(line(place)), said)
        }));
    }
    wait(|| dossiers.replace(access(0), niss(32), niss(777))).unwrap();
    expected.extend([(1, Some(32), "done"), (0, Some(32), "done")]);
    drop(dossiers);
    let dossiers = at(folder.path(), &Arc::new(Hand(AtomicU64::new(BEGUN))));
    let found = trail(&dossiers, None, None, 0);
    assert_eq!(found.len(), expected.len());
    for (place, (line, (_, about, said))) in found.iter().zip(&expected).enumerate() {
        assert_eq!((line.position, line.about.is_some(), &*line.outcome), (place as u64 + 1, about.is_some(), *said));
    }
    let number = |line: &AuditLine| line.position;
    let places = |keep: &dyn Fn(&Told) -> bool, after: u64| -> Vec<u64> {
        (1..).zip(&expected).filter(|(place, line)| *place > after && keep(line)).map(|(place, _)| place).collect()
    };
    let numbers = |lines: Vec<AuditLine>| lines.iter().map(number).collect::<Vec<_>>();
    for after in [0, 2, 300, 4_999] {
        for about in [1, 32, 500, 501] {
            let about_it = |line: &Told| line.1 == Some(about);
            assert_eq!(
                numbers(trail(&dossiers, None, Some(about), after)),
                places(&about_it, after),
                "{about} {after}"
            );
        }
        let about_it = |line: &Told| line.0 == 1 && line.1 == Some(250);
        assert_eq!(numbers(trail(&dossiers, Some(1), Some(250), after)), places(&about_it, after));
        assert_eq!(numbers(trail(&dossiers, Some(1), None, after)), {
            // A line about another's register is both of theirs.
            places(&|line| line.0 == 1, after)
        });
    }
}

#[test]
fn lines_are_let_go_in_time_and_what_finds_them_too() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(Hand(AtomicU64::new(BEGUN)));
    let settings = Settings { audit_within: Duration::ZERO, ..Settings::new(folder.path()) };
    let kept = settings.audit_kept;
    let open = || Dossiers::open(settings.clone(), [7; 32], Arc::clone(&clock) as _).unwrap();
    let dossiers = open();
    define(&dossiers, 0, "A");
    let lines: Vec<_> = (1..=700).map(|n| Import { niss: niss(n), code: code("A"), period: days(1, 2) }).collect();
    wait(|| dossiers.import(access(0), lines)).unwrap();
    wait(|| dossiers.inscribe(access(0), niss(5), code("A"), days(4, 5))).unwrap();
    clock.0.fetch_add(kept.as_millis() as u64 - 1, Ordering::Relaxed);
    wait(|| dossiers.inscribe(access(0), niss(5), code("A"), days(7, 8))).unwrap();
    assert_eq!(trail(&dossiers, None, None, 0).len(), 703);
    drop(dossiers);
    clock.0.fetch_add(1, Ordering::Relaxed);
    let dossiers = open();
    wait(|| dossiers.inscribe(access(0), niss(6), code("A"), days(1, 2))).unwrap();
    let positions: Vec<u64> = trail(&dossiers, None, None, 0).iter().map(|line| line.position).collect();
    assert_eq!(positions, [703, 704]);
    let mut left = [0; 3];
    for (count, table) in left.iter_mut().zip([AUDIT, AUDIT_OF, AUDIT_ABOUT]) {
        let each = |_: &[u8], _: &[u8]| {
            *count += 1;
            std::ops::ControlFlow::Continue(())
        };
        dossiers.engine().scan(table, &[], None, each).unwrap();
    }
    assert_eq!(left, [2, 2, 0]);
}
