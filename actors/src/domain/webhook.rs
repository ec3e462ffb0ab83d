//! A webhook: where a sender wants to be called, and how far it was told. Pure: which retry comes
//! when, and from when on an endpoint counts as dead.
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::backoff::Backoff;
use super::event::{Kind, Kinds, Place};
use super::submission::Institution;
use super::time::Timestamp;

/// Characters of a name at most.
pub const MAX_NAME: usize = 40;
/// Characters of an address at most.
pub const MAX_URL: usize = 1_000;
/// Events of a webhook that are tried again out of order at most; then it waits in order.
pub const MAX_OVERDUE: usize = 256;
/// Bytes of a secret.
pub const SECRET_BYTES: usize = 32;

/// A secret that signs calls. Never shown but to its owner, once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secret {
    /// The key.
    pub key: Box<[u8]>,
    /// Until when it still signs, once another took its place.
    pub until: Option<Timestamp>,
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// Since when and why nothing is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Off {
    /// Since when.
    pub at: Timestamp,
    /// Why.
    pub reason: Box<str>,
}

/// A webhook, as its owner set it up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    /// Whose.
    pub institution: Institution,
    /// Its name; unique for the institution.
    pub name: Box<str>,
    /// Where to call.
    pub url: Box<str>,
    /// The names of the events wanted; empty for all. Names, since the order of kinds is no format.
    pub types: Vec<Box<str>>,
    /// What signs, the newest first: two while one is being replaced.
    pub secrets: Vec<Secret>,
    /// When it was set up.
    pub created_at: Timestamp,
    /// Whether it is switched off.
    pub off: Option<Off>,
    /// Whether it is told of tests too. No part of the record, whose form does not change: the store keeps it beside.
    #[serde(skip)]
    pub include_test: bool,
}

impl Webhook {
    /// The events wanted.
    pub fn kinds(&self) -> Kinds {
        self.types.iter().filter_map(|name| Kind::parse(name)).collect()
    }

    /// The keys that sign now.
    pub fn keys(&self, now: Timestamp) -> impl Iterator<Item = &[u8]> {
        let valid = move |secret: &&Secret| secret.until.is_none_or(|until| now < until);
        self.secrets.iter().filter(valid).map(|secret| &*secret.key)
    }
}

/// An event that was refused, and comes again out of order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overdue {
    /// Which.
    pub place: Place,
    /// Calls that failed.
    pub tries: u32,
    /// When the first one failed.
    pub since: Timestamp,
    /// When the next one is.
    pub next: Timestamp,
}

/// A part of the feed that is told once more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range {
    /// Everything up to here is told.
    pub done: Place,
    /// The end.
    pub until: Place,
}

/// How far a webhook was told. Everything up to `done` is delivered, or overdue, or was given up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Up to here in order.
    pub done: Place,
    /// What is told once more.
    pub again: Option<Range>,
    /// What comes again out of order; at most [`MAX_OVERDUE`].
    pub overdue: Vec<Overdue>,
    /// Since when no call succeeded.
    pub failing_since: Option<Timestamp>,
    /// Calls that succeeded.
    pub delivered: u64,
    /// Events that were given up after the time for it.
    pub given_up: u64,
    /// Times that events were not kept long enough to be told.
    pub gaps: u64,
}

impl Progress {
    /// The webhook was set up anew: what is overdue is due now, and what failed before counts no more.
    pub fn begin_anew(&mut self, now: Timestamp) {
        self.failing_since = None;
        for overdue in &mut self.overdue {
            *overdue = Overdue { place: overdue.place, tries: 0, since: now, next: now };
        }
    }
}

/// How patient we are with endpoints.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// The pauses between calls for the same event, and while an endpoint is in trouble.
    pub backoff: Backoff,
    /// An event or an endpoint that fails for so long is given up.
    pub give_up: Duration,
    /// Failures in a row after which only one call at a time tries an endpoint.
    pub trouble: u32,
}

impl Default for Patience {
    fn default() -> Self {
        let backoff = Backoff {
            first: Duration::from_secs(5),
            factor: 3.0,
            max: Duration::from_secs(6 * 3600),
            jitter: 0.3,
            attempts: 200,
        };
        Self { backoff, give_up: Duration::from_secs(72 * 3600), trouble: 5 }
    }
}

impl Patience {
    /// The pause after so many failures (from 1), or what the endpoint asked for, an hour at most.
    pub fn pause(&self, failures: u32, asked: Option<Duration>, random: u64) -> Duration {
        let own = u8::try_from(failures.saturating_sub(1).min(60)).unwrap_or(60);
        let own = self.backoff.delay(own, random).unwrap_or(self.backoff.max);
        asked.map_or(own, |asked| own.max(asked.min(Duration::from_secs(3600))))
    }
}

/// The place just before another.
pub fn before(place: Place) -> Place {
    match place.index.checked_sub(1) {
        Some(index) => Place { position: place.position, index },
        None => Place::behind(place.position.saturating_sub(1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_hours_and_respect_what_was_asked_for_within_bounds() {
        let patience = Patience::default();
        let pauses: Vec<_> = (1..12).map(|tries| patience.pause(tries, None, 7)).collect();
        assert!(pauses[0] < Duration::from_secs(10) && pauses[10] > Duration::from_secs(3600), "{pauses:?}");
        let asked = |seconds| patience.pause(1, Some(Duration::from_secs(seconds)), 7);
        assert_eq!(asked(120), Duration::from_secs(120));
        assert_eq!(asked(1_000_000), Duration::from_secs(3600));
        assert!(asked(0) > Duration::ZERO);
    }

    #[test]
    fn only_secrets_that_are_valid_sign_and_none_is_ever_shown() {
        let secret = |byte: u8, until: Option<u64>| Secret {
            key: vec![byte; 2].into(),
            until: until.map(Timestamp::from_millis),
        };
        let webhook = Webhook {
            institution: Institution("0403019261".parse().unwrap()),
            name: "main".into(),
            url: "https://example.be".into(),
            types: vec!["message.settled".into(), "of.another.time".into()],
            secrets: vec![secret(1, None), secret(2, Some(10))],
            created_at: Timestamp::ZERO,
            off: None,
            include_test: false,
        };
        let keys = |now| webhook.keys(Timestamp::from_millis(now)).map(|key| key[0]).collect::<Vec<_>>();
        assert_eq!((keys(9), keys(10)), (vec![1, 2], vec![1]));
        assert_eq!(webhook.kinds().named().collect::<Vec<_>>(), [Kind::Settled]);
        assert!(!format!("{webhook:?}").contains("[1, 1]"));
    }

    #[test]
    fn the_place_before_the_first_of_a_value_is_behind_the_value_before() {
        assert_eq!(before(Place { position: 5, index: 0 }), Place::behind(4));
        assert_eq!(before(Place { position: 5, index: 3 }), Place { position: 5, index: 2 });
        assert!(before(Place { position: 5, index: 0 }) < Place { position: 5, index: 0 });
    }
}
