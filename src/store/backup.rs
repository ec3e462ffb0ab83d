//! A consistent copy of a data folder that is in use, and a folder made of such a copy.
//!
//! The writer closes its segment and begins the next; closed segments never change, so they are
//! copied as they are while everything goes on. What follows from the journal (states, indexes) is
//! not copied: the first start on a restored folder makes it anew. A list of all files with their
//! digests is written last, and then the folder gets its name: what has no list is no backup.
use std::fs::{DirBuilder, File};
use std::io::{self, Read};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_lc_rs::digest;
use estafette_actors::ports::Position;
use redb::{Database, ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition};
use serde::{Deserialize, Serialize};

use super::folder::DataFolder;
use super::{Store, lock};

/// The list of a backup's files.
const LIST: &str = "BACKUP";
const FORM: u32 = 1;
/// Ends the name of a backup that is being made.
const UNFINISHED: &str = ".unfinished";
/// Files beside the journal that are copied as they are, where they are there.
const PLAIN: &[&str] = &["VERSION", "keys.jsonl"];
const SECRETS: &str = "secrets";
const JOURNAL: &str = "journal";
/// How long the writer may take to close its segment.
const PATIENCE: Duration = Duration::from_secs(30);
/// Memory for copying a table.
const CACHE_BYTES: usize = 8 << 20;

/// Why there is no backup, or none can be restored.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A name that would not do.
    #[error(
        "a backup is named by letters, digits, hyphens, underscores and dots, at most 64, and begins with none of these signs"
    )]
    Name,
    /// It is there already.
    #[error("{} exists already: give another name", .0.display())]
    Exists(PathBuf),
    /// The writer did not close its segment.
    #[error("the journal can't close its segment: {0}")]
    Writer(String),
    /// No list of files, or a damaged one.
    #[error("{} is no backup of estafette, or was not finished: choose another", .0.display())]
    None(PathBuf),
    /// Made by a later version.
    #[error("the backup has form {0} and this program knows form {FORM}: restore it with the version that made it")]
    Form(u32),
    /// A file is missing or is not what it was.
    #[error("{0} of the backup is missing or damaged: choose another backup")]
    Damaged(String),
    /// The folder to restore into is in use.
    #[error("{} is not empty: give a new or an empty folder", .0.display())]
    NotEmpty(PathBuf),
    /// The file system.
    #[error("{} can't be copied: check the disk and the rights ({source})", path.display())]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A table.
    #[error("{} can't be copied: {reason}", path.display())]
    Table {
        /// Which file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

fn at<T>(path: &Path, outcome: io::Result<T>) -> Result<T, Error> {
    outcome.map_err(|source| Error::Io { path: path.to_owned(), source })
}

/// A file of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Copied {
    /// Its path in the folder.
    pub name: String,
    /// Its bytes.
    pub bytes: u64,
    /// Their SHA-256, in hexadecimal.
    pub sha256: String,
}

/// What a backup holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backup {
    /// The form of the list.
    pub form: u32,
    /// The version of the program that made it.
    pub version: String,
    /// The last position of the feed that is in it.
    pub position: Position,
    /// When it was begun.
    pub begun_at: String,
    /// Its files.
    pub files: Vec<Copied>,
}

/// Copies a file's own table into a fresh file, as of one moment.
pub fn copy_table<K: redb::Key + 'static, V: redb::Value + 'static>(
    from: &Database,
    into: &Path,
    definition: TableDefinition<K, V>,
) -> Result<(), redb::Error> {
    copy_table_as_of(&from.begin_read()?, into, definition)
}

/// The same as of a moment that others share: tables that belong together are copied in one.
pub fn copy_table_as_of<K: redb::Key + 'static, V: redb::Value + 'static>(
    read: &ReadTransaction,
    into: &Path,
    definition: TableDefinition<K, V>,
) -> Result<(), redb::Error> {
    let source = read.open_table(definition)?;
    let target = Database::builder().set_cache_size(CACHE_BYTES).create(into)?;
    let mut write = target.begin_write()?;
    write.set_quick_repair(true);
    {
        let mut table = write.open_table(definition)?;
        for row in source.iter()? {
            let (key, value) = row?;
            table.insert(key.value(), value.value())?;
        }
    }
    write.commit()?;
    Ok(())
}

/// Copies a file that is not the store's into the folder that is given.
pub type Beside<'b> = (&'static str, &'b (dyn Fn(&Path) -> Result<(), String> + Sync));

impl Store {
    /// Makes a backup of this name in a folder: the journal up to now, and `beside` it what others
    /// keep. Takes as long as the disk takes; nobody waits for it.
    pub fn backup(&self, folder: &Path, name: &str, beside: &[Beside<'_>]) -> Result<Backup, Error> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        let begins = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
        if !begins || name.len() > 64 || !name.bytes().all(fits) {
            return Err(Error::Name);
        }
        let (done, path) = (folder.join(name), folder.join(format!("{name}{UNFINISHED}")));
        if done.exists() {
            return Err(Error::Exists(done));
        }
        // What a crash left is no backup.
        let _ = std::fs::remove_dir_all(&path);
        let begun_at = self.inner.clock.now().to_string();
        private_folder(&path)?;
        let mut files = Vec::new();
        for (name, copy) in beside {
            let to = path.join(name);
            copy(&to).map_err(|reason| Error::Table { path: to.clone(), reason })?;
            files.push(sealed(&path, name)?);
        }
        let home = self.inner.folder.path();
        for name in PLAIN.iter().filter(|name| home.join(name).exists()) {
            files.push(copied(home, &path, name)?);
        }
        private_folder(&path.join(SECRETS))?;
        for entry in at(home, std::fs::read_dir(home.join(SECRETS)))? {
            let file = at(home, entry)?.file_name();
            let Some(secret) = file.to_str().and_then(|file| file.strip_suffix(".key")) else { continue };
            files.push(copied(home, &path, &format!("{SECRETS}/{secret}.key"))?);
        }
        private_folder(&path.join(JOURNAL))?;
        self.close_segment()?;
        let closed = self.inner.segments.closed();
        let mut position = 0;
        for segment in &closed {
            let number = format!("{JOURNAL}/{:06}.redb", segment.number);
            files.push(copied(home, &path, &number)?);
            position = position.max(segment.last_position().map_err(|error| Error::Writer(error.to_string()))?);
        }
        let backup = Backup { form: FORM, version: env!("CARGO_PKG_VERSION").to_owned(), position, begun_at, files };
        let list = serde_json::to_vec_pretty(&backup).unwrap_or_default();
        at(&path, super::atomic::replace(&path.join(LIST), &list))?;
        at(&done, std::fs::rename(&path, &done).and_then(|()| super::atomic::sync_folder_of(&done)))?;
        Ok(backup)
    }

    /// Lets the writer begin another segment, so that all that is durable now is in closed ones.
    fn close_segment(&self) -> Result<(), Error> {
        self.inner.wait_durable().map_err(|error| Error::Writer(error.to_string()))?;
        let (asked, done) = crossbeam_channel::bounded(1);
        lock(&self.inner.rolls).push(asked);
        // The writer lets go of its end when it is done.
        match done.recv_timeout(PATIENCE) {
            Err(crossbeam_channel::RecvTimeoutError::Timeout) => Err(Error::Writer("it takes too long".to_owned())),
            _ => match lock(&self.inner.read_only).clone() {
                Some(reason) => Err(Error::Writer(reason)),
                None => Ok(()),
            },
        }
    }
}

fn private_folder(path: &Path) -> Result<(), Error> {
    at(path, DirBuilder::new().recursive(true).mode(0o700).create(path))
}

/// Copies a file, durably; its mode goes with it.
fn copied(from: &Path, into: &Path, name: &str) -> Result<Copied, Error> {
    let source = from.join(name);
    at(&source, std::fs::copy(&source, into.join(name)))?;
    sealed(into, name)
}

/// Makes a file durable and notes what is in it.
fn sealed(folder: &Path, name: &str) -> Result<Copied, Error> {
    let path = folder.join(name);
    at(&path, File::open(&path).and_then(|file| file.sync_all()))?;
    noted(folder, name)
}

fn noted(folder: &Path, name: &str) -> Result<Copied, Error> {
    let path = folder.join(name);
    let mut file = at(&path, File::open(&path))?;
    let mut context = digest::Context::new(&digest::SHA256);
    let (mut piece, mut bytes) = (vec![0; 1 << 20], 0);
    loop {
        let read = at(&path, file.read(&mut piece))?;
        if read == 0 {
            break;
        }
        bytes += read as u64;
        context.update(&piece[..read]);
    }
    let sha256 = context.finish().as_ref().iter().fold(String::new(), |mut hex, byte| {
        use std::fmt::Write;
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    Ok(Copied { name: name.to_owned(), bytes, sha256 })
}

/// Reads a backup's list and holds every file against it.
pub fn check(backup: &Path) -> Result<Backup, Error> {
    let none = || Error::None(backup.to_owned());
    let list = std::fs::read(backup.join(LIST)).map_err(|_| none())?;
    let list: Backup = serde_json::from_slice(&list).map_err(|_| none())?;
    if list.form != FORM {
        return Err(Error::Form(list.form));
    }
    for file in &list.files {
        let inside = !file.name.starts_with('/') && !file.name.split('/').any(|part| part == "..");
        let found = inside.then(|| noted(backup, &file.name).ok()).flatten();
        if found.as_ref() != Some(file) {
            return Err(Error::Damaged(file.name.clone()));
        }
    }
    Ok(list)
}

/// Makes a data folder of a backup: a new or an empty one. Afterwards it can be served.
pub fn restore(backup: &Path, into: &Path) -> Result<Backup, Error> {
    let list = check(backup)?;
    if into.exists() && at(into, std::fs::read_dir(into))?.next().is_some() {
        return Err(Error::NotEmpty(into.to_owned()));
    }
    private_folder(into)?;
    for folder in [SECRETS, JOURNAL] {
        private_folder(&into.join(folder))?;
    }
    // The file that makes it a data folder comes last: half a folder is nobody's.
    let (version, others): (Vec<_>, Vec<_>) = list.files.iter().partition(|file| file.name == "VERSION");
    for file in others.into_iter().chain(version) {
        if copied(backup, into, &file.name)? != *file {
            return Err(Error::Damaged(file.name.clone()));
        }
    }
    at(into, super::atomic::sync_folder_of(&into.join(LIST)))?;
    DataFolder::ensure(into).map_err(|error| Error::Table { path: into.to_owned(), reason: error.to_string() })?;
    Ok(list)
}
