//! The data folder: whose it is, which form it has, and the secrets that belong to it.
//!
//! Invariant: as long as a [`DataFolder`] lives no other process has the folder open, and its form is the one that
//! this program writes.
//! It must never write into a folder that holds something else, and never show a secret.
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::rand::{SecureRandom, SystemRandom};

use super::atomic;

/// The form of everything below the folder. It grows when a program that knows the old form only can't read the new.
pub const SCHEMA: u32 = 2;
/// The first line of the version file: what tells an own folder from a foreign one.
const MAGIC: &str = "estafette data folder";
const LOCK: &str = "LOCK";
const VERSION: &str = "VERSION";
const SECRETS: &str = "secrets";
/// A version file is two short lines; more than this is not one.
const MAX_VERSION_BYTES: u64 = 256;
/// Bytes of a secret.
pub const SECRET_BYTES: usize = 32;

/// Why a data folder can't be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process has it.
    #[error("another estafette runs on {}: stop it first, or choose another folder", .0.display())]
    Locked(PathBuf),
    /// It holds files, and no version file says that they are ours.
    #[error("{} is not empty and holds no data of estafette: choose an empty or a new folder", .0.display())]
    Foreign(PathBuf),
    /// It is something else than a folder.
    #[error("{} is not a folder: choose a folder", .0.display())]
    NotAFolder(PathBuf),
    /// Files can't be created there.
    #[error("{} can't be written to: give this user the right to, or choose another folder ({source})", path.display())]
    NotWritable {
        /// The folder, or the file in it.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Written by a later version of this program.
    #[error(
        "{} has form {found} and this program knows forms up to {SCHEMA}: start the newer estafette that wrote it, or restore a backup made before it",
        path.display()
    )]
    Newer {
        /// The folder.
        path: PathBuf,
        /// The form it has.
        found: u32,
    },
    /// Written by an earlier version whose form is no longer known.
    #[error(
        "{} has form {found}, which no release of estafette has: restore the folder from a backup, or start with an empty one",
        path.display()
    )]
    Unknown {
        /// The folder.
        path: PathBuf,
        /// The form it has.
        found: u32,
    },
    /// The version file can't be understood.
    #[error("{} is damaged: restore the folder from a backup", .0.display())]
    Damaged(PathBuf),
    /// A secret that others than its owner may read.
    #[error("{} can be read by others: set its mode to 0600, and replace it if somebody may have", .0.display())]
    Exposed(PathBuf),
    /// A name of a secret that would not do as a file's name.
    #[error("a secret is named by small letters, digits and hyphens, at most 64: rename it")]
    SecretName,
    /// The system gave no random bytes.
    #[error("the system gives no random numbers: check that this machine provides getrandom")]
    Random,
    /// Reading failed.
    #[error("{} can't be read: check the disk and the rights ({source})", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// A data folder that is this process's own, for as long as this lives.
#[derive(Debug)]
pub struct DataFolder {
    path: PathBuf,
    /// Open for life: the lock goes with it, also when the process is killed.
    _lock: File,
    /// Two threads that ask for a new secret at once must get the same.
    creating: Mutex<()>,
}

impl DataFolder {
    /// Opens a folder, or makes it (mode 0700), and locks it against other processes.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref().to_path_buf();
        create(&path)?;
        // Before the lock, because the lock's own file must not be written into a foreign folder.
        refuse_foreign(&path)?;
        let lock = lock(&path)?;
        // Again behind the lock: another process may have made the folder its own in between.
        if !check_version(&path)? {
            refuse_foreign(&path)?;
            let version = path.join(VERSION);
            atomic::replace(&version, format!("{MAGIC}\nschema {SCHEMA}\n").as_bytes())
                .map_err(|source| Error::NotWritable { path: version, source })?;
        }
        Ok(Self { path, _lock: lock, creating: Mutex::new(()) })
    }

    /// Makes the folder or checks that it is ours, without keeping it: for commands that work beside a running server.
    pub fn ensure(path: impl AsRef<Path>) -> Result<(), Error> {
        let path = path.as_ref();
        if path.is_dir() && check_version(path)? { Ok(()) } else { Self::open(path).map(drop) }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The random secret of this name: made at the first call, the same ever after. It lies in `secrets/NAME.key`
    /// (mode 0600) and goes into a backup with the rest: without it hashed recipients are found no more.
    pub fn secret(&self, name: &str) -> Result<[u8; SECRET_BYTES], Error> {
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if name.is_empty() || name.len() > 64 || !name.bytes().all(fits) {
            return Err(Error::SecretName);
        }
        let _creating = self.creating.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = self.path.join(SECRETS);
        create(&folder)?;
        let path = folder.join(format!("{name}.key"));
        if let Some(secret) = read_secret(&path)? {
            return Ok(secret);
        }
        let mut secret = [0; SECRET_BYTES];
        SystemRandom::new().fill(&mut secret).map_err(|_| Error::Random)?;
        atomic::replace(&path, &secret).map_err(|source| Error::NotWritable { path, source })?;
        Ok(secret)
    }
}

fn create(path: &Path) -> Result<(), Error> {
    if path.is_dir() {
        return Ok(());
    }
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    match made.and_then(|()| atomic::sync_folder_of(path)) {
        Ok(()) => Ok(()),
        Err(error) if matches!(error.kind(), io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory) => {
            Err(Error::NotAFolder(path.to_path_buf()))
        }
        Err(source) => Err(Error::NotWritable { path: path.to_path_buf(), source }),
    }
}

/// A folder is ours when it has a version file, or nothing but what [`DataFolder::open`] writes before that file.
fn refuse_foreign(path: &Path) -> Result<(), Error> {
    let failed = |source| Error::Read { path: path.to_path_buf(), source };
    if path.join(VERSION).try_exists().map_err(failed)? {
        return Ok(());
    }
    let unfinished = format!("{VERSION}{}", atomic::UNFINISHED);
    for entry in std::fs::read_dir(path).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        // A fresh volume that is mounted there has a lost+found.
        if name != LOCK && name != unfinished.as_str() && name != "lost+found" {
            return Err(Error::Foreign(path.to_path_buf()));
        }
    }
    Ok(())
}

fn lock(folder: &Path) -> Result<File, Error> {
    let path = folder.join(LOCK);
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
    let file = file.map_err(|source| Error::NotWritable { path: path.clone(), source })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::Locked(folder.to_path_buf())),
        Err(TryLockError::Error(source)) => Err(Error::NotWritable { path, source }),
    }
}

/// Whether there is a version file; an error when it isn't one that this program may work with.
fn check_version(folder: &Path) -> Result<bool, Error> {
    let path = folder.join(VERSION);
    let mut text = String::new();
    let read = File::open(&path).and_then(|file| file.take(MAX_VERSION_BYTES).read_to_string(&mut text));
    match read {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => return Err(Error::Damaged(path)),
        Err(source) => return Err(Error::Read { path, source }),
    }
    let mut lines = text.lines();
    if lines.next() != Some(MAGIC) {
        // A project's own VERSION file is a common thing: its folder is not ours.
        return Err(Error::Foreign(folder.to_path_buf()));
    }
    let schema = lines.next().and_then(|line| line.strip_prefix("schema ")).and_then(|number| number.parse().ok());
    match schema {
        Some(SCHEMA) => Ok(true),
        Some(found) if found > SCHEMA => Err(Error::Newer { path: folder.to_path_buf(), found }),
        Some(found) => Err(Error::Unknown { path: folder.to_path_buf(), found }),
        None => Err(Error::Damaged(path)),
    }
}

fn read_secret(path: &Path) -> Result<Option<[u8; SECRET_BYTES]>, Error> {
    let failed = |source| Error::Read { path: path.to_path_buf(), source };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(failed(source)),
    };
    if file.metadata().map_err(failed)?.permissions().mode() & 0o077 != 0 {
        return Err(Error::Exposed(path.to_path_buf()));
    }
    let mut bytes = Vec::with_capacity(SECRET_BYTES);
    file.take(SECRET_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    bytes.try_into().map(Some).map_err(|_| Error::Damaged(path.to_path_buf()))
}

#[cfg(test)]
mod tests;
