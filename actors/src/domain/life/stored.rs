//! A state as a record: its fields in their order.
//!
//! Invariant: a state in which nothing contradictory was noted has the bytes that it had before such notes were kept,
//! so that older records are read.
use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Attempt, Note, State, Track};
use crate::domain::failure::Failure;
use crate::domain::status::MessageStatus;

/// The last field. Its first two variants are what `stopped` was alone.
#[derive(Serialize, Deserialize)]
enum Tail<'s> {
    Open,
    Stopped,
    Noted(bool, Cow<'s, [Note]>),
}

type Owned = (Vec<Track>, Vec<Attempt>, Option<MessageStatus>, Option<Failure>, Tail<'static>);

impl Serialize for State {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let tail = match (&*self.noted, self.stopped) {
            ([], false) => Tail::Open,
            ([], true) => Tail::Stopped,
            (noted, stopped) => Tail::Noted(stopped, Cow::Borrowed(noted)),
        };
        (&self.tracks, &self.attempts, &self.settled, &self.failure, tail).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for State {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (tracks, attempts, settled, failure, tail) = Owned::deserialize(deserializer)?;
        let (stopped, noted) = match tail {
            Tail::Open => (false, Vec::new()),
            Tail::Stopped => (true, Vec::new()),
            Tail::Noted(stopped, noted) => (stopped, noted.into_owned()),
        };
        Ok(Self { tracks, attempts, settled, failure, stopped, noted })
    }
}
