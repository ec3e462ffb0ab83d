//! The compact form of a JWS with ES256 (RFC 7515, RFC 7518 section 3.4).
//!
//! Invariant: one header only is written and read: its algorithm, its type and the thumbprint of its key, in this order.
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use super::base64url;

/// What the header says that it is; a signature of something else by the same key is no record.
pub const TYPE: &str = "evidence+jws";
/// Bytes of a signed record at most.
const LONGEST: usize = 16 << 10;

/// The header's text, encoded, of a key.
pub fn header(kid: &str) -> String {
    base64url(format!(r#"{{"alg":"ES256","typ":"{TYPE}","kid":"{kid}"}}"#).as_bytes())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    typ: String,
    kid: String,
}

/// One that was taken apart.
pub struct Jws<'a> {
    /// The thumbprint of its key.
    pub kid: String,
    /// What was signed.
    pub payload: Vec<u8>,
    signed: &'a str,
    signature: Vec<u8>,
}

impl<'a> Jws<'a> {
    /// Takes one apart; what is wrong with it, in words.
    pub fn parse(compact: &'a str) -> Result<Self, &'static str> {
        if compact.len() > LONGEST {
            return Err("it is longer than any record");
        }
        let (signed, signature) = compact.rsplit_once('.').ok_or("it is no JWS in compact form")?;
        let (header, payload) = signed.split_once('.').ok_or("it is no JWS in compact form")?;
        let decoded = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| "a part of it is no base64url");
        let header: Header =
            serde_json::from_slice(&decoded(header)?).map_err(|_| "its header is not that of a record")?;
        if header.alg != "ES256" || header.typ != TYPE {
            return Err("its header is not that of a record");
        }
        Ok(Self { kid: header.kid, payload: decoded(payload)?, signed, signature: decoded(signature)? })
    }

    /// Whether a key signed it; the key is a point that is not compressed.
    pub fn is_of(&self, point: &[u8]) -> bool {
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(self.signed.as_bytes(), &self.signature).is_ok()
    }
}
