//! Whom an institution may not write to: its suppressions and withdrawn consents. Each institution
//! sees and changes its own list; nobody on it is shown, since only a keyed hash of them is kept.
use actix_web::{HttpRequest, HttpResponse, delete, get, put, web};
use estafette_actors::domain::channel::Channel;
use estafette_actors::ports::{Bar, Suppressed, Suppression, SuppressionError};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::App;
use super::answer::json;
use super::body::{media_type, read_payload};
use super::caller::Caller;
use super::json::{Faults, Json, Object};
use super::problem::{Fault, Kind, Problem, refuses, sets};
use super::schemas::NewSuppressions;
use super::submission::{self, today};
use super::{examples, schemas};

/// How many times the bytes of another JSON body are read.
const LARGER: usize = 32;
/// Entries on a page at most.
const MAX_PAGE: usize = 500;

/// An entry of the list.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Suppression)]
pub struct EntryAnswer {
    /// Its id, to take it off the list.
    #[schema(value_type = schemas::EntryId)]
    id: String,
    /// The channel; null for all.
    #[schema(required)]
    channel: Option<String>,
    /// suppressed or consent_withdrawn.
    #[schema(value_type = schemas::Why)]
    why: Bar,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    since: String,
}

/// A page of the list.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Suppressions, example = examples::suppressions)]
pub struct PageAnswer {
    /// Entries, in the order of their ids.
    suppressions: Vec<EntryAnswer>,
    /// Give it as `after` for the next page; null at the end.
    #[schema(value_type = Option<schemas::EntryId>, required)]
    next: Option<String>,
}

/// Which part of the list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Which {
    /// Only the entries about this one: niss:, mobile: or cbe: and the number.
    #[param(value_type = Option<schemas::Identifier>)]
    recipient: Option<String>,
    /// After this id.
    #[param(value_type = Option<schemas::EntryId>)]
    after: Option<String>,
    /// Entries at most; 100 by default, 500 at most.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 500)]
    limit: Option<String>,
}

impl EntryAnswer {
    fn of(entry: &Suppressed) -> Self {
        let channel = entry.channel.map(|channel| channel.to_string());
        Self { id: format!("{:032x}", entry.id), channel, why: entry.why, since: entry.since.to_string() }
    }
}

impl From<SuppressionError> for Problem {
    fn from(error: SuppressionError) -> Self {
        match error {
            SuppressionError::Full => Self::ListFull,
            SuppressionError::Unusable(_) => {
                tracing::error!(%error, "a suppression list could not be used");
                Self::ReadOnly
            }
        }
    }
}

fn why(text: &str) -> Result<Bar, &'static str> {
    match text {
        "suppressed" => Ok(Bar::Suppressed),
        "consent_withdrawn" => Ok(Bar::ConsentWithdrawn),
        _ => Err("unknown: give suppressed or consent_withdrawn"),
    }
}

fn entry(value: Json<'_>, channels: &[Channel], today: Date, faults: &mut Faults) -> Option<Suppression> {
    let mut object = Object::of(value, "", faults)?;
    let why = object.parsed("why", faults, why).unwrap_or(Bar::Suppressed);
    let channel = object.parsed("channel", faults, |name| {
        let known = channels.iter().find(|channel| channel.as_str() == name).copied();
        known.ok_or("no such channel here: see GET /v1/limits, or leave it out for all")
    });
    let recipient = submission::recipient(object, today, faults)?;
    let mut identifiers = recipient.identifiers();
    let who = identifiers.next()?;
    if identifiers.next().is_some() {
        faults.add("", "more than one identifier: give one of mobile, niss and cbe; an entry is about one");
        return None;
    }
    Some(Suppression { who, channel, why })
}

/// Reads one object, an array, or one object a line.
fn entries(body: &[u8], lines: bool, channels: &[Channel], today: Date) -> Result<Vec<Suppression>, Problem> {
    let mut values = Vec::new();
    if lines {
        for (number, line) in body.split(|byte| *byte == b'\n').enumerate() {
            if !line.trim_ascii().is_empty() {
                let value = Json::parse(line)
                    .map_err(|_| Problem::MalformedJson(format!("a syntax error at line {}", number + 1)))?;
                values.push((format!("line {}", number + 1), value));
            }
        }
    } else {
        match Json::parse(body)? {
            Json::Array(items) => {
                values.extend(items.into_iter().enumerate().map(|(place, item)| (format!("/{place}"), item)));
            }
            one => values.push((String::new(), one)),
        }
    }
    let (mut all, mut found) = (Faults::default(), Vec::with_capacity(values.len()));
    for (place, value) in values {
        let mut faults = Faults::default();
        found.extend(entry(value, channels, today, &mut faults));
        for fault in faults.into_inner() {
            all.add(format!("{place}{}", fault.pointer), fault.detail);
        }
    }
    if all.is_empty() { Ok(found) } else { Err(Problem::InvalidRequest(all.into_inner())) }
}

fn id(text: &str) -> Option<u128> {
    let plain = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    plain.then(|| u128::from_str_radix(text, 16).ok())?
}

impl App {
    fn channels(&self) -> Vec<Channel> {
        self.parts.transports.iter().map(|transport| transport.channel()).collect()
    }
}

refuses!(Suppressing: sets::KEYED, sets::BODY, sets::JSON, sets::WRITING, &[Kind::ListFull]);

/// Puts recipients on your list: what is sent to them fails as `suppressed` or `consent_withdrawn`, and
/// nothing reaches them. All of the body, or nothing of it. One that is there already keeps its time, and the stronger
/// reason of the two: a withdrawn consent stays one until its entry is taken off.
#[utoipa::path(
    operation_id = "suppress",
    tag = "suppressions",
    request_body(
        content(
            (NewSuppressions = "application/json", example = json!(examples::new_suppressions())),
            (String = "application/x-ndjson", example = json!(format!("{}\n", examples::new_suppression()))),
        ),
        description = "One object, an array, or one object a line",
    ),
    responses(
        (status = 200, description = "On disk, and kept to from now on; in the order given", body = PageAnswer),
        Suppressing,
    ),
)]
#[put("/v1/suppressions")]
pub async fn suppress(
    request: HttpRequest,
    app: web::Data<App>,
    caller: Caller,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let lines = match media_type(&request).as_deref() {
        Some("application/json") => false,
        Some("application/x-ndjson" | "application/ndjson" | "application/jsonl") => true,
        _ => return Err(Problem::UnsupportedMediaType("application/json or application/x-ndjson")),
    };
    let limit = app.parts.settings.body_bytes * LARGER;
    let body = read_payload(&request, payload.into_inner(), limit, &app).await?;
    let entries = entries(&body, lines, &app.channels(), today(app.parts.broker.now()))?;
    let added = app.parts.broker.suppressions().add(caller.institution(), entries).await?;
    let suppressions = added.iter().map(EntryAnswer::of).collect();
    Ok(json(HttpResponse::Ok(), &PageAnswer { suppressions, next: None }))
}

refuses!(Listing: sets::KEYED, &[Kind::InvalidQuery, Kind::ReadOnly]);

/// Your list, in pages; or whether somebody is on it.
#[utoipa::path(
    operation_id = "suppressions",
    tag = "suppressions",
    params(Which),
    responses(
        (status = 200, description = "Entries", body = PageAnswer),
        Listing,
    ),
)]
#[get("/v1/suppressions")]
pub async fn list(app: web::Data<App>, caller: Caller, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let wrong = |name: &str, detail: &str| Problem::InvalidQuery(vec![Fault::new(name, detail)]);
    let which = web::Query::<Which>::from_query(request.query_string());
    let which = which.map_err(|_| wrong("", "give recipient, after and limit only, each once"))?.into_inner();
    let lists = app.parts.broker.suppressions();
    let limit = match which.limit.as_deref().map(str::parse) {
        None => 100,
        Some(Ok(limit @ 1..=MAX_PAGE)) => limit,
        Some(_) => return Err(wrong("limit", "give 1 to 500")),
    };
    let after = match which.after.as_deref() {
        None => None,
        Some(text) => Some(id(text).ok_or_else(|| wrong("after", "give the id of an entry"))?),
    };
    if let Some(recipient) = &which.recipient {
        let who = super::listing::identifier(recipient, today(app.parts.broker.now()))
            .map_err(|detail| wrong("recipient", &detail))?;
        let found = lists.find(caller.institution(), who, &app.channels());
        let suppressions = found.iter().map(EntryAnswer::of).collect();
        return Ok(json(HttpResponse::Ok(), &PageAnswer { suppressions, next: None }));
    }
    let found = lists.list(caller.institution(), after, limit).await?;
    let suppressions: Vec<_> = found.iter().map(EntryAnswer::of).collect();
    let next = (suppressions.len() == limit).then(|| suppressions[limit - 1].id.clone());
    Ok(json(HttpResponse::Ok(), &PageAnswer { suppressions, next }))
}

refuses!(Removing: sets::KEYED, sets::WRITING, &[Kind::NotFound]);

/// Takes an entry off your list.
#[utoipa::path(
    operation_id = "unsuppress",
    tag = "suppressions",
    params(("id" = schemas::EntryId, Path, description = "The entry's id")),
    responses(
        (status = 204, description = "Off the list"),
        Removing,
    ),
)]
#[delete("/v1/suppressions/{id}")]
pub async fn remove(app: web::Data<App>, caller: Caller, path: web::Path<String>) -> Result<HttpResponse, Problem> {
    let id = id(&path).ok_or(Problem::NotFound)?;
    match app.parts.broker.suppressions().remove(caller.institution(), vec![id]).await? {
        0 => Err(Problem::NotFound),
        _ => Ok(HttpResponse::NoContent().finish()),
    }
}
