//! The provider's OAuth 2.0 token endpoint: client credentials (RFC 6749, 4.4) for one client.
//!
//! Owns the access tokens: JWTs signed with a key of this process, so that none has to be remembered. Invariant: a token of an
//! earlier process is refused, as is one that expired.

use actix_web::http::header;
use actix_web::web::{Data, Form, Query};
use actix_web::{HttpRequest, HttpResponse};
use anyhow::Context;
use aws_lc_rs::{constant_time, hmac, rand};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::Deserialize;

use crate::simulators::World;
use crate::simulators::desk::now_ms;

/// Makes and checks access tokens.
pub(crate) struct Tokens(hmac::Key);

impl Tokens {
    pub(crate) fn new() -> anyhow::Result<Self> {
        let mut secret = [0; 32];
        rand::fill(&mut secret).ok().context("draw the key of the access tokens")?;
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &secret)))
    }

    /// A token that is valid until `expires`, in seconds since 1970.
    fn issue(&self, client: &str, expires: u64) -> String {
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"at+jwt"}"#);
        let claims = serde_json::json!({ "client_id": client, "exp": expires, "scope": "ebox" });
        let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
        let tag = hmac::sign(&self.0, signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag))
    }

    /// Whether it was issued here and is valid at `now`, in seconds since 1970.
    pub(crate) fn is_valid(&self, token: &str, now: u64) -> bool {
        #[derive(Deserialize)]
        struct Claims {
            exp: u64,
        }
        let Some((signed, tag)) = token.rsplit_once('.') else { return false };
        let Some(claims) = signed.split_once('.').and_then(|(_, claims)| URL_SAFE_NO_PAD.decode(claims).ok()) else {
            return false;
        };
        let genuine =
            URL_SAFE_NO_PAD.decode(tag).is_ok_and(|tag| hmac::verify(&self.0, signed.as_bytes(), &tag).is_ok());
        genuine && serde_json::from_slice::<Claims>(&claims).is_ok_and(|claims| now < claims.exp)
    }
}

/// The form of a token request, and the pair of HTTP Basic.
#[derive(Deserialize)]
pub(crate) struct Fields {
    #[serde(default)]
    grant_type: String,
    #[serde(default)]
    client_id: String,
    #[serde(default)]
    client_secret: String,
}

/// `POST /ebox/oauth/token`
pub(crate) async fn issue(request: HttpRequest, form: Form<Fields>, world: Data<World>) -> HttpResponse {
    let settings = &world.settings.ebox;
    if form.grant_type != "client_credentials" {
        return HttpResponse::BadRequest().json(serde_json::json!({ "error": "unsupported_grant_type" }));
    }
    let Fields { client_id: client, client_secret: secret, .. } = basic(&request).unwrap_or_else(|| form.into_inner());
    let same =
        |given: &str, known: &str| constant_time::verify_slices_are_equal(given.as_bytes(), known.as_bytes()).is_ok();
    if !same(&client, &settings.client_id) || !same(&secret, &settings.client_secret) {
        return HttpResponse::Unauthorized()
            .insert_header((header::WWW_AUTHENTICATE, "Basic"))
            .json(serde_json::json!({ "error": "invalid_client" }));
    }
    let expires = now_ms() / 1_000 + u64::from(settings.token_seconds);
    HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(serde_json::json!({
        "access_token": world.tokens.issue(&client, expires),
        "token_type": "Bearer",
        "expires_in": settings.token_seconds,
    }))
}

/// Client and secret of HTTP Basic; both are form-encoded (RFC 6749, 2.3.1).
fn basic(request: &HttpRequest) -> Option<Fields> {
    let given = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
    let pair = String::from_utf8(STANDARD.decode(given.strip_prefix("Basic ")?).ok()?).ok()?;
    let (client, secret) = pair.split_once(':')?;
    let fields = Query::<Fields>::from_query(&format!("client_id={client}&client_secret={secret}"));
    fields.ok().map(Query::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_is_valid_until_it_expires_and_only_here() {
        let (here, elsewhere) = (Tokens::new().expect("random"), Tokens::new().expect("random"));
        let token = here.issue("client", 1_000);
        assert!(here.is_valid(&token, 999));
        assert!(!here.is_valid(&token, 1_000));
        assert!(!elsewhere.is_valid(&token, 999));
        for wrong in ["", "a.b.c", &token[1..], &token[..token.len() - 2]] {
            assert!(!here.is_valid(wrong, 1), "{wrong}");
        }
    }
}
