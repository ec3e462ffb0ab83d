//! Help, and the accessibility statement.
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web;
use askama::Template;

use super::frame::{Frame, Place, page};
use super::request::Visit;

/// The routes.
pub fn routes(config: &mut web::ServiceConfig) {
    config.route("/help", web::get().to(help)).route("/accessibility", web::get().to(accessibility));
}

#[derive(Template)]
#[template(path = "web/help.html")]
struct Help {
    f: Frame,
    email: Option<String>,
}

#[derive(Template)]
#[template(path = "web/accessibility.html")]
struct Accessibility {
    f: Frame,
    email: Option<String>,
}

fn email(visit: &Visit) -> Option<String> {
    visit.site.settings.help_email.as_ref().map(ToString::to_string)
}

async fn help(visit: Visit) -> HttpResponse {
    let f = visit.frame(Place::Elsewhere, visit.texts().say("help-title"));
    page(StatusCode::OK, &Help { f, email: email(&visit) })
}

async fn accessibility(visit: Visit) -> HttpResponse {
    let f = visit.frame(Place::Elsewhere, visit.texts().say("accessibility-title"));
    page(StatusCode::OK, &Accessibility { f, email: email(&visit) })
}
