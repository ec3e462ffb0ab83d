//! The register's REST face, under `/v1/register`: dossier types, rows, persons, mutations, subscriptions, the audit trail.
//!
//! Invariant: what carries a NISS travels in bodies, never in a path or a query: those end in the logs of whatever stands between. So
//! consulting and removing are `POST` too. Every call is one of somebody known, and its [`Access`] is handed to the register,
//! which writes the audit trail. Nothing here decides about periods or persons.
use actix_web::HttpRequest;
use estafette_actors::ports::register::{Access, CONTEXT_LENGTH, Face};
use estafette_actors::register::Register;
use utoipa_actix_web::service_config::ServiceConfig;

use super::App;
use super::caller::Caller;
use super::problem::{Kind, Problem};

mod audit;
mod bulk;
mod events;
mod examples;
mod export;
mod import;
mod load;
mod mutations;
mod persons;
mod refused;
mod rows;
pub(super) mod schemas;
mod subscriptions;
mod types;
mod wire;

pub use refused::Refused;
pub(super) use refused::sample;
pub use wire::Found;

/// The greatest number in a query, as the description says it.
const MOST: u64 = i64::MAX as u64;
/// In which legal context something is asked.
const LEGAL_CONTEXT: &str = "legal-context";
/// The caller's own reference of a request.
const CORRELATION: &str = "x-correlation-id";

/// The handlers that are called most: looked for before those whose paths have parts that vary, which cost more.
pub fn busiest(config: &mut ServiceConfig) {
    config.service(rows::consult).service(rows::inscribe);
}

/// The others.
pub fn routes(config: &mut ServiceConfig) {
    config
        .service(rows::remove)
        .service(import::import_rows)
        .service(export::export)
        .service(persons::lookup)
        .service(persons::search)
        .service(persons::create)
        .service(persons::correct)
        .service(load::load)
        .service(types::list)
        .service(types::look)
        .service(types::define)
        .service(mutations::list)
        .service(mutations::fetch)
        .service(mutations::show_voucher)
        .service(mutations::confirm)
        .service(subscriptions::list)
        .service(subscriptions::look)
        .service(subscriptions::subscribe)
        .service(subscriptions::unsubscribe)
        .service(events::tell)
        .service(audit::trail)
        .service(audit::trail_of)
        .service(audit::counts);
}

impl App {
    /// The register, unless none is kept here.
    pub(super) fn register(&self) -> Result<&Register, Problem> {
        let off = || Refused::of(Kind::RegisterOff, "no register is kept here: ask the operator");
        self.parts.register.as_ref().ok_or_else(off)
    }
}

/// A header of 1 to 64 visible characters, if it is there.
fn header<'r>(request: &'r HttpRequest, name: &str) -> Result<Option<&'r str>, ()> {
    let mut given = request.headers().get_all(name);
    let Some(value) = given.next() else { return Ok(None) };
    let text = value.to_str().map_err(|_| ())?;
    let fits = (1..=CONTEXT_LENGTH).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    if fits && given.next().is_none() { Ok(Some(text)) } else { Err(()) }
}

/// Who asks, where persons play no part: a legal context is noted when there is one.
fn access(request: &HttpRequest, caller: &Caller) -> Result<Access, Problem> {
    let broken = || {
        let detail = "Legal-Context has 1 to 64 visible ASCII characters: give one such";
        Refused::of(Kind::LegalContext, detail)
    };
    let given = header(request, LEGAL_CONTEXT).map_err(|()| broken())?;
    let by_default = caller.profile()?.legal_context.as_deref();
    let ticket = header(request, CORRELATION).map_err(|()| {
        let detail = "X-Correlation-Id has 1 to 64 visible ASCII characters: give one such, or none";
        Refused::of(Kind::InvalidCorrelationId, detail)
    })?;
    Ok(Access {
        institution: caller.institution(),
        key: caller.principal.key.clone(),
        legal_context: given.or(by_default).unwrap_or_default().into(),
        ticket: ticket.map(Into::into),
        face: Face::Rest,
    })
}

/// Who asks something about persons, and in which legal context.
fn access_to_persons(request: &HttpRequest, caller: &Caller) -> Result<Access, Problem> {
    let access = access(request, caller)?;
    if access.legal_context.is_empty() {
        let detail = "what is done about persons is done in a legal context: name it in Legal-Context, 1 to 64 visible \
                      ASCII characters";
        return Err(Refused::of(Kind::LegalContext, detail));
    }
    Ok(access)
}
