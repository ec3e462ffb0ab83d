//! Whom a simulator is asked to reach: a number small enough to keep by the million.
//!
//! Owns the compact form and the share of people that a channel reaches. Invariant: whether somebody is reachable follows from the number
//! alone, so no simulator has to remember people. It has no `Debug`, so that no number slips into a log.

use crate::{cbe, hash, niss};

/// What kind of number identifies the addressee.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    Mobile = 1,
    Niss = 2,
    Cbe = 3,
}

/// A mobile number, a NISS or a CBE number.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Addressee {
    pub(crate) kind: Kind,
    pub(crate) number: u64,
}

impl Addressee {
    /// 6 to 15 digits without a plus sign, as the gateways take them.
    pub(crate) fn mobile(digits: &str) -> Option<Self> {
        let fits = (6..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        Some(Self { kind: Kind::Mobile, number: digits.parse().ok().filter(|_| fits)? })
    }

    pub(crate) fn niss(text: &str) -> Option<Self> {
        Some(Self { kind: Kind::Niss, number: text.parse().ok().filter(|_| niss::is_valid(text))? })
    }

    pub(crate) fn cbe(text: &str) -> Option<Self> {
        Some(Self { kind: Kind::Cbe, number: text.parse().ok().filter(|_| cbe::is_valid(text))? })
    }

    /// The inverse of `Display`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text.strip_prefix('+') {
            Some(digits) => Self::mobile(digits),
            None if text.len() == 11 => Self::niss(text),
            None => Self::cbe(text),
        }
    }

    /// One word for maps; differs between kinds.
    pub(crate) fn key(self) -> u64 {
        hash::mix(self.number ^ ((self.kind as u64) << 60))
    }

    /// Whether this one falls in the `share` of people that `channel` reaches.
    pub(crate) fn falls_in(self, share: f64, channel: u64) -> bool {
        hash::unit(hash::mix(self.key() ^ hash::mix(channel))) < share
    }
}

impl std::fmt::Display for Addressee {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.kind {
            Kind::Mobile => write!(out, "+{}", self.number),
            Kind::Niss => write!(out, "{:011}", self.number),
            Kind::Cbe => write!(out, "{:010}", self.number),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_compact_form_agree_with_their_leading_zeros() {
        for text in ["+32470123456", "05200000179", "0403019261"] {
            let parsed = Addressee::parse(text).map(|addressee| addressee.to_string());
            assert_eq!(parsed.as_deref(), Some(text));
        }
        for text in ["", "+", "+12345", "+1234567890123456", "99073003360", "0403019262", "+3247o123456"] {
            assert!(Addressee::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn share_of_reachable_people_is_about_what_was_asked() {
        let reached = (0..20_000)
            .filter_map(|index| Addressee::parse(&crate::mobile::generate(index)))
            .filter(|addressee| addressee.falls_in(0.6, 1))
            .count();
        assert!((11_500..12_500).contains(&reached), "{reached}");
    }
}
