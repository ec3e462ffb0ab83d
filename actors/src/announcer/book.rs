//! The webhooks known, and the handle by which faces manage them. What a face was told is on disk.
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix_rt::ArbiterHandle;
use arc_swap::ArcSwap;
use tokio::sync::Notify;

use super::{Announcer, LookAfter};
use crate::domain::event::{Place, Tests};
use crate::domain::submission::Institution;
use crate::domain::webhook::{self, Off, Patience, Progress, Range, Webhook};
use crate::nursery::{Budget, Child, Vitals};
use crate::ports::{Announce, ArchiveError, Call, Called, Clock, Feed, Journal, Notice, Webhooks};

/// Whose, and its name.
pub type Key = (Institution, Box<str>);

/// The bounds. Each has a key in the configuration.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Webhooks of each institution at most.
    pub each: usize,
    /// Calls to one webhook at once.
    pub concurrency: usize,
    /// For how long a secret that was replaced still signs.
    pub overlap: Duration,
    /// Retries, and when an endpoint counts as dead.
    pub patience: Patience,
    /// Whether a webhook that does not ask for tests is told of them: where all is a test, it is.
    pub tests: Tests,
}

impl Default for Settings {
    fn default() -> Self {
        let overlap = Duration::from_secs(24 * 3600);
        Self { each: 5, concurrency: 32, overlap, patience: Patience::default(), tests: Tests::With }
    }
}

/// Why a webhook can't be managed as asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// No such webhook of this institution.
    #[error("no such webhook of yours; check the name")]
    NotFound,
    /// It has as many as it may.
    #[error("you have {0} webhooks and no more are allowed; remove one")]
    TooMany(usize),
    /// The address.
    #[error("{0}")]
    Url(String),
    /// A range is being told again already.
    #[error("a part of the feed is being told again already; wait for its end")]
    Busy,
    /// The disk.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
}

/// A secret that was just made, shown to its owner this once.
pub struct Secret(pub Box<[u8]>);

/// A webhook as its owner and the operator see it.
#[derive(Clone, Debug)]
pub struct View {
    /// The webhook.
    pub webhook: Arc<Webhook>,
    /// How far it was told.
    pub progress: Progress,
    /// Failures in a row.
    pub strikes: u32,
}

/// One webhook at work.
pub struct Entry {
    webhook: ArcSwap<Webhook>,
    progress: Mutex<Progress>,
    dirty: AtomicBool,
    /// Failures in a row.
    pub strikes: AtomicU32,
    /// The webhook was changed, or is to tell something again.
    pub changed: Notify,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Entry {
    fn new(webhook: Webhook, progress: Progress) -> Self {
        Self {
            webhook: ArcSwap::from_pointee(webhook),
            progress: Mutex::new(progress),
            dirty: AtomicBool::new(false),
            strikes: AtomicU32::new(0),
            changed: Notify::new(),
        }
    }

    /// The webhook now.
    pub fn webhook(&self) -> Arc<Webhook> {
        self.webhook.load_full()
    }

    /// How far it was told.
    pub fn progress(&self) -> Progress {
        lock(&self.progress).clone()
    }

    /// Changes how far it was told; written soon.
    pub fn update<T>(&self, change: impl FnOnce(&mut Progress) -> T) -> T {
        let changed = change(&mut lock(&self.progress));
        self.dirty.store(true, Ordering::Release);
        changed
    }

    fn view(&self) -> View {
        View { webhook: self.webhook(), progress: self.progress(), strikes: self.strikes.load(Ordering::Relaxed) }
    }
}

/// What the couriers and the handle share.
pub struct Book {
    /// The bounds.
    pub settings: Settings,
    /// Calls endpoints.
    pub announce: Arc<dyn Announce>,
    /// What happened.
    pub feed: Arc<dyn Feed>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Where it is told that a webhook was switched off.
    pub journal: Arc<dyn Journal>,
    disk: Arc<dyn Webhooks>,
    entries: Mutex<BTreeMap<Key, Arc<Entry>>>,
    /// One change at a time.
    changing: tokio::sync::Mutex<()>,
}

impl Book {
    /// All of them.
    pub fn entries(&self) -> Vec<(Key, Arc<Entry>)> {
        lock(&self.entries).iter().map(|(key, entry)| (key.clone(), Arc::clone(entry))).collect()
    }

    fn entry(&self, owner: Institution, name: &str) -> Result<Arc<Entry>, Error> {
        lock(&self.entries).get(&(owner, name.into())).cloned().ok_or(Error::NotFound)
    }

    /// Whether this is still the webhook of its name.
    fn is_known(&self, entry: &Entry) -> bool {
        let webhook = entry.webhook();
        let known = self.entry(webhook.institution, &webhook.name);
        known.is_ok_and(|known| std::ptr::eq(Arc::as_ptr(&known), entry))
    }

    /// Whether this webhook is told of tests.
    pub fn tests(&self, webhook: &Webhook) -> Tests {
        if webhook.include_test { Tests::With } else { self.settings.tests }
    }

    /// Writes what was told since the last time.
    pub async fn keep(&self) {
        // Held throughout: what was told of one that goes now is not noted of one that takes its name.
        let _one = self.changing.lock().await;
        let changed = |(_, entry): &(Key, Arc<Entry>)| entry.dirty.swap(false, Ordering::AcqRel);
        let changed: Vec<_> = self.entries().into_iter().filter(changed).collect();
        if changed.is_empty() {
            return;
        }
        let notes: Vec<_> =
            changed.iter().map(|((owner, name), entry)| (*owner, name.clone(), entry.progress())).collect();
        if let Err(error) = self.on_disk(move |disk| disk.note(&notes)).await {
            tracing::error!(%error, "how far webhooks were told can't be written: a restart repeats more");
            for (_, entry) in changed {
                entry.dirty.store(true, Ordering::Release);
            }
        }
    }

    async fn on_disk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn Webhooks) -> Result<T, ArchiveError> + Send + 'static,
    ) -> Result<T, ArchiveError> {
        let disk = Arc::clone(&self.disk);
        let done = tokio::task::spawn_blocking(move || work(&*disk)).await;
        done.unwrap_or_else(|error| Err(ArchiveError(format!("the work did not end: {error}"))))
    }

    /// Changes a webhook, durably. One that was removed meanwhile stays removed.
    pub async fn change(&self, entry: &Entry, change: impl FnOnce(&mut Webhook)) -> Result<Arc<Webhook>, Error> {
        let one = self.changing.lock().await;
        if !self.is_known(entry) {
            return Err(Error::NotFound);
        }
        self.change_alone(&one, entry, change).await
    }

    async fn change_alone(
        &self,
        _: &tokio::sync::MutexGuard<'_, ()>,
        entry: &Entry,
        change: impl FnOnce(&mut Webhook),
    ) -> Result<Arc<Webhook>, Error> {
        let mut webhook = (*entry.webhook()).clone();
        change(&mut webhook);
        let webhook = Arc::new(webhook);
        let (kept, progress) = (Arc::clone(&webhook), entry.progress());
        self.on_disk(move |disk| disk.put(&kept, Some(&progress))).await?;
        entry.webhook.store(Arc::clone(&webhook));
        entry.changed.notify_waiters();
        entry.changed.notify_one();
        Ok(webhook)
    }
}

/// The handle for faces.
#[derive(Clone)]
pub struct Announcements {
    pub(super) book: Arc<Book>,
    child: Child<Announcer>,
}

impl Announcements {
    /// Loads what is kept and starts the announcer.
    pub fn start(
        settings: Settings,
        disk: Arc<dyn Webhooks>,
        announce: Arc<dyn Announce>,
        feed: Arc<dyn Feed>,
        (journal, clock): (Arc<dyn Journal>, Arc<dyn Clock>),
        (arbiter, budget): (&ArbiterHandle, Budget),
    ) -> Result<Self, ArchiveError> {
        let known = disk.load()?.into_iter();
        let newest = feed.newest();
        let entries = known.map(|(webhook, mut progress)| {
            // A restored journal may end before what was noted: what comes now would be skipped.
            progress.done = progress.done.min(newest);
            ((webhook.institution, webhook.name.clone()), Arc::new(Entry::new(webhook, progress)))
        });
        let entries = Mutex::new(entries.collect());
        let changing = tokio::sync::Mutex::new(());
        let book = Arc::new(Book { settings, announce, feed, clock, journal, disk, entries, changing });
        let child: Child<Announcer> = Child::named("announcer");
        let shared = Arc::clone(&book);
        child.start(arbiter, budget, 64, move |_| Announcer::new(Arc::clone(&shared)));
        Ok(Self { book, child })
    }

    /// How the announcer fares.
    pub fn vitals(&self) -> Vitals {
        self.child.vitals()
    }

    /// The bounds.
    pub fn settings(&self) -> Settings {
        self.book.settings
    }

    /// The webhooks of an institution; of all for the operator.
    pub fn list(&self, owner: Option<Institution>) -> Vec<View> {
        let all = self.book.entries().into_iter();
        all.filter(|((whose, _), _)| owner.is_none_or(|owner| owner == *whose)).map(|(_, entry)| entry.view()).collect()
    }

    /// One webhook.
    pub fn get(&self, owner: Institution, name: &str) -> Result<View, Error> {
        Ok(self.book.entry(owner, name)?.view())
    }

    /// Sets a webhook up, or changes it, and switches it on. A new one is told what happens from now on, and its
    /// secret is given.
    pub async fn put(
        &self,
        owner: Institution,
        name: &str,
        url: &str,
        types: Vec<Box<str>>,
        include_test: bool,
    ) -> Result<(View, Option<Secret>), Error> {
        self.book.announce.acceptable(url).map_err(Error::Url)?;
        // Before the look: of two who set up the same one, the second changes what the first made.
        let one = self.book.changing.lock().await;
        if let Ok(entry) = self.book.entry(owner, name) {
            let change = |webhook: &mut Webhook| {
                (webhook.url, webhook.types, webhook.off) = (url.into(), types, None);
                webhook.include_test = include_test;
            };
            let now = self.book.clock.now();
            entry.update(|progress| progress.begin_anew(now));
            entry.strikes.store(0, Ordering::Relaxed);
            self.book.change_alone(&one, &entry, change).await?;
            return Ok((entry.view(), None));
        }
        if self.list(Some(owner)).len() >= self.book.settings.each {
            return Err(Error::TooMany(self.book.settings.each));
        }
        let key = fresh_key();
        let secrets = vec![webhook::Secret { key: key.clone(), until: None }];
        let created_at = self.book.clock.now();
        let (institution, name): (_, Box<str>) = (owner, name.into());
        let (name_kept, url) = (name.clone(), url.into());
        let webhook =
            Webhook { institution, name: name_kept, url, types, secrets, created_at, off: None, include_test };
        let progress = Progress { done: self.book.feed.newest(), ..Progress::default() };
        let (kept, begun) = (webhook.clone(), progress.clone());
        self.book.on_disk(move |disk| disk.put(&kept, Some(&begun))).await?;
        let entry = Arc::new(Entry::new(webhook, progress));
        lock(&self.book.entries).insert((owner, name), Arc::clone(&entry));
        // One that is being replaced looks after everybody when it starts.
        let _ = self.child.tell(LookAfter);
        Ok((entry.view(), Some(Secret(key))))
    }

    /// Removes a webhook.
    pub async fn remove(&self, owner: Institution, name: &str) -> Result<(), Error> {
        let _one = self.book.changing.lock().await;
        self.book.entry(owner, name)?;
        let key: Key = (owner, name.into());
        let on_disk = key.clone();
        self.book.on_disk(move |disk| disk.remove(on_disk.0, &on_disk.1)).await?;
        lock(&self.book.entries).remove(&key);
        let _ = self.child.tell(LookAfter);
        Ok(())
    }

    /// Gives a webhook a new secret; the one before signs beside it for a while.
    pub async fn rotate(&self, owner: Institution, name: &str) -> Result<Secret, Error> {
        let entry = self.book.entry(owner, name)?;
        let until = self.book.clock.now().plus(self.book.settings.overlap);
        let key = fresh_key();
        let change = |webhook: &mut Webhook| {
            webhook.secrets.truncate(1);
            webhook.secrets.iter_mut().for_each(|old| old.until = Some(until));
            webhook.secrets.insert(0, webhook::Secret { key: key.clone(), until: None });
        };
        self.book.change(&entry, change).await?;
        Ok(Secret(key))
    }

    /// Tells a part of the feed once more: after a place, up to another.
    pub async fn redeliver(&self, owner: Institution, name: &str, after: Place, until: Place) -> Result<(), Error> {
        let entry = self.book.entry(owner, name)?;
        let is_busy = entry.update(|progress| {
            let is_busy = progress.again.is_some();
            progress.again.get_or_insert(Range { done: after, until });
            is_busy
        });
        if is_busy {
            return Err(Error::Busy);
        }
        self.book.change(&entry, |_| {}).await?;
        Ok(())
    }

    /// Calls a webhook now, on or off, and says how it went.
    pub async fn test(&self, owner: Institution, name: &str) -> Result<Called, Error> {
        let webhook = self.book.entry(owner, name)?.webhook();
        let at = self.book.clock.now();
        Ok(self.book.announce.call(Call { webhook, at, notice: Notice::Test(at) }).await)
    }

    /// Test builds only: makes the actor panic.
    #[cfg(feature = "fault-injection")]
    pub fn panic(&self) -> Result<(), crate::messages::Refused> {
        self.child.tell(crate::messages::Panic)
    }

    /// Writes how far everybody was told: before the end.
    pub async fn close(&self) {
        let _ = self.child.tell(super::Close);
        self.book.keep().await;
    }
}

fn fresh_key() -> Box<[u8]> {
    let mut key = [0; webhook::SECRET_BYTES];
    rand::Rng::fill(&mut rand::rng(), &mut key);
    key.into()
}

impl Book {
    /// Switches a webhook off: told in the feed first, so that it is told at least once.
    pub async fn switch_off(&self, entry: &Entry, reason: &str) {
        let (webhook, at) = (entry.webhook(), self.clock.now());
        tracing::warn!(institution = %webhook.institution, webhook = &*webhook.name, reason, "a webhook is switched off");
        let (told, done) = tokio::sync::oneshot::channel();
        let change =
            crate::domain::fact::Change::WebhookDisabled { webhook: webhook.name.clone(), reason: reason.into() };
        let entries = vec![crate::ports::Entry::Tell { institution: webhook.institution, change }];
        let after = Box::new(move |outcome| drop(told.send(outcome)));
        // A journal that takes nothing has other worries; the state below says it all the same.
        if self.journal.append(crate::ports::Batch { at, entries, after }).is_ok() {
            let _ = done.await;
        }
        let off = Off { at, reason: reason.into() };
        // One that leads elsewhere by now is not the one that failed.
        let change = |now: &mut Webhook| {
            if now.url == webhook.url {
                now.off = Some(off);
            }
        };
        if let Err(error) = self.change(entry, change).await {
            tracing::error!(%error, "a webhook could not be switched off");
        }
    }
}
