//! A publication as it comes in: `multipart/form-data` with the part `messageToPublish` and the documents that it names.
//!
//! Invariant: what passes is a publication that the registry's definition (version 2.1) allows: required fields there, exactly one main
//! content, each document there once, its digest true. The order of the parts doesn't matter. The documents are not kept.

use std::collections::HashMap;

use actix_web::web::Bytes;
use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::GeneralPurposeConfig;
use base64::engine::general_purpose::GeneralPurpose;
use base64::{alphabet, engine::DecodePaddingMode};
use serde::Deserialize;

use super::{EboxId, No};
use crate::addressee::Addressee;
use crate::cbe;

/// Accepts the digest with or without padding: the definition doesn't say which.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

const MESSAGE: &str = "messageToPublish";
const PARTS: usize = 100;

/// The media types that the definition lists for attachments.
const MEDIA_TYPES: [&str; 15] = [
    "application/pdf",
    "application/zip",
    "text/csv",
    "text/html",
    "text/plain",
    "text/xml",
    "application/vnd.oasis.opendocument.text",
    "application/vnd.oasis.opendocument.spreadsheet",
    "application/vnd.oasis.opendocument.presentation",
    "application/vnd.oasis.opendocument.graphics",
    "application/vnd.ms-excel",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/vnd.ms-powerpoint",
    "application/msword",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
];

#[derive(Deserialize, Default)]
struct Texts {
    nl: Option<String>,
    fr: Option<String>,
    de: Option<String>,
    en: Option<String>,
}

impl Texts {
    /// The first text that is not empty.
    fn any(&self) -> Option<&str> {
        [&self.nl, &self.fr, &self.de, &self.en].into_iter().flatten().map(String::as_str).find(|text| !text.is_empty())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MessageToPublish {
    recipient: EboxId,
    subject: Texts,
    body_main_content: bool,
    #[serde(rename = "replyAuthorized")]
    _reply_authorized: bool,
    body_content: Option<Texts>,
    expiration_date: Option<jiff::Timestamp>,
    sender_organization_id: Option<String>,
    #[serde(default)]
    attachments: Vec<Attachment>,
    #[serde(default)]
    business_data_list: Vec<BusinessData>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Attachment {
    http_part_name: String,
    main_content: bool,
    digest: Option<Digest>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Digest {
    digest_method: String,
    digest_value: String,
}

#[derive(Deserialize)]
struct BusinessData {
    key: String,
    values: Vec<Texts>,
}

/// A document as it came.
struct Part {
    file_name: Option<String>,
    media_type: Option<String>,
    bytes: Bytes,
}

/// What the simulator needs of a publication that is in order.
pub(super) struct Publication {
    pub(super) to: Addressee,
    pub(super) reference: String,
    /// Seconds since 1970, where the sender gave an expiry.
    pub(super) until_s: Option<u32>,
}

/// Reads and checks a publication.
pub(super) async fn read(content_type: &str, body: Bytes) -> Result<Publication, No> {
    let mut parts = parts(content_type, body).await?;
    let message =
        parts.remove(MESSAGE).ok_or_else(|| No::invalid("MISSING_PART", "the part messageToPublish is missing"))?;
    let message: MessageToPublish = serde_json::from_slice(&message.bytes).map_err(|error| {
        No::invalid(
            "INVALID_MESSAGE",
            format!("messageToPublish: line {}, column {}: {}", error.line(), error.column(), what(&error)),
        )
    })?;
    check(&message, &parts)?;
    let reference = message.business_data_list.iter().find(|data| data.key == "reference");
    let reference = reference.and_then(|data| data.values.first()).and_then(Texts::any).unwrap_or_default();
    Ok(Publication {
        to: message.recipient.addressee()?,
        reference: reference.to_owned(),
        until_s: message.expiration_date.map(|at| u32::try_from(at.as_second()).unwrap_or(u32::MAX)),
    })
}

/// What serde says, without the values that it quotes.
fn what(error: &serde_json::Error) -> &'static str {
    match error.classify() {
        serde_json::error::Category::Data => "a field is missing or has a wrong type",
        _ => "no valid JSON",
    }
}

async fn parts(content_type: &str, body: Bytes) -> Result<HashMap<String, Part>, No> {
    let no = |text: &str| No::invalid("INVALID_MULTIPART", text);
    let boundary = multer::parse_boundary(content_type).map_err(|_| no("the body is no multipart/form-data"))?;
    let whole = futures_util::stream::once(async { Ok::<Bytes, std::convert::Infallible>(body) });
    let mut multipart = multer::Multipart::new(whole, boundary);
    let mut parts = HashMap::new();
    while let Some(field) = multipart.next_field().await.map_err(|_| no("a part is malformed"))? {
        let name = field.name().filter(|name| !name.is_empty()).ok_or_else(|| no("a part has no name"))?.to_owned();
        let file_name = field.file_name().map(str::to_owned);
        let media_type = field.content_type().map(|media| media.essence_str().to_owned());
        let bytes = field.bytes().await.map_err(|_| no("a part is cut off"))?;
        if parts.len() >= PARTS || parts.insert(name, Part { file_name, media_type, bytes }).is_some() {
            return Err(no("a part comes twice, or there are more than 100"));
        }
    }
    Ok(parts)
}

fn check(message: &MessageToPublish, parts: &HashMap<String, Part>) -> Result<(), No> {
    if message.subject.any().is_none() {
        return Err(No::invalid("MISSING_SUBJECT", "subject needs a text in one language"));
    }
    if message.sender_organization_id.as_deref().is_some_and(|id| !cbe::is_valid(id)) {
        return Err(No::invalid("INVALID_SENDER", "senderOrganizationId is no valid CBE number"));
    }
    if message.body_main_content && message.body_content.as_ref().and_then(Texts::any).is_none() {
        return Err(No::invalid("MISSING_BODY", "bodyMainContent is true, and bodyContent has no text"));
    }
    if message.expiration_date.is_some_and(|at| at <= jiff::Timestamp::now()) {
        return Err(No::invalid("INVALID_EXPIRATION", "expirationDate is over"));
    }
    let main = message.attachments.iter().filter(|attachment| attachment.main_content).count();
    if main + usize::from(message.body_main_content) != 1 {
        return Err(No::invalid("MAIN_CONTENT", "exactly one of body and attachments is the main content"));
    }
    for attachment in &message.attachments {
        let part = parts.get(&attachment.http_part_name);
        check_document(attachment, part.ok_or_else(|| No::invalid("MISSING_PART", "a document is missing"))?)?;
    }
    let named =
        |name: &String| message.attachments.iter().filter(|attachment| attachment.http_part_name == *name).count();
    if !parts.keys().all(|name| named(name) == 1) {
        return Err(No::invalid("UNKNOWN_PART", "each document is named by exactly one attachment"));
    }
    Ok(())
}

fn check_document(attachment: &Attachment, part: &Part) -> Result<(), No> {
    if part.file_name.as_deref().is_none_or(str::is_empty) {
        return Err(No::invalid("MISSING_FILE_NAME", "a document has no file name"));
    }
    if !part.media_type.as_deref().is_some_and(|media| MEDIA_TYPES.contains(&media)) {
        return Err(No::invalid("MEDIA_TYPE", "the media type of a document is not allowed"));
    }
    let Some(given) = &attachment.digest else { return Ok(()) };
    if given.digest_method != "sha_256" {
        return Err(No::invalid("DIGEST_METHOD", "digestMethod takes sha_256"));
    }
    let is = digest::digest(&digest::SHA256, &part.bytes);
    if BASE64.decode(&given.digest_value).ok().as_deref() != Some(is.as_ref()) {
        return Err(No::invalid("DIGEST", "a digest is not that of the bytes that came"));
    }
    Ok(())
}
