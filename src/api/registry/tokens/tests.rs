//! Tokens of an issuer that this test is.
use std::io::Write;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use super::*;
use crate::api::registry::settings::KeySet;

const NOW_S: u64 = 1_795_867_200;

/// An issuer with one key, in a file.
struct Issuer {
    key: EncodingKey,
    id: &'static str,
    set: Value,
}

impl Issuer {
    fn new(id: &'static str) -> Self {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref()).unwrap();
        let point = pair.public_key().as_ref();
        let [x, y] = [&point[1..33], &point[33..65]].map(|half| URL_SAFE_NO_PAD.encode(half));
        let set =
            json!({"keys": [{"kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": id, "alg": "ES256", "use": "sig"}]});
        Self { key: EncodingKey::from_ec_der(pkcs8.as_ref()), id, set }
    }

    fn sign(&self, claims: &Value, kind: &str) -> String {
        let mut header = Header::new(Algorithm::ES256);
        (header.typ, header.kid) = (Some(kind.to_owned()), Some(self.id.to_owned()));
        encode(&header, claims, &self.key).unwrap()
    }

    fn file(&self) -> NamedTempFile {
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(self.set.to_string().as_bytes()).unwrap();
        file
    }
}

fn claims() -> Value {
    json!({
        "iss": "https://issuer.example.be", "aud": "https://ebox.example.be", "exp": NOW_S + 300, "iat": NOW_S,
        "client_id": "my:ebox:client", "scope": "openid ebox:consult",
        "ebox_id": {"eboxType": "citizen", "eboxIdValue": "85073003328"},
    })
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

fn over(file: &NamedTempFile) -> Tokens {
    let keys = KeySet::File(file.path().to_owned());
    Tokens::new(settings::Tokens::new("https://issuer.example.be", "https://ebox.example.be", keys)).unwrap()
}

async fn check(tokens: &Tokens, token: &str) -> Option<Token> {
    let now = Timestamp::from_millis(NOW_S * 1_000);
    tokens.check(token, now, jiff::civil::date(2026, 11, 28)).await
}

#[actix_rt::test]
async fn a_good_token_says_who_may_do_what_in_whose_mailbox() {
    let issuer = Issuer::new("k1");
    let (file, tokens);
    file = issuer.file();
    tokens = over(&file);
    let found = check(&tokens, &issuer.sign(&claims(), "at+jwt")).await.unwrap();
    assert_eq!((found.client.as_str(), &found.scopes[..]), ("my:ebox:client", &[Scope::Consult][..]));
    assert_eq!((found.mailbox.map(MailboxId::digits).as_deref(), found.rights), (Some("85073003328"), None));
    let several = with("aud", json!(["other", "https://ebox.example.be"]));
    assert!(check(&tokens, &issuer.sign(&several, "application/AT+JWT")).await.is_some());
    let rights = check(&tokens, &issuer.sign(&with("ebox_rights", json!(["tax"])), "at+jwt")).await.unwrap().rights;
    assert_eq!(rights.unwrap()[0].as_str(), "tax");
}

#[actix_rt::test]
async fn a_token_that_is_not_good_is_none() {
    let issuer = Issuer::new("k1");
    let (file, stranger) = (issuer.file(), Issuer::new("k1"));
    let tokens = over(&file);
    for (name, value) in [
        ("iss", json!("https://other.example.be")),
        ("aud", json!("https://other.example.be")),
        ("aud", Value::Null),
        ("exp", json!(NOW_S - 31)),
        ("exp", Value::Null),
        ("exp", json!("soon")),
        ("nbf", json!(NOW_S + 31)),
        ("client_id", json!("a b")),
        ("client_id", Value::Null),
        ("ebox_id", json!({"eboxType": "citizen", "eboxIdValue": "85073003329"})),
        ("ebox_id", json!("85073003328")),
        ("ebox_rights", json!(["a b"])),
        ("ebox_rights", json!("tax")),
    ] {
        let token = issuer.sign(&with(name, value.clone()), "at+jwt");
        assert!(check(&tokens, &token).await.is_none(), "{name} {value}");
    }
    // A second of the other's clock is no second.
    assert!(check(&tokens, &issuer.sign(&with("exp", json!(NOW_S - 5)), "at+jwt")).await.is_some());
    assert!(check(&tokens, &issuer.sign(&claims(), "JWT")).await.is_none(), "an ID token is no access token");
    assert!(check(&tokens, &stranger.sign(&claims(), "at+jwt")).await.is_none(), "another's key of the same name");
    let good = issuer.sign(&claims(), "at+jwt");
    let (head, rest) = good.split_once('.').unwrap();
    let (_, signature) = rest.split_once('.').unwrap();
    let forged =
        format!("{head}.{}.{signature}", URL_SAFE_NO_PAD.encode(with("scope", json!("ebox:publish")).to_string()));
    let unsigned =
        format!("{}.{}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"at+jwt"}"#), rest.split_once('.').unwrap().0);
    for bad in [forged.as_str(), unsigned.as_str(), "", "a.b.c", "x", &good[..good.len() - 4], &"a".repeat(10_000)] {
        assert!(check(&tokens, bad).await.is_none());
    }
}

#[actix_rt::test]
async fn a_secret_that_is_our_public_key_signs_nothing() {
    let issuer = Issuer::new("k1");
    let file = issuer.file();
    let mut header = Header::new(Algorithm::HS256);
    (header.typ, header.kid) = (Some("at+jwt".to_owned()), Some("k1".to_owned()));
    let public = issuer.set["keys"][0]["x"].as_str().unwrap();
    let token = encode(&header, &claims(), &EncodingKey::from_secret(public.as_bytes()).unwrap()).unwrap();
    assert!(check(&over(&file), &token).await.is_none());
}

#[actix_rt::test]
async fn a_key_that_came_later_is_found_and_not_asked_for_without_end() {
    let (first, second) = (Issuer::new("k1"), Issuer::new("k2"));
    let file = first.file();
    let tokens = over(&file);
    let (one, two) = (first.sign(&claims(), "at+jwt"), second.sign(&claims(), "at+jwt"));
    assert!(check(&tokens, &one).await.is_some());
    let keys = |pause| Keys::pausing(tokens.settings.keys.clone(), std::time::Duration::MAX, pause).unwrap();
    let eager = Tokens { settings: tokens.settings.clone(), keys: keys(std::time::Duration::ZERO) };
    assert!(check(&eager, &one).await.is_some());
    std::fs::write(file.path(), second.set.to_string()).unwrap();
    // Read a moment ago: who makes up names of keys makes nobody read again and again.
    assert!(check(&tokens, &two).await.is_none());
    assert!(check(&eager, &two).await.is_some());
    assert!(check(&eager, &one).await.is_none(), "a key that was taken out is good no more");
    std::fs::write(file.path(), "rubbish").unwrap();
    assert!(check(&eager, &two).await.is_some(), "a set that can't be read leaves the one before");
    // Also when somebody asks for a key that is not there.
    assert!(check(&eager, &one).await.is_none() && check(&eager, &two).await.is_some());
}
