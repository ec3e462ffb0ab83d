//! Rows of a register, one call at a time: inscribe, remove, consult.
use actix_web::{HttpRequest, HttpResponse, post, web};
use estafette_actors::domain::dossier::Code;
use estafette_actors::domain::niss::Niss;
use estafette_actors::domain::period::{Inscribed, Period};
use estafette_actors::domain::submission::Institution;
use estafette_actors::ports::register::{DossierRow, PAGE_MAX, Place, Question};
use estafette_actors::register::Inscription;
use jiff::civil::Date;
use serde::Serialize;
use utoipa::ToSchema;

use super::wire::{self, Days, Note, day, done, missing, needed_niss, niss, notes, period};
use super::{access_to_persons, examples, schemas};
use crate::api::App;
use crate::api::answer::json;
use crate::api::body::JsonBody;
use crate::api::caller::Caller;
use crate::api::json::{Faults, Json, Object};
use crate::api::problem::{Fault, Kind, Problem, refuses, sets};
use crate::api::submission::today;
use crate::events::Cursors;

const DEFAULT_PAGE: u64 = 100;

/// What an inscription did.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RegisterInscribed, example = examples::inscribed)]
pub struct InscribedView {
    /// The number that counts.
    niss: String,
    /// The dossier type.
    #[serde(rename = "type")]
    #[schema(value_type = schemas::Code)]
    code: Code,
    /// A row was added, some became one with the new period, or one covers it already.
    #[schema(value_type = schemas::InscriptionOutcome)]
    outcome: &'static str,
    /// The row in which the period lies now.
    row: Days,
    /// The rows that became one with it, as they were.
    merged: Vec<Days>,
    /// What is worth knowing; `covered` is a warning.
    remarks: Vec<Note>,
}

/// What a removal did.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RegisterRemoved, example = examples::removed)]
pub struct RemovedView {
    /// The number that counts.
    niss: String,
    /// The dossier type.
    #[serde(rename = "type")]
    #[schema(value_type = schemas::Code)]
    code: Code,
    /// The rows that had a day in the period, as they were. None of them: there was nothing to remove.
    touched: Vec<Days>,
    /// What is left of these.
    left: Vec<Days>,
    /// What is worth knowing.
    remarks: Vec<Note>,
}

/// A row of a register.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RegisterRow, example = examples::row)]
pub struct RowView {
    /// The person.
    #[serde(serialize_with = "wire::digits")]
    #[schema(value_type = String)]
    pub niss: Niss,
    /// The dossier type.
    #[serde(rename = "type")]
    #[schema(value_type = schemas::Code)]
    pub code: Code,
    /// The first day.
    #[schema(value_type = String, format = Date)]
    pub begin: Date,
    /// The last day; null where it goes on.
    #[schema(value_type = Option<String>, format = Date, required)]
    pub end: Option<Date>,
}

/// A page of rows.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RegisterRows, example = examples::rows)]
pub struct Page {
    /// Whose register it is.
    owner: String,
    /// By NISS, type and first day. A page may be short, even empty, and yet not the last one.
    rows: Vec<RowView>,
    /// What is worth knowing about the NISS that was asked for.
    remarks: Vec<Note>,
    /// Give it as `after` to go on; null on the last page.
    #[schema(value_type = Option<schemas::RowsPlace>, required)]
    next: Option<String>,
}

impl RowView {
    /// Of a row.
    pub fn of(row: &DossierRow) -> Self {
        Self { niss: row.niss, code: row.code, begin: row.period.begin(), end: row.period.end() }
    }
}

/// The bytes of a place: NISS, day, code.
fn packed(place: &Place) -> Vec<u8> {
    let mut bytes = place.niss.as_u64().to_be_bytes().to_vec();
    bytes.extend(place.begin.year().to_be_bytes());
    bytes.extend([place.begin.month() as u8, place.begin.day() as u8]);
    bytes.extend(place.code.as_str().bytes());
    bytes
}

fn unpacked(bytes: &[u8]) -> Option<Place> {
    let (niss, rest) = bytes.split_first_chunk::<8>()?;
    let (year, rest) = rest.split_first_chunk::<2>()?;
    let ([month, day], code) = rest.split_first_chunk::<2>()?;
    Some(Place {
        niss: Niss::from_trusted_u64(u64::from_be_bytes(*niss)),
        code: Code::parse(std::str::from_utf8(code).ok()?).ok()?,
        begin: Date::new(i16::from_be_bytes(*year), *month as i8, *day as i8).ok()?,
    })
}

fn inscription(body: &[u8], today: Date) -> Result<Inscription, Problem> {
    let mut faults = Faults::default();
    let parsed = Object::of(Json::parse(body)?, "", &mut faults).and_then(|mut object| {
        let niss = needed_niss(&mut object, today, &mut faults);
        let code = needed_code(&mut object, &mut faults);
        let before = faults.len();
        let period = period(&mut object, ["begin", "end"], &mut faults).filter(|period| period.begin() > Date::MIN);
        if period.is_none() && faults.len() == before {
            missing(&object, "begin", "give the first day, YYYY-MM-DD", &mut faults);
        }
        let claim = object.object("person", "/person", &mut faults).map(|mut person| {
            let claim = wire::claim(&mut person, &mut faults);
            person.finish("surname, given_names, birth_date, sex", &mut faults);
            claim
        });
        object.finish("niss, type, begin, end, person", &mut faults);
        Some(Inscription { niss: niss?, code: code?, period: period?, claim: claim.unwrap_or_default() })
    });
    done(parsed, faults)
}

fn needed_code(object: &mut Object<'_>, faults: &mut Faults) -> Option<Code> {
    let found = wire::code(object, "type", faults);
    if found.is_none() {
        missing(object, "type", "give the code of one of your dossier types", faults);
    }
    found
}

fn removal(body: &[u8], today: Date) -> Result<(Niss, Code, Option<Period>), Problem> {
    let mut faults = Faults::default();
    let parsed = Object::of(Json::parse(body)?, "", &mut faults).and_then(|mut object| {
        let niss = needed_niss(&mut object, today, &mut faults);
        let code = needed_code(&mut object, &mut faults);
        let period = period(&mut object, ["begin", "end"], &mut faults);
        object.finish("niss, type, begin, end", &mut faults);
        Some((niss?, code?, period))
    });
    done(parsed, faults)
}

fn question(
    body: &[u8],
    today: Date,
    caller: Institution,
    cursors: &Cursors,
) -> Result<(Institution, Question), Problem> {
    let mut faults = Faults::default();
    let parsed = Object::of(Json::parse(body)?, "", &mut faults).map(|mut object| {
        let owner = wire::institution(&mut object, "owner", &mut faults).unwrap_or(caller);
        let niss = niss(&mut object, "niss", today, &mut faults);
        let code = wire::code(&mut object, "type", &mut faults);
        if owner != caller && code.is_none() {
            missing(&object, "type", "another's register is consulted by type", &mut faults);
        }
        let days = period(&mut object, ["begin", "end"], &mut faults);
        let on = object.parsed("on", &mut faults, day).map(Period::day);
        if on.is_some() && days.is_some() {
            object.fault("on", "given beside begin or end: give the day, or the period", &mut faults);
        }
        let after = object.parsed("after", &mut faults, |text| {
            let place = cursors.read_rows(caller, text).and_then(|bytes| unpacked(&bytes));
            place.ok_or("not a place of yours: give what the last page's `next` has")
        });
        let limit = object.whole("limit", 1..=PAGE_MAX as u64, &mut faults).unwrap_or(DEFAULT_PAGE) as usize;
        object.finish("niss, type, begin, end, on, owner, after, limit", &mut faults);
        (owner, Question { niss, code, period: on.or(days), after, limit })
    });
    done(parsed, faults)
}

refuses!(
    Inscribing: sets::KEYED,
    sets::REGISTER,
    sets::BODY,
    sets::JSON,
    sets::WRITING,
    sets::READING,
    sets::SOURCE,
    &[
        Kind::UnknownNiss,
        Kind::CancelledNiss,
        Kind::Deceased,
        Kind::PersonMismatch,
        Kind::UnknownType,
        Kind::TypeNotValid,
        Kind::TooManyRows,
    ],
);

/// Inscribes a person in a role for a period; without `end` it goes on.
///
/// What is given of the person is compared with the authentic source, and refused where it differs. Rows that overlap the
/// period become one with it; rows that merely adjoin it stay apart. A period that a row covers already is a warning
/// (`covered`), and so the same call may be sent again.
#[utoipa::path(
    operation_id = "inscribe",
    tag = "register",
    params(
        ("Legal-Context" = Option<schemas::LegalContext>, Header, description = "Needed, unless the operator gave you a default"),
        ("X-Correlation-Id" = Option<schemas::LegalContext>, Header, description = "Your own reference of the request, for the audit trail"),
    ),
    request_body(content = schemas::Inscription, content_type = "application/json"),
    responses((status = 200, description = "On disk, or there already", body = InscribedView), Inscribing),
)]
#[post("/v1/register/rows")]
pub async fn inscribe(
    request: HttpRequest,
    app: web::Data<App>,
    caller: Caller,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let register = app.register()?;
    let access = access_to_persons(&request, &caller)?;
    let inscription = inscription(&body.0, today(app.parts.broker.now()))?;
    let code = inscription.code;
    let done = register.inscribe(&access, inscription).await?;
    let (outcome, row, merged) = match done.outcome {
        Inscribed::Added(row) => ("added", row, Vec::new()),
        Inscribed::Merged { row, of } => ("merged", row, of),
        Inscribed::Covered(row) => ("covered", row, Vec::new()),
    };
    let merged = merged.into_iter().map(Days::from).collect();
    let remarks = notes(done.remarks);
    let view = InscribedView { niss: done.niss.digits(), code, outcome, row: row.into(), merged, remarks };
    Ok(json(HttpResponse::Ok(), &view))
}

refuses!(
    Removing: sets::KEYED,
    sets::REGISTER,
    sets::BODY,
    sets::JSON,
    sets::WRITING,
    sets::READING,
    sets::SOURCE,
    &[Kind::UnknownType, Kind::TooManyRows],
);

/// Removes all rows of a person in a role, or the days of a period: which may shorten a row, or cut it in two. Days that are
/// in no row are no mistake.
#[utoipa::path(
    operation_id = "remove_rows",
    tag = "register",
    params(
        ("Legal-Context" = Option<schemas::LegalContext>, Header, description = "Needed, unless the operator gave you a default"),
        ("X-Correlation-Id" = Option<schemas::LegalContext>, Header, description = "Your own reference of the request, for the audit trail"),
    ),
    request_body(content = schemas::Removal, content_type = "application/json"),
    responses((status = 200, description = "On disk", body = RemovedView), Removing),
)]
#[post("/v1/register/removals")]
pub async fn remove(
    request: HttpRequest,
    app: web::Data<App>,
    caller: Caller,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let register = app.register()?;
    let access = access_to_persons(&request, &caller)?;
    let (niss, code, period) = removal(&body.0, today(app.parts.broker.now()))?;
    let done = register.remove(&access, niss, code, period).await?;
    let [touched, left] =
        [done.outcome.touched, done.outcome.left].map(|rows| rows.into_iter().map(Days::from).collect());
    let view = RemovedView { niss: done.niss.digits(), code, touched, left, remarks: notes(done.remarks) };
    Ok(json(HttpResponse::Ok(), &view))
}

refuses!(
    Consulting: sets::KEYED,
    sets::REGISTER,
    sets::BODY,
    sets::JSON,
    sets::READING,
    sets::SOURCE,
    &[Kind::NoRight, Kind::Overloaded],
);

/// Rows of your register: of a person, of a type, with a day in a period, or on a day; what is left out does not matter.
///
/// A number that was replaced is answered with the rows of the one that took its place. With `owner` they are those of another's
/// register, of a type that its owner lets you consult.
#[utoipa::path(
    operation_id = "consult",
    tag = "register",
    params(
        ("Legal-Context" = Option<schemas::LegalContext>, Header, description = "Needed, unless the operator gave you a default"),
        ("X-Correlation-Id" = Option<schemas::LegalContext>, Header, description = "Your own reference of the request, for the audit trail"),
    ),
    request_body(content = schemas::Consultation, content_type = "application/json"),
    responses((status = 200, description = "A page of them", body = Page), Consulting),
)]
#[post("/v1/register/consultations")]
pub async fn consult(
    request: HttpRequest,
    app: web::Data<App>,
    caller: Caller,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let register = app.register()?;
    let access = access_to_persons(&request, &caller)?;
    let cursors = &app.parts.events.cursors;
    let (owner, question) = question(&body.0, today(app.parts.broker.now()), caller.institution(), cursors)?;
    let (found, remarks) = register.consult(&access, owner, question).await?;
    let next = found.next.map(|place| cursors.write_rows(caller.institution(), &packed(&place)));
    let rows = found.rows.iter().map(RowView::of).collect();
    Ok(json(HttpResponse::Ok(), &Page { owner: owner.to_string(), rows, remarks: notes(remarks), next }))
}

/// The filter of a query that names no person: type, and days.
pub fn filter(parameters: Vec<(String, String)>) -> Result<Question, Problem> {
    let mut faults = Vec::new();
    let (mut question, mut days, mut on) = (Question::default(), [None, None], None);
    for (name, value) in parameters {
        let read = match name.as_str() {
            "type" => Code::parse(&value).map(|code| question.code = Some(code)).map_err(|error| error.to_string()),
            "begin" | "end" | "on" => day(&value).map_err(str::to_owned).map(|day| match name.as_str() {
                "begin" => days[0] = Some(day),
                "end" => days[1] = Some(day),
                _ => on = Some(day),
            }),
            _ => return Err(crate::api::listing::unknown(&name, "type, begin, end, on")),
        };
        if let Err(detail) = read {
            faults.push(Fault::new(name, detail));
        }
    }
    match (days, on) {
        ([None, None], on) => question.period = on.map(Period::day),
        (_, Some(_)) => faults.push(Fault::new("on", "given beside begin or end: give the day, or the period")),
        ([begin, end], None) => match Period::new(begin.unwrap_or(Date::MIN), end) {
            Ok(period) => question.period = Some(period),
            Err(error) => faults.push(Fault::new("end", error.to_string())),
        },
    }
    if faults.is_empty() { Ok(question) } else { Err(Problem::InvalidQuery(faults)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_what_it_was_when_it_comes_back() {
        let niss = Niss::parse("85073003328", jiff::civil::date(2026, 1, 1)).unwrap();
        for (code, begin) in [("A", jiff::civil::date(1, 2, 3)), (&*"Z".repeat(32), Date::MAX), ("P-1", Date::MIN)] {
            let place = Place { niss, code: Code::parse(code).unwrap(), begin };
            assert_eq!(unpacked(&packed(&place)), Some(place));
        }
        for broken in [&[][..], &[0; 11], &[0; 12], &[0; 13]] {
            assert_eq!(unpacked(broken), None);
        }
    }
}
