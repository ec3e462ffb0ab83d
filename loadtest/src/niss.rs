//! Valid NISSs that no run mixes up: a generator and the check.
//!
//! Owns the check digits as published for the National Register number: CC = 97 - (N mod 97), N with a 2 before it for births
//! from 2000 on. Invariant: `generate` never gives a number of the sandbox (births of 1 January 1900) nor a birth date to come. The numbers
//! are valid in form, so some may be somebody's: they must not be sent to a live channel.

use jiff::{ToSpan, civil::Date};

const FIRST_BIRTH: Date = jiff::civil::date(1930, 1, 1);
const DAYS: u64 = 28_489; // to 2007-12-31, so that all are adults
const THIS_CENTURY: Date = jiff::civil::date(2000, 1, 1);
const FROM_2000: u64 = 2_922; // of these
const SEQUENCES: u64 = 998; // 001 to 998, as the register gives them out
/// Without a factor in common with `DAYS`, so that neighbours are spread over the years; and its inverse modulo `DAYS`.
const STEP: u64 = 7_919;
const BACK: u64 = 4_112;

/// How many different numbers [`generate`] gives before it starts again.
pub const DISTINCT: u64 = DAYS * SEQUENCES;

/// The valid NISS number `index`, 11 digits; different for each index below [`DISTINCT`].
pub fn generate(index: u64) -> String {
    let index = index % DISTINCT;
    let day = (index % DAYS) * STEP % DAYS;
    let birth = FIRST_BIRTH.checked_add((day as i64).days()).expect("invariant: less than eighty years after 1930");
    with_check(birth, (index / DAYS + 1) as u16)
}

/// The index below [`DISTINCT`] of which [`generate`] makes this number; none when it makes no such number.
pub fn index(niss: &str) -> Option<u64> {
    let number: u64 = niss.parse().ok().filter(|_| niss.len() == 11)?;
    let (nine, check) = (number / 100, number % 100);
    let (date, sequence) = (nine / 1_000, nine % 1_000);
    let century = if check == check_digits(nine, false) { 1900 } else { 2000 };
    let (year, month, day) = (century + date / 10_000, date / 100 % 100, date % 100);
    let birth = Date::new(year as i16, month as i8, day as i8).ok()?;
    let days = u64::try_from(FIRST_BIRTH.until(birth).ok()?.get_days()).ok().filter(|days| *days < DAYS)?;
    let index = sequence.checked_sub(1)? * DAYS + days * BACK % DAYS;
    (index < DISTINCT && check == check_digits(nine, century == 2000)).then_some(index)
}

/// The valid NISS at `place` of `of` (at most [`DISTINCT`]) in the order of their digits, spread evenly over all birth dates, and the date. Of
/// one `of` they differ.
pub fn in_order(place: u64, of: u64) -> (String, Date) {
    let spread = u128::from(place) * u128::from(DISTINCT) / u128::from(of.max(1));
    let spread = spread.min(u128::from(DISTINCT - 1)) as u64;
    let day = spread / SEQUENCES;
    // By their digits 00 to 07 come before 30 to 99.
    let birth = day.checked_sub(FROM_2000).map_or((THIS_CENTURY, day), |after| (FIRST_BIRTH, after));
    let birth = birth.0.checked_add((birth.1 as i64).days()).expect("invariant: no more days than births have");
    (with_check(birth, (spread % SEQUENCES + 1) as u16), birth)
}

/// The NISS of a birth date and a sequence (at most 999).
pub(crate) fn with_check(birth: Date, sequence: u16) -> String {
    let nine = (u64::from(birth.year().unsigned_abs()) % 100) * 10_000_000
        + u64::from(birth.month().unsigned_abs()) * 100_000
        + u64::from(birth.day().unsigned_abs()) * 1_000
        + u64::from(sequence);
    let check = check_digits(nine, birth.year() >= 2000);
    format!("{nine:09}{check:02}")
}

/// Whether `text` is 11 digits whose check fits a birth in the last century, or in this one up to this year.
pub fn is_valid(text: &str) -> bool {
    let this_year = jiff::tz::Offset::UTC.to_datetime(jiff::Timestamp::now()).year();
    is_valid_in(text, this_year)
}

fn is_valid_in(text: &str, this_year: i16) -> bool {
    if text.len() != 11 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return false;
    }
    let Ok(all) = text.parse::<u64>() else { return false };
    let (nine, check) = (all / 100, all % 100);
    let born = 2000 + nine / 10_000_000;
    check == check_digits(nine, false)
        || (check == check_digits(nine, true) && born <= u64::from(this_year.unsigned_abs()))
}

fn check_digits(nine: u64, from_2000: bool) -> u64 {
    let number = if from_2000 { 2_000_000_000 + nine } else { nine };
    97 - number % 97
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn check_follows_the_published_vectors() {
        for valid in
            ["85073003328", "17073003384", "85073006197", "40000000163", "85273003371", "85473003317", "05200000179"]
        {
            assert!(is_valid_in(valid, 2026), "{valid}");
        }
        for invalid in ["99073003360", "8507300332", "850730033280", "8507300332x", "85073003329", ""] {
            assert!(!is_valid_in(invalid, 2026), "{invalid}");
        }
        assert!(is_valid_in("99073003360", 2099), "born in 2099");
    }

    #[test]
    fn generated_numbers_are_valid_and_differ() {
        let some = (0..20_000).chain(DISTINCT - 20_000..DISTINCT);
        let numbers: HashSet<String> = some.clone().map(generate).collect();
        assert_eq!(numbers.len(), some.count());
        assert!(numbers.iter().all(|number| is_valid(number)));
        assert!(numbers.iter().all(|number| crate::sandbox::Behaviour::of(number).is_none()));
        assert_eq!(generate(DISTINCT), generate(0));
    }

    #[test]
    fn the_index_of_a_number_is_the_one_that_it_was_made_of() {
        for at in (0..60_000).chain(DISTINCT - 60_000..DISTINCT) {
            assert_eq!(index(&generate(at)), Some(at));
        }
        for other in ["", "+32470000000", "8507300332", "85073003329", "00010100197", "20010199999"] {
            assert_eq!(index(other), None, "{other}");
        }
    }

    #[test]
    fn numbers_in_order_rise_by_their_digits_and_are_valid() {
        for of in [1, 7, 20_000, DISTINCT] {
            let places = (0..of.min(20_000))
                .chain(of.saturating_sub(20_000)..of)
                .chain([of / 9, of / 9 + 1].into_iter().filter(|at| *at < of));
            let mut places: Vec<u64> = places.collect();
            places.sort_unstable();
            places.dedup();
            let numbers: Vec<String> = places.iter().map(|place| in_order(*place, of).0).collect();
            assert!(numbers.windows(2).all(|two| two[0] < two[1]), "{of}");
            assert!(numbers.iter().all(|number| is_valid(number) && index(number).is_some()), "{of}");
        }
        assert_eq!(in_order(0, DISTINCT).1, THIS_CENTURY);
        assert_eq!(in_order(DISTINCT - 1, DISTINCT).1, jiff::civil::date(1999, 12, 31));
    }

    #[test]
    fn every_day_up_to_the_last_is_used_and_none_after_it() {
        let last = FIRST_BIRTH.checked_add((DAYS as i64 - 1).days()).expect("in range");
        assert_eq!(last, jiff::civil::date(2007, 12, 31));
    }
}
