//! Persons and their rows as CSV, a piece at a time: each 2 or 3 rows in two dossier types, and room for more in a third.
//!
//! Invariant: sorted by NISS; what a place has is always the same; no two rows of a type overlap.

use std::fmt::Write as _;

use estafette_loadtest::niss;

use super::names;

/// The dossier types that the filling uses.
pub const FILLED: [&str; 2] = ["WORKER", "PENSIONER"];
/// The one of single inscriptions.
pub const SINGLE: &str = "CHILD";
/// Without a factor in common with any number of persons below it: neighbours in time are far from each other in order.
const STEP: u64 = 2_305_843_009_213_693_951;

/// How many there are.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Persons.
    pub persons: u64,
    /// Rows of theirs.
    pub rows: u64,
}

impl Size {
    /// The NISS of the person at a place in order.
    pub fn niss(self, place: u64) -> String {
        niss::in_order(place, self.persons).0
    }

    /// The place in order of whoever is at `turn` in an order that looks random, in which each person comes once in as many turns.
    pub fn scattered(self, turn: u64) -> u64 {
        (u128::from(turn) * u128::from(STEP) % u128::from(self.persons)) as u64
    }

    /// The body of a consultation.
    pub fn consultation(self, turn: u64) -> String {
        format!(r#"{{"niss":"{}"}}"#, self.niss(self.scattered(turn)))
    }

    /// The body of an inscription that was not made before: the days of a person's next one follow by years.
    pub fn inscription(self, turn: u64) -> String {
        let (niss, year) = (self.niss(self.scattered(turn)), 1950 + turn / self.persons);
        format!(r#"{{"niss":"{niss}","type":"{SINGLE}","begin":"{year}-03-01","end":"{year}-10-31"}}"#)
    }

    /// The header of persons.
    pub const PERSONS: &'static str = "niss,surname,given_names,birth_date,sex,language\n";
    /// The header of rows.
    pub const ROWS: &'static str = "niss,type,begin,end\n";

    /// Writes the line of a person.
    pub fn write_person(self, place: u64, out: &mut Vec<u8>) {
        let (niss, birth) = niss::in_order(place, self.persons);
        out.extend(niss.bytes());
        out.push(b',');
        names::write(place, out);
        let sex = if (niss.as_bytes()[8] - b'0') % 2 == 1 { "male" } else { "female" };
        let language = ["nl", "nl", "nl", "fr", "fr"][(names::mixed(place ^ 1) % 5) as usize];
        let mut rest = String::with_capacity(32);
        // A String takes all.
        let _ = writeln!(rest, ",{birth},{sex},{language}");
        out.extend(rest.bytes());
    }

    /// Writes the lines of a person's rows; gives how many.
    pub fn write_rows(self, place: u64, out: &mut Vec<u8>) -> u64 {
        let until = |place: u64| (u128::from(place) * u128::from(self.rows) / u128::from(self.persons)) as u64;
        let count = until(place + 1) - until(place);
        let niss = self.niss(place);
        let day = names::mixed(place ^ 2) % 28 + 1;
        for row in 0..count {
            let (code, year) = (FILLED[(row % 2) as usize], 1990 + row * 10);
            out.extend(niss.bytes());
            let mut rest = String::with_capacity(48);
            // The second goes on; the third is of the first one's type, and begins after its end.
            let _ = match row {
                1 => writeln!(rest, ",{code},{year}-01-{day:02},"),
                _ => writeln!(rest, ",{code},{year}-01-{day:02},{}-12-31", year + 7),
            };
            out.extend(rest.bytes());
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    const SIZE: Size = Size { persons: 1_000, rows: 2_500 };

    fn lines(write: impl Fn(u64, &mut Vec<u8>)) -> Vec<String> {
        let mut out = Vec::new();
        (0..SIZE.persons).for_each(|place| write(place, &mut out));
        String::from_utf8(out).unwrap().lines().map(str::to_owned).collect()
    }

    #[test]
    fn persons_and_rows_are_sorted_and_as_many_as_asked_for() {
        let persons = lines(|place, out| SIZE.write_person(place, out));
        let rows = lines(|place, out| assert!([2, 3].contains(&SIZE.write_rows(place, out))));
        assert_eq!((persons.len(), rows.len()), (1_000, 2_500));
        assert!(persons.windows(2).all(|two| two[0][..11] < two[1][..11]));
        assert!(rows.windows(2).all(|two| two[0][..11] <= two[1][..11]));
        let fields = |lines: &[String], header: &str| {
            lines.iter().all(|line| line.split(',').count() == header.split(',').count())
        };
        assert!(fields(&persons, Size::PERSONS) && fields(&rows, Size::ROWS));
        assert_eq!(rows.iter().collect::<HashSet<_>>().len(), 2_500);
    }

    #[test]
    fn everybody_comes_once_before_anybody_comes_twice_and_then_with_other_days() {
        let bodies: HashSet<String> = (0..3_000).map(|turn| SIZE.inscription(turn)).collect();
        assert_eq!(bodies.len(), 3_000);
        let places: HashSet<u64> = (0..1_000).map(|turn| SIZE.scattered(turn)).collect();
        assert_eq!(places.len(), 1_000);
        assert!(SIZE.scattered(0).abs_diff(SIZE.scattered(1)) > 1);
    }
}
