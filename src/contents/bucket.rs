//! An S3 bucket, of Amazon or of another who speaks its protocol.
//!
//! Invariant: the key never reaches a log or an error. No proxy is used and no redirect followed.
use std::path::PathBuf;
use std::time::Duration;

use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::client::{HttpClient, HttpConnector};
use object_store::path::Path;
use object_store::{BackoffConfig, ClientOptions, RetryConfig};

use super::Error;
use crate::channels::Secret;

/// Between two parts of an answer at most.
const READ: Duration = Duration::from_secs(30);
const CONNECT: Duration = Duration::from_secs(5);
/// Idle connections that are kept.
const IDLE: usize = 64;
const IDLE_FOR: Duration = Duration::from_secs(25);
/// How often a request is repeated that was refused for the moment, and for how long.
const RETRIES: usize = 3;
const RETRY_FOR: Duration = Duration::from_secs(20);

/// Which bucket, and with which key.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The address, with `http://` or `https://`, without the bucket: `https://s3.eu-west-3.amazonaws.com`.
    pub endpoint: String,
    /// The bucket; it is there.
    pub bucket: String,
    /// What is before the names of contents in it, such as `mailbox`; empty for nothing.
    pub prefix: String,
    /// Its region, which is part of the signature.
    pub region: String,
    /// The name of the key.
    pub key_id: String,
    /// The key.
    pub secret: Secret,
    /// Lets an address begin with `http://`: for tests.
    pub allow_http: bool,
}

impl Settings {
    /// The address of the bucket, for people.
    pub(super) fn place(&self) -> PathBuf {
        let whole = format!("{}/{}/{}", self.endpoint.trim_end_matches('/'), self.bucket, self.prefix);
        PathBuf::from(whole.trim_end_matches('/'))
    }

    /// What is before the names.
    pub(super) fn prefix(&self) -> Result<Path, Error> {
        let wrong = |_| Error::Bucket("give a prefix of plain names, such as mailbox".to_owned());
        Path::parse(&self.prefix).map_err(wrong)
    }
}

/// What a request goes over.
#[derive(Debug)]
struct Connector(reqwest::Client);

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.0.clone()))
    }
}

/// Makes it; nothing is asked yet.
pub(super) fn open(settings: &Settings) -> Result<AmazonS3, Error> {
    let is_encrypted = settings.endpoint.starts_with("https://");
    let is_plain = settings.allow_http && settings.endpoint.starts_with("http://");
    if !(is_encrypted || is_plain) {
        return Err(Error::Bucket("give an endpoint that begins with https://, or allow http for a test".to_owned()));
    }
    for (what, text) in
        [("a bucket", &settings.bucket), ("a region", &settings.region), ("a key's id", &settings.key_id)]
    {
        if text.trim().is_empty() {
            return Err(Error::Bucket(format!("give {what}")));
        }
    }
    // Who installed a provider before has installed this one.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .tcp_nodelay(true)
        .connect_timeout(CONNECT)
        .read_timeout(READ)
        .pool_max_idle_per_host(IDLE)
        .pool_idle_timeout(IDLE_FOR)
        .https_only(is_encrypted);
    let client = if is_encrypted { client } else { client.tls_certs_only([]) };
    let client = client
        .build()
        .map_err(|_| Error::Bucket("no HTTPS client: install the certificates of the system".to_owned()))?;
    let backoff =
        BackoffConfig { init_backoff: Duration::from_millis(100), max_backoff: Duration::from_secs(2), base: 2. };
    AmazonS3Builder::new()
        .with_endpoint(&settings.endpoint)
        .with_bucket_name(&settings.bucket)
        .with_region(&settings.region)
        .with_access_key_id(&settings.key_id)
        .with_secret_access_key(settings.secret.expose())
        .with_allow_http(settings.allow_http)
        .with_retry(RetryConfig { backoff, max_retries: RETRIES, retry_timeout: RETRY_FOR })
        .with_http_connector(Connector(client))
        .build()
        .map_err(|_| Error::Bucket("check its endpoint, bucket and region".to_owned()))
}
