//! `estafette evidence`: checks the evidence of registered mail, without a broker and without its data.
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};

use super::Output;
use crate::evidence::{KeySet, Report, check};

/// Bytes of a bundle at most.
const LARGEST: u64 = 16 << 20;

/// What it is called with.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  estafette evidence verify evidence.json
  curl -o keys.json https://ebox.example.be/messageRegistry/v3/evidenceKeys
  estafette evidence verify evidence.json --key keys.json")]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Check a bundle: signatures, chain, order of steps, digests; exit code 1 when anything is wrong
    Verify {
        /// The bundle
        file: PathBuf,
        /// The provider's public keys, a JWK set as it publishes them at /messageRegistry/v3/evidenceKeys; without it those in the bundle are trusted
        #[arg(long, value_name = "JWKS")]
        key: Option<PathBuf>,
        /// How to print
        #[arg(long, value_enum, default_value_t)]
        output: Output,
    },
}

/// Runs it.
pub fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let What::Verify { file, key, output } = arguments.what;
    let keys = key.as_deref().map(KeySet::read).transpose().context("--key")?;
    let mut bundle = Vec::new();
    let opened = File::open(&file).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bundle));
    opened.with_context(|| format!("{} can't be read", file.display()))?;
    if bundle.len() as u64 > LARGEST {
        bail!("{} is larger than any bundle of evidence: check which file it is", file.display());
    }
    let report = check(&bundle, keys.as_ref());
    match output {
        Output::Json => super::print_json(&report)?,
        Output::Text => print(&report),
    }
    Ok(if report.is_right() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print(report: &Report) {
    if let (Some(document), Some(sender)) = (&report.document, &report.sender) {
        println!("Document {document}, sent by {sender}");
    }
    for record in &report.records {
        let step = record.step.map_or_else(|| "can't be read".to_owned(), |step| format!("{step:?}"));
        let at = record.at.as_deref().unwrap_or("-");
        let signed = record
            .signed_by
            .as_deref()
            .map_or("NOT signed by a trusted key".to_owned(), |kid| format!("signed by {kid}"));
        println!("{:4}  {step:26}  {at:24}  {signed}", record.number);
    }
    for holds in &report.holds {
        println!("Holds: {holds}.");
    }
    for broken in &report.broken {
        println!("BROKEN, {}: {}.", broken.place, broken.what);
    }
    match report.broken.len() {
        0 => println!("All of it holds. Of what came after its last record it says nothing."),
        1 => println!("Something is broken: this is no proof."),
        many => println!("{many} things are broken: this is no proof."),
    }
    if report.trusted_own_keys {
        println!(
            "The keys in the bundle itself were trusted. Give those that the provider publishes with --key: only then does it prove who signed."
        );
    }
}
