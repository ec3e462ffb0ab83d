//! Who reads what: portals with consents, enterprises' users with rights, and tokens that are not good.
use std::num::NonZeroU32;

use estafette::api::Requests;
use estafette_actors::domain::submission::Institution;
use futures_util::future::join_all;
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::api::KEY;
use crate::desk::{Desk, FIRM, ION, JAN, OFFICIAL, PORTAL, SENDER, letter, letter_to, refusal};
use crate::issuer::of;

async fn consent(desk: &Desk, kind: &str, number: &str, stands: bool) {
    let consents = json!([{"portal": PORTAL, "stands": stands}]);
    desk.operate("boxes", &json!({"ebox_id": {"eboxType": kind, "eboxIdValue": number}, "consents": consents})).await;
}

#[actix_rt::test]
async fn a_portal_reads_as_long_as_the_holder_consents() {
    let desk = Desk::open().await;
    let id = desk.publish(&letter()).await;
    let token = desk.token(PORTAL, "citizen", JAN);
    let message = format!("/ebox/messages/{id}");
    let get = async |path: &str| desk.as_holder(&token, Method::GET, path).send().await.unwrap();
    assert_eq!(refusal(get(&message).await).await, (401, "NO_CONSENT".to_owned()));
    consent(&desk, "citizen", JAN, true).await;
    assert_eq!(get(&message).await.status(), StatusCode::OK);
    // Withdrawn between two reads of one content.
    let content = format!("{message}/attachments/1/content");
    let first = desk.as_holder(&token, Method::GET, &content).header("range", "bytes=0-3").send().await.unwrap();
    assert_eq!(first.status(), StatusCode::PARTIAL_CONTENT);
    consent(&desk, "citizen", JAN, false).await;
    let second = desk.as_holder(&token, Method::GET, &content).header("range", "bytes=4-").send().await.unwrap();
    assert_eq!(refusal(second).await, (401, "NO_CONSENT".to_owned()));
    for path in ["/ebox", "/ebox/messages", &message, &format!("{message}/body"), &format!("{message}/attachments")] {
        assert_eq!(refusal(get(path).await).await, (401, "NO_CONSENT".to_owned()), "{path}");
    }
    assert_eq!(desk.read(&desk.jan(), &message).await["readStatus"], true, "the holder still reads");
}

#[actix_rt::test]
async fn a_portal_without_consent_does_not_hear_whether_a_mailbox_is_active() {
    let desk = Desk::open().await;
    let answer = async |client: &str, number: &str| {
        let token = desk.token(client, "citizen", number);
        let answer = desk.as_holder(&token, Method::GET, "/ebox").send().await.unwrap();
        let status = answer.status().as_u16();
        let body: Value = answer.json().await.unwrap();
        (status, body["code"].clone(), body["message"].clone())
    };
    assert_eq!(answer(PORTAL, JAN).await, answer(PORTAL, ION).await);
    let own = answer(OFFICIAL, ION).await;
    assert_eq!((own.0, own.1), (404, json!("NOT_ACTIVE")));
}

#[actix_rt::test]
async fn a_user_of_an_enterprise_sees_what_their_rights_let_them_see() {
    let desk = Desk::open().await;
    let tax = desk.publish(&letter_to("enterprise", FIRM, json!({"messageTypeId": "tax"}))).await;
    let plain = desk.publish(&letter_to("enterprise", FIRM, json!({}))).await;
    let with = |client: &str, rights: Value| {
        let mut says = of(client, "enterprise", FIRM);
        says["ebox_rights"] = rights;
        desk.issuer.token(&says)
    };
    consent(&desk, "enterprise", FIRM, true).await;
    let software = desk.token(OFFICIAL, "enterprise", FIRM);
    // A portal stands for a user of whom it says nothing.
    let without = desk.token(PORTAL, "enterprise", FIRM);
    for (token, count) in [
        (&software, 2),
        (&with(OFFICIAL, json!(["tax"])), 2),
        (&with(OFFICIAL, json!(["other"])), 1),
        (&with(OFFICIAL, json!([])), 1),
        (&with(PORTAL, json!(["tax"])), 2),
        (&without, 1),
    ] {
        assert_eq!(desk.read(token, "/ebox/messages").await["totalItems"], count);
        assert_eq!(desk.read(token, "/ebox").await["numberOfMessages"], count);
    }
    let hidden = |path: String| desk.as_holder(&without, Method::GET, &path).send();
    for rest in ["", "/attachments/1/content", "/body"] {
        let answer = hidden(format!("/ebox/messages/{tax}{rest}")).await.unwrap();
        assert_eq!(refusal(answer).await, (404, "NOT_FOUND".to_owned()), "{rest}");
    }
    let patch = desk.as_holder(&without, Method::PATCH, "/ebox/messages");
    let items = json!({"items": [{"messageId": plain, "visible": false}, {"messageId": tax, "visible": false}]});
    let patch =
        patch.header("content-type", "application/merge-patch+json").body(items.to_string()).send().await.unwrap();
    assert_eq!(refusal(patch).await, (404, "NOT_FOUND".to_owned()));
    assert_eq!(desk.read(&software, "/ebox/messages?visible=false").await["totalItems"], 0);
}

#[actix_rt::test]
async fn a_token_that_is_not_good_opens_nothing() {
    let desk = Desk::open().await;
    desk.publish(&letter()).await;
    let now = jiff::Timestamp::now().as_second();
    let change = |name: &str, value: Value| {
        let mut says = of(OFFICIAL, "citizen", JAN);
        says[name] = value;
        desk.issuer.token(&says)
    };
    for (what, token, code) in [
        ("expired", change("exp", json!(now - 60)), "UNAUTHORIZED"),
        ("not begun", change("nbf", json!(now + 60)), "UNAUTHORIZED"),
        ("for somebody else", change("aud", json!("https://other.example.be")), "UNAUTHORIZED"),
        ("of another issuer", change("iss", json!("https://other.example.be")), "UNAUTHORIZED"),
        ("for nobody", change("ebox_id", json!({"eboxType": "citizen", "eboxIdValue": "1"})), "UNAUTHORIZED"),
        ("without a mailbox", change("ebox_id", Value::Null), "NOT_ALLOWED"),
        ("without the scope", change("scope", json!("ebox:publish ebox:preferences")), "NOT_ALLOWED"),
        ("without any scope", change("scope", json!("")), "NOT_ALLOWED"),
        ("signed by nobody", format!("{}x", desk.jan()), "UNAUTHORIZED"),
        ("a sender's key", KEY.to_owned(), "NOT_ALLOWED"),
        ("nothing", String::new(), "UNAUTHORIZED"),
    ] {
        for path in ["/ebox", "/ebox/messages"] {
            let answer = desk.as_holder(&token, Method::GET, path).send().await.unwrap();
            let challenge = answer.headers()["www-authenticate"].to_str().unwrap().to_owned();
            assert!(challenge.starts_with("Bearer realm="), "{what}: {challenge}");
            assert_eq!(refusal(answer).await, (401, code.to_owned()), "{what}");
        }
    }
    let basic = desk.face.client.get(format!("{}/messageRegistry/v2/ebox", desk.face.base)).basic_auth("a", Some(KEY));
    assert_eq!(refusal(basic.send().await.unwrap()).await, (401, "UNAUTHORIZED".to_owned()));
}

#[actix_rt::test]
async fn a_client_publishes_for_its_institution_and_for_no_other() {
    let desk = Desk::open().await;
    let token = |client: &str, scope: &str| desk.issuer.token(&json!({"client_id": client, "scope": scope}));
    let send = async |token: &str, message: &Value| {
        let request = desk.face.ask_as(token, Method::POST, "/messageRegistry/v2/publishMessage");
        request.multipart(crate::desk::form(message)).send().await.unwrap()
    };
    assert_eq!(send(&token("sender", "ebox:publish"), &letter()).await.status(), StatusCode::CREATED);
    let refused = send(&token("firm", "ebox:publish"), &letter()).await;
    assert_eq!(refusal(refused).await, (400, "INVALID_SENDER".to_owned()));
    for (client, scope) in [("sender", "ebox:consult"), (OFFICIAL, "ebox:publish"), ("unknown", "ebox:publish")] {
        let refused = send(&token(client, scope), &letter()).await;
        assert_eq!(refusal(refused).await, (401, "NOT_ALLOWED".to_owned()), "{client} {scope}");
    }
    let id = desk.publish(&letter()).await;
    let asked = json!([{"messageId": id, "eboxId": {"eboxType": "citizen", "eboxIdValue": JAN}}]);
    let others =
        desk.face.ask_as(&token("firm", "ebox:publish"), Method::POST, "/messageRegistry/v2/searchMessageStatus");
    assert_eq!(refusal(others.json(&asked).send().await.unwrap()).await, (404, "NOT_FOUND".to_owned()));
    assert_eq!(desk.contents().len(), 2, "for {SENDER}");
}

#[actix_rt::test]
async fn who_looked_is_in_the_trail_and_no_number_is() {
    use estafette_actors::ports::mailbox::{Deed, Mailboxes as _};
    let desk = Desk::open().await;
    let id = desk.publish(&letter()).await;
    desk.read(&desk.jan(), "/ebox/messages").await;
    let request = desk.as_holder(&desk.jan(), Method::GET, &format!("/ebox/messages/{id}/attachments/1/content"));
    request.header("X-Correlation-Id", "ticket-7").send().await.unwrap();
    // Written a moment later.
    for _ in 0..200 {
        let lines = desk.mailboxes.audit(None, None, 0, 100).await.unwrap();
        let of = |deed: Deed| lines.iter().find(|line| line.deed == deed);
        if let (Some(publish), Some(list), Some(read)) = (of(Deed::Publish), of(Deed::List), of(Deed::Read)) {
            assert_eq!((&*publish.who, publish.key.as_deref()), (SENDER, Some("k")));
            assert_eq!((&*list.who, read.ticket.as_deref()), (OFFICIAL, Some("ticket-7")));
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("it is not in the trail");
}

#[actix_rt::test]
async fn a_client_of_no_institution_has_the_limit_of_all_and_is_told_of_it() {
    // One in a second, and three at once; the institution has enough.
    let (one, three, enough) = (NonZeroU32::new(1), NonZeroU32::new(3), NonZeroU32::new(1_000_000).unwrap());
    let sender = Institution(SENDER.parse().unwrap());
    let requests = Requests { per_second: one, burst: three, of: vec![(sender, enough)] };
    let desk = Desk::limited(TempDir::new().unwrap(), |_| (), requests);
    let ask = async |client: &str| {
        let token = desk.token(client, "citizen", JAN);
        desk.as_holder(&token, Method::GET, "/ebox").send().await.unwrap()
    };
    let policy = |answer: &Response| answer.headers()["ratelimit-policy"].to_str().unwrap().to_owned();
    let first = ask(OFFICIAL).await;
    assert_eq!(policy(&first), "\"client\";q=3;w=3");
    assert!(first.headers()["ratelimit"].to_str().unwrap().starts_with("\"client\";r="));
    // Far more at once than time lets through.
    let at_once = async |client: &str| {
        let told = join_all((0..30).map(|_| ask(client))).await;
        let mut refused = told.into_iter().filter(|answer| answer.status() == StatusCode::TOO_MANY_REQUESTS);
        let one = refused.next().expect("one too many");
        assert!(one.headers()["retry-after"].to_str().unwrap().parse::<u64>().unwrap() >= 1);
        let policy = policy(&one);
        assert_eq!(refusal(one).await, (429, "RATE_LIMITED".to_owned()));
        policy
    };
    assert_eq!(at_once(OFFICIAL).await, "\"client\";q=3;w=3");
    // Those that are not set up share one.
    ask(PORTAL).await;
    assert_eq!(at_once("another").await, "\"other-clients\";q=3;w=3");
    assert_eq!(policy(&ask(PORTAL).await), "\"other-clients\";q=3;w=3");
    // One of an institution has the institution's.
    assert!(policy(&ask("sender").await).starts_with("\"institution\";q=1000000"));
}
