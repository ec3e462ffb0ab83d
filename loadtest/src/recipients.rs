//! Recipient lists for broadcasts: the CSV that a broadcast takes, with people who are reachable in different ways.
//!
//! Invariant: the same count and seed give the same rows, and no recipient comes twice below thirteen million rows. It must not write a reserved
//! recipient.

use std::io::{self, Write};

use crate::hash::Chance;
use crate::{cbe, mobile, niss};

const NAMES: [&str; 12] =
    ["Marie", "Luc", "Fatima", "Jan", "Sofie", "Ahmed", "Nathalie", "Pieter", "Élodie", "Günther", "An", "Olivier"];

/// Writes a header and `count` rows `key,niss,mobile,cbe,language,var.NAME`.
///
/// Of a hundred rows about 45 have a NISS and a mobile number, 30 a mobile number only, 22 a NISS only, 3 a CBE number; which of them a simulated channel
/// reaches follows from the number. Languages: fr 40, nl 52, de 3, en 5.
pub fn write_csv<W: Write>(count: u64, seed: u64, writer: W) -> io::Result<()> {
    let mut out = io::BufWriter::with_capacity(1 << 16, writer);
    out.write_all(b"key,niss,mobile,cbe,language,var.NAME\n")?;
    let mut chance = Chance::new(seed);
    // Other seeds start elsewhere in the numbers.
    let start = chance.word() % 1_000_003;
    for row in 0..count {
        let index = start + row;
        let (kind, tongue) = (chance.between(0, 99), chance.between(0, 99));
        let niss = if matches!(kind, 0..45 | 75..97) { niss::generate(index) } else { String::new() };
        let mobile = if kind < 75 { mobile::generate(index) } else { String::new() };
        let cbe = if kind >= 97 { cbe::generate(index) } else { String::new() };
        let language = match tongue {
            0..40 => "fr",
            40..92 => "nl",
            92..95 => "de",
            _ => "en",
        };
        let name = NAMES[chance.between(0, NAMES.len() as u64 - 1) as usize];
        writeln!(out, "r{row:09},{niss},{mobile},{cbe},{language},{name}")?;
    }
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn rows(count: u64, seed: u64) -> Vec<String> {
        let mut bytes = Vec::new();
        write_csv(count, seed, &mut bytes).expect("a Vec takes all");
        String::from_utf8(bytes).expect("UTF-8").lines().map(str::to_owned).collect()
    }

    #[test]
    fn every_row_has_a_valid_recipient_of_its_own() {
        let rows = rows(20_000, 1);
        assert_eq!(rows[0], "key,niss,mobile,cbe,language,var.NAME");
        let mut seen = HashSet::new();
        for row in &rows[1..] {
            let fields: Vec<&str> = row.split(',').collect();
            let [_, niss, mobile, cbe, ..] = fields[..] else { panic!("{row}") };
            assert_eq!(fields.len(), 6);
            assert!(!niss.is_empty() || !mobile.is_empty() || !cbe.is_empty(), "{row}");
            assert!(niss.is_empty() || niss::is_valid(niss), "{row}");
            assert!(cbe.is_empty() || cbe::is_valid(cbe), "{row}");
            assert!(seen.insert((niss.to_owned(), mobile.to_owned(), cbe.to_owned())), "{row}");
        }
        assert_eq!(rows.len(), 20_001);
    }

    #[test]
    fn same_seed_gives_the_same_list_and_another_seed_another() {
        assert_eq!(rows(100, 5), rows(100, 5));
        assert_ne!(rows(100, 5), rows(100, 6));
    }
}
