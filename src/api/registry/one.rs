//! One message of a mailbox and its parts, but for the bytes of its files.
use actix_web::{HttpRequest, HttpResponse, get, web};
use estafette_actors::domain::mailbox::document;
use estafette_actors::domain::mailbox::item::Item;
use estafette_actors::ebox::Reader;

use super::access::{Party, place};
use super::codes::{Code, sets};
use super::ebox::document;
use super::message::{Attachment, Message, Payment, attachments};
use super::refused::{Refused, refusing};
use super::wire::Listed;
use super::{answer, examples, schemas};
use crate::api::App;

refusing!(Looking: sets::KNOWN, sets::HELD, sets::ONE);

/// A message of the mailbox that the token names, for somebody who may read it.
async fn found(request: &HttpRequest, app: &web::Data<App>, id: &str) -> Result<(Party, Reader, Item), Refused> {
    let party = Party::of(request, app).await?;
    let reader = party.reader()?;
    let item = party.ebox().item(&reader, document(id)?).await?;
    Ok((party, reader, item))
}

/// The file of a number, written as it is answered.
pub fn attachment<'i>(item: &'i Item, number: &str) -> Result<&'i document::Attachment, Refused> {
    let found = item.document.attachments.iter().find(|one| one.number.to_string() == number);
    found.ok_or_else(|| Refused::new(Code::NotFound, "this message has no such attachment"))
}

/// A message.
#[utoipa::path(
    operation_id = "ebox_message",
    tag = "mailbox",
    params(("messageId" = schemas::EboxMessageId, Path, description = "The message")),
    responses((status = 200, description = "The message", body = Message), Looking),
    security(("token" = ["ebox:consult"])),
)]
#[get("/messageRegistry/v2/ebox/messages/{messageId}")]
pub async fn message(
    request: HttpRequest,
    app: web::Data<App>,
    path: web::Path<String>,
) -> Result<HttpResponse, Refused> {
    let (party, _, item) = found(&request, &app, &path).await?;
    Ok(answer(&Message::of(&item, &place(&request, &party.registry))))
}

/// What is said of the files of a message.
#[utoipa::path(
    operation_id = "ebox_attachments",
    tag = "mailbox",
    params(("messageId" = schemas::EboxMessageId, Path, description = "The message")),
    responses(
        (status = 200, description = "Its files", body = Listed<Attachment>, example = json!(examples::attachments())),
        Looking,
    ),
    security(("token" = ["ebox:consult"])),
)]
#[get("/messageRegistry/v2/ebox/messages/{messageId}/attachments")]
pub async fn list(request: HttpRequest, app: web::Data<App>, path: web::Path<String>) -> Result<HttpResponse, Refused> {
    let (party, _, item) = found(&request, &app, &path).await?;
    Ok(answer(&attachments(&item.document, &place(&request, &party.registry))))
}

/// What is said of a file of a message.
#[utoipa::path(
    operation_id = "ebox_attachment",
    tag = "mailbox",
    params(
        ("messageId" = schemas::EboxMessageId, Path, description = "The message"),
        ("attachmentId" = schemas::EboxAttachmentId, Path, description = "The file"),
    ),
    responses((status = 200, description = "The file", body = Attachment), Looking),
    security(("token" = ["ebox:consult"])),
)]
#[get("/messageRegistry/v2/ebox/messages/{messageId}/attachments/{attachmentId}")]
pub async fn file(
    request: HttpRequest,
    app: web::Data<App>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Refused> {
    let (party, _, item) = found(&request, &app, &path.0).await?;
    let file = attachment(&item, &path.1)?;
    Ok(answer(&Attachment::of(&item.document, file, &place(&request, &party.registry))))
}

/// The text of a message, as HTML without anything that loads or runs, by language. Where it is the main content the message is
/// read with this.
#[utoipa::path(
    operation_id = "ebox_body",
    tag = "mailbox",
    params(("messageId" = schemas::EboxMessageId, Path, description = "The message")),
    responses((status = 200, description = "Its text", body = schemas::EboxText), Looking),
    security(("token" = ["ebox:consult"])),
)]
#[get("/messageRegistry/v2/ebox/messages/{messageId}/body")]
pub async fn body(request: HttpRequest, app: web::Data<App>, path: web::Path<String>) -> Result<HttpResponse, Refused> {
    let party = Party::of(&request, &app).await?;
    let reader = party.reader()?;
    let item = party.ebox().body(&reader, document(&path)?).await?;
    let body = item.document.body.as_ref();
    let body = body.ok_or_else(|| Refused::new(Code::NotFound, "this message has no body"))?;
    Ok(answer(&body.html))
}

/// What is to be paid, where a message says so.
#[utoipa::path(
    operation_id = "ebox_payment_data",
    tag = "mailbox",
    params(("messageId" = schemas::EboxMessageId, Path, description = "The message")),
    responses((status = 200, description = "What is to be paid", body = Payment), Looking),
    security(("token" = ["ebox:consult"])),
)]
#[get("/messageRegistry/v2/ebox/messages/{messageId}/paymentData")]
pub async fn payment(
    request: HttpRequest,
    app: web::Data<App>,
    path: web::Path<String>,
) -> Result<HttpResponse, Refused> {
    let (_, _, item) = found(&request, &app, &path).await?;
    let payment = item.document.payment.as_ref();
    let payment = payment.ok_or_else(|| Refused::new(Code::NotFound, "this message has no payment data"))?;
    Ok(answer(&Payment::of(payment)))
}
