//! Contents that institutions keep themselves, fetched over HTTP when somebody reads them.
//!
//! A `GET` of a configured address, such as `{base}/messageRegistry/v2/ebox/messages/{id}/attachments/{n}/content`, with a token of
//! OAuth 2.0 (client credentials). An institution's server is somebody else's program:
//!
//! | what it does | what follows |
//! |---|---|
//! | nothing, refuses the connection, is too slow, 408, 429, 5xx | [`Trouble::ProviderAway`]; counts against it |
//! | 401 | once more with a fresh token; then as 403 |
//! | 403, a redirect (never followed), no token | [`Trouble::ProviderWrong`]; counts against it, since each reader would meet it |
//! | another status, another content type, other first bytes, another size or part | [`Trouble::ProviderWrong`] |
//! | ends early, sends more, stops between bytes, or what hashes to something else | the stream ends with an error |
//!
//! Invariant: an institution that failed so often in a row is not asked for a while, and then by one reader only, so that a dead one
//! costs nothing. Connections lead to public addresses, and to networks that the operator listed. Of a content no more than one piece
//! is kept. Nothing of a document but its id leaves for the institution, and nothing is logged but which institution it is.
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use estafette_actors::domain::mailbox::media::MediaType;
use estafette_actors::domain::mailbox::reference::RefId;
use estafette_actors::ports::Clock;
use estafette_actors::ports::mailbox::{Incoming, ProviderState, Providers, Trouble, Wanted};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt};
use reqwest::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, RANGE};
use reqwest::{Client, Response, StatusCode, Url};
use tokio::sync::Semaphore;

use self::breaker::{Breaker, Pass};
use self::checked::Checked;
use super::media::{self, Seen};
use crate::announce::Reach;
use crate::channels::{Peer, Secret, Tokens};

mod breaker;
mod checked;

/// The name under which the operator finds it in the log.
const NAME: &str = "providers";
/// Idle connections that are kept to each.
const IDLE: usize = 8;
const IDLE_FOR: Duration = Duration::from_secs(25);
/// Where an attachment is, below the address of an institution's registry.
pub const PATH: &str = "/messageRegistry/v2/ebox/messages/{id}/attachments/{n}/content";

/// How tokens are got.
#[derive(Clone, Debug)]
pub struct TokenSettings {
    /// The token endpoint.
    pub url: String,
    /// Our name there.
    pub client_id: String,
    /// Our secret there.
    pub client_secret: Secret,
}

/// An institution that keeps documents itself.
#[derive(Clone, Debug)]
pub struct Provider {
    /// Its name in documents.
    pub id: RefId,
    /// The address below which the path is.
    pub base_url: String,
    /// The path, with `{id}` for the document and `{n}` for the number of the attachment: [`PATH`] for most.
    pub path: String,
    /// How tokens are got; none for one that wants none.
    pub token: Option<TokenSettings>,
}

/// The institutions, and the bounds.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Which there are.
    pub providers: Vec<Provider>,
    /// Where connections may lead.
    pub reach: Reach,
    /// How long a connection may take.
    pub connect: Duration,
    /// How long the first bytes may take, a token included.
    pub first: Duration,
    /// How long the next bytes may take.
    pub between: Duration,
    /// Bytes of a content at most.
    pub most: u64,
    /// Contents that are fetched from one institution at a time; more are refused.
    pub at_once: usize,
    /// Failures in a row after which it is not asked.
    pub failures: u32,
    /// For how long.
    pub pause: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            providers: Vec::new(),
            reach: Reach::default(),
            connect: Duration::from_secs(3),
            first: Duration::from_secs(10),
            between: Duration::from_secs(15),
            most: estafette_actors::domain::mailbox::document::ATTACHMENT_BYTES,
            at_once: 32,
            failures: 5,
            pause: Duration::from_secs(30),
        }
    }
}

/// Why an institution can't be asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the provider {provider}: {message}")]
pub struct Error {
    /// Which.
    pub provider: RefId,
    /// What to do.
    pub message: String,
}

/// The institutions, over HTTP. Clones are the same ones; other ones may take their place.
#[derive(Clone)]
pub struct HttpProviders(Arc<ArcSwap<BTreeMap<RefId, Arc<Institution>>>>);

struct Institution {
    client: Client,
    tokens: Option<Tokens>,
    /// With `{id}` and `{n}`.
    address: String,
    breaker: Arc<Breaker>,
    slots: Arc<Semaphore>,
    settings: Arc<Settings>,
}

impl HttpProviders {
    /// Asks nobody yet.
    pub fn new(mut settings: Settings, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let providers = std::mem::take(&mut settings.providers);
        let settings = Arc::new(settings);
        let mut made = BTreeMap::new();
        for provider in providers {
            let id = provider.id.clone();
            let wrong = |message: String| Error { provider: id.clone(), message };
            let institution = Institution::new(provider, &settings, &clock).map_err(wrong)?;
            if made.insert(id.clone(), Arc::new(institution)).is_some() {
                return Err(wrong("it is there twice: leave one out".to_owned()));
            }
        }
        Ok(Self(Arc::new(ArcSwap::from_pointee(made))))
    }

    /// Those of another one from now on. What is being fetched goes on; whether an institution answers is found out again.
    pub fn become_as(&self, other: &Self) {
        self.0.store(other.0.load_full());
    }
}

impl Providers for HttpProviders {
    fn fetch(&self, provider: &RefId, wanted: Wanted) -> BoxFuture<'static, Result<Incoming, Trouble>> {
        let Some(institution) = self.0.load().get(provider).cloned() else {
            tracing::error!(provider = provider.as_str(), "a document is with a provider that is not configured");
            return std::future::ready(Err(Trouble::ProviderAway)).boxed();
        };
        institution.fetch(wanted).boxed()
    }

    fn states(&self) -> Vec<ProviderState> {
        let state = |(provider, institution): (&RefId, &Arc<Institution>)| {
            let (away_since, trouble) = institution.breaker.state();
            ProviderState { provider: provider.clone(), away_since, trouble }
        };
        self.0.load().iter().map(state).collect()
    }
}

/// Why a content can't be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Failed {
    /// Nobody would get it now.
    Away(&'static str),
    /// Nobody would get it until somebody mends something.
    Broken(&'static str),
    /// This content.
    Wrong,
}

impl Institution {
    fn new(provider: Provider, settings: &Arc<Settings>, clock: &Arc<dyn Clock>) -> Result<Self, String> {
        let Provider { id, base_url, path, token } = provider;
        if !path.starts_with('/') || !path.contains("{id}") || !path.contains("{n}") {
            return Err(format!("give a path that begins with / and has {{id}} and {{n}}, such as {PATH}"));
        }
        let base = checked_address(&base_url, &settings.reach)?;
        let tokens = token.map(|token| {
            let url = checked_address(&token.url, &settings.reach)?;
            let peer = Peer::within(NAME, &url, settings.first, &settings.reach).map_err(|error| error.to_string())?;
            Ok::<_, String>(Tokens::new(peer, url, token.client_id, token.client_secret))
        });
        let is_encrypted = base.starts_with("https:");
        // Who installed a provider of cryptography before has installed this one.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let client = Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .dns_resolver(Arc::new(settings.reach.resolver(is_encrypted)))
            .tcp_nodelay(true)
            .connect_timeout(settings.connect)
            .pool_max_idle_per_host(IDLE)
            .pool_idle_timeout(IDLE_FOR)
            .https_only(is_encrypted)
            .user_agent(concat!("estafette/", env!("CARGO_PKG_VERSION")));
        let client = if is_encrypted { client } else { client.tls_certs_only([]) };
        let client =
            client.build().map_err(|_| "no HTTPS client: install the certificates of the system".to_owned())?;
        Ok(Self {
            client,
            tokens: tokens.transpose()?,
            address: format!("{base}{path}"),
            breaker: Arc::new(Breaker::new(id, settings.failures, settings.pause, Arc::clone(clock))),
            slots: Arc::new(Semaphore::new(settings.at_once.clamp(1, Semaphore::MAX_PERMITS))),
            settings: Arc::clone(settings),
        })
    }

    async fn fetch(self: Arc<Self>, wanted: Wanted) -> Result<Incoming, Trouble> {
        let pass = self.breaker.pass().ok_or(Trouble::ProviderAway)?;
        let slot = Arc::clone(&self.slots).try_acquire_owned().map_err(|_| Trouble::Overloaded)?;
        let late = Err(Failed::Away("no answer in time"));
        match tokio::time::timeout(self.settings.first, self.begin(&wanted, pass)).await.unwrap_or(late) {
            Ok(checked) => {
                // The place is free when the stream has ended, or nobody reads it any more.
                let given = futures_util::stream::unfold(Some((checked, slot)), |state| async move {
                    let (mut checked, slot) = state?;
                    match checked.next().await {
                        Ok(Some(piece)) => Some((Ok(piece), Some((checked, slot)))),
                        Ok(None) => None,
                        Err(error) => Some((Err(error), None)),
                    }
                });
                Ok(given.boxed())
            }
            Err(Failed::Away(what)) => {
                self.breaker.failed(what);
                Err(Trouble::ProviderAway)
            }
            Err(Failed::Broken(what)) => {
                self.breaker.failed(what);
                Err(Trouble::ProviderWrong)
            }
            Err(Failed::Wrong) => Err(Trouble::ProviderWrong),
        }
    }

    /// Asks, and looks at the first bytes.
    async fn begin(&self, wanted: &Wanted, pass: Pass) -> Result<Checked, Failed> {
        let response = self.ask(wanted).await?;
        let (start, length) = self.judge(&response, wanted)?;
        if !is_of_type(&response, wanted.media_type) {
            return Err(Failed::Wrong);
        }
        let mut checked = Checked::new(response.bytes_stream().boxed(), wanted, start, length, &self.settings, pass);
        if start == 0 {
            // A page that says that something is wrong is a 200 often enough.
            let looked_at = checked.peek(media::HEAD).await.map_err(|error| match error.kind() {
                io::ErrorKind::InvalidData => Failed::Wrong,
                _ => Failed::Away("the connection broke"),
            })?;
            let seen = Seen::of(whole_characters(&looked_at));
            media::begins_as(wanted.media_type, &seen).map_err(|_| Failed::Wrong)?;
        }
        Ok(checked)
    }

    async fn ask(&self, wanted: &Wanted) -> Result<Response, Failed> {
        let address = self.address.replace("{id}", &wanted.document.to_string());
        let address = address.replace("{n}", &wanted.attachment.to_string());
        let mut refused = None;
        loop {
            let token = match &self.tokens {
                None => None,
                Some(tokens) => {
                    let got = tokens.get(refused.as_ref()).await;
                    Some(got.map_err(|_| Failed::Broken("its token endpoint gives no token"))?)
                }
            };
            let mut request = self.client.get(&address).header(ACCEPT_ENCODING, "identity");
            if let Some(range) = &wanted.range {
                request = request.header(RANGE, format!("bytes={}-{}", range.start, range.end.saturating_sub(1)));
            }
            if let Some(token) = &token {
                request = request.bearer_auth(token.expose());
            }
            let broke = |error: reqwest::Error| {
                Failed::Away(if error.is_connect() { "no connection" } else { "the connection broke" })
            };
            let response = request.send().await.map_err(broke)?;
            if response.status() == StatusCode::UNAUTHORIZED && token.is_some() && refused.is_none() {
                refused = token;
                continue;
            }
            return Ok(response);
        }
    }

    /// Where what comes begins, and how long it is where that is told.
    fn judge(&self, response: &Response, wanted: &Wanted) -> Result<(u64, Option<u64>), Failed> {
        let length = response.content_length();
        if response.headers().get(CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
            return Err(Failed::Wrong);
        }
        match response.status() {
            StatusCode::OK => {
                let is_as_known = length
                    .is_none_or(|length| length <= self.settings.most && wanted.size.is_none_or(|size| size == length));
                if is_as_known { Ok((0, length)) } else { Err(Failed::Wrong) }
            }
            StatusCode::PARTIAL_CONTENT => {
                let range = wanted.range.as_ref().ok_or(Failed::Wrong)?;
                let (start, end, whole) = content_range(response).ok_or(Failed::Wrong)?;
                let is_as_asked =
                    start == range.start && end <= range.end && length.is_none_or(|length| length == end - start);
                let is_as_known = whole.is_none_or(|whole| {
                    whole <= self.settings.most
                        && end == range.end.min(whole)
                        && wanted.size.is_none_or(|size| size == whole)
                });
                if is_as_asked && is_as_known { Ok((start, Some(end - start))) } else { Err(Failed::Wrong) }
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(Failed::Broken("it refuses our credentials")),
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => Err(Failed::Away("it asks us to wait")),
            status if status.is_redirection() => Err(Failed::Broken("it sends us elsewhere")),
            status if status.is_server_error() => Err(Failed::Away("it answers with an error of its own")),
            _ => Err(Failed::Wrong),
        }
    }
}

/// An address without its last slash, where connections may lead.
fn checked_address(text: &str, reach: &Reach) -> Result<String, String> {
    let url: Url = text.parse().map_err(|_| "give an address that begins with https://".to_owned())?;
    if !matches!(url.scheme(), "https" | "http") || !url.has_host() {
        return Err("give an address that begins with https://".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return Err("leave out user, password, query and fragment of its address".to_owned());
    }
    if !reach.allows_host(&url) || (url.scheme() == "http" && reach.listed.is_empty()) {
        return Err("this address may not be called: give a public one with https://, or list its network".to_owned());
    }
    Ok(text.trim_end_matches('/').to_owned())
}

/// Whether it is said to be what it was published as; `application/octet-stream`, or nothing, says nothing.
fn is_of_type(response: &Response, media_type: MediaType) -> bool {
    let Some(told) = response.headers().get(CONTENT_TYPE) else { return true };
    let told = told.to_str().unwrap_or_default();
    let essence = told.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/octet-stream") || MediaType::parse(told) == Ok(media_type)
}

/// `bytes 0-99/1000`: where it begins, where it ends, and how long the whole is.
fn content_range(response: &Response) -> Option<(u64, u64, Option<u64>)> {
    let told = response.headers().get(CONTENT_RANGE)?.to_str().ok()?.strip_prefix("bytes ")?;
    let (range, whole) = told.split_once('/')?;
    let (start, last) = range.split_once('-')?;
    let (start, end) = (start.parse().ok()?, last.parse::<u64>().ok()?.checked_add(1)?);
    let whole = if whole == "*" { None } else { Some(whole.parse().ok()?) };
    (start < end).then_some((start, end, whole))
}

/// Without the beginning of a character at the end.
fn whole_characters(bytes: &[u8]) -> &[u8] {
    match std::str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() => &bytes[..error.valid_up_to()],
        _ => bytes,
    }
}

/// A piece of what comes.
type Piece = Result<Bytes, reqwest::Error>;

#[cfg(test)]
mod tests;
