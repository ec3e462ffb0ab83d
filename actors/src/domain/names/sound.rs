//! How a name sounds, whichever of French, Dutch and German it is spelt in, and its skeleton of consonants.
//!
//! Letters of one sound become one letter: `t` for d and t, `f` for f, v, w and ph, `k` for c, g, k, q and gh,
//! `s` for s, z, sch, sh and ç, `j` for j, dj and y before a vowel; vowels and their groups become one of `a e i o u`.
//! `ch` is heard as sh in French and as g or k elsewhere: it stays `c`, which [`Skeleton`]s resolve both ways.
//!
//! Invariant: depends on the folded letters only, so that names that fold alike sound alike; never longer than the name
//! by more than [`MOST_SOUNDS`] allows. It must not depend on tables that change: what it gives is kept on disk.

use super::MOST_LETTERS;

/// Letters of a sound at most: an x is two.
pub const MOST_SOUNDS: usize = MOST_LETTERS + 1;

/// Consonants of a skeleton that says too little alone: its first vowel is added.
const SHORT: usize = 2;

/// What a name sounds like.
#[derive(Clone, Copy)]
pub struct Sound {
    bytes: [u8; MOST_SOUNDS],
    len: u8,
    /// Whether it ends on what comes and goes: the n of -en and -ens (Verhaeghe, Verhaegen), or a t or d after n and r
    /// (Dupont, Lambert).
    faint_end: bool,
}

/// The consonants of a sound without its endings, with an `a` before them when it begins with a vowel or an h, and the
/// class of its first vowel after them when they are few.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Skeleton {
    bytes: [u8; MOST_SOUNDS],
    len: u8,
}

const fn is_vowel(letter: u8) -> bool {
    matches!(letter, b'a' | b'e' | b'i' | b'o' | b'u' | b'y')
}

/// Vowels that are taken for one another less than the others: A, front and back. Written in capitals, apart from
/// consonants.
const fn class(vowel: u8) -> u8 {
    match vowel {
        b'a' => b'A',
        b'e' | b'i' => b'I',
        _ => b'U',
    }
}

/// A word being read: what comes next, and what was heard so far.
struct Reader<'a> {
    word: &'a [u8],
    at: usize,
    sound: Sound,
}

impl Reader<'_> {
    fn letter(&self, ahead: usize) -> u8 {
        self.word.get(self.at + ahead).copied().unwrap_or(0)
    }

    /// Whether nothing but these letters follows.
    fn ends_with(&self, letters: &[u8]) -> bool {
        &self.word[self.at..] == letters
    }

    fn hear(&mut self, sound: u8, taken: usize) {
        self.sound.push(sound);
        self.at += taken;
    }

    fn step(&mut self) {
        match self.letter(0) {
            b'a' | b'e' | b'i' | b'o' | b'u' => self.vowel(),
            b'y' if is_vowel(self.letter(1)) && (self.at == 0 || !is_vowel(self.word[self.at - 1])) => {
                self.hear(b'j', 1);
            }
            b'y' => self.hear(b'i', 1),
            b' ' => self.at += 1,
            _ => self.consonant(),
        }
    }

    #[allow(clippy::match_same_arms, reason = "a table of spellings, of which the first that fits counts")]
    fn vowel(&mut self) {
        let (sound, taken) = match (self.letter(0), self.letter(1), self.letter(2)) {
            (b'e', b'a', b'u') => (b'o', 3),
            (b'a', b'u', _) => (b'o', 2),
            (b'a', b'e' | b'a', _) => (b'a', 2),
            (b'a', b'i', b'j') => (b'e', 3),
            (b'a', b'i' | b'y', _) => (b'e', 2),
            (b'e', b'i', b'j') => (b'i', 3),
            (b'e', b'i' | b'y', _) => (b'i', 2),
            (b'e', b'e', b'u') => (b'u', 3),
            (b'e', b'e', _) => (b'e', 2),
            (b'i', b'e', b'u') => (b'u', 3),
            (b'i', b'e' | b'j', _) => (b'i', 2),
            (b'o', b'e' | b'u', _) => (b'u', 2),
            (b'o', b'o', _) => (b'o', 2),
            (b'u', b'i', b'j') => (b'u', 3),
            (b'u', b'i' | b'y' | b'e' | b'u', _) | (b'e', b'u', _) => (b'u', 2),
            (letter, _, _) => (letter, 1),
        };
        self.hear(sound, taken);
        // Dutch writes a w after au, ou and eeu; a w that closes a syllable is part of its vowel.
        if self.letter(0) == b'w' && (taken > 1 && matches!(sound, b'o' | b'u') || !is_vowel(self.letter(1))) {
            self.at += 1;
        }
        // French endings that nobody hears: Michaux, Thibault, Leroux, Delacroix.
        let open = matches!(sound, b'o' | b'u') && taken > 1;
        if open && [&b"x"[..], b"d", b"t", b"lt", b"ld", b"lx"].iter().any(|ending| self.ends_with(ending))
            || matches!(sound, b'i' | b'e') && self.ends_with(b"x") && self.sound.len > 1 && self.is_diphthong()
        {
            self.at = self.word.len();
        }
    }

    /// Whether the vowel just read follows or holds another: oi, ai, ei, but not the i of Hendrix.
    fn is_diphthong(&self) -> bool {
        self.at >= 2 && is_vowel(self.word[self.at - 2])
    }

    #[allow(clippy::match_same_arms, reason = "a table of spellings, of which the first that fits counts")]
    fn consonant(&mut self) {
        let (first, second, third) = (self.letter(0), self.letter(1), self.letter(2));
        let (sound, taken) = match (first, second, third) {
            (b'h', ..) => {
                self.at += 1;
                return;
            }
            (b's', b'c', b'h') => (b's', 3),
            (b's', b'h' | b'z', _) | (b's', b'c', b'e' | b'i' | b'y') => (b's', 2),
            (b's', b'j', next) if is_vowel(next) => (b's', 2),
            (b's' | b'z', ..) => (b's', 1),
            (b't', b'c', b'h') => (b's', 3),
            (b't', b's', b'j') => (b's', 3),
            (b't', b's', b'c') if self.letter(3) == b'h' => (b's', 4),
            (b'd', b'j', _) => (b'j', 2),
            (b't' | b'd', ..) => (b't', 1),
            (b'c', b'c', b'h') => (b'k', 3),
            (b'c', b'c', b'e' | b'i' | b'y') => (b's', 2),
            (b'c', b'h', b'r' | b'l' | b't' | b'n' | b's') => (b'k', 2),
            (b'c', b'h', _) => (b'c', 2),
            (b'c', b'z', _) => (b's', 2),
            (b'c', b'e' | b'i' | b'y', _) => (b's', 1),
            (b'c', b'q', _) => (b'k', if third == b'u' { 3 } else { 2 }),
            (b'q', b'u', _) => (b'k', 2),
            (b'g', b'u', b'e' | b'i' | b'y') => (b'k', 2),
            (b'g', b'n', next) if self.at > 0 && is_vowel(next) => (b'n', 2),
            (b'c' | b'k' | b'q' | b'g', ..) => (b'k', 1),
            (b'p', b'h' | b'f', _) | (b'b', b'v', _) => (b'f', 2),
            (b'f' | b'v' | b'w', ..) => (b'f', 1),
            (b'j', next, _) if !is_vowel(next) && self.at > 0 => (b'i', 1),
            (b'x', ..) => {
                self.sound.push(b'k');
                (b's', 1)
            }
            _ => (first, 1),
        };
        self.hear(sound, taken);
    }
}

impl Sound {
    /// Of one word of folded letters.
    pub fn of(word: &[u8]) -> Self {
        let mut reader = Reader { word, at: 0, sound: Self { bytes: [0; MOST_SOUNDS], len: 0, faint_end: false } };
        while reader.at < word.len() {
            reader.step();
        }
        let mut sound = reader.sound;
        let end = |letters: &'_ [u8]| letters.strip_suffix(b"s").map_or(letters.len(), <[u8]>::len);
        let stem = word[..end(word)].strip_suffix(b"en").and_then(<[u8]>::last);
        let heard = &sound.as_bytes()[..end(sound.as_bytes())];
        sound.faint_end = stem.is_some_and(|&letter| !is_vowel(letter)) || matches!(heard, [.., b'n' | b'r', b't']);
        sound
    }

    fn push(&mut self, sound: u8) {
        let len = usize::from(self.len);
        if len < MOST_SOUNDS && (len == 0 || self.bytes[len - 1] != sound) {
            self.bytes[len] = sound;
            self.len += 1;
        }
    }

    /// Its letters.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// Whether two have the same consonants, an ambiguous `ch` being any of its sounds.
    pub fn same_consonants(&self, other: &Self) -> bool {
        let mut ours = self.as_bytes().iter().filter(|&&letter| !is_vowel(letter));
        let mut theirs = other.as_bytes().iter().filter(|&&letter| !is_vowel(letter));
        loop {
            match (ours.next(), theirs.next()) {
                (None, None) => return true,
                (Some(first), Some(second)) if first == second => {}
                (Some(b'c'), Some(b's' | b'k')) | (Some(b's' | b'k'), Some(b'c')) => {}
                _ => return false,
            }
        }
    }
}

impl Skeleton {
    /// Of the sounds of one or several words, where an ambiguous `ch` is taken as `resolved`.
    pub fn of<'a>(sounds: impl Iterator<Item = &'a Sound>, resolved: u8) -> Self {
        let mut skeleton = Self { bytes: [0; MOST_SOUNDS], len: 0 };
        let (mut faint_end, mut vowel) = (false, 0);
        for sound in sounds {
            faint_end = sound.faint_end;
            for (place, &letter) in sound.as_bytes().iter().enumerate() {
                if !is_vowel(letter) {
                    skeleton.push(if letter == b'c' { resolved } else { letter });
                    continue;
                }
                if place == 0 && skeleton.len == 0 {
                    skeleton.push(b'a');
                }
                if vowel == 0 {
                    vowel = class(letter);
                }
            }
        }
        skeleton.cut_endings(faint_end);
        if usize::from(skeleton.len) <= SHORT && skeleton.len > 0 {
            skeleton.push(vowel);
        }
        skeleton
    }

    fn push(&mut self, letter: u8) {
        let len = usize::from(self.len);
        if len < MOST_SOUNDS && (len == 0 || self.bytes[len - 1] != letter) {
            self.bytes[len] = letter;
            self.len += 1;
        }
    }

    /// A final s comes and goes (Janssen, Janssens), and so does a faint end. Not from a name that would then have one
    /// consonant.
    fn cut_endings(&mut self, faint_end: bool) {
        if let [_, .., before, b's'] = *self.as_bytes()
            && before != b'a'
        {
            self.len -= 1;
        }
        if let [_, _, .., b'n' | b't'] = *self.as_bytes()
            && faint_end
        {
            self.len -= 1;
        }
    }

    /// Its consonants, without the vowel of a short one.
    pub fn consonants(&self) -> &[u8] {
        let letters = self.as_bytes();
        letters.strip_suffix(b"A").or(letters.strip_suffix(b"I")).or(letters.strip_suffix(b"U")).unwrap_or(letters)
    }

    /// Its letters.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}
