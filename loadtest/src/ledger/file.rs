//! A ledger on disk: one line an entry, so that what was taken survives a simulator that is killed.
//!
//! Invariant: a line is handed to the operating system before the sender gets its answer. There is no fsync: the file outlives the process, not
//! the machine. A line that was cut off is skipped on reading, and counted.

use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;

use anyhow::Context;

use super::Outcome;
use super::book::{Book, Fact};
use crate::addressee::Addressee;

/// at, device, steps, until, outcome, recipient, reference.
type Line = (u64, u8, [u32; 3], u32, Outcome, String, String);

/// The open file of one channel.
pub(crate) struct LedgerFile {
    file: File,
    buffer: String,
}

impl LedgerFile {
    /// Reads what is there into `book`, and appends from then on.
    pub(crate) fn open(path: &Path, book: &mut Book) -> anyhow::Result<Self> {
        let context = || format!("open the ledger {}: check ledger_dir", path.display());
        let file = OpenOptions::new().create(true).read(true).append(true).open(path).with_context(context)?;
        let (mut cut, mut ends_in_line) = (0_u64, true);
        let (mut reader, mut line) = (BufReader::new(&file), Vec::new());
        while reader.read_until(b'\n', &mut line).with_context(context)? > 0 {
            ends_in_line = line.ends_with(b"\n");
            let entry = serde_json::from_slice::<Line>(&line).ok();
            match entry.and_then(|entry| Some((Addressee::parse(&entry.5)?, entry))) {
                Some((addressee, (at_ms, device, steps, until_s, outcome, _, reference))) => {
                    book.record(Fact { reference: &reference, addressee, device, at_ms, outcome, steps, until_s });
                }
                None => cut += 1,
            }
            line.clear();
        }
        if cut > 0 {
            tracing::warn!(cut, "skipped unreadable lines of a ledger");
        }
        let buffer = if ends_in_line { String::new() } else { "\n".into() };
        Ok(Self { file, buffer })
    }

    /// Adds a line to what the next [`Self::flush`] writes.
    pub(crate) fn push(&mut self, fact: &Fact<'_>) {
        let [a, b, c] = fact.steps;
        let reference = serde_json::Value::from(fact.reference);
        let outcome = serde_json::json!(fact.outcome);
        let (at_ms, device, until_s, addressee) = (fact.at_ms, fact.device, fact.until_s, fact.addressee);
        let written =
            writeln!(self.buffer, "[{at_ms},{device},[{a},{b},{c}],{until_s},{outcome},\"{addressee}\",{reference}]");
        debug_assert!(written.is_ok(), "a String takes all");
    }

    /// Hands the lines to the operating system.
    pub(crate) fn flush(&mut self) -> std::io::Result<()> {
        self.file.write_all(self.buffer.as_bytes())?;
        self.buffer.clear();
        Ok(())
    }

    /// Empties the file.
    pub(crate) fn clear(&mut self) -> std::io::Result<()> {
        self.buffer.clear();
        self.file.set_len(0)
    }
}
