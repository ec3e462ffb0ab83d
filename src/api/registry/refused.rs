//! Everything that this face refuses, in the form that its definitions give an error: `StatusMessage`.
//!
//! Nothing here repeats what a caller sent, and nothing tells what is another's. The `id` of an answer stands in the log where the
//! program itself is to blame.
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpResponse, ResponseError};
use estafette_actors::domain::mailbox::document::Scan;
use estafette_actors::ebox::Refusal;
use estafette_actors::ports::mailbox::{ContentTrouble, Trouble};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::example::{Example, ExampleBuilder};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{ContentBuilder, Header, Ref, RefOr, Response, ResponseBuilder};
use uuid::Uuid;

use super::codes::Code;
use crate::api::json::Faults;
use crate::api::problem::{Fault, Kind, Problem};

/// The schema of every refusal.
const SCHEMA: &str = "EboxStatusMessage";
/// Mistakes that one message names at most.
const NAMED: usize = 10;

/// An error, as the definitions have it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EboxStatusMessage)]
pub struct StatusMessage<'r> {
    /// Of this answer: the operator finds it in the log where the program is to blame.
    id: Uuid,
    /// What it is. Stable; more may be added.
    #[schema(example = "INVALID_INPUT")]
    code: &'static str,
    /// What happened and what to do.
    #[schema(example = "/recipient/eboxType: give citizen or enterprise")]
    message: &'r str,
}

/// Why something is not done.
#[derive(Debug)]
pub struct Refused {
    /// What it is.
    pub code: Code,
    /// What happened and what to do.
    pub message: Cow<'static, str>,
    /// The answer's `Content-Range`, where a range can't be satisfied.
    range: Option<u64>,
    /// After how many seconds it may succeed.
    again_s: Option<u64>,
    /// The body is not worth reading on.
    ends: bool,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Refused {
    /// With a code.
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), range: None, again_s: code.about().again_s, ends: false }
    }

    /// The caller may not, whatever it was that they lack.
    pub fn not_allowed(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::NotAllowed, message)
    }

    /// A client makes more requests than it may, or all those that are not set up here together do.
    pub fn limited(wait: Duration, is_set_up: bool) -> Self {
        let refused = Self::from(Problem::RateLimited(wait));
        let who = if is_set_up {
            "this client makes more requests than it may"
        } else {
            "clients that are not set up here make more requests together than they may, so ask the operator to set yours up"
        };
        let message = format!("{who}; try again in {} s", refused.again_s.unwrap_or(1));
        Self { message: message.into(), ..refused }
    }

    /// A place of the body or a header.
    pub fn input(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::InvalidInput, message)
    }

    /// None of the bytes asked for are among so many.
    pub fn range(size: u64) -> Self {
        let message = "the content has none of these bytes: see Content-Range for how many it has";
        Self { range: Some(size), ..Self::new(Code::RangeNotSatisfiable, message) }
    }

    /// All that was found wrong in a body.
    pub fn faults(code: Code, faults: Vec<Fault>) -> Self {
        let more = faults.len().saturating_sub(NAMED);
        let named = faults.into_iter().take(NAMED).map(|Fault { pointer, detail, .. }| {
            if pointer.is_empty() { detail } else { format!("{pointer}: {detail}") }
        });
        let mut message = named.collect::<Vec<_>>().join("; ");
        if more > 0 {
            message = format!("{message}; and {more} more");
        }
        Self::new(code, message)
    }

    /// What was read, unless something was wrong.
    pub fn unless<T>(read: Option<T>, faults: Faults) -> Result<T, Self> {
        match read {
            Some(read) if faults.is_empty() => Ok(read),
            _ => Err(Self::faults(Code::InvalidInput, faults.into_inner())),
        }
    }

    /// The same where the definition knows no 401.
    #[must_use]
    pub fn forbidden(self) -> Self {
        match self.code {
            Code::Unauthorized | Code::NotAllowed | Code::NoConsent => Self { code: Code::Forbidden, ..self },
            _ => self,
        }
    }

    /// The connection ends with the answer.
    #[must_use]
    pub fn ending(self) -> Self {
        Self { ends: true, ..self }
    }
}

impl ResponseError for Refused {
    fn status_code(&self) -> StatusCode {
        self.code.about().status
    }

    fn error_response(&self) -> HttpResponse {
        let about = self.code.about();
        let id = Uuid::new_v4();
        if about.status.is_server_error() && about.again_s.is_none() {
            tracing::error!(%id, code = about.name, message = &*self.message, "a mailbox could not be served");
        }
        let mut answer = HttpResponse::build(about.status);
        answer.insert_header((header::CONTENT_TYPE, HeaderValue::from_static("application/json")));
        answer.insert_header((header::CACHE_CONTROL, HeaderValue::from_static("no-store")));
        if let Some(seconds) = self.again_s {
            answer.insert_header((header::RETRY_AFTER, seconds));
        }
        let challenge = match self.code {
            Code::Unauthorized => Some("Bearer realm=\"estafette\", error=\"invalid_token\""),
            Code::NotAllowed => Some("Bearer realm=\"estafette\", error=\"insufficient_scope\""),
            Code::NoConsent | Code::Forbidden => Some("Bearer realm=\"estafette\""),
            _ => None,
        };
        if let Some(challenge) = challenge {
            answer.insert_header((header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge)));
        }
        if let Some(size) = self.range {
            answer.insert_header((header::CONTENT_RANGE, format!("bytes */{size}")));
        }
        if self.ends {
            answer.force_close();
        }
        let message = StatusMessage { id, code: about.name, message: &self.message };
        answer.body(serde_json::to_vec(&message).unwrap_or_default())
    }
}

impl From<Problem> for Refused {
    /// What all of the program refuses alike, in the words of this face.
    fn from(problem: Problem) -> Self {
        let code = match problem.kind() {
            Kind::MalformedJson => Code::InvalidJson,
            Kind::BrokenBody => Code::BrokenBody,
            Kind::InvalidQuery => return Self::faults(Code::InvalidQuery, problem.faults().to_vec()),
            Kind::InvalidRequest => return Self::faults(Code::InvalidInput, problem.faults().to_vec()),
            Kind::InvalidIdempotencyKey => Code::InvalidInput,
            Kind::UnsupportedMediaType => Code::InvalidMediaType,
            Kind::Unauthorized => Code::Unauthorized,
            Kind::TestKey | Kind::UnknownInstitution | Kind::OperatorOnly => Code::NotAllowed,
            Kind::NotFound => Code::NotFound,
            Kind::TooSlow => Code::TooSlow,
            Kind::TooLarge => Code::TooLarge,
            Kind::RateLimited => Code::RateLimited,
            Kind::ReadOnly => Code::ReadOnly,
            Kind::DiskFull | Kind::Spool => Code::NoRoom,
            Kind::Overloaded | Kind::Restarting => Code::Overloaded,
            _ => Code::Unreadable,
        };
        let ends = matches!(code, Code::TooLarge | Code::TooSlow);
        let again_s = problem.retry_after().or(code.about().again_s);
        Self { again_s, ends, ..Self::new(code, problem.to_string()) }
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        let code = match &refusal {
            Refusal::Trouble(trouble) => return trouble.clone().into(),
            Refusal::UnknownType | Refusal::UnknownApplication | Refusal::NotOfApplication => Code::InvalidSender,
            Refusal::WrongAudience(_) | Refusal::Recipients => Code::InvalidRecipient,
            Refusal::NotRegistered | Refusal::Document(_) => Code::InvalidDocument,
            Refusal::NoReply => Code::InvalidReply,
            Refusal::NotActive => Code::NotActive,
            Refusal::NoConsent => Code::NoConsent,
        };
        Self::new(code, refusal.to_string())
    }
}

impl From<Trouble> for Refused {
    fn from(trouble: Trouble) -> Self {
        let code = match &trouble {
            Trouble::Overloaded => Code::Overloaded,
            Trouble::ReadOnly(why) => {
                tracing::error!(why, "the mailbox takes no changes");
                return Self::new(
                    Code::ReadOnly,
                    "the mailbox takes no changes until the operator mended it: try again later",
                );
            }
            Trouble::Unreadable(why) => {
                tracing::error!(why, "a mailbox can't be read");
                return Self::new(
                    Code::Unreadable,
                    "the mailbox can't be read just now: try again, then tell the operator the id",
                );
            }
            Trouble::Full => Code::NoRoom,
            Trouble::NotFound => Code::NotFound,
            Trouble::Duplicate(_) | Trouble::KeyReused => Code::Duplicate,
            Trouble::TooMany(_) => Code::InvalidInput,
            Trouble::ProviderAway => Code::ProviderAway,
            Trouble::ProviderWrong => Code::ProviderWrong,
            Trouble::NotReadable(Scan::Quarantined) => Code::Quarantined,
            Trouble::NotReadable(_) => Code::BeingScanned,
        };
        Self::new(code, trouble.to_string())
    }
}

impl From<ContentTrouble> for Refused {
    fn from(trouble: ContentTrouble) -> Self {
        let code = match &trouble {
            ContentTrouble::TooLarge(_) => return Self::new(Code::TooLarge, trouble.to_string()).ending(),
            ContentTrouble::Broken => Code::BrokenBody,
            ContentTrouble::Gone => Code::NotFound,
            ContentTrouble::Store(why) => {
                tracing::error!(why, "the store of documents does not answer");
                return Self::new(Code::Overloaded, "the store of documents does not answer: try again in a minute");
            }
            ContentTrouble::Full => Code::NoRoom,
        };
        Self::new(code, trouble.to_string())
    }
}

/// Names what an operation may refuse, as a type that its description lists among the responses.
macro_rules! refusing {
    ($name:ident: $($codes:expr),+ $(,)?) => {
        struct $name;

        impl utoipa::IntoResponses for $name {
            fn responses() -> std::collections::BTreeMap<String, utoipa::openapi::RefOr<utoipa::openapi::Response>> {
                $crate::api::registry::refused::responses(&[$($codes),+])
            }
        }
    };
}
pub(super) use refusing;

/// One example of each code, under its name in the OpenAPI document.
pub fn examples() -> impl Iterator<Item = (String, Example)> {
    Code::ALL.iter().map(|code| {
        let about = code.about();
        let id = Uuid::from_u128(0xc1ad_a0e5_3a4d_4f0a_9c1e_5f6d_0d2b_9a10);
        let message = StatusMessage { id, code: about.name, message: about.when };
        let value = serde_json::to_value(message).unwrap_or_default();
        (example_of(*code), ExampleBuilder::new().summary(about.name).value(Some(value)).build())
    })
}

fn example_of(code: Code) -> String {
    format!("ebox-{}", code.about().name)
}

/// The responses of these codes, one for each status, with the example of each code.
pub fn responses(sets: &[&[Code]]) -> BTreeMap<String, RefOr<Response>> {
    let mut by_status = BTreeMap::<u16, Vec<Code>>::new();
    for code in sets.iter().copied().flatten() {
        let same = by_status.entry(code.about().status.as_u16()).or_default();
        if !same.contains(code) {
            same.push(*code);
        }
    }
    by_status.into_iter().map(|(status, codes)| (status.to_string(), response(&codes).into())).collect()
}

fn response(codes: &[Code]) -> Response {
    let lines: Vec<_> = codes.iter().map(|code| format!("`{}`: {}", code.about().name, code.about().when)).collect();
    let examples = codes.iter().map(|code| {
        let name = example_of(*code);
        let to = RefOr::Ref(Ref::new(format!("#/components/examples/{name}")));
        (name, to)
    });
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name(SCHEMA)))
        .examples_from_iter(examples.collect::<BTreeMap<_, _>>());
    let mut response =
        ResponseBuilder::new().description(lines.join("\n\n")).content("application/json", content.build());
    if codes.iter().any(|code| code.about().again_s.is_some()) {
        let seconds = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1));
        let mut header = Header::new(seconds.build());
        header.description = Some("Seconds to wait before it is sent again".to_owned());
        response = response.header("Retry-After", header);
    }
    response.build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_of_the_program_has_a_code_and_none_that_blames_the_program_when_the_caller_is_to_blame() {
        for (problem, code) in [
            (Problem::Unauthorized, Code::Unauthorized),
            (Problem::LiveOnly, Code::NotAllowed),
            (Problem::OperatorOnly, Code::NotAllowed),
            (Problem::TooLarge(7), Code::TooLarge),
            (Problem::TooSlow, Code::TooSlow),
            (Problem::UnsupportedMediaType("application/json"), Code::InvalidMediaType),
            (Problem::MalformedJson("a syntax error".to_owned()), Code::InvalidJson),
            (Problem::Restarting, Code::Overloaded),
        ] {
            assert_eq!(Refused::from(problem).code, code);
        }
        let faults = (0..12).map(|n| Fault::new(format!("/{n}"), "wrong")).collect();
        let many = Refused::from(Problem::InvalidRequest(faults));
        assert!(many.message.starts_with("/0: wrong; /1: wrong") && many.message.ends_with("; and 2 more"), "{many}");
    }

    #[test]
    fn where_no_401_is_defined_it_is_a_403_and_nothing_else_changes() {
        assert_eq!(Refused::not_allowed("x").forbidden().status_code(), StatusCode::FORBIDDEN);
        assert_eq!(Refused::input("x").forbidden().status_code(), StatusCode::BAD_REQUEST);
    }
}
