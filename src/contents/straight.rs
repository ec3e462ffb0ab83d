//! A small content written straight to its place in a folder.
//!
//! `object_store` writes to another name, syncs, renames and syncs the folder: two commits of the file system's journal, one after the
//! other. Here the file is made under its own name and synced, and then its folder, once for all that wait for it. Invariant: when it
//! ends well, bytes and name are on disk. Until then nobody knows the name; what a kill leaves there is needed by nobody, and swept.
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// A folder of contents.
pub struct Straight {
    folder: PathBuf,
    /// The sub-folder that was written to last.
    newest: Mutex<Option<Arc<Sub>>>,
}

impl Straight {
    /// Of a folder that is there.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder, newest: Mutex::default() }
    }

    /// Writes a content to `sub/rest`, durably.
    pub fn put(&self, sub: &str, rest: &str, bytes: &[u8]) -> io::Result<()> {
        let sub = self.sub(sub);
        let path = sub.path.join(rest);
        let file = match File::create_new(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                make(&self.folder, &sub.path)?;
                File::create_new(&path)?
            }
            other => other?,
        };
        let written = write(file, bytes).and_then(|()| sub.sync());
        if written.is_err() {
            // What stays is swept.
            let _ = std::fs::remove_file(&path);
        }
        written
    }

    fn sub(&self, name: &str) -> Arc<Sub> {
        let path = self.folder.join(name);
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        match &*newest {
            Some(sub) if sub.path == path => Arc::clone(sub),
            _ => Arc::clone(newest.insert(Arc::new(Sub { path, state: Mutex::default(), ended: Condvar::new() }))),
        }
    }
}

/// A sub-folder that is synced for many at once.
struct Sub {
    path: PathBuf,
    state: Mutex<State>,
    ended: Condvar,
}

#[derive(Default)]
struct State {
    /// Who asked, counted.
    asked: u64,
    /// For how many of them it was synced.
    synced: u64,
    is_under_way: bool,
}

impl Sub {
    /// Ends when a sync that began after this call has ended well.
    fn sync(&self) -> io::Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.asked += 1;
        let own = state.asked;
        while state.synced < own {
            if state.is_under_way {
                state = self.ended.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let asked = state.asked;
            state.is_under_way = true;
            drop(state);
            let outcome = File::open(&self.path).and_then(|folder| folder.sync_all());
            state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.is_under_way = false;
            // One that failed is asked for again by each of the others.
            if outcome.is_ok() {
                state.synced = asked;
            }
            self.ended.notify_all();
            outcome?;
        }
        Ok(())
    }
}

fn write(mut file: File, bytes: &[u8]) -> io::Result<()> {
    file.write_all(bytes)?;
    file.sync_all()
}

/// Makes a sub-folder, durably; the folder itself is not made again when somebody took it away.
fn make(folder: &Path, sub: &Path) -> io::Result<()> {
    match std::fs::create_dir(sub) {
        // Somebody else just did: it may not be on disk yet.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        made => made?,
    }
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_is_there_once_and_what_failed_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let straight = Straight::new(folder.path().to_owned());
        straight.put("abc", "d", b"bytes").unwrap();
        straight.put("abd", "e", b"").unwrap();
        assert_eq!(std::fs::read(folder.path().join("abc/d")).unwrap(), b"bytes");
        assert_eq!(straight.put("abc", "d", b"other").unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(folder.path().join("abc/d")).unwrap(), b"bytes");
        let gone = folder.path().join("gone");
        assert_eq!(Straight::new(gone.clone()).put("abc", "d", b"").unwrap_err().kind(), ErrorKind::NotFound);
        assert!(!gone.exists());
    }

    #[test]
    fn all_that_come_at_once_are_there_and_all_hear_of_a_folder_that_can_not_be_synced() {
        let folder = tempfile::tempdir().unwrap();
        let straight = Straight::new(folder.path().to_owned());
        std::thread::scope(|scope| {
            for one in 0..16 {
                let straight = &straight;
                scope.spawn(move || (0..10).for_each(|n| straight.put("abc", &format!("{one}-{n}"), b"x").unwrap()));
            }
        });
        assert_eq!(std::fs::read_dir(folder.path().join("abc")).unwrap().count(), 160);
        let sub = straight.sub("gone");
        std::thread::scope(|scope| {
            let waiting: Vec<_> = (0..8).map(|_| scope.spawn(|| sub.sync().unwrap_err().kind())).collect();
            assert!(waiting.into_iter().all(|one| one.join().unwrap() == ErrorKind::NotFound));
        });
        std::fs::create_dir(folder.path().join("gone")).unwrap();
        sub.sync().unwrap();
    }
}
