//! Which bytes of a content are asked for, and under which name they are saved.
//!
//! Sources: RFC 9110 (14, ranges; 13, conditions), RFC 6266 and RFC 8187 (names).
use std::fmt::Write;
use std::ops::Range;

use actix_web::HttpRequest;
use actix_web::http::header::{self, ByteRangeSpec};

/// What is to be given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// All of it.
    Whole,
    /// These bytes.
    Part(Range<u64>),
    /// Nothing: the caller has it as it is.
    Unchanged,
    /// None of these bytes is in it.
    Beyond,
}

/// What a request wants of a content of so many bytes. Several ranges at once are answered with all of it, as is a range that can't be
/// read, or one of a content that changed (`If-Range`).
pub fn wanted(request: &HttpRequest, tag: Option<&str>, size: u64) -> Wanted {
    let text = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    let is_known =
        |given: &str| tag.is_some_and(|tag| given.split(',').any(|one| one.trim().trim_start_matches("W/") == tag));
    if text(header::IF_NONE_MATCH).is_some_and(|given| given.trim() == "*" || is_known(given)) {
        return Wanted::Unchanged;
    }
    let is_same = text(header::IF_RANGE).is_none_or(|given| tag == Some(given.trim()));
    let range = text(header::RANGE).filter(|_| is_same).and_then(|range| range.parse::<header::Range>().ok());
    match range {
        Some(header::Range::Bytes(ranges)) if ranges.len() == 1 => {
            ranges.first().map_or(Wanted::Whole, |one| part(one, size))
        }
        _ => Wanted::Whole,
    }
}

fn part(range: &ByteRangeSpec, size: u64) -> Wanted {
    // A range that ends before it begins is none, and is passed over.
    if matches!(range, ByteRangeSpec::FromTo(from, to) if from > to) {
        return Wanted::Whole;
    }
    match range.to_satisfiable_range(size) {
        Some((from, to)) => Wanted::Part(from..to + 1),
        None => Wanted::Beyond,
    }
}

/// `Content-Disposition` for a file that is to be saved: the name in ASCII for old programs, and as it is.
pub fn disposition(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '%' | ';' | '\'') || c == ' ';
    let plain: String = name.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
    let mut encoded = String::with_capacity(name.len());
    for byte in name.bytes() {
        // attr-char of RFC 8187.
        if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string can't fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn one_range_is_given_and_what_can_not_be_read_is_no_range() {
        let of = |range: &str| wanted(&TestRequest::get().insert_header(("Range", range)).to_http_request(), None, 100);
        for (range, expected) in [
            ("bytes=0-9", Wanted::Part(0..10)),
            ("bytes=90-", Wanted::Part(90..100)),
            ("bytes=90-1000", Wanted::Part(90..100)),
            ("bytes=-10", Wanted::Part(90..100)),
            ("bytes=-1000", Wanted::Part(0..100)),
            ("bytes=100-", Wanted::Beyond),
            ("bytes=-0", Wanted::Beyond),
            ("bytes=9-0", Wanted::Whole),
            ("bytes=0-1,5-6", Wanted::Whole),
            ("lines=0-1", Wanted::Whole),
            ("bytes=a-b", Wanted::Whole),
            ("bytes=18446744073709551616-", Wanted::Whole),
        ] {
            assert_eq!(of(range), expected, "{range}");
        }
        let empty = TestRequest::get().insert_header(("Range", "bytes=0-")).to_http_request();
        assert_eq!(wanted(&empty, None, 0), Wanted::Beyond);
    }

    #[test]
    fn who_has_it_gets_nothing_and_who_has_another_gets_all() {
        let of = |name: &'static str, value: &str| {
            let request = TestRequest::get().insert_header(("Range", "bytes=0-9")).insert_header((name, value));
            wanted(&request.to_http_request(), Some("\"a\""), 100)
        };
        assert_eq!(of("If-None-Match", "\"b\", \"a\""), Wanted::Unchanged);
        assert_eq!(of("If-None-Match", "W/\"a\""), Wanted::Unchanged);
        assert_eq!(of("If-None-Match", "*"), Wanted::Unchanged);
        assert_eq!(of("If-None-Match", "\"b\""), Wanted::Part(0..10));
        assert_eq!(of("If-Range", "\"a\""), Wanted::Part(0..10));
        assert_eq!(of("If-Range", "\"b\""), Wanted::Whole);
        assert_eq!(of("If-Range", "Sat, 28 Nov 2026 10:00:00 GMT"), Wanted::Whole);
    }

    #[test]
    fn a_name_can_not_end_its_header_or_add_to_it() {
        assert_eq!(disposition("a b.pdf"), "attachment; filename=\"a b.pdf\"; filename*=UTF-8''a%20b.pdf");
        assert_eq!(disposition("été.pdf"), "attachment; filename=\"_t_.pdf\"; filename*=UTF-8''%C3%A9t%C3%A9.pdf");
        let hostile = disposition("a\"; x=\"\r\nSet-Cookie: y\\%41.pdf");
        assert!(
            hostile.is_ascii() && !hostile.contains(['\r', '\n', '\\']) && hostile.matches('"').count() == 2,
            "{hostile}"
        );
    }
}
