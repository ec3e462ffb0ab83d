//! Hashes of personal identifiers that nobody can reverse by trying all of them: there are few enough phone numbers.
//!
//! Invariant: without the secret a hash tells nothing about what was hashed.
use aws_lc_rs::hmac;

/// Hashes with a secret of this data folder.
#[derive(Clone, Debug)]
pub struct KeyedHash {
    key: hmac::Key,
}

impl KeyedHash {
    /// With the secret of the data folder (see [`crate::store::folder::DataFolder::secret`]).
    pub fn new(secret: [u8; 32]) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, &secret) }
    }

    /// The first 64 bits of HMAC-SHA256 over `domain`, a zero byte and `bytes`. The domain keeps a number that means
    /// two things from having one hash; it holds no zero byte. Two inputs may share a hash: who finds a record
    /// by it compares the record, or says why it need not.
    pub fn hash(&self, domain: &str, bytes: &[u8]) -> u64 {
        self.whole(domain, bytes).iter().take(8).fold(0, |hash, byte| hash << 8 | u64::from(*byte))
    }

    /// All 256 bits of it: two inputs with one hash are not met.
    pub fn whole(&self, domain: &str, bytes: &[u8]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(domain.as_bytes());
        context.update(&[0]);
        context.update(bytes);
        let mut whole = [0; 32];
        whole.copy_from_slice(context.sign().as_ref());
        whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_depends_on_the_secret_the_domain_and_every_byte_and_stays_what_it_was() {
        let keyed = KeyedHash::new([7; 32]);
        let hash = keyed.hash("mobile", b"32470123456");
        // By another implementation: Python's hmac.new(bytes([7]) * 32, b"mobile\x0032470123456", "sha256").
        assert_eq!(hash, 0x389f_2759_fe28_d5bb);
        assert_ne!(hash, keyed.hash("mobile", b"32470123457"));
        assert_ne!(hash, keyed.hash("niss", b"32470123456"));
        assert_ne!(hash, KeyedHash::new([8; 32]).hash("mobile", b"32470123456"));
        assert_ne!(keyed.hash("a", b"bc"), keyed.hash("ab", b"c"));
    }
}
