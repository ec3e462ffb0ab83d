//! Small things that a browser keeps for the pages: what a sign-in that has begun needs, and the words that are searched for.
//!
//! Sealed with AES-256-GCM under a key of the data folder, so that a visitor who has not signed in costs no memory, nothing of it can be read or
//! made up, and it survives a restart. Invariant: what is sealed for one purpose is not opened for another.
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Bytes of a sealed text at most: a cookie has no room for more.
const SEALED_MAX: usize = 4_000;

/// For what something is sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A sign-in that has begun.
    SignIn,
    /// Words that are searched for.
    Words,
}

/// Seals and opens.
pub struct Seal {
    key: LessSafeKey,
}

impl Seal {
    /// With the secret of the data folder.
    pub fn new(secret: &[u8]) -> Self {
        let derived = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), b"mailbox pages");
        let key = UnboundKey::new(&AES_256_GCM, derived.as_ref()).expect("invariant: SHA-256 gives 32 bytes");
        Self { key: LessSafeKey::new(key) }
    }

    /// A text that says this to nobody else.
    pub fn close<T: Serialize>(&self, purpose: Purpose, value: &T) -> String {
        let mut sealed = serde_json::to_vec(value).unwrap_or_default();
        let nonce: [u8; NONCE_LEN] = rand::random();
        let closed =
            self.key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), purpose.bound(), &mut sealed);
        // It only fails over lengths that are never reached.
        if closed.is_err() {
            return String::new();
        }
        URL_SAFE_NO_PAD.encode([&nonce[..], &sealed].concat())
    }

    /// What a text says, if it was sealed here for this.
    pub fn open<T: DeserializeOwned>(&self, purpose: Purpose, text: &str) -> Option<T> {
        if text.len() > SEALED_MAX {
            return None;
        }
        let sealed = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (nonce, rest) = sealed.split_at_checked(NONCE_LEN)?;
        let mut rest = rest.to_vec();
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let plain = self.key.open_in_place(nonce, purpose.bound(), &mut rest).ok()?;
        serde_json::from_slice(plain).ok()
    }
}

impl Purpose {
    fn bound(self) -> Aad<&'static [u8]> {
        Aad::from(match self {
            Self::SignIn => b"sign-in".as_slice(),
            Self::Words => b"words",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_is_opened_here_for_its_purpose_and_when_nothing_of_it_was_changed() {
        let seal = Seal::new(&[7; 32]);
        let text = seal.close(Purpose::Words, &"pension d'été");
        assert_eq!(seal.open::<String>(Purpose::Words, &text).as_deref(), Some("pension d'été"));
        assert_ne!(text, seal.close(Purpose::Words, &"pension d'été"), "twice the same says that it is the same");
        assert_eq!(seal.open::<String>(Purpose::SignIn, &text), None);
        assert_eq!(Seal::new(&[8; 32]).open::<String>(Purpose::Words, &text), None);
        for at in 0..text.len() {
            let mut forged = text.clone().into_bytes();
            forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(seal.open::<String>(Purpose::Words, std::str::from_utf8(&forged).unwrap()), None, "at {at}");
        }
        for nonsense in ["", "A", "\u{fffd}", &"A".repeat(5_000)] {
            assert_eq!(seal.open::<String>(Purpose::Words, nonsense), None);
        }
    }
}
