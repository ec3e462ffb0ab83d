//! Files of mutations, fetched and confirmed in order; subscriptions; what the network tells.
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use estafette_actors::ports::register::Deed;
use reqwest::Method;
use serde_json::{Value, json};

use crate::api::{OTHERS, problem};
use crate::desk::{Desk, ION, JAN, UNKNOWN, refusal};

async fn with_files(count: i64) -> Desk {
    let desk = Desk::open().await;
    desk.inscribe(JAN, "2020-01-01", None).await;
    let subscribed = desk.ask(Method::PUT, "/v1/register/subscriptions/dimona").json(&json!({"types": ["pensioner"]}));
    assert_eq!(subscribed.send().await.unwrap().status(), 200);
    for day in 0..count {
        let on = jiff::civil::date(2026, 1, 1).checked_add(jiff::Span::new().days(day)).unwrap();
        let lines = format!(
            "{}\n{}\n",
            json!({"niss": JAN, "on": on, "kind": "DIMONA", "says": {"what": "in"}}),
            json!({"niss": ION, "on": on, "kind": "DIMONA"}),
        );
        let told: Value =
            desk.upload("/v1/register/events", "application/x-ndjson", &lines).await.json().await.unwrap();
        assert_eq!((&told["accepted"], &told["told"], &told["nobodys"]), (&json!(2), &json!(1), &json!(1)), "{told}");
        desk.store.end_day().await;
    }
    desk
}

#[actix_rt::test]
async fn a_file_is_fetched_exactly_with_its_digest_and_as_json() {
    let desk = with_files(1).await;
    let xml =
        desk.ask(Method::GET, "/v1/register/mutations/1").header("Accept", "application/xml").send().await.unwrap();
    assert_eq!(xml.headers()["content-type"], "application/xml");
    let digest = xml.headers()["content-digest"].to_str().unwrap().to_owned();
    let file = xml.bytes().await.unwrap();
    let sum = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &file);
    assert_eq!(digest, format!("sha-256=:{}:", STANDARD.encode(sum.as_ref())));
    let told = desk.get("/v1/register/mutations/1").await;
    let hex = sum.as_ref().iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
    assert_eq!((&told["voucher"]["sha256"], told["voucher"]["bytes"].as_u64()), (&json!(hex), Some(file.len() as u64)));
    let one = &told["mutations"][0];
    assert_eq!(
        (&one["niss"], &one["on"], &one["what"], &one["kind"], &one["says"]),
        (&json!(JAN), &json!("2026-01-01"), &json!("event"), &json!("DIMONA"), &json!({"what": "in"}))
    );
    assert_eq!(desk.store.last().await.deed, Deed::Fetch);
    let voucher = desk.get("/v1/register/mutations/1/voucher").await;
    assert_eq!((&voucher["count"], &voucher["confirmed_at"]), (&json!(1), &Value::Null));
    for path in [
        "/v1/register/mutations/2",
        "/v1/register/mutations/0",
        "/v1/register/mutations/x",
        "/v1/register/mutations/2/voucher",
    ] {
        assert_eq!(
            problem(desk.ask(Method::GET, path).send().await.unwrap()).await,
            (404, "not-found".to_owned()),
            "{path}"
        );
    }
    let others = desk.ask_as(OTHERS, Method::GET, "/v1/register/mutations/1").send().await.unwrap();
    assert_eq!(problem(others).await.0, 404, "a file is its institution's");
    let accept = desk.ask(Method::GET, "/v1/register/mutations/1").header("Accept", "text/csv").send().await.unwrap();
    assert_eq!(problem(accept).await.0, 406);
    let without = desk.face.ask(Method::GET, "/v1/register/mutations/1").send().await.unwrap();
    assert_eq!(problem(without).await.1, "legal-context");
}

#[actix_rt::test]
async fn who_has_a_person_under_the_number_that_counts_is_told_of_the_ones_before_it() {
    let desk = Desk::open().await;
    let person = |niss: &str, by: Option<&str>| json!({"niss": niss, "surname": "Popescu", "birth_date": "1985-07-30", "replaced_by": by});
    let put = async |person: Value| {
        let answer = desk.put("/v1/register/persons", "application/x-ndjson", &format!("{person}\n")).await;
        assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
    };
    desk.ask(Method::PUT, "/v1/register/subscriptions/DIMONA").json(&json!({})).send().await.unwrap();
    put(person(UNKNOWN, None)).await;
    put(person(ION, None)).await;
    desk.inscribe(UNKNOWN, "2026-01-01", None).await;
    // The row goes from the first number to the second, and on.
    put(person(UNKNOWN, Some(ION))).await;
    put(person(ION, Some(JAN))).await;
    let event = format!("{}\n", json!({"niss": UNKNOWN, "on": "2026-01-02", "kind": "DIMONA"}));
    let told: Value = desk.upload("/v1/register/events", "application/x-ndjson", &event).await.json().await.unwrap();
    assert_eq!((&told["told"], &told["nobodys"]), (&json!(1), &json!(0)), "{told}");
    put(person(UNKNOWN, None)).await;
    desk.store.end_day().await;
    let file = desk.get("/v1/register/mutations/1").await;
    let told: Vec<_> = file["mutations"].as_array().unwrap().iter().map(|one| (&one["what"], &one["niss"])).collect();
    let expected = [("replaced", UNKNOWN), ("replaced", ION), ("event", JAN), ("restored", UNKNOWN)];
    assert_eq!(json!(told), json!(expected), "{file}");
    assert_eq!(file["mutations"][3]["from"], ION);
}

#[actix_rt::test]
async fn files_are_confirmed_in_their_order_and_one_that_is_confirmed_stays_so() {
    let desk = with_files(3).await;
    let confirm = |number: &str| desk.ask(Method::POST, &format!("/v1/register/mutations/{number}/confirm")).send();
    let (status, slug, _, body) = refusal(confirm("2").await.unwrap()).await;
    assert_eq!((status, &*slug, &body["next"]), (409, "out-of-order", &json!(1)));
    for number in ["1", "2"] {
        let confirmed: Value = confirm(number).await.unwrap().json().await.unwrap();
        assert!(!confirmed["confirmed_at"].is_null());
    }
    assert_eq!(confirm("1").await.unwrap().status(), 200, "told twice it is done once");
    for number in ["4", "0", "x"] {
        let (status, _, _, body) = refusal(confirm(number).await.unwrap()).await;
        assert_eq!((status, &body["next"]), (409, &json!(3)), "{number}");
    }
    confirm("3").await.unwrap();
    let (status, _, _, body) = refusal(confirm("4").await.unwrap()).await;
    assert_eq!((status, body.get("next")), (409, None));
}

#[actix_rt::test]
async fn vouchers_are_listed_page_by_page_without_a_gap() {
    let desk = with_files(5).await;
    let mut path = "/v1/register/mutations?limit=2".to_owned();
    let mut seen = vec![];
    loop {
        let answer = desk.ask(Method::GET, &path).send().await.unwrap();
        let link = answer.headers().get("link").map(|link| link.to_str().unwrap().to_owned());
        let page: Value = answer.json().await.unwrap();
        seen.extend(page["vouchers"].as_array().unwrap().iter().map(|one| one["sequence"].as_u64().unwrap()));
        assert_eq!(link.is_none(), page["next"].is_null());
        let Some(link) = link else { break };
        path = link.split(['<', '>']).nth(1).unwrap().to_owned();
    }
    assert_eq!(seen, [1, 2, 3, 4, 5]);
    for query in ["after=-1", "after=x", "limit=0", "limit=1001", "other=1"] {
        let answer = desk.ask(Method::GET, &format!("/v1/register/mutations?{query}")).send().await.unwrap();
        assert_eq!(problem(answer).await, (400, "invalid-query".to_owned()), "{query}");
    }
}

#[actix_rt::test]
async fn a_subscription_names_types_that_there_are_and_ends_when_it_is_told() {
    let desk = Desk::open().await;
    let put = |body: Value| desk.ask(Method::PUT, "/v1/register/subscriptions/DIMONA").json(&body).send();
    let (_, _, places, _) =
        refusal(put(json!({"types": ["PENSIONER", "pensioner", "WORKER", 1, "é"]})).await.unwrap()).await;
    assert_eq!(places, ["/types/1", "/types/2", "/types/3", "/types/4"]);
    assert_eq!(put(json!({})).await.unwrap().status(), 200);
    assert_eq!(
        desk.get("/v1/register/subscriptions").await,
        json!({"subscriptions": [{"kind": "DIMONA", "types": []}]})
    );
    assert_eq!(desk.get("/v1/register/subscriptions/dimona").await["kind"], "DIMONA");
    let end = || desk.ask(Method::DELETE, "/v1/register/subscriptions/DIMONA").send();
    assert_eq!(end().await.unwrap().status(), 204);
    assert_eq!(problem(end().await.unwrap()).await, (404, "not-found".to_owned()));
    assert_eq!(problem(desk.ask(Method::GET, "/v1/register/subscriptions/DIMONA").send().await.unwrap()).await.0, 404);
}

#[actix_rt::test]
async fn events_are_the_operators_to_tell_and_bad_ones_are_named_by_line() {
    let desk = Desk::open().await;
    let others =
        desk.ask_as(OTHERS, Method::POST, "/v1/register/events").header("Content-Type", "application/x-ndjson");
    assert_eq!(problem(others.send().await.unwrap()).await, (403, "operator-only".to_owned()));
    let many: serde_json::Map<String, Value> = (0..33).map(|n| (format!("f{n}"), json!("x"))).collect();
    let lines = [
        json!({"niss": JAN, "on": "2026-01-01", "kind": "DIMONA"}),
        json!({"niss": "1", "on": "2026-01-01", "kind": "DIMONA"}),
        json!({"niss": JAN, "on": "9999-01-01", "kind": "DIMONA"}),
        json!({"niss": JAN, "kind": "DIMONA"}),
        json!({"niss": JAN, "on": "2026-01-01"}),
        json!({"niss": JAN, "on": "2026-01-01", "kind": "DIMONA", "says": many}),
        json!({"niss": JAN, "on": "2026-01-01", "kind": "DIMONA", "says": {"a b": "x"}}),
        json!({"niss": JAN, "on": "2026-01-01", "kind": "DIMONA", "says": {"what": "x".repeat(257)}}),
        json!([]),
    ];
    let body = lines.each_ref().map(|line| format!("{line}\n")).concat();
    let told: Value =
        desk.upload("/v1/register/events?on_error=keep", "application/x-ndjson", &body).await.json().await.unwrap();
    let errors: Vec<_> = told["errors"].as_array().unwrap().iter().map(|one| one["column"].as_str().unwrap()).collect();
    assert_eq!(
        (&told["accepted"], errors),
        (&json!(1), vec!["niss", "on", "on", "kind", "says", "says", "says/what", ""])
    );
    let csv = desk.upload("/v1/register/events", "text/csv", "niss\n").await;
    assert_eq!(problem(csv).await.0, 415);
}
