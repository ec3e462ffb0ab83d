//! What `estafette register` is called with.
use std::path::PathBuf;

use clap::Subcommand;

use crate::cli::Output;
use crate::cli::client::Target;

/// What it is called with.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  estafette register types define PENSIONER type.json
  estafette register inscribe - --type PENSIONER --begin 2026-01-01 < niss.txt
  estafette register import rows.csv --keep-good-rows
  estafette register mutations fetch 41 --to mutations-41.xml")]
pub struct Arguments {
    #[command(flatten)]
    pub target: Target,
    /// Legal context in which it is done, 1 to 64 visible characters; where the operator gave a default it may be left out
    #[arg(long, env = "ESTAFETTE_LEGAL_CONTEXT", global = true)]
    pub legal_context: Option<String>,
    /// How to print
    #[arg(long, value_enum, default_value_t, global = true)]
    pub output: Output,
    #[command(subcommand)]
    pub what: What,
}

/// What is to be done.
#[derive(Debug, Subcommand)]
pub enum What {
    /// List and define dossier types
    #[command(subcommand)]
    Types(Types),
    /// Inscribe a person in a role for a period
    Inscribe(Inscribe),
    /// Remove a person's rows of a type, or the days of a period
    Remove(Remove),
    /// Rows of a person, of a type, of a period, or on a day
    Consult(Consult),
    /// Inscribe a file of rows, CSV or NDJSON
    Import(Import),
    /// Write rows to a file, CSV or NDJSON
    Export(Export),
    /// Search persons by name as it sounds
    Search(Search),
    /// What the authentic source knows of a number
    Lookup {
        /// NISS; - for standard input
        #[arg(default_value = "-", hide_default_value = true)]
        niss: String,
    },
    /// The authentic source that is kept here (the operator's)
    #[command(subcommand)]
    Persons(Persons),
    /// Files of what changed about the persons in the register
    #[command(subcommand)]
    Mutations(Mutations),
    /// What was asked and changed, in which legal context
    Audit(Audit),
    /// How many rows there are, by type
    Counts,
}

/// About dossier types.
#[derive(Debug, Subcommand)]
pub enum Types {
    /// All types
    List,
    /// Define a type, or change it
    Define {
        /// Its code
        code: String,
        /// JSON: {"names": {"fr": .., "nl": .., "de": .., "en": ..}, "valid_from": .., "rights": [{"partner": .., "consult": true}]}
        file: PathBuf,
    },
}

/// A period.
#[derive(Debug, clap::Args)]
pub struct Days {
    /// First day, YYYY-MM-DD
    #[arg(long, value_name = "DAY")]
    pub begin: Option<String>,
    /// Last day
    #[arg(long, value_name = "DAY")]
    pub end: Option<String>,
}

/// What is said of a person.
#[derive(Debug, clap::Args)]
pub struct Claim {
    /// Surname
    #[arg(long)]
    pub surname: Option<String>,
    /// Given names
    #[arg(long)]
    pub given_names: Option<String>,
    /// Birth date, YYYY-MM-DD, YYYY-MM or YYYY
    #[arg(long, value_name = "DATE")]
    pub birth_date: Option<String>,
    /// female or male
    #[arg(long)]
    pub sex: Option<String>,
}

/// What is inscribed.
#[derive(Debug, clap::Args)]
pub struct Inscribe {
    /// NISS; - for standard input
    #[arg(default_value = "-", hide_default_value = true)]
    pub niss: String,
    /// Dossier type
    #[arg(long = "type", value_name = "CODE")]
    pub code: String,
    #[command(flatten)]
    pub days: Days,
    #[command(flatten)]
    pub person: Claim,
}

/// What is removed.
#[derive(Debug, clap::Args)]
pub struct Remove {
    /// NISS; - for standard input
    #[arg(default_value = "-", hide_default_value = true)]
    pub niss: String,
    /// Dossier type
    #[arg(long = "type", value_name = "CODE")]
    pub code: String,
    #[command(flatten)]
    pub days: Days,
    /// Remove all rows, when neither --begin nor --end is given
    #[arg(long)]
    pub all: bool,
}

/// Which rows are asked for.
#[derive(Debug, clap::Args)]
pub struct Consult {
    /// NISS; - for standard input; rows of all persons when it is left out
    pub niss: Option<String>,
    /// Dossier type
    #[arg(long = "type", value_name = "CODE")]
    pub code: Option<String>,
    #[command(flatten)]
    pub days: Days,
    /// Rows that hold on this day
    #[arg(long, value_name = "DAY", conflicts_with_all = ["begin", "end"])]
    pub on: Option<String>,
    /// CBE number of another institution whose rows you may consult
    #[arg(long, value_name = "CBE", requires = "code")]
    pub owner: Option<String>,
}

/// A file of rows.
#[derive(Debug, clap::Args)]
pub struct Import {
    /// CSV (niss,type,begin,end,surname,given_names,birth_date,sex) or, ending in .ndjson or .jsonl, NDJSON
    pub file: PathBuf,
    /// Inscribe the good rows when some are bad, instead of refusing the file
    #[arg(long)]
    pub keep_good_rows: bool,
    /// Don't look numbers up at the authentic source (the operator's)
    #[arg(long)]
    pub trust_persons: bool,
}

/// Which rows are written, and where.
#[derive(Debug, clap::Args)]
pub struct Export {
    /// File to write, CSV or, ending in .ndjson or .jsonl, NDJSON; - for CSV on standard output
    #[arg(default_value = "-", hide_default_value = true)]
    pub file: PathBuf,
    /// Dossier type
    #[arg(long = "type", value_name = "CODE")]
    pub code: Option<String>,
    #[command(flatten)]
    pub days: Days,
    /// Rows that hold on this day
    #[arg(long, value_name = "DAY", conflicts_with_all = ["begin", "end"])]
    pub on: Option<String>,
}

/// Whom to look for.
#[derive(Debug, clap::Args)]
pub struct Search {
    /// Surname
    pub surname: String,
    /// Given names
    #[arg(long)]
    pub given_names: Option<String>,
    /// Birth date, YYYY-MM-DD, YYYY-MM or YYYY
    #[arg(long, value_name = "DATE")]
    pub birth_date: Option<String>,
    /// female or male
    #[arg(long)]
    pub sex: Option<String>,
    /// Years by which the birth date may be off
    #[arg(long)]
    pub years: Option<u8>,
    /// So many at most
    #[arg(long)]
    pub limit: Option<u8>,
}

/// About the authentic source.
#[derive(Debug, Subcommand)]
pub enum Persons {
    /// Tell of a file of persons: CSV (niss,surname,given_names,birth_date,sex,language,deceased,replaced_by,cancelled) or NDJSON
    Import {
        /// The file
        file: PathBuf,
        /// Take the good lines when some are bad, instead of refusing the file
        #[arg(long)]
        keep_good_rows: bool,
        /// The first filling, several times as fast: the file is sorted by niss, nobody is told, and whoever is known is the same
        #[arg(long)]
        first: bool,
    },
}

/// About files of mutations.
#[derive(Debug, Subcommand)]
pub enum Mutations {
    /// The vouchers of the files
    List {
        /// Only files after this number
        #[arg(long, default_value_t = 0)]
        after: u64,
    },
    /// Fetch a file: the XML exactly, checked against its voucher
    Fetch {
        /// Number of the file
        sequence: u64,
        /// Where to write it; standard output when it is left out
        #[arg(long, value_name = "FILE")]
        to: Option<PathBuf>,
    },
    /// Confirm a file
    Confirm {
        /// Number of the file
        sequence: u64,
    },
}

/// Which lines of the trail.
#[derive(Debug, clap::Args)]
pub struct Audit {
    /// Only after this place
    #[arg(long, default_value_t = 0)]
    pub after: u64,
    /// Only what was done so, such as inscribe or consult
    #[arg(long)]
    pub deed: Option<String>,
    /// Only about this dossier type
    #[arg(long = "type", value_name = "CODE")]
    pub code: Option<String>,
    /// So many lines at most
    #[arg(long, default_value_t = 100)]
    pub limit: usize,
}
