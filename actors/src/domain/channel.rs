//! The name of a channel. A name and not a closed list: a new channel is registered at the edge
//! without a change here.
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

const CAPACITY: usize = 12;

/// 1 to 12 lower-case letters, digits or hyphens, such as `govapp`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Channel([u8; CAPACITY]);

impl Channel {
    /// The GovApp mobile app.
    pub const GOVAPP: Self = Self::constant("govapp");
    /// SMS, by whichever provider.
    pub const SMS: Self = Self::constant("sms");
    /// The secured mailbox.
    pub const EBOX: Self = Self::constant("ebox");

    const fn constant(name: &str) -> Self {
        let bytes = name.as_bytes();
        let mut inline = [0; CAPACITY];
        let mut i = 0;
        while i < bytes.len() {
            inline[i] = bytes[i];
            i += 1;
        }
        Self(inline)
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        let end = self.0.iter().position(|byte| *byte == 0).unwrap_or(CAPACITY);
        std::str::from_utf8(&self.0[..end]).unwrap_or_default()
    }

    /// The name padded with zeros, for keys of one length.
    pub fn as_key(&self) -> [u8; CAPACITY] {
        self.0
    }

    /// From [`Self::as_key`].
    pub fn from_key(key: [u8; CAPACITY]) -> Self {
        Self(key)
    }
}

/// Why a text is no channel's name.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not a channel name: give 1 to 12 lower-case letters, digits or hyphens, such as govapp")]
pub struct Error;

impl FromStr for Channel {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        let fits = (1..=CAPACITY).contains(&name.len());
        let plain = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if fits && plain { Ok(Self::constant(name)) } else { Err(Error) }
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Channel {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Channel {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        name.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_kept_whole_or_refused() {
        assert_eq!("govapp".parse(), Ok(Channel::GOVAPP));
        assert_eq!(Channel::SMS.as_str(), "sms");
        assert_eq!(Channel::from_key(Channel::EBOX.as_key()), Channel::EBOX);
        for wrong in ["", "GovApp", "a-name-too-long", "e box"] {
            assert_eq!(wrong.parse::<Channel>(), Err(Error), "{wrong}");
        }
    }
}
