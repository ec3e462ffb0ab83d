//! End-to-end encryption: the command encrypts, the broker carries, the device alone reads.
use std::process::{Command, Output};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa::{KeySize, OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, PrivateDecryptingKey};
use base64::Engine as _;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use estafette_loadtest::Simulators;
use reqwest::Method;
use serde_json::{Value, json};

use super::place::{Place, bytes_under, channels, ledger, problem, simulators};

const SECRET: &str = "Uw-dossier-4711-is-goedgekeurd";
const CLEAR: &str = "Er staat een bericht klaar";

/// A device's key pair: the private half, and the modulus as GovApp gives it.
fn key_pair() -> (PrivateDecryptingKey, String) {
    let private = PrivateDecryptingKey::generate(KeySize::Rsa2048).unwrap();
    let der = private.public_key().as_der().unwrap();
    let der: &[u8] = der.as_ref();
    // The modulus stands before the exponent's INTEGER (02 03 01 00 01) at the end.
    let modulus = URL_SAFE.encode(&der[der.len() - 5 - 256..der.len() - 5]);
    (private, modulus)
}

fn open(jwe: &str, private: PrivateDecryptingKey) -> String {
    let parts: Vec<&str> = jwe.split('.').collect();
    let decoded: Vec<Vec<u8>> = parts.iter().map(|part| URL_SAFE_NO_PAD.decode(part).unwrap()).collect();
    let oaep = OaepPrivateDecryptingKey::new(private).unwrap();
    let mut key = vec![0; oaep.min_output_size()];
    let key = oaep.decrypt(&OAEP_SHA256_MGF1SHA256, &decoded[1], &mut key, None).unwrap();
    let cipher = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).unwrap());
    let nonce = Nonce::try_assume_unique_for_key(&decoded[2]).unwrap();
    let mut sealed = [&decoded[3][..], &decoded[4][..]].concat();
    let plain = cipher.open_in_place(nonce, Aad::from(parts[0].as_bytes()), &mut sealed).unwrap();
    String::from_utf8(plain.to_vec()).unwrap()
}

async fn sealed(simulators: &Simulators) -> Vec<Value> {
    let url = format!("http://{}/sealed", simulators.address());
    let page: Value = reqwest::get(url).await.unwrap().json().await.unwrap();
    page["sealed"].as_array().unwrap().clone()
}

async fn send(place: &Place, arguments: &'static [&'static str]) -> Output {
    let (api, key) = (place.api.clone(), place.live.clone());
    let run = move || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_estafette"));
        command.args(["send", "--api", &api, "--key", &key, "--output", "json", "--language", "nl"]).args(arguments);
        command.output().unwrap()
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}

#[actix_rt::test]
async fn what_the_command_encrypts_is_read_by_the_device_and_lies_nowhere_in_the_data() {
    let (private, modulus) = key_pair();
    let simulators = simulators(|settings| {
        settings.govapp.reachable = 1.0;
        settings.govapp.public_key = Some(modulus.clone());
    })
    .await;
    let place = Place::start(&channels("channels", &simulators)).await;

    let receivers = place.get("/v1/recipients/receivers?recipient=mobile:%2B32470123456").await;
    let receiver = &receivers["receivers"][0];
    assert_eq!(receiver["public_key"], modulus.as_str());
    assert_eq!(receiver["jwk"]["n"], modulus.trim_end_matches('='));

    let sent = send(&place, &["--mobile", "+32470123456", "--text", SECRET, "--encrypt", "--fallback", CLEAR]).await;
    assert!(sent.status.success(), "{}", String::from_utf8_lossy(&sent.stderr));
    let kept = sealed(&simulators).await;
    assert_eq!((kept.len(), &kept[0]["receiver"]), (1, &receiver["id"]));
    let plain = open(kept[0]["encryptedBody"].as_str().unwrap(), private);
    assert_eq!(serde_json::from_str::<Value>(&plain).unwrap(), json!({"nl": SECRET}));

    let folder = std::sync::Arc::clone(&place.folder);
    place.running.stop().await;
    let (mut files, mut with_clear) = (0, 0);
    bytes_under(folder.path(), &mut |path, bytes| {
        files += 1;
        let has = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        assert!(!has(SECRET) && !has("goedgekeurd"), "the plaintext is in {}", path.display());
        with_clear += usize::from(has(CLEAR));
    });
    assert!(files > 2 && with_clear > 0, "the search finds what is there: the text in clear");
}

#[actix_rt::test]
async fn a_citizen_without_the_app_gets_the_clear_text_and_never_what_was_encrypted() {
    let simulators = simulators(|settings| settings.govapp.reachable = 0.0).await;
    let place = Place::start(&channels("channels", &simulators)).await;
    let nobody = send(&place, &["--mobile", "+32470123456", "--text", SECRET, "--encrypt", "--fallback", CLEAR]).await;
    assert_eq!(nobody.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&nobody.stderr).contains("doesn't reach"));

    // Devices that were the citizen's when it was encrypted, and are gone.
    let message = json!({"recipient": {"mobile": "+32470123456"}, "strategy": "govapp-first", "content":
        {"text": {"nl": CLEAR}, "encrypted": {"01939f3a-7c1e-4000-8000-000000000001": jwe(HEADER)}}});
    let answer: Value = place.submit(&place.live, &message).await.json().await.unwrap();
    let channels: Vec<&Value> = answer["attempts"].as_array().unwrap().iter().map(|a| &a["channel"]).collect();
    assert_eq!(channels, ["govapp", "sms"], "{answer}");
    assert!(sealed(&simulators).await.is_empty());
    assert!(ledger(&simulators, "sms").await.contains("32470123456"));
    place.running.stop().await;
}

const HEADER: &str = r#"{"alg":"RSA-OAEP-256","enc":"A256GCM"}"#;

fn jwe(header: &str) -> String {
    let parts = [header.as_bytes(), &[7; 256], &[1; 12], b"ciphertext", &[2; 16]];
    parts.map(|part| URL_SAFE_NO_PAD.encode(part)).join(".")
}

#[actix_rt::test]
async fn what_is_not_exactly_the_allowed_encryption_is_refused_before_it_is_kept() {
    let simulators = simulators(|settings| settings.govapp.reachable = 1.0).await;
    let place = Place::start(&channels("channels", &simulators)).await;
    let receiver = "01939f3a-7c1e-4000-8000-000000000001";
    let with = |strategy: &str, encrypted: Value| json!({"recipient": {"mobile": "+32470123456"}, "strategy": strategy, "content": {"encrypted": encrypted}});
    let good = jwe(HEADER);
    let wrong = [
        jwe(r#"{"alg":"none","enc":"A256GCM"}"#),
        jwe(r#"{"alg":"dir","enc":"A256GCM"}"#),
        jwe(r#"{"alg":"RSA1_5","enc":"A256GCM"}"#),
        jwe(r#"{"alg":"RSA-OAEP-256","enc":"A256GCM","zip":"DEF"}"#),
        good.rsplit_once('.').unwrap().0.to_owned(),
        format!("{good}.x"),
        good.replace('.', "+."),
        format!("{good}{}", "A".repeat(60_000)),
        String::new(),
    ];
    for jwe in wrong {
        let refused = place.submit(&place.live, &with("govapp-only", json!({receiver: jwe}))).await;
        assert_eq!(problem(refused).await, (422, "invalid-request".to_owned()));
    }
    for encrypted in [json!({}), json!({"somebody": good}), json!({receiver: 1})] {
        let refused = place.submit(&place.live, &with("govapp-only", encrypted)).await;
        assert_eq!(problem(refused).await.0, 422);
    }
    let leaves = place.submit(&place.live, &with("govapp-first", json!({receiver: good}))).await;
    assert_eq!(problem(leaves).await, (422, "invalid-request".to_owned()), "without a text in clear");
    let broadcast = json!({"strategy": "govapp-only", "content": {"encrypted": {receiver: good}}});
    let broadcast = place.ask(&place.live, Method::POST, "/v1/broadcasts").json(&broadcast).send().await.unwrap();
    assert_eq!(problem(broadcast).await, (422, "invalid-request".to_owned()));

    // Well formed, for a device of nobody: the platform is given nothing.
    let stranger = place.submit(&place.live, &with("govapp-only", json!({receiver: good}))).await;
    let stranger: Value = stranger.json().await.unwrap();
    assert_eq!((&stranger["status"], &stranger["reason"]), (&json!("failed"), &json!("unreachable")));
    assert!(sealed(&simulators).await.is_empty());
    place.running.stop().await;
}
