//! An issuer of access tokens: one key, its set served where the program asks for it.
use std::sync::Arc;

use actix_web::{App, HttpResponse, HttpServer, web};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

pub const ISSUER: &str = "https://issuer.example.be";
pub const AUDIENCE: &str = "https://ebox.example.be";

/// The issuer.
pub struct Issuer {
    key: EncodingKey,
    /// Where its keys are.
    pub url: String,
}

impl Issuer {
    pub fn start() -> Self {
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref()).unwrap();
        let point = pair.public_key().as_ref();
        let [x, y] = [&point[1..33], &point[33..65]].map(|half| URL_SAFE_NO_PAD.encode(half));
        let set =
            Arc::new(json!({"keys": [{"kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": "k1", "alg": "ES256"}]}));
        let server = HttpServer::new(move || {
            let set = Arc::clone(&set);
            App::new().route(
                "/jwks",
                web::get().to(move || {
                    let set = Arc::clone(&set);
                    async move { HttpResponse::Ok().json(&*set) }
                }),
            )
        });
        let server = server.workers(1).disable_signals().bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/jwks", server.addrs()[0]);
        actix_rt::spawn(server.run());
        Self { key: EncodingKey::from_ec_der(pkcs8.as_ref()), url }
    }

    /// A token that says this, and is good for five minutes.
    pub fn token(&self, says: &Value) -> String {
        let now = jiff::Timestamp::now().as_second();
        let mut claims = json!({"iss": ISSUER, "aud": AUDIENCE, "exp": now + 300, "iat": now, "jti": "j1"});
        for (name, value) in says.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let mut header = Header::new(Algorithm::ES256);
        (header.typ, header.kid) = (Some("at+jwt".to_owned()), Some("k1".to_owned()));
        encode(&header, &claims, &self.key).unwrap()
    }
}

/// What a token for a mailbox says.
pub fn of(client: &str, kind: &str, number: &str) -> Value {
    json!({"client_id": client, "scope": "ebox:consult", "ebox_id": {"eboxType": kind, "eboxIdValue": number}})
}
