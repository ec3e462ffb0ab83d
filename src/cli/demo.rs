//! `estafette demo`: broker and simulators in one process, over real sockets: a CSV goes out
//! through three channels, of which the e-Box is the program's own, and journal and ledgers are compared.
mod compare;
mod ledger;
mod mailbox;
mod people;
mod samples;
mod setup;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use estafette_actors::domain::channel::Channel;
use serde_json::json;

use super::Output;
use super::broadcast::follow;
use super::client::{Client, Target};
use compare::Asked;
use setup::Stage;

/// When nothing moves for so long, what still waits does so for a receipt that won't come soon:
/// of a mailbox that nobody opens, say.
const QUIET: Duration = Duration::from_secs(3);

/// The recipients that ship with the project.
const RECIPIENTS: &str = include_str!("../../config/demo-recipients.csv");

/// What it is called with.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  estafette demo
  estafette demo --recipients 5000 --exit
  estafette demo --port 0 --data ./demo-data")]
pub struct Arguments {
    /// So many recipients, with valid new numbers, instead of those that ship with the project
    #[arg(long)]
    recipients: Option<u64>,
    /// End after the comparison: 0 only when journal and ledgers agree
    #[arg(long)]
    exit: bool,
    /// 0 takes free ports; otherwise the API's port (the admin port and the simulators keep theirs)
    #[arg(long)]
    port: Option<u16>,
    /// Keep the journal here; otherwise a fresh folder is used and removed at the end
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// Runs it.
pub fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    super::block_on(play(arguments))
}

async fn play(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let fresh = match &arguments.data {
        Some(_) => None,
        None => Some(tempfile::tempdir().context("no folder for the demo's data")?),
    };
    let folder = match (&arguments.data, &fresh) {
        (Some(folder), _) => folder.clone(),
        (None, Some(fresh)) => fresh.path().join("data"),
        (None, None) => anyhow::bail!("no data folder"),
    };
    let stage = Box::pin(Stage::set(&folder, arguments.port)).await?;
    let client = Client::new(Target { api: stage.api.clone(), key: stage.key.clone() })?;
    let csv = match arguments.recipients {
        Some(count) => {
            let mut csv = Vec::new();
            // Another seed each time, so that a kept journal gets new recipients.
            let seed = stage.broker().now().millis();
            estafette_loadtest::recipients::write_csv(count, seed, &mut csv)?;
            String::from_utf8(csv).context("the generator wrote no text")?
        }
        None => RECIPIENTS.to_owned(),
    };
    let (citizens, mailboxes) = split(&csv);
    let mailboxes = mailbox::rows(&mailboxes, &stage.people);
    let holders = mailbox::of_rows(&mailboxes)?;
    mailbox::activate_most(&stage.home, &holders).await?;
    let aloud = arguments.output == Output::Text;
    if aloud {
        println!(
            "Sending to {} recipients, of which {} over the e-Box first.",
            lines(&citizens) + lines(&mailboxes),
            lines(&mailboxes)
        );
    }
    let mut asked = Vec::new();
    let parts: [(_, _, &'static [Channel]); 2] =
        [("govapp-first", citizens, &[Channel::GOVAPP, Channel::SMS]), ("ebox-first", mailboxes, &[Channel::EBOX])];
    for (strategy, rows, channels) in parts {
        let count = lines(&rows);
        if count == 0 {
            continue;
        }
        let content = if strategy == "ebox-first" { notice() } else { reminder() };
        let created = client.post("/v1/broadcasts", &json!({ "strategy": strategy, "content": content })).await?;
        let id = created["id"].as_str().context("the broker gave no id")?.to_owned();
        let path = format!("/v1/broadcasts/{id}/recipients");
        let upload = client.request(reqwest::Method::PUT, &path).header("Content-Type", "text/csv").body(rows);
        client.json(upload).await?;
        client.post(&format!("/v1/broadcasts/{id}/start"), &json!({})).await?;
        asked.push(Asked { broadcast: id, rows: count, channels });
    }
    for part in &asked {
        follow(&client, &part.broadcast, QUIET).await?;
    }
    mailbox::read_some(&stage.home, &holders).await?;
    let verdict = compare::compare(&stage, &asked, aloud).await?;
    if !aloud {
        let addresses = (!arguments.exit)
            .then(|| json!({ "api": stage.api, "admin": stage.admin, "ledgers": stage.ledgers, "key": stage.key, "mailbox": format!("{}/mailbox", stage.api) }));
        let broadcasts: Vec<&str> = asked.iter().map(|part| part.broadcast.as_str()).collect();
        super::print_json(&json!({ "broadcasts": broadcasts, "verdict": verdict, "running": addresses }))?;
    }
    if arguments.exit {
        Box::pin(stage.strike()).await;
        return Ok(if verdict.agree { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    if aloud {
        invite(&stage);
    }
    let mut signals = super::Signals::listen()?;
    let stop = signals.until_told(stage.running()).await;
    Box::pin(stage.strike_as(&mut signals, stop)).await;
    Ok(ExitCode::SUCCESS)
}

/// What goes to each by name.
fn reminder() -> serde_json::Value {
    json!({
        "title": { "fr": "Rappel", "nl": "Herinnering", "de": "Erinnerung", "en": "Reminder" },
        "text": {
            "fr": "Bonjour {{NAME}}, votre rendez-vous est demain à 10 h.",
            "nl": "Dag {{NAME}}, uw afspraak is morgen om 10 uur.",
            "de": "Guten Tag {{NAME}}, Ihr Termin ist morgen um 10 Uhr.",
            "en": "Hello {{NAME}}, your appointment is tomorrow at 10.",
        },
    })
}

/// What is the same for all: one document in all mailboxes.
fn notice() -> serde_json::Value {
    json!({
        "title": {
            "fr": "De nouvelles heures d’ouverture",
            "nl": "Nieuwe openingsuren",
            "de": "Neue Öffnungszeiten",
            "en": "New opening hours",
        },
        "text": {
            "fr": "À partir du 1er janvier, nos guichets sont ouverts de 8 h 30 à 17 h.",
            "nl": "Vanaf 1 januari zijn onze loketten open van 8.30 tot 17 uur.",
            "de": "Ab dem 1. Januar sind unsere Schalter von 8.30 bis 17 Uhr geöffnet.",
            "en": "From 1 January on our desks are open from 8:30 to 17:00.",
        },
    })
}

/// What to try while it runs.
fn invite(stage: &Stage) {
    println!();
    println!("API      {}", stage.api);
    println!("Admin    {}", stage.admin);
    println!("Docs     {}/docs", stage.api);
    println!("Ledgers  {}", stage.ledgers);
    println!("Key      {}", stage.key);
    println!("Mailbox  {}/mailbox", stage.api);
    println!();
    println!("Sign in on the mailbox's page as one of these; nobody has a password:");
    for person in mailbox::who(&stage.people) {
        println!("  {person}");
    }
    let (host, port) = stage.admin.rsplit_once(':').unwrap_or((&stage.admin, "7070"));
    println!();
    println!("Try, in another terminal:");
    println!("  estafette send --api {} --key {} --mobile 0470123456 --text Bonjour", stage.api, stage.key);
    println!("  curl -H 'Authorization: Bearer {}' {}/v1/strategies", stage.key, stage.api);
    println!("  redis-cli -h {host} -p {port} CHANNELS");
    println!("Ctrl-C ends it.");
}

fn lines(csv: &str) -> usize {
    csv.lines().count().saturating_sub(1)
}

/// Every row with a CBE number and each tenth with a NISS go to the e-Box first.
fn split(csv: &str) -> (String, String) {
    let mut rows = csv.lines();
    let header = rows.next().unwrap_or_default();
    let (mut citizens, mut mailboxes) = (format!("{header}\n"), format!("{header}\n"));
    let mut nisses = 0_u32;
    for row in rows {
        let mut fields = row.split(',').skip(1);
        let (niss, _mobile, cbe) = (fields.next().unwrap_or(""), fields.next(), fields.next().unwrap_or(""));
        nisses += u32::from(!niss.is_empty());
        let mailbox = !cbe.is_empty() || (!niss.is_empty() && nisses.is_multiple_of(10));
        let part = if mailbox { &mut mailboxes } else { &mut citizens };
        part.push_str(row);
        part.push('\n');
    }
    (citizens, mailboxes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_recipients_that_ship_are_split_without_losing_any() {
        let (citizens, mailboxes) = split(RECIPIENTS);
        assert_eq!(lines(&citizens) + lines(&mailboxes), lines(RECIPIENTS));
        assert!(lines(&citizens) > 0 && lines(&mailboxes) > 0);
    }
}
