//! Identifiers that a simulator gives out and understands again without remembering them.
//!
//! Invariant: a receiver's id holds its number and device, a message's id its time and sequence in the ledger; neither can be made up
//! by accident, because the rest of the bits must fit. Numbers are not readable in it, but this is no encryption.

use uuid::{Builder, Uuid};

use crate::addressee::{Addressee, Kind};
use crate::hash;

const NUMBER_BITS: u32 = 62;

/// The id of a device of an addressee.
pub(crate) fn receiver(addressee: Addressee, device: u8) -> Uuid {
    let check = check(addressee, device);
    let low = (addressee.number ^ hash::mix(check)) & ((1 << NUMBER_BITS) - 1);
    let high = (check & !0xffff) | (u64::from(addressee.kind as u8) << 8) | u64::from(device);
    Builder::from_custom_bytes(Uuid::from_u64_pair(high, low).into_bytes()).into_uuid()
}

/// Whose id it is, and which device.
pub(crate) fn addressee(receiver: Uuid) -> Option<(Addressee, u8)> {
    let (high, low) = receiver.as_u64_pair();
    let kind = match (high >> 8) & 0xf {
        1 => Kind::Mobile,
        2 => Kind::Niss,
        _ => return None,
    };
    let number = (low ^ hash::mix(high & !0xffff)) & ((1 << NUMBER_BITS) - 1);
    let (addressee, device) = (Addressee { kind, number }, (high & 0xff) as u8);
    (self::receiver(addressee, device) == receiver).then_some((addressee, device))
}

fn check(addressee: Addressee, device: u8) -> u64 {
    hash::mix(addressee.key() ^ u64::from(device)) & !0xffff
}

/// The id of the message with that place in the ledger, a UUIDv7.
pub(crate) fn message(at_ms: u64, sequence: u64) -> Uuid {
    let mut rest = [0; 10];
    rest[2..].copy_from_slice(&sequence.to_be_bytes());
    Builder::from_unix_timestamp_millis(at_ms, &rest).into_uuid()
}

/// The sequence in the ledger of the message with that id, when it was given out here at that time.
pub(crate) fn sequence(message: Uuid) -> Option<(u64, u64)> {
    let (high, low) = message.as_u64_pair();
    let (at_ms, sequence) = (high >> 16, low & 0xffff_ffff_ffff);
    (self::message(at_ms, sequence) == message).then_some((at_ms, sequence))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn receiver_is_understood_again_and_nobody_elses_id_is() {
        for recipient in ["+32470123456", "+999999999999999", "85073003328", "05200000179"] {
            let known = Addressee::parse(recipient).expect("valid");
            for device in [0, 1, 255] {
                let id = receiver(known, device);
                let (found, found_device) = addressee(id).expect("ours");
                assert_eq!((found.to_string().as_str(), found_device), (recipient, device));
                assert!(!id.to_string().contains(&recipient[1..]));
                assert!(addressee(Uuid::from_u128(id.as_u128() ^ 1)).is_none());
            }
        }
        assert!((0..1000).all(|_| addressee(Uuid::new_v4()).is_none()));
    }

    #[test]
    fn message_is_understood_again_and_nobody_elses_id_is() {
        for (at_ms, number) in [(1_700_000_000_000, 1), (1_800_000_000_123, 4_000_000_000)] {
            let id = message(at_ms, number);
            assert_eq!((id.get_version_num(), sequence(id)), (7, Some((at_ms, number))));
        }
        assert_eq!(sequence(Uuid::new_v4()), None);
    }
}
