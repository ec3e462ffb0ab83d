//! `POST /v1/register/events`: what the network tells, to be passed on to the institutions that know the person. The operator's.
use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, post, web};
use estafette_actors::domain::dossier::Code;
use estafette_actors::domain::mutation::{Change, FIELDS, KIND_LENGTH, VALUE_LENGTH};
use estafette_actors::domain::niss::Niss;
use estafette_actors::domain::time::Timestamp;
use jiff::civil::Date;
use serde::Serialize;
use utoipa::ToSchema;

use super::bulk::{self, Batch, Body, Source, Told, Wrong};
use super::wire::{self, day, needed_niss};
use super::{access_to_persons, examples, schemas};
use crate::api::App;
use crate::api::answer::json;
use crate::api::caller::Caller;
use crate::api::json::{Faults, Json, Object};
use crate::api::listing::query;
use crate::api::problem::{Kind, Problem, refuses, sets};
use crate::api::rows::BadRow;
use crate::api::submission::today;

/// What became of the lines of an upload of events.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = RegisterTold, example = examples::told)]
pub struct Report {
    /// Events taken.
    accepted: u64,
    /// Lines not taken.
    refused: u64,
    /// To how many institutions they went, counted for each event.
    told: u64,
    /// Events that went to nobody: no register has the NISS that day in a type that is subscribed to.
    nobodys: u64,
    /// The first thousand of those not taken, by line.
    errors: Vec<BadRow>,
    #[serde(skip)]
    #[schema(ignore)]
    notes: Told,
}

impl AsRef<Told> for Report {
    fn as_ref(&self) -> &Told {
        &self.notes
    }
}

impl AsMut<Told> for Report {
    fn as_mut(&mut self) -> &mut Told {
        &mut self.notes
    }
}

/// The day that it is in Brussels.
pub fn brussels(now: Timestamp) -> Date {
    let at = jiff::Timestamp::from_millisecond(now.millis() as i64).unwrap_or(jiff::Timestamp::MAX);
    at.in_tz("Europe/Brussels").map_or_else(|_| today(now), |at| at.date())
}

type Happened = (Niss, Date, Change);

/// What an event says: names as the codes of dossier types but in any letters, values of one line.
fn says(object: &mut Object<'_>, faults: &mut Faults) -> BTreeMap<Box<str>, Box<str>> {
    let mut said = BTreeMap::new();
    let Some(given) = object.object("says", "/says", faults) else { return said };
    let members = given.into_members();
    if members.len() > FIELDS {
        faults.add("/says", format_args!("has more than {FIELDS} members: leave some out"));
        return said;
    }
    for (name, value) in members {
        let fits = (1..=KIND_LENGTH).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
        match value {
            _ if !fits => {
                let what = format_args!("has a name that is not 1 to {KIND_LENGTH} of A-Z, a-z, 0-9, _ and -");
                faults.add("/says", what);
            }
            Json::Text(text) if text.chars().count() <= VALUE_LENGTH && !text.chars().any(char::is_control) => {
                if said.insert((&*name).into(), (&*text).into()).is_some() {
                    faults.add(format!("/says/{name}"), "given twice: give it once");
                }
            }
            _ => {
                let what = format_args!("must be a string of one line and {VALUE_LENGTH} characters at most");
                faults.add(format!("/says/{name}"), what);
            }
        }
    }
    said
}

fn event(line: &[u8], niss_today: Date, today: Date) -> Result<Happened, Wrong> {
    let mut faults = Faults::default();
    let parsed = bulk::object(line, &mut faults)?.and_then(|mut object| {
        let niss = needed_niss(&mut object, niss_today, &mut faults);
        let on = object.parsed("on", &mut faults, day);
        match on {
            None => wire::missing(&object, "on", "give the day on which it happened, YYYY-MM-DD", &mut faults),
            Some(on) if on > today => {
                object.fault("on", "a day to come: give the day on which it happened", &mut faults);
            }
            Some(_) => {}
        }
        let kind: Option<Code> = wire::code(&mut object, "kind", &mut faults);
        if kind.is_none() {
            wire::missing(&object, "kind", "give the kind of the event", &mut faults);
        }
        let says = says(&mut object, &mut faults);
        object.finish("niss, on, kind, says", &mut faults);
        Some((niss?, on?, Change::Event { kind: kind?, says }))
    });
    bulk::first(faults)?;
    parsed.ok_or_else(|| Wrong::new("", "not an event: give an object"))
}

refuses!(
    Telling: sets::KEYED,
    sets::REGISTER,
    sets::BODY,
    sets::WRITING,
    sets::READING,
    sets::GROWING,
    &[Kind::InvalidQuery, Kind::BadRows, Kind::OperatorOnly, Kind::Spool],
);

/// Tells of events of the network: each goes to the institutions that subscribed to its kind and have the NISS that day in a type
/// that counts. NDJSON, one event a line. The operator's.
///
/// An event that is told twice is passed on twice: of an upload that broke off only the lines that were not taken are sent
/// again.
#[utoipa::path(
    operation_id = "tell_events",
    tag = "register",
    params(
        ("on_error" = Option<crate::api::schemas::OnError>, Query, description = "What one bad line does; `refuse` by default"),
        ("Legal-Context" = Option<schemas::LegalContext>, Header, description = "Needed, unless the operator gave you a default"),
        ("X-Correlation-Id" = Option<schemas::LegalContext>, Header, description = "Your own reference of the request, for the audit trail"),
    ),
    request_body(
        content((String = "application/x-ndjson", example = json!(examples::events_ndjson()))),
        description = "A `RegisterEvent` a line",
    ),
    responses((status = 200, description = "On disk, with a report by line", body = Report), Telling),
    security(("key" = ["operator"])),
)]
#[post("/v1/register/events")]
pub async fn tell(
    request: HttpRequest,
    app: web::Data<App>,
    caller: Caller,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    caller.operator()?;
    let register = app.register()?.clone();
    let access = access_to_persons(&request, &caller)?;
    let (on_error, others) = bulk::on_error(query(&request)?)?;
    bulk::none_left(others, "on_error")?;
    let form = bulk::form(&request, false)?;
    let body = Body::arrive(&app, payload, form, on_error).await?;
    let now = app.parts.broker.now();
    let (niss_today, today) = (today(now), brussels(now));
    let source = Source::objects(move |line| event(line, niss_today, today));
    // A task of its own: what arrived whole is taken whole, whoever hangs up.
    let report = actix_web::rt::spawn(async move {
        let act = async |batch: Batch<Happened>, is_done: bool, report: &mut Report| {
            let lines: Vec<Happened> = report.notes.good(batch).into_iter().map(|(_, event)| event).collect();
            if is_done && !lines.is_empty() {
                let told = register.mutations().tell(access.clone(), lines).await?;
                report.accepted += told.len() as u64;
                report.told += told.iter().map(|one| u64::from(*one)).sum::<u64>();
                report.nobodys += told.iter().filter(|one| **one == 0).count() as u64;
            }
            Ok(())
        };
        body.go_through(&source, |notes| Report { notes, ..Report::default() }, act).await
    });
    let mut report = report.await.map_err(|_| Problem::Restarting)??;
    let tally = report.notes.finish();
    let report = Report { refused: tally.refused, errors: tally.errors, ..report };
    Ok(json(HttpResponse::Ok(), &report))
}
