//! How well a person fits what is asked: 0 to 100, for ranking.
//!
//! Invariant: no allocation for a candidate; 100 for one who is all that is asked; the same the other way round when
//! both tell the same fields. It must never show a name: `Debug` is masked.

use std::fmt;

use super::codes::{self, Scan};
use super::distance::Pattern;
use super::sound::Sound;
use super::{Name, Person, core};
use crate::domain::birth::{Agreement, Slip};

/// From this score on a person is shown. A person who isn't found gets a second number, which is worse than one too
/// many on the list: the figures of other thresholds are printed by `cargo bench --bench names`.
pub const THRESHOLD: u8 = 70;
/// From this score on no further index ranges are read.
pub const CERTAIN: u8 = 88;

/// What each field counts, of the sum of those that are asked.
const SURNAME: f32 = 45.0;
const GIVEN: f32 = 25.0;
const BIRTH: f32 = 30.0;
/// What another sex takes off.
const OTHER_SEX: f32 = 8.0;
/// What a field counts, from 0 to 1, that is asked and not known of the candidate.
const NOT_KNOWN: f32 = 0.6;
/// A similarity under which two names have nothing to do with each other.
const UNRELATED: f32 = 0.4;
/// A similarity of spelling under which the sound is not asked.
const HOPELESS: f32 = 0.25;
/// A similarity from which surname and given name may stand in each other's place.
const SWAPPED: f32 = 0.8;
/// The least similarity of names that have the same consonants.
const SAME_CONSONANTS: f32 = 0.82;

/// What is asked, prepared to be compared with many.
pub struct Query {
    asked: Person,
    years: u16,
    surname: Prepared,
    surname_has_particle: bool,
    given: Prepared,
}

/// A name with its patterns.
struct Prepared {
    whole: Heard,
    /// Without particles.
    core: Heard,
    /// The first word.
    first: Heard,
}

/// How letters are spelt and how they sound.
struct Heard {
    spelt: Pattern,
    sounded: Pattern,
    sound: Sound,
}

impl Heard {
    fn new(letters: &[u8]) -> Self {
        let sound = Sound::of(letters);
        Self { spelt: Pattern::new(letters), sounded: Pattern::new(sound.as_bytes()), sound }
    }

    /// Spelling and sound together, from 0 to 1: what sounds alike is nearer than its letters say.
    fn alike(&self, letters: &[u8]) -> f32 {
        let spelt = self.spelt.similarity(letters);
        if !(HOPELESS..1.0).contains(&spelt) {
            return spelt;
        }
        let sound = Sound::of(letters);
        let sounded = self.sounded.similarity(sound.as_bytes());
        let mut similarity = spelt.max(0.4 * spelt + 0.6 * sounded);
        if similarity < SAME_CONSONANTS && self.sound.same_consonants(&sound) {
            similarity = SAME_CONSONANTS;
        }
        similarity
    }
}

impl Prepared {
    fn new(name: &Name) -> Self {
        Self {
            whole: Heard::new(name.as_bytes()),
            core: Heard::new(core(name.as_bytes())),
            first: Heard::new(name.words().next().unwrap_or_default()),
        }
    }
}

impl Query {
    /// What is asked: a person of whom only the surname need be known, and by how many years the birth year may be off.
    pub fn new(asked: Person, years: u16) -> Self {
        let surname = Prepared::new(&asked.surname);
        Self {
            surname_has_particle: surname.core.spelt.len() < surname.whole.spelt.len(),
            surname,
            given: Prepared::new(&asked.given),
            asked,
            years,
        }
    }

    /// Who is asked for.
    pub const fn asked(&self) -> &Person {
        &self.asked
    }

    /// By how many years the birth year may be off.
    pub const fn years(&self) -> u16 {
        self.years
    }

    /// The ranges of the index to be read first, at most [`codes::MOST_SCANS`].
    pub fn first_scans(&self) -> Vec<Scan> {
        codes::first_scans(&self.asked, self.years)
    }

    /// The ranges to be read when nobody of the first reached [`CERTAIN`]; as many at most, and none when no birth date
    /// is asked.
    pub fn further_scans(&self) -> Vec<Scan> {
        codes::further_scans(&self.asked)
    }

    /// How well a candidate fits, 0 to 100.
    pub fn score(&self, candidate: &Person) -> u8 {
        let straight = surname_similarity(self, &candidate.surname);
        let mut names = (straight, given_similarity(self, &candidate.given));
        if straight < 0.7
            && let Some(swapped) = swapped_similarity(self, candidate)
            && swapped > straight
        {
            names = (swapped, Some(swapped));
        }
        let mut sum = SURNAME * sharpened(names.0);
        let mut of = SURNAME;
        if !self.asked.given.is_empty() {
            sum += GIVEN * names.1.map_or(NOT_KNOWN, sharpened);
            of += GIVEN;
        }
        if let Some(birth) = self.asked.birth {
            sum += BIRTH * candidate.birth.map_or(NOT_KNOWN, |other| agreed(birth.agrees_within(other, self.years)));
            of += BIRTH;
        }
        let mut score = 100.0 * sum / of;
        if let (Some(asked), Some(known)) = (self.asked.sex, candidate.sex)
            && asked != known
        {
            score -= OTHER_SEX;
        }
        // Nearly all is not all.
        let whole = if score > 99.0 && score < 99.999 { 99.0 } else { score.round() };
        whole.clamp(0.0, 100.0) as u8
    }
}

/// What an agreement of birth dates counts, from 0 to 1.
const fn agreed(agreement: Agreement) -> f32 {
    match agreement {
        Agreement::Same => 1.0,
        Agreement::Compatible => 0.9,
        Agreement::Near(Slip::DayAndMonthSwapped | Slip::DigitsSwapped) => 0.75,
        Agreement::Near(Slip::OneDigit | Slip::Years(_)) => 0.7,
        Agreement::Near(Slip::OnlyYears(_)) => 0.4,
        Agreement::Different => 0.0,
    }
}

/// Unrelated names count nothing, and not what their few common letters give.
fn sharpened(similarity: f32) -> f32 {
    ((similarity - UNRELATED) / (1.0 - UNRELATED)).max(0.0)
}

fn surname_similarity(query: &Query, candidate: &Name) -> f32 {
    let asked = &query.asked.surname;
    if asked.same_letters(candidate) {
        return 1.0;
    }
    let ours = &query.surname;
    let whole = candidate.as_bytes();
    let mut similarity = ours.whole.alike(whole);
    let theirs = core(whole);
    let (we_have, they_have) = (query.surname_has_particle, theirs.len() < whole.len());
    if we_have && they_have {
        // What both begin with says little.
        similarity = 0.5 * similarity + 0.5 * ours.core.alike(theirs);
    } else if we_have {
        // A particle that one leaves out; or a beginning that only looks like one.
        similarity = similarity.max(0.95 * ours.core.alike(whole));
    } else if they_have {
        similarity = similarity.max(0.95 * ours.whole.alike(theirs));
    }
    if similarity < 0.9 && (asked.has_several_words() || candidate.has_several_words()) {
        similarity = similarity.max(0.9 * best_of_parts(asked, candidate));
    }
    similarity
}

/// Of a double name one may be given alone: 1 when one part is the same, else 0.
fn best_of_parts(asked: &Name, candidate: &Name) -> f32 {
    let found = asked.words().any(|ours| candidate.words().any(|theirs| core(ours) == core(theirs)));
    f32::from(u8::from(found))
}

/// How alike given names are; `None` when the candidate's is not known.
fn given_similarity(query: &Query, candidate: &Name) -> Option<f32> {
    let asked = &query.asked.given;
    let (Some(ours), Some(theirs)) = (asked.words().next(), candidate.words().next()) else { return None };
    if ours[0] == theirs[0] {
        // The first of several is enough.
        if asked.begins_as(candidate) {
            return Some(1.0);
        }
        if initials(asked, candidate) {
            return Some(0.85);
        }
    }
    let prepared = &query.given;
    let mut similarity = prepared.first.alike(theirs);
    if asked.has_several_words() || candidate.has_several_words() {
        similarity = similarity.max(prepared.whole.spelt.similarity(candidate.as_bytes()));
        if similarity < 0.85 && asked.words().any(|ours| candidate.words().any(|theirs| ours == theirs)) {
            similarity = 0.85;
        }
    }
    // A short form: Alex for Alexandre, Bert for Albert.
    let (short, long) = if ours.len() < theirs.len() { (ours, theirs) } else { (theirs, ours) };
    if similarity < 0.88 && short.len() >= 3 && (long.starts_with(short) || long.ends_with(short)) {
        similarity = 0.88;
    }
    Some(similarity)
}

/// Whether one is written with initials that fit the other: `J.P.`, `JP` or `J.` and `Jean-Pierre`.
pub(super) fn initials(first: &Name, second: &Name) -> bool {
    let fit = |short: &Name, long: &Name| {
        let mut words = short.words();
        let single = words.next().filter(|_| words.next().is_none());
        if let Some(letters @ ([_, _] | [_, _, _])) = single
            && !letters.iter().any(|letter| b"aeiouy".contains(letter))
        {
            return letters.iter().zip(long.words()).filter(|(letter, word)| word[0] == **letter).count()
                == letters.len();
        }
        let mut pairs = short.words().zip(long.words());
        short.words().count() <= long.words().count()
            && short.words().any(|word| word.len() == 1)
            && pairs.all(|(short, long)| short == long || short.len() == 1 && short[0] == long[0])
    };
    fit(first, second) || fit(second, first)
}

/// When surname and given name stand in each other's place: the worse of the two, and a little off. Nearly exact only.
fn swapped_similarity(query: &Query, candidate: &Person) -> Option<f32> {
    let theirs = candidate.given.words().next()?;
    query.asked.given.words().next()?;
    let (given, surname) = (&query.given, candidate.surname.as_bytes());
    let first = if query.asked.given.begins_as(&candidate.surname) {
        1.0
    } else {
        given.whole.spelt.similarity(surname).max(given.first.spelt.similarity(surname))
    };
    if first < SWAPPED {
        return None;
    }
    let whole = &query.surname.whole.spelt;
    let second = if query.asked.surname.begins_as(&candidate.given) {
        1.0
    } else {
        whole.similarity(candidate.given.as_bytes()).max(whole.similarity(theirs))
    };
    (second >= SWAPPED).then(|| 0.95 * first.min(second))
}

impl fmt::Debug for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Query(***)")
    }
}
