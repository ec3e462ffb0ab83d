//! Reference data, as they are answered: message types, applications, organisations and their pictures.
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, get, web};
use estafette_actors::domain::cbe::Cbe;
use estafette_actors::domain::language::{Language, Translated};
use estafette_actors::domain::mailbox::reference::{self, RefId, Reference, Unit};
use estafette_actors::ports::mailbox::ImageOf;
use serde::Serialize;
use utoipa::ToSchema;

use super::access::{Party, place};
use super::asked::{self, Page};
use super::codes::{Code, sets};
use super::refused::{Refused, refusing};
use super::wire::{Listed, int32, kilobytes};
use super::{answer, examples, schemas};
use crate::api::App;
use crate::api::listing::query;

/// How long answers may be kept by who asked.
const KEPT: &str = "private, max-age=3600";

/// How long messages of a type stay.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = EboxValidityPeriod)]
pub struct Validity {
    /// So many.
    validity_period_number: u16,
    /// Of these.
    #[schema(value_type = schemas::EboxUnit)]
    validity_period_unit: Unit,
}

/// A message type.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = EboxMessageType, example = examples::message_type)]
pub struct MessageType {
    /// Its identifier.
    #[schema(value_type = schemas::EboxRefId)]
    message_type_id: String,
    /// Its name.
    #[schema(value_type = schemas::EboxText)]
    message_type_name: Translated<Box<str>>,
    /// What it is about.
    #[schema(value_type = schemas::EboxText)]
    message_type_description: Translated<Box<str>>,
    /// How long messages of it stay.
    validity_period: Validity,
    /// Who may publish it; everybody when none is named.
    sender_organization_ids: Vec<String>,
    /// By which applications; by any when none is named.
    sender_application_ids: Vec<String>,
}

impl MessageType {
    fn of(one: &reference::MessageType) -> Self {
        Self {
            message_type_id: one.id.to_string(),
            message_type_name: one.names.clone(),
            message_type_description: one.descriptions.clone(),
            validity_period: Validity {
                validity_period_number: one.validity.number,
                validity_period_unit: one.validity.unit,
            },
            sender_organization_ids: one.organizations.iter().map(Cbe::digits).collect(),
            sender_application_ids: one.applications.iter().map(RefId::to_string).collect(),
        }
    }
}

/// A picture.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = EboxImage)]
pub struct Image {
    /// Its identifier.
    #[schema(value_type = schemas::EboxRefId)]
    image_id: String,
    /// Kilobytes, of 1,024 bytes.
    size: f64,
    /// What it is.
    #[schema(value_type = schemas::EboxImageType)]
    media_type: Box<str>,
    /// In which language, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, required = false)]
    language: Option<Language>,
    /// Where its bytes are.
    #[schema(value_type = schemas::EboxUri)]
    content_href: String,
}

fn images(images: &[reference::Image], above: &str) -> Vec<Image> {
    let view = |one: &reference::Image| Image {
        image_id: one.id.to_string(),
        size: kilobytes(u64::from(one.size)),
        media_type: one.media_type.clone(),
        // The definition knows no English.
        language: one.language.filter(|language| *language != Language::En),
        content_href: format!("{above}/images/{}/content", one.id),
    };
    images.iter().map(view).collect()
}

/// An application that sends messages.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = EboxSenderApplication, example = examples::application)]
pub struct Application {
    /// Its identifier.
    #[schema(value_type = schemas::EboxRefId)]
    application_id: String,
    /// Its name.
    #[schema(value_type = schemas::EboxText)]
    application_name: Translated<Box<str>>,
    /// What it is.
    #[schema(value_type = schemas::EboxText)]
    application_description: Translated<Box<str>>,
    /// Its pictures.
    application_logos: Vec<Image>,
    /// Where it is on the web.
    #[schema(value_type = schemas::EboxText)]
    application_url: Translated<Box<str>>,
    /// For whom it publishes; for everybody when none is named.
    sender_organization_ids: Vec<String>,
    /// What it publishes.
    message_type_ids: Vec<String>,
    /// Whom a reader may ask.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, required = false)]
    contact_business: Option<Box<str>>,
}

impl Application {
    fn of(one: &reference::Application, all: &Reference, place: &str) -> Self {
        let above = format!("{place}/messageRegistry/v2/referenceData/senderApplications/{}", one.id);
        let publishes = |message_type: &&reference::MessageType| message_type.applications.contains(&one.id);
        Self {
            application_id: one.id.to_string(),
            application_name: one.names.clone(),
            application_description: one.descriptions.clone(),
            application_logos: images(&one.images, &above),
            application_url: one.urls.clone(),
            sender_organization_ids: one.organizations.iter().map(Cbe::digits).collect(),
            message_type_ids: all.types.iter().filter(publishes).map(|one| one.id.to_string()).collect(),
            contact_business: one.contact.clone(),
        }
    }
}

/// An organisation that sends messages.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = EboxSenderOrganization, example = examples::organization)]
pub struct Organization {
    /// Its CBE number.
    #[schema(value_type = schemas::EboxCbe)]
    organization_id: String,
    /// Its short name.
    #[schema(value_type = schemas::EboxText)]
    organization_short_name: Translated<Box<str>>,
    /// Its whole name.
    #[schema(value_type = schemas::EboxText)]
    organization_long_name: Translated<Box<str>>,
    /// Its pictures.
    organization_logos: Vec<Image>,
    /// Where it is on the web.
    #[schema(value_type = schemas::EboxText)]
    organization_url: Translated<Box<str>>,
    /// Applications that name it.
    sender_application_ids: Vec<String>,
    /// Message types that name it.
    message_type_ids: Vec<String>,
    /// Whom a reader may ask.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, required = false)]
    contact_business: Option<Box<str>>,
}

impl Organization {
    fn of(one: &reference::Organization, all: &Reference, place: &str) -> Self {
        let above = format!("{place}/messageRegistry/v2/referenceData/senderOrganizations/{}", one.cbe);
        let speaks = |sends: &&reference::Application| sends.organizations.contains(&one.cbe);
        let publishes = |message_type: &&reference::MessageType| message_type.organizations.contains(&one.cbe);
        Self {
            organization_id: one.cbe.digits(),
            organization_short_name: one.names.clone(),
            organization_long_name: one.long_names.clone(),
            organization_logos: images(&one.images, &above),
            organization_url: one.urls.clone(),
            sender_application_ids: all.applications.iter().filter(speaks).map(|one| one.id.to_string()).collect(),
            message_type_ids: all.types.iter().filter(publishes).map(|one| one.id.to_string()).collect(),
            contact_business: one.contact.clone(),
        }
    }
}

/// A page of all of a kind.
fn page<T, V: Serialize>(all: &[T], Page { skip, limit }: Page, view: impl Fn(&T) -> V) -> HttpResponse {
    let items = all.iter().skip(skip).take(limit).map(view).collect();
    kept(&Listed { items, total_items: int32(all.len() as u64) })
}

/// An answer that who asked may keep.
fn kept(body: &impl Serialize) -> HttpResponse {
    let mut answer = answer(body);
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(KEPT));
    answer
}

async fn informed(request: &HttpRequest, app: &web::Data<App>) -> Result<Party, Refused> {
    let party = Party::of(request, app).await?;
    party.informed()?;
    Ok(party)
}

fn unknown() -> Refused {
    Refused::new(Code::NotFound, "nothing of this kind has this identifier: see the list")
}

refusing!(Listing: sets::KNOWN, sets::ASKED);
refusing!(Looking: sets::KNOWN, sets::ONE, sets::READING);

/// Message types, by identifier.
#[utoipa::path(
    operation_id = "ebox_message_types",
    tag = "mailbox",
    params(
        ("page" = Option<i32>, Query, description = "Which page, from 1", minimum = 1),
        ("pageSize" = Option<i32>, Query, description = "How many on a page, 1 to 100; 25 by default", minimum = 1, maximum = 100),
    ),
    responses((status = 200, description = "A page", body = Listed<MessageType>, example = json!(examples::message_types())), Listing),
    security(("token" = ["ebox:consult"]), ("key" = [])),
)]
#[get("/messageRegistry/v2/referenceData/messageTypes")]
pub async fn types(request: HttpRequest, app: web::Data<App>) -> Result<HttpResponse, Refused> {
    let party = informed(&request, &app).await?;
    let wanted = asked::page(query(&request)?)?;
    Ok(page(&party.ebox().mailboxes().reference().types, wanted, MessageType::of))
}

/// A message type.
#[utoipa::path(
    operation_id = "ebox_message_type",
    tag = "mailbox",
    params(("messageTypeId" = schemas::EboxRefId, Path, description = "The type")),
    responses((status = 200, description = "The type", body = MessageType), Looking),
    security(("token" = ["ebox:consult"]), ("key" = [])),
)]
#[get("/messageRegistry/v2/referenceData/messageTypes/{messageTypeId}")]
pub async fn type_of(
    request: HttpRequest,
    app: web::Data<App>,
    path: web::Path<String>,
) -> Result<HttpResponse, Refused> {
    let party = informed(&request, &app).await?;
    let reference = party.ebox().mailboxes().reference();
    let found = RefId::parse(&path).ok().and_then(|id| reference.message_type(&id)).ok_or_else(unknown)?;
    Ok(kept(&MessageType::of(found)))
}

/// Applications that send messages, by identifier.
#[utoipa::path(
    operation_id = "ebox_applications",
    tag = "mailbox",
    params(
        ("page" = Option<i32>, Query, description = "Which page, from 1", minimum = 1),
        ("pageSize" = Option<i32>, Query, description = "How many on a page, 1 to 100; 25 by default", minimum = 1, maximum = 100),
    ),
    responses((status = 200, description = "A page", body = Listed<Application>, example = json!(examples::applications())), Listing),
    security(("token" = ["ebox:consult"]), ("key" = [])),
)]
#[get("/messageRegistry/v2/referenceData/senderApplications")]
pub async fn applications(request: HttpRequest, app: web::Data<App>) -> Result<HttpResponse, Refused> {
    let party = informed(&request, &app).await?;
    let wanted = asked::page(query(&request)?)?;
    let (reference, place) = (party.ebox().mailboxes().reference(), place(&request, &party.registry));
    Ok(page(&reference.applications, wanted, |one| Application::of(one, &reference, &place)))
}

/// An application.
#[utoipa::path(
    operation_id = "ebox_application",
    tag = "mailbox",
    params(("senderApplicationId" = schemas::EboxRefId, Path, description = "The application")),
    responses((status = 200, description = "The application", body = Application), Looking),
    security(("token" = ["ebox:consult"]), ("key" = [])),
)]
#[get("/messageRegistry/v2/referenceData/senderApplications/{senderApplicationId}")]
pub async fn application(
    request: HttpRequest,
    app: web::Data<App>,
    path: web::Path<String>,
) -> Result<HttpResponse, Refused> {
    let party = informed(&request, &app).await?;
    let reference = party.ebox().mailboxes().reference();
    let found = RefId::parse(&path).ok().and_then(|id| reference.application(&id)).ok_or_else(unknown)?;
    Ok(kept(&Application::of(found, &reference, &place(&request, &party.registry))))
}

/// Organisations that send messages, by CBE number.
#[utoipa::path(
    operation_id = "ebox_organizations",
    tag = "mailbox",
    params(
        ("page" = Option<i32>, Query, description = "Which page, from 1", minimum = 1),
        ("pageSize" = Option<i32>, Query, description = "How many on a page, 1 to 100; 25 by default", minimum = 1, maximum = 100),
    ),
    responses((status = 200, description = "A page", body = Listed<Organization>, example = json!(examples::organizations())), Listing),
    security(("token" = ["ebox:consult"]), ("key" = [])),
)]
#[get("/messageRegistry/v2/referenceData/senderOrganizations")]
pub async fn organizations(request: HttpRequest, app: web::Data<App>) -> Result<HttpResponse, Refused> {
    let party = informed(&request, &app).await?;
    let wanted = asked::page(query(&request)?)?;
    let (reference, place) = (party.ebox().mailboxes().reference(), place(&request, &party.registry));
    Ok(page(&reference.organizations, wanted, |one| Organization::of(one, &reference, &place)))
}

/// An organisation.
#[utoipa::path(
    operation_id = "ebox_organization",
    tag = "mailbox",
    params(("senderOrganizationId" = schemas::EboxCbe, Path, description = "Its CBE number")),
    responses((status = 200, description = "The organisation", body = Organization), Looking),
    security(("token" = ["ebox:consult"]), ("key" = [])),
)]
#[get("/messageRegistry/v2/referenceData/senderOrganizations/{senderOrganizationId}")]
pub async fn organization(
    request: HttpRequest,
    app: web::Data<App>,
    path: web::Path<String>,
) -> Result<HttpResponse, Refused> {
    let party = informed(&request, &app).await?;
    let reference = party.ebox().mailboxes().reference();
    let found = Cbe::parse(&path).ok().and_then(|cbe| reference.organization(cbe)).ok_or_else(unknown)?;
    Ok(kept(&Organization::of(found, &reference, &place(&request, &party.registry))))
}

async fn picture(
    request: &HttpRequest,
    app: &web::Data<App>,
    of: Option<ImageOf>,
    image: &str,
) -> Result<HttpResponse, Refused> {
    let party = informed(request, app).await?;
    let (of, id) = of.zip(RefId::parse(image).ok()).ok_or_else(unknown)?;
    let (image, bytes) = party.ebox().mailboxes().image(of, id).await?.ok_or_else(unknown)?;
    // What the definition says of every content, unless the picture's own type is accepted by name.
    let accepts = |value: &HeaderValue| {
        value.to_str().is_ok_and(|text| text.contains(&*image.media_type) || text.contains("image/*"))
    };
    let own = request.headers().get_all(header::ACCEPT).any(accepts);
    let media_type = if own { &*image.media_type } else { "application/octet-stream" };
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, media_type))
        .insert_header((header::CACHE_CONTROL, KEPT))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((header::VARY, "Accept, Authorization"))
        .body(bytes))
}

/// A picture of an application.
#[utoipa::path(
    operation_id = "ebox_application_image",
    tag = "mailbox",
    params(
        ("senderApplicationId" = schemas::EboxRefId, Path, description = "The application"),
        ("imageId" = schemas::EboxRefId, Path, description = "The picture"),
    ),
    responses((status = 200, description = "Its bytes", body = schemas::EboxBytes, content_type = "application/octet-stream"), Looking),
    security(("token" = ["ebox:consult"]), ("key" = [])),
)]
#[get("/messageRegistry/v2/referenceData/senderApplications/{senderApplicationId}/images/{imageId}/content")]
pub async fn application_image(
    request: HttpRequest,
    app: web::Data<App>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Refused> {
    picture(&request, &app, RefId::parse(&path.0).ok().map(ImageOf::Application), &path.1).await
}

/// A picture of an organisation.
#[utoipa::path(
    operation_id = "ebox_organization_image",
    tag = "mailbox",
    params(
        ("senderOrganizationId" = schemas::EboxCbe, Path, description = "Its CBE number"),
        ("imageId" = schemas::EboxRefId, Path, description = "The picture"),
    ),
    responses((status = 200, description = "Its bytes", body = schemas::EboxBytes, content_type = "application/octet-stream"), Looking),
    security(("token" = ["ebox:consult"]), ("key" = [])),
)]
#[get("/messageRegistry/v2/referenceData/senderOrganizations/{senderOrganizationId}/images/{imageId}/content")]
pub async fn organization_image(
    request: HttpRequest,
    app: web::Data<App>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Refused> {
    picture(&request, &app, Cbe::parse(&path.0).ok().map(ImageOf::Organization), &path.1).await
}
