//! `estafette journal`: what lies in the journal, whether it can be read, backups and their restoring.
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use serde_json::Value;

use super::Output;
use super::admin::Port;
use crate::store::{backup, folder, verify};

/// What it is called with.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Without --data a running broker is asked over its admin port; with it a folder that nobody serves is read.

Examples:
  estafette journal stats
  estafette journal verify --data data
  estafette journal backup before-the-upgrade
  estafette journal restore backups/before-the-upgrade --data data")]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Show the journal's segments and what is in them
    Stats(Where),
    /// Read all of the journal; exit code 1 when something can't be read
    Verify(Where),
    /// Let a running broker make a backup in its folder of backups
    Backup {
        /// The backup's name
        name: String,
        #[command(flatten)]
        port: Port,
    },
    /// Make a data folder of a backup, after every file was held against its digest
    Restore {
        /// The backup's folder
        backup: PathBuf,
        /// The data folder to make: new or empty
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
    },
}

#[derive(Debug, clap::Args)]
struct Where {
    /// A data folder that nobody serves
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    #[command(flatten)]
    port: Port,
    /// How it is printed
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

impl Where {
    fn read<T: serde::Serialize>(
        &self,
        words: &[&str],
        stopped: impl FnOnce(&Path) -> Result<T, crate::store::Error>,
    ) -> anyhow::Result<Value> {
        let Some(data) = &self.data else { return self.port.ask(words) };
        match stopped(data) {
            Ok(told) => Ok(serde_json::to_value(told)?),
            Err(crate::store::Error::Folder(error @ folder::Error::Locked(_))) => {
                Err(error).context("leave --data out to ask the broker that runs on it")
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// Runs it.
pub fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    match arguments.what {
        What::Stats(at) => {
            let told = at.read(&["JOURNAL", "STATS"], verify::stats_of)?;
            match at.output {
                Output::Json => println!("{}", serde_json::to_string_pretty(&told)?),
                Output::Text => print_stats(&told),
            }
        }
        What::Verify(at) => {
            let told = at.read(&["JOURNAL", "VERIFY"], verify::verify_of)?;
            let wrong = told["wrong"].as_u64().unwrap_or(1);
            match at.output {
                Output::Json => println!("{}", serde_json::to_string_pretty(&told)?),
                Output::Text => {
                    let count = |name: &str| told[name].as_u64().unwrap_or_default();
                    println!(
                        "{} segments, {} values of the feed with {} facts, {} records: {wrong} can't be read.",
                        count("segments"),
                        count("values"),
                        count("facts"),
                        count("records")
                    );
                    for line in told["told"].as_array().into_iter().flatten() {
                        println!("  {}", line.as_str().unwrap_or_default());
                    }
                }
            }
            if wrong > 0 {
                return Ok(ExitCode::FAILURE);
            }
        }
        What::Backup { name, port } => {
            let told = port.ask(&["BACKUP", &name])?;
            let count = |name: &str| told[name].as_u64().unwrap_or_default();
            println!(
                "{name}: {} files, {} bytes, up to position {}.",
                count("files"),
                count("bytes"),
                count("position")
            );
        }
        What::Restore { backup, data } => {
            let made = backup::restore(&backup, &data)?;
            println!(
                "{} holds the journal up to position {}, as of {}. The first start makes states and indexes anew.",
                data.display(),
                made.position,
                made.begun_at
            );
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn print_stats(told: &Value) {
    let mut table = comfy_table::Table::new();
    table.load_preset(comfy_table::presets::NOTHING);
    let columns = [
        "number",
        "begun_at",
        "first_position",
        "last_position",
        "values",
        "messages",
        "broadcasts",
        "chunks",
        "bytes",
    ];
    table.set_header(columns);
    for segment in told.as_array().into_iter().flatten() {
        table.add_row(columns.map(|column| match &segment[column] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        }));
    }
    println!("{table}");
}
