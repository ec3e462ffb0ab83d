//! The e-Box, put together: mailboxes on disk, contents, scanner, evidence, the faces for programs, the pages, and what has to be done
//! from time to time.
//!
//! Invariant: contents go only when nothing on disk needs them; what waits for a scanner stays unread, however long it is away.
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use estafette_actors::broker::Broker;
use estafette_actors::domain::mailbox::MailboxId;
use estafette_actors::domain::mailbox::document::{Document, DocumentId, Scan};
use estafette_actors::domain::mailbox::evidence::Signed;
use estafette_actors::domain::mailbox::item::Item;
use estafette_actors::domain::mailbox::media::MediaType;
use estafette_actors::ebox::EBox;
use estafette_actors::ports::mailbox::{
    Contents, Incoming, Kept, Mailboxes as _, Providers, Scanner, Trouble, Verdict,
};
use estafette_actors::ports::{Clock, Home};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::api::registry::{self, Look, Registry, Tools, Unfit, Verify};
use crate::contents;
use crate::contents::media::{self, Inspector, Seen, Unsound, Watch, archive::Bounds};
use crate::contents::providers::{self, HttpProviders};
use crate::contents::scanner::{self, Clamd};
use crate::evidence::{self, ProviderKey};
use crate::notices::message::{ByBroker, Submit};
use crate::notices::{self, Notices};
use crate::store::index::KeyedHash;
use crate::store::mailbox::{self, Mailboxes};
use crate::web::{self, Proof, Site};

/// How often it is looked what time brought, and what waits for the scanner.
const LOOK: Duration = Duration::from_secs(10);
/// How often contents that nothing needs are looked for.
const SWEEP: Duration = Duration::from_secs(3_600);
/// Contents that were taken so long ago and not published since are in nobody's hands any more.
const ABANDONED: Duration = Duration::from_secs(24 * 3_600);
/// Attachments given to the scanner in one go.
const SCANS: usize = 64;
/// Archives looked into at a time.
const INSPECTIONS: usize = 2;
/// The secret of the data folder that hashes who is in the trail.
pub const SECRET: &str = "mailbox";

/// What it is made of.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The mailboxes.
    pub store: mailbox::Settings,
    /// Where contents lie.
    pub contents: contents::Settings,
    /// Who scans them; none for nobody.
    pub scanner: Option<scanner::Settings>,
    /// The key under evidence; none for one that is made in the data folder.
    pub evidence_key: Option<PathBuf>,
    /// The public keys that signed before.
    pub evidence_earlier: Option<PathBuf>,
    /// The faces for programs.
    pub registry: registry::Settings,
    /// The pages; none where nobody signs people in.
    pub pages: Option<web::Settings>,
    /// Institutions that keep contents themselves.
    pub providers: providers::Settings,
    /// How holders are told that something came; none where nobody is.
    pub notices: Option<notices::Settings>,
}

/// Why it does not open.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The mailboxes.
    #[error("the mailboxes can't be opened: {0}")]
    Mailboxes(#[from] Trouble),
    /// The contents.
    #[error(transparent)]
    Contents(#[from] contents::Error),
    /// The key under evidence.
    #[error(transparent)]
    Evidence(#[from] evidence::Error),
    /// The institutions.
    #[error(transparent)]
    Providers(#[from] providers::Error),
    /// The notices.
    #[error(transparent)]
    Notices(#[from] notices::Error),
    /// The tokens.
    #[error("access tokens can't be checked: {0}")]
    Tokens(#[from] registry::Error),
    /// The pages.
    #[error(transparent)]
    Pages(#[from] web::Error),
}

/// What of it another configuration reaches while the program runs. Clones are the same.
#[derive(Clone)]
pub struct Live {
    /// The handle, for a channel that publishes into it.
    pub home: Home,
    registry: Registry,
    pages: Option<Arc<Site>>,
    providers: HttpProviders,
    notices: Option<Notices>,
    clock: Arc<dyn Clock>,
}

impl Live {
    /// The institutions of a plan that keep contents themselves, ready to be asked.
    pub fn prepare(&self, plan: &Plan) -> Result<HttpProviders, providers::Error> {
        HttpProviders::new(plan.providers.clone(), Arc::clone(&self.clock))
    }

    /// The institutions that are asked for contents.
    #[cfg(test)]
    pub fn asked(&self) -> Vec<String> {
        self.providers.states().into_iter().map(|state| state.provider.as_str().to_owned()).collect()
    }

    /// Puts the clients and portals of a plan in force, what its notices go as, and other institutions where there are some.
    pub fn know(&self, plan: Plan, providers: Option<&HttpProviders>) {
        self.registry.know(plan.registry.clients, plan.registry.providers);
        if let Some(providers) = providers {
            self.providers.become_as(providers);
        }
        if let (Some(site), Some(settings)) = (&self.pages, plan.pages) {
            site.know(settings.portals);
        }
        if let (Some(notices), Some(settings)) = (&self.notices, plan.notices) {
            notices.know(settings.messages);
        }
    }
}

/// It, open.
pub struct Opened {
    /// The store, for backups and the end.
    pub mailboxes: Arc<Mailboxes>,
    /// The faces for programs.
    pub registry: Registry,
    /// The pages.
    pub pages: Option<Arc<Site>>,
    /// What of it may change while the program runs.
    pub live: Live,
    /// Notices; none where nobody is told.
    pub notices: Option<Notices>,
    upkeep: Upkeep,
}

impl Opened {
    /// Opens it. `secrets` is the folder of the data folder's secrets, `secret` one of them.
    pub fn open(plan: Plan, secrets: PathBuf, secret: [u8; 32], clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let key = evidence::Settings { key_file: plan.evidence_key, secrets, earlier: plan.evidence_earlier };
        let key = Arc::new(ProviderKey::open(&key)?);
        let mailboxes = Arc::new(Mailboxes::open(plan.store, secret, Arc::clone(&key) as _, Arc::clone(&clock))?);
        let kept: Arc<dyn Contents> = Arc::new(contents::Store::open(plan.contents)?);
        let providers = HttpProviders::new(plan.providers, Arc::clone(&clock))?;
        let notices = plan
            .notices
            .map(|settings| Notices::open(settings, Arc::clone(&mailboxes) as _, &secret, Arc::clone(&clock)));
        let notices = notices.transpose()?;
        let asked = Some(Arc::new(providers.clone()) as Arc<dyn Providers>);
        let ebox = EBox::new(Arc::clone(&mailboxes) as _, Arc::clone(&kept), asked, Arc::clone(&clock));
        let inspector = Inspector::new(Arc::clone(&kept), Bounds::default(), INSPECTIONS);
        let signed = Arc::clone(&key);
        let bundle = move |document: &Document, records| evidence::Bundle::new(document, records, signed.keys()).json();
        let tools = Tools {
            verify: Arc::new(Inspecting(inspector)),
            bundle: Some(Arc::new(bundle)),
            keys: serde_json::to_vec(key.keys()).ok().map(Into::into),
            came_back: notices.clone().map(came_back),
        };
        let registry = Registry::new(ebox.clone(), plan.registry, tools)?;
        let scanner = plan.scanner.map(|settings| Arc::new(Clamd::new(settings)) as Arc<dyn Scanner>);
        let unscanned = if scanner.is_some() { Scan::Waiting } else { Scan::NotScanned };
        let pages = plan.pages.map(|settings| {
            Site::new(web::Parts {
                ebox: ebox.clone(),
                settings,
                secret: secret.to_vec(),
                ways: notices.as_ref().map(Notices::ways).unwrap_or_default(),
                stops: notices.clone().map(|notices| Arc::new(move |token: &str| notices.stops(token)) as _),
                bundle: Some(Arc::new(move |item: &Item, records| proof(item, records, &key))),
                recognise: Arc::new(|declared: MediaType, head: &[u8]| {
                    media::begins_as(declared, &Seen::of(head)).is_ok()
                }),
                unscanned,
                clock: Arc::clone(&clock),
            })
        });
        let hash = KeyedHash::new(secret);
        let mark = move |document: DocumentId, mailbox: MailboxId| {
            let mut bytes = [0; 24];
            bytes[..16].copy_from_slice(&document.as_u128().to_be_bytes());
            bytes[16..].copy_from_slice(&mailbox.key().to_be_bytes());
            hash.hash("channel", &bytes)
        };
        let home = Home { ebox, mark: Arc::new(mark) };
        let pages = pages.transpose()?;
        let live = Live {
            home,
            registry: registry.clone(),
            pages: pages.clone(),
            providers,
            notices: notices.clone(),
            clock: Arc::clone(&clock),
        };
        let upkeep = Upkeep { mailboxes: Arc::clone(&mailboxes), contents: kept, scanner, clock };
        Ok(Self { mailboxes, registry, pages, live, notices, upkeep })
    }

    /// Tells holders what came, for ever; messages go by the broker.
    pub fn tell(&self, broker: &Broker) -> Option<impl Future<Output = ()> + Send + 'static> {
        let notices = self.notices.as_ref()?;
        let submit = notices.messages().map(|messages| {
            Arc::new(ByBroker { broker: broker.clone(), messages: Arc::clone(messages) }) as Arc<dyn Submit>
        });
        Some(notices.run(submit))
    }

    /// Does from time to time what has to be done, for ever.
    pub fn keep_up(&self) -> impl Future<Output = ()> + Send + 'static {
        self.upkeep.clone().run()
    }
}

/// What reads mails that came back, for the face that takes them.
fn came_back(notices: Notices) -> registry::CameBack {
    Arc::new(move |mail| {
        let notices = notices.clone();
        async move { notices.came_back(mail).await.map(notices::Returned::as_str) }.boxed()
    })
}

/// The bundle of what is proven of a document in a mailbox.
fn proof(item: &Item, records: Vec<Signed>, key: &ProviderKey) -> Result<Proof, String> {
    let bundle = evidence::Bundle::new(&item.document, records, key.keys());
    let bytes = serde_json::to_vec_pretty(&bundle).map_err(|error| error.to_string())?;
    let file_name = format!("evidence-{}.json", item.document.id);
    Ok(Proof { file_name, media_type: "application/json", bytes: bytes.into() })
}

/// Looks into what comes with the rules for each kind of file.
pub struct Inspecting(pub Inspector);

struct Looking {
    inspector: Inspector,
    watch: Watch,
}

impl Verify for Inspecting {
    fn watch(&self, incoming: Incoming) -> (Incoming, Box<dyn Look>) {
        let (incoming, watch) = media::watch(incoming);
        (incoming, Box::new(Looking { inspector: self.0.clone(), watch }))
    }
}

impl Look for Looking {
    fn verdict(self: Box<Self>, declared: MediaType, kept: Kept) -> BoxFuture<'static, Result<(), Unfit>> {
        async move {
            let seen = self.watch.seen();
            self.inspector.verify(declared, &seen, &kept).await.map_err(|unsound| match unsound {
                Unsound::Contents(trouble) => Unfit::Trouble(trouble),
                other => Unfit::Other(other.to_string()),
            })
        }
        .boxed()
    }
}

/// What has to be done from time to time.
#[derive(Clone)]
struct Upkeep {
    mailboxes: Arc<Mailboxes>,
    contents: Arc<dyn Contents>,
    scanner: Option<Arc<dyn Scanner>>,
    clock: Arc<dyn Clock>,
}

impl Upkeep {
    async fn run(self) {
        let mut swept = None;
        loop {
            if let Err(trouble) = self.tick().await {
                tracing::warn!(%trouble, "what time brings to mailboxes waits");
            }
            if let Some(scanner) = &self.scanner {
                self.scan(scanner).await;
            }
            let now = self.clock.now();
            if swept.is_none_or(|swept| now.since(swept) >= SWEEP) {
                self.sweep().await;
                swept = Some(now);
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Reminders, alerts and expiry.
    async fn tick(&self) -> Result<(), Trouble> {
        loop {
            let ticked = self.mailboxes.tick(self.clock.now()).await?;
            if !ticked.unneeded.is_empty()
                && let Err(trouble) = self.contents.remove(ticked.unneeded).await
            {
                tracing::warn!(%trouble, "contents of documents that expired stay until they are swept");
            }
            if !ticked.has_more {
                return Ok(());
            }
        }
    }

    /// Has the scanner look at what waits for it. Where it doesn't answer all stays as it is.
    async fn scan(&self, scanner: &Arc<dyn Scanner>) {
        let waiting = match self.mailboxes.unscanned(SCANS).await {
            Ok(waiting) => waiting,
            Err(trouble) => return tracing::warn!(%trouble, "what waits for the scanner can't be read"),
        };
        for (id, number) in waiting {
            let document = self.mailboxes.document(id).await.ok().flatten();
            let name = document.and_then(|document| document.attachment(number)?.content.clone());
            let Some(name) = name else { continue };
            let scan = match self.contents.give(&name, None).await {
                Ok(content) => scanner.scan(content).await,
                Err(trouble) => Err(trouble.to_string()),
            };
            let verdict = match scan {
                Ok(Verdict::Clean) => Scan::Clean,
                Ok(Verdict::Found(what)) => {
                    tracing::warn!(document = %id, number, %what, "a scanner found something in an attachment");
                    Scan::Quarantined
                }
                Err(reason) => return tracing::warn!(%reason, "the scanner does not answer: what came stays unread"),
            };
            if let Err(trouble) = self.mailboxes.scanned(id, number, verdict).await {
                return tracing::warn!(%trouble, "what the scanner said can't be kept");
            }
        }
    }

    /// Takes away what was taken and never published.
    async fn sweep(&self) {
        let now = self.clock.now().millis();
        let before = now.saturating_sub(u64::try_from(ABANDONED.as_millis()).unwrap_or(u64::MAX));
        let mailboxes = Arc::clone(&self.mailboxes);
        let before = estafette_actors::domain::time::Timestamp::from_millis(before);
        match self.contents.sweep(before, Arc::new(move |name| mailboxes.needs(name))).await {
            Ok(0) => {}
            Ok(count) => tracing::info!(count, "contents that were never published were taken away"),
            Err(trouble) => tracing::warn!(%trouble, "contents can't be swept"),
        }
    }
}
