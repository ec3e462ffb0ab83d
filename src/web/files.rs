//! The files of a message: downloaded, also in parts, or shown on a page of their own.
//!
//! A file runs nothing here: it comes with its checked kind, `nosniff` and a policy that allows nothing; text is shown as text, HTML cleaned. A PDF is
//! shown by the browser's own viewer, which browsers keep apart from the page; in a sandboxed frame they refuse to show one at all.
use std::str::FromStr;

use actix_web::http::StatusCode;
use actix_web::http::header::{
    self, Charset, ContentDisposition, DispositionParam, DispositionType, ExtendedValue, HeaderValue,
};
use actix_web::web::{self, Path};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use estafette_actors::domain::mailbox::document::Attachment;
use estafette_actors::domain::mailbox::media::MediaType;
use estafette_actors::ports::mailbox::Incoming;
use futures_util::StreamExt as _;

use super::frame::{Frame, Place, page};
use super::list::Subject;
use super::message::{is_shown, named};
use super::problem::Problem;
use super::request::Holder;
use super::{html, policy};

/// The routes.
pub fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/messages/{id}/files/{number}", web::get().to(download))
        .route("/messages/{id}/files/{number}/show", web::get().to(show))
        .route("/messages/{id}/files/{number}/inline", web::get().to(inline));
}

/// What a file may do: nothing.
const INERT: &str = "default-src 'none'; sandbox; frame-ancestors 'none'";
/// As a PDF in the frame of its own page: its viewer brings its own style.
const FRAMED: &str = "default-src 'none'; style-src 'unsafe-inline'; object-src 'self'; frame-ancestors 'self'";

enum Shown {
    Framed,
    Text(String),
    Html(String),
}

#[derive(Template)]
#[template(path = "web/file.html")]
struct Page {
    f: Frame,
    id: String,
    number: u8,
    title: Subject,
    shown: Shown,
}

type Named = Path<(String, u8)>;

async fn download(holder: Holder, request: HttpRequest, path: Named) -> Result<HttpResponse, Problem> {
    give(&holder, &request, path, DispositionType::Attachment).await
}

async fn inline(holder: Holder, request: HttpRequest, path: Named) -> Result<HttpResponse, Problem> {
    give(&holder, &request, path, DispositionType::Inline).await
}

async fn give(
    holder: &Holder,
    request: &HttpRequest,
    path: Named,
    how: DispositionType,
) -> Result<HttpResponse, Problem> {
    let (id, number) = path.into_inner();
    let id = named(&id)?;
    let ebox = &holder.site().ebox;
    let known =
        ebox.mailboxes().item(holder.reader.mailbox, holder.reader.rights.clone(), id).await?.ok_or(Problem::Gone)?;
    let attachment = known.document.attachment(number).ok_or(Problem::Gone)?;
    let is_inline = how == DispositionType::Inline;
    if is_inline && attachment.media_type != MediaType::Pdf {
        return Err(Problem::NoPage);
    }
    let Ok(range) = part(request, attachment.size) else {
        let whole = format!("bytes */{}", attachment.size);
        return Ok(HttpResponse::RangeNotSatisfiable().insert_header((header::CONTENT_RANGE, whole)).finish());
    };
    let (_, content) = ebox.attachment(&holder.reader, id, number, range.clone()).await?;
    let length = range.as_ref().map_or(attachment.size, |range| range.end - range.start);
    let mut response = HttpResponse::build(if range.is_some() { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK });
    if let Some(range) = &range {
        let said = format!("bytes {}-{}/{}", range.start, range.end - 1, attachment.size);
        response.insert_header((header::CONTENT_RANGE, said));
    }
    response
        .insert_header((header::CONTENT_TYPE, content_type(attachment.media_type)))
        .insert_header((header::ACCEPT_RANGES, "bytes"))
        .insert_header((header::CACHE_CONTROL, "private, no-store"))
        .insert_header((header::CONTENT_SECURITY_POLICY, if is_inline { FRAMED } else { INERT }))
        .insert_header(disposition(how, &attachment.file_name))
        .no_chunking(length);
    Ok(response.streaming(content))
}

/// The part of a file that is asked for; none for the whole. Several parts at once are answered with the whole.
fn part(request: &HttpRequest, size: u64) -> Result<Option<std::ops::Range<u64>>, ()> {
    let Some(asked) = request.headers().get(header::RANGE).and_then(|value| value.to_str().ok()) else {
        return Ok(None);
    };
    let Ok(header::Range::Bytes(parts)) = header::Range::from_str(asked) else { return Ok(None) };
    match parts.as_slice() {
        [one] => one.to_satisfiable_range(size).map(|(first, last)| Some(first..last + 1)).ok_or(()),
        _ => Ok(None),
    }
}

/// Text says in which alphabet it most likely is.
fn content_type(media_type: MediaType) -> HeaderValue {
    HeaderValue::from_static(match media_type {
        MediaType::Plain => "text/plain; charset=utf-8",
        media_type => media_type.as_str(),
    })
}

/// RFC 6266, with a plain name beside the whole one.
pub fn disposition(how: DispositionType, file_name: &str) -> ContentDisposition {
    let plain: String = file_name.chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '_' }).collect();
    let whole = ExtendedValue {
        charset: Charset::Ext("UTF-8".to_owned()),
        language_tag: None,
        value: file_name.as_bytes().to_vec(),
    };
    ContentDisposition {
        disposition: how,
        parameters: vec![DispositionParam::Filename(plain), DispositionParam::FilenameExt(whole)],
    }
}

async fn show(holder: Holder, path: Named) -> Result<HttpResponse, Problem> {
    let (id, number) = path.into_inner();
    let id = named(&id)?;
    let visit = holder.visit();
    let ebox = &holder.site().ebox;
    let item =
        ebox.mailboxes().item(holder.reader.mailbox, holder.reader.rights.clone(), id).await?.ok_or(Problem::Gone)?;
    let attachment = item.document.attachment(number).ok_or(Problem::Gone)?;
    if !is_shown(attachment.media_type, attachment.size, visit.site.settings.shown_bytes) {
        return Err(Problem::NoPage);
    }
    if !attachment.scan.is_readable() {
        return Err(estafette_actors::ports::mailbox::Trouble::NotReadable(attachment.scan).into());
    }
    let shown = match attachment.media_type {
        // The frame fetches it, which is reading it.
        MediaType::Pdf => Shown::Framed,
        MediaType::Html => {
            let (_, content) = ebox.attachment(&holder.reader, id, number, None).await?;
            Shown::Html(html::shown(&gathered(content, attachment).await?))
        }
        _ => {
            let (_, content) = ebox.attachment(&holder.reader, id, number, None).await?;
            Shown::Text(gathered(content, attachment).await?)
        }
    };
    let title = Subject::of(&attachment.title, visit.language);
    let title =
        if title.text.is_empty() { Subject { text: attachment.file_name.to_string(), lang: "" } } else { title };
    let subject = Subject::of(&item.document.subject, visit.language);
    let f = visit.frame(Place::Messages, format!("{} – {}", title.text, subject.text));
    let framing = policy(&visit.site, "'self'");
    let mut response = page(StatusCode::OK, &Page { f, id: id.to_string(), number, title, shown });
    if let Ok(framing) = HeaderValue::from_str(&framing) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, framing);
    }
    Ok(response)
}

/// A small file of text: as UTF-8, else as the alphabet of older systems here.
async fn gathered(mut content: Incoming, attachment: &Attachment) -> Result<String, Problem> {
    let mut bytes = Vec::with_capacity(attachment.size as usize);
    while let Some(chunk) = content.next().await {
        bytes.extend_from_slice(&chunk.map_err(|_| Problem::Away)?);
        if bytes.len() as u64 > attachment.size {
            return Err(Problem::Wrong);
        }
    }
    let text =
        String::from_utf8(bytes).unwrap_or_else(|other| other.as_bytes().iter().copied().map(char::from).collect());
    Ok(text.trim_start_matches('\u{feff}').to_owned())
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn a_part_of_a_file_is_given_and_one_behind_its_end_is_not() {
        let asked =
            |range: &str| part(&TestRequest::get().insert_header((header::RANGE, range)).to_http_request(), 100);
        assert_eq!(asked("bytes=0-9"), Ok(Some(0..10)));
        assert_eq!(asked("bytes=90-"), Ok(Some(90..100)));
        assert_eq!(asked("bytes=-5"), Ok(Some(95..100)));
        assert_eq!(asked("bytes=100-"), Err(()));
        for whole in ["bytes=0-1,4-5", "lines=1-2", "nonsense"] {
            assert_eq!(asked(whole), Ok(None), "{whole}");
        }
    }

    #[test]
    fn a_name_with_accents_is_whole_in_one_form_and_plain_in_the_other() {
        let said = disposition(DispositionType::Attachment, "Été \u{1f600}.pdf").to_string();
        assert!(said.contains("filename=\"_t_ _.pdf\"") && said.contains("filename*=UTF-8''%C3%89t%C3%A9"), "{said}");
    }
}
