//! Optional parameters (TLVs), kept raw: what they mean is read when it is asked for.
//!
//! Invariant: one that is cut or wrong hides those after it and nothing else; the mandatory part of its PDU stands.

use bytes::{BufMut, Bytes, BytesMut};

/// The network's error code.
pub const NETWORK_ERROR_CODE: u16 = 0x0423;
/// The content of a message, where short_message is too short for it.
pub const MESSAGE_PAYLOAD: u16 = 0x0424;
/// The state of a message in a receipt: one octet.
pub const MESSAGE_STATE: u16 = 0x0427;
/// The id of the message that a receipt is about.
pub const RECEIPTED_MESSAGE_ID: u16 = 0x001E;
/// What the parts of a message share, where no user data header tells it: two octets.
pub const SAR_REFERENCE: u16 = 0x020C;
/// How many parts there are: one octet.
pub const SAR_TOTAL: u16 = 0x020E;
/// Which part it is, from 1: one octet.
pub const SAR_NUMBER: u16 = 0x020F;
/// Which version the SMSC speaks.
pub const SC_INTERFACE_VERSION: u16 = 0x0210;

/// The optional parameters of a PDU, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tlvs(Bytes);

impl Tlvs {
    /// As they came.
    pub fn of(raw: Bytes) -> Self {
        Self(raw)
    }

    /// As they go.
    pub fn raw(&self) -> &Bytes {
        &self.0
    }

    /// One more at the end. Values longer than 65,535 octets are cut: no PDU holds them.
    #[must_use]
    pub fn with(self, tag: u16, value: &[u8]) -> Self {
        let value = &value[..value.len().min(usize::from(u16::MAX))];
        let mut raw = BytesMut::with_capacity(self.0.len() + 4 + value.len());
        raw.extend_from_slice(&self.0);
        raw.put_u16(tag);
        raw.put_u16(value.len() as u16);
        raw.put_slice(value);
        Self(raw.freeze())
    }

    /// Those that can be read: up to the first that is cut.
    pub fn iter(&self) -> impl Iterator<Item = (u16, Bytes)> + '_ {
        let mut at = 0;
        std::iter::from_fn(move || {
            let (tag, length) = header(&self.0, at)?;
            let value = at + 4..at + 4 + length;
            at = value.end;
            (value.end <= self.0.len()).then(|| (tag, self.0.slice(value)))
        })
    }

    /// The first value of a tag.
    pub fn get(&self, tag: u16) -> Option<Bytes> {
        self.iter().find_map(|(known, value)| (known == tag).then_some(value))
    }

    /// Whether all of them can be read.
    pub fn is_whole(&self) -> bool {
        self.iter().map(|(_, value)| value.len() + 4).sum::<usize>() == self.0.len()
    }
}

fn header(raw: &[u8], at: usize) -> Option<(u16, usize)> {
    let [a, b, c, d, ..] = raw.get(at..)? else { return None };
    Some((u16::from_be_bytes([*a, *b]), usize::from(u16::from_be_bytes([*c, *d]))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_parameter_hides_only_what_follows_it() {
        let tlvs = Tlvs::default().with(MESSAGE_STATE, &[2]).with(RECEIPTED_MESSAGE_ID, b"0042\0");
        assert!(tlvs.is_whole());
        assert_eq!(tlvs.get(RECEIPTED_MESSAGE_ID).as_deref(), Some(&b"0042\0"[..]));
        let cut = Tlvs::of(tlvs.raw().slice(..tlvs.raw().len() - 1));
        assert!(!cut.is_whole());
        assert_eq!(cut.get(MESSAGE_STATE).as_deref(), Some(&[2][..]));
        assert_eq!(cut.get(RECEIPTED_MESSAGE_ID), None);
        assert_eq!(Tlvs::of(Bytes::from_static(&[4, 39, 255, 255, 1])).iter().count(), 0);
    }
}
