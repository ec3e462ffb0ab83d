//! What is proven of registered mail, as a file that a program checks: for the holder of the mailbox, and for who sent it.
//!
//! No definition names these: [ours], beside version 3. Who a recipient is stands in the body and in no address.
use actix_web::http::header;
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use estafette_actors::domain::mailbox::MailboxId;
use estafette_actors::domain::mailbox::document::{Document, DocumentId};
use estafette_actors::domain::mailbox::evidence::Signed;
use estafette_actors::ports::mailbox::Deed;
use jiff::civil::Date;

use super::access::Party;
use super::codes::{Code, sets};
use super::ebox::document;
use super::link::own;
use super::multicast::owner;
use super::publish::description::numbered;
use super::refused::{Refused, refusing};
use super::wire::{needed, placed};
use super::{JSON, body, schemas};
use crate::api::App;
use crate::api::json::{Faults, Json, Object};

/// What is proven, as a file; nothing was: no such message.
fn proven(party: &Party, document: &Document, records: Vec<Signed>) -> Result<HttpResponse, Refused> {
    let nothing =
        || Refused::new(Code::NotFound, "nothing is proven of this message: it is no registered mail, or not there");
    if records.is_empty() {
        return Err(nothing());
    }
    let bundle = party.registry.bundle().ok_or_else(nothing)?;
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "application/json"))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((header::CONTENT_DISPOSITION, format!("attachment; filename=\"evidence-{}.json\"", document.id)))
        .body(bundle(document, records)))
}

refusing!(Looking: sets::KNOWN, sets::HELD, sets::ONE);

/// The evidence of registered mail in the mailbox that the token names: signed records, and what is needed to check them.
#[utoipa::path(
    operation_id = "ebox_evidence",
    tag = "mailbox",
    params(("messageId" = schemas::EboxMessageId, Path, description = "The message")),
    responses(
        (status = 200, description = "A bundle; `estafette evidence verify` checks it", body = schemas::EboxEvidence),
        Looking,
    ),
    security(("token" = ["ebox:consult"])),
)]
#[get("/messageRegistry/v3/ebox/messages/{messageId}/evidence")]
pub async fn of_holder(
    request: HttpRequest,
    app: web::Data<App>,
    path: web::Path<String>,
) -> Result<HttpResponse, Refused> {
    let party = Party::of(&request, &app).await?;
    let reader = party.reader()?;
    let (item, records) = party.ebox().proven(&reader, document(&path)?).await?;
    proven(&party, &item.document, records)
}

fn asked(body: &[u8], today: Date) -> Result<(DocumentId, MailboxId), Refused> {
    let mut faults = Faults::default();
    let read = Object::of(Json::parse(body)?, "", &mut faults).and_then(|mut object| {
        let id = needed(object.text("messageId", &mut faults), &object, "messageId", &mut faults);
        let recipient = needed(object.take("recipient"), &object, "recipient", &mut faults);
        let recipient =
            recipient.and_then(|value| placed("/recipient", &mut faults, |found| numbered(value, today, found)));
        object.finish("messageId, recipient", &mut faults);
        Some((id?.into_owned(), recipient?))
    });
    let (id, recipient) = Refused::unless(read, faults)?;
    Ok((own(&id)?, recipient))
}

refusing!(Searching: sets::KNOWN, sets::ONE, sets::BODY, sets::JSON, sets::READING);

/// The evidence of registered mail of yours in a mailbox.
#[utoipa::path(
    operation_id = "search_evidence",
    tag = "mailbox",
    params(("enterpriseNumber" = schemas::EboxCbe, Path, description = "Your institution")),
    request_body(content = schemas::EboxEvidenceSearch, content_type = "application/json"),
    responses(
        (status = 200, description = "A bundle; `estafette evidence verify` checks it", body = schemas::EboxEvidence),
        Searching,
    ),
    security(("token" = ["ebox:publish"]), ("key" = [])),
)]
#[post("/messageRegistry/v3/ebox/{enterpriseNumber}/searchEvidence")]
pub async fn of_sender(
    request: HttpRequest,
    app: web::Data<App>,
    path: web::Path<String>,
    payload: Payload,
) -> Result<HttpResponse, Refused> {
    let party = Party::of(&request, &app).await?;
    let sender = owner(&party, &path)?;
    let body = body(&request, payload, &app, JSON).await?;
    let (id, mailbox) = asked(&body, party.today())?;
    let document = party.ebox().published(sender.institution, id).await?;
    let mailboxes = party.ebox().mailboxes();
    let records = mailboxes.evidence(mailbox, id).await?;
    let answer = proven(&party, &document, records)?;
    mailboxes.note(sender.access, Deed::Prove, Some(mailbox), Some(id), "done");
    Ok(answer)
}

/// How long who checks evidence may keep the keys, in seconds: a new one signs from a restart on.
const KEYS_MAX_AGE: &str = "public, max-age=3600";

refusing!(Published: sets::OPEN);

/// The public keys of this provider: the one with which evidence is signed, and those with which it was signed before. For anybody, to
/// check evidence without this program: `estafette evidence verify FILE --key keys.json`.
#[utoipa::path(
    operation_id = "evidence_keys",
    tag = "mailbox",
    responses(
        (status = 200, description = "A JWK set (RFC 7517)", body = schemas::EboxKeySet, content_type = "application/jwk-set+json",
            headers(("Cache-Control" = String, description = "It may be kept for an hour"))),
        Published,
    ),
    security(()),
)]
#[get("/messageRegistry/v3/evidenceKeys")]
pub async fn keys(app: web::Data<App>) -> Result<HttpResponse, Refused> {
    let keys = app.registry()?.0.tools.keys.clone();
    let keys = keys.ok_or_else(|| Refused::new(Code::NotFound, "nothing is signed here: ask the operator"))?;
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "application/jwk-set+json"))
        .insert_header((header::CACHE_CONTROL, KEYS_MAX_AGE))
        .body(keys))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_is_asked_for_by_message_and_recipient() {
        let today = Date::constant(2026, 11, 28);
        let id = "0193b1c2-5b1e-7c3a-8f00-000000000001";
        let good = format!(r#"{{"messageId":"{id}","recipient":{{"eboxType":"citizen","ssin":"85073003328"}}}}"#);
        assert_eq!(asked(good.as_bytes(), today).unwrap().0.to_string(), id);
        assert_eq!(asked(good.replace(id, "7").as_bytes(), today).unwrap_err().code, Code::NotFound);
        let wrong = asked(br#"{"recipient":{"eboxType":"citizen","ssin":"1"}}"#, today).unwrap_err();
        assert!(wrong.message.contains("/messageId: ") && wrong.message.contains("/recipient/ssin: "), "{wrong}");
    }
}
