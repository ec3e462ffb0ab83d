//! Each recipient's outcome, streamed chunk by chunk: memory holds one chunk, whatever the length.
use std::fmt::Write;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, get, web};
use bytes::Bytes;
use estafette_actors::ports::{ArchiveError, ReportRow};
use futures_util::stream;
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::{plain, reason};
use super::caller::Caller;
use super::problem::{Kind, Problem, refuses, sets};
use super::{App, examples, schemas};

/// A line of the report.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = examples::outcome)]
pub struct Outcome {
    /// The message's id, to be looked up like any other.
    #[serde(serialize_with = "plain")]
    #[schema(value_type = schemas::Id)]
    id: estafette_actors::domain::id::MessageId,
    /// The sender's key.
    #[schema(value_type = Option<String>, required)]
    key: Option<Box<str>>,
    /// The status.
    #[schema(value_type = schemas::MessageStatus)]
    status: &'static str,
    /// Why it waits, or why it failed.
    #[schema(value_type = Option<schemas::Reason>, required)]
    reason: Option<&'static str>,
    /// The channel of the attempt that got furthest, by its step.
    #[schema(required)]
    step: Option<u8>,
}

/// In which form rows are written.
#[derive(Clone, Copy)]
pub(super) enum Form {
    Ndjson,
    Csv,
}

/// The first acceptable of the two forms.
pub(super) fn form(request: &HttpRequest) -> Result<Form, Problem> {
    let Some(accept) = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok()) else {
        return Ok(Form::Ndjson);
    };
    for range in accept.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        if parts.any(|part| matches!(part, "q=0" | "q=0.0" | "q=0.00" | "q=0.000")) {
            continue;
        }
        match name {
            "text/csv" | "text/*" => return Ok(Form::Csv),
            "application/x-ndjson" | "application/ndjson" | "application/jsonl" | "application/*" | "*/*" => {
                return Ok(Form::Ndjson);
            }
            _ => {}
        }
    }
    Err(Problem::NotAcceptable("application/x-ndjson or text/csv"))
}

fn outcome(row: ReportRow) -> Outcome {
    let status = row.state.status();
    let furthest = row.state.attempts.iter().max_by_key(|attempt| attempt.status.rank());
    Outcome {
        id: row.id,
        key: row.key,
        status: status.as_str(),
        reason: reason(status, row.waits),
        step: furthest.map(|attempt| attempt.step),
    }
}

fn write(form: Form, rows: Vec<ReportRow>) -> Bytes {
    let mut text = String::with_capacity(rows.len() * 96);
    for outcome in rows.into_iter().map(outcome) {
        match form {
            Form::Ndjson => {
                if let Ok(line) = serde_json::to_string(&outcome) {
                    text.push_str(&line);
                    text.push('\n');
                }
            }
            Form::Csv => {
                let Outcome { id, key, status, reason, step } = outcome;
                let key = key.map(|key| quoted(&key)).unwrap_or_default();
                let step = step.map(|step| step.to_string()).unwrap_or_default();
                // Writing to a string can't fail.
                let _ = write!(text, "{id},{key},{status},{},{step}\r\n", reason.unwrap_or_default());
            }
        }
    }
    text.into()
}

/// A CSV field (RFC 4180).
fn quoted(field: &str) -> String {
    if field.contains(['"', ',', '\r', '\n']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}

refuses!(Reporting: sets::KEYED, sets::READING, &[Kind::NotFound, Kind::NotAcceptable]);

/// Each recipient's outcome, in the order in which they were put: NDJSON, or CSV by `Accept`.
#[utoipa::path(
    operation_id = "report",
    tag = "broadcasts",
    params(("id" = schemas::Id, Path, description = "The broadcast's id")),
    responses(
        (status = 200, description = "One line a recipient: as NDJSON an `Outcome` each", content(
            (String = "application/x-ndjson", example = json!(examples::report_ndjson())),
            (String = "text/csv", example = json!(examples::report_csv())),
        )),
        Reporting,
    ),
)]
#[get("/v1/broadcasts/{id}/report")]
pub async fn report(
    request: HttpRequest,
    app: web::Data<App>,
    caller: Caller,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let form = form(&request)?;
    let view = app.broadcast_of(&caller, &path).await?;
    let (id, chunks) = (view.broadcast.id, view.chunks);
    let head = match form {
        Form::Ndjson => Bytes::new(),
        Form::Csv => Bytes::from_static(b"id,key,status,reason,step\r\n"),
    };
    let pieces = stream::unfold((app, 0), move |(app, n)| async move {
        if n >= chunks {
            return None;
        }
        // A read that fails breaks the answer off: a report that ends well is whole.
        let piece = app.parts.broker.archive().report(id.chunk(n)).await.map(|rows| write(form, rows));
        Some((piece, (app, n + 1)))
    });
    let first = stream::iter((!head.is_empty()).then_some(Ok::<_, ArchiveError>(head)));
    let media_type = match form {
        Form::Ndjson => "application/x-ndjson",
        Form::Csv => "text/csv; charset=utf-8; header=present",
    };
    let body = futures_util::StreamExt::chain(first, pieces);
    Ok(HttpResponse::Ok().insert_header((header::CONTENT_TYPE, media_type)).streaming(body))
}
