//! What pages load besides themselves: one style sheet, one icon, and the pictures of senders.
use std::sync::LazyLock;

use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::{self, Path};
use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use estafette_actors::domain::cbe::Cbe;
use estafette_actors::domain::mailbox::reference::RefId;
use estafette_actors::ports::mailbox::ImageOf;

use super::problem::Problem;
use super::request::Person;

const STYLE: &str = include_str!("style.css");
const ICON: &str = include_str!("icon.svg");
/// Kinds of pictures that are given out; another one could run something.
const PICTURES: [&str; 3] = ["image/png", "image/jpeg", "image/gif"];
const NOTHING: &str = "default-src 'none'; sandbox; frame-ancestors 'none'";

/// The style sheet's address: another one for each content, so that it can be kept for a year.
pub static STYLE_PATH: LazyLock<String> = LazyLock::new(|| {
    let hash = digest::digest(&digest::SHA256, STYLE.as_bytes());
    format!("/mailbox/style-{}.css", URL_SAFE_NO_PAD.encode(&hash.as_ref()[..6]))
});

/// The routes.
pub fn routes(config: &mut web::ServiceConfig) {
    let style = STYLE_PATH.strip_prefix("/mailbox").unwrap_or_default();
    config
        .route(style, web::get().to(sheet))
        .route("/icon.svg", web::get().to(icon))
        .route("/senders/{cbe}/{image}", web::get().to(of_sender))
        .route("/applications/{id}/{image}", web::get().to(of_application));
}

async fn sheet() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "public, max-age=31536000, immutable"))
        .insert_header((header::CONTENT_TYPE, "text/css; charset=utf-8"))
        .body(STYLE)
}

async fn icon() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "public, max-age=86400"))
        .insert_header((header::CONTENT_TYPE, "image/svg+xml"))
        .insert_header((header::CONTENT_SECURITY_POLICY, NOTHING))
        .body(ICON)
}

async fn of_sender(person: Person, path: Path<(String, String)>) -> Result<HttpResponse, Problem> {
    let (cbe, image) = path.into_inner();
    let cbe = Cbe::parse(&cbe).map_err(|_| Problem::NoPage)?;
    picture(&person, ImageOf::Organization(cbe), &image).await
}

async fn of_application(person: Person, path: Path<(String, String)>) -> Result<HttpResponse, Problem> {
    let (id, image) = path.into_inner();
    let id = RefId::parse(&id).map_err(|_| Problem::NoPage)?;
    picture(&person, ImageOf::Application(id), &image).await
}

async fn picture(person: &Person, of: ImageOf, id: &str) -> Result<HttpResponse, Problem> {
    let id = RefId::parse(id).map_err(|_| Problem::NoPage)?;
    let found = person.visit.site.ebox.mailboxes().image(of, id).await?;
    let (image, bytes) = found.filter(|(image, _)| PICTURES.contains(&&*image.media_type)).ok_or(Problem::NoPage)?;
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "private, max-age=3600"))
        .insert_header((header::CONTENT_TYPE, &*image.media_type))
        .insert_header((header::CONTENT_SECURITY_POLICY, NOTHING))
        .body(bytes))
}
