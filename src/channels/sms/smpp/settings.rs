//! `[channels.sms]` with `provider = "smpp"`: what is written, and what is made of it.
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use estafette_smpp::pdu::{Address, Bind};
use rustls::pki_types::ServerName;
use serde::Deserialize;

use super::tls;
use crate::channels::Error;
use crate::channels::settings::{Checks, Secret, span};
use crate::channels::sms::{NAME, source};

/// The settings as they are written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Host and port of the SMSC.
    pub address: String,
    /// Whether to speak TLS. Default false: then the line itself must be private.
    #[serde(default)]
    pub tls: bool,
    /// The name in the SMSC's certificate, where it is not the host of `address`.
    #[serde(default)]
    pub tls_name: Option<String>,
    /// A PEM file of the authorities to believe; without it those of the system.
    #[serde(default)]
    pub tls_ca_file: Option<PathBuf>,
    /// Our name there: 1 to 15 characters.
    pub system_id: String,
    /// Our password: at most 8 characters (SMPP 3.4).
    pub password: Secret,
    /// What the provider asks for, often nothing: at most 12 characters.
    #[serde(default)]
    pub system_type: String,
    /// The service, often nothing: at most 5 characters.
    #[serde(default)]
    pub service_type: String,
    /// Transceiver binds at once, 1 to 32. Default 1.
    #[serde(default = "one")]
    pub binds: u16,
    /// Requests without an answer on each bind at most, 1 to 10000. Default 50.
    #[serde(default = "fifty")]
    pub window: u32,
    /// Milliseconds of silence after which the link is tried. Default 30,000.
    #[serde(default = "thirty_seconds")]
    pub enquire_link_ms: u64,
    /// Milliseconds that an answer may take. Default 10,000.
    #[serde(default = "ten_seconds")]
    pub response_timeout_ms: u64,
    /// Milliseconds to connect and bind. Default 5,000.
    #[serde(default = "five_seconds")]
    pub connect_timeout_ms: u64,
    /// Milliseconds before the first new connection after one was lost; doubled, with jitter. Default 500.
    #[serde(default = "half_a_second")]
    pub reconnect_min_ms: u64,
    /// The same at most. Default 30,000.
    #[serde(default = "thirty_seconds")]
    pub reconnect_max_ms: u64,
    /// How texts are written, and with that what data_coding 0 means here in what citizens write. Default `gsm7`.
    #[serde(default)]
    pub coding: Coding,
    /// How long messages go. Default `udh`.
    #[serde(default)]
    pub long: Long,
    /// In which form receipts give message ids. Default `as_is`.
    #[serde(default)]
    pub receipt_id: ReceiptId,
    /// Whether the SMSC answers query_sm. Default false.
    #[serde(default)]
    pub query: bool,
    /// The tag of an optional parameter that carries our reference; 0 for none. Default 0.
    #[serde(default)]
    pub reference_tlv: u16,
    /// Whom the citizen sees when the message names nobody: a number, or up to 11 letters and digits.
    #[serde(default)]
    pub sender_id: Option<String>,
}

/// How texts are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Coding {
    /// data_coding 0 with a septet in each octet; UCS-2 where the alphabet lacks a character.
    #[default]
    Gsm7,
    /// data_coding 0 with eight septets in seven octets; UCS-2 likewise.
    Gsm7Packed,
    /// data_coding 3; UCS-2 where Latin-1 lacks a character.
    Latin1,
    /// data_coding 0, which this SMSC takes for Latin-1; UCS-2 likewise.
    DefaultLatin1,
    /// UCS-2 always.
    Ucs2,
}

/// What data_coding 0, the SMSC's default alphabet, means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Alphabet {
    /// A septet in each octet.
    Gsm7,
    /// Eight septets in seven octets.
    Gsm7Packed,
    /// ISO 8859-1.
    Latin1,
}

impl Coding {
    const fn default_alphabet(self) -> Alphabet {
        match self {
            Self::Gsm7 | Self::Latin1 | Self::Ucs2 => Alphabet::Gsm7,
            Self::Gsm7Packed => Alphabet::Gsm7Packed,
            Self::DefaultLatin1 => Alphabet::Latin1,
        }
    }
}

/// How a message of several parts goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Long {
    /// In parts with a user data header.
    #[default]
    Udh,
    /// Whole, in message_payload: the SMSC cuts it.
    Payload,
}

/// In which form receipts give the ids that answers gave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReceiptId {
    /// The same octets.
    #[default]
    AsIs,
    /// The answer in hexadecimal, the receipt in decimal.
    HexToDec,
    /// The answer in decimal, the receipt in hexadecimal.
    DecToHex,
}

fn one() -> u16 {
    1
}

fn fifty() -> u32 {
    50
}

fn half_a_second() -> u64 {
    500
}

fn five_seconds() -> u64 {
    5_000
}

fn ten_seconds() -> u64 {
    10_000
}

fn thirty_seconds() -> u64 {
    30_000
}

/// What a bind works with.
pub(super) struct Terms {
    pub(super) address: String,
    pub(super) tls: Option<(tokio_rustls::TlsConnector, ServerName<'static>)>,
    pub(super) bind: Bind,
    pub(super) window: usize,
    pub(super) enquire_after: Duration,
    pub(super) response: Duration,
    pub(super) connect: Duration,
    pub(super) reconnect: (Duration, Duration),
    pub(super) receipt_id: ReceiptId,
    pub(super) alphabet: Alphabet,
}

/// How letters become messages.
pub(super) struct Form {
    pub(super) coding: Coding,
    pub(super) long: Long,
    pub(super) service_type: Bytes,
    pub(super) reference_tlv: u16,
    pub(super) source: Address,
}

fn wrong(key: &'static str, message: impl Into<String>) -> Error {
    Error::Setting { channel: NAME, key, message: message.into() }
}

/// ASCII of a bounded length.
fn text(key: &'static str, text: &str, least: usize, most: usize) -> Result<Bytes, Error> {
    let fits = (least..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    if fits {
        return Ok(Bytes::copy_from_slice(text.as_bytes()));
    }
    Err(wrong(key, format!("give {least} to {most} visible ASCII characters")))
}

fn within(key: &'static str, value: u32, most: u32) -> Result<(), Error> {
    if (1..=most).contains(&value) { Ok(()) } else { Err(wrong(key, format!("give 1 to {most}"))) }
}

impl Settings {
    /// Everything is looked at, whatever was wrong before.
    pub(super) fn checked(&self) -> Result<(Terms, Form), Error> {
        let mut checks = Checks::default();
        let host = self.address.rsplit_once(':').filter(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
        let host = host.map(|(host, _)| host);
        let no_host = || wrong("address", "give host and port, such as smsc.example.be:2775");
        checks.note(host.ok_or_else(no_host));
        checks.note(within("binds", self.binds.into(), 32));
        checks.note(within("window", self.window, 10_000));
        let is_ordered = self.reconnect_max_ms >= self.reconnect_min_ms;
        checks
            .note(is_ordered.then_some(()).ok_or_else(|| wrong("reconnect_max_ms", "give at least reconnect_min_ms")));
        let tls = self.tls.then(|| (checks.note(self.tls_name(host)), checks.note(self.connector())));
        let mut word = |key, word: &str, least, most| checks.note(text(key, word, least, most)).unwrap_or_default();
        let bind = Bind {
            system_id: word("system_id", &self.system_id, 1, 15),
            password: word("password", self.password.expose(), 0, 8),
            system_type: word("system_type", &self.system_type, 0, 12),
            interface_version: 0x34,
            range: Address::default(),
        };
        let service_type = word("service_type", &self.service_type, 0, 5);
        let mut ms = |key, value| checks.note(span(NAME, key, value)).unwrap_or_default();
        let terms = Terms {
            address: self.address.clone(),
            tls: tls.and_then(|(name, connector)| Some((connector?, name?))),
            bind,
            window: self.window as usize,
            enquire_after: ms("enquire_link_ms", self.enquire_link_ms),
            response: ms("response_timeout_ms", self.response_timeout_ms),
            connect: ms("connect_timeout_ms", self.connect_timeout_ms),
            reconnect: (ms("reconnect_min_ms", self.reconnect_min_ms), ms("reconnect_max_ms", self.reconnect_max_ms)),
            receipt_id: self.receipt_id,
            alphabet: self.coding.default_alphabet(),
        };
        let form = Form {
            coding: self.coding,
            long: self.long,
            service_type,
            reference_tlv: self.reference_tlv,
            source: checks.note(self.source()).unwrap_or_default(),
        };
        checks.made(Some((terms, form)))
    }

    fn tls_name(&self, host: Option<&str>) -> Result<ServerName<'static>, Error> {
        // That the host is missing is told under its own key.
        let name = self.tls_name.as_deref().or(host).unwrap_or("localhost").trim_matches(['[', ']']).to_owned();
        ServerName::try_from(name).map_err(|_| wrong("tls_name", "give a host name or an IP address"))
    }

    fn connector(&self) -> Result<tokio_rustls::TlsConnector, Error> {
        tls::connector(self.tls_ca_file.as_deref()).map_err(|what| wrong("tls_ca_file", what))
    }

    fn source(&self) -> Result<Address, Error> {
        let Some(sender) = self.sender_id.as_deref().filter(|sender| !sender.is_empty()) else {
            return Ok(Address::default());
        };
        let what = "give up to 15 digits, or up to 11 letters, digits and spaces";
        source(sender).ok_or_else(|| wrong("sender_id", what))
    }
}

/// Kept so that a checked setting is shared between binds.
pub(super) type Shared = Arc<Terms>;
