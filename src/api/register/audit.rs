//! The audit trail of the register, and how many rows there are.
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use estafette_actors::domain::cbe::Cbe;
use estafette_actors::domain::dossier::Code;
use estafette_actors::domain::niss::Niss;
use estafette_actors::domain::submission::Institution;
use estafette_actors::ports::register::{AuditLine, Deed, Face};
use estafette_actors::register::Register;
use jiff::civil::Date;
use serde::Serialize;
use serde::de::value::{Error as Unreadable, StrDeserializer};
use serde::de::{Deserialize, IntoDeserializer};
use utoipa::ToSchema;

use super::wire::{done, needed_niss};
use super::{MOST, examples, schemas};
use crate::api::App;
use crate::api::answer::json;
use crate::api::body::JsonBody;
use crate::api::caller::Caller;
use crate::api::json::{Faults, Json, Object};
use crate::api::listing::{query, unknown};
use crate::api::problem::{Fault, Kind, Problem, refuses, sets};
use crate::api::submission::today;

/// Lines on a page at most.
const MAX_PAGE: usize = 1_000;
const DEFAULT_PAGE: usize = 100;
/// Lines that one call looks through at most: who filters may get a short page, and goes on.
const LOOKED_AT: usize = 50_000;
const PARAMETERS: &str = "after, limit, deed, type, outcome, institution";

/// A line of the audit trail.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RegisterAuditLine)]
pub struct Line {
    /// Its place: grows with time.
    position: u64,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    at: String,
    /// Who: the institution.
    institution: String,
    /// With which key; no secret.
    key: Box<str>,
    /// In which legal context; empty where persons played no part.
    legal_context: Box<str>,
    /// The caller's own reference of the request.
    #[schema(value_type = Option<String>, required)]
    correlation_id: Option<Box<str>>,
    /// Over which face.
    #[schema(value_type = schemas::Face)]
    face: Face,
    /// What was done.
    #[schema(value_type = schemas::Deed)]
    deed: Deed,
    /// About whom, as a keyed hash: the same person has the same one.
    #[schema(required)]
    about: Option<String>,
    /// About which dossier type.
    #[serde(rename = "type")]
    #[schema(value_type = Option<schemas::Code>, required)]
    code: Option<Code>,
    /// What came of it: `done`, `covered`, `nothing`, or the kind of the refusal.
    #[schema(value_type = String)]
    outcome: Box<str>,
}

/// A page of the audit trail.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RegisterAudit, example = examples::audit)]
pub struct Page {
    /// The oldest first. A page may be short, even empty, and yet not the last one.
    lines: Vec<Line>,
    /// Give it as `after` to go on; null on the last page.
    #[schema(required)]
    next: Option<u64>,
}

/// Rows of a type.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RegisterCount)]
pub struct Count {
    /// The dossier type.
    #[serde(rename = "type")]
    #[schema(value_type = schemas::Code)]
    code: Code,
    /// Rows of it.
    rows: u64,
}

/// How many rows there are.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RegisterCounts, example = examples::counts)]
pub struct Counts {
    /// Of all types.
    rows: u64,
    /// Of each type that has any.
    types: Vec<Count>,
}

impl From<AuditLine> for Line {
    fn from(line: AuditLine) -> Self {
        Self {
            position: line.position,
            at: line.at.to_string(),
            institution: line.access.institution.to_string(),
            key: line.access.key,
            legal_context: line.access.legal_context,
            correlation_id: line.access.ticket,
            face: line.access.face,
            deed: line.deed,
            about: line.about.map(|hash| format!("{hash:016x}")),
            code: line.code,
            outcome: line.outcome,
        }
    }
}

/// Which lines are asked for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Asked {
    after: u64,
    limit: usize,
    deed: Option<Deed>,
    code: Option<Code>,
    outcome: Option<String>,
    institution: Option<Institution>,
}

fn deed(text: &str) -> Result<Deed, Unreadable> {
    let text: StrDeserializer<'_, Unreadable> = text.into_deserializer();
    Deed::deserialize(text)
}

fn asked(parameters: Vec<(String, String)>) -> Result<Asked, Problem> {
    let mut asked = Asked { limit: DEFAULT_PAGE, ..Asked::default() };
    let mut faults = Vec::new();
    for (name, value) in parameters {
        let read: Result<(), String> = match name.as_str() {
            "after" => match value.parse() {
                Ok(after) if after <= MOST => {
                    asked.after = after;
                    Ok(())
                }
                _ => Err("give what `next` has, or 0".into()),
            },
            "limit" => match value.parse() {
                Ok(limit) if (1..=MAX_PAGE).contains(&limit) => {
                    asked.limit = limit;
                    Ok(())
                }
                _ => Err(format!("give 1 to {MAX_PAGE}")),
            },
            "deed" => deed(&value)
                .map(|deed| asked.deed = Some(deed))
                .map_err(|_| format!("give one of {}", schemas::DEEDS.join(", "))),
            "type" => Code::parse(&value).map(|code| asked.code = Some(code)).map_err(|error| error.to_string()),
            "institution" => Cbe::parse(&value)
                .map(|cbe| asked.institution = Some(Institution(cbe)))
                .map_err(|error| error.to_string()),
            "outcome" if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') => {
                asked.outcome = Some(value);
                Ok(())
            }
            "outcome" => Err("give an outcome as a line has it, such as done".to_owned()),
            _ => return Err(unknown(&name, PARAMETERS)),
        };
        if let Err(detail) = read {
            faults.push(Fault::new(name, detail));
        }
    }
    if faults.is_empty() { Ok(asked) } else { Err(Problem::InvalidQuery(faults)) }
}

impl Asked {
    fn fits(&self, line: &AuditLine) -> bool {
        self.deed.is_none_or(|deed| deed == line.deed)
            && self.code.as_ref().is_none_or(|code| line.code.as_ref() == Some(code))
            && self.outcome.as_ref().is_none_or(|outcome| **outcome == *line.outcome)
    }

    async fn page(
        &self,
        register: &Register,
        owner: Option<Institution>,
        about: Option<Niss>,
    ) -> Result<Page, Problem> {
        let (mut lines, mut after, mut looked_at) = (Vec::new(), self.after, 0);
        while looked_at < LOOKED_AT {
            let found = register.dossiers().audit(owner, about, after, MAX_PAGE).await?;
            let is_last = found.len() < MAX_PAGE;
            looked_at += found.len();
            for line in found {
                after = line.position;
                if self.fits(&line) {
                    lines.push(Line::from(line));
                    if lines.len() == self.limit {
                        return Ok(Page { lines, next: Some(after) });
                    }
                }
            }
            if is_last {
                return Ok(Page { lines, next: None });
            }
        }
        Ok(Page { lines, next: Some(after) })
    }
}

/// Whose lines a caller gets: its own, and the operator those of all, or of one.
fn whose(caller: &Caller, wanted: Option<Institution>) -> Result<Option<Institution>, Problem> {
    if caller.operator().is_ok() {
        return Ok(wanted);
    }
    match wanted {
        Some(other) if other != caller.institution() => Err(Problem::OperatorOnly),
        _ => Ok(Some(caller.institution())),
    }
}

refuses!(
    Auditing: sets::KEYED,
    sets::REGISTER,
    sets::READING,
    &[Kind::InvalidQuery, Kind::OperatorOnly, Kind::Overloaded],
);

/// Your trail: what was asked and changed with your keys, in which legal context, oldest first. The operator sees everybody's.
#[utoipa::path(
    operation_id = "audit",
    tag = "register",
    params(
        ("after" = Option<u64>, Query, description = "Only after this place, as `next` has it; 0 by default"),
        ("limit" = Option<u16>, Query, description = "How many at most, 1 to 1000; 100 by default", minimum = 1, maximum = 1000),
        ("deed" = Option<schemas::Deed>, Query, description = "Only what was done so"),
        ("type" = Option<schemas::Code>, Query, description = "Only about this dossier type"),
        ("outcome" = Option<schemas::Outcome>, Query, description = "Only with this outcome, such as `done` or `unknown_niss`"),
        ("institution" = Option<crate::api::schemas::Cbe>, Query, description = "Only this institution's; for the operator"),
    ),
    responses(
        (status = 200, description = "A page; Link names the next one (RFC 8288)", body = Page,
            headers(("Link" = String, description = "The next page, `rel=\"next\"`"))),
        Auditing,
    ),
)]
#[get("/v1/register/audit")]
pub async fn trail(request: HttpRequest, app: web::Data<App>, caller: Caller) -> Result<HttpResponse, Problem> {
    let register = app.register()?;
    let asked = asked(query(&request)?)?;
    let page = asked.page(register, whose(&caller, asked.institution)?, None).await?;
    let mut answer = HttpResponse::Ok();
    if let Some(next) = page.next {
        let kept = request.query_string().split('&').filter(|part| !part.is_empty() && !part.starts_with("after="));
        let all: Vec<String> = kept.map(str::to_owned).chain([format!("after={next}")]).collect();
        answer.insert_header((header::LINK, format!("</v1/register/audit?{}>; rel=\"next\"", all.join("&"))));
    }
    Ok(json(answer, &page))
}

fn about(body: &[u8], today: Date) -> Result<(Niss, Asked), Problem> {
    let mut faults = Faults::default();
    let parsed = Object::of(Json::parse(body)?, "", &mut faults).and_then(|mut object| {
        let niss = needed_niss(&mut object, today, &mut faults);
        let after = object.whole("after", 0..=MOST, &mut faults).unwrap_or(0);
        let limit = object.whole("limit", 1..=MAX_PAGE as u64, &mut faults).unwrap_or(DEFAULT_PAGE as u64) as usize;
        let institution = super::wire::institution(&mut object, "institution", &mut faults);
        object.finish("niss, after, limit, institution", &mut faults);
        Some((niss?, Asked { after, limit, institution, ..Asked::default() }))
    });
    done(parsed, faults)
}

refuses!(
    AuditingOne: sets::KEYED,
    sets::REGISTER,
    sets::BODY,
    sets::JSON,
    sets::READING,
    &[Kind::OperatorOnly, Kind::Overloaded],
);

/// The lines of your trail about one person.
#[utoipa::path(
    operation_id = "audit_of_person",
    tag = "register",
    request_body(content = schemas::AuditSearch, content_type = "application/json"),
    responses((status = 200, description = "A page", body = Page), AuditingOne),
)]
#[post("/v1/register/audit/searches")]
pub async fn trail_of(app: web::Data<App>, caller: Caller, body: JsonBody) -> Result<HttpResponse, Problem> {
    let register = app.register()?;
    let (niss, asked) = about(&body.0, today(app.parts.broker.now()))?;
    let page = asked.page(register, whose(&caller, asked.institution)?, Some(niss)).await?;
    Ok(json(HttpResponse::Ok(), &page))
}

refuses!(Counting: sets::KEYED, sets::REGISTER);

/// How many rows your register has, by type.
#[utoipa::path(
    operation_id = "register_counts",
    tag = "register",
    responses((status = 200, description = "Counted as rows change", body = Counts), Counting),
)]
#[get("/v1/register/counts")]
pub async fn counts(app: web::Data<App>, caller: Caller) -> Result<HttpResponse, Problem> {
    let found = app.register()?.dossiers().counts(caller.institution());
    let rows = found.iter().map(|(_, rows)| rows).sum();
    let types = found.into_iter().map(|(code, rows)| Count { code, rows }).collect();
    Ok(json(HttpResponse::Ok(), &Counts { rows, types }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_deed_that_a_line_may_have_can_be_asked_for() {
        for name in schemas::DEEDS {
            let found = asked(vec![("deed".to_owned(), name.to_owned())]).unwrap();
            assert_eq!(serde_json::to_value(found.deed.unwrap()).unwrap(), name);
        }
        for (name, value) in [
            ("deed", "Inscribe"),
            ("limit", "0"),
            ("after", "-1"),
            ("type", "é"),
            ("outcome", "X"),
            ("institution", "1"),
        ] {
            assert!(
                matches!(asked(vec![(name.to_owned(), value.to_owned())]), Err(Problem::InvalidQuery(_))),
                "{name}"
            );
        }
    }
}
