//! The feeds: numbered without a gap, and to each only what is theirs to know.
use reqwest::Method;
use serde_json::{Value, json};

use crate::api::{KEY, OTHERS};
use crate::desk::{Desk, FIRM, ION, JAN, OFFICIAL, PORTAL, letter, letter_to, refusal};

async fn page(desk: &Desk, bearer: &str, of: &str, query: &str) -> (Vec<Value>, Value) {
    let path = format!("/events-api/v1/ebox/{of}/document/events?{query}");
    let answer = desk.face.ask_as(bearer, Method::GET, &path).send().await.unwrap();
    let (status, body) = (answer.status(), answer.json::<Value>().await.unwrap());
    assert_eq!(status, 200, "{body}");
    let name = if of == "enterprise" { "EboxEnterpriseDocumentEvents" } else { "EboxCitizenDocumentEvents" };
    (body[name].as_array().unwrap().clone(), body["pageInfo"].clone())
}

#[actix_rt::test]
async fn each_sees_events_of_what_is_theirs() {
    let desk = Desk::with(|settings| {
        settings.clients.push(estafette::api::registry::Client {
            id: estafette_actors::domain::mailbox::ClientId::parse("hub").unwrap(),
            institution: None,
            is_portal: false,
            follows_events: true,
        });
    })
    .await;
    let id = desk.publish(&letter_to("enterprise", FIRM, json!({}))).await;
    desk.publish(&letter_to("enterprise", FIRM, json!({"messageTypeId": "tax"}))).await;
    desk.publish(&letter()).await;
    let firm = desk.token("firm", "enterprise", FIRM);
    let request = desk.as_holder(&firm, Method::GET, &format!("/ebox/messages/{id}/attachments/1/content"));
    request.send().await.unwrap().bytes().await.unwrap();
    let all = "lastSequenceNbr=0&pageSize=100";

    let (events, info) = page(&desk, &firm, "enterprise", all).await;
    let kinds: Vec<_> = events.iter().map(|one| one["eventData"]["eventType"].as_str().unwrap()).collect();
    assert_eq!(
        (kinds, &info),
        (vec!["newDocument", "newDocument", "readDocument"], &json!({"lastSequenceNbr": 3, "hasNext": false}))
    );
    let first = &events[0];
    assert_eq!((&first["eventSequenceNbr"], &first["eventProviderId"]), (&json!(1), &json!("estafette")));
    let data = &first["eventData"];
    assert_eq!(
        (&data["enterpriseId"], &data["messageId"], &data["subject"]),
        (&json!(FIRM), &json!(id), &letter()["subject"])
    );
    let hub = desk.issuer.token(&json!({"client_id": "hub", "scope": "ebox:consult"}));
    for bearer in [hub.as_str(), KEY] {
        assert_eq!(page(&desk, bearer, "enterprise", all).await.0.len(), 3);
        assert_eq!(page(&desk, bearer, "citizen", all).await.0[0]["eventData"]["citizenId"], JAN);
    }
    // Another sender's, another holder's, and who has no consent: the numbers go on, and nothing is told.
    let portal = desk.issuer.token(&json!({"client_id": PORTAL, "scope": "ebox:consult"}));
    for bearer in [OTHERS, portal.as_str()] {
        assert_eq!(
            page(&desk, bearer, "enterprise", all).await,
            (vec![], json!({"lastSequenceNbr": 3, "hasNext": false}))
        );
    }
    let consents = json!([{"portal": PORTAL, "stands": true}]);
    desk.operate("boxes", &json!({"ebox_id": {"eboxType": "enterprise", "eboxIdValue": FIRM}, "consents": consents}))
        .await;
    assert_eq!(page(&desk, &portal, "enterprise", all).await.0.len(), 2, "without the type that needs a right");
    let other = desk.face.ask_as(&firm, Method::GET, &format!("/events-api/v1/ebox/citizen/document/events?{all}"));
    assert_eq!(refusal(other.send().await.unwrap()).await, (403, "FORBIDDEN".to_owned()));
}

#[actix_rt::test]
async fn pages_follow_each_other_and_are_narrowed_down() {
    let desk = Desk::open().await;
    for _ in 0..5 {
        desk.publish(&letter()).await;
    }
    let token = desk.jan();
    let mut last = 0;
    for (count, has_next) in [(2, true), (2, true), (1, false), (0, false)] {
        let (events, info) = page(&desk, &token, "citizen", &format!("lastSequenceNbr={last}&pageSize=2")).await;
        assert_eq!((events.len(), &info["hasNext"]), (count, &json!(has_next)));
        for event in &events {
            last += 1;
            assert_eq!(event["eventSequenceNbr"], last);
        }
        assert_eq!(info["lastSequenceNbr"], last);
    }
    let narrowed = async |query: &str| {
        page(&desk, &token, "citizen", &format!("lastSequenceNbr=0&pageSize=9&{query}")).await.0.len()
    };
    assert_eq!(narrowed("filter=readDocument").await, 0);
    assert_eq!(narrowed("filter=readDocument,newDocument").await, 5);
    assert_eq!(narrowed("startTime=2020-01-01T00:00:00Z").await, 5);
    assert_eq!(narrowed("startTime=2199-01-01T00:00:00Z").await, 0);
    assert_eq!(narrowed(&format!("clientId={OFFICIAL}")).await, 5);
    let path = "/events-api/v1/ebox/enterprise/document/events";
    for (query, expected) in [
        ("", (400, "INVALID_INPUT")),
        ("?lastSequenceNbr=0", (400, "INVALID_INPUT")),
        ("?lastSequenceNbr=0&pageSize=1001", (400, "INVALID_INPUT")),
        ("?lastSequenceNbr=0&pageSize=1&clientId=other", (403, "FORBIDDEN")),
    ] {
        let answer = desk.face.ask(Method::GET, &format!("{path}{query}")).send().await.unwrap();
        let refused = refusal(answer).await;
        assert_eq!((refused.0, refused.1.as_str()), expected, "{query}");
    }
    let nobody =
        desk.face.ask_as("x", Method::GET, &format!("{path}?lastSequenceNbr=0&pageSize=1")).send().await.unwrap();
    assert_eq!(refusal(nobody).await, (403, "FORBIDDEN".to_owned()));
    let told = desk.face.ask(Method::POST, path).json(&json!([])).send().await.unwrap();
    assert_eq!(refusal(told).await, (403, "FORBIDDEN".to_owned()));
    assert_eq!(desk.try_publish(crate::desk::form(&letter_to("citizen", ION, json!({})))).await.status(), 201);
    assert_eq!(page(&desk, &token, "citizen", "lastSequenceNbr=5&pageSize=9").await.0.len(), 0, "another's");
}
