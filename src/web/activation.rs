//! Opening a mailbox for the first time, and closing it: each explained, and done only by who says so in so many words.
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web;
use askama::Template;
use estafette_actors::domain::mailbox::{Audience, Preferences};
use estafette_actors::ports::mailbox::Change;

use super::frame::{Frame, Mistake, Place, page};
use super::problem::Problem;
use super::request::{Holder, Person, Posted};
use super::to;

/// The routes.
pub fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/activate", web::get().to(explained))
        .route("/activate", web::post().to(activate))
        .route("/deactivate", web::get().to(warned))
        .route("/deactivate", web::post().to(deactivate))
        .route("/deactivated", web::get().to(deactivated));
}

#[derive(Template)]
#[template(path = "web/activate.html")]
struct Activate {
    f: Frame,
    is_enterprise: bool,
    mistakes: Vec<Mistake>,
}

#[derive(Template)]
#[template(path = "web/deactivate.html")]
struct Deactivate {
    f: Frame,
    mistakes: Vec<Mistake>,
}

#[derive(Template)]
#[template(path = "web/deactivated.html")]
struct Deactivated {
    f: Frame,
}

async fn explained(person: Person) -> Result<HttpResponse, Problem> {
    activation(&person, false)
}

fn activation(person: &Person, is_mistaken: bool) -> Result<HttpResponse, Problem> {
    let visit = &person.visit;
    let chosen = person.signed.mailbox.ok_or(Problem::Unchosen)?;
    if visit.site.ebox.mailboxes().mailbox(chosen)?.is_active() {
        return Ok(to("/mailbox/messages"));
    }
    let f = visit.frame(Place::Elsewhere, visit.texts().say("activate-title"));
    let mistake = || Mistake { field: "agree", text: visit.texts().say("activate-mistake") };
    let (status, mistakes) =
        if is_mistaken { (StatusCode::UNPROCESSABLE_ENTITY, vec![mistake()]) } else { (StatusCode::OK, vec![]) };
    Ok(page(status, &Activate { f, is_enterprise: chosen.audience() == Audience::Enterprise, mistakes }))
}

async fn activate(posted: Posted<Person>) -> Result<HttpResponse, Problem> {
    let Posted { by: person, fields } = posted;
    if fields.get("agree") != "yes" {
        return activation(&person, true);
    }
    let chosen = person.signed.mailbox.ok_or(Problem::Unchosen)?;
    let reader = person.reader(chosen).ok_or(Problem::Unchosen)?;
    let mailboxes = person.visit.site.ebox.mailboxes();
    // What the holder wanted before, where it was active once.
    let kept = mailboxes.mailbox(chosen)?.preferences;
    let language = kept.language.or(Some(person.visit.language));
    let preferences = Preferences { language, ..kept };
    mailboxes.change(reader.access, chosen, Change::Activate(preferences)).await?;
    Ok(to("/mailbox/messages?done=activated"))
}

async fn warned(holder: Holder) -> HttpResponse {
    deactivation(&holder, false)
}

fn deactivation(holder: &Holder, is_mistaken: bool) -> HttpResponse {
    let visit = holder.visit();
    let f = visit.frame(Place::Preferences, visit.texts().say("deactivate-title"));
    let mistake = || Mistake { field: "sure", text: visit.texts().say("deactivate-mistake") };
    let (status, mistakes) =
        if is_mistaken { (StatusCode::UNPROCESSABLE_ENTITY, vec![mistake()]) } else { (StatusCode::OK, vec![]) };
    page(status, &Deactivate { f, mistakes })
}

async fn deactivate(posted: Posted<Holder>) -> Result<HttpResponse, Problem> {
    let Posted { by: holder, fields } = posted;
    if fields.get("sure") != "yes" {
        return Ok(deactivation(&holder, true));
    }
    let reader = &holder.reader;
    holder.site().ebox.mailboxes().change(reader.access.clone(), reader.mailbox, Change::Deactivate).await?;
    Ok(to("/mailbox/deactivated"))
}

async fn deactivated(person: Person) -> HttpResponse {
    let visit = &person.visit;
    let f = visit.frame(Place::Elsewhere, visit.texts().say("deactivated-title"));
    page(StatusCode::OK, &Deactivated { f })
}
