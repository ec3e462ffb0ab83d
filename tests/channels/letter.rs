//! Letters to test with.
use std::sync::Arc;

use estafette_actors::domain::cbe::Cbe;
use estafette_actors::domain::content::Content;
use estafette_actors::domain::id::{AttemptRef, BroadcastId, MessageId};
use estafette_actors::domain::language::{Language, Translated};
use estafette_actors::domain::mobile::Mobile;
use estafette_actors::domain::niss::Niss;
use estafette_actors::domain::strategy;
use estafette_actors::domain::submission::{Envelope, Institution, Lane, Recipient};
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::{Clock, Letter, SystemClock};
use std::time::Duration;

pub const MOBILE: &str = "+32470123456";
pub const NISS: &str = "85073003328";

pub fn mobile(text: &str) -> Recipient {
    Recipient { mobile: Some(Mobile::parse(text).unwrap()), ..Recipient::default() }
}

pub fn niss(text: &str) -> Recipient {
    let today = "2026-11-23".parse().unwrap();
    Recipient { niss: Some(Niss::parse(text, today).unwrap()), ..Recipient::default() }
}

fn words(pairs: &[(Language, &str)]) -> Translated<Box<str>> {
    pairs.iter().map(|(language, text)| (*language, Box::from(*text))).collect()
}

/// A letter with French and Dutch texts, a French title and a Dutch HTML.
pub fn letter(recipient: Recipient) -> Letter {
    let texts = [(Language::Fr, "Votre dossier est prêt"), (Language::Nl, "Uw dossier is klaar")];
    let content = Content::checked(
        words(&[(Language::Fr, "Dossier")]),
        words(&texts),
        words(&[(Language::Nl, "<b>Uw dossier is klaar</b>")]),
    );
    of(recipient, content.unwrap())
}

/// A letter whose only word is this text.
pub fn saying(recipient: Recipient, text: &str) -> Letter {
    let none = Translated::default;
    of(recipient, Content::checked(none(), words(&[(Language::Fr, text)]), none()).unwrap())
}

/// The same letter, valid for so long from now.
pub fn valid_for(letter: Letter, span: Duration) -> Letter {
    let valid_until = SystemClock.now().plus(span);
    Letter { envelope: Arc::new(Envelope { valid_until, ..Envelope::clone(&letter.envelope) }), ..letter }
}

/// Rows of one broadcast, which all have the content of the first letter.
pub fn rows(recipients: impl IntoIterator<Item = Recipient>) -> Vec<Letter> {
    static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(1);
    let shared = letter(mobile(MOBILE));
    let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let chunk = BroadcastId::new(shared.envelope.accepted_at, 0, number).chunk(0);
    let row = |(index, recipient)| {
        let id = chunk.row(index);
        let envelope = Envelope { id, recipient, lane: Lane::Bulk, ..Envelope::clone(&shared.envelope) };
        Letter { reference: AttemptRef::first(id, 0), recipient, envelope: Arc::new(envelope), ..shared.clone() }
    };
    (0..).zip(recipients).map(row).collect()
}

pub fn of(recipient: Recipient, content: Content) -> Letter {
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
    let now = SystemClock.now();
    let id = MessageId::single(now, 0, NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
    let institution = Institution(Cbe::parse("0403019261").unwrap());
    let envelope = Envelope {
        id,
        institution,
        recipient,
        strategy: Arc::new(strategy::built_in().remove(0)),
        content: Arc::new(content),
        lane: Lane::Normal,
        not_before: Timestamp::ZERO,
        valid_until: now.plus(Duration::from_secs(3_605)),
        language: Some(Language::Fr),
        default_language: Language::Fr,
        sender_name: Some("SPF Finances".into()),
        sender_reference: None,
        accepted_at: now,
        idempotency: None,
        window: None,
    };
    Letter {
        reference: AttemptRef::first(id, 0),
        institution,
        recipient,
        rendition: envelope.content.in_language(envelope.language, None, Language::Fr),
        envelope: Arc::new(envelope),
        possible_duplicate: false,
    }
}
