//! The mailbox's ports in memory, right by the domain's own functions: for tests of the pages, and for a browser in front of them.
use std::collections::HashMap;
use std::future::ready;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use estafette_actors::domain::mailbox::document::{Digest, Document, DocumentId, Scan};
use estafette_actors::domain::mailbox::evidence::{Record, Signed, Step, VERSION};
use estafette_actors::domain::mailbox::item::{Filter, Item, State};
use estafette_actors::domain::mailbox::reference::{Application, Image, MessageType, Organization, RefId, Reference};
use estafette_actors::domain::mailbox::{Audience, Consent, Mailbox, MailboxId, Notice};
use estafette_actors::domain::submission::Institution;
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::mailbox::*;
use estafette_actors::ports::{Clock, SystemClock};
use futures_util::future::BoxFuture;
use futures_util::{StreamExt as _, stream};

#[derive(Default)]
struct Book {
    reference: Arc<Reference>,
    mailboxes: HashMap<u64, Mailbox>,
    documents: HashMap<DocumentId, Arc<Document>>,
    links: Vec<(MailboxId, DocumentId, Timestamp)>,
    states: HashMap<(u64, DocumentId), State>,
    images: HashMap<String, (Image, Bytes)>,
    evidence: HashMap<(u64, DocumentId), Vec<Signed>>,
    contents: HashMap<Box<str>, Bytes>,
    trouble: Option<Trouble>,
}

/// The ports.
#[derive(Clone, Default)]
pub struct Memory(Arc<Mutex<Book>>);

fn done<T: Send + 'static>(outcome: Result<T, Trouble>) -> BoxFuture<'static, Result<T, Trouble>> {
    Box::pin(ready(outcome))
}

/// What no page asks for.
fn unused<T: Send + 'static>() -> BoxFuture<'static, Result<T, Trouble>> {
    done(Err(Trouble::Unreadable("this store in memory does not do that".to_owned())))
}

impl Memory {
    fn with<T>(&self, act: impl FnOnce(&mut Book) -> T) -> T {
        act(&mut self.0.lock().unwrap())
    }

    /// All that is asked from now on fails so; none ends it.
    pub fn fail(&self, trouble: Option<Trouble>) {
        self.with(|book| book.trouble = trouble);
    }

    /// A document, changed behind everybody's back.
    pub fn alter(&self, id: DocumentId, change: impl FnOnce(&mut Document)) {
        self.with(|book| change(Arc::make_mut(book.documents.get_mut(&id).unwrap())));
    }

    /// What the holder did with it.
    pub fn state(&self, mailbox: MailboxId, id: DocumentId) -> State {
        self.with(|book| book.states.get(&(mailbox.key(), id)).copied().unwrap_or_default())
    }

    /// The documents of a mailbox, the newest first.
    pub fn documents(&self, mailbox: MailboxId) -> Vec<Arc<Document>> {
        self.with(|book| {
            let mut all: Vec<_> = book
                .links
                .iter()
                .filter(|link| link.0 == mailbox)
                .map(|link| Arc::clone(&book.documents[&link.1]))
                .collect();
            all.reverse();
            all
        })
    }

    /// Puts a content.
    pub fn put(&self, name: &str, bytes: &[u8]) {
        self.with(|book| book.contents.insert(name.into(), Bytes::copy_from_slice(bytes)));
    }
}

impl Book {
    fn item(&self, mailbox: MailboxId, rights: &Rights, id: DocumentId) -> Option<Item> {
        let (_, _, received_at) = *self.links.iter().find(|link| link.0 == mailbox && link.1 == id)?;
        let document = Arc::clone(self.documents.get(&id)?);
        let needed = self.reference.message_type(&document.message_type).and_then(|kind| kind.right.as_ref());
        let is_seen = match (rights, needed) {
            (Rights::Only(own), Some(needed)) => own.contains(needed),
            _ => true,
        };
        let state = self.states.get(&(mailbox.key(), id)).copied().unwrap_or_default();
        let expires_at = document.expires_at;
        is_seen.then_some(Item { mailbox, document, received_at, expires_at, state })
    }

    fn all(&self, mailbox: MailboxId, rights: &Rights) -> Vec<Item> {
        let own = self.links.iter().rev().filter(|link| link.0 == mailbox);
        own.filter_map(|link| self.item(mailbox, rights, link.1)).collect()
    }

    fn prove(&mut self, mailbox: MailboxId, document: &Document, event: Step, at: Timestamp) {
        use base64::Engine as _;
        if !document.is_registered {
            return;
        }
        let chain = self.evidence.entry((mailbox.key(), document.id)).or_default();
        let record = Record {
            version: VERSION,
            sequence: chain.len() as u32 + 1,
            event,
            at: at.to_string(),
            document: document.id.to_string(),
            sender: document.sender.0,
            recipient: "r".to_owned(),
            content_digest: "d".to_owned(),
            reason: None,
            previous: None,
        };
        let payload = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(serde_json::to_vec(&record).unwrap());
        chain.push(Signed(format!("e30.{payload}.c2ln").into()));
    }
}

fn replace<T, K: Ord>(all: &mut Vec<T>, one: T, key: impl Fn(&T) -> K) {
    all.retain(|other| key(other) != key(&one));
    all.push(one);
    all.sort_by_key(key);
}

impl Mailboxes for Memory {
    fn reference(&self) -> Arc<Reference> {
        self.with(|book| Arc::clone(&book.reference))
    }

    fn define_type(&self, _: Access, one: MessageType) -> BoxFuture<'static, Result<(), Trouble>> {
        self.with(|book| replace(&mut Arc::make_mut(&mut book.reference).types, one, |one| one.id.clone()));
        done(Ok(()))
    }

    fn define_application(&self, _: Access, one: Application) -> BoxFuture<'static, Result<(), Trouble>> {
        self.with(|book| replace(&mut Arc::make_mut(&mut book.reference).applications, one, |one| one.id.clone()));
        done(Ok(()))
    }

    fn define_organization(&self, _: Access, one: Organization) -> BoxFuture<'static, Result<(), Trouble>> {
        self.with(|book| replace(&mut Arc::make_mut(&mut book.reference).organizations, one, |one| one.cbe));
        done(Ok(()))
    }

    fn set_image(&self, _: Access, of: ImageOf, image: Image, bytes: Bytes) -> BoxFuture<'static, Result<(), Trouble>> {
        self.with(|book| {
            let reference = Arc::make_mut(&mut book.reference);
            if let ImageOf::Organization(cbe) = &of {
                reference
                    .organizations
                    .iter_mut()
                    .filter(|one| one.cbe == *cbe)
                    .for_each(|one| one.images.push(image.clone()));
            }
            book.images.insert(format!("{of:?} {}", image.id), (image, bytes));
        });
        done(Ok(()))
    }

    fn image(&self, of: ImageOf, id: RefId) -> BoxFuture<'static, Result<Option<(Image, Bytes)>, Trouble>> {
        done(Ok(self.with(|book| book.images.get(&format!("{of:?} {id}")).cloned())))
    }

    fn mailbox(&self, id: MailboxId) -> Result<Mailbox, Trouble> {
        Ok(self.with(|book| book.mailboxes.get(&id.key()).cloned()).unwrap_or_default())
    }

    fn change(&self, _: Access, id: MailboxId, change: Change) -> BoxFuture<'static, Result<Mailbox, Trouble>> {
        let now = SystemClock.now();
        done(self.with(|book| {
            if let (Some(trouble), false) = (&book.trouble, change == Change::Consulted) {
                return Err(trouble.clone());
            }
            let mailbox = book.mailboxes.entry(id.key()).or_default();
            match change {
                Change::Activate(preferences) => {
                    mailbox.active_since = Some(now);
                    mailbox.preferences = preferences;
                }
                Change::Deactivate => mailbox.active_since = None,
                Change::Prefer(preferences) => mailbox.preferences = preferences,
                Change::Consent(portal) => {
                    mailbox.consents.retain(|one| one.portal != portal);
                    mailbox.consents.push(Consent { portal, given_at: now, withdrawn_at: None });
                }
                Change::Withdraw(portal) => {
                    let given = mailbox.consents.iter_mut().filter(|one| one.portal == portal);
                    given.for_each(|one| one.withdrawn_at = Some(now));
                }
                Change::Consulted => mailbox.consulted_at = Some(now),
                Change::EmailFails(_) => mailbox.preferences.email_fails = true,
                Change::StopNotices(address) => {
                    if mailbox.preferences.email == Some(address) {
                        mailbox.preferences.notice = Notice::None;
                    }
                }
            }
            Ok(mailbox.clone())
        }))
    }

    fn publish(&self, _: Access, publication: Publication) -> BoxFuture<'static, Result<Linked, Trouble>> {
        done(self.with(|book| {
            if let Some(trouble) = &book.trouble {
                return Err(trouble.clone());
            }
            let document = Arc::new(publication.document);
            book.documents.insert(document.id, Arc::clone(&document));
            for mailbox in &publication.recipients {
                book.links.push((*mailbox, document.id, document.published_at));
                book.prove(*mailbox, &document, Step::SubmissionAcceptance, document.published_at);
                book.prove(*mailbox, &document, Step::ContentConsignment, document.published_at);
            }
            Ok(Linked { document, new: publication.recipients.len() as u32, without_reader: vec![] })
        }))
    }

    fn link(
        &self,
        _: Access,
        _: Institution,
        _: DocumentId,
        _: Vec<MailboxId>,
    ) -> BoxFuture<'static, Result<Linked, Trouble>> {
        unused()
    }

    fn document(&self, id: DocumentId) -> BoxFuture<'static, Result<Option<Arc<Document>>, Trouble>> {
        done(Ok(self.with(|book| book.documents.get(&id).cloned())))
    }

    fn scanned(&self, _: DocumentId, _: u8, _: Scan) -> BoxFuture<'static, Result<(), Trouble>> {
        unused()
    }

    fn unscanned(&self, _: usize) -> BoxFuture<'static, Result<Vec<(DocumentId, u8)>, Trouble>> {
        unused()
    }

    fn summary(&self, id: MailboxId, rights: Rights) -> BoxFuture<'static, Result<Summary, Trouble>> {
        done(Ok(self.with(|book| {
            let all = book.all(id, &rights);
            let unread = all.iter().filter(|item| item.state.read_at.is_none()).count() as u64;
            Summary { count: all.len() as u64, unread, ..Summary::default() }
        })))
    }

    fn items(
        &self,
        id: MailboxId,
        rights: Rights,
        filter: Filter,
        skip: usize,
        limit: usize,
    ) -> BoxFuture<'static, Result<Page, Trouble>> {
        done(self.with(|book| {
            if let Some(trouble @ (Trouble::Overloaded | Trouble::Unreadable(_))) = &book.trouble {
                return Err(trouble.clone());
            }
            let all: Vec<Item> =
                book.all(id, &rights).into_iter().filter(|item| filter.takes(item, &book.reference)).collect();
            Ok(Page { total: all.len() as u64, items: all.into_iter().skip(skip).take(limit.min(PAGE_MAX)).collect() })
        }))
    }

    fn item(
        &self,
        id: MailboxId,
        rights: Rights,
        document: DocumentId,
    ) -> BoxFuture<'static, Result<Option<Item>, Trouble>> {
        done(Ok(self.with(|book| book.item(id, &rights, document))))
    }

    fn read(
        &self,
        _: Access,
        id: MailboxId,
        document: DocumentId,
        is_main: bool,
    ) -> BoxFuture<'static, Result<Item, Trouble>> {
        let now = SystemClock.now();
        done(self.with(|book| {
            let item = book.item(id, &Rights::All, document).ok_or(Trouble::NotFound)?;
            if is_main && item.state.read_at.is_none() {
                book.states.entry((id.key(), document)).or_default().read_at = Some(now);
                book.prove(id, &item.document, Step::ContentHandover, now);
            }
            book.item(id, &Rights::All, document).ok_or(Trouble::NotFound)
        }))
    }

    fn show(
        &self,
        _: Access,
        id: MailboxId,
        changes: Vec<(DocumentId, bool)>,
    ) -> BoxFuture<'static, Result<(), Trouble>> {
        self.with(|book| {
            for (document, is_visible) in changes {
                book.states.entry((id.key(), document)).or_default().is_visible = is_visible;
            }
        });
        done(Ok(()))
    }

    fn states(
        &self,
        _: Institution,
        _: Vec<(DocumentId, MailboxId)>,
    ) -> BoxFuture<'static, Result<Vec<Option<Item>>, Trouble>> {
        unused()
    }

    fn events(
        &self,
        _: Audience,
        _: u64,
        _: Option<Timestamp>,
        _: usize,
    ) -> BoxFuture<'static, Result<Events, Trouble>> {
        unused()
    }

    fn published_under(
        &self,
        _: Institution,
        _: Option<RefId>,
        _: Box<str>,
    ) -> BoxFuture<'static, Result<Option<DocumentId>, Trouble>> {
        done(Ok(None))
    }

    fn follow(&self, _: Audience, _: &'static str) -> BoxFuture<'static, Result<u64, Trouble>> {
        done(Ok(0))
    }

    fn last_event(&self, _: Audience) -> Result<u64, Trouble> {
        Ok(0)
    }

    fn followed(&self, _: Audience, _: &'static str, _: u64) -> BoxFuture<'static, Result<(), Trouble>> {
        done(Ok(()))
    }

    fn evidence(&self, id: MailboxId, document: DocumentId) -> BoxFuture<'static, Result<Vec<Signed>, Trouble>> {
        done(Ok(self.with(|book| book.evidence.get(&(id.key(), document)).cloned().unwrap_or_default())))
    }

    fn notified(&self, _: MailboxId, _: DocumentId) -> BoxFuture<'static, Result<(), Trouble>> {
        unused()
    }

    fn tick(&self, _: Timestamp) -> BoxFuture<'static, Result<Ticked, Trouble>> {
        unused()
    }

    fn note(&self, _: Access, _: Deed, _: Option<MailboxId>, _: Option<DocumentId>, _: &'static str) {}

    fn audit(
        &self,
        _: Option<MailboxId>,
        _: Option<DocumentId>,
        _: u64,
        _: usize,
    ) -> BoxFuture<'static, Result<Vec<AuditLine>, Trouble>> {
        unused()
    }

    fn put_task(&self, _: Task) -> BoxFuture<'static, Result<(), Trouble>> {
        Box::pin(ready(Err(Trouble::ReadOnly("the pages work through no lists".to_owned()))))
    }

    fn task(&self, _: Institution, _: DocumentId) -> BoxFuture<'static, Result<Option<Task>, Trouble>> {
        Box::pin(ready(Ok(None)))
    }

    fn running_tasks(&self) -> BoxFuture<'static, Result<Vec<Task>, Trouble>> {
        Box::pin(ready(Ok(vec![])))
    }

    fn figures(&self) -> Vec<(&'static str, u64)> {
        vec![]
    }
}

impl Contents for Memory {
    fn take(&self, mut incoming: Incoming, most: u64) -> BoxFuture<'static, Result<Kept, ContentTrouble>> {
        let this = self.clone();
        Box::pin(async move {
            let mut bytes = Vec::new();
            while let Some(chunk) = incoming.next().await {
                bytes.extend_from_slice(&chunk.map_err(|_| ContentTrouble::Broken)?);
                if bytes.len() as u64 > most {
                    return Err(ContentTrouble::TooLarge(most));
                }
            }
            let name: Box<str> = format!("{:x}", rand::random::<u64>()).into();
            this.put(&name, &bytes);
            Ok(Kept { name, size: bytes.len() as u64, digest: Digest([0; 32]) })
        })
    }

    fn give(&self, name: &str, range: Option<Range<u64>>) -> BoxFuture<'static, Result<Incoming, ContentTrouble>> {
        let bytes = self.with(|book| book.contents.get(name).cloned());
        let part = bytes.map(|bytes| match range {
            Some(range) => bytes.slice(range.start as usize..range.end as usize),
            None => bytes,
        });
        Box::pin(ready(part.map(|part| stream::iter([Ok(part)]).boxed()).ok_or(ContentTrouble::Gone)))
    }

    fn remove(&self, _: Vec<Box<str>>) -> BoxFuture<'static, Result<(), ContentTrouble>> {
        Box::pin(ready(Ok(())))
    }

    fn sweep(
        &self,
        _: Timestamp,
        _: Arc<dyn Fn(&str) -> bool + Send + Sync>,
    ) -> BoxFuture<'static, Result<u64, ContentTrouble>> {
        Box::pin(ready(Ok(0)))
    }

    fn place(&self) -> PathBuf {
        PathBuf::from("memory")
    }
}
