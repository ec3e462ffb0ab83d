//! The dossiers against plain rows and `domain/period.rs`; the trail against a list.
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use estafette_actors::domain::cbe::Cbe;
use estafette_actors::domain::dossier::{Code, DossierType};
use estafette_actors::domain::language::{Language, Translated};
use estafette_actors::domain::niss::Niss;
use estafette_actors::domain::period::{self, Period};
use estafette_actors::domain::submission::Institution;
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::Clock;
use estafette_actors::ports::register::{
    Access, AuditLine, Deed, DossierRow, Dossiers as _, Face, Import, Place, Question, Rows,
};
use jiff::civil::Date;
use proptest::prelude::*;

use super::*;

mod trail;

/// A clock that is set.
pub(super) struct Hand(pub(super) AtomicU64);

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed))
    }
}

const BEGUN: u64 = 1_000_000_000;

fn at(dir: &Path, clock: &Arc<Hand>) -> Dossiers {
    Dossiers::open(Settings::new(dir), [7; 32], Arc::clone(clock) as _).unwrap()
}

fn some() -> (tempfile::TempDir, Dossiers) {
    let folder = tempfile::tempdir().unwrap();
    let dossiers = at(folder.path(), &Arc::new(Hand(AtomicU64::new(BEGUN))));
    (folder, dossiers)
}

pub(super) fn wait<T>(future: impl FnOnce() -> T) -> T::Output
where
    T: Future,
{
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let _here = runtime.enter();
    let future = future();
    runtime.block_on(future)
}

fn institution(n: usize) -> Institution {
    Institution(Cbe::parse(["0403019261", "0206731645"][n]).unwrap())
}

fn access(n: usize) -> Access {
    let (key, legal_context) = ("k1".into(), "art. 5".into());
    Access { institution: institution(n), key, legal_context, ticket: None, face: Face::Rest }
}

pub(super) fn code(text: &str) -> Code {
    Code::parse(text).unwrap()
}

pub(super) fn niss(n: u64) -> Niss {
    Niss::from_trusted_u64(n)
}

fn define(dossiers: &Dossiers, owner: usize, text: &str) {
    let mut names = Translated::new();
    for language in Language::ALL {
        names.set(language, "Name".into());
    }
    let definition = DossierType { code: code(text), names, valid: Period::always(), partner: None, rights: vec![] };
    wait(|| dossiers.define(access(owner), definition)).unwrap();
}

fn day(n: i16) -> Date {
    Date::constant(2026, 1, 1).checked_add(jiff::Span::new().days(i64::from(n))).unwrap()
}

fn days(begin: i16, end: i16) -> Period {
    Period::new(day(begin), Some(day(end))).unwrap()
}

/// Every row, page by page.
fn all(dossiers: &Dossiers, owner: usize, question: &Question) -> Vec<DossierRow> {
    let (mut rows, mut after) = (Vec::new(), None::<Place>);
    loop {
        let question = Question { after: after.clone(), ..question.clone() };
        let page: Rows = wait(|| dossiers.rows(institution(owner), question)).unwrap();
        assert!(page.rows.len() <= 7, "longer than asked");
        rows.extend(page.rows);
        match page.next {
            Some(next) => after = Some(next),
            None => return rows,
        }
    }
}

fn asked() -> Question {
    Question { limit: 7, ..Question::default() }
}

type Model = BTreeMap<(usize, u64, Code), Vec<Period>>;

fn listed(model: &Model, owner: usize, keep: impl Fn(u64, &Code, Period) -> bool) -> Vec<DossierRow> {
    let mut rows = Vec::new();
    for ((of, niss_of, code), periods) in model {
        for period in periods.iter().filter(|period| *of == owner && keep(*niss_of, code, **period)) {
            rows.push(DossierRow { owner: institution(owner), niss: niss(*niss_of), code: *code, period: *period });
        }
    }
    rows
}

#[derive(Clone, Debug)]
enum Step {
    Inscribe(usize, u64, usize, Period),
    Remove(usize, u64, usize, Period),
    Import(usize, Vec<(u64, usize, Period)>),
    Replace(u64, u64),
    Flush,
    Reopen,
}

const CODES: [&str; 3] = ["B", "A", "C"];

fn step() -> impl Strategy<Value = Step> {
    let some = || {
        let period = (0..40_i16, prop::option::weighted(0.9, 0..12_i16))
            .prop_map(|(begin, more)| Period::new(day(begin), more.map(|more| day(begin + more))).unwrap());
        (1..6_u64, 0..3_usize, period)
    };
    prop_oneof![
        6 => (0..2_usize, some()).prop_map(|(owner, (n, c, p))| Step::Inscribe(owner, n, c, p)),
        3 => (0..2_usize, some()).prop_map(|(owner, (n, c, p))| Step::Remove(owner, n, c, p)),
        2 => (0..2_usize, prop::collection::vec(some(), 1..9)).prop_map(|(owner, lines)| Step::Import(owner, lines)),
        1 => (1..6_u64, 1..6_u64).prop_map(|(old, new)| Step::Replace(old, new)),
        1 => Just(Step::Flush),
        1 => Just(Step::Reopen),
    ]
}

fn inscribe(model: &mut Model, owner: usize, n: u64, code: &Code, period: Period) -> period::Inscribed {
    period::inscribe(model.entry((owner, n, *code)).or_default(), period)
}

fn replace(model: &mut Model, old: u64, new: u64) -> Vec<Institution> {
    let mut touched = Vec::new();
    for owner in [1, 0] {
        let mut is_touched = false;
        for code in CODES.map(code) {
            for period in if old == new { vec![] } else { model.remove(&(owner, old, code)).unwrap_or_default() } {
                inscribe(model, owner, new, &code, period);
                is_touched = true;
            }
        }
        touched.extend(is_touched.then(|| institution(owner)));
    }
    touched
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn the_rows_counts_and_trail_are_what_the_rules_of_periods_make_of_the_changes(
        steps in prop::collection::vec(step(), 1..40),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(Hand(AtomicU64::new(BEGUN)));
        let mut dossiers = at(folder.path(), &clock);
        for owner in 0..2 {
            for code in CODES {
 define(&dossiers, owner, code);
 }
        }
        let (mut model, mut lines) = (Model::new(), 6);
        for step in steps {
            match step {
                Step::Inscribe(owner, n, c, period) => {
                    let code = code(CODES[c]);
                    let told = wait(|| dossiers.inscribe(access(owner), niss(n), code, period)).unwrap();
                    prop_assert_eq!(told, inscribe(&mut model, owner, n, &code, period));
                    lines += 1;
                }
                Step::Remove(owner, n, c, period) => {
                    let code = code(CODES[c]);
                    let told = wait(|| dossiers.remove(access(owner), niss(n), code, period)).unwrap();
                    prop_assert_eq!(told, period::remove(model.entry((owner, n, code)).or_default(), period));
                    lines += 1;
                }
                Step::Import(owner, given) => {
                    let line = |(n, c, period): &(u64, usize, Period)| {
                        Import { niss: niss(*n), code: code(CODES[*c]), period: *period }
                    };
                    let told = wait(|| dossiers.import(access(owner), given.iter().map(line).collect())).unwrap();
                    // The order of lines of other keys does not matter.
                    let expected: Vec<_> = given
                        .iter()
                        .map(|(n, c, period)| inscribe(&mut model, owner, *n, &code(CODES[*c]), *period))
                        .collect();
                    prop_assert_eq!(told, expected);
                    lines += given.len() as u64;
                }
                Step::Replace(old, new) => {
                    let told = wait(|| dossiers.replace(access(0), niss(old), niss(new))).unwrap();
                    let touched = replace(&mut model, old, new);
                    lines += touched.len() as u64;
                    prop_assert_eq!(told, touched);
                }
                Step::Flush => dossiers.engine().flush().unwrap(),
                Step::Reopen => {
                    drop(dossiers);
                    dossiers = at(folder.path(), &clock);
                }
            }
        }
        for owner in 0..2 {
            prop_assert_eq!(all(&dossiers, owner, &asked()), listed(&model, owner, |_, _, _| true));
            let few = Question { code: Some(code("A")), period: Some(days(5, 9)), ..asked() };
            let keep = |_, of: &Code, period: Period| *of == code("A") && period.overlaps(days(5, 9));
            prop_assert_eq!(all(&dossiers, owner, &few), listed(&model, owner, keep));
            for n in 1..6 {
                let one = Question { niss: Some(niss(n)), ..asked() };
                prop_assert_eq!(all(&dossiers, owner, &one), listed(&model, owner, |of, _, _| of == n));
                let named = [code("C"), code("unknown")];
                let holds = dossiers.holds(institution(owner), niss(n), &named, day(7)).unwrap();
                let kept = |of: u64, c: &Code, period: Period| of == n && named.contains(c) && period.contains(day(7));
                prop_assert_eq!(holds, !listed(&model, owner, kept).is_empty());
            }
            let count = |one: &Code| (*one, listed(&model, owner, |_, of, _| of == one).len() as u64);
            prop_assert_eq!(dossiers.counts(institution(owner)), ["A", "B", "C"].map(|one| count(&code(one))).to_vec());
        }
        let trail: Vec<AuditLine> = wait(|| dossiers.audit(None, None, 0, 1_000)).unwrap();
        let positions: Vec<u64> = trail.iter().map(|line| line.position).collect();
        prop_assert_eq!(positions, (1..=lines).collect::<Vec<_>>());
    }
}

#[test]
fn a_type_that_is_changed_keeps_its_rows_also_after_a_restart() {
    let (folder, dossiers) = some();
    define(&dossiers, 0, "B");
    define(&dossiers, 0, "A");
    wait(|| dossiers.inscribe(access(0), niss(5), code("B"), days(1, 2))).unwrap();
    define(&dossiers, 0, "B");
    drop(dossiers);
    let dossiers = at(folder.path(), &Arc::new(Hand(AtomicU64::new(BEGUN))));
    let types = dossiers.types(institution(0));
    assert_eq!(types.iter().map(|one| one.code).collect::<Vec<_>>(), [code("A"), code("B")]);
    assert!(dossiers.types(institution(1)).is_empty());
    define(&dossiers, 0, "AA");
    assert_eq!(dossiers.counts(institution(0)), [(code("A"), 0), (code("AA"), 0), (code("B"), 1)]);
    assert_eq!(all(&dossiers, 0, &asked()).len(), 1);
}

#[test]
fn more_rows_of_one_person_than_are_kept_are_refused_and_an_import_with_them_leaves_nothing() {
    let (_folder, dossiers) = some();
    define(&dossiers, 0, "A");
    let line = |n: u64, place: usize| {
        let begin = Date::constant(1900, 1, 1).checked_add(jiff::Span::new().days(2 * place as i64)).unwrap();
        Import { niss: niss(n), code: code("A"), period: Period::day(begin) }
    };
    let import = |lines: Vec<Import>| wait(|| dossiers.import(access(0), lines));
    // Both ways that an import goes.
    for many in [1_001, import::STRAIGHT] {
        let lines = std::iter::once(line(4, 0)).chain((0..many).map(|place| line(5, place))).collect();
        assert_eq!(import(lines), Err(Trouble::TooManyRows(1_000)));
        assert_eq!(dossiers.counts(institution(0)), [(code("A"), 0)]);
    }
    import((0..1_000).map(|place| line(5, place)).collect()).unwrap();
    let one_more = line(5, 2_000).period;
    let told = wait(|| dossiers.inscribe(access(0), niss(5), code("A"), one_more));
    assert_eq!(told, Err(Trouble::TooManyRows(1_000)));
    // What merges is welcome.
    wait(|| dossiers.inscribe(access(0), niss(5), code("A"), Period::always())).unwrap();
    assert_eq!(dossiers.counts(institution(0)), [(code("A"), 1)]);
}

#[test]
fn a_type_that_is_not_there_is_refused() {
    let (_folder, dossiers) = some();
    define(&dossiers, 1, "A");
    let told = wait(|| dossiers.inscribe(access(0), niss(5), code("A"), days(1, 2)));
    assert_eq!(told, Err(Trouble::NotFound));
    let line = Import { niss: niss(5), code: code("A"), period: days(1, 2) };
    assert_eq!(wait(|| dossiers.import(access(0), vec![line])), Err(Trouble::NotFound));
}

#[test]
fn a_large_import_in_any_order_is_what_many_inscriptions_are_and_is_there_after_a_kill() {
    let (folder, dossiers) = some();
    for code in CODES {
        define(&dossiers, 0, code);
    }
    let mut model = Model::new();
    // One that is in the log only when the import comes.
    wait(|| dossiers.inscribe(access(0), niss(7), code("A"), days(3, 5))).unwrap();
    inscribe(&mut model, 0, 7, &code("A"), days(3, 5));
    let lines: Vec<Import> = (0..5_000_u64)
        .map(|n| {
            let begin = (n % 23) as i16;
            Import {
                niss: niss(n * 7_919 % 3_001),
                code: code(CODES[(n % 3) as usize]),
                period: days(begin, begin + 4),
            }
        })
        .collect();
    let told = wait(|| dossiers.import(access(0), lines.clone())).unwrap();
    let expected: Vec<_> =
        lines.iter().map(|line| inscribe(&mut model, 0, line.niss.as_u64(), &line.code, line.period)).collect();
    assert_eq!(told, expected);
    let image = tempfile::tempdir().unwrap();
    let (from, into) = (folder.path().to_owned(), image.path().to_owned());
    let copy = move || {
        for file in ["register.redb", "register.log.redb"] {
            std::fs::copy(from.join(file), into.join(file)).unwrap();
        }
    };
    wait(|| dossiers.engine().between_commits(copy)).unwrap();
    let again = at(image.path(), &Arc::new(Hand(AtomicU64::new(BEGUN))));
    for dossiers in [dossiers, again] {
        assert_eq!(all(&dossiers, 0, &asked()), listed(&model, 0, |_, _, _| true));
        let sum: u64 = dossiers.counts(institution(0)).iter().map(|(_, count)| count).sum();
        assert_eq!(sum, model.values().map(|periods| periods.len() as u64).sum::<u64>());
    }
}
