//! How many SMS a text takes.
//!
//! Owns a second, independent count, so that a broker's own can be checked against it. Invariant: no part ends inside an escape
//! pair of the GSM alphabet (3GPP TS 23.038) or a surrogate pair.

const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
const EXTENSION: &str = "^{}\\[~]|€\u{c}";

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
