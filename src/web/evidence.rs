//! What is proven of registered mail, as a list that people read and as a file that a program checks.
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, DispositionType};
use actix_web::web::{self, Path};
use askama::Template;
use estafette_actors::domain::mailbox::evidence::{Signed, Step};
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
    // The signatures are our own: the file is for who wants to check them.
    let records = evidence.iter().filter_map(Signed::record).map(|record| Proven {
        what: texts.say(step_key(record.event)),
        name: format!("{:?}", record.event),
        when: Timestamp::parse(&record.at).map_or(record.at, |at| words::moment(at, visit.language)),
        why: record.reason.unwrap_or_default(),
    });
    let filled =
        Page { id: id.to_string(), subject, records: records.collect(), has_file: visit.site.bundle.is_some(), f };
    Ok(page(StatusCode::OK, &filled))
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
