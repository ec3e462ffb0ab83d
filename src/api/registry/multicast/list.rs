//! A list of recipients: a CSV with the columns `enterpriseNumber` and `ssin`, one of which each line fills in.
//!
//! Invariant: memory holds a batch and a piece of the list, whatever its length; what is wrong with a line names the column and never
//! the number.
use std::io::{self, BufRead, Read};

use bytes::{Buf, Bytes};
use csv::ByteRecord;
use estafette_actors::domain::cbe::Cbe;
use estafette_actors::domain::mailbox::MailboxId;
use estafette_actors::domain::niss::Niss;
use jiff::civil::Date;
use tokio::sync::mpsc;

use crate::api::records::{MAX_RECORD, Records};

/// Lines of a batch at most, as many as one call links.
pub const BATCH: usize = estafette_actors::domain::mailbox::document::LINKS;
/// What the header has to say.
const HEADER: &str = "the list begins with a header: enterpriseNumber, ssin or both";

/// The bytes of a list, for a thread that waits for them.
pub struct Pieces {
    pieces: mpsc::Receiver<io::Result<Bytes>>,
    piece: Bytes,
}

impl Pieces {
    /// As they come.
    pub fn new(pieces: mpsc::Receiver<io::Result<Bytes>>) -> Self {
        Self { pieces, piece: Bytes::new() }
    }
}

impl Read for Pieces {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let there = self.fill_buf()?;
        let length = there.len().min(out.len());
        out[..length].copy_from_slice(&there[..length]);
        self.consume(length);
        Ok(length)
    }
}

impl BufRead for Pieces {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.piece.is_empty()
            && let Some(piece) = self.pieces.blocking_recv()
        {
            self.piece = piece?;
        }
        Ok(&self.piece)
    }

    fn consume(&mut self, length: usize) {
        self.piece.advance(length);
    }
}

/// Some lines of a list.
#[derive(Debug, Default)]
pub struct Batch {
    /// Lines in it.
    pub lines: u64,
    /// Recipients; one may be there twice.
    pub recipients: Vec<(u64, MailboxId)>,
    /// Lines that are none, and why.
    pub wrong: Vec<(u64, Box<str>)>,
}

/// Why a list is not worked through.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is no list.
    #[error("{0}")]
    Form(String),
    /// It can't be read just now.
    #[error("the list can't be read: {0}")]
    Read(#[from] io::Error),
}

/// Where the numbers are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Columns {
    enterprise: Option<usize>,
    ssin: Option<usize>,
    count: usize,
}

fn columns(header: &ByteRecord) -> Result<Columns, String> {
    let mut columns = Columns { count: header.len(), ..Columns::default() };
    for (place, name) in header.iter().enumerate() {
        // Spreadsheets begin UTF-8 with a mark.
        let name = std::str::from_utf8(name).unwrap_or_default().trim_start_matches('\u{feff}').trim();
        let column = match name {
            "enterpriseNumber" => &mut columns.enterprise,
            "ssin" => &mut columns.ssin,
            _ => return Err(format!("column {} is neither: {HEADER}", place + 1)),
        };
        if column.replace(place).is_some() {
            return Err(format!("a column is there twice: {HEADER}"));
        }
    }
    if columns.enterprise.or(columns.ssin).is_none() { Err(HEADER.to_owned()) } else { Ok(columns) }
}

fn recipient(record: &ByteRecord, columns: Columns, today: Date) -> Result<MailboxId, String> {
    if record.len() != columns.count {
        return Err(format!("has {} columns, and the header {}", record.len(), columns.count));
    }
    let field = |place: Option<usize>| {
        let text =
            std::str::from_utf8(place.and_then(|place| record.get(place)).unwrap_or_default()).unwrap_or("?").trim();
        if text.is_empty() { None } else { Some(text) }
    };
    match (field(columns.enterprise), field(columns.ssin)) {
        (Some(number), None) => {
            Cbe::parse(number).map(MailboxId::Enterprise).map_err(|error| format!("enterpriseNumber: {error}"))
        }
        (None, Some(number)) => {
            Niss::parse(number, today).map(MailboxId::Citizen).map_err(|error| format!("ssin: {error}"))
        }
        (None, None) => Err("has no number: give one".to_owned()),
        (Some(_), Some(_)) => Err("has two numbers: give one".to_owned()),
    }
}

/// Reads a list behind the first `skip` lines, batch by batch, as long as `take` wants more. More than `most` lines are no list.
pub fn read(
    input: impl BufRead,
    skip: u64,
    most: u64,
    today: Date,
    mut take: impl FnMut(Batch) -> bool,
) -> Result<(), Error> {
    let mut records = Records::of(input);
    let mut record = ByteRecord::new();
    match records.next(&mut record)? {
        Some(first) if !first.is_too_long => {}
        _ => return Err(Error::Form(HEADER.to_owned())),
    }
    let columns = columns(&record).map_err(Error::Form)?;
    let (mut batch, mut lines) = (Batch::default(), 0);
    while let Some(found) = records.next(&mut record)? {
        lines += 1;
        if lines > most {
            return Err(Error::Form(format!("the list has more than {most} lines: send it in parts")));
        }
        if lines <= skip {
            continue;
        }
        batch.lines += 1;
        let read = if found.is_too_long {
            Err(format!("has more than {MAX_RECORD} bytes: check the quotation marks"))
        } else {
            recipient(&record, columns, today)
        };
        match read {
            Ok(recipient) => batch.recipients.push((found.line, recipient)),
            Err(detail) => batch.wrong.push((found.line, detail.into())),
        }
        if batch.lines as usize == BATCH && !take(std::mem::take(&mut batch)) {
            return Ok(());
        }
    }
    if batch.lines > 0 {
        take(batch);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TODAY: Date = Date::constant(2026, 11, 28);

    fn all(text: &str, skip: u64) -> Result<Vec<Batch>, Error> {
        let mut batches = Vec::new();
        read(text.as_bytes(), skip, 2_500, TODAY, |batch| {
            batches.push(batch);
            true
        })?;
        Ok(batches)
    }

    #[test]
    fn lines_are_recipients_or_say_why_not_without_the_number() {
        let text = "\u{feff}ssin,enterpriseNumber\r\n85073003328,\r\n,0206731645\r\n85073003329,\r\n,\r\n1,2\r\nx\r\n";
        let batches = all(text, 0).unwrap();
        assert_eq!((batches.len(), batches[0].lines, batches[0].recipients.len()), (1, 6, 2));
        assert_eq!(batches[0].recipients[1].0, 3);
        let wrong: Vec<_> = batches[0].wrong.iter().map(|(line, _)| *line).collect();
        assert_eq!(wrong, [4, 5, 6, 7]);
        assert!(batches[0].wrong.iter().all(|(_, detail)| !detail.contains("8507300332")));
        let rest = all(text, 2).unwrap();
        assert_eq!((rest[0].lines, rest[0].recipients.len()), (4, 0));
    }

    #[test]
    fn a_list_comes_in_batches_and_not_without_end() {
        let lines = |count| format!("ssin\n{}", "85073003328\n".repeat(count));
        let batches = all(&lines(2_500), 0).unwrap();
        assert_eq!(batches.iter().map(|batch| batch.lines).collect::<Vec<_>>(), [1_000, 1_000, 500]);
        assert!(matches!(all(&lines(2_501), 0), Err(Error::Form(_))));
    }

    #[test]
    fn what_begins_otherwise_is_no_list() {
        for wrong in ["", "85073003328\n", "ssin,ssin\n", "ssin,name\n", "\"", "\u{0}\u{1}"] {
            assert!(matches!(all(wrong, 0), Err(Error::Form(_))), "{wrong:?}");
        }
    }
}
