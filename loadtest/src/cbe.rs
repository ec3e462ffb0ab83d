//! Valid CBE (enterprise) numbers: a generator and the check.
//!
//! Owns the check digits: the last two = 97 - (first eight mod 97). Invariant: `generate` gives numbers that the check passes.

/// How many different numbers [`generate`] gives before it starts again.
pub const DISTINCT: u64 = 17_000_000;

/// The valid CBE number `index`, 10 digits; different for each index below [`DISTINCT`].
pub fn generate(index: u64) -> String {
    let eight = 2_000_000 + (index % DISTINCT) * 7_654_321 % DISTINCT;
    format!("{eight:08}{:02}", 97 - eight % 97)
}

/// Whether `text` is 10 digits, the first 0 or 1, with a check that fits.
pub fn is_valid(text: &str) -> bool {
    if text.len() != 10 || !text.starts_with(['0', '1']) || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return false;
    }
    let Ok(all) = text.parse::<u64>() else {
        return false;
    };
    all % 100 == 97 - (all / 100) % 97
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn check_follows_the_published_vectors() {
        for (number, valid) in [
            ("0403019261", true),
            ("0206731645", true),
            ("1000000055", false),
            ("0200004298", false),
            ("403019261", false),
            ("2403019261", false),
        ] {
            assert_eq!(is_valid(number), valid, "{number}");
        }
    }

    #[test]
    fn generated_numbers_are_valid_and_differ() {
        let numbers: HashSet<String> = (0..50_000).map(generate).collect();
        assert_eq!(numbers.len(), 50_000);
        assert!(numbers.iter().all(|number| is_valid(number)));
    }
}
