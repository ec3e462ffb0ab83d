//! `estafette simulate`: the simulators by themselves.
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use estafette_loadtest::{Settings, Simulators};
use serde_json::json;

use super::Output;

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
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    output: Output,
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
        let at = |path: &str| format!("http://{address}/{path}");
        let smsc = simulators.smsc_address();
        match arguments.output {
            Output::Json => super::print_json(&json!({
                "govapp": at("govapp"),
                "sms": at("ringring"),
                "smpp": smsc.map(|smsc| smsc.to_string()),
                "ebox": at("ebox"),
                "sign_in": at("openid"),
                "ledgers": at("ledger"),
            }))?,
            Output::Text => {
                println!("GovApp   {}", at("govapp"));
                println!("SMS      {}", at("ringring"));
                if let Some(smsc) = smsc {
                    println!("SMPP     {smsc} (estafette, sandbox)");
                }
                println!("e-Box    {}", at("ebox"));
                println!("Sign-in  {} (OpenID Connect)", at("openid"));
                println!("Ledgers  {}", at("ledger"));
            }
        }
        super::Signals::listen()?.until_stopped().await;
        simulators.stop().await;
        Ok(ExitCode::SUCCESS)
    })
}
