//! What waits as earlier versions wrote it: one queue for all that a sender had in a lane. Moved, once, to a queue for each
//! flow: an item's key tells the broadcast that it belongs to.
use std::collections::BTreeMap;

use estafette_actors::domain::id::MessageId;
use estafette_actors::ports::{Flow, Queue};
use redb::{ReadableTable, TableDefinition, TableHandle, WriteTransaction};

use super::Error;
use super::layout::{self, DEPTH, WAITING};

const FORMER_QUEUE: usize = 12 + 1 + 4;
const FORMER_KEY: usize = FORMER_QUEUE + 8 + 16;
const FORMER_WAITING: TableDefinition<&[u8; FORMER_KEY], u32> = TableDefinition::new("waiting");
const FORMER_DEPTH: TableDefinition<&[u8; FORMER_QUEUE], u64> = TableDefinition::new("depth");

/// Moves what such a file holds, where it is one.
pub fn divide(write: &WriteTransaction) -> Result<(), Error> {
    if !write.list_tables()?.any(|table| table.name() == FORMER_WAITING.name()) {
        return Ok(());
    }
    let mut depths: BTreeMap<Queue, u64> = BTreeMap::new();
    {
        let (former, mut waiting) = (write.open_table(FORMER_WAITING)?, write.open_table(WAITING)?);
        for entry in former.iter()? {
            let (key, count) = entry?;
            let (queue, position, item) = flow_of(key.value());
            waiting.insert(&layout::waiting_key(&queue, position, item), count.value())?;
            *depths.entry(queue).or_default() += u64::from(count.value());
        }
        let mut depth = write.open_table(DEPTH)?;
        for (queue, messages) in &depths {
            depth.insert(&layout::queue_key(queue), messages)?;
        }
    }
    write.delete_table(FORMER_WAITING)?;
    write.delete_table(FORMER_DEPTH)?;
    tracing::info!(queues = depths.len(), "what waits was divided by broadcast");
    Ok(())
}

fn flow_of(former: &[u8; FORMER_KEY]) -> (Queue, u64, u128) {
    let mut item = [0; 16];
    item.copy_from_slice(&former[FORMER_QUEUE + 8..]);
    let item = u128::from_be_bytes(item);
    let mut key = [0; layout::WAITING_KEY];
    key[..FORMER_QUEUE].copy_from_slice(&former[..FORMER_QUEUE]);
    let flow = Flow::of(MessageId::from_u128(item));
    key[FORMER_QUEUE..layout::QUEUE_KEY].copy_from_slice(&flow.0.to_be_bytes());
    key[layout::QUEUE_KEY..].copy_from_slice(&former[FORMER_QUEUE..]);
    let mut queue = [0; layout::QUEUE_KEY];
    queue.copy_from_slice(&key[..layout::QUEUE_KEY]);
    let (position, item) = layout::waiting_of(&key);
    (layout::queue_of(&queue), position, item)
}

#[cfg(test)]
mod tests {
    use super::*;
    use estafette_actors::domain::channel::Channel;
    use estafette_actors::domain::id::BroadcastId;
    use estafette_actors::domain::submission::Lane;
    use estafette_actors::domain::time::Timestamp;
    use redb::ReadableDatabase;

    fn former_key(queue: &Queue, position: u64, item: u128) -> [u8; FORMER_KEY] {
        let mut key = [0; FORMER_KEY];
        key[..FORMER_QUEUE].copy_from_slice(&layout::queue_key(queue)[..FORMER_QUEUE]);
        key[FORMER_QUEUE..FORMER_QUEUE + 8].copy_from_slice(&position.to_be_bytes());
        key[FORMER_QUEUE + 8..].copy_from_slice(&item.to_be_bytes());
        key
    }

    #[test]
    fn what_an_earlier_version_had_waiting_is_found_in_its_flow() {
        let folder = tempfile::tempdir().unwrap();
        let database = super::super::database::open(&folder.path().join("state.redb"), 1 << 20).unwrap();
        let institution = layout::institution_of(403_019_261);
        let singles = Queue { channel: Channel::SMS, lane: Lane::Bulk, institution, flow: Flow::SINGLES };
        let at = Timestamp::from_millis(1_700_000_000_000);
        let chunk = BroadcastId::new(at, 0, 7).chunk(3);
        let single = MessageId::single(at, 0, 5);
        let write = database.begin_write().unwrap();
        {
            let mut former = write.open_table(FORMER_WAITING).unwrap();
            former.insert(&former_key(&singles, 40, single.as_u128()), 1).unwrap();
            former.insert(&former_key(&singles, 41, chunk.key()), 250).unwrap();
            let mut depth = write.open_table(FORMER_DEPTH).unwrap();
            let mut key = [0; FORMER_QUEUE];
            key.copy_from_slice(&layout::queue_key(&singles)[..FORMER_QUEUE]);
            depth.insert(&key, 251).unwrap();
        }
        write.commit().unwrap();
        for _ in 0..2 {
            // A second time there is nothing left to do.
            let write = database.begin_write().unwrap();
            divide(&write).unwrap();
            write.commit().unwrap();
        }
        let read = database.begin_read().unwrap();
        let waiting = read.open_table(WAITING).unwrap();
        let broadcast = Queue { flow: Flow(7), ..singles };
        let count = |queue, position, item| {
            waiting.get(&layout::waiting_key(queue, position, item)).unwrap().map(|count| count.value())
        };
        assert_eq!(count(&singles, 40, single.as_u128()), Some(1));
        assert_eq!(count(&broadcast, 41, chunk.key()), Some(250));
        let depths: Vec<_> = read
            .open_table(DEPTH)
            .unwrap()
            .iter()
            .unwrap()
            .map(|entry| {
                let (key, depth) = entry.unwrap();
                (layout::queue_of(key.value()), depth.value())
            })
            .collect();
        assert_eq!(depths, [(singles, 1), (broadcast, 250)]);
    }
}
