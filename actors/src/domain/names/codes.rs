//! Under which codes a person is found: by the sound of the surname, by the day of birth, and by how the surname begins
//! and ends together with how the given name begins, so that a wrong key in the surname leaves one of them whole.
//!
//! Invariant: a person has at most [`MOST_CODES`] codes, which depend on the folded names and the birth date only. They
//! are kept on disk: a change of any code needs another [`VERSION`], and the index to be made again.

use std::ops::RangeInclusive;

use super::sound::{Skeleton, Sound};
use super::{Name, Person};
use crate::domain::birth::{BirthDate, LAST_YEAR};

/// Of the rules that make codes. An index made by another version is to be made again.
pub const VERSION: u32 = 1;
/// Codes of a surname at most.
pub const MOST_SURNAME_CODES: usize = 4;
/// Codes of a person at most.
pub const MOST_CODES: usize = MOST_SURNAME_CODES + 4;
/// Ranges of the index that are read at once for one question, at most.
pub const MOST_SCANS: usize = 2 * 2 * MOST_SURNAME_CODES + 2;
/// Years by which a birth year may be off, at most.
const MOST_YEARS: u16 = 150;
/// The year under which a person is kept whose birth date is not known.
pub const NO_YEAR: i16 = 0;
/// Consonants of a surname in the codes by its beginning and by its ending.
const EDGE: usize = 2;
/// Bits of a code under its kind.
const HASH_BITS: u32 = 29;

/// One code: what kind it is of in the three highest bits, and a digest.
pub type Code = u32;

/// What a code was made of, so that codes of different kinds never meet.
#[derive(Clone, Copy)]
enum Kind {
    /// The consonants of a surname.
    Surname = 1,
    /// Month and day of birth.
    Born = 2,
    /// The first consonants, with the given name.
    Beginning = 3,
    /// The last consonants, with the given name.
    Ending = 4,
    /// The first and the last consonant, with the given name.
    Outline = 5,
}

/// A few codes, without repetition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Codes {
    codes: [Code; MOST_CODES],
    len: u8,
}

/// A range of the index that holds candidates: entries of this code and of these birth years.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scan {
    /// The code.
    pub code: Code,
    /// The birth years; [`NO_YEAR`] stands for persons whose birth date is not known.
    pub years: RangeInclusive<i16>,
}

/// Every year, and persons without one.
const ALL_YEARS: RangeInclusive<i16> = NO_YEAR..=LAST_YEAR;

impl Codes {
    fn push(&mut self, code: Code, most: usize) {
        let len = usize::from(self.len);
        if len < most && !self.as_slice().contains(&code) {
            self.codes[len] = code;
            self.len += 1;
        }
    }

    /// Them all.
    pub fn as_slice(&self) -> &[Code] {
        &self.codes[..usize::from(self.len)]
    }

    /// Each.
    pub fn iter(&self) -> impl Iterator<Item = Code> + '_ {
        self.as_slice().iter().copied()
    }
}

/// FNV-1a, folded to the bits of a code: stable on every machine and in every version of this program.
fn code(kind: Kind, parts: &[&[u8]]) -> Code {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for part in parts {
        for &byte in part.iter().chain(&[0]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    let folded = (hash ^ (hash >> 32)) as u32 & ((1 << HASH_BITS) - 1);
    (kind as u32) << HASH_BITS | folded
}

/// The codes of a surname: of the whole, of the whole with the other reading of `ch`, and of each of two names without
/// particles. At most [`MOST_SURNAME_CODES`].
pub fn surname(name: &Name) -> Codes {
    let mut codes = Codes::default();
    let mut add = |sounds: &[Sound]| {
        for resolved in [b's', b'k'] {
            let skeleton = Skeleton::of(sounds.iter(), resolved);
            if !skeleton.as_bytes().is_empty() {
                codes.push(code(Kind::Surname, &[skeleton.as_bytes()]), MOST_SURNAME_CODES);
            }
        }
    };
    let mut words = name.words();
    let (Some(first), last) = (words.next(), words.next_back()) else { return codes };
    match last {
        None => {
            add(&[Sound::of(first)]);
            add(&[Sound::of(super::core(first))]);
        }
        Some(last) => {
            add(&[Sound::of(super::core(first))]);
            add(&[Sound::of(super::core(last))]);
            add(&[Sound::of(first), Sound::of(last)]);
        }
    }
    codes
}

/// All codes under which a person is kept. At most [`MOST_CODES`].
pub fn of(person: &Person) -> Codes {
    OfSurname::new(&person.surname).with(OfGiven::new(&person.given), person.birth)
}

/// The first or the last consonants of a name, and how many there are.
type Edges = ([u8; EDGE], u8);

fn edge_of(consonants: &[u8]) -> Edges {
    let mut edge = [0; EDGE];
    edge[..consonants.len()].copy_from_slice(consonants);
    (edge, consonants.len() as u8)
}

fn letters((edge, len): &Edges) -> &[u8] {
    &edge[..usize::from(*len)]
}

fn skeleton(word: &[u8]) -> Skeleton {
    Skeleton::of([Sound::of(word)].iter(), b'k')
}

/// What a surname gives to the codes of a person. Names repeat: who makes the codes of very many persons keeps it.
#[derive(Clone, Copy, Debug)]
pub struct OfSurname {
    codes: Codes,
    /// Its first and its last consonants; none of a name without a word.
    edges: Option<(Edges, Edges)>,
}

/// What given names give to the codes of a person: the first consonants; none without a word.
#[derive(Clone, Copy, Debug)]
pub struct OfGiven(Option<Edges>);

impl OfSurname {
    /// Of a folded surname.
    pub fn new(name: &Name) -> Self {
        Self { codes: surname(name), edges: surname_edges(name) }
    }

    /// All codes of a person of this surname. At most [`MOST_CODES`].
    pub fn with(&self, given: OfGiven, birth: Option<BirthDate>) -> Codes {
        let mut codes = self.codes;
        if let Some(code) = birth.and_then(born) {
            codes.push(code, MOST_CODES);
        }
        for code in edges(self.edges, given).into_iter().flatten() {
            codes.push(code, MOST_CODES);
        }
        codes
    }
}

impl OfGiven {
    /// Of folded given names.
    pub fn new(given: &Name) -> Self {
        Self(given.words().next().map(|word| {
            let skeleton = skeleton(word);
            let consonants = skeleton.consonants();
            edge_of(&consonants[..consonants.len().min(EDGE)])
        }))
    }
}

fn surname_edges(name: &Name) -> Option<(Edges, Edges)> {
    let (first, last) = (name.words().next()?, name.words().next_back()?);
    let (first, last) = (skeleton(super::core(first)), skeleton(last));
    let (first, last) = (first.consonants(), last.consonants());
    Some((edge_of(&first[..first.len().min(EDGE)]), edge_of(&last[last.len().saturating_sub(EDGE)..])))
}

/// The year under which a person is kept.
pub fn year(person: &Person) -> i16 {
    person.birth.map_or(NO_YEAR, BirthDate::year)
}

/// The code of month and day of a whole birth date.
fn born(birth: BirthDate) -> Option<Code> {
    Some(day_of_year(birth.month()?, birth.day()?))
}

fn day_of_year(month: u8, day: u8) -> Code {
    code(Kind::Born, &[&[month, day]])
}

/// The codes by beginning, by ending, and by first and last consonant of the surname, each with the beginning of the
/// given name.
fn edges(surname: Option<(Edges, Edges)>, OfGiven(given): OfGiven) -> [Option<Code>; 3] {
    let Some(((beginning, ending), given)) = surname.zip(given) else { return [None; 3] };
    let (beginning, ending, given) = (letters(&beginning), letters(&ending), letters(&given));
    let outline = [beginning.first().copied().unwrap_or(0), ending.last().copied().unwrap_or(0)];
    [
        Some(code(Kind::Beginning, &[beginning, given])),
        Some(code(Kind::Ending, &[ending, given])),
        Some(code(Kind::Outline, &[&outline, given])),
    ]
}

/// The ranges to be read first: cheap ones, narrowed to the birth year where it is known.
pub fn first_scans(asked: &Person, years: u16) -> Vec<Scan> {
    let mut scans = Vec::new();
    let mut add = |code: Code, years: RangeInclusive<i16>| {
        let scan = Scan { code, years };
        if !scans.contains(&scan) {
            scans.push(scan);
        }
    };
    let (surname_codes, given_codes) = (surname(&asked.surname), surname(&asked.given));
    // Surname and given name may stand in each other's place.
    let names = surname_codes.iter().chain(given_codes.iter());
    let Some(birth) = asked.birth else {
        let edges = edges(surname_edges(&asked.surname), OfGiven::new(&asked.given)).into_iter().flatten();
        names.chain(edges).for_each(|code| add(code, ALL_YEARS));
        return scans;
    };
    // A year too many or too few is always thought of.
    let around = years.clamp(1, MOST_YEARS) as i16;
    let years = birth.year() - around..=birth.year() + around;
    for code in names {
        add(code, years.clone());
        add(code, NO_YEAR..=NO_YEAR);
    }
    if let (Some(month), Some(day)) = (birth.month(), birth.day()) {
        add(day_of_year(month, day), years);
        if day <= 12 {
            add(day_of_year(day, month), birth.year()..=birth.year());
        }
    }
    scans
}

/// The ranges to be read when the first gave nobody who is certain: the same names in all years, since the birth date
/// may be what is wrong.
pub fn further_scans(asked: &Person) -> Vec<Scan> {
    if asked.birth.is_none() {
        return Vec::new();
    }
    let (surname_codes, given_codes) = (surname(&asked.surname), surname(&asked.given));
    let edges = edges(surname_edges(&asked.surname), OfGiven::new(&asked.given)).into_iter().flatten();
    let codes = surname_codes.iter().chain(edges).chain(given_codes.iter());
    codes.map(|code| Scan { code, years: ALL_YEARS }).collect()
}
