//! `[channels.govapp]` as it is written, and the bounds of its values that concern calls to many.
use std::time::Duration;

use serde::Deserialize;

use super::NAME;
use crate::channels::Error;
use crate::channels::settings::Secret;

/// Receivers that the platform takes in one call.
const RECEIVERS: usize = 10_000;
/// Milliseconds that letters may be made to wait for others.
const LONGEST_GATHERING_MS: u64 = 1_000;

/// `[channels.govapp]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The platform's address, up to and without `/api/v1`.
    pub base_url: String,
    /// Its bearer token.
    pub token: Secret,
    /// Time limit of each request, in milliseconds. Default 5,000. A letter takes up to three requests one after the
    /// other (and a fourth when a call to many is refused), which together must stay below `attempt_timeout_seconds` of
    /// `[delivery.govapp]`.
    #[serde(default = "five_seconds")]
    pub timeout_ms: u64,
    /// How long a citizen's receivers are remembered, in milliseconds; 0 asks each time. Default 60,000.
    #[serde(default = "a_minute")]
    pub receivers_cache_ms: u64,
    /// How long a row of a broadcast waits for others that say the same at most, in milliseconds, so that they go in one call;
    /// no longer than a fifth of it after the last one came. At most 1,000, and 0 sends each by a call of its own. Default 5.
    #[serde(default = "five")]
    pub gather_ms: u64,
    /// Receivers of such a call at most, 1 to 10,000. Default 1,000.
    #[serde(default = "thousand")]
    pub gather_receivers: usize,
    /// What the platform sends in `x-callback-secret`; without it callbacks are refused.
    #[serde(default)]
    pub callback_secret: Option<Secret>,
    /// Whether notifications are asked for regularly. Only needed when callbacks can't reach us. Default false.
    #[serde(default)]
    pub poll: bool,
    /// How old a notification may be for its events to be still asked for, in milliseconds. Default one day.
    #[serde(default = "a_day")]
    pub poll_back_ms: u64,
    /// Pages of 100 notifications read in one poll at most. Default 100.
    #[serde(default = "hundred")]
    pub poll_pages: usize,
}

impl Settings {
    /// How long a letter waits for others.
    pub(super) fn within(&self) -> Result<Duration, Error> {
        if self.gather_ms > LONGEST_GATHERING_MS {
            let message = format!("give 0 to {LONGEST_GATHERING_MS} ms");
            return Err(Error::Setting { channel: NAME, key: "gather_ms", message });
        }
        Ok(Duration::from_millis(self.gather_ms))
    }

    /// Receivers of a call.
    pub(super) fn most(&self) -> Result<usize, Error> {
        if !(1..=RECEIVERS).contains(&self.gather_receivers) {
            let message = format!("give 1 to {RECEIVERS} receivers");
            return Err(Error::Setting { channel: NAME, key: "gather_receivers", message });
        }
        Ok(self.gather_receivers)
    }
}

fn five_seconds() -> u64 {
    5_000
}

fn a_minute() -> u64 {
    60_000
}

fn five() -> u64 {
    5
}

fn thousand() -> usize {
    1_000
}

fn a_day() -> u64 {
    24 * 3_600_000
}

fn hundred() -> usize {
    100
}
