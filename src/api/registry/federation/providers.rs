//! The document providers of the federation, as the operator set them up. Nobody has to show who they are to see them: the definition
//! knows no 401 here, and nothing in them is anybody's own.
use actix_web::{HttpRequest, HttpResponse, get, patch, web};
use estafette_actors::domain::language::Translated;
use estafette_actors::domain::mailbox::reference::RefId;
use serde::Serialize;
use utoipa::ToSchema;

use super::documentation::Link;
use crate::api::App;
use crate::api::registry::access::{Party, place};
use crate::api::registry::codes::{Code, sets};
use crate::api::registry::refused::{Refused, refusing};
use crate::api::registry::settings::Provider;
use crate::api::registry::wire::seconds;
use crate::api::registry::{answer, examples, schemas};

/// When a provider is away.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = FederationMaintenance)]
pub struct Maintenance {
    /// From when on.
    #[schema(format = DateTime)]
    start_date: String,
    /// Until when.
    #[schema(format = DateTime)]
    end_date: String,
}

/// Links of a provider.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FederationProviderLinks)]
pub struct Links {
    /// Itself.
    #[serde(rename = "self")]
    this: Link,
}

/// A document provider.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FederationProvider, example = examples::provider)]
pub struct View {
    /// Its identifier.
    #[serde(rename = "messageProviderId")]
    #[schema(value_type = schemas::EboxRefId)]
    id: String,
    /// Its name.
    #[serde(rename = "messageProviderName")]
    #[schema(value_type = schemas::EboxText)]
    names: Translated<Box<str>>,
    /// What it is.
    #[serde(rename = "messageProviderDescription")]
    #[schema(value_type = schemas::EboxText)]
    descriptions: Translated<Box<str>>,
    /// Where its message registry is.
    #[serde(rename = "messageProviderUrl")]
    #[schema(value_type = String)]
    url: Box<str>,
    /// From which day on.
    #[serde(rename = "messageProviderActivationDate")]
    #[schema(value_type = String, format = Date)]
    activated_on: jiff::civil::Date,
    /// Until which day.
    #[serde(rename = "messageProviderDeactivationDate", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Date, required = false)]
    deactivated_on: Option<jiff::civil::Date>,
    /// Whom to ask about it.
    #[serde(rename = "messageProviderTechnicalContact")]
    #[schema(value_type = String)]
    technical_contact: Box<str>,
    /// When it is away.
    #[serde(rename = "messageProviderPlannedMaintenance")]
    maintenance: Vec<Maintenance>,
    /// The version of the Message Registry that it speaks.
    #[serde(rename = "apiSupportedVersion")]
    #[schema(value_type = String, example = "2.1")]
    version: Box<str>,
    /// Where to go from here.
    #[serde(rename = "_links")]
    links: Links,
}

impl View {
    fn of(one: &Provider, place: &str) -> Self {
        let maintenance = one
            .maintenance
            .iter()
            .map(|(start, end)| Maintenance { start_date: seconds(*start), end_date: seconds(*end) });
        Self {
            id: one.id.to_string(),
            names: one.names.clone(),
            descriptions: one.descriptions.clone(),
            url: one.url.clone(),
            activated_on: one.activated_on,
            deactivated_on: one.deactivated_on,
            technical_contact: one.technical_contact.clone(),
            maintenance: maintenance.collect(),
            version: one.version.clone(),
            links: Links { this: Link::to(format!("{place}/federation/v1/messageProviders/{}", one.id)) },
        }
    }
}

refusing!(Listing: &[Code::MailboxOff]);

/// Who keeps documents in the federation.
#[utoipa::path(
    operation_id = "message_providers",
    tag = "mailbox",
    responses((status = 200, description = "All of them", body = Vec<View>), Listing),
    security(()),
)]
#[get("/federation/v1/messageProviders")]
pub async fn list(request: HttpRequest, app: web::Data<App>) -> Result<HttpResponse, Refused> {
    let registry = app.registry()?;
    let place = place(&request, registry);
    let all: Vec<_> = registry.providers().iter().map(|one| View::of(one, &place)).collect();
    Ok(answer(&all))
}

refusing!(Looking: &[Code::MailboxOff, Code::NotFound]);

/// One document provider.
#[utoipa::path(
    operation_id = "message_provider",
    tag = "mailbox",
    params(("messageProviderId" = schemas::EboxRefId, Path, description = "The provider")),
    responses((status = 200, description = "The provider", body = View), Looking),
    security(()),
)]
#[get("/federation/v1/messageProviders/{messageProviderId}")]
pub async fn look(request: HttpRequest, app: web::Data<App>, path: web::Path<String>) -> Result<HttpResponse, Refused> {
    let registry = app.registry()?;
    let found = RefId::parse(&path).ok().and_then(|id| registry.provider(&id));
    let found = found.ok_or_else(|| Refused::new(Code::NotFound, "no document provider has this id: see the list"))?;
    Ok(answer(&View::of(&found, &place(&request, registry))))
}

refusing!(Changing: sets::KNOWN);

/// Not changed over this interface: the operator sets providers up in the configuration, which is read again while the program runs.
#[utoipa::path(
    operation_id = "patch_message_provider",
    tag = "mailbox",
    params(("messageProviderId" = schemas::EboxRefId, Path, description = "The provider")),
    responses(Changing),
    security(("token" = ["ebox:publish"]), ("key" = ["operator"])),
)]
#[patch("/federation/v1/messageProviders/{messageProviderId}")]
pub async fn change(request: HttpRequest, app: web::Data<App>) -> Result<HttpResponse, Refused> {
    Party::of(&request, &app).await?;
    let message = "document providers are set up in the operator's configuration, and changed by nobody from outside: ask the operator";
    Err(Refused::not_allowed(message))
}
