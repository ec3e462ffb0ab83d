//! Small files that are replaced whole.
//!
//! Invariant: after a crash at any instant a reader finds the old content or the new, never a part; once [`replace`]
//! has returned, it finds the new. Files are readable by their owner only.
//! It must not be used for what grows: each change writes everything.
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Ends the name of a file that is being written. One left by a crash means nothing and is overwritten.
pub const UNFINISHED: &str = ".new";

/// Replaces a file with `bytes`. Whoever may do so at the same time holds a lock of his own.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let unfinished = unfinished(path);
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&unfinished, path)?;
    sync_folder_of(path)
}

/// Makes the names in the folder of `path` durable: a file's own sync does not cover its name.
pub fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(UNFINISHED);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replaced_file_is_whole_and_what_a_crash_left_does_not_matter() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("small");
        std::fs::write(unfinished(&path), "half of something longer than what is written next").unwrap();
        replace(&path, b"one").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"one");
        replace(&path, b"two").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert!(!unfinished(&path).exists(), "nothing is left behind");
    }
}
