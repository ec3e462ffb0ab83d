//! End-to-end encrypted content: one JWE in compact form for each receiver (a device of a citizen).
//!
//! Invariant: a [`Jwe`] is well formed and uses RSA-OAEP-256 with A256GCM under a 2048-bit key, and nothing else
//! that its header could ask for. It is never opened here: nobody but the receiver has the key. It must not be
//! shown: what is inside is the citizen's.
//!
//! Source: RFC 7516 (JWE compact serialization), RFC 7518 section 4.3 and 5.3.
use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

/// Characters of a JWE at most: an HTML of the largest size fits in it.
pub const MAX_JWE: usize = 48 * 1024;
/// Receivers of one message at most.
pub const MAX_RECEIVERS: usize = 20;
/// Characters of the header at most.
const MAX_HEADER: usize = 1_024;
/// Bytes of a content key under RSA-2048.
const KEY_BYTES: usize = 256;
/// Bytes of an initialisation vector of AES-GCM.
const IV_BYTES: usize = 12;
/// Bytes of a tag of AES-GCM.
const TAG_BYTES: usize = 16;

/// The algorithm for the content key: the only one.
pub const ALG: &str = "RSA-OAEP-256";
/// The algorithm for the content: the only one.
pub const ENC: &str = "A256GCM";

/// Why a text is no JWE that is taken. None of these carries a part of it.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// Too long.
    #[error("longer than {MAX_JWE} characters: shorten the content")]
    TooLong,
    /// Not five parts.
    #[error(
        "not a compact JWE: give header, encrypted key, initialisation vector, ciphertext and tag, with a dot between"
    )]
    Parts,
    /// A part that is not base64url.
    #[error("the {0} is not base64url without padding: encode it so (RFC 7515, section 2)")]
    Encoding(&'static str),
    /// A part of a wrong length.
    #[error(
        "the {0} has a wrong length for RSA-OAEP-256 with a 2048-bit key and A256GCM: check the algorithms and the key"
    )]
    Length(&'static str),
    /// No JSON object, a member twice, or one that means something that is not done here.
    #[error(
        "the header is not a JSON object of alg, enc and, where wanted, kid, typ and cty, each once: remove what else is in it"
    )]
    Header,
    /// Another key algorithm.
    #[error("alg is not RSA-OAEP-256: encrypt with that one only")]
    Algorithm,
    /// Another content algorithm.
    #[error("enc is not A256GCM: encrypt with that one only")]
    Encryption,
    /// A compressed content.
    #[error("zip is not taken: encrypt without compression")]
    Compressed,
}

/// A JWE in compact form, checked and never opened.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Jwe(Box<str>);

impl fmt::Debug for Jwe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Jwe({} characters)", self.0.len())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    enc: String,
    zip: Option<IgnoredAny>,
    #[serde(rename = "kid")]
    _key: Option<String>,
    #[serde(rename = "typ")]
    _kind: Option<String>,
    #[serde(rename = "cty")]
    _content_kind: Option<String>,
}

fn decode(name: &'static str, text: &str) -> Result<Vec<u8>, Error> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| Error::Encoding(name))
}

impl Jwe {
    /// Checks the form of a text.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text.len() > MAX_JWE {
            return Err(Error::TooLong);
        }
        let mut parts = text.split('.');
        let mut next = || parts.next().ok_or(Error::Parts);
        let (header, key, iv, ciphertext, tag) = (next()?, next()?, next()?, next()?, next()?);
        if parts.next().is_some() {
            return Err(Error::Parts);
        }
        check_header(header)?;
        let lengths = [
            ("encrypted key", key, KEY_BYTES),
            ("initialisation vector", iv, IV_BYTES),
            ("authentication tag", tag, TAG_BYTES),
        ];
        for (name, part, bytes) in lengths {
            if decode(name, part)?.len() != bytes {
                return Err(Error::Length(name));
            }
        }
        if decode("ciphertext", ciphertext)?.is_empty() {
            return Err(Error::Length("ciphertext"));
        }
        Ok(Self(text.into()))
    }

    /// The text, for the channel.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn check_header(text: &str) -> Result<(), Error> {
    if text.len() > MAX_HEADER {
        return Err(Error::Length("header"));
    }
    let header: Header = serde_json::from_slice(&decode("header", text)?).map_err(|_| Error::Header)?;
    if header.zip.is_some() {
        return Err(Error::Compressed);
    }
    if header.alg != ALG {
        return Err(Error::Algorithm);
    }
    if header.enc != ENC {
        return Err(Error::Encryption);
    }
    Ok(())
}

/// A receiver at GovApp: one device of a citizen, as the platform names it (a UUID).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Receiver(pub u128);

/// Why a text is no receiver's id.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
#[error("not a receiver's id: give one of GET /v1/recipients/receivers")]
pub struct NoReceiver;

impl FromStr for Receiver {
    type Err = NoReceiver;

    /// Reads the form with hyphens, in either case.
    fn from_str(text: &str) -> Result<Self, NoReceiver> {
        let bytes = text.as_bytes();
        let hyphens = [8, 13, 18, 23];
        let form = |(place, byte): (usize, &u8)| {
            if hyphens.contains(&place) { *byte == b'-' } else { byte.is_ascii_hexdigit() }
        };
        if bytes.len() != 36 || !bytes.iter().enumerate().all(form) {
            return Err(NoReceiver);
        }
        u128::from_str_radix(&text.replace('-', ""), 16).map(Self).map_err(|_| NoReceiver)
    }
}

impl fmt::Display for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hex = format!("{:032x}", self.0);
        write!(f, "{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }
}

/// What is encrypted for whom: at most [`MAX_RECEIVERS`], each once.
pub type Sealed = Vec<(Receiver, Jwe)>;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encode(bytes: &[u8]) -> String {
        URL_SAFE_NO_PAD.encode(bytes)
    }

    fn jwe(header: &str) -> String {
        let parts = [header.as_bytes(), &[7; 256], &[1; 12], b"ciphertext", &[2; 16]];
        parts.map(encode).join(".")
    }

    const GOOD: &str = r#"{"alg":"RSA-OAEP-256","enc":"A256GCM"}"#;

    #[test]
    fn exactly_the_allowed_algorithms_are_taken() {
        assert!(Jwe::parse(&jwe(GOOD)).is_ok());
        assert!(
            Jwe::parse(&jwe(r#"{"enc":"A256GCM","alg":"RSA-OAEP-256","kid":"k","typ":"JWE","cty":"json"}"#)).is_ok()
        );
        for (header, error) in [
            (r#"{"alg":"none","enc":"A256GCM"}"#, Error::Algorithm),
            (r#"{"alg":"dir","enc":"A256GCM"}"#, Error::Algorithm),
            (r#"{"alg":"RSA1_5","enc":"A256GCM"}"#, Error::Algorithm),
            (r#"{"alg":"RSA-OAEP","enc":"A256GCM"}"#, Error::Algorithm),
            (r#"{"alg":"rsa-oaep-256","enc":"A256GCM"}"#, Error::Algorithm),
            (r#"{"alg":"RSA-OAEP-256","enc":"A128CBC-HS256"}"#, Error::Encryption),
            (r#"{"alg":"RSA-OAEP-256","enc":"A256GCM","zip":"DEF"}"#, Error::Compressed),
            (r#"{"alg":"RSA-OAEP-256","enc":"A256GCM","crit":["x"],"x":1}"#, Error::Header),
            (r#"{"alg":"RSA-OAEP-256","enc":"A256GCM","jku":"https://example.be"}"#, Error::Header),
            (r#"{"alg":"RSA-OAEP-256","alg":"none","enc":"A256GCM"}"#, Error::Header),
            (r#"{"alg":"RSA-OAEP-256"}"#, Error::Header),
            (r#"["RSA-OAEP-256"]"#, Error::Header),
            ("not json", Error::Header),
            ("", Error::Header),
        ] {
            assert_eq!(Jwe::parse(&jwe(header)), Err(error), "{header}");
        }
    }

    #[test]
    fn the_parts_are_five_of_the_right_lengths_in_strict_base64url() {
        let good = jwe(GOOD);
        let parts: Vec<&str> = good.split('.').collect();
        assert_eq!(Jwe::parse(&parts[..4].join(".")), Err(Error::Parts));
        assert_eq!(Jwe::parse(&format!("{good}.x")), Err(Error::Parts));
        assert_eq!(Jwe::parse(""), Err(Error::Parts));
        let with = |place: usize, part: &str| {
            let mut parts = parts.clone();
            parts[place] = part;
            Jwe::parse(&parts.join("."))
        };
        assert_eq!(with(1, &encode(&[7; 128])), Err(Error::Length("encrypted key")));
        assert_eq!(with(1, ""), Err(Error::Length("encrypted key")));
        assert_eq!(with(2, &encode(&[1; 16])), Err(Error::Length("initialisation vector")));
        assert_eq!(with(3, ""), Err(Error::Length("ciphertext")));
        assert_eq!(with(4, &encode(&[2; 15])), Err(Error::Length("authentication tag")));
        assert_eq!(with(3, "a+b/"), Err(Error::Encoding("ciphertext")));
        assert_eq!(with(3, "YQ=="), Err(Error::Encoding("ciphertext")));
        assert_eq!(with(3, "YR"), Err(Error::Encoding("ciphertext")), "bits are left over");
        assert_eq!(with(0, &"a".repeat(MAX_HEADER + 1)), Err(Error::Length("header")));
        assert_eq!(with(3, &"a".repeat(MAX_JWE)), Err(Error::TooLong));
    }

    #[test]
    fn a_receiver_is_read_and_written_alike() {
        let text = "01939f3a-7c1e-7000-8000-0000000000ab";
        assert_eq!(text.parse::<Receiver>().unwrap().to_string(), text);
        assert_eq!(text.to_uppercase().parse::<Receiver>(), text.parse());
        for wrong in [
            "",
            "01939f3a7c1e70008000000000000001",
            "01939f3a-7c1e-7000-8000-00000000000g",
            "+1939f3a-7c1e-7000-8000-000000000001",
        ] {
            assert_eq!(wrong.parse::<Receiver>(), Err(NoReceiver), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[a-zA-Z0-9_.=+-]{0,200}|\\PC{0,80}") {
            let _ = Jwe::parse(&text);
            let _ = text.parse::<Receiver>();
        }
    }
}
