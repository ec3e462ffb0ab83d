//! Valid Belgian mobile numbers for demonstrations and load.
//!
//! Invariant: `generate` stays in 0470 to 0499, so it never gives a number of the sandbox (0460 00). The numbers are valid in form, so
//! some are somebody's: they must not be sent to a live channel.

/// How many different numbers [`generate`] gives before it starts again.
pub const DISTINCT: u64 = 30_000_000;

/// The valid mobile number `index` in E.164 with its plus sign; different for each index below [`DISTINCT`].
pub fn generate(index: u64) -> String {
    // A multiplier without a factor in common with DISTINCT makes neighbours look unrelated.
    format!("+32{}", 470_000_000 + (index % DISTINCT) * 7_654_321 % DISTINCT)
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
}
