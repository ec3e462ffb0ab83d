//! How many SMS a text takes, and the septets that it is.
//!
//! Owns a second, independent count, so that a broker's own can be checked against it. Invariant: no part ends inside an escape
//! pair of the GSM alphabet (3GPP TS 23.038) or a surrogate pair.

const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
const EXTENSION: &str = "^{}\\[~]|€\u{c}";
/// What stands behind the escape for each of them.
const ESCAPED: [u8; 10] = [0x14, 0x28, 0x29, 0x2F, 0x3C, 0x3D, 0x3E, 0x40, 0x65, 0x0A];
const ESCAPE: u8 = 0x1B;

/// The septets of a text; none when a character is outside the alphabet.
pub(crate) fn to_septets(text: &str) -> Option<Vec<u8>> {
    let mut septets = Vec::with_capacity(text.len());
    for character in text.chars() {
        if let Some(place) = BASIC.chars().position(|known| known == character) {
            // The escape has a place in the table and is no character.
            let place = place as u8;
            septets.push(if place < ESCAPE { place } else { place + 1 });
        } else {
            let place = EXTENSION.chars().position(|known| known == character)?;
            septets.extend([ESCAPE, ESCAPED[place]]);
        }
    }
    Some(septets)
}

/// The text of septets, as a handset shows it.
pub(crate) fn from_septets(septets: &[u8]) -> String {
    let basic = |septet: u8| BASIC.chars().nth(usize::from(if septet > ESCAPE { septet - 1 } else { septet }));
    let mut text = String::new();
    let mut rest = septets.iter().copied();
    while let Some(septet) = rest.next() {
        if septet != ESCAPE {
            text.extend(basic(septet));
        } else if let Some(escaped) = rest.next() {
            let place = ESCAPED.iter().position(|known| *known == escaped);
            text.extend(place.and_then(|place| EXTENSION.chars().nth(place)).or_else(|| basic(escaped)));
        }
    }
    text
}

/// The number of parts of `text`; `unicode` forces UCS-2.
pub(crate) fn count(text: &str, unicode: bool) -> u16 {
    if !unicode && let Some(parts) = gsm(text) {
        return parts;
    }
    split(text.chars().map(char::len_utf16), 70, 67)
}

fn gsm(text: &str) -> Option<u16> {
    let plain = |byte: u8| matches!(byte, b' '..=b'Z' | b'a'..=b'z' | b'\n' | b'\r' | b'_');
    if text.len() <= 160 && text.bytes().all(plain) {
        return Some(1);
    }
    let septets = |c: char| {
        if BASIC.contains(c) {
            Some(1)
        } else if EXTENSION.contains(c) {
            Some(2)
        } else {
            None
        }
    };
    let units: Option<Vec<usize>> = text.chars().map(septets).collect();
    Some(split(units?.into_iter(), 160, 153))
}

fn split(units: impl Iterator<Item = usize>, alone: usize, each: usize) -> u16 {
    let (mut total, mut parts, mut used) = (0, 1, 0);
    for unit in units {
        total += unit;
        if used + unit > each {
            parts += 1;
            used = 0;
        }
        used += unit;
    }
    if total <= alone { 1 } else { parts }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_comes_back_from_its_septets() {
        let all = format!("{BASIC}{EXTENSION}");
        let septets = to_septets(&all).expect("inside");
        assert_eq!((septets.len(), from_septets(&septets)), (127 + 20, all));
        assert_eq!(to_septets("à€z"), Some(vec![0x7F, 0x1B, 0x65, 0x7A]));
        assert_eq!(to_septets("ç"), None);
    }

    #[test]
    fn parts_follow_alphabet_and_pairs() {
        for (text, parts) in [
            (String::new(), 1),
            ("a".repeat(160), 1),
            ("a".repeat(161), 2),
            ("a".repeat(306), 2),
            ("a".repeat(307), 3),
            ("€".repeat(80), 1),
            ("€".repeat(81), 2),
            // 152 + an escape pair does not fit in 153.
            (format!("{}€{}", "a".repeat(152), "a".repeat(152)), 3),
            ("ê".repeat(70), 1),
            ("ê".repeat(71), 2),
            ("😀".repeat(35), 1),
            // 33 pairs in each part of 67 units.
            ("😀".repeat(67), 3),
        ] {
            assert_eq!(count(&text, false), parts, "{} characters of {:?}", text.chars().count(), text.chars().next());
        }
        assert_eq!(count(&"a".repeat(71), true), 2);
    }
}
