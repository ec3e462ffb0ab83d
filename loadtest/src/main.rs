//! The command line: runs the simulators until they are interrupted.
//!
//! Owns nothing but the arguments. It must not decide anything that the library does not offer to a test.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context;
use clap::{Parser, Subcommand};
use estafette_loadtest::{Settings, Simulators};

/// Simulators of GovApp, RingRing and an e-Box provider.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the simulators until Ctrl-C.
    Simulate {
        /// Settings in TOML; those that are not given have their defaults.
        #[arg(long)]
        config: Option<PathBuf>,
        /// Where to listen, instead of what the settings say.
        #[arg(long)]
        address: Option<SocketAddr>,
    },
}

fn main() -> anyhow::Result<()> {
    let Command::Simulate { config, address } = Arguments::parse().command;
    let mut settings = match config {
        Some(path) => {
            let text = std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
            toml::from_str(&text).with_context(|| format!("understand {}", path.display()))?
        }
        None => Settings::default(),
    };
    if let Some(address) = address {
        settings.address = address;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let simulators = Simulators::start(settings).await?;
        eprintln!("simulators on http://{} (GET /sandbox, /stats, /ledger/sms)", simulators.address());
        tokio::signal::ctrl_c().await?;
        simulators.stop().await;
        Ok(())
    })
}
