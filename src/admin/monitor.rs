//! MONITOR: what happens, as it happens, a line each. Read from the feed, a page at a time, and the
//! next one only when the last is with the client: so a client that reads slowly holds a page, and
//! nobody waits for it. One that falls too far behind is told what it misses.
//!
//! Invariant: the one who writes the journal knows nothing of who watches.
use std::fmt::Write;
use std::time::Duration;

use estafette_actors::domain::fact::{Fact, Subject};
use estafette_actors::domain::id::{BroadcastId, MessageId};
use estafette_actors::domain::submission::Institution;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::commands::Call;
use super::messages::told;
use super::reply::Reply;

/// Facts read at once.
pub const PAGE: usize = 256;
/// How often it is looked whether something happened.
pub const LOOK: Duration = Duration::from_millis(50);
/// Positions of the feed by which a client may be behind; what is older is passed over.
pub const BEHIND: u64 = 2_000;

/// What a client wants to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watch {
    /// Everything.
    All,
    /// One message.
    Message(MessageId),
    /// One broadcast and its rows.
    Broadcast(BroadcastId),
    /// All of an institution.
    Institution(Institution),
}

impl Watch {
    fn parse(word: &str) -> Result<Self, Reply> {
        if let Ok(id) = word.parse() {
            return Ok(Self::Message(id));
        }
        if let Ok(id) = word.parse() {
            return Ok(Self::Broadcast(id));
        }
        let cbe = estafette_actors::domain::cbe::Cbe::parse(word);
        cbe.map(|cbe| Self::Institution(Institution(cbe)))
            .map_err(|_| Reply::error("give the id of a message or a broadcast, or the number of an institution"))
    }

    /// Whether a fact is to be shown.
    pub fn wants(self, fact: &Fact) -> bool {
        match (self, &fact.subject) {
            (Self::All, _) => true,
            (Self::Institution(wanted), _) => fact.institution == Some(wanted),
            (Self::Message(wanted), Subject::Message(id)) => *id == wanted,
            (Self::Message(wanted), Subject::Rows(chunk, rows)) => {
                matches!(wanted.kind(), estafette_actors::domain::id::Kind::Row { chunk: of, index }
                    if of == *chunk && rows.binary_search(&index).is_ok())
            }
            (Self::Broadcast(wanted), Subject::Broadcast(id)) => *id == wanted,
            (Self::Broadcast(wanted), Subject::Rows(chunk, _)) => chunk.broadcast == wanted,
            (Self::Broadcast(wanted), Subject::Message(id)) => {
                matches!(id.kind(), estafette_actors::domain::id::Kind::Row { chunk, .. } if chunk.broadcast == wanted)
            }
            _ => false,
        }
    }
}

/// `MONITOR [id|institution]`.
pub fn monitor(call: Call<'_>) -> BoxFuture<'_, Reply> {
    let watch = call.words.first().map_or(Ok(Watch::All), |word| Watch::parse(word));
    let reply = match watch {
        Ok(watch) => {
            call.session.watch = Some(watch);
            Reply::OK
        }
        Err(reply) => reply,
    };
    async { reply }.boxed()
}

/// A fact as a line of the protocol: when, whose, about what, and what, with its figures.
pub fn line(fact: &Fact, out: &mut Vec<u8>) {
    let mut line = format!("+{} ", fact.at);
    match fact.institution {
        Some(institution) => drop(write!(line, "{institution} ")),
        None => line.push_str("- "),
    }
    let _ = match &fact.subject {
        Subject::Message(id) => write!(line, "message {id}"),
        Subject::Rows(chunk, rows) => {
            write!(line, "broadcast {} chunk={} rows={}", chunk.broadcast, chunk.n, rows.len())
        }
        Subject::Broadcast(id) => write!(line, "broadcast {id}"),
        Subject::Nobody => write!(line, "nobody"),
    };
    for (name, value) in told(&fact.change) {
        let shown = match value {
            Reply::Text(text) => text,
            Reply::Integer(number) => number.to_string(),
            Reply::Boolean(yes) => yes.to_string(),
            _ => continue,
        };
        let _ = if name == "what" { write!(line, " {shown}") } else { write!(line, " {name}={shown}") };
    }
    // A reference that a channel gave may hold anything; a line must stay one.
    out.extend(line.bytes().map(|byte| if byte.is_ascii_control() { b' ' } else { byte }));
    out.extend(b"\r\n");
}

/// What is said to one who fell behind.
pub fn passed_over(positions: u64, out: &mut Vec<u8>) {
    out.extend(format!("+... {positions} positions of the feed were passed over: read faster\r\n").bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use estafette_actors::domain::fact::Change;
    use estafette_actors::domain::status::AttemptStatus;
    use estafette_actors::domain::time::Timestamp;

    #[test]
    fn a_reference_with_a_line_break_stays_on_its_line() {
        let id = BroadcastId::new(Timestamp::from_millis(1), 0, 5);
        let change =
            Change::Moved { step: 0, retry: 1, status: AttemptStatus::Sent, reference: Some("a\r\n+OK\u{7f}".into()) };
        let fact =
            Fact { institution: None, subject: Subject::Message(id.chunk(0).row(3)), at: Timestamp::ZERO, change };
        let mut out = Vec::new();
        line(&fact, &mut out);
        let shown = String::from_utf8(out).unwrap();
        assert!(shown.starts_with("+1970-01-01T00:00:00") && shown.matches("\r\n").count() == 1, "{shown}");
        assert!(shown.ends_with(" moved step=0 retry=1 status=sent channel_reference=a  +OK \r\n"), "{shown}");
        assert!(Watch::Broadcast(id).wants(&fact) && Watch::Message(id.chunk(0).row(3)).wants(&fact));
        assert!(!Watch::Message(id.chunk(0).row(4)).wants(&fact));
    }
}
