//! The rows of one person in one register, as bytes: a form, then for each row the number of its type (2 bytes) and its first and
//! last day (4 bytes each).
//!
//! Invariant: rows are sorted by number and beginning, and those of one number never overlap: `domain/period.rs` decides what
//! becomes of them. A day is its year, month and day in 23, 4 and 5 bits, so that days sort as numbers; an open end is the greatest.
use estafette_actors::domain::period::{self, Inscribed, Period, Removed};
use jiff::civil::Date;

const FORM: u8 = 1;
const ROW: usize = 2 + 4 + 4;
const OPEN: i32 = i32::MAX;

/// A row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The number of its type.
    pub number: u16,
    /// Its days.
    pub period: Period,
}

/// The key of a person in a register.
pub fn key(owner: u32, niss: u64) -> [u8; 12] {
    let mut key = [0; 12];
    key[..4].copy_from_slice(&owner.to_be_bytes());
    key[4..].copy_from_slice(&niss.to_be_bytes());
    key
}

/// The NISS of a key.
pub fn niss_of(key: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(super::array(key.get(4..)?)?))
}

/// A day as a number that sorts as days do.
pub fn day(date: Date) -> i32 {
    i32::from(date.year()) << 9 | i32::from(date.month()) << 5 | i32::from(date.day())
}

/// The day of such a number.
pub fn date(day: i32) -> Option<Date> {
    Date::new((day >> 9) as i16, (day >> 5 & 15) as i8, (day & 31) as i8).ok()
}

/// The bytes of rows; none for no row.
pub fn pack(rows: &[Row]) -> Option<Vec<u8>> {
    if rows.is_empty() {
        return None;
    }
    let mut bytes = Vec::with_capacity(1 + rows.len() * ROW);
    bytes.push(FORM);
    for row in rows {
        bytes.extend(row.number.to_be_bytes());
        bytes.extend(day(row.period.begin()).to_be_bytes());
        bytes.extend(row.period.end().map_or(OPEN, day).to_be_bytes());
    }
    Some(bytes)
}

/// The rows of bytes; none when they are of another form or damaged.
pub fn unpack(bytes: &[u8]) -> Option<Vec<Row>> {
    parts(bytes)?.map(|(number, begin, end)| Some(Row { number, period: period_of(begin, end)? })).collect()
}

fn period_of(begin: i32, end: i32) -> Option<Period> {
    Period::new(date(begin)?, if end == OPEN { None } else { Some(date(end)?) }).ok()
}

fn parts(bytes: &[u8]) -> Option<impl Iterator<Item = (u16, i32, i32)>> {
    let (form, rows) = bytes.split_first()?;
    let (rows, rest) = rows.as_chunks::<ROW>();
    if *form != FORM || !rest.is_empty() {
        return None;
    }
    Some(rows.iter().map(|row| {
        let day = |at: usize| i32::from_be_bytes([row[at], row[at + 1], row[at + 2], row[at + 3]]);
        (u16::from_be_bytes([row[0], row[1]]), day(2), day(6))
    }))
}

/// Whether a row of one of these numbers (of any, when none is named) has a day.
pub fn hold(bytes: &[u8], numbers: &[u16], on: Date) -> Option<bool> {
    let on = day(on);
    let named = |number| numbers.is_empty() || numbers.contains(&number);
    Some(parts(bytes)?.any(|(number, begin, end)| begin <= on && on <= end && named(number)))
}

/// Changes the periods of one number.
fn change<T>(rows: &mut Vec<Row>, number: u16, decide: impl FnOnce(&mut Vec<Period>) -> T) -> T {
    let from = rows.partition_point(|row| row.number < number);
    let until = rows.partition_point(|row| row.number <= number);
    let mut periods = rows[from..until].iter().map(|row| row.period).collect();
    let outcome = decide(&mut periods);
    rows.splice(from..until, periods.into_iter().map(|period| Row { number, period }));
    outcome
}

/// Inscribes a period.
pub fn inscribe(rows: &mut Vec<Row>, number: u16, new: Period) -> Inscribed {
    change(rows, number, |periods| period::inscribe(periods, new))
}

/// Removes the days of a period.
pub fn remove(rows: &mut Vec<Row>, number: u16, gone: Period) -> Removed {
    change(rows, number, |periods| period::remove(periods, gone))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_stay_what_they_were_on_disk() {
        let (begin, end) = (Date::constant(1985, 7, 30), Date::constant(2026, 12, 31));
        let rows = [
            Row { number: 1, period: Period::new(begin, Some(end)).unwrap() },
            Row { number: 258, period: Period::new(end, None).unwrap() },
        ];
        let golden = [1, 0, 1, 0, 15, 130, 254, 0, 15, 213, 159, 1, 2, 0, 15, 213, 159, 127, 255, 255, 255];
        assert_eq!(pack(&rows).unwrap(), golden);
        assert_eq!(unpack(&golden).unwrap(), rows);
        assert_eq!(unpack(&golden[..20]), None, "cut");
        let mut other = golden;
        other[0] = 2;
        assert_eq!(unpack(&other), None, "another form");
        assert_eq!(pack(&[]), None);
    }

    #[test]
    fn every_day_that_there_is_comes_back_and_days_sort_as_numbers() {
        let days = [Date::MIN, Date::constant(-1, 12, 31), Date::ZERO, Date::constant(0, 1, 2), Date::MAX];
        assert!(days.map(day).is_sorted());
        assert_eq!(days.map(|one| date(day(one))), days.map(Some));
        assert!(day(Date::MAX) < OPEN);
    }

    #[test]
    fn a_day_counts_from_the_first_to_the_last_of_a_row_of_a_named_type() {
        let (begin, end) = (Date::constant(2026, 1, 2), Date::constant(2026, 2, 1));
        let rows = pack(&[Row { number: 7, period: Period::new(begin, Some(end)).unwrap() }]).unwrap();
        let cases: [(&[u16], _, _); 6] = [
            (&[], begin, true),
            (&[7, 8], end, true),
            (&[8], end, false),
            (&[7], Date::constant(2026, 1, 1), false),
            (&[7], Date::constant(2026, 2, 2), false),
            (&[], Date::MAX, false),
        ];
        for (numbers, on, holds) in cases {
            assert_eq!(hold(&rows, numbers, on), Some(holds), "{numbers:?} {on}");
        }
    }
}
