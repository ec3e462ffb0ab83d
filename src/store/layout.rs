//! Tables and keys: what lies where on disk.
//!
//! Keys that grow are big-endian numbers, so that their order as bytes is their order as numbers.
//! A change here is a change of the format: the tests of [`super::codec`] and of this file hold it.
use estafette_actors::domain::channel::Channel;
use estafette_actors::domain::month::Month;
use estafette_actors::domain::submission::{Institution, Lane};
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::{Flow, Position, Queue};
use redb::TableDefinition;

use super::codec;

/// A record: its first byte is the version of its form.
pub type Record = &'static [u8];

// ---- a segment of the journal ---------------------------------------------------------------

/// Position -> facts of one institution, packed.
pub const FEED: TableDefinition<u64, Record> = TableDefinition::new("feed");
/// Which values of the feed hold facts of whom.
pub const FEED_OF: TableDefinition<(u32, u64), ()> = TableDefinition::new("feed_of");
/// Single message -> envelope.
pub const MESSAGE: TableDefinition<u128, Record> = TableDefinition::new("message");
/// Broadcast -> its record.
pub const BROADCAST: TableDefinition<u128, Record> = TableDefinition::new("broadcast");
/// Chunk (the id of its first row) -> rows.
pub const CHUNK: TableDefinition<u128, Record> = TableDefinition::new("chunk");
/// Which values of the feed hold facts of a message or chunk; of a chunk, from which row to which.
pub const TRAIL: TableDefinition<(u128, u64), (u16, u16)> = TableDefinition::new("trail");
/// Facts about the segment itself.
pub const ABOUT: TableDefinition<&str, u64> = TableDefinition::new("about");
/// Key of [`ABOUT`]: the first position that the segment may hold.
pub const FIRST_POSITION: &str = "first_position";
/// Key of [`ABOUT`]: when it was begun, in milliseconds since 1970.
pub const BEGUN_AT: &str = "begun_at";

/// Key of [`ABOUT`]: up to this position [`FEED_OF`] and [`TRAIL`] are whole; what they lack follows from [`FEED`].
pub const INDEXED: &str = "indexed";
/// Key of [`ABOUT`]: 1 once no personal content is left in the segment.
pub const BARE: &str = "bare";

// ---- the derived state ------------------------------------------------------------------------

/// Single message -> its state.
pub const MESSAGE_STATE: TableDefinition<u128, Record> = TableDefinition::new("message_state");
/// Chunk -> the vector of its rows' states.
pub const CHUNK_STATE: TableDefinition<u128, Record> = TableDefinition::new("chunk_state");
/// Chunk -> its rows by status: small, so that a broadcast's sums are quickly made.
pub const CHUNK_COUNT: TableDefinition<u128, Record> = TableDefinition::new("chunk_count");
/// Broadcast -> phase, chunks, times.
pub const BROADCAST_STATE: TableDefinition<u128, Record> = TableDefinition::new("broadcast_state");
/// What waits: see [`waiting_key`]; the value counts messages.
pub const WAITING: TableDefinition<&[u8; WAITING_KEY], u32> = TableDefinition::new("waiting_by_flow");
/// What is under way at a channel: see [`open_key`].
pub const OPEN: TableDefinition<&[u8; OPEN_KEY], ()> = TableDefinition::new("open");
/// What falls due: see [`due_key`].
pub const DUE: TableDefinition<&[u8; DUE_KEY], ()> = TableDefinition::new("due");
/// Messages in each queue: the sum of [`WAITING`]'s values.
pub const DEPTH: TableDefinition<&[u8; QUEUE_KEY], u64> = TableDefinition::new("depth_by_flow");
/// Parked receipts by ticket.
pub const PARKED: TableDefinition<u64, Record> = TableDefinition::new("parked");
/// What was used, by month, institution and channel: see [`usage_key`].
pub const USAGE: TableDefinition<&[u8; USAGE_KEY], Record> = TableDefinition::new("usage");
/// Facts about the derived state itself.
pub const META: TableDefinition<&str, u64> = TableDefinition::new("meta");
/// Key of [`META`]: every fact up to this position is in the derived state.
pub const APPLIED: &str = "applied";
/// Key of [`META`]: the next broadcast's number.
pub const NEXT_BROADCAST: &str = "next_broadcast";

/// Key of [`META`]: every fact up to this position is in [`USAGE`], and none after it.
pub const USAGE_AS_OF: &str = "usage_as_of";

/// Bytes of a key of [`USAGE`]: month, institution, channel.
pub const USAGE_KEY: usize = 4 + 4 + 12;
/// Bytes of a key of [`DEPTH`]: channel, lane, institution, flow.
pub const QUEUE_KEY: usize = 12 + 1 + 4 + 4;
/// Bytes of a key of [`WAITING`]: a queue, the position, the item.
pub const WAITING_KEY: usize = QUEUE_KEY + 8 + 16;
/// Bytes of a key of [`OPEN`]: channel, item.
pub const OPEN_KEY: usize = 12 + 16;
/// Bytes of a key of [`DUE`]: milliseconds, item.
pub const DUE_KEY: usize = 8 + 16;

/// The key of a queue.
pub fn queue_key(queue: &Queue) -> [u8; QUEUE_KEY] {
    let mut key = [0; QUEUE_KEY];
    key[..12].copy_from_slice(&queue.channel.as_key());
    key[12] = Lane::ALL.iter().position(|lane| *lane == queue.lane).unwrap_or(1) as u8;
    key[13..17].copy_from_slice(&codec::institution_number(queue.institution).to_be_bytes());
    key[17..].copy_from_slice(&queue.flow.0.to_be_bytes());
    key
}

/// The queue of a key.
pub fn queue_of(key: &[u8; QUEUE_KEY]) -> Queue {
    let channel = Channel::from_key(array(&key[..12]));
    let lane = Lane::ALL.get(usize::from(key[12])).copied().unwrap_or_default();
    let number = |at: usize| u32::from_be_bytes(array(&key[at..at + 4]));
    Queue { channel, lane, institution: institution_of(number(13)), flow: Flow(number(17)) }
}

/// The institution of a number that [`codec::institution_number`] gave.
pub fn institution_of(number: u32) -> Institution {
    codec::institution_of(number)
}

/// The key of a place in a queue.
pub fn waiting_key(queue: &Queue, position: Position, item: u128) -> [u8; WAITING_KEY] {
    let mut key = [0; WAITING_KEY];
    key[..QUEUE_KEY].copy_from_slice(&queue_key(queue));
    key[QUEUE_KEY..QUEUE_KEY + 8].copy_from_slice(&position.to_be_bytes());
    key[QUEUE_KEY + 8..].copy_from_slice(&item.to_be_bytes());
    key
}

/// The position and the item of a [`waiting_key`].
pub fn waiting_of(key: &[u8; WAITING_KEY]) -> (Position, u128) {
    (u64::from_be_bytes(array(&key[QUEUE_KEY..QUEUE_KEY + 8])), u128::from_be_bytes(array(&key[QUEUE_KEY + 8..])))
}

/// The key of an item with an attempt under way at a channel.
pub fn open_key(channel: Channel, item: u128) -> [u8; OPEN_KEY] {
    let mut key = [0; OPEN_KEY];
    key[..12].copy_from_slice(&channel.as_key());
    key[12..].copy_from_slice(&item.to_be_bytes());
    key
}

/// The item of an [`open_key`].
pub fn open_of(key: &[u8; OPEN_KEY]) -> u128 {
    u128::from_be_bytes(array(&key[12..]))
}

/// The key of an item for which something falls due.
pub fn due_key(at: Timestamp, item: u128) -> [u8; DUE_KEY] {
    let mut key = [0; DUE_KEY];
    key[..8].copy_from_slice(&at.millis().to_be_bytes());
    key[8..].copy_from_slice(&item.to_be_bytes());
    key
}

/// The item of a [`due_key`].
pub fn due_of(key: &[u8; DUE_KEY]) -> u128 {
    u128::from_be_bytes(array(&key[8..]))
}

/// The key of what an institution used of a channel in a month.
pub fn usage_key(month: Month, institution: Institution, channel: Channel) -> [u8; USAGE_KEY] {
    let mut key = [0; USAGE_KEY];
    key[..4].copy_from_slice(&month.number().to_be_bytes());
    key[4..8].copy_from_slice(&codec::institution_number(institution).to_be_bytes());
    key[8..].copy_from_slice(&channel.as_key());
    key
}

/// The parts of a [`usage_key`].
pub fn usage_of(key: &[u8; USAGE_KEY]) -> (Month, Institution, Channel) {
    let number = |bytes: &[u8]| u32::from_be_bytes(array(bytes));
    (Month::from_number(number(&key[..4])), institution_of(number(&key[4..8])), Channel::from_key(array(&key[8..])))
}

fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(bytes);
    array
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_keep_their_form_and_sort_by_position() {
        let institution = institution_of(403_019_261);
        let queue = Queue { channel: Channel::SMS, lane: Lane::Bulk, institution, flow: Flow(9) };
        let key = waiting_key(&queue, 258, 7);
        let mut golden = b"sms\0\0\0\0\0\0\0\0\0\x02".to_vec();
        golden.extend(403_019_261_u32.to_be_bytes());
        golden.extend([0, 0, 0, 9]);
        golden.extend([0, 0, 0, 0, 0, 0, 1, 2]);
        golden.extend([0; 15]);
        golden.push(7);
        assert_eq!(key.as_slice(), golden);
        assert_eq!(queue_of(&queue_key(&queue)), queue);
        assert_eq!(waiting_of(&key), (258, 7));
        assert!(waiting_key(&queue, 255, 9) < waiting_key(&queue, 256, 1));
        let month: Month = "2026-11".parse().unwrap();
        let mut golden = vec![0, 0, 0x5f, 0x02];
        golden.extend(403_019_261_u32.to_be_bytes());
        golden.extend(b"sms\0\0\0\0\0\0\0\0\0");
        let key = usage_key(month, institution, Channel::SMS);
        assert_eq!(key.as_slice(), golden);
        assert_eq!(usage_of(&key), (month, institution, Channel::SMS));
        assert!(key < usage_key(month.plus(1), institution_of(1), Channel::EBOX));
        assert_eq!(open_of(&open_key(Channel::EBOX, 99)), 99);
        assert_eq!(due_of(&due_key(Timestamp::from_millis(5), 98)), 98);
        assert!(due_key(Timestamp::from_millis(255), 9) < due_key(Timestamp::from_millis(256), 1));
    }
}
