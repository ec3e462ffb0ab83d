//! A client of the HTTP API, for the commands that speak to a running broker.
use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Context, bail};
use reqwest::StatusCode;
use serde_json::Value;

/// Mistakes that are shown of an answer at most.
const SHOWN: usize = 20;

/// Where the broker is, and who asks.
#[derive(Clone, Debug, clap::Args)]
pub struct Target {
    /// Address of the API
    #[arg(long, env = "ESTAFETTE_API", default_value = "http://127.0.0.1:8080", value_name = "URL")]
    pub api: String,
    /// Bearer key of the sender, as made by `estafette key new`
    #[arg(long, env = "ESTAFETTE_KEY", hide_env_values = true, value_name = "KEY")]
    pub key: String,
}

/// The client.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    target: Target,
}

impl Client {
    /// To `target`.
    pub fn new(target: Target) -> anyhow::Result<Self> {
        // Installed once for the process; a second time is no mistake.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(5))
            .build()
            .context("the HTTP client can't be made")?;
        Ok(Self { http, target })
    }

    /// A request to a path under the API.
    pub fn request(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        let url = format!("{}{path}", self.target.api.trim_end_matches('/'));
        self.http.request(method, url).bearer_auth(&self.target.key)
    }

    /// Sends, and gives status and JSON of whatever is answered.
    async fn answer(&self, request: reqwest::RequestBuilder) -> anyhow::Result<(StatusCode, Value)> {
        let api = &self.target.api;
        let answer = request.send().await.with_context(|| format!("no broker answers at {api}; is it running?"))?;
        let status = answer.status();
        let body = answer.bytes().await.context("the answer broke off")?;
        Ok((status, serde_json::from_slice(&body).unwrap_or(Value::Null)))
    }

    /// Sends, and gives the JSON of a good answer; a bad one is told as it was said.
    pub async fn json(&self, request: reqwest::RequestBuilder) -> anyhow::Result<Value> {
        let (status, value) = self.answer(request).await?;
        Self::good(status, value)
    }

    /// GET of a path where nothing may be.
    pub async fn find(&self, path: &str) -> anyhow::Result<Option<Value>> {
        match self.answer(self.request(reqwest::Method::GET, path)).await? {
            (StatusCode::NOT_FOUND, _) => Ok(None),
            (status, value) => Self::good(status, value).map(Some),
        }
    }

    /// Sends, and gives a good answer as it comes; a bad one is told as it was said.
    pub async fn stream(&self, request: reqwest::RequestBuilder) -> anyhow::Result<reqwest::Response> {
        let api = &self.target.api;
        let answer = request.send().await.with_context(|| format!("no broker answers at {api}; is it running?"))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let body = answer.bytes().await.context("the answer broke off")?;
        Self::good(status, serde_json::from_slice(&body).unwrap_or(Value::Null))?;
        bail!("the broker answered {status}")
    }

    /// Sends, and gives the bytes of a good answer.
    pub async fn bytes(&self, request: reqwest::RequestBuilder) -> anyhow::Result<bytes::Bytes> {
        self.stream(request).await?.bytes().await.context("the answer broke off")
    }

    fn good(status: StatusCode, value: Value) -> anyhow::Result<Value> {
        if status.is_success() {
            return Ok(value);
        }
        let said = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let mut errors = String::new();
        let rows = value.get("rows").and_then(|rows| rows.get("errors"));
        let listed = [value.get("errors"), rows].into_iter().flatten().filter_map(Value::as_array);
        for error in listed.flatten().take(SHOWN) {
            let pointer = error.get("pointer").or_else(|| error.get("line"));
            let place = pointer.map(|at| at.as_str().map_or_else(|| at.to_string(), str::to_owned)).unwrap_or_default();
            let detail = error.get("detail").and_then(Value::as_str).unwrap_or_default();
            let _ = write!(errors, "\n  {place}: {detail}");
        }
        bail!("{} ({status}) {}{errors}", said("title"), said("detail"))
    }

    /// GET of a path.
    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.json(self.request(reqwest::Method::GET, path)).await
    }

    /// POST of a JSON document.
    pub async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.json(self.request(reqwest::Method::POST, path).json(body)).await
    }
}
