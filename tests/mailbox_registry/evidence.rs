//! What is proven of registered mail is told to its holder and to its sender, and to nobody else.
use estafette::evidence::check;
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::api::{KEY, OTHERS};
use crate::desk::{Desk, FIRM, ION, JAN, OFFICIAL, SENDER, letter_to, refusal};

/// The bundle of an answer, after a check with the provider's keys, and how many records are in it.
async fn checked(desk: &Desk, answer: Response) -> (Value, usize) {
    assert_eq!((answer.status().as_u16(), &answer.headers()["cache-control"]), (200, &"no-store".parse().unwrap()));
    assert!(answer.headers()["content-disposition"].to_str().unwrap().starts_with("attachment; "));
    let bytes = answer.bytes().await.unwrap();
    let report = check(&bytes, Some(desk.key.keys()));
    assert!(report.is_right(), "{:?}", report.broken);
    let bundle: Value = serde_json::from_slice(&bytes).unwrap();
    let records = bundle["records"].as_array().unwrap().len();
    (bundle, records)
}

#[actix_rt::test]
async fn what_is_proven_is_told_to_holder_and_sender() {
    let desk = Desk::open().await;
    let id = desk.publish(&letter_to("citizen", JAN, json!({"registeredMail": true}))).await;
    let plain = desk.publish(&letter_to("citizen", JAN, json!({}))).await;
    let held = |token: &str, id: &str| {
        let path = format!("/messageRegistry/v3/ebox/messages/{id}/evidence");
        desk.face.ask_as(token, Method::GET, &path).send()
    };
    let search = |bearer: &str, of: &str, id: &str, number: &str| {
        let path = format!("/messageRegistry/v3/ebox/{of}/searchEvidence");
        let body = json!({"messageId": id, "recipient": {"eboxType": "citizen", "ssin": number}});
        desk.face.ask_as(bearer, Method::POST, &path).json(&body).send()
    };
    let jan = desk.jan();
    let (first, before) = checked(&desk, held(&jan, &id).await.unwrap()).await;
    assert_eq!((&first["document"]["id"], &first["document"]["sender"]), (&json!(id), &json!(SENDER)));
    assert!(before >= 2 && !first.to_string().contains(JAN), "{first}");
    let (same, _) = checked(&desk, search(KEY, SENDER, &id, JAN).await.unwrap()).await;
    assert_eq!(same, first);

    // That it is read is proven too, and what was proven before stays.
    let content = desk.as_holder(&jan, Method::GET, &format!("/ebox/messages/{id}/attachments/1/content"));
    assert_eq!(content.send().await.unwrap().status(), 200);
    let (second, after) = checked(&desk, search(KEY, SENDER, &id, JAN).await.unwrap()).await;
    let records = |bundle: &Value| bundle["records"].as_array().unwrap().clone();
    assert_eq!((after, &records(&second)[..before]), (before + 1, &records(&first)[..]));

    let nowhere = "0193b1c2-5b1e-7c3a-8f00-000000000001";
    let firm = desk.token(OFFICIAL, "enterprise", FIRM);
    let refused = [
        ("no registered mail", held(&jan, &plain).await),
        ("nothing", held(&jan, nowhere).await),
        ("another's mailbox", held(&firm, &id).await),
        ("no registered mail, for its sender", search(KEY, SENDER, &plain, JAN).await),
        ("nothing, for a sender", search(KEY, SENDER, nowhere, JAN).await),
        ("somebody who has it not", search(KEY, SENDER, &id, ION).await),
        ("another sender", search(OTHERS, FIRM, &id, JAN).await),
        ("in another's name", search(OTHERS, SENDER, &id, JAN).await),
    ];
    for (what, answer) in refused {
        assert_eq!(refusal(answer.unwrap()).await, (404, "NOT_FOUND".to_owned()), "{what}");
    }
}
