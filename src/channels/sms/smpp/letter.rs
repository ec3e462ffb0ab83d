//! From a letter to the messages that carry it: octets, parts, addresses.
//!
//! Invariant: the parts put together are the text, and only the last one asks for a receipt of success, so that one receipt
//! tells of the letter; the others tell when they fail.
use bytes::Bytes;
use estafette_actors::domain::failure::Failure;
use estafette_actors::domain::segment::{self, Alphabet};
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::Letter;
use estafette_smpp::pdu::{self, Address, ShortMessage, esm_class, receipts};
use estafette_smpp::udh::{self, Part};
use estafette_smpp::{Tlvs, coding, septets, tlv};

use super::settings::{Coding, Form, Long};
use crate::channels::sms::source;

/// Octets of Latin-1 in a message alone, and in each of several (3GPP TS 23.040: 140 less the header).
const LATIN_ALONE: usize = 140;
const LATIN_IN_PART: usize = 134;
/// Parts of a message at most: its header counts them in an octet.
const PARTS: usize = 255;
/// Seconds for which the SMSC is asked to try at most: operators keep an SMS for two days or so.
const VALIDITY_MAX_SECS: u64 = 2 * 86_400;

/// A text in octets, in parts.
struct Encoded {
    data_coding: u8,
    /// Septets, which are packed behind whatever header they get.
    packed: bool,
    parts: Vec<Vec<u8>>,
}

impl Encoded {
    fn of(data_coding: u8, parts: Vec<Vec<u8>>) -> Self {
        Self { data_coding, packed: false, parts }
    }

    /// As it goes behind a header of so many octets.
    fn behind(&self, header: usize, units: Vec<u8>) -> Vec<u8> {
        if self.packed { septets::pack(&units, header) } else { units }
    }
}

fn encode(text: &str, coding: Coding) -> Encoded {
    let ucs2 = |parts: Vec<&str>| Encoded::of(coding::UCS_2, parts.into_iter().map(coding::to_ucs_2).collect());
    let latin = |data_coding| match coding::to_latin_1(text) {
        Some(octets) if octets.len() <= LATIN_ALONE => Encoded::of(data_coding, vec![octets]),
        Some(octets) => Encoded::of(data_coding, octets.chunks(LATIN_IN_PART).map(<[u8]>::to_vec).collect()),
        None => ucs2(segment::split_as_ucs2(text)),
    };
    match coding {
        Coding::Gsm7 | Coding::Gsm7Packed => match segment::measure(text).alphabet {
            Alphabet::Gsm7 => {
                let septets = segment::split(text).into_iter().map(segment::to_septets);
                let packed = coding == Coding::Gsm7Packed;
                Encoded { packed, ..Encoded::of(coding::DEFAULT, septets.flatten().collect()) }
            }
            Alphabet::Ucs2 => ucs2(segment::split(text)),
        },
        Coding::Latin1 => latin(coding::LATIN_1),
        Coding::DefaultLatin1 => latin(coding::DEFAULT),
        Coding::Ucs2 => ucs2(segment::split_as_ucs2(text)),
    }
}

/// How long the SMSC is to try what is written now, so that nothing is sent when its validity is over: whole seconds, at least
/// one. None when it is over.
pub(super) fn validity(valid_until: Timestamp, now: Timestamp) -> Option<Bytes> {
    let left = valid_until.since(now);
    (!left.is_zero()).then(|| pdu::relative(left.as_secs().clamp(1, VALIDITY_MAX_SECS)))
}

/// The messages of a letter, in their order; at least one. `number` is what its parts will share. They get their validity
/// when they are written.
pub(super) fn messages(form: &Form, letter: &Letter, number: u16) -> Result<Vec<ShortMessage>, Failure> {
    let mobile = letter.recipient.mobile.ok_or(Failure::Unreachable)?;
    let text = &*letter.rendition.text;
    if text.trim().is_empty() {
        return Err(Failure::InvalidContent);
    }
    let mut encoded = encode(text, form.coding);
    let parts = std::mem::take(&mut encoded.parts);
    if parts.len() > PARTS {
        return Err(Failure::InvalidContent);
    }
    let mut tlvs = Tlvs::default();
    if form.reference_tlv != 0 {
        tlvs = tlvs.with(form.reference_tlv, letter.reference.to_string().as_bytes());
    }
    let model = ShortMessage {
        service_type: form.service_type.clone(),
        source: letter.envelope.sender_name.as_deref().and_then(source).unwrap_or_else(|| form.source.clone()),
        destination: Address { ton: 1, npi: 1, digits: Bytes::from(mobile.digits()) },
        registered_delivery: receipts::ALL,
        data_coding: encoded.data_coding,
        tlvs,
        ..ShortMessage::default()
    };
    let total = parts.len();
    if total == 1 {
        let short_message = encoded.behind(0, parts.concat()).into();
        return Ok(vec![ShortMessage { short_message, ..model }]);
    }
    if form.long == Long::Payload {
        let tlvs = model.tlvs.clone().with(tlv::MESSAGE_PAYLOAD, &encoded.behind(0, parts.concat()));
        return Ok(vec![ShortMessage { tlvs, ..model }]);
    }
    let messages = parts.into_iter().enumerate().map(|(place, octets)| {
        let part = Part { reference: number & 0xFF, total: total as u8, number: place as u8 + 1 };
        ShortMessage {
            esm_class: esm_class::UDH,
            short_message: part.before(&encoded.behind(udh::HEADER, octets)),
            registered_delivery: if place + 1 == total { receipts::ALL } else { receipts::FAILURE },
            ..model.clone()
        }
    });
    Ok(messages.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decoded(encoded: &Encoded) -> String {
        let one = |octets: &Vec<u8>| match encoded.data_coding {
            coding::UCS_2 => coding::from_ucs_2(octets),
            coding::LATIN_1 => coding::from_latin_1(octets),
            _ => segment::from_septets(octets),
        };
        encoded.parts.iter().map(one).collect()
    }

    #[test]
    fn the_smsc_tries_no_longer_than_the_message_is_valid() {
        let at = Timestamp::from_millis;
        for (until, now, validity) in [
            (90_999, 0, Some("000000000130000R")),
            (30_000, 0, Some("000000000030000R")),
            (1_999, 1_000, Some("000000000001000R")),
            (10, 9, Some("000000000001000R")),
            (10, 10, None),
            (10, 11, None),
            (u64::MAX, 0, Some("000002000000000R")),
        ] {
            assert_eq!(super::validity(at(until), at(now)).as_deref(), validity.map(str::as_bytes), "{until} {now}");
        }
    }

    proptest! {
        #[test]
        fn every_text_comes_back_from_its_parts_and_each_fits(text in prop_oneof!["[a-z é€ê]{1,400}", "\\PC{1,200}"]) {
            for coding in [Coding::Gsm7, Coding::Gsm7Packed, Coding::Latin1, Coding::Ucs2] {
                let encoded = encode(&text, coding);
                prop_assert_eq!(decoded(&encoded), text.clone());
                // A septet in each octet: 160 alone, 153 and the header in several.
                let most = if encoded.data_coding == coding::DEFAULT { 160 } else { 140 };
                prop_assert!(encoded.parts.iter().all(|part| part.len() <= most));
                prop_assert!(encoded.parts.len() == 1 || encoded.parts.iter().all(|part| part.len() + 6 <= most));
                if encoded.packed {
                    let header = if encoded.parts.len() == 1 { 0 } else { udh::HEADER };
                    for part in &encoded.parts {
                        let octets = encoded.behind(header, part.clone());
                        prop_assert!(octets.len() + header <= 140);
                        // Of what fills the last octet nobody can tell whether it was a character.
                        let read = septets::unpack(&octets, header);
                        prop_assert!(read == *part || (part.starts_with(&read) && [0, 0x0D].contains(&part[part.len() - 1])));
                    }
                }
            }
        }
    }
}
