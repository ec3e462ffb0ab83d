//! Problems in the OpenAPI document: the schema of `type`, one example of each kind, and what each operation may
//! refuse. Each example is written by the code that writes the answers.
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use utoipa::openapi::example::{Example, ExampleBuilder};
use utoipa::openapi::schema::{Object, ObjectBuilder, Schema, Type};
use utoipa::openapi::{ContentBuilder, Header, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{PartialSchema, ToSchema};

use super::kinds::{Again, Kind};
use super::{Fault, MEDIA_TYPE, Problem};
use crate::api::register;
use crate::api::rows::BadRow;
use crate::api::upload::Tally;

/// What operations of one sort have in common.
pub mod sets {
    use super::Kind;

    /// Every operation that asks for a key.
    pub const KEYED: &[Kind] = &[Kind::Unauthorized, Kind::TestKey, Kind::RateLimited];
    /// Those of the register.
    pub const REGISTER: &[Kind] =
        &[Kind::RegisterOff, Kind::InvalidCorrelationId, Kind::LegalContext, Kind::UnknownInstitution];
    /// Those that ask the authentic source of persons.
    pub const SOURCE: &[Kind] = &[Kind::SourceAway, Kind::SourceRefuses];
    /// Those that look into the institution's configuration.
    pub const PROFILED: &[Kind] = &[Kind::UnknownInstitution];
    /// Those that take a body of some type.
    pub const BODY: &[Kind] = &[Kind::BrokenBody, Kind::TooSlow, Kind::TooLarge, Kind::UnsupportedMediaType];
    /// Those that read JSON out of it.
    pub const JSON: &[Kind] = &[Kind::MalformedJson, Kind::InvalidRequest];
    /// Those that read what is on disk.
    pub const READING: &[Kind] = &[Kind::Unreadable];
    /// Those that make the journal grow.
    pub const GROWING: &[Kind] = &[Kind::DiskFull];
    /// Those that are answered by an actor, or after a commit.
    pub const WRITING: &[Kind] = &[Kind::Overloaded, Kind::Restarting, Kind::ReadOnly];
}

/// Names what an operation may refuse, as a type that its description lists among the responses.
macro_rules! refuses {
    ($name:ident: $($kinds:expr),+ $(,)?) => {
        struct $name;

        impl utoipa::IntoResponses for $name {
            fn responses() -> std::collections::BTreeMap<String, utoipa::openapi::RefOr<utoipa::openapi::Response>> {
                $crate::api::problem::responses(&[$($kinds),+])
            }
        }
    };
}
pub(in crate::api) use refuses;

impl PartialSchema for Kind {
    fn schema() -> RefOr<Schema> {
        let names = Self::ALL.iter().map(|kind| kind.urn());
        let about = "Every kind of problem. Stable: a program may depend on it. More may be added.";
        let schema = ObjectBuilder::new().schema_type(Type::String).description(Some(about)).enum_values(Some(names));
        schema.build().into()
    }
}

impl ToSchema for Kind {
    fn name() -> Cow<'static, str> {
        "ProblemType".into()
    }
}

/// A problem of a kind, as it might happen.
fn sample(kind: Kind) -> Problem {
    let faults = |pointer: &str, detail: &str| vec![Fault::new(pointer, detail)];
    let column = || "the last two digits of this NISS don't fit the others: check the number for a typing mistake";
    match kind {
        Kind::MalformedJson => Problem::MalformedJson("a syntax error at line 1, column 17".to_owned()),
        Kind::BrokenBody => Problem::BrokenBody,
        Kind::InvalidQuery => Problem::InvalidQuery(faults("limit", "give 1 to 500")),
        Kind::InvalidCursor => Problem::InvalidCursor,
        Kind::InvalidIdempotencyKey => Problem::InvalidIdempotencyKey,
        Kind::CallbackForm => Problem::CallbackForm("the body is not JSON".to_owned()),
        Kind::Unauthorized => Problem::Unauthorized,
        Kind::CallbackSecret => Problem::CallbackSecret,
        Kind::TestKey => Problem::LiveOnly,
        Kind::UnknownInstitution => Problem::UnknownInstitution,
        Kind::OperatorOnly => Problem::OperatorOnly,
        Kind::UnknownPath => Problem::UnknownPath,
        Kind::NotFound => Problem::NotFound,
        Kind::UnknownProvider => Problem::UnknownProvider,
        Kind::UnknownWebhook => Problem::UnknownWebhook,
        Kind::MethodNotAllowed => Problem::MethodNotAllowed("GET, POST".to_owned()),
        Kind::NotAcceptable => Problem::NotAcceptable("application/x-ndjson or text/csv"),
        Kind::TooSlow => Problem::TooSlow,
        Kind::IdempotencyInProgress => Problem::IdempotencyInProgress,
        Kind::Conflict => {
            Problem::Conflict("the message is settled already: delivered; nothing is left to cancel".into())
        }
        Kind::UploadInProgress => Problem::UploadInProgress,
        Kind::TooManyWebhooks => Problem::TooManyWebhooks(10),
        Kind::CursorTooOld => Problem::CursorTooOld,
        Kind::TooLarge => Problem::TooLarge(524_288),
        Kind::UnsupportedMediaType => Problem::UnsupportedMediaType("application/json"),
        Kind::InvalidRequest => Problem::InvalidRequest(faults("/recipient/niss", column())),
        Kind::InvalidHeader => Problem::InvalidHeader(faults("var.NAME", "missing: the content has this variable")),
        Kind::BadRows => {
            let row = BadRow { line: 3, column: "niss".to_owned(), detail: column().to_owned(), code: None };
            Problem::BadRows(Box::new(Tally { accepted: 0, refused: 1, errors: vec![row] }))
        }
        Kind::IdempotencyMismatch => Problem::IdempotencyMismatch,
        Kind::RateLimited => Problem::RateLimited(Duration::from_secs(1)),
        Kind::TooManyStreams => Problem::TooManyStreams,
        Kind::Unreadable => Problem::Unreadable,
        Kind::Overloaded => Problem::Overloaded(Duration::from_secs(1)),
        Kind::Restarting => Problem::Restarting,
        Kind::ReadOnly => Problem::ReadOnly,
        Kind::Spool => Problem::Spool,
        Kind::DiskFull => Problem::DiskFull,
        Kind::ListFull => Problem::ListFull,
        other => register::sample(other),
    }
}

/// One example of each kind, under its slug.
pub fn examples() -> impl Iterator<Item = (&'static str, Example)> {
    Kind::ALL.iter().map(|kind| {
        let about = kind.about();
        let value = serde_json::to_value(sample(*kind).details()).unwrap_or(Value::Null);
        let description = format!("{} {}", about.when, about.advice);
        let example = ExampleBuilder::new().summary(about.title).description(description).value(Some(value));
        (about.slug, example.build())
    })
}

/// The responses of these kinds, one for each status, with the example of each kind.
pub fn responses(sets: &[&[Kind]]) -> BTreeMap<String, RefOr<Response>> {
    let mut by_status = BTreeMap::<u16, Vec<Kind>>::new();
    for kind in sets.iter().copied().flatten() {
        let same = by_status.entry(kind.about().status.as_u16()).or_default();
        if !same.contains(kind) {
            same.push(*kind);
        }
    }
    by_status.into_iter().map(|(status, kinds)| (status.to_string(), response(&kinds).into())).collect()
}

fn response(kinds: &[Kind]) -> Response {
    let lines: Vec<_> = kinds.iter().map(|kind| format!("`{}`: {}", kind.about().slug, kind.about().when)).collect();
    let examples = kinds.iter().map(|kind| {
        let slug = kind.about().slug;
        (slug.to_owned(), RefOr::Ref(Ref::new(format!("#/components/examples/{slug}"))))
    });
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("Problem")))
        .examples_from_iter(examples.collect::<BTreeMap<_, _>>());
    let mut response = ResponseBuilder::new().description(lines.join("\n\n")).content(MEDIA_TYPE, content.build());
    if kinds.iter().any(|kind| matches!(kind.about().again, Again::After(_))) {
        let schema = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1));
        response = response.header("Retry-After", header(schema.build(), "Seconds to wait before it is sent again"));
    }
    if kinds.iter().any(|kind| matches!(kind, Kind::Unauthorized | Kind::CallbackSecret)) {
        let schema = Object::with_type(Type::String);
        response = response.header("WWW-Authenticate", header(schema, "What is asked for"));
    }
    response.build()
}

fn header(schema: Object, description: &str) -> Header {
    let mut header = Header::new(schema);
    header.description = Some(description.to_owned());
    header
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_kind_has_a_slug_of_its_own_and_an_example_of_itself() {
        let slugs: HashSet<_> = Kind::ALL.iter().map(|kind| kind.about().slug).collect();
        assert_eq!(slugs.len(), Kind::ALL.len());
        for kind in Kind::ALL {
            assert_eq!(sample(*kind).kind(), *kind);
            assert!(!sample(*kind).to_string().is_empty());
        }
    }

    #[test]
    fn a_kind_that_is_to_be_sent_again_says_after_how_many_seconds() {
        for kind in Kind::ALL {
            let promised = matches!(kind.about().again, Again::After(_));
            assert_eq!(sample(*kind).retry_after().is_some(), promised, "{kind:?}");
        }
    }
}
