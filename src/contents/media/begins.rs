//! What the first bytes of a file say.
use std::borrow::Cow;

use estafette_actors::domain::mailbox::media::MediaType;
use memchr::memmem;
use quick_xml::Reader;
use quick_xml::events::Event;

use super::Unsound;

/// Bytes in which a PDF begins at last (ISO 32000, implementation notes of PDF 1.7).
const PDF_WITHIN: usize = 1_024;
const MARK: &[u8] = b"\xef\xbb\xbf";
/// What is told apart by its first bytes alone, before `infer` is asked, which looks further for some.
const KNOWN: [(&[u8], &str); 6] = [
    (b"%PDF-", "application/pdf"),
    (b"{\\rtf", "application/rtf"),
    (b"%!PS", "application/postscript"),
    (b"PK\x03\x04", "application/zip"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a compound file"),
    (b"MZ\x90", "a program"),
];
/// Elements with which HTML begins, beside its declaration.
const ELEMENTS: [&str; 31] = [
    "html", "head", "title", "meta", "link", "style", "script", "base", "body", "header", "main", "nav", "section",
    "article", "div", "p", "span", "a", "b", "i", "br", "h1", "h2", "h3", "table", "ul", "ol", "img", "font", "form",
    "iframe",
];

/// Which kind of file it is, when that is known; for the words of a refusal.
pub fn kind(head: &[u8]) -> Option<&'static str> {
    let html = || is_html(head).then_some("text/html");
    known(head).or_else(html).or_else(|| infer::get(head).map(|found| found.mime_type()))
}

fn known(head: &[u8]) -> Option<&'static str> {
    KNOWN.iter().find(|(magic, _)| head.starts_with(magic)).map(|(_, name)| *name)
}

/// Whether a PDF begins here, and nothing else that programs would open instead.
pub fn is_pdf(head: &[u8]) -> bool {
    let within = &head[..head.len().min(PDF_WITHIN + b"%PDF-1.7".len())];
    let Some(start) = memmem::find(within, b"%PDF-") else { return false };
    let is_version = match within.get(start + 5..start + 8) {
        Some([major, b'.', minor]) => major.is_ascii_digit() && minor.is_ascii_digit(),
        _ => false,
    };
    let before = &head[..start];
    start < PDF_WITHIN && is_version && (start == 0 || kind(before).is_none())
}

/// Whether what is text begins as the media type wants it.
pub fn text(declared: MediaType, head: &[u8]) -> Result<(), Unsound> {
    if let Some(found) = known(trimmed(head)) {
        return Err(Unsound::Other { declared, found });
    }
    let not_that = |why| Err(Unsound::NotThat { declared, why });
    match declared {
        MediaType::Html if is_html(head) => Ok(()),
        MediaType::Html => not_that("it begins with no element of HTML"),
        MediaType::Xml => xml(head),
        // Only what is declared as HTML is made harmless before it is shown.
        _ if is_html(head) => Err(Unsound::Other { declared, found: "text/html" }),
        _ => Ok(()),
    }
}

fn trimmed(head: &[u8]) -> &[u8] {
    head.strip_prefix(MARK).unwrap_or(head).trim_ascii_start()
}

/// Behind white space, comments and a declaration of XML.
fn is_html(head: &[u8]) -> bool {
    let mut rest = trimmed(head);
    for (opens, closes) in [("<?xml", "?>"), ("<!--", "-->"), ("<!--", "-->"), ("<!--", "-->")] {
        if rest.starts_with(opens.as_bytes()) {
            let Some(end) = memmem::find(rest, closes.as_bytes()) else { return false };
            rest = rest[end + closes.len()..].trim_ascii_start();
        }
    }
    let begins = |text: &str| rest.get(..text.len()).is_some_and(|start| start.eq_ignore_ascii_case(text.as_bytes()));
    let is_element = |name: &&str| {
        let behind = rest.get(1 + name.len());
        begins(&format!("<{name}"))
            && behind.is_some_and(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b'>' | b'/'))
    };
    begins("<!doctype html") || ELEMENTS.iter().any(is_element)
}

/// As characters: UTF-8, whose last character may be cut, or else Latin-1.
fn characters(head: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(head) {
        Ok(text) => text.into(),
        Err(error) if error.error_len().is_none() => String::from_utf8_lossy(&head[..error.valid_up_to()]),
        Err(_) => head.iter().copied().map(char::from).collect::<String>().into(),
    }
}

/// Whether it is XML up to its first element, and declares no entities: with these a small file becomes a huge one when it is read.
fn xml(head: &[u8]) -> Result<(), Unsound> {
    let not_that = |why| Err(Unsound::NotThat { declared: MediaType::Xml, why });
    let text = characters(trimmed(head));
    let mut reader = Reader::from_str(&text);
    let begins_so = text.starts_with("<!") || text.starts_with("<?");
    loop {
        match reader.read_event() {
            // A browser runs the scripts of such a page, whatever it was declared as.
            Ok(Event::Start(root) | Event::Empty(root)) if root.local_name().as_ref().eq_ignore_ascii_case("html") => {
                return Err(Unsound::Other { declared: MediaType::Xml, found: "text/html" });
            }
            Ok(Event::Start(_) | Event::Empty(_)) => return Ok(()),
            Ok(Event::DocType(text)) if text.contains("<!ENTITY") => {
                return not_that("it declares entities of its own: write them out");
            }
            Ok(Event::Decl(_) | Event::DocType(_) | Event::Comment(_) | Event::PI(_)) => {}
            Ok(Event::Text(text)) if text.trim().is_empty() => {}
            // What is before the first element may be longer than what was kept.
            Err(_) | Ok(Event::Eof) if begins_so && head.len() >= super::HEAD => {
                return if text.contains("<!DOCTYPE") { not_that("its document type is too long") } else { Ok(()) };
            }
            _ => return not_that("it begins with no element of XML"),
        }
    }
}
