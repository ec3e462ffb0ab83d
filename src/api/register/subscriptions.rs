//! Subscriptions: of which events of the network an institution is told, for persons whom it knows in which role.
use actix_web::{HttpRequest, HttpResponse, delete, get, put, web};
use estafette_actors::domain::dossier::Code;
use estafette_actors::domain::mutation::Subscription;
use estafette_actors::ports::register::Trouble;
use estafette_actors::register::Register;
use serde::Serialize;
use utoipa::ToSchema;

use super::wire::done;
use super::{access, examples, schemas};
use crate::api::App;
use crate::api::answer::json;
use crate::api::body::JsonBody;
use crate::api::caller::Caller;
use crate::api::json::{Faults, Json, Object};
use crate::api::problem::{Kind, Problem, refuses, sets};

/// Types of a subscription at most.
const TYPES: usize = 100;

/// A subscription.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RegisterSubscription, example = examples::subscription)]
pub struct View {
    /// The kind of events.
    #[schema(value_type = schemas::Code)]
    kind: Code,
    /// The dossier types in which the person must be known on the day of the event; none of them: in any.
    #[schema(value_type = Vec<schemas::Code>)]
    types: Vec<Code>,
}

/// An institution's subscriptions.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RegisterSubscriptions, example = examples::subscriptions)]
pub struct List {
    /// All of them.
    subscriptions: Vec<View>,
}

impl From<Subscription> for View {
    fn from(subscription: Subscription) -> Self {
        Self { kind: subscription.kind, types: subscription.types }
    }
}

fn kind(path: &str) -> Result<Code, Problem> {
    Code::parse(path).map_err(|_| Trouble::NotFound.into())
}

fn types(body: &[u8], register: &Register, caller: &Caller) -> Result<Vec<Code>, Problem> {
    let mut faults = Faults::default();
    let parsed = Object::of(Json::parse(body)?, "", &mut faults).map(|mut object| {
        let items = object.array("types", &mut faults).unwrap_or_default();
        let mut types = Vec::with_capacity(items.len().min(TYPES));
        if items.len() > TYPES {
            object.fault("types", format_args!("more than {TYPES}: name fewer, or none for all"), &mut faults);
        } else {
            for (place, item) in items.into_iter().enumerate() {
                let code = match item {
                    Json::Text(text) => Code::parse(&text).map_err(|error| error.to_string()),
                    _ => Err("must be a string".to_owned()),
                };
                let known = code.and_then(|code| match register.type_of(caller.institution(), &code) {
                    Some(_) if types.contains(&code) => Err("given twice: give it once".to_owned()),
                    Some(_) => Ok(code),
                    None => Err("no dossier type of yours has this code: define it first".to_owned()),
                });
                match known {
                    Ok(code) => types.push(code),
                    Err(what) => faults.add(format!("/types/{place}"), what),
                }
            }
        }
        object.finish("types", &mut faults);
        types
    });
    done(parsed, faults)
}

refuses!(Listing: sets::KEYED, sets::REGISTER);

/// Your subscriptions to events of the network.
#[utoipa::path(
    operation_id = "register_subscriptions",
    tag = "register",
    responses((status = 200, description = "All of them", body = List), Listing),
)]
#[get("/v1/register/subscriptions")]
pub async fn list(app: web::Data<App>, caller: Caller) -> Result<HttpResponse, Problem> {
    let found = app.register()?.mutations().subscriptions(caller.institution());
    Ok(json(HttpResponse::Ok(), &List { subscriptions: found.into_iter().map(View::from).collect() }))
}

refuses!(Looking: sets::KEYED, sets::REGISTER, &[Kind::NotFound]);

/// One of your subscriptions.
#[utoipa::path(
    operation_id = "register_subscription",
    tag = "register",
    params(("kind" = schemas::Code, Path, description = "The kind of events")),
    responses((status = 200, description = "The subscription", body = View), Looking),
)]
#[get("/v1/register/subscriptions/{kind}")]
pub async fn look(app: web::Data<App>, caller: Caller, path: web::Path<String>) -> Result<HttpResponse, Problem> {
    let register = app.register()?;
    let kind = kind(&path)?;
    let found = register.mutations().subscriptions(caller.institution()).into_iter().find(|one| one.kind == kind);
    Ok(json(HttpResponse::Ok(), &View::from(found.ok_or(Trouble::NotFound)?)))
}

refuses!(Subscribing: sets::KEYED, sets::REGISTER, sets::BODY, sets::JSON, sets::WRITING, &[Kind::NotFound]);

/// Subscribes to events of a kind, or changes a subscription. They come with the other mutations, from the next file on.
#[utoipa::path(
    operation_id = "subscribe",
    tag = "register",
    params(("kind" = schemas::Code, Path, description = "The kind of events, such as `DIMONA`")),
    request_body(content = schemas::NewSubscription, content_type = "application/json"),
    responses((status = 200, description = "As it is from now on", body = View), Subscribing),
)]
#[put("/v1/register/subscriptions/{kind}")]
pub async fn subscribe(
    request: HttpRequest,
    app: web::Data<App>,
    caller: Caller,
    path: web::Path<String>,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let register = app.register()?;
    let access = access(&request, &caller)?;
    let subscription = Subscription { kind: kind(&path)?, types: types(&body.0, register, &caller)? };
    register.mutations().subscribe(access, subscription.clone()).await?;
    Ok(json(HttpResponse::Ok(), &View::from(subscription)))
}

refuses!(Unsubscribing: sets::KEYED, sets::REGISTER, sets::WRITING, &[Kind::NotFound]);

/// Ends a subscription.
#[utoipa::path(
    operation_id = "unsubscribe",
    tag = "register",
    params(("kind" = schemas::Code, Path, description = "The kind of events")),
    responses((status = 204, description = "Ended"), Unsubscribing),
)]
#[delete("/v1/register/subscriptions/{kind}")]
pub async fn unsubscribe(
    request: HttpRequest,
    app: web::Data<App>,
    caller: Caller,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let register = app.register()?;
    let access = access(&request, &caller)?;
    register.mutations().unsubscribe(access, kind(&path)?).await?;
    Ok(HttpResponse::NoContent().finish())
}
