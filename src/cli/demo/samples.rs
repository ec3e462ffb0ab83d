//! What lies in the sample mailboxes: made-up letters of made-up institutions, in four languages.
//!
//! Each is published once, however often the demo starts over the same data.
use std::convert::Infallible;

use anyhow::anyhow;
use bytes::Bytes;
use estafette_actors::domain::cbe::Cbe;
use estafette_actors::domain::language::Translated;
use estafette_actors::domain::mailbox::MailboxId;
use estafette_actors::domain::mailbox::document::{
    Attachment, Body, Digest, Document, DocumentId, Hosting, Payment, Scan,
};
use estafette_actors::domain::mailbox::media::MediaType;
use estafette_actors::domain::mailbox::reference::{Application, MessageType, Organization, RefId, Unit, Validity};
use estafette_actors::domain::submission::Institution;
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ebox::{Draft, Refusal};
use estafette_actors::ports::Home;
use estafette_actors::ports::mailbox::{Access, Trouble};
use estafette_loadtest::simulators::SamplePerson;
use futures_util::{StreamExt, stream};

use super::mailbox::{all, enterprises, of};

/// Institutions: the number from which theirs is made, and their names.
const SENDERS: [(u64, [&str; 4]); 4] = [
    (11, ["Service des pensions", "Pensioendienst", "Pensionsdienst", "Pensions Service"]),
    (12, ["Ville de Val-Dieu", "Stad Godsdal", "Stadt Gottestal", "City of Val-Dieu"]),
    (13, ["Caisse d’allocations", "Kinderbijslagfonds", "Kindergeldkasse", "Child Benefit Fund"]),
    (14, ["Administration des impôts", "Belastingdienst", "Steuerverwaltung", "Tax Administration"]),
];
/// A type: identifier, names, years, whether it may be registered, the right that it needs in an enterprise.
type Kind = (&'static str, [&'static str; 4], u16, bool, Option<&'static str>);
const TYPES: [Kind; 3] = [
    ("letter", ["Lettre", "Brief", "Brief", "Letter"], 2, false, None),
    ("decision", ["Décision", "Beslissing", "Entscheidung", "Decision"], 5, true, None),
    ("tax", ["Impôts", "Belastingen", "Steuern", "Taxes"], 7, false, Some("tax")),
];
/// Applications.
const APPLICATIONS: [(&str, [&str; 4]); 2] = [
    ("my-pension", ["Ma pension", "Mijn pensioen", "Meine Rente", "My Pension"]),
    ("town-desk", ["Guichet de la ville", "Stadsloket", "Stadtschalter", "Town Desk"]),
];
const PDF: &[u8] = include_bytes!("samples/letter.pdf");
const CONDITIONS: &[u8] =
    "Conditions / Voorwaarden / Bedingungen / Conditions\n\n1. 08:00 - 20:00\n2. 24 m²\n".as_bytes();

fn cbe(number: u64) -> anyhow::Result<Cbe> {
    Ok(Cbe::parse(&estafette_loadtest::cbe::generate(number))?)
}

/// Defines institutions, types and applications.
pub async fn define(home: &Home, own: Institution) -> anyhow::Result<()> {
    let mailboxes = home.ebox.mailboxes();
    let demo = [(own.0, ["Institution de démonstration", "Demo-instelling", "Demo-Einrichtung", "Demo institution"])];
    let others = SENDERS.iter().map(|(number, names)| Ok((cbe(*number)?, *names)));
    for organization in demo.into_iter().map(Ok).chain(others) {
        let (cbe, names) = organization.map_err(|error: anyhow::Error| error)?;
        let names = all(names);
        let contact = Some("02 555 00 00, info@example.be".into());
        let definition = Organization {
            cbe,
            long_names: names.clone(),
            names,
            urls: Translated::new(),
            contact,
            images: Vec::new(),
        };
        mailboxes.define_organization(Access::PROGRAM, definition).await?;
    }
    for (id, names, years, may_be_registered, right) in TYPES {
        let definition = MessageType {
            id: RefId::parse(id)?,
            names: all(names),
            descriptions: Translated::new(),
            validity: Validity::new(years, Unit::Year)?,
            audience: None,
            may_be_registered,
            right: right.map(RefId::parse).transpose()?,
            organizations: Vec::new(),
            applications: Vec::new(),
        };
        mailboxes.define_type(Access::PROGRAM, definition).await?;
    }
    for (id, names) in APPLICATIONS {
        let definition = Application {
            id: RefId::parse(id)?,
            names: all(names),
            descriptions: Translated::new(),
            urls: Translated::new(),
            organizations: Vec::new(),
            contact: None,
            images: Vec::new(),
        };
        mailboxes.define_application(Access::PROGRAM, definition).await?;
    }
    Ok(())
}

fn document(message_type: &str, application: Option<&str>, subject: [&str; 4]) -> anyhow::Result<Document> {
    Ok(Document {
        id: DocumentId::from_u128(0),
        sender: Institution(cbe(SENDERS[0].0)?),
        author: None,
        application: application.map(RefId::parse).transpose()?,
        message_type: RefId::parse(message_type)?,
        subject: all(subject),
        body: None,
        attachments: Vec::new(),
        business: Vec::new(),
        payment: None,
        attention: None,
        replies_to: None,
        may_be_replied_to: false,
        is_registered: false,
        published_at: Timestamp::ZERO,
        expires_at: Timestamp::ZERO,
        hosting: Hosting::Here,
    })
}

fn text(html: [&str; 4]) -> Body {
    Body { html: all(html), is_main: true }
}

async fn file(
    home: &Home,
    name: &str,
    media_type: MediaType,
    is_main: bool,
    bytes: &'static [u8],
) -> anyhow::Result<Attachment> {
    let incoming =
        stream::iter([Ok::<_, Infallible>(Bytes::from_static(bytes))]).map(|piece| Ok(piece.unwrap_or_default()));
    let kept = home.ebox.contents().take(incoming.boxed(), bytes.len() as u64).await?;
    Ok(Attachment {
        number: 1,
        title: Translated::new(),
        file_name: name.into(),
        media_type,
        is_main,
        size: kept.size,
        digest: Some(kept.digest),
        is_signed: false,
        content: Some(kept.name),
        scan: Scan::NotScanned,
    })
}

/// Publishes the letters; those that are there stay as they are.
pub async fn publish(home: &Home, people: &[SamplePerson]) -> anyhow::Result<()> {
    let everybody = people.iter().map(of).collect::<anyhow::Result<Vec<_>>>()?;
    let companies = enterprises(people)?;
    let mut pension = document(
        "letter",
        Some("my-pension"),
        ["Votre pension en 2027", "Uw pensioen in 2027", "Ihre Rente 2027", "Your pension in 2027"],
    )?;
    pension.attachments.push(file(home, "pension-2027.pdf", MediaType::Pdf, true, PDF).await?);
    put(home, 11, "pension", pension, &everybody).await?;

    let mut permit = document(
        "letter",
        Some("town-desk"),
        [
            "Votre demande de permis",
            "Uw aanvraag voor een vergunning",
            "Ihr Antrag auf Genehmigung",
            "Your application for a permit",
        ],
    )?;
    permit.body = Some(text([
        "<p>Votre demande est <strong>acceptée</strong>.</p><ul><li>Les conditions sont jointes.</li><li>Vous pouvez répondre à ce message.</li></ul>",
        "<p>Uw aanvraag is <strong>aanvaard</strong>.</p><ul><li>De voorwaarden zijn bijgevoegd.</li><li>U kunt op dit bericht antwoorden.</li></ul>",
        "<p>Ihr Antrag ist <strong>angenommen</strong>.</p><ul><li>Die Bedingungen liegen bei.</li><li>Sie können auf diese Nachricht antworten.</li></ul>",
        "<p>Your application is <strong>accepted</strong>.</p><ul><li>The conditions are attached.</li><li>You can reply to this message.</li></ul>",
    ]));
    permit.may_be_replied_to = true;
    permit.attachments.push(file(home, "conditions.txt", MediaType::Plain, false, CONDITIONS).await?);
    put(home, 12, "permit", permit, &everybody).await?;

    let mut benefit = document(
        "decision",
        None,
        [
            "Décision sur vos allocations familiales",
            "Beslissing over uw kinderbijslag",
            "Entscheidung über Ihr Kindergeld",
            "Decision on your child benefit",
        ],
    )?;
    benefit.is_registered = true;
    benefit.body = Some(text([
        "<h2>Décision</h2><p>Vous recevez 171,08 € par mois à partir du 1er janvier.</p>",
        "<h2>Beslissing</h2><p>U ontvangt 171,08 € per maand vanaf 1 januari.</p>",
        "<h2>Entscheidung</h2><p>Sie erhalten ab dem 1. Januar 171,08 € pro Monat.</p>",
        "<h2>Decision</h2><p>You receive €171.08 a month from 1 January on.</p>",
    ]));
    put(home, 13, "benefit", benefit, &everybody).await?;

    let mut tax = document(
        "tax",
        None,
        ["Avis d’imposition 2026", "Aanslagbiljet 2026", "Steuerbescheid 2026", "Tax assessment 2026"],
    )?;
    tax.attachments.push(file(home, "2026.pdf", MediaType::Pdf, true, PDF).await?);
    tax.payment = Some(Payment {
        id: "2026-1".into(),
        amount: 31_250,
        vat: 0,
        currency: *b"EUR",
        due: home.ebox.now().plus(std::time::Duration::from_secs(60 * 24 * 3_600)),
        iban: "BE68539007547034".into(),
        bic: None,
        reference: None,
    });
    let both: Vec<MailboxId> = everybody.iter().take(2).chain(&companies).copied().collect();
    put(home, 14, "tax", tax, &both).await?;

    let mut terrace = document(
        "letter",
        Some("town-desk"),
        [
            "Terrasse devant votre commerce",
            "Terras voor uw zaak",
            "Terrasse vor Ihrem Geschäft",
            "Terrace in front of your shop",
        ],
    )?;
    terrace.body = Some(text([
        "<p>La terrasse peut rester jusqu’au 31 octobre.</p>",
        "<p>Het terras mag blijven staan tot 31 oktober.</p>",
        "<p>Die Terrasse darf bis zum 31. Oktober stehen bleiben.</p>",
        "<p>The terrace may stay until 31 October.</p>",
    ]));
    put(home, 12, "terrace", terrace, &companies).await
}

async fn put(home: &Home, sender: u64, key: &str, document: Document, recipients: &[MailboxId]) -> anyhow::Result<()> {
    // The key alone says what it is.
    let idempotency = Some((format!("demo {key}").into(), Digest([0; 32])));
    let draft = Draft { document, expires: false, recipients: recipients.to_vec(), idempotency };
    match home.ebox.publish(&Access::PROGRAM, Institution(cbe(sender)?), draft).await {
        Ok(_) | Err(Refusal::Trouble(Trouble::Duplicate(_))) => Ok(()),
        Err(refusal) => Err(anyhow!("the sample {key} can't be published: {refusal}")),
    }
}
