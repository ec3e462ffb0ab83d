//! A sender's endpoint: takes callbacks, remembers the id of each, and checks some signatures.
//!
//! Invariant: an id is noted before its call is answered, so whatever the broker counts as told is here. It does little else: it
//! must stay cheaper than what it measures.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use actix_web::http::header::HeaderMap;
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use anyhow::{Context, ensure};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hdrhistogram::Histogram;

use super::figures;
use super::served::Served;

/// One call in so many is checked: its signature, and how long after its event it came.
const SAMPLE: u64 = 16;

/// What signs calls, as Standard Webhooks 1.0.0 says.
#[derive(Clone, Debug)]
pub struct Signer(hmac::Key);

impl Signer {
    /// From a secret as its owner is shown it: `whsec_` and base64.
    pub fn new(secret: &str) -> anyhow::Result<Self> {
        let encoded = secret.strip_prefix("whsec_").context("a secret begins with whsec_")?;
        let key = STANDARD.decode(encoded).context("a secret is base64")?;
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &key)))
    }

    fn signed(id: &[u8], at: &[u8], body: &[u8]) -> Vec<u8> {
        [id, b".", at, b".", body].concat()
    }

    /// The header of a call.
    pub fn sign(&self, id: &str, at: &str, body: &[u8]) -> String {
        let tag = hmac::sign(&self.0, &Self::signed(id.as_bytes(), at.as_bytes(), body));
        format!("v1,{}", STANDARD.encode(tag))
    }

    /// Whether one of the signatures of a call is ours.
    fn knows(&self, headers: &HeaderMap, body: &[u8]) -> bool {
        let header = |name| headers.get(name).map_or(&b""[..], |value| value.as_bytes());
        let signed = Self::signed(header("webhook-id"), header("webhook-timestamp"), body);
        let given = std::str::from_utf8(header("webhook-signature")).unwrap_or_default();
        given.split(' ').filter_map(|one| STANDARD.decode(one.strip_prefix("v1,")?).ok()).any(|tag| {
            // It compares in constant time, which here only matters as an example.
            hmac::verify(&self.0, &signed, &tag).is_ok()
        })
    }
}

/// What came so far.
pub struct Noted {
    /// The ids, each once.
    pub ids: HashSet<Box<str>>,
    /// Calls, repetitions included.
    pub calls: u64,
    /// Bytes of their bodies.
    pub bytes: u64,
    /// The last body.
    pub last: Bytes,
    /// Calls whose signature was checked, and those where it was wrong.
    pub checked: u64,
    /// Wrong signatures among them.
    pub forged: u64,
    /// From an event to its call, of a sample, in microseconds; the event's time is in whole milliseconds.
    pub delay: Histogram<u64>,
}

impl Noted {
    fn empty() -> Self {
        let (ids, last, delay) = (HashSet::new(), Bytes::new(), figures::histogram());
        Self { ids, calls: 0, bytes: 0, last, checked: 0, forged: 0, delay }
    }
}

struct Book {
    noted: Mutex<Noted>,
    signer: OnceLock<Signer>,
}

/// The endpoint, until it is stopped.
pub struct Endpoint {
    /// Where it listens.
    pub address: SocketAddr,
    book: Data<Book>,
    served: Served,
}

impl Endpoint {
    /// Starts it on a free port of this machine, with a thread of its own.
    pub async fn start() -> anyhow::Result<Self> {
        let book = Data::new(Book { noted: Mutex::new(Noted::empty()), signer: OnceLock::new() });
        let shared = book.clone();
        let routes = move |app: &mut ServiceConfig| {
            app.app_data(shared.clone()).route("/hook", web::post().to(take));
        };
        let served = Served::start("endpoint", routes).await?;
        Ok(Self { address: served.address, book, served })
    }

    /// Where calls go.
    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// From now on signatures are checked.
    pub fn trust(&self, signer: Signer) -> anyhow::Result<()> {
        ensure!(self.book.signer.set(signer).is_ok(), "an endpoint trusts one secret");
        Ok(())
    }

    /// Looks at what came so far; calls wait meanwhile.
    pub fn look<T>(&self, look: impl FnOnce(&mut Noted) -> T) -> T {
        look(&mut noted(&self.book))
    }

    /// Calls so far.
    pub fn calls(&self) -> u64 {
        self.look(|noted| noted.calls)
    }

    /// Stops it, and fails when it failed meanwhile.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.served.stop().await
    }
}

fn noted(book: &Book) -> MutexGuard<'_, Noted> {
    book.noted.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn take(request: HttpRequest, body: Bytes, book: Data<Book>) -> HttpResponse {
    let headers = request.headers();
    let Some(id) = headers.get("webhook-id").and_then(|id| id.to_str().ok()) else {
        return HttpResponse::BadRequest().finish();
    };
    let mut noted = noted(&book);
    noted.calls += 1;
    noted.bytes += body.len() as u64;
    let is_new = noted.ids.insert(id.into());
    if noted.calls.is_multiple_of(SAMPLE) {
        if let Some(signer) = book.signer.get() {
            noted.checked += 1;
            noted.forged += u64::from(!signer.knows(headers, &body));
        }
        if let Some(delay) = since(&body).filter(|_| is_new) {
            noted.delay.saturating_record(delay.as_micros() as u64);
        }
    }
    noted.last = body;
    HttpResponse::NoContent().finish()
}

/// How long ago the event of a call was; none when it doesn't say, or says a time to come.
fn since(body: &[u8]) -> Option<Duration> {
    #[derive(serde::Deserialize)]
    struct Event {
        time: jiff::Timestamp,
    }
    let event: Event = serde_json::from_slice(body).ok()?;
    jiff::Timestamp::now().duration_since(event.time).try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's own libraries.
    #[test]
    fn a_signature_is_the_one_that_any_library_of_the_standard_makes() {
        let signer = Signer::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let body = br#"{"test": 2432232314}"#;
        let signature = signer.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", body);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert!(Signer::new("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").is_err());
    }

    #[tokio::test]
    async fn every_call_is_counted_each_id_once_and_a_forged_one_is_seen() {
        let endpoint = Endpoint::start().await.unwrap();
        let signer = Signer::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        endpoint.trust(signer.clone()).unwrap();
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
        let call = |id: String, signature: String| {
            let request = client.post(endpoint.url()).header("webhook-id", id).header("webhook-timestamp", "5");
            request.header("webhook-signature", signature).body("{}").send()
        };
        for number in 0..2 * SAMPLE {
            let id = format!("evt_{}", number % SAMPLE);
            let signature = if number < SAMPLE { signer.sign(&id, "5", b"{}") } else { "v1,AAAA v2,x".to_owned() };
            assert_eq!(call(id, signature).await.unwrap().status(), 204);
        }
        let (calls, ids, bytes) = endpoint.look(|noted| (noted.calls, noted.ids.len() as u64, noted.bytes));
        assert_eq!((calls, ids, bytes), (2 * SAMPLE, SAMPLE, 4 * SAMPLE));
        assert_eq!(endpoint.look(|noted| (noted.checked, noted.forged)), (2, 1));
        endpoint.stop().await.unwrap();
    }
}
