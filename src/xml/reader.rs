//! Reads one document, piece by piece, as well-formed XML 1.0 with namespaces in UTF-8.
//!
//! Invariant: the memory of a reader is bounded by constants beside the document itself. An error names what is wrong and a line,
//! never a name or a value of the document. Well-formedness that `quick-xml` leaves to its user (names, characters, what stands
//! outside of the root, duplicate and unbound names) is checked here.
use std::borrow::Cow;
use std::sync::Arc;

use quick_xml::XmlVersion;
use quick_xml::errors::{IllFormedError, SyntaxError};
use quick_xml::events::{BytesDecl, BytesStart, Event};
use quick_xml::reader::Reader as Inner;

use super::writer::is_char;

/// Elements inside of each other.
pub const DEPTH: usize = 32;
/// Attributes of one element, declarations of namespaces included.
const ATTRIBUTES: usize = 32;
/// Namespaces declared at once.
const DECLARED: usize = 128;
/// Bytes of a name or of the URI of a namespace.
const NAME_BYTES: usize = 256;
/// Bytes of the value of an attribute.
const VALUE_BYTES: usize = 2_048;

const XML: &str = "http://www.w3.org/XML/1998/namespace";
const XMLNS: &str = "http://www.w3.org/2000/xmlns/";
const ATTRIBUTE: &str = "an attribute is given twice, or is not in quotes";

/// Why something is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// UTF-16 or UTF-32.
    #[error("this is UTF-16 or UTF-32: send UTF-8")]
    Wide,
    /// Bytes that are no UTF-8, or another encoding announced.
    #[error("this is not UTF-8: send UTF-8, and announce no other encoding")]
    Encoding,
    /// XML 1.1 or another.
    #[error("only XML 1.0 is read: announce version 1.0")]
    Version,
    /// A document type, in which entities could be defined.
    #[error("a document type (DTD) is not read: leave it out")]
    DocumentType,
    /// An entity that XML itself doesn't have.
    #[error("no entities are read beside lt, gt, amp, apos, quot and character references: write the text itself")]
    Entity,
    /// A processing instruction.
    #[error("processing instructions are not read: leave them out")]
    Instruction,
    /// Elements too deep inside of each other.
    #[error("more than {DEPTH} elements stand inside of each other: send what the schema says")]
    Depth,
    /// More attributes or namespaces than are read, or longer names.
    #[error("more attributes, more namespaces or longer names than are read: send what the schema says")]
    Names,
    /// Not well formed.
    #[error("this is no well-formed XML: {0}")]
    Malformed(&'static str),
}

/// Something wrong, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct At<E> {
    /// What.
    pub error: E,
    /// In which line, from 1.
    pub line: usize,
}

/// A name with its namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// The namespace, when it has one.
    pub space: Option<Arc<str>>,
    /// The name in it.
    pub local: Box<str>,
}

impl Name {
    /// Whether it is this name.
    pub fn is(&self, space: Option<&str>, local: &str) -> bool {
        &*self.local == local && self.space.as_deref() == space
    }
}

/// The beginning of an element.
#[derive(Clone, Debug)]
pub struct Tag {
    /// Its name.
    pub name: Name,
    /// Its attributes, without the declarations of namespaces.
    pub attributes: Vec<(Name, Box<str>)>,
}

/// A piece of a document.
#[derive(Clone, Debug)]
pub enum Token<'s> {
    /// An element begins.
    Open(Tag),
    /// The last element that began ends.
    Close,
    /// Text. It may come in several pieces.
    Text(Cow<'s, str>),
    /// The document ends.
    End,
}

/// Reads a document.
pub struct Reader<'s> {
    source: &'s str,
    inner: Inner<&'s [u8]>,
    /// Declared namespaces: at which depth, prefix and URI.
    declared: Vec<(usize, Box<str>, Arc<str>)>,
    depth: usize,
    begun: bool,
    rooted: bool,
}

impl<'s> Reader<'s> {
    /// Of bytes that are UTF-8, with or without a mark at the beginning.
    pub fn new(bytes: &'s [u8]) -> Result<Self, At<Error>> {
        let at_once = |error| At { error, line: 1 };
        if matches!(bytes, [0xFE, 0xFF, ..] | [0xFF, 0xFE, ..] | [0, ..] | [_, 0, ..]) {
            return Err(at_once(Error::Wide));
        }
        let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        let source = std::str::from_utf8(bytes)
            .map_err(|wrong| At { error: Error::Encoding, line: line(bytes, wrong.valid_up_to()) })?;
        if let Some((place, _)) = source.char_indices().find(|(_, character)| !is_char(*character)) {
            let error = Error::Malformed("it has a character that XML can't have");
            return Err(At { error, line: line(bytes, place) });
        }
        let mut inner = Inner::from_str(source);
        let config = inner.config_mut();
        config.expand_empty_elements = true;
        config.enable_all_checks(true);
        Ok(Self { source, inner, declared: vec![], depth: 0, begun: false, rooted: false })
    }

    /// The line that was read last, from 1.
    pub fn line(&self) -> usize {
        line(self.source.as_bytes(), usize::try_from(self.inner.buffer_position()).unwrap_or(usize::MAX))
    }

    /// The next piece.
    #[allow(clippy::should_implement_trait, reason = "it can fail, and says when it is at the end")]
    pub fn next(&mut self) -> Result<Token<'s>, At<Error>> {
        self.piece().map_err(|error| At { error, line: self.line() })
    }

    /// The namespace of a prefix, in force where the reader is; the empty prefix is the default one.
    pub fn space_of(&self, prefix: &str) -> Option<Arc<str>> {
        if prefix == "xml" {
            return Some(XML.into());
        }
        let last = self.declared.iter().rev().find(|(_, declared, _)| **declared == *prefix);
        last.map(|(_, _, space)| Arc::clone(space)).filter(|space| !space.is_empty())
    }

    fn piece(&mut self) -> Result<Token<'s>, Error> {
        loop {
            let event = self.inner.read_event().map_err(|error| why(&error))?;
            let first = !std::mem::replace(&mut self.begun, true);
            match event {
                Event::Start(start) => return self.start(&start).map(Token::Open),
                Event::End(_) => {
                    self.declared.retain(|(depth, _, _)| *depth < self.depth);
                    self.depth -= 1;
                    return Ok(Token::Close);
                }
                Event::Text(text) => {
                    if text.contains("]]>") {
                        return Err(Error::Malformed("a text has `]]>`"));
                    }
                    let blank = text.bytes().all(|byte| byte.is_ascii_whitespace());
                    if self.depth > 0 {
                        return Ok(Token::Text(text.xml10_content()));
                    } else if !blank {
                        return Err(Error::Malformed("text stands outside of the root element"));
                    }
                }
                Event::CData(text) if self.depth > 0 => return Ok(Token::Text(text.xml10_content())),
                Event::GeneralRef(reference) if self.depth > 0 => {
                    return referred(&reference).map(|character| Token::Text(Cow::Owned(character.into())));
                }
                Event::CData(_) | Event::GeneralRef(_) => {
                    return Err(Error::Malformed("text stands outside of the root element"));
                }
                Event::Comment(_) => {}
                Event::Decl(declaration) if first => declared(&declaration)?,
                Event::Decl(_) => {
                    return Err(Error::Malformed("an XML declaration stands elsewhere than at the beginning"));
                }
                Event::PI(_) => return Err(Error::Instruction),
                Event::DocType(_) => return Err(Error::DocumentType),
                Event::Empty(_) => return Err(Error::Malformed("an element is neither begun nor ended")),
                Event::Eof if self.rooted && self.depth == 0 => return Ok(Token::End),
                Event::Eof => return Err(Error::Malformed("it ends before its root element does")),
            }
        }
    }

    fn start(&mut self, start: &BytesStart<'_>) -> Result<Tag, Error> {
        if self.depth == 0 && std::mem::replace(&mut self.rooted, true) {
            return Err(Error::Malformed("a second element stands beside the root element"));
        }
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(Error::Depth);
        }
        if !are_apart(start.attributes_raw()) {
            return Err(Error::Malformed("two attributes have no space between them"));
        }
        let mut others = vec![];
        // The iterator compares each name with those before: bounded, since so few are taken.
        for (count, attribute) in start.attributes().enumerate() {
            let attribute = attribute.map_err(|_| Error::Malformed(ATTRIBUTE))?;
            let (name, raw) = (attribute.key.0, &*attribute.value);
            if count == ATTRIBUTES || raw.len() > VALUE_BYTES {
                return Err(Error::Names);
            }
            if raw.contains('<') {
                return Err(Error::Malformed("the value of an attribute has `<`"));
            }
            let value = attribute.normalized_value(XmlVersion::Explicit1_0).map_err(|_| Error::Entity)?;
            if !value.chars().all(is_char) {
                return Err(Error::Malformed("it refers to a character that XML can't have"));
            }
            match name.strip_prefix("xmlns") {
                Some("") => self.declare("", &value)?,
                Some(prefix) if prefix.starts_with(':') => self.declare(&prefix[1..], &value)?,
                _ => others.push((name, value.into_owned())),
            }
        }
        let name = self.name(start.name().0, true)?;
        let mut attributes: Vec<(Name, Box<str>)> = vec![];
        for (raw, value) in others {
            let name = self.name(raw, false)?;
            if attributes.iter().any(|(other, _)| *other == name) {
                return Err(Error::Malformed(ATTRIBUTE));
            }
            attributes.push((name, value.into()));
        }
        Ok(Tag { name, attributes })
    }

    fn declare(&mut self, prefix: &str, space: &str) -> Result<(), Error> {
        let reserved = |text: &str| matches!(text, "xmlns" | XMLNS);
        if reserved(prefix) || reserved(space) || (prefix == "xml") != (space == XML) {
            return Err(Error::Malformed("a prefix or namespace of XML itself is declared"));
        }
        if !prefix.is_empty() && (space.is_empty() || !is_name(prefix)) {
            return Err(Error::Malformed("a prefix is declared without a namespace, or is no name"));
        }
        if self.declared.len() == DECLARED || prefix.len() > NAME_BYTES || space.len() > NAME_BYTES {
            return Err(Error::Names);
        }
        self.declared.push((self.depth, prefix.into(), space.into()));
        Ok(())
    }

    fn name(&self, raw: &str, element: bool) -> Result<Name, Error> {
        if raw.len() > NAME_BYTES {
            return Err(Error::Names);
        }
        let (prefix, local) = raw.split_once(':').map_or((None, raw), |(prefix, local)| (Some(prefix), local));
        if !is_name(local) || prefix.is_some_and(|prefix| !is_name(prefix)) {
            return Err(Error::Malformed("an element or attribute has a name that is none"));
        }
        let space = match prefix {
            Some(prefix) => {
                Some(self.space_of(prefix).ok_or(Error::Malformed("a prefix has no namespace: declare it"))?)
            }
            None if element => self.space_of(""),
            None => None,
        };
        Ok(Name { space, local: local.into() })
    }
}

/// Whether a blank follows each value in quotes, unless nothing does.
fn are_apart(attributes: &str) -> bool {
    let mut quote = None;
    let mut ended = false;
    for byte in attributes.bytes() {
        if ended && !byte.is_ascii_whitespace() {
            return false;
        }
        ended = quote == Some(byte);
        match quote {
            Some(_) if ended => quote = None,
            None if matches!(byte, b'"' | b'\'') => quote = Some(byte),
            _ => {}
        }
    }
    true
}

/// The rules of names, without the tables of XML for what is beyond ASCII: no name of ours is there.
fn is_name(text: &str) -> bool {
    let starts = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80;
    let goes_on = |byte: u8| starts(byte) || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
    let mut bytes = text.bytes();
    bytes.next().is_some_and(starts) && bytes.all(goes_on)
}

/// The character of a reference.
fn referred(reference: &quick_xml::events::BytesRef<'_>) -> Result<char, Error> {
    if reference.is_char_ref() {
        let character = reference.resolve_char_ref().ok().flatten().filter(|character| is_char(*character));
        return character.ok_or(Error::Malformed("it refers to a character that XML can't have"));
    }
    match &**reference {
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "amp" => Ok('&'),
        "apos" => Ok('\''),
        "quot" => Ok('"'),
        _ => Err(Error::Entity),
    }
}

fn declared(declaration: &BytesDecl<'_>) -> Result<(), Error> {
    if declaration.version().ok().as_deref() != Some("1.0") {
        return Err(Error::Version);
    }
    match declaration.encoding() {
        None => Ok(()),
        Some(Ok(name)) if name.eq_ignore_ascii_case("utf-8") || name.eq_ignore_ascii_case("us-ascii") => Ok(()),
        Some(_) => Err(Error::Encoding),
    }
}

/// What the parser found, without the names that it quotes.
fn why(error: &quick_xml::Error) -> Error {
    use quick_xml::Error as Found;
    match error {
        Found::Syntax(SyntaxError::UnclosedDoctype) | Found::IllFormed(IllFormedError::MissingDoctypeName) => {
            Error::DocumentType
        }
        Found::Syntax(_) => Error::Malformed("a tag, comment or text is not closed"),
        Found::IllFormed(IllFormedError::MismatchedEndTag { .. } | IllFormedError::UnmatchedEndTag(_)) => {
            Error::Malformed("an element is ended that was not the last to begin")
        }
        Found::IllFormed(IllFormedError::DoubleHyphenInComment) => Error::Malformed("a comment has `--`"),
        Found::IllFormed(IllFormedError::UnclosedReference) => {
            Error::Malformed("an ampersand begins no reference: write &amp;")
        }
        _ => Error::Malformed("it can't be read as XML"),
    }
}

fn line(bytes: &[u8], place: usize) -> usize {
    1 + memchr::memchr_iter(b'\n', &bytes[..place.min(bytes.len())]).count()
}

#[cfg(test)]
mod tests;
