//! The issuer's public keys: a JWKS (RFC 7517) out of a file or from the issuer, read again as it gets old and when a token names a
//! key that is not there.
//!
//! Invariant: one reading at a time, and not more often than every [`PAUSE`], whatever tokens are sent; a set that can't be read
//! leaves the one before in force, and says so to the operator.
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::api::registry::settings::KeySet;

/// Between two readings at least.
const PAUSE: Duration = Duration::from_secs(10);
/// How long a reading may take.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes of a set at most.
const BYTES: usize = 256 * 1024;
/// Keys of a set that are looked at.
const KEYS: usize = 100;
/// Keys that are tried for a token that names none.
const TRIED: usize = 8;

/// Why keys can't be asked for at all.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not an address that may be trusted.
    #[error("the keys of the issuer of tokens come over https, or from this machine: give such an address")]
    Address,
    /// No client could be made.
    #[error("the issuer of tokens can't be asked for its keys: {0}")]
    Client(String),
}

struct Known {
    id: Option<String>,
    /// The only algorithm that it is for, where the set says one.
    algorithm: Option<Algorithm>,
    key: DecodingKey,
}

#[derive(Default)]
struct Read {
    keys: Vec<Arc<Known>>,
    at: Option<Instant>,
}

/// The keys.
pub struct Keys(Arc<Inner>);

struct Inner {
    from: KeySet,
    client: Option<reqwest::Client>,
    refresh: Duration,
    pause: Duration,
    read: ArcSwap<Read>,
    /// When the last reading was tried.
    tried: Mutex<Option<Instant>>,
}

impl Keys {
    /// Reads nothing yet.
    pub fn new(from: KeySet, refresh: Duration) -> Result<Self, Error> {
        Self::pausing(from, refresh, PAUSE)
    }

    /// With another pause between two readings.
    pub(super) fn pausing(from: KeySet, refresh: Duration, pause: Duration) -> Result<Self, Error> {
        let client = match &from {
            KeySet::File(_) => None,
            KeySet::Url(url) => Some(client(url)?),
        };
        Ok(Self(Arc::new(Inner { from, client, refresh, pause, read: ArcSwap::default(), tried: Mutex::default() })))
    }

    /// The keys that a token may be signed with: the one it names, or a few where it names none.
    pub async fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Vec<DecodingKey> {
        let read = self.0.read.load();
        let found = fitting(&read.keys, id, algorithm);
        let is_old = read.at.is_none_or(|at| at.elapsed() >= self.0.refresh);
        if found.is_empty() {
            self.0.again().await;
            return fitting(&self.0.read.load().keys, id, algorithm);
        }
        if is_old {
            // Who has a good key does not wait.
            let inner = Arc::clone(&self.0);
            tokio::spawn(async move { inner.again().await });
        }
        found
    }
}

fn fitting(keys: &[Arc<Known>], id: Option<&str>, algorithm: Algorithm) -> Vec<DecodingKey> {
    let fits = |known: &&Arc<Known>| {
        known.algorithm.is_none_or(|only| only == algorithm)
            && known.key.family() == algorithm.family()
            && id.is_none_or(|id| known.id.as_deref() == Some(id))
    };
    keys.iter().filter(fits).take(TRIED).map(|known| known.key.clone()).collect()
}

fn client(url: &str) -> Result<reqwest::Client, Error> {
    let parsed = reqwest::Url::parse(url).map_err(|_| Error::Address)?;
    let is_here = matches!(parsed.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    if parsed.scheme() != "https" && !(parsed.scheme() == "http" && is_here) {
        return Err(Error::Address);
    }
    // The crate is built without a provider of its own. Who installed one before has installed this one.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let builder = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(TIMEOUT)
        .user_agent(concat!("estafette/", env!("CARGO_PKG_VERSION")));
    let builder = if parsed.scheme() == "https" { builder } else { builder.tls_certs_only([]) };
    builder.build().map_err(|error| Error::Client(error.to_string()))
}

impl Inner {
    /// Reads the set again, unless it was tried a moment ago. Who comes meanwhile waits for the one reading.
    async fn again(&self) {
        let asked = Instant::now();
        let mut tried = self.tried.lock().await;
        if tried.is_some_and(|at| at >= asked || at.elapsed() < self.pause) {
            return;
        }
        *tried = Some(Instant::now());
        match self.get().await.and_then(|bytes| parse(&bytes)) {
            Ok(keys) => self.read.store(Arc::new(Read { keys, at: Some(Instant::now()) })),
            Err(why) => tracing::error!(why, "the keys of the issuer of tokens can't be read: those known before stay"),
        }
    }

    async fn get(&self) -> Result<Vec<u8>, String> {
        match (&self.from, &self.client) {
            (KeySet::File(path), _) => {
                let size = tokio::fs::metadata(path).await.map_err(|error| error.to_string())?.len();
                if size > BYTES as u64 {
                    return Err("the file is too large".to_owned());
                }
                tokio::fs::read(path).await.map_err(|error| error.to_string())
            }
            (KeySet::Url(url), Some(client)) => {
                let answer = client.get(&**url).send().await.and_then(reqwest::Response::error_for_status);
                // Without the address, which the operator knows.
                let mut answer = answer.map_err(|error| error.without_url().to_string())?;
                let mut bytes = Vec::new();
                while let Some(piece) = answer.chunk().await.map_err(|error| error.without_url().to_string())? {
                    if bytes.len() + piece.len() > BYTES {
                        return Err("the answer is too large".to_owned());
                    }
                    bytes.extend_from_slice(&piece);
                }
                Ok(bytes)
            }
            (KeySet::Url(_), None) => Err("nothing to ask with".to_owned()),
        }
    }
}

fn parse(bytes: &[u8]) -> Result<Vec<Arc<Known>>, String> {
    let set: JwkSet = serde_json::from_slice(bytes).map_err(|_| "not a set of keys (JWKS)".to_owned())?;
    let keys: Vec<_> = set.keys.iter().take(KEYS).filter_map(known).map(Arc::new).collect();
    if keys.is_empty() { Err("no key in it that signs".to_owned()) } else { Ok(keys) }
}

/// A public key for signatures; one that is a secret, or for something else, is none.
fn known(key: &Jwk) -> Option<Known> {
    let is_public = !matches!(key.algorithm, AlgorithmParameters::OctetKey(_));
    let signs = key.common.public_key_use.as_ref().is_none_or(|used| *used == PublicKeyUse::Signature);
    let algorithm = match key.common.key_algorithm {
        Some(named) => Some(Algorithm::try_from(named).ok()?),
        None => None,
    };
    let key_itself = DecodingKey::from_jwk(key).ok().filter(|key| key.family() != AlgorithmFamily::Hmac)?;
    (is_public && signs).then(|| Known { id: key.common.key_id.clone(), algorithm, key: key_itself })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_from_where_nobody_can_change_them_on_the_way() {
        for good in ["https://issuer.example.be/jwks", "http://127.0.0.1:8080/jwks", "http://localhost/jwks"] {
            assert!(client(good).is_ok(), "{good}");
        }
        for bad in ["http://issuer.example.be/jwks", "file:///etc/keys", "jwks", "http://localhost.example.be/"] {
            assert!(matches!(client(bad), Err(Error::Address)), "{bad}");
        }
    }

    #[test]
    fn a_secret_or_a_key_for_something_else_is_no_key() {
        for set in [
            r#"{"keys":[{"kty":"oct","k":"c2VjcmV0","alg":"HS256"}]}"#,
            r#"{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB","use":"enc"}]}"#,
            r#"{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB","alg":"RSA-OAEP"}]}"#,
            r#"{"keys":[]}"#,
            "[]",
            "x",
        ] {
            assert!(parse(set.as_bytes()).is_err(), "{set}");
        }
        let good = r#"{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB","kid":"a"},{"kty":"new","x":1}]}"#;
        assert_eq!(parse(good.as_bytes()).unwrap().len(), 1);
    }
}
