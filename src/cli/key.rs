//! `estafette key`: bearer keys of institutions. Works beside a running broker, which sees a
//! change within a second.
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use estafette_actors::domain::cbe::Cbe;
use estafette_actors::domain::submission::Institution;
use estafette_actors::ports::{Clock, SystemClock};
use serde_json::json;

use super::Output;
use crate::config;
use crate::store::folder::DataFolder;
use crate::store::keys::{Key, Keys};

/// What it is called with.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  estafette key new --institution 0403019261 --name \"appointments\"
  estafette key list --output json
  estafette key revoke 4kq7x2ma")]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
    /// The configuration that names the data folder
    #[arg(long, global = true, value_name = "FILE", env = "ESTAFETTE_CONFIG")]
    config: Option<PathBuf>,
    /// The data folder, instead of the configuration's
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<PathBuf>,
    /// How to print
    #[arg(long, global = true, value_enum, default_value_t)]
    output: Output,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Make a key; it is shown this once and kept nowhere
    New {
        /// CBE number of the institution
        #[arg(long)]
        institution: String,
        /// What the key is for, for people
        #[arg(long)]
        name: String,
        /// A key that reaches the sandbox only
        #[arg(long)]
        test: bool,
    },
    /// List the keys, revoked ones too
    List,
    /// Refuse a key from now on
    Revoke {
        /// The key's id, as listed
        id: String,
    },
}

/// Runs it.
pub fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let folder = match arguments.data {
        Some(folder) => folder,
        None => config::load(arguments.config.as_deref(), std::env::vars())?.data_folder,
    };
    DataFolder::ensure(&folder)?;
    let keys = Keys::open(&folder)?;
    let now = SystemClock.now();
    match arguments.action {
        Action::New { institution, name, test } => {
            let cbe = Cbe::parse(&institution).context("--institution")?;
            let (id, secret) = keys.create(Institution(cbe), &name, test, now)?;
            match arguments.output {
                Output::Json => println!("{}", json!({ "id": id.as_str(), "key": secret })),
                Output::Text => {
                    println!("Id   {}", id.as_str());
                    println!("Key  {secret}");
                    println!("Keep it well: it is shown this once.");
                }
            }
        }
        Action::List => {
            let all = keys.list()?;
            match arguments.output {
                Output::Json => println!("{}", serde_json::Value::Array(all.iter().map(shown).collect())),
                Output::Text => all.iter().for_each(|key| {
                    let state = key.revoked_at.map_or_else(|| "valid".to_owned(), |at| format!("revoked {at}"));
                    let kind = if key.test { "test" } else { "live" };
                    println!(
                        "{}  {}  {kind}  {}  {}  {state}",
                        key.id.as_str(),
                        key.institution,
                        key.created_at,
                        key.name
                    );
                }),
            }
        }
        Action::Revoke { id } => {
            let key = keys.revoke(&id, now)?;
            match arguments.output {
                Output::Json => println!("{}", shown(&key)),
                Output::Text => println!("{} is revoked.", key.id.as_str()),
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn shown(key: &Key) -> serde_json::Value {
    json!({
        "id": key.id.as_str(),
        "institution": key.institution.to_string(),
        "name": &*key.name,
        "test": key.test,
        "created_at": key.created_at.to_string(),
        "revoked_at": key.revoked_at.map(|at| at.to_string()),
    })
}
