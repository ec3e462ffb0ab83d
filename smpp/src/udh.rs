//! The user data header that makes several SMS one message (3GPP TS 23.040, 9.2.3.24): the two concatenation elements.
//!
//! Invariant: octets that are no whole header are content, so that nothing is lost for a wrong flag.

use bytes::{BufMut, Bytes, BytesMut};

/// One of several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Part {
    /// What the parts of a message share, for one sender and recipient.
    pub reference: u16,
    /// How many there are.
    pub total: u8,
    /// Which one, from 1.
    pub number: u8,
}

/// The octets of a header with an 8-bit reference: six octets.
pub const HEADER: usize = 6;

impl Part {
    /// The header (with the low octet of the reference) and the content behind it.
    pub fn before(self, content: &[u8]) -> Bytes {
        let mut octets = BytesMut::with_capacity(HEADER + content.len());
        octets.put_slice(&[5, 0, 3, self.reference as u8, self.total, self.number]);
        octets.put_slice(content);
        octets.freeze()
    }
}

/// Takes the header off: the part, where it tells one, and the content.
pub fn read(octets: &Bytes) -> (Option<Part>, Bytes) {
    let whole = || (None, octets.clone());
    let Some(length) = octets.first().map(|length| usize::from(*length)) else { return whole() };
    if octets.len() <= length || length < 2 {
        return whole();
    }
    let mut elements = &octets[1..=length];
    let mut part = None;
    while let [element, size, rest @ ..] = elements {
        let Some(value) = rest.get(..usize::from(*size)) else { return whole() };
        part = match (element, value) {
            (0x00, [reference, total, number]) => {
                Some(Part { reference: u16::from(*reference), total: *total, number: *number })
            }
            (0x08, [high, low, total, number]) => {
                Some(Part { reference: u16::from_be_bytes([*high, *low]), total: *total, number: *number })
            }
            _ => part,
        };
        elements = &rest[usize::from(*size)..];
    }
    (part.filter(|part| part.number > 0 && part.number <= part.total), octets.slice(length + 1..))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_as_it_was_written_and_rubbish_is_content() {
        let part = Part { reference: 0x42, total: 3, number: 2 };
        assert_eq!(read(&part.before(b"abc")), (Some(part), Bytes::from_static(b"abc")));
        let wide = Bytes::from_static(&[6, 8, 4, 1, 2, 2, 1, b'x']);
        assert_eq!(read(&wide), (Some(Part { reference: 0x0102, total: 2, number: 1 }), Bytes::from_static(b"x")));
        for rubbish in [&b""[..], &[5], &[5, 0, 3], &[5, 0, 200, 1, 1, 1, 1], &[0, 1, 2], &[255; 8]] {
            let rubbish = Bytes::copy_from_slice(rubbish);
            assert_eq!(read(&rubbish), (None, rubbish.clone()));
        }
        // Number 4 of 3 is no part, but a header all the same.
        let beyond = Bytes::from_static(&[5, 0, 3, 1, 3, 4, b'x']);
        assert_eq!(read(&beyond), (None, Bytes::from_static(b"x")));
    }
}
