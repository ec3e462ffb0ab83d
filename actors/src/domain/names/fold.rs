//! From a written name to its letters: what is left when case, accents, ligatures, hyphens and apostrophes are gone.
//!
//! Invariant: the letters are `a` to `z`, and any text is taken: what is no Latin letter is left out.
//! It must not judge sounds: that is [`super::sound`]'s.

use super::{MOST_LETTERS, Name};

/// Bytes of the words of a name at most, before particles are joined to what follows.
const MOST_WORDS: usize = 2 * MOST_LETTERS;

/// How letters with a mark are taken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Marks {
    /// The mark is left out: `ü` is `u`.
    Dropped,
    /// As passports do in their machine-readable zone (ICAO Doc 9303): `ü` is `ue`, `ø` is `oe`, `å` is `aa`.
    Expanded,
}

/// Words that stand before a surname and don't make it: written apart, joined, or left out as it pleases who types.
const PARTICLES: [&[u8]; 67] = [
    // Dutch
    b"van", b"vande", b"vanden", b"vander", b"vant", b"de", b"den", b"der", b"het", b"t", b"s", b"ten", b"ter", b"te",
    b"in", b"op", b"uit", b"uyt", b"aan", b"onder", b"over", b"bij", b"voor", // French
    b"d", b"du", b"des", b"l", b"le", b"la", b"les", b"dela", // German
    b"von", b"vom", b"zu", b"zum", b"zur", b"am", b"im", // Italian, Spanish and Portuguese
    b"di", b"da", b"dal", b"dalla", b"dalle", b"dello", b"della", b"dei", b"degli", b"del", b"delle", b"lo", b"li",
    b"do", b"dos", b"das", b"e", b"y", b"o", b"mc", b"mac", // Arabic, as it is transliterated
    b"el", b"al", b"ben", b"bin", b"ibn", b"bint", b"ait", b"ould",
];

/// The words of a name, folded and parted by one space.
struct Words {
    bytes: [u8; MOST_WORDS],
    len: usize,
}

impl Words {
    fn push(&mut self, byte: u8) {
        if self.len < MOST_WORDS {
            self.bytes[self.len] = byte;
            self.len += 1;
        }
    }

    fn part(&mut self) {
        if self.len > 0 && self.bytes[self.len - 1] != b' ' {
            self.push(b' ');
        }
    }

    fn iter(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.bytes[..self.len].split(|&byte| byte == b' ').filter(|word| !word.is_empty())
    }
}

/// A surname: particles are joined to what follows them, so that `Van den Broeck`, `Vandenbroeck` and `Van Den Broeck`
/// are one name. A particle at the end, as in an alphabetical list, comes before the first word.
pub fn surname(text: &str, marks: Marks) -> Name {
    let words = words(text, marks);
    let mut name = Name::EMPTY;
    // A name of particles only is taken as it stands.
    let Some((core, _)) = words.iter().enumerate().filter(|(_, word)| !PARTICLES.contains(word)).last() else {
        words.iter().for_each(|word| name.extend(word));
        return name;
    };
    words.iter().skip(core + 1).for_each(|word| name.extend(word));
    let mut parted = false;
    for word in words.iter().take(core + 1) {
        if parted {
            name.extend_word(word);
        } else {
            name.extend(word);
        }
        parted = !PARTICLES.contains(&word);
    }
    name
}

/// The surname without its particles, as far as they are written apart.
pub fn without_particles(text: &str, marks: Marks) -> Name {
    let words = words(text, marks);
    let mut name = Name::EMPTY;
    words.iter().filter(|word| !PARTICLES.contains(word)).for_each(|word| name.extend_word(word));
    name
}

/// Given names: each word for itself.
pub fn given_names(text: &str, marks: Marks) -> Name {
    let mut name = Name::EMPTY;
    words(text, marks).iter().for_each(|word| name.extend_word(word));
    name
}

fn words(text: &str, marks: Marks) -> Words {
    let mut words = Words { bytes: [0; MOST_WORDS], len: 0 };
    for written in text.chars() {
        if words.len == MOST_WORDS {
            break;
        }
        if written.is_ascii() {
            match written {
                'a'..='z' | 'A'..='Z' => words.push(written.to_ascii_lowercase() as u8),
                // An apostrophe joins: d'Hondt, 't Kint, Ma'rouf. So does the mark that stands for one.
                '\'' | '`' => {}
                _ => words.part(),
            }
            continue;
        }
        for letter in written.to_lowercase() {
            match letter {
                // The diaeresis that follows its letter.
                '\u{308}' if marks == Marks::Expanded => {
                    if words.len > 0 && matches!(words.bytes[words.len - 1], b'a' | b'o' | b'u') {
                        words.push(b'e');
                    }
                }
                'a'..='z' => words.push(letter as u8),
                '\u{300}'..='\u{36f}' => {}
                _ => match latin(letter, marks) {
                    Some(letters) => letters.bytes().for_each(|byte| words.push(byte)),
                    None if letter.is_alphanumeric() || matches!(letter, '\u{2018}' | '\u{2019}' | '\u{b4}') => {}
                    None => words.part(),
                },
            }
        }
    }
    words
}

/// A lower-case letter of the Latin alphabet with its mark, as plain letters.
const fn latin(letter: char, marks: Marks) -> Option<&'static str> {
    if matches!(marks, Marks::Expanded) {
        match letter {
            'ä' => return Some("ae"),
            'ö' | 'ø' => return Some("oe"),
            'ü' => return Some("ue"),
            'å' => return Some("aa"),
            _ => {}
        }
    }
    Some(match letter {
        'à' | 'á' | 'â' | 'ã' | 'ä' | 'å' | 'ā' | 'ă' | 'ą' | 'ǎ' | 'ạ'..='ặ' => "a",
        'ç' | 'ć' | 'ĉ' | 'ċ' | 'č' => "c",
        'ð' | 'ď' | 'đ' | 'ḍ' => "d",
        'è' | 'é' | 'ê' | 'ë' | 'ē' | 'ĕ' | 'ė' | 'ę' | 'ě' | 'ə' | 'ǝ' | 'ẹ'..='ệ' => "e",
        'ĝ' | 'ğ' | 'ġ' | 'ģ' => "g",
        'ĥ' | 'ħ' | 'ḥ' => "h",
        'ì' | 'í' | 'î' | 'ï' | 'ĩ' | 'ī' | 'ĭ' | 'į' | 'ı' | 'ỉ'..='ị' => "i",
        'ĵ' => "j",
        'ķ' | 'ĸ' => "k",
        'ĺ' | 'ļ' | 'ľ' | 'ŀ' | 'ł' => "l",
        'ñ' | 'ń' | 'ņ' | 'ň' | 'ŋ' => "n",
        'ò' | 'ó' | 'ô' | 'õ' | 'ö' | 'ø' | 'ō' | 'ŏ' | 'ő' | 'ơ' | 'ọ'..='ợ' => "o",
        'ŕ' | 'ŗ' | 'ř' => "r",
        'ś' | 'ŝ' | 'ş' | 'š' | 'ș' | 'ṣ' => "s",
        'ţ' | 'ť' | 'ŧ' | 'ț' | 'ṭ' => "t",
        'ù' | 'ú' | 'û' | 'ü' | 'ũ' | 'ū' | 'ŭ' | 'ů' | 'ű' | 'ų' | 'ư' | 'ụ'..='ự' => "u",
        'ŵ' => "w",
        'ý' | 'ÿ' | 'ŷ' | 'ỳ'..='ỹ' => "y",
        'ź' | 'ż' | 'ž' | 'ẓ' => "z",
        'æ' => "ae",
        'œ' => "oe",
        'ĳ' => "ij",
        'ß' => "ss",
        'þ' => "th",
        'ﬀ' => "ff",
        'ﬁ' => "fi",
        'ﬂ' => "fl",
        _ => return None,
    })
}
