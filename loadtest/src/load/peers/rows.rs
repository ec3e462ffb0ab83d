//! The recipients of a broadcast, with two variables each or with the same text for all, as the bytes of an upload, made before the clock runs.
//!
//! Invariant: both forms hold the same rows, and no recipient comes twice below thirty million rows.

use std::fmt::Write as _;

use estafette_loadtest::mobile;

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// A JSON object a line.
    Ndjson,
    /// A header and a record a line.
    Csv,
}

/// The texts that the variables stand in, in French; they fit into one SMS.
pub const TEXT: &str =
    "Bonjour {{NAME}}, votre rendez-vous est le {{DAY}} a 10 h. Repondez STOP pour ne plus rien recevoir.";
/// A text that is the same for all.
pub const SHARED_TEXT: &str =
    "Bonjour, nos bureaux sont fermes le 2 janvier. Repondez STOP pour ne plus rien recevoir.";
const NAMES: [&str; 8] = ["Marie", "Luc", "Fatima", "Jan", "Sofie", "Ahmed", "Nathalie", "Pieter"];

impl Format {
    /// What `Content-Type` says.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Ndjson => "application/x-ndjson",
            Self::Csv => "text/csv",
        }
    }

    /// `count` rows of whom nothing is said but the language.
    pub fn shared_rows(self, count: u64) -> String {
        let mut rows = String::with_capacity(count as usize * 96);
        if self == Self::Csv {
            rows.push_str("key,mobile,language\n");
        }
        for row in 0..count {
            let mobile = mobile::generate(row);
            // A String takes all.
            let _ = match self {
                Self::Ndjson => {
                    writeln!(rows, r#"{{"key":"r{row:09}","recipient":{{"mobile":"{mobile}"}},"language":"fr"}}"#)
                }
                Self::Csv => writeln!(rows, "r{row:09},{mobile},fr"),
            };
        }
        rows
    }

    /// `count` rows with their variables.
    pub fn rows(self, count: u64) -> String {
        let mut rows = String::with_capacity(count as usize * 128);
        if self == Self::Csv {
            rows.push_str("key,mobile,language,var.NAME,var.DAY\n");
        }
        for row in 0..count {
            let (mobile, name) = (mobile::generate(row), NAMES[(row % 8) as usize]);
            let (day, month) = (row % 28 + 1, row % 12 + 1);
            // A String takes all.
            let _ = match self {
                Self::Ndjson => writeln!(
                    rows,
                    r#"{{"key":"r{row:09}","recipient":{{"mobile":"{mobile}"}},"language":"fr","variables":{{"NAME":"{name}","DAY":"{day:02}/{month:02}"}}}}"#
                ),
                Self::Csv => writeln!(rows, "r{row:09},{mobile},fr,{name},{day:02}/{month:02}"),
            };
        }
        rows
    }
}
