//! The log: what one commit changed, packed into values of a table whose keys grow.
//!
//! Invariant: the values of a commit are in one transaction. A value is a form, then entries: the table's place (a byte), the key's
//! length (2 bytes) and the key, the value's length (4 bytes, all ones for a key that was removed) and the value. Golden bytes
//! hold it.
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};

use super::Table;
use super::overlay::Maps;

const LOG: TableDefinition<u64, &[u8]> = TableDefinition::new("log");
const FORM: u8 = 1;
const REMOVED: u32 = u32::MAX;
/// A value of this length fills its pages with its key; a longer one would take as much again.
const PIECE_BYTES: usize = 262_128;

/// What a log holds.
pub struct Found {
    /// The place of the first value, if there is any.
    pub first: Option<u64>,
    /// The place of the last.
    pub last: u64,
    /// Bytes after the place that was given.
    pub bytes: usize,
}

/// Packs changes into values.
pub fn pack(maps: &Maps) -> Vec<Vec<u8>> {
    let mut values = Vec::new();
    let mut bytes = vec![FORM];
    for (table, map) in maps.iter() {
        for (key, value) in map {
            let length = 1 + 2 + key.len() + 4 + value.as_ref().map_or(0, |value| value.len());
            if bytes.len() > 1 && bytes.len() + length > PIECE_BYTES {
                values.push(std::mem::replace(&mut bytes, vec![FORM]));
            }
            bytes.push(table.0);
            bytes.extend((key.len() as u16).to_be_bytes());
            bytes.extend(&**key);
            match value {
                Some(value) => {
                    bytes.extend((value.len() as u32).to_be_bytes());
                    bytes.extend(&**value);
                }
                None => bytes.extend(REMOVED.to_be_bytes()),
            }
        }
    }
    if bytes.len() > 1 {
        values.push(bytes);
    }
    values
}

/// Puts the changes of a value into maps of so many tables; none when it is not one.
pub fn unpack(value: &[u8], tables: usize, into: &mut Maps) -> Option<()> {
    let (form, mut rest) = value.split_first()?;
    if *form != FORM {
        return None;
    }
    while let Some((table, after)) = rest.split_first() {
        let (length, after) = after.split_first_chunk::<2>()?;
        let (key, after) = after.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        let (length, after) = after.split_first_chunk::<4>()?;
        let (value, after) = match u32::from_be_bytes(*length) {
            REMOVED => (None, after),
            length => {
                let (value, after) = after.split_at_checked(length as usize)?;
                (Some(value.into()), after)
            }
        };
        if usize::from(*table) >= tables {
            return None;
        }
        into.put(Table(*table), key, value);
        rest = after;
    }
    Some(())
}

/// Reads what comes after a place; `take` says whether it understood a value.
pub fn read(
    log: &Database,
    after: u64,
    mut take: impl FnMut(&[u8]) -> Option<()>,
) -> Result<Option<Found>, redb::Error> {
    let write = log.begin_write()?;
    write.open_table(LOG)?;
    write.commit()?;
    let table = log.begin_read()?.open_table(LOG)?;
    let mut found = Found {
        first: table.first()?.map(|(place, _)| place.value()),
        last: table.last()?.map_or(0, |(place, _)| place.value()),
        bytes: 0,
    };
    for row in table.range(after + 1..)? {
        let (_, value) = row?;
        found.bytes += value.value().len();
        if take(value.value()).is_none() {
            return Ok(None);
        }
    }
    Ok(Some(found))
}

/// Appends values after a place, durably, and lets go those up to `applied`. Sealed, the file opens at once after a kill.
pub fn commit(log: &Database, after: u64, values: &[Vec<u8>], applied: u64, seal: bool) -> Result<(), redb::Error> {
    let mut write = log.begin_write()?;
    write.set_quick_repair(seal);
    {
        let mut table = write.open_table(LOG)?;
        table.retain_in(..=applied, |_, _| false)?;
        for (place, value) in (after + 1..).zip(values) {
            table.insert(place, value.as_slice())?;
        }
    }
    Ok(write.commit()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_of_the_log_stays_what_it_was_on_disk() {
        let mut maps = Maps::new(2);
        maps.put(Table(1), b"k", Some(b"abc".as_slice().into()));
        maps.put(Table(1), b"gone", None);
        let values = pack(&maps);
        let golden = b"\x01\x01\x00\x04gone\xff\xff\xff\xff\x01\x00\x01k\x00\x00\x00\x03abc";
        assert_eq!(values, [golden.to_vec()]);
        let mut read = Maps::new(2);
        assert_eq!(unpack(golden, 2, &mut read), Some(()));
        assert_eq!(pack(&read), values);
        for wrong in [&b""[..], b"\x02", &golden[..golden.len() - 1], b"\x01\x02\x00\x00\xff\xff\xff\xff"] {
            assert_eq!(unpack(wrong, 2, &mut Maps::new(2)), None);
        }
    }

    #[test]
    fn what_fills_more_than_one_value_comes_back_whole() {
        let mut maps = Maps::new(1);
        for n in 0..50_000_u32 {
            maps.put(Table(0), &n.to_be_bytes(), Some(n.to_be_bytes().as_slice().into()));
        }
        let values = pack(&maps);
        assert!(values.len() > 2 && values.iter().all(|value| value.len() <= PIECE_BYTES));
        let mut read = Maps::new(1);
        assert!(values.iter().all(|value| unpack(value, 1, &mut read).is_some()));
        assert_eq!(pack(&read), values);
    }
}
