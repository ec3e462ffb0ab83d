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
use estafette_smpp::udh::Part;
use estafette_smpp::{Tlvs, coding, tlv};

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
    parts: Vec<Vec<u8>>,
}

fn encode(text: &str, coding: Coding) -> Encoded {
    let ucs2 = |parts: Vec<&str>| Encoded {
        data_coding: coding::UCS_2,
        parts: parts.into_iter().map(coding::to_ucs_2).collect(),
    };
    let latin = |data_coding| match coding::to_latin_1(text) {
        Some(octets) if octets.len() <= LATIN_ALONE => Encoded { data_coding, parts: vec![octets] },
        Some(octets) => Encoded { data_coding, parts: octets.chunks(LATIN_IN_PART).map(<[u8]>::to_vec).collect() },
        None => ucs2(segment::split_as_ucs2(text)),
    };
    match coding {
        Coding::Gsm7 => match segment::measure(text).alphabet {
            Alphabet::Gsm7 => {
                let septets = segment::split(text).into_iter().map(segment::to_septets);
                Encoded { data_coding: coding::DEFAULT, parts: septets.flatten().collect() }
            }
            Alphabet::Ucs2 => ucs2(segment::split(text)),
        },
        Coding::Latin1 => latin(coding::LATIN_1),
        Coding::DefaultLatin1 => latin(coding::DEFAULT),
        Coding::Ucs2 => ucs2(segment::split_as_ucs2(text)),
    }
}

/// The messages of a letter, in their order; at least one. `number` is what its parts will share.
pub(super) fn messages(
    form: &Form,
    letter: &Letter,
    number: u16,
    now: Timestamp,
) -> Result<Vec<ShortMessage>, Failure> {
    let mobile = letter.recipient.mobile.ok_or(Failure::Unreachable)?;
    let text = &*letter.rendition.text;
    if text.trim().is_empty() {
        return Err(Failure::InvalidContent);
    }
    let Encoded { data_coding, parts } = encode(text, form.coding);
    if parts.len() > PARTS {
        return Err(Failure::InvalidContent);
    }
    let mut tlvs = Tlvs::default();
    if form.reference_tlv != 0 {
        tlvs = tlvs.with(form.reference_tlv, letter.reference.to_string().as_bytes());
    }
    let validity = letter.envelope.valid_until.since(now).as_secs().clamp(60, VALIDITY_MAX_SECS);
    let model = ShortMessage {
        service_type: form.service_type.clone(),
        source: letter.envelope.sender_name.as_deref().and_then(source).unwrap_or_else(|| form.source.clone()),
        destination: Address { ton: 1, npi: 1, digits: Bytes::from(mobile.digits()) },
        validity: pdu::relative(validity),
        registered_delivery: receipts::ALL,
        data_coding,
        tlvs,
        ..ShortMessage::default()
    };
    let total = parts.len();
    if total == 1 {
        let short_message = parts.into_iter().next().unwrap_or_default().into();
        return Ok(vec![ShortMessage { short_message, ..model }]);
    }
    if form.long == Long::Payload {
        let tlvs = model.tlvs.clone().with(tlv::MESSAGE_PAYLOAD, &parts.concat());
        return Ok(vec![ShortMessage { tlvs, ..model }]);
    }
    let messages = parts.into_iter().enumerate().map(|(place, octets)| {
        let part = Part { reference: number & 0xFF, total: total as u8, number: place as u8 + 1 };
        ShortMessage {
            esm_class: esm_class::UDH,
            short_message: part.before(&octets),
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

    proptest! {
        #[test]
        fn every_text_comes_back_from_its_parts_and_each_fits(text in prop_oneof!["[a-z é€ê]{1,400}", "\\PC{1,200}"]) {
            for coding in [Coding::Gsm7, Coding::Latin1, Coding::Ucs2] {
                let encoded = encode(&text, coding);
                prop_assert_eq!(decoded(&encoded), text.clone());
                // A septet in each octet: 160 alone, 153 and the header in several.
                let most = if encoded.data_coding == coding::DEFAULT { 160 } else { 140 };
                prop_assert!(encoded.parts.iter().all(|part| part.len() <= most));
                prop_assert!(encoded.parts.len() == 1 || encoded.parts.iter().all(|part| part.len() + 6 <= most));
            }
        }
    }
}
