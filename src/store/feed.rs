//! The feed of an institution: its facts as events, page by page, in the order in which they
//! became durable, without gaps.
//!
//! A place names a value of the feed and a fact in it, so a page can end anywhere and the next one
//! goes on there. What is read is durable, and no read transaction outlives its page.
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use dashmap::DashMap;
use estafette_actors::domain::event::{About, Event, Kind, Of, Place, Wanted, unfold};
use estafette_actors::domain::fact::Change;
use estafette_actors::domain::id::{BroadcastId, ChunkId, Kind as IdKind, MessageId};
use estafette_actors::domain::mobile::Mobile;
use estafette_actors::domain::strategy::Strategy;
use estafette_actors::domain::submission::{Broadcast, Envelope, Institution};
use estafette_actors::ports::{Feed, FeedError, FeedPage, Position};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::watch;

use super::live::Body;
use super::look::Look;
use super::{Error, Inner, Store, codec};

/// Values of the feed that one page reads at most, some 16 KiB each.
const VALUES: usize = 256;
/// Events on a page at most.
const EVENTS: usize = 4_096;
/// Messages of one reference that are followed at most, the newest.
const MESSAGES: usize = 256;

/// Tells those who follow the feed that there is more.
#[derive(Debug)]
pub struct News {
    commits: watch::Sender<Position>,
    last_of: DashMap<Institution, Position>,
}

impl Default for News {
    fn default() -> Self {
        Self { commits: watch::Sender::new(0), last_of: DashMap::new() }
    }
}

impl News {
    /// A value of an institution is durable.
    pub fn written(&self, institution: Institution, position: Position) {
        self.last_of.insert(institution, position);
    }

    /// Everything up to here is.
    pub fn committed(&self, position: Position) {
        self.commits.send_replace(position);
    }
}

impl Feed for Store {
    fn page(
        &self,
        owner: Institution,
        after: Place,
        wanted: Wanted,
        limit: usize,
    ) -> BoxFuture<'static, Result<FeedPage, FeedError>> {
        if after.position < self.oldest().position {
            return async { Err(FeedError::TooOld) }.boxed();
        }
        let page = self.read(move |inner| inner.feed_page(owner, after, &wanted, limit.clamp(1, EVENTS)));
        async move { Ok(page.await?) }.boxed()
    }

    fn oldest(&self) -> Place {
        let inner = &self.inner;
        let first = inner.segments.first_kept(inner.clock.now(), inner.settings.events_kept);
        Place::behind(first.saturating_sub(1))
    }

    fn newest(&self) -> Place {
        Place::behind(self.inner.position.load(Ordering::Acquire))
    }

    fn last_of(&self, owner: Institution) -> Option<Position> {
        self.inner.news.last_of.get(&owner).map(|position| *position)
    }

    fn commits(&self) -> watch::Receiver<Position> {
        self.inner.news.commits.subscribe()
    }
}

/// What an event tells beside its fact.
#[derive(Clone, Default)]
struct Context {
    strategy: Option<Arc<Strategy>>,
    reference: Option<Box<str>>,
    test: bool,
}

struct Reading<'r> {
    inner: &'r Inner,
    look: Look,
    broadcasts: HashMap<BroadcastId, Option<Arc<Broadcast>>>,
}

impl Inner {
    fn feed_page(&self, owner: Institution, after: Place, wanted: &Wanted, limit: usize) -> Result<FeedPage, Error> {
        // Before the look: what is durable by now is in it, whatever segment it went to.
        let mut until = self.position.load(Ordering::Acquire);
        if matches!(wanted.of, Some(Of::Reference(_))) {
            // Of what follows nobody can tell yet which rows have the reference.
            until = self.indexes.whole_until(until);
        }
        let mut reading = Reading { inner: self, look: Look::open(self)?, broadcasts: HashMap::new() };
        let from = if after.index == Place::WHOLE { after.position + 1 } else { after.position };
        let positions = reading.positions(owner, from..=until, wanted)?;
        let mut page = FeedPage { next: after, has_more: positions.len() >= VALUES, ..FeedPage::default() };
        for at in positions {
            let done = reading.value(owner, at, after, wanted, limit, &mut page)?;
            if !done {
                page.has_more = true;
                return Ok(page);
            }
            page.next = Place::behind(at);
        }
        if !page.has_more {
            // Nothing more up to what was durable before it was looked at.
            page.next = page.next.max(Place::behind(until));
        }
        Ok(page)
    }
}

impl Reading<'_> {
    /// Where something may stand, in order.
    fn positions(
        &self,
        owner: Institution,
        among: std::ops::RangeInclusive<Position>,
        wanted: &Wanted,
    ) -> Result<Vec<Position>, Error> {
        let number = codec::institution_number(owner);
        let mut ids = match &wanted.of {
            None | Some(Of::Broadcast(_)) => {
                let after = among.start().saturating_sub(1);
                return self.look.segments.feed_of(number, after, VALUES);
            }
            Some(Of::Message(id)) => vec![*id],
            Some(Of::Reference(reference)) => self.inner.indexes.by_reference(owner, reference, u128::MAX)?,
        };
        ids.sort_unstable_by(|a, b| b.cmp(a));
        ids.dedup();
        let mut positions = Vec::new();
        for id in ids.into_iter().take(MESSAGES) {
            let (item, row) = super::live::Item::holding(id);
            positions.extend(self.look.segments.trail(item.key(), row)?);
        }
        positions.retain(|position| among.contains(position));
        positions.sort_unstable();
        positions.dedup();
        positions.truncate(VALUES);
        Ok(positions)
    }

    /// Adds what is wanted of one value; says whether it was read to its end.
    fn value(
        &mut self,
        owner: Institution,
        position: Position,
        after: Place,
        wanted: &Wanted,
        limit: usize,
        page: &mut FeedPage,
    ) -> Result<bool, Error> {
        let Some(packed) = self.look.segments.facts(position)?.filter(|packed| packed.institution == Some(owner))
        else {
            return Ok(true);
        };
        let mut index = 0;
        for group in packed.groups {
            for (about, change) in unfold(&group.subject, &group.changes) {
                let place = Place { position, index };
                index += 1;
                let Some(kind) = Kind::of(change).filter(|kind| wanted.kinds.has(*kind)) else { continue };
                if place <= after || !concerns(wanted, &about) {
                    continue;
                }
                let Context { strategy, reference, mut test } = self.context(&about)?;
                if let Change::Heard(heard) = change {
                    test = heard.from.is_some_and(Mobile::is_reserved);
                }
                if !wanted.tests.has(test) {
                    continue;
                }
                if let Some(Of::Reference(asked)) = &wanted.of
                    && reference.as_ref() != Some(asked)
                {
                    continue;
                }
                if page.events.len() == limit {
                    return Ok(false);
                }
                page.next = place;
                let step = step_of(change);
                page.events.push(Event {
                    place,
                    institution: owner,
                    at: group.at,
                    channel: step.and_then(|step| Some(strategy?.step(step)?.channel)),
                    about,
                    kind,
                    reference,
                    test,
                    change: change.clone(),
                });
            }
        }
        Ok(true)
    }

    fn context(&mut self, about: &About) -> Result<Context, Error> {
        let id = match about {
            About::Institution => return Ok(Context::default()),
            About::Broadcast(id) => {
                let reference = self.broadcast(*id)?.and_then(|record| record.sender_reference.clone());
                return Ok(Context { reference, ..Context::default() });
            }
            About::Message(id) => *id,
        };
        match id.kind() {
            IdKind::Single => self.single(id),
            IdKind::Row { chunk, index } => self.row(chunk, index),
        }
    }

    fn single(&self, id: MessageId) -> Result<Context, Error> {
        if let Some(live) = self.inner.live.items.get(&id.as_u128())
            && let Body::Single { envelope, .. } = &live.body
        {
            let reference = envelope.sender_reference.clone();
            let test = envelope.recipient.is_sandbox();
            return Ok(Context { strategy: Some(Arc::clone(&envelope.strategy)), reference, test });
        }
        let context = |envelope: Envelope| Context {
            strategy: Some(envelope.strategy),
            reference: envelope.sender_reference,
            test: envelope.recipient.is_sandbox(),
        };
        Ok(self.look.segments.message(id)?.map(context).unwrap_or_default())
    }

    fn row(&mut self, chunk: ChunkId, index: u16) -> Result<Context, Error> {
        let Some(record) = self.broadcast(chunk.broadcast)? else { return Ok(Context::default()) };
        let rows = self.inner.rows(&self.look, chunk)?;
        let row = rows.get(usize::from(index));
        let reference = row.and_then(|row| row.key.clone());
        let test = row.is_some_and(|row| row.recipient.is_sandbox());
        Ok(Context { strategy: Some(Arc::clone(&record.strategy)), reference, test })
    }

    fn broadcast(&mut self, id: BroadcastId) -> Result<Option<Arc<Broadcast>>, Error> {
        if let Some(known) = self.broadcasts.get(&id) {
            return Ok(known.clone());
        }
        let found = self.inner.broadcast_record(&self.look.segments, id)?;
        self.broadcasts.insert(id, found.clone());
        Ok(found)
    }
}

fn concerns(wanted: &Wanted, about: &About) -> bool {
    match &wanted.of {
        Some(Of::Message(id)) => *about == About::Message(*id),
        Some(Of::Broadcast(id)) => about.broadcast() == Some(*id),
        Some(Of::Reference(_)) | None => true,
    }
}

fn step_of(change: &Change) -> Option<u8> {
    match change {
        Change::Skipped { step, .. }
        | Change::Began { step, .. }
        | Change::Moved { step, .. }
        | Change::Noted { step, .. } => Some(*step),
        _ => None,
    }
}
