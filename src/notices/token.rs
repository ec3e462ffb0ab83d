//! What mails carry to say whose they are to nobody but us: in the address that bounces come back to, and in the link that stops notices.
//!
//! A token seals the mailbox and a few bits of the address that the mail went to, with AES-256-GCM-SIV (RFC 8452) under keys of the data
//! folder. The same is always the same token, which that cipher allows; what is sealed for one purpose is not opened for another.
//! Invariant: no NISS and no address can be read from one, and none can be made up.
use std::fmt::Write as _;

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hmac;
use estafette_actors::domain::mailbox::MailboxId;

/// Bytes that are sealed: five of the mailbox, three of the address's hash.
const PLAIN: usize = 8;
const TAG: usize = 16;
/// Characters of a token: hexadecimal, since mail servers may change the case of an address.
pub const LENGTH: usize = 2 * (PLAIN + TAG);
/// Set for an enterprise: a NISS has 37 bits.
const ENTERPRISE: u64 = 1 << 39;

/// For what a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Bounces come back to it.
    Bounce,
    /// It stops notices.
    Unsubscribe,
}

/// What a token says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Named {
    /// Whose mail it was.
    pub mailbox: MailboxId,
    address: [u8; 3],
}

/// Makes and opens them.
pub struct Tokens {
    seal: LessSafeKey,
    hash: hmac::Key,
}

impl Tokens {
    /// With a secret of the data folder.
    pub fn new(secret: &[u8; 32]) -> Self {
        let secret = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let seal = hmac::sign(&secret, b"notices: tokens");
        let key = UnboundKey::new(&AES_256_GCM_SIV, seal.as_ref()).expect("invariant: SHA-256 gives 32 bytes");
        let hash = hmac::sign(&secret, b"notices: hashes");
        Self { seal: LessSafeKey::new(key), hash: hmac::Key::new(hmac::HMAC_SHA256, hash.as_ref()) }
    }

    /// A token.
    pub fn close(&self, purpose: Purpose, mailbox: MailboxId, address: &str) -> String {
        let number = match mailbox {
            MailboxId::Citizen(niss) => niss.as_u64(),
            MailboxId::Enterprise(cbe) => ENTERPRISE | u64::from(cbe.as_u32()),
        };
        let mut bytes = number.to_be_bytes()[3..].to_vec();
        bytes.extend_from_slice(&self.address(address));
        let nonce = Nonce::assume_unique_for_key([0; NONCE_LEN]);
        // It only fails over lengths that are never reached.
        if self.seal.seal_in_place_append_tag(nonce, bound(purpose), &mut bytes).is_err() {
            return String::new();
        }
        hex(&bytes)
    }

    /// What a token says; none for what is no token of ours for this.
    pub fn open(&self, purpose: Purpose, text: &str) -> Option<Named> {
        let mut bytes = unhex(text)?;
        let nonce = Nonce::assume_unique_for_key([0; NONCE_LEN]);
        let plain: &[u8] = self.seal.open_in_place(nonce, bound(purpose), &mut bytes).ok()?;
        let (number, address) = plain.split_at_checked(5)?;
        let number = number.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
        // As `MailboxId::key` has it: the highest bit is an enterprise's.
        let key = if number & ENTERPRISE == 0 { number } else { number & !ENTERPRISE | 1 << 63 };
        Some(Named { mailbox: MailboxId::from_key(key), address: address.try_into().ok()? })
    }

    /// Whether it was of a mail to this address.
    pub fn was_to(&self, named: &Named, address: &str) -> bool {
        self.address(address) == named.address
    }

    fn address(&self, address: &str) -> [u8; 3] {
        let hash = hmac::sign(&self.hash, address.as_bytes());
        [hash.as_ref()[0], hash.as_ref()[1], hash.as_ref()[2]]
    }

    /// What names a letter to others, the same however often it goes: 32 hexadecimal digits. `name` is what it is called here.
    pub fn letter(&self, name: &[u8]) -> String {
        hex(&hmac::sign(&self.hash, &[b"mail", name].concat()).as_ref()[..16])
    }

    /// The same as a number, under which the broker takes it once.
    pub fn number(&self, name: &[u8]) -> u64 {
        let hash = hmac::sign(&self.hash, &[b"message", name].concat());
        hash.as_ref()[..8].iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
    }
}

fn bound(purpose: Purpose) -> Aad<&'static [u8]> {
    Aad::from(match purpose {
        Purpose::Bounce => b"bounce".as_slice(),
        Purpose::Unsubscribe => b"unsubscribe",
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if text.len() != LENGTH || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    (0..LENGTH).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use estafette_actors::domain::cbe::Cbe;
    use estafette_actors::domain::niss::Niss;

    use super::*;

    #[test]
    fn a_token_says_whose_mail_it_was_to_us_only_and_only_for_its_purpose() {
        let tokens = Tokens::new(&[7; 32]);
        let citizen = MailboxId::Citizen(Niss::from_trusted_u64(85_073_003_328));
        let enterprise = MailboxId::Enterprise(Cbe::parse("0403019261").unwrap());
        for mailbox in [citizen, enterprise] {
            for (purpose, other) in [(Purpose::Bounce, Purpose::Unsubscribe), (Purpose::Unsubscribe, Purpose::Bounce)] {
                let token = tokens.close(purpose, mailbox, "a@example.org");
                assert_eq!((token.len(), &token), (LENGTH, &tokens.close(purpose, mailbox, "a@example.org")));
                let named = tokens.open(purpose, &token).unwrap();
                assert_eq!(named.mailbox, mailbox);
                assert!(tokens.was_to(&named, "a@example.org") && !tokens.was_to(&named, "b@example.org"));
                assert_eq!(tokens.open(purpose, &token.to_uppercase()), Some(named));
                assert_eq!(tokens.open(other, &token), None);
                assert_eq!(Tokens::new(&[8; 32]).open(purpose, &token), None);
                assert!(!token.contains(&mailbox.digits()));
            }
        }
        assert_ne!(
            tokens.close(Purpose::Bounce, citizen, "a@example.org"),
            tokens.close(Purpose::Bounce, citizen, "b@example.org")
        );
    }

    #[test]
    fn nothing_can_be_made_up() {
        let tokens = Tokens::new(&[7; 32]);
        let mailbox = MailboxId::Citizen(Niss::from_trusted_u64(85_073_003_328));
        let token = tokens.close(Purpose::Unsubscribe, mailbox, "a@example.org");
        for at in 0..LENGTH {
            let mut forged = token.clone().into_bytes();
            forged[at] = if forged[at] == b'0' { b'1' } else { b'0' };
            assert_eq!(tokens.open(Purpose::Unsubscribe, std::str::from_utf8(&forged).unwrap()), None, "at {at}");
        }
        for nonsense in ["", "0", &"0".repeat(LENGTH), &"g".repeat(LENGTH), &"é".repeat(LENGTH / 2)] {
            assert_eq!(tokens.open(Purpose::Unsubscribe, nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn a_letter_is_always_named_the_same_and_never_as_another() {
        let tokens = Tokens::new(&[7; 32]);
        assert_eq!(tokens.letter(b"7"), tokens.letter(b"7"));
        assert!(tokens.letter(b"7") != tokens.letter(b"8") && tokens.letter(b"7").len() == 32);
        assert!(tokens.number(b"7") == tokens.number(b"7") && tokens.number(b"7") != tokens.number(b"8"));
    }
}
