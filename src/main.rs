//! The command `estafette`: see [`estafette::cli`].
use std::process::ExitCode;

use clap::Parser;

/// Messages are made on one thread and dropped on another, for which this allocator is made.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    estafette::cli::Cli::parse().run()
}
