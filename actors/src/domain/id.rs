//! Identifiers. All have the form of a UUIDv7; its free bits tell what the id names, so that no
//! index is needed to find it: the partition (12 bits), a kind bit, and for a row of a broadcast
//! the broadcast's number (29) and the row's ordinal (32).
//!
//! An ordinal is `chunk * 4096 + index`: it tells the chunk on disk and the place in it.
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::time::Timestamp;

const ORDINAL_BITS: u32 = 32;
const NUMBER_BITS: u32 = 29;
const INDEX_BITS: u32 = 12;
const PARTITION_SHIFT: u32 = 64;
const KIND_SHIFT: u32 = 61;
const VERSION: u128 = 7 << 76;
const VARIANT: u128 = 0b10 << 62;
const WHOLE: u32 = u32::MAX;

/// The greatest number of a broadcast in a partition.
pub const MAX_BROADCAST: u32 = (1 << NUMBER_BITS) - 1;
/// Rows that a chunk holds at most (one page of status bytes with its header).
pub const MAX_CHUNK_ROWS: usize = 4064;

/// Names a message: a single one, or one row of a broadcast.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MessageId(u128);

/// Names a broadcast.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BroadcastId(u128);

/// Names a chunk of a broadcast's rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ChunkId {
    /// The broadcast.
    pub broadcast: BroadcastId,
    /// The chunk's number in it, from 0.
    pub n: u32,
}

/// Names one attempt: the reference under which a channel knows it. Trying again after an
/// unknown outcome keeps the reference; trying again after a failure takes the next `retry`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AttemptRef {
    /// The message.
    pub message: MessageId,
    /// The step of its strategy, from 0.
    pub step: u8,
    /// How many attempts of this step failed before.
    pub retry: u8,
}

/// What a message id names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A message that was submitted alone.
    Single,
    /// A row of a broadcast.
    Row {
        /// The chunk that holds the row; it names the broadcast.
        chunk: ChunkId,
        /// The row's place in the chunk.
        index: u16,
    },
}

fn assemble(at: Timestamp, partition: u16, kind: u128, low: u128) -> u128 {
    (u128::from(at.millis() & 0xFFFF_FFFF_FFFF) << 80)
        | VERSION
        | (u128::from(partition & 0xFFF) << PARTITION_SHIFT)
        | VARIANT
        | (kind << KIND_SHIFT)
        | low
}

impl MessageId {
    /// The id of a single message; `unique` (61 bits) tells apart those of one millisecond.
    pub fn single(at: Timestamp, partition: u16, unique: u64) -> Self {
        Self(assemble(at, partition, 0, u128::from(unique) & ((1 << KIND_SHIFT) - 1)))
    }

    /// What it names.
    pub fn kind(self) -> Kind {
        if (self.0 >> KIND_SHIFT) & 1 == 0 {
            return Kind::Single;
        }
        let broadcast = BroadcastId(self.0 | u128::from(WHOLE));
        let ordinal = (self.0 & u128::from(u32::MAX)) as u32;
        let chunk = ChunkId { broadcast, n: ordinal >> INDEX_BITS };
        Kind::Row { chunk, index: (ordinal & ((1 << INDEX_BITS) - 1)) as u16 }
    }

    /// The millisecond in it: acceptance, or creation of the broadcast.
    pub fn at(self) -> Timestamp {
        Timestamp::from_millis((self.0 >> 80) as u64)
    }

    /// As a number, for keys that grow with time.
    pub fn as_u128(self) -> u128 {
        self.0
    }

    /// From [`Self::as_u128`].
    pub fn from_u128(raw: u128) -> Self {
        Self(raw)
    }
}

impl BroadcastId {
    /// The id of broadcast `number` of a partition.
    pub fn new(at: Timestamp, partition: u16, number: u32) -> Self {
        let number = u128::from(number & MAX_BROADCAST);
        Self(assemble(at, partition, 1, (number << ORDINAL_BITS) | u128::from(WHOLE)))
    }

    /// Its number in the partition.
    pub fn number(self) -> u32 {
        (self.0 >> ORDINAL_BITS) as u32 & MAX_BROADCAST
    }

    /// The millisecond of its creation.
    pub fn at(self) -> Timestamp {
        MessageId(self.0).at()
    }

    /// One of its chunks.
    pub fn chunk(self, n: u32) -> ChunkId {
        ChunkId { broadcast: self, n }
    }

    /// As a number, for keys that grow with time.
    pub fn as_u128(self) -> u128 {
        self.0
    }

    /// From [`Self::as_u128`].
    pub fn from_u128(raw: u128) -> Self {
        Self(raw)
    }
}

impl ChunkId {
    /// The id of the row at `index` of this chunk.
    pub fn row(self, index: u16) -> MessageId {
        let ordinal = (self.n << INDEX_BITS) | u32::from(index);
        MessageId((self.broadcast.0 & !u128::from(u32::MAX)) | u128::from(ordinal))
    }

    /// The key under which facts of any of its rows are found: the id of its first row.
    pub fn key(self) -> u128 {
        self.row(0).0
    }
}

impl AttemptRef {
    /// The first attempt of a step.
    pub fn first(message: MessageId, step: u8) -> Self {
        Self { message, step, retry: 0 }
    }
}

/// Why a text names nothing here.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not an id of this broker: give it as it was answered, such as 01939f3a-7c1e-7000-8000-000000000001")]
pub struct Error;

fn parse(text: &str) -> Result<u128, Error> {
    let mut raw = 0_u128;
    let mut digits = 0;
    for byte in text.bytes() {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'A'..=b'F' => byte - b'A' + 10,
            b'-' if text.len() == 36 => continue,
            _ => return Err(Error),
        };
        digits += 1;
        if digits > 32 {
            return Err(Error);
        }
        raw = (raw << 4) | u128::from(digit);
    }
    let formed = digits == 32 && (raw >> 76) & 0xF == 7 && (raw >> 62) & 0b11 == 0b10;
    if formed { Ok(raw) } else { Err(Error) }
}

fn write_uuid(raw: u128, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(
        f,
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        (raw >> 96) as u32,
        (raw >> 80) as u16,
        (raw >> 64) as u16,
        (raw >> 48) as u16,
        raw & 0xFFFF_FFFF_FFFF
    )
}

impl FromStr for MessageId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let id = Self(parse(text)?);
        match id.kind() {
            Kind::Row { chunk, .. } if chunk.broadcast.0 == id.0 => Err(Error),
            _ => Ok(id),
        }
    }
}

impl FromStr for BroadcastId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let id = MessageId(parse(text)?);
        match id.kind() {
            Kind::Row { chunk, .. } if chunk.broadcast.0 == id.0 => Ok(chunk.broadcast),
            _ => Err(Error),
        }
    }
}

impl FromStr for AttemptRef {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let mut parts = text.splitn(3, '.');
        let (Some(message), Some(step), Some(retry)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(Error);
        };
        let number = |text: &str| text.parse::<u8>().map_err(|_| Error);
        Ok(Self { message: message.parse()?, step: number(step)?, retry: number(retry)? })
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_uuid(self.0, f)
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_uuid(self.0, f)
    }
}

impl fmt::Display for BroadcastId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_uuid(self.0, f)
    }
}

impl fmt::Debug for BroadcastId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_uuid(self.0, f)
    }
}

impl fmt::Display for AttemptRef {
    /// `<uuid>.<step>.<retry>`: letters, digits, hyphens and dots, which every channel lets through.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.message, self.step, self.retry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ids_are_uuids_of_version_7() {
        let id = MessageId::single(Timestamp::from_millis(1_732_354_200_123), 5, 99);
        let text = id.to_string();
        assert_eq!(&text[14..15], "7");
        assert!(matches!(&text[19..20], "8" | "9" | "a" | "b"));
        assert_eq!(text.parse::<MessageId>().unwrap(), id);
        assert_eq!(id.at().millis(), 1_732_354_200_123);
        assert!("01939f3a-7c1e-4000-8000-000000000001".parse::<MessageId>().is_err());
    }

    proptest! {
        #[test]
        fn a_row_finds_its_chunk_without_an_index(ms in 0_u64..1 << 48, partition in 0_u16..4096,
            number in 0..=MAX_BROADCAST, n in 0_u32..1 << 20, index in 0_u16..4064) {
            let broadcast = BroadcastId::new(Timestamp::from_millis(ms), partition, number);
            let row = broadcast.chunk(n).row(index);
            prop_assert_eq!(row.kind(), Kind::Row { chunk: broadcast.chunk(n), index });
            prop_assert_eq!(broadcast.number(), number);
            prop_assert_eq!(row.to_string().parse::<MessageId>().unwrap(), row);
            prop_assert_eq!(broadcast.to_string().parse::<BroadcastId>().unwrap(), broadcast);
            prop_assert!(broadcast.to_string().parse::<MessageId>().is_err());
        }

        #[test]
        fn a_reference_survives_the_channel(unique in 0_u64..1 << 61, step in 0_u8..8, retry in 0_u8..16) {
            let attempt = AttemptRef { message: MessageId::single(Timestamp::from_millis(77), 0, unique), step, retry };
            prop_assert_eq!(attempt.to_string().parse::<AttemptRef>().unwrap(), attempt);
        }

        #[test]
        fn any_text_is_refused_or_read_without_a_panic(text in ".{0,60}") {
            let _ = text.parse::<MessageId>();
            let _ = text.parse::<AttemptRef>();
        }
    }
}
