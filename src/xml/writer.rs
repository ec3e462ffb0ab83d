//! Writes elements in UTF-8. The same calls make the same bytes.
use std::fmt::Display;

/// A document in the making. Names are the program's own and are written as they are; values are escaped.
#[derive(Debug, Default)]
pub struct Writer {
    text: String,
}

impl Writer {
    /// Begins with the XML declaration.
    pub fn document() -> Self {
        Self { text: "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned() }
    }

    /// Begins an element.
    pub fn open(&mut self, name: &str) {
        self.open_with(name, &[]);
    }

    /// Begins an element with attributes.
    pub fn open_with(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.text.push('<');
        self.text.push_str(name);
        for (name, value) in attributes {
            self.text.push(' ');
            self.text.push_str(name);
            self.text.push_str("=\"");
            escape(value, true, &mut self.text);
            self.text.push('"');
        }
        self.text.push('>');
    }

    /// Ends an element.
    pub fn close(&mut self, name: &str) {
        self.text.push_str("</");
        self.text.push_str(name);
        self.text.push('>');
    }

    /// An element with a value.
    pub fn value(&mut self, name: &str, value: impl Display) {
        self.value_with(name, &[], value);
    }

    /// An element with attributes and a value.
    pub fn value_with(&mut self, name: &str, attributes: &[(&str, &str)], value: impl Display) {
        self.open_with(name, attributes);
        escape(&value.to_string(), false, &mut self.text);
        self.close(name);
    }

    /// An element with a value, where there is one.
    pub fn optional(&mut self, name: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.value(name, value);
        }
    }

    /// An element with all that `inside` writes.
    pub fn element(&mut self, name: &str, inside: impl FnOnce(&mut Self)) {
        self.open(name);
        inside(self);
        self.close(name);
    }

    /// A new line, where blanks mean nothing.
    pub fn line(&mut self) {
        self.text.push('\n');
    }

    /// The bytes.
    pub fn finish(self) -> Vec<u8> {
        self.text.into_bytes()
    }
}

/// Whether XML 1.0 can hold a character at all.
pub(super) const fn is_char(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | ' '..='\u{FFFD}' | '\u{10000}'..)
}

/// What XML can't hold is written as U+FFFD; white space that a reader would change, as a reference.
fn escape(value: &str, attribute: bool, into: &mut String) {
    for character in value.chars() {
        match character {
            '&' => into.push_str("&amp;"),
            '<' => into.push_str("&lt;"),
            '>' => into.push_str("&gt;"),
            '"' if attribute => into.push_str("&quot;"),
            '\t' if attribute => into.push_str("&#9;"),
            '\n' if attribute => into.push_str("&#10;"),
            '\r' => into.push_str("&#13;"),
            other if is_char(other) => into.push(other),
            _ => into.push(char::REPLACEMENT_CHARACTER),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Reader, Token};
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_is_read_again_as_it_was(value in any::<String>(), attribute in any::<String>()) {
            let mut writer = Writer::document();
            writer.value_with("a", &[("b", &attribute)], &value);
            let written = String::from_utf8(writer.finish()).unwrap();
            let mut reader = Reader::new(written.as_bytes()).unwrap();
            let kept = |text: &str| text.chars().map(|it| if is_char(it) { it } else { '\u{FFFD}' }).collect::<String>();
            let Token::Open(tag) = reader.next().unwrap() else { panic!("no element") };
            prop_assert_eq!(tag.attributes[0].1.to_string(), kept(&attribute));
            let mut text = String::new();
            loop {
                match reader.next().unwrap() {
                    Token::Text(piece) => text.push_str(&piece),
                    Token::Close => break,
                    _ => panic!("more than text"),
                }
            }
            prop_assert_eq!(text, kept(&value));
        }
    }
}
