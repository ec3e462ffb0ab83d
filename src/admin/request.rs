//! From bytes to commands: RESP arrays of bulk strings, and lines as people type them into `nc`.
//!
//! Invariant: what can't become a command is refused as soon as its lengths are known, never kept
//! while more arrives. Own code and not the crate's decoder: that one takes nested arrays, at the
//! cost of the stack, and tells a length beyond the cap from a half frame by nothing.

/// Bytes of a command at most, with what is around its arguments.
pub const MOST_BYTES: usize = 64 * 1024;
/// Arguments of a command at most, its name included.
const MOST_ARGUMENTS: usize = 1_024;

/// Why bytes are no command. The connection ends: nobody knows where the next one would begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// More than [`MOST_BYTES`].
    #[error("protocol error: a command has at most 65536 bytes")]
    TooLong,
    /// More than [`MOST_ARGUMENTS`].
    #[error("protocol error: a command has at most 1024 arguments")]
    TooMany,
    /// A length that is no number.
    #[error("protocol error: a length is a number of digits and ends with CR LF")]
    Length,
    /// Something else than a bulk string in the array.
    #[error("protocol error: a command is an array of bulk strings, such as *1 CR LF $4 CR LF PING CR LF")]
    NotBulk,
    /// A quote without its other.
    #[error("protocol error: a quote is not closed, or is followed by something else than a space")]
    Quotes,
    /// Somebody speaks HTTP: a browser may have been sent here.
    #[error("protocol error: this port speaks RESP; HTTP is at another")]
    Http,
}

/// A command and how many bytes it took; `None` while it is not whole.
/// Arguments are bytes: what is echoed need not be text.
pub type Next = Result<Option<(Vec<Vec<u8>>, usize)>, Error>;

/// The next command in `bytes`. An empty list of arguments is to be passed over.
pub fn next(bytes: &[u8]) -> Next {
    let found = match bytes.first() {
        None => return Ok(None),
        Some(b'*') => array(bytes)?,
        Some(_) => inline(bytes)?,
    };
    match found {
        None if bytes.len() >= MOST_BYTES => Err(Error::TooLong),
        Some((_, length)) if length > MOST_BYTES => Err(Error::TooLong),
        found => Ok(found),
    }
}

/// The number behind a type byte at `from`, and where the next line begins.
fn length(bytes: &[u8], from: usize) -> Result<Option<(i64, usize)>, Error> {
    // Sign, digits and CR LF of a number that can matter here.
    const LONGEST: usize = 12;
    let rest = &bytes[from + 1..];
    let Some(end) = rest.iter().take(LONGEST).position(|byte| *byte == b'\n') else {
        return if rest.len() >= LONGEST { Err(Error::Length) } else { Ok(None) };
    };
    let digits = rest[..end].strip_suffix(b"\r").ok_or(Error::Length)?;
    let number = std::str::from_utf8(digits).ok().and_then(|text| text.parse().ok()).ok_or(Error::Length)?;
    Ok(Some((number, from + 1 + end + 1)))
}

fn array(bytes: &[u8]) -> Next {
    let Some((count, mut at)) = length(bytes, 0)? else { return Ok(None) };
    let count = usize::try_from(count).unwrap_or(0);
    if count > MOST_ARGUMENTS {
        return Err(Error::TooMany);
    }
    let mut arguments = Vec::with_capacity(count);
    for _ in 0..count {
        match bytes.get(at) {
            None => return Ok(None),
            Some(b'$') => {}
            Some(_) => return Err(Error::NotBulk),
        }
        let Some((size, start)) = length(bytes, at)? else { return Ok(None) };
        let size = usize::try_from(size).map_err(|_| Error::Length)?;
        if size > MOST_BYTES || start + size + 2 > MOST_BYTES {
            return Err(Error::TooLong);
        }
        let Some(text) = bytes.get(start..start + size) else { return Ok(None) };
        match bytes.get(start + size..start + size + 2) {
            None => return Ok(None),
            Some(b"\r\n") => {}
            Some(_) => return Err(Error::Length),
        }
        arguments.push(text.to_vec());
        at = start + size + 2;
    }
    Ok(Some((arguments, at)))
}

fn inline(bytes: &[u8]) -> Next {
    let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else { return Ok(None) };
    let line = String::from_utf8_lossy(bytes[..end].strip_suffix(b"\r").unwrap_or(&bytes[..end]));
    let arguments = words(&line)?;
    let is_http = arguments.last().is_some_and(|last| last.starts_with("HTTP/"))
        || arguments.first().is_some_and(|first| first.eq_ignore_ascii_case("host:"));
    if is_http {
        Err(Error::Http)
    } else {
        Ok(Some((arguments.into_iter().map(String::into_bytes).collect(), end + 1)))
    }
}

/// Splits a line at spaces; quotes keep them together. Inside double quotes a backslash escapes
/// (`\n`, `\t`, `\xHH`, the quote), inside single ones only `\'`.
fn words(line: &str) -> Result<Vec<String>, Error> {
    let mut words = Vec::new();
    let mut rest = line.chars().peekable();
    loop {
        while rest.next_if(|c| c.is_whitespace()).is_some() {}
        let Some(first) = rest.peek().copied() else { return Ok(words) };
        let mut word = String::new();
        if first == '"' || first == '\'' {
            rest.next();
            quoted(first, &mut rest, &mut word)?;
            if rest.peek().is_some_and(|c| !c.is_whitespace()) {
                return Err(Error::Quotes);
            }
        } else {
            while let Some(c) = rest.next_if(|c| !c.is_whitespace()) {
                word.push(c);
            }
        }
        words.push(word);
    }
}

fn quoted(quote: char, rest: &mut impl Iterator<Item = char>, word: &mut String) -> Result<(), Error> {
    while let Some(c) = rest.next() {
        match c {
            _ if c == quote => return Ok(()),
            '\\' => {
                let escaped = rest.next().ok_or(Error::Quotes)?;
                match escaped {
                    _ if quote == '\'' && escaped != '\'' => word.extend(['\\', escaped]),
                    'n' => word.push('\n'),
                    'r' => word.push('\r'),
                    't' => word.push('\t'),
                    'x' => {
                        let mut digit = || rest.next().and_then(|c| c.to_digit(16)).ok_or(Error::Quotes);
                        let byte = digit()? * 16 + digit()?;
                        word.push(char::from_u32(byte).ok_or(Error::Quotes)?);
                    }
                    other => word.push(other),
                }
            }
            _ => word.push(c),
        }
    }
    Err(Error::Quotes)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use proptest::prelude::*;

    use super::*;

    fn one(bytes: &[u8]) -> Vec<String> {
        let words = next(bytes).unwrap().unwrap().0;
        words.into_iter().map(|word| String::from_utf8(word).unwrap()).collect()
    }

    #[test]
    fn a_line_is_split_at_spaces_and_quotes_keep_them() {
        for (line, expected) in [
            ("PING\n", vec!["PING"]),
            ("  find  mobile \"0470 12 34 56\"\r\n", vec!["find", "mobile", "0470 12 34 56"]),
            ("echo 'it\\'s' \"\\x41\\n\"\n", vec!["echo", "it's", "A\n"]),
            ("\r\n", vec![]),
            ("echo \"\"\n", vec!["echo", ""]),
        ] {
            assert_eq!(one(line.as_bytes()), expected, "{line:?}");
        }
        for wrong in ["echo \"a\n", "echo 'a'b\n", "echo \"\\x4\"\n"] {
            assert_eq!(next(wrong.as_bytes()), Err(Error::Quotes), "{wrong:?}");
        }
    }

    #[test]
    fn a_length_beyond_the_cap_is_refused_before_its_bytes_arrive() {
        assert_eq!(next(b"*1\r\n$70000\r\n"), Err(Error::TooLong));
        assert_eq!(next(b"*2\r\n$1\r\na\r\n$99999999999\r\n"), Err(Error::Length));
        assert_eq!(next(b"*5000\r\n"), Err(Error::TooMany));
        assert_eq!(next(b"*1\r\n*1\r\n"), Err(Error::NotBulk));
        assert_eq!(next(b"*1\r\n$-1\r\n"), Err(Error::Length));
        assert_eq!(next(&vec![b'a'; MOST_BYTES]), Err(Error::TooLong));
        assert_eq!(next(b"GET / HTTP/1.1\r\n"), Err(Error::Http));
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_command_or_not_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = next(&bytes);
            let _ = next(&[b"*2\r\n$", &bytes[..]].concat());
        }

        #[test]
        fn a_frame_is_not_taken_before_it_is_whole(words in prop::collection::vec("[ -~]{0,20}", 1..5), tail in "[*$a-z]{0,3}") {
            let mut frame = format!("*{}\r\n", words.len());
            for word in &words {
                let _ = write!(frame, "${}\r\n{word}\r\n", word.len());
            }
            for end in 0..frame.len() {
                prop_assert_eq!(next(&frame.as_bytes()[..end]), Ok(None));
            }
            let length = frame.len();
            frame += &tail;
            let words = words.into_iter().map(String::into_bytes).collect();
            prop_assert_eq!(next(frame.as_bytes()), Ok(Some((words, length))));
        }
    }
}
