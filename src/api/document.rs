//! The routes, the OpenAPI 3.1 document that is made of them, its pages, and the answers to what
//! is not in it: 405 with the methods that the document knows for a path, or 404.
use std::sync::LazyLock;

use actix_web::http::{Method, header};
use actix_web::{App as Actix, HttpRequest, HttpResponse, get};
use serde::Serialize;
use utoipa::openapi::OpenApi as Document;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi, ToSchema};
use utoipa_actix_web::AppExt;
use utoipa_actix_web::service_config::ServiceConfig;
use utoipa_swagger_ui::{Config, SwaggerUi};

use super::problem::{Problem, allow};
use super::{
    broadcasts, callbacks, check, events, health, limits, listing, messages, receivers, recipients, report,
    suppressions, usage, webhooks,
};

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
    modifiers(&Bearer),
    security(("key" = [])),
    tags(
        (name = "messages", description = "Single messages: submit, look up, cancel"),
        (name = "broadcasts", description = "One content to many recipients"),
        (name = "events", description = "What happened, without gaps: pages and streams"),
        (name = "suppressions", description = "Whom an institution may not write to"),
        (name = "webhooks", description = "Where you are called when something happened"),
        (name = "callbacks", description = "Receipts from the channels"),
        (name = "knowing beforehand", description = "Strategies, limits, a dry run, usage and cost"),
        (name = "operation", description = "Health and metrics"),
    ),
)]
struct Base;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut Document) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("A key of the institution, `est_...`, as the operator gave it"));
        let components = document.components.get_or_insert_with(Default::default);
        components.security_schemes.insert("key".to_owned(), SecurityScheme::Http(scheme.build()).into());
    }
}

static DOCUMENT: LazyLock<Document> =
    LazyLock::new(|| Actix::new().into_utoipa_app().openapi(Base::openapi()).configure(routes).split_for_parts().1);

static RENDERED: LazyLock<String> = LazyLock::new(|| DOCUMENT.to_json().unwrap_or_default());

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
    if matches!(path, "/openapi.json" | "/docs") {
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
        ];
        found.extend(known.into_iter().filter(|(there, _)| *there).map(|(_, method)| method));
    }
    found
}

/// A message, as submitted. For the document only: bodies are read by `submission`, which reports
/// every mistake at once.
#[derive(Serialize, ToSchema)]
#[schema(as = Submission)]
pub struct Submission {
    /// To whom.
    recipient: RecipientBody,
    #[serde(flatten)]
    terms: Terms,
    /// The language, when the citizen's own is not wanted: fr, nl, de or en.
    language: Option<String>,
}

/// A broadcast, as created.
#[derive(Serialize, ToSchema)]
#[schema(as = NewBroadcast)]
pub struct NewBroadcast {
    #[serde(flatten)]
    terms: Terms,
}

/// What messages and broadcasts have in common.
#[derive(Serialize, ToSchema)]
#[schema(as = Terms)]
struct Terms {
    /// The name of one of `GET /v1/strategies`.
    #[schema(example = "govapp-first")]
    strategy: String,
    /// What it says. In a broadcast with `{{variables}}`.
    content: ContentBody,
    /// urgent, normal or bulk.
    #[schema(example = "normal")]
    priority: Option<String>,
    /// Not before this time.
    #[schema(format = DateTime)]
    not_before: Option<String>,
    /// Nothing is sent from this time on; a day by default, 30 days at most.
    #[schema(format = DateTime)]
    valid_until: Option<String>,
    /// Your own reference, at most 100 characters.
    sender_reference: Option<String>,
    /// Whom the citizen sees as the sender, at most 40 characters.
    sender_name: Option<String>,
}

/// At least one of the three.
#[derive(Serialize, ToSchema)]
#[schema(as = Recipient)]
pub struct RecipientBody {
    /// A mobile number, E.164 or in Belgian national form.
    #[schema(example = "+32470123456")]
    mobile: Option<String>,
    /// A citizen's number of the National Register or of the BCSS.
    niss: Option<String>,
    /// An enterprise's number.
    #[schema(example = "0403019261")]
    cbe: Option<String>,
}

/// The content: at least one of the three in at least one language.
#[derive(Serialize, ToSchema)]
#[schema(as = Content)]
struct ContentBody {
    /// The title, at most 150 characters.
    title: Option<ByLanguage>,
    /// Plain text, at most 5000 characters.
    text: Option<ByLanguage>,
    /// HTML of GovApp's elements, at most 32 KiB.
    html: Option<ByLanguage>,
    /// For GovApp, encrypted end to end: a JWE (compact, RSA-OAEP-256 with A256GCM) for each id of
    /// `GET /v1/recipients/receivers`. Single messages only.
    encrypted: Option<std::collections::HashMap<String, String>>,
}

/// A text in some of the four languages.
#[derive(Serialize, ToSchema)]
#[schema(as = ByLanguage)]
struct ByLanguage {
    fr: Option<String>,
    nl: Option<String>,
    de: Option<String>,
    en: Option<String>,
}
