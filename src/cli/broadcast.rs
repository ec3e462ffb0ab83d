//! `estafette broadcast`: a file of recipients, CSV or NDJSON.
//!
//! Invariant: the same command for the same file never makes a second broadcast that is sent, whatever interrupted the
//! first; `--again` asks for one.
mod memory;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;

use self::memory::{Begun, Call, Memory};
use super::Output;
use super::client::{Client, Target};

/// Bytes of the file in one piece of the request.
const PIECE: usize = 64 * 1024;
/// How often progress is asked for.
const LOOK: Duration = Duration::from_millis(250);
/// How long no row may move before it is no longer followed; and for how long a broker that does not answer is asked again.
const QUIET: Duration = Duration::from_secs(60);

/// What it is called with.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The id of the broadcast is remembered beside the file, in FILE.broadcast.json: after an interruption the same command goes on,
and a file that was sent is not sent again.

Examples:
  estafette broadcast recipients.csv --text \"Bonjour {{NAME}}\" --language fr
  estafette broadcast recipients.csv --text \"Rappel\" --window \"mon-fri 09:00-20:00\" --window \"sat 10:00-18:00\"
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
    /// urgent, normal or bulk
    #[arg(long)]
    priority: Option<String>,
    /// Send nothing before this time (RFC 3339)
    #[arg(long, value_name = "TIME")]
    not_before: Option<String>,
    /// Send nothing from this time on (RFC 3339)
    #[arg(long, value_name = "TIME")]
    valid_until: Option<String>,
    /// Send in these hours only, such as "mon-fri 09:00-20:00" or "22:00-06:00"; several times for several hours
    #[arg(long, value_name = "HOURS", value_parser = hours)]
    window: Vec<Value>,
    /// Time zone of the hours; that of Brussels when it is left out
    #[arg(long, value_name = "ZONE", requires = "window")]
    time_zone: Option<String>,
    /// Your own reference
    #[arg(long)]
    reference: Option<String>,
    /// Send to the good rows when some are bad, instead of refusing the file
    #[arg(long)]
    keep_good_rows: bool,
    /// Send the file once more, though this command sent it before
    #[arg(long)]
    again: bool,
    /// Return once it is started
    #[arg(long)]
    no_wait: bool,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// Reads hours of a window: days, which may be left out, and a span.
fn hours(text: &str) -> Result<Value, String> {
    const DAYS: [&str; 7] = estafette_actors::domain::window::Days::NAMES;
    let (days, span) = text.trim().rsplit_once(' ').unwrap_or(("", text.trim()));
    let (from, until) = span.split_once('-').ok_or("give hours as in \"mon-fri 09:00-20:00\"")?;
    let mut hours = json!({ "from": from, "until": until });
    let place = |day: &str| {
        let found = DAYS.iter().position(|known| day.trim().eq_ignore_ascii_case(known));
        found.ok_or("a day is mon, tue, wed, thu, fri, sat or sun")
    };
    let mut named = Vec::new();
    for part in days.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (place(first)?, place(last)?);
        let count = (last + DAYS.len() - first) % DAYS.len();
        named.extend((first..=first + count).map(|day| DAYS[day % DAYS.len()]));
    }
    if !named.is_empty() {
        hours["days"] = json!(named);
    }
    Ok(hours)
}

impl Arguments {
    /// What all recipients share, as the API takes it.
    fn terms(&self) -> anyhow::Result<Value> {
        let content = if let Some(file) = &self.content {
            let text = std::fs::read(file).with_context(|| format!("{} can't be read", file.display()))?;
            serde_json::from_slice(&text).with_context(|| format!("{} is not JSON", file.display()))?
        } else {
            let mut content = json!({});
            for (name, given) in [("title", &self.title), ("text", &self.text)] {
                if let Some(given) = given {
                    content[name] = json!({ self.language.as_str(): given });
                }
            }
            content
        };
        let mut terms = json!({ "strategy": self.strategy, "content": content });
        let given = [
            ("priority", &self.priority),
            ("not_before", &self.not_before),
            ("valid_until", &self.valid_until),
            ("sender_reference", &self.reference),
        ];
        for (name, given) in given {
            if let Some(given) = given {
                terms[name] = json!(given);
            }
        }
        if !self.window.is_empty() {
            terms["window"] = json!({ "hours": self.window });
            if let Some(zone) = &self.time_zone {
                terms["window"]["time_zone"] = json!(zone);
            }
        }
        Ok(terms)
    }
}

/// Runs it. Exit code 1 when rows were refused or some failed.
pub fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    super::block_on(async move {
        let client = Client::new(arguments.target.clone())?;
        let shown = arguments.file.display();
        let about = std::fs::metadata(&arguments.file).with_context(|| format!("{shown} can't be read"))?;
        if about.len() == 0 {
            bail!("{shown} is empty");
        }
        let call = Call::of(&arguments.target.api, arguments.terms()?, arguments.keep_good_rows, &about);
        let memory = Memory::beside(&arguments.file);
        let begun = begin(&client, &arguments, &memory, call).await?;
        let id = &begun.broadcast;
        let path = format!("/v1/broadcasts/{id}");
        let last = if arguments.no_wait { client.get(&path).await? } else { follow(&client, id, QUIET).await? };
        let filled = begun.filled.unwrap_or(Value::Null);
        print(&arguments, id, &filled, &last)?;
        let clean = filled["refused"].as_u64() == Some(0) && last["by_status"]["failed"].as_u64().unwrap_or(0) == 0;
        Ok(if clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    })
}

/// Gives a broadcast of the file that is started: the one that was begun before, or a new one.
async fn begin(client: &Client, arguments: &Arguments, memory: &Memory, call: Call) -> anyhow::Result<Begun> {
    if let Some(before) = memory.recall().filter(|before| before.call == call && !arguments.again)
        && let Some(found) = client.find(&format!("/v1/broadcasts/{}", before.broadcast)).await?
    {
        let id = &before.broadcast;
        match found["phase"].as_str().unwrap_or_default() {
            "draft" if before.filled.is_some() => {
                eprintln!("Goes on with broadcast {id}: it is uploaded.");
                return start(client, before).await;
            }
            "draft" => {
                // Rows may be there in part, and not every row has a key: nothing of it is ever sent.
                eprintln!("The upload of broadcast {id} was interrupted: the file is uploaded anew.");
                client.post(&format!("/v1/broadcasts/{id}/cancel"), &json!({})).await?;
            }
            // Its upload was refused.
            "cancelled" if before.filled.is_none() => {}
            "cancelled" => {
                bail!(
                    "this file was broadcast before, as {id}, and cancelled; --again sends it anew ({})",
                    memory.place()
                );
            }
            phase => {
                let how = if phase == "done" { "is done" } else { "goes on" };
                eprintln!("This file was broadcast before, as {id}, which {how}; --again would send it once more.");
                return Ok(before);
            }
        }
    }
    let created = client.post("/v1/broadcasts", &call.terms).await?;
    let broadcast = created["id"].as_str().context("the broker gave no id")?.to_owned();
    let mut begun = Begun { call, broadcast, filled: None };
    memory.keep(&begun)?;
    begun.filled = match upload(client, &begun.broadcast, arguments).await {
        Ok(filled) => Some(filled),
        Err(error) => {
            // A draft that nobody fills is of no use; when this is not heard either, the next call does it.
            let _ = client.post(&format!("/v1/broadcasts/{}/cancel", begun.broadcast), &json!({})).await;
            return Err(error);
        }
    };
    memory.keep(&begun)?;
    start(client, begun).await
}

/// Starts it, unless a start before was heard whose answer was lost.
async fn start(client: &Client, begun: Begun) -> anyhow::Result<Begun> {
    let path = format!("/v1/broadcasts/{}", begun.broadcast);
    if let Err(error) = client.post(&format!("{path}/start"), &json!({})).await {
        let now = client.get(&path).await.ok();
        let is_started = now.is_some_and(|now| matches!(now["phase"].as_str(), Some("started" | "paused" | "done")));
        if !is_started {
            return Err(error.context("the broadcast was not started; the same command tries again"));
        }
    }
    Ok(begun)
}

fn print(arguments: &Arguments, id: &str, filled: &Value, last: &Value) -> anyhow::Result<()> {
    if arguments.output == Output::Json {
        println!("{}", serde_json::to_string_pretty(&json!({ "filled": filled, "broadcast": last }))?);
        return Ok(());
    }
    println!("Broadcast  {id}");
    println!("Accepted   {}", filled["accepted"]);
    println!("Refused    {}", filled["refused"]);
    for (status, count) in last["by_status"].as_object().into_iter().flatten() {
        println!("{status:<10} {count}");
    }
    if let Some(at) = last["opens_at"].as_str() {
        println!("Opens at   {at}: the window is closed; the same command follows it again");
    }
    Ok(())
}

fn bar(total: u64, what: &str) -> anyhow::Result<ProgressBar> {
    let style = ProgressStyle::with_template("{msg:10} {bar:40} {human_pos}/{human_len} {elapsed} {prefix}")?;
    Ok(ProgressBar::new(total).with_style(style).with_message(what.to_owned()))
}

/// Streams the file, in constant memory.
async fn upload(client: &Client, id: &str, arguments: &Arguments) -> anyhow::Result<Value> {
    let shown = arguments.file.display().to_string();
    let file = tokio::fs::File::open(&arguments.file).await.with_context(|| format!("{shown} can't be opened"))?;
    let length = file.metadata().await?.len();
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

/// Follows a broadcast until no row waits, or none moved for `quiet`: receipts may take days. A broker that is away for less
/// than that is waited for.
pub async fn follow(client: &Client, id: &str, quiet: Duration) -> anyhow::Result<Value> {
    let path = format!("/v1/broadcasts/{id}");
    let mut last = client.get(&path).await?;
    let rows = last["rows"].as_u64().unwrap_or(0);
    let progress = bar(rows, "delivering")?;
    let mut still = Duration::ZERO;
    loop {
        let waiting = last["by_status"]["waiting"].as_u64().unwrap_or(0);
        progress.set_position(rows.saturating_sub(waiting));
        progress.set_prefix(pace(&last));
        if waiting == 0 || last["phase"] == "done" || last["phase"] == "cancelled" || still >= quiet {
            progress.finish_and_clear();
            return Ok(last);
        }
        tokio::time::sleep(LOOK).await;
        match client.get(&path).await {
            Ok(now) => {
                still = if now["by_status"] == last["by_status"] { still + LOOK } else { Duration::ZERO };
                last = now;
            }
            Err(_) if still < quiet => {
                still += LOOK;
                progress.set_message("no answer");
                continue;
            }
            Err(error) => return Err(error.context("the same command follows the broadcast again")),
        }
        progress.set_message("delivering");
    }
}

/// How fast it goes and when it ends, as the broker tells it.
fn pace(broadcast: &Value) -> String {
    if let Some(at) = broadcast["opens_at"].as_str() {
        return format!("the window opens at {at}");
    }
    if broadcast["phase"] == "paused" {
        return "paused".to_owned();
    }
    match (broadcast["per_second"].as_f64(), broadcast["expected_end"].as_str()) {
        (Some(rate), Some(end)) => format!("{rate:.0}/s, done at {end}"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_are_read_with_days_spans_of_days_and_none() {
        let named = |text| hours(text).unwrap()["days"].clone();
        assert_eq!(named("mon-wed,sat 09:00-20:00"), json!(["mon", "tue", "wed", "sat"]));
        assert_eq!(named("Fri-Mon 09:00-20:00"), json!(["fri", "sat", "sun", "mon"]));
        assert_eq!(hours("22:00-06:00").unwrap(), json!({"from": "22:00", "until": "06:00"}));
        for wrong in ["mon", "someday 09:00-20:00", "mon-fri 09:00", ""] {
            assert!(hours(wrong).is_err(), "{wrong}");
        }
    }
}
