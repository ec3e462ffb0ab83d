//! A citizen's mobile number: what is accepted, normalised to E.164.
//!
//! Invariant: a [`Mobile`] that came out of [`Mobile::parse`] is a number of a range that its country gives to mobiles
//! (or, where a country doesn't tell them apart, to mobiles too). It says nothing about whether somebody has it.
//! It must never show a number: no `Display`, a masked `Debug`, and no error that carries a digit of it.
//!
//! Source: E.164 and the metadata of libphonenumber, by the crate `phonenumber`.

use std::fmt;

use phonenumber::metadata::{DATABASE, Descriptor};
use phonenumber::{Metadata, PhoneNumber, country};
use regex::RegexBuilder;
use serde::{Deserialize, Serialize};

/// The longest input after separators are gone: fifteen digits (E.164), an international prefix, a trunk zero and some
/// slack, so that a long text never reaches the expressions of the library.
const MAX_DIGITS: usize = 20;
/// 32 and nine digits: where a Belgian mobile number starts.
const BELGIUM: u64 = 32_000_000_000;

/// A mobile number: the digits of its E.164 form, kept as the number that they make.
///
/// Serialised as that number. An edge that reads text uses [`Mobile::parse`]; deserialising is for what this program
/// has written itself and checks nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Mobile(u64);

/// A number that may be missing, as a number: 0 when it is. So it can be taken out of a record whose form stays.
pub mod or_zero {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Mobile;

    /// Writes it.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(mobile: &Option<Mobile>, serializer: S) -> Result<S::Ok, S::Error> {
        mobile.map_or(0, |mobile| mobile.0).serialize(serializer)
    }

    /// Reads it.
    ///
    /// # Errors
    /// Those of the deserializer.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Mobile>, D::Error> {
        let number = u64::deserialize(deserializer)?;
        Ok((number > 0).then_some(Mobile(number)))
    }
}

/// Why a text is not a mobile number. None of these carries any of its digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Something else than digits, a leading + and the usual separators. Extensions and letters are refused: E.164
    /// has neither.
    #[error(
        "a phone number has digits, a leading + and the separators space . - / ( ) only: remove every other character"
    )]
    Character,
    /// No digit at all.
    #[error("the phone number is empty: give one, a foreign one with + and the country code")]
    Empty,
    /// More digits than any number has.
    #[error("a phone number has at most 15 digits: check the number")]
    TooLong,
    /// No country has this number; without a + or 00 it was read as Belgian.
    #[error("no such phone number: check it, and start a foreign number with + and the country code")]
    NoSuchNumber,
    /// A number, but of a fixed line, a paid service or the like.
    #[error("not a mobile number: give one that can receive an SMS")]
    NotMobile,
}

impl Error {
    /// A stable word for this error, for answers to programs.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Character => "character",
            Self::Empty => "empty",
            Self::TooLong => "too_long",
            Self::NoSuchNumber => "no_such_number",
            Self::NotMobile => "not_mobile",
        }
    }
}

impl Mobile {
    /// Reads `+32470123456`, `0032 470 12 34 56`, `+32 (0)470/12.34.56`, `0470 12 34 56` and the same of other
    /// countries after + or 00. Without these a number is Belgian, with or without its leading 0 or 32.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut buffer = [0_u8; MAX_DIGITS];
        let (plus, digits) = significant(text, &mut buffer)?;
        belgian(plus, digits).map_or_else(|| by_library(plus, digits), Ok)
    }

    /// Takes the number that an earlier [`Mobile::as_u64`] gave, unchecked: for records that this program wrote itself.
    pub const fn from_trusted_u64(value: u64) -> Self {
        Self(value)
    }

    /// The number that the digits of the E.164 form make.
    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// The E.164 form with its +. Only for a channel, or the owner's and the operator's own view.
    pub fn e164(&self) -> String {
        format!("+{}", self.0)
    }

    /// Whether it is reserved for the sandbox: +32 460 00 and four digits. Nobody has such a number.
    pub const fn is_reserved(self) -> bool {
        matches!(self.0, 32_460_000_000..=32_460_009_999)
    }

    /// The E.164 digits without +. Only for a channel, or the owner's and the operator's own view.
    pub fn digits(&self) -> String {
        self.0.to_string()
    }

    /// The country calling code: 32 for Belgium, 1 for the United States and their neighbours.
    pub const fn country_prefix(&self) -> u16 {
        let mut leading = self.0;
        while leading >= 1000 {
            leading /= 10;
        }
        // ITU-T E.164 (list of assigned codes): no code is the beginning of another.
        match leading / 10 {
            10..=19 => 1,
            70..=79 => 7,
            two @ (20
            | 27
            | 30..=34
            | 36
            | 39..=41
            | 43..=49
            | 51..=58
            | 60..=66
            | 81
            | 82
            | 84
            | 86
            | 90..=95
            | 98) => two as u16,
            _ => leading as u16,
        }
    }

    /// Loads the library's metadata, which takes about a tenth of a second, so that the first message doesn't wait for it.
    pub fn warm() {
        let _ = by_library(true, b"33612345678");
    }
}

/// The digits of a text without separators, and whether a + stood before them.
fn significant<'a>(text: &str, buffer: &'a mut [u8; MAX_DIGITS]) -> Result<(bool, &'a [u8]), Error> {
    let mut plus = false;
    let mut length = 0_usize;
    for byte in text.bytes() {
        match byte {
            b'0'..=b'9' => {
                *buffer.get_mut(length).ok_or(Error::TooLong)? = byte;
                length += 1;
            }
            b'+' if !plus && length == 0 => plus = true,
            b' ' | b'.' | b'-' | b'/' | b'(' | b')' => {}
            _ => return Err(Error::Character),
        }
    }
    if length == 0 { Err(Error::Empty) } else { Ok((plus, &buffer[..length])) }
}

/// The short way for a Belgian mobile number, some hundred times faster than the library. `None` says nothing about
/// the number: the library then judges it. The tests hold both ways to the same answers.
fn belgian(plus: bool, digits: &[u8]) -> Option<Mobile> {
    let national = match (plus, digits) {
        (true, [b'3', b'2', national @ ..])
        | (false, [b'0', b'0', b'3', b'2', national @ ..] | [b'3', b'2', national @ ..]) => {
            national.strip_prefix(b"0").unwrap_or(national)
        }
        (false, [b'0', national @ ..] | national) => national,
        (true, _) => return None,
    };
    let [b'4', b'5'..=b'9', _, _, _, _, _, _, _] = national else {
        return None;
    };
    Some(Mobile(BELGIUM + value(national)))
}

fn value(digits: &[u8]) -> u64 {
    digits.iter().fold(0, |value, digit| value * 10 + u64::from(digit - b'0'))
}

fn by_library(plus: bool, digits: &[u8]) -> Result<Mobile, Error> {
    let text = std::str::from_utf8(digits).expect("ASCII digits are UTF-8");
    let international = match digits {
        _ if plus => Some(text),
        [b'0', b'0', b'1'..=b'9', ..] => Some(&text[2..]),
        _ => None,
    };
    // An international number is parsed without a default country: given one, the library takes that country's trunk
    // zero off numbers of countries that keep theirs (Ivory Coast, Gabon), which makes another number of them.
    let parsed = match international {
        Some(text) => phonenumber::parse(None, format!("+{text}")),
        None => phonenumber::parse(Some(country::BE), text),
    };
    let number = parsed.map_err(|_| Error::NoSuchNumber)?;
    let national = number.national().to_string();
    if is_two_trunk_zeros_off(international, &number) {
        return Err(Error::NoSuchNumber);
    }
    judge(&number, &national)?;
    let code = number.code().value();
    format!("{code}{national}").parse().map(Mobile).map_err(|_| Error::TooLong)
}

/// The library takes off two trunk zeros where one may stand.
fn is_two_trunk_zeros_off(international: Option<&str>, number: &PhoneNumber) -> bool {
    let code = number.code().value().to_string();
    number.national().zeros() == 0
        && international
            .and_then(|text| text.strip_prefix(code.as_str()))
            .is_some_and(|national| national.starts_with("00"))
}

/// Whether a number is of a mobile range. The library's own `number_type` looks at the number without the zeros that
/// belong to it, hence not that.
fn judge(number: &PhoneNumber, national: &str) -> Result<(), Error> {
    let regions = DATABASE.by_code(&number.code().value()).unwrap_or_default();
    for region in regions {
        match region.leading_digits() {
            Some(leading) if leading.find(national).is_some_and(|found| found.start() == 0) => {
                return judge_in(region, national);
            }
            Some(_) => {}
            None => match judge_in(region, national) {
                Err(Error::NoSuchNumber) => {}
                verdict => return verdict,
            },
        }
    }
    Err(Error::NoSuchNumber)
}

/// The verdict in one of the regions that share a country code. Order and precedence are those of libphonenumber's
/// `getNumberType`.
fn judge_in(region: &Metadata, national: &str) -> Result<(), Error> {
    let ranges = region.descriptors();
    let is_of = |range: Option<&Descriptor>| range.is_some_and(|range| is_all_of(range, national));
    let special = [
        ranges.premium_rate(),
        ranges.toll_free(),
        ranges.shared_cost(),
        ranges.voip(),
        ranges.personal_number(),
        ranges.pager(),
        ranges.uan(),
        ranges.voicemail(),
    ];
    if !is_all_of(ranges.general(), national) {
        Err(Error::NoSuchNumber)
    } else if special.into_iter().any(is_of) {
        Err(Error::NotMobile)
    } else if is_of(ranges.mobile()) {
        Ok(())
    } else if is_of(ranges.fixed_line()) {
        Err(Error::NotMobile)
    } else {
        Err(Error::NoSuchNumber)
    }
}

/// Whether a range describes the whole number. The library's own `is_match` is content with a beginning; and where the
/// expression has a shorter alternative first (Korea's 010 numbers), only an anchored one tells. That is rare, so the
/// anchored expression is made when it is needed and not kept.
fn is_all_of(range: &Descriptor, national: &str) -> bool {
    let pattern = range.national_number();
    range.is_match(national)
        && (pattern.find(national).is_some_and(|found| found.end() == national.len())
            || RegexBuilder::new(&format!("^(?:{}\n)$", pattern.as_str()))
                .ignore_whitespace(true)
                .build()
                .is_ok_and(|anchored| anchored.is_match(national)))
}

impl fmt::Debug for Mobile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mobile(***)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn both_ways(text: &str) -> (Option<Mobile>, Result<Mobile, Error>) {
        let mut buffer = [0; MAX_DIGITS];
        let (plus, digits) = significant(text, &mut buffer).expect("digits");
        (belgian(plus, digits), by_library(plus, digits))
    }

    #[test]
    fn every_written_form_gives_the_same_number() {
        for text in [
            "0470123456",
            "0470 12 34 56",
            "0470/12.34.56",
            "0470-12-34-56",
            "+32470123456",
            "+32 470 12 34 56",
            "+32 (0)470 12 34 56",
            "(+32) 470 123 456",
            "0032470123456",
            "0032 0470 12 34 56",
            "32470123456",
            "470123456",
        ] {
            let mobile = Mobile::parse(text).expect(text);
            assert_eq!((mobile.e164().as_str(), mobile.digits().as_str()), ("+32470123456", "32470123456"), "{text}");
            assert_eq!(mobile.country_prefix(), 32);
        }
    }

    #[test]
    fn foreign_mobile_numbers_are_accepted_with_the_zeros_that_belong_to_them() {
        for (text, e164, country) in [
            ("+33 6 12 34 56 78", "+33612345678", 33),
            ("0033 (0)6 12 34 56 78", "+33612345678", 33),
            ("+31612345678", "+31612345678", 31),
            ("+4915112345678", "+4915112345678", 49),
            ("+352621123456", "+352621123456", 352),
            ("+447911123456", "+447911123456", 44),
            ("+44 (0)7911 123456", "+447911123456", 44),
            ("+12015550123", "+12015550123", 1),
            ("+393123456789", "+393123456789", 39),
            ("+2250123456789", "+2250123456789", 225),
            ("+24106031234", "+24106031234", 241),
            // The first alternative of their expression describes a shorter number.
            ("+821020000000", "+821020000000", 82),
            ("+79123456789", "+79123456789", 7),
        ] {
            let mobile = Mobile::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!((mobile.e164().as_str(), mobile.country_prefix()), (e164, country), "{text}");
        }
    }

    #[test]
    fn each_rule_refuses_with_its_own_error() {
        for (text, error) in [
            ("", Error::Empty),
            ("+", Error::Empty),
            ("0470 12 34 56 ext 5", Error::Character),
            ("0470-MOBILE", Error::Character),
            ("0470+123456", Error::Character),
            ("++32470123456", Error::Character),
            ("\u{ff10}470123456", Error::Character),
            ("0470123456;0471123456", Error::Character),
            ("+32470123456324701234563247", Error::TooLong),
            ("0", Error::NoSuchNumber),
            ("112", Error::NoSuchNumber),
            ("047012345", Error::NoSuchNumber),
            ("04701234567", Error::NoSuchNumber),
            ("+3200470123456", Error::NoSuchNumber),
            ("+0470123456", Error::NoSuchNumber),
            ("+999123456789", Error::NoSuchNumber),
            ("02 555 12 12", Error::NotMobile),
            ("+32 2 555 12 12", Error::NotMobile),
            ("0800 12 345", Error::NotMobile),
            ("0900 12 345", Error::NotMobile),
            ("+33 1 42 68 53 00", Error::NotMobile),
            // Their beginning is a mobile number of another length.
            ("+24175812400", Error::NoSuchNumber),
            ("+95921234016", Error::NoSuchNumber),
            ("+390236618300", Error::NotMobile),
        ] {
            assert_eq!(Mobile::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn no_debug_output_shows_the_number() {
        assert_eq!(format!("{:?}", Mobile::parse("0470123456")), "Ok(Mobile(***))");
    }

    #[test]
    fn a_mobile_is_serialised_as_its_number() {
        let mobile = Mobile::parse("0470123456").expect("Belgian");
        assert_eq!(serde_json::to_string(&mobile).expect("a number"), "32470123456");
        assert_eq!(serde_json::from_str::<Mobile>("32470123456").expect("a number"), mobile);
        assert_eq!(Mobile::from_trusted_u64(mobile.as_u64()), mobile);
    }

    #[test]
    fn the_country_prefix_is_the_one_of_the_library_for_every_country() {
        for metadata in DATABASE.iter() {
            let code = metadata.country_code();
            let example = Mobile::from_trusted_u64(u64::from(code) * 100_000_000 + 12_345_678);
            assert_eq!(example.country_prefix(), code, "{}", metadata.id());
        }
    }

    #[test]
    fn the_short_way_and_the_library_agree_on_every_belgian_prefix() {
        let forms = ["0{}123456", "+32{}123456", "{}123456", "+320{}123456", "0032{}123456", "32{}123456"];
        for prefix in 0..1000_u32 {
            // Those that could be mobile in every form, the others in the form that leaves no doubt.
            let forms = if (400..500).contains(&prefix) { &forms[..] } else { &forms[1..2] };
            for form in forms {
                let text = form.replace("{}", &format!("{prefix:03}"));
                match both_ways(&text) {
                    (Some(short), library) => assert_eq!(library, Ok(short), "{text}"),
                    (None, library) => assert!(library.is_err(), "{text} is left to the library"),
                }
            }
        }
    }

    proptest! {
        #[test]
        fn the_short_way_and_the_library_agree(
            form in prop::sample::select(vec!["", "0", "+32", "+320", "0032", "00320", "32", "320", "00", "+", "+3200"]),
            national in "4?[0-9]{6,10}",
        ) {
            if let (Some(short), library) = both_ways(&format!("{form}{national}")) {
                prop_assert_eq!(library, Ok(short));
            }
        }

        #[test]
        fn any_text_is_judged_without_a_panic(text in "\\PC{0,30}", digits in "[+0-9 ()./-]{0,24}") {
            let _ = (Mobile::parse(&text), Mobile::parse(&digits));
        }

        #[test]
        fn what_is_accepted_reads_back_from_its_e164_form(digits in "(\\+|00|0)[0-9]{8,14}") {
            if let Ok(mobile) = Mobile::parse(&digits) {
                prop_assert_eq!(Mobile::parse(&mobile.e164()), Ok(mobile));
            }
        }
    }
}
