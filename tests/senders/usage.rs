//! What was used and what it cost, and how many requests may be made, as a sender sees it.
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use estafette_loadtest::sandbox::Behaviour;
use reqwest::header::{ACCEPT, CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::place::{Place, channels, problem, simulators};
use estafette_actors::domain::submission::Institution;

const PRICES: &str = "[prices.sms]\nper_message = 0.01\nper_part = 0.045\n[prices.govapp]\nper_message = 0.001\n";

fn to(mobile: &str, strategy: &str, text: &str) -> Value {
    json!({"recipient": {"mobile": mobile}, "strategy": strategy, "content": {"text": {"fr": text, "nl": "Dag"}}})
}

fn header<'r>(response: &'r Response, name: &str) -> Option<&'r str> {
    response.headers().get(name).map(|value| value.to_str().unwrap())
}

/// The channels of the only month in the answer, asked for until they are as wanted: what was answered is durable, and
/// counted just after.
async fn used(place: &Place, wanted: impl Fn(&Value) -> bool) -> Value {
    let mut last = Value::Null;
    for _ in 0..400 {
        last = place.get("/v1/usage").await;
        if wanted(&last["months"][0]["channels"]) {
            return last;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never so: {last}");
}

#[actix_rt::test]
async fn what_a_channel_took_is_shown_with_its_parts_and_cost_also_after_a_restart_and_to_nobody_else() {
    let (live, simulated) = (simulators(|_| {}).await, simulators(|_| {}).await);
    let another = "[[institution]]\ncbe = \"0206731645\"\nname = \"Another\"\n";
    let tables = channels("channels", &live) + &channels("sandbox.channels", &simulated) + PRICES + another;
    let folder = Arc::new(TempDir::new().unwrap());
    let place = Place::start_in(Arc::clone(&folder), &tables).await;
    let none = place.get("/v1/usage").await;
    assert_eq!(none["months"][0]["channels"], json!([]), "{none}");

    // 71 units of UCS-2 are two parts; the second message is one.
    for text in [format!("ç{}", "a".repeat(70)), "Bonjour".to_owned()] {
        let sent: Value = place.submit(&place.live, &to("+32470123456", "sms-only", &text)).await.json().await.unwrap();
        assert_eq!(sent["attempts"][0]["status"], "sent", "{sent}");
    }
    // A rehearsal costs nothing.
    let reserved = Behaviour::Deliver.mobile(3);
    let rehearsed: Value = place.submit(&place.test, &to(&reserved, "sms-only", "Bonjour")).await.json().await.unwrap();
    assert_eq!(rehearsed["attempts"][0]["status"], "sent", "{rehearsed}");

    let cost = 2 * 10_000 + 3 * 45_000;
    let sms = json!([{"channel": "sms", "messages": 2, "parts": 3, "cost_micro_eur": cost, "cost": "0.155 EUR"}]);
    let seen = used(&place, |channels| *channels == sms).await;
    assert_eq!(seen["months"][0]["cost_micro_eur"], cost);
    let tariff = json!({"channel": "sms", "per_message_micro_eur": 10_000, "per_part_micro_eur": 45_000});
    assert!(seen["tariffs"].as_array().unwrap().contains(&tariff), "{seen}");

    let csv = place.ask(&place.live, Method::GET, "/v1/usage").header(ACCEPT, "text/csv").send().await.unwrap();
    assert_eq!(header(&csv, CONTENT_TYPE.as_str()), Some("text/csv; charset=utf-8; header=present"));
    let month = seen["months"][0]["month"].as_str().unwrap();
    let lines = format!("month,channel,messages,parts,cost_micro_eur,cost\r\n{month},sms,2,3,{cost},0.155 EUR\r\n");
    assert_eq!(csv.text().await.unwrap(), lines);

    let keys = &place.running.core.keys;
    let theirs = keys.create(Institution("0206731645".parse().unwrap()), "k", false, place.running.core.broker.now());
    let theirs = place.ask(&theirs.unwrap().1, Method::GET, "/v1/usage").send().await.unwrap();
    let theirs: Value = theirs.json().await.unwrap();
    assert_eq!(theirs["months"][0]["channels"], json!([]), "{theirs}");
    let test = place.ask(&place.test, Method::GET, "/v1/usage").send().await.unwrap();
    assert_eq!(problem(test).await, (403, "test-key".to_owned()));
    let long = place.ask(&place.live, Method::GET, "/v1/usage?from=2025-01&until=2026-06").send().await.unwrap();
    assert_eq!(problem(long).await, (400, "invalid-query".to_owned()));
    place.running.stop().await;

    // At other prices: what was sent before keeps its own.
    let dearer = tables.replace("per_part = 0.045", "per_part = 1.0");
    let place = Place::start_in(folder, &dearer).await;
    used(&place, |channels| *channels == sms).await;
    let sent = place.submit(&place.live, &to("+32470123456", "sms-only", "Bonjour")).await;
    assert_eq!(sent.status(), StatusCode::OK);
    used(&place, |channels| channels[0]["cost_micro_eur"] == cost + 1_010_000 && channels[0]["parts"] == 4).await;
    place.running.stop().await;
}

/// The first answer that is no refusal for too many requests.
async fn patiently(request: impl Fn() -> RequestBuilder) -> Response {
    for _ in 0..1_000 {
        let answer = request().send().await.unwrap();
        if answer.status() != StatusCode::TOO_MANY_REQUESTS {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("refused for ever");
}

#[actix_rt::test]
async fn recipients_of_a_broadcast_count_each_in_the_language_that_they_get() {
    let live = simulators(|_| {}).await;
    let place = Place::start(&(channels("channels", &live) + PRICES)).await;
    let text = json!({"fr": "ç".repeat(71), "nl": "Dag"});
    let broadcast = json!({"strategy": "sms-only", "content": {"text": text}});
    let created = place.ask(&place.live, Method::POST, "/v1/broadcasts").json(&broadcast).send().await.unwrap();
    let created: Value = created.json().await.unwrap();
    let path = format!("/v1/broadcasts/{}", created["id"].as_str().unwrap());
    let mut rows = "mobile,language\n".to_owned();
    for number in 0..30 {
        let language = if number < 20 { "nl" } else { "fr" };
        writeln!(rows, "+324701234{number:02},{language}").unwrap();
    }
    let upload = place.ask(&place.live, Method::PUT, &format!("{path}/recipients"));
    let upload = upload.header(CONTENT_TYPE, "text/csv").body(rows).send().await.unwrap();
    assert_eq!(upload.status(), StatusCode::OK);
    place.ask(&place.live, Method::POST, &format!("{path}/start")).send().await.unwrap();
    let cost = 30 * 10_000 + 40 * 45_000;
    let sms = json!([{"channel": "sms", "messages": 30, "parts": 40, "cost_micro_eur": cost, "cost": "2.10 EUR"}]);
    used(&place, |channels| *channels == sms).await;
    place.running.stop().await;
}

#[actix_rt::test]
async fn who_makes_too_many_requests_is_told_before_and_refused_with_when_to_come_again() {
    let live = simulators(|_| {}).await;
    let place =
        Place::start(&(channels("channels", &live) + "[http]\nrequests_per_second = 1\nrequests_burst = 4\n")).await;
    let body = to("+32470123456", "sms-only", "Bonjour");
    let (mut told, mut refused) = (Vec::new(), None);
    // One comes back each second: enough of them at once are too many, however slow this machine is.
    for _ in 0..200 {
        let answers = futures_util::future::join_all((0..8).map(|_| {
            place.ask(&place.live, Method::POST, "/v1/messages").header("Prefer", "respond-async").json(&body).send()
        }));
        for answer in answers.await.into_iter().map(Result::unwrap) {
            assert_eq!(header(&answer, "ratelimit-policy"), Some("\"institution\";q=4;w=4"));
            let left = header(&answer, "ratelimit").unwrap().to_owned();
            match answer.status() {
                StatusCode::ACCEPTED => told.push(left),
                _ => refused = Some((left, answer)),
            }
        }
        if refused.is_some() {
            break;
        }
    }
    let left = |r: u32, t: u32| format!("\"institution\";r={r};t={t}");
    assert!(told.contains(&left(3, 1)) && told.contains(&left(2, 2)), "{told:?}");
    let (none_left, refused) = refused.expect("more than a second's worth came at once");
    assert_eq!(none_left, left(0, 4));
    assert_eq!(header(&refused, RETRY_AFTER.as_str()), Some("1"));
    assert_eq!(problem(refused).await, (429, "rate-limited".to_owned()));

    // A wrong message counts too, and says how many are left.
    let wrong = patiently(|| place.ask(&place.live, Method::POST, "/v1/messages").json(&json!({}))).await;
    assert_eq!((wrong.status().as_u16(), wrong.headers().contains_key("ratelimit")), (422, true));
    let limits: Value = patiently(|| place.ask(&place.live, Method::GET, "/v1/limits")).await.json().await.unwrap();
    assert_eq!((&limits["requests_per_second"], &limits["requests_burst"]), (&json!(1), &json!(4)), "{limits}");
    place.running.stop().await;

    let place = Place::start(&channels("channels", &live)).await;
    let free = place.submit(&place.live, &body).await;
    assert!(!free.headers().contains_key("ratelimit"), "where there is no limit none is told");
    assert_eq!(place.get("/v1/limits").await["requests_per_second"], Value::Null);
    place.running.stop().await;
}

#[actix_rt::test]
async fn a_dry_run_tells_what_it_costs_in_each_language_and_when_it_ends() {
    let live = simulators(|_| {}).await;
    let place = Place::start(&(channels("channels", &live) + PRICES)).await;
    let mut body = to("+32470123456", "govapp-first", &format!("ç{}ç", "a".repeat(70)));
    body["valid_until"] = json!(place.running.core.broker.now().plus(Duration::from_secs(7_200)).to_string());
    let check = async |body: &Value| -> Value {
        place.ask(&place.live, Method::POST, "/v1/check").json(body).send().await.unwrap().json().await.unwrap()
    };
    let told = check(&body).await;
    let cedilla = json!([{"character": "ç", "code": "U+00E7", "times": 2, "place": 1}]);
    assert_eq!((&told["sms"]["forces_ucs2"], &told["sms"]["forces_ucs2_more"]), (&cedilla, &json!(0)), "{told}");
    let languages = json!([
        {"language": "fr", "chosen": true, "alphabet": "ucs2", "units": 72, "parts": 2},
        {"language": "nl", "chosen": false, "alphabet": "gsm", "units": 3, "parts": 1},
    ]);
    assert_eq!(told["languages"], languages);
    let price = json!({"least_micro_eur": 1_000, "most_micro_eur": 101_000, "least": "0.001 EUR", "most": "0.101 EUR"});
    assert_eq!(told["price"], price);
    // An SMS waits a day for its receipt, also past the validity.
    let moment = |told: &Value, name: &str| -> estafette_actors::domain::time::Timestamp {
        estafette_actors::domain::time::Timestamp::parse(told["end"][name].as_str().unwrap()).unwrap()
    };
    let day = Duration::from_secs(24 * 3_600);
    assert_eq!(moment(&told, "settled_by").since(moment(&told, "starts_at")), day);
    assert!(moment(&told, "settled_by") > moment(&told, "valid_until"));
    assert_eq!(told["steps"][0]["wait_s"], 0);

    // What waits at a paused channel, and for how long, nobody can tell.
    place.running.core.broker.steer("sms".parse().unwrap(), estafette_actors::messages::Steer::Pause).unwrap();
    body["language"] = json!("nl");
    let told = check(&body).await;
    assert_eq!(
        (&told["language"], &told["sms"]["parts"], &told["price"]["most_micro_eur"]),
        (&json!("nl"), &json!(1), &json!(56_000))
    );
    assert_eq!(told["steps"][1]["wait_s"], Value::Null);
    assert!(told["warnings"][0].as_str().unwrap().contains("paused"), "{told}");
    assert_eq!(moment(&told, "settled_by").since(moment(&told, "valid_until")), day);
    place.running.stop().await;
}
