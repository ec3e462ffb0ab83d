//! Makes and opens the files of redb.
//!
//! Invariant: a file has its name only once it is whole and on disk. redb writes the first pages of a
//! new file in several steps, and a process that is killed between them leaves one that nobody can
//! open: then a broker would not start again for having died.
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use redb::backends::FileBackend;
use redb::{Database, DatabaseError, StorageError};

use super::atomic::{self, UNFINISHED};

/// Ends the name of a file that could not be read and was made anew; there is one at most.
const DAMAGED: &str = ".damaged";

/// Makes a file that is not there yet; `prepare` sees it before it has its name.
pub fn create<E: From<DatabaseError>>(
    path: &Path,
    cache_bytes: usize,
    prepare: impl FnOnce(&Database) -> Result<(), E>,
) -> Result<Database, E> {
    let io = |error| E::from(DatabaseError::Storage(StorageError::Io(error)));
    let unfinished = with_end(path, UNFINISHED);
    // What a crash left says nothing.
    if unfinished.exists() {
        fs::remove_file(&unfinished).map_err(io)?;
    }
    let database = Database::builder().set_cache_size(cache_bytes).create(&unfinished)?;
    prepare(&database)?;
    fs::rename(&unfinished, path).map_err(io)?;
    atomic::sync_folder_of(path).map_err(io)?;
    Ok(database)
}

/// Tells the system that what is read next says nothing of what is read then: else it reads megabytes around each page, which after
/// a cold start keep the disk from those who wait for it. Segments are left as they are, since a replay reads them in order.
fn expect_any_order(file: &fs::File) {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::Random) {
        tracing::debug!(%error, "the system takes no advice on how a file is read");
    }
    #[cfg(not(target_os = "linux"))]
    let _ = file;
}

/// Opens a file that is read in any order, or makes it.
pub fn open(path: &Path, cache_bytes: usize) -> Result<Database, DatabaseError> {
    if path.exists() {
        let file = fs::File::options().read(true).write(true).open(path);
        let file = file.map_err(|error| DatabaseError::Storage(StorageError::Io(error)))?;
        expect_any_order(&file);
        Database::builder().set_cache_size(cache_bytes).create_with_backend(FileBackend::new(file)?)
    } else {
        create(path, cache_bytes, |_| Ok(()))
    }
}

/// Opens a file that can be made again from the journal, or makes it. One that is damaged is put
/// aside for whoever wants to know why.
pub fn open_derived(path: &Path, cache_bytes: usize) -> Result<Database, DatabaseError> {
    match open(path, cache_bytes) {
        Err(error) if is_damage(&error) => {
            tracing::error!(file = %path.display(), %error, "the file is damaged: put aside, and made again from the journal");
            let aside = |error| DatabaseError::Storage(StorageError::Io(error));
            fs::rename(path, with_end(path, DAMAGED)).map_err(aside)?;
            open(path, cache_bytes)
        }
        opened => opened,
    }
}

/// Not: in use, no rights, no space.
fn is_damage(error: &DatabaseError) -> bool {
    use std::io::ErrorKind::{InvalidData, UnexpectedEof};
    match error {
        DatabaseError::RepairAborted | DatabaseError::Storage(StorageError::Corrupted(_)) => true,
        DatabaseError::Storage(StorageError::Io(error)) => matches!(error.kind(), InvalidData | UnexpectedEof),
        _ => false,
    }
}

fn with_end(path: &Path, end: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(end);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use redb::{ReadableDatabase, TableDefinition};

    const NUMBERS: TableDefinition<u64, u64> = TableDefinition::new("numbers");

    fn count(database: &Database) -> u64 {
        let write = database.begin_write().unwrap();
        write.open_table(NUMBERS).unwrap();
        write.commit().unwrap();
        redb::ReadableTableMetadata::len(&database.begin_read().unwrap().open_table(NUMBERS).unwrap()).unwrap()
    }

    #[test]
    fn what_a_kill_left_of_a_new_file_does_not_keep_it_from_being_made() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("one.redb");
        fs::write(with_end(&path, UNFINISHED), [0; 4096]).unwrap();
        assert_eq!(count(&open(&path, 1 << 20).unwrap()), 0);
        assert!(!with_end(&path, UNFINISHED).exists());
        assert_eq!(count(&open(&path, 1 << 20).unwrap()), 0);
    }

    #[test]
    fn only_a_damaged_file_is_put_aside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("one.redb");
        let database = open_derived(&path, 1 << 20).unwrap();
        assert!(open_derived(&path, 1 << 20).is_err(), "one that is in use is left alone");
        drop(database);
        fs::write(&path, vec![7; 100_000]).unwrap();
        assert!(open(&path, 1 << 20).is_err());
        assert_eq!(count(&open_derived(&path, 1 << 20).unwrap()), 0);
        assert_eq!(fs::read(with_end(&path, DAMAGED)).unwrap().len(), 100_000);
    }
}
