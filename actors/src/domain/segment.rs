//! How long an SMS is: its alphabet, its length in units of that alphabet, and where it is cut into parts.
//!
//! Invariant: the parts put together are the text, each fits, none ends inside an escape pair or a surrogate pair, and
//! [`measure`] counts exactly the parts that [`split`] gives.
//! It must not change a text: no transliteration, nothing dropped.
//!
//! Source: 3GPP TS 23.038 (GSM 03.38) for the alphabet, TS 23.040 for the length of parts with a six-octet header.

use std::collections::HashMap;

/// The basic table: the place of a character is its septet. Place 0x1B is the escape, which is no character.
const BASIC: [char; 128] = [
    '@', '£', '$', '¥', 'è', 'é', 'ù', 'ì', 'ò', 'Ç', '\n', 'Ø', 'ø', '\r', 'Å', 'å', //
    'Δ', '_', 'Φ', 'Γ', 'Λ', 'Ω', 'Π', 'Ψ', 'Σ', 'Θ', 'Ξ', '\u{1b}', 'Æ', 'æ', 'ß', 'É', //
    ' ', '!', '"', '#', '¤', '%', '&', '\'', '(', ')', '*', '+', ',', '-', '.', '/', //
    '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', ':', ';', '<', '=', '>', '?', //
    '¡', 'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L', 'M', 'N', 'O', //
    'P', 'Q', 'R', 'S', 'T', 'U', 'V', 'W', 'X', 'Y', 'Z', 'Ä', 'Ö', 'Ñ', 'Ü', '§', //
    '¿', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', //
    'p', 'q', 'r', 's', 't', 'u', 'v', 'w', 'x', 'y', 'z', 'ä', 'ö', 'ñ', 'ü', 'à', //
];

/// The extension table: the septet after the escape, and its character.
const EXTENSION: [(u8, char); 10] = [
    (0x0A, '\u{0c}'),
    (0x14, '^'),
    (0x28, '{'),
    (0x29, '}'),
    (0x2F, '\\'),
    (0x3C, '['),
    (0x3D, '~'),
    (0x3E, ']'),
    (0x40, '|'),
    (0x65, '€'),
];

const ESCAPE: u8 = 0x1B;
/// Marks a character that neither table has; no septet, escaped or not, has this value.
const OUTSIDE: u16 = u16::MAX;
/// Marks a septet of the extension table.
const ESCAPED: u16 = (ESCAPE as u16) << 8;

/// The tables turned round for the characters below U+0100, which are nearly all.
static LATIN: [u16; 256] = latin();

const fn latin() -> [u16; 256] {
    let mut table = [OUTSIDE; 256];
    let mut place = 0;
    while place < BASIC.len() {
        if (BASIC[place] as u32) < 256 && place != ESCAPE as usize {
            table[BASIC[place] as usize] = place as u16;
        }
        place += 1;
    }
    let mut place = 0;
    while place < EXTENSION.len() {
        let (septet, character) = EXTENSION[place];
        if (character as u32) < 256 {
            table[character as usize] = ESCAPED | septet as u16;
        }
        place += 1;
    }
    table
}

/// The alphabet in which a text travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Alphabet {
    /// GSM 03.38: units are septets; characters of the extension table take two.
    Gsm7,
    /// UCS-2: units are UTF-16 code units; characters above U+FFFF take two.
    Ucs2,
}

impl Alphabet {
    /// How many units fit in a message of one part.
    pub const fn alone(self) -> u32 {
        match self {
            Self::Gsm7 => 160,
            Self::Ucs2 => 70,
        }
    }

    /// How many units fit in each of several parts.
    pub const fn in_part(self) -> u32 {
        match self {
            Self::Gsm7 => 153,
            Self::Ucs2 => 67,
        }
    }

    /// `gsm7` or `ucs2`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gsm7 => "gsm7",
            Self::Ucs2 => "ucs2",
        }
    }

    /// The units that a character takes in this alphabet. Only asked of characters that the alphabet has.
    fn width(self, character: char) -> u32 {
        match self {
            Self::Gsm7 if septet(character) >= ESCAPED => 2,
            Self::Gsm7 => 1,
            Self::Ucs2 => character.len_utf16() as u32,
        }
    }
}

/// What a text takes as an SMS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Segmentation {
    /// The alphabet of all parts.
    pub alphabet: Alphabet,
    /// Units of the whole text in that alphabet.
    pub units: u32,
    /// Parts: what a limit and a price count. An empty text is one part.
    pub parts: u32,
}

/// What a text takes as an SMS. Allocates nothing, and reads the text at most twice.
pub fn measure(text: &str) -> Segmentation {
    if is_all_plain(text) {
        let units = text.len() as u32;
        let parts = if units <= Alphabet::Gsm7.alone() { 1 } else { units.div_ceil(Alphabet::Gsm7.in_part()) };
        return Segmentation { alphabet: Alphabet::Gsm7, units, parts };
    }
    let mut tally = Tally::new(Alphabet::Gsm7);
    for character in text.chars() {
        match septet(character) {
            OUTSIDE => {
                let mut tally = Tally::new(Alphabet::Ucs2);
                text.chars().for_each(|character| tally.add(character.len_utf16() as u32));
                return tally.segmentation();
            }
            escaped if escaped >= ESCAPED => tally.add(2),
            _ => tally.add(1),
        }
    }
    tally.segmentation()
}

/// The parts of a text, in order; together they are the text.
pub fn split(text: &str) -> Vec<&str> {
    let Segmentation { alphabet, parts, .. } = measure(text);
    if parts == 1 { vec![text] } else { Parts { rest: text, alphabet }.collect() }
}

/// The parts of a text in UCS-2, whatever its own alphabet, for a provider that takes nothing else.
pub fn split_as_ucs2(text: &str) -> Vec<&str> {
    let units: u32 = text.chars().map(|character| character.len_utf16() as u32).sum();
    let alphabet = Alphabet::Ucs2;
    if units <= alphabet.alone() { vec![text] } else { Parts { rest: text, alphabet }.collect() }
}

/// The characters, with their byte offsets, that make a text UCS-2: those that the GSM tables don't have.
pub fn forces_ucs2(text: &str) -> impl Iterator<Item = (usize, char)> {
    text.char_indices().filter(|&(_, character)| septet(character) == OUTSIDE)
}

/// A character that makes a text UCS-2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outsider {
    /// The character.
    pub character: char,
    /// How often it is there.
    pub times: u32,
    /// Which character of the text is the first of them, from 1.
    pub place: u32,
}

/// Each character that makes a text UCS-2 once, in the order in which they first appear, `most` at most; and how many
/// others there are.
pub fn outsiders(text: &str, most: usize) -> (Vec<Outsider>, usize) {
    let mut found: Vec<Outsider> = Vec::new();
    let mut seen: HashMap<char, usize> = HashMap::new();
    let outside = text.chars().zip(1_u32..).filter(|(character, _)| septet(*character) == OUTSIDE);
    for (character, place) in outside {
        let known = *seen.entry(character).or_insert(found.len());
        if known == found.len() {
            found.push(Outsider { character, times: 0, place });
        }
        found[known].times += 1;
    }
    let left_out = found.len().saturating_sub(most);
    found.truncate(most);
    (found, left_out)
}

/// The septets of a text, one in each byte (unpacked), escapes included. `None` when the text is UCS-2.
pub fn to_septets(text: &str) -> Option<Vec<u8>> {
    let mut septets = Vec::with_capacity(text.len());
    for character in text.chars() {
        match septet(character) {
            OUTSIDE => return None,
            escaped if escaped >= ESCAPED => septets.extend([ESCAPE, escaped as u8]),
            basic => septets.push(basic as u8),
        }
    }
    Some(septets)
}

/// The text of unpacked septets, for messages that come in. Never fails: as TS 23.038 asks, an escape before a septet
/// that the extension table doesn't have gives the character of the basic table, an escape before nothing a space.
pub fn from_septets(septets: &[u8]) -> String {
    let mut text = String::with_capacity(septets.len());
    let mut septets = septets.iter().map(|septet| septet & 0x7F);
    while let Some(septet) = septets.next() {
        if septet != ESCAPE {
            text.push(BASIC[usize::from(septet)]);
            continue;
        }
        match septets.next() {
            None | Some(ESCAPE) => text.push(' '),
            Some(escaped) => text.push(
                EXTENSION
                    .iter()
                    .find(|(septet, _)| *septet == escaped)
                    .map_or(BASIC[usize::from(escaped)], |(_, character)| *character),
            ),
        }
    }
    text
}

/// Counts units, and the parts that they fill when there are several.
struct Tally {
    alphabet: Alphabet,
    units: u32,
    parts: u32,
    in_last: u32,
}

impl Tally {
    const fn new(alphabet: Alphabet) -> Self {
        Self { alphabet, units: 0, parts: 1, in_last: 0 }
    }

    /// Adds a character of so many units, which a part has whole or not at all.
    const fn add(&mut self, width: u32) {
        self.units += width;
        self.in_last += width;
        if self.in_last > self.alphabet.in_part() {
            self.parts += 1;
            self.in_last = width;
        }
    }

    const fn segmentation(self) -> Segmentation {
        let Self { alphabet, units, parts, .. } = self;
        let parts = if units <= alphabet.alone() { 1 } else { parts };
        Segmentation { alphabet, units, parts }
    }
}

/// Most texts are plain ASCII: this loop compiles to vector instructions.
fn is_all_plain(text: &str) -> bool {
    text.as_bytes().chunks(64).all(|chunk| chunk.iter().fold(true, |all, &byte| all & is_plain(byte)))
}

/// Whether a byte is an ASCII character of the basic table. Ranges instead of a look-up, so that it vectorises.
const fn is_plain(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r' | b' '..=b'Z' | b'_' | b'a'..=b'z')
}

/// The septet of a character, with [`ESCAPED`] before one of the extension table, or [`OUTSIDE`].
fn septet(character: char) -> u16 {
    match character as u32 {
        latin @ 0..256 => LATIN[latin as usize],
        0x20AC => ESCAPED | 0x65,
        // The Greek capitals that have no Latin likeness.
        0x0393..=0x03A9 => {
            BASIC[0x10..0x1B].iter().position(|&greek| greek == character).map_or(OUTSIDE, |place| 0x10 + place as u16)
        }
        _ => OUTSIDE,
    }
}

/// Cuts a text that doesn't fit alone.
struct Parts<'a> {
    rest: &'a str,
    alphabet: Alphabet,
}

impl<'a> Iterator for Parts<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        if self.rest.is_empty() {
            return None;
        }
        let mut used = 0;
        let end = self.rest.char_indices().find_map(|(offset, character)| {
            used += self.alphabet.width(character);
            (used > self.alphabet.in_part()).then_some(offset)
        });
        let (part, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        Some(part)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Alphabet::{Gsm7, Ucs2};
    use super::*;

    fn measured(text: &str) -> (Alphabet, u32, u32) {
        let Segmentation { alphabet, units, parts } = measure(text);
        (alphabet, units, parts)
    }

    #[test]
    fn limits_hold_at_their_edges() {
        let table = [
            ("", 0, "", (Gsm7, 0, 1)),
            ("a", 160, "", (Gsm7, 160, 1)),
            ("a", 161, "", (Gsm7, 161, 2)),
            ("a", 306, "", (Gsm7, 306, 2)),
            ("a", 307, "", (Gsm7, 307, 3)),
            ("é", 160, "", (Gsm7, 160, 1)),
            ("Ω", 161, "", (Gsm7, 161, 2)),
            ("€", 80, "", (Gsm7, 160, 1)),
            ("a", 159, "€", (Gsm7, 161, 2)),
            // 152 and a pair: the pair goes to the next part as a whole.
            ("€", 153, "", (Gsm7, 306, 3)),
            ("€", 81, "", (Gsm7, 162, 2)),
            ("ç", 70, "", (Ucs2, 70, 1)),
            ("ç", 71, "", (Ucs2, 71, 2)),
            ("ç", 134, "", (Ucs2, 134, 2)),
            ("ç", 135, "", (Ucs2, 135, 3)),
            ("😀", 35, "", (Ucs2, 70, 1)),
            // 66 and a surrogate pair.
            ("😀", 67, "", (Ucs2, 134, 3)),
            ("a", 70, "ç", (Ucs2, 71, 2)),
            ("`", 1, "", (Ucs2, 1, 1)),
            ("\u{1b}", 1, "", (Ucs2, 1, 1)),
            ("\0", 1, "", (Ucs2, 1, 1)),
            ("\u{7f}", 1, "", (Ucs2, 1, 1)),
            ("\t", 1, "", (Ucs2, 1, 1)),
            ("\u{a0}", 1, "", (Ucs2, 1, 1)),
        ];
        for (repeated, times, end, expected) in table {
            assert_eq!(measured(&format!("{}{end}", repeated.repeat(times))), expected, "{repeated} x {times} {end}");
        }
    }

    #[test]
    fn no_part_ends_inside_a_pair() {
        let text = format!("{}€{}", "a".repeat(152), "b".repeat(20));
        assert_eq!(split(&text), ["a".repeat(152), format!("€{}", "b".repeat(20))]);
        let text = format!("{}😀{}", "ç".repeat(66), "b".repeat(20));
        assert_eq!(split(&text), ["ç".repeat(66), format!("😀{}", "b".repeat(20))]);
    }

    #[test]
    fn the_characters_that_cost_are_named_with_their_place() {
        assert_eq!(forces_ucs2("ça coûte 5 €, déjà…").collect::<Vec<_>>(), [(0, 'ç'), (6, 'û'), (24, '…')]);
        assert_eq!(forces_ucs2("[été] {€}").count(), 0);
    }

    #[test]
    fn each_character_that_costs_is_told_once_with_its_number_and_its_first_place() {
        let one = |character, times, place| Outsider { character, times, place };
        let text = "été ça, ço 😀 ç…";
        assert_eq!(outsiders(text, 9), (vec![one('ç', 3, 5), one('😀', 1, 12), one('…', 1, 15)], 0));
        assert_eq!(outsiders(text, 1), (vec![one('ç', 3, 5)], 2));
        assert_eq!(outsiders("[été] {€}", 9), (Vec::new(), 0));
    }

    #[test]
    fn the_alphabet_has_137_characters_and_each_comes_back_from_its_septets() {
        let all: Vec<char> = (char::MIN..=char::MAX).filter(|&character| septet(character) != OUTSIDE).collect();
        assert_eq!(all.len(), 137);
        for character in all {
            let text = character.to_string();
            let septets = to_septets(&text).expect("inside");
            assert_eq!(septets.len() as u32, Gsm7.width(character));
            assert_eq!(from_septets(&septets), text);
            assert_eq!(character.is_ascii() && septets.len() == 1, character.is_ascii() && is_plain(character as u8));
        }
        assert!((0..=127).filter(|&byte| is_plain(byte)).all(|byte| septet(byte.into()) < ESCAPED));
        assert_eq!(to_septets("ç"), None);
    }

    #[test]
    fn unknown_escapes_read_as_the_standard_asks() {
        assert_eq!(from_septets(&[0x1B, 0x41, 0x1B, 0x65, 0x1B]), "A€ ");
        assert_eq!(from_septets(&[0x1B, 0x1B, 0xC1]), " A");
    }

    /// Texts that mix what is cheap, what counts double and what is outside.
    fn texts() -> impl Strategy<Value = String> {
        let gsm = "[a-z é€\\[\\]~Ω\n]{0,700}";
        prop_oneof![gsm, "[ -~]{0,700}", "[a-zçê😀€]{0,400}", "\\PC{0,300}", "[a-z]{0,160}[€😀]{0,4}[a-z]{0,200}"]
    }

    proptest! {
        #[test]
        fn the_parts_are_the_text_fit_and_are_what_was_measured(text in texts()) {
            let parts = split(&text);
            let Segmentation { alphabet, units, parts: count } = measure(&text);
            prop_assert_eq!(parts.concat(), text.clone());
            prop_assert_eq!(parts.len() as u32, count);
            let widths: Vec<u32> =
                parts.iter().map(|part| part.chars().map(|character| alphabet.width(character)).sum()).collect();
            prop_assert_eq!(widths.iter().sum::<u32>(), units);
            let limit = if count == 1 { alphabet.alone() } else { alphabet.in_part() };
            prop_assert!(widths.iter().all(|&width| width <= limit));
            // No part is shorter than a pair at its end explains.
            prop_assert!(widths[..widths.len() - 1].iter().all(|&width| width + 1 >= limit));
            prop_assert_eq!(alphabet == Ucs2, forces_ucs2(&text).next().is_some());
        }

        #[test]
        fn septets_are_counted_as_they_are_written(text in texts()) {
            let septets = to_septets(&text);
            prop_assert_eq!(septets.is_none(), measure(&text).alphabet == Ucs2);
            if let Some(septets) = septets {
                prop_assert_eq!(measured(&text).1 as usize, septets.len());
                prop_assert_eq!(from_septets(&septets), text);
            }
        }
    }
}
