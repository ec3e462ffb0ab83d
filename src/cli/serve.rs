//! `estafette serve`: the broker.
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;

use crate::app::{Configured, Running, listen};
use crate::{config, telemetry};

/// What it is called with.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  estafette serve --config config/estafette.toml
  ESTAFETTE__HTTP__ADDRESS=127.0.0.1:8081 estafette serve")]
pub struct Arguments {
    /// The configuration; without it the defaults hold
    #[arg(long, value_name = "FILE", env = "ESTAFETTE_CONFIG")]
    config: Option<PathBuf>,
}

/// Runs until it is stopped.
pub fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let source = config::Source { path: arguments.config, environment: std::env::vars().collect() };
    let (config, mut configured) = Configured::load(&source)?;
    telemetry::start_log(&config.log);
    configured.faces.source = Some((source, config.keys.clone()));
    let http = listen("the API", &config.http.address.to_string())?;
    let admin = listen("the admin port", &config.admin.address.to_string())?;
    super::block_on(async move {
        let mut signals = super::Signals::listen()?;
        let running = Running::start(configured.blueprint, configured.faces, http, admin)
            .await
            .context("the broker does not start")?;
        println!("API    http://{}", running.http);
        println!("Admin  {}", running.admin);
        let stop = signals.until_told(&running).await;
        signals.stop(running, stop).await;
        Ok(ExitCode::SUCCESS)
    })
}
