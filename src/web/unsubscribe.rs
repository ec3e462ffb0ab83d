//! Stopping notices from the link in a mail, without signing in: with a page for people, and at once for the button of their mail program.
//!
//! Source: RFC 8058. The link's token is all that is needed, so that a POST from anywhere will do, and a GET changes nothing: programs that
//! look at links turn nothing off. Invariant: who the mailbox belongs to is neither shown nor said.
use std::collections::HashMap;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{self, Query};
use askama::Template;
use estafette_actors::domain::mailbox::{MailboxId, Notice};
use estafette_actors::ports::mailbox::{Access, Actor, Change, Face};

use super::frame::{Frame, Place, page};
use super::problem::Problem;
use super::request::Visit;

/// The routes.
pub fn routes(config: &mut web::ServiceConfig) {
    config.route("/unsubscribe", web::get().to(ask)).route("/unsubscribe", web::post().to(stop));
}

#[derive(Template)]
#[template(path = "web/unsubscribe.html")]
struct Page {
    f: Frame,
    token: String,
    is_done: bool,
}

type Asked = Query<HashMap<String, String>>;

fn named(visit: &Visit, asked: &Asked) -> Result<(String, MailboxId, Box<str>), Problem> {
    let token = asked.get("t").map(String::as_str).unwrap_or_default();
    let (mailbox, address) = visit.site.stops.as_ref().and_then(|stops| stops(token)).ok_or(Problem::NoLink)?;
    Ok((token.to_owned(), mailbox, address))
}

fn shown(visit: &Visit, token: String, is_done: bool) -> HttpResponse {
    let title = if is_done { "unsubscribed-title" } else { "unsubscribe-title" };
    let f = visit.frame(Place::Elsewhere, visit.texts().say(title));
    page(StatusCode::OK, &Page { f, token, is_done })
}

async fn ask(visit: Visit, asked: Asked) -> Result<HttpResponse, Problem> {
    let (token, mailbox, _) = named(&visit, &asked)?;
    let is_done = visit.site.ebox.mailboxes().mailbox(mailbox)?.preferences.notice == Notice::None;
    Ok(shown(&visit, token, is_done))
}

async fn stop(mut visit: Visit, asked: Asked) -> Result<HttpResponse, Problem> {
    let (token, id, address) = named(&visit, &asked)?;
    let mailboxes = visit.site.ebox.mailboxes();
    if mailboxes.mailbox(id)?.preferences.notice != Notice::None {
        let access = Access { actor: Actor::Program, face: Face::Web, ticket: Some("unsubscribe".into()) };
        mailboxes.change(access, id, Change::StopNotices(address)).await?;
    }
    "/mailbox/".clone_into(&mut visit.path);
    Ok(shown(&visit, token, true))
}
