//! Records as bytes: a version, then the fields in their order. The only file that knows bincode.
//!
//! The form of a record is the order of the fields and variants of its type. Golden bytes in the
//! tests hold it: when one fails, the format has changed, and old files could not be read.
use std::sync::Arc;

use estafette_actors::domain::channel::Channel;
use estafette_actors::domain::fact::{Change, Subject};
use estafette_actors::domain::language::Language;
use estafette_actors::domain::life::State;
use estafette_actors::domain::submission::{Broadcast, Institution, Recipient, Row};
use estafette_actors::domain::time::Timestamp;
use estafette_actors::domain::window::Window;
use estafette_actors::ports::{BroadcastPhase, PackedRows, Position};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The version that is written, and the only one that is read.
const VERSION: u8 = 1;

/// Why bytes are no record.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// Written by another version.
    #[error("a record has version {0} and this program reads {VERSION}: run the version that wrote it")]
    Version(u8),
    /// Damaged.
    #[error("a record is damaged ({0}): restore the journal from a backup")]
    Damaged(String),
}

fn config() -> impl bincode::config::Config {
    bincode::config::standard()
}

/// The bytes of a record.
pub fn encode<T: Serialize + ?Sized>(record: &T) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(256);
    bytes.push(VERSION);
    append(&mut bytes, record);
    bytes
}

/// Puts a value behind others, without a version of its own.
pub fn append<T: Serialize + ?Sized>(bytes: &mut Vec<u8>, value: &T) {
    bincode::serde::encode_into_std_write(value, bytes, config())
        .expect("invariant: records are plain data, and writing to memory can't fail");
}

/// The bytes of a chunk: what [`encode`] makes of all its rows at once.
pub fn encode_rows(rows: &PackedRows) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(rows.bytes().len() + 4);
    bytes.push(VERSION);
    append(&mut bytes, &u64::from(rows.count()));
    bytes.extend_from_slice(rows.bytes());
    bytes
}

/// The bytes of a broadcast's record: as they were before there were windows, with its window behind them where it has one.
pub fn encode_broadcast(broadcast: &Broadcast) -> Vec<u8> {
    let mut bytes = encode(broadcast);
    if let Some(window) = &broadcast.window {
        append(&mut bytes, window.as_ref());
    }
    bytes
}

/// The record of a broadcast.
pub fn decode_broadcast(bytes: &[u8]) -> Result<Broadcast, Error> {
    let damaged = |error: bincode::error::DecodeError| Error::Damaged(error.to_string());
    let body = body(bytes)?;
    let (mut broadcast, read): (Broadcast, usize) =
        bincode::serde::decode_from_slice(body, config()).map_err(damaged)?;
    let rest = &body[read..];
    if !rest.is_empty() {
        let (window, read): (Window, usize) = bincode::serde::decode_from_slice(rest, config()).map_err(damaged)?;
        if read != rest.len() {
            return Err(Error::Damaged("bytes are left over".to_owned()));
        }
        broadcast.window = Some(Arc::new(window));
    }
    Ok(broadcast)
}

/// The record of bytes.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    let body = body(bytes)?;
    let (record, read) =
        bincode::serde::decode_from_slice(body, config()).map_err(|error| Error::Damaged(error.to_string()))?;
    if read == body.len() { Ok(record) } else { Err(Error::Damaged("bytes are left over".to_owned())) }
}

/// A row that is passed over: as [`Row`], without a copy of its texts.
#[derive(Deserialize)]
struct Passed<'r> {
    #[serde(borrow)]
    key: Option<&'r str>,
    recipient: Recipient,
    language: Option<Language>,
    #[serde(borrow)]
    values: Vec<&'r str>,
}

/// One of the rows of a chunk's bytes; none when there are not so many. Cheaper than all of them, of which there are thousands.
pub fn decode_row(bytes: &[u8], row: u16) -> Result<Option<Row>, Error> {
    let damaged = |error: bincode::error::DecodeError| Error::Damaged(error.to_string());
    let body = body(bytes)?;
    let (rows, mut read): (u64, usize) = bincode::serde::decode_from_slice(body, config()).map_err(damaged)?;
    let mut found = None;
    for _ in 0..rows.min(u64::from(row) + 1) {
        let (passed, more): (Passed<'_>, usize) =
            bincode::serde::borrow_decode_from_slice(&body[read..], config()).map_err(damaged)?;
        read += more;
        found = Some(passed);
    }
    let found = found.filter(|_| u64::from(row) < rows);
    Ok(found.map(|Passed { key, recipient, language, values }| Row {
        key: key.map(Box::from),
        recipient,
        language,
        values: values.into_iter().map(Box::from).collect(),
    }))
}

fn body(bytes: &[u8]) -> Result<&[u8], Error> {
    match bytes {
        [VERSION, body @ ..] => Ok(body),
        [version, ..] => Err(Error::Version(*version)),
        [] => Err(Error::Damaged("it is empty".to_owned())),
    }
}

/// What happened to one subject at one time: facts that share all but their change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// About what.
    pub subject: Subject,
    /// When.
    pub at: Timestamp,
    /// What, in order.
    pub changes: Vec<Change>,
}

/// A value of the feed: groups of one institution, or of none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed {
    /// Whose.
    pub institution: Option<Institution>,
    /// What.
    pub groups: Vec<Group>,
}

/// Fills values of the feed, none longer than a page allows unless one group alone is.
#[derive(Debug, Default)]
pub struct Packer {
    bytes: Vec<u8>,
}

impl Packer {
    /// A value of this length fills four pages with its key; four bytes more would take eight.
    pub const LIMIT: usize = 16_360;

    /// Begins a value.
    pub fn new(institution: Option<Institution>) -> Self {
        let mut bytes = Vec::with_capacity(1024);
        bytes.push(VERSION);
        append(&mut bytes, &institution.map_or(0, institution_number));
        Self { bytes }
    }

    /// Adds a group, or says that it does not fit behind what is there.
    pub fn push(&mut self, subject: &Subject, at: Timestamp, changes: &[Change]) -> bool {
        let before = self.bytes.len();
        append(&mut self.bytes, &(subject, at, changes));
        let first = before <= 1 + 5;
        if self.bytes.len() > Self::LIMIT && !first {
            self.bytes.truncate(before);
            return false;
        }
        true
    }

    /// The value.
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

/// Reads a value of the feed.
pub fn unpack(bytes: &[u8]) -> Result<Packed, Error> {
    let damaged = |error: bincode::error::DecodeError| Error::Damaged(error.to_string());
    let mut rest = body(bytes)?;
    let (number, read): (u32, usize) = bincode::serde::decode_from_slice(rest, config()).map_err(damaged)?;
    rest = &rest[read..];
    let mut groups = Vec::new();
    while !rest.is_empty() {
        let (group, read) = bincode::serde::decode_from_slice(rest, config()).map_err(damaged)?;
        groups.push(group);
        rest = &rest[read..];
    }
    Ok(Packed { institution: (number > 0).then(|| institution_of(number)), groups })
}

/// The number that an institution's CBE number is; never 0.
pub fn institution_number(institution: Institution) -> u32 {
    let mut bytes = [0; 4];
    let fixed = bincode::config::standard().with_big_endian().with_fixed_int_encoding();
    bincode::serde::encode_into_slice(institution, &mut bytes, fixed).expect("invariant: a CBE number is 32 bits");
    u32::from_be_bytes(bytes)
}

/// The institution of such a number.
pub fn institution_of(number: u32) -> Institution {
    let fixed = bincode::config::standard().with_big_endian().with_fixed_int_encoding();
    bincode::serde::decode_from_slice(&number.to_be_bytes(), fixed)
        .map(|(institution, _)| institution)
        .expect("invariant: a CBE number is 32 bits")
}

/// The state of a single message, with the place up to which it is true.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageRecord {
    /// The position of the last fact in it.
    pub as_of: Position,
    /// The state.
    pub state: State,
    /// Since which position it waits at which channel.
    pub queued_at: Vec<(Channel, Position)>,
}

/// The states of a chunk's rows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChunkRecord {
    /// The position of the last fact in it.
    pub as_of: Position,
    /// Since which position rows of it wait at which channel.
    pub queued_at: Vec<(Channel, Position)>,
    /// Rows wait until then from the start on; `ZERO` when they don't.
    pub asleep_until: Timestamp,
    /// The latest time until which a row waits for a receipt.
    pub until: Timestamp,
    /// How many rows.
    pub rows: u16,
    /// One byte for each row; empty while all are as at the start.
    pub codes: Vec<u8>,
    /// Rows that don't fit in a byte.
    pub exceptions: Vec<(u16, State)>,
}

/// What is known of a broadcast beside its record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BroadcastRecord {
    /// The position of the last fact about the broadcast as a whole.
    pub as_of: Position,
    /// The phase; `Done` once no row waits.
    pub phase: BroadcastPhase,
    /// Rows of each chunk.
    pub rows: Vec<u16>,
    /// When it was started, and the position of that fact.
    pub started: Option<(Timestamp, Position)>,
    /// When it was cancelled, and the position of that fact.
    pub cancelled: Option<(Timestamp, Position)>,
}
