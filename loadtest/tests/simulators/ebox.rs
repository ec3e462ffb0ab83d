//! The e-Box provider: tokens, publications in any order of parts, what is refused, and what their status says.

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use estafette_loadtest::ledger::Outcome;
use estafette_loadtest::sandbox::Behaviour;
use estafette_loadtest::{Faults, cbe, niss};
use reqwest::StatusCode;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use crate::{Running, quick};

const REGISTRY: &str = "/ebox/messageRegistry/v2";

struct Publisher {
    running: Running,
    token: String,
}

impl Publisher {
    async fn start(settings: estafette_loadtest::Settings) -> Self {
        let running = Running::start(settings).await;
        let token =
            running.client.post(running.url("/ebox/oauth/token")).basic_auth("estafette", Some("sandbox-ebox-secret"));
        let token = token.form(&[("grant_type", "client_credentials")]).send().await.expect("answered");
        let token: Value = token.json().await.expect("JSON");
        assert_eq!((&token["token_type"], &token["expires_in"]), (&json!("Bearer"), &json!(3600)));
        let token = token["access_token"].as_str().expect("a text").to_owned();
        Self { running, token }
    }

    async fn publish(&self, form: Form) -> (StatusCode, Value) {
        let url = self.running.url(&format!("{REGISTRY}/publishMessage"));
        let response =
            self.running.client.post(url).bearer_auth(&self.token).multipart(form).send().await.expect("answered");
        (response.status(), response.json().await.expect("JSON"))
    }

    async fn ask(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        let request = self.running.client.post(self.running.url(path)).bearer_auth(&self.token).json(body);
        let response = request.send().await.expect("answered");
        (response.status(), response.json().await.expect("JSON"))
    }
}

fn message(niss: &str, reference: &str) -> Value {
    json!({"recipient": {"eboxType": "citizen", "eboxIdValue": niss}, "subject": {"nl": "Brief", "fr": "Lettre"},
           "messageTypeId": "letter", "senderOrganizationId": "0206731645", "bodyMainContent": false, "replyAuthorized": false,
           "attachments": [{"httpPartName": "upfile1", "mainContent": true,
                            "digest": {"digestMethod": "sha_256", "digestValue": sha256(b"%PDF-1")}},
                           {"httpPartName": "upfile2", "mainContent": false}],
           "businessDataList": [{"key": "reference", "values": [{"nl": reference}]}]})
}

fn sha256(bytes: &[u8]) -> String {
    URL_SAFE.encode(digest::digest(&digest::SHA256, bytes))
}

fn json_part(message: &Value) -> Part {
    Part::text(message.to_string()).mime_str("application/json").expect("a media type")
}

fn document(bytes: &'static [u8], media_type: &str) -> Part {
    Part::bytes(bytes).file_name("letter.pdf").mime_str(media_type).expect("a media type")
}

fn form(message: &Value) -> Form {
    Form::new()
        .part("messageToPublish", json_part(message))
        .part("upfile1", document(b"%PDF-1", "application/pdf"))
        .part("upfile2", document(b"a,b", "text/csv"))
}

#[actix_web::test]
async fn publication_is_recorded_whatever_the_order_of_its_parts() {
    let publisher = Publisher::start(quick()).await;
    let niss = Behaviour::Deliver.niss(0);
    let first = message(&niss, "first");
    let mut last = message(&niss, "last");
    last["attachments"][0]["digest"]["digestValue"] =
        json!(URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, b"%PDF-1")));
    let reversed = Form::new()
        .part("upfile2", document(b"a,b", "text/csv"))
        .part("upfile1", document(b"%PDF-1", "application/pdf"))
        .part("messageToPublish", json_part(&last));
    for (reference, form) in [("first", form(&first)), ("last", reversed)] {
        let (status, published) = publisher.publish(form).await;
        assert_eq!((status, &published["code"]), (StatusCode::CREATED, &json!("SUCCESS")), "{published}");
        assert!(published["messageId"].is_string() && published["expirationDate"].is_string());
        let page = publisher.running.ledger("ebox", reference).await;
        assert_eq!((page.entries.len(), &page.entries[0].recipient), (1, &niss));
    }
    publisher.publish(form(&first)).await;
    assert_eq!(publisher.running.ledger("ebox", "first").await.duplicates, 1);
}

#[actix_web::test]
async fn mailbox_that_is_not_active_takes_the_message_and_says_so() {
    let publisher = Publisher::start(quick()).await;
    let (status, published) = publisher.publish(form(&message(&Behaviour::NoEbox.niss(0), "r"))).await;
    assert_eq!((status, &published["code"]), (StatusCode::CREATED, &json!("NO_DIGITAL_USER")));
    assert_eq!(publisher.running.ledger("ebox", "r").await.entries[0].outcome, Outcome::NoDigitalUser);
}

#[actix_web::test]
async fn status_tells_what_is_read_and_404_what_nobody_published() {
    let mut settings = quick();
    settings.ebox.reaction_ms = 0;
    let publisher = Publisher::start(settings).await;
    let mut asked = Vec::new();
    for (behaviour, expiry) in
        [(Behaviour::Deliver, "2080-01-01T10:00:00Z"), (Behaviour::GovappUnread, "2080-01-01T11:00:00+01:00")]
    {
        let mut message = message(&behaviour.niss(0), "r");
        message["expirationDate"] = json!(expiry);
        let (_, published) = publisher.publish(form(&message)).await;
        assert_eq!(published["expirationDate"], "2080-01-01T10:00:00Z");
        asked.push(json!({"messageId": published["messageId"],
                          "eboxId": {"eboxType": "citizen", "eboxIdValue": behaviour.niss(0)}}));
    }
    let mut unknown = asked[0].clone();
    unknown["eboxId"]["eboxIdValue"] = json!(Behaviour::Deliver.niss(1));
    let path = format!("{REGISTRY}/searchMessageStatus");
    let (status, found) = publisher.ask(&path, &json!([asked[0], asked[1], unknown])).await;
    assert_eq!((status, found.as_array().map(Vec::len)), (StatusCode::CREATED, Some(2)));
    for (found, asked, read) in [(&found[0], &asked[0], true), (&found[1], &asked[1], false)] {
        assert_eq!((&found["messageId"], &found["eboxId"]), (&asked["messageId"], &asked["eboxId"]));
        assert_eq!((&found["readStatus"], &found["expirationDate"]), (&json!(read), &json!("2080-01-01T10:00:00Z")));
    }
    let (status, refused) = publisher.ask(&path, &json!([unknown])).await;
    assert_eq!((status, &refused["code"]), (StatusCode::NOT_FOUND, &json!("MESSAGE_NOT_FOUND")));
    assert_eq!(publisher.ask(&path, &json!({})).await.0, 400);
}

#[actix_web::test]
async fn wrong_publications_are_refused_with_a_code_and_leave_no_entry() {
    let publisher = Publisher::start(quick()).await;
    let good = message(&niss::generate(1), "r");
    let with = |pointer: &str, value: Value| {
        let mut message = good.clone();
        *message.pointer_mut(pointer).expect("a field of the message") = value;
        message
    };
    let without = |field: &str| {
        let mut message = good.clone();
        message.as_object_mut().expect("an object").remove(field);
        message
    };
    let body_too = {
        let mut message = with("/bodyMainContent", json!(true));
        message["bodyContent"] = json!({"nl": "tekst"});
        message
    };
    let overdue = {
        let mut message = good.clone();
        message["expirationDate"] = json!("2020-01-01T00:00:00Z");
        message
    };
    for (code, message) in [
        ("INVALID_MESSAGE", json!("text")),
        ("INVALID_MESSAGE", without("recipient")),
        ("INVALID_MESSAGE", without("subject")),
        ("INVALID_MESSAGE", without("bodyMainContent")),
        ("INVALID_MESSAGE", without("replyAuthorized")),
        ("INVALID_RECIPIENT", with("/recipient/eboxIdValue", json!("99073003360"))),
        ("INVALID_RECIPIENT", with("/recipient/eboxType", json!("enterprise"))),
        ("INVALID_RECIPIENT", with("/recipient/eboxType", json!("professional"))),
        ("MISSING_SUBJECT", with("/subject", json!({"nl": ""}))),
        ("INVALID_SENDER", with("/senderOrganizationId", json!("0200004298"))),
        ("INVALID_EXPIRATION", overdue),
        ("MISSING_BODY", with("/bodyMainContent", json!(true))),
        ("MAIN_CONTENT", body_too),
        ("MAIN_CONTENT", with("/attachments/0/mainContent", json!(false))),
        ("MAIN_CONTENT", with("/attachments/1/mainContent", json!(true))),
        ("MISSING_PART", with("/attachments/1/httpPartName", json!("upfile3"))),
        ("UNKNOWN_PART", with("/attachments/1/httpPartName", json!("upfile1"))),
        ("DIGEST", with("/attachments/0/digest/digestValue", json!(sha256(b"other")))),
        ("DIGEST_METHOD", with("/attachments/0/digest/digestMethod", json!("md5"))),
        ("RECIPIENT_REFUSED", with("/recipient/eboxIdValue", json!(Behaviour::Reject.niss(0)))),
    ] {
        let (status, refused) = publisher.publish(form(&message)).await;
        assert_eq!((status, &refused["code"]), (StatusCode::BAD_REQUEST, &json!(code)), "{message}");
        assert!(refused["id"].is_string() && refused["message"].is_string());
        assert!(!refused.to_string().contains(&niss::generate(1)), "no NISS in an error");
    }
    let missing = Form::new().part("upfile1", document(b"%PDF-1", "application/pdf"));
    assert_eq!(publisher.publish(missing).await.1["code"], "MISSING_PART");
    let image = Form::new()
        .part("messageToPublish", json_part(&good))
        .part("upfile1", document(b"%PDF-1", "image/png"))
        .part("upfile2", document(b"a,b", "text/csv"));
    assert_eq!(publisher.publish(image).await.1["code"], "MEDIA_TYPE");
    let path = format!("{REGISTRY}/publishMessage");
    assert_eq!(publisher.ask(&path, &good).await.1["code"], "INVALID_MULTIPART");
    assert_eq!(publisher.running.get("/ledger/ebox/count").await["total"], 0);
}

#[actix_web::test]
async fn enterprise_gets_a_body_without_documents() {
    let publisher = Publisher::start(quick()).await;
    let enterprise = cbe::generate(4);
    let message = json!({"recipient": {"eboxType": "enterprise", "eboxIdValue": enterprise}, "subject": {"de": "Brief"},
                         "bodyMainContent": true, "bodyContent": {"de": "Text"}, "replyAuthorized": true});
    let (status, published) = publisher.publish(Form::new().part("messageToPublish", json_part(&message))).await;
    assert_eq!(status, 201, "{published}");
    let page: estafette_loadtest::ledger::Page =
        serde_json::from_value(publisher.running.get("/ledger/ebox").await).expect("a page");
    assert_eq!((page.entries[0].recipient.as_str(), page.entries[0].reference.as_str()), (enterprise.as_str(), ""));
}

#[actix_web::test]
async fn only_the_known_client_gets_a_token_and_only_a_token_gets_in() {
    let publisher = Publisher::start(quick()).await;
    let client = &publisher.running.client;
    let url = publisher.running.url("/ebox/oauth/token");
    let in_body =
        [("grant_type", "client_credentials"), ("client_id", "estafette"), ("client_secret", "sandbox-ebox-secret")];
    assert_eq!(client.post(&url).form(&in_body).send().await.expect("answered").status(), 200);
    let wrong =
        client.post(&url).basic_auth("estafette", Some("wrong")).form(&in_body[..1]).send().await.expect("answered");
    assert_eq!(wrong.status(), 401);
    let grant = client.post(&url).form(&[("grant_type", "password")]).send().await.expect("answered");
    assert_eq!(grant.status(), 400);
    let publisher = Publisher { token: "other".into(), ..publisher };
    let (status, refused) = publisher.publish(form(&message(&niss::generate(1), "r"))).await;
    assert_eq!((status, &refused["code"]), (StatusCode::UNAUTHORIZED, &json!("INVALID_TOKEN")));
}

#[actix_web::test]
async fn token_that_expires_at_once_is_refused() {
    let mut settings = quick();
    settings.ebox.token_seconds = 0;
    let running = Running::start(settings).await;
    let form_fields =
        [("grant_type", "client_credentials"), ("client_id", "estafette"), ("client_secret", "sandbox-ebox-secret")];
    let token =
        running.client.post(running.url("/ebox/oauth/token")).form(&form_fields).send().await.expect("answered");
    let token: Value = token.json().await.expect("JSON");
    let publisher = Publisher { running, token: token["access_token"].as_str().expect("a text").to_owned() };
    assert_eq!(publisher.publish(form(&message(&niss::generate(1), "r"))).await.0, 401);
}

#[actix_web::test]
async fn preferences_tell_the_active_mailboxes() {
    let publisher = Publisher::start(quick()).await;
    let path = "/ebox/federation/v1/eboxPreferences/search";
    let asked = |nisses: &[String]| json!({"eboxType": "CITIZEN", "eboxIdType": "SSIN", "eboxIdValueList": nisses});
    let reserved = [Behaviour::Deliver.niss(0), Behaviour::NoEbox.niss(0)];
    let (status, found) = publisher.ask(path, &asked(&reserved)).await;
    assert_eq!((status, found.as_array().map(Vec::len)), (StatusCode::OK, Some(1)));
    assert_eq!(found[0]["eboxId"]["eboxIdValue"], json!(reserved[0]));
    assert_eq!(publisher.ask(path, &asked(&reserved[1..])).await.0, 404);
    let many: Vec<String> = (0..500).map(niss::generate).collect();
    let active = publisher.ask(path, &asked(&many)).await.1.as_array().map_or(0, Vec::len);
    assert!((300..400).contains(&active), "{active} of 500");
}

#[actix_web::test]
async fn publication_whose_answer_is_lost_is_in_the_ledger() {
    let mut settings = quick();
    settings.ebox.faults = Faults { loss_after: 1.0, ..Faults::default() };
    let publisher = Publisher::start(settings).await;
    let url = publisher.running.url(&format!("{REGISTRY}/publishMessage"));
    let request = publisher.running.client.post(url).bearer_auth(&publisher.token);
    assert!(request.multipart(form(&message(&niss::generate(1), "lost"))).send().await.is_err());
    assert_eq!(publisher.running.ledger("ebox", "lost").await.entries[0].outcome, Outcome::AnswerLost);
}
