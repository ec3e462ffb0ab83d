//! Reads what comes back: a mail to the address that bounces go to, with a delivery report in it (RFC 3464).
//!
//! Only what says itself that it failed for good, and for a reason that is about the address, counts. Whose mail it was stands in the token
//! of the address that it came back to, which nobody else can make.
use estafette_actors::domain::mailbox::notice::{is_about_the_address, status_of};
use lettre::Address;
use mail_parser::{Message, MessageParser, MimeHeaders};

use super::token::{LENGTH, Named, Purpose, Tokens};

/// The headers in which the address stands that a mail came to.
const TO: [&str; 5] = ["to", "delivered-to", "x-original-to", "envelope-to", "x-rcpt-to"];

/// What a mail is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Came {
    /// The address takes no mail any more.
    Failed(Named),
    /// Something failed that is not about the address, or not for good.
    Passing,
    /// It is no delivery report: somebody's automatic answer.
    NoReport,
    /// It came to no address of ours.
    NotOurs,
}

/// Reads one. `at` is where bounces go, without the token.
pub fn read(bytes: &[u8], at: &Address, tokens: &Tokens) -> Came {
    let Some(message) = MessageParser::default().parse(bytes) else { return Came::NotOurs };
    let Some(named) = whose(&message, at, tokens) else { return Came::NotOurs };
    let reports = message.parts.iter().filter(|part| {
        let kind = part.content_type();
        kind.is_some_and(|kind| {
            kind.ctype().eq_ignore_ascii_case("message")
                && kind.subtype().is_some_and(|name| name.eq_ignore_ascii_case("delivery-status"))
        })
    });
    // OpenSMTPD says what a server answered in its words for people only.
    let words: Vec<_> = message.text_bodies().filter_map(|part| part.text_contents()).collect();
    let mut is_report = false;
    for report in reports {
        is_report = true;
        let text = String::from_utf8_lossy(report.contents());
        if groups(&text).any(|group| is_for_good(&group, &words)) {
            return Came::Failed(named);
        }
    }
    if is_report { Came::Passing } else { Came::NoReport }
}

fn whose(message: &Message<'_>, at: &Address, tokens: &Tokens) -> Option<Named> {
    let (begin, end) =
        (format!("{}+", at.user().to_ascii_lowercase()), format!("@{}", at.domain().to_ascii_lowercase()));
    let headers = message.headers_raw().filter(|(name, _)| TO.contains(&name.to_ascii_lowercase().as_str()));
    headers.flat_map(|(_, value)| tokens_in(&value.to_ascii_lowercase(), &begin, &end)).find_map(|token| {
        // Those of another data folder are another's.
        tokens.open(Purpose::Bounce, &token)
    })
}

fn tokens_in(value: &str, begin: &str, end: &str) -> Vec<String> {
    let after = value.match_indices(begin).filter_map(|(at, _)| value.get(at + begin.len()..));
    after.filter_map(|rest| Some(rest.get(..LENGTH)?.to_owned()).filter(|_| rest[LENGTH..].starts_with(end))).collect()
}

/// The fields of a report, lower case, with folded lines put together.
type Fields = Vec<(String, String)>;

fn groups(text: &str) -> impl Iterator<Item = Fields> {
    let mut all: Vec<Fields> = vec![Vec::new()];
    for line in text.lines() {
        let Some(group) = all.last_mut() else { break };
        if line.trim().is_empty() {
            if !group.is_empty() {
                all.push(Vec::new());
            }
        } else if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = group.last_mut() {
                value.push(' ');
                value.push_str(line.trim());
            }
        } else if let Some((name, value)) = line.split_once(':') {
            group.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    all.into_iter()
}

/// What a server answered, on a line of its own behind the recipient.
fn answer<'t>(text: &'t str, recipient: &str) -> Option<&'t str> {
    let answers = text.lines().filter_map(|line| line.trim().strip_prefix(recipient)?.strip_prefix(':'));
    answers.map(str::trim).find(|_| !recipient.is_empty())
}

fn is_for_good(group: &Fields, words: &[&str]) -> bool {
    let field = |name: &str| group.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    if !field("action").is_some_and(|action| action.eq_ignore_ascii_case("failed")) {
        return false;
    }
    let status = field("status").and_then(status_of);
    // `smtp; 550 5.1.1 no such user`.
    let said = field("diagnostic-code").and_then(|code| code.split_once(';')).map(|(_, said)| said.trim());
    let recipient = field("final-recipient").and_then(|named| named.split_once(';')).map(|(_, address)| address.trim());
    let said = said.or_else(|| words.iter().find_map(|text| answer(text, recipient?)));
    let (code, rest) = said.and_then(|said| said.split_once([' ', '-'])).unwrap_or((said.unwrap_or_default(), ""));
    // What begins with no code is no answer of a server.
    let rest = code.parse::<u16>().map_or("", |_| rest);
    let status = match (status, status_of(rest)) {
        (None | Some((5, 0, 0)), Some(exact)) => Some(exact),
        (status, _) => status,
    };
    is_about_the_address(status)
}

#[cfg(test)]
mod tests {
    use estafette_actors::domain::mailbox::MailboxId;
    use estafette_actors::domain::niss::Niss;

    use super::*;

    fn tokens() -> Tokens {
        Tokens::new(&[7; 32])
    }

    fn mailbox() -> MailboxId {
        MailboxId::Citizen(Niss::from_trusted_u64(85_073_003_328))
    }

    fn at() -> Address {
        "bounces@mail.example.be".parse().unwrap()
    }

    fn address() -> String {
        format!("bounces+{}@mail.example.be", tokens().close(Purpose::Bounce, mailbox(), "a@example.org"))
    }

    fn report(to: &str, fields: &str) -> String {
        format!(
            "Return-Path: <>\r\nFrom: MAILER-DAEMON@mx.example.org\r\nTo: {to}\r\nSubject: Undelivered\r\nMIME-Version: 1.0\r\n\
             Content-Type: multipart/report; report-type=delivery-status; boundary=\"b1\"\r\n\r\n\
             --b1\r\nContent-Type: text/plain\r\n\r\nYour mail came back.\r\n\
             --b1\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.org\r\n\r\n\
             Final-Recipient: rfc822; a@example.org\r\n{fields}\r\n\
             --b1\r\nContent-Type: message/rfc822\r\n\r\nSubject: x\r\nTo: a@example.org\r\n\r\nbody\r\n--b1--\r\n"
        )
    }

    fn came(mail: &str) -> Came {
        read(mail.as_bytes(), &at(), &tokens())
    }

    #[test]
    fn an_address_that_is_none_is_told_by_its_report_and_named_by_the_token() {
        let named =
            tokens().open(Purpose::Bounce, &tokens().close(Purpose::Bounce, mailbox(), "a@example.org")).unwrap();
        for fields in [
            "Action: failed\r\nStatus: 5.1.1",
            "action: FAILED\r\nstatus: 5.1.1 (bad)\r\nDiagnostic-Code: smtp; 550 5.1.1 no such user",
            "Action: failed\r\nStatus: 5.0.0\r\nDiagnostic-Code: smtp;\r\n 550 5.1.1 no such user here",
            "Action: failed\r\nStatus: 5.0.0\r\nDiagnostic-Code: smtp; 550-5.1.1 no such user",
            "Action: failed\r\nDiagnostic-Code: smtp; 550 5.1.1 unknown",
            "Action: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 unknown",
            "Action: failed\r\nStatus: 5.4.4",
        ] {
            let mail = report(&format!("<{}>", address()), fields);
            assert_eq!(came(&mail), Came::Failed(named), "{fields}");
            assert_eq!(came(&mail.replace("\r\n", "\n")), Came::Failed(named), "{fields}");
            assert_eq!(came(&mail.replace("bounces+", "Bounces+")), Came::Failed(named), "{fields}");
        }
        // As OpenSMTPD writes it.
        let words = |answer: &str| {
            let report = report(&address(), "Action: failed\r\nStatus: 5.0.0");
            report.replace("Your mail came back.", &format!("Hi!\r\n\r\na@example.org: {answer}\r\n"))
        };
        assert_eq!(came(&words("550 5.1.1 no such user here")), Came::Failed(named));
        for other in [
            "550 no such user here",
            "550 relay not permitted",
            "550 5.7.1 spam",
            "554 no",
            "452 4.2.2 full",
            "no such user",
            "",
        ] {
            assert_eq!(came(&words(other)), Came::Passing, "{other}");
        }
        // As a mail server that pipes it adds where it came.
        let piped =
            format!("Delivered-To: {}\r\n{}", address(), report("undisclosed:;", "Action: failed\r\nStatus: 5.1.1"));
        assert_eq!(came(&piped), Came::Failed(named));
    }

    #[test]
    fn what_passes_or_is_about_something_else_counts_for_nothing() {
        for fields in [
            "Action: delayed\r\nStatus: 4.4.1",
            "Action: failed\r\nStatus: 5.2.2",
            "Action: failed\r\nDiagnostic-Code: smtp; 550 Administrative prohibition",
            "Action: failed\r\nStatus: 5.0.0\r\nDiagnostic-Code: smtp; 550 relay not permitted",
            "Action: failed\r\nStatus: 5.7.1\r\nDiagnostic-Code: smtp; 550 5.7.1 spam",
            "Action: failed\r\nStatus: 4.4.7\r\nDiagnostic-Code: smtp; 550 expired",
            "Action: failed\r\nStatus: 5.0.0\r\nDiagnostic-Code: smtp; 554 5.7.1 refused",
            "Action: delivered\r\nStatus: 2.0.0",
            "Status: 5.1.1",
        ] {
            assert_eq!(came(&report(&address(), fields)), Came::Passing, "{fields}");
        }
        let answer =
            format!("From: a@example.org\r\nTo: {}\r\nSubject: on holiday\r\n\r\nAction: failed\r\n", address());
        assert_eq!(came(&answer), Came::NoReport);
    }

    #[test]
    fn what_others_make_up_turns_nobodys_notices_off() {
        let fields = "Action: failed\r\nStatus: 5.1.1";
        let other = Tokens::new(&[8; 32]).close(Purpose::Bounce, mailbox(), "a@example.org");
        let wrong_purpose = tokens().close(Purpose::Unsubscribe, mailbox(), "a@example.org");
        for to in [
            format!("bounces+{other}@mail.example.be"),
            format!("bounces+{wrong_purpose}@mail.example.be"),
            address().replace("mail.example.be", "mail.example.org"),
            "bounces@mail.example.be".to_owned(),
            "bounces+85073003328@mail.example.be".to_owned(),
            String::new(),
        ] {
            assert_eq!(came(&report(&to, fields)), Came::NotOurs, "{to}");
        }
        for nonsense in [&b""[..], b"\xff\xfe", b"To: ", &[b'a'; 10_000]] {
            assert_eq!(read(nonsense, &at(), &tokens()), Came::NotOurs);
        }
        // A token in the text of a mail is no address that it came to.
        let quoted = report("someone@mail.example.be", &format!("{fields}\r\nX: {}", address()));
        assert_eq!(came(&quoted), Came::NotOurs);
    }
}
