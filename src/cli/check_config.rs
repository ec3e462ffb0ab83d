//! `estafette check-config`: all that is wrong with a configuration, at once.
use std::path::PathBuf;
use std::process::ExitCode;

use crate::app::Configured;
use crate::config;

/// What it is called with.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example: estafette check-config config/estafette.toml")]
pub struct Arguments {
    /// The file
    file: PathBuf,
}

/// Runs it. Exit code 1 when something is wrong.
pub fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let source = config::Source { path: Some(arguments.file.clone()), environment: std::env::vars().collect() };
    Configured::load(&source)?;
    println!("{} is in order.", arguments.file.display());
    Ok(ExitCode::SUCCESS)
}
