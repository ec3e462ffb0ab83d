//! The command `estafette`: see [`estafette::cli`].
use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    estafette::cli::Cli::parse().run()
}
