//! The PDUs that a transceiver and its SMSC exchange, and their octets.
//!
//! Invariant: what is written can be read back; what is read may be wrong in any way and gives an error that names the field.
//! Reading is lenient about lengths (providers exceed those of the specification); writing cuts at them.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::status::Status;
use crate::tlv::{self, Tlvs};

/// The octets of a header: length, command, status, sequence.
pub const HEADER: usize = 16;
/// The octets of short_message at most; longer content goes into message_payload.
pub const SHORT_MESSAGE: usize = 254;
/// The highest sequence number (section 3.2).
pub const LAST_SEQUENCE: u32 = 0x7FFF_FFFF;
/// What marks a response's command_id.
pub const RESPONSE: u32 = 0x8000_0000;

/// The commands by their numbers (section 5.1.2.1).
pub mod command {
    /// Refuses a PDU that was not understood.
    pub const GENERIC_NACK: u32 = 0x8000_0000;
    /// Binds to receive.
    pub const BIND_RECEIVER: u32 = 0x01;
    /// Binds to send.
    pub const BIND_TRANSMITTER: u32 = 0x02;
    /// Asks for a message's state.
    pub const QUERY_SM: u32 = 0x03;
    /// Sends a message.
    pub const SUBMIT_SM: u32 = 0x04;
    /// Brings a message, or a receipt.
    pub const DELIVER_SM: u32 = 0x05;
    /// Ends a bind.
    pub const UNBIND: u32 = 0x06;
    /// Binds for both.
    pub const BIND_TRANSCEIVER: u32 = 0x09;
    /// Asks whether the link lives.
    pub const ENQUIRE_LINK: u32 = 0x15;
    /// Tells that a handset can be reached again; it wants no answer.
    pub const ALERT_NOTIFICATION: u32 = 0x0102;
}

/// A PDU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pdu {
    /// Of a response: what became of the request.
    pub status: Status,
    /// What binds a response to its request.
    pub sequence: u32,
    /// What it says.
    pub body: Body,
}

/// What a PDU says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// A bind in one of its three forms, told by the command.
    Bind(Bound, Bind),
    /// The answer to a bind: who the SMSC is.
    BindResp(Bound, Bytes, Tlvs),
    /// Ends a bind.
    Unbind,
    /// The answer.
    UnbindResp,
    /// Sends a message.
    SubmitSm(Box<ShortMessage>),
    /// The answer: the message id, empty when it was refused.
    SubmitSmResp(Bytes),
    /// Brings a message, or a receipt.
    DeliverSm(Box<ShortMessage>),
    /// The answer.
    DeliverSmResp,
    /// Asks for the state of a message.
    QuerySm {
        /// As in the answer to its submission.
        message_id: Bytes,
        /// The source address of the message.
        source: Address,
    },
    /// The answer.
    QuerySmResp {
        /// As asked.
        message_id: Bytes,
        /// The state (see [`crate::receipt::State`]).
        state: u8,
        /// The network's error.
        error: u8,
    },
    /// Asks whether the link lives.
    EnquireLink,
    /// It does.
    EnquireLinkResp,
    /// A PDU was not understood.
    GenericNack,
    /// A command that is not known here, with its body.
    Other(u32, Bytes),
}

/// Which bind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// To receive.
    Receiver,
    /// To send.
    Transmitter,
    /// For both.
    Transceiver,
}

impl Bound {
    const fn command(self) -> u32 {
        match self {
            Self::Receiver => command::BIND_RECEIVER,
            Self::Transmitter => command::BIND_TRANSMITTER,
            Self::Transceiver => command::BIND_TRANSCEIVER,
        }
    }

    const fn of(command: u32) -> Self {
        match command & !RESPONSE {
            command::BIND_RECEIVER => Self::Receiver,
            command::BIND_TRANSMITTER => Self::Transmitter,
            _ => Self::Transceiver,
        }
    }
}

/// Who binds.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Bind {
    /// The name, at most 15 octets.
    pub system_id: Bytes,
    /// The password, at most 8 octets.
    pub password: Bytes,
    /// The kind of system, at most 12 octets.
    pub system_type: Bytes,
    /// 0x34 for version 3.4.
    pub interface_version: u8,
    /// Which addresses it serves; the SMSC knows, mostly.
    pub range: Address,
}

impl std::fmt::Debug for Bind {
    /// Without the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bind").field("system_id", &self.system_id).finish_non_exhaustive()
    }
}

/// An address with its type of number and numbering plan.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Address {
    /// Type of number: 0 unknown, 1 international, 5 alphanumeric.
    pub ton: u8,
    /// Numbering plan: 0 unknown, 1 E.164.
    pub npi: u8,
    /// At most 20 octets.
    pub digits: Bytes,
}

impl std::fmt::Debug for Address {
    /// Without the number: a citizen's may be in it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Address").field("ton", &self.ton).field("npi", &self.npi).finish_non_exhaustive()
    }
}

/// A message on its way, in either direction.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ShortMessage {
    /// The service, at most 5 octets.
    pub service_type: Bytes,
    /// From whom.
    pub source: Address,
    /// To whom.
    pub destination: Address,
    /// What kind of message, and whether a user data header is in it.
    pub esm_class: u8,
    /// The protocol above it; 0.
    pub protocol_id: u8,
    /// 0 to 3.
    pub priority: u8,
    /// When to send it, at most 16 octets; empty for at once.
    pub schedule: Bytes,
    /// Until when to try, at most 16 octets; empty for the SMSC's own time.
    pub validity: Bytes,
    /// Which receipts are wanted (see [`receipts`]).
    pub registered_delivery: u8,
    /// Replaces one that was not delivered.
    pub replace: u8,
    /// Which octets the text is (see [`crate::coding`]).
    pub data_coding: u8,
    /// A message that the SMSC has in store; 0.
    pub default_message: u8,
    /// The content, at most 254 octets; empty when it is in message_payload.
    pub short_message: Bytes,
    /// Optional parameters.
    pub tlvs: Tlvs,
}

impl std::fmt::Debug for ShortMessage {
    /// Without numbers and content.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ShortMessage").field("esm_class", &self.esm_class).finish_non_exhaustive()
    }
}

/// Bits of esm_class.
pub mod esm_class {
    /// The content begins with a user data header.
    pub const UDH: u8 = 0x40;
    /// The kind of message is in these.
    pub const KIND: u8 = 0x3C;
    /// An SMSC's delivery receipt.
    pub const RECEIPT: u8 = 0x04;
    /// A word about a message that is still on its way.
    pub const INTERMEDIATE: u8 = 0x20;
}

/// Values of registered_delivery.
pub mod receipts {
    /// None.
    pub const NONE: u8 = 0;
    /// Of the end, whatever it is.
    pub const ALL: u8 = 1;
    /// Of a failure only.
    pub const FAILURE: u8 = 2;
}

impl ShortMessage {
    /// The content, wherever it is.
    pub fn content(&self) -> Bytes {
        if self.short_message.is_empty() {
            self.tlvs.get(tlv::MESSAGE_PAYLOAD).unwrap_or_default()
        } else {
            self.short_message.clone()
        }
    }
}

/// Why the body of a PDU can't be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// It ends inside a field.
    #[error("the PDU ends before its {0}")]
    Cut(&'static str),
    /// A text without its end.
    #[error("the {0} of the PDU has no end")]
    Endless(&'static str),
}

/// Reads fields in their order.
struct Fields(Bytes);

impl Fields {
    fn octet(&mut self, name: &'static str) -> Result<u8, Malformed> {
        self.0.has_remaining().then(|| self.0.get_u8()).ok_or(Malformed::Cut(name))
    }

    fn text(&mut self, name: &'static str) -> Result<Bytes, Malformed> {
        let end = self.0.iter().position(|octet| *octet == 0).ok_or(Malformed::Endless(name))?;
        let text = self.0.split_to(end);
        self.0.advance(1);
        Ok(text)
    }

    /// Of a response that may have no body.
    fn text_if_any(&mut self) -> Bytes {
        let end = self.0.iter().position(|octet| *octet == 0).unwrap_or(self.0.len());
        let text = self.0.split_to(end);
        if self.0.has_remaining() {
            self.0.advance(1);
        }
        text
    }

    fn address(&mut self, name: &'static str) -> Result<Address, Malformed> {
        Ok(Address { ton: self.octet(name)?, npi: self.octet(name)?, digits: self.text(name)? })
    }

    fn bind(mut self) -> Result<Bind, Malformed> {
        Ok(Bind {
            system_id: self.text("system_id")?,
            password: self.text("password")?,
            system_type: self.text("system_type")?,
            interface_version: self.octet("interface_version")?,
            range: self.address("address_range")?,
        })
    }

    fn message(mut self) -> Result<Box<ShortMessage>, Malformed> {
        let mut message = ShortMessage {
            service_type: self.text("service_type")?,
            source: self.address("source_addr")?,
            destination: self.address("destination_addr")?,
            esm_class: self.octet("esm_class")?,
            protocol_id: self.octet("protocol_id")?,
            priority: self.octet("priority_flag")?,
            schedule: self.text("schedule_delivery_time")?,
            validity: self.text("validity_period")?,
            registered_delivery: self.octet("registered_delivery")?,
            replace: self.octet("replace_if_present_flag")?,
            data_coding: self.octet("data_coding")?,
            default_message: self.octet("sm_default_msg_id")?,
            ..ShortMessage::default()
        };
        let length = usize::from(self.octet("sm_length")?);
        if length > self.0.len() {
            return Err(Malformed::Cut("short_message"));
        }
        message.short_message = self.0.split_to(length);
        message.tlvs = Tlvs::of(self.0);
        Ok(Box::new(message))
    }
}

impl Body {
    /// Reads the body of a command.
    pub fn read(command: u32, octets: Bytes) -> Result<Self, Malformed> {
        let mut fields = Fields(octets);
        Ok(match command {
            command::BIND_RECEIVER | command::BIND_TRANSMITTER | command::BIND_TRANSCEIVER => {
                Self::Bind(Bound::of(command), fields.bind()?)
            }
            0x8000_0001 | 0x8000_0002 | 0x8000_0009 => {
                let system_id = fields.text_if_any();
                Self::BindResp(Bound::of(command), system_id, Tlvs::of(fields.0))
            }
            command::UNBIND => Self::Unbind,
            0x8000_0006 => Self::UnbindResp,
            command::SUBMIT_SM => Self::SubmitSm(fields.message()?),
            0x8000_0004 => Self::SubmitSmResp(fields.text_if_any()),
            command::DELIVER_SM => Self::DeliverSm(fields.message()?),
            0x8000_0005 => Self::DeliverSmResp,
            command::QUERY_SM => {
                Self::QuerySm { message_id: fields.text("message_id")?, source: fields.address("source_addr")? }
            }
            0x8000_0003 => {
                let message_id = fields.text_if_any();
                let final_date = fields.text_if_any();
                drop(final_date);
                let (state, error) = (fields.octet("message_state").unwrap_or(0), fields.octet("").unwrap_or(0));
                Self::QuerySmResp { message_id, state, error }
            }
            command::ENQUIRE_LINK => Self::EnquireLink,
            0x8000_0015 => Self::EnquireLinkResp,
            command::GENERIC_NACK => Self::GenericNack,
            other => Self::Other(other, fields.0),
        })
    }

    /// Its command.
    pub fn command(&self) -> u32 {
        match self {
            Self::Bind(bound, _) => bound.command(),
            Self::BindResp(bound, ..) => bound.command() | RESPONSE,
            Self::Unbind => command::UNBIND,
            Self::UnbindResp => command::UNBIND | RESPONSE,
            Self::SubmitSm(_) => command::SUBMIT_SM,
            Self::SubmitSmResp(_) => command::SUBMIT_SM | RESPONSE,
            Self::DeliverSm(_) => command::DELIVER_SM,
            Self::DeliverSmResp => command::DELIVER_SM | RESPONSE,
            Self::QuerySm { .. } => command::QUERY_SM,
            Self::QuerySmResp { .. } => command::QUERY_SM | RESPONSE,
            Self::EnquireLink => command::ENQUIRE_LINK,
            Self::EnquireLinkResp => command::ENQUIRE_LINK | RESPONSE,
            Self::GenericNack => command::GENERIC_NACK,
            Self::Other(command, _) => *command,
        }
    }

    /// Whether it answers a request.
    pub fn is_response(&self) -> bool {
        self.command() & RESPONSE != 0
    }

    fn write(&self, to: &mut BytesMut, status: Status) {
        match self {
            Self::Bind(_, bind) => {
                text(to, &bind.system_id, 15);
                text(to, &bind.password, 8);
                text(to, &bind.system_type, 12);
                to.put_u8(bind.interface_version);
                address(to, &bind.range, 40);
            }
            Self::BindResp(_, system_id, tlvs) => {
                text(to, system_id, 15);
                to.put_slice(tlvs.raw());
            }
            Self::SubmitSm(message) | Self::DeliverSm(message) => write_message(to, message),
            // A refusal has no body (4.4.2); some read one all the same, so the empty id stands there.
            Self::SubmitSmResp(message_id) => text(to, message_id, 64),
            Self::DeliverSmResp => to.put_u8(0),
            Self::QuerySm { message_id, source } => {
                text(to, message_id, 64);
                address(to, source, 20);
            }
            Self::QuerySmResp { message_id, state, error } if status.is_ok() => {
                text(to, message_id, 64);
                to.put_slice(&[0, *state, *error]);
            }
            Self::QuerySmResp { message_id, .. } => {
                text(to, message_id, 64);
                to.put_slice(&[0, 0, 0]);
            }
            Self::Other(_, octets) => to.put_slice(octets),
            Self::Unbind | Self::UnbindResp | Self::EnquireLink | Self::EnquireLinkResp | Self::GenericNack => {}
        }
    }
}

/// A text with its end: up to the first zero, and not longer than the specification lets it be.
fn text(to: &mut BytesMut, text: &[u8], most: usize) {
    let end = text.iter().position(|octet| *octet == 0).unwrap_or(text.len()).min(most);
    to.put_slice(&text[..end]);
    to.put_u8(0);
}

fn address(to: &mut BytesMut, address: &Address, most: usize) {
    to.put_slice(&[address.ton, address.npi]);
    text(to, &address.digits, most);
}

fn write_message(to: &mut BytesMut, message: &ShortMessage) {
    text(to, &message.service_type, 5);
    address(to, &message.source, 20);
    address(to, &message.destination, 20);
    to.put_slice(&[message.esm_class, message.protocol_id, message.priority]);
    text(to, &message.schedule, 16);
    text(to, &message.validity, 16);
    to.put_slice(&[message.registered_delivery, message.replace, message.data_coding, message.default_message]);
    let content = &message.short_message[..message.short_message.len().min(SHORT_MESSAGE)];
    to.put_u8(content.len() as u8);
    to.put_slice(content);
    to.put_slice(message.tlvs.raw());
}

impl Pdu {
    /// A request.
    pub fn request(sequence: u32, body: Body) -> Self {
        Self { status: Status::OK, sequence, body }
    }

    /// The answer to a request.
    pub fn answer(sequence: u32, status: Status, body: Body) -> Self {
        Self { status, sequence, body }
    }

    /// Writes its octets behind those that are there.
    pub fn write(&self, to: &mut BytesMut) {
        let start = to.len();
        to.put_u32(0);
        to.put_u32(self.body.command());
        to.put_u32(self.status.0);
        to.put_u32(self.sequence);
        self.body.write(to, self.status);
        let length = (to.len() - start) as u32;
        to[start..start + 4].copy_from_slice(&length.to_be_bytes());
    }
}

/// The sequence number after this one.
pub const fn next_sequence(sequence: u32) -> u32 {
    if sequence >= LAST_SEQUENCE { 1 } else { sequence + 1 }
}

/// A validity of so many seconds from now, relative to the SMSC's own time (7.1.1): at most 63 days.
pub fn relative(seconds: u64) -> Bytes {
    let seconds = seconds.min(63 * 86_400);
    let (days, hours) = (seconds / 86_400, seconds / 3_600 % 24);
    let months = days / 30;
    let text = format!("00{months:02}{:02}{hours:02}{:02}{:02}000R", days % 30, seconds / 60 % 60, seconds % 60);
    Bytes::from(text)
}
