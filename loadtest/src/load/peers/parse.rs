//! The raw limit of an upload: parsing its lines and nothing else, on one core.
//!
//! Invariant: a line becomes borrowed texts of known names, in both forms, which is the least that parsing can mean. Nothing is checked, copied or kept.

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::Context;
use serde::Deserialize;

use super::rows::Format;

#[derive(Deserialize)]
struct Line<'a> {
    key: &'a str,
    #[serde(borrow)]
    recipient: Recipient<'a>,
    language: &'a str,
    #[serde(borrow)]
    variables: Variables<'a>,
}

#[derive(Deserialize)]
struct Recipient<'a> {
    mobile: &'a str,
}

#[derive(Deserialize)]
#[serde(rename_all = "UPPERCASE")]
struct Variables<'a> {
    name: &'a str,
    day: &'a str,
}

#[derive(Deserialize)]
struct Record<'a> {
    key: &'a str,
    mobile: &'a str,
    language: &'a str,
    #[serde(rename = "var.NAME")]
    name: &'a str,
    #[serde(rename = "var.DAY")]
    day: &'a str,
}

/// Parses all rows; how many there were, and how long it took.
pub fn alone(format: Format, rows: &str) -> anyhow::Result<(u64, Duration)> {
    let begun = Instant::now();
    let count = match format {
        Format::Ndjson => lines(rows.as_bytes())?,
        Format::Csv => records(rows.as_bytes())?,
    };
    Ok((count, begun.elapsed()))
}

fn lines(rows: &[u8]) -> anyhow::Result<u64> {
    let mut count = 0;
    for line in serde_json::Deserializer::from_slice(rows).into_iter::<Line<'_>>() {
        let Line { key, recipient, language, variables } = line.context("parse the rows")?;
        black_box((key, recipient.mobile, language, variables.name, variables.day));
        count += 1;
    }
    Ok(count)
}

fn records(rows: &[u8]) -> anyhow::Result<u64> {
    let mut reader = csv::ReaderBuilder::new().buffer_capacity(1 << 16).from_reader(rows);
    let header = reader.byte_headers()?.clone();
    let (mut record, mut count) = (csv::ByteRecord::new(), 0);
    while reader.read_byte_record(&mut record).context("parse the rows")? {
        let Record { key, mobile, language, name, day } =
            record.deserialize(Some(&header)).context("parse the rows")?;
        black_box((key, mobile, language, name, day));
        count += 1;
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_have_each_row_and_a_broken_one_gives_no_figure() {
        for format in [Format::Ndjson, Format::Csv] {
            let rows = format.rows(1_000);
            assert_eq!(alone(format, &rows).unwrap().0, 1_000, "{format:?}");
            assert!(alone(format, &rows.replacen("r000000500", "\"r\"x\",5,", 1)).is_err(), "{format:?}");
        }
    }
}
