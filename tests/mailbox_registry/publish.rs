//! Publishing: parts in every order, replies, who may publish what, keys.
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use estafette_actors::domain::mailbox::document::LONGEST;
use estafette_actors::ports::{Clock, SystemClock};
use reqwest::multipart::Form;
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::api::OTHERS;
use crate::desk::{Desk, FIRM, ION, JAN, PDF, SENDER, description, file, form, letter, letter_to, refusal};

fn digest(bytes: &str) -> Value {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes.as_bytes());
    json!({"digestMethod": "sha_256", "digestValue": URL_SAFE_NO_PAD.encode(digest)})
}

/// A letter with a PDF and a text, each with its digest.
fn two_files() -> Value {
    let mut letter = letter();
    letter["attachments"] = json!([
        {"httpPartName": "a", "mainContent": true, "digest": digest(PDF), "attachmentTitle": {"fr": "Lettre"}, "attachmentSigned": true},
        {"httpPartName": "b", "mainContent": false, "digest": digest("bonjour")},
    ]);
    letter
}

#[actix_rt::test]
async fn parts_come_in_any_order_and_the_description_last_too() {
    let desk = Desk::open().await;
    let part = |name: &str| match name {
        "messageToPublish" => description(&two_files()),
        "a" => file("été 1.pdf", "application/pdf", PDF),
        _ => file("b.txt", "text/plain; charset=utf-8", "bonjour"),
    };
    let names = ["messageToPublish", "a", "b"];
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let form = order.iter().fold(Form::new(), |form, place| form.part(names[*place], part(names[*place])));
        let answer = desk.try_publish(form).await;
        assert_eq!(answer.status(), 201, "{order:?}");
        let published: Value = answer.json().await.unwrap();
        assert_eq!(published["code"], "SUCCESS");
        let path = format!("/ebox/messages/{}", published["messageId"].as_str().unwrap());
        let message = desk.read(&desk.jan(), &path).await;
        assert_eq!(message["expirationDate"], published["expirationDate"]);
        let files = &message["attachments"]["items"];
        assert_eq!((&files[0]["fileName"], &files[0]["digest"]), (&json!("été 1.pdf"), &digest(PDF)));
        assert_eq!((&files[1]["mediaType"], &files[1]["attachmentId"]), (&json!("text/plain"), &json!("2")));
        assert_eq!(
            (&files[0]["attachmentSigned"], &files[0]["attachmentTitle"]),
            (&json!(true), &json!({"fr": "Lettre"}))
        );
    }
    assert_eq!(desk.contents().len(), 12);
}

#[actix_rt::test]
async fn a_document_may_stay_as_long_as_any_may_and_no_longer() {
    let desk = Desk::open().await;
    let hour = Duration::from_secs(3_600);
    for (stays, status) in [(LONGEST.saturating_sub(hour), 201), (LONGEST + hour, 400)] {
        let until = SystemClock.now().plus(stays).to_string();
        let answer = desk.try_publish(form(&letter_to("citizen", JAN, json!({"expirationDate": until})))).await;
        assert_eq!(answer.status(), status, "{until}");
    }
}

#[actix_rt::test]
async fn a_mailbox_that_nobody_opens_has_it_and_the_sender_hears_so() {
    let desk = Desk::open().await;
    let answer = desk.try_publish(form(&letter_to("citizen", ION, json!({})))).await;
    assert_eq!(answer.status(), 201);
    assert_eq!(answer.json::<Value>().await.unwrap()["code"], "NO_DIGITAL_USER");
    desk.operate("boxes", &json!({"ebox_id": {"eboxType": "citizen", "eboxIdValue": ION}, "active": true})).await;
    let token = desk.token("official", "citizen", ION);
    assert_eq!(desk.read(&token, "/ebox/messages").await["totalItems"], 1);
}

#[actix_rt::test]
async fn all_that_is_said_of_a_message_is_told_to_who_reads_it() {
    let desk = Desk::open().await;
    let mut message = letter_to(
        "enterprise",
        FIRM,
        json!({
            "bodyContent": {"fr": "<p onclick=x()>Bonjour <b>vous</b></p><script>x()</script><table><tr><td>1</td></tr></table>"},
            "businessDataList": [{"key": "file", "name": {"fr": "Dossier"}, "values": [{"fr": "17"}, {"fr": "18"}]}],
            "paymentData": {"paymentDataId": "p1", "amount": 120.5, "vatAmount": 25.31, "currency": "EUR", "dueDate": "2027-01-31T00:00:00Z",
                "iban": "BE68 5390 0754 7034", "bic": "GKCCBEBB", "reference": {"structured": "+++090/9337/55493+++", "n": 7}},
            "forTheAttentionOf": {"type": "person", "id": "17073003384", "name": "Z. Dubois"},
            "replyAuthorized": true, "registeredMail": true, "expirationDate": "2030-01-01T00:00:00+01:00",
        }),
    );
    message["subject"] = json!({"fr": "Facture", "de": "Rechnung", "en": "Invoice"});
    let id = desk.publish(&message).await;
    let token = desk.token("firm", "enterprise", FIRM);
    let found = desk.read(&token, &format!("/ebox/messages/{id}")).await;
    assert_eq!(found["subject"], message["subject"]);
    assert_eq!((&found["expirationDate"], &found["registeredMail"]), (&json!("2029-12-31T23:00:00Z"), &json!(true)));
    assert_eq!((&found["replyAuthorized"], &found["bodyMainContent"]), (&json!(true), &json!(false)));
    assert_eq!(found["forTheAttentionOf"], message["forTheAttentionOf"]);
    assert_eq!(found["businessDataList"]["items"][0]["values"], json!([{"fr": "17"}, {"fr": "18"}]));
    let mut payment = message["paymentData"].clone();
    payment["iban"] = "BE68539007547034".into();
    assert_eq!(
        (&found["paymentData"], &desk.read(&token, &format!("/ebox/messages/{id}/paymentData")).await),
        (&payment, &payment)
    );
    let body = desk.read(&token, &format!("/ebox/messages/{id}/body")).await;
    assert_eq!(body["fr"], "<p>Bonjour <b>vous</b></p><table><tbody><tr><td>1</td></tr></tbody></table>");
}

#[actix_rt::test]
async fn version_3_names_the_same_otherwise() {
    let desk = Desk::open().await;
    let message = json!({
        "recipient": {"eboxType": "citizen", "ssin": JAN}, "sender": {"eboxType": "enterprise", "enterpriseNumber": SENDER},
        "subject": {"fr": "Votre pension"}, "messageTypeId": "letter", "attachments": [{"httpPartName": "upfile1", "isMainContent": true}],
        "isBodyMainContent": false, "isReplyAuthorized": false, "isRegisteredMail": true,
    });
    let send = |message: &Value| desk.send(Method::POST, "v3/ebox/messages").multipart(form(message)).send();
    let answer = send(&message).await.unwrap();
    assert_eq!(answer.status(), 201);
    let id = answer.json::<Value>().await.unwrap()["messageId"].as_str().unwrap().to_owned();
    assert_eq!(desk.read(&desk.jan(), &format!("/ebox/messages/{id}")).await["registeredMail"], true);
    assert_eq!(refusal(send(&letter()).await.unwrap()).await, (400, "INVALID_INPUT".to_owned()));
}

#[actix_rt::test]
async fn a_key_publishes_once_for_a_sender_and_an_application() {
    let desk = Desk::open().await;
    let send = async |key: &str, bearer: &str, message: &Value| -> Response {
        let request = desk.face.ask_as(bearer, Method::POST, "/messageRegistry/v2/publishMessage");
        request.header("Idempotency-Key", key).multipart(form(message)).send().await.unwrap()
    };
    let first = send("\"8e03978e\"", crate::api::KEY, &letter()).await;
    assert_eq!(first.status(), 201);
    let id = first.json::<Value>().await.unwrap()["messageId"].as_str().unwrap().to_owned();
    let again = send("8e03978e", crate::api::KEY, &letter()).await;
    assert_eq!(again.status(), 409);
    let again: Value = again.json().await.unwrap();
    assert!(again["code"] == "DUPLICATE" && again["message"].as_str().unwrap().contains(&id), "{again}");
    let mut other = letter();
    other["subject"]["fr"] = "Autre".into();
    assert_eq!(refusal(send("8e03978e", crate::api::KEY, &other).await).await, (409, "DUPLICATE".to_owned()));
    // Another application of the same sender, and another sender, have keys of their own.
    let mut without = letter();
    without.as_object_mut().unwrap().remove("senderApplicationId");
    assert_eq!(send("8e03978e", crate::api::KEY, &without).await.status(), 201);
    without.as_object_mut().unwrap().remove("senderOrganizationId");
    assert_eq!(send("8e03978e", OTHERS, &without).await.status(), 201);
    assert_eq!(desk.contents().len(), 3, "what was refused is taken away");
    assert_eq!(refusal(send("a b", crate::api::KEY, &letter()).await).await, (400, "INVALID_INPUT".to_owned()));
}

#[actix_rt::test]
async fn a_reply_goes_to_what_takes_one_and_is_in_the_own_mailbox() {
    let desk = Desk::open().await;
    let open = desk.publish(&letter_to("enterprise", FIRM, json!({"replyAuthorized": true}))).await;
    let closed = desk.publish(&letter_to("enterprise", FIRM, json!({}))).await;
    let others = desk.publish(&letter_to("citizen", JAN, json!({"replyAuthorized": true}))).await;
    let reply = async |to: &str, bearer: &str| {
        let mut message = letter_to("enterprise", SENDER, json!({"originalMessageId": to}));
        message.as_object_mut().unwrap().retain(|name, _| !name.starts_with("sender"));
        let request = desk.face.ask_as(bearer, Method::POST, "/messageRegistry/v2/publishMessage");
        request.multipart(form(&message)).send().await.unwrap()
    };
    let answer = reply(&open, OTHERS).await;
    assert_eq!(answer.status(), 201);
    let id = answer.json::<Value>().await.unwrap()["messageId"].as_str().unwrap().to_owned();
    desk.operate("boxes", &json!({"ebox_id": {"eboxType": "enterprise", "eboxIdValue": SENDER}, "active": true})).await;
    let found = desk.read(&desk.token("official", "enterprise", SENDER), &format!("/ebox/messages/{id}")).await;
    assert_eq!(found["originalMessageId"], open);
    // What is in another's mailbox is refused like what is not there.
    for no in [closed.as_str(), &others, "0193b1c2-5b1e-7c3a-8f00-000000000001"] {
        assert_eq!(refusal(reply(no, OTHERS).await).await, (400, "INVALID_REPLY".to_owned()), "{no}");
    }
    assert_eq!(reply(&others, crate::api::KEY).await.status(), 201, "to its own");
}

#[actix_rt::test]
async fn contents_may_stay_with_a_provider_of_the_sender() {
    let desk = Desk::open().await;
    let mut message = letter();
    message["messageProviderId"] = "fps".into();
    message["attachments"] =
        json!([{"fileName": "a.pdf", "mediaType": "application/pdf", "size": 2, "mainContent": true}]);
    let only = |message: &Value| Form::new().part("messageToPublish", description(message));
    let answer = desk.try_publish(only(&message)).await;
    assert_eq!(answer.status(), 201);
    let id = answer.json::<Value>().await.unwrap()["messageId"].as_str().unwrap().to_owned();
    let file = desk.read(&desk.jan(), &format!("/ebox/messages/{id}/attachments/1")).await;
    assert_eq!((&file["size"], file.get("digest")), (&json!(2.0), None));
    let content = desk.as_holder(&desk.jan(), Method::GET, &format!("/ebox/messages/{id}/attachments/1/content"));
    assert_eq!(refusal(content.send().await.unwrap()).await, (503, "PROVIDER_AWAY".to_owned()));
    assert_eq!(
        desk.read(&desk.jan(), &format!("/ebox/messages/{id}")).await["readStatus"],
        false,
        "nobody has read it"
    );
    assert!(desk.contents().is_empty());
    message["messageProviderId"] = "other".into();
    assert_eq!(refusal(desk.try_publish(only(&message)).await).await, (400, "INVALID_SENDER".to_owned()));
}
