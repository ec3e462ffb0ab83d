//! The GovApp platform: who has receivers, notifications to one and to many, their events, posted and queried.

use estafette_loadtest::faults::ReceiptFaults;
use estafette_loadtest::sandbox::Behaviour;
use estafette_loadtest::{Settings, mobile, niss};
use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};

use crate::broker::Broker;
use crate::{Running, quick};

const BASE: &str = "/govapp/api/v1/pushNotifications/notifications";

fn all_reachable(broker: &Broker) -> Settings {
    let mut settings = quick();
    settings.govapp.reachable = 1.0;
    (settings.govapp.opened, settings.govapp.acted, settings.govapp.reaction_ms) = (1.0, 1.0, 0);
    settings.govapp.callback_url = Some(broker.url("/callbacks/govapp"));
    settings
}

async fn ask(request: RequestBuilder) -> (StatusCode, Value) {
    let response = request.bearer_auth("sandbox-govapp-token").send().await.expect("answered");
    (response.status(), response.json().await.expect("JSON"))
}

async fn receivers(running: &Running, query: &str) -> Vec<String> {
    let (status, found) = ask(running.client.get(running.url(&format!("{BASE}/receivers?{query}")))).await;
    assert_eq!(status, 200, "{found}");
    let receivers = found["receivers"].as_array().expect("a list");
    assert!(receivers.iter().all(|receiver| receiver["publicKey"].as_str().is_some_and(|key| key.len() == 344)));
    receivers.iter().map(|receiver| receiver["id"].as_str().expect("a text").to_owned()).collect()
}

fn content(correlation: &str) -> Value {
    json!({"publicTitle": {"fr": "Bonjour", "nl": "Dag"}, "privateBody": {"fr": "<b>texte</b>", "nl": "tekst"},
           "languages": ["fr", "nl"], "availableUntilDate": "2099-12-31", "messageCorrelationId": correlation})
}

async fn send(running: &Running, receiver: &str, body: &Value) -> (StatusCode, Value) {
    ask(running.client.post(running.url(&format!("{BASE}/receivers/{receiver}/notifications"))).json(body)).await
}

fn number(index: u64) -> String {
    format!("phoneNumber={}", &mobile::generate(index)[1..])
}

/// The next events, however they are spread over posts.
async fn events(broker: &mut Broker, count: usize) -> Vec<Value> {
    let mut events = Vec::new();
    while events.len() < count {
        let posted = broker.next().await;
        assert_eq!(posted.secret.as_deref(), Some("sandbox-callback-secret"));
        assert_eq!((posted.method.as_str(), posted.path.as_str()), ("POST", "/callbacks/govapp"));
        events.extend(posted.body.as_array().expect("always an array").clone());
    }
    events
}

#[actix_web::test]
async fn share_of_people_has_receivers_and_each_always_the_same_ones() {
    let mut settings = quick();
    settings.govapp.devices = 2;
    let running = Running::start(settings).await;
    let mut reachable = 0;
    for index in 0..200 {
        reachable += usize::from(receivers(&running, &number(index)).await.len() == 2);
    }
    assert!((90..150).contains(&reachable), "{reachable} of 200");
    let reserved = format!("ssin={}", Behaviour::Deliver.niss(1));
    let found = receivers(&running, &reserved).await;
    assert_eq!(found, receivers(&running, &reserved).await);
    assert_eq!(receivers(&running, &format!("{reserved}&limit=1&offset=1")).await, found[1..]);
    let none = format!("phoneNumber={}", &Behaviour::NotOnGovapp.mobile(1)[1..]);
    assert_eq!(receivers(&running, &none).await, [""; 0]);
}

#[actix_web::test]
async fn requests_without_a_known_token_or_with_wrong_queries_are_refused() {
    let running = Running::start(quick()).await;
    let url = running.url(&format!("{BASE}/receivers?{}", number(1)));
    let plain = running.client.get(&url).header("x-correlation-id", "c-1").send().await.expect("answered");
    assert_eq!(plain.status(), 401);
    assert_eq!(plain.headers()["x-correlation-id"], "c-1");
    let other = running.client.get(&url).bearer_auth("other").send().await.expect("answered");
    assert_eq!(other.status(), 401);
    for query in ["", "phoneNumber=abc", "ssin=99073003360", "phoneNumber=32470123456&ssin=85073003328"] {
        let (status, _) = ask(running.client.get(running.url(&format!("{BASE}/receivers?{query}")))).await;
        assert_eq!(status, 400, "{query}");
    }
}

#[actix_web::test]
async fn notification_is_recorded_and_its_events_are_posted_in_order() {
    let mut broker = Broker::start();
    let running = Running::start(all_reachable(&broker)).await;
    let receiver = &receivers(&running, &number(1)).await[0];
    let (status, created) = send(&running, receiver, &content("corr-1")).await;
    assert_eq!((status, &created["status"]), (StatusCode::CREATED, &json!("CREATED")));
    let events = events(&mut broker, 3).await;
    let types: Vec<&Value> = events.iter().map(|event| &event["type"]).collect();
    assert_eq!(types, ["RECEIVED", "OPENED", "ACTION_TAKEN"]);
    for event in &events {
        assert_eq!((&event["notificationId"], &event["messageCorrelationId"]), (&created["id"], &json!("corr-1")));
        assert_eq!(event["receiverId"], json!(receiver));
        assert_eq!(event["action"].is_null(), event["type"] != "ACTION_TAKEN");
    }
    let page = running.ledger("govapp", "corr-1").await;
    assert_eq!((page.total, page.entries.len()), (1, 1));
    assert_eq!(page.entries[0].recipient, mobile::generate(1));
}

#[actix_web::test]
async fn query_shows_the_same_events_and_filters() {
    let broker = Broker::start();
    let running = Running::start(all_reachable(&broker)).await;
    for index in 0..5 {
        let receiver = &receivers(&running, &number(index)).await[0];
        send(&running, receiver, &content(&format!("c{index}"))).await;
    }
    let silent = format!("phoneNumber={}", &Behaviour::NoReceipt.mobile(0)[1..]);
    send(&running, &receivers(&running, &silent).await[0], &content("silent")).await;
    let find = |query: &str| {
        let request = running.client.get(running.url(&format!("{BASE}?{query}")));
        async { ask(request).await.1 }
    };
    let one = find("messageCorrelationId=c3").await;
    assert_eq!(one["totalAmount"], 1);
    let shown = &one["notifications"][0];
    assert_eq!(
        (&shown["status"], &shown["availableUntilDate"]),
        (&json!("ACTION_TAKEN"), &json!("2099-12-31T23:59:59Z"))
    );
    let types: Vec<&Value> = shown["events"].as_array().expect("a list").iter().map(|event| &event["type"]).collect();
    assert_eq!(types, ["CREATED", "RECEIVED", "OPENED", "ACTION_TAKEN"]);
    for (query, total, listed) in [
        ("status=CREATED", 1, 1),
        ("status=ACTION_TAKEN&limit=2&offset=4", 5, 1),
        ("sentAfter=2020-01-01T00:00:00Z&sentBefore=2990-01-01T00:00:00Z", 6, 6),
        ("sentAfter=2990-01-01T00:00:00Z", 0, 0),
        ("messageCorrelationId=unknown", 0, 0),
    ] {
        let found = find(query).await;
        let count = found["notifications"].as_array().map(Vec::len);
        assert_eq!((&found["totalAmount"], count), (&json!(total), Some(listed)), "{query}");
    }
}

#[actix_web::test]
async fn events_of_many_receivers_come_in_few_posts() {
    let mut broker = Broker::start();
    let running = Running::start(all_reachable(&broker)).await;
    let mut ids = Vec::new();
    for index in 0..100 {
        ids.extend(receivers(&running, &number(index)).await);
    }
    let mut body = content("all");
    body["receivers"] = ids.iter().map(|id| json!({ "id": id })).collect();
    let (status, created) = ask(running.client.post(running.url(BASE)).json(&body)).await;
    assert_eq!((status, created["notifications"].as_array().map(Vec::len)), (StatusCode::CREATED, Some(100)));
    assert_eq!(events(&mut broker, 300).await.len(), 300);
    let page = running.ledger("govapp", "all").await;
    assert_eq!((page.total, page.duplicates), (100, 0));
    assert_eq!(running.get("/stats").await["govapp"]["calls"], 1);
    let posts = running.get("/stats").await["callbacks"]["posts"].as_u64().expect("a number");
    assert!(posts <= 60, "{posts} posts");
}

#[actix_web::test]
async fn each_of_many_receivers_has_its_own_correlation_id_and_its_own_error() {
    let mut broker = Broker::start();
    let mut settings = all_reachable(&broker);
    settings.govapp.opened = 0.0;
    let running = Running::start(settings).await;
    let refusing = format!("phoneNumber={}", &Behaviour::Reject.mobile(0)[1..]);
    let [mut one, mut two] = [receivers(&running, &number(1)).await, receivers(&running, &number(2)).await];
    let [one, two, refusing] = [one.remove(0), two.remove(0), receivers(&running, &refusing).await.remove(0)];
    let gone = "018f0000-0000-7000-8000-000000000000";
    let to = |id: &str, own: &str| json!({ "id": id, "messageCorrelationId": own });
    let many = |to: Value| {
        let mut body = content("call");
        body["receivers"] = to;
        ask(running.client.post(running.url(BASE)).json(&body))
    };
    let (status, told) = many(json!([to(&one, "a"), to(gone, "b"), to(&refusing, "c"), { "id": two }])).await;
    assert_eq!(status, 201, "{told}");
    let list = |name: &str, value: &str| -> Vec<(String, Value)> {
        let list = told[name].as_array().expect("a list").iter();
        list.map(|one| (one["receiverId"].as_str().expect("an id").to_owned(), one[value].clone())).collect()
    };
    let created = list("notifications", "id");
    assert_eq!(created.iter().map(|(to, _)| to).collect::<Vec<_>>(), [&one, &two]);
    assert_eq!(list("errors", "status"), [(gone.to_owned(), json!(404)), (refusing.clone(), json!(422))]);
    let mut events = events(&mut broker, 2).await;
    events.sort_by_key(|event| event["messageCorrelationId"].to_string());
    for (event, (own, (receiver, id))) in events.iter().zip(["a", "call"].iter().zip(&created)) {
        assert_eq!((&event["messageCorrelationId"], &event["notificationId"]), (&json!(own), id));
        assert_eq!(event["receiverId"], json!(receiver));
    }
    for (own, taken) in [("a", 1), ("b", 0), ("c", 0), ("call", 1)] {
        assert_eq!(running.ledger("govapp", own).await.entries.len(), taken, "{own}");
    }
    let (status, told) = many(json!([to(gone, "d")])).await;
    assert_eq!((status, &told["notifications"]), (StatusCode::CREATED, &json!([])));
    for wrong in [json!([]), json!([{ "id": "x" }]), json!(["018f0000-0000-7000-8000-000000000000"])] {
        assert_eq!(many(wrong.clone()).await.0, 400, "{wrong}");
    }
    assert_eq!(running.get("/stats").await["govapp"]["calls"], 1);
}

#[actix_web::test]
async fn wrong_notifications_are_refused_and_leave_no_entry() {
    let broker = Broker::start();
    let running = Running::start(all_reachable(&broker)).await;
    let receiver = receivers(&running, &number(1)).await.remove(0);
    let refusing = format!("phoneNumber={}", &Behaviour::Reject.mobile(0)[1..]);
    let refusing = receivers(&running, &refusing).await.remove(0);
    let with = |field: &str, value: Value| {
        let mut body = content("c");
        body[field] = value;
        body
    };
    for (expected, receiver, body) in [
        (400, &receiver, json!("text")),
        (400, &receiver, with("publicTitle", json!({"fr": ""}))),
        (400, &receiver, with("privateBody", Value::Null)),
        (400, &receiver, with("languages", json!(["es"]))),
        (400, &receiver, with("messageCorrelationId", json!(""))),
        (400, &receiver, with("availableUntilDate", json!("soon"))),
        (422, &receiver, with("availableUntilDate", json!("2020-01-01"))),
        (404, &"018f0000-0000-7000-8000-000000000000".to_owned(), content("c")),
        (404, &"x".to_owned(), content("c")),
        (422, &refusing, content("c")),
    ] {
        let (status, answer) = send(&running, receiver, &body).await;
        assert_eq!(status, expected, "{body} {answer}");
    }
    assert_eq!(running.get("/ledger/govapp/count").await["total"], 0);
}

#[actix_web::test]
async fn encrypted_text_for_a_citizen_with_a_niss_is_taken_as_it_is() {
    let broker = Broker::start();
    let running = Running::start(all_reachable(&broker)).await;
    let receiver = receivers(&running, &format!("ssin={}", niss::generate(3))).await.remove(0);
    let mut body = content("e2e");
    body["privateBody"] = json!("eyJhbGciOiJSU0EtT0FFUC0yNTYiLCJlbmMiOiJBMjU2R0NNIn0.a.b.c.d");
    assert_eq!(send(&running, &receiver, &body).await.0, 201);
    assert_eq!(running.ledger("govapp", "e2e").await.entries[0].recipient, niss::generate(3));
}

#[actix_web::test]
async fn double_early_and_strange_events_come_as_asked() {
    let mut broker = Broker::start();
    let mut settings = all_reachable(&broker);
    settings.govapp.opened = 0.0;
    settings.govapp.faults.receipts = ReceiptFaults {
        delay_min_ms: 0,
        delay_max_ms: 0,
        double: 1.0,
        early: 1.0,
        stranger: 1.0,
        ..ReceiptFaults::default()
    };
    let running = Running::start(settings).await;
    let receiver = receivers(&running, &number(1)).await.remove(0);
    assert_eq!(send(&running, &receiver, &content("mine")).await.0, 201);
    let early = broker.next_now().expect("before the response");
    // What is told at once may come in one post.
    let mut all = early.body.as_array().expect("always an array").clone();
    let left = 3 - all.len();
    all.extend(events(&mut broker, left).await);
    let mut told: Vec<&str> = all.iter().filter_map(|event| event["messageCorrelationId"].as_str()).collect();
    assert_eq!(told.remove(0), "mine");
    told.sort_unstable();
    assert_eq!(told[0], "mine");
    assert!(told[1].starts_with("stranger-"), "{told:?}");
}

#[actix_web::test]
async fn callback_address_can_be_set_while_it_runs() {
    let mut broker = Broker::start();
    let mut settings = all_reachable(&broker);
    settings.govapp.callback_url = None;
    let running = Running::start(settings).await;
    let receiver = receivers(&running, &number(1)).await.remove(0);
    assert_eq!(send(&running, &receiver, &content("untold")).await.0, 201);
    running.simulators.set_govapp_callback(Some(&broker.url("/one")), "s-1").expect("a URL");
    assert_eq!(send(&running, &receiver, &content("told")).await.0, 201);
    let posted = broker.next().await;
    assert_eq!((posted.path.as_str(), posted.secret.as_deref()), ("/one", Some("s-1")));
    assert_eq!(posted.body[0]["messageCorrelationId"], "told");
    let put = |body: Value| running.client.put(running.url("/govapp/callback")).json(&body).send();
    assert_eq!(put(json!({"url": "nowhere"})).await.expect("answered").status(), 400);
    assert_eq!(put(json!({"url": broker.url("/two"), "secret": "s-2"})).await.expect("answered").status(), 204);
    while broker.next_now().is_some() {}
    send(&running, &receiver, &content("again")).await;
    let mut posted = broker.next().await;
    while posted.path == "/one" {
        posted = broker.next().await;
    }
    assert_eq!((posted.path.as_str(), posted.secret.as_deref()), ("/two", Some("s-2")));
}
