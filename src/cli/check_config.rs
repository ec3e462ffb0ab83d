//! `estafette check-config`: all that is wrong with a configuration, at once.
use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::json;

use super::Output;
use crate::app::Configured;
use crate::config;

/// What it is called with.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example: estafette check-config config/estafette.toml")]
pub struct Arguments {
    /// The file
    file: PathBuf,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// Runs it. Exit code 1 when something is wrong.
pub fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let source = config::Source { path: Some(arguments.file.clone()), environment: std::env::vars().collect() };
    match (Configured::load(&source), arguments.output) {
        (Ok(_), Output::Text) => println!("{} is in order.", arguments.file.display()),
        (Ok(_), Output::Json) => super::print_json(&json!({ "in_order": true, "mistakes": [] }))?,
        (Err(config::Error::Mistakes(mistakes)), Output::Json) => {
            super::print_json(&json!({ "in_order": false, "mistakes": mistakes }))?;
            return Ok(ExitCode::FAILURE);
        }
        (Err(error), _) => return Err(error.into()),
    }
    Ok(ExitCode::SUCCESS)
}
