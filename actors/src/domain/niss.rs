//! The number that identifies a citizen (NISS, INSZ, SSIN): what is accepted, and what follows from its digits.
//!
//! Invariant: a [`Niss`] that came out of [`Niss::parse`] has the right form, a right check number and no birth date
//! in the future of the day it was parsed.
//! It must never show a number: no `Display`, a masked `Debug`, and no error that carries a digit of it.
//!
//! Source: the rules of the National Register and of the Crossroads Bank for Social Security (BCSS) for `YYMMDD NNN CC`.

use std::fmt;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// How many digits a NISS has.
const DIGITS: usize = 11;
/// The check number is 97 less the remainder of a division by 97.
const MODULUS: u64 = 97;
/// A 2 written before the first nine digits: births from 2000 on.
const SECOND_CENTURY: u64 = 2_000_000_000;

/// A NISS: eleven digits, kept as the number that they make.
///
/// Serialised as that number, which is compact in binary records. An edge that reads text uses [`Niss::parse`];
/// deserialising is for what this program has written itself and checks nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Niss(u64);

/// Who gave a number out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The National Register (month 00 to 12).
    NationalRegister,
    /// The Crossroads Bank, for those who are not in the National Register (month + 20 or + 40; "BIS number").
    Bcss,
}

/// The sex that a number tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sex {
    /// An even sequence number.
    Female,
    /// An odd sequence number.
    Male,
}

/// Why a text is not a NISS. None of these carries any of its digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Something else than a digit or one of the separators `.`, `-` and space.
    #[error("a NISS has digits only, written YYMMDDNNNCC or YY.MM.DD-NNN.CC: remove every other character")]
    NotDigits,
    /// Not eleven digits.
    #[error("a NISS has 11 digits and this one has {digits}: give all of them, leading zeros too")]
    Length {
        /// How many there were.
        digits: usize,
    },
    /// A separator elsewhere than between the groups of the written form, or two together.
    #[error(
        "the separators of a NISS stand between its groups, as in YY.MM.DD-NNN.CC: write it so or without separators"
    )]
    Separator,
    /// No month, and no month plus 20 or 40.
    #[error("the third and fourth digit of a NISS are a month, 00 to 12, or that plus 20 or 40: check the number")]
    Month,
    /// A day above 31.
    #[error("the fifth and sixth digit of a NISS are a day, 00 to 31: check the number")]
    Day,
    /// Sequence 000 in the National Register.
    #[error("the National Register gives no sequence number 000: check the number")]
    Sequence,
    /// The last two digits don't follow from the others.
    #[error("the last two digits of this NISS don't fit the others: check the number for a typing mistake")]
    CheckDigits,
    /// Born after today.
    #[error("this NISS has a birth date in the future: check the number, and the clock")]
    FutureBirth,
}

impl Error {
    /// A stable word for this error, for answers to programs.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::NotDigits => "not_digits",
            Self::Length { .. } => "length",
            Self::Separator => "separator",
            Self::Month => "month",
            Self::Day => "day",
            Self::Sequence => "sequence",
            Self::CheckDigits => "check_digits",
            Self::FutureBirth => "future_birth",
        }
    }
}

impl Niss {
    /// Reads eleven digits, or the written form `85.07.30-033.28`, where any of `.`, `-` and space may stand between
    /// two groups, once. `today` is the day against which a birth date is in the future.
    pub fn parse(text: &str, today: Date) -> Result<Self, Error> {
        let mut value = 0_u64;
        let mut digits = 0_usize;
        let mut after_separator = false;
        let mut misplaced = false;
        for byte in text.bytes() {
            match byte {
                b'0'..=b'9' => {
                    if digits < DIGITS {
                        value = value * 10 + u64::from(byte - b'0');
                    }
                    digits += 1;
                    after_separator = false;
                }
                b'.' | b'-' | b' ' => {
                    misplaced |= after_separator || !matches!(digits, 2 | 4 | 6 | 9);
                    after_separator = true;
                }
                _ => return Err(Error::NotDigits),
            }
        }
        if digits != DIGITS {
            return Err(Error::Length { digits });
        }
        if misplaced {
            return Err(Error::Separator);
        }
        Self(value).checked(today)
    }

    /// The BCSS number of these parts: the month as it is, 1 to 12, and 0 for a month or day that is not known. None when the
    /// number has no place for them, or when the sequence number doesn't tell the sex that is known.
    pub const fn bcss(year: i16, month: u8, day: u8, sex: Option<Sex>, sequence: u16) -> Option<Self> {
        if !matches!(year, 1900..=2099) || month > 12 || day > 31 || sequence > 999 {
            return None;
        }
        let added = match sex {
            None => 20,
            Some(Sex::Male) if sequence % 2 == 1 => 40,
            Some(Sex::Female) if sequence.is_multiple_of(2) => 40,
            Some(_) => return None,
        };
        let six = (year as u64 % 100 * 100 + month as u64 + added) * 100 + day as u64;
        let nine = six * 1_000 + sequence as u64;
        let check = check_of(if year < 2000 { nine } else { SECOND_CENTURY + nine });
        Some(Self(nine * 100 + check))
    }

    /// Takes the number that an earlier [`Niss::as_u64`] gave, unchecked: for records that this program wrote itself.
    pub const fn from_trusted_u64(value: u64) -> Self {
        Self(value)
    }

    /// The number that the eleven digits make.
    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// Whether it is reserved for the sandbox: a National Register number of 1 January 1900. (Of 2000 they are
    /// citizens': the check digits tell them apart.)
    pub fn is_reserved(&self) -> bool {
        self.0 / 100_000 == 101 && self.year() == Some(1900)
    }

    /// The eleven digits. Only for a channel, or the owner's and the operator's own view.
    pub fn digits(&self) -> String {
        self.ascii().iter().map(|digit| char::from(*digit)).collect()
    }

    /// The same, as characters of ASCII, with no memory of their own. Only for the owner's and the operator's own view.
    pub fn ascii(&self) -> [u8; 11] {
        let (mut digits, mut left) = ([b'0'; 11], self.0);
        for digit in digits.iter_mut().rev() {
            *digit += (left % 10) as u8;
            left /= 10;
        }
        digits
    }

    /// The written form, `85.07.30-033.28`. Only for the owner's and the operator's own view.
    pub fn formatted(&self) -> String {
        format!(
            "{:02}.{:02}.{:02}-{:03}.{:02}",
            self.year_in_century(),
            self.month_field(),
            self.day(),
            self.sequence(),
            self.check()
        )
    }

    /// Who gave the number out.
    pub const fn kind(&self) -> Kind {
        if self.month_field() < 20 { Kind::NationalRegister } else { Kind::Bcss }
    }

    /// The birth date, when month and day are known and the calendar has that day.
    pub fn birth_date(&self) -> Option<Date> {
        Date::new(self.year()?, self.month() as i8, self.day() as i8).ok()
    }

    /// The sex, unless it was unknown when the number was created (BCSS, month + 20).
    pub const fn sex(&self) -> Option<Sex> {
        match self.month_field() {
            20..40 => None,
            _ if self.sequence() % 2 == 1 => Some(Sex::Male),
            _ => Some(Sex::Female),
        }
    }

    /// The checks behind the form. Rules first, check digits next: the message then says what is wrong.
    fn checked(self, today: Date) -> Result<Self, Error> {
        if !matches!(self.month_field(), 0..=12 | 20..=32 | 40..=52) {
            return Err(Error::Month);
        }
        if self.day() > 31 {
            return Err(Error::Day);
        }
        if self.sequence() == 0 && self.kind() == Kind::NationalRegister {
            return Err(Error::Sequence);
        }
        let year = self.year().ok_or(Error::CheckDigits)?;
        if self.is_born_after(year, today) { Err(Error::FutureBirth) } else { Ok(self) }
    }

    /// Whether what is known of the birth date lies after `today`. A part that is not known counts as past, and so
    /// does a day that the calendar doesn't have: refusing a citizen is worse.
    fn is_born_after(self, year: i16, today: Date) -> bool {
        let month = self.month() as i8;
        if year != today.year() || month == 0 {
            return year > today.year();
        }
        if month != today.month() {
            return month > today.month();
        }
        self.birth_date().is_some_and(|born| born > today)
    }

    /// The four digits of the birth year. The check number tells the century: the same nine digits have one check for
    /// 19xx and another for 20xx. `None` when it fits neither.
    const fn year(self) -> Option<i16> {
        let nine = self.0 / 100;
        let year = self.year_in_century() as i16;
        if self.check() == check_of(nine) {
            Some(1900 + year)
        } else if self.check() == check_of(SECOND_CENTURY + nine) {
            Some(2000 + year)
        } else {
            None
        }
    }

    const fn year_in_century(self) -> u64 {
        self.0 / 1_000_000_000 % 100
    }

    /// The month as written, with its 20 or 40.
    const fn month_field(self) -> u64 {
        self.0 / 10_000_000 % 100
    }

    const fn month(self) -> u64 {
        self.month_field() % 20
    }

    const fn day(self) -> u64 {
        self.0 / 100_000 % 100
    }

    const fn sequence(self) -> u64 {
        self.0 / 100 % 1000
    }

    const fn check(self) -> u64 {
        self.0 % 100
    }
}

/// A remainder of 0 gives 97, never 00.
const fn check_of(number: u64) -> u64 {
    MODULUS - number % MODULUS
}

impl fmt::Debug for Niss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Niss(***)")
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;

    const TODAY: Date = date(2026, 11, 23);

    fn parse(text: &str) -> Result<Niss, Error> {
        Niss::parse(text, TODAY)
    }

    /// Nine digits completed with their check for the century of `year`.
    fn written(year: u64, month: u64, day: u64, sequence: u64) -> String {
        let nine = ((year % 100 * 100 + month) * 100 + day) * 1000 + sequence;
        let check = check_of(if year < 2000 { nine } else { SECOND_CENTURY + nine });
        format!("{nine:09}{check:02}")
    }

    #[test]
    fn the_known_numbers_are_read_for_what_they_are() {
        use Kind::{Bcss, NationalRegister};
        use Sex::{Female, Male};
        let table = [
            ("85073003328", NationalRegister, Some(Male), Some(date(1985, 7, 30))),
            ("17073003384", NationalRegister, Some(Male), Some(date(2017, 7, 30))),
            ("85073006197", NationalRegister, Some(Male), Some(date(1985, 7, 30))),
            ("40000000163", NationalRegister, Some(Male), None),
            ("85273003371", Bcss, None, Some(date(1985, 7, 30))),
            ("85473003317", Bcss, Some(Male), Some(date(1985, 7, 30))),
            ("05200000179", Bcss, None, None),
            (&written(1960, 2, 31, 2), NationalRegister, Some(Female), None),
            (&written(1960, 0, 17, 2), NationalRegister, Some(Female), None),
            (&written(1960, 5, 0, 2), NationalRegister, Some(Female), None),
            (&written(1960, 25, 1, 0), Bcss, None, Some(date(1960, 5, 1))),
            (&written(2000, 2, 29, 1), NationalRegister, Some(Male), Some(date(2000, 2, 29))),
            (&written(1900, 2, 29, 1), NationalRegister, Some(Male), None),
        ];
        for (text, kind, sex, birth) in table {
            let niss = parse(text).expect(text);
            assert_eq!((niss.kind(), niss.sex(), niss.birth_date()), (kind, sex, birth), "{text}");
            assert_eq!(niss.digits(), text);
        }
    }

    #[test]
    fn the_known_bcss_numbers_are_made_from_their_parts() {
        let made =
            |year, month, day, sex, sequence| Niss::bcss(year, month, day, sex, sequence).map(|made| made.digits());
        assert_eq!(made(1985, 7, 30, None, 33).as_deref(), Some("85273003371"));
        assert_eq!(made(1985, 7, 30, Some(Sex::Male), 33).as_deref(), Some("85473003317"));
        assert_eq!(made(2005, 0, 0, None, 1).as_deref(), Some("05200000179"));
        assert_eq!(made(1985, 7, 30, Some(Sex::Female), 33), None, "an odd number is a man's");
        for (year, month, day, sequence) in
            [(1899, 1, 1, 1), (2100, 1, 1, 1), (1985, 13, 1, 1), (1985, 1, 32, 1), (1985, 1, 1, 1_000)]
        {
            assert_eq!(made(year, month, day, None, sequence), None, "{year} {month} {day} {sequence}");
        }
    }

    #[test]
    fn each_rule_refuses_with_its_own_error() {
        let table = [
            // Its check is that of 2099.
            ("99073003360", Error::FutureBirth),
            ("85073003329", Error::CheckDigits),
            ("85073003300", Error::CheckDigits),
            ("85073003398", Error::CheckDigits),
            ("85073003399", Error::CheckDigits),
            ("", Error::Length { digits: 0 }),
            ("8507300332", Error::Length { digits: 10 }),
            ("850730033280", Error::Length { digits: 12 }),
            ("85.07.30-033", Error::Length { digits: 9 }),
            ("850730033280000000000000000000", Error::Length { digits: 30 }),
            ("8507300332A", Error::NotDigits),
            ("85/07/30-033.28", Error::NotDigits),
            ("\u{ff18}5073003328", Error::NotDigits),
            ("85073003328\n", Error::NotDigits),
            (" 85073003328", Error::Separator),
            ("85073003328 ", Error::Separator),
            ("8.5073003328", Error::Separator),
            ("85..07.30-033.28", Error::Separator),
            (&written(1985, 13, 1, 1), Error::Month),
            (&written(1985, 19, 1, 1), Error::Month),
            (&written(1985, 33, 1, 1), Error::Month),
            (&written(1985, 53, 1, 1), Error::Month),
            (&written(1985, 60, 1, 1), Error::Month),
            (&written(1985, 7, 32, 1), Error::Day),
            (&written(1985, 7, 30, 0), Error::Sequence),
            (&written(2026, 11, 24, 1), Error::FutureBirth),
            (&written(2026, 12, 0, 1), Error::FutureBirth),
            (&written(2027, 0, 0, 1), Error::FutureBirth),
            (&written(2085, 27, 30, 33), Error::FutureBirth),
        ];
        for (text, error) in table {
            assert_eq!(parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn what_is_not_known_of_a_birth_date_is_not_in_the_future() {
        for (month, day) in [(11, 23), (11, 0), (0, 0), (0, 31), (11, 31), (31, 23), (51, 0)] {
            let text = written(2026, month, day, 1);
            assert!(parse(&text).is_ok(), "{text}");
        }
    }

    #[test]
    fn the_written_form_reads_back() {
        for text in ["85.07.30-033.28", "85 07 30 033 28", "850730-033-28", "850730 03328"] {
            let niss = parse(text).expect(text);
            assert_eq!(niss.digits(), "85073003328");
            assert_eq!(niss.formatted(), "85.07.30-033.28");
        }
    }

    #[test]
    fn no_debug_output_and_no_error_shows_the_number() {
        assert_eq!(format!("{:?}", parse("85073003328")), "Ok(Niss(***))");
        for text in ["99073003360", "85073003329", "8507300332", "85133003328", "8507300332x"] {
            let error = parse(text).expect_err(text);
            assert!(!format!("{error:?} {error}").contains(&text[..9]), "{error:?}");
        }
    }

    #[test]
    fn a_niss_is_serialised_as_its_number() {
        let niss = parse("05200000179").expect("a vector");
        assert_eq!(serde_json::to_string(&niss).expect("a number"), "5200000179");
        assert_eq!(serde_json::from_str::<Niss>("5200000179").expect("a number"), niss);
        assert_eq!(Niss::from_trusted_u64(niss.as_u64()), niss);
    }

    proptest! {
        #[test]
        fn a_bcss_number_that_was_made_is_read_back_as_what_it_was_made_of(
            year in 1900_i16..=2026, month in 0_u8..=12, day in 0_u8..=31, sex in 0_u8..3, sequence in 0_u16..1_000,
        ) {
            let sex = [None, Some(Sex::Female), Some(Sex::Male)][usize::from(sex)];
            let made = Niss::bcss(year, month, day, sex, sequence);
            let parity = if sequence % 2 == 1 { Sex::Male } else { Sex::Female };
            prop_assert_eq!(made.is_some(), sex.is_none_or(|sex| sex == parity));
            let Some(made) = made else { return Ok(()) };
            match parse(&made.digits()) {
                Ok(read) => prop_assert_eq!((read, read.kind(), read.sex(), read.year()), (made, Kind::Bcss, sex, Some(year))),
                Err(error) => {
                    prop_assert_eq!(error, Error::FutureBirth);
                    prop_assert_eq!(year, 2026);
                }
            }
            if let Ok(born) = Date::new(year, month as i8, day as i8) {
                prop_assert_eq!(made.birth_date(), Some(born));
            }
        }

        #[test]
        fn any_text_is_judged_without_a_panic(text in "\\PC{0,40}") {
            let _ = parse(&text);
        }

        #[test]
        fn an_unchecked_number_never_panics(value: u64) {
            let niss = Niss::from_trusted_u64(value);
            let _ = (niss.kind(), niss.sex(), niss.birth_date(), niss.digits(), niss.formatted());
        }

        #[test]
        fn a_number_made_by_the_rules_is_accepted_and_reads_back(
            year in 1900_u64..=2025, month in 0_u64..=12, kind in 0_u64..3, day in 0_u64..=31, sequence in 1_u64..=999,
        ) {
            let text = written(year, month + 20 * kind, day, sequence);
            let niss = parse(&text).expect("made by the rules");
            prop_assert_eq!(niss.digits(), text.clone());
            prop_assert_eq!(parse(&niss.formatted()), Ok(niss));
            prop_assert_eq!(niss.kind() == Kind::NationalRegister, kind == 0);
            prop_assert_eq!(niss.sex().is_none(), kind == 1);
            prop_assert_eq!(niss.birth_date(), Date::new(year as i16, month as i8, day as i8).ok());
        }

        #[test]
        fn a_single_wrong_digit_is_noticed(
            year in 1900_u64..=1999, month in 1_u64..=12, day in 1_u64..=28, sequence in 1_u64..=998,
            place in 0_usize..11, other in 0_u8..10,
        ) {
            let text = written(year, month, day, sequence);
            let mut wrong = text.clone().into_bytes();
            prop_assume!(wrong[place] != b'0' + other);
            wrong[place] = b'0' + other;
            let wrong = String::from_utf8(wrong).expect("digits");
            // With one digit changed a number of the 1900s may be right for the 2000s; that is all it may be.
            if let Ok(niss) = parse(&wrong) {
                prop_assert!(niss.year().is_some_and(|year| year >= 2000));
            }
        }

        #[test]
        fn nothing_accepted_today_is_refused_tomorrow(value in 0_u64..100_000_000_000) {
            let text = format!("{value:011}");
            if parse(&text).is_ok() {
                prop_assert!(Niss::parse(&text, date(2027, 1, 1)).is_ok());
            }
        }
    }
}
