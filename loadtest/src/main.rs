//! The command line: runs the simulators until they are interrupted, or the load that measures a broker.
//!
//! Owns nothing but the arguments. It must not decide anything that the library does not offer to a test.

mod load;

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context;
use clap::{Parser, Subcommand};
use estafette_loadtest::{Settings, Simulators};

/// Simulators of GovApp, RingRing and an e-Box provider, and the load that measures a broker.
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
    /// Runs a scenario from a TOML file (docs/load-harness.md), and reports it as JSON and as an HTML page.
    Run(load::run::Arguments),
    /// Puts two runs on one HTML page, from their JSON reports.
    Compare(load::run::Compared),
    /// Measures durable accept beside a bare handler with one row of redb for each request.
    Accept(load::accept::Arguments),
    /// Measures waiting submissions at a steady rate beside the channel alone.
    Waiting(load::waiting::Arguments),
    /// Measures a restart after SIGKILL in the middle of a large broadcast.
    Restart(load::restart::Arguments),
    /// Measures a broker with a long history (made by the example `history` of package `estafette`) beside one without.
    History(load::history::Arguments),
    /// Measures callbacks while messages travel, over a kill too, beside a bare loop that calls the same endpoint.
    Callbacks(load::callbacks::Arguments),
    /// Measures the register over HTTP: its filling, consultations beside a bare answer, single inscriptions, a restart.
    Register(load::register::Arguments),
    /// Measures the e-Box over HTTP: durable publications beside plain files, large files, pages.
    Mailbox(load::mailbox::Arguments),
    /// Measures a broadcast: its upload beside parsing alone, or all the way to a channel beside a bare loop.
    Broadcast(load::peers::broadcast::Arguments),
    /// Measures single submissions through to SMPP, by this broker or by Kannel.
    Through(load::peers::through::Arguments),
    /// Measures publishing to a NATS JetStream server that runs.
    Nats(load::peers::nats::Arguments),
}

/// As the broker's, so that neither side of a figure has it alone.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> anyhow::Result<()> {
    // reqwest is built without a provider of its own. Nobody installed another before.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match Arguments::parse().command {
        Command::Simulate { config, address } => simulate(&runtime, config, address),
        Command::Run(arguments) => runtime.block_on(load::run::run(arguments)),
        Command::Compare(arguments) => load::run::compare(&arguments),
        Command::Accept(arguments) => runtime.block_on(load::accept::run(arguments)),
        Command::Waiting(arguments) => runtime.block_on(load::waiting::run(arguments)),
        Command::Restart(arguments) => runtime.block_on(load::restart::run(arguments)),
        Command::History(arguments) => runtime.block_on(load::history::run(arguments)),
        Command::Callbacks(arguments) => runtime.block_on(load::callbacks::run(arguments)),
        Command::Register(arguments) => runtime.block_on(load::register::run(arguments)),
        Command::Mailbox(arguments) => runtime.block_on(load::mailbox::run(arguments)),
        Command::Broadcast(arguments) => runtime.block_on(load::peers::broadcast::run(arguments)),
        Command::Through(arguments) => runtime.block_on(load::peers::through::run(arguments)),
        Command::Nats(arguments) => runtime.block_on(load::peers::nats::run(arguments)),
    }
}

fn simulate(
    runtime: &tokio::runtime::Runtime,
    config: Option<PathBuf>,
    address: Option<SocketAddr>,
) -> anyhow::Result<()> {
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
    runtime.block_on(async {
        let simulators = Simulators::start(settings).await?;
        eprintln!("simulators on http://{} (GET /sandbox, /stats, /ledger/sms)", simulators.address());
        tokio::signal::ctrl_c().await?;
        simulators.stop().await;
        Ok(())
    })
}
