//! Frames out of octets. Owns the one decision that ends a connection: a length that can't be believed.
//!
//! Invariant: the decoder never panics, reserves no more than the longest PDU allowed, and takes exactly one PDU's octets for
//! each frame, whatever is in it. So a PDU that can't be understood costs its own sender an answer, and nobody else theirs.

use bytes::{Buf, BytesMut};
use tokio_util::codec::{Decoder, Encoder};

use crate::pdu::{Body, HEADER, Malformed, Pdu};
use crate::status::Status;

/// The octets of a PDU at most, unless its user says otherwise: message_payload holds up to 64 KiB.
pub const LONGEST: usize = 72 * 1_024;

/// What stood between two lengths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A PDU.
    Pdu(Pdu),
    /// Its body can't be read.
    Malformed {
        /// Its command.
        command: u32,
        /// Its status.
        status: Status,
        /// Its sequence number.
        sequence: u32,
        /// What is wrong.
        why: Malformed,
    },
}

/// Why nothing can be read any more: close the connection.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Where the next PDU begins can't be known.
    #[error("the peer sent a PDU of {length} octets; 16 to {longest} are taken: the connection can't go on")]
    Length {
        /// What it said.
        length: u32,
        /// What is taken.
        longest: usize,
    },
    /// The connection.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// The codec.
#[derive(Clone, Copy, Debug)]
pub struct Codec {
    longest: usize,
}

impl Codec {
    /// One that takes PDUs of at most so many octets (at least a header).
    pub fn of(longest: usize) -> Self {
        Self { longest: longest.max(HEADER) }
    }
}

impl Default for Codec {
    fn default() -> Self {
        Self::of(LONGEST)
    }
}

impl Decoder for Codec {
    type Item = Frame;
    type Error = Error;

    fn decode(&mut self, octets: &mut BytesMut) -> Result<Option<Frame>, Error> {
        let Some(length) = octets.first_chunk::<4>().map(|length| u32::from_be_bytes(*length)) else {
            return Ok(None);
        };
        let whole = length as usize;
        if !(HEADER..=self.longest).contains(&whole) {
            return Err(Error::Length { length, longest: self.longest });
        }
        if octets.len() < whole {
            octets.reserve(whole - octets.len());
            return Ok(None);
        }
        let mut pdu = octets.split_to(whole).freeze();
        pdu.advance(4);
        let (command, status, sequence) = (pdu.get_u32(), Status(pdu.get_u32()), pdu.get_u32());
        Ok(Some(match Body::read(command, pdu) {
            Ok(body) => Frame::Pdu(Pdu { status, sequence, body }),
            Err(why) => Frame::Malformed { command, status, sequence, why },
        }))
    }
}

impl Encoder<&Pdu> for Codec {
    type Error = Error;

    fn encode(&mut self, pdu: &Pdu, octets: &mut BytesMut) -> Result<(), Error> {
        pdu.write(octets);
        Ok(())
    }
}
