//! Points in time as the broker stores them: milliseconds since 1970 in UTC.
//!
//! Nothing here reads a clock: the owner of a partition decides the time and passes it on.
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The beginning of time: "at once" where a time not to be before is asked for.
    pub const ZERO: Self = Self(0);
    /// Later than anything that is ever stored.
    pub const MAX: Self = Self(u64::MAX);

    /// From milliseconds since 1970.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since 1970.
    pub const fn millis(self) -> u64 {
        self.0
    }

    /// This time and `span` later, without overflow.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(span.as_millis()).unwrap_or(u64::MAX)))
    }

    /// How long after `earlier` this is; zero when it is before.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// Reads an RFC 3339 time with its offset.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let at: jiff::Timestamp = text.parse().map_err(|_| Error::NotRfc3339)?;
        u64::try_from(at.as_millisecond()).map(Self).map_err(|_| Error::Before1970)
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC with milliseconds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = i64::try_from(self.0).unwrap_or(i64::MAX);
        match jiff::Timestamp::from_millisecond(millis) {
            Ok(at) => write!(f, "{at:.3}"),
            Err(_) => f.write_str("9999-12-30T22:00:00.000Z"),
        }
    }
}

/// Why a text is no time.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// Not in the form of RFC 3339.
    #[error("not a time: give RFC 3339 with an offset, such as 2026-11-23T09:30:00+01:00")]
    NotRfc3339,
    /// Before 1970.
    #[error("times before 1970 are not supported")]
    Before1970,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_and_written_as_rfc_3339_in_utc() {
        let at = Timestamp::parse("2026-11-23T09:30:00+01:00").unwrap();
        assert_eq!(at.to_string(), "2026-11-23T08:30:00.000Z");
        assert_eq!(Timestamp::parse("yesterday"), Err(Error::NotRfc3339));
        assert_eq!(Timestamp::parse("1901-01-01T00:00:00Z"), Err(Error::Before1970));
    }
}
