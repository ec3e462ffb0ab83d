//! `estafette status`: where a message or a broadcast stands.
use std::process::ExitCode;

use serde_json::Value;

use super::Output;
use super::client::{Client, Target};

/// What it is called with.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example: estafette status 01939f3a-7c1e-7000-8000-000000000001")]
pub struct Arguments {
    /// Id of a message or of a broadcast
    id: String,
    #[command(flatten)]
    target: Target,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// Runs it. Exit code 1 when the id is not known.
pub fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    super::block_on(async move {
        let client = Client::new(arguments.target)?;
        let broadcast = arguments.id.parse::<estafette_actors::domain::id::BroadcastId>().is_ok();
        if broadcast {
            let answer = client.get(&format!("/v1/broadcasts/{}", arguments.id)).await?;
            print_broadcast(&answer, arguments.output)?;
        } else {
            let answer = client.get(&format!("/v1/messages/{}", arguments.id)).await?;
            print_message(&answer, arguments.output)?;
        }
        Ok(ExitCode::SUCCESS)
    })
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or("-").to_owned()
}

/// Prints a broadcast as the API answers it.
fn print_broadcast(answer: &Value, output: Output) -> anyhow::Result<()> {
    if output == Output::Json {
        return super::print_json(answer);
    }
    println!("Id          {}", text(&answer["id"]));
    println!("Phase       {}", text(&answer["phase"]));
    println!("Strategy    {}", text(&answer["strategy"]));
    println!("Recipients  {}", answer["rows"]);
    for (status, count) in answer["by_status"].as_object().into_iter().flatten() {
        println!("{status:<11} {count}");
    }
    for (name, shown) in [("opens_at", "Opens at"), ("per_second", "A second"), ("expected_end", "Done at")] {
        match &answer[name] {
            Value::Null => {}
            Value::String(told) => println!("{shown:<11} {told}"),
            told => println!("{shown:<11} {told}"),
        }
    }
    Ok(())
}

/// Prints a message as the API answers it.
pub fn print_message(answer: &Value, output: Output) -> anyhow::Result<()> {
    if output == Output::Json {
        return super::print_json(answer);
    }
    println!("Id       {}", text(&answer["id"]));
    println!("Status   {}", text(&answer["status"]));
    if let Some(reason) = answer["reason"].as_str() {
        println!("Reason   {reason}");
    }
    if let Some(settled) = answer["settled_at"].as_str() {
        println!("Settled  {settled}");
    }
    for attempt in answer["attempts"].as_array().into_iter().flatten() {
        println!(
            "Attempt  {:<8} {:<16} {}  {}",
            text(&attempt["channel"]),
            text(&attempt["status"]),
            text(&attempt["started_at"]),
            attempt["failure"].as_str().unwrap_or(""),
        );
    }
    Ok(())
}
