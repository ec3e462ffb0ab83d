//! Which mailbox somebody opens: their own, or that of an enterprise for which they have rights.
use std::collections::HashMap;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{self, Query};
use askama::Template;
use estafette_actors::domain::cbe::Cbe;
use estafette_actors::domain::mailbox::MailboxId;

use super::frame::{Frame, Mistake, Place, page};
use super::problem::Problem;
use super::request::{Person, Posted, local};
use super::to;

/// The routes.
pub fn routes(config: &mut web::ServiceConfig) {
    config.route("/choose", web::get().to(choose)).route("/choose", web::post().to(chosen));
}

struct Choice {
    value: String,
    name: String,
    hint: String,
    is_chosen: bool,
}

#[derive(Template)]
#[template(path = "web/choose.html")]
struct Page {
    f: Frame,
    choices: Vec<Choice>,
    to: String,
    mistakes: Vec<Mistake>,
}

async fn choose(person: Person, asked: Query<HashMap<String, String>>) -> HttpResponse {
    shown(&person, asked.get("to").map_or("", String::as_str), StatusCode::OK)
}

fn shown(person: &Person, wanted: &str, status: StatusCode) -> HttpResponse {
    let Person { visit, signed } = person;
    let texts = visit.texts();
    let own = MailboxId::Citizen(signed.identity.niss);
    let current = signed.mailbox.unwrap_or(own);
    let mut choices = vec![Choice {
        value: "own".to_owned(),
        name: visit.named(signed, own),
        hint: texts.say("choose-own"),
        is_chosen: current == own,
    }];
    choices.extend(signed.identity.enterprises.iter().map(|enterprise| Choice {
        value: enterprise.cbe.digits(),
        name: visit.named(signed, MailboxId::Enterprise(enterprise.cbe)),
        hint: texts.with("choose-rights", "count", enterprise.rights.len()),
        is_chosen: current == MailboxId::Enterprise(enterprise.cbe),
    }));
    let mut f = visit.frame(Place::Elsewhere, texts.say("choose-title"));
    "/mailbox/choose".clone_into(&mut f.path);
    let mistakes = match status {
        StatusCode::OK => vec![],
        _ => vec![Mistake { field: "mailbox-own", text: texts.say("choose-mistake") }],
    };
    page(status, &Page { f, choices, to: local(wanted).to_owned(), mistakes })
}

async fn chosen(posted: Posted<Person>) -> Result<HttpResponse, Problem> {
    let Posted { by: person, fields } = posted;
    let wanted = match fields.get("mailbox") {
        "own" => Some(MailboxId::Citizen(person.signed.identity.niss)),
        number => Cbe::parse(number).ok().map(MailboxId::Enterprise),
    };
    // A mailbox for which there are no rights is as good as none.
    let Some(mailbox) = wanted.filter(|mailbox| person.signed.identity.rights(*mailbox).is_some()) else {
        return Ok(shown(&person, fields.get("to"), StatusCode::UNPROCESSABLE_ENTITY));
    };
    person.visit.site.sessions.choose(&person.signed, mailbox);
    Ok(to(match local(fields.get("to")) {
        "/mailbox/" => "/mailbox/messages",
        wanted => wanted,
    }))
}
