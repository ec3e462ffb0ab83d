//! Making the files of the days that are over, and letting go those that were kept long enough.
//!
//! Invariant: days are closed, durably, before the first file of them is made. A file is made beside the writer from what can't
//! change any more, and put in one change that fails when the book is no longer where it was.
use std::ops::ControlFlow;

use aws_lc_rs::digest;
use estafette_actors::domain::cbe::Cbe;
use estafette_actors::domain::day;
use estafette_actors::domain::mutation::{Mutation, Voucher};
use estafette_actors::domain::submission::Institution;
use estafette_actors::ports::register::Trouble;
use futures_util::FutureExt;
use jiff::civil::Date;
use tokio::runtime::Handle;

use super::super::engine::Draft;
use super::super::{BOOKS, FILE_BYTES, FILES, MUTATIONS, array, damaged};
use super::book::{Book, Place, file_key, mutation_key, mutation_place, piece_key};
use super::files::{self, Filed, PIECE};
use super::{Head, Inner, queue};

/// Bytes of records in a file at most: what is in memory of it at once is some times that.
const FILE_RECORDS: usize = 16 << 20;
/// From so many bytes on a file goes straight to the tables.
const LARGE: usize = 1 << 20;

/// What comes next of an institution.
struct Batch {
    sequence: u64,
    mutations: Vec<Mutation>,
    first: Place,
    last: Place,
}

impl Inner {
    /// Makes the files of the days before `today`; gives how many. Blocks. A day that is not over can be closed at its midnight
    /// only, or by asking for tomorrow's; no later one.
    pub fn produce(&self, today: Date) -> Result<u64, Trouble> {
        let tomorrow = day::of(self.clock.now()).tomorrow().unwrap_or(Date::MAX);
        let today = today.min(tomorrow);
        Handle::current().block_on(self.engine.change(move |draft| queue::close(draft, today)))?;
        let (mut from, mut made) = (0, 0);
        while let Some(owner) = self.first_with_mutations(from)? {
            while self.make_next(owner, today)? {
                made += 1;
            }
            from = owner + 1;
        }
        Ok(made)
    }

    /// The first institution from a number on that has any, in a file or not.
    fn first_with_mutations(&self, from: u32) -> Result<Option<u32>, Trouble> {
        let mut found = None;
        self.engine.scan(MUTATIONS, &from.to_be_bytes(), None, |key, _| {
            found = Some(mutation_place(key));
            ControlFlow::Break(())
        })?;
        found.map_or(Ok(None), |place| place.map(|(owner, _)| Some(owner)).ok_or_else(damaged))
    }

    /// Makes the next file of an institution, if there is anything for it.
    fn make_next(&self, owner: u32, today: Date) -> Result<bool, Trouble> {
        let Some(batch) = self.batch(owner, today)? else { return Ok(false) };
        let on = batch.mutations.iter().map(|mutation| mutation.on);
        let (Some(from), Some(until)) = (on.clone().min(), on.max()) else { return Ok(false) };
        let institution = Institution(Cbe::from_trusted_u32(owner));
        let (sequence, made) = (batch.sequence, self.clock.now());
        let bytes = (self.render)(&Head { institution, sequence, from, until, made }, &batch.mutations);
        let voucher = Voucher {
            institution,
            sequence,
            from,
            until,
            count: batch.mutations.len() as u32,
            bytes: bytes.len() as u64,
            sha256: array(digest::digest(&digest::SHA256, &bytes).as_ref()).unwrap_or_default(),
            made,
            confirmed: None,
        };
        let filed = Filed { voucher, first: batch.first, last: batch.last };
        let (is_large, after) = (bytes.len() > LARGE, self.made.clone());
        let put = move |draft: &mut Draft<'_>| {
            let mut book = Book::within(draft, owner)?;
            if book.made + 1 != sequence {
                return Err(Trouble::Conflict("these files are being made already: look at their vouchers"));
            }
            (book.made, book.last) = (sequence, filed.last);
            book.put(draft, owner);
            draft.put(FILES, &file_key(owner, sequence), filed.encode());
            for (place, piece) in (0..).zip(bytes.chunks(PIECE)) {
                draft.put(FILE_BYTES, &piece_key(owner, sequence, place), piece);
            }
            draft.after(move || after.send_modify(|made| *made += 1));
            Ok(())
        };
        let asked = if is_large { self.engine.bulk(put).boxed() } else { self.engine.change(put).boxed() };
        Handle::current().block_on(asked)?;
        Ok(true)
    }

    /// The mutations of one day, the first that is over and not in a file, as many as go in one.
    fn batch(&self, owner: u32, today: Date) -> Result<Option<Batch>, Trouble> {
        let book = Book::of(&self.engine, owner)?;
        let (from, until) = (mutation_key(owner, book.last.next()), mutation_key(owner, Place::before(today)));
        if from >= until {
            return Ok(None);
        }
        let (mut batch, mut outcome, mut bytes) = (None::<Batch>, Ok(()), 0);
        let mut take = |key: &[u8], value: &[u8]| {
            let (_, place) = mutation_place(key).ok_or_else(damaged)?;
            let batch = batch.get_or_insert_with(|| Batch {
                sequence: book.made + 1,
                mutations: Vec::new(),
                first: place,
                last: place,
            });
            bytes += value.len();
            let is_full = batch.mutations.len() == self.settings.file_mutations.max(1)
                || (bytes > FILE_RECORDS && !batch.mutations.is_empty());
            if is_full || place.day != batch.first.day {
                return Ok(ControlFlow::Break(()));
            }
            batch.mutations.push(queue::decode(value)?);
            batch.last = place;
            Ok(ControlFlow::Continue(()))
        };
        self.engine.scan(MUTATIONS, &from, Some(&until), |key, value| match take(key, value) {
            Ok(flow) => flow,
            Err(trouble) => {
                outcome = Err(trouble);
                ControlFlow::Break(())
            }
        })?;
        outcome.map(|()| batch)
    }

    /// Lets go the files that were confirmed long enough ago. Blocks.
    pub fn let_go(&self) -> Result<(), Trouble> {
        let (now, kept) = (self.clock.now(), self.settings.kept);
        let mut books = Vec::new();
        self.engine.scan(BOOKS, &[], None, |key, value| {
            books.push((array(key).map(u32::from_be_bytes), Book::decode(value)));
            ControlFlow::Continue(())
        })?;
        for (owner, book) in books {
            let (owner, mut book) = (owner.ok_or_else(damaged)?, book?);
            while book.kept_from <= book.confirmed {
                let filed = files::filed(&self.engine, owner, book.kept_from)?;
                let is_over = filed.voucher.confirmed.is_some_and(|at| at.plus(kept) <= now);
                if !is_over {
                    break;
                }
                let drop = move |draft: &mut Draft<'_>| files::let_go(draft, owner, &filed);
                book = Handle::current().block_on(self.engine.change(drop))?;
            }
        }
        Ok(())
    }
}
