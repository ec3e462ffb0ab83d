//! What the program does every day: makes the files of mutations of the days that are over, at its start and shortly after each
//! midnight in Brussels, and tells institutions in the feed of each file that is there.
//!
//! Invariant: a file is told once, after it is durable, whatever stops in between: what was begun and not noted is looked up in
//! the feed. Nothing here is lost when it fails: it is done a minute later.
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use actix_rt::ArbiterHandle;
use estafette_actors::domain::day;
use estafette_actors::domain::event::{Kind, Place, Wanted};
use estafette_actors::domain::fact::Change;
use estafette_actors::domain::mutation::Voucher;
use estafette_actors::domain::submission::Institution;
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::register::{Mutations as _, Trouble};
use estafette_actors::ports::{Batch, Clock, Entry, Feed, FeedError, Journal, JournalError};
use jiff::civil::Date;

use crate::store::register::Mutations;

/// How often it is looked whether something is to be done: a clock that is set, or a machine that slept, delays it by no more.
const LOOK: Duration = Duration::from_secs(60);
/// So long after midnight a day is over.
const GRACE: Duration = Duration::from_secs(1);
/// Events read at once.
const PAGE: usize = 1_000;

/// Does what is to be done every day from now on, if there are mutations.
pub(super) fn start(
    mutations: Option<&Arc<Mutations>>,
    (journal, feed): (Arc<dyn Journal>, Arc<dyn Feed>),
    clock: &Arc<dyn Clock>,
    on: &ArbiterHandle,
) {
    if let Some(mutations) = mutations {
        let (mutations, clock) = (Mutations::clone(mutations), Arc::clone(clock));
        on.spawn(Daily { mutations, journal, feed, clock }.run());
    }
}

/// What is due, by the clock.
#[derive(Debug, Default)]
struct Calendar {
    /// The last day on which it was done.
    done: Option<Date>,
}

impl Calendar {
    /// The day whose work is due, if any is. A clock that goes back makes nothing due.
    fn due(&self, now: Timestamp) -> Option<Date> {
        let today = day::of(now);
        let is_over = now >= day::begins(today).plus(GRACE);
        (self.done.is_none() || (is_over && self.done < Some(today))).then_some(today)
    }

    /// How long there is nothing to look for.
    fn pause(now: Timestamp) -> Duration {
        let tomorrow = day::of(now).tomorrow().map_or(Timestamp::MAX, day::begins);
        let begins = day::begins(day::of(now)).plus(GRACE);
        let next = if now < begins { begins } else { tomorrow.plus(GRACE) };
        next.since(now).min(LOOK)
    }
}

/// Why a file is not told yet.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Register(#[from] Trouble),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Feed(#[from] FeedError),
}

/// See the head of this file.
struct Daily {
    mutations: Mutations,
    journal: Arc<dyn Journal>,
    feed: Arc<dyn Feed>,
    clock: Arc<dyn Clock>,
}

impl Daily {
    async fn run(self) {
        let (mut calendar, mut made) = (Calendar::default(), self.mutations.made());
        loop {
            if let Some(today) = calendar.due(self.clock.now()) {
                match self.mutations.produce(today).await {
                    Ok(files) => {
                        calendar.done = Some(today);
                        tracing::info!(files, "the mutations of the days that are over are in files");
                    }
                    Err(error) => tracing::error!(%error, "files of mutations can't be made; they are in a minute"),
                }
            }
            made.mark_unchanged();
            if let Err(error) = self.tell().await {
                tracing::warn!(%error, "files of mutations can't be told of; they are in a minute");
            }
            // Files are also made when an operator asks for them.
            let _ = tokio::time::timeout(Calendar::pause(self.clock.now()), made.changed()).await;
        }
    }

    /// Tells all that the feed lacks.
    async fn tell(&self) -> Result<(), Error> {
        loop {
            let untold = self.mutations.untold().await?;
            if untold.is_empty() {
                return Ok(());
            }
            let told = if let Some(from) = self.mutations.telling_from()? {
                self.told_since(from, &untold).await?
            } else {
                self.mutations.tell_from(self.feed.newest().position).await?;
                BTreeSet::new()
            };
            let new = untold.iter().filter(|voucher| !told.contains(&(voucher.institution, voucher.sequence)));
            self.append(new.map(entry).collect()).await?;
            let up_to: BTreeMap<Institution, u64> =
                untold.iter().map(|voucher| (voucher.institution, voucher.sequence)).collect();
            self.mutations.told(up_to.into_iter().collect()).await?;
        }
    }

    /// The files of these institutions that the feed has since a place.
    async fn told_since(&self, from: u64, untold: &[Voucher]) -> Result<BTreeSet<(Institution, u64)>, Error> {
        let owners: BTreeSet<Institution> = untold.iter().map(|voucher| voucher.institution).collect();
        let wanted = Wanted { kinds: [Kind::RegisterMutations].into_iter().collect(), ..Wanted::default() };
        let mut told = BTreeSet::new();
        for owner in owners {
            // What was told longer ago than the feed keeps is told once more.
            let mut after = Place::behind(from).max(self.feed.oldest());
            loop {
                let page = self.feed.page(owner, after, wanted.clone(), PAGE).await?;
                for event in page.events {
                    if let Change::MutationsReady { sequence, .. } = event.change {
                        told.insert((owner, sequence));
                    }
                }
                if !page.has_more {
                    break;
                }
                after = page.next;
            }
        }
        Ok(told)
    }

    /// Puts them into the feed; ends when they are durable.
    async fn append(&self, entries: Vec<Entry>) -> Result<(), Error> {
        if entries.is_empty() {
            return Ok(());
        }
        let (tell, told) = tokio::sync::oneshot::channel();
        // Whoever waits may have gone.
        let after = Box::new(move |outcome| drop(tell.send(outcome)));
        self.journal.append(Batch { at: self.clock.now(), entries, after })?;
        let gone = || JournalError::ReadOnly("it ended".to_owned());
        told.await.map_err(|_| gone())?.map(drop).map_err(Error::from)
    }
}

fn entry(voucher: &Voucher) -> Entry {
    let Voucher { institution, sequence, count, sha256, .. } = *voucher;
    Entry::Tell { institution, change: Change::MutationsReady { sequence, count, sha256: Box::new(sha256) } }
}

#[cfg(test)]
mod tests;
