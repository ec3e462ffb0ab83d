//! Fills the registry with what is known of recipients, until a register does: the operator's.
use actix_web::{HttpRequest, HttpResponse, put, web};
use estafette_actors::domain::language::Language;
use estafette_actors::registry::Person;
use jiff::civil::Date;
use serde::Serialize;
use utoipa::ToSchema;

use super::App;
use super::answer::json;
use super::body::{media_type, read_payload};
use super::caller::Caller;
use super::examples;
use super::json::{Faults, Json, Object};
use super::problem::{Kind, Problem, refuses, sets};
use super::schemas::KnownRecipients;
use super::submission::{self, today};

/// How many times the bytes of another JSON body are read.
const LARGER: usize = 32;

/// How many were taken.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = examples::learned)]
pub struct Learned {
    /// Recipients taken.
    accepted: usize,
}

fn person(value: Json<'_>, today: Date, faults: &mut Faults) -> Option<Person> {
    let mut object = Object::of(value, "", faults)?;
    let language = object.parsed("language", faults, Language::parse);
    let govapp = object.truth("govapp", faults);
    let mailbox = object.truth("mailbox", faults);
    let recipient = submission::recipient(object, today, faults)?;
    Some(Person { recipient, language, govapp, mailbox })
}

/// Reads an array, or one object a line. A fault names the place as `/index` or by its line.
fn persons(body: &[u8], lines: bool, today: Date) -> Result<Vec<Person>, Problem> {
    let mut values = Vec::new();
    if lines {
        for (number, line) in body.split(|byte| *byte == b'\n').enumerate() {
            if !line.trim_ascii().is_empty() {
                let value = Json::parse(line)
                    .map_err(|_| Problem::MalformedJson(format!("a syntax error at line {}", number + 1)))?;
                values.push((number + 1, value));
            }
        }
    } else {
        match Json::parse(body)? {
            Json::Array(items) => values.extend(items.into_iter().enumerate()),
            one => values.push((0, one)),
        }
    }
    let mut all = Faults::default();
    let mut found = Vec::with_capacity(values.len());
    for (place, value) in values {
        let mut faults = Faults::default();
        found.extend(person(value, today, &mut faults));
        for fault in faults.into_inner() {
            let place =
                if lines { format!("line {place}{}", fault.pointer) } else { format!("/{place}{}", fault.pointer) };
            all.add(place, fault.detail);
        }
    }
    if all.is_empty() { Ok(found) } else { Err(Problem::InvalidRequest(all.into_inner())) }
}

refuses!(Learning: sets::KEYED, sets::PROFILED, sets::BODY, sets::JSON, sets::WRITING, &[Kind::OperatorOnly]);

/// Tells the registry what is known of recipients: all of the body, or nothing of it.
#[utoipa::path(
    operation_id = "learn_recipients",
    tag = "operation",
    request_body(
        content(
            (KnownRecipients = "application/json", example = json!(examples::persons())),
            (String = "application/x-ndjson", example = json!(format!("{}\n", examples::person()))),
        ),
        description = "One object, an array, or one object a line",
    ),
    responses(
        (status = 200, description = "Known from now on", body = Learned),
        Learning,
    ),
    security(("key" = ["operator"])),
)]
#[put("/v1/recipients")]
pub async fn learn(
    request: HttpRequest,
    app: web::Data<App>,
    caller: Caller,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    caller.operator()?;
    let lines = match media_type(&request).as_deref() {
        Some("application/json") => false,
        Some("application/x-ndjson" | "application/ndjson" | "application/jsonl") => true,
        _ => return Err(Problem::UnsupportedMediaType("application/json or application/x-ndjson")),
    };
    let limit = app.parts.settings.body_bytes * LARGER;
    let body = read_payload(&request, payload.into_inner(), limit, &app).await?;
    let persons = persons(&body, lines, today(app.parts.broker.now()))?;
    let accepted = persons.len();
    if let Some(remember) = app.remember.clone() {
        let told = persons.clone();
        let kept = tokio::task::spawn_blocking(move || remember(&told)).await.map_err(|_| Problem::Restarting)?;
        kept.map_err(|error| {
            tracing::error!(%error, "what was told of recipients could not be kept");
            Problem::ReadOnly
        })?;
    }
    app.parts.broker.registry().learn(persons).await?;
    Ok(json(HttpResponse::Ok(), &Learned { accepted }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_and_lines_are_read_alike_and_a_fault_refuses_all_of_it() {
        let today = jiff::civil::date(2026, 11, 23);
        let one = r#"{"niss":"85073003328","mobile":"0470123456","language":"nl","govapp":true}"#;
        let two = r#"{"cbe":"0403019261","mailbox":false}"#;
        let array = persons(format!("[{one},{two}]").as_bytes(), false, today).unwrap();
        let lines = persons(format!("{one}\n\n{two}\n").as_bytes(), true, today).unwrap();
        assert_eq!((array.len(), &array), (2, &lines));
        assert_eq!((array[0].govapp, array[1].mailbox), (Some(true), Some(false)));
        let wrong = format!(r#"[{one},{{"niss":"1"}},{{"mobile":"0470123456","govapp":"yes"}}]"#);
        let Err(Problem::InvalidRequest(faults)) = persons(wrong.as_bytes(), false, today) else { panic!("accepted") };
        assert_eq!(faults.iter().map(|fault| &*fault.pointer).collect::<Vec<_>>(), ["/1/niss", "/2/govapp"]);
    }
}
