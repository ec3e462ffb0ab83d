//! Requests made from a template: a method, a path, headers and a body with placeholders in double braces.
//!
//! Invariant: a template is understood once, before the clock runs; a placeholder that is not known is an error that names it. What a
//! placeholder becomes follows from the request's number, but for the version 4 UUID and ids that others were given.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, bail, ensure};
use estafette_loadtest::{Chance, cbe, mobile, niss};

/// Ids of a sender that are remembered, the latest.
const IDS: usize = 100_000;

/// What a placeholder stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(Box<str>),
    /// The number of the request, from 0.
    Seq,
    /// A mobile number of its own, with a plus sign.
    Mobile,
    /// The same, digits only.
    MobileDigits,
    /// A NISS of its own.
    Niss,
    /// A CBE number of its own.
    Cbe,
    /// A version 4 UUID.
    Uuid,
    /// The id of an earlier message.
    Id,
}

/// The placeholders, as they are written.
pub const PLACEHOLDERS: [&str; 7] = ["seq", "mobile", "mobile_digits", "niss", "cbe", "uuid", "id"];

fn understand(text: &str) -> anyhow::Result<Vec<Piece>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}").with_context(|| format!("{{{{ is not closed: {before}{{{{"))?;
        if !before.is_empty() {
            pieces.push(Piece::Text(before.into()));
        }
        pieces.push(match name.trim() {
            "seq" => Piece::Seq,
            "mobile" => Piece::Mobile,
            "mobile_digits" => Piece::MobileDigits,
            "niss" => Piece::Niss,
            "cbe" => Piece::Cbe,
            "uuid" => Piece::Uuid,
            "id" => Piece::Id,
            other => bail!("{{{{{other}}}}} is not known: there are {}", PLACEHOLDERS.join(", ")),
        });
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest.into()));
    }
    Ok(pieces)
}

/// A request with its placeholders.
#[derive(Clone, Debug)]
pub struct Template {
    /// From the method to the end of the headers that are given.
    head: Vec<Piece>,
    body: Vec<Piece>,
}

/// Which request of a template is made.
#[derive(Clone, Copy)]
pub struct Turn<'a> {
    /// Its number, from 0.
    pub number: u64,
    /// The index of its recipient among all that can be generated.
    pub recipient: u64,
    /// What ids are taken from.
    pub ids: Option<&'a Ids>,
}

impl Template {
    /// Understands a request to `host`; `headers` in their order.
    pub fn new(
        method: &str,
        host: &str,
        path: &str,
        headers: &[(String, String)],
        body: Option<&str>,
    ) -> anyhow::Result<Self> {
        ensure!(
            method.bytes().all(|byte| byte.is_ascii_uppercase()) && !method.is_empty(),
            "method: give one such as GET"
        );
        let is_line = |text: &str| !text.bytes().any(|byte| byte.is_ascii_control());
        ensure!(path.starts_with('/') && !path.contains(' ') && is_line(path), "path: begin with /, and escape spaces");
        let mut head = format!("{method} {path} HTTP/1.1\r\n");
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            write!(head, "Host: {host}\r\n")?;
        }
        for (name, value) in headers {
            let is_name =
                !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.!".contains(&byte));
            ensure!(is_name && is_line(value), "headers.{name}: no header can be called or say that");
            ensure!(
                !["content-length", "transfer-encoding", "connection"].iter().any(|own| name.eq_ignore_ascii_case(own)),
                "headers.{name}: this header is made by the program: leave it out"
            );
            write!(head, "{name}: {value}\r\n")?;
        }
        Ok(Self { head: understand(&head)?, body: body.map(understand).transpose()?.unwrap_or_default() })
    }

    /// Whether it names ids that others were given.
    pub fn wants_ids(&self) -> bool {
        self.pieces().any(|piece| *piece == Piece::Id)
    }

    /// Whether it names recipients of its own.
    pub fn wants_recipients(&self) -> bool {
        self.pieces().any(|piece| matches!(piece, Piece::Mobile | Piece::MobileDigits | Piece::Niss))
    }

    fn pieces(&self) -> impl Iterator<Item = &Piece> {
        self.head.iter().chain(&self.body)
    }

    /// The bytes of one request; fails when it needs an id and there is none yet.
    pub fn make(&self, turn: Turn<'_>) -> anyhow::Result<Vec<u8>> {
        let body = fill(&self.body, turn)?;
        let mut whole = fill(&self.head, turn)?;
        // POST, PUT and PATCH say how much they bring also when that is nothing.
        if self.body.is_empty() && !whole.starts_with('P') {
            whole += "\r\n";
        } else {
            write!(whole, "Content-Length: {}\r\n\r\n{body}", body.len())?;
        }
        Ok(whole.into_bytes())
    }
}

fn fill(pieces: &[Piece], turn: Turn<'_>) -> anyhow::Result<String> {
    let mut text = String::with_capacity(512);
    for piece in pieces {
        match piece {
            Piece::Text(own) => text += own,
            Piece::Seq => text += &turn.number.to_string(),
            Piece::Mobile => text += &mobile::generate(turn.recipient),
            Piece::MobileDigits => text += &mobile::generate(turn.recipient)[1..],
            Piece::Niss => text += &niss::generate(turn.recipient),
            Piece::Cbe => text += &cbe::generate(turn.recipient),
            Piece::Uuid => text += &uuid::Uuid::new_v4().to_string(),
            Piece::Id => {
                let id = turn.ids.and_then(|ids| ids.pick(turn.number));
                text += &id.context("no id is known yet: start this sender later")?;
            }
        }
    }
    Ok(text)
}

/// Ids that a sender's messages were given, the latest ones.
#[derive(Clone, Default)]
pub struct Ids(Arc<Mutex<VecDeque<Box<str>>>>);

impl Ids {
    /// Remembers one.
    pub fn add(&self, id: Box<str>) {
        let mut ids = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if ids.len() == IDS {
            ids.pop_front();
        }
        ids.push_back(id);
    }

    /// One of those that are known, another for each number.
    fn pick(&self, number: u64) -> Option<Box<str>> {
        let ids = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = Chance::new(number).between(0, ids.len().checked_sub(1)? as u64);
        ids.get(place as usize).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(template: &Template, number: u64, ids: Option<&Ids>) -> anyhow::Result<String> {
        Ok(String::from_utf8(template.make(Turn { number, recipient: 40 + number, ids })?)?)
    }

    #[test]
    fn each_placeholder_becomes_what_it_is_called() {
        let headers = [("X-Request".to_owned(), "{{ uuid }}".to_owned())];
        let body = r#"{"to":"{{mobile}}","d":"{{mobile_digits}}","n":"{{niss}}","c":"{{cbe}}","s":{{seq}}}"#;
        let template = Template::new("POST", "h:1", "/a/{{seq}}", &headers, Some(body)).unwrap();
        let request = made(&template, 7, None).unwrap();
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("POST /a/7 HTTP/1.1\r\nHost: h:1\r\nX-Request: "), "{head}");
        assert!(head.ends_with(&format!("Content-Length: {}", body.len())), "{head}");
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        let (mobile, niss) = (body["to"].as_str().unwrap(), body["n"].as_str().unwrap());
        assert_eq!((mobile::index(mobile), niss::index(niss)), (Some(47), Some(47)));
        assert_eq!(body["d"], mobile[1..]);
        assert!(cbe::is_valid(body["c"].as_str().unwrap()) && body["s"] == 7);
        let id = |request: &str| request.lines().nth(2).unwrap()["X-Request: ".len()..].parse::<uuid::Uuid>().unwrap();
        assert_ne!(id(&request), id(&made(&template, 7, None).unwrap()));
    }

    #[test]
    fn an_id_is_one_that_was_given_and_missing_ones_are_an_error() {
        let template = Template::new("GET", "h", "/v1/messages/{{id}}", &[], None).unwrap();
        assert!(template.wants_ids() && !template.wants_recipients());
        let ids = Ids::default();
        assert!(made(&template, 0, Some(&ids)).is_err());
        for id in ["a", "b", "c"] {
            ids.add(id.into());
        }
        let asked: std::collections::HashSet<String> =
            (0..50).map(|number| made(&template, number, Some(&ids)).unwrap()).collect();
        let all = ["a", "b", "c"].map(|id| format!("GET /v1/messages/{id} HTTP/1.1\r\nHost: h\r\n\r\n"));
        assert_eq!(asked, all.into());
    }

    #[test]
    fn what_can_not_be_a_request_is_refused_before_the_clock_runs() {
        for (method, path, header, body, told) in [
            ("get", "/", None, None, "method"),
            ("GET", "a", None, None, "path"),
            ("GET", "/a b", None, None, "path"),
            ("GET", "/", Some(("a b", "c")), None, "headers.a b"),
            ("GET", "/", Some(("a", "c\r\nd: e")), None, "headers.a"),
            ("GET", "/", Some(("Content-Length", "7")), None, "headers.Content-Length"),
            ("POST", "/", None, Some("{{sequence}}"), "{{sequence}} is not known"),
            ("POST", "/", None, Some("{{seq"), "not closed"),
        ] {
            let headers: Vec<_> =
                header.map(|(name, value): (&str, &str)| (name.into(), value.into())).into_iter().collect();
            let error = Template::new(method, "h", path, &headers, body).unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
    }
}
