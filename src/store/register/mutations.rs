//! What institutions are told of their NISSs: each mutation waits, for each institution that gets it, until its day is over, and is
//! then in one file.
//!
//! Invariant: a mutation stands under its institution, the day on which it was recorded and a position that only grows. A day that is
//! closed gets nothing more: what is recorded late stands under the first day that is open. So the files of a closed day are always
//! the same ones, whenever and however often somebody begins to make them; a file, its voucher and how far the institution's book
//! is come in one change. Numbers count from 1 without a gap, and a file never changes.
//! A file of a year ago is let go when it was confirmed; its voucher stays.
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use estafette_actors::domain::dossier::Code;
use estafette_actors::domain::mutation::{Change, Mutation, Subscription, Voucher};
use estafette_actors::domain::niss::Niss;
use estafette_actors::domain::submission::Institution;
use estafette_actors::ports::Clock;
use estafette_actors::ports::register::{self as ports, Access, Trouble};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};
use jiff::civil::Date;
use tokio::sync::watch;

use super::audit::Audit;
use super::dossiers::{Dossiers, blocking};
use super::engine::{Draft, Engine};
use super::replace;
use super::types::Types;
use crate::mutations::Head;

mod book;
mod files;
mod holders;
mod produce;
mod queue;
mod subscriptions;
mod telling;

use self::holders::Holders;
use self::queue::Ready;
use self::subscriptions::Subscriptions;

/// Makes the bytes of a file.
pub type Render = fn(&Head, &[Mutation]) -> Vec<u8>;

/// Tells within a change of something else.
pub type Teller = Arc<dyn Fn(&mut Draft<'_>, &Access, &[(Niss, Date, Change)]) -> Result<(), Trouble> + Send + Sync>;

/// The bounds.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Mutations in a file at most; a day with more has several.
    pub file_mutations: usize,
    /// How long a file is kept after it was confirmed.
    pub kept: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self { file_mutations: 50_000, kept: Duration::from_secs(400 * 24 * 3_600) }
    }
}

struct Inner {
    engine: Engine,
    audit: Arc<Audit>,
    types: Types,
    clock: Arc<dyn Clock>,
    settings: Settings,
    render: Render,
    subscriptions: Subscriptions,
    /// Held by whoever makes files.
    producing: Mutex<()>,
    /// Files made since the start.
    made: watch::Sender<u64>,
}

/// The mutations. Clones are one.
#[derive(Clone)]
pub struct Mutations(Arc<Inner>);

impl std::fmt::Debug for Mutations {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Mutations").field(&self.0.engine).finish()
    }
}

impl Mutations {
    /// In the tables of the dossiers.
    pub fn open(dossiers: &Dossiers, clock: Arc<dyn Clock>, render: Render) -> Result<Self, Trouble> {
        let (engine, audit, types, settings) = dossiers.parts();
        let subscriptions = Subscriptions::load(&engine)?;
        let (producing, made) = (Mutex::default(), watch::Sender::new(0));
        let inner = Inner { engine, audit, types, clock, settings, render, subscriptions, producing, made };
        Ok(Self(Arc::new(inner)))
    }

    /// For the authentic source: what changes there and what is told of it are one change. Of a NISS that is replaced it tells before
    /// the rows move.
    pub fn teller(&self) -> Teller {
        let inner = Arc::clone(&self.0);
        Arc::new(move |draft, access, mutations| inner.tell_in(draft, access, mutations))
    }
}

impl Inner {
    fn holders(&self) -> Holders {
        Holders::new(&self.types, self.subscriptions.all())
    }

    /// Tells a few within a change of something else, as that change sees the rows.
    fn tell_in(
        &self,
        draft: &mut Draft<'_>,
        access: &Access,
        mutations: &[(Niss, Date, Change)],
    ) -> Result<(), Trouble> {
        let recorded = self.clock.now();
        let holders = self.holders();
        let read = |owner, niss| holders::read_in(draft, owner, niss);
        let ready = queue::ready(&holders, read, |niss| replace::by_in(draft, niss), mutations, recorded)?;
        queue::put(draft, &ready, recorded)?;
        queue::audit(draft, &self.audit, access, mutations, &ready)
    }
}

/// To how many each goes.
fn counts(ready: &[Ready]) -> Vec<u32> {
    ready.iter().map(|one| one.to.len() as u32).collect()
}

impl ports::Mutations for Mutations {
    fn tell(
        &self,
        access: Access,
        mutations: Vec<(Niss, Date, Change)>,
    ) -> BoxFuture<'static, Result<Vec<u32>, Trouble>> {
        if mutations.len() > ports::TOLD_MAX {
            return ready(Err(Trouble::Conflict("100000 mutations are told at once at most: tell them in parts")))
                .boxed();
        }
        let inner = Arc::clone(&self.0);
        // Looked up beside the writer: whoever has the NISS now gets it.
        let ask = move || {
            let recorded = inner.clock.now();
            let read = |owner, niss| holders::read(&inner.engine, owner, niss);
            let next = |niss| replace::by(&inner.engine, niss);
            let ready = queue::ready(&inner.holders(), read, next, &mutations, recorded)?;
            let (counts, is_large) = (counts(&ready), queue::is_large(&ready));
            let audit = Arc::clone(&inner.audit);
            let put = move |draft: &mut Draft<'_>| {
                queue::put(draft, &ready, recorded)?;
                queue::audit(draft, &audit, &access, &mutations, &ready)?;
                Ok(counts)
            };
            Ok(if is_large { inner.engine.bulk(put).boxed() } else { inner.engine.change(put).boxed() })
        };
        let asked = blocking(ask);
        async move { asked.await?.await }.boxed()
    }

    fn subscriptions(&self, owner: Institution) -> Vec<Subscription> {
        self.0.subscriptions.of(owner)
    }

    fn subscribe(&self, access: Access, subscription: Subscription) -> BoxFuture<'static, Result<(), Trouble>> {
        let inner = Arc::clone(&self.0);
        let decide = move |draft: &mut Draft<'_>| {
            let known = inner.types.of(access.institution).unwrap_or_default();
            if subscription.types.iter().any(|code| known.number(code).is_none()) {
                return Err(Trouble::NotFound);
            }
            let kind = subscription.kind;
            inner.subscriptions.put(draft, access.institution, subscription)?;
            subscriptions::audit(draft, &inner.audit, &access, kind)
        };
        self.0.engine.change(decide).boxed()
    }

    fn unsubscribe(&self, access: Access, kind: Code) -> BoxFuture<'static, Result<(), Trouble>> {
        let inner = Arc::clone(&self.0);
        let decide = move |draft: &mut Draft<'_>| {
            inner.subscriptions.remove(draft, access.institution, &kind)?;
            subscriptions::audit(draft, &inner.audit, &access, kind)
        };
        self.0.engine.change(decide).boxed()
    }

    fn produce(&self, today: Date) -> BoxFuture<'static, Result<u64, Trouble>> {
        let inner = Arc::clone(&self.0);
        blocking(move || {
            let _one = inner.producing.lock().unwrap_or_else(PoisonError::into_inner);
            let made = inner.produce(today);
            inner.let_go()?;
            made
        })
    }

    fn vouchers(
        &self,
        owner: Institution,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<Voucher>, Trouble>> {
        let inner = Arc::clone(&self.0);
        blocking(move || files::vouchers(&inner.engine, owner, after, limit.clamp(1, ports::PAGE_MAX)))
    }

    fn file(&self, owner: Institution, sequence: u64) -> BoxFuture<'static, Result<(Voucher, Vec<u8>), Trouble>> {
        let inner = Arc::clone(&self.0);
        blocking(move || files::file(&inner.engine, owner, sequence))
    }

    fn mutations(&self, owner: Institution, sequence: u64) -> BoxFuture<'static, Result<Vec<Mutation>, Trouble>> {
        let inner = Arc::clone(&self.0);
        blocking(move || files::mutations(&inner.engine, owner, sequence))
    }

    fn confirm(&self, access: Access, sequence: u64) -> BoxFuture<'static, Result<Voucher, Trouble>> {
        let inner = Arc::clone(&self.0);
        let decide =
            move |draft: &mut Draft<'_>| files::confirm(draft, &inner.audit, &access, sequence, inner.clock.now());
        self.0.engine.change(decide).boxed()
    }
}

#[cfg(test)]
mod tests;
