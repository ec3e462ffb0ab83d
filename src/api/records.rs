//! The records of a CSV, one at a time in bounded memory.
//!
//! Invariant: no more than [`MAX_RECORD`] bytes of a record are ever held, however long the input
//! makes it: one stray quote would otherwise make the rest of an upload one field.
use std::io::{self, BufRead};

use csv::ByteRecord;
use csv_core::{ReadRecordResult, Reader};

/// Bytes of a record at most: more is no row.
pub const MAX_RECORD: usize = 64 * 1024;
/// Fields that room is made for at first; a record has no more than it has bytes.
const FIELDS: usize = 64;

/// A record, and where it began.
#[derive(Debug)]
pub struct Found {
    /// The line on which it began, from 1.
    pub line: u64,
    /// Whether it was longer than [`MAX_RECORD`]: then its fields are not there, and it was passed over.
    pub is_too_long: bool,
}

/// Reads records.
pub struct Records<R> {
    input: R,
    reader: Reader,
    bytes: Vec<u8>,
    ends: Vec<usize>,
    /// Line ends before a record, which the reader was not given.
    passed: u64,
}

impl<R: BufRead> Records<R> {
    /// Of a CSV with commas and double quotes.
    pub fn of(input: R) -> Self {
        Self { input, reader: Reader::new(), bytes: vec![0; MAX_RECORD], ends: vec![0; FIELDS], passed: 0 }
    }

    /// Puts the next record into `record`; nothing at the end of the input.
    pub fn next(&mut self, record: &mut ByteRecord) -> io::Result<Option<Found>> {
        record.clear();
        self.pass_over_line_ends()?;
        let line = self.reader.line() + self.passed;
        let (mut written, mut fields, mut is_too_long) = (0, 0, false);
        loop {
            let available = self.input.fill_buf()?;
            let (result, read, wrote, ended) =
                self.reader.read_record(available, &mut self.bytes[written..], &mut self.ends[fields..]);
            self.input.consume(read);
            written += wrote;
            fields += ended;
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => {
                    // The room is used again for what nobody wants any more.
                    (written, is_too_long) = (0, true);
                }
                ReadRecordResult::OutputEndsFull if is_too_long || self.ends.len() > MAX_RECORD => {
                    (fields, is_too_long) = (0, true);
                }
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                ReadRecordResult::Record => break,
                ReadRecordResult::End => return Ok(None),
            }
        }
        if !is_too_long {
            let mut start = 0;
            for end in &self.ends[..fields] {
                record.push_field(&self.bytes[start..*end]);
                start = *end;
            }
        }
        Ok(Some(Found { line, is_too_long }))
    }

    /// The reader would count empty lines before a record as part of it.
    fn pass_over_line_ends(&mut self) -> io::Result<()> {
        loop {
            let available = self.input.fill_buf()?;
            let ends = available.iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
            let (count, lines) =
                ends.fold((0, 0), |(count, lines), byte| (count + 1, lines + u64::from(*byte == b'\n')));
            let is_over = count < available.len() || available.is_empty();
            self.input.consume(count);
            self.passed += lines;
            if is_over {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Cursor, Read};

    use super::*;

    /// Each record as its line and its fields, or as too long.
    fn all(input: impl Read) -> Vec<(u64, Option<Vec<String>>)> {
        // A small buffer, so that records are cut at every place.
        let mut records = Records::of(BufReader::with_capacity(7, input));
        let (mut record, mut found) = (ByteRecord::new(), Vec::new());
        while let Some(next) = records.next(&mut record).unwrap() {
            let fields = || record.iter().map(|field| String::from_utf8_lossy(field).into_owned()).collect();
            found.push((next.line, (!next.is_too_long).then(fields)));
        }
        let held = records.bytes.capacity();
        assert_eq!(held, MAX_RECORD, "{held} bytes were held for one record");
        found
    }

    fn fields(list: &[&str]) -> Vec<String> {
        list.iter().map(|field| (*field).to_owned()).collect()
    }

    #[test]
    fn a_stray_quote_exhausts_no_memory_and_is_told_with_the_line_where_it_began() {
        let head = Cursor::new("key,mobile\n\nk1,\"0470\n".as_bytes());
        let endless = head.chain(std::io::repeat(b'7').take(16 * MAX_RECORD as u64));
        assert_eq!(all(endless), [(1, Some(fields(&["key", "mobile"]))), (3, None)]);
    }

    #[test]
    fn what_follows_a_record_that_is_too_long_is_read_under_its_own_line() {
        let long = format!("a\n\"{}\n\"\nb\n{}\nc\n", "x".repeat(MAX_RECORD), ",".repeat(3 * MAX_RECORD));
        let found = all(Cursor::new(long));
        assert_eq!(
            found,
            [(1, Some(fields(&["a"]))), (2, None), (4, Some(fields(&["b"]))), (5, None), (6, Some(fields(&["c"])))]
        );
    }

    #[test]
    fn records_are_the_same_as_the_csv_crate_reads_them() {
        let wide = format!("{}\nend", "y,".repeat(3_000));
        for text in ["", "\n\n", "a,b\r\nc,\"d\"\"e\r\nf\"\r\n\r\ng", "\u{feff}a,b\n,\n", "a\n\"", "a,\n\n\nb", &wide] {
            let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(Cursor::new(text));
            let expected: Vec<Option<Vec<String>>> =
                reader.records().map(|record| Some(record.unwrap().iter().map(str::to_owned).collect())).collect();
            let found: Vec<_> = all(Cursor::new(text)).into_iter().map(|(_, fields)| fields).collect();
            assert_eq!(found, expected, "{text:?}");
        }
    }
}
