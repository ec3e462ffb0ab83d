//! The register over SOAP 1.1: `POST /soap/register` for calls, `GET /soap/register?wsdl` and `?xsd=NAME` for what it is.
//!
//! Invariant: nothing is done for a call that doesn't satisfy the schema, and nothing of it is read before its key is known. What is
//! right in form and not done for a reason of the register's is a reply with a status; what is wrong in form, or trouble of this
//! program's, is a fault. It knows the handle of the register, and neither its store nor the authentic source.
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use estafette_actors::domain::cbe::Cbe;
use estafette_actors::ports::register::{Access, Face};
use uuid::Uuid;

use super::App;
use super::body::{media_type, read_payload};
use super::caller::Caller;
use super::problem::Problem;
use super::submission::today;

mod anomaly;
mod decoder;
mod description;
mod envelope;
mod fault;
mod names;
mod operations;
mod place;
mod reply;
mod requests;
mod types;

use envelope::{Call, Customer};
use fault::Fault;
use operations::Desk;
use place::Places;
use reply::Received;

/// Where the face is.
pub const PATH: &str = "/soap/register";

/// The routes of the face.
pub fn routes(config: &mut web::ServiceConfig) {
    config.service(
        web::resource(PATH)
            .route(web::get().to(describe))
            .route(web::post().to(receive))
            .default_service(web::to(other_method)),
    );
}

async fn describe(request: HttpRequest, app: web::Data<App>) -> Result<HttpResponse, Problem> {
    if app.parts.register.is_none() {
        return Err(Problem::UnknownPath);
    }
    description::answer(&request)
}

async fn other_method() -> Result<HttpResponse, Problem> {
    Err(Problem::MethodNotAllowed("GET, POST".to_owned()))
}

async fn receive(request: HttpRequest, app: web::Data<App>, payload: web::Payload) -> HttpResponse {
    let now = app.parts.broker.now();
    let mut received = Received { ticket: Uuid::now_v7(), at: now, answered: now };
    let mut customer = None;
    let answered = answer(&request, &app, payload, &mut customer, &mut received).await;
    received.answered = app.parts.broker.now();
    answered.unwrap_or_else(|fault| {
        if fault.party == fault::Party::Server {
            tracing::warn!(ticket = %received.ticket, reason = fault.reason, "a call of the register ended in a fault");
        }
        fault.answer(received, customer.as_ref())
    })
}

async fn answer(
    request: &HttpRequest,
    app: &App,
    payload: web::Payload,
    customer: &mut Option<Customer>,
    received: &mut Received,
) -> Result<HttpResponse, Fault> {
    let register = app.parts.register.as_ref().ok_or(Problem::UnknownPath)?;
    let caller = Caller::with_password(request)?;
    caller.profile()?;
    in_plain_utf_8(request)?;
    let body = read_payload(request, payload.into_inner(), app.parts.settings.envelope_bytes, app).await?;
    let call = envelope::read(&body, customer)?;
    action(request, &call)?;
    let access = access(&caller, &call)?;
    let desk = Desk { register, access: &access, today: today(received.at), places: Places::new(&app.parts.hash) };
    let Call { operation, legal_context, request, customer } = call;
    let reply = desk.perform(request).await?;
    received.answered = app.parts.broker.now();
    Ok(reply.answer(operation, &customer, &legal_context, *received))
}

/// SOAP 1.1 is `text/xml`; here in UTF-8, and not compressed.
fn in_plain_utf_8(request: &HttpRequest) -> Result<(), Fault> {
    let plain = request
        .headers()
        .get(header::CONTENT_ENCODING)
        .is_none_or(|it| it.as_bytes().eq_ignore_ascii_case(b"identity"));
    if media_type(request).as_deref() != Some("text/xml") || !plain {
        return Err(Problem::UnsupportedMediaType("text/xml, as SOAP 1.1 has it, not compressed").into());
    }
    let value = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let charset = value.split(';').skip(1).filter_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"'))
    });
    let known = |charset: &str| charset.eq_ignore_ascii_case("utf-8") || charset.eq_ignore_ascii_case("us-ascii");
    match charset.into_iter().find(|charset| !known(charset)) {
        Some(_) => {
            Err(Fault::client("ENCODING", "only UTF-8 is read: send it, and name it in Content-Type or name nothing"))
        }
        None => Ok(()),
    }
}

/// A SOAPAction that names something is to name what the body asks: a filter on the way may have looked at one only.
fn action(request: &HttpRequest, call: &Call) -> Result<(), Fault> {
    let Some(value) = request.headers().get("soapaction") else { return Ok(()) };
    let given = value.to_str().unwrap_or("?").trim();
    let given = given.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(given);
    if given.is_empty() || call.operation.has_action(given) {
        return Ok(());
    }
    let expected = format!(
        "SOAPAction names another operation than the Body: send urn:estafette:register:v1:{}, or \"\"",
        call.operation.as_str()
    );
    Err(Fault::client("SOAP_ACTION", expected))
}

/// Who asks, for the audit trail. The institution that the envelope names has to be the key's.
fn access(caller: &Caller, call: &Call) -> Result<Access, Fault> {
    let named = Cbe::parse(&call.customer.cbe_number);
    if named != Ok(caller.institution().0) {
        let what = "the cbeNumber of customerIdentification is not that of the key's institution: give that one";
        return Err(Fault::client("NOT_YOUR_INSTITUTION", what));
    }
    Ok(Access {
        institution: caller.institution(),
        key: caller.principal.key.clone(),
        legal_context: call.legal_context.clone(),
        ticket: call.customer.ticket.clone().filter(|ticket| !ticket.is_empty()),
        face: Face::Soap,
    })
}

#[cfg(test)]
mod tests;
