//! How far an institution's files are, and the keys of what belongs to it.
//!
//! Invariant: of the files 1 to `made`, those from `kept_from` on have their bytes, those up to `told` are in the feed, and those up
//! to `confirmed` were confirmed, in order. All mutations up to `last` are in a file.
use estafette_actors::domain::submission::Institution;
use estafette_actors::ports::register::Trouble;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::super::super::codec;
use super::super::engine::{Draft, Engine, Value};
use super::super::{BOOKS, array, damaged, rows};

/// Where a mutation stands within an institution.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// The day under which it was recorded, as a number.
    pub day: i32,
    /// Its position.
    pub position: u64,
}

impl Place {
    /// Before everything of a day.
    pub fn before(day: Date) -> Self {
        Self { day: rows::day(day), position: 0 }
    }

    /// The place after this one.
    pub fn next(self) -> Self {
        Self { position: self.position + 1, ..self }
    }
}

/// See the head of this file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Book {
    /// The number of the last file.
    pub made: u64,
    /// The last mutation that is in one.
    pub last: Place,
    /// The number of the last file that was confirmed.
    pub confirmed: u64,
    /// The number of the last file that the feed has.
    pub told: u64,
    /// The number of the first file whose bytes are kept.
    pub kept_from: u64,
}

impl Default for Book {
    fn default() -> Self {
        Self { made: 0, last: Place::default(), confirmed: 0, told: 0, kept_from: 1 }
    }
}

impl Book {
    /// As the last durable change left it.
    pub fn of(engine: &Engine, owner: u32) -> Result<Self, Trouble> {
        read(engine.get(BOOKS, &owner.to_be_bytes())?)
    }

    /// As a change sees it.
    pub fn within(draft: &Draft<'_>, owner: u32) -> Result<Self, Trouble> {
        read(draft.get(BOOKS, &owner.to_be_bytes())?)
    }

    /// Puts it.
    pub fn put(&self, draft: &mut Draft<'_>, owner: u32) {
        draft.put(BOOKS, &owner.to_be_bytes(), codec::encode(self));
    }

    /// Of a value of the table.
    pub fn decode(value: &[u8]) -> Result<Self, Trouble> {
        codec::decode(value).map_err(|_| damaged())
    }
}

fn read(value: Option<Value>) -> Result<Book, Trouble> {
    value.map_or(Ok(Book::default()), |value| Book::decode(&value))
}

/// The number of an institution in keys.
pub fn number(owner: Institution) -> u32 {
    owner.0.as_u32()
}

/// The key of a mutation.
pub fn mutation_key(owner: u32, place: Place) -> [u8; 16] {
    let mut key = [0; 16];
    key[..4].copy_from_slice(&owner.to_be_bytes());
    key[4..8].copy_from_slice(&place.day.to_be_bytes());
    key[8..].copy_from_slice(&place.position.to_be_bytes());
    key
}

/// The institution and the place of a mutation's key.
pub fn mutation_place(key: &[u8]) -> Option<(u32, Place)> {
    let (owner, rest) = key.split_first_chunk()?;
    let (day, position) = rest.split_first_chunk()?;
    let place = Place { day: i32::from_be_bytes(*day), position: u64::from_be_bytes(array(position)?) };
    Some((u32::from_be_bytes(*owner), place))
}

/// The key of a file.
pub fn file_key(owner: u32, sequence: u64) -> [u8; 12] {
    rows::key(owner, sequence)
}

/// The key of a piece of a file.
pub fn piece_key(owner: u32, sequence: u64, piece: u32) -> [u8; 16] {
    let mut key = [0; 16];
    key[..12].copy_from_slice(&file_key(owner, sequence));
    key[12..].copy_from_slice(&piece.to_be_bytes());
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_book_and_the_key_of_a_mutation_stay_what_they_were_on_disk() {
        let last = Place { day: 7, position: 300 };
        let book = Book { made: 3, last, confirmed: 1, told: 2, kept_from: 1 };
        assert_eq!(codec::encode(&book), [1, 3, 14, 251, 44, 1, 1, 2, 1]);
        let key = mutation_key(5, last);
        assert_eq!(key, [0, 0, 0, 5, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 1, 44]);
        assert_eq!(mutation_place(&key), Some((5, last)));
        assert_eq!(mutation_place(&key[..15]), None);
    }
}
