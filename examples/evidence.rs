//! Makes a bundle of evidence with a key of its own, for checks by other programs: `evidence BUNDLE KEYS`.
use std::path::PathBuf;

use clap::Parser;
use estafette::evidence::{Bundle, ProviderKey, Settings, content_digest, payload};
use estafette_actors::domain::cbe::Cbe;
use estafette_actors::domain::language::{Language, Translated};
use estafette_actors::domain::mailbox::document::{Body, Document, DocumentId, Hosting};
use estafette_actors::domain::mailbox::evidence::{Occurrence, Signed, Step};
use estafette_actors::domain::mailbox::reference::RefId;
use estafette_actors::domain::submission::Institution;
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::mailbox::Signer;

/// Makes a bundle of evidence.
#[derive(Parser)]
struct Arguments {
    /// The bundle to write.
    bundle: PathBuf,
    /// The set of public keys to write.
    keys: PathBuf,
    /// The folder in which the key is kept.
    #[arg(long)]
    secrets: PathBuf,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let key = ProviderKey::open(&Settings { key_file: None, secrets: arguments.secrets, earlier: None })?;
    let published_at = Timestamp::parse("2026-11-28T10:00:00Z")?;
    let mut html = Translated::of(Language::Fr, Box::from("<p>Votre pension</p>"));
    html.set(Language::Nl, "<p>Uw pensioen</p>".into());
    let document = Document {
        author: None,
        id: DocumentId::new(published_at, 7),
        sender: Institution(Cbe::parse("0403019261")?),
        application: None,
        message_type: RefId::parse("pension")?,
        subject: Translated::of(Language::Fr, "Votre pension".into()),
        body: Some(Body { html, is_main: true }),
        attachments: vec![],
        business: vec![],
        payment: None,
        attention: None,
        replies_to: None,
        may_be_replied_to: false,
        is_registered: true,
        published_at,
        expires_at: Timestamp::parse("2028-11-28T10:00:00Z")?,
        hosting: Hosting::Here,
    };
    let steps =
        [Step::SubmissionAcceptance, Step::ContentConsignment, Step::NotificationForAcceptance, Step::ContentHandover];
    let mut records: Vec<Signed> = Vec::new();
    for (step, minute) in steps.into_iter().zip(0..) {
        let at = Timestamp::from_millis(published_at.millis() + minute * 60_000);
        let (document, sender, content) = (document.id, document.sender.0, content_digest(&document));
        let occurrence = Occurrence { step, at, document, sender, recipient: [3; 32], content, reason: None };
        records.push(key.sign(&payload(&occurrence, records.len() as u32 + 1, records.last())));
    }
    std::fs::write(arguments.bundle, Bundle::new(&document, records, key.keys()).json())?;
    std::fs::write(arguments.keys, serde_json::to_vec(key.keys())?)?;
    Ok(())
}
