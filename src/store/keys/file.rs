//! The file of bearer keys: one JSON object a line, which an operator can read.
//!
//! Invariant: it holds digests, never a key. It is replaced whole, under a lock that other processes respect too.
//! It must not skip a line it can't read: a key that was revoked there would live on.
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::{DIGEST_BYTES, Digest, Error, Key, KeyId};
use crate::store::atomic;
use estafette_actors::domain::cbe::Cbe;
use estafette_actors::domain::submission::Institution;
use estafette_actors::domain::time::Timestamp;

pub(super) const NAME: &str = "keys.jsonl";
const LOCK: &str = "keys.lock";
/// Keys that the file holds at most, revoked ones too.
pub(super) const MAX_KEYS: usize = 10_000;
/// More than that many keys take.
const MAX_BYTES: u64 = 16 << 20;

/// A key with what it is checked against.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) key: Key,
    pub(super) digest: Digest,
}

/// A line. An unknown field is refused: one that a later version wrote may limit the key.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    id: String,
    institution: String,
    name: String,
    test: bool,
    sha256: String,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_at: Option<String>,
}

/// What tells that the file is another than the one read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    inode: u64,
    length: u64,
    modified: Option<SystemTime>,
}

impl Stamp {
    /// Of the file that is there now; `None` when there is none.
    pub(super) fn of(folder: &Path) -> Result<Option<Self>, Error> {
        let path = folder.join(NAME);
        match std::fs::metadata(&path) {
            Ok(metadata) => Ok(Some(Self::from(&metadata))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(Error::Read { path, source }),
        }
    }
}

impl From<&std::fs::Metadata> for Stamp {
    fn from(metadata: &std::fs::Metadata) -> Self {
        Self { inode: metadata.ino(), length: metadata.len(), modified: metadata.modified().ok() }
    }
}

/// Takes the lock, waiting for whoever has it: a change takes milliseconds.
pub(super) fn lock(folder: &Path) -> Result<File, Error> {
    let path = folder.join(LOCK);
    let open = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
    let file = open.map_err(|source| Error::Write { path: path.clone(), source })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => file.lock().map(|()| file).map_err(|source| Error::Write { path, source }),
        Err(TryLockError::Error(source)) => Err(Error::Write { path, source }),
    }
}

/// All records in the order in which they were made, and the stamp of the file they came from.
pub(super) fn read(folder: &Path) -> Result<(Vec<Record>, Option<Stamp>), Error> {
    let path = folder.join(NAME);
    let mut file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((Vec::new(), None)),
        Err(source) => return Err(Error::Read { path, source }),
    };
    let failed = |source| Error::Read { path: path.clone(), source };
    // Of the open file: one that takes its name meanwhile has another stamp and is seen at the next look.
    let stamp = Stamp::from(&file.metadata().map_err(failed)?);
    let mut text = String::new();
    file.by_ref().take(MAX_BYTES).read_to_string(&mut text).map_err(failed)?;
    let damaged = |number: usize| Error::Damaged { path: path.clone(), line: number };
    if stamp.length > MAX_BYTES {
        return Err(damaged(text.lines().count()));
    }
    let mut records = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        records.push(parse(line).ok_or_else(|| damaged(number))?);
    }
    Ok((records, Some(stamp)))
}

/// Replaces the file, durably. Only under the lock.
pub(super) fn write(folder: &Path, records: &[Record]) -> Result<(), Error> {
    let path = folder.join(NAME);
    let mut bytes = Vec::new();
    for record in records {
        bytes.extend_from_slice(format(record).as_bytes());
        bytes.push(b'\n');
    }
    atomic::replace(&path, &bytes).map_err(|source| Error::Write { path, source })
}

fn parse(line: &str) -> Option<Record> {
    let line: Line = serde_json::from_str(line).ok()?;
    let revoked_at = match line.revoked_at {
        None => None,
        Some(text) => Some(Timestamp::parse(&text).ok()?),
    };
    let key = Key {
        id: KeyId::parse(&line.id)?,
        institution: Institution(Cbe::parse(&line.institution).ok()?),
        name: line.name.into(),
        test: line.test,
        created_at: Timestamp::parse(&line.created_at).ok()?,
        revoked_at,
    };
    let digest: [u8; DIGEST_BYTES] = URL_SAFE_NO_PAD.decode(line.sha256).ok()?.try_into().ok()?;
    Some(Record { key, digest: Digest(digest) })
}

fn format(record: &Record) -> String {
    let Record { key, digest } = record;
    let line = Line {
        id: key.id.as_str().to_owned(),
        institution: key.institution.to_string(),
        name: key.name.to_string(),
        test: key.test,
        sha256: URL_SAFE_NO_PAD.encode(digest.0),
        created_at: key.created_at.to_string(),
        revoked_at: key.revoked_at.map(|at| at.to_string()),
    };
    serde_json::to_string(&line).expect("a line holds only texts and a flag")
}

/// For an error: where the file is.
pub(super) fn path(folder: &Path) -> PathBuf {
    folder.join(NAME)
}
