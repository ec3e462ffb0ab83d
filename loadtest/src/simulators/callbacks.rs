//! Receipts on their way: they wait for their time, then go out in the order of it over kept connections.
//!
//! Invariant: a receipt that was taken in leaves only when its post was answered with a success or a refusal (4xx) that trying
//! again can't help; a receiver that is down pauses its own lane only. The number that waits is bounded: who can't reserve a place must not take
//! the message. There is one timer for all that wait, not one for each.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use reqwest::{StatusCode, Url, header};
use serde::Serialize;
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use super::receipt::{GovAppEventBody, Receipt, Report};
use super::settings::CallbackSettings;

/// Receipts are sent at multiples of this.
const TICK_MS: u64 = 5;
/// How long an early receipt may hold up the response that it overtakes.
const EARLY_WAIT: Duration = Duration::from_secs(2);
/// Origins that may be called; receipts for others are given up.
const LANES: usize = 256;

/// Where GovApp events go.
pub(crate) struct GovAppTarget {
    pub(crate) url: Url,
    pub(crate) secret: header::HeaderValue,
}

#[derive(Default)]
struct Counters {
    sent: AtomicU64,
    posts: AtomicU64,
    failed_posts: AtomicU64,
    rejected: AtomicU64,
    no_room: AtomicU64,
}

/// What became of the receipts so far.
#[derive(Serialize)]
pub(crate) struct Figures {
    waiting: usize,
    sent: u64,
    posts: u64,
    failed_posts: u64,
    rejected: u64,
    no_room: u64,
}

/// The receipts that wait; shared between the simulators and the sender.
pub(crate) struct Callbacks {
    settings: CallbackSettings,
    schedule: Mutex<BTreeMap<u64, Vec<Receipt>>>,
    changed: Notify,
    waiting: AtomicUsize,
    govapp: RwLock<Option<Arc<GovAppTarget>>>,
    counters: Counters,
    start: Instant,
}

/// Room for some receipts; what is not used comes back.
pub(crate) struct Room<'a> {
    of: &'a Callbacks,
    left: usize,
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        self.of.waiting.fetch_sub(self.left, Relaxed);
    }
}

impl Room<'_> {
    fn take(&mut self) -> bool {
        let fits = self.left > 0;
        self.left -= usize::from(fits);
        fits
    }

    /// Sends the reports after their delays (milliseconds).
    pub(crate) fn send_later(&mut self, reports: impl IntoIterator<Item = (u64, Report)>) {
        let now = self.of.now();
        let mut schedule = lock(&self.of.schedule);
        let first = schedule.keys().next().copied();
        for (delay_ms, report) in reports {
            if self.take() {
                let tick = (now + delay_ms).div_ceil(TICK_MS);
                schedule.entry(tick).or_default().push(Receipt { report, done: None });
            }
        }
        let earlier = first.is_none_or(|first| schedule.keys().next().is_some_and(|now_first| *now_first < first));
        drop(schedule);
        if earlier {
            self.of.changed.notify_one();
        }
    }

    /// Sends the report now; [`Early::received`] waits until it is.
    pub(crate) fn send_first(&mut self, report: Report) -> Early {
        if !self.take() {
            return Early(None);
        }
        let (done, sent) = oneshot::channel();
        lock(&self.of.schedule).entry(0).or_default().push(Receipt { report, done: Some(done) });
        self.of.changed.notify_one();
        Early(Some(sent))
    }
}

/// A report that overtakes the response. Wait for it last: a caller that hangs up ends the waiting,
/// and with it all that would have come after.
pub(crate) struct Early(Option<oneshot::Receiver<()>>);

impl Early {
    /// Ends once it was received, or [`EARLY_WAIT`] is over.
    pub(crate) async fn received(self) {
        if let Some(sent) = self.0 {
            // Late or given up: the response goes out all the same.
            let _ = tokio::time::timeout(EARLY_WAIT, sent).await;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Callbacks {
    pub(crate) fn new(settings: CallbackSettings) -> Self {
        Self {
            settings,
            schedule: Mutex::default(),
            changed: Notify::new(),
            waiting: AtomicUsize::new(0),
            govapp: RwLock::default(),
            counters: Counters::default(),
            start: Instant::now(),
        }
    }

    fn now(&self) -> u64 {
        self.start.elapsed().as_millis() as u64
    }

    pub(crate) fn settings(&self) -> &CallbackSettings {
        &self.settings
    }

    /// Where GovApp events go from now on, also those that wait.
    pub(crate) fn set_govapp(&self, target: Option<GovAppTarget>) {
        *self.govapp.write().unwrap_or_else(PoisonError::into_inner) = target.map(Arc::new);
    }

    pub(crate) fn govapp(&self) -> Option<Arc<GovAppTarget>> {
        self.govapp.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Room for `receipts`, or none when too many wait.
    pub(crate) fn reserve(&self, receipts: usize) -> Option<Room<'_>> {
        let add = |waiting: usize| Some(waiting + receipts).filter(|sum| *sum <= self.settings.waiting);
        if self.waiting.fetch_update(Relaxed, Relaxed, add).is_err() {
            self.counters.no_room.fetch_add(1, Relaxed);
            return None;
        }
        Some(Room { of: self, left: receipts })
    }

    pub(crate) fn figures(&self) -> Figures {
        Figures {
            waiting: self.waiting.load(Relaxed),
            sent: self.counters.sent.load(Relaxed),
            posts: self.counters.posts.load(Relaxed),
            failed_posts: self.counters.failed_posts.load(Relaxed),
            rejected: self.counters.rejected.load(Relaxed),
            no_room: self.counters.no_room.load(Relaxed),
        }
    }

    /// Moves receipts from the schedule to the lanes when their time comes; never returns. It needs a local task set.
    pub(crate) async fn run(self: Arc<Self>, client: reqwest::Client) {
        let mut lanes: Vec<(Url, Rc<Lane>)> = Vec::new();
        loop {
            let next = lock(&self.schedule).keys().next().copied();
            let due = next.map(|tick| self.start + Duration::from_millis(tick * TICK_MS));
            match due {
                Some(due) if due > Instant::now() => {
                    // An earlier receipt may come in meanwhile.
                    let _ = tokio::time::timeout_at(due, self.changed.notified()).await;
                    continue;
                }
                Some(_) => {}
                None => {
                    self.changed.notified().await;
                    continue;
                }
            }
            let later = {
                let mut schedule = lock(&self.schedule);
                let later = schedule.split_off(&(self.now() / TICK_MS + 1));
                std::mem::replace(&mut *schedule, later)
            };
            for receipt in later.into_values().flatten() {
                self.hand_over(receipt, &mut lanes, &client);
            }
            for (_, lane) in &lanes {
                lane.filled.notify_one();
            }
            tokio::task::yield_now().await;
        }
    }

    fn hand_over(self: &Arc<Self>, receipt: Receipt, lanes: &mut Vec<(Url, Rc<Lane>)>, client: &reqwest::Client) {
        let govapp = self.govapp();
        let url = match &receipt.report {
            Report::Sms(status) => Some(&status.target.url),
            Report::GovApp(_) => govapp.as_ref().map(|target| &target.url),
        };
        let Some(url) = url else {
            return self.given_up(1);
        };
        let same_origin = |known: &Url| {
            known.port_or_known_default() == url.port_or_known_default()
                && known.host_str() == url.host_str()
                && known.scheme() == url.scheme()
        };
        if let Some((_, lane)) = lanes.iter().find(|(known, _)| same_origin(known)) {
            return lane.push(receipt);
        }
        if lanes.len() >= LANES {
            return self.given_up(1);
        }
        let lane = Rc::new(Lane::default());
        lanes.push((url.clone(), Rc::clone(&lane)));
        lane.push(receipt);
        for _ in 0..self.settings.concurrency {
            actix_web::rt::spawn(Rc::clone(&lane).work(Arc::clone(self), client.clone()));
        }
    }

    fn given_up(&self, receipts: usize) {
        self.waiting.fetch_sub(receipts, Relaxed);
        self.counters.rejected.fetch_add(receipts as u64, Relaxed);
    }

    async fn post(&self, client: &reqwest::Client, receipts: &[Receipt]) -> Answer {
        self.counters.posts.fetch_add(1, Relaxed);
        let request = match &receipts[0].report {
            Report::Sms(status) if status.target.get => client.get(status.target.url.clone()).query(&status.body()),
            Report::Sms(status) => client.post(status.target.url.clone()).json(&status.body()),
            Report::GovApp(_) => {
                let Some(target) = self.govapp() else {
                    return Answer::Refused;
                };
                let events: Vec<GovAppEventBody<'_>> = receipts
                    .iter()
                    .filter_map(|receipt| match &receipt.report {
                        Report::GovApp(event) => Some(event.body()),
                        Report::Sms(_) => None,
                    })
                    .collect();
                client.post(target.url.clone()).header("X-Callback-Secret", target.secret.clone()).json(&events)
            }
        };
        match request.send().await {
            Ok(response) => {
                let status = response.status();
                // The connection is kept only when the body is read.
                let _ = response.bytes().await;
                Answer::of(status)
            }
            Err(_) => Answer::TryAgain,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Answer {
    Received,
    Refused,
    TryAgain,
}

impl Answer {
    fn of(status: StatusCode) -> Self {
        match status {
            status if status.is_success() => Self::Received,
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => Self::TryAgain,
            status if status.is_client_error() => Self::Refused,
            _ => Self::TryAgain,
        }
    }
}

/// The receipts for one origin. All of it lives on the sender's thread.
#[derive(Default)]
struct Lane {
    queue: Mutex<VecDeque<Receipt>>,
    filled: Notify,
    /// Nothing is sent before, and how often it failed since the last success.
    pause: Mutex<(Option<Instant>, u32)>,
}

impl Lane {
    fn push(&self, receipt: Receipt) {
        lock(&self.queue).push_back(receipt);
    }

    /// One SMS status, or as many GovApp events as follow each other, up to the batch.
    fn take(&self, batch: usize) -> Vec<Receipt> {
        let mut queue = lock(&self.queue);
        let is_event = |receipt: &Receipt| matches!(receipt.report, Report::GovApp(_));
        let events = queue.iter().take(batch).take_while(|receipt| is_event(receipt)).count();
        let count = events.max(1).min(queue.len());
        let taken = queue.drain(..count).collect();
        if !queue.is_empty() {
            // Another worker goes on with the rest.
            self.filled.notify_one();
        }
        taken
    }

    fn put_back(&self, receipts: Vec<Receipt>) {
        let mut queue = lock(&self.queue);
        for receipt in receipts.into_iter().rev() {
            queue.push_front(receipt);
        }
    }

    async fn pause(&self) {
        loop {
            let until = lock(&self.pause).0;
            match until {
                Some(until) if until > Instant::now() => tokio::time::sleep_until(until).await,
                _ => return,
            }
        }
    }

    fn failed(&self, settings: &CallbackSettings) {
        let mut pause = lock(&self.pause);
        let now = Instant::now();
        if pause.0.is_some_and(|until| until > now) {
            return; // another worker has set it for the same outage
        }
        let longer = settings.retry_min_ms.saturating_mul(1 << pause.1.min(16));
        *pause = (Some(now + Duration::from_millis(longer.min(settings.retry_max_ms))), pause.1 + 1);
    }

    async fn work(self: Rc<Self>, callbacks: Arc<Callbacks>, client: reqwest::Client) {
        loop {
            self.pause().await;
            let mut receipts = self.take(callbacks.settings.batch);
            if receipts.is_empty() {
                self.filled.notified().await;
                continue;
            }
            match callbacks.post(&client, &receipts).await {
                Answer::TryAgain => {
                    callbacks.counters.failed_posts.fetch_add(1, Relaxed);
                    self.failed(&callbacks.settings);
                    self.put_back(receipts);
                    continue;
                }
                Answer::Received => {
                    lock(&self.pause).1 = 0;
                    callbacks.counters.sent.fetch_add(receipts.len() as u64, Relaxed);
                    callbacks.waiting.fetch_sub(receipts.len(), Relaxed);
                }
                Answer::Refused => callbacks.given_up(receipts.len()),
            }
            for done in receipts.iter_mut().filter_map(|receipt| receipt.done.take()) {
                // The request that waited for it may have ended.
                let _ = done.send(());
            }
        }
    }
}
