//! One message in many mailboxes, and what became of it there.
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::api::OTHERS;
use crate::desk::{Desk, FIRM, ION, JAN, letter, letter_to, refusal};

async fn post(desk: &Desk, path: &str, body: &Value) -> Response {
    desk.send(Method::POST, &format!("v2/{path}")).json(body).send().await.unwrap()
}

fn box_of(kind: &str, number: &str) -> Value {
    json!({"eboxType": kind, "eboxIdValue": number})
}

#[actix_rt::test]
async fn a_message_is_linked_to_more_mailboxes_and_kept_once() {
    let desk = Desk::open().await;
    let id = desk.publish(&letter()).await;
    let body = json!({"messageId": id, "recipients": [
        box_of("citizen", ION), box_of("citizen", JAN), box_of("citizen", ION), box_of("enterprise", "1"), box_of("enterprise", FIRM),
    ]});
    let answer = post(&desk, "linkEboxMessage", &body).await;
    assert_eq!(answer.status(), 201);
    let linked: Value = answer.json().await.unwrap();
    assert_eq!((&linked["messageId"], &linked["nbSuccessLinks"]), (&json!(id), &json!(3)));
    assert_eq!(linked["errorCases"], json!([box_of("enterprise", "1")]));
    let again: Value = post(&desk, "linkEboxMessage", &body).await.json().await.unwrap();
    assert_eq!(again, linked, "nothing twice");
    let firm = desk.token("firm", "enterprise", FIRM);
    assert_eq!(desk.read(&firm, "/ebox/messages").await["totalItems"], 1);
    assert_eq!(desk.contents().len(), 1);
    assert_eq!(desk.read(&firm, &format!("/ebox/messages/{id}")).await["expirationDate"], linked["expirationDate"]);

    let others =
        desk.face.ask_as(OTHERS, Method::POST, "/messageRegistry/v2/linkEboxMessage").json(&body).send().await.unwrap();
    assert_eq!(refusal(others).await, (404, "NOT_FOUND".to_owned()));
    let unknown = json!({"messageId": "x", "recipients": [box_of("citizen", ION)]});
    assert_eq!(refusal(post(&desk, "linkEboxMessage", &unknown).await).await, (404, "NOT_FOUND".to_owned()));
    let none = json!({"messageId": id, "recipients": []});
    assert_eq!(refusal(post(&desk, "linkEboxMessage", &none).await).await, (400, "INVALID_INPUT".to_owned()));
}

#[actix_rt::test]
async fn those_for_whom_a_type_is_not_are_error_cases() {
    let desk = Desk::open().await;
    let id = desk.publish(&letter_to("enterprise", FIRM, json!({"messageTypeId": "plain"}))).await;
    let body = json!({"messageId": id, "recipients": [box_of("citizen", JAN), box_of("enterprise", "0403019261")]});
    let linked: Value = post(&desk, "linkEboxMessage", &body).await.json().await.unwrap();
    assert_eq!((&linked["nbSuccessLinks"], &linked["errorCases"]), (&json!(1), &json!([box_of("citizen", JAN)])));
    let only = json!({"messageId": id, "recipients": [box_of("citizen", JAN)]});
    let linked: Value = post(&desk, "linkEboxMessage", &only).await.json().await.unwrap();
    assert_eq!(linked["nbSuccessLinks"], 0);
    assert_eq!(desk.read(&desk.jan(), "/ebox").await["numberOfMessages"], 0);
}

#[actix_rt::test]
async fn statuses_are_told_of_what_is_there_and_of_nothing_else() {
    let desk = Desk::open().await;
    let id = desk.publish(&letter()).await;
    let pair = |id: &str, number: &str| json!({"messageId": id, "eboxId": box_of("citizen", number)});
    let unknown = "0193b1c2-5b1e-7c3a-8f00-000000000001";
    let answer = post(
        &desk,
        "searchMessageStatus",
        &json!([pair(&id, JAN), pair(&id, ION), pair(unknown, JAN), pair("x", JAN)]),
    )
    .await;
    assert_eq!(answer.status(), 201);
    let found: Value = answer.json().await.unwrap();
    assert_eq!(found.as_array().unwrap().len(), 1);
    assert_eq!((&found[0]["eboxId"], &found[0]["visible"]), (&box_of("citizen", JAN), &json!(true)));
    for (body, expected) in [
        (json!([pair(&id, ION)]), (404, "NOT_FOUND")),
        (json!([pair("x", JAN)]), (404, "NOT_FOUND")),
        (json!([]), (400, "INVALID_INPUT")),
        (json!({}), (400, "INVALID_INPUT")),
        (json!([{"messageId": id, "eboxId": box_of("citizen", "1")}]), (400, "INVALID_INPUT")),
    ] {
        let refused = refusal(post(&desk, "searchMessageStatus", &body).await).await;
        assert_eq!((refused.0, refused.1.as_str()), expected, "{body}");
    }
}
