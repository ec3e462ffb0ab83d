//! Searching persons by how their names sound, as names of Belgium are spelt: French, Dutch and German, and Arabic,
//! Turkish, Italian and Polish ones as they are commonly transliterated.
//!
//! Three steps. A [`Name`] is folded to plain letters. From a [`Person`] follow a few [`Code`]s, under which an index
//! keeps them. A [`Query`] says which ranges of the index to read, and gives each candidate a score from 0 to 100.
//! [`compare`](compare()) is something else: what an institution says of one person against the authentic source.
//!
//! Invariant: codes depend on the folded names and the birth date only; no candidate allocates; nothing here shows a
//! name: no `Display`, a masked `Debug`, and no error with a letter of it.
//! It must not know of a disk: whoever keeps the index decides where.
//!
//! # How an index is made
//! - For each person, each of [`Person::codes`] (5.4 on average, at most [`MOST_CODES`]) is an entry with the key
//!   `(code: u32, year: i16, niss: u64)`, where the year is [`Person::year`], [`NO_YEAR`] when the birth date is not
//!   known. When names or birth date change, the entries of the former codes go and those of the new ones come.
//!   [`CODES_VERSION`] is kept beside the index; an index of another version is made again.
//! - A candidate is scored from the folded names ([`Name::as_bytes`], some 9 and 11 bytes), [`BirthDate::to_u32`] and
//!   the sex. Either the value of each entry is these 25 bytes, so that a range is one sequential read, or it is empty
//!   and they stand in one table by NISS, which is a fifth of the size and costs a look-up for each candidate.
//! - To search: read the ranges of [`Query::first_scans`], score each NISS once, and when none reaches [`CERTAIN`]
//!   those of [`Query::further_scans`] too. Show who reaches [`THRESHOLD`], the best first, those of one score by NISS.
//! - A bound on candidates is the index's. 30,000 a question are enough for a million persons. What a bound cuts off is
//!   to be told to who asks, with the advice to give a birth date.
//!
//! # What a search reads
//! Among a million persons, ten times what was measured among 100,000 of whom 0.5 % have the most frequent surname:
//! - entries of the fullest code: 13,000 of a surname with all that sound alike, 3,200 of a day of birth (35 a year),
//!   5,500 of an edge of the surname with the given name;
//! - candidates of a question on average, and of one in a hundred: 1,400 and 13,600 with a birth date, 6,400 and 20,400
//!   without one. A score takes a quarter of a microsecond.
//!
//! With a birth date the first ranges are narrowed to its year, one more and one less, or to the tolerance that is
//! asked: a year is a hundredth of a code, so that a frequent surname stays cheap. Other years are read only when those
//! find nobody certain.
//!
//! # What a search finds
//! Recall in the first ten, the first one right, and the mean share of others among those that
//! reach [`THRESHOLD`], of 13 kinds of mistakes in equal parts: 98.6, 97.8 and 7.5 %. The best of the encoders of the
//! crate rphonetic (Double Metaphone) as the only code: 78.8, 78.2 and 7.4 %; an exact search 7.8, 7.8 and 0.5 %. The
//! day of birth and the edges of the surname make most of the difference: with them that encoder finds as many as our
//! code of the surname does. Ours finds more spellings when it is alone (91.8 against 84.8 %), its fullest code has a
//! third of the entries, and it stays the same as long as [`CODES_VERSION`] does. All figures are printed by `cargo
//! bench -p estafette-actors --bench names`.

mod codes;
mod compare;
mod distance;
mod fold;
mod score;
mod sound;
#[cfg(test)]
mod tests;

use std::fmt;

use super::birth::BirthDate;
use super::niss::Sex;

pub use codes::{
    Code, Codes, MOST_CODES, MOST_SCANS, MOST_SURNAME_CODES, NO_YEAR, OfGiven, OfSurname, Scan,
    VERSION as CODES_VERSION,
};
pub use compare::compare;
pub use score::{CERTAIN, Query, THRESHOLD};

/// Letters of a folded name at most; what is longer is cut. A word of the machine has one bit more.
pub const MOST_LETTERS: usize = 63;

/// A name folded to plain letters, its words parted by one space.
///
/// Fixed in size, so that a candidate is compared without allocating.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Name {
    bytes: [u8; MOST_LETTERS],
    len: u8,
}

/// What is known of a person: of a candidate, and of who is asked for.
#[derive(Clone, Copy)]
pub struct Person {
    /// The surname; empty when it is not known.
    pub surname: Name,
    /// The given names; empty when they are not known.
    pub given: Name,
    /// The birth date, as far as it is known.
    pub birth: Option<BirthDate>,
    /// The sex.
    pub sex: Option<Sex>,
}

/// Why this is not a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No letter of the Latin alphabet.
    #[error("the name has no letter of the Latin alphabet: write it as it stands in the register")]
    NoLetter,
    /// Not what [`Name::as_bytes`] gave.
    #[error("not a folded name: fold it again from the name as it is written")]
    NotFolded,
}

impl Name {
    /// No letter: a name that is not known.
    pub const EMPTY: Self = Self { bytes: [0; MOST_LETTERS], len: 0 };

    /// A surname, of which particles are joined to what follows.
    pub fn surname(text: &str) -> Result<Self, Error> {
        Some(fold::surname(text, fold::Marks::Dropped)).filter(|name| !name.is_empty()).ok_or(Error::NoLetter)
    }

    /// Given names.
    pub fn given(text: &str) -> Result<Self, Error> {
        Some(fold::given_names(text, fold::Marks::Dropped)).filter(|name| !name.is_empty()).ok_or(Error::NoLetter)
    }

    /// The folded letters, `a` to `z` and single spaces between words: what an index may keep.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// From what [`Self::as_bytes`] gave.
    pub fn from_folded(bytes: &[u8]) -> Result<Self, Error> {
        let plain =
            bytes.split(|&byte| byte == b' ').all(|word| !word.is_empty() && word.iter().all(u8::is_ascii_lowercase));
        if bytes.len() > MOST_LETTERS || !(plain || bytes.is_empty()) {
            return Err(Error::NotFolded);
        }
        let mut name = Self::EMPTY;
        name.extend(bytes);
        Ok(name)
    }

    /// Whether it has no letter.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Its words.
    pub fn words(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.as_bytes().split(|&byte| byte == b' ').filter(|word| !word.is_empty())
    }

    fn has_several_words(&self) -> bool {
        self.as_bytes().contains(&b' ')
    }

    fn letters(&self) -> impl Iterator<Item = u8> + '_ {
        self.as_bytes().iter().copied().filter(|&byte| byte != b' ')
    }

    /// Whether two names are one, however their words are parted.
    pub fn same_letters(&self, other: &Self) -> bool {
        self == other || self.letters().eq(other.letters())
    }

    /// Whether the words of one are the first words of the other, however they are parted.
    fn begins_as(&self, other: &Self) -> bool {
        let (short, long) =
            if self.letters().count() <= other.letters().count() { (self, other) } else { (other, self) };
        if short.is_empty() {
            return false;
        }
        let mut rest = long.as_bytes().iter().copied().peekable();
        for letter in short.letters() {
            while rest.next_if_eq(&b' ').is_some() {}
            if rest.next() != Some(letter) {
                return false;
            }
        }
        matches!(rest.peek(), None | Some(b' '))
    }

    /// Whether this is the other without particles that are joined to it. Only where they can't be the beginning of a
    /// name: Denis is not de Nis.
    fn is_core_of(&self, joined: &Self) -> bool {
        !self.is_empty() && joined.as_bytes().starts_with(b"van") && core(joined.as_bytes()) == self.as_bytes()
    }

    fn push(&mut self, byte: u8) {
        let len = usize::from(self.len);
        if len < MOST_LETTERS {
            self.bytes[len] = byte;
            self.len += 1;
        }
    }

    fn extend(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.push(byte);
        }
    }

    /// Puts a word after a space, when there is room for any of it.
    fn extend_word(&mut self, word: &[u8]) {
        if usize::from(self.len) + 1 >= MOST_LETTERS {
            return;
        }
        if !self.is_empty() {
            self.push(b' ');
        }
        self.extend(word);
    }
}

impl Person {
    /// The codes under which an index keeps this person, at most [`MOST_CODES`].
    pub fn codes(&self) -> Codes {
        codes::of(self)
    }

    /// The codes of the surname only, at most [`MOST_SURNAME_CODES`].
    pub fn surname_codes(&self) -> Codes {
        codes::surname(&self.surname)
    }

    /// The year under which an index keeps this person.
    pub fn year(&self) -> i16 {
        codes::year(self)
    }
}

/// Particles that are recognised when they are joined to what follows, the longest first.
const JOINED: [&[u8]; 22] = [
    b"vanden", b"vander", b"della", b"vande", b"dalla", b"vant", b"dela", b"van", b"von", b"ould", b"del", b"des",
    b"ben", b"ait", b"de", b"du", b"di", b"da", b"le", b"la", b"el", b"al",
];

/// A surname, or one of its words, without the particles joined to it; the whole when what would be left is no name.
fn core(word: &[u8]) -> &[u8] {
    // Most names begin otherwise: this is asked for each candidate.
    if !matches!(word.first(), Some(b'v' | b'd' | b'b' | b'a' | b'l' | b'e' | b'o')) {
        return word;
    }
    let is_name = |particle: &[u8], rest: &[u8]| {
        rest.len() >= if particle.len() > 2 || matches!(particle, b"de" | b"du" | b"le") { 3 } else { 4 }
            && rest.iter().any(|letter| b"aeiouy".contains(letter))
    };
    JOINED
        .iter()
        .find_map(|particle| word.strip_prefix(*particle).filter(|rest| is_name(particle, rest)))
        .unwrap_or(word)
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Name(***)")
    }
}

impl fmt::Debug for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Person(***)")
    }
}
