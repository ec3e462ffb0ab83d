//! The mailbox on the web: pages under `/mailbox` on which citizens and enterprises read what is sent to them.
//!
//! Pages are made here and need no script; each has a strict content policy, loads nothing from elsewhere and is never stored. People are
//! signed in by a provider of OpenID Connect. It turns requests into calls of [`EBox`] and shows what comes of them: what may be read it does not decide
//! itself. It must not know how mailboxes are stored. No NISS and nothing of a document is ever in an address.
use std::sync::Arc;

use actix_web::body::{BoxBody, EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::{Next, from_fn};
use actix_web::web::{self, Data};
use actix_web::{Error as ActixError, HttpResponse};
use arc_swap::ArcSwap;
use bytes::Bytes;
use estafette_actors::domain::mailbox::MailboxId;
use estafette_actors::domain::mailbox::document::Scan;
use estafette_actors::domain::mailbox::evidence::Signed;
use estafette_actors::domain::mailbox::item::Item;
use estafette_actors::domain::mailbox::media::MediaType;
use estafette_actors::domain::mailbox::notice::Ways;
use estafette_actors::ebox::EBox;
use estafette_actors::ports::Clock;
use tokio::sync::Semaphore;

mod activation;
mod choice;
mod consents;
mod cookie;
mod evidence;
mod files;
mod frame;
mod help;
mod html;
mod list;
mod message;
mod preferences;
mod problem;
mod provider;
mod reply;
mod request;
mod seal;
mod session;
mod settings;
mod sign_in;
mod statics;
mod texts;
mod unsubscribe;
mod words;

pub use problem::Problem;
pub use settings::{Error, Portal, Settings, SignIn};

/// Makes the file with all that is proven of a registered document: its bytes, of the kind and under the name that come with it.
pub type Bundle = Arc<dyn Fn(&Item, Vec<Signed>) -> Result<Proof, String> + Send + Sync>;

/// A file with evidence.
#[derive(Clone, Debug)]
pub struct Proof {
    /// Its name.
    pub file_name: String,
    /// What it is.
    pub media_type: &'static str,
    /// Its bytes.
    pub bytes: Bytes,
}

/// Whether a file that says it is of a kind begins as one; the first bytes, up to 8 KiB, are given.
pub type Recognise = Arc<dyn Fn(MediaType, &[u8]) -> bool + Send + Sync>;

/// Whose notices the link of a mail stops, and to which address; none for what is no such link.
pub type Stops = Arc<dyn Fn(&str) -> Option<(MailboxId, Box<str>)> + Send + Sync>;

/// What the pages are made of.
pub struct Parts {
    /// The mailboxes.
    pub ebox: EBox,
    /// Addresses and bounds.
    pub settings: Settings,
    /// A secret of the data folder, 32 bytes.
    pub secret: Vec<u8>,
    /// Reads the links that stop notices; none where there are no notices.
    pub stops: Option<Stops>,
    /// How notices can go: no other way is offered.
    pub ways: Ways,
    /// Makes evidence to download; none leaves the download out.
    pub bundle: Option<Bundle>,
    /// Looks at the files of replies.
    pub recognise: Recognise,
    /// What a file of a reply is before a scanner looked: [`Scan::Waiting`] where there is one.
    pub unscanned: Scan,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
}

/// The state that all workers share.
pub struct Site {
    ebox: EBox,
    settings: Settings,
    /// The portals of partners, which may change.
    pub(crate) portals: ArcSwap<Vec<Portal>>,
    stops: Option<Stops>,
    ways: Ways,
    bundle: Option<Bundle>,
    recognise: Recognise,
    unscanned: Scan,
    clock: Arc<dyn Clock>,
    sessions: session::Sessions,
    seal: seal::Seal,
    provider: provider::Provider,
    replies: Arc<Semaphore>,
}

impl Site {
    /// Of its parts; asks the provider nothing yet.
    pub fn new(parts: Parts) -> Result<Arc<Self>, Error> {
        let mut settings = parts.settings.checked()?;
        let portals = ArcSwap::from_pointee(std::mem::take(&mut settings.portals));
        let at = |path: &str| format!("{}/mailbox/{path}", settings.public_url);
        Ok(Arc::new(Self {
            provider: provider::Provider::new(settings.sign_in.clone(), at("sign-in/callback"), at("signed-out"))?,
            sessions: session::Sessions::new(settings.idle, settings.absolute, settings.sessions),
            seal: seal::Seal::new(&parts.secret),
            replies: Arc::new(Semaphore::new(settings.replies)),
            settings,
            portals,
            ebox: parts.ebox,
            stops: parts.stops,
            ways: parts.ways,
            bundle: parts.bundle,
            recognise: parts.recognise,
            unscanned: parts.unscanned,
            clock: parts.clock,
        }))
    }

    /// Other portals from now on. A consent to one that is gone stays to be seen, and to be withdrawn.
    pub fn know(&self, portals: Vec<Portal>) {
        self.portals.store(Arc::new(portals));
    }

    /// How many sessions there are.
    pub fn sessions(&self) -> usize {
        self.sessions.count()
    }

    /// The name of the cookie with the session. With `__Host-` no other host can set it; it asks for https.
    fn session_cookie(&self) -> &'static str {
        if self.settings.is_secure() { "__Host-mailbox" } else { "mailbox" }
    }

    fn sign_in_cookie(&self) -> &'static str {
        if self.settings.is_secure() { "__Host-mailbox-sign-in" } else { "mailbox-sign-in" }
    }
}

/// The pages, for an HTTP server that is set up elsewhere.
pub fn configure(site: Arc<Site>) -> impl FnOnce(&mut web::ServiceConfig) {
    move |config| {
        let scope = web::scope("/mailbox")
            .app_data(Data::from(site))
            .configure(statics::routes)
            .configure(help::routes)
            .configure(sign_in::routes)
            .configure(choice::routes)
            .configure(activation::routes)
            .configure(list::routes)
            .configure(message::routes)
            .configure(files::routes)
            .configure(evidence::routes)
            .configure(reply::routes)
            .configure(preferences::routes)
            .configure(consents::routes)
            .configure(unsubscribe::routes)
            .default_service(web::to(no_page))
            .wrap(from_fn(dress));
        config.service(scope);
    }
}

async fn no_page() -> Result<HttpResponse, Problem> {
    Err(Problem::NoPage)
}

/// Makes pages of problems, and gives every answer the headers that it needs and did not set itself.
async fn dress<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B, BoxBody>>, ActixError> {
    let site = request.app_data::<Data<Site>>().cloned();
    let (request, response) = next.call(request).await?.into_parts();
    let problem = response.error().map(|error| error.as_error::<Problem>().cloned().unwrap_or(Problem::Unreadable));
    let shown = problem.and_then(|problem| problem.shown(&request));
    let mut response = match shown {
        Some(page) => page.map_into_right_body(),
        None => response.map_into_left_body(),
    };
    if let Some(site) = site {
        protect(response.headers_mut(), &site);
    }
    Ok(ServiceResponse::new(request, response))
}

fn protect(headers: &mut HeaderMap, site: &Site) {
    let mut unless_set = |name: HeaderName, value: &str| {
        if let (false, Ok(value)) = (headers.contains_key(&name), HeaderValue::from_str(value)) {
            headers.insert(name, value);
        }
    };
    unless_set(header::CONTENT_SECURITY_POLICY, &policy(site, "'none'"));
    if site.settings.is_secure() {
        unless_set(header::STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
    unless_set(header::CACHE_CONTROL, "no-store");
    unless_set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    unless_set(header::REFERRER_POLICY, "no-referrer");
    unless_set(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    unless_set(HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    unless_set(HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=(), payment=()");
}

/// The content policy of a page: its own style, its own pictures, forms to itself and, for signing out, on to the provider.
fn policy(site: &Site, frames: &str) -> String {
    let origins = site.provider.origins().join(" ");
    format!(
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self' {origins}; frame-src {frames}; base-uri 'none'; frame-ancestors 'none'"
    )
}

/// Sends the browser on after a form, so that loading the page again does not send it again.
fn to(path: &str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((header::LOCATION, path)).finish()
}
