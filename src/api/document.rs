//! The routes, the OpenAPI 3.1 document that is made of them, its pages, and the answers to what
//! is not in it: 405 with the methods that the document knows for a path, or 404.
use std::sync::LazyLock;

use actix_web::http::{Method, header};
use actix_web::{App as Actix, HttpRequest, HttpResponse, get};
use utoipa::openapi::link::Link;
use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::{Schema, SchemaType, Type};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{OpenApi as Document, RefOr};
use utoipa::{Modify, OpenApi};
use utoipa_actix_web::AppExt;
use utoipa_actix_web::service_config::ServiceConfig;
use utoipa_swagger_ui::{Config, SwaggerUi};

use super::caller::open_to_test_keys;
use super::problem::{self, Details, Problem, allow};
use super::{
    broadcasts, callbacks, check, events, health, limits, listing, messages, receivers, recipients, register, registry,
    report, schemas, suppressions, usage, webhooks,
};
use crate::events::schemas as event_schemas;

/// Every handler, in the order in which they are looked for: the busiest first.
pub fn routes(config: &mut ServiceConfig) {
    config
        .service(messages::submit)
        .service(messages::look)
        .service(messages::cancel)
        .service(listing::list)
        .service(callbacks::post_receipts)
        .service(callbacks::get_receipts)
        .service(broadcasts::create)
        .service(broadcasts::look)
        .service(broadcasts::fill)
        .service(broadcasts::start)
        .service(broadcasts::pause)
        .service(broadcasts::resume)
        .service(broadcasts::cancel)
        .service(report::report)
        .service(events::events)
        .service(webhooks::list)
        .service(webhooks::look)
        .service(webhooks::set)
        .service(webhooks::remove)
        .service(webhooks::rotate)
        .service(webhooks::test)
        .service(webhooks::redeliver)
        .service(check::check)
        .service(limits::strategies)
        .service(limits::limits)
        .service(usage::usage)
        .service(recipients::learn)
        .service(receivers::receivers)
        .service(suppressions::suppress)
        .service(suppressions::list)
        .service(suppressions::remove)
        .configure(register::routes)
        .configure(registry::routes)
        .service(health::alive)
        .service(health::ready)
        .service(health::metrics);
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Estafette",
        description = "Messages of public institutions to citizens and enterprises over GovApp, SMS and e-Box. \
                       Everything refused is a problem detail (RFC 9457) with a stable `type`.",
    ),
    components(schemas(Details, report::Outcome, registry::StatusMessage)),
    modifiers(&Shared),
    security(("key" = [])),
    tags(
        (name = "messages", description = "Single messages: submit, look up, cancel"),
        (name = "broadcasts", description = "One content to many recipients"),
        (name = "events", description = "What happened, without gaps: pages and streams"),
        (name = "suppressions", description = "Whom an institution may not write to"),
        (name = "webhooks", description = "Where you are called when something happened"),
        (name = "callbacks", description = "Receipts from the channels"),
        (name = "knowing beforehand", description = "Strategies, limits, a dry run, usage and cost"),
        (name = "register", description = "Who is known to which institution, in which role, when"),
        (name = "mailbox", description = "The e-Box: publish, link, consult, federation, events. Refusals are `EboxStatusMessage`, but under /v1"),
        (name = "operation", description = "Health and metrics"),
    ),
)]
struct Base;

/// What operations share: how callers show who they are, schemas that others name, and one example of each problem.
struct Shared;

impl Modify for Shared {
    fn modify(&self, document: &mut Document) {
        let components = document.components.get_or_insert_with(Default::default);
        for (name, scheme) in schemes() {
            components.security_schemes.insert(name.to_owned(), scheme.into());
        }
        components.schemas.extend(schemas::all());
        components.schemas.extend(event_schemas::all());
        components.schemas.extend(register::schemas::all());
        components.schemas.extend(registry::schemas::all());
        components.examples.extend(problem::examples().map(|(slug, example)| (slug.to_owned(), example.into())));
        components.examples.extend(registry::refusals().map(|(name, example)| (name, example.into())));
    }
}

fn schemes() -> [(&'static str, SecurityScheme); 4] {
    let key = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(
        "A key of the institution, as the operator gave it. Roles: `live` (`est_live_...`) reaches citizens; `test` \
         (`est_test_...`) reaches the sandbox, and only what asks for no role, unless every channel is simulated; \
         `operator` may do what is the operator's.",
    ));
    let in_query = ApiKeyValue::with_description("secret", "RingRing: the secret in the address that it was given.");
    let in_header = ApiKeyValue::with_description("X-Callback-Secret", "GovApp: the secret that it was given.");
    let token = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").description(Some(
        "An OAuth 2.0 access token (RFC 9068) of the issuer that the operator trusts. Scopes: `ebox:consult`, `ebox:publish`, \
         `ebox:preferences`. The mailbox stands in the claim `ebox_id`, the access rights of an enterprise's user in `ebox_rights`.",
    ));
    [
        ("token", SecurityScheme::Http(token.build())),
        ("key", SecurityScheme::Http(key.build())),
        ("callback_secret", SecurityScheme::ApiKey(ApiKey::Query(in_query))),
        ("callback_header", SecurityScheme::ApiKey(ApiKey::Header(in_header))),
    ]
}

/// The document of the routes. What a single description can't know is added to each operation here.
fn document() -> Document {
    let mut document = Actix::new().into_utoipa_app().openapi(Base::openapi()).configure(routes).split_for_parts().1;
    for (path, item) in &mut document.paths.paths {
        let all = [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch, &mut item.options];
        for operation in all.into_iter().flatten() {
            if operation.security.is_none() && !open_to_test_keys(path) {
                operation.security = Some(vec![SecurityRequirement::new("key", ["live"])]);
            }
            never_null(operation);
            registry::schemas::encode(operation);
            link(operation);
        }
    }
    document
}

/// What an answer names, and the operations that take it: from, member, parameter, to.
const LINKS: &[(&str, &str, &str, &[&str])] = &[
    ("submit_message", "/id", "id", &["message", "cancel_message"]),
    (
        "create_broadcast",
        "/id",
        "id",
        &[
            "broadcast",
            "put_recipients",
            "start_broadcast",
            "pause_broadcast",
            "resume_broadcast",
            "cancel_broadcast",
            "report",
        ],
    ),
    ("events", "/next", "after", &["events"]),
    ("suppress", "/suppressions/0/id", "id", &["unsuppress"]),
    (
        "publish_message",
        "/messageId",
        "messageId",
        &["ebox_message", "ebox_attachments", "ebox_body", "ebox_payment_data"],
    ),
    ("create_publication", "/publicationId", "publicationId", &["add_recipients", "create_multicast_task"]),
    ("create_multicast_task", "/multicastTaskId", "multicastTaskId", &["multicast_task"]),
    (
        "put_webhook",
        "/name",
        "name",
        &["webhook", "rotate_webhook_secret", "test_webhook", "redeliver_to_webhook", "remove_webhook"],
    ),
];

/// Says of each answer that succeeds where what it names goes on.
fn link(operation: &mut Operation) {
    for (_, member, parameter, to) in LINKS.iter().filter(|(from, ..)| operation.operation_id.as_deref() == Some(from))
    {
        let succeeds = operation.responses.responses.iter_mut().filter(|(status, _)| status.starts_with('2'));
        for (_, response) in succeeds {
            let RefOr::T(response) = response else { continue };
            for to in *to {
                let link = Link::builder().operation_id(*to).parameter(*parameter, format!("$response.body#{member}"));
                response.links.insert((*to).to_owned(), link.build().into());
            }
        }
    }
}

/// A parameter that is not wanted is left out: it can't be null.
fn never_null(operation: &mut Operation) {
    for parameter in operation.parameters.iter_mut().flatten() {
        if let RefOr::T(parameter) = parameter {
            parameter.schema = parameter.schema.take().map(without_null);
        }
    }
}

fn without_null(schema: RefOr<Schema>) -> RefOr<Schema> {
    let null = SchemaType::Type(Type::Null);
    let is_null = |item: &RefOr<Schema>| match item {
        RefOr::T(Schema::Object(object)) => object.schema_type == null,
        _ => false,
    };
    let type_of = |kind: SchemaType| match kind {
        SchemaType::Array(kinds) => {
            kinds.into_iter().find(|kind| *kind != Type::Null).map_or(SchemaType::AnyValue, SchemaType::Type)
        }
        other => other,
    };
    match schema {
        RefOr::T(Schema::OneOf(all)) if all.items.iter().any(is_null) => {
            all.items.into_iter().find(|item| !is_null(item)).unwrap_or_default()
        }
        RefOr::T(Schema::Object(mut object)) => {
            object.schema_type = type_of(object.schema_type);
            Schema::Object(object).into()
        }
        RefOr::T(Schema::Array(mut array)) => {
            array.schema_type = type_of(array.schema_type);
            Schema::Array(array).into()
        }
        other => other,
    }
}

static DOCUMENT: LazyLock<Document> = LazyLock::new(document);

static RENDERED: LazyLock<String> = LazyLock::new(|| DOCUMENT.to_json().unwrap_or_default());

/// The document as it is served.
pub fn text() -> &'static str {
    &RENDERED
}

/// A schema of the document.
pub fn schema(name: &str) -> Option<&'static RefOr<Schema>> {
    DOCUMENT.components.as_ref()?.schemas.get(name)
}

/// The OpenAPI document.
#[get("/openapi.json")]
pub async fn rendered() -> HttpResponse {
    HttpResponse::Ok().insert_header((header::CONTENT_TYPE, "application/json")).body(RENDERED.as_str())
}

/// `/docs` without its slash.
#[get("/docs")]
pub async fn docs() -> HttpResponse {
    HttpResponse::PermanentRedirect().insert_header((header::LOCATION, "/docs/")).finish()
}

/// The pages that show the document; nothing in them loads from elsewhere.
pub fn swagger() -> SwaggerUi {
    SwaggerUi::new("/docs/{_:.*}").config(Config::from("/openapi.json").validator_url("none"))
}

/// Answers what no route takes.
pub async fn elsewhere(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let methods = methods_of(request.path());
    if methods.is_empty() { Err(Problem::UnknownPath) } else { Err(Problem::MethodNotAllowed(allow(&methods))) }
}

fn methods_of(path: &str) -> Vec<Method> {
    if matches!(path, "/openapi.json" | "/docs") || path.starts_with("/docs/") {
        return vec![Method::GET];
    }
    let fits = |template: &str| {
        let mut given = path.split('/');
        let all = template.split('/').all(|part| {
            given.next().is_some_and(|given| if part.starts_with('{') { !given.is_empty() } else { given == part })
        });
        all && given.next().is_none()
    };
    let mut found = Vec::new();
    for (_, item) in DOCUMENT.paths.paths.iter().filter(|(template, _)| fits(template)) {
        let known = [
            (item.get.is_some(), Method::GET),
            (item.put.is_some(), Method::PUT),
            (item.post.is_some(), Method::POST),
            (item.delete.is_some(), Method::DELETE),
            (item.patch.is_some(), Method::PATCH),
            (item.options.is_some(), Method::OPTIONS),
        ];
        found.extend(known.into_iter().filter(|(there, _)| *there).map(|(_, method)| method));
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn operations(document: &Value) -> Vec<(String, &Value)> {
        let paths = document["paths"].as_object().unwrap().iter();
        let of = paths.flat_map(|(path, item)| item.as_object().unwrap().iter().map(move |it| (path, it)));
        of.map(|(path, (method, operation))| (format!("{method} {path}"), operation)).collect()
    }

    /// Whether a body shows an example: its own, or that of its schema or of the schema of its items.
    fn shows_one(document: &Value, body: &Value) -> bool {
        let has = |value: &Value| ["example", "examples"].iter().any(|name| value.get(name).is_some());
        let named = |schema: &Value| {
            let name = schema["$ref"].as_str().unwrap_or_default().rsplit('/').next().unwrap_or_default();
            has(&document["components"]["schemas"][name])
        };
        has(body) || named(&body["schema"]) || named(&body["schema"]["items"])
    }

    #[test]
    fn no_operation_is_without_an_example_of_each_body_and_a_problem_for_each_refusal() {
        let document: Value = serde_json::from_str(&RENDERED).unwrap();
        for (name, operation) in operations(&document) {
            for (media_type, body) in operation["requestBody"]["content"].as_object().into_iter().flatten() {
                assert!(shows_one(&document, body), "{name} takes {media_type} without an example");
            }
            for (status, response) in operation["responses"].as_object().unwrap() {
                for (media_type, body) in response["content"].as_object().into_iter().flatten() {
                    assert!(shows_one(&document, body), "{name} answers {status} {media_type} without an example");
                }
                let refuses = !status.starts_with(['2', '3']) && name != "get /readyz";
                let content = &response["content"];
                let of_mailbox =
                    content["application/json"]["schema"]["$ref"] == "#/components/schemas/EboxStatusMessage";
                let says_why = content.get(problem::MEDIA_TYPE).is_some() || of_mailbox;
                assert_eq!(refuses, says_why, "{name} answers {status}");
            }
            if operation.get("security").is_none() || operation["security"][0].get("key").is_some() {
                assert!(["401", "403"].iter().all(|status| operation["responses"].get(status).is_some()), "{name}");
            }
        }
    }

    #[test]
    fn every_reference_of_the_document_leads_somewhere() {
        fn check(document: &Value, value: &Value) {
            match value {
                Value::Object(members) => {
                    if let Some(Value::String(to)) = members.get("$ref") {
                        assert!(document.pointer(to.trim_start_matches('#')).is_some(), "{to}");
                    }
                    members.values().for_each(|member| check(document, member));
                }
                Value::Array(items) => items.iter().for_each(|item| check(document, item)),
                _ => {}
            }
        }
        let document: Value = serde_json::from_str(&RENDERED).unwrap();
        check(&document, &document);
        let ids: Vec<_> = operations(&document).iter().map(|(_, operation)| operation["operationId"].clone()).collect();
        for (from, _, _, to) in LINKS {
            assert!(to.iter().chain([from]).all(|id| ids.iter().any(|known| known == id)), "{from}: {to:?}");
        }
    }

    #[test]
    fn a_role_is_asked_for_where_a_test_key_means_nothing() {
        let document: Value = serde_json::from_str(&RENDERED).unwrap();
        let roles = |path: &str, method: &str| document["paths"][path][method]["security"][0]["key"].clone();
        assert_eq!(roles("/v1/broadcasts", "post"), serde_json::json!(["live"]));
        assert_eq!(roles("/v1/recipients", "put"), serde_json::json!(["operator"]));
        assert_eq!(roles("/v1/messages/{id}", "get"), Value::Null);
    }
}
