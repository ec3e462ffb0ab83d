//! The bearer keys of institutions: made, revoked, and checked at each request.
//!
//! Invariant: a key that was revoked, here or by another process, is refused a second later at the latest. Only the
//! SHA-256 of a key is kept: it is 256 random bits, so there is nothing to guess and no slow hash is needed.
//! It must never show a key, not even one that is presented in vain, and never lock the file while a request waits.
mod file;

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest;
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use self::file::{Record, Stamp};
use estafette_actors::domain::submission::Institution;
use estafette_actors::domain::time::Timestamp;

const LIVE: &str = "est_live_";
const TEST: &str = "est_test_";
const ID_CHARACTERS: usize = 10;
/// Crockford's base 32 in small letters: no i, l, o or u, so nothing looks like another.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const SECRET_BYTES: usize = 32;
/// 256 bits in base64url.
const SECRET_CHARACTERS: usize = 43;
const DIGEST_BYTES: usize = 32;
/// Characters of a key's name at most.
const MAX_NAME: usize = 100;
/// How long another process's change may go unseen.
const RECHECK: Duration = Duration::from_secs(1);

/// Why keys can't be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Reading failed.
    #[error("{} can't be read: check the disk and the rights ({source})", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Writing failed.
    #[error("{} can't be written: check the disk and the rights ({source})", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A line that this program did not write.
    #[error("line {line} of {} is no key: mend it, or restore the file from a backup", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
    },
    /// The file is full.
    #[error("{} holds {} keys already: remove lines of revoked ones that nobody asks about any more", .0.display(), file::MAX_KEYS)]
    Full(PathBuf),
    /// A name that is empty, too long, or not plain text.
    #[error("a key's name has 1 to {MAX_NAME} characters and no control characters: give it another")]
    Name,
    /// No such key.
    #[error("there is no key {0}: list the keys to see which there are")]
    Unknown(String),
    /// The system gave no random bytes.
    #[error("the system gives no random numbers: check that this machine provides getrandom")]
    Random,
}

/// Names a key. It is no secret: it stands in lists and logs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; ID_CHARACTERS]);

impl KeyId {
    /// Reads an id as it is shown.
    pub fn parse(text: &str) -> Option<Self> {
        let id: [u8; ID_CHARACTERS] = text.as_bytes().try_into().ok()?;
        id.iter().all(|byte| ALPHABET.contains(byte)).then_some(Self(id))
    }

    /// As it is shown.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A key as it is listed: everything but the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its name for programs.
    pub id: KeyId,
    /// Whose it is.
    pub institution: Institution,
    /// Its name for people.
    pub name: Arc<str>,
    /// Whether it reaches the sandbox only.
    pub test: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// Since when it is refused.
    pub revoked_at: Option<Timestamp>,
}

/// Who presented a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The institution.
    pub institution: Institution,
    /// With which key.
    pub key: KeyId,
    /// Whether it reaches the sandbox only.
    pub test: bool,
    /// The name of the key.
    pub name: Arc<str>,
}

#[derive(Clone, Copy)]
struct Digest([u8; DIGEST_BYTES]);

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("..")
    }
}

/// What a request is checked against.
#[derive(Debug, Default)]
struct Snapshot {
    /// Without those that are revoked.
    valid: HashMap<KeyId, (Digest, Principal)>,
    stamp: Option<Stamp>,
}

/// The keys in a data folder.
#[derive(Debug)]
pub struct Keys {
    folder: PathBuf,
    snapshot: ArcSwap<Snapshot>,
    opened: Instant,
    /// When the file was last looked at, in milliseconds since `opened`.
    looked_ms: AtomicU64,
    recheck: Duration,
    /// One reload at a time, so that an older one never overwrites a newer.
    reloading: Mutex<()>,
}

impl Keys {
    /// Opens the keys in a data folder. Another process may have it, as a running server does when a key is made on the
    /// command line; [`super::folder::DataFolder::ensure`] then makes or checks the folder first.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, Error> {
        let this = Self {
            folder: folder.as_ref().to_path_buf(),
            snapshot: ArcSwap::default(),
            opened: Instant::now(),
            looked_ms: AtomicU64::new(0),
            recheck: RECHECK,
            reloading: Mutex::new(()),
        };
        this.reload()?;
        Ok(this)
    }

    /// Makes a key, durably: its id, and the key itself, which is shown this once and kept nowhere.
    pub fn create(
        &self,
        institution: Institution,
        name: &str,
        test: bool,
        now: Timestamp,
    ) -> Result<(KeyId, String), Error> {
        let name = name.trim();
        if name.is_empty() || name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
            return Err(Error::Name);
        }
        let _lock = file::lock(&self.folder)?;
        let (mut records, _) = file::read(&self.folder)?;
        if records.len() >= file::MAX_KEYS {
            return Err(Error::Full(file::path(&self.folder)));
        }
        let id = loop {
            let id = KeyId(random::<ID_CHARACTERS>()?.map(|byte| ALPHABET[usize::from(byte % 32)]));
            if records.iter().all(|record| record.key.id != id) {
                break id;
            }
        };
        let secret = URL_SAFE_NO_PAD.encode(random::<SECRET_BYTES>()?);
        let presented = format!("{}{id}_{secret}", if test { TEST } else { LIVE });
        let key = Key { id, institution, name: name.into(), test, created_at: now, revoked_at: None };
        records.push(Record { key, digest: digest_of(&presented) });
        file::write(&self.folder, &records)?;
        self.reload()?;
        Ok((id, presented))
    }

    /// All keys, revoked ones too, oldest first.
    pub fn list(&self) -> Result<Vec<Key>, Error> {
        Ok(file::read(&self.folder)?.0.into_iter().map(|record| record.key).collect())
    }

    /// Refuses a key from now on, durably. Again it changes nothing.
    pub fn revoke(&self, id: &str, now: Timestamp) -> Result<Key, Error> {
        let _lock = file::lock(&self.folder)?;
        let (mut records, _) = file::read(&self.folder)?;
        let record = records.iter_mut().find(|record| record.key.id.as_str() == id);
        let Some(record) = record else { return Err(Error::Unknown(id.chars().take(ID_CHARACTERS).collect())) };
        record.key.revoked_at.get_or_insert(now);
        let key = record.key.clone();
        file::write(&self.folder, &records)?;
        self.reload()?;
        Ok(key)
    }

    /// Who presents this key, if it is a valid one. From memory, in about a microsecond; once a second one caller asks
    /// the system whether the file has changed.
    pub fn check(&self, presented: &str) -> Option<Principal> {
        self.look_at_file_now_and_then();
        let id = id_in(presented)?;
        let snapshot = self.snapshot.load();
        let known = snapshot.valid.get(&id);
        // An unknown id costs what a known one does.
        let expected = known.map_or(Digest([0; DIGEST_BYTES]), |(digest, _)| *digest);
        verify_slices_are_equal(&digest_of(presented).0, &expected.0).ok()?;
        known.map(|(_, principal)| principal.clone())
    }

    /// Reads the file again when it is another than the one read; says whether it was. On an error the keys stay as
    /// they were.
    pub fn reload(&self) -> Result<bool, Error> {
        let _reloading = self.reloading.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = self.snapshot.load().stamp;
        if seen.is_some() && Stamp::of(&self.folder)? == seen {
            return Ok(false);
        }
        let (records, stamp) = file::read(&self.folder)?;
        let valid = records.into_iter().filter(|record| record.key.revoked_at.is_none()).map(|record| {
            let Record { key: Key { id, institution, name, test, .. }, digest } = record;
            (id, (digest, Principal { institution, key: id, test, name }))
        });
        self.snapshot.store(Arc::new(Snapshot { valid: valid.collect(), stamp }));
        Ok(stamp != seen)
    }

    fn look_at_file_now_and_then(&self) {
        let now_ms = u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX);
        let looked_ms = self.looked_ms.load(Ordering::Relaxed);
        if u128::from(now_ms - looked_ms.min(now_ms)) < self.recheck.as_millis() {
            return;
        }
        // Of several callers at once one looks; the others go on with what is known.
        let turn = self.looked_ms.compare_exchange(looked_ms, now_ms, Ordering::Relaxed, Ordering::Relaxed);
        if turn.is_ok()
            && let Err(error) = self.reload()
        {
            tracing::error!(%error, "keys are not reloaded: those read before stay valid");
        }
    }
}

/// The id in a key that has the form of one. The form is no secret, so this may take its time or not.
fn id_in(presented: &str) -> Option<KeyId> {
    let rest = presented.strip_prefix(LIVE).or_else(|| presented.strip_prefix(TEST))?;
    let (id, secret) = rest.split_once('_')?;
    if secret.len() == SECRET_CHARACTERS { KeyId::parse(id) } else { None }
}

/// Of the whole key: its prefix and id can't be exchanged.
fn digest_of(presented: &str) -> Digest {
    let digest = digest::digest(&digest::SHA256, presented.as_bytes());
    let mut bytes = [0; DIGEST_BYTES];
    bytes.copy_from_slice(digest.as_ref());
    Digest(bytes)
}

fn random<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| Error::Random)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
