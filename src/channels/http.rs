//! HTTP to the channels: how connections are kept, and what an answer (or none) says of a letter.
//!
//! Owns the one table from HTTP results to outcomes. Invariant: a result is a failure only when the
//! channel is known not to have the letter; where it may have it, the outcome is unknown.
//!
//! | result | a look-up | a post that has an effect |
//! |---|---|---|
//! | no connection (refused, DNS, TLS, connect time limit) | channel_down | channel_down |
//! | no answer within the time limit | timeout | unknown |
//! | connection broken, or the answer cut short | channel_down | unknown |
//! | 429; 503 with Retry-After | throttled | throttled |
//! | 503 without | channel_down | channel_down |
//! | 401, 403 (our credentials; logged) | channel_down | channel_down |
//! | 408 | timeout | timeout |
//! | 413, and 400 or 422 with the code `INVALID_CONTENT` | invalid_content | invalid_content |
//! | other 4xx | rejected_by_channel | rejected_by_channel |
//! | 504 | timeout | unknown |
//! | other 5xx | channel_down | unknown |
//! | 3xx (never followed: a letter goes where the settings say) | channel_down | channel_down |
//! | 2xx that can't be read | channel_down | unknown |
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use estafette_actors::domain::failure::Failure;
use estafette_actors::domain::life::Outcome;
use estafette_actors::domain::status::AttemptStatus;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::Error;
use crate::announce::Reach;

/// How long a connection may take to come about; less where the whole time limit is shorter.
const CONNECT: Duration = Duration::from_secs(3);
/// Idle connections kept for each host: as many as a window of attempts is wide.
const IDLE_PER_HOST: usize = 256;
/// How long an idle connection is kept: shorter than servers do, so that a letter rarely meets a closed one.
const IDLE: Duration = Duration::from_secs(25);
/// Bytes of an answer at most.
const ANSWER_MAX: usize = 4 << 20;
/// The longest wait that a channel may ask for.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3_600);
/// Between two complaints about the same channel.
const COMPLAIN_EVERY: Duration = Duration::from_secs(30);

/// What a request does at the channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing: it can be asked again.
    LookUp,
    /// It may have taken the letter.
    Post,
}

/// What a channel answered with a 2xx.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    body: Vec<u8>,
}

impl Answer {
    /// The body as JSON.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Trouble> {
        serde_json::from_slice(&self.body).map_err(|_| Trouble::Unreadable)
    }
}

/// Why there is no answer to use. Holds nothing of a recipient or a content.
#[derive(Debug)]
pub enum Trouble {
    /// The request did not leave.
    NotSent,
    /// The time limit passed after it may have left.
    TimedOut,
    /// The connection broke after it may have left.
    Broken,
    /// A 2xx that is not in the form of the channel.
    Unreadable,
    /// Another status than 2xx.
    Status {
        /// The status.
        status: StatusCode,
        /// How long the channel asks to wait.
        retry_after: Option<Duration>,
        /// What it answered.
        body: Vec<u8>,
    },
}

impl Trouble {
    /// What it says of the letter: see the table of the module.
    pub fn outcome(&self, effect: Effect) -> Outcome {
        let unless_posted = |failure| match effect {
            Effect::LookUp => failed(failure),
            Effect::Post => Outcome::Unknown,
        };
        match self {
            Self::NotSent => failed(Failure::ChannelDown),
            Self::TimedOut => unless_posted(Failure::Timeout),
            Self::Broken | Self::Unreadable => unless_posted(Failure::ChannelDown),
            Self::Status { status, retry_after, body } => match (status.as_u16(), retry_after) {
                (429, pause) => Outcome::Throttled(*pause),
                (503, Some(pause)) => Outcome::Throttled(Some(*pause)),
                (503 | 401 | 403 | 300..=399, _) => failed(Failure::ChannelDown),
                (408, _) => failed(Failure::Timeout),
                (413, _) => failed(Failure::InvalidContent),
                (400 | 422, _) if blames_content(body) => failed(Failure::InvalidContent),
                (400..=499, _) => failed(Failure::RejectedByChannel),
                (504, _) => unless_posted(Failure::Timeout),
                _ => unless_posted(Failure::ChannelDown),
            },
        }
    }

    /// Whether the request was refused for what it says, so that nothing of it was taken and others may well be.
    pub fn blames_request(&self) -> bool {
        self.status().is_some_and(|status| matches!(status, 400..=499) && !matches!(status, 401 | 403 | 408 | 429))
    }

    /// The status, when there was one.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. } => Some(status.as_u16()),
            _ => None,
        }
    }

    /// In words, for the operator.
    pub fn words(&self) -> String {
        match self {
            Self::NotSent => "no connection".to_owned(),
            Self::TimedOut => "no answer in time".to_owned(),
            Self::Broken => "the connection broke".to_owned(),
            Self::Unreadable => "an answer that can't be read".to_owned(),
            Self::Status { status, .. } => format!("status {}", status.as_u16()),
        }
    }
}

/// The outcome that is a failure.
pub(super) fn failed(failure: Failure) -> Outcome {
    Outcome::Is(AttemptStatus::Failed(failure), None)
}

fn blames_content(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Refusal {
        code: String,
    }
    serde_json::from_slice::<Refusal>(body).is_ok_and(|refusal| refusal.code == "INVALID_CONTENT")
}

/// The connections to one channel.
#[derive(Debug)]
pub struct Peer {
    channel: &'static str,
    client: Client,
    complained: Mutex<Option<Instant>>,
}

impl Peer {
    /// Connections to `address`, each request within `timeout` from its start to the end of its answer.
    /// No proxy is used, and no redirect followed.
    pub fn new(channel: &'static str, address: &str, timeout: Duration) -> Result<Self, Error> {
        Self::made(channel, address, timeout, None)
    }

    /// As [`Self::new`], to addresses only that `reach` allows.
    pub fn within(channel: &'static str, address: &str, timeout: Duration, reach: &Reach) -> Result<Self, Error> {
        Self::made(channel, address, timeout, Some(reach))
    }

    fn made(channel: &'static str, address: &str, timeout: Duration, reach: Option<&Reach>) -> Result<Self, Error> {
        // The crate is built without a provider of its own. Who installed one before has installed this one.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let builder = Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .tcp_nodelay(true)
            .connect_timeout(CONNECT.min(timeout))
            .timeout(timeout)
            .pool_max_idle_per_host(IDLE_PER_HOST)
            .pool_idle_timeout(IDLE)
            .user_agent(concat!("estafette/", env!("CARGO_PKG_VERSION")));
        let builder = if address.starts_with("https:") {
            builder
        } else {
            // A simulator needs no certificates of the system, and a small container has none.
            builder.https_only(false).tls_certs_only([])
        };
        let builder = match reach {
            Some(reach) => builder.dns_resolver(Arc::new(reach.resolver(address.starts_with("https:")))),
            None => builder,
        };
        let client = builder.build().map_err(|error| {
            use std::error::Error as _;
            let cause = error.source().map_or_else(|| error.to_string(), ToString::to_string);
            Error::Client { channel, message: cause }
        })?;
        Ok(Self { channel, client, complained: Mutex::new(None) })
    }

    /// A request to be completed and given to [`Self::ask`].
    pub fn request(&self, method: Method, url: &str) -> RequestBuilder {
        self.client.request(method, url)
    }

    /// Sends a request, and reads the answer whole, so that the connection can be kept.
    pub async fn ask(&self, request: RequestBuilder) -> Result<Answer, Trouble> {
        let answer = self.ask_quietly(request).await;
        if let Err(Trouble::Status { status, .. }) = &answer
            && matches!(status.as_u16(), 401 | 403)
        {
            self.complain("the channel refuses our credentials: check its settings", status.as_u16());
        }
        answer
    }

    /// As [`Self::ask`], for a request whose refusal is not the last word.
    pub async fn ask_quietly(&self, request: RequestBuilder) -> Result<Answer, Trouble> {
        let mut response = request.send().await.map_err(|error| self.trouble(&error))?;
        let status = response.status();
        let retry_after = retry_after(response.headers());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.trouble(&error))? {
            if body.len() + chunk.len() > ANSWER_MAX {
                return Err(Trouble::Unreadable);
            }
            body.extend_from_slice(&chunk);
        }
        if status.is_success() {
            return Ok(Answer { status, body });
        }
        Err(Trouble::Status { status, retry_after, body })
    }

    /// Tells the operator what only he can mend; not more often than [`COMPLAIN_EVERY`].
    pub(super) fn complain(&self, what: &'static str, code: u16) {
        let mut last = self.complained.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if last.is_none_or(|last| now.duration_since(last) >= COMPLAIN_EVERY) {
            *last = Some(now);
            tracing::error!(channel = self.channel, code, "{what}");
        }
    }

    fn trouble(&self, error: &reqwest::Error) -> Trouble {
        if error.is_connect() || error.is_builder() {
            Trouble::NotSent
        } else if error.is_timeout() {
            Trouble::TimedOut
        } else {
            // The cause without the address, whose query may name a citizen.
            tracing::debug!(channel = self.channel, "the connection broke");
            Trouble::Broken
        }
    }
}

/// Seconds, or a date (RFC 9110, 10.2.3), as a wait of at most [`RETRY_AFTER_MAX`].
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = if let Ok(seconds) = text.parse::<u64>() {
        Duration::from_secs(seconds)
    } else {
        let at = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
        Duration::try_from(at.duration_since(jiff::Timestamp::now())).unwrap_or_default()
    };
    Some(wait.min(RETRY_AFTER_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(code: u16, retry_after: Option<Duration>, body: &str) -> Trouble {
        Trouble::Status { status: StatusCode::from_u16(code).unwrap(), retry_after, body: body.into() }
    }

    #[test]
    fn each_status_has_its_outcome() {
        let second = Some(Duration::from_secs(1));
        let content = r#"{"code": "INVALID_CONTENT"}"#;
        for (code, pause, body, look_up, post) in [
            (400, None, "", Some(Failure::RejectedByChannel), Some(Failure::RejectedByChannel)),
            (400, None, content, Some(Failure::InvalidContent), Some(Failure::InvalidContent)),
            (422, None, content, Some(Failure::InvalidContent), Some(Failure::InvalidContent)),
            (404, None, content, Some(Failure::RejectedByChannel), Some(Failure::RejectedByChannel)),
            (401, None, "", Some(Failure::ChannelDown), Some(Failure::ChannelDown)),
            (403, second, "", Some(Failure::ChannelDown), Some(Failure::ChannelDown)),
            (408, None, "", Some(Failure::Timeout), Some(Failure::Timeout)),
            (413, None, "", Some(Failure::InvalidContent), Some(Failure::InvalidContent)),
            (302, None, "", Some(Failure::ChannelDown), Some(Failure::ChannelDown)),
            (500, second, "", Some(Failure::ChannelDown), None),
            (502, None, "", Some(Failure::ChannelDown), None),
            (504, None, "", Some(Failure::Timeout), None),
            (503, None, "", Some(Failure::ChannelDown), Some(Failure::ChannelDown)),
        ] {
            let expect = |failure: Option<Failure>| failure.map_or(Outcome::Unknown, failed);
            let trouble = status(code, pause, body);
            assert_eq!(trouble.outcome(Effect::LookUp), expect(look_up), "{code}");
            assert_eq!(trouble.outcome(Effect::Post), expect(post), "{code}");
        }
        assert_eq!(status(429, None, "").outcome(Effect::Post), Outcome::Throttled(None));
        assert_eq!(status(429, second, "").outcome(Effect::Post), Outcome::Throttled(second));
        assert_eq!(status(503, second, "").outcome(Effect::LookUp), Outcome::Throttled(second));
    }

    #[test]
    fn a_wait_is_read_in_seconds_and_as_a_date_and_is_bounded() {
        let wait = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, text.parse().unwrap());
            retry_after(&headers)
        };
        assert_eq!(wait("7"), Some(Duration::from_secs(7)));
        assert_eq!(wait("99999999"), Some(RETRY_AFTER_MAX));
        assert_eq!(wait("Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::ZERO));
        assert_eq!(wait("Fri, 21 Oct 2095 07:28:00 GMT"), Some(RETRY_AFTER_MAX));
        assert_eq!(wait("soon"), None);
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }
}
