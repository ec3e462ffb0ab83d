//! Idempotency-Key: the same key of one institution never makes two messages.
//!
//! A key is in progress from its arrival until the archive can find its message; the mark is held
//! by the task that submits, not by the connection, so that hanging up frees nothing too early.
use std::borrow::Cow;
use std::sync::Arc;

use actix_web::HttpRequest;
use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use estafette_actors::domain::mobile::Mobile;
use estafette_actors::domain::submission::Idempotency;
use estafette_actors::domain::time::Timestamp;

use super::caller::{Caller, Reaches};
use super::json::Json;
use super::problem::Problem;
use super::{App, Hash};

/// Characters of a key at most.
const MAX_KEY: usize = 255;

/// The key of a request, hashed, with the fingerprint of what the request means.
pub fn of(request: &HttpRequest, hash: &Hash, caller: &Caller, body: &[u8]) -> Result<Option<Idempotency>, Problem> {
    let mut given = request.headers().get_all("idempotency-key");
    let Some(key) = given.next() else { return Ok(None) };
    let key = key.as_bytes();
    let visible = (1..=MAX_KEY).contains(&key.len()) && key.iter().all(u8::is_ascii_graphic);
    if !visible || given.next().is_some() {
        return Err(Problem::InvalidIdempotencyKey);
    }
    let mut owned = caller.institution().to_string().into_bytes();
    // A key of a test key is another: the answer to it would show what a live key sent.
    owned.push(u8::from(caller.reaches() == Reaches::Sandbox));
    owned.extend_from_slice(key);
    let mut meaning = Vec::with_capacity(body.len());
    write(&Json::parse(body)?, "", &mut meaning);
    Ok(Some(Idempotency { key: hash(&owned), fingerprint: hash(&meaning) }))
}

/// Writes a request so that two of one meaning give the same bytes: members in the order of their names
/// and without those that are null, numbers of recipients and times in one form. It depends on the
/// request alone, not on the time: the same request is the same years later.
fn write(value: &Json<'_>, name: &str, out: &mut Vec<u8>) {
    let mut text = |kind: u8, text: &[u8]| {
        out.push(kind);
        out.extend_from_slice(&(text.len() as u64).to_be_bytes());
        out.extend_from_slice(text);
    };
    match value {
        Json::Null => out.push(b'0'),
        Json::Bool(truth) => out.push(if *truth { b'y' } else { b'n' }),
        // No member of a request is a number: it is refused, whatever it is.
        Json::Number(..) => out.push(b'#'),
        Json::Text(given) => match name {
            "mobile" => match Mobile::parse(given) {
                Ok(mobile) => text(b'm', mobile.digits().as_bytes()),
                Err(_) => text(b't', given.as_bytes()),
            },
            "niss" | "cbe" => {
                let digits: Vec<u8> = given.bytes().filter(u8::is_ascii_digit).collect();
                let leading = digits.iter().take_while(|digit| **digit == b'0').count();
                text(b'i', &digits[leading..]);
            }
            "not_before" | "valid_until" => match Timestamp::parse(given) {
                Ok(at) => text(b'@', &at.millis().to_be_bytes()),
                Err(_) => text(b't', given.as_bytes()),
            },
            _ => text(b't', given.as_bytes()),
        },
        Json::Array(items) => {
            out.push(b'[');
            for item in items {
                write(item, "", out);
            }
            out.push(b']');
        }
        Json::Object(members) => {
            out.push(b'{');
            let mut sorted: Vec<_> = members.iter().filter(|(_, value)| !matches!(value, Json::Null)).collect();
            sorted.sort_by(|(a, _), (b, _)| a.cmp(b));
            for (name, value) in sorted {
                write(&Json::Text(Cow::Borrowed(name)), "", out);
                write(value, name, out);
            }
            out.push(b'}');
        }
    }
}

/// Marks a key as in progress until it is dropped.
pub struct InProgress {
    keys: Arc<DashMap<u64, u64>>,
    key: u64,
}

impl InProgress {
    /// Refuses when the same key is in progress.
    pub fn mark(app: &App, given: Idempotency) -> Result<Self, Problem> {
        match app.keys_in_progress.entry(given.key) {
            Entry::Occupied(other) if *other.get() == given.fingerprint => Err(Problem::IdempotencyInProgress),
            Entry::Occupied(_) => Err(Problem::IdempotencyMismatch),
            Entry::Vacant(free) => {
                free.insert(given.fingerprint);
                Ok(Self { keys: Arc::clone(&app.keys_in_progress), key: given.key })
            }
        }
    }
}

impl Drop for InProgress {
    fn drop(&mut self) {
        self.keys.remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meaning(body: &str) -> Vec<u8> {
        let mut out = Vec::new();
        write(&Json::parse(body.as_bytes()).unwrap(), "", &mut out);
        out
    }

    #[test]
    fn the_same_meaning_in_another_form_is_the_same_request() {
        let given = r#"{"recipient": {"mobile": "0470 12 34 56", "niss": "85.07.30-033.28"},
            "content": {"text": {"fr": "\u00e9t\u00e9"}}, "valid_until": "2030-01-01T01:00:00+01:00", "language": null}"#;
        let same = r#"{"valid_until":"2030-01-01T00:00:00Z","content":{"text":{"fr":"été"}},"recipient":{"niss":"85073003328","mobile":"+32470123456"}}"#;
        assert_eq!(meaning(given), meaning(same));
        for other in [
            same.replace("été", "ete"),
            same.replace("123456", "123457"),
            same.replace("00:00:00Z", "00:00:01Z"),
            same.replace("\"fr\"", "\"nl\""),
            same.replace("\"niss\":\"85073003328\",", ""),
        ] {
            assert_ne!(meaning(same), meaning(&other), "{other}");
        }
    }

    #[test]
    fn a_text_can_not_pass_for_structure() {
        assert_ne!(meaning(r#"{"a":"b","c":"d"}"#), meaning(r#"{"a":"bc","":"d"}"#));
        assert_ne!(meaning(r#"["{}"]"#), meaning(r"[{}]"));
    }
}
