//! Which files the feed has: kept here, so that whoever tells it tells each one, and none twice.
//!
//! How it is used: note the place from which the feed may have them ([`Mutations::tell_from`]); tell; note that it has them
//! ([`Mutations::told`]). When a place is noted before anything was done, a crash came in between: then the feed from there on
//! says what was told.
use std::ops::ControlFlow;
use std::sync::Arc;

use estafette_actors::domain::cbe::Cbe;
use estafette_actors::domain::mutation::Voucher;
use estafette_actors::domain::submission::Institution;
use estafette_actors::ports::register::Trouble;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::watch;

use super::super::engine::Draft;
use super::super::{BOOKS, NEXT, array, damaged};
use super::book::{Book, number};
use super::{Mutations, blocking, files};

/// Key of [`NEXT`]: the place in the feed from which files may have been told.
const TELLING: &[u8] = b"mutations_telling";
/// Vouchers given at once, and those of one institution more.
const AT_ONCE: usize = 256;

impl Mutations {
    /// Changes when a file was made.
    pub fn made(&self) -> watch::Receiver<u64> {
        self.0.made.subscribe()
    }

    /// Some of the vouchers that the feed lacks, those of an institution in order.
    pub fn untold(&self) -> BoxFuture<'static, Result<Vec<Voucher>, Trouble>> {
        let inner = Arc::clone(&self.0);
        blocking(move || {
            let mut behind = Vec::new();
            inner.engine.scan(BOOKS, &[], None, |key, value| {
                let book = Book::decode(value);
                if book.as_ref().map_or(true, |book| book.told < book.made) {
                    behind.push((array(key).map(u32::from_be_bytes), book));
                }
                if behind.len() < AT_ONCE { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            })?;
            let mut vouchers = Vec::new();
            for (owner, book) in behind {
                let owner = Institution(Cbe::from_trusted_u32(owner.ok_or_else(damaged)?));
                vouchers.extend(files::vouchers(&inner.engine, owner, book?.told, AT_ONCE)?);
                if vouchers.len() >= AT_ONCE {
                    break;
                }
            }
            Ok(vouchers)
        })
    }

    /// The place in the feed from which files may have been told that [`Mutations::untold`] still gives.
    pub fn telling_from(&self) -> Result<Option<u64>, Trouble> {
        let place = self.0.engine.get(NEXT, TELLING)?;
        place.map(|place| array(&place).map(u64::from_be_bytes).ok_or_else(damaged)).transpose()
    }

    /// Files are told from here on.
    pub fn tell_from(&self, place: u64) -> BoxFuture<'static, Result<(), Trouble>> {
        let note = move |draft: &mut Draft<'_>| {
            draft.put(NEXT, TELLING, place.to_be_bytes().as_slice());
            Ok(())
        };
        self.0.engine.change(note).boxed()
    }

    /// The feed has the files of these institutions up to these numbers.
    pub fn told(&self, up_to: Vec<(Institution, u64)>) -> BoxFuture<'static, Result<(), Trouble>> {
        let note = move |draft: &mut Draft<'_>| {
            for (owner, sequence) in up_to {
                let mut book = Book::within(draft, number(owner))?;
                book.told = book.told.max(sequence);
                book.put(draft, number(owner));
            }
            draft.remove(NEXT, TELLING);
            Ok(())
        };
        self.0.engine.change(note).boxed()
    }
}
