//! What is remembered of a file that is being broadcast, beside the file: the same command goes on where it was interrupted, and
//! sends nothing twice. It holds no key, and of recipients nothing.
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use anyhow::Context;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What makes two calls the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// The broker.
    pub api: String,
    /// What all recipients share.
    pub terms: Value,
    /// Whether good rows are sent when others are bad.
    pub keep_good_rows: bool,
    /// Bytes of the file,
    pub bytes: u64,
    /// and when it was changed last, in milliseconds since 1970.
    pub changed_ms: u64,
}

/// A broadcast that was created for a call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Begun {
    /// For which call.
    pub call: Call,
    /// Its id.
    pub broadcast: String,
    /// What the upload was answered, once it was: before that the rows may be there in part.
    pub filled: Option<Value>,
}

/// Where it is remembered.
pub struct Memory(PathBuf);

impl Memory {
    /// Beside a file.
    pub fn beside(file: &Path) -> Self {
        let mut name = file.file_name().unwrap_or_default().to_owned();
        name.push(".broadcast.json");
        Self(file.with_file_name(name))
    }

    /// What is remembered, if it can be read.
    pub fn recall(&self) -> Option<Begun> {
        serde_json::from_slice(&std::fs::read(&self.0).ok()?).ok()
    }

    /// Remembers, in place of what was remembered before.
    pub fn keep(&self, begun: &Begun) -> anyhow::Result<()> {
        let shown = self.0.display();
        let folder = self.0.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let write = || -> std::io::Result<()> {
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            serde_json::to_writer_pretty(&mut file, begun)?;
            file.as_file().sync_all()?;
            file.persist(&self.0)?;
            Ok(())
        };
        write().with_context(|| format!("{shown} can't be written: without it the same command would send twice"))
    }

    /// Where, for people.
    pub fn place(&self) -> std::path::Display<'_> {
        self.0.display()
    }
}

impl Call {
    /// Of a file, as it is now.
    pub fn of(api: &str, terms: Value, keep_good_rows: bool, about: &std::fs::Metadata) -> Self {
        let changed = about.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        Self {
            api: api.to_owned(),
            terms,
            keep_good_rows,
            bytes: about.len(),
            changed_ms: changed.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_kept_is_recalled_and_what_is_broken_is_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("rows.csv");
        std::fs::write(&file, "mobile\n").unwrap();
        let memory = Memory::beside(&file);
        assert_eq!(memory.recall(), None);
        let call = Call::of("http://x", json!({"strategy": "all"}), false, &file.metadata().unwrap());
        let mut begun = Begun { call, broadcast: "b".to_owned(), filled: None };
        memory.keep(&begun).unwrap();
        begun.filled = Some(json!({"accepted": 1}));
        memory.keep(&begun).unwrap();
        assert_eq!(memory.recall(), Some(begun));
        std::fs::write(folder.path().join("rows.csv.broadcast.json"), "{").unwrap();
        assert_eq!(memory.recall(), None);
    }
}
