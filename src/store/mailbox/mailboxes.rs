//! The port of mailboxes over the engine: what reads the disk runs beside those who don't, what changes it is decided on its writer
//! thread.
//!
//! A change is asked for whether or not anybody waits for its end. Nothing is read that can't be noted: with the engine read-only, or
//! with more lines waiting than may, a mailbox is closed.
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use bytes::Bytes;
use crossbeam_channel::Sender;
use estafette_actors::domain::mailbox::document::{Document, DocumentId, Scan};
use estafette_actors::domain::mailbox::event::PAGE_MAX as EVENTS_MAX;
use estafette_actors::domain::mailbox::evidence::Signed;
use estafette_actors::domain::mailbox::item::{Filter, Item};
use estafette_actors::domain::mailbox::reference::{Application, Image, MessageType, Organization, RefId, Reference};
use estafette_actors::domain::mailbox::{Audience, Mailbox, MailboxId};
use estafette_actors::domain::submission::Institution;
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::Clock;
use estafette_actors::ports::mailbox::{
    self as ports, AUDIT_MAX, Access, AuditLine, Change, Deed, Events, ImageOf, Linked, Page, Publication, Rights,
    Signer, Summary, Task, Ticked, Trouble,
};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};

use super::super::engine::{self, Draft, Engine, Rider};
use super::super::index::KeyedHash;
use super::catalogue::{self, Catalogue};
use super::document::{self, Documents};
use super::evidence::Prover;
use super::find::Finder;
use super::holder::{self, Consulted};
use super::shelf::{Shelf, Shelves};
use super::touch::{self, Reading};
use super::trail::{self, Told, Trail, Verified, Wanted};
use super::{CONTENTS, Settings, UNSCANNED, counter, due, feed, follow, list, publish, task, upkeep};

/// Key of the numbers: up to when documents were taken away.
const TICKED: &[u8] = b"ticked";

/// What all parts share.
pub struct Inner {
    pub engine: Engine,
    pub settings: Settings,
    pub clock: Arc<dyn Clock>,
    pub finder: Finder,
    pub prover: Prover,
    pub trail: Arc<Trail>,
    pub catalogue: Catalogue,
    pub documents: Documents,
    pub shelves: Shelves,
    consulted: Arc<Consulted>,
    ticked: AtomicU64,
}

/// The mailboxes. Clones are one; the last one that goes closes them.
#[derive(Clone)]
pub struct Mailboxes {
    inner: Arc<Inner>,
    keeping: Arc<Keeping>,
}

impl std::fmt::Debug for Mailboxes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Mailboxes").field(&self.inner.engine).finish()
    }
}

/// The threads that keep the index, and the channel whose end is theirs.
struct Keeping(Mutex<Option<Threads>>);

type Threads = (Sender<()>, [JoinHandle<()>; 2]);

impl Keeping {
    fn stop(&self) {
        let keeping = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((go_on, threads)) = keeping {
            drop(go_on);
            for thread in threads {
                let _ = thread.join();
            }
        }
    }
}

impl Drop for Keeping {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Inner {
    pub fn shelf(&self, mailbox: MailboxId) -> Result<Arc<Shelf>, Trouble> {
        self.shelves.get(&self.engine, &self.finder, mailbox)
    }

    pub fn mailbox(&self, id: MailboxId) -> Result<Mailbox, Trouble> {
        holder::get(&self.engine, &self.consulted, id)
    }

    pub fn events_kept_ms(&self) -> u64 {
        self.settings.events_kept.as_millis() as u64
    }

    /// Up to when documents were taken away.
    pub fn ticked(&self) -> Timestamp {
        Timestamp::from_millis(self.ticked.load(Ordering::Acquire))
    }

    /// Documents that expired by now are taken away.
    pub fn tick_to(self: &Arc<Self>, draft: &mut Draft<'_>, now: Timestamp) -> Result<(), Trouble> {
        if now.millis() > counter::get(draft, TICKED)? {
            counter::set(draft, TICKED, now.millis());
            let inner = Arc::clone(self);
            draft.after(move || inner.ticked.store(now.millis(), Ordering::Release));
        }
        Ok(())
    }

    pub fn note(
        &self,
        access: Access,
        deed: Deed,
        mailbox: Option<MailboxId>,
        document: Option<DocumentId>,
        outcome: &'static str,
    ) {
        if self.trail.note(access, deed, mailbox, document, outcome) {
            self.engine.ride_within(self.settings.note_within);
        }
    }

    /// Whether what is read now can be written down.
    fn noting(&self) -> Result<(), Trouble> {
        if let Some(reason) = self.engine.read_only() {
            return Err(Trouble::ReadOnly(reason.to_owned()));
        }
        if self.trail.waiting() >= self.settings.notes_waiting { Err(Trouble::Overloaded) } else { Ok(()) }
    }

    /// Runs what may read much beside those who don't.
    fn reading<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> Result<T, Trouble> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, Trouble>> {
        if let Err(trouble) = self.noting() {
            return ready(Err(trouble)).boxed();
        }
        let inner = Arc::clone(self);
        blocking(move || work(&inner))
    }

    /// Prepares a change beside those who don't read the disk, and asks for it.
    fn asking<T: Send + 'static, F: Future<Output = Result<T, Trouble>> + Send + 'static>(
        self: &Arc<Self>,
        ask: impl FnOnce(&Arc<Self>) -> Result<F, Trouble> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, Trouble>> {
        let inner = Arc::clone(self);
        let asked = blocking(move || ask(&inner));
        async move { asked.await?.await }.boxed()
    }

    /// Changes something with a line in the trail.
    fn change<T: Send + 'static>(
        self: &Arc<Self>,
        access: Access,
        deed: Deed,
        decide: impl FnOnce(&Arc<Self>, &mut Draft<'_>) -> Result<T, Trouble> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, Trouble>> {
        let inner = Arc::clone(self);
        let work = move |draft: &mut Draft<'_>| {
            let told = decide(&inner, draft)?;
            let line = Told { access: &access, deed, mailbox: None, document: None, outcome: "done" };
            inner.trail.write(draft, &line)?;
            Ok(told)
        };
        self.engine.change(work).boxed()
    }
}

fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Trouble> + Send + 'static,
) -> BoxFuture<'static, Result<T, Trouble>> {
    let task = tokio::task::spawn_blocking(work);
    async move { task.await.unwrap_or_else(|error| Err(Trouble::Unreadable(error.to_string()))) }.boxed()
}

/// Writes with each commit what waits, and lets go, every hour, what the trail kept long enough.
fn rider(trail: &Arc<Trail>, consulted: &Arc<Consulted>) -> Rider {
    let (trail, consulted) = (Arc::clone(trail), Arc::clone(consulted));
    let mut looked = Timestamp::ZERO;
    Box::new(move |draft| {
        let mut ride = || {
            trail.write_noted(draft)?;
            consulted.write(draft)?;
            trail.let_go(draft, &mut looked)
        };
        ride().map_err(|trouble: Trouble| engine::Error::ReadOnly(trouble.to_string()))
    })
}

impl Mailboxes {
    /// Opens the files, or makes them. `secret` is the one that the trail and evidence hash with, `signer` signs evidence.
    pub fn open(
        settings: Settings,
        secret: [u8; 32],
        signer: Arc<dyn Signer>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Trouble> {
        let hash = KeyedHash::new(secret);
        let trail = Arc::new(Trail::new(hash.clone(), Arc::clone(&clock), settings.audit_kept));
        let consulted = Arc::new(Consulted::default());
        let engine = Engine::open(settings.engine.clone(), vec![rider(&trail, &consulted)])?;
        let finder = Finder::open(&settings.engine.dir, settings.index, &engine)?;
        let inner = Arc::new(Inner {
            finder,
            prover: Prover::new(signer, hash),
            trail,
            catalogue: Catalogue::load(&engine)?,
            documents: Documents::new(settings.document_bytes),
            shelves: Shelves::new(settings.shelved_items),
            consulted,
            ticked: AtomicU64::new(counter::read(&engine, TICKED)?),
            engine,
            settings,
            clock,
        });
        // What was kept long enough goes from the start on.
        inner.engine.ride_within(inner.settings.note_within);
        let (go_on, stop) = crossbeam_channel::bounded(0);
        let spawn = |name: &str, run: Box<dyn FnOnce() + Send>| {
            let thread = std::thread::Builder::new().name(name.to_owned()).spawn(run);
            thread.map_err(|error| Trouble::Unreadable(error.to_string()))
        };
        let (for_index, for_runs, stop_too) = (Arc::clone(&inner), Arc::clone(&inner), stop.clone());
        let threads = [
            spawn("mailbox-index", Box::new(move || upkeep::run(&for_index.finder, &for_index.clock, &stop)))?,
            spawn("mailbox-runs", Box::new(move || upkeep::join(&for_runs.finder, &stop_too)))?,
        ];
        Ok(Self { inner, keeping: Arc::new(Keeping(Mutex::new(Some((go_on, threads))))) })
    }

    /// The tables behind them.
    pub fn engine(&self) -> &Engine {
        &self.inner.engine
    }

    /// Whether a document needs the content of a name: for [`ports::Contents::sweep`]. What can't be read is needed.
    pub fn needs(&self, content: &str) -> bool {
        self.inner.engine.with(CONTENTS, content.as_bytes(), |found| found.is_some()).unwrap_or(true)
    }

    /// Goes through the whole audit trail: the first line that was changed, or behind which one is missing, if there is one. Reads all
    /// of it, on this thread.
    pub fn verify_audit(&self) -> Result<Result<Verified, u64>, Trouble> {
        trail::verify(&self.inner.engine)
    }

    /// Copies all into a fresh file, as of one moment. The index is made again from it.
    pub fn copy_to(&self, path: &Path) -> Result<(), engine::Error> {
        self.inner.engine.copy_to(path)
    }

    /// Writes all that waits, and ends. Later changes are refused.
    pub fn close(&self) {
        self.inner.engine.close();
        self.keeping.stop();
    }
}

impl ports::Mailboxes for Mailboxes {
    fn reference(&self) -> Arc<Reference> {
        self.inner.catalogue.now()
    }

    fn define_type(&self, access: Access, definition: MessageType) -> BoxFuture<'static, Result<(), Trouble>> {
        self.inner.change(access, Deed::Define, |inner, draft| inner.catalogue.define_type(draft, definition))
    }

    fn define_application(&self, access: Access, definition: Application) -> BoxFuture<'static, Result<(), Trouble>> {
        self.inner.change(access, Deed::Define, |inner, draft| inner.catalogue.define_application(draft, definition))
    }

    fn define_organization(&self, access: Access, definition: Organization) -> BoxFuture<'static, Result<(), Trouble>> {
        self.inner.change(access, Deed::Define, |inner, draft| inner.catalogue.define_organization(draft, definition))
    }

    fn set_image(
        &self,
        access: Access,
        of: ImageOf,
        image: Image,
        bytes: Bytes,
    ) -> BoxFuture<'static, Result<(), Trouble>> {
        let decide =
            move |inner: &Arc<Inner>, draft: &mut Draft<'_>| inner.catalogue.set_image(draft, &of, image, &bytes);
        self.inner.change(access, Deed::Define, decide)
    }

    fn image(&self, of: ImageOf, id: RefId) -> BoxFuture<'static, Result<Option<(Image, Bytes)>, Trouble>> {
        let inner = Arc::clone(&self.inner);
        blocking(move || catalogue::image(&inner.engine, &of, &id))
    }

    fn mailbox(&self, id: MailboxId) -> Result<Mailbox, Trouble> {
        self.inner.mailbox(id)
    }

    fn change(&self, access: Access, id: MailboxId, change: Change) -> BoxFuture<'static, Result<Mailbox, Trouble>> {
        let inner = Arc::clone(&self.inner);
        let now = inner.clock.now();
        if change == Change::Consulted {
            if inner.consulted.note(id, now, inner.settings.notes_waiting) {
                inner.engine.ride_within(inner.settings.note_within);
            }
            return ready(inner.mailbox(id)).boxed();
        }
        let decide = move |draft: &mut Draft<'_>| {
            let (mailbox, deed, outcome) = holder::change(draft, id, change, now)?;
            if let Some(deed) = deed {
                let told = Told { access: &access, deed, mailbox: Some(id), document: None, outcome };
                inner.trail.write(draft, &told)?;
            }
            Ok(mailbox)
        };
        self.inner.engine.change(decide).boxed()
    }

    fn publish(&self, access: Access, publication: Publication) -> BoxFuture<'static, Result<Linked, Trouble>> {
        self.inner.asking(move |inner| publish::publish(inner, access, publication))
    }

    fn link(
        &self,
        access: Access,
        sender: Institution,
        document: DocumentId,
        recipients: Vec<MailboxId>,
    ) -> BoxFuture<'static, Result<Linked, Trouble>> {
        self.inner.asking(move |inner| publish::link(inner, access, sender, document, &recipients))
    }

    fn document(&self, id: DocumentId) -> BoxFuture<'static, Result<Option<Arc<Document>>, Trouble>> {
        self.inner.reading(move |inner| inner.documents.whole(&inner.engine, id, inner.clock.now()))
    }

    fn scanned(&self, document: DocumentId, number: u8, scan: Scan) -> BoxFuture<'static, Result<(), Trouble>> {
        let inner = Arc::clone(&self.inner);
        let decide = move |draft: &mut Draft<'_>| {
            let is_news = document::scanned(draft, document, number, scan)?.ok_or(Trouble::NotFound)?;
            if is_news && scan == Scan::Quarantined {
                let (access, deed, id) = (&Access::PROGRAM, Deed::Quarantine, Some(document));
                let outcome = format!("attachment {number}");
                let told = Told { access, deed, mailbox: None, document: id, outcome: &outcome };
                inner.trail.write(draft, &told)?;
            }
            draft.after(move || inner.documents.forget(document));
            Ok(())
        };
        self.inner.engine.change(decide).boxed()
    }

    fn unscanned(&self, limit: usize) -> BoxFuture<'static, Result<Vec<(DocumentId, u8)>, Trouble>> {
        self.inner.reading(move |inner| {
            let mut waiting = Vec::new();
            inner.engine.scan(UNSCANNED, &[], None, |key, _| {
                if waiting.len() >= limit {
                    return ControlFlow::Break(());
                }
                waiting.extend(document::unscanned_of(key));
                ControlFlow::Continue(())
            })?;
            Ok(waiting)
        })
    }

    fn summary(&self, id: MailboxId, rights: Rights) -> BoxFuture<'static, Result<Summary, Trouble>> {
        self.inner.reading(move |inner| list::summary(inner, id, &rights))
    }

    fn items(
        &self,
        id: MailboxId,
        rights: Rights,
        filter: Filter,
        skip: usize,
        limit: usize,
    ) -> BoxFuture<'static, Result<Page, Trouble>> {
        self.inner.reading(move |inner| list::items(inner, id, &rights, &filter, skip, limit))
    }

    fn item(
        &self,
        id: MailboxId,
        rights: Rights,
        document: DocumentId,
    ) -> BoxFuture<'static, Result<Option<Item>, Trouble>> {
        self.inner.reading(move |inner| touch::item(inner, id, &rights, document))
    }

    fn read(
        &self,
        access: Access,
        id: MailboxId,
        document: DocumentId,
        is_main: bool,
    ) -> BoxFuture<'static, Result<Item, Trouble>> {
        let inner = Arc::clone(&self.inner);
        let asked = blocking(move || {
            inner.noting()?;
            touch::read(&inner, &access, id, document, is_main)
        });
        async move {
            match asked.await? {
                Reading::Known(item) => Ok(item),
                Reading::First(reading) => reading.await,
            }
        }
        .boxed()
    }

    fn show(
        &self,
        access: Access,
        id: MailboxId,
        changes: Vec<(DocumentId, bool)>,
    ) -> BoxFuture<'static, Result<(), Trouble>> {
        self.inner.asking(move |inner| touch::show(inner, access, id, changes))
    }

    fn states(
        &self,
        sender: Institution,
        wanted: Vec<(DocumentId, MailboxId)>,
    ) -> BoxFuture<'static, Result<Vec<Option<Item>>, Trouble>> {
        self.inner.reading(move |inner| touch::states(inner, sender, &wanted))
    }

    fn events(
        &self,
        of: Audience,
        after: u64,
        from: Option<Timestamp>,
        limit: usize,
    ) -> BoxFuture<'static, Result<Events, Trouble>> {
        let limit = limit.clamp(1, EVENTS_MAX);
        self.inner.reading(move |inner| feed::events(&inner.engine, of, after, from, limit))
    }

    fn published_under(
        &self,
        sender: Institution,
        application: Option<RefId>,
        key: Box<str>,
    ) -> BoxFuture<'static, Result<Option<DocumentId>, Trouble>> {
        self.inner.reading(move |inner| publish::published_under(inner, sender, application.as_ref(), &key))
    }

    fn follow(&self, of: Audience, follower: &'static str) -> BoxFuture<'static, Result<u64, Trouble>> {
        self.inner.engine.change(move |draft| follow::place(draft, of, follower)).boxed()
    }

    fn last_event(&self, of: Audience) -> Result<u64, Trouble> {
        counter::read(&self.inner.engine, follow::last(of))
    }

    fn followed(&self, of: Audience, follower: &'static str, up_to: u64) -> BoxFuture<'static, Result<(), Trouble>> {
        self.inner.engine.change(move |draft| follow::set(draft, of, follower, up_to)).boxed()
    }

    fn evidence(&self, id: MailboxId, document: DocumentId) -> BoxFuture<'static, Result<Vec<Signed>, Trouble>> {
        self.inner.reading(move |inner| {
            let chain = inner.prover.chain(&inner.engine, document, id)?;
            Ok(chain.into_iter().map(|kept| kept.signed).collect())
        })
    }

    fn notified(&self, id: MailboxId, document: DocumentId) -> BoxFuture<'static, Result<(), Trouble>> {
        self.inner.asking(move |inner| touch::notified(inner, id, document))
    }

    fn tick(&self, now: Timestamp) -> BoxFuture<'static, Result<Ticked, Trouble>> {
        let inner = Arc::clone(&self.inner);
        async move {
            let (begun, mut ticked) = (Instant::now(), Ticked::default());
            loop {
                let here = Arc::clone(&inner);
                let done = inner.engine.change(move |draft| due::step(&here, draft, now)).await?;
                ticked.unneeded.extend(done.unneeded);
                ticked.has_more = done.has_more;
                if !done.has_more || begun.elapsed() >= inner.settings.tick_for {
                    return Ok(ticked);
                }
            }
        }
        .boxed()
    }

    fn put_task(&self, task: Task) -> BoxFuture<'static, Result<(), Trouble>> {
        let now = self.inner.clock.now();
        self.inner.engine.change(move |draft| task::put(draft, &task, now)).boxed()
    }

    fn task(&self, sender: Institution, id: DocumentId) -> BoxFuture<'static, Result<Option<Task>, Trouble>> {
        self.inner.reading(move |inner| task::get(&inner.engine, sender, id))
    }

    fn running_tasks(&self) -> BoxFuture<'static, Result<Vec<Task>, Trouble>> {
        self.inner.reading(|inner| task::running(&inner.engine))
    }

    fn note(
        &self,
        access: Access,
        deed: Deed,
        mailbox: Option<MailboxId>,
        document: Option<DocumentId>,
        outcome: &'static str,
    ) {
        self.inner.note(access, deed, mailbox, document, outcome);
    }

    fn audit(
        &self,
        mailbox: Option<MailboxId>,
        document: Option<DocumentId>,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<AuditLine>, Trouble>> {
        let mailbox = mailbox.map(|mailbox| self.inner.trail.about(mailbox));
        let wanted = Wanted { mailbox, document, after, limit: limit.clamp(1, AUDIT_MAX) };
        let inner = Arc::clone(&self.inner);
        blocking(move || trail::list(&inner.engine, wanted))
    }

    fn figures(&self) -> Vec<(&'static str, u64)> {
        let inner = &*self.inner;
        let number = |name: &[u8]| counter::read(&inner.engine, name).unwrap_or_default();
        let index = inner.finder.figures();
        vec![
            ("documents", number(counter::DOCUMENTS)),
            ("link calls", number(counter::LINK)),
            ("events of citizens", number(counter::CITIZEN_EVENT)),
            ("events of enterprises", number(counter::ENTERPRISE_EVENT)),
            ("audit lines", number(counter::LINE)),
            ("audit lines waiting", inner.trail.waiting() as u64),
            ("bytes not in tables", inner.engine.unwritten() as u64),
            ("index entries in memory", index.in_memory as u64),
            ("index entries on disk", index.in_runs),
            ("index runs", index.runs as u64),
            ("index filter bytes", index.filter_bytes as u64),
            ("items in memory", inner.shelves.items() as u64),
            ("document bytes in memory", inner.documents.bytes() as u64),
        ]
    }
}
