//! How many typing errors lie between two names: letters put in, left out, taken for another, or swapped with their
//! neighbour (optimal string alignment). All rows of the table are counted at once in the bits of a word.
//!
//! Invariant: the same the other way round; no allocation; a name has at most as many letters as a word has bits.
//!
//! Source: H. Hyyrö, "A bit-vector algorithm for computing Levenshtein and Damerau edit distances", 2003.

use super::MOST_LETTERS;

const LETTERS: usize = 26;

/// A name prepared to be compared with many: for each letter the places where it stands.
#[derive(Clone)]
pub struct Pattern {
    places: [u64; LETTERS],
    len: u32,
}

impl Pattern {
    /// Of letters `a` to `z`; whatever else there is parts words and is passed over.
    pub fn new(letters: &[u8]) -> Self {
        let mut pattern = Self { places: [0; LETTERS], len: 0 };
        for letter in letters.iter().take(MOST_LETTERS + 1) {
            if let Some(places) = pattern.places.get_mut(usize::from(letter.wrapping_sub(b'a'))) {
                *places |= 1 << pattern.len;
                pattern.len += 1;
            }
        }
        pattern
    }

    /// How many letters it has.
    pub const fn len(&self) -> u32 {
        self.len
    }

    /// Typing errors between this name and another.
    #[cfg(test)]
    pub fn distance(&self, letters: &[u8]) -> u32 {
        self.measured(letters).0
    }

    /// From 0, nothing in common, to 1, the same.
    pub fn similarity(&self, letters: &[u8]) -> f32 {
        let (distance, len) = self.measured(letters);
        match self.len.max(len) {
            0 => 1.0,
            longest => 1.0 - distance as f32 / longest as f32,
        }
    }

    /// The distance, and how many letters the other has.
    fn measured(&self, letters: &[u8]) -> (u32, u32) {
        let mut len = 0;
        let mut distance = self.len;
        let last = 1_u64.checked_shl(self.len.wrapping_sub(1)).unwrap_or(0);
        // Where a row's value is one more (`up`) or one less (`down`) than that of the row above it.
        let (mut up, mut down) = (u64::MAX, 0_u64);
        let (mut same, mut before) = (0_u64, 0_u64);
        for letter in letters {
            let Some(&places) = self.places.get(usize::from(letter.wrapping_sub(b'a'))) else { continue };
            len += 1;
            let swapped = ((!same & places) << 1) & before;
            same = ((places & up).wrapping_add(up) ^ up) | places | down | swapped;
            let mut grown = down | !(same | up);
            let mut shrunk = same & up;
            distance = distance + u32::from(grown & last != 0) - u32::from(shrunk & last != 0);
            grown = (grown << 1) | 1;
            shrunk <<= 1;
            up = shrunk | !(same | grown);
            down = grown & same;
            before = places;
        }
        (if self.len == 0 { len } else { distance }, len)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The table of the textbook.
    fn plain(first: &[u8], second: &[u8]) -> u32 {
        let mut table = vec![vec![0_u32; second.len() + 1]; first.len() + 1];
        for i in 0..=first.len() {
            for j in 0..=second.len() {
                table[i][j] = if i == 0 || j == 0 {
                    (i + j) as u32
                } else {
                    let cost = u32::from(first[i - 1] != second[j - 1]);
                    let mut best = (table[i - 1][j] + 1).min(table[i][j - 1] + 1).min(table[i - 1][j - 1] + cost);
                    if i > 1 && j > 1 && first[i - 1] == second[j - 2] && first[i - 2] == second[j - 1] {
                        best = best.min(table[i - 2][j - 2] + 1);
                    }
                    best
                };
            }
        }
        table[first.len()][second.len()]
    }

    #[test]
    fn each_typing_error_counts_one() {
        for (first, second, errors) in [
            ("peeters", "peeters", 0),
            ("peeters", "pieters", 1),
            ("peeters", "peters", 1),
            ("peeters", "peetrs", 1),
            ("peeters", "peetesr", 1),
            ("peeters", "maes", 5),
            ("", "maes", 4),
            ("maes", "", 4),
            ("", "", 0),
        ] {
            assert_eq!(Pattern::new(first.as_bytes()).distance(second.as_bytes()), errors, "{first} {second}");
        }
    }

    proptest! {
        #[test]
        fn the_bits_count_as_the_table_does(first in "[a-d]{0,63}", second in "[a-d]{0,63}") {
            let counted = Pattern::new(first.as_bytes()).distance(second.as_bytes());
            prop_assert_eq!(counted, plain(first.as_bytes(), second.as_bytes()));
            prop_assert_eq!(counted, Pattern::new(second.as_bytes()).distance(first.as_bytes()));
        }

        #[test]
        fn whatever_is_no_letter_is_passed_over(first in "\\PC{0,90}", second in "\\PC{0,90}") {
            let similarity = Pattern::new(first.as_bytes()).similarity(second.as_bytes());
            prop_assert!((0.0..=1.0).contains(&similarity));
        }
    }
}
