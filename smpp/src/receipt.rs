//! What an SMSC tells of a message: in the text of a receipt (appendix B), or in optional parameters, which go first.
//!
//! Invariant: message ids are opaque and keep their leading zeros; a receipt that can't be read gives none.

use crate::coding;
use crate::pdu::{ShortMessage, esm_class};
use crate::tlv;

/// The state of a message (5.2.28).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum State {
    /// On its way.
    Enroute = 1,
    /// At the handset.
    Delivered = 2,
    /// Its validity is over.
    Expired = 3,
    /// Deleted.
    Deleted = 4,
    /// It can't be delivered.
    Undeliverable = 5,
    /// Read by somebody on behalf of the subscriber.
    Accepted = 6,
    /// The SMSC does not know.
    Unknown = 7,
    /// Rejected.
    Rejected = 8,
}

impl State {
    /// Each with the word that receipts have for it.
    pub const ALL: [(Self, &'static str); 8] = [
        (Self::Enroute, "ENROUTE"),
        (Self::Delivered, "DELIVRD"),
        (Self::Expired, "EXPIRED"),
        (Self::Deleted, "DELETED"),
        (Self::Undeliverable, "UNDELIV"),
        (Self::Accepted, "ACCEPTD"),
        (Self::Unknown, "UNKNOWN"),
        (Self::Rejected, "REJECTD"),
    ];

    /// By its number.
    pub fn of(number: u8) -> Option<Self> {
        Self::ALL.into_iter().map(|(state, _)| state).find(|state| *state as u8 == number)
    }

    /// By its word. Some providers write it out, so its beginning decides.
    pub fn of_word(word: &str) -> Option<Self> {
        let same = |known: &str| word.len() >= 5 && known.as_bytes()[..5].eq_ignore_ascii_case(&word.as_bytes()[..5]);
        Self::ALL.into_iter().find(|(_, known)| same(known)).map(|(state, _)| state)
    }

    /// Its word.
    pub fn word(self) -> &'static str {
        Self::ALL[self as usize - 1].1
    }
}

/// A receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// As it was written there.
    pub message_id: String,
    /// What it says; none when the word is not known.
    pub state: Option<State>,
}

/// Whether a deliver_sm is a receipt: by its esm_class, or since it names the message that it is about.
pub fn is_receipt(message: &ShortMessage) -> bool {
    matches!(message.esm_class & esm_class::KIND, esm_class::RECEIPT | esm_class::INTERMEDIATE)
        || message.tlvs.get(tlv::RECEIPTED_MESSAGE_ID).is_some()
}

/// Reads a receipt.
pub fn read(message: &ShortMessage) -> Option<Receipt> {
    let text = coding::from_latin_1(&message.content());
    let id = message.tlvs.get(tlv::RECEIPTED_MESSAGE_ID).map(|id| {
        let end = id.iter().position(|octet| *octet == 0).unwrap_or(id.len());
        coding::from_latin_1(&id[..end])
    });
    let message_id = id.filter(|id| !id.is_empty()).or_else(|| field(&text, "id").map(str::to_owned))?;
    let told = message.tlvs.get(tlv::MESSAGE_STATE).and_then(|state| State::of(*state.first()?));
    let state = told.or_else(|| State::of_word(field(&text, "stat")?));
    Some(Receipt { message_id, state })
}

/// The value of a field: from behind its colon to the next space. The text of the message is in the last field, `text`, so
/// what stands behind that is nobody's field.
fn field<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let mut rest = text;
    loop {
        let colon = rest.find(':')?;
        let key = rest[..colon].rsplit(' ').next().unwrap_or_default();
        let value = &rest[colon + 1..];
        let end = value.find(' ').unwrap_or(value.len());
        if key.eq_ignore_ascii_case(name) {
            return Some(&value[..end]).filter(|value| !value.is_empty());
        }
        if key.eq_ignore_ascii_case("text") {
            return None;
        }
        rest = &value[end..];
    }
}

/// The text of a receipt. `submitted` and `done` are YYMMDDhhmm.
pub fn text(message_id: &str, state: State, submitted: &str, done: &str) -> String {
    let delivered = u8::from(state == State::Delivered);
    let error = u8::from(!matches!(state, State::Delivered | State::Enroute | State::Accepted));
    let word = state.word();
    format!(
        "id:{message_id} sub:001 dlvrd:{delivered:03} submit date:{submitted} done date:{done} stat:{word} err:{error:03} text:"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tlv::Tlvs;
    use bytes::Bytes;

    fn message(text: &str) -> ShortMessage {
        ShortMessage {
            esm_class: esm_class::RECEIPT,
            short_message: Bytes::copy_from_slice(text.as_bytes()),
            ..ShortMessage::default()
        }
    }

    #[test]
    fn receipts_of_each_form_are_read() {
        let receipt = |id: &str, state| Some(Receipt { message_id: id.to_owned(), state });
        for (text, expected) in [
            (text("007", State::Delivered, "2611240101", "2611240102"), receipt("007", Some(State::Delivered))),
            ("id:0A1b sub:001 stat:UNDELIVERABLE err:001".into(), receipt("0A1b", Some(State::Undeliverable))),
            ("ID:1 STAT:rejectd TEXT:id:2 stat:DELIVRD".into(), receipt("1", Some(State::Rejected))),
            ("id:1 stat:WHATEVER".into(), receipt("1", None)),
            ("id:1 text:stat:DELIVRD".into(), receipt("1", None)),
            ("stat:DELIVRD".into(), None),
            ("id: stat:DELIVRD".into(), None),
            (String::new(), None),
        ] {
            assert_eq!(read(&message(&text)), expected, "{text}");
        }
    }

    #[test]
    fn optional_parameters_go_before_the_text() {
        let mut receipt = message("id:1 stat:UNDELIV");
        receipt.tlvs = Tlvs::default().with(tlv::RECEIPTED_MESSAGE_ID, b"0002\0").with(tlv::MESSAGE_STATE, &[2]);
        let expected = Receipt { message_id: "0002".into(), state: Some(State::Delivered) };
        assert_eq!(read(&receipt), Some(expected.clone()));
        receipt.short_message = Bytes::new();
        receipt.esm_class = 0;
        assert!(is_receipt(&receipt));
        assert_eq!(read(&receipt), Some(expected));
        assert!(!is_receipt(&ShortMessage::default()));
    }

    #[test]
    fn each_word_is_the_state_of_its_number() {
        for (place, (state, word)) in State::ALL.into_iter().enumerate() {
            assert_eq!(State::of(place as u8 + 1), Some(state));
            assert_eq!(State::of_word(word), Some(state));
            assert_eq!(state.word(), word);
        }
        assert_eq!(State::of(0), None);
        assert_eq!(State::of_word("DELI"), None);
    }
}
