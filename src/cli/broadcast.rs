//! `estafette broadcast`: a file of recipients, CSV or NDJSON.
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;

use super::Output;
use super::client::{Client, Target};

/// Bytes of the file in one piece of the request.
const PIECE: usize = 64 * 1024;
/// How often progress is asked for.
const LOOK: Duration = Duration::from_millis(250);

/// What it is called with.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  estafette broadcast recipients.csv --text \"Bonjour {{NAME}}\" --language fr
  estafette broadcast recipients.ndjson --content content.json --strategy ebox-first --keep-good-rows")]
pub struct Arguments {
    /// CSV (key,niss,mobile,cbe,language,var.NAME...) or, ending in .ndjson or .jsonl, NDJSON
    file: PathBuf,
    #[command(flatten)]
    target: Target,
    /// Strategy
    #[arg(long, default_value = "govapp-first")]
    strategy: String,
    /// Text, with {{NAME}} where a variable goes
    #[arg(long, conflicts_with = "content")]
    text: Option<String>,
    /// Title
    #[arg(long, conflicts_with = "content")]
    title: Option<String>,
    /// Language of text and title
    #[arg(long, default_value = "fr")]
    language: String,
    /// The content as a JSON file: {"title": {"fr": ..}, "text": {..}, "html": {..}}
    #[arg(long, value_name = "FILE")]
    content: Option<PathBuf>,
    /// Send to the good rows when some are bad, instead of refusing the file
    #[arg(long)]
    keep_good_rows: bool,
    /// Return once it is started
    #[arg(long)]
    no_wait: bool,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// Runs it. Exit code 1 when rows were refused or some failed.
pub fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    super::block_on(async move {
        let client = Client::new(arguments.target.clone())?;
        let content = if let Some(file) = &arguments.content {
            let text = std::fs::read(file).with_context(|| format!("{} can't be read", file.display()))?;
            serde_json::from_slice(&text).with_context(|| format!("{} is not JSON", file.display()))?
        } else {
            let mut content = json!({});
            for (name, given) in [("title", &arguments.title), ("text", &arguments.text)] {
                if let Some(given) = given {
                    content[name] = json!({ arguments.language.as_str(): given });
                }
            }
            content
        };
        let created =
            client.post("/v1/broadcasts", &json!({ "strategy": arguments.strategy, "content": content })).await?;
        let id = created["id"].as_str().context("the broker gave no id")?.to_owned();
        let filled = upload(&client, &id, &arguments).await?;
        client.post(&format!("/v1/broadcasts/{id}/start"), &json!({})).await?;
        let last = if arguments.no_wait {
            client.get(&format!("/v1/broadcasts/{id}")).await?
        } else {
            follow(&client, &id, Duration::from_secs(60)).await?
        };
        match arguments.output {
            Output::Json => {
                println!("{}", serde_json::to_string_pretty(&json!({ "filled": filled, "broadcast": last }))?);
            }
            Output::Text => {
                println!("Broadcast  {id}");
                println!("Accepted   {}", filled["accepted"]);
                println!("Refused    {}", filled["refused"]);
                for (status, count) in last["by_status"].as_object().into_iter().flatten() {
                    println!("{status:<10} {count}");
                }
            }
        }
        let clean = filled["refused"].as_u64() == Some(0) && last["by_status"]["failed"].as_u64().unwrap_or(0) == 0;
        Ok(if clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    })
}

fn bar(total: u64, what: &str) -> anyhow::Result<ProgressBar> {
    let style = ProgressStyle::with_template("{msg:10} {bar:40} {human_pos}/{human_len} {elapsed} ({eta} left)")?;
    Ok(ProgressBar::new(total).with_style(style).with_message(what.to_owned()))
}

/// Streams the file, in constant memory.
async fn upload(client: &Client, id: &str, arguments: &Arguments) -> anyhow::Result<Value> {
    let shown = arguments.file.display().to_string();
    let file = tokio::fs::File::open(&arguments.file).await.with_context(|| format!("{shown} can't be opened"))?;
    let length = file.metadata().await?.len();
    if length == 0 {
        bail!("{shown} is empty");
    }
    let name = arguments.file.extension().and_then(|name| name.to_str()).unwrap_or_default();
    let kind = if matches!(name, "ndjson" | "jsonl") { "application/x-ndjson" } else { "text/csv" };
    let progress = bar(length, "uploading")?;
    let counted = progress.clone();
    let pieces = futures_util::stream::try_unfold(file, move |mut file| {
        let progress = counted.clone();
        async move {
            let mut piece = vec![0; PIECE];
            let read = file.read(&mut piece).await?;
            piece.truncate(read);
            progress.inc(read as u64);
            Ok::<_, std::io::Error>((read > 0).then_some((bytes::Bytes::from(piece), file)))
        }
    });
    let on_error = if arguments.keep_good_rows { "keep" } else { "refuse" };
    let path = format!("/v1/broadcasts/{id}/recipients?on_error={on_error}");
    let request = client.request(reqwest::Method::PUT, &path).header("Content-Type", kind);
    let filled = client.json(request.body(reqwest::Body::wrap_stream(pieces))).await?;
    progress.finish_and_clear();
    Ok(filled)
}

/// Follows a broadcast until no row waits, or none moved for `quiet`: receipts may take days.
pub async fn follow(client: &Client, id: &str, quiet: Duration) -> anyhow::Result<Value> {
    let path = format!("/v1/broadcasts/{id}");
    let mut last = client.get(&path).await?;
    let rows = last["rows"].as_u64().unwrap_or(0);
    let progress = bar(rows, "delivering")?;
    let mut still = Duration::ZERO;
    loop {
        let waiting = last["by_status"]["waiting"].as_u64().unwrap_or(0);
        progress.set_position(rows.saturating_sub(waiting));
        if waiting == 0 || last["phase"] == "done" || last["phase"] == "cancelled" || still >= quiet {
            progress.finish_and_clear();
            return Ok(last);
        }
        tokio::time::sleep(LOOK).await;
        let now = client.get(&path).await?;
        still = if now["by_status"] == last["by_status"] { still + LOOK } else { Duration::ZERO };
        last = now;
    }
}
