//! One message: its text, its files, what is to be paid, until when it is there.
//!
//! Looking at the main content is reading it, once and for good. Of registered mail the sender gets proof of it: so a page says that first, and the
//! text comes after a button only.
use std::collections::HashMap;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{self, Path, Query};
use askama::Template;
use estafette_actors::domain::language::{Language, choose};
use estafette_actors::domain::mailbox::document::{Attachment, DocumentId, Hosting, Payment, Scan};
use estafette_actors::domain::mailbox::item::Item;
use estafette_actors::domain::mailbox::media::MediaType;

use super::frame::{Frame, Place, page};
use super::list::{Sender, Subject};
use super::problem::Problem;
use super::request::{Holder, Posted};
use super::texts::Texts;
use super::{html, to, words};

/// The routes.
pub fn routes(config: &mut web::ServiceConfig) {
    config.route("/messages/{id}", web::get().to(show)).route("/messages/{id}/open", web::post().to(open));
}

struct Text {
    html: String,
    lang: &'static str,
    /// That it is in another language than the page.
    note: String,
}

struct File {
    number: u8,
    title: String,
    lang: &'static str,
    /// It has a title besides the name of the file.
    has_title: bool,
    name: String,
    kind: String,
    size: String,
    is_main: bool,
    is_signed: bool,
    /// It can be shown on a page.
    is_shown: bool,
    /// Why it can't be read; empty where it can.
    barred: String,
}

struct Bill {
    amount: String,
    vat: String,
    due: String,
    machine_due: String,
    is_overdue: bool,
    iban: String,
    bic: String,
    reference: String,
}

#[derive(Template)]
#[template(path = "web/message.html")]
struct Page {
    f: Frame,
    id: String,
    subject: Subject,
    sender: Sender,
    kind: String,
    attention: String,
    received: String,
    machine_received: String,
    until: String,
    machine_until: String,
    read: String,
    is_registered: bool,
    is_visible: bool,
    is_elsewhere: bool,
    contact: String,
    /// The text waits behind a button: looking at it is proven to the sender.
    is_closed: bool,
    /// Opening the main file is proven to the sender.
    proves_file: bool,
    text: Option<Text>,
    files: Vec<File>,
    bill: Option<Bill>,
    may_reply: bool,
    replies_to: String,
}

/// The document that a path names: whatever can't name one is not there.
pub fn named(id: &str) -> Result<DocumentId, Problem> {
    id.parse().map_err(|_| Problem::Gone)
}

async fn show(
    holder: Holder,
    path: Path<String>,
    asked: Query<HashMap<String, String>>,
) -> Result<HttpResponse, Problem> {
    let id = named(&path)?;
    let ebox = &holder.site().ebox;
    let reader = &holder.reader;
    let known = ebox.mailboxes().item(reader.mailbox, reader.rights.clone(), id).await?.ok_or(Problem::Gone)?;
    let is_body_main = known.document.body.as_ref().is_some_and(|body| body.is_main);
    let is_closed = is_body_main && known.document.is_registered && known.state.read_at.is_none();
    let has_text = known.document.body.is_some() && !is_closed;
    let item = if has_text { ebox.body(reader, id).await? } else { ebox.item(reader, id).await? };
    let done = asked.get("done").is_some_and(|done| done == "replied").then_some("reply-done");
    Ok(page(StatusCode::OK, &filled(&holder, &item, is_closed, done)))
}

/// Opens registered mail: a form, since it has an effect.
async fn open(posted: Posted<Holder>, path: Path<String>) -> Result<HttpResponse, Problem> {
    let id = named(&path)?;
    let Posted { by: holder, .. } = posted;
    holder.site().ebox.body(&holder.reader, id).await?;
    Ok(to(&format!("/mailbox/messages/{id}")))
}

fn filled(holder: &Holder, item: &Item, is_closed: bool, done: Option<&str>) -> Page {
    let (visit, document) = (holder.visit(), &item.document);
    let (texts, language, now) = (visit.texts(), visit.language, visit.site.clock.now());
    let reference = visit.site.ebox.mailboxes().reference();
    let subject = Subject::of(&document.subject, language);
    let place = if item.state.is_visible { Place::Messages } else { Place::Away };
    let mut f = visit.frame(place, subject.text.clone());
    f.path = format!("/mailbox/messages/{}", document.id);
    f.done = done.map(|key| texts.say(key));
    let is_unread = item.state.read_at.is_none();
    let files: Vec<File> =
        document.attachments.iter().map(|one| file(one, texts, visit.site.settings.shown_bytes)).collect();
    let contact = reference.organization(document.sender.0).and_then(|one| one.contact.as_deref());
    let application = document.application.as_ref().and_then(|id| reference.application(id));
    let contact = contact.or_else(|| application.and_then(|one| one.contact.as_deref()));
    let kind = reference.message_type(&document.message_type);
    let kind = kind.and_then(|kind| choose(Some(language), None, language, &kind.names));
    Page {
        id: document.id.to_string(),
        sender: Sender::of(document, &reference, language),
        kind: kind.map_or_else(|| document.message_type.to_string(), |(_, name)| name.to_string()),
        attention: document.attention.as_ref().and_then(|one| one.name.as_deref()).unwrap_or_default().to_owned(),
        received: words::moment(item.received_at, language),
        machine_received: words::machine_day(item.received_at),
        until: words::day(item.expires_at, language),
        machine_until: words::machine_day(item.expires_at),
        read: item.state.read_at.map(|at| words::moment(at, language)).unwrap_or_default(),
        is_registered: document.is_registered,
        is_visible: item.state.is_visible,
        is_elsewhere: document.hosting != Hosting::Here,
        contact: contact.unwrap_or_default().to_owned(),
        is_closed,
        proves_file: document.is_registered && is_unread && document.attachments.iter().any(|one| one.is_main),
        text: if is_closed { None } else { text(item, texts) },
        files,
        bill: document.payment.as_ref().map(|payment| bill(payment, language, now >= payment.due)),
        may_reply: document.may_be_replied_to,
        replies_to: document.replies_to.map(|id| id.to_string()).unwrap_or_default(),
        subject,
        f,
    }
}

fn text(item: &Item, texts: Texts) -> Option<Text> {
    let body = item.document.body.as_ref()?;
    let (found, given) = choose(Some(texts.0), None, texts.0, &body.html)?;
    let note = if found == texts.0 {
        String::new()
    } else {
        texts.with("message-other-language", "language", texts.say(language_key(found)))
    };
    let lang = if found == texts.0 { "" } else { found.as_str() };
    Some(Text { html: html::shown(given), lang, note })
}

const fn language_key(language: Language) -> &'static str {
    match language {
        Language::Fr => "language-fr",
        Language::Nl => "language-nl",
        Language::De => "language-de",
        Language::En => "language-en",
    }
}

/// What a kind of file is called.
pub const fn kind_key(media_type: MediaType) -> &'static str {
    match media_type {
        MediaType::Pdf => "kind-pdf",
        MediaType::Zip => "kind-zip",
        MediaType::Html => "kind-html",
        MediaType::Plain | MediaType::Xml | MediaType::Csv => "kind-text",
        MediaType::Odt | MediaType::Doc | MediaType::Docx => "kind-writing",
        MediaType::Ods | MediaType::Xls | MediaType::Xlsx => "kind-table",
        MediaType::Odp | MediaType::Ppt => "kind-slides",
        MediaType::Odg => "kind-drawing",
    }
}

/// Whether a page can show a file: a PDF in the browser's own viewer, text as text.
pub const fn is_shown(media_type: MediaType, size: u64, shown_bytes: u64) -> bool {
    match media_type {
        MediaType::Pdf => true,
        MediaType::Html | MediaType::Plain | MediaType::Xml | MediaType::Csv => size <= shown_bytes,
        _ => false,
    }
}

fn file(attachment: &Attachment, texts: Texts, shown_bytes: u64) -> File {
    let title = Subject::of(&attachment.title, texts.0);
    let barred = match attachment.scan {
        Scan::Waiting => "file-scanning",
        Scan::Quarantined => "file-quarantined",
        Scan::NotScanned | Scan::Clean => "",
    };
    File {
        number: attachment.number,
        has_title: !title.text.is_empty(),
        title: if title.text.is_empty() { attachment.file_name.to_string() } else { title.text },
        lang: title.lang,
        name: attachment.file_name.to_string(),
        kind: texts.say(kind_key(attachment.media_type)),
        size: words::size(attachment.size, texts.0),
        is_main: attachment.is_main,
        is_signed: attachment.is_signed,
        is_shown: barred.is_empty() && is_shown(attachment.media_type, attachment.size, shown_bytes),
        barred: if barred.is_empty() { String::new() } else { texts.say(barred) },
    }
}

fn bill(payment: &Payment, language: Language, is_overdue: bool) -> Bill {
    let total = payment.amount.saturating_add(payment.vat);
    Bill {
        amount: words::amount(total, payment.currency, language),
        vat: if payment.vat == 0 { String::new() } else { words::amount(payment.vat, payment.currency, language) },
        due: words::day(payment.due, language),
        machine_due: words::machine_day(payment.due),
        is_overdue,
        iban: words::iban(&payment.iban),
        bic: payment.bic.as_deref().unwrap_or_default().to_owned(),
        reference: payment.reference.as_deref().unwrap_or_default().to_owned(),
    }
}
