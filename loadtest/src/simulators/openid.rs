//! The provider of the sign-in: OpenID Connect with authorization code and PKCE, under `/openid`, where whoever signs in picks a sample person.
//!
//! Stands where a government's sign-in service stands in production. Invariant: a code is good once, for a minute, for the client, the address and
//! the verifier for which it was given out. Nobody proves anything here: it must be on the own machine only, and sends people back to it only.

mod signed;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};

use actix_web::http::header;
use actix_web::web::{self, Data, Form, Query};
use actix_web::{HttpRequest, HttpResponse};
use aws_lc_rs::{constant_time, digest};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::World;
use super::desk::now_ms;
use crate::niss;
use signed::Key;

/// Codes that wait at once; the oldest go first.
const CODES: usize = 1_000;
/// How long a code is good, in seconds.
const CODE_S: u64 = 60;
/// How long tokens are good, in seconds.
const TOKEN_S: u64 = 300;

/// The provider of the sign-in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OpenIdSettings {
    /// The client that may ask.
    pub client_id: String,
    /// Its secret; none for a public client.
    pub client_secret: Option<String>,
    /// Who can be picked.
    pub people: Vec<SamplePerson>,
}

/// Somebody who can be picked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SamplePerson {
    /// Their NISS.
    pub niss: String,
    /// Their name.
    pub name: String,
    /// For which enterprises they may read.
    #[serde(default)]
    pub enterprises: Vec<SampleEnterprise>,
}

/// An enterprise of somebody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SampleEnterprise {
    /// Its CBE number.
    pub cbe: String,
    /// Its name.
    pub name: String,
    /// The access rights that the person has there.
    #[serde(default)]
    pub rights: Vec<String>,
}

impl Default for OpenIdSettings {
    fn default() -> Self {
        let person = |index: u64, name: &str, enterprises| SamplePerson {
            niss: niss::generate(index),
            name: name.into(),
            enterprises,
        };
        let enterprise = |rights: &[&str]| SampleEnterprise {
            cbe: crate::cbe::generate(1),
            name: "Bakkerij De Korenaar".into(),
            rights: rights.iter().map(ToString::to_string).collect(),
        };
        let people = vec![
            person(1, "Marie Lambert", vec![]),
            person(2, "Jan Peeters", vec![enterprise(&["tax"])]),
            person(3, "Anna Schmitz", vec![]),
            person(4, "Sofia Rossi", vec![enterprise(&[])]),
        ];
        Self { client_id: "estafette".into(), client_secret: Some("sandbox-sign-in-secret".into()), people }
    }
}

/// What is kept between two requests.
pub(crate) struct Desk {
    key: Key,
    codes: Mutex<HashMap<String, Given>>,
}

/// What a code stands for.
struct Given {
    person: usize,
    redirect_uri: String,
    challenge: String,
    nonce: Option<String>,
    until_s: u64,
}

impl Desk {
    pub(crate) fn new() -> anyhow::Result<Self> {
        Ok(Self { key: Key::new()?, codes: Mutex::default() })
    }
}

/// The routes.
pub(crate) fn routes(app: &mut web::ServiceConfig) {
    app.route("/openid/.well-known/openid-configuration", web::get().to(discovery))
        .route("/openid/jwks", web::get().to(jwks))
        .service(web::resource("/openid/authorize").get(ask).post(pick))
        .route("/openid/token", web::post().to(token))
        .route("/openid/userinfo", web::get().to(userinfo))
        .route("/openid/end_session", web::get().to(end));
}

/// As the one who asks reaches it.
fn issuer(request: &HttpRequest) -> String {
    format!("http://{}/openid", request.connection_info().host())
}

async fn discovery(request: HttpRequest) -> HttpResponse {
    let issuer = issuer(&request);
    let at = |path: &str| format!("{issuer}/{path}");
    HttpResponse::Ok().json(json!({
        "issuer": issuer,
        "authorization_endpoint": at("authorize"),
        "token_endpoint": at("token"),
        "userinfo_endpoint": at("userinfo"),
        "jwks_uri": at("jwks"),
        "end_session_endpoint": at("end_session"),
        "response_types_supported": ["code"],
        "grant_types_supported": ["authorization_code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "code_challenge_methods_supported": ["S256"],
        "scopes_supported": ["openid", "profile"],
        "claims_supported": ["sub", "name", "niss", "enterprises"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
    }))
}

async fn jwks(world: Data<World>) -> HttpResponse {
    HttpResponse::Ok().json(json!({ "keys": [world.openid.key.public()] }))
}

/// What somebody who wants to sign in brings.
#[derive(Deserialize)]
struct Asked {
    client_id: String,
    redirect_uri: String,
    response_type: String,
    #[serde(default)]
    scope: String,
    #[serde(default)]
    state: String,
    nonce: Option<String>,
    code_challenge: Option<String>,
    code_challenge_method: Option<String>,
    /// Who was picked; of the form only. `nobody` for who does not want to.
    person: Option<String>,
}

impl Asked {
    /// Why it is not served, in words; nothing is sent to an address that was not checked.
    fn refused(&self, world: &World) -> Option<&'static str> {
        if self.client_id != world.settings.openid.client_id {
            Some("this client is not known")
        } else if !is_own(&self.redirect_uri) {
            Some("redirect_uri leads to another machine")
        } else if self.response_type != "code" || !self.scope.split(' ').any(|scope| scope == "openid") {
            Some("only response_type=code with the scope openid is served")
        } else if self.code_challenge.as_ref().is_none_or(|challenge| challenge.len() != 43)
            || self.code_challenge_method.as_deref() != Some("S256")
        {
            Some("PKCE is missing: give code_challenge with code_challenge_method=S256")
        } else {
            None
        }
    }
}

/// Whether an address is on the own machine.
fn is_own(address: &str) -> bool {
    let url = reqwest::Url::parse(address).ok();
    url.is_some_and(|url| matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]")))
}

fn bad(reason: &str) -> HttpResponse {
    HttpResponse::BadRequest().content_type("text/plain; charset=utf-8").body(reason.to_owned())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// `GET /openid/authorize`: the page on which somebody is picked.
async fn ask(request: HttpRequest, asked: Query<Asked>, world: Data<World>) -> HttpResponse {
    if let Some(reason) = asked.refused(&world) {
        return bad(reason);
    }
    let mut fields = String::new();
    let query = Query::<Vec<(String, String)>>::from_query(request.query_string());
    for (name, value) in query.map(Query::into_inner).unwrap_or_default() {
        let _ = write!(fields, r#"<input type="hidden" name="{}" value="{}">"#, escaped(&name), escaped(&value));
    }
    let mut people = String::new();
    for (place, person) in world.settings.openid.people.iter().enumerate() {
        let mut about = "for themselves".to_owned();
        for enterprise in &person.enterprises {
            let rights =
                if enterprise.rights.is_empty() { "no rights".to_owned() } else { enterprise.rights.join(", ") };
            let _ = write!(about, ", and for {} ({rights})", enterprise.name);
        }
        let _ = write!(
            people,
            r#"<li><button name="person" value="{place}"><strong>{}</strong><br>{}</button></li>"#,
            escaped(&person.name),
            escaped(&about)
        );
    }
    let page = include_str!("openid/page.html").replace("{fields}", &fields).replace("{people}", &people);
    HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body(page)
}

/// `POST /openid/authorize`: somebody was picked.
async fn pick(asked: Form<Asked>, world: Data<World>) -> HttpResponse {
    if let Some(reason) = asked.refused(&world) {
        return bad(reason);
    }
    let Ok(mut back) = reqwest::Url::parse(&asked.redirect_uri) else { return bad("redirect_uri is no address") };
    let picked = asked.person.as_deref().and_then(|place| place.parse::<usize>().ok());
    match picked.filter(|place| *place < world.settings.openid.people.len()) {
        Some(person) => {
            let code = URL_SAFE_NO_PAD.encode(rand::random::<[u8; 24]>());
            let given = Given {
                person,
                redirect_uri: asked.redirect_uri.clone(),
                challenge: asked.code_challenge.clone().unwrap_or_default(),
                nonce: asked.nonce.clone(),
                until_s: now_ms() / 1_000 + CODE_S,
            };
            keep(&world, code.clone(), given);
            back.query_pairs_mut().append_pair("code", &code);
        }
        None => {
            back.query_pairs_mut().append_pair("error", "access_denied");
        }
    }
    back.query_pairs_mut().append_pair("state", &asked.state);
    HttpResponse::SeeOther().insert_header((header::LOCATION, back.as_str())).finish()
}

fn keep(world: &World, code: String, given: Given) {
    let mut codes = world.openid.codes.lock().unwrap_or_else(PoisonError::into_inner);
    let now = now_ms() / 1_000;
    codes.retain(|_, given| given.until_s > now);
    if codes.len() >= CODES {
        let oldest = codes.iter().min_by_key(|(_, given)| given.until_s).map(|(code, _)| code.clone());
        oldest.and_then(|code| codes.remove(&code));
    }
    codes.insert(code, given);
}

/// The form of a token request.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Exchange {
    grant_type: String,
    code: String,
    redirect_uri: String,
    code_verifier: String,
    client_id: String,
    client_secret: Option<String>,
}

fn refusal(error: &str) -> HttpResponse {
    HttpResponse::BadRequest().json(json!({ "error": error }))
}

/// `POST /openid/token`
async fn token(request: HttpRequest, form: Form<Exchange>, world: Data<World>) -> HttpResponse {
    let settings = &world.settings.openid;
    let (client, secret) = basic(&request).unwrap_or_else(|| (form.client_id.clone(), form.client_secret.clone()));
    let is_secret = match (&settings.client_secret, &secret) {
        (Some(known), Some(given)) => {
            constant_time::verify_slices_are_equal(known.as_bytes(), given.as_bytes()).is_ok()
        }
        (known, _) => known.is_none(),
    };
    if client != settings.client_id || !is_secret {
        return HttpResponse::Unauthorized().json(json!({ "error": "invalid_client" }));
    }
    if form.grant_type != "authorization_code" {
        return refusal("unsupported_grant_type");
    }
    let given = world.openid.codes.lock().unwrap_or_else(PoisonError::into_inner).remove(&form.code);
    let now = now_ms() / 1_000;
    let challenge = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, form.code_verifier.as_bytes()));
    let fits =
        |given: &Given| given.until_s > now && given.redirect_uri == form.redirect_uri && given.challenge == challenge;
    let Some(given) = given.filter(fits) else { return refusal("invalid_grant") };
    let issuer = issuer(&request);
    let mut claims = claims(&settings.people[given.person], given.person);
    for (name, value) in
        [("iss", json!(issuer)), ("aud", json!(client)), ("iat", json!(now)), ("exp", json!(now + TOKEN_S))]
    {
        claims[name] = value;
    }
    if let Some(nonce) = given.nonce {
        claims["nonce"] = json!(nonce);
    }
    let access = json!({ "iss": issuer, "person": given.person, "exp": now + TOKEN_S });
    let (Some(id_token), Some(access_token)) = (world.openid.key.sign(&claims), world.openid.key.sign(&access)) else {
        return HttpResponse::InternalServerError().json(json!({ "error": "server_error" }));
    };
    HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(json!({
        "access_token": access_token,
        "token_type": "Bearer",
        "expires_in": TOKEN_S,
        "id_token": id_token,
    }))
}

fn claims(person: &SamplePerson, place: usize) -> serde_json::Value {
    json!({ "sub": format!("person-{place}"), "name": person.name, "niss": person.niss, "enterprises": person.enterprises })
}

fn basic(request: &HttpRequest) -> Option<(String, Option<String>)> {
    let given = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
    let pair = String::from_utf8(STANDARD.decode(given.strip_prefix("Basic ")?).ok()?).ok()?;
    let (client, secret) = pair.split_once(':')?;
    // Both are form-encoded (RFC 6749, 2.3.1).
    let fields =
        Query::<Exchange>::from_query(&format!("client_id={client}&client_secret={secret}")).ok()?.into_inner();
    Some((fields.client_id, fields.client_secret))
}

/// `GET /openid/userinfo`
async fn userinfo(request: HttpRequest, world: Data<World>) -> HttpResponse {
    let given = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let claims_of = given.and_then(|value| world.openid.key.read(value.strip_prefix("Bearer ")?));
    let is_good = |token: &serde_json::Value| token["exp"].as_u64().is_some_and(|until| until > now_ms() / 1_000);
    let place = claims_of.filter(is_good).and_then(|token| usize::try_from(token["person"].as_u64()?).ok());
    match place.and_then(|place| Some((world.settings.openid.people.get(place)?, place))) {
        Some((person, place)) => HttpResponse::Ok().json(claims(person, place)),
        None => HttpResponse::Unauthorized()
            .insert_header((header::WWW_AUTHENTICATE, "Bearer error=\"invalid_token\""))
            .finish(),
    }
}

#[derive(Deserialize)]
struct Leaving {
    client_id: Option<String>,
    post_logout_redirect_uri: Option<String>,
    #[serde(default)]
    state: Option<String>,
}

/// `GET /openid/end_session`: there is no session to end, since a person is picked each time.
async fn end(leaving: Query<Leaving>, world: Data<World>) -> HttpResponse {
    let is_known = leaving.client_id.as_ref() == Some(&world.settings.openid.client_id);
    let back = leaving.post_logout_redirect_uri.as_deref().filter(|address| is_known && is_own(address));
    let Some(mut back) = back.and_then(|address| reqwest::Url::parse(address).ok()) else {
        return HttpResponse::Ok().content_type("text/plain; charset=utf-8").body("Signed out.");
    };
    if let Some(state) = &leaving.state {
        back.query_pairs_mut().append_pair("state", state);
    }
    HttpResponse::SeeOther().insert_header((header::LOCATION, back.as_str())).finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_sent_back_to_the_own_machine_only() {
        for own in ["http://127.0.0.1:1/mailbox/sign-in/callback", "http://localhost/x", "http://[::1]:9/"] {
            assert!(is_own(own), "{own}");
        }
        for other in ["https://example.be/", "http://127.0.0.1.example.be/", "javascript:alert(1)", "//127.0.0.1/", ""]
        {
            assert!(!is_own(other), "{other}");
        }
    }

    #[test]
    fn sample_people_have_numbers_that_can_be() {
        for person in OpenIdSettings::default().people {
            assert!(niss::is_valid(&person.niss));
            assert!(person.enterprises.iter().all(|one| crate::cbe::is_valid(&one.cbe)));
        }
    }
}
