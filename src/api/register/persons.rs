//! Persons at the authentic source: looked up by number, searched for by name, created and corrected.
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, post, web};
use estafette_actors::domain::identity::Identity;
use estafette_actors::domain::language::Language;
use estafette_actors::domain::niss::Niss;
use estafette_actors::ports::register::{Correction, Created, NewPerson, Search};
use jiff::civil::Date;
use serde::Serialize;
use utoipa::ToSchema;

use super::refused::Refused;
use super::wire::{self, Found, Note, Person, Who, claim, day, done, missing, needed_niss, notes, truth};
use super::{access_to_persons, examples, schemas};
use crate::api::App;
use crate::api::answer::json;
use crate::api::body::JsonBody;
use crate::api::caller::Caller;
use crate::api::json::{Faults, Json, Object};
use crate::api::problem::{Kind, Problem, refuses, sets};
use crate::api::submission::today;

/// Persons that a search gives at most.
const HITS: u64 = 100;
const DEFAULT_HITS: u64 = 20;
/// Years by which a birth date may be off at most.
const YEARS: u64 = 10;

/// What is known of a number.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RegisterLookup, example = examples::lookup)]
pub struct Looked {
    /// The person, under the number that counts.
    person: Person,
    /// What is worth knowing.
    remarks: Vec<Note>,
}

/// Those who may be meant.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RegisterHits, example = examples::hits)]
pub struct Hits {
    /// The best first.
    persons: Vec<Found>,
    /// Whether more persons sound like that than were looked at: others may fit as well or better. Give the birth date, or more of the
    /// name.
    incomplete: bool,
}

/// A number that was created.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RegisterCreated, example = examples::created)]
pub struct CreatedView {
    /// The number.
    niss: String,
}

/// What is so behind a number from now on.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RegisterCorrected, example = examples::corrected)]
pub struct Corrected {
    /// The number that counts.
    niss: String,
    /// What is so now.
    person: Who,
    /// What is worth knowing.
    remarks: Vec<Note>,
}

fn lookup_of(body: &[u8], today: Date) -> Result<Niss, Problem> {
    let mut faults = Faults::default();
    let parsed = Object::of(Json::parse(body)?, "", &mut faults).and_then(|mut object| {
        let niss = needed_niss(&mut object, today, &mut faults);
        object.finish("niss", &mut faults);
        niss
    });
    done(parsed, faults)
}

fn search_of(body: &[u8]) -> Result<Search, Problem> {
    let mut faults = Faults::default();
    let parsed = Object::of(Json::parse(body)?, "", &mut faults).map(|mut object| {
        let claim = claim(&mut object, &mut faults);
        if claim.surname.is_none() {
            missing(&object, "surname", "nobody is searched for without a surname", &mut faults);
        }
        let years = object.whole("years", 0..=YEARS, &mut faults).unwrap_or(0) as u8;
        let limit = object.whole("limit", 1..=HITS, &mut faults).unwrap_or(DEFAULT_HITS) as usize;
        object.finish("surname, given_names, birth_date, sex, years, limit", &mut faults);
        Search { claim, years, limit }
    });
    done(parsed, faults)
}

fn new_person(body: &[u8]) -> Result<NewPerson, Problem> {
    let mut faults = Faults::default();
    let parsed = Object::of(Json::parse(body)?, "", &mut faults).and_then(|mut object| {
        let claim = claim(&mut object, &mut faults);
        let needed = [
            ("surname", claim.surname.is_none()),
            ("given_names", claim.given_names.is_none()),
            ("birth_date", claim.birth.is_none()),
        ];
        for (name, _) in needed.into_iter().filter(|(_, lacks)| *lacks) {
            missing(&object, name, "a number is created with surname, given_names and birth_date", &mut faults);
        }
        let language = object.parsed("language", &mut faults, Language::parse);
        let although_alike = truth(&mut object, "although_alike", &mut faults);
        object.finish("surname, given_names, birth_date, sex, language, although_alike", &mut faults);
        let identity = Identity {
            surname: claim.surname?,
            given_names: claim.given_names?,
            birth: claim.birth?,
            sex: claim.sex,
            language,
            deceased: None,
        };
        Some(NewPerson { identity, although_alike })
    });
    done(parsed, faults)
}

fn correction_of(body: &[u8], today: Date) -> Result<(Niss, Correction), Problem> {
    let mut faults = Faults::default();
    let parsed = Object::of(Json::parse(body)?, "", &mut faults).and_then(|mut object| {
        let niss = needed_niss(&mut object, today, &mut faults);
        let before = faults.len();
        let wire_claim = claim(&mut object, &mut faults);
        let deceased = object.parsed("deceased", &mut faults, day);
        if deceased.is_some_and(|day| day > today) {
            object.fault("deceased", "a day to come: check it", &mut faults);
        }
        let correction = Correction {
            surname: wire_claim.surname,
            given_names: wire_claim.given_names,
            birth: wire_claim.birth,
            sex: wire_claim.sex,
            deceased,
        };
        if correction == Correction::default() && faults.len() == before {
            faults.add("", "nothing is corrected: give surname, given_names, birth_date, sex or deceased");
        }
        object.finish("niss, surname, given_names, birth_date, sex, deceased", &mut faults);
        Some((niss?, correction))
    });
    done(parsed, faults)
}

refuses!(
    LookingUp: sets::KEYED,
    sets::REGISTER,
    sets::BODY,
    sets::JSON,
    sets::READING,
    sets::SOURCE,
    &[Kind::UnknownNiss, Kind::CancelledNiss, Kind::Overloaded],
);

/// What the authentic source knows of a number; one that was replaced is answered with the one that took its place.
#[utoipa::path(
    operation_id = "look_person_up",
    tag = "register",
    params(
        ("Legal-Context" = Option<schemas::LegalContext>, Header, description = "Needed, unless the operator gave you a default"),
        ("X-Correlation-Id" = Option<schemas::LegalContext>, Header, description = "Your own reference of the request, for the audit trail"),
    ),
    request_body(content = schemas::Lookup, content_type = "application/json"),
    responses((status = 200, description = "The person", body = Looked), LookingUp),
)]
#[post("/v1/register/persons/lookup")]
pub async fn lookup(
    request: HttpRequest,
    app: web::Data<App>,
    caller: Caller,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let register = app.register()?;
    let access = access_to_persons(&request, &caller)?;
    let niss = lookup_of(&body.0, today(app.parts.broker.now()))?;
    let done = register.person(&access, niss).await?;
    let view = Looked { person: Person::of(&done.outcome), remarks: notes(done.remarks) };
    Ok(json(HttpResponse::Ok(), &view))
}

refuses!(
    Searching: sets::KEYED,
    sets::REGISTER,
    sets::BODY,
    sets::JSON,
    sets::READING,
    sets::SOURCE,
    &[Kind::Overloaded],
);

/// Those who may be meant by a name as it sounds, best first; a birth date may be off by some years. A search looks at so many
/// persons and no more, and says so with `incomplete`.
#[utoipa::path(
    operation_id = "search_persons",
    tag = "register",
    params(
        ("Legal-Context" = Option<schemas::LegalContext>, Header, description = "Needed, unless the operator gave you a default"),
        ("X-Correlation-Id" = Option<schemas::LegalContext>, Header, description = "Your own reference of the request, for the audit trail"),
    ),
    request_body(content = schemas::Search, content_type = "application/json"),
    responses((status = 200, description = "Those found; none of them is no mistake", body = Hits), Searching),
)]
#[post("/v1/register/persons/search")]
pub async fn search(
    request: HttpRequest,
    app: web::Data<App>,
    caller: Caller,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let register = app.register()?;
    let access = access_to_persons(&request, &caller)?;
    let found = register.search(&access, search_of(&body.0)?).await?;
    let persons = found.hits.iter().map(Found::of).collect();
    Ok(json(HttpResponse::Ok(), &Hits { persons, incomplete: found.is_incomplete }))
}

refuses!(
    Creating: sets::KEYED,
    sets::REGISTER,
    sets::BODY,
    sets::JSON,
    sets::WRITING,
    sets::READING,
    sets::SOURCE,
    &[Kind::Alike],
);

/// Creates a BCSS number for somebody who has none, unless somebody alike is known: then those are given (409), and nothing was
/// created. Sent again it finds the one that it made.
#[utoipa::path(
    operation_id = "create_person",
    tag = "register",
    params(
        ("Legal-Context" = Option<schemas::LegalContext>, Header, description = "Needed, unless the operator gave you a default"),
        ("X-Correlation-Id" = Option<schemas::LegalContext>, Header, description = "Your own reference of the request, for the audit trail"),
    ),
    request_body(content = schemas::NewPerson, content_type = "application/json"),
    responses((status = 201, description = "Created, and known from now on", body = CreatedView), Creating),
)]
#[post("/v1/register/persons")]
pub async fn create(
    request: HttpRequest,
    app: web::Data<App>,
    caller: Caller,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let register = app.register()?;
    let access = access_to_persons(&request, &caller)?;
    match register.create(&access, new_person(&body.0)?).await? {
        Created::Number(niss) => {
            let mut answer = HttpResponse::Created();
            // What names a person is in the body only.
            answer.insert_header((header::CACHE_CONTROL, "no-store"));
            Ok(json(answer, &CreatedView { niss: niss.digits() }))
        }
        Created::Alike(hits) => Err(Refused::alike(&hits)),
    }
}

refuses!(
    Correcting: sets::KEYED,
    sets::REGISTER,
    sets::BODY,
    sets::JSON,
    sets::WRITING,
    sets::READING,
    sets::SOURCE,
    &[Kind::UnknownNiss, Kind::CancelledNiss, Kind::NotBcss],
);

/// Corrects the data behind a BCSS number: what is left out stays as it is.
#[utoipa::path(
    operation_id = "correct_person",
    tag = "register",
    params(
        ("Legal-Context" = Option<schemas::LegalContext>, Header, description = "Needed, unless the operator gave you a default"),
        ("X-Correlation-Id" = Option<schemas::LegalContext>, Header, description = "Your own reference of the request, for the audit trail"),
    ),
    request_body(content = schemas::Correction, content_type = "application/json"),
    responses((status = 200, description = "As it is from now on", body = Corrected), Correcting),
)]
#[post("/v1/register/persons/corrections")]
pub async fn correct(
    request: HttpRequest,
    app: web::Data<App>,
    caller: Caller,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let register = app.register()?;
    let access = access_to_persons(&request, &caller)?;
    let (niss, correction) = correction_of(&body.0, today(app.parts.broker.now()))?;
    let done = register.correct(&access, niss, correction).await?;
    let view =
        Corrected { niss: done.niss.digits(), person: Who::of(&done.outcome), remarks: wire::notes(done.remarks) };
    Ok(json(HttpResponse::Ok(), &view))
}
