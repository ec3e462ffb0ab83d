//! What a message costs: a tariff for each channel, in micro-euros.
//!
//! Invariant: whole numbers only, and an amount that would not fit stays at the largest: a price never wraps.
//! It must not know what a channel is: channels are names.

use std::collections::BTreeMap;
use std::fmt;
use std::iter::Sum;
use std::ops::Add;

use serde::{Deserialize, Serialize};

const MICROS_IN_EURO: u64 = 1_000_000;

/// An amount of money in micro-euros (0.045 euro is 45,000).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Money(pub u64);

impl Money {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// So many times this amount.
    #[must_use]
    pub const fn times(self, count: u64) -> Self {
        Self(self.0.saturating_mul(count))
    }
}

impl Add for Money {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sum for Money {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

impl fmt::Display for Money {
    /// Euros with two to six decimals: `0.045 EUR`, `12.00 EUR`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut fraction, mut decimals) = (self.0 % MICROS_IN_EURO, 6);
        while decimals > 2 && fraction % 10 == 0 {
            fraction /= 10;
            decimals -= 1;
        }
        write!(f, "{}.{fraction:0decimals$} EUR", self.0 / MICROS_IN_EURO)
    }
}

/// What a channel costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tariff {
    /// For each message, whatever its length.
    #[serde(default)]
    pub per_message: Money,
    /// For each part of a message; a channel without parts counts one.
    #[serde(default)]
    pub per_part: Money,
}

impl Tariff {
    /// The price of a message of so many parts.
    pub fn price(&self, parts: u32) -> Money {
        self.per_message + self.per_part.times(parts.into())
    }
}

/// The tariffs of the channels, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PriceList {
    tariffs: BTreeMap<String, Tariff>,
}

impl PriceList {
    /// Of the tariffs given.
    pub fn new(tariffs: impl IntoIterator<Item = (String, Tariff)>) -> Self {
        Self { tariffs: tariffs.into_iter().collect() }
    }

    /// The price of a message of so many parts on a channel. A channel without a tariff costs nothing.
    pub fn price(&self, channel: &str, parts: u32) -> Money {
        self.tariffs.get(channel).map_or(Money::ZERO, |tariff| tariff.price(parts))
    }

    /// Puts offers, channels with the parts that the message has there, in the order of their price. Those of one
    /// price keep their order, so that a strategy's own order decides.
    pub fn sort_cheapest_first<C: AsRef<str>>(&self, offers: &mut [(C, u32)]) {
        offers.sort_by_key(|(channel, parts)| self.price(channel.as_ref(), *parts));
    }

    /// The tariffs, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Tariff)> {
        self.tariffs.iter().map(|(channel, tariff)| (channel.as_str(), *tariff))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn list() -> PriceList {
        let tariff = |channel: &str, per_message, per_part| {
            (channel.to_owned(), Tariff { per_message: Money(per_message), per_part: Money(per_part) })
        };
        PriceList::new([tariff("govapp", 1_000, 0), tariff("sms", 0, 45_000), tariff("ebox", 100_000, 0)])
    }

    #[test]
    fn a_price_is_per_message_and_per_part() {
        for (channel, parts, price) in [
            ("govapp", 1, 1_000),
            ("govapp", 9, 1_000),
            ("sms", 1, 45_000),
            ("sms", 3, 135_000),
            ("sms", 0, 0),
            ("other", 3, 0),
        ] {
            assert_eq!(list().price(channel, parts), Money(price), "{channel} {parts}");
        }
    }

    #[test]
    fn the_cheapest_is_first_and_equals_keep_their_order() {
        let mut offers = [("ebox", 1), ("sms", 3), ("sms", 2), ("b", 1), ("govapp", 1), ("a", 1)];
        list().sort_cheapest_first(&mut offers);
        assert_eq!(offers, [("b", 1), ("a", 1), ("govapp", 1), ("sms", 2), ("ebox", 1), ("sms", 3)]);
    }

    #[test]
    fn an_amount_is_shown_in_euros() {
        for (micros, shown) in [
            (0, "0.00 EUR"),
            (45_000, "0.045 EUR"),
            (12_000_000, "12.00 EUR"),
            (1, "0.000001 EUR"),
            (1_230_000, "1.23 EUR"),
        ] {
            assert_eq!(Money(micros).to_string(), shown);
        }
    }

    #[test]
    fn a_list_is_read_from_its_names() {
        let read: PriceList = serde_json::from_str(r#"{"sms":{"per_part":45000}}"#).expect("a list");
        assert_eq!(read.price("sms", 2), Money(90_000));
        assert!(serde_json::from_str::<PriceList>(r#"{"sms":{"per_page":1}}"#).is_err());
    }

    proptest! {
        #[test]
        fn a_price_never_wraps_and_never_falls_with_the_parts(message: u64, part: u64, parts in 0_u32..u32::MAX) {
            let tariff = Tariff { per_message: Money(message), per_part: Money(part) };
            prop_assert!(tariff.price(parts) <= tariff.price(parts + 1));
            prop_assert!(tariff.price(parts) >= tariff.per_message);
        }
    }
}
