//! What is proven of registered mail, as a list that people read and as a file that a program checks.
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, DispositionType};
use actix_web::web::{self, Path};
use askama::Template;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use estafette_actors::domain::mailbox::evidence::{Record, Signed, Step};
use estafette_actors::domain::time::Timestamp;

use super::files::disposition;
use super::frame::{Frame, Place, page};
use super::list::Subject;
use super::message::named;
use super::problem::Problem;
use super::request::Holder;
use super::words;

/// The routes.
pub fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/messages/{id}/evidence", web::get().to(list))
        .route("/messages/{id}/evidence/file", web::get().to(file));
}

struct Proven {
    what: String,
    /// The name of the step in the standard.
    name: String,
    when: String,
    why: String,
}

#[derive(Template)]
#[template(path = "web/evidence.html")]
struct Page {
    f: Frame,
    id: String,
    subject: Subject,
    records: Vec<Proven>,
    has_file: bool,
}

async fn list(holder: Holder, path: Path<String>) -> Result<HttpResponse, Problem> {
    let id = named(&path)?;
    let visit = holder.visit();
    let texts = visit.texts();
    let (item, evidence) = holder.site().ebox.proven(&holder.reader, id).await?;
    let subject = Subject::of(&item.document.subject, visit.language);
    let f = visit.frame(Place::Messages, format!("{} – {}", texts.say("evidence-title"), subject.text));
    let records = evidence.iter().filter_map(record).map(|record| Proven {
        what: texts.say(step_key(record.event)),
        name: format!("{:?}", record.event),
        when: Timestamp::parse(&record.at).map_or(record.at, |at| words::moment(at, visit.language)),
        why: record.reason.unwrap_or_default(),
    });
    let filled =
        Page { id: id.to_string(), subject, records: records.collect(), has_file: visit.site.bundle.is_some(), f };
    Ok(page(StatusCode::OK, &filled))
}

/// What a signed record says. Its signature is not looked at here: it is our own, and the file is for who wants to check it.
fn record(signed: &Signed) -> Option<Record> {
    let payload = signed.0.split('.').nth(1)?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
}

const fn step_key(step: Step) -> &'static str {
    match step {
        Step::SubmissionAcceptance => "evidence-accepted",
        Step::SubmissionRejection => "evidence-rejected",
        Step::NotificationForAcceptance => "evidence-notified",
        Step::ContentConsignment => "evidence-consigned",
        Step::ContentConsignmentFailure => "evidence-failed",
        Step::ContentHandover => "evidence-handed-over",
    }
}

async fn file(holder: Holder, path: Path<String>) -> Result<HttpResponse, Problem> {
    let id = named(&path)?;
    let bundle = holder.site().bundle.as_ref().ok_or(Problem::NoPage)?;
    let (item, evidence) = holder.site().ebox.proven(&holder.reader, id).await?;
    let proof = bundle(&item, evidence).map_err(|reason| {
        tracing::error!(reason, "a file with evidence could not be made");
        Problem::Inside
    })?;
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, proof.media_type))
        .insert_header(disposition(DispositionType::Attachment, &proof.file_name))
        .body(proof.bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_out_of_its_signature_and_what_is_none_is_left_out() {
        let record_of = Record {
            version: 1,
            sequence: 1,
            event: Step::ContentHandover,
            at: "2026-11-28T20:00:00.000Z".to_owned(),
            document: "d".to_owned(),
            sender: "0403019261".parse().unwrap(),
            recipient: "r".to_owned(),
            content_digest: "c".to_owned(),
            reason: None,
            previous: None,
        };
        let json = serde_json::to_vec(&record_of).unwrap();
        let signed = Signed(format!("e30.{}.AAAA", URL_SAFE_NO_PAD.encode(json)).into());
        assert_eq!(record(&signed).map(|record| record.event), Some(Step::ContentHandover));
        for nonsense in ["", "a.b.c", "e30.e30.AAAA"] {
            assert!(record(&Signed(nonsense.into())).is_none());
        }
    }
}
