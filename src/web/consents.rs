//! Which partners' portals may read in the holder's name: given, withdrawn at once, and when each was.
use std::collections::HashMap;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{self, Query};
use askama::Template;
use estafette_actors::domain::mailbox::{ClientId, Consent};
use estafette_actors::ports::mailbox::Change;

use super::frame::{Frame, Mistake, Place, page};
use super::problem::Problem;
use super::request::{Holder, Posted};
use super::settings::Portal;
use super::{to, words};

/// The routes.
pub fn routes(config: &mut web::ServiceConfig) {
    config.route("/consents", web::get().to(list)).route("/consents", web::post().to(change));
}

struct Shown {
    id: String,
    name: String,
    url: String,
    is_given: bool,
    history: Vec<String>,
    /// It can be given: the portal is one of ours still.
    is_known: bool,
}

#[derive(Template)]
#[template(path = "web/consents.html")]
struct Page {
    f: Frame,
    portals: Vec<Shown>,
    mistakes: Vec<Mistake>,
}

async fn list(holder: Holder, asked: Query<HashMap<String, String>>) -> HttpResponse {
    let done = match asked.get("done").map(String::as_str) {
        Some("given") => Some("consents-given"),
        Some("withdrawn") => Some("consents-withdrawn"),
        _ => None,
    };
    shown(&holder, done, false)
}

fn shown(holder: &Holder, done: Option<&str>, is_mistaken: bool) -> HttpResponse {
    let visit = holder.visit();
    let texts = visit.texts();
    let known = visit.site.portals.load();
    let consents = &holder.mailbox.consents;
    let of_known = known.iter().map(|portal| (Some(portal), consents.iter().find(|one| one.portal == portal.id)));
    // A consent to a portal that is configured no more stays to be seen, and to be withdrawn.
    let of_others = consents.iter().filter(|one| known.iter().all(|portal| portal.id != one.portal));
    let all = of_known.chain(of_others.map(|consent| (None, Some(consent))));
    let portals = all.map(|(portal, consent)| shown_one(holder, portal, consent)).collect();
    let mut f = visit.frame(Place::Consents, texts.say("consents-title"));
    "/mailbox/consents".clone_into(&mut f.path);
    f.done = done.map(|key| texts.say(key));
    let mistake = || Mistake { field: "portals", text: texts.say("consents-mistake") };
    let (status, mistakes) =
        if is_mistaken { (StatusCode::UNPROCESSABLE_ENTITY, vec![mistake()]) } else { (StatusCode::OK, vec![]) };
    page(status, &Page { f, portals, mistakes })
}

fn shown_one(holder: &Holder, portal: Option<&Portal>, consent: Option<&Consent>) -> Shown {
    let visit = holder.visit();
    let (texts, language) = (visit.texts(), visit.language);
    let id = portal.map(|portal| &portal.id).or_else(|| consent.map(|consent| &consent.portal));
    let id = id.map_or("", ClientId::as_str).to_owned();
    let name = portal.and_then(|portal| {
        let (_, name) = estafette_actors::domain::language::choose(Some(language), None, language, &portal.names)?;
        Some(name.to_string())
    });
    let history = consent.into_iter().flat_map(|consent| {
        let given = texts.with("consents-given-at", "moment", words::moment(consent.given_at, language));
        let withdrawn =
            consent.withdrawn_at.map(|at| texts.with("consents-withdrawn-at", "moment", words::moment(at, language)));
        [Some(given), withdrawn].into_iter().flatten()
    });
    Shown {
        name: name.unwrap_or_else(|| id.clone()),
        url: portal.and_then(|portal| portal.url.as_deref()).unwrap_or_default().to_owned(),
        is_given: consent.is_some_and(|consent| consent.withdrawn_at.is_none()),
        history: history.collect(),
        is_known: portal.is_some(),
        id,
    }
}

async fn change(posted: Posted<Holder>) -> Result<HttpResponse, Problem> {
    let Posted { by: holder, fields } = posted;
    let portal = ClientId::parse(fields.get("portal")).ok();
    let is_known = |id: &ClientId| holder.site().portals.load().iter().any(|portal| portal.id == *id);
    let change = match (fields.get("do"), portal) {
        ("give", Some(portal)) if is_known(&portal) => (Change::Consent(portal), "given"),
        ("withdraw", Some(portal)) => (Change::Withdraw(portal), "withdrawn"),
        _ => return Ok(shown(&holder, None, true)),
    };
    let reader = &holder.reader;
    holder.site().ebox.mailboxes().change(reader.access.clone(), reader.mailbox, change.0).await?;
    Ok(to(&format!("/mailbox/consents?done={}", change.1)))
}
