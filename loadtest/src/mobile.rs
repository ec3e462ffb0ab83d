//! Valid Belgian mobile numbers for demonstrations and load.
//!
//! Invariant: `generate` stays in 0470 to 0499, so it never gives a number of the sandbox (0460 00). The numbers are valid in form, so
//! some are somebody's: they must not be sent to a live channel.

/// How many different numbers [`generate`] gives before it starts again.
pub const DISTINCT: u64 = 30_000_000;
/// Without a factor in common with [`DISTINCT`], so that neighbours look unrelated.
const STEP: u64 = 7_654_321;
/// `STEP * BACK` leaves 1 when divided by [`DISTINCT`].
const BACK: u64 = 10_000_081;

/// The valid mobile number `index` in E.164 with its plus sign; different for each index below [`DISTINCT`].
pub fn generate(index: u64) -> String {
    format!("+32{}", 470_000_000 + (index % DISTINCT) * STEP % DISTINCT)
}

/// The index below [`DISTINCT`] of which [`generate`] makes this number; none when it makes no such number.
pub fn index(number: &str) -> Option<u64> {
    let national: u64 = number.strip_prefix("+32")?.parse().ok()?;
    let place = national.checked_sub(470_000_000).filter(|place| *place < DISTINCT)?;
    Some(place * BACK % DISTINCT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn generated_numbers_are_belgian_mobiles_and_differ() {
        let numbers: HashSet<String> = (0..100_000).map(generate).collect();
        assert_eq!(numbers.len(), 100_000);
        for number in &numbers {
            assert_eq!(number.len(), 12);
            assert!(["+3247", "+3248", "+3249"].contains(&&number[..5]), "{number}");
        }
        assert_eq!(generate(DISTINCT), generate(0));
    }

    #[test]
    fn the_index_of_a_number_is_the_one_that_it_was_made_of() {
        for at in (0..5_000).chain(DISTINCT - 5_000..DISTINCT) {
            assert_eq!(index(&generate(at)), Some(at));
        }
        for other in ["", "+32460000101", "+32500000000", "32470000000", "85073003328"] {
            assert_eq!(index(other), None, "{other}");
        }
    }
}
