//! The bytes of a file of a message, whole or a part of them, as they come from where they are kept.
//!
//! Invariant: a browser saves them and shows nothing of them in the place of this program: the name is given so that it can't end its
//! header, the type is not guessed, and what is HTML runs nothing. No more bytes are sent than were announced.
use actix_web::body::SizedStream;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, get, web};
use bytes::Bytes;
use estafette_actors::domain::mailbox::document::Attachment;
use estafette_actors::ports::mailbox::Incoming;
use futures_util::stream::{self, Stream, StreamExt};

use super::access::Party;
use super::codes::{Code, sets};
use super::ebox::document;
use super::one::attachment;
use super::part::{Wanted, disposition, wanted};
use super::refused::{Refused, refusing};
use super::{schemas, wire};
use crate::api::App;

/// What the definition says of every content. The metadata say what it is.
const OCTETS: &str = "application/octet-stream";

refusing!(Reading: sets::KNOWN, sets::HELD, sets::ONE, &[Code::Quarantined, Code::BeingScanned, Code::RangeNotSatisfiable, Code::ProviderAway, Code::ProviderWrong]);

/// The bytes of a file of a message; `Range` for a part of them. Where it is the main content the message is read with this. It is
/// `application/octet-stream`, or its own media type for who accepts that by name.
#[utoipa::path(
    operation_id = "ebox_content",
    tag = "mailbox",
    params(
        ("messageId" = schemas::EboxMessageId, Path, description = "The message"),
        ("attachmentId" = schemas::EboxAttachmentId, Path, description = "The file"),
        ("Range" = Option<String>, Header, description = "One range of bytes, such as `bytes=0-65535`"),
    ),
    responses(
        (status = 200, description = "All of it", body = schemas::EboxBytes, content_type = "application/octet-stream",
            headers(("ETag" = String, description = "Of these bytes"))),
        (status = 206, description = "A part of it", body = schemas::EboxBytes, content_type = "application/octet-stream",
            headers(("Content-Range" = String, description = "Which bytes, and of how many"))),
        (status = 304, description = "It is what the caller has (`If-None-Match`)"),
        Reading,
    ),
    security(("token" = ["ebox:consult"])),
)]
#[get("/messageRegistry/v2/ebox/messages/{messageId}/attachments/{attachmentId}/content")]
pub async fn content(
    request: HttpRequest,
    app: web::Data<App>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Refused> {
    let party = Party::of(&request, &app).await?;
    let reader = party.reader()?;
    let item = party.ebox().item(&reader, document(&path.0)?).await?;
    let file = attachment(&item, &path.1)?;
    let tag = file.digest.as_ref().map(|digest| format!("\"{}\"", wire::encoded(digest)));
    // What is elsewhere may have a length that nobody knows here: then it is given whole.
    let is_known = file.size > 0;
    let wanted = if is_known { wanted(&request, tag.as_deref(), file.size) } else { Wanted::Whole };
    let (status, range) = match wanted {
        Wanted::Whole => (StatusCode::OK, None),
        Wanted::Part(range) => (StatusCode::PARTIAL_CONTENT, Some(range)),
        Wanted::Unchanged => return Ok(described(StatusCode::NOT_MODIFIED, tag.as_deref()).finish()),
        Wanted::Beyond => return Err(Refused::range(file.size)),
    };
    let (_, bytes) = party.ebox().content(&reader, &item, file.number, range.clone()).await?;
    let mut answer = described(status, tag.as_deref());
    answer.insert_header((header::CONTENT_TYPE, media_type(&request, file)));
    answer.insert_header((header::CONTENT_DISPOSITION, disposition(&file.file_name)));
    if let Some(range) = &range {
        answer.insert_header((header::CONTENT_RANGE, format!("bytes {}-{}/{}", range.start, range.end - 1, file.size)));
    }
    if !is_known {
        return Ok(answer.streaming(bytes));
    }
    let length = range.map_or(file.size, |range| range.end - range.start);
    Ok(answer.body(SizedStream::new(length, exactly(bytes, length))))
}

fn described(status: StatusCode, tag: Option<&str>) -> HttpResponseBuilder {
    const FIELDS: [(HeaderName, &str); 5] = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"),
        (header::CACHE_CONTROL, "private, no-store"),
        (header::ACCEPT_RANGES, "bytes"),
        (header::VARY, "Accept, Authorization"),
    ];
    let mut answer = HttpResponse::build(status);
    for (name, value) in FIELDS {
        answer.insert_header((name, HeaderValue::from_static(value)));
    }
    if let Some(tag) = tag {
        answer.insert_header((header::ETAG, tag));
    }
    answer
}

/// What the caller accepts by name, of the two that it may be called.
fn media_type(request: &HttpRequest, file: &Attachment) -> &'static str {
    let own = file.media_type.as_str();
    let accepts = |value: &HeaderValue| {
        let text = value.to_str().unwrap_or_default();
        text.split(',').any(|one| one.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(own))
    };
    if request.headers().get_all(header::ACCEPT).any(accepts) { own } else { OCTETS }
}

/// The bytes, as many as were announced: fewer or more end the connection, so that nobody takes them for the content.
fn exactly(bytes: Incoming, length: u64) -> impl Stream<Item = std::io::Result<Bytes>> {
    let wrong = || std::io::Error::other("the content has not as many bytes as were announced");
    stream::unfold(Some((bytes, length)), move |state| async move {
        let (mut bytes, left) = state?;
        match bytes.next().await {
            Some(Ok(piece)) => match left.checked_sub(piece.len() as u64) {
                Some(left) => Some((Ok(piece), Some((bytes, left)))),
                None => Some((Err(wrong()), None)),
            },
            Some(Err(error)) => Some((Err(error), None)),
            None if left > 0 => Some((Err(wrong()), None)),
            None => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn taken(pieces: &[&'static str], length: u64) -> Result<String, ()> {
        let pieces: Vec<_> = pieces.iter().map(|piece| Ok(Bytes::from_static(piece.as_bytes()))).collect();
        let mut stream = Box::pin(exactly(stream::iter(pieces).boxed(), length));
        let mut text = String::new();
        while let Some(piece) = stream.next().await {
            text.push_str(std::str::from_utf8(&piece.map_err(drop)?).unwrap());
        }
        Ok(text)
    }

    #[actix_rt::test]
    async fn fewer_or_more_bytes_than_were_announced_are_an_error() {
        assert_eq!(taken(&["ab", "c"], 3).await, Ok("abc".to_owned()));
        assert_eq!(taken(&[], 0).await, Ok(String::new()));
        assert_eq!(taken(&["ab"], 3).await, Err(()));
        assert_eq!(taken(&["ab", "cd"], 3).await, Err(()));
    }
}
