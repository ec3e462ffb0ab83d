//! Days as people of this country count them: by the clock of Brussels.
//!
//! Invariant: the day of a moment is the same on every machine; the rule of that clock stands in `month.rs`.
use jiff::civil::Date;

use super::month::BRUSSELS;
use super::time::Timestamp;

/// The day of a moment.
pub fn of(at: Timestamp) -> Date {
    let millis = i64::try_from(at.millis()).unwrap_or(i64::MAX);
    let at = jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::MAX);
    BRUSSELS.to_datetime(at).date()
}

/// When a day begins; the clock is never changed at midnight. What lies before 1970 begins then.
pub fn begins(day: Date) -> Timestamp {
    let at = BRUSSELS.to_timestamp(day.to_datetime(jiff::civil::Time::midnight()));
    let millis =
        at.map_or(if day.year() < 1970 { 0 } else { u64::MAX }, |at| u64::try_from(at.as_millisecond()).unwrap_or(0));
    Timestamp::from_millis(millis)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn a_day_begins_at_midnight_in_brussels_also_when_the_clock_is_changed() {
        let days = [
            // Winter, the day of 23 hours, the day after it, the day of 25 hours, the day after it.
            ("2026-01-01", "2026-01-01T00:00:00+01:00"),
            ("2026-03-29", "2026-03-29T00:00:00+01:00"),
            ("2026-03-30", "2026-03-30T00:00:00+02:00"),
            ("2026-10-25", "2026-10-25T00:00:00+02:00"),
            ("2026-10-26", "2026-10-26T00:00:00+01:00"),
        ];
        for (day, begin) in days {
            let (day, begin) = (day.parse::<Date>().unwrap(), at(begin));
            assert_eq!(begins(day), begin);
            assert_eq!(of(begin), day);
            assert_eq!(of(Timestamp::from_millis(begin.millis() - 1)), day.yesterday().unwrap());
        }
    }

    #[test]
    fn what_no_clock_shows_has_a_day_all_the_same() {
        assert_eq!(begins(Date::MIN), Timestamp::ZERO);
        assert!(begins(Date::MAX) > begins(Date::constant(9999, 12, 30)));
        // The last moment that the calendar has.
        assert_eq!(of(Timestamp::MAX), Date::constant(9999, 12, 30));
    }

    proptest! {
        #[test]
        fn a_moment_lies_between_the_beginnings_of_its_day_and_of_the_next(millis in 0..7_000_000_000_000_u64) {
            let moment = Timestamp::from_millis(millis);
            let day = of(moment);
            prop_assert!(begins(day) <= moment);
            prop_assert!(moment < begins(day.tomorrow().unwrap()));
        }
    }
}
