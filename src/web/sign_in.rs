//! Coming and going: the page that says who may sign in, the way to the provider and back, signing out, and the language.
use std::collections::HashMap;
use std::time::{Duration, Instant};

use actix_web::http::StatusCode;
use actix_web::web::{self, Path, Query};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use estafette_actors::domain::language::Language;
use estafette_actors::domain::mailbox::MailboxId;

use super::cookie::{self, Kept};
use super::frame::{Frame, Place, page};
use super::problem::Problem;
use super::provider::{Pending, Trouble};
use super::request::{LANGUAGE, Person, Posted, Visit, encoded, local};
use super::seal::Purpose;
use super::{Site, to, words};

/// How long somebody may take at the provider, in seconds.
const PENDING_S: u64 = 600;
/// How long a browser keeps the language.
const LANGUAGE_KEPT: Duration = Duration::from_secs(365 * 24 * 3_600);

type Asked = Query<HashMap<String, String>>;

/// The routes.
pub fn routes(config: &mut web::ServiceConfig) {
    config
        .route("", web::get().to(begin))
        .route("/", web::get().to(begin))
        .route("/sign-in", web::get().to(welcome))
        .route("/sign-in/start", web::get().to(start))
        .route("/sign-in/callback", web::get().to(back))
        .route("/sign-out", web::post().to(leave))
        .route("/signed-out", web::get().to(left))
        .route("/language/{language}", web::get().to(language));
}

#[derive(Template)]
#[template(path = "web/sign_in.html")]
struct Welcome {
    f: Frame,
    start: String,
}

#[derive(Template)]
#[template(path = "web/signed_out.html")]
struct Left {
    f: Frame,
}

async fn begin(visit: Visit) -> HttpResponse {
    to(if visit.signed.is_some() { "/mailbox/messages" } else { "/mailbox/sign-in" })
}

async fn welcome(visit: Visit, asked: Asked) -> HttpResponse {
    if visit.signed.is_some() {
        return to("/mailbox/messages");
    }
    let wanted = asked.get("to").map_or("/mailbox/messages", |to| local(to));
    let start = format!("/mailbox/sign-in/start?to={}", encoded(wanted));
    let f = visit.frame(Place::Elsewhere, visit.texts().say("sign-in-title"));
    page(StatusCode::OK, &Welcome { f, start })
}

async fn start(visit: Visit, asked: Asked) -> Result<HttpResponse, Problem> {
    let site = &visit.site;
    let wanted = asked.get("to").map_or("/mailbox/messages", |to| local(to)).to_owned();
    let now = site.clock.now().millis() / 1_000;
    let (url, pending) = site.provider.begin(visit.language, wanted, now).await?;
    let mut answer = to(url.as_str());
    let sealed = site.seal.close(Purpose::SignIn, &pending);
    cookie::set(&mut answer, site, site.sign_in_cookie(), &sealed, Kept::For(Duration::from_secs(PENDING_S)));
    Ok(answer)
}

async fn back(request: HttpRequest, visit: Visit, asked: Asked) -> Result<HttpResponse, Problem> {
    let site = &visit.site;
    let now = site.clock.now();
    let kept = cookie::read(&request, site.sign_in_cookie());
    let pending = kept.and_then(|kept| site.seal.open::<Pending>(Purpose::SignIn, kept)).ok_or(Problem::Stale)?;
    let is_fresh = (now.millis() / 1_000).saturating_sub(pending.at) <= PENDING_S;
    if !is_fresh || asked.get("state") != Some(&pending.state) {
        return Err(Problem::Stale);
    }
    // RFC 9207: an answer of another provider than the one that was asked.
    if asked.get("iss").is_some_and(|issuer| *issuer != site.settings.sign_in.issuer) {
        return Err(Trouble::Wrong("an answer of another issuer").into());
    }
    let code = match (asked.get("error").map(String::as_str), asked.get("code")) {
        (None, Some(code)) => code.clone(),
        (Some("temporarily_unavailable" | "server_error"), _) => return Err(Trouble::Away.into()),
        (Some(_), _) => return Err(Problem::Denied),
        (None, None) => return Err(Problem::Stale),
    };
    let wanted = pending.to.clone();
    let identity = site.provider.finish(pending, code, words::date(now)).await?;
    // Who has one mailbox only is not asked which.
    let own = identity.enterprises.is_empty().then_some(MailboxId::Citizen(identity.niss));
    let id = site.sessions.begin(identity, own, Instant::now());
    if let Some(earlier) = &visit.signed {
        site.sessions.end(earlier);
    }
    let next = if own.is_some() {
        local(&wanted).to_owned()
    } else {
        format!("/mailbox/choose?to={}", encoded(local(&wanted)))
    };
    let mut answer = to(&next);
    cookie::set(&mut answer, site, site.session_cookie(), &id, Kept::Session);
    cookie::set(&mut answer, site, site.sign_in_cookie(), "", Kept::Gone);
    Ok(answer)
}

async fn leave(posted: Posted<Person>) -> Result<HttpResponse, Problem> {
    let Person { visit, signed } = &posted.by;
    let site = &visit.site;
    site.sessions.end(signed);
    let elsewhere = site.provider.leave(&signed.identity.id_token, visit.language);
    let mut answer = to(elsewhere.as_ref().map_or("/mailbox/signed-out", |url| url.as_str()));
    cookie::set(&mut answer, site, site.session_cookie(), "", Kept::Gone);
    Ok(answer)
}

async fn left(visit: Visit) -> HttpResponse {
    let f = visit.frame(Place::Elsewhere, visit.texts().say("signed-out-title"));
    page(StatusCode::OK, &Left { f })
}

async fn language(visit: Visit, path: Path<String>, asked: Asked) -> Result<HttpResponse, Problem> {
    let language = Language::parse(&path).map_err(|_| Problem::NoPage)?;
    let mut answer = to(asked.get("to").map_or("/mailbox/", |to| local(to)));
    spoken(&mut answer, &visit.site, language);
    Ok(answer)
}

/// Keeps the language in a cookie.
pub fn spoken(answer: &mut HttpResponse, site: &Site, language: Language) {
    cookie::set(answer, site, LANGUAGE, language.as_str(), Kept::For(LANGUAGE_KEPT));
}
