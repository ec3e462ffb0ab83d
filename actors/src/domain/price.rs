//! What a message costs, from configuration: a price for the message and one for each part, by channel.
use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// An amount in millionths of a euro.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Money(pub u64);

impl fmt::Display for Money {
    /// In euro with four decimals.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:04} EUR", self.0 / 1_000_000, self.0 % 1_000_000 / 100)
    }
}

/// What a channel costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tariff {
    /// For each message.
    pub per_message: Money,
    /// For each part of it.
    pub per_part: Money,
}

/// The tariffs by name of channel. A channel without one costs nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceList(BTreeMap<String, Tariff>);

impl PriceList {
    /// Of the tariffs given.
    pub fn new(tariffs: impl IntoIterator<Item = (String, Tariff)>) -> Self {
        Self(tariffs.into_iter().collect())
    }

    /// The price of a message in so many parts.
    pub fn price(&self, channel: &str, parts: u32) -> Money {
        let tariff = self.0.get(channel).copied().unwrap_or_default();
        Money(tariff.per_message.0.saturating_add(tariff.per_part.0.saturating_mul(u64::from(parts))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_is_per_message_and_per_part() {
        let tariff = Tariff { per_message: Money(1_000), per_part: Money(45_000) };
        let list = PriceList::new([("sms".to_owned(), tariff)]);
        assert_eq!(list.price("sms", 3), Money(136_000));
        assert_eq!(list.price("sms", 3).to_string(), "0.1360 EUR");
        assert_eq!(list.price("govapp", 1), Money(0));
    }
}
