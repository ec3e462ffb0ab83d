//! The e-Box over HTTP: durable publications beside plain files, a large file up and down, and the pages beside a bare answer.
//!
//! The broker is the run's own, with mailboxes on; people sign in at the simulated provider. All documents are made up.

use std::path::PathBuf;

use anyhow::{Context, ensure};
use estafette_loadtest::simulators::{OpenIdSettings, SamplePerson};
use estafette_loadtest::{Settings, Simulators, niss};
use serde_json::json;

use super::broker::{Own, Plan, Program};
use super::peer::Connection;
use super::request;

mod browser;
mod document;
mod large;
mod pages;
mod plain;
mod publish;

/// The type of what is published.
const TYPE: &str = "load";
/// People who sign in.
const PEOPLE: usize = 32;

/// One part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// Publications, each durable before its answer.
    Publish,
    /// A file of 100 MiB, up and down.
    Large,
    /// The list and the message on the pages.
    Pages,
}

/// What is asked on the command line.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    program: Program,
    /// Bytes of a document, 1000 to 1000000.
    #[arg(long, default_value_t = 50_000)]
    bytes: usize,
    /// Keys of the broker's configuration, such as "mailbox.cache_mib = 256".
    #[arg(long, value_name = "TOML", default_value = "")]
    config: String,
    /// This part only.
    #[arg(long, value_enum)]
    only: Option<Part>,
    /// Runs as the plain side, in this folder, until it is killed: what a run starts beside the broker.
    #[arg(long, value_name = "DIR", hide = true)]
    plain: Option<PathBuf>,
    #[command(flatten)]
    asked: Asked,
}

/// How it is measured.
#[derive(Debug, clap::Args)]
struct Asked {
    /// Length of a round.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Rounds of each side.
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Kept connections.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Prints a line of JSON for each measurement instead.
    #[arg(long)]
    json: bool,
}

/// Measures, and prints.
pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    if let Some(folder) = &arguments.plain {
        return plain::serve(folder);
    }
    let asked = &arguments.asked;
    ensure!(asked.rounds > 0 && asked.seconds > 0 && asked.connections > 0, "give at least 1 of each");
    ensure!((1_000..=1_000_000).contains(&arguments.bytes), "--bytes: give 1000 to 1000000");
    let does = |part| arguments.only.is_none_or(|only| only == part);
    let person =
        |place| SamplePerson { niss: niss::generate(place), name: format!("Sample {place}"), enterprises: vec![] };
    let people: Vec<SamplePerson> = (0..PEOPLE as u64).map(person).collect();
    let mut settings = Settings::default();
    settings.address.set_port(0);
    settings.openid = OpenIdSettings { people: people.clone(), ..settings.openid };
    let simulators = Simulators::start(settings.clone()).await?;
    let sign_in = toml::Table::from_iter([
        ("issuer".to_owned(), format!("http://{}/openid", simulators.address()).into()),
        ("client_id".to_owned(), settings.openid.client_id.clone().into()),
        ("client_secret".to_owned(), settings.openid.client_secret.clone().unwrap_or_default().into()),
    ]);
    let mut config: toml::Table = toml::from_str(&arguments.config).context("--config: give keys as in TOML")?;
    let mailbox = config.entry("mailbox").or_insert_with(|| toml::Table::new().into());
    let mailbox = mailbox.as_table_mut().context("--config: mailbox is a table")?;
    mailbox.insert("enabled".into(), true.into());
    mailbox.insert("sign_in".into(), sign_in.into());
    let plan = Plan { operators: true, config, ..Plan::default() };
    let mut own = Own::prepare(&arguments.program, &simulators, &settings, &plan)?;
    own.start()?;
    own.ready().await?;
    define(&own, &people).await?;
    // First, so that nothing else has used memory before.
    if does(Part::Large) {
        large::run(asked.json, &own, &people).await?;
    }
    if does(Part::Publish) {
        publish::run(asked, &arguments.program, &own, arguments.bytes).await?;
    }
    if does(Part::Pages) {
        pages::run(asked, &own, &people).await?;
    }
    own.still_there()?;
    own.kill()?;
    simulators.stop().await;
    Ok(())
}

/// A message type, and the mailboxes of those who sign in.
async fn define(own: &Own, people: &[SamplePerson]) -> anyhow::Result<()> {
    let mut connection = Connection::open(own.api).await?;
    let mut put = async |path: &str, body: serde_json::Value| {
        let body = body.to_string();
        let mut asked = request::put(own.api, path, &own.key, "application/json", body.len());
        asked.extend(body.bytes());
        let status = connection.exchange(&asked).await?;
        ensure!(status == 200, "{path} was answered with {status}: {}", String::from_utf8_lossy(connection.body()));
        Ok(())
    };
    let names = json!({"fr": "Charge", "nl": "Last", "de": "Last", "en": "Load"});
    put(&format!("/v1/mailbox/types/{TYPE}"), json!({"names": names, "validity": {"number": 1, "unit": "year"}}))
        .await?;
    for person in people {
        let id = json!({"eboxType": "citizen", "eboxIdValue": person.niss});
        put("/v1/mailbox/boxes", json!({"ebox_id": id, "active": true, "preferences": {"language": "fr"}})).await?;
    }
    Ok(())
}
