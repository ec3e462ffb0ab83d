//! Calendar months as people of this country count them: what usage is summed up by.
//!
//! Invariant: the month of a moment is the same on every machine. The rule of Brussels' clock stands here, and no time
//! zone database is asked: sums that are made again from the feed must come out as they were.
use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use jiff::tz::TimeZone;

use super::time::Timestamp;

/// The name of the time zone, for people.
pub const ZONE: &str = "Europe/Brussels";

/// Central European Time, with summer time from the last Sunday of March to that of October (directive 2000/84/EC).
pub static BRUSSELS: LazyLock<TimeZone> = LazyLock::new(|| {
    TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").expect("invariant: a constant rule that the tests read")
});

/// When a day begins in Brussels; a day before 1970 begins in 1970.
pub fn begin_of(day: jiff::civil::Date) -> Timestamp {
    let at = BRUSSELS.to_ambiguous_timestamp(day.to_datetime(jiff::civil::Time::midnight())).compatible();
    let millis = at.map_or(i64::MAX, jiff::Timestamp::as_millisecond);
    Timestamp::from_millis(u64::try_from(millis).unwrap_or(0))
}

/// A calendar month in Brussels.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month(u32);

/// Not a month.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a month: give year and month, such as 2026-01")]
pub struct Error;

impl Month {
    /// The month of a moment.
    pub fn of(at: Timestamp) -> Self {
        let millis = i64::try_from(at.millis()).unwrap_or(i64::MAX);
        let at = jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::MAX);
        let date = BRUSSELS.to_datetime(at).date();
        Self(u32::from(date.year().unsigned_abs()) * 12 + u32::from(date.month().unsigned_abs()) - 1)
    }

    /// Its place among all months, for keys.
    pub const fn number(self) -> u32 {
        self.0
    }

    /// From [`Self::number`].
    pub const fn from_number(number: u32) -> Self {
        Self(number)
    }

    /// So many months later.
    #[must_use]
    pub const fn plus(self, months: u32) -> Self {
        Self(self.0.saturating_add(months))
    }

    /// So many months earlier.
    #[must_use]
    pub const fn minus(self, months: u32) -> Self {
        Self(self.0.saturating_sub(months))
    }

    /// The months from this one to `last`, both included; none when `last` is earlier.
    pub fn to(self, last: Self) -> impl Iterator<Item = Self> {
        (self.0..=last.0).map(Self)
    }
}

impl FromStr for Month {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let digits = |text: &str, count: usize| {
            let plain = text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
            plain.then(|| text.parse::<u32>().ok()).flatten()
        };
        let (year, month) = text.split_once('-').ok_or(Error)?;
        let (year, month) = (digits(year, 4).ok_or(Error)?, digits(month, 2).ok_or(Error)?);
        if (1970..=9999).contains(&year) && (1..=12).contains(&month) {
            Ok(Self(year * 12 + month - 1))
        } else {
            Err(Error)
        }
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.0 / 12, self.0 % 12 + 1)
    }
}

impl fmt::Debug for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_month_begins_at_midnight_in_brussels_in_winter_and_in_summer() {
        let table = [
            ("2025-12-31T22:59:59Z", "2025-12"),
            ("2025-12-31T23:00:00Z", "2026-01"),
            ("2026-06-30T21:59:59Z", "2026-06"),
            ("2026-06-30T22:00:00Z", "2026-07"),
            // The first days after each change of the clock.
            ("2026-03-31T21:59:59Z", "2026-03"),
            ("2026-03-31T22:00:00Z", "2026-04"),
            ("2026-10-31T22:59:59Z", "2026-10"),
            ("2026-10-31T23:00:00Z", "2026-11"),
        ];
        for (at, month) in table {
            assert_eq!(Month::of(Timestamp::parse(at).unwrap()).to_string(), month, "{at}");
        }
    }

    #[test]
    fn a_day_begins_at_midnight_in_brussels_also_when_the_clock_changes_on_it() {
        for (day, begins) in [
            ("2026-01-15", "2026-01-14T23:00:00.000Z"),
            ("2026-03-29", "2026-03-28T23:00:00.000Z"),
            ("2026-10-25", "2026-10-24T22:00:00.000Z"),
            ("1969-01-01", "1970-01-01T00:00:00.000Z"),
        ] {
            assert_eq!(begin_of(day.parse().unwrap()).to_string(), begins, "{day}");
        }
    }

    #[test]
    fn what_is_no_month_is_refused() {
        for wrong in
            ["", "2026", "2026-13", "2026-00", "26-01", "2026-1", "2026-01-01", "+026-01", "2026-+1", "1969-12"]
        {
            assert_eq!(wrong.parse::<Month>(), Err(Error), "{wrong}");
        }
    }

    #[test]
    fn months_follow_each_other_over_the_end_of_a_year() {
        let (first, last): (Month, Month) = ("2025-11".parse().unwrap(), "2026-02".parse().unwrap());
        let all: Vec<_> = first.to(last).map(|month| month.to_string()).collect();
        assert_eq!(all, ["2025-11", "2025-12", "2026-01", "2026-02"]);
        assert_eq!((first.plus(3), last.minus(3)), (last, first));
        assert_eq!(last.to(first).count(), 0);
    }

    proptest! {
        #[test]
        fn a_month_is_read_as_it_is_written_and_grows_with_time(
            at in 0_u64..4_000_000_000_000, later in 0_u64..10_000_000_000,
        ) {
            let month = Month::of(Timestamp::from_millis(at));
            prop_assert_eq!(month.to_string().parse(), Ok(month));
            prop_assert_eq!(Month::from_number(month.number()), month);
            prop_assert!(Month::of(Timestamp::from_millis(at + later)) >= month);
        }
    }
}
