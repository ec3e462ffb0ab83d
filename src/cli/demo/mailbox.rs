//! The demo's e-Box: its pages, who signs in, and the mailboxes of those to whom is sent.
use std::path::Path;

use anyhow::Context;
use estafette_actors::domain::cbe::Cbe;
use estafette_actors::domain::language::{Language, Translated};
use estafette_actors::domain::mailbox::item::Filter;
use estafette_actors::domain::mailbox::{ClientId, MailboxId, Preferences};
use estafette_actors::domain::niss::Niss;
use estafette_actors::ebox::Reader;
use estafette_actors::ports::Home;
use estafette_actors::ports::mailbox::{Access, Actor, Change, Face, Rights};
use estafette_loadtest::simulators::{OpenIdSettings, SamplePerson};
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::app::mailbox::Plan;
use crate::contents::{self, providers};
use crate::web::{self, Portal, SignIn};
use crate::{api, store};

/// Mailboxes that are activated or read in at a time: they share commits.
const AT_ONCE: usize = 64;
/// Bytes of the disk that stay free beside contents.
const KEEP_FREE: u64 = 64 << 20;
/// In which languages the sample people read, in their order.
const LANGUAGES: [Language; 4] = [Language::Fr, Language::Nl, Language::De, Language::En];

/// What it is made of: everything in the data folder, and sign-in by the provider of the sandbox.
pub fn plan(folder: &Path, public_url: &str, issuer: String, provider: &OpenIdSettings) -> anyhow::Result<Plan> {
    let portal = |id: &str, name: &str| {
        let names = Language::ALL.into_iter().map(|language| (language, Box::from(name))).collect();
        anyhow::Ok(Portal { id: ClientId::parse(id)?, names, url: Some("https://example.be".into()) })
    };
    let sign_in = SignIn {
        issuer,
        client_id: provider.client_id.clone(),
        client_secret: provider.client_secret.clone(),
        ..SignIn::default()
    };
    let pages = web::Settings {
        public_url: public_url.to_owned(),
        sign_in,
        portals: vec![portal("paperbox", "Paperbox")?, portal("letterbank", "Letterbank")?],
        ..web::Settings::default()
    };
    let path = folder.join("documents");
    Ok(Plan {
        store: store::mailbox::Settings::new(folder),
        contents: contents::Settings::new(contents::Place::Folder { path, keep_free: KEEP_FREE }),
        scanner: None,
        evidence_key: None,
        evidence_earlier: None,
        registry: api::registry::Settings { public_url: Some(public_url.into()), ..api::registry::Settings::default() },
        pages: Some(pages),
        providers: providers::Settings::default(),
        notices: None,
    })
}

/// The mailbox of a sample person.
pub fn of(person: &SamplePerson) -> anyhow::Result<MailboxId> {
    citizen(&person.niss)
}

/// Of a number that the sandbox made, or that ships with the project: they are right.
fn citizen(digits: &str) -> anyhow::Result<MailboxId> {
    Ok(MailboxId::Citizen(Niss::from_trusted_u64(digits.parse().context("a NISS has digits only")?)))
}

/// The mailboxes of enterprises for which sample people may read, each once.
pub fn enterprises(people: &[SamplePerson]) -> anyhow::Result<Vec<MailboxId>> {
    let numbers = people.iter().flat_map(|person| &person.enterprises).map(|enterprise| &enterprise.cbe);
    let mut all = numbers.map(|cbe| Ok(MailboxId::Enterprise(Cbe::parse(cbe)?))).collect::<anyhow::Result<Vec<_>>>()?;
    all.sort_unstable();
    all.dedup();
    Ok(all)
}

/// The rows of a CSV that have a mailbox, in their order.
pub fn of_rows(csv: &str) -> anyhow::Result<Vec<MailboxId>> {
    let mut mailboxes = Vec::new();
    for row in csv.lines().skip(1) {
        let fields: Vec<&str> = row.split(',').collect();
        match (fields.get(1).copied().unwrap_or_default(), fields.get(3).copied().unwrap_or_default()) {
            ("", "") => {}
            ("", cbe) => mailboxes.push(MailboxId::Enterprise(Cbe::parse(cbe)?)),
            (niss, _) => mailboxes.push(citizen(niss)?),
        }
    }
    Ok(mailboxes)
}

/// Rows for a content without variables: of those with `key,niss,mobile,cbe,language` first, and the sample people.
pub fn rows(csv: &str, people: &[SamplePerson]) -> String {
    let plain = csv.lines().map(|row| row.split(',').take(5).collect::<Vec<_>>().join(",") + "\n");
    let sample = |((place, person), language): ((usize, &SamplePerson), Language)| {
        format!("sample-{place},{},,,{language}\n", person.niss)
    };
    plain.chain(people.iter().enumerate().zip(LANGUAGES).map(sample)).collect()
}

async fn activate(home: &Home, mailbox: MailboxId, language: Option<Language>) -> anyhow::Result<()> {
    let mailboxes = home.ebox.mailboxes();
    if !mailboxes.mailbox(mailbox)?.is_active() {
        let preferences = Preferences { language, ..Preferences::default() };
        mailboxes.change(Access::PROGRAM, mailbox, Change::Activate(preferences)).await?;
    }
    Ok(())
}

/// Activates the mailboxes of the sample people but the last, who finds out how that is done, and those of their enterprises.
pub async fn move_in(home: &Home, people: &[SamplePerson]) -> anyhow::Result<()> {
    for (person, language) in people.iter().zip(LANGUAGES).take(people.len().saturating_sub(1)) {
        activate(home, of(person)?, Some(language)).await?;
    }
    for mailbox in enterprises(people)? {
        activate(home, mailbox, None).await?;
    }
    Ok(())
}

/// Of ten holders nine have activated their mailboxes.
pub async fn activate_most(home: &Home, mailboxes: &[MailboxId]) -> anyhow::Result<()> {
    let most = mailboxes.iter().enumerate().filter(|(place, _)| place % 10 != 9);
    let activated = stream::iter(most).map(|(_, mailbox)| activate(home, *mailbox, None));
    activated.buffer_unordered(AT_ONCE).try_collect::<Vec<()>>().await?;
    Ok(())
}

/// Every third holder reads what came last, if the mailbox is active.
pub async fn read_some(home: &Home, mailboxes: &[MailboxId]) -> anyhow::Result<()> {
    let reads = stream::iter(mailboxes.iter().step_by(3)).map(async |mailbox| {
        if !home.ebox.mailboxes().mailbox(*mailbox)?.is_active() {
            return anyhow::Ok(());
        }
        let actor = match mailbox {
            MailboxId::Citizen(niss) => Actor::Person(*niss),
            MailboxId::Enterprise(_) => Actor::Client(ClientId::parse("demo-software")?),
        };
        let access = Access { actor, face: Face::Program, ticket: None };
        let reader = Reader { mailbox: *mailbox, rights: Rights::All, access };
        let page = home.ebox.items(&reader, Filter::default(), 0, 1).await?;
        if let Some(item) = page.items.first() {
            home.ebox.body(&reader, item.document.id).await.context("a holder reads what was sent")?;
        }
        Ok(())
    });
    reads.buffer_unordered(AT_ONCE).try_collect::<Vec<()>>().await?;
    Ok(())
}

/// Who can sign in, in a few words each.
pub fn who(people: &[SamplePerson]) -> Vec<String> {
    let one = |(person, language): (&SamplePerson, Language)| {
        let enterprises: Vec<String> = person
            .enterprises
            .iter()
            .map(|one| {
                let rights = if one.rights.is_empty() { "without rights".to_owned() } else { one.rights.join(", ") };
                format!("{} ({rights})", one.name)
            })
            .collect();
        let also =
            if enterprises.is_empty() { String::new() } else { format!(", also for {}", enterprises.join(", ")) };
        format!("{} ({language}){also}", person.name)
    };
    people.iter().zip(LANGUAGES).map(one).collect()
}

/// The same text in each of the four languages, as given: fr, nl, de, en.
pub fn all(texts: [&str; 4]) -> Translated<Box<str>> {
    Language::ALL.into_iter().zip(texts).map(|(language, text)| (language, Box::from(text))).collect()
}
