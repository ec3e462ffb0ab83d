//! What rows have to be, by the domain's own functions.
use std::collections::BTreeMap;

use estafette_actors::domain::niss::Niss;
use estafette_actors::domain::period::{self, Inscribed, Period, Removed};
use jiff::ToSpan;
use jiff::civil::{Date, date};
use rand::Rng;
use rand::rngs::StdRng;

/// The rows of a register: of a NISS in a type, by beginning.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows(pub BTreeMap<(String, String), Vec<Period>>);

impl Rows {
    /// Of an export as CSV.
    pub fn read(csv: &str) -> Self {
        let mut rows = Self::default();
        for line in csv.lines().skip(1) {
            let [niss, code, begin, end] = line.split(',').collect::<Vec<_>>()[..] else { panic!("{line}") };
            let end = Some(end).filter(|end| !end.is_empty()).map(|end| end.parse().unwrap());
            let period = Period::new(begin.parse().unwrap(), end).unwrap();
            rows.0.entry((niss.to_owned(), code.to_owned())).or_default().push(period);
        }
        rows
    }

    pub fn count(&self, code: &str) -> u64 {
        self.0.iter().filter(|((_, of), _)| of == code).map(|(_, rows)| rows.len() as u64).sum()
    }

    pub fn inscribe(&mut self, niss: &str, code: &str, period: Period) -> Inscribed {
        period::inscribe(self.0.entry((niss.to_owned(), code.to_owned())).or_default(), period)
    }

    pub fn remove(&mut self, niss: &str, code: &str, period: Period) -> Removed {
        let key = (niss.to_owned(), code.to_owned());
        let removed = period::remove(self.0.entry(key.clone()).or_default(), period);
        self.0.retain(|of, rows| *of != key || !rows.is_empty());
        removed
    }

    /// Those of one type.
    pub fn of(&self, code: &str) -> Self {
        Self(self.0.iter().filter(|((_, of), _)| of == code).map(|(key, rows)| (key.clone(), rows.clone())).collect())
    }
}

/// Right numbers of the National Register, in their order, of births from 1950 on; no two runs need others.
pub fn numbers(count: usize) -> Vec<String> {
    let days = (0..).map(|day| date(1950, 1, 1).checked_add(day.days()).unwrap());
    let nines = days.flat_map(|day: Date| {
        let six = i64::from(day.year() % 100) * 10_000 + i64::from(day.month()) * 100 + i64::from(day.day());
        (1..998).step_by(37).map(move |sequence| six * 1_000 + sequence)
    });
    let numbers: Vec<_> = nines.map(|nine| format!("{nine:09}{:02}", 97 - nine % 97)).take(count).collect();
    assert!(numbers.iter().all(|text| Niss::parse(text, date(2026, 1, 1)).is_ok()));
    numbers
}

/// Some days of a month, counted from January 2000.
pub fn days_of(month: u64, chance: &mut StdRng) -> Period {
    let begin = date(2000 + (month / 12) as i16, (month % 12) as i8 + 1, chance.random_range(1..=28));
    let end = begin.checked_add(chance.random_range(0_i64..6).days()).unwrap();
    Period::new(begin, Some(end)).unwrap()
}
