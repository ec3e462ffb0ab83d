//! Takes a document apart in the order of its schema: each element where it belongs, and nothing else.
//!
//! Invariant: what it doesn't take is a fault that names the place by the elements that the schema has, never by what was sent.
use super::fault::Fault;
use super::names::INSTANCE;
use super::types::{Named, Simple};
use crate::xml::{At, Error, Name, Reader, Tag, Token};

/// Bytes of one value at most, blanks included; the types take less.
const VALUE_BYTES: usize = 4_096;
/// The reason of what does not satisfy the schema.
pub const INVALID: &str = "INVALID_CONTENT";
/// The reason of an element of another namespace.
pub const NAMESPACE: &str = "WRONG_NAMESPACE";

/// What comes next inside of an element that has only elements.
enum Ahead {
    Open(Tag),
    Close,
    End,
}

/// Takes a document apart.
pub struct Decoder<'s> {
    reader: Reader<'s>,
    ahead: Option<Ahead>,
    path: Vec<&'static str>,
    /// What could have stood here, and didn't.
    passed: Vec<(Option<&'static str>, &'static str)>,
}

impl<'s> Decoder<'s> {
    /// Of a document.
    pub fn new(bytes: &'s [u8]) -> Result<Self, Fault> {
        let reader = Reader::new(bytes).map_err(|wrong| Fault::xml(wrong, "/".to_owned()))?;
        Ok(Self { reader, ahead: None, path: vec![], passed: vec![] })
    }

    /// A fault here.
    pub fn fault(&self, reason: &'static str, what: impl Into<String>) -> Fault {
        Fault::client(reason, what).at(self.place(), self.reader.line())
    }

    /// Takes the beginning of an element that has to stand here. `named` is its type, unless that has no name.
    pub fn open(&mut self, name: &'static str, named: Option<Named>) -> Result<(), Fault> {
        if self.open_if(name, named)? { Ok(()) } else { Err(self.misplaced()) }
    }

    /// Takes the beginning of an element if it stands here.
    pub fn open_if(&mut self, name: &'static str, named: Option<Named>) -> Result<bool, Fault> {
        self.open_of(None, name, named)
    }

    /// The same, of an element of a namespace.
    pub fn open_of(
        &mut self,
        space: Option<&'static str>,
        name: &'static str,
        named: Option<Named>,
    ) -> Result<bool, Fault> {
        self.passed.push((space, name));
        let Some(tag) = self.tag_if(|tag| tag.is(space, name))? else { return Ok(false) };
        self.path.push(name);
        self.check(&tag, named)?;
        Ok(true)
    }

    /// Takes the beginning of whatever element is here and is wanted. It belongs to the path only after [`Self::enter`].
    pub fn tag_if(&mut self, wanted: impl FnOnce(&Name) -> bool) -> Result<Option<Tag>, Fault> {
        match self.look()? {
            Ahead::Open(tag) if wanted(&tag.name) => {
                self.passed.clear();
                match self.ahead.take() {
                    Some(Ahead::Open(tag)) => Ok(Some(tag)),
                    _ => Ok(None),
                }
            }
            _ => Ok(None),
        }
    }

    /// Says that what [`Self::tag_if`] took has this name.
    pub fn enter(&mut self, name: &'static str) {
        self.path.push(name);
    }

    /// Takes the end of the element that was opened last.
    pub fn close(&mut self) -> Result<(), Fault> {
        if !matches!(self.look()?, Ahead::Close) {
            return Err(self.misplaced());
        }
        (self.ahead, _) = (None, self.path.pop());
        self.passed.clear();
        Ok(())
    }

    /// Takes the end of the document.
    pub fn end(&mut self) -> Result<(), Fault> {
        if matches!(self.look()?, Ahead::End) { Ok(()) } else { Err(self.misplaced()) }
    }

    /// A value that has to stand here.
    pub fn value<T>(&mut self, name: &'static str, of: &Simple<T>) -> Result<T, Fault> {
        self.optional(name, of)?.ok_or_else(|| self.misplaced())
    }

    /// A value, if it stands here.
    pub fn optional<T>(&mut self, name: &'static str, of: &Simple<T>) -> Result<Option<T>, Fault> {
        if !self.open_if(name, Some(of.named))? {
            return Ok(None);
        }
        let text = self.text()?;
        let collapsed: Vec<&str> = text.split([' ', '\t', '\r', '\n']).filter(|part| !part.is_empty()).collect();
        let value = (of.read)(&collapsed.join(" "));
        let value = value.ok_or_else(|| self.fault(INVALID, format!("`{name}` takes {}", of.takes)))?;
        self.path.pop();
        Ok(Some(value))
    }

    /// Passes over the element whose beginning [`Self::tag_if`] just took, its end included.
    pub fn skip(&mut self) -> Result<(), Fault> {
        let mut depth = 1_usize;
        while depth > 0 {
            match self.token()? {
                Token::Open(_) => depth += 1,
                Token::Close => depth -= 1,
                Token::Text(_) => {}
                Token::End => break,
            }
        }
        Ok(())
    }

    /// That something stands here which doesn't belong here, or that something is missing.
    pub fn misplaced(&mut self) -> Fault {
        let expected = self.passed.iter().map(|(_, name)| format!("`{name}`")).collect::<Vec<_>>().join(" or ");
        let expected = if expected.is_empty() { "nothing more".to_owned() } else { expected };
        let found = match &self.ahead {
            Some(Ahead::Open(tag)) => match self.passed.iter().find(|(_, name)| **name == *tag.name.local) {
                Some((space, name)) => {
                    let of = space.map_or("no namespace here: leave default namespaces out".to_owned(), |it| {
                        format!("the namespace {it}")
                    });
                    return self.fault(NAMESPACE, format!("`{name}` belongs to {of}"));
                }
                None => "an element stands here that does not belong here",
            },
            Some(Ahead::Close) => "the element ends too early",
            Some(Ahead::End) | None => "the document ends too early",
        };
        self.fault(INVALID, format!("{found}: the schema expects {expected}"))
    }

    fn place(&self) -> String {
        format!("/{}", self.path.join("/"))
    }

    fn token(&mut self) -> Result<Token<'s>, Fault> {
        let place = self.place();
        self.reader.next().map_err(|wrong: At<Error>| Fault::xml(wrong, place))
    }

    /// What comes next, blanks passed over.
    fn look(&mut self) -> Result<&Ahead, Fault> {
        let ahead = match self.ahead.take() {
            Some(ahead) => ahead,
            None => loop {
                match self.token()? {
                    Token::Open(tag) => break Ahead::Open(tag),
                    Token::Close => break Ahead::Close,
                    Token::End => break Ahead::End,
                    Token::Text(text) if text.bytes().all(|byte| byte.is_ascii_whitespace()) => {}
                    Token::Text(_) => return Err(self.fault(INVALID, "text stands where only elements belong")),
                }
            },
        };
        Ok(self.ahead.insert(ahead))
    }

    /// The text of the element that was opened last, and its end.
    fn text(&mut self) -> Result<String, Fault> {
        let mut all = String::new();
        loop {
            match self.token()? {
                Token::Text(text) if all.len() + text.len() <= VALUE_BYTES => all.push_str(&text),
                Token::Text(_) => return Err(self.fault(INVALID, "the value is longer than any that the schema takes")),
                Token::Open(_) => return Err(self.fault(INVALID, "an element stands where only a value belongs")),
                Token::Close | Token::End => return Ok(all),
            }
        }
    }

    /// No element of the schemas has attributes or may be nil, so those of XML Schema itself are all that is looked at.
    pub fn check(&self, tag: &Tag, named: Option<Named>) -> Result<(), Fault> {
        for (name, value) in &tag.attributes {
            let wrong = match (name.space.as_deref(), &*name.local) {
                (Some(INSTANCE), "schemaLocation" | "noNamespaceSchemaLocation") => None,
                (Some(INSTANCE), "nil") => Some("no element here may be nil: leave the element out"),
                (Some(INSTANCE), "type") => (!self.is_type(value, named))
                    .then_some("xsi:type is not the type that the schema has here: leave it out"),
                _ => Some("an attribute stands here that the schema does not have"),
            };
            if let Some(wrong) = wrong {
                return Err(self.fault(INVALID, wrong));
            }
        }
        Ok(())
    }

    fn is_type(&self, value: &str, named: Option<Named>) -> bool {
        let value = value.trim();
        let (prefix, name) = value.split_once(':').unwrap_or(("", value));
        let space = self.reader.space_of(prefix);
        named.is_some_and(|named| named.name == name && space.as_deref() == Some(named.space))
    }
}
