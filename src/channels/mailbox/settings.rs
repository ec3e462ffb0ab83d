//! `[channels.ebox]` with `place = "own"`, as it is written.
use std::time::Duration;

use estafette_actors::domain::mailbox::document::LINKS;
use estafette_actors::domain::mailbox::reference::RefId;
use serde::Deserialize;

use super::NAME;
use crate::channels::Error;

/// The application that the program brings itself.
pub(super) const APPLICATION: &str = "estafette";
/// The message type that the program brings itself.
pub(super) const MESSAGE_TYPE: &str = "message";
/// Milliseconds that letters may be made to wait for others.
const LONGEST_GATHERING_MS: u64 = 1_000;

/// `[channels.ebox]` with `place = "own"`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// `own`.
    #[serde(rename = "place")]
    _place: String,
    /// The application by which documents are sent, of the mailboxes' reference data. Default `estafette`, which the program defines
    /// when it is not there.
    #[serde(default = "application")]
    pub sender_application_id: String,
    /// The type of the documents, of the reference data too; it says how long they stay. Default `message`, which the program defines
    /// when it is not there: for everybody, two years.
    #[serde(default = "message_type")]
    pub message_type_id: String,
    /// How long a row of a broadcast waits for others that say the same at most, in milliseconds, so that they are linked by one call;
    /// no longer than a fifth of it after the last one came. At most 1,000, and 0 links each by a call of its own. Default 5.
    #[serde(default = "five")]
    pub gather_ms: u64,
    /// Letters of such a call at most, 1 to 1,000. Default 1,000.
    #[serde(default = "thousand")]
    pub gather_letters: usize,
    /// How often it is looked what was read, in milliseconds, 10 to 60,000. Default 1,000.
    #[serde(default = "second")]
    pub reads_every_ms: u64,
}

impl Settings {
    pub(super) fn application(&self) -> Result<RefId, Error> {
        named("sender_application_id", &self.sender_application_id)
    }

    pub(super) fn message_type(&self) -> Result<RefId, Error> {
        named("message_type_id", &self.message_type_id)
    }

    pub(super) fn within(&self) -> Result<Duration, Error> {
        if self.gather_ms > LONGEST_GATHERING_MS {
            return Err(wrong("gather_ms", format!("give 0 to {LONGEST_GATHERING_MS} ms")));
        }
        Ok(Duration::from_millis(self.gather_ms))
    }

    pub(super) fn most(&self) -> Result<usize, Error> {
        if !(1..=LINKS).contains(&self.gather_letters) {
            return Err(wrong("gather_letters", format!("give 1 to {LINKS} letters")));
        }
        // A group of one is never waited with.
        Ok(self.gather_letters)
    }

    pub(super) fn reads_every(&self) -> Result<Duration, Error> {
        if !(10..=60_000).contains(&self.reads_every_ms) {
            return Err(wrong("reads_every_ms", "give 10 to 60000 ms".to_owned()));
        }
        Ok(Duration::from_millis(self.reads_every_ms))
    }
}

fn wrong(key: &'static str, message: String) -> Error {
    Error::Setting { channel: NAME, key, message }
}

fn named(key: &'static str, text: &str) -> Result<RefId, Error> {
    RefId::parse(text).map_err(|error| wrong(key, error.to_string()))
}

fn application() -> String {
    APPLICATION.to_owned()
}

fn message_type() -> String {
    MESSAGE_TYPE.to_owned()
}

fn five() -> u64 {
    5
}

fn thousand() -> usize {
    1_000
}

fn second() -> u64 {
    1_000
}
