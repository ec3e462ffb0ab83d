//! A reply: text and files, streamed into the store as they come.
//!
//! The form's token is its first field, so that nothing of a form that is not ours is taken. Files that were taken and are not published are swept away
//! by the contents themselves.
use std::time::Duration;

use actix_web::http::{StatusCode, header};
use actix_web::web::{self, Path};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use bytes::Bytes;
use estafette_actors::domain::language::Translated;
use estafette_actors::domain::mailbox::document::{ATTACHMENTS, Attachment, DocumentId, is_file_name};
use estafette_actors::domain::mailbox::item::Item;
use estafette_actors::domain::mailbox::media::MediaType;
use estafette_actors::ebox::Reply;
use estafette_actors::ports::mailbox::ContentTrouble;
use futures_util::{Stream, StreamExt as _, stream};
use multer::{Field, Multipart};
use tokio::sync::mpsc;

use super::frame::{Frame, Mistake, Place, page};
use super::list::{Sender, Subject};
use super::message::named;
use super::problem::Problem;
use super::request::{Holder, is_ours};
use super::{html, to, words};

/// Bytes of the text at most.
const TEXT_MAX: usize = 64 << 10;
/// Bytes of a file that are looked at to see what it is.
const BEGINNING: usize = 8 << 10;
/// Files at most: one fewer than a document has, as the text is its main content.
const FILES: usize = ATTACHMENTS - 1;

/// The routes.
pub fn routes(config: &mut web::ServiceConfig) {
    config.route("/messages/{id}/reply", web::get().to(form)).route("/messages/{id}/reply", web::post().to(send));
}

#[derive(Template)]
#[template(path = "web/reply.html")]
struct Page {
    f: Frame,
    id: String,
    subject: Subject,
    recipient: String,
    text: String,
    limits: String,
    mistakes: Vec<Mistake>,
    text_mistake: String,
    files_mistake: String,
}

/// What is wrong with a form: the field, and the key of what to do.
type Wrong = (&'static str, &'static str);

async fn original(holder: &Holder, id: DocumentId) -> Result<Item, Problem> {
    let item = holder.site().ebox.item(&holder.reader, id).await?;
    if item.document.may_be_replied_to { Ok(item) } else { Err(Problem::NoReply) }
}

async fn form(holder: Holder, path: Path<String>) -> Result<HttpResponse, Problem> {
    let item = original(&holder, named(&path)?).await?;
    Ok(shown(&holder, &item, "", None))
}

fn shown(holder: &Holder, item: &Item, text: &str, wrong: Option<Wrong>) -> HttpResponse {
    let visit = holder.visit();
    let texts = visit.texts();
    let reference = visit.site.ebox.mailboxes().reference();
    let subject = Subject::of(&item.document.subject, visit.language);
    let mut f = visit.frame(Place::Messages, format!("{} – {}", texts.say("reply-title"), subject.text));
    f.path = format!("/mailbox/messages/{}/reply", item.document.id);
    let each = words::size(visit.site.settings.reply_bytes, visit.language);
    let said = |field: &str| wrong.filter(|(of, _)| *of == field).map(|(_, key)| texts.say(key)).unwrap_or_default();
    let filled = Page {
        id: item.document.id.to_string(),
        recipient: Sender::of(&item.document, &reference, visit.language).name,
        text: text.to_owned(),
        limits: texts.with_both("reply-limits", ("files", FILES), ("size", each)),
        mistakes: wrong.map(|(field, key)| Mistake { field, text: texts.say(key) }).into_iter().collect(),
        text_mistake: said("text"),
        files_mistake: said("files"),
        subject,
        f,
    };
    page(if wrong.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK }, &filled)
}

/// What came of reading a form.
struct Read {
    text: String,
    attachments: Vec<Attachment>,
    wrong: Option<Wrong>,
}

async fn send(
    holder: Holder,
    request: HttpRequest,
    payload: web::Payload,
    path: Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = named(&path)?;
    if !is_ours(&request) {
        return Err(Problem::Forged);
    }
    let site = holder.site();
    let _place = site.replies.clone().try_acquire_owned().map_err(|_| Problem::Busy)?;
    let item = original(&holder, id).await?;
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let boundary = multer::parse_boundary(kind).map_err(|_| Problem::Unreadable)?;
    // The files, and as much again as a form around them can have.
    let most = site.settings.reply_bytes.saturating_mul(FILES as u64).saturating_add(1 << 20);
    let body = patient(payload, site.settings.reply_timeout, most);
    let read = read(&holder, Multipart::new(body, boundary)).await?;
    if let Some(wrong) = read.wrong {
        return Ok(shown(&holder, &item, &read.text, Some(wrong)));
    }
    let name = Some(holder.person.signed.identity.name.clone()).filter(|name| !name.is_empty());
    let html = html::of_text(&read.text).into();
    let reply = Reply { language: holder.visit().language, html, attachments: read.attachments, name };
    site.ebox.reply(&holder.reader, id, reply).await?;
    Ok(to(&format!("/mailbox/messages/{id}?done=replied")))
}

/// A body as a stream that may go to other threads. It may not pause for longer than its time, and has no more bytes than a reply can have.
fn patient(mut payload: web::Payload, pause: Duration, most: u64) -> impl Stream<Item = std::io::Result<Bytes>> + Send {
    let (sender, receiver) = mpsc::channel(1);
    // It ends with the body, or when nobody takes it any more.
    actix_web::rt::spawn(async move {
        let mut taken = 0;
        loop {
            let chunk = match actix_web::rt::time::timeout(pause, payload.next()).await {
                Ok(None) => break,
                Ok(Some(chunk)) => chunk.map_err(std::io::Error::other),
                Err(_) => Err(std::io::ErrorKind::TimedOut.into()),
            };
            taken += chunk.as_ref().map_or(0, |chunk| chunk.len() as u64);
            let chunk = if taken > most { Err(std::io::ErrorKind::FileTooLarge.into()) } else { chunk };
            let is_over = chunk.is_err();
            if sender.send(chunk).await.is_err() || is_over {
                break;
            }
        }
    });
    received(receiver)
}

fn received(receiver: mpsc::Receiver<std::io::Result<Bytes>>) -> impl Stream<Item = std::io::Result<Bytes>> + Send {
    stream::unfold(receiver, |mut receiver| async move { Some((receiver.recv().await?, receiver)) })
}

async fn read(holder: &Holder, mut form: Multipart<'_>) -> Result<Read, Problem> {
    let mut found = Read { text: String::new(), attachments: vec![], wrong: None };
    let mut is_known = false;
    while let Some(field) = form.next_field().await.map_err(|_| Problem::Unreadable)? {
        let name = field.name().unwrap_or_default().to_owned();
        match name.as_str() {
            "token" if !is_known => {
                let token = short(field, 100).await?.ok_or(Problem::Forged)?;
                if !holder.person.signed.is_token(&token) {
                    return Err(Problem::Forged);
                }
                is_known = true;
            }
            _ if !is_known => return Err(Problem::Forged),
            "text" => match short(field, TEXT_MAX).await? {
                Some(text) => found.text = text,
                None => found.wrong = Some(("text", "reply-text-long")),
            },
            // A box for files that was left empty is sent as a file without a name.
            "files" if field.file_name().is_none_or(str::is_empty) => {}
            "files" if found.wrong.is_none() => {
                let number = found.attachments.len() + 1;
                match attach(holder, field, number).await? {
                    Ok(attachment) => found.attachments.push(attachment),
                    Err(key) => found.wrong = Some(("files", key)),
                }
            }
            _ => {}
        }
    }
    if !is_known {
        return Err(Problem::Forged);
    }
    if found.text.trim().is_empty() && found.wrong.is_none() {
        found.wrong = Some(("text", "reply-text-needed"));
    }
    Ok(found)
}

/// A field of text; none when it is longer.
async fn short(mut field: Field<'_>, most: usize) -> Result<Option<String>, Problem> {
    let mut bytes = Vec::new();
    while let Some(chunk) = field.chunk().await.map_err(|_| Problem::Unreadable)? {
        if bytes.len() + chunk.len() > most {
            return Ok(None);
        }
        bytes.extend_from_slice(&chunk);
    }
    String::from_utf8(bytes).map(Some).map_err(|_| Problem::Unreadable)
}

/// Takes a file, or says what is wrong with it.
async fn attach(
    holder: &Holder,
    mut field: Field<'_>,
    number: usize,
) -> Result<Result<Attachment, &'static str>, Problem> {
    let site = holder.site();
    if number > FILES {
        return Ok(Err("reply-files-many"));
    }
    let file_name = field.file_name().unwrap_or_default().to_owned();
    if !is_file_name(&file_name) {
        return Ok(Err("reply-files-name"));
    }
    let said = field.content_type().map(ToString::to_string).unwrap_or_default();
    let Ok(media_type) = MediaType::parse(&said) else { return Ok(Err("reply-files-kind")) };
    let mut beginning = Vec::new();
    while beginning.len() < BEGINNING {
        match field.chunk().await.map_err(|_| Problem::Unreadable)? {
            Some(chunk) => beginning.extend_from_slice(&chunk),
            None => break,
        }
    }
    if beginning.is_empty() {
        return Ok(Err("reply-files-empty"));
    }
    if !(site.recognise)(media_type, &beginning[..beginning.len().min(BEGINNING)]) {
        return Ok(Err("reply-files-kind"));
    }
    // The rest goes through a channel of one place: the store takes a stream that outlives no borrow.
    let (sender, receiver) = mpsc::channel(1);
    let taking = site.ebox.contents().take(received(receiver).boxed(), site.settings.reply_bytes);
    let feeding = async move {
        let mut next = Some(Bytes::from(beginning));
        while let Some(chunk) = next {
            if sender.send(Ok(chunk)).await.is_err() {
                return Ok(());
            }
            next = match field.chunk().await {
                Ok(next) => next,
                Err(error) => {
                    let _ = sender.send(Err(std::io::Error::other("it stopped"))).await;
                    return Err(error);
                }
            };
        }
        Ok(())
    };
    let (kept, fed) = futures_util::future::join(taking, feeding).await;
    let kept = match kept {
        Err(ContentTrouble::TooLarge(_)) => return Ok(Err("reply-files-large")),
        other => other?,
    };
    fed.map_err(|_| Problem::Unreadable)?;
    Ok(Ok(Attachment {
        number: u8::try_from(number).unwrap_or(u8::MAX),
        title: Translated::new(),
        file_name: file_name.into(),
        media_type,
        is_main: false,
        size: kept.size,
        digest: Some(kept.digest),
        is_signed: false,
        content: Some(kept.name),
        scan: site.unscanned,
    }))
}
