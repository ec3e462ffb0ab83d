//! What the settings of all channels share: the table of one channel, and secrets.
//!
//! Invariant: no `Debug`, no error and no log shows a secret, nor a value that could be one.
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use aws_lc_rs::{constant_time, digest};
use figment::error::Kind;
use figment::value::Value;
use reqwest::Url;
use serde::de::{self, DeserializeOwned, Visitor};
use serde::{Deserialize, Deserializer};

use super::Error;
use crate::config;

/// Steps in which mistakes of one table are looked for: more are not found.
const MOST_LOOKS: usize = 200;
/// What is tried in the place of a value that can't be read, so that the others are looked at.
const STAND_INS: [fn() -> Value; 4] =
    [|| Value::from("?"), || Value::from(1_u16), || Value::from(false), || Value::from(Vec::<Value>::new())];

/// `[channels.NAME]` by name. A channel whose table is missing is not used.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct Settings(pub BTreeMap<String, Table>);

/// The table of one channel as it was written; the channel itself gives it its type.
#[derive(Clone, Default, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct Table(serde_json::Map<String, serde_json::Value>);

impl Table {
    /// A table of the pairs of a JSON object; anything else makes an empty one.
    pub fn of(value: serde_json::Value) -> Self {
        match value {
            serde_json::Value::Object(pairs) => Self(pairs),
            _ => Self::default(),
        }
    }

    /// Takes a text out of the table.
    pub fn take(&mut self, key: &str) -> Option<String> {
        match self.0.remove(key)? {
            serde_json::Value::String(text) => Some(text),
            other => Some(other.to_string()),
        }
    }

    /// Takes a value of any type out of the table.
    pub fn take_value(&mut self, key: &str) -> Option<serde_json::Value> {
        self.0.remove(key)
    }

    /// The value under a key.
    pub(super) fn value(&self, key: &str) -> Option<&serde_json::Value> {
        self.0.get(key)
    }

    /// A key that is still in the table.
    pub fn first_key(&self) -> Option<&str> {
        self.0.keys().next().map(String::as_str)
    }

    /// The table as the settings of a channel; all that can't be read is told.
    pub fn read<T: DeserializeOwned>(&self, channel: &'static str) -> Result<T, Error> {
        self.make(channel, Ok)
    }

    /// What a channel makes of its settings. What can't be read doesn't keep the channel from checking the rest:
    /// whatever it makes then is dropped, and the mistakes of both are told.
    pub fn make<T: DeserializeOwned, U>(
        &self,
        channel: &'static str,
        make: impl FnOnce(T) -> Result<U, Error>,
    ) -> Result<U, Error> {
        let (read, wrong) = self.look();
        let written = |(key, message): (String, String)| Error::Written { channel, key, message };
        let unread: Vec<String> = wrong.iter().map(|(key, _)| key.clone()).collect();
        let mut all: Vec<Error> = wrong.into_iter().map(written).collect();
        let made = match read.map(make) {
            Some(Ok(made)) if all.is_empty() => return Ok(made),
            Some(Err(error)) => error.each(),
            _ => Vec::new(),
        };
        // What stands in for a value that can't be read is nobody's mistake.
        let is_ours =
            |error: &Error| matches!(error, Error::Setting { key, .. } if unread.iter().any(|other| other == key));
        all.extend(made.into_iter().filter(|error| !is_ours(error)));
        Err(Error::of(all))
    }

    /// Reads the settings, with something in the place of each value that can't be read, and tells those by key.
    fn look<T: DeserializeOwned>(&self) -> (Option<T>, Vec<(String, String)>) {
        let mut wrong = Vec::new();
        let mut value = match Value::serialize(&self.0) {
            Ok(value) => value,
            Err(error) => return (None, vec![(String::new(), config::explain(&error.kind))]),
        };
        let mut tries: BTreeMap<Vec<String>, usize> = BTreeMap::new();
        for _ in 0..MOST_LOOKS {
            let error = match value.deserialize::<T>() {
                Ok(read) => return (Some(read), wrong),
                Err(error) => error,
            };
            let mut path = error.path.clone();
            if let Kind::MissingField(name) = &error.kind {
                path.push(name.to_string());
            }
            let tried = tries.entry(path.clone()).or_insert(0);
            if *tried == 0 {
                wrong.push((path.join("."), config::explain(&error.kind)));
            }
            let is_known = !matches!(error.kind, Kind::UnknownField(..));
            let stand_in = STAND_INS.get(*tried).filter(|_| is_known).map(|stand_in| stand_in());
            *tried += 1;
            let is_there = config::replace(&mut value, &path, stand_in.clone());
            if !is_there && let (Some(stand_in), Value::Dict(_, pairs), [name]) = (stand_in, &mut value, &*path) {
                pairs.insert(name.clone(), stand_in);
            } else if !is_there {
                break;
            }
        }
        (None, wrong)
    }
}

/// Notes what is wrong while the other settings are checked.
#[derive(Default)]
pub(super) struct Checks(Vec<Error>);

impl Checks {
    /// What was checked, when it is right.
    pub fn note<T>(&mut self, checked: Result<T, Error>) -> Option<T> {
        checked.map_err(|error| self.0.extend(error.each())).ok()
    }

    /// What was made of what is right, unless something is wrong.
    pub fn made<T>(self, made: Option<T>) -> Result<T, Error> {
        match made {
            Some(made) if self.0.is_empty() => Ok(made),
            _ => Err(Error::of(self.0)),
        }
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// A text that nobody gets to see.
#[derive(Clone)]
pub struct Secret(Box<str>);

impl Secret {
    /// The text itself, for the wire.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether `given` is the secret. Takes as long whatever part of it is right.
    pub fn matches(&self, given: &[u8]) -> bool {
        let hash = |bytes: &[u8]| digest::digest(&digest::SHA256, bytes);
        constant_time::verify_slices_are_equal(hash(self.0.as_bytes()).as_ref(), hash(given).as_ref()).is_ok()
    }

    /// Refuses an empty secret, and one that fits in no header.
    pub fn check(&self, channel: &'static str, key: &'static str) -> Result<(), Error> {
        let visible = self.0.bytes().all(|byte| byte.is_ascii_graphic());
        if self.0.is_empty() || !visible {
            let message = "give at least one character, and visible ASCII characters only".to_owned();
            return Err(Error::Setting { channel, key, message });
        }
        Ok(())
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl<'de> Deserialize<'de> for Secret {
    /// A text; a number too, since an environment variable of digits arrives as one. The error for
    /// another type would show the value, hence not the derived form.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Secret;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text in quotes")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Secret, E> {
                Ok(text.into())
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Secret, E> {
                Ok(number.to_string().as_str().into())
            }
        }
        deserializer.deserialize_any(Text)
    }
}

/// An address of a channel without its trailing slash: http or https, with a host, without credentials.
pub(super) fn address(channel: &'static str, key: &'static str, text: &str) -> Result<String, Error> {
    let usable = |url: &Url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
    };
    match Url::parse(text) {
        Ok(url) if usable(&url) => Ok(text.trim_end_matches('/').to_owned()),
        _ => {
            let message = "give an http or https address without credentials and query".to_owned();
            Err(Error::Setting { channel, key, message })
        }
    }
}

/// A number of milliseconds that is not zero.
pub(super) fn span(channel: &'static str, key: &'static str, millis: u64) -> Result<Duration, Error> {
    if millis == 0 {
        return Err(Error::Setting { channel, key, message: "give at least 1 ms".to_owned() });
    }
    Ok(Duration::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_never_shown_and_only_matches_itself() {
        let table = Table::of(serde_json::json!({ "token": "s3cret" }));
        assert_eq!(format!("{table:?}"), r#"{"token"}"#);
        let secret = Secret::from("s3cret");
        assert_eq!(format!("{secret:?}"), "***");
        assert!(secret.matches(b"s3cret"));
        for wrong in ["", "s3cre", "s3crett", "S3cret"] {
            assert!(!secret.matches(wrong.as_bytes()), "{wrong}");
        }
        assert_eq!(serde_json::from_str::<Secret>("123").unwrap().expose(), "123");
        assert!(Secret::from("").check("sms", "api_key").is_err());
        assert!(Secret::from("a\nb").check("sms", "api_key").is_err());
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Own {
        token: Secret,
        window: u32,
        #[serde(default)]
        poll: bool,
        base: String,
    }

    #[test]
    fn every_wrong_key_of_a_table_is_told_at_once_without_its_value() {
        let table = Table::of(serde_json::json!({ "token": true, "window": "s3cret", "pol": 1, "poll": "s3cret" }));
        let made = table.make("sms", |own: Own| {
            let mut checks = Checks::default();
            // Of a stand-in, and of nothing that was written.
            checks.note(address("sms", "base", &own.base));
            let poll = || Error::Setting { channel: "sms", key: "other", message: "give another".to_owned() };
            checks.note(if own.poll { Ok(()) } else { Err(poll()) });
            checks.made(Some((own.token, own.window)))
        });
        let told: Vec<String> = made.err().unwrap().each().iter().map(|error| error.located().0).collect();
        let mut sorted = told.clone();
        sorted.sort();
        assert_eq!(sorted, ["sms.base", "sms.other", "sms.pol", "sms.poll", "sms.token", "sms.window"]);
        let text = format!("{:?}", table.read::<Own>("sms").unwrap_err());
        assert!(!text.contains("s3cret"), "{text}");
    }

    #[test]
    fn an_address_that_leads_nowhere_is_refused() {
        assert_eq!(address("sms", "base_url", "https://api.example.be/").unwrap(), "https://api.example.be");
        for wrong in ["", "api.example.be", "ftp://example.be", "https://me:pw@example.be", "https://example.be/?x=1"] {
            assert!(address("sms", "base_url", wrong).is_err(), "{wrong}");
        }
    }
}
