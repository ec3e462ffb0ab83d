//! The operator's face: reference data, pictures, mailboxes.
use reqwest::Method;
use serde_json::{Value, json};

use crate::api::{OTHERS, problem};
use crate::desk::{Desk, JAN, PORTAL, names, refusal};

#[actix_rt::test]
async fn only_an_operator_defines_and_each_mistake_is_named() {
    let desk = Desk::open().await;
    let put = async |bearer: &str, path: &str, body: Value| {
        desk.face.ask_as(bearer, Method::PUT, &format!("/v1/mailbox/{path}")).json(&body).send().await.unwrap()
    };
    let good = json!({"names": names(), "validity": {"number": 90, "unit": "day"}});
    for path in ["types/new", "applications/new", "organizations/0206731645", "boxes"] {
        assert_eq!(problem(put(OTHERS, path, good.clone()).await).await, (403, "operator-only".to_owned()), "{path}");
        assert_eq!(
            problem(put(crate::api::KEY, path, json!({"x": 1})).await).await,
            (422, "invalid-request".to_owned()),
            "{path}"
        );
    }
    for path in ["types/a%20b", "applications/%C3%A9", "organizations/1"] {
        assert_eq!(
            problem(put(crate::api::KEY, path, good.clone()).await).await,
            (404, "not-found".to_owned()),
            "{path}"
        );
    }
    let defined = desk.operate("types/new", &good).await;
    assert_eq!((&defined["validity"], &defined["audience"]), (&json!({"number": 90, "unit": "day"}), &Value::Null));
    let found = desk.read(&desk.jan(), "/referenceData/messageTypes/new").await;
    assert_eq!(found["messageTypeName"], names());
}

#[actix_rt::test]
async fn a_picture_is_what_it_says_and_stays_when_its_owner_is_defined_again() {
    let desk = Desk::open().await;
    let put = async |path: &str, kind: &str, bytes: &[u8]| {
        let request =
            desk.face.ask(Method::PUT, &format!("/v1/mailbox/{path}")).header("content-type", kind.to_owned());
        request.body(bytes.to_vec()).send().await.unwrap()
    };
    let png = b"\x89PNG\r\n\x1a\nxyz";
    let organization = "organizations/0403019261/images/logo";
    assert_eq!(put(organization, "image/png", png).await.status(), 200);
    assert_eq!(
        problem(put(organization, "image/png", b"GIF89a").await).await,
        (415, "unsupported-media-type".to_owned())
    );
    assert_eq!(
        problem(put(organization, "image/svg+xml", b"<svg/>").await).await,
        (415, "unsupported-media-type".to_owned())
    );
    assert_eq!(
        problem(put("organizations/0206731645/images/logo", "image/png", png).await).await,
        (404, "not-found".to_owned())
    );
    assert_eq!(problem(put(organization, "image/png", &vec![0; 300_000]).await).await, (413, "too-large".to_owned()));
    desk.operate("organizations/0403019261", &json!({"names": names()})).await;
    let found = desk.read(&desk.jan(), "/referenceData/senderOrganizations/0403019261").await;
    let href = found["organizationLogos"][0]["contentHref"].as_str().unwrap();
    let image =
        desk.face.client.get(href).bearer_auth(crate::api::KEY).header("accept", "image/*").send().await.unwrap();
    assert_eq!(image.headers()["content-type"], "image/png");
    assert_eq!(image.bytes().await.unwrap().to_vec(), png);
}

#[actix_rt::test]
async fn a_mailbox_is_set_in_part_and_what_is_left_out_stays() {
    let desk = Desk::open().await;
    let id = json!({"eboxType": "citizen", "eboxIdValue": JAN});
    let set = desk.operate("boxes", &json!({
        "ebox_id": id, "preferences": {"language": "nl", "email": "jan@example.be", "notice": "email", "exclusively_digital": true},
        "consents": [{"portal": PORTAL, "stands": true}],
    })).await;
    assert_eq!((&set["ebox_id"], set["active_since"].is_string()), (&id, true));
    let off = desk.operate("boxes", &json!({"ebox_id": id, "active": false})).await;
    assert_eq!((&off["active_since"], &off["preferences"]["email"]), (&Value::Null, &json!("jan@example.be")));
    let answer = desk.as_holder(&desk.jan(), Method::GET, "/ebox").send().await.unwrap();
    assert_eq!(refusal(answer).await, (404, "NOT_ACTIVE".to_owned()));
    let on = desk.operate("boxes", &json!({"ebox_id": id, "active": true})).await;
    assert_eq!((&on["preferences"], &on["consents"]), (&set["preferences"], &set["consents"]));
}

#[actix_rt::test]
async fn a_notice_that_came_back_is_taken_of_the_operator_as_a_mail() {
    let desk = Desk::open().await;
    let take = async |bearer: &str, kind: &str, mail: Vec<u8>| {
        let request = desk.face.ask_as(bearer, Method::POST, "/v1/mailbox/bounces");
        request.header("content-type", kind.to_owned()).body(mail).send().await.unwrap()
    };
    let key = crate::api::KEY;
    for (mail, outcome) in
        [("To: bounces+0@mail.example.be\r\n\r\n", "turned_off"), ("To: a@b\r\n\r\n", "not_ours"), ("", "not_ours")]
    {
        let answer = take(key, "message/rfc822", mail.into()).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.json::<Value>().await.unwrap(), json!({"outcome": outcome}));
    }
    assert_eq!(problem(take(OTHERS, "message/rfc822", vec![]).await).await, (403, "operator-only".to_owned()));
    assert_eq!(problem(take(key, "text/plain", vec![]).await).await, (415, "unsupported-media-type".to_owned()));
    assert_eq!(problem(take(key, "message/rfc822", vec![b'a'; 2 << 20]).await).await, (413, "too-large".to_owned()));
}
