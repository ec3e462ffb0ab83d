//! `estafette simulate`: the simulators by themselves.
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use estafette_loadtest::{Settings, Simulators};

/// What it is called with.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example: estafette simulate --address 127.0.0.1:9090 --config simulators.toml")]
pub struct Arguments {
    /// Where to listen; port 0 takes a free one
    #[arg(long)]
    address: Option<SocketAddr>,
    /// Where the SMSC listens for SMPP; without it port 2775, or a free one where --address has port 0
    #[arg(long)]
    smsc: Option<SocketAddr>,
    /// Faults, latencies and receipts, as TOML
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Another seed gives another run; the same one repeats it
    #[arg(long)]
    seed: Option<u64>,
}

/// Runs until it is stopped.
pub fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    use figment::providers::Format as _;
    let mut settings = match &arguments.config {
        Some(file) => figment::Figment::from(figment::providers::Toml::file_exact(file))
            .extract::<Settings>()
            .with_context(|| format!("{}: the settings can't be used", file.display()))?,
        None => Settings::default(),
    };
    settings.address = arguments.address.unwrap_or(settings.address);
    settings.seed = arguments.seed.unwrap_or(settings.seed);
    let usual = SocketAddr::new(settings.address.ip(), if settings.address.port() == 0 { 0 } else { 2775 });
    settings.smsc.address = arguments.smsc.or(settings.smsc.address).or(Some(usual));
    super::block_on(async move {
        let simulators = Simulators::start(settings).await?;
        let address = simulators.address();
        println!("GovApp   http://{address}/govapp");
        println!("SMS      http://{address}/ringring");
        if let Some(smsc) = simulators.smsc_address() {
            println!("SMPP     {smsc} (estafette, sandbox)");
        }
        println!("e-Box    http://{address}/ebox");
        println!("Ledgers  http://{address}/ledger");
        super::Signals::listen()?.until_stopped().await;
        simulators.stop().await;
        Ok(ExitCode::SUCCESS)
    })
}
