//! Files and their vouchers: reading, confirming, letting go.
//!
//! Invariant: a file is given whole, as its voucher says, or not at all.
use std::ops::ControlFlow;

use estafette_actors::domain::mutation::{Mutation, Voucher};
use estafette_actors::domain::submission::Institution;
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::register::{Access, Deed, Trouble};
use serde::{Deserialize, Serialize};

use super::super::super::codec;
use super::super::audit::{Audit, Line, Told};
use super::super::engine::{Draft, Engine};
use super::super::{FILE_BYTES, FILES, MUTATIONS, damaged};
use super::book::{Book, Place, file_key, mutation_key, number, piece_key};
use super::queue;

/// Bytes of a file in one value: with its key it fills the pages that it takes.
pub const PIECE: usize = if cfg!(test) { 64 } else { 262_000 };

/// A file on disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filed {
    /// Its voucher.
    pub voucher: Voucher,
    /// The first of its mutations.
    pub first: Place,
    /// The last.
    pub last: Place,
}

impl Filed {
    /// Its bytes.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    fn decode(value: &[u8]) -> Result<Self, Trouble> {
        codec::decode(value).map_err(|_| damaged())
    }
}

/// What is known of a file.
pub fn filed(engine: &Engine, owner: u32, sequence: u64) -> Result<Filed, Trouble> {
    let value = engine.get(FILES, &file_key(owner, sequence))?;
    value.map_or(Err(Trouble::NotFound), |value| Filed::decode(&value))
}

/// The vouchers after a number, oldest first.
pub fn vouchers(engine: &Engine, owner: Institution, after: u64, limit: usize) -> Result<Vec<Voucher>, Trouble> {
    let owner = number(owner);
    let (from, until) = (file_key(owner, after.saturating_add(1)), (owner + 1).to_be_bytes());
    let mut vouchers = Vec::new();
    engine.scan(FILES, &from, Some(&until), |_, value| {
        vouchers.push(Filed::decode(value).map(|filed| filed.voucher));
        if vouchers.len() < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    vouchers.into_iter().collect()
}

/// A file, as it was made.
pub fn file(engine: &Engine, owner: Institution, sequence: u64) -> Result<(Voucher, Vec<u8>), Trouble> {
    let owner = number(owner);
    let voucher = filed(engine, owner, sequence)?.voucher;
    let mut bytes = Vec::with_capacity(usize::try_from(voucher.bytes).unwrap_or_default());
    let (from, until) = (file_key(owner, sequence), piece_key(owner, sequence, u32::MAX));
    engine.scan(FILE_BYTES, &from, Some(&until), |_, piece| {
        bytes.extend_from_slice(piece);
        ControlFlow::Continue(())
    })?;
    // It may have been let go, also meanwhile.
    if bytes.len() as u64 == voucher.bytes { Ok((voucher, bytes)) } else { Err(Trouble::NotFound) }
}

/// The mutations of a file.
pub fn mutations(engine: &Engine, owner: Institution, sequence: u64) -> Result<Vec<Mutation>, Trouble> {
    let owner = number(owner);
    let filed = filed(engine, owner, sequence)?;
    let (from, until) = (mutation_key(owner, filed.first), mutation_key(owner, filed.last.next()));
    let mut mutations = Vec::with_capacity(filed.voucher.count as usize);
    engine.scan(MUTATIONS, &from, Some(&until), |_, value| {
        mutations.push(queue::decode(value));
        ControlFlow::Continue(())
    })?;
    if mutations.len() != filed.voucher.count as usize {
        return Err(Trouble::NotFound);
    }
    mutations.into_iter().collect()
}

/// Confirms the next file, and says again what was confirmed before.
pub fn confirm(
    draft: &mut Draft<'_>,
    audit: &Audit,
    access: &Access,
    sequence: u64,
    now: Timestamp,
) -> Result<Voucher, Trouble> {
    let owner = number(access.institution);
    let key = file_key(owner, sequence);
    let mut filed = draft.get(FILES, &key)?.map_or(Err(Trouble::NotFound), |value| Filed::decode(&value))?;
    let mut book = Book::within(draft, owner)?;
    if sequence <= book.confirmed {
        return Ok(filed.voucher);
    }
    if sequence != book.confirmed + 1 {
        return Err(Trouble::OutOfOrder(book.confirmed + 1));
    }
    book.confirmed = sequence;
    book.put(draft, owner);
    filed.voucher.confirmed = Some(now);
    draft.put(FILES, &key, filed.encode());
    let lines = [Line { about: None, code: 0, outcome: 0 }];
    let (deed, outcomes) = (Deed::Confirm, ["done"]);
    audit.write(draft, &Told { access, deed, register: None, codes: &[], outcomes: &outcomes, lines: &lines })?;
    Ok(filed.voucher)
}

/// Lets go the bytes and the mutations of the first file that has them; its voucher stays.
pub fn let_go(draft: &mut Draft<'_>, owner: u32, filed: &Filed) -> Result<Book, Trouble> {
    let sequence = filed.voucher.sequence;
    let mut book = Book::within(draft, owner)?;
    if book.kept_from != sequence {
        return Ok(book);
    }
    let pieces = (file_key(owner, sequence).to_vec(), piece_key(owner, sequence, u32::MAX).to_vec());
    let mutations = (mutation_key(owner, filed.first).to_vec(), mutation_key(owner, filed.last.next()).to_vec());
    for (table, (from, until)) in [(FILE_BYTES, pieces), (MUTATIONS, mutations)] {
        let mut keys: Vec<Box<[u8]>> = Vec::new();
        draft.scan(table, &from, Some(&until), |key, _| {
            keys.push(key.into());
            ControlFlow::Continue(())
        })?;
        for key in keys {
            draft.remove(table, &key);
        }
    }
    book.kept_from = sequence + 1;
    book.put(draft, owner);
    Ok(book)
}

#[cfg(test)]
mod tests {
    use super::*;
    use estafette_actors::domain::cbe::Cbe;
    use jiff::civil::Date;

    #[test]
    fn a_voucher_stays_what_it_was_on_disk() {
        let voucher = Voucher {
            institution: Institution(Cbe::from_trusted_u32(5)),
            sequence: 300,
            from: Date::constant(2026, 1, 2),
            until: Date::constant(2026, 1, 3),
            count: 7,
            bytes: 8,
            sha256: [0xab; 32],
            made: Timestamp::from_millis(9),
            confirmed: Some(Timestamp::from_millis(10)),
        };
        let place = |position| Place { day: 1, position };
        let filed = Filed { voucher, first: place(3), last: place(9) };
        let days = [&[10][..], b"2026-01-02", &[10], b"2026-01-03"].concat();
        let golden = [&[1, 5, 251, 44, 1][..], &days, &[7, 8], &[0xab; 32], &[9, 1, 10], &[2, 3, 2, 9]].concat();
        assert_eq!(filed.encode(), golden);
        assert_eq!(Filed::decode(&golden).unwrap(), filed);
    }
}
