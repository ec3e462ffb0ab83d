//! Names as they are in Belgium, some common and most rare: 3,780 surnames and 225 given names.
//!
//! Invariant: the name of a number is always the same, so that nothing has to be kept.

const STEMS: [&str; 63] = [
    "Peet", "Jans", "Maes", "Jacob", "Mert", "Wille", "Claes", "Goos", "Wout", "Smet", "Verme", "Dumo", "Lamb", "Simo",
    "Laur", "Dubo", "Lero", "Mich", "Thom", "Hend", "Vervo", "Pauw", "Aert", "Bog", "Cool", "Daem", "Eeckh", "Fran",
    "Geer", "Herm", "Imbr", "Joos", "Kest", "Lenae", "Moer", "Nuyt", "Ooms", "Philip", "Quin", "Roel", "Stev", "Tim",
    "Urb", "Vand", "Wau", "Yser", "Zeg", "Bert", "Car", "Delv", "Evra", "Gill", "Hub", "Lecl", "Marté", "Noë", "Piér",
    "Remac", "Somm", "Tass", "Vig", "Warn", "Çel",
];
const ENDINGS: [&str; 15] =
    ["ers", "sens", "", "s", "mans", "ens", "aert", "nckx", "ot", "art", "ois", "eau", "er", "ier", "inck"];
const BEFORE: [&str; 4] = ["", "Van ", "De ", "Van den "];
const FIRST: [&str; 15] = ["Mar", "Jo", "Lu", "An", "So", "Na", "Pi", "El", "Ka", "Fa", "Is", "Mo", "Ni", "Ve", "Él"];
const SECOND: [&str; 15] =
    ["ie", "han", "cas", "na", "fie", "thalie", "eter", "ise", "tia", "tima", "abel", "hamed", "colas", "ro", "odie"];

/// Numbers that look unrelated: those of neighbours too.
pub fn mixed(number: u64) -> u64 {
    let mut x = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ x >> 31
}

/// A place among so many, the first ones much more often, as names are.
fn often(random: u64, many: usize) -> usize {
    let part = (random >> 40) as f64 / f64::from(1_u32 << 24);
    (part * part * many as f64) as usize
}

/// Writes the surname of a number, a comma, and the given names.
pub fn write(number: u64, out: &mut Vec<u8>) {
    let random = mixed(number);
    let surname = often(random, STEMS.len() * ENDINGS.len() * BEFORE.len());
    out.extend(BEFORE[surname / (STEMS.len() * ENDINGS.len())].bytes());
    out.extend(STEMS[surname % STEMS.len()].bytes());
    out.extend(ENDINGS[surname / STEMS.len() % ENDINGS.len()].bytes());
    out.push(b',');
    let mut random = mixed(random);
    // One person in two has a second given name.
    for place in 0..=random % 2 {
        if place > 0 {
            out.push(b' ');
        }
        let given = often(random, FIRST.len() * SECOND.len());
        out.extend(FIRST[given % FIRST.len()].bytes());
        out.extend(SECOND[given / FIRST.len()].bytes());
        random = mixed(random);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn some_names_are_common_and_most_of_thousands_are_rare() {
        let mut surnames: HashMap<String, u32> = HashMap::new();
        for number in 0..100_000 {
            let mut name = Vec::new();
            write(number, &mut name);
            let name = String::from_utf8(name).unwrap();
            let (surname, given) = name.split_once(',').unwrap();
            assert!(given.len() > 2 && !given.contains(','), "{name}");
            *surnames.entry(surname.to_owned()).or_default() += 1;
        }
        assert!(surnames.len() > 3_000, "{}", surnames.len());
        let most = surnames.values().max().unwrap();
        assert!((500..5_000).contains(most), "{most}");
    }
}
