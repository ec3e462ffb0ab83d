//! Calls senders' webhooks as Standard Webhooks 1.0.0 says: one event a call, signed with
//! HMAC-SHA256 by every secret that is valid.
//!
//! An endpoint is somebody else's program: it gets bounded time, its answer is read in bounded
//! length, no redirect is followed, and private addresses are refused unless they are listed.
use std::error::Error as _;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use estafette_actors::domain::event::Event;
use estafette_actors::domain::webhook::MAX_URL;
use estafette_actors::ports::{Announce, Call, Called, Notice};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, StatusCode, Url};
use standardwebhooks::{HEADER_WEBHOOK_ID, HEADER_WEBHOOK_SIGNATURE, HEADER_WEBHOOK_TIMESTAMP, Webhook as Signer};

use crate::events::{Cursors, Written};

mod reach;

pub use reach::{Network, Reach, Resolver};

/// Bytes of an answer that are read, so that its connection can be kept.
const ANSWER_BYTES: usize = 16 * 1024;
/// How long the rest of an answer is waited for: it says nothing that counts.
const REST: Duration = Duration::from_secs(1);
const IDLE: Duration = Duration::from_secs(30);

/// The bounds.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How long a connection may take.
    pub connect: Duration,
    /// How long a call may take, up to the head of its answer.
    pub whole: Duration,
    /// Idle connections kept to each endpoint.
    pub idle: usize,
    /// Where calls may lead.
    pub reach: Reach,
}

impl Default for Settings {
    fn default() -> Self {
        let (connect, whole) = (Duration::from_secs(5), Duration::from_secs(15));
        Self { connect, whole, idle: 32, reach: Reach::default() }
    }
}

/// Calls endpoints.
pub struct Caller {
    settings: Settings,
    cursors: Cursors,
    plain: Option<Client>,
    /// Made at the first call that needs it: a small container has no certificates.
    secure: LazyLock<Option<Client>, Box<dyn FnOnce() -> Option<Client> + Send>>,
}

fn client(settings: &Settings, encrypted: bool) -> Option<Client> {
    // Who installed a provider before has installed this one.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let resolver = settings.reach.resolver(encrypted);
    let builder = Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .dns_resolver(Arc::new(resolver))
        .tcp_nodelay(true)
        .connect_timeout(settings.connect)
        .pool_max_idle_per_host(settings.idle)
        .pool_idle_timeout(IDLE)
        .https_only(encrypted)
        .user_agent(concat!("estafette/", env!("CARGO_PKG_VERSION")));
    let builder = if encrypted { builder } else { builder.tls_certs_only([]) };
    builder
        .build()
        .inspect_err(|error| tracing::error!(%error, "webhooks can't be called: check the certificates"))
        .ok()
}

impl Caller {
    /// With its own connections.
    pub fn new(settings: Settings, cursors: Cursors) -> Self {
        let plain = client(&settings, false);
        let for_secure = settings.clone();
        let secure: Box<dyn FnOnce() -> Option<Client> + Send> = Box::new(move || client(&for_secure, true));
        Self { settings, cursors, plain, secure: LazyLock::new(secure) }
    }

    fn client(&self, url: &Url) -> Option<Client> {
        if url.scheme() == "https" { (*self.secure).clone() } else { self.plain.clone() }
    }

    /// Reads an address; one that names an address which may not be called is refused at once.
    fn url(&self, text: &str) -> Result<Url, String> {
        if text.len() > MAX_URL {
            return Err(format!("an address has at most {MAX_URL} characters"));
        }
        let url: Url = text.parse().map_err(|_| "not an address; give https://, a host and a path".to_owned())?;
        if !matches!(url.scheme(), "https" | "http") {
            return Err("give an address that begins with https://".to_owned());
        }
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return Err("leave out user, password and fragment: calls are signed".to_owned());
        }
        let encrypted = url.scheme() == "https";
        let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() {
            return Err("not an address; give https://, a host and a path".to_owned());
        }
        if !self.settings.reach.allows_host(&url) {
            return Err(
                "this address may not be called; give a public one with https://, or ask the operator".to_owned()
            );
        }
        if !encrypted && self.settings.reach.listed.is_empty() {
            return Err("give an address that begins with https://".to_owned());
        }
        Ok(url)
    }

    fn body(&self, notice: Notice) -> (String, String) {
        match notice {
            Notice::Event(event) => {
                let event: Event = event;
                let written = Written::of(event, &self.cursors);
                let body = written.json();
                (written.id, body)
            }
            Notice::Test(at) => {
                let id = format!("test_{:032x}", rand::random::<u128>());
                let body = serde_json::json!({"id": id, "type": "webhook.test", "time": at.to_string(), "data": {}});
                (id, body.to_string())
            }
        }
    }
}

impl Announce for Caller {
    fn acceptable(&self, url: &str) -> Result<(), String> {
        self.url(url).map(drop)
    }

    fn call(&self, call: Call) -> BoxFuture<'static, Called> {
        let url = match self.url(&call.webhook.url) {
            Ok(url) => url,
            Err(reason) => return std::future::ready(failed(None, reason)).boxed(),
        };
        let Some(client) = self.client(&url) else {
            return std::future::ready(failed(None, "this broker has no certificates to check endpoints with")).boxed();
        };
        let (id, body) = self.body(call.notice);
        let at = i64::try_from(call.at.millis() / 1000).unwrap_or(i64::MAX);
        let sign =
            |key: &[u8]| Signer::from_bytes(key.to_vec()).and_then(|signer| signer.sign(&id, at, body.as_bytes()));
        let signatures: Result<Vec<String>, _> = call.webhook.keys(call.at).map(sign).collect();
        let Ok(signatures) = signatures else {
            return std::future::ready(failed(None, "the call could not be signed")).boxed();
        };
        let request = client
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header(HEADER_WEBHOOK_ID, &id)
            .header(HEADER_WEBHOOK_TIMESTAMP, at)
            .header(HEADER_WEBHOOK_SIGNATURE, signatures.join(" "))
            .body(body);
        let whole = self.settings.whole;
        async move {
            match tokio::time::timeout(whole, request.send()).await {
                Ok(Ok(answer)) => judge(answer).await,
                Ok(Err(error)) => failed(None, words(&error)),
                Err(_) => failed(None, "no answer in time"),
            }
        }
        .boxed()
    }
}

fn failed(status: Option<u16>, reason: impl Into<Box<str>>) -> Called {
    Called::Failed { status, reason: reason.into(), retry_after: None }
}

/// What an answer means. Its head counts; the rest is read for the sake of the connection.
async fn judge(mut answer: reqwest::Response) -> Called {
    let status = answer.status();
    let retry_after = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    let rest = async {
        let mut read = 0;
        while let Ok(Some(piece)) = answer.chunk().await {
            read += piece.len();
            if read > ANSWER_BYTES {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(REST, rest).await;
    let code = status.as_u16();
    if status.is_success() {
        return Called::Delivered(code);
    }
    if status == StatusCode::GONE {
        return Called::Gone;
    }
    let reason = if status.is_redirection() {
        format!("the endpoint answered {code}: no redirect is followed")
    } else {
        format!("the endpoint answered {code}")
    };
    Called::Failed { status: Some(code), reason: reason.into(), retry_after: retry_after.map(Duration::from_secs) }
}

fn words(error: &reqwest::Error) -> &'static str {
    let mut cause = error.source();
    while let Some(inner) = cause {
        if inner.is::<reach::Refused>() {
            return "the name leads to addresses that may not be called";
        }
        cause = inner.source();
    }
    if error.is_timeout() {
        "no connection in time"
    } else if error.is_connect() {
        "no connection"
    } else {
        "the connection broke"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_refused_by_their_form_in_every_spelling() {
        let listed: Arc<[Network]> = ["192.168.7.0/24".parse().unwrap()].into();
        let strict = Caller::new(Settings::default(), Cursors::new(&[1; 32]));
        let open = Settings { reach: Reach { listed }, ..Settings::default() };
        let open = Caller::new(open, Cursors::new(&[1; 32]));
        for url in ["https://example.be/hook", "https://1.1.1.1/", "https://[2606:4700::1111]:8443/x?y=z"] {
            assert_eq!(strict.acceptable(url), Ok(()), "{url}");
        }
        let wrong = [
            "",
            "x",
            "ftp://example.be/",
            "http://example.be/",
            "https://user:pass@example.be/",
            "https://example.be/#x",
            "https://127.0.0.1/",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://[::1]/",
            "https://[::ffff:7f00:1]/",
            "https://169.254.169.254/latest",
            "https://10.0.0.1/",
            "file:///etc/passwd",
            "https://",
        ];
        for url in wrong {
            assert!(strict.acceptable(url).is_err(), "{url}");
        }
        assert_eq!(open.acceptable("http://192.168.7.9:8080/hook"), Ok(()));
        assert!(open.acceptable("http://192.168.8.9/").is_err());
        assert!(open.acceptable("http://1.1.1.1/").is_err());
        assert!(open.acceptable(&format!("https://example.be/{}", "x".repeat(1_000))).is_err());
    }
}
