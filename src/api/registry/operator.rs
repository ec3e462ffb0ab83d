//! The operator's face of the mailboxes, with an operator's key: reference data, pictures, and single mailboxes for tests and migration.
//!
//! Invariant: who a citizen is stands in bodies, never in an address. What is refused is a problem, as everywhere under `/v1`.
use std::sync::Arc;
use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, put, web};
use bytes::Bytes;
use estafette_actors::domain::cbe::Cbe;
use estafette_actors::domain::language::Language;
use estafette_actors::domain::mailbox::reference::{IMAGES, Image, RefId};
use estafette_actors::ports::mailbox::{Access, Actor, Face, ImageOf, Mailboxes, Trouble};
use serde::Serialize;
use utoipa::ToSchema;

use super::{examples, schemas};
use crate::api::App;
use crate::api::answer::json;
use crate::api::body::{JsonBody, media_type, read_payload};
use crate::api::caller::Caller;
use crate::api::listing::query;
use crate::api::problem::{Fault, Kind, Problem, refuses, sets};
use crate::api::register::Refused;
use definition::{ApplicationView, OrganizationView, TypeView};

pub mod bounces;
pub mod boxes;
pub mod definition;

/// Bytes of a picture at most.
const IMAGE_BYTES: usize = 256 * 1024;
const CORRELATION: &str = "x-correlation-id";
/// What every operation here may refuse.
const OPERATED: &[Kind] = &[Kind::OperatorOnly, Kind::MailboxOff, Kind::Unreadable, Kind::DiskFull];

impl From<Trouble> for Problem {
    fn from(trouble: Trouble) -> Self {
        let detail = trouble.to_string();
        match trouble {
            Trouble::Overloaded => Self::Overloaded(Duration::from_secs(1)),
            Trouble::ReadOnly(_) => {
                tracing::error!(error = detail, "the mailbox takes no changes");
                Self::ReadOnly
            }
            Trouble::Full => Self::DiskFull,
            Trouble::TooMany(_) => Self::InvalidRequest(vec![Fault::new("", detail)]),
            Trouble::NotFound => Refused::of(Kind::NotFound, detail),
            _ => {
                tracing::error!(error = detail, "a mailbox can't be read");
                Self::Unreadable
            }
        }
    }
}

/// The mailboxes, for an operator.
fn mailboxes(app: &App, request: &HttpRequest, caller: &Caller) -> Result<(Arc<dyn Mailboxes>, Access), Problem> {
    caller.operator()?;
    let off = || Refused::of(Kind::MailboxOff, "no mailboxes are kept here: switch them on in the configuration");
    let registry = app.parts.ebox.as_ref().ok_or_else(off)?;
    let ticket = request.headers().get(CORRELATION).and_then(|value| value.to_str().ok());
    let fits = |text: &&str| (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    let actor = Actor::Operator(caller.principal.key.clone());
    let access = Access { actor, face: Face::Registry, ticket: ticket.filter(fits).map(Into::into) };
    Ok((Arc::clone(registry.ebox().mailboxes()), access))
}

/// A path that can be nothing's name is nowhere.
fn nowhere() -> Problem {
    Refused::of(Kind::NotFound, "nothing can have this identifier: give 1 to 64 letters, digits, `.`, `_`, `:` and `-`")
}

refuses!(Defining: sets::KEYED, sets::BODY, sets::JSON, sets::WRITING, OPERATED, &[Kind::NotFound]);

/// Defines a message type, or changes it: what is left out is so no more. Documents that are there stay as they are. For the operator.
#[utoipa::path(
    operation_id = "put_mailbox_type",
    tag = "mailbox",
    params(("id" = schemas::EboxRefId, Path, description = "Its identifier")),
    request_body(content = schemas::NewMailboxType, content_type = "application/json"),
    responses((status = 200, description = "As it is from now on", body = TypeView), Defining),
    security(("key" = ["operator"])),
)]
#[put("/v1/mailbox/types/{id}")]
pub async fn put_type(
    request: HttpRequest,
    app: web::Data<App>,
    caller: Caller,
    path: web::Path<String>,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let (mailboxes, access) = mailboxes(&app, &request, &caller)?;
    let id = RefId::parse(&path).map_err(|_| nowhere())?;
    let definition = definition::message_type(id, &body.0)?;
    let view = TypeView::of(&definition);
    mailboxes.define_type(access, definition).await?;
    Ok(json(HttpResponse::Ok(), &view))
}

/// Defines an application that sends documents, or changes it; its pictures stay. For the operator.
#[utoipa::path(
    operation_id = "put_mailbox_application",
    tag = "mailbox",
    params(("id" = schemas::EboxRefId, Path, description = "Its identifier")),
    request_body(content = schemas::NewMailboxApplication, content_type = "application/json"),
    responses((status = 200, description = "As it is from now on", body = ApplicationView), Defining),
    security(("key" = ["operator"])),
)]
#[put("/v1/mailbox/applications/{id}")]
pub async fn put_application(
    request: HttpRequest,
    app: web::Data<App>,
    caller: Caller,
    path: web::Path<String>,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let (mailboxes, access) = mailboxes(&app, &request, &caller)?;
    let id = RefId::parse(&path).map_err(|_| nowhere())?;
    let mut definition = definition::application(id, &body.0)?;
    if let Some(known) = mailboxes.reference().application(&definition.id) {
        definition.images.clone_from(&known.images);
    }
    let view = ApplicationView::of(&definition);
    mailboxes.define_application(access, definition).await?;
    Ok(json(HttpResponse::Ok(), &view))
}

/// Defines an organisation that sends documents, or changes it; its pictures stay. For the operator.
#[utoipa::path(
    operation_id = "put_mailbox_organization",
    tag = "mailbox",
    params(("cbe" = crate::api::schemas::Cbe, Path, description = "Its CBE number")),
    request_body(content = schemas::NewMailboxOrganization, content_type = "application/json"),
    responses((status = 200, description = "As it is from now on", body = OrganizationView), Defining),
    security(("key" = ["operator"])),
)]
#[put("/v1/mailbox/organizations/{cbe}")]
pub async fn put_organization(
    request: HttpRequest,
    app: web::Data<App>,
    caller: Caller,
    path: web::Path<String>,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let (mailboxes, access) = mailboxes(&app, &request, &caller)?;
    let cbe = Cbe::parse(&path).map_err(|_| nowhere())?;
    let mut definition = definition::organization(cbe, &body.0)?;
    if let Some(known) = mailboxes.reference().organization(cbe) {
        definition.images.clone_from(&known.images);
    }
    let view = OrganizationView::of(&definition);
    mailboxes.define_organization(access, definition).await?;
    Ok(json(HttpResponse::Ok(), &view))
}

/// A picture, as it is from now on.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MailboxImage, example = examples::image)]
pub struct ImageView {
    /// Its identifier.
    #[schema(value_type = schemas::EboxRefId)]
    id: String,
    /// What it is.
    #[schema(value_type = schemas::EboxImageType)]
    media_type: Box<str>,
    /// In which language, where it has one.
    #[schema(value_type = Option<crate::api::schemas::Language>, required)]
    language: Option<Language>,
    /// Bytes.
    size: u32,
}

/// The type of a picture, by its name and its first bytes.
fn picture(declared: Option<&str>, bytes: &[u8]) -> Option<&'static str> {
    let (media_type, magic): (_, &[u8]) = match declared? {
        "image/png" => ("image/png", b"\x89PNG\r\n\x1a\n"),
        "image/jpeg" => ("image/jpeg", b"\xff\xd8\xff"),
        "image/gif" => ("image/gif", b"GIF8"),
        _ => return None,
    };
    bytes.starts_with(magic).then_some(media_type)
}

async fn put_image(
    request: &HttpRequest,
    (mailboxes, access): (Arc<dyn Mailboxes>, Access),
    (of, there): (ImageOf, &[Image]),
    id: &str,
    bytes: Bytes,
) -> Result<HttpResponse, Problem> {
    let id = RefId::parse(id).map_err(|_| nowhere())?;
    let mut language = None;
    for (name, value) in query(request)? {
        if name != "language" {
            return Err(crate::api::listing::unknown(&name, "language"));
        }
        let read =
            Language::parse(&value).map_err(|error| Problem::InvalidQuery(vec![Fault::new(name, error.to_string())]));
        language = Some(read?);
    }
    let pictures = "a picture: image/png, image/jpeg or image/gif, whose bytes are that";
    let media_type = picture(media_type(request).as_deref(), &bytes).ok_or(Problem::UnsupportedMediaType(pictures))?;
    if there.len() >= IMAGES && !there.iter().any(|one| one.id == id) {
        let detail = format!("it has {IMAGES} pictures already: replace one");
        return Err(Refused::of(Kind::Conflict, detail));
    }
    let size = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let view = ImageView { id: id.to_string(), media_type: media_type.into(), language, size };
    mailboxes.set_image(access, of, Image { id, media_type: media_type.into(), language, size }, bytes).await?;
    Ok(json(HttpResponse::Ok(), &view))
}

refuses!(Picturing: sets::KEYED, sets::BODY, sets::WRITING, OPERATED, &[Kind::NotFound, Kind::InvalidQuery, Kind::Conflict]);

/// Puts a picture of an application, PNG, JPEG or GIF, or replaces it. For the operator.
#[utoipa::path(
    operation_id = "put_mailbox_application_image",
    tag = "mailbox",
    params(
        ("id" = schemas::EboxRefId, Path, description = "The application"),
        ("image" = schemas::EboxRefId, Path, description = "The picture"),
        ("language" = Option<crate::api::schemas::Language>, Query, description = "In which language it is"),
    ),
    request_body(content = schemas::EboxBytes, content_type = "image/png"),
    responses((status = 200, description = "It is there", body = ImageView), Picturing),
    security(("key" = ["operator"])),
)]
#[put("/v1/mailbox/applications/{id}/images/{image}")]
pub async fn put_application_image(
    request: HttpRequest,
    app: web::Data<App>,
    caller: Caller,
    path: web::Path<(String, String)>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let at = mailboxes(&app, &request, &caller)?;
    let reference = at.0.reference();
    let found = RefId::parse(&path.0).ok().and_then(|id| reference.application(&id));
    let found =
        found.ok_or_else(|| Refused::of(Kind::NotFound, "no application has this identifier: define it first"))?;
    let bytes = read_payload(&request, payload.into_inner(), IMAGE_BYTES, &app).await?;
    put_image(&request, at, (ImageOf::Application(found.id.clone()), &found.images), &path.1, bytes).await
}

/// Puts a picture of an organisation, PNG, JPEG or GIF, or replaces it. For the operator.
#[utoipa::path(
    operation_id = "put_mailbox_organization_image",
    tag = "mailbox",
    params(
        ("cbe" = crate::api::schemas::Cbe, Path, description = "The organisation"),
        ("image" = schemas::EboxRefId, Path, description = "The picture"),
        ("language" = Option<crate::api::schemas::Language>, Query, description = "In which language it is"),
    ),
    request_body(content = schemas::EboxBytes, content_type = "image/png"),
    responses((status = 200, description = "It is there", body = ImageView), Picturing),
    security(("key" = ["operator"])),
)]
#[put("/v1/mailbox/organizations/{cbe}/images/{image}")]
pub async fn put_organization_image(
    request: HttpRequest,
    app: web::Data<App>,
    caller: Caller,
    path: web::Path<(String, String)>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let at = mailboxes(&app, &request, &caller)?;
    let reference = at.0.reference();
    let found = Cbe::parse(&path.0).ok().and_then(|cbe| reference.organization(cbe));
    let found = found.ok_or_else(|| Refused::of(Kind::NotFound, "no organisation has this number: define it first"))?;
    let bytes = read_payload(&request, payload.into_inner(), IMAGE_BYTES, &app).await?;
    put_image(&request, at, (ImageOf::Organization(found.cbe), &found.images), &path.1, bytes).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_what_its_type_and_its_bytes_say() {
        assert_eq!(picture(Some("image/png"), b"\x89PNG\r\n\x1a\n..."), Some("image/png"));
        assert_eq!(picture(Some("image/jpeg"), b"\xff\xd8\xff\xe0"), Some("image/jpeg"));
        for (declared, bytes) in [
            (Some("image/png"), &b"GIF89a"[..]),
            (Some("image/svg+xml"), b"<svg/>"),
            (None, b"GIF89a"),
            (Some("image/gif"), b""),
        ] {
            assert_eq!(picture(declared, bytes), None);
        }
    }
}
