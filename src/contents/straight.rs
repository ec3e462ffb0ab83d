//! A small content written straight to its place in a folder.
//!
//! `object_store` writes to another name, syncs, renames and syncs the folder: two commits of the file system's journal, one after the
//! other. Here the file is made under its own name, so that the one that syncs it has its name too, and the folder's entry costs no more
//! than asking. Invariant: when it ends well, bytes and name are on disk. Until then nobody knows the name; what a kill leaves there is
//! needed by nobody, and swept.
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::path::Path;

/// Writes a content to `folder/sub/rest`, durably.
pub fn put(folder: &Path, sub: &str, rest: &str, bytes: &[u8]) -> io::Result<()> {
    let sub = folder.join(sub);
    let path = sub.join(rest);
    let file = match File::create_new(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            make(folder, &sub)?;
            File::create_new(&path)?
        }
        other => other?,
    };
    let written = write(file, &sub, bytes);
    if written.is_err() {
        // What stays is swept.
        let _ = std::fs::remove_file(&path);
    }
    written
}

fn write(mut file: File, sub: &Path, bytes: &[u8]) -> io::Result<()> {
    file.write_all(bytes)?;
    file.sync_all()?;
    File::open(sub)?.sync_all()
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
        put(folder.path(), "abc", "d", b"bytes").unwrap();
        put(folder.path(), "abc", "e", b"").unwrap();
        assert_eq!(std::fs::read(folder.path().join("abc/d")).unwrap(), b"bytes");
        assert_eq!(put(folder.path(), "abc", "d", b"other").unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(folder.path().join("abc/d")).unwrap(), b"bytes");
        let gone = folder.path().join("gone");
        assert_eq!(put(&gone, "abc", "d", b"").unwrap_err().kind(), ErrorKind::NotFound);
        assert!(!gone.exists());
    }
}
