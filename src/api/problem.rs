//! Everything that this face refuses, as RFC 9457 problem details. [`Problem::kind`] says of which kind each is, and
//! [`kinds`] what is said of a kind, here, in the OpenAPI document and in docs/errors.md.
//!
//! Nothing here repeats what a caller sent: a problem names the place and says what to do.
use std::borrow::Cow;
use std::time::Duration;

use actix_web::http::header::{self, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpResponse, ResponseError};
use estafette_actors::messages::Refused;
use estafette_actors::ports::{ArchiveError, FeedError, JournalError};
use serde::Serialize;
use utoipa::ToSchema;

use super::register::{Found, Refused as RegisterRefused};
use super::upload::Tally;

mod described;
mod kinds;
#[cfg(test)]
mod page;

pub(super) use described::refuses;
pub use described::{examples, responses, sets};
use kinds::Again;
pub use kinds::Kind;

/// The media type of every refusal.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// One thing that is wrong in a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Fault {
    /// Where, as a JSON pointer into the body (RFC 6901), or the name of a header or query parameter.
    #[schema(example = "/recipient/niss")]
    pub pointer: String,
    /// What is wrong and what to do.
    pub detail: String,
    /// The code of the BCSS for it, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "MSG00008")]
    pub code: Option<&'static str>,
}

impl Fault {
    /// A fault at a place.
    pub fn new(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), detail: detail.into(), code: None }
    }
}

/// The problem details object, as written on the wire.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct Details<'p> {
    /// Names the kind of problem; stable.
    #[serde(rename = "type")]
    #[schema(value_type = Kind, example = "urn:estafette:problem:invalid-request")]
    kind: String,
    /// The same for every problem of the kind.
    title: &'static str,
    /// The status code of the answer.
    #[schema(example = 422)]
    status: u16,
    /// What happened here and what to do.
    #[schema(value_type = String)]
    detail: Cow<'p, str>,
    /// Each wrong thing in the request.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'p [Fault],
    /// The bad rows of an upload.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Tally, required = false)]
    rows: Option<&'p Tally>,
    /// The code of the BCSS for it, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    code: Option<&'static str>,
    /// The number of the file that is to be confirmed next.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    next: Option<u64>,
    /// Those who look like the same person.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    alike: &'p [Found],
}

/// Why a request is refused.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// No JSON.
    #[error("the body is not JSON: {0}; send one JSON value in UTF-8")]
    MalformedJson(String),
    /// JSON, with something wrong in it.
    #[error("{} of the request can't be accepted as given: see errors", parts(.0.len()))]
    InvalidRequest(Vec<Fault>),
    /// A query parameter that is wrong or unknown.
    #[error("the query can't be accepted as given: see errors")]
    InvalidQuery(Vec<Fault>),
    /// A header of an upload that is wrong.
    #[error("the header of the rows can't be accepted: see errors")]
    InvalidHeader(Vec<Fault>),
    /// An upload of which nothing was stored.
    #[error("{} rows can't be accepted and nothing was stored: see rows, mend them, or use on_error=keep", .0.refused)]
    BadRows(Box<Tally>),
    /// No key, or a wrong one.
    #[error("send a key of your institution as `Authorization: Bearer est_...`")]
    Unauthorized,
    /// A test key, where it may not go.
    #[error("a test key submits and looks up single messages to the sandbox here; use a live key for the rest")]
    LiveOnly,
    /// A test key where only live channels are.
    #[error("this is a test key and no sandbox runs here; use a live key")]
    TestKey,
    /// The institution isn't configured here.
    #[error("the institution of this key is not set up here; ask the operator")]
    UnknownInstitution,
    /// For operators only.
    #[error("this is for the operator's keys; ask the operator")]
    OperatorOnly,
    /// No such path.
    #[error("nothing is at this path; see /docs")]
    UnknownPath,
    /// Not known, or another's: the two can't be told apart.
    #[error("no such message or broadcast of yours; check the id")]
    NotFound,
    /// Not known.
    #[error("no provider of this name sends callbacks here; see /v1/limits")]
    UnknownProvider,
    /// A path with other methods.
    #[error("this method means nothing here; use {0}")]
    MethodNotAllowed(String),
    /// The wrong type of content.
    #[error("send the body as {0}, named in Content-Type")]
    UnsupportedMediaType(&'static str),
    /// Nothing that we can write is acceptable.
    #[error("accept {0}")]
    NotAcceptable(&'static str),
    /// More than is read.
    #[error("the body has more than {0} bytes; send less at once")]
    TooLarge(u64),
    /// The body came too slowly.
    #[error("the body did not arrive in time; send it faster, or less at once")]
    TooSlow,
    /// The body ended early or broke off.
    #[error("the body could not be read to its end; send it again")]
    BrokenBody,
    /// An Idempotency-Key that is no key.
    #[error("an Idempotency-Key has 1 to 255 visible ASCII characters")]
    InvalidIdempotencyKey,
    /// The first request with this key is not answered yet.
    #[error("a request with this Idempotency-Key is in progress; ask again when it is answered")]
    IdempotencyInProgress,
    /// The key was used for something else.
    #[error("this Idempotency-Key was used for another request; use a new key for a new message")]
    IdempotencyMismatch,
    /// Too late for what was asked.
    #[error("{0}")]
    Conflict(Cow<'static, str>),
    /// An upload for this broadcast, or its start, is under way.
    #[error("the broadcast is being filled or started by another request; send this one after it")]
    UploadInProgress,
    /// A callback without the provider's secret.
    #[error("the callback does not carry the secret of this provider")]
    CallbackSecret,
    /// A callback in another form.
    #[error("the callback is not in the provider's form: {0}")]
    CallbackForm(String),
    /// A place in the feed that was not given to this caller.
    #[error("this cursor was not given to you here; use `next` of a page, the id of an event, oldest or newest")]
    InvalidCursor,
    /// What followed the place is gone.
    #[error("what followed this cursor is not kept any more; begin anew with after=oldest, and look your messages up")]
    CursorTooOld,
    /// All streams are taken.
    #[error("too many streams of events are open; close one, or ask for pages")]
    TooManyStreams,
    /// No such webhook.
    #[error("no such webhook of yours; check the name")]
    UnknownWebhook,
    /// No more are allowed.
    #[error("you have {0} webhooks and no more are allowed; remove one")]
    TooManyWebhooks(usize),
    /// More requests than the institution may make.
    #[error("your institution makes more requests than it may; try again in {} s, and see /v1/limits", whole(.0))]
    RateLimited(Duration),
    /// Too much under way.
    #[error("too many requests are under way; try again in {} s", .0.as_secs().max(1))]
    Overloaded(Duration),
    /// A part is being replaced.
    #[error("the broker is restarting a part of itself; try again in a second")]
    Restarting,
    /// Nothing can be written.
    #[error("nothing can be accepted since the journal is read-only; the operator must mend it")]
    ReadOnly,
    /// A read failed.
    #[error("what was asked for can't be read just now; try again, then tell the operator")]
    Unreadable,
    /// No room to keep an upload while it is checked.
    #[error("the upload can't be kept while it is checked; try again, then tell the operator")]
    Spool,
    /// The disk is nearly full.
    #[error("the disk of the broker is nearly full: nothing more is accepted until the operator has made room")]
    DiskFull,
    /// What the register refuses.
    #[error("{}", .0.detail)]
    Register(Box<RegisterRefused>),
    /// The suppression lists hold no more.
    #[error("the suppression lists hold as many entries as they may: take some off, or ask the operator for more room")]
    ListFull,
}

/// Seconds, none of them left out.
fn whole(wait: &Duration) -> u64 {
    u64::try_from(wait.as_millis().div_ceil(1_000)).unwrap_or(u64::MAX).max(1)
}

fn parts(count: usize) -> String {
    if count == 1 { "one part".to_owned() } else { format!("{count} parts") }
}

impl Problem {
    /// Its kind, which says all that is the same for every problem of it.
    pub fn kind(&self) -> Kind {
        match self {
            Self::MalformedJson(_) => Kind::MalformedJson,
            Self::InvalidRequest(_) => Kind::InvalidRequest,
            Self::InvalidQuery(_) => Kind::InvalidQuery,
            Self::InvalidHeader(_) => Kind::InvalidHeader,
            Self::BadRows(_) => Kind::BadRows,
            Self::Unauthorized => Kind::Unauthorized,
            Self::TestKey | Self::LiveOnly => Kind::TestKey,
            Self::UnknownInstitution => Kind::UnknownInstitution,
            Self::OperatorOnly => Kind::OperatorOnly,
            Self::UnknownPath => Kind::UnknownPath,
            Self::NotFound => Kind::NotFound,
            Self::UnknownProvider => Kind::UnknownProvider,
            Self::MethodNotAllowed(_) => Kind::MethodNotAllowed,
            Self::UnsupportedMediaType(_) => Kind::UnsupportedMediaType,
            Self::NotAcceptable(_) => Kind::NotAcceptable,
            Self::TooLarge(_) => Kind::TooLarge,
            Self::TooSlow => Kind::TooSlow,
            Self::BrokenBody => Kind::BrokenBody,
            Self::InvalidIdempotencyKey => Kind::InvalidIdempotencyKey,
            Self::IdempotencyInProgress => Kind::IdempotencyInProgress,
            Self::IdempotencyMismatch => Kind::IdempotencyMismatch,
            Self::Conflict(_) => Kind::Conflict,
            Self::UploadInProgress => Kind::UploadInProgress,
            Self::CallbackSecret => Kind::CallbackSecret,
            Self::CallbackForm(_) => Kind::CallbackForm,
            Self::InvalidCursor => Kind::InvalidCursor,
            Self::CursorTooOld => Kind::CursorTooOld,
            Self::TooManyStreams => Kind::TooManyStreams,
            Self::RateLimited(_) => Kind::RateLimited,
            Self::UnknownWebhook => Kind::UnknownWebhook,
            Self::TooManyWebhooks(_) => Kind::TooManyWebhooks,
            Self::Overloaded(_) => Kind::Overloaded,
            Self::Restarting => Kind::Restarting,
            Self::ReadOnly => Kind::ReadOnly,
            Self::Unreadable => Kind::Unreadable,
            Self::Spool => Kind::Spool,
            Self::DiskFull => Kind::DiskFull,
            Self::ListFull => Kind::ListFull,
            Self::Register(refused) => refused.kind,
        }
    }

    /// The faults listed in it.
    pub fn faults(&self) -> &[Fault] {
        match self {
            Self::InvalidRequest(faults) | Self::InvalidQuery(faults) | Self::InvalidHeader(faults) => faults,
            Self::Register(refused) => &refused.errors,
            _ => &[],
        }
    }

    /// Seconds after which it may succeed, where that is known.
    pub fn retry_after(&self) -> Option<u64> {
        match (self, self.kind().about().again) {
            (Self::RateLimited(after), _) => Some(whole(after)),
            (Self::Overloaded(after), _) => Some(after.as_secs().max(1)),
            (_, Again::After(seconds)) => Some(seconds),
            (_, Again::Mended | Again::Perhaps) => None,
        }
    }

    /// What is written of it.
    fn details(&self) -> Details<'_> {
        let kind = self.kind();
        let refused = match self {
            Self::Register(refused) => Some(&**refused),
            _ => None,
        };
        Details {
            kind: kind.urn(),
            title: kind.about().title,
            status: kind.about().status.as_u16(),
            detail: self.to_string().into(),
            errors: self.faults(),
            rows: match self {
                Self::BadRows(tally) => Some(tally),
                _ => None,
            },
            code: refused.and_then(|refused| refused.code),
            next: refused.and_then(|refused| refused.next),
            alike: refused.map_or(&[], |refused| &refused.alike),
        }
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.kind().about().status
    }

    fn error_response(&self) -> HttpResponse {
        let details = self.details();
        let mut answer = HttpResponse::build(self.status_code());
        answer.insert_header((header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE)));
        if let Some(after) = self.retry_after() {
            answer.insert_header((header::RETRY_AFTER, after));
        }
        match self {
            Self::Unauthorized => {
                answer.insert_header((header::WWW_AUTHENTICATE, "Bearer realm=\"estafette\""));
            }
            Self::CallbackSecret => {
                answer.insert_header((header::WWW_AUTHENTICATE, "Callback realm=\"estafette\""));
            }
            Self::MethodNotAllowed(methods) => {
                answer.insert_header((header::ALLOW, methods.as_str()));
            }
            // What is left of the body is not worth reading.
            Self::TooLarge(_) | Self::TooSlow => {
                answer.force_close();
            }
            _ => {}
        }
        answer.body(serde_json::to_vec(&details).unwrap_or_default())
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Overloaded { retry_after } => Self::Overloaded(retry_after),
            Refused::Restarting => Self::Restarting,
            Refused::Journal(error) => error.into(),
            Refused::Archive(error) => error.into(),
            Refused::NotFound => Self::NotFound,
            Refused::Conflict(why) => Self::Conflict(why.into()),
        }
    }
}

impl From<JournalError> for Problem {
    fn from(error: JournalError) -> Self {
        match error {
            JournalError::ReadOnly(_) => Self::ReadOnly,
            JournalError::Full => Self::DiskFull,
            JournalError::Overloaded => Self::Overloaded(Duration::from_secs(1)),
        }
    }
}

impl From<ArchiveError> for Problem {
    fn from(error: ArchiveError) -> Self {
        tracing::error!(%error, "a read for the HTTP face failed");
        Self::Unreadable
    }
}

impl From<FeedError> for Problem {
    fn from(error: FeedError) -> Self {
        match error {
            FeedError::TooOld => Self::CursorTooOld,
            FeedError::Archive(error) => error.into(),
        }
    }
}

/// The names of methods as `Allow` lists them.
pub fn allow(methods: &[Method]) -> String {
    let mut names: Vec<&str> = methods.iter().map(Method::as_str).collect();
    names.sort_unstable();
    names.dedup();
    names.join(", ")
}
