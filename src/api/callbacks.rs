//! Receipts that channels bring. Answered only after the commit: then the channel may forget them.
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use estafette_actors::ports::{CallbackError, CallbackRequest};

use super::App;
use super::body::CallbackBody;
use super::problem::{Kind, Problem, refuses, sets};
use super::schemas::{Provider, Receipts};

async fn receive(request: HttpRequest, app: &App, provider: &str, body: CallbackBody) -> Result<HttpResponse, Problem> {
    let query = web::Query::<Vec<(String, String)>>::from_query(request.query_string());
    let headers = request.headers().iter();
    let callback = CallbackRequest {
        method: request.method().to_string(),
        query: query.map_err(|_| Problem::CallbackForm("the query can't be read".to_owned()))?.into_inner(),
        headers: headers
            .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
            .collect(),
        body: body.0.to_vec(),
    };
    let mut transports = app.parts.transports.iter();
    let received = transports.find_map(|transport| transport.receipts_of(provider, &callback));
    let received = received.ok_or(Problem::UnknownProvider)?.map_err(|error| match error {
        CallbackError::Secret => Problem::CallbackSecret,
        CallbackError::Form(what) => Problem::CallbackForm(what),
        CallbackError::None => Problem::UnknownProvider,
    })?;
    if !received.receipts.is_empty() {
        app.parts.broker.receive(received.receipts).await?;
    }
    Ok(HttpResponse::NoContent().finish())
}

refuses!(
    Receiving: &[Kind::CallbackForm, Kind::CallbackSecret, Kind::UnknownProvider],
    &[Kind::BrokenBody, Kind::TooSlow, Kind::TooLarge],
    sets::READING,
    sets::WRITING,
);

/// Takes receipts of a channel, authenticated by the provider's own secret.
#[utoipa::path(
    tag = "callbacks",
    params(("provider" = Provider, Path, description = "The provider's name, such as ringring")),
    request_body(content = Receipts, content_type = "application/json", description = "In the provider's own form"),
    responses(
        (status = 204, description = "On disk"),
        Receiving,
    ),
    security(("callback_secret" = []), ("callback_header" = [])),
)]
#[post("/v1/callbacks/{provider}")]
pub async fn post_receipts(
    request: HttpRequest,
    app: web::Data<App>,
    provider: web::Path<String>,
    body: CallbackBody,
) -> Result<HttpResponse, Problem> {
    receive(request, &app, &provider, body).await
}

/// The same, for providers that call with GET.
#[utoipa::path(
    tag = "callbacks",
    params(("provider" = Provider, Path, description = "The provider's name, such as ringring")),
    responses(
        (status = 204, description = "On disk"),
        Receiving,
    ),
    security(("callback_secret" = []), ("callback_header" = [])),
)]
#[get("/v1/callbacks/{provider}")]
pub async fn get_receipts(
    request: HttpRequest,
    app: web::Data<App>,
    provider: web::Path<String>,
    body: CallbackBody,
) -> Result<HttpResponse, Problem> {
    receive(request, &app, &provider, body).await
}
