use jiff::civil::date;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::*;

/// The calendar of the model: days are counted from here.
const FIRST: Date = date(2024, 2, 20);
/// Days that the model keeps; an open end reaches its last.
const DAYS: usize = 60;

fn day(number: usize) -> Date {
    FIRST.checked_add(jiff::Span::new().days(i64::try_from(number).unwrap())).unwrap()
}

fn period(begin: usize, end: Option<usize>) -> Period {
    Period::new(day(begin), end.map(day)).unwrap()
}

#[derive(Clone, Debug)]
enum Step {
    Inscribe(usize, Option<usize>),
    Remove(usize, Option<usize>),
}

/// The same, a day at a time. Each day says in which row it is, so that adjoining rows stay apart here too.
#[derive(Default)]
struct Naive {
    row_of: Vec<Option<usize>>,
    rows: usize,
}

impl Naive {
    fn new() -> Self {
        Self { row_of: vec![None; DAYS], rows: 0 }
    }

    fn fresh(&mut self) -> usize {
        self.rows += 1;
        self.rows
    }

    fn step(&mut self, step: &Step) {
        let (begin, end) = match *step {
            Step::Inscribe(begin, end) | Step::Remove(begin, end) => (begin, end.unwrap_or(DAYS - 1)),
        };
        if let Step::Inscribe(..) = step {
            let met: Vec<usize> = self.row_of[begin..=end].iter().flatten().copied().collect();
            let row = self.fresh();
            for (day, of) in self.row_of.iter_mut().enumerate() {
                if (begin..=end).contains(&day) || of.is_some_and(|of| met.contains(&of)) {
                    *of = Some(row);
                }
            }
        } else {
            self.row_of[begin..=end].fill(None);
            // What lies behind a hole is another row than what lies before it.
            let behind: Vec<usize> = self.row_of[..begin].iter().flatten().copied().collect();
            let row = self.fresh();
            for of in &mut self.row_of[end + 1..] {
                if of.is_some_and(|of| behind.contains(&of)) {
                    *of = Some(row);
                }
            }
        }
    }

    /// The rows, each as its first and its last day.
    fn rows(&self) -> Vec<(usize, usize)> {
        let mut rows: Vec<(usize, usize)> = Vec::new();
        for (day, of) in self.row_of.iter().enumerate() {
            match (of, rows.last_mut()) {
                (Some(of), Some((_, last))) if *last + 1 == day && self.row_of[*last] == Some(*of) => *last = day,
                (Some(_), _) => rows.push((day, day)),
                (None, _) => {}
            }
        }
        rows
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let span = (0..DAYS - 1).prop_flat_map(|begin| {
        let length = prop_oneof![4 => 0_usize..12, 1 => 0_usize..DAYS].prop_map(Some);
        (Just(begin), prop_oneof![9 => length, 1 => Just(None)])
    });
    let step = (any::<bool>(), span).prop_map(|(inscribe, (begin, length))| {
        let end = length.map(|length| (begin + length).min(DAYS - 2));
        if inscribe { Step::Inscribe(begin, end) } else { Step::Remove(begin, end) }
    });
    proptest::collection::vec(step, 1..24)
}

#[test]
fn a_hundred_thousand_sequences_cover_the_days_that_a_day_by_day_model_covers_in_the_same_rows() {
    let mut runner = TestRunner::new(Config { cases: 100_000, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&steps(), |steps| {
        let (mut rows, mut naive) = (Vec::new(), Naive::new());
        for step in &steps {
            let before = rows.clone();
            match *step {
                Step::Inscribe(begin, end) => {
                    let new = period(begin, end);
                    match inscribe(&mut rows, new) {
                        Inscribed::Covered(row) => {
                            prop_assert!(row.covers(new));
                            prop_assert_eq!(&rows, &before);
                        }
                        Inscribed::Added(row) => prop_assert_eq!(row, new),
                        Inscribed::Merged { row, of } => {
                            prop_assert!(row.covers(new) && of.iter().all(|one| one.overlaps(new)));
                            let others = before.iter().filter(|one| !of.contains(one));
                            prop_assert!(others.into_iter().all(|one| !one.overlaps(new)));
                        }
                    }
                }
                Step::Remove(begin, end) => {
                    let removed = remove(&mut rows, period(begin, end));
                    prop_assert!(removed.touched.iter().all(|row| before.contains(row)));
                    prop_assert!(removed.left.iter().all(|row| rows.contains(row)));
                }
            }
            naive.step(step);
            prop_assert!(rows.is_sorted(), "{:?}", rows);
            prop_assert!(rows.windows(2).all(|two| !two[0].overlaps(two[1])), "{:?}", rows);
        }
        // The model has an end: what is open reaches it, and nothing else does.
        let seen = rows.iter().map(|row| {
            let number = |date: Date| usize::try_from((date - FIRST).get_days()).unwrap();
            (number(row.begin()), row.end().map_or(DAYS - 1, number))
        });
        prop_assert_eq!(seen.collect::<Vec<_>>(), naive.rows());
        Ok(())
    });
    outcome.unwrap();
}

#[test]
fn rows_that_overlap_become_one_and_rows_that_adjoin_stay_apart() {
    let mut rows = vec![period(0, Some(9))];
    assert_eq!(inscribe(&mut rows, period(10, Some(19))), Inscribed::Added(period(10, Some(19))));
    assert_eq!(rows.len(), 2, "they adjoin");
    let merged = inscribe(&mut rows, period(5, Some(25)));
    let of = vec![period(0, Some(9)), period(10, Some(19))];
    assert_eq!(merged, Inscribed::Merged { row: period(0, Some(25)), of });
    assert_eq!(inscribe(&mut rows, period(3, Some(4))), Inscribed::Covered(period(0, Some(25))));
    let opened = inscribe(&mut rows, period(25, None));
    assert_eq!(opened, Inscribed::Merged { row: period(0, None), of: vec![period(0, Some(25))] });
}

#[test]
fn a_removal_shortens_a_row_cuts_it_in_two_or_takes_it() {
    let whole = vec![period(10, Some(20)), period(30, None)];
    let cases = [
        (period(0, Some(9)), whole.clone()),
        (period(0, Some(10)), vec![period(11, Some(20)), period(30, None)]),
        (period(20, Some(29)), vec![period(10, Some(19)), period(30, None)]),
        (period(14, Some(16)), vec![period(10, Some(13)), period(17, Some(20)), period(30, None)]),
        (period(15, Some(35)), vec![period(10, Some(14)), period(36, None)]),
        (period(40, None), vec![period(10, Some(20)), period(30, Some(39))]),
        (Period::always(), vec![]),
    ];
    for (gone, left) in cases {
        let mut rows = whole.clone();
        remove(&mut rows, gone);
        assert_eq!(rows, left, "{gone:?}");
    }
}

#[test]
fn a_period_that_ends_before_it_begins_is_refused_and_the_last_day_there_is_can_be_removed() {
    assert_eq!(Period::new(day(2), Some(day(1))), Err(Error::EndBeforeBegin));
    assert_eq!(Period::new(day(2), Some(day(2))), Ok(Period::day(day(2))));
    let mut rows = vec![Period::new(day(1), Some(Date::MAX)).unwrap()];
    assert_eq!(remove(&mut rows, Period::day(Date::MAX)).left.len(), 1);
    let mut rows = vec![Period::always()];
    assert_eq!(
        remove(&mut rows, Period::day(Date::MIN)).left,
        [Period::new(Date::MIN.tomorrow().unwrap(), None).unwrap()]
    );
}
