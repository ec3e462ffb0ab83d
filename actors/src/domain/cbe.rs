//! The number that identifies an enterprise or institution (CBE, BCE, KBO).
//!
//! Invariant: a [`Cbe`] that came out of [`Cbe::parse`] has ten digits, starts with 0 or 1 and has a right check number.
//! It must not let an establishment unit's number pass for an enterprise's. Unlike a NISS it is public, so it may be shown.
//!
//! Source: the Crossroads Bank for Enterprises: last two digits = 97 less (the first eight mod 97).

use std::fmt;

use serde::{Deserialize, Serialize};

/// How many digits a number has; the old form lacks the leading 0.
const DIGITS: usize = 10;
const OLD_DIGITS: usize = DIGITS - 1;
const MODULUS: u32 = 97;

/// A CBE number: ten digits, kept as the number that they make.
///
/// Serialised as that number. An edge that reads text uses [`Cbe::parse`]; deserialising is for what this program has
/// written itself and checks nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cbe(u32);

/// Why a text is not a CBE number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Something else than a digit, a separator (`.`, space) or the prefix `BE`.
    #[error(
        "a CBE number has digits only, written 0403019261, 0403.019.261 or BE0403019261: remove every other character"
    )]
    NotDigits,
    /// Neither ten digits nor nine.
    #[error("a CBE number has 10 digits and this one has {digits}: give all of them")]
    Length {
        /// How many there were.
        digits: usize,
    },
    /// A separator at the start or the end, or two together.
    #[error(
        "the separators of a CBE number stand singly between its digits, as in 0403.019.261: write it so or without separators"
    )]
    Separator,
    /// The number of an establishment unit (first digit 2 to 8).
    #[error(
        "this is the number of an establishment unit: give the CBE number of the enterprise, which starts with 0 or 1"
    )]
    EstablishmentUnit,
    /// First digit 9.
    #[error("a CBE number starts with 0 or 1: check the number")]
    FirstDigit,
    /// The last two digits don't follow from the others.
    #[error("the last two digits of this CBE number don't fit the others: check the number for a typing mistake")]
    CheckDigits,
}

impl Error {
    /// A stable word for this error, for answers to programs.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::NotDigits => "not_digits",
            Self::Length { .. } => "length",
            Self::Separator => "separator",
            Self::EstablishmentUnit => "establishment_unit",
            Self::FirstDigit => "first_digit",
            Self::CheckDigits => "check_digits",
        }
    }
}

impl Cbe {
    /// Reads ten digits, or nine (which take a leading 0), optionally after `BE` (as in a VAT number), with single
    /// separators `.` or space between them.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let bytes = text.as_bytes();
        let (rest, prefixed) = match bytes {
            [b'B' | b'b', b'E' | b'e', rest @ ..] => (rest, true),
            _ => (bytes, false),
        };
        let mut value = 0_u64;
        let mut digits = 0_usize;
        // Between the prefix and the first digit a separator is as good as between two digits.
        let mut after_separator = !prefixed;
        let mut misplaced = false;
        for &byte in rest {
            match byte {
                b'0'..=b'9' => {
                    if digits < DIGITS {
                        value = value * 10 + u64::from(byte - b'0');
                    }
                    digits += 1;
                    after_separator = false;
                }
                b'.' | b' ' => {
                    misplaced |= after_separator;
                    after_separator = true;
                }
                _ => return Err(Error::NotDigits),
            }
        }
        if digits != DIGITS && digits != OLD_DIGITS {
            return Err(Error::Length { digits });
        }
        if misplaced || after_separator {
            return Err(Error::Separator);
        }
        match value / 1_000_000_000 {
            0 | 1 => {}
            2..=8 => return Err(Error::EstablishmentUnit),
            _ => return Err(Error::FirstDigit),
        }
        let number = value as u32;
        // 01 to 97: a check of 00, 98 or 99 never occurs, though it may have the right remainder.
        if number % 100 == MODULUS - number / 100 % MODULUS { Ok(Self(number)) } else { Err(Error::CheckDigits) }
    }

    /// Takes the number that an earlier [`Cbe::as_u32`] gave, unchecked: for records that this program wrote itself.
    pub const fn from_trusted_u32(value: u32) -> Self {
        Self(value)
    }

    /// The number that the ten digits make.
    pub const fn as_u32(self) -> u32 {
        self.0
    }

    /// The ten digits.
    pub fn digits(&self) -> String {
        format!("{:010}", self.0)
    }

    /// The written form, `0403.019.261`.
    pub fn formatted(&self) -> String {
        format!("{:04}.{:03}.{:03}", self.0 / 1_000_000, self.0 / 1000 % 1000, self.0 % 1000)
    }
}

impl fmt::Display for Cbe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:010}", self.0)
    }
}

impl fmt::Debug for Cbe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cbe({self})")
    }
}

impl std::str::FromStr for Cbe {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_written_form_gives_the_same_number() {
        let table = [
            ("0403019261", "0403019261"),
            ("403019261", "0403019261"),
            ("0403.019.261", "0403019261"),
            ("403.019.261", "0403019261"),
            ("0403 019 261", "0403019261"),
            ("BE0403019261", "0403019261"),
            ("BE 0403.019.261", "0403019261"),
            ("be403019261", "0403019261"),
            ("0206731645", "0206731645"),
        ];
        for (text, digits) in table {
            assert_eq!(Cbe::parse(text).expect(text).digits(), digits, "{text}");
        }
    }

    #[test]
    fn each_rule_refuses_with_its_own_error() {
        let table = [
            ("1000000055", Error::CheckDigits),
            ("0200004298", Error::CheckDigits),
            ("0000000000", Error::CheckDigits),
            ("0403019262", Error::CheckDigits),
            ("2000000058", Error::EstablishmentUnit),
            ("8403019261", Error::EstablishmentUnit),
            ("9403019261", Error::FirstDigit),
            ("", Error::Length { digits: 0 }),
            ("BE", Error::Length { digits: 0 }),
            ("03019261", Error::Length { digits: 8 }),
            ("04030192610", Error::Length { digits: 11 }),
            ("0403-019-261", Error::NotDigits),
            ("NL0403019261", Error::NotDigits),
            ("BEBE0403019261", Error::NotDigits),
            ("0403019261BE", Error::NotDigits),
            ("0403..019.261", Error::Separator),
            (" 0403019261", Error::Separator),
            ("BE. 0403019261", Error::Separator),
            ("0403019261.", Error::Separator),
        ];
        for (text, error) in table {
            assert_eq!(Cbe::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn a_check_of_00_98_or_99_never_passes_though_its_remainder_fits() {
        for eight in (0..20_000_000_u32).step_by(97 * 7 + 1) {
            for check in [0, 98, 99] {
                assert!(Cbe::parse(&format!("{eight:08}{check:02}")).is_err());
            }
        }
    }

    proptest! {
        #[test]
        fn any_text_is_judged_without_a_panic(text in "\\PC{0,30}") {
            let _ = Cbe::parse(&text);
        }

        #[test]
        fn exactly_one_check_fits_eight_digits_and_reads_back(eight in 0_u32..20_000_000) {
            let fitting: Vec<Cbe> =
                (0..100).filter_map(|check| Cbe::parse(&format!("{eight:08}{check:02}")).ok()).collect();
            prop_assert_eq!(fitting.len(), 1);
            let cbe = fitting[0];
            prop_assert_eq!(Cbe::parse(&cbe.formatted()), Ok(cbe));
            prop_assert_eq!(Cbe::parse(&cbe.to_string()), Ok(cbe));
            prop_assert_eq!(Cbe::from_trusted_u32(cbe.as_u32()), cbe);
        }
    }
}
