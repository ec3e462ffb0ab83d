//! The provider's key, and the public keys that prove what it signed.
//!
//! Invariant: a private key is readable by its owner only and never leaves its file; a public key is known by its thumbprint (RFC 7638),
//! which is computed, never believed.
use std::fs::{DirBuilder, File};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use estafette_actors::domain::mailbox::evidence::Signed;
use estafette_actors::ports::mailbox::Signer;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use serde::{Deserialize, Serialize};

use super::{base64url, jws, sha256};
use crate::store::atomic;

/// The file in which the key is kept that is made at the first start.
pub const FILE: &str = "evidence.pem";
/// Bytes of a file of keys at most.
const FILE_MAX: u64 = 1 << 20;
/// Bytes of a coordinate of a point.
const COORDINATE: usize = 32;
/// Keys of a set at most.
const KEYS: usize = 1_000;

/// Which key signs, and which did before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// An EC key of P-256 in PEM (PKCS #8 or SEC 1); none for one that is made at the first start.
    pub key_file: Option<PathBuf>,
    /// The folder of the data folder's secrets, in which it is made.
    pub secrets: PathBuf,
    /// A JWK set of the public keys with which records were signed before; none when there were none.
    pub earlier: Option<PathBuf>,
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file.
    #[error("{} can't be read or written: check its path and the rights ({source})", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Others may read it.
    #[error("{} can be read by others: set its mode to 0600, and replace it if somebody may have", .0.display())]
    Exposed(PathBuf),
    /// It is no such key.
    #[error("{} holds no EC key of P-256 in PEM: make one with `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256`", .0.display())]
    NotAKey(PathBuf),
    /// It is no set of keys.
    #[error("{} is no set of EC keys of P-256: give a JWK set, as the provider publishes it", .0.display())]
    NotASet(PathBuf),
    /// No key can be made.
    #[error("no key can be made: check that this machine provides getrandom")]
    NotMade,
}

/// A public key, as it is published (RFC 7517).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jwk {
    kty: String,
    crv: String,
    x: String,
    y: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    alg: Option<String>,
    #[serde(rename = "use", default, skip_serializing_if = "Option::is_none")]
    usage: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kid: Option<String>,
}

impl Jwk {
    /// Of a point that is not compressed.
    fn of(point: &[u8]) -> Option<Self> {
        let [4, coordinates @ ..] = point else { return None };
        let (x, y) = coordinates.split_at_checked(COORDINATE).filter(|(_, y)| y.len() == COORDINATE)?;
        let (x, y) = (base64url(x), base64url(y));
        let text = |text: &str| text.to_owned();
        let mut key = Self {
            kty: text("EC"),
            crv: text("P-256"),
            x,
            y,
            alg: Some(text("ES256")),
            usage: Some(text("sig")),
            kid: None,
        };
        key.kid = Some(key.thumbprint());
        Some(key)
    }

    /// What it is known by (RFC 7638).
    pub fn thumbprint(&self) -> String {
        let Self { kty, crv, x, y, .. } = self;
        base64url(&sha256(format!(r#"{{"crv":"{crv}","kty":"{kty}","x":"{x}","y":"{y}"}}"#).as_bytes()))
    }

    /// Whether the name that it has is its own, where it has one.
    pub(super) fn is_named_right(&self) -> bool {
        self.kid.as_ref().is_none_or(|kid| *kid == self.thumbprint())
    }

    /// The point, where it is a key of the kind that signs.
    pub(super) fn point(&self) -> Option<Vec<u8>> {
        let coordinate = |text: &str| URL_SAFE_NO_PAD.decode(text).ok().filter(|bytes| bytes.len() == COORDINATE);
        let is_ours = self.kty == "EC" && self.crv == "P-256" && self.alg.as_ref().is_none_or(|alg| alg == "ES256");
        let (x, y) = (coordinate(&self.x)?, coordinate(&self.y)?);
        is_ours.then(|| [&[4], &x[..], &y].concat())
    }
}

/// Public keys, as they are published.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeySet {
    /// They.
    pub keys: Vec<Jwk>,
}

impl KeySet {
    /// Reads a set, or a single key. Keys of another kind, which a provider may publish beside, are left out; none when no key is left.
    pub fn parse(json: &[u8]) -> Option<Self> {
        let value: serde_json::Value = serde_json::from_slice(json).ok()?;
        let several = match value.get("keys") {
            Some(keys) => keys.as_array()?.clone(),
            None => vec![value],
        };
        let keys = several.into_iter().take(KEYS).filter_map(|key| serde_json::from_value::<Jwk>(key).ok());
        let keys: Vec<Jwk> = keys.filter(|key| key.point().is_some()).collect();
        (!keys.is_empty()).then_some(Self { keys })
    }

    /// Reads the file of a set.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let failed = |source| Error::File { path: path.to_path_buf(), source };
        let mut json = Vec::new();
        File::open(path).and_then(|file| file.take(FILE_MAX).read_to_end(&mut json)).map_err(failed)?;
        Self::parse(&json).ok_or_else(|| Error::NotASet(path.to_path_buf()))
    }

    /// The point of the key with a thumbprint.
    pub(super) fn point(&self, thumbprint: &str) -> Option<Vec<u8>> {
        self.keys.iter().find(|key| key.thumbprint() == thumbprint)?.point()
    }
}

/// The key that signs.
#[derive(Debug)]
pub struct ProviderKey {
    pair: EcdsaKeyPair,
    random: SystemRandom,
    header: String,
    keys: KeySet,
}

impl ProviderKey {
    /// Reads the key, or makes it at the first start.
    pub fn open(settings: &Settings) -> Result<Self, Error> {
        let made = settings.secrets.join(FILE);
        let path = settings.key_file.as_ref().unwrap_or(&made);
        let failed = |source| Error::File { path: path.clone(), source };
        if settings.key_file.is_none() && !path.try_exists().map_err(failed)? {
            make(path)?;
        }
        let pair = read(path)?;
        let own = Jwk::of(pair.public_key().as_ref()).ok_or_else(|| Error::NotAKey(path.clone()))?;
        let header = jws::header(&own.thumbprint());
        let mut keys = KeySet { keys: vec![own] };
        if let Some(earlier) = &settings.earlier {
            let earlier =
                KeySet::read(earlier)?.keys.iter().filter_map(|key| Jwk::of(&key.point()?)).collect::<Vec<_>>();
            keys.keys.extend(earlier);
            let mut seen = Vec::new();
            keys.keys.retain(|key| {
                let is_new = !seen.contains(&key.kid);
                seen.push(key.kid.clone());
                is_new
            });
        }
        Ok(Self { pair, random: SystemRandom::new(), header, keys })
    }

    /// The public keys, to be published: the one that signs first, then those that signed before.
    pub fn keys(&self) -> &KeySet {
        &self.keys
    }
}

impl Signer for ProviderKey {
    fn sign(&self, payload: &[u8]) -> Signed {
        let input = format!("{}.{}", self.header, base64url(payload));
        let signature = self.pair.sign(&self.random, input.as_bytes());
        let signature = signature.expect("a P-256 key signs any bytes, with the random numbers that made it");
        Signed(format!("{input}.{}", base64url(signature.as_ref())).into())
    }
}

fn make(path: &Path) -> Result<(), Error> {
    let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
    let encoded = STANDARD.encode(made.map_err(|_| Error::NotMade)?.as_ref());
    let mut pem = "-----BEGIN PRIVATE KEY-----\n".to_owned();
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (line, more) = rest.split_at(rest.len().min(64));
        pem.push_str(line);
        pem.push('\n');
        rest = more;
    }
    pem.push_str("-----END PRIVATE KEY-----\n");
    let folder = path.parent().unwrap_or(Path::new("."));
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .and_then(|()| atomic::replace(path, pem.as_bytes()))
        .map_err(|source| Error::File { path: path.to_path_buf(), source })
}

fn read(path: &Path) -> Result<EcdsaKeyPair, Error> {
    let failed = |source| Error::File { path: path.to_path_buf(), source };
    let file = File::open(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.permissions().mode() & 0o077 != 0 {
        return Err(Error::Exposed(path.to_path_buf()));
    }
    let mut pem = Vec::new();
    file.take(FILE_MAX).read_to_end(&mut pem).map_err(failed)?;
    let pair = match PrivateKeyDer::from_pem_slice(&pem) {
        Ok(PrivateKeyDer::Pkcs8(der)) => {
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der.secret_pkcs8_der()).ok()
        }
        Ok(PrivateKeyDer::Sec1(der)) => {
            EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_FIXED_SIGNING, der.secret_sec1_der()).ok()
        }
        _ => None,
    };
    pair.ok_or_else(|| Error::NotAKey(path.to_path_buf()))
}
