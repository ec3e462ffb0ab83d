//! Data codings: which octets a text is. The GSM alphabet itself is its users' (its table is a rule of segmentation).
//!
//! Source: SMPP 3.4, 5.2.19, and 3GPP TS 23.038 for the message class groups.

/// The SMSC's default alphabet: what that is, each provider says.
pub const DEFAULT: u8 = 0x00;
/// ISO 8859-1.
pub const LATIN_1: u8 = 0x03;
/// UCS-2, or UTF-16 as everybody understands it, big-endian.
pub const UCS_2: u8 = 0x08;

/// Which octets the text of a data_coding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// The default alphabet of the SMSC.
    Default,
    /// ASCII.
    Ascii,
    /// ISO 8859-1.
    Latin1,
    /// UTF-16, big-endian.
    Ucs2,
    /// Octets, or an alphabet that nobody asked for here.
    Binary,
}

impl Coding {
    /// By its number.
    pub const fn of(data_coding: u8) -> Self {
        match data_coding {
            0x00 => Self::Default,
            0x01 => Self::Ascii,
            0x03 => Self::Latin1,
            0x08 => Self::Ucs2,
            // TS 23.038: general group and message class group, by their alphabet bits.
            group if group & 0xF0 == 0xF0 => {
                if group & 0x04 == 0 {
                    Self::Default
                } else {
                    Self::Binary
                }
            }
            0x10..=0x13 => Self::Default,
            0x18..=0x1B => Self::Ucs2,
            _ => Self::Binary,
        }
    }
}

/// The octets of a text in ISO 8859-1; none when a character is outside.
pub fn to_latin_1(text: &str) -> Option<Vec<u8>> {
    text.chars().map(|character| u8::try_from(u32::from(character)).ok()).collect()
}

/// The text of octets in ISO 8859-1.
pub fn from_latin_1(octets: &[u8]) -> String {
    octets.iter().copied().map(char::from).collect()
}

/// The octets of a text in UCS-2.
pub fn to_ucs_2(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_be_bytes).collect()
}

/// The text of octets in UCS-2. Half a pair becomes a replacement character; an odd octet at the end is left out.
pub fn from_ucs_2(octets: &[u8]) -> String {
    let units = octets.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
    char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn message_classes_keep_their_alphabet() {
        for (number, coding) in [
            (0x00, Coding::Default),
            (0x03, Coding::Latin1),
            (0x08, Coding::Ucs2),
            (0x10, Coding::Default),
            (0x18, Coding::Ucs2),
            (0xF0, Coding::Default),
            (0xF5, Coding::Binary),
            (0x04, Coding::Binary),
        ] {
            assert_eq!(Coding::of(number), coding, "{number:#x}");
        }
    }

    proptest! {
        #[test]
        fn a_text_comes_back_from_its_octets(text in "\\PC{0,100}", octets in prop::collection::vec(any::<u8>(), 0..100)) {
            prop_assert_eq!(from_ucs_2(&to_ucs_2(&text)), text.clone());
            if let Some(latin) = to_latin_1(&text) {
                prop_assert_eq!(from_latin_1(&latin), text);
            }
            prop_assert_eq!(to_latin_1(&from_latin_1(&octets)), Some(octets.clone()));
            let _ = from_ucs_2(&octets);
        }
    }
}
