//! The federation: what senders may know of holders, consents, providers, and where it is described.
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::api::KEY;
use crate::desk::{Desk, FIRM, ION, JAN, OFFICIAL, PORTAL, refusal};
use crate::issuer::of;

fn token(desk: &Desk, client: &str, kind: &str, number: &str) -> String {
    let mut says = of(client, kind, number);
    says["scope"] = "ebox:preferences ebox:consult".into();
    desk.issuer.token(&says)
}

async fn ask(desk: &Desk, bearer: &str, method: Method, path: &str, body: &Value) -> Response {
    let kind = if method == Method::PATCH { "application/merge-patch+json" } else { "application/json" };
    let request = desk.face.ask_as(bearer, method, &format!("/federation/v1/{path}"));
    request.header("content-type", kind).body(body.to_string()).send().await.unwrap()
}

#[actix_rt::test]
async fn a_sender_learns_who_wants_no_paper_and_the_holder_all() {
    let desk = Desk::open().await;
    desk.publish(&crate::desk::letter()).await;
    let jan = token(&desk, OFFICIAL, "citizen", JAN);
    let id = json!({"eboxType": "CITIZEN", "eboxIdValue": JAN});
    let wants = json!({"eboxId": id, "exclusivelyEbox": true});
    let changed: Value = ask(&desk, &jan, Method::PATCH, "eboxPreferences", &wants).await.json().await.unwrap();
    assert_eq!(
        (&changed["eboxId"], &changed["exclusivelyEbox"], &changed["totalNumberOfMessages"]),
        (&id, &json!(true), &json!(1))
    );
    let search = json!({"eboxType": "CITIZEN", "eboxIdType": "NISS", "eboxIdValueList": [JAN, ION, "1"]});
    let found: Value = ask(&desk, KEY, Method::POST, "eboxPreferences/search", &search).await.json().await.unwrap();
    assert_eq!(found, json!([{"eboxId": id, "exclusivelyEbox": true}]), "no more than that");
    let own: Value = ask(&desk, &jan, Method::POST, "eboxPreferences/search", &search).await.json().await.unwrap();
    assert_eq!((own.as_array().unwrap().len(), &own[0]["totalNumberOfUnreadMessages"]), (1, &json!(1)));
    let none = json!({"eboxType": "CITIZEN", "eboxIdType": "NISS", "eboxIdValueList": [ION]});
    assert_eq!(
        refusal(ask(&desk, KEY, Method::POST, "eboxPreferences/search", &none).await).await,
        (404, "NOT_FOUND".to_owned())
    );
    let firm = json!({"eboxType": "ENTERPRISE", "eboxIdType": "EnterpriseNumber", "eboxIdValueList": [FIRM]});
    let found: Value = ask(&desk, KEY, Method::POST, "eboxPreferences/search", &firm).await.json().await.unwrap();
    assert_eq!(found[0]["exclusivelyEbox"], false);
    let wrong = json!({"eboxType": "ENTERPRISE", "eboxIdType": "NISS", "eboxIdValueList": []});
    assert_eq!(
        refusal(ask(&desk, KEY, Method::POST, "eboxPreferences/search", &wrong).await).await,
        (400, "INVALID_INPUT".to_owned())
    );

    // Another's, whether or not it exists; a token for reading only; a sender.
    for other in [FIRM, "0403019261"] {
        let wants = json!({"eboxId": {"eboxType": "ENTERPRISE", "eboxIdValue": other}, "exclusivelyEbox": true});
        assert_eq!(
            refusal(ask(&desk, &jan, Method::PATCH, "eboxPreferences", &wants).await).await,
            (401, "NOT_ALLOWED".to_owned())
        );
    }
    for bearer in [desk.jan(), crate::api::OTHERS.to_owned()] {
        let refused = refusal(ask(&desk, &bearer, Method::PATCH, "eboxPreferences", &wants).await).await;
        assert_eq!(refused, (401, "NOT_ALLOWED".to_owned()));
    }
    let reader = token(&desk, OFFICIAL, "citizen", ION);
    let wants = json!({"eboxId": {"eboxType": "CITIZEN", "eboxIdValue": ION}, "exclusivelyEbox": true});
    assert_eq!(
        refusal(ask(&desk, &reader, Method::PATCH, "eboxPreferences", &wants).await).await,
        (404, "NOT_ACTIVE".to_owned())
    );
}

#[actix_rt::test]
async fn a_holder_consents_and_a_portal_only_goes() {
    let desk = Desk::open().await;
    let (jan, portal) = (token(&desk, OFFICIAL, "citizen", JAN), token(&desk, PORTAL, "citizen", JAN));
    let change = |client: &str, consent: bool| json!({"eboxId": {"eboxType": "CITIZEN", "eboxIdValue": JAN}, "clientId": client, "consent": consent});
    let patch = async |bearer: &str, body: Value| ask(&desk, bearer, Method::PATCH, "eboxConsents", &body).await;
    assert_eq!(refusal(patch(&portal, change(PORTAL, true)).await).await, (401, "NO_CONSENT".to_owned()));
    let given: Value = patch(&jan, change(PORTAL, true)).await.json().await.unwrap();
    assert_eq!((&given["consents"][0]["clientId"], given["consents"][0].get("withdrawnDate")), (&json!(PORTAL), None));
    patch(&jan, change("other", true)).await;
    let read = || desk.as_holder(&portal, Method::GET, "/ebox").send();
    assert_eq!(read().await.unwrap().status(), 200);
    let own: Value = ask(&desk, &portal, Method::GET, "eboxConsents", &json!({})).await.json().await.unwrap();
    assert_eq!(own["consents"].as_array().unwrap().len(), 1, "a portal sees its own");
    for body in [change("other", false), change("third", true), change(PORTAL, true)] {
        assert_eq!(refusal(patch(&portal, body).await).await, (401, "NOT_ALLOWED".to_owned()));
    }
    let gone: Value = patch(&portal, change(PORTAL, false)).await.json().await.unwrap();
    assert!(gone["consents"][0]["withdrawnDate"].is_string());
    assert_eq!(refusal(read().await.unwrap()).await, (401, "NO_CONSENT".to_owned()));
    let all: Value = ask(&desk, &jan, Method::GET, "eboxConsents", &json!({})).await.json().await.unwrap();
    assert_eq!(all["consents"].as_array().unwrap().len(), 2);
}

#[actix_rt::test]
async fn providers_are_told_to_everybody_and_changed_by_nobody_here() {
    let desk = Desk::open().await;
    let get = async |path: &str| {
        desk.face.client.get(format!("{}/federation/v1/{path}", desk.face.base)).send().await.unwrap()
    };
    let all: Value = get("messageProviders").await.json().await.unwrap();
    assert_eq!(
        (&all[0]["messageProviderId"], &all[0]["messageProviderActivationDate"]),
        (&json!("fps"), &json!("2026-01-01"))
    );
    let one: Value = get("messageProviders/fps").await.json().await.unwrap();
    assert_eq!(one, all[0]);
    assert_eq!(refusal(get("messageProviders/x").await).await, (404, "NOT_FOUND".to_owned()));
    assert_eq!(
        refusal(ask(&desk, KEY, Method::PATCH, "messageProviders/fps", &one).await).await,
        (401, "NOT_ALLOWED".to_owned())
    );

    let links: Value = get("api").await.json().await.unwrap();
    let here = format!("{}/federation/v1/api", desk.face.base);
    assert_eq!(links["_links"]["self"]["href"], here);
    let options = desk.face.client.request(Method::OPTIONS, &here).send().await.unwrap();
    assert!(options.headers()["link"].to_str().unwrap().contains("rel=\"self\""));
    assert_eq!(options.json::<Value>().await.unwrap(), links);
    assert!(get("api/doc").await.text().await.unwrap().contains("/openapi.json"));
    let described: Value = get("api/doc/swagger.json").await.json().await.unwrap();
    assert!(described["paths"]["/federation/v1/messageProviders"]["get"].is_object());
    let schema: Value = get("api/doc/jsonSchemas/FederationPreferences").await.json().await.unwrap();
    assert!(schema["properties"]["exclusivelyEbox"].is_object());
    assert_eq!(refusal(get("api/doc/jsonSchemas/x").await).await, (404, "NOT_FOUND".to_owned()));
}
