//! Whether bytes are text, told while they stream by.
//!
//! Text is UTF-8 or Latin-1, in the form in which it is met (Windows-1252), and has no control characters but tab, line feed, form
//! feed and carriage return.

/// Bytes of a character of UTF-8 at most.
const CHARACTER: usize = 4;

/// What the bytes can still be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    is_utf8: bool,
    /// As UTF-8 it has no control characters.
    is_printed: bool,
    is_latin1: bool,
    /// The beginning of a character whose rest is to come.
    begun: Vec<u8>,
}

impl Default for Text {
    fn default() -> Self {
        Self { is_utf8: true, is_printed: true, is_latin1: true, begun: Vec::new() }
    }
}

impl Text {
    /// The next bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.is_latin1 = self.is_latin1 && bytes.iter().all(|byte| is_latin1(*byte));
        // What has no good end any more is not looked at.
        if self.is_utf8 && (self.is_printed || self.is_latin1) {
            self.is_utf8 = self.push_utf8(bytes);
        }
    }

    /// Whether all of it is text.
    pub fn is_text(&self) -> bool {
        if self.is_utf8 && self.begun.is_empty() { self.is_printed } else { self.is_latin1 }
    }

    fn take(&mut self, text: &str) {
        let is_printed = if text.is_ascii() { text.bytes().all(is_ascii_text) } else { text.chars().all(is_printed) };
        self.is_printed = self.is_printed && is_printed;
    }

    fn push_utf8(&mut self, mut bytes: &[u8]) -> bool {
        // A character that was cut is put together first.
        while !self.begun.is_empty() {
            let Some((first, rest)) = bytes.split_first() else { return true };
            self.begun.push(*first);
            bytes = rest;
            match std::str::from_utf8(&self.begun) {
                Ok(text) => {
                    self.is_printed = self.is_printed && text.chars().all(is_printed);
                    self.begun.clear();
                }
                Err(error) if error.error_len().is_none() && self.begun.len() < CHARACTER => {}
                _ => return false,
            }
        }
        let whole = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) if error.error_len().is_none() => {
                let (whole, begun) = bytes.split_at(error.valid_up_to());
                self.begun = begun.to_vec();
                std::str::from_utf8(whole).unwrap_or_default()
            }
            Err(_) => return false,
        };
        self.take(whole);
        true
    }
}

fn is_ascii_text(byte: u8) -> bool {
    matches!(byte, b'\t' | b'\n' | b'\x0c' | b'\r' | b' '..=b'~')
}

/// In Windows-1252 five of the upper half are nothing.
fn is_latin1(byte: u8) -> bool {
    is_ascii_text(byte) || (byte >= 0x80 && !matches!(byte, 0x81 | 0x8d | 0x8f | 0x90 | 0x9d))
}

fn is_printed(c: char) -> bool {
    // A line of its own in files from mainframes.
    !c.is_control() || matches!(c, '\t' | '\n' | '\x0c' | '\r' | '\u{85}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn is_text(bytes: &[u8]) -> bool {
        let mut text = Text::default();
        text.push(bytes);
        text.is_text()
    }

    #[test]
    fn text_is_utf8_or_latin1_without_control_characters() {
        for good in ["Été à Liège\r\n\tœuvre €", "\u{feff}a", "日本", ""] {
            assert!(is_text(good.as_bytes()), "{good}");
        }
        assert!(is_text(b"caf\xe9 \x80 12"), "Windows-1252");
        for bad in [&b"a\0b"[..], b"\x1b[31m", b"a\x7f", b"\xff\xfea\0", b"caf\xe9 \x81", "a\u{9b}b".as_bytes()] {
            assert!(!is_text(bad), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn cut_anywhere_it_is_the_same(bytes in proptest::collection::vec(any::<u8>(), 0..40), cut in 0_usize..40) {
            let (first, rest) = bytes.split_at(cut.min(bytes.len()));
            let mut text = Text::default();
            text.push(first);
            text.push(rest);
            prop_assert_eq!(text.is_text(), is_text(&bytes));
        }

        #[test]
        fn what_is_written_in_any_script_is_text(text in "[\\PC\n\t]{0,60}", cut in 0_usize..60) {
            let bytes = text.as_bytes();
            let (first, rest) = bytes.split_at(cut.min(bytes.len()));
            let mut pushed = Text::default();
            pushed.push(first);
            pushed.push(rest);
            prop_assert!(pushed.is_text());
        }
    }
}
