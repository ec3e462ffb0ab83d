//! A notice as a mail: text and HTML, with what lets mail servers and readers' programs treat it as it deserves.
//!
//! Source: RFC 8058 for the one-click link, RFC 3834 for `Auto-Submitted`. The sender of the envelope names the mailbox to us alone
//! (VERP), so that what comes back needs nothing of the mail to be understood.
use std::time::{Duration, SystemTime};

use estafette_actors::domain::language::Language;
use estafette_actors::domain::mailbox::MailboxId;
use estafette_actors::domain::time::Timestamp;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, SinglePart};
use lettre::{Address, Message};

use super::smtp;
use super::token::{Purpose, Tokens};
use super::wording::{self, Links, Said};

/// How mail goes.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The server.
    pub smtp: smtp::Settings,
    /// From whom.
    pub from: Mailbox,
    /// Where answers go; none for where it came from.
    pub reply_to: Option<Mailbox>,
    /// Where bounces go, each to a place of its own behind a `+`; none for where it came from: then nobody reads them.
    pub bounces: Option<Address>,
    /// Mails a second.
    pub a_second: u32,
    /// Connections at once.
    pub connections: usize,
}

/// A mail, ready to be handed over.
#[derive(Clone, Debug)]
pub struct Ready {
    /// The sender of the envelope.
    pub from: Address,
    /// Its recipient.
    pub to: Address,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// To whom a mail goes.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'r> {
    /// Whose mailbox.
    pub mailbox: MailboxId,
    /// To which address.
    pub address: &'r str,
    /// In which language.
    pub language: Language,
}

/// Makes a mail; `name` is what the letter is called here.
pub fn ready(
    (settings, public_url): (&Settings, &str),
    tokens: &Tokens,
    (said, reader, name): (Said, Reader<'_>, &[u8]),
    now: Timestamp,
) -> Result<Ready, Unfit> {
    let to: Address = reader.address.parse().map_err(|_| Unfit::Address)?;
    let token = |purpose| tokens.close(purpose, reader.mailbox, reader.address);
    let at = |path: &str| format!("{public_url}/mailbox/{path}");
    let links = Links {
        read: at(""),
        preferences: at("preferences"),
        unsubscribe: at(&format!("unsubscribe?t={}", token(Purpose::Unsubscribe))),
    };
    let written = wording::mail(said, reader.language, &links).map_err(|error| Unfit::Made(error.to_string()))?;
    let id = format!("<{}@{}>", tokens.letter(name), settings.from.email.domain());
    let moment = SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(now.millis()));
    let mut message = Message::builder()
        .from(settings.from.clone())
        .to(Mailbox::new(None, to.clone()))
        .subject(written.subject)
        .message_id(Some(id))
        .date(moment.unwrap_or(SystemTime::UNIX_EPOCH));
    if let Some(reply_to) = &settings.reply_to {
        message = message.reply_to(reply_to.clone());
    }
    let unsubscribe = format!("<{}>", links.unsubscribe);
    for (name, value) in [
        ("List-Unsubscribe", unsubscribe.as_str()),
        ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
        ("Auto-Submitted", "auto-generated"),
        ("Content-Language", reader.language.as_str()),
    ] {
        let name = HeaderName::new_from_ascii(name.to_owned()).map_err(|error| Unfit::Made(error.to_string()))?;
        // As it is: an address that is folded would be another.
        let value = HeaderValue::dangerous_new_pre_encoded(name, value.to_owned(), value.to_owned());
        message = message.raw_header(value);
    }
    let part = |kind, text| SinglePart::builder().header(kind).body(text);
    let parts = MultiPart::alternative()
        .singlepart(part(ContentType::TEXT_PLAIN, written.text))
        .singlepart(part(ContentType::TEXT_HTML, written.html));
    let message = message.multipart(parts).map_err(|error| Unfit::Made(error.to_string()))?;
    let from = match &settings.bounces {
        None => settings.from.email.clone(),
        Some(bounces) => Address::new(format!("{}+{}", bounces.user(), token(Purpose::Bounce)), bounces.domain())
            .map_err(|error| Unfit::Made(error.to_string()))?,
    };
    Ok(Ready { from, to, bytes: message.formatted() })
}

/// Why there is no mail.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// The address is none that mail can go to.
    #[error("the address is none that mail can go to")]
    Address,
    /// It can't be made.
    #[error("the mail can't be made: {0}")]
    Made(String),
}

#[cfg(test)]
mod tests {
    use estafette_actors::domain::mailbox::notice::Digest;
    use estafette_actors::domain::niss::Niss;
    use mail_parser::{MessageParser, MimeHeaders as _};

    use super::*;

    fn settings() -> Settings {
        let smtp = smtp::Settings {
            host: "127.0.0.1".into(),
            port: 25,
            security: smtp::Security::None,
            authorities: None,
            credentials: None,
            timeout: Duration::from_secs(1),
        };
        let from = "e-Box <ebox@mail.example.be>".parse().unwrap();
        let bounces = Some("bounces@mail.example.be".parse().unwrap());
        Settings { smtp, from, reply_to: None, bounces, a_second: 20, connections: 2 }
    }

    #[test]
    fn a_mail_has_both_forms_and_the_headers_that_others_look_for_and_names_nobody() {
        let tokens = Tokens::new(&[7; 32]);
        let mailbox = MailboxId::Citizen(Niss::from_trusted_u64(85_073_003_328));
        let reader = Reader { mailbox, address: "jan@example.org", language: Language::De };
        let now = Timestamp::from_millis(1_800_000_000_000);
        let said = Said::Digest(Digest { new: 2, ..Digest::default() });
        let url = "https://mailbox.example.be";
        let made = ready((&settings(), url), &tokens, (said, reader, b"9"), now).unwrap();
        let text = String::from_utf8(made.bytes.clone()).unwrap();
        assert!(text.is_ascii() && text.lines().all(|line| line.len() <= 998), "{text}");
        assert!(!text.contains("85073003328") && !text.contains("Precedence"), "{text}");
        assert!(text.contains(&format!("List-Unsubscribe: <{url}/mailbox/unsubscribe?t=")), "{text}");
        let mail = MessageParser::default().parse(&made.bytes).unwrap();
        assert_eq!(mail.subject(), Some("2 Nachrichten in Ihrer e-Box"));
        assert_eq!(mail.header_raw("List-Unsubscribe-Post").map(str::trim), Some("List-Unsubscribe=One-Click"));
        assert_eq!(mail.header_raw("Auto-Submitted").map(str::trim), Some("auto-generated"));
        assert_eq!(mail.message_id(), Some(format!("{}@mail.example.be", tokens.letter(b"9")).as_str()));
        assert!(mail.content_type().unwrap().subtype() == Some("alternative"));
        assert!(mail.body_text(0).unwrap().contains("- 2 neue Nachrichten\n") || text.contains("2 neue Nachrichten"));
        assert!(mail.body_html(0).unwrap().contains("<li>2 neue Nachrichten</li>"));
        assert_eq!(made.from.user().len(), "bounces+".len() + super::super::token::LENGTH);
        assert!(made.from.user().len() <= 64);
        // The same letter again is the same mail.
        let again = ready((&settings(), url), &tokens, (said, reader, b"9"), now).unwrap();
        let id = |mail: &Ready| MessageParser::default().parse(&mail.bytes).unwrap().message_id().map(str::to_owned);
        assert_eq!((id(&again), again.from), (id(&made), made.from));
    }

    #[test]
    fn what_is_no_address_gets_no_mail() {
        let tokens = Tokens::new(&[7; 32]);
        let mailbox = MailboxId::Citizen(Niss::from_trusted_u64(85_073_003_328));
        for address in ["", "a", "a@b@c", "a\r\nBcc: x@example.org", "a@example.org\r\nX: y"] {
            let reader = Reader { mailbox, address, language: Language::Fr };
            let made = ready((&settings(), ""), &tokens, (Said::Registered, reader, b"1"), Timestamp::ZERO);
            assert_eq!(made.unwrap_err(), Unfit::Address, "{address:?}");
        }
    }
}
