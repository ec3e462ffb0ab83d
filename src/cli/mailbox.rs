//! `estafette mailbox`: what a mail server gives to a running broker.
use std::io::Read as _;
use std::process::ExitCode;

use anyhow::Context;
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;

use super::client::{Client, Target};
use super::{Output, block_on, print_json};

/// Bytes of a mail that are read: what is told of it comes first, and what follows is our own mail.
const MOST: u64 = 512 << 10;
/// What a mail server takes for "try again later" (`EX_TEMPFAIL` of sysexits).
const LATER: u8 = 75;

/// What it is called with.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  estafette mailbox bounce < mail.eml
  In an alias of a mail server:   bounces: \"|ESTAFETTE_KEY=est_... estafette mailbox bounce\"")]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Take a notice that came back, from standard input: an address that is none gets no more e-mail. Exit code 75 where the broker
    /// can't take it now, so that a mail server tries again
    Bounce {
        #[command(flatten)]
        target: Target,
        /// The address that the mail came to, where no header of it says so
        #[arg(long, value_name = "ADDRESS")]
        recipient: Option<String>,
        /// How to print
        #[arg(long, value_enum, default_value_t)]
        output: Output,
    },
}

/// Runs it.
pub fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let What::Bounce { target, recipient, output } = arguments.what;
    let mut mail = Vec::new();
    if let Some(recipient) = recipient {
        let plain: String = recipient.chars().filter(|c| !c.is_control()).collect();
        mail.extend_from_slice(format!("Delivered-To: {plain}\r\n").as_bytes());
    }
    let mut given = std::io::stdin().lock();
    given.by_ref().take(MOST).read_to_end(&mut mail).context("the mail can't be read from standard input")?;
    // Whoever pipes it is not to be stopped in the middle.
    std::io::copy(&mut given, &mut std::io::sink()).context("the mail can't be read from standard input")?;
    let taken = block_on(async {
        let client = Client::new(target)?;
        let request = client.request(Method::POST, "/v1/mailbox/bounces").header(CONTENT_TYPE, "message/rfc822");
        client.json(request.body(mail)).await
    });
    match taken {
        Ok(answer) => {
            match output {
                Output::Json => print_json(&answer)?,
                Output::Text => println!("{}", answer["outcome"].as_str().unwrap_or("unknown")),
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            eprintln!("estafette: {error:#}");
            Ok(ExitCode::from(LATER))
        }
    }
}
