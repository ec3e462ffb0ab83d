//! What the holder wants: language, e-mail, notices, and no paper any more.
use std::collections::HashMap;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{self, Query};
use askama::Template;
use email_address::{EmailAddress, Options};
use estafette_actors::domain::language::Language;
use estafette_actors::domain::mailbox::{Notice, Preferences};
use estafette_actors::ports::mailbox::Change;

use super::frame::{Frame, LANGUAGES, Mistake, Place, page};
use super::problem::Problem;
use super::request::{Fields, Holder, Posted};
use super::{sign_in, to};

/// The routes.
pub fn routes(config: &mut web::ServiceConfig) {
    config.route("/preferences", web::get().to(form)).route("/preferences", web::post().to(save));
}

#[derive(Template)]
#[template(path = "web/preferences.html")]
struct Page {
    f: Frame,
    languages: Vec<(&'static str, &'static str, bool)>,
    email: String,
    email_fails: bool,
    email_mistake: Option<String>,
    notice: &'static str,
    /// The ways that are set up, and the one that was chosen before.
    offers_email: bool,
    offers_message: bool,
    exclusively: bool,
    mistakes: Vec<Mistake>,
}

async fn form(holder: Holder, asked: Query<HashMap<String, String>>) -> HttpResponse {
    let is_done = asked.get("done").is_some_and(|done| done == "saved");
    let wanted = holder.mailbox.preferences.clone();
    shown(&holder, &wanted, wanted.email.as_deref().unwrap_or_default(), None, is_done)
}

fn shown(
    holder: &Holder,
    wanted: &Preferences,
    email: &str,
    mistake: Option<&'static str>,
    is_done: bool,
) -> HttpResponse {
    let visit = holder.visit();
    let texts = visit.texts();
    let mut f = visit.frame(Place::Preferences, texts.say("preferences-title"));
    "/mailbox/preferences".clone_into(&mut f.path);
    f.done = is_done.then(|| texts.say("preferences-saved"));
    let language = wanted.language.unwrap_or(visit.language);
    let mistake = mistake.map(|key| texts.say(key));
    let ways = visit.site.ways;
    let status = if mistake.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let filled = Page {
        f,
        languages: LANGUAGES.map(|(one, name)| (one.as_str(), name, one == language)).into(),
        email: email.to_owned(),
        email_fails: wanted.email_fails && mistake.is_none(),
        email_mistake: mistake.clone(),
        notice: written(wanted.notice),
        offers_email: ways.mail || wanted.notice == Notice::Email,
        offers_message: ways.message || wanted.notice == Notice::Message,
        exclusively: wanted.exclusively_digital,
        mistakes: mistake.map(|text| Mistake { field: "email", text }).into_iter().collect(),
    };
    page(status, &filled)
}

const fn written(notice: Notice) -> &'static str {
    match notice {
        Notice::None => "none",
        Notice::Email => "email",
        Notice::Message => "message",
    }
}

/// What a form wants, and what is wrong with it.
fn read(fields: &Fields, before: &Preferences) -> (Preferences, Option<&'static str>) {
    let given = fields.get("email");
    let notice = match fields.get("notice") {
        "email" => Notice::Email,
        "message" => Notice::Message,
        _ => Notice::None,
    };
    let options = Options::default().with_required_tld().without_display_text().without_domain_literal();
    let email = EmailAddress::parse_with_options(given, options).ok().map(|email| Box::from(email.as_str()));
    let mistake = match (&email, given, notice) {
        (None, "", Notice::Email) => Some("preferences-email-needed"),
        (None, given, _) if !given.is_empty() => Some("preferences-email-wrong"),
        _ => None,
    };
    // Another address is believed until mail to it comes back.
    let email_fails = before.email_fails && email == before.email;
    let wanted = Preferences {
        language: Language::parse(fields.get("language")).ok().or(before.language),
        email,
        email_fails,
        notice,
        exclusively_digital: fields.get("exclusively") == "yes",
    };
    (wanted, mistake)
}

async fn save(posted: Posted<Holder>) -> Result<HttpResponse, Problem> {
    let Posted { by: holder, fields } = posted;
    let (wanted, mistake) = read(&fields, &holder.mailbox.preferences);
    if mistake.is_some() {
        return Ok(shown(&holder, &wanted, fields.get("email"), mistake, false));
    }
    let (reader, language) = (&holder.reader, wanted.language);
    holder.site().ebox.mailboxes().change(reader.access.clone(), reader.mailbox, Change::Prefer(wanted)).await?;
    let mut answer = to("/mailbox/preferences?done=saved");
    if let Some(language) = language {
        sign_in::spoken(&mut answer, holder.site(), language);
    }
    Ok(answer)
}
