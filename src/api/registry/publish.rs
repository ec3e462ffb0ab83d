//! Publishing: a description and its files, streamed, and what came of it.
use std::cell::OnceCell;

use actix_web::http::header;
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse, post, web};
use aws_lc_rs::digest::{Context, SHA256};
use estafette_actors::domain::mailbox::document::{Attachment, Digest, Document, DocumentId, Hosting, LONGEST, Scan};
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ebox::{Draft, EBox};
use estafette_actors::ports::mailbox::Linked;
use futures_util::future::join;
use serde::Serialize;
use utoipa::ToSchema;

use self::arriving::arriving;
use self::description::{Addressing, Bytes, Description, File, Version};
use self::parts::{Parts, Reader, Taken, Unneeded, surplus};
use super::access::{Party, Sender};
use super::codes::{Code, sets};
use super::refused::{Refused, refusing};
use super::wire::seconds;
use super::{created, examples, schemas};
use crate::api::App;

pub mod arriving;
pub mod description;
pub mod parts;
mod payment;

/// Characters of an Idempotency-Key at most.
const KEY_LENGTH: usize = 255;

/// What came of a publication.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = EboxPublicationStatus, example = examples::published)]
pub struct Published {
    /// Names the message.
    message_id: String,
    /// When it goes.
    #[schema(format = DateTime)]
    expiration_date: String,
    /// Whether somebody reads it digitally: it is stored and told in both cases.
    #[schema(value_type = schemas::EboxPublicationCode)]
    code: &'static str,
    /// The same in words.
    message: &'static str,
}

/// The code of a recipient who reads digitally, or not yet, and the same in words.
pub const fn outcome(is_read_digitally: bool) -> (&'static str, &'static str) {
    if is_read_digitally {
        ("SUCCESS", "it is in the mailbox")
    } else {
        ("NO_DIGITAL_USER", "it is in the mailbox, which nobody has activated yet: nobody reads it digitally now")
    }
}

impl Published {
    fn of(linked: &Linked) -> Self {
        let (code, message) = outcome(linked.without_reader.is_empty());
        let (message_id, expiration_date) = (linked.document.id.to_string(), seconds(linked.document.expires_at));
        Self { message_id, expiration_date, code, message }
    }
}

refusing!(Publishing: sets::KNOWN, sets::BODY, sets::JSON, sets::PUBLISHING, sets::WRITING);

/// Publishes a message to one mailbox: `messageToPublish` says what it is, the other parts are its files, in any order. A mailbox that
/// nobody has activated gets it too, and the answer says `NO_DIGITAL_USER`.
#[utoipa::path(
    operation_id = "publish_message",
    tag = "mailbox",
    params(("Idempotency-Key" = Option<schemas::EboxKey>, Header, description = "Of this publication: a second one of the same sender and application under it is refused")),
    request_body(content = schemas::EboxPublication, content_type = "multipart/form-data"),
    responses((status = 201, description = "Published", body = Published), Publishing),
    security(("token" = ["ebox:publish"]), ("key" = [])),
)]
#[post("/messageRegistry/v2/publishMessage")]
pub async fn publish(request: HttpRequest, app: web::Data<App>, payload: Payload) -> Result<HttpResponse, Refused> {
    let linked = taken(&request, &app, payload, Version::Two, Addressing::One, None).await?;
    Ok(created(&Published::of(&linked)))
}

/// The same with the names of version 3.
#[utoipa::path(
    operation_id = "publish_message_3",
    tag = "mailbox",
    params(("Idempotency-Key" = Option<schemas::EboxKey>, Header, description = "Of this publication: a second one of the same sender and application under it is refused")),
    request_body(content = schemas::EboxPublication3, content_type = "multipart/form-data"),
    responses((status = 201, description = "Published", body = Published), Publishing),
    security(("token" = ["ebox:publish"]), ("key" = [])),
)]
#[post("/messageRegistry/v3/ebox/messages")]
pub async fn publish_3(request: HttpRequest, app: web::Data<App>, payload: Payload) -> Result<HttpResponse, Refused> {
    let linked = taken(&request, &app, payload, Version::Three, Addressing::One, None).await?;
    Ok(created(&Published::of(&linked)))
}

/// Reads a publication while it arrives, and publishes it. `owner` is whose it must be, where the path says so.
pub async fn taken(
    request: &HttpRequest,
    app: &web::Data<App>,
    payload: Payload,
    version: Version,
    addressing: Addressing,
    owner: Option<&str>,
) -> Result<Linked, Refused> {
    let party = Party::of(request, app).await?;
    let sender = party.sender()?;
    if owner.is_some_and(|owner| owner != sender.institution.0.digits()) {
        return Err(Refused::new(Code::NotFound, "this is not the mailbox of your institution"));
    }
    let key = idempotency_key(request)?;
    let boundary = boundary(request)?;
    let _place = party.registry.place()?;
    let (pump, arriving, progress) = arriving(app.parts.settings.body_timeout);
    let described = OnceCell::<Description>::new();
    let describe = |json: &[u8]| {
        let description = description::read(json, version, addressing, party.today())?;
        may_send(&party, &sender, &description)?;
        // It is there once only.
        let _ = described.set(description);
        Ok(())
    };
    let is_named = |name: &str| described.get().is_none_or(|all| all.files.iter().any(|file| is_part(file, name)));
    let contents = party.ebox().contents();
    let mut unneeded = Unneeded::none(std::sync::Arc::clone(contents));
    let reader = Reader {
        contents,
        verify: party.registry.verify(),
        most: party.registry.settings().attachment_bytes,
        is_named: &is_named,
    };
    let reading = reader.read(arriving, boundary, &progress, &mut unneeded, describe);
    let (is_whole, read) = join(pump.run(payload), reading).await;
    let draft = read.and_then(|parts| draft(&party, &sender, described.into_inner(), parts, key));
    let done = match draft {
        Ok(draft) => published(party.ebox().clone(), sender, draft, unneeded).await,
        Err(refused) => {
            unneeded.remove().await;
            Err(refused)
        }
    };
    done.map_err(|refused| if is_whole { refused } else { refused.ending() })
}

/// Publishes on a task of its own: who hangs up now neither undoes it nor takes its contents away.
async fn published(ebox: EBox, sender: Sender, draft: Draft, unneeded: Unneeded) -> Result<Linked, Refused> {
    let task = tokio::spawn(async move {
        let done = ebox.publish(&sender.access, sender.institution, draft).await;
        match &done {
            Ok(_) => unneeded.needed(),
            Err(_) => unneeded.remove().await,
        }
        done
    });
    let ended =
        || Refused::new(Code::Overloaded, "the program is about to end: send it again, with the same Idempotency-Key");
    Ok(task.await.map_err(|_| ended())??)
}

fn is_part(file: &File, name: &str) -> bool {
    matches!(&file.bytes, Bytes::Part(part) if **part == *name)
}

/// A sender publishes in its own name, and leaves contents with a provider of its own.
fn may_send(party: &Party, sender: &Sender, description: &Description) -> Result<(), Refused> {
    if description.sender.is_some_and(|named| named != sender.institution.0) {
        let message = "the sender is not the institution of your key or token: name that one, or none";
        return Err(Refused::new(Code::InvalidSender, message));
    }
    match &description.provider {
        Some(provider)
            if party.registry.provider(provider).and_then(|known| known.institution) != Some(sender.institution) =>
        {
            let message = "/messageProviderId: no provider of yours has this id: ask the operator";
            Err(Refused::new(Code::InvalidSender, message))
        }
        _ => Ok(()),
    }
}

fn draft(
    party: &Party,
    sender: &Sender,
    description: Option<Description>,
    parts: Parts,
    key: Option<String>,
) -> Result<Draft, Refused> {
    // Without one the parts were refused.
    let description = description.ok_or_else(|| Refused::new(Code::MissingPart, "messageToPublish did not come"))?;
    let idempotency = key.map(|key| (key.into(), fingerprint(&parts)));
    let attachments = attachments(party, &description, parts.files)?;
    let recipients = description.recipient.into_iter().collect();
    let expires = description.expires_at.is_some();
    let document = document(party.now, description, attachments, sender)?;
    Ok(Draft { document, expires, recipients, idempotency })
}

/// What a request hashes to.
fn fingerprint(parts: &Parts) -> Digest {
    let mut context = Context::new(&SHA256);
    context.update(&(parts.description.len() as u64).to_be_bytes());
    context.update(&parts.description);
    let mut files: Vec<_> = parts.files.iter().collect();
    files.sort_by(|a, b| a.part.cmp(&b.part));
    for file in files {
        context.update(file.part.as_bytes());
        context.update(&file.kept.digest.0);
    }
    let mut bytes = [0; 32];
    bytes.copy_from_slice(context.finish().as_ref());
    Digest(bytes)
}

/// The files as described, each with the part that came for it.
fn attachments(party: &Party, description: &Description, mut taken: Vec<Taken>) -> Result<Vec<Attachment>, Refused> {
    let is_scanned = party.registry.settings().is_scanned;
    let mut attachments = Vec::with_capacity(description.files.len());
    for (place, file) in description.files.iter().enumerate() {
        let number = place as u8 + 1;
        let (title, is_main, is_signed) = (file.title.clone(), file.is_main, file.is_signed);
        let attachment = match &file.bytes {
            Bytes::Part(part) => {
                let found = taken.iter().position(|taken| taken.part == *part);
                let Some(found) = found else { return Err(missing(description, place)) };
                let Taken { file_name, media_type, kept, .. } = taken.swap_remove(found);
                if file.digest.is_some_and(|digest| digest != kept.digest) {
                    let message = format!(
                        "/attachments/{place}/digest: not that of the bytes that came: send them again, or mend it"
                    );
                    return Err(Refused::new(Code::DigestMismatch, message));
                }
                let scan = if is_scanned { Scan::Waiting } else { Scan::NotScanned };
                let (size, digest, content) = (kept.size, Some(kept.digest), Some(kept.name));
                Attachment { number, title, file_name, media_type, is_main, size, digest, is_signed, content, scan }
            }
            Bytes::Elsewhere { file_name, media_type, size } => Attachment {
                number,
                title,
                file_name: file_name.clone(),
                media_type: *media_type,
                is_main,
                size: *size,
                digest: file.digest,
                is_signed,
                content: None,
                scan: Scan::NotScanned,
            },
        };
        attachments.push(attachment);
    }
    if taken.is_empty() { Ok(attachments) } else { Err(surplus()) }
}

/// The part of a file did not come, or an earlier file has it.
fn missing(description: &Description, place: usize) -> Refused {
    let part = &description.files[place].bytes;
    if description.files[..place].iter().any(|file| file.bytes == *part) {
        let message =
            format!("/attachments/{place}/httpPartName: another attachment names the same part: give each its own");
        return Refused::new(Code::DuplicatePart, message);
    }
    Refused::new(Code::MissingPart, format!("/attachments/{place}/httpPartName: no such part came: send it"))
}

fn document(
    now: Timestamp,
    description: Description,
    attachments: Vec<Attachment>,
    sender: &Sender,
) -> Result<Document, Refused> {
    if description.expires_at.is_some_and(|at| at > now.plus(LONGEST)) {
        return Err(Refused::input("/expirationDate: more than ten years from now: give an earlier one"));
    }
    let hosting = match description.provider {
        Some(provider) => Hosting::Elsewhere { provider },
        None => Hosting::Here,
    };
    Ok(Document {
        author: None,
        // Both are set when it is published.
        id: DocumentId::from_u128(0),
        published_at: now,
        sender: sender.institution,
        application: description.application,
        message_type: description.message_type,
        subject: description.subject,
        body: description.body,
        attachments,
        business: description.business,
        payment: description.payment,
        attention: description.attention,
        replies_to: description.replies_to,
        may_be_replied_to: description.may_be_replied_to,
        is_registered: description.is_registered,
        expires_at: description.expires_at.unwrap_or(Timestamp::MAX),
        hosting,
    })
}

fn boundary(request: &HttpRequest) -> Result<String, Refused> {
    let value = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let boundary = value.and_then(|value| multer::parse_boundary(value).ok());
    let message = "send multipart/form-data, with its boundary in Content-Type";
    boundary.ok_or_else(|| Refused::new(Code::InvalidMediaType, message))
}

/// The key of a request: a string of RFC 8941, or the same without its quotation marks.
fn idempotency_key(request: &HttpRequest) -> Result<Option<String>, Refused> {
    let mut given = request.headers().get_all("idempotency-key");
    let Some(value) = given.next() else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    let inner = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text);
    let fits = (1..=KEY_LENGTH).contains(&inner.len()) && inner.bytes().all(|byte| byte.is_ascii_graphic());
    if fits && given.next().is_none() {
        return Ok(Some(inner.to_owned()));
    }
    Err(Refused::input(format!("Idempotency-Key: give one of 1 to {KEY_LENGTH} visible ASCII characters")))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn a_key_is_the_same_with_and_without_its_quotation_marks() {
        let of =
            |key: &str| idempotency_key(&TestRequest::post().insert_header(("Idempotency-Key", key)).to_http_request());
        assert_eq!(of("\"8e03978e\"").unwrap(), of("8e03978e").unwrap());
        for wrong in ["", "\"\"", "a b", &"a".repeat(256)] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
    }
}
