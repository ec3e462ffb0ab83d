//! Sandbox and live, kept apart: whose key reaches whom, and what the channels were given.
use estafette_loadtest::sandbox::Behaviour;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::place::{Place, channels, ledger, problem, simulators};
use super::receiver::{Reaction, Receiver};

fn to(mobile: &str) -> Value {
    json!({"recipient": {"mobile": mobile}, "strategy": "sms-only", "content": {"text": {"fr": "Bonjour"}}})
}

async fn count(simulators: &estafette_loadtest::Simulators) -> usize {
    let ledger: Value = serde_json::from_str(&ledger(simulators, "sms").await).unwrap();
    ledger["entries"].as_array().map_or(0, Vec::len)
}

#[actix_rt::test]
async fn a_test_key_reaches_the_simulated_channel_only_and_a_live_key_the_live_one_only() {
    let (live, simulated) = (simulators(|_| {}).await, simulators(|_| {}).await);
    let tables = channels("channels", &live) + &channels("sandbox.channels", &simulated);
    let place = Place::start(&tables).await;
    let (reserved, citizen) = (Behaviour::Deliver.mobile(3), "+32470123456");

    assert_eq!(problem(place.submit(&place.test, &to(citizen)).await).await, (422, "invalid-request".to_owned()));
    assert_eq!(problem(place.submit(&place.live, &to(&reserved)).await).await, (422, "invalid-request".to_owned()));
    let both = json!({"recipient": {"mobile": reserved, "niss": "85073003328"}, "strategy": "sms-only",
        "content": {"text": {"fr": "Bonjour"}}});
    for key in [&place.test, &place.live] {
        assert_eq!(problem(place.submit(key, &both).await).await.0, 422, "a mixture is nobody's");
    }
    assert_eq!((count(&live).await, count(&simulated).await), (0, 0));

    let rehearsed: Value = place.submit(&place.test, &to(&reserved)).await.json().await.unwrap();
    assert_eq!(rehearsed["attempts"][0]["status"], "sent", "{rehearsed}");
    assert_eq!((count(&live).await, count(&simulated).await), (0, 1));
    let sent: Value = place.submit(&place.live, &to(citizen)).await.json().await.unwrap();
    assert_eq!((count(&live).await, count(&simulated).await), (1, 1));

    // What a test key may see: what it sent to the sandbox, and nothing of citizens.
    let look = |message: &Value| format!("/v1/messages/{}", message["id"].as_str().unwrap());
    let seen = place.ask(&place.test, Method::GET, &look(&rehearsed)).send().await.unwrap();
    assert_eq!(seen.status(), StatusCode::OK);
    let unseen = place.ask(&place.test, Method::GET, &look(&sent)).send().await.unwrap();
    assert_eq!(problem(unseen).await, (404, "not-found".to_owned()));
    let listed: Value = place.ask(&place.test, Method::GET, "/v1/messages").send().await.unwrap().json().await.unwrap();
    assert_eq!(listed["messages"].as_array().unwrap().len(), 1);
    let broadcast = place.ask(&place.test, Method::POST, "/v1/broadcasts").json(&json!({})).send().await.unwrap();
    assert_eq!(problem(broadcast).await, (403, "test-key".to_owned()));
    place.running.stop().await;
}

#[actix_rt::test]
async fn without_simulated_channels_a_test_key_is_refused_and_a_reserved_row_is_a_bad_row() {
    let live = simulators(|_| {}).await;
    let place = Place::start(&channels("channels", &live)).await;
    let reserved = Behaviour::Deliver.mobile(3);
    assert_eq!(problem(place.submit(&place.test, &to(&reserved)).await).await, (403, "test-key".to_owned()));
    let broadcast = json!({"strategy": "sms-only", "content": {"text": {"fr": "Bonjour"}}});
    let created = place.ask(&place.live, Method::POST, "/v1/broadcasts").json(&broadcast).send().await.unwrap();
    let created: Value = created.json().await.unwrap();
    let path = format!("/v1/broadcasts/{}/recipients?on_error=keep", created["id"].as_str().unwrap());
    let rows = format!("mobile\n{reserved}\n+32470123456\n");
    let upload = place.ask(&place.live, Method::PUT, &path).header("content-type", "text/csv").body(rows);
    let tally: Value = upload.send().await.unwrap().json().await.unwrap();
    assert_eq!((&tally["accepted"], &tally["refused"]), (&json!(1), &json!(1)), "{tally}");
    assert_eq!((&tally["errors"][0]["line"], &tally["errors"][0]["column"]), (&json!(2), &json!("recipient")));
    place.running.stop().await;
}

#[actix_rt::test]
async fn a_citizen_whose_known_number_is_reserved_is_not_sent_to_a_live_channel() {
    let live = simulators(|_| {}).await;
    let place = Place::start(&format!("operator = true\n{}", channels("channels", &live))).await;
    let known = json!([{"niss": "85073003328", "mobile": Behaviour::Deliver.mobile(3)}]);
    let learned = place.ask(&place.live, Method::PUT, "/v1/recipients").json(&known).send().await.unwrap();
    assert_eq!(learned.status(), StatusCode::OK);
    let message = json!({"recipient": {"niss": "85073003328"}, "strategy": "sms-only",
        "content": {"text": {"fr": "Bonjour"}}});
    let refused: Value = place.submit(&place.live, &message).await.json().await.unwrap();
    assert_eq!((&refused["status"], &refused["reason"]), (&json!("failed"), &json!("rejected_by_channel")));
    assert_eq!(count(&live).await, 0);
    place.running.stop().await;
}

#[actix_rt::test]
async fn events_of_tests_are_told_to_test_keys_and_to_those_who_ask_and_to_nobody_else() {
    let (live, simulated) = (simulators(|_| {}).await, simulators(|_| {}).await);
    let tables = channels("channels", &live) + &channels("sandbox.channels", &simulated);
    let place = Place::start(&format!("[webhooks]\nallowed_networks = [\"127.0.0.1/32\"]\n{tables}")).await;
    let receivers = [false, true].map(|include_test| (include_test, Receiver::start(|_| Reaction::Status(200))));
    for (include_test, receiver) in &receivers {
        let webhook = json!({"url": receiver.url, "types": ["message.accepted"], "include_test": include_test});
        let path = format!("/v1/webhooks/tests-{include_test}");
        let made = place.ask(&place.live, Method::PUT, &path).json(&webhook).send().await.unwrap();
        assert_eq!(made.json::<Value>().await.unwrap()["include_test"], *include_test);
    }
    let rehearsed: Value = place.submit(&place.test, &to(&Behaviour::Deliver.mobile(3))).await.json().await.unwrap();
    let sent: Value = place.submit(&place.live, &to("+32470123456")).await.json().await.unwrap();
    let events = async |key: &str, query: &str| {
        let page = place.ask(key, Method::GET, &format!("/v1/events?{query}")).send().await.unwrap();
        assert_eq!(page.status(), StatusCode::OK, "{query}");
        page.json::<Value>().await.unwrap()["events"].as_array().unwrap().clone()
    };
    let about = |events: &[Value], message: &Value| {
        let of = events.iter().filter(|event| event["data"]["message"] == message["id"]);
        of.map(|event| event["data"].get("test").cloned()).collect::<Vec<_>>()
    };
    let seen = events(&place.test, "").await;
    assert!(!seen.is_empty() && about(&seen, &rehearsed) == vec![Some(json!(true)); seen.len()], "{seen:?}");
    assert!(events(&place.test, &format!("message={}", sent["id"].as_str().unwrap())).await.is_empty());
    let seen = events(&place.live, "").await;
    assert!(!seen.is_empty() && about(&seen, &sent) == vec![None; seen.len()], "{seen:?}");
    let all = events(&place.live, "include_test=true").await;
    assert!(!about(&all, &rehearsed).is_empty() && about(&all, &rehearsed).iter().all(Option::is_some));
    assert!(about(&all, &sent).len() + about(&all, &rehearsed).len() == all.len());
    let hook = place.ask(&place.test, Method::GET, "/v1/webhooks").send().await.unwrap();
    assert_eq!(problem(hook).await, (403, "test-key".to_owned()));
    for (include_test, receiver) in &receivers {
        let wanted = if *include_test { 2 } else { 1 };
        let told = async {
            // The live one is the later: what came of the test has come by then.
            while about(&receiver.events(), &sent).is_empty() || receiver.events().len() < wanted {
                actix_rt::time::sleep(std::time::Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(20), told).await.unwrap();
        assert_eq!(about(&receiver.events(), &rehearsed), vec![Some(json!(true)); wanted - 1]);
        assert_eq!(about(&receiver.events(), &sent), [None]);
    }
    place.running.stop().await;
}

#[actix_rt::test]
async fn a_simulated_provider_stands_beside_several_live_ones_and_its_references_are_told_apart() {
    let (live, simulated) = (simulators(|_| {}).await, simulators(|_| {}).await);
    let provider = |name: &str| {
        format!(
            "[[channels.sms.providers]]\nname = \"{name}\"\nprovider = \"ringring\"\n\
             base_url = \"http://{}/ringring\"\napi_key = \"sandbox-ringring-key\"\n",
            live.address()
        )
    };
    let several = provider("one") + &provider("two");
    let sandbox = format!(
        "[sandbox.channels.sms]\nbase_url = \"http://{}/ringring\"\napi_key = \"sandbox-ringring-key\"\n",
        simulated.address()
    );
    let place = Place::start(&(several + &sandbox)).await;
    let rehearsed: Value = place.submit(&place.test, &to(&Behaviour::Deliver.mobile(3))).await.json().await.unwrap();
    let reference = rehearsed["attempts"][0]["channel_reference"].as_str().unwrap();
    assert!(reference.starts_with("sandbox:"), "{rehearsed}");
    assert_eq!((count(&live).await, count(&simulated).await), (0, 1));
    place.running.stop().await;
}
