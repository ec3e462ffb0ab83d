//! One webhook's courier: reads its owner's feed, calls the endpoint, a bounded number of calls at
//! once, and notes how far it is.
//!
//! What fails comes again after growing pauses while the rest goes on. When calls fail in a row the
//! courier reads no further and only tries with one call at a time; when that lasts for days the
//! webhook is switched off. Nothing is lost by that: the feed keeps what was not told.
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;

use super::book::{Book, Entry};
use super::rounds::Round;
use crate::domain::event::{Event, Place, Wanted};
use crate::domain::time::Timestamp;
use crate::domain::webhook::{MAX_OVERDUE, Overdue, Progress, Webhook, before};
use crate::ports::{Call, Called, FeedError, Notice};

/// Events read at once.
const PAGE: usize = 512;
/// Pause between two looks at the feed, so that several commits are read at once.
const PACE: Duration = Duration::from_millis(20);
/// After a read that failed.
const AGAIN: Duration = Duration::from_secs(1);
/// How often an idle webhook's place moves on, so that it never falls behind what is kept.
const MOVE_ON: Duration = Duration::from_secs(600);
/// The longest sleep of a courier that waits for a retry.
const NAP: Duration = Duration::from_secs(60);

/// Why a call is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    /// It is its turn.
    Turn,
    /// It is told once more.
    Again,
    /// It failed before.
    Overdue,
}

/// A call that ended.
struct Ended {
    why: Why,
    place: Place,
    /// As it was when the call was begun.
    to: Arc<Webhook>,
    called: Called,
}

struct Courier {
    book: Arc<Book>,
    entry: Arc<Entry>,
    turn: Round,
    again: Option<Round>,
    flight: FuturesUnordered<BoxFuture<'static, Ended>>,
    /// Overdue events that are being told.
    trying: Vec<Place>,
    moved_on: Timestamp,
    /// While the endpoint is in trouble: no call before this,
    rest_until: Timestamp,
    /// after so many rests.
    rests: u32,
    /// When the feed was read last.
    read_at: Option<tokio::time::Instant>,
}

/// Works until it is aborted.
pub async fn run(book: Arc<Book>, entry: Arc<Entry>) {
    let progress = entry.progress();
    let moved_on = book.clock.now();
    let turn = Round::new(progress.done, None);
    let mut courier = Courier {
        book,
        entry,
        turn,
        again: None,
        flight: FuturesUnordered::new(),
        trying: Vec::new(),
        moved_on,
        rest_until: Timestamp::ZERO,
        rests: 0,
        read_at: None,
    };
    let mut commits = courier.book.feed.commits();
    loop {
        let entry = Arc::clone(&courier.entry);
        let changed = entry.changed.notified();
        if entry.webhook().off.is_some() {
            // Calls under way end first: what they say counts.
            match courier.flight.next().await {
                Some(ended) => courier.ended(ended).await,
                None => changed.await,
            }
            continue;
        }
        commits.mark_unchanged();
        let until = courier.fill().await;
        let has_room = courier.has_room();
        tokio::select! {
            Some(ended) = courier.flight.next() => {
                courier.ended(ended).await;
                // Those that ended meanwhile, before anything is read for their places.
                while let Some(Some(ended)) = futures_util::FutureExt::now_or_never(courier.flight.next()) {
                    courier.ended(ended).await;
                }
            }
            _ = commits.changed(), if has_room => {}
            () = changed => {}
            () = tokio::time::sleep(until) => {}
        }
    }
}

impl Courier {
    fn strikes(&self) -> u32 {
        self.entry.strikes.load(Ordering::Relaxed)
    }

    fn in_trouble(&self) -> bool {
        self.strikes() >= self.book.settings.patience.trouble
    }

    /// How many calls may still be begun.
    fn room(&self) -> usize {
        let most = if self.in_trouble() { 1 } else { self.book.settings.concurrency };
        most.saturating_sub(self.flight.len())
    }

    /// Whether something new could be told.
    fn has_room(&self) -> bool {
        self.room() > 0 && !self.in_trouble()
    }

    /// Begins calls as far as there is room; gives how long nothing else comes by itself.
    async fn fill(&mut self) -> Duration {
        let now = self.book.clock.now();
        if self.in_trouble() && now < self.rest_until {
            return self.rest_until.since(now).min(NAP);
        }
        let mut progress = self.entry.progress();
        if self.again.is_none()
            && let Some(range) = &progress.again
        {
            self.again = Some(Round::new(range.done, Some(range.until)));
        }
        let webhook = self.entry.webhook();
        let mut nap = NAP;
        progress.overdue.sort_unstable_by_key(|overdue| overdue.next);
        let trouble = self.in_trouble();
        for overdue in
            progress.overdue.iter().filter(|overdue| !self.trying.contains(&overdue.place)).cloned().collect::<Vec<_>>()
        {
            // In trouble the oldest is as good a try as any.
            if overdue.next > now && !trouble {
                nap = nap.min(overdue.next.since(now));
                break;
            }
            if self.room() == 0 {
                return NAP;
            }
            match self.overdue(&webhook, &overdue).await {
                Ok(Some(event)) => {
                    self.trying.push(overdue.place);
                    self.call(&webhook, Why::Overdue, event, now);
                }
                Ok(None) => self.entry.update(|progress| {
                    progress.overdue.retain(|other| other.place != overdue.place);
                    progress.given_up += 1;
                }),
                Err(_) => return AGAIN,
            }
        }
        if self.room() > 0 && progress.overdue.len() + self.flight.len() < MAX_OVERDUE {
            for why in [Why::Again, Why::Turn] {
                match self.round(&webhook, why, now).await {
                    Ok(wait) => nap = nap.min(wait),
                    Err(error) => {
                        tracing::warn!(%error, "the feed could not be read for a webhook");
                        return AGAIN;
                    }
                }
            }
        }
        nap
    }

    fn call(&mut self, webhook: &Arc<Webhook>, why: Why, event: Event, at: Timestamp) {
        let place = event.place;
        let to = Arc::clone(webhook);
        let call = Call { webhook: Arc::clone(webhook), at, notice: Notice::Event(event) };
        let called = self.book.announce.call(call);
        self.flight.push(Box::pin(async move { Ended { why, place, to, called: called.await } }));
    }

    /// An event that failed before; none when it is not kept any more.
    async fn overdue(&self, webhook: &Webhook, overdue: &Overdue) -> Result<Option<Event>, FeedError> {
        let (owner, after) = (webhook.institution, before(overdue.place));
        match self.book.feed.page(owner, after, Wanted::default(), 1).await {
            Ok(page) => Ok(page.events.into_iter().next().filter(|event| event.place == overdue.place)),
            Err(FeedError::TooOld) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Reads and tells what comes next in a round; gives how long nothing more is to be read.
    async fn round(&mut self, webhook: &Arc<Webhook>, why: Why, now: Timestamp) -> Result<Duration, FeedError> {
        let mut wait = NAP;
        loop {
            let room = self.room();
            let round = match why {
                Why::Again => match &mut self.again {
                    Some(round) => round,
                    None => return Ok(NAP),
                },
                Why::Turn | Why::Overdue => &mut self.turn,
            };
            if room == 0 {
                return Ok(NAP);
            }
            if let Some(event) = round.next() {
                self.call(webhook, why, event, now);
                continue;
            }
            if !round.is_hungry() {
                break;
            }
            // In this order: what is durable by the first is known to the second.
            let newest = self.book.feed.newest();
            let last = self.book.feed.last_of(webhook.institution);
            let partly = round.read.index != Place::WHOLE;
            if why == Why::Turn && !partly && last.is_some_and(|last| last <= round.read.position) {
                if newest > round.read && now.since(self.moved_on) >= MOVE_ON {
                    round.read = newest;
                    self.moved_on = now;
                }
                break;
            }
            // Several commits are read at once: a read for each event costs more than the call.
            if let Some(rest) = self.read_at.and_then(|at| PACE.checked_sub(at.elapsed())).filter(|_| why == Why::Turn)
            {
                wait = rest;
                break;
            }
            if why == Why::Turn {
                self.read_at = Some(tokio::time::Instant::now());
            }
            let wanted = Wanted { kinds: webhook.kinds(), of: None, tests: self.book.tests(webhook) };
            let page = match self.book.feed.page(webhook.institution, round.read, wanted, PAGE).await {
                Err(FeedError::TooOld) => {
                    tracing::warn!(
                        institution = %webhook.institution,
                        webhook = &*webhook.name,
                        "events were not kept long enough to be told to a webhook"
                    );
                    round.read = self.book.feed.oldest();
                    self.entry.update(|progress| progress.gaps += 1);
                    continue;
                }
                page => page?,
            };
            let (is_end, is_full) = (page.events.is_empty() && !page.has_more, page.has_more);
            round.take(page);
            if is_full {
                self.read_at = None;
            }
            if is_end {
                break;
            }
        }
        self.note();
        Ok(wait)
    }

    /// How far it is, where that changed.
    fn note(&mut self) {
        let done = self.turn.done();
        let again = self.again.as_ref().map(|round| (round.done(), round.is_over()));
        let before = self.entry.progress();
        let same_again = match (&before.again, again) {
            (Some(range), Some((done, over))) => range.done == done && !over,
            (_, None) => true,
            (None, Some(_)) => false,
        };
        if before.done >= done && same_again {
            return;
        }
        self.entry.update(|progress: &mut Progress| {
            progress.done = progress.done.max(done);
            match (&mut progress.again, again) {
                (Some(_), Some((_, true))) => progress.again = None,
                (Some(range), Some((done, false))) => range.done = done,
                _ => {}
            }
        });
        if matches!(again, Some((_, true))) {
            self.again = None;
        }
    }

    async fn ended(&mut self, Ended { why, place, to, called }: Ended) {
        let now = self.book.clock.now();
        self.trying.retain(|trying| *trying != place);
        // What another address says tells nothing of the one that is called now.
        let is_elsewhere = to.url != self.entry.webhook().url;
        match &called {
            Called::Delivered(_) if is_elsewhere => self.entry.update(|progress| {
                progress.delivered += 1;
                progress.overdue.retain(|overdue| overdue.place != place);
            }),
            Called::Gone | Called::Failed { .. } if is_elsewhere => self.again_at_once(place, now),
            Called::Delivered(_) => {
                let was_in_trouble = self.in_trouble();
                self.entry.strikes.store(0, Ordering::Relaxed);
                (self.rests, self.rest_until) = (0, Timestamp::ZERO);
                self.entry.update(|progress| {
                    progress.delivered += 1;
                    progress.failing_since = None;
                    progress.overdue.retain(|overdue| overdue.place != place);
                    if was_in_trouble {
                        // It is back: what failed need not wait any longer.
                        progress.overdue.iter_mut().for_each(|overdue| overdue.next = now);
                    }
                });
            }
            // It is told when the webhook is switched on again.
            Called::Gone => self.failed(place, None, now),
            Called::Failed { retry_after, .. } => self.failed(place, *retry_after, now),
        }
        match why {
            Why::Turn => self.turn.done_with(place),
            Why::Again => self.again.iter_mut().for_each(|round| round.done_with(place)),
            Why::Overdue => {}
        }
        self.note();
        if is_elsewhere || self.entry.webhook().off.is_some() {
            return;
        }
        let patience = self.book.settings.patience;
        let dead = self.entry.progress().failing_since.is_some_and(|since| now.since(since) >= patience.give_up);
        let reason = match called {
            Called::Gone => "the endpoint answered 410: it wants no more".to_owned(),
            Called::Failed { reason, .. } if dead => format!("no call succeeded for too long; the last one: {reason}"),
            _ => return,
        };
        self.book.switch_off(&self.entry, &reason).await;
        if self.entry.webhook().off.is_none() {
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// An event that an address refused which is not called any more.
    fn again_at_once(&mut self, place: Place, now: Timestamp) {
        self.entry.update(|progress| {
            progress.overdue.retain(|overdue| overdue.place != place);
            progress.overdue.push(Overdue { place, tries: 0, since: now, next: now });
        });
    }

    fn failed(&mut self, place: Place, asked: Option<Duration>, now: Timestamp) {
        let patience = self.book.settings.patience;
        let strikes = self.entry.strikes.fetch_add(1, Ordering::Relaxed) + 1;
        if strikes == 1 {
            // Also when its owner set it up anew: the rests of before are over.
            (self.rests, self.rest_until) = (0, Timestamp::ZERO);
        }
        let pause = |failures| now.plus(patience.pause(failures, asked, rand::random()));
        // Calls that were begun together and fail together make one rest, not a longer one each.
        if strikes >= patience.trouble && now >= self.rest_until {
            self.rests += 1;
            self.rest_until = pause(self.rests);
        }
        let is_well = strikes < patience.trouble;
        self.entry.update(|progress| {
            let since = *progress.failing_since.get_or_insert(now);
            let known = progress.overdue.iter().position(|overdue| overdue.place == place);
            let Some(at) = known else {
                progress.overdue.push(Overdue { place, tries: 1, since: now, next: pause(1) });
                return;
            };
            let overdue = &mut progress.overdue[at];
            overdue.tries = overdue.tries.saturating_add(1);
            overdue.next = pause(overdue.tries);
            // Only this one fails, for days: the endpoint is well and doesn't want it.
            if is_well && now.since(overdue.since) >= patience.give_up && since > overdue.since {
                progress.overdue.remove(at);
                progress.given_up += 1;
            }
        });
    }
}
