//! The date on which a person was born, as far as it is known: the year, the year and month, or the whole date.
//!
//! Invariant: a whole date is one that the calendar has; a day is never known without its month.
//! It must never show a date: no `Display`, a masked `Debug`, and no error that carries a digit of it.
//!
//! Source: the way of the Crossroads Bank for Social Security (BCSS), which writes what is not known with zeros,
//! `1985-00-00` and `1985-07-00`.

use std::fmt;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// The earliest year: nobody born before it is still on a register.
pub const FIRST_YEAR: i16 = 1800;
/// The last year: what comes later is a typing mistake. Whether a date is in the future is asked of
/// [`BirthDate::is_after`], which is given the day.
pub const LAST_YEAR: i16 = 2199;
/// Years by which a whole date may be off, month and day being the same, before it is another date. People say one year
/// too many or too few; more is asked for with [`BirthDate::agrees_within`].
const SLIP_YEARS: u16 = 1;

/// A birth date, possibly incomplete.
///
/// Kept as the number `YYYYMMDD`, with zeros for what is not known, so that dates sort as their numbers do and an
/// incomplete one comes before those that it may stand for. Serialised as that number; deserialising is for what this
/// program has written itself and checks nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BirthDate(u32);

/// Why a text or number is not a birth date. None of these carries any of its digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not one of the written forms.
    #[error("not a birth date: write YYYY-MM-DD, YYYY-MM or YYYY, or zeros for what is not known, as in YYYY-00-00")]
    Form,
    /// A year before [`FIRST_YEAR`] or after [`LAST_YEAR`].
    #[error("the year of a birth date is from {FIRST_YEAR} to {LAST_YEAR}: check the year")]
    Year,
    /// No month from 1 to 12.
    #[error("the month of a birth date is 01 to 12, or 00 when it is not known: check the month")]
    Month,
    /// A day without its month.
    #[error("a birth date has a day and no month: give the month, or write 00 for the day too")]
    DayWithoutMonth,
    /// A day that this month hasn't.
    #[error("the calendar has no such day in that month and year: check the day, or write 00 when it is not known")]
    Day,
}

/// How two birth dates relate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agreement {
    /// The same, known as far.
    Same,
    /// One is less complete, and what both know is the same.
    Compatible,
    /// Different by what people and typists get wrong.
    Near(Slip),
    /// Different.
    Different,
}

/// What could explain that two birth dates differ. Months and days are the same unless it is said otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slip {
    /// Day and month stand in each other's place.
    DayAndMonthSwapped,
    /// One digit differs, anywhere.
    OneDigit,
    /// Two neighbouring digits of the year, the month or the day are swapped.
    DigitsSwapped,
    /// So many years apart, which is within the tolerance.
    Years(u16),
    /// The years are so many apart, within the tolerance that was given, and months or days differ too.
    OnlyYears(u16),
}

impl BirthDate {
    /// A date from its parts; 0 for a month or a day that is not known.
    pub fn new(year: i16, month: u8, day: u8) -> Result<Self, Error> {
        if !(FIRST_YEAR..=LAST_YEAR).contains(&year) {
            return Err(Error::Year);
        }
        if month > 12 {
            return Err(Error::Month);
        }
        if month == 0 && day != 0 {
            return Err(Error::DayWithoutMonth);
        }
        if day != 0 && (day > 31 || Date::new(year, month as i8, day as i8).is_err()) {
            return Err(Error::Day);
        }
        Ok(Self(u32::from(year.unsigned_abs()) * 10_000 + u32::from(month) * 100 + u32::from(day)))
    }

    /// Reads `YYYY-MM-DD`, `YYYY-MM` or `YYYY`, where zeros say that month or day is not known.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let bytes = text.as_bytes();
        let digits = |from: usize, to: usize| {
            bytes[from..to].iter().try_fold(0_u16, |number, byte| match byte {
                b'0'..=b'9' => Ok(number * 10 + u16::from(byte - b'0')),
                _ => Err(Error::Form),
            })
        };
        let dashes = |places: &[usize]| places.iter().all(|&place| bytes[place] == b'-');
        let (year, month, day) = match bytes.len() {
            4 => (digits(0, 4)?, 0, 0),
            7 if dashes(&[4]) => (digits(0, 4)?, digits(5, 7)?, 0),
            10 if dashes(&[4, 7]) => (digits(0, 4)?, digits(5, 7)?, digits(8, 10)?),
            _ => return Err(Error::Form),
        };
        Self::new(year as i16, month as u8, day as u8)
    }

    /// The number `YYYYMMDD`, with zeros for what is not known. It sorts as the dates do.
    pub const fn to_u32(self) -> u32 {
        self.0
    }

    /// From the number that [`Self::to_u32`] gives, checked.
    pub fn from_u32(number: u32) -> Result<Self, Error> {
        let year = i16::try_from(number / 10_000).map_err(|_| Error::Year)?;
        Self::new(year, (number / 100 % 100) as u8, (number % 100) as u8)
    }

    /// The year.
    pub const fn year(self) -> i16 {
        (self.0 / 10_000) as i16
    }

    /// The month, 1 to 12, when it is known.
    pub const fn month(self) -> Option<u8> {
        match (self.0 / 100 % 100) as u8 {
            0 => None,
            month => Some(month),
        }
    }

    /// The day of the month, when it is known.
    pub const fn day(self) -> Option<u8> {
        match (self.0 % 100) as u8 {
            0 => None,
            day => Some(day),
        }
    }

    /// The whole date, when it is known.
    pub fn whole(self) -> Option<Date> {
        Date::new(self.year(), self.month()? as i8, self.day()? as i8).ok()
    }

    /// Whether it lies after `today` for certain: what is not known counts as past.
    pub fn is_after(self, today: Date) -> bool {
        let known = [self.year(), self.month().map_or(0, i16::from), self.day().map_or(0, i16::from)];
        let today = [today.year(), i16::from(today.month()), i16::from(today.day())];
        known > today
    }

    /// As it is known: `1985-07-30`, `1985-07` or `1985`. Only for a channel, or the owner's and the operator's own
    /// view.
    pub fn formatted(self) -> String {
        match (self.month(), self.day()) {
            (Some(month), Some(day)) => format!("{:04}-{month:02}-{day:02}", self.year()),
            (Some(month), None) => format!("{:04}-{month:02}", self.year()),
            _ => format!("{:04}", self.year()),
        }
    }

    /// The BCSS way, always ten characters: `1985-07-30`, `1985-07-00` or `1985-00-00`. Only for a channel, or the
    /// owner's and the operator's own view.
    pub fn formatted_with_zeros(self) -> String {
        format!("{:04}-{:02}-{:02}", self.year(), self.month().unwrap_or(0), self.day().unwrap_or(0))
    }

    /// How this date relates to another. The same the other way round.
    pub fn agrees(self, other: Self) -> Agreement {
        self.agrees_within(other, 0)
    }

    /// As [`Self::agrees`], where years may be up to `years` apart.
    pub fn agrees_within(self, other: Self, years: u16) -> Agreement {
        if self == other {
            return Agreement::Same;
        }
        let apart = self.year().abs_diff(other.year());
        let rest = alike(self.month(), other.month()) && alike(self.day(), other.day());
        if apart == 0 && rest {
            return Agreement::Compatible;
        }
        if rest && apart <= years.max(SLIP_YEARS) {
            return Agreement::Near(Slip::Years(apart));
        }
        if let Some(slip) = self.slip(other) {
            return Agreement::Near(slip);
        }
        if years > 0 && apart <= years { Agreement::Near(Slip::OnlyYears(apart)) } else { Agreement::Different }
    }

    /// The slip of a typist that makes one of the other, both known as far.
    fn slip(self, other: Self) -> Option<Slip> {
        if self.month().is_some() != other.month().is_some() || self.day().is_some() != other.day().is_some() {
            return None;
        }
        if self.year() == other.year() && self.month() == other.day() && self.day() == other.month() {
            return Some(Slip::DayAndMonthSwapped);
        }
        let (mut first, mut second) = (self.0, other.0);
        // Places that differ, from the last, at most the first three.
        let mut places = [0_u32; 3];
        let mut differing = 0;
        for place in 0..8 {
            if first % 10 != second % 10 && differing < places.len() {
                places[differing] = place;
                differing += 1;
            }
            (first, second) = (first / 10, second / 10);
        }
        match (differing, places) {
            (1, _) => Some(Slip::OneDigit),
            (2, [low, high, _]) if high == low + 1 && !matches!(low, 1 | 3) => {
                let digit = |number: u32, place: u32| number / 10_u32.pow(place) % 10;
                let swapped = digit(self.0, low) == digit(other.0, high) && digit(self.0, high) == digit(other.0, low);
                swapped.then_some(Slip::DigitsSwapped)
            }
            _ => None,
        }
    }
}

/// Whether two parts are the same or one is not known.
fn alike(first: Option<u8>, second: Option<u8>) -> bool {
    first.is_none() || second.is_none() || first == second
}

impl From<Date> for BirthDate {
    /// A whole date; a year outside of what [`BirthDate::new`] takes becomes the nearest that it takes.
    fn from(date: Date) -> Self {
        let year = date.year().clamp(FIRST_YEAR, LAST_YEAR);
        Self(u32::from(year.unsigned_abs()) * 10_000 + date.month() as u32 * 100 + date.day() as u32)
    }
}

impl fmt::Debug for BirthDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BirthDate(***)")
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> BirthDate {
        BirthDate::parse(text).expect(text)
    }

    #[test]
    fn each_form_is_read_and_written_as_it_is_known() {
        let table = [
            ("1985-07-30", "1985-07-30", "1985-07-30", 19_850_730),
            ("1985-07", "1985-07", "1985-07-00", 19_850_700),
            ("1985-07-00", "1985-07", "1985-07-00", 19_850_700),
            ("1985", "1985", "1985-00-00", 19_850_000),
            ("1985-00", "1985", "1985-00-00", 19_850_000),
            ("1985-00-00", "1985", "1985-00-00", 19_850_000),
            ("2000-02-29", "2000-02-29", "2000-02-29", 20_000_229),
        ];
        for (text, formatted, zeros, number) in table {
            let born = read(text);
            assert_eq!((born.formatted().as_str(), born.formatted_with_zeros().as_str()), (formatted, zeros));
            assert_eq!(born.to_u32(), number);
            assert_eq!(BirthDate::from_u32(number), Ok(born));
        }
    }

    #[test]
    fn each_rule_refuses_with_its_own_error() {
        let table = [
            ("", Error::Form),
            ("85-07-30", Error::Form),
            ("1985/07/30", Error::Form),
            ("30-07-1985", Error::Form),
            ("1985-7-30", Error::Form),
            ("1985-07-30T00", Error::Form),
            ("+985", Error::Form),
            ("198\u{ff15}", Error::Form),
            ("1799-01-01", Error::Year),
            ("0000-00-00", Error::Year),
            ("2200", Error::Year),
            ("1985-13", Error::Month),
            ("1985-00-30", Error::DayWithoutMonth),
            ("1985-02-29", Error::Day),
            ("1900-02-29", Error::Day),
            ("1985-04-31", Error::Day),
            ("1985-07-99", Error::Day),
        ];
        for (text, error) in table {
            assert_eq!(BirthDate::parse(text), Err(error), "{text}");
        }
        for number in [0, 1985, u32::MAX, 19_850_230, 400_000_101] {
            assert!(BirthDate::from_u32(number).is_err(), "{number}");
        }
    }

    #[test]
    fn what_agrees_and_what_is_a_slip_is_told_apart() {
        use Agreement::{Compatible, Different, Near, Same};
        let table = [
            ("1985-07-30", "1985-07-30", 0, Same),
            ("1985", "1985", 0, Same),
            ("1985-07-30", "1985-07", 0, Compatible),
            ("1985-07-30", "1985", 0, Compatible),
            ("1985-07", "1985", 0, Compatible),
            ("1985-08", "1985-07-30", 0, Different),
            ("1985-07-03", "1985-03-07", 0, Near(Slip::DayAndMonthSwapped)),
            ("1985-07-30", "1985-07-20", 0, Near(Slip::OneDigit)),
            ("1985-07-30", "1965-07-30", 0, Near(Slip::OneDigit)),
            ("1985-07-30", "1985-08-30", 0, Near(Slip::OneDigit)),
            ("1985-07-30", "1958-07-30", 0, Near(Slip::DigitsSwapped)),
            ("1985-07-21", "1985-07-12", 0, Near(Slip::DigitsSwapped)),
            // The last of the month and the first of the day are no neighbours, nor year and month.
            ("1985-02-11", "1985-01-21", 0, Different),
            ("1991-02-03", "1990-12-03", 0, Different),
            ("1989-07-30", "1990-07-30", 0, Near(Slip::Years(1))),
            ("1985", "1986-07-30", 0, Near(Slip::Years(1))),
            ("1985-07-30", "1988-07-30", 3, Near(Slip::Years(3))),
            ("1985-07-30", "1988-04-11", 3, Near(Slip::OnlyYears(3))),
            ("1985-07-30", "1985-04-11", 1, Near(Slip::OnlyYears(0))),
            ("1985-07-30", "1985-04-11", 0, Different),
            ("1985-07-30", "1989-04-11", 3, Different),
            ("1985", "1958", 0, Near(Slip::DigitsSwapped)),
            ("1985", "1992", 0, Different),
        ];
        for (first, second, years, agreement) in table {
            assert_eq!(read(first).agrees_within(read(second), years), agreement, "{first} {second}");
            assert_eq!(read(second).agrees_within(read(first), years), agreement, "{second} {first}");
        }
        assert_eq!(read("1985").agrees(read("1985-07")), Compatible);
    }

    #[test]
    fn what_is_not_known_of_a_birth_date_is_not_in_the_future() {
        let today = date(2026, 11, 23);
        for (text, after) in [
            ("2026-11-23", false),
            ("2026-11-24", true),
            ("2026-11", false),
            ("2026", false),
            ("2026-12", true),
            ("2027", true),
            ("1985-07-30", false),
        ] {
            assert_eq!(read(text).is_after(today), after, "{text}");
        }
    }

    #[test]
    fn no_debug_output_and_no_error_shows_the_date() {
        assert_eq!(format!("{:?}", BirthDate::parse("1985-07-30")), "Ok(BirthDate(***))");
        for text in ["1985-02-30", "1985-13-01", "1985-00-30", "1985-7-30"] {
            let error = BirthDate::parse(text).expect_err(text);
            assert!(!format!("{error:?} {error}").contains("1985"), "{error:?}");
        }
    }

    #[test]
    fn a_birth_date_is_serialised_as_its_number() {
        assert_eq!(serde_json::to_string(&read("1985-07")).expect("a number"), "19850700");
        assert_eq!(serde_json::from_str::<BirthDate>("19850700").expect("a number"), read("1985-07"));
    }

    proptest! {
        #[test]
        fn any_text_and_any_number_is_judged_without_a_panic(text in "\\PC{0,12}", number: u32) {
            let _ = BirthDate::parse(&text);
            if let Ok(born) = BirthDate::from_u32(number) {
                prop_assert_eq!(BirthDate::parse(&born.formatted()), Ok(born));
            }
        }

        #[test]
        fn dates_sort_as_their_numbers_and_read_back(year in 1800_i16..=2199, month in 1_i8..=12, day in 1_i8..=28, later in 1_i32..100_000) {
            let first = date(year, month, day);
            let born = BirthDate::from(first);
            prop_assert_eq!(born.whole(), Some(first));
            prop_assert_eq!(BirthDate::parse(&born.formatted_with_zeros()), Ok(born));
            if let Some(second) = first.checked_add(jiff::Span::new().days(later)).ok().filter(|date| date.year() <= LAST_YEAR) {
                prop_assert!(born.to_u32() < BirthDate::from(second).to_u32());
            }
        }

        #[test]
        fn agreement_is_the_same_the_other_way_round(first in 19_850_000_u32..19_871_232, second in 19_850_000_u32..19_871_232, years in 0_u16..3) {
            if let (Ok(first), Ok(second)) = (BirthDate::from_u32(first), BirthDate::from_u32(second)) {
                prop_assert_eq!(first.agrees_within(second, years), second.agrees_within(first, years));
            }
        }
    }
}
