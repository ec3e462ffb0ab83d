//! The e-Box for programs: the Message Registry 2.1 under `/messageRegistry/v2` with names of version 3 beside it, the federation 1.3
//! under `/federation/v1`, the events 1.1.1 under `/events-api/v1`, and the operator's face under `/v1/mailbox`.
//!
//! Invariant: names, types and statuses are those of the published definitions; who a citizen is stands in bodies, never in an address.
//! What may be published and read is decided by [`EBox`]; here it is turned into bytes and back.
#![allow(clippy::struct_field_names, reason = "the published definitions name the members")]
use std::sync::Arc;

use actix_web::http::header;
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use arc_swap::ArcSwap;
use bytes::Bytes;
use estafette_actors::domain::mailbox::ClientId;
use estafette_actors::domain::mailbox::document::Document;
use estafette_actors::domain::mailbox::evidence::Signed;
use estafette_actors::domain::mailbox::media::MediaType;
use estafette_actors::domain::mailbox::reference::RefId;
use estafette_actors::ebox::{EBox, Reader};
use estafette_actors::ports::mailbox::{Change, ContentTrouble, Incoming, Kept, Trouble};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};
use serde::Serialize;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use utoipa_actix_web::service_config::ServiceConfig;

use super::App;
use super::body::{media_type, read_payload};
use codes::Code;
use refused::Refused;
use tokens::Tokens;

mod access;
mod asked;
mod codes;
mod content;
mod ebox;
mod events;
mod evidence;
mod examples;
mod federation;
mod link;
mod message;
mod multicast;
mod one;
mod operator;
mod part;
mod publish;
mod reference;
mod refused;
pub(super) mod schemas;
mod settings;
mod tokens;
mod wire;

pub(super) use refused::{StatusMessage, examples as refusals};
pub use settings::{Client, KeySet, Provider, Settings, Tokens as TokenSettings};
pub use tokens::Error;

/// What JSON is sent as.
const JSON: &[&str] = &["application/json"];
/// What a change of some members is sent as.
const PATCH: &[&str] = &["application/merge-patch+json", "application/json"];

/// Why a content is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// It is something else than it says: what, and what to do.
    Other(String),
    /// It can't be looked at.
    Trouble(ContentTrouble),
}

/// Makes the file with all that is proven of a registered document in a mailbox.
pub type Bundle = Arc<dyn Fn(&Document, Vec<Signed>) -> Vec<u8> + Send + Sync>;

/// Reads a mail that came back, and says what came of it.
pub type CameBack = Arc<dyn Fn(Bytes) -> BoxFuture<'static, Result<&'static str, Trouble>> + Send + Sync>;

/// What this face is given beside the mailboxes.
pub struct Tools {
    /// Looks whether contents are what their senders say; [`Believing`] does not.
    pub verify: Arc<dyn Verify>,
    /// Makes files of evidence; none: nobody gets any.
    pub bundle: Option<Bundle>,
    /// The public keys that prove who signed them, as a JWK set; none where nothing is signed.
    pub keys: Option<Bytes>,
    /// Reads notices that came back; none where there are no notices by e-mail.
    pub came_back: Option<CameBack>,
}

/// Looks whether the bytes of contents are what their senders say.
pub trait Verify: Send + Sync {
    /// Looks at one while it is taken: gives its bytes on, and what tells afterwards.
    fn watch(&self, incoming: Incoming) -> (Incoming, Box<dyn Look>);
}

/// A look at one content.
pub trait Look: Send {
    /// Whether it is of this type, now that it was taken.
    fn verdict(self: Box<Self>, declared: MediaType, kept: Kept) -> BoxFuture<'static, Result<(), Unfit>>;
}

/// Believes what senders say.
pub struct Believing;

impl Verify for Believing {
    fn watch(&self, incoming: Incoming) -> (Incoming, Box<dyn Look>) {
        (incoming, Box::new(Self))
    }
}

impl Look for Believing {
    fn verdict(self: Box<Self>, _: MediaType, _: Kept) -> BoxFuture<'static, Result<(), Unfit>> {
        ready(Ok(())).boxed()
    }
}

/// What may change while the program runs.
struct Known {
    clients: Vec<Client>,
    providers: Vec<Provider>,
}

/// The mailboxes and all that this face needs beside them. Clones are the same one.
#[derive(Clone)]
pub struct Registry(Arc<Inner>);

struct Inner {
    ebox: EBox,
    settings: Settings,
    known: ArcSwap<Known>,
    tokens: Option<Tokens>,
    tools: Tools,
    places: Arc<Semaphore>,
    /// Told when there is a list of recipients.
    news: Arc<Notify>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Who works through lists looks up, and ends.
        self.news.notify_one();
    }
}

impl Registry {
    /// Over mailboxes.
    pub fn new(ebox: EBox, mut settings: Settings, tools: Tools) -> Result<Self, Error> {
        let tokens = settings.tokens.take().map(Tokens::new).transpose()?;
        let known = Known {
            clients: std::mem::take(&mut settings.clients),
            providers: std::mem::take(&mut settings.providers),
        };
        let known = ArcSwap::from_pointee(known);
        let places = Arc::new(Semaphore::new(settings.publications));
        Ok(Self(Arc::new(Inner { ebox, settings, known, tokens, tools, places, news: Arc::default() })))
    }

    /// Works through lists of recipients, also those of before a restart; ends when the last registry is gone.
    pub fn work(&self) -> impl Future<Output = ()> + Send + 'static {
        multicast::running::run(Arc::downgrade(&self.0), Arc::clone(&self.0.news))
    }

    /// There is a list of recipients.
    fn tell_of_tasks(&self) {
        self.0.news.notify_one();
    }

    fn ebox(&self) -> &EBox {
        &self.0.ebox
    }

    fn settings(&self) -> &Settings {
        &self.0.settings
    }

    fn tokens(&self) -> Option<&Tokens> {
        self.0.tokens.as_ref()
    }

    fn verify(&self) -> &Arc<dyn Verify> {
        &self.0.tools.verify
    }

    fn came_back(&self) -> Option<&CameBack> {
        self.0.tools.came_back.as_ref()
    }

    fn bundle(&self) -> Option<&Bundle> {
        self.0.tools.bundle.as_ref()
    }

    /// Puts other clients and providers in force for requests that begin from now on.
    pub fn know(&self, clients: Vec<Client>, providers: Vec<Provider>) {
        self.0.known.store(Arc::new(Known { clients, providers }));
    }

    /// A client, as it is set up.
    pub(crate) fn client(&self, id: &ClientId) -> Option<Client> {
        self.0.known.load().clients.iter().find(|client| client.id == *id).cloned()
    }

    /// A document provider.
    fn provider(&self, id: &RefId) -> Option<Provider> {
        self.0.known.load().providers.iter().find(|provider| provider.id == *id).cloned()
    }

    /// All document providers.
    fn providers(&self) -> Vec<Provider> {
        self.0.known.load().providers.clone()
    }

    /// Room for a publication, as long as it is kept.
    fn place(&self) -> Result<OwnedSemaphorePermit, Refused> {
        let full = |_| {
            Refused::new(Code::Overloaded, "as many publications as may be are under way: send it again in a second")
        };
        Arc::clone(&self.0.places).try_acquire_owned().map_err(full)
    }

    /// Notes that the holder looked; nobody waits for it.
    fn consulted(&self, reader: &Reader) {
        let noted = self.ebox().mailboxes().change(reader.access.clone(), reader.mailbox, Change::Consulted);
        actix_web::rt::spawn(async move {
            if let Err(error) = noted.await {
                tracing::debug!(%error, "when a holder looked last was not noted");
            }
        });
    }
}

impl App {
    /// The mailboxes, unless none are kept here.
    fn registry(&self) -> Result<&Registry, Refused> {
        self.parts
            .ebox
            .as_ref()
            .ok_or_else(|| Refused::new(Code::MailboxOff, "no mailboxes are kept here: ask the operator"))
    }
}

/// The handlers.
pub fn routes(config: &mut ServiceConfig) {
    config
        .service(publish::publish)
        .service(link::link)
        .service(link::search)
        .service(ebox::summary)
        .service(ebox::messages)
        .service(ebox::show)
        .service(one::message)
        .service(one::list)
        .service(one::file)
        .service(content::content)
        .service(one::body)
        .service(one::payment)
        .service(reference::types)
        .service(reference::type_of)
        .service(reference::applications)
        .service(reference::application)
        .service(reference::application_image)
        .service(reference::organizations)
        .service(reference::organization)
        .service(reference::organization_image)
        .service(publish::publish_3)
        .service(evidence::of_holder)
        .service(evidence::of_sender)
        .service(evidence::keys)
        .service(multicast::publish)
        .service(multicast::add)
        .service(multicast::tasks::begin)
        .service(multicast::tasks::look)
        .service(events::of_enterprises)
        .service(events::of_citizens)
        .service(events::submit)
        .service(federation::search)
        .service(federation::prefer)
        .service(federation::consents)
        .service(federation::consent)
        .service(federation::providers::list)
        .service(federation::providers::look)
        .service(federation::providers::change)
        .service(federation::documentation::links)
        .service(federation::documentation::options)
        .service(federation::documentation::page)
        .service(federation::documentation::description)
        .service(federation::documentation::schema)
        .service(operator::put_type)
        .service(operator::put_application)
        .service(operator::put_application_image)
        .service(operator::put_organization)
        .service(operator::put_organization_image)
        .service(operator::boxes::set)
        .service(operator::bounces::take);
}

/// A body in one of these types, whole.
async fn body(
    request: &HttpRequest,
    payload: Payload,
    app: &App,
    types: &'static [&'static str],
) -> Result<Bytes, Refused> {
    let given = media_type(request);
    if !given.is_some_and(|given| types.contains(&given.as_str())) {
        return Err(Refused::new(Code::InvalidMediaType, format!("Content-Type: send the body as {}", types[0])));
    }
    Ok(read_payload(request, payload.into_inner(), app.parts.settings.body_bytes, app).await?)
}

/// 200 with a body that nobody keeps.
fn answer(body: &impl Serialize) -> HttpResponse {
    written(HttpResponse::Ok(), body)
}

/// 201 with a body.
fn created(body: &impl Serialize) -> HttpResponse {
    written(HttpResponse::Created(), body)
}

fn written(mut answer: HttpResponseBuilder, body: &impl Serialize) -> HttpResponse {
    answer.insert_header((header::CACHE_CONTROL, "no-store"));
    super::answer::json(answer, body)
}
