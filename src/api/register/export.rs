//! `GET /v1/register/rows/export`: one's own rows, streamed page by page: memory holds one page, whatever the length.
use std::fmt::Write;
use std::sync::Arc;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, get, web};
use bytes::{Bytes, BytesMut};
use estafette_actors::ports::register::{Deed, DossierRow, PAGE_MAX, Question, Trouble};
use futures_util::{StreamExt, stream};

use super::rows::{RowView, filter};
use super::{access_to_persons, examples, schemas};
use crate::api::App;
use crate::api::caller::Caller;
use crate::api::listing::query;
use crate::api::problem::{Kind, Problem, refuses, sets};
use crate::api::report::{Form, form};

fn write(form: Form, rows: &[DossierRow]) -> Bytes {
    let mut text = String::with_capacity(rows.len() * 80);
    for row in rows.iter().map(RowView::of) {
        match form {
            Form::Ndjson => {
                if let Ok(line) = serde_json::to_string(&row) {
                    text.push_str(&line);
                    text.push('\n');
                }
            }
            Form::Csv => {
                let end = row.end.map(|end| end.to_string()).unwrap_or_default();
                // Writing to a string can't fail.
                let _ = write!(text, "{},{},{},{end}\r\n", row.niss.digits(), row.code, row.begin);
            }
        }
    }
    text.into()
}

refuses!(
    Exporting: sets::KEYED,
    sets::REGISTER,
    sets::READING,
    &[Kind::InvalidQuery, Kind::NotAcceptable, Kind::Overloaded],
);

/// Your rows: all, of a type, with a day in a period, or on a day; NDJSON, or CSV by `Accept`. What comes can be imported again.
/// An answer that ends well is whole.
#[utoipa::path(
    operation_id = "export_rows",
    tag = "register",
    params(
        ("type" = Option<schemas::Code>, Query, description = "Only of this type"),
        ("begin" = Option<schemas::CalendarDay>, Query, description = "Only with a day from this one on"),
        ("end" = Option<schemas::CalendarDay>, Query, description = "Only with a day up to this one"),
        ("on" = Option<schemas::CalendarDay>, Query, description = "Only those that hold on this day; instead of begin and end"),
        ("Legal-Context" = Option<schemas::LegalContext>, Header, description = "Needed, unless the operator gave you a default"),
        ("X-Correlation-Id" = Option<schemas::LegalContext>, Header, description = "Your own reference of the request, for the audit trail"),
    ),
    responses(
        (status = 200, description = "One row a line", content(
            (String = "application/x-ndjson", example = json!(examples::export_ndjson())),
            (String = "text/csv", example = json!(examples::export_csv())),
        )),
        Exporting,
    ),
)]
#[get("/v1/register/rows/export")]
pub async fn export(request: HttpRequest, app: web::Data<App>, caller: Caller) -> Result<HttpResponse, Problem> {
    let register = app.register()?;
    let access = access_to_persons(&request, &caller)?;
    let form = form(&request)?;
    let question = Question { limit: PAGE_MAX, ..filter(query(&request)?)? };
    let owner = caller.institution();
    // What can't be read at all is told as a problem; behind that the answer has begun.
    let page = register.dossiers().rows(owner, question.clone()).await?;
    register.dossiers().note(&access, Deed::Export, None, question.code.as_ref(), "done");
    let mut head = match form {
        Form::Ndjson => BytesMut::new(),
        Form::Csv => BytesMut::from(&b"niss,type,begin,end\r\n"[..]),
    };
    head.extend_from_slice(&write(form, &page.rows));
    let dossiers = Arc::clone(register.dossiers());
    let pieces = stream::try_unfold(page.next, move |next| {
        let (dossiers, question) = (Arc::clone(&dossiers), question.clone());
        async move {
            let Some(place) = next else { return Ok(None) };
            // A read that fails breaks the answer off: an export that ends well is whole.
            let page = dossiers.rows(owner, Question { after: Some(place), ..question }).await;
            let page = page.inspect_err(|error| tracing::error!(%error, "an export of a register broke off"))?;
            Ok::<_, Trouble>(Some((write(form, &page.rows), page.next)))
        }
    });
    let head = head.freeze();
    let first = stream::iter((!head.is_empty()).then_some(Ok::<_, Trouble>(head)));
    // An empty piece would end the answer early.
    let body = first.chain(pieces).filter(|piece| {
        let is_there = piece.as_ref().map_or(true, |bytes| !bytes.is_empty());
        std::future::ready(is_there)
    });
    let media_type = match form {
        Form::Ndjson => "application/x-ndjson",
        Form::Csv => "text/csv; charset=utf-8; header=present",
    };
    Ok(HttpResponse::Ok().insert_header((header::CONTENT_TYPE, media_type)).streaming(body))
}
