//! Where a program finds its way in the federation's interface: links, and the description of what is here.
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, get, options, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::App;
use crate::api::document;
use crate::api::registry::access::place;
use crate::api::registry::codes::Code;
use crate::api::registry::refused::{Refused, refusing};
use crate::api::registry::{answer, examples, schemas};

/// A link, as HAL has it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = HalLink)]
pub struct Link {
    /// Where.
    #[schema(value_type = schemas::EboxUri)]
    href: String,
}

impl Link {
    /// To a place.
    pub fn to(href: String) -> Self {
        Self { href }
    }
}

/// What there is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = HalLinks)]
pub struct Links {
    /// This.
    #[serde(rename = "self")]
    this: Link,
    /// For people.
    documentation: Link,
    /// For programs.
    description: Link,
    /// What holders prefer.
    ebox_preferences: Link,
    /// To whom they consent.
    ebox_consents: Link,
    /// Who keeps documents.
    message_providers: Link,
}

/// The interface as a resource.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = HalResource, example = examples::links)]
pub struct Resource {
    /// What there is.
    #[serde(rename = "_links")]
    links: Links,
}

fn resource(request: &HttpRequest, app: &App) -> Result<HttpResponse, Refused> {
    let base = format!("{}/federation/v1", place(request, app.registry()?));
    let to = |path: &str| Link::to(format!("{base}{path}"));
    let this = to("/api");
    let link = format!(
        "<{}>; rel=\"self\", <{base}/api/doc>; rel=\"service-doc\", <{base}/api/doc/swagger.json>; rel=\"service-desc\"",
        this.href
    );
    let all = Links {
        this,
        documentation: to("/api/doc"),
        description: to("/api/doc/swagger.json"),
        ebox_preferences: to("/eboxPreferences/search"),
        ebox_consents: to("/eboxConsents"),
        message_providers: to("/messageProviders"),
    };
    let mut answer = answer(&Resource { links: all });
    if let Ok(link) = HeaderValue::try_from(link) {
        answer.headers_mut().insert(header::LINK, link);
    }
    if request.method() == Method::OPTIONS {
        answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, OPTIONS"));
    }
    Ok(answer)
}

refusing!(Linking: &[Code::MailboxOff]);

/// What there is in the federation's interface.
#[utoipa::path(
    operation_id = "federation_links",
    tag = "mailbox",
    responses((status = 200, description = "Links", body = Resource, headers(("Link" = String, description = "The same (RFC 8288)"))), Linking),
    security(()),
)]
#[get("/federation/v1/api")]
pub async fn links(request: HttpRequest, app: web::Data<App>) -> Result<HttpResponse, Refused> {
    resource(&request, &app)
}

/// The same.
#[utoipa::path(
    operation_id = "federation_options",
    tag = "mailbox",
    responses((status = 200, description = "Links", body = Resource, headers(("Link" = String, description = "The same (RFC 8288)"))), Linking),
    security(()),
)]
#[options("/federation/v1/api")]
pub async fn options(request: HttpRequest, app: web::Data<App>) -> Result<HttpResponse, Refused> {
    resource(&request, &app)
}

/// Where the interface is described for people.
#[utoipa::path(
    operation_id = "federation_documentation",
    tag = "mailbox",
    responses(
        (status = 200, description = "A page", body = String, content_type = "text/html", example = "<!doctype html>"),
        Linking,
    ),
    security(()),
)]
#[get("/federation/v1/api/doc")]
pub async fn page(app: web::Data<App>) -> Result<HttpResponse, Refused> {
    app.registry()?;
    let page = "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>e-Box federation</title>\n\
                <p>This interface is described with all others of this program at <a href=\"/docs/\">/docs/</a>, under mailbox; \
                for programs as <a href=\"/openapi.json\">OpenAPI 3.1</a>.</p></html>\n";
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((header::CONTENT_SECURITY_POLICY, "default-src 'none'"))
        .body(page))
}

/// The description for programs: that of the whole program, OpenAPI 3.1.
#[utoipa::path(
    operation_id = "federation_description",
    tag = "mailbox",
    responses(
        (status = 200, description = "The description", body = schemas::FederationJson, content_type = "application/json"),
        Linking,
    ),
    security(()),
)]
#[get("/federation/v1/api/doc/swagger.json")]
pub async fn description(app: web::Data<App>) -> Result<HttpResponse, Refused> {
    app.registry()?;
    Ok(HttpResponse::Ok().insert_header((header::CONTENT_TYPE, "application/json")).body(document::text()))
}

refusing!(Looking: &[Code::MailboxOff, Code::NotFound]);

/// A schema of the description, by its name there.
#[utoipa::path(
    operation_id = "federation_schema",
    tag = "mailbox",
    params(("jsonSchema" = schemas::FederationSchemaName, Path, description = "Its name")),
    responses(
        (status = 200, description = "The schema", body = schemas::FederationJson, content_type = "application/json"),
        Looking,
    ),
    security(()),
)]
#[get("/federation/v1/api/doc/jsonSchemas/{jsonSchema}")]
pub async fn schema(app: web::Data<App>, path: web::Path<String>) -> Result<HttpResponse, Refused> {
    app.registry()?;
    let found = document::schema(&path)
        .ok_or_else(|| Refused::new(Code::NotFound, "the description has no schema of this name"))?;
    Ok(answer(&found))
}
