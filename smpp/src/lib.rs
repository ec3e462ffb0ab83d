//! SMPP 3.4 as bytes, for whoever speaks it: PDUs, raw TLVs, a codec, data codings, user data headers and the text of receipts.
//!
//! Invariant: nothing that a peer sends makes this panic or take more memory than the longest PDU allowed, and only a length
//! that can't be believed ends a connection: a PDU that can't be understood is handed on as such, and the next one is read.
//! It must not know a broker, a simulator, a time limit or a retry: those are its users'.
//!
//! Source: Short Message Peer to Peer Protocol Specification v3.4, issue 1.2 (SMPP Developers Forum, 1999).

pub mod codec;
pub mod coding;
pub mod line;
pub mod pdu;
pub mod receipt;
pub mod septets;
pub mod status;
pub mod tlv;
pub mod udh;

pub use codec::{Codec, Frame};
pub use line::Line;
pub use pdu::{Address, Bind, Body, Pdu, ShortMessage};
pub use status::Status;
pub use tlv::Tlvs;
