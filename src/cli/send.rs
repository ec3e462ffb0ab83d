//! `estafette send`: one message, and what became of it.
use std::process::ExitCode;

use anyhow::Context;
use serde_json::{Value, json};

use super::Output;
use super::client::{Client, Target};

/// What it is called with.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  estafette send --mobile 0470123456 --text \"Votre rendez-vous est demain à 10 h\"
  estafette send --mobile 0470123456 --strategy govapp-only --text \"Votre dossier ...\" --encrypt
  estafette send --niss 85073003328 --strategy ebox-first --title Avis --text \"...\" --wait 0 --output json")]
pub struct Arguments {
    #[command(flatten)]
    target: Target,
    /// Mobile number of the recipient
    #[arg(long)]
    mobile: Option<String>,
    /// NISS of the recipient
    #[arg(long)]
    niss: Option<String>,
    /// CBE number of the recipient
    #[arg(long)]
    cbe: Option<String>,
    /// Strategy
    #[arg(long, default_value = "govapp-first")]
    strategy: String,
    /// Text
    #[arg(long)]
    text: Option<String>,
    /// Title
    #[arg(long)]
    title: Option<String>,
    /// Encrypt the text end to end for the recipient's devices on GovApp: the broker can't read it
    #[arg(long, requires = "text")]
    encrypt: bool,
    /// With --encrypt: a text in clear for the other channels of the strategy
    #[arg(long, requires = "encrypt")]
    fallback: Option<String>,
    /// Language of the text: fr, nl, de or en
    #[arg(long, default_value = "fr")]
    language: String,
    /// urgent, normal or bulk
    #[arg(long, default_value = "normal")]
    priority: String,
    /// Seconds to wait for the channel's answer; 0 returns once it is accepted
    #[arg(long, default_value_t = 10)]
    wait: u8,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// Runs it. Exit code 1 when the message failed.
pub fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    super::block_on(async move {
        let client = Client::new(arguments.target)?;
        let mut recipient = serde_json::Map::new();
        for (name, given) in [("mobile", arguments.mobile), ("niss", arguments.niss), ("cbe", arguments.cbe)] {
            if let Some(given) = given {
                recipient.insert(name.to_owned(), Value::String(given));
            }
        }
        let mut content = serde_json::Map::new();
        let mut text = arguments.text;
        if arguments.encrypt {
            let plain = json!({ arguments.language.as_str(): text }).to_string();
            let who = [("mobile", recipient.get("mobile")), ("niss", recipient.get("niss"))];
            let who = who.into_iter().find_map(|(name, given)| Some(format!("{name}:{}", given?.as_str()?)));
            let who = who.context("only citizens have GovApp: give --mobile or --niss")?;
            let receivers = client.request(reqwest::Method::GET, "/v1/recipients/receivers");
            let receivers = client.json(receivers.query(&[("recipient", who)])).await?;
            content.insert("encrypted".to_owned(), super::seal::for_receivers(plain.as_bytes(), &receivers)?.into());
            text = arguments.fallback;
        }
        for (name, given) in [("title", arguments.title), ("text", text)] {
            if let Some(given) = given {
                content.insert(name.to_owned(), json!({ arguments.language.as_str(): given }));
            }
        }
        let body = json!({
            "recipient": recipient,
            "strategy": arguments.strategy,
            "content": content,
            "priority": arguments.priority,
        });
        let prefer = match arguments.wait {
            0 => "respond-async".to_owned(),
            seconds => format!("wait={seconds}"),
        };
        let request = client.request(reqwest::Method::POST, "/v1/messages").header("Prefer", prefer).json(&body);
        let answer = client.json(request).await?;
        super::status::print_message(&answer, arguments.output)?;
        let failed = matches!(answer["status"].as_str(), Some("failed" | "expired"));
        Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    })
}
