//! The client with which the provider is asked: the program's own HTTP client behind the interface of `openidconnect`.
//!
//! Bounded: each request in its time, each answer in its length. No redirect is followed.
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};

use crate::web::settings::SignIn;

/// Bytes of an answer at most.
const ANSWER_MAX: usize = 1 << 20;
/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(3);

/// The client.
pub struct Http(reqwest::Client);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request, or the connection.
    #[error("no answer: {0}")]
    Request(#[from] reqwest::Error),
    /// More than is read.
    #[error("the answer has more than {ANSWER_MAX} bytes")]
    TooLong,
    /// What came is no answer of HTTP.
    #[error("the answer is none of HTTP: {0}")]
    Malformed(#[from] openidconnect::http::Error),
}

impl Http {
    /// For one provider.
    pub fn new(settings: &SignIn) -> Result<Self, String> {
        // The crate is built without a provider of its own. Who installed one before has installed this one.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let builder = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT.min(settings.timeout))
            .timeout(settings.timeout)
            .user_agent(concat!("estafette/", env!("CARGO_PKG_VERSION")));
        // A provider on the own machine needs no certificates of the system, and a small container has none.
        let is_own = settings.issuer.starts_with("http:");
        let builder = if is_own { builder.tls_certs_only([]) } else { builder };
        builder.build().map(Self).map_err(|error| error.to_string())
    }

    async fn ask(&self, request: HttpRequest) -> Result<HttpResponse, Error> {
        let mut answer = self.0.execute(request.try_into()?).await?;
        let mut built = openidconnect::http::Response::builder().status(answer.status());
        for (name, value) in answer.headers() {
            built = built.header(name, value);
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await? {
            if body.len() + chunk.len() > ANSWER_MAX {
                return Err(Error::TooLong);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(built.body(body)?)
    }
}

impl<'c> AsyncHttpClient<'c> for Http {
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, Error>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.ask(request))
    }
}
