//! Periods of whole days, and what inscribing and removing one makes of the rows of a register.
//!
//! Invariant: the rows of one key (institution, NISS, dossier type) never overlap, are sorted by their beginning, and cover exactly
//! the days that were inscribed and not removed since. Rows that overlap a new period become one with it; rows that merely adjoin
//! it stay apart, since whoever wrote them meant two. Nothing here reads a clock.
//!
//! Source: the service's description (overlapping periods are merged into one row).
use std::fmt;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// From one day to another, both included; without an end it goes on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Period {
    begin: Date,
    end: Option<Date>,
}

/// Why two days make no period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The last day lies before the first.
    #[error("this period ends before it begins: give an end on or after its beginning, or leave it out")]
    EndBeforeBegin,
}

impl Period {
    /// Both days belong to it; no `end` leaves it open.
    pub fn new(begin: Date, end: Option<Date>) -> Result<Self, Error> {
        match end {
            Some(end) if end < begin => Err(Error::EndBeforeBegin),
            _ => Ok(Self { begin, end }),
        }
    }

    /// One day.
    pub const fn day(day: Date) -> Self {
        Self { begin: day, end: Some(day) }
    }

    /// All days that there are.
    pub const fn always() -> Self {
        Self { begin: Date::MIN, end: None }
    }

    /// Its first day.
    pub const fn begin(self) -> Date {
        self.begin
    }

    /// Its last day, unless it is open.
    pub const fn end(self) -> Option<Date> {
        self.end
    }

    /// Whether a day belongs to it.
    pub fn contains(self, day: Date) -> bool {
        self.begin <= day && self.end.is_none_or(|end| day <= end)
    }

    /// Whether every day of another belongs to it.
    pub fn covers(self, other: Self) -> bool {
        self.begin <= other.begin
            && match (self.end, other.end) {
                (None, _) => true,
                (Some(_), None) => false,
                (Some(end), Some(other)) => other <= end,
            }
    }

    /// Whether they have a day in common.
    pub fn overlaps(self, other: Self) -> bool {
        let before = |end: Option<Date>, begin: Date| end.is_some_and(|end| end < begin);
        !before(self.end, other.begin) && !before(other.end, self.begin)
    }

    /// From the earlier beginning to the later end.
    fn with(self, other: Self) -> Self {
        Self { begin: self.begin.min(other.begin), end: self.end.zip(other.end).map(|(one, other)| one.max(other)) }
    }
}

impl fmt::Debug for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.end {
            Some(end) => write!(f, "{}/{end}", self.begin),
            None => write!(f, "{}/..", self.begin),
        }
    }
}

/// What an inscription does to the rows of its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inscribed {
    /// A new row, which overlaps no other.
    Added(Period),
    /// One row in the place of these, which it overlapped.
    Merged {
        /// The row that there is now.
        row: Period,
        /// The rows that it took in, sorted.
        of: Vec<Period>,
    },
    /// A row covers it already: nothing changes.
    Covered(Period),
}

/// Inscribes a period beside the rows of its key; `rows` are sorted and overlap nowhere, before and after it.
pub fn inscribe(rows: &mut Vec<Period>, new: Period) -> Inscribed {
    let (from, until) = overlapping(rows, new);
    let of = &rows[from..until];
    if let [one] = of
        && one.covers(new)
    {
        return Inscribed::Covered(*one);
    }
    let of = of.to_vec();
    let row = of.iter().fold(new, |row, other| row.with(*other));
    rows.splice(from..until, [row]);
    if of.is_empty() { Inscribed::Added(row) } else { Inscribed::Merged { row, of } }
}

/// What a removal did: the rows that it touched, and what is left of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// The rows that had a day in the period, as they were.
    pub touched: Vec<Period>,
    /// What is left of these: a row that was shortened, or the two that it was cut into.
    pub left: Vec<Period>,
}

/// Removes the days of a period from the rows of its key; `rows` are sorted and overlap nowhere, before and after it.
pub fn remove(rows: &mut Vec<Period>, gone: Period) -> Removed {
    let (from, until) = overlapping(rows, gone);
    let touched = rows[from..until].to_vec();
    let mut left = Vec::new();
    for row in &touched {
        if row.begin < gone.begin
            && let Ok(before) = gone.begin.yesterday()
        {
            left.push(Period { begin: row.begin, end: Some(before) });
        }
        if let Some(end) = gone.end
            && row.end.is_none_or(|last| end < last)
            && let Ok(after) = end.tomorrow()
        {
            left.push(Period { begin: after, end: row.end });
        }
    }
    rows.splice(from..until, left.iter().copied());
    Removed { touched, left }
}

/// The rows that have a day in common with a period, as a range of places.
fn overlapping(rows: &[Period], period: Period) -> (usize, usize) {
    let from = rows.partition_point(|row| row.end.is_some_and(|end| end < period.begin));
    let until = rows.partition_point(|row| period.end.is_none_or(|end| row.begin <= end));
    (from, until.max(from))
}

#[cfg(test)]
mod tests;
