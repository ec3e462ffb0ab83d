//! What is in the sample mailboxes: made-up letters of made-up institutions.
use std::time::Duration;

use estafette_actors::domain::cbe::Cbe;
use estafette_actors::domain::language::{Language, Translated};
use estafette_actors::domain::mailbox::document::*;
use estafette_actors::domain::mailbox::media::MediaType;
use estafette_actors::domain::mailbox::reference::*;
use estafette_actors::domain::mailbox::{Audience, MailboxId, Preferences};
use estafette_actors::domain::niss::Niss;
use estafette_actors::domain::submission::Institution;
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::mailbox::*;
use estafette_actors::ports::{Clock, SystemClock};
use estafette_loadtest::simulators::OpenIdSettings;

use crate::memory::Memory;

pub fn all(texts: [&str; 4]) -> Translated<Box<str>> {
    Language::ALL.into_iter().zip(texts).map(|(language, text)| (language, Box::from(text))).collect()
}

pub fn id(text: &str) -> RefId {
    RefId::parse(text).unwrap()
}

/// What the link of a mail to the first citizen has behind `t=`.
pub const LINK: &str = "a-good-link";

/// The mailbox of one of the provider's people.
pub fn citizen(place: usize) -> MailboxId {
    let people = OpenIdSettings::default().people;
    MailboxId::Citizen(Niss::parse(&people[place].niss, jiff::civil::date(2026, 11, 28)).unwrap())
}

/// The enterprise for which the second and the fourth of them may read.
pub fn enterprise() -> MailboxId {
    MailboxId::Enterprise(Cbe::parse(&OpenIdSettings::default().people[1].enterprises[0].cbe).unwrap())
}

pub fn sender(number: u64) -> Cbe {
    Cbe::parse(&estafette_loadtest::cbe::generate(number)).unwrap()
}

/// A PDF of one page that says one line.
pub fn pdf(line: &str) -> Vec<u8> {
    let content = format!("BT /F1 22 Tf 60 760 Td ({line}) Tj ET");
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R /Lang (en) >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>".to_owned(),
        format!("<< /Length {} >>\nstream\n{content}\nendstream", content.len()),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_owned(),
    ];
    let mut file = b"%PDF-1.4\n".to_vec();
    let mut places = Vec::new();
    for (number, object) in objects.iter().enumerate() {
        places.push(file.len());
        file.extend_from_slice(format!("{} 0 obj\n{object}\nendobj\n", number + 1).as_bytes());
    }
    let table = file.len();
    file.extend_from_slice(format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1).as_bytes());
    for place in places {
        file.extend_from_slice(format!("{place:010} 00000 n \n").as_bytes());
    }
    file.extend_from_slice(
        format!("trailer << /Size {} /Root 1 0 R >>\nstartxref\n{table}\n%%EOF\n", objects.len() + 1).as_bytes(),
    );
    file
}

pub fn attachment(
    memory: &Memory,
    number: u8,
    file_name: &str,
    media_type: MediaType,
    is_main: bool,
    bytes: &[u8],
) -> Attachment {
    let name = format!("{:x}", rand::random::<u64>());
    memory.put(&name, bytes);
    Attachment {
        number,
        title: Translated::new(),
        file_name: file_name.into(),
        media_type,
        is_main,
        size: bytes.len() as u64,
        digest: Some(Digest([0; 32])),
        is_signed: false,
        content: Some(name.into()),
        scan: Scan::Clean,
    }
}

/// A letter whose text is its main content, published so many hours ago.
pub fn letter(from: u64, kind: &str, subject: [&str; 4], html: [&str; 4], hours: u64) -> Document {
    let now = SystemClock.now();
    let published_at = Timestamp::from_millis(now.millis() - hours * 3_600_000);
    Document {
        id: DocumentId::new(published_at, rand::random()),
        sender: Institution(sender(from)),
        author: None,
        application: None,
        message_type: id(kind),
        subject: all(subject),
        body: Some(Body { html: all(html), is_main: true }),
        attachments: vec![],
        business: vec![],
        payment: None,
        attention: None,
        replies_to: None,
        may_be_replied_to: false,
        is_registered: false,
        published_at,
        expires_at: published_at.plus(Duration::from_secs(2 * 365 * 24 * 3_600)),
        hosting: Hosting::Here,
    }
}

pub async fn publish(store: &dyn Mailboxes, document: Document, to: &[MailboxId]) -> DocumentId {
    let document = document.checked().unwrap();
    let id = document.id;
    let publication = Publication { document, recipients: to.to_vec(), idempotency: None };
    store.publish(Access::PROGRAM, publication).await.unwrap();
    id
}

pub async fn activate(store: &dyn Mailboxes, mailbox: MailboxId) {
    store.change(Access::PROGRAM, mailbox, Change::Activate(Preferences::default())).await.unwrap();
}

/// A type: its identifier, its names, for whom it is, and which right it needs.
type Defined = (&'static str, [&'static str; 4], Option<Audience>, Option<&'static str>);

async fn define(store: &dyn Mailboxes) {
    let organizations: [(u64, [&str; 4]); 4] = [
        (11, ["Service des pensions", "Pensioendienst", "Pensionsdienst", "Pensions Service"]),
        (12, ["Ville de Val-Dieu", "Stad Godsdal", "Stadt Gottestal", "City of Val-Dieu"]),
        (13, ["Caisse d’allocations", "Kinderbijslagfonds", "Kindergeldkasse", "Child Benefit Fund"]),
        (14, ["Administration des impôts", "Belastingdienst", "Steuerverwaltung", "Tax Administration"]),
    ];
    for (number, names) in organizations {
        let organization = Organization {
            cbe: sender(number),
            names: all(names),
            long_names: all(names),
            urls: Translated::new(),
            contact: Some("02 555 00 00, info@example.be".into()),
            images: vec![],
        };
        store.define_organization(Access::PROGRAM, organization).await.unwrap();
    }
    let types: [Defined; 5] = [
        ("pension", ["Pension", "Pensioen", "Pension", "Pension"], Some(Audience::Citizen), None),
        ("city", ["Commune", "Gemeente", "Gemeinde", "Municipality"], None, None),
        (
            "benefit",
            ["Allocations familiales", "Kinderbijslag", "Kindergeld", "Child benefit"],
            Some(Audience::Citizen),
            None,
        ),
        ("tax", ["Impôts", "Belastingen", "Steuern", "Taxes"], None, Some("tax")),
        ("permit", ["Permis", "Vergunning", "Genehmigung", "Permit"], None, None),
    ];
    for (name, names, audience, right) in types {
        let kind = MessageType {
            id: id(name),
            names: all(names),
            descriptions: Translated::new(),
            validity: Validity::new(2, Unit::Year).unwrap(),
            audience,
            may_be_registered: true,
            right: right.map(id),
            organizations: vec![],
            applications: vec![],
        };
        store.define_type(Access::PROGRAM, kind).await.unwrap();
    }
}

fn html(texts: [&str; 4]) -> [String; 4] {
    texts.map(|text| {
        format!("<h1>{text}</h1><p>Lorem ipsum dolor sit amet, <b>consectetur</b> adipiscing elit. <a href=\"https://example.be\">example.be</a></p><ul><li>A</li><li>B</li></ul><script>alert(1)</script>")
    })
}

fn bill() -> Payment {
    Payment {
        id: "p1".into(),
        amount: 12_500,
        vat: 0,
        currency: *b"EUR",
        due: SystemClock.now().plus(Duration::from_secs(20 * 24 * 3_600)),
        iban: "BE68539007547034".into(),
        bic: Some("BBRUBEBB".into()),
        reference: Some("+++090/9337/55493+++".into()),
    }
}

/// Fills the mailboxes: the first citizen has all kinds of letters, the enterprise two, the third citizen's is not active.
pub async fn fill(store: &dyn Mailboxes, memory: &Memory) {
    define(store).await;
    for mailbox in [citizen(0), citizen(1), enterprise()] {
        activate(store, mailbox).await;
    }
    let first = [citizen(0)];
    for number in (0..24_u64).rev() {
        let subjects = [
            format!("Info travaux n° {number}"),
            format!("Info werken nr. {number}"),
            format!("Bauarbeiten Nr. {number}"),
            format!("Road works no. {number}"),
        ];
        let subject = subjects.each_ref().map(String::as_str);
        let id = publish(store, letter(12, "city", subject, ["<p>A</p>"; 4], 24 * (20 + number * 9)), &first).await;
        if number % 3 != 0 {
            store.read(Access::PROGRAM, first[0], id, true).await.unwrap();
        }
    }
    let subject = [
        "Votre demande de permis",
        "Uw aanvraag van een vergunning",
        "Ihr Genehmigungsantrag",
        "Your application for a permit",
    ];
    let texts = html(subject);
    let mut reply = letter(12, "permit", subject, texts.each_ref().map(String::as_str), 200);
    reply.may_be_replied_to = true;
    reply.attachments.push(attachment(
        memory,
        1,
        "conditions.txt",
        MediaType::Plain,
        false,
        "Conditions générales\n\n1. Bonjour.\n".as_bytes(),
    ));
    reply.attachments.push(attachment(
        memory,
        2,
        "plan.html",
        MediaType::Html,
        false,
        b"<h1>Plan</h1><script>alert(1)</script><p>Etage 2</p>",
    ));
    publish(store, reply, &first).await;
    let subject = ["Avis d’imposition 2026", "Aanslagbiljet 2026", "Steuerbescheid 2026", "Tax assessment 2026"];
    let texts = html(subject);
    let mut tax = letter(14, "tax", subject, texts.each_ref().map(String::as_str), 75);
    tax.payment = Some(bill());
    tax.attachments.push(attachment(memory, 1, "avis-2026.pdf", MediaType::Pdf, false, &pdf("Tax assessment 2026")));
    publish(store, tax, &[citizen(0), enterprise()]).await;
    let subject = [
        "Décision sur votre allocation",
        "Beslissing over uw kinderbijslag",
        "Entscheidung über Ihr Kindergeld",
        "Decision on your child benefit",
    ];
    let texts = html(subject);
    let mut registered = letter(13, "benefit", subject, texts.each_ref().map(String::as_str), 30);
    registered.is_registered = true;
    publish(store, registered, &first).await;
    let subject = ["Votre pension en 2027", "Uw pensioen in 2027", "Ihre Pension 2027", "Your pension in 2027"];
    let mut main = letter(11, "pension", subject, [""; 4], 3);
    main.body = None;
    main.attachments.push(attachment(
        memory,
        1,
        "pension-2027.pdf",
        MediaType::Pdf,
        true,
        &pdf("Your pension in 2027"),
    ));
    main.attachments.push(attachment(memory, 2, "calcul.xlsx", MediaType::Xlsx, false, &vec![b'x'; 48_200]));
    publish(store, main, &first).await;
    let subject = [
        "Contrôle de l’entreprise",
        "Controle van de onderneming",
        "Prüfung des Unternehmens",
        "Inspection of the enterprise",
    ];
    let texts = html(subject);
    publish(store, letter(12, "city", subject, texts.each_ref().map(String::as_str), 10), &[enterprise()]).await;
}
